"""What the layers of a TensorFlow Lite model are called: by the tensors that they make.

The converter names a tensor by all operations of the source that were fused into the one which makes it, the
last one first: ``model/conv/Relu;model/conv/BiasAdd;model/conv/Conv2D``. Of that the layer is called
``model/conv``: the first part without the name of the operation in it. What stands before the last slash are
the modules around it.
"""

from __future__ import annotations

import re
from typing import Final

_WRAPPER: Final = re.compile(r"^(Stateful)?PartitionedCall(_\d+)?/")
"""A function that TensorFlow saves every model in."""

_USELESS: Final = re.compile(
    r"|Identity(_\d+)?|(Stateful)?PartitionedCall(_\d+)?|(tfl|arith)\.\w+|output_?\d*", re.I
)
"""Names that the converter gives to any tensor."""

_NUMBER: Final = re.compile(r":\d+$")
"""Which output of an operation a tensor is."""

_OPERATION: Final = re.compile(r"/[A-Z][A-Za-z0-9]*(_\d+)?$")
"""The name of an operation of TensorFlow, behind that of its layer."""

DEEPEST: Final = 64
"""Slashes in a name; one with more is no path of modules."""


def layer_name(tensor: str, op: str) -> str:
    """Return what the layer is called that makes a tensor, or failing that by its operation.

    >>> layer_name("model/conv/Relu;model/conv/BiasAdd;model/conv/Conv2D", "CONV_2D")
    'model/conv'
    >>> layer_name("StatefulPartitionedCall:0", "LOGISTIC"), layer_name("add_1", "ADD")
    ('logistic', 'add_1')
    """
    for part in tensor.split(";"):
        name = part
        while found := _WRAPPER.match(name):
            name = name[found.end() :]
        name = _NUMBER.sub("", name) if ":" in name else name
        if not _USELESS.fullmatch(name):
            return _OPERATION.sub("", name) or name if "/" in name else name
    return op.lower()


def modules_around(name: str) -> tuple[str, ...]:
    """Return the modules around a layer, the outermost first.

    >>> modules_around("model/block/conv")
    ('model', 'block')
    """
    path = tuple(filter(None, name.split("/")[:-1]))
    return path if len(path) < DEEPEST else ()

"""Load a model of any format: from what holds it to its graph."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers import formats
from rfcalc.readers.documents import read_document
from rfcalc.readers.formats import refuse_parameters, refuse_runtime
from rfcalc.readers.input_shapes import check_heeded
from rfcalc.readers.options import Options
from rfcalc.readers.signatures import RFCALC
from rfcalc.readers.spelled import got, listed

_FACTORY: Final = r"(?a)[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"

_ANY_NAME: Final = (
    r"(?i)|main(_graph)?|(onnx_?)?graph|torch[-_]jit([-_]export)?|tf2onnx|tf_?(graph|model)|Model from .*"
    r"|\w+_Frontend_IR|(model|functional|sequential)_?\d*"
)
"""Names that exporters and frameworks give to any model."""


def load(
    model: Any,
    *,
    parameters: Mapping[str, Num] | None = None,
    shapes: Mapping[str, Sequence[Num]] | None = None,
    format: str | None = None,
    options: Options | None = None,
) -> LayerGraph:
    """Read a model in whatever format it is.

    Parameters
    ----------
    model : str, path, file, bytes, mapping, Document or LayerGraph
        A path, ``"-"`` for standard input, an open file, the contents of one, a parsed document, what was
        read of a model, or a graph that was loaded before; ``package.module:factory`` imports and runs the
        code of that name.
    parameters : mapping of str to Num, optional
        Values for the parameters of a model in rfcalc's own format.
    shapes : mapping of str to sequence of Num, optional
        Extents of inputs by name (``""``: the first), which replace the file's own.
    format : str, optional
        The name of one of `rfcalc.readers.formats.FORMATS`; by default its contents say.
    options : Options, optional
        All of this and what else the user says of the model.

    Returns
    -------
    LayerGraph
        The model's layers.

    Raises
    ------
    ReadError
        The model cannot be read, with its name and what to do.
    GraphError
        The layers do not form a graph.
    UsageError
        A format, a parameter or an input that does not exist.

    Examples
    --------
    >>> load({"rfcalc": 1, "input": [28, 28, 1], "layers": ["flatten"]})
    <LayerGraph 'model': 2 layers>
    """
    known = {each.name: each for each in formats.FORMATS}
    if format is not None and format not in known:
        raise UsageError(f"there is no format {got(format)}; rfcalc reads {listed(known, 'and')}")
    wanted = options or Options(parameters, shapes)
    if isinstance(model, LayerGraph):
        if wanted.parameters or wanted.shapes or wanted.runtime:
            raise UsageError(
                "a loaded graph has its parameters, shapes and runtime already; load the file with others"
            )
        return model
    if isinstance(model, str) and names_code(model):
        return _named_code(model, wanted)
    if not isinstance(model, (str, bytes)):
        from rfcalc.readers.made import is_keras, read_keras_model

        if is_keras(model):
            refuse_runtime(wanted, "a Keras model")
            return read_keras_model(model, wanted)
    document = read_document(model, format=format)
    wanted = wanted._replace(directory=document.directory, memory=document.memory)
    try:
        graph = known[document.format].graph(document.content, document.source, wanted)
        if not wanted.only:  # else the graph need not have all of the model's inputs
            check_heeded(graph.inputs, wanted)
        return graph.called(called(document.format, graph.name, document.source))
    except RfcalcError as error:
        error.source = error.source or document.source
        raise
    except RecursionError:
        raise ReadError("is nested too deeply to be a model", source=document.source) from None


def called(format: str, name: str, source: str) -> str:
    """Return what a model is called: as it says itself, or by its file.

    >>> called("rfcalc", "graph", "net.json"), called("onnx", "graph", "net.onnx")
    ('graph', 'net')
    """
    # of a native model that is what its writer calls it
    return name if format == RFCALC and name != "model" else name_of(name, source)


def name_of(name: str, source: str) -> str:
    """Return what a model is called: by its file, where its name is one that exporters give to any.

    >>> name_of("main_graph", "zoo/yolov8n.onnx"), name_of("resnet50", "a.onnx"), name_of("model", "<dict>")
    ('yolov8n', 'resnet50', 'model')
    """
    if source.startswith("<") or not re.fullmatch(_ANY_NAME, name):
        return name
    file = source.replace("\\", "/").rpartition("/")[2]
    return file.rpartition(".")[0] or file or name


def names_code(model: str) -> bool:
    """Tell whether a text is ``package.module:factory``, or an architecture of a library, and no file."""
    import os

    if ":" not in model or os.path.lexists(model):
        return False
    from rfcalc.readers.torch.hubs import is_of_hub

    return bool(re.fullmatch(_FACTORY, model)) or is_of_hub(model)


def architectures(pattern: str) -> list[tuple[str, bytes]] | None:
    """List the architectures of a library that a text names, as ``timm:resnet*``; None where it names a file.

    Each comes with what tells whether it is still the same.
    """
    import os

    if ":" not in pattern or os.path.lexists(pattern):
        return None
    from rfcalc.readers.torch.hubs import architectures as named
    from rfcalc.readers.torch.hubs import is_of_hub

    return named(pattern) if is_of_hub(pattern) else None


def _named_code(name: str, options: Options) -> LayerGraph:
    refuse_parameters(options, "a PyTorch model")
    from rfcalc.readers.made import read_made
    from rfcalc.readers.torch import need_torch
    from rfcalc.readers.torch.hubs import is_of_hub

    made = None if is_of_hub(name) else read_made(name, options)
    if made is not None:
        refuse_runtime(options, "a model of Keras or JAX")
        return made
    refuse_runtime(options, "a PyTorch model", "torch")
    need_torch(name)
    from rfcalc.readers.torch.factory import read_factory

    return read_factory(name, options)

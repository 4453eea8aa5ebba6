"""What a user asks for beside the model itself, for formats whose shapes are computed while they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.errors import UsageError
from rfcalc.records import NamedTuple

RUNTIMES: Final = ("onnxruntime", "openvino", "tflite", "torch")
"""The runtimes that a model can be read for."""


class Options(NamedTuple):
    """How a model is to be read.

    Parameters
    ----------
    parameters : mapping of str to Num, optional
        Values for the parameters of a model in rfcalc's own format.
    shapes : mapping of str to sequence of (Num or None), optional
        Extents of inputs by name (``""``: the one there is); None leaves one open.
    dims : mapping of str to int, optional
        Values for open extents by their name in the file, or for spatial axes of the chosen input by letter.
    input : str, optional
        The chosen input.
    layout : mapping of str to str, optional
        What the axes of inputs are, by name (``""``: the one there is), such as ``NHWC``.
    on_unknown : str
        What operations that nobody knows are taken for.
    runtime : str, optional
        The runtime that is followed where runtimes part, one of `RUNTIMES`.
    directory : str, optional
        The one that the model's file is in, where it comes from a file.
    memory : dict, optional
        What readers remember of the model, where it is read more than once.
    only : str
        The one tensor that is wanted: a reader may leave out what it does not depend on.
    """

    parameters: Mapping[str, Num] | None = None
    shapes: Mapping[str, Sequence[Num]] | None = None
    dims: Mapping[str, int] | None = None
    input: str | None = None
    layout: Mapping[str, str] | None = None
    on_unknown: str = "report"
    runtime: str | None = None
    directory: str | None = None
    memory: dict[Any, Any] | None = None
    only: str = ""


def checked(runtime: str | None) -> str | None:
    """Return the name of a runtime that is known.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    if runtime is not None and runtime not in RUNTIMES:
        raise UsageError(f"there is no runtime {runtime!r}; rfcalc knows {', '.join(RUNTIMES)}")
    return runtime

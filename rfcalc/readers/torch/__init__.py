"""PyTorch modules and exported programs."""

from __future__ import annotations

import os

from rfcalc.errors import ReadError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.options import Options


def read_saved(data: str | os.PathLike[str] | bytes, *, source: str, options: Options) -> LayerGraph:
    """Read a saved program (``.pt2``).

    Parameters
    ----------
    data : path or bytes
        The archive.
    source : str
        Its name, for messages.
    options : Options
        Shapes, extents and layouts that the user gives.

    Returns
    -------
    LayerGraph
        A layer for each call that computes something from an input.

    Raises
    ------
    ReadError
        It is damaged, or holds no program.
    UsageError
        An input or extent that the program does not have, or a size that it was not exported for.
    """
    from rfcalc.readers.torch.graph import read_program
    from rfcalc.readers.torch.saved import Saved

    return read_program(Saved(data), source=source, options=options)


def need_torch(source: str | None = None) -> None:
    """Refuse to go on without PyTorch.

    Raises
    ------
    ReadError
        It is not installed.
    """
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise ReadError("reading PyTorch models needs torch: pip install 'rfcalc[torch]'", source=source)

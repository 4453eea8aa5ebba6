"""Modules that the user names as ``package.module:factory``; this imports and runs the user's code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rfcalc.algebra.number import Num, is_known
from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.named import beside_here, found, missing_arguments, spelled
from rfcalc.readers.options import Options
from rfcalc.readers.torch.arguments import Example, example_of
from rfcalc.readers.torch.capture import read_module
from rfcalc.readers.torch.hub_files import offline
from rfcalc.readers.torch.hubs import Built, is_of_hub, of_hub
from rfcalc.readers.torch.weightless import built

BATCH, EXTENT = 2, 224
"""Extents of the example where the user leaves them open."""


def read_factory(name: str, options: Options) -> LayerGraph:
    """Import what the user named, build the module, and read it.

    Parameters
    ----------
    name : str
        ``package.module:factory``: a module, or a class or function without arguments that makes one, alone
        or with what it is called with; or ``timm:resnet50``, an architecture of a library.
    options : Options
        The shapes of its inputs above all.

    Raises
    ------
    ReadError
        There is no such thing, it cannot be built, or it is no module of PyTorch's.
    UsageError
        The shape of an input is missing.
    """
    try:
        with offline() if is_of_hub(name) else beside_here():
            asked = of_hub(name) if is_of_hub(name) else _built(found(name))
            example, open_axes = _called(asked, options.shapes or {}, of_hub=is_of_hub(name))
            settled = options._replace(shapes=None)
            graph = read_module(asked.module, example, open_axes or None, options=settled, source=name)
            return graph.called(asked.title) if asked.title else graph
    except RfcalcError as error:
        error.source = error.source or name
        raise


def build_module(name: str) -> Any:
    """Build the module that the user named, with values for its weights and buffers."""
    if is_of_hub(name):
        return of_hub(name, meta=False).module
    with beside_here():
        return _built(found(name), meta=False).module


def _built(named: Any, *, meta: bool = True) -> Built:
    """Return the module: itself, or what the factory makes, without memory for weights where that works."""
    import torch

    if isinstance(named, torch.nn.Module):
        return Built(named, None)
    if not callable(named):
        kind = type(named).__name__
        raise ReadError(f"is of type {kind}: neither a torch.nn.Module nor something that makes one")
    missing = missing_arguments(named)
    if missing:
        listed = ", ".join(missing)
        raise ReadError(f"needs arguments ({listed}); name a function that takes none and returns the module")
    try:
        made = built(named, weights=not meta)
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise ReadError(f"building the model failed: {spelled(error)}") from error
    module, example = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(module, torch.nn.Module):
        raise ReadError(f"makes something of type {type(made).__name__}, not a torch.nn.Module")
    return Built(module, example)


# ---- shapes ------------------------------------------------------------------------------------------------


def _called(
    asked: Built, shapes: Mapping[str, Sequence[Num]], *, of_hub: bool
) -> tuple[Example, dict[str, dict[int, Any]]]:
    """Return what the module is called with, and its open axes.

    Raises
    ------
    UsageError
        Nobody says what that is, or it has no input of that name.
    """
    example = None if asked.example is None else example_of(asked.module, asked.example)
    if not shapes:
        if example is None:
            why = "its library says no input size" if of_hub else "say what the module is called with"
            raise UsageError(f"{why}: --input-shape 1,3,224,224")
        return example, {}
    sizes = {name: _example(shape) for name, shape in shapes.items()}
    if example is None:
        example = example_of(asked.module, [sizes[""]] if set(sizes) == {""} else sizes)
    if set(sizes) == {""} and len(example.names) == 1:
        (name,) = example.names
        sizes, shapes = {name: sizes[""]}, {name: shapes[""]}
    for name in sizes:
        if name not in example.names:
            has = ", ".join(example.names)
            named = repr(name) if name else "one without a name"
            raise UsageError(f"--input-shape: the module is called with {has}, not with {named}")
    return example.at(sizes), {name: axes for name, shape in shapes.items() if (axes := _open(shape))}


def _example(shape: Sequence[Num]) -> tuple[int, ...]:
    return tuple(
        int(extent) if is_known(extent) else EXTENT if axis else BATCH for axis, extent in enumerate(shape)
    )


def _open(shape: Sequence[Num]) -> dict[int, Any]:
    """Return the axes that the user leaves open."""
    import torch

    return {axis: torch.export.Dim.DYNAMIC for axis, extent in enumerate(shape) if not is_known(extent)}

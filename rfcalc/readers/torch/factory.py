"""Modules that the user names as ``package.module:factory``; this imports and runs the user's code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from rfcalc.algebra.number import Num, is_known
from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.options import Options
from rfcalc.readers.torch.capture import argument_names, read_module
from rfcalc.readers.torch.hubs import is_of_hub, of_hub
from rfcalc.readers.values import closest

BATCH, EXTENT = 2, 224
"""Extents of the example where the user leaves them open."""


def read_factory(name: str, options: Options) -> LayerGraph:
    """Import what the user named, build the module, and read it.

    Parameters
    ----------
    name : str
        ``package.module:factory``: a class, a function without arguments, or a module; or ``timm:resnet50``,
        an architecture of a library.
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
        with _beside_here():
            built = of_hub(name) if is_of_hub(name) else None
            shapes = options.shapes or ({"": built.shape} if built is not None and built.shape else {})
            if not shapes:
                why = (
                    "say what the module is called with"
                    if built is None
                    else "its library says no input size"
                )
                raise UsageError(f"{why}: --input-shape 1,3,224,224")
            module = _built(_found(name), name) if built is None else built.module
            given = _ordered(module, shapes)
            examples = [_example(shape) for _, shape in given]
            open_axes = {each: _open(shape) for each, shape in given if _open(shape)}
            settled = options._replace(shapes=None)
            graph = read_module(module, examples, open_axes or None, options=settled, source=name)
            return graph if built is None else graph.called(name.partition(":")[2])
    except RfcalcError as error:
        error.source = error.source or name
        raise


def build_module(name: str) -> Any:
    """Build the module that the user named, with values for its weights and buffers."""
    if is_of_hub(name):
        return of_hub(name, meta=False).module
    with _beside_here():
        return _built(_found(name), name, meta=False)


@contextmanager
def _beside_here() -> Iterator[None]:
    """Let modules in the working directory be found, as `python -m` does."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)


def _found(name: str) -> Any:
    where, _, what = name.partition(":")
    try:
        found: Any = importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name and (where == error.name or where.startswith(f"{error.name}.")):
            raise ReadError(
                f"there is no module {error.name!r} here or among the installed packages"
            ) from None
        raise ReadError(f"importing {where!r} failed: {error}") from error
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise ReadError(f"importing {where!r} failed: {_spelled(error)}") from error
    for part in what.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ReadError(f"{where!r} has no {part!r}{closest(part, dir(found))}") from None
        except (Exception, SystemExit) as error:  # a module or a class may compute its attributes
            raise ReadError(f"asking {where!r} for {part!r} failed: {_spelled(error)}") from error
    return found


def _built(found: Any, name: str, *, meta: bool = True) -> Any:
    """Return the module: itself, or what the factory makes, without memory for weights where that works."""
    import torch

    if isinstance(found, torch.nn.Module):
        return found
    if not callable(found):
        kind = type(found).__name__
        raise ReadError(f"is of type {kind}: neither a torch.nn.Module nor something that makes one")
    missing = _required(found)
    if missing:
        named = ", ".join(missing)
        raise ReadError(f"needs arguments ({named}); name a function that takes none and returns the module")
    try:
        with torch.device("meta") if meta else nullcontext():
            made = found()
    except (Exception, SystemExit):  # some modules compute with their weights while they are built
        try:
            made = found()
        except (Exception, SystemExit) as error:
            raise ReadError(f"building the module failed: {_spelled(error)}") from error
    if not isinstance(made, torch.nn.Module):
        raise ReadError(f"makes something of type {type(made).__name__}, not a torch.nn.Module")
    return made


def _required(found: Any) -> list[str]:
    import inspect

    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        each.name
        for each in parameters
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]


def _spelled(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


# ---- shapes ------------------------------------------------------------------------------------------------


def _ordered(module: Any, shapes: Mapping[str, Sequence[Num]]) -> list[tuple[str, Sequence[Num]]]:
    """Return names and shapes in the order of the module's arguments."""
    if set(shapes) == {""}:
        return [(argument_names(module, 1)[0], shapes[""])]
    names = argument_names(module, len(shapes))
    for name in shapes:
        if name not in names:
            has = ", ".join(names)
            raise UsageError(f"--input-shape: the first arguments of the module are {has}, not {name!r}")
    return [(name, shapes[name]) for name in names]


def _example(shape: Sequence[Num]) -> tuple[int, ...]:
    return tuple(
        int(extent) if is_known(extent) else EXTENT if axis else BATCH for axis, extent in enumerate(shape)
    )


def _open(shape: Sequence[Num]) -> dict[int, Any]:
    """Return the axes that the user leaves open."""
    import torch

    return {axis: torch.export.Dim.DYNAMIC for axis, extent in enumerate(shape) if not is_known(extent)}

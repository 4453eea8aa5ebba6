"""Code that the user names as ``package.module:factory``; this imports and runs it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rfcalc.errors import ReadError
from rfcalc.readers.spelled import closest


@contextmanager
def beside_here() -> Iterator[None]:
    """Let modules in the working directory be found, as `python -m` does."""
    here = os.getcwd()  # noqa: PTH109  pathlib takes a while to import
    sys.path.insert(0, here)
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)


def found(name: str) -> Any:
    """Import what a name such as ``package.module:factory`` stands for.

    Raises
    ------
    ReadError
        There is no such thing, or importing it fails.
    """
    where, _, what = name.partition(":")
    try:
        thing: Any = importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name and (where == error.name or where.startswith(f"{error.name}.")):
            raise ReadError(
                f"there is no module {error.name!r} here or among the installed packages"
            ) from None
        raise ReadError(f"importing {where!r} failed: {error}") from error
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise ReadError(f"importing {where!r} failed: {spelled(error)}") from error
    for part in what.split("."):
        try:
            thing = getattr(thing, part)
        except AttributeError:
            raise ReadError(f"{where!r} has no {part!r}{closest(part, dir(thing))}") from None
        except (Exception, SystemExit) as error:  # a module or a class may compute its attributes
            raise ReadError(f"asking {where!r} for {part!r} failed: {spelled(error)}") from error
    return thing


def missing_arguments(function: Any) -> list[str]:
    """Return the arguments that a function cannot be called without."""
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        each.name
        for each in parameters
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]


def spelled(error: BaseException) -> str:
    """Return what an error of the user's code says, in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__

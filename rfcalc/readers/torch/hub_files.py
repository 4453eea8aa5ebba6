"""Files that say how an installed library builds an architecture: plain data, of which no code is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from rfcalc.errors import ReadError
from rfcalc.readers import parsing
from rfcalc.readers.sources import opened

_CODE: Final = ("auto_map", "custom_pipelines", "trust_remote_code")
"""Keys by which a file asks for code that comes with it, or from elsewhere."""

_OFFLINE: Final = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "DIFFUSERS_OFFLINE")


def located(path: str, name: str = "config.json") -> str:
    """Return the file that a path names: itself, or the file of that name in a folder."""
    return str(Path(path) / name) if Path(path).is_dir() else path


def read_config(path: str) -> dict[str, Any]:
    """Read a file of settings.

    Raises
    ------
    ReadError
        There is no such file, it is no object of JSON, or it asks for code of its own.
    """
    if not Path(path).is_file():
        raise ReadError("no such file or folder here; nothing is fetched")
    with opened(path) as source:
        config = parsing.parse_json(parsing.decode(source.everything(parsing.MOST_OTHER)))
    if not isinstance(config, dict):
        raise ReadError("holds no settings: it is no object of JSON")
    refuse_code(config)
    return config


def read_beside(path: str, name: str) -> dict[str, Any]:
    """Return the settings in another file of the same folder; none where there is no such file."""
    other = Path(path).parent / name
    return read_config(str(other)) if other.is_file() else {}


def refuse_code(config: Any) -> None:
    """Refuse settings that ask for code.

    Raises
    ------
    ReadError
        They do.
    """
    if isinstance(config, Mapping):
        for key in _CODE:
            if config.get(key):
                raise ReadError(
                    f"has {key!r}, which asks for code from outside of the library; rfcalc runs none of that"
                )
        for each in config.values():
            refuse_code(each)
    elif isinstance(config, list):
        for each in config:
            refuse_code(each)


@contextmanager
def offline() -> Iterator[None]:
    """Let libraries that fetch files from a hub know that there is none, and forget it afterwards."""
    before = {name: os.environ.get(name) for name in _OFFLINE}
    constants = sys.modules.get("huggingface_hub.constants")
    was = bool(getattr(constants, "HF_HUB_OFFLINE", False)) if constants else _says(before["HF_HUB_OFFLINE"])
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    _set(constants, offline=True)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        _set(sys.modules.get("huggingface_hub.constants"), offline=was)


def _set(constants: Any, *, offline: bool) -> None:
    """Tell the library that fetches, which looks at the environment only once."""
    if constants is not None:
        constants.HF_HUB_OFFLINE = offline


def _says(value: str | None) -> bool:
    return (value or "").upper() in ("1", "ON", "YES", "TRUE")


def class_of(library: ModuleType, name: Any, base: type) -> Any:
    """Return the class of that name on `base` that a library has; None where it has none."""
    made = getattr(library, name, None) if isinstance(name, str) else None
    return made if isinstance(made, type) and issubclass(made, base) else None


def pair(size: Any) -> tuple[int, ...] | None:
    """Return height and width of what settings call a size: a number, a list, or a mapping.

    >>> pair(224), pair([3, 4]), pair({"height": 5, "width": 6}), pair({"shortest_edge": 7}), pair(None)
    ((224, 224), (3, 4), (5, 6), (7, 7), None)
    """
    if isinstance(size, Mapping):
        edge = size.get("shortest_edge")
        size = [size["height"], size["width"]] if {"height", "width"} <= set(size) else edge
    if isinstance(size, int) and not isinstance(size, bool):
        return (size, size)
    if isinstance(size, (list, tuple)) and len(size) == 2 and all(type(each) is int for each in size):
        return tuple(size)
    return None

"""Layers that one Keras file describes twice, at different levels: it does not say whether they were one."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.readers.keras.config import Config
from rfcalc.wording import few

Key = tuple[str, ...]
"""Names of the models around a layer, and its own."""

CODE: Final = "sharing"
"""The code of the note."""


class Twins:
    """Finds layers and models of the same name and settings in different models of one file."""

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[Key, Config]]] = {}
        self._found: dict[Key, Key] = {}

    def add(self, key: Key, entry: Config) -> None:
        """Take in an entry that is called for the first time; what lies within a twin is no news."""
        known = self._known.setdefault(key[-1], [])
        inside = any(key[:depth] in self._found for depth in range(1, len(key)))
        told = "weights" in entry.data  # a live model knows its weights by themselves
        if known and not told and not inside and holds_weights(entry.get("config")):
            same = (other for other, before in known if before.get("config") == entry.get("config"))
            other = next((each for each in same if each[:-1] != key[:-1]), None)
            if other is not None:
                self._found[key] = other
        known.append((key, entry))

    def notes(self) -> list[tuple[str, str, str]]:
        """Return one note that names them, if there are any."""
        if not self._found:
            return []
        pairs = [f"{'/'.join(other)!r} and {'/'.join(key)!r}" for key, other in self._found.items()]
        message = (
            f"{few(pairs)} have the same name and settings at different levels; if they were one layer in "
            "memory, the file has lost that, and they are counted as Keras makes them when it reads it: each "
            "with weights of its own"
        )
        return [(CODE, "/".join(next(iter(self._found))), message)]


def holds_weights(config: Any) -> bool:
    """Tell whether a config, or one inside of it, says how a weight starts."""
    if isinstance(config, dict):
        return any(
            (name.endswith("_initializer") and value is not None) or holds_weights(value)
            for name, value in config.items()
        )
    return isinstance(config, list) and any(map(holds_weights, config))

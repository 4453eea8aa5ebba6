"""Typed access to a Keras config: every value is checked, and an error says where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from rfcalc.algebra.number import UNKNOWN, Num
from rfcalc.errors import ReadError

LARGEST: Final = 2**53
"""No extent or count of a real model is larger; more is a damaged file."""

_MISSING: Final = object()


def shown(value: object, most: int = 40) -> str:
    """Spell a value of the document for an error line."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to spell integers of thousands of digits
        text = (
            f"an integer of about {int(value.bit_length() * 0.30103):,} digits"
            if type(value) is int
            else "..."
        )
    return text if len(text) <= most else text[: most - 3] + "..."


class Config:
    """A JSON object of the document, with its place.

    Parameters
    ----------
    data : object
        What stands there; anything but an object is refused.
    where : str
        The place, such as ``config.layers[3].config``.
    """

    __slots__ = ("data", "where")

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, dict):
            raise ReadError(f"must be an object, got {shown(data)}", where=where)
        self.data: dict[str, Any] = data
        self.where = where

    def wrong(self, name: str, what: str) -> NoReturn:
        """Refuse the value of `name`."""
        value = self.data.get(name, _MISSING)
        got = "it is missing" if value is _MISSING else f"got {shown(value)}"
        raise ReadError(f"must be {what}, {got}", where=f"{self.where}.{name}")

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value as it stands."""
        return self.data.get(name, default)

    def object(self, name: str) -> Config:
        """Return an object."""
        return Config(self.data.get(name), f"{self.where}.{name}")

    def list(self, name: str) -> Sequence[Any]:
        """Return a list."""
        value = self.data.get(name)
        if not isinstance(value, list):
            self.wrong(name, "a list")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """Return a word."""
        value = self.data.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            self.wrong(name, "a string")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self.data.get(name, default)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(name, "true or false")
        return value

    def whole(self, name: str, default: int | None = None, *, least: int = 1) -> int:
        """Return a whole number of at least `least`."""
        value = self.data.get(name)
        if value is None and default is not None:
            return default
        if not _is_whole(value, least):
            self.wrong(name, _range(least))
        return int(value)  # type: ignore[arg-type]  # _is_whole has looked at it

    def optional(self, name: str, *, least: int = 1) -> int | None:
        """Return a whole number, or None where it is not given."""
        return None if self.data.get(name) is None else self.whole(name, least=least)

    def numbers(self, name: str, *, least: int = 1) -> tuple[int, ...]:
        """Return a list of whole numbers; one number stands for a list of one."""
        value = self.data.get(name)
        values = value if isinstance(value, list) else [value]
        if not all(_is_whole(each, least) for each in values):
            self.wrong(name, f"{_range(least)}, or a list of them")
        return tuple(values)

    def per_axis(
        self, name: str, rank: int, default: int | None = None, *, least: int = 1
    ) -> tuple[int, ...]:
        """Return a whole number for each of `rank` axes."""
        if self.data.get(name) is None and default is not None:
            return (default,) * rank
        values = self.numbers(name, least=least)
        if len(values) == 1:
            return values * rank
        if len(values) != rank:
            self.wrong(name, f"one number, or {rank}")
        return values

    def pairs(self, name: str, rank: int) -> tuple[tuple[int, int], ...]:
        """Return (before, after) for each of `rank` axes, in any of the ways that Keras spells it."""
        value = self.data.get(name)
        if _is_whole(value, 0):
            return ((value, value),) * rank  # type: ignore[return-value]  # _is_whole has looked at it
        what = f"a number, or a pair for each of {rank} axes"
        if not isinstance(value, list):
            self.wrong(name, what)
        if rank == 1 and len(value) == 2 and all(_is_whole(each, 0) for each in value):
            return ((value[0], value[1]),)
        if len(value) != rank:
            self.wrong(name, what)
        out = []
        for each in value:
            pair = each if isinstance(each, list) else [each, each]
            if len(pair) != 2 or not all(_is_whole(number, 0) for number in pair):
                self.wrong(name, what)
            out.append((pair[0], pair[1]))
        return tuple(out)

    def axes(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Return places of axes; one place stands for a list of one."""
        if self.data.get(name) is None and default is not None:
            return default
        return self.numbers(name, least=-64)

    def axis(self, name: str, default: int) -> int:
        """Return the place of one axis; a list of one will do, as Keras writes it for batch normalisation."""
        values = self.axes(name, (default,))
        if len(values) != 1:
            self.wrong(name, "one axis")
        return values[0]

    def shape(self, name: str, *, wild: bool = False) -> tuple[Num, ...]:
        """Return extents, with `UNKNOWN` for null; with `wild` -1 is allowed too."""
        value = self.data.get(name)
        if not isinstance(value, list):
            self.wrong(name, "a list of extents")
        return read_shape(value, f"{self.where}.{name}", least=-1 if wild else 0)

    def choice(self, name: str, table: Mapping[str, str], default: str) -> str:
        """Return the canonical word for one of Keras's."""
        value = self.text(name, default).lower()
        if value not in table:
            self.wrong(name, f"one of {', '.join(table)}")
        return table[value]


def read_shape(value: object, where: str, *, least: int = 0) -> tuple[Num, ...]:
    """Read a list of extents; null is `UNKNOWN`.

    >>> read_shape([None, 28, 28, 1], "shape")
    (?, 28, 28, 1)
    """
    if not isinstance(value, list) or not all(each is None or _is_whole(each, least) for each in value):
        raise ReadError(f"must be a list of extents, got {shown(value)}", where=where)
    return tuple(UNKNOWN if each is None else each for each in value)


def _is_whole(value: object, least: int) -> bool:
    return type(value) is int and least <= value <= LARGEST


def _range(least: int) -> str:
    if least < 0:
        return "a whole number"
    return "a positive integer" if least == 1 else f"an integer of at least {least}"

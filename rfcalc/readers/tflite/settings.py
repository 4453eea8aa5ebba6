"""The settings of an operation: the fields of a table, by the names that the schema gives them.

The package ``tflite`` has a class for each such table, whose methods look up their field anew at each call.
Here each method is asked once which field it reads, and how; the field is then read as those of all tables.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import tflite

from rfcalc.readers.tflite.flat import Bytes, Table
from rfcalc.records import NamedTuple

FIRST: Final = 4
"""Where the offset of the first field stands; each takes two bytes."""


class Settings:
    """The settings of one operation.

    Parameters
    ----------
    kind : str
        The class of the package that knows their names.
    file : Bytes
        The file.
    at : int
        Where their table stands; it is read when the first of them is asked for.
    """

    __slots__ = ("_at", "_file", "_table", "kind")

    def __init__(self, kind: str, file: Bytes, at: int) -> None:
        self.kind = kind
        self._file = file
        self._at = at
        self._table: Table | None = None

    @property
    def table(self) -> Table:
        """Their table.

        Raises
        ------
        ReadError
            Its offsets stand outside of the file.
        """
        if self._table is None:
            self._table = Table(self._file, self._at)
        return self._table

    def has(self, name: str) -> bool:
        """Tell whether there is a setting of this name."""
        return has(self.kind, name)

    def number(self, name: str) -> int:
        """Return a setting that is one number.

        Raises
        ------
        AttributeError
            There is none of this name.
        """
        field = _field(self.kind, name)
        return self.table.number(field.place, field.form, field.default)

    def numbers(self, name: str, most: int) -> tuple[int, ...]:
        """Return a setting that is a list of numbers: no more than one above `most` of them.

        Raises
        ------
        AttributeError
            There is none of this name.
        """
        field = _field(self.kind, f"{name}AsNumpy")
        return self.table.first(field.place, field.form, most + 1)


class _Field(NamedTuple):
    """Where a field stands in its table, how it is spelled, and what it is where it is left out."""

    place: int
    form: str
    default: int


@cache
def has(kind: str, name: str) -> bool:
    """Tell whether a class of the package has a setting of this name."""
    return hasattr(getattr(tflite, kind), name)


@cache
def _field(kind: str, name: str) -> _Field:
    """Find out which field a method of the package reads."""
    probe, reader = _Probe(), getattr(tflite, kind)()
    reader._tab = probe
    read = getattr(reader, name)
    default = int(read())
    probe.there = 1
    read()
    return _Field((probe.place - FIRST) // 2, probe.form, default)


class _Probe:
    """Stands for the bytes of a table, and notes what is asked of it."""

    Pos: Final = 0

    def __init__(self) -> None:
        self.there = 0
        self.place = 0
        self.form = ""

    def Offset(self, place: int) -> int:  # noqa: N802  as the package calls it
        """Note which field is asked for; say that it is left out, or is there."""
        self.place = place
        return self.there

    def Get(self, flags: Any, _: int) -> int:  # noqa: N802  as the package calls it
        """Note how the field is spelled."""
        self.form = flags.packer_type.format.lstrip("<")
        return 0

    GetVectorAsNumpy = Get

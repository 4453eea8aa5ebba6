"""The tables of a FlatBuffers file, each read with its bounds: nothing in the file is believed.

The accessors that are generated from a schema take any length and offset for true, and look each field up
anew. Here a table's offsets are read once, vectors are checked against the file, and their elements counted:
many tables of a hostile file may share one long vector.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from rfcalc.errors import ReadError

SMALLEST: Final = 1 << 16
"""Elements of vectors that a small file may have in all; a larger one has fewer than bytes."""

_U16, _I32, _U32 = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I")
_INTEGERS: Final = tuple([f"<{count}i" for count in range(8)])
_FORMS: Final = {form: struct.Struct(f"<{form}") for form in "bBhHiIqQ?"}


def damaged(reason: str) -> ReadError:
    """Return the error that a damaged file ends with."""
    return ReadError(f"is a damaged TFLite file: {reason}")


class Bytes:
    """The bytes of a file, and how many elements of vectors may still be read of it."""

    __slots__ = ("data", "left", "offsets")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = max(len(data), SMALLEST)
        self.offsets: dict[int, tuple[int, ...]] = {}
        """Where the fields of tables stand; tables with the same fields share it."""

    def root(self) -> Table:
        """Return the table that holds all others."""
        return Table(self, _U32.unpack_from(self.data, 0)[0])

    def span(self, at: int, width: int) -> tuple[int, int]:
        """Return where the elements of a vector begin, and how many there are.

        Raises
        ------
        ReadError
            It ends behind the file.
        """
        data = self.data
        start: int = at + _U32.unpack_from(data, at)[0] + 4
        count: int = _U32.unpack_from(data, start - 4)[0]
        if start + count * width > len(data):
            raise damaged("a vector ends behind the file")
        return start, count

    def vector(self, at: int, width: int) -> tuple[int, int]:
        """Return the same, and count the elements.

        Raises
        ------
        ReadError
            It ends behind the file, or all vectors together do.
        """
        found = self.span(at, width)
        self.left -= found[1]
        if self.left < 0:
            raise damaged("it says that it holds more than fits into it")
        return found


class Table:
    """One table: its fields by their numbers in the schema.

    Parameters
    ----------
    file : Bytes
        The file.
    at : int
        Where it stands.

    Raises
    ------
    ReadError
        Its offsets stand outside of the file.
    """

    __slots__ = ("at", "file", "places")

    def __init__(self, file: Bytes, at: int) -> None:
        data = file.data
        offsets = at - _I32.unpack_from(data, at)[0]
        self.file = file
        self.at = at
        places = file.offsets.get(offsets)
        if places is None:
            if not 0 <= offsets <= len(data) - 4:
                raise damaged("a table stands outside of it")
            size = _U16.unpack_from(data, offsets)[0]
            places = struct.unpack_from(f"<{max(size - 4, 0) // 2}H", data, offsets + 4)
            file.offsets[offsets] = places
        self.places: tuple[int, ...] = places

    def _place(self, field: int) -> int:
        """Return where a field stands; 0 where it is left out."""
        place = self.places[field] if field < len(self.places) else 0
        return place and place + self.at

    def number(self, field: int, form: str, default: int = 0) -> int:
        """Return a field that is one number, of the form that `struct` has a letter for."""
        place = self.places[field] if field < len(self.places) else 0  # spelled out: it runs for every field
        if not place:
            return default
        number: int = _FORMS[form].unpack_from(self.file.data, place + self.at)[0]
        return number

    def position(self, field: int) -> int | None:
        """Return where the table of a field stands, or None."""
        place = self._place(field)
        return place + int(_U32.unpack_from(self.file.data, place)[0]) if place else None

    def table(self, field: int) -> Table | None:
        """Return the table of a field, or None."""
        position = self.position(field)
        return None if position is None else Table(self.file, position)

    def tables(self, field: int) -> Iterator[Table]:
        """Yield the tables of a vector."""
        place = self._place(field)
        if place:
            start, count = self.file.vector(place, 4)
            offsets = struct.unpack_from(f"<{count}I", self.file.data, start)
            for at, offset in zip(range(start, start + 4 * count, 4), offsets, strict=True):
                yield Table(self.file, at + offset)

    def numbers(self, field: int) -> tuple[int, ...] | None:
        """Return a vector of integers of 32 bits, or None."""
        place = self.places[field] if field < len(self.places) else 0
        if not place:
            return None
        start, count = self.file.vector(place + self.at, 4)
        return struct.unpack_from(_INTEGERS[count] if count < 8 else f"<{count}i", self.file.data, start)

    def first(self, field: int, form: str, most: int) -> tuple[int, ...]:
        """Return the first elements of a vector of numbers, at most so many; none count as read."""
        place = self._place(field)
        if not place:
            return ()
        start, count = self.file.span(place, _FORMS[form].size)
        return struct.unpack_from(f"<{min(count, most)}{form}", self.file.data, start)

    def count(self, field: int, width: int) -> int:
        """Return how many elements of so many bytes a vector has."""
        place = self._place(field)
        return self.file.vector(place, width)[1] if place else 0

    def text(self, field: int) -> str:
        """Return a text."""
        place = self._place(field)
        if not place:
            return ""
        start, count = self.file.vector(place, 1)
        return self.file.data[start : start + count].decode("utf-8", errors="replace")

    def bytes_at(self, field: int) -> tuple[int, int]:
        """Return where the bytes of a field begin and how many there are; none count as elements."""
        place = self._place(field)
        return self.file.span(place, 1) if place else (0, 0)

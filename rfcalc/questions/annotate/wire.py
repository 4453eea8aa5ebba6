"""Protobuf messages as they are written: fields found in the bytes, and new ones made.

What is left alone is never parsed and never copied: it is a slice of the file that was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rfcalc.errors import ReadError
from rfcalc.records import NamedTuple

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5

_LONGEST: Final = 10  # bytes of a whole number


class Field(NamedTuple):
    """One field of a message.

    Parameters
    ----------
    number, wire : int
        Which field it is, and how it is written.
    start, body, end : int
        Where it begins, where what it holds begins, and where it ends.
    value : int
        What a whole number is.
    """

    number: int
    wire: int
    start: int
    body: int
    end: int
    value: int = 0


def fields(data: memoryview, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """Yield the fields of a message that lies between two places.

    Raises
    ------
    ReadError
        It is no message.

    Examples
    --------
    >>> [(field.number, field.value) for field in fields(memoryview(bytes([0x08, 0x96, 0x01])))]
    [(1, 150)]
    """
    at, end = start, len(data) if end is None else end
    while at < end:
        key, body = _number(data, at, end)
        number, wire = key >> 3, key & 7
        value = 0
        if wire == VARINT:
            value, after = _number(data, body, end)
        elif wire == DELIMITED:
            length, body = _number(data, body, end)
            after = body + length
        elif wire in (FIXED32, FIXED64):
            after = body + (4 if wire == FIXED32 else 8)
        else:
            raise _damaged()
        if after > end or not number:
            raise _damaged()
        yield Field(number, wire, at, body, after, value)
        at = after


def _number(data: memoryview, at: int, end: int) -> tuple[int, int]:
    """Read a whole number; return it and the place behind it."""
    value = 0
    for place in range(_LONGEST):
        if at + place >= end:
            break
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise _damaged()


def _damaged() -> ReadError:
    return ReadError("looks like an ONNX file, but is truncated or damaged")


def inside(data: memoryview, field: Field, *numbers: int) -> Iterator[Field]:
    """Yield the fields that lie in a field, by a path of numbers."""
    if not numbers:
        yield field
        return
    for each in fields(data, field.body, field.end):
        if each.number == numbers[0] and (each.wire == DELIMITED or len(numbers) == 1):
            yield from inside(data, each, *numbers[1:])


def text_of(data: memoryview, field: Field) -> str:
    """Return the text that a field holds."""
    try:
        return str(data[field.body : field.end], "utf-8")
    except UnicodeDecodeError:
        raise ReadError("is damaged: it holds names that are no text") from None


def text_in(data: memoryview, field: Field, *numbers: int) -> str:
    """Return the text at the end of a path, the last where there are several; empty where there is none."""
    found = ""
    for each in inside(data, field, *numbers):
        found = text_of(data, each)
    return found


# ---- what is written ---------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    """Write a whole number.

    >>> varint(150).hex()
    '9601'
    """
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def whole(number: int, value: int) -> bytes:
    """Write a field that is a whole number."""
    return varint(number << 3 | VARINT) + varint(value)


def head(number: int, length: int) -> bytes:
    """Write what stands before the bytes of a field."""
    return varint(number << 3 | DELIMITED) + varint(length)


def delimited(number: int, body: bytes | str) -> bytes:
    """Write a field that is a text or a message.

    >>> delimited(2, "testing").hex()
    '120774657374696e67'
    """
    held = body.encode() if isinstance(body, str) else body
    return head(number, len(held)) + held


def entry(number: int, key: str, value: str) -> bytes:
    """Write an entry of metadata."""
    return delimited(number, delimited(1, key) + delimited(2, value))

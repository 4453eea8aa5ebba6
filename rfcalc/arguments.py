"""What the arguments of commands and functions mean: texts of options, numbers of other libraries.

A text that means nothing is refused in the words of its option.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from rfcalc.errors import UsageError

_LONGEST_SHOWN: Final = 40

_MOST_DIGITS: Final = 100
"""Those of a whole number on the command line: of larger ones nobody could tell what they are."""

_BETWEEN: Final = r"\s*[xX×*;:/ ]\s*"  # noqa: RUF001  what people write between extents
_EXTENT: Final = r"(?i)[0-9]{1,9}|\?|none|null"
_OPEN: Final = ("?", "none", "null")


def integers(texts: Iterable[str], option: str) -> dict[str, int]:
    """Read ``NAME=N``, once for each name.

    >>> integers(["H=64", "W=32"], "--dim")
    {'H': 64, 'W': 32}
    """
    return {name: _integer(value, option) for name, value in _once((_pair(t, option) for t in texts), option)}


def shapes(texts: Iterable[str], option: str) -> dict[str, list[int | None]]:
    """Read ``[NAME=]N,N,...``, with a question mark for an open extent; no name is an empty one.

    >>> shapes(["?,28,1", "mask=(5)"], "--input-shape")
    {'': [None, 28, 1], 'mask': [5]}
    """
    pairs = [(name, value) for name, _, value in (text.rpartition("=") for text in texts)]
    return {
        name: [
            None if part.strip().lower() in _OPEN else _integer(part, option)
            for part in _parts(value, option)
        ]
        for name, value in _once(pairs, option)
    }


def texts(given: Iterable[str], option: str) -> dict[str, str]:
    """Read ``[NAME=]TEXT``; no name is an empty one.

    >>> texts(["x=NHWC"], "--layout")
    {'x': 'NHWC'}
    """
    pairs = [(name, value) for name, _, value in (text.rpartition("=") for text in given)]
    return dict(_once(pairs, option))


def place(text: str, option: str) -> list[int]:
    """Read an index on each axis.

    >>> place("0,2", "--at")
    [0, 2]
    """
    return [_integer(part, option) for part in _parts(text, option)]


def listed(text: str | None) -> list[str] | None:
    """Read names between commas; None where nothing is given.

    >>> listed("plain, average")
    ['plain', 'average']
    """
    return None if text is None else [name.strip() for name in text.split(",")]


def span(text: str, option: str) -> range:
    """Read ``FIRST:LAST`` or ``FIRST:LAST:STEP``, both ends included; one number is a range of its own.

    >>> span("224:320:32", "--sizes")
    range(224, 321, 32)
    """
    parts = [_integer(part, option) for part in text.split(":")]
    if len(parts) > 3:
        raise UsageError(f"{option} {_shown(text)!r} is not of the form FIRST:LAST:STEP")
    first, last, step = (*parts, parts[0], 1)[:3] if len(parts) == 1 else (*parts, 1)[:3]
    if step < 1:
        raise UsageError(f"{option} {_shown(text)!r} goes in steps of {step}; give a positive step")
    if last < first:
        raise UsageError(f"{option} {_shown(text)!r} holds no size; give the smaller one first")
    return range(first, last + 1, step)


def sizes(text: str, option: str) -> Iterator[int]:
    """Read sizes: between commas numbers, and ranges as of `span`.

    >>> list(sizes("224,320:384:32", "--sizes"))
    [224, 320, 352, 384]
    """
    ranges = [span(part, option) for part in text.split(",")]
    return (size for each in ranges for size in each)


def count(text: str, option: str) -> int:
    """Read a number of things, which may be written as ``1e6``.

    >>> count("1e6", "--sample"), count("2.5e3", "--sample"), count("12", "--top")
    (1000000, 2500, 12)
    """
    found = re.fullmatch(_COUNT, text.strip())
    if found is None:
        return _integer(text, option)
    from fractions import Fraction

    number = Fraction(text.strip())
    if number.denominator != 1:
        raise UsageError(f"{option}: {_shown(text)!r} is not a whole number")
    return int(number)


_COUNT: Final = r"[0-9]{1,19}(\.[0-9]{1,19})?[eE][0-9]{1,2}"


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


_BYTES: Final = r"(?i)([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*(?:([kmgt])(i?))?b?"
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def size_in_bytes(text: str, option: str) -> int:
    """Read a number of bytes, with a unit of a thousand (``8GB``) or of 1024 (``512MiB``).

    >>> size_in_bytes("8GB", "--m"), size_in_bytes("512 MiB", "--m"), size_in_bytes("1.5k", "--m")
    (8000000000, 536870912, 1500)
    """
    found = re.fullmatch(_BYTES, text.strip())
    if found is None:
        raise UsageError(f"{option}: {_shown(text)!r} is no number of bytes, such as 8GB or 512MiB")
    from fractions import Fraction

    unit = 1
    for _ in range(_POWERS[(found[2] or "").lower()]):
        unit *= 1024 if found[3] else 1000
    return int(Fraction(found[1]) * unit)


def _pair(text: str, option: str) -> tuple[str, str]:
    """Split at the last equals sign, since names of inputs may hold one."""
    name, equals, value = text.rpartition("=")
    if not equals or not name:
        raise UsageError(f"{option} {text!r} is not of the form NAME=N")
    return name, value


def _integer(text: str, option: str) -> int:
    digits = text.strip()
    unsigned = digits.removeprefix("-")
    if not (unsigned.isascii() and unsigned.isdigit()):
        raise UsageError(f"{option}: {_shown(text)!r} is not a whole number")
    if len(unsigned) > _MOST_DIGITS:
        raise UsageError(f"{option}: {_shown(text)!r} has more than {_MOST_DIGITS} digits")
    return int(digits)


def _parts(text: str, option: str) -> list[str]:
    """Split a list at its commas, brackets taken off; where something else stands in their place, say so."""
    bare = text.strip("()[], ")
    parts = re.split(_BETWEEN, bare)
    if "," not in bare and len(parts) > 1 and all(re.fullmatch(_EXTENT, part) for part in parts):
        raise UsageError(f"{option}: {bare!r} has no commas; write it as {','.join(parts)!r}")
    return bare.split(",")


def _once(pairs: Iterable[tuple[str, str]], option: str) -> Iterator[tuple[str, str]]:
    """Pass on pairs, and refuse a name that comes again, whose value would be a guess."""
    seen: set[str] = set()
    for name, value in pairs:
        if name in seen:
            raise UsageError(f"{option} is given twice" + (f" for {name!r}" if name else ""))
        seen.add(name)
        yield name, value


# ---- whole numbers of other libraries, such as numpy's, as Python's own ------------------------------------

T = TypeVar("T")


def plain(value: T) -> T:
    """Return a number, or what holds numbers, with every whole number as an ``int``.

    Parameters
    ----------
    value : object
        A number, a sequence or a mapping of such, or anything else, which stays as it is.

    Examples
    --------
    >>> import numpy
    >>> plain({"x": (numpy.int64(8), None)}), plain(True)
    ({'x': (8, None)}, True)
    """
    return _plain(value)  # type: ignore[no-any-return]  # of the same sort


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if type(value) in (tuple, list):
        return type(value)(map(_plain, value))
    if type(value).__name__ == "ndarray" and value.ndim == 1:
        return tuple(map(_plain, value.tolist()))
    from numbers import Integral  # which whole numbers of numpy are, that few give

    return int(value) if isinstance(value, Integral) else value

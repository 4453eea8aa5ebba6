"""Values of the native format: each form that a setting may take has one checker, in a table.

A checker turns what stands in the document into what a rule takes. An expression without names is worked
out at once; one with names stays as a :class:`Deferred` until its names have values, since a block or a
repeat gives them other values at each use.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rfcalc.algebra.expression import LARGEST, NAME, Expression, parse
from rfcalc.algebra.number import Num, is_known, prove
from rfcalc.errors import ReadError
from rfcalc.readers.spelled import closest, got, listed
from rfcalc.records import NamedTuple
from rfcalc.rules import registry
from rfcalc.rules.registry import Setting
from rfcalc.wording import quoted

INDEX: Final = "index"
"""The name of the number of the copy, from 0, in expressions inside a repeat."""

LONGEST_TEXT: Final = 500
LONGEST_NAME: Final = 200
MOST_AXES: Final = 16
PADDING_WORDS: Final = ("valid", "same", "same_lower", "causal")
COUNTS: Final = "counts"
"""A list of positive numbers: the form of those shapes that leave nothing open."""

CLOSED_SHAPES: Final = frozenset({("split", "sizes"), ("tile", "repeats")})
"""Kind and setting of those shapes that leave nothing open."""

_WANTED: Final[Mapping[int | None, str]] = {
    1: "a positive integer",
    0: "an integer of zero or more",
    None: "an integer",
}
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_]*")


class Place(NamedTuple):
    """A place in the document, and the names that expressions there may use."""

    where: str
    names: frozenset[str] = frozenset()

    def key(self, key: object) -> Place:
        """Return the place under a key of the object here."""
        if not isinstance(key, str) or not _PLAIN_KEY.fullmatch(key):
            return Place(f"{self.where}[{_shown_key(key)}]", self.names)
        return Place(f"{self.where}.{key}" if self.where else key, self.names)

    def item(self, number: int) -> Place:
        """Return the place of an item of the list here."""
        return Place(f"{self.where}[{number}]", self.names)

    def knowing(self, *names: str) -> Place:
        """Return the same place with more names to use."""
        return Place(self.where, self.names | set(names))

    def error(self, message: str) -> ReadError:
        """Return the error that something is wrong here."""
        return ReadError(message, where=self.where or None)


def _shown_key(key: object) -> str:
    return quoted(key) if isinstance(key, str) else got(key)


# ---- containers --------------------------------------------------------------------------------------------


def an_object(raw: object, place: Place) -> Mapping[str, Any]:
    """Return `raw` as an object with texts for keys, or refuse it."""
    if not isinstance(raw, Mapping):
        raise place.error(f"must be an object, got {got(raw)}")
    for key in raw:
        if not isinstance(key, str):
            raise place.key(key).error("a key must be a text")
    return raw


def a_list(raw: object, place: Place, *, of: str, most: int | None = None) -> list[Any]:
    """Return `raw` as a list of one item or more, or refuse it."""
    if not isinstance(raw, (list, tuple)):
        raise place.error(f"must be a list of {of}, got {got(raw)}")
    if not raw:
        raise place.error(f"must be a list of {of}, got an empty one")
    if most is not None and len(raw) > most:
        raise place.error(f"has {len(raw):,} items; at most {most} make sense")
    return list(raw)


def known_keys(document: Iterable[str], known: Iterable[str], place: Place, what: str) -> None:
    """Refuse keys that mean nothing, with the one that was probably meant."""
    known = tuple(known)
    for key in document:
        if key not in known:
            hint = closest(key, known) or f"; it has {listed(known, 'and')}"
            raise place.key(key).error(f"{what} has no such key{hint}")


# ---- numbers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deferred:
    """A number that waits for the values of the names in its expression."""

    expression: Expression
    least: int | None
    plain: bool
    where: str

    def resolve(self, names: Mapping[str, Num]) -> Num:
        """Work the number out, and hold it to what the setting takes."""
        try:
            value = self.expression.evaluate(names)
        except ReadError as error:
            error.where = self.where
            raise
        origin = f" for {quoted(self.expression.text)}"
        if self.plain and is_known(value):
            value = operator.index(value)  # designs that differ in the graph are run apart
        elif self.plain:
            raise ReadError(f"must be a plain number, got {value}{origin}", where=self.where)
        if self.least is not None and prove(value >= self.least) is False:
            raise ReadError(f"must be {_WANTED[self.least]}, got {value}{origin}", where=self.where)
        return value


Number = int | Deferred
"""A number of the document."""


def number(raw: object, place: Place, least: int | None = 1, *, plain: bool = False) -> Number:
    """Return an integer, or an expression that waits for its names.

    Parameters
    ----------
    raw : object
        What stands in the document.
    place : Place
        Where, and which names may be used there.
    least : int, optional
        1, 0, or None for any integer.
    plain : bool
        Whether the value must be known where it is used, because it decides on axes or layers.

    Raises
    ------
    ReadError
        Not an integer, too small, beyond 2**63, or an expression that does not hold.
    """
    if isinstance(raw, str):
        return _expression(raw, place, least, plain)
    if type(raw) is not int:
        raw = _as_integer(raw, place, least)
    if least is not None and raw < least:
        raise place.error(f"must be {_WANTED[least]}, got {got(raw)}")
    if not -LARGEST <= raw <= LARGEST:
        raise place.error(f"must be below 2**63, got {got(raw)}")
    return raw


def _as_integer(raw: object, place: Place, least: int | None) -> int:
    """Take the integers of other libraries for what they are; true is no integer, and neither is 1.0."""
    try:
        if not isinstance(raw, bool):
            return operator.index(raw)  # type: ignore[arg-type]  # the question is whether it is one
    except TypeError:
        pass
    raise place.error(f"must be {_WANTED[least]}, got {got(raw)}")


def _expression(text: str, place: Place, least: int | None, plain: bool) -> Number:
    try:
        expression = parse(text)
    except ReadError as error:
        raise place.error(f"must be {_WANTED[least]} or an expression: {error.message}") from None
    for name in sorted(expression.names - place.names):
        hint = closest(name, place.names) or f" (known names: {', '.join(sorted(place.names)) or 'none'})"
        if name == INDEX:
            hint = ", which has a value only inside a repeat"
        raise place.error(f"{quoted(text)} uses the unknown name {name!r}{hint}")
    deferred = Deferred(expression, least, plain, place.where)
    if expression.names:
        return deferred
    value: int = deferred.resolve({})
    return value


def resolve(value: Any, names: Mapping[str, Num]) -> Any:
    """Give the names in a checked value their values."""
    if type(value) is Deferred:
        return value.resolve(names)
    if type(value) is tuple:
        return tuple([resolve(item, names) for item in value])
    return value


def is_settled(value: Any) -> bool:
    """Tell whether a checked value waits for no name."""
    if type(value) is tuple:
        return all(map(is_settled, value))
    return type(value) is not Deferred


# ---- forms -------------------------------------------------------------------------------------------------

Checker = Callable[[Setting, Any, Place], Any]


def _number_form(least: int | None, *, plain: bool = False) -> Checker:
    return lambda _setting, raw, place: number(raw, place, least, plain=plain)


def _per_axis_form(least: int) -> Checker:
    def check(_setting: Setting, raw: Any, place: Place) -> Any:
        if not isinstance(raw, (list, tuple)):
            return number(raw, place, least)
        items = a_list(raw, place, of="one number for each spatial axis", most=MOST_AXES)
        return tuple(number(item, place.item(i), least) for i, item in enumerate(items))

    return check


def _pairs(_setting: Setting, raw: Any, place: Place) -> Any:
    if not isinstance(raw, (list, tuple)):
        return number(raw, place, 0)
    items = a_list(raw, place, of="a number or [before, after] for each spatial axis", most=MOST_AXES)
    return tuple(_pair(item, place.item(i)) for i, item in enumerate(items))


def _pair(raw: Any, place: Place) -> Any:
    if not isinstance(raw, (list, tuple)):
        return number(raw, place, 0)
    if len(raw) != 2:
        raise place.error(f"must be [before, after], got a list of {len(raw)}")
    return tuple(number(item, place.item(i), 0) for i, item in enumerate(raw))


def _padding(setting: Setting, raw: Any, place: Place) -> Any:
    if isinstance(raw, str):
        if raw in PADDING_WORDS:
            return raw
        # a lone word that is no parameter is rather a misspelt mode than an expression
        if re.fullmatch(NAME, raw) and raw not in place.names:
            raise place.error(f"must be {listed(PADDING_WORDS)}, or numbers, got {got(raw)}")
    return _pairs(setting, raw, place)


def _flag(_setting: Setting, raw: Any, place: Place) -> bool:
    if not isinstance(raw, bool):
        raise place.error(f"must be true or false, got {got(raw)}")
    return raw


def _choice(setting: Setting, raw: Any, place: Place) -> str:
    if not isinstance(raw, str) or raw not in setting.choices:
        raise place.error(f"must be {listed(setting.choices)}, got {got(raw)}")
    return raw


def _axes(_setting: Setting, raw: Any, place: Place) -> Any:
    if not isinstance(raw, (list, tuple)):
        return (number(raw, place, None, plain=True),)
    if len(raw) > MOST_AXES:
        raise place.error(f"has {len(raw):,} items; at most {MOST_AXES} make sense")
    return tuple(number(item, place.item(i), None, plain=True) for i, item in enumerate(raw))


def _shape(_setting: Setting, raw: Any, place: Place) -> Any:
    items = a_list(raw, place, of="extents", most=MOST_AXES)
    return tuple(
        item if item is None or (type(item) is int and item == -1) else number(item, place.item(i))
        for i, item in enumerate(items)
    )


def _counts(_setting: Setting, raw: Any, place: Place) -> Any:
    items = a_list(raw, place, of="positive integers", most=LONGEST_TEXT)
    return tuple(number(item, place.item(i)) for i, item in enumerate(items))


def text(raw: object, place: Place, most: int = LONGEST_TEXT) -> str:
    """Return `raw` as a text of bounded length, or refuse it."""
    if not isinstance(raw, str):
        raise place.error(f"must be a text, got {got(raw)}")
    if len(raw) > most:
        raise place.error(f"is a text of {len(raw):,} characters; at most {most} are read")
    return raw


def _real(_setting: Setting, raw: Any, place: Place) -> float:
    try:
        if not isinstance(raw, bool) and isinstance(raw, (int, float)) and math.isfinite(raw):
            return raw
    except OverflowError:  # an integer that no float holds
        pass
    raise place.error(f"must be a finite number, got {got(raw)}")


FORMS: Final[Mapping[str, Checker]] = {
    registry.COUNT: _number_form(1),
    registry.NATURAL: _number_form(0),
    registry.INTEGER: _number_form(None, plain=True),
    registry.PER_AXIS: _per_axis_form(1),
    registry.NATURAL_PER_AXIS: _per_axis_form(0),
    registry.PADDING: _padding,
    registry.PAIRS: _pairs,
    registry.FLAG: _flag,
    registry.CHOICE: _choice,
    registry.AXIS: _number_form(None, plain=True),
    registry.AXES: _axes,
    registry.SHAPE: _shape,
    registry.TEXT: lambda _setting, raw, place: text(raw, place),
    registry.NUMBER: _real,
    COUNTS: _counts,
}
"""What a setting of each form may hold."""


def form_of(kind: str, setting: Setting) -> str:
    """Return the form of a setting as the native format takes it."""
    return COUNTS if (kind, setting.name) in CLOSED_SHAPES else setting.form


def check(kind: str, setting: Setting, raw: Any, place: Place) -> Any:
    """Check the value of a setting; None stands for leaving it out, where that is a choice of its own."""
    if raw is None and setting.default is None:
        return None
    return FORMS[form_of(kind, setting)](setting, raw, place)

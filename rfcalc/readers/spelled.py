"""What stands in a document, spelled for messages; what of it was meant, and what could stand there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from rfcalc.wording import quoted


def got(raw: object) -> str:
    """Spell a value of a document for a message, never at length.

    >>> got(True), got(None), got([1, 2]), got(10**400)
    ('true', 'null', 'a list', 'an integer of about 400 digits')
    """
    if isinstance(raw, bool):
        return "true" if raw else "false"
    # the digits of a huge integer are slow to make, and Python refuses to
    if isinstance(raw, int) and raw.bit_length() > 128:
        return f"an integer of about {int(raw.bit_length() * 0.30103):,} digits"
    for types, spell in _SPELLED:
        if isinstance(raw, types):
            return spell(raw)
    return f"a {type(raw).__name__}"


_SPELLED: Final[tuple[tuple[Any, Callable[[Any], str]], ...]] = (
    (type(None), lambda _: "null"),
    (int, lambda raw: str(int(raw))),
    (str, quoted),
    (float, lambda raw: repr(float(raw))),
    ((list, tuple), lambda _: "a list"),
    (Mapping, lambda _: "an object"),
)


def closest(word: object, known: Iterable[str]) -> str:
    """Suggest a known word for a misspelt one, as the end of a message.

    >>> closest("fliters", ["filters", "kernel"])
    "; did you mean 'filters'?"
    >>> closest("x", ["filters", "kernel"])
    ''
    """
    import difflib

    if not isinstance(word, str):
        return ""
    # bounded in length and number, because the comparison is slow and a document decides both
    found = difflib.get_close_matches(word[:64], list(itertools.islice(known, 1000)), n=1)
    return f"; did you mean {quoted(found[0])}?" if found else ""


def listed(words: Iterable[str], join: str = "or") -> str:
    """Spell a choice for a message.

    >>> listed(["a", "b", "c"])
    "'a', 'b' or 'c'"
    """
    shown = [repr(word) for word in words]
    return f"{', '.join(shown[:-1])} {join} {shown[-1]}" if len(shown) > 1 else "".join(shown)

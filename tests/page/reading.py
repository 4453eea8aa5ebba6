"""What a page reads in a report, written down once more, from the description of the document alone."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

Span = tuple[int, int, int]
"""The first and the last position, and the number of the holes between them."""


def spans_in(stretches: Sequence[tuple[int, int, int, Sequence[Span]]]) -> list[Span]:
    """Return the spans that stretches stand for, one a unit."""
    found = []
    for units, first_step, last_step, spans in stretches:
        for unit in range(units):
            times, place = divmod(unit, len(spans))
            first, last, holes = spans[place]
            found.append((first + times * first_step, last + times * last_step, holes))
    return found


def masks_on(fields: dict[str, Any], row: int, axis: int, which: str = "of") -> list[int] | None:
    """Return for each unit of a row the positions that it reads along an axis, as bits."""
    number = fields[which][row]
    if number is None:
        return None
    told = fields["axes"][fields["maps"][number][axis]]
    stretches = [(units, first, last, spans) for units, first, last, *spans in told["runs"]]
    found = []
    for first, last, holes in spans_in(stretches):
        if holes < 0:
            found.append((1 << last + 1) - (1 << first) if first <= last else 0)
            continue
        mask, place = 0, first
        for number, length in enumerate(fields["taps"][holes]):
            if number % 2 == 0:
                mask |= (1 << length) - 1 << place
            place += length
        assert place - 1 == last
        found.append(mask)
    assert len(found) == told["extent"]
    return found


def weights_on(fields: dict[str, Any], row: int, axis: int) -> list[tuple[int, bytes]] | None:
    """Return for each unit of a row from which position on its positions weigh what, 255 at most."""
    weights = fields["weights"]
    number = weights["of"][row]
    if number is None:
        return None
    told = weights["axes"][weights["maps"][number][axis]]
    found = []
    for units, step, *spans in told["units"]:
        for unit in range(units):
            times, place = divmod(unit, len(spans))
            profile, first = spans[place]
            levels = b"" if profile < 0 else base64.b64decode(weights["profiles"][profile])
            found.append((first + times * step, levels))
    return found

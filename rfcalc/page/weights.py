"""What each position of the input weighs in each unit, for a page that shows it as heat."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from rfcalc.graph.layer import Edge
from rfcalc.page.stretches import NOTHING, Span, stretches_of
from rfcalc.questions.effective.every import Every, Placed
from rfcalc.questions.effective.result import SHARES, narrowest

_MOST_BYTES: Final = 300_000
"""Bytes of profiles in one document: enough for most models, and a page stays small."""

_ONE_UNIT: Final = "rfcalc effective tells them of one unit"

_LARGEST: Final = 255

_PERIODS: Final = (1, 2, 4, 8, 16, 32)
"""Units after which weights may repeat, as they do behind an upsampling."""


def weights_document(every: Sequence[Every], edges: Sequence[Edge | None]) -> dict[str, Any]:
    """Return the weights of all units of some tensors.

    Parameters
    ----------
    every : sequence of Every
        For each axis of the input what was found.
    edges : sequence of (Edge or None)
        The tensor of each row of the analysis.
    """
    told = _Told()
    maps: dict[tuple[int, ...], int] = {}
    found: list[int | None] = []
    why: dict[str, str] = {}
    for row, edge in enumerate(edges):
        reason = "" if edge is None else _missing(every, edge)
        axes = [told.axis(each.units[edge]) for each in every] if edge is not None and not reason else []
        if edge is not None and not reason and None in axes:
            reason = f"the weights of all units would make this document too large; {_ONE_UNIT}"
        if reason:
            why[str(row)] = reason
        known = [each for each in axes if each is not None]
        found.append(None if edge is None or reason else maps.setdefault(tuple(known), len(maps)))
    return {
        "of": found,
        "why": why,
        "maps": [list(each) for each in maps],
        "axes": told.axes,
        "profiles": told.profiles,
        "shares": list(SHARES),
    }


def _missing(every: Sequence[Every], edge: Edge) -> str:
    """Say why the weights in the units of a tensor are not known; an empty string where they are."""
    for each in every:
        if edge[0] in each.missing:
            return each.missing[edge[0]]
        if edge in each.merged:
            return "its positions are merged with channels"
        if edge not in each.units:
            return "it does not depend on the input along every axis"
    return ""


class _Told:
    """Profiles and axes that were told already, each once."""

    def __init__(self) -> None:
        self.axes: list[dict[str, Any]] = []
        self.profiles: list[str] = []
        self._axes: dict[tuple[object, ...], int | None] = {}
        self._profiles: dict[int, int] = {}
        self._room = _MOST_BYTES

    def axis(self, units: Sequence[Placed | None]) -> int | None:
        """Return the number of the units along an axis; None where there is no room for them."""
        # equal profiles are one object, and told apart by that: there are thousands, and they are long
        key = tuple([None if each is None else (id(each.profile), each.first) for each in units])
        if key not in self._axes:
            self._axes[key] = self._new(units)
        return self._axes[key]

    def _new(self, units: Sequence[Placed | None]) -> int | None:
        profiles = {id(each.profile): each.profile for each in units if each is not None}
        size = sum(len(profile) for name, profile in profiles.items() if name not in self._profiles)
        if size > self._room:
            return None
        self._room -= size
        spans = [
            NOTHING if each is None else Span(each.first, each.first, self._profile(each.profile))
            for each in units
        ]
        middle = len(units) // 2
        at = units[middle]
        total = 0.0 if at is None else sum(at.profile)
        shares = [] if at is None or not total else [weight / total for weight in at.profile]
        self.axes.append(
            {
                "units": [
                    [each.units, each.first_step, *([span.holes, span.first] for span in each.spans)]
                    for each in stretches_of(spans, _PERIODS)
                ],
                "middle": middle,
                "widths": [narrowest(shares, share) for share in SHARES] if shares else [],
            }
        )
        return len(self.axes) - 1

    def _profile(self, profile: tuple[float, ...]) -> int:
        if id(profile) not in self._profiles:
            self._profiles[id(profile)] = len(self.profiles)
            most = max(profile, default=0) or 1
            # no weight is shown as none at all
            levels = bytes(max(round(_LARGEST * each / most), 1) if each else 0 for each in profile)
            self.profiles.append(base64.b64encode(levels).decode())
        return self._profiles[id(profile)]

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

_LARGEST: Final = 255

_PERIODS: Final = (1, 2, 4, 8, 16, 32)
"""Units after which weights may repeat, as they do behind an upsampling."""


def weights_document(every: Sequence[Every], edges: Sequence[Edge | None], rank: int) -> dict[str, Any]:
    """Return the weights of all units of some tensors.

    Parameters
    ----------
    every : sequence of Every
        For each axis of the input what was found.
    edges : sequence of (Edge or None)
        The tensor of each row of the analysis.
    rank : int
        The axes of the input.
    """
    told = _Told()
    maps: dict[tuple[int, ...], int] = {}
    found: list[int | None] = []
    lost = ""
    for edge in edges:
        if edge is None:
            found.append(None)
            continue
        missing = next((why for each in every if (why := each.missing.get(edge[0]))), "")
        units = [each.units.get(edge) for each in every]
        lost = lost or missing
        if missing or any(each is None for each in units):
            found.append(None)
            continue
        axes = [told.axis(axis, placed) for axis, placed in enumerate(units) if placed is not None]
        if any(each is None for each in axes):
            lost = lost or "the weights of further layers would make this document too large"
            found.append(None)
            continue
        found.append(maps.setdefault(tuple(each for each in axes if each is not None), len(maps)))
    return {
        "of": found,
        "maps": [list(each) for each in maps],
        "axes": told.axes,
        "profiles": told.profiles,
        "shares": list(SHARES),
        "missing": lost,
    }


class _Told:
    """Profiles and axes that were told already, each once."""

    def __init__(self) -> None:
        self.axes: list[dict[str, Any]] = []
        self.profiles: list[str] = []
        self._axes: dict[tuple[object, ...], int | None] = {}
        self._profiles: dict[int, int] = {}
        self._room = _MOST_BYTES

    def axis(self, axis: int, units: Sequence[Placed | None]) -> int | None:
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

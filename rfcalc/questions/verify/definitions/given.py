"""What a definition is given, and the table of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final, TypeAlias

from rfcalc.algebra.number import is_known
from rfcalc.graph.layer import CHANNEL, SPATIAL
from rfcalc.questions.verify.sets import Sets

Made: TypeAlias = "Sets | list[Sets]"
"""The output of a layer, or its outputs."""

Definition = Callable[..., Made]

DEFINITIONS: Final[dict[str, Definition]] = {}
"""What each kind of layer is, by enumeration: ``(given, *inputs)`` to its outputs."""


class NotDefined(Exception):
    """A setting that the definition of a kind does not cover."""


@dataclass(frozen=True, slots=True)
class Given:
    """The settings of a layer, with the defaults of its kind, and what the axes of its inputs are.

    Parameters
    ----------
    kind : str
        The kind of the layer.
    settings : mapping
        Its settings.
    roles : sequence of str
        For each input a letter for each axis: batch, spatial, channel.
    """

    kind: str
    settings: Mapping[str, Any]
    roles: Sequence[str]

    def __getitem__(self, name: str) -> Any:
        return self.settings.get(name)

    @property
    def spatial(self) -> list[int]:
        """Places of the spatial axes of the first input."""
        places = self["spatial"]
        if places is None:
            places = [place for place, role in enumerate(self.roles[0]) if role == SPATIAL]
        return [place % len(self.roles[0]) for place in places]

    @property
    def channel(self) -> int:
        """Place of the channel axis of the first input."""
        place = self["channel"]
        if place is not None:
            return int(place) % len(self.roles[0])
        return self.roles[0].rindex(CHANNEL) if CHANNEL in self.roles[0] else len(self.roles[0]) - 1

    def each(self, name: str, rank: int) -> list[Any]:
        """Return a setting as a number for each axis."""
        value = self[name]
        return list(value) if isinstance(value, (tuple, list)) else [value] * rank

    def sides(self, name: str, rank: int) -> list[tuple[int, int]]:
        """Return a setting as (before, after) for each axis."""
        return [(v[0], v[1]) if isinstance(v, (tuple, list)) else (v, v) for v in self.each(name, rank)]

    def places(self, name: str, x: Sets) -> list[int]:
        """Return a setting that names axes, counted from the front."""
        value: Any = self[name]
        listed = value if isinstance(value, (tuple, list)) else [value]
        return [place % len(x.shape) for place in listed]

    def extents(self, name: str, x: Sets) -> list[int]:
        """Return a setting that is a shape: -1 and what is open follow from the number of elements."""
        wanted: list[int | None] = []
        for place, extent in enumerate(self[name]):
            kept = extent is None and place < len(x.shape)
            wanted.append(x.shape[place] if kept else extent if is_known(extent) and extent >= 0 else None)
        if wanted.count(None) > 1 and wanted[0] is None:
            wanted[0] = x.shape[0]
        total = prod(x.shape)
        for extent in wanted:
            total = total // extent if extent else total
        if wanted.count(None) > 1:
            raise NotDefined("a shape with several open extents")
        return [total if extent is None else extent for extent in wanted]


def define(*kinds: str) -> Callable[[Definition], Definition]:
    """Enter a function into the table."""

    def enter(function: Definition) -> Definition:
        for kind in kinds:
            if kind in DEFINITIONS:
                raise ValueError(f"{kind!r} is defined twice")
            DEFINITIONS[kind] = function
        return function

    return enter

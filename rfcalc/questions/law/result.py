"""The answer, as plain data: what is found, before it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rfcalc.engine.result import Note, Status
from rfcalc.questions.law.growth import Segment
from rfcalc.questions.law.reach import Reach
from rfcalc.questions.law.room import Room
from rfcalc.records import NamedTuple

NO_WINDOW: Final = "is no sliding window"
"""Why the law ends at a layer such as attention, behind which no window says how far the field comes."""


class Cover(NamedTuple):
    """Where the field first has a given size, on the way that decides it.

    Parameters
    ----------
    layer : str
        The layer.
    segment : int
        The number of its segment, from 0.
    repeat : int
        The repeat that it is in, from 1.
    """

    layer: str
    segment: int
    repeat: int


@dataclass(frozen=True, slots=True)
class AxisLaw:
    """How the field grows along one spatial axis of the input.

    Parameters
    ----------
    extent : int, optional
        Pixels of the input; None where it is open.
    segments : tuple of Segment
        From the input on.
    field : int
        What the last of them sees.
    status : str
        That of the layer's field: ``exact``; ``bound`` where fields may be smaller than the law says;
        ``unknown``, and the law is that of a layer before it.
    covered : Cover, optional
        Where the field first has the whole extent.
    local : bool
        It is the field with gates cut, since these make it global.
    reason : str
        Why the law ends before the layer, where it does.
    wanted : int, optional
        The field that `reaches` are about.
    reached : Cover, optional
        Where the field first has the size that is wanted.
    reaches : tuple of Reach
        What it takes to see so far, for each segment.
    rooms : tuple of Room
        For each of these whether the maps on the way are large enough.
    units : str
        What the positions of the input are counted in, several of them.
    """

    extent: int | None
    segments: tuple[Segment, ...]
    field: int
    status: Status
    covered: Cover | None
    local: bool
    reason: str
    wanted: int | None
    reached: Cover | None
    reaches: tuple[Reach, ...]
    rooms: tuple[Room, ...] = ()
    units: str = "pixels"


@dataclass(frozen=True, slots=True)
class LawResult:
    """How the field of a layer came to be.

    Parameters
    ----------
    model, layer, input : str
        Names of the model, the layer, and the input.
    axes : tuple of AxisLaw
        One for each spatial axis of the input.
    beyond : str
        Which layer behind it has no field of a size, and why; empty where there is none, or where a
        layer was asked for.
    notes : tuple of Note
        What else there is to say.
    """

    model: str
    layer: str
    input: str
    axes: tuple[AxisLaw, ...]
    beyond: str = ""
    notes: tuple[Note, ...] = ()

"""What `rfcalc tiles` finds out, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final, Literal, overload

from rfcalc.engine.result import Note, Status
from rfcalc.records import NamedTuple

Trouble = Literal["", "whole", "state", "ahead", "lost", "tangled", "bound", "fixed", "moved"]
"""What forbids to cut an axis: every output needs all of it; or all before its own position; or all after it;
no axis of the output is left that goes with it; several do; what is needed is known as a bound only; the file
says one size; values depend on where in the image they stand."""
BROAD: Final[Sequence[Trouble]] = ("whole", "lost", "tangled", "fixed")
"""What one layer does to its whole input, so that layers before it may well be cut."""


class Blocker(NamedTuple):
    """What forbids to cut an axis.

    Parameters
    ----------
    trouble : str
        What it does, one of `Trouble`.
    layer, op : str
        The layer that does it, and what the source calls it.
    reason : str
        The same as a phrase.
    cuttable : bool
        With gates and statistics over the map cut the axis could be cut.
    """

    trouble: Trouble
    layer: str
    op: str
    reason: str
    cuttable: bool = False


class TileAxis(NamedTuple):
    """How one spatial axis of the input may be cut; lengths in pixels of the input.

    Parameters
    ----------
    name : str
        H and W, or T of a sequence.
    extent : int, optional
        Of the image that the plan is for; None where none is given.
    scale : (int, int), optional
        So many outputs for so many pixels, in lowest terms.
    block : int, optional
        The pixels after which the field of the outputs repeats.
    before, after : int, optional
        The halo: for the outputs over pixels a to b, both multiples of `block`, the model needs pixels
        a - before to b + after. None where there is no end.
    align : int, optional
        Tiles start at multiples of this.
    divisor, remainder : int, optional
        Sizes of tiles leave this remainder when divided by the divisor.
    smallest : int, optional
        The smallest tile from which one can go on: as many outputs as `align` pixels have are those of the
        whole image.
    overlap : int, optional
        By how much neighbouring tiles overlap.
    lost : (int, int), optional
        Outputs at the start and at the end of a tile that are not those of the whole image, where the tile
        was cut there.
    proven : bool
        The outputs were compared, one by one, with those of a whole image.
    blocker : Blocker, optional
        Why the axis cannot be cut; then only `before` and `after` may be known.
    """

    name: str
    extent: int | None
    scale: tuple[int, int] | None = None
    block: int | None = None
    before: int | None = None
    after: int | None = None
    align: int | None = None
    divisor: int | None = None
    remainder: int | None = None
    smallest: int | None = None
    overlap: int | None = None
    lost: tuple[int, int] | None = None
    proven: bool = False
    blocker: Blocker | None = None


class Strip(NamedTuple):
    """One tile along one axis; all ends are exclusive.

    Parameters
    ----------
    start, stop : int
        The pixels of the image that it takes.
    first, last : int
        The part of the whole output that it gives.
    skip, keep : int
        The same part, in its own output: from `skip` to `keep`.
    """

    start: int
    stop: int
    first: int
    last: int
    skip: int
    keep: int

    def moved(self, pixels: int, outputs: int) -> Strip:
        """Return the same tile further on: what it keeps of its own output stays."""
        start, stop, first, last = self.start + pixels, self.stop + pixels, self.first, self.last
        return Strip(start, stop, first + outputs, last + outputs, self.skip, self.keep)


@dataclass(frozen=True, slots=True)
class Strips(Sequence[Strip]):
    """The tiles along one axis in order, told by how they repeat, so that a long axis has no long list.

    Parameters
    ----------
    first : Strip
        The tile at the start of the axis.
    repeated : Strip, optional
        The tile behind it, which is repeated; None where there is none.
    times : int
        How often it stands there.
    pixels, outputs : int
        How far each one is from the one before it, in pixels of the image and in outputs.
    last : Strip, optional
        The tile at the end, where the one before it does not reach it.

    Examples
    --------
    >>> strips = Strips(Strip(0, 4, 0, 3, 0, 3), Strip(2, 6, 3, 5, 1, 3), 3, 2, 2, Strip(8, 12, 9, 12, 1, 4))
    >>> len(strips), strips.taken, strips[3]
    (5, 20, Strip(start=6, stop=10, first=7, last=9, skip=1, keep=3))
    """

    first: Strip
    repeated: Strip | None = None
    times: int = 0
    pixels: int = 0
    outputs: int = 0
    last: Strip | None = None

    def __len__(self) -> int:
        return 1 + self.times + (self.last is not None)

    @overload
    def __getitem__(self, place: int) -> Strip: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Strip, ...]: ...

    def __getitem__(self, place: int | slice) -> Strip | tuple[Strip, ...]:
        places = range(len(self))[place]
        return self._at(places) if isinstance(places, int) else tuple(map(self._at, places))

    def _at(self, place: int) -> Strip:
        """Return one tile by its number, which is not negative."""
        if place == 0:
            return self.first
        if place > self.times or self.repeated is None:
            assert self.last is not None
            return self.last
        return self.repeated.moved((place - 1) * self.pixels, (place - 1) * self.outputs)

    @property
    def taken(self) -> int:
        """Pixels that all of them take together."""
        ends = [self.first] if self.last is None else [self.first, self.last]
        repeated = 0 if self.repeated is None else self.repeated.stop - self.repeated.start
        return self.times * repeated + sum(strip.stop - strip.start for strip in ends)


class Memory(NamedTuple):
    """Bytes of activations at batch 1; None where a shape or a type is not known.

    Parameters
    ----------
    peak : int, optional
        The most that is held at a time, as `rfcalc.engine.memory` counts it.
    total : int, optional
        The outputs of all layers, inputs of the model among them, together.
    """

    peak: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How to cut one image.

    Parameters
    ----------
    image, tile, output : tuple of int
        Extents of the image, of the largest tile, and of the whole output.
    strips : tuple of Strips
        The cuts along each axis; the tiles are their product.
    memory, whole : Memory
        What the largest tile takes, and the whole image.
    """

    image: tuple[int, ...]
    tile: tuple[int, ...]
    output: tuple[int, ...]
    strips: tuple[Strips, ...]
    memory: Memory
    whole: Memory

    @property
    def tiles(self) -> tuple[tuple[Strip, ...], ...]:
        """Every tile, by its strip along each axis; the last axis runs fastest."""
        return tuple(product(*self.strips))

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return prod(map(len, self.strips))

    @property
    def work(self) -> float:
        """Pixels that all tiles take together, for each pixel of the image."""
        return prod(row.taken for row in self.strips) / prod(self.image)


class Stream(NamedTuple):
    """What running over a sequence while it comes in needs; in samples, None where there is no end.

    Parameters
    ----------
    history : int, optional
        Samples before a chunk that are needed again; None: all, as a state that the model has to keep.
    look_ahead : int, optional
        Samples behind a chunk that must have come in; None: the whole sequence.
    chunk : int, optional
        Chunks are multiples of this.
    latency : int, optional
        Samples that come in after a sample before its output is there, with the shortest chunks.
    rate : float, optional
        Samples a second.
    """

    history: int | None
    look_ahead: int | None
    chunk: int | None
    latency: int | None
    rate: float | None = None

    def ms(self, samples: int | None) -> float | None:
        """Return a number of samples in milliseconds; None where there is no rate, or no number."""
        return None if samples is None or self.rate is None else samples * 1000 / self.rate


@dataclass(frozen=True, slots=True)
class TilesResult:
    """How a model may be run on pieces of its input.

    Parameters
    ----------
    model, layer, input : str
        Names of the model, of the output that is wanted, and of the input that is cut.
    axes : tuple of TileAxis
        One for each spatial axis of the input.
    cut_gates : bool
        Gates and statistics over the map were left out, so that tiles are near the whole image only.
    plan : Plan, optional
        How to cut the image, where one was asked for and some axis can be cut.
    stream : Stream, optional
        For sequences.
    notes : tuple of Note
        What else there is to say.
    instead : str
        Where no axis can be cut, the last layer on the way that can be, as far as one was found.
    source : str
        Where the model came from, as it was given; empty where it is no file.
    units : str
        What the positions of the input are counted in, several of them.
    """

    model: str
    layer: str
    input: str
    axes: tuple[TileAxis, ...]
    cut_gates: bool = False
    plan: Plan | None = None
    stream: Stream | None = None
    notes: tuple[Note, ...] = ()
    instead: str = ""
    source: str = ""
    units: str = "pixels"

    @property
    def seamless(self) -> bool:
        """Tiles give the very output of the whole image, along one axis at least."""
        return not self.cut_gates and not self.ended and any(axis.blocker is None for axis in self.axes)

    @property
    def status(self) -> Status:
        """``exact`` where what is said was compared output by output, otherwise ``bound``."""
        free = [axis for axis in self.axes if axis.blocker is None]
        sure = all(axis.proven for axis in free) and not self.cut_gates
        return "exact" if sure and not self.assumed and not self.ended else "bound"

    @property
    def assumed(self) -> bool:
        """Something was assumed of an op that no rule knows, because the user said so."""
        return any(note.code == "assumed" for note in self.notes)

    @property
    def ended(self) -> bool:
        """Dependence was made to end at some layers, because the user said so."""
        return any(note.code == "cut" for note in self.notes)

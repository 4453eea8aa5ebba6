"""The answer, as plain data: what is found, before it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rfcalc.engine.result import Note, Status
from rfcalc.errors import UsageError
from rfcalc.records import NamedTuple

_LARGE: Final = 1 << 12
"""Rows from which on no more is worked out than is asked for."""

CROSSING: Final = "crossing"
"""The code of the note that a unit sees a part of the box of its axes alone."""

Span = tuple[int, int, int]
"""First input index, last input index, how many taps."""


@dataclass(frozen=True, slots=True)
class FieldAxis:
    """The field along one spatial axis of the input.

    Parameters
    ----------
    extent : int
        Number of output indices; 1 where the layer keeps no grid on this axis.
    input_extent : int
        Number of input indices.
    status : str
        ``exact`` or ``bound``.
    rows : tuple of (tuple or None)
        For each output index that was asked for (first, last, how many taps); None where it depends on
        nothing.
    masks : sequence of int
        The same as bit masks: bit j for input index j. Of a large map each is made when it is looked at.
    windows : tuple of int, optional
        For each output index how many taps it would have if there were no border; None where that is not so
        many, as behind global pooling, or not known.
    """

    extent: int
    input_extent: int
    status: Status
    rows: tuple[Span | None, ...]
    masks: Sequence[int]
    windows: tuple[int, ...] | None = None

    @property
    def lost(self) -> tuple[float, ...] | None:
        """For each output index the share of its window that lies in padding, at whichever layer."""
        if self.windows is None:
            return None
        pairs = zip(self.windows, self.rows, strict=True)
        return tuple(1 - (row[2] if row else 0) / taps if taps else 0.0 for taps, row in pairs)

    @property
    def touching(self) -> int | None:
        """How many output indices lose part of their window to padding."""
        return None if self.lost is None else sum(share > 0 for share in self.lost)

    @property
    def unseen(self) -> tuple[tuple[int, int], ...]:
        """First and last of each run of input indices that no output index depends on."""
        spans = [(row[0], row[1], index, row[2]) for index, row in enumerate(self.rows) if row is not None]
        seen, behind = 0, 0
        for first, last, _, _ in sorted(span for span in spans if span[3] == span[1] - span[0] + 1):
            start = max(first, behind)
            if start <= last:
                seen |= ((1 << (last - start + 1)) - 1) << start
                behind = last + 1
        every = (1 << self.input_extent) - 1
        for first, last, index, taps in spans:
            if seen == every:
                break
            if taps <= last - first:  # it leaves some out
                seen |= self.masks[index]
        return tuple(_runs(every & ~seen))


def _runs(mask: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last index of each run of bits that are set."""
    place = 0
    while mask:
        skipped = (mask & -mask).bit_length() - 1
        mask >>= skipped
        length = (~mask & (mask + 1)).bit_length() - 1
        yield place + skipped, place + skipped + length - 1
        mask >>= length
        place += skipped + length


@dataclass(frozen=True, slots=True)
class FieldResult:
    """The field of one layer at a concrete size.

    Parameters
    ----------
    model, layer, input : str
        Names of the model, the layer, and the input that the field lies in.
    axes : tuple of FieldAxis
        One for each spatial axis of the input.
    notes : tuple of Note
        What else there is to say.
    units : tuple of str
        What the positions of the input are counted in, along each axis; several of them.
    indices : tuple of int
        For each axis the number of the layer's index that its rows go with: axes with one number share it, as
        those of a map do that was flattened. Empty where each has its own.
    """

    model: str
    layer: str
    input: str
    axes: tuple[FieldAxis, ...]
    notes: tuple[Note, ...] = ()
    units: tuple[str, ...] = ()
    indices: tuple[int, ...] = ()

    @property
    def shared(self) -> tuple[tuple[FieldAxis, ...], ...]:
        """The axes that each index of the layer goes with, in the order of the indices."""
        numbers = self.indices or tuple(range(len(self.axes)))
        groups: dict[int, list[FieldAxis]] = {}
        for number, axis in zip(numbers, self.axes, strict=True):
            groups.setdefault(number, []).append(axis)
        return tuple(map(tuple, groups.values()))


def places_of(index: Sequence[int], indices: Sequence[int], layer: str) -> tuple[int, ...]:
    """Return a unit of a layer as a place for each axis of the input.

    Parameters
    ----------
    index : sequence of int
        A place for each index of the layer, or for each axis of the input.
    indices : sequence of int
        For each axis of the input the number of the layer's index.
    layer : str
        The name of the layer.

    Raises
    ------
    UsageError
        It has too many or too few, or others for axes that share an index.
    """
    count = len(set(indices))
    if len(index) == count:
        return tuple(index[number] for number in indices)
    check_places(index, len(indices))
    if len(set(zip(indices, index, strict=True))) > count:
        one = "one index goes" if count == 1 else f"{count} indices go"
        raise UsageError(f"{one} with all axes in {layer!r}, as its map was reshaped; give {count}")
    return tuple(index)


def check_places(index: Sequence[int], rank: int) -> None:
    """Refuse an index that has not a place for each spatial axis of the input.

    Raises
    ------
    UsageError
        It has too many or too few.
    """
    if len(index) != rank:
        places = f"{len(index)} place{'s' * (len(index) != 1)}"
        axes = f"{rank} spatial ax{'i' if rank == 1 else 'e'}s"
        raise UsageError(f"({', '.join(map(str, index))}) has {places}, but the input has {axes}")


def check_output(place: int, extent: int) -> None:
    """Refuse an output that is not there.

    Raises
    ------
    UsageError
        It is not.
    """
    if not 0 <= place < extent:
        raise UsageError(f"there is no output {place} on an axis of {extent}; give 0 to {extent - 1}")


class PhaseAxis(NamedTuple):
    """The fields along one spatial axis of the input, gates cut.

    Parameters
    ----------
    advance : int
        Pixels of the input by which the fields move on from one period to the next.
    rows : tuple of (tuple or None)
        For each phase r the first and the last pixel that output r reads, far from the border: output
        ``r + k * period`` reads those that lie ``k * advance`` further on. None where it reads nothing. No
        rows where the layer keeps no grid or sees the whole axis.
    exact : bool
        False where more is covered than is read.
    """

    advance: int
    rows: tuple[tuple[int, int] | None, ...]
    exact: bool = True

    @property
    def period(self) -> int:
        """After how many outputs the fields repeat."""
        return len(self.rows)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The size of the field of each phase."""
        return tuple(0 if row is None else row[1] - row[0] + 1 for row in self.rows)


@dataclass(frozen=True, slots=True)
class PhasesResult:
    """The field of one layer by output phase.

    Parameters
    ----------
    model, layer, input : str
        Names of the model, the layer, and the input that the field lies in.
    axes : tuple of PhaseAxis
        One for each spatial axis of the input.
    notes : tuple of Note
        What else there is to say.
    units : tuple of str
        What the positions of the input are counted in, along each axis; several of them.
    """

    model: str
    layer: str
    input: str
    axes: tuple[PhaseAxis, ...]
    notes: tuple[Note, ...] = ()
    units: tuple[str, ...] = ()

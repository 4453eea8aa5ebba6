"""What an analysis claims of a tensor, element by element, so that a run of the model can be held to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rfcalc.algebra.pattern import Pattern
from rfcalc.records import NamedTuple


class Way(NamedTuple):
    """One way on which the elements of a tensor read one axis of the input.

    Parameters
    ----------
    offsets : tuple of tuple of int
        For each axis of the tensor what each of its indices adds to the number of a row.
    rows : tuple of int
        The rows: bit j of one stands for index j of the input's axis.
    """

    offsets: tuple[tuple[int, ...], ...]
    rows: tuple[int, ...]

    @property
    def moving(self) -> frozenset[int]:
        """The axes of the tensor whose index counts."""
        return frozenset(axis for axis, steps in enumerate(self.offsets) if any(steps))


class Claim(NamedTuple):
    """What is said of one tensor.

    Parameters
    ----------
    layer : str
        The layer that makes it.
    shape : tuple of (int or None)
        Its extents; None where one is not known.
    ways : mapping of int to sequence of Way
        By axis of the chosen input, as the tensor has it, the ways on which elements read it: what an element
        depends on is their union. An axis of which nothing is said is left out.
    apart : frozenset of int
        Axes of the input of which no element reads more than one index, where nothing more is said: samples.
    listed : mapping of int to (int, Way)
        By axis of the input, the axis of the tensor that goes with it, and the rows that are listed by the
        index of that axis, whatever the other indices are: what is shown where `ways` move along others too.
    exact : bool
        False where more is covered than is read.
    macs : int, optional
        Multiply-accumulates of the layer for all samples of the input, at most.
    masked : Pattern, optional
        The elements that read anything at all, where a mask is remembered; the ways are of these alone.
    alike : mapping of int to frozenset of int
        By axis of the input, the axes of the tensor that are not told apart: channels, and but for an axis of
        samples these. What is said of a position is what any of them reads.
    """

    layer: str
    shape: tuple[int | None, ...]
    ways: Mapping[int, Sequence[Way]]
    apart: frozenset[int]
    listed: Mapping[int, tuple[int, Way]]
    exact: bool
    macs: int | None
    masked: Pattern | None
    alike: Mapping[int, frozenset[int]]


class Beyond(NamedTuple):
    """A change that no claim allows: the tensor, the input's axis and index, and the element that changed."""

    tensor: str
    axis: int
    row: int
    at: tuple[int, ...]


class Idle(NamedTuple):
    """Rows of a tensor that were said to depend on what was changed, and never did.

    Parameters
    ----------
    tensor, axis
        The tensor, and the axis of the input.
    pairs : int
        How many pairs of a row and a changed index.
    row : int
        The index of the input that was changed, of the first.
    at : tuple of int
        The index of the tensor, of the first.
    """

    tensor: str
    axis: int
    pairs: int
    row: int
    at: tuple[int, ...]


class Observed(NamedTuple):
    """What running the model showed.

    Parameters
    ----------
    shapes : mapping
        The shape of each tensor that was looked at.
    beyond, idle : tuple
        Changes beyond what was claimed, and claims that no change bore out.
    claimed, seen : int
        How many pairs of a row and a changed index were claimed, and how many of these did change.
    sure : int
        How many of those that were claimed are exact.
    macs : mapping of str to int
        Multiply-accumulates by tensor, counted from the shapes that met in the run.
    taken : frozenset of str
        Tensors of weights that nobody counted, and that the outputs depend on.
    """

    shapes: Mapping[str, tuple[int, ...]]
    beyond: tuple[Beyond, ...]
    idle: tuple[Idle, ...]
    claimed: int
    seen: int
    sure: int
    macs: Mapping[str, int]
    taken: frozenset[str]

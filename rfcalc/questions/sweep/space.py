"""The space of designs of a sweep: what is varied, the number of each design, and blocks of designs.

Designs are numbered from 0, the last axis moving fastest. A block is a set of designs whose values lie along
the axes of an array: a box, in which each axis varies along an array axis of its own, or a flat list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Final, Literal

import numpy as np

from rfcalc.designs import places
from rfcalc.errors import UsageError

Value = int | bool | str
"""What an axis holds: a number or a switch of the model, an extent, the name of a counterfactual."""

Kind = Literal["parameter", "dim", "variant"]

Index = tuple[range, ...]
"""For each axis a range of indices into its values."""

WIDEST: Final = 2**63
"""Numbers of designs below this are 64-bit integers, others those of Python."""


@dataclass(frozen=True)
class Axis:
    """One thing that is varied.

    Parameters
    ----------
    name : str
        The name of a parameter, the letter (or name) of an extent of the input, or ``variant``.
    kind : str
        ``parameter``, ``dim`` or ``variant``.
    values : tuple of (int, bool or str)
        What it takes, in the order given, each once.

    Raises
    ------
    UsageError
        It has no values, or one of them twice.
    """

    name: str
    kind: Kind
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise UsageError(f"{self.name!r} is to be varied over nothing; give it one value or more")
        seen: set[tuple[type, Value]] = set()
        for value in self.values:
            if (type(value), value) in seen:  # true is not 1 here
                raise UsageError(f"{self.name!r} is to be varied over {spelled(value)} twice")
            seen.add((type(value), value))

    @cached_property
    def array(self) -> Any:
        """The values as an array: of integers where 64 bits hold them, of truth values, or of objects."""
        if all(type(value) is bool for value in self.values):
            return np.array(self.values, dtype=bool)
        if all(type(value) is int and -WIDEST <= value < WIDEST for value in self.values):
            return np.array(self.values, dtype=np.int64)
        found = np.empty(len(self.values), dtype=object)
        found[:] = self.values
        return found


@dataclass(frozen=True)
class Space:
    """All designs of a grid.

    Parameters
    ----------
    axes : tuple of Axis
        What is varied, the last moving fastest.

    Raises
    ------
    UsageError
        Two axes have one name.

    Examples
    --------
    >>> space = Space((Axis("width", "parameter", (8, 16)), Axis("pool", "parameter", (False, True))))
    >>> space.size, space.design(1)
    (4, {'width': 8, 'pool': True})
    """

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        names = [axis.name for axis in self.axes]
        doubled = next((name for name in names if names.count(name) > 1), None)
        if doubled is not None:
            raise UsageError(f"{doubled!r} is varied twice; give all of its values at once")

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def size(self) -> int:
        """How many designs there are, however many; ``len`` gives the same as long as it can."""
        return prod(self.lengths)

    def __len__(self) -> int:
        return self.size

    def design(self, number: int) -> dict[str, Value]:
        """Return the values of one design by the names of the axes.

        Raises
        ------
        UsageError
            There is no design of that number.
        """
        chosen = places(self.lengths, number)
        return {axis.name: axis.values[place] for axis, place in zip(self.axes, chosen, strict=True)}

    def block(self, first: int, last: int) -> list[Block]:
        """Return the designs from `first` up to `last`, that not included, in order, in the fewest boxes.

        Examples
        --------
        >>> space = Space((Axis("a", "parameter", (0, 1, 2)), Axis("b", "parameter", (0, 1, 2))))
        >>> [block.numbers().tolist() for block in space.block(1, 7)]
        [[1, 2], [3, 4, 5], [6]]
        """
        return [self._box(ranges) for ranges in _boxes(first, last, self.lengths)]

    def chosen(self, numbers: Any) -> Block:
        """Return a flat block of the designs of these numbers, an array of integers, in this order."""
        rest, places = np.asarray(numbers), []
        for axis in reversed(self.axes):
            places.append((rest % len(axis.values)).astype(np.int64))
            rest = rest // len(axis.values)
        return self.at(places[::-1])

    def at(self, places: Sequence[Any]) -> Block:
        """Return a flat block: of each axis an array of indices into its values, all equally long."""
        return Block(self, tuple(places), np.shape(places[0]) if places else (1,))

    def _box(self, ranges: Index) -> Block:
        rank = len(ranges)
        indices = tuple(
            np.arange(each.start, each.stop).reshape([-1 if place == axis else 1 for place in range(rank)])
            for axis, each in enumerate(ranges)
        )
        return Block(self, indices, tuple(map(len, ranges)))


@dataclass(frozen=True)
class Block:
    """Some designs of a space, in C order of `shape`.

    Parameters
    ----------
    space : Space
        The space that they are of.
    indices : tuple of ndarray
        For each axis of the space indices into its values, arrays that broadcast to `shape`: in a box each is
        long along one array axis alone, in a flat block all are equally long.
    shape : tuple of int
        The shape of the array of designs.
    """

    space: Space
    indices: tuple[Any, ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many designs it holds."""
        return prod(self.shape)

    def numbers(self) -> Any:
        """Return the numbers of its designs: 64-bit integers, or Python's where the space is larger."""
        wide = self.space.size > WIDEST
        number: Any = np.zeros(self.shape, dtype=object if wide else np.int64)
        for axis, index in zip(self.space.axes, self.indices, strict=True):
            number = number * len(axis.values) + (index.astype(object) if wide else index)
        return np.broadcast_to(number, self.shape).reshape(-1)

    def column(self, place: int) -> Any:
        """Return for each design the value of one axis, in the order of `numbers`."""
        return np.broadcast_to(self.space.axes[place].array[self.indices[place]], self.shape).reshape(-1)

    def designs(self) -> Iterator[tuple[Value, ...]]:
        """Yield the values of each design, an axis each, in the order of `numbers`."""
        flat = [np.broadcast_to(index, self.shape).reshape(-1).tolist() for index in self.indices]
        values = [axis.values for axis in self.space.axes]
        for place in range(self.size):
            yield tuple(each[index[place]] for each, index in zip(values, flat, strict=True))


def spelled(value: Value) -> str:
    """Spell a value as the command line takes it.

    >>> spelled(True), spelled(16), spelled("plain")
    ('true', '16', 'plain')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)


def _boxes(first: int, last: int, lengths: Sequence[int]) -> list[Index]:
    """Cut a range of numbers into the fewest boxes, each a range of indices along every axis, in order."""
    if first >= last:
        return []
    if not lengths:
        return [()]
    inner, below = lengths[1:], prod(lengths[1:])
    (start, begun), (stop, left) = divmod(first, below), divmod(last, below)
    if start == stop:
        return [(range(start, start + 1), *box) for box in _boxes(begun, left, inner)]
    head = [(range(start, start + 1), *box) for box in _boxes(begun, below, inner)] if begun else []
    whole = range(start + bool(begun), stop)
    middle: list[Index] = [(whole, *map(range, inner))] if whole else []
    tail = [(range(stop, stop + 1), *box) for box in _boxes(0, left, inner)]
    return [*head, *middle, *tail]

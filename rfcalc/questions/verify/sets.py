"""For each element of a tensor, which indices of the input it depends on: sets, as bits of an integer.

Everything is enumerated: no windows, periods or intervals, so that it shares no thought with the rules. One
axis of the input is followed at a time; of an element's pixels only their index on it is kept, which unions
and compositions respect. Indices of a tensor axis that are alike, as all channels of one convolution are,
make a class, of which the sets are stored once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import reduce
from itertools import chain, count, groupby, product, zip_longest
from math import prod
from operator import eq, or_
from typing import Any, Final, TypeAlias, TypeVar

T = TypeVar("T")

Classes: TypeAlias = "tuple[int, ...]"
"""The class of each index of an axis, numbered as they appear; empty where there is but one."""

_BEYOND: Final = -1
"""The class of what is outside of an axis."""


class Sets:
    """A set for each element of a tensor.

    Parameters
    ----------
    shape : sequence of int
        Extents of the tensor.
    classes : sequence of tuple of int
        For each axis the class of each index; empty where the sets are the same along it.
    cells : list of int
        The sets in row-major order of classes; bit j for input index j, and bit `outside` for the padding.
    outside : int
        The extent of the input axis, which is the bit of an index that is none.

    Attributes
    ----------
    stored : tuple of int
        How many classes each axis has, which are the extents of what is stored.

    Examples
    --------
    >>> x = Sets.of_input((1, 4, 3), 1)
    >>> x.read(1, [[-1, 0], [0, 1], [1, 2], [2, 3]]).cells  # bit 4: padding
    [17, 3, 6, 12]
    """

    __slots__ = ("_known", "cells", "classes", "outside", "shape", "stored")

    def __init__(
        self, shape: Sequence[int], classes: Sequence[Classes], cells: list[int], outside: int
    ) -> None:
        self.shape = tuple(shape)
        self.classes = tuple(classes)
        self.stored = tuple(max(of) + 1 if of else 1 for of in classes)
        self.cells = cells
        self.outside = outside
        self._known: dict[Hashable, Any] = {}

    @classmethod
    def of_input(cls, shape: Sequence[int], axis: int) -> Sets:
        """Let each element depend on its own index on an axis."""
        extent = shape[axis]
        classes = [_apart(extent) if place == axis else () for place in range(len(shape))]
        return cls(shape, classes, [1 << index for index in range(extent)], extent)

    @classmethod
    def alike(cls, shape: Sequence[int], cell: int, outside: int) -> Sets:
        """Let all elements depend on the same."""
        return cls(shape, ((),) * len(shape), [cell], outside)

    @classmethod
    def nothing(cls, shape: Sequence[int], outside: int) -> Sets:
        """Let no element depend on anything."""
        return cls.alike(shape, 0, outside)

    def covering(self, others: Iterable[Sets]) -> Sets:
        """Let every element depend on all that others do as well."""
        cell = reduce(or_, (other.everything() for other in others), 0)
        return united(self, Sets.alike(self.shape, cell, self.outside))

    def everything(self) -> int:
        """Return the union of all sets."""
        return reduce(or_, self.cells, 0)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Work something out of these sets the first time that it is asked for."""
        if key not in self._known:
            self._known[key] = make()
        found: T = self._known[key]
        return found

    def is_aside(self, axis: int) -> bool:
        """Tell whether the sets change along other axes, and not along this one."""
        return self.stored[axis] == 1 < self.shape[axis] and max(self.stored) > 1

    # -- along one axis

    def read(self, axis: int, rows: Iterable[Iterable[int]]) -> Sets:
        """Let output k along an axis read the elements of row k; what is outside of the axis is padding.

        Rows that read the same classes give the same, which is united once. Where the sets change along other
        axes alone there is nothing to take apart: that a window lies in padding here is a matter of this
        axis, not of the one that is followed.
        """
        extent = self.shape[axis]
        own = self.classes[axis] or (0,) * extent
        return self._reading(
            axis, [frozenset([own[j] if 0 <= j < extent else _BEYOND for j in row]) for row in rows]
        )

    def _reading(self, axis: int, reads: Sequence[frozenset[int]]) -> Sets:
        """Let output k along an axis read the k-th of these sets of classes."""
        shape = _put(self.shape, axis, len(reads))
        if not reads:
            return Sets.nothing(shape, self.outside)
        if self.is_aside(axis):
            return Sets(shape, self.classes, self.cells, self.outside)
        classes, firsts = _numbered(reads)
        inner = prod(self.stored[axis + 1 :])
        block = self.stored[axis] * inner
        cells: list[int] = []
        for start in range(0, len(self.cells), block):
            lines = [self.cells[start + k : start + block : inner] for k in range(inner)]
            for line in lines:
                line.append(1 << self.outside)  # where _BEYOND points to
            made = [[reduce(or_, [line[c] for c in reads[k]] or [0]) for k in firsts] for line in lines]
            cells += made[0] if inner == 1 else chain(*zip(*made, strict=True))
        return Sets(shape, _put(self.classes, axis, classes), cells, self.outside)

    def whole(self, axis: int, extent: int | None = None) -> Sets:
        """Let each of `extent` elements along an axis read all of it, which is united once."""
        every = frozenset(range(min(self.stored[axis], self.shape[axis])))
        one = self
        if self.shape[axis] != 1:
            one = self.once(("whole", axis), lambda: self._reading(axis, [every]))
        shape = _put(self.shape, axis, self.shape[axis] if extent is None else extent)
        return one if one.shape == shape else Sets(shape, one.classes, one.cells, self.outside)

    def along(self, axis: int) -> list[int]:
        """List the sets along an axis, all else being alike; a single one where they are alike on it too."""
        return [self.cells[k] for k in self.classes[axis]] or self.cells

    def without(self, shape: Sequence[int], hidden: Iterable[Sequence[int]]) -> Sets:
        """Let the elements at some indices of a smaller shape, which stretches to this one, need nothing."""
        lead = len(self.shape) - len(shape)
        wanted = [_apart(n) for n in (*(1,) * lead, *shape)]
        whole = united(self, Sets(self.shape, wanted, [0] * prod(shape), self.outside))
        gone = {tuple(index) for index in hidden}
        places = product(*map(range, whole.stored))
        cells = [
            0 if tuple(i if n > 1 else 0 for i, n in zip(at[lead:], shape, strict=True)) in gone else cell
            for at, cell in zip(places, whole.cells, strict=True)
        ]
        return Sets(whole.shape, whole.classes, cells, self.outside)

    # -- the order of elements

    def over(self, picks: Sequence[Sequence[int]]) -> list[int]:
        """List the cells of some classes of each axis, in row-major order."""
        return _picked(self.cells, _steps(self.stored), picks)

    def reshape(self, shape: Sequence[int]) -> Sets:
        """Take the elements in row-major order under another shape."""
        if prod(shape) != prod(self.shape):
            raise ValueError(f"{prod(self.shape)} elements do not fit {tuple(shape)}")
        if not prod(shape):
            return Sets.nothing(shape, self.outside)
        classes: list[Classes] = []
        counts: list[int] = []
        picks: list[list[int]] = []
        for old, new in _groups(self.shape, shape):
            counts.append(prod(self.stored[axis] for axis in old))
            if counts[-1] == 1:
                classes += [()] * len(new)
                picks.append([0])
                continue
            indices = [self.classes[axis] or (0,) * self.shape[axis] for axis in old]
            flat = _picked(range(counts[-1]), _steps([self.stored[axis] for axis in old]), indices)
            parted, pick = _parted(flat, [shape[axis] for axis in new])
            classes += parted
            picks.append(pick)
        return Sets(shape, classes, _picked(self.cells, _steps(counts), picks), self.outside).squashed()

    def permute(self, order: Sequence[int]) -> Sets:
        """Let new axis a be the present axis ``order[a]``."""
        steps = _steps(self.stored)
        cells = _picked(self.cells, [steps[a] for a in order], [range(self.stored[a]) for a in order])
        return Sets([self.shape[a] for a in order], [self.classes[a] for a in order], cells, self.outside)

    def insert(self, axes: Iterable[int]) -> Sets:
        """Insert axes of one element, at places counted in the result."""
        shape, classes = list(self.shape), list(self.classes)
        for axis in sorted(axes):
            shape.insert(axis, 1)
            classes.insert(axis, ())
        return Sets(shape, classes, self.cells, self.outside)

    def drop(self, axes: Iterable[int]) -> Sets:
        """Take the first element along axes, which go."""
        gone = set(axes)
        found = self
        for axis in gone:
            found = found.read(axis, [[0]])
        left = [axis for axis in range(len(self.shape)) if axis not in gone]
        return Sets(
            [found.shape[a] for a in left], [found.classes[a] for a in left], found.cells, self.outside
        )

    def stretch(self, shape: Sequence[int]) -> Sets:
        """Stretch axes of one element, and put new ones in front, by the rules of numpy."""
        lead = len(shape) - len(self.shape)
        for have, want in zip(self.shape, shape[lead:], strict=True):
            if have not in (1, want):
                raise ValueError(f"{self.shape} does not stretch to {tuple(shape)}")
        return Sets(shape, ((),) * lead + self.classes, self.cells, self.outside)

    def squashed(self) -> Sets:
        """Make one class of neighbours that have the same sets: along an axis where all do, nothing changes.

        They are compared, not looked up: windows of one shape have few different hashes as numbers.
        """
        found = self.once("squashed", self._merged)
        return found.once("squashed", lambda: found)

    def _merged(self) -> Sets:
        """Return the same sets with such classes, axis by axis."""
        found = self
        for axis in (axis for axis, stored in enumerate(self.stored) if stored > 1):
            columns = _columns(found.cells, found.stored, axis)
            if any(map(eq, columns, columns[1:])):
                runs = [list(run) for _, run in groupby(range(len(columns)), columns.__getitem__)]
                numbers = [number for number, run in enumerate(runs) for _ in run]
                classes = tuple(numbers[k] for k in found.classes[axis]) if len(runs) > 1 else ()
                picks = _put([range(count) for count in found.stored], axis, [run[0] for run in runs])
                every = _put(found.classes, axis, classes)
                found = Sets(found.shape, every, found.over(picks), self.outside)
        return found


def united(first: Sets, *others: Sets) -> Sets:
    """Unite tensors element by element, stretched to one shape."""
    every = (first, *others)
    extents = zip_longest(*(each.shape[::-1] for each in every), fillvalue=1)
    shape = [next((n for n in along if n != 1), 1) for along in extents][::-1]
    parts = [each.stretch(shape) for each in every]
    axes = [_common([part.classes[place] for part in parts]) for place in range(len(shape))]
    lists = [part.over([picks[n] for _, picks in axes]) for n, part in enumerate(parts)]
    cells = [reduce(or_, cell) for cell in zip(*lists, strict=True)]
    return Sets(shape, [classes for classes, _ in axes], cells, first.outside)


def end_to_end(parts: Sequence[Sets], axis: int) -> Sets:
    """Put tensors end to end along an axis."""
    filled = [part for part in parts if part.shape[axis]] or parts[:1]
    shape = _put(parts[0].shape, axis, sum(part.shape[axis] for part in parts))
    axes = [
        _in_line(filled, place) if place == axis else _common([part.classes[place] for part in filled])
        for place in range(len(shape))
    ]
    lists = [part.over([picks[n] for _, picks in axes]) for n, part in enumerate(filled)]
    outer = prod(len(picks[0]) for _, picks in axes[:axis])
    blocks = [len(own) // outer for own in lists]
    cells = [
        cell
        for k in range(outer)
        for own, block in zip(lists, blocks, strict=True)
        for cell in own[k * block : (k + 1) * block]
    ]
    return Sets(shape, [classes for classes, _ in axes], cells, parts[0].outside).squashed()


# ---- classes -----------------------------------------------------------------------------------------------


def _apart(extent: int) -> Classes:
    """Return classes of one index each."""
    return tuple(range(extent)) if extent > 1 else ()


def _numbered(keys: Iterable[Hashable]) -> tuple[Classes, list[int]]:
    """Put equal keys into one class: the class of each, and the place of the first key of each class."""
    seen: dict[Hashable, int] = {}
    places = list(map(seen.setdefault, keys, count()))
    firsts = list(seen.values())
    numbers = dict(zip(firsts, count(), strict=False))
    return tuple(map(numbers.__getitem__, places)) if len(firsts) > 1 else (), firsts


def _common(given: Sequence[Classes]) -> tuple[Classes, list[Sequence[int]]]:
    """Return the coarsest classes that are parts of all given ones, and what each is a part of."""
    moving = [classes for classes in given if classes]
    classes, firsts = _numbered(zip(*moving, strict=True)) if moving else ((), [0])
    return classes, [[own[k] for k in firsts] if own else [0] * len(firsts) for own in given]


def _in_line(parts: Sequence[Sets], axis: int) -> tuple[Classes, list[Sequence[int]]]:
    """Return the classes of axes that are put end to end, and those of each part."""
    every = [(n, k) for n, part in enumerate(parts) for k in part.classes[axis] or (0,) * part.shape[axis]]
    return _numbered(every)[0], [range(part.stored[axis]) for part in parts]


def _parted(flat: Sequence[int], extents: Sequence[int]) -> tuple[list[Classes], list[int]]:
    """Cut an axis, of which the class of each index is given, into several.

    Returns the classes along each of these, and the given class of each combination of them.
    """
    axes = [_numbered(_columns(flat, extents, axis)) for axis in range(len(extents))]
    firsts = [first for _, first in axes]
    return [classes for classes, _ in axes], _picked(flat, _steps(extents), firsts)


def _columns(cells: Sequence[int], extents: Sequence[int], axis: int) -> Sequence[Hashable]:
    """Return for each index of an axis what lies at it, to compare: the cell, or all of them."""
    count, inner = extents[axis], prod(extents[axis + 1 :])
    if count == len(cells):
        return cells
    if inner == 1:
        return [tuple(cells[k::count]) for k in range(count)]
    runs = [cells[start : start + inner] for start in range(0, len(cells), inner)]
    return [tuple(chain(*runs[k::count])) for k in range(count)]


def _steps(extents: Sequence[int]) -> list[int]:
    """Return how far apart neighbours along each axis are, in row-major order."""
    return [prod(extents[axis + 1 :]) for axis in range(len(extents))]


def _picked(cells: Sequence[int], steps: Sequence[int], picks: Iterable[Sequence[int]]) -> list[int]:
    """List the cells at all combinations of some indices of each axis."""
    places = [0]
    for step, pick in zip(steps, picks, strict=True):
        places = [place + step * index for place in places for index in pick]
    return [cells[place] for place in places]


def _put(extents: Sequence[Any], axis: int, extent: Any) -> tuple[Any, ...]:
    return (*extents[:axis], extent, *extents[axis + 1 :])


def _groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[range, range]]:
    """Part the axes of two shapes of as many elements into runs of as many elements each, in order."""
    groups: list[tuple[range, range]] = []
    a = b = 0
    while a < len(old) or b < len(new):
        c, d = min(a + 1, len(old)), min(b + 1, len(new))
        while prod(old[a:c]) != prod(new[b:d]):
            if prod(old[a:c]) < prod(new[b:d]):
                c += 1
            else:
                d += 1
        groups.append((range(a, c), range(b, d)))
        a, b = c, d
    return groups

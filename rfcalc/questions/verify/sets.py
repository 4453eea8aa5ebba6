"""For each element of a tensor, which indices of the input it depends on: sets, as bits of an integer.

Everything is enumerated: no windows, periods or intervals, so that it shares no thought with the rules. One
axis of the input is followed at a time; of an element's pixels only their index on it is kept, which unions
and compositions respect. Tensor axes along which nothing changes are stored once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import product
from math import prod
from operator import or_


class Sets:
    """A set for each element of a tensor.

    Parameters
    ----------
    shape : sequence of int
        Extents of the tensor.
    stored : sequence of int
        Extents of what is stored: that of the tensor, or 1 where the sets are the same along an axis.
    cells : list of int
        The sets in row-major order of `stored`; bit j for input index j, and bit `outside` for the padding.
    outside : int
        The extent of the input axis, which is the bit of an index that is none.

    Examples
    --------
    >>> x = Sets.of_input((1, 4, 3), 1)
    >>> x.read(1, [[-1, 0], [0, 1], [1, 2], [2, 3]]).cells  # bit 4: padding
    [17, 3, 6, 12]
    """

    __slots__ = ("cells", "outside", "shape", "stored")

    def __init__(self, shape: Sequence[int], stored: Sequence[int], cells: list[int], outside: int) -> None:
        self.shape = tuple(shape)
        self.stored = tuple(stored)
        self.cells = cells
        self.outside = outside

    @classmethod
    def of_input(cls, shape: Sequence[int], axis: int) -> Sets:
        """Let each element depend on its own index on an axis."""
        extent = shape[axis]
        stored = [extent if place == axis else 1 for place in range(len(shape))]
        return cls(shape, stored, [1 << index for index in range(extent)], extent)

    @classmethod
    def alike(cls, shape: Sequence[int], cell: int, outside: int) -> Sets:
        """Let all elements depend on the same."""
        return cls(shape, [1] * len(shape), [cell], outside)

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

    def is_aside(self, axis: int) -> bool:
        """Tell whether the sets change along other axes, and not along this one."""
        return self.stored[axis] == 1 < self.shape[axis] and max(self.stored) > 1

    # -- along one axis

    def read(self, axis: int, rows: Iterable[Iterable[int]]) -> Sets:
        """Let output k along an axis read the elements of row k; what is outside of the axis is padding.

        Where the sets change along other axes alone there is nothing to take apart: that a window lies in
        padding here is a matter of this axis, not of the one that is followed.
        """
        extent, there = self.shape[axis], self.stored[axis]
        listed = [list(row) for row in rows]
        shape = _put(self.shape, axis, len(listed))
        if not listed:
            return Sets.nothing(shape, self.outside)
        if self.is_aside(axis):
            return Sets(shape, self.stored, self.cells, self.outside)
        inner = prod(self.stored[axis + 1 :])
        block = there * inner
        taken = [sorted({min(j, there - 1) for j in row if 0 <= j < extent}) for row in listed]
        padded = [any(not 0 <= j < extent for j in row) << self.outside for row in listed]
        if there == 1 and len(set(map(bool, taken))) == 1 and len(set(padded)) == 1:
            taken, padded = taken[:1], padded[:1]
        cells: list[int] = []
        for start in range(0, len(self.cells), block):
            for row, pad in zip(taken, padded, strict=True):
                places = [start + j * inner for j in row]
                for k in range(inner):
                    found = pad
                    for place in places:
                        found |= self.cells[place + k]
                    cells.append(found)
        return Sets(shape, _put(self.stored, axis, len(taken)), cells, self.outside)

    def whole(self, axis: int, extent: int | None = None) -> Sets:
        """Let each of `extent` elements along an axis read all of it."""
        count = self.shape[axis] if extent is None else extent
        united = self.read(axis, [range(self.shape[axis])])
        return Sets(_put(self.shape, axis, count), united.stored, united.cells, self.outside)

    def without(self, shape: Sequence[int], hidden: Iterable[Sequence[int]]) -> Sets:
        """Let the elements at some indices of a smaller shape, which stretches to this one, need nothing."""
        lead = len(self.shape) - len(shape)
        changing = [lead + axis for axis, extent in enumerate(shape) if extent > 1]
        whole = self.full(changing)
        gone = {tuple(index) for index in hidden}
        places = product(*map(range, whole.stored))
        cells = [
            0 if tuple(i if n > 1 else 0 for i, n in zip(at[lead:], shape, strict=True)) in gone else cell
            for at, cell in zip(places, whole.cells, strict=True)
        ]
        return Sets(whole.shape, whole.stored, cells, self.outside)

    # -- the order of elements

    def full(self, axes: Iterable[int]) -> Sets:
        """Store these axes in full."""
        wanted = {axis for axis in axes if self.stored[axis] != self.shape[axis]}
        if not wanted:
            return self
        stored = tuple(n if axis in wanted else self.stored[axis] for axis, n in enumerate(self.shape))
        return Sets(self.shape, stored, self._over(stored), self.outside)

    def _over(self, stored: Sequence[int]) -> list[int]:
        """List the cells over larger stored extents."""
        steps = [0 if n == 1 else prod(self.stored[axis + 1 :]) for axis, n in enumerate(self.stored)]
        places = [0]
        for count, step in zip(stored, steps, strict=True):
            places = [place + step * index for place in places for index in range(count)]
        return [self.cells[place] for place in places]

    def reshape(self, shape: Sequence[int]) -> Sets:
        """Take the elements in row-major order under another shape."""
        if prod(shape) != prod(self.shape):
            raise ValueError(f"{prod(self.shape)} elements do not fit {tuple(shape)}")
        stored: list[int] = []
        whole = self
        for old, new in _groups(self.shape, shape):
            if all(self.stored[axis] == 1 for axis in old):
                stored += [1] * len(new)
            else:
                whole = whole.full(old)
                stored += [shape[axis] for axis in new]
        return Sets(shape, stored, whole.cells, self.outside).squashed()

    def permute(self, order: Sequence[int]) -> Sets:
        """Let new axis a be the present axis ``order[a]``."""
        stored = [self.stored[axis] for axis in order]
        steps = [prod(self.stored[axis + 1 :]) for axis in order]
        cells = [
            self.cells[sum(index * step for index, step in zip(at, steps, strict=True))]
            for at in product(*map(range, stored))
        ]
        return Sets([self.shape[axis] for axis in order], stored, cells, self.outside)

    def insert(self, axes: Iterable[int]) -> Sets:
        """Insert axes of one element, at places counted in the result."""
        shape, stored = list(self.shape), list(self.stored)
        for axis in sorted(axes):
            shape.insert(axis, 1)
            stored.insert(axis, 1)
        return Sets(shape, stored, self.cells, self.outside)

    def drop(self, axes: Iterable[int]) -> Sets:
        """Take the first element along axes, which go."""
        gone = set(axes)
        found = self
        for axis in gone:
            found = found.read(axis, [[0]])
        left = [axis for axis in range(len(self.shape)) if axis not in gone]
        return Sets(
            [found.shape[a] for a in left], [found.stored[a] for a in left], found.cells, self.outside
        )

    def stretch(self, shape: Sequence[int]) -> Sets:
        """Stretch axes of one element, and put new ones in front, by the rules of numpy."""
        lead = len(shape) - len(self.shape)
        for have, want in zip(self.shape, shape[lead:], strict=True):
            if have not in (1, want):
                raise ValueError(f"{self.shape} does not stretch to {tuple(shape)}")
        return Sets(shape, (1,) * lead + self.stored, self.cells, self.outside)

    def squashed(self) -> Sets:
        """Store axes once along which nothing changes."""
        found = self
        for axis, count in enumerate(self.stored):
            if count > 1:
                inner = prod(found.stored[axis + 1 :])
                block = count * inner
                starts = range(0, len(found.cells), block)
                if all(
                    found.cells[start : start + inner]
                    == found.cells[start + k * inner : start + (k + 1) * inner]
                    for start in starts
                    for k in range(1, count)
                ):
                    cells = [cell for start in starts for cell in found.cells[start : start + inner]]
                    found = Sets(found.shape, _put(found.stored, axis, 1), cells, self.outside)
        return found


def united(first: Sets, *others: Sets) -> Sets:
    """Unite tensors element by element, stretched to one shape."""
    every = (first, *others)
    rank = max(len(each.shape) for each in every)
    shape = [1] * rank
    for each in every:
        for place in range(1, len(each.shape) + 1):
            shape[-place] = shape[-place] if each.shape[-place] == 1 else each.shape[-place]
    parts = [each.stretch(shape) for each in every]
    stored = [max(part.stored[axis] for part in parts) for axis in range(rank)]
    cells = [reduce(or_, cell) for cell in zip(*(part._over(stored) for part in parts), strict=True)]
    return Sets(shape, stored, cells, first.outside)


def end_to_end(parts: Sequence[Sets], axis: int) -> Sets:
    """Put tensors end to end along an axis."""
    stored = [max(part.stored[place] for part in parts) for place in range(len(parts[0].shape))]
    total = sum(part.shape[axis] for part in parts)
    inner, outer = prod(stored[axis + 1 :]), prod(stored[:axis])
    lists = [(part._over(_put(stored, axis, part.shape[axis])), part.shape[axis] * inner) for part in parts]
    cells = [cell for k in range(outer) for own, block in lists for cell in own[k * block : (k + 1) * block]]
    shape = _put(parts[0].shape, axis, total)
    return Sets(shape, _put(stored, axis, total), cells, parts[0].outside).squashed()


def _put(extents: Sequence[int], axis: int, extent: int) -> tuple[int, ...]:
    return (*extents[:axis], extent, *extents[axis + 1 :])


def _groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Part the axes of two shapes into runs of as many elements each, in order."""
    groups: list[tuple[list[int], list[int]]] = []
    a = b = 0
    while a < len(old) or b < len(new):
        mine, yours = [], []
        have = want = 1
        if a < len(old):
            mine.append(a)
            have *= old[a]
            a += 1
        if b < len(new):
            yours.append(b)
            want *= new[b]
            b += 1
        while have != want:
            if have < want and a < len(old):
                mine.append(a)
                have *= old[a]
                a += 1
            elif b < len(new):
                yours.append(b)
                want *= new[b]
                b += 1
            else:
                mine += range(a, len(old))
                a = len(old)
                break
        groups.append((mine, yours))
    return groups

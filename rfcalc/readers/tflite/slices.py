"""What a slice takes of a tensor: STRIDED_SLICE with its masks, SLICE, and that of StableHLO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rfcalc.algebra.number import Num, is_known
from rfcalc.readers.lowering.shape import bounds
from rfcalc.readers.tflite.operation import Operation
from rfcalc.records import NamedTuple


class Cut(NamedTuple):
    """A slice.

    Parameters
    ----------
    slices : list of tuple
        (axis, start, stop, step) with Python's meaning.
    dropped : list of int
        Axes that go, of one element by then.
    new : list of int
        Axes of one element that come, at places of the result.
    """

    slices: list[tuple[int, Num | None, Num | None, int]]
    dropped: list[int]
    new: list[int]

    @property
    def key(self) -> tuple[Any, ...]:
        """The same as numpy takes it: without what goes or comes."""
        rank = max((axis for axis, *_ in self.slices), default=-1) + 1
        found = [slice(None)] * rank
        for axis, start, stop, step in self.slices:
            found[axis] = slice(start, stop, step)
        return tuple(found)


def cuts_of(operation: Operation, shape: Sequence[Num]) -> Cut:
    """Read what an operation takes of a tensor of that shape."""
    if operation.op == "STRIDED_SLICE":
        return _strided(operation, shape)
    if operation.op == "SLICE":
        starts, sizes = operation.numbers(1) or (), operation.numbers(2) or ()
        stops: list[Num | None] = [
            None if is_known(size) and size == -1 else start + size
            for start, size in zip(starts, sizes, strict=True)
        ]
        steps: Sequence[int] = (1,) * len(starts)
    else:
        starts, stops = (
            operation.integers("StartIndices") or (),
            list(operation.integers("LimitIndices") or ()),
        )
        steps = operation.integers("Strides") or ()
    if not len(starts) == len(stops) == len(steps) == len(shape):
        raise operation.wrong(f"{len(starts)} starts for {len(shape)} axes")
    if min(steps, default=1) < 1:
        raise operation.wrong(f"steps must be positive, got {list(steps)}")
    found = []
    for axis, (start, stop, step) in enumerate(zip(starts, stops, steps, strict=True)):
        ends = bounds(shape[axis], start, stop, step)
        if ends is not None:
            found.append((axis, *ends))
    return Cut(found, [], [])


def _strided(operation: Operation, shape: Sequence[Num]) -> Cut:
    """Read begin, end and steps of as many axes as are named; bits of masks say what else they mean."""
    begins, ends, steps = operation.numbers(1) or (), operation.numbers(2) or (), operation.whole(3)
    masks = {
        name: operation.integer(f"{name}Mask")
        for name in ("Begin", "End", "Ellipsis", "NewAxis", "ShrinkAxis")
    }
    if not len(begins) == len(ends) == len(steps):
        raise operation.wrong("begin, end and steps differ in number")
    if 0 in steps:
        raise operation.wrong("a step is not zero")

    def has(name: str, bit: int) -> bool:
        return bool(masks[name] >> bit & 1)

    count = len(begins)
    named = sum(not has("NewAxis", bit) and not has("Ellipsis", bit) for bit in range(count))
    found = Cut([], [], [])
    axis = placed = 0  # of the tensor, and of the result
    for bit in range(count):
        if has("Ellipsis", bit):
            skipped = max(len(shape) - named, 0)
            axis, placed = axis + skipped, placed + skipped
        elif has("NewAxis", bit):
            found.new.append(placed)
            placed += 1
        else:
            if axis >= len(shape):
                raise operation.wrong(f"there is no axis {axis} in a tensor of {len(shape)} axes")
            start, step = begins[bit], steps[bit]
            if has("ShrinkAxis", bit):
                index = 0 if has("Begin", bit) else start
                stop = None if is_known(index) and index == -1 else index + 1
                found.slices.append((axis, index, stop, 1))
                found.dropped.append(axis)
            else:
                end: Num | None = ends[bit]
                if operation.flag("Offset") and end is not None:
                    end = start + end
                first = None if has("Begin", bit) else start
                cut = bounds(shape[axis], first, None if has("End", bit) else end, step)
                if cut is not None:
                    found.slices.append((axis, *cut))
                placed += 1
            axis += 1
    return found

"""Compare what the rules say of one tensor with what enumeration found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import reduce
from operator import or_
from typing import Final

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import rows_by_index
from rfcalc.algebra.number import is_known
from rfcalc.engine.view import FieldView
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, TensorSpec
from rfcalc.questions.verify.sets import Sets
from rfcalc.records import NamedTuple


class Finding(NamedTuple):
    """One figure that differs: both answers, and the output index where it is about one."""

    what: str
    by_rule: str
    by_definition: str
    unit: int | None = None


class Axis(NamedTuple):
    """One of the spatial axes of the input, and how many there are."""

    place: int
    rank: int


class NotComparable(Exception):
    """The two ways do not speak of the same thing here; the message says why."""


def compare_shape(spec: TensorSpec, found: Sets) -> Finding | None:
    """Compare the extents that are known; a batch that is open was taken for one sample."""
    alike = len(spec.shape) == len(found.shape) and all(
        not is_known(extent) or int(extent) == count
        for extent, count in zip(spec.shape, found.shape, strict=True)
    )
    if alike:
        return None
    said = tuple(int(extent) if is_known(extent) else None for extent in spec.shape)
    return Finding("output_shape", _shape(said), _shape(found.shape))


def _shape(extents: Sequence[int | None]) -> str:
    return "(" + ", ".join("?" if extent is None else str(extent) for extent in extents) + ")"


# ---- rows --------------------------------------------------------------------------------------------------


def compare_rows(spec: TensorSpec, dependence: Dependence, axis: Axis, found: Sets) -> Finding | None:
    """Compare row by row; a bound has to hold at least what is there.

    Raises
    ------
    NotComparable
        The rows have no common order.
    """
    try:
        said, exact = rows_by_index(dependence, axis.place)
    except AnalysisError as error:
        raise NotComparable(error.message) from error
    exact = exact and not dependence.reason
    inside = (1 << found.outside) - 1
    first: _Wrong | None = None
    for rows in _orders(spec, axis, found):
        masks = [cell & inside for cell in rows]
        listed = list(said) * len(masks) if len(said) == 1 else list(said)
        if len(masks) == 1:
            masks *= len(listed)
        if len(masks) != len(listed):
            continue
        if masks == listed:
            return None
        wrong = next(
            (i for i, (a, b) in enumerate(zip(listed, masks, strict=True)) if not _fits(a, b, exact)), None
        )
        if wrong is None:
            return None
        first = first or _Wrong(listed[wrong], masks[wrong], None if len(listed) == 1 else wrong)
    cut = spec.folded != 1 or sum(count > 1 for count in found.stored) > 1
    if first is None or (cut and not _own(spec, axis)):
        every = reduce(or_, said, 0), found.everything() & inside
        if not _fits(*every, exact):
            return Finding("rows", spelled(every[0]), spelled(every[1]))
        raise NotComparable("its elements are cut and ordered so that rows have no common order")
    if {*said, *(cell & inside for cell in found.cells)} == {0, inside} and inside in said:
        raise NotComparable("padding stands beside a map that sees everything")
    return first.finding


class _Wrong(NamedTuple):
    """Two sets that differ, and the output index."""

    said: int
    found: int
    unit: int | None

    @property
    def finding(self) -> Finding:
        return Finding("rows", spelled(self.said), spelled(self.found), self.unit)


def _fits(said: int, found: int, exact: bool) -> bool:
    return said == found if exact else said & found == found


def _orders(spec: TensorSpec, axis: Axis, found: Sets) -> Iterator[list[int]]:
    """List the sets along each axis on which they change, all else united.

    Channels are not told apart, and samples neither, unless positions lie on these axes.
    """
    whole = found.squashed()
    alike = [
        place
        for place, role in enumerate(spec.axes)
        if role == CHANNEL or (role == BATCH and spec.folded == 1)
    ]
    united = whole
    for place in alike:
        united = united.whole(place, 1)
    for each in (united.squashed(), whole):
        moving = [place for place, count in enumerate(each.stored) if count > 1]
        if not moving:
            yield each.cells
        for place in dict.fromkeys((*_own(spec, axis), *moving)):
            one = each
            for other in moving:
                one = one if other == place else one.whole(other, 1)
            yield one.along(place)


def _own(spec: TensorSpec, axis: Axis) -> list[int]:
    """Return the tensor axis that goes with one of the input, where the grid is a plain one."""
    places = [place for place, role in enumerate(spec.axes) if role == SPATIAL]
    return places[axis.place : axis.place + 1] if spec.folded == 1 and len(places) == axis.rank else []


def spelled(mask: int) -> str:
    """Spell a set of indices: nothing, one, a range, or a range with holes.

    >>> spelled(0), spelled(4), spelled(0b1110), spelled(0b10110)
    ('nothing', '2', '1 to 3', '1 to 4, 3 of them: 1 2 4')
    """
    if not mask:
        return "nothing"
    first, last, count = (mask & -mask).bit_length() - 1, mask.bit_length() - 1, mask.bit_count()
    if count == 1:
        return str(first)
    text = f"{first} to {last}"
    if count == last - first + 1:
        return text
    some = [str(j) for j in range(first, last + 1) if mask >> j & 1]
    return f"{text}, {count} of them: {' '.join(some if count <= 12 else [*some[:11], '...'])}"


# ---- figures -----------------------------------------------------------------------------------------------


_OFTEN: Final = 4


class Interior(NamedTuple):
    """What units say that no padding reaches: the figures of an infinite map.

    Parameters
    ----------
    size, least : int
        The largest field of all phases, and the smallest.
    stride : Fraction
        Input elements that one output index moves on.
    first, last : int, optional
        The ends of the field of output 0, were there no border; None where it depends on nothing.
    """

    size: int
    least: int
    stride: Fraction
    first: int | None
    last: int | None


def interiors(spec: TensorSpec, axis: Axis, found: Sets, period: int) -> list[Interior]:
    """Read the figures off the rows that padding does not reach; none where there are too few of them.

    Where rows lie on several axes, as those of windows that are stacked, they are read along each.

    Rows come round after a period, and a short run of them may seem to do so after another one. So two of
    the `period` that the rules claim have to be there; if they do not come round then, one that is seen four
    times is believed.
    """
    every = [_interior(rows, found.outside, period) for rows in _orders(spec, axis, found)]
    return [] if every[0] is None else [inner for inner in dict.fromkeys(every) if inner is not None]


def _interior(rows: Sequence[int], outside: int, period: int) -> Interior | None:
    """Read the figures off the rows along one axis."""
    mark = 1 << outside
    free = [i for i, row in enumerate(rows) if not row & mark]
    if len(rows) < 2 or not free or free != list(range(free[0], free[-1] + 1)):
        return None
    inner = rows[free[0] : free[-1] + 1]
    if len(inner) < 2 * period:
        return None
    for each in (period, *range(1, len(inner) // _OFTEN + 1)):
        advance = _advance(inner, each)
        if advance:
            return _figures(inner, free[0], each, advance)
    return None


def _figures(rows: Sequence[int], start: int, period: int, advance: int) -> Interior:
    spans = [row.bit_length() - (row & -row).bit_length() + 1 if row else 0 for row in rows[:period]]
    place = -start % period
    zero, turns = rows[place], (start + place) // period
    first = last = None
    if zero:
        first = (zero & -zero).bit_length() - 1 - turns * advance
        last = zero.bit_length() - 1 - turns * advance
    return Interior(max(spans), min(spans), Fraction(advance, period), first, last)


def _advance(rows: Sequence[int], period: int) -> int | None:
    """Return by how much rows move on after a period; None where they do not come round."""
    later = rows[period:]
    full = next(((a, b) for a, b in zip(rows, later, strict=False) if a and b), None)
    if full is None:
        return None
    advance = full[1].bit_length() - full[0].bit_length()
    if advance < 0 or any(a << advance != b for a, b in zip(rows, later, strict=False)):
        return None
    return advance


def compare_figures(view: FieldView, axis: int, seen: Interior) -> Iterator[Finding]:
    """Compare the figures of one axis with those of the interior; a bound need only be as large."""
    sizes, leasts, strides, paddings, centers = (
        None if each is None else each[axis]
        for each in (
            view.receptive_field,
            view.receptive_field_min,
            view.effective_stride,
            view.effective_padding,
            view.center,
        )
    )
    if view.status == "bound":
        if isinstance(sizes, int) and sizes < seen.size:
            yield Finding("receptive_field", f"at most {sizes}", str(seen.size))
        return
    padding = None if seen.first is None else -seen.first
    center = None if seen.first is None or seen.last is None else (seen.first + seen.last) / 2
    for what, said, truth in (
        ("receptive_field", sizes, seen.size),
        ("receptive_field_min", leasts, seen.least),
        ("effective_stride", strides, float(seen.stride)),
        ("effective_padding", paddings, padding),
        ("center", centers, center),
    ):
        if said != truth:
            yield Finding(
                what, "none" if said is None else f"{said:g}", "none" if truth is None else f"{truth:g}"
            )

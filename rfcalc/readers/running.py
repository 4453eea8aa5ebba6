"""Run a model with one index of its input changed at a time, and hold what changes to what is claimed.

Each pass has weights and inputs of its own: those of the file, random ones of both signs, positive ones (no
activation cuts them off, and few changes cancel), and random ones beside which the change is very large (what
is read faintly does not drown in rounding). Elements are compared bit by bit with those of the untouched run
of the same pass: a runtime adds in an order that depends on shapes alone, so what reads nothing that was
changed stays as it was. Whatever changes in one pass is dependence; what never changes in any may be none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np

from rfcalc.graph.claim import Beyond, Claim, Idle, Observed, Way
from rfcalc.readers.lowering.masks import elements_of
from rfcalc.records import NamedTuple


class Pass(NamedTuple):
    """The values of one pass.

    Parameters
    ----------
    own : bool
        The weights that the model holds, as far as it holds them.
    positive : bool
        All weights and inputs are positive.
    loud : float
        How large the change is, beside values of about 1.
    shallow : bool
        Numbers that a mask adds are so small that sums with them show what changes; what comes behind these
        sums is not looked at.
    """

    own: bool
    positive: bool
    loud: float
    shallow: bool = False


PASSES: Final = (
    Pass(own=False, positive=False, loud=1.0),
    Pass(own=False, positive=True, loud=64.0),
    Pass(own=True, positive=False, loud=1.0),
    Pass(own=False, positive=False, loud=4096.0),
    Pass(own=True, positive=False, loud=512.0),
    Pass(own=False, positive=False, loud=8.0),
    Pass(own=False, positive=False, loud=1.0, shallow=True),
)

USUAL: Final = 4
"""Passes that are made where nobody asks for more."""

_STRUCTURE: Final = 1e4
"""Weights are smaller: what is larger is there to hide something from a softmax."""

_ROUNDING: Final = 1e-4
"""What a kernel that adds and takes off again leaves of what it took off, as a share."""

Values = Mapping[str, Any]

Changes = dict[tuple[str, int, int, int], Any]
"""Where a tensor changed with an index of an axis of the input, by view."""


class Running(Protocol):
    """A model that a runtime can run.

    `inputs` are names, shapes and types of elements; `runtime` is its name; `weights` are the tensors of
    weights that it holds, by name; `smeared` are the tensors in which what was added and taken off leaves
    rounding, `summed` those to which a mask of very negative numbers was added.
    """

    inputs: Sequence[tuple[str, tuple[int, ...], Any]]
    runtime: str
    weights: Sequence[str]
    smeared: frozenset[str]
    summed: frozenset[str]

    def start(
        self, values: Pass, tensors: Iterable[str], *, nudged: str = ""
    ) -> Callable[[Values], tuple[Values, Sequence[Any]]]:
        """Return what gives, for inputs, some tensors and the outputs; `nudged` is a weight to be changed."""

    def macs(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, int]:
        """Count multiply-accumulates by tensor, from the shapes of the run."""


def observe(
    model: Running,
    chosen: str,
    rows: Mapping[int, Sequence[int]],
    claims: Mapping[str, Claim],
    *,
    passes: int = USUAL,
    counted: frozenset[str] = frozenset(),
) -> Observed:
    """Run a model, and say what changed beyond what is claimed, and what never did.

    Parameters
    ----------
    model : Running
        The model.
    chosen : str
        The input that is changed.
    rows : mapping
        For axes of that input the indices that are changed, one after the other.
    claims : mapping
        By tensor.
    passes : int
        How many passes are made.
    counted : frozenset of str
        The tensors of weights that were counted.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    changed: Changes = {}
    faint: Changes = {}
    taken: set[str] = set()
    views = {(name, axis): _views(claim, axis) for name, claim in claims.items() for axis in rows}
    for number, values in enumerate(PASSES[:passes]):
        random = np.random.default_rng(number)
        run = model.start(values, claims)
        feeds = {
            name: _input(shape, dtype, random, positive=values.positive)
            for name, shape, dtype in model.inputs
        }
        before, outputs = run(feeds)
        shapes.update({name: tuple(each.shape) for name, each in before.items()})
        for axis, indices in rows.items():
            for row in indices:
                after, _ = run({**feeds, chosen: _moved(feeds[chosen], axis, row, values, random)})
                for name in before:
                    if not views[name, axis] or after[name].shape != before[name].shape:
                        continue
                    if values.shallow and name not in model.summed:
                        continue
                    smeared = name in model.smeared
                    # what a large change leaves where it was taken off is more than rounding
                    into = faint if values.shallow or (smeared and values.loud > 1.0) else changed
                    found = _different(before[name], after[name], smeared=smeared)
                    for view, kept in enumerate(views[name, axis]):
                        away = tuple(place for place in range(found.ndim) if place not in kept)
                        mine = found.any(axis=away, keepdims=True) if away else found
                        key = (name, axis, view, row)
                        into[key] = into[key] | mine if key in into else mine
        if not number:
            taken = {
                name for name in model.weights if name not in counted and _counts(model, name, feeds, outputs)
            }
    return _compared(claims, rows, changed, faint, shapes)._replace(
        macs=model.macs(shapes), taken=frozenset(taken)
    )


def _views(claim: Claim, axis: int) -> list[frozenset[int]]:
    """List, for what is claimed of an axis of the input, the axes of a tensor along which indices count."""
    if axis in claim.apart:
        return [frozenset(range(len(claim.shape)))]
    if axis not in claim.ways:
        return []
    elements = _moving(claim.ways[axis])
    if claim.masked is not None:
        elements |= frozenset(claim.masked.axes(len(claim.shape)))
    return [elements, *([frozenset({claim.listed[axis][0]})] if axis in claim.listed else [])]


def _moving(ways: Sequence[Way]) -> frozenset[int]:
    """Return the axes of a tensor whose index counts on any of some ways."""
    return frozenset[int]().union(*(way.moving for way in ways))


def _counts(model: Running, name: str, feeds: Values, outputs: Sequence[Any]) -> bool:
    """Tell whether the outputs change with a tensor of weights."""
    _, after = model.start(PASSES[0], (), nudged=name)(feeds)
    return any(_different(a, b).any() for a, b in zip(outputs, after, strict=True) if a.shape == b.shape)


def _compared(
    claims: Mapping[str, Claim],
    rows: Mapping[int, Sequence[int]],
    changed: Changes,
    faint: Changes,
    shapes: Mapping[str, tuple[int, ...]],
) -> Observed:
    """Hold claims to what changed; what changed faintly shows a claim to be right, and none to be wrong."""
    beyond: list[Beyond] = []
    idle: list[Idle] = []
    claimed = seen = sure = 0
    for name, claim in claims.items():
        if claim.shape != shapes.get(name):
            continue
        said_of = [(axis, 0, ways) for axis, ways in claim.ways.items()]
        said_of += [(axis, 1, (way,)) for axis, (_, way) in claim.listed.items()]
        reads: Any = None
        alive = None if claim.masked is None else elements_of(claim.masked, len(claim.shape))
        for axis, view, ways in said_of:
            moving = frozenset({claim.listed[axis][0]}) if view else _moving(ways)
            wrong: Beyond | None = None
            loose: Idle | None = None
            for row in rows.get(axis, ()):
                found = changed.get((name, axis, view, row))
                if found is None:
                    continue
                said = np.broadcast_to(_said(ways, row, found.shape), found.shape)
                if alive is not None and not view:
                    said = said & alive
                if wrong is None and not view and (found & ~said).any():
                    wrong = Beyond(name, axis, row, _first(found & ~said))
                found = found | faint.get((name, axis, view, row), False)
                told = moving - claim.alike.get(axis, frozenset())
                away = tuple(place for place in range(said.ndim) if place not in told)
                said, found = said.any(axis=away, keepdims=True), found.any(axis=away, keepdims=True)
                if claim.exact and (said & ~found).any():
                    along = tuple(place for place, n in enumerate(said.shape) if n == 1)
                    reads = _reads(claim) if reads is None else reads
                    said = said & reads.any(axis=along, keepdims=True)
                claimed += int(said.sum())
                seen += int((said & found).sum())
                sure += int(said.sum()) if claim.exact else 0
                never = said & ~found
                if never.any():
                    count = int(never.sum())
                    loose = (
                        loose._replace(pairs=loose.pairs + count)
                        if loose
                        else Idle(name, axis, count, row, _first(never))
                    )
            beyond += [wrong] if wrong else []
            idle += [loose] if loose and claim.exact else []
        beyond += [each for axis in claim.apart if (each := _met(name, axis, rows.get(axis, ()), changed))]
    return Observed(shapes, tuple(beyond), tuple(idle), claimed, seen, sure, {}, frozenset())


def _met(name: str, axis: int, rows: Sequence[int], changed: Changes) -> Beyond | None:
    """Find an element that changes with two indices of an axis."""
    before: Any = None
    for row in rows:
        found = changed.get((name, axis, 0, row))
        if found is None:
            continue
        if before is not None and (before & found).any():
            return Beyond(name, axis, row, _first(before & found))
        before = found if before is None else before | found
    return None


def _said(ways: Sequence[Way], row: int, shape: tuple[int, ...]) -> Any:
    """Return which elements are said to depend on an index of the input."""
    said = np.zeros(shape, np.bool_)
    for way in ways:
        table = np.array([bool(mask >> row & 1) for mask in way.rows] or [False])
        place = np.zeros((), np.int64)
        for axis, steps in enumerate(way.offsets):
            if any(steps):
                ones = [1] * len(shape)
                ones[axis] = -1
                place = place + np.array(steps).reshape(ones)
        said = said | table[np.minimum(place, len(table) - 1)]
    return said


def _reads(claim: Claim) -> Any:
    """Return which elements read anything: what reads no index of one axis of the input reads nothing."""
    shape = tuple(extent or 1 for extent in claim.shape)
    found = np.ones(shape, np.bool_)
    for ways in claim.ways.values():
        whether = [way._replace(rows=tuple(int(row > 0) for row in way.rows)) for way in ways]
        found = found & _said(whether, 0, shape)
    return found


def _first(found: Any) -> tuple[int, ...]:
    return tuple(int(each) for each in np.argwhere(found)[0])


def _different(before: Any, after: Any, *, smeared: bool = False) -> Any:
    different = before != after
    if before.dtype.kind in "fc":
        different &= ~(np.isnan(before) | np.isnan(after))  # of two infinities, however they came about
    if smeared and before.dtype.kind == "f":
        known = np.abs(np.stack((before, after))[:, np.isfinite(before) & np.isfinite(after)])
        different &= ~np.isclose(before, after, rtol=_ROUNDING, atol=_ROUNDING * known.max(initial=0.0))
    return np.asarray(different)


# ---- values ------------------------------------------------------------------------------------------------


def _input(shape: tuple[int, ...], dtype: Any, random: Any, *, positive: bool) -> Any:
    kind = np.dtype(dtype)
    if kind.kind in "fc":
        found = random.uniform(0.5, 1.5, shape)
        return (found if positive else found * random.choice([-1.0, 1.0], shape)).astype(kind)
    return random.integers(0, 2, shape).astype(kind)


def _moved(value: Any, axis: int, row: int, values: Pass, random: Any) -> Any:
    """Return an input of which one index was changed, everywhere along its other axes."""
    place = (slice(None),) * axis + (row,)
    moved = value.copy()
    if value.dtype.kind in "fc":
        step = random.uniform(0.5, 1.5, moved[place].shape) * values.loud
        sign = 1.0 if values.positive else random.choice([-1.0, 1.0], step.shape)
        moved[place] += (step * sign).astype(value.dtype)
    elif value.dtype.kind == "b":
        moved[place] = ~moved[place]
    else:
        moved[place] = 1 - moved[place]
    return moved


def is_structure(array: Any) -> bool:
    """Tell whether the elements of a tensor hide something by what they are: 0 beside others, -inf, -1e9.

    >>> is_structure(np.tri(3)), is_structure(np.ones(3)), is_structure(np.zeros(3))
    (True, False, False)
    """
    if not array.size:
        return True
    zeros = int((array == 0).sum())
    return 0 < zeros < array.size or not np.isfinite(array).all() or float(np.abs(array).max()) >= _STRUCTURE


def stand_in(shape: Sequence[int], dtype: Any, random: Any, *, positive: bool, taken: int = 1) -> Any:
    """Make weights, of about the size that keeps values where they are when `taken` products are summed."""
    found = random.uniform(0.5, 1.5, tuple(shape))
    if positive:
        return (found / taken).astype(dtype)
    return (found * random.choice([-1.0, 1.0], tuple(shape)) / np.sqrt(taken)).astype(dtype)

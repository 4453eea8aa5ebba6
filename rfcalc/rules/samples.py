"""Whether steps let samples meet, which contradicts that the axis they lie along is the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rfcalc.algebra.number import equal, is_known, is_one, prod
from rfcalc.algebra.steps import (
    Attend,
    Broadcast,
    Contract,
    Cover,
    Grouped,
    Insert,
    Lose,
    Merge,
    Mix,
    Permute,
    Place,
    Reduce,
    Regroup,
    Scan,
    Slide,
    Split,
    Squeeze,
    Step,
)
from rfcalc.algebra.window import Window
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, TensorSpec
from rfcalc.rules.roles import keeps_samples, reshaped

_ORDERED: Final = (Slide, Scan)
"""Steps along an axis whose elements have an order, as channels have none."""


MIXED: Final = "mixed"
"""Each element of an axis reads others of it, or is told apart from them."""

REDUCED: Final = "reduced"
"""The axis is summed up, which mixes nothing unless the outcome meets the elements again."""


_MOST_MOVED: Final = 1024
"""Elements of a batch axis that are looked at one by one."""


def samples_meet(spec: TensorSpec, steps: Sequence[Step], role: str = BATCH) -> str:
    """Tell whether elements that lie apart along an axis of a role meet: ``mixed``, ``reduced`` or not.

    A batch of one sample mixes nothing. For channels only steps that need an order count, since mixing is
    what channels are for. Positions are asked about in the same way as samples.

    Parameters
    ----------
    spec : TensorSpec
        A tensor.
    steps : sequence of Step
        What is done with it.
    role : str
        The role of the axes.

    Examples
    --------
    >>> samples_meet(TensorSpec((8, 2, 4), "bsc"), (Scan(0),))
    'mixed'
    >>> samples_meet(TensorSpec((8, 2, 4), "sbc"), (Permute((1, 0, 2)), Scan(1)))
    ''
    """
    found = ""
    for step in steps:
        wide = [
            axis
            for axis, (mine, extent) in enumerate(zip(spec.axes, spec.shape, strict=True))
            if mine == role and not is_one(extent)
        ]
        if not wide or isinstance(step, Cover):
            break
        if role != CHANNEL or isinstance(step, _ORDERED):
            if not set(wide).isdisjoint((*_mixed(step), *_moved(spec, step, role))):
                return MIXED
            if role == BATCH and isinstance(step, Regroup) and not keeps_samples(spec, tuple(step.shape)):
                return MIXED
            if isinstance(step, Reduce) and not set(wide).isdisjoint(step.axes):
                found = REDUCED
        spec = _after(spec, step)
    return found


def samples_lie(spec: TensorSpec, steps: Sequence[Step]) -> tuple[int, ...]:
    """List the axes of what steps make of a tensor along which its samples lie, as far as that is known.

    Examples
    --------
    >>> samples_lie(TensorSpec((8, 2, 4), "bsc"), (Permute((1, 0, 2)),))
    (1,)
    """
    for step in steps:
        if isinstance(step, Cover):
            return ()
        spec = _after(spec, step)
    return tuple(
        place
        for place, (role, extent) in enumerate(zip(spec.axes, spec.shape, strict=True))
        if role == BATCH and not is_one(extent)
    )


def without_batch(spec: TensorSpec) -> TensorSpec:
    """Return a tensor of one sample whose batch axes are what was merged into them."""
    own = {letter for extent, letter in spec.merged if letter != BATCH and not is_one(extent)}
    role = CHANNEL if own == {CHANNEL} else SPATIAL
    return TensorSpec(spec.shape, spec.axes.replace(BATCH, role), spec.dtype)


def _mixed(step: Step) -> tuple[int, ...]:
    """List the axes along which a step lets every element read others."""
    if isinstance(step, Mix):
        return step.axes
    if isinstance(step, (Contract, Grouped, Scan)):
        return (step.axis,)
    if isinstance(step, Attend) and any(row != 1 << place for place, row in enumerate(step.rows)):
        return (step.axis,)
    if isinstance(step, Slide) and not step.alike and _is_wide(step.window):
        return (step.axis,)
    return ()


def _is_wide(window: Window) -> bool:
    """Tell whether an output reads several elements."""
    if window.taps is not None:
        return not is_known(window.period) or max(map(len, window.rows(window.period)), default=0) > 1
    first, last = window.first(0), window.last(0)
    return equal(first, last) is False


def _moved(spec: TensorSpec, step: Step, role: str) -> tuple[int, ...]:
    """List the axis whose elements come to stand elsewhere, or are picked by number: no way with samples."""
    if not isinstance(step, Slide) or role == CHANNEL or spec.axes[step.axis] != role:
        return ()
    extent = spec.shape[step.axis]
    if not is_known(extent) or not is_known(step.extent):
        return ()
    kept = range(min(extent, _MOST_MOVED)) if step.extent >= extent else ()
    return () if kept and all(_stays(step.window, i, extent) for i in kept) else (step.axis,)


def _stays(window: Window, index: int, extent: int) -> bool:
    """Tell whether an output reads the input of its own index, and no other."""
    return list(window.inside(index, extent)) == [index]


def _after(spec: TensorSpec, step: Step) -> TensorSpec:
    """Return what a step makes of shape and roles."""
    shape, axes = list(spec.shape), list(spec.axes)
    if isinstance(step, Regroup):
        return reshaped(spec, tuple(step.shape))
    if isinstance(step, (Split, Merge)):
        return _split_or_merged(spec, step)
    if isinstance(step, (Slide, Contract, Grouped, Lose)):
        shape[step.axis] = step.extent
    elif isinstance(step, Attend):
        shape[step.axis] = len(step.rows)
    elif isinstance(step, Place):
        shape[step.axis] = step.total
    elif isinstance(step, Permute):
        shape, axes = [shape[k] for k in step.order], [axes[k] for k in step.order]
    elif isinstance(step, Insert):
        for place in sorted(step.axes):
            shape.insert(place, 1)
            axes.insert(place, SPATIAL)
    elif isinstance(step, Squeeze) or (isinstance(step, Reduce) and not step.keep):
        return spec.without(step.axes)
    elif isinstance(step, Reduce):
        shape = [1 if place in step.axes else extent for place, extent in enumerate(shape)]
    elif isinstance(step, Broadcast):
        more = len(step.shape) - len(axes)
        shape, axes = list(step.shape), [*SPATIAL * more, *axes]
    if isinstance(step, Contract):
        axes[step.axis] = CHANNEL
    return replace(spec, shape=tuple(shape), axes="".join(axes))


def _split_or_merged(spec: TensorSpec, step: Split | Merge) -> TensorSpec:
    """Return a tensor one of whose axes became several, or the other way around."""
    shape, axes = list(spec.shape), list(spec.axes)
    if isinstance(step, Split):
        shape[step.axis : step.axis + 1] = step.extents
        axes[step.axis : step.axis + 1] = axes[step.axis] * len(step.extents)
    else:
        merged = slice(step.axis, step.axis + step.number)
        roles = axes[merged]
        shape[merged] = [prod(shape[merged])]
        axes[merged] = [BATCH if BATCH in roles else roles[0]]
    return replace(spec, shape=tuple(shape), axes="".join(axes))

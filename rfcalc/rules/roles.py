"""What the axes of a reshaped tensor are, and how many positions of one sample lie in its batch axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rfcalc.algebra.digits import regroup_digits
from rfcalc.algebra.number import UNKNOWN, Num, equal, is_known, is_one, is_same, prod
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, TensorSpec

_MIXED: Final = "?"
"""Positions and channels in one axis, until it is clear whether another axis holds channels alone."""

Digit = tuple[Num, tuple[int, ...]]

_LETTERS: Final = (BATCH, SPATIAL, CHANNEL)


def reshaped(spec: TensorSpec, shape: tuple[Num, ...], axes: str | None = None) -> TensorSpec:
    """Return the tensor that the elements of `spec` make in row-major order under another shape.

    An axis is what the digits are that it is made of: merged positions are positions, a split channel axis is
    several. Where positions and channels merge, the axis holds channels if no other one does. Positions that
    merge with the batch go with it, and are counted as folded. Channels that are one keep their role where
    they move past positions, which leaves the elements in their order.

    Examples
    --------
    >>> reshaped(TensorSpec((UNKNOWN, 28, 28, 1), "bssc"), (UNKNOWN, 1, 28, 28)).axes
    'bcss'
    >>> cut = reshaped(TensorSpec((UNKNOWN, 56, 56, 96), "bssc"), (UNKNOWN, 49, 96))
    >>> cut.axes, cut.folded
    ('bsc', 64)
    """
    lead, tail = _kept(spec, shape)
    last = len(spec.shape) - tail
    middle, wanted, groups = _regrouped(spec, shape, lead, tail)
    if groups is None:  # it is not known where one axis ends and the next begins
        groups = [middle, *([digit for digit in middle if not digit[1][0]] for _ in wanted[1:])]
        apart = False
    else:
        apart = all(_letters(group) == {BATCH} or BATCH not in _letters(group) for group in groups)
    roles = _roles(groups)
    alone = len(shape) == len(spec.shape[:1]) == 1 and is_one(spec.shape[0])  # one sample as a vector
    if wanted and not lead and spec.axes[:1] == BATCH and BATCH not in roles and not alone:
        roles[0] = BATCH  # a batch of one sample, which what it is merged with outshines
        apart = False
    if wanted and not lead and not _letters(groups[0]) and BATCH not in spec.axes:
        roles[0] = BATCH  # a batch of one sample that was dropped comes back
    if axes is None:
        axes = _channel_moved(spec, shape) or _settled(
            spec.axes[:lead], roles, spec.axes[last:], vector=SPATIAL not in spec.axes
        )
    folded = (
        spec.folded
        if apart and not (spec.merged and BATCH in spec.axes[lead:last])
        else _folded(spec, shape, axes)
    )
    mixed = _mixed(groups, roles, lead)
    return TensorSpec(shape, axes, spec.dtype, folded, _merged(groups, roles, folded), mixed)


def _channel_moved(spec: TensorSpec, shape: tuple[Num, ...]) -> str:
    """Return the roles where a reshape does nothing but move a channel axis of one element; "" elsewhere."""
    place = spec.axes.find(CHANNEL)
    if place < 0 or len(shape) != len(spec.shape) or not is_one(spec.shape[place]):
        return ""
    start = int(spec.axes[:1] == BATCH and is_same(shape[0], spec.shape[0]))
    ones = [k for k in range(start, len(shape)) if is_one(shape[k])]
    others = (*spec.shape[start:place], *spec.shape[place + 1 :])
    if len(ones) != 1 or ones == [place] or spec.axes.count(CHANNEL) > 1 or any(map(is_one, others)):
        return ""
    (to,) = ones
    if not all(map(is_same, others, (*shape[start:to], *shape[to + 1 :]))):
        return ""
    roles = spec.axes.replace(CHANNEL, "")
    return roles[:to] + CHANNEL + roles[to:]


def _regrouped(
    spec: TensorSpec, shape: tuple[Num, ...], lead: int, tail: int
) -> tuple[list[Digit], list[Num], Sequence[Sequence[Digit]] | None]:
    """Return the digits between axes that stay, the extents there, and which digits make each."""
    last = len(spec.shape) - tail
    middle: list[Digit] = [
        (part, tuple(int(letter == each) for each in _LETTERS))
        for place in range(lead, last)
        for part, letter in _parts(spec, place)
    ]
    wanted = list(shape[lead : len(shape) - tail])
    groups = regroup_digits(list(middle), list(wanted), (0, 0, 0)) if wanted else []
    if groups is None:
        groups = regroup_digits(_alike_together(middle), list(wanted), (0, 0, 0))
    return middle, wanted, groups


def keeps_samples(spec: TensorSpec, shape: tuple[Num, ...]) -> bool:
    """Tell whether a reshape leaves each sample in rows of its own, as far as extents are known.

    Examples
    --------
    >>> spec = TensorSpec((3, 5, 2), "sbc")
    >>> keeps_samples(spec, (15, 2)), keeps_samples(spec, (5, 6))
    (True, False)
    """
    if not all(map(is_known, (*spec.shape, *shape))):
        return True
    lead, tail = _kept(spec, shape)
    middle, _, groups = _regrouped(spec, shape, lead, tail)
    return groups is not None or not any(flags[0] and not is_one(extent) for extent, flags in middle)


def _alike_together(digits: Sequence[Digit]) -> list[Digit]:
    """Join neighbours of one role, which may be cut elsewhere."""
    joined: list[Digit] = []
    for extent, flags in digits:
        if joined and joined[-1][1] == flags and is_known(extent) and is_known(joined[-1][0]):
            joined[-1] = (joined[-1][0] * extent, flags)
        else:
            joined.append((extent, flags))
    return joined


def _parts(spec: TensorSpec, place: int) -> tuple[tuple[Num, str], ...]:
    """Return the digits of an axis: those of one that others were merged into, as far as they are known."""
    extent, role = spec.shape[place], spec.axes[place]
    if role == BATCH and spec.merged:
        return spec.merged
    parts = tuple([(part, letter) for axis, part, letter in spec.mixed if axis == place])
    return parts if parts and equal(prod(part for part, _ in parts), extent) else ((extent, role),)


def _mixed(
    groups: Sequence[Sequence[Digit]], roles: Sequence[str], lead: int
) -> tuple[tuple[int, Num, str], ...]:
    """Return what the axes are made of in which positions and channels are mixed."""
    return tuple(
        [
            (lead + place, extent, _letter(flags))
            for place, (group, role) in enumerate(zip(groups, roles, strict=True))
            if role == _MIXED
            for extent, flags in group
        ]
    )


def _merged(
    groups: Sequence[Sequence[tuple[Num, tuple[int, ...]]]], roles: Sequence[str], folded: Num
) -> tuple[tuple[Num, str], ...]:
    """Return what the batch axis is made of, where others were merged into it."""
    if is_one(folded):
        return ()
    for group, role in zip(groups, roles, strict=True):
        if role == BATCH and _letters(group) - {BATCH}:
            return tuple((extent, _letter(flags)) for extent, flags in group)
    return ()


def _letter(flags: tuple[int, ...]) -> str:
    """Return what a digit is; one of a single element may be nothing."""
    return next((letter for letter, flag in zip(_LETTERS, flags, strict=True) if flag), SPATIAL)


def _kept(spec: TensorSpec, shape: tuple[Num, ...]) -> tuple[int, int]:
    """Count the axes that stay as they are at the front and at the back.

    A batch of one sample in front stays in front, where the tensor has other new axes of one element behind
    it. A batch axis that positions were merged into is taken for its digits, not for one of the last axes.
    """
    least = min(len(shape), len(spec.shape))
    first = least > 0 and spec.axes[0] == BATCH and is_one(spec.shape[0]) and is_one(shape[0])
    whole = spec.axes.rfind(BATCH) + 1 if spec.merged else 0
    tail = 0
    while tail < min(least - first, len(spec.shape) - whole) and equal(
        spec.shape[-1 - tail], shape[-1 - tail]
    ):
        tail += 1
    lead = int(first)
    while lead < least - tail and _is_kept(spec.shape[lead:], shape[lead:]):
        lead += 1
    return lead, tail


def _is_kept(old: tuple[Num, ...], new: tuple[Num, ...]) -> bool:
    """Tell whether the first axis stays; an open one does where as much lies behind it as before."""
    same = equal(old[0], new[0])
    if same is not None:
        return same
    behind, behind_now = prod(old[1:]), prod(new[1:])
    return old[0] is new[0] and (behind is behind_now or equal(behind, behind_now) is True)


def _letters(digits: Sequence[tuple[Num, tuple[int, ...]]]) -> set[str]:
    """Collect what the digits of an axis are; those of one element count where there are no others."""
    wide = [flags for extent, flags in digits if not is_one(extent)]
    return {
        letter
        for flags in wide or [flags for _, flags in digits]
        for letter, flag in zip(_LETTERS, flags, strict=True)
        if flag
    }


def _roles(groups: Sequence[Sequence[Digit]]) -> list[str]:
    """Return what each axis is; one of a single element beside parts of the channels is one of them."""
    letters = [_letters(group) for group in groups]
    roles = [_role(each) for each in letters]
    for place in reversed(range(len(roles))):
        beside = roles[place + 1 : place + 2] or roles[place - 1 : place]
        if not letters[place] and beside == [CHANNEL]:
            roles[place] = CHANNEL
    return roles


def _role(letters: set[str]) -> str:
    if BATCH in letters:
        return BATCH
    if letters == {SPATIAL, CHANNEL}:
        return _MIXED
    return CHANNEL if letters == {CHANNEL} else SPATIAL


def _settled(before: str, roles: list[str], after: str, *, vector: bool) -> str:
    """Decide what mixed axes are, and see to it that a tensor has channels."""
    inner = "".join(roles)
    if vector and inner.count(CHANNEL) == len(inner) > 1 and CHANNEL not in before + after:
        inner = SPATIAL * (len(inner) - 1) + CHANNEL  # a vector becomes a map, channels last
    if CHANNEL not in before + inner + after and _MIXED in inner:
        place = inner.rindex(_MIXED)
        inner = inner[:place] + CHANNEL + inner[place + 1 :]
    inner = inner.replace(_MIXED, SPATIAL)
    axes = before + inner + after
    if inner and not after and CHANNEL not in axes and axes[-1] == SPATIAL:
        axes = axes[:-1] + CHANNEL
    return axes


def _folded(spec: TensorSpec, shape: tuple[Num, ...], axes: str) -> Num:
    """Count the positions in the batch axis: a reshape keeps the elements that one sample has."""
    elements = spec.elements
    shown = prod(extent for extent, role in zip(shape, axes, strict=True) if role != BATCH)
    if equal(elements, shown):
        return 1
    if is_known(elements) and is_known(shown) and shown > 0 and elements % shown == 0:
        return elements // shown
    return UNKNOWN


def shared_fold(specs: Sequence[TensorSpec]) -> Num:
    """Return how many positions are folded into the batch axis of tensors that go together.

    Tensors of one sample, which stretch, say nothing; those that differ make it unknown.
    """
    folds = [spec.folded for spec in specs if not (is_one(spec.folded) and _is_one_sample(spec))]
    if not folds:
        return 1
    return folds[0] if all(fold is folds[0] or equal(fold, folds[0]) for fold in folds) else UNKNOWN


def _is_one_sample(spec: TensorSpec) -> bool:
    """Tell whether no batch axis of a tensor has more than one element."""
    return all(is_one(n) for n, role in zip(spec.shape, spec.axes, strict=True) if role == BATCH)


def is_single(spec: TensorSpec) -> bool:
    """Tell whether a tensor certainly holds one sample: what lies in its batch axes are its own positions."""
    return equal(_in_batch(spec), spec.folded) is True


def count_samples(spec: TensorSpec) -> Num:
    """Count the samples in a tensor: what its batch axes hold, besides the positions that are folded in.

    Examples
    --------
    >>> count_samples(TensorSpec((128, 49, 96), "bsc", folded=64)), count_samples(TensorSpec((49, 96), "sc"))
    (2, 1)
    """
    held = _in_batch(spec)
    if is_one(spec.folded):
        return held
    whole = is_known(held) and is_known(spec.folded) and spec.folded > 0 and held % spec.folded == 0
    return held // spec.folded if whole else UNKNOWN


def _in_batch(spec: TensorSpec) -> Num:
    """Multiply the extents of the batch axes."""
    held = [extent for extent, role in zip(spec.shape, spec.axes, strict=True) if role == BATCH]
    return held[0] if len(held) == 1 else prod(held)  # a product with 1 takes its time where extents are open


def cut_batch(spec: TensorSpec, axis: int, extent: Num, parts: Num = UNKNOWN) -> Num:
    """Return what stays folded where `axis` comes to have another extent, as one of `parts` equal parts.

    Samples that are left out leave the others as they are; folded positions can be taken apart only evenly,
    unless all of them are of one sample.
    """
    folded = spec.folded
    if spec.axes[axis] != BATCH:
        return folded
    whole = spec.shape[axis]
    if is_known(whole) and is_known(extent) and whole > 0 and is_known(folded) and is_single(spec):
        return folded // whole * extent
    if is_one(folded):
        return folded
    if is_known(folded) and is_known(parts) and parts > 0 and folded % parts == 0:
        return folded // parts
    return UNKNOWN

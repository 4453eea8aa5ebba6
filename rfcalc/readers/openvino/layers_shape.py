"""Layers of OpenVINO that move elements about: reshape, reorder, cut, join, look up."""

from __future__ import annotations

from typing import Final

from rfcalc.readers.onnx.tensors import MOST_AXES
from rfcalc.readers.openvino.document import Layer
from rfcalc.readers.openvino.translate import (
    OWN,
    Translation,
    UntranslatedError,
    flag,
    layer_type,
    number,
    numbers,
    word,
)

_LAST: Final = 2**31 - 1
_MOST_SHUFFLED: Final = 1 << 20


@layer_type("Reshape")
def _reshape(t: Translation, layer: Layer) -> None:
    if t.is_unread(layer, 1):
        _to_extents(t, layer)
        return
    shape = t.step(layer, "Cast", [t.take(layer, 1)], to=7)
    t.add(layer, "Reshape", [t.take(layer, 0), shape], allowzero=int(not flag(layer, "special_zero")))


def _to_extents(t: Translation, layer: Layer) -> None:
    """Reshape to the extents that the file has for the result."""
    t.add(layer, "Reshape", [t.take(layer, 0), t.constant(list(t.extents(layer)[1]))])


@layer_type("Transpose")
def _transpose(t: Translation, layer: Layer) -> None:
    if t.is_unread(layer, 1):
        before, after = t.extents(layer)
        if len(set(before)) < len(before) or set(before) != set(after):  # which axis is which is not told
            raise UntranslatedError
        t.add(layer, "Transpose", [t.take(layer, 0)], perm=[before.index(extent) for extent in after])
        return
    t.add(layer, "Transpose", [t.take(layer, 0)], perm=t.needed(layer, 1) or None)


@layer_type("Squeeze", "Unsqueeze")
def _squeeze(t: Translation, layer: Layer) -> None:
    if t.is_unread(layer, 1):
        _to_extents(t, layer)
        return
    axes = t.integers(layer, 1)
    t.add(layer, layer.type, [t.take(layer, 0), "" if axes is None else t.constant(axes)])


@layer_type("Split")
def _split(t: Translation, layer: Layer) -> None:
    (axis,) = t.needed(layer, 1)
    parts = number(layer, "num_splits", len(layer.outputs))
    if parts != len(layer.outputs):
        raise UntranslatedError
    t.add(layer, "Split", [t.take(layer, 0)], axis=axis, num_outputs=parts)


@layer_type("VariadicSplit")
def _variadic_split(t: Translation, layer: Layer) -> None:
    (axis,) = t.needed(layer, 1)
    x, sizes = t.take(layer, 0), t.needed(layer, 2)
    lengths = t.constant(sizes)
    if -1 in sizes:  # one part takes what the others leave
        at = sizes.index(-1)
        extent = t.step(layer, "Shape", [x], start=axis, end=axis + 1 or None)
        rest = t.step(layer, "Sub", [extent, t.constant([sum(sizes) + 1])])
        parts = [t.constant(part) for part in (sizes[:at], sizes[at + 1 :])]
        lengths = t.step(layer, "Concat", [parts[0], rest, parts[1]], axis=0)
    t.add(layer, "Split", [x, lengths], axis=axis)


@layer_type("Slice")
def _slice(t: Translation, layer: Layer) -> None:
    x, start, stop, step, *axes = t.all(layer)
    if not axes:
        dims = layer.inputs[1].dims or (-1,)
        axes = [t.constant(list(range(dims[0])))] if 0 < dims[0] <= MOST_AXES else [""]
    t.add(layer, "Slice", [x, start, stop, *axes, step])


@layer_type("StridedSlice")
def _strided_slice(t: Translation, layer: Layer) -> None:
    dims = layer.inputs[1].dims or ()
    if len(dims) != 1 or not 0 <= dims[0] <= MOST_AXES:
        raise UntranslatedError
    count = dims[0]
    masks = {
        name: [bool(each) for each in (numbers(layer, f"{name}_mask") or [])]
        for name in ("begin", "end", "new_axis", "shrink_axis", "ellipsis")
    }
    masks = {name: (found + [False] * count)[:count] for name, found in masks.items()}
    if any(masks["new_axis"]) or any(masks["ellipsis"]) or any(masks["shrink_axis"]):
        _indexed(t, layer, masks, count)
        return
    steps = t.integers(layer, 3) or [1] * count
    if any(step < 1 for step in steps):
        _indexed(t, layer, masks, count)
        return
    ends = (("begin", 1, 0), ("end", 2, _LAST))
    start, stop = (_masked(t, layer, masks[name], place, instead) for name, place, instead in ends)
    axes = t.constant(list(range(count)))
    t.add(layer, "Slice", [t.take(layer, 0), start, stop, axes, t.constant(steps)])


def _masked(t: Translation, layer: Layer, mask: list[bool], place: int, instead: int) -> str:
    """Return ends of a slice of which those that a mask names are others."""
    given = t.step(layer, "Cast", [t.take(layer, place)], to=7)
    if not any(mask):
        return given
    kept = t.step(layer, "Mul", [given, t.constant([int(not each) for each in mask])])
    return t.step(layer, "Add", [kept, t.constant([instead * each for each in mask])])


def _indexed(t: Translation, layer: Layer, masks: dict[str, list[bool]], count: int) -> None:
    """Add an indexing with numbers, new axes and an ellipsis, whose ends are constants.

    Each axis of it is a row of four integers: what it is, and start, stop and step where it is a slice.
    """
    begin, end = t.needed(layer, 1), t.needed(layer, 2)
    steps = t.integers(layer, 3) or [1] * count
    rows: list[int] = []
    for k in range(count):
        if masks["new_axis"][k]:
            rows += [NEW, 0, 0, 0]
        elif masks["ellipsis"][k]:
            rows += [REST, 0, 0, 0]
        elif masks["shrink_axis"][k]:
            rows += [INDEX, begin[k], 0, 0]
        else:
            open_ends = OPEN_START * masks["begin"][k] + OPEN_STOP * masks["end"][k]
            rows += [SLICE + open_ends, begin[k], end[k], steps[k]]
    t.add(layer, "Indexed", [t.take(layer, 0)], domain=OWN, key=rows)


SLICE, OPEN_START, OPEN_STOP, INDEX, NEW, REST = 0, 1, 2, 4, 5, 6
"""What an axis of an indexing is: a slice, whose ends may be left out; one index; a new axis; all others."""


@layer_type("Gather")
def _gather(t: Translation, layer: Layer) -> None:
    (axis,) = t.needed(layer, 2)
    if number(layer, "batch_dims", 0):
        raise UntranslatedError
    t.add(layer, "Gather", [t.take(layer, 0), t.take(layer, 1)], axis=axis)


@layer_type("GatherElements")
def _gather_elements(t: Translation, layer: Layer) -> None:
    t.add(layer, "GatherElements", t.all(layer), axis=number(layer, "axis", 0))


@layer_type("GatherND")
def _gather_nd(t: Translation, layer: Layer) -> None:
    t.add(layer, "GatherND", t.all(layer), batch_dims=number(layer, "batch_dims", 0))


@layer_type("ScatterNDUpdate")
def _scatter_nd(t: Translation, layer: Layer) -> None:
    t.add(layer, "ScatterND", t.all(layer), reduction=_reduction(layer))


@layer_type("ScatterElementsUpdate")
def _scatter_elements(t: Translation, layer: Layer) -> None:
    (axis,) = t.needed(layer, 3)
    t.add(layer, "ScatterElements", t.all(layer)[:3], axis=axis, reduction=_reduction(layer))


def _reduction(layer: Layer) -> str:
    found = word(layer, "reduction", "none")
    return "add" if found == "sum" else found


@layer_type("Broadcast")
def _broadcast(t: Translation, layer: Layer) -> None:
    if word(layer, "mode", "numpy") not in ("numpy", "bidirectional"):
        raise UntranslatedError
    shape = t.step(layer, "Cast", [t.take(layer, 1)], to=7)
    t.add(layer, "Expand", [t.take(layer, 0), shape])


@layer_type("Pad")
def _pad(t: Translation, layer: Layer) -> None:
    pads = t.step(layer, "Concat", [t.take(layer, 1), t.take(layer, 2)], axis=0)
    pads = t.step(layer, "Cast", [pads], to=7)
    mode = {"edge": "edge", "reflect": "reflect", "constant": "constant", "symmetric": "symmetric"}
    found = mode.get(word(layer, "pad_mode", "constant"))
    if found is None:
        raise UntranslatedError
    t.add(layer, "Pad", [t.take(layer, 0), pads, t.take(layer, 3)], mode=found)


@layer_type("Reverse")
def _reverse(t: Translation, layer: Layer) -> None:
    axes = t.needed(layer, 1)
    if word(layer, "mode", "index") == "mask":
        axes = [place for place, each in enumerate(axes) if each]
    t.add(layer, "Flip", [t.take(layer, 0)], domain=OWN, axes=axes)


@layer_type("Roll")
def _roll(t: Translation, layer: Layer) -> None:
    shift, axes = t.needed(layer, 1), t.needed(layer, 2)
    shift = shift * len(axes) if len(shift) == 1 else shift
    if len(shift) != len(axes):
        raise UntranslatedError
    t.add(layer, "Roll", [t.take(layer, 0)], domain=OWN, axes=axes, shift=shift)


@layer_type("ShuffleChannels")
def _shuffle(t: Translation, layer: Layer) -> None:
    axis, groups, dims = number(layer, "axis", 1), number(layer, "group", 1), layer.inputs[0].dims or ()
    extent = dims[axis] if -len(dims) <= axis < len(dims) else -1
    if groups < 1 or not 0 < extent <= _MOST_SHUFFLED or extent % groups:
        raise UntranslatedError
    order = [group * (extent // groups) + k for k in range(extent // groups) for group in range(groups)]
    t.add(layer, "Gather", [t.take(layer, 0), t.constant(order)], axis=axis)

"""Operations of Keras that move elements about: reshape, reorder, join, cut, repeat, pad, index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, Extras, Stage, TensorSpec
from rfcalc.readers.keras.config import LARGEST, shown
from rfcalc.readers.keras.nodes import Constant, Ref, Slice, array_shape, flatten
from rfcalc.readers.keras.operation import AtRunTimeError, Operation, OperationMaker, listed
from rfcalc.readers.keras.settings import Made


def _reshape(op: Operation) -> Made:
    return "reshape", {"shape": op.shape("newshape", "shape")}


def _transpose(op: Operation) -> Made:
    axes = op.axes("axes", "perm")
    return "permute", {"order": axes} if axes is not None else {"order": "reversed"}


def _swapaxes(op: Operation) -> Made:
    return "permute", {"order": ("swap", op.axis("axis1", place=1), op.axis("axis2", place=2))}


def _moveaxis(op: Operation) -> Made:
    source, target = op.axes("source", place=1), op.axes("destination", place=2)
    if source is None or target is None or len(source) != len(target):
        op.wrong("source", "as many axes as the destination", source)
    return "permute", {"order": ("move", source, target)}


def _expand(op: Operation) -> Made:
    axes = op.axes("axis")
    if axes is None:
        op.wrong("axis", "an axis or a list of axes", axes)
    return "expand_dims", {"axes": axes}


def _squeeze(op: Operation) -> Made:
    return "squeeze", {"axes": op.axes("axis")}


def _like_maps(rank: int) -> str:
    """Return the roles that axes of an array have beside those of samples."""
    return (BATCH + SPATIAL * rank)[: max(rank - 1, 1)] + (CHANNEL if rank > 1 else "")


def _joined(op: Operation) -> Extras:
    """Return the arrays among what is joined."""
    given = op.value("xs", "x", "arrays", "values", place=0)
    return op.operands(listed(given), _like_maps)


def _concat(op: Operation) -> Stage:
    return Stage("concat", {"axis": op.axis("axis", default=-1)}, _joined(op))


def _stack(op: Operation) -> Stage:
    return Stage("stack", {"axis": op.axis("axis", default=0)}, _joined(op))


def _split(op: Operation) -> Made:
    names = ("indices_or_sections", "num_or_size_splits")
    parts = op.numbers(*names, place=1, least=-1)
    settings = {"axis": op.axis("axis", default=0, place=2)}
    if type(op.value(*names, place=1)) is int:
        return "split", {"sections": op.numbers(*names, place=1)[0], **settings}
    if "num_or_size_splits" in op.node.kwargs:  # TensorFlow's split takes sizes
        return "split", {"sizes": parts, **settings}
    return "split", {"cuts": parts, **settings}


def _unstack(op: Operation) -> Made:
    return "split", {"sections": "each", "axis": op.axis("axis", default=0, place=2), "drop": True}


def _repeat(op: Operation) -> Made:
    count, axis = op.value("repeats", place=1), op.value("axis", place=2)
    if type(count) is not int or type(axis) is not int or not 0 < count <= LARGEST:
        return "unknown", {"why": "repeats that differ, or of the flattened tensor"}
    return "repeat", {"count": count, "axis": axis}


def _tile(op: Operation) -> Made:
    return "tile", {"repeats": op.numbers("repeats", "multiples", place=1)}


_PAD_MODES: Final = ("constant", "reflect", "symmetric", "edge", "wrap")


def _pad(op: Operation) -> Made:
    pairs = op.value("pad_width", "paddings", place=1)
    mode = str(op.value("mode", default="constant")).lower()
    if type(pairs) is int:
        return "unknown", {"why": "it pads every axis, the batch too"}
    if mode not in _PAD_MODES:
        return "unknown", {"why": f"no rule for padding of the mode {shown(mode)}"}
    if isinstance(pairs, Constant) or any(flatten(pairs)):
        raise AtRunTimeError("pad_width")
    if not isinstance(pairs, tuple) or not pairs:
        op.wrong("pad_width", "a list of pairs", pairs)
    pairs = tuple(pair if isinstance(pair, tuple) else (pair, pair) for pair in pairs)
    if not all(len(pair) == 2 and all(type(n) is int and 0 <= n <= LARGEST for n in pair) for pair in pairs):
        op.wrong("pad_width", "a list of pairs", pairs)
    places = tuple(place for place, pair in enumerate(pairs) if pair != (0, 0))
    return "pad", {
        "spatial": places or (0,),
        "padding": tuple(pairs[p] for p in places or (0,)),
        "mode": mode,
    }


def _flip(op: Operation) -> Made:
    axes = op.axes("axis")
    return ("flip", {"axes": axes}) if axes else ("unknown", {"why": "it reverses every axis"})


def _roll(op: Operation) -> Made:
    axes, shift = op.axes("axis", place=2), op.numbers("shift", place=1, least=-LARGEST)
    if axes is None:
        return "unknown", {"why": "it rolls the flattened tensor"}
    if len(shift) not in (1, len(axes)):
        op.wrong("shift", "one number, or one for each axis", shift)
    return "roll", {"axes": axes, "shift": shift if len(shift) == len(axes) else shift * len(axes)}


def _take(op: Operation) -> Made | Stage:
    if op.value("axis", place=2) is None:
        return "unknown", {"why": "it looks up in the flattened tensor"}
    axis, given = op.axis("axis", place=2), op.value("indices", place=1)
    table = op.value("x", place=0)
    if isinstance(given, Ref):
        if not isinstance(table, Constant):
            return "gather", {"axis": axis}
        rank = len(table.shape)
        if axis % max(rank, 1) == 0 and rank == 2:
            return "embedding", {"vocabulary": table.shape[0], "units": table.shape[1]}
        spec = TensorSpec(table.shape, CHANNEL * rank)
        return Stage("gather", {"axis": axis}, Extras(operands=((0, spec),)))
    if isinstance(given, Constant) and given.value is None:
        raise AtRunTimeError("indices")
    nested = given.value if isinstance(given, Constant) else given
    if type(nested) is int:
        return "select", {"axis": axis, "index": nested}
    then: tuple[Stage, ...] = ()
    shape, before = array_shape(nested), op.node.refs[0].shape
    if len(shape) > 1:
        if before is None:
            raise AtRunTimeError("shape")
        place = axis % len(before)
        then = (Stage("reshape", {"shape": (*before[:place], *shape, *before[place + 1 :])}),)
    return Stage("take", {"axis": axis, "indices": tuple(_numbers(nested, op))}, Extras(then=then))


def _numbers(nested: object, op: Operation) -> Iterator[int]:
    """Yield the whole numbers in nested lists, in their order."""
    for each in nested if isinstance(nested, (list, tuple)) else (nested,):
        if isinstance(each, (list, tuple)):
            yield from _numbers(each, op)
        elif type(each) is int:
            yield each
        else:
            op.wrong("indices", "whole numbers", each)


def _take_along_axis(op: Operation) -> Made:
    if not isinstance(op.value("indices", place=1), Ref) or op.value("axis", place=2) is None:
        return "unknown", {"why": "it looks up by constants, or in the flattened tensor"}
    return "gather_elements", {"axis": op.axis("axis", place=2)}


def _get_item(op: Operation) -> Made:
    key = op.value("key", "slice_spec", place=1)
    return "index", {"key": _readable(listed(key), op)}


def _readable(key: tuple[Any, ...], op: Operation) -> tuple[Any, ...]:
    out: list[Any] = []
    for each in key:
        if isinstance(each, Slice):
            ends = (each.start, each.stop, each.step)
            if not all(end is None or type(end) is int for end in ends):
                raise AtRunTimeError("slice")
            out.append(ends)
        elif isinstance(each, (Ref, Constant, tuple)):
            raise AtRunTimeError("index")
        elif each is Ellipsis or each is None or type(each) is int:
            out.append("..." if each is Ellipsis else "new" if each is None else each)
        else:
            op.wrong("index", "a slice, a number, null or an ellipsis", each)
    return tuple(out)


SHAPES: Final[dict[str, OperationMaker]] = {
    "Reshape": _reshape,
    "Ravel": lambda _op: ("reshape", {"shape": (-1,)}),
    "Transpose": _transpose,
    "Swapaxes": _swapaxes,
    "Moveaxis": _moveaxis,
    "ExpandDims": _expand,
    "Squeeze": _squeeze,
    "Concatenate": _concat,
    "Concat": _concat,
    "Stack": _stack,
    "Split": _split,
    "Unstack": _unstack,
    "Repeat": _repeat,
    "Tile": _tile,
    "Pad": _pad,
    "Flip": _flip,
    "Roll": _roll,
    "BroadcastTo": lambda op: ("broadcast_to", {"shape": op.shape("shape")}),
    "Take": _take,
    "TakeAlongAxis": _take_along_axis,
    "GetItem": _get_item,
    "SlicingOpLambda": _get_item,
}

"""Operations of Keras that numpy, FFTs and linear algebra have: each one of the kinds, or several."""

from __future__ import annotations

from string import ascii_letters
from typing import Any, Final

from rfcalc.algebra.number import Num, is_known
from rfcalc.graph.layer import CHANNEL, SPATIAL, Extras, Stage
from rfcalc.readers.keras.nodes import Constant, Ref
from rfcalc.readers.keras.operation import AtRunTimeError, Operation, OperationMaker, features, listed
from rfcalc.readers.keras.ops_elementwise import ELEMENTWISE
from rfcalc.readers.keras.ops_mix import MIXES
from rfcalc.readers.keras.ops_shape import SHAPES
from rfcalc.readers.keras.settings import Made, image_layout


def _shape(op: Operation, *names: str, place: int = 0) -> tuple[Num, ...]:
    """Return the shape of a tensor or array that an operation is called on."""
    given = op.value(*names, place=place)
    shape = given.shape if isinstance(given, (Ref, Constant)) else None
    if shape is None:
        raise AtRunTimeError("shape")
    return shape


# ---- parts -------------------------------------------------------------------------------------------------


def _glu(op: Operation) -> Made:
    """Return the gate that half of an axis is for the other half."""
    shape, axis = _shape(op, "x"), op.axis("axis", default=-1)
    extent = shape[axis]
    if not is_known(extent):
        return "unknown", {"why": "where the second half begins depends on the extent"}
    half = int(extent) // 2
    return "take", {"axis": axis, "indices": tuple((k, k + half) for k in range(half))}


def _top_k(op: Operation) -> Made:
    size = op.value("k", place=1)
    if type(size) is not int or size < 1:
        return "unknown", {"why": "how many it keeps is not a number"}
    return "top_k", {"axis": -1, "size": size}


def _moments(op: Operation) -> Stage:
    keep = op.value("keepdims", default=False) is True
    axes = op.axes("axes")
    attrs = {"axes": "all" if axes is None else axes, "keepdims": keep, "mode": "mean"}
    return Stage("reduce", attrs, Extras(copies=1))


def _slice(op: Operation) -> Made:
    """Return a block out of a tensor; an axis that stays whole may be open."""
    starts, sizes = op.value("start_indices", place=1), op.value("shape", place=2)
    whole = _shape(op, "inputs", "x")
    given = starts.value if isinstance(starts, Constant) else starts
    if isinstance(starts, Ref) or not isinstance(given, (tuple, list)):
        raise AtRunTimeError("start")
    key: list[Any] = []
    for start, size, extent in zip(given, listed(sizes), whole, strict=True):
        if start == 0 and (size in (None, -1) or (is_known(extent) and size == extent)):
            key.append((None, None, None))
        elif type(start) is not int or type(size) is not int:
            raise AtRunTimeError("start")
        else:
            key.append((start, start + size if size >= 0 else None, None))
    return "index", {"key": tuple(key)}


def _take_along_axis(op: Operation) -> Made | Stage:
    """Look up along an axis; of indices that are an array, which these are is left open."""
    indices = op.value("indices", place=1)
    if isinstance(op.value("x", place=0), Ref) and isinstance(indices, Constant):
        axis = op.value("axis", place=2)
        if type(axis) is int:
            extras = op.operands(op.node.args, _maps)
            return Stage("gather_elements", {"axis": axis, "unread": True}, extras)
    return SHAPES["TakeAlongAxis"](op)


def _maps(rank: int) -> str:
    return "b" + SPATIAL * (rank - 2) + CHANNEL if rank > 1 else SPATIAL * rank


# ---- joining and turning -----------------------------------------------------------------------------------


def _joined(axis: int) -> OperationMaker:
    def make(op: Operation) -> Stage:
        made = SHAPES["Concatenate"](op)
        assert isinstance(made, Stage)
        return made._replace(attrs={"axis": axis})

    return make


def _append(op: Operation) -> Made:
    if type(op.value("axis", place=2)) is not int or len(op.edges) != 2:
        return "unknown", {"why": "it flattens both tensors, or one is an array"}
    return "concat", {"axis": op.axis("axis", place=2)}


def _parted(axis: int) -> OperationMaker:
    def make(op: Operation) -> Made:
        parts = op.numbers("indices_or_sections", place=1)
        if type(op.value("indices_or_sections", place=1)) is int:
            return "split", {"sections": parts[0], "axis": axis}
        return "split", {"cuts": parts, "axis": axis}

    return make


def _rotate(op: Operation) -> Made | Stage:
    times, axes = op.value("k", default=1), op.axes("axes", default=(0, 1))
    if type(times) is not int or axes is None or len(axes) != 2:
        op.wrong("k", "a whole number", times)
    first, second = axes
    times %= 4
    if times == 0:
        return "identity", {}
    if times == 2:
        return "flip", {"axes": (first, second)}
    then = (Stage("flip", {"axes": (first if times == 1 else second,)}),)
    return Stage("permute", {"order": ("swap", first, second)}, Extras(then=then))


# ---- products ----------------------------------------------------------------------------------------------


def _einsum(op: Operation, left: str, right: str, out: str) -> Made | Stage:
    extras = op.operands(op.node.args[:2], features)
    if len(op.edges) + len(extras.operands) != 2:
        return "unknown", {"why": "a product with a number"}
    return Stage("einsum", {"equation": f"{left},{right}->{out}"}, extras)


def _dot(op: Operation) -> Made | Stage:
    """Sum over the last axis of one and the last but one of the other."""
    names = (("x1", "x"), ("x2", "y"))
    a, b = (len(_shape(op, *each, place=place)) for place, each in enumerate(names))
    return _contracted(op, a, b, [a - 1], [max(b - 2, 0)])


def _inner(op: Operation) -> Made | Stage:
    a, b = (len(_shape(op, name, place=place)) for place, name in enumerate(("x1", "x2")))
    return _contracted(op, a, b, [a - 1], [b - 1])


def _tensordot(op: Operation) -> Made | Stage:
    a, b = (len(_shape(op, name, place=place)) for place, name in enumerate(("x1", "x2")))
    axes = op.value("axes", place=2, default=2)
    if type(axes) is int:
        return _contracted(op, a, b, list(range(a - axes, a)), list(range(axes)))
    if not isinstance(axes, tuple) or len(axes) != 2:
        op.wrong("axes", "a number, or a list of axes for each tensor", axes)
    left, right = (listed(each) for each in axes)
    if len(left) != len(right) or not all(type(each) is int for each in (*left, *right)):
        op.wrong("axes", "as many axes of one as of the other", axes)
    return _contracted(op, a, b, [each % a for each in left], [each % b for each in right])


def _contracted(op: Operation, a: int, b: int, left: list[int], right: list[int]) -> Made | Stage:
    """Return a product of tensors with `a` and `b` axes, summed over those in `left` and `right`."""
    if a < 1 or b < 1:
        return "unknown", {"why": "a product with a number"}
    first = list(ascii_letters[:a])
    second = list(ascii_letters[a : a + b])
    for one, other in zip(left, right, strict=True):
        second[other] = first[one]
    out = [each for k, each in enumerate(first) if k not in left]
    out += [each for k, each in enumerate(second) if k not in right]
    return _einsum(op, "".join(first), "".join(second), "".join(out))


# ---- along whole axes --------------------------------------------------------------------------------------


def _mixed(*axes: int) -> OperationMaker:
    """Operations of which each output depends on all of some axes, whose extents stay."""
    return lambda op: ("softmax", {"axis": axes, "function": op.name.lower()})


def _transform(*axes: int) -> OperationMaker:
    """Fourier transforms of a pair of tensors, real and imaginary parts, which give such a pair."""

    def make(op: Operation) -> Stage:
        then = (Stage("softmax", {"axis": axes, "function": op.name.lower()}),)
        return Stage("elementwise", {"function": op.name.lower()}, Extras(then=then, copies=1))

    return make


def _real_transform(op: Operation) -> Made | Stage:
    """Return the Fourier transform of a tensor of real numbers, which gives half as many frequencies."""
    extent = _shape(op, "x")[-1]
    if op.value("fft_length", place=1) is not None or not is_known(extent):
        return "unknown", {"why": "how many frequencies it gives depends on the extent"}
    attrs = {"axis": -1, "size": int(extent) // 2 + 1, "indices": False}
    return Stage("top_k", attrs, Extras(copies=1))


def _colours(op: Operation) -> Made:
    channel = image_layout(op.value("data_format") == "channels_first")["channel"]
    return "softmax", {"axis": (channel,), "function": op.name.lower()}


def _blur(op: Operation) -> Made:
    kernel = op.numbers("kernel_size", place=1)
    sizes = kernel if len(kernel) == 2 else kernel * 2
    layout = image_layout(op.value("data_format") == "channels_first")
    return "average_pool", {"kernel": sizes, "stride": (1, 1), "padding": "same", **layout}


_SAME: Final = ("EmptyLike", "Digitize")
MORE: Final[dict[str, OperationMaker]] = {
    **dict.fromkeys(_SAME, lambda op: ("activation", {"function": op.name.lower()})),
    **dict.fromkeys(("Cholesky", "CholeskyInverse", "Inv"), _mixed(-2, -1)),
    **dict.fromkeys(("FFT",), _transform(-1)),
    **dict.fromkeys(("FFT2", "IFFT2"), _transform(-2, -1)),
    "RFFT": _real_transform,
    "Det": lambda op: ("reduce", {"axes": (-2, -1), "keepdims": False, "mode": op.name.lower()}),
    "Nancumsum": MIXES["Cumsum"],
    "Nancumprod": MIXES["Cumprod"],
    **dict.fromkeys(("Nanargmax", "Nanargmin"), MIXES["Argmax"]),
    **dict.fromkeys(("Percentile", "Nanpercentile", "Nanquantile"), MIXES["Quantile"]),
    "Fliplr": lambda _op: ("flip", {"axes": (1,)}),
    "Flipud": lambda _op: ("flip", {"axes": (0,)}),
    "Rot90": _rotate,
    "Vstack": _joined(0),
    "Hstack": _joined(1),
    "Dstack": _joined(2),
    "Append": _append,
    "Vsplit": _parted(0),
    "Hsplit": _parted(1),
    "Dsplit": _parted(2),
    "Slice": _slice,
    "TakeAlongAxis": _take_along_axis,
    "Glu": _glu,
    "TopK": _top_k,
    "Moments": _moments,
    "Dot": _dot,
    "Inner": _inner,
    "Tensordot": _tensordot,
    "Select": ELEMENTWISE["Power"],
    "RGBToHSV": _colours,
    "HSVToRGB": _colours,
    "GaussianBlur": _blur,
}
"""Operations that are others in other words, or several kinds in a row."""

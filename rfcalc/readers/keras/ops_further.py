"""Operations of Keras that are several kinds in a row, or of which a bound is known."""

from __future__ import annotations

import re
from typing import Any, Final

from rfcalc.algebra.number import Num, is_known
from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.keras.nodes import Constant, Ref
from rfcalc.readers.keras.operation import AtRunTimeError, Operation, OperationMaker, features
from rfcalc.readers.keras.ops_mix import MIXES
from rfcalc.readers.keras.settings import Made

_MOST_PARTS: Final = 10_000


def _rank(op: Operation, name: str, place: int = 0) -> int:
    """Return how many axes a tensor has that an operation is called on."""
    given = op.value(name, place=place)
    if not isinstance(given, (Ref, Constant)) or given.shape is None:
        raise AtRunTimeError("shape")
    return len(given.shape)


def _whole(op: Operation, name: str) -> int:
    """Return a setting that is a positive whole number."""
    value = op.value(name)
    if type(value) is not int or value < 1:
        op.wrong(name, "a positive integer", value)
    return value


def _each(op: Operation) -> Stage:
    """Return what each element computes by itself, of all tensors."""
    return Stage("elementwise", {"function": op.name.lower(), "constants": op.constants()})


def _then(stage: Stage, *stages: Stage, copies: int = 0) -> Stage:
    return stage._replace(extras=stage.extras._replace(then=stages, copies=copies))


def _summed(*axes: int, keep: bool = False) -> Stage:
    return Stage("reduce", {"axes": axes, "keepdims": keep, "mode": "sum"})


# ---- signals -----------------------------------------------------------------------------------------------


def _sequences(op: Operation) -> Made:
    length, step = _whole(op, "sequence_length"), _whole(op, "sequence_stride")
    return "frames", {"kernel": length, "stride": step, "bins": length, "plain": True, "axis": -1}


def _spectrogram(op: Operation) -> Made | Stage:
    """Return real and imaginary parts of frames, whose window lies in the middle of each."""
    size, length = _whole(op, "fft_length"), _whole(op, "sequence_length")
    window = op.value("window", default="hann")
    if length > size or window not in ("hann", "hamming", None):
        return "unknown", {"why": "its window is an array"}
    first = (size - length) // 2
    # the first sample of a periodic Hann window is zero
    read = tuple(range(first + (window == "hann" and length > 1), first + length))
    padding = size // 2 if op.value("center", default=True) is not False else 0
    attrs: dict[str, Any] = {"kernel": size, "stride": _whole(op, "sequence_stride"), "bins": size // 2 + 1}
    attrs |= {"before": padding, "after": padding, "border": padding > 0, "axis": -1}
    return Stage("frames", {**attrs, "window": read}, Extras(copies=1))


def _real_inverse(op: Operation) -> Made | Stage:
    """Return the samples that real and imaginary parts of frequencies stand for."""
    first = op.node.refs[0].shape if op.node.refs else None
    size = op.value("fft_length")
    if size is None and first is not None and is_known(first[-1]):
        size = (int(first[-1]) - 1) * 2
    if type(size) is not int or size < 1:
        return "unknown", {"why": "how many samples it gives depends on the extent"}
    return _then(_each(op), Stage("top_k", {"axis": -1, "size": size, "indices": False}))


# ---- vectors and matrices ----------------------------------------------------------------------------------


def _cross(op: Operation) -> Made | Stage:
    axes = {op.value(name, default=-1) for name in ("axisa", "axisb", "axisc")}
    given = [op.value(name, place=place) for place, name in enumerate(("x1", "x2"))]
    shapes = [each.shape for each in given if isinstance(each, (Ref, Constant))]
    along = axes == {-1} and op.value("axis") is None
    if not along or len(shapes) != 2 or any(shape is None or shape[-1] != 3 for shape in shapes):
        return "unknown", {"why": "vectors of other than three elements, or along another axis"}
    return _then(_each(op), Stage("softmax", {"axis": (-1,), "function": "cross"}))


def _distances(op: Operation) -> Made | Stage:
    """Return how far each row of one is from each of the other: a sum over features of each pair."""
    extras = op.operands(op.node.args[:2], features)
    if len(op.edges) + len(extras.operands) != 2:
        return "unknown", {"why": "it is called on no two tensors"}
    return Stage("einsum", {"equation": "...im,...jm->...ij"}, extras)


def _trace(op: Operation) -> Made:
    """Return the sum of a diagonal, which of a square passes each row and each column."""
    axes = tuple(op.value(name, default=place) for place, name in enumerate(("axis1", "axis2")))
    given = op.value("x", place=0)
    shape = given.shape if isinstance(given, Ref) else None
    if shape is None or op.value("offset", default=0) != 0 or shape[axes[0]] != shape[axes[1]]:
        return "unknown", {"why": "a diagonal of a matrix that is not known to be square"}
    return "reduce", {"axes": axes, "keepdims": False, "mode": "sum"}


def _matrix(copies: int = 0) -> OperationMaker:
    """One number of all of each matrix."""
    return lambda op: Stage(
        "reduce", {"axes": (-2, -1), "keepdims": False, "mode": op.name.lower()}, Extras(copies=copies)
    )


# ---- losses ------------------------------------------------------------------------------------------------


def _loss(op: Operation) -> Stage:
    """Return a loss that sums over classes."""
    return _then(_each(op), _summed(op.axis("axis", default=-1)))


def _index_loss(op: Operation) -> Made | Stage:
    """Return a loss of classes that are given by their numbers."""
    if op.constants() or _rank(op, "target") + 1 != _rank(op, "output", place=1):
        return "unknown", {"why": "targets with an axis of their own"}
    axis = op.axis("axis", default=-1)
    return _each(op)._replace(extras=Extras(prepare=((1, (_summed(axis),)),)))


def _top_of(op: Operation) -> Made | Stage:
    if op.constants():
        return "unknown", {"why": "an array beside a tensor"}
    return _each(op)._replace(extras=Extras(prepare=((1, (_summed(-1),)),)))


def _over_all(op: Operation) -> Stage:
    """Return one number of all elements."""
    return _then(_each(op), Stage("reduce", {"axes": "all", "keepdims": False, "mode": op.name.lower()}))


# ---- shapes ------------------------------------------------------------------------------------------------


def _spaced(op: Operation) -> Made | Stage:
    """Return numbers between each two elements, along a new axis."""
    count, axis = op.value("num", default=50), op.axis("axis", default=0)
    if type(count) is not int or count < 1 or op.value("retstep", default=False) is not False:
        return "unknown", {"why": "how many it gives is not a number"}
    return _then(
        _each(op), Stage("expand_dims", {"axes": (axis,)}), Stage("repeat", {"count": count, "axis": axis})
    )


def _several_hot(op: Operation) -> Made | Stage:
    """Return which classes are among those that are listed along the second axis."""
    size = op.value("num_classes")
    if type(size) is not int or size < 1 or op.value("axis", default=-1) != -1:
        return "unknown", {"why": "one-hot coding along another axis"}
    return Stage("one_hot", {"size": size}, Extras(then=(_summed(min(1, _rank(op, "inputs") - 1)),)))


def _parts(op: Operation) -> Made:
    """Return parts of an axis, the first ones longer by one where they cannot be alike."""
    axis, given = op.axis("axis", default=0), op.value("indices_or_sections")
    if type(given) is not int:
        return "split", {"cuts": op.numbers("indices_or_sections"), "axis": axis}
    x = op.value("x", place=0)
    extent = x.shape[axis] if isinstance(x, Ref) and x.shape is not None else None
    if extent is None or not is_known(extent) or not 1 <= given <= _MOST_PARTS:
        return "unknown", {"why": "how long its parts are depends on the extent"}
    longer, size = int(extent) % given, int(extent) // given
    return "split", {"sizes": tuple(size + (part < longer) for part in range(given)), "axis": axis}


def _written(op: Operation) -> Stage:
    """Return a tensor with others written into it, of which it is not followed where they go."""
    data = op.value("inputs", place=0)
    if not isinstance(data, Ref):
        raise AtRunTimeError("tensor that is written into is an array, and what it holds")
    return Stage("scatter", {"adds": op.value("reduction") == "add"})


def _warped(op: Operation) -> Made:
    """Return images whose pixels come from anywhere."""
    axes = "bcss" if op.value("data_format") == "channels_first" else "bssc"
    rank = _rank(op, "images")
    reason = "where it looks is worked out when the model runs"
    return "cover", {"shape": (None,) * rank, "axes": axes[4 - rank :], "reason": reason}


def _unravelled(op: Operation) -> Made | Stage:
    """Return the place along each axis that a number stands for."""
    shape = op.value("shape")
    if not isinstance(shape, tuple) or not shape:
        return "unknown", {"why": "how many axes it gives is not known"}
    return _then(_each(op), copies=len(shape) - 1)


def _looked_up(op: Operation) -> Made:
    """Compare each element with an array, or with all elements of a tensor."""
    name, place = ("values", 1) if op.name == "SearchSorted" else ("x1", 0)
    if len(op.edges) != 1 or not isinstance(op.value(name, place=place), Ref):
        return "unknown", {"why": "what it looks up in is a tensor of the model"}
    return "activation", {"function": op.name.lower()}


def _rearranged(op: Operation) -> Made | Stage:
    """Return a tensor under another order of axes, some of which are taken apart or put together."""
    pattern, given = op.value("pattern", place=1), op.value("tensor", place=0)
    shape = given.shape if isinstance(given, Ref) else None
    if not isinstance(pattern, str) or shape is None:
        raise AtRunTimeError("pattern")
    sides = [_groups(side) for side in pattern.split("->")]
    if len(sides) != 2 or "..." in pattern or len(sides[0]) != len(shape):
        return "unknown", {"why": "no rule for this pattern"}
    sizes = dict(_sizes(sides[0], shape, {**op.node.kwargs, **op.config.data}))
    before, after = ([name for group in side for name in group] for side in sides)
    if sorted(before) != sorted(after) or len(set(before)) != len(before):
        return "unknown", {"why": "no rule for this pattern"}
    apart = _shape_of([(name,) for name in before], sizes)
    together = _shape_of(sides[1], sizes)
    if apart is None or together is None:
        return "unknown", {"why": "its parts depend on extents that are open"}
    then = (
        Stage("permute", {"order": tuple(map(before.index, after))}),
        Stage("reshape", {"shape": together}),
    )
    return Stage("reshape", {"shape": apart}, Extras(then=then))


def _groups(side: str) -> list[tuple[str, ...]]:
    """Return the axes that one side of a pattern names, those in brackets as one group."""
    found = re.findall(r"\(([^()]*)\)|([^\s()]+)", side)
    return [tuple(inside.split()) if not single else (single,) for inside, single in found]


def _sizes(
    groups: list[tuple[str, ...]], shape: tuple[Num, ...], told: dict[str, Any]
) -> list[tuple[str, Num]]:
    """Return the extents of all axes: those that are told, and the one of each group that is left."""
    found: list[tuple[str, Num]] = []
    for group, extent in zip(groups, shape, strict=True):
        known = {name: told[name] for name in group if type(told.get(name)) is int}
        rest = [name for name in group if name not in known]
        left = extent
        for size in known.values():
            left = left // size if is_known(left) and size > 0 else left
        found += known.items()
        found += [(name, left if len(rest) == 1 and (is_known(left) or not known) else -1) for name in rest]
    return found


def _shape_of(groups: list[tuple[str, ...]], sizes: dict[str, Num]) -> tuple[Num, ...] | None:
    """Return a shape with -1 for the one extent that is not known; None where there are several."""
    shape: list[Num] = []
    for group in groups:
        extent: Num = 1
        for name in group:
            size = sizes[name]
            known = is_known(size) and size > 0 and is_known(extent) and extent > 0
            extent = extent * size if known else -1
        shape.append(extent)
    return tuple(shape) if shape.count(-1) <= 1 else None


_CODE: Final = ("Map", "VectorizedMap", "Scan", "AssociativeScan", "ForiLoop", "WhileLoop", "Cond", "Switch")
FURTHER: Final[dict[str, OperationMaker]] = {
    "ExtractSequences": _sequences,
    "STFT": _spectrogram,
    "IRFFT": _real_inverse,
    "Cross": _cross,
    "CDist": _distances,
    "Trace": _trace,
    "Logdet": _matrix(),
    "Slogdet": _matrix(copies=1),
    "MatrixRank": _matrix(),
    "Pinv": lambda op: _then(
        Stage("softmax", {"axis": (-2, -1), "function": op.name.lower()}),
        Stage("permute", {"order": ("swap", -2, -1)}),
    ),
    "Trapezoid": lambda op: Stage(
        "reduce", {"axes": (op.axis("axis", default=-1),), "keepdims": False, "mode": "trapezoid"}
    ),
    "ViewAsComplex": lambda _op: _summed(-1),
    "Polar": _each,
    "BinaryCrossentropy": _each,
    "CategoricalCrossentropy": _loss,
    "SparseCategoricalCrossentropy": _index_loss,
    "InTopK": _top_of,
    "PSNR": _over_all,
    "AllClose": _over_all,
    **dict.fromkeys(("Linspace", "Logspace", "Geomspace"), _spaced),
    "MultiHot": _several_hot,
    "ArraySplit": _parts,
    "Argpartition": MIXES["Argsort"],
    **dict.fromkeys(("SliceUpdate", "ScatterUpdate"), _written),
    **dict.fromkeys(("IsIn", "SearchSorted"), _looked_up),
    **dict.fromkeys(("AffineTransform", "PerspectiveTransform", "ElasticTransform"), _warped),
    "UnravelIndex": _unravelled,
    "Array": lambda _op: ("identity", {}),
    "Rearrange": _rearranged,
    **dict.fromkeys(
        _CODE, lambda _op: ("unknown", {"why": "its function is code, which is not in the file"})
    ),
}
"""Operations by their class names in Keras 3."""

"""Layers of OpenVINO that mix whole axes: products, reductions, normalisation, attention, recurrence."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Final

from rfcalc.readers.openvino.document import Layer
from rfcalc.readers.openvino.translate import (
    OWN,
    UNBIASED,
    Translation,
    UntranslatedError,
    flag,
    layer_type,
    number,
    numbers,
    word,
)


@layer_type("MatMul")
def _matmul(t: Translation, layer: Layer) -> None:
    swap: dict[str, Any] = {
        "transA": int(flag(layer, "transpose_a")),
        "transB": int(flag(layer, "transpose_b")),
    }
    biased = _biased(t, layer)
    if biased is not None:
        taker, bias = biased
        t.absorbed.add(taker.id)
        inputs = [*t.all(layer), t.take(taker, bias)]
        t.add(taker, "Gemm", inputs, t.made(taker), **swap)
        t.entitle(layer, t.name(taker))
    elif any(swap.values()):
        t.add(layer, "FusedMatMul", t.all(layer), domain="com.microsoft", **swap)
    else:
        t.add(layer, "MatMul", t.all(layer))


def _biased(t: Translation, layer: Layer) -> tuple[Layer, int] | None:
    """Return the sum with a bias that a product was parted from, and which of its inputs the bias is."""
    takers = t.takers.get((layer.id, layer.outputs[0].id), [])
    taker = t.layers.get(takers[0][0]) if len(takers) == 1 else None
    ranks = {len(port.dims or ()) for port in layer.inputs}
    if taker is None or taker.type != "Add" or ranks != {2} or not layer.name.endswith(UNBIASED):
        return None
    place = 1 if taker.inputs[0].id == takers[0][1] else 0
    return (taker, place) if t.is_constant(taker, place) else None


_REDUCTIONS: Final = (
    *("ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"),
    *("ReduceLogicalAnd", "ReduceLogicalOr"),
)
_LOGICAL: Final = {"ReduceLogicalAnd": "ReduceMin", "ReduceLogicalOr": "ReduceMax"}


@layer_type(*_REDUCTIONS)
def _reduce(t: Translation, layer: Layer) -> None:
    keep = flag(layer, "keep_dims")
    axes = _reduced(*t.extents(layer), keep=keep) if t.is_unread(layer, 1) else t.needed(layer, 1)
    rank = len(layer.inputs[0].dims or ())
    op = _LOGICAL.get(layer.type, layer.type)
    pooled = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}.get(op)
    places = sorted(axis % rank for axis in axes) if rank else []
    if pooled and keep and rank > 2 and places == list(range(2, rank)) and layer.name.endswith("Pool"):
        t.add(layer, pooled, [t.take(layer, 0)])  # the name says what it was converted from
        return
    if not axes:
        t.add(layer, "Identity", [t.take(layer, 0)])
        return
    t.add(layer, op, [t.take(layer, 0), t.constant(axes)], keepdims=int(keep))


_MOST_TRIED: Final = 8
"""Axes of which all choices are tried."""


def _reduced(before: tuple[int, ...], after: tuple[int, ...], *, keep: bool) -> list[int]:
    """Return the axes that a reduction leaves out, where extents tell them."""
    count = len(before) - len(after)
    if len(before) > _MOST_TRIED:
        raise UntranslatedError
    if keep and not count:
        return [place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    found = [
        axes
        for axes in combinations(range(len(before)), max(count, 0))
        if tuple(extent for place, extent in enumerate(before) if place not in axes) == after
    ]
    if keep or len(found) != 1:
        raise UntranslatedError
    return list(found[0])


@layer_type("TopK")
def _top_k(t: Translation, layer: Layer) -> None:
    count = t.step(layer, "Cast", [t.take(layer, 1)], to=7)
    count = t.step(layer, "Reshape", [count, t.constant([1])])
    t.add(layer, "TopK", [t.take(layer, 0), count], axis=number(layer, "axis", -1))


@layer_type("MVN", "NormalizeL2", "GRN")
def _unit(t: Translation, layer: Layer) -> None:
    if layer.type == "GRN":
        axes = [1]
    elif layer.type == "MVN" and len(layer.inputs) < 2:  # of the first operation set
        rank = len(layer.inputs[0].dims or ())
        across = flag(layer, "across_channels")
        axes = numbers(layer, "reduction_axes") or list(range(1 if across else 2, rank))
    else:
        axes = t.needed(layer, 1)
    t.add(layer, "UnitNorm", [t.take(layer, 0)], domain=OWN, axes=axes)


@layer_type("BatchNormInference")
def _batch_norm(t: Translation, layer: Layer) -> None:
    if layer.version == "opset1":
        scale, offset, x, mean, variance = t.all(layer)
    else:
        x, scale, offset, mean, variance = t.all(layer)
    t.add(layer, "BatchNormalization", [x, scale, offset, mean, variance])


@layer_type("GroupNormalization")
def _group_norm(t: Translation, layer: Layer) -> None:
    t.add(layer, "GroupNormalization", t.all(layer), num_groups=number(layer, "num_groups", 1))


@layer_type("LRN")
def _lrn(t: Translation, layer: Layer) -> None:
    if t.needed(layer, 1) != [1]:
        raise UntranslatedError
    t.add(layer, "LRN", [t.take(layer, 0)], size=number(layer, "size", 1))


@layer_type("ScaledDotProductAttention")
def _attention(t: Translation, layer: Layer) -> None:
    rank = len(layer.inputs[0].dims or ())
    if rank not in (3, 4):
        raise UntranslatedError
    mask = t.take(layer, 3) if len(layer.inputs) > 3 and len(layer.inputs[3].dims or ()) > 1 else ""
    heads: dict[str, Any] = {"q_num_heads": 1, "kv_num_heads": 1} if rank == 3 else {}
    inputs = [*t.all(layer)[:3], mask]  # behind the mask there may be a scale
    t.add(layer, "Attention", inputs, is_causal=int(flag(layer, "causal")), **heads)


_CELLS: Final = {"LSTMSequence": ("LSTM", 2), "GRUSequence": ("GRU", 1), "RNNSequence": ("RNN", 1)}


@layer_type(*_CELLS)
def _recurrent(t: Translation, layer: Layer) -> None:
    """X, first states, lengths, W, R, B; the outputs have the direction before the steps."""
    op, states = _CELLS[layer.type]
    x, *rest = t.all(layer)
    first = rest[:states]
    _, kernel, again, bias = rest[states : states + 4]
    made = t.made(layer)
    steps = t.part()
    t.add(
        layer,
        op,
        [x, kernel, again, bias, "", *first],
        [steps, *made[1:]],
        hidden_size=number(layer, "hidden_size", 1),
        direction=word(layer, "direction", "forward"),
        layout=1,
    )
    t.step(layer, "Transpose", [steps], made=made[0], perm=[0, 2, 1, 3])

"""Constant masks in ONNX files: what runs of onnxruntime show, one row of the input changed at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import rfcalc  # noqa: E402

T = 10
node = helper.make_node
F = np.float32


def allowed(name: str) -> Any:
    q, k = np.arange(T)[:, None], np.arange(T)[None, :]
    return {
        "causal": k <= q,
        "sliding": abs(q - k) <= 1,
        "blocks": q // 5 == k // 5,
        "prefix": (k < 3) | (k <= q),
        "irregular": ((3 * q + 5 * k) % 7 < 3) | (q == k),
    }[name]


def least(keep: Any, value: float = -np.inf) -> Any:
    return np.where(keep, 0, value).astype(F)


Masked = Callable[[Any], tuple[list[Any], dict[str, Any]]]


def added(keep: Any) -> tuple[list[Any], dict[str, Any]]:
    return [node("Add", ["s", "mask"], ["sm"])], {"mask": least(keep)}


def added_of_four_axes(keep: Any) -> tuple[list[Any], dict[str, Any]]:
    return [node("Add", ["mask", "s"], ["sm"])], {"mask": least(keep, -1e9)[None]}


def chosen(keep: Any) -> tuple[list[Any], dict[str, Any]]:
    return [node("Where", ["mask", "s", "low"], ["sm"])], {"mask": keep, "low": F(np.finfo(F).min)}


def filled(keep: Any) -> tuple[list[Any], dict[str, Any]]:
    return [node("Where", ["mask", "low", "s"], ["sm"])], {"mask": ~keep, "low": F(-np.inf)}


def computed(keep: Any) -> tuple[list[Any], dict[str, Any]]:
    nodes = [
        node("Cast", ["mask"], ["float"], to=TensorProto.FLOAT),
        node("Sub", ["one", "float"], ["other"]),
        node("Mul", ["other", "low"], ["bias"]),
        node("Unsqueeze", ["bias", "axes"], ["bias3"]),
        node("Add", ["s", "bias3"], ["sm"]),
    ]
    return nodes, {"mask": keep, "one": F(1), "low": F(-10000), "axes": np.array([0])}


MASKS: dict[str, Masked] = {
    "added": added,
    "added, of more axes": added_of_four_axes,
    "where": chosen,
    "where not": filled,
    "computed": computed,
}


def model(nodes: list[Any], held: dict[str, Any], shape: tuple[int, ...], opset: int = 18) -> Any:
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "masks", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def attention(masked: Masked, keep: Any) -> Any:
    random = np.random.default_rng(0)
    weights = {name: random.standard_normal((4, 4)).astype(F) for name in ("wq", "wk", "wv")}
    extra, held = masked(keep)
    nodes = [
        *(node("MatMul", ["x", f"w{name}"], [name]) for name in "qkv"),
        node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["s"]),
        *extra,
        node("Softmax", ["sm"], ["p"], axis=-1),
        node("MatMul", ["p", "v"], ["y"]),
    ]
    return model(nodes, {**weights, **held}, (1, T, 4))


def measured(proto: Any, axis: int, place: int) -> list[tuple[int, int, int] | None]:
    session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    shape = [each.dim_value for each in proto.graph.input[0].type.tensor_type.shape.dim]
    found: list[set[int]] = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        x = random.standard_normal(shape).astype(F)
        (before,) = session.run(None, {"x": x})
        found = found or [set() for _ in range(before.shape[place])]
        for j in range(shape[axis]):
            other = x.copy()
            row = other.swapaxes(0, axis)
            row[j] += random.standard_normal(row[j].shape).astype(F)
            (after,) = session.run(None, {"x": other})
            moved = np.abs(after - before).swapaxes(0, place).reshape(before.shape[place], -1).max(1)
            for i in np.flatnonzero(moved > 1e-5).tolist():
                found[i].add(j)
    return [(min(row), max(row), len(row)) if row else None for row in found]


def check(proto: Any, axes: dict[int, int]) -> None:
    graph = rfcalc.load(proto, layout={"x": "bsc"})
    answer = rfcalc.field(graph, "y")
    for (axis, place), each in zip(axes.items(), answer.axes, strict=True):
        assert each.status == "exact"
        assert list(each.rows) == measured(proto, axis, place)
    assert rfcalc.verify(graph).holds


@pytest.mark.parametrize("how", MASKS)
@pytest.mark.parametrize("name", ["causal", "sliding", "blocks", "prefix", "irregular"])
def test_a_mask_over_scores_hides_keys(name: str, how: str) -> None:
    check(attention(MASKS[how], allowed(name)), {1: 1})


def test_a_triangle_that_the_file_makes() -> None:
    def trilu(_: Any) -> tuple[list[Any], dict[str, Any]]:
        nodes = [node("Trilu", ["big", "one"], ["mask"], upper=1), node("Add", ["s", "mask"], ["sm"])]
        return nodes, {"big": np.full((T, T), -1e9, F), "one": np.array(1)}

    check(attention(trilu, None), {1: 1})


def test_a_triangle_of_open_ends_that_the_file_makes() -> None:
    def ranges(_: Any) -> tuple[list[Any], dict[str, Any]]:
        nodes = [
            node("Range", ["zero", "n", "one"], ["place"]),
            node("Unsqueeze", ["place", "one1"], ["query"]),
            node("LessOrEqual", ["place", "query"], ["keep"]),
            node("Where", ["keep", "s", "low"], ["sm"]),
        ]
        held = {"zero": np.array(0), "n": np.array(T), "one": np.array(1), "one1": np.array([1])}
        return nodes, {**held, "low": F(-np.inf)}

    check(attention(ranges, None), {1: 1})


def test_what_a_bias_adds_hides_nothing() -> None:
    def bias(_: Any) -> tuple[list[Any], dict[str, Any]]:
        slopes = -np.abs(np.arange(T)[:, None] - np.arange(T)[None, :]).astype(F)
        return [node("Add", ["s", "mask"], ["sm"])], {"mask": slopes}

    check(attention(bias, None), {1: 1})


ROWS = np.array([[0, 1, 1], [1, 2, 2], [2, 3, 4], [4, 5, 5], [5, 6, 6]])
COUNTED = np.array([[1, 1, 0], [1, 1, 0], [1, 1, 1], [1, 1, 0], [1, 1, 0]], bool)


@pytest.mark.parametrize("how", ["reduced", "added up", "multiplied"])
def test_windows_of_unequal_length_are_cut_by_a_mask(how: str) -> None:
    """Pooling to five rows of seven, as an exporter writes it: (0,1), (1,2), (2,4), (4,5), (5,6)."""
    held: dict[str, Any] = {"rows": ROWS, "mask": COUNTED, "none": F(0), "axis": np.array([2])}
    nodes = [node("Gather", ["x", "rows"], ["taken"], axis=1)]
    if how == "multiplied":
        held["ones"] = COUNTED.astype(F)
        nodes.append(node("Mul", ["taken", "ones"], ["kept"]))
    else:
        nodes.append(node("Where", ["mask", "taken", "none"], ["kept"]))
    if how == "added up":
        held |= {f"i{k}": np.array(k) for k in range(3)}
        nodes += [node("Gather", ["kept", f"i{k}"], [f"g{k}"], axis=2) for k in range(3)]
        nodes += [node("Add", ["g0", "g1"], ["sum"]), node("Add", ["sum", "g2"], ["y"])]
    else:
        nodes.append(node("ReduceSum", ["kept", "axis"], ["y"], keepdims=0))
    proto = model(nodes, held, (1, 7))
    answer = rfcalc.field(rfcalc.load(proto, layout={"x": "bs"}), "y")
    truth = [(0, 1, 2), (1, 2, 2), (2, 4, 3), (4, 5, 2), (5, 6, 2)]
    assert list(answer.axes[0].rows) == truth == measured(proto, 1, 1)
    assert answer.axes[0].status == "exact"


def test_elements_that_a_mask_hides_are_no_part_of_a_mean() -> None:
    keep = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0], F)[None, :, None]
    nodes = [
        node("Mul", ["x", "mask"], ["kept"]),
        node("ReduceMean", ["kept", "axis"], ["mean"], keepdims=1),
        node("Sub", ["kept", "mean"], ["y"]),
    ]
    proto = model(nodes, {"mask": keep, "axis": np.array([1])}, (1, T, 4))
    check(proto, {1: 1})


def test_attention_takes_a_mask() -> None:
    keep = allowed("sliding")
    attend = node("Attention", ["x", "x", "x", "mask"], ["y"], q_num_heads=2, kv_num_heads=2)
    proto = model([attend], {"mask": keep}, (1, T, 4), opset=23)
    answer = rfcalc.field(rfcalc.load(proto), "y")
    # each position reads its neighbours; runtimes before the operator's own kernel cannot run it
    assert [row[:2] for row in answer.axes[0].rows if row] == [
        (max(i - 1, 0), min(i + 1, T - 1)) for i in range(T)
    ]
    assert answer.axes[0].status == "exact"

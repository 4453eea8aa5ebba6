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


def safe(first: bool) -> list[Any]:
    """What PyTorch's exporter writes behind a softmax: 0 in the place of what is not a number."""
    sides = ["none", "p"] if first else ["p", "none"]
    test = [] if first else [node("Not", ["odd"], ["even"])]
    choice = node("Where", ["odd" if first else "even", *sides], ["safe"])
    return [node("IsNaN", ["p"], ["odd"]), *test, choice]


def attention(masked: Masked, keep: Any, after: list[Any] | None = None) -> Any:
    random = np.random.default_rng(0)
    weights = {name: random.standard_normal((4, 4)).astype(F) for name in ("wq", "wk", "wv")}
    extra, held = masked(keep)
    nodes = [
        *(node("MatMul", ["x", f"w{name}"], [name]) for name in "qkv"),
        node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["s"]),
        *extra,
        node("Softmax", ["sm"], ["p"], axis=-1),
        *(after or []),
        node("MatMul", ["safe" if after else "p", "v"], ["y"]),
    ]
    none = {"none": np.zeros(1, F)} if after else {}
    return model(nodes, {**weights, **held, **none}, (1, T, 4))


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


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("how", ["added", "where"])
@pytest.mark.parametrize("name", ["causal", "sliding", "irregular"])
def test_a_softmax_that_writes_zeros_for_no_number_stays_masked(name: str, how: str, first: bool) -> None:
    proto = attention(MASKS[how], allowed(name), safe(first))
    check(proto, {1: 1})
    assert rfcalc.analyze(proto).totals.params.total == 48


@pytest.mark.parametrize(("beta", "rows"), [(1.0, "causal"), (0.5, "causal"), (1e-9, "all"), (0.0, "all")])
def test_the_factor_of_a_bias_decides_whether_it_is_a_mask(beta: float, rows: str) -> None:
    """Gemm: scores of queries with keys, and the mask that is added to them."""
    low = least(allowed("causal"), -1e9)
    nodes = [
        node("Squeeze", ["x", "first"], ["q"]),
        node("Gemm", ["q", "q", "low"], ["s"], transB=1, beta=beta),
        node("Softmax", ["s"], ["p"], axis=-1),
        node("MatMul", ["p", "x"], ["y"]),
    ]
    proto = model(nodes, {"low": low, "first": np.array([0])}, (1, T, 4))
    (axis,) = rfcalc.field(rfcalc.load(proto, layout={"x": "bsc"}), "y").axes
    assert list(axis.rows) == measured(proto, 1, 1)
    assert axis.rows[0] == ((0, 0, 1) if rows == "causal" else (0, T - 1, T))


def test_a_bias_of_three_axes_has_heads_in_front_where_they_are_in_the_features() -> None:
    """Two samples, two heads: what is added to scores is made of one sample, and read by both."""
    weights = np.random.default_rng(0).standard_normal((4, T)).astype(F)
    attend = node("Attention", ["x", "x", "x", "bias"], ["y"], q_num_heads=2, kv_num_heads=2)
    nodes = [node("MatMul", ["x", "w"], ["bias"]), attend]
    proto = model(nodes, {"w": weights}, (2, T, 4), opset=23)
    assert rfcalc.analyze(proto).layer("y").status == "bound"


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


# ---- constants of zeros and ones that are no masks of attention --------------------------------------------

SIDE = 6
EYE = np.eye(SIDE, dtype=F)


def blocks() -> tuple[list[Any], dict[str, Any]]:
    """Diagonals of means over the map, put together and multiplied by the map."""
    nodes = [
        node("GlobalAveragePool", ["x"], ["mean"]),
        node("Expand", ["mean", "square"], ["wide"]),
        node("Mul", ["wide", "eye"], ["diagonal"]),
        node("Concat", ["diagonal", "diagonal"], ["high"], axis=2),
        node("Concat", ["high", "high"], ["matrix"], axis=3),
        node("MatMul", ["matrix", "x"], ["y"]),
    ]
    return nodes, {"square": np.array([1, 2, SIDE // 2, SIDE // 2]), "eye": np.eye(SIDE // 2, dtype=F)}


def concatenated() -> tuple[list[Any], dict[str, Any]]:
    """The same diagonal, as parts of a concatenation, of which the picture is taken alone."""
    nodes = [
        node("GlobalAveragePool", ["x"], ["mean"]),
        node("Expand", ["mean", "square"], ["wide"]),
        node("Mul", ["wide", "eye"], ["diagonal"]),
        node("Mul", ["x", "last"], ["kept"]),
        node("Concat", ["diagonal", "kept"], ["both"], axis=3),
        node("ReduceSum", ["both", "axis"], ["y"], keepdims=1),
    ]
    last = np.zeros((SIDE, SIDE), F)
    last[:, -1] = 1
    held = {"square": np.array([1, 2, SIDE, SIDE]), "eye": EYE, "last": last, "axis": np.array([3])}
    return nodes, held


def adaptive() -> tuple[list[Any], dict[str, Any]]:
    """Windows of unequal length along both axes, cut by masks and added up place by place."""
    rows = np.array([[0, 1], [1, 2], [3, 3], [4, 5]])
    counted = np.array([[1, 1], [1, 1], [1, 0], [1, 1]], bool)
    nodes = [
        node("Gather", ["x", "rows"], ["high"], axis=2),
        node("Gather", ["high", "rows"], ["taken"], axis=4),
        node("Where", ["high mask", "taken", "none"], ["cut"]),
        node("Where", ["wide mask", "cut", "none"], ["kept"]),
    ]
    for i in range(2):
        nodes.append(node("Gather", ["kept", f"i{i}"], [f"row{i}"], axis=3))
        nodes += [node("Gather", [f"row{i}", f"i{j}"], [f"tap{i}{j}"], axis=4) for j in range(2)]
    nodes.append(node("Sum", [f"tap{i}{j}" for i in range(2) for j in range(2)], ["sum"]))
    nodes.append(node("Relu", ["sum"], ["y"]))
    masks = {"high mask": counted[:, :, None, None], "wide mask": counted}
    return nodes, {**masks, "rows": rows, "none": F(0), "i0": np.array(0), "i1": np.array(1)}


def triangle() -> tuple[list[Any], dict[str, Any]]:
    return [node("Trilu", ["x", "up"], ["y"], upper=0)], {"up": np.array(-1)}


def corner() -> tuple[list[Any], dict[str, Any]]:
    """Rows of a triangle of which the first are zero."""
    nodes = [
        node("Trilu", ["x", "up"], ["low"], upper=0),
        node("Gather", ["low", "rows"], ["some"], axis=2),
        node("ReduceSum", ["some", "axis"], ["y"], keepdims=1),
    ]
    return nodes, {"up": np.array(-2), "rows": np.array([1, 0, 4, 5]), "axis": np.array([3])}


def spread_means() -> tuple[list[Any], dict[str, Any]]:
    """Means over the map on the rows of a triangle, flattened and cut again."""
    nodes = [
        node("GlobalAveragePool", ["x"], ["mean"]),
        node("Expand", ["mean", "square"], ["wide"]),
        node("Trilu", ["wide", "up"], ["low"], upper=0),
        node("Reshape", ["low", "flat"], ["line"]),
        node("Slice", ["line", "start", "stop", "axis"], ["y"]),
    ]
    held = {
        "square": np.array([1, 2, SIDE, SIDE]),
        "flat": np.array([1, 2, SIDE * SIDE]),
        "axis": np.array([2]),
    }
    return nodes, {**held, "up": np.array(-1), "start": np.array([2]), "stop": np.array([20])}


def product_of(matrix: Any) -> Callable[[], tuple[list[Any], dict[str, Any]]]:
    """Rows of the map, multiplied by a matrix from the left."""
    return lambda: ([node("MatMul", ["matrix", "x"], ["y"])], {"matrix": np.asarray(matrix, F)})


def gemm() -> tuple[list[Any], dict[str, Any]]:
    """A product of matrices with what is added to it, from the same input."""
    nodes = [
        node("Gather", ["x", "zero"], ["batch"], axis=0),
        node("Gather", ["batch", "zero"], ["map"], axis=0),
        node("Gemm", ["eye", "map", "map"], ["y"], beta=2.0),
    ]
    return nodes, {"zero": np.array(0), "eye": EYE[::-1].copy()}


ROW = np.array([1, 0, 0, 1, 1, 0], F)[:, None]


def times(mask: Any, *after: Any, **held: Any) -> Callable[[], tuple[list[Any], dict[str, Any]]]:
    """The map times a constant, and what is done to the product."""
    return lambda: ([node("Mul", ["x", "mask"], ["kept" if after else "y"]), *after], {"mask": mask, **held})


def flat() -> tuple[list[Any], dict[str, Any]]:
    keep = np.arange(SIDE * SIDE) * 5 % 7 < 3
    nodes = [node("Reshape", ["x", "line"], ["tokens"]), node("Where", ["keep", "tokens", "none"], ["y"])]
    return nodes, {"line": np.array([1, 2, SIDE * SIDE]), "keep": keep, "none": F(0)}


CONSTANTS: dict[str, tuple[Callable[[], tuple[list[Any], dict[str, Any]]], dict[int, int]]] = {
    "blocks on a diagonal": (blocks, {2: 2, 3: 3}),
    "a diagonal beside a map": (concatenated, {2: 2}),
    "adaptive pooling": (adaptive, {2: 2, 3: 3}),
    "a triangle of a map": (triangle, {2: 2, 3: 3}),
    "rows of a triangle": (corner, {2: 2}),
    "a triangle of means": (spread_means, {2: 2, 3: 2}),
    "an identity": (product_of(EYE), {2: 2, 3: 3}),
    "rows picked by ones": (product_of(EYE[[0, 5, 5, 2]]), {2: 2, 3: 3}),
    "positions of a flattened map": (flat, {2: 2, 3: 2}),
    "columns of a diagonal": (
        times(
            EYE,
            node("Slice", ["kept", "from", "to", "along"], ["y"]),
            **{"from": np.array([1]), "to": np.array([3]), "along": np.array([3])},
        ),
        {2: 2, 3: 3},
    ),
    "a row that a mask hides": (
        times(ROW, node("Gather", ["kept", "one"], ["y"], axis=2), one=np.array([1, 5])),
        {2: 2, 3: 3},
    ),
    "rows that a mask hides, flattened": (
        times(ROW, node("Reshape", ["kept", "line"], ["y"]), line=np.array([1, 2, SIDE * SIDE])),
        {2: 2, 3: 2},
    ),
    "a channel that a mask hides": (
        times(
            np.array([1, 0], F)[:, None, None],
            node("Conv", ["kept", "kernel"], ["y"], pads=[1, 1, 1, 1]),
            kernel=np.ones((3, 2, 3, 3), F),
        ),
        {2: 2, 3: 3},
    ),
    "rows that a mask hides beside the map": (
        times(
            ROW,
            node("Conv", ["kept", "kernel"], ["more"], pads=[1, 1, 1, 1]),
            node("Add", ["more", "x"], ["y"]),
            kernel=np.ones((2, 2, 3, 3), F),
        ),
        {2: 2, 3: 3},
    ),
    "Gemm with a computed summand": (gemm, {2: 0, 3: 1}),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_of_zeros_and_ones_make_no_bound(name: str) -> None:
    made, axes = CONSTANTS[name]
    proto = model(*made(), (1, 2, SIDE, SIDE))
    graph = rfcalc.load(proto, layout={"x": "NCHW"})
    answer = rfcalc.field(graph, "y")
    for axis, place in axes.items():
        each, truth = answer.axes[axis - 2], measured(proto, axis, place)
        rows = list(each.rows)
        assert (rows * len(truth) if len(rows) == 1 else rows) == truth, axis  # one row where all are alike
        assert each.status == "exact"
    assert rfcalc.verify(graph).holds
    assert {row.status for row in rfcalc.analyze(graph)} == {"exact"}


def test_tokens_of_a_large_map_that_a_mask_hides() -> None:
    """There are more tokens than rows are listed of; laid out again, the map has the rows of any column."""
    side = 70
    keep = np.arange(side * side) * 5 % 7 < 3
    keep[4 * side : 5 * side] = False
    nodes = [
        node("Conv", ["x", "kernel"], ["conv"], pads=[1, 1, 1, 1]),
        node("Reshape", ["conv", "line"], ["tokens"]),
        node("Where", ["keep", "tokens", "none"], ["kept"]),
        node("Reshape", ["kept", "map"], ["y"]),
    ]
    held = {"line": np.array([1, 2, side * side]), "map": np.array([1, 2, side, side])}
    more = {"keep": keep, "none": F(0), "kernel": np.ones((2, 2, 3, 3), F)}
    proto = model(nodes, {**held, **more}, (1, 2, side, side))
    answer = rfcalc.field(rfcalc.load(proto, layout={"x": "NCHW"}), "y")
    for axis, each in enumerate(answer.axes, 2):
        assert each.status == "exact"
        assert list(each.rows) == measured(proto, axis, axis)


# ---- attention of one operator, as runtimes fuse it --------------------------------------------------------

LENGTH = np.array([[1, 1, 0, 1, 1, 1, 0, 1, 1, 1]], np.int32)


def fused(*given: Any, **named: Any) -> Any:
    """Self-attention with its projections in one operator; a mask of whole numbers, nothing, a bias."""
    random = np.random.default_rng(0)
    held = {"w": random.standard_normal((4, 12)).astype(F), "b": np.zeros(12, F)}
    return _one("Attention", ["x", "w", "b"], ["m", "", "bias"], given, held, named)


def of_heads(*given: Any, **named: Any) -> Any:
    """Attention of ready-made heads in one operator; a mask of whole numbers, a bias."""
    return _one("MultiHeadAttention", ["x", "x", "x", ""], ["m", "bias"], given, {}, named)


def _one(
    op: str, inputs: list[str], places: list[str], given: Any, held: dict[str, Any], named: dict[str, Any]
) -> Any:
    more = [name if value is not None else "" for name, value in zip(places, given, strict=False)]
    held |= {name: value for name, value in zip(places, given, strict=False) if value is not None}
    attend = node(op, [*inputs, *more], ["y"], domain="com.microsoft", num_heads=2, **named)
    proto = model([attend], held, (1, T, 4))
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return proto


FUSED: dict[str, Callable[[], Any]] = {
    "a length": lambda: fused(np.array([7], np.int32)),
    "an end and a start": lambda: fused(np.array([8, 2], np.int32)),
    "keys": lambda: fused(LENGTH),
    "keys, causal": lambda: fused(LENGTH, unidirectional=1),
    "queries and keys": lambda: fused(allowed("sliding")[None].astype(np.int32)),
    "a bias": lambda: fused(None, None, least(allowed("blocks"))[None, None]),
    "heads, a length": lambda: of_heads(np.array([6], np.int32)),
    "heads, keys": lambda: of_heads(LENGTH),
    "heads, queries and keys": lambda: of_heads(allowed("prefix")[None].astype(np.int32)),
    "heads, a bias": lambda: of_heads(None, least(allowed("irregular"), -1e9)[None, None]),
    "heads, keys and a bias": lambda: of_heads(LENGTH, least(allowed("blocks"), -1e9)[None, None]),
    "heads, causal": lambda: of_heads(unidirectional=1),
}


@pytest.mark.parametrize("name", FUSED)
def test_masks_of_fused_attention(name: str) -> None:
    check(FUSED[name](), {1: 1})


def test_a_mask_of_fused_attention_that_the_input_decides_makes_a_bound() -> None:
    attend = node(
        "MultiHeadAttention", ["x", "x", "x", "", "mask"], ["y"], domain="com.microsoft", num_heads=2
    )
    nodes = [
        node("ReduceMax", ["x", "axis"], ["most"], keepdims=0),
        node("Greater", ["most", "none"], ["some"]),
        node("Cast", ["some"], ["mask"], to=TensorProto.INT32),
        attend,
    ]
    proto = model(nodes, {"axis": np.array([2]), "none": F(0)}, (1, T, 4))
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    answer = rfcalc.field(rfcalc.load(proto, layout={"x": "bsc"}), "y")
    assert answer.axes[0].status == "bound"
    assert [row[:2] for row in answer.axes[0].rows if row] == [(0, T - 1)] * T


@pytest.mark.parametrize(
    ("shape", "size", "window"),
    [
        ((1, 320, 1), 128, (14, 114)),
        ((2, 320, 1), 128, (0, 128)),
        ((1, 320), 128, (28, 100)),
        ((1, 96, 1), 32, (6, 26)),
        ((1, 320, 2), 80, (0, 79)),
        ((1, 320), 80, (1, 80)),
    ],
)
def test_windows_of_frames_with_zeros_at_their_ends(
    shape: tuple[int, ...], size: int, window: tuple[int, int]
) -> None:
    weights = np.zeros(size, F)
    weights[slice(*window)] = np.linspace(1, 2, window[1] - window[0])
    frames = node("STFT", ["x", "step", "weights", "size"], ["y"], onesided=int(shape[2:] != (2,)))
    held = {"step": np.array(16), "weights": weights, "size": np.array(size)}
    proto = model([frames], held, shape)
    (axis,) = rfcalc.field(proto, "y").axes
    assert axis.status == "exact"
    assert list(axis.rows) == measured(proto, 1, 1)


# ---- constants with zeros among other numbers --------------------------------------------------------------


def factor(name: str) -> Any:
    """Return a matrix some elements of which are zero by what it is."""
    q, k = np.arange(T)[:, None], np.arange(T)[None, :]
    tent = np.maximum(1.3 - abs(np.arange(5)[:, None] * 2 + 1 - k) / 2, 0)
    return {
        "decay": np.where(k <= q, 0.5 ** abs(q - k), 0),
        "band": np.where(abs(q - k) <= 2, 1 + 0.1 * (q - k), 0),
        "filters": np.where(tent > 0.4, tent, 0),
        "picked": np.eye(T)[[1, 4, 8]],
        "triangle": np.tril(np.ones((T, T))),
    }[name].astype(F)


@pytest.mark.parametrize("name", ["decay", "band", "filters", "picked", "triangle"])
def test_a_matrix_before_positions_that_leaves_some_of_them(name: str) -> None:
    proto = model([node("MatMul", ["m", "x"], ["y"])], {"m": factor(name)}, (1, T, 4))
    check(proto, {1: 1})


@pytest.mark.parametrize("name", ["decay", "band", "filters", "picked", "triangle"])
def test_a_matrix_behind_positions_that_leaves_some_of_them(name: str) -> None:
    nodes = [
        node("Transpose", ["x"], ["xt"], perm=[0, 2, 1]),
        node("MatMul", ["xt", "m"], ["s"]),
        node("Transpose", ["s"], ["y"], perm=[0, 2, 1]),
    ]
    check(model(nodes, {"m": factor(name).T.copy()}, (1, T, 4)), {1: 1})


def test_zeros_in_no_order_may_be_those_of_a_weight_and_say_nothing() -> None:
    random = np.random.default_rng(0)
    matrix = (random.standard_normal((T, T)) * (random.random((T, T)) < 0.6)).astype(F)
    proto = model([node("MatMul", ["m", "x"], ["y"])], {"m": matrix}, (1, T, 4))
    graph = rfcalc.load(proto, layout={"x": "bsc"})
    (axis,) = rfcalc.field(graph, "y").axes
    assert set(axis.masks) == {(1 << T) - 1}

"""Operations that ONNX has had since version 23, against its own reference evaluator.

What an element depends on is measured: each row of the input is changed by itself, and what changes in the
output is compared with the field of rfcalc, along every axis that has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import rfcalc

onnx = pytest.importorskip("onnx")
pytestmark = [pytest.mark.onnx, pytest.mark.filterwarnings("ignore")]

from onnx import helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

NEWEST = onnx.defs.onnx_opset_version()
FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
RANDOM = np.random.default_rng(0)


def build(
    op: str,
    inputs: Mapping[str, tuple[int, ...]],
    constants: Mapping[str, Any],
    outputs: tuple[str, ...] = ("y",),
    *,
    names: tuple[str, ...] = (),
    **attributes: Any,
) -> Any:
    """Return a model of one operation, on inputs and constants in the order of `names`."""
    if onnx.defs.onnx_opset_version() < 27 and not onnx.defs.has(op):
        pytest.skip(f"this version of onnx has no {op}")
    node = helper.make_node(
        op, list(names or (*inputs, *constants)), list(outputs), name="node", **attributes
    )
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [onnx.numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", NEWEST)], ir_version=11)


def floats(*shape: int) -> Any:
    return RANDOM.uniform(0.5, 1.5, shape).astype(np.float32)


def depends(model: Any, name: str, axis: int, output: int = 0, out_axis: int | None = None) -> Any:
    """Measure which places along an axis of an input each place along that of the output depends on."""
    run = ReferenceEvaluator(model)
    shapes = {each.name: [d.dim_value for d in each.type.tensor_type.shape.dim] for each in model.graph.input}
    values = {each: floats(*shape) for each, shape in shapes.items()}
    base = run.run(None, values)[output]
    out_axis = axis if out_axis is None else out_axis
    seen = np.zeros((base.shape[out_axis], shapes[name][axis]), bool)
    for place in range(shapes[name][axis]):
        changed = {**values, name: values[name].copy()}
        changed[name][(slice(None),) * axis + (place,)] *= 1.5
        moved = run.run(None, changed)[output] != base
        seen[:, place] = moved.any(axis=tuple(k for k in range(moved.ndim) if k != out_axis))
    return seen, base.shape


def claimed(model: Any, layer: str, extents: tuple[int, int], **options: Any) -> Any:
    """Return the same as rfcalc says, of the one axis that is followed."""
    said = np.zeros(extents, bool)
    for place in range(extents[0]):
        start, stop, _ = rfcalc.field(model, layer, at=(place,), **options).axes[0].rows[0]
        said[place, start : stop + 1] = True
    return said


# ---- CausalConvWithState -----------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["none", "silu"])
@pytest.mark.parametrize("kernel", [2, 4])
def test_a_causal_convolution_sees_what_came_before(kernel: int, activation: str) -> None:
    constants = {"w": floats(3, 1, kernel), "b": floats(3)}
    model = build("CausalConvWithState", {"x": (2, 3, 9)}, constants, ("y", "state"), activation=activation)
    analysis = rfcalc.analyze(model)
    row = analysis.layer("node")
    assert (row.receptive_field, row.effective_padding, row.status) == ((kernel,), (kernel - 1,), "exact")
    assert (row.params.total, row.macs) == (3 * kernel + 3, 3 * kernel * 9)
    seen, shape = depends(model, "x", 2)
    assert row.output_shape == shape
    np.testing.assert_array_equal(claimed(model, "node", seen.shape), seen)
    seen, shape = depends(model, "x", 2, output=1)
    assert analysis.layer("node.state").output_shape == shape == (2, 3, kernel - 1)
    np.testing.assert_array_equal(claimed(model, "node.state", seen.shape), seen)


def test_the_steps_before_may_be_an_input() -> None:
    inputs = {"x": (1, 3, 5), "past": (1, 3, 3)}
    model = build(
        "CausalConvWithState", inputs, {"w": floats(3, 1, 4)}, ("y", "state"), names=("x", "w", "", "past")
    )
    analysis = rfcalc.analyze(model)
    assert analysis.totals.params.total == 12
    for name in ("x", "past"):
        for layer, output in (("node", 0), ("node.state", 1)):
            seen, shape = depends(model, name, 2, output)
            assert analysis.layer(layer).output_shape == shape
            for place in range(shape[2] if seen.any() else 0):  # after a long input nothing of before is left
                found = rfcalc.field(model, layer, at=(place,), input=name).axes[0].rows[0]
                true = np.flatnonzero(seen[place])
                assert (found and found[:2]) == ((true[0], true[-1]) if len(true) else None)


# ---- LinearAttention ---------------------------------------------------------------------------------------

RULES = {"linear": (), "gated": ("decay",), "delta": ("beta",), "gated_delta": ("decay", "beta")}
ORDER = ("query", "key", "value", "past", "decay", "beta")


def linear_attention(rule: str, *, past: bool = False, steps: int = 6) -> Any:
    """Return a model with two heads of key and value, four of the query; features of key 3, of value 5."""
    shapes = {"query": (1, steps, 12), "key": (1, steps, 6), "value": (1, steps, 10), "past": (1, 2, 3, 5)}
    shapes |= {"decay": (1, steps, 2), "beta": (1, steps, 2)}
    given = [each for each in ORDER if each in ("query", "key", "value", *RULES[rule], *("past",) * past)]
    return build(
        "LinearAttention",
        {name: shapes[name] for name in given},
        {},
        ("y", "state"),
        names=tuple(name if name in given else "" for name in ORDER),
        update_rule=rule,
        q_num_heads=4,
        kv_num_heads=2,
    )


@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_linear_attention_reads_the_steps_so_far(rule: str, past: bool) -> None:
    model = linear_attention(rule, past=past)
    row = rfcalc.analyze(model).layer("node")
    products = 2 * (1 + ("delta" in rule)) + 4  # key by value, what the state holds of the key; the query
    assert (row.status, row.params.total, row.macs) == ("exact", 0, 6 * 3 * 5 * products)
    for name in ("query", "key", "value", *RULES[rule]):
        seen, shape = depends(model, name, 1)
        assert row.output_shape == shape
        said = rfcalc.field(model, "node", input=name).axes[0].rows
        there = [np.flatnonzero(each) for each in seen]
        assert list(said) == [(each[0], each[-1], len(each)) if len(each) else None for each in there]
    assert rfcalc.verify(model).holds


# ---- RotaryEmbedding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("turned", [0, 4])
@pytest.mark.parametrize("merged", [False, True])
def test_a_rotation_of_positions_pairs_features(interleaved: int, turned: int, merged: bool) -> None:
    shape = (1, 5, 2 * 6) if merged else (1, 2, 5, 6)
    size = (turned or 6) // 2
    constants = {"cos": floats(1, 5, size), "sin": floats(1, 5, size)}
    attributes: dict[str, int] = {"interleaved": interleaved, "rotary_embedding_dim": turned}
    if merged:
        attributes["num_heads"] = 2
    model = build("RotaryEmbedding", {"x": shape}, constants, **attributes)
    layout = "NHW" if merged else "NDHW"  # features too are followed, which a field of channels is not
    analysis = rfcalc.analyze(model, layout={"x": layout})
    row = analysis.layer("node")
    assert (row.output_shape, row.params.total) == (shape, 0)
    for axis in range(1, len(shape)):
        seen, _ = depends(model, "x", axis)
        for place in range(shape[axis]):
            at = tuple(place if k == axis else 0 for k in range(1, len(shape)))
            rows = rfcalc.field(model, "node", at=at, layout={"x": layout}).axes[axis - 1].rows[0]
            true = np.flatnonzero(seen[place])
            assert rows[:2] == (true[0], true[-1])


# ---- the rest ----------------------------------------------------------------------------------------------


def test_swiglu_is_a_product_of_elements() -> None:
    model = build("SwiGLU", {"a": (1, 4, 6), "b": (1, 4, 6)}, {})
    row = rfcalc.analyze(model).layer("node")
    assert (row.output_shape, row.status, row.params.total) == ((1, 4, 6), "exact", 0)
    seen, _ = depends(model, "b", 2)
    np.testing.assert_array_equal(seen, np.eye(6, dtype=bool))


@pytest.mark.parametrize("op", ["Swish", "BitCast", "RMSNormalization", "CumProd", "TensorScatter"])
def test_what_was_read_before_is_still_read(op: str) -> None:
    more: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "BitCast": ({}, {"to": onnx.TensorProto.INT32}),
        "RMSNormalization": ({"scale": floats(6)}, {}),
        "CumProd": ({"axis": np.int64(1)}, {}),
        "TensorScatter": ({"update": floats(1, 1, 6)}, {"axis": 1}),
    }
    constants, attributes = more.get(op, ({}, {}))
    row = rfcalc.analyze(build(op, {"x": (1, 4, 6)}, constants, **attributes)).layer("node")
    assert row.output_shape == (1, 4, 6)
    assert row.status == ("bound" if op == "TensorScatter" else "exact")

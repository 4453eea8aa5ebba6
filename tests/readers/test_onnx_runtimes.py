"""Where runtimes part from the specification: what is taken, and what the note says, against onnxruntime
itself."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import rfcalc

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

helper, numpy_helper = onnx.helper, onnx.numpy_helper
pytestmark = [pytest.mark.onnx, pytest.mark.filterwarnings("ignore")]


def model(
    extent: int,
    op: str,
    extra: tuple[Any, ...] = (),
    *,
    opset: int = 19,
    said: int | None = None,
    **attributes: Any,
) -> Any:
    """Build one operation on a row of elements; `said` is the extent that the file records for the result."""
    arrays = [numpy_helper.from_array(each, f"c{k}") for k, each in enumerate(extra) if each is not None]
    names = iter(each.name for each in arrays)
    inputs = ["x", *("" if each is None else next(names) for each in extra)]
    node = helper.make_node(op, inputs, ["y"], name="y", **attributes)
    shape = None if said is None else [1, 1, said]
    x, y = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, of)
        for name, of in (("x", [1, 1, extent]), ("y", shape))
    )
    graph = helper.make_graph([node], "g", [x], [y], arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def run(built: Any, extent: int) -> list[tuple[int, int, int] | None]:
    """Change one element of the input at a time, and list which ones each element of the result follows."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(built.SerializeToString(), options, ["CPUExecutionProvider"])
    found: list[set[int]] = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        x = random.uniform(0.5, 1.5, (1, 1, extent)).astype(np.float32)
        (before,) = session.run(None, {"x": x})
        found = found or [set() for _ in range(before.shape[-1])]
        for j in range(extent):
            other = x.copy()
            other[..., j] += 3.0 if seed else -0.4
            (after,) = session.run(None, {"x": other})
            for i in np.flatnonzero(abs(after - before) > 1e-5):
                found[i].add(j)
    return [(min(each), max(each), len(each)) if each else None for each in found]


def read(built: Any) -> tuple[list[Any], str, list[str]]:
    """Return rows, status and notes about runtimes."""
    data = built.SerializeToString()
    (axis,) = rfcalc.field(io.BytesIO(data), "y").axes
    row = rfcalc.analyze(io.BytesIO(data))
    return list(axis.rows), axis.status, [note.message for note in row.notes if note.code == "runtimes"]


def kernel(length: int) -> np.ndarray:
    return np.ones((1, 1, length), np.float32)


SAME_POOLS = [(8, 3, 1, 2), (9, 3, 2, 2), (10, 2, 2, 3), (7, 3, 3, 2), (8, 2, 1, 4), (11, 3, 2, 3)]


@pytest.mark.parametrize(("extent", "window", "stride", "dilation"), SAME_POOLS)
@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER"])
def test_same_pools_with_dilation(extent: int, window: int, stride: int, dilation: int, auto: str) -> None:
    """The specification's extent unless the file records onnxruntime's, whose rows it then has."""
    settings = {"kernel_shape": [window], "strides": [stride], "dilations": [dilation], "auto_pad": auto}
    plain = model(extent, "MaxPool", **settings)
    truth = run(plain, extent)
    rows, status, (note,) = read(plain)
    assert (len(rows), status) == (-(-extent // stride), "exact")
    assert note == (
        f"makes {len(rows)}, as in the specification, shape inference and OpenVINO (padding counts the "
        f"dilation); {len(truth)}, as in onnxruntime (padding leaves the dilation out)"
    )
    rows, status, (note,) = read(model(extent, "MaxPool", said=len(truth), **settings))
    if len(truth) != -(-extent // stride):
        assert (rows, status) == (truth, "exact")
        assert note.startswith(f"makes {len(truth)}, which the file records, as in onnxruntime (")


TRANSPOSED = [(4, 2, 3), (4, 1, 2), (5, 1, 3), (3, 2, 4), (6, 3, 5), (2, 1, 4)]


@pytest.mark.parametrize(("extent", "window", "stride"), TRANSPOSED)
@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER"])
def test_transposed_convolution_whose_kernel_is_shorter_than_its_stride(
    extent: int, window: int, stride: int, auto: str
) -> None:
    settings = {"strides": [stride], "auto_pad": auto}
    plain = model(extent, "ConvTranspose", (kernel(window),), **settings)
    truth = run(plain, extent)
    rows, status, (note,) = read(plain)
    empty = extent * stride - len(truth)
    before = -(-empty // 2) if auto == "SAME_UPPER" else empty // 2
    assert (rows, status) == ([None] * before + truth + [None] * (empty - before), "exact")
    assert f"; {len(truth)}, as in onnxruntime, OpenVINO and shape inference (" in note
    rows, status, (note,) = read(
        model(extent, "ConvTranspose", (kernel(window),), said=len(truth), **settings)
    )
    assert (rows, status) == (truth, "exact")
    assert "which the file records" in note


CEILED = [(4, 3, 2, 1), (6, 4, 3, 1), (5, 2, 2, 1), (3, 3, 2, 1), (7, 3, 3, 1), (2, 3, 2, 1)]


@pytest.mark.parametrize(("extent", "window", "stride", "pad"), CEILED)
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_ceiled_pools_whose_last_window_starts_in_the_padding(
    op: str, extent: int, window: int, stride: int, pad: int
) -> None:
    built = model(extent, op, kernel_shape=[window], strides=[stride], pads=[pad, pad], ceil_mode=1)
    rows, status, notes = read(built)
    assert (rows, status) == (run(built, extent), "exact")
    naive = -(-(extent + 2 * pad - window) // stride) + 1
    assert bool(notes) == (naive > len(rows))
    assert all(f"; {naive}, as in " in note for note in notes)


SCALED = [(3, 10 / 3), (12, 5 / 12), (45, 2.6), (10, 0.7), (41, 0.29), (54, 7 / 6), (16, 1.5), (7, 2.0)]


@pytest.mark.parametrize(("extent", "scale"), SCALED)
@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_extents_that_scales_make(extent: int, scale: float, mode: str) -> None:
    scales = np.array([1, 1, scale], np.float32)
    built = model(extent, "Resize", (None, scales), mode=mode)
    truth = run(built, extent)
    rows, status, notes = read(built)
    assert len(rows) == len(truth)
    assert status == "exact"
    inferred = int(float(np.float32(scale)) * extent)
    assert any(f"; {inferred}, as in shape inference" in note for note in notes) == (inferred != len(truth))
    assert read(model(extent, "Resize", (None, scales), said=inferred, mode=mode))[0] == rows


def test_what_pytorch_makes_of_a_scale_is_taken_where_the_file_records_it() -> None:
    """45 times 2.6 is 117 in floats of 64 bits, 116 in those of 32."""
    scales = np.array([1, 1, 2.6], np.float32)
    rows, _, (note,) = read(model(45, "Resize", (None, scales), said=117, mode="nearest"))
    assert len(rows) == 117
    assert note == (
        "makes 117, which the file records, as in OpenVINO and PyTorch; 116, as in onnxruntime, shape "
        "inference and onnx's reference evaluator"
    )


def test_an_open_extent_says_where_the_formula_ends() -> None:
    built = model(45, "Resize", (None, np.array([1, 1, 2.6], np.float32)), mode="nearest")
    built.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "T"
    assert any("from an extent of 45 on" in note.message for note in rfcalc.analyze(built).notes)
    assert len(rfcalc.analyze(built, dims={"T": 45}).layer("y").spatial or ()) == 1
    assert rfcalc.analyze(built, dims={"T": 45}).layer("y").spatial == (116,)


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9, 11])
def test_local_response_normalisation_across_positions(size: int) -> None:
    """Axis 1 of the result of a transpose holds the positions."""
    built = model(9, "LRN", (), size=size, alpha=4.0)
    built.graph.node[0].input[0] = "t"
    turned = helper.make_node("Transpose", ["m"], ["t"], perm=[0, 2, 1, 3])
    built.graph.node.insert(0, turned)
    built.graph.node.insert(0, helper.make_node("Unsqueeze", ["x", "at"], ["m"]))
    built.graph.initializer.append(numpy_helper.from_array(np.array([3]), "at"))
    built.graph.node[-1].output[0] = "l"
    built.graph.node.append(helper.make_node("Squeeze", ["l"], ["y"]))
    assert read(built)[:2] == (run(built, 9), "exact")

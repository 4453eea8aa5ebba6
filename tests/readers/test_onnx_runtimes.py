"""Where runtimes part from the specification: what is taken, and what the note says, against onnxruntime
itself."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
import pytest

import rfcalc
from tests.calling import call

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
            for i in np.flatnonzero(abs(after - before) > 1e-4):
                found[i].add(j)
    return [(min(each), max(each), len(each)) if each else None for each in found]


def read(built: Any, runtime: str | None = None) -> tuple[list[Any], str, list[str]]:
    """Return rows, status and notes about runtimes."""
    data = built.SerializeToString()
    (axis,) = rfcalc.field(io.BytesIO(data), "y", runtime=runtime).axes
    row = rfcalc.analyze(io.BytesIO(data), runtime=runtime)
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


# ---- onnxruntime, where it is named ------------------------------------------------------------------------


def pooling(draw: random.Random) -> Any:
    op, opset = draw.choice([("MaxPool", 12), ("MaxPool", 22), ("AveragePool", 19), ("LpPool", 18)])
    extent, window, stride = draw.randint(3, 10), draw.randint(1, 4), draw.randint(1, 3)
    settings: dict[str, Any] = {"kernel_shape": [window], "strides": [stride]}
    if op != "AveragePool" or opset > 18:
        settings["dilations"] = [draw.randint(1, 2)]
    if draw.random() < 0.4:
        settings["auto_pad"] = draw.choice(["SAME_UPPER", "SAME_LOWER"])
    else:
        settings["pads"] = [draw.randint(0, window // 2) for _ in range(2)]
        settings["ceil_mode"] = draw.randint(0, 1)
    return extent, model(extent, op, opset=opset, **settings)


def transposed(draw: random.Random) -> Any:
    extent, window, stride = draw.randint(2, 6), draw.randint(1, 4), draw.randint(1, 4)
    settings = {"strides": [stride], "dilations": [draw.randint(1, 2)]}
    auto = draw.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
    return extent, model(extent, "ConvTranspose", (kernel(window),), auto_pad=auto, **settings)


def nearest(draw: random.Random) -> Any:
    extent, size = draw.randint(1, 48), draw.randint(1, 60)
    settings = {
        "mode": "nearest",
        "coordinate_transformation_mode": draw.choice(["asymmetric", "half_pixel", "pytorch_half_pixel"]),
        "nearest_mode": draw.choice(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]),
    }
    sizes = np.array([1, 1, size], np.int64)
    return extent, model(extent, "Resize", (None, None, sizes), **settings)


def by_scale(draw: random.Random) -> Any:
    extent, scale = draw.randint(3, 60), draw.choice([10 / 3, 5 / 12, 2.6, 0.7, 1.15, 7 / 6, 1.5, 2.9])
    scales = np.array([1, 1, scale], np.float32)
    return extent, model(extent, "Resize", (None, scales), mode=draw.choice(["nearest", "linear"]))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("draw", [pooling, transposed, nearest, by_scale])
def test_onnxruntime_is_followed_where_it_is_named(draw: Any, seed: int) -> None:
    extent, built = draw(random.Random(f"{draw.__name__} {seed}"))
    try:
        rows, status, notes = read(built, "onnxruntime")
    except rfcalc.RfcalcError:
        with pytest.raises(Exception):  # noqa: B017, PT011  of many kinds: it makes nothing of it either
            assert run(built, extent)
        return
    try:
        truth = run(built, extent)
    except Exception:
        assert any("onnxruntime refuses it" in note for note in notes)
        return
    assert (rows, status) == (truth, "exact")


REFUSED = [
    (8, "Conv", (kernel(3),), {"auto_pad": "SAME_UPPER", "dilations": [2]}),
    (9, "MaxPool", (), {"auto_pad": "SAME_UPPER", "kernel_shape": [2], "strides": [3]}),
    (3, "ConvTranspose", (kernel(3),), {"strides": [2], "output_shape": [9]}),
]


@pytest.mark.parametrize(("extent", "op", "extra", "settings"), REFUSED, ids=lambda each: str(each)[:14])
def test_what_onnxruntime_refuses_is_read_with_a_note(
    extent: int, op: str, extra: tuple[Any, ...], settings: dict[str, Any]
) -> None:
    built = model(extent, op, extra, **settings)
    with pytest.raises(Exception):  # noqa: B017, PT011  onnxruntime has kinds of its own
        run(built, extent)
    rows, status, (note,) = read(built, "onnxruntime")
    assert (rows, status) == (read(built)[0], "exact")
    assert "onnxruntime" in note.rpartition("; ")[2]
    assert note.endswith("it")


def test_notes_are_the_few_that_hold() -> None:
    """Layers whose numbers make runtimes agree have none."""
    for op, extra, settings in [
        ("MaxPool", (), {"kernel_shape": [2], "strides": [2], "ceil_mode": 1}),
        ("MaxPool", (), {"kernel_shape": [3], "auto_pad": "SAME_UPPER"}),
        ("AveragePool", (), {"kernel_shape": [3], "pads": [1, 1], "count_include_pad": 1, "ceil_mode": 1}),
        ("ConvTranspose", (kernel(3),), {"strides": [2], "auto_pad": "SAME_UPPER"}),
        ("Resize", (None, np.array([1, 1, 2], np.float32)), {"mode": "nearest"}),
        ("Resize", (None, np.array([1, 1, 2], np.float32)), {"mode": "linear", "antialias": 1}),
    ]:
        assert read(model(8, op, extra, **settings))[2] == [], op


def test_a_layer_of_which_a_runtime_makes_nothing_is_read_with_a_note() -> None:
    """Without the dilation the padding is too small for one window: onnxruntime makes an empty map."""
    built = model(3, "LpPool", opset=18, kernel_shape=[4], dilations=[2], auto_pad="SAME_UPPER")
    assert run(built, 3) == []
    rows, _, (note,) = read(built, "onnxruntime")
    assert rows == read(built)[0]
    assert "; 0, as in onnxruntime (" in note


def test_a_runtime_of_which_nothing_is_known_says_so() -> None:
    built = model(8, "MaxPool", kernel_shape=[3], dilations=[2], auto_pad="SAME_UPPER")
    rows, _, (note,) = read(built, "tflite")
    assert rows == read(built)[0]
    assert note.endswith("; of TensorFlow Lite it is not known")


OPEN = [
    ("MaxPool", (), {"kernel_shape": [3], "dilations": [2], "auto_pad": "SAME_UPPER"}, "onnxruntime"),
    ("MaxPool", (), {"kernel_shape": [2], "strides": [2], "pads": [1, 1], "ceil_mode": 1}, "openvino"),
    ("Resize", (None, np.array([1, 1, 1.5], np.float32)), {"mode": "nearest"}, "onnxruntime"),
]


@pytest.mark.parametrize(("op", "extra", "settings", "runtime"), OPEN, ids=lambda each: str(each)[:12])
def test_where_an_extent_is_open_a_runtime_is_not_followed_and_a_note_says_so(
    op: str, extra: tuple[Any, ...], settings: dict[str, Any], runtime: str
) -> None:
    built = model(8, op, extra, **settings)
    built.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "T"

    def notes(**options: Any) -> list[str]:
        return [each.message for each in rfcalc.analyze(built, **options).notes if each.code == "runtimes"]

    assert [each.endswith("give its size to follow that") for each in notes(runtime=runtime)] == [True]
    assert not any(each.endswith("to follow that") for each in notes(runtime=runtime, dims={"T": 8}))
    assert not any(each.endswith("to follow that") for each in notes())


CENTRED = {"mode": "nearest", "nearest_mode": "round_prefer_ceil"}


@pytest.mark.parametrize("settings", [CENTRED, {"mode": "linear", "antialias": 1}], ids=str)
def test_an_open_batch_changes_nothing(settings: dict[str, Any]) -> None:
    scale = 0.25 if "antialias" in settings else 12 / 40
    built = model(40, "Resize", (None, np.array([1, 1, scale], np.float32)), **settings)
    before = read(built, "openvino")
    built.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    assert read(built, "openvino") == before
    assert len(before[2]) == 1


def test_a_transposed_convolution_of_an_open_extent_follows_a_runtime() -> None:
    built = model(4, "ConvTranspose", (kernel(2),), strides=[3], auto_pad="SAME_UPPER")
    built.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "T"
    by_size = rfcalc.analyze(built, runtime="onnxruntime", symbolic=True).layer("y").output_shape
    assert str(by_size[2]) == "3*T - 1"
    assert (
        rfcalc.analyze(built, symbolic=True).layer("y").output_shape[2] == 3 * by_size[2].free_symbols.pop()
    )


# ---- the option --------------------------------------------------------------------------------------------


def test_a_runtime_that_is_not_known_is_one_line(tmp_path: Any) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model(8, "MaxPool", kernel_shape=[2]).SerializeToString())
    done = call("analyze", str(path), "--runtime", "tensorrt")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "'tensorrt' is not one of" in done.stderr
    with pytest.raises(rfcalc.UsageError, match="no runtime 'tensorrt'; rfcalc knows onnxruntime, openvino"):
        rfcalc.load(path, runtime="tensorrt")


def test_every_command_reads_for_a_runtime(tmp_path: Any) -> None:
    path = tmp_path / "m.onnx"
    built = model(8, "MaxPool", kernel_shape=[3], dilations=[2], auto_pad="SAME_UPPER")
    path.write_bytes(built.SerializeToString())
    assert " 6 " in call("analyze", str(path), "--runtime", "onnxruntime").stdout
    assert " 8 " in call("analyze", str(path)).stdout
    assert rfcalc.load(path, runtime="onnxruntime")["y"].attrs["padding"] == ((1, 1),)
    assert call("field", str(path), "y", "--runtime", "onnxruntime", "--at", "0").exit_code == 0


def test_a_model_of_another_format_has_one_runtime() -> None:
    native = {"rfcalc": 1, "input": [8, 8, 1], "layers": ["flatten"]}
    with pytest.raises(rfcalc.UsageError, match="belongs to ONNX models"):
        rfcalc.load(native, runtime="onnxruntime")
    with pytest.raises(rfcalc.UsageError, match="has its parameters, shapes and runtime already"):
        rfcalc.load(rfcalc.load(native), runtime="onnxruntime")


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

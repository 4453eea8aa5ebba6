"""Sizes that a file leaves open: their names, and the one that it was made for, where the file tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rfcalc import analyze
from rfcalc.engine.result import OpenSize

Nodes = list[Any]
Weights = dict[str, Any]


def onnx(nodes: Nodes, weights: Weights, *, metadata: dict[str, str] | None = None,
         shape: tuple[Any, ...] = ("batch", 3, "height", "width")) -> bytes:  # fmt: skip
    """Return a model of these nodes, from ``x`` to ``y``; its kernel ``w`` is strided by 2 and padded."""
    kernel = {"w": np.zeros((8, shape[1], 3, 3), np.float32), **weights}
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["map"], pads=[1] * 4, strides=[2, 2]), *nodes],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in kernel.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    return bytes(model.SerializeToString())


RELU = [helper.make_node("Relu", ["map"], ["y"])]
DENSE = [
    helper.make_node("Flatten", ["map"], ["flat"]),
    helper.make_node("Gemm", ["flat", "m"], ["y"], name="fc"),
]
RESIZED = [helper.make_node("Resize", ["map", "", "", "sizes"], ["y"], name="up", mode="linear")]
GRID = [helper.make_node("Add", ["map", "grid"], ["y"], name="shift")]


def zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("model", "likely", "told_by"),
    [
        (onnx(RELU, {}), (), ""),
        (onnx(RELU, {}, metadata={"imgsz": "[640, 480]"}), (640, 480), "imgsz in the file's metadata"),
        (onnx(RELU, {}, metadata={"Input_Size": "224"}), (224, 224), "input_size in the file's metadata"),
        (onnx(RELU, {}, metadata={"imgsz": "(640x480)"}), (640, 480), "imgsz in the file's metadata"),
        # what is no size, or has too many, tells nothing
        (onnx(RELU, {}, metadata={"imgsz": "224.5"}), (), ""),
        (onnx(RELU, {}, metadata={"imgsz": "0"}), (), ""),
        (onnx(RELU, {}, metadata={"resolution": "300 dpi"}), (), ""),
        (onnx(DENSE, {"m": zeros(8 * 49, 0)}), (), ""),
        (onnx(RELU, {}, metadata={"imgsz": "large"}), (), ""),
        (onnx(RELU, {}, metadata={"imgsz": "1, 3, 640, 640"}), (), ""),
        # 8 channels of 7 x 7 places, each of two pixels; of 13 and 14 pixels the rounder one
        (onnx(DENSE, {"m": zeros(8 * 49, 10)}), (14, 14), "where layer 'fc' fits"),
        (onnx(DENSE, {"m": zeros(8 * 112**2, 2)}), (224, 224), "where layer 'fc' fits"),
        # no square has 10 places, so that the file does not tell
        (onnx(DENSE, {"m": zeros(8 * 10, 10)}), (), ""),
        (onnx(GRID, {"grid": zeros(1, 1, 20, 30)}), (40, 60), "where layer 'shift' fits"),
        # a number for one axis alone is none for both
        (onnx(GRID, {"grid": zeros(1, 1, 20, 1)}), (), ""),
        (onnx(RESIZED, {"sizes": np.array([1, 8, 64, 96])}), (64, 96), "what layer 'up' resizes to"),
    ],
)  # fmt: skip
def test_likely_size(model: bytes, likely: tuple[int, ...], told_by: str) -> None:
    found = analyze(model).open_size.get()
    assert found == OpenSize(("height", "width"), likely, told_by)
    if likely:
        sized = analyze(model, dims=dict(zip(found.names, likely, strict=True)))
        assert sized.totals.complete
        assert sized.open_size.get() is None


CONV = [{"kind": "conv", "filters": 1, "kernel": 3}]


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ({"rfcalc": 1, "input": [None, None, 3], "layers": CONV}, ("H", "W")),
        ({"rfcalc": 1, "input": [64, None, 3], "layers": CONV}, ("W",)),
        (onnx(RELU, {}, shape=("n", 3, 64, "w")), ("w",)),
        # extents without a name are called by letters, as --dim takes them
        (onnx(RELU, {}, shape=(None, 3, None, None)), ("H", "W")),
    ],
)  # fmt: skip
def test_names(model: Any, names: tuple[str, ...]) -> None:
    result = analyze(model)
    found = result.open_size.get()
    assert found is not None
    assert found.names == names
    assert analyze(model, dims=dict.fromkeys(names, 64)).totals.complete


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (onnx(RELU, {}), "open        height, width; numbers with dims={'height': N, 'width': N}"),
        (onnx(RELU, {}, metadata={"imgsz": "640"}),
         "open        height, width; numbers with dims={'height': 640, 'width': 640} (imgsz in the file's "
         "metadata)"),
        (onnx(RELU, {}, shape=(1, 3, 64, 64)), ""),
    ],
)  # fmt: skip
def test_what_the_table_says(model: bytes, line: str) -> None:
    lines = [each for each in analyze(model).to_text(width=160).splitlines() if each.startswith("open")]
    assert lines == ([line] if line else [])


def test_a_size_of_images_says_nothing_of_other_inputs() -> None:
    nodes = [helper.make_node("Relu", ["map"], ["y"]), helper.make_node("Relu", ["tokens"], ["z"])]
    model = ModelProto.FromString(onnx(nodes, {}, metadata={"imgsz": "224"}))
    model.graph.input.insert(0, helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["n", "seq"]))
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    found = analyze(model).open_size.get()
    assert found is not None
    assert set(found.names) == {"height", "width", "seq"}
    assert found.likely == ()


def test_a_resized_map_says_the_size_of_the_chosen_input() -> None:
    model = ModelProto.FromString(
        onnx(RESIZED, {"sizes": np.array([1, 8, 28, 56])}, shape=("n", 3, "q", "p"))
    )
    other = helper.make_tensor_value_info("other", TensorProto.FLOAT, ["n", 3, "p", "q"])
    model.graph.input.insert(0, other)
    model.graph.node.append(helper.make_node("Relu", ["other"], ["z"]))
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    found = analyze(model, input="x").open_size.get()
    assert found is not None
    assert dict(zip(found.names, found.likely, strict=True)) == {"q": 28, "p": 56}

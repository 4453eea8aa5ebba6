"""Models inside the onnx package: nine published networks, and single layers that PyTorch exported long ago.

Next to each single layer lie the tensors that it once took and made; shapes are compared with these.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.engine.shapes import resolve

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.onnx

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
if not DATA.is_dir():
    pytest.skip("this onnx package comes without its test data", allow_module_level=True)

# ---- published networks ------------------------------------------------------------------------------------

LIGHT = {  # trainable parameters, thousandths of billions of multiply-accumulates
    "light_bvlc_alexnet": (60_965_224, None),  # Caffe's model zoo, as GoogLeNet
    "light_densenet121": (
        7_978_856 + 83_648,
        2834,
    ),  # each scale and offset twice: Caffe has two layers for them
    "light_inception_v1": (6_998_552, None),
    "light_inception_v2": (None, None),
    "light_resnet50": (25_557_032, 4089),
    "light_shufflenet": (None, None),
    "light_squeezenet": (1_235_496, 349),
    "light_vgg19": (143_667_240, 19_632),
    "light_zfnet512": (None, None),
}
"""Torchvision's table says the same of these architectures, where it has them."""

FIELDS = {  # last grid, its field and stride
    "light_bvlc_alexnet": ("MaxPool", (6, 6), 195, 32),
    "light_inception_v2": ("Concat", (7, 7), 699, 32),
    "light_resnet50": ("Relu", (7, 7), 427, 32),
    "light_vgg19": ("MaxPool", (7, 7), 268, 32),
}
"""By Araujo, Norris and Sim (Distill, 2019); VGG-19 and ResNet-50, strided on the 3x3 here, by hand."""


def dims_of(path: Path) -> tuple[int, ...]:
    """Return the shape of a tensor in a file of its own."""
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return tuple(tensor.dims)


def shapes_of(analysed: Any) -> dict[str, tuple[Any, ...]]:
    """Return the shape of every tensor that a layer makes."""
    graph = rfcalc.load(analysed)
    found = {}
    for name, shaped in resolve(graph).items():
        assert shaped.result is not None, f"{name} is not resolved"
        for tensor, spec in zip(graph[name].outputs, shaped.result.outputs, strict=False):
            found[tensor] = spec.shape
    return found


@pytest.mark.parametrize("name", LIGHT)
def test_published_networks(name: str) -> None:
    analysis = rfcalc.analyze(DATA / "light" / f"{name}.onnx")
    params, macs = LIGHT[name]
    assert {row.status for row in analysis} == {"exact"}
    assert analysis.totals.complete
    assert list(analysis)[-1].output_shape == dims_of(DATA / "light" / f"{name}_output_0.pb")
    assert params in (None, analysis.totals.params.trainable)
    assert macs in (None, round((analysis.totals.macs or 0) / 1e6))


@pytest.mark.parametrize("name", LIGHT)
def test_published_networks_have_the_shapes_that_onnx_infers(name: str) -> None:
    path = DATA / "light" / f"{name}.onnx"
    inferred = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    recorded = {
        info.name: tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
        for info in (*inferred.graph.value_info, *inferred.graph.output)
    }
    shapes = shapes_of(path)
    known = {tensor: shape for tensor, shape in recorded.items() if tensor in shapes and all(shape)}
    assert len(known) > 20
    assert {tensor: shapes[tensor] for tensor in known} == known


@pytest.mark.parametrize("name", LIGHT)
def test_parameters_of_published_networks_are_what_the_file_fills(name: str) -> None:
    """The light models hold small weights alone; large ones are made by ConstantOfShape."""
    graph = onnx.load(DATA / "light" / f"{name}.onnx").graph
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    taken = {each for node in graph.node for each in node.input}
    held = sum(
        each.size
        for name, each in constants.items()
        if name in taken and each.dtype == "float32" and each.ndim
    )
    held += sum(
        int(constants[node.input[0]].prod()) for node in graph.node if node.op_type == "ConstantOfShape"
    )
    assert rfcalc.analyze(DATA / "light" / f"{name}.onnx").totals.params.total == held


@pytest.mark.parametrize("name", FIELDS)
def test_published_fields(name: str) -> None:
    op, grid, field, stride = FIELDS[name]
    rows = [row for row in rfcalc.analyze(DATA / "light" / f"{name}.onnx") if row.spatial == grid]
    assert rows[-1].op == op
    assert rows[-1].receptive_field == (field, field)
    assert rows[-1].effective_stride == (stride, stride)


# ---- single layers -----------------------------------------------------------------------------------------


def directories(*parts: str) -> list[Path]:
    return sorted(path.parent for part in parts for path in (DATA / part).glob("*/model.onnx"))


@pytest.mark.parametrize(
    "directory", directories("pytorch-converted", "pytorch-operator"), ids=lambda each: each.name
)
def test_single_layers(directory: Path) -> None:
    outputs = onnx.load(directory / "model.onnx").graph.output
    made = {
        each.name: dims_of(directory / "test_data_set_0" / f"output_{k}.pb") for k, each in enumerate(outputs)
    }
    analysis = rfcalc.analyze(directory / "model.onnx")
    shapes = shapes_of(directory / "model.onnx")
    assert {row.status for row in analysis} == {"exact"}
    assert {name: shapes[name] for name in made if name in shapes} == made


@pytest.mark.parametrize("directory", directories("simple"), ids=lambda each: each.name)
def test_lists_texts_and_gradients_are_named_not_guessed(directory: Path) -> None:
    analysis = rfcalc.analyze(directory / "model.onnx")
    unknown = [row.op for row in analysis if row.status == "unknown"]
    notes = [note.message for note in analysis.notes if note.code == "unknown-op"]
    if directory.name in ("test_shrink", "test_sign_model", "test_single_relu_model"):
        assert (unknown, notes) == ([], [])
    else:
        assert unknown[0] in notes[0]


CONVERTED = {  # output shape, field, stride, parameters: by the arithmetic of the layer that the name says
    "Conv1d_dilated": ((2, 5, 6), (5,), (1,), 5 * 4 * 3 + 5),
    "Conv1d_stride": ((2, 5, 4), (3,), (2,), 5 * 4 * 3 + 5),
    "Conv2d_depthwise_with_multiplier": ((2, 8, 4, 4), (3, 3), (1, 1), 8 * 1 * 9 + 8),
    "Conv2d_groups": ((2, 6, 4, 4), (3, 2), (1, 1), 6 * 2 * 6 + 6),
    "Conv2d_strided": ((2, 4, 2, 2), (3, 3), (2, 2), 4 * 3 * 9 + 4),
    "Conv3d_stride_padding": ((2, 4, 3, 3, 3), (2, 2, 2), (2, 2, 2), 4 * 3 * 8 + 4),
    "ConvTranspose2d": ((1, 4, 20, 12), (1, 2), (1 / 3, 1 / 2), 3 * 4 * 9 + 4),
    "Embedding": ((1, 4, 3), (1,), (1,), 4 * 3),
    "Linear": ((4, 8), (), (), 8 * 10 + 8),
    "MaxPool1d_stride_padding_dilation": ((1, 1, 21821), (199 * 10 + 1,), (10,), 0),
    "PReLU_2d_multiparam": ((2, 3, 4, 5), (1, 1), (1, 1), 3),
    "PixelShuffle": ((1, 1, 12, 12), (1, 1), (1 / 3, 1 / 3), 0),
}


@pytest.mark.parametrize("name", CONVERTED)
def test_what_single_layers_see_and_hold(name: str) -> None:
    analysis = rfcalc.analyze(DATA / "pytorch-converted" / f"test_{name}" / "model.onnx")
    last = list(analysis)[-1]
    got = (last.output_shape, last.receptive_field, last.effective_stride, analysis.totals.params.total)
    assert got == CONVERTED[name]

"""Exported ONNX graphs against what a run of them shows: shapes of all tensors, and what each row depends on.

tests/data/onnx/README.md says where the graphs come from and how they were measured.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

import rfcalc
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import resolve
from rfcalc.graph.graph import LayerGraph
from rfcalc.questions.field.find import field_of
from tests.readers.onnx_graphs import NAMES, graph_bytes, measured, reference

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.onnx

Shapes = dict[str, tuple[int, ...]]


class Case(NamedTuple):
    """One graph of the data."""

    name: str
    data: bytes
    ref: dict[str, Any]
    graph: LayerGraph
    analysis: rfcalc.Analysis


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    """A graph at the size at which it was measured; read once for all tests."""
    name = request.param
    data, ref = graph_bytes(name), reference(name)
    size = ref["input"] if ref.get("dynamic_axes") else None
    graph = rfcalc.load(data, input_shape=size)
    return Case(name, data, ref, graph, rfcalc.analyze(graph))


def shapes_of(graph: LayerGraph) -> Shapes:
    """Return the shape of every tensor that a layer makes."""
    found = {}
    for name, shaped in resolve(graph).items():
        assert shaped.result is not None, f"{name} is not resolved"
        # an operation need not make all of its outputs
        for tensor, spec in zip(graph[name].outputs, shaped.result.outputs, strict=False):
            found[tensor] = spec.shape
    return {tensor: shape for tensor, shape in found.items() if tensor}


def recorded_shapes(model: Any) -> Shapes:
    """Return the shapes that a file records."""
    infos = (*model.graph.input, *model.graph.value_info, *model.graph.output)
    return {
        info.name: tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
        for info in infos
        if info.type.tensor_type.HasField("shape")
    }


def computed(model: Any) -> set[str]:
    """Return the tensors that depend on the elements of the input, and not just on its shape."""
    found = {each.name for each in model.graph.input}
    for node in model.graph.node:
        if node.op_type not in ("Shape", "Size") and found & set(node.input):
            found.update(filter(None, node.output))
    return found


def test_there_are_graphs_of_every_sort() -> None:
    refs = {name: reference(name) for name in NAMES}
    assert len(NAMES) > 60
    assert {len(ref["input"]) for ref in refs.values()} == {3, 4, 5}
    assert sum(bool(ref.get("dynamic_axes")) for ref in refs.values()) > 10
    assert {ref.get("opset") for ref in refs.values()} >= {11, 12, 13, 14, 16, 17, 18, 20, 21}
    assert {ref["exporter"].split()[-1] for ref in refs.values() if "exporter" in ref} == {
        "dynamo",
        "torchscript",
    }


def test_every_tensor_has_its_shape(case: Case) -> None:
    model = onnx.load_model_from_string(case.data)
    recorded = case.ref.get("shapes") or recorded_shapes(model)
    expected = {name: tuple(recorded[name]) for name in computed(model)}
    assert shapes_of(case.graph) == expected


def test_nothing_is_unknown(case: Case) -> None:
    totals = case.analysis.totals
    assert totals.complete
    assert totals.resolved == totals.layers
    assert {row.status for row in case.analysis} <= {"exact", "bound"}
    assert "unknown-op" not in {note.code for note in case.analysis.notes}


@pytest.mark.long
def test_rows_depend_on_what_was_measured(case: Case) -> None:
    axis = case.ref.get("row_axis", 2) - 2
    wrong = {}
    for tensor, truth in measured(case.name).items():
        field = field_of(Run(case.graph), tensor)
        got = field.axes[axis]
        if (got.status, list(got.rows)) != ("exact", truth.rows):
            reasons = [note.message for note in field.notes]
            first = next((k for k, rows in enumerate(zip(got.rows, truth.rows, strict=False))
                          if rows[0] != rows[1]), None)  # fmt: skip
            wrong[tensor, truth.op] = {
                "status": got.status,
                "reasons": reasons,
                "extents": (len(got.rows), len(truth.rows)),
                "first difference": first and (first, got.rows[first], truth.rows[first]),
            }
    assert wrong == {}


DYNAMIC = [name for name in NAMES if reference(name).get("second")]


@pytest.mark.parametrize("name", DYNAMIC)
def test_dynamic_graphs_at_another_size(name: str) -> None:
    data, second = graph_bytes(name), reference(name)["second"]
    shapes = shapes_of(rfcalc.load(data, input_shape=second["input"]))
    assert shapes == {tensor: tuple(second["shapes"][tensor]) for tensor in shapes}


# ---- totals ------------------------------------------------------------------------------------------------

NOT_WEIGHTS = {"Resize": (1, 2), "Upsample": (1,), "Clip": (1, 2), "Pad": (2,), "LSTM": (5, 6), "GRU": (5,)}
"""Inputs of operations that are scales, bounds, fillings and initial states."""

COMPUTED_WITH = {
    "own.crnn.ts13": 64,  # initial states of recurrent layers, through a Slice
    "own.demucs_bilstm.ts14": 512,
    "own.spectro_bigru.ts14": 64,
    "timm.bat_resnext26ts": 20,  # identity matrices, which are masks
    "timm.maxxvit_rmlp_nano_rw_256": 1_612_800,  # tables of positions, turned into biases by a small network
    "tv.swin_v2_t": 1_386_368,
    "timm.mobilevit_xxs.ts17": 9,  # the 1 of 1 / sqrt(d), the scale of attention
    "timm.nest_tiny_jx.ts17": 12,
    "timm.twins_svt_small.ts17": 18,
    "timm.swin_tiny_patch4_window7_224.ts17": 92 * 49**2,  # masks of -100: 64, 16, and three times 4 windows
    "tv.swin_t": 4_018,  # grids of zeros, which the attention masks are made from
}
"""Elements of constants that others are computed from, or that are masks, and therefore no weights."""


def test_parameters_are_the_weights_that_the_file_holds(case: Case) -> None:
    graph = onnx.load_model_from_string(case.data).graph
    constants = {each.name: each for each in graph.initializer}
    constants |= {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    taken = {
        name for node in graph.node for place, name in enumerate(node.input)
        if place not in NOT_WEIGHTS.get(node.op_type, ())
    }  # fmt: skip
    held = sum(
        math.prod(tensor.dims)
        for name, tensor in constants.items()
        if name in taken and tensor.dims and tensor.data_type == onnx.TensorProto.FLOAT
    )
    params = case.analysis.totals.params
    assert params.total == held - COMPUTED_WITH.get(case.name, 0)
    assert params.non_trainable in (0, params.total - params.trainable)


TOTALS = {  # parameters of the file, parameters of the source model, multiply-accumulates
    "tv.convnext_tiny": (28_551_360, 28_589_128, 4_455_531_264),
    "tv.googlenet": (6_610_344, 13_004_888, 1_498_376_192),  # the source counts two classifiers for training
    "tv.mobilenet_v3_small": (2_525_832, 2_542_856, 56_510_400),
    "tv.resnet50": (25_503_912, 25_557_032, 4_089_184_256),
    "tv.shufflenet_v2_x1_0": (2_262_424, 2_278_604, 144_907_992),
    "tv.swin_t": (28_564_554, 28_288_354, 4_490_566_656),  # the exporter wrote out tables of position biases
    "tv.vit_b_16": (86_519_809, 86_567_656, 17_563_828_224),
}
"""Counts of the source model are PyTorch's. Where no batch normalisation was folded, biases that are zero are
missing, which the exporter leaves out."""


@pytest.mark.parametrize("name", TOTALS)
def test_totals(name: str) -> None:
    params, source, macs = TOTALS[name]
    totals = rfcalc.analyze(graph_bytes(name)).totals
    assert (totals.params.total, totals.macs) == (params, macs)
    assert reference(name)["params"] == source


def test_resnet50_lacks_just_its_batch_normalisations() -> None:
    """A scale and an offset a channel: of the stem, of three convolutions a block, of four shortcuts."""
    blocks = {64: 3, 128: 4, 256: 6, 512: 3}
    channels = 64 + sum((2 * width + 4 * width) * count + 4 * width for width, count in blocks.items())
    params, source, _ = TOTALS["tv.resnet50"]
    assert source - params == 2 * channels


FOLDED = {"tv.resnet50": 53, "tv.googlenet": 57, "tv.shufflenet_v2_x1_0": 56, "tv.mobilenet_v3_small": 34}
"""How many batch normalisations the source model has."""


@pytest.mark.parametrize("name", FOLDED)
def test_folded_batch_normalisations_are_noted(name: str) -> None:
    notes = [note for note in rfcalc.analyze(graph_bytes(name)).notes if note.code == "folded"]
    assert len(notes) == 1
    assert f" {FOLDED[name]} batch normalisations " in notes[0].message


def test_where_none_is_folded_there_is_no_note() -> None:
    for name in ("tv.convnext_tiny", "tv.vit_b_16", "tv.densenet121.ts14"):
        assert "folded" not in {note.code for note in rfcalc.analyze(graph_bytes(name)).notes}


# ---- other sizes -------------------------------------------------------------------------------------------

PUBLISHED = [
    ("tv.alexnet", (224, 224), 0.714),
    ("tv.convnext_tiny", (224, 224), 4.456),
    ("tv.convnext_tiny.ts17", (224, 224), 4.456),
    ("tv.densenet121.ts14", (224, 224), 2.834),
    ("tv.efficientnet_v2_s", (384, 384), 8.366),
    ("tv.googlenet.ts11dyn", (224, 224), 1.498),
    ("tv.inception_v3", (299, 299), 5.713),
    ("tv.inception_v3.ts11", (299, 299), 5.713),
    ("tv.mc3_18.ts13", (16, 112, 112), 43.343),
    ("tv.mnasnet1_0.ts13", (224, 224), 0.314),
    ("tv.mobilenet_v2.dyn", (224, 224), 0.301),
    ("tv.mobilenet_v3_small", (224, 224), 0.057),
    ("tv.r2plus1d_18", (16, 112, 112), 40.519),
    ("tv.regnet_x_400mf.ts17dyn", (224, 224), 0.414),
    ("tv.regnet_y_400mf", (224, 224), 0.402),
    ("tv.resnet18.ts11dyn", (224, 224), 1.814),
    ("tv.resnext50_32x4d.ts11", (224, 224), 4.23),
    ("tv.shufflenet_v2_x1_0", (224, 224), 0.145),
    ("tv.squeezenet1_1", (224, 224), 0.349),
    ("tv.vgg11_bn.ts11", (224, 224), 7.609),
    ("tv.deeplabv3_resnet50.dyn", (520, 520), 168.731),  # 178.722 with the classifier for training:
    ("tv.fcn_resnet50.ts11dyn", (520, 520), 142.726),  # 9 * 1024 * 256 + 256 * 21 a pixel of 65x65
]
"""Billions of multiply-accumulates by torchvision's own table (``_ops`` in the meta data of its weights), at
the size that it gives there. Most files were exported at another."""


@pytest.mark.parametrize(("name", "size", "macs"), PUBLISHED)
def test_multiply_accumulates_at_the_published_size(name: str, size: tuple[int, ...], macs: float) -> None:
    analysis = rfcalc.analyze(graph_bytes(name), input_shape=(1, 3, *size))
    assert round((analysis.totals.macs or 0) / 1e9, 3) == macs
    assert analysis.inputs[0].spatial == size


@pytest.mark.parametrize(
    "name", ["smp.Unet.resnet18.dyn", "tv.resnet50", "timm.tf_efficientnet_b0", "own.yolo.dyn"]
)
def test_fields_do_not_depend_on_the_size(name: str) -> None:
    """Far from its borders an image of another size is seen in the same way."""
    data, (*_, height, width) = graph_bytes(name), reference(name)["input"]
    here = rfcalc.analyze(data, input_shape=reference(name)["input"])
    there = rfcalc.analyze(data, input_shape=(*reference(name)["input"][:-2], height + 64, width + 128))
    for one, other in zip(here, there, strict=True):
        assert (one.name, one.params) == (other.name, other.params)
        if one.effective_stride != (None, None):  # the parts of a list of boxes have other lengths
            assert one.receptive_field == other.receptive_field
            assert one.effective_stride == other.effective_stride


FIXED = [  # what the exporter wrote down as numbers
    ("tv.deeplabv3_resnet50", (520, 520), "'node_cat'", "(1, 256, 28, 28)"),
    ("tv.lraspp_mobilenet_v3_large", (520, 520), "'node_add_10'", "(1, 21, 24, 16)"),
    ("tv.shufflenet_v2_x0_5.ts12", (224, 224), "'/stage2/stage2.0/Reshape'", "(1, 2, 24, 28, 12)"),
    ("tv.swin_t", (256, 256), "'", "reshape"),
    ("tv.vit_b_16", (256, 256), "'", "reshape"),
]


@pytest.mark.parametrize(("name", "size", "layer", "shape"), FIXED)
def test_sizes_that_a_file_does_not_allow(name: str, size: tuple[int, ...], layer: str, shape: str) -> None:
    with pytest.raises(rfcalc.RfcalcError) as caught:
        rfcalc.analyze(graph_bytes(name), input_shape=(1, 3, *size))
    assert f"layer {layer}" in str(caught.value)
    assert shape in str(caught.value)
    assert "\n" not in str(caught.value)


# ---- formulas ----------------------------------------------------------------------------------------------


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Fail after some seconds, where the system can do so: formulas that grow without end never finish."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"not done in {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", DYNAMIC)
def test_formulas_of_dynamic_graphs_hold_at_both_sizes(name: str) -> None:
    """Where the axes of a file are open, its shapes are formulas, which give the measured shapes."""
    data, ref = graph_bytes(name), reference(name)
    with at_most(30):
        formulas = rfcalc.analyze(data, symbolic=True)
    assert formulas.totals.resolved == formulas.totals.layers
    symbols = formulas.inputs[0].shape or ()
    for size in (ref["input"], ref["second"]["input"]):
        numbers = rfcalc.analyze(data, input_shape=size)
        put = {
            symbol: extent for symbol, extent in zip(symbols, size, strict=True) if hasattr(symbol, "subs")
        }
        assert put
        for formula, number in list(zip(formulas, numbers, strict=True))[::7]:
            assert formula.name == number.name
            given = [each.subs(put) if hasattr(each, "subs") else each for each in formula.output_shape or ()]
            assert (number.name, given) == (number.name, list(number.output_shape or ()))


@pytest.mark.parametrize("name", DYNAMIC)
def test_open_graphs_have_the_fields_of_fixed_ones_or_say_that_they_are_bounds(name: str) -> None:
    data = graph_bytes(name)
    opened, fixed = rfcalc.analyze(data), rfcalc.analyze(data, input_shape=reference(name)["input"])
    for one, other in zip(opened, fixed, strict=True):
        assert (one.name, one.params) == (other.name, other.params)
        if one.status == "bound":  # a resizing, say, whose ratio depends on the size
            assert one.receptive_field in (other.receptive_field, (None,) * len(other.receptive_field or ()))
        elif None not in (other.effective_stride or ()):
            assert (one.name, one.effective_stride) == (other.name, other.effective_stride)
            assert (one.name, one.receptive_field) == (other.name, other.receptive_field)

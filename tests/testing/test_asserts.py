"""Assertions on models: they hold to the last pixel, and a failure says what is and who decides it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc import testing

MODELS = Path("docs/models")
POOLING, UNET, RESNET = (str(MODELS / f"{name}.json") for name in ("pooling", "unet", "resnet"))

HOLES: dict[str, Any] = {
    "rfcalc": 1,
    "input": [64, 64, 1],
    "layers": [{"kind": "conv", "name": f"c{i}", "filters": 8, "kernel": 3, "dilation": 2} for i in (1, 2)],
}
APART: dict[str, Any] = {
    "rfcalc": 1,
    "input": [8, 8, 1],
    "layers": [
        {"kind": "max_pool", "name": "a", "kernel": 3, "stride": 2, "padding": "same"},
        {"kind": "conv", "name": "b", "inputs": ["input"], "filters": 1, "kernel": 1, "stride": 2},
        {"kind": "add", "name": "sum", "inputs": ["a", "b"]},
    ],
}
MYSTERY: dict[str, Any] = {
    "class_name": "Sequential",
    "config": {
        "name": "m",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": [None, 8, 8, 1]}},
            {"class_name": "Mystery", "registered_name": "x>Mystery", "config": {"name": "q"}},
        ],
    },
    "keras_version": "2.15.0",
}


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


HOLD: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("assert_receptive_field", (POOLING, "conv3", 18), {}),  # DESIGN: two 2x2 poolings between 3x3
    ("assert_receptive_field", (POOLING, "conv3", (18, 18)), {}),
    ("assert_receptive_field", (POOLING, "classes", None), {}),
    ("assert_receptive_field", (UNET, "classes", 204), {"smallest": 188}),
    ("assert_receptive_field", (POOLING, "conv1", 3), {"input_shape": [None, None, 1]}),
    ("assert_receptive_field", (RESNET, "stages", 81), {}),  # a block: what its last layer sees
    ("assert_stride", (POOLING, "conv3", 4), {}),
    ("assert_stride", (POOLING, "classes", None), {}),
    ("assert_output_shape", (POOLING, "conv3", (3, 3, 128)), {}),
    ("assert_output_shape", (POOLING, "conv3", (None, 3, 3, 128)), {}),
    ("assert_params", (POOLING, 104_202), {}),
    ("assert_params", (POOLING, 18_496), {"layer": "conv2"}),
    ("assert_params", (POOLING, 0), {"which": "non_trainable"}),
    ("assert_macs", (POOLING, 3_100_032), {}),
    ("assert_macs", (POOLING, 11 * 11 * 9 * 32 * 64), {"layer": "conv2"}),
    ("assert_covers_input", (POOLING, "classes"), {}),
    ("assert_no_holes", (POOLING,), {}),
    ("assert_aligned", (POOLING,), {}),
    ("assert_exact", (POOLING,), {}),
    ("assert_budget", (POOLING, {"max_params": 104_202}), {}),
]


@pytest.mark.parametrize(("name", "args", "options"), HOLD)
def test_what_is_so_holds(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
    assert getattr(testing, name)(*args, **options) is None


FAILURES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], str]] = {
    "a field": (
        "assert_receptive_field", (POOLING, "conv3", 20), {},
        """\
docs/models/pooling.json: layer 'conv3': the receptive field is 18x18 pixels, not 20x20
  conv3: conv, output 3x3x128, stride 4x4, status exact
  rows: 1, and conv1 +2, pool1 +1, conv2 +4, pool2 +2, conv3 +8; the most by 'conv3'""",
    ),
    "one pixel, on one axis": (
        "assert_receptive_field", (POOLING, "conv3", (18, 19)), {},
        """\
docs/models/pooling.json: layer 'conv3': the receptive field is 18x18 pixels, not 18x19
  conv3: conv, output 3x3x128, stride 4x4, status exact
  columns: 1, and conv1 +2, pool1 +1, conv2 +4, pool2 +2, conv3 +8; the most by 'conv3'""",
    ),
    "the field of another layer": (
        "assert_receptive_field", (POOLING, "conv3", 8), {},
        """\
docs/models/pooling.json: layer 'conv3': the receptive field is 18x18 pixels, not 8x8
  conv3: conv, output 3x3x128, stride 4x4, status exact
  rows: 1, and conv1 +2, pool1 +1, conv2 +4, pool2 +2, conv3 +8; the most by 'conv3'
  8x8 pixels is the field of 'conv2'""",
    ),
    "a field that is global": (
        "assert_receptive_field", (POOLING, "classes", 28), {},
        """\
docs/models/pooling.json: layer 'classes': the receptive field is global (the whole axis), not 28x28
  classes: linear, output 10, stride none, status exact
  it is so large since 'classes' (linear) makes the field global; what is divided is the field up to 'flatten'
  rows: 1, and conv1 +2, pool1 +1, conv2 +4, pool2 +2, conv3 +8; the most by 'conv3'""",
    ),
    "many layers on the way": (
        "assert_receptive_field", (UNET, "classes", 188), {},
        """\
docs/models/unet.json: layer 'classes': the receptive field is 204x204 pixels, not 188x188
  classes: conv, output 256x256x2, stride 1x1, status exact
  rows: 1, and bottom/conv1 +32, bottom/conv2 +32, down4/conv1 +16, down4/conv2 +16, up4/convs/conv1 +16, \
up4/convs/conv2 +16, and 17 more; the most by 'bottom/conv1'
  188x188 pixels is the field of 'up3/convs/conv1', 'up3/convs/relu1', 'up3/convs/conv2' and 3 more""",
    ),
    "the smallest field": (
        "assert_receptive_field", (UNET, "classes", 204), {"smallest": 204},
        """\
docs/models/unet.json: layer 'classes': the smallest receptive field is 188x188 pixels, not 204x204
  classes: conv, output 256x256x2, stride 1x1, status exact
  the largest is 204x204 pixels""",
    ),
    "a name that is nearly one": (
        "assert_receptive_field", (POOLING, "cnv3", 18), {},
        "docs/models/pooling.json: there is no layer 'cnv3'; did you mean 'conv3' or 'conv2' or 'conv1'?",
    ),
    "a name that is like none": (
        "assert_stride", (POOLING, "zzz", 1), {},
        "docs/models/pooling.json: there is no layer 'zzz'; its layers go from 'input' to 'classes'",
    ),
    "a field that is not known": (
        "assert_receptive_field", (MYSTERY, "q", 3), {},
        """\
<dict>: layer 'q': the receptive field is not known (depends on Mystery ('q'), which no rule \
knows); wanted 3 pixels
  q: unknown (Mystery), output not known, status unknown""",
    ),
    "a count that is not known": (
        "assert_params", (MYSTERY, 0), {},
        """\
<dict>: the number of parameters is not known, not 0
  q: depends on Mystery ('q'), which no rule knows""",
    ),
    "a stride": (
        "assert_stride", (POOLING, "conv3", 2), {},
        """\
docs/models/pooling.json: layer 'conv3': the effective stride is 4x4, not 2x2
  conv3: conv, output 3x3x128, stride 4x4, status exact
  it steps in pool1 (2), pool2 (2)""",
    ),
    "a shape": (
        "assert_output_shape", (POOLING, "conv3", (4, 4, 128)), {},
        """\
docs/models/pooling.json: layer 'conv3': the output shape is (?, 3, 3, 128), not (4, 4, 128)
  conv3: conv, output 3x3x128, stride 4x4, status exact
  it takes pool2 5x5x64""",
    ),
    "parameters of the model": (
        "assert_params", (POOLING, 104_201), {},
        """\
docs/models/pooling.json: it has 104,202 parameters, not 104,201
  most are in conv3 (73,856), conv2 (18,496), classes (11,530)""",
    ),
    "trainable parameters of a layer": (
        "assert_params", (POOLING, 1), {"layer": "conv2", "which": "trainable"},
        """\
docs/models/pooling.json: layer 'conv2': it has 18,496 trainable parameters, not 1
  conv2: conv, output 11x11x64, stride 2x2, status exact""",
    ),
    "multiply-accumulates": (
        "assert_macs", (POOLING, 6_200_064), {},
        """\
docs/models/pooling.json: it has 3,100,032 multiply-accumulates, not 6,200,064
  most are in conv2 (2,230,272), conv3 (663,552), conv1 (194,688)""",
    ),
    "an input not covered": (
        "assert_covers_input", (POOLING,), {},
        "docs/models/pooling.json: layer 'conv3': its field is 10 pixels smaller than the input of 28x28, "
        "which it has to cover",
    ),
    "holes": (
        "assert_no_holes", (HOLES,), {},
        "<dict>: layer 'c2': a gap of 1x1 pixels in its field, 1 over the limit of 0; opened in c1",
    ),
    "branches apart": (
        "assert_aligned", (RESNET,), {},
        """\
docs/models/resnet.json: layer 'stages/0/first/add': its branches meet 1x1 pixels apart, 1 over the limit of 0
  layer 'stages/1/first/add': its branches meet 2x2 pixels apart, 2 over the limit of 0""",
    ),
    "branches apart in one layer": (
        "assert_aligned", (APART, "sum"), {},
        "<dict>: layer 'sum': its branches meet 1x1 pixels apart, 1 over the limit of 0",
    ),
    "doubts": (
        "assert_exact", (MYSTERY,), {},
        """\
<dict>: not every figure is exact: 'q' (unknown)
  q: depends on Mystery ('q'), which no rule knows""",
    ),
    "a budget": (
        "assert_budget", (POOLING, {"max_params": 104_000}), {},
        "docs/models/pooling.json: 1 violation; 1 of 1 limit does not hold\n- the model: 104,202 parameters, "
        "202 over the limit of 104,000; most are in conv3: 73,856 (<budget>: max_params)",
    ),
}  # fmt: skip
"""For each kind of failure the call, and all that it says."""


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_says_what_is_and_who_decides_it(case: str) -> None:
    name, args, options, message = FAILURES[case]
    with pytest.raises(AssertionError) as failure:
        getattr(testing, name)(*args, **options)
    assert str(failure.value) == message


def test_an_upper_bound_is_not_exact() -> None:
    analysis = rfcalc.analyze(MYSTERY, on_unknown="bound")
    assert analysis.layer("q").status == "bound"
    with pytest.raises(AssertionError) as failure:
        testing.assert_receptive_field(MYSTERY, "q", None, on_unknown="bound")
    assert "the receptive field is at most global" in str(failure.value)
    assert "an upper bound" in str(failure.value)


GATED: dict[str, Any] = {
    "rfcalc": 1,
    "input": [32, 32, 8],
    "layers": [
        {"kind": "conv", "name": "c", "filters": 8, "kernel": 3, "padding": "same"},
        {"kind": "global_pool", "name": "squeeze", "mode": "average", "keepdims": True},
        {"kind": "conv", "name": "excite", "filters": 8, "kernel": 1},
        {"kind": "multiply", "name": "gate", "inputs": ["c", "excite"]},
    ],
}


def test_the_local_field_has_the_gates_cut() -> None:
    testing.assert_receptive_field(GATED, "gate", None)
    testing.assert_receptive_field(GATED, "gate", 3, local=True)
    with pytest.raises(AssertionError, match="the local receptive field is 3x3 pixels, not 5x5"):
        testing.assert_receptive_field(GATED, "gate", 5, local=True)
    with pytest.raises(rfcalc.UsageError, match="give the model itself"):
        testing.assert_receptive_field(rfcalc.analyze(GATED), "gate", 3, local=True)
    with pytest.raises(rfcalc.UsageError, match="without local=True"):
        testing.assert_receptive_field(GATED, "gate", 3, smallest=3, local=True)


@pytest.mark.parametrize("block", ["stage1", "stages"])
def test_limits_are_held_for_blocks_too(block: str) -> None:
    field = rfcalc.analyze(RESNET, depth=1).layer(block).receptive_field
    assert field is not None
    covers = min(size or 0 for size in field) >= 32
    if covers:
        testing.assert_covers_input(RESNET, block)
    else:
        with pytest.raises(AssertionError, match=f"layer '{block}': its field is"):
            testing.assert_covers_input(RESNET, block)
    testing.assert_no_holes(RESNET, block)
    if covers:
        with pytest.raises(AssertionError, match="pixels smaller"):
            testing.assert_covers_input(RESNET, block, dims={"H": 256, "W": 256})


def forms() -> dict[str, Any]:
    import json

    document = json.loads((Path(__file__).parents[2] / POOLING).read_text(encoding="utf-8"))
    graph = rfcalc.load(document)
    return {
        "dict": document,
        "path": Path(POOLING),
        "graph": graph,
        "analysis": rfcalc.analyze(graph, details=True),
    }


@pytest.mark.parametrize("form", ["dict", "path", "graph", "analysis"])
def test_a_model_comes_in_any_form(form: str) -> None:
    model = forms()[form]
    testing.assert_receptive_field(model, "conv3", 18)
    testing.assert_params(model, 104_202)
    testing.assert_no_holes(model)
    with pytest.raises(AssertionError, match="18x18 pixels, not 17x17"):
        testing.assert_receptive_field(model, "conv3", 17)
    with pytest.raises(AssertionError, match="10 pixels smaller"):
        testing.assert_covers_input(model)


@pytest.mark.torch
def test_a_module_comes_with_the_shape_of_its_input() -> None:
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        stem = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 7, stride=2, padding=3), torch.nn.ReLU())
        net = torch.nn.Sequential(stem, torch.nn.MaxPool2d(2))
    testing.assert_receptive_field(net, "1", 9, input_shape=(1, 3, 224, 224))
    testing.assert_receptive_field(net, "0", 7, input_shape=(1, 3, 224, 224))  # a module of modules
    testing.assert_output_shape(net, "1", (64, 56, 56), input_shape=(1, 3, 224, 224))
    with pytest.raises(rfcalc.UsageError, match="input_shape"):
        testing.assert_receptive_field(net, "1", 9)


USAGE: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    (
        "assert_receptive_field",
        (POOLING, "conv3", (1, 2, 3)),
        {},
        "has 3 values, but the input has 2 spatial",
    ),
    ("assert_receptive_field", (POOLING, "conv3", "18"), {}, "not '18'"),
    ("assert_receptive_field", (POOLING, "conv3", True), {}, "not True"),
    ("assert_params", (POOLING, 1e3), {}, "a whole number, not 1000.0"),
    ("assert_params", (POOLING, 1), {"which": "all"}, "there is no count 'all'"),
    ("assert_aligned", (POOLING, "conv3"), {}, "no branches meet in 'conv3'"),
]


@pytest.mark.parametrize(("name", "args", "options", "message"), USAGE)
def test_a_wrong_call_is_no_failed_assertion(
    name: str, args: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(rfcalc.UsageError, match=message):
        getattr(testing, name)(*args, **options)


def test_an_analysis_says_what_it_does_not_hold() -> None:
    analysis = rfcalc.analyze(POOLING)
    with pytest.raises(rfcalc.UsageError, match="give the model itself"):
        testing.assert_aligned(analysis)
    with pytest.raises(rfcalc.UsageError, match="details=True"):
        testing.assert_no_holes(analysis)
    with pytest.raises(rfcalc.UsageError, match="input_shape come too late"):
        testing.assert_params(analysis, 1, input_shape=(None, None, 1))


def test_names_of_layers_are_harmless_on_a_terminal() -> None:
    name = "\x1b[31mred\u202e"
    conv = {"filters": 1, "kernel_size": [3, 3], "name": name}
    layers = [*MYSTERY["config"]["layers"][:1], {"class_name": "Conv2D", "config": conv}]
    model = {**MYSTERY, "config": {"name": "m", "layers": layers}}
    testing.assert_receptive_field(model, name, 3)
    with pytest.raises(AssertionError) as failure:
        testing.assert_receptive_field(model, name, 5)
    assert "\x1b" not in str(failure.value)
    assert "\u202e" not in str(failure.value)
    with pytest.raises(AssertionError) as failure:
        testing.assert_params(model, 1, layer="red")
    assert "\x1b" not in str(failure.value)


def test_what_is_a_pattern_elsewhere_is_a_name_here() -> None:
    layers = [{"kind": "conv", "name": name, "filters": 1, "kernel": 3} for name in ("c*", "cc")]
    model = {"rfcalc": 1, "input": [8, 8, 1], "layers": layers}
    with pytest.raises(AssertionError, match="layer 'c\\*'") as failure:
        testing.assert_covers_input(model, "c*")
    assert "cc" not in str(failure.value)

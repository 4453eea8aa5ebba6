"""Verification: every rule agrees with its definition, and a rule that is broken on purpose is found out."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.algebra.steps import Slide
from rfcalc.algebra.window import slide
from rfcalc.engine.run import Run
from rfcalc.errors import UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Layer
from rfcalc.questions.verify.definitions.given import DEFINITIONS
from rfcalc.questions.verify.find import enumerate_run
from rfcalc.questions.verify.result import Difference
from rfcalc.rules import registry
from rfcalc.rules.registry import Call, Kind, Result, kinds
from rfcalc.rules.registry import Path as Way
from rfcalc.rules.specimens import SPECIMENS, Specimen
from tests.random_dags import random_dag
from tests.readers.test_keras_truth import cases
from tests.rules.test_commuting_square import sample

DATA = Path(__file__).parents[1] / "data"
MODELS = Path(__file__).parents[2] / "docs" / "models"

SPECIMEN = pytest.mark.parametrize(
    "specimen", [s for s in SPECIMENS if s.kind != "input"], ids=lambda s: f"{s.kind} {s.title}".strip()
)


def built(specimen: Specimen, seed: int = 0) -> tuple[Any, Any]:
    """Return settings and inputs of a specimen, in numbers that fit together."""
    columns = {"H": 6 + seed, "W": 5, "T": (5 + seed) * 4}  # as many as a window of 2x2 has places
    return specimen.build(
        lambda letter: (
            columns[letter] if specimen.kind == "fold" and letter in columns else sample(letter, seed)
        )
    )


def graph_of(specimen: Specimen, seed: int = 0) -> LayerGraph:
    """Make a model of one layer."""
    attrs, specs = built(specimen, seed)
    inputs = [
        Layer(f"x{k}", "input", "Input", attrs={"shape": spec.shape, "axes": spec.axes, "dtype": spec.dtype})
        for k, spec in enumerate(specs)
    ]
    layer = Layer("y", specimen.kind, specimen.kind, tuple((x.name, 0) for x in inputs), attrs)
    return LayerGraph([*inputs, layer])


def differences(graph: LayerGraph) -> list[Difference]:
    """Enumerate a model, following each of its inputs in turn."""
    return [each for x in graph.inputs for each in enumerate_run(Run(graph, input=x.name)).differences]


# ---- rules as they are -------------------------------------------------------------------------------------


def test_every_kind_is_defined() -> None:
    assert set(DEFINITIONS) == set(kinds()) - {"input"}


@SPECIMEN
def test_every_rule_agrees_with_its_definition(specimen: Specimen) -> None:
    for seed in range(4):
        graph = graph_of(specimen, seed)
        assert differences(graph) == []
        for x in graph.inputs:
            verified = enumerate_run(Run(graph, input=x.name))
            assert verified.counts == {"y"}
            assert [each for each in verified.unchecked if each.what == "all"] == []


# ---- rules broken on purpose -------------------------------------------------------------------------------


def wrong_extent(result: Result) -> Result | None:
    """One element too many on the last axis."""
    output = result.outputs[0]
    if len(output.shape) < 2:
        return None
    from dataclasses import replace

    wrong = replace(output, shape=(*output.shape[:-1], output.shape[-1] + 1))
    return result._replace(outputs=(wrong, *result.outputs[1:]))


def wrong_field(result: Result, call: Call) -> Result | None:
    """What is read lies one position further on, along the first axis that has positions."""
    places = [spec.axes.find("s") for spec in call.inputs]
    if max(places) < 0 or not any(result.paths):
        return None

    def moved(path: Way) -> Way:
        place = places[path.input]
        if place < 0:
            return path
        extent = call.inputs[path.input].shape[place]
        return Way(path.input, (Slide(place, slide(1, lo=1), extent), *path.steps))

    return result._replace(paths=tuple(tuple(map(moved, paths)) for paths in result.paths))


def wrong_params(result: Result) -> Result | None:
    """A kernel that is one element longer on its first axis."""
    if not result.weights or not result.weights[0].shape:
        return None
    first, *others = result.weights
    longer = first._replace(shape=(first.shape[0] + 1, *first.shape[1:]))
    return result._replace(weights=(longer, *others))


def wrong_macs(result: Result) -> Result | None:
    """As many multiplications again."""
    return result._replace(macs=result.macs * 2) if result.macs else None


BREAKS: dict[str, Callable[[Result, Call], Result | None]] = {
    "output_shape": lambda result, _: wrong_extent(result),
    "field": wrong_field,
    "params": lambda result, _: wrong_params(result),
    "macs": lambda result, _: wrong_macs(result),
}


def broken(kind: Kind, how: str) -> Kind:
    def rule(call: Call) -> Result:
        result = kind.rule(call)
        return BREAKS[how](result, call) or result

    return kind._replace(rule=rule)


@pytest.mark.parametrize("how", BREAKS)
@SPECIMEN
def test_a_broken_rule_is_found_out(specimen: Specimen, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of(specimen)
    kind = kinds()[specimen.kind]
    attrs, specs = built(specimen)
    call = Call(kind, attrs, specs)
    if BREAKS[how](kind.rule(call), call) is None:
        return  # it has no such figure
    monkeypatch.setitem(registry._KINDS, specimen.kind, broken(kind, how))
    found = differences(graph)
    assert {each.layer for each in found} == {"y"}
    allowed = {
        "field": {"rows", "receptive_field", "effective_padding", "center", "receptive_field_min"},
        "output_shape": {"output_shape"},
    }
    assert {each.what for each in found} <= allowed.get(how, {how})


def test_each_figure_is_broken_for_some_kinds() -> None:
    count = dict.fromkeys(BREAKS, 0)
    for specimen in SPECIMENS:
        attrs, specs = built(specimen)
        if specimen.kind != "input":
            call = Call(kinds()[specimen.kind], attrs, specs)
            for how, breaks in BREAKS.items():
                count[how] += breaks(call.kind.rule(call), call) is not None
    assert count["output_shape"] > 90
    assert count["field"] > 85
    assert count["params"] > 25
    assert count["macs"] > 25


def test_a_counterexample_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    conv = kinds()["conv"]
    monkeypatch.setitem(registry._KINDS, "conv", broken(conv, "field"))
    found = rfcalc.verify(MODELS / "pooling.json")
    assert not found.holds
    assert found.verdict == "7 of 8 layers differ: 'conv1', 'pool1', 'conv2' and 4 more."
    assert found.to_text().splitlines()[-6:] == [
        "'conv1' (conv; the rule of 'conv'):",
        "  output row 0 depends on rows of the input",
        "  by the rule:       0 to 1",
        "  by its definition: 0 to 2",
        "6 more differences behind it or beside it",
        "7 of 8 layers differ: 'conv1', 'pool1', 'conv2' and 4 more.",
    ]


# ---- whole models ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.json")), ids=lambda path: path.stem)
def test_example_models(path: Path) -> None:
    found = rfcalc.verify(path)
    assert found.holds
    assert (found.rows, found.counts) == (found.layers, found.layers - 1)
    assert found.exact == found.layers


@pytest.mark.parametrize("seed", range(0, 2000, 100 // 5))
def test_random_graphs(seed: int) -> None:
    found = rfcalc.verify(random_dag(seed))
    assert found.holds
    assert found.rows == found.layers


SOME = ("tv.swin_t", "own.swinir", "own.convtasnet_bn", "own.resizes.ints", "timm.botnet26t_256")
EXPORTS = sorted(path.name.removesuffix(".onnx.gz") for path in (DATA / "onnx").glob("*.onnx.gz"))


@pytest.mark.long
@pytest.mark.onnx
@pytest.mark.parametrize("name", EXPORTS if "CI" in os.environ else SOME)
def test_exported_models(name: str) -> None:
    data = gzip.decompress((DATA / "onnx" / f"{name}.onnx.gz").read_bytes())
    graph = rfcalc.load(data)
    if not all(isinstance(n, int) for x in graph.inputs for n in x.attrs["shape"][2:]):
        assert rfcalc.verify(data).holds
        return
    found = enumerate_run(Run(graph))
    assert found.differences == ()
    # where windows are cut and reordered rows have no common order, and in an open batch they are not listed
    least = 0.85 if isinstance(graph.inputs[0].attrs["shape"][0], int) else 0.5
    assert len(found.rows) >= least * len(graph)


def test_an_export_at_two_sizes() -> None:
    found = rfcalc.verify(gzip.decompress((DATA / "onnx" / "own.convtasnet_bn.onnx.gz").read_bytes()))
    assert found.holds
    assert found.held == found.params


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(cases("applications")))
def test_keras_applications(name: str) -> None:
    model = cases("applications")[name]["model"]
    graph = rfcalc.load(model)
    if not all(isinstance(n, int) for n in graph.inputs[0].attrs["shape"][1:]):
        graph = rfcalc.load(model, dims={"H": 96, "W": 96})
    found = enumerate_run(Run(graph))
    assert found.differences == ()
    assert len(found.rows) == len(graph)
    assert len(found.counts) == len(graph) - 1


@pytest.mark.parametrize("name", sorted(cases("slim")))
def test_slim_models(name: str) -> None:
    found = rfcalc.verify(cases("slim")[name]["model"])
    assert found.holds
    assert found.rows == found.layers


def test_the_document(tmp_path: Path) -> None:
    document: dict[str, Any] = rfcalc.verify(MODELS / "pooling.json").to_dict()
    assert document["schema"] == "rfcalc/verification/1"
    assert document["holds"] is True
    assert document["verified"] == {"rows": 8, "figures": 8, "counts": 7}


# ---- extents that are open ---------------------------------------------------------------------------------


def same3(taken: str, filters: int = 3, **more: Any) -> dict[str, Any]:
    return {"kind": "conv", "inputs": [taken], "filters": filters, "kernel": 3, "padding": "same", **more}


# model: the shapes that its inputs can have, by hand
OPEN_MODELS: dict[str, tuple[dict[str, Any], dict[str, tuple[int | None, ...]]]] = {
    "channels": (
        {
            "rfcalc": 1,
            "input": [8, 8, None],
            "layers": [{"kind": "conv", "filters": 4, "kernel": 3}, {"kind": "flatten"}],
        },
        {"input": (None, 8, 8, 3)},
    ),
    "channels that groups divide": (
        {"rfcalc": 1, "input": [9, 7, None], "layers": [same3("input", 8, groups=4)]},
        {"input": (None, 9, 7, 4)},
    ),
    "everything": (
        {"rfcalc": 1, "input": [None, None, None], "layers": [same3("input")]},
        {"input": (None, 64, 64, 3)},
    ),
    "two inputs": (
        {
            "rfcalc": 1,
            "inputs": {"a": [None, None, 3], "b": [None, None, 3]},
            "layers": [same3("a", name="c"), {"kind": "add", "inputs": ["c", "b"]}],
        },
        {"a": (None, 64, 64, 3), "b": (None, 64, 64, 3)},
    ),
    "a fixed input and an open one": (
        {
            "rfcalc": 1,
            "inputs": {"a": [40, 24, 3], "b": [None, None, None]},
            "layers": [same3("a", name="c"), {"kind": "concat", "inputs": ["c", "b"]}],
        },
        {"a": (None, 40, 24, 3), "b": (None, 40, 24, 3)},
    ),
    "features of a sequence": (
        {
            "rfcalc": 1,
            "input": [None, None],
            "layers": [{"kind": "lstm", "units": 4, "sequences": True}, {"kind": "linear", "units": 2}],
        },
        {"input": (None, 64, 3)},
    ),
    "a vector": (
        {"rfcalc": 1, "input": [None], "layers": [{"kind": "linear", "units": 4}]},
        {"input": (None, 3)},
    ),
}


@pytest.mark.parametrize("name", OPEN_MODELS)
def test_open_extents_are_filled(name: str) -> None:
    """Rows, figures and counts are all compared, at numbers that are said."""
    model, filled = OPEN_MODELS[name]
    found = rfcalc.verify(model)
    assert found.holds
    assert not found.unchecked
    assert dict(found.filled) == filled
    maps = found.layers if any(found.sizes) else 0  # a vector has no rows
    assert (found.rows, found.counts) == (maps, found.layers - found.inputs)
    for spelled in ("x".join("?" if n is None else str(n) for n in shape) for shape in filled.values()):
        assert spelled in found.to_text(200)


def test_vectors_beside_each_other_are_counted() -> None:
    """Their one axis to follow is the open batch, which is taken for one sample in each of them."""
    layers = [
        {"kind": "linear", "name": "l", "inputs": ["b"], "units": 3},
        {"kind": "add", "inputs": ["a", "l"]},
    ]
    found = rfcalc.verify({"rfcalc": 1, "inputs": {"a": [3], "b": [5]}, "layers": layers})
    assert found.holds
    assert not found.unchecked
    assert found.counts == 2


def test_what_is_not_checked_is_told_from_what_differs() -> None:
    """To see the field of 3,001 takes an input of more than 2,560, which are not enumerated."""
    conv = {"kind": "conv", "filters": 1, "kernel": 3, "dilation": 1500, "padding": "same", "name": "c"}
    text = rfcalc.verify({"rfcalc": 1, "input": [64, 1], "layers": [conv]}).to_text(400)
    assert "which inputs every unit reads, one by one: all 2 layers agree\n" in text
    assert "fields, strides, paddings and centres: 1 layer agrees, 1 not checked\n" in text
    assert "parameters and multiply-accumulates: 1 layer agrees (the input has none)\n" in text
    reason = "padding reaches all units at 64, and inputs of more than 2,560 are not enumerated: 'c'"
    assert f"not checked, figures: {reason}\n" in text
    assert text.endswith("2 layers: none differs; of 1 not everything could be checked.\n")


@pytest.mark.onnx
def test_what_was_not_read_is_not_called_exact(tmp_path: Path) -> None:
    """A file whose data file is not there: a constant that is added to scores may be a mask."""
    onnx = pytest.importorskip("onnx")
    import numpy as np

    nodes = [
        onnx.helper.make_node("MatMul", ["x", "x"], ["s"]),
        onnx.helper.make_node("Add", ["s", "bias"], ["a"]),
        onnx.helper.make_node("Softmax", ["a"], ["w"]),
        onnx.helper.make_node("MatMul", ["w", "x"], ["y"]),
    ]
    value = onnx.helper.make_tensor_value_info
    bias = onnx.numpy_helper.from_array(np.zeros((16, 16), np.float32), "bias")
    graph = onnx.helper.make_graph(
        nodes, "scores", [value("x", 1, (1, 16, 16))], [value("y", 1, (1, 16, 16))], [bias]
    )
    path = tmp_path / "scores.onnx"
    model = onnx.helper.make_model(graph)
    onnx.save_model(model, path, save_as_external_data=True, location="scores.data", size_threshold=0)
    assert rfcalc.verify(path).verdict == "5 layers, all exact."
    (tmp_path / "scores.data").unlink()
    found = rfcalc.verify(path, run=False)
    assert found.verdict == "5 layers: none differs; what was not read may hide some of what they see."
    assert "not checked: a constant added to scores beside the file could not be read" in found.to_text(300)


def test_open_extents_that_nothing_fits() -> None:
    model = {"rfcalc": 1, "input": [9, 9, None], "layers": [same3("input", 23, groups=23)]}
    with pytest.raises(UsageError, match=r"nothing that was tried for its open extents fits \(.*use --input"):
        rfcalc.verify(model)


@pytest.mark.onnx
@pytest.mark.parametrize(
    ("shapes", "filled"),
    [
        ({"a": ["n", 8, "h", "w"]}, {"a": (None, 8, 64, 64)}),
        ({"a": ["n", "c", "h", "w"]}, {"a": (None, 8, 64, 64)}),
        ({"a": [1, "c", 12, 14]}, {"a": (1, 8, 12, 14)}),
        (
            {"a": ["n", 8, "h", "w"], "b": ["n", 8, "h", "w"]},
            {"a": (None, 8, 64, 64), "b": (None, 8, 64, 64)},
        ),
        (
            {"a": ["n", 8, "h", "w"], "b": ["m", "k", "h2", "w2"]},
            {"a": (None, 8, 64, 64), "b": (None, 1, 64, 64)},
        ),
        ({"a": [1, 8, 12, 14], "b": [1, 8, "h", "w"]}, {"a": (1, 8, 12, 14), "b": (1, 8, 12, 14)}),
    ],
)
def test_open_extents_of_onnx_are_filled_and_run(
    tmp_path: Path, shapes: dict[str, Any], filled: dict[str, Any]
) -> None:
    helper = pytest.importorskip("onnx.helper")
    import numpy as np
    from onnx import TensorProto, numpy_helper

    nodes = [helper.make_node("Conv", ["a", "w"], ["c"], pads=[1] * 4, group=4, name="c")]
    nodes += (
        [helper.make_node("Add", ["c", "b"], ["y"])]
        if "b" in shapes
        else [helper.make_node("Relu", ["c"], ["y"])]
    )
    weights = numpy_helper.from_array(np.ones((8, 2, 3, 3), np.float32), "w")
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [weights],
    )
    path = tmp_path / "open.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    )
    found = rfcalc.verify(path)
    assert found.holds
    assert dict(found.filled) == filled
    assert found.counts == 2
    pytest.importorskip("onnxruntime")
    ran = rfcalc.verify(path, run=True)
    assert ran.holds
    assert ran.maps == 2
    assert ran.claimed == ran.seen > 0


# by the shapes of the kernels, by hand: those that each input needs, which no usual number is
TOLD: dict[str, tuple[list[tuple[str, tuple[int, ...], int]], dict[str, int]]] = {
    "one input": ([("a", (5, 23, 3, 3), 1)], {"a": 23}),
    "groups": ([("a", (22, 3, 3, 3), 11)], {"a": 33}),
    "two inputs": ([("a", (6, 23, 3, 3), 1), ("b", (6, 7, 1, 1), 1)], {"a": 23, "b": 7}),
    "three inputs": (
        [("a", (6, 5, 3, 3), 1), ("b", (6, 7, 1, 1), 1), ("d", (6, 2, 1, 1), 3)],
        {"a": 5, "b": 7, "d": 6},
    ),
}


@pytest.mark.onnx
@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("between", ["", "Relu"])
def test_open_channels_are_those_that_weights_tell(tmp_path: Path, name: str, between: str) -> None:
    helper = pytest.importorskip("onnx.helper")
    import numpy as np
    from onnx import TensorProto, numpy_helper

    kernels, told = TOLD[name]
    nodes, weights = [], []
    for taken, shape, groups in kernels:
        if between:
            nodes.append(helper.make_node(between, [taken], [f"{taken}r"]))
        reads = f"{taken}r" if between else taken
        pads = [shape[-1] // 2] * 4
        nodes.append(helper.make_node("Conv", [reads, f"{taken}w"], [f"{taken}c"], pads=pads, group=groups))
        weights.append(numpy_helper.from_array(np.ones(shape, np.float32), f"{taken}w"))
    nodes.append(helper.make_node("Sum", [f"{taken}c" for taken, _, _ in kernels], ["y"]))
    inputs = [
        helper.make_tensor_value_info(taken, TensorProto.FLOAT, ["n", f"{taken}_channels", "h", "w"])
        for taken, _, _ in kernels
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
    path = tmp_path / "open.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    )
    found = rfcalc.verify(path)
    assert found.holds
    assert {each: shape[1] for each, shape in found.filled} == told
    pytest.importorskip("onnxruntime")
    ran = rfcalc.verify(path, run=True)
    assert ran.holds
    assert ran.maps == len(nodes)

"""`rfcalc analyze --format model-explorer`: node data, as Model Explorer's own classes read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.errors import UsageError
from tests.calling import call

pytest.importorskip("onnx")

from tests.readers.onnx_build import model, node, small, weight

pytestmark = pytest.mark.onnx

MODELS = Path(__file__).parents[2] / "docs" / "models"

# what the loader of Model Explorer 0.1.34 knows: GraphNodeData, NodeDataResult, GradientItem
GRAPH_KEYS = {
    "results", "name", "thresholds", "gradient", "hideInAggregatedStatsTable", "hideInChildrenStatsTable",
    "hideAggregatedStats", "showExpandedSummaryOnGroupNode", "showLabelCountColumnsInChildrenStatsTable",
}  # fmt: skip
RESULT_KEYS = {"value", "bgColor", "textColor"}
GRADIENT_KEYS = {"stop", "bgColor", "textColor"}


def classified() -> Any:
    """Return a network whose last two maps see all of its input."""
    proto = small((1, 3, 32, 24))
    proto.graph.node.extend([node("GlobalAveragePool", "c2", "g", name="pool"), node("Flatten", "g", "y")])
    proto.graph.output[0].name = "y"
    return proto


def test_fields_by_the_names_of_nodes() -> None:
    data = rfcalc.analyze(classified()).to_node_data()
    assert data["name"] == "receptive field"
    assert {key: each["value"] for key, each in data["results"].items()} == {
        "[value] x": 1, "c1": 3, "r1": 3, "c2": 5, "pool": "global", "y": "global",
    }  # fmt: skip
    assert data["gradient"][0]["stop"] == 0
    assert data["gradient"][-1]["stop"] == 1


def test_other_figures_and_what_is_not_known_is_left_out() -> None:
    open_sized = rfcalc.analyze(small())
    assert {key: each["value"] for key, each in open_sized.to_node_data("params")["results"].items()} == {
        "[value] x": 0, "c1": 224, "r1": 0, "c2": 1152,
    }  # fmt: skip
    assert set(open_sized.to_node_data("macs")["results"]) == {"[value] x", "r1"}
    wide = model([node("MaxPool", "x", "y", kernel_shape=[2, 7])], {"x": (1, 3, 32, 24)}, "y")
    assert rfcalc.analyze(wide).to_node_data()["results"]["y"] == {"value": 7}  # the larger of 2 and 7


def test_the_document_is_what_the_loader_takes(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(classified().SerializeToString())
    got = call("analyze", str(tmp_path / "net.onnx"), "--format", "model-explorer")
    assert got.exit_code == 0
    data = json.loads(got.stdout)
    assert set(data) <= GRAPH_KEYS
    assert all({"value"} <= set(each) <= RESULT_KEYS for each in data["results"].values())
    assert all(set(each) <= GRADIENT_KEYS for each in data["gradient"])
    builder = pytest.importorskip("model_explorer.node_data_builder")
    results = {key: builder.NodeDataResult(**each) for key, each in data["results"].items()}
    gradient = [builder.GradientItem(**each) for each in data["gradient"]]
    made = builder.GraphNodeData(results=results, name=data["name"], gradient=gradient)
    assert json.loads(made.to_json_string())["results"] == data["results"]


@pytest.mark.torch
def test_nodes_of_a_program_are_those_of_its_graph(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.MaxPool2d(2)).eval()
    program = torch.export.export(net, (torch.zeros(1, 3, 16, 16),))
    torch.export.save(program, tmp_path / "net.pt2")
    results = rfcalc.analyze(tmp_path / "net.pt2").to_node_data()["results"]
    assert set(results) <= {each.name for each in program.graph_module.graph.nodes}
    assert [each["value"] for each in results.values()] == [1, 3, 3, 4]


def test_what_is_refused() -> None:
    with pytest.raises(UsageError, match="Model Explorer opens ONNX files and PyTorch programs"):
        rfcalc.analyze(MODELS / "pooling.json").to_node_data()
    net = model([node("Conv", "x w", "y")], {"x": (1, 3, 8, 8)}, "y", [weight("w", 4, 3, 3, 3)])
    with pytest.raises(UsageError, match="fields"):
        rfcalc.analyze(net).to_node_data("fields")


def test_one_figure_a_file(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(small().SerializeToString())
    got = call(
        "analyze", str(tmp_path / "net.onnx"), "--format", "model-explorer", "--columns", "macs,params"
    )
    assert got.exit_code == 2
    assert "a file of node data holds one figure; choose it, as with --columns macs" in got.stderr

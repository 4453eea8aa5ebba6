"""The modules around ONNX operations: from the exporter's metadata, or from names that are paths."""

from __future__ import annotations

import pytest
from onnx import ModelProto, TensorProto, helper

from rfcalc import analyze, field, load
from rfcalc.engine.result import Note
from rfcalc.questions.analyze.folding import folded
from rfcalc.render.columns import select
from rfcalc.render.notes import note_line

SCOPES = "pkg.torch.onnx.name_scopes"
CLASSES = "pkg.torch.onnx.class_hierarchy"


def model(*steps: tuple[str, str, str]) -> bytes:
    """Return a chain of operations: of each the type, the name, and the modules as exporters list them."""
    nodes, weights, last = [], [], "x"
    for place, (kind, name, scopes) in enumerate(steps):
        inputs = [last]
        if kind == "Conv":
            weights.append(helper.make_tensor(f"w{place}", TensorProto.FLOAT, [4, 4, 3, 3], [1.0] * 144))
            inputs.append(f"w{place}")
        settings = {"pads": [1] * 4} if kind == "Conv" else {}
        node = helper.make_node(kind, inputs, [f"t{place}"], name=name, **settings)
        if scopes:
            records = node.metadata_props
            for key, value in (
                (SCOPES, scopes),
                (CLASSES, "['my.Net', 'my.Stage', 'torch.nn.Conv2d', 'aten.x']"),
            ):
                entry = records.add()
                entry.key, entry.value = key, value
        nodes.append(node)
        last = f"t{place}"
    shape = [1, 4, 64, 64]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return bytes(made.SerializeToString())


RECORDED = model(
    ("Conv", "node_conv2d", "['', 'stage', 'stage.0', 'conv2d']"),
    ("Relu", "node_relu", "['', 'stage', 'stage.1', 'relu']"),
    ("Conv", "node_conv2d_1", "['', 'head', 'conv2d_1']"),
    ("Relu", "node_relu_1", "['', 'relu_1']"),
)
NAMED = model(
    ("Conv", "/stage/stage.0/Conv", ""),
    ("Relu", "/stage/stage.1/Relu", ""),
    ("Conv", "/head/Conv", ""),
    ("Relu", "/Relu", ""),
)


@pytest.mark.parametrize("data", [RECORDED, NAMED], ids=["recorded", "named"])
def test_blocks_as_those_of_the_module(data: bytes) -> None:
    assert [row.block for row in analyze(data)] == ["", "stage/0", "stage/1", "head", ""]


@pytest.mark.parametrize(
    ("data", "names"),
    [(RECORDED, ["x", "stage", "head", "node_relu_1"]), (NAMED, ["x", "stage", "head", "/Relu"])],
    ids=["recorded", "named"],
)
def test_depth_sums_modules_up(data: bytes, names: list[str]) -> None:
    top = analyze(data, depth=1)
    assert [row.name for row in top] == names
    assert top.layer("stage").receptive_field == (3, 3)
    assert top.totals == analyze(data).totals._replace(layers=4, resolved=4)


def test_a_module_is_called_as_in_the_source_and_asked_for_by_that() -> None:
    blocks = load(RECORDED).blocks
    assert {(block.name, block.op) for block in blocks.values()} == {
        ("stage", "Stage"),
        ("stage.0", "Conv2d"),
        ("stage.1", "Conv2d"),
        ("head", "Stage"),
    }
    assert field(RECORDED, "stage.0").to_dict()["axes"] == field(RECORDED, "node_conv2d").to_dict()["axes"]
    assert {block.name for block in load(NAMED).blocks.values()} == {"stage", "stage.0", "stage.1", "head"}


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("plain", ""),
        ("model/conv1/Conv2D", "model/conv1"),
        ("//a//b", "a"),
        ("/", ""),
        # a name is no path of modules because it has slashes without end
        ("/a" * 1000, ""),
    ],
)
def test_names(name: str, block: str) -> None:
    assert analyze(model(("Relu", name, ""))).rows[1].block == block


@pytest.mark.parametrize(
    ("scopes", "block"),
    [
        ("['', 'layer1', 'layer1.0', 'relu']", "layer1/0"),
        # what some exporter leaves out, or what is no list at all, is no module
        ("['']", ""),
        ("[]", ""),
        ("relu", ""),
        ("['', " + "'a', " * 1000 + "'relu']", ""),
    ],
)
def test_records(scopes: str, block: str) -> None:
    assert analyze(model(("Relu", "r", scopes))).rows[1].block == block


def test_a_module_of_operations_is_one_line_in_a_terminal() -> None:
    steps = [("Conv", f"node_conv_{n}", f"['', 'layer{n}', 'conv_{n}']") for n in range(20)]
    paired = [
        each
        for n, step in enumerate(steps)
        for each in (step, ("Conv", f"node_more_{n}", f"['', 'layer{n}', 'more']"), ("Relu", f"r{n}", ""))
    ]
    rows = folded(analyze(model(*paired))).result.rows
    assert [row.name for row in rows] == ["x", "layer0 +1", "… this line 19 times more"]
    assert rows[1].params.total == 2 * 144
    assert rows[1].receptive_field == (5, 5)


@pytest.mark.parametrize(
    ("kernel", "rule", "block"),
    [
        # the exporter names the normalisation that it merged; the kernel tells whose it is
        ("stem.conv1.weight", "FuseBatchNormIntoConv", "stem/conv1"),
        ("stem.conv1.weight", "", "stem/bn1"),
        # what is no parameter of a module beside it tells nothing
        ("val_3", "FuseBatchNormIntoConv", "stem/bn1"),
        ("other.conv1.weight", "FuseBatchNormIntoConv", "stem/bn1"),
        ("stem.block.conv1.weight", "FuseBatchNormIntoConv", "stem/bn1"),
    ],
)
def test_a_layer_that_another_was_merged_into_keeps_its_own_module(
    kernel: str, rule: str, block: str
) -> None:
    made = ModelProto.FromString(model(("Conv", "c", "['', 'stem', 'stem.bn1', 'batch_norm']")))
    (node,) = made.graph.node
    node.input[1] = made.graph.initializer[0].name = kernel
    entry = node.metadata_props.add()
    entry.key, entry.value = "pkg.onnxscript.rewriter.rule_name", rule
    assert analyze(made).rows[1].block == block


def test_notes_and_chosen_layers_say_modules() -> None:
    result = analyze(RECORDED)
    assert result.module_of == {"node_conv2d": "stage.0", "node_relu": "stage.1", "node_conv2d_1": "head"}
    assert [row.name for row in select(result, ["stage*"]).rows] == ["node_conv2d", "node_relu"]
    assert [row.name for row in select(result, ["head"]).rows] == ["node_conv2d_1"]
    note = Note("info", "code", "node_conv2d", "something")
    assert note_line(note, modules=result.module_of) == "note: layer 'node_conv2d' in 'stage.0': something"

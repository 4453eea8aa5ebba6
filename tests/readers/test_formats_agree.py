"""One architecture in the native format, in Keras's JSON and in ONNX: the same figures, layer by layer.

Each is written once, as a table of layers, which three functions spell in the three formats. Names of layers
are the same everywhere. ``same`` padding is Keras's: what is left over goes behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

import rfcalc
from tests.readers.onnx_build import helper, ints, model, node, weight

pytestmark = pytest.mark.onnx

Json = dict[str, Any]


class Layer(NamedTuple):
    """A layer; by default it takes what the one before it makes."""

    kind: str
    name: str
    settings: Mapping[str, Any] = MappingProxyType({})
    inputs: tuple[str, ...] = ()


class Architecture(NamedTuple):
    """Extents and channels of the input, and the layers."""

    extents: tuple[int, ...]
    channels: int
    layers: Sequence[Layer]

    @property
    def wired(self) -> list[Layer]:
        """The layers with all their inputs."""
        before = ["x", *(layer.name for layer in self.layers)]
        return [
            layer._replace(inputs=layer.inputs or (last,))
            for layer, last in zip(self.layers, before, strict=False)
        ]


def conv(name: str, filters: int, kernel: int, inputs: str = "", **settings: Any) -> Layer:
    """Return a convolution without bias, padded to keep the size."""
    return Layer("conv", name, {"filters": filters, "kernel": kernel, **settings}, tuple(inputs.split()))


def norm(name: str) -> Layer:
    return Layer("norm", name)


def relu(name: str) -> Layer:
    return Layer("relu", name)


def join(kind: str, name: str, inputs: str) -> Layer:
    return Layer(kind, name, {}, tuple(inputs.split()))


def basic_block(name: str, source: str, filters: int, stride: int) -> list[Layer]:
    """Return two convolutions beside a strided shortcut."""
    return [
        conv(f"{name}_conv1", filters, 3, source, stride=stride),
        norm(f"{name}_norm1"),
        relu(f"{name}_relu1"),
        conv(f"{name}_conv2", filters, 3),
        norm(f"{name}_norm2"),
        conv(f"{name}_shortcut", filters, 1, source, stride=stride),
        join("add", f"{name}_add", f"{name}_norm2 {name}_shortcut"),
        relu(f"{name}_relu2"),
    ]


def inverted_residual(name: str, source: str, channels: int, *, stride: int = 1, to: int = 0) -> list[Layer]:
    """Return an expansion, a depthwise convolution and a projection; with a residual where it fits."""
    wide = 6 * channels
    block = [
        conv(f"{name}_expand", wide, 1, source),
        norm(f"{name}_norm1"),
        relu(f"{name}_relu1"),
        Layer("depthwise", f"{name}_depthwise", {"channels": wide, "kernel": 3, "stride": stride}),
        norm(f"{name}_norm2"),
        relu(f"{name}_relu2"),
        conv(f"{name}_project", to or channels, 1),
        norm(f"{name}_norm3"),
    ]
    return [*block, join("add", f"{name}_add", f"{source} {name}_norm3")] if stride == 1 and not to else block


def tcn_block(name: str, source: str, dilation: int) -> list[Layer]:
    return [
        conv(f"{name}_conv1", 16, 3, source, dilation=dilation, padding="causal", bias=True),
        relu(f"{name}_relu1"),
        conv(f"{name}_conv2", 16, 3, dilation=dilation, padding="causal", bias=True),
        relu(f"{name}_relu2"),
        join("add", f"{name}_add", f"{source} {name}_relu2"),
    ]


HEAD = [Layer("gap", "gap"), Layer("dense", "classes", {"units": 10})]

ARCHITECTURES = {
    "residual network": Architecture((64, 48), 3, [
        conv("stem", 16, 7, stride=2), norm("stem_norm"), relu("stem_relu"),
        Layer("max_pool", "stem_pool", {"kernel": 3, "stride": 2, "padding": "same"}),
        *basic_block("stage1", "stem_pool", 16, 1),
        *basic_block("stage2", "stage1_relu2", 32, 2),
        *basic_block("stage3", "stage2_relu2", 64, 2),
        *HEAD,
    ]),
    "u-net": Architecture((64, 48), 3, [
        conv("down1", 8, 3), relu("down1_relu"), Layer("max_pool", "pool1", {"kernel": 2, "stride": 2}),
        conv("down2", 16, 3), relu("down2_relu"), Layer("max_pool", "pool2", {"kernel": 2, "stride": 2}),
        conv("middle", 32, 3), relu("middle_relu"),
        Layer("up", "up2", {"filters": 16, "channels": 32}), join("concat", "skip2", "down2_relu up2"),
        conv("back2", 16, 3), relu("back2_relu"),
        Layer("up", "up1", {"filters": 8, "channels": 16}), join("concat", "skip1", "down1_relu up1"),
        conv("back1", 8, 3), relu("back1_relu"), conv("mask", 1, 1, bias=True),
    ]),
    "inverted residuals": Architecture((96, 96), 3, [
        conv("stem", 8, 3, stride=2), norm("stem_norm"), relu("stem_relu"),
        *inverted_residual("a", "stem_relu", 8),
        *inverted_residual("b", "a_add", 8, stride=2, to=16),
        *inverted_residual("c", "b_norm3", 16),
        *inverted_residual("d", "c_add", 16, stride=2, to=24),
        *HEAD,
    ]),
    "temporal convolutions": Architecture((400,), 2, [
        conv("stem", 16, 1),
        *tcn_block("b1", "stem", 1), *tcn_block("b2", "b1_add", 2),
        *tcn_block("b4", "b2_add", 4), *tcn_block("b64", "b4_add", 64),
        conv("head", 5, 1, bias=True),
    ]),
    "inception": Architecture((57, 61), 3, [
        conv("stem", 12, 5, padding="valid", stride=2, bias=True), relu("stem_relu"),
        conv("one", 8, 1, "stem_relu"), conv("three", 8, 3, "stem_relu"),
        conv("five_in", 4, 1, "stem_relu"), conv("five", 8, 5),
        Layer("max_pool", "pool", {"kernel": 3, "stride": 1, "padding": "same"}, ("stem_relu",)),
        conv("pool_out", 8, 1, groups=4),
        join("concat", "mixed", "one three five pool_out"),
        Layer("avg_pool", "shrink", {"kernel": 3, "stride": 2, "padding": "valid"}),
        conv("last", 20, 3, padding="valid", dilation=2),
        *HEAD,
    ]),
}  # fmt: skip

# ---- the native format -------------------------------------------------------------------------------------

NATIVE = {
    "norm": "batch_norm", "relu": "relu", "add": "add", "gap": "global_average_pool", "concat": "concat",
    "max_pool": "max_pool", "avg_pool": "avg_pool", "conv": "conv", "depthwise": "depthwise_conv",
    "up": "transposed_conv", "dense": "linear",
}  # fmt: skip


def native(given: Architecture) -> Json:
    layers = []
    for layer in given.wired:
        settings = dict(layer.settings)
        settings.pop("channels", None)
        if layer.kind in ("conv", "depthwise"):
            settings = {"padding": "same", "bias": False, **settings}
        if layer.kind == "up":
            settings |= {"kernel": 2, "stride": 2, "bias": False}
        layers.append(
            {"kind": NATIVE[layer.kind], "name": layer.name, "inputs": list(layer.inputs), **settings}
        )
    return {"rfcalc": 1, "inputs": {"x": [*given.extents, given.channels]}, "layers": layers}


# ---- Keras -------------------------------------------------------------------------------------------------


def keras(given: Architecture) -> Json:
    rank = len(given.extents)
    shape = [None, *given.extents, given.channels]
    layers = [{"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_shape": shape},
               "inbound_nodes": []}]  # fmt: skip
    for layer in given.wired:
        class_name, config = keras_layer(layer, f"{rank}D")
        calls = [[[name, 0, 0, {}] for name in layer.inputs]]
        config = {"name": layer.name, **config}
        layers.append(
            {"class_name": class_name, "name": layer.name, "config": config, "inbound_nodes": calls}
        )
    config = {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]],
              "output_layers": [[given.layers[-1].name, 0, 0]]}  # fmt: skip
    return {"class_name": "Functional", "config": config}


def keras_layer(layer: Layer, rank: str) -> tuple[str, Json]:
    settings = layer.settings
    window = {"strides": settings.get("stride", 1), "padding": settings.get("padding", "same")}
    kernel = {"kernel_size": settings.get("kernel"), "use_bias": settings.get("bias", False),
              "dilation_rate": settings.get("dilation", 1), **window}  # fmt: skip
    pool = {"pool_size": settings.get("kernel"), **window, "padding": settings.get("padding", "valid")}
    table: dict[str, tuple[str, Json]] = {
        "conv": (f"Conv{rank}",
                 {"filters": settings.get("filters"), "groups": settings.get("groups", 1), **kernel}),
        "depthwise": (f"DepthwiseConv{rank}", kernel),
        "up": (f"Conv{rank}Transpose",
               {"filters": settings.get("filters"), "kernel_size": 2, "strides": 2, "use_bias": False}),
        "norm": ("BatchNormalization", {}),
        "relu": ("ReLU", {}),
        "add": ("Add", {}),
        "concat": ("Concatenate", {}),
        "max_pool": (f"MaxPooling{rank}", pool),
        "avg_pool": (f"AveragePooling{rank}", pool),
        "gap": (f"GlobalAveragePooling{rank}", {}),
        "dense": ("Dense", {"units": settings.get("units")}),
    }  # fmt: skip
    return table[layer.kind]


# ---- ONNX --------------------------------------------------------------------------------------------------


def onnx_model(given: Architecture) -> Any:
    rank = len(given.extents)
    channels = {"x": given.channels}
    nodes, constants = [], []
    for layer in given.wired:
        made, held, channels[layer.name] = onnx_layer(layer, [channels[name] for name in layer.inputs], rank)
        nodes.append(made)
        constants += held
    inputs = {"x": ("N", given.channels, *given.extents)}
    return model(nodes, inputs, given.layers[-1].name, constants)


def onnx_layer(layer: Layer, given: list[int], rank: int) -> tuple[Any, list[Any], int]:
    """Return the node of a layer, its constants, and its channels."""
    settings = layer.settings
    channels = settings.get(
        "filters", settings.get("units", sum(given) if layer.kind == "concat" else given[0])
    )
    groups = given[0] if layer.kind == "depthwise" else settings.get("groups", 1)
    kernel = [settings.get("kernel", 0)] * rank
    statistics = [(part, (given[0],)) for part in ("scale", "shift", "mean", "var")]
    bias = [("b", (channels,))]
    table: dict[str, tuple[str, Json, list[tuple[str, tuple[int, ...]]]]] = {
        "conv": ("Conv", {"group": groups, **window(settings, "same", rank)},
                 [("w", (channels, given[0] // groups, *kernel)), *(bias if settings.get("bias") else [])]),
        "depthwise": ("Conv", {"group": groups, **window(settings, "same", rank)},
                      [("w", (channels, 1, *kernel))]),
        "up": ("ConvTranspose", {"kernel_shape": [2] * rank, "strides": [2] * rank},
               [("w", (given[0], channels, *[2] * rank))]),
        "max_pool": ("MaxPool", window(settings, "valid", rank), []),
        "avg_pool": ("AveragePool", window(settings, "valid", rank), []),
        "norm": ("BatchNormalization", {}, statistics),
        "dense": ("Gemm", {"transB": 1}, [("w", (channels, given[0])), *bias]),
        "gap": ("ReduceMean", {"keepdims": 0}, []),
        "concat": ("Concat", {"axis": 1}, []),
        "relu": ("Relu", {}, []),
        "add": ("Add", {}, []),
    }  # fmt: skip
    op, attributes, shapes = table[layer.kind]
    constants = [weight(f"{layer.name}_{part}", *shape) for part, shape in shapes]
    if layer.kind == "gap":
        constants = [ints(f"{layer.name}_axes", *range(2, 2 + rank))]
    taken = " ".join((*layer.inputs, *(each.name for each in constants)))
    return node(op, taken, layer.name, **attributes), constants, channels


def window(settings: Mapping[str, Any], usual: str, rank: int) -> Json:
    """Return the geometry of a convolution or a pooling."""
    kernel, dilation = settings.get("kernel", 1), settings.get("dilation", 1)
    padding = settings.get("padding", usual)
    before = {"pads": [(kernel - 1) * dilation] * rank + [0] * rank} if padding == "causal" else {}
    auto = {"same": {"auto_pad": "SAME_UPPER"}, "valid": {"auto_pad": "VALID"}}.get(padding, before)
    found = {"kernel_shape": [kernel] * rank, "strides": [settings.get("stride", 1)] * rank, **auto}
    return found if dilation == 1 else {**found, "dilations": [dilation] * rank}


# ---- they agree --------------------------------------------------------------------------------------------

SPELLINGS: dict[str, Callable[[Architecture], Any]] = {"native": native, "keras": keras, "onnx": onnx_model}
"""For each format what writes an architecture in it; all are held to the first."""

CHANNELS_FIRST = ("onnx",)
"""Those of them whose shapes have the channels behind the batch."""


def channels_first(shape: Sequence[Any]) -> tuple[Any, ...]:
    return (shape[0], shape[-1], *shape[1:-1])


def figures(analysis: rfcalc.Analysis, *, turned: bool) -> dict[str, tuple[Any, ...]]:
    """Return what is said of each layer, shapes with channels first."""
    return {
        row.name: (
            channels_first(row.output_shape or ()) if turned else row.output_shape,
            row.spatial, row.receptive_field, row.receptive_field_min, row.local_receptive_field,
            row.effective_stride, row.effective_padding, row.center, row.coverage, row.status,
            row.params, row.macs, row.activations,
        )
        for row in analysis
    }  # fmt: skip


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if name != "native"])
def test_formats_agree_on_every_layer(name: str, spelling: str) -> None:
    architecture = ARCHITECTURES[name]
    expected = rfcalc.analyze(native(architecture))
    got = rfcalc.analyze(SPELLINGS[spelling](architecture))
    assert figures(got, turned=spelling not in CHANNELS_FIRST) == figures(expected, turned=True)
    assert (got.totals.params, got.totals.macs) == (expected.totals.params, expected.totals.macs)
    assert got.totals.complete


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_formats_agree_on_what_each_row_depends_on(name: str) -> None:
    architecture = ARCHITECTURES[name]
    graphs = [rfcalc.load(spell(architecture)) for spell in SPELLINGS.values()]
    for layer in architecture.layers[:: max(len(architecture.layers) // 5, 1)]:
        fields = [rfcalc.field(graph, layer.name).axes for graph in graphs]
        for other in fields[1:]:
            assert [axis.rows for axis in other] == [axis.rows for axis in fields[0]]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_formats_agree_at_other_sizes(name: str) -> None:
    architecture = ARCHITECTURES[name]
    size = tuple(2 * extent for extent in architecture.extents)
    expected = rfcalc.analyze(native(architecture), input_shape=(None, *size, architecture.channels))
    got = rfcalc.analyze(onnx_model(architecture), input_shape=(None, architecture.channels, *size))
    assert figures(got, turned=False) == figures(expected, turned=True)


def test_a_field_by_hand() -> None:
    """Stem and pooling: 7 and 11, stride 4; then 8, 8; 8, 16; 16, 32 for each of two convolutions a block."""
    last = rfcalc.analyze(onnx_model(ARCHITECTURES["residual network"])).layer("stage3_relu2")
    assert last.receptive_field == (11 + 8 + 8 + 8 + 16 + 16 + 32,) * 2
    assert last.effective_stride == (16, 16)
    trunk = rfcalc.analyze(onnx_model(ARCHITECTURES["temporal convolutions"])).layer("head")
    assert trunk.receptive_field == (1 + 2 * 2 * (1 + 2 + 4 + 64),)
    assert trunk.effective_padding == (2 * 2 * (1 + 2 + 4 + 64),)


# ---- folded batch normalisation ----------------------------------------------------------------------------


def test_batch_normalisation_folded_by_an_exporter() -> None:
    """Four numbers a channel become a bias; the field, shapes and multiply-accumulates stay."""
    whole = Architecture(
        (32, 32), 3, [conv("a", 8, 3), norm("a_norm"), relu("b"), conv("c", 4, 3), norm("c_norm")]
    )
    folded = Architecture((32, 32), 3, [conv("a", 8, 3, bias=True), relu("b"), conv("c", 4, 3, bias=True)])
    given = onnx_model(folded)
    for each in given.graph.node:
        if each.op_type == "Conv":
            each.metadata_props.add(key="pkg.onnxscript.rewriter.rule_name", value="FuseBatchNormIntoConv")
    before, after = rfcalc.analyze(native(whole)), rfcalc.analyze(given)
    assert before.layer("c_norm").receptive_field == after.layer("c").receptive_field == (5, 5)
    assert before.totals.macs == after.totals.macs
    assert (before.totals.params.total or 0) - (after.totals.params.total or 0) == 4 * 12 - 12
    (note,) = (note for note in after.notes if note.code == "folded")
    assert "merged 2 batch normalisations into the layers before them" in note.message
    assert ", and left a bias, so that the source model has more parameters" in note.message


@pytest.mark.parametrize(
    ("biased", "says"),
    [
        ((False, False), "them, and left no bias, so"),
        ((True, False), "them, and left a bias in 1 of them, so"),
        ((False,), "merged 1 batch normalisation into the layer before it, "),
    ],
)
def test_exporters_leave_out_biases_of_zeros(biased: tuple[bool, ...], says: str) -> None:
    layers = [conv(f"c{place}", 4, 3, bias=bias) for place, bias in enumerate(biased)]
    given = onnx_model(Architecture((32, 32), 4, layers))
    for each in given.graph.node:
        each.metadata_props.add(key="pkg.onnxscript.rewriter.rule_name", value="FuseBatchNormIntoConv")
    (note,) = (note for note in rfcalc.analyze(given).notes if note.code == "folded")
    assert says in note.message


# ---- a transformer, written out ----------------------------------------------------------------------------

HEADS, WIDTH, PATCH, SIZE = 4, 32, 8, 48
TOKENS = (SIZE // PATCH) ** 2


def native_transformer() -> Json:
    attention = {
        "kind": "multi_head_attention",
        "name": "attention",
        "heads": HEADS,
        "key_dim": WIDTH // HEADS,
    }
    return {
        "rfcalc": 1,
        "inputs": {"x": [SIZE, SIZE, 3]},
        "layers": [
            {"kind": "conv", "name": "patches", "filters": WIDTH, "kernel": PATCH, "stride": PATCH},
            {"kind": "reshape", "name": "tokens", "shape": [-1, TOKENS, WIDTH]},
            {"kind": "layer_norm", "name": "norm1"},
            attention,
            {"kind": "add", "name": "add1", "inputs": ["tokens", "attention"]},
            {"kind": "layer_norm", "name": "norm2"},
            {"kind": "linear", "name": "wide", "units": 4 * WIDTH},
            {"kind": "gelu", "name": "gelu"},
            {"kind": "linear", "name": "narrow", "units": WIDTH},
            {"kind": "add", "name": "add2", "inputs": ["add1", "narrow"]},
        ],
    }  # fmt: skip


def onnx_transformer() -> Any:
    """As exporters write it: one product for query, key and value, split into heads by a reshape."""
    per_head = WIDTH // HEADS
    nodes = [
        node("Conv", "x patches_w patches_b", "patches", strides=[PATCH, PATCH]),
        node("Reshape", "patches flat", "flattened"),
        node("Transpose", "flattened", "tokens", perm=[0, 2, 1]),
        node("LayerNormalization", "tokens norm1_w norm1_b", "norm1"),
        node("MatMul", "norm1 qkv_w", "qkv_product"),
        node("Add", "qkv_product qkv_b", "qkv"),
        node("Reshape", "qkv heads", "split"),
        node("Transpose", "split", "parts", perm=[2, 0, 3, 1, 4]),
        node("Split", "parts", "q3 k3 v3", num_outputs=3),
        *(node("Squeeze", f"{each}3 first", each) for each in "qkv"),
        node("Transpose", "k", "kt", perm=[0, 1, 3, 2]),
        node("MatMul", "q kt", "scores"),
        node("Mul", "scores scale", "scaled"),
        node("Softmax", "scaled", "weights", axis=-1),
        node("MatMul", "weights v", "mixed"),
        node("Transpose", "mixed", "together", perm=[0, 2, 1, 3]),
        node("Reshape", "together joined", "heads_joined"),
        node("MatMul", "heads_joined out_w", "out_product"),
        node("Add", "out_product out_b", "attention"),
        node("Add", "tokens attention", "add1"),
        node("LayerNormalization", "add1 norm2_w norm2_b", "norm2"),
        node("MatMul", "norm2 wide_w", "wide_product"),
        node("Add", "wide_product wide_b", "wide"),
        node("Gelu", "wide", "gelu"),
        node("MatMul", "gelu narrow_w", "narrow_product"),
        node("Add", "narrow_product narrow_b", "narrow"),
        node("Add", "add1 narrow", "add2"),
    ]
    constants = [
        weight("patches_w", WIDTH, 3, PATCH, PATCH), weight("patches_b", WIDTH),
        weight("qkv_w", WIDTH, 3 * WIDTH), weight("qkv_b", 3 * WIDTH),
        weight("out_w", WIDTH, WIDTH), weight("out_b", WIDTH),
        weight("wide_w", WIDTH, 4 * WIDTH), weight("wide_b", 4 * WIDTH),
        weight("narrow_w", 4 * WIDTH, WIDTH), weight("narrow_b", WIDTH),
        *(weight(f"{norm}_{part}", WIDTH) for norm in ("norm1", "norm2") for part in "wb"),
        ints("flat", 0, WIDTH, -1), ints("heads", 0, TOKENS, 3, HEADS, per_head), ints("first", 0),
        ints("joined", 0, TOKENS, WIDTH), helper.make_tensor("scale", 1, (), (per_head**-0.5,)),
    ]  # fmt: skip
    return model(nodes, {"x": ("N", 3, SIZE, SIZE)}, "add2", constants, opset=20)


def test_a_transformer_in_one_layer_and_written_out() -> None:
    one, many = rfcalc.analyze(native_transformer()), rfcalc.analyze(onnx_transformer())
    assert (one.totals.params, one.totals.macs) == (many.totals.params, many.totals.macs)
    products = 4 * WIDTH * WIDTH * TOKENS + 2 * TOKENS * TOKENS * WIDTH
    patches, perceptron = 3 * PATCH**2 * WIDTH * TOKENS, 2 * 4 * WIDTH * WIDTH * TOKENS
    assert many.totals.macs == patches + products + perceptron
    for name in (
        "patches",
        "tokens",
        "norm1",
        "attention",
        "add1",
        "norm2",
        "wide",
        "gelu",
        "narrow",
        "add2",
    ):
        ours, theirs = one.layer(name), many.layer(name)
        assert ours.output_shape == theirs.output_shape or name == "patches"
        assert (ours.receptive_field, ours.status) == (theirs.receptive_field, theirs.status)
    assert many.layer("patches").receptive_field == (8, 8)
    assert many.layer("tokens").receptive_field == (8, 8)
    assert many.layer("attention").receptive_field == (None, None)  # global
    assert {row.status for row in many} == {"exact"}


# ---- the difference between two formats of one model -------------------------------------------------------


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(
    "pair", [("rfcalc", "keras"), ("rfcalc", "onnx"), ("keras", "onnx"), ("onnx", "keras")]
)
def test_the_formats_of_one_architecture_do_not_differ(pair: tuple[str, str], name: str) -> None:
    spell: dict[str, Callable[[Architecture], Any]] = {"rfcalc": native, "keras": keras, "onnx": onnx_model}
    found = rfcalc.diff(*(spell[form](ARCHITECTURES[name]) for form in pair))
    assert found.comparable
    assert not found.changed
    assert (found.merged, found.respelled, found.renamed, found.notes) == (0, (), (), ())
    weighted = {
        layer.name for layer in ARCHITECTURES[name].layers if layer.kind in ("conv", "depthwise", "dense")
    }
    assert weighted <= {entry.name for entry in found.entries}
    assert "no change in shape, field, stride, parameters and MACs" in found.answer[0]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_edit_shows_across_formats(name: str) -> None:
    """The kernel of the last padded convolution grows by two, so that its map stays as it is."""
    layers = [*ARCHITECTURES[name].layers]
    place = max(
        place
        for place, layer in enumerate(layers)
        if layer.kind == "conv" and layer.settings.get("padding", "same") == "same"
    )
    edit = layers[place]
    layers[place] = edit._replace(settings={**edit.settings, "kernel": edit.settings["kernel"] + 2})
    other = ARCHITECTURES[name]._replace(layers=layers)
    found = rfcalc.diff(keras(ARCHITECTURES[name]), onnx_model(other))
    assert [entry.name for entry in found.edited] == [edit.name]
    assert (found.added, found.removed) == ((), ())
    (setting,) = found.edited[0].settings
    assert setting.name == "kernel"
    fields = {"receptive_field", "local_receptive_field", "receptive_field_min"}
    assert {each.figure for each in found.spread} <= fields


def test_an_attention_written_out_is_taken_for_the_same() -> None:
    found = rfcalc.diff(native_transformer(), onnx_transformer())
    assert not found.changed
    (respelled,) = found.respelled
    assert respelled.old == ("attention",)
    assert respelled.new == ("qkv_product", "scores", "mixed", "out_product")


def test_normalisation_that_an_exporter_merged_is_said_once() -> None:
    whole = Architecture(
        (32, 32), 3, [conv("a", 8, 3), norm("a_norm"), relu("b"), conv("c", 4, 3), norm("c_norm")]
    )
    folded = Architecture((32, 32), 3, [conv("a", 8, 3, bias=True), relu("b"), conv("c", 4, 3, bias=True)])
    found = rfcalc.diff(keras(whole), onnx_model(folded))
    assert not found.changed
    assert found.merged == 2
    assert "kernels" in found.answer[0]
    assert "(together -36 parameters)" in found.answer[1]

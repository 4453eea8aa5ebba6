from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import textwrap
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import rfcalc  # noqa: E402
from rfcalc.errors import ReadError, RfcalcError, UsageError  # noqa: E402
from tests.readers import torch_models as models  # noqa: E402

pytestmark = pytest.mark.torch


def on_meta(build: Any) -> Any:
    with torch.device("meta"):
        return build()


def saved(module: Any, x: Any, **settings: Any) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module.eval(), x if isinstance(x, tuple) else (x,), **settings)
        stream = io.BytesIO()
        torch.export.save(program, stream)
    return stream.getvalue()


def parameters(module: Any) -> int:
    return sum(each.numel() for each in module.parameters())


# ---- figures -----------------------------------------------------------------------------------------------


def test_resnet_50() -> None:
    graph = rfcalc.from_torch(on_meta(models.ResNet50), (1, 3, 224, 224))
    analysis = rfcalc.analyze(graph)
    assert analysis.format == "torch"
    assert analysis.totals.params.trainable == analysis.totals.params.total == 25_557_032
    assert analysis.totals.macs == 4_089_184_256
    last = analysis.layer("layer4.2.relu#3")
    assert last.output_shape == (1, 2048, 7, 7)
    assert (last.receptive_field, last.effective_stride) == ((427, 427), (32, 32))
    assert analysis.layer("fc").output_shape == (1, 1000)
    assert all(row.status == "exact" for row in analysis)
    assert [note.message for note in analysis.notes if note.code == "buffers"] == [
        "53,173 elements of buffers are no parameters and are not counted"
    ]


def test_vit_b_16() -> None:
    analysis = rfcalc.analyze(rfcalc.from_torch(on_meta(models.ViT), (1, 3, 224, 224)))
    assert analysis.totals.params.total == 86_567_656
    assert round(analysis.totals.macs / 1e9, 2) == 17.56
    assert analysis.layer("conv_proj").receptive_field == (16, 16)
    attention = analysis.layer("layers.0.attention.scaled_dot_product_attention")
    assert attention.receptive_field == (None, None)
    assert all(row.status == "exact" for row in analysis)


SMALL: dict[str, tuple[Any, tuple[int, ...]]] = {
    "resnet": (lambda: models.ResNet50(4, (1, 1), 3), (2, 3, 32, 32)),
    "vit": (lambda: models.ViT(16, 4, 8, 1, 2, 3), (2, 3, 16, 16)),
    "unet": (models.UNet, (2, 3, 16, 16)),
    "windows": (models.Windows, (2, 3, 16, 24)),
    "shuffle": (models.ShuffleUnit, (2, 3, 12, 9)),
    "convnext": (models.ConvNeXtBlock, (2, 3, 32, 40)),
    "excite": (models.Excite, (2, 3, 11, 12)),
    "sub-pixel": (models.SubPixel, (2, 1, 9, 8)),
    "dilated": (models.Dilated, (2, 1, 40)),
    "lstm": (lambda: models.Recurrent(num_layers=2, bidirectional=True), (2, 2, 16)),
    "gru": (lambda: models.Recurrent("GRU"), (2, 2, 16)),
}


@pytest.mark.parametrize("name", SMALL)
def test_shapes_and_parameters_are_those_of_pytorch(name: str) -> None:
    build, shape = SMALL[name]
    module = build().eval()
    seen: dict[str, Any] = {}
    for path, each in module.named_modules():
        if not list(each.children()):
            each.register_forward_hook(
                lambda _m, _a, out, path=path: seen.update({path: seen.get(path, out)})
            )
    expected = module(torch.zeros(shape))
    for each in module.modules():
        each._forward_hooks.clear()
    graph = rfcalc.from_torch(module, shape)
    analysis = rfcalc.analyze(graph)
    assert analysis.totals.params.total == parameters(module)
    assert not [note for note in analysis.notes if note.code == "unknown-op"]
    rows = {row.name: row for row in analysis}
    common = [path for path, out in seen.items() if path in rows and isinstance(out, torch.Tensor)]
    assert common or name in ("lstm", "gru")
    for path in common:
        assert rows[path].output_shape == tuple(seen[path].shape)
    assert rows[graph.outputs[0][0]].output_shape == tuple(expected.shape)


def test_a_saved_program_is_read_like_the_module(tmp_path: Path) -> None:
    module, x = models.Windows().eval(), torch.zeros(1, 3, 16, 24)
    path = tmp_path / "windows.pt2"
    path.write_bytes(saved(module, x))
    live, stored = rfcalc.analyze(rfcalc.from_torch(module, x)), rfcalc.analyze(path)
    assert [row._replace(outputs=()) for row in stored] == [row._replace(outputs=()) for row in live]
    assert stored.totals == live.totals
    assert rfcalc.analyze(path.read_bytes()).totals == live.totals
    assert rfcalc.analyze(io.BytesIO(path.read_bytes())).totals == live.totals


def test_a_saved_program_is_read_without_pytorch(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    path.write_bytes(saved(models.UNet(), torch.zeros(1, 3, 16, 16)))
    code = f"""
        import sys
        sys.modules["torch"] = None
        import rfcalc
        print(rfcalc.analyze({str(path)!r}).totals.params.total)
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert int(found.stdout) == parameters(models.UNet())


# ---- parameters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [models.Tied, lambda: on_meta(models.Tied)])
def test_tied_parameters_count_once(build: Any) -> None:
    module = build()
    words = torch.zeros(1, 7, dtype=torch.long, device=module.table.weight.device)
    analysis = rfcalc.analyze(rfcalc.from_torch(module, (1, 7)))
    assert analysis.totals.params.total == parameters(module)
    assert analysis.layer("table").params.total == 66
    assert analysis.layer("head").params.total == 0
    if words.device.type != "meta":
        assert rfcalc.analyze(saved(module, words)).totals.params.total == parameters(module)


def test_frozen_and_unused_parameters() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Conv2d(2, 2, 1))
    module[0].weight.requires_grad_(False)
    module.spare = torch.nn.Linear(3, 3)
    module.forward = lambda x: module[1](module[0](x))
    analysis = rfcalc.analyze(rfcalc.from_torch(module, (1, 1, 8, 8)))
    assert (analysis.totals.params.trainable, analysis.totals.params.non_trainable) == (8, 18)
    assert [note.message for note in analysis.notes] == [
        "12 parameters take no part when the module runs and are not counted: spare.weight, spare.bias"
    ]


def test_the_module_is_left_as_it_was() -> None:
    module = models.ResNet50(2, (1,), 3)
    module.train()
    module.bn1.eval()
    modes = [each.training for each in module.modules()]
    tensors = [id(each) for each in (*module.parameters(), *module.buffers())]
    graph = rfcalc.from_torch(module, torch.zeros(2, 3, 16, 16))
    assert "batch_norm" in {layer.kind for layer in graph}
    assert [each.training for each in module.modules()] == modes
    assert [id(each) for each in (*module.parameters(), *module.buffers())] == tensors
    empty = on_meta(lambda: models.ResNet50(2, (1,), 3))
    rfcalc.from_torch(empty, (2, 3, 16, 16))
    assert all(each.device.type == "meta" for each in empty.parameters())


# ---- names, blocks, inputs ---------------------------------------------------------------------------------


def test_names_are_paths_and_blocks_are_modules() -> None:
    graph = rfcalc.from_torch(models.ResNet50(2, (2, 1), 3), (1, 3, 32, 32))
    names = [layer.name for layer in graph]
    assert {"conv1", "layer1.0.conv1", "layer1.0.relu#2", "layer1.0.add", "layer2.0.downsample.1"} <= set(
        names
    )
    assert graph["layer1.0.conv1"].block == ("layer1", "0")
    analysis = rfcalc.analyze(graph, depth=1)
    assert [row.name for row in analysis] == [
        *("x", "conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "avgpool", "flatten", "fc")
    ]
    whole = rfcalc.analyze(graph).totals
    assert (analysis.totals.params, analysis.totals.macs) == (whole.params, whole.macs)
    assert analysis.layer("layer1").output_shape == (1, 8, 8, 8)
    assert "layer1.0" in [row.name for row in rfcalc.analyze(graph, depth=2)]


def test_open_extents() -> None:
    module = models.UNet()
    graph = rfcalc.from_torch(
        module, (1, 3, 32, 32), {0: "N", 2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
    )
    assert str(graph.inputs[0].attrs["shape"][0]) == "N"
    pool = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.MaxPool2d(2))
    graph = rfcalc.from_torch(pool, (1, 3, 32, 32), {2: "H", 3: "W"})
    assert str(graph.inputs[0].attrs["shape"]) == "(1, 3, H, W)"
    assert [row.receptive_field for row in rfcalc.analyze(graph)] == [(1, 1), (3, 3), (4, 4)]
    assert str(graph.results["1"].outputs[0].shape) == "(1, 4, (H//2) - 1, (W//2) - 1)"
    everything = rfcalc.from_torch(pool, torch.zeros(1, 3, 32, 32), True)
    assert not any(
        isinstance(each, int) for place, each in enumerate(everything.inputs[0].attrs["shape"]) if place != 1
    )


def test_adaptive_pooling_of_open_extents() -> None:
    pool = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d((None, 2)))
    graph = rfcalc.from_torch(pool, (2, 3, 32, 32), {0: "N", 2: "H", 3: "W"})
    *_, row = rfcalc.analyze(graph)
    assert (row.output_shape, row.receptive_field, row.status) == ((None, 4, None, 2), (3, None), "bound")
    assert "the ratio of extents is not known" in row.reason


def test_padding_by_an_open_extent_is_bounded() -> None:
    class Padded(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.nn.functional.pad(x, (0, x.shape[3] % 4, x.shape[2] % 4, 0))

    row = rfcalc.analyze(rfcalc.from_torch(Padded(), (2, 3, 32, 30), {2: "H", 3: "W"})).layer("pad")
    assert (row.receptive_field, row.status) == ((None, 1), "bound")


def test_a_saved_program_with_open_extents_takes_sizes() -> None:
    pool = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.MaxPool2d(2))
    height, width = torch.export.Dim("height", min=8, max=64), torch.export.Dim("width", min=8)
    data = saved(pool, torch.zeros(1, 3, 32, 32), dynamic_shapes=({2: height, 3: width},))
    assert rfcalc.analyze(data).layer("1").output_shape == (1, 4, None, None)
    assert rfcalc.analyze(data, dims={"H": 20, "W": 14}).layer("1").output_shape == (1, 4, 9, 6)
    assert rfcalc.analyze(data, input_shape=(1, 3, 20, None)).layer("1").output_shape == (1, 4, 9, None)
    with pytest.raises(UsageError, match="from 8 to 64, not 100"):
        rfcalc.analyze(data, dims={"H": 100})
    with pytest.raises(UsageError, match="fixed extent 3, not 4"):
        rfcalc.analyze(data, input_shape=(1, 4, 20, 20))


def test_axes_are_told_from_what_is_done_with_them() -> None:
    assert rfcalc.from_torch(models.Tied(), (1, 7)).inputs[0].attrs["axes"] == "bs"
    assert rfcalc.from_torch(torch.nn.LSTM(3, 4), (9, 1, 3)).inputs[0].attrs["axes"] == "sbc"
    linear = torch.nn.Linear(3, 4)
    assert rfcalc.from_torch(linear, (1, 9, 3)).inputs[0].attrs["axes"] == "bsc"
    relu = torch.nn.ReLU()
    assert rfcalc.from_torch(relu, (1, 9, 3), layout="NCT").inputs[0].attrs["axes"] == "bcs"


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_sample_without_a_batch_has_channels_first(axes: int) -> None:
    conv = [torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d][axes - 1](3, 4, 3, padding=1)
    graph = rfcalc.from_torch(torch.nn.Sequential(torch.nn.ReLU(), conv), (3, *(8, 6, 5)[:axes]))
    assert graph.inputs[0].attrs["axes"] == "c" + "s" * axes
    row = rfcalc.analyze(graph).layer("1")
    assert row.receptive_field == (3,) * axes
    assert row.macs == 3 * 4 * 3**axes * (8, 48, 240)[axes - 1]


def test_boundaries_that_are_computed_count() -> None:
    class Search(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.searchsorted(x[0, 0], torch.rand(5))

    row = rfcalc.analyze(rfcalc.from_torch(Search(), (1, 1, 9))).layer("searchsorted")
    assert (row.status, row.receptive_field) == ("bound", (None,))


class Overwriting(torch.nn.Module):
    """A convolution whose first column is replaced by zeros, or added to."""

    def __init__(self, adds: bool) -> None:
        super().__init__()
        self.conv, self.adds = torch.nn.Conv1d(1, 1, 3, padding=1), adds

    def forward(self, x: Any) -> Any:
        y = self.conv(x)
        if self.adds:
            return y.index_add(2, torch.tensor([0]), torch.ones(1, 1, 1))
        y[..., 0] = 0
        return y


@pytest.mark.parametrize(("adds", "first"), [(False, 0), (True, 0b11)])
def test_what_is_written_over_a_map_hides_what_was_there(adds: bool, first: int) -> None:
    graph = rfcalc.from_torch(Overwriting(adds), torch.zeros(1, 1, 9))
    row = rfcalc.analyze(graph).rows[-1]
    assert (row.status, row.receptive_field) == ("exact", (3,))
    (axis,) = rfcalc.field(graph, row.name).axes
    assert list(axis.masks[:3]) == [first, 0b111, 0b1110]


def test_what_nobody_knows_is_named_and_hides_nothing() -> None:
    @torch.library.custom_op("rfcalc_tests::mystery", mutates_args=())
    def mystery(x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @mystery.register_fake
    def _(x: torch.Tensor) -> torch.Tensor:
        return torch.empty_like(x)

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = torch.nn.Conv2d(1, 1, 3), torch.nn.Conv2d(1, 1, 3)

        def forward(self, x: Any) -> Any:
            return self.b(mystery(self.a(x)))

    analysis = rfcalc.analyze(rfcalc.from_torch(Net(), (1, 1, 9, 9)))
    assert [row.status for row in analysis] == ["exact", "exact", "unknown", "unknown"]
    assert analysis.layer("b").output_shape == (1, 1, 5, 5)
    assert analysis.totals.params.total == 20
    assert any("mystery" in note.message for note in analysis.notes)


# ---- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            (torch.nn.Conv2d(3, 4, 3), (1, 4, 8, 8)),
            "torch.export cannot take the module: RuntimeError: Given groups=1",
        ),
        (("model.pt", (1, 4)), "a PyTorch model is a torch.nn.Module, not a str"),
        ((torch.nn.ReLU(), "1,3"), "example_inputs are a tensor"),
        ((torch.nn.ReLU(), (1, 0)), "must be positive"),
        ((torch.nn.ReLU(), [(1, 2), (3, 4)]), r"takes \(input\), and 2 were given"),
        ((torch.nn.ReLU(), (1, 3), {"y": {0: "N"}}), "takes no 'y'; it takes input"),
        ((torch.nn.ReLU(), (1, 3), {"input": {5: "N"}}), "has the axes 0 to 1"),
    ],
)
def test_modules_that_cannot_be_read(given: tuple[Any, ...], message: str) -> None:
    with pytest.raises(RfcalcError, match=message) as caught:
        rfcalc.from_torch(*given)
    assert "\n" not in str(caught.value)


def test_pickles_are_refused_with_what_to_do_instead(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    torch.save({"w": torch.zeros(3)}, weights)
    old = tmp_path / "old.pth"
    old.write_bytes(pickle.dumps({"w": 1}))
    for path in (weights, old):
        with pytest.raises(
            ReadError, match=r"runs code.*weights alone.*torch.export.save.*package.module:factory"
        ):
            rfcalc.load(path)


def replaced(data: bytes, change: Any, member: str = "models/model.json") -> bytes:
    """Return an archive with another program, or another member, in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(stream, "w") as target:
        for each in source.infolist():
            text = source.read(each)
            target.writestr(each.filename, change(text) if each.filename.endswith(member) else text)
    return stream.getvalue()


def test_formulas_of_a_file_are_never_evaluated(tmp_path: Path) -> None:
    height = torch.export.Dim("height")
    data = saved(torch.nn.ReLU(), torch.zeros(1, 3, 32), dynamic_shapes=({2: height},))
    trap = tmp_path / "trap"

    def poison(text: bytes) -> bytes:
        document = json.loads(text)
        for each in document["graph_module"]["graph"]["tensor_values"].values():
            each["sizes"][2] = {"as_expr": {"expr_str": f"open({str(trap)!r}, 'w').close()", "hint": None}}
        return json.dumps(document).encode()

    assert rfcalc.analyze(replaced(data, poison)).layer("relu").output_shape == (1, 3, None)
    assert not trap.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"{}",
        lambda text: b"[]",
        lambda text: text[:-40],
        lambda text: text.replace(b'"nodes"', b'"knots"'),
        lambda text: text.replace(b'"tensor_values"', b'"values"'),
        lambda text: text.replace(b'"as_int": 9', b'"as_int": -9'),
        lambda text: b"[" * 100_000,
    ],
)
def test_damaged_programs_give_one_line(change: Any) -> None:
    data = saved(torch.nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 9, 9))
    with pytest.raises(RfcalcError) as caught:
        rfcalc.load(replaced(data, change))
    assert str(caught.value).isprintable()


def entry(key: str, value: object) -> Any:
    """Return a table of weights in which every tensor has another value for a key."""

    def change(text: bytes) -> bytes:
        document = json.loads(text)
        for found in document["config"].values():
            (found if key == "path_name" else found["tensor_meta"])[key] = value
        return json.dumps(document).encode()

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"[]",
        lambda text: b"3",
        lambda text: b'{"config": []}',
        lambda text: b'{"config": {"weight": []}}',
        lambda text: b'{"config": {"weight": null, "bias": 3}}',
        lambda text: b'{"config": {"bias": {}}}',
        lambda text: b"{",
        entry("path_name", 3),
        entry("sizes", 3),
        entry("sizes", [3]),
        entry("strides", {"a": 1}),
        entry("storage_offset", []),
    ],
)
@pytest.mark.parametrize("member", ["model_weights_config.json", "model_constants_config.json"])
def test_tables_of_a_wrong_type_give_one_line(member: str, change: Any) -> None:
    class Picked(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("place", torch.tensor([2, 0, 1]))
            self.table = torch.tensor([1, 0, 2])

        def forward(self, x: Any) -> Any:
            return x[:, self.place][:, self.table]

    data = saved(Picked(), torch.zeros(1, 3, 9, 9))
    with pytest.raises(RfcalcError) as caught:
        rfcalc.load(replaced(data, change, member))
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == 3
    assert member in str(caught.value)


# ---- package.module:factory --------------------------------------------------------------------------------

FACTORIES = """
    from torch import nn

    instance = nn.Conv2d(3, 4, 3)
    number = 3

    def net():
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2))

    def needs(width):
        return nn.Conv2d(3, width, 3)

    def fails():
        raise ValueError("no such\\nthing")

    def __getattr__(name):
        if name == "lazily":
            raise ValueError("not yet")
        raise AttributeError(name)

    def leaves():
        raise SystemExit(0)

    def three():
        return 3

    class Leaves(nn.Module):
        def forward(self, x):
            raise SystemExit(0)

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(10, 4)

        def forward(self, words):
            return self.table(words)
"""


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"factories_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(FACTORIES), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return name


def test_factories_are_built(factories: str) -> None:
    analysis = rfcalc.analyze(f"{factories}:net", input_shape=(1, 3, 32, 32))
    assert analysis.layer("1").output_shape == (1, 8, 15, 15)
    assert rfcalc.analyze(f"{factories}:instance", input_shape=(1, 3, 8, 8)).totals.params.total == 112
    assert rfcalc.analyze(f"{factories}:Words", input_shape={"words": (1, 7)}).totals.params.total == 40
    opened = rfcalc.analyze(f"{factories}:net", input_shape=(None, 3, None, None))
    assert opened.layer("1").output_shape == (None, 8, None, None)
    assert str(Path.cwd()) not in sys.path


@pytest.mark.parametrize(
    ("what", "shape", "message"),
    [
        ("net", None, "--input-shape 1,3,224,224"),
        ("nett", (1,), "has no 'nett'; did you mean 'net'?"),
        ("needs", (1,), r"needs arguments \(width\)"),
        ("fails", (1,), "building the model failed: ValueError: no such$"),
        ("lazily", (1,), "asking '.*' for 'lazily' failed: ValueError: not yet$"),
        ("leaves", (1,), "building the model failed: SystemExit: 0$"),
        ("Leaves", (1,), "torch.export cannot take the module: SystemExit: 0$"),
        ("three", (1,), "makes something of type int"),
        ("number", (1,), "is of type int"),
    ],
)
def test_factories_that_cannot_be_built(factories: str, what: str, shape: Any, message: str) -> None:
    with pytest.raises(RfcalcError, match=message):
        rfcalc.analyze(f"{factories}:{what}", input_shape=shape)


def test_a_factory_in_no_module() -> None:
    with pytest.raises(ReadError, match="there is no module 'rfcalc_absent' here"):
        rfcalc.analyze("rfcalc_absent.models:net", input_shape=(1, 3, 8, 8))

"""Pictures as they are drawn: nothing lies on a word, all words are inside, lines follow the graph."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import rfcalc
from tests.readers.test_keras_truth import cases

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "docs" / "models"
ONNX = ROOT / "tests" / "data" / "onnx"

Drawer: TypeAlias = Callable[[str, Any], Figure]

NAMED = ["pooling", "ResNet50", "light_resnet50", "unet", "own.waveunet.ts17", "wavenet", "video", "own.yolo"]
"""Of each kind one: a chain, shortcuts, the same again, long skips, sound, a stack, a film, a detector."""


def model(name: str, folder: Path) -> Any:
    """Return a model by its name; those of files that are packed are unpacked into a folder."""
    if (MODELS / f"{name}.json").exists():
        return MODELS / f"{name}.json"
    if name == "ResNet50":
        return cases("applications")[name]["model"]
    pytest.importorskip("onnx")
    if name == "light_resnet50":
        import onnx

        return Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_resnet50.onnx"
    path = folder / f"{name}.onnx"
    with gzip.open(ONNX / f"{name}.onnx.gz") as packed:
        path.write_bytes(packed.read())
    return path


@pytest.fixture(scope="module")
def picture_of(tmp_path_factory: pytest.TempPathFactory) -> Drawer:
    """Return what draws a picture of one of the models, each once for all tests."""
    folder = tmp_path_factory.mktemp("models")
    return cache(lambda name, what: rfcalc.plot(model(name, folder), what=what))


# ---- what lies where ---------------------------------------------------------------------------------------


def words(picture: Figure) -> dict[str, Bbox]:
    """Return where each text of a picture is drawn, in dots; it is drawn first."""
    canvas = FigureCanvasAgg(picture)
    canvas.draw()
    found = {}
    for number, text in enumerate(picture.findobj(Text)):
        shown = text.get_visible() and text.get_text().strip() and is_drawn(text, picture)
        if shown:
            found[f"{text.get_text()} #{number}"] = text.get_window_extent(canvas.get_renderer())
    return found


def is_drawn(text: Text, picture: Figure) -> bool:
    """Tell whether a text is more than a tick that lies outside of the limits of its axis."""
    for axes in picture.axes:
        for axis, place in ((axes.xaxis, 0), (axes.yaxis, 1)):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.majorTicks, *axis.minorTicks):
                if text in (tick.label1, tick.label2):
                    return bool(low <= text.get_position()[place] <= high)
    return True


def marks(picture: Figure) -> list[Bbox]:
    """Return where each mark and each bar is drawn, in dots."""
    found = []
    for axes in picture.axes:
        for line in axes.lines:
            if line.get_marker() in ("None", "", " ", None):
                continue
            points = line.get_transform().transform(line.get_xydata())
            every = line.get_markevery()
            half = line.get_markersize() * picture.dpi / 72 / 2
            if line.get_marker() == ".":
                half /= 2
            for k, (x, y) in enumerate(points):
                if every is None or k in every:
                    found.append(Bbox.from_extents(x - half, y - half, x + half, y + half))
        for group in axes.containers:
            found += [bar.get_window_extent() for bar in group]
    return found


def covers(a: Bbox, b: Bbox) -> bool:
    """Tell whether two boxes share more than a rim of half a dot."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return bool(width > 0.5 and height > 0.5)


def crowded(picture: Figure) -> list[str]:
    """List what lies on each other, or outside."""
    texts, shapes = words(picture), marks(picture)
    found = [f"{a!r} on {b!r}" for a, b in combinations(texts, 2) if covers(texts[a], texts[b])]
    found += [
        f"{a!r} on a mark at {each}" for a, box in texts.items() for each in shapes if covers(box, each)
    ]
    width, height = picture.canvas.get_width_height()
    for text, box in texts.items():
        if box.x0 < -0.5 or box.y0 < -0.5 or box.x1 > width + 0.5 or box.y1 > height + 0.5:
            found.append(f"{text!r} outside: {box}")
    return found


@pytest.mark.parametrize("what", ["growth", "costs", "field", "effective", "lines"])
@pytest.mark.parametrize("name", NAMED)
def test_nothing_lies_on_a_word(name: str, what: Any, picture_of: Drawer) -> None:
    assert crowded(picture_of(name, what)) == []


@pytest.mark.parametrize("shape", [(28, 28), (20, 90), (90, 20), (400,)])
def test_nothing_lies_on_the_words_of_fields_beside_each_other(shape: tuple[int, ...]) -> None:
    layers = [
        {"kind": "conv", "name": "a", "filters": 1, "kernel": 3, "padding": "same"},
        {"kind": "max_pool", "kernel": 2},
        {"kind": "conv", "name": "b", "filters": 1, "kernel": 7, "padding": "same"},
    ]
    net = {"rfcalc": 1, "input": [*shape, 1], "layers": layers}
    variants = ["plain", "dilated", "strided"]
    for at in ([0] * len(shape), None):
        assert crowded(rfcalc.plot(net, what="field", layer="b", at=at, variants=variants)) == []
        assert crowded(rfcalc.plot(net, what="lines", layer="b", at=at, variants=variants)) == []


def test_what_lies_on_a_word_is_found() -> None:
    picture = rfcalc.plot(MODELS / "pooling.json")
    (axes,) = picture.axes
    line = axes.lines[0]
    axes.text(line.get_xdata()[2], line.get_ydata()[2], "here")
    axes.text(0.2, 0.2, "there\n\n\n\n\n\nthere", transform=picture.transFigure)
    axes.text(0.97, 0.5, "far out and beyond", transform=picture.transFigure)
    assert {each.partition(" #")[0].strip("'") for each in crowded(picture)} >= {"here", "far out and beyond"}


# ---- lines -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMED, "timm.poolformer_s12"])
def test_no_field_falls_along_a_line(name: str, picture_of: Drawer) -> None:
    """A shortcut sees less than the layer that comes before it in the file, but it does not read that one.

    The last model folds its maps to normalise them by groups: an element of what they are folded to sees far,
    but is no unit of a map.
    """
    axes = picture_of(name, "growth").axes[0]
    for line in axes.lines:
        if line.get_label() not in {"_joins", "_everywhere", "_input"}:
            assert all(a <= b for a, b in pairwise(line.get_ydata())), line.get_label()
            assert all(a < b for a, b in pairwise(line.get_xdata())), line.get_label()


def test_a_branch_is_a_line_of_its_own() -> None:
    conv = {"kind": "conv", "filters": 4, "padding": "same"}
    layers = [
        {**conv, "name": "a", "kernel": 3},
        {**conv, "name": "b", "kernel": 5},
        {**conv, "name": "c", "kernel": 5},
        {**conv, "name": "short", "kernel": 1, "stride": 1, "inputs": ["a"]},
        {"kind": "add", "name": "join", "inputs": ["c", "short"]},
        {**conv, "name": "d", "kernel": 3},
    ]
    axes = rfcalc.plot({"rfcalc": 1, "input": [64, 64, 4], "layers": layers}, variants=[]).axes[0]
    lines = [
        (list(line.get_xdata()), list(line.get_ydata()))
        for line in axes.lines
        if line.get_label() in {"as it is", "_branch"}
    ]
    assert lines == [([0, 1, 2, 3, 4], [3, 7, 11, 11, 13]), ([0, 3], [3, 11])]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b", "c", "d"]


def test_bounds_and_cut_gates_are_said() -> None:
    conv = {"kind": "conv", "filters": 4, "padding": "same"}
    open_join = [
        {**conv, "name": "a", "kernel": 3, "stride": 2, "inputs": ["input"]},
        {**conv, "name": "b", "kernel": 5, "stride": 2, "inputs": ["input"]},
        {"kind": "add", "name": "join", "inputs": ["a", "b"]},
        {**conv, "name": "c", "kernel": 3},
    ]
    axes = rfcalc.plot({"rfcalc": 1, "input": [None, None, 4], "layers": open_join}, variants=[]).axes[0]
    assert "upper bounds, not exact: 2 of 4 fields" in axes.get_xlabel()
    gated = [
        {**conv, "name": "a", "kernel": 3},
        {"kind": "global_pool", "name": "squeeze", "inputs": ["a"]},
        {"kind": "multiply", "name": "gate", "inputs": ["a", "squeeze"]},
        {**conv, "name": "b", "kernel": 3},
    ]
    axes = rfcalc.plot({"rfcalc": 1, "input": [32, 32, 4], "layers": gated}, variants=[]).axes[0]
    assert "gates, through which a layer sees everything, are cut" in axes.get_xlabel()
    assert rfcalc.plot(MODELS / "pooling.json").axes[0].get_xlabel() == "layer, in the order of the model"


# ---- words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "unit"),
    [("pooling", "pixels"), ("own.waveunet.ts17", "samples"), ("video", "pixels"), ("wavenet", "steps")],
)
def test_units_follow_the_input(name: str, unit: str, picture_of: Drawer) -> None:
    axes = picture_of(name, "growth").axes[0]
    assert f", {unit} of the input" in axes.get_ylabel()
    assert all(unit in text.get_text() for text in axes.texts)


def test_a_volume_is_counted_in_voxels() -> None:
    layers = [{"kind": "conv", "filters": 4, "kernel": 3}, {"kind": "max_pool", "kernel": 2}]
    axes = rfcalc.plot({"rfcalc": 1, "input": [32, 32, 32, 1], "layers": layers}).axes[0]
    assert axes.get_ylabel().startswith("receptive field, voxels of the input")


@pytest.mark.parametrize(("name", "scale"), [("pooling", "linear"), ("ResNet50", "log")])
def test_the_scale_is_said(name: str, scale: str, picture_of: Drawer) -> None:
    axes = picture_of(name, "growth").axes[0]
    assert axes.get_yscale() == scale
    assert ("logarithmic scale" if scale == "log" else "linear scale") in axes.get_ylabel()
    if scale == "linear":
        assert axes.get_ylim()[0] == 0


@pytest.mark.parametrize("name", ["pooling", "ResNet50", "light_resnet50"])
def test_bars_begin_at_nothing(name: str, picture_of: Drawer) -> None:
    axes = picture_of(name, "costs").axes[0]
    assert (axes.get_xscale(), axes.get_xlim()[0]) == ("linear", 0)
    assert all(bar.get_x() == 0 for group in axes.containers for bar in group)
    assert "linear scale" in axes.get_xlabel()


def test_titles_are_whole() -> None:
    name = "a model whose name tells all that anybody may want to know of it, and then goes on for a while"
    net = {"rfcalc": 1, "name": name, "input": [28, 28, 1], "layers": [{"kind": "max_pool", "kernel": 2}]}
    for what in ("growth", "costs"):
        picture = rfcalc.plot(net, what=what)  # type: ignore[arg-type]  # each is one of them
        assert name in picture.axes[0].get_title(loc="left").replace("\n", " ")
        assert crowded(picture) == []
    net["name"] = "x" * 200
    picture = rfcalc.plot(net)
    assert "x" * 200 in picture.axes[0].get_title(loc="left").replace("\n", "")
    assert crowded(picture) == []


def test_short_names_stay_apart() -> None:
    layers = [
        {"kind": "conv", "name": f"{'long' * 8}{number}{'name' * 8}", "filters": 1, "kernel": 3}
        for number in range(5)
    ]
    axes = rfcalc.plot({"rfcalc": 1, "input": [28, 28, 1], "layers": layers}, variants=[]).axes[0]
    shown = [text.get_text() for text in axes.get_xticklabels()]
    assert len(set(shown)) == 5
    assert max(map(len, shown)) < 50

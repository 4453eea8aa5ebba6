"""Pictures: that they show the figures, read in grey, are the same bytes, and that wrong input is refused.

What they look like was looked at.
"""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_rgb
from PIL import Image

import rfcalc
from rfcalc import cli
from rfcalc.render.pictures import LOOKS, drawn
from tests.readers.test_keras_truth import cases

MODELS = Path(__file__).parents[2] / "docs" / "models"


def labels(texts: Any) -> list[str]:
    return [text.get_text() for text in texts]


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0), capsys.readouterr().err


# ---- growth ------------------------------------------------------------------------------------------------


def test_growth_shows_the_fields() -> None:
    axes = rfcalc.plot(MODELS / "pooling.json", variants=["plain", "dilated"]).axes[0]
    lines = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}
    assert lines["with pooling, dilated"] == ([0, 1, 2, 3, 4, 5], [3, 4, 8, 10, 18, 18])
    assert lines["plain"] == ([0, 2, 4, 5], [3, 5, 7, 7])
    assert labels(axes.get_xticklabels()) == [
        "conv1",
        "pool1",
        "conv2",
        "pool2",
        "conv3",
        "flatten",
        "classes",
    ]
    assert axes.get_ylabel() == "receptive field, pixels of the input\n(linear scale)"
    assert "the whole input:\n28 pixels" in labels(axes.texts)
    assert any(list(line.get_ydata()) == [28, 28] for line in axes.lines)


def test_growth_of_calls_that_see_differently() -> None:
    """A layer that is called in a chain is drawn call by call; 3 + 2 for each."""
    body = {"kind": "conv", "name": "body", "filters": 8, "kernel": 3, "padding": "same"}
    first = {"kind": "conv", "name": "first", "filters": 8, "kernel": 3}
    calls = [{"share": "body", "name": name} for name in ("again", "last")]
    axes = rfcalc.plot(
        {"rfcalc": 1, "input": [28, 28, 1], "layers": [first, body, *calls]}, variants=[]
    ).axes[0]
    assert list(axes.lines[0].get_ydata()) == [3, 5, 7, 9]
    assert labels(axes.get_xticklabels()) == ["first", "body", "again", "last"]


def test_growth_of_axes_that_differ() -> None:
    axes = rfcalc.plot(MODELS / "video.json").axes[0]
    assert axes.get_ylabel() == "receptive field, pixels of the input along its rows\n(logarithmic scale)"


def test_growth_without_a_size() -> None:
    axes = rfcalc.plot(MODELS / "pooling.json", input_shape=(None, None, 1), variants=["plain"]).axes[0]
    assert labels(axes.texts) == []


def test_many_layers_share_the_room() -> None:
    axes = rfcalc.plot(cases("applications")["InceptionV3"]["model"]).axes[0]
    places = axes.get_xticks()
    assert len(places) < axes.lines[0].get_xdata()[-1]  # and test_plot_layout holds that none covers another
    assert axes.get_yscale() == "log"


def test_series_are_told_apart_in_grey() -> None:
    """Each has marks, dashes and hatches of its own, and no two neighbours are of about the same grey."""
    assert len({look.marker for look in LOOKS}) == len(LOOKS)
    assert len({str(look.dashes) for look in LOOKS}) == len(LOOKS)
    assert len({look.hatch for look in LOOKS}) == len(LOOKS)
    greys = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b in (to_rgb(look.colour) for look in LOOKS)]
    assert all(abs(a - b) > 0.08 for a, b in pairwise(greys))


# ---- costs -------------------------------------------------------------------------------------------------


def test_costs_show_the_parameters() -> None:
    axes = rfcalc.plot(MODELS / "pooling.json", what="costs", variants=["plain", "strided"]).axes[0]
    assert labels(axes.get_yticklabels()) == ["conv1", "pool1", "conv2", "pool2", "conv3", "classes (dense)"]
    widths = {group.get_label(): [bar.get_width() for bar in group] for group in axes.containers}
    assert widths == {
        "with pooling": [320, 0, 18496, 0, 73856, 11530],
        "plain": [320, 0, 18496, 0, 73856, 619530],
        "strided": [320, 4128, 18496, 16448, 73856, 11530],
    }


def test_small_layers_are_put_together() -> None:
    model = cases("applications")["ResNet50"]["model"]
    axes = rfcalc.plot(model, what="costs", variants=["average"]).axes[0]
    assert labels(axes.get_yticklabels())[-1].endswith(" others")
    (group,) = axes.containers
    assert sum(bar.get_width() for bar in group) == 25_636_712


# ---- a unit ------------------------------------------------------------------------------------------------


def boxes(axes: Any) -> dict[str, tuple[float, float, float, float]]:
    return {
        patch.get_label(): (patch.get_y() + 0.5, patch.get_x() + 0.5, patch.get_height(), patch.get_width())
        for patch in axes.patches
        if not patch.get_label().startswith("_")
    }


def test_a_unit_at_the_border() -> None:
    """Of its 7 rows, from -3 on, three lie in padding: these are hatched beside the input."""
    model = {
        "rfcalc": 1,
        "input": [20, 30, 1],
        "layers": [{"kind": "conv", "name": "c", "filters": 1, "kernel": 7, "padding": "same"}],
    }
    axes = rfcalc.plot(model, what="field", layer="c", at=(0, 10)).axes[0]
    assert boxes(axes) == {
        "the input": (0, 0, 20, 30),
        "its window in padding": (-3, 7, 7, 7),
        "what the unit depends on: 4x7 pixels": (0, 7, 4, 7),
    }
    hatched = next(patch for patch in axes.patches if patch.get_label() == "its window in padding")
    assert hatched.get_hatch()
    assert axes.get_ylim()[1] < -3


def test_holes_stay_holes() -> None:
    model = {
        "rfcalc": 1,
        "input": [20, 20, 1],
        "layers": [{"kind": "conv", "name": "c", "filters": 1, "kernel": 3, "dilation": 3}],
    }
    axes = rfcalc.plot(model, what="field", layer="c").axes[0]
    taps = [patch for patch in axes.patches if patch.get_zorder() == 2]
    assert sorted((patch.get_y() + 0.5, patch.get_x() + 0.5) for patch in taps) == [
        (y, x) for y in (7, 10, 13) for x in (7, 10, 13)
    ]


def test_a_sequence_and_a_volume() -> None:
    assert (
        rfcalc.plot(MODELS / "wavenet.json", what="field", layer="values").axes[0].get_xlabel()
        == "steps of the input"
    )
    title = rfcalc.plot(MODELS / "video.json", what="field", layer="pool2").axes[0].get_title(loc="left")
    assert re.search(r"slices \d+ to \d+", title)


def test_on_an_image(tmp_path: Path) -> None:
    Image.new("RGB", (9, 5), (200, 30, 30)).save(tmp_path / "in.png")
    picture = rfcalc.plot(MODELS / "pooling.json", what="field", layer="conv3", image=tmp_path / "in.png")
    assert picture.axes[0].images[0].get_extent() == [-0.5, 27.5, 27.5, -0.5]
    assert "the image is scaled to 28x28" in picture.axes[0].get_title(loc="left")


def test_fields_beside_each_other() -> None:
    """The unit without pooling is the one whose field has its middle nearest to that of the unit with it."""
    axes = rfcalc.plot(
        MODELS / "pooling.json", what="field", layer="conv3", at=(1, 1), variants=["plain"]
    ).axes[0]
    assert boxes(axes) == {
        "the input": (0, 0, 28, 28),
        "with pooling: 18x18 pixels": (4, 4, 18, 18),
        "without pooling: 7x7 pixels": (9, 9, 7, 7),
    }
    shown = labels(axes.figure.legends[0].get_texts())
    assert shown == ["the input", "with pooling: 18x18 pixels", "without pooling: 7x7 pixels"]


# ---- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "starts"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_files_are_the_same_from_run_to_run(tmp_path: Path, form: str, starts: bytes) -> None:
    first, second = tmp_path / f"a.{form}", tmp_path / f"b.{form}"
    for path in (first, second):
        rfcalc.plot(MODELS / "pooling.json", path)
    assert first.read_bytes().startswith(starts)
    assert first.read_bytes() == second.read_bytes()


def test_names_are_harmless() -> None:
    model = {
        "rfcalc": 1,
        "name": "$\\frac{1}{0}$",
        "input": [28, 28, 1],
        "layers": [{"kind": "conv", "name": "<svg>$x_{\\b", "filters": 1, "kernel": 3}],
    }
    svg = drawn(rfcalc.plot(model), "svg").decode()
    assert svg.count("<svg") == 1


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = MODELS / "pooling.json"
    assert run(capsys, "plot", model, "--with", "plain,dilated", "-o", tmp_path / "a.svg") == (0, "")
    assert run(capsys, "plot", model, "--what", "costs", "-o", tmp_path / "b.png") == (0, "")
    assert run(capsys, "plot", model, "conv3", "--at", "1,1", "-o", tmp_path / "c.pdf") == (0, "")
    assert run(capsys, "plot", model, "conv3", "-o", tmp_path / "d.png") == (0, "")
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("a.svg", "b.png", "c.pdf", "d.png"))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-o", "out.gif"], 2, "a picture is written as one of .svg, .png, .pdf"),
        (["-o", "-"], 2, "a picture is written as one of .svg, .png, .pdf"),
        ([], 2, "Missing option '--output'"),
        (["-o", "out.svg", "--with", "none"], 2, "there is no counterfactual 'none'"),
        (["-o", "out.svg", "none"], 2, "no layer or tensor 'none'"),
        (["-o", "out.svg", "conv3", "--at", "9,9"], 2, "there is no output 9 on an axis of 3"),
        (["-o", "out.svg", "conv3", "--at", "1"], 2, "1 place, but the input has 2 spatial axes"),
        (["-o", "out.svg", "--what", "costs", "conv3"], 2, "LAYER is for --what field, --what effective"),
        (["-o", "out.svg", "--what", "growth", "--at", "1,1"], 2, "--at is for --what field, --what"),
        (
            ["-o", "out.svg", "--what", "effective", "--with", "plain"],
            2,
            "costs, --what field and --what lines",
        ),
        (["-o", "out.svg", "--what", "lines", "--image", "in.png"], 2, "--image is for --what field"),
        (
            ["-o", "out.svg", "--what", "lines", "conv3", "--at", "9,9"],
            2,
            "there is no output 9 on an axis of 3",
        ),
        (["-o", "out.svg", "--what", "lines", "input"], 2, "a layer above the input"),
        (["-o", "out.svg", "--what", "lines", "flatten"], 3, "it keeps no map"),
        (["-o", "out.svg", "--what", "effective", "--image", "in.png"], 2, "--image is for --what field"),
        (["-o", "out.svg", "--image", "none.png"], 3, "no such image"),
        (["-o", "out.svg", "conv3", "--image", "none.png"], 3, "no such image"),
        (["-o", "out.svg", "conv3", "--image", "text.png"], 3, "is no image that can be read"),
    ],
)
def test_used_wrongly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.png").write_text("no image")
    ended, err = run(capsys, "plot", MODELS / "pooling.json", *arguments)
    assert ended == code
    assert err.count("\n") == 1
    assert says in err
    assert not (tmp_path / "out.svg").exists()


def test_a_huge_image_is_refused_by_its_header(tmp_path: Path) -> None:
    """A PNG that claims a hundred thousand pixels on each side, and has none."""
    small = io.BytesIO()
    Image.new("L", (1, 1)).save(small, "png")
    data = bytearray(small.getvalue())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(rfcalc.RfcalcError, match=r"100000x100000 pixels|no image that can be read"):
        rfcalc.plot(MODELS / "pooling.json", what="field", layer="conv3", image=tmp_path / "bomb.png")


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(rfcalc.RfcalcError, match=r"pip install 'rfcalc\[plot\]'"):
        rfcalc.plot(MODELS / "pooling.json")


# ---- what weighs in a unit ---------------------------------------------------------------------------------


def test_the_effective_field_beside_the_theoretical_one() -> None:
    found = rfcalc.effective(MODELS / "pooling.json", "conv3", (1, 1))
    (panel,) = rfcalc.plot(MODELS / "pooling.json", what="effective", layer="conv3", at=(1, 1)).axes
    edges = [line.get_xdata()[0] for line in panel.lines]
    assert edges == [found.axes[0].first - 0.5, found.axes[0].last + 0.5]
    assert labels(panel.get_legend().get_texts()) == [
        "what the unit depends on: 18 pixels",
        "99% of the weight: 17",
        "90% of the weight: 13",
        "50% of the weight: 6",
    ]
    shown, *shares = [patch.get_data() for patch in panel.patches]
    assert sum(shown.values) == pytest.approx(1)
    for least, part in zip((0.99, 0.9, 0.5), shares, strict=True):
        assert sum(part.values) >= least - 1e-9


def test_axes_that_weigh_differently_have_panels_of_their_own() -> None:
    picture = rfcalc.plot(MODELS / "pooling.json", what="effective", layer="conv3", at=(0, 2))
    assert [panel.get_xlabel() for panel in picture.axes] == [
        "rows of the input, pixels",
        "columns of the input, pixels",
    ]


def test_the_effective_field_from_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "effective.svg"
    code, _ = run(capsys, "plot", MODELS / "pooling.json", "--what", "effective", "-o", path)
    assert (code, path.read_bytes()[:5]) == (0, b"<?xml")
    code, err = run(capsys, "plot", MODELS / "pooling.json", "--what", "effective", "nosuch", "-o", path)
    assert code == 2
    assert "nosuch" in err


def test_the_field_of_a_unit_on_an_image(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`rfcalc field --image` draws what `rfcalc plot LAYER --image` draws."""
    picture, one, other = (tmp_path / name for name in ("in.png", "one.png", "other.png"))
    Image.new("RGB", (40, 30), "orange").save(picture)
    model = MODELS / "pooling.json"
    assert run(capsys, "field", model, "conv3", "--at", "1,1", "--image", picture, "-o", one)[0] == 0
    assert run(capsys, "plot", model, "conv3", "--at", "1,1", "--image", picture, "-o", other)[0] == 0
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "say where with -o"),
        (["-o", "field.txt"], "a picture is written as one of"),
        (["--phases", "-o", "field.png"], "leave --from-input and --phases out"),
        (["--from-input", "1,1", "-o", "field.png"], "leave --from-input and --phases out"),
        (["-o", "field.png"], "no such image"),
    ],
)
def test_an_image_used_wrongly(capsys: pytest.CaptureFixture[str], more: list[str], said: str) -> None:
    code, err = run(capsys, "field", MODELS / "pooling.json", "conv3", "--image", "none.png", *more)
    assert code in {2, 3}
    assert said in err

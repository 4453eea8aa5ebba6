"""The page in Chromium: what it says is what the commands say, and all of it can be reached."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import rfcalc
from rfcalc.render import humanise
from tests.page.browsing import Shown, started

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "models"

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def keras(name: str) -> rfcalc.LayerGraph:
    """Return one of keras.applications."""
    file = ROOT / "tests" / "data" / "keras" / "applications.json.gz"
    document = json.loads(gzip.decompress(file.read_bytes()))[name]
    return rfcalc.load(document["model"])


def onnx(name: str) -> rfcalc.LayerGraph:
    """Return one of torchvision's models, as ONNX."""
    pytest.importorskip("onnx")
    packed = ROOT / "tests" / "data" / "onnx" / f"tv.{name}.onnx.gz"
    return rfcalc.load(io.BytesIO(gzip.decompress(packed.read_bytes())))


MODELS: dict[str, Callable[[], rfcalc.LayerGraph]] = {
    "VGG16": partial(keras, "VGG16"),
    "ResNet-50": partial(keras, "ResNet50"),
    "MobileNetV3": partial(onnx, "mobilenet_v3_small"),
    "U-Net": partial(rfcalc.load, str(DOCS / "unet.json")),
    "Swin": partial(onnx, "swin_t"),
    "ViT": partial(onnx, "vit_b_16"),
    "WaveNet": partial(rfcalc.load, str(DOCS / "wavenet.json"), dims={"L": 4000}),
    "3-D": partial(rfcalc.load, str(DOCS / "video.json")),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as one:
        yield one


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Any]:
    """Return what shows a report in a window of some size; nothing may be complained of, or fetched."""
    shown: list[Shown] = []

    def open_report(report: rfcalc.Report, width: int = 1400, height: int = 900, **settings: Any) -> Shown:
        path = tmp_path / f"report{len(shown)}.html"
        report.save(path)
        page = browser.new_page(viewport={"width": width, "height": height}, **settings)
        shown.append(Shown(page, path))
        return shown[-1]

    yield open_report
    for each in shown:
        assert each.complaints == []
        assert [url for url in each.asked if not url.startswith(("file:", "data:", "blob:"))] == []
        each.page.close()


# ---- what it says is what the commands say -----------------------------------------------------------------


def names_of(axes: int, units: tuple[str, ...]) -> list[str]:
    if axes == 1:
        return [units[0]]
    return (["frames" if units[0] == "frames" else "slices"] if axes == 3 else []) + ["rows", "columns"]


def sizes_of(field: rfcalc.Field) -> list[int]:
    """Return how many units there are along each index of a layer."""
    indices = field.indices or tuple(range(len(field.axes)))
    return [field.axes[indices.index(number)].extent for number in range(max(indices) + 1)]


def called(unit: tuple[int, ...], sizes: list[int]) -> str:
    """Return how a sentence calls a unit."""
    if all(size == 1 for size in sizes):
        return "its one unit: "
    place = str(unit[0]) if len(unit) == 1 else f"({', '.join(map(str, unit))})"
    return f"unit {place} of {'x'.join(map(str, sizes))}: "


def told(field: rfcalc.Field, whole: list[bool]) -> list[str]:
    """Return how a sentence says what a unit reads along each axis, and its size, by what `field` found."""
    said, sizes = [], []
    for axis, name, everything in zip(field.axes, names_of(len(field.axes), field.units), whole, strict=True):
        span = axis.rows[0]
        if span is None:
            return ["reads nothing"]
        first, last, _ = span
        size = last - first + 1
        sizes.append(str(size))
        if everything:
            said.append(f"all {name}, whatever the size")
        else:
            said.append(f"{name[:-1]} {first}" if size == 1 else f"{name} {first}-{last}")
    inputs = "x".join(str(axis.input_extent) for axis in field.axes)
    most = "" if all(axis.status == "exact" for axis in field.axes) else "at most "
    return [", ".join(said), f"{most}{'x'.join(sizes)} of {inputs} ("]


@pytest.mark.onnx
@pytest.mark.parametrize("name", list(MODELS))
def test_units_see_what_field_says(name: str, show: Any) -> None:
    graph = MODELS[name]()
    page = show(rfcalc.report(graph, variants=[]))
    analysis = rfcalc.analyze(graph)
    if page.find("gates").count():
        page.find("gates").check()
    draw = random.Random(7)
    rows = [row for row in analysis if row.spatial and row.status == "exact" and row.receptive_field]
    for row in draw.sample(rows, min(8, len(rows))):
        whole = rfcalc.field(graph, row.name)
        sizes = sizes_of(whole)
        unit = tuple(map(draw.randrange, sizes))
        one = rfcalc.field(graph, row.name, at=unit)
        said = page.go(row.name, unit)
        assert said.startswith(f"{row.name}, {called(unit, sizes)}"), unit
        for part in told(one, [size is None for size in row.receptive_field or ()]):
            assert part in said, f"{row.name} {unit}"
        card = page.find("layer-card").inner_text()
        for figure in (row.params.total, row.macs, row.activations):
            assert figure is None or f"{figure:,}" in card, f"{row.name}: {figure}"


@pytest.mark.onnx
@pytest.mark.parametrize("name", [each for each in MODELS if each not in ("Swin", "ViT")])
def test_weights_hold_what_effective_says(name: str, show: Any) -> None:
    """Attention and shifted windows regroup positions, so that effective tells nothing of them."""
    graph = MODELS[name]()
    page = show(rfcalc.report(graph, variants=[]))
    page.find("weights").check()
    told_of = 0
    for row in random.Random(3).sample([row for row in rfcalc.analyze(graph) if row.spatial], 12):
        try:
            effective = rfcalc.effective(graph, row.name)
        except rfcalc.RfcalcError:
            continue
        page.go(row.name)
        text = page.page.locator(".controls").first.inner_text()
        if "not known" in text:
            continue
        for share, *widths in zip((50, 90, 99), *(axis.widths for axis in effective.axes), strict=True):
            named = [
                f"{width:,} {axis if width != 1 else axis[:-1]}"
                for width, axis in zip(
                    widths, names_of(len(widths), rfcalc.field(graph, row.name).units), strict=True
                )
            ]
            assert f"{share}% of its weight lies within {', '.join(named)}" in text, row.name
        told_of += 1
    # of a WaveNet of 4,000 samples the weights of all units are worked out for the first layers alone
    assert told_of > (0 if name == "WaveNet" else 3)


def test_the_table_says_what_analyze_says(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "pooling.json"), variants=[]))
    for row in rfcalc.analyze(str(DOCS / "pooling.json")):
        text = page.row(row.name).inner_text()
        shape = "x".join(str(extent) for extent in (row.output_shape or ())[1:])
        assert shape in text
        if row.receptive_field and None not in row.receptive_field:
            assert "x".join(map(str, row.receptive_field)) in text
        assert f"{row.params.total:,}" in text
        assert humanise.short(row.macs) in text or not row.macs


def test_totals_are_those_of_analyze(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "pooling.json"), variants=[]))
    text = page.find("totals").inner_text()
    for figure in ("104,202", "3,100,032", "18x18", "41%"):
        assert figure in text


# ---- going through it --------------------------------------------------------------------------------------


def test_what_pooling_is_for(show: Any) -> None:
    """The question that rfcalc began with, answered by two pictures side by side."""
    page = show(rfcalc.report(str(DOCS / "pooling.json")))
    page.row("conv3").click()
    assert "18x18 of 28x28" in page.says()
    assert "7x7 of 28x28" in page.says(1)


def test_hovering_a_row_shows_its_field_and_leaving_goes_back(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "pooling.json"), variants=[]))
    page.row("conv3").click()
    page.row("conv2").hover()
    assert page.says().startswith("conv2, ")
    page.page.mouse.move(1, 1)
    assert page.says().startswith("conv3, ")


def test_a_unit_is_moved_with_keys_mouse_and_numbers(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "pooling.json"), variants=[]))
    page.row("conv3").click()
    assert "unit (1, 1) of 3x3: rows 4-21, columns 4-21" in page.says()
    page.find("unit-map").focus()
    page.page.keyboard.press("ArrowRight")
    assert "unit (1, 2) of 3x3: rows 4-21, columns 8-25" in page.says()
    page.find("at-0").fill("0")
    assert "unit (0, 2) of 3x3: rows 0-17, columns 8-25" in page.says()
    box = page.find("unit-map").bounding_box()
    assert box is not None
    page.page.mouse.click(box["x"] + 6, box["y"] + box["height"] - 6)
    assert "unit (2, 0) of 3x3: rows 8-25, columns 0-17" in page.says()


def test_a_pixel_is_picked_and_the_units_that_see_it_are_counted(show: Any) -> None:
    path = str(DOCS / "pooling.json")
    page = show(rfcalc.report(path, variants=[]))
    page.row("conv3").click()
    said = page.pick((3, 20))
    assert said.startswith("row 3, column 20: ")
    counts = {}
    for row in rfcalc.analyze(path):
        if len(row.spatial) == 2:
            axes = rfcalc.field(path, row.name).axes
            counts[row.name] = sum(mask >> 3 & 1 for mask in axes[0].masks) * sum(
                mask >> 20 & 1 for mask in axes[1].masks
            )
    assert f"seen by {counts['conv3']} of the 9 units of conv3" in said
    text = page.find("pixel-list").inner_text()
    for name, count in counts.items():
        assert f"{name}\t{count:,}\t" in text


def test_units_of_a_flattened_map_have_one_index(show: Any) -> None:
    path = str(DOCS / "pooling.json")
    page = show(rfcalc.report(path, variants=[]))
    said = page.go("flatten", (5,))
    assert said.startswith("flatten, unit 5 of 1152: rows 0-17, columns 0-17: ")
    assert page.go("flatten", (5, 5)) == said, "a place for each axis of the input will do"
    assert page.page.get_by_test_id("at-0").count() == 1
    assert page.page.get_by_test_id("at-1").count() == 0
    page.find("field-canvas").focus()
    # channels come last: 128 of them at each place of the 3x3
    for key, unit in (("ArrowRight", 133), ("ArrowDown", 133 + 384), ("ArrowLeft", 5 + 384), ("ArrowUp", 5)):
        page.page.keyboard.press(key)
        assert f"unit {unit} of 1152: " in page.says()
        for part in told(rfcalc.field(path, "flatten", at=(unit,)), [False, False]):
            assert part in page.says()
    page.find("unit-map").focus()
    page.page.keyboard.press("ArrowRight")
    assert "unit 6 of 1152: " in page.says()
    page.find("at-0").fill("700")
    assert "unit 700 of 1152: " in page.says()
    assert page.page.url.endswith("layer=flatten&unit=700")


@pytest.mark.parametrize(("pixel", "count"), [((14, 14), "1,152"), ((3, 20), "256"), ((27, 0), "0")])
def test_units_of_a_flattened_map_are_counted_once(pixel: tuple[int, int], count: str, show: Any) -> None:
    path = str(DOCS / "pooling.json")
    assert f"{rfcalc.field(path, 'flatten').seeing(pixel).units:,}" == count
    page = show(rfcalc.report(path, variants=[]))
    page.go("flatten")
    assert f"seen by {count} of the 1,152 units of flatten" in page.pick(pixel)
    assert f"flatten\t{count}\t1,152" in page.find("pixel-list").inner_text()


@pytest.mark.onnx
def test_tokens_have_one_index(show: Any) -> None:
    graph = MODELS["ViT"]()
    page = show(rfcalc.report(graph, variants=[]))
    tokens = rfcalc.field(graph, "node_cat")
    assert "node_cat, unit 0 of 197: reads nothing" in page.go("node_cat", (0,)), "the class token"
    assert "unit 1 of 197: rows 0-15, columns 0-15: " in page.go("node_cat", (1,))
    page.find("field-canvas").focus()
    page.page.keyboard.press("ArrowDown")
    assert "unit 15 of 197: rows 16-31, columns 0-15: " in page.says()
    page.page.keyboard.press("ArrowRight")
    assert "unit 16 of 197: rows 16-31, columns 16-31: " in page.says()
    for pixel in ((14, 14), (100, 223)):
        count = tokens.seeing(pixel).units
        assert f"seen by {count} of the 197 units of node_cat" in page.pick(pixel)


def test_tokens_of_a_film_have_an_index_beside_that_of_the_frame(show: Any) -> None:
    film = {"rfcalc": 1, "input": [3, 4, 4, 1], "layers": [
        {"kind": "reshape", "name": "r", "shape": [None, 3, 16, 1]}]}  # fmt: skip
    page = show(rfcalc.report(film, variants=[]))
    said = page.go("r", (2, 7))
    assert said.startswith("r, unit (2, 7) of 3x16: ")
    for part in told(rfcalc.field(film, "r", at=(2, 7)), [False, False, False]):
        assert part in said
    page.find("at-1").fill("8")
    assert "unit (2, 8) of 3x16: " in page.says()
    page.find("at-0").fill("0")
    assert "unit (0, 8) of 3x16: " in page.says()
    assert "seen by 1 of the 48 units of r" in page.pick((2, 1, 3))


def test_rows_are_sorted_and_filtered(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "pooling.json"), variants=[]))
    names = [row.name for row in rfcalc.analyze(str(DOCS / "pooling.json"))]
    assert page.rows() == names
    page.find("filter").fill("conv")
    assert page.rows() == [name for name in names if "conv" in name]
    page.find("filter").fill("")
    page.find("sort-params").click()
    by_params = [
        row.params.total
        for name in page.rows()
        for row in [rfcalc.analyze(str(DOCS / "pooling.json")).layer(name)]
    ]
    assert by_params == sorted(by_params) or by_params == sorted(by_params, reverse=True)


def test_groups_open_and_close(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "resnet50.json"), variants=[]))
    group = page.page.locator("[data-testid=graph-group] [data-node]").first
    group.wait_for()
    count = "document.querySelectorAll('[data-node]').length"
    page.find("close-all").click()
    page.page.get_by_test_id("close-group").first.wait_for(state="detached")
    before = page.page.evaluate(count)
    group.focus()
    page.page.keyboard.press("Enter")
    page.page.wait_for_function(f"before => {count} > before", arg=before)
    page.page.get_by_test_id("close-group").first.click()
    page.page.wait_for_function(f"before => {count} === before", arg=before)


def test_sizes_are_switched(show: Any) -> None:
    path = str(DOCS / "unet.json")
    page = show(rfcalc.report(path, variants=[], sizes=[128, 100]))
    assert "256x256" in page.find("size").inner_text()
    page.go("down2/conv1")
    page.find("size").select_option(label="128x128")
    rows = [row for row in rfcalc.analyze(path, dims={"H": 128, "W": 128}) if row.name.startswith("down2")]
    assert "of 128x128" in page.go(rows[0].name)
    page.page.get_by_text("1 left out").click()
    assert page.page.get_by_text("100x100").first.is_visible(), "what does not fit is said"


def test_models_go_in_step_whose_layers_have_other_names(show: Any) -> None:
    old = json.loads((DOCS / "pooling.json").read_text(encoding="utf-8"))
    new = json.loads(json.dumps(old).replace('"conv', '"part'))
    for layer in new["layers"]:
        layer["kind"] = layer["kind"].replace("part", "conv")
    page = show(rfcalc.report(old, new))
    page.row("conv2").click()
    assert page.says(1).startswith("part2, ")
    assert "part2 stands for conv2" in page.find("field", 1).inner_text()
    assert "stands for" not in page.find("field").inner_text()


def test_keys_and_numbers_act_on_the_chosen_layer_wherever_the_mouse_rests(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "pooling.json"), variants=[]))
    page.row("conv3").click()
    page.row("pool1").hover()
    assert page.says().startswith("pool1, ")
    page.find("unit-map").press("ArrowDown")
    assert "conv3, unit (2, 1) of 3x3" in page.says()
    page.row("pool1").hover(position={"x": 30, "y": 5})
    page.row("pool1").hover(position={"x": 40, "y": 5})
    assert page.says().startswith("pool1, ")
    page.find("at-1").fill("0")
    assert "conv3, unit (2, 0) of 3x3" in page.says()
    page.row("pool1").hover(position={"x": 30, "y": 5})
    page.find("at-1").press("ArrowUp")
    assert "conv3, unit (2, 1) of 3x3" in page.says()


def test_two_models_go_in_step(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "pooling.json"), str(DOCS / "plain.json")))
    page.row("conv3").click()
    assert page.says().startswith("conv3")
    assert page.says(1).startswith("conv3")


def test_the_address_holds_the_place(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "pooling.json"), variants=[]))
    page.row("conv2").click()
    page.row("conv3").click()
    assert "layer=conv3" in page.page.url
    page.page.go_back()
    assert page.says().startswith("conv2, ")
    page.page.reload()
    page.words().wait_for()
    assert page.says().startswith("conv2, ")


def test_a_link_to_a_layer_that_only_the_second_model_has_leads_there(show: Any) -> None:
    layers = [{"kind": "conv", "name": "c", "filters": 1, "kernel": 3}]
    more = [*layers, {"kind": "conv", "name": "only2", "filters": 1, "kernel": 3}]
    one, two = ({"rfcalc": 1, "input": [16, 16, 1], "layers": each} for each in (layers, more))
    page = show(rfcalc.report(one, two))
    page.page.evaluate("location.hash = 'beside=1&layer=only2&unit=3,4'")
    page.page.reload()
    page.words(1).wait_for()
    assert page.says(1).startswith("only2, unit (3, 4) of 12x12")
    assert "only2" in page.page.url


def test_a_frame_of_a_notebook_shows_it(browser: Browser) -> None:
    """Its frame has no address that could be written, and no origin."""
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_content(rfcalc.report(str(DOCS / "pooling.json"), variants=[])._repr_html_())
    frame = page.frame_locator("iframe")
    for layer in ("conv2", "conv3"):
        frame.locator(f"[data-testid=layer-row][data-layer={layer}]").click()
        frame.get_by_test_id("unit-map").focus()
        page.keyboard.press("ArrowRight")
        frame.get_by_test_id("words").get_by_text(f"{layer}, unit").wait_for()
    assert complaints == []
    page.close()


def test_what_is_not_known_is_said(show: Any) -> None:
    page = show(rfcalc.report({"rfcalc": 1, "input": [None, None, 3], "layers": [
        {"kind": "conv", "name": "c", "filters": 1, "kernel": 3}]}, variants=[]))  # fmt: skip
    assert "open" in page.says()
    body = page.page.locator("body").inner_text()
    assert "NaN" not in body
    assert "undefined" not in body


# ---- safe, and for everybody -------------------------------------------------------------------------------


def test_a_hostile_model_is_harmless(show: Any) -> None:
    from tests.page.test_document import HOSTILE, hostile

    page = show(rfcalc.report(hostile(), variants=[]))
    page.page.evaluate("() => { window.alert = () => { window.hurt = true } }")
    assert page.rows()[1:] == list(HOSTILE)
    for name in HOSTILE[:5]:
        page.page.locator("[data-testid=layer-row]").nth(1 + HOSTILE.index(name)).click()
    page.page.get_by_test_id("graph-node").first.wait_for()
    assert page.page.evaluate("window.hurt") is None
    assert page.page.locator("img, iframe, object, a[href^='javascript']").count() == 0
    assert page.page.locator("script").count() == 2
    assert page.page.evaluate(WIDER) <= 0, "a long name does not widen the page"


def test_the_policy_blocks_what_is_put_into_the_page(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    rfcalc.report(str(DOCS / "plain.json")).save(path)
    text = path.read_text(encoding="utf-8")
    injected = (
        "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>"
        "<style>body { background: rgb(1, 2, 3) }</style><link rel=stylesheet href=x.css>"
    )
    path.write_text(text.replace("<noscript>", injected + "<noscript>"), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.get_by_test_id("words").first.wait_for()
    assert page.evaluate("window.hurt") is None
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(1, 2, 3)"
    refused = page.evaluate("fetch('https://example.org').then(() => 'fetched', () => 'refused')")
    assert refused == "refused"
    page.close()


VIEWS = [
    pytest.param({"width": 1400}, id="wide"),
    pytest.param({"width": 390, "height": 800}, id="phone"),
    pytest.param({"color_scheme": "dark"}, id="dark"),
    pytest.param({"reduced_motion": "reduce"}, id="calm"),
]


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(view: dict[str, Any], show: Any) -> None:
    axe = ROOT / "page" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.exists():
        pytest.skip("needs axe-core: npm ci in page/")
    page = show(rfcalc.report(str(DOCS / "resnet.json")), **view)
    page.page.get_by_test_id("graph-node").first.wait_for()
    page.page.evaluate(axe.read_text(encoding="utf-8"))
    result = page.page.evaluate("axe.run()")
    told = [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in result["violations"]]
    assert told == []


def test_it_fits_a_phone(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "pooling.json"), sizes=[8]), width=390, height=800)
    assert page.page.evaluate(WIDER) <= 0
    page.page.evaluate("location.hash = 'size=8x8'")
    assert "pooling cannot be built at 8x8: " in page.find("lacks").inner_text()
    assert page.page.evaluate(WIDER) <= 0


def test_two_fields_are_in_sight_together_on_a_phone(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "pooling.json")), width=390, height=800)
    one, other = (page.find("field-canvas", side).bounding_box() for side in (0, 1))
    assert abs(one["y"] - other["y"]) < 100
    assert one["x"] + one["width"] < other["x"]
    assert min(one["width"], other["width"]) > 120


@pytest.mark.parametrize("width", [390, 700, 1000, 1400])
def test_a_field_has_room_beside_a_bench(width: int, show: Any) -> None:
    """What stands beside it gives way by the room of the report, which may be a part of the window."""
    page = show(rfcalc.report(str(DOCS / "pooling.json"), variants=[]), width=1400)
    page.page.evaluate("width => { document.querySelector('.report').style.width = `${width}px`; }", width)
    assert page.page.locator(".plane").first.bounding_box()["width"] > 250
    assert page.page.evaluate(WIDER) <= 0


def test_titles_stay_in_their_boxes(show: Any) -> None:
    names = [f"{'MatMul_WWW' * (place % 4)}{place}" for place in range(30)]
    layers = [{"kind": "conv", "name": name, "filters": 1, "kernel": 1} for name in names]
    page = show(rfcalc.report({"rfcalc": 1, "input": [16, 16, 1], "layers": layers}, variants=[]))
    page.page.get_by_test_id("graph-node").first.wait_for()
    out = page.page.evaluate(
        """() => [...document.querySelectorAll(".node-title")].filter(each =>
            each.getBoundingClientRect().right > each.closest(".node").querySelector(".face:not(.behind)")
                .getBoundingClientRect().right).map(each => each.textContent)"""
    )
    assert out == []


@pytest.mark.parametrize("width", [390, 1400])
def test_long_names_do_not_widen_the_page(width: int, show: Any) -> None:
    long = "n" * 199
    layers = [{"kind": "conv", "name": f"{long}{place}", "filters": 1, "kernel": 3} for place in range(3)]
    model = {"rfcalc": 1, "name": long, "input": [16, 16, 1], "layers": layers}
    page = show(rfcalc.report(model, {**model, "layers": layers[:2]}), width=width)
    page.page.get_by_test_id("graph-node").first.wait_for()
    assert page.page.evaluate(WIDER) <= 0


def test_what_is_touched_on_a_phone_is_high_enough(show: Any) -> None:
    page = show(rfcalc.report(str(DOCS / "resnet.json")), width=390, height=800)
    page.page.get_by_test_id("graph-node").first.wait_for()
    low = page.page.evaluate(
        """() => [...document.querySelectorAll("button, select, summary, input, nav a")]
            .filter(each => each.checkVisibility() && each.getBoundingClientRect().height < 24)
            .map(each => each.outerHTML.slice(0, 100))"""
    )
    assert low == []


@pytest.mark.parametrize("name", ["resnet50", "pooling"])
def test_paper_is_wide_enough(name: str, show: Any) -> None:
    a4 = 718  # pixels between its margins, as browsers print it
    page = show(rfcalc.report(str(DOCS / f"{name}.json")), width=a4)
    page.page.emulate_media(media="print")
    page.page.wait_for_function("() => !document.querySelector('[data-testid=layers] tr[aria-hidden]')")
    out = page.page.evaluate(
        """() => [...document.querySelectorAll("table")].filter(each => each.checkVisibility())
            .map(each => Math.round(each.getBoundingClientRect().right - innerWidth))"""
    )
    assert max(out) <= 0, "tables end on the page"


def test_pictures_are_printed_whole(show: Any) -> None:
    """They were drawn for a window that is wider than paper."""
    page = show(rfcalc.report(str(DOCS / "pooling.json")), width=1400)
    page.page.emulate_media(media="print")
    page.page.evaluate("() => { document.querySelector('.report').style.width = '718px'; }")
    out = page.page.evaluate(
        """() => [...document.querySelectorAll(".chart, .plane canvas, .graph-pane")]
            .filter(each => each.getBoundingClientRect().right > 718
                || each.scrollHeight > each.clientHeight + 1)
            .map(each => each.outerHTML.slice(0, 80))"""
    )
    assert out == []


def test_the_whole_table_is_printed(show: Any) -> None:
    path = str(DOCS / "wavenet.json")
    page = show(rfcalc.report(rfcalc.load(path, dims={"L": 400}), variants=[]))
    assert len(page.rows()) < 277, "on a screen rows are made as they come into view"
    page.page.emulate_media(media="print")
    page.page.wait_for_function("() => document.querySelectorAll('[data-testid=layer-row]').length >= 277")


def test_a_thousand_layers_are_made_as_they_come_into_view(show: Any) -> None:
    chain = {"rfcalc": 1, "input": [64, 4], "layers": [{"repeat": 3000, "layers": [
        {"kind": "conv", "filters": 4, "kernel": 3, "padding": "same"}]}]}  # fmt: skip
    page = show(rfcalc.report(chain, variants=[]))
    assert len(page.rows()) < 200
    assert page.page.locator("svg [data-node]").count() < 500

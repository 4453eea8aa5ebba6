"""The document of a report says what the questions say of the same model."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.loading import asked
from tests.page.reading import masks_on, weights_on

DOCS = Path(__file__).parents[2] / "docs" / "models"

DILATED = {"rfcalc": 1, "input": [40, 30, 1], "layers": [
    {"kind": "conv", "name": "a", "filters": 1, "kernel": 3, "dilation": 3, "padding": "same"},
    {"kind": "conv", "name": "b", "filters": 1, "kernel": 3, "stride": 2},
    {"kind": "upsample", "name": "u", "scale": 2},
    {"kind": "conv", "name": "c", "filters": 1, "kernel": [3, 5], "padding": "same"},
]}  # fmt: skip
GATED = {"rfcalc": 1, "input": [16, 16, 8], "layers": [
    {"kind": "conv", "name": "c", "filters": 8, "kernel": 3, "padding": "same"},
    {"kind": "global_average_pool", "name": "squeeze", "keepdims": True},
    {"kind": "multiply", "name": "gate", "inputs": ["c", "squeeze"]},
]}  # fmt: skip
TOKENS = {"rfcalc": 1, "input": [12, 4], "layers": [
    {"kind": "conv", "name": "c", "filters": 4, "kernel": 3, "padding": "causal"},
    {"kind": "conv", "name": "d", "filters": 4, "kernel": 2, "stride": 3},
]}  # fmt: skip

MODELS: dict[str, Any] = {
    "pooling": str(DOCS / "pooling.json"),
    "unet": str(DOCS / "unet.json"),
    "video": str(DOCS / "video.json"),
    "resnet": str(DOCS / "resnet.json"),
    "capsnet": str(DOCS / "capsnet.json"),
    "dilated": DILATED,
    "gated": GATED,
    "tokens": TOKENS,
}


def first(model: Any, **settings: Any) -> dict[str, Any]:
    """Return what a report says of a model at the size asked for."""
    found: dict[str, Any] = rfcalc.report(model, **settings).to_dict()["models"][0]["sizes"][0]
    return found


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_each_unit_reads_what_field_says(model: Any) -> None:
    sized = first(model)
    fields = sized["fields"]
    assert fields is not None, sized["fields_missing"]
    checked = 0
    for row, layer in enumerate(sized["analysis"]["layers"]):
        if fields["of"][row] is None:
            assert not layer["spatial"], "a long vector"
            continue
        told = rfcalc.field(model, layer["name"])
        indices = tuple(fields["indices"][fields["of"][row]])
        assert indices == (told.indices or tuple(range(len(told.axes))))
        for axis, expected in enumerate(told.axes):
            assert masks_on(fields, row, axis) == list(expected.masks), layer["name"]
            number = fields["maps"][fields["of"][row]][axis]
            assert fields["axes"][number]["exact"] == (expected.status == "exact")
            checked += 1
    assert checked


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_windows_count_what_field_says_is_lost_to_padding(model: Any) -> None:
    fields, layers = first(model)["fields"], first(model)["analysis"]["layers"]
    for row, layer in enumerate(layers):
        if fields["of"][row] is None:
            continue
        for axis, expected in enumerate(rfcalc.field(model, layer["name"]).axes):
            window = fields["axes"][fields["maps"][fields["of"][row]][axis]]["window"]
            if window is None:
                continue
            assert expected.windows is not None
            spans = window["spans"]
            counts = [spans[unit % len(spans)][2] for unit in range(expected.extent)]
            assert counts == list(expected.windows), layer["name"]
            for unit, mask in enumerate(masks_on(fields, row, axis) or ()):
                low, high, _ = spans[unit % len(spans)]
                moved = unit // len(spans) * window["advance"]
                inside = (1 << max(high + moved + 1, 0)) - (1 << max(low + moved, 0))
                assert mask & ~inside == 0, f"{layer['name']} reads outside of its window"


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_weights_are_those_of_effective(model: Any) -> None:
    sized = first(model)
    fields = sized["fields"]
    draw = random.Random(1)
    checked = 0
    for row, layer in enumerate(sized["analysis"]["layers"]):
        found = [weights_on(fields, row, axis) for axis in range(len(sized["extents"]))]
        if any(axis is None for axis in found):
            continue
        at = [draw.randrange(len(axis)) for axis in found if axis is not None]
        if not any(
            levels for axis, unit in zip(found, at, strict=True) for _, levels in (axis or ())[unit:][:1]
        ):
            continue  # it reads padding alone
        told = rfcalc.effective(model, layer["name"], at)
        for axis, unit, expected in zip(found, at, told.axes, strict=True):
            assert axis is not None
            start, levels = axis[unit]
            most = max(expected.weights)
            whole = [0] * start + list(levels) + [0] * (expected.extent - start - len(levels))
            for level, weight in zip(whole, expected.weights, strict=True):
                assert (level > 0) == (weight > 0)
                assert abs(level - 255 * weight / most) < 1, layer["name"]
            checked += 1
    assert checked


def test_widths_are_those_of_effective() -> None:
    sized = first(MODELS["pooling"])
    weights = sized["fields"]["weights"]
    for row, layer in enumerate(sized["analysis"]["layers"][:6]):
        told = rfcalc.effective(MODELS["pooling"], layer["name"])
        for axis, expected in enumerate(told.axes):
            found = weights["axes"][weights["maps"][weights["of"][row]][axis]]
            assert (found["middle"], tuple(found["widths"])) == (expected.at, expected.widths)


def test_gates_can_be_cut() -> None:
    fields = first(GATED)["fields"]
    *_, gate = range(len(fields["of"]))
    assert masks_on(fields, gate, 0) == [(1 << 16) - 1] * 16
    assert masks_on(fields, gate, 0, "local") == masks_on(fields, 1, 0)


def test_the_analysis_is_that_of_analyze() -> None:
    assert first(MODELS["unet"])["analysis"] == rfcalc.analyze(MODELS["unet"]).to_dict()


def test_memory_has_its_peak_where_analyze_says() -> None:
    sized = first(MODELS["unet"])
    peak = sized["analysis"]["totals"]["peak_memory"]
    names = [layer["name"] for layer in sized["analysis"]["layers"]]
    assert max(sized["memory"]) == peak["bytes"]
    assert names[sized["memory"].index(peak["bytes"])] == peak["layer"]


def test_fields_come_about_by_these_sums() -> None:
    model = rfcalc.report(MODELS["pooling"], variants=[]).to_dict()["models"][0]
    names = [row["name"] for row in model["sizes"][0]["analysis"]["layers"]]
    told = {name: sums[0] for name, sums in zip(names, model["sums"], strict=True) if sums}
    assert told == {
        "conv1": "1 + (3 - 1) x 1 = 3", "pool1": "3 + (2 - 1) x 1 = 4", "conv2": "4 + (3 - 1) x 2 = 8",
        "pool2": "8 + (2 - 1) x 2 = 10", "conv3": "10 + (3 - 1) x 4 = 18",
    }  # fmt: skip


def test_a_sum_that_does_not_give_the_field_is_not_told() -> None:
    """Behind an upsampling fields differ by phase: the largest is no longer such a sum."""
    model = rfcalc.report(DILATED, variants=[]).to_dict()["models"][0]
    rows = model["sizes"][0]["analysis"]["layers"]
    sums = dict(zip([row["name"] for row in rows], model["sums"], strict=True))
    assert sums["a"] == ["1 + (3 - 1) x 3 x 1 = 7"] * 2
    for row in rows:
        for told, size in zip(sums[row["name"]] or (), row["receptive_field"] or (), strict=False):
            left, right = told.split(" = ")
            assert eval(left.replace("x", "*")) == int(right) == size


# ---- variants, other models, sizes -------------------------------------------------------------------------


def titles(report: rfcalc.Report) -> list[str]:
    return [model["title"] for model in report.to_dict()["models"]]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["pooling", "without pooling"]),
        ({"variants": []}, ["pooling"]),
        ({"variants": ["strided", "dilated"]}, ["pooling", "strided for pooled", "dilated for pooled"]),
    ],
)
def test_counterfactuals_stand_beside(settings: dict[str, Any], expected: list[str]) -> None:
    found = titles(rfcalc.report(MODELS["pooling"], **settings))
    assert len(found) == len(expected)
    assert found[:1] == expected[:1]


def test_what_is_without_its_pooling_sees_less() -> None:
    with_pooling, without = rfcalc.report(MODELS["pooling"]).to_dict()["models"]
    sees = {}
    for model in (with_pooling, without):
        rows = model["sizes"][0]["analysis"]["layers"]
        sees[model["title"]] = next(row["receptive_field"] for row in rows if row["name"] == "conv3")
    assert sees == {"pooling": [18, 18], "without pooling": [7, 7]}  # the question that rfcalc began with


def test_another_model_stands_beside_with_what_changed() -> None:
    plain = str(DOCS / "plain.json")
    document = rfcalc.report(MODELS["pooling"], plain).to_dict()
    assert [model["title"] for model in document["models"]] == ["pooling", "plain"]
    assert document["diff"] == rfcalc.diff(MODELS["pooling"], plain).to_dict()
    with pytest.raises(UsageError, match="one model"):
        rfcalc.report(MODELS["pooling"], plain, variants=["plain"])


def test_growth_is_that_of_the_comparison() -> None:
    document = rfcalc.report(MODELS["pooling"]).to_dict()
    compared = rfcalc.compare(MODELS["pooling"])
    assert document["comparison"]["answer"] == compared.to_dict()["answer"]
    longest = document["growth"][0]["series"][0]["lines"][0]
    named = {document["growth"][0]["layers"][place]: size for place, size, *_ in longest}
    assert named["conv3"] == 18


def test_sizes_can_be_switched_between() -> None:
    model = rfcalc.report(MODELS["unet"], sizes=[192, [128, 320], 100]).to_dict()["models"][0]
    assert [size["extents"] for size in model["sizes"]] == [[256, 256], [192, 192], [128, 320]]
    (left_out,) = model["left_out"]
    assert left_out["extents"] == [100, 100]
    with pytest.raises(RfcalcError) as refusal:
        rfcalc.analyze(MODELS["unet"], dims={"H": 100, "W": 100})
    assert str(refusal.value).partition(": ")[2] in left_out["reason"] or left_out["reason"] in str(
        refusal.value
    )


def test_a_size_has_an_extent_for_each_axis() -> None:
    with pytest.raises(UsageError, match="2 spatial axes"):
        rfcalc.report(MODELS["unet"], sizes=[[1, 2, 3]])


# ---- what is not known -------------------------------------------------------------------------------------


def test_an_open_size_has_no_units() -> None:
    convolution = {"kind": "conv", "filters": 1, "kernel": 3}
    sized = first({"rfcalc": 1, "input": [None, None, 3], "layers": [convolution]})
    assert sized["fields"] is None
    assert sized["fields_missing"].startswith("the size of the input is open; give one")


def test_what_no_rule_knows_has_no_map() -> None:
    model = {"class_name": "Sequential", "config": {"name": "m", "layers": [
        {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, 8, 8, 1]}},
        {"class_name": "Riddle", "config": {"name": "riddle"}},
    ]}}  # fmt: skip
    sized = first(model)
    assert sized["analysis"]["layers"][-1]["status"] == "unknown"
    assert sized["fields"]["of"][-1] is None
    assert [mark["code"] for mark in sized["marks"]] == ["unknown-op"]


def test_a_vector_model_says_that_there_is_nothing_to_see() -> None:
    sized = first({"rfcalc": 1, "input": [10], "layers": [{"kind": "linear", "units": 3}]})
    assert sized["fields"] is None
    assert "no spatial axes" in sized["fields_missing"]


# ---- marks -------------------------------------------------------------------------------------------------


def test_layers_are_marked_where_a_reviewer_would_look() -> None:
    sized = first(DILATED)
    names = [layer["name"] for layer in sized["analysis"]["layers"]]
    assert {(names[mark["row"]], mark["code"]) for mark in sized["marks"]} >= {("a", "holes")}
    idle = first({"rfcalc": 1, "input": [8, 8, 1], "layers": [
        {"kind": "conv", "name": f"c{k}", "filters": 1, "kernel": 5, "padding": "same"} for k in range(4)
    ]})  # fmt: skip
    assert [(mark["row"], mark["code"]) for mark in idle["marks"]] == [
        (3, "unproductive"),
        (4, "unproductive"),
    ]


def test_joins_out_of_line_are_marked_as_align_says() -> None:
    model = MODELS["resnet"]
    sized = first(model)
    names = [layer["name"] for layer in sized["analysis"]["layers"]]
    with asked(model) as run:
        apart = {join.layer for join in run.joins if any(join.offset) and not join.drifts}
    assert {names[mark["row"]] for mark in sized["marks"] if mark["code"] == "misaligned"} == apart


def test_elements_of_a_long_vector_are_not_listed() -> None:
    """Nobody looks at 30,976 elements of a flatten one by one; what the layer sees stands in its row."""
    plain = rfcalc.report(MODELS["pooling"]).to_dict()["models"][1]["sizes"][0]
    found = {
        row["name"]: plain["fields"]["of"][place] is not None
        for place, row in enumerate(plain["analysis"]["layers"])
    }
    (flatten,) = [name for name, known in found.items() if not known]
    assert rfcalc.analyze(rfcalc.variant(MODELS["pooling"], "plain")).layer(flatten).spatial == ()


# ---- two models --------------------------------------------------------------------------------------------


def test_two_models_have_lines_of_growth_each() -> None:
    growth = rfcalc.report(MODELS["pooling"], str(DOCS / "plain.json")).to_dict()["growth"][0]
    last = {series["names"][0]: series["lines"][0][-1][1] for series in growth["series"]}
    assert "conv3" in growth["layers"]
    assert last == {"pooling": 18, "plain": 7}


def test_two_models_of_one_name_are_told_apart() -> None:
    assert titles(rfcalc.report(DILATED, GATED)) == ["model", "model (2)"]


@pytest.mark.parametrize("pair", [(DILATED, TOKENS), (TOKENS, DILATED)])
def test_models_of_other_ranks_stand_side_by_side(pair: tuple[Any, Any]) -> None:
    document = rfcalc.report(*pair, sizes=[16]).to_dict()
    assert len(document["growth"]) == 1
    (left_out,) = document["models"][1]["left_out"]
    assert "spatial axes" in left_out["reason"]


# ---- what is not there has its own reason ------------------------------------------------------------------


def test_each_row_has_its_own_reason() -> None:
    model = {"rfcalc": 1, "input": [80, 80, 1], "layers": [
        {"kind": "conv", "name": "c", "filters": 1, "kernel": 3},
        {"kind": "flatten", "name": "f"},
    ]}  # fmt: skip
    fields = first(model, variants=[])["fields"]
    assert fields["why"] == {
        "2": "what each of 6,084 units reads is not listed; rfcalc field --at tells it of one"
    }
    assert fields["weights"]["why"] == {"2": "its positions are merged with channels"}
    assert fields["weights"]["of"][2] is None


def test_an_axis_too_long_says_which_command_tells_of_one_unit() -> None:
    sized = first({"rfcalc": 1, "input": [10**6, 1], "layers": [{"kind": "conv", "filters": 1, "kernel": 3}]})
    assert sized["fields"] is None
    assert sized["fields_missing"].endswith("rfcalc field --at tells it of one")


def test_windows_of_other_strides_are_told_apart() -> None:
    """Both see all 4 pixels by windows of 101; how far these move from unit to unit is not the same."""
    model = {"rfcalc": 1, "input": [4, 4, 1], "layers": [
        {"kind": "conv", "name": "a", "filters": 1, "kernel": 101, "padding": [50, 50]},
        {"kind": "conv", "name": "b", "filters": 1, "kernel": 101, "padding": [50, 53], "stride": 2,
         "inputs": "input"},
    ]}  # fmt: skip
    fields = first(model, variants=[])["fields"]
    windows = [fields["axes"][fields["maps"][number][0]]["window"] for number in fields["of"]]
    assert [window["advance"] for window in windows] == [1, 1, 2]


def test_the_last_map_is_that_of_compare() -> None:
    for name in ("pooling", "capsnet", "video"):
        model = rfcalc.report(MODELS[name], variants=[]).to_dict()["models"][0]
        (entry,) = rfcalc.compare(MODELS[name], variants=[]).entries
        assert entry.bill is not None
        rows = model["sizes"][0]["analysis"]["layers"]
        assert rows[model["last"]]["name"] == entry.bill.field_layer


@pytest.mark.parametrize("sizes", [20, "20", [20.5], [[20, "20"]], [True]])
def test_what_is_no_size_is_refused(sizes: Any) -> None:
    with pytest.raises(UsageError):
        rfcalc.report(MODELS["unet"], sizes=sizes)


def test_a_size_stands_once() -> None:
    model = rfcalc.report(MODELS["pooling"], sizes=[28, 32, [32, 32]], variants=[]).to_dict()["models"][0]
    assert [size["extents"] for size in model["sizes"]] == [[28, 28], [32, 32]]

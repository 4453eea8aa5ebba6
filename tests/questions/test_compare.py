"""Models side by side: figures that are known, and what is said of models that have no counterfactual."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.engine.memory import element_size
from tests.readers.test_keras_truth import cases

MODELS = Path(__file__).parents[2] / "docs" / "models"


def keras(name: str) -> dict[str, Any]:
    model: dict[str, Any] = cases("applications")[name]["model"]
    return model


def test_the_table_that_it_began_with() -> None:
    """The table of the seed question: three convolutions with two poolings between them, and without."""
    comparison = rfcalc.compare(MODELS / "pooling.json", variants=["plain"])
    pooling, plain = (comparison.entry(name).bill for name in ("original", "plain"))
    assert pooling is not None
    assert plain is not None
    assert (pooling.field_layer, pooling.field, plain.field) == ("conv3", (18, 18), (7, 7))
    assert (pooling.last_map, plain.last_map) == ((None, 3, 3, 128), (None, 22, 22, 128))
    assert (pooling.dense_inputs, plain.dense_inputs) == (1152, 61952)
    assert (pooling.params, plain.params) == (104202, 712202)
    assert comparison.answer[0] == " ".join(
        (
            "With pooling, conv3 sees 18x18 of 28x28 (41%); without, 7x7 (6%).",
            "Without pooling the classifier has 61,952 inputs instead of 1,152,",
            "and the model 712,202 parameters instead of 104,202.",
            "It takes 47.1 M multiply-accumulates instead of 3.10 M (15.2 times).",
            "To see as far without pooling takes 6 more 3x3 convolutions on top of that.",
        )
    )


def test_six_more_convolutions_are_enough_and_five_are_not() -> None:
    def deep(more: int) -> dict[str, Any]:
        convolutions = [{"kind": "conv", "filters": 8, "kernel": 3} for _ in range(3 + more)]
        return {"rfcalc": 1, "input": [64, 64, 1], "layers": convolutions}

    fields = [list(rfcalc.analyze(deep(more)))[-1].receptive_field for more in (5, 6)]
    assert fields == [(17, 17), (19, 19)]


def test_what_is_lost_of_position() -> None:
    """Two poolings of stride 2: shifts by 4 are followed, up to 1 * 1 + 1 * 2 = 3 may be hidden."""
    comparison = rfcalc.compare(MODELS / "pooling.json", variants=["plain", "average"])
    bills = [entry.bill for entry in comparison.entries]
    assert [bill and (bill.exact_shift, bill.tolerated_shift) for bill in bills] == [
        ((4, 4), (3, 3)),
        ((1, 1), (0, 0)),
        ((4, 4), (0, 0)),
    ]
    assert comparison.answer[-2] == " ".join(
        (
            "In exchange, pooling gives up position: the last map has one unit every 4 pixels,",
            "without pooling one every pixel. Far from the border a shift of the input by 4 pixels moves it",
            "by one unit; max pooling may hide one of up to 3, if maxima stay in their windows.",
        )
    )
    assert comparison.answer[-1] == (
        "So it is not the maxima that let conv3 see further, but the windows and their steps: "
        "with average pooling it sees as far."
    )


def test_no_more_is_asked_for_than_there_is_to_see() -> None:
    """19 pixels of the 28 are missing behind a 3x3 convolution with a jump of 1 from 9 pixels: 10 more."""
    pools = [layer for _ in range(3) for layer in (conv3(), max_pool(3, 2))]
    model = {"rfcalc": 1, "input": [28, 28, 1], "layers": [*pools, conv3()]}
    told = rfcalc.compare(model, variants=["plain"])
    far, near = (entry.bill and entry.bill.field for entry in told.entries)
    assert far is not None
    assert near is not None
    assert far[0] > 28 > near[0]
    assert f"takes {-(-(28 - near[0]) // 2)} more 3x3 convolutions" in told.answer[0]


def test_steps_are_no_cause_where_there_are_none() -> None:
    model = {"rfcalc": 1, "input": [28, 28, 1], "layers": [conv3(), max_pool(3, 1), conv3()]}
    assert not any("not the maxima" in line for line in rfcalc.compare(model).answer)


def test_a_unet_follows_shifts_of_its_deepest_stride() -> None:
    bill = rfcalc.compare(MODELS / "unet.json", variants=["strided"]).entries[0].bill
    assert bill is not None
    assert (bill.stride, bill.exact_shift) == ((1, 1), (16, 16))


def test_vgg16_without_pooling() -> None:
    comparison = rfcalc.compare(keras("VGG16"), variants=["plain"])
    bills = [entry.bill for entry in comparison.entries]
    assert [bill and bill.field for bill in bills] == [(196, 196), (27, 27)]
    assert [bill and bill.dense_inputs for bill in bills] == [7 * 7 * 512, 224 * 224 * 512]
    assert [bill and bill.dense_params for bill in bills] == [102_764_544, 224 * 224 * 512 * 4096 + 4096]
    assert (
        "fc1, takes 25,690,112 inputs instead of 25,088 and weighs 105,226,702,848 parameters"
        in (comparison.answer[0])
    )


@pytest.mark.parametrize(
    ("name", "entries", "refused"),
    [
        ("ResNet50", ["original", "plain", "strided", "dilated"], {}),
        ("DenseNet121", ["original", "plain", "strided", "dilated"], {}),
        (
            "InceptionV3",
            ["original", "plain", "unstrided", "strided", "dilated", "atrous"],
            {"plain": ("mixed3", "unstrided"), "dilated": ("mixed3", "atrous")},
        ),
        ("MobileNetV2", ["original", "unstrided", "atrous"], {}),
        (
            "Xception",
            ["original", "plain", "unstrided", "strided", "dilated", "atrous"],
            {"plain": ("add", "unstrided"), "dilated": ("add", "atrous")},
        ),
    ],
)
def test_works_or_names_the_join(name: str, entries: list[str], refused: dict[str, tuple[str, str]]) -> None:
    comparison = rfcalc.compare(keras(name))
    assert [entry.name for entry in comparison.entries] == entries
    found = {
        entry.name: (entry.refusal.layer, entry.refusal.instead)
        for entry in comparison.entries
        if entry.refusal is not None
    }
    assert found == refused
    for line in comparison.answer:
        assert "None" not in line


def test_the_same_model_from_its_own_counterfactual() -> None:
    """What `variant` gives is what the comparison shows."""
    comparison = rfcalc.compare(MODELS / "pooling.json", variants=["dilated"])
    entry = comparison.entry("dilated")
    direct = rfcalc.analyze(rfcalc.variant(MODELS / "pooling.json", "dilated"))
    assert entry.result is not None
    assert entry.result.rows == direct.rows
    assert entry.changed == 4  # both poolings, and the convolution behind each


@pytest.mark.parametrize(
    ("variant", "phrase"),
    [
        ("pool", "with max pooling of window 2 after every convolution"),
        ("pool:2:1", "with max pooling of window 2 after every convolution"),
        ("pool:3:2", "with max pooling of window 3 after every 2 convolutions"),
    ],
)
def test_a_pooling_that_was_not_there_is_named(variant: str, phrase: str) -> None:
    """Beside a model whose poolings were taken out it is not to be taken for these."""
    said = rfcalc.compare(MODELS / "plain.json", variants=[variant]).answer[0]
    assert said.startswith(f"As it is, conv3 sees 7x7 of 28x28 (6%); {phrase}, ")


def test_nothing_to_change() -> None:
    comparison = rfcalc.compare(MODELS / "plain.json", variants=["plain", "average"])
    assert comparison.answer[0].startswith("There is nothing to compare this model with")
    assert comparison.answer[1] == "'plain' and 'average' change nothing of this model."
    assert [entry.changed for entry in comparison.entries] == [0, 0, 0]


def test_other_poolings_cost_the_same() -> None:
    comparison = rfcalc.compare(MODELS / "pooling.json", variants=["average", "median"])
    assert comparison.answer[0] == (
        "With average pooling, conv3 sees the same 18x18. Shapes and costs are the same."
    )


def test_models_by_depth() -> None:
    comparison = rfcalc.compare(MODELS / "pooling.json", MODELS / "plain.json")
    assert not comparison.counterfactuals
    assert [entry.name for entry in comparison.entries] == ["pooling", "plain"]
    assert [[row and row.name for row in rows] for _, rows in comparison.depths][:3] == [
        ["conv1", "conv1"],
        ["pool1", "conv2"],
        ["conv2", "conv3"],
    ]
    assert comparison.answer == (
        "In plain, conv3 sees 7x7 (6%); in pooling, conv3 sees 18x18 (41%). plain has 712,202 parameters and "
        "47.1 M multiply-accumulates, pooling 104,202 and 3.10 M.",
    )


def test_models_of_one_name() -> None:
    comparison = rfcalc.compare(MODELS / "pooling.json", MODELS / "pooling.json", MODELS / "pooling.json")
    assert [entry.name for entry in comparison.entries] == ["pooling", "pooling (2)", "pooling (3)"]


def test_memory_counts_elements_by_their_size() -> None:
    """32 x 26 x 26 floats of the convolution, as many of the ReLU: 4 bytes each."""
    model = {
        "rfcalc": 1,
        "input": [28, 28, 1],
        "layers": [{"kind": "conv", "filters": 32, "kernel": 3}, {"kind": "activation", "function": "relu"}],
    }
    bill = rfcalc.compare(model, variants=["plain"]).entries[0].bill
    assert bill is not None
    assert bill.memory == 2 * 32 * 26 * 26 * 4


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float64", 8), ("float32", 4), ("float16", 2), ("bfloat16", 2), ("int8", 1), ("int4", 1), ("bool", 1)],
)
def test_element_size(dtype: str, size: int) -> None:
    assert element_size(dtype) == size


def test_open_extents() -> None:
    """Fields are known without the size of the input; what is not says so."""
    model = {
        "rfcalc": 1,
        "input": [None, None, 3],
        "layers": [
            {"kind": "conv", "name": "c1", "filters": 8, "kernel": 3},
            {"kind": "max_pool", "kernel": 2},
            {"kind": "conv", "name": "c2", "filters": 8, "kernel": 3},
        ],
    }
    comparison = rfcalc.compare(model)
    bills = {entry.name: entry.bill for entry in comparison.entries}
    assert [(name, bill and bill.field) for name, bill in bills.items()] == [
        ("original", (8, 8)),
        ("plain", (5, 5)),
        ("strided", (8, 8)),
        ("dilated", (8, 8)),
    ]
    assert all(bill is not None and bill.macs is None and bill.memory is None for bill in bills.values())
    assert comparison.answer[0].startswith("With pooling, c2 sees 8x8 (?); without, 5x5 (?).")


def test_only() -> None:
    comparison = rfcalc.compare(MODELS / "pooling.json").only(["conv*"])
    assert [label for label, _ in comparison.depths] == ["conv1", "conv2", "conv3"]
    with pytest.raises(rfcalc.UsageError, match="matches no layer"):
        comparison.only(["none*"])


@pytest.mark.parametrize(
    ("variants", "says"),
    [
        (["pure"], "there is no counterfactual 'pure'; there are plain"),
        (["pool:0"], "'pool:0' is not of the form pool:K:N"),
        (["plain:2"], "'plain:2' is not of the form pool:K:N"),
        (["pool:2:2:2"], "is not of the form pool:K:N"),
    ],
)
def test_wrong_names(variants: list[str], says: str) -> None:
    with pytest.raises(rfcalc.UsageError) as caught:
        rfcalc.compare(MODELS / "pooling.json", variants=variants)
    assert says in str(caught.value)


def test_counterfactuals_of_several_models() -> None:
    with pytest.raises(rfcalc.UsageError, match="of one model"):
        rfcalc.compare(MODELS / "pooling.json", MODELS / "plain.json", variants=["plain"])


def conv3(stride: int = 1) -> dict[str, Any]:
    return {"kind": "conv", "filters": 8, "kernel": 3, "stride": stride, "padding": "same"}


def max_pool(kernel: int, stride: int) -> dict[str, Any]:
    return {"kind": "max_pool", "kernel": kernel, "stride": stride, "padding": "same"}


# layers: whether it is pooling that gives up position, by the strides of the poolings
POSITION: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "poolings that do not step": ([conv3(2), conv3(2), max_pool(3, 1), conv3()], False),
    "three of them in a row, behind strides": ([conv3(2), *3 * [max_pool(5, 1)], conv3()], False),
    "strides alone and a pooling of one": ([conv3(2), max_pool(1, 1), conv3()], False),
    "a pooling that steps": ([conv3(), max_pool(2, 2), conv3()], True),
    "a pooling that steps, behind a stride": ([conv3(2), max_pool(3, 2), conv3()], True),
    "one that steps and one that does not": ([conv3(2), max_pool(3, 1), max_pool(2, 2), conv3()], True),
}


@pytest.mark.parametrize("name", POSITION)
def test_who_gives_up_position(name: str) -> None:
    """Pooling is blamed where its own strides, multiplied out here, thin out the last map; else nothing."""
    layers, blamed = POSITION[name]
    whole = plain = 1
    for layer in layers:
        whole *= layer["stride"]
        plain *= 1 if layer["kind"] == "max_pool" else layer["stride"]
    assert (whole != plain) is blamed
    answer = " ".join(rfcalc.compare({"rfcalc": 1, "input": [64, 64, 3], "layers": layers}).answer)
    before, after = (f"one every {'pixel' if step == 1 else f'{step} pixels'}" for step in (whole, plain))
    said = f"In exchange, pooling gives up position: the last map has {before}, without pooling {after}."
    assert (
        said.replace("has one every", "has one unit every") in answer
        if blamed
        else "In exchange" not in answer
    )

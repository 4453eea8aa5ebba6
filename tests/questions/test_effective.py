"""What positions weigh: by hand, and against impulses sent through layers that average."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.questions.effective.result import narrowest

MODELS = Path(__file__).parents[2] / "docs" / "models"


def net(*layers: dict[str, Any], extent: int = 40, channels: int = 1) -> dict[str, Any]:
    return {"rfcalc": 1, "input": [extent, channels], "layers": list(layers)}


def conv(name: str, **settings: Any) -> dict[str, Any]:
    return {"kind": "conv", "name": name, "filters": 1, "kernel": 3, **settings}


def counts(model: Any, layer: str, scale: float, axis: int = 0, **options: Any) -> list[int]:
    """Weights of the positions that weigh anything, as whole numbers at this scale."""
    found = rfcalc.effective(model, layer, **options).axes[axis]
    weights = [weight * scale for weight in found.weights[found.first : found.last + 1]]
    assert weights == pytest.approx([round(weight) for weight in weights])
    return [round(weight) for weight in weights]


# ---- by hand -----------------------------------------------------------------------------------------------


def test_windows_on_windows() -> None:
    """Rows of the trinomial triangle, as 3-wide means of 3-wide means are."""
    assert counts(net(conv("a"), conv("b"), conv("c")), "c", 27) == [1, 3, 6, 7, 6, 3, 1]


def test_a_pooling_between() -> None:
    """A mean of three neighbours at distance 2, of means of two, of means of three."""
    model = net(conv("a"), {"kind": "max_pool", "kernel": 2}, conv("b"))
    assert counts(model, "b", 18) == [1, 2, 3, 3, 3, 3, 2, 1]


def test_dilation_leaves_holes() -> None:
    model = net(conv("a", dilation=2), conv("b", dilation=2))
    assert counts(model, "b", 9) == [1, 0, 2, 0, 3, 0, 2, 0, 1]


def test_what_lies_in_padding_is_lost() -> None:
    assert counts(net(conv("a", padding="same")), "a", 2, at=(0,)) == [1, 1]


def test_a_residual_block() -> None:
    """The input once, and the mean of means: both weigh the same in all."""
    model = net(
        conv("a", padding="same"),
        conv("b", padding="same"),
        {"kind": "add", "name": "sum", "inputs": ["b", "input"]},
    )
    assert counts(model, "sum", 18) == [1, 2, 3 + 9, 2, 1]


def test_concatenated_branches_weigh_as_their_channels_do() -> None:
    """Three channels of the input itself, one of a 3-wide mean, under a 1-wide convolution."""
    model = net(
        conv("a", padding="same"),
        {"kind": "concat", "name": "both", "inputs": ["a", "input"]},
        conv("c", kernel=1),
        channels=3,
    )
    assert counts(model, "c", 12) == [1, 1 + 9, 1]


def test_global_pooling_weighs_all_alike() -> None:
    model = net({"kind": "global_pool", "name": "g"}, extent=8)
    assert counts(model, "g", 8) == [1] * 8


def test_behind_a_flatten() -> None:
    model = net(
        conv("a", filters=5), {"kind": "flatten"}, {"kind": "linear", "name": "d", "units": 2}, extent=6
    )
    assert counts(model, "d", 12) == [1, 2, 3, 3, 2, 1]


def test_gates_are_cut() -> None:
    model = net(
        conv("a", padding="same"),
        {"kind": "global_pool", "name": "squeeze", "keepdims": True, "inputs": ["a"]},
        {"kind": "multiply", "name": "gated", "inputs": ["a", "squeeze"]},
    )
    assert counts(model, "gated", 3) == [1, 1, 1]


@pytest.mark.parametrize(
    ("weights", "share", "width"),
    [([1, 1, 1, 1], 0.5, 2), ([1, 0, 0, 1], 0.5, 1), ([1, 0, 0, 1], 0.6, 4), ([0, 5, 0], 0.99, 1)],
)
def test_narrowest(weights: list[float], share: float, width: int) -> None:
    assert narrowest(weights, share) == width


# ---- against impulses --------------------------------------------------------------------------------------


class Signal(list[list[float]]):
    """For each position of a map what each position of the input weighs in it."""


def averaged(x: Signal, kernel: int, stride: int, dilation: int, lo: int, hi: int) -> Signal:
    none = [0.0] * len(x[0])
    padded = [none] * lo + x + [none] * hi
    reach = dilation * (kernel - 1)
    starts = range(0, len(padded) - reach, stride)
    windows = [[padded[start + dilation * tap] for tap in range(kernel)] for start in starts]
    return Signal([[sum(column) / kernel for column in zip(*window, strict=True)] for window in windows])


@pytest.mark.parametrize("seed", range(60))
def test_random_stacks(seed: int) -> None:
    """Means of means, written out: the analysis goes from the unit back, this from the input on."""
    dice = random.Random(seed)
    extent = dice.randrange(24, 40)
    x = Signal([[float(i == j) for j in range(extent)] for i in range(extent)])
    layers: list[dict[str, Any]] = []
    before, held = "input", x
    for place in range(dice.randrange(1, 7)):
        kernel, dilation = dice.randrange(1, 4), dice.randrange(1, 3)
        stride = dice.choice([1, 1, 1, 2])
        lo, hi = dice.randrange(3), dice.randrange(3)
        if len(held) + lo + hi <= dilation * (kernel - 1) + 2 * stride:
            break
        name = f"l{place}"
        shape = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": [[lo, hi]]}
        kind = dice.choice(["conv", "average_pool"])
        extra = {"filters": 2} if kind == "conv" else {}
        layers.append({"kind": kind, "name": name, "inputs": [before], **shape, **extra})
        held = averaged(held, kernel, stride, dilation, lo, hi)
        before = name
        if dice.random() < 0.4:
            same = {"kernel": 3, "padding": "same", "filters": 2}
            layers.append({"kind": "conv", "name": f"{name}b", "inputs": [name], **same})
            layers.append({"kind": "conv", "name": f"{name}c", "inputs": [name], "kernel": 1, "filters": 2})
            layers.append({"kind": "add", "name": f"{name}s", "inputs": [f"{name}b", f"{name}c"]})
            branch = averaged(held, 3, 1, 1, 1, 1)
            held = Signal(
                [[a + b for a, b in zip(p, q, strict=True)] for p, q in zip(held, branch, strict=True)]
            )
            before = f"{name}s"
    if not layers:
        return
    unit = dice.randrange(len(held))
    total = sum(held[unit])
    if not total:
        return
    found = rfcalc.effective(net(*layers, extent=extent), before, (unit,)).axes[0]
    assert found.weights == pytest.approx([weight / total for weight in held[unit]])


def test_the_positions_are_those_of_the_exact_field() -> None:
    for layer, axis in (("conv3", 0), ("pool2", 1), ("classes", 0)):
        weights = rfcalc.effective(MODELS / "pooling.json", layer).axes[axis].weights
        field = rfcalc.field(MODELS / "pooling.json", layer).axes[axis]
        mask = field.masks[len(field.masks) // 2]
        assert [bool(weight) for weight in weights] == [bool(mask >> place & 1) for place in range(28)]


# ---- what cannot be said -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "layer", "options", "says"),
    [
        (net(conv("a")), "b", {}, "no layer or tensor 'b'"),
        (net(conv("a")), "a", {"at": (99,)}, "no output 99 on an axis of 38"),
        (net(conv("a")), "a", {"at": (1, 1)}, "1 spatial axes, but the unit 2"),
        (
            net(conv("a", filters=2), {"kind": "flatten", "name": "f"}),
            "f",
            {},
            "'f': its positions are merged",
        ),
        (net({"kind": "unknown", "name": "u", "op": "Odd"}, conv("a")), "a", {}, "no rule knows"),
    ],
)
def test_refused(model: Any, layer: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(rfcalc.RfcalcError) as caught:
        rfcalc.effective(model, layer, **options)
    assert says in str(caught.value)


def test_text() -> None:
    text = rfcalc.effective(MODELS / "pooling.json").to_text()
    assert text.startswith("conv3 of pooling at (1, 1): what weighs in it, in pixels of input (28x28)")
    assert "rows        18    6   13   17  \u2581" in text
    assert rfcalc.effective(MODELS / "pooling.json").to_text(unicode=False).isascii()


def test_document() -> None:
    document = rfcalc.effective(MODELS / "pooling.json", "pool1").to_dict()
    assert document["schema"] == "rfcalc/effective/1"
    axis = document["axes"][0]
    assert (axis["field"], axis["at"], axis["widths"]) == (4, 6, {"0.5": 2, "0.9": 4, "0.99": 4})
    assert sum(axis["weights"]) == pytest.approx(1)

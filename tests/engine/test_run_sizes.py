"""The one way to another size: a run at a size says what a run says that was made for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc.engine.rows import analyze_run
from rfcalc.engine.run import Run
from rfcalc.errors import RfcalcError
from tests.readers.test_keras_truth import cases

DOCS = Path(__file__).parents[2] / "docs" / "models"
SIZES = (1, 7, 32, 33, 34, 35, 65, 96)
KERAS = [
    *(("applications", name) for name in ("ResNet50", "MobileNetV3Small", "Xception", "EfficientNetB0")),
    *(("layers", name) for name in ("EinsumDense-3", "Attention-3")),
    *(("dependence", name) for name in ("slice-reverse", "upsampling2d-bilinear-4")),
]


def said_by(run: Run) -> Any:
    """Return all that a run says, or why it refuses."""
    try:
        shapes = {
            name: (known.result and known.result.outputs, known.result and known.result.macs, known.weights)
            for name, known in run.resolved.items()
        }
        result = analyze_run(run)
        return shapes, dict(run.fields), list(run.misaligned), run.joins, result.totals, result.rows
    except RfcalcError as error:
        return type(error), error.where, error.message


def at(run: Run, size: int) -> Run:
    return run.at(*(size,) * len(run.extents))


@pytest.mark.parametrize(
    "name", ["capsnet", "plain", "pooling", "resnet", "resnet50", "unet", "video", "wavenet"]
)
def test_models_of_the_documentation(name: str) -> None:
    model = json.loads((DOCS / f"{name}.json").read_text())
    run = Run(rfcalc.load(model))
    for size in SIZES:
        letters = {1: "T", 2: "HW", 3: "DHW"}[len(run.extents)]
        alone = Run(rfcalc.load(model, dims=dict.fromkeys(letters, size)))
        assert said_by(at(run, size)) == said_by(alone)


@pytest.mark.parametrize(("collection", "name"), KERAS, ids=[name for _, name in KERAS])
def test_models_of_keras(collection: str, name: str) -> None:
    """Some are the same at all sizes but for their extents, and some have fixed shapes or look at extents."""
    run = Run(rfcalc.load(cases(collection)[name]["model"]))
    for size in SIZES[1::3]:
        found = at(run, size)
        assert said_by(found) == said_by(Run(found.graph))


def test_an_output_that_settings_fix_is_not_the_input_at_another_size() -> None:
    """Its rows have the extents of the input that they come from, and not those that the layer says."""
    run = Run(rfcalc.load(cases("layers")["EinsumDense-3"]["model"]))
    own = run.extents[0]
    assert at(run, own + 1).fields["einsum_dense"].full[0].factors[1] == (own + 1,)  # type: ignore[union-attr]  a layer that a rule knows


def test_a_run_is_made_once_and_its_own_size_is_itself() -> None:
    run = Run(rfcalc.load(DOCS / "resnet.json"))
    assert run.at(32, 32) is run
    assert run.at(40, 48) is run.at(40, 48)
    assert run.at(40, 48).extents == (40, 48)


def test_sizes_with_the_same_windows_share_the_second_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from rfcalc.engine import resized

    count = []

    def counted(*given: Any) -> Any:
        count.append(given)
        return propagate(*given)

    propagate = resized.propagate_periodic
    monkeypatch.setattr(resized, "propagate_periodic", counted)
    run = Run(rfcalc.load(DOCS / "resnet.json"))
    for size in range(100, 140):
        assert at(run, size).joins
    assert len(count) == 4  # two paddings depend on whether a map is even


WINDOW = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["max_pool", "conv", "upsample", "adaptive_pool", "depthwise_conv"]),
        "kernel": st.integers(1, 4),
        "stride": st.integers(1, 3),
        "padding": st.sampled_from(["same", "valid", "same_lower", 1]),
    }
)


@settings(max_examples=40)
@given(st.lists(WINDOW, min_size=1, max_size=3), st.lists(WINDOW, max_size=3), st.integers(1, 40))
def test_branches_of_any_windows(left: list[Any], right: list[Any], size: int) -> None:
    layers: list[dict[str, Any]] = [{"kind": "conv", "name": "start", "filters": 2, "kernel": 1}]
    ends: list[str] = []
    for side, branch in (("a", left), ("b", right)):
        ends.append("start")
        for place, window in enumerate(branch):
            layers.append({**settings_of(window), "name": f"{side}{place}", "inputs": [ends.pop()]})
            ends.append(f"{side}{place}")
    layers += [
        *({"kind": "resize", "name": f"{end}r", "inputs": [end], "size": 12} for end in ends),
        {"kind": "concat", "name": "both", "inputs": [f"{end}r" for end in ends], "axis": -1},
        {"kind": "add", "name": "sum", "inputs": [ends[0], ends[0] if len(left) > 1 else "start"]},
        {"kind": "conv", "filters": 2, "kernel": 3, "padding": "same"},
    ]
    run = Run(rfcalc.load({"rfcalc": 1, "input": [24, 24, 2], "layers": layers}))
    for each in (24, size, size + 1):
        found = run.at(each, 24)
        assert said_by(found) == said_by(Run(found.graph))


def settings_of(window: dict[str, Any]) -> dict[str, Any]:
    """Keep those settings that a kind has."""
    kind = window["kind"]
    if kind == "upsample":
        return {"kind": kind, "scale": window["stride"]}
    if kind == "adaptive_pool":
        return {"kind": kind, "size": window["kernel"]}
    return {**window, "filters": 2} if kind == "conv" else window

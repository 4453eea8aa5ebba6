"""Whether what would reach a field fits the maps, held against models that are built and resolved so."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rfcalc
from rfcalc.errors import AnalysisError
from rfcalc.questions.law.growth import Segment
from rfcalc.questions.law.reach import Reach
from rfcalc.questions.law.room import Narrow, Room

PADDINGS = st.sampled_from(["valid", "same", "causal", 0, 1, [[0, 1]]])
CONV = st.fixed_dictionaries(
    {
        "kind": st.just("conv"),
        "filters": st.just(1),
        "kernel": st.integers(1, 4),
        "stride": st.integers(1, 2),
        "dilation": st.integers(1, 2),
        "padding": PADDINGS,
    }
)
POOL = st.fixed_dictionaries(
    {
        "kind": st.just("max_pool"),
        "kernel": st.integers(2, 3),
        "ceil": st.booleans(),
        "padding": st.sampled_from(["valid", 0, 1]),
    }
)
BETWEEN = st.sampled_from(
    [
        {"kind": "activation", "function": "relu"},
        {"kind": "pad", "padding": [[1, 1]]},
        {"kind": "crop", "cropping": [[1, 0]]},
    ]
)
BLOCKS = st.lists(st.one_of(CONV, CONV, POOL, BETWEEN), min_size=1, max_size=3)


def model(layers: list[dict[str, Any]], extent: int) -> dict[str, Any]:
    named = [{**layer, "name": f"l{place}"} for place, layer in enumerate(layers)]
    return {"rfcalc": 1, "input": [extent, 1], "layers": named}


def broken(layers: list[dict[str, Any]], extent: int) -> int | None:
    """Return the place of the first layer whose window does not fit; None where all do."""
    for place in range(len(layers)):
        try:
            rfcalc.analyze(model(layers[: place + 1], extent))
        except AnalysisError:
            return place
    return None


def wider(layers: list[dict[str, Any]], segment: Segment, **settings: int) -> list[dict[str, Any]]:
    """Give the convolutions of a segment another kernel, or another dilation (of the first repeat)."""
    made = copy.deepcopy(layers)
    for place, name in enumerate(segment.layers):
        layer = made[int(name[1:])]
        if layer["kind"] == "conv" and layer["kernel"] > 1:
            turn = place // len(segment.block)
            layer.update(settings)
            if "dilation" in settings:
                layer["dilation"] *= segment.factor**turn
    return made


def longer(
    layers: list[dict[str, Any]], segment: Segment, before: str, reach: Reach
) -> tuple[list[dict[str, Any]], list[str]]:
    """Put more repeats of a segment behind it; with what each layer is called."""
    end = int(segment.layers[-1][1:]) + 1
    ahead = segment.layers[-len(segment.block) - 1] if segment.count > 1 else before
    first = int(ahead[1:]) + 1 if ahead else 0
    copies, names = [], []
    for turn in range(segment.count, segment.count + (reach.further or 0)):
        for place in range(first, end):
            layer = copy.deepcopy(layers[place])
            if layer["kind"] == "conv":
                layer["dilation"] *= segment.factor ** (turn - segment.count + 1)
            copies.append(layer)
            names.append(f"l{place} of repeat {turn + 1}")
    own = [f"l{place}" for place in range(len(layers))]
    return [*layers[:end], *copies, *layers[end:]], [*own[:end], *names, *own[end:]]


def narrow(found: Narrow | None) -> str | None:
    return None if found is None else found.layer


@given(st.lists(st.tuples(BLOCKS, st.integers(1, 3)), min_size=1, max_size=2), st.integers(8, 40), st.data())
def test_what_does_not_fit_cannot_be_built_and_what_fits_can(
    blocks: list[tuple[list[dict[str, Any]], int]], extent: int, data: st.DataObject
) -> None:
    layers = [layer for block, count in blocks for layer in block * count]
    if broken(layers, extent) is not None:
        return
    name = f"l{len(layers) - 1}"
    wanted = data.draw(st.integers(2, 40))
    law = rfcalc.law(model(layers, extent), name, reach=wanted)
    (axis,) = law.axes
    if not axis.rooms or axis.reason:
        return
    for reach, room in zip(axis.reaches, axis.rooms, strict=True):
        segment = axis.segments[reach.segment]
        own = [f"l{place}" for place in range(len(layers))]
        for found, settings in ((room.kernel, "kernel"), (room.dilation, "dilation")):
            size = getattr(reach, settings)
            if size is not None:
                place = broken(wider(layers, segment, **{settings: size}), extent)
                assert narrow(found) == (None if place is None else own[place]), (settings, size)
        if reach.further is not None and 0 < reach.further < 12:
            before = axis.segments[reach.segment - 1].layers[-1] if reach.segment else ""
            made, names = longer(layers, segment, before, reach)
            place = broken(made, extent)
            assert narrow(room.repeats) == (None if place is None else names[place]), reach.further


def conv(**settings: Any) -> dict[str, Any]:
    return {"kind": "conv", "filters": 1, "kernel": 3, **settings}


POOLING = {"kind": "max_pool", "kernel": 2}


@pytest.mark.parametrize(
    ("layers", "extent", "room"),
    [
        # 28, 26, 13, 11, 5, and then a third repeat: 3, 1; windows of 7: 22, 11, 5, 2
        ([conv(), POOLING] * 2 + [conv()], 28,
         Room(Narrow("l4", 1, 3), Narrow("l4", 2, 3), Narrow("l4", 2, 3))),
        ([conv(padding="same"), POOLING] * 2 + [conv(padding="same")], 28, Room()),
        ([conv()] * 3, 28, Room(Narrow("l2 of repeat 14", 2, 3), Narrow("l2", 8, 11), Narrow("l2", 8, 11))),
        ([conv(padding=1)] * 3, 28, Room(None, None, None)),
        ([conv(padding="causal")] * 3, 28, Room()),
        ([{"kind": "pad", "padding": [[1, 1]]}, conv()] * 2, 28, Room()),
    ],
)  # fmt: skip
def test_rooms(layers: list[dict[str, Any]], extent: int, room: Room) -> None:
    assert rfcalc.law(model(layers, extent)).axes[0].rooms[0] == room


def test_what_lies_behind_the_end_of_the_law_does_not_matter() -> None:
    up = {"kind": "transposed_conv", "filters": 1, "kernel": 2, "stride": 2}
    law = rfcalc.law(model([*[conv()] * 3, POOLING, up, conv()], 28), reach=28)
    assert law.axes[0].reason
    assert law.axes[0].rooms[0].kernel == Narrow("l2", 8, 11)


def test_no_number_of_repeats_takes_long() -> None:
    law = rfcalc.law(model([conv(padding="same")] * 3, 28), reach=10**12)
    assert law.axes[0].rooms[0].repeats is None
    law = rfcalc.law(model([conv()] * 3, 28), reach=10**12)
    assert law.axes[0].rooms[0].repeats == Narrow("l2 of repeat 14", 2, 3)


def test_it_is_said() -> None:
    square = {"rfcalc": 1, "input": [28, 28, 1], "layers": model([conv()] * 3, 28)["layers"]}
    said = " ".join(rfcalc.law(square).sentences)
    assert (
        "To see 28 pixels, [conv 3] x 3 takes 11 more repeats (14 in all), or odd kernels of 11 or dilations "
        "of 5. At 28x28 none of these fits without more padding: before repeat 14 of l2, whose window spans "
        "3, the map would be 2x2 with 11 more repeats; before l2, whose window spans 11, the map would be "
        "8x8 with kernels of 11 and 8x8 with dilations of 5."
    ) in said
    line = " ".join(rfcalc.law(model([conv(), conv(padding="same")], 28), "l0").sentences)
    assert "At 28 samples none of these fits without more padding: before repeat 14 of l0, " in line
    assert "the map would be 28 long with kernels of 29 and 28 long with dilations of 14." in line


def test_nothing_is_said_of_an_open_size_or_of_what_fits() -> None:
    for layers, extent in (([conv()] * 3, None), ([conv(padding="same")] * 3, 28)):
        document = {**model(layers, 28), "input": [extent, 1]}
        assert "padding" not in " ".join(rfcalc.law(document, reach=28).sentences)


def test_a_sentence_that_holds_of_several_runs_is_said_once() -> None:
    dilated = [conv(kernel=2, dilation=2**k, padding="causal") for _ in range(2) for k in range(4)]
    found = [each for each in rfcalc.law(model(dilated, 400)).sentences if each.startswith("To see")]
    assert len(found) == 1
    assert found[0].startswith(
        "To see 400 samples, any one of [conv 2, dilation x2] x 4, up to l3, l7, takes"
    )

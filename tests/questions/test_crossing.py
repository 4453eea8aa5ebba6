"""Branches that see differently along several axes: a unit sees a part of its box, and that is said."""

from __future__ import annotations

import random
from typing import Any

import pytest

import rfcalc

SIZE = 15


def conv(name: str, kernel: tuple[int, int], *inputs: str) -> dict[str, Any]:
    return {
        "name": name, "kind": "conv", "filters": 2, "kernel": list(kernel), "padding": "same",
        "inputs": list(inputs),
    }  # fmt: skip


def model(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"rfcalc": 1, "inputs": {"x": {"shape": [SIZE, SIZE, 2]}}, "layers": list(layers)}


def join(name: str, *inputs: str) -> dict[str, Any]:
    return {"name": name, "kind": "add", "inputs": list(inputs)}


@pytest.mark.parametrize(
    ("layers", "at"),
    [
        ([conv("a", (1, 7), "x"), conv("b", (7, 1), "x"), join("y", "a", "b")], "y"),
        ([conv("a", (1, 7), "x"), conv("b", (7, 1), "x"), join("y", "a", "b"), conv("c", (3, 3), "y")], "y"),
        ([conv("a", (3, 5), "x"), conv("b", (5, 3), "x"), join("y", "a", "b")], "y"),
        ([conv("a", (1, 7), "x"), conv("b", (7, 1), "a"), join("y", "a", "b")], None),
        ([conv("a", (3, 3), "x"), conv("b", (5, 5), "x"), join("y", "a", "b")], None),
        ([conv("a", (1, 7), "x"), conv("b", (1, 3), "x"), join("y", "a", "b")], None),
        ([conv("a", (3, 3), "x"), join("y", "a", "x")], None),
    ],
)
def test_the_note(layers: list[dict[str, Any]], at: str | None) -> None:
    """It names the join; one branch within the other, or a difference along one axis, is none."""
    last = layers[-1]["name"]
    notes = [note for note in rfcalc.field(model(*layers), last).notes if note.code == "crossing"]
    assert [
        f"branches meet at {at!r} that see differently along several axes" in n.message for n in notes
    ] == ([] if at is None else [True])


def test_counts_are_at_most() -> None:
    crossed = model(conv("a", (1, 7), "x"), conv("b", (7, 1), "x"), join("y", "a", "b"))
    plain = model(conv("a", (7, 7), "x"))
    told = [rfcalc.field(crossed, "y").seeing((7, 7)), rfcalc.field(plain, "a").seeing((7, 7))]
    assert [" ".join(each.to_text().split()).partition(": ")[2] for each in told] == [
        "49 of 225 units, at most",
        "49 of 225 units",
    ]


# ---- against what is seen, unit by unit --------------------------------------------------------------------


def seen_by(document: dict[str, Any], name: str, unit: tuple[int, int]) -> set[tuple[int, int]]:
    """Return the pixels that a unit sees, by walking back from it through every layer."""
    layers = {layer["name"]: layer for layer in document["layers"]}
    if name not in layers:
        return {unit}
    layer, found = layers[name], set()
    if layer["kind"] == "add":
        taken = [unit]
    else:
        (kh, kw), (y, x) = layer["kernel"], unit
        taken = [(y + i - kh // 2, x + j - kw // 2) for i in range(kh) for j in range(kw)]
    for each in taken:
        if 0 <= each[0] < SIZE and 0 <= each[1] < SIZE:
            for producer in layer["inputs"]:
                found |= seen_by(document, producer, each)
    return found


def random_model(seed: int) -> dict[str, Any]:
    choose = random.Random(seed)
    names, layers = ["x"], []
    for k in range(choose.randint(3, 5)):
        name = f"l{k}"
        if len(names) > 2 and choose.random() < 0.5:
            layers.append(join(name, *choose.sample(names, 2)))
        else:
            kernel = choose.choice(((1, 3), (3, 1), (1, 5), (5, 1), (3, 3)))
            layers.append(conv(name, kernel, choose.choice(names[:2])))
        names.append(name)
    return model(*layers)


@pytest.mark.parametrize("seed", range(60))
def test_without_the_note_a_unit_sees_its_whole_box(seed: int) -> None:
    document = random_model(seed)
    last = document["layers"][-1]["name"]
    field = rfcalc.field(document, last, at=(7, 7))
    rows = [[index for index in range(SIZE) if axis.masks[0] >> index & 1] for axis in field.axes]
    box = {(y, x) for y in rows[0] for x in rows[1]}
    seen = seen_by(document, last, (7, 7))
    assert seen <= box
    if not any(note.code == "crossing" for note in field.notes):
        assert seen == box


def test_some_of_these_models_cross() -> None:
    """Else the test above would hold for nothing."""
    documents = map(random_model, range(60))
    crossing = [
        any(note.code == "crossing" for note in rfcalc.field(each, each["layers"][-1]["name"]).notes)
        for each in documents
    ]
    assert 3 < sum(crossing) < 50

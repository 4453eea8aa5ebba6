"""Layers that are called in a chain: what is asked of the model is answered for the last call.

The rows are those of the same chain with a layer of its own for each call, and those that runs show.
"""

from __future__ import annotations

from typing import Any

import pytest

import rfcalc

CONV = {"kind": "conv", "filters": 3, "kernel": 3, "padding": "same"}
SAME: dict[str, tuple[list[str], str]] = {
    "twice in a chain": (["d", "d"], "d@2"),
    "three times": (["d", "d", "d"], "d@3"),
    "around another": (["d", "e", "d"], "d@2"),
    "before another": (["d", "d", "e"], "e"),
    "two in turn": (["d", "e", "d", "e"], "e@2"),
}


def chain(names: list[str], *, shared: bool) -> dict[str, Any]:
    """Return convolutions one after the other; those of one name are calls of one layer, or are not."""
    layers: list[dict[str, Any]] = []
    for place, name in enumerate(names):
        first = name not in names[:place]
        before = f"c{place - 1}" if place else "input"
        entry = dict(CONV) if first or not shared else {"share": f"c{names.index(name)}"}
        layers.append({**entry, "name": f"c{place}", "inputs": before})
    return {"rfcalc": 1, "input": [20, 3], "layers": layers}


@pytest.mark.parametrize("name", SAME)
def test_by_default_the_last_call_is_meant(name: str) -> None:
    names, _ = SAME[name]
    shared, apart = (chain(names, shared=each) for each in (True, False))
    assert rfcalc.field(shared).axes[0].rows == rfcalc.field(apart).axes[0].rows
    (one, *_), (two, *_) = (rfcalc.compare(each).entries for each in (shared, apart))
    assert one.bill.field == two.bill.field == (2 * len(names) + 1,)


@pytest.mark.parametrize("name", SAME)
def test_keras_calls_are_rows_that_have_names(name: str) -> None:
    keras = pytest.importorskip("keras")
    names, last = SAME[name]
    layers = {each: keras.layers.Conv1D(3, 3, padding="same", name=each) for each in dict.fromkeys(names)}
    x = y = keras.Input((20, 3))
    for each in names:
        y = layers[each](y)
    graph = rfcalc.from_keras(keras.Model(x, y))
    assert rfcalc.field(graph).layer == last
    analysis = rfcalc.analyze(graph)
    assert analysis.layer(last).receptive_field == (2 * len(names) + 1,)
    (note,) = [note for note in analysis.notes if note.code == "calls"]
    assert "'d@" in note.message
    assert rfcalc.field(graph).axes[0].rows[10] == (10 - len(names), 10 + len(names), 2 * len(names) + 1)


def test_calls_that_see_alike_are_no_news() -> None:
    """The two halves of a siamese model, of which one depends on the input that is asked about."""
    net = {
        "rfcalc": 1,
        "inputs": {"left": [20, 3], "right": [20, 3]},
        "layers": [
            {**CONV, "name": "a", "inputs": "left"},
            {"share": "a", "name": "b", "inputs": "right"},
            {"kind": "subtract", "inputs": ["a", "b"]},
        ],
    }
    assert all(note.code != "calls" for note in rfcalc.analyze(net).notes)
    assert rfcalc.field(net).layer == "a"

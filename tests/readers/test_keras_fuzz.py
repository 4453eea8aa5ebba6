"""Real Keras models and the example models, damaged: nothing but an RfcalcError may come of it."""

from __future__ import annotations

import copy
import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc.errors import RfcalcError
from tests.readers.models import MODELS

DATA = Path(__file__).parents[1] / "data" / "keras"
Json = Any

LONGEST = 12_000
"""Characters of a model's JSON: larger models have no other parts, and are only slower to damage."""


@cache
def corpus(collection: str) -> list[str]:
    """The texts of all models of moderate size in a collection."""
    if collection == "native":
        return [json.dumps(MODELS[name]) for name in sorted(MODELS)]
    with gzip.open(DATA / f"{collection}.json.gz") as stream:
        cases = json.load(stream)
    texts = (json.dumps(cases[name]["model"]) for name in sorted(cases))
    return [text for text in texts if len(text) <= LONGEST]


COLLECTIONS = sorted(file.name.removesuffix(".json.gz") for file in DATA.glob("*.json.gz"))
COLLECTIONS = [name for name in COLLECTIONS if name not in ("applications", "slim")]

WORDS = (
    "", "x", "a/b", "a@2", "a\x00b", "\ud800", "same", "valid", "causal", "channels_first", "concat",
    "InputLayer", "Sequential", "Functional", "TimeDistributed", "Bidirectional", "Lambda", "Conv2D", "Dense",
    "GetItem", "Reshape", "Einsum", "...ij,jk->...ik", "__keras_tensor__", "__slice__", "__numpy__",
    "keras.src.ops.numpy", "_CONSTANT_VALUE", "nearest", "bilinear", "__import__('os')",
)  # fmt: skip


def nested(depth: int) -> Json:
    value: Json = []
    for _ in range(depth):
        value = [value]
    return value


VALUES: st.SearchStrategy[Json] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.sampled_from((2**31, 2**53, 2**63, 10**400, -(10**9), 10**9, 10**6)),
    st.floats(),
    st.sampled_from(WORDS),
    st.lists(st.one_of(st.none(), st.integers(-2, 5)), max_size=5),
    st.sampled_from((5, 60, 150)).map(nested),
    st.just({}),
    st.just({"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0], "shape": [None, 2]}}),
    st.just({"class_name": "__slice__", "config": {"start": -1, "stop": None, "step": -2}}),
    st.just({"class_name": "__numpy__", "config": {"value": [[1, 2], [3, 4]]}}),
)


def paths(document: Json) -> list[tuple[Any, ...]]:
    """All places in a document, however deep."""
    found: list[tuple[Any, ...]] = []
    waiting: list[tuple[tuple[Any, ...], Json]] = [((), document)]
    for prefix, value in waiting:  # grows while it is walked
        items = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, inner in items:
            found.append((*prefix, key))
            waiting.append(((*prefix, key), inner))
    return found


def damage(document: Json, data: st.DataObject) -> None:
    """Change one place of a document."""
    places = paths(document)
    if not places:
        return
    path = places[data.draw(st.integers(0, len(places) - 1))]
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    key = path[-1]
    action = data.draw(st.sampled_from(("replace", "remove", "swap", "insert", "cut", "reverse", "rename")))
    if action == "remove":
        del holder[key]
    elif action == "swap":
        value = document
        for step in places[data.draw(st.integers(0, len(places) - 1))]:
            value = value[step]
        holder[key] = json.loads(json.dumps(value))
    elif action == "insert" and isinstance(holder, list):
        holder.insert(key, data.draw(st.sampled_from((None, json.loads(json.dumps(holder[key]))))))
    elif action == "cut" and isinstance(holder[key], list):
        holder[key] = holder[key][: data.draw(st.integers(0, max(len(holder[key]) - 1, 0)))]
    elif action == "reverse" and isinstance(holder[key], list):
        holder[key].reverse()
    elif action == "rename" and isinstance(holder, dict):
        holder[data.draw(st.sampled_from(WORDS))] = holder.pop(key)
    else:
        holder[key] = copy.deepcopy(data.draw(VALUES))  # the strategy's own must stay as it is


@pytest.mark.parametrize("collection", [*COLLECTIONS, "native"])
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(data=st.data())
def test_a_damaged_model_is_analysed_or_refused(collection: str, data: st.DataObject) -> None:
    texts = corpus(collection)
    document = json.loads(texts[data.draw(st.integers(0, len(texts) - 1))])
    for _ in range(data.draw(st.integers(1, 4))):
        damage(document, data)
    line = ""
    try:
        analysis = rfcalc.analyze(document)
    except RfcalcError as error:
        line = str(error)
    else:
        json.loads(analysis.to_json())
        assert analysis.to_markdown()
    assert "\n" not in line
    assert len(line) < 1000

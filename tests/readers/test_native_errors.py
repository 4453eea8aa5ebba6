from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rfcalc.errors import GraphError, ReadError
from rfcalc.readers.native import read_native
from tests.readers.models import BASES, CONV, paths, read, refusal, wrong

WRONG = wrong()
DEEP: Any = "relu"
for _ in range(70):
    DEEP = {"repeat": 1, "layers": [DEEP]}


@pytest.mark.parametrize(("message", "document"), WRONG, ids=[message[:60] for message, _ in WRONG])
def test_the_error_names_the_place_and_what_is_wrong(message: str, document: dict[str, Any]) -> None:
    with pytest.raises(ReadError) as caught:
        read_native(document, source="m.json")
    assert str(caught.value) == f"m.json: {message}"
    assert message.isprintable()


def test_huge_numbers_and_deep_places_are_not_spelled_out() -> None:
    with pytest.raises(ReadError) as caught:
        read({**CONV, "kernel": 10**5000})
    assert caught.value.message == "must be below 2**63, got an integer of about 5,000 digits"
    with pytest.raises(ReadError) as caught:
        read(DEEP)
    assert caught.value.message == "is nested more than 64 deep"
    assert len(str(caught.value)) < 250


def test_a_cycle_is_named() -> None:
    with pytest.raises(GraphError, match=r"the layers form a cycle: '(a|b)' -> '(a|b)' -> '(a|b)'"):
        read({"kind": "relu", "name": "a", "inputs": "b"}, {"kind": "relu", "name": "b", "inputs": "a"})


def test_whoever_passes_no_document_is_told() -> None:
    with pytest.raises(ReadError, match="must be an object, got a list"):
        read_native([])  # type: ignore[arg-type]
    with pytest.raises(ReadError, match="a key must be a text"):
        read_native({"rfcalc": 1, 5: 5})  # type: ignore[dict-item]


# ---- fuzz --------------------------------------------------------------------------------------------------

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["input", "conv1", "relu", "width", "index", "2 * width", "input:1", "body/0", ":", "/", "same"]
    ),
    st.lists(st.integers(-1, 5), max_size=4),
    st.dictionaries(
        st.sampled_from(["kind", "block", "name", "layers", "repeat", "share", "x"]),
        st.integers(),
        max_size=3,
    ),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=400)
@given(st.sampled_from(sorted(BASES)), st.data())
def test_no_mutation_gives_anything_but_a_graph_or_an_error_with_its_place(
    name: str, data: st.DataObject
) -> None:
    document = copy.deepcopy(BASES[name])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths(document)))
        holder = document
        for step in path[:-1]:
            holder = holder[step]
        action = data.draw(st.sampled_from(["replace", "remove", "copy", "rename"]))
        if action == "remove":
            del holder[path[-1]]
        elif action == "copy" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
        elif action == "rename" and isinstance(holder, dict):
            holder[data.draw(st.text(max_size=5))] = holder.pop(path[-1])
        else:
            holder[path[-1]] = data.draw(JUNK)
        if not paths(document):
            break
    line = str(refusal(lambda: read_native(document)))
    assert line.isprintable()
    assert len(line) < 600

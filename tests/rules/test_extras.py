"""What an operation does beside its kind: walked step by step, told apart by every memory, and pickled."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from rfcalc.engine.shapes import SizedRules, resolve
from rfcalc.graph import Layer, LayerGraph, TensorSpec
from rfcalc.graph.layer import PLAIN, Extras, Stage, walk
from rfcalc.questions.diff.nodes import settings_of
from rfcalc.rules.apply import RuleMemo
from rfcalc.rules.registry import find

MAP = TensorSpec((1, 8, 8, 3), "bssc")
RELU = Stage("activation", {"function": "relu"})
VALUES: dict[str, Any] = {
    "prepare": ((0, (Stage("crop", {"cropping": 1}),)),),
    "then": (Stage("crop", {"cropping": 1}),),
    "operands": ((1, MAP),),
    "copies": 1,
    "lead": 1,
    "softmax": True,
    "gates": 1,
    "biases": 1,
    "masks": 1,
    "unsure": "it is not known",
    "blind": True,
    "constant": True,
    "lora": 4,
    "quantised": ("int8", None),
}


def model(extras: Extras, kind: str = "add", attrs: dict[str, Any] | None = None) -> LayerGraph:
    given = Layer("x", "input", "input", attrs={"shape": MAP.shape, "axes": MAP.axes})
    layer = Layer("y", kind, kind, (("x", 0),), attrs or {}, extras=extras)
    return LayerGraph([given, layer], name="m", format="test", source="", outputs=(("y", 0),))


def test_every_field_is_looked_at_here() -> None:
    assert tuple(VALUES) == Extras._fields
    assert all(value != PLAIN[place] for place, value in enumerate(VALUES.values()))


@pytest.mark.parametrize("name", VALUES)
def test_layers_that_differ_in_one_are_not_alike(name: str) -> None:
    plain, other = (model(extras) for extras in (PLAIN, PLAIN._replace(**{name: VALUES[name]})))
    assert plain["y"] != other["y"]
    assert pickle.loads(pickle.dumps(other["y"])) == other["y"]
    assert hash(pickle.loads(pickle.dumps(other["y"].whole))) == hash(other["y"].whole)
    known = resolve(plain)
    assert [name in settings_of(graph["y"], graph, known) for graph in (plain, other)] == [False, True]


@pytest.mark.parametrize(
    ("name", "outputs", "extent"), [("prepare", 1, 6), ("then", 1, 6), ("copies", 2, 8), ("unsure", 1, 8)]
)
def test_memories_tell_them_apart(name: str, outputs: int, extent: int) -> None:
    kind, memo, sized = find("activation"), RuleMemo(), SizedRules()
    assert kind is not None
    for extras, count, size in ((PLAIN, 1, 8), (PLAIN._replace(**{name: VALUES[name]}), outputs, extent)) * 2:
        graph = model(extras, *RELU[:2])
        result = resolve(graph, sized=sized)["y"].result
        assert result is not None
        assert result == memo.apply(kind, RELU.attrs, [MAP], extras)
        assert memo.apply(kind, RELU.attrs, [MAP], extras) is memo.apply(kind, RELU.attrs, [MAP], extras)
        assert [each.spatial for each in result.outputs] == [(size, size)] * count


def test_steps_are_walked_in_order() -> None:
    extras = Extras(
        prepare=((0, (Stage("a", {}), Stage("b", {}))), (2, (Stage("c", {}),))),
        then=(Stage("d", {}), Stage("e", {})),
        operands=((1, MAP),),
        copies=2,
        lead=1,
    )
    ran: list[Stage] = []

    def step(stage: Stage, given: list[str]) -> list[str]:
        ran.append(stage)
        made = f"{stage.kind}({','.join(given)})"
        return [made, "rest"] if stage.kind == "own" else [made]

    made = walk(Stage("own", {"setting": 1}, extras), ["x", "y"], lambda spec: spec.axes, step)
    first = "e(d(own(b(a(x)),bssc,c(y))))"
    assert made == [first, "rest", first, first]
    assert [stage.kind for stage in ran] == ["a", "b", "c", "own", "d", "e"]
    assert ran[3] == Stage("own", {"setting": 1}, Extras(lead=1))

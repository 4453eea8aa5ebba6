"""The page of accuracy says what is: its tables are fresh, and rfcalc is right on every worked case."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks import accuracy
from tests.benchmarks.counters import COUNTERS, MODELS
from tests.benchmarks.counters import recorded as counts_recorded
from tests.benchmarks.others import TOOLS, measured, recorded, torch_model
from tests.benchmarks.worked import CASES, Case, truth
from tests.oracle import Line, spread
from tests.zoo import table as zoo_table
from tests.zoo import whole, whole_table
from tests.zoo.explained import EXPLAINED
from tests.zoo.measure import constant

ONNX = {"macs", "relations", "counters"}

EACH_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)

WORKED = {  # sizes by output phase and taps, as worked out by hand or published
    "vgg16": ({212}, 212),
    "chain100": ({201}, 201),
    "branches": ({5}, 5),
    "strided_residual": ({5}, 5),
    "one_sided": ({5}, 5),
    "down_up": ({10}, 10),
    "transposed": ({1}, 1),
    "unet": ({188, 204}, 204),
    "dilated_222": ({13}, 7),
    "dilated_125": ({17}, 17),
    "squeeze_excitation": ({64}, 64),
    "resnet50_3x3": ({427}, 427),
    "resnet50_1x1": ({483}, 483),
    "resnet50_last": ({483}, 483),
}


def page() -> str:
    return accuracy.PAGE.read_text(encoding="utf-8")


def test_the_page_has_every_section_once() -> None:
    assert sorted(found["name"] for found in accuracy.MARKED.finditer(page())) == sorted(accuracy.SECTIONS)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=[pytest.mark.onnx] * (name in ONNX) + [pytest.mark.long] * (name == "relations")
        )
        for name in accuracy.SECTIONS
    ],
)
def test_the_tables_are_fresh(name: str) -> None:
    if name in ONNX:
        pytest.importorskip("onnx")
    found = accuracy.section_of(accuracy.filled(page(), [name]), name)
    assert found == accuracy.section_of(page(), name), f"run: {accuracy.COMMAND}"


def test_rfcalc_differs_nowhere() -> None:
    """A fresh page may be one that says that rfcalc is wrong."""
    for name in ("published", "parameters", "macs", "relations", "zoo", "worked"):
        section = accuracy.section_of(page(), name)
        assert "**" not in section
        assert "✗" not in section


@EACH_CASE
def test_enumeration_finds_what_was_worked_out(case: Case) -> None:
    found = truth(case)
    assert (set(found.sizes), found.taps) == WORKED[case.key]


@EACH_CASE
def test_rfcalc_is_right(case: Case) -> None:
    found, row = truth(case), accuracy.answer(case)
    sizes = (None, None) if found.whole else (max(found.sizes), min(found.sizes))
    assert row.status == "exact"
    assert row.receptive_field == (sizes[0],) * 2
    assert row.receptive_field_min == (sizes[1],) * 2
    assert row.effective_stride == (found.stride,) * 2


@pytest.mark.torch
@EACH_CASE
def test_gradients_find_the_same(case: Case) -> None:
    pytest.importorskip("torch")
    found, line = truth(case), Line(case.document)
    sets = measured(case, line.periods[case.last])
    assert {spread(frozenset(taps)) for taps in sets} == set(found.sizes)
    assert max(map(len, sets)) == found.taps


@pytest.mark.torch
@EACH_CASE
def test_the_module_that_tools_are_given_is_that_of_the_case(case: Case) -> None:
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        y = torch_model(case)(torch.zeros(1, 1, case.size, case.size))
    _, *spatial, channels = accuracy.answer(case).output_shape
    assert tuple(y.shape) == (1, channels, *spatial)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_was_asked_every_case(tool: Any) -> None:
    had = recorded()[tool.name]
    assert had["version"] == tool.version
    assert list(had["answers"]) == [case.key for case in CASES]
    assert all(had["answers"].values())


@pytest.mark.onnx
@pytest.mark.parametrize("name", MODELS)
def test_pytorch_counts_the_same(name: str) -> None:
    """Its own counter watches what runs, attention as matrix products."""
    pytest.importorskip("onnx")
    assert counts_recorded()["torch, unfused"]["answers"][name][0] == accuracy.model_macs(name)


def test_every_counter_was_asked_every_model() -> None:
    record = counts_recorded()
    assert {each.name: each.version for each in COUNTERS} == {
        name: had["version"] for name, had in record.items()
    }
    assert all(list(had["answers"]) == list(MODELS) for had in record.values())


def zoo_deviations() -> list[tuple[str, zoo_table.Deviation]]:
    return [
        (name, each)
        for name, found in zoo_table.read().models.items()
        for each in zoo_table.deviations(found)
    ]


def test_every_deviation_of_the_zoo_is_explained() -> None:
    open_ = [each for each in zoo_deviations() if zoo_table.explanation(*each) is None]
    assert open_ == []


def test_every_explanation_of_the_zoo_is_used() -> None:
    used = [zoo_table.explanation(*each) for each in zoo_deviations()]
    assert [each for each in EXPLAINED if each not in used] == []


def test_no_row_of_the_zoo_is_wrong_while_exact() -> None:
    measured = {
        name: found["dependence"] for name, found in zoo_table.read().models.items() if "dependence" in found
    }
    assert sum(each["checked"] > 0 for each in measured.values()) >= 60
    assert [name for name, each in measured.items() if each["wrong exact"]] == []


def test_every_deviation_of_whole_libraries_is_explained() -> None:
    assert [each for each in whole_table.deviations(whole.read()) if not each.explained] == []


PLACE = ["Linear", "addmm", "", False, 2, 8, 0]


@pytest.mark.parametrize(
    ("found", "deviations"),
    [
        ({"params": [9, 8]}, [("parameters: 8 for 9", False)]),
        ({"differ": ["a: (1,) for (2,)"]}, [("shapes: a: (1,) for (2,)", False)]),
        ({"macs": [8, 0], "apart": [PLACE]}, [(f"MACs: {[PLACE]}", True)]),
        ({"macs": [8, 0], "apart": [[*PLACE[:3], True, 2, 8, 0]]}, [("reached by an input", False)]),
        (
            {"macs": [8, 4], "apart": [["Linear", "addmm", "linear", False, 2, 8, 4]]},
            [("counted too", False)],
        ),
        ({"macs": [8, 0]}, [("MACs: ()", False)]),
        ({"error": "RuntimeError: no"}, [("not compared: RuntimeError: no", False)]),
        ({}, []),
    ],
)
def test_the_comparison_of_libraries_sees_what_differs(found: dict[str, Any], deviations: Any) -> None:
    """Only what no input reaches is explained, and only where rfcalc counts nothing of it."""
    equal = {"params": [9, 9], "macs": [5, 5], "shapes": 1}
    made = list(whole_table.deviations({"models": {"timm:net": equal | found}}))
    assert [each.explained for each in made] == [explained for _, explained in deviations]
    if len(deviations) == 1 and ":" in deviations[0][0]:
        assert made[0].what == deviations[0][0]


@pytest.mark.torch
def test_what_no_input_reaches_is_found() -> None:
    """By differentiation: a layer of a table that the module holds is such a one."""
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):  # type: ignore[misc]  # torch may be absent
        def __init__(self) -> None:
            super().__init__()
            self.own, self.taken = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
            self.register_buffer("table", torch.ones(2, 4))

        def forward(self, x: Any) -> Any:
            return self.taken(x) + self.own(self.table).sum()

    assert constant(Net().to("meta"), [torch.ones(3, 4, device="meta")]) == {"own"}


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        ({"params": {"every": 9, "reached": 8, "rfcalc": 9}}, ["idle parameters"]),
        ({"params": {"every": 9, "reached": 9, "rfcalc": 8}}, ["parameters"]),
        ({"macs": {"torch": 5, "rfcalc": 4}}, ["MACs"]),
        ({"trainable": {"keras": 5, "rfcalc": 4}}, ["parameters"]),
        ({"shapes": {"paired": 3, "differ": ["a: (1,) for (2,)"]}}, ["shapes"]),
        ({"dependence": {"faults": ["a axis 2 (exact): row 0 changes [1]"]}}, ["dependence"]),
        ({"macs": {"torch": 5, "rfcalc": 5}, "dependence": {"faults": []}}, []),
        ({"error": "RuntimeError: no"}, []),
    ],
)
def test_the_zoo_sees_what_differs(found: dict[str, Any], kinds: list[str]) -> None:
    equal = {"params": {"every": 9, "reached": 9, "rfcalc": 9}, "shapes": {"paired": 1, "differ": []}}
    assert [each.kind for each in zoo_table.deviations(equal | found)] == kinds

"""Results are values: made twice of one model they are equal, hash alike, and come back from a pickle."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc import Annotated
from rfcalc.render.shown import Documented

MODELS = Path(__file__).parents[1] / "docs/models"
POOLING, PLAIN, UNET = (str(MODELS / f"{name}.json") for name in ("pooling", "plain", "unet"))
RESNET = str(MODELS / "resnet.json")


def net(filters: int, **more: Any) -> dict[str, Any]:
    conv = {"kind": "conv", "name": "c", "filters": filters, "kernel": 3, **more}
    return {"rfcalc": 1, "input": [28, 28, 1], "layers": [conv]}


def _annotated(shapes: int) -> Annotated:
    return Annotated("net", "out.onnx", 3, 3, shapes)


RESULTS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "analysis": (lambda: rfcalc.analyze(POOLING), lambda: rfcalc.analyze(PLAIN)),
    "analysis, details": (lambda: rfcalc.analyze(UNET, details=True), lambda: rfcalc.analyze(UNET)),
    "analysis, formulas": (
        lambda: rfcalc.analyze(POOLING, input_shape=[None, None, 1], symbolic=True),
        lambda: rfcalc.analyze(POOLING, input_shape=[None, None, 1]),
    ),
    "comparison": (lambda: rfcalc.compare(POOLING), lambda: rfcalc.compare(POOLING, variants=["plain"])),
    "comparison, pool:3:2": (
        lambda: rfcalc.compare(PLAIN, variants=["pool:3:2"]),
        lambda: rfcalc.compare(PLAIN, variants=["pool:2:2"]),
    ),
    "comparison of models": (
        lambda: rfcalc.compare(POOLING, PLAIN),
        lambda: rfcalc.compare(PLAIN, POOLING),
    ),
    "alignment": (lambda: rfcalc.align(RESNET, range(64, 68)), lambda: rfcalc.align(RESNET)),
    "annotated file": (lambda: _annotated(3), lambda: _annotated(4)),
    "check": (
        lambda: rfcalc.check(POOLING, {"max_params": 400}),
        lambda: rfcalc.check(POOLING, {"max_params": 401}),
    ),
    "diff": (lambda: rfcalc.diff(POOLING, PLAIN), lambda: rfcalc.diff(PLAIN, POOLING)),
    "diff of settings": (
        lambda: rfcalc.diff(net(3), net(3, padding=[[1, 1], [2, 0]])),
        lambda: rfcalc.diff(net(3), net(3, padding=[[1, 1], [0, 2]])),
    ),
    "design": (
        lambda: rfcalc.design(input=(32, 32, 3), field=">=24", layers="<=9"),
        lambda: rfcalc.design(input=(32, 32, 3), field=">=24", layers="<=8"),
    ),
    "effective field": (
        lambda: rfcalc.effective(POOLING, "conv3"),
        lambda: rfcalc.effective(POOLING, "conv2"),
    ),
    "explanation": (lambda: rfcalc.explain(POOLING, "conv3"), lambda: rfcalc.explain(POOLING, "conv2")),
    "field": (lambda: rfcalc.field(POOLING, "conv3"), lambda: rfcalc.field(POOLING, "conv2")),
    "law": (lambda: rfcalc.law(POOLING), lambda: rfcalc.law(PLAIN)),
    "phases": (lambda: rfcalc.phases(UNET, "classes"), lambda: rfcalc.phases(RESNET, "stem")),
    "sweep": (
        lambda: rfcalc.sweep(RESNET, {"n": [1, 2]}),
        lambda: rfcalc.sweep(RESNET, {"n": [1, 2]}, layers=["stem"]),
    ),
    "tiles": (
        lambda: rfcalc.tiles(POOLING, layer="conv3", size=(64, 64)),
        lambda: rfcalc.tiles(POOLING, layer="conv2", size=(64, 64)),
    ),
    "verification": (lambda: rfcalc.verify(POOLING), lambda: rfcalc.verify(PLAIN)),
}  # fmt: skip
"""For each result what makes one, and what makes another that is not equal."""

OF_CATALOGUES = {"Rows", "Scanned"}
"""Results that are about files of the day."""

every_result = pytest.mark.parametrize("name", RESULTS)


def test_every_result_of_a_model_has_a_row() -> None:
    offered = {name: getattr(rfcalc, name) for name in rfcalc.__all__}
    results = {
        name for name, each in offered.items() if isinstance(each, type) and issubclass(each, Documented)
    }
    made = {type(make()).__name__ for make, _ in RESULTS.values()}
    assert results - OF_CATALOGUES == made


@every_result
def test_made_twice_they_are_equal_and_hash_alike(name: str) -> None:
    make, other = RESULTS[name]
    one, two = make(), make()
    assert one is not two
    assert one == two
    assert hash(one) == hash(two)
    assert len({one, two, other()}) == 2


@every_result
def test_others_are_not_equal(name: str) -> None:
    make, other = RESULTS[name]
    assert make() != other()
    assert make() != "something else"


@every_result
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_a_pickle_gives_it_back(name: str, protocol: int) -> None:
    made = RESULTS[name][0]()
    back = pickle.loads(pickle.dumps(made, protocol))
    assert type(back) is type(made)
    assert back == made
    assert hash(back) == hash(made)
    assert back.to_json() == made.to_json()


def test_a_pickle_is_read_in_another_process(tmp_path: Path) -> None:
    made = rfcalc.compare(POOLING, variants=["plain", "pool:3:2"])
    (tmp_path / "pickle").write_bytes(pickle.dumps(made))
    code = (
        "import pickle, rfcalc, sys; back = pickle.load(open(sys.argv[1], 'rb')); "
        "print(back == rfcalc.compare(sys.argv[2], variants=['plain', 'pool:3:2']))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "pickle"), POOLING],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert run.stdout == "True\n"


def test_what_is_known_at_least_makes_a_difference() -> None:
    totals = rfcalc.analyze(POOLING).totals
    params = type(totals.params)(None, None)
    one, two = (totals._replace(params=params, at_least={"params": number}) for number in (1, 2))
    assert one != two
    assert len({one, two}) == 2

"""The picture of a sweep: its designs by two figures, and those that no other surpasses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.errors import UsageError
from tests.calling import call

pytestmark = pytest.mark.dataframes

RESNET = Path(__file__).parents[3] / "docs" / "models" / "resnet.json"
OVER: dict[str, Any] = {"n": [1, 2, 3], "width": [4, 8, 16]}


@pytest.fixture(scope="module", params=["sweep.parquet", "sweep.csv"])
def swept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("swept") / request.param
    rfcalc.sweep(RESNET, OVER, path=path)
    return path


def test_the_front_is_drawn_before_the_others(swept: Path) -> None:
    axes = rfcalc.plot(swept, what="pareto").axes[0]
    every = list(rfcalc.sweep(RESNET, OVER))
    best = list(rfcalc.sweep(RESNET, OVER, pareto="params,-field"))
    (line,) = axes.lines
    assert [tuple(point) for point in line.get_xydata()] == [
        (r["params"], r["receptive_field_0"]) for r in best
    ]
    (others,) = axes.collections
    drawn = {(float(x), float(y)) for x, y in others.get_offsets()}
    assert drawn == {(row["params"], row["receptive_field_0"]) for row in every}
    assert axes.get_xlabel() == "parameters; less is better"
    assert axes.get_title(loc="left") == "9 designs of resnet, 3 of them on the front"


def test_the_figures_are_those_that_are_asked_for_or_that_the_file_was_chosen_by(tmp_path: Path) -> None:
    path = tmp_path / "front.parquet"
    rfcalc.sweep(RESNET, OVER, path=path, pareto="macs,-coverage,params")
    axes = rfcalc.plot(path, what="pareto").axes[0]
    assert axes.get_xlabel() == "multiply-accumulates; less is better"
    assert axes.get_ylabel() == "share of the input in the field; more is better"
    axes = rfcalc.plot(path, what="pareto", pareto="width,-n").axes[0]
    assert axes.get_xlabel() == "width; less is better"


def test_the_command_draws_it(swept: Path, tmp_path: Path) -> None:
    result = call(
        "plot", str(swept), "--what", "pareto", "--pareto", "macs,-field", "-o", str(tmp_path / "a.svg")
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--pareto", "params"), "give --pareto two figures"),
        (("--pareto", "params,parms"), "did you mean 'params'"),
        (("--dim", "H=8"), "says how its model was read"),
        (("--with", "plain"), "--with is for"),
    ],
)
def test_what_it_does_not_take(words: tuple[str, ...], says: str, swept: Path, tmp_path: Path) -> None:
    result = call("plot", str(swept), "--what", "pareto", *words, "-o", str(tmp_path / "a.svg"))
    assert result.exit_code == 2
    assert says in result.stderr


def test_a_model_is_no_sweep() -> None:
    with pytest.raises(UsageError, match="is not the file of a sweep"):
        rfcalc.plot(RESNET, what="pareto")

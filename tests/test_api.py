"""The library: what goes in, what comes out, what is raised."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.engine.result import AnalysisResult
from rfcalc.questions.field.report import Field

MODEL: dict[str, Any] = {
    "rfcalc": 1,
    "name": "tiny",
    "input": [9, 9, 1],
    "layers": [
        {"kind": "conv", "name": "c", "filters": 2, "kernel": 3},
        {"kind": "max_pool", "name": "p", "kernel": 2},
    ],
}
TWO_INPUTS: dict[str, Any] = {
    "rfcalc": 1,
    "inputs": {"a": [None, None, 3], "b": [5]},
    "layers": [
        {"kind": "global_pool", "name": "g", "inputs": ["a"]},
        {"kind": "concat", "name": "both", "inputs": ["g", "b"], "axis": -1},
    ],
}


def test_every_public_name_is_there() -> None:
    for name in rfcalc.__all__:
        assert getattr(rfcalc, name) is not None
        assert name in dir(rfcalc)
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        rfcalc.analyse  # noqa: B018


def test_the_version_is_that_of_the_package() -> None:
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert f'version = "{rfcalc.__version__}"' in text


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, rfcalc; print(*(m for m in sys.modules if m.startswith('rfcalc')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == ["rfcalc", "rfcalc.version"]


def test_whatever_a_model_comes_as(tmp_path: Path) -> None:
    text = json.dumps(MODEL)
    path = tmp_path / "tiny.json"
    path.write_text(text)
    expected = rfcalc.analyze(MODEL).rows
    for x in (str(path), path, io.StringIO(text), io.BytesIO(text.encode()), rfcalc.load(MODEL)):
        assert rfcalc.analyze(x).rows == expected
    with path.open() as file:
        assert rfcalc.analyze(file).source == str(path)


def test_an_analysis_renders_itself() -> None:
    analysis = rfcalc.analyze(MODEL)
    assert isinstance(analysis, rfcalc.Analysis)
    assert isinstance(analysis, AnalysisResult)
    assert len(analysis) == 3
    assert analysis.layer("p").receptive_field == (4, 4)
    assert analysis.to_dict() == json.loads(analysis.to_json())
    assert analysis.to_markdown() == analysis._repr_markdown_()
    assert analysis.to_markdown(["name"]).splitlines()[0].split() == ["|", "layer", "|"]
    assert str(analysis) == analysis.to_text() == analysis.to_text(80)
    assert analysis.to_text(unicode=False).isascii()
    assert "not shown: padding, activations (columns=[...], a larger width)\n" in analysis.to_text()
    assert "not shown" not in analysis.to_text(120)
    assert analysis.to_text(columns=["name", "macs"]).splitlines()[2].split() == ["layer", "MACs"]
    assert "<p><b>tiny</b>" in analysis._repr_html_()
    assert repr(analysis) == "<Analysis of tiny: 3 layers, 20 parameters, 882 MACs>"
    with pytest.raises(KeyError):
        analysis.layer("none")


def test_a_field_renders_itself() -> None:
    field = rfcalc.field(MODEL, "p")
    assert isinstance(field, Field)
    assert field.axes[0].rows == ((0, 3, 4), (2, 5, 4), (4, 7, 4))
    unit = rfcalc.field(MODEL, "p", (0, 2))
    assert unit.at == (0, 2)
    assert unit.box == ((0, 3), (4, 7))
    assert json.loads(unit.to_json()) == unit.to_dict()


def test_a_field_behind_an_op_that_no_rule_knows() -> None:
    model = {**MODEL, "layers": [*MODEL["layers"], {"kind": "unknown", "name": "u", "op": "Odd"}]}
    assert rfcalc.field(model, "p").axes[0].status == "exact"
    with pytest.raises(rfcalc.AnalysisError, match="it depends on Odd"):
        rfcalc.field(model, "u")
    with pytest.raises(rfcalc.AnalysisError, match="no rule for Odd"):
        rfcalc.field(model, "p", on_unknown="error")
    assert rfcalc.field(model, "u", on_unknown="identity").axes == rfcalc.field(model, "p").axes
    bound = rfcalc.field(model, "u", on_unknown="bound")
    assert (bound.axes[0].status, bound.axes[0].rows[0]) == ("bound", (0, 7, 8))
    assert "Odd is not known" in bound.notes[0].message


def test_shapes_of_inputs() -> None:
    def spatial(**options: Any) -> list[Any]:
        return [each.shape for each in rfcalc.analyze(TWO_INPUTS, **options).inputs]

    assert spatial() == [(None, None, None, 3), (None, 5)]
    assert spatial(input_shape={"a": (1, 8, 6, 3)}) == [(1, 8, 6, 3), (None, 5)]
    assert spatial(input_shape={"b": (7,)}) == [(None, None, None, 3), (None, 7)]
    assert spatial(dims={"W": 6}) == [(None, None, 6, 3), (None, 5)]
    with pytest.raises(rfcalc.UsageError, match="say which input the shape is for: 'a', 'b'"):
        rfcalc.load(TWO_INPUTS, input_shape=(8, 6, 3))
    with pytest.raises(rfcalc.UsageError, match="axes are not spatial, so give its whole shape"):
        rfcalc.load(TWO_INPUTS, dims={"W": 6}, input="b")
    with pytest.raises(rfcalc.UsageError, match="positive integer, got True"):
        rfcalc.load(TWO_INPUTS, dims={"W": True})


def test_both_letters_of_a_sequence() -> None:
    model = {"rfcalc": 1, "input": [None, 4], "layers": [{"kind": "conv", "filters": 1, "kernel": 3}]}
    for letter in ("L", "T"):
        assert rfcalc.analyze(model, dims={letter: 12}).rows[-1].spatial == (10,)


def test_dims_of_a_graph_that_was_loaded_before() -> None:
    graph = rfcalc.load(MODEL)
    assert rfcalc.analyze(graph, dims={"H": 30}).rows[0].spatial == (30, 9)
    assert rfcalc.analyze(graph).rows[0].spatial == (9, 9)


def test_symbolic() -> None:
    row = rfcalc.analyze(MODEL, input_shape=(None, None, 1), symbolic=True).layer("c")
    assert [str(extent) for extent in row.spatial] == ["H - 2", "W - 2"]
    assert row.receptive_field == (3, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: rfcalc.analyze(MODEL, input="none"),
        lambda: rfcalc.analyze({**MODEL, "layers": [{"kind": "conv", "filters": 1, "kernel": 99}]}),
        lambda: rfcalc.field(MODEL, "none"),
        lambda: rfcalc.field(MODEL, "p", at=(9, 9)),
        lambda: rfcalc.load(MODEL, dims={"Q": 1}),
        lambda: rfcalc.load({"rfcalc": 2}),
    ],
)
def test_errors_name_their_source(call: Any) -> None:
    with pytest.raises(rfcalc.RfcalcError) as raised:
        call()
    assert raised.value.source == "<dict>"
    assert str(raised.value).startswith("<dict>: ")


POOLING = "docs/models/pooling.json"
BRIEF = [
    (lambda: rfcalc.compare(POOLING), "<Comparison of original, plain, strided, dilated>"),
    (lambda: rfcalc.law(POOLING), "<Law of conv3 in pooling>"),
    (lambda: rfcalc.align(POOLING), "<Alignment of pooling>"),
    (lambda: rfcalc.effective(POOLING), "<EffectiveField of conv3 in pooling>"),
    (lambda: rfcalc.tiles(POOLING), "<Tiles of classes in pooling>"),
    (lambda: rfcalc.verify(POOLING), "<Verification of pooling: 8 layers, all exact.>"),
    (lambda: rfcalc.explain(POOLING, "conv3"), "<Explanation of conv3 in pooling>"),
    (lambda: rfcalc.field(POOLING, "conv3"), "<Field of conv3 in pooling>"),
    (lambda: rfcalc.field(POOLING, "conv3").seeing((3, 3)), "<Seeing of conv3 in pooling>"),
    (lambda: rfcalc.phases(POOLING, "conv3"), "<Phases of conv3 in pooling>"),
    (
        lambda: rfcalc.diff(POOLING, POOLING),
        "<Diff of pooling and pooling: no change in shape, field, stride, parameters and MACs "
        "(8 layers matched)>",
    ),
]


@pytest.mark.parametrize(("ask", "brief"), BRIEF, ids=[brief.split()[0][1:] for _, brief in BRIEF])
def test_a_result_is_a_short_line_in_a_plain_session(
    ask: Callable[[], object], brief: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parent.parent)
    assert repr(ask()) == brief

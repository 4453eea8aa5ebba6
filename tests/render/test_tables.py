from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from rfcalc import analyze
from rfcalc.algebra.number import UNKNOWN
from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.errors import UsageError
from rfcalc.questions.analyze.exports import analysis_csv, analysis_markup, notebook
from rfcalc.questions.analyze.report import analysis_text
from rfcalc.render import columns as tables
from rfcalc.render import humanise
from rfcalc.render.document import analysis_document, dump
from rfcalc.wording import MARKUP
from tests.render import golden
from tests.render.samples import complete, named, row, small

MODELS = Path(__file__).parent.parent.parent / "docs" / "models"
SAMPLES = {"small": small, "complete": complete}


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("width", [80, 160])
def test_text_as_expected(sample: str, width: int) -> None:
    golden.check(f"{sample}.{width}.txt", analysis_text(SAMPLES[sample](), width=width))


def test_text_in_ascii_as_expected() -> None:
    text = analysis_text(small(), unicode=False)
    assert text.isascii()
    golden.check("small.ascii.txt", text)


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_as_expected(markup: str) -> None:
    golden.check(f"small.{markup}", analysis_markup(small(), markup))


@pytest.mark.parametrize("model", ["pooling", "unet", "video"])
def test_a_model_of_the_documentation_as_expected(model: str) -> None:
    result = analyze(str(MODELS / f"{model}.json"))
    golden.check(f"{model}.80.txt", analysis_text(result))
    golden.check(f"{model}.160.txt", analysis_text(result, width=160))
    golden.check(f"{model}.json", dump(analysis_document(result)))


@pytest.mark.parametrize("model", ["pooling", "video"])
def test_formulas_of_a_model_as_expected(model: str) -> None:
    result = formulas_of(model)
    golden.check(f"{model}.symbolic.80.txt", analysis_text(result))
    golden.check(f"{model}.symbolic.160.txt", analysis_text(result, width=160))
    golden.check(f"{model}.symbolic.ascii.txt", analysis_text(result, unicode=False))


@cache
def formulas_of(model: str) -> AnalysisResult:
    path = str(MODELS / f"{model}.json")
    shape = analyze(path).inputs[0].shape[1:]
    spatial = analyze(path).inputs[0].spatial
    return analyze(path, input_shape=[None] * len(spatial) + list(shape[len(spatial) :]), symbolic=True)


@pytest.mark.long
@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("model", sorted(path.stem for path in MODELS.glob("*.json")))
def test_a_table_of_formulas_fits_the_width(model: str, width: int) -> None:
    result = formulas_of(model)
    for unicode in (True, False):
        lines = analysis_text(result, width=width, unicode=unicode, notes=False).splitlines()
        assert max(map(len, lines)) <= width
    # nothing is lost: what a number stands for is below it
    text = analysis_text(result, width=width)
    numbers = set(re.findall(r"(?<= )\[[0-9]+\]", text))
    assert numbers == set(re.findall(r"^\[[0-9]+\]", text, re.M))


def test_equal_formulas_have_one_number() -> None:
    result = formulas_of("capsnet")
    first = next(each for each in result if each.name == "primary_caps")
    twice = replace(result, rows=(*result.rows, first._replace(name="again")))
    assert analysis_text(twice).count("[1]") == 3
    assert "[3]" not in analysis_text(twice)


@pytest.mark.parametrize("markup", MARKUP)
def test_pooling_as_expected(markup: str) -> None:
    result = analyze(str(MODELS / "pooling.json"))
    golden.check(f"pooling.{markup}", analysis_markup(result, markup))
    golden.check("pooling.csv", analysis_csv(result))


def test_csv_and_json_as_expected() -> None:
    golden.check("small.csv", analysis_csv(small()))
    golden.check("small.json", dump(analysis_document(small())))
    golden.check("notebook.html", notebook(small()))


@pytest.mark.parametrize("width", range(60, 200, 7))
def test_text_fits_the_width(width: int) -> None:
    lines = analysis_text(small(), width=width, notes=False).splitlines()
    assert max(map(len, lines)) <= width


def test_columns_are_dropped_in_order_of_importance() -> None:
    lost: list[str] = []
    for width in range(200, 20, -1):
        lines = analysis_text(complete(), width=width).splitlines()
        title = next(line for line in lines if line.startswith("layer "))
        order = ("activations", "padding", "op", "covers", "MACs", "stride", "params", "field", "shape")
        lost += [each for each in order if each not in title.split() and each not in lost]
    assert lost == ["activations", "padding", "op", "covers", "MACs", "stride"]


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (80, "not shown: op, smallest field and 3 more (columns=[...], a larger width)"),
        (70, "not shown: op and 5 more (columns=[...], a larger width)"),
        (60, "not shown: op and 6 more (columns=[...], a larger width)"),
        (50, "not shown: 7 columns (columns=[...], a larger width)"),
    ],
)
def test_what_is_left_out_is_said_in_a_line_that_fits(width: int, line: str) -> None:
    assert analysis_text(complete(), width=width).splitlines()[-1] == line


def test_what_was_asked_for_is_never_left_out() -> None:
    text = analysis_text(complete(), width=40, columns=tables.choose(["name", "params", "macs"]))
    assert "not shown" not in text


def test_wide_characters_keep_the_columns_aligned() -> None:
    from rfcalc.render.escape import cells

    lines = analysis_text(named("畳み込み層")).splitlines()
    assert len({cells(line) for line in lines[4:6]}) == 1


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"receptive_field": (18, 18)}, "18x18"),
        ({"receptive_field": (427,)}, "427"),
        ({"receptive_field": (5, 5, 5)}, "5x5x5"),
        ({"receptive_field": (None, None), "local_receptive_field": (35, 35)}, "global (35x35)"),
        ({"receptive_field": (None, None), "local_receptive_field": (None, None)}, "global"),
        ({"receptive_field": (None, 7)}, "global x 7"),
        ({"receptive_field": (18, 18), "status": "bound"}, "~18x18"),
        ({"receptive_field": None, "status": "unknown"}, "?"),
        ({"receptive_field": (0, 0)}, "none"),
        ({"receptive_field": ()}, "-"),
    ],
)
def test_fields_as_people_read_them(figures: dict[str, object], expected: str) -> None:
    assert tables.field_cell(row("a", **figures)) == expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((None, 28, 28, 1), "28x28x1"),
        ((1, 3, 224, 224), "1x3x224x224"),
        ((None, None, None, 3), "?x?x3"),
        ((None, UNKNOWN, 10), "?x10"),
        ((), "scalar"),
        ((None,), "?"),
        (None, "?"),
    ],
)
def test_shapes_as_people_read_them(shape: tuple[object, ...] | None, expected: str) -> None:
    assert humanise.shape(shape) == expected


def test_formulas_as_people_and_as_programs_read_them() -> None:
    from rfcalc.algebra.symbols import symbol

    extent = (symbol("H") + 1) // 2 - 1
    each = row("a", output_shape=(None, extent, 3), spatial=(extent,), macs=extent)
    result = replace(small(), rows=(each,))
    text = analysis_text(result, width=160)
    assert "⌊(H - 1)/2⌋" in text or "⌊(H + 1)/2⌋ - 1" in text
    assert "⌊" not in analysis_text(result, width=160, unicode=False)
    assert isinstance(analysis_document(result)["layers"][0]["macs"], str)
    assert dump(analysis_document(result)).isascii()


def test_columns_by_name() -> None:
    names = [column.name for column in tables.choose(["layer", "macs", "trainable"])]
    assert names == ["name", "macs", "trainable"]
    for column in tables.USUAL:
        assert all(isinstance(column.cell(each), str) for each in small())
    text = analysis_text(small(), width=20, columns=tables.USUAL)
    assert "smallest field" in text
    for column in tables.ON_DEMAND.values():
        with pytest.raises(UsageError, match="worked out on demand"):
            column.cell(small().rows[0])


@pytest.mark.parametrize(
    ("names", "message"),
    [(["para"], "did you mean 'params'"), (["zzz"], "the columns are name, kind"), ([], "no column")],
)
def test_unknown_columns_are_refused_with_suggestions(names: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tables.choose(names)
    with pytest.raises(UsageError, match="twice"):
        tables.choose(["name", "layer"])


def test_select_keeps_the_totals() -> None:
    result = small()
    chosen = tables.select(result, ["conv*", "up:0"])
    assert [each.name for each in chosen] == ["conv1", "up"]
    assert chosen.totals == result.totals
    with pytest.raises(UsageError, match="did you mean 'conv1'"):
        tables.select(result, ["conv1", "cnv1"])
    with pytest.raises(UsageError, match="a star stands for any text"):
        tables.select(result, ["zz??zz"])


def test_document_follows_the_contract() -> None:
    document = analysis_document(complete())
    assert list(document) == ["schema", "model", "inputs", "input", "layers", "totals", "notes"]
    assert list(document["layers"][0]) == [
        "name", "kind", "op", "inputs", "output_shape", "spatial", "receptive_field", "receptive_field_min",
        "local_receptive_field", "effective_stride", "effective_padding", "center", "coverage", "status",
        "params", "macs", "activations",
    ]  # fmt: skip
    assert document["totals"] == {
        "layers": 7, "resolved": 7, "params": 98578, "trainable": 98322, "non_trainable": 256,
        "macs": 3493632, "complete": True, "flops": 6987264,
        # the sample is made by hand, and has no graph to measure
        "param_bytes": None, "activations": None, "activation_bytes": None, "moved_bytes": None,
        "intensity": None, "peak_memory": None,
    }  # fmt: skip
    layer = next(each for each in document["layers"] if each["name"] == "gate")
    assert layer["receptive_field"] == [None, None]
    assert isinstance(layer["coverage"], float)
    assert isinstance(layer["center"][0], float)
    assert [type(stride) for stride in document["layers"][0]["effective_stride"]] == [int, int]


def test_document_says_what_is_not_known() -> None:
    document = analysis_document(small())
    assert document["totals"]["params"] is None
    assert document["totals"]["complete"] is False
    assert list(document["totals"]["at_least"]) == ["params", "trainable", "non_trainable", "macs"]
    mystery = next(each for each in document["layers"] if each["name"] == "mystery")
    assert mystery["receptive_field"] is None
    assert mystery["reason"] == "no rule for it"
    up = next(each for each in document["layers"] if each["name"] == "up")
    assert up["effective_stride"] == [0.5, 0.5]
    assert up["outputs"] == ["up:0"]
    assert len(up["calls"]) == 2


def test_document_has_no_infinity() -> None:
    endless: Row = row("a", coverage=float("nan"), center=(float("inf"), 0.0))
    result: AnalysisResult = replace(small(), rows=(endless,))
    assert analysis_document(result)["layers"][0]["center"] == [None, 0.0]
    dump(analysis_document(result))


def test_document_source_is_a_file_name() -> None:
    result = replace(small(), source="some/where/small.json")
    assert analysis_document(result)["model"]["source"] == "small.json"


def test_a_model_without_rows() -> None:
    empty = replace(small(), rows=(), inputs=(), notes=())
    for markup in MARKUP:
        assert "layer" in analysis_markup(empty, markup)
    assert "layer" in analysis_text(empty)
    assert '"layers": []' in dump(analysis_document(empty))

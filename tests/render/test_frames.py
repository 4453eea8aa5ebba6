"""Tables for pandas, polars and Arrow: the figures of the document, with a type each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.render.frames import INTEGER, TEXT, Frame, series

needs_the_libraries = pytest.mark.dataframes
"""They come with the extra `test`; without them these tests are skipped, by name."""


@pytest.fixture(autouse=True)
def libraries(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("dataframes") is not None:
        for name in ("pandas", "polars", "pyarrow"):
            pytest.importorskip(name)


MODELS = Path(__file__).parents[2] / "docs/models"
POOLING = MODELS / "pooling.json"
UNKNOWN_OP: dict[str, Any] = {
    "class_name": "Sequential",
    "config": {
        "name": "m",
        "layers": [
            {
                "class_name": "InputLayer",
                "config": {"name": "in", "batch_input_shape": [None, 8, 8, 1], "dtype": "float32"},
            },
            {"class_name": "Mystery", "registered_name": "x>Mystery", "config": {"name": "q"}},
        ],
    },
    "keras_version": "2.15.0",
    "backend": "tensorflow",
}


def hostile() -> rfcalc.Analysis:
    return rfcalc.analyze(
        {
            "rfcalc": 1,
            "input": [8, 8, 1],
            "layers": [{"name": "=1+1|\ud800", "kind": "conv", "filters": 1, "kernel": 3}],
        }
    )


def document_of(x: rfcalc.Analysis, name: str) -> list[Any]:
    return [layer[name] for layer in x.to_dict()["layers"]]


@needs_the_libraries
class TestPandas:
    def test_the_figures_are_those_of_the_document(self) -> None:
        analysis = rfcalc.analyze(POOLING)
        frame = analysis.to_pandas()
        assert list(frame["name"]) == [row.name for row in analysis]
        assert [list(each) for each in frame["receptive_field"]] == document_of(analysis, "receptive_field")
        assert list(frame["macs"]) == document_of(analysis, "macs")
        assert frame["macs"].sum() == analysis.totals.macs == 3_100_032
        assert frame["params"].sum() == 104_202

    def test_counts_stay_integers_where_one_is_not_known(self) -> None:
        frame = rfcalc.analyze(UNKNOWN_OP).to_pandas()
        assert str(frame["macs"].dtype) == "Int64"
        assert list(frame["macs"].isna()) == [False, True]

    def test_fields_can_be_grouped_by(self) -> None:
        frame = rfcalc.analyze(POOLING).to_pandas()
        assert frame.groupby("effective_stride", sort=False)["macs"].sum().loc[[(1.0, 1.0)]].item() == 194_688

    def test_columns_are_chosen_in_order(self) -> None:
        frame = rfcalc.analyze(POOLING).to_pandas(columns=["macs", "name"])
        assert list(frame.columns) == ["macs", "name"]

    def test_a_column_that_is_not_there_is_an_error(self) -> None:
        with pytest.raises(rfcalc.UsageError, match="no column 'mac'; did you mean 'macs'"):
            rfcalc.analyze(POOLING).to_pandas(columns=["mac"])

    def test_details_are_columns_where_they_were_asked_for(self) -> None:
        assert "largest_gap" not in rfcalc.analyze(POOLING).to_pandas()
        frame = rfcalc.analyze(POOLING, details=True).to_pandas()
        assert frame.set_index("name").loc["conv3", "largest_gap"] == (0, 0)

    def test_formulas_are_text(self) -> None:
        frame = rfcalc.analyze(POOLING, input_shape=[None, None, 1], symbolic=True).to_pandas()
        macs = frame.set_index("name").loc["conv1", "macs"]
        assert isinstance(macs, str)
        assert "H" in macs

    def test_the_frame_of_a_comparison_has_a_row_for_each_model(self) -> None:
        frame = rfcalc.compare(POOLING, variants=["plain"]).to_pandas().set_index("model")
        assert list(frame.index) == ["original", "plain"]
        assert list(frame["params"]) == [104_202, 712_202]
        assert frame.loc["plain", "field"] == (7, 7)

    def test_a_model_that_there_is_not_has_nulls(self) -> None:
        comparison = rfcalc.compare(MODELS / "unet.json", variants=["plain", "average"])
        refused = [entry.name for entry in comparison.entries if entry.refusal is not None]
        assert refused
        frame = comparison.to_pandas().set_index("model")
        assert frame.loc[refused, "params"].isna().all()
        assert set(comparison.layers.to_pandas()["model"]).isdisjoint(refused)

    def test_the_layers_of_a_comparison_stand_below_each_other(self) -> None:
        comparison = rfcalc.compare(POOLING, variants=["plain"])
        frame = comparison.layers.to_pandas()
        assert list(frame.columns[:2]) == ["model", "name"]
        assert frame.groupby("model")["macs"].sum().to_dict() == {"original": 3_100_032, "plain": 47_115_392}

    def test_the_frame_of_a_check_has_a_row_for_each_figure(self) -> None:
        report = rfcalc.check(POOLING, {"max_params": 400, "status": "exact", "min_receptive_field": 18})
        frame = report.to_pandas().set_index("limit")
        assert frame["outcome"].to_dict() == {
            "max_params": "violated",
            "status": "holds",
            "min_receptive_field": "holds",
        }
        assert frame.loc["min_receptive_field", "at_least"] == (18.0, 18.0)
        assert frame.loc["max_params", "allowed"] == (400.0,)

    def test_any_name_goes(self) -> None:
        assert hostile().to_pandas()["name"][1] == "=1+1|\\ud800"


@needs_the_libraries
class TestPolars:
    @pytest.mark.parametrize("model", [POOLING, MODELS / "unet.json", MODELS / "wavenet.json", UNKNOWN_OP])
    def test_the_figures_are_those_of_the_document(self, model: Any) -> None:
        analysis = rfcalc.analyze(model)
        frame = analysis.to_polars()
        for name in ("receptive_field", "output_shape", "effective_stride", "center", "macs", "status"):
            assert frame[name].to_list() == document_of(analysis, name), name

    def test_types_do_not_depend_on_the_model(self) -> None:
        schemas = {str(rfcalc.analyze(model).to_polars().schema) for model in (POOLING, UNKNOWN_OP)}
        assert len(schemas) == 1

    def test_the_constructor_takes_a_result(self) -> None:
        import polars as pl

        analysis, comparison = rfcalc.analyze(POOLING), rfcalc.compare(POOLING)
        assert pl.DataFrame(analysis).equals(analysis.to_polars())
        assert pl.DataFrame(comparison).equals(comparison.to_polars())
        assert pl.DataFrame(comparison.layers).height == sum(len(e.result or ()) for e in comparison.entries)

    def test_a_formula_makes_its_column_text(self) -> None:
        import polars as pl

        frame = rfcalc.analyze(POOLING, input_shape=[None, None, 1], symbolic=True).to_polars()
        assert frame.schema["spatial"] == pl.List(pl.String)
        assert frame.schema["effective_stride"] == pl.List(pl.Float64)

    def test_any_name_goes(self) -> None:
        assert hostile().to_polars()["name"][1] == "=1+1|\\ud800"


@needs_the_libraries
class TestArrow:
    def test_pyarrow_reads_the_stream(self) -> None:
        import pyarrow as pa

        analysis = rfcalc.analyze(POOLING)
        table = pa.table(analysis)
        assert table["receptive_field"].to_pylist() == document_of(analysis, "receptive_field")
        assert table.column_names == list(analysis.to_polars().columns)

    @pytest.mark.parametrize("producer", ["polars", "pyarrow"])
    def test_one_of_two_libraries_is_enough(self, producer: str, monkeypatch: pytest.MonkeyPatch) -> None:
        import pyarrow as pa

        monkeypatch.setitem(sys.modules, "pyarrow" if producer == "polars" else "polars", None)
        found = pa.table(rfcalc.analyze(POOLING))
        assert found["macs"].to_pylist() == document_of(rfcalc.analyze(POOLING), "macs")


def test_without_the_libraries_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "polars", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    analysis = rfcalc.analyze(POOLING)
    for call in (analysis.to_pandas, analysis.to_polars, analysis.__arrow_c_stream__):
        with pytest.raises(ImportError, match=r"rfcalc\[dataframes\]"):
            call()


def test_an_analysis_loads_none_of_the_libraries() -> None:
    code = (
        f"import rfcalc, sys; rfcalc.analyze({str(POOLING)!r}); "
        "print({'pandas', 'polars', 'pyarrow', 'numpy'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=MODELS.parents[1]
    )
    assert run.stdout == "set()\n"


def test_numbers_beyond_64_bits_are_text() -> None:
    assert series("macs", INTEGER, [2**63 - 1]).form == INTEGER
    assert series("macs", INTEGER, [2**63, None]) == ("macs", TEXT, False, (str(2**63), None))


def test_frames_compare() -> None:
    one, two = (Frame([series("a", INTEGER, [1, value])]) for value in (2, 3))
    assert one == Frame([series("a", INTEGER, [1, 2])])
    assert one != two
    assert len({one, two}) == 2

"""Sweeps from end to end: into memory, into files, on from where they were stopped, and designs by number."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rfcalc
from rfcalc.errors import AnalysisError, ReadError, UsageError
from rfcalc.questions.sweep import task
from rfcalc.questions.sweep.store import arrow_of
from rfcalc.questions.sweep.where import condition
from tests.calling import Called, call

MODELS = Path(__file__).parents[3] / "docs" / "models"
RESNET, POOLING = MODELS / "resnet.json", MODELS / "pooling.json"

NET: dict[str, Any] = {
    "rfcalc": 1,
    "name": "net",
    "parameters": {"width": 8, "kernel": 3, "depth": 2},
    "input": [12, 12, 3],
    "blocks": {
        "unit": {"layers": [{"kind": "conv", "name": "conv", "filters": "width", "kernel": "kernel"}]}
    },
    "layers": [
        {"block": "unit", "name": "units", "repeat": "depth"},
        {"kind": "max_pool", "name": "pool", "kernel": 2},
        {"kind": "conv", "name": "last", "filters": "2 * width", "kernel": 3, "padding": "same"},
        {"kind": "gap", "name": "gap"},
    ],
}
OVER = {"width": [4, 8], "kernel": [3, 5, 9], "depth": [1, 2]}
DIMS = {"H": [12, 16]}


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of four designs, so that a small sweep has several."""
    monkeypatch.setattr(task, "_FIRST", 4)
    monkeypatch.setattr(task, "LARGEST", 4)


def rows(**how: Any) -> list[dict[str, Any]]:
    return list(rfcalc.sweep(NET, OVER, dims=DIMS, **how))


# ---- choosing ----------------------------------------------------------------------------------------------


def test_every_design_is_a_row() -> None:
    found = rfcalc.sweep(NET, OVER, dims=DIMS)
    assert [row["design"] for row in found] == list(range(24))
    assert len(found) == found.looked_at == found.kept == found.space.size == 24
    assert list(found.columns)[:6] == ["design", "width", "kernel", "depth", "H", "error"]
    broken = [row for row in found if row["error"]]
    assert len(broken) == found.unbuildable == sum(each.designs for each in found.reasons) > 0
    for row in found:
        values = {name: row[name] for name in OVER}
        if row["error"]:
            with pytest.raises(AnalysisError) as raised:
                rfcalc.analyze(NET, parameters=values, dims={"H": row["H"]})
            assert row["error"] == f"{raised.value.where}: {raised.value.message}"
            continue
        one = rfcalc.analyze(NET, parameters=values, dims={"H": row["H"]})
        assert (row["params"], row["macs"]) == (one.totals.params.total, one.totals.macs)


@pytest.mark.usefixtures("small_chunks")
def test_what_is_chosen_is_chosen_of_all() -> None:
    every = rows()
    there = [row for row in every if not row["error"]]

    def field(row: dict[str, Any]) -> int:
        return min(row["receptive_field_0"], row["receptive_field_1"])

    kept = [row for row in there if row["params"] < 3000 and field(row) >= 8]
    assert rows(where="params < 3000 and field >= 8") == kept != []
    best = [
        row
        for row in there
        if not any(
            (a["params"], -field(a)) != (row["params"], -field(row))
            and a["params"] <= row["params"]
            and field(a) >= field(row)
            for a in there
        )
    ]
    assert rows(pareto="params,-field") == rows(pareto=["params", "-field"]) == best
    first = sorted(there, key=lambda row: (-row["macs"], row["design"]))[:5]
    assert rows(top=5, by="-macs") == first
    assert rows(top=2, by="macs", pareto="params,-field") == sorted(best, key=lambda row: row["macs"])[:2]
    assert rows(top=3) == every[:3]
    assert rows(where="error == ''") == there
    assert rows(where="params < 0") == rows(where="params < 0", pareto="macs") == []


@pytest.mark.usefixtures("small_chunks")
def test_a_sample_is_part_of_all() -> None:
    every = rows()
    found = rfcalc.sweep(NET, OVER, dims=DIMS, sample=7, seed=3)
    assert found.looked_at == 7
    assert list(found) == [every[row["design"]] for row in found]
    assert rows(sample=7, seed=3) == list(found) != rows(sample=7, seed=4)
    assert rows(sample=100) == every
    latin = rfcalc.sweep(NET, OVER, dims=DIMS, sample=12, latin=True)
    assert list(latin) == [every[row["design"]] for row in latin]


def test_a_sample_of_a_space_larger_than_64_bits() -> None:
    names = [f"w{n}" for n in range(8)]
    net = {"rfcalc": 1, "parameters": dict.fromkeys(names, 1), "input": [4, 4, 1], "layers": [
        {"kind": "conv", "filters": name, "kernel": 1} for name in names
    ]}  # fmt: skip
    found = rfcalc.sweep(net, {name: range(1, 1001) for name in names}, sample=5)
    assert found.space.size == 10**24
    for row in found:
        values = {name: row[name] for name in names}
        assert found.space.design(row["design"]) == values
        assert row["params"] == rfcalc.analyze(net, parameters=values).totals.params.total


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"where": "parms < 3"}, "did you mean 'params'"),
        ({"where": "params < "}, "is not a condition"),
        ({"pareto": "width,depht"}, "did you mean 'depth'"),
        ({"by": "error"}, "holds words"),
        ({"top": 0}, "none"),
        ({"sample": 0}, "none"),
        ({"latin": True}, "say of how many"),
        ({"layers": ["lst"]}, "no layer is called 'lst'"),
        ({"resume": True}, "no file to go on with"),
        ({"scheduler": "foo"}, "no address of a scheduler, such as tcp://host:8786"),
        ({"path": "sweep.parquet", "scheduler": "tcp://127.0.0.1:1"}, "no Dask scheduler answers"),
    ],
)
def test_what_cannot_be_asked(
    how: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "scheduler" in how:
        pytest.importorskip("distributed")
        monkeypatch.setattr("rfcalc.questions.sweep.running.PATIENCE", 1)
    with pytest.raises(UsageError, match=says):
        rfcalc.sweep(NET, OVER, **how)


def test_a_grid_that_nobody_can_finish_is_refused() -> None:
    names = [f"p{k}" for k in range(14)]
    net = {"rfcalc": 1, "parameters": dict.fromkeys(names, 1), "input": [8, 8, 3], "layers": ["relu"]}
    with pytest.raises(UsageError, match="too large to be worked out whole; draw from it"):
        rfcalc.sweep(net, {name: range(1, 11) for name in names}, top=3, by="macs")


# ---- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.usefixtures("small_chunks")
@pytest.mark.dataframes
def test_a_file_holds_what_memory_holds(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"sweep{suffix}"
    found = rfcalc.sweep(NET, OVER, dims=DIMS, path=path, most=3)
    every = rows()
    assert (len(found), found.shown, found.path) == (24, 3, str(path))
    assert list(found) == every[:3]
    assert read(path) == every
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(
        [path.name] if suffix == ".parquet" else [path.name, f"{path.name}.sweep.json"]
    )


def read(path: Path) -> list[dict[str, Any]]:
    import polars

    if path.suffix == ".parquet":
        return polars.read_parquet(path).to_dicts()
    found = polars.read_csv(path, infer_schema_length=None).to_dicts()
    return [{**row, "error": row["error"] or "", "status": row["status"] or ""} for row in found]


@pytest.mark.dataframes
def test_duckdb_opens_both(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    for name in ("sweep.parquet", "sweep.csv"):
        rfcalc.sweep(NET, OVER, path=tmp_path / name)
        (count, least), *_ = duckdb.sql(
            f"SELECT count(*), min(params) FROM '{tmp_path / name}' WHERE error IS NULL OR error = ''"
        ).fetchall()
        there = [row["params"] for row in rfcalc.sweep(NET, OVER) if not row["error"]]
        assert (count, least) == (len(there), min(there))


@pytest.mark.dataframes
def test_what_is_chosen_is_what_a_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "front.parquet"
    how: dict[str, Any] = {"pareto": "params,-field", "by": "-params", "where": "params < 5000"}
    found = rfcalc.sweep(NET, OVER, dims=DIMS, path=path, **how)
    assert read(path) == list(found) == rows(**how)


@pytest.mark.dataframes
def test_numbers_that_64_bits_do_not_hold_are_decimals(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    net = {"rfcalc": 1, "parameters": {"w": 1}, "input": [4, 4, 3], "layers": [
        {"kind": "conv", "filters": "w", "kernel": 1}, {"kind": "conv", "filters": "w", "kernel": 3},
    ]}  # fmt: skip
    path = tmp_path / "wide.parquet"
    every = list(rfcalc.sweep(net, {"w": [2, 2**40]}, path=path))
    table = pq.read_table(path)
    assert table.schema.field("macs").type == pa.decimal128(38, 0)
    assert table.schema.field("w").type == pa.int64()
    assert table["macs"].to_pylist() == [Decimal(row["macs"]) for row in every]
    assert every[1]["macs"] == rfcalc.analyze(net, parameters={"w": 2**40}).totals.macs > 2**64
    assert [row["macs"] for row in rfcalc.sweep(net, {"w": [2, 2**40]}, path=tmp_path / "wide.csv")] == [
        row["macs"] for row in every
    ]


@pytest.mark.dataframes
@pytest.mark.parametrize(
    ("values", "form", "where", "kept"),
    [
        (["plain", "dilated"], "string", "variant == 'plain'", [True, False]),
        ([2**70, 3], "decimal128(38, 0)", "variant > 3", [True, False]),
        ([2, 3], "int64", "variant > 2", [False, True]),
    ],
)
def test_what_is_called_variant_may_be_numbers(
    values: list[Any], form: str, where: str, kept: list[bool]
) -> None:
    """A column of that name holds counterfactuals, or the values of a parameter."""
    column = np.array(values, dtype=object)
    assert str(arrow_of({"variant": column}).schema.field("variant").type) == form
    assert condition(where).holds({"variant": column}).tolist() == kept


@pytest.mark.dataframes
def test_a_number_that_no_file_holds_is_refused(tmp_path: Path) -> None:
    net = {"rfcalc": 1, "parameters": {"w": 1}, "input": ["w", "w", 3], "layers": [
        {"kind": "conv", "filters": "w", "kernel": 1}, {"kind": "conv", "filters": "w", "kernel": 1},
    ]}  # fmt: skip
    with pytest.raises(UsageError, match="more than 38 digits"):
        rfcalc.sweep(net, {"w": [2, 2**40]}, path=tmp_path / "wide.parquet")
    assert not (tmp_path / "wide.parquet").exists()
    found = rfcalc.sweep(net, {"w": [2, 2**40]}, path=tmp_path / "wide.csv")
    assert max(row["macs"] for row in found) > 10**38


class Stop(Exception):
    """The end of a run, from outside."""


def stopping(after: int) -> Any:
    told: list[int] = []

    def progress(done: int, total: int) -> None:
        told.append(done)
        if len(told) > after:
            raise Stop

    return progress


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("how", [{}, {"pareto": "params,-field"}, {"where": "params < 5000"}, {"sample": 17}])
@pytest.mark.usefixtures("small_chunks")
@pytest.mark.dataframes
def test_a_sweep_that_was_stopped_goes_on(suffix: str, how: dict[str, Any], tmp_path: Path) -> None:
    path, whole = tmp_path / f"sweep{suffix}", tmp_path / f"whole{suffix}"
    rfcalc.sweep(NET, OVER, dims=DIMS, path=whole, **how)
    for after in (1, 2, 1):
        with pytest.raises(Stop):
            rfcalc.sweep(NET, OVER, dims=DIMS, path=path, resume=True, progress=stopping(after), **how)
        assert not path.exists()
    with pytest.raises(UsageError, match="go on with --resume, or remove it"):
        rfcalc.sweep(NET, OVER, dims=DIMS, path=path, **how)
    told: list[int] = []
    found = rfcalc.sweep(
        NET, OVER, dims=DIMS, path=path, resume=True, progress=lambda done, _: told.append(done), **how
    )
    assert told[0] == 16
    assert path.read_bytes() == whole.read_bytes()
    assert found == rfcalc.sweep(NET, OVER, dims=DIMS, path=path, resume=True, **how)
    assert not path.with_name(path.name + ".parts").exists()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.dataframes
def test_another_sweep_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sweep.parquet"
    with pytest.raises(Stop):
        rfcalc.sweep(NET, OVER, path=path, progress=stopping(2))
    others: list[tuple[Any, dict[str, Any], str]] = [
        ({**NET, "input": [13, 13, 3]}, {}, "model"),
        (NET, {"dims": {"H": [12, 13]}}, "grid"),
        (NET, {"dims": {"H": 13}}, "way of reading the model"),
        (NET, {"where": "params < 3"}, "--where"),
        (NET, {"layers": ["last"]}, "--layer"),
        (NET, {"sample": 3}, "--sample"),
    ]
    for model, how, says in others:
        with pytest.raises(UsageError, match=f"another sweep .another {says}"):
            rfcalc.sweep(model, OVER, path=path, resume=True, **how)
    monkeypatch.setattr("rfcalc.questions.sweep.find.VERSION", "9.9")
    with pytest.raises(UsageError, match="another version of rfcalc"):
        rfcalc.sweep(NET, OVER, path=path, resume=True)


@pytest.mark.dataframes
def test_a_finished_sweep_is_not_run_again_but_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sweep.parquet"
    found = rfcalc.sweep(NET, OVER, path=path)
    assert rfcalc.sweep(NET, OVER, path=path, resume=True, progress=stopping(0)) == found
    with pytest.raises(UsageError, match="another grid"):
        rfcalc.sweep(NET, {"width": [3]}, path=path, resume=True)
    assert len(rfcalc.sweep(NET, {"width": [3]}, path=path)) == 1  # as any report, it is replaced


# ---- designs by number -------------------------------------------------------------------------------------


@pytest.fixture(params=[".parquet", ".csv"])
def swept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    path: Path = tmp_path / f"sweep{request.param}"
    rfcalc.sweep(NET, OVER, dims=DIMS, path=path)
    return path  # type: ignore[return-value]  # mypy takes it for a generator


@pytest.mark.dataframes
def test_a_design_by_its_number(swept: Path) -> None:
    for row in rows():
        if row["error"]:
            with pytest.raises(AnalysisError):
                rfcalc.analyze(swept, design=row["design"])
            continue
        one = rfcalc.analyze(swept, design=row["design"])
        assert one.totals.params.total == row["params"]
        assert one.layer("last").receptive_field == (row["receptive_field_0"], row["receptive_field_1"])
        assert one.inputs[0].spatial == (row["H"], 12)
    assert rfcalc.analyze(swept, design=0, parameters={"width": 5}) == rfcalc.analyze(
        NET, parameters={"width": 5, "kernel": 3, "depth": 1}
    )


@pytest.mark.dataframes
def test_designs_of_switches_by_number(tmp_path: Path) -> None:
    net = {"rfcalc": 1, "parameters": {"pool": 1}, "input": [9, 9, 1], "layers": [
        {"kind": "max_pool", "name": "p", "kernel": "1 + pool"},
    ]}  # fmt: skip
    path = tmp_path / "sweep.parquet"
    found = rfcalc.sweep(net, {"pool": [True, False]}, path=path)
    assert [row["pool"] for row in found] == [True, False]
    for row in found:
        assert rfcalc.analyze(path, design=row["design"]).layer("p").spatial == (row["extent_0"],) * 2
    result = call("sweep", str(path), "--write", "1", "-o", str(tmp_path / "net.json"))
    assert result.exit_code == 0, said(result)
    assert rfcalc.analyze(tmp_path / "net.json").layer("p").spatial == (9, 9)


@pytest.mark.dataframes
def test_a_graph_that_was_loaded_is_swept_but_does_not_go_on(tmp_path: Path) -> None:
    graph = rfcalc.load(POOLING)
    found = rfcalc.sweep(graph, {"variant": ["plain", "strided"]}, path=tmp_path / "sweep.parquet")
    assert [row["params"] for row in found] == [
        row["params"] for row in rfcalc.sweep(POOLING, {"variant": ["plain", "strided"]})
    ]
    with pytest.raises(UsageError, match="cannot be told from another"):
        rfcalc.sweep(graph, {"variant": ["plain"]}, path=tmp_path / "sweep.parquet", resume=True)
    with pytest.raises(ReadError, match="of a model that was no file"):
        rfcalc.analyze(tmp_path / "sweep.parquet", design=0)


@pytest.mark.dataframes
def test_designs_of_counterfactuals(tmp_path: Path) -> None:
    path = tmp_path / "variants.parquet"
    found = rfcalc.sweep(POOLING, {"variant": ["plain", "strided"]}, dims={"H": [28, 32]}, path=path)
    for row in found:
        one = rfcalc.analyze(path, design=row["design"])
        own = rfcalc.analyze(rfcalc.variant(POOLING, row["variant"], dims={"H": row["H"]}))
        assert one.totals == own.totals
        assert row["params"] == own.totals.params.total
    assert len(rfcalc.compare(path, design=1, variants=["atrous"]).entries) == 2


@pytest.mark.dataframes
@pytest.mark.onnx
def test_the_file_of_another_format_has_to_be_there_and_the_same(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "H", "W"])
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node("MaxPool", ["x"], ["y"], name="pool", kernel_shape=[3, 3])
    onnx.save(helper.make_model(helper.make_graph([node], "net", [given], [made])), tmp_path / "net.onnx")
    path = tmp_path / "sweep.parquet"
    found = rfcalc.sweep(tmp_path / "net.onnx", dims={"H": [8, 16], "W": 9}, path=path)
    assert [row["extent_0"] for row in found] == [6, 14]
    assert rfcalc.analyze(path, design=1).layer("pool").spatial == (14, 7)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("net.onnx", "sweep.parquet"):
        shutil.copy(tmp_path / name, moved)
    (tmp_path / "net.onnx").unlink()
    assert rfcalc.analyze(moved / "sweep.parquet", design=0).layer("pool").spatial == (6, 7)
    with pytest.raises(ReadError, match="is not there; put it beside this file"):
        rfcalc.analyze(path, design=0)
    (moved / "net.onnx").write_bytes((moved / "net.onnx").read_bytes() + b"\x32\x00")
    with pytest.raises(ReadError, match="changed since"):
        rfcalc.analyze(moved / "sweep.parquet", design=0)


@pytest.mark.dataframes
@pytest.mark.parametrize(
    ("text", "number", "says"),
    [
        (None, 24, "numbered from 0 to 23"),
        (b"PAR1 and nothing", 0, "is not the file of a sweep"),
        (b"", 0, "is not the file of a sweep"),
    ],
)
def test_what_is_no_design(text: bytes | None, number: int, says: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.parquet"
    if text is None:
        rfcalc.sweep(NET, OVER, dims=DIMS, path=path)
    else:
        path.write_bytes(text)
    with pytest.raises((UsageError, ReadError), match=says):
        rfcalc.analyze(path, design=number)
    with pytest.raises(UsageError, match="of the file of a sweep alone"):
        rfcalc.analyze(NET, design=0)
    with pytest.raises(ReadError, match="--design"):
        rfcalc.analyze(path) if text != b"" else rfcalc.analyze(_parquet(tmp_path))


def _parquet(folder: Path) -> Path:
    path = folder / "other.parquet"
    path.write_bytes(b"PAR1....")
    return path


def said(result: Called) -> str:
    return result.stdout + result.stderr


# ---- the command -------------------------------------------------------------------------------------------


def test_the_command_shows_a_table() -> None:
    result = call("sweep", str(RESNET), "--over", "n=1:2", "--over", "width=8,16")
    assert result.exit_code == 0
    assert "4 designs; all of them can be built." in said(result)
    assert "25x25" in said(result)
    result = call("sweep", str(RESNET), "--over", "width=1:30", "--dim", "H=8,16")
    assert "The first 20 of 60 are shown." in said(result)


def test_the_command_says_why_designs_cannot_be_built() -> None:
    result = call("sweep", str(POOLING), "--dim", "H=4:28:12", "--dim", "W=28")
    assert "3 designs; 2 cannot be built." in said(result)
    assert "Why not, the commonest first: 1 design: layer 'conv" in said(result)


def test_conditions_that_are_given_apart_hold_together() -> None:
    words = ("sweep", str(RESNET), "--over", "n=1:3", "--over", "width=8,16,32", "--format", "csv")
    apart = call(*words, "--where", "params < 8e4 or n == 3", "--where", "width > 8")
    at_once = call(*words, "--where", "(params < 8e4 or n == 3) and width > 8")
    assert apart.stdout == at_once.stdout
    assert len(apart.stdout.splitlines()) == 1 + 3  # n=1 with 16, n=3 with 16 and 32


def test_a_reason_in_the_table_keeps_its_beginning() -> None:
    lines = call("sweep", str(POOLING), "--dim", "H=4:28:12", "--dim", "W=28").stdout.splitlines()
    cut = [line for line in lines if line.endswith(("…", "..."))]
    assert len(cut) == 2
    assert all("  layer 'conv" in line and len(line) <= 80 for line in cut)


def test_a_table_of_several_layers_leaves_out_figures_of_layers_first() -> None:
    words = ("--over", "n=1:2", "--over", "width=8,16", "--layer", "stem", "--layer", "stages/0/first/relu")
    lines = call("sweep", str(RESNET), *words).stdout.splitlines()
    titles = lines[2].split()
    assert titles[:5] == ["design", "n", "width", "params", "macs"]
    assert max(map(len, lines)) <= 80


def test_a_block_is_a_layer_too() -> None:
    found = rfcalc.sweep(RESNET, {"n": [1, 2, 3]}, layers=["stages"])
    for row in found:
        one = rfcalc.analyze(RESNET, depth=1, parameters={"n": row["n"]}).layer("stages")
        assert (row["receptive_field_0"], row["receptive_field_1"]) == one.receptive_field
        assert (row["extent_0"], row["extent_1"]) == one.spatial
        assert (row["coverage"], row["status"]) == (one.coverage, "exact")


def test_the_formats_of_the_command(tmp_path: Path) -> None:
    words = ("sweep", str(RESNET), "--over", "width=8,16", "--where", "params < 1e6")
    lines = list(csv.DictReader(call(*words, "--format", "csv").stdout.splitlines()))
    document = json.loads(call(*words, "--format", "json").stdout)
    assert [int(line["params"]) for line in lines] == [row["params"] for row in document["table"]]
    assert document["schema"] == "rfcalc/sweep/1"
    assert document["grid"] == [{"name": "width", "kind": "parameter", "values": [8, 16]}]
    assert "| 0 | 8 |" in " ".join(call(*words, "--format", "markdown").stdout.split())
    call(*words, "--format", "markdown", "-o", str(tmp_path / "a.md"))
    assert (tmp_path / "a.md").read_text(encoding="utf-8").startswith("|   design")


@pytest.mark.dataframes
def test_the_command_writes_files_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "sweep.parquet"
    words = ("sweep", str(RESNET), "--over", "width=8,16", "-o", str(path))
    assert f"Written to {path}" in said(call(*words)).replace("\n  ", " ")
    assert "2 designs" in said(call(*words, "--resume"))
    assert "no file" not in said(call(*words, "--resume"))
    result = call("analyze", str(path), "--design", "1", "--format", "json")
    assert json.loads(result.stdout)["totals"]["params"] == 273658
    assert "8 GB" not in said(call("law", str(path), "--design", "0"))


@pytest.mark.dataframes
def test_a_design_is_written_as_a_model_file(tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(json.dumps(NET), encoding="utf-8")
    grid = ("--over", "width=4,8", "--over", "depth=1:3", "--dim", "H=12:20:4")
    rfcalc.sweep(NET, {"width": [4, 8], "depth": range(1, 4)}, dims={"H": range(12, 21, 4)},
                 path=tmp_path / "sweep.parquet")  # fmt: skip
    every = list(rfcalc.sweep(NET, {"width": [4, 8], "depth": range(1, 4)}, dims={"H": range(12, 21, 4)}))
    for number in (0, 7, 17):
        made = tmp_path / f"{number}.json"
        result = call("sweep", str(tmp_path / "net.json"), *grid, "--write", str(number), "-o", str(made))
        assert result.exit_code == 0, said(result)
        one = rfcalc.analyze(made)
        assert one.totals.params.total == every[number]["params"]
        assert one.totals.macs == every[number]["macs"]
        assert one.footprint.activations == every[number]["activations"]
        again = tmp_path / "again.json"
        call("sweep", str(tmp_path / "sweep.parquet"), "--write", str(number), "-o", str(again))
        assert again.read_bytes() == made.read_bytes()


def test_a_design_that_cannot_be_built_is_told_by_the_name_of_its_file() -> None:
    result = call("sweep", str(POOLING), "--dim", "H=4,28", "--write", "0")
    assert result.exit_code == 3
    assert said(result).startswith(f"rfcalc: error: {POOLING}: layer 'conv2': the window of 3")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--over", "n=1:2", "--write", "2"), "numbered from 0 to 1"),
        (("--over", "variant=plain", "--write", "0"), "no model file says the counterfactual 'plain'"),
        (("--write", "0"), "nothing is varied"),
        ((), "nothing is varied"),
        (("--over", "n=1:2", "--resume"), "which --output names"),
        (("--over", "n=1:2", "--format", "parquet"), "ends in .parquet"),
        (("--over", "n=1:2", "--sample", "1.5"), "is not a whole number"),
        (("--over", "n=1:3", "--set", "n=2"), "'n' is varied, and set to one value at once"),
        (("--over", "n=1:3", "--set", "n=2", "--write", "0"), "'n' is varied, and set to one value at once"),
        (("--over", f"n=1:{10**20}"), "takes 100,000,000,000,000,000,000 values; at most 1,000,000"),
        (("--over", "n=1:2", "--write", str(10**20)), "no design 100,000,000,000,000,000,000"),
        (("--over", "n=1:2", "--sample", "1", "--seed", "9" * 101), "has more than 100 digits"),
        (("--over", "m=1:2"), "no parameter 'm'"),
        (("--dim", "Q=1:2"), "no spatial axis 'Q'"),
        (("--over", "n=1:2", "--dim", "H=8", "--dim", "H=9:12"), "given twice for 'H'"),
    ],
)
def test_what_the_command_does_not_take(words: tuple[str, ...], says: str) -> None:
    result = call("sweep", str(RESNET), *words)
    assert result.exit_code == 2
    assert says in said(result)
    assert len(said(result).strip().splitlines()) == 1


def test_a_seed_may_have_twenty_digits_and_more() -> None:
    seed = str(10**30)
    result = call(
        "sweep", str(RESNET), "--over", "n=1:9", "--sample", "3", "--seed", seed, "--format", "json"
    )
    drawn = rfcalc.sweep(RESNET, {"n": range(1, 10)}, sample=3, seed=10**30)
    assert [row["n"] for row in json.loads(result.stdout)["table"]] == [row["n"] for row in drawn]


@pytest.mark.dataframes
def test_the_file_of_a_sweep_is_swept_by_a_design_of_it(tmp_path: Path) -> None:
    """What the error says to do is done here."""
    file, model = str(tmp_path / "sweep.parquet"), str(tmp_path / "net.json")
    assert call("sweep", str(RESNET), "--over", "n=1:3", "-o", file).exit_code == 0
    for words in ((), ("--over", "width=8,16")):
        result = call("sweep", file, *words)
        assert result.exit_code == 2
        assert f"{file}: is the file of a sweep; write a design of it as a model" in said(result)
        assert "--write 0 --output net.json" in said(result)
    assert call("sweep", file, "--write", "0", "--output", model).exit_code == 0
    assert call("sweep", model, "--over", "width=8,16").exit_code == 0
    assert len(rfcalc.sweep(file, {"width": [8, 16]}, design=0)) == 2


def test_a_model_of_another_format_is_not_written(tmp_path: Path) -> None:
    layers = [{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 8, 8, 3]}}]
    keras = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    (tmp_path / "net.json").write_text(json.dumps(keras), encoding="utf-8")
    result = call("sweep", str(tmp_path / "net.json"), "--dim", "H=8,9", "--write", "0")
    assert result.exit_code == 2
    assert "only models in rfcalc's own format can be written" in said(result)

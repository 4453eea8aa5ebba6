"""Questions to a catalogue: what they give, and that they can do nothing else."""

from __future__ import annotations

import csv
import io
import json
import pickle
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.questions.scan.asking import export
from tests.calling import call
from tests.questions.scan.files import net, write


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("query")
    for k in (2, 3):
        write(folder / f"net{k}.json", k)
    layers = [{"kind": "conv", "name": "=c", "filters": 2**62, "kernel": 1}]
    (folder / "wide.json").write_text(json.dumps(net() | {"layers": layers}))
    (folder / "bad.json").write_text("{")
    rfcalc.scan(folder, folder / "c.db", workers=1)
    return folder / "c.db"


@pytest.mark.parametrize(
    ("sql", "columns", "rows"),
    [
        ("SELECT path, params FROM models WHERE params < 99 ORDER BY 1",
         ("path", "params"), (("net2.json", 20), ("net3.json", 30))),
        ("SELECT 1, 1, NULL AS x, 0.5, 'a', x'00ff'", ("1", "1_2", "x", "0.5", "'a'", "x'00ff'"),
         ((1, 1, None, 0.5, "a", b"\0\xff"),)),
        ("SELECT path FROM models WHERE 0", ("path",), ()),
        ("WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 3) SELECT sum(k) s FROM n",
         ("s",), ((6,),)),
        ("SELECT kind FROM failures", ("kind",), (("read",),)),
        ("SELECT receptive_field_0 f FROM layers WHERE name = 'p'", ("f",), ((4,), (4,))),
        ("SELECT params FROM models WHERE path = 'wide.json'", ("params",), ((str(2**63),),)),
    ],
)  # fmt: skip
def test_what_questions_give(catalogue: Path, sql: str, columns: tuple[str, ...], rows: Any) -> None:
    found = rfcalc.query(catalogue, sql)
    assert (found.columns, found.rows) == (columns, rows)
    assert len(found) == len(rows)
    assert pickle.loads(pickle.dumps(found)) == found
    document = json.loads(found.to_json())
    assert document == found.to_dict()
    assert document["columns"] == list(columns)
    read = list(csv.reader(io.StringIO(found.to_csv())))
    assert len(read) == len(rows) + 1
    assert found.to_text().count("\n") == len(rows) + 3
    assert found.to_markdown().count("\n") == len(rows) + 2


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC", 'near "SELEC": syntax error'),
        ("SELECT missing FROM models", "no such column: missing"),
        ("", "gives no rows"),
        ("SELECT 1; SELECT 2", "You can only execute one statement at a time"),
        ("DELETE FROM models", "may read the catalogue alone, with SELECT"),
        ("UPDATE models SET params = 0", "may read the catalogue alone, with SELECT"),
        ("CREATE TABLE x (y)", "may read the catalogue alone, with SELECT"),
        ("PRAGMA query_only = OFF", "may read the catalogue alone, with SELECT"),
        ("PRAGMA journal_mode = DELETE", "may read the catalogue alone, with SELECT"),
        ("ATTACH 'other.db' AS other", "may read the catalogue alone, with SELECT"),
        ("VACUUM INTO 'copy.db'", "may read the catalogue alone, with SELECT"),
        ("SELECT load_extension('x')", "may read the catalogue alone, with SELECT"),
        ("SELECT json('{') FROM models", "malformed JSON"),
        ("SELECT \ud800", ""),
        ("SELECT 1\0", ""),
    ],
)
def test_what_is_refused_in_one_line(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = catalogue.read_bytes()
    with pytest.raises(UsageError) as raised:
        rfcalc.query(catalogue, sql)
    assert message in str(raised.value)
    assert str(raised.value).startswith(f"{catalogue}: --query: ")
    assert "\n" not in str(raised.value)
    assert catalogue.read_bytes() == before
    assert not list(tmp_path.iterdir())


def test_a_question_loads_nothing_heavy(catalogue: Path) -> None:
    code = "import rfcalc, sys; rfcalc.query(sys.argv[1], 'SELECT 1'); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(catalogue)], capture_output=True, text=True, check=True
    )
    heavy = {"numpy", "onnx", "torch", "sympy", "networkx", "pyarrow", "polars", "dask"}
    assert not heavy & set(done.stdout.split())


def test_a_catalogue_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(RfcalcError, match="no such catalogue"):
        rfcalc.query(tmp_path / "none.db", "SELECT 1")
    assert not list(tmp_path.iterdir())
    (tmp_path / "text.db").write_text("text" * 999)
    with pytest.raises(ReadError, match="is no catalogue of rfcalc"):
        rfcalc.query(tmp_path / "text.db", "SELECT 1")
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    with pytest.raises(ReadError, match="is no catalogue of rfcalc"):
        rfcalc.query(tmp_path / "empty.db", "SELECT 1")


def test_a_name_with_everything_that_means_something(catalogue: Path, tmp_path: Path) -> None:
    odd = tmp_path / "50% of #1? & é.db"
    odd.write_bytes(catalogue.read_bytes())
    assert rfcalc.query(odd, "SELECT count(*) FROM models").rows == ((3,),)


def test_a_scan_may_be_under_way(catalogue: Path, tmp_path: Path) -> None:
    copy = tmp_path / "c.db"
    copy.write_bytes(catalogue.read_bytes())
    writer = sqlite3.connect(copy, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM places")
    assert rfcalc.query(copy, "SELECT count(*) FROM places").rows == ((4,),)
    writer.execute("ROLLBACK")
    writer.close()


def test_an_interrupt_ends_a_question(catalogue: Path) -> None:
    import _thread

    endless = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n) SELECT count(*) FROM n"
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        rfcalc.query(catalogue, endless)
    timer.join()


# ---- the command -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "markdown", "rst", "asciidoc", "latex", "html", "csv", "json"])
def test_formats(catalogue: Path, form: str) -> None:
    asked = call(
        "scan", "--into", str(catalogue), "--query", "SELECT name, macs FROM layers", "--format", form
    )
    assert asked.exit_code == 0
    assert asked.stderr == ""
    assert asked.stdout.count("\n") > 5
    if form == "csv":
        assert "'=c," in asked.stdout  # a spreadsheet would run it


def test_numbers_are_spelled_for_people(catalogue: Path) -> None:
    shown = rfcalc.query(catalogue, "SELECT 1234567 a, 2.5e9 b, 0.1 c, NULL d").to_text()
    assert shown.splitlines()[2] == "1,234,567  2,500,000,000.0  0.1  -"


def test_scan_and_ask_at_once(tmp_path: Path) -> None:
    write(tmp_path / "net.json", 4)
    (tmp_path / "bad.json").write_text("{")
    into = tmp_path / "c.db"
    asked = call(
        "scan",
        str(tmp_path),
        "--into",
        str(into),
        "--workers",
        "1",
        "--query",
        "SELECT count(*) n FROM models",
    )
    assert asked.stdout.splitlines()[2] == "1"
    lines = asked.stderr.splitlines()
    assert lines[0].endswith("c.db: 1 model, 1 failure, 0 unchanged")
    assert lines[1].startswith("rfcalc: warning: bad.json: ")
    assert asked.exit_code == 0


def test_what_the_command_says_of_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "zoo" / "net.json", 4)
    (tmp_path / "zoo" / "bad.json").write_text("{")
    first = call("scan", "zoo", "--into", "c.db", "--workers", "1")
    assert first.exit_code == 0
    assert first.stdout.splitlines() == [
        "c.db: 1 model, 1 failure, 0 unchanged",
        "  zoo/bad.json: read: line 1, column 2: the JSON ends too early; is the file cut",
        "  off?",
    ]
    document = json.loads(call("scan", "zoo", "--into", "c.db", "--format", "json").stdout)
    assert document["schema"] == "rfcalc/scan/1"
    assert (document["models"], document["unchanged"]) == (1, 2)
    assert [failure["path"] for failure in document["failures"]] == ["zoo/bad.json"]
    assert call("scan", "zoo", "--into", "c.db", "--format", "csv").stdout.startswith(
        "path,kind,reason\nzoo/bad"
    )
    assert "| zoo/bad.json" in call("scan", "zoo", "--into", "c.db", "--format", "markdown").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--into", "c.db"], 2, "nothing is asked"),
        (["zoo"], 2, "Missing option '--into'"),
        (["none", "--into", "c.db"], 3, "none: no such file or folder"),
        (["--into", "none.db", "--query", "SELECT 1"], 3, "none.db: no such catalogue"),
        (["zoo", "--into", "text.db"], 3, "text.db: is no catalogue of rfcalc"),
        (["--into", "text.db", "--query", "SELECT 1"], 3, "text.db: is no catalogue of rfcalc"),
        (["zoo", "--into", "c.db", "--query", "SELEC"], 2, 'c.db: --query: near "SELEC": syntax error'),
        (["zoo", "--into", "zoo"], 2, "zoo: --into is a directory"),
        (["zoo", "--into", "c.db", "-o", "no/x"], 2, "no/x: --output lies in a directory"),
        (["zoo", "--into", "c.db", "--export", "zoo"], 2, "zoo: --export is a directory"),
        (["zoo", "--into", "c.db", "--workers", "0"], 2, "--workers"),
        (["zoo", "--into", "c.db", "--limit-time", "-1"], 2, "--limit-time"),
    ],
)
def test_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zoo").mkdir()
    (tmp_path / "text.db").write_text("text" * 999)
    got = call("scan", *arguments)
    assert got.exit_code == code
    assert message in got.stderr
    assert got.stderr.count("\n") == 1


# ---- tables of other libraries -----------------------------------------------------------------------------


@pytest.mark.dataframes
def test_parquet(catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    file = tmp_path / "m.parquet"
    got = call("scan", "--into", str(catalogue), "--export", str(file))
    assert (got.exit_code, got.stdout) == (0, "")
    assert got.stderr.endswith("m.parquet: 3 rows\n")
    models = polars.read_parquet(file)
    assert models["path"].to_list() == ["net2.json", "net3.json", "wide.json"]
    assert models["layers"].dtype == polars.Int64
    assert models["intensity"].dtype == polars.Float64
    assert models["params"].to_list() == ["20", "30", str(2**63)]  # one has more than 64 bits
    monkeypatch.setattr("rfcalc.questions.scan.asking._GROUP", 2)
    sql = "SELECT name, receptive_field_0, coverage, x'ff' AS b, NULL AS none FROM layers ORDER BY 1, 2"
    assert export(catalogue, file, sql) == rfcalc.query(catalogue, sql).to_polars().height == 8
    layers = polars.read_parquet(file)
    assert layers.equals(rfcalc.query(catalogue, sql).to_polars())
    assert layers.dtypes == [polars.String, polars.Int64, polars.Float64, polars.String, polars.String]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["m.parquet"]


@pytest.mark.dataframes
def test_an_export_that_fails_leaves_what_was_there(catalogue: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "m.parquet").write_text("before")
    with pytest.raises(UsageError):
        export(
            catalogue, tmp_path / "m.parquet", "SELECT json(CASE WHEN path > 'net2' THEN '{' END) FROM models"
        )
    assert [each.read_text() for each in tmp_path.iterdir()] == ["before"]


def test_parquet_without_pyarrow(catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    got = call("scan", "--into", str(catalogue), "--export", str(tmp_path / "m.parquet"))
    assert got.exit_code == 3
    assert "pip install 'rfcalc[sweep]'" in got.stderr

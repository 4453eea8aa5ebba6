"""A scan, file by file: what is analysed, what is known already, and what is said of files that fail."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.questions.scan import catalogue as catalogues
from rfcalc.questions.scan import run as scanning
from rfcalc.questions.scan.report import Scanned
from tests.questions.scan import hostile
from tests.questions.scan.files import asked, contents, net, net_bytes, write
from tests.questions.scan.test_archives import tarred, zipped

MODELS = Path(__file__).parents[3] / "docs" / "models"


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    folder = tmp_path / "zoo"
    for k in range(4):
        write(folder / f"net{k}.json", 4 + k)
    write(folder / "copies" / "same.json", 4)
    (folder / "settings.json").write_text('{"compilerOptions": {}}')
    (folder / "broken.json").write_text('{"rfcalc": 1,')
    (folder / "some.zip").write_bytes(zipped({"in.json": net_bytes(40), "same.json": net_bytes(5)}))
    return folder


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Let workers say which files they are given; return what gets these, once."""
    file = tmp_path / "calls"
    monkeypatch.setenv(hostile.CALLS, str(file))
    monkeypatch.setattr("rfcalc.questions.scan.library.ANALYSED", hostile.HERE)
    monkeypatch.setattr(scanning, "FRESH", 0)  # files of a test are made at once

    def called() -> list[str]:
        names = file.read_text().split("\n")[:-1] if file.exists() else []
        file.unlink(missing_ok=True)
        return sorted(names)

    return called


def scan(*paths: Path, into: Path, **how: Any) -> Scanned:
    return rfcalc.scan(paths, into, **{"workers": 1, **how})


def figures(found: Scanned) -> tuple[int, int, int, int, int]:
    return found.models, found.files, len(found.failures), found.others, found.unchanged


def test_what_a_catalogue_holds_is_what_analyze_says(tmp_path: Path) -> None:
    into = tmp_path / "c.db"
    assert scan(MODELS, into=into).failures == ()
    db = sqlite3.connect(into)
    db.row_factory = sqlite3.Row
    models = db.execute("SELECT * FROM models").fetchall()
    assert {Path(model["path"]).name for model in models} == {path.name for path in MODELS.glob("*.json")}
    for model in models:
        document = rfcalc.analyze(MODELS / Path(model["path"]).name).to_dict()
        totals = document["totals"]
        for name in (
            "params",
            "trainable",
            "macs",
            "flops",
            "activations",
            "activation_bytes",
            "moved_bytes",
            "layers",
        ):
            assert model[name] == totals[name], name
        assert model["peak_memory"] == (totals["peak_memory"] or {}).get("bytes")
        assert model["name"] == document["model"]["name"]
        assert (model["exact"], model["bound"], model["unknown"]) == tuple(
            sum(row["status"] == status for row in document["layers"] if not row.get("container"))
            for status in ("exact", "bound", "unknown")
        )
        rows = db.execute("SELECT * FROM layers WHERE model = ? ORDER BY position", (model["id"],)).fetchall()
        assert len(rows) == len(document["layers"])
        for row, said in zip(rows, document["layers"], strict=True):
            for name in ("name", "kind", "op", "status", "macs", "activations", "coverage"):
                assert row[name] == said[name]
            for name in ("receptive_field", "effective_stride", "effective_padding", "center", "spatial"):
                assert row[name] == (None if said[name] is None else json.dumps(said[name]))
                for axis in range(3):
                    held = said[name] or []
                    assert row[f"{name}_{axis}"] == (held[axis] if axis < len(held) else None)
        notes = db.execute(
            "SELECT level, code, layer, message FROM notes WHERE model = ? ORDER BY position", (model["id"],)
        )
        assert [dict(note) for note in notes] == document["notes"]
    db.close()


def test_a_scan_and_another(zoo: Path, tmp_path: Path, calls: Callable[[], list[str]]) -> None:
    into = tmp_path / "c.db"
    found = scan(zoo, into=into)
    assert figures(found) == (5, 7, 1, 1, 2)
    assert found.summary == "5 models in 7 files, 1 failure, 2 unchanged, 1 file without a model"
    assert calls() == [
        "broken.json",
        "in.json",
        "net0.json",
        "net1.json",
        "net2.json",
        "net3.json",
        "settings.json",
    ] or ("same.json" in calls())
    before = contents(into)
    again = scan(zoo, into=into)
    assert figures(again) == (5, 7, 1, 1, 9)
    assert again.failures == found.failures
    assert calls() == []
    assert contents(into) == before
    assert not list(tmp_path.glob("c.db-*"))


def test_unchanged_files_are_not_opened(
    zoo: Path, tmp_path: Path, calls: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    scan(zoo, into=tmp_path / "c.db")
    monkeypatch.setattr(scanning, "regular_file", lambda path: pytest.fail(f"{path} was opened"))
    monkeypatch.setattr("rfcalc.questions.scan.workers.Worker.members", lambda *_: pytest.fail("was read"))
    assert scan(zoo, into=tmp_path / "c.db").unchanged == 9


def test_what_was_changed_just_now_is_read_again_and_not_analysed(
    zoo: Path, tmp_path: Path, calls: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "FRESH", 3600)
    scan(zoo, into=tmp_path / "c.db")
    calls()
    opened = []
    regular = scanning.regular_file
    monkeypatch.setattr(scanning, "regular_file", lambda path: opened.append(path) or regular(path))
    assert scan(zoo, into=tmp_path / "c.db").unchanged == 9
    assert calls() == []
    assert len(opened) == 8


def test_a_change_is_seen_though_size_and_time_are_the_same(
    tmp_path: Path, calls: Callable[[], list[str]]
) -> None:
    file = write(tmp_path / "zoo" / "net.json", 4)
    into = tmp_path / "c.db"
    scan(file, into=into)
    about = file.stat()
    time.sleep(0.02)
    file.write_bytes(net_bytes(5))
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert file.stat().st_size == about.st_size
    assert scan(file, into=into).unchanged == 0
    assert asked(into, "SELECT params FROM models") == [(50,)]


def test_the_same_content_is_one_model_in_two_places(zoo: Path, tmp_path: Path) -> None:
    into = tmp_path / "c.db"
    scan(zoo, into=into)
    places = "SELECT group_concat(path, ' ') FROM (SELECT * FROM places ORDER BY path) WHERE model > 0"
    assert set(asked(into, f"{places} GROUP BY model HAVING count(*) > 1")) == {
        ("zoo/copies/same.json zoo/net0.json",),
        ("zoo/net1.json zoo/some.zip!/same.json",),
    }
    assert asked(into, "SELECT path FROM models WHERE params = 40") == [("zoo/copies/same.json",)]


def test_what_is_changed_or_taken_away(zoo: Path, tmp_path: Path) -> None:
    into = tmp_path / "c.db"
    scan(zoo, into=into)
    write(zoo / "net3.json", 30)
    (zoo / "copies" / "same.json").unlink()
    (zoo / "some.zip").write_bytes(zipped({"same.json": net_bytes(5)}))
    (zoo / "broken.json").write_bytes(net_bytes(6))
    found = scan(zoo, into=into)
    assert (found.files, found.failures, found.gone) == (6, (), 0)
    # what is gone from a folder stays, for the folder may lie on a disk that is not there
    assert "zoo/copies/same.json" in {place[0] for place in contents(into)["places"]}
    assert scan(zoo, into=into, prune=True).gone == 1
    scan(zoo, into=tmp_path / "new.db")
    assert contents(into) == contents(tmp_path / "new.db")


def test_prune_leaves_what_lies_elsewhere(zoo: Path, tmp_path: Path) -> None:
    into = tmp_path / "c.db"
    other = write(tmp_path / "zoo2" / "net.json", 50)
    scan(zoo, other, into=into)
    shutil.rmtree(zoo / "copies")
    (zoo / "some.zip").unlink()
    assert scan(zoo, into=into, prune=True).gone == 4
    assert asked(into, "SELECT path FROM models WHERE params = 500") == [("zoo2/net.json",)]


def test_a_catalogue_moves_with_its_folder(
    zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan(zoo, into=zoo / "c.db")
    before = contents(zoo / "c.db")
    assert {"net0.json", "some.zip!/in.json"} <= {place[0] for place in before["places"]}
    monkeypatch.chdir(zoo.rename(tmp_path / "elsewhere"))
    assert scan(Path(), into=Path("c.db")).unchanged == 9
    assert contents(Path("c.db")) == before


def test_another_version_analyses_again(
    zoo: Path, tmp_path: Path, calls: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    into = tmp_path / "c.db"
    scan(zoo, into=into)
    first = calls()
    monkeypatch.setattr("rfcalc.questions.scan.library.VERSION", "99")
    assert scan(zoo, into=into).unchanged == 2
    assert calls() == first
    assert {version for (version,) in asked(into, "SELECT version FROM models")} == {"99"}


def test_two_workers_and_the_order_of_paths_leave_no_trace(zoo: Path, tmp_path: Path) -> None:
    scan(zoo, into=tmp_path / "one.db")
    scan(zoo, into=tmp_path / "two.db", workers=2)
    for part in sorted(zoo.iterdir()):
        scan(part, into=tmp_path / "parts.db")
    assert contents(tmp_path / "one.db") == contents(tmp_path / "two.db")
    named = {"settings.json"}  # a file that is named is said to be no model
    one, parts = (contents(tmp_path / name) for name in ("one.db", "parts.db"))
    for table in ("models", "layers", "notes"):
        assert one[table] == parts[table]
    assert {place[0] for place in one["places"]} == {place[0] for place in parts["places"]}
    assert {Path(path).name for path, *_ in parts["failures"]} - {"broken.json"} == named


# ---- files that fail ---------------------------------------------------------------------------------------

KERAS = (MODELS / "pooling.json").read_bytes()
BROKEN: dict[str, tuple[bytes, str]] = {
    "empty.json": (b"", "read: is empty"),
    "blank.json": (b"  \n", "read: "),
    "cut.json": (net_bytes()[:-20], "read: "),
    "noise.json": (bytes(range(128, 256)), "read: "),
    "nul.json": (b'{"rfcalc": 1, \0}', "read: "),
    "latin.json": (b'{"rfcalc": 1, "name": "\xe9"}', "read: byte 23: is not valid UTF-8"),
    "twice.json": (b'{"rfcalc": 1, "rfcalc": 1}', "read: "),
    "deep.json": (b"[" * 100_000, "read: "),
    "future.json": (b'{"rfcalc": 2, "layers": []}', "read: "),
    "kind.json": (b'{"rfcalc": 1, "input": [8, 8, 1], "layers": [{"kind": "none"}]}', "read: "),
    "cycle.json": (
        json.dumps(
            net(inputs={}) | {"layers": [{"kind": "relu", "name": n, "inputs": [m]} for n, m in ("ab", "ba")]}
        ).encode(),
        "",
    ),
    "large.json": (
        json.dumps(net() | {"layers": [{"kind": "conv", "filters": 1, "kernel": 99}]}).encode(),
        "analysis: ",
    ),
    "keras.json": (b'{"class_name": "Functional", "config": 3}', "read: "),
    "cut.yaml": (b"rfcalc: 1\nlayers: [", "read: "),
    "cut.toml": (b"rfcalc = 1\n[", "read: "),
    "text.onnx": (b"hello", "read: "),
    "empty.onnx": (b"", "read: is empty"),
    "pointer.onnx": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "read: "),
    "none.keras": (b"PK\x05\x06" + bytes(18), "read: "),
    "text.keras": (b"hello", "read: "),
    "cut.pt2": (b"PK\x03\x04" + bytes(40), ""),
    "cut.zip": (zipped({"a.json": net_bytes()})[:-8], "read: is a damaged archive: "),
    "cut.tar": (tarred({"a.json": net_bytes()})[:600], "read: is a damaged archive: "),
}


@pytest.mark.onnx
def test_every_broken_file_is_reported(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    for name, (content, _) in BROKEN.items():
        (tmp_path / name).write_bytes(content)
    write(tmp_path / "good.json")
    found = scan(tmp_path, into=tmp_path / "c.db")
    reasons = {failure.path: f"{failure.kind}: {failure.reason}" for failure in found.failures}
    assert sorted(reasons) == sorted(BROKEN)
    assert (found.files, found.others) == (1, 0)
    for name, (_, expected) in BROKEN.items():
        assert reasons[name].startswith(expected), (name, reasons[name])
        assert "\n" not in reasons[name]
        assert str(tmp_path) not in reasons[name]
        assert "internal" not in reasons[name]
    hashes = {
        path for (path,) in asked(tmp_path / "c.db", "SELECT path FROM failures WHERE sha256 IS NOT NULL")
    }
    assert sorted(hashes) == sorted(BROKEN)


OTHERS: dict[str, bytes] = {
    "package.json": b'{"name": "x", "version": "1"}',
    "list.json": b"[1, 2]",
    "number.json": b"3",
    "text.json": b'"rfcalc"',
    "empty.json": b"{}",
    "large.json": b'{"x": "' + b"y" * (2 << 20) + b'"}',
    "ci.yaml": b"on: push\njobs: {}\n",
    "odd.yaml": b"!!python/name:x {",
    "many.yaml": b"a: 1\n---\nb: 2\n",
    "pyproject.toml": b"[project]\nname = 'x'\n",
    "blank.toml": b"",
}


def test_the_catalogue_is_not_scanned_itself(tmp_path: Path) -> None:
    write(tmp_path / "net.json")
    for _ in range(2):
        found = scan(tmp_path, into=tmp_path / "catalogue.json")
        assert figures(found)[:4] == (1, 1, 0, 0)


def test_many_files_of_the_same_content(tmp_path: Path, calls: Callable[[], list[str]]) -> None:
    for k in range(300):
        (tmp_path / "zoo" / f"{k % 7}").mkdir(parents=True, exist_ok=True)
        (tmp_path / "zoo" / f"{k % 7}" / f"{k}.json").write_bytes(net_bytes() if k % 2 else b"{}")
    found = scan(tmp_path / "zoo", into=tmp_path / "c.db")
    assert figures(found) == (1, 150, 0, 150, 298)
    assert len(calls()) == 2


def test_what_is_no_model_is_passed_over(tmp_path: Path) -> None:
    for name, content in OTHERS.items():
        (tmp_path / name).write_bytes(content)
    found = scan(tmp_path, into=tmp_path / "c.db")
    assert found.failures == ()
    assert figures(found) == (0, 0, 0, len(OTHERS), 0)
    assert found.summary == f"0 models, 0 failures, 0 unchanged, {len(OTHERS)} files without a model"
    assert asked(tmp_path / "c.db", "SELECT count(*) FROM places WHERE holds = 'other' AND reason <> ''") == [
        (len(OTHERS),)
    ]
    named = scan(tmp_path / "ci.yaml", into=tmp_path / "c.db")
    assert [(failure.path, failure.kind) for failure in named.failures] == [("ci.yaml", "no model")]


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "net.json")

    def refusing(path: str) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(scanning, "regular_file", refusing)
        (failure,) = scan(file, into=tmp_path / "c.db").failures
    assert failure == ("net.json", "read", "cannot be read: Permission denied")
    assert scan(file, into=tmp_path / "c.db").failures == ()


def test_a_file_that_is_changed_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "net.json", 4)
    looks = []
    look_at = scanning.look_at

    def looking(path: str) -> Any:
        looks.append(path)
        if len(looks) == 2:  # when its analysis has come back
            write(file, 50)
        return look_at(path)

    monkeypatch.setattr(scanning, "look_at", looking)
    assert figures(scan(file, into=tmp_path / "c.db")) == (1, 1, 0, 0, 0)
    assert asked(tmp_path / "c.db", "SELECT params FROM models") == [(500,)]


@pytest.mark.onnx
def test_tables_beside_a_file_are_part_of_the_model(tmp_path: Path, calls: Callable[[], list[str]]) -> None:
    onnx = pytest.importorskip("onnx")
    helper, types = onnx.helper, onnx.TensorProto
    x = helper.make_tensor_value_info("x", types.FLOAT, [1, 1, 8, 8])
    y = helper.make_tensor_value_info("y", types.FLOAT, [1, 1, 2, 8])
    rows = onnx.TensorProto(name="rows", data_type=types.INT64, dims=[2], data_location=types.EXTERNAL)
    for key, value in (("location", "rows.data"), ("offset", "0"), ("length", "16")):
        rows.external_data.add(key=key, value=value)
    node = helper.make_node("Gather", ["x", "rows"], ["y"], axis=2)
    model = helper.make_model(helper.make_graph([node], "g", [x], [y], [rows]))
    for folder, table in (("a", (1, 2)), ("b", (5, 7))):
        (tmp_path / "zoo" / folder).mkdir(parents=True)
        (tmp_path / "zoo" / folder / "net.onnx").write_bytes(model.SerializeToString())
        data = b"".join(row.to_bytes(8, "little") for row in table)
        (tmp_path / "zoo" / folder / "rows.data").write_bytes(data)
    into = tmp_path / "c.db"

    scan(tmp_path / "zoo", into=into)
    models = "layers l JOIN models m ON m.id = l.model"
    found = dict(asked(into, f"SELECT path, l.center_0 FROM {models} WHERE kind <> 'input'"))
    assert found == {"zoo/a/net.onnx": 1, "zoo/b/net.onnx": 5}
    shutil.copy(tmp_path / "zoo" / "a" / "rows.data", tmp_path / "zoo" / "b" / "rows.data")
    calls()
    scan(tmp_path / "zoo", into=into)
    assert calls() == ["net.onnx", "net.onnx"]
    assert asked(into, "SELECT count(*), min(path) FROM models") == [(1, "zoo/a/net.onnx")]


def test_numbers_beyond_64_bits_keep_all_digits(tmp_path: Path) -> None:
    layers = [
        {"kind": "conv", "filters": 2**40, "kernel": 1},
        {"kind": "conv", "filters": 2**40, "kernel": 1},
    ]
    (tmp_path / "big.json").write_text(json.dumps({"rfcalc": 1, "input": [8, 8, 1], "layers": layers}))
    scan(tmp_path, into=tmp_path / "c.db")
    totals = rfcalc.analyze(tmp_path / "big.json").totals
    assert asked(tmp_path / "c.db", "SELECT params, macs FROM models") == [
        (str(totals.params.total), str(totals.macs))
    ]


def test_names_that_no_text_has(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.json")).write_bytes(net_bytes(4, name="\ud800"))
    assert scan(tmp_path, into=tmp_path / "c.db").failures == ()
    assert asked(tmp_path / "c.db", "SELECT path, name FROM models") == [("caf\\xe9.json", "\\ud800")]


# ---- limits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "limits", "kind", "reason"),
    [
        ("hangs.json", {"limit_time": 1}, "time", "takes longer than 1 s; --limit-time allows more"),
        ("spins.json", {"limit_time": 1}, "time", "takes longer than 1 s; --limit-time allows more"),
        ("eats.json", {"limit_memory": 64}, "memory", "takes more memory than"),
        ("gulps.json", {"limit_memory": 512}, "memory", "takes more memory than it may"),
        ("dies.json", {}, "crash", "ended the worker with exit code 7"),
        ("aborts.json", {}, "crash", "ended the worker by SIGABRT"),
        ("raises.json", {}, "internal", "internal error: KeyError: 'a fault'; please report it"),
    ],
)
def test_a_hostile_file_is_reported_and_the_scan_goes_on(
    tmp_path: Path,
    calls: Callable[[], list[str]],
    name: str,
    limits: dict[str, float],
    kind: str,
    reason: str,
) -> None:
    folder = tmp_path / "zoo"
    for k, each in enumerate(("a.json", name, "prints.json", "z.json")):
        write(folder / each, 4 + k)
    found = scan(folder, into=tmp_path / "c.db", **limits)
    ((path, found_kind, why),) = found.failures
    assert (path, found_kind, found.models) == (f"zoo/{name}", kind, 3)
    assert why.startswith(reason) or (kind == "memory" and why.startswith("takes more memory than"))
    calls()
    again = scan(folder, into=tmp_path / "c.db", **limits)
    assert again.failures == found.failures
    assert again.unchanged == 4
    assert calls() == []


@pytest.mark.parametrize("limit", [0, 1e30, float("inf")])
def test_limits_that_are_none(tmp_path: Path, limit: float) -> None:
    write(tmp_path / "net.json")
    found = scan(tmp_path, into=tmp_path / "c.db", limit_time=limit, limit_memory=limit)
    assert (found.models, found.failures) == (1, ())


def test_what_failed_is_tried_again_where_that_may_help(
    tmp_path: Path, calls: Callable[[], list[str]]
) -> None:
    folder, into = tmp_path / "zoo", tmp_path / "c.db"
    write(folder / "hangs.json", 4)
    write(folder / "raises.json", 5)
    scan(folder, into=into, limit_time=0.4)
    assert calls() == ["hangs.json", "raises.json"]
    for limit, expected in ((0.3, []), (0.5, ["hangs.json"])):
        scan(folder, into=into, limit_time=limit)
        assert calls() == expected
    scan(folder, into=into, limit_time=0.3, retry=True)
    assert calls() == ["hangs.json", "raises.json"]


def test_a_package_that_is_missing_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.yaml").write_text("rfcalc: 1\ninput: [8, 8, 1]\nlayers: [flatten]\n")
    (tmp_path / "modules" / "yaml").mkdir(parents=True)
    (tmp_path / "modules" / "yaml" / "__init__.py").write_text("raise ModuleNotFoundError('yaml')")
    with monkeypatch.context() as patched:
        patched.syspath_prepend(str(tmp_path / "modules"))
        (failure,) = scan(tmp_path, into=tmp_path / "c.db").failures
    assert failure.kind == "missing"
    assert "PyYAML" in failure.reason
    pytest.importorskip("yaml")
    assert scan(tmp_path, into=tmp_path / "c.db").failures == ()


def test_the_folder_that_is_scanned_is_none_of_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "rfcalc", "onnx", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    write(tmp_path / "net.json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [each for each in __import__("sys").path if each])
    assert scan(Path(), into=Path("c.db")).models == 1
    assert not (tmp_path / "ran").exists()


# ---- archives ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.zip", "x.tar"])
def test_archives_with_all_that_may_be_in_them(
    tmp_path: Path, calls: Callable[[], list[str]], name: str
) -> None:
    members = {
        "a/net.json": net_bytes(4),
        "../../out.json": net_bytes(5),
        "/abs.json": net_bytes(6),
        "again.json": net_bytes(4),
        "package.json": b"{}",
        "broken.json": b'{"rfcalc": 1',
        "dies.json": net_bytes(7),
        "inner.zip": zipped({"n.json": net_bytes(8)}),
    }
    folder = tmp_path / "deep" / "zoo"
    folder.mkdir(parents=True)
    (folder / name).write_bytes((zipped if name.endswith("zip") else tarred)(members))
    into = tmp_path / "c.db"
    found = scan(folder, into=into)
    assert figures(found) == (3, 4, 2, 1, 1)
    place = f"deep/zoo/{name}"
    inside = {
        "a/net.json",
        "../../out.json",
        "/abs.json",
        "again.json",
        "package.json",
        "broken.json",
        "dies.json",
    }
    assert {path for path, *_ in contents(into)["places"]} == {
        place,
        *(f"{place}!/{each}" for each in inside),
    }
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["c.db", "calls", "deep", name, "zoo"]
    calls()
    assert scan(folder, into=into).unchanged == 7
    assert calls() == []


def test_an_archive_that_breaks_off(tmp_path: Path) -> None:
    content = tarred({"a.json": net_bytes(4), "b.json": net_bytes(5)})
    (tmp_path / "x.tar").write_bytes(content[:1600])
    found = scan(tmp_path, into=tmp_path / "c.db")
    assert found.models == 1
    assert [(failure.path, failure.kind) for failure in found.failures] == [("x.tar", "read")]
    (tmp_path / "x.tar").write_bytes(content)
    found = scan(tmp_path, into=tmp_path / "c.db")
    assert (found.models, found.failures) == (2, ())


def test_an_archive_whose_reading_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rfcalc.questions.scan.workers import Ended, Worker

    def members(*_: Any) -> Any:
        raise Ended("time", "takes longer than 1 s")
        yield

    monkeypatch.setattr(Worker, "members", members)
    with zipfile.ZipFile(tmp_path / "x.zip", "w"):
        pass
    write(tmp_path / "y.json")
    found = scan(tmp_path, into=tmp_path / "c.db")
    assert found.failures == (("x.zip", "time", "takes longer than 1 s"),)
    assert found.models == 1


# ---- what is no catalogue ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello, this is text that is no database", "is no catalogue of rfcalc; name another file"),
        ("CREATE TABLE x (y)", "is no catalogue of rfcalc; name another file"),
        ("PRAGMA user_version = 9", "is a catalogue with tables of version 9"),
    ],
)
def test_what_is_no_catalogue_stays_as_it_is(tmp_path: Path, content: bytes | str, message: str) -> None:
    into = tmp_path / "c.db"
    if isinstance(content, bytes):
        into.write_bytes(content)
    else:
        if "user_version" in content:
            scan(into=into)
        db = sqlite3.connect(into)
        db.execute(content)
        db.close()
    before = into.read_bytes()
    with pytest.raises(ReadError) as raised:
        scan(tmp_path, into=into)
    assert str(raised.value).startswith(f"{into}: {message}")
    assert into.read_bytes() == before


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"workers": 0}, "workers has to be a positive whole number, got 0"),
        ({"limit_time": -1}, "limit_time has to be a positive number"),
        ({"limit_memory": float("nan")}, "limit_memory has to be a positive number"),
        ({"scheduler": "tcp://x:1"}, "workers are those of the scheduler"),
    ],
)
def test_numbers_out_of_range(tmp_path: Path, how: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        scan(tmp_path, into=tmp_path / "c.db", **how)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies in a directory that does not exist"):
        scan(tmp_path, into=tmp_path / "no" / "c.db")
    with pytest.raises(UsageError, match="is a directory"):
        scan(tmp_path, into=tmp_path)
    with pytest.raises(RfcalcError, match="no such file or folder"):
        scan(tmp_path / "none", into=tmp_path / "c.db")
    assert not (tmp_path / "c.db").exists()


def test_progress(zoo: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    scan(zoo, into=tmp_path / "c.db", progress=lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {8}
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_transaction_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    insert = catalogues.Catalogue._insert

    def failing(self: Any, table: str, rows: Any) -> None:
        insert(self, table, rows)
        if table == "layers":
            raise sqlite3.OperationalError("disk I/O error")

    write(tmp_path / "net.json")
    with monkeypatch.context() as patched:
        patched.setattr(catalogues.Catalogue, "_insert", failing)
        with pytest.raises(RfcalcError, match=r"c\.db: cannot be used: disk I/O error"):
            scan(tmp_path, into=tmp_path / "c.db")
    assert not any(contents(tmp_path / "c.db").values())
    assert scan(tmp_path, into=tmp_path / "c.db").models == 1

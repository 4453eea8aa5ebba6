"""Tables of integers in a file beside the model: which are read, and which must not be."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

onnx = pytest.importorskip("onnx")
np = pytest.importorskip("numpy")

import rfcalc  # noqa: E402
from rfcalc.readers.onnx import sidecar  # noqa: E402
from tests.readers.onnx_build import helper, model, node, weight  # noqa: E402

pytestmark = pytest.mark.onnx

BESIDE = "m.onnx.data"
TABLE = np.array([[0, 1], [1, 2], [2, 4], [4, 5], [5, 6]], np.int64)
"""The first and the last row of each window of an adaptive pooling from 7 rows to 5."""


def outside(name: str, array: Any, location: str = BESIDE, **place: Any) -> Any:
    """Return a tensor whose elements are said to lie in another file."""
    tensor = onnx.TensorProto(
        name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype)
    )
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **place}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def looking_up(*tables: Any, rows: int = 7) -> Any:
    """Return a model that looks rows up and takes the mean over each window."""
    nodes = [
        node("Gather", "x table", "windows", axis=2),
        node("ReduceMean", "windows", "y", axes=[3], keepdims=0),
    ]
    return model(nodes, {"x": (1, 2, rows, 4)}, "y", tables)


def saved(directory: Path, proto: Any, data: bytes | None = TABLE.tobytes()) -> Path:
    path = directory / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    if data is not None:
        (directory / BESIDE).write_bytes(data)
    return path


def rows_of(path: Any) -> list[tuple[int, int]]:
    return [tuple(row[:2]) for row in rfcalc.field(path, "y").to_dict()["axes"][0]["rows"]]


def refusals(path: Path) -> list[str]:
    return [note.message for note in rfcalc.analyze(path).notes if note.code == "tables"]


# ---- what is read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["int64", "int32"])
@pytest.mark.parametrize("place", [{}, {"offset": 0}, {"offset": 24}])
def test_indices_are_those_of_the_table(tmp_path: Path, kind: str, place: dict[str, int]) -> None:
    table = TABLE.astype(kind)
    data = b"\xff" * place.get("offset", 0) + table.tobytes() + b"\xff"
    path = saved(tmp_path, looking_up(outside("table", table, length=table.nbytes, **place)), data)
    analysis = rfcalc.analyze(path)
    assert analysis.layer("y").status == "exact"
    assert not analysis.notes or all(note.code != "tables" for note in analysis.notes)
    assert rows_of(path) == [tuple(pair) for pair in TABLE.tolist()]


def test_indices_of_several_axes_are_those_of_the_table(tmp_path: Path) -> None:
    table = TABLE.reshape(5, 2, 1)
    nodes = [
        node("Transpose", "x", "first", perm=[2, 0, 1, 3]),
        node("GatherND", "first table", "windows"),
        node("ReduceMean", "windows", "y", axes=[1], keepdims=0),
    ]
    path = saved(tmp_path, model(nodes, {"x": (1, 2, 7, 4)}, "y", [outside("table", table)]))
    assert rfcalc.analyze(path).layer("y").status == "exact"
    assert rows_of(path) == [tuple(pair) for pair in TABLE.tolist()]


def test_a_runtime_reads_the_same(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    path = saved(tmp_path, looking_up(outside("table", TABLE, length=TABLE.nbytes)))
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).normal(size=(1, 2, 7, 4)).astype(np.float32)
    before = session.run(None, {"x": x})[0]
    seen: list[list[int]] = [[] for _ in TABLE]
    for row in range(7):
        changed = x.copy()
        changed[:, :, row] += 1
        moved = (session.run(None, {"x": changed})[0] != before).any(axis=(0, 1, 3))
        for unit in np.flatnonzero(moved):
            seen[unit].append(row)
    assert rows_of(path) == [(min(each), max(each)) for each in seen]


def test_truth_values_and_tables_in_branches_are_read(tmp_path: Path) -> None:
    proto = looking_up()
    constant = helper.make_node("Constant", [], ["table"])
    constant.attribute.append(helper.make_attribute("value", outside("t", TABLE, offset=1)))
    proto.graph.node.insert(0, constant)
    flags = np.array([True])
    proto.graph.initializer.append(outside("flag", flags, offset=0, length=1))
    path = saved(tmp_path, proto, flags.tobytes() + TABLE.tobytes())
    held = onnx.load(path, load_external_data=False)
    assert sidecar.take_tables(held, str(tmp_path)) == {}
    assert onnx.numpy_helper.to_array(held.graph.initializer[0]).tolist() == [True]
    assert rows_of(path) == [tuple(pair) for pair in TABLE.tolist()]


def test_weights_are_never_read(tmp_path: Path) -> None:
    kernel = outside("w", np.ones((2, 2, 1, 1), np.float32), length=16)
    eights = outside("q", np.ones((2, 2), np.int8), length=4)
    proto = looking_up(outside("table", TABLE, offset=0), kernel, eights)
    held = onnx.load(saved(tmp_path, proto, TABLE.tobytes() + bytes(32)), load_external_data=False)
    assert sidecar.take_tables(held, str(tmp_path)) == {}
    locations = {each.name: each.data_location for each in held.graph.initializer}
    assert locations == {"table": 0, "w": onnx.TensorProto.EXTERNAL, "q": onnx.TensorProto.EXTERNAL}


def test_without_a_directory_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, looking_up(outside("table", TABLE)))
    monkeypatch.chdir(tmp_path)
    given = onnx.load(path, load_external_data=False)
    before = given.SerializeToString()
    for each in (path.read_bytes(), given):
        analysis = rfcalc.analyze(each)
        assert analysis.layer("y").status == "bound"
        assert all(note.code != "tables" for note in analysis.notes)
    assert given.SerializeToString() == before
    assert rows_of("m.onnx") == [tuple(pair) for pair in TABLE.tolist()]  # a name alone is a path too


# ---- what is not -------------------------------------------------------------------------------------------


def _linked(directory: Path) -> None:
    (directory / "far").mkdir()
    (directory / "far" / "data").write_bytes(TABLE.tobytes())
    (directory / BESIDE).symlink_to("far/data")


def _hard_linked(directory: Path) -> None:
    (directory / "far").mkdir()
    (directory / "far" / "data").write_bytes(TABLE.tobytes())
    os.link(directory / "far" / "data", directory / BESIDE)


def _nothing(directory: Path) -> None:
    """Leave the directory without the file."""


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (_nothing, "the file is not there"),
    "a link": (_linked, "no regular file"),
    "another name of a file elsewhere": (_hard_linked, "has another name too"),
    "a pipe": (lambda directory: os.mkfifo(directory / BESIDE), "no regular file"),
    "a directory": (lambda directory: (directory / BESIDE).mkdir(), "no regular file"),
    "cut short": (lambda directory: (directory / BESIDE).write_bytes(bytes(79)), "beyond the end"),
    "empty": (lambda directory: (directory / BESIDE).write_bytes(b""), "beyond the end"),
}


@pytest.mark.parametrize("name", FILES)
def test_other_files_are_not_opened(tmp_path: Path, name: str) -> None:
    make, reason = FILES[name]
    make(tmp_path)
    path = saved(tmp_path, looking_up(outside("table", TABLE)), None)
    (message,) = refusals(path)
    assert "'table'" in message
    assert reason in message
    assert rfcalc.analyze(path).layer("y").status == "bound"


PLACES: dict[str, tuple[dict[str, Any], str]] = {
    "above": ({"location": "../m.onnx.data"}, "no plain name"),
    "the directory above": ({"location": ".."}, "no plain name"),
    "below": ({"location": "sub/m.onnx.data"}, "no plain name"),
    "absolute": ({"location": "/m.onnx.data"}, "no plain name"),
    "another separator": ({"location": "..\\m.onnx.data"}, "no plain name"),
    "a drive": ({"location": "C:data"}, "no plain name"),
    "a null character": ({"location": "m.onnx.data\0"}, "no plain name"),
    "no name": ({"location": ""}, "no plain name"),
    "a long name": ({"location": "a" * 300}, "no plain name"),
    "beyond the end": ({"offset": 1}, "beyond the end"),
    "far beyond the end": ({"offset": 10**18}, "beyond the end"),
    "a negative offset": ({"offset": -1}, "offset is no number"),
    "a huge offset": ({"offset": 10**30}, "offset is no number"),
    "an offset in words": ({"offset": "0x0"}, "offset is no number"),
    "a negative length": ({"length": -1}, "length is no number"),
    "a short length": ({"length": 79}, "not that of its shape"),
    "a long length": ({"length": 10**12}, "not that of its shape"),
}


@pytest.mark.parametrize("name", PLACES)
def test_places_that_cannot_be_are_refused(tmp_path: Path, name: str) -> None:
    place, reason = PLACES[name]
    inner = tmp_path / "inner"
    (inner / "sub").mkdir(parents=True)
    for directory in (tmp_path, inner / "sub"):
        (directory / BESIDE).write_bytes(TABLE.tobytes())
    path = saved(inner, looking_up(outside("table", TABLE, **place)))
    (message,) = refusals(path)
    assert reason in message


def test_a_place_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    table = outside("table", TABLE)
    table.external_data.add(key="location", value="other")
    (message,) = refusals(saved(tmp_path, looking_up(table)))
    assert "given twice" in message


def test_all_tables_together_are_bounded(tmp_path: Path) -> None:
    """Each of three tables fits, and the file is sparse; the third would be too much."""
    large = np.broadcast_to(np.int64(0), (3 << 20,))
    tables = [outside(name, large) for name in ("first", "second", "third")]
    path = saved(tmp_path, looking_up(outside("table", TABLE), *tables), TABLE.tobytes())
    os.truncate(tmp_path / BESIDE, large.nbytes)
    (message,) = refusals(path)
    assert "'third'" in message
    assert "'second'" not in message
    assert "more than 64 MiB" in message
    assert rows_of(path) == [tuple(pair) for pair in TABLE.tolist()]


def test_one_note_for_a_reason(tmp_path: Path) -> None:
    proto = looking_up(outside("table", TABLE), outside("other", TABLE), weight("w", 3))
    (message,) = refusals(saved(tmp_path, proto, None))
    assert message.startswith("2 tables of integers beside the file could not be read ('table', 'other')")

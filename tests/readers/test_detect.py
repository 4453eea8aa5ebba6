from __future__ import annotations

import io
import json
import os
import pickle
import socket
import subprocess
import sys
import textwrap
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import Layer
from rfcalc.readers import parsing
from rfcalc.readers.detect import load, name_of
from rfcalc.readers.documents import read_document
from tests.readers.models import CONV, DOCS, MODELS, model, refusal

POOLING = DOCS / "models" / "pooling.json"
TEXT = POOLING.read_text(encoding="utf-8")
YAML = """
# comments are welcome
rfcalc: 1
parameters: {width: 32}
input: [28, 28, 1]
layers:
  - {kind: conv, filters: width, kernel: 3, bias: no}
  - relu
"""
TOML = """
rfcalc = 1
input = [28, "?", 1]
layers = [{kind = "conv", filters = "width", kernel = 3}, "relu"]
[parameters]
width = 32
"""
KERAS = {"class_name": "Sequential", "config": {"name": "s", "layers": []}}


def message(content: Any, **options: Any) -> str:
    """Return the one line that loading the content gives."""
    with pytest.raises(RfcalcError) as caught:
        load(content, **options)
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 500
    return line


# ---- where a model comes from ------------------------------------------------------------------------------


def test_paths_files_bytes_mappings_and_graphs_are_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    data = TEXT.encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with POOLING.open(encoding="utf-8") as as_text, POOLING.open("rb") as as_bytes:
        models = [
            *(str(POOLING), POOLING, as_text, as_bytes, io.StringIO(TEXT), io.BytesIO(data), "-"),
            *(data, bytearray(data), memoryview(data), json.loads(TEXT)),
        ]
        graphs = [load(each) for each in models]
    assert all(list(graph.layers.values()) == list(graphs[0].layers.values()) for graph in graphs)
    names = [graph.source for graph in graphs]
    assert names == [*[str(POOLING)] * 4, "<file>", "<file>", "<stdin>", *["<bytes>"] * 3, "<dict>"]
    assert load(graphs[0]) is graphs[0]


def test_parameters_and_shapes_are_handed_on() -> None:
    graph = load(MODELS["resnet"], parameters={"width": 4}, shapes={"": [64, 64, 3]}, format="rfcalc")
    assert graph["stem"].attrs["filters"] == 4
    assert graph["input"].attrs["shape"][1:] == (64, 64, 3)


def test_what_is_no_model_source_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="a model is a path, a file, bytes or a mapping, not a int"):
        load(5)
    with pytest.raises(
        UsageError,
        match="there is no format 'onxx'; rfcalc reads 'rfcalc', 'keras', 'onnx', 'openvino', ",
    ):
        load(POOLING, format="onxx")
    with pytest.raises(UsageError, match="a loaded graph has its parameters"):
        load(load(POOLING), parameters={"width": 1})
    with pytest.raises(UsageError, match="parameters belong to models in rfcalc's own format"):
        load(KERAS, parameters={"width": 1})


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert message(tmp_path / "none.json") == f"{tmp_path / 'none.json'}: no such file"
    assert message(str(POOLING / "x")) == f"{POOLING / 'x'}: no such file"
    assert message(tmp_path) == f"{tmp_path}: is a directory; give a model file"
    assert message("") == "no such file"
    assert message("x" * 5000) == f"{'x' * 60}...: no such file: the name is too long"
    assert "no such file; give a document as a mapping, or its text as bytes" in message('{"rfcalc": 1}')
    with pytest.raises(ReadError, match=r"no such file: .*embedded null"):
        load("a\0b")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert "no such file: its links form a circle" in message(loop)
    closed = POOLING.open()
    closed.close()
    assert "cannot be read: I/O operation on closed file" in message(closed)
    with (tmp_path / "out").open("wb") as writing:
        assert "cannot be read" in message(writing)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(TEXT)
    path.chmod(0)
    assert message(path) == f"{path}: cannot be read: permission denied"


def test_permission_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert message("model.json") == "model.json: cannot be read: permission denied"


def test_nothing_waits_for_pipes_devices_and_sockets(tmp_path: Path) -> None:
    pipe, bound = tmp_path / "pipe", tmp_path / "socket"
    os.mkfifo(pipe)
    assert "is a pipe; to read from one, give '-'" in message(pipe)
    assert "is a device" in message("/dev/zero")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(bound))
        assert "is a socket" in message(bound)


class Endless(io.RawIOBase):
    """A file that never ends."""

    def __init__(self, part: bytes) -> None:
        self.part = part
        self.given = 0

    def read(self, count: int = -1) -> bytes:
        assert count > 0
        self.given += count
        return (self.part * (count // len(self.part) + 1))[:count]


@pytest.mark.parametrize(
    ("part", "line", "most"),
    [
        (b"\0", "is a binary file of an unknown kind", 1 << 17),
        (b"y\n", r"is no model: it begins with 'y\ny", 2 << 20),
        (b"{\n", "is larger than 64 MiB", 65 << 20),
        (b" ", "holds nothing but white space", 2 << 20),
        (b"rfcalc: 1\n", "is larger than 1 MiB", 2 << 20),
    ],
)
def test_an_endless_file_is_read_no_further_than_needed(part: bytes, line: str, most: int) -> None:
    endless = Endless(part)
    assert line in message(endless)
    assert endless.given <= most


# ---- formats -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "\n \t" + TEXT,
        "\ufeff" + TEXT,
        TOML,
        "\ufeff" + TOML,
        YAML,
        "---\n" + YAML,
        "{rfcalc: 1, input: [3], layers: [relu]}",
    ],
)
def test_json_yaml_and_toml_are_told_by_their_contents(text: str, tmp_path: Path) -> None:
    if text.strip("\ufeff") == TOML and sys.version_info < (3, 11):
        pytest.skip("Python 3.10 has no TOML")
    for suffix in ("", ".json", ".yaml", ".txt"):
        path = tmp_path / f"model{suffix}"
        path.write_text(text, encoding="utf-8")
        assert read_document(path).format == "rfcalc"
        assert isinstance(load(path), LayerGraph)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no TOML")
def test_the_three_spellings_are_the_same_model() -> None:
    document = model({**CONV, "filters": "width"}, "relu", parameters={"width": 32})
    graphs = [
        load(document),
        load(YAML.replace(", bias: no", "").encode()),
        load(TOML.replace('"?"', "28").encode()),
    ]
    assert [list(graph) for graph in graphs] == [list(graphs[0])] * 3


def test_utf_16_is_read_with_its_mark() -> None:
    assert len(load(TEXT.encode("utf-16"))) == 8
    assert len(load(YAML.encode("utf-16"))) == 3
    assert "is not UTF-8 text; save it as UTF-8" in message(TEXT.encode("utf-16-le"))
    assert "is not valid UTF-16" in message(TEXT.encode("utf-16")[:-1])


def test_yaml_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert message(YAML.encode()) == (
        "<bytes>: reading YAML needs the PyYAML package: pip install 'rfcalc[yaml]'"
    )


def test_keras_documents_and_archives_go_to_their_reader(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Any] = []

    def read_keras(document: Any, *, source: str, shapes: Any) -> LayerGraph:
        seen.append((document, source, shapes))
        attrs = {"shape": (shapes or {}).get("", (1,)), "axes": "b"}
        return LayerGraph([Layer("x", "input", "Input", attrs=attrs)], name="net")

    def read_archive(archive: Any) -> Any:
        seen.append(type(archive).__name__)
        return KERAS

    fakes = {"keras": types.ModuleType("keras"), "archive": types.ModuleType("archive")}
    fakes["keras"].read_keras = read_keras  # type: ignore[attr-defined]
    fakes["archive"].read_archive = read_archive  # type: ignore[attr-defined]
    fakes["archive"].members_of = lambda archive: []  # type: ignore[attr-defined]
    for name, fake in fakes.items():
        monkeypatch.setitem(sys.modules, f"rfcalc.readers.{name}", fake)
    archive = tmp_path / "m.keras"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("config.json", json.dumps(KERAS))
    assert load(KERAS, shapes={"": [3, 4]}).inputs[0].attrs["shape"] == (3, 4)
    load(json.dumps({**KERAS, "x": float("nan")}).encode(), format="keras")
    load(archive)
    load(archive.read_bytes())
    nan, from_file = seen.pop(1), seen[2]
    assert nan[0]["config"] == KERAS["config"]
    assert seen == [(KERAS, "<dict>", {"": (3, 4)}), "str", from_file, "bytes", (KERAS, "<bytes>", None)]


def torch_archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02.")
        archive.writestr("model/version", b"3")
    return file.getvalue()


def exported_archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive_format", b"pt2")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "is empty"),
        (b" \n\t", "holds nothing but white space"),
        (b"hello", "is no model: it begins with 'hello'; a model is JSON with \"rfcalc\": 1"),
        (b"\x00\x01\x02", "is a binary file of an unknown kind"),
        (b"abcdefgh\x00\x01\x02", "is a binary file of an unknown kind"),
        (b"\xff\x00\x00abc", "is a binary file of an unknown kind"),
        (b'{"rfcalc": 1, "name": "\xff"}', "byte 23: is not valid UTF-8: invalid start byte"),
        (b'\xef\xbb\xbf{"rfcalc": \xff', "byte 14: is not valid UTF-8"),
        (TEXT[:200].encode(), "the JSON ends too early; is the file cut off?"),
        (b'{"rfcalc": 1,', "line 1, column 14: the JSON ends too early"),
        (b'{"rfcalc": 1\n "layers": []}', "line 2, column 2: not valid JSON: expecting ',' delimiter"),
        (b'{"rfcalc": 1} x', "line 1, column 15: not valid JSON: extra data"),
        (b"{'rfcalc': 1}", "not valid JSON: expecting property name enclosed in double quotes"),
        (b'{"rfcalc": 1, "name": NaN}', "NaN is no number of JSON"),
        (b'{"rfcalc": 1, "name": -Infinity}', "-Infinity is no number of JSON"),
        (
            b'{"rfcalc": 1, "input": [1e400], "layers": ["relu"]}',
            "input[0]: must be a positive integer, got inf",
        ),
        (b'{"rfcalc": 1, "rfcalc": 1}', "the key 'rfcalc' stands twice in one object"),
        (
            b'{"rfcalc": 1, "layers": [{"kind": "conv", "kind": "relu"}]}',
            "the key 'kind' stands twice in one object",
        ),
        (b'{"rfcalc": ' + b"9" * 10_000 + b"}", "holds a number of thousands of digits"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"rfcalc":' * 100_000, "is nested too deeply"),
        (b'{"rfcalc": 1, "layers": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested too deeply"),
        (b'{"rfcalc": 1, "a": "' + b"[" * 3_000_000 + b'"}', "holds too many values to be a model"),
        (b"[1, 2]", "holds a list; a model is JSON"),
        (b"[true]", "holds a list; a model is JSON"),
        (b"{}", "is an empty object; a model is JSON"),
        (
            b"[build-system]\nrequires = []\n",
            "is TOML or INI, but no model: it begins with [build-system]; a model",
        ),
        (b"\xef\xbb\xbf\n[[tool.x]] # y\na = 1\n", "is TOML or INI, but no model: it begins with [[tool.x]]"),
        (
            b"[tool:pytest]\n" + b"a = 1\n" * 200_000,
            "is TOML or INI, but no model: it begins with [tool:pytest]",
        ),
        (
            b'{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6}',
            "has the keys 'a', 'b', 'c', 'd', 'e', ...; a model is",
        ),
        (b'{"class_name": "Dense"}', "has the keys 'class_name'; a model is"),
        (b"\x89HDF\r\n\x1a\n\0\0", "is an HDF5 file"),
        (pickle.dumps({"rfcalc": 1}), "is a Python pickle, which runs code when it is read"),
        (torch_archive(), "is a PyTorch file with a Python pickle in it"),
        (exported_archive(), "holds no programs; an export has one"),
        (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:", "looks like an ONNX file, but is truncated or damaged"),
        (b"\x1c\x00\x00\x00TFL3\x14\x00", "is a damaged TFLite file: it ends too early"),
        (b'\x40\x00\x00\x00\x00\x00\x00\x00{"a":{"dtype"', "is a safetensors file"),
        (b"\x1f\x8b\x08\x00", "is compressed; unpack it first"),
        (b"\x93NUMPY\x01\x00", "is a numpy array"),
        (b"<!DOCTYPE html><html>", "looks like HTML or XML"),
        (b"rfcalc: 1\nlayers: [", "not valid YAML"),
        (b"rfcalc: 1\nrfcalc: 1\n", "line 1, column 1: not valid YAML: the key 'rfcalc' stands twice"),
        (b"rfcalc: 1\nname: 2001-13-01\n", "not valid YAML: month must be in 1..12"),
        (b"rfcalc: 1\nname: 2001-12-01\n", "holds a date, which no part of a model is"),
        (
            b"rfcalc: 1\nname: !!python/object/apply:os.system [true]\n",
            "not valid YAML: could not determine a constr",
        ),
        (b"rfcalc: 1\n? [a]\n: 1\n", "not valid YAML: found unhashable key"),
        (b"rfcalc: 1\n1: 2\ninput: [1]\nlayers: [relu]", "[1]: a key must be a text"),
        (b"rfcalc: 1\nlayers: &a [*a]\n", "is nested too deeply"),
        (b"rfcalc: 1\nlayers: " + b"[" * 2000, "is nested too deeply"),
        (b"rfcalc: 1\n--- \nrfcalc: 1\n", "not valid YAML"),
        (b"rfcalc: [\x01]", "not valid YAML"),
    ],
)
def test_bad_input_gives_one_clear_line(content: bytes, line: str) -> None:
    assert line in message(content)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no TOML")
@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"rfcalc = ", "not valid TOML: Invalid value (at end of document)"),
        (b"rfcalc = 1\nrfcalc = 1\n", "not valid TOML: Cannot overwrite a value (at line 2"),
        (b"rfcalc = 1\nname = 2001-12-01\n", "holds a date, which no part of a model is"),
        (b"rfcalc = " + b"9" * 10_000, "holds a number of thousands of digits"),
        (b"rfcalc = 1\nlayers = " + b"[" * 10_000, "is nested too deeply"),
    ],
)
def test_bad_toml_gives_one_clear_line(content: bytes, line: str) -> None:
    assert line in message(content)


def test_yaml_aliases_are_read_up_to_a_bound() -> None:
    alias = "rfcalc: 1\ninput: [8, 8, 3]\nlayers: [&c {kind: conv, filters: 2, kernel: 3}, *c, *c]\n"
    assert [layer.name for layer in load(alias.encode())] == ["input", "conv_1", "conv_2", "conv_3"]
    lines = ["rfcalc: 1", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 20)]
    assert "its aliases make it too large to be a model" in message("\n".join(lines).encode())


def test_a_suffix_breaks_ties(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("layers: [relu]\n")
    assert "has the keys 'layers'; a model is JSON" in message(path)
    path = tmp_path / "m.json"
    path.write_text("relu")
    assert "line 1, column 1: not valid JSON" in message(path)


@pytest.mark.parametrize(
    ("start", "part"),
    [
        ('{"rfcalc": 1, "layers": [', "1,"),
        ('{"a": [', "[],"),
        ("{", '"rfcalc": {'),
        ("", "words and words\n"),
        ("rfcalc: 1\n", "- words and words\n"),
        ("", "\0"),
    ],
)
def test_200_mb_of_garbage_fail_in_little_memory(start: str, part: str, tmp_path: Path) -> None:
    path = tmp_path / "garbage"
    with path.open("w") as file:
        file.write(start)
        chunk = part * ((1 << 20) // len(part))
        for _ in range(200):
            file.write(chunk)
    script = textwrap.dedent("""
        import pathlib, resource, sys
        from rfcalc.errors import ReadError
        from rfcalc.readers.detect import load
        try:
            load(sys.argv[1])
        except ReadError:
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            status = pathlib.Path("/proc/self/status")
            if status.exists():  # the figure above counts what the process that started this one holds
                most = int(status.read_text().partition("VmHWM:")[2].split()[0])
            print("ReadError", most)
    """)
    command = [sys.executable, "-c", script, str(path)]
    out = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(rfcalc.__file__).parents[1]
    )
    path.unlink()
    kind, kilobytes = out.stdout.split()
    assert kind == "ReadError"
    assert int(kilobytes) < 500_000


def test_the_largest_json_that_is_parsed_stays_in_bounds() -> None:
    text = '{"rfcalc": 1, "x": [' + ",".join(["1.5"] * parsing.MOST_VALUES) + "]}"
    assert len(text) < parsing.MOST_JSON
    assert "holds too many values to be a model" in message(text.replace("]", ",1,1]").encode())


def test_what_loading_imports() -> None:
    script = textwrap.dedent("""
        import sys
        from rfcalc.readers.detect import load
        load(sys.argv[1])
        print(*sorted({name.partition(".")[0] for name in sys.modules}))
    """)
    command = [sys.executable, "-c", script, str(POOLING)]
    out = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(rfcalc.__file__).parents[1]
    )
    assert not {"sympy", "networkx", "numpy", "yaml", "tomllib", "zipfile", "difflib"} & set(
        out.stdout.split()
    )


# ---- fuzz --------------------------------------------------------------------------------------------------

SEEDS = [TEXT.encode(), YAML.encode(), TOML.encode(), json.dumps(MODELS["unet"]).encode()]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=300)
@given(st.sampled_from(SEEDS), st.data())
def test_no_bytes_give_anything_but_a_graph_or_an_error(seed: bytes, data: st.DataObject) -> None:
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        width = data.draw(st.integers(0, 20))
        content[at : at + width] = data.draw(
            st.one_of(st.binary(max_size=4), st.sampled_from([b"{", b"]", b'"', b"\n", b": ", b"&a ", b"*a"]))
        )
    assert str(refusal(lambda: load(bytes(content)))).isprintable()


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_no_beginning_gives_anything_but_a_graph_or_an_error(content: bytes) -> None:
    with pytest.raises(RfcalcError):
        load(content)


NAMES = ["main_graph", "torch_jit", "torch-jit-export", "Model from Caffe2", "model_3", ""]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_exporters_give_to_any_model(name: str) -> None:
    assert name_of(name, "zoo/yolo v8.n.onnx") == "yolo v8.n"
    assert name_of(name, "<dict>") == name
    assert name_of("resnet50", "a.onnx") == "resnet50"


def test_a_model_without_a_name_of_its_own_is_called_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "yolo v8.n.json"
    path.write_text(json.dumps({"rfcalc": 1, "input": [4], "layers": ["flatten"]}))
    assert load(path).name == "yolo v8.n"
    assert load(json.loads(path.read_text())).name == "model"  # there is no file
    path.write_text(json.dumps({"rfcalc": 1, "name": "main_graph", "input": [4], "layers": ["flatten"]}))
    assert load(path).name == "main_graph"  # its writer calls it so

"""Bad and hostile input to the command: one clear line, exit code 3, within 20 seconds and 500 MB."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import rfcalc
from rfcalc.errors import RfcalcError
from tests.readers.models import paths

Json = Any
MEMORY = 500 * 2**20
SECONDS = 20
HUGE = 10**9

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


class Run(NamedTuple):
    code: int
    out: str
    err: str


def limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def command(*arguments: str | Path, stdin: bytes = b"") -> Run:
    """Run the command in a process of its own that may take so much memory and time."""
    done = subprocess.run(
        [sys.executable, "-m", "rfcalc", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=SECONDS,
        preexec_fn=limit_memory if sys.platform == "linux" else None,
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def assert_refused(run: Run, code: int = 3) -> str:
    """Check that a run ended with one line and nothing else, and return the line."""
    assert run.code == code, run
    assert run.out == ""
    assert run.err.startswith("rfcalc: error: ")
    assert run.err.count("\n") == 1
    assert run.err.endswith("\n")
    assert "Traceback" not in run.err
    assert "internal error" not in run.err
    assert len(run.err) < 1000
    return run.err


def native(*layers: Json, **more: Json) -> Json:
    return {"rfcalc": 1, "input": [28, 28, 1], "layers": list(layers), **more}


def conv(**settings: Json) -> Json:
    return {"kind": "conv", "filters": 8, "kernel": 3, **settings}


def given(shape: Json) -> Json:
    return {
        "class_name": "InputLayer",
        "config": {"name": "x", "batch_shape": shape},
        "name": "x",
        "inbound_nodes": [],
    }


def tensor(name: str, output: Json = 0) -> Json:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, output]}}


def called(class_name: str, name: str, source: Json, **config: Json) -> Json:
    nodes = [{"args": [source], "kwargs": {}}]
    return {
        "class_name": class_name,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": nodes,
    }


def functional(*layers: Json, shape: Json = (None, 28, 28, 1)) -> Json:
    entries = [given(list(shape)), *layers]
    config = {
        "name": "m",
        "layers": entries,
        "input_layers": [["x", 0, 0]],
        "output_layers": [[entries[-1]["name"], 0, 0]],
    }
    return {"class_name": "Functional", "config": config}


def sequential(*layers: tuple[str, Json], shape: Json = (None, 28, 28, 1)) -> Json:
    entries = [
        {"class_name": name, "config": {"name": f"l{k}", **config}} for k, (name, config) in enumerate(layers)
    ]
    return {"class_name": "Sequential", "config": {"name": "s", "layers": [given(list(shape)), *entries]}}


CONV2D = {"filters": 8, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid"}

# ---- text --------------------------------------------------------------------------------------------------

GOOD = json.dumps(native(conv()))
GOOD_KERAS = json.dumps(sequential(("Conv2D", CONV2D)))


def wrapped(opening: str, inner: str, closing: str, times: int) -> str:
    return opening * times + inner + closing * times


def with_expression(text: str) -> bytes:
    return json.dumps(native(conv(filters=text))).encode()


def keras_text(setting: str) -> bytes:
    """A Keras model with a setting spelled as JSON allows and Python's encoder would not."""
    return GOOD_KERAS.replace('"filters": 8', f'"filters": {setting}').encode()


def deep_sequential(times: int) -> bytes:
    head = '{"class_name": "Sequential", "config": {"name": "s", "layers": ['
    return wrapped(head, "", "]}}", times).encode()


def deep_wrapper(times: int) -> bytes:
    head = '{"class_name": "TimeDistributed", "config": {"name": "t", "layer": '
    inner = wrapped(head, "null", "}}", times)
    return f'{{"class_name": "Sequential", "config": {{"name": "s", "layers": [{inner}]}}}}'.encode()


TEXTS: dict[str, bytes] = {
    "empty": b"",
    "white space": b" \n\t ",
    "truncated": GOOD[:-10].encode(),
    "truncated Keras": GOOD_KERAS[:-10].encode(),
    "one brace": b"{",
    "two documents": (GOOD + GOOD).encode(),
    "null": b"null",
    "a number": b"1",
    "a string": b'"rfcalc"',
    "a list": b"[]",
    "an empty object": b"{}",
    "other keys": b'{"weights": [1, 2]}',
    "arrays 100,000 deep": wrapped("[", "", "]", 100_000).encode(),
    "open arrays 100,000 deep": b"[" * 100_000,
    "objects 100,000 deep": wrapped('{"a":', "1", "}", 100_000).encode(),
    "layers 100,000 deep": f'{{"rfcalc": 1, "input": [1], "layers": {"[" * 100_000}'.encode(),
    "repeats 2,000 deep": json.dumps(native()).replace(
        "[]", wrapped('[{"repeat": 1, "layers": ', '["relu"]', "}]", 2000)
    ).encode(),
    "repeats 100,000 deep": json.dumps(native()).replace(
        "[]", wrapped('[{"repeat": 1, "layers": ', '["relu"]', "}]", 100_000)
    ).encode(),
    "models 60 deep": deep_sequential(60),
    "models 400 deep": deep_sequential(400),
    "models 100,000 deep": deep_sequential(100_000),
    "wrappers 400 deep": deep_wrapper(400),
    "wrappers 100,000 deep": deep_wrapper(100_000),
    "expression 100,000 deep": with_expression(wrapped("(", "1", ")", 100_000)),
    "expression 400 deep": with_expression(wrapped("(", "1", ")", 400)),
    "signs 100,000 deep": with_expression("-" * 100_000 + "1"),
    "a long expression": with_expression("+".join(["1"] * 100_000)),
    "code": with_expression("__import__('os').system('echo broken')"),
    "a call": with_expression("print(1)"),
    "a lambda": with_expression("(lambda: 1)()"),
    "an attribute": with_expression("width.__class__"),
    "an index": with_expression("[1][0]"),
    "a comprehension": with_expression("[x for x in ()]"),
    "a string in an expression": with_expression("'a' * 3"),
    "an assignment": with_expression("(x := 1)"),
    "a huge power": with_expression("9 ** 9 ** 9 ** 9"),
    "a huge shift": with_expression("1 << 10 ** 9"),
    "a division by zero": with_expression("1 // 0"),
    "NaN": GOOD.replace('"filters": 8', '"filters": NaN').encode(),
    "Infinity": GOOD.replace('"filters": 8', '"filters": -Infinity').encode(),
    "1e400": GOOD.replace('"filters": 8', '"filters": 1e400').encode(),
    "-0": GOOD.replace('"filters": 8', '"filters": -0').encode(),
    "-0.0": GOOD.replace('"filters": 8', '"filters": -0.0').encode(),
    "Keras NaN": keras_text("NaN"),
    "Keras Infinity": keras_text("Infinity"),
    "Keras 1e400": keras_text("1e400"),
    "Keras -0": keras_text("-0"),
    "10**400": GOOD.replace('"filters": 8', f'"filters": 1{"0" * 400}').encode(),
    "10**10000": GOOD.replace('"filters": 8', f'"filters": 1{"0" * 10_000}').encode(),
    "Keras 10**400": keras_text("1" + "0" * 400),
    "Keras 10**10000": keras_text("1" + "0" * 10_000),
    "2**63": GOOD.replace("28", str(2**63)).encode(),
    "Keras 2**63": GOOD_KERAS.replace("28", str(2**63)).encode(),
    "invalid UTF-8": GOOD.encode().replace(b"conv", b"c\xff\xfenv"),
    "a truncated character": GOOD.encode() + "é".encode()[:1],
    "UTF-16 without its mark": GOOD.encode("utf-16-le"),
    "UTF-16 of half a character": GOOD.encode("utf-16") + b"x",
    "UTF-32": GOOD.encode("utf-32"),
    "NUL bytes": b"\0" * 1000,
    "NUL inside": GOOD.encode().replace(b"conv", b"co\0nv"),
    "a lone surrogate": GOOD.replace('"conv"', '"\\ud800"').encode(),
    "a pickle": b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00\x8c\x08builtins",
    "HDF5": b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
    "gzip": b"\x1f\x8b\x08" + b"\0" * 100,
    "HTML": b"<!DOCTYPE html><html></html>",
    "YAML bomb": ("rfcalc: 1\na: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + k)}: &{chr(98 + k)} [{','.join(['*' + chr(97 + k)] * 9)}]\n" for k in range(9)
    )).encode(),
    "YAML object": b"rfcalc: 1\nlayers: !!python/object/apply:os.system ['echo broken']\n",
    "many values": b"[" + b"[]," * 2_000_000 + b"[]]",
    "a key twice": GOOD.replace('"input"', '"rfcalc": 1, "input"').encode(),
    "a million layers": f'{{"rfcalc": 1, "input": [1], "layers": [{",".join(["1"] * 1_000_000)}]}}'.encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_no_model(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(TEXTS[name])
    line = assert_refused(command("analyze", path))
    assert "model.json" in line


@pytest.mark.parametrize("name", ["empty", "truncated", "NUL bytes", "objects 100,000 deep", "invalid UTF-8"])
def test_the_same_from_standard_input(name: str) -> None:
    assert "<stdin>" in assert_refused(command("analyze", "-", stdin=TEXTS[name]))


# ---- files that are no text -------------------------------------------------------------------------------


def archive(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members:
            made.writestr(name, content)
    return stream.getvalue()


def bomb(path: Path) -> None:
    """A .keras file of some MB whose config.json unpacks to 1 GB."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made,
        made.open("config.json", "w", force_zip64=True) as stream,
    ):
        stream.write(b'{"class_name": "Sequential", "config": {"name": "')
        block = b"a" * 2**24
        for _ in range(64):
            stream.write(block)


def patched(data: bytes, place: int, value: bytes, *, signature: bytes) -> bytes:
    """Overwrite bytes behind a signature of the zip format."""
    at = data.index(signature) + place
    return data[:at] + value + data[at + len(value) :]


GOOD_ARCHIVE = archive(("config.json", GOOD_KERAS.encode()), ("model.weights.h5", b"x"))
LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def archives() -> dict[str, bytes]:
    config = ("config.json", GOOD_KERAS.encode())
    encrypted = patched(GOOD_ARCHIVE, 6, b"\x01\x00", signature=LOCAL)
    return {
        "climbs out": archive(config, ("../../etc/passwd", b"x")),
        "climbs out by backslashes": archive(config, ("..\\..\\x", b"x")),
        "absolute": archive(config, ("/etc/passwd", b"x")),
        "config climbs out": archive(("../config.json", GOOD_KERAS.encode())),
        "no config": archive(("metadata.json", b"{}")),
        "config in a folder": archive(("model/config.json", GOOD_KERAS.encode())),
        "config is a list": archive(("config.json", b"[]")),
        "config is empty": archive(("config.json", b"")),
        "config is cut": archive(("config.json", GOOD_KERAS[:-9].encode())),
        "config is deep": archive(("config.json", b"[" * 100_000)),
        "encrypted": patched(encrypted, 8, b"\x01\x00", signature=CENTRAL),
        "unknown compression": patched(
            patched(GOOD_ARCHIVE, 8, b"\x63\x00", signature=LOCAL), 10, b"\x63\x00", signature=CENTRAL
        ),
        "wrong checksum": patched(GOOD_ARCHIVE, 16, b"abcd", signature=CENTRAL),
        "cut": GOOD_ARCHIVE[:-30],
        "cut in the middle": GOOD_ARCHIVE[: len(GOOD_ARCHIVE) // 2],
        "bytes lost": GOOD_ARCHIVE[:40] + GOOD_ARCHIVE[44:],
        "many members": archive(config, *((f"m{k}", b"") for k in range(10_001))),
        "nothing": archive(),
        "a torch file": archive(("archive/data.pkl", b"\x80\x02}")),
    }


@pytest.mark.parametrize("name", archives())
def test_an_archive_that_is_no_model(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(archives()[name])
    assert_refused(command("analyze", path))
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_two_configs(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(archive(("config.json", GOOD_KERAS.encode()), ("config.json", b"{}")))
    assert "2 config.json" in assert_refused(command("analyze", path))


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    bomb(path)
    assert path.stat().st_size < 2**23
    assert "unpacks to more than" in assert_refused(command("analyze", path))


def sparse(path: Path, start: bytes, size: int = 200 * 2**20) -> None:
    with path.open("wb") as stream:
        stream.write(start)
        stream.truncate(size)


def repeated(path: Path, start: bytes, block: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(start)
        for _ in range(200):
            stream.write(block * (2**20 // len(block)))


LARGE: dict[str, Callable[[Path], None]] = {
    "random": lambda path: repeated(path, b"", os.urandom(2**20)),
    "zeros": lambda path: sparse(path, b""),
    "a brace and zeros": lambda path: sparse(path, b"{"),
    "brackets": lambda path: repeated(path, b"", b"["),
    "one string": lambda path: repeated(path, b'{"a": "', b"a"),
    "a model and one string": lambda path: repeated(path, b'{"rfcalc": 1, "a": "', b"a"),
    "words": lambda path: repeated(path, b"", b"rfcalc is no model\n"),
    "a YAML model": lambda path: repeated(path, b"rfcalc: 1\n", b"# comment \n"),
    "white space": lambda path: repeated(path, b"", b"  \n "),
    "a zip header": lambda path: sparse(path, b"PK\x03\x04"),
}


@pytest.mark.parametrize("name", LARGE)
def test_200_megabytes_that_are_no_model(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    LARGE[name](path)
    assert_refused(command("analyze", path))
    path.unlink()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    assert "is a directory" in assert_refused(command("analyze", tmp_path))
    for name in ("missing.json", "a/b/c.json", "x" * 5000, "\n", "{}", "*"):
        assert "no such file" in assert_refused(command("analyze", tmp_path / name))


@posix
def test_special_files(tmp_path: Path) -> None:
    pipe, loop, broken = tmp_path / "pipe", tmp_path / "loop", tmp_path / "broken"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    broken.symlink_to(tmp_path / "nothing")
    assert "is a pipe" in assert_refused(command("analyze", pipe))
    assert "no such file" in assert_refused(command("analyze", loop))
    assert "no such file" in assert_refused(command("analyze", broken))
    for device in ("/dev/zero", "/dev/null", "/dev/tty"):
        assert_refused(command("analyze", device))


# ---- documents ---------------------------------------------------------------------------------------------

REF = tensor("x")
DOCUMENTS: dict[str, Json] = {
    "a cycle": native(
        {"kind": "relu", "name": "a", "inputs": "b"}, {"kind": "relu", "name": "b", "inputs": "a"}
    ),
    "a cycle of one": native({"kind": "relu", "name": "a", "inputs": "a"}),
    "a dangling input": native({"kind": "relu", "inputs": "nothing"}),
    "a name twice": native({"kind": "relu", "name": "a"}, {"kind": "relu", "name": "a"}),
    "a negative size": native(conv(filters=-1)),
    "a negative extent": native("relu", input=[-28, 28, 1]),
    "a window larger than the map": native(conv(kernel=29)),
    "a kernel of 10**12": native(conv(kernel=10**12)),
    "a dilation of 10**9": native(conv(dilation=HUGE)),
    "a crop larger than the map": native({"kind": "crop", "cropping": 14}),
    "a repeat of 10**9": native({"kind": "relu", "repeat": HUGE}),
    "a repeat of 10**9 in itself": native({"repeat": HUGE, "layers": [{"repeat": HUGE, "layers": ["relu"]}]}),
    "a repeat that grows": native(
        {"repeat": 1000, "layers": [
            {"repeat": "1000 * index", "layers": [{"kind": "relu", "repeat": "index"}]}
        ]}
    ),
    "blocks that double": native(
        {"block": "b30"},
        blocks={
            "b0": {"layers": ["relu"]},
            **{f"b{k}": {"layers": [{"block": f"b{k - 1}"}] * 2} for k in range(1, 31)},
        },
    ),
    "a block in itself": native({"block": "b"}, blocks={"b": {"layers": [{"block": "b"}]}}),
    "parts without end": native({"kind": "split", "sections": HUGE, "axis": 1}, input=[HUGE, 4, 1]),
    "Keras: a cycle": functional(called("ReLU", "a", tensor("b")), called("ReLU", "b", tensor("a"))),
    "Keras: a cycle of one": functional(called("ReLU", "a", tensor("a"))),
    "Keras: a dangling input": functional(called("ReLU", "a", tensor("nothing"))),
    "Keras: an output that is none": functional(called("ReLU", "a", tensor("x", 7))),
    "Keras: a negative output": functional(called("ReLU", "a", tensor("x", -1))),
    "Keras: a name twice": functional(called("ReLU", "a", REF), called("ReLU", "a", REF)),
    "Keras: negative filters": sequential(("Conv2D", {**CONV2D, "filters": -8})),
    "Keras: a negative extent": sequential(("ReLU", {}), shape=[None, -28, 28, 1]),
    "Keras: a window larger than the map": sequential(("Conv2D", {**CONV2D, "kernel_size": [29, 29]})),
    "Keras: a kernel of 10**12": sequential(("Conv2D", {**CONV2D, "kernel_size": [10**12, 1]})),
    "Keras: a crop larger than the map": sequential(("Cropping2D", {"cropping": 14})),
    "Keras: a stride of 0": sequential(("Conv2D", {**CONV2D, "strides": [0, 0]})),
    "Keras: 2**63 filters": sequential(("Conv2D", {**CONV2D, "filters": 2**63})),
    "Keras: groups that do not divide": sequential(("Conv2D", {**CONV2D, "groups": 3})),
    "Keras: a split into 10**9": functional(
        {**called("Split", "a", REF), "module": "keras.src.ops.numpy",
         "config": {"name": "a", "indices_or_sections": HUGE, "axis": 1}},
        shape=(None, HUGE, 4, 1),
    ),
    "Keras: calls that double": {},
    "Keras: layers is an object": {"class_name": "Sequential", "config": {"name": "s", "layers": {}}},
    "Keras: no layers": {"class_name": "Sequential", "config": {"name": "s", "layers": []}},
    "Keras: config is null": {"class_name": "Sequential", "config": None},
    "Keras: class_name is a list": {"class_name": ["Sequential"], "config": {"layers": []}},
    "Keras: a subclassed model": {"class_name": "MyModel", "config": {"units": 3}},
}  # fmt: skip


def doubling(levels: int) -> Json:
    """Models that each call the one inside of them twice."""
    model: Json = {**functional(called("ReLU", "r", REF), shape=(None, 8)), "name": "m0"}
    model["config"]["name"] = "m0"
    for level in range(1, levels):
        inner, name = model["name"], f"m{level}"
        nodes = [{"args": [REF], "kwargs": {}}, {"args": [tensor(inner)], "kwargs": {}}]
        model = {**functional({**model, "inbound_nodes": nodes}, shape=(None, 8)), "name": name}
        model["config"]["name"] = name
        model["config"]["output_layers"] = [[inner, 1, 0]]
    return model


DOCUMENTS["Keras: calls that double"] = doubling(40)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_is_no_model(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(DOCUMENTS[name]))
    assert_refused(command("analyze", path))


WRONG: tuple[Json, ...] = (
    None, True, -1, 0, 2**70, 0.5, -1e308, "", "x", "__import__('os')", [], [[]], [-1], [None, "x"], {},
    {"class_name": "Dense"}, {"a": {"b": []}},
)  # fmt: skip
WHOLE = {
    "native": native(
        conv(padding="same", stride=[1, 2], dilation=1, groups=1, bias=True, name="c", trainable=False),
        {"kind": "max_pool", "kernel": 2, "ceil": True},
        {"repeat": 2, "name": "r", "layers": [{"kind": "relu", "inputs": "input"}]},
        {"block": "b", "filters": "2 * width", "inputs": ["r"]},
        {"kind": "concat", "axis": -1, "inputs": ["b", "r"]},
        {"kind": "linear", "units": 3},
        name="m",
        parameters={"width": 4},
        blocks={"b": {"arguments": ["filters"], "layers": [conv(filters="filters")]}},
        outputs=["linear_1"],
    ),
    "keras": functional(
        called(
            "Conv2D",
            "c",
            REF,
            **CONV2D,
            data_format="channels_last",
            groups=1,
            use_bias=True,
            trainable=False,
        ),
        called("BatchNormalization", "n", tensor("c"), axis=-1, scale=True),
        called("MaxPooling2D", "p", tensor("n"), pool_size=[2, 2], strides=None, padding="same"),
        called("ZeroPadding2D", "z", tensor("p"), padding=[[0, 1], [1, 0]]),
        called("Bidirectional", "b", tensor("z"), layer={"class_name": "LSTM", "config": {"units": 2}}),
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_wrong_types_at_every_field(name: str) -> None:
    """In this process: there are thousands, and the command only adds the name of the file."""
    text = json.dumps(WHOLE[name])
    lines = []
    for path in paths(WHOLE[name]):
        for wrong in WRONG:
            document = json.loads(text)
            holder = document
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = wrong
            try:
                rfcalc.analyze(document).to_json()
            except RfcalcError as error:
                lines.append(str(error))
    assert len(lines) > len(WRONG)
    assert all("\n" not in line and len(line) < 1000 for line in lines)


# ---- absurd sizes ------------------------------------------------------------------------------------------

ABSURD: dict[str, Json] = {
    "filters": native(conv(filters=10**15)),
    "kernel": native(conv(kernel=10**12, padding="same"), conv(stride=2, padding="same")),
    "dilation": native(conv(dilation=HUGE, padding="same"), {"kind": "upsample", "scale": 2}),
    "stride": native(*[conv(stride=HUGE, padding="same")] * 3),
    "upsampling": native({"kind": "upsample", "scale": HUGE}, conv()),
    "cubic upsampling": native(*[{"kind": "upsample", "scale": HUGE, "mode": "cubic"}] * 3),
    "upsampling by primes": native(
        *[layer for scale in (2, 3, 5, 7, 11, 13, 17, 19, 23)
          for layer in ({"kind": "upsample", "scale": scale, "mode": "linear"}, conv(padding="same"))]
    ),
    "resizing by coprimes": native(*[{"kind": "resize", "size": size} for size in (997, 991, 983, 977, 971)]),
    "resizing": native({"kind": "resize", "size": HUGE, "mode": "cubic"}),
    "antialiased": native(
        {"kind": "resize", "size": HUGE - 1, "mode": "cubic", "antialias": True}, input=[HUGE, HUGE, 1]
    ),
    "antialiased to few": native(
        {"kind": "resize", "size": 7, "mode": "lanczos5", "antialias": True}, input=[HUGE, HUGE, 1]
    ),
    "adaptive pooling": native({"kind": "adaptive_pool", "size": HUGE - 1}, input=[HUGE, HUGE, 1]),
    "holes and dilation": native(
        {"kind": "transposed_conv", "filters": 1, "kernel": 2, "stride": 4},
        *[conv(dilation=HUGE, padding="same")] * 3,
    ),
    "holes and a kernel": native(
        {"kind": "transposed_conv", "filters": 1, "kernel": 2, "stride": 4}, conv(kernel=HUGE, padding="same")
    ),
    "holes far apart": native(
        {"kind": "transposed_conv", "filters": 1, "kernel": 2, "stride": 4},
        {"kind": "pad", "padding": HUGE, "name": "p"},
        {"kind": "crop", "cropping": [[2 * HUGE, 0], [0, 2 * HUGE]], "name": "q"},
        {"kind": "crop", "cropping": [[0, 2 * HUGE], [2 * HUGE, 0]], "name": "r", "inputs": "p"},
        {"kind": "add", "inputs": ["q", "r"]},
    ),
    "a dilated transposed convolution": native(
        {"kind": "transposed_conv", "filters": 1, "kernel": HUGE, "stride": 7, "dilation": 4}
    ),
    "a reshaped map": native(
        {"kind": "reshape", "shape": [1, HUGE * HUGE // 2, 2, 1]}, conv(kernel=[3, 1]), input=[HUGE, HUGE, 1]
    ),
    "repeats": native(
        {"kind": "repeat", "count": HUGE, "axis": 1}, {"kind": "tile", "repeats": [1, HUGE, 1, 1]}
    ),
    "a side by side map": native({"kind": "concat", "axis": 1, "inputs": ["input"] * 4000}, input=[1, 4, 1]),
    "wide joins": native(
        *[{"kind": "relu", "name": f"r{k}", "inputs": "input"} for k in range(3000)],
        *[{"kind": kind, "inputs": [f"r{k}" for k in range(3000)]} for kind in ("add", "concat")],
    ),
    "a dense block": native(
        *[layer for k in range(150) for layer in (
            {"kind": "concat", "name": f"j{k}", "inputs": ["input", *(f"c{n}" for n in range(k))]},
            conv(name=f"c{k}", padding="same"),
        )]
    ),
    "a long chain": native(*["relu"] * 20_000),
    "Keras: filters": sequential(("Conv2D", {**CONV2D, "filters": 10**15})),
    "Keras: upsampling": sequential(("UpSampling2D", {"size": HUGE, "interpolation": "bicubic"})),
    "Keras: repeats": sequential(("RepeatVector", {"n": 10**15}), shape=(None, 8)),
    "Keras: heads": functional(
        called("MultiHeadAttention", "a", REF, num_heads=10**12, key_dim=10**12), shape=(None, 8, 8)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_sizes_are_answered(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(ABSURD[name]))
    run = command("analyze", path, "--format", "json")
    assert run.code == 0, run.err
    assert json.loads(run.out)["layers"]
    assert run.err == ""


FIELDS: dict[str, tuple[Json, int]] = {
    "a map of 10**9": (native(conv(name="c", padding="same"), input=[HUGE, HUGE, 1]), 3),
    "a map of 10**6": (native(conv(name="c", padding="same"), input=[10**6, 10**6, 1]), 3),
    "a flattened map": (native({"kind": "flatten", "name": "c"}, input=[20_000, 20_000, 1]), 3),
    "an upsampled map": (native({"kind": "upsample", "scale": HUGE, "name": "c"}), 3),
    "a global map": (native({"kind": "global_pool", "name": "c"}, input=[10**6, 10**6, 1]), 3),
    "a kernel of 10**9": (native(conv(kernel=HUGE, name="c", padding="same")), 0),
    "a dilation of 10**9": (native(conv(dilation=HUGE, name="c", padding="same")), 0),
    "a long chain": (native(*[conv(padding="same", name="c")] * 1, *[conv(padding="same")] * 100,
                            input=[1000, 1000, 1]), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_the_field_of_absurd_sizes(name: str, tmp_path: Path) -> None:
    document, code = FIELDS[name]
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    run = command("field", path, "c", "--format", "json")
    if code:
        assert "--dim" in assert_refused(run)
    else:
        assert (run.code, run.err) == (0, "")
        assert json.loads(run.out)


# ---- wrong usage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["analyze"],
        ["analyze", "MODEL", "MODEL"],
        ["analyze", "MODEL", "--nothing"],
        ["analyze", "MODEL", "--depth", "0"],
        ["analyze", "MODEL", "--dim", "H=0"],
        ["analyze", "MODEL", "--dim", f"H=1{'0' * 5000}"],
        ["analyze", "MODEL", "--dim", "H=__import__('os')"],
        ["analyze", "MODEL", "--input-shape", "-1,28,1"],
        ["analyze", "MODEL", "--input-shape", "1,2,3,4,5,6,7,8,9"],
        ["analyze", "MODEL", "--set", "width=1"],
        ["analyze", "MODEL", "--input", "nothing"],
        ["analyze", "MODEL", "--columns", "nothing"],
        ["field", "MODEL", "nothing"],
        ["field", "MODEL", "conv_1", "--at", "99,99"],
        ["nothing"],
    ],
)
def test_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(GOOD)
    assert_refused(command(*(str(path) if each == "MODEL" else each for each in arguments)), 2)

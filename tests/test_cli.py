"""The command line as a user meets it: what it prints where, and how it ends."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

import rfcalc
from rfcalc import cli
from rfcalc.commands import program
from rfcalc.commands.question import SECTIONS

MODEL: dict[str, Any] = {
    "rfcalc": 1,
    "name": "pooling",
    "parameters": {"width": 32},
    "input": [28, 28, 1],
    "layers": [
        {"kind": "conv", "name": "conv1", "filters": "width", "kernel": 3},
        {"kind": "max_pool", "name": "pool1", "kernel": 2},
        {"kind": "conv", "name": "conv2", "filters": "2 * width", "kernel": 3},
    ],
}
UNKNOWN: dict[str, Any] = {
    "rfcalc": 1,
    "input": [28, 28, 1],
    "layers": [
        {"kind": "conv", "name": "c", "filters": 1, "kernel": 3},
        {"kind": "unknown", "name": "u", "op": "Odd"},
    ],
}


class Run(NamedTuple):
    code: int
    out: str
    err: str


Runner = Callable[..., Run]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Runner:
    """Run the command in this process."""

    def call(*arguments: str | Path) -> Run:
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        code = ended.value.code
        return Run(0 if code is None else int(code), out, err)

    return call


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(MODEL))
    return path


@pytest.fixture
def onnx_model(tmp_path: Path) -> Path:
    """Write an ONNX file byte by byte, so that the tests of other formats need no onnx."""

    def field(number: int, value: int | bytes) -> bytes:
        if isinstance(value, int):
            return bytes([number << 3, value])
        return bytes([number << 3 | 2, len(value)]) + value

    def tensor(*extents: bytes) -> bytes:
        return field(1, field(1, 1) + field(2, b"".join(field(1, each) for each in extents)))

    relu = field(1, b"x") + field(2, b"y") + field(3, b"conv") + field(4, b"Relu")
    shape = tensor(field(1, 1), field(1, 3), field(2, b"H"), field(1, 8))
    graph = (
        field(1, relu)
        + field(2, b"g")
        + field(11, field(1, b"x") + field(2, shape))
        + field(12, field(1, b"y") + field(2, field(1, field(1, 1))))
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(2, 17)))
    return path


@pytest.fixture
def unknown(tmp_path: Path) -> Path:
    path = tmp_path / "unknown.json"
    path.write_text(json.dumps(UNKNOWN))
    return path


def spawn(
    *arguments: str | Path, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "rfcalc", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
        timeout=60,
    )


# ---- analyze -----------------------------------------------------------------------------------------------


def test_analyze_prints_a_table(run: Runner, model: Path) -> None:
    code, out, err = run("analyze", model)
    assert (code, err) == (0, "")
    assert out.startswith("pooling (rfcalc)   input 28x28x1\n")
    assert "parameters  18,816" in out


def test_analyze_prints_the_document(run: Runner, model: Path) -> None:
    document = json.loads(run("analyze", model, "--format", "json").out)
    assert document == rfcalc.analyze(str(model)).to_dict()
    assert document["model"] == {"name": "pooling", "format": "rfcalc", "source": "model.json"}
    assert document["layers"][-1]["receptive_field"] == [8, 8]


@pytest.mark.parametrize("form", ["table", "markdown", "rst", "latex", "html", "csv", "json"])
def test_every_format_shows_every_layer(run: Runner, model: Path, form: str) -> None:
    code, out, err = run("analyze", model, "--format", form)
    assert (code, err) == (0, "")
    assert all(name in out for name in ("conv1", "pool1", "conv2"))
    assert out.endswith("\n")


def test_columns_in_their_order(run: Runner, model: Path) -> None:
    out = run("analyze", model, "--format", "csv", "--columns", "params,layer").out
    assert out.splitlines()[:3] == ["params,name", "0,input", "320,conv1"]


def test_columns_of_the_document_are_keys_of_its_layers(run: Runner, model: Path) -> None:
    whole = json.loads(run("analyze", model, "--format", "json").out)
    some = json.loads(run("analyze", model, "--format", "json", "--columns", "params,layer,block").out)
    assert some["layers"] == [{key: layer[key] for key in ("name", "params")} for layer in whole["layers"]]
    assert some["layers"][1] == {"name": "conv1", "params": {"trainable": 320, "non_trainable": 0}}
    assert {**some, "layers": []} == {**whole, "layers": []}
    code, out, err = run("analyze", model, "--format", "json", "--columns", "name,trainable")
    assert (code, out) == (2, "")
    assert "'trainable' is no key of a layer in JSON; 'params' holds it" in err


def test_layers_by_pattern(run: Runner, model: Path) -> None:
    document = json.loads(run("analyze", model, "--layers", "conv?", "--format", "json").out)
    assert [layer["name"] for layer in document["layers"]] == ["conv1", "conv2"]
    assert document["totals"]["params"] == 18816
    assert document["totals"]["layers"] == 4


def test_other_shapes_and_parameters(run: Runner, model: Path) -> None:
    def figures(*options: str) -> tuple[list[int], int]:
        document = json.loads(run("analyze", model, "--format", "json", *options).out)
        return document["inputs"][0]["spatial"], document["totals"]["params"]

    assert figures("--dim", "H=64", "--dim", "W=32") == ([64, 32], 18816)
    assert figures("--input-shape", "1,56,40,1") == ([56, 40], 18816)
    assert figures("--input-shape", "input=?,56,None,1") == ([56, None], 18816)
    assert figures("--set", "width=1") == ([28, 28], 10 + 20)


def test_symbolic_gives_formulas(run: Runner, model: Path) -> None:
    options = ("--input-shape", "?,?,?,1", "--symbolic")
    document = json.loads(run("analyze", model, "--format", "json", *options).out)
    assert document["layers"][1]["spatial"] == ["H - 2", "W - 2"]
    assert "(H - 2, W - 2, 32)" in run("analyze", model, *options).out


def test_symbolic_says_where_nothing_is_open(run: Runner, model: Path) -> None:
    err = run("analyze", model, "--symbolic").err
    assert "note: --symbolic changes nothing, since no extent of the input is open" in err
    assert "with --input-shape '?,?,3'" in err
    assert run("analyze", model, "--symbolic", "--input-shape", "?,28,1").err == ""


def test_analyze_reads_standard_input(model: Path) -> None:
    done = spawn("analyze", "-", "--format", "json", stdin=model.read_bytes())
    assert done.returncode == 0
    assert json.loads(done.stdout)["model"]["source"] == "<stdin>"


def test_notes_go_to_stderr_but_are_part_of_the_document(run: Runner, unknown: Path) -> None:
    code, out, err = run("analyze", unknown)
    assert code == 0
    assert "Odd" in err
    assert err.startswith("rfcalc: ")
    assert "warning" not in out
    assert "layers      2 of 3 resolved\n" in out
    code, out, err = run("analyze", unknown, "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out)["notes"]


@pytest.mark.parametrize(("choice", "code"), [("report", 0), ("bound", 0), ("identity", 0), ("error", 3)])
def test_on_unknown(run: Runner, unknown: Path, choice: str, code: int) -> None:
    assert run("analyze", unknown, "--on-unknown", choice).code == code


def test_strict_says_which_layers_are_not_exact(
    run: Runner, unknown: Path, model: Path, tmp_path: Path
) -> None:
    code, out, err = run("analyze", unknown, "--strict", "--format", "json")
    assert code == 1
    assert json.loads(out)["layers"][1]["name"] == "c"
    assert f"{unknown}: --strict: not exact: 'u' (unknown)" in err
    assert run("analyze", model, "--strict").code == 0
    assumed = run("analyze", unknown, "--strict", "--on-unknown", "identity")
    assert assumed.code == 1
    assert "--strict: not exact: 'u' (assumed)" in assumed.err
    output = tmp_path / "out.txt"
    assert run("analyze", unknown, "--strict", "--output", output).code == 1
    assert not output.exists()


def test_strict_names_some_layers_and_counts_the_rest(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    convs = [{"kind": "conv", "name": f"c{n}", "filters": 1, "kernel": 1} for n in range(1001)]
    path.write_text(json.dumps({**UNKNOWN, "layers": [*UNKNOWN["layers"], *convs]}))
    err = run("analyze", path, "--strict").err
    assert "not exact: 'u' (unknown), 'c0' (unknown), 'c1' (unknown)" in err
    assert "'c3' (unknown) and 997 more\n" in err


# ---- output ------------------------------------------------------------------------------------------------


def test_output_is_a_file(run: Runner, model: Path, tmp_path: Path) -> None:
    printed = run("analyze", model, "--format", "json").out
    path = tmp_path / "out.json"
    assert run("analyze", model, "--format", "json", "--output", path) == (0, "", "")
    assert path.read_text() == printed
    assert run("analyze", model, "--format", "json", "--output", "-").out == printed


def test_nothing_is_written_unless_all_went_well(run: Runner, tmp_path: Path, model: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")
    assert run("analyze", tmp_path / "none.json", "--output", path).code == 3
    assert run("analyze", model, "--layers", "zzz", "--output", path).code == 2
    assert path.read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.json", "out.json"]


def test_output_may_not_be_the_model_or_a_directory(run: Runner, tmp_path: Path, model: Path) -> None:
    before = model.read_bytes()
    for path in (model, tmp_path, tmp_path / "none" / "out.json"):
        code, out, err = run("analyze", model, "--output", path)
        assert (code, out) == (2, "")
        assert err.startswith(f"rfcalc: error: {path}: --output ")
    assert model.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="no such pipes")
def test_a_closed_pipe_is_silent(model: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "rfcalc", "analyze", str(model)],
            stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=60,
        )  # fmt: skip
    assert done.stderr == b""
    assert done.returncode == program.BROKEN_PIPE


def shell(line: str, model: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a line of a shell in which ``rfcalc`` is the program and ``$MODEL`` the model."""
    lines = f'rfcalc() {{ "{sys.executable}" -m rfcalc "$@"; }}; {line}'
    where = {**os.environ, "MODEL": str(model), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(["/bin/sh", "-c", lines], capture_output=True, check=False, timeout=60, env=where)


FULL = b"rfcalc: error: standard output cannot be written: No space left on device\n"
CLOSED = b"rfcalc: error: standard output is closed"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ('rfcalc analyze "$MODEL" >/dev/full', 3, FULL),
        ('rfcalc analyze "$MODEL" --format json >/dev/full', 3, FULL),
        ("rfcalc --help >/dev/full", 3, FULL),
        ("rfcalc analyze --help >/dev/full", 3, FULL),
        ("rfcalc --version >/dev/full", 3, FULL),
        ('rfcalc analyze "$MODEL" >&-', 3, CLOSED),
        ("rfcalc analyze --help >&-", 3, CLOSED),
        ("rfcalc --version >&-", 3, CLOSED),
        ('rfcalc analyze "$MODEL" >&- 2>&-', 3, b""),
        ('rfcalc analyze "$MODEL" >/dev/full 2>&1', 3, b""),
        ("rfcalc analyze nowhere.json 2>&-", 3, b""),
        ("rfcalc analyze nowhere.json 2>/dev/full", 3, b""),
        ('rfcalc analyze "$MODEL" --nonsense 2>/dev/full', 2, b""),
        ('rfcalc analyze "$MODEL" 2>&- >/dev/null', 0, b""),  # there was nothing to say
    ],
)
def test_a_stream_that_takes_nothing(model: Path, line: str, code: int, said: bytes) -> None:
    done = shell(line, model)
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.startswith(said)
    assert done.stderr.count(b"\n") == (1 if said else 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_a_note_that_cannot_be_said_fails(tmp_path: Path) -> None:
    path = tmp_path / "holes.json"
    layers = [
        {"kind": "conv", "filters": 1, "kernel": 2, "stride": 4},
        {"kind": "conv", "filters": 1, "kernel": 3},
    ]
    path.write_text(json.dumps({"rfcalc": 1, "input": [64, 1], "layers": layers}))
    assert shell('rfcalc analyze "$MODEL"', path).stderr.startswith(b"rfcalc: warning: ")
    for closed in ("2>/dev/full", "2>&-"):
        done = shell(f'rfcalc analyze "$MODEL" {closed}', path)
        assert done.returncode == 3
        assert b"conv" in done.stdout  # the report itself is whole


def test_a_terminal_without_unicode(model: Path) -> None:
    done = spawn("analyze", model, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert done.stdout.decode("ascii").count("---") > 1


def test_columns_of_the_terminal(model: Path) -> None:
    wide = spawn("analyze", model, COLUMNS="160", PYTHONIOENCODING="utf-8").stdout.decode()
    narrow = spawn("analyze", model, COLUMNS="60", PYTHONIOENCODING="utf-8").stdout.decode()
    assert "activations" in wide.splitlines()[2]
    assert "activations" not in narrow.splitlines()[2]
    assert max(map(len, narrow.splitlines()[:8])) <= 60
    assert re.search(r"\nnot shown: .* \(--columns, --format, wider terminal\)\n$", narrow)
    assert "not shown" not in wide


@pytest.mark.parametrize("form", ["table", "markdown", "rst", "latex", "html", "csv", "json"])
def test_the_same_bytes_whatever_the_hash_seed(model: Path, form: str) -> None:
    outputs = {spawn("analyze", model, "--format", form, PYTHONHASHSEED=seed).stdout for seed in "012"}
    assert len(outputs) == 1
    assert outputs != {b""}


# ---- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["analyze"], 2, "Missing argument 'MODEL'"),
        (["analyze", "MODEL", "--colour"], 2, "No such option"),
        (["analyze", "MODEL", "--format", "xml"], 2, "'xml' is not one of"),
        (["analyze", "MODEL", "--columns", "parms"], 2, "there is no column 'parms'; did you mean 'params'"),
        (["analyze", "MODEL", "--columns", ""], 2, "there is no column ''; the columns are name, kind"),
        (["analyze", "MODEL", "--layers", "cnv1"], 2, "matches no layer; did you mean 'conv1'"),
        (["analyze", "MODEL", "--input", "img"], 2, "no input 'img'; it has 'input'"),
        (["analyze", "MODEL", "--input-shape", "img=1,2,3,4"], 2, "no input"),
        (["analyze", "MODEL", "--input-shape", "1,a,3,4"], 2, "--input-shape: 'a' is not a whole number"),
        (["analyze", "MODEL", "--input-shape", "1,2"], 2, "MODEL"),
        (["analyze", "MODEL", "--input-shape", "1,,3,4"], 2, "--input-shape: '' is not a whole number"),
        (
            ["analyze", "MODEL", "--input-shape", "56x56x1"],
            2,
            "'56x56x1' has no commas; write it as '56,56,1'",
        ),
        (["analyze", "MODEL", "--input-shape", "input=(? 56 1)"], 2, "write it as '?,56,1'"),
        (["analyze", "MODEL", "--dim", "H=3", "--dim", "H=4"], 2, "--dim is given twice for 'H'"),
        (["analyze", "MODEL", "--dim", "H"], 2, "--dim 'H' is not of the form NAME=N"),
        (["analyze", "MODEL", "--dim", "D=3"], 2, "has no spatial axis 'D'; its axes are H, W"),
        (["analyze", "MODEL", "--dim", "H=0"], 2, "must be a positive integer"),
        (["analyze", "MODEL", "--set", "wdth=3"], 2, "has no parameter"),
        (["analyze", "MODEL", "--set", "width=x"], 2, "--set: 'x' is not a whole number"),
        (["analyze", "MODEL", "--set", "width=" + "9" * 6000], 2, "has more than 100 digits"),
        (["analyze", "MODEL", "--depth", "0"], 2, "is not in the range"),
        (["analyze", "NONE"], 3, "NONE: no such file"),
        (["field", "MODEL", "conv9"], 2, "no layer or tensor 'conv9'"),
        (
            ["field", "MODEL", "conv2", "--phases", "--at", "1,1"],
            2,
            "--at and --phases ask for different things",
        ),
        (["field", "MODEL", "conv9", "--phases"], 2, "no layer or tensor 'conv9'"),
        (["align"], 2, "Missing argument 'MODEL'"),
        (["align", "MODEL", "--sizes", "5:1"], 2, "--sizes '5:1' holds no size; give the smaller one first"),
        (["align", "MODEL", "--sizes", "0:3"], 2, "0 is no size of an input"),
        (["align", "MODEL", "--sizes", "-3:3"], 2, "-3 is no size of an input"),
        (["align", "MODEL", "--sizes", "1:1000000000"], 2, "more than 2,000 sizes"),
        (["align", "MODEL", "--sizes", "1000000000"], 2, "is no size of an input"),
        (["align", "MODEL", "--sizes", "1:9:0"], 2, "goes in steps of 0"),
        (["align", "MODEL", "--sizes", "1:9:2:2"], 2, "is not of the form FIRST:LAST:STEP"),
        (["align", "MODEL", "--sizes", "a:b"], 2, "'a' is not a whole number"),
        (["align", "MODEL", "--sizes", ""], 2, "'' is not a whole number"),
        (["align", "MODEL", "--sizes", "1:"], 2, "'' is not a whole number"),
        (["align", "MODEL", "--format", "yaml"], 2, "'yaml' is not one of"),
        (["align", "MODEL", "--input", "z"], 2, "no input 'z'"),
        (["align", "MODEL", "--input-shape", "2,2,1"], 3, "larger than the map"),
        (["align", "MODEL", "-o", "MODEL"], 2, "is the model file itself"),
        (["explain", "MODEL", "conv9"], 2, "did you mean 'conv2' or 'conv1'?"),
        (["diff", "MODEL"], 2, "Missing argument 'NEW'"),
        (["explain", "MODEL", "conv2", "--format", "yaml"], 2, "'yaml' is not one of"),
        (["explain", "MODEL", "conv2", "--input", "z"], 2, "no input 'z'"),
        (["explain", "MODEL", "conv2", "--input-shape", "2,2,1"], 3, "larger than the map"),
        (["explain", "MODEL", "conv2", "-o", "MODEL"], 2, "is the model file itself"),
        (["field", "MODEL", "conv2", "--at", "1"], 2, "(1) has 1 place, but the input has 2 spatial axes"),
        (["field", "MODEL", "conv2", "--at", "0x2"], 2, "--at: '0x2' has no commas; write it as '0,2'"),
        (["field", "MODEL", "conv2", "--at", "1,x"], 2, "--at: 'x' is not a whole number"),
        (["tiles", "MODEL", "--size", "64"], 2, "has not one size for each of 2 spatial axes"),
        (["tiles", "MODEL", "--size", "64x64"], 2, "--size: '64x64' has no commas; write it as '64,64'"),
        (["tiles", "MODEL", "--size", "2,2"], 2, "does not take an image of 2x2"),
        (["tiles", "MODEL", "--tile", "0"], 2, "needs positive whole numbers"),
        (["tiles", "MODEL", "--size", "99,99", "--tile", "5"], 2, "too small; the smallest is 8"),
        (["tiles", "MODEL", "--memory", "lots"], 2, "'lots' is no number of bytes, such as 8GB or 512MiB"),
        (["tiles", "MODEL", "--memory", "0"], 2, "has to be a positive number of bytes"),
        (["tiles", "MODEL", "--memory", "10B"], 3, "even the smallest tile takes"),
        (["tiles", "MODEL", "--memory", "8GB", "--tile", "9"], 2, "not both"),
        (["tiles", "MODEL", "--rate", "16000"], 2, "a rate is for sequences"),
        (["tiles", "MODEL", "--rate", "fast"], 2, "'fast' is not a valid float"),
        (["tiles", "MODEL", "conv9"], 2, "no layer or tensor 'conv9'"),
        (["tiles", "MODEL", "-o", "MODEL"], 2, "is the model file itself"),
        (["tiles", "NONE"], 3, "NONE: no such file"),
        (["rules", "--check"], 2, "holds a file to what would be written; name it with --output"),
        (["rules", "cnv"], 2, "there is no kind 'cnv'; did you mean 'conv' or 'deconv' or 'conv3d'?"),
        (["nothing"], 2, "No such command"),
    ],
)
def test_errors_are_one_line_with_a_code(
    run: Runner, model: Path, arguments: list[str], code: int, message: str
) -> None:
    known = {"MODEL": str(model), "NONE": str(model.parent / "none.json")}
    got = run(*(known.get(argument, argument) for argument in arguments))
    assert got.code == code
    assert got.out == ""
    assert got.err.startswith("rfcalc: error: ")
    assert got.err.count("\n") == 1
    for name, path in known.items():
        message = message.replace(name, path) if message != f"Missing argument '{name}'" else message
    assert message in got.err


def test_errors_name_the_layer(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    layers = [{"kind": "conv", "name": "conv3", "filters": 1, "kernel": 9}]
    path.write_text(json.dumps({"rfcalc": 1, "input": [4, 4, 1], "layers": layers}))
    code, out, err = run("analyze", path)
    assert (code, out) == (3, "")
    assert err.startswith(f"rfcalc: error: {path}: layer 'conv3': ")


@pytest.mark.parametrize("parameters", [{}, {"parameters": {}}])
def test_a_model_without_parameters(run: Runner, tmp_path: Path, parameters: dict[str, Any]) -> None:
    path = tmp_path / "fixed.json"
    path.write_text(json.dumps({"rfcalc": 1, **parameters, "input": [4, 4, 1], "layers": ["relu"]}))
    code, _, err = run("analyze", path, "--set", "width=3")
    assert code == 2
    assert "the model has no parameters, so 'width' cannot be set; first name it under \"parameters\"" in err


def test_names_in_errors_are_escaped(run: Runner, tmp_path: Path) -> None:
    code, _, err = run("analyze", tmp_path / "a\x1b[31m\nb.json")
    assert code == 3
    assert "a\\x1b[31m\\nb.json" in err
    assert err.count("\n") == 1


def test_what_nobody_expected_is_one_line_too(
    run: Runner, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("by \x1b zero")

    monkeypatch.setattr("rfcalc.questions.analyze.library.analyze", fail)
    code, out, err = run("analyze", model)
    assert (code, out) == (3, "")
    assert err.startswith(
        "rfcalc: error: internal error: ZeroDivisionError: by \\x1b zero; run again with --debug"
    )
    assert err.count("\n") == 1
    code, out, err = run("analyze", model, "--debug")
    assert code == 3
    assert "Traceback" in err


def test_debug_shows_the_traceback(run: Runner, tmp_path: Path) -> None:
    code, _, err = run("analyze", tmp_path / "none.json", "--debug")
    assert code == 3
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("rfcalc: error: ")


def test_an_interrupt(run: Runner, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rfcalc.questions.analyze.library.analyze", interrupt)
    assert run("analyze", model).code == program.INTERRUPTED


def test_library_calls_of_the_command_see_the_exceptions(model: Path) -> None:
    with pytest.raises(rfcalc.UsageError):
        cli.main(["analyze", str(model), "--columns", "x"], standalone_mode=False)


# ---- the other commands ------------------------------------------------------------------------------------


def test_field(run: Runner, model: Path) -> None:
    document = json.loads(run("field", model, "conv2", "--format", "json").out)
    assert document["schema"] == "rfcalc/field/1"
    assert [axis["extent"] for axis in document["axes"]] == [11, 11]
    assert document["axes"][0]["rows"][1] == [2, 9, 8]
    unit = json.loads(run("field", model, "conv2", "--at", "0,10", "--format", "json").out)
    assert unit["box"] == [[0, 7], [20, 27]]
    assert "sees rows 0 to 7 x columns 20 to 27" in run("field", model, "conv2", "--at", "0,10").out


def test_phases(run: Runner, model: Path) -> None:
    got = run("field", model, "conv2", "--phases")
    assert (got.code, got.err) == (0, "")
    assert got.out.splitlines() == [
        "conv2 (pooling): pixels of input by output phase",
        "",
        "rows and columns: the same every output, 2 pixels further on",
        "phase  field  first  last",
        "    0      8      0     7",
    ]
    document = json.loads(run("field", model, "conv2", "--phases", "--format", "json").out)
    assert document == rfcalc.phases(str(model), "conv2").to_dict()


def test_columns_on_demand(run: Runner, model: Path) -> None:
    shown = "name,taps,density,largest_gap,productive"
    lines = run("analyze", model, "--columns", shown).out.splitlines()
    assert lines[2].split() == ["layer", "taps", "density", "largest", "gap", "productive"]
    assert lines[7].split() == ["conv2", "8x8", "100%", "0x0", "yes"]
    document = json.loads(run("analyze", model, "--columns", shown, "--format", "json").out)
    assert document["layers"][-1] == {
        "name": "conv2",
        "taps": [8, 8],
        "density": 1.0,
        "largest_gap": [0, 0],
        "productive": True,
    }
    csv = run("analyze", model, "--columns", shown, "--format", "csv").out.splitlines()
    assert csv[-1] == 'conv2,"[8, 8]",1.0,"[0, 0]",true'
    assert "taps" not in run("analyze", model, "--format", "csv").out
    with pytest.raises(rfcalc.UsageError, match="details=True"):
        rfcalc.analyze(str(model)).to_text(columns=["taps"])


def test_align(run: Runner, model: Path) -> None:
    got = run("align", model, "--sizes", "3:8:5")
    assert got.code == 0
    assert got.err == ""
    assert got.out.splitlines() == [
        "pooling: where branches meet at 28x28",
        "",
        "No branches meet in this model.",
        "Shapes break at 3, in 'pool1': the window of 2 is larger than the map of 1; use",
        "a smaller kernel or dilation, more padding, or a larger input.",
    ]
    document = json.loads(run("align", model, "--sizes", "28", "--format", "json").out)
    assert document == rfcalc.align(str(model), [28]).to_dict()
    assert run("align", model, "--format", "markdown").out == "No branches meet in this model.\n"


def test_explain(run: Runner, model: Path) -> None:
    got = run("explain", model, "conv2")
    assert (got.code, got.err) == (0, "")
    assert re.search(r"^conv2 +conv +3 +1 +2 +2 +2 +4$", got.out, re.M)
    told = "Pooling is responsible for 3 of the 7 pixels beyond the first: 1 by its own windows"
    assert told in " ".join(got.out.split())
    document = json.loads(run("explain", model, "conv2", "--format", "json").out)
    assert document == rfcalc.explain(str(model), "conv2").to_dict()
    assert run("explain", model, "conv2", "--format", "markdown").out.startswith("### conv2 (pooling)")


@pytest.mark.parametrize(
    ("choice", "code", "out", "err"),
    [
        ("report", 0, "What u sees is not known.", ""),
        ("error", 3, "", "no rule for Odd"),
        ("bound", 0, "u sees the whole of input.", "rfcalc: warning: layer 'u': Odd is not known"),
        ("identity", 0, "u sees 3x3.", "rfcalc: warning: layer 'u': Odd is not known"),
    ],
)
def test_explain_on_unknown(run: Runner, unknown: Path, choice: str, code: int, out: str, err: str) -> None:
    got = run("explain", unknown, "u", "--on-unknown", choice)
    assert got.code == code
    assert out in got.out
    assert err in got.err


@pytest.mark.parametrize(
    ("choice", "code", "out", "err"),
    [
        ("report", 3, "", "it depends on Odd"),
        ("error", 3, "", "no rule for Odd"),
        ("bound", 0, "rows 0 to 27 x columns 0 to 27 of input (28x28), at most\n", "rfcalc: warning: "),
        ("identity", 0, "rows 0 to 2 x columns 0 to 2 of input (28x28)\n", ""),
    ],
)
def test_field_on_unknown(run: Runner, unknown: Path, choice: str, code: int, out: str, err: str) -> None:
    got = run("field", unknown, "u", "--at", "0,0", "--on-unknown", choice)
    assert got.code == code
    assert got.out == (f"u at (0, 0) sees {out}" if out else "")
    assert err in got.err


def test_rules_and_their_check(run: Runner, tmp_path: Path) -> None:
    page = tmp_path / "rules.md"
    assert run("rules", "--format", "markdown", "--output", page) == (0, "", "")
    assert run("rules", "--check", "--output", page) == (0, "", "")
    page.write_text(page.read_text() + "x")
    none = tmp_path / "none.md"
    for path, what in ((page, "is stale"), (none, "does not exist")):
        code, out, err = run("rules", "--check", "-o", path)
        assert (code, out) == (1, "")
        assert f"{path}: {what}; run: rfcalc rules --format markdown --output {path}\n" in err
    assert (
        "run: rfcalc rules conv fc --format text"
        in run("rules", "conv", "fc", "--format", "text", "--check", "-o", none).err
    )


def test_rules_fit_the_terminal(run: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for columns in (80, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert columns - 20 < max(map(len, run("rules").out.splitlines())) <= columns
    page = tmp_path / "rules.txt"
    assert run("rules", "conv", "--format", "text", "--output", page).code == 0
    assert run("rules", "conv", "--format", "text", "--check", "-o", page) == (0, "", "")
    assert run("rules", "conv", "--format", "json").out.endswith("}\n")
    narrow = spawn("rules", "conv", COLUMNS="80", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    lines = narrow.stdout.decode("ascii").splitlines()
    assert max(map(len, lines)) <= 80
    assert any("floor((H" in line for line in lines)


def test_the_commands_say_what_they_do_in_a_line_each(run: Runner) -> None:
    sections = run("--help").out.split("\n\n")
    listed = [part.splitlines() for part in sections if part.partition(":")[0] in SECTIONS]
    assert [lines[0] for lines in listed] == [f"{section}:" for section in SECTIONS]
    names = cli.main.list_commands(click.Context(cli.main))
    assert sorted(line.split()[0] for lines in listed for line in lines[1:]) == names
    assert not any("..." in line for lines in listed for line in lines)


def test_schema(run: Runner) -> None:
    assert json.loads(run("schema").out)["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("command", ["analyze", "compare"])
def test_an_older_word_for_text(run: Runner, model: Path, command: str) -> None:
    assert run(command, model, "--format", "table") == run(command, model, "--format", "text")
    assert "table" not in run(command, "--help").out.partition("--format")[2].partition("]")[0]


@pytest.mark.parametrize("command", ["effective", "explain", "field"])
def test_the_layer_is_by_default_the_last_convolution(run: Runner, model: Path, command: str) -> None:
    assert run(command, model) == run(command, model, "conv2")


def test_a_model_without_a_convolution_needs_the_name_of_a_layer(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "dense.json"
    path.write_text('{"rfcalc": 1, "input": [8], "layers": [{"kind": "linear", "units": 2}]}')
    assert run("explain", path) == (
        2,
        "",
        f"rfcalc: error: {path}: no convolution of this model has a field of its own; name a layer\n",
    )


def test_version_and_help(run: Runner) -> None:
    assert run("--version") == (0, f"rfcalc {rfcalc.__version__}\n", "")
    assert "analyze" in run("--help").out
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err.startswith("Usage: rfcalc")


# ---- compare -----------------------------------------------------------------------------------------------


def test_compare(run: Runner, model: Path, tmp_path: Path) -> None:
    code, out, err = run("compare", model)
    assert (code, err) == (0, "")
    assert "With pooling, conv2 sees 8x8 of 28x28 (8%); without, 5x5 (3%)." in out
    target = tmp_path / "out.md"
    assert run("compare", model, "--format", "markdown", "-o", target) == (0, "", "")
    assert target.read_text(encoding="utf-8").startswith("| layer ")
    document = json.loads(run("compare", model, model, "--format", "json").out)
    assert document["schema"] == "rfcalc/comparison/1"
    assert [entry["name"] for entry in document["entries"]] == ["pooling", "pooling (2)"]


def test_compare_at_another_size(run: Runner, model: Path) -> None:
    assert "of 64x64" in run("compare", model, "--dim", "H=64", "--dim", "W=64", "--with", "plain").out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["compare"], 2, "Missing argument 'MODEL'"),
        (["compare", "MODEL", "--with", "nothing"], 2, "there is no counterfactual 'nothing'"),
        (["compare", "MODEL", "--with", ""], 2, "there is no counterfactual ''"),
        (["compare", "MODEL", "MODEL", "--with", "plain"], 2, "counterfactuals are of one model"),
        (["compare", "MODEL", "--layers", "x*"], 2, "--layers 'x*' matches no layer"),
        (["compare", "MODEL", "none.json"], 3, "none.json: no such file"),
        (["compare", "MODEL", "--format", "pdf"], 2, "'pdf' is not one of"),
        (["compare", "MODEL", "--input", "x"], 2, "'x'"),
    ],
)
def test_compare_used_wrongly(run: Runner, model: Path, arguments: list[str], code: int, says: str) -> None:
    ended = run(*(model if argument == "MODEL" else argument for argument in arguments))
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("rfcalc: error: ")
    assert says in ended.err


def test_compare_says_why_there_is_nothing_else(run: Runner, tmp_path: Path) -> None:
    """Behind an op that nobody knows there is nothing to dilate, which is said, and no error."""
    path = tmp_path / "odd.json"
    pool = {"kind": "max_pool", "name": "p", "kernel": 2}
    path.write_text(json.dumps({**UNKNOWN, "layers": [*UNKNOWN["layers"], pool]}))
    code, out, _ = run("compare", path, "--with", "dilated,plain")
    assert code == 0
    assert "There is no 'dilated' of this model: at 'u' no rule knows Odd." in out


# ---- law, effective ----------------------------------------------------------------------------------------


def test_law(run: Runner, model: Path) -> None:
    code, out, err = run("law", model, "pool1", "--reach", "28")
    assert (code, err) == (0, "")
    assert out.startswith("pool1 of pooling: how its field grows, in pixels of input (28x28)")
    assert "To see 28 pixels" in out
    assert json.loads(run("law", model, "--format", "json").out)["schema"] == "rfcalc/law/1"
    assert run("law", model, "--format", "markdown").out.startswith("| up to layer ")


def test_law_with_a_reach_for_each_axis(run: Runner, model: Path) -> None:
    document = json.loads(run("law", model, "--reach", "40,5", "--format", "json").out)
    assert [axis["wanted"] for axis in document["axes"]] == [40, 5]
    assert [axis["reached"] is None for axis in document["axes"]] == [True, False]


def test_law_of_an_unknown_op(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(UNKNOWN))
    code, out, err = run("law", path)
    assert (code, err) == (0, "")
    assert "which no rule knows" in out
    code, out, err = run("law", path, "--on-unknown", "identity")
    assert code == 0
    assert "as asked: nothing changes in it" in err
    code, out, err = run("law", path, "--on-unknown", "error")
    assert (code, out, err.count("\n")) == (3, "", 1)


@pytest.mark.parametrize("text", [None, "", "{", '{"rfcalc": 1}'])
def test_law_of_what_is_no_model(run: Runner, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "bad.json"
    if text is not None:
        path.write_text(text)
    code, out, err = run("law", path)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert err.startswith("rfcalc: error: ")


def test_effective(run: Runner, model: Path) -> None:
    code, out, err = run("effective", model, "pool1", "--at", "0,12")
    assert (code, err) == (0, "")
    assert out.startswith("pool1 of pooling at (0, 12): what weighs in it, in pixels of input (28x28)")
    assert json.loads(run("effective", model, "--format", "json").out)["layer"] == "conv2"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["law", "MODEL", "conv9"], "no layer or tensor 'conv9'; did you mean 'conv2' or 'conv1'?"),
        (["law", "MODEL", "--reach", "0"], "a field of 0 pixels cannot be reached; give 1 or more"),
        (["law", "MODEL", "--reach", "9,9,9"], "3 numbers, but the input has 2 spatial axes"),
        (["law", "MODEL", "--reach", "28x28"], "write it as '28,28'"),
        (["law", "MODEL", "--reach", ""], "'' is not a whole number"),
        (["law", "MODEL", "--reach", "-5"], "a field of -5 pixels cannot be reached"),
        (["law", "MODEL", "--on-unknown", "guess"], "'guess' is not one of"),
        (["law", "MODEL", "--reach", "many"], "--reach: 'many' is not a whole number"),
        (["effective", "MODEL", "conv9"], "no layer or tensor 'conv9'"),
        (["effective", "MODEL", "conv1", "--at", "1"], "2 spatial axes, but the unit 1"),
        (["effective", "MODEL", "conv1", "--at", "1,26"], "no output 26 on an axis of 26"),
        (["effective", "MODEL", "--input-shape", "?,?,1"], "give one with --input-shape"),
    ],
)
def test_law_and_effective_used_wrongly(run: Runner, model: Path, arguments: list[str], says: str) -> None:
    code, out, err = run(*(model if argument == "MODEL" else argument for argument in arguments))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert says in err


def test_tiles(run: Runner, model: Path) -> None:
    got = run("tiles", model, "--size", "100,80", "--tile", "32")
    assert (got.code, got.err) == (0, "")
    assert "12 tiles of 32x32 cover 100x80" in got.out
    document = json.loads(run("tiles", model, "--size", "100,80", "--tile", "32", "--format", "json").out)
    assert document["schema"] == "rfcalc/tiles/1"
    assert document == rfcalc.tiles(str(model), size=(100, 80), tile=32).to_dict()
    assert run("tiles", model, "--format", "markdown").out.startswith("| axis")


def test_tiles_of_what_cannot_be_cut(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "whole.json"
    path.write_text(
        json.dumps({**MODEL, "layers": [*MODEL["layers"], {"kind": "global_pool", "name": "gap"}]})
    )
    code, out, err = run("tiles", path)
    assert (code, err) == (0, "")
    assert "H and W cannot be cut: gap (global_pool) needs all of the axis for every output." in out
    code, out, err = run("tiles", path, "--tile", "16")
    assert code == 1
    assert "cannot be cut" in out
    assert err == f"rfcalc: error: {path}: no axis of the input can be cut, so there is no plan\n"


@pytest.mark.parametrize(
    ("choice", "code", "out", "err"),
    [
        ("report", 3, "", "Odd ('u'), which no rule knows"),
        ("error", 3, "", "no rule for Odd"),
        ("bound", 0, "cannot be cut: Odd is not known", "as asked"),
        ("identity", 0, "as far as what was assumed", "as asked: nothing changes in it"),
    ],
)
def test_tiles_on_unknown(run: Runner, unknown: Path, choice: str, code: int, out: str, err: str) -> None:
    got = run("tiles", unknown, "--on-unknown", choice)
    assert got.code == code
    assert out in got.out
    assert err in got.err


# ---- what a command loads ----------------------------------------------------------------------------------


LIGHT = "sympy networkx torch yaml tabulate"  # onnx itself imports csv

RARE = "decimal fractions numbers pkgutil rfcalc.engine.resized rfcalc.readers.others rfcalc.readers.runtimes"
"""What most models are read and analysed without."""

KERAS = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "image", "batch_input_shape": [None, 8, 8, 3]}},
            {"class_name": "Conv2D", "config": {"name": "conv", "filters": 4, "kernel_size": [3, 3]}},
        ],
    },
}

NATIVE = "rfcalc.algebra.expression rfcalc.readers.native rfcalc.readers.values"


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        pytest.param(["analyze", "ONNX"], LIGHT, marks=pytest.mark.onnx),
        pytest.param(["analyze", "ONNX", "--format", "json"], LIGHT, marks=pytest.mark.onnx),
        pytest.param(["analyze", "ONNX", "--dim", "H=32"], LIGHT, marks=pytest.mark.onnx),
        pytest.param(["field", "ONNX", "conv", "--dim", "H=32"], LIGHT, marks=pytest.mark.onnx),
        (["--help"], "sympy networkx numpy onnx torch yaml tabulate rfcalc.loading rfcalc.rules"),
        (["analyze", "MODEL"], f"sympy networkx numpy onnx torch yaml tabulate csv {RARE}"),
        (["analyze", "KERAS"], f"sympy networkx numpy onnx torch yaml tabulate csv {RARE} {NATIVE}"),
        (["analyze", "MODEL", "--format", "json"], "sympy networkx numpy onnx torch yaml tabulate csv"),
        (["analyze", "MODEL", "--format", "markdown"], "sympy networkx numpy onnx torch yaml"),
        (["compare", "MODEL"], "sympy networkx numpy onnx torch yaml tabulate csv"),
        (["law", "MODEL"], "sympy networkx numpy onnx torch yaml tabulate csv"),
        (["effective", "MODEL"], "sympy networkx numpy onnx torch yaml tabulate csv"),
        (["compare", "MODEL", "--format", "json"], "sympy networkx numpy onnx torch yaml tabulate csv"),
        (["field", "MODEL", "conv2"], "sympy networkx numpy onnx torch yaml tabulate csv"),
        (["align", "MODEL", "--sizes", "8:12"], "sympy networkx numpy onnx torch yaml tabulate csv"),
        (["explain", "MODEL", "conv2"], "sympy networkx numpy onnx torch yaml tabulate csv"),
        (["verify", "MODEL"], "sympy networkx numpy onnx torch yaml tabulate csv"),
        (["tiles", "MODEL", "--tile", "16"], "sympy networkx numpy onnx torch yaml tabulate csv"),
    ],
)
def test_a_command_loads_what_it_needs_alone(
    tmp_path: Path, model: Path, onnx_model: Path, arguments: list[str], absent: str
) -> None:
    keras = tmp_path / "keras.json"
    keras.write_text(json.dumps(KERAS), encoding="utf-8")
    places = {"MODEL": str(model), "ONNX": str(onnx_model), "KERAS": str(keras)}
    arguments = [places.get(argument, argument) for argument in arguments]
    code = (
        "import sys\n"
        "from rfcalc.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not set(done.stderr.split()) & set(absent.split())


def test_stdin_in_process(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(MODEL).encode())))
    assert "conv2" in run("analyze", "-").out

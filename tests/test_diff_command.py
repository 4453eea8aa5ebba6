"""``rfcalc diff`` as a user meets it: exit codes, revisions of git, errors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import rfcalc
from rfcalc import cli
from rfcalc.errors import ReadError, UsageError
from rfcalc.questions.diff import revision
from rfcalc.questions.diff.revision import read_revision, revision_of


def net(kernel: int, name: str = "c") -> dict[str, Any]:
    layers = [
        {"kind": "conv", "name": name, "filters": 4, "kernel": kernel, "padding": "same"},
        {"kind": "conv", "name": f"{name}_next", "filters": 4, "kernel": 3, "padding": "same"},
    ]
    return {"rfcalc": 1, "input": [16, 16, 1], "layers": layers}


class Run(NamedTuple):
    code: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Run:
    with pytest.raises(SystemExit) as ended:
        cli.main(["diff", *arguments])
    out, err = capsys.readouterr()
    return Run(int(ended.value.code or 0), out, err)


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a model in two commits, a third state staged, and a fourth on disk."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "repository"
    (folder / "models").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    path = folder / "models" / "net.json"
    for kernel in (1, 3):
        path.write_text(json.dumps(net(kernel)))
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", f"kernel {kernel}")
    path.write_text(json.dumps(net(5)))
    git(folder, "add", ".")
    path.write_text(json.dumps(net(7)))
    monkeypatch.chdir(folder)
    return folder


def kernels(found: rfcalc.Diff) -> tuple[int, int]:
    ((_, old, new),) = found.edited[0].settings
    return old[0], new[0]


# ---- revisions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("HEAD~1:models/net.json", "models/net.json", (1, 7)),
        ("HEAD:models/net.json", "models/net.json", (3, 7)),
        ("HEAD~1:models/net.json", "main:models/net.json", (1, 3)),
        (":models/net.json", "models/net.json", (5, 7)),  # as it is staged
        ("HEAD^{/kernel 1}:models/net.json", ":models/net.json", (1, 5)),
        ("main@{0}:./models/net.json", "models/net.json", (3, 7)),
    ],
)
def test_files_out_of_git(repository: Path, old: str, new: str, expected: tuple[int, int]) -> None:
    assert kernels(rfcalc.diff(old, new)) == expected


def test_a_path_from_here(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "models")
    assert kernels(rfcalc.diff("HEAD:./net.json", "net.json")) == (3, 7)
    assert kernels(rfcalc.diff("HEAD:models/net.json", "net.json")) == (3, 7)


def test_an_existing_file_is_a_file_first(repository: Path) -> None:
    (repository / "HEAD:models").mkdir()
    (repository / "HEAD:models" / "net.json").write_text(json.dumps(net(9)))
    assert kernels(rfcalc.diff("HEAD:models/net.json", ":models/net.json")) == (9, 5)


def test_a_path_object_is_a_file(repository: Path) -> None:
    with pytest.raises(ReadError, match="no such file"):
        rfcalc.diff(Path("HEAD:models/net.json"), "models/net.json")


def test_a_branch_and_a_file_are_no_module_and_factory(repository: Path) -> None:
    """The text main:net.json would fit a factory too; git is asked first, and no code is imported."""
    shutil.copy(repository / "models" / "net.json", repository / "net.json")
    git(repository, "add", "net.json")
    git(repository, "commit", "-q", "-m", "at the top")
    assert not rfcalc.diff("main:net.json", "net.json").changed
    (repository / "main.py").write_text("raise RuntimeError('imported')")
    assert not rfcalc.diff("main:net.json", "net.json").changed


@pytest.mark.onnx
def test_an_onnx_file_out_of_git(repository: Path) -> None:
    from tests.readers.test_formats_agree import ARCHITECTURES, keras, onnx_model

    architecture = ARCHITECTURES["residual network"]
    (repository / "net.onnx").write_bytes(onnx_model(architecture).SerializeToString())
    git(repository, "add", "net.onnx")
    git(repository, "commit", "-q", "-m", "export")
    (repository / "net.onnx").unlink()
    assert not rfcalc.diff("HEAD:net.onnx", keras(architecture)).changed


ERRORS = {
    "HEAD:nope.json": "the revision 'HEAD' has no file 'nope.json'",
    ":nope.json": "the index has no file 'nope.json'",
    "HEAD:models": "is a directory of that revision",
    "HEAD:net.json": "the revision 'HEAD' has no file 'net.json'",
    "NOPE:models/net.json": "git knows no revision 'NOPE'",
    "models/nope.json": "no such file",
    "C:\\models\\net.json": "no such file",
    "c:/models/net.json": "no such file",
    "HEAD:models/lfs.onnx": "is kept in Git LFS",
    "HEAD:models/text.json": "models/text.json",
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_missing_is_said(repository: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (repository / "models" / "lfs.onnx").write_text("version https://git-lfs.github.com/spec/v1\n")
    (repository / "models" / "text.json").write_text("no model")
    git(repository, "add", "models/lfs.onnx", "models/text.json")
    git(repository, "commit", "-q", "-m", "more")
    done = run(capsys, name, "models/net.json")
    assert done.code == 3
    assert done.err.startswith(f"rfcalc: error: {name}: ")
    assert ERRORS[name] in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("name", ["--help:models/net.json", "-t:models/net.json", "--output=x:net.json"])
def test_a_revision_is_no_option(repository: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(UsageError, match="does not begin with a dash"):
        rfcalc.diff(name, "models/net.json")
    done = run(capsys, "--", name, "models/net.json")
    assert (done.code, done.out) == (2, "")


def test_no_shell_has_a_say(repository: Path) -> None:
    for name in ("HEAD:$(touch x)", "HEAD:a;touch x", "`touch x`:net.json", "HEAD:|touch x"):
        with pytest.raises(ReadError):
            rfcalc.diff(name, "models/net.json")
    assert not (repository / "x").exists()


def test_outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ReadError, match=r"HEAD:net/a\.json: no such file, and no revision of git either"):
        rfcalc.diff("HEAD:net/a.json", net(3))


def test_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(ReadError, match="git has to be installed"):
        rfcalc.diff("HEAD:models/net.json", "models/net.json")
    assert not rfcalc.diff("models/net.json", "models/net.json").changed


def test_a_file_in_git_has_a_largest_size(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revision, "MOST", 10)
    with pytest.raises(ReadError, match="is larger than"):
        rfcalc.diff("HEAD:models/net.json", "models/net.json")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HEAD~1:a/b.json", ("HEAD~1", "a/b.json")),
        ("origin/main:net.json", ("origin/main", "net.json")),
        ("HEAD^{/fix: that}:net.json", ("HEAD^{/fix: that}", "net.json")),
        ("v1.0:a:b.json", ("v1.0", "a:b.json")),
        ("net.json", None), ("C:\\net.json", None), ("C:/net.json", None), ("https://example.org/n", None),
        ("HEAD:", None), ("a\0:b", None),
    ],
)  # fmt: skip
def test_what_names_a_revision(text: str, expected: tuple[str, str] | None) -> None:
    assert revision_of(text) == expected
    if expected is None:
        assert read_revision(text) is None


# ---- the command -------------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str, str]:
    """A model, the same under other names, and one that is another."""
    paths = []
    for name, document in (("old", net(3)), ("same", net(3, "d")), ("new", net(5))):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document))
        paths.append(str(path))
    return paths[0], paths[1], paths[2]


def test_exit_codes(pair: tuple[str, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    old, same, new = pair
    assert run(capsys, old, new).code == 0
    changed = run(capsys, old, new, "--exit-code")
    assert changed.code == 1
    assert "1 layer changed" in changed.out
    assert changed.err == ""
    renamed = run(capsys, old, same, "--exit-code")
    assert renamed.code == 0
    assert "2 layers renamed" in renamed.out
    assert run(capsys, old, "nowhere.json", "--exit-code").code == 3
    assert run(capsys, old, new, "--input", "nowhere").code == 2


def test_the_report_is_written_even_where_the_check_fails(
    pair: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, _, new = pair
    target = tmp_path / "comment.md"
    done = run(capsys, old, new, "--exit-code", "--format", "markdown", "-o", str(target))
    assert (done.code, done.out) == (1, "")
    assert target.read_text(encoding="utf-8") == rfcalc.diff(old, new).to_markdown()
    assert run(capsys, old, new, "-o", new).code == 2  # a model is not overwritten by its own report


def test_formats(pair: tuple[str, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    old, _, new = pair
    document = json.loads(run(capsys, old, new, "--format", "json").out)
    assert document == rfcalc.diff(old, new).to_dict()
    assert "c_next" not in run(capsys, old, new, "--format", "markdown").out.split("\n| ")[-1]
    assert "> c_next" in run(capsys, old, new, "--all").out


def test_options_go_to_both_models(pair: tuple[str, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    old, _, new = pair
    document = json.loads(run(capsys, old, new, "--dim", "H=64", "--format", "json").out)
    shapes = [layer["old"]["output_shape"] for layer in document["layers"] if layer["state"] == "changed"]
    assert shapes == [[None, 64, 16, 4]]


def test_a_plain_diff_imports_nothing_heavy(pair: tuple[str, str, str]) -> None:
    code = (
        "import sys; from rfcalc.cli import main\n"
        f"try: main(['diff', {pair[0]!r}, {pair[2]!r}])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('sympy', 'networkx', 'numpy', 'onnx', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"

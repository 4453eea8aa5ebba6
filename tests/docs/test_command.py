"""``rfcalc docs`` as a user meets it: what it shows, writes and refuses, and how it ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rfcalc import cli
from rfcalc.docs.files import SUFFIXES, markup_of
from rfcalc.errors import UsageError
from rfcalc.wording import MARKUP
from tests.docs.test_markers import marked

DOCS = Path(__file__).parents[2] / "docs"
LAW = "law net.json"


class Run:
    """A run of the command: its exit code and what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        with pytest.raises(SystemExit) as caught:
            cli.main(["docs", *arguments])
        assert isinstance(caught.value.code, int)
        self.code = caught.value.code
        self.out, self.err = capsys.readouterr()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model and two stale documents, which is the working directory."""
    (tmp_path / "net.json").write_bytes((DOCS / "models/plain.json").read_bytes())
    (tmp_path / "a.md").write_text("# A\n\n" + marked("markdown", command=LAW))
    (tmp_path / "b.rst").write_text("B\n=\n\n" + marked("rst", command=LAW))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def texts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# ---- the modes ---------------------------------------------------------------------------------------------


def test_without_a_mode_it_shows_what_would_change(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = texts(folder)
    run = Run(capsys, "a.md")
    assert run.code == 0
    assert run.out.startswith(
        "--- a.md\n+++ a.md\n@@ -1,4 +1,19 @@\n # A\n \n <!-- rfcalc: law net.json -->\n+\n+| up"
    )
    assert run.err == "rfcalc: note: nothing was written; to write it, run: rfcalc docs --write a.md\n"
    assert texts(folder) == before


def test_check_ends_with_1_where_a_table_is_stale(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = texts(folder)
    run = Run(capsys, "--check", "a.md", "b.rst")
    assert run.code == 1
    assert run.out.count("--- ") == 2
    assert run.err == "rfcalc: error: a.md, b.rst are stale; run: rfcalc docs --write a.md b.rst\n"
    assert texts(folder) == before


def test_what_was_written_is_fresh(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(capsys, "--write", "a.md", "b.rst")
    assert (run.code, run.out) == (0, "")
    assert run.err == "rfcalc: note: a.md was written\nrfcalc: note: b.rst was written\n"
    written = texts(folder)
    assert b"| conv3         | [conv 3] x 3     |" in written["a.md"]
    assert b"\nconv3          \\[conv 3\\] x 3" in written["b.rst"]
    run = Run(capsys, "--check", "a.md", "b.rst")
    assert (run.code, run.out, run.err) == (0, "", "")
    assert Run(capsys, "--write", "a.md", "b.rst").err == ""
    assert texts(folder) == written


def test_a_table_goes_stale_with_its_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Run(capsys, "--write", "a.md")
    (folder / "net.json").write_bytes((DOCS / "models/pooling.json").read_bytes())
    run = Run(capsys, "--check", "a.md")
    assert run.code == 1
    assert "-| conv3         | [conv 3] x 3     |" in run.out
    assert "+| conv3         | conv 3                  |" in run.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--write", "--check", "a.md"], "--write changes documents, --check does not; give one of the two"),
        ([], "Missing argument 'FILE...'; see 'rfcalc docs --help'"),
        (["net.json"], "net.json: its name does not say how it is written (.md, "),
        (["--syntax", "word", "a.md"], "Invalid value for '--syntax'"),
    ],
)
def test_wrong_usage_ends_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(capsys, *arguments)
    assert run.code == 2
    assert message in run.err


def test_the_syntax_may_be_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.txt").write_text(marked("rst", command=LAW))
    assert Run(capsys, "--write", "--syntax", "rst", "a.txt").code == 0
    assert "==\n" in (folder / "a.txt").read_text()


def test_every_language_has_an_end_of_names() -> None:
    assert set(SUFFIXES.values()) == set(MARKUP)
    assert markup_of("README.MD") == "markdown"
    with pytest.raises(UsageError, match=r"notes: its name does not say"):
        markup_of("notes")


def test_a_document_without_markers_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "c.md").write_text("nothing\n")
    run = Run(capsys, "--check", "c.md")
    assert (run.code, run.err) == (0, "rfcalc: note: no marker in c.md\n")
    Run(capsys, "--write", "a.md")
    assert Run(capsys, "--check", "a.md", "c.md").err == ""


# ---- where models lie --------------------------------------------------------------------------------------


def test_models_are_relative_to_their_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sub = folder / "sub"
    sub.mkdir()
    (sub / "page.md").write_text(marked("markdown", command=LAW))
    run = Run(capsys, "sub/page.md")
    assert (run.code, run.err) == (3, "rfcalc: error: sub/page.md:1: net.json: no such file\n")
    assert Run(capsys, "--root", ".", "sub/page.md").code == 0
    (sub / "page.md").write_text(marked("markdown", command="law ../net.json"))
    assert "sub/page.md:1: ../net.json: leads out" in Run(capsys, "sub/page.md").err
    run = Run(capsys, "--allow-outside", "--check", "sub/page.md")
    assert run.code == 1
    assert run.err.endswith("run: rfcalc docs --write --allow-outside sub/page.md\n")


# ---- what is wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [[], ["--check"], ["--write"]])
def test_all_that_is_wrong_is_said_and_nothing_written(
    mode: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = marked("markdown", command="law none.json") + marked("markdown", command="law net.json --raech 9")
    (folder / "wrong.md").write_text("# W\n\n" + wrong)
    (folder / "open.md").write_text("<!-- rfcalc: law net.json -->\n")
    before = texts(folder)
    run = Run(capsys, *mode, "a.md", "wrong.md", "open.md", "gone.md")
    assert run.code == 3
    assert run.out == ""
    lines = run.err.splitlines()
    assert lines[0] == "rfcalc: error: wrong.md:3: none.json: no such file"
    assert lines[1].startswith("rfcalc: error: wrong.md:5: no such option")
    assert lines[2] == "rfcalc: error: open.md:1: this marker is not closed; end it with <!-- /rfcalc -->"
    assert lines[3] == "rfcalc: error: gone.md: cannot be read: No such file or directory"
    assert lines[4:] == (["rfcalc: note: nothing was written"] if mode == ["--write"] else [])
    assert texts(folder) == before


def test_what_is_not_utf_8_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "latin.md").write_bytes("é\n".encode("latin-1"))
    run = Run(capsys, "latin.md")
    assert (run.code, run.err) == (3, "rfcalc: error: latin.md: is not UTF-8 text (byte 0)\n")


def test_only_files_are_documents(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "folder.md").mkdir()
    os.mkfifo(folder / "pipe.md")
    run = Run(capsys, "folder.md", "pipe.md")
    assert run.code == 3
    assert run.err.count("is no file; name a document") == 2


def test_the_difference_carries_no_control_characters(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.md").write_text(f"\x1b[31m\u202e\n{marked('markdown', command=LAW)}")
    out = Run(capsys, "a.md").out
    assert " \\x1b[31m\\u202e\n" in out
    assert all(line.isprintable() for line in out.split("\n"))


# ---- writing -----------------------------------------------------------------------------------------------


def test_bytes_outside_of_markers_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = b"\xef\xbb\xbf# \xc3\xa9\x0c\r\n \r\ntwo\nlines \xe2\x80\xa8\t\r\n"
    page = head + b"<!-- rfcalc: law net.json -->\r\nold\r\n<!-- /rfcalc -->\r\n\r\nno newline"
    (folder / "a.md").write_bytes(page)
    Run(capsys, "--write", "a.md")
    written = (folder / "a.md").read_bytes()
    assert written.startswith(head + b"<!-- rfcalc: law net.json -->\r\n\r\n| up to layer")
    assert written.endswith(b"\r\n\r\n<!-- /rfcalc -->\r\n\r\nno newline")
    assert written.count(b"\n") - written.count(b"\r\n") == 1


def test_line_ends_alone_are_a_difference_that_is_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(capsys, "--write", "a.md")
    page = (folder / "a.md").read_bytes()
    (folder / "a.md").write_bytes(page.replace(b"law net.json -->\n", b"law net.json -->\r\n"))
    run = Run(capsys, "--check", "a.md")
    assert run.code == 1
    assert "-| up to layer" in run.out
    assert "|\\r\n" in run.out


def test_a_document_keeps_its_mode_and_its_link(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.md").chmod(0o640)
    (folder / "link.md").symlink_to("a.md")
    Run(capsys, "--write", "link.md")
    assert (folder / "link.md").is_symlink()
    assert stat.S_IMODE((folder / "a.md").stat().st_mode) == 0o640
    assert b"conv3" in (folder / "a.md").read_bytes()


def test_a_document_given_twice_is_written_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        Run(capsys, "--write", "a.md", "./a.md", str(folder / "a.md")).err
        == "rfcalc: note: a.md was written\n"
    )


def test_a_failure_in_the_middle_leaves_all_documents_as_they_were(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = texts(folder)
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if Path(target).name == "b.rst":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    run = Run(capsys, "--write", "a.md", "b.rst")
    assert (run.code, run.err) == (3, "rfcalc: error: b.rst: cannot be written: No space left on device\n")
    assert texts(folder) == before


def test_no_document_is_written_where_there_is_no_room_for_all(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = texts(folder)
    calls = iter([None, OSError(28, "No space left on device")])

    def fsync(_: int) -> None:
        if error := next(calls):
            raise error

    monkeypatch.setattr(os, "fsync", fsync)
    assert Run(capsys, "--write", "a.md", "b.rst").code == 3
    assert texts(folder) == before


def test_a_document_that_changed_meanwhile_is_not_overwritten(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import rfcalc.docs.files

    made = rfcalc.docs.files.made

    def editing(*arguments: object) -> object:
        (folder / "b.rst").write_text("edited")
        return made(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rfcalc.docs.files, "made", editing)
    run = Run(capsys, "--write", "b.rst", "a.md")
    assert (run.code, run.err) == (
        3,
        "rfcalc: error: b.rst: has changed while its tables were made; run again\n",
    )
    assert (folder / "b.rst").read_text() == "edited"
    assert "conv3" not in (folder / "a.md").read_text()

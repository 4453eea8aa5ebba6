from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from rfcalc.errors import RfcalcError, UsageError
from rfcalc.render import write


def test_a_file_is_replaced_in_one_step_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    path.chmod(0o640)
    before = path.stat().st_ino
    write.write("new é\n", str(path))
    assert path.read_bytes() == "new é\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.stat().st_ino != before
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    write.write("x", str(tmp_path / "out"))
    assert (tmp_path / "out").stat().st_mode == usual.stat().st_mode


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RfcalcError, match="No space left"):
        write.write("new", str(path))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links here")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    target = tmp_path / "deep" / "target"
    target.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(target)
    write.write("new", str(link))
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no devices here")
def test_a_device_is_written_to_and_not_replaced() -> None:
    write.check_output("/dev/null")
    write.write("x", "/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_what_cannot_be_an_output_is_refused_before_the_work(tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    model.write_text("{}")
    write.check_output("-", source="-")
    write.check_output(str(tmp_path / "new"), source=str(model))
    for path, message in (
        (tmp_path, "is a directory"),
        (tmp_path / "none" / "out", "does not exist"),
        (model, "the model file itself"),
    ):
        with pytest.raises(UsageError, match=message):
            write.check_output(str(path), source=str(model))


def test_a_stream_gets_what_its_encoding_carries() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="")
    write.write_stream("größe\n", stream)
    assert raw.getvalue() == b"gr\\xf6\\xdfe\n"
    assert not write.unicode_output(stream)
    assert write.unicode_output(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))


@pytest.mark.parametrize(("told", "width"), [("120", 120), ("", 80), ("x", 80), ("0", 80), ("9" * 5000, 80)])
def test_the_width_of_what_is_no_terminal(monkeypatch: pytest.MonkeyPatch, told: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", told)
    assert write.terminal_width(io.StringIO()) == width
    assert write.terminal_width(None) == width

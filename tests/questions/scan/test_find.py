"""Which files a scan looks at."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from rfcalc.errors import ReadError, UsageError
from rfcalc.questions.scan.find import files_of
from tests.questions.scan.files import write


def names(*paths: str, base: Path) -> list[str]:
    return [str(Path(found.file).relative_to(base)) for found in files_of(paths)]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "b.json", "a.ONNX", "deep/z.yaml", "deep/er/m.keras", "deep/er/n.pt2", "deep/s.toml", "wheel.whl",
        "a.tgz", ".hidden.json", ".git/config.json", "__pycache__/x.json", "CVS/x.json", "weights.npz",
        "notes.txt", "json",
    ):  # fmt: skip
        write(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


ALL = [
    "a.ONNX",
    "a.tgz",
    "b.json",
    "wheel.whl",
    "deep/s.toml",
    "deep/z.yaml",
    "deep/er/m.keras",
    "deep/er/n.pt2",
]


def test_a_folder_is_walked_in_the_order_of_names(tree: Path) -> None:
    assert names(".", base=tree) == ALL
    assert names(str(tree), base=tree) == ALL


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["deep/z.yaml"], ["deep/z.yaml"]),
        (["notes.txt", "b.json"], ["notes.txt", "b.json"]),  # whoever names a file means it
        (["b.json", "b.json", "./b.json", "deep/../b.json"], ["b.json"]),
        (["deep", "."], [*ALL[4:], *ALL[:4]]),
        ([".hidden.json", ".git"], [".hidden.json", ".git/config.json"]),
        (["CVS"], ["CVS/x.json"]),
        ([], []),
    ],
)
def test_paths_that_are_named(tree: Path, paths: list[str], expected: list[str]) -> None:
    assert names(*paths, base=tree) == expected


def test_links_are_followed_and_none_in_a_circle(tree: Path) -> None:
    (tree / "deep" / "up").symlink_to(tree)
    (tree / "deep" / "er" / "self").symlink_to(tree / "deep" / "er")
    (tree / "other").mkdir()
    (tree / "other" / "link").symlink_to(tree / "deep")
    (tree / "other" / "file.json").symlink_to(tree / "b.json")
    (tree / "loop.json").symlink_to(tree / "loop.json")
    found = {str(Path(each.file).relative_to(tree)): each.trouble for each in files_of(["."])}
    assert sorted(name for name in found if not found[name]) == sorted([*ALL, "other/file.json"])
    assert "loop.json" in found
    assert found["loop.json"].startswith("cannot be read: ")


def test_what_is_no_file_is_not_opened(tree: Path) -> None:
    os.mkfifo(tree / "pipe.json")
    assert names(".", base=tree) == ALL


def test_a_folder_that_may_not_be_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("er"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = list(files_of(["."]))
    assert found[-1].file == str(tree / "deep" / "er")
    assert found[-1].trouble == "cannot be read: Permission denied"
    assert len(found) == 7


def test_lists(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "list.txt").write_text("b.json\n\ndeep/er\r\nmissing.json\n")
    found = list(files_of(["@list.txt"]))
    assert [Path(each.file).name for each in found] == ["b.json", "m.keras", "n.pt2", "missing.json"]
    assert [each.trouble for each in found] == ["", "", "", "no such file"]
    assert [each.named for each in found] == [True, False, False, True]
    monkeypatch.setattr(sys, "stdin", io.StringIO("b.json\n"))
    assert names("@-", base=tree) == ["b.json"]
    write(tree / "@odd.json")
    assert names("@odd.json", base=tree) == ["@odd.json"]


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("nothing", ReadError, "nothing: no such file or folder"),
        ("@nothing", ReadError, "nothing: cannot be read: No such file or directory"),
        ("@deep", ReadError, "deep: cannot be read: Is a directory"),
        ("@zeros", UsageError, "zeros: is no list of files: it has no path a line"),
    ],
)
def test_what_is_not_there(tree: Path, path: str, error: type[Exception], message: str) -> None:
    (tree / "zeros").write_bytes(b"a\0b\n")
    with pytest.raises(error) as raised:
        list(files_of([path]))
    assert str(raised.value) == message

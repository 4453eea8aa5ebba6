"""Archives are read in memory, with bounds, and nothing in them is believed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rfcalc.errors import ReadError
from rfcalc.questions.scan import archives
from rfcalc.questions.scan.archives import Member, members_of

FILES = {"a/one.json": b"{1}", "two.onnx": b"\x08\x08" * 999, "a/notes.txt": b"no", "a/.git/x.json": b"no"}
EXPECTED = [Member("a/one.json", b"{1}"), Member("two.onnx", b"\x08\x08" * 999)]


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def halves(data: bytes, pack: Callable[[bytes], bytes]) -> bytes:
    """Compress as two streams, one behind the other, as parallel compressors do."""
    half = len(data) // 2
    return pack(data[:half]) + pack(data[half:])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.zip", zipped(FILES)),
        ("x.whl", zipped(FILES, zipfile.ZIP_STORED)),
        ("bz.zip", zipped(FILES, zipfile.ZIP_BZIP2)),
        ("lz.zip", zipped(FILES, zipfile.ZIP_LZMA)),
        ("x.tar", tarred(FILES)),
        ("gnu.tar", tarred(FILES, tarfile.GNU_FORMAT)),
        ("x.tar.gz", gzip.compress(tarred(FILES))),
        ("x.tgz", halves(tarred(FILES), gzip.compress)),
        ("x.tar.bz2", halves(tarred(FILES), bz2.compress)),
        ("x.tar.xz", lzma.compress(tarred(FILES))),
        ("x.txz", halves(tarred(FILES), lzma.compress)),
        ("wrong.zip", gzip.compress(tarred(FILES))),  # the content says what it is
        ("prefixed.zip", b"#!/bin/sh\n" + zipped(FILES)),
    ],
)
def test_members(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert list(members_of(str(tmp_path / name))) == EXPECTED


def test_names_say_where_nothing_is_written(tmp_path: Path) -> None:
    names = ["../../up.json", "/abs.json", "C:\\win.json", "./here.json", "bell\x07.json"]
    for pack in (zipped, tarred):
        path = tmp_path / "inside" / "x.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pack(dict.fromkeys(names, b"{}")))
        found = [member.name for member in members_of(str(path))]
        assert [name.replace("\\", "/") for name in found] == [name.replace("\\", "/") for name in names]
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["inside", "x.bin"]


def test_a_name_that_is_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")
        for content in ("a", "b", "c"):
            archive.writestr("m.json", content)
    expected = [Member("m.json", b"a"), Member("m.json#2", b"b"), Member("m.json#3", b"c")]
    assert list(members_of(str(path))) == expected


def test_links_and_devices_are_no_files(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            member = tarfile.TarInfo("m.json")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    (tmp_path / "x.tar").write_bytes(out.getvalue())
    assert list(members_of(str(tmp_path / "x.tar"))) == []


# ---- bounds ------------------------------------------------------------------------------------------------


def test_a_member_that_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBER", 1 << 20)
    for pack in (zipped, tarred):
        (tmp_path / "x").write_bytes(pack({"bomb.json": bytes(3 << 20), "good.json": b"{}"}))
        bomb, good = members_of(str(tmp_path / "x"))
        assert (bomb.content, bomb.trouble) == (
            b"",
            "is larger than 1 MiB, and lies in an archive; unpack it first",
        )
        assert good == Member("good.json", b"{}")


@pytest.mark.parametrize("pack", [zipped, tarred, lambda files: lzma.compress(tarred(files))])
def test_an_archive_that_is_a_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[Mapping[str, bytes]], bytes]
) -> None:
    monkeypatch.setattr(archives, "MOST_UNPACKED", 5 << 20)
    (tmp_path / "x").write_bytes(pack({f"{k}.json": bytes(1 << 20) for k in range(9)}))
    with pytest.raises(ReadError, match="unpacks to more than 0 GiB"):
        list(members_of(str(tmp_path / "x")))
    found = members_of(str(tmp_path / "x"))
    assert [next(found).name for _ in range(4)] == [f"{k}.json" for k in range(4)]


def test_a_member_that_lies_about_its_size(tmp_path: Path) -> None:
    content = bytearray(zipped({"m.json": b"x" * 5000}))
    place = content.index(b"PK\x01\x02") + 24  # the size that the directory tells
    content[place : place + 4] = (10).to_bytes(4, "little")
    (tmp_path / "x.zip").write_bytes(bytes(content))
    (member,) = members_of(str(tmp_path / "x.zip"))
    assert len(member.content) <= 10
    assert member.trouble.startswith("is damaged in its archive: ") or member.content == b"x" * 10


def test_an_xz_stream_that_asks_for_much_memory(tmp_path: Path) -> None:
    weak = {"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 28}
    (tmp_path / "x.txz").write_bytes(lzma.compress(tarred(FILES), filters=[weak]))
    with pytest.raises(ReadError, match="is a damaged archive: Memory usage limit"):
        list(members_of(str(tmp_path / "x.txz")))


def test_what_is_encrypted_is_said_to_be(tmp_path: Path) -> None:
    content = bytearray(zipped({"m.json": b"{}"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    (tmp_path / "x.zip").write_bytes(bytes(content))
    assert list(members_of(str(tmp_path / "x.zip"))) == [
        Member("m.json", trouble="is encrypted; unpack it first")
    ]


GOOD = {"a.json": b"{}" * 400, "b.json": bytes(range(256)) * 40}


@pytest.mark.parametrize(
    ("name", "content", "before"),
    [
        ("empty.zip", b"", 0),
        ("text.zip", b"hello", 0),
        ("cut.zip", zipped(GOOD)[:-30], 0),
        ("cut.tar", tarred(GOOD)[:3000], 1),
        ("cut.tgz", gzip.compress(tarred(GOOD))[:-40], 0),
        ("cut.txz", lzma.compress(tarred(GOOD))[:-40], 0),
        ("cut.tbz2", bz2.compress(tarred(GOOD))[:-40], 0),
        ("noise.tgz", b"\x1f\x8b" + bytes(range(256)) * 9, 0),
    ],
)
def test_damaged_archives(tmp_path: Path, name: str, content: bytes, before: int) -> None:
    (tmp_path / name).write_bytes(content)
    met: list[Member] = []
    with pytest.raises(ReadError, match="is a damaged archive: "):
        met.extend(members_of(str(tmp_path / name)))
    assert len(met) >= before
    assert all(member.content == GOOD[member.name] for member in met)


def test_a_damaged_member_beside_a_good_one(tmp_path: Path) -> None:
    content = bytearray(zipped(GOOD, zipfile.ZIP_STORED))
    content[content.index(b"{}{}") + 5] ^= 0xFF
    (tmp_path / "x.zip").write_bytes(bytes(content))
    bad, good = members_of(str(tmp_path / "x.zip"))
    assert bad.trouble.startswith("is damaged in its archive: Bad CRC-32")
    assert good == Member("b.json", GOOD["b.json"])

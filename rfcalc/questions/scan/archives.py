"""The members of an archive that may hold a model, read in memory: nothing is unpacked by its name."""

from __future__ import annotations

import lzma
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

from rfcalc.errors import ReadError
from rfcalc.questions.scan.find import is_hidden, may_be_model
from rfcalc.records import NamedTuple

MOST_MEMBERS: Final = 1_000_000
MOST_MEMBER: Final = 256 << 20
"""Bytes of one member, which is held in memory."""
MOST_UNPACKED: Final = 8 << 30
"""Bytes that come of one archive, before it is given up."""
_MOST_LZMA: Final = 128 << 20
"""Bytes that may be taken to unpack xz; its strongest setting takes half of them."""
_PIECE: Final = 1 << 20
_ENCRYPTED: Final = 0x1


class Member(NamedTuple):
    """A file in an archive.

    Parameters
    ----------
    name : str
        What the archive calls it; the second of a name has ``#2`` behind it.
    content : bytes
        What it holds.
    trouble : str
        Why it cannot be read, where it cannot.
    """

    name: str
    content: bytes = b""
    trouble: str = ""


def members_of(path: str) -> Iterator[Member]:
    """Read the members of an archive that may hold a model, in its order.

    Raises
    ------
    ReadError
        It is damaged, or comes to more than any archive of models does; members before that were given out.
    """
    met: Counter[str] = Counter()
    with _saying_why():
        for member in _zipped(path) if _is_zip(path) else _tarred(path):
            met[member.name] += 1
            count = met[member.name]
            yield member if count == 1 else member._replace(name=f"{member.name}#{count}")


@contextmanager
def _saying_why() -> Iterator[None]:
    """Turn whatever a damaged archive leads to into an error that says so."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        lzma.LZMAError,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        OverflowError,
    ) as error:
        raise ReadError(f"is a damaged archive: {error}") from None


_TAR: Final = re.compile(rb"\x1f\x8b|BZh|\xfd7zXZ\0|.{257}ustar", re.S)


def _is_zip(path: str) -> bool:
    """Tell whether it is a zip archive: by its end, unless it begins as a tar, which may hold one."""
    with open(path, "rb") as file:  # noqa: PTH123  the path is a string throughout
        return not _TAR.match(file.read(512)) and zipfile.is_zipfile(file)


def _wanted(name: str) -> bool:
    return may_be_model(name) and not is_hidden(name)


class _Budget:
    """Bytes that may still come of an archive."""

    def __init__(self) -> None:
        self.left = MOST_UNPACKED

    def take(self, count: int) -> None:
        """Count bytes that came.

        Raises
        ------
        ReadError
            There were too many.
        """
        self.left -= count
        if self.left < 0:
            raise ReadError(f"unpacks to more than {MOST_UNPACKED >> 30} GiB; unpack it, and scan the folder")


def _read(name: str, stream: IO[bytes], budget: _Budget) -> Member:
    """Read one member, no more of it than is allowed: the size that the archive tells may lie."""
    parts, held = [], 0
    while part := stream.read(_PIECE):
        budget.take(len(part))
        held += len(part)
        if held > MOST_MEMBER:
            why = f"is larger than {MOST_MEMBER >> 20} MiB, and lies in an archive; unpack it first"
            return Member(name, trouble=why)
        parts.append(part)
    return Member(name, b"".join(parts))


def _zipped(path: str) -> Iterator[Member]:
    budget = _Budget()
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise ReadError(f"has {len(members):,} members; unpack it, and scan the folder")
        for member in members:
            if member.is_dir() or not _wanted(member.filename):
                continue
            if member.flag_bits & _ENCRYPTED:
                yield Member(member.filename, trouble="is encrypted; unpack it first")
                continue
            try:
                with archive.open(member) as stream:
                    read = _read(member.filename, stream, budget)
            except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
                read = Member(member.filename, trouble=f"is damaged in its archive: {error}")
            yield read


def _tarred(path: str) -> Iterator[Member]:
    budget = _Budget()
    with open(path, "rb") as file, _unpacked(file) as stream:  # noqa: PTH123  the path is a string throughout
        counted: Any = _Counted(stream, budget)
        with tarfile.open(fileobj=counted, mode="r|") as archive:
            for count, member in enumerate(archive):
                vars(archive)["members"] = []  # which it would keep, however many there are
                if count >= MOST_MEMBERS:
                    raise ReadError(f"has more than {MOST_MEMBERS:,} members; unpack it, and scan the folder")
                if not (member.isreg() and _wanted(member.name)):
                    continue
                inside = archive.extractfile(member)
                if inside is not None:
                    yield _read(member.name, inside, _Budget())
        while counted.read(_PIECE):  # to the end, where checksums are
            pass


class _Counted:
    """A stream of which a tar archive is read, and no more than is allowed."""

    def __init__(self, stream: IO[bytes], budget: _Budget) -> None:
        self._stream, self._budget = stream, budget

    def read(self, count: int) -> bytes:
        """Read some bytes."""
        data = self._stream.read(count)
        self._budget.take(len(data))
        return data


@contextmanager
def _unpacked(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Give the stream that a tar archive is compressed in, by what it begins with."""
    head = file.read(6)
    file.seek(0)
    if head.startswith(b"\x1f\x8b"):
        import gzip

        with gzip.GzipFile(fileobj=file) as stream:
            yield stream  # type: ignore[misc]  # it has all that is asked of it
    elif head.startswith(b"BZh"):
        import bz2

        with bz2.BZ2File(file) as stream2:
            yield stream2
    elif head == b"\xfd7zXZ\0":
        yield _Xz(file)  # type: ignore[misc]  # the same
    else:
        yield file


class _Xz:
    """An xz stream that takes no more memory than is allowed, which `lzma.LZMAFile` has no word for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decompressor = lzma.LZMADecompressor(memlimit=_MOST_LZMA)
        self._rest = b""

    def read(self, count: int) -> bytes:
        """Read some bytes; none at the end."""
        while True:
            if self._decompressor.eof:
                self._rest = self._decompressor.unused_data.lstrip(b"\0") or self._file.read(_PIECE).lstrip(
                    b"\0"
                )
                if not self._rest:
                    return b""
                self._decompressor = lzma.LZMADecompressor(memlimit=_MOST_LZMA)
            data = self._rest
            if not data and self._decompressor.needs_input:
                data = self._file.read(_PIECE)
                if not data:
                    raise EOFError("it ends before its end was marked")
            self._rest = b""
            made = self._decompressor.decompress(data, count)
            if made:
                return made

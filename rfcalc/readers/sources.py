"""Where a model comes from: a path, standard input, an open file, bytes; read no further than needed.

A source gives its first bytes at once and the rest only when they look like a model, so that a huge file,
a device or an endless pipe fails early.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from typing import IO, Any, Final

from rfcalc.errors import ReadError, UsageError

HEAD: Final = 65536
"""Bytes that are looked at before the rest is read."""

PIECE: Final = 1 << 22
"""Bytes that are read at a time: room for them is taken before it is known how many there are."""

MOST_LISTED: Final = 10_000
"""Names in a folder that are looked at."""

STDIN: Final = "-"
MARK: Final = "#"
"""What stands between the path of an archive and the model in it, as in ``face.task#detector.tflite``."""

LONGEST_PATH: Final = 4096

_REASONS: Final = {
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file",
    errno.EACCES: "cannot be read: permission denied",
    errno.EPERM: "cannot be read: permission denied",
    errno.EISDIR: "is a directory; give a model file",
    errno.ENAMETOOLONG: "no such file: the name is too long",
    errno.ENXIO: "is a socket or a device; give a model file",
    errno.ELOOP: "no such file: its links form a circle",
}

_SPECIAL: Final = (
    (stat.S_ISDIR, "is a directory; give a model file"),
    (stat.S_ISFIFO, f"is a pipe; to read from one, give {STDIN!r} and connect it to standard input"),
    (stat.S_ISCHR, "is a device; give a model file"),
    (stat.S_ISBLK, "is a device; give a model file"),
    (stat.S_ISSOCK, "is a socket; give a model file"),
)


class Source:
    """Bytes that may hold a model.

    Parameters
    ----------
    name : str
        For messages.
    stream : file
        Where the bytes come from; text is taken as its UTF-8.
    path : str, optional
        The file's path, where it has one.
    member : str, optional
        Which of several models in the file is meant.
    """

    def __init__(
        self, name: str, stream: IO[Any], path: str | None = None, member: str | None = None
    ) -> None:
        self.name = name
        self.path = path
        self.member = member
        self._stream = stream
        self._held = b""
        self.head = self.start(HEAD)

    def start(self, count: int) -> bytes:
        """Return the first bytes: as many as are held, and at least `count` where there are as many."""
        parts, held = [self._held], len(self._held)
        try:
            while held < count:
                part = self._stream.read(min(count - held, PIECE))
                if not part:
                    break
                parts.append(part.encode() if isinstance(part, str) else bytes(part))
                held += len(parts[-1])
        except OSError as error:
            raise ReadError(_reason(error)) from None
        except UnicodeError as error:
            raise ReadError(f"is not text: {error}") from None
        except (TypeError, ValueError, AttributeError) as error:  # closed, not open for reading, no file
            raise ReadError(f"cannot be read: {error}") from None
        self._held = b"".join(parts)
        return self._held

    def everything(self, most: int) -> bytes:
        """Return all bytes, or refuse more than `most` of them.

        Raises
        ------
        ReadError
            There are more.
        """
        self._hold_at_once(most)
        data = self.start(most + 1)
        if len(data) > most:
            raise ReadError(
                f"is larger than {most >> 20} MiB; the architecture of a model is small, without its weights"
            )
        return data

    def _hold_at_once(self, most: int) -> None:
        """Read a file of the disk in one piece, which is half the time of parts that are put together."""
        if self.path is None:
            return
        try:
            size = os.fstat(self._stream.fileno()).st_size
            if len(self._held) < size <= most:
                self._stream.seek(0)
                self._held = self._stream.read(size)
        except OSError as error:
            raise ReadError(_reason(error)) from None


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, f"cannot be read: {error.strerror or error}")


@contextmanager
def opened(model: Any) -> Iterator[Source]:
    """Open a model's source.

    Parameters
    ----------
    model : str, path, file or bytes
        A path, ``"-"`` for standard input, an open file, or the contents.

    Yields
    ------
    Source
        With its first bytes.

    Raises
    ------
    ReadError
        It cannot be read; the error has the source's name.
    """
    name = source_name(model)
    try:
        if isinstance(model, (bytes, bytearray, memoryview)):
            yield Source(name, BytesIO(model))
        elif hasattr(model, "read"):
            yield Source(name, model)
        elif model == STDIN:
            if sys.stdin is None:
                raise ReadError("is closed; give the model's file")
            yield Source(name, getattr(sys.stdin, "buffer", sys.stdin))
        elif isinstance(model, (str, os.PathLike)):
            path, member = parted(os.fsdecode(model))
            with os.fdopen(regular_file(path), "rb") as file:
                yield Source(name, file, path, member)
        else:
            raise UsageError(f"a model is a path, a file, bytes or a mapping, not a {type(model).__name__}")
    except ReadError as error:
        error.source = error.source or name
        raise


def parted(path: str) -> tuple[str, str | None]:
    """Part a path into that of a file and the model in it; a file of that very name is meant itself.

    >>> parted("no/such/file.task#detector.tflite")
    ('no/such/file.task#detector.tflite', None)
    """
    file, mark, member = path.rpartition(MARK)
    if not mark or os.path.lexists(path) or not os.path.lexists(file):
        return path, None
    return file, member


def source_name(model: Any) -> str:
    """Return what messages call a model."""
    if isinstance(model, (bytes, bytearray, memoryview)):
        return "<bytes>"
    if isinstance(model, str) and model == STDIN:
        return "<stdin>"
    if isinstance(model, (str, os.PathLike)):
        path = os.fsdecode(model)
        return path if len(path) <= LONGEST_PATH else f"{path[:60]}..."
    name = getattr(model, "name", None)
    return name if isinstance(name, str) and name else "<file>"


def directory_of(model: Any) -> str | None:
    """Return the directory that a model's file is in; None of what is no path."""
    if model == STDIN or not isinstance(model, (str, os.PathLike)):
        return None
    return os.path.dirname(os.fsdecode(model)) or "."  # noqa: PTH120  pathlib takes a while to import


def is_folder(model: Any) -> bool:
    """Tell whether a model is given as the path of a directory."""
    if model == STDIN or not isinstance(model, (str, os.PathLike)):
        return False
    try:
        return stat.S_ISDIR(os.stat(model).st_mode)  # noqa: PTH116  a path may be of bytes
    except (OSError, ValueError):
        return False


def names_in(folder: str | os.PathLike[str]) -> tuple[str, list[str]]:
    """Return a folder's path, and the names of what lies in it; of a very large one, of some of it.

    Raises
    ------
    ReadError
        It cannot be looked into.
    """
    path = os.fsdecode(folder)
    try:
        with os.scandir(path) as entries:
            return path, [entry.name for entry in islice(entries, MOST_LISTED)]
    except OSError as error:
        raise ReadError(_reason(error), source=path) from None


def regular_file(path: str) -> int:
    """Open a regular file, and return its descriptor; anything else is refused without waiting for it.

    Raises
    ------
    ReadError
        It is none, or cannot be opened.
    """
    # without O_NONBLOCK the opening of a pipe waits for a writer
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    )
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if path.lstrip().startswith("{"):
            raise ReadError("no such file; give a document as a mapping, or its text as bytes") from None
        raise ReadError(_reason(error)) from None
    except ValueError as error:  # a null character in the path
        raise ReadError(f"no such file: {error}") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise ReadError(next((message for test, message in _SPECIAL if test(mode)), "is no regular file"))
    return descriptor

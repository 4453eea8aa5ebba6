"""Where a report goes: standard output as far as its encoding carries, or a file, whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from rfcalc.errors import RfcalcError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def check_output(path: str, *, source: str = "", kind: str = "model", option: str = "--output") -> None:
    """Refuse an output file that could not be written, before any work is done.

    Parameters
    ----------
    path : str
        The file, or ``-`` for standard output.
    source : str
        The file that is read, which must not be overwritten by its own report.
    kind : str
        What it is.
    option : str
        What the option is called that names the output.

    Raises
    ------
    UsageError
        It is a directory, its directory does not exist, or it is the file that is read.
    """
    if path == "-":
        return
    from pathlib import Path

    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{option} is a directory; name a file in it", source=path)
    if not target.resolve().parent.is_dir():
        raise UsageError(f"{option} lies in a directory that does not exist; make it first", source=path)
    if target.exists() and not os.access(target, os.W_OK):
        raise UsageError(f"{option} may not be written to", source=path)
    if source and source != "-" and target.exists() and Path(source).exists() and target.samefile(source):
        raise UsageError(f"{option} is the {kind} file itself; name another file", source=path)


Report = str | bytes | Iterable[bytes | memoryview]
"""Text, or bytes, or pieces of bytes that together are too large to be put together first."""


def write(report: Report, path: str = "-") -> None:
    """Write a report, a picture or a model to a file, or to standard output for ``-``.

    Raises
    ------
    RfcalcError
        The file cannot be written.
    """
    if path == "-":
        if isinstance(report, str):
            write_stream(report, sys.stdout)
        else:
            with _writing(sys.stdout, "standard output") as stream:
                stream.buffer.writelines(_pieces(report))
                stream.flush()
        return
    from pathlib import Path

    try:
        write_file(report, Path(path))
    except OSError as error:
        raise RfcalcError(f"cannot be written: {error.strerror or error}", source=path) from error


def write_stream(text: str, stream: TextIO | None, name: str = "standard output") -> None:
    """Write to a stream; what its encoding lacks is spelled out, never an error.

    Parameters
    ----------
    text : str
        What to write.
    stream : TextIO, optional
        Where to; None where it was closed before the program began.
    name : str
        What to call it.

    Raises
    ------
    RfcalcError
        The stream is closed, or what is behind it takes no more.
    BrokenPipeError
        Whoever read it is gone.
    """
    with _writing(stream, name) as opened:
        encoding = getattr(opened, "encoding", None) or "utf-8"
        opened.write(text.encode(encoding, "backslashreplace").decode(encoding))
        opened.flush()


@contextmanager
def _writing(stream: TextIO | None, name: str) -> Iterator[TextIO]:
    """Give a stream to write to; where it takes nothing, say so, and forget what it still holds."""
    if stream is None:
        raise RfcalcError(f"{name} is closed; open it, or write to a file with --output")
    try:
        yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        forget(stream)
        raise RfcalcError(f"{name} cannot be written: {error.strerror or error}") from error


def forget(stream: TextIO | None) -> None:
    """Turn a stream away from whatever takes nothing more, since the flush at exit would complain."""
    if stream is None:
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        if stream is sys.stdout:
            sys.stdout = None


def _pieces(report: Report) -> Iterable[bytes | memoryview]:
    if isinstance(report, str):
        return (report.encode("utf-8", "backslashreplace"),)
    return (report,) if isinstance(report, bytes) else report


def write_file(report: Report, path: Path) -> None:
    """Replace a file in one step, keeping its mode; a failure leaves it as it was."""
    path = path.resolve()  # a link stays a link, and the file behind it changes
    mode = path.stat().st_mode if path.exists() else None
    if mode is not None and not stat.S_ISREG(mode):
        with path.open("wb") as device:  # or a pipe: replacing it would destroy it
            device.writelines(_pieces(report))
        return
    temporary = path.with_name(f".rfcalc-{os.urandom(8).hex()}.tmp")
    file = temporary.open("xb")
    try:
        with file:
            if mode is not None:
                temporary.chmod(stat.S_IMODE(mode))
            file.writelines(_pieces(report))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def unicode_output(stream: TextIO) -> bool:
    """Tell whether a stream carries the characters of the table's bars and rules."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        "█▏…─".encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def terminal_width(stream: TextIO | None) -> int:
    """Return the columns of the terminal: ``COLUMNS`` where it is set, or what the terminal says, or 80."""
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdigit() and len(told) < 6 and int(told) > 0:
        return int(told)
    try:
        return (os.get_terminal_size(stream.fileno()).columns if stream else 0) or 80
    except (OSError, ValueError, AttributeError):
        return 80

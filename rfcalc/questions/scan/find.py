"""Which files may hold a model: folders walked in order, lists of files, archives, files that are named."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from rfcalc.errors import ReadError, UsageError
from rfcalc.readers.detect import architectures
from rfcalc.readers.signatures import NAMES
from rfcalc.records import NamedTuple

LIST: Final = "@"
"""What stands before the name of a file that lists others, one a line; ``@-`` is standard input."""

ARCHIVES: Final = (
    ".zip", ".whl", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"
)  # fmt: skip
"""How the names of archives end whose members are looked at."""

INSIDE: Final = "!/"
"""Stands between the path of an archive and the name of a member."""

_OTHERS: Final = frozenset({"CVS", "__pycache__"})
"""Folders that hold nothing of a user's own, beside those whose names begin with a dot."""


class Found(NamedTuple):
    """A file that may hold a model, or several.

    Parameters
    ----------
    file : str
        Its path.
    named : bool
        It was named itself, or in a list; else a folder was.
    trouble : str
        Why it cannot be looked at, where that is known.
    built : bytes
        Of an architecture of a library, which is no file, what tells whether it is still the same.
    """

    file: str
    named: bool = False
    trouble: str = ""
    built: bytes = b""

    @property
    def archive(self) -> bool:
        """It is looked into."""
        return self.file.lower().endswith(ARCHIVES)


def may_be_model(name: str) -> bool:
    """Tell whether the name of a file is one that models have.

    >>> may_be_model("net.ONNX"), may_be_model("a/net.json"), may_be_model("weights.npz")
    (True, True, False)
    """
    return name.lower().endswith(NAMES)


def is_hidden(name: str) -> bool:
    """Tell whether a member of an archive lies where nothing of a user's own does.

    >>> is_hidden("src/.git/config.json"), is_hidden("../net.json"), is_hidden("__MACOSX/._net.json")
    (True, False, True)
    """
    parts = name.replace("\\", "/").split("/")
    return any(part in _OTHERS or (part.startswith(".") and part not in (".", "..")) for part in parts)


def files_of(paths: Iterable[str]) -> Iterator[Found]:
    """List the files that may hold a model, each once, folders in the order of their names.

    Parameters
    ----------
    paths : iterable of str
        Folders, files, archives, architectures of libraries (``timm:*``), and lists of these: ``@list.txt``.

    Raises
    ------
    ReadError
        There is no such file, or no such list.
    """
    seen: set[str] = set()
    for path in paths:
        for found in _files_of(path):
            # of a file; resolve() would follow links
            file = found.file if found.built else os.path.abspath(found.file)  # noqa: PTH100
            if file not in seen:
                seen.add(file)
                yield found._replace(file=file)


def _files_of(path: str) -> Iterator[Found]:
    if path.startswith(LIST) and not os.path.lexists(path):
        for each in _listed(path[len(LIST) :]):
            try:
                built = _architectures(each)
            except ReadError as error:
                yield Found(each, True, error.message)
                continue
            if built is not None:
                yield from built
            elif not os.path.lexists(each):
                yield Found(each, True, "no such file")
            else:
                yield from _named(each)
    elif (named := _architectures(path)) is not None:
        yield from named
    elif not os.path.lexists(path):
        raise ReadError("no such file or folder", source=path)
    else:
        yield from _named(path)


def _architectures(path: str) -> list[Found] | None:
    """Return the architectures of a library that a path names; None where it names a file or a folder."""
    try:
        found = architectures(path)
    except ReadError as error:
        error.source = error.source or path
        raise
    return None if found is None else [Found(name, True, built=mark) for name, mark in found]


def _named(path: str) -> Iterator[Found]:
    if Path(path).is_dir():
        yield from _walked(path, set())
    else:
        yield Found(path, named=True)


def _listed(name: str) -> list[str]:
    """Return the lines of a list."""
    try:
        if name == "-":
            if sys.stdin is None:
                raise ReadError("is closed; name a list", source="<stdin>")
            text = sys.stdin.read()
        else:
            text = Path(name).read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror or error}", source=name) from None
    except UnicodeError:
        raise ReadError("is no list of files: it is not text", source=name) from None
    if "\0" in text:
        raise UsageError("is no list of files: it has no path a line", source=name)
    return [line for line in text.splitlines() if line.strip()]


def _walked(folder: str, seen: set[tuple[int, int]]) -> Iterator[Found]:
    """List the files in a folder, and in those below it; links are followed, none in a circle."""
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            about = os.stat(current)  # noqa: PTH116  the path is a string throughout
            if (about.st_dev, about.st_ino) in seen and about.st_ino:
                continue
            seen.add((about.st_dev, about.st_ino))
            with os.scandir(current) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Found(current, trouble=f"cannot be read: {error.strerror or error}")
            continue
        files, folders = _parted(inside)
        yield from files
        waiting += reversed(folders)


def _parted(entries: Iterable[os.DirEntry[str]]) -> tuple[list[Found], list[str]]:
    """Part what a folder holds into files that may hold models and folders."""
    files: list[Found] = []
    folders: list[str] = []
    for entry in entries:
        if is_hidden(entry.name):
            continue
        try:
            mode = entry.stat().st_mode
        except OSError as error:  # a link into nothing, among them
            if may_be_model(entry.name):
                files.append(Found(entry.path, trouble=f"cannot be read: {error.strerror or error}"))
            continue
        if stat.S_ISDIR(mode):
            folders.append(entry.path)
        elif stat.S_ISREG(mode) and (may_be_model(entry.name) or entry.name.lower().endswith(ARCHIVES)):
            files.append(Found(entry.path))
    return files, folders

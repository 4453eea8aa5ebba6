"""Documents on disk: filled all together, or none of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from pathlib import Path, PurePath
from typing import Final

from rfcalc.docs.markers import MarkersError, markers, refilled
from rfcalc.docs.models import Models
from rfcalc.docs.tables import made
from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.progress import Progress, stepped
from rfcalc.records import NamedTuple

SUFFIXES: Final = {
    **dict.fromkeys((".md", ".markdown", ".mkd", ".mdown", ".qmd", ".rmd"), "markdown"),
    **dict.fromkeys((".rst", ".rest"), "rst"),
    **dict.fromkeys((".adoc", ".asciidoc", ".asc"), "asciidoc"),
    **dict.fromkeys((".tex", ".ltx"), "latex"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
}
"""The markup language of a document, by the end of its name."""


class Document(NamedTuple):
    """A document, as it is and as it should be.

    Parameters
    ----------
    name : str
        The file, as it was given.
    before, after : str
        Its text, with all of its line ends.
    tables : int
        How many markers it has.
    """

    name: str
    before: str
    after: str
    tables: int

    @property
    def stale(self) -> bool:
        """Whether a table is not what the models say."""
        return self.before != self.after

    @property
    def diff(self) -> str:
        """What changes, as a unified diff without control characters; empty where nothing does."""
        from rfcalc.render.escape import visible

        before, after = (_lines(text) for text in (self.before, self.after))
        if [line.rstrip("\r") for line in before] != [line.rstrip("\r") for line in after]:
            before, after = ([line.rstrip("\r") for line in lines] for lines in (before, after))
        lines = unified_diff(before, after, self.name, self.name, lineterm="")
        return "".join(f"{visible(line)}\n" for line in lines)


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n")


def markup_of(name: str) -> str:
    """Return the markup language of a document by its name.

    Raises
    ------
    UsageError
        Its name does not say.

    Examples
    --------
    >>> markup_of("docs/index.rst")
    'rst'
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(dict.fromkeys(SUFFIXES))
        raise UsageError(
            f"its name does not say how it is written ({known}); say it with --syntax", source=name
        )
    return SUFFIXES[suffix]


def read_documents(
    names: Sequence[str],
    *,
    markup: str | None = None,
    root: str | None = None,
    allow_outside: bool = False,
    progress: Progress | None = None,
) -> list[Document]:
    """Read documents, and fill them in memory.

    Parameters
    ----------
    names : sequence of str
        Files; one that is given twice is read once.
    markup : str, optional
        Their language; by default by the ends of their names.
    root : str, optional
        The folder that models are relative to; by default each document's own.
    allow_outside : bool
        Let markers name models elsewhere.
    progress : callable, optional
        Is told how many documents are done.

    Raises
    ------
    UsageError
        A name does not say the language.
    MarkersError
        With all that is wrong in all documents.
    """
    documents: list[Document] = []
    errors: list[RfcalcError] = []
    languages = {name: markup or markup_of(name) for name in _once(names)}
    for name, language in stepped(languages.items(), progress):
        try:
            models = Models(Path(name).parent if root is None else Path(root), allow_outside)
            documents.append(_document(name, language, models))
        except MarkersError as error:
            errors += error.errors
        except RfcalcError as error:
            errors.append(error)
    if errors:
        raise MarkersError(errors)
    return documents


def _once(names: Sequence[str]) -> Iterator[str]:
    seen: set[Path] = set()
    for name in names:
        path = Path(name).resolve()
        if path not in seen:
            seen.add(path)
            yield name


def _document(name: str, markup: str, models: Models) -> Document:
    text = _text(name)
    count = len(markers(text, markup, name))
    after = refilled(text, markup, lambda each: made(each.command, models, markup).to_markup(markup), name)
    return Document(name, text, after, count)


def _text(name: str) -> str:
    try:
        path = Path(name)
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise ReadError("is no file; name a document", source=name)
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ReadError(f"is not UTF-8 text (byte {error.start})", source=name) from None
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror or error}", source=name) from None


def write_documents(documents: Sequence[Document]) -> list[Document]:
    """Write the documents that are stale, all of them or, where one cannot be written, none.

    Returns
    -------
    list of Document
        Those that were written.

    Raises
    ------
    RfcalcError
        One cannot be written, or has changed since it was read.
    """
    stale = [each for each in documents if each.stale]
    fresh: list[tuple[Document, Path, Path]] = []
    try:
        for each in stale:
            path = Path(each.name).resolve()  # a link stays a link, and the file behind it changes
            fresh.append((each, path, path.with_name(f".rfcalc-{os.urandom(8).hex()}.tmp")))
            _prepare(*fresh[-1])
        _replace(fresh)
    finally:
        for _, _, temporary in fresh:
            temporary.unlink(missing_ok=True)
    return stale


def _prepare(document: Document, path: Path, temporary: Path) -> None:
    """Write a document beside its place."""
    try:
        if path.read_bytes() != document.before.encode():
            raise RfcalcError("has changed while its tables were made; run again", source=document.name)
        if not os.access(path, os.W_OK):
            raise RfcalcError("cannot be written: permission denied", source=document.name)
        with temporary.open("xb") as file:
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            file.write(document.after.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RfcalcError(f"cannot be written: {error.strerror or error}", source=document.name) from error


def _replace(fresh: Sequence[tuple[Document, Path, Path]]) -> None:
    """Put documents in their places; if one fails, put the others back."""
    done: list[tuple[Document, Path]] = []
    for document, path, temporary in fresh:
        try:
            temporary.replace(path)
        except OSError as error:
            for other, place in done:
                place.write_bytes(other.before.encode())
            raise RfcalcError(
                f"cannot be written: {error.strerror or error}", source=document.name
            ) from error
        done.append((document, path))

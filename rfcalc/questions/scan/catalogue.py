"""A catalogue of models: an SQLite file, which one process writes, a transaction for each file it met."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.questions.scan.columns import LAYER, MODEL, NOTE, Column, cell
from rfcalc.questions.scan.find import INSIDE
from rfcalc.readers.detect import called
from rfcalc.records import NamedTuple

APPLICATION: Final = 0x72666361
"""What marks the file as a catalogue of rfcalc: ``application_id``."""
SCHEMA: Final = 1
"""The version of the tables: ``user_version``."""

_WAIT: Final = 60.0  # seconds for which another scan may hold the file

ARCHIVE, FAILURE, MODEL_FILE, OTHER = "archive", "failure", "model", "other"
"""What a place may be."""


def _listed(columns: Sequence[Column]) -> str:
    return ", ".join(f'"{column.name}" {column.type}'.rstrip() for column in columns)


_OF_MODEL: Final = "model INTEGER NOT NULL REFERENCES models(id) ON DELETE CASCADE, position INTEGER NOT NULL"

TABLES: Final = f"""
CREATE TABLE models (
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, version TEXT NOT NULL, beside TEXT NOT NULL, path TEXT,
    own_name TEXT, {_listed(MODEL)}, UNIQUE (sha256, beside, version)
);
CREATE TABLE layers ({_OF_MODEL}, {_listed(LAYER)}, PRIMARY KEY (model, position)) WITHOUT ROWID;
CREATE TABLE notes ({_OF_MODEL}, {_listed(NOTE)}, PRIMARY KEY (model, position)) WITHOUT ROWID;
CREATE TABLE places (
    path TEXT PRIMARY KEY, holds TEXT NOT NULL, sha256 TEXT, version TEXT NOT NULL,
    model INTEGER REFERENCES models(id), reason TEXT
) WITHOUT ROWID;
CREATE TABLE failures (
    path TEXT PRIMARY KEY REFERENCES places(path) ON DELETE CASCADE,
    sha256 TEXT, version TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, allowed REAL
) WITHOUT ROWID;
CREATE TABLE looks (
    path TEXT PRIMARY KEY REFERENCES places(path) ON DELETE CASCADE,
    size INTEGER, modified INTEGER, changed INTEGER, inode TEXT
) WITHOUT ROWID;
CREATE INDEX places_model ON places (model);
CREATE INDEX places_sha256 ON places (sha256);
CREATE INDEX models_sha256 ON models (sha256);
"""
"""What a catalogue holds. The number of a model comes of its content, so that the order in which files are
done leaves no trace."""


class Look(NamedTuple):
    """What tells that a file is as it was, without a look into it."""

    size: int
    modified: int
    changed: int
    inode: str


class Place(NamedTuple):
    """What is known of a path.

    Parameters
    ----------
    holds : str
        ``model``, ``failure``, ``archive`` or ``other``.
    sha256 : str, optional
        Of its content; None where that could not be read.
    look : Look, optional
        What it looked like; None where it may have been changed while it was read.
    kind, reason : str
        Of a failure; the reason also of what is no model.
    allowed : float, optional
        The limit that a failure met.
    """

    holds: str
    sha256: str | None
    look: Look | None = None
    kind: str = ""
    reason: str = ""
    allowed: float | None = None


class Catalogue:
    """A catalogue that is open for writing.

    Parameters
    ----------
    path : str
        The file; it is made where there is none.
    version : str
        The version of rfcalc, a part of every key.

    Raises
    ------
    UsageError
        There is another file.
    """

    def __init__(self, path: str, version: str) -> None:
        self.version = version
        self._folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120
        with telling(path):
            self._db = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self._db.close()
                raise
        self._source = path

    def _open(self) -> None:
        db = self._db
        db.execute("PRAGMA foreign_keys = ON")
        with self._transaction():
            if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in TABLES.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {SCHEMA}")
            check(db)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(
            "PRAGMA synchronous = NORMAL"
        )  # a loss of power may take the last files, and breaks nothing

    def close(self) -> None:
        """Close it; the files beside it are gone then."""
        self._db.close()

    def called(self, file: str) -> str:
        """Return what a file is called: its path from the folder of the catalogue, wherever that moves to."""
        try:
            path = os.path.relpath(file, self._folder)
        except ValueError:  # another drive
            path = file
        return _spelled(path.replace(os.sep, "/"))

    def called_inside(self, archive: str, name: str) -> str:
        """Return what a member of an archive is called."""
        return archive + INSIDE + _spelled(name)

    def place(self, path: str) -> Place | None:
        """Return what this version has found at a path."""
        row = self._db.execute(
            "SELECT p.holds, p.sha256, l.size, l.modified, l.changed, l.inode, f.kind, "
            "coalesce(f.reason, p.reason), f.allowed "
            "FROM places p LEFT JOIN looks l USING (path) LEFT JOIN failures f USING (path) "
            "WHERE p.path = ? AND p.version = ?",
            (path, self.version),
        ).fetchone()
        if row is None:
            return None
        look = None if row[2] is None else Look(*row[2:6])
        return Place(row[0], row[1], look, row[6] or "", row[7] or "", row[8])

    def same_content(self, sha256: str) -> Generator[tuple[str, Place], None, None]:
        """Give what this version has found in this content, with the paths, one by one: they may be many.

        Models that take tables from files beside them are left out: those may be others.
        """
        rows = self._db.execute(
            "SELECT p.path, p.holds, f.kind, coalesce(f.reason, p.reason), f.allowed "
            "FROM places p LEFT JOIN failures f USING (path) LEFT JOIN models m ON m.id = p.model "
            "WHERE coalesce(m.beside, '') = '' AND p.sha256 = ? AND p.version = ? ORDER BY p.path",
            (sha256, self.version),
        )
        with contextlib.closing(rows):
            for path, holds, kind, reason, allowed in rows:
                yield path, Place(holds, sha256, None, kind or "", reason or "", allowed)

    def inside(self, archive: str) -> list[tuple[str, Place]]:
        """Return what is known of the members of an archive, with their paths."""
        start = archive + INSIDE
        rows = self._db.execute(
            "SELECT p.path, p.holds, p.sha256, f.kind, coalesce(f.reason, p.reason), f.allowed "
            "FROM places p LEFT JOIN failures f USING (path) "
            "WHERE p.path >= ? AND p.path < ? ORDER BY p.path",
            (start, start[:-1] + chr(ord(start[-1]) + 1)),
        )
        return [(row[0], Place(row[1], row[2], None, row[3] or "", row[4] or "", row[5])) for row in rows]

    # ---- writing -------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def put(self, path: str, place: Place, rows: Any = None, beside: str = "") -> None:
        """Write what was found at a path, whole or not at all.

        Parameters
        ----------
        path : str
            What the catalogue calls it.
        place : Place
            What was found.
        rows : dict, optional
            What the tables hold of a model, where its content is new (`columns.rows_of`).
        beside : str
            Hash of what the analysis took from other files.
        """
        with telling(self._source), self._transaction():
            model = None
            if place.holds == MODEL_FILE:
                assert place.sha256 is not None
                model = self._model(place.sha256, beside, rows)
            self._put(path, place, model)

    def paths(self) -> list[str]:
        """List all paths at which something was found, by whichever version."""
        return [path for (path,) in self._db.execute("SELECT path FROM places ORDER BY path")]

    def file_of(self, path: str) -> str:
        """Return where a path of the catalogue lies; of a member of an archive, that."""
        return os.path.normpath(os.path.join(self._folder, path.partition(INSIDE)[0]))  # noqa: PTH118

    def forget(self, paths: Iterable[str]) -> None:
        """Take out what is no longer there."""
        with telling(self._source), self._transaction():
            for path in paths:
                models = self._models_at(path)
                self._db.execute("DELETE FROM places WHERE path = ?", (path,))
                self._settle(models)

    def _put(self, path: str, place: Place, model: int | None) -> None:
        before = self._models_at(path)
        why = cell(place.reason) if place.holds == OTHER else None
        given = (path, place.holds, place.sha256, self.version, model, why)
        self._db.execute("DELETE FROM places WHERE path = ?", (path,))
        self._db.execute("INSERT INTO places VALUES (?, ?, ?, ?, ?, ?)", given)
        if place.holds == FAILURE:
            said = (place.kind, cell(place.reason), place.allowed)
            self._db.execute(
                "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)", (path, place.sha256, self.version, *said)
            )
        if place.look is not None:
            self._db.execute("INSERT INTO looks VALUES (?, ?, ?, ?, ?)", (path, *map(cell, place.look)))
        self._settle(before if model is None else before | {model})

    def _models_at(self, path: str) -> set[int]:
        rows = self._db.execute("SELECT model FROM places WHERE path = ?", (path,))
        return {model for (model,) in rows if model is not None}

    def _settle(self, models: Iterable[int]) -> None:
        """Give models the first of their paths, and a name; take out those that have none any more."""
        for model in models:
            first = self._db.execute("SELECT min(path) FROM places WHERE model = ?", (model,)).fetchone()[0]
            if first is None:
                self._db.execute("DELETE FROM models WHERE id = ?", (model,))
                continue
            asked = "SELECT path, format, own_name FROM models WHERE id = ?"
            path, form, own = self._db.execute(asked, (model,)).fetchone()
            if path != first:
                name = called(form, own, first)
                self._db.execute("UPDATE models SET path = ?, name = ? WHERE id = ?", (first, name, model))

    def _model(self, sha256: str, beside: str, rows: Any) -> int:
        """Return the number of the model of some content, which is written where it is new."""
        key = (sha256, self.version, beside)
        asked = "SELECT id FROM models WHERE sha256 = ? AND version = ? AND beside = ?"
        found = self._db.execute(asked, key).fetchone()
        if found is not None:
            number: int = found[0]
            return number
        number = int.from_bytes(hashlib.sha256("\n".join(key).encode()).digest()[:8], "big") >> 11
        while self._db.execute("SELECT 1 FROM models WHERE id = ?", (number,)).fetchone():
            number += 1
        self._insert("models", [(number, *key, None, rows["name"], *rows["model"])])
        self._insert("layers", [(number, place, *row) for place, row in enumerate(rows["layers"])])
        self._insert("notes", [(number, place, *row) for place, row in enumerate(rows["notes"])])
        return number

    def _insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _spelled(path: str) -> str:
    """Return a path as UTF-8 has it: bytes that are none are spelled out."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # halves of pairs that stand for no bytes
        return path.encode("utf-8", "backslashreplace").decode()


def check(db: sqlite3.Connection) -> None:
    """Refuse what is no catalogue, or one of another version of the tables.

    Raises
    ------
    ReadError
        It is one.
    """
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise ReadError("is no catalogue of rfcalc; name another file")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA:
        raise ReadError(
            f"is a catalogue with tables of version {version}, and this rfcalc has version {SCHEMA}; "
            "scan into a new file"
        )


@contextlib.contextmanager
def telling(path: str) -> Iterator[None]:
    """Say of errors of the database which file they are about."""
    try:
        yield
    except sqlite3.Error as error:
        if "not a database" in str(error):
            raise ReadError("is no catalogue of rfcalc; name another file", source=path) from None
        raise RfcalcError(f"cannot be used: {error}", source=path) from None
    except RfcalcError as error:
        error.source = error.source or path
        raise


def check_target(path: str) -> None:
    """Refuse a catalogue that could not be written, before any work is done.

    Raises
    ------
    UsageError
        It is a folder, or its folder does not exist.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError("--into is a directory; name a file in it", source=path)
    if not target.resolve().parent.is_dir():
        raise UsageError("--into lies in a directory that does not exist; make it first", source=path)

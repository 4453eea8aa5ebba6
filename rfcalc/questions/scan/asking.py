"""Questions to a catalogue in SQL, which can read it and nothing else."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from rfcalc.errors import RfcalcError, UsageError
from rfcalc.questions.scan.catalogue import TABLES, check, telling
from rfcalc.questions.scan.report import Rows, form_of
from rfcalc.render.frames import INTEGER, REAL, TEXT, series

ALL: Final = "SELECT * FROM models ORDER BY path"
"""What is exported, unless a question is asked."""

_ALLOWED: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_STEPS: Final = 100_000  # of SQLite's machine between two looks whether the user had enough
_GROUP: Final = 50_000  # rows of a row group


def query(catalogue: str | os.PathLike[str], sql: str) -> Rows:
    """Ask a catalogue in SQL.

    Parameters
    ----------
    catalogue : path
        The file that `scan` wrote.
    sql : str
        One ``SELECT``; tables and columns are those of docs/scale.md.

    Returns
    -------
    Rows
        Its `columns` and `rows`, and their renderings.

    Raises
    ------
    UsageError
        SQLite does not understand it, or it would do more than read.
    RfcalcError
        There is no such catalogue, or it cannot be read.
    """
    with _asked(os.fspath(catalogue), sql) as (columns, rows):
        return Rows(os.fspath(catalogue), columns, tuple(map(tuple, rows)))


@contextlib.contextmanager
def _asked(path: str, sql: str) -> Iterator[tuple[tuple[str, ...], Iterator[Sequence[Any]]]]:
    """Give the names of the columns, and the rows one by one."""
    with _reading(path) as db, _telling(path):
        cursor = db.execute(sql)
        if cursor.description is None:
            raise UsageError("--query: gives no rows; ask with SELECT", source=path)
        yield _once([each[0] for each in cursor.description]), iter(cursor)


@contextlib.contextmanager
def _telling(path: str) -> Iterator[None]:
    """Say in a line what is wrong with a question."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        said = str(error)
        if said == "interrupted":  # what SQLite makes of it
            raise KeyboardInterrupt from None
        if "authoriz" in said:
            said = "may read the catalogue alone, with SELECT"
        raise UsageError(f"--query: {said}", source=path) from None
    except ValueError as error:
        raise UsageError(f"--query: is no text that SQLite takes: {error}", source=path) from None


def check_question(sql: str, path: str) -> None:
    """Refuse a question that SQLite does not understand, before any work is done.

    Raises
    ------
    UsageError
        It does not, or the question would do more than read.
    """
    db = sqlite3.connect(":memory:")
    try:
        db.executescript(TABLES)
        db.set_authorizer(_only_reading)
        with _telling(path):
            db.execute(f"EXPLAIN {sql}")
    finally:
        db.close()


def _only_reading(action: int, *_: Any) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


@contextlib.contextmanager
def _reading(path: str) -> Iterator[sqlite3.Connection]:
    """Open a catalogue to be read, by whatever is asked."""
    if not Path(path).is_file():
        raise RfcalcError("no such catalogue; make it with: rfcalc scan PATH --into FILE", source=path)
    location = quote(os.path.abspath(path).replace(os.sep, "/"))  # noqa: PTH100  resolve() would follow links
    with telling(path):
        db = sqlite3.connect(f"file:{location}?mode=ro", uri=True, isolation_level=None)
    try:
        with telling(path):
            check(db)
            db.execute("PRAGMA query_only = ON")
        db.set_authorizer(_only_reading)
        db.set_progress_handler(lambda: 0, _STEPS)  # so that Python comes by, and an interrupt is heard
        yield db
    finally:
        db.close()


def _once(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of columns, each once: a second ``id`` becomes ``id_2``.

    >>> _once(["id", "name", "id"])
    ('id', 'name', 'id_2')
    """
    made: list[str] = []
    for name in names:
        count, spelled = 1, name
        while spelled in made:
            count += 1
            spelled = f"{name}_{count}"
        made.append(spelled)
    return tuple(made)


# ---- parquet -----------------------------------------------------------------------------------------------


def export(catalogue: str | os.PathLike[str], file: str | os.PathLike[str], sql: str = ALL) -> int:
    """Write what a question gives as Parquet; return how many rows that are.

    Parameters
    ----------
    catalogue : path
        The file that `scan` wrote.
    file : path
        What to write, whole or not at all.
    sql : str
        One ``SELECT``; by default all models.

    Raises
    ------
    UsageError
        As `query` does.
    RfcalcError
        pyarrow is not installed, or the file cannot be written.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise RfcalcError("Parquet needs the pyarrow package: pip install 'rfcalc[sweep]'") from None
    path, target = os.fspath(catalogue), Path(os.fspath(file)).resolve()
    forms = _forms(path, sql)
    types = {INTEGER: pyarrow.int64(), REAL: pyarrow.float64(), TEXT: pyarrow.string()}
    schema = pyarrow.schema([(name, types[form]) for name, form in forms.items()])
    temporary = target.with_name(f".rfcalc-{os.urandom(8).hex()}.tmp")
    count = 0
    try:
        with _asked(path, sql) as (_, rows), pyarrow.parquet.ParquetWriter(temporary, schema) as writer:
            for group in _groups(rows):
                columns = [
                    pyarrow.array(series(name, form, map(_shown, cells)).values, types[form])
                    for (name, form), cells in zip(forms.items(), zip(*group, strict=True), strict=True)
                ]
                writer.write_table(pyarrow.table(columns, schema=schema))
                count += len(group)
        temporary.replace(target)
    except OSError as error:
        raise RfcalcError(f"cannot be written: {error.strerror or error}", source=os.fspath(file)) from None
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _shown(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _groups(rows: Iterator[Sequence[Any]]) -> Iterator[list[tuple[Any, ...]]]:
    from itertools import islice

    while group := [tuple(row) for row in islice(rows, _GROUP)]:
        yield group


def _forms(path: str, sql: str) -> dict[str, str]:
    """Return what the values of each column are: all rows are looked at, and none is kept."""
    with _asked(path, sql) as (columns, rows):
        samples: list[dict[type, Any]] = [{} for _ in columns]
        for row in rows:
            for held, value in zip(samples, row, strict=True):
                held.setdefault(type(value), value)
    return {name: form_of(held.values()) for name, held in zip(columns, samples, strict=True)}

"""What a sweep writes: parts while it runs, which a stopped run goes on from, and one file in the end."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from rfcalc.designs import KEY, beside
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.questions.sweep.columns import holds_words, is_real, is_text
from rfcalc.questions.sweep.space import WIDEST, spelled
from rfcalc.questions.sweep.tables import Columns, known, listed
from rfcalc.questions.sweep.task import Part, Span

ROW_GROUP: Final = 1 << 16
"""Rows of a row group of a Parquet file."""

PARTS: Final = ".parts"
"""How the name of the folder of parts ends, beside the file that is to come of them."""

_DIGITS: Final = 38  # of a decimal of 128 bits
_PART: Final = b"rfcalc.part"
_TOLD: Final = "sweep.json"
_WHOLE: Final = "whole.tmp"


class Store:
    """The file that a sweep makes.

    Parameters
    ----------
    path : Path
        The file; a name that ends in ``.csv`` is one of CSV, any other of Parquet.
    names : sequence of str
        Its columns.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path, self.folder = path, path.with_name(path.name + PARTS)
        self._form: _Form = _Csv(names) if path.suffix.lower() == ".csv" else _Parquet(names)

    def begin(self, told: Mapping[str, Any], *, resume: bool) -> list[Part]:
        """Make room for parts, and return those that a stopped run left, without their columns.

        Raises
        ------
        UsageError
            There are parts of another sweep, or of the same, and nothing is said of going on with them.
        """
        document = self.folder / _TOLD
        if document.exists() and not resume:
            raise UsageError(
                "holds what a stopped sweep has finished; go on with --resume, or remove it",
                source=str(self.folder),
            )
        with _writing(self.folder):
            if not document.exists():
                self.folder.mkdir(exist_ok=True)
                replaced(document, json.dumps(told).encode())
                return []
            try:
                held = json.loads(document.read_bytes())
            except ValueError:
                held = None
        if held != told:
            raise UsageError(other(held, told), source=str(self.folder))
        return [self._form.head(file) for file in self._files()]

    def put(self, part: Part) -> None:
        """Keep what came of a chunk."""
        path = self.folder / f"{part.span.first:024d}-{part.span.last:024d}{self._form.suffix}"
        with _writing(self.folder):
            self._form.write(part, path)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"[0-9]*{self._form.suffix}"))

    def tables(self) -> Iterator[Columns]:
        """Yield the columns of all parts, in order."""
        return map(self._form.columns, self._files())

    def finish(self, told: Mapping[str, Any], chosen: Columns | None) -> None:
        """Write the file, whole or not at all, and remove the parts.

        Parameters
        ----------
        told : mapping
            What the file says of itself.
        chosen : dict of str to ndarray, optional
            What it holds; by default all that is in the parts.
        """
        temporary = self.folder / _WHOLE  # where it goes with the parts, whatever becomes of this process
        with _writing(self.path):
            temporary.unlink(missing_ok=True)
            try:
                self._form.finish(temporary, told, self._files() if chosen is None else chosen)
                if self.path.exists():
                    temporary.chmod(self.path.stat().st_mode & 0o777)
                temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)
            if self._form.told_beside:
                replaced(beside(self.path), json.dumps(told).encode())
        shutil.rmtree(self.folder, ignore_errors=True)

    def first(self, count: int) -> Columns:
        """Return the first rows of the file."""
        return next(self._form.read(self.path, count))

    def read(self) -> Iterator[Columns]:
        """Yield the rows of the file, a row group at a time."""
        return self._form.read(self.path, ROW_GROUP)


def other(held: Any, told: Mapping[str, Any]) -> str:
    """Say in what a sweep that was stopped is another one than that which is to go on."""
    keys = [key for key in told if not isinstance(held, dict) or held.get(key) != told[key]]
    names = ", ".join(_CALLED.get(key, key) for key in keys)
    return f"is of another sweep (another {names}); remove it, or run without --resume"


_CALLED: Final = {
    "rfcalc": "version of rfcalc",
    "loading": "way of reading the model",
    "layers": "--layer",
    "where": "--where",
    "pareto": "--pareto",
    "top": "--top",
    "by": "--by",
    "sampling": "--sample",
}


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RfcalcError(f"cannot be written: {error.strerror or error}", source=str(path)) from error


def replaced(path: Path, data: bytes) -> None:
    """Write a file in one step."""
    temporary = _beside(path)
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".rfcalc-{os.urandom(8).hex()}.tmp")


def _head_of(part: Part) -> str:
    head = {"span": part.span, "reasons": part.reasons, "kept": part.kept, "seconds": part.seconds}
    return json.dumps(head)


def _headed(text: str | bytes) -> Part:
    head = json.loads(text)
    return Part(Span(*head["span"]), {}, head["reasons"], head["kept"], head["seconds"])


class _Form(Protocol):
    """A format of files, and of the parts that they are made of."""

    suffix: str
    told_beside: bool

    def write(self, part: Part, path: Path) -> None: ...
    def head(self, path: Path) -> Part: ...
    def columns(self, path: Path) -> Columns: ...
    def finish(self, path: Path, told: Mapping[str, Any], source: Sequence[Path] | Columns) -> None: ...
    def read(self, path: Path, count: int) -> Iterator[Columns]: ...


# ---- Parquet -----------------------------------------------------------------------------------------------


class _Parquet:
    """Parquet, by pyarrow."""

    suffix = ".parquet"
    told_beside = False

    def __init__(self, names: Sequence[str]) -> None:
        try:
            import pyarrow.parquet as pq
        except ImportError:
            raise UsageError("a Parquet file needs pyarrow: pip install 'rfcalc[sweep]'") from None
        self._pq = pq

    def write(self, part: Part, path: Path) -> None:
        table = arrow_of(part.columns).replace_schema_metadata({_PART: _head_of(part)})
        temporary = _beside(path)
        try:
            self._pq.write_table(table, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def head(self, path: Path) -> Part:
        return _headed(self._pq.read_metadata(path).metadata[_PART])

    def columns(self, path: Path) -> Columns:
        return columns_of_arrow(self._pq.read_table(path))

    def finish(self, path: Path, told: Mapping[str, Any], source: Sequence[Path] | Columns) -> None:
        if isinstance(source, dict):
            table = arrow_of(source)
            schema, tables = table.schema, iter([table])
        else:
            schema = _widest([self._pq.read_schema(file) for file in source])
            tables = (self._pq.read_table(file, use_threads=False) for file in source)
        schema = schema.with_metadata({KEY: json.dumps(told)})
        with self._pq.ParquetWriter(path, schema) as writer:
            for group in _groups(tables, schema):
                writer.write_table(group, row_group_size=ROW_GROUP)
        with path.open("rb") as file:
            os.fsync(file.fileno())

    def read(self, path: Path, count: int) -> Iterator[Columns]:
        import pyarrow as pa

        with self._pq.ParquetFile(path) as file:
            empty = True
            for batch in file.iter_batches(batch_size=count):
                empty = False
                yield columns_of_arrow(pa.Table.from_batches([batch]))
            if empty:
                yield columns_of_arrow(file.schema_arrow.empty_table())


def _widest(schemas: Sequence[Any]) -> Any:
    """Return the schema that the values of all tables fit: decimals where one has them."""
    import pyarrow as pa

    found = schemas[0]
    for schema in schemas[1:]:
        for place, each in enumerate(schema):
            if pa.types.is_decimal(each.type):
                found = found.set(place, each)
    return found


def _groups(tables: Iterator[Any], schema: Any) -> Iterator[Any]:
    """Cut tables into row groups, so that a file is the same whatever the parts that it is made of."""
    import pyarrow as pa

    held: list[Any] = []
    count = 0
    for table in tables:
        rest = table.cast(schema)
        del table  # so that no part is held twice
        while count + rest.num_rows >= ROW_GROUP:
            room = ROW_GROUP - count
            held.append(rest.slice(0, room))
            rest = rest.slice(room)
            yield pa.concat_tables(held).combine_chunks()
            held, count = [], 0
        if rest.num_rows:
            held.append(rest)
            count += rest.num_rows
    if count:
        yield pa.concat_tables(held).combine_chunks()


def arrow_of(columns: Columns) -> Any:
    """Return an Arrow table: integers of 64 bits, or decimals of 38 digits where these do not hold one.

    Raises
    ------
    UsageError
        A number has more digits.
    """
    import pyarrow as pa

    return pa.table({name: _arrow(name, values, pa) for name, values in columns.items()})


def _arrow(name: str, values: Any, pa: Any) -> Any:
    plain, mask = np.ma.getdata(values), ~known(values)
    if plain.dtype.kind == "b":
        return pa.array(plain, pa.bool_(), mask=mask)
    if plain.dtype.kind == "f" or is_real(name):
        return pa.array(np.ma.filled(values, 0).astype(np.float64), pa.float64(), mask=mask)
    if plain.dtype != object:
        return pa.array(plain.astype(np.int64, copy=False), pa.int64(), mask=mask)
    held = listed(values)
    if holds_words(name, plain):
        return pa.array(held, pa.string())
    largest = max((abs(value) for value in held if value is not None), default=0)
    if largest < WIDEST:
        return pa.array(held, pa.int64())
    if largest >= 10**_DIGITS:
        raise UsageError(
            f"{name!r} comes to more than {_DIGITS} digits, which no Parquet file holds; write CSV"
        )
    # not by way of a context, which would round
    return pa.array([None if value is None else Decimal(value) for value in held], pa.decimal128(_DIGITS, 0))


def columns_of_arrow(table: Any) -> Columns:
    """Return the columns of an Arrow table."""
    return {name: _column(table.column(name)) for name in table.column_names}


def _column(column: Any) -> Any:
    import pyarrow as pa

    form = column.type
    if pa.types.is_string(form) or pa.types.is_decimal(form):
        held = column.to_pylist()
        found = np.empty(len(held), dtype=object)
        found[:] = held if pa.types.is_string(form) else [0 if each is None else int(each) for each in held]
        if pa.types.is_string(form):
            return found
        return np.ma.MaskedArray(found, [each is None for each in held])
    mask = column.is_null().to_numpy()
    empty = False if pa.types.is_boolean(form) else 0
    plain = column.fill_null(pa.scalar(empty, form)).to_numpy()
    return np.ma.MaskedArray(plain, mask) if mask.any() else plain


# ---- CSV ---------------------------------------------------------------------------------------------------


class _Csv:
    """CSV: an empty cell is a figure that is not known; parts have a line of their own before their rows."""

    suffix = ".csv"
    told_beside = True

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)

    def write(self, part: Part, path: Path) -> None:
        replaced(path, f"{_head_of(part)}\n{csv_of(part.columns)}".encode())

    def head(self, path: Path) -> Part:
        with path.open("rb") as file:
            return _headed(file.readline())

    def columns(self, path: Path) -> Columns:
        with path.open(encoding="utf-8", newline="") as file:
            file.readline()
            return self._read(csv.reader(file))

    def finish(self, path: Path, told: Mapping[str, Any], source: Sequence[Path] | Columns) -> None:
        with path.open("xb") as whole:
            whole.write(_line(self._names).encode())
            if isinstance(source, dict):
                whole.write(csv_of(source).encode())
            else:
                for each in source:
                    with each.open("rb") as part:
                        part.readline()
                        shutil.copyfileobj(part, whole)
            whole.flush()
            os.fsync(whole.fileno())

    def read(self, path: Path, count: int) -> Iterator[Columns]:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            next(lines)
            yield self._read(itertools.islice(lines, count))
            while held := list(itertools.islice(lines, count)):
                yield self._read(held)

    def _read(self, lines: Iterable[list[str]]) -> Columns:
        held = list(lines)
        strips = [[line[place] for line in held] for place in range(len(self._names))]
        return {name: _read_cells(name, cells) for name, cells in zip(self._names, strips, strict=True)}


def csv_of(columns: Columns) -> str:
    """Return the rows of a table as CSV, without its head."""
    text = io.StringIO()
    cells = [[_cell(value) for value in listed(values)] for values in columns.values()]
    csv.writer(text, lineterminator="\n").writerows(zip(*cells, strict=True))
    return text.getvalue()


def csv_head(names: Sequence[str]) -> str:
    """Return the line of CSV that says what columns are called."""
    return _line(names)


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return "" if value is None else spelled(value) if isinstance(value, bool) else value


_SWITCHES: Final = {"true": True, "false": False}


def _read_cells(name: str, cells: Sequence[str]) -> Any:
    if is_text(name) or any(cell and not _is_number(cell) for cell in cells):
        if all(cell in _SWITCHES for cell in cells):
            return np.array([_SWITCHES[cell] for cell in cells], dtype=bool)
        found = np.empty(len(cells), dtype=object)
        found[:] = cells
        return found
    mask = [not cell for cell in cells]
    if is_real(name):
        return np.ma.MaskedArray([float(cell or 0) for cell in cells], mask, np.float64)
    whole = [int(cell or 0) for cell in cells]
    wide = any(not -WIDEST <= value < WIDEST for value in whole)
    return np.ma.MaskedArray(np.array(whole, dtype=object if wide else np.int64), mask)


def _is_number(cell: str) -> bool:
    return cell.lstrip("-")[:1].isdigit()

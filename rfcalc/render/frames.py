"""Results as tables of pandas and polars, and through Arrow's C interface, whichever of these are installed.

None of them is a dependency: a table is plain columns with a type each, which every library takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from rfcalc.errors import UsageError
from rfcalc.records import NamedTuple

if TYPE_CHECKING:
    import pandas
    import polars

INTEGER, REAL, TEXT, FLAG = "integer", "real", "text", "flag"
"""What the values of a column are; one that is not known is null."""

_BITS: Final = 63
"""Binary digits of a 64-bit integer."""


class Series(NamedTuple):
    """A column: its name, what its values are, whether a value is a list of them, and the values."""

    name: str
    form: str
    listed: bool
    values: tuple[Any, ...]


def series(name: str, form: str, values: Iterable[Any], *, listed: bool = False) -> Series:
    """Make a column of one type; where a formula or a number beyond 64 bits stands in it, all is text.

    >>> series("macs", INTEGER, [3, None, "H*W"])
    Series(name='macs', form='text', listed=False, values=('3', None, 'H*W'))
    >>> series("stride", REAL, [[1, 0.5], None], listed=True).values
    ((1.0, 0.5), None)
    """
    held = tuple(values)
    single = [each for value in held if value is not None for each in (value if listed else (value,))]
    if form in (INTEGER, REAL) and not all(map(_fits, single)):
        form = TEXT
    if not listed:
        return Series(name, form, listed, tuple(_as(form, value) for value in held))
    lists = (None if value is None else tuple(_as(form, each) for each in value) for value in held)
    return Series(name, form, listed, tuple(lists))


def _fits(value: Any) -> bool:
    return not isinstance(value, str) and (not isinstance(value, int) or value.bit_length() <= _BITS)


def _as(form: str, value: Any) -> Any:
    if value is None:
        return None
    if form == TEXT:  # a name in JSON may hold half a surrogate pair, which UTF-8 does not
        return str(value).encode("utf-8", "backslashreplace").decode()
    return float(value) if form == REAL else value


class Tabular:
    """What converts itself to a table of another library; a subclass says which columns it has."""

    __slots__ = ()

    def _series(self, columns: Sequence[str] | None) -> list[Series]:
        raise NotImplementedError

    def to_pandas(self, columns: Sequence[str] | None = None) -> pandas.DataFrame:
        """Return a pandas DataFrame.

        Counts are ``Int64``, so that a figure that is not known is ``<NA>`` and the others stay integers.
        What has a value for each axis is a tuple.

        Parameters
        ----------
        columns : sequence of str, optional
            Which columns, in this order; by default all.

        Raises
        ------
        UsageError
            There is no such column.
        ImportError
            pandas is not installed.
        """
        made = self._series(columns)
        pd = _library("pandas")
        types = {INTEGER: "Int64", REAL: "Float64", TEXT: "string", FLAG: "boolean"}
        return pd.DataFrame(
            {
                each.name: pd.Series(list(each.values), dtype=object if each.listed else types[each.form])
                for each in made
            }
        )

    def to_polars(self, columns: Sequence[str] | None = None) -> polars.DataFrame:
        """Return a polars DataFrame; what has a value for each axis is a list.

        ``polars.DataFrame(x)`` gives the same with all columns.

        Parameters
        ----------
        columns : sequence of str, optional
            Which columns, in this order; by default all.

        Raises
        ------
        UsageError
            There is no such column.
        ImportError
            polars is not installed.
        """
        made = self._series(columns)
        pl = _library("polars")
        types = {INTEGER: pl.Int64, REAL: pl.Float64, TEXT: pl.String, FLAG: pl.Boolean}
        return pl.DataFrame(
            [
                pl.Series(
                    each.name,
                    [list(value) if each.listed and value is not None else value for value in each.values],
                    dtype=pl.List(types[each.form]) if each.listed else types[each.form],
                )
                for each in made
            ]
        )

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export all columns through Arrow's C stream interface, for any library that reads it.

        Parameters
        ----------
        requested_schema : PyCapsule, optional
            The types that the caller would like.

        Raises
        ------
        ImportError
            Neither polars nor pyarrow, one of which makes the arrays, is installed.
        """
        # the one that is loaded already, since loading the other takes a while
        for name in sorted(("polars", "pyarrow"), key=lambda name: name not in sys.modules):
            try:
                import_module(name)
            except ImportError:
                continue
            table = self.to_polars() if name == "polars" else _arrow_table(self._series(None))
            return table.__arrow_c_stream__(requested_schema)
        raise ImportError("Arrow's C interface needs polars or pyarrow: pip install 'rfcalc[dataframes]'")


def _arrow_table(made: Sequence[Series]) -> Any:
    pa = _library("pyarrow")
    types = {INTEGER: pa.int64(), REAL: pa.float64(), TEXT: pa.string(), FLAG: pa.bool_()}
    arrays = [
        pa.array(list(each.values), type=pa.list_(types[each.form]) if each.listed else types[each.form])
        for each in made
    ]
    return pa.table(arrays, names=[each.name for each in made])


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"this needs {name}: pip install 'rfcalc[dataframes]'") from error


class Frame(Tabular):
    """A table that belongs to a result, to be converted."""

    __slots__ = ("_columns",)

    def __init__(self, columns: Iterable[Series]) -> None:
        self._columns = tuple(columns)

    def _series(self, columns: Sequence[str] | None) -> list[Series]:
        return chosen(self._columns, columns)

    def __eq__(self, other: object) -> bool:
        return self._columns == other._columns if isinstance(other, Frame) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._columns)

    def __len__(self) -> int:
        return len(self._columns[0].values) if self._columns else 0

    def __repr__(self) -> str:
        return f"<Frame: {len(self)} rows of {', '.join(each.name for each in self._columns)}>"


def chosen(every: Sequence[Series], columns: Sequence[str] | None) -> list[Series]:
    """Return the columns of these names, in this order; all where none are named.

    Raises
    ------
    UsageError
        There is no such column.
    """
    if columns is None:
        return list(every)
    by_name = {each.name: each for each in every}
    missing = next((name for name in columns if name not in by_name), None)
    if missing is not None:
        raise UsageError(f"there is no column {missing!r}; the columns are {', '.join(by_name)}")
    return [by_name[name] for name in dict.fromkeys(columns)]


# ---- the columns of results --------------------------------------------------------------------------------

_LISTS: Final[Mapping[str, str]] = {
    "inputs": TEXT,
    "outputs": TEXT,
    "output_shape": INTEGER,
    "spatial": INTEGER,
    "receptive_field": INTEGER,
    "receptive_field_min": INTEGER,
    "local_receptive_field": INTEGER,
    "effective_stride": REAL,
    "effective_padding": INTEGER,
    "center": REAL,
    "taps": INTEGER,
    "largest_gap": INTEGER,
}
"""Columns of layers that have a value for each axis, or each tensor."""

_SINGLE: Final[Mapping[str, str]] = {
    "coverage": REAL,
    "density": REAL,
    "productive": FLAG,
    "params": INTEGER,
    "trainable": INTEGER,
    "non_trainable": INTEGER,
    "macs": INTEGER,
    "activations": INTEGER,
}
"""Other columns of layers that are not text."""


def layer_series(rows: Sequence[Any]) -> list[Series]:
    """Return the columns of rows of layers: those of tables, and the figures on demand where they are there.

    Parameters
    ----------
    rows : sequence of Row
        The rows.
    """
    from rfcalc.render.columns import ON_DEMAND, USUAL

    demanded = ON_DEMAND.values() if rows and all(row.detail is not None for row in rows) else ()
    return [
        series(
            column.name,
            _LISTS.get(column.name) or _SINGLE.get(column.name, TEXT),
            map(column.value, rows),
            listed=column.name in _LISTS,
        )
        for column in (*USUAL, *demanded)
    ]

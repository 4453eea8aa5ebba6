"""The columns that a row can show, and the table made from a choice of them.

One registry feeds every tabular format: the terminal, Markdown, reStructuredText, LaTeX, HTML and CSV.
A column is named as its figure is in the JSON document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.engine.result import AnalysisResult, Row, Size
from rfcalc.errors import UsageError
from rfcalc.records import NamedTuple
from rfcalc.render import humanise
from rfcalc.render.humanise import plain
from rfcalc.render.table import LEFT, RIGHT, Table


class Column(NamedTuple):
    """One column of a table of layers.

    Parameters
    ----------
    name : str
        The key of its figure in the JSON document.
    title : str
        Its heading for people.
    value : callable
        Row -> the raw figure, as JSON has it.
    cell : callable
        Row -> the figure as people read it, not yet escaped.
    align : str
        ``left`` or ``right``.
    """

    name: str
    title: str
    value: Callable[[Row], Any]
    cell: Callable[[Row], str]
    align: str = RIGHT


# ---- figures as people read them ---------------------------------------------------------------------------


def field_cell(row: Row) -> str:
    """Write a receptive field: ``18x18``, ``~18x18`` for a bound, ``global (35x35)``, ``?`` for unknown.

    The size in parentheses is the field with gates and statistics over the map cut.
    """
    return _mark(row) + _field(row.receptive_field, row.local_receptive_field)


def _mark(row: Row) -> str:
    return "~" if row.status == "bound" and row.receptive_field is not None else ""


def _field(sizes: Sequence[Size] | None, local: Sequence[Size] | None = None) -> str:
    if sizes is None:
        return "?"
    if not sizes:
        return "-"
    if all(size is None for size in sizes):
        inside = "" if local is None or None in local or not any(local) else f" ({humanise.extents(local)})"
        return "global" + inside
    if None in sizes:
        return " x ".join("global" if size is None else humanise.number(size) for size in sizes)
    # a constant depends on no pixel
    return humanise.extents(sizes) if any(sizes) else "none"


def grid_cell(values: Sequence[float | None] | None) -> str:
    """Write strides and the like; a dash where the layer keeps no grid."""
    if values is None:
        return "?"
    return "-" if all(value is None for value in values) else humanise.extents(values, missing="-")


def _tuple(values: Sequence[float | None] | None) -> str:
    """Write signed figures, which a cross between them would garble."""
    if values is None:
        return "?"
    if all(value is None for value in values):
        return "-"
    return ", ".join("-" if value is None else str(plain(value)) for value in values)


def _coverage_cell(row: Row) -> str:
    return humanise.percent(row.coverage) if has_area(row) else "-"


def has_area(row: Row) -> bool:
    """Tell whether there is an input area to cover: its input may have no spatial axes."""
    return row.receptive_field != ()


def _layer_cell(row: Row) -> str:
    return f"{row.name} ({len(row.calls)} calls)" if len(row.calls) > 1 else row.name


# ---- raw figures -------------------------------------------------------------------------------------------


def _plain_all(values: Sequence[Num | None] | None) -> list[Any] | None:
    return None if values is None else [plain(value) for value in values]


def _real(value: float | None) -> Any:
    """Return a figure that is a real number by nature, so that 1.0 stays a float."""
    figure = plain(value)
    return float(figure) if type(figure) is int else figure


def _center(row: Row) -> list[Any] | None:
    return None if row.center is None else [_real(value) for value in row.center]


def _raw(attribute: str) -> Callable[[Row], Any]:
    return lambda row: _plain_all(getattr(row, attribute))


def _of(attribute: str) -> Callable[[Row], Any]:
    return lambda row: getattr(row, attribute)


def _number(attribute: str) -> tuple[Callable[[Row], Any], Callable[[Row], str]]:
    return (lambda row: plain(getattr(row, attribute)), lambda row: humanise.number(getattr(row, attribute)))


def _params(attribute: str) -> tuple[Callable[[Row], Any], Callable[[Row], str]]:
    return (
        lambda row: plain(getattr(row.params, attribute)),
        lambda row: humanise.number(getattr(row.params, attribute)),
    )


def _list(attribute: str) -> tuple[Callable[[Row], Any], Callable[[Row], str]]:
    return (lambda row: list(getattr(row, attribute)), lambda row: ", ".join(getattr(row, attribute)))


def _detail(attribute: str) -> Callable[[Row], Any]:
    """Return what gets a figure that is worked out on demand."""

    def get(row: Row) -> Any:
        if row.detail is None:
            raise UsageError(f"{attribute!r} is worked out on demand: analyse with details=True")
        value = getattr(row.detail, attribute)
        return list(value) if isinstance(value, tuple) else value

    return get


def _detail_cell(attribute: str, spell: Callable[[Any], str]) -> Callable[[Row], str]:
    get = _detail(attribute)

    def cell(row: Row) -> str:
        value = get(row)
        return "-" if value is None or value == [] else spell(value)

    return cell


def _counts(values: Sequence[Size]) -> str:
    return "-" if all(value is None for value in values) else humanise.extents(values, missing="-")


_ON_DEMAND: Final = (
    Column("taps", "taps", _detail("taps"), _detail_cell("taps", _counts)),
    Column("density", "density", _detail("density"), _detail_cell("density", humanise.percent)),
    Column("largest_gap", "largest gap", _detail("largest_gap"), _detail_cell("largest_gap", _counts)),
    Column(
        "productive",
        "productive",
        _detail("productive"),
        _detail_cell("productive", lambda value: "yes" if value else "no"),
        LEFT,
    ),
)

_ALL: Final = (
    Column("name", "layer", _of("name"), _layer_cell, LEFT),
    Column("kind", "kind", _of("kind"), _of("kind"), LEFT),
    Column("op", "op", _of("op"), _of("op"), LEFT),
    Column("inputs", "inputs", *_list("inputs"), LEFT),
    Column("outputs", "outputs", *_list("outputs"), LEFT),
    Column("block", "block", _of("block"), _of("block"), LEFT),
    Column(
        "output_shape", "output shape", _raw("output_shape"), lambda row: humanise.shape(row.output_shape)
    ),
    Column("spatial", "spatial", _raw("spatial"), lambda row: humanise.extents(row.spatial)),
    Column("receptive_field", "receptive field", _raw("receptive_field"), field_cell),
    Column(
        "receptive_field_min",
        "smallest field",
        _raw("receptive_field_min"),
        lambda row: _field(row.receptive_field_min),
    ),
    Column(
        "local_receptive_field",
        "local field",
        _raw("local_receptive_field"),
        lambda row: _field(row.local_receptive_field),
    ),
    Column(
        "effective_stride", "stride", _raw("effective_stride"), lambda row: grid_cell(row.effective_stride)
    ),
    Column(
        "effective_padding", "padding", _raw("effective_padding"), lambda row: _tuple(row.effective_padding)
    ),
    Column("center", "center", _center, lambda row: _tuple(row.center)),
    Column("coverage", "coverage", lambda row: _real(row.coverage), _coverage_cell),
    Column("status", "status", _of("status"), _of("status"), LEFT),
    Column("reason", "reason", _of("reason"), _of("reason"), LEFT),
    Column("params", "params", *_params("total")),
    Column("trainable", "trainable", *_params("trainable")),
    Column("non_trainable", "non-trainable", *_params("non_trainable")),
    Column("macs", "MACs", *_number("macs")),
    Column("activations", "activations", *_number("activations")),
)

ON_DEMAND: Final = {column.name: column for column in _ON_DEMAND}
"""Columns that an analysis has only where it was asked for details."""

COLUMNS: Final = {column.name: column for column in (*_ALL, *_ON_DEMAND)}
"""All columns by name."""

USUAL: Final = _ALL
"""The columns that every analysis has."""

ALIASES: Final = {
    "layer": "name",
    "covers": "coverage",
    "stride": "effective_stride",
    "padding": "effective_padding",
    "field": "receptive_field",
}
"""What columns are called in the table, where that is not their key."""

DOCUMENT: Final = ("name", "op", "output_shape", "receptive_field", "effective_stride", "params", "macs")
"""The columns of a table for a document, unless others are asked for."""


def choose(names: Iterable[str]) -> tuple[Column, ...]:
    """Return the columns of these names, in this order.

    Raises
    ------
    UsageError
        There is no such column, one is named twice, or none is named.
    """
    chosen: list[Column] = []
    for name in names:
        column = COLUMNS.get(ALIASES.get(name, name))
        if column is None:
            raise UsageError(f"there is no column {name!r}; {_suggest(name)}")
        if column in chosen:
            raise UsageError(f"the column {name!r} is named twice")
        chosen.append(column)
    if not chosen:
        raise UsageError(f"no column is named; {_suggest('')}")
    return tuple(chosen)


def _suggest(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name.strip().lower().replace("-", "_"), [*COLUMNS, *ALIASES], 3)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return "the columns are " + ", ".join(COLUMNS)


def build(result: AnalysisResult, columns: Sequence[Column], *, total: bool = False) -> Table:
    """Lay out the rows of a result in the given columns, with a last row of totals where asked for."""
    return Table(
        tuple(column.title for column in columns),
        tuple(column.align for column in columns),
        tuple(tuple(column.cell(row) for column in columns) for row in result.rows),
        _total(result, columns) if total else None,
    )


def _total(result: AnalysisResult, columns: Sequence[Column]) -> tuple[str, ...] | None:
    totals = result.totals
    sums = {
        "params": totals.params.total,
        "trainable": totals.params.trainable,
        "non_trainable": totals.params.non_trainable,
        "macs": totals.macs,
    }
    if not any(column.name in sums for column in columns):
        return None
    cells = [
        total_cell(result, column.name, sums[column.name]) if column.name in sums else ""
        for column in columns
    ]
    if not cells[0]:
        cells[0] = f"total ({resolved(result)})"
    return tuple(cells)


def total_cell(result: AnalysisResult, name: str, value: Num | None) -> str:
    """Write a total, or the lower bound that stands in for it."""
    if plain(value) is not None:
        return humanise.number(value)
    least = result.totals.at_least.get(name)
    # "at least 0" would say nothing
    return f"at least {humanise.number(least)}" if plain(least) else "?"


def resolved(result: AnalysisResult) -> str:
    """Say how many layers there are, and how many of them are resolved where not all are.

    The words are those of the JSON document's readers: ``12 of 14 layers resolved``.
    """
    totals = result.totals
    if totals.resolved == totals.layers:
        return humanise.sentence(totals.layers, "layer")
    return f"{totals.resolved:,} of {humanise.sentence(totals.layers, 'layer')} resolved"


def select(result: AnalysisResult, patterns: Sequence[str]) -> AnalysisResult:
    """Keep the rows whose layer, output or module matches a pattern; totals stay those of the whole model.

    Raises
    ------
    UsageError
        A pattern matches nothing.
    """
    from dataclasses import replace
    from fnmatch import fnmatchcase

    kept: set[str] = set()
    for pattern in patterns:
        found = [
            row.name
            for row in result.rows
            if any(n == pattern or fnmatchcase(n, pattern) for n in _names_of(row, result))
        ]
        if not found:
            raise UsageError(f"--layers {pattern!r} matches no layer; {_close_layers(result, pattern)}")
        kept.update(found)
    return replace(result, rows=tuple(row for row in result.rows if row.name in kept))


def _names_of(row: Row, result: AnalysisResult) -> Iterable[str]:
    """List what a row may be called: itself, its outputs, and the modules around it."""
    yield row.name
    yield from row.outputs
    block = row.block
    while block:
        yield result.modules.get(block, block)
        block = block.rpartition("/")[0]


def _close_layers(result: AnalysisResult, pattern: str) -> str:
    import difflib

    names = [row.name for row in result.rows]
    close = difflib.get_close_matches(pattern.strip("*?"), names, 3, 0.5)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    if not names:
        return "the model has no layers"
    return f"names go from {names[0]!r} to {names[-1]!r}; a star stands for any text"

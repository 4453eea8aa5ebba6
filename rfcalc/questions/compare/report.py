"""A comparison: its document, its tables, and the same for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from rfcalc.engine.costs import Bill
from rfcalc.engine.result import Row
from rfcalc.questions.compare.answer import sentences
from rfcalc.questions.compare.result import ComparisonResult, Entry
from rfcalc.records import NamedTuple
from rfcalc.render import humanise
from rfcalc.render.columns import field_cell, has_area
from rfcalc.render.document import row_document, totals_document
from rfcalc.render.escape import cells, shorten, terminal
from rfcalc.render.fold import fold, paragraph
from rfcalc.render.frames import INTEGER, REAL, TEXT, Frame, Series, Tabular, chosen, layer_series, series
from rfcalc.render.humanise import plain
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import LEFT, RIGHT, Table, padded

SCHEMA: Final = "rfcalc/comparison/1"

_GAP: Final = 2
_BETWEEN: Final = 3  # between two models
_LONGEST_NAME: Final = 24
_MISSING: Final = "-"


class Grid(NamedTuple):
    """A table of several models: a column of labels, and for each model a few columns below its name.

    Parameters
    ----------
    label : str
        The heading of the labels.
    labels : tuple of str
        One for each row.
    groups : tuple of (str, tuple of str, tuple of (tuple of str))
        For each model its name, the headings of its columns, and the cells of each row.
    """

    label: str
    labels: tuple[str, ...]
    groups: tuple[tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]], ...]


# ---- by depth ----------------------------------------------------------------------------------------------


def depth_grid(comparison: ComparisonResult) -> Grid:
    """Lay out what each model sees, by depth."""
    named = not comparison.counterfactuals
    titles = ("layer", "field", "covers", "map") if named else ("field", "covers", "map")
    groups = []
    for place, entry in enumerate(comparison.entries):
        if entry not in comparison.shown:
            continue
        rows = tuple(_sight(rows[place], named=named) for _, rows in comparison.depths)
        groups.append((title_of(comparison, entry), titles, rows))
    return Grid("depth" if named else "layer", tuple(label for label, _ in comparison.depths), tuple(groups))


def title_of(comparison: ComparisonResult, entry: Entry) -> str:
    """Return what an entry is called in tables and pictures."""
    if comparison.counterfactuals and entry.counterfactual is None:
        return "with pooling" if comparison.pooling else "as it is"
    return entry.name


def _sight(row: Row | None, *, named: bool) -> tuple[str, ...]:
    if row is None:
        return (_MISSING, "", "", "") if named else (_MISSING, "", "")
    covers = humanise.percent(row.coverage) if has_area(row) else _MISSING
    sight = (field_cell(row), covers, _map(row))
    return (row.name, *sight) if named else sight


def _map(row: Row) -> str:
    """Write the extents of a map, or how many numbers there are."""
    if row.spatial:
        return humanise.extents(row.spatial)
    return humanise.shape(row.output_shape)


# ---- the bill ----------------------------------------------------------------------------------------------

_Item = tuple[str, Callable[[Bill], str], Callable[[Bill], bool]]


def _always(bill: Bill) -> bool:
    return True


_ITEMS: Final[tuple[_Item, ...]] = (
    ("field", lambda bill: "?" if bill.field is None else humanise.extents(bill.field), _always),
    ("covers", lambda bill: humanise.percent(bill.coverage), _always),
    ("last map", lambda bill: _MISSING if bill.last_map is None else humanise.shape(bill.last_map), _always),
    ("stride", lambda bill: _steps(bill.stride), _always),
    ("shift followed", lambda bill: _steps(bill.exact_shift), _always),
    ("shift hidden", lambda bill: _up_to(bill.tolerated_shift), lambda bill: any(bill.tolerated_shift or ())),
    ("dense inputs", lambda bill: _count(bill.dense_inputs), lambda bill: bool(bill.dense_layer)),
    ("parameters", lambda bill: humanise.number(bill.params), _always),
    ("  convolutional", lambda bill: humanise.number(bill.convolutional), _always),
    ("  dense", lambda bill: humanise.number(bill.dense), lambda bill: bool(bill.dense)),
    ("  other", lambda bill: humanise.number(bill.other), lambda bill: bool(bill.other)),
    ("MACs", lambda bill: humanise.short(bill.macs), _always),
    ("activation memory", lambda bill: humanise.size(bill.memory), _always),
)


def _steps(steps: Sequence[float | None] | None) -> str:
    """Write steps on each axis, once a dash where there is none on any."""
    return _MISSING if steps and not any(steps) else humanise.extents(steps or (), missing=_MISSING)


def _up_to(shift: Sequence[float | None] | None) -> str:
    """Write up to how many pixels max pooling may hide."""
    if not shift or None in shift:
        return _MISSING
    return f"<={humanise.extents(shift)}" if any(shift) else "0"


def _count(value: Any) -> str:
    return _MISSING if value is None else humanise.number(value)


def bill_grid(comparison: ComparisonResult) -> Grid:
    """Lay out what each model comes to."""
    bills = [(each, each.bill) for each in comparison.shown if each.bill is not None]
    items = [item for item in _ITEMS if any(item[2](bill) for _, bill in bills)]
    layers = {bill.field_layer for _, bill in bills}
    field = f"field of {next(iter(layers))}" if len(layers) == 1 and layers != {""} else "field"
    groups = tuple(
        (title_of(comparison, entry), ("",), tuple((cell(bill),) for _, cell, _ in items))
        for entry, bill in bills
    )
    return Grid("", tuple(field if label == "field" else label for label, _, _ in items), groups)


def _grids(comparison: ComparisonResult) -> tuple[Grid, ...]:
    """Return the tables; none where there is nothing to put beside the model."""
    return (depth_grid(comparison), bill_grid(comparison)) if comparison.shown else ()


# ---- the terminal ------------------------------------------------------------------------------------------


def _blocks(grid: Grid, width: int, rule: str) -> Iterator[list[str]]:
    """Lay out as many models side by side as fit, and the others below."""
    labels = [grid.label, *grid.labels]
    margin = max(map(cells, labels))
    block: list[list[str]] = []
    used = margin
    for name, titles, rows in grid.groups:
        strip = _strip(name, titles, rows)
        taken = max(map(cells, strip)) + _BETWEEN
        if block and used + taken > width:
            yield _put_together(labels, margin, block, rule)
            block, used = [], margin
        block.append(strip)
        used += taken
    if block:
        yield _put_together(labels, margin, block, rule)


def _strip(name: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out the columns of one model, as lines of equal width: its name, the headings, the rows."""
    lines = [list(titles), *map(list, rows)]
    widths = [max(cells(line[place]) for line in lines) for place in range(len(titles))]
    aligns = [LEFT if title == "layer" else RIGHT for title in titles]
    laid = [
        (" " * _GAP).join(
            padded(cell, width, align) for cell, width, align in zip(line, widths, aligns, strict=True)
        )
        for line in lines
    ]
    width = max(cells(name), *map(cells, laid))
    return [padded(line, width, RIGHT) for line in (name, *laid)]


def _put_together(labels: Sequence[str], margin: int, block: Sequence[Sequence[str]], rule: str) -> list[str]:
    between = " " * _BETWEEN
    lines = [
        between.join((padded(label, margin, LEFT), *(strip[place] for strip in block))).rstrip()
        for place, label in enumerate(("", *labels))
    ]
    heads = [line for line in lines[:2] if line]
    rest = lines[2:]
    width = max(map(cells, lines))
    return [*heads, rule * width, *rest, rule * width]


def comparison_text(comparison: ComparisonResult, *, width: int = 80, unicode: bool = True) -> str:
    """Render a comparison for a terminal: by depth, the bill, the answer.

    Parameters
    ----------
    comparison : ComparisonResult
        What to show.
    width : int
        Columns of the terminal.
    unicode : bool
        False for a terminal that shows ASCII alone.
    """
    clean = partial(terminal, unicode=unicode)
    ellipsis, rule = ("…", "─") if unicode else ("...", "-")
    base = comparison.entries[0].result
    assert base is not None
    inputs = ", ".join(f"{clean(each.name)} {humanise.shape(each.shape)}" for each in base.inputs)
    names = clean(base.name or base.source) if comparison.counterfactuals else ", ".join(
        clean(entry.name) for entry in comparison.entries
    )  # fmt: skip
    lines = [*fold(f"{names}   {inputs}" if comparison.counterfactuals else names, width)]
    legend = _legend(comparison) if comparison.counterfactuals else ""
    lines += fold(clean(legend), width) if legend else []
    for grid in _grids(comparison):
        shown = _shown(grid, clean, ellipsis, max(_LONGEST_NAME, width - _width(grid)))
        for block in _blocks(shown, width, rule):
            lines += ["", *block]
        if not grid.label or not comparison.counterfactuals:
            continue
        count, whole = len(comparison.depths), base.totals.layers - len(base.inputs)
        if count < whole:
            lines.append(f"layers not shown: {whole - count:,} of {whole:,} (rfcalc analyze shows all)")
    lines.append("")
    for each in sentences(comparison):
        lines += [*paragraph(clean(each), width), ""]
    return "\n".join(lines[:-1]) + "\n"


def _legend(comparison: ComparisonResult) -> str:
    """Say what each counterfactual is."""
    named = comparison.shown[1:]
    return "; ".join(f"{each.name}: {each.counterfactual.phrase}" for each in named if each.counterfactual)


def _width(grid: Grid) -> int:
    """Return how many columns the models of a table take side by side."""
    return sum(_BETWEEN + max(map(cells, _strip(*group))) for group in grid.groups)


def _shown(grid: Grid, clean: Callable[[str], str], ellipsis: str, longest: int) -> Grid:
    """Make names harmless, and short enough; labels may have `longest` columns."""

    def short(text: str) -> str:
        return shorten(clean(text), _LONGEST_NAME, ellipsis)

    return Grid(
        grid.label,
        tuple([shorten(clean(label), longest, ellipsis) for label in grid.labels]),
        tuple(
            (short(name), titles, tuple(tuple(map(short, row)) for row in rows))
            for name, titles, rows in grid.groups
        ),
    )


# ---- documents ---------------------------------------------------------------------------------------------


def flat(grid: Grid) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return a grid as a plain table: headings, how columns are aligned, and rows."""
    titles, aligns = [grid.label], [LEFT]
    for name, headings, _ in grid.groups:
        titles += [f"{name} {heading}" if heading else name for heading in headings]
        aligns += [LEFT if heading == "layer" else RIGHT for heading in headings]
    rows = [
        (label.strip(), *(cell for _, _, cells_ in grid.groups for cell in cells_[place]))
        for place, label in enumerate(grid.labels)
    ]
    return tuple(titles), tuple(aligns), tuple(rows)


def comparison_pieces(comparison: ComparisonResult) -> list[Piece]:
    """Return what a comparison is made of in a document: both tables, and the answer."""
    tables = [Table(*flat(grid)) for grid in _grids(comparison)]
    return [*tables, *map(Paragraph, sentences(comparison))]


def comparison_csv(comparison: ComparisonResult) -> str:
    """Render what each model comes to as CSV, a line for each: raw figures, lists as JSON writes them."""
    import csv
    import io
    import json

    from rfcalc.render import escape

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["model", *Bill._fields])
    for entry in comparison.entries:
        figures = [] if entry.bill is None else list(_bill_document(entry.bill).values())
        writer.writerow(
            [
                escape.csv(entry.name),
                *(
                    "" if each is None else json.dumps(each) if isinstance(each, list) else
                    escape.csv(each) if isinstance(each, str) else each
                    for each in figures
                ),
            ]
        )  # fmt: skip
    return out.getvalue()


def _bill_document(bill: Bill) -> dict[str, Any]:
    return {
        name: [plain(each) for each in value] if isinstance(value, tuple) else
        value if isinstance(value, str) else plain(value)
        for name, value in bill._asdict().items()
    }  # fmt: skip


def comparison_document(comparison: ComparisonResult) -> dict[str, Any]:
    """Return the comparison document, ``rfcalc/comparison/1``, as plain data with raw figures."""
    return {
        "schema": SCHEMA,
        "counterfactuals": comparison.counterfactuals,
        "entries": [_entry_document(entry) for entry in comparison.entries],
        "depths": [
            {"label": label, "layers": [None if row is None else row.name for row in rows]}
            for label, rows in comparison.depths
        ],
        "answer": list(sentences(comparison)),
    }


def _entry_document(entry: Entry) -> dict[str, Any]:
    document: dict[str, Any] = {"name": entry.name, "summary": entry.summary}
    if entry.refusal is not None:
        document["refused"] = entry.refusal._asdict()
    if entry.result is not None and entry.bill is not None:
        document["changed"] = entry.changed
        document["bill"] = _bill_document(entry.bill)
        document["totals"] = totals_document(entry.result)
        document["layers"] = [row_document(row) for row in entry.result.rows]
    return document


class Comparison(Tabular, Documented, Shown, ComparisonResult):
    """The result of `rfcalc.compare`: models side by side, and their renderings.

    As a table of pandas or polars it has a row for each model; `layers` has one for each of their layers.

    Examples
    --------
    >>> import rfcalc
    >>> comparison = rfcalc.compare({"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "c1", "filters": 8, "kernel": 3},
    ...     {"kind": "max_pool", "kernel": 2},
    ...     {"kind": "conv", "name": "c2", "filters": 8, "kernel": 3},
    ... ]}, variants=["plain"])
    >>> print(comparison.answer[0].partition(".")[0])
    With pooling, c2 sees 8x8 of 28x28 (8%); without, 5x5 (3%)
    """

    __slots__ = ()

    def _about(self) -> str:
        return f" of {', '.join(entry.name for entry in self.entries)}"

    def only(self, patterns: Sequence[str]) -> Comparison:
        """Keep the layers whose name matches a pattern, such as ``conv*``; what the models come to stays.

        Raises
        ------
        UsageError
            A pattern matches nothing.
        """
        # without slots of its own, super() would not know the class
        kept = ComparisonResult.only(self, patterns)
        assert isinstance(kept, Comparison)
        return kept

    def _series(self, columns: Sequence[str] | None) -> list[Series]:
        bills = [None if entry.bill is None else _bill_document(entry.bill) for entry in self.entries]
        return chosen(_bill_series([entry.name for entry in self.entries], bills), columns)

    @property
    def layers(self) -> Frame:
        """The layers of all models below each other, to convert: ``comparison.layers.to_pandas()``."""
        rows = [
            (entry.name, row)
            for entry in self.entries
            if entry.result is not None
            for row in entry.result.rows
        ]
        names = series("model", TEXT, (name for name, _ in rows))
        return Frame([names, *layer_series([row for _, row in rows])])

    @property
    def answer(self) -> tuple[str, ...]:
        """What it comes to, in sentences made from the numbers."""
        return sentences(self)

    def entry(self, name: str) -> Entry:
        """Return the entry of that name.

        Raises
        ------
        KeyError
            There is none.
        """
        for each in self.entries:
            if each.name == name:
                return each
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison document, ``rfcalc/comparison/1``, as plain data."""
        return comparison_document(self)

    def pieces(self) -> list[Piece]:
        """Return both tables and the answer."""
        return comparison_pieces(self)

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return both tables and the answer for a terminal.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        return comparison_text(self, width=width, unicode=unicode)


# ---- tables of other libraries -----------------------------------------------------------------------------

_BILL_LISTS: Final[Mapping[str, str]] = {
    "field": INTEGER,
    "last_map": INTEGER,
    "stride": REAL,
    "exact_shift": INTEGER,
    "tolerated_shift": REAL,
}
_BILL_TEXT: Final = ("field_layer", "dense_layer")
_BILL_REAL: Final = ("coverage",)


def _bill_series(names: Sequence[str], bills: Sequence[Mapping[str, Any] | None]) -> list[Series]:
    """Return what models come to, one row a model.

    Parameters
    ----------
    names : sequence of str
        The models.
    bills : sequence of (mapping or None)
        The figures of each; None of one that there is not.
    """
    made = [series("model", TEXT, names)]
    for field in Bill._fields:
        form = TEXT if field in _BILL_TEXT else REAL if field in _BILL_REAL else INTEGER
        values = [None if bill is None else bill[field] for bill in bills]
        made.append(series(field, _BILL_LISTS.get(field, form), values, listed=field in _BILL_LISTS))
    return made

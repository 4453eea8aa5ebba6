"""Analyse a model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from rfcalc.collecting import collector_paused
from rfcalc.engine.result import AnalysisResult
from rfcalc.engine.rows import analyze_run
from rfcalc.loading import Loading, Model, asked, runs_code
from rfcalc.render.frames import Series, Tabular, chosen, layer_series
from rfcalc.render.pieces import Piece
from rfcalc.render.shown import Documented, Shown

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Analysis(Tabular, Documented, Shown, AnalysisResult):
    """The result of `analyze`: one row a layer, totals, notes, and their renderings.

    Iterating gives the rows, ``len()`` their number, `layer` one of them by name. In a notebook it
    shows itself as a table. Equal figures of equal names compare equal, hash alike, and can be pickled.

    Examples
    --------
    >>> analysis = analyze({"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "c1", "filters": 32, "kernel": 3},
    ...     {"kind": "max_pool", "name": "p1", "kernel": 2},
    ... ]})
    >>> analysis.layer("p1").receptive_field
    (4, 4)
    >>> analysis.totals.params.total
    320
    """

    __slots__ = ()

    def _about(self) -> str:
        from rfcalc.render.humanise import number

        totals = self.totals
        return (
            f" of {self.name}: {totals.layers:,} layers, {number(totals.params.total)} parameters, "
            f"{number(totals.macs)} MACs"
        )

    def _series(self, columns: Sequence[str] | None) -> list[Series]:
        from rfcalc.render.columns import choose

        names = None if columns is None else [column.name for column in choose(columns)]
        return chosen(layer_series(self.rows), names)

    def to_dict(self) -> dict[str, Any]:
        """Return the analysis document, ``rfcalc/analysis/1``, as plain data with raw figures."""
        from rfcalc.render.document import analysis_document

        return analysis_document(self)

    def to_node_data(self, column: str = "receptive_field") -> dict[str, Any]:
        """Return a figure of each node for Model Explorer, as plain data that is saved as JSON.

        Parameters
        ----------
        column : str
            Which figure, by its key of a row in the document; of several axes the largest.

        Raises
        ------
        UsageError
            There is no such column, or the model is no ONNX file and no PyTorch program.
        """
        from rfcalc.questions.analyze.explorer import node_data
        from rfcalc.render.columns import choose

        return node_data(self, choose([column]))

    def to_markdown(self, columns: Sequence[str] | None = None) -> str:
        """Return the layers as a Markdown table.

        Parameters
        ----------
        columns : sequence of str, optional
            What to show, by the keys of a row in the document.

        Raises
        ------
        UsageError
            There is no such column.
        """
        return self.to_markup("markdown", columns)

    def to_markup(self, markup: str, columns: Sequence[str] | None = None) -> str:
        """Return the layers as a table in a markup language.

        Parameters
        ----------
        markup : str
            ``markdown``, ``rst``, ``asciidoc``, ``latex`` or ``html``.
        columns : sequence of str, optional
            What to show, by the keys of a row in the document.

        Raises
        ------
        UsageError
            There is no such markup language, or no such column.
        """
        from rfcalc.questions.analyze.report import AnalysisTable
        from rfcalc.render.columns import choose

        return AnalysisTable(self, None if columns is None else choose(columns)).to_markup(markup)

    def pieces(self) -> Sequence[Piece]:
        """Return the layers, and their totals, as a table."""
        from rfcalc.questions.analyze.report import AnalysisTable

        return AnalysisTable(self).pieces()

    def to_text(self, width: int = 80, *, unicode: bool = True, columns: Sequence[str] | None = None) -> str:
        """Return the table for a terminal, with the notes below.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        columns : sequence of str, optional
            What to show, by the keys of a row in the document, however wide; by default what fits.

        Raises
        ------
        UsageError
            There is no such column.
        """
        from rfcalc.questions.analyze.report import analysis_text
        from rfcalc.render.columns import choose

        chosen = None if columns is None else choose(columns)
        return analysis_text(self, width=width, unicode=unicode, columns=chosen)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from rfcalc.questions.analyze.exports import notebook

        return notebook(self)


def analyze(
    x: Model,
    *,
    depth: int | None = None,
    symbolic: bool = False,
    details: bool = False,
    **loading: Unpack[Loading],
) -> Analysis:
    """Analyse a model: what each layer sees, which shape it puts out, and what it costs.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    depth : int, optional
        Collapse nested models and blocks below this depth into one row each.
    symbolic : bool
        Put a symbol for every open extent of the inputs (H and W; T; D, H and W), so that figures become
        formulas. This needs sympy, which takes a moment to import.
    details : bool
        Work out more of each layer: how many pixels its field reads and the largest gap between them, and of
        convolutions whether they are productive; the columns ``taps``, ``density``, ``largest_gap``,
        ``productive``.
    **loading
        The options of `load`. Fields, strides and centres refer to the chosen input.

    Returns
    -------
    Analysis
        Rows in topological order: fields in pixels of the input, shapes in elements, multiply-accumulates
        at batch 1.

    Raises
    ------
    RfcalcError
        Of the kinds that `load` raises; UsageError too where there is no such input; AnalysisError
        where a layer does not fit its inputs.

    Examples
    --------
    >>> vgg_block = {"rfcalc": 1, "input": [None, None, 3], "layers": [
    ...     {"kind": "conv", "filters": 64, "kernel": 3, "padding": "same"},
    ...     {"kind": "conv", "filters": 64, "kernel": 3, "padding": "same"},
    ...     {"kind": "max_pool", "kernel": 2},
    ... ]}
    >>> [row.receptive_field for row in analyze(vgg_block)]
    [(1, 1), (3, 3), (5, 5), (6, 6)]
    """
    with nullcontext() if runs_code(x) else collector_paused():
        result = _result_of(x, loading, depth=depth, symbolic=symbolic, details=details)
    return Analysis(**{each.name: getattr(result, each.name) for each in fields(result)})


def _result_of(
    x: Model, loading: Loading, *, depth: int | None, symbolic: bool, details: bool
) -> AnalysisResult:
    """Analyse a model, of which nothing else is left when this returns: little for the collector to walk."""
    with asked(x, **loading) as run:
        return analyze_run(run, depth=depth, symbolic=symbolic, details=details)

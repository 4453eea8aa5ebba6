"""The figures of designs by analysing each for itself: what faster ways have to agree with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rfcalc.counterfactuals.variants import counterfactual
from rfcalc.engine.memory import element_size
from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.engine.rows import analyze_run
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import spec_of
from rfcalc.errors import AnalysisError, GraphError, ReadError, RfcalcError, UsageError
from rfcalc.graph.layer import SPATIAL
from rfcalc.loading import Loading, Model, asked, read_once
from rfcalc.questions.sweep.columns import DESIGN, ERROR, columns_of, is_real, prefixes
from rfcalc.questions.sweep.space import WIDEST, Block, Space, Value

_CANNOT = (AnalysisError, GraphError, ReadError)
"""What is said of a design that cannot be built."""


class ByAnalysis:
    """Analyses designs one by one; the parameters are those of `Evaluator`."""

    def __init__(self, model: Model, space: Space, layers: tuple[str, ...], loading: Loading) -> None:
        self._model = read_once(model, at_many_sizes=True)
        self._space, self._layers, self._loading = space, layers, loading
        for axis in space.axes:
            if axis.kind == "variant":
                for value in axis.values:
                    counterfactual(str(value))
        with asked(self._model, **loading) as run:
            rank = run.chosen.attrs["axes"].count(SPATIAL)
        self._columns = columns_of(space, layers, rank)
        self._check_layers()

    def figures(self, block: Block) -> dict[str, Any]:
        """Return the columns of a block, as `Evaluator.figures` does."""
        rows = [self.design(values) for values in block.designs()]
        found: dict[str, Any] = {DESIGN: block.numbers()}
        for place, axis in enumerate(self._space.axes):
            found[axis.name] = block.column(place)
        for name in self._columns[len(found) :]:
            found[name] = column(name, [row.get(name) for row in rows])
        return found

    def design(self, values: Sequence[Value]) -> dict[str, Any]:
        """Return the figures of one design by column, those that are known alone."""
        try:
            with asked(self._model, **loading_of(self._space, values, self._loading)) as own:
                run = _changed(own, self._space, values)
                result = analyze_run(run)
        except _CANNOT as error:
            return {ERROR: reason_of(error)}
        return {ERROR: "", **_totals(run, result), **self._of_layers(result)}

    def _check_layers(self) -> None:
        """Refuse a layer that neither the model itself nor its first or last design has."""
        last = self._space.size - 1
        kept = [tuple(self._space.design(number).values()) for number in (0, last)]
        found: set[str] = set()
        for loading in (self._loading, *(loading_of(self._space, values, self._loading) for values in kept)):
            try:
                with asked(self._model, **loading) as run:
                    found.update(name for layer in run.graph for name in (layer.source_name, *layer.outputs))
                    found.update(block.name for block in run.graph.blocks.values())
            except _CANNOT:
                continue
        missing = next((name for name in self._layers if name not in found), None)
        if missing is not None:
            raise UsageError(f"no layer is called {missing!r}")

    def _of_layers(self, result: AnalysisResult) -> dict[str, Any]:
        found: dict[str, Any] = {}
        names: Sequence[str | None] = self._layers or (None,)
        for name, before in zip(names, prefixes(self._layers), strict=True):
            row = last_map(result) if name is None else _named(result, name)
            if row is not None:
                found.update(_of_row(row, before))
        return found


def loading_of(space: Space, values: Sequence[Value], loading: Loading) -> Loading:
    """Return the options of `load` for one design, by the values of the axes."""
    pairs = list(zip(space.axes, values, strict=True))
    parameters = {axis.name: int(value) for axis, value in pairs if axis.kind == "parameter"}
    dims = {axis.name: int(value) for axis, value in pairs if axis.kind == "dim"}
    return {
        **loading,
        "parameters": {**(loading.get("parameters") or {}), **parameters} or None,
        "dims": {**(loading.get("dims") or {}), **dims} or None,
    }


def _changed(run: Run, space: Space, values: Sequence[Value]) -> Run:
    """Return the run of the counterfactual that a design is, or the run itself."""
    for axis, value in zip(space.axes, values, strict=True):
        if axis.kind == "variant":
            return counterfactual(str(value)).build(run)
    return run


def reason_of(error: RfcalcError) -> str:
    """Say why a design cannot be built, without the name of the file, which is the same for all."""
    return f"{error.where}: {error.message}" if error.where else error.message


def last_map(result: AnalysisResult) -> Row | None:
    """Return the last layer whose output has a grid of the input's: no vector, and no summary of the map.

    Whether a layer is it does not depend on extents, so that designs of one graph agree on it.
    """
    for row in reversed(result.rows):
        if row.container or row.kind in ("global_pool", "input") or not row.spatial:
            continue
        if any(stride is not None for stride in row.effective_stride or ()):
            return row
    return None


def _named(result: AnalysisResult, name: str) -> Row | None:
    try:
        return result.layer(name)
    except KeyError:
        return None


def _totals(run: Run, result: AnalysisResult) -> dict[str, Any]:
    footprint = result.footprint
    return {
        "params": result.totals.params.total,
        "macs": result.totals.macs,
        "activations": footprint.activations,
        "peak_activations": _peak_elements(run, None if footprint.peak is None else footprint.peak.bytes),
    }


def _peak_elements(run: Run, peak: int | None) -> int | None:
    """Return the peak of activation memory in elements of the input's type, rounded up."""
    size = element_size(spec_of(run.resolved, (run.chosen.name, 0)).dtype)
    return None if peak is None or size is None else -(-peak // size)


def _of_row(row: Row, before: str) -> dict[str, Any]:
    along = {
        "extent": row.spatial,
        "receptive_field": row.receptive_field,
        "effective_stride": row.effective_stride,
        "effective_padding": row.effective_padding,
    }
    rank = len(row.receptive_field or row.spatial)
    if len(row.spatial) != rank:
        along["extent"] = ()  # its axes are not those of the input
    figures = {
        f"{before}{name}_{axis}": value
        for name, values in along.items()
        for axis, value in enumerate(values or ())
    }
    return {**figures, f"{before}coverage": row.coverage}


def column(name: str, values: Sequence[Any]) -> Any:
    """Return a column: what is None is masked, and whole numbers that 64 bits do not hold stay Python's."""
    if name == ERROR:
        found = np.empty(len(values), dtype=object)
        found[:] = values
        return found
    mask = np.array([value is None for value in values], dtype=bool)
    if is_real(name):
        return np.ma.MaskedArray(
            [0.0 if value is None else float(value) for value in values], mask, np.float64
        )
    whole = [0 if value is None else int(value) for value in values]
    wide = any(not -WIDEST <= value < WIDEST for value in whole)
    return np.ma.MaskedArray(np.array(whole, dtype=object if wide else np.int64), mask)

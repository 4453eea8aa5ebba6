"""The figures of one model that limits are about, each pass run once, and only where a limit asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from rfcalc.engine.costs import leaves
from rfcalc.engine.joins import Join
from rfcalc.engine.memory import bytes_of
from rfcalc.engine.propagate import LayerFields
from rfcalc.engine.result import AnalysisResult, Row, Size
from rfcalc.engine.rows import analyze_run
from rfcalc.engine.run import Run
from rfcalc.engine.unproductive import looks_around
from rfcalc.engine.view import view_of
from rfcalc.graph.graph import Block
from rfcalc.graph.layer import Edge, Layer
from rfcalc.records import NamedTuple


class Sight(NamedTuple):
    """What one call of a layer sees: the largest and the smallest field over phases, as in `Row`."""

    largest: tuple[Size, ...] | None
    smallest: tuple[Size, ...] | None
    status: str
    reason: str


class Facts:
    """What the passes say of a model.

    Parameters
    ----------
    run : Run
        The model.
    details : bool
        Some limit is on gaps, or on what is productive.

    Raises
    ------
    RfcalcError
        From the first use of a figure, where the model cannot be analysed.
    """

    def __init__(self, run: Run, *, details: bool = False) -> None:
        self.graph = run.graph
        self._run = run
        self._details = details

    @cached_property
    def result(self) -> AnalysisResult:
        """The analysis."""
        return analyze_run(self._run, details=self._details)

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of all layers, blocks left out."""
        return leaves(self.result)

    @cached_property
    def extents(self) -> tuple[int | None, ...]:
        """The spatial extents of the chosen input, in pixels; None for an open one."""
        spatial = next(each.spatial for each in self.result.inputs if each.name == self.result.input)
        return tuple(extent if isinstance(extent, int) else None for extent in spatial)

    @cached_property
    def assumed(self) -> frozenset[str]:
        """The layers that were taken for something because the user said so."""
        return frozenset(note.layer for note in self.result.notes if note.code == "assumed")

    @cached_property
    def last_map(self) -> Row | None:
        """The last layer that keeps positions: what is meant by how far a model sees.

        Behind it a classifier sees everything whatever the layers before it do. A single element that sees
        everything is a summary, and no map. A layer without a shape may be one, so it is taken as it is.
        """
        for row in reversed(self.rows):
            if row.output_shape is None:
                return row
            if row.kind in ("input", "global_pool") or not row.spatial or sees_nothing(row):
                continue
            if any(extent != 1 for extent in row.spatial) or not _is_global(row):
                return row
        return None

    def calls(self, row: Row) -> Sequence[Row]:
        """Return the calls of a layer that depend on the chosen input; where none does, all of them."""
        every = row.calls or (row,)
        return [call for call in every if not sees_nothing(call)] or every

    def sights(self, row: Row) -> list[Sight]:
        """Return what each call of a layer sees."""
        return [
            Sight(call.receptive_field, call.receptive_field_min, call.status, call.reason)
            for call in self.calls(row)
        ]

    def local_sights(self, row: Row) -> list[Sight]:
        """Return the same with gates and statistics over the map cut."""
        found = []
        for name, place in self._edges(row):
            seen = self._run.fields[name]
            view = view_of(LayerFields(seen.local, seen.local, seen.blame), place, self._run.extents)
            found.append(Sight(view.receptive_field, view.receptive_field_min, view.status, view.reason))
        return [sight for sight in found if sight.largest is None or any(sight.largest)] or found

    @cached_property
    def joins(self) -> Mapping[str, Join]:
        """How branches meet, by the layer in which they do."""
        return {join.layer: join for join in self._run.joins}

    def memory(self, row: Row) -> int | None:
        """Count the bytes that a layer, or all layers of a block, put out at batch 1; None if not known."""
        total = 0
        for layer in self._layers_of(row):
            result = self._run.resolved[layer.name].result
            if result is None:
                return None
            for spec in result.outputs:
                size = bytes_of(spec)
                if size is None:
                    return None
                total += size
        return total

    def looks_around(self, row: Row) -> bool:
        """Tell whether a layer is a convolution with a window of more than one element."""
        return not row.container and any(map(looks_around, self._layers_of(row)))

    def _layers_of(self, row: Row) -> Sequence[Layer]:
        if not row.container:
            return self._layers[row.name]
        path = self._block(row).path
        return [layer for layer in self.graph if layer.block[: len(path)] == path]

    def _edges(self, row: Row) -> Sequence[Edge]:
        if row.container:
            return [self._block(row).outputs[0]]
        return [(layer.name, 0) for layer in self._layers_of(row)]

    def _block(self, row: Row) -> Block:
        return next(
            block
            for path, block in self.graph.blocks.items()
            if block.name == row.name and "/".join(path[:-1]) == row.block
        )

    @cached_property
    def _layers(self) -> Mapping[str, list[Layer]]:
        found: dict[str, list[Layer]] = {}
        for layer in self.graph:
            found.setdefault(layer.source_name, []).append(layer)
        return found


def sees_nothing(row: Row) -> bool:
    """Tell whether a layer does not depend on the chosen input."""
    return row.receptive_field is not None and not any(size != 0 for size in row.receptive_field)


def _is_global(row: Row) -> bool:
    return row.receptive_field is not None and None in row.receptive_field

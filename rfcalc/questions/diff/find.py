"""What changed from one model to another: layers matched by graph, and how changes go on downstream.

Models of one format are compared layer by layer. Formats cut layers in their own ways (an activation inside a
convolution or behind it, padding before it or in it, normalisation merged into it), so across formats only
what means the same in all of them is matched: weighted layers, windows, joins, and what changes the grid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rfcalc.engine.result import Note
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import OnUnknown
from rfcalc.errors import RfcalcError
from rfcalc.graph.graph import LayerGraph
from rfcalc.questions.diff.entries import entries_of
from rfcalc.questions.diff.figures import OF_FIELDS, bounded_alone
from rfcalc.questions.diff.match import match
from rfcalc.questions.diff.model import Model, model_of
from rfcalc.questions.diff.report import Diff
from rfcalc.questions.diff.respelled import spelled_out
from rfcalc.questions.diff.result import Entry, Respelled, Uncompared
from rfcalc.questions.diff.spread import Graph, spread_of
from rfcalc.wording import few


def diff_graphs(
    old: LayerGraph,
    new: LayerGraph,
    *,
    input: str | None = None,
    on_unknown: OnUnknown = "report",
    common: bool = False,
    runs: Sequence[Run] = (),
) -> Diff:
    """Say what changed from one graph to another.

    Parameters
    ----------
    old, new : LayerGraph
        The models.
    input : str, optional
        The input that fields refer to, by default the first with spatial axes; a model that has one
        input under another name takes that.
    on_unknown : str
        As for `rfcalc.analyze`.
    common : bool
        Compare models of one format too in those layers alone that mean the same in every format.
    runs : sequence of Run
        Runs of these graphs that were asked before, with the same `input` and `on_unknown`.

    Raises
    ------
    AnalysisError
        One of them cannot be analysed.
    UsageError
        There is no such input.
    """
    comparable = common or old.format != new.format
    statistics = "torch" not in (old.format, new.format)  # there they are buffers, and no parameters
    given = _inputs(old, new, input)
    models: list[Model] = []
    run: Run | None = None
    for graph, name in zip((old, new), given, strict=True):
        try:
            before = run if given[0] == given[1] else None
            asked = (each for each in runs if each.graph is graph and name in (None, each.chosen.name))
            run = next(asked, None) or Run(graph, input=name, on_unknown=on_unknown, before=before)
            models.append(model_of(run, comparable=comparable, statistics=statistics))
        except RfcalcError as error:
            error.source = error.source or graph.source
            raise
    one, two = models
    matching = match(
        one.nodes, two.nodes, (one.outputs, two.outputs), one.same_work(two) if comparable else None
    )
    left_out = (
        {place for here, _ in matching.respelled for place in here},
        {place for _, there in matching.respelled for place in there},
    )
    respelled = [Respelled(one.names(here), two.names(there)) for here, there in matching.respelled]
    for place, name in spelled_out(one, two, matching.pairs):
        left_out[0].add(place)
        respelled.append(Respelled(one.names([place]), (name,)))
    for place, name in spelled_out(two, one, {there: here for here, there in matching.pairs.items()}):
        left_out[1].add(place)
        respelled.append(Respelled((name,), two.names([place])))
    entries, numbers, merged, merged_params = entries_of(
        one, two, matching.pairs, left_out, comparable=comparable
    )
    graphs = [_graph(model, places) for model, places in zip((one, two), numbers, strict=True)]
    return Diff(
        one.result,
        two.result,
        tuple(entries),
        spread_of(entries, graphs[0], graphs[1]),
        comparable,
        _uncompared(one, two),
        tuple(respelled),
        merged,
        merged_params,
        tuple(_notes(entries)),
    )


def _inputs(old: LayerGraph, new: LayerGraph, name: str | None) -> tuple[str | None, str | None]:
    """Return the input to choose in each model: one that was renamed has the name in one of them alone."""
    has = [any(layer.name == name for layer in graph.inputs) for graph in (old, new)]
    alone = [
        any(has) and not here and len(graph.inputs) == 1 for here, graph in zip(has, (old, new), strict=True)
    ]
    return (None if alone[0] else name, None if alone[1] else name)


def _graph(model: Model, entries: list[int]) -> Graph:
    return Graph(model.nodes, [side.row for side in model.sides], entries)


def _uncompared(old: Model, new: Model) -> tuple[Uncompared, ...]:
    """Count what was left out, by kind."""
    one, two = (Counter(model.others.values()) for model in (old, new))
    return tuple(Uncompared(kind, one[kind], two[kind]) for kind in sorted({*one, *two}))


_ONE_SIDED: Final = {
    "output_shape": "output shape",
    "receptive_field": "receptive field",
    "effective_stride": "stride",
    "center": "centre",
    "params": "parameters",
    "macs": "MACs",
}


def _is_bounded(entry: Entry) -> bool:
    """Tell whether a field is a bound in one of the models: that is said of its status."""
    return entry.old is not None and entry.new is not None and bounded_alone(entry.old.row, entry.new.row)


def _notes(entries: list[Entry]) -> list[Note]:
    """Say which figures could not be compared."""
    notes = []
    for figure, words in _ONE_SIDED.items():
        names = [
            entry.name
            for entry in entries
            if figure in entry.unclear and not (figure in OF_FIELDS and _is_bounded(entry))
        ]
        if names:
            message = (
                f"the {words} of {few(map(repr, names))} cannot be compared, as one model alone has it; "
                "give both the same --input-shape or --dim"
            )
            notes.append(Note("warning", "one_sided", names[0], message))
    return notes

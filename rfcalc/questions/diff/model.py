"""A model made ready to be compared: its nodes, and the figures of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rfcalc.algebra.number import Num
from rfcalc.engine.result import AnalysisResult
from rfcalc.engine.rows import analyze_run
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import LayerInfo, known_extent
from rfcalc.engine.totals import has_weights
from rfcalc.graph.graph import LayerGraph
from rfcalc.questions.diff.figures import rows_of
from rfcalc.questions.diff.nodes import NORMS, Node, common, whole
from rfcalc.questions.diff.result import Side

EXPORTED: Final = frozenset(("onnx", "openvino", "tflite"))
"""Formats that converters write, which leave out biases of zeros or put some in."""


@dataclass(frozen=True, slots=True)
class Model:
    """One of the models.

    Parameters
    ----------
    graph : LayerGraph
        The model.
    result : AnalysisResult
        Its figures.
    nodes : sequence of Node
        What is matched, in topological order.
    sides : sequence of Side
        The figures of each node.
    vectors : sequence of (Num or None)
        Of each node those of its parameters that are biases, or weights of normalisation that belongs to it.
    normalised : sequence of bool
        Whether normalisation belongs to it.
    outputs : sequence of int
        The nodes that the model's outputs come from.
    others : mapping of str to str
        For the layers that are no nodes their kinds.
    holders : mapping of str to int
        For those of them that depend on one node alone its place.
    """

    graph: LayerGraph
    result: AnalysisResult
    nodes: Sequence[Node]
    sides: Sequence[Side]
    vectors: Sequence[Num | None]
    normalised: Sequence[bool]
    outputs: Sequence[int]
    others: Mapping[str, str]
    holders: Mapping[str, int]

    def names(self, places: Iterable[int]) -> tuple[str, ...]:
        """Return the names of nodes."""
        return tuple(self.nodes[place].name for place in places)

    def same_work(self, other: Model) -> Callable[[Sequence[int], Sequence[int]], bool]:
        """Return what tells whether nodes here and nodes there are the same in other words.

        They are taken to be where their parameters and their multiply-accumulates add up to the same; of what
        a converter wrote it is enough if the parameters that are no vectors do.
        """
        ways = (False, True) if EXPORTED & {self.graph.format, other.graph.format} else (False,)

        def same(here: Sequence[int], there: Sequence[int]) -> bool:
            for kernels in ways:
                one, two = self._work(here, kernels=kernels), other._work(there, kernels=kernels)
                if one is not None and one == two and any(one):
                    return True
            return False

        return same

    def _work(self, places: Sequence[int], *, kernels: bool) -> tuple[Num, Num] | None:
        """Add up parameters, or those of kernels alone, and multiply-accumulates; None if one is unknown."""
        params: Num = 0
        macs: Num = 0
        for place in places:
            side, vectors = self.sides[place], self.vectors[place] if kernels else 0
            if side.params is None or side.row.macs is None or vectors is None:
                return None
            params, macs = params + side.params - vectors, macs + side.row.macs
        return params, macs


def model_of(run: Run, *, comparable: bool, statistics: bool) -> Model:
    """Analyse a graph, and say what of it is matched.

    Parameters
    ----------
    run : Run
        The model.
    comparable : bool
        Take those layers alone that mean the same in every format.
    statistics : bool
        Count the moving statistics of normalisation as parameters.
    """
    graph, resolved, result = run.graph, run.resolved, analyze_run(run)
    rows = rows_of(graph, result)
    if not comparable:
        nodes = whole(graph, resolved)
        places = {node.name: place for place, node in enumerate(nodes)}
        sides = [Side(rows[node.name], rows[node.name].params.total) for node in nodes]
        outputs = [places[name] for name, _ in graph.outputs]
        blank = [False] * len(nodes)
        return Model(graph, result, nodes, sides, [0] * len(nodes), blank, outputs, {}, {})
    found = common(graph, resolved)
    places = {node.name: place for place, node in enumerate(found.nodes)}
    held: list[list[str]] = [[node.name] for node in found.nodes]
    for name, place in found.holders.items():
        held[place].append(name)
    counted: set[str] = set()
    sides, vectors, normalised = [], [], []
    for node, names in zip(found.nodes, held, strict=True):
        params, vector = _params(graph, resolved, names, counted, statistics=statistics)
        sides.append(Side(rows[node.name], params))
        vectors.append(vector)
        normalised.append(any(graph[name].kind in NORMS for name in names))
    places |= found.holders
    outputs = [places[name] for name, _ in graph.outputs if name in places]
    others = {name: graph[name].kind for name in found.others}
    return Model(graph, result, found.nodes, sides, vectors, normalised, outputs, others, found.holders)


def _params(
    graph: LayerGraph,
    resolved: Mapping[str, LayerInfo],
    names: Sequence[str],
    counted: set[str],
    *,
    statistics: bool,
) -> tuple[Num | None, Num | None]:
    """Count the parameters of layers, each tensor once, and those of them that are vectors."""
    total: Num = 0
    vectors: Num = 0
    for name in names:
        if not has_weights(graph[name], resolved[name]):
            return None, None
        for weight in resolved[name].weights or ():
            statistic = graph[name].kind in NORMS and not weight.trainable
            if weight.identity in counted or (statistic and not statistics):
                continue
            counted.add(weight.identity)
            total = total + weight.count
            if sum(extent != 1 for extent in weight.shape) <= 1:
                vectors = vectors + weight.count
    return known_extent(total), known_extent(vectors)

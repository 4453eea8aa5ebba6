"""Which constants of floats may decide what depends on what, by the operations that take them.

Values of weights say nothing of an architecture. A mask, a factor that is zero somewhere, or a number that a
shape is worked out from does; it is told from weights by what takes it, before anything of it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Final

import onnx

from rfcalc.records import NamedTuple

_LEARNED: Final[Mapping[str, frozenset[int]]] = {
    op: frozenset(places)
    for ops, places in (
        ("Conv ConvTranspose DeformConv LayerNormalization InstanceNormalization GroupNormalization", (1, 2)),
        ("Gemm SkipLayerNormalization EmbedLayerNormalization", (1, 2, 3, 4)),
        ("BatchNormalization LSTM GRU RNN", range(1, 8)),
        ("PRelu RMSNormalization SimplifiedLayerNormalization QuantizeLinear DequantizeLinear", (1, 2)),
        ("Gather", (0,)),
    )
    for op in ops.split()
}
"""Places at which operations take weights, scales or tables of rows."""

_SUMS: Final = frozenset(("Add", "Sub", "Sum", "Min", "Max", "Where"))
"""Operations in which a very negative element hides another from a softmax."""

_FACTORS: Final = frozenset(("Mul", "Div", "Where"))
"""Operations in which a zero hides another element."""

_MATRICES: Final = frozenset(("MatMul", "Einsum"))

_TESTS: Final = frozenset(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"))

_ATTENTION: Final[Mapping[str, frozenset[int]]] = {
    "Attention": frozenset((3, 5)),
    "MultiHeadAttention": frozenset((4, 5)),
}
"""Operations of attention, with the places of their masks."""

_SOFTMAXES: Final = frozenset(("Softmax", "LogSoftmax", "Hardmax"))

_PASSING: Final = frozenset(
    (
        *("Add", "Sub", "Sum", "Min", "Max", "Where", "Mul", "Div", "Cast", "Identity", "Dropout", "Neg"),
        *("Reshape", "Transpose", "Unsqueeze", "Squeeze", "Expand", "Slice", "Concat", "Clip"),
        *("Tanh", "Relu", "Exp", "Sigmoid", "Softplus"),
    )
)
"""Operations that leave scores what they are, element by element."""


class Uses(NamedTuple):
    """What the constants of a model are used for, by the names of their tensors.

    Parameters
    ----------
    small : frozenset of str
        Those taken by something else than a layer's weights: a few elements of them may matter.
    large : frozenset of str
        Those that may be masks, or factors that are zero somewhere.
    scores : frozenset of str
        Those that meet scores of attention, as masks do.
    """

    small: frozenset[str]
    large: frozenset[str]
    scores: frozenset[str]


def uses_of(nodes: Iterable[onnx.NodeProto], constants: Iterable[str], asked: Iterable[str]) -> Uses:
    """Return what some constants are used for.

    Parameters
    ----------
    nodes : iterable of NodeProto
        All operations, those of branches and functions included.
    constants : iterable of str
        The names of all constants.
    asked : iterable of str
        Those that are asked about.
    """
    graph = _Graph(nodes, constants)
    small, large, scores = set(), set(), set()
    for name in asked:
        made = graph.made_of(name)
        takers = [each for one in made for each in graph.takers.get(one, ()) if not graph.constant(each[0])]
        if any(place not in _LEARNED.get(node.op_type, ()) for node, place in takers):
            small.add(name)
        if any(_may_hide(node.op_type, place) for node, place in takers):
            large.add(name)
        if any(graph.meets_scores(node, place) for node, place in takers):
            scores.add(name)
    return Uses(frozenset(small), frozenset(large), frozenset(scores))


def _may_hide(op: str, place: int) -> bool:
    """Tell whether a constant at that place may hide what it meets."""
    if op in _ATTENTION:
        return place in _ATTENTION[op]
    return op in _SUMS or op in _FACTORS or op in _MATRICES or op in _TESTS or op == "STFT"


class _Graph:
    """Who takes which tensor, and which tensors are constants or scores."""

    def __init__(self, nodes: Iterable[onnx.NodeProto], constants: Iterable[str]) -> None:
        self.takers: dict[str, list[tuple[onnx.NodeProto, int]]] = {}
        self._constants = set(constants)
        listed = list(nodes)
        products = []
        for node in listed:
            inputs = [name for name in node.input if name]
            if all(name in self._constants for name in inputs):
                self._constants.update(node.output)
            for place, name in enumerate(node.input):
                self.takers.setdefault(name, []).append((node, place))
            moving = [name for name in inputs if name not in self._constants]
            if node.op_type in _SOFTMAXES or (node.op_type in _MATRICES and len(moving) > 1):
                products.append(node)
        passing = [node for node in listed if node.op_type in _PASSING]
        ends = [name for node in listed if node.op_type in _SOFTMAXES for name in node.input]
        self._heard = _reached(ends, [(node.output, node.input) for node in passing])
        starts = chain.from_iterable(node.output for node in products)
        self._products = _reached(starts, [(node.input, node.output) for node in passing])

    def constant(self, node: onnx.NodeProto) -> bool:
        """Tell whether an operation takes constants alone."""
        return all(not name or name in self._constants for name in node.input)

    def made_of(self, name: str) -> list[str]:
        """Return a constant and all constants that are made of it."""
        found = [name]
        for one in found:
            for node, place in self.takers.get(one, ()):
                if self.constant(node) and place not in _LEARNED.get(node.op_type, ()):
                    found += [made for made in node.output if made and made not in found]
        return found

    def meets_scores(self, node: onnx.NodeProto, place: int) -> bool:
        """Tell whether a constant at that place of an operation stands where masks do."""
        if node.op_type in _ATTENTION:
            return place in _ATTENTION[node.op_type]
        if node.op_type not in _SUMS and node.op_type not in _FACTORS:
            return False
        if not self._heard.isdisjoint(node.output):
            return True
        return node.op_type in _FACTORS and not self._products.isdisjoint(node.input)


def _reached(starts: Iterable[str], edges: Iterable[tuple[Iterable[str], Iterable[str]]]) -> set[str]:
    """Return the tensors that are reached from some along edges, with these themselves."""
    onward: dict[str, list[str]] = {}
    for sources, targets in edges:
        ahead = list(targets)
        for source in sources:
            onward.setdefault(source, []).extend(ahead)
    todo = [name for name in starts if name]
    found = set(todo)
    while todo:
        for name in onward.get(todo.pop(), ()):
            if name and name not in found:
                found.add(name)
                todo.append(name)
    return found

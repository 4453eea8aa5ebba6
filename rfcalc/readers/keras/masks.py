"""Constant masks in Keras models: zeros among ones, very negative numbers, and what they hide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rfcalc.algebra.number import UNKNOWN, Num
from rfcalc.graph import Edge
from rfcalc.graph.layer import BATCH, SPATIAL, Stage, TensorSpec
from rfcalc.readers.keras.calls import ATTENTION
from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.nodes import Constant, Node, Ref, flatten

if TYPE_CHECKING:
    from rfcalc.readers.lowering.value import Mask, Value

_MEETS: Final = ("add", "subtract", "multiply", "divide", "minimum", "maximum")
_JOINS: Final = ("logicaland", "logicalor", "bitwiseand", "bitwiseor")
_CHOICES: Final = ("where", "selectv2")
_SAME: Final = ("cast", "stopgradient", "identity", "copy", "converttotensor")
_MOVES: Final = (
    "identity",
    "dropout",
    "permute",
    "reshape",
    "expand_dims",
    "squeeze",
    "softmax",
    "activation",
    "reduce",
)
_ADDED: Final = -1e9
"""What Keras adds to the scores that the mask of a softmax hides."""

_PADDED: Final = (
    "where all keys that a query may see are padding, the softmax averages over all keys, hidden ones too"
)
_HIDING: Final = frozenset(("causal", "seen"))
"""Settings of attention that hide keys."""

_KEEPING: Final = frozenset(
    (
        *("Dense", "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Identity", "Masking"),
        *("Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "AlphaDropout"),
        *("ActivityRegularization", "BatchNormalization", "LayerNormalization", "GroupNormalization"),
        *("UnitNormalization", "Normalization", "Rescaling", "Add", "Average", "Concatenate", "Dot"),
        *("Maximum", "Minimum", "Multiply", "Subtract", "Attention", "AdditiveAttention"),
        *("MultiHeadAttention", "GroupQueryAttention", "Bidirectional", "TimeDistributed", "RNN"),
        *("LSTM", "GRU", "SimpleRNN", "Lambda", "ThresholdedReLU"),
    )
)
"""Layers behind which Keras still knows which steps are padding (`supports_masking`)."""

_NO_NUMPY: Final = "which elements a constant mask hides is worked out with numpy, which is not installed"


class Masks:
    """Which masks the tensors of a model bear, found while its calls are read in order; one use."""

    def __init__(self) -> None:
        self._borne: dict[Edge, Mask] = {}
        self._shapes: dict[Edge, tuple[Num, ...]] = {}
        self._padded: set[Edge] = set()
        self._mixed: set[Edge] = set()

    def learn(self, edge: Edge, shape: tuple[Num, ...]) -> None:
        """Keep the shape that the file records of a tensor."""
        self._shapes[edge] = shape

    def learn_padding(self, name: str, class_name: str, edges: Sequence[Edge], config: Config) -> None:
        """Keep whether a layer's output says which steps are padding, by itself or as its input does."""
        makes = config.data.get("mask_zero") is True or "mask_value" in config.data
        if makes or (class_name in _KEEPING and any(edge in self._padded for edge in edges)):
            self._padded.add((name, 0))

    def pad(self, edges: Sequence[Edge]) -> None:
        """Keep that Keras knows of these tensors which steps are padding."""
        self._padded.update(edges)

    def is_padded(self, edges: Sequence[Edge]) -> bool:
        """Tell whether Keras knows of any of these tensors which steps are padding."""
        return not self._padded.isdisjoint(edges)

    def follow(self, name: str, stage: Stage, edges: Sequence[Edge], node: Node, config: Config) -> Stage:
        """Return what a call is, with what masks hide of its inputs; keep the mask that its result bears."""
        kind = stage.kind
        attends = kind in ATTENTION
        if attends and any(isinstance(each, Ref) for each in _given(kind, node)):
            from rfcalc.readers.lowering.masks import UNSURE

            return _seeing_all(stage, UNSURE)
        if kind == "softmax" and node.masks:  # what hides may be known in part, as order is beside padding
            from rfcalc.readers.lowering.masks import UNSURE

            stage = _unsure(stage, UNSURE)
        stage = self._mixed_with(name, self._read(name, stage, edges, node, config), edges, node)
        # a query that is padding itself is multiplied by zero, but in attention of several heads
        alone = kind in ("dot_attention", "additive_attention") and len(set(edges)) == 1
        alone = alone and stage.attrs.get("seen") is None  # in order it sees itself at least
        padded = attends and not alone and not self._padded.isdisjoint(edges)
        if padded and any(stage.attrs.get(setting) for setting in _HIDING):
            return _seeing_all(stage, _PADDED)
        return stage

    def _mixed_with(self, name: str, stage: Stage, edges: Sequence[Edge], node: Node) -> Stage:
        """Bound what meets a mask that is known in part: a constant one, joined with one of tensors."""
        mixed = [edge in self._mixed for edge in edges]
        joins = stage.kind == "minimum" or stage.attrs.get("function") in _JOINS
        if all(mixed) if any(mixed) else joins and _has_array((node.args, dict(node.kwargs))):
            self._mixed.add((name, 0))
        elif any(mixed) and not stage.extras.unsure:
            from rfcalc.readers.lowering.masks import UNSURE

            return _unsure(stage, UNSURE)
        return stage

    def _read(self, name: str, stage: Stage, edges: Sequence[Edge], node: Node, config: Config) -> Stage:
        """Return what a call is, with what constant masks hide."""
        kind, attrs, _ = stage
        attends = kind in ATTENTION
        arrays = _has_array(node.args) or any(map(_has_array, node.kwargs.values()))
        triangle = attrs.get("function") in ("tril", "triu")
        if not (arrays or triangle or any(edge in self._borne for edge in edges)):
            return stage
        try:
            if attends:
                return self._attended(stage, edges, node)
            return self._followed(name, stage, self._values(node, edges), node, config)
        except ImportError:
            hides = attends or triangle or any(map(_may_hide, _items((node.args, dict(node.kwargs)))))
            return _unsure(stage, _NO_NUMPY) if hides else stage

    def _values(self, node: Node, edges: Sequence[Edge]) -> list[Value]:
        """Return the tensors and numbers that a call is on; masks by name are none of them."""
        from rfcalc.readers.lowering.mask_constants import array_of
        from rfcalc.readers.lowering.value import Value

        named = {key: value for key, value in node.kwargs.items() if not key.endswith("mask")}
        rest, found = iter(edges), []
        for each in _items((node.args, named)):
            if isinstance(each, Ref):
                edge = next(rest, None)
                spec = None if edge is None else _spec(self._shapes.get(edge))
                found.append(Value(spec, edge, mask=None if edge is None else self._borne.get(edge)))
            else:
                data = array_of(each.value if isinstance(each, Constant) else each)
                shape = each.shape if isinstance(each, Constant) else () if data is None else data.shape
                found.append(Value(_spec(shape), None, data))
        return found

    def _followed(
        self, name: str, stage: Stage, values: Sequence[Value], node: Node, config: Config
    ) -> Stage:
        from rfcalc.readers.lowering import masks

        kind, attrs, _ = stage
        function = attrs.get("function", "")
        mask: Mask | None = None
        if function in ("tril", "triu"):
            stage, mask = _triangle(stage, values, node, config)
        elif kind in _MEETS or function in _CHOICES:
            if kind in _MEETS:
                alive, mask = masks.met(values, kind)
            elif len(values) == 3:
                alive, mask = masks.chosen(values[0], values[1], values[2], values)
            else:
                return stage
            hidden = masks.patterns(values, alive)
            if hidden:
                stage = stage._replace(attrs={**attrs, "alive": hidden})
        elif kind in ("matmul", "einsum"):
            stage = masks.seen(stage, [each for each in values if each.spec is None or each.spec.shape])
        elif kind in _MOVES and values:
            stage, mask = _moved(stage, values[0], node)
        if mask is not None:
            self._borne[name, 0] = mask
        return stage

    def _attended(self, stage: Stage, edges: Sequence[Edge], node: Node) -> Stage:
        """Return attention that says which keys constant masks leave."""
        from rfcalc.readers.lowering import masks
        from rfcalc.readers.lowering.mask_constants import array_of, mask_in

        kind, attrs, _ = stage
        query, key = (self._shapes.get(edges[min(place, len(edges) - 1)]) for place in (0, 1))
        given = [each for each in _given(kind, node) if isinstance(each, Constant)]
        bias = _bias(kind, node)
        keeps = [
            masks.truth(data, wanted=True) for each in given if (data := array_of(each.value)) is not None
        ]
        low = None if bias is None else mask_in(array_of(bias.value))
        if low is not None and low.low:
            keeps.append(masks.left(low))
        if not (given or keeps):
            return stage
        axis = None if query is None or key is None else _attended_axis(kind, attrs, len(query))
        if axis is None or len(keeps) < len(given) or any(each.ndim < 2 for each in keeps):
            return _unsure(stage, masks.UNSURE)
        assert query is not None
        assert key is not None
        keep = keeps[0]
        for each in keeps[1:]:
            keep = keep & each
        seen = masks.of_keys(keep, query[axis], key[axis], len(query), causal=bool(attrs.get("causal")))
        return stage if seen is None else stage._replace(attrs={**attrs, "seen": seen})


def _unsure(stage: Stage, reason: str) -> Stage:
    """Return what reads a bound, for a reason."""
    return stage._replace(extras=stage.extras._replace(unsure=reason))


def _seeing_all(stage: Stage, reason: str) -> Stage:
    """Let queries see all keys, for a bound: a query that a mask leaves no key averages over all of them."""
    kept = {name: value for name, value in stage.attrs.items() if name not in _HIDING}
    return _unsure(stage._replace(attrs=kept), reason)


def _attended_axis(kind: str, attrs: Mapping[str, Any], rank: int) -> int | None:
    """Return the axis of positions that attention goes along; None where there are several."""
    if kind != "multi_head_attention":
        return 1 if kind == "head_attention" else rank - 2
    axes = attrs.get("axes") or tuple(range(1, rank - 1))
    return axes[0] % rank if len(axes) == 1 else None


def _items(value: Any) -> Iterator[Any]:
    """Tensors, arrays and numbers of a structure, in order."""
    if isinstance(value, (Ref, Constant, bool, int, float)):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _items(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _items(each)


def _has_array(value: Any) -> bool:
    """Tell whether there is an array in a structure."""
    if isinstance(value, (tuple, list)):
        return any(map(_has_array, value))
    return any(map(_has_array, value.values())) if isinstance(value, dict) else isinstance(value, Constant)


def _given(kind: str, node: Node) -> list[Any]:
    """Return the tensors and arrays that attention is given for masks."""
    named = [value for key, value in node.kwargs.items() if key.endswith("mask")]
    placed = node.args[4:5] if kind == "head_attention" else ()
    return [*flatten([*named, *placed]), *(each for each in (*named, *placed) if isinstance(each, Constant))]


def _bias(kind: str, node: Node) -> Constant | None:
    """Return the array that is added to the scores of attention."""
    value = node.kwargs.get("bias", node.args[3] if len(node.args) > 3 else None)
    return value if kind == "head_attention" and isinstance(value, Constant) else None


def _may_hide(value: Any) -> bool:
    """Tell whether numbers may be a mask, without numpy."""
    if isinstance(value, Constant):
        return _may_hide(value.value)
    if isinstance(value, list):
        return any(map(_may_hide, value))
    return isinstance(value, (bool, int, float)) and (not value or value <= -1000)


def _spec(shape: tuple[Num, ...] | None) -> TensorSpec | None:
    """Return a tensor of which the extents alone are known."""
    return None if shape is None else TensorSpec(shape, (BATCH + SPATIAL * len(shape))[: len(shape)])


def _triangle(stage: Stage, values: Sequence[Value], node: Node, config: Config) -> tuple[Stage, Mask | None]:
    """Hide what is above or below a diagonal of the last two axes."""
    from rfcalc.algebra.number import is_known
    from rfcalc.readers.lowering import masks
    from rfcalc.readers.lowering.value import Mask

    attrs = stage.attrs
    spec = values[0].spec if values else None
    placed = node.args[1] if len(node.args) > 1 else 0
    diagonal = config.get("k", node.kwargs.get("k", placed))
    rows, columns = (UNKNOWN, UNKNOWN) if spec is None or len(spec.shape) < 2 else spec.shape[-2:]
    if not (is_known(rows) and is_known(columns)) or type(diagonal) is not int:
        return _unsure(stage, "a triangle of open extent is not followed"), None
    alive = masks.triangle(rows, columns, diagonal, upper=attrs["function"] == "triu")
    found = masks.patterns(values[:1], {0: alive})
    hiding = {**attrs, "alive": found} if found else attrs
    return stage._replace(kind="elementwise", attrs=hiding), Mask(alive, False)


def _moved(stage: Stage, value: Value, node: Node) -> tuple[Stage, Mask | None]:
    """Hand a mask on; a softmax may be given one of its own."""
    from rfcalc.readers.lowering import masks
    from rfcalc.readers.lowering.mask_constants import array_of
    from rfcalc.readers.lowering.value import Mask

    kind, attrs, _ = stage
    mask = value.mask
    given = node.kwargs.get("mask")
    data = array_of(given.value) if kind == "softmax" and isinstance(given, Constant) else None
    if data is not None:
        own = Mask(masks.truth(data, wanted=True), True, _ADDED, carried=True)
        mask = own if mask is None else masks.both(mask, own)
    same = kind == "activation" and attrs.get("function") in _SAME
    shape = attrs.get("shape") or ()
    order = attrs.get("order")
    if kind == "permute" and not (isinstance(order, tuple) and order[0] != "move"):
        return stage, None
    after = masks.handed_on("identity" if same else kind, attrs, mask, value, shape)
    return masks.unheard(stage, replace(value, mask=mask)), after

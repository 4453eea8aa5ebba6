"""Build a layer graph operation by operation, with the shapes that the rules give at once.

Formats whose shapes are themselves computed, by operations on shapes, need every shape while they are read.
So a rule is applied as soon as its layer is added; the results go along with the graph, and the analysis does
not repeat them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice, zip_longest
from math import exp
from typing import Any, Final

from rfcalc.algebra.number import Num, equal
from rfcalc.errors import RfcalcError
from rfcalc.graph.graph import Block, LayerGraph
from rfcalc.graph.layer import BATCH, CHANNEL, PLAIN, SPATIAL, Edge, Extras, Layer, Stage, TensorSpec, Weight
from rfcalc.readers.lowering.mask_constants import VERY_NEGATIVE, faint_in
from rfcalc.readers.lowering.masks import (
    fill_of,
    handed_on,
    is_large,
    mask_of,
    nothing,
    unheard,
)
from rfcalc.readers.lowering.value import Mask, Value
from rfcalc.readers.lowering.zero_kinds import moves
from rfcalc.records import NamedTuple
from rfcalc.rules.apply import RuleMemo
from rfcalc.rules.mix import named_axes
from rfcalc.rules.registry import Result, find
from rfcalc.wording import few

Attrs = Mapping[str, Any]


class Undecided(Exception):
    """Something that an operation needs while it is read is computed only when the model runs."""


class Node(NamedTuple):
    """One operation of the source.

    Parameters
    ----------
    name : str
        The name of its layer.
    op : str
        What the source calls the operation.
    outputs : tuple of str
        Names of the tensors it makes.
    block : tuple of str
        Names of the modules around it, outermost first.
    recorded : tuple of (tuple or None)
        Shapes of its outputs that the file records for this very input.
    dtypes : tuple of (str or None)
        Types of the elements of its outputs, where these are not those of what it takes.
    """

    name: str
    op: str
    outputs: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    recorded: tuple[tuple[Num, ...] | None, ...] = ()
    dtypes: tuple[str | None, ...] = ()


ARITHMETIC: Final = frozenset(
    (
        "add",
        "subtract",
        "multiply",
        "divide",
        "maximum",
        "minimum",
        "average",
        "elementwise",
        "matmul",
        "scatter",
    )
)
"""Kinds that make one tensor of several by computing."""

UNRESOLVED: Final = "cover"
"""The kind of a layer behind an unknown operation, whose settings cannot be told without a shape."""


def default_axes(rank: int) -> str:
    """Roles of axes that nothing is known of: batch, channels, positions, as ONNX and PyTorch order them.

    >>> default_axes(4), default_axes(2), default_axes(1)
    ('bcss', 'bc', 'c')
    """
    if rank < 2:
        return CHANNEL * rank
    return BATCH + CHANNEL + SPATIAL * (rank - 2)


class Builder:
    """Layers, one after the other, and what is known of the tensors between them.

    Parameters
    ----------
    assume : str
        What the user lets unknown operations be: ``report``, ``error``, ``bound`` or ``identity``.
    marked : bool
        Whether the source says which tensors are parameters: then what is made of them is never a mask.
    """

    def __init__(self, assume: str = "report", *, marked: bool = False) -> None:
        self.layers: dict[str, Layer] = {}
        self.results: dict[str, Result] = {}
        self.notes: list[tuple[str, str, str]] = []
        self._faint: dict[str, float] = {}
        self._assume = assume
        self.marked = marked
        self.large: set[str] = set()
        """Layers that meet a constant which is very large, or may be."""
        self.biased: set[str] = set()
        """Layers that make something else of zeros: they add a constant, or fill one in."""
        self.hollow: set[str] = set()
        """Layers whose constants are all zero."""
        self.zeros: dict[Edge, Any] = {}
        """Where tensors may be other than zero, as far as that was asked."""
        self.rules = RuleMemo()
        self._frozen: dict[Weight, Weight] = {}

    # ---- tensors -------------------------------------------------------------------------------------------

    def input(self, name: str, shape: tuple[Num, ...], axes: str, dtype: str) -> Value:
        """Add an input of the model."""
        spec = TensorSpec(shape, axes, dtype)
        attrs = {"shape": shape, "axes": axes, "dtype": dtype}
        layer = self.unique(name)
        self.layers[layer] = Layer(layer, "input", "Input", attrs=attrs, weights=(), outputs=(name,))
        self.results[layer] = Result((spec,), ((),))
        return Value(spec, (layer, 0))

    def unique(self, name: str) -> str:
        """Return the name, or where a layer has it already, the name with a number."""
        if name not in self.layers:
            return name
        number = 2
        while f"{name}#{number}" in self.layers:
            number += 1
        return f"{name}#{number}"

    def frozen(self, value: Value | None) -> Value | None:
        """Return a constant whose tensors training does not learn."""
        if value is None or not value.weights:
            return value
        for weight in value.weights:
            if weight not in self._frozen:
                self._frozen[weight] = replace(weight, trainable=False)
        weights = tuple([self._frozen[weight] for weight in value.weights])
        # spelled out, since this runs for every normalisation, and `replace` takes four times as long
        return Value(value.spec, value.edge, value.data, weights, value.computed, value.mask, value.unread)

    # ---- layers --------------------------------------------------------------------------------------------

    def add(
        self,
        node: Node,
        kind: str,
        inputs: Sequence[Value],
        attrs: Attrs | None = None,
        extras: Extras = PLAIN,
        *,
        weights: Sequence[Value | None] = (),
    ) -> tuple[Value, ...]:
        """Add the layer of an operation, and return its outputs.

        Parameters
        ----------
        node : Node
            The operation.
        kind : str
            Its canonical kind.
        inputs : sequence of Value
            What the kind takes. Constants among them become operands of the layer; where all are, the outputs
            are constants too and no layer is added.
        attrs : mapping
            Settings of the kind.
        extras : Extras
            What the operation does besides.
        weights : sequence of (Value or None)
            Tensors that the kind takes for its own weights. Those that the graph computes from the input are
            inputs of the layer as well, on which every output may depend.

        Raises
        ------
        AnalysisError
            The layer does not fit its inputs.
        """
        attrs = dict(attrs or {})
        held = [value for value in weights if value is not None]
        moving = [value for value in inputs if value.edge is not None]
        driven = [value for value in held if value.edge is not None]
        if not moving and not driven:
            whole = Stage(kind, attrs, extras)
            return self._masked(whole, inputs, self._constants(node, whole, inputs, held))
        owned = tuple(
            dict.fromkeys([weight for v in (*inputs, *held) if v.edge is None for weight in v.weights])
        )
        if None in [value.spec for value in (*inputs, *driven)]:
            return self._blind(node, (*moving, *driven), owned)
        if len(moving) < len(inputs):
            extras = extras._replace(operands=_operands(kind, attrs, inputs, moving))
        if driven:
            extras = extras._replace(masks=extras.masks + len(driven))
        taken = (*moving, *driven)
        specs = tuple([value.spec for value in taken if value.spec is not None])
        whole = Stage(kind, attrs, extras)
        hiding = unheard(whole, inputs[0]) if len(inputs) == 1 else whole
        result = self._apply(node, hiding, specs)
        edges = tuple([value.edge for value in taken if value.edge is not None])
        made = self._keep(node, hiding, edges, owned, result)
        if len(held) > 1:
            self.bias(made)
        if extras.operands and made[0].edge is not None:
            constants = [value for value in inputs if value.edge is None]
            if all(fill_of(value) is False and not value.weights for value in constants):
                self.hollow.add(made[0].edge[0])
        self.meet(made, inputs)
        return self._masked(whole, inputs, made)

    def meet(self, made: Sequence[Value], values: Sequence[Value]) -> None:
        """Remember of a layer that it meets a constant which is very large, or may be."""
        for value in values:  # a loop: it runs for every layer
            if value.edge is None and made[0].edge is not None and is_large(value):
                self.large.add(made[0].edge[0])

    def hide_faintly(self, made: Sequence[Value], values: Sequence[Value]) -> None:
        """Remember of a layer that it adds a mask that leaves next to nothing, and so hides nothing."""
        for value in values:
            if value.edge is None and value.data is not None and made[0].edge is not None:
                number = faint_in(value.data)
                if number is not None:
                    self._faint[made[0].edge[0]] = number

    def _faint_notes(self) -> list[tuple[str, str, str]]:
        """Say of such masks that what they mean to hide counts as seen."""
        names = [name for name in self._faint if name in self.layers]
        if not names:
            return []
        adds = f"{few(map(repr, names))} add masks" if len(names) > 1 else f"{names[0]!r} adds a mask"
        number = max(self._faint[name] for name in names)
        text = (
            f"{adds} of {number:g}: a softmax leaves {exp(number):.0e} of a weight, which counts as seen; "
            f"{VERY_NEGATIVE:g} or less hides it"
        )
        return [("faint-mask", names[0], text)]

    def bearing(self, made: Sequence[Value], mask: Mask | None) -> tuple[Value, ...]:
        """Return the results of an operation, the first of which bears a mask."""
        first = replace(made[0], mask=mask)
        if first.edge is not None and mask is not None and not mask.low and mask.alive is not None:
            self.zeros[first.edge] = mask.alive.reshape(
                (1,) * (first.rank - mask.alive.ndim) + mask.alive.shape
            )
        return (first, *made[1:])

    def followed(self, made: Sequence[Value], stages: tuple[Stage, ...]) -> tuple[Value, ...]:
        """Let the layer of an operation that was added go on with functions of single elements.

        These change neither shapes nor what depends on what; what a mask left of its elements is not followed
        through them.
        """
        first = made[0]
        if first.edge is None:
            return tuple(made)
        layer = self.layers[first.edge[0]]
        if not layer.extras.blind:
            extras = layer.extras._replace(then=(*layer.extras.then, *stages))
            self.layers[layer.name] = replace(layer, extras=extras)
        self.zeros.pop(first.edge, None)
        return (replace(first, mask=None), *made[1:])

    def bias(self, made: Sequence[Value]) -> None:
        """Remember of a layer that it makes something else of zeros."""
        if made[0].edge is not None:
            self.biased.add(made[0].edge[0])

    def unknown(self, node: Node, inputs: Sequence[Value], why: str = "") -> tuple[Value, ...]:
        """Add an operation that no rule knows; its outputs have the shapes that the file records, if any."""
        owned = tuple(dict.fromkeys(weight for value in inputs for weight in value.weights))
        moving = [value for value in inputs if not value.constant]
        if not moving:
            return tuple(self._recorded(node, k, None, owned) for k in range(len(node.outputs)))
        edges = tuple(value.edge for value in moving if value.edge is not None)
        name = self.unique(node.name)
        self.layers[name] = Layer(
            name,
            f"{node.op} (unknown)",
            node.op,
            edges,
            {"why": why} if why else {},
            weights=owned,
            block=node.block,
            recorded=node.recorded,
            outputs=node.outputs,
        )
        values = [self._recorded(node, k, (name, k)) for k in range(len(node.outputs))]
        assumed = self._assume in ("bound", "identity") and moving[0].spec is not None
        if assumed and (self._assume == "identity" or values[0].spec is None):
            values[0] = replace(values[0], spec=moving[0].spec)
        return tuple(values)

    def drop(self, layers: int, notes: int | None = None) -> None:
        """Take back the layers, and where said the notes, that were added after the first so many."""
        while len(self.layers) > layers:
            name, _ = self.layers.popitem()
            self.results.pop(name, None)
        if notes is not None:
            del self.notes[notes:]

    def rename(self, value: Value, output: str) -> None:
        """Give the tensor the name that it has outside of the function or branch that makes it."""
        if value.edge is None:
            return
        name, place = value.edge
        layer = self.layers[name]
        names = (*layer.outputs, *("" for _ in range(place + 1 - len(layer.outputs))))
        self.layers[name] = replace(layer, outputs=(*names[:place], output, *names[place + 1 :]))

    def graph(
        self,
        outputs: Sequence[Value],
        *,
        name: str,
        format: str,
        source: str,
        blocks: Sequence[Block] = (),
        made_for: tuple[str, tuple[int, ...]] | None = None,
    ) -> LayerGraph:
        """Return the graph of what was added."""
        edges = tuple(dict.fromkeys(value.edge for value in outputs if value.edge is not None))
        return LayerGraph(
            self.layers.values(),
            name=name,
            format=format,
            source=source,
            outputs=edges,
            blocks=blocks,
            notes=(*self.notes, *self._faint_notes()),
            results=self.results,
            made_for=made_for,
        )

    # ---- inside --------------------------------------------------------------------------------------------

    def _apply(self, node: Node, whole: Stage, specs: tuple[TensorSpec, ...]) -> Result:
        """Run the rule, or find what it said of the same settings and inputs before."""
        rule = find(whole.kind)
        if rule is None:
            raise AssertionError(f"there is no kind {whole.kind!r}")
        try:
            return self.rules.apply(rule, whole.attrs, specs, whole.extras)
        except RfcalcError as error:
            error.where = error.where or f"layer {node.name!r}"
            raise

    def _keep(
        self, node: Node, whole: Stage, edges: tuple[Edge, ...], owned: tuple[Weight, ...], result: Result
    ) -> tuple[Value, ...]:
        name = self.unique(node.name)
        kind, attrs, extras = whole
        if node.dtypes:
            result = _typed(result, node.dtypes)
        self.layers[name] = Layer(
            name, kind, node.op, edges, attrs, owned, block=node.block, outputs=node.outputs, extras=extras
        )
        self.results[name] = result
        return tuple([Value(spec, (name, k)) for k, spec in enumerate(result.outputs)])

    def _constants(
        self, node: Node, whole: Stage, inputs: Sequence[Value], held: Sequence[Value]
    ) -> tuple[Value, ...]:
        """Follow constants through an operation: their shapes, and which parameters they were made from."""
        weights = tuple(dict.fromkeys(weight for value in (*inputs, *held) for weight in value.weights))
        specs = tuple(value.spec for value in inputs if value.spec is not None)
        if len(specs) < len(inputs):
            return tuple(Value(None, weights=weights) for _ in node.outputs)
        result = self._apply(node, whole, specs)
        against_itself = whole.kind in ARITHMETIC and not self.marked and _meet_themselves((*inputs, *held))
        computed = against_itself or any(value.computed for value in (*inputs, *held))
        unread = any(value.unread for value in inputs)
        made = tuple(
            Value(spec, weights=weights, computed=computed, unread=unread) for spec in result.outputs
        )
        zero = not (weights or held) and all(fill_of(value) is False for value in inputs)
        zero = zero and bool(inputs) and moves(whole, len(inputs))
        return tuple(map(nothing, made)) if zero else made

    def _masked(self, whole: Stage, inputs: Sequence[Value], made: tuple[Value, ...]) -> tuple[Value, ...]:
        """Let the first result bear the mask that it has from the one input."""
        kind, attrs, extras = whole
        if len(inputs) != 1 or not made or made[0].spec is None or extras.prepare or extras.then:
            return made
        only = inputs[0]
        before = mask_of(only)
        if before is None:
            return made
        mask = handed_on(kind, attrs, before, only, made[0].spec.shape)
        return made if mask is None else self.bearing(made, mask)

    def _blind(self, node: Node, moving: Sequence[Value], owned: tuple[Weight, ...]) -> tuple[Value, ...]:
        """Add a layer whose inputs have no known shape: nothing is known of it but its weights."""
        # the tensors of the model have shapes, so it is one of the constants that has none
        if all(value.spec is not None for value in moving):
            held = (Value(None, weights=(weight,)) for weight in owned)
            return self.unknown(node, (*moving, *held), "the shape of a constant that it takes is not known")
        edges = tuple(value.edge for value in moving if value.edge is not None)
        name = self.unique(node.name)
        self.layers[name] = Layer(
            name,
            UNRESOLVED,
            node.op,
            edges,
            weights=owned,
            block=node.block,
            recorded=node.recorded,
            outputs=node.outputs,
            extras=Extras(blind=True),
        )
        return tuple(self._recorded(node, k, (name, k)) for k in range(max(len(node.outputs), 1)))

    def blind(self, node: Node, inputs: Sequence[Value]) -> tuple[Value, ...]:
        """Add an operation that cannot be read because a shape before it is not known."""
        owned = tuple(dict.fromkeys(weight for value in inputs for weight in value.weights))
        moving = [value for value in inputs if not value.constant]
        if not moving:
            return tuple(Value(None, weights=owned) for _ in node.outputs)
        return self._blind(node, moving, owned)

    def _recorded(
        self, node: Node, output: int, edge: Edge | None, weights: tuple[Weight, ...] = ()
    ) -> Value:
        shape = node.recorded[output] if output < len(node.recorded) else None
        spec = None if shape is None else TensorSpec(shape, default_axes(len(shape)))
        return Value(spec, edge, weights=weights)

    def attribute(self, values: Sequence[Value], weights: Sequence[Weight], since: int) -> tuple[Value, ...]:
        """Return the results of an operation, which takes all these weights, whatever was made of them.

        Those that are missing join the last of the layers that were added after the first `since`, or where
        none was, the constants that the results are.
        """
        added = list(islice(reversed(self.layers.values()), len(self.layers) - since))
        if not added:
            return tuple([_joined(value, weights) if value.constant else value for value in values])
        held = {weight.identity for layer in added for weight in layer.weights or ()}
        missing = tuple([weight for weight in weights if weight.identity not in held])
        if missing:
            last = added[0]
            self.layers[last.name] = replace(last, weights=(*(last.weights or ()), *missing))
        return tuple(values)

    def stored(self, node: Node, value: Value) -> Value:
        """Add a layer for a constant that the model returns, which holds the tensors that it is made from."""
        if value.spec is None:
            return value
        attrs = {"shape": value.spec.shape, "axes": value.spec.axes, "reason": "it is a constant"}
        whole = Stage(UNRESOLVED, attrs)
        return self._keep(node, whole, (), value.weights, self._apply(node, whole, ()))[0]


def _meet_themselves(values: Sequence[Value]) -> bool:
    """Tell whether two of the constants were made from one and the same tensor."""
    made = [weight.identity for value in values for weight in value.weights]
    return len(set(made)) < len(made)


def _joined(value: Value, weights: Sequence[Weight]) -> Value:
    """Return a constant that is made from these tensors too."""
    held = {weight.identity for weight in value.weights}
    missing = [weight for weight in weights if weight.identity not in held]
    return replace(value, weights=(*value.weights, *missing)) if missing else value


def _operands(
    kind: str, attrs: Attrs, inputs: Sequence[Value], moving: Sequence[Value]
) -> tuple[tuple[int, TensorSpec], ...]:
    """List constants with their places; their axes are what those of the other inputs are.

    A table that indices look up has nothing in common with them: it holds features. The last two axes of a
    matrix are its own: of one that no sample made none of them counts samples.
    """
    if kind == "gather" and inputs[0].constant and inputs[0].spec is not None:
        return ((0, replace(inputs[0].spec, axes=CHANNEL * inputs[0].rank)),)
    others = {value.rank: value.spec for value in reversed(moving) if value.spec is not None}
    own = 2 if kind == "matmul" else 0
    found = [
        (place, _beside(value.spec, others.get(value.rank), own))
        for place, value in enumerate(inputs)
        if value.constant and value.spec is not None
    ]
    return _by_letters(str(attrs["equation"]), inputs, found) if kind == "einsum" else tuple(found)


def _by_letters(
    equation: str, inputs: Sequence[Value], found: Sequence[tuple[int, TensorSpec]]
) -> tuple[tuple[int, TensorSpec], ...]:
    """Give each axis of a constant the role that its letter has in the other inputs.

    A letter that they do not have counts no samples.
    """
    specs = [value.spec for value in inputs if value.spec is not None]
    named, _ = named_axes(equation, specs)
    roles: dict[str, str] = {}
    for letters, value in zip(named, inputs, strict=True):
        if value.edge is not None and value.spec is not None:
            for letter, role in zip(letters, value.spec.axes, strict=True):
                roles.setdefault(letter, role)
    listed = []
    for place, spec in found:
        own = spec.axes.replace(BATCH, CHANNEL)
        axes = "".join([roles.get(letter, role) for letter, role in zip(named[place], own, strict=True)])
        listed.append((place, spec if axes == spec.axes else replace(spec, axes=axes, folded=1, merged=())))
    return tuple(listed)


def _beside(spec: TensorSpec, other: TensorSpec | None, own: int) -> TensorSpec:
    """Return a constant with the roles of another tensor of its rank, but for its `own` last axes.

    What goes along with all elements of a batch axis that positions were merged into has these positions too.
    """
    axes = spec.axes.replace(BATCH, SPATIAL) if other is None else other.axes
    lead = max(len(axes) - own, 0)
    axes = axes[:lead] + axes[lead:].replace(BATCH, SPATIAL)
    if other is not None and BATCH in axes:
        samples = [place for place, role in enumerate(axes) if role == BATCH]
        if all(equal(spec.shape[place], other.shape[place]) for place in samples):
            return replace(spec, axes=axes, folded=other.folded, merged=other.merged)
    return replace(spec, axes=axes)


def _typed(result: Result, dtypes: Sequence[str | None]) -> Result:
    """Return a result whose outputs have these types of elements, the same one where they do."""
    outputs = tuple(
        [
            spec if dtype is None or spec.dtype == dtype else replace(spec, dtype=dtype)
            for spec, dtype in zip_longest(result.outputs, dtypes[: len(result.outputs)])
        ]
    )
    return result if outputs == result.outputs else result._replace(outputs=outputs)

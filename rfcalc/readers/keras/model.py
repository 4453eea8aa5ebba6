"""Read a Keras model: Sequential and Functional, nested and shared, from ``to_json()`` of Keras 2 and 3."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rfcalc.algebra.number import Num
from rfcalc.errors import ReadError
from rfcalc.graph import Block, Edge, Layer, LayerGraph
from rfcalc.graph.layer import Extras, Stage, Weight
from rfcalc.readers.keras.calls import read_call
from rfcalc.readers.keras.config import Config, read_shape, shown
from rfcalc.readers.keras.entries import (
    DEEPEST,
    SEQUENTIAL,
    class_of,
    config_of,
    is_float32,
    is_frozen,
    is_model,
    is_operation,
    name_of,
    quantisation,
    unwrapped,
)
from rfcalc.readers.keras.inputs import Inputs, declared_shape, implied_shape
from rfcalc.readers.keras.keras1 import converted
from rfcalc.readers.keras.masks import Masks
from rfcalc.readers.keras.nodes import Node, constants_in, flatten, read_nodes, read_structure
from rfcalc.readers.keras.published import drawn
from rfcalc.readers.keras.sharing import Twins
from rfcalc.readers.keras.topology import model_in_topology
from rfcalc.readers.keras.wiring import Tensors, edges_in, given_to, node_bases, ordered
from rfcalc.records import NamedTuple

if TYPE_CHECKING:
    from rfcalc.readers.keras.grafts import Graft

_BITS: Final = ("int8", "int4")
_QUANTISED: Final = ("linear", "einsum_dense", "embedding")
"""Modes in which, and kinds whose kernel, Keras keeps as integers that are not trained."""

_CLIPS: Final = (
    "it clips at a distance from the loudest value of the whole tensor, so that every value depends on all "
    "samples, those of the other signals of the batch too; power_to_db=False does not"
)

MOST_LAYERS: Final = 200_000
MOST_MODELS: Final = 10_000
"""Calls of nested models; models that call each other twice multiply with every level."""


def read_keras(
    document: Mapping[str, Any], *, source: str = "<dict>", shapes: Mapping[str, Sequence[Any]] | None = None
) -> LayerGraph:
    """Read the document that Keras's ``to_json()`` gives.

    Parameters
    ----------
    document : mapping
        The parsed JSON.
    source : str
        Name of the file.
    shapes : mapping, optional
        Shapes for inputs by name, batch included, in place of the file's; under ``""`` for the only one.

    Raises
    ------
    ReadError
        The document is no Keras model, with the place.
    UsageError
        `shapes` do not fit the model's inputs.
    """
    model = Config(converted(model_in_topology(document)), "model")
    class_name = model.text("class_name")
    config = config_of(model)
    if not is_model(model):
        raise ReadError(
            f"{shown(class_name)} is a subclassed model, whose file does not hold its layers; "
            "read the live model by rfcalc.from_keras, build it with the functional API, or export it to "
            "ONNX; where it is functional inside, as backbones b of Keras Hub are, save "
            "keras.Model(b.inputs, b.outputs).to_json()"
        )
    reader = _Reader(Inputs(dict(shapes or {})))
    frozen = class_name not in SEQUENTIAL and config.get("trainable") is False
    outputs = reader.expand(config, _Scope((), (), 0, not frozen), None)
    reader.inputs.check_all_used()
    return LayerGraph(
        reader.finished(),
        name=config.get("name") if isinstance(config.get("name"), str) else class_name,
        format="keras",
        source=source,
        outputs=list(dict.fromkeys(outputs)),
        blocks=reader.blocks,
        notes=[*reader.notes, *reader.twins.notes()],
    )


class _Scope(NamedTuple):
    """Where a model stands: the names of this call, those of the layers in the source, what is frozen."""

    path: tuple[str, ...]
    owner: tuple[str, ...]
    lead: int
    trainable: bool

    def inner(self, name: str, call: str, lead: int) -> _Scope:
        if len(self.path) >= DEEPEST:
            raise ReadError(f"models are nested more than {DEEPEST} deep")
        # Keras freezes the layers of the outermost model alone by what its config says
        return _Scope((*self.path, call), (*self.owner, name), self.lead + lead, self.trainable)


class _Nested(NamedTuple):
    """A model that a layer is: its class, its layers, and how many axes lead before it.

    What a published layer is made of is drawn for one call, so that its masks are inputs of the model too.
    """

    class_name: str
    config: Config
    lead: int
    drawn: bool = False
    keeps_padding: bool = False


class _Made(NamedTuple):
    """The outputs of a call; open where its rule says later how many there are."""

    edges: list[Edge]
    open: bool


class _Reader:
    """Collects the layers of a document; one use."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.layers: list[Layer] = []
        self.blocks: list[Block] = []
        self.recorded: dict[Edge, tuple[Num, ...]] = {}
        self.calls: dict[tuple[str, ...], int] = {}
        self.owners: dict[tuple[str, ...], str] = {}
        self.names: set[str] = set()
        self.reserved: set[str] = set()
        self.models = 0
        self.twins = Twins()
        self.masks = Masks()
        self.notes: list[tuple[str, str, str]] = []
        self.typed = True

    # ---- models --------------------------------------------------------------------------------------------

    def expand(self, config: Config, scope: _Scope, given: Any) -> list[Edge]:
        """Add the layers of a model; `given` are the tensors it is called on, None for the outermost."""
        self.models += 1
        if self.models > MOST_MODELS:
            raise ReadError(f"nested models are called more than {MOST_MODELS:,} times", where=config.where)
        if "input_layers" in config.data or any(
            isinstance(each, dict) and each.get("inbound_nodes") for each in config.list("layers")
        ):
            return self._functional(config, scope, given)
        return self._sequential(config, scope, given)

    def _sequential(self, config: Config, scope: _Scope, given: Any) -> list[Edge]:
        current: list[Edge] = [] if given is None else list(edges_in(given))
        names: set[str] = set()
        for entry in list(_entries(config)):
            class_name = entry.text("class_name")
            inner = config_of(entry)
            name = name_of(entry, inner)
            if name in names and isinstance(entry.get("config"), list):  # Keras 2.2 wrote no name here
                name = next(f"{name}_{k}" for k in range(1, len(names) + 2) if f"{name}_{k}" not in names)
            _check_new(name, names, entry)
            names.add(name)
            if class_name == "InputLayer":
                if not current:
                    current = [self._declared_input(name, inner)]
                continue
            if not current:
                shape = implied_shape(config, inner)
                current = [self._input("input_layer", shape, config.where)]
            self._record_built(entry, current, scope)
            current = self._call(entry, name, current, Node(()), scope).edges
        if not current:
            raise ReadError("the model has no layers", where=f"{config.where}.layers")
        return current

    def _functional(self, config: Config, scope: _Scope, given: Any) -> list[Edge]:
        entries: dict[str, tuple[Config, list[Node]]] = {}
        for entry in _entries(config):
            name = name_of(entry, config_of(entry))
            _check_new(name, entries, entry)
            nodes = read_nodes(entry.get("inbound_nodes"), f"{entry.where}.inbound_nodes")
            entries[name] = (entry, nodes or [Node(())])
        tensors = Tensors()
        inputs = read_structure(config.get("input_layers"), f"{config.where}.input_layers")
        if given is not None:
            tensors.bind(inputs, given, config.where)
        # the names of the file come before those that are made for further calls and nested layers
        self.reserved.update("/".join((*scope.path, name)) for name in entries if _may_clash(name))
        where = f"{config.where}.output_layers"
        returned = list(flatten(read_structure(config.get("output_layers"), where)))
        base, output_base = node_bases(entries, returned)
        for name, index in ordered(entries, base, config.where):
            entry, nodes = entries[name]
            if entry.text("class_name") != "InputLayer":
                self._functional_call(entry, name, index, nodes[index - base[name]], tensors, scope)
            elif (name, index, 0) not in tensors:
                if given is not None:
                    raise ReadError("an input of this nested model is not given", where=entry.where)
                tensors.add(name, index, [self._declared_input(name, config_of(entry))])
        out = []
        for ref in returned:
            shift = base.get(ref.layer, 0) - output_base.get(ref.layer, 0)
            out.append(tensors.get((ref.layer, ref.node + shift, ref.tensor), where))
        if not out:
            raise ReadError("must name the tensors that the model returns", where=where)
        return out

    def _functional_call(
        self, entry: Config, name: str, index: int, node: Node, tensors: Tensors, scope: _Scope
    ) -> None:
        edges = []
        for ref in node.refs:
            edge = tensors.get(ref.key, f"{entry.where}.inbound_nodes")
            edges.append(edge)
            if ref.shape is not None and not scope.lead:  # inside TimeDistributed an axis is missing
                self.recorded.setdefault(edge, ref.shape)
                self.masks.learn(edge, ref.shape)
        made = self._call(entry, name, edges, node, scope)
        if made.open:
            tensors.add_layer(name, index, made.edges[0][0])
        else:
            tensors.add(name, index, made.edges)

    def _record_built(self, entry: Config, current: list[Edge], scope: _Scope) -> None:
        """Keep the input shape that a layer was built with: in a Sequential nothing else records it."""
        built = entry.get("build_config")
        shape = built.get("input_shape") if isinstance(built, dict) else None
        if not isinstance(shape, list) or any(isinstance(each, (list, dict)) for each in shape):
            return
        if len(current) == 1 and not scope.lead:
            known = read_shape(shape, f"{entry.where}.build_config.input_shape")
            self.recorded.setdefault(current[0], known)

    # ---- layers --------------------------------------------------------------------------------------------

    def _call(self, entry: Config, name: str, edges: list[Edge], node: Node, scope: _Scope) -> _Made:
        """Add one call of a layer, or of the nested model that it is, and return its outputs."""
        name = entry.text("of", name)  # a live layer has an entry for each sort of its calls
        key = (*scope.owner, name)
        times = self.calls[key] = self.calls.get(key, 0) + 1
        call = name if times == 1 else f"{name}@{times}"
        if times == 1:
            self.twins.add(key, entry)
        if (graft := _graft_of(entry)) is not None:
            owner = self.owners.setdefault(key, "/".join((*scope.path, call)))
            return _Made(self._graft(entry, graft, (*scope.path, call), edges, owner), open=False)
        nested = self._nested(entry, key, edges, node, scope)
        if nested is not None:
            if not nested.drawn:
                edges, _ = node.split_masks(edges)
            inner = scope.inner(name, call, nested.lead)
            # inner layers of a second call are named by this call's name, but belong to the same layers
            given = list(edges) if nested.drawn else given_to(node, edges)
            outputs = self.expand(nested.config, inner, given)
            block = Block(inner.path, nested.class_name, tuple(outputs), is_layer=True, inputs=tuple(edges))
            self.blocks.append(block)
            if nested.keeps_padding or entry.get("padded") is True:  # a live layer's outputs bear masks
                self.masks.pad(outputs)
            return _Made(outputs, open=False)
        full = self._fresh("/".join((*scope.path, call)), own=times == 1 and _may_clash(name))
        self._add_layer(entry, full, self.owners.setdefault(key, full), edges, node, scope)
        return _Made([(full, 0)], open=True)

    def _graft(
        self, entry: Config, graft: Graft, path: tuple[str, ...], edges: list[Edge], owner: str
    ) -> list[Edge]:
        """Add what the code of a live layer does, and return its outputs."""
        from rfcalc.readers.keras.grafts import grafted

        made = grafted(graft, path, edges, owner, self._fresh)
        for layer in made.layers:
            self.inputs.learn_axes(layer.name, layer.whole, list(layer.inputs))
        self.layers += made.layers
        self.notes += made.notes
        self.blocks += made.blocks
        whole = Block(path, entry.text("class_name"), tuple(made.outputs), is_layer=True, inputs=tuple(edges))
        self.blocks.append(whole)
        return made.outputs

    def _nested(
        self, entry: Config, key: tuple[str, ...], edges: list[Edge], node: Node, scope: _Scope
    ) -> _Nested | None:
        """Return the model that a layer is, by the file or by what its package builds."""
        inner, lead = unwrapped(entry)
        class_name = inner.text("class_name")
        if is_model(inner):
            return _Nested(class_name, config_of(inner), lead)
        padded = self.masks.is_padded(edges)
        # what TimeDistributed repeats is called on steps, whose shape is that which it was built for
        call = Node(()) if lead else node
        made = drawn(inner, call, "/".join(key), trainable=scope.trainable, padded=padded)
        if made is None or len(edges) != len(made.config.list("input_layers")):
            return None
        return _Nested(class_name, made.config, lead, True, padded and made.keeps_padding)

    def _add_layer(
        self, entry: Config, name: str, owner: str, edges: list[Edge], node: Node, scope: _Scope
    ) -> None:
        """Add one call of a layer; `owner` is the first call's name, by which its weights are known."""
        class_name, config = entry.text("class_name"), config_of(entry)
        stage, edges = read_call(entry, config, node, edges, scope.lead)
        if not scope.lead and stage.kind != "unknown":
            stage = self.masks.follow(name, stage, edges, node, config)
        operation = is_operation(entry, class_name)
        if isinstance(entry.get("shapes"), list) and not scope.lead:  # those of a live layer's outputs
            for place, shape in enumerate(entry.list("shapes")):
                self.recorded.setdefault((name, place), read_shape(shape, f"{entry.where}.shapes"))
        if not operation:
            self.masks.learn_padding(name, class_name, edges, config)
        self.inputs.learn_axes(name, stage, edges)
        extras = self._quantised(name, stage, config)
        if stage.attrs.get("clips"):
            self.notes.append(("whole-batch", name, _CLIPS))
        self.layers.append(
            Layer(
                name,
                stage.kind,
                class_name,
                tuple(edges),
                stage.attrs,
                owner=None if name == owner else owner,
                block=scope.path,
                weights=_weights(entry, operation, node),
                trainable="weights" in entry.data or (scope.trainable and not is_frozen(config)),
                extras=extras,
            )
        )
        if len(self.layers) > MOST_LAYERS:
            raise ReadError(f"the model has more than {MOST_LAYERS:,} layers")

    def _quantised(self, name: str, stage: Stage, config: Config) -> Extras:
        """Add to the extras how few bits the kernel has, and say what that does to counts."""
        self.typed = self.typed and is_float32(config)
        found = quantisation(config)
        if found is None:
            return stage.extras
        mode, block = found
        if mode in _BITS and stage.kind in _QUANTISED:
            packed = ", of the kernel before packing two numbers into a byte" if mode == "int4" else ""
            message = f"its kernel is kept as {mode} and is not trained; counts are with its scales{packed}"
            self.notes.append(("quantised", name, message))
            return stage.extras._replace(quantised=(mode, block))
        message = f"the scales of its quantisation ({mode}) are left out; counts are those before it"
        self.notes.append(("quantised", name, message))
        return stage.extras

    def _fresh(self, wanted: str, *, own: bool = False) -> str:
        """Return a name that no layer has: slashes and @ in names of the file could make two equal."""
        name, number = wanted, 1
        while name in self.names or (name in self.reserved and not own):
            number += 1
            name = f"{wanted}#{number}"
        self.names.add(name)
        return name

    # ---- inputs --------------------------------------------------------------------------------------------

    def _declared_input(self, name: str, config: Config) -> Edge:
        self.typed = self.typed and is_float32(config)
        return self._input(name, declared_shape(config), config.where)

    def _input(self, name: str, shape: tuple[Num, ...] | None, where: str) -> Edge:
        attrs = {"shape": self.inputs.shape_of(name, shape, where)}
        name = self._fresh(name)
        self.inputs.add(name)
        self.layers.append(Layer(name, "input", "InputLayer", attrs=attrs))
        return name, 0

    def finished(self) -> list[Layer]:
        """Return the layers, with the roles of input axes and the shapes that the file records.

        Types of elements are not followed where any layer works on others than 32-bit floats.
        """
        dtype = "float32" if self.typed else ""
        out = []
        for made in self.layers:
            layer = made
            if layer.kind == "input":
                axes = self.inputs.axes_of(layer.name, len(layer.attrs["shape"]))
                layer = replace(layer, attrs={**layer.attrs, "axes": axes, "dtype": dtype})
            elif layer.kind == "unknown":
                recorded = list(layer.recorded)
                # what the file records holds for its own input sizes alone
                while not self.inputs.resized and (layer.name, len(recorded)) in self.recorded:
                    recorded.append(self.recorded[layer.name, len(recorded)])
                layer = replace(layer, recorded=tuple(recorded))
            out.append(layer)
        return out


def _weights(entry: Config, operation: bool, node: Node) -> tuple[Weight, ...] | None:
    """Return the weights that a live model's layer or operation holds; None where its rule tells them.

    Of a file, operations and code certainly have none.
    """
    if operation:
        taken = constants_in((node.args, dict(node.kwargs)))
        return tuple(dict.fromkeys(weight for each in taken for weight in each.weights))
    if isinstance(entry.get("weights"), tuple):
        held: tuple[Weight, ...] = entry.get("weights")
        return held
    nothing = node.kwargs.get("reverse") is True or class_of(entry) == "Lambda"
    return () if nothing else None


def _entries(config: Config) -> Iterator[Config]:
    for k, each in enumerate(config.list("layers")):
        yield Config(each, f"{config.where}.layers[{k}]")


def _check_new(name: str, names: Collection[str], entry: Config) -> None:
    if name in names:
        raise ReadError(f"two layers are called {shown(name)}; give each its own", where=entry.where)


def _graft_of(entry: Config) -> Graft | None:
    """Return what the code of a live layer does; None of a layer of a file, which holds none."""
    found = entry.get("graft")
    if found is None:
        return None
    from rfcalc.readers.keras.grafts import Graft

    return found if isinstance(found, Graft) else None


def _may_clash(name: str) -> bool:
    """Tell whether a name of the file looks like those that are made for further calls and nested layers."""
    return "@" in name or "/" in name

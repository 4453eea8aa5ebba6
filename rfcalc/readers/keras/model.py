"""Read a Keras model: Sequential and Functional, nested and shared, from ``to_json()`` of Keras 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from rfcalc.algebra.number import UNKNOWN, Num
from rfcalc.errors import ReadError, UsageError
from rfcalc.graph import Block, Edge, Layer, LayerGraph
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL
from rfcalc.readers.keras.config import Config, class_of, read_shape, shown
from rfcalc.readers.keras.entries import (
    DEEPEST,
    SEQUENTIAL,
    is_frozen,
    is_model,
    is_quantised,
    layer_name,
    model_config,
    model_in,
    nested_input_shape,
)
from rfcalc.readers.keras.layers import make_layer
from rfcalc.readers.keras.nodes import Node, flatten, read_nodes, read_structure
from rfcalc.readers.keras.ops import is_operation, make_operation
from rfcalc.readers.keras.wiring import (
    bind_inputs,
    call_order,
    edges_in,
    find_tensor,
    given_tensors,
    node_bases,
    query_key_value,
)

MOST_LAYERS: Final = 200_000
MOST_MODELS: Final = 10_000
"""Calls of nested models; models that call each other twice multiply with every level."""

ROLES: Final = {0: "", 1: "b", 2: "bc", 3: "bsc", 4: "bssc", 5: "bsssc", 6: "bssssc"}

Shapes = Mapping[str, Sequence[Any]]


def read_keras(
    document: Mapping[str, Any], *, source: str = "<dict>", shapes: Shapes | None = None
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
    model = Config(document, "")
    model.where = "model"
    class_name = model.text("class_name")
    config = model_config(model)
    if not is_model(model):
        raise ReadError(
            f"{shown(class_name)} is a subclassed model, whose file does not hold its layers; "
            "build it with the functional API, or export it to ONNX"
        )
    reader = _Reader(dict(shapes or {}))
    frozen = class_name not in SEQUENTIAL and config.get("trainable") is False
    outputs = reader.expand(config, _Scope((), (), 0, not frozen), None)
    reader.check_shapes()
    return LayerGraph(
        reader.finished(),
        name=config.get("name") if isinstance(config.get("name"), str) else class_name,
        format="keras",
        source=source,
        outputs=list(dict.fromkeys(outputs)),
        blocks=reader.blocks,
        notes=reader.notes,
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
        return _Scope((*self.path, call), (*self.owner, name), self.lead + lead, self.trainable)


class _Reader:
    """Collects the layers of a document; one use."""

    def __init__(self, shapes: dict[str, Sequence[Any]]) -> None:
        self.shapes = shapes
        self.used: set[str] = set()
        self.input_names: list[str] = []
        self.layers: list[Layer] = []
        self.blocks: list[Block] = []
        self.recorded: dict[Edge, tuple[Num, ...]] = {}
        self.roles: dict[str, str] = {}
        self.axes_of: dict[str, str] = {}
        self.calls: dict[tuple[str, ...], int] = {}
        self.owners: dict[tuple[str, ...], str] = {}
        self.names: set[str] = set()
        self.reserved: set[str] = set()
        self.models = 0
        self.resized = False
        self.notes: list[tuple[str, str, str]] = []

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
        entries = [
            Config(each, f"{config.where}.layers[{k}]") for k, each in enumerate(config.list("layers"))
        ]
        current: list[Edge] = [] if given is None else list(edges_in(given))
        names: set[str] = set()
        for entry in entries:
            class_name = entry.text("class_name")
            inner = model_config(entry)
            name = layer_name(entry, inner)
            if name in names and isinstance(entry.get("config"), list):  # Keras 2.2 wrote no name here
                name = next(f"{name}_{k}" for k in range(1, len(names) + 2) if f"{name}_{k}" not in names)
            if name in names:
                raise ReadError(f"two layers are called {shown(name)}; give each its own", where=entry.where)
            names.add(name)
            if class_name == "InputLayer":
                if not current:
                    current = [self._input(name, inner, scope)]
                continue
            if not current:
                current = [self._implied_input(config, inner, scope)]
            self._record_built(entry, current, scope)
            current = self._call(entry, name, 0, current, Node(()), scope)
        if not current:
            raise ReadError("the model has no layers", where=f"{config.where}.layers")
        return current

    def _functional(self, config: Config, scope: _Scope, given: Any) -> list[Edge]:
        entries: dict[str, tuple[Config, list[Node]]] = {}
        for k, value in enumerate(config.list("layers")):
            entry = Config(value, f"{config.where}.layers[{k}]")
            name = layer_name(entry, model_config(entry))
            if name in entries:
                raise ReadError(f"two layers are called {shown(name)}; give each its own", where=entry.where)
            nodes = read_nodes(entry.get("inbound_nodes"), f"{entry.where}.inbound_nodes")
            entries[name] = (entry, nodes or [Node(())])
        tensors: dict[tuple[str, int, int], Edge] = {}
        inputs = read_structure(config.get("input_layers"), f"{config.where}.input_layers")
        if given is not None:
            tensors.update(bind_inputs(inputs, given, config.where))
        # the names of the file come before those that are made for further calls and nested layers
        self.reserved.update("/".join((*scope.path, name)) for name in entries if "@" in name or "/" in name)
        structure = read_structure(config.get("output_layers"), f"{config.where}.output_layers")
        base, returned = node_bases(entries, list(flatten(structure)))
        whole: dict[tuple[str, int], str] = {}
        for name, index in call_order(entries, base, config.where):
            entry, nodes = entries[name]
            self._functional_call(
                entry, name, index, nodes[index - base[name]], tensors, whole, scope, given is None
            )
        out = []
        for ref in flatten(structure):
            shift = base.get(ref.layer, 0) - returned.get(ref.layer, 0)
            key = (ref.layer, ref.node + shift, ref.tensor)
            out.append(find_tensor(key, tensors, whole, f"{config.where}.output_layers"))
        if not out:
            raise ReadError(
                "must name the tensors that the model returns", where=f"{config.where}.output_layers"
            )
        return out

    def _functional_call(
        self,
        entry: Config,
        name: str,
        index: int,
        node: Node,
        tensors: dict[tuple[str, int, int], Edge],
        whole: dict[tuple[str, int], str],
        scope: _Scope,
        outermost: bool,
    ) -> None:
        if entry.text("class_name") == "InputLayer":
            if (name, index, 0) not in tensors:
                if not outermost:
                    raise ReadError("an input of this nested model is not given", where=entry.where)
                tensors[name, index, 0] = self._input(name, model_config(entry), scope)
            return
        edges = []
        for ref in node.refs():
            edge = find_tensor(ref.key, tensors, whole, f"{entry.where}.inbound_nodes")
            edges.append(edge)
            if ref.shape is not None and not scope.lead:  # inside TimeDistributed an axis is missing
                self.recorded.setdefault(edge, ref.shape)
        before = len(self.blocks)
        made = self._call(entry, name, index, edges, node, scope)
        for place, edge in enumerate(made):
            tensors[name, index, place] = edge
        if len(self.blocks) == before:  # a layer, whose rule says how many outputs it has
            whole[name, index] = made[0][0]

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

    def _call(
        self,
        entry: Config,
        name: str,
        index: int,
        edges: list[Edge],
        node: Node,
        scope: _Scope,
    ) -> list[Edge]:
        """Add one call of a layer or of a nested model, and return its outputs."""
        key = (*scope.owner, name)
        times = self.calls[key] = self.calls.get(key, 0) + 1
        call = name if times == 1 else f"{name}@{times}"
        inner_count = len(edges) - sum(1 for _ in node.masks())
        edges, masks = edges[:inner_count], edges[inner_count:]
        nested = model_in(entry)
        if nested is not None:
            return self._call_model(*nested, name, call, edges, node, scope)
        class_name, config = entry.text("class_name"), model_config(entry)
        full = self._fresh("/".join((*scope.path, call)), own=times == 1 and ("@" in name or "/" in name))
        owner = self._owner(key, full)
        kind, attrs, edges = self._make(class_name, config, entry, edges, node, full)
        if not edges and kind != "unknown":
            raise ReadError("is called on no tensor", where=f"{entry.where}.inbound_nodes")
        if scope.lead and kind != "unknown":
            attrs = {**attrs, "lead": attrs.get("lead", 0) + scope.lead}
        if masks:
            edges, attrs = [*edges, *masks], {**attrs, "masks": len(masks)}
        self._look_for_layout(kind, attrs, edges, full)
        if is_quantised(config):
            self.notes.append(
                ("quantised", full, "the scales of its quantisation are left out; counts are those before it")
            )
        self.layers.append(
            Layer(
                full,
                kind,
                class_name,
                tuple(edges),
                attrs,
                owner=None if full == owner else owner,
                block=scope.path,
                weights=() if class_name == "Lambda" or node.kwargs.get("reverse") is True else None,
                trainable=scope.trainable and not is_frozen(config),
            )
        )
        if len(self.layers) > MOST_LAYERS:
            raise ReadError(f"the model has more than {MOST_LAYERS:,} layers")
        return [(full, 0)]

    def _call_model(
        self,
        class_name: str,
        config: Config,
        lead: int,
        name: str,
        call: str,
        edges: list[Edge],
        node: Node,
        scope: _Scope,
    ) -> list[Edge]:
        """Add one call of a nested model; its layers are named by this call, but own what they always own."""
        inner = scope.inner(name, call, lead)
        outputs = self.expand(config, inner, given_tensors(node, edges))
        self.blocks.append(Block(inner.path, class_name, tuple(outputs), is_layer=True, inputs=tuple(edges)))
        return outputs

    def _fresh(self, wanted: str, *, own: bool = False) -> str:
        """Return a name that no layer has: slashes and @ in names of the file could make two equal."""
        name, number = wanted, 1
        while name in self.names or (name in self.reserved and not own):
            number += 1
            name = f"{wanted}#{number}"
        self.names.add(name)
        return name

    def _owner(self, key: tuple[str, ...], full: str) -> str:
        """Return the name of the first call of the source's layer, by which its weights are known."""
        return self.owners.setdefault(key, full)

    def _make(
        self, class_name: str, config: Config, entry: Config, edges: list[Edge], node: Node, full: str
    ) -> tuple[str, dict[str, Any], list[Edge]]:
        if is_operation(entry, class_name):
            return make_operation(class_name, config, node, edges)
        kind, attrs = make_layer(class_of(entry), config)
        if kind == "embedding" and node.kwargs.get("reverse") is True:
            return "linear", {"units": attrs["vocabulary"], "bias": False}, edges
        if kind in _ATTENTION:
            edges = query_key_value(node, edges)
            if node.kwargs.get("return_attention_scores") is True:
                attrs = {**attrs, "scores": True}
            if node.kwargs.get("use_causal_mask") is True:
                attrs = {**attrs, "causal": True}
        return kind, attrs, edges

    def _look_for_layout(self, kind: str, attrs: Mapping[str, Any], edges: Sequence[Edge], full: str) -> None:
        """Remember what the first layer that knows the axes of an input says of them."""
        name = self.axes_of.get(edges[0][0], "") if edges else ""
        if not name or name in self.roles:
            return
        if kind in _KEEP_AXES:
            self.axes_of[full] = name
        if kind in ("embedding", "frames"):
            self.roles[name] = "bs"
        elif isinstance(attrs.get("spatial"), tuple) and min(attrs["spatial"]) > 0 and "channel" in attrs:
            lead = attrs.get("lead", 0)
            places = [place + lead for place in (*attrs["spatial"], attrs["channel"])]
            roles = [BATCH] + [SPATIAL] * max(places)
            roles[places[-1]] = CHANNEL
            self.roles[name] = "".join(roles)

    # ---- inputs --------------------------------------------------------------------------------------------

    def _input(self, name: str, config: Config, scope: _Scope) -> Edge:
        shape: tuple[Num, ...] | None = None
        for key in ("batch_shape", "batch_input_shape"):
            if config.get(key) is not None:
                shape = config.shape(key)
        dtype = config.get("dtype")
        return self._add_input(name, shape, dtype if isinstance(dtype, str) else "float32", config.where)

    def _implied_input(self, model: Config, first: Config, scope: _Scope) -> Edge:
        """Make the input that a Sequential without an InputLayer stands for."""
        shape = None
        for place, key in (
            (first, "batch_input_shape"),
            (first, "batch_shape"),
            (model, "build_input_shape"),
        ):
            if shape is None and isinstance(place.get(key), list):
                shape = place.shape(key)
        if shape is None:
            shape = nested_input_shape(first)
        return self._add_input("input_layer", shape, "float32", model.where)

    def _add_input(self, name: str, shape: tuple[Num, ...] | None, dtype: str, where: str) -> Edge:
        chosen = self.shapes.get(name)
        key = name
        if chosen is None and "" in self.shapes:
            chosen, key = self.shapes[""], ""
        if chosen is not None and key not in self.used:
            self.used.add(key)
            chosen = tuple(chosen)
            if shape is not None and len(chosen) == len(shape) - 1:
                chosen = (shape[0], *chosen)
            if shape is not None and len(chosen) != len(shape):
                raise UsageError(
                    f"the input {name!r} has {len(shape)} axes, but {shown(list(chosen))} has {len(chosen)}"
                )
            known = shape or (0,) * len(chosen)
            self.resized |= any(a is not UNKNOWN and a != b for a, b in zip(known, chosen, strict=True))
            shape = tuple(UNKNOWN if extent is None else extent for extent in chosen)
        if shape is None:
            raise ReadError(
                "the file does not say the shape of its input; give one with --input-shape", where=where
            )
        if len(shape) not in ROLES:
            raise ReadError(f"inputs of {len(shape)} axes are not known", where=where)
        name = self._fresh(name)
        self.input_names.append(name)
        self.axes_of[name] = name
        self.layers.append(Layer(name, "input", "InputLayer", attrs={"shape": shape, "dtype": dtype}))
        return name, 0

    def check_shapes(self) -> None:
        """Refuse a shape that was given for an input which the model does not have."""
        for name in self.shapes:
            if name not in self.used:
                known = ", ".join(map(repr, self.input_names))
                raise UsageError(f"the model has no input {name!r}; it has {known}")

    def finished(self) -> list[Layer]:
        """Return the layers, with the roles of input axes and the shapes that the file records."""
        out = []
        for made in self.layers:
            layer = made
            if layer.kind == "input":
                rank = len(layer.attrs["shape"])
                roles = self.roles.get(layer.name, "")
                roles = roles if len(roles) == rank else ROLES[rank]
                layer = replace(layer, attrs={**layer.attrs, "axes": roles})
            elif layer.kind == "unknown":
                recorded = list(layer.recorded)
                # what the file records holds for its own input sizes alone
                while not self.resized and (layer.name, len(recorded)) in self.recorded:
                    recorded.append(self.recorded[layer.name, len(recorded)])
                layer = replace(layer, recorded=tuple(recorded))
            out.append(layer)
        return out


_KEEP_AXES: Final = frozenset(
    ("activation", "add", "batch_norm", "elementwise", "identity", "layer_norm", "maximum", "multiply",
     "normalization", "prelu", "subtract")
)  # fmt: skip
"""Kinds whose output has the axes of their input."""

_ATTENTION: Final = ("multi_head_attention", "dot_attention", "additive_attention")

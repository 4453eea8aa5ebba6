"""Read a Keras model: Sequential and Functional, nested and shared, from ``to_json()`` of Keras 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN, Num
from rfcalc.errors import ReadError, UsageError
from rfcalc.graph import Block, Edge, Layer, LayerGraph
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL
from rfcalc.readers.keras.config import Config, read_shape, shown
from rfcalc.readers.keras.layers import class_of, make_layer
from rfcalc.readers.keras.nodes import Node, Ref, flatten, read_nodes, read_structure
from rfcalc.readers.keras.ops import is_operation, make_operation

MOST_LAYERS: Final = 200_000
MOST_MODELS: Final = 10_000
"""Calls of nested models; models that call each other twice multiply with every level."""

DEEPEST: Final = 50
"""Nesting of models in models."""

SEQUENTIAL: Final = ("Sequential", "Pipeline")
MODELS: Final = (*SEQUENTIAL, "Functional", "Model", "Network")
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
    config = _model_config(model)
    if not _is_model(model):
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


def _model_config(model: Config) -> Config:
    """Return a model's config; Keras 2.2 wrote a Sequential's as the bare list of its layers."""
    value = model.get("config")
    if isinstance(value, list):
        return Config({"name": model.get("name") or "sequential", "layers": value}, f"{model.where}.config")
    return model.object("config")


def _is_model(entry: Config) -> bool:
    """Tell whether an entry is a model whose layers are wired in the file.

    A layer of another author may keep layers in its config too, but how it calls them is in its code.
    """
    if not isinstance(entry.get("config"), (dict, list)):
        return False
    config = _model_config(entry)
    if not isinstance(config.get("layers"), list):
        return False
    return class_of(entry) in MODELS or ("input_layers" in config.data and "output_layers" in config.data)


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a model stands: the names of this call, those of the layers in the source, what is frozen."""

    path: tuple[str, ...]
    owner: tuple[str, ...]
    lead: int
    trainable: bool

    def inner(self, name: str, call: str, lead: int) -> _Scope:
        if len(self.path) >= DEEPEST:
            raise ReadError(f"models are nested more than {DEEPEST} deep")
        return _Scope((*self.path, call), (*self.owner, name), self.lead + lead, self.trainable)


def _model_in(entry: Config) -> tuple[str, Config, int] | None:
    """Return the model that an entry is, or holds in TimeDistributed: class, config, how many axes lead."""
    lead = 0
    while not _is_model(entry):
        config = entry.get("config")
        if entry.get("class_name") != "TimeDistributed" or not isinstance(config, dict) or lead > DEEPEST:
            return None
        if not isinstance(config.get("layer"), dict):
            return None
        entry, lead = entry.object("config").object("layer"), lead + 1
    return entry.text("class_name"), _model_config(entry), lead


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
        current: list[Edge] = [] if given is None else list(_edges(given))
        names: set[str] = set()
        for entry in entries:
            class_name = entry.text("class_name")
            inner = _model_config(entry)
            name = _layer_name(entry, inner)
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
            name = _layer_name(entry, _model_config(entry))
            if name in entries:
                raise ReadError(f"two layers are called {shown(name)}; give each its own", where=entry.where)
            nodes = read_nodes(entry.get("inbound_nodes"), f"{entry.where}.inbound_nodes")
            entries[name] = (entry, nodes or [Node(())])
        tensors: dict[tuple[str, int, int], Edge] = {}
        inputs = read_structure(config.get("input_layers"), f"{config.where}.input_layers")
        if given is not None:
            tensors.update(_bound(inputs, given, config.where))
        # the names of the file come before those that are made for further calls and nested layers
        self.reserved.update("/".join((*scope.path, name)) for name in entries if "@" in name or "/" in name)
        structure = read_structure(config.get("output_layers"), f"{config.where}.output_layers")
        base, returned = _node_bases(entries, list(flatten(structure)))
        whole: dict[tuple[str, int], str] = {}
        for name, index in _ordered(entries, base, config.where):
            entry, nodes = entries[name]
            self._functional_call(
                entry, name, index, nodes[index - base[name]], tensors, whole, scope, given is None
            )
        out = []
        for ref in flatten(structure):
            shift = base.get(ref.layer, 0) - returned.get(ref.layer, 0)
            key = (ref.layer, ref.node + shift, ref.tensor)
            out.append(_tensor(key, tensors, whole, f"{config.where}.output_layers"))
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
                tensors[name, index, 0] = self._input(name, _model_config(entry), scope)
            return
        edges = []
        for ref in node.refs():
            edge = _tensor(ref.key, tensors, whole, f"{entry.where}.inbound_nodes")
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
        nested = _model_in(entry)
        inner_count = len(edges) - sum(1 for _ in node.masks())
        edges, masks = edges[:inner_count], edges[inner_count:]
        if nested is not None:
            class_name, config, lead = nested
            given = _given(node, edges)
            inner = scope.inner(name, call, lead)
            # inner layers of a second call are named by this call's name, but belong to the same layers
            outputs = self.expand(config, inner, given)
            block = Block(inner.path, class_name, tuple(outputs), is_layer=True, inputs=tuple(edges))
            self.blocks.append(block)
            return outputs
        class_name, config = entry.text("class_name"), _model_config(entry)
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
        if _quantised(config):
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
                trainable=scope.trainable and not _frozen(config),
            )
        )
        if len(self.layers) > MOST_LAYERS:
            raise ReadError(f"the model has more than {MOST_LAYERS:,} layers")
        return [(full, 0)]

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
            return make_operation(class_name, config, node, edges, entry.get("config", {}))
        kind, attrs = make_layer(class_of(entry), config)
        if kind == "embedding" and node.kwargs.get("reverse") is True:
            return "linear", {"units": attrs["vocabulary"], "bias": False}, edges
        if kind in _ATTENTION:
            edges = _query_key_value(node, edges)
            if node.kwargs.get("return_attention_scores") is True:
                attrs = {**attrs, "scores": True}
            if node.kwargs.get("use_causal_mask") is True and len(set(edges)) == 1:
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
            shape = _nested_input_shape(first)
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


def _layer_name(entry: Config, config: Config) -> str:
    name = entry.get("name") if isinstance(entry.get("name"), str) else config.get("name")
    if not isinstance(name, str) or not name:
        raise ReadError(f"must be a string, got {shown(name)}", where=f"{entry.where}.name")
    return name


def _quantised(config: Config) -> bool:
    """Tell whether a layer keeps its weights in fewer bits, with scales beside them."""
    policy = config.get("dtype")
    settings = policy.get("config") if isinstance(policy, dict) else None
    return isinstance(settings, dict) and "mode" in settings


def _frozen(config: Config) -> bool:
    """Tell whether a layer, or the layer inside of a wrapper, is not to be trained."""
    for _ in range(DEEPEST):
        if config.get("trainable") is False:
            return True
        inner = config.get("layer")
        if not isinstance(inner, dict) or not isinstance(inner.get("config"), dict):
            return False
        config = config.object("layer").object("config")
    return False


def _nested_input_shape(config: Config) -> tuple[Num, ...] | None:
    """Look for the input shape of a model that stands first in another."""
    for _ in range(DEEPEST):
        for key in ("batch_shape", "batch_input_shape", "build_input_shape"):
            if isinstance(config.get(key), list):
                return config.shape(key)
        layers = config.get("layers")
        first = layers[0] if isinstance(layers, list) and layers else None
        if not isinstance(first, dict) or not isinstance(first.get("config"), (dict, list)):
            return None
        config = _model_config(Config(first, f"{config.where}.layers[0]"))
    return None


def _node_bases(
    entries: Mapping[str, tuple[Config, list[Node]]], outputs: Sequence[Ref]
) -> tuple[dict[str, int], dict[str, int]]:
    """Index of each layer's first node, in calls and in the model's outputs.

    A model that was built on inputs of its own has a call already. Keras 2 counts it everywhere, Keras 3 in
    the outputs of the model around it alone. As every call is used somewhere, the indices in use tell; the
    version decides where they do not.
    """
    nested = {name for name, (entry, _) in entries.items() if _is_model(entry)}
    base, returned = dict.fromkeys(entries, 0), dict.fromkeys(entries, 0)
    if not nested:
        return base, returned
    taken: dict[str, set[int]] = {name: set() for name in nested}
    given: dict[str, set[int]] = {name: set() for name in nested}
    keras3 = True
    for entry, nodes in entries.values():
        raw = entry.get("inbound_nodes")
        keras3 &= not (isinstance(raw, list) and raw and not (isinstance(raw[0], dict) and "args" in raw[0]))
        for ref in (ref for node in nodes for ref in node.refs()):
            if ref.layer in nested:
                taken[ref.layer].add(ref.node)
    for ref in outputs:
        if ref.layer in nested:
            given[ref.layer].add(ref.node)
    for name in nested:
        entry, nodes = entries[name]
        usual = int(entry.get("class_name") not in SEQUENTIAL)
        if keras3:
            base[name] = _base(taken[name], len(nodes), 0)
            returned[name] = _base(given[name], len(nodes), usual)
        else:
            base[name] = returned[name] = _base(taken[name] | given[name], len(nodes), 1)
    return base, returned


def _base(used: set[int], count: int, usual: int) -> int:
    """Return the index of the first of `count` calls, such that all those in use are among them."""
    if 0 in used:
        return 0
    most = max(used, default=0)
    return most - count + 1 if most >= count else usual


def _tensor(
    key: tuple[str, int, int],
    tensors: Mapping[tuple[str, int, int], Edge],
    whole: Mapping[tuple[str, int], str],
    where: str,
) -> Edge:
    """Return a tensor of a functional model."""
    edge = tensors.get(key)
    if edge is not None:
        return edge
    layer = whole.get(key[:2])
    if layer is None:
        raise ReadError(f"there is no tensor {shown(list(key))}", where=where)
    return layer, key[2]


def _edges(given: Any) -> list[Edge]:
    """Tensors of a structure of edges, in Keras's order."""
    if isinstance(given, dict):
        return [edge for name in sorted(given) for edge in _edges(given[name])]
    if isinstance(given, list):
        return [edge for each in given for edge in _edges(each)]
    return [given]


def _given(node: Node, edges: list[Edge]) -> Any:
    """Return what a nested model is called on, by name where it is called on a dict."""
    if len(node.args) == 1 and isinstance(node.args[0], dict):
        rest = iter(edges)  # in the order of the sorted names
        return {
            name: [edge for _, edge in zip(flatten(value), rest, strict=False)]
            for name, value in sorted(node.args[0].items())
        }
    return list(edges)


def _bound(inputs: Any, given: Any, where: str) -> dict[tuple[str, int, int], Edge]:
    """Bind the inputs of a nested model to the tensors that it is called on."""
    if isinstance(inputs, dict) and isinstance(given, dict) and set(inputs) <= set(given):
        pairs = [(r, e) for name in inputs for r, e in zip(flatten(inputs[name]), _edges(given[name]))]  # noqa: B905  lengths are compared below
    elif isinstance(given, dict) and {ref.layer for ref in flatten(inputs)} <= set(given):
        pairs = [(ref, edge) for ref in flatten(inputs) for edge in given[ref.layer]]
    else:
        pairs = list(zip(flatten(inputs), _edges(given)))  # noqa: B905  lengths are compared below
    wanted = len(list(flatten(inputs)))
    if len(pairs) != wanted:
        raise ReadError(f"takes {wanted} inputs, but is called on {len(pairs)}", where=where)
    return {ref.key: edge for ref, edge in pairs}


def _ordered(
    entries: Mapping[str, tuple[Config, list[Node]]], base: Mapping[str, int], where: str
) -> list[tuple[str, int]]:
    """Order the calls of a functional model so that producers come first."""
    waiting: dict[tuple[str, int], int] = {}
    consumers: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for name, (entry, nodes) in entries.items():
        for k, node in enumerate(nodes):
            key = (name, k + base[name])
            producers = dict.fromkeys((ref.layer, ref.node) for ref in node.refs())
            for producer in producers:
                if producer[0] not in entries or not (
                    0 <= producer[1] - base[producer[0]] < len(entries[producer[0]][1])
                ):
                    what = f"its input {shown(producer[0])} (call {producer[1]}) is no layer of this model"
                    raise ReadError(what, where=f"{entry.where}.inbound_nodes")
                consumers.setdefault(producer, []).append(key)
            waiting[key] = len(producers)
    ready = [key for key, count in waiting.items() if count == 0]
    order = []
    for key in ready:  # grows while it is walked
        order.append(key)
        for consumer in consumers.get(key, ()):
            waiting[consumer] -= 1
            if waiting[consumer] == 0:
                ready.append(consumer)
    if len(order) < len(waiting):
        stuck = [name for (name, _), count in waiting.items() if count]
        raise ReadError(f"the layers form a cycle, through {', '.join(map(repr, stuck[:4]))}", where=where)
    return order


def _query_key_value(node: Node, edges: list[Edge]) -> list[Edge]:
    """Put the inputs of attention in order: query, key, value, where Keras has (query, value, key)."""
    refs = list(node.refs())[: len(edges)]
    by_ref = dict(zip((ref.key for ref in refs), edges, strict=True))
    plain = [by_ref[ref.key] for ref in flatten(node.args) if ref.key in by_ref]
    named = {
        name: by_ref[value.key]
        for name, value in node.kwargs.items()
        if isinstance(value, Ref) and value.key in by_ref
    }
    roles = dict(zip(("query", "value", "key"), plain, strict=False))
    roles.update({name: edge for name, edge in named.items() if name in ("query", "value", "key")})
    if "query" not in roles:
        return edges
    value = roles.get("value", roles["query"])
    return [roles["query"], roles.get("key", value), value]

"""Live Keras models as the documents that `read_keras` reads: a layer that no rule knows is what it calls."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from rfcalc.errors import ReadError
from rfcalc.graph.layer import Weight
from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.entries import DEEPEST, class_of, is_operation
from rfcalc.readers.keras.grafts import Graft
from rfcalc.readers.keras.layers import make_layer
from rfcalc.readers.keras.live_run import called, graph_of
from rfcalc.readers.keras.live_traced import NotTracedError, traced
from rfcalc.readers.keras.live_values import (
    flat,
    given_to,
    has_shapes,
    is_tensor,
    is_variable,
    masks_by_name,
    masks_of,
    plain_argument,
    renewed_in,
    shape_of,
    spelled,
    tensors_in,
    variables_in,
)
from rfcalc.readers.keras.nodes import Constant
from rfcalc.records import NamedTuple

Entry = dict[str, Any]
"""A layer of a model, as Keras writes it; arrays among its arguments are `Constant`."""


class NoGraphError(Exception):
    """The code of a layer cannot be followed; the text says why."""


class Weights:
    """The weights of a model by the identity of their variables; one use.

    Parameters
    ----------
    model : keras.Layer
        The model that owns them.
    """

    def __init__(self, model: Any) -> None:
        trained = {id(each) for each in model.trainable_variables}
        self._known: dict[int, Weight] = {}
        self.used: set[int] = set()
        paths: dict[str, int] = {}
        for each in model.weights:
            count = paths[each.path] = paths.get(each.path, 0) + 1
            path = each.path if count == 1 else f"{each.path}#{count}"
            dtype = each._dtype
            self._known[id(each)] = Weight(path, tuple(each.shape), id(each) in trained, dtype)

    def of(self, variables: Sequence[Any]) -> tuple[Weight, ...]:
        """Return the weights among these variables, each once; states are none."""
        known = dict.fromkeys(id(each) for each in variables if id(each) in self._known)
        self.used.update(known)
        return tuple(self._known[each] for each in known)

    def unused(self) -> list[Weight]:
        """Return those that nothing has asked for."""
        return [weight for key, weight in self._known.items() if key not in self.used]


class _Call(NamedTuple):
    """One node of Keras's graph: an operation called on tensors."""

    operation: Any
    place: int

    @property
    def node(self) -> Any:
        return self.operation._inbound_nodes[self.place]

    @property
    def key(self) -> tuple[int, int]:
        return id(self.operation), self.place


class Writer:
    """Writes models down; one use.

    Parameters
    ----------
    weights : Weights
        The weights of the outermost model.
    themselves : callable
        Gives a context in which variables are themselves, so that the backend may run on them.
    """

    def __init__(self, weights: Weights, themselves: Callable[[], AbstractContextManager[None]]) -> None:
        self.weights = weights
        self.themselves = themselves
        self.refused: list[str] = []
        self._known: dict[int, tuple[Any, Entry, bool]] = {}

    def entry_of(self, operation: Any) -> Entry:
        """Return class and config of an operation as Keras writes them."""
        return {**self._look(operation)[1]}

    def is_custom(self, operation: Any) -> bool:
        """Tell whether an operation is known by what it calls alone: a model, or what no rule knows."""
        return self._look(operation)[2]

    def _look(self, operation: Any) -> tuple[Any, Entry, bool]:
        if id(operation) not in self._known:
            entry = _written(operation)
            self._known[id(operation)] = (operation, entry, _is_custom(operation, entry))
        return self._known[id(operation)]

    def model(self, name: str, inputs: Any, outputs: Any) -> Entry:
        """Return the config of a model between symbolic tensors."""
        return _Scope(self, tensors_in(inputs)).config(name, flat(outputs), ())

    def inside(self, operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any], depth: int) -> Entry:
        """Return the config of the model that a layer is when it is called on these arguments."""
        graph = graph_of(operation)
        tensors = given_to(operation, args, kwargs)
        if graph is not None and has_shapes(graph.inputs, tensors):
            return _Scope(self, graph.inputs, depth).config(operation.name, graph.outputs, graph.operations)
        if graph is not None:
            args, kwargs = tensors, {}
        fresh, renewed = renewed_in((list(args), dict(kwargs)), operation)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = called(operation, fresh[0], fresh[1])
        except Exception as error:
            raise NoGraphError(spelled(error)) from error
        outputs = [each for each in flat(made) if hasattr(each, "shape")]
        order = () if graph is None else graph.operations
        return _Scope(self, renewed, depth).config(operation.name, outputs, order)

    def graft(self, operation: Any, arguments: Any) -> tuple[Graft | None, str]:
        """Return what the backend's trace says that a layer does; None, and why, where there is none."""
        if masks_of(tensors_in((arguments.args, arguments.kwargs))):
            return (
                None,
                "it is called on tensors with masks beside them, which the backend's trace does not see",
            )
        try:
            with self.themselves(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = traced(operation, arguments.args, arguments.kwargs)
        except NotTracedError as error:
            return None, str(error)
        weights = {name: self.weights.of([each]) for name, each in found.variables.items()}
        return Graft(found.graph, weights), ""


class _Scope:
    """One model: its inputs, and the entries of what is called in it."""

    def __init__(self, writer: Writer, inputs: Sequence[Any], depth: int = 0) -> None:
        if depth > DEEPEST:
            raise ReadError(f"layers are nested more than {DEEPEST} deep")
        self._writer = writer
        self._inputs = list(inputs)
        self._depth = depth
        self._names: set[str] = set()
        self._entries: list[Entry] = []
        self._refs: dict[int, list[Any]] = {}
        self._made: dict[tuple[int, int], tuple[str, int]] = {}
        self._constants: dict[tuple[int, int], tuple[Any, ...]] = {}
        """Calls on variables alone, by what they are made of."""
        distinct = {id(tensor): tensor for tensor in self._inputs}
        for place, tensor in enumerate(distinct.values()):
            history = getattr(tensor, "_keras_history", None)
            owner = None if history is None else history.operation
            wanted = (
                owner.name
                if owner is not None and _is_input(owner)
                else f"input_{place}"
                if place
                else "input"
            )
            name = self._fresh(wanted)
            config = {"name": name, "batch_shape": list(tensor.shape), "dtype": tensor.dtype}
            self._entries.append({"class_name": "InputLayer", "module": "keras.layers", "name": name,
                                  "config": config, "inbound_nodes": []})  # fmt: skip
            self._refs[id(tensor)] = [name, 0, 0]

    def config(self, name: str, outputs: Sequence[Any], order: Sequence[Any]) -> Entry:
        """Return the model's config."""
        calls = self._calls(outputs)
        reserved = {id(each): place for place, each in enumerate(order)}
        if reserved:
            calls.sort(key=lambda call: reserved.get(id(call.operation), len(reserved)))
        named = {id(call.operation): call.operation for call in calls if call.key not in self._constants}
        names = self._named(list(named.values()), keep=bool(reserved))
        first = {place: [call for call in calls if call.operation is each] for place, each in named.items()}
        for place, operation in named.items():
            self._number(operation, names[place], first[place])
        for place, operation in named.items():
            self._add(operation, names[place], first[place])
        returned = [self._reference(each) for each in outputs]
        inputs = [self._refs[id(each)] for each in self._inputs]
        return {"name": name, "layers": self._entries, "input_layers": inputs, "output_layers": returned}

    # ---- calls ---------------------------------------------------------------------------------------------

    def _calls(self, outputs: Sequence[Any]) -> list[_Call]:
        """Return the calls between inputs and outputs in order; learn which are on variables alone."""
        found: list[_Call] = []
        done: set[tuple[int, int]] = set()
        stack = [(call, False) for each in reversed(outputs) if (call := self._producer(each)) is not None]
        while stack:
            call, ready = stack.pop()
            if ready:
                found.append(call)
                self._learn(call)
            elif call.key not in done:
                done.add(call.key)
                stack.append((call, True))
                tensors = reversed(self._taken(call))
                stack += [(each, False) for tensor in tensors if (each := self._producer(tensor)) is not None]
        return found

    def _taken(self, call: _Call) -> list[Any]:
        """Return the tensors that a call takes; code takes the masks beside them, too."""
        tensors = list(call.node.input_tensors)
        return [*tensors, *masks_of(tensors)] if self._writer.is_custom(call.operation) else tensors

    def _producer(self, tensor: Any) -> _Call | None:
        """Return the call that makes a tensor; None for inputs and constants."""
        if id(tensor) in self._refs or is_variable(tensor) or not is_tensor(tensor):
            return None
        history = getattr(tensor, "_keras_history", None)
        if history is None or history.operation is None or _is_input(history.operation):
            raise NoGraphError("it uses a tensor that it is not called on")
        return _Call(history.operation, history.node_index)

    def _learn(self, call: _Call) -> None:
        import keras

        parts = [self._variables(each) for each in call.node.input_tensors]
        variables = variables_in(call.node.arguments)
        if not isinstance(call.operation, keras.Layer) and all(part is not None for part in parts):
            every = [*variables, *(each for part in parts for each in part or ())]
            self._constants[call.key] = tuple({id(each): each for each in every}.values())

    def _variables(self, tensor: Any) -> tuple[Any, ...] | None:
        """Return the variables that a constant is made of; None for what depends on an input."""
        if is_variable(tensor):
            return (tensor,)
        call = self._producer(tensor)
        return None if call is None else self._constants.get(call.key)

    def _number(self, operation: Any, name: str, calls: Sequence[_Call]) -> None:
        """Give the outputs of an operation's calls their places: one entry for calls that are alike."""
        groups: dict[Any, list[_Call]] = {}
        for call in calls:
            groups.setdefault(_signature(call) if self._writer.is_custom(operation) else None, []).append(
                call
            )
        for group, members in enumerate(groups.values()):
            own = name if not group else self._fresh(f"{name}@{group + 1}")
            for place, call in enumerate(members):
                self._made[call.key] = (own, place)
                for index, tensor in enumerate(call.node.outputs):
                    self._refs[id(tensor)] = [own, place, index]

    def _add(self, operation: Any, name: str, calls: Sequence[_Call]) -> None:
        """Add the entries of an operation."""
        entries: dict[str, list[_Call]] = {}
        for call in calls:
            entries.setdefault(self._made[call.key][0], []).append(call)
        for own, members in entries.items():
            entry = self._entry(operation, members[0])
            as_model = "graft" in entry or "input_layers" in entry["config"] or _wraps_model(entry)
            layer = not is_plain(operation)
            nodes = [self._node(call, flat=as_model, layer=layer) for call in members]
            named: Entry = {"name": own, "of": name, "config": {**entry["config"], "name": own}}
            made = [tensor for call in members for tensor in call.node.outputs]
            if self._writer.is_custom(operation) and masks_of(made):
                named["padded"] = True
            self._entries.append({**entry, **named, "inbound_nodes": nodes})

    def _named(self, operations: Sequence[Any], *, keep: bool) -> dict[int, str]:
        """Name the operations: layers by their names, others by what they are, unless names are kept."""
        names = {}
        for each in operations:
            wanted = each.name if keep or not is_plain(each) else _snake(type(each).__name__)
            names[id(each)] = self._fresh(wanted)
        return names

    def _fresh(self, wanted: str) -> str:
        name, number = wanted, 0
        while name in self._names:
            number += 1
            name = f"{wanted}_{number}"
        self._names.add(name)
        return name

    # ---- entries -------------------------------------------------------------------------------------------

    def _entry(self, operation: Any, call: _Call) -> Entry:
        """Return the entry of an operation: as Keras writes it, or as the model of what it calls."""
        import keras

        entry = self._writer.entry_of(operation)
        custom = self._writer.is_custom(operation)
        held = operation.weights if isinstance(operation, keras.Layer) else ()
        if not custom:
            if not is_plain(operation):
                entry["weights"] = self._writer.weights.of(held)
            return self._wrapped(entry, operation, call)
        arguments = call.node.arguments
        try:
            config = self._writer.inside(operation, arguments.args, arguments.kwargs, self._depth + 1)
        except NoGraphError as error:
            graft, why = self._writer.graft(operation, arguments)
            if graft is not None:
                return {**entry, "graft": graft, "weights": ()}
            why = f"{error}; {why}"
            self._writer.refused.append(why)
            shapes = [list(each.shape) for each in call.node.outputs]
            return {
                **entry,
                "unread": why,
                "shapes": shapes,
                "weights": self._writer.weights.of(held),
            }
        return {**entry, "config": config, "weights": ()}

    def _wrapped(self, entry: Entry, operation: Any, call: _Call) -> Entry:
        """Return the entry of a layer of Keras; where it repeats a custom layer over steps, with that."""
        import keras

        if type(operation) is not keras.layers.TimeDistributed or not self._writer.is_custom(operation.layer):
            return entry
        step = [
            keras.KerasTensor((each.shape[0], *each.shape[2:]), each.dtype)
            for each in call.node.input_tensors
        ]
        inner = self._writer.entry_of(operation.layer)
        try:
            config = self._writer.inside(operation.layer, step, {}, self._depth + 1)
        except NoGraphError as error:
            self._writer.refused.append(str(error))
            return {**entry, "unread": str(error)}
        return {**entry, "weights": (), "config": {**entry["config"], "layer": {**inner, "config": config}}}

    # ---- arguments -----------------------------------------------------------------------------------------

    def _node(self, call: _Call, *, flat: bool, layer: bool) -> Entry:
        """Return a call's arguments; those of a model are its tensors alone, in order."""
        arguments = call.node.arguments
        if flat:
            tensors = given_to(call.operation, arguments.args, arguments.kwargs)
            return {"args": [self._tensor(each) for each in tensors], "kwargs": {}}
        args, kwargs = arguments.args, arguments.kwargs
        if layer:
            args, kwargs = masks_by_name(call.operation, args, kwargs)
        return {
            "args": [self._argument(each, layer=layer) for each in args],
            "kwargs": {name: self._argument(each, layer=layer) for name, each in kwargs.items()},
        }

    def _argument(self, value: Any, *, layer: bool) -> Any:
        """Return an argument; what a layer takes is no constant, so that these are layers too."""
        if isinstance(value, (list, tuple)):
            return [self._argument(each, layer=layer) for each in value]
        if isinstance(value, Mapping):
            return {str(name): self._argument(each, layer=layer) for name, each in value.items()}
        if is_variable(value) or is_tensor(value):
            variables = self._variables(value) if is_tensor(value) else (value,)
            if variables is None or layer:
                return self._tensor(value)
            return Constant(shape_of(value), None, self._writer.weights.of(variables))
        return plain_argument(value)

    def _tensor(self, tensor: Any) -> Entry:
        config = {
            "shape": list(tensor.shape),
            "dtype": tensor.dtype,
            "keras_history": self._reference(tensor),
        }
        return {"class_name": "__keras_tensor__", "config": config}

    def _reference(self, tensor: Any) -> list[Any]:
        """Return the name of a tensor: layer, call, output; a constant gets a layer that holds it."""
        if id(tensor) in self._refs:
            return self._refs[id(tensor)]
        variables: Sequence[Any] = ()
        if is_variable(tensor) or is_tensor(tensor):
            variables = (self._variables(tensor) or ()) if is_tensor(tensor) else (tensor,)
        elif not hasattr(tensor, "shape"):
            raise NoGraphError(f"it returns something of type {type(tensor).__name__}")
        name = self._fresh(getattr(variables[0], "name", "constant") if variables else "constant")
        config = {"name": name, "shape": list(tensor.shape)}
        held = self._writer.weights.of(variables)
        self._entries.append(
            {
                "class_name": "Variable",
                "module": "keras",
                "name": name,
                "config": config,
                "weights": held,
                "inbound_nodes": [],
            }
        )
        self._refs[id(tensor)] = [name, 0, 0]
        return self._refs[id(tensor)]


# ---- operations --------------------------------------------------------------------------------------------


def is_plain(operation: Any) -> bool:
    """Tell whether an operation is one of Keras's own, and no layer."""
    import keras

    name = type(operation).__name__
    entry = Config({"module": type(operation).__module__, "class_name": name}, "")
    return not isinstance(operation, keras.Layer) and is_operation(entry, name)


def _is_custom(operation: Any, written: Entry) -> bool:
    if is_plain(operation) or _is_input(operation):
        return False
    if graph_of(operation) is not None:
        return True
    entry = Config(written, "")
    try:
        inner = entry.object("config").get("layer")
        if entry.get("class_name") == "TimeDistributed" and isinstance(inner, dict):
            return not str(entry.get("module")).startswith("keras")
        return make_layer(class_of(entry), entry.object("config")).kind == "unknown"
    except ReadError:
        return True


def _is_input(operation: Any) -> bool:
    import keras

    return isinstance(operation, keras.layers.InputLayer)


def _written(operation: Any) -> Entry:
    """Return class and config of an operation as Keras writes them; what has no config has its name."""
    import keras

    kind = type(operation)
    if graph_of(operation) is None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                entry: Entry = _as_json(keras.saving.serialize_keras_object(operation))
        except Exception:
            entry = {}
        if isinstance(entry.get("config"), dict):
            return entry
    registered = keras.saving.get_registered_name(kind)
    return {"module": kind.__module__, "class_name": kind.__name__, "config": {"name": operation.name},
            "registered_name": registered}  # fmt: skip


def _as_json(value: Any) -> Any:
    """Return a config as it comes out of a file."""
    if isinstance(value, (list, tuple)):
        return [_as_json(each) for each in value]
    return {name: _as_json(each) for name, each in value.items()} if isinstance(value, dict) else value


def _wraps_model(entry: Entry) -> bool:
    inner = entry["config"].get("layer")
    return (
        isinstance(inner, dict)
        and isinstance(inner.get("config"), dict)
        and "input_layers" in inner["config"]
    )


def _snake(name: str) -> str:
    from keras.src.utils.naming import to_snake_case

    return str(to_snake_case(name))


def _signature(call: _Call) -> Any:
    """Return what tells calls of one layer apart beside their tensors: shapes, and other arguments."""
    arguments = call.node.arguments
    return repr(_described((arguments.args, arguments.kwargs)))


def _described(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_described(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _described(each) for name, each in value.items()}
    if is_variable(value) or not is_tensor(value):
        return value if isinstance(value, (bool, int, float, str, type(None))) else id(value)
    return "tensor", value.shape, value.dtype

"""A layer of a published package, drawn as the functional model that its code makes of Keras layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.errors import ReadError
from rfcalc.graph.layer import Weight
from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.nodes import Node, Ref
from rfcalc.records import NamedTuple

MOST_LAYERS: Final = 20_000
"""Layers that one published layer is made of; no real one has so many."""

_NOTHING: Final = (None, False, 0)
"""What an argument says that is not used."""


class Tensor(NamedTuple):
    """A tensor of the drawn model: its layer, which of the layer's calls, which of its outputs, its shape."""

    layer: str
    node: int = 0
    place: int = 0
    shape: tuple[Num, ...] | None = None


class Drawn(NamedTuple):
    """A published layer as a model, and whether Keras still knows behind it which steps are padding."""

    config: Config
    keeps_padding: bool = False


class Called(NamedTuple):
    """How a published layer is called in a file.

    Parameters
    ----------
    entry : Config
        Its entry.
    node : Node
        The call.
    path : str
        The names of the models around it and its own, by which its weights are known.
    trainable : bool
        Whether it may be trained.
    padded : bool
        Whether its input bears a mask that says which steps are padding.
    """

    entry: Config
    node: Node
    path: str
    trainable: bool
    padded: bool

    @property
    def config(self) -> Config:
        """Its settings."""
        return self.entry.object("config")


class Sketch:
    """The layers of one published layer while it is drawn; one use.

    Parameters
    ----------
    called : Called
        How the layer is called.
    names : sequence of str
        Names of the arguments of its call, in order.
    """

    def __init__(self, called: Called, names: tuple[str, ...]) -> None:
        self.config = called.config
        self.padded = called.padded
        self.understood = True
        self._names = names
        self._called = called
        self._entries: dict[str, dict[str, Any]] = {}
        self._inputs: list[str] = []
        given = self._given(called.node)
        self._arguments: dict[str | int, Any] = {
            names[key] if isinstance(key, int) and key < len(names) else key: value
            for key, value in given.items()
        }
        self._asked: set[str | int] = set()

    def _given(self, node: Node) -> dict[str | int, Any]:
        """Return the arguments of a call, by place or name, with inputs of the model for tensors.

        Where the file does not say the shape of the only one, as in a Sequential, it is that which the layer
        was built for.
        """
        if not node.refs:
            return {0: self._input(self._built())}
        only = len(node.refs) == 1
        inputs = {
            id(ref): self._input(self._built() if ref.shape is None and only else ref.shape)
            for ref in node.refs
        }

        def taken(value: Any) -> Any:
            return inputs[id(value)] if isinstance(value, Ref) else value

        named: dict[str | int, Any] = {name: taken(value) for name, value in node.kwargs.items()}
        return {**dict(enumerate(map(taken, node.args))), **named}

    def _built(self) -> tuple[Num, ...] | None:
        """Return the shape of the only input that the layer was built for."""
        built = self._called.entry.get("build_config")
        shape = built.get("input_shape") if isinstance(built, dict) else None
        return tuple(shape) if isinstance(shape, list) else None

    def _input(self, shape: tuple[Num, ...] | None) -> Tensor:
        name = f"input_{len(self._inputs)}"
        self._inputs.append(name)
        config = {"name": name, "batch_shape": None}
        self._entries[name] = {"class_name": "InputLayer", "name": name, "config": config}
        return Tensor(name, shape=shape)

    # ---- what the layer is given ---------------------------------------------------------------------------

    def tensor(self, name: str) -> Tensor | None:
        """Return a tensor that the layer is called on, None where it is called without."""
        self._asked.add(name)
        value = self._arguments.get(name)
        if value is not None and not isinstance(value, Tensor):
            self.understood = False
        return value if isinstance(value, Tensor) else None

    def first(self) -> Tensor | None:
        """Return the tensor that the layer's first argument is."""
        return self.tensor(self._names[0])

    def masks(self) -> tuple[Tensor, ...]:
        """Return the tensors that the layer is given for masks."""
        names = [name for name in self._names if name.endswith("mask")]
        return tuple(mask for name in names if (mask := self.tensor(name)) is not None)

    def told(self, name: str, default: bool) -> bool:
        """Return an argument that is true or false."""
        self._asked.add(name)
        value = self._arguments.get(name, default)
        if type(value) is not bool:
            self.understood = False
        return value is True

    def width(self, tensor: Tensor) -> int:
        """Return the features of a tensor."""
        return self.extent(tensor, -1)

    def extent(self, tensor: Tensor, axis: int) -> int:
        """Return an extent of a tensor; where it is not known the layer is not understood."""
        shape = tensor.shape
        extent = shape[axis] if shape is not None and -len(shape) <= axis < len(shape) else None
        if type(extent) is not int or extent < 1:
            self.understood = False
            return 1
        return extent

    # ---- what it makes -------------------------------------------------------------------------------------

    def layer(
        self,
        name: str,
        class_name: str,
        *sources: Tensor | list[Tensor],
        given: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Tensor:
        """Call a layer of Keras; one that has been called before is called again."""
        return self._call("keras.layers", name, class_name, sources, given or {}, settings)

    def operation(self, class_name: str, *sources: Any, **given: Any) -> Tensor:
        """Call an operation of Keras."""
        lead = class_name.lower()
        name = lead if lead not in self._entries else f"{lead}_{len(self._entries)}"
        return self._call("keras.src.ops.numpy", name, class_name, sources, given, {})

    def add(self, *sources: Any) -> Tensor:
        """Add tensors."""
        first, *others = sources
        for other in others:
            first = self.operation("Add", first, other)
        return first  # type: ignore[no-any-return]  # a tensor, as all of them

    def held(self, name: str, *shape: int, trained: bool = True) -> Weight:
        """Return a weight of the layer's own."""
        return Weight(f"{self._called.path}/{name}", shape, trained and self._trainable)

    def weight(self, name: str, *shape: int) -> Tensor:
        """Return a weight of the layer's own as a tensor; one sample stands for all."""
        spread = [None if place == 0 and extent == 1 else extent for place, extent in enumerate(shape)]
        entry = self._entry("keras", name, "Variable", {"shape": spread})
        entry["weights"] = (self.held(name, *shape),)
        entry["inbound_nodes"] = []
        return Tensor(name, shape=shape)

    def drawn(self, *outputs: Tensor, keeps_padding: bool = False) -> Drawn | None:
        """Return the model; None where something was not understood, or an argument not asked for."""
        told = {name for name, value in self._arguments.items() if value not in _NOTHING}
        if not self.understood or not told <= self._asked:
            return None
        returned = [[each.layer, each.node, each.place] for each in outputs]
        inputs = [[name, 0, 0] for name in self._inputs]
        model = {"layers": [*self._entries.values()], "input_layers": inputs, "output_layers": returned}
        return Drawn(Config(model, f"{self._called.entry.where}.config"), keeps_padding)

    @property
    def _trainable(self) -> bool:
        return self._called.trainable and self.config.get("trainable") is not False

    def _call(
        self,
        module: str,
        name: str,
        class_name: str,
        sources: tuple[Any, ...],
        given: Mapping[str, Any],
        settings: Mapping[str, Any],
    ) -> Tensor:
        entry = self._entries.get(name) or self._entry(module, name, class_name, settings)
        node = {
            "args": [_spelled(each) for each in sources],
            "kwargs": {key: _spelled(each) for key, each in given.items() if each is not None},
        }
        entry["inbound_nodes"].append(node)
        return Tensor(name, len(entry["inbound_nodes"]) - 1)

    def _entry(self, module: str, name: str, class_name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        config = {"name": name, "trainable": self._trainable, "dtype": self.config.get("dtype"), **settings}
        entry = {
            "module": module,
            "class_name": class_name,
            "name": name,
            "config": config,
            "inbound_nodes": [],
        }
        self._entries[name] = entry
        if len(self._entries) > MOST_LAYERS:
            raise ReadError(f"the layer is made of more than {MOST_LAYERS:,} others")
        return entry


def _spelled(value: Any) -> Any:
    """Return an argument as a file has it."""
    if isinstance(value, Tensor):
        config: dict[str, Any] = {"keras_history": [value.layer, value.node, value.place]}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, slice):
        ends = {"start": value.start, "stop": value.stop, "step": value.step}
        return {"class_name": "__slice__", "config": ends}
    if isinstance(value, (tuple, list)):
        return [_spelled(each) for each in value]
    return value


Draw = Callable[[Sketch], "Drawn | None"]
"""What draws the layers of one class."""


class Published(NamedTuple):
    """How a published layer is read: what draws it, and the arguments of its call, in order."""

    draw: Draw
    names: tuple[str, ...] = ("inputs",)

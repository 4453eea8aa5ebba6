"""OpenVINO's layers as operations of ONNX, one after the other, by tables of their types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import onnx
from onnx import helper

from rfcalc.errors import ReadError
from rfcalc.readers.openvino.document import DEEPEST, Layer, Net, Place, Port, integer, net_in

OPSET: Final = 18
OWN: Final = "openvino"
"""The domain of operations that ONNX does not have."""

TYPES: Final = {
    "f32": onnx.TensorProto.FLOAT,
    "f16": onnx.TensorProto.FLOAT16,
    "bf16": onnx.TensorProto.BFLOAT16,
    "f64": onnx.TensorProto.DOUBLE,
    "i64": onnx.TensorProto.INT64,
    "i32": onnx.TensorProto.INT32,
    "i16": onnx.TensorProto.INT16,
    "i8": onnx.TensorProto.INT8,
    "i4": onnx.TensorProto.INT4,
    "u64": onnx.TensorProto.UINT64,
    "u32": onnx.TensorProto.UINT32,
    "u16": onnx.TensorProto.UINT16,
    "u8": onnx.TensorProto.UINT8,
    "u4": onnx.TensorProto.UINT4,
    "boolean": onnx.TensorProto.BOOL,
    "string": onnx.TensorProto.STRING,
}
"""Types of elements; the small floats of newer hardware count as the bytes that they fill."""

_PORTS: Final = {"FP32": "f32", "FP16": "f16", "FP64": "f64", "BOOL": "boolean"}

UNBIASED: Final = "/WithoutBiases"
"""How the frontend of ONNX calls the product in a layer that has a bias, or had one of zeros."""

Translator = Callable[["Translation", Layer], None]
TABLE: Final[dict[str, Translator]] = {}
"""What spells each type of layer as operations of ONNX; complete once `graph` is imported."""


class UntranslatedError(Exception):
    """A layer has settings that no operation of ONNX has, or constants that are not known."""


def layer_type(*names: str) -> Callable[[Translator], Translator]:
    """Register the decorated function for these types of layers."""

    def register(function: Translator) -> Translator:
        for name in names:
            TABLE[name] = function
        return function

    return register


class Translation:
    """The operations of one graph while they are collected.

    Parameters
    ----------
    net : Net
        The graph.
    read : callable
        Returns the elements of a constant by its layer, or None.
    outer : Translation, optional
        The graph around it.
    inside : str
        Stands before the names of an inner graph's layers when the model is read.
    own_size : bool
        The model is read at the size that the file has, so that the extents of its ports hold.
    """

    def __init__(
        self,
        net: Net,
        read: Callable[[Layer], Any],
        *,
        outer: Translation | None = None,
        inside: str = "",
        own_size: bool = True,
    ) -> None:
        self.net = net
        self.read = read
        self.outer = outer
        self.inside_of = inside
        self.own_size = own_size
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.infos: list[onnx.ValueInfoProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.types: dict[str, str] = {} if outer is None else outer.types
        self.bound: dict[int, str] = {}
        self.tensors: dict[Place, str] = {}
        self.layers = {layer.id: layer for layer in net.layers}
        self.takers: dict[Place, list[Place]] = {}
        for target, source in net.feeds.items():
            self.takers.setdefault(source, []).append(target)
        self.absorbed: set[int] = set()
        self._given = {layer.name for layer in net.layers}
        self._taken: set[str] = set() if outer is None else outer._taken
        self._names: dict[int, str] = {}
        self._parts = 0

    # ---- names ---------------------------------------------------------------------------------------------

    def name(self, layer: Layer) -> str:
        """Return the name of a layer, with its number where another layer has the name too."""
        if layer.id not in self._names:
            plain = layer.name.removesuffix(UNBIASED)
            plain = layer.name if plain in self._given else plain
            name = f"{plain}#{layer.id}" if self.inside_of + plain in self.types else plain
            self._names[layer.id] = name
            self.entitle(layer, name)
        return self._names[layer.id]

    def entitle(self, layer: Layer, name: str) -> None:
        """Remember what OpenVINO calls the layer that is read by a name."""
        self.types[self.inside_of + name] = layer.type

    def tensor(self, layer: Layer, port: Port) -> str:
        """Return the name of what a port puts out: the first that the file gives it."""
        place = (layer.id, port.id)
        if place not in self.tensors:
            given = port.names.replace("\\,", ";").partition(",")[0]
            name = given or f"{self.name(layer)}:{port.id}"
            if name in self._taken:
                name = f"{self.inside_of}{name}#{layer.id}:{port.id}"
            self._taken.add(name)
            self.tensors[place] = name
        return self.tensors[place]

    def source(self, layer: Layer, place: int) -> Place | None:
        """Return what feeds an input, by its place among the inputs; None where nothing does."""
        if place >= len(layer.inputs):
            return None
        return self.net.feeds.get((layer.id, layer.inputs[place].id))

    def take(self, layer: Layer, place: int) -> str:
        """Return the name of an input's tensor; "" where it is left out."""
        found = self.source(layer, place)
        if found is None:
            return ""
        maker = self.layers.get(found[0])
        port = next((each for each in maker.outputs if each.id == found[1]), None) if maker else None
        if maker is None or port is None:
            raise ReadError(f"is damaged: layer {layer.name!r} takes what no layer makes")
        return self.tensor(maker, port)

    def all(self, layer: Layer) -> list[str]:
        """Return the names of all inputs' tensors."""
        return [self.take(layer, place) for place in range(len(layer.inputs))]

    def made(self, layer: Layer) -> list[str]:
        """Return the names of all outputs' tensors."""
        return [self.tensor(layer, port) for port in layer.outputs]

    # ---- constants -----------------------------------------------------------------------------------------

    def maker(self, layer: Layer, place: int) -> Layer | None:
        """Return the layer that makes an input, behind conversions of its type."""
        found = self.source(layer, place)
        maker = None if found is None else self.layers.get(found[0])
        while maker is not None and maker.type == "Convert":
            found = self.source(maker, 0)
            maker = None if found is None else self.layers.get(found[0])
        return maker

    def is_constant(self, layer: Layer, place: int) -> bool:
        """Tell whether an input is a constant of the file."""
        maker = self.maker(layer, place)
        return maker is not None and maker.type == "Const"

    def integers(self, layer: Layer, place: int) -> list[int] | None:
        """Return the integers of a constant input; None where it is left out.

        Raises
        ------
        UntranslatedError
            It is computed, or its elements are not there.
        """
        if self.source(layer, place) is None:
            return None
        maker = self.maker(layer, place)
        data = self.read(maker) if maker is not None and maker.type == "Const" else None
        if data is None:
            raise UntranslatedError
        return [int(each) for each in data.reshape(-1).tolist()]

    def is_unread(self, layer: Layer, place: int) -> bool:
        """Tell whether an input is a constant whose elements are not there."""
        maker = self.maker(layer, place)
        return maker is not None and maker.type == "Const" and self.read(maker) is None

    def extents(self, layer: Layer) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the extents of a layer's first input and output, which tell what an unread constant says.

        Raises
        ------
        UntranslatedError
            They are open, or the model is read at another size.
        """
        before, after = layer.inputs[0].dims, layer.outputs[0].dims
        if not self.own_size or before is None or after is None or -1 in (*before, *after):
            raise UntranslatedError
        return before, after

    def needed(self, layer: Layer, place: int) -> list[int]:
        """Return the integers of a constant input that must be there."""
        found = self.integers(layer, place)
        if found is None:
            raise UntranslatedError
        return found

    def constant(self, values: Any, kind: int = onnx.TensorProto.INT64) -> str:
        """Add a constant of its own, a list of numbers or one number; return its name."""
        listed = values if isinstance(values, (list, tuple)) else [values]
        shape = [len(listed)] if isinstance(values, (list, tuple)) else []
        name = self.part()
        self.initializers.append(helper.make_tensor(name, kind, shape, listed))
        return name

    def scalar(self, layer: Layer, place: int) -> str:
        """Return the name of an input's tensor; of a constant of one element the name of one without axes.

        OpenVINO gives constants as many axes as what they meet has, and so says of none that it is a number.
        """
        maker, port = self.maker(layer, place), layer.inputs[place]
        if maker is None or maker.type != "Const" or not port.dims or set(port.dims) != {1}:
            return self.take(layer, place)
        kind = TYPES.get(maker.data.get("element_type", ""), onnx.TensorProto.FLOAT)
        tensor = onnx.TensorProto(name=self.part(), data_type=kind)
        data = self.read(maker)
        if data is None:
            tensor.data_location = onnx.TensorProto.EXTERNAL
        else:
            tensor.raw_data = data.tobytes()
        self.initializers.append(tensor)
        return str(tensor.name)

    def part(self) -> str:
        """Return a name for a tensor between two operations."""
        self._parts += 1
        return f"{self.inside_of}:{self._parts}"

    # ---- operations ----------------------------------------------------------------------------------------

    def add(
        self,
        layer: Layer,
        op: str,
        inputs: Sequence[str],
        outputs: Sequence[str] | None = None,
        *,
        domain: str = "",
        **attributes: Any,
    ) -> None:
        """Add the operation of a layer."""
        given = {name: value for name, value in attributes.items() if value is not None}
        made = self.made(layer) if outputs is None else list(outputs)
        node = helper.make_node(op, _trimmed(inputs), made, name=self.name(layer), domain=domain, **given)
        self.nodes.append(node)

    def step(self, layer: Layer, op: str, inputs: Sequence[str], *, made: str = "", **attributes: Any) -> str:
        """Add an operation before that of a layer, or behind it; return the tensor that it makes."""
        made = made or self.part()
        self._parts += 1
        name = f"{self.name(layer)}.{op.lower()}{self._parts}"
        self.nodes.append(helper.make_node(op, _trimmed(inputs), [made], name=name, **attributes))
        return made

    def unknown(self, layer: Layer) -> None:
        """Add a layer as an operation that nobody knows, with the constants of the graphs in it."""
        element = layer.element.find("body")
        bodies = {} if element is None else {"body": self.inside(element, layer, "body").graph()}
        self.add(layer, layer.type or "unknown", self.all(layer), domain=OWN, **bodies)

    def inside(self, element: Any, layer: Layer, name: str) -> Translation:
        """Return the translation of a graph inside of a layer."""
        net = net_in(element)._replace(name=name)
        inside = f"{self.inside_of}{self.name(layer)}/{name}/"
        if inside.count("/") > DEEPEST:
            raise ReadError("has graphs that are nested too deeply")
        return Translation(net, self.read, outer=self, inside=inside, own_size=self.own_size)

    def run(self) -> None:
        """Translate all layers, in an order in which makers come first."""
        for layer in self.net.layers:
            for port in layer.outputs:
                if layer.type not in ("Const", "Parameter"):
                    self.infos.append(declared(self.tensor(layer, port), port))
        for layer in self._ordered():
            if layer.id in self.absorbed:
                continue
            translator = TABLE.get(layer.type)
            count = len(self.nodes)
            try:
                if translator is None:
                    raise UntranslatedError
                translator(self, layer)
            except UntranslatedError:
                del self.nodes[count:]
                self.unknown(layer)

    def graph(self) -> onnx.GraphProto:
        """Return the graph that all layers come to."""
        self.run()
        return helper.make_graph(
            self.nodes,
            self.net.name,
            self.inputs,
            self.outputs,
            self.initializers,
            value_info=self.infos,
        )

    def _ordered(self) -> Iterable[Layer]:
        """Return layers so that those that others take come first, as most files have them already."""
        import graphlib

        places = {layer.id: place for place, layer in enumerate(self.net.layers)}
        sources: dict[int, set[int]] = {layer.id: set() for layer in self.net.layers}
        for (target, _), (source, _) in self.net.feeds.items():
            if target not in sources or source not in sources:
                raise ReadError("is damaged: an edge joins layers that are not there")
            sources[target].add(source)
        if all(places[source] < places[target] for target, found in sources.items() for source in found):
            return self.net.layers
        try:
            order = list(graphlib.TopologicalSorter(sources).static_order())
        except graphlib.CycleError:
            raise ReadError("is damaged: its layers form a cycle") from None
        return [self.layers[each] for each in order]


def _trimmed(inputs: Sequence[str]) -> list[str]:
    """Return inputs without those at the end that are left out."""
    names = list(inputs)
    while names and not names[-1]:
        names.pop()
    return names


def declared(name: str, port: Port, kind: int | None = None) -> onnx.ValueInfoProto:
    """Return a tensor's type and shape, as a port has it."""
    dims = None if port.dims is None else [None if extent < 0 else extent for extent in port.dims]
    precision = _PORTS.get(port.precision, port.precision.lower())
    code = TYPES.get(precision, onnx.TensorProto.FLOAT) if kind is None else kind
    return helper.make_tensor_value_info(name, code, dims)


def numbers(layer: Layer, name: str) -> list[int] | None:
    """Return a setting that is a list of integers; None where it is not there, or empty."""
    text = layer.data.get(name, "").strip()
    if not text:
        return None
    found = [integer(each) for each in text.split(",")]
    if any(each is None for each in found):
        raise UntranslatedError
    return [each for each in found if each is not None]


def number(layer: Layer, name: str, default: int) -> int:
    """Return a setting that is one integer."""
    value = integer(layer.data.get(name, str(default)))
    if value is None:
        raise UntranslatedError
    return value


def flag(layer: Layer, name: str, default: bool = False) -> bool:
    """Return a setting that is true or false, which older files write as a number."""
    text = layer.data.get(name, "").strip().lower()
    return default if not text else text in ("true", "1", "yes")


def word(layer: Layer, name: str, default: str = "") -> str:
    """Return a setting that is a word."""
    return layer.data.get(name, default).strip().lower()

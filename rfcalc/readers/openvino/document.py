"""What an OpenVINO file says: its layers, their settings, the shapes of their ports, and what feeds which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from rfcalc.errors import ReadError
from rfcalc.records import NamedTuple

OLDEST: Final = 10
"""The first version of the representation in which layers are of operation sets."""

MOST_LAYERS: Final = 200_000
LONGEST_EXTENT: Final = 1 << 40
DEEPEST: Final = 200
"""Elements inside of each other."""

Place = tuple[int, int]
"""A layer and one of its ports, by the numbers that the file gives them."""


class Port(NamedTuple):
    """A port of a layer: its number, its names, the type of its elements, its extents (-1 where open)."""

    id: int
    names: str
    precision: str
    dims: tuple[int, ...] | None


class Layer(NamedTuple):
    """A layer, as the file has it."""

    id: int
    name: str
    type: str
    version: str
    data: Mapping[str, str]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    element: Any


class Net(NamedTuple):
    """A graph: a model's own, or one inside of a layer. `feeds` says for each input what makes it."""

    name: str
    layers: tuple[Layer, ...]
    feeds: Mapping[Place, Place]


def parse(data: bytes) -> Net:
    """Return what a file holds.

    Raises
    ------
    ReadError
        It is damaged, of an old version, or has a document type, which no such file has.
    """
    root = _tree(data)
    version = root.get("version", "")
    if root.tag != "net" or not version.isdecimal():
        raise ReadError("is XML, but no model of OpenVINO")
    if int(version) < OLDEST:
        raise ReadError(
            f"is an OpenVINO model of version {version}; rfcalc reads {OLDEST} and later: convert it again "
            "with OpenVINO 2022 or later"
        )
    return net_in(root)


def _tree(data: bytes) -> Element:
    """Parse XML without document types, and so without entities."""
    builder = TreeBuilder()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise ReadError("is nested too deeply to be a model")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_: object) -> None:
        raise ReadError("has a document type, which no model of OpenVINO has")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, ValueError) as error:
        raise ReadError(f"is XML that is damaged: {error}") from None


def net_in(element: Element) -> Net:
    """Return the graph of an element that holds layers and edges."""
    found = element.findall("layers/layer")
    if len(found) > MOST_LAYERS:
        raise ReadError(f"has more than {MOST_LAYERS:,} layers")
    layers = tuple(_layer(each) for each in found)
    feeds = {}
    for edge in element.iterfind("edges/edge"):
        target = (_number(edge, "to-layer"), _number(edge, "to-port"))
        feeds[target] = (_number(edge, "from-layer"), _number(edge, "from-port"))
    if len({layer.id for layer in layers}) < len(layers):
        raise ReadError("is damaged: two layers have the same number")
    return Net(element.get("name") or "model", layers, feeds)


def _layer(element: Element) -> Layer:
    data = element.find("data")
    return Layer(
        _number(element, "id"),
        element.get("name") or f"layer {element.get('id')}",
        element.get("type") or "",
        element.get("version") or "",
        {} if data is None else dict(data.attrib),
        tuple(_port(each) for each in element.iterfind("input/port")),
        tuple(_port(each) for each in element.iterfind("output/port")),
        element,
    )


def _port(element: Element) -> Port:
    dims = tuple(_extent(each.text or "") for each in element.iterfind("dim"))
    return Port(_number(element, "id"), element.get("names") or "", element.get("precision") or "", dims)


def _extent(text: str) -> int:
    value = integer(text)
    if value is None or not -1 <= value < LONGEST_EXTENT:
        raise ReadError(f"is damaged: there is an extent {text.strip()[:20]!r}")
    return value


def _number(element: Element, name: str) -> int:
    value = integer(element.get(name) or "")
    if value is None or value < 0:
        raise ReadError(f"is damaged: a {element.tag} has no number {name!r}")
    return value


def integer(text: str) -> int | None:
    """Return the integer that a text is, or None.

    >>> integer(" 12"), integer("-1"), integer("1..3"), integer("9" * 5000)
    (12, -1, None, None)
    """
    text = text.strip()
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else None

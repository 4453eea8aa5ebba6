"""The elements of an OpenVINO model's small constants, from the ``.bin`` beside it; weights are not read."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from rfcalc.readers.lowering.folding import MOST_FLOATS, MOST_KNOWN
from rfcalc.readers.lowering.mask_constants import MOST_MASKED
from rfcalc.readers.onnx.sidecar import MOST_BYTES, Said, Unread, read_beside
from rfcalc.readers.openvino.document import Layer, Net, integer, parse
from rfcalc.wording import few

_KINDS: Final = {
    "f32": "<f4", "f16": "<f2", "f64": "<f8", "i64": "<i8", "i32": "<i4", "i16": "<i2", "u64": "<u8",
    "u32": "<u4", "u16": "<u2", "boolean": "|b1",
}  # fmt: skip
"""How numpy spells the types whose elements may matter; smaller integers are quantised weights."""

_MASKED: Final = frozenset(("Add", "Multiply", "Select", "ScaledDotProductAttention", "Subtract"))
"""Layers for which a larger constant of floats may be a mask."""

Reader = Callable[[Layer], Any]


def reader_of(net: Net, directory: str | None, source: str) -> tuple[Reader, Callable[[], tuple[Said, ...]]]:
    """Return what reads the constants of a model, and what says afterwards which could not be read.

    Parameters
    ----------
    net : Net
        The model.
    directory : str, optional
        The one that the file is in; None of one that has no place.
    source : str
        The file's name.
    """
    known: dict[int, Any] = {}
    unread: dict[str, list[str]] = {}
    left = [MOST_BYTES]
    masks = _may_mask(net)

    def read(layer: Layer) -> Any:
        if id(layer) not in known:
            known[id(layer)] = _elements(layer, layer.id in masks, directory, source, unread, left)
        return known[id(layer)]

    def say() -> tuple[Said, ...]:
        first = next((each.name for each in net.layers if each.type == "Parameter"), "")
        return tuple([("tables", first, _said(names, why)) for why, names in unread.items()])

    return read, say


def _said(names: list[str], why: str) -> str:
    count = "a small constant" if len(names) == 1 else f"{len(names)} small constants"
    return (
        f"{count} of the .bin file could not be read ({few(map(repr, names))}): {why}; what they decide is "
        "only bounded, or unknown"
    )


def _may_mask(net: Net) -> frozenset[int]:
    """Return the numbers of constants that may be masks, by what takes them."""
    layers = {layer.id: layer for layer in net.layers}
    found = set()
    for (target, _), (source, _) in net.feeds.items():
        if target in layers and source in layers and layers[target].type in _MASKED:
            made = layers[source]
            while made.type in ("Convert", "Reshape", "Unsqueeze", "Broadcast"):
                place = net.feeds.get((made.id, made.inputs[0].id)) if made.inputs else None
                if place is None or place[0] not in layers or place[0] == made.id:
                    break
                made = layers[place[0]]
            found.add(made.id)
    return frozenset(found)


def _elements(
    layer: Layer,
    mask: bool,
    directory: str | None,
    source: str,
    unread: dict[str, list[str]],
    left: list[int],
) -> Any:
    """Return the elements of a constant as an array; None where they do not matter, or cannot be read."""
    kind = _KINDS.get(layer.data.get("element_type", ""))
    dims = layer.outputs[0].dims if layer.outputs else None
    if kind is None or dims is None or -1 in dims:
        return None
    count = prod(dims)
    floats = kind[1] == "f"
    most = MOST_MASKED if mask else MOST_FLOATS if floats else MOST_KNOWN
    if count > most or (floats and mask and len(dims) < 2 and count > MOST_FLOATS):
        return None
    offset, size = (integer(layer.data.get(name, "")) for name in ("offset", "size"))
    wanted = count * np.dtype(kind).itemsize
    try:
        if directory is None:
            raise Unread("the model was handed over without its folder")
        if offset is None or offset < 0 or size != wanted:
            raise Unread("its length is not that of its shape")
        data = read_beside(directory, f"{Path(source).stem}.bin", offset, wanted, left[0])
    except Unread as error:
        unread.setdefault(str(error), []).append(layer.name)
        return None
    left[0] -= len(data)
    return np.frombuffer(data, dtype=kind).reshape(dims)


def hash_beside(data: bytes, source: str, directory: str) -> str:
    """Return a hash of what is read of the file beside a model's own, or of why it cannot be."""
    import hashlib

    net = parse(data)
    read, say = reader_of(net, directory, source)
    found = hashlib.sha256()
    for layer in net.layers:
        array = read(layer) if layer.type == "Const" else None
        found.update(b"" if array is None else array.tobytes())
    found.update(repr(say()).encode())
    return found.hexdigest()

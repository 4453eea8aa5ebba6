"""Tables of integers that an ONNX file keeps in another file beside it; its floats are never read.

Indices of a lookup decide what depends on what, and exporters write them out with the weights. Only a plain
file in the model's own directory is opened, and no more of it is read than a table's shape and type come to.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Final

import onnx

from rfcalc.readers.onnx.held import graphs_of
from rfcalc.wording import few

MOST_BYTES: Final = 64 << 20
"""Bytes of all tables together."""

_LONGEST_NAME: Final = 255
_LONGEST_NUMBER: Final = 19

_WIDTHS: Final[Mapping[int, int]] = {
    onnx.TensorProto.BOOL: 1,
    onnx.TensorProto.INT16: 2,
    onnx.TensorProto.UINT16: 2,
    onnx.TensorProto.INT32: 4,
    onnx.TensorProto.UINT32: 4,
    onnx.TensorProto.INT64: 8,
    onnx.TensorProto.UINT64: 8,
}
"""Bytes of an element; integers of 8 bits and less are quantised weights."""


Said = tuple[str, str, str]
"""Code, layer and text of a note."""


class Unread(Exception):
    """A table cannot be read, and why."""


def tables_of(model: onnx.ModelProto, directory: str | None) -> tuple[Said, ...]:
    """Put the tables that lie beside a model's file into the model; return what is to be said of others.

    Parameters
    ----------
    model : ModelProto
        It is changed.
    directory : str, optional
        The one that the model's own file is in; without it there is nothing beside it.
    """
    unread = {} if directory is None else take_tables(model, directory)
    first = next((each.name for each in model.graph.input), "")
    return tuple([("tables", first, _unread(names, why)) for why, names in unread.items()])


def _unread(names: Sequence[str], why: str) -> str:
    """Say which tables are not known, and why."""
    tables = "a table of integers" if len(names) == 1 else f"{len(names)} tables of integers"
    named = few(map(repr, names))
    return f"{tables} beside the file could not be read ({named}): {why}; what they look up is only bounded"


def take_tables(model: onnx.ModelProto, directory: str) -> dict[str, list[str]]:
    """Put the tables that lie in files of `directory` into the model itself.

    Parameters
    ----------
    model : ModelProto
        It is changed.
    directory : str
        The one that the model's own file is in.

    Returns
    -------
    dict of str to list of str
        Reasons why some were not read, with the names of these.
    """
    unread: dict[str, list[str]] = {}
    left = MOST_BYTES
    for tensor in _outside(model):
        try:
            data = _read(tensor, directory, left)
        except Unread as error:
            unread.setdefault(str(error), []).append(tensor.name)
            continue
        left -= len(data)
        tensor.ClearField("external_data")
        tensor.data_location = onnx.TensorProto.DEFAULT
        tensor.raw_data = data
    return unread


def hash_beside(data: bytes, directory: str) -> str:
    """Return a hash of the tables beside a model's file, or of why they cannot be read; "" where none are.

    Parameters
    ----------
    data : bytes
        What the file holds.
    directory : str
        The one that it is in.
    """
    if b"location" not in data:  # every tensor that lies elsewhere says so in that word
        return ""
    model = onnx.load_model_from_string(data)
    names = [tensor.name for tensor in _outside(model)]
    if not names:
        return ""
    digest = hashlib.sha256(repr((names, sorted(take_tables(model, directory).items()))).encode())
    for graph in graphs_of(model.graph):
        for tensor in graph.initializer:
            if tensor.name in names:
                digest.update(tensor.raw_data)
    return digest.hexdigest()


def files_beside(data: bytes) -> list[str]:
    """Return the names of the files beside a model's own that it says its tensors are in.

    Parameters
    ----------
    data : bytes
        What the model's file holds.
    """
    if b"location" not in data:
        return []
    model = onnx.load_model_from_string(data)
    held = _held(model)
    for graph in graphs_of(model.graph):
        held += [each for sparse in graph.sparse_initializer for each in (sparse.values, sparse.indices)]
    outside = (tensor for tensor in held if tensor.data_location == onnx.TensorProto.EXTERNAL)
    said = (each.value for tensor in outside for each in tensor.external_data if each.key == "location")
    return list(dict.fromkeys(said))


def _outside(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Find the tables whose elements are not in the model."""
    for tensor in _held(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL and tensor.data_type in _WIDTHS:
            yield tensor


def _held(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """Return all tensors that a model holds, wherever their elements are."""
    graphs = list(graphs_of(model.graph))
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for function in model.functions for node in function.node]
    held = [tensor for graph in graphs for tensor in graph.initializer]
    return held + [each.t for node in nodes for each in node.attribute if each.HasField("t")]


def _read(tensor: onnx.TensorProto, directory: str, left: int) -> bytes:
    """Return the elements of a table.

    Raises
    ------
    Unread
        What the model says of its place cannot be, or must not be followed.
    """
    name, offset, length = _place(tensor)
    if any(extent < 0 for extent in tensor.dims):
        raise Unread("it has a negative extent")
    wanted = prod(tensor.dims) * _WIDTHS[tensor.data_type]
    if length is not None and length != wanted:
        raise Unread("its length is not that of its shape")
    return read_beside(directory, name, offset, wanted, left)


def read_beside(directory: str, name: str, offset: int, wanted: int, left: int) -> bytes:
    """Return a part of a file that lies beside a model's own.

    Parameters
    ----------
    directory, name : str
        Where the file is; a plain name.
    offset, wanted : int
        Where the part begins, and how many bytes it has.
    left : int
        How many may still be read.

    Raises
    ------
    Unread
        It is not there, too large, or must not be opened.
    """
    if wanted > left:
        raise Unread(f"all of them are more than {MOST_BYTES >> 20} MiB")
    try:
        with os.fdopen(_opened(directory, name), "rb") as file:
            if offset + wanted > os.fstat(file.fileno()).st_size:
                raise Unread("it goes on beyond the end of the file")
            file.seek(offset)
            data = file.read(wanted)
    except FileNotFoundError:
        raise Unread("the file is not there") from None
    except OSError as error:
        raise Unread(f"the file cannot be read: {error.strerror or 'it is damaged'}") from None
    if len(data) != wanted:
        raise Unread("it goes on beyond the end of the file")
    return data


def _place(tensor: onnx.TensorProto) -> tuple[str, int, int | None]:
    """Return the name of the file, where in it the table begins, and its length where that is given."""
    said: dict[str, str] = {}
    for each in tensor.external_data:
        if said.setdefault(each.key, each.value) != each.value:
            raise Unread(f"its {each.key[:20]!r} is given twice")
    name = said.get("location", "")
    if not name or name in (".", "..") or len(name) > _LONGEST_NAME or not set(name).isdisjoint("/\\:\0"):
        raise Unread("its file is no plain name in the model's directory")
    length = _number(said["length"], "length") if "length" in said else None
    return name, _number(said.get("offset", "0"), "offset"), length


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER):
        raise Unread(f"its {what} is no number that can be")
    return int(text)


def _opened(directory: str, name: str) -> int:
    """Open a regular file that has no other name; anything else is refused before it is opened."""
    path = Path(directory) / name
    seen = path.lstat()
    _check(seen)
    # between the look and the opening it may have become a link or a pipe
    flags = os.O_RDONLY
    for each in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, each, 0)
    descriptor = os.open(path, flags)
    try:
        found = os.fstat(descriptor)
        _check(found)
        if (found.st_dev, found.st_ino) != (seen.st_dev, seen.st_ino):
            raise Unread("the file was replaced while it was opened")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Unread("it is no regular file, but a link, a pipe or the like")
    if status.st_nlink > 1:
        raise Unread("the file has another name too, perhaps outside of the directory")

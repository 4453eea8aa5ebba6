"""Tables of integers and masks that an ONNX file keeps in another file beside it; its weights are not read.

Indices of a lookup decide what depends on what, and so do masks; exporters write them out with the weights.
Only a plain file in the model's own directory is opened, and no more of it is read than a constant's shape
and type come to. Of larger floats that may be masks, by what takes them, a few elements are looked at first.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from io import FileIO
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from rfcalc.readers.lowering.folding import MOST_FLOATS
from rfcalc.readers.lowering.mask_constants import MOST_MASKED, hints, looked_at
from rfcalc.readers.onnx.floats import Uses, uses_of
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

_FLOATS: Final[Mapping[int, str]] = {
    onnx.TensorProto.FLOAT: "<f4",
    onnx.TensorProto.FLOAT16: "<f2",
    onnx.TensorProto.DOUBLE: "<f8",
}
"""How numpy spells the floats that it has."""

_TOO_MUCH: Final = f"all of them are more than {MOST_BYTES >> 20} MiB"

_ALONE: Final = "the model was handed over without its folder"

_Held = list[tuple[str, onnx.TensorProto]]
_Reasons = dict[str, list[str]]

Said = tuple[str, str, str]
"""Code, layer and text of a note."""


class Unread(Exception):
    """A table cannot be read, and why."""


def tables_of(model: onnx.ModelProto, directory: str | None) -> tuple[Said, ...]:
    """Put the tables and masks beside a model's file into the model; say what is not known of others.

    Parameters
    ----------
    model : ModelProto
        It is changed, where there is a directory.
    directory : str, optional
        The one that the model's own file is in; without it there is nothing beside it.
    """
    held = _held(model)
    outside = _outside(held)
    if not outside:
        return ()
    uses = _uses(model, held, outside)
    if directory is None:
        masks = {name for name, tensor in outside if _may_mask(name, tensor, uses)}
        unread: dict[str, list[str]] = {}
        missed = {_ALONE: sorted(masks)} if masks else {}
    else:
        unread, missed = _taken(outside, directory, uses)
    first = next((each.name for each in model.graph.input), "")
    notes = [("tables", first, _unread(names, why)) for why, names in unread.items()]
    notes += [("tables", first, _missed(names, why)) for why, names in missed.items()]
    return tuple(notes)


def _unread(names: Sequence[str], why: str) -> str:
    """Say which tables are not known, and why."""
    tables = "a table of integers" if len(names) == 1 else f"{len(names)} tables of integers"
    named = few(map(repr, names))
    return f"{tables} beside the file could not be read ({named}): {why}; what they look up is only bounded"


def _missed(names: Sequence[str], why: str) -> str:
    """Say which constants that meet scores are not known, and why.

    They are taken for what is learned, as a bias by distance is: an architecture is often handed over without
    its data, and to be a bound for each of them would tell nothing of it.
    """
    one = len(names) == 1
    masks = "a constant" if one else f"{len(names)} constants"
    named = few(map(repr, names))
    what = "it is taken for one that hides" if one else "they are taken for such that hide"
    return f"{masks} added to scores beside the file could not be read ({named}): {why}; {what} nothing"


def take_tables(model: onnx.ModelProto, directory: str) -> dict[str, list[str]]:
    """Put the tables and masks that lie in files of `directory` into the model itself.

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
    held = _held(model)
    outside = _outside(held)
    tables, masks = _taken(outside, directory, _uses(model, held, outside))
    return _by_reason(tables, masks)


def _by_reason(tables: _Reasons, masks: _Reasons) -> _Reasons:
    """Return all that was not read, by reason."""
    return {why: tables.get(why, []) + masks.get(why, []) for why in (*tables, *masks)}


def _taken(outside: _Held, directory: str, uses: Uses) -> tuple[_Reasons, _Reasons]:
    """Put what is read into tensors; return which tables and which possible masks are not, by reason."""
    unread: dict[str, list[str]] = {}
    missed: dict[str, list[str]] = {}
    left = MOST_BYTES
    for name, tensor in outside:
        if not _matters(name, tensor, uses):
            continue
        try:
            data = _read(tensor, directory, left)
        except Unread as error:
            if tensor.data_type in _WIDTHS:
                unread.setdefault(str(error), []).append(name)
            elif _may_mask(name, tensor, uses):
                missed.setdefault(str(error), []).append(name)
            continue
        if data is None:
            continue
        left -= len(data)
        tensor.ClearField("external_data")
        tensor.data_location = onnx.TensorProto.DEFAULT
        tensor.raw_data = data
    return unread, missed


def _uses(model: onnx.ModelProto, held: _Held, outside: _Held) -> Uses:
    """Return what the floats beside a model are used for."""
    asked = [name for name, tensor in outside if tensor.data_type in _FLOATS]
    if not asked:
        return Uses(frozenset(), frozenset(), frozenset())
    return uses_of(_nodes(model, graphs_of(model.graph)), [name for name, _ in held], asked)


def _outside(held: _Held) -> _Held:
    """Return the tensors whose elements are in other files."""
    return [each for each in held if _is_outside(each[1])]


def _is_outside(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def _matters(name: str, tensor: onnx.TensorProto, uses: Uses) -> bool:
    """Tell whether the elements of a tensor may decide something."""
    if tensor.data_type in _WIDTHS:
        return True
    if tensor.data_type not in _FLOATS:
        return False
    return name in (uses.small if prod(tensor.dims) <= MOST_FLOATS else uses.large)


def _may_mask(name: str, tensor: onnx.TensorProto, uses: Uses) -> bool:
    """Tell whether a tensor meets scores as masks of positions by positions do."""
    return (
        name in uses.scores
        and tensor.data_type in _FLOATS
        and sum(extent > 1 for extent in tensor.dims) > 1
        and prod(tensor.dims) <= MOST_MASKED
    )


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
    held = _held(model)
    outside = _outside(held)
    uses = _uses(model, held, outside)
    read = [(name, tensor) for name, tensor in outside if _matters(name, tensor, uses)]
    if not read:
        return ""
    unread = sorted(_by_reason(*_taken(outside, directory, uses)).items())
    digest = hashlib.sha256(repr(([name for name, _ in read], unread)).encode())
    for _, tensor in read:
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
    held = [tensor for _, tensor in _held(model)]
    for graph in graphs_of(model.graph):
        held += [each for sparse in graph.sparse_initializer for each in (sparse.values, sparse.indices)]
    outside = filter(_is_outside, held)
    said = (each.value for tensor in outside for each in tensor.external_data if each.key == "location")
    return list(dict.fromkeys(said))


def _nodes(model: onnx.ModelProto, graphs: Iterable[onnx.GraphProto]) -> Iterator[onnx.NodeProto]:
    """Walk all operations, those of branches, which are among its graphs, and functions included."""
    for graph in graphs:
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _held(model: onnx.ModelProto) -> _Held:
    """Return all tensors that a model holds, wherever their elements are, by what operations call them."""
    graphs = list(graphs_of(model.graph))
    held = [(tensor.name, tensor) for graph in graphs for tensor in graph.initializer]
    for node in _nodes(model, graphs):
        called = node.output[0] if node.op_type == "Constant" and node.output else ""
        held += [(called or each.t.name, each.t) for each in node.attribute if each.HasField("t")]
    return held


def _read(tensor: onnx.TensorProto, directory: str, left: int) -> bytes | None:
    """Return the elements of a constant; None of floats that are no mask, by a look at a few.

    Raises
    ------
    Unread
        What the model says of its place cannot be, or must not be followed.
    """
    name, offset, length = _place(tensor)
    if any(extent < 0 for extent in tensor.dims):
        raise Unread("it has a negative extent")
    count, floats = prod(tensor.dims), _FLOATS.get(tensor.data_type)
    wanted = count * (np.dtype(floats).itemsize if floats else _WIDTHS[tensor.data_type])
    if length is not None and length != wanted:
        raise Unread("its length is not that of its shape")
    if floats is None or count <= MOST_FLOATS:
        return read_beside(directory, name, offset, wanted, left)
    return _part(directory, name, offset, wanted, left, partial(_look, kind=floats, count=count))


def _look(file: FileIO, offset: int, kind: str, count: int) -> bool:
    """Tell by a few elements in a file whether floats may be a mask."""
    width = np.dtype(kind).itemsize
    some: list[Any] = []
    for place in looked_at(count):
        file.seek(offset + place * width)
        some += np.frombuffer(file.read(width), dtype=kind).tolist()
    return hints(some)


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
    return _part(directory, name, offset, wanted, left, lambda *_: True) or b""


def _part(
    directory: str, name: str, offset: int, wanted: int, left: int, look: Callable[[FileIO, int], bool]
) -> bytes | None:
    """Return a part of a file as `read_beside` does; None where a look at it says that it is not needed."""
    try:
        with os.fdopen(_opened(directory, name), "rb", buffering=0) as file:
            if offset + wanted > os.fstat(file.fileno()).st_size:
                raise Unread("it goes on beyond the end of the file")
            if not look(file, offset):
                return None
            if wanted > left:
                raise Unread(_TOO_MUCH)
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

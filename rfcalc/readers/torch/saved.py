"""Programs in files: the JSON in a ``.pt2`` archive, read without PyTorch, weights or pickles."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN, Num
from rfcalc.errors import ReadError
from rfcalc.readers.lowering.mask_constants import MOST_MASKED, is_structural, may_be_structural
from rfcalc.readers.parsing import decode
from rfcalc.readers.torch.extents import from_text
from rfcalc.readers.torch.program import (
    BUFFER,
    CONSTANT,
    DTYPES,
    OTHER,
    PARAMETER,
    USER,
    Call,
    Given,
    Program,
    Ref,
    Tensor,
)

MOST_MEMBERS: Final = 1_000_000
MOST_UNPACKED: Final = 256 << 20
"""Bytes of the program; ten thousand operators need some 20 MB."""

MOST_KNOWN: Final = 1 << 19
"""Bytes of a constant that is looked at."""

DEEPEST: Final = 16
"""Graphs inside of each other."""

_OLD: Final = "serialized_exported_program.json"
_CONFIGS: Final = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")


class Saved:
    """A saved program.

    Parameters
    ----------
    source : path or bytes
        The archive.

    Raises
    ------
    ReadError
        It is damaged, or holds no program.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes) -> None:
        try:
            with zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source) as archive:
                self._document, self._payloads, self._data = _contents(archive)
        except (zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError, zlib.error) as error:
            raise ReadError(f"is a damaged archive: {error}") from None
        if not isinstance(self._document, dict):
            raise ReadError("is damaged, or of a version that is not known: its program is no table")

    def read(self, symbols: Mapping[str, Num]) -> Program:
        """Return the program with these numbers in the place of symbols.

        Raises
        ------
        ReadError
            The document is not what PyTorch writes.
        """
        try:
            return self._program(symbols)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError, RecursionError) as error:
            reason = str(error).partition("\n")[0][:80] or type(error).__name__
            raise ReadError(f"is damaged, or of a version that is not known: {reason}") from None

    def _program(self, symbols: Mapping[str, Num]) -> Program:
        module = self._document["graph_module"]
        graph = _Graph(module["graph"], symbols, 0)
        inputs = [self._given(spec, graph) for spec in module["signature"]["input_specs"]]
        outputs = [
            graph.argument(spec["user_output"]["arg"])
            for spec in module["signature"]["output_specs"]
            if "user_output" in spec
        ]
        ranges = {
            str(name): (_whole(found.get("min_val")), _whole(found.get("max_val")))
            for name, found in (self._document.get("range_constraints") or {}).items()
        }
        calls = graph.calls()
        return Program(_class_of(calls), inputs, calls, outputs, ranges)

    def _given(self, spec: Mapping[str, Any], graph: _Graph) -> Given:
        ((kind, found),) = spec.items()
        if kind == "user_input":
            name = _name_of(found["arg"])
            return Given(name, USER, name, graph.meta(name))
        keys = {"parameter": PARAMETER, "buffer": BUFFER, "tensor_constant": CONSTANT}
        if kind not in keys:
            name = str(found.get("name") or _name_of(found.get("arg") or {}))
            return Given(name, OTHER, name)
        name, path = str(found["arg"]["name"]), str(found[f"{kind}_name"])
        trainable = bool(graph.tensors[name].get("requires_grad", True))
        identity, data = self._payloads.get(path, path), self._data.get(path)
        doubt = kind != "parameter" and path not in self._data
        if kind == "buffer" and data is not None and data.dtype.kind == "f" and not data.any():
            data = None  # nothing but zeros is a state which is still to be filled
        return Given(name, keys[kind], path, graph.meta(name), identity, trainable, data, doubt)


def _whole(value: object) -> int | None:
    return value if type(value) is int and abs(value) < 1 << 62 else None


def _name_of(argument: Mapping[str, Any]) -> str:
    for found in argument.values():
        if isinstance(found, Mapping):
            return str(found.get("name") or found.get("as_name") or "")
    return ""


def _class_of(calls: list[Call]) -> str:
    """Return the class of the outermost module, as calls have it."""
    return next((call.stack[0][2].rpartition(".")[2] for call in calls if call.stack), "") or "model"


# ---- the archive -------------------------------------------------------------------------------------------


def _contents(archive: zipfile.ZipFile) -> tuple[Any, dict[str, str], dict[str, Any]]:
    """Read the program, which parameters are tied, and constants of integers."""
    names = archive.namelist()
    if len(names) > MOST_MEMBERS:
        raise ReadError(f"has {len(names):,} members, no program has so many")
    if _OLD in names:
        return _json(archive, _OLD), {}, {}
    found = [name for name in names if "/models/" in name and name.endswith(".json")]
    if len(found) != 1:
        raise ReadError(f"holds {len(found) or 'no'} programs; an export has one")
    root = found[0].partition("/models/")[0]
    payloads: dict[str, str] = {}
    data: dict[str, Any] = {}
    for config in _CONFIGS:
        if f"{root}/{config}" in names:
            _payloads(archive, f"{root}/{config}", payloads, data)
    return _json(archive, found[0]), payloads, data


def _payloads(archive: zipfile.ZipFile, config: str, payloads: dict[str, str], data: dict[str, Any]) -> None:
    """Note which tensors lie in the same place, and read small ones of integers."""
    folder = config.rpartition("/")[0]
    first: dict[str, str] = {}
    document = _json(archive, config)
    table = document.get("config", {}) if isinstance(document, dict) else None
    if not isinstance(table, dict):
        raise ReadError("must hold a table of tensors", where=config)
    for path, found in table.items():
        if not isinstance(found, dict) or not isinstance(found.get("path_name"), str):
            raise ReadError(f"has no entry of a tensor for {path!r}", where=config)
        place = found["path_name"]
        payloads[path] = first.setdefault(place, path)
        try:
            elements = _elements(archive, f"{folder}/{place}", found)
        except (TypeError, AttributeError, OverflowError):
            raise ReadError(f"does not say what tensor {path!r} is", where=config) from None
        if elements is not None:
            data[path] = elements if _is_kept(elements) else None


def _is_kept(array: Any) -> bool:
    """Tell whether the elements of a tensor say something: those of many numbers only where it is a mask."""
    return array.nbytes <= MOST_KNOWN or (may_be_structural(array) and is_structural(array))


def _elements(archive: zipfile.ZipFile, member: str, found: Mapping[str, Any]) -> Any:
    """Return the elements of a constant; None where they are too many or no plain bytes."""
    meta = found.get("tensor_meta") or {}
    code = meta.get("dtype", 0)
    name = DTYPES[code] if type(code) is int and 0 <= code < len(DTYPES) else ""
    floats = name in ("float16", "float32", "float64") and not found.get("is_param", True)
    if found.get("use_pickle") or not (floats or name.startswith(("int", "uint", "bool"))):
        return None
    shape = [each.get("as_int") for each in meta.get("sizes", ())]
    strides = [each.get("as_int") for each in meta.get("strides", ())]
    dense = [math.prod(shape[k + 1 :]) for k in range(len(shape))] if None not in shape else None
    if strides != dense or meta.get("storage_offset", {}).get("as_int"):
        return None
    try:
        most = 8 * MOST_MASKED if floats or name == "bool" else MOST_KNOWN
        if archive.getinfo(member).file_size > most:
            return None
        import numpy as np

        with archive.open(member) as stream:
            return np.frombuffer(stream.read(most), dtype=name, count=math.prod(shape)).reshape(shape)
    except (KeyError, ValueError, ImportError):
        return None


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    import json

    with archive.open(name) as stream:  # the size in the directory may lie, so count what comes
        text = stream.read(MOST_UNPACKED + 1)
    if len(text) > MOST_UNPACKED:
        raise ReadError(f"unpacks to more than {MOST_UNPACKED >> 20} MB; no program needs it", where=name)
    try:
        return json.loads(decode(text))
    except RecursionError:
        raise ReadError("is nested too deeply to be a program", where=name) from None
    except ValueError as error:
        raise ReadError(f"not valid JSON: {error}", where=name) from None


# ---- graphs ------------------------------------------------------------------------------------------------


class _Graph:
    """One graph: the program's own, or that of a branch."""

    def __init__(self, document: Mapping[str, Any], symbols: Mapping[str, Num], depth: int) -> None:
        if depth > DEEPEST:
            raise ReadError(f"graphs are nested more than {DEEPEST} deep")
        self._document = document
        self._symbols = symbols
        self._depth = depth
        self.tensors: Mapping[str, Any] = document["tensor_values"]

    def program(self, name: str) -> Program:
        """Return the whole graph, of a branch."""
        names = [_name_of(each) for each in self._document["inputs"]]
        inputs = [Given(each, USER, each, self.meta(each)) for each in names]
        outputs = [self.argument(each) for each in self._document["outputs"]]
        return Program(name, inputs, self.calls(), outputs)

    def calls(self) -> list[Call]:
        return [self._call(node) for node in self._document["nodes"]]

    def meta(self, name: str) -> Any:
        """Return what is recorded of a result."""
        found = self.tensors.get(name)
        if found is not None:
            code = found["dtype"]
            dtype = DTYPES[code] if 0 <= code < len(DTYPES) else "unknown"
            return Tensor(tuple(self._extent(each) for each in found["sizes"]), dtype)
        found = (self._document.get("sym_int_values") or {}).get(name)
        return None if found is None else self._extent(found)

    def _extent(self, found: Mapping[str, Any]) -> Num:
        if "as_int" in found:
            value = found["as_int"]
            if type(value) is not int or not 0 <= value < 1 << 62:
                raise ReadError(f"has an extent of {value!r:.60}")
            return value
        return from_text(found["as_expr"]["expr_str"], self._symbols)

    def _call(self, node: Mapping[str, Any]) -> Call:
        names = [name for each in node["outputs"] for name in _names(each)]
        outputs = tuple((name, self.meta(name)) for name in names)
        args = {
            str(each["name"] or f"arg{place}"): self.argument(each["arg"])
            for place, each in enumerate(node["inputs"])
        }
        target = str(node["target"]).removeprefix("torch.ops.")
        stack = tuple(_stack(str((node.get("metadata") or {}).get("nn_module_stack") or "")))
        return Call(str(node.get("name") or (names[0] if names else target)), target, args, outputs, stack)

    def argument(self, raw: Mapping[str, Any]) -> Any:
        """Return an argument: a reference, a number, a text, a list of them, or a graph."""
        ((kind, found),) = raw.items()
        read = _ARGUMENTS.get(kind)
        if read is not None:
            return read(found)
        if kind == "as_graph":
            return _Graph(found["graph"], self._symbols, self._depth + 1).program(str(found["name"]))
        if kind == "as_string_to_argument":
            return [self.argument(each) for each in found.values()]
        return None


def _names(output: Mapping[str, Any]) -> list[str]:
    """Return the names of an output, which may be a list of tensors."""
    ((_, found),) = output.items()
    if isinstance(found, list):
        return [str(_inner_name(each)) for each in found]
    return [str(_inner_name(found))] if isinstance(found, Mapping) else []


def _inner_name(found: Mapping[str, Any]) -> Any:
    inner = found.get("as_tensor", found)
    return inner.get("name") or inner.get("as_name") or "" if isinstance(inner, Mapping) else ""


def _number(found: Mapping[str, Any]) -> Any:
    if "as_name" in found:
        return Ref(str(found["as_name"]))
    return next((_float(found[key]) for key in ("as_int", "as_float", "as_bool") if key in found), UNKNOWN)


def _optional(found: Mapping[str, Any]) -> Any:
    return Ref(str(found["as_tensor"]["name"])) if "as_tensor" in found else None


def _reference(found: Mapping[str, Any]) -> Ref:
    return Ref(str(found["name"]))


def _listed(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda found: [read(each) for each in found]


def _plain(found: Any) -> Any:
    return found


def _float(found: Any) -> Any:
    """Return a number; those that JSON has none for are written as text, such as ``-Infinity``."""
    return float(found) if found in ("Infinity", "-Infinity", "NaN") else found


_ARGUMENTS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "as_tensor": _reference,
    "as_tensors": _listed(_reference),
    "as_nested_tensors": _listed(_listed(_reference)),
    "as_optional_tensor": _optional,
    "as_optional_tensors": _listed(_optional),
    **dict.fromkeys(("as_sym_int", "as_sym_float", "as_sym_bool"), _number),
    **dict.fromkeys(("as_sym_ints", "as_sym_floats", "as_sym_bools"), _listed(_number)),
    **dict.fromkeys(("as_int", "as_ints", "as_string", "as_strings"), _plain),
    "as_float": _float,
    "as_floats": _listed(_float),
    **dict.fromkeys(("as_bool", "as_bools", "as_int_lists", "as_float_lists", "as_operator"), _plain),
}
"""How each kind of argument is read; those that are not here decide nothing."""


def _stack(text: str) -> Iterator[tuple[str, str, str]]:
    """Read the modules around a call: ``key,path,class`` each, with semicolons between them."""
    for entry in text.split(";"):
        key, _, rest = entry.partition(",")
        path, comma, kind = rest.rpartition(",")
        if comma and "_empty_nn_module_stack" not in key:
            yield key, path, kind

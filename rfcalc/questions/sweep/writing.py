"""A design as a model file of its own, in the native format."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from rfcalc.algebra.number import is_known
from rfcalc.designs import Design
from rfcalc.engine.rows import figures_of
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.loading import Loading, asked, load, read_once
from rfcalc.readers.documents import Document
from rfcalc.readers.signatures import RFCALC
from rfcalc.render.document import dump

_INSTEAD: Final = (
    "choose a design of a sweep's file with --design, as rfcalc analyze sweep.parquet --design 0"
)


def model_file(design: Design) -> str:
    """Return a design as a document of the native format, in JSON.

    Raises
    ------
    UsageError
        It is of another format, or a counterfactual: neither can be written.
    RfcalcError
        What was written would not come to the same figures.
    """
    read = read_once(design.model)
    if not isinstance(read, Document) or read.format != RFCALC:
        raise UsageError(f"only models in rfcalc's own format can be written; {_INSTEAD}")
    if design.variant:
        raise UsageError(f"no model file says the counterfactual {design.variant!r}; {_INSTEAD}")
    loading: Loading = design.loading  # type: ignore[assignment]  # the options of `load`, as they were given
    document = _document(read, loading)
    written = read._replace(content=document, text=b"", memory=None)  # with its name, for messages
    with asked(read, **loading) as before, asked(written, **_of_question(loading)) as after:
        if figures_of(before) != figures_of(after):
            raise RfcalcError("the design cannot be written so that it comes to the same", source=read.source)
    return dump(document)


def _of_question(loading: Loading) -> Loading:
    """Return the options that are no part of a model, but of what is asked about it."""
    kept = ("input", "on_unknown", "cut")
    return {key: value for key, value in loading.items() if key in kept}  # type: ignore[return-value]  # some of its keys


def _document(read: Document, loading: Loading) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(read.content)
    parameters = loading.get("parameters")
    if parameters:
        document["parameters"] = {**document["parameters"], **parameters}
    own, meant = load(read, parameters=parameters), load(read, **loading)
    if "input" in document:
        document["input"] = _shaped(document["input"], *_shapes(own, meant, own.inputs[0].name))
    else:
        for name, raw in document["inputs"].items():
            document["inputs"][name] = _shaped(raw, *_shapes(own, meant, name))
    return document


def _shapes(own: LayerGraph, meant: LayerGraph, name: str) -> tuple[Any, Any]:
    return own[name].attrs["shape"], meant[name].attrs["shape"]


def _shaped(raw: Any, own: Any, meant: Any) -> Any:
    """Return an input with those extents replaced that differ; others stay as they are written."""
    if isinstance(raw, Mapping):
        return {**raw, "shape": _shaped(raw["shape"], own, meant)}
    count = len(raw)  # the batch may be left out
    pairs = zip(raw, own[-count:], meant[-count:], strict=True)
    return [written if _same(a, b) else (b if is_known(b) else None) for written, a, b in pairs]


def _same(a: Any, b: Any) -> bool:
    return bool(is_known(a) == is_known(b) and (not is_known(a) or a == b))

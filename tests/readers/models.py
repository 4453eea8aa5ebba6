"""Documents of the native format that several tests start from."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rfcalc.errors import RfcalcError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.native import read_native

DOCS = Path(__file__).parents[2] / "docs"
MODELS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((DOCS / "models").glob("*.json"))
}

CONV: dict[str, Any] = {"kind": "conv", "filters": 8, "kernel": 3}


def model(*layers: Any, **more: Any) -> dict[str, Any]:
    """Make a document of layers over a small image."""
    document: dict[str, Any] = {"rfcalc": 1, "input": [28, 28, 1], "layers": list(layers), **more}
    if "inputs" in more:
        del document["input"]
    return copy.deepcopy(document)


def read(*layers: Any, **more: Any) -> LayerGraph:
    """Read layers over a small image."""
    return read_native(model(*layers, **more))


def wiring(graph: LayerGraph) -> dict[str, list[str]]:
    """For each layer what it takes, as a document would name it."""
    return {
        layer.name: [name if output == 0 else f"{name}:{output}" for name, output in layer.inputs]
        for layer in graph
        if layer.kind != "input"
    }


def refusal(read: Callable[[], object]) -> RfcalcError | None:
    """Return the error that rfcalc raises on purpose, None where there is none."""
    try:
        read()
    except RfcalcError as error:
        return error
    return None


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [prefix] * bool(prefix) + [path for key, inner in items for path in paths(inner, (*prefix, key))]


BASES = {
    **MODELS,
    "shared": model(
        {"block": "b", "name": "left"},
        {"share": "left", "name": "right"},
        {"share": "left/conv", "inputs": ["right"]},
        {"repeat": 2, "name": "body", "layers": [{**CONV, "filters": "1 + index"}], "output": "conv_1"},
        blocks={"b": {"layers": [{**CONV, "name": "conv"}]}},
    ),
}
"""Models that are read, to change and break."""


def wrong() -> list[tuple[str, dict[str, Any]]]:
    """Read the models that are refused, each with its message, from wrong.txt."""
    found = []
    for case in (Path(__file__).parent / "wrong.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        message, text = case.split("\n", 1)
        given = json.loads(text)
        document = {"rfcalc": 1} if "inputs" in given else {"rfcalc": 1, "input": [28, 28, 1]}
        document |= given
        found.append((message, {key: value for key, value in document.items() if value != "<absent>"}))
    return found

"""Put exported graphs and what was measured of them into this directory, small enough to keep.

``python tests/data/onnx/pack.py DIRECTORY NAME...`` reads NAME.onnx, NAME.ref.json and NAME.rel.json there
and writes NAME.onnx.gz and NAME.json.gz. README.md says what they hold.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest

onnx = pytest.importorskip("onnx")  # --doctest-modules imports this file too

HERE = Path(__file__).parent
KEPT = ("pkg.onnxscript.rewriter.rule_name",)  # says which batch normalisations were folded
MEASURED = (
    *("params", "buffers", "input", "output", "exporter", "opset", "dynamic_axes"),
    *("row_axis", "shapes", "second"),
)

DOUBTFUL = (
    ("own.added_causal_mask", "split_split_2"),
    ("own.flips_rolls", "val_10"),
    ("own.flips_rolls.ts13", "/Slice_1_output_0"),
)
"""Maps whose row axis was taken for that of the channels."""


def strip(graph: Any) -> None:
    """Take out stack traces and the like, most of what an exporter writes; shapes of tensors stay."""
    bare(graph)
    for node in graph.node:
        kept = [(each.key, each.value) for each in node.metadata_props if each.key in KEPT]
        bare(node)
        for key, value in kept:
            node.metadata_props.add(key=key, value=value)
        for attribute in node.attribute:
            attribute.doc_string = ""
            if attribute.HasField("g"):
                strip(attribute.g)
    for each in (*graph.value_info, *graph.input, *graph.output, *graph.initializer):
        bare(each)


def bare(message: Any) -> None:
    message.doc_string = ""
    if hasattr(message, "metadata_props"):
        del message.metadata_props[:]


def stripped(data: bytes) -> bytes:
    model = onnx.load_model_from_string(data)
    strip(model.graph)
    bare(model)
    for function in model.functions:
        for part in (function, *function.node):
            bare(part)
    result: bytes = model.SerializeToString(deterministic=True)
    return result


def differences(rows: list[list[int] | None]) -> list[list[int] | None]:
    """Write each row as what changed since the last that was not empty: that compresses ten times better."""
    last, found = [0, 0, 0], list[list[int] | None]()
    for row in rows:
        found.append(row and [now - then for now, then in zip(row, last, strict=True)])
        last = row or last
    return found


def measured(directory: Path, name: str) -> dict[str, Any]:
    ref = json.loads((directory / f"{name}.ref.json").read_text())
    path = directory / f"{name}.rel.json"
    rel = json.loads(path.read_text()) if path.exists() else {}
    return {
        "ref": {key: ref[key] for key in MEASURED if key in ref},
        "rel": {
            tensor: {**each, "rows": differences(each["rows"])}
            for tensor, each in rel.items()
            if (name, tensor) not in DOUBTFUL
        },
    }


def write(name: str, data: bytes) -> None:
    (HERE / f"{name}.gz").write_bytes(gzip.compress(data, 9, mtime=0))


def main(directory: Path, names: list[str]) -> None:
    for name in names:
        write(f"{name}.onnx", stripped((directory / f"{name}.onnx").read_bytes()))
        write(f"{name}.json", json.dumps(measured(directory, name), separators=(",", ":")).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

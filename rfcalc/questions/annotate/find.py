"""What is written into an ONNX file: the figures of each operation, and the shapes of tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rfcalc.engine.result import Row
from rfcalc.engine.rows import sum_or_none
from rfcalc.engine.run import Run
from rfcalc.questions.annotate.file import OURS, Info, NodeAt, OnnxFile, written_extent
from rfcalc.readers.onnx.types import inferred_types
from rfcalc.render import humanise
from rfcalc.render.columns import field_cell

UNKNOWN: Final = "unknown"

_NUMBERED: Final = re.compile(r"#\d+$")
"""What makes a layer's name differ from those of others."""


def figures_of_nodes(nodes: Sequence[NodeAt], rows: Iterable[Row]) -> list[dict[str, str]]:
    """Return the metadata of each operation; none of such as depend on no input, and have no layer.

    An operation that is several layers, as a call of a function is, has the field of the one that makes its
    output, and what all of them cost.
    """
    makers = {output: place for place, node in enumerate(nodes) for output in node.outputs if output}
    named: dict[str, list[int]] = {}
    for place, node in enumerate(nodes):
        named.setdefault(node.name, []).append(place)
    own: dict[int, Row] = {}
    parts: dict[int, list[Row]] = {}
    unclear: set[int] = set()
    for row in rows:
        if row.container:
            continue
        made = next((makers[output] for output in row.outputs if output in makers), None)
        if made is not None:
            is_first = nodes[made].outputs[0] in row.outputs
            own[made] = row if is_first else own.get(made, row)
        owners = [made] if made is not None else _around(row.name, nodes, named)
        if len(owners) > 1:
            unclear.update(owners)
        for place in owners:
            parts.setdefault(place, []).append(row)
    return [
        _metadata(own[place], parts[place], unclear=place in unclear) if place in own else {}
        for place in range(len(nodes))
    ]


def _around(name: str, nodes: Sequence[NodeAt], named: Mapping[str, list[int]]) -> list[int]:
    """Return the operations that a layer may be a part of: its name is theirs and then its own."""
    for length in range(len(name) - 1, 0, -1):
        if name[length] not in "./":
            continue
        found = [place for place in named.get(name[:length], ()) if name[length] == "." or nodes[place].calls]
        if found:
            return found
    return named.get(_NUMBERED.sub("", name), [])


def _metadata(row: Row, parts: Sequence[Row], *, unclear: bool) -> dict[str, str]:
    field, found = field_cell(row), {}
    if field != "-":  # a model whose input has no positions
        found["receptive_field"] = UNKNOWN if "?" in field else field
    if row.effective_stride is not None and None not in row.effective_stride and row.effective_stride:
        found["effective_stride"] = humanise.extents(row.effective_stride)
    params = sum_or_none(each.params.total for each in parts)
    macs = sum_or_none(each.macs for each in parts)
    found["params"] = UNKNOWN if unclear or params is None else str(params)
    found["macs"] = UNKNOWN if unclear or macs is None else str(macs)
    return {f"{OURS}{key}": value for key, value in found.items()}


def shapes_of(file: OnnxFile, run: Run) -> list[Info]:
    """Return the shapes of tensors that the file's operations make, and that it says nothing of.

    Types are those that ONNX infers itself. A tensor of which it infers none, or a shape that ours
    contradicts, is left out.

    Parameters
    ----------
    file : OnnxFile
        The file.
    run : Run
        The model at the shapes that the file itself has.
    """
    made = [output for node in file.nodes for output in node.outputs if output and output not in file.told]
    inferred = inferred_types(file.light()) if made else {}
    found: dict[str, Info] = {}
    for layer in run.graph:
        result = run.resolved[layer.name].result
        for name, spec in zip(layer.outputs, result.outputs if result is not None else (), strict=False):
            dtype, theirs = inferred.get(name, (0, None))
            shape = tuple(written_extent(extent, file.letters) for extent in spec.shape)
            if dtype and _agree(shape, theirs):
                found[name] = Info(name, dtype, shape)
    return [found[name] for name in made if name in found]


def _agree(ours: Sequence[int | str | None], theirs: Sequence[int | None] | None) -> bool:
    """Tell whether two shapes of one tensor may both be right."""
    if theirs is None:
        return True
    pairs = zip(ours, theirs, strict=False)
    return len(ours) == len(theirs) and not any(
        isinstance(a, int) and isinstance(b, int) and a != b for a, b in pairs
    )


def about_of(run: Run) -> dict[str, str]:
    """Return the metadata of the model: of which input figures are, and at which size."""
    chosen = run.chosen
    return {f"{OURS}input": f"{chosen.name} {humanise.shape(run.spec.shape)}"}

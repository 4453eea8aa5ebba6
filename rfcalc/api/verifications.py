"""Verify an analysis by other ways."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Literal

from rfcalc.api.models import Loading, Model, about, at_sizes, load, with_shapes
from rfcalc.errors import UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.detect import ONNX, changed_rows, held_tensors

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.reports.verification import Verification


def verify(
    x: Model, *, run: Literal["none", "onnx-runtime"] = "none", **loading: Unpack[Loading]
) -> Verification:
    """Recompute every answer by another way, and say where they differ.

    The analysis composes formulas. Here what each layer reads is enumerated from its definition, element by
    element, and chased through the graph; shapes, rows, fields, strides, paddings, parameters and
    multiply-accumulates are compared with it.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`. Where its size is open or very large another one is taken; a second one, at
        which the largest field has room, where the model allows it.
    run : str
        ``onnx-runtime``: run an ONNX file as well, with positive stand-in weights, and see which rows of its
        maps change with rows of the input. The runtime executes the file: only of those that you trust.
    **loading
        The options of `load`.

    Returns
    -------
    Verification
        How much was verified, and what differs: the layer, the figure, and both answers.

    Raises
    ------
    RfcalcError
        Of the kinds that `analyze` raises.

    Examples
    --------
    >>> model = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "filters": 8, "kernel": 3}, {"kind": "max_pool", "kernel": 2},
    ... ]}
    >>> print(verify(model).verdict)
    3 layers, all exact.
    """
    from rfcalc.analysis.verify import verify_graph
    from rfcalc.analysis.verify.impulses import impulses
    from rfcalc.reports.verification import Verification

    graph = load(x, **loading)
    with about(graph):
        result = verify_graph(
            graph,
            at_sizes(x, graph, loading),
            input=loading.get("input"),
            on_unknown=loading.get("on_unknown", "report"),
            held=_held(x, graph),
        )
        if run != "none":
            if graph.format != ONNX or isinstance(x, LayerGraph) or hasattr(x, "read") or x == "-":
                raise UsageError("only an ONNX file can be run, by its name or as bytes")
            ran = impulses(
                with_shapes(x, graph, loading, dict(result.filled)) if result.filled else graph,
                lambda *what: changed_rows(x, *what),
                input=loading.get("input"),
                on_unknown=loading.get("on_unknown", "report"),
            )
            result = replace(
                result,
                runtime=run,
                maps=ran.maps,
                claimed=ran.claimed,
                seen=ran.seen,
                differences=(*result.differences, *ran.differences),
            )
    return Verification(**{each.name: getattr(result, each.name) for each in fields(result)})


def _held(x: Model, graph: LayerGraph) -> dict[str, int] | None:
    """Count the tensors of an ONNX file once more, where it can be read once more."""
    if graph.format != ONNX or isinstance(x, LayerGraph) or hasattr(x, "read") or x == "-":
        return None
    return held_tensors(x)

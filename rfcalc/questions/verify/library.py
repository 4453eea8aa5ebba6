"""Verify an analysis by other ways."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from rfcalc.graph.graph import LayerGraph
from rfcalc.loading import Loading, Model, asked, at_sizes, read_once
from rfcalc.progress import Progress
from rfcalc.readers.documents import held_tensors
from rfcalc.readers.signatures import ONNX

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.questions.verify.report import Verification


def verify(
    x: Model,
    *,
    run: bool | None = None,
    progress: Progress | None = None,
    **loading: Unpack[Loading],
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
    run : bool, optional
        Run an ONNX file, or a PyTorch module, as well: with stand-in values, one index of the input
        changed at a time, and see what changes in which tensors. By default small models are run where a
        runtime is installed (onnxruntime, or onnx's reference evaluator; torch; LiteRT); True runs larger
        ones and those of which that fails with an error, False none. A runtime executes the file.
    progress : callable, optional
        Is told how many layers are done, and of how many; of 0 where that is not known.
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
    from rfcalc.questions.verify.find import verify_run
    from rfcalc.questions.verify.report import Verification
    from rfcalc.questions.verify.runs import run_model

    x = read_once(x)
    with asked(x, **loading) as model:
        sizes = at_sizes(x, model.graph, loading)
        result = verify_run(model, sizes, held=_held(x, model.graph), progress=progress)
        if progress is not None:
            progress(0, 0)
        outcome = None if run is False else run_model(x, model, loading, forced=bool(run))
        if outcome is not None:
            result = replace(result, runtime=outcome.runtime, ran=outcome.ran, left=outcome.left)
        if outcome is not None and outcome.result is not None:
            ran = outcome.result
            result = replace(
                result,
                maps=ran.maps,
                claimed=ran.claimed,
                seen=ran.seen,
                loose=ran.loose,
                differences=(*result.differences, *ran.differences),
            )
    return Verification(**{each.name: getattr(result, each.name) for each in fields(result)})


def _held(x: Model, graph: LayerGraph) -> dict[str, int] | None:
    """Count the tensors of an ONNX file once more."""
    if graph.format != ONNX or isinstance(x, LayerGraph):
        return None
    return held_tensors(x)

"""Run a model that is verified: at which size, by what, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rfcalc.algebra.number import Num, is_known
from rfcalc.analysis.propagate import choose_input
from rfcalc.analysis.verify.running import BUDGET, FORCED, Claims, Plan, Ran, claims_of, judged, planned
from rfcalc.api.models import Loading, Model, load
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, SPATIAL
from rfcalc.readers import detect

_SIZES = (16, 32, 48, 64, 96, 128, 224, 512, 1024)
"""Extents that are tried for positions that are open, or too many."""

_LARGEST = 1 << 13
"""Positions along an axis beyond which rows are not listed."""

_OTHER = 4
"""The extent of an open axis that holds no positions."""

_BATCH = 2


class Outcome(NamedTuple):
    """What a run came to.

    Parameters
    ----------
    runtime : str
        What ran it; empty where nothing was run.
    ran, left : str
        What was run, and what was left out.
    result : Ran, optional
        What it showed.
    """

    runtime: str
    ran: str
    left: str
    result: Ran | None


def run_model(x: Model, graph: LayerGraph, loading: Loading, *, forced: bool) -> Outcome | None:
    """Run a model at the first of some sizes that fits a budget; None where its kind does not run.

    Parameters
    ----------
    x, loading
        The model and how it is loaded.
    graph : LayerGraph
        What was loaded.
    forced : bool
        The user asked for it: it may take longer, and that it cannot be run is an error.

    Raises
    ------
    UsageError
        It was asked for, and is impossible.
    """
    if not detect.can_run(x, graph):
        if forced:
            raise UsageError("only an ONNX file that can be read again, and a PyTorch module, can be run")
        return None
    reason = "no size that was tried fits it"
    for sized in _sized(x, graph, loading):
        try:
            claims = claims_of(
                sized, input=loading.get("input"), on_unknown=loading.get("on_unknown", "report")
            )
            plan = planned(claims, FORCED if forced else BUDGET)
            if plan is None:
                reason = _too_much(claims, forced=forced)
                continue
            return _run(x, sized, claims, plan)
        except RfcalcError as error:
            reason = error.message
    if forced:
        raise UsageError(f"cannot be run: {reason}")
    return Outcome("", "", f"not run: {reason}", None)


def _too_much(claims: Claims, *, forced: bool) -> str:
    text = (
        f"changing three rows of each axis takes more operations than a run may ({claims.cost:,} each time)"
    )
    return text if forced else f"{text}; --run runs it all the same"


def _run(x: Model, graph: LayerGraph, claims: Claims, plan: Plan) -> Outcome:
    shapes = {layer.name: tuple(int(n) for n in layer.attrs["shape"]) for layer in graph.inputs}
    running = detect.running(x, graph, shapes)
    observed = detect.observe(running, claims.chosen, plan, claims.tensors, claims.counted)
    size = "x".join(map(str, shapes[claims.chosen]))
    axes = ", ".join(
        f"{len(rows)} of {claims.extents[axis]} {claims.names[axis]}s" for axis, rows in plan.rows.items()
    )
    how = f"at {size}, {plan.passes} times with other weights, changing {axes or 'nothing'}"
    total = sum(len(layer.outputs) for layer in graph if layer.kind != "input")
    left = []
    if len(observed.shapes) < total:
        left.append(f"{total - len(observed.shapes)} of {total} tensors")
    left += [
        f"other {claims.names[axis]}s" for axis, rows in plan.rows.items() if len(rows) < claims.extents[axis]
    ]
    return Outcome(
        running.runtime,
        f"run by {running.runtime} {how}",
        f"left out of the run: {', '.join(left)}" if left else "",
        judged(graph, claims, observed),
    )


# ---- sizes -------------------------------------------------------------------------------------------------


def _sized(x: Model, graph: LayerGraph, loading: Loading) -> Iterator[LayerGraph]:
    """Yield the model at its own size, where it has one, and at others that it allows."""
    shapes = {layer.name: layer.attrs["shape"] for layer in graph.inputs}
    chosen = choose_input(graph, loading.get("input"))
    positions = [
        n for n, role in zip(chosen.attrs["shape"], chosen.attrs["axes"], strict=True) if role == SPATIAL
    ]
    own = all(is_known(n) for shape in shapes.values() for n in shape)
    small = all(int(n) <= _LARGEST for n in positions if is_known(n))
    if own and small:
        yield graph
    known = [int(n) for n in positions if is_known(n)]
    for size in _SIZES:
        if own and small and (not known or size >= max(known)):
            return
        try:
            yield _loaded(x, graph, loading, _shapes_at(graph, chosen.name, size))
        except RfcalcError:
            continue


def _loaded(x: Model, graph: LayerGraph, loading: Loading, shapes: Mapping[str, Sequence[int]]) -> LayerGraph:
    if isinstance(x, LayerGraph):
        return detect.at_shapes(x, shapes, loading.get("layout"))
    options: Any = {**loading, "input_shape": shapes, "dims": None}
    return load(x, **options)


def _shapes_at(graph: LayerGraph, chosen: str, size: int) -> dict[str, tuple[int, ...]]:
    """Return shapes for all inputs, in which extents of one name are the same."""
    names: dict[str, int] = {}
    found = {}
    for layer in graph.inputs:
        mine = layer.name == chosen
        shape = []
        for n, role in zip(layer.attrs["shape"], layer.attrs["axes"], strict=True):
            if is_known(n) and not (mine and role == SPATIAL):
                shape.append(int(n))
            else:
                shape.append(_extent(n, role, size, names))
        found[layer.name] = tuple(shape)
    return found


def _extent(n: Num, role: str, size: int, names: dict[str, int]) -> int:
    usual = _BATCH if role == BATCH else size if role == SPATIAL else _OTHER
    return usual if is_known(n) else names.setdefault(str(n), usual)

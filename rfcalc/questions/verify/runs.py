"""Run a model that is verified: at which size, by what, and what is left out."""

from __future__ import annotations

from rfcalc.algebra.number import is_known
from rfcalc.engine.filling import NothingFits, Widths, filled, first_fit
from rfcalc.engine.propagate import choose_input
from rfcalc.engine.run import Run
from rfcalc.errors import UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import SPATIAL
from rfcalc.loading import Loading, Model, load
from rfcalc.questions.verify.running import BUDGET, FORCED, Claims, Plan, Ran, claims_of, judged, planned
from rfcalc.readers import runnable
from rfcalc.records import NamedTuple

_SIZES = (16, 32, 48, 64, 96, 128, 224, 512, 1024)
"""Extents that are tried for positions that are open, or too many."""

_LARGEST = 1 << 13
"""Positions along an axis beyond which rows are not listed."""

_BATCH = 2
"""Samples where the batch is open, so that it shows where these meet."""


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


def run_model(x: Model, run: Run, loading: Loading, *, forced: bool) -> Outcome | None:
    """Run a model at the first of some sizes that fits a budget; None where its kind does not run.

    Parameters
    ----------
    x, loading
        The model and how it is loaded.
    run : Run
        What was loaded.
    forced : bool
        The user asked for it: it may take longer, and that it cannot be run is an error.

    Raises
    ------
    UsageError
        It was asked for, and is impossible.
    """
    graph = run.graph
    if any(layer.cut for layer in graph):
        if forced:
            raise UsageError("what is run has nothing cut; leave --run or --cut out")
        return None
    if not runnable.can_run(x, graph):
        if forced:
            raise UsageError(
                "only an ONNX file that can be read again, a PyTorch module, and a TFLite file where "
                "ai-edge-litert is installed, can be run"
            )
        return None
    sizes = _sizes(graph, loading)
    try:
        _, outcome = first_fit(
            graph,
            lambda size, widths: _at(x, graph, loading, size, widths),
            sizes,
            lambda sized: _attempt(x, run.of(sized), loading, forced=forced),
        )
    except NothingFits as nothing:
        # at its own size, where it has one: others may not fit it at all
        reason = nothing.tried[0 if sizes[0] is None else -1].message
        if forced:
            raise UsageError(f"cannot be run: {reason}") from None
        return Outcome("", "", f"not run: {reason}", None)
    return outcome


def _attempt(x: Model, run: Run, loading: Loading, *, forced: bool) -> Outcome:
    """Run a model at one size.

    Raises
    ------
    RfcalcError
        It does not run at this size, or costs too much.
    """
    claims = claims_of(run)
    plan = planned(claims, FORCED if forced else BUDGET)
    if plan is None:
        raise UsageError(_too_much(claims, forced=forced))
    return _run(x, run.graph, claims, plan)


def _too_much(claims: Claims, *, forced: bool) -> str:
    text = (
        f"changing three rows of each axis takes more operations than a run may ({claims.cost:,} each time)"
    )
    return text if forced else f"{text}; --run runs it all the same"


def _run(x: Model, graph: LayerGraph, claims: Claims, plan: Plan) -> Outcome:
    shapes = {layer.name: tuple(int(n) for n in layer.attrs["shape"]) for layer in graph.inputs}
    running = runnable.running(x, graph, shapes)
    observed = runnable.observe(running, claims.chosen, plan, claims.tensors, claims.counted)
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


def _sizes(graph: LayerGraph, loading: Loading) -> tuple[int | None, ...]:
    """List sizes: the model's own, where it has one, and smaller ones, which cost less."""
    chosen = choose_input(graph, loading.get("input"))
    pairs = zip(chosen.attrs["shape"], chosen.attrs["axes"], strict=True)
    positions = [n for n, role in pairs if role == SPATIAL]
    if not all(is_known(n) and int(n) <= _LARGEST for n in positions):
        return _SIZES
    largest = max(map(int, positions), default=0)
    return (None, *(size for size in _SIZES if size < largest))


def _at(x: Model, graph: LayerGraph, loading: Loading, size: int | None, widths: Widths | None) -> LayerGraph:
    """Return the model with numbers for all extents of its inputs."""
    shapes = filled(graph, size, widths, input=loading.get("input"), batch=_BATCH)
    if all(shapes[layer.name] == tuple(layer.attrs["shape"]) for layer in graph.inputs):
        return graph
    if isinstance(x, LayerGraph):
        return runnable.at_shapes(
            x, {name: tuple(map(int, each)) for name, each in shapes.items()}, loading.get("layout")
        )
    options: Loading = {**loading, "input_shape": shapes, "dims": None}
    return load(x, **options)

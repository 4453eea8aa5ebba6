"""Assertions on models, with failures that say what is, what was wanted, and which layers decide it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from rfcalc.engine.result import Row, Status
from rfcalc.errors import UsageError
from rfcalc.questions.check.library import check
from rfcalc.render import humanise
from rfcalc.render.escape import terminal
from rfcalc.testing.subject import Subject, Tested, subject
from rfcalc.wording import few

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.loading import Loading

PerAxis = int | None | Sequence[int | None]
"""A number of pixels for every axis, or one for each; None for the whole axis."""

_MOST_STEPS: Final = 6
"""Layers that a message lists one by one."""

_AXES: Final = {1: ("positions",), 2: ("rows", "columns"), 3: ("slices", "rows", "columns")}


def assert_receptive_field(
    model: Tested,
    layer: str,
    expected: PerAxis,
    *,
    smallest: PerAxis = None,
    local: bool = False,
    **loading: Unpack[Loading],
) -> None:
    """Assert how many pixels of the input a layer sees, exactly.

    Parameters
    ----------
    model : path, open file, mapping, LayerGraph, Analysis or torch.nn.Module
        The model; a module comes with its ``input_shape``, batch included.
    layer : str
        A layer, an output tensor, or a block: a nested model, a module of PyTorch.
    expected : int, None, or a sequence of these
        The receptive field, in pixels of the input: one number for every axis, or one for each. None stands
        for the whole axis, as behind global pooling. Where outputs see differently much, as behind
        upsampling, it is the largest field.
    smallest : int or a sequence of int, optional
        The smallest field, where it is to be held too.
    local : bool
        Mean the field with gates and statistics over the map cut (squeeze-and-excitation); takes the model
        itself, no Analysis.
    **loading
        The options of `rfcalc.load`. What ``on_unknown="identity"`` assumes counts as so; `assert_exact`
        refuses it.

    Raises
    ------
    AssertionError
        It is another; it is only known to be at most so large; or there is no such layer.
    UsageError
        `expected` has another number of axes than the input.
    RfcalcError
        The model cannot be read or analysed.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "c", "filters": 8, "kernel": [3, 5]}, "flatten",
    ...     {"kind": "linear", "name": "classes", "units": 10},
    ... ]}
    >>> assert_receptive_field(net, "c", (3, 5))
    >>> assert_receptive_field(net, "classes", None)
    """
    __tracebackhide__ = True
    if local and smallest is not None:
        raise UsageError("the smallest field is that of the whole layer; ask for it without local=True")
    tested = subject(model, loading)
    row = tested.row(layer)
    what = "local receptive field" if local else "receptive field"
    for call in _local_calls(tested, row) if local else _calls(row):
        sizes = call.receptive_field
        wanted = None if sizes is None else _per_axis(expected, len(sizes), "expected")
        if call.status != "exact" or sizes is None:
            shown = _pixels(expected if wanted is None else wanted)
            _fail(tested, row, _doubt(call, what, None if sizes is None else _pixels(sizes), shown))
        if sizes != wanted:
            assert wanted is not None
            more = [*_decided(tested, row, sizes, wanted), *_elsewhere(tested, wanted, local=local)]
            _fail(tested, row, f"the {what} is {_pixels(sizes)}, not {_pixels(wanted, unit=False)}", more)
        least = call.receptive_field_min
        if smallest is not None and least is not None:
            wanted = _per_axis(smallest, len(least), "smallest")
            if least != wanted:
                _fail(
                    tested,
                    row,
                    f"the smallest {what} is {_pixels(least)}, not {_pixels(wanted, unit=False)}",
                    [f"the largest is {_pixels(sizes)}"],
                )


def assert_stride(
    model: Tested, layer: str, expected: float | Sequence[float | None], **loading: Unpack[Loading]
) -> None:
    """Assert the effective stride of a layer: pixels of the input from one output to the next, exactly.

    Parameters
    ----------
    model, layer
        As for `assert_receptive_field`.
    expected : float, or a sequence of float or None
        The product of the strides up to there, for every axis or one for each; 0.5 where the map is finer
        than the input, None where the layer keeps no grid.
    **loading
        The options of `rfcalc.load`.

    Raises
    ------
    AssertionError
        It is another, is not known, or there is no such layer.
    UsageError
        `expected` has another number of axes than the input.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [28, 28, 1], "layers": [{"kind": "max_pool", "name": "p", "kernel": 2}]}
    >>> assert_stride(net, "p", 2)
    """
    __tracebackhide__ = True
    tested = subject(model, loading)
    row = tested.row(layer)
    for call in _calls(row):
        strides = call.effective_stride
        if strides is None:
            _fail(tested, row, _doubt(call, "effective stride", None, _number(expected)))
        wanted = _per_axis(expected, len(strides), "expected")
        if strides != wanted:
            told = f"the effective stride is {_extents(strides)}, not {_extents(wanted)}"
            _fail(tested, row, told, _steps(tested, row))


def assert_output_shape(
    model: Tested, layer: str, expected: Sequence[int | None], **loading: Unpack[Loading]
) -> None:
    """Assert the shape that a layer puts out, in the source's own order of axes.

    Parameters
    ----------
    model, layer
        As for `assert_receptive_field`.
    expected : sequence of (int or None)
        Extents in elements; None for an open one. The batch axis may be left out where it is open, or 1.
    **loading
        The options of `rfcalc.load`.

    Raises
    ------
    AssertionError
        It is another, is not known, or there is no such layer.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [28, 28, 1], "layers": [{"kind": "max_pool", "name": "p", "kernel": 2}]}
    >>> assert_output_shape(net, "p", (14, 14, 1))
    >>> assert_output_shape(net, "p", (None, 14, 14, 1))
    """
    __tracebackhide__ = True
    tested = subject(model, loading)
    row = tested.row(layer)
    wanted = tuple(expected)
    for call in row.calls or (row,):
        if call.output_shape is None:
            _fail(tested, row, _doubt(call, "output shape", None, _shape(wanted)))
        shape = tuple(humanise.plain(extent) for extent in call.output_shape)
        fits = (shape, shape[1:]) if shape and shape[0] in (None, 1) else (shape,)
        if wanted not in fits:
            _fail(
                tested,
                row,
                f"the output shape is {_shape(shape)}, not {_shape(wanted)}",
                _givers(tested, row),
            )


def assert_params(
    model: Tested,
    expected: int,
    layer: str | None = None,
    *,
    which: str = "total",
    **loading: Unpack[Loading],
) -> None:
    """Assert how many parameters a model, or a layer, has, exactly; each tensor counts once.

    Parameters
    ----------
    model
        As for `assert_receptive_field`.
    expected : int
        The number.
    layer : str, optional
        The layer; by default the model as a whole.
    which : str
        ``total``, ``trainable`` or ``non_trainable``.
    **loading
        The options of `rfcalc.load`.

    Raises
    ------
    AssertionError
        It is another, is not known, or there is no such layer.
    UsageError
        There is no such `which`.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "c", "filters": 8, "kernel": 3}, "batch_norm",
    ... ]}
    >>> assert_params(net, 80, layer="c")
    >>> assert_params(net, 16, which="non_trainable")
    """
    __tracebackhide__ = True
    if which not in ("total", "trainable", "non_trainable"):
        raise UsageError(f"there is no count {which!r}; there are 'total', 'trainable' and 'non_trainable'")
    word = "" if which == "total" else f"{which.replace('_', '-')} "
    figure = "params" if which == "total" else which
    _assert_count(subject(model, loading), expected, layer, f"{word}parameters", figure)


def assert_macs(model: Tested, expected: int, layer: str | None = None, **loading: Unpack[Loading]) -> None:
    """Assert how many multiply-accumulates a model, or a layer, takes at batch 1, exactly.

    Parameters
    ----------
    model
        As for `assert_receptive_field`.
    expected : int
        The number; FLOPs are twice as many.
    layer : str, optional
        The layer; by default the model as a whole.
    **loading
        The options of `rfcalc.load`.

    Raises
    ------
    AssertionError
        It is another, is not known, or there is no such layer.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "c", "filters": 8, "kernel": 3},
    ... ]}
    >>> assert_macs(net, 26 * 26 * 8 * 9)
    """
    __tracebackhide__ = True
    _assert_count(subject(model, loading), expected, layer, "multiply-accumulates", "macs")


def assert_covers_input(model: Tested, layer: str | None = None, **loading: Unpack[Loading]) -> None:
    """Assert that a layer, or the last map of a model, sees as much as the whole input on every axis.

    Parameters
    ----------
    model
        As for `assert_receptive_field`.
    layer : str, optional
        The layer; by default the last that keeps positions.
    **loading
        The options of `rfcalc.load`.

    Raises
    ------
    AssertionError
        It sees less, it is not known what it sees, or there is no such layer.
    UsageError
        There is no layer with a field.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [4, 4, 1], "layers": [
    ...     {"kind": "conv", "name": "c", "filters": 8, "kernel": 5, "padding": "same"},
    ... ]}
    >>> assert_covers_input(net, "c")
    """
    __tracebackhide__ = True
    _assert_limit(subject(model, loading), {"covers_input": True}, layer)


def assert_no_holes(model: Tested, layer: str | None = None, **loading: Unpack[Loading]) -> None:
    """Assert that the field of a layer, or of the last map of a model, leaves out no pixel between its ends.

    Parameters
    ----------
    model
        As for `assert_receptive_field`; an Analysis made with ``details=True``.
    layer : str, optional
        The layer; by default the last that keeps positions.
    **loading
        The options of `rfcalc.load`.

    Raises
    ------
    AssertionError
        It does, as dilated convolutions of one dilation do; it is not known; or there is no such layer.
    UsageError
        There is no layer with a field.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [32, 32, 1], "layers": [
    ...     {"kind": "conv", "name": "c1", "filters": 8, "kernel": 3},
    ...     {"kind": "conv", "name": "c2", "filters": 8, "kernel": 3, "dilation": 2},
    ... ]}
    >>> assert_no_holes(net)
    """
    __tracebackhide__ = True
    tested = subject(model, loading)
    if any(row.detail is None for row in tested.facts.result):
        raise UsageError("an Analysis tells of holes where it was made with details=True", source=tested.name)
    _assert_limit(tested, {"max_gap": 0}, layer)


def assert_aligned(model: Tested, layer: str | None = None, **loading: Unpack[Loading]) -> None:
    """Assert that branches meet centred on the same pixels, in one layer or wherever they do.

    Parameters
    ----------
    model
        As for `assert_receptive_field`, but no Analysis.
    layer : str, optional
        A layer in which branches meet; by default all of them.
    **loading
        The options of `rfcalc.load`.

    Raises
    ------
    AssertionError
        They lie apart, it is not known whether they do, or there is no such layer.
    UsageError
        No branches meet in that layer.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [8, 8, 1], "layers": [
    ...     {"kind": "conv", "name": "a", "filters": 1, "kernel": 3, "padding": "same"},
    ...     {"kind": "add", "name": "sum", "inputs": ["a", "input"]},
    ... ]}
    >>> assert_aligned(net)
    """
    __tracebackhide__ = True
    tested = subject(model, loading)
    tested.graph  # noqa: B018  an analysis does not hold what this takes, and says so
    if layer is not None and tested.row(layer).name not in tested.facts.joins:
        raise UsageError(f"no branches meet in {layer!r}", source=tested.name)
    _assert_limit(tested, {"max_misalignment": 0}, layer)


def assert_exact(model: Tested, **loading: Unpack[Loading]) -> None:
    """Assert that every figure of a model is exact: none is a bound, unknown, or assumed.

    Parameters
    ----------
    model
        As for `assert_receptive_field`.
    **loading
        The options of `rfcalc.load`.

    Raises
    ------
    AssertionError
        Some are not.

    Examples
    --------
    >>> assert_exact({"rfcalc": 1, "input": [8, 8, 1], "layers": [{"kind": "max_pool", "kernel": 2}]})
    """
    __tracebackhide__ = True
    tested = subject(model, loading)
    doubts = tested.analysis.doubts
    if doubts:
        reasons = [
            f"{row.name}: {row.reason}" for row in tested.analysis if row.status != "exact" and row.reason
        ]
        lines = [f"{tested.name}: not every figure is exact: {few(doubts)}", *reasons[:_MOST_STEPS]]
        raise AssertionError(_lines(lines))


def assert_budget(
    model: Tested,
    budget: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    **loading: Unpack[Loading],
) -> None:
    """Assert that a model keeps its budget.

    Parameters
    ----------
    model
        As for `assert_receptive_field`, but no Analysis.
    budget : path or mapping, optional
        As for `rfcalc.check`.
    **loading
        The options of `rfcalc.load`.

    Raises
    ------
    AssertionError
        It does not; there is a line for each violation.
    UsageError
        There is no budget, or a mistake in it.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [8, 8, 1], "layers": [{"kind": "max_pool", "kernel": 2}]}
    >>> assert_budget(net, {"max_params": 0})
    """
    __tracebackhide__ = True
    if isinstance(model, (str, os.PathLike, Mapping)):
        report = check(model, budget, **loading)
    else:
        report = check(subject(model, loading).graph, budget)
    if not report.ok:
        raise AssertionError(str(report).rstrip())


# ---- what several of them share ----------------------------------------------------------------------------


def _assert_count(tested: Subject, expected: int, layer: str | None, noun: str, figure: str) -> None:
    """Hold a sum over the model, or the count of a layer."""
    __tracebackhide__ = True
    if type(expected) is not int:
        raise UsageError(f"a count is a whole number, not {expected!r}")
    if layer is None:
        totals = tested.analysis.totals
        found = humanise.plain(_count_of(totals, figure))
        least = humanise.plain(totals.at_least.get(figure))
        lines = [
            f"{tested.name}: {_counted(found, least, noun)}, not {expected:,}",
            *_largest(tested, figure),
        ]
    else:
        row = tested.row(layer)
        found = humanise.plain(_count_of(row, figure))
        lines = [f"{_who(tested, row)}: {_counted(found, None, noun)}, not {expected:,}", _described(row)]
    if found != expected:
        if found is None:
            lines += [f"{row.name}: {row.reason or f'no rule knows {row.op}'}" for row in _unknown(tested)]
        raise AssertionError(_lines(lines))


def _count_of(holder: Any, figure: str) -> Any:
    """Return a count of a row, or of the totals."""
    if figure == "macs":
        return holder.macs
    return holder.params.total if figure == "params" else getattr(holder.params, figure)


def _counted(found: Any, least: Any, noun: str) -> str:
    if found is None:
        return f"the number of {noun} is not known" + (
            f", at least {least:,}" if isinstance(least, int) and least else ""
        )
    return f"it has {found:,} {noun}" if isinstance(found, int) else f"the number of {noun} is {found}"


def _largest(tested: Subject, figure: str) -> list[str]:
    """List the layers that have the most of a count."""
    counts = [
        (count, row.name)
        for row in tested.analysis
        if not row.container and isinstance(count := humanise.plain(_count_of(row, figure)), int) and count
    ]
    top = sorted(counts, key=lambda each: -each[0])[:3]
    return [f"most are in {', '.join(f'{name} ({count:,})' for count, name in top)}"] if top else []


def _unknown(tested: Subject) -> list[Row]:
    return [row for row in tested.analysis if row.status == "unknown"][:3]


def _assert_limit(tested: Subject, limits: dict[str, Any], layer: str | None) -> None:
    """Hold a limit of budgets, which say what is wrong and who is to blame."""
    __tracebackhide__ = True
    from rfcalc.questions.check.document import budget_of
    from rfcalc.questions.check.find import HOLDS, check_figure, check_model
    from rfcalc.questions.check.words import told

    section = budget_of(limits, tested.name).shared
    if layer is None:
        checks, _ = check_model(tested.name, tested.facts, section)
    else:
        row = tested.row(layer)
        checks = []
        for given in section.limits.values():
            assert given.limit.of_layer is not None
            figure = given.limit.of_layer(tested.facts, row)
            if figure is None:
                raise UsageError(f"{layer!r} has no {given.limit.noun}", source=tested.name)
            checks.append(check_figure(tested.name, tested.facts, given, figure))
    broken = [each for each in checks if each.outcome != HOLDS]
    if broken:
        lines = [f"layer {each.figure.layer!r}: {told(each)}" for each in broken]
        raise AssertionError(_lines([f"{tested.name}: {lines[0]}", *lines[1:]]))


# ---- words -------------------------------------------------------------------------------------------------


def _fail(tested: Subject, row: Row, told: str, more: Iterable[str] = ()) -> NoReturn:
    __tracebackhide__ = True
    raise AssertionError(_lines([f"{_who(tested, row)}: {told}", _described(row), *more]))


def _lines(lines: Sequence[str]) -> str:
    return "\n  ".join(terminal(line, unicode=True) for line in lines)


def _who(tested: Subject, row: Row) -> str:
    return f"{tested.name}: layer {row.name!r}"


def _described(row: Row) -> str:
    op = (
        f"{row.kind} ({row.op})" if row.op.replace("_", "").lower() != row.kind.replace("_", "") else row.kind
    )
    shape = "output not known" if row.output_shape is None else f"output {humanise.shape(row.output_shape)}"
    stride = _extents(row.effective_stride or ())
    return f"{row.name}: {op}, {shape}, {f'stride {stride}, ' if stride else ''}status {row.status}"


def _doubt(row: Row, what: str, most: str | None, wanted: str) -> str:
    """Say that a figure is only bounded, or not known."""
    why = row.reason or (f"no rule knows {row.op}" if row.status == "unknown" else "")
    because = f" ({why})" if why else ""
    if most is None:
        return f"the {what} is not known{because}; wanted {wanted}"
    return f"the {what} is at most {most}, an upper bound{because}; wanted exactly {wanted}"


def _calls(row: Row) -> Sequence[Row]:
    """Return the calls of a layer that depend on the chosen input; where none does, all of them."""
    every = row.calls or (row,)
    return [
        call for call in every if call.receptive_field is None or any(s != 0 for s in call.receptive_field)
    ] or every


def _local_calls(tested: Subject, row: Row) -> Sequence[Row]:
    """Return the calls of a layer with what they see when gates are cut, and how well that is known."""
    tested.graph  # noqa: B018  the status of a row is that of the whole field, so an analysis does not do
    return [
        row._replace(
            receptive_field=sight.largest,
            receptive_field_min=sight.smallest,
            status=cast("Status", sight.status),
            reason=sight.reason,
        )
        for sight in tested.facts.local_sights(row)
    ]


def _per_axis(value: Any, rank: int, name: str) -> tuple[Any, ...]:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return (value,) * rank
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) == rank:
            return tuple(value)
        axes = humanise.sentence(rank, "spatial axis", "spatial axes")
        raise UsageError(f"{name} has {humanise.sentence(len(value), 'value')}, but the input has {axes}")
    raise UsageError(f"{name} is a number, or one for each axis, not {value!r}")


def _pixels(sizes: Any, *, unit: bool = True) -> str:
    if isinstance(sizes, int):
        return f"{sizes} pixels" if unit else str(sizes)
    if sizes is None or all(size is None for size in sizes):
        return "global (the whole axis)"
    return _extents(sizes, "global") + (" pixels" if unit else "")


def _extents(values: Any, missing: str = "-") -> str:
    if values and all(each is None for each in values):
        return "none" if missing == "-" else missing
    return "x".join(missing if each is None else str(humanise.plain(each)) for each in values)


def _number(value: Any) -> str:
    return _extents(value) if isinstance(value, Sequence) else str(value)


def _shape(shape: Sequence[Any]) -> str:
    return f"({', '.join('?' if extent is None else str(extent) for extent in shape)})"


def _givers(tested: Subject, row: Row) -> list[str]:
    """Say what a layer takes."""
    shapes = {each.name: each.output_shape for each in tested.analysis}
    given = [
        f"{name} {'?' if shapes[name] is None else humanise.shape(shapes[name])}"
        for name in row.inputs
        if name in shapes
    ]
    return [f"it takes {', '.join(given)}"] if given else []


def _elsewhere(tested: Subject, wanted: tuple[Any, ...], *, local: bool) -> list[str]:
    """Name the layers that have the field that was wanted."""
    found = [
        repr(row.name)
        for row in tested.analysis
        if (row.local_receptive_field if local else row.receptive_field) == wanted
    ]
    return [f"{_pixels(wanted)} is the field of {few(found)}"] if found and any(wanted) else []


def _decided(tested: Subject, row: Row, sizes: Sequence[Any], wanted: Sequence[Any]) -> Iterator[str]:
    """Say which layers decide a field, on the first axis that is not as wanted."""
    explained = tested.explain(row.name)
    axis = next(place for place, pair in enumerate(zip(sizes, wanted, strict=True)) if pair[0] != pair[1])
    if explained is None:
        return
    found = explained.axes[axis]
    if found.reason:
        yield f"it is so large since {found.reason}"
    steps = [step for step in found.steps if step.pixels]
    if not steps:
        return
    top = max(steps, key=lambda step: step.pixels)
    shown = steps if len(steps) <= _MOST_STEPS else sorted(steps, key=lambda step: -step.pixels)[:_MOST_STEPS]
    names = ", ".join(f"{step.layer} +{humanise.plain(float(step.pixels))}" for step in shown)
    rest = f", and {len(steps) - len(shown):,} more" if len(steps) > len(shown) else ""
    where = _AXES.get(len(sizes), ("pixels",) * len(sizes))[axis]
    yield f"{where}: 1, and {names}{rest}; the most by {top.layer!r}"


def _steps(tested: Subject, row: Row) -> Iterator[str]:
    """List the layers behind which the stride is another."""
    explained = tested.explain(row.name)
    if explained is None or not explained.axes:
        return
    steps = [step for step in explained.axes[0].steps if step.stride not in (None, 1)]
    if steps:
        yield f"it steps in {few((f'{step.layer} ({step.stride})' for step in steps), most=_MOST_STEPS)}"

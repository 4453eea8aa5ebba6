"""Assertions on models, with failures that say what is, what was wanted, and which layers decide it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rfcalc.errors import UsageError
from rfcalc.questions.check.library import check
from rfcalc.render import humanise
from rfcalc.testing import words
from rfcalc.testing.subject import Subject, Tested, subject
from rfcalc.wording import few

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.loading import Loading

PerAxis = int | None | Sequence[int | None]
"""A number of pixels for every axis, or one for each; None for the whole axis."""


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
    for call in words.local_calls(tested, row) if local else words.calls(row):
        sizes = call.receptive_field
        wanted = None if sizes is None else _per_axis(expected, len(sizes), "expected")
        if call.status != "exact" or sizes is None:
            shown = words.pixels(expected if wanted is None else wanted)
            words.fail(
                tested, row, words.doubt(call, what, None if sizes is None else words.pixels(sizes), shown)
            )
        if sizes != wanted:
            assert wanted is not None
            more = [*words.decided(tested, row, sizes, wanted), *words.elsewhere(tested, wanted, local=local)]
            words.fail(
                tested,
                row,
                f"the {what} is {words.pixels(sizes)}, not {words.pixels(wanted, unit=False)}",
                more,
            )
        least = call.receptive_field_min
        if smallest is not None and least is not None:
            wanted = _per_axis(smallest, len(least), "smallest")
            if least != wanted:
                words.fail(
                    tested,
                    row,
                    f"the smallest {what} is {words.pixels(least)}, not {words.pixels(wanted, unit=False)}",
                    [f"the largest is {words.pixels(sizes)}"],
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
    for call in words.calls(row):
        strides = call.effective_stride
        if strides is None:
            words.fail(tested, row, words.doubt(call, "effective stride", None, words.number(expected)))
        wanted = _per_axis(expected, len(strides), "expected")
        if strides != wanted:
            told = f"the effective stride is {words.extents(strides)}, not {words.extents(wanted)}"
            words.fail(tested, row, told, words.steps(tested, row))


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
            words.fail(tested, row, words.doubt(call, "output shape", None, words.shape(wanted)))
        shape = tuple(humanise.plain(extent) for extent in call.output_shape)
        fits = (shape, shape[1:]) if shape and shape[0] in (None, 1) else (shape,)
        if wanted not in fits:
            words.fail(
                tested,
                row,
                f"the output shape is {words.shape(shape)}, not {words.shape(wanted)}",
                words.givers(tested, row),
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
        lines = [f"{tested.name}: not every figure is exact: {few(doubts)}", *reasons[: words.MOST_STEPS]]
        raise AssertionError(words.joined(lines))


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
        found = humanise.plain(words.count_of(totals, figure))
        least = humanise.plain(totals.at_least.get(figure))
        lines = [
            f"{tested.name}: {words.counted(found, least, noun)}, not {expected:,}",
            *words.largest(tested, figure),
        ]
    else:
        row = tested.row(layer)
        found = humanise.plain(words.count_of(row, figure))
        lines = [
            f"{words.who(tested, row)}: {words.counted(found, None, noun)}, not {expected:,}",
            words.described(row),
        ]
    if found != expected:
        if found is None:
            lines += words.unknown(tested)
        raise AssertionError(words.joined(lines))


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
        raise AssertionError(words.joined([f"{tested.name}: {lines[0]}", *lines[1:]]))


def _per_axis(value: Any, rank: int, name: str) -> tuple[Any, ...]:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return (value,) * rank
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) == rank:
            return tuple(value)
        axes = humanise.sentence(rank, "spatial axis", "spatial axes")
        raise UsageError(f"{name} has {humanise.sentence(len(value), 'value')}, but the input has {axes}")
    raise UsageError(f"{name} is a number, or one for each axis, not {value!r}")

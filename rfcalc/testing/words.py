"""What a failed assertion says: which layer, what it is, and which layers decide it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NoReturn, cast

from rfcalc.engine.result import Row, Status
from rfcalc.render import humanise
from rfcalc.render.escape import terminal
from rfcalc.testing.subject import Subject
from rfcalc.wording import few

MOST_STEPS: Final = 6
"""Layers that a message lists one by one."""

_AXES: Final = {1: ("positions",), 2: ("rows", "columns"), 3: ("slices", "rows", "columns")}


def fail(tested: Subject, row: Row, told: str, more: Iterable[str] = ()) -> NoReturn:
    """Raise the failure of one layer."""
    __tracebackhide__ = True
    raise AssertionError(joined([f"{who(tested, row)}: {told}", described(row), *more]))


def joined(lines: Sequence[str]) -> str:
    """Return the lines of a message, safe for a terminal."""
    return "\n  ".join(terminal(line, unicode=True) for line in lines)


def who(tested: Subject, row: Row) -> str:
    """Name the layer of a model."""
    return f"{tested.name}: layer {row.name!r}"


def described(row: Row) -> str:
    """Say what a layer is."""
    op = (
        f"{row.kind} ({row.op})" if row.op.replace("_", "").lower() != row.kind.replace("_", "") else row.kind
    )
    shape = "output not known" if row.output_shape is None else f"output {humanise.shape(row.output_shape)}"
    stride = extents(row.effective_stride or ())
    return f"{row.name}: {op}, {shape}, {f'stride {stride}, ' if stride else ''}status {row.status}"


def doubt(row: Row, what: str, most: str | None, wanted: str) -> str:
    """Say that a figure is only bounded, or not known."""
    why = row.reason or (f"no rule knows {row.op}" if row.status == "unknown" else "")
    because = f" ({why})" if why else ""
    if most is None:
        return f"the {what} is not known{because}; wanted {wanted}"
    return f"the {what} is at most {most}, an upper bound{because}; wanted exactly {wanted}"


def calls(row: Row) -> Sequence[Row]:
    """Return the calls of a layer that depend on the chosen input; where none does, all of them."""
    every = row.calls or (row,)
    return [
        call for call in every if call.receptive_field is None or any(s != 0 for s in call.receptive_field)
    ] or every


def local_calls(tested: Subject, row: Row) -> Sequence[Row]:
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


def pixels(sizes: Any, *, unit: bool = True) -> str:
    """Spell sizes along the axes."""
    if isinstance(sizes, int):
        return f"{sizes} pixels" if unit else str(sizes)
    if sizes is None or all(size is None for size in sizes):
        return "global (the whole axis)"
    return extents(sizes, "global") + (" pixels" if unit else "")


def extents(values: Any, missing: str = "-") -> str:
    """Spell numbers along the axes."""
    if values and all(each is None for each in values):
        return "none" if missing == "-" else missing
    return "x".join(missing if each is None else str(humanise.plain(each)) for each in values)


def number(value: Any) -> str:
    """Spell a number, or numbers along the axes."""
    return extents(value) if isinstance(value, Sequence) else str(value)


def shape(shape: Sequence[Any]) -> str:
    """Spell a shape as Python does."""
    return f"({', '.join('?' if extent is None else str(extent) for extent in shape)})"


def givers(tested: Subject, row: Row) -> list[str]:
    """Say what a layer takes."""
    shapes = {each.name: each.output_shape for each in tested.analysis}
    given = [
        f"{name} {'?' if shapes[name] is None else humanise.shape(shapes[name])}"
        for name in row.inputs
        if name in shapes
    ]
    return [f"it takes {', '.join(given)}"] if given else []


def elsewhere(tested: Subject, wanted: tuple[Any, ...], *, local: bool) -> list[str]:
    """Name the layers that have the field that was wanted."""
    found = [
        repr(row.name)
        for row in tested.analysis
        if (row.local_receptive_field if local else row.receptive_field) == wanted
    ]
    return [f"{pixels(wanted)} is the field of {few(found)}"] if found and any(wanted) else []


def decided(tested: Subject, row: Row, sizes: Sequence[Any], wanted: Sequence[Any]) -> Iterator[str]:
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
    shown = steps if len(steps) <= MOST_STEPS else sorted(steps, key=lambda step: -step.pixels)[:MOST_STEPS]
    names = ", ".join(f"{step.layer} +{humanise.plain(float(step.pixels))}" for step in shown)
    rest = f", and {len(steps) - len(shown):,} more" if len(steps) > len(shown) else ""
    where = _AXES.get(len(sizes), ("pixels",) * len(sizes))[axis]
    yield f"{where}: 1, and {names}{rest}; the most by {top.layer!r}"


def steps(tested: Subject, row: Row) -> Iterator[str]:
    """List the layers behind which the stride is another."""
    explained = tested.explain(row.name)
    if explained is None or not explained.axes:
        return
    steps = [step for step in explained.axes[0].steps if step.stride not in (None, 1)]
    if steps:
        yield f"it steps in {few((f'{step.layer} ({step.stride})' for step in steps), most=MOST_STEPS)}"


# ---- counts ------------------------------------------------------------------------------------------------


def count_of(holder: Any, figure: str) -> Any:
    """Return a count of a row, or of the totals."""
    if figure == "macs":
        return holder.macs
    return holder.params.total if figure == "params" else getattr(holder.params, figure)


def counted(found: Any, least: Any, noun: str) -> str:
    """Say how many there are, or at least."""
    if found is None:
        return f"the number of {noun} is not known" + (
            f", at least {least:,}" if isinstance(least, int) and least else ""
        )
    return f"it has {found:,} {noun}" if isinstance(found, int) else f"the number of {noun} is {found}"


def largest(tested: Subject, figure: str) -> list[str]:
    """List the layers that have the most of a count."""
    counts = [
        (count, row.name)
        for row in tested.analysis
        if not row.container and isinstance(count := humanise.plain(count_of(row, figure)), int) and count
    ]
    top = sorted(counts, key=lambda each: -each[0])[:3]
    return [f"most are in {', '.join(f'{name} ({count:,})' for count, name in top)}"] if top else []


def unknown(tested: Subject) -> list[str]:
    """Name some layers that no rule knows, and say why."""
    rows = [row for row in tested.analysis if row.status == "unknown"][:3]
    return [f"{row.name}: {row.reason or f'no rule knows {row.op}'}" for row in rows]

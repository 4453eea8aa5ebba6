"""The figures that limits are held against, each as far as it is known.

A figure is given by its two ends. What is known has equal ends; an upper bound has only the upper one; of
what is not known the upper end is infinite. So one comparison decides all limits, or says that it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Final

from rfcalc.engine.joins import Join
from rfcalc.engine.result import Row, Size
from rfcalc.questions.check.facts import Facts, Sight, sees_nothing
from rfcalc.records import NamedTuple
from rfcalc.wording import few

STATUSES: Final = ("exact", "bound", "unknown")
"""What a figure may be, each worse than the one before."""

Ends = tuple[float | None, ...]
"""A number for each axis, one for what has no axes; None on an axis where there is nothing to compare."""


class Figure(NamedTuple):
    """A figure, as far as it is known.

    Parameters
    ----------
    layer : str
        The layer that it is of; empty for a sum over the model.
    low, high : tuple of (float or None)
        It is at least and at most this; equal where it is known. Infinite: the whole axis, or no end known.
    why : str
        Why it is not known.
    cause : str
        What else there is to say of where it comes from.
    culprit : str
        The layer that is responsible, where that is another than `layer`.
    """

    layer: str
    low: Ends
    high: Ends
    why: str = ""
    cause: str = ""
    culprit: str = ""

    @property
    def known(self) -> bool:
        """Both ends are the same."""
        return self.low == self.high


OfLayer = Callable[[Facts, Row], Figure | None]
"""Gives the figure of a layer; None for a layer that has none."""

OfModel = Callable[[Facts], Iterator[Figure]]
"""Gives the figures of a model; none where it has none."""

_NO_SIZE: Final = "the input has no fixed size; give one"
_NO_TYPE: Final = "the type of its elements is not known"
_NOT_KNOWN: Final = "it is not known"


# ---- counts ------------------------------------------------------------------------------------------------


def _count(layer: str, value: object, why: str) -> Figure:
    """Make the figure of a count; formulas and None are not known."""
    if isinstance(value, int):
        return Figure(layer, (value,), (value,))
    return Figure(layer, (0,), (inf,), why)


def _why(row: Row) -> str:
    if row.reason:
        return f"it {row.reason}" if row.reason.startswith("depends") else row.reason
    return f"no rule knows {row.op}" if row.status == "unknown" else _NO_SIZE


def _why_no_bytes(row: Row) -> str:
    """Say why it is not known how many bytes a layer puts out, where elements may be known."""
    counted = isinstance(row.activations, int) and not row.reason and row.status != "unknown"
    return _NO_TYPE if counted else _why(row)


_COUNTS: Final[Mapping[str, Callable[[Row], object]]] = {
    "params": lambda row: row.params.total,
    "trainable": lambda row: row.params.trainable,
    "macs": lambda row: row.macs,
}
"""Counts that rows have, by the names that the totals give them."""


def layer_count(name: str) -> OfLayer:
    """Return what gives a count of a layer."""

    def figure(facts: Facts, row: Row) -> Figure:
        return _count(row.name, _COUNTS[name](row), _why(row))

    return figure


def model_count(name: str) -> OfModel:
    """Return what gives a count of a model; where it is not known, what is known of it is its lower end."""

    def figures(facts: Facts) -> Iterator[Figure]:
        totals = facts.result.totals
        values = {"params": totals.params.total, "trainable": totals.params.trainable, "macs": totals.macs}
        counts = {row.name: _COUNTS[name](row) for row in facts.rows}
        yield _summed(facts, values[name], counts, totals.at_least.get(name))

    return figures


def layer_memory(facts: Facts, row: Row) -> Figure:
    """Count the bytes that a layer puts out."""
    return _count(row.name, facts.memory(row), _why_no_bytes(row))


def model_memory(facts: Facts) -> Iterator[Figure]:
    """Count the bytes that all layers put out, the input left out, as `rfcalc compare` does."""
    sizes = {row.name: facts.memory(row) for row in facts.rows if row.kind != "input"}
    known = [size for size in sizes.values() if size is not None]
    total = sum(known) if len(known) == len(sizes) else None
    yield _summed(facts, total, sizes, sum(known), _why_no_bytes)


def model_peak(facts: Facts) -> Iterator[Figure]:
    """Count the bytes of activations that are held at a time, at the layer at which they are most."""
    peak = facts.result.footprint.peak
    if peak is None:
        missing = next((row for row in facts.rows if facts.memory(row) is None), None)
        yield Figure("", (0,), (inf,), _NOT_KNOWN if missing is None else _why_no_bytes(missing))
    else:
        yield Figure(
            "", (peak.bytes,), (peak.bytes,), cause=f"they are held in {peak.layer}", culprit=peak.layer
        )


def _summed(
    facts: Facts,
    value: object,
    counts: Mapping[str, object],
    least: object,
    why_not: Callable[[Row], str] = _why,
) -> Figure:
    """Make the figure of a sum over layers; `least` is what is known of it, `why_not` why that is not all."""
    known = {name: count for name, count in counts.items() if isinstance(count, int)}
    largest = max(known, key=lambda name: known[name], default="")
    cause = f"most are in {largest}: {known[largest]:,}" if largest and known[largest] else ""
    if isinstance(value, int):
        return Figure("", (value,), (value,), cause=cause, culprit=largest if cause else "")
    missing = [row for row in facts.rows if row.name in counts and row.name not in known]
    why = f"{few(repr(row.name) for row in missing)}: {why_not(missing[0])}" if missing else _NOT_KNOWN
    culprit = missing[0].name if missing else ""
    return Figure("", (least if isinstance(least, int) else 0,), (inf,), why, cause, culprit)


# ---- fields ------------------------------------------------------------------------------------------------


def layer_field(*, local: bool, smallest: bool) -> OfLayer:
    """Return what gives the smallest, or the largest, field over the calls and phases of a layer."""

    def figure(facts: Facts, row: Row) -> Figure | None:
        if not facts.extents:
            return None
        sights = facts.local_sights(row) if local else facts.sights(row)
        return _field(row.name, sights, len(facts.extents), smallest=smallest)

    return figure


def of_last_map(of_layer: OfLayer) -> OfModel:
    """Take the figure of the last map for that of the model."""

    def figures(facts: Facts) -> Iterator[Figure]:
        row = facts.last_map
        figure = None if row is None else of_layer(facts, row)
        if figure is not None:
            yield figure

    return figures


def _field(name: str, sights: list[Sight], rank: int, *, smallest: bool) -> Figure:
    choose: Callable[..., float] = min if smallest else max
    ends = [_ends_of(sight, sight.smallest if smallest else sight.largest, rank) for sight in sights]
    low = tuple(choose(column) for column in zip(*(low for low, _ in ends), strict=True))
    high = tuple(choose(column) for column in zip(*(high for _, high in ends), strict=True))
    doubt = next((sight.reason for sight in sights if sight.status != "exact"), "")
    return Figure(name, low, high, doubt if low != high else "")


def _ends_of(
    sight: Sight, sizes: tuple[Size, ...] | None, rank: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return both ends of a field on each axis; of an upper bound there is no lower one."""
    if sizes is None:
        return (0.0,) * rank, (inf,) * rank
    known = tuple(inf if size is None else size for size in sizes)
    return (known if sight.status == "exact" else (0.0,) * rank), known


def layer_missing(facts: Facts, row: Row) -> Figure | None:
    """Count the pixels by which the smallest field of a layer is smaller than the input."""
    figure = layer_field(local=False, smallest=True)(facts, row)
    if figure is None:
        return None
    low, high = [], []
    for least, most, extent in zip(figure.low, figure.high, facts.extents, strict=True):
        assert least is not None and most is not None  # noqa: PT018  a field has a size on every axis
        # the larger the field, the less is missing; of an input without a size it is not known how much
        low.append(0.0 if most == inf or extent is None else max(extent - most, 0))
        high.append(0.0 if least == inf else inf if extent is None else max(extent - least, 0))
    return Figure(row.name, tuple(low), tuple(high), (figure.why or _NO_SIZE) if low != high else "")


def layer_gap(facts: Facts, row: Row) -> Figure | None:
    """Return the most pixels on end that the fields of a layer leave out, gates cut."""
    if not facts.extents:
        return None
    rank = len(facts.extents)
    low, high, why = [0.0] * rank, [0.0] * rank, ""
    for call in facts.calls(row):
        gaps = None if call.detail is None else call.detail.largest_gap
        sizes = call.local_receptive_field
        for axis, gap in enumerate(gaps or (None,) * rank):
            if gap is not None:
                low[axis], high[axis] = max(low[axis], gap), max(high[axis], gap)
            elif call.status != "exact" or sizes is None or sizes[axis] is not None:
                high[axis], why = inf, why or call.reason or "what it reads cannot be listed"
            # else the whole axis is read, which leaves nothing out
    opener = _opener(facts, row) if any(low) else ""
    return Figure(row.name, tuple(low), tuple(high), why, f"opened in {opener}" if opener else "", opener)


def _opener(facts: Facts, row: Row) -> str:
    note = next((note for note in facts.result.notes if note.code == "holes"), None)
    return note.layer if note is not None and note.layer != row.name else ""


# ---- strides and joins -------------------------------------------------------------------------------------


def layer_stride(facts: Facts, row: Row) -> Figure | None:
    """Return the stride product of a layer whose output keeps a grid."""
    if row.effective_stride is None:
        rank = len(facts.extents)
        return Figure(row.name, (0.0,) * rank, (inf,) * rank, _why(row)) if rank else None
    if all(stride is None for stride in row.effective_stride):
        return None
    return Figure(row.name, row.effective_stride, row.effective_stride)


def model_stride(facts: Facts) -> Iterator[Figure]:
    """Yield the figure of the layer whose outputs lie farthest apart."""
    rows = [row for row in facts.rows if row.kind != "input"]
    figures = [figure for row in rows if (figure := layer_stride(facts, row)) is not None]
    known = [figure for figure in figures if figure.known]
    worst = max(known, key=lambda figure: max(stride or 0 for stride in figure.low), default=None)
    unknown = next((figure for figure in figures if not figure.known), None)
    if unknown is None:
        yield from () if worst is None else (worst,)
    elif worst is None:
        yield unknown
    else:  # it has at least the stride that is known, wherever that is
        yield Figure(
            unknown.layer, worst.low, unknown.high, unknown.why, f"{worst.layer} has as much", worst.layer
        )


def layer_misalignment(facts: Facts, row: Row) -> Figure | None:
    """Return by how much the branches lie apart that meet in a layer."""
    join = facts.joins.get(row.name)
    if join is None and row.status == "unknown" and len(row.inputs) > 1:
        return Figure(row.name, (0.0,), (inf,), _why(row))
    return None if join is None else _misalignment(join)


def _misalignment(join: Join) -> Figure:
    low = tuple(0.0 if each is None else each for each in join.offset)
    high = tuple(inf if each is None else each for each in join.offset)
    return Figure(join.layer, low, high, join.reason)


def model_misalignment(facts: Facts) -> Iterator[Figure]:
    """Yield a figure for each join: each is a fault of its own."""
    for row in facts.rows:
        figure = layer_misalignment(facts, row)
        if figure is not None:
            yield figure


# ---- what is productive, and what is known -----------------------------------------------------------------


def layer_unproductive(facts: Facts, row: Row) -> Figure | None:
    """Count 1 for a convolution with a window that has nothing left to see, in one of its calls at least."""
    if not facts.looks_around(row) or sees_nothing(row):
        return None
    told = [None if call.detail is None else call.detail.productive for call in facts.calls(row)]
    if None in told and False not in told:
        return Figure(row.name, (0,), (1,), _why_not_told(facts, row))
    idle = int(False in told)
    return Figure(row.name, (idle,), (idle,))


def _why_not_told(facts: Facts, row: Row) -> str:
    if None in facts.extents:
        return _NO_SIZE
    return _why(row) if row.reason else "the field of its input is not known exactly"


def model_unproductive(facts: Facts) -> Iterator[Figure]:
    """Count the convolutions that have nothing left to see."""
    if not facts.extents:
        return
    told = {row.name: figure for row in facts.rows if (figure := layer_unproductive(facts, row)) is not None}
    idle = [name for name, figure in told.items() if any(figure.low)]
    doubtful = [name for name, figure in told.items() if not figure.known]
    why = f"{few(map(repr, doubtful))}: {told[doubtful[0]].why}" if doubtful else ""
    cause = f"from {idle[0]} on" if idle else ""
    culprit = next(iter(idle or doubtful), "")
    yield Figure("", (len(idle),), (len(idle) + len(doubtful),), why, cause, culprit)


def layer_status(facts: Facts, row: Row) -> Figure:
    """Rank what is known of a layer; what was assumed at the user's word is not known."""
    assumed = row.name in facts.assumed
    rank = STATUSES.index("unknown" if assumed and row.status == "exact" else row.status)
    cause = "assumed, as on_unknown says" if assumed else _why(row) if rank else ""
    return Figure(row.name, (rank,), (rank,), cause=cause)


def model_status(facts: Facts) -> Iterator[Figure]:
    """Yield the figure of the first of the layers of which least is known, and say how many there are."""
    figures = [layer_status(facts, row) for row in facts.rows]
    doubts = [figure for figure in figures if any(figure.low)]
    if not doubts:
        totals = facts.result.totals
        rank = 0 if totals.complete else STATUSES.index("unknown")
        missing = "" if totals.complete else f"{', '.join(totals.at_least)} not known"
        yield Figure("", (rank,), (rank,), cause=missing)
        return
    worst = max(doubts, key=lambda figure: figure.low[0] or 0)
    more = sum(figure.low == worst.low for figure in doubts) - 1
    yield worst._replace(cause=worst.cause + (f"; {more:,} more like it" if more else ""))

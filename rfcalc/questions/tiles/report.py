"""How a model may be run on pieces of its input: the document, and the same for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote
from typing import Any, Final

from rfcalc.questions.tiles.result import (
    BROAD,
    Memory,
    Plan,
    Stream,
    Strip,
    Strips,
    TileAxis,
    TilesResult,
)
from rfcalc.render import humanise
from rfcalc.render.escape import terminal
from rfcalc.render.fold import paragraph
from rfcalc.render.humanise import plain
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import LEFT, RIGHT, Table, aligned, ruled

SCHEMA: Final = "rfcalc/tiles/1"

Grid = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Headings and rows; the first column is aligned to the left."""

MOST_LISTED: Final = 100_000
"""Tiles along one axis that the document lists one by one; of more it says how they repeat."""
_MOST_STRIPS: Final = 12
_HEADS: Final = ("axis", "input", "scale", "before", "after", "starts", "sizes", "smallest", "overlap")
_MARGIN: Final = 2


class Tiles(Documented, Shown, TilesResult):
    """The result of `rfcalc.tiles`: halo, sizes and overlap of tiles, a plan, a stream's latency.

    Examples
    --------
    >>> import rfcalc
    >>> found = rfcalc.tiles({"rfcalc": 1, "input": [None, 1], "layers": [
    ...     {"kind": "conv", "filters": 1, "kernel": 2, "dilation": 4, "padding": "causal"},
    ... ]}, rate=16000)
    >>> found.stream.history, found.stream.look_ahead, found.stream.latency
    (4, 0, 0)
    """

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/tiles/1``, as plain data."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "model": self.model,
            "layer": self.layer,
            "input": self.input,
            "seamless": self.seamless,
            "status": self.status,
            "cut_gates": self.cut_gates,
            "axes": list(map(_axis_document, self.axes)),
        }
        if self.plan is not None:
            document["plan"] = _plan_document(self.plan)
        if self.stream is not None:
            document["stream"] = _stream_document(self.stream)
        document["notes"] = [note._asdict() for note in self.notes]
        return document

    def pieces(self) -> list[Piece]:
        """Return the tables, and the sentences."""
        tables = (
            Table(titles, (LEFT, *[RIGHT] * (len(titles) - 1)), tuple(rows)) for titles, rows in _tables(self)
        )
        return [*tables, *map(Paragraph, _sentences(self))]

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return tables and sentences for a terminal.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        lines = paragraph(terminal(_title(self), unicode=unicode), width)
        for table in _tables(self):
            lines += ["", *_laid(table, unicode=unicode)]
        for sentence in _sentences(self):
            lines += ["", *paragraph(terminal(sentence, unicode=unicode), width)]
        return "\n".join(lines) + "\n"


# ---- the document ------------------------------------------------------------------------------------------


def _axis_document(axis: TileAxis) -> dict[str, Any]:
    document: dict[str, Any] = {"axis": axis.name, "extent": axis.extent}
    document["scale"] = None if axis.scale is None else list(axis.scale)
    document["halo"] = None if axis.before is axis.after is None else [axis.before, axis.after]
    for name in ("block", "align", "divisor", "remainder", "smallest", "overlap"):
        document[name] = getattr(axis, name)
    document["lost"] = None if axis.lost is None else list(axis.lost)
    document["proven"] = axis.proven
    if axis.blocker is not None:
        document["blocker"] = axis.blocker._asdict()
    return document


def _plan_document(plan: Plan) -> dict[str, Any]:
    return {
        "image": list(plan.image),
        "tile": list(plan.tile),
        "output": list(plan.output),
        "tiles": plan.count,
        "work": round(plan.work, 6),
        "memory": plan.memory._asdict(),
        "memory_of_image": plan.whole._asdict(),
        "strips": list(map(_strips_document, plan.strips)),
    }


def _strips_document(strips: Strips) -> list[dict[str, Any]] | dict[str, Any]:
    """List the tiles of an axis, or, where they are very many, say how they repeat."""
    if len(strips) <= MOST_LISTED:
        return list(map(_strip_document, strips))
    assert strips.repeated is not None
    return {
        "tiles": len(strips),
        "first": _strip_document(strips.first),
        "repeated": _strip_document(strips.repeated),
        "times": strips.times,
        "step": {"input": strips.pixels, "output": strips.outputs},
        "last": None if strips.last is None else _strip_document(strips.last),
    }


def _strip_document(strip: Strip) -> dict[str, Any]:
    return {
        "input": [strip.start, strip.stop],
        "output": [strip.first, strip.last],
        "keep": [strip.skip, strip.keep],
    }


def _stream_document(stream: Stream) -> dict[str, Any]:
    figures = {
        "history": stream.history,
        "look_ahead": stream.look_ahead,
        "chunk": stream.chunk,
        "latency": stream.latency,
    }
    document: dict[str, Any] = {**figures, "rate": plain(stream.rate)}
    if stream.rate is not None:
        document["ms"] = {name: plain(stream.ms(samples)) for name, samples in figures.items()}
    return document


# ---- tables ------------------------------------------------------------------------------------------------


def _title(result: TilesResult) -> str:
    size = humanise.extents([axis.extent for axis in result.axes])
    return f"{result.layer} of {result.model}, by tiles of {result.input} ({size})"


def _tables(result: TilesResult) -> Iterator[Grid]:
    free = [axis for axis in result.axes if axis.blocker is None]
    if free:
        yield _HEADS, [_row(axis) for axis in free]
    if result.plan is not None and result.plan.count > 1:
        yield _strips_table(result)


def _row(axis: TileAxis) -> tuple[str, ...]:
    assert axis.scale is not None
    return (
        axis.name,
        humanise.number(axis.extent),
        ":".join(map(str, axis.scale)),
        humanise.number(axis.before),
        humanise.number(axis.after),
        _multiples(axis.align, 0),
        _multiples(axis.divisor, axis.remainder),
        humanise.number(axis.smallest),
        humanise.number(axis.overlap),
    )


def _multiples(step: int | None, rest: int | None) -> str:
    """Write which numbers leave a remainder.

    >>> _multiples(16, 0), _multiples(16, 12), _multiples(1, 0)
    ('16n', '16n+12', 'any')
    """
    if step is None:
        return "?"
    if step == 1:
        return "any"
    return f"{step}n" + (f"+{rest}" if rest else "")


def _strips_table(result: TilesResult) -> Grid:
    assert result.plan is not None
    rows: list[tuple[str, ...]] = []
    for axis, strips in zip(result.axes, result.plan.strips, strict=True):
        shown: list[Strip | None] = [*strips[: _MOST_STRIPS // 2], None, *strips[-2:]]
        if len(strips) <= _MOST_STRIPS:
            shown = list(strips)
        for strip in shown:
            if strip is None:
                rows.append((axis.name, f"({len(strips) - _MOST_STRIPS // 2 - 2:,} more)", "", ""))
                continue
            rows.append(
                (
                    axis.name,
                    _span(strip.start, strip.stop),
                    _span(strip.skip, strip.keep),
                    _span(strip.first, strip.last),
                )
            )
    return ("axis", "input", "kept of its output", "as output"), rows


def _span(start: int, stop: int) -> str:
    return f"{start}:{stop}"


def _laid(table: Grid, *, unicode: bool) -> list[str]:
    titles, rows = table
    shown = [titles, *(tuple(terminal(cell, unicode=unicode) for cell in row) for row in rows)]
    return ruled(aligned(shown, (LEFT, *(RIGHT,) * (len(titles) - 1))), unicode=unicode)


# ---- sentences ---------------------------------------------------------------------------------------------


def _sentences(result: TilesResult) -> Iterator[str]:
    """Say what the figures come to."""
    free = [axis for axis in result.axes if axis.blocker is None]
    if free:
        yield _reading(free, result.units.removesuffix("s"))
        yield from _legend(free)
        if result.plan is None:
            yield from _too_small(free)
    yield from _blocked(result)
    if result.plan is not None:
        yield _planned(result.plan)
    if result.stream is not None:
        yield _streamed(result.stream, result.units.removesuffix("s"))
    if result.cut_gates and free:
        yield (
            "This is an approximation: gates and statistics over the map were cut, "
            "and what they add differs from tile to tile."
        )
    elif result.ended and free:
        yield "This is an approximation: what was cut, as asked, adds what may differ from tile to tile."
    elif free and all(axis.proven for axis in free):
        more = ", and one output more at a cut would not be the same" if any(map(_loses, free)) else ""
        if result.assumed:
            yield "All this holds as far as what was assumed of unknown ops does."
            return
        yield f"Proven: output by output, tiles cut like this compute what the whole input gives{more}."


def _reading(axes: Sequence[TileAxis], unit: str) -> str:
    """Say what to do at every cut."""
    first = axes[0]
    if (
        any(
            (axis.before, axis.after) != (first.before, first.after) or axis.lost != first.lost
            for axis in axes
        )
        or first.lost is None
    ):
        return (
            f"Before and after: how many {unit}s a tile holds on each side of its own part, "
            "so that the outputs over that part are those of the whole input."
        )
    sides = [
        f"{humanise.sentence(size, unit)} {where} it"
        for size, where in ((first.before or 0, "before"), (first.after or 0, "behind"))
        if size > 0
    ]
    held = f"A tile overlaps its neighbours: beside its own part it holds {' and '.join(sides)}"
    least = "at least " if any(axis.align != 1 for axis in axes) else ""
    return f"{held if sides else 'Tiles need not overlap'}. {_dropped(*first.lost, least)}"


def _legend(axes: Sequence[TileAxis]) -> Iterator[str]:
    """Say what columns mean whose figures do not follow from those beside them."""
    if any(axis.overlap != (axis.before or 0) + (axis.after or 0) for axis in axes):
        step = next((axis.align for axis in axes if (axis.align or 1) > 1), 1)
        starts = f"Starts {step}n: at multiples of {step}. " if step != 1 else ""
        yield (
            f"{starts}Smallest: the least tile with outputs to keep. "
            "Overlap: before and after, rounded up so that starts and sizes fit."
        )


def _too_small(axes: Sequence[TileAxis]) -> Iterator[str]:
    """Say where the input itself is no larger than the smallest tile."""
    small = [axis for axis in axes if axis.extent and axis.smallest and axis.extent <= axis.smallest]
    if small:
        where = "" if len(small) == len(axes) else f" along {' and '.join(axis.name for axis in small)}"
        size = humanise.extents([axis.extent for axis in axes])
        yield f"At {size} there is nothing to cut{where}: the smallest tile is as large or larger."


def _dropped(start: int, end: int, least: str) -> str:
    """Say which outputs of a tile are not used."""
    if start == end == 0:
        return "All of its own outputs are kept."
    if start == end:
        told = [_counted("", start, "next to it")]
    else:
        sides = (("first ", start, "behind it"), ("last ", end, "before it"))
        told = [_counted(*side) for side in sides if side[1]]
    dropped = "is dropped: it" if len(told) == 1 and max(start, end) == 1 else "are dropped: they"
    return f"At each cut {least}{' and '.join(told)} {dropped} would need input beyond the tile."


def _counted(which: str, many: int, where: str) -> str:
    return f"the {which}{'output' if many == 1 else f'{many:,} outputs'} {where}"


def _loses(axis: TileAxis) -> bool:
    return axis.lost is not None and any(axis.lost)


def _blocked(result: TilesResult) -> Iterator[str]:
    """Say what cannot be cut, and why, axes with the same reason together."""
    by_blocker: dict[tuple[object, ...], list[TileAxis]] = {}
    for axis in result.axes:
        if axis.blocker is not None:
            # sizes that are fixed are told of with the numbers of the axis that was tried
            why = "" if axis.blocker.trouble == "fixed" else axis.blocker.reason
            by_blocker.setdefault((*axis.blocker._replace(reason=why),), []).append(axis)
    for axes in by_blocker.values():
        names = [axis.name for axis in axes]
        blocker = axes[0].blocker
        assert blocker is not None
        advice = ""
        if blocker.cuttable:
            advice = (
                " With gates and statistics cut (--cut-gates) tiles come near, but not to the same values."
            )
        elif blocker.trouble in BROAD:
            advice = _instead(result)
            if blocker.trouble == "fixed" and "export it" not in blocker.reason:
                advice = (
                    " If the network takes other sizes, export it with open ones "
                    f"(dynamic=True of from_torch).{advice}"
                )
        elif blocker.trouble == "state":
            advice = " Run it in order and hand its state on: then nothing is computed twice."
        if blocker.trouble == "bound":
            yield f"{' and '.join(names)} cannot be cut: {blocker.reason}."
            continue
        op = f" ({blocker.op})" if blocker.op != blocker.layer else ""
        yield f"{' and '.join(names)} cannot be cut: {blocker.layer}{op} {blocker.reason}.{advice}"


def _instead(result: TilesResult) -> str:
    """Say which layer to ask about where that is wanted cannot be cut along any axis."""
    if not result.instead:
        return ""
    if not result.source:
        return f" A layer before it can be run on tiles: {result.instead!r}."
    command = f"rfcalc tiles {quote(result.source)} {quote(result.instead)}"
    return f" A layer before it can be run on tiles; ask: {command}"


def _planned(plan: Plan) -> str:
    if plan.count == 1:
        return f"The image of {humanise.extents(plan.image)} fits one tile{_memory(plan.memory)}."
    return (
        f"{plan.count:,} tiles of {humanise.extents(plan.tile)} cover {humanise.extents(plan.image)}: "
        f"{plan.work:.2f} times the pixels{_memory(plan.memory, plan.whole)}."
    )


def _memory(tile: Memory, whole: Memory | None = None) -> str:
    if tile.peak is None:
        return ""
    text = f". Its activations take {humanise.size(tile.peak)} at their peak"
    if whole is None:
        return f"{text}, {humanise.size(tile.total)} if all are kept"
    return (
        f". The activations of a tile take {humanise.size(tile.peak)} at their peak "
        f"({humanise.size(tile.total)} if all are kept), those of the whole image "
        f"{humanise.size(whole.peak)} ({humanise.size(whole.total)})"
    )


def _streamed(stream: Stream, unit: str) -> str:
    def said(samples: int | None) -> str:
        ms = stream.ms(samples)
        count = humanise.sentence(samples or 0, unit)
        return count if ms is None else f"{count} ({ms:.4g} ms)"

    history = "all that came before, as a state to keep" if stream.history is None else said(stream.history)
    ahead = "the whole sequence" if stream.look_ahead is None else said(stream.look_ahead)
    chunks = ""
    if stream.chunk is not None:
        length = "may have any length" if stream.chunk == 1 else f"are multiples of {said(stream.chunk)}"
        chunks = f"; chunks {length}"
    late = "" if stream.latency is None else f"; latency {said(stream.latency)}"
    return f"As a stream: history {history}, look-ahead {ahead}{late}{chunks}."

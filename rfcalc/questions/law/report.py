"""The law of a field's growth: its document, and the same for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from rfcalc.questions.law.blocks import block_text, depth, formula, gain_text, general
from rfcalc.questions.law.growth import Segment
from rfcalc.questions.law.reach import Reach
from rfcalc.questions.law.result import NO_WINDOW, AxisLaw, Cover, LawResult
from rfcalc.questions.law.room import REPEATED
from rfcalc.render.escape import cells, terminal
from rfcalc.render.fold import fold
from rfcalc.render.humanise import extents
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import LEFT, RIGHT, Table, laid_out
from rfcalc.wording import axis_names, few

SCHEMA: Final = "rfcalc/law/1"

_LONG: Final = 30
"""Letters of a block that a sentence still names."""

_TIMES: Final = {2: "doubles", 3: "triples"}


class Law(Documented, Shown, LawResult):
    """The result of `rfcalc.law`: by which blocks, and which formulas, a field grows.

    Examples
    --------
    >>> import rfcalc
    >>> conv = {"kind": "conv", "filters": 8, "kernel": 3, "padding": "same"}
    >>> pool = {"kind": "max_pool", "kernel": 2}
    >>> law = rfcalc.law({"rfcalc": 1, "input": [64, 64, 1], "layers": [conv, pool] * 4})
    >>> law.to_dict()["axes"][0]["segments"][0]["law"]
    'r(n) = 3*2**n - 2'
    """

    __slots__ = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it comes to, in words."""
        if not self.axes:
            return (f"{self.input} has no spatial axes, so that there are no fields in it.",)
        groups = _grouped(self)
        told = _said_once(
            [(axes, _sentences(law, len(self.axes) if len(groups) == 1 else 1)) for axes, law in groups]
        )
        if self.beyond and not any(axis.reason for axis in self.axes):
            told.append(f"Behind {self.layer} no law holds: {self.beyond}.")
        return tuple(told)

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/law/1``, as plain data."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "layer": self.layer,
            "input": self.input,
            "axes": [_axis_document(axis) for axis in self.axes],
            "beyond": self.beyond,
            "sentences": list(self.sentences),
            "notes": [note._asdict() for note in self.notes],
        }

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return the blocks and their laws for a terminal, and the sentences below.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        lines = fold(terminal(_head(self), unicode=unicode), width)
        for axes, law in _grouped(self, _TABLE):
            if law.segments:
                lines += ["", *([f"{axes}:"] if axes else [])]
                lines += laid_out(_broken(_table(law), width), width, unicode=unicode)
        lines.append("")
        for sentence in self.sentences:
            lines += fold(terminal(sentence, unicode=unicode), width)
        return "\n".join(lines) + "\n"

    def pieces(self) -> list[Piece]:
        """Return the blocks and their laws, and the sentences."""
        pieces: list[Piece] = []
        for axes, law in _grouped(self, _TABLE):
            if law.segments:
                pieces += [Paragraph(f"{axes.capitalize()}:")] if axes else []
                pieces.append(_table(law))
        return [*pieces, *map(Paragraph, (*self.sentences, *_generals(self.axes)))]


def _head(law: LawResult) -> str:
    size = f" ({extents([axis.extent for axis in law.axes])})" if law.axes else ""
    units = " and ".join(dict.fromkeys(axis.units for axis in law.axes)) or "pixels"
    return f"{law.layer} of {law.model}: how its field grows, in {units} of {law.input}{size}"


_TABLE: Final = ("segments",)
"""What of an axis its table shows."""
_TOLD: Final = ("extent", "segments", "reason", "wanted", "rooms", "units")
"""What of an axis its sentences tell."""


def _grouped(law: LawResult, by: Sequence[str] = _TOLD) -> list[tuple[str, AxisLaw]]:
    """Put axes together that are equal in what is told, with their names where there are several groups."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    laws: dict[tuple[Any, ...], AxisLaw] = {}
    for name, axis in zip(axis_names(len(law.axes)), law.axes, strict=True):
        key = tuple(getattr(axis, each) for each in by)
        groups.setdefault(key, []).append(f"{name}s")
        laws[key] = axis
    if len(groups) == 1:
        return [("", axis) for axis in laws.values()]
    return [(" and ".join(names), laws[key]) for key, names in groups.items()]


# ---- tables ------------------------------------------------------------------------------------------------


def _table(law: AxisLaw) -> Table:
    strides = any(step.stride != 1 for segment in law.segments for step in segment.block)
    block = f"block (kernel{'/stride' if strides else ''})"
    titles = ("up to layer", block, "field", "jump", "law, n repeats")
    rows = []
    for segment in law.segments:
        field, jump = segment.at(segment.count)
        told = formula(segment) if segment.count > 1 else f"+ {field - segment.field}"
        rows.append((segment.layers[-1], block_text(segment), str(field), str(jump), told))
    return Table(titles, (LEFT, LEFT, RIGHT, RIGHT, LEFT), tuple(rows))


def _broken(table: Table, width: int) -> Table:
    """Break blocks over several lines, so that a table that is too wide keeps all of them, and names."""
    widths = [max(map(cells, strip)) for strip in zip(table.titles, *table.rows, strict=True)]
    room = width - sum(widths) + widths[_BLOCK] - _GAPS
    if room >= widths[_BLOCK] or room < cells(table.titles[_BLOCK]):
        return table
    rows = []
    for row in table.rows:
        first, *more = _lines(row[_BLOCK], room)
        rows.append((*row[:_BLOCK], first, *row[_BLOCK + 1 :]))
        rows += [tuple(line if place == _BLOCK else "" for place in range(len(row))) for line in more]
    return table._replace(rows=tuple(rows))


def _lines(block: str, room: int) -> list[str]:
    """Break a block between layers.

    >>> _lines("[conv 3, conv 3, pool 2/2] x 2", 18)
    ['[conv 3, conv 3,', 'pool 2/2] x 2']
    """
    lines = [""]
    for part in block.split(", "):
        if lines[-1] and len(f"{lines[-1]} {part},") > room:
            lines.append("")
        lines[-1] += f"{' ' * bool(lines[-1])}{part},"
    return [*lines[:-1], lines[-1].removesuffix(",")]


_BLOCK: Final = 1
"""The column of blocks."""
_GAPS: Final = 8
"""Blanks between the five columns."""


# ---- sentences ---------------------------------------------------------------------------------------------


def _sentences(law: AxisLaw, alike: int) -> list[str]:
    """Say what holds along an axis; `alike` so many axes are the same."""
    return [*_growths(law), *_limits(law), _covered(law), *_wanted(law, alike)]


def _said_once(groups: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Say what holds for all groups of axes once, and name the axes of what does not."""
    common = [each for each in groups[0][1] if all(each in told for _, told in groups)] if groups else []
    own = [f"{axes.capitalize()}: {each}" for axes, told in groups for each in told if each not in common]
    return common + own


def _growths(law: AxisLaw) -> Iterable[str]:
    """Say how each kind of block that repeats makes the field grow."""
    alike: dict[tuple[str, str], list[Segment]] = {}
    for segment in law.segments:
        if segment.count > 1 and segment.growth != "constant":
            alike.setdefault((_block(segment), general(segment)), []).append(segment)
    for (block, _), segments in alike.items():
        yield _grows(block, segments, law.units)


def _block(segment: Segment) -> str:
    return block_text(segment).removesuffix(f" x {segment.count}")


def _grows(block: str, segments: list[Segment], units: str) -> str:
    first = segments[0]
    if first.growth == "linear":
        added = [str(segment.gain * segment.jump) for segment in segments]
        runs = "" if len(added) == 1 else ", run by run: within each"
        adds = f"adds {few(added, most=8)} {units}{runs or ':'}"
        return f"Each {block} {adds} the field grows linearly.{_so_far(segments)}"
    times = _TIMES.get(int(first.ratio), f"multiplies by {first.ratio}")
    if 1 not in (first.factor, first.stride):
        return (
            f"Each {block} {times} what the next one adds: the field grows geometrically.{_so_far(segments)}"
        )
    what = "the dilation" if first.factor != 1 else "the jump"
    grown = "and with it what the next one adds: the field grows geometrically."
    return f"Each {block} {times} {what}, {grown}{_so_far(segments)}"


def _so_far(segments: list[Segment]) -> str:
    """Write the law with the numbers of the model, and what it comes to; several stand in the table."""
    if len(segments) > 1:
        return ""
    (only,) = segments
    return f" After n of them it is {formula(only)}: {only.at(only.count)[0]} after {only.count}."


def _generals(laws: Iterable[AxisLaw]) -> Iterable[str]:
    """Write the laws in kernels, strides and dilations, each once, and what the letters are."""
    told: dict[str, Segment] = {}
    for law in laws:
        for segment in law.segments:
            if segment.count > 1 and segment.growth != "constant":
                told.setdefault(general(segment), segment)
    for segment in told.values():
        yield _in_general(segment)


def _in_general(segment: Segment) -> str:
    spelled = gain_text(segment)
    gain = "g" if spelled.startswith("((") else spelled  # several terms
    where = f" with g = {spelled[1:-1]}" if gain == "g" else ""
    letters = "k, s and d its kernel, stride and dilation"
    if len(segment.block) > 1:
        more = ", and so on" if len(segment.block) > 2 else ""
        letters = (
            "k1, s1 and d1 kernel, stride and dilation of its first layer, "
            f"k2, s2 and d2 those of its second{more}"
        )
    factor = ", c what dilations grow by from one to the next" if segment.factor != 1 else ""
    return (
        f"For n of {_block(segment)} in general {general(segment, gain)}{where}; "
        f"to see R takes {depth(segment, gain)}. "
        f"Here r0 and j0 are the field and the jump before the first, {letters}{factor}."
    )


def _limits(law: AxisLaw) -> Iterable[str]:
    if law.local:
        yield "This is the field with gates cut; with them it is global."
    if law.status == "bound":
        yield "These fields are upper bounds; in truth they may be smaller."
    if law.reason:
        yield f"The law ends there: {law.reason}."


def _covered(law: AxisLaw) -> str:
    so_far = "where the law ends it is" if law.reason else "in the end it is"
    comes = f"{'Up to there the' if law.reason else 'The'} field comes to {law.field}"
    if law.extent is None:
        return f"{comes} {law.units}; the size of the input is open."
    if law.covered is None:
        return f"{comes} of {law.extent} {law.units}."
    place = _place(law, law.covered)
    return (
        f"From {place} on the field covers all {law.extent} {law.units} of the input; {so_far} {law.field}."
    )


def _place(law: AxisLaw, cover: Cover) -> str:
    segment = law.segments[cover.segment]
    if segment.count == 1:
        return cover.layer
    block = block_text(segment)
    return f"{cover.layer} (repeat {cover.repeat} of {block if len(block) <= _LONG else segment.count})"


def _wanted(law: AxisLaw, alike: int) -> Iterable[str]:
    """Say what it takes to see what is wanted: where that is already, or what to change of each block."""
    if law.wanted is None:
        return
    if law.reached is not None:
        if law.wanted != law.extent:
            yield f"It is {law.wanted} {law.units} or more from {_place(law, law.reached)} on."
        return
    if law.wanted <= law.field or law.reason.endswith(NO_WINDOW):
        return
    repeating = [reach for reach in law.reaches if law.segments[reach.segment].count > 1]
    able = [reach for reach in law.reaches if reach.repeats is not None or reach.kernel is not None]
    chosen = repeating or able[-1:] or law.reaches[-1:]
    if not chosen:
        yield f"No layer has a window that could be made wider to see {law.wanted} {law.units}."
    told: dict[tuple[str, str, str, str], list[str]] = {}
    for reach in chosen:
        segment = law.segments[reach.segment]
        key = (block_text(segment), _ways(segment, reach), reach.why, _tight(law, reach, alike))
        told.setdefault(key, []).append(segment.layers[-1])
    seen = f"{law.wanted} {law.units}{' there' if law.reason else ''}"
    for (block, ways, why, tight), ends in told.items():
        what = block if len(chosen) == 1 else f"{block} up to {ends[0]}"
        if len(ends) > 1:
            what = f"any one of {block}, up to {few(ends)},"
        if ways:
            yield f"To see {seen}, {what} takes {ways}.{tight}"
        else:
            yield f"No change of {what} alone reaches {seen}: {why}."


def _ways(segment: Segment, reach: Reach) -> str:
    """List what could be changed of a segment; an empty string where nothing would do."""
    ways = [f"{_more(reach)} ({reach.repeats} in all)"] if reach.further is not None else []
    plural = len(segment.block) > 1 or segment.count > 1
    wider: list[str] = []
    if reach.kernel is not None:
        wider.append(f"odd kernels of {reach.kernel}" if plural else f"an odd kernel of {reach.kernel}")
    if reach.dilation is not None:
        start = "that start at" if segment.factor != 1 else "of"
        wider.append(f"dilations {start} {reach.dilation}" if plural else f"a dilation of {reach.dilation}")
    if wider:
        ways.append(" or ".join(wider) + _whose(segment))
    return ", or ".join(ways)


def _more(reach: Reach) -> str:
    return f"{reach.further} more repeat{'s' * (reach.further != 1)}"


def _whose(segment: Segment) -> str:
    """Say which layers of a block get other windows, where not all do."""
    if all(step.adjustable for step in segment.block):
        return ""
    pointwise = any(step.cause == "convolution" and not step.adjustable for step in segment.block)
    return " in its convolutions" + (" over more than one element" if pointwise else "")


def _tight(law: AxisLaw, reach: Reach, alike: int) -> str:
    """Say which of the ways maps of the model's own size are too small for, and where."""
    if not law.rooms:
        return ""
    room = law.rooms[law.reaches.index(reach)]
    ways = [
        (narrow, how)
        for narrow, how, there in (
            (room.repeats, f"with {_more(reach)}", reach.repeats),
            (room.kernel, f"with kernels of {reach.kernel}", reach.kernel),
            (room.dilation, f"with dilations of {reach.dilation}", reach.dilation),
        )
        if there is not None
    ]
    places: dict[tuple[str, int], list[str]] = {}
    for narrow, how in ways:
        if narrow is not None:
            size = "x".join([str(narrow.extent)] * alike) + (" long" if alike == 1 else "")
            places.setdefault((narrow.layer, narrow.window), []).append(f"{size} {how}")
    if not places:
        return ""
    every = sum(map(len, places.values())) == len(ways)
    what = (
        "not all of these fit"
        if not every
        else "none of these fits"
        if len(ways) > 1
        else "this does not fit"
    )
    size = "x".join([str(law.extent)] * alike) if alike > 1 else f"{law.extent} {law.units}"
    told = [
        f"before {_again(layer)}, whose window spans {window}, the map would be {_listed(sizes)}"
        for (layer, window), sizes in places.items()
    ]
    return f" At {size} {what} without more padding: {'; '.join(told)}."


def _again(layer: str) -> str:
    """Write which layer it is: one of a model, or what a repeat more would make of one.

    >>> _again("conv3"), _again("conv3 of repeat 14")
    ('conv3', 'repeat 14 of conv3')
    """
    name, mark, turn = layer.rpartition(REPEATED)
    return f"repeat {turn} of {name}" if mark and turn.isdigit() else layer


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


# ---- the document ------------------------------------------------------------------------------------------


def _axis_document(law: AxisLaw) -> dict[str, Any]:
    return {
        "extent": law.extent,
        "field": law.field,
        "status": law.status,
        "local": law.local,
        "reason": law.reason,
        "segments": [_segment_document(segment, law.wanted) for segment in law.segments],
        "covered": None if law.covered is None else law.covered._asdict(),
        "wanted": law.wanted,
        "reached": None if law.reached is None else law.reached._asdict(),
        "reach": [asdict(reach) for reach in law.reaches],
    }


def _segment_document(segment: Segment, wanted: int | None) -> dict[str, Any]:
    field, jump = segment.at(segment.count)
    return {
        "block": [step._asdict() for step in segment.block],
        "count": segment.count,
        "dilation_factor": segment.factor,
        "growth": segment.growth,
        "layers": list(segment.layers),
        "before": {"field": segment.field, "jump": segment.jump},
        "after": {"field": field, "jump": jump},
        "law": formula(segment),
        "general": general(segment),
        "depth": depth(segment),
        "sees_wanted_at": None if wanted is None else segment.until(wanted),
    }

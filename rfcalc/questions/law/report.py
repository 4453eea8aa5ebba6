"""The law of a field's growth: its document, and the same for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from rfcalc.questions.law.blocks import block_text, depth, formula, gain_text, general
from rfcalc.questions.law.growth import Segment
from rfcalc.questions.law.reach import Reach
from rfcalc.questions.law.result import AxisLaw, Cover, LawResult
from rfcalc.render.escape import terminal
from rfcalc.render.fold import fold
from rfcalc.render.humanise import extents
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import LEFT, RIGHT, Table, laid_out
from rfcalc.wording import axis_names, few

SCHEMA: Final = "rfcalc/law/1"

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
        told = _said_once([(axes, _sentences(law)) for axes, law in _grouped(self)])
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
        for axes, law in _grouped(self):
            if law.segments:
                lines += ["", *([f"{axes}:"] if axes else [])]
                lines += laid_out(_table(law), width, unicode=unicode)
        lines.append("")
        for sentence in self.sentences:
            lines += fold(terminal(sentence, unicode=unicode), width)
        return "\n".join(lines) + "\n"

    def pieces(self) -> list[Piece]:
        """Return the blocks and their laws, and the sentences."""
        pieces: list[Piece] = []
        for axes, law in _grouped(self):
            if law.segments:
                pieces += [Paragraph(f"{axes.capitalize()}:")] if axes else []
                pieces.append(_table(law))
        return [*pieces, *map(Paragraph, self.sentences)]


def _head(law: LawResult) -> str:
    size = f" ({extents([axis.extent for axis in law.axes])})" if law.axes else ""
    return f"{law.layer} of {law.model}: how its field grows, in pixels of {law.input}{size}"


def _grouped(law: LawResult) -> list[tuple[str, AxisLaw]]:
    """Put equal axes together, with their names where there are several groups."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    laws: dict[tuple[Any, ...], AxisLaw] = {}
    for name, axis in zip(axis_names(len(law.axes)), law.axes, strict=True):
        key = (axis.extent, axis.segments, axis.reason, axis.wanted)
        groups.setdefault(key, []).append(f"{name}s")
        laws[key] = axis
    if len(groups) == 1:
        return [("", axis) for axis in laws.values()]
    return [(" and ".join(names), laws[key]) for key, names in groups.items()]


# ---- tables ------------------------------------------------------------------------------------------------


def _table(law: AxisLaw) -> Table:
    titles = ("up to layer", "block", "field", "jump", "law, n repeats")
    rows = []
    for segment in law.segments:
        field, jump = segment.at(segment.count)
        told = formula(segment) if segment.count > 1 else f"+ {field - segment.field}"
        rows.append((segment.layers[-1], block_text(segment), str(field), str(jump), told))
    return Table(titles, (LEFT, LEFT, RIGHT, RIGHT, LEFT), tuple(rows))


# ---- sentences ---------------------------------------------------------------------------------------------


def _sentences(law: AxisLaw) -> list[str]:
    return [*_growths(law), *_limits(law), _covered(law), *_wanted(law)]


def _said_once(groups: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Say what holds for all groups of axes once, and name the axes of what does not."""
    common = [each for each in groups[0][1] if all(each in told for _, told in groups)] if groups else []
    own = [f"{axes.capitalize()}: {each}" for axes, told in groups for each in told if each not in common]
    return common + own


def _growths(axis: AxisLaw) -> Iterable[str]:
    """Say how each kind of block that repeats makes the field grow, once for each law."""
    alike: dict[tuple[str, str], list[Segment]] = {}
    for segment in axis.segments:
        if segment.count > 1 and segment.growth != "constant":
            alike.setdefault((_block(segment), general(segment)), []).append(segment)
    told: set[str] = set()
    for (block, law), segments in alike.items():
        once = [] if law in told else [_in_general(segments[0])]
        told.add(law)
        yield " ".join([_grows(block, segments), *once])


def _block(segment: Segment) -> str:
    return block_text(segment).removesuffix(f" x {segment.count}")


def _grows(block: str, segments: list[Segment]) -> str:
    first = segments[0]
    if first.growth == "linear":
        added = [str(segment.gain * segment.jump) for segment in segments]
        runs = "" if len(added) == 1 else ", run by run: within each"
        return f"Each {block} adds {few(added, most=8)} pixels{runs or ':'} the field grows linearly."
    times = _TIMES.get(int(first.ratio), f"multiplies by {first.ratio}")
    if 1 not in (first.factor, first.stride):
        return f"Each {block} {times} what the next one adds: the field grows geometrically."
    what = "the dilation" if first.factor != 1 else "the jump"
    return f"Each {block} {times} {what}, and with it what the next one adds: the field grows geometrically."


def _in_general(segment: Segment) -> str:
    spelled = gain_text(segment)
    gain = "g" if spelled.startswith("((") else spelled  # several terms
    where = f" with g = {spelled[1:-1]}" if gain == "g" else ""
    return f"In general {general(segment, gain)}{where}; to see R takes {depth(segment, gain)}."


def _limits(law: AxisLaw) -> Iterable[str]:
    if law.local:
        yield "This is the field with gates cut; with them it is global."
    if law.status == "bound":
        yield "These fields are upper bounds; in truth they may be smaller."
    if law.reason:
        yield f"The law ends there: {law.reason}."


def _covered(law: AxisLaw) -> str:
    so_far = "up to there it comes to" if law.reason else "in the end it is"
    if law.extent is None:
        size = "the size of the input is open"
        return f"{'Up to there it' if law.reason else 'It'} comes to {law.field} pixels; {size}."
    if law.covered is None:
        return f"{'Up to there it' if law.reason else 'It'} comes to {law.field} of {law.extent} pixels."
    place = _place(law, law.covered)
    return f"From {place} on the field covers all {law.extent} pixels of the input; {so_far} {law.field}."


def _place(law: AxisLaw, cover: Cover) -> str:
    segment = law.segments[cover.segment]
    return cover.layer + (f" (repeat {cover.repeat} of {block_text(segment)})" if segment.count > 1 else "")


def _wanted(law: AxisLaw) -> Iterable[str]:
    """Say what it takes to see what is wanted: where that is already, or what to change of each block."""
    if law.wanted is None:
        return
    if law.reached is not None:
        if law.wanted != law.extent:
            yield f"It is {law.wanted} pixels or more from {_place(law, law.reached)} on."
        return
    if law.wanted <= law.field:
        return
    repeating = [reach for reach in law.reaches if law.segments[reach.segment].count > 1]
    able = [reach for reach in law.reaches if reach.repeats is not None or reach.kernel is not None]
    chosen = repeating or able[-1:] or law.reaches[-1:]
    if not chosen:
        yield f"No layer has a window that could be made wider to see {law.wanted} pixels."
    for reach in chosen:
        yield _needed(law, reach, several=len(chosen) > 1)


def _needed(law: AxisLaw, reach: Reach, *, several: bool) -> str:
    segment = law.segments[reach.segment]
    what = block_text(segment) + (f" up to {segment.layers[-1]}" if several else "")
    seen = f"{reach.field} pixels{' there' if law.reason else ''}"
    plural = len(segment.block) > 1 or segment.count > 1
    ways: list[str] = []
    if reach.repeats is not None and reach.further is not None:
        noun = "repeat" if reach.further == 1 else "repeats"
        ways.append(f"{reach.further} more {noun} ({reach.repeats} in all)")
    if reach.kernel is not None:
        ways.append(f"odd kernels of {reach.kernel}" if plural else f"an odd kernel of {reach.kernel}")
    if reach.dilation is not None:
        start = "that start at" if segment.factor != 1 else "of"
        ways.append(f"dilations {start} {reach.dilation}" if plural else f"a dilation of {reach.dilation}")
    if not ways:
        return f"No change of {what} alone reaches {seen}: {reach.why}."
    listed = ways[0] if len(ways) == 1 else f"{', '.join(ways[:-1])}, or {ways[-1]}"
    return f"To see {seen}, {what} takes {listed}."


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

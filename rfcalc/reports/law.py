"""The law of a field's growth: its document, and the same for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from fractions import Fraction
from typing import Any, Final

from rfcalc.analysis.law import AxisLaw, LawResult, Reach, Segment, Step
from rfcalc.reports.document import dump
from rfcalc.reports.escape import terminal
from rfcalc.reports.field import axis_names
from rfcalc.reports.fold import fold
from rfcalc.reports.humanise import extents
from rfcalc.reports.layout import laid_out
from rfcalc.reports.tables import LEFT, RIGHT, Table
from rfcalc.wording import few

SCHEMA: Final = "rfcalc/law/1"

_TIMES: Final = {2: "doubles", 3: "triples"}


class Law(LawResult):
    """The result of `rfcalc.law`: by which blocks, and which formulas, a field grows.

    Examples
    --------
    >>> import rfcalc
    >>> conv = {"kind": "conv", "filters": 8, "kernel": 3, "padding": "same"}
    >>> pool = {"kind": "max_pool", "kernel": 2}
    >>> law = rfcalc.law({"rfcalc": 1, "input": [64, 64, 1], "layers": [conv, pool] * 4})
    >>> formula(law.axes[0].segments[0])
    'r(n) = 3*2**n - 2'
    """

    __slots__ = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it comes to, in words."""
        return tuple(line for axes, law in _grouped(self) for line in _sentences(self, axes, law))

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/law/1``, as plain data."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "layer": self.layer,
            "input": self.input,
            "axes": [_axis_document(axis) for axis in self.axes],
            "sentences": list(self.sentences),
        }

    def to_json(self) -> str:
        """Return the document as JSON, the same bytes from run to run."""
        return dump(self.to_dict())

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
            lines += ["", *([f"{axes}:"] if axes else [])]
            lines += laid_out(_table(law), width, unicode=unicode)
        lines.append("")
        for sentence in self.sentences:
            lines += fold(terminal(sentence, unicode=unicode), width)
        return "\n".join(lines) + "\n"

    def to_markdown(self) -> str:
        """Return the blocks, their laws and the sentences as Markdown."""
        from rfcalc.reports.markup import paragraphs, tabulated

        blocks = []
        for axes, law in _grouped(self):
            table = _table(law)
            blocks += [f"{axes}:\n"] if axes else []
            blocks.append(tabulated(table.titles, table.rows, table.aligns, "markdown"))
        return "\n".join([*blocks, paragraphs(self.sentences, "markdown")])

    def __str__(self) -> str:
        return self.to_text()


def _head(law: LawResult) -> str:
    size = extents([axis.extent for axis in law.axes])
    return f"{law.layer} of {law.model}: how its field grows, in pixels of {law.input} ({size})"


def _grouped(law: LawResult) -> list[tuple[str, AxisLaw]]:
    """Put equal axes together, with their names where there are several groups."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    laws: dict[tuple[Any, ...], AxisLaw] = {}
    for name, axis in zip(axis_names(len(law.axes)), law.axes, strict=True):
        key = (axis.extent, axis.segments, axis.reason)
        groups.setdefault(key, []).append(f"{name}s")
        laws[key] = axis
    if len(groups) == 1:
        return [("", axis) for axis in laws.values()]
    return [(" and ".join(names), laws[key]) for key, names in groups.items()]


# ---- formulas ----------------------------------------------------------------------------------------------


def formula(segment: Segment) -> str:
    """Write the law of a segment with its numbers, n being its repeats.

    >>> formula(Segment((Step(3),), 3, 1, (), 1, 1)), formula(Segment((Step(3), Step(2, 2)), 2, 1, (), 16, 4))
    ('r(n) = 2*n + 1', 'r(n) = 12*2**n + 4')
    """
    gain, start, ratio = segment.gain * segment.jump, segment.field, segment.ratio
    if gain == 0:
        return f"r(n) = {start}"
    if ratio == 1:
        return f"r(n) = {_term(gain, 'n')}{_plus(start)}"
    scale = Fraction(gain, ratio - 1)
    if scale.denominator != 1:
        return f"r(n) = {_term(gain, f'({ratio}**n - 1)/{ratio - 1}')}{_plus(start)}"
    return f"r(n) = {_term(int(scale), f'{ratio}**n')}{_plus(start - int(scale))}"


def _term(factor: int, what: str) -> str:
    return what if factor == 1 else f"{factor}*{what}"


def _plus(number: int) -> str:
    return "" if number == 0 else f" + {number}" if number > 0 else f" - {-number}"


def general(segment: Segment) -> str:
    """Write the law of such a segment in kernels, strides and dilations, r0 and j0 being those before it.

    >>> general(Segment((Step(3), Step(2, 2, pooling=True)), 2, 1, (), 1, 1))
    'r(n) = r0 + j0*((k1 - 1)*d1 + (k2 - 1))*(s2**n - 1)/(s2 - 1)'
    """
    single = len(segment.block) == 1
    strides: list[str] = []
    terms = []
    for place, step in enumerate(segment.block, 1):
        number = "" if single else str(place)
        if step.kernel != 1:
            dilation = [] if step.pooling and step.dilation == 1 else [f"d{number}"]
            terms.append("*".join([f"(k{number} - 1)", *dilation, *strides]))
        if step.stride != 1:
            strides.append(f"s{number}")
    gain = " + ".join(terms) if len(terms) == 1 else f"({' + '.join(terms)})"
    if not terms:
        return "r(n) = r0"
    ratio = "c" if segment.factor != 1 else "*".join(strides)
    if not ratio:
        return f"r(n) = r0 + j0*{gain}*n"
    power = f"({ratio})" if "*" in ratio else ratio
    return f"r(n) = r0 + j0*{gain}*({power}**n - 1)/({ratio} - 1)"


def block_text(segment: Segment) -> str:
    """Write a block as people do: ``[conv 3, pool 2/2] x 2``.

    >>> block_text(Segment((Step(3), Step(2, 2, pooling=True)), 2, 1, (), 1, 1))
    '[conv 3, pool 2/2] x 2'
    """
    inside = ", ".join(map(_step_text, segment.block))
    grown = f", dilation x{segment.factor}" if segment.factor != 1 else ""
    body = f"[{inside}{grown}]" if len(segment.block) > 1 or segment.count > 1 else inside
    return body if segment.count == 1 else f"{body} x {segment.count}"


def _step_text(step: Step) -> str:
    name = "pool" if step.pooling else "conv"
    stride = f"/{step.stride}" if step.stride != 1 else ""
    dilation = f" d{step.dilation}" if step.dilation != 1 else ""
    return f"{name} {step.kernel}{stride}{dilation}"


# ---- tables ------------------------------------------------------------------------------------------------


def _table(law: AxisLaw) -> Table:
    titles = ("block", "up to layer", "field", "jump", "law, n repeats")
    rows = []
    for segment in law.segments:
        field, jump = segment.at(segment.count)
        told = formula(segment) if segment.count > 1 else f"+ {field - segment.field}"
        rows.append((block_text(segment), segment.layers[-1], str(field), str(jump), told))
    return Table(titles, (LEFT, LEFT, RIGHT, RIGHT, LEFT), tuple(rows))


# ---- sentences ---------------------------------------------------------------------------------------------


def _sentences(result: LawResult, axes: str, law: AxisLaw) -> Iterable[str]:
    prefix = f"{axes.capitalize()}: " if axes else ""
    yield from (f"{prefix}{told}" for told in _growths(law))
    if law.local:
        yield f"{prefix}This is the field with gates cut; with them it is global."
    if law.reason:
        yield f"{prefix}The law ends there: {law.reason}."
    yield prefix + _reached(law)
    if law.reaches and law.reaches[-1].field > law.field:
        yield prefix + _needed(law, _chosen(law))


def _growths(law: AxisLaw) -> Iterable[str]:
    """Say how each kind of block that repeats makes the field grow, once for each law."""
    alike: dict[tuple[str, str], list[Segment]] = {}
    for segment in law.segments:
        if segment.count > 1 and segment.growth != "constant":
            alike.setdefault((block_text(segment).rpartition(" x ")[0], general(segment)), []).append(segment)
    for (block, text), segments in alike.items():
        yield f"{_grows(block, segments)} In general {text}."


def _grows(block: str, segments: list[Segment]) -> str:
    first = segments[0]
    if first.growth == "linear":
        added = [str(segment.gain * segment.jump) for segment in segments]
        runs = "" if len(added) == 1 else ", run by run: within each"
        return f"Each {block} adds {few(added, most=8)} pixels{runs or ':'} the field grows linearly."
    times = _TIMES.get(int(first.ratio), f"multiplies by {first.ratio}")
    what = "the dilation" if first.factor != 1 else "the jump"
    return f"Each {block} {times} {what}, and with it what the next one adds: the field grows geometrically."


def _reached(law: AxisLaw) -> str:
    if law.extent is None:
        return f"It comes to {law.field} pixels; the size of the input is open."
    if law.covered is None:
        return f"It comes to {law.field} of {law.extent} pixels."
    layer, number, repeat = law.covered
    segment = law.segments[number]
    place = f", in repeat {repeat} of {block_text(segment)}," if segment.count > 1 else ""
    return f"{layer}{place} is the first to see all {law.extent} pixels; in the end it is {law.field}."


def _chosen(law: AxisLaw) -> Reach:
    """Choose which segment to change: the last that repeats, or else the last."""
    repeating = [reach for reach in law.reaches if law.segments[reach.segment].count > 1]
    return (repeating or list(law.reaches))[-1]


def _needed(law: AxisLaw, reach: Reach) -> str:
    segment = law.segments[reach.segment]
    one = len(segment.block) == 1
    ways: list[str] = []
    if reach.repeats is not None:
        ways.append(f"{reach.repeats} repeats in place of {segment.count}")
    several = not one or segment.count > 1
    if reach.kernel is not None:
        ways.append(f"kernels of {reach.kernel}" if several else f"a kernel of {reach.kernel}")
    if reach.dilation is not None and segment.factor == 1:
        ways.append(f"dilations of {reach.dilation}" if several else f"a dilation of {reach.dilation}")
    if not ways:
        return f"No change of {block_text(segment)} alone reaches {reach.field} pixels."
    listed = ways[0] if len(ways) == 1 else f"{', '.join(ways[:-1])}, or {ways[-1]}"
    return f"To reach {reach.field} pixels, {block_text(segment)} takes {listed}."


# ---- the document ------------------------------------------------------------------------------------------


def _axis_document(law: AxisLaw) -> dict[str, Any]:
    return {
        "extent": law.extent,
        "field": law.field,
        "local": law.local,
        "reason": law.reason,
        "segments": [_segment_document(segment) for segment in law.segments],
        "covered": None
        if law.covered is None
        else dict(zip(("layer", "segment", "repeat"), law.covered, strict=True)),
        "reach": [asdict(reach) for reach in law.reaches],
    }


def _segment_document(segment: Segment) -> dict[str, Any]:
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
    }

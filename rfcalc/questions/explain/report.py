"""Who is responsible for what a layer sees and costs: the document, the tables, and the same in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from rfcalc.engine.attribution import (
    Attribution,
    AxisAttribution,
    Cause,
    Contribution,
    Shares,
)
from rfcalc.engine.rows import sum_or_none
from rfcalc.questions.explain.costs import cost_documents, cost_table, percent, share_of
from rfcalc.records import NamedTuple
from rfcalc.render import humanise
from rfcalc.render.escape import terminal
from rfcalc.render.fold import fold
from rfcalc.render.humanise import plain
from rfcalc.render.pieces import Heading, Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import LEFT, RIGHT, Table, laid_out
from rfcalc.wording import few

SCHEMA: Final = "rfcalc/explanation/1"

_AXES: Final = {1: ("positions",), 2: ("rows", "columns"), 3: ("slices", "rows", "columns")}
_LEAST_NAME: Final = 12
_ROOM_FOR_DUE: Final = 100  # columns of a terminal from which on the strides behind a step are named
_STANDS_OUT: Final = 0.1
"""The share of a cost from which on the layer that has most of it is named."""

_NOUNS: Final[dict[Cause, str]] = {
    "pooling": "Pooling",
    "convolution": "Convolution",
    "upsampling": "Upsampling",
    "other": "What else stands on the way",
}


class _Section(NamedTuple):
    """A heading, and a table where there is one."""

    heading: str
    table: Table | None


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Documented, Shown, Attribution):
    """The result of `rfcalc.explain`: who is responsible for what a layer sees and costs.

    ``str()`` of it is the text for a terminal.

    Examples
    --------
    >>> import rfcalc
    >>> explanation = rfcalc.explain({"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "conv1", "filters": 32, "kernel": 3},
    ...     {"kind": "max_pool", "name": "pool1", "kernel": 2},
    ...     {"kind": "conv", "name": "conv2", "filters": 64, "kernel": 3},
    ... ]}, "conv2")
    >>> windows, strides = explanation.axes[0].causes["pooling"]
    >>> int(windows), int(strides)
    (1, 2)
    """

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the figures come to, in words."""
        return tuple(_sentences(self))

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation document, ``rfcalc/explanation/1``, as plain data."""
        params, macs = (
            sum_or_none(cost.params.total for cost in self.costs),
            sum_or_none(cost.macs for cost in self.costs),
        )
        return {
            "schema": SCHEMA,
            "model": self.model,
            "layer": self.layer,
            "input": self.input,
            "axes": [_axis_document(axis) for axis in self.axes],
            "layers": cost_documents(self.costs, params, macs),
            "totals": {
                "params": plain(params),
                "macs": plain(macs),
                "complete": params is not None and macs is not None,
            },
            "sentences": list(self.sentences),
            "notes": [note._asdict() for note in self.notes],
        }

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return the tables for a terminal, and the sentences below.

        Parameters
        ----------
        width : int
            Columns of the terminal; from 100 on the strides that a step inherits are named.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        lines = fold(terminal(_head(self), unicode=unicode), width)
        for section in _sections(self, due=width >= _ROOM_FOR_DUE):
            lines += ["", *fold(terminal(section.heading, unicode=unicode), width)]
            if section.table is not None:
                lines += laid_out(section.table, width, unicode=unicode)
        if width < _ROOM_FOR_DUE and any(step.due for axis in self.axes for step in axis.steps):
            lines += ["", "not shown: inherited from (--format, wider terminal)"]
        lines.append("")
        for sentence in self.sentences:
            lines += fold(terminal(sentence, unicode=unicode), width)
        return "\n".join(lines) + "\n"

    def pieces(self) -> list[Piece]:
        """Return the heading, the tables with what stands above each, and the sentences."""
        pieces: list[Piece] = [Heading(_head(self))]
        for section in _sections(self, due=True):
            pieces += [Paragraph(section.heading), *([section.table] if section.table is not None else [])]
        return [*pieces, *map(Paragraph, self.sentences)]


# ---- the document ------------------------------------------------------------------------------------------


def _axis_document(axis: AxisAttribution) -> dict[str, Any]:
    document: dict[str, Any] = {
        "receptive_field": axis.field,
        "status": axis.status,
        "subject": axis.subject,
        "explained": axis.size,
    }
    if axis.local:
        document["local"] = True
    if axis.reason:
        document["reason"] = axis.reason
    document["steps"] = [_step_document(step) for step in axis.steps]
    document["causes"] = {
        cause: {"windows": _number(shares.windows), "strides": _number(shares.strides)}
        for cause, shares in axis.causes.items()
    }
    document["path"] = {"first": list(axis.first_path), "last": list(axis.last_path)}
    position = axis.position
    document["position"] = {
        "unit": _number(position.unit),
        "tolerated": _number(position.tolerated),
        "exact_shift": position.exact_shift,
    }
    if position.reason:
        document["position"]["reason"] = position.reason
    return document


def _step_document(step: Contribution) -> dict[str, Any]:
    return {
        "layer": step.layer,
        "kind": step.kind,
        "op": step.op,
        "cause": step.cause,
        "kernel": step.kernel,
        "stride": _number(step.stride),
        "dilation": step.dilation,
        "jump": _number(step.jump),
        "ends": list(step.sides),
        "pixels": _number(step.pixels),
        "own": _number(step.own),
        "inherited": _number(step.inherited),
        "due": [{"layer": layer, "pixels": _number(pixels)} for layer, pixels in step.due],
    }


def _number(value: Any) -> Any:
    """Spell an exact number as JSON has it: an integer where it is one."""
    return None if value is None else int(value) if value == int(value) else float(value)


# ---- tables ------------------------------------------------------------------------------------------------


def _head(result: Explanation) -> str:
    return f"{result.layer} ({result.model}): what it sees of {result.input}, and what that is made of"


def _axis_names(rank: int) -> tuple[str, ...]:
    """Return what the positions along each axis are called."""
    return _AXES.get(rank) or tuple(f"axis {k}" for k in range(rank))


def _grouped(result: Explanation) -> list[tuple[AxisAttribution, str]]:
    """Put axes together that are alike, each group with what it is called; of one group, nothing."""
    names = _axis_names(len(result.axes))
    groups: list[tuple[AxisAttribution, str]] = []
    for axis, name in zip(result.axes, names, strict=True):
        place = next((k for k, (other, _) in enumerate(groups) if _plain(other) == _plain(axis)), None)
        if place is None:
            groups.append((axis, name))
            continue
        other, called = groups[place]
        groups[place] = (axis if axis == other else _plain(axis), f"{called} and {name}")
    return [(axis, "") for axis, _ in groups] if len(groups) == 1 else groups


def _plain(axis: AxisAttribution) -> AxisAttribution:
    """Leave out the ways of the ends, which may differ in nothing but the names of layers."""
    return replace(axis, first_path=(), last_path=())


def _sections(result: Explanation, *, due: bool) -> list[_Section]:
    sections = []
    for axis, name in _grouped(result):
        where = f" along {name}" if name else ""
        if axis.reason:
            sections.append(_Section(f"{axis.reason[:1].upper()}{axis.reason[1:]}.", None))
        if axis.steps:
            gates = " without gates" if axis.local else ""
            each = " on each axis" if not name and len(result.axes) > 1 else ""
            size = f"{_counted(axis.size, axis)}{each}{_turns(axis)}"
            heading = f"The field of {_subject(axis, result.layer)}{gates}{where}, {size}:"
            sections.append(_Section(heading, _step_table(axis, due=due)))
            sections.append(_Section(f"By cause{where}:", _cause_table(axis)))
    costs = cost_table(result.costs)
    if costs is not None:
        sections.append(_Section("Parameters and multiply-accumulates up to here:", costs))
    return sections


def _subject(axis: AxisAttribution, layer: str) -> str:
    """Name the layer whose field is divided, as it was asked for where it is that one."""
    return layer if not axis.reason and axis.field == axis.size else axis.subject


def _turns(axis: AxisAttribution) -> str:
    """Say whose field is divided where those of units differ, as behind upsampling."""
    if axis.local or axis.least is None or axis.least == axis.size:
        return ""
    return f" for the units that see most, {axis.least:,} for those that see least"


def _step_table(axis: AxisAttribution, *, due: bool) -> Table:
    steps = axis.steps
    split = any(len(step.sides) == 1 for step in steps)
    dilated = any(step.dilation not in (None, 1) for step in steps)
    columns: list[tuple[str, str, list[str], str]] = [
        ("layer", LEFT, [step.layer for step in steps], "sum"),
        ("op", LEFT, [step.op for step in steps], ""),
        ("kernel", RIGHT, [_or_dash(step.kernel) for step in steps], ""),
        ("step", RIGHT, ["-" if step.kind == "block" else _figure(step.stride) for step in steps], ""),
    ]
    if dilated:
        columns.append(("dilation", RIGHT, [_or_dash(step.dilation) for step in steps], ""))
    if split:
        columns.append(("end", LEFT, ["both" if len(s.sides) == 2 else s.sides[0] for s in steps], ""))
    columns.append(("stride in", RIGHT, [_figure(step.jump) for step in steps], ""))
    for title, name in (("own", "own"), ("inherited", "inherited"), ("adds", "pixels")):
        values = [getattr(step, name) for step in steps]
        columns.append((title, RIGHT, list(map(_figure, values)), _figure(sum(values))))
    if due and any(step.due for step in steps):
        columns.append(("inherited from", LEFT, [_due(step) for step in steps], ""))
    return _table(columns)


def _due(step: Contribution) -> str:
    largest = sorted(step.due, key=lambda each: -abs(each[1]))
    return few([f"{_figure(pixels)} {layer}" for layer, pixels in largest], 3)


def _cause_table(axis: AxisAttribution) -> Table:
    causes = {cause: shares for cause, shares in axis.causes.items() if any(shares) or _stands(axis, cause)}
    shown = list(causes.values())
    return _table(
        [
            ("cause", LEFT, list(causes), "sum"),
            (
                "by windows",
                RIGHT,
                [_figure(s.windows) for s in shown],
                _figure(sum(s.windows for s in shown)),
            ),
            (
                "by strides",
                RIGHT,
                [_figure(s.strides) for s in shown],
                _figure(sum(s.strides for s in shown)),
            ),
            (axis.units, RIGHT, [_figure(s.total) for s in shown], _figure(sum(s.total for s in shown))),
        ]
    )


def _stands(axis: AxisAttribution, cause: Cause) -> bool:
    return any(step.cause == cause for step in axis.steps)


def _table(columns: Sequence[tuple[str, str, list[str], str]]) -> Table:
    titles, aligns, strips, total = zip(*columns, strict=True)
    return Table(titles, aligns, tuple(zip(*strips, strict=True)), total)


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)


def _figure(value: Any) -> str:
    """Write an exact number with two decimals at most."""
    return f"{float(value):,.2f}".rstrip("0").rstrip(".")


# ---- sentences ---------------------------------------------------------------------------------------------


def _sentences(result: Explanation) -> list[str]:
    said = [_sees(result)]
    for axis, name in _grouped(result):
        about = (*_about_field(axis, result.layer), *_about_position(axis, result.layer))
        said += [f"Along {name}, {each[:1].lower()}{each[1:]}" if name else each for each in about]
    if any(map(_shares, result.axes)):
        said.append(
            "Strides that multiply are shared in the order of the layers; what the field is without its "
            "pooling, rfcalc compare says."
        )
    return [*said, *_about_costs(result)]


def _shares(axis: AxisAttribution) -> bool:
    """Tell whether pooling has a share that would be another one if it were counted first."""
    strides = {cause: shares.strides for cause, shares in axis.causes.items() if shares.strides}
    return "pooling" in strides and len(strides) > 1


def _sees(result: Explanation) -> str:
    if not result.axes:
        return f"{result.input} has no spatial axes, so that there are no fields in it."
    if any(axis.status == "unknown" for axis in result.axes):
        return f"What {result.layer} sees is not known."
    sizes = "x".join("all" if axis.field is None else str(axis.field) for axis in result.axes)
    if all(axis.field is None for axis in result.axes):
        if any(result.reached):
            return f"{result.layer} sees all that is reached of {result.input}: {_reached(result)}."
        return f"{result.layer} sees the whole of {result.input}."
    bound = " at most" if any(axis.status == "bound" for axis in result.axes) else ""
    return f"{result.layer} sees {sizes}{bound}."


def _reached(result: Explanation) -> str:
    """Say which rows and columns are reached, those of axes that are alike together."""
    named: dict[str, list[str]] = {}
    for name, reached in zip(_axis_names(len(result.axes)), result.reached, strict=True):
        named.setdefault("all" if reached is None else f"{reached[0]:,} to {reached[1]:,}", []).append(name)
    said = [
        f"all {' and '.join(names)}" if which == "all" else f"{' and '.join(names)} {which}"
        for which, names in named.items()
    ]
    return ", ".join(said)


def _about_field(axis: AxisAttribution, layer: str) -> list[str]:
    if axis.size is None:
        return []
    if axis.size == 1:
        return [f"The field of {_subject(axis, layer)} is {_counted(1, axis)}."]
    if axis.field != axis.size:
        field = "Without gates its field" if axis.local else f"Up to {axis.subject} the field"
        lead = [f"{field} is {_counted(axis.size, axis)}."]
    else:
        lead = []
    beyond = f"of the {_counted(axis.size - 1, axis)} beyond the first"
    causes = axis.causes
    said = [
        f"{_NOUNS[cause]} is responsible for {_figure(shares.total)} {beyond}{_by(axis, cause, shares)}."
        for cause in _NOUNS
        if any(shares := causes[cause])
    ]
    if not _stands(axis, "pooling"):
        said.append("No pooling stands on the way that decides it.")
    if axis.first_path != axis.last_path:
        first, last = _apart(axis.first_path, axis.last_path), _apart(axis.last_path, axis.first_path)
        said.append(f"Its first pixel is reached through {first}, its last through {last}.")
    return [*lead, *said]


def _by(axis: AxisAttribution, cause: Cause, shares: Shares) -> str:
    """Tell windows from strides, and in windows what dilation adds."""
    spread = [step for step in axis.steps if step.cause == cause and step.dilation not in (None, 1)]
    more = sum((step.own - step.own / (step.dilation or 1) for step in spread), Fraction(0))
    dilated = f" ({_figure(more)} by their dilation)" if more else ""
    if not shares.strides:
        return dilated and f":{dilated.replace('(', '').replace(')', '')}"
    own = f"{_figure(shares.windows)} by its own windows{dilated}"
    return f": {own}, {_figure(shares.strides)} by its strides, which later windows inherit"


def _apart(way: Sequence[str], other: Sequence[str]) -> str:
    """Name what stands on one way alone."""
    return few([repr(name) for name in way if name not in other]) or "what both share"


def _about_position(axis: AxisAttribution, layer: str) -> list[str]:
    position = axis.position
    if position.exact_shift is None:
        said = [f"Shifts: {position.reason}."] if position.reason else []
    elif position.exact_shift == 1:
        said = ["All maps up to here follow every shift of the input exactly, far from the border."]
    else:
        said = [
            f"All maps up to here follow a shift of {_counted(position.exact_shift, axis)} and its multiples "
            "exactly, far from the border; of smaller shifts there is none that all of them follow."
        ]
    if position.unit is not None and position.unit != 1:
        said.insert(0, f"One unit of {layer} stands for {_counted(_number(position.unit), axis)}.")
    if position.tolerated:
        said.append(
            "Max pooling may leave a response the same under a shift of up to "
            f"{_counted(position.tolerated, axis)}, but need not under any."
        )
    return said


def _counted(count: Any, axis: AxisAttribution) -> str:
    """Count positions along an axis: 1 pixel, 3,070 samples."""
    return f"{_figure(count)} {axis.units[:-1] if count == 1 else axis.units}"


def _about_costs(result: Explanation) -> list[str]:
    said = []
    counts = (
        ("parameters", [(cost.params.total, cost.layer) for cost in result.costs]),
        ("MACs", [(cost.macs, cost.layer) for cost in result.costs]),
    )
    for what, found in counts:
        total = sum_or_none(count for count, _ in found)
        if total is None:
            said.append(f"How many {what} it takes is not known.")
        elif type(total) is int and total > 0:
            most, layer = max(found, key=lambda each: each[0] or 0)
            share = share_of(most, total) or 0
            where = f"{percent(share)} of them in {layer}"
            if share < _STANDS_OUT:
                where = f"no more than {percent(share)} of them in one layer"
            said.append(f"It takes {humanise.number(total)} {what}, {where}.")
    return said

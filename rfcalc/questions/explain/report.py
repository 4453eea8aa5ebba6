"""Who is responsible for what a layer sees and costs: the document, the tables, and the same in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from rfcalc.algebra.number import Num
from rfcalc.engine.attribution import (
    Attribution,
    AxisAttribution,
    Cause,
    Contribution,
    Cost,
    Shares,
)
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
_MOST_COSTS: Final = 24  # layers in the table of costs; of more, those of next to no cost are summed up
_SMALL: Final = 0.005
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
        params, macs = _sum(cost.params.total for cost in self.costs), _sum(cost.macs for cost in self.costs)
        return {
            "schema": SCHEMA,
            "model": self.model,
            "layer": self.layer,
            "input": self.input,
            "axes": [_axis_document(axis) for axis in self.axes],
            "layers": _cost_documents(self.costs, params, macs),
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


def _cost_documents(costs: Iterable[Cost], params: Num | None, macs: Num | None) -> list[dict[str, Any]]:
    documents = []
    sums: dict[str, Num | None] = {"params": 0, "macs": 0}
    for cost in costs:
        sums = {
            "params": _sum((sums["params"], cost.params.total)),
            "macs": _sum((sums["macs"], cost.macs)),
        }
        documents.append(
            {
                "name": cost.layer,
                "kind": cost.kind,
                "op": cost.op,
                "params": {
                    "trainable": plain(cost.params.trainable),
                    "non_trainable": plain(cost.params.non_trainable),
                },
                "params_share": _share(cost.params.total, params),
                "params_cumulated": plain(sums["params"]),
                "macs": plain(cost.macs),
                "macs_share": _share(cost.macs, macs),
                "macs_cumulated": plain(sums["macs"]),
            }
        )
    return documents


def _number(value: Any) -> Any:
    """Spell an exact number as JSON has it: an integer where it is one."""
    return None if value is None else int(value) if value == int(value) else float(value)


def _sum(values: Iterable[Num | None]) -> Num | None:
    """Sum up; None where one of them is not known."""
    total: Num = 0
    for value in values:
        if value is None:
            return None
        total = total + value
    return total


def _share(part: Num | None, whole: Num | None) -> float | None:
    known = type(part) is int and type(whole) is int
    return part / whole if known and whole else None


# ---- tables ------------------------------------------------------------------------------------------------


def _head(result: Explanation) -> str:
    return f"{result.layer} ({result.model}): what it sees of {result.input}, and what that is made of"


def _grouped(result: Explanation) -> list[tuple[AxisAttribution, str]]:
    """Put axes together that are alike, each group with what it is called; of one group, nothing."""
    rank = len(result.axes)
    names = _AXES.get(rank) or tuple(f"axis {k}" for k in range(rank))
    groups: list[tuple[AxisAttribution, str]] = []
    for axis, name in zip(result.axes, names, strict=True):
        place = next((k for k, (other, _) in enumerate(groups) if other == axis), None)
        if place is None:
            groups.append((axis, name))
        else:
            groups[place] = (axis, f"{groups[place][1]} and {name}")
    return [(axis, "") for axis, _ in groups] if len(groups) == 1 else groups


def _sections(result: Explanation, *, due: bool) -> list[_Section]:
    sections = []
    for axis, name in _grouped(result):
        where = f" along {name}" if name else ""
        if axis.reason:
            sections.append(_Section(f"{axis.reason[:1].upper()}{axis.reason[1:]}.", None))
        if axis.steps:
            gates = " without gates" if axis.local else ""
            each = " on each axis" if not name and len(result.axes) > 1 else ""
            heading = f"The field of {axis.subject}{gates}{where}, {_pixels(axis.size)}{each}:"
            sections.append(_Section(heading, _step_table(axis, due=due)))
            sections.append(_Section(f"Responsible for them{where}:", _cause_table(axis)))
    costs = _cost_table(result.costs)
    if costs is not None:
        sections.append(_Section("Parameters and multiply-accumulates up to here:", costs))
    return sections


def _step_table(axis: AxisAttribution, *, due: bool) -> Table:
    steps = axis.steps
    split = any(len(step.sides) == 1 for step in steps)
    dilated = any(step.dilation not in (None, 1) for step in steps)
    columns: list[tuple[str, str, list[str], str]] = [
        ("layer", LEFT, [step.layer for step in steps], "sum"),
        ("op", LEFT, [step.op for step in steps], ""),
        ("kernel", RIGHT, [_or_dash(step.kernel) for step in steps], ""),
        ("stride", RIGHT, [humanise.number(float(step.stride)) for step in steps], ""),
    ]
    if dilated:
        columns.append(("dilation", RIGHT, [_or_dash(step.dilation) for step in steps], ""))
    if split:
        columns.append(("end", LEFT, ["both" if len(s.sides) == 2 else s.sides[0] for s in steps], ""))
    columns.append(("jump", RIGHT, [_figure(step.jump) for step in steps], ""))
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
            ("pixels", RIGHT, [_figure(s.total) for s in shown], _figure(sum(s.total for s in shown))),
        ]
    )


def _stands(axis: AxisAttribution, cause: Cause) -> bool:
    return any(step.cause == cause for step in axis.steps)


def _cost_table(costs: Sequence[Cost]) -> Table | None:
    params, macs = _sum(cost.params.total for cost in costs), _sum(cost.macs for cost in costs)
    documents = _cost_documents(costs, params, macs)
    rows = [
        _cost_cells(cost, document, params, macs)
        for cost, document in zip(costs, documents, strict=True)
        if cost.params.total != 0 or cost.macs != 0
    ]
    if not rows:
        return None
    small = [
        cost
        for cost, document in zip(costs, documents, strict=True)
        if (cost.params.total != 0 or cost.macs != 0) and _is_small(document)
    ]
    if len(rows) > _MOST_COSTS and small:
        names = {cost.layer for cost in small}
        own, work = _sum(cost.params.total for cost in small), _sum(cost.macs for cost in small)
        rows = [row for row in rows if row[0] not in names]
        rest = f"{humanise.sentence(len(small), 'layer')} of less than 0.5%"
        shares = _percent(_share(own, params)), _percent(_share(work, macs))
        rows.append((rest, humanise.number(own), shares[0], "", humanise.short(work), shares[1], ""))
    total = ("sum", humanise.number(params), "", "", humanise.short(macs), "", "")
    titles = ("layer", "params", "share", "so far", "MACs", "share", "so far")
    return Table(titles, (LEFT, *(RIGHT,) * 6), tuple(rows), total)


def _is_small(document: dict[str, Any]) -> bool:
    shares = document["params_share"], document["macs_share"]
    return all(share is not None and share < _SMALL for share in shares)


def _cost_cells(
    cost: Cost, document: dict[str, Any], params: Num | None, macs: Num | None
) -> tuple[str, ...]:
    return (
        cost.layer,
        humanise.number(cost.params.total),
        _percent(document["params_share"]),
        _percent(_share(document["params_cumulated"], params)),
        humanise.short(cost.macs),
        _percent(document["macs_share"]),
        _percent(_share(document["macs_cumulated"], macs)),
    )


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:.1f}%"


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
        about = (*_about_field(axis), *_about_position(axis, result.layer))
        said += [f"Along {name}, {each[:1].lower()}{each[1:]}" if name else each for each in about]
    return [*said, *_about_costs(result)]


def _sees(result: Explanation) -> str:
    if not result.axes:
        return f"{result.input} has no spatial axes, so that there are no fields in it."
    if any(axis.status == "unknown" for axis in result.axes):
        return f"What {result.layer} sees is not known."
    sizes = "x".join("all" if axis.field is None else str(axis.field) for axis in result.axes)
    if all(axis.field is None for axis in result.axes):
        return f"{result.layer} sees the whole of {result.input}."
    bound = " at most" if any(axis.status == "bound" for axis in result.axes) else ""
    return f"{result.layer} sees {sizes}{bound}."


def _about_field(axis: AxisAttribution) -> list[str]:
    if axis.size is None:
        return []
    if axis.size == 1:
        return [f"The field of {axis.subject} is one pixel."]
    if axis.field != axis.size:
        field = "Without gates its field" if axis.local else f"Up to {axis.subject} the field"
        lead = [f"{field} is {_pixels(axis.size)}."]
    else:
        lead = []
    beyond = f"of the {_pixels(axis.size - 1)} beyond the first"
    said = [
        f"{_NOUNS[cause]} is responsible for {_figure(shares.total)} {beyond}: {_by(shares)}."
        for cause in _NOUNS
        if any(shares := axis.causes[cause])
    ]
    if not _stands(axis, "pooling"):
        said.append("No pooling stands on the way that decides it.")
    if axis.first_path != axis.last_path:
        first, last = _apart(axis.first_path, axis.last_path), _apart(axis.last_path, axis.first_path)
        said.append(f"Its first pixel is reached through {first}, its last through {last}.")
    return [*lead, *said]


def _by(shares: Shares) -> str:
    """Tell windows from strides."""
    own = f"{_figure(shares.windows)} by its own windows"
    return (
        f"{own}, {_figure(shares.strides)} by its strides, which later windows inherit"
        if shares.strides
        else own
    )


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
            f"All maps up to here follow a shift of {_pixels(position.exact_shift)} and its multiples "
            "exactly; of smaller shifts there is none that all of them follow."
        ]
    if position.unit is not None and position.unit != 1:
        said.insert(0, f"One index of {layer} stands for {_pixels(_number(position.unit))}.")
    if position.tolerated:
        said.append(
            "Max pooling may leave a response the same under a shift of up to "
            f"{_pixels(position.tolerated)}; no shift is certain to."
        )
    return said


def _pixels(count: Any) -> str:
    return f"{_figure(count)} {'pixel' if count == 1 else 'pixels'}"


def _about_costs(result: Explanation) -> list[str]:
    said = []
    counts = (
        ("parameters", [(cost.params.total, cost.layer) for cost in result.costs]),
        ("MACs", [(cost.macs, cost.layer) for cost in result.costs]),
    )
    for what, found in counts:
        total = _sum(count for count, _ in found)
        if total is None:
            said.append(f"How many {what} it takes is not known.")
        elif type(total) is int and total > 0:
            most, layer = max(found, key=lambda each: each[0] or 0)
            share = _percent(_share(most, total))
            said.append(f"It takes {humanise.number(total)} {what}, {share} of them in {layer}.")
    return said

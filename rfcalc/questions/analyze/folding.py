"""A long table folded for a terminal: one line for a module, and one for a block's repeats.

Every line shows true figures: shapes and fields are those of the last layer that it stands for, parameters,
multiply-accumulates and activations are sums, so that the columns still add up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, groupby, pairwise, takewhile
from typing import Final, Literal

from rfcalc.engine.repeats import Piece, cheapest
from rfcalc.engine.result import AnalysisResult, Params, Row, Size
from rfcalc.engine.rows import sum_or_none
from rfcalc.records import NamedTuple
from rfcalc.render.humanise import plain
from rfcalc.wording import few

FOLDED_FROM: Final = 40
"""Rows up to which a table is shown whole."""

_LONGEST_BLOCK: Final = 128  # rows; each length is tried at each place
_LEAST_HIDDEN: Final = 3  # rows: a line for fewer would not make the table shorter by much
_LINE: Final = 1  # what the line costs that stands for the repeats, in rows


class Folded(NamedTuple):
    """A result with fewer rows, and what was folded, for people; empty where nothing was."""

    result: AnalysisResult
    said: str


class _Group(NamedTuple):
    """Layers that one line stands for: one layer or those of one module, and layers that keep its map."""

    core: list[Row]
    kept: list[Row]

    @property
    def rows(self) -> list[Row]:
        """All layers of the group."""
        return [*self.core, *self.kept]


def folded(result: AnalysisResult, ellipsis: str = "…") -> Folded:
    """Fold the rows of a long result: what keeps the map into what made it, modules, repeated blocks.

    Parameters
    ----------
    result : AnalysisResult
        With a row for each layer.
    ellipsis : str
        What the line for repeats begins with.
    """
    if len(result.rows) <= FOLDED_FROM:
        return Folded(result, "")
    leaves = _leaves(result)
    groups = _groups(result, leaves)
    rows = [_line(group, leaves, result.modules) for group in groups]
    place_of = {row.name: place for place, group in enumerate(groups) for row in group.rows}
    forms = _forms(rows, groups, place_of)
    pieces = _pieces(rows, forms)
    shown = list(_shown(rows, pieces, ellipsis))
    if len(shown) == len(result.rows):
        return Folded(result, "")
    modules = any(len(group.core) > 1 for group in groups)
    said = _said(len(result.rows) - len(rows), rows, forms, pieces, modules=modules)
    return Folded(replace(result, rows=tuple(shown)), said)


def _said(
    layers: int, rows: Sequence[Row], forms: Sequence[_Form], pieces: Sequence[Piece], *, modules: bool
) -> str:
    """Say what was folded: so many layers into lines, and blocks that repeat."""
    said = []
    if layers:
        named = "1 layer" if layers == 1 else f"{layers:,} layers"
        module = " or of their module" if modules else ""
        said.append(f"{named} into the line of what they follow (+1){module}, which sums their costs")
    places = accumulate((piece.steps for piece in pieces), initial=0)
    repeated = [pair for pair in zip(places, pieces, strict=False) if pair[1].times > 1]
    if repeated:
        pairs = [(place, place + piece.length) for at, piece in repeated for place in _but_last(at, piece)]
        ways = []
        if any(rows[one].output_shape != rows[two].output_shape for one, two in pairs):
            ways.append("in other widths too")
        if any(forms[one].growth != forms[two].growth for one, two in pairs):
            ways.append("each adding more to the field")
        blocks = "1 block that repeats" if len(repeated) == 1 else f"{len(repeated):,} blocks that repeat"
        last = [rows[at + piece.steps - 1].name.partition(" +")[0] for at, piece in repeated]
        blocks += f", up to {few(last, 4)}"
        said.append(blocks + (f" ({' and '.join(ways)})" if ways else ""))
    return "; ".join(said)


def _but_last(at: int, piece: Piece) -> range:
    """Return the places of a block's lines, of all times but the last."""
    return range(at, at + piece.steps - piece.length)


# ---- layers that belong to the one before them -------------------------------------------------------------


def _groups(result: AnalysisResult, leaves: frozenset[str]) -> list[_Group]:
    """Put layers together that one line can stand for, in the order of their first."""
    groups: list[_Group] = []
    group_of: dict[str, _Group] = {}
    for row in result.rows:
        group = groups[-1] if groups and not row.container else None
        if group is not None and row.block in leaves and group.core[0].block == row.block:
            group.core.append(row)
        elif (maker := _maker(row, group_of)) is not None:
            group = maker
            group.kept.append(row)
        else:
            group = _Group([row], [])
            groups.append(group)
        group_of[row.name] = group
    return groups


def _maker(row: Row, group_of: Mapping[str, _Group]) -> _Group | None:
    """Return the group whose map a layer without weights only goes on with, as activations do."""
    if row.container or row.calls or row.params.total is None or plain(row.params.total) or not row.inputs:
        return None
    group = group_of.get(row.inputs[0])
    if group is None or any(group_of.get(name) is not group for name in row.inputs):
        return None
    last = group.core[-1]
    return None if last.container or last.kind == "input" or _map(row) != _map(last) else group


def _map(row: Row) -> tuple[object, ...]:
    """Return what a layer keeps that keeps the map: the shape and all that its elements see."""
    return (
        row.output_shape,
        row.receptive_field,
        row.receptive_field_min,
        row.local_receptive_field,
        row.effective_stride,
        row.effective_padding,
        row.status,
    )


def _leaves(result: AnalysisResult) -> frozenset[str]:
    """Return the modules that are operations alone, one after the other, as attention often is."""
    rows = result.rows
    runs = Counter(block for block, _ in groupby(row.block for row in rows))
    mixed = {row.block for row in rows if not _is_own(row, result.modules.get(row.block, row.block))}
    mixed.update(name for row in rows for name in _around(row.block))
    return frozenset(block for block, times in runs.items() if block and times == 1 and block not in mixed)


def _is_own(row: Row, module: str) -> bool:
    """Tell whether a row is an operation of the module itself, and not a layer or a module in it."""
    name = row.name.lstrip("/")
    if not name.startswith(module):
        return not row.container  # where names tell nothing, the innermost module is known
    return not row.container and _NUMBER.sub("", name.removeprefix(module)).lstrip("./") == row.op


_NUMBER: Final = re.compile(r"[_#]\d+$")


def _around(block: str) -> Iterator[str]:
    """List the modules around a module."""
    while "/" in block:
        block = block.rpartition("/")[0]
        yield block


def _line(group: _Group, leaves: frozenset[str], modules: Mapping[str, str]) -> Row:
    """Return the line for a group, as a row."""
    first = group.core[0]
    module = modules.get(first.block, "")
    told = first.block in leaves and not first.name.lstrip("/").startswith(module)
    name = module if told or len(group.core) > 1 else first.name
    if group.kept:
        name += f" +{len(group.kept)}"
    if name == first.name:
        return first
    line = _summed(group.rows, name, group.core[-1], first)
    return line._replace(op="Module") if len(group.core) > 1 else line


def _summed(rows: Sequence[Row], name: str, last: Row, head: Row) -> Row:
    """Return a row with the sums over rows, and the shape and the field of the last."""
    trainable = sum_or_none(row.params.trainable for row in rows)
    fixed = sum_or_none(row.params.non_trainable for row in rows)
    return last._replace(
        name=name,
        kind=head.kind,
        op=head.op,
        inputs=head.inputs,
        block=head.block,
        container=False,
        params=Params(trainable, fixed),
        macs=sum_or_none(row.macs for row in rows),
        activations=sum_or_none(row.activations for row in rows),
        calls=(),
    )


# ---- blocks that repeat ------------------------------------------------------------------------------------


class _Form(NamedTuple):
    """What a line has in common with those that are said with it, and by how much the field grows there."""

    number: int
    growth: tuple[int, ...]


def _forms(rows: Sequence[Row], groups: Sequence[_Group], place_of: Mapping[str, int]) -> list[_Form]:
    """Tell lines apart that can't be said once; equal ones have the same number.

    That takes the operation, the grid that comes out, and how far back its inputs are; widths may differ.
    """
    numbers: dict[object, int] = {}
    fields: dict[str, Sequence[Size]] = {}
    forms = []
    for place, (row, group) in enumerate(zip(rows, groups, strict=True)):
        growths = [_growth(fields, row, figure) for figure in _FIELDS]
        form = (
            tuple(each.op for each in group.core),
            row.container,
            row.block.count("/"),
            row.spatial,
            None if row.output_shape is None else len(row.output_shape),
            row.effective_stride,
            row.status,
            tuple(place - place_of[name] for name in group.core[0].inputs if name in place_of),
            *(
                getattr(row, figure)
                for figure, growth in zip(_FIELDS, growths, strict=True)
                if growth is None
            ),
        )
        known = tuple(size for growth in growths for size in growth or ())
        forms.append(_Form(numbers.setdefault(form, len(numbers)), known))
    return forms


_FIELDS: Final = ("receptive_field", "local_receptive_field")


def _growth(fields: dict[str, Sequence[Size]], row: Row, figure: str) -> tuple[int, ...] | None:
    """Return by how much a field is larger than the last that had a size; None where it has none."""
    now: Sequence[Size] | None = getattr(row, figure)
    if now is None or None in now:
        return None
    was = fields.get(figure, ())
    fields[figure] = now
    pairs = zip(now, was, strict=False)
    return tuple(size - old for size, old in pairs if size is not None and old is not None)


def _pieces(rows: Sequence[Row], forms: Sequence[_Form]) -> list[Piece]:
    """Cut lines into those that stand for themselves and blocks that repeat."""
    inside = [0, *(_in_common(*pair) for pair in pairwise(map(_path, rows)))]
    blocks: list[list[Piece]] = [[] for _ in forms]
    for length in _lengths([form.number for form in forms]):
        for place, steps in enumerate(_runs(forms, length)):
            for times in (steps // length + 1, steps // length):
                if length * (times - 1) >= _LEAST_HIDDEN:
                    blocks[place].append(Piece(length, times))

    def cost(place: int, piece: Piece) -> float:
        # because a run of lines can be cut into blocks at several places: best where a module begins
        return piece.length + _LINE + min(inside[place], 50) / 100

    return cheapest(len(forms), blocks.__getitem__, cost)


def _path(row: Row) -> list[str]:
    """Return what tells where a row is: the modules around it, or the parts of its name."""
    return row.block.split("/") if row.block else _PARTS.split(row.name)


_PARTS: Final = re.compile(r"[/._]")


def _in_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Count the parts that two paths begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _lengths(forms: Sequence[int]) -> list[int]:
    """Return the lengths that a block can have: a line comes again after so many."""
    last: dict[int, int] = {}
    found = set()
    for place, form in enumerate(forms):
        if form in last and place - last[form] <= _LONGEST_BLOCK:
            found.add(place - last[form])
        last[form] = place
    return sorted(found)


def _runs(forms: Sequence[_Form], length: int) -> list[int]:
    """For each place count the lines on end that are repeated by those `length` further on.

    There the field grows by as much as here, or everywhere by the same factor of it, as where dilations do.
    """
    runs = [0] * (len(forms) + 1)
    factor: tuple[int, int] | None = None  # of the lines behind a place; None where these do not tell
    told = 0  # the place of the next line that does
    for place in range(len(forms) - length - 1, -1, -1):
        mine = _factor(forms[place], forms[place + length])
        if mine is False:
            factor = None
            continue
        fits = not runs[place + 1] or mine is None or factor is None or _is_equal(mine, factor)
        runs[place] = runs[place + 1] + 1 if fits else told - place
        if mine is not None:
            factor, told = mine, place
    return runs


def _is_equal(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether two fractions are equal."""
    return one[0] * other[1] == one[1] * other[0]


def _factor(form: _Form, later: _Form) -> tuple[int, int] | Literal[False] | None:
    """Return by which factor a field grows more in the later line, as a fraction.

    It is None where the field grows in neither, and False where the lines can't be said once.
    """
    if form.number != later.number or len(form.growth) != len(later.growth):
        return False
    ratios = {(now, was) for was, now in zip(form.growth, later.growth, strict=True) if was or now}
    if not ratios:
        return None
    now, was = next(iter(ratios))
    same = was * now > 0 and all(_is_equal(ratio, (now, was)) for ratio in ratios)
    return (now, was) if same else False


def _shown(rows: Sequence[Row], pieces: Sequence[Piece], ellipsis: str) -> Iterator[Row]:
    """List the lines to show: of a block that repeats the first, and one line for the others."""
    headed = {name for row in rows for name in (row.block, *_around(row.block))}
    place = 0
    for piece in pieces:
        block = rows[place : place + piece.length]
        yield from block
        hidden = rows[place + piece.length : place + piece.steps]
        if hidden:
            # of a nested model whose layers have rows of their own these count, not its row
            leaves = [row for row in hidden if not (row.container and row.name in headed)]
            count = "this line" if piece.length == 1 else f"{piece.length} lines"
            times = "once" if piece.times == 2 else f"{piece.times - 1:,} times"
            name = f"{ellipsis} {count} {times} more"
            yield _summed(leaves, name, hidden[-1], block[0])._replace(op="")
        place += piece.steps

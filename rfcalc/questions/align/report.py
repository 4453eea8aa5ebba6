"""How branches meet: the document, and the same as a table and in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from rfcalc.engine.joins import Join, Offset
from rfcalc.questions.align.mending import Mend, Padding
from rfcalc.questions.align.result import AlignmentResult, SizeRow
from rfcalc.render import humanise
from rfcalc.render.columns import grid_cell
from rfcalc.render.escape import terminal
from rfcalc.render.fold import paragraph
from rfcalc.render.humanise import plain, sentence
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import LEFT, RIGHT, Table, laid_out
from rfcalc.wording import few

SCHEMA: Final = "rfcalc/alignment/1"

_MOST_GROUPS: Final = 8
_MOST_BROKEN: Final = 4
_MOST_BRANCHES: Final = 3
_MOST_NAMED: Final = 8


class Alignment(Documented, Shown, AlignmentResult):
    """The result of `rfcalc.align`: the joins of a model, how far branches lie apart, and what mends it.

    Examples
    --------
    >>> import rfcalc
    >>> found = rfcalc.align({"rfcalc": 1, "input": [8, 8, 1], "layers": [
    ...     {"kind": "max_pool", "name": "a", "kernel": 3, "stride": 2, "padding": "same"},
    ...     {"kind": "max_pool", "name": "b", "inputs": ["input"], "kernel": 1, "stride": 2},
    ...     {"kind": "add", "name": "sum", "inputs": ["a", "b"]},
    ... ]})
    >>> print(found.sentences[0])
    The branches of the join have their centres apart at 8x8.
    """

    __slots__ = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it comes to in words."""
        return tuple(_sentences(self))

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/alignment/1``, as plain data."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "input": self.input,
            "size": list(self.size),
            "joins": [_join_document(join) for join in self.joins],
            "mends": [_mend_document(mend) for mend in self.mends],
            "mended": self.mended,
            "sizes": [_size_document(row) for row in self.sizes],
            "mended_sizes": [_size_document(row) for row in self.mended_sizes],
            "sentences": list(self.sentences),
            "notes": [note._asdict() for note in self.notes],
        }

    def pieces(self) -> list[Piece]:
        """Return the joins that are out of line as a table, and the sentences."""
        table = _table(self)
        return [*([table] if table.rows else []), *map(Paragraph, self.sentences)]

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return the joins that are out of line as a table for a terminal, and the sentences.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        size = "" if None in self.size else f" at {humanise.extents(self.size)}"
        lines = [terminal(f"{self.model}: where branches meet{size}", unicode=unicode), ""]
        table = _table(self)
        if table.rows:
            lines += [*laid_out(table, width, unicode=unicode), ""]
        for each in self.sentences:
            clean = terminal(each, unicode=unicode)
            lines += paragraph(clean, width)
        return "\n".join(lines) + "\n"


# ---- the table ---------------------------------------------------------------------------------------------


def _table(result: AlignmentResult) -> Table:
    """Return the joins that are out of line as a table."""
    rows: list[tuple[str, ...]] = []
    for join in result.misaligned:
        groups: dict[tuple[Offset, ...], list[str]] = {}
        for (name, _), center in zip(join.branches, join.centers, strict=True):
            groups.setdefault(center, []).append(name)
        for place, (center, names) in enumerate(groups.items()):
            first = place == 0
            offset = "?" if join.reason else _apart_cell(join)
            rows.append(
                (
                    join.layer if first else "",
                    few(names, _MOST_BRANCHES),
                    _pixels(center),
                    offset if first else "",
                    grid_cell(join.strides) if first else "",
                )
            )
    titles = ("join", "branch", "centre", "apart", "stride")
    return Table(titles, (LEFT, LEFT, RIGHT, RIGHT, RIGHT), tuple(rows))


def _pixels(values: Sequence[Offset]) -> str:
    return ", ".join("?" if value is None else str(plain(value)) for value in values)


def _apart_cell(join: Join) -> str:
    """Write how far branches lie apart on each axis; where rows differ, from the least to the most."""
    texts = []
    for offset, drift in zip(join.offset, join.drift, strict=True):
        if drift is None or drift.least == drift.most:
            texts.append(_pixels([offset]))
        else:
            texts.append(f"{_pixels([drift.least])} to {_pixels([drift.most])}")
    return ", ".join(texts)


# ---- in words ----------------------------------------------------------------------------------------------


def _sentences(result: AlignmentResult) -> Iterator[str]:
    yield from _here(result)
    yield from map(_mending, result.mends)
    yield from _left(result)
    if result.sizes and not result.joins:
        yield from _broken([row for row in result.sizes if row.aligned is None])
    elif result.sizes:
        yield from _over_sizes(result.sizes, result.joins)
    if any(row.aligned is not None for row in result.mended_sizes):
        yield _after_mending(result)


def _here(result: AlignmentResult) -> Iterator[str]:
    count, wrong = len(result.joins), result.misaligned
    size = "" if None in result.size else f" at {humanise.extents(result.size)}"
    if not count:
        yield "No branches meet in this model."
        return
    if not wrong:
        which = "The join aligns" if count == 1 else f"All {count:,} joins align"
        yield f"{which}{size}."
        return
    open_, apart = (
        [join for join in wrong if join.reason],
        [join for join in wrong if any(join.offset)],
    )
    if apart:
        which = "the join" if count == 1 else f"{len(apart):,} of {count:,} joins"
        yield f"The branches of {which} have their centres apart{size}."
    yield from map(_drifting, (join for join in apart if join.drifts))
    reasons = dict.fromkeys(join.reason for join in open_)
    for reason in reasons:
        names = [repr(join.layer) for join in open_ if join.reason == reason]
        yield f"How the branches of {few(names)} lie is not known: {reason}."


def _drifting(join: Join) -> str:
    """Say how far branches of different strides lie apart at the ends of each axis, and at most."""
    names = ("",) if len(join.drift) == 1 else tuple(f"axis {axis}: " for axis in range(len(join.drift)))
    told = dict.fromkeys(
        f"{name if len(set(join.drift)) > 1 else ''}{_pixels([drift.first])} in the first row, "
        f"{_pixels([drift.last])} in the last, {_pixels([drift.least])} to {_pixels([drift.most])} over all"
        for name, drift in zip(names, join.drift, strict=True)
        if drift is not None
    )
    return (
        f"The branches of {join.layer!r} have different strides, and lie apart by pixels: {'; '.join(told)}."
    )


def _mending(mend: Mend) -> str:
    if isinstance(mend.before, str):
        at = humanise.extents(mend.size)
        stated = f"{mend.before!r}, which is {_padding(mend.now, '{} and {}')} at {at}"
    else:
        stated = _padding(mend.before, "{} and {}")
    everywhere = " on every axis" if len(mend.after) > 1 and len({*mend.after}) == 1 else ""
    after = _padding(mend.after, "{} before and {} after") + everywhere
    return f"{mend.join!r} aligns when {mend.layer!r} pads {after} in place of {stated}."


def _left(result: AlignmentResult) -> Iterator[str]:
    """Say what nothing was found for, and where nothing could be looked for."""
    if result.unmended:
        yield f"No padding of one layer was found that aligns {few(map(repr, result.unmended), _MOST_NAMED)}."
    elif None in result.size and any(any(join.offset) for join in result.misaligned):
        yield "Give sizes of the input (--sizes) to see what would mend it."


def _padding(padding: Padding, sides: str) -> str:
    """Write elements before and after: once where they are the same on every axis."""
    if len(set(padding)) == 1:
        return sides.format(*padding[0])
    return ", ".join(f"{sides.format(*pair)} along axis {axis}" for axis, pair in enumerate(padding))


def _over_sizes(rows: Sequence[SizeRow], joins: Sequence[Join]) -> Iterator[str]:
    aligned = [row.size for row in rows if row.aligned]
    apart = [row for row in rows if row.aligned is False]
    broken = [row for row in rows if row.aligned is None]
    if len(rows) == 1:
        about = f"At {rows[0].size}"
    else:
        about = f"Of the {len(rows):,} sizes from {rows[0].size} to {rows[-1].size}"
    if not apart and not broken:
        every = f"All joins align at all {len(rows):,} sizes from {rows[0].size} to {rows[-1].size}"
        yield f"{about}, all joins align." if len(rows) == 1 else f"{every}."
        return
    if aligned:
        yield f"{about}, all joins align at {_listed(aligned)}."
    elif len(rows) > 1:
        run = f"None of the {len(rows):,} sizes from {rows[0].size} to {rows[-1].size} can be run."
        yield f"{about}, there is none at which all joins align." if apart else run
    yield from _apart(apart, joins)
    yield from _broken(broken)


def _apart(apart: Sequence[SizeRow], joins: Sequence[Join]) -> Iterator[str]:
    """Say at which sizes which joins are out of line."""
    if apart:
        most = max((offset or 0 for row in apart for axes in row.offsets for offset in axes), default=0)
        names = [
            join.layer
            for place, join in enumerate(joins)
            if any(row.offsets and any(row.offsets[place]) for row in apart)
        ]
        where = f" in {few(map(repr, names))}" if names else ""
        far = f", by {most:g} pixels at most" if most else ""  # 0 of a join that is none at the size shown
        yield f"Branches lie apart at {_listed([row.size for row in apart])}{where}{far}."


def _broken(broken: Sequence[SizeRow]) -> Iterator[str]:
    """Say at which sizes shapes break, by layer, with what the first of them says."""
    reasons: dict[str, list[int]] = {}
    for row in broken:
        reasons.setdefault(row.layer, []).append(row.size)
    messages = {row.layer: row.message for row in reversed(broken)}
    for layer, sizes in list(reasons.items())[:_MOST_BROKEN]:
        yield f"Shapes break at {_listed(sizes)}, in {layer!r}: {messages[layer]}."
    if len(reasons) > _MOST_BROKEN:
        rest = sum(len(sizes) for sizes in list(reasons.values())[_MOST_BROKEN:])
        yield f"They break in other layers at {sentence(rest, 'size')} more."


def _after_mending(result: AlignmentResult) -> str:
    aligned = [row.size for row in result.mended_sizes if row.aligned]
    fit = [row for row in result.mended_sizes if row.aligned is not None]
    if not aligned:
        return "With these paddings there is still no size at which all joins align."
    which = "each of them" if len(fit) == len(aligned) == len(result.sizes) else _listed(aligned)
    return (
        f"With {'this padding' if len(result.mends) == 1 else 'these paddings'} all joins align at {which}."
    )


def _listed(sizes: Sequence[int]) -> str:
    """Write sizes as runs with steps, such as ``33, 65, ..., 321 (every 32)``; or count them.

    >>> _listed([5]), _listed([5, 6, 7, 8]), _listed([33, 65, 97, 129]), _listed([3, 5, 6])
    ('5', '5 to 8', '33, 65, ..., 129 (every 32)', '3, 5 and 6')
    """
    if len(sizes) == 1:
        return str(sizes[0])
    steps = {after - before for before, after in pairwise(sizes)}
    if len(sizes) > 3 and len(steps) == 1:
        (step,) = steps
        if step == 1:
            return f"{sizes[0]} to {sizes[-1]}"
        return f"{sizes[0]}, {sizes[1]}, ..., {sizes[-1]} (every {step})"
    if len(sizes) > _MOST_GROUPS:
        shown = ", ".join(map(str, sizes[: _MOST_GROUPS - 3]))
        return f"{len(sizes):,} sizes ({shown}, ...)"
    return f"{', '.join(map(str, sizes[:-1]))} and {sizes[-1]}"


# ---- the document ------------------------------------------------------------------------------------------


def _join_document(join: Join) -> dict[str, Any]:
    document: dict[str, Any] = {
        "layer": join.layer,
        "branches": [
            {"layer": name, "output": output, "center": list(center)}
            for (name, output), center in zip(join.branches, join.centers, strict=True)
        ],
        "offset": list(join.offset),
        "aligned": join.aligned,
    }
    if join.reason:
        document["reason"] = join.reason
    if join.drifts:
        document["drift"] = [None if drift is None else drift._asdict() for drift in join.drift]
    return document


def _mend_document(mend: Mend) -> dict[str, Any]:
    return {
        "join": mend.join,
        "layer": mend.layer,
        "before": mend.before if isinstance(mend.before, str) else _pairs(mend.before),
        "now": _pairs(mend.now),
        "after": _pairs(mend.after),
        "size": list(mend.size),
    }


def _pairs(padding: Padding) -> list[list[int]]:
    return [list(pair) for pair in padding]


def _size_document(row: SizeRow) -> dict[str, Any]:
    if row.aligned is None:
        return {"size": row.size, "aligned": None, "layer": row.layer, "message": row.message}
    return {"size": row.size, "aligned": row.aligned, "offsets": [list(axes) for axes in row.offsets]}

"""Alignment: whether branches meet centred on the same pixels, at which sizes, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rfcalc.algebra.number import is_known
from rfcalc.engine.joins import Join, Offset
from rfcalc.engine.run import Run
from rfcalc.engine.totals import asked_notes, unknown_notes
from rfcalc.errors import AnalysisError, ReadError, UsageError
from rfcalc.progress import Progress, stepped
from rfcalc.questions.align.mending import Mend, mends_of, with_padding
from rfcalc.questions.align.report import Alignment
from rfcalc.questions.align.result import SizeRow
from rfcalc.records import NamedTuple

MAX_SIZES: Final = 2_000
"""Sizes that are looked at in one run."""

MAX_SIZE: Final = 1 << 20
"""Pixels along an axis."""


def check_sizes(sizes: Iterable[int]) -> tuple[int, ...]:
    """Return the sizes of a range, refused where there are too many or one is no size.

    Raises
    ------
    UsageError
        There is no size, one is not a positive integer, or there are too many.
    """
    found: list[int] = []
    for size in sizes:
        if type(size) is not int or not 0 < size <= MAX_SIZE:
            raise UsageError(f"{size!r} is no size of an input; give pixels from 1 to {MAX_SIZE:,}")
        found.append(size)
        if len(found) > MAX_SIZES:
            raise UsageError(f"more than {MAX_SIZES:,} sizes are too many at once; take larger steps")
    if not found:
        raise UsageError("there is no size to look at")
    return tuple(found)


def align_run(run: Run, sizes: Sequence[int] = (), progress: Progress | None = None) -> Alignment:
    """Say how the branches of a model meet, at its own size and at others.

    Parameters
    ----------
    run : Run
        The model.
    sizes : sequence of int
        The sizes to look at, in pixels along every spatial axis.
    progress : callable, optional
        Is told how many of them are done.

    Raises
    ------
    AnalysisError
        A layer does not fit its inputs at the model's own size.
    UsageError
        The input has no spatial axes, or has no size and none is given.
    """
    if not run.extents:
        raise UsageError(
            f"the input {run.chosen.name!r} has no spatial axes, so that nothing can be out of line"
        )
    views, own = _Views(run, progress), run
    looked = views.looks(sizes)
    if not all(map(is_known, own.extents)):
        own = _at_some_size(views, own, looked)
    names = [join.layer for join in own.joins]  # where extents are open, joins may not be known as such
    found = _rows(looked, names)
    mends, left = _mended(views, own, [row.size for row in found if row.aligned is False])
    return Alignment(
        run.graph.name,
        run.chosen.name,
        tuple(extent if is_known(extent) else None for extent in own.extents),
        tuple(own.joins),
        mends,
        bool(mends) and all(join.aligned for join in left),
        found,
        _rows(views.looks(sizes, mends), names) if mends and sizes else (),
        (*asked_notes(own.graph, own.resolved), *unknown_notes(own.graph, own.resolved)),
        tuple(
            join.layer
            for join in left
            if any(join.offset) and not join.drifts and all(map(is_known, own.extents))
        ),
    )


class _Look(NamedTuple):
    """How branches meet at one size: how far those of each join lie apart; where shapes break, that row."""

    size: int
    offsets: Mapping[str, tuple[Offset, ...]]
    aligned: bool | None
    rank: int = 0
    broken: SizeRow | None = None


def _rows(looked: Sequence[_Look], names: Sequence[str]) -> tuple[SizeRow, ...]:
    """Say of each size how these joins meet; those that it does not have are in line."""
    return tuple(
        look.broken
        or SizeRow(
            look.size,
            tuple(look.offsets.get(name, (0.0,) * look.rank) for name in names),
            look.aligned,
        )
        for look in looked
    )


def _at_some_size(views: _Views, own: Run, looked: Sequence[_Look]) -> Run:
    """Look at a model without a size at one of those asked for, best where something is wrong."""
    for wanted in (False, True):
        found = [look for look in looked if look.aligned is wanted]
        if found:
            return views.at(max(found, key=lambda look: len(look.offsets)).size)
    if any(join.reason for join in own.joins):
        raise UsageError("the input has no fixed size; give one with --input-shape, or other --sizes")
    return own


def _mended(views: _Views, own: Run, sizes: Sequence[int]) -> tuple[tuple[Mend, ...], list[Join]]:
    """Find paddings that mend a model at its own size, and then, with these, at the others.

    With them the joins at its own size, after what was found there.
    """
    refused: set[str] = set()
    mends, left = mends_of(own, refused=refused)
    for size in sizes:
        view = views.with_mends(size, mends)
        if view is None or not {join.layer for join in view.joins if not join.aligned} - refused:
            continue
        more, _ = mends_of(view, refused=refused, kept=frozenset(mend.layer for mend in mends))
        mends += more
    order = {join.layer: place for place, join in enumerate(own.joins)}
    return tuple(sorted(mends, key=lambda mend: order.get(mend.join, len(order)))), left


class _Views:
    """Looks at a model at one size after the other."""

    def __init__(self, run: Run, progress: Progress | None = None) -> None:
        self._run, self._progress = run, progress
        self._padded: dict[tuple[int, tuple[Mend, ...]], Run] = {}
        self._broken: dict[int, SizeRow] = {}

    def at(self, size: int) -> Run:
        """Return the model at a size along every axis."""
        return self._run.at(*(size,) * len(self._run.extents))

    def padded(self, size: int, mends: Sequence[Mend]) -> Run:
        """Return the model at a size with other paddings."""
        run = self.at(size)
        if not mends:
            return run
        key = (size, tuple(mends))
        if key not in self._padded:
            self._padded[key] = with_padding(run, mends)
        return self._padded[key]

    def with_mends(self, size: int, mends: Sequence[Mend]) -> Run | None:
        """Return the model with other paddings; None where shapes break with them."""
        if size in self._broken:
            return None
        try:
            found = self.padded(size, mends)
            found.joins  # noqa: B018  shapes break here
            return found
        except (AnalysisError, ReadError):
            return None

    def looks(self, sizes: Sequence[int], mends: Sequence[Mend] = ()) -> list[_Look]:
        """Say of each size how branches meet, with other paddings where there are some."""
        return [self._look(size, mends) for size in stepped(sizes, self._progress)]

    def _look(self, size: int, mends: Sequence[Mend]) -> _Look:
        if size not in self._broken:
            try:
                self.at(size)
            except (AnalysisError, ReadError) as error:  # it cannot even be read
                self._broken[size] = _broken_at(size, error)
        if size in self._broken:
            return _Look(size, {}, None, broken=self._broken[size])
        try:
            view = self.padded(size, mends)
            joins = view.joins
        except (AnalysisError, ReadError) as error:
            return _Look(size, {}, None, broken=_broken_at(size, error))
        offsets = {join.layer: join.offset for join in joins}
        return _Look(size, offsets, all(join.aligned for join in joins), len(view.extents))


def _broken_at(size: int, error: AnalysisError | ReadError) -> SizeRow:
    return SizeRow(size, (), None, _layer_of(error), error.message)


def _layer_of(error: AnalysisError | ReadError) -> str:
    where = error.where or ""
    return where.removeprefix("layer ").strip("'") if where.startswith("layer ") else where

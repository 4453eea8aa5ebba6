"""Alignment: whether branches meet centred on the same pixels, at which sizes, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rfcalc.algebra.number import is_known
from rfcalc.engine.run import Run
from rfcalc.engine.totals import asked_notes, unknown_notes
from rfcalc.errors import AnalysisError, ReadError, UsageError
from rfcalc.progress import Progress, stepped
from rfcalc.questions.align.mending import Mend, mends_of, with_padding
from rfcalc.questions.align.report import Alignment
from rfcalc.questions.align.result import SizeRow

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
    names = [join.layer for join in own.joins]
    found = views.rows(sizes, names)
    if not all(map(is_known, own.extents)):
        own = _at_some_size(views, own, found)
    mends, mended = _mended(views, own, [row.size for row in found if row.aligned is False])
    return Alignment(
        run.graph.name,
        run.chosen.name,
        tuple(extent if is_known(extent) else None for extent in own.extents),
        tuple(own.joins),
        mends,
        mended,
        found,
        views.rows(sizes, names, mends) if mends and sizes else (),
        (*asked_notes(own.graph, own.resolved), *unknown_notes(own.graph, own.resolved)),
    )


def _at_some_size(views: _Views, own: Run, rows: Sequence[SizeRow]) -> Run:
    """Look at a model without a size at one of those asked for, best at one where something is wrong."""
    sizes = [row.size for wanted in (False, True) for row in rows if row.aligned is wanted]
    if sizes:
        return views.at(sizes[0])
    if any(join.reason for join in own.joins):
        raise UsageError("the input has no fixed size; give one with --input-shape, or other --sizes")
    return own


def _mended(views: _Views, own: Run, sizes: Sequence[int]) -> tuple[tuple[Mend, ...], bool]:
    """Find paddings that mend a model at its own size, and then, with these, at the others."""
    refused: set[str] = set()
    mends, left = mends_of(own, refused=refused)
    mended = bool(mends) and all(join.aligned for join in left)
    for size in sizes:
        view = views.with_mends(size, mends)
        if view is None or not {join.layer for join in view.joins if not join.aligned} - refused:
            continue
        more, _ = mends_of(view, refused=refused, kept=frozenset(mend.layer for mend in mends))
        mends += more
    order = {join.layer: place for place, join in enumerate(own.joins)}
    return tuple(sorted(mends, key=lambda mend: order.get(mend.join, len(order)))), mended


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

    def rows(
        self, sizes: Sequence[int], names: Sequence[str], mends: Sequence[Mend] = ()
    ) -> tuple[SizeRow, ...]:
        """Say of each size how these joins meet, with other paddings where there are some."""
        return tuple(self._row(size, names, mends) for size in stepped(sizes, self._progress))

    def _row(self, size: int, names: Sequence[str], mends: Sequence[Mend]) -> SizeRow:
        if size in self._broken:  # it cannot even be read
            return self._broken[size]
        try:
            self.at(size)
        except (AnalysisError, ReadError) as error:
            self._broken[size] = _broken_at(size, error)
            return self._broken[size]
        try:
            view = self.padded(size, mends)
            joins = {join.layer: join for join in view.joins}
        except (AnalysisError, ReadError) as error:
            return _broken_at(size, error)
        nowhere = (0.0,) * len(view.extents)
        offsets = tuple(joins[name].offset if name in joins else nowhere for name in names)
        return SizeRow(size, offsets, all(join.aligned for join in view.joins))


def _broken_at(size: int, error: AnalysisError | ReadError) -> SizeRow:
    return SizeRow(size, (), None, _layer_of(error), error.message)


def _layer_of(error: AnalysisError | ReadError) -> str:
    where = error.where or ""
    return where.removeprefix("layer ").strip("'") if where.startswith("layer ") else where

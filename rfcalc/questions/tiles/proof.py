"""Compare a tile with the whole image, output by output: which of them are computed in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.indexing import axis_of
from rfcalc.algebra.origins import Origins, Table, identity_origins
from rfcalc.engine.propagate import seeded
from rfcalc.engine.trace import Which
from rfcalc.graph.layer import TensorSpec
from rfcalc.questions.tiles.grid import Grid, strides_of
from rfcalc.questions.tiles.sizes import Case, Sizes, geometry
from rfcalc.records import NamedTuple

MOST_WORK: Final = 6_000_000
"""Elements along one axis, over all layers, that are compared; beyond, the halo alone says what is lost."""

_SMALL: Final = 256
"""Pixels that the axes which are not looked at keep, where the model is the same at that size."""


class Lost(NamedTuple):
    """How many outputs of a tile are not those of the whole image.

    Parameters
    ----------
    before, after : int
        At its start and at its end, where it was cut there.
    outputs, extent : int
        Outputs and pixels of the tile that was looked at.
    proven : bool
        They were compared.
    """

    before: int
    after: int
    outputs: int
    extent: int
    proven: bool

    def of(self, extent: int, grid: Grid) -> int:
        """Return how many outputs a tile of another size has, which differs by a multiple of `align`."""
        return self.outputs + grid.outputs(extent - self.extent)


class Prover:
    """Compares tiles with whole images, along one axis at a time.

    Parameters
    ----------
    sizes : Sizes
        The model.
    base : sequence of int
        A size that the model takes.
    cut_gates : bool
        Leave out gates and statistics.
    """

    def __init__(self, sizes: Sizes, base: Sequence[int], *, cut_gates: bool) -> None:
        self.sizes = sizes
        self.base = tuple(base)
        self.which: Which = "local" if cut_gates else "full"
        self._known: dict[tuple[int, int], Lost | None] = {}
        self._others: tuple[int, ...] | None = None

    @property
    def others(self) -> tuple[int, ...]:
        """What an axis has while another one is looked at: as little as leaves the windows where they are."""
        if self._others is None:
            self._others = self._shrunk()
        return self._others

    def _shrunk(self) -> tuple[int, ...]:
        """Make long axes shorter by whole strides of all maps, where that is the same model."""
        size = self.base
        case = self.sizes.at(size)
        if self.sizes.rank == 1 or max(size) <= _SMALL:
            return size
        strides = strides_of(self.sizes, case, self.which)
        like = geometry(case)
        for axis, stride in enumerate(strides):
            small = size[axis] % stride + _up(_SMALL, stride)
            if small < size[axis]:
                tried = (*size[:axis], small, *size[axis + 1 :])
                less = self.sizes.at(tried)
                size = tried if not less.error and geometry(less) == like else size
        return size

    def lost(self, axis: int, grid: Grid, tile: int) -> Lost | None:
        """Say what a tile of that size loses at each cut; None where it gives nothing of the whole image.

        Tiles that are much larger than the halo are looked at in a smaller copy: sizes that differ by a
        multiple of `align` give maps that differ by whole elements, so that nothing else changes.
        """
        size = self._copy_of(grid, tile)
        key = (axis, size)
        if key not in self._known:
            self._known[key] = self._compared(axis, grid, size)
        return self._known[key]

    def roomy(self, axis: int, grid: Grid, tile: int) -> Lost | None:
        """Say what a tile loses at each cut that is so large that the cuts do not meet."""
        return self.lost(axis, grid, tile + _up(_room(grid), grid.align))

    def refused(self, axis: int, tile: int) -> bool:
        """Tell whether the model does not take a tile of that size, as where a window is larger."""
        return tile > 0 and bool(self.sizes.at(self._with(axis, tile)).error)

    def _copy_of(self, grid: Grid, tile: int) -> int:
        room = _room(grid)
        return tile if tile <= room else tile - (tile - room) // grid.align * grid.align

    def _compared(self, axis: int, grid: Grid, tile: int) -> Lost | None:
        reach = _up(max(grid.before, 0), grid.align) + grid.align
        whole = self.base[axis] % grid.align + _up(reach + tile + max(grid.after, 0) + grid.align, grid.align)
        case = self.sizes.at(self._with(axis, tile))
        spec = self.sizes.output(case)
        if spec is None:
            return None
        beside = sum(self.others) - self.others[axis]
        if (whole + 3 * tile + 4 * beside) * len(case.chain) > MOST_WORK:
            return _by_halo(grid, tile, int(spec.shape[grid.place]))
        image = self.sizes.at(self._with(axis, whole))
        if image.error:
            return None
        table = Table()
        full = self._origins(image, axis, 0, table)
        inner = self._origins(case, axis, reach, table)
        first = self._origins(case, axis, 0, table)
        if full is None or inner is None or first is None:
            return None
        start = grid.outputs(reach)
        run = _run([a == b for a, b in zip(inner, full[start:], strict=False)])
        if run is None or first[: run[1]] != full[: run[1]]:
            return None
        lost = Lost(run[0], len(inner) - run[1], len(inner), tile, True)
        return lost if self._fits_at_the_end(axis, grid, whole, full, table, lost) else None

    def _fits_at_the_end(
        self, axis: int, grid: Grid, whole: int, full: Sequence[int], table: Table, lost: Lost
    ) -> bool:
        """Tell whether a tile that ends with the image loses as much at its start, nothing at its end."""
        start = (whole - lost.extent) // grid.align * grid.align
        case = self.sizes.at(self._with(axis, whole - start))
        last = self._origins(case, axis, start, table) if not case.error else None
        if last is None:
            return False
        end = full[grid.outputs(start) :]
        return len(last) == len(end) and last[lost.before :] == end[lost.before :]

    def _with(self, axis: int, extent: int) -> tuple[int, ...]:
        return (*self.others[:axis], extent, *self.others[axis + 1 :])

    def _origins(self, case: Case, axis: int, start: int, table: Table) -> tuple[int, ...] | None:
        """List where the outputs come from, for a piece of the image that starts at `start`."""

        def seed(spec: TensorSpec) -> Dependence:
            starts = [start if k == axis else 0 for k in range(len(spec.spatial))]
            return seeded(spec, list(map(identity_origins, spec.spatial, [table] * len(starts), starts)))

        seen = case.run.followed(case.chain, seed)
        name, place = self.sizes.edge
        final: Dependence | None = getattr(seen[name], self.which)[place]
        legs = [leg for leg in final.legs if leg.axis == axis] if final is not None else []
        if final is None or len(legs) != 1:
            return None
        found = axis_of(final, legs[0])
        if found is None or not isinstance(found[1], Origins) or not found[1].exact:
            return None
        return found[1].masks


def _room(grid: Grid) -> int:
    return _up(max(grid.before, 0), grid.align) + max(grid.after, 0) + 4 * grid.align + 8


def _by_halo(grid: Grid, tile: int, outputs: int) -> Lost | None:
    """Say which outputs reach beyond a tile, by their field alone, phase by phase."""
    relation = grid.relation
    period, advance = relation.period, relation.advance
    start, stop = 0, outputs
    for phase, (a, b) in enumerate(map(relation.ends, range(period))):
        if a <= b:  # outputs phase + q * period read from a + q * advance to b + q * advance
            start = max(start, phase + (-int(a // advance) - 1) * period + 1)
            stop = min(stop, phase + (int((tile - 1 - b) // advance) + 1) * period)
    return Lost(start, outputs - stop, outputs, tile, False) if start < stop else None


def _run(held: Sequence[bool]) -> tuple[int, int] | None:
    """Find the longest run of True, as (start, stop).

    >>> _run([False, True, True, False, True]), _run([False])
    ((1, 3), None)
    """
    best: tuple[int, int] | None = None
    start = 0
    for place, each in enumerate([*held, False]):
        if each:
            continue
        if place > start and (best is None or place - start > best[1] - best[0]):
            best = start, place
        start = place + 1
    return best


def _up(value: int, step: int) -> int:
    return -(-value // step) * step

"""Where to cut an axis, and how large a tile may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rfcalc.errors import AnalysisError
from rfcalc.questions.tiles.grid import Grid
from rfcalc.questions.tiles.proof import Lost, Prover
from rfcalc.questions.tiles.result import Strip, Strips
from rfcalc.questions.tiles.sizes import Sizes, geometry
from rfcalc.records import NamedTuple

_MOST_TRIES: Final = 64
_ROOMY: Final = 4
_MOST_OUTPUTS: Final = 1024


class Cut(NamedTuple):
    """How tiles may be cut along one axis.

    Parameters
    ----------
    grid : Grid
        How the output stands on it.
    divisor, remainder : int
        Sizes that the model takes, and is then the same model.
    """

    grid: Grid
    divisor: int
    remainder: int

    def largest(self, most: int) -> int:
        """Return the largest size of a tile that is at most `most`."""
        return most - (most - self.remainder) % self.divisor


def cut_of(sizes: Sizes, base: Sequence[int], axis: int, grid: Grid) -> Cut | None:
    """Find which sizes of tiles the model's own rules take, and leave its windows where they are.

    None where it is no size but this.
    """
    like = geometry(sizes.at(base))
    align = grid.align
    start = base[axis] + align  # larger than what works, so that only the remainder matters
    known: dict[int, bool] = {}

    def fits(rest: int) -> bool:
        if rest not in known:
            case = sizes.at((*base[:axis], start + (rest - start) % align, *base[axis + 1 :]))
            known[rest] = not case.error and geometry(case) == like
        return known[rest]

    for divisor in range(1, align + 1):
        if align % divisor == 0:
            remainder = base[axis] % divisor
            if all(map(fits, range(remainder, align, divisor))):
                return Cut(grid, divisor, remainder)
    return None


def smallest_of(prover: Prover, axis: int, cut: Cut) -> int | None:
    """Find the smallest tile that gives as many right outputs as `align` pixels have."""
    grid = cut.grid
    step = grid.outputs(grid.align)
    tile = max(_least(grid, step), 1)
    first = tile = tile + (cut.remainder - tile) % cut.divisor
    for _ in range(min(2 * grid.align // cut.divisor + 2, _MOST_TRIES)):
        lost = prover.lost(axis, grid, tile)
        if lost is not None and lost.of(tile, grid) - lost.before - lost.after >= step:
            return tile
        if tile == first and prover.lost(axis, grid, tile + _ROOMY * grid.align) is None:
            return None
        tile += cut.divisor
    return None


def _least(grid: Grid, step: int) -> int:
    """Return the fewest pixels from an allowed start on that hold the fields of `step` outputs in a row."""
    if step > _MOST_OUTPUTS:
        return -(-grid.before // grid.align) * grid.align + grid.align + grid.after
    rows = [(a, b) for a, b in map(grid.relation.ends, range(2 * step))]
    least = []
    for first in range(step):
        held = [row for row in rows[first : first + step] if row[0] <= row[1]]
        if held:
            start = int(min(a for a, _ in held)) // grid.align * grid.align
            least.append(int(max(b for _, b in held)) + 1 - start)
    return min(least)


def advance_of(grid: Grid, lost: Lost, tile: int) -> int:
    """Return how many pixels one can go on from one tile of that size to the next."""
    right = lost.of(tile, grid) - lost.before - lost.after
    return max(right // grid.outputs(grid.align), 0) * grid.align


def strips_of(
    prover: Prover, axis: int, cut: Cut, *, image: int, output: int, tile: int, smallest: int | None
) -> Strips:
    """Cut an axis of `image` pixels and `output` outputs into tiles of at most `tile` pixels.

    Raises
    ------
    AnalysisError
        Such tiles give no outputs that are those of the whole image.
    """
    if tile >= image:
        return whole_strip(image, output)
    grid = cut.grid
    lost = prover.lost(axis, grid, tile)
    step = 0 if lost is None else advance_of(grid, lost, tile)
    final = -(-(image - tile) // grid.align) * grid.align  # the first start from which a tile reaches the end
    ending = prover.roomy(axis, grid, image)
    hint = f"; the smallest tile is {smallest}, and a little more may help" if smallest else ""
    failure = AnalysisError(f"tiles of {tile} pixels do not make up an image of {image}{hint}")
    if lost is None or ending is None or not step:
        raise failure
    kept, given = lost.of(tile, grid) - lost.after, grid.outputs(step)
    # tile n starts at n * step and keeps up to n * given + kept; none is needed from `final` on
    count = max(min(-(-final // step), -(-(output - kept) // given) + 1), 1)
    covered = (count - 1) * given + kept
    last = None
    if covered < output:
        start = min(_start(grid, covered - ending.before), final)
        if prover.refused(axis, image - start):
            raise failure
        base = grid.outputs(start)
        last = Strip(start, image, covered, output, covered - base, output - base)
    second = Strip(step, step + tile, kept, given + kept, kept - given, kept) if count > 1 else None
    return Strips(Strip(0, tile, 0, kept, 0, kept), second, count - 1, step, given, last)


def _start(grid: Grid, first: int) -> int:
    """Return the last pixel where a tile may start so that its first output is at most this one."""
    return first // grid.outputs(grid.align) * grid.align


def whole_strip(image: int, output: int) -> Strips:
    """Take an axis in one piece.

    >>> whole_strip(8, 4)[0]
    Strip(start=0, stop=8, first=0, last=4, skip=0, keep=4)
    """
    return Strips(Strip(0, image, 0, output, 0, output))

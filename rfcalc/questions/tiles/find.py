"""Run a model on pieces of its input: halo, sizes of tiles, a plan for an image, latency of a stream.

What a tile must hold is read off the periodic relation of the output; which sizes fit is found by the model's
own rules; and which outputs of a tile are those of the whole image is compared one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import gcd
from typing import Final

from rfcalc.engine.edit import has_window
from rfcalc.engine.result import Note
from rfcalc.engine.run import Run
from rfcalc.engine.symbolic import axis_letters
from rfcalc.engine.totals import asked_notes
from rfcalc.errors import AnalysisError, RfcalcError, UsageError
from rfcalc.questions.tiles.base import base_of
from rfcalc.questions.tiles.grid import Grid, Standing, grids_of
from rfcalc.questions.tiles.plan import (
    Cut,
    advance_of,
    cut_of,
    smallest_of,
    strips_of,
    whole_strip,
)
from rfcalc.questions.tiles.proof import Prover
from rfcalc.questions.tiles.report import Tiles
from rfcalc.questions.tiles.result import BROAD, Blocker, Memory, Plan, Stream, Strips, TileAxis
from rfcalc.questions.tiles.sizes import (
    Case,
    Sizes,
    fixed_values,
    memory_of,
    require_positions,
    second_input,
)
from rfcalc.records import NamedTuple

USUAL_TILE: Final = 512
"""Pixels along each axis of a tile, where nothing else is said."""

_MOST_TRIED: Final = 4
"""Layers before one that cannot be cut of which it is found out whether they can be, and then windows."""


class Wish(NamedTuple):
    """What is asked for.

    Parameters
    ----------
    tile : sequence of int, optional
        The largest tile along each axis; one number goes for all.
    image : sequence of int, optional
        The image to cut; by default the input's own size.
    memory : int, optional
        Bytes of activations that a tile may take.
    rate : float, optional
        Samples a second.
    cut_gates : bool
        Leave out gates and statistics over the map.
    """

    tile: Sequence[int] | None = None
    image: Sequence[int] | None = None
    memory: int | None = None
    rate: float | None = None
    cut_gates: bool = False

    @property
    def plans(self) -> bool:
        """A plan is asked for."""
        return self.tile is not None or self.image is not None or self.memory is not None


def tiles_of(run: Run, wish: Wish, layer: str | None = None, *, instead: bool = True) -> Tiles:
    """Find out how a model may be run on pieces of its input.

    Parameters
    ----------
    run : Run
        The model; its chosen input is cut.
    wish : Wish
        What is asked for.
    layer : str, optional
        The layer, or output tensor, that is wanted; by default the model's first output.
    instead : bool
        Where no axis can be cut, look for a layer before it that can be.

    Raises
    ------
    UsageError
        There is no such layer or input, or the image, the tile or the rate does not fit the model.
    AnalysisError
        A layer does not fit its inputs, or an op on the way is not known, or the model has no output.
    """
    graph = run.graph
    if layer is None and not graph.outputs:
        raise AnalysisError("the model has no output; name the layer that is wanted")
    edge = graph.outputs[0] if layer is None else graph.find_tensor(layer)
    sizes = Sizes(run, edge)
    require_positions(sizes)
    _check(wish, sizes.rank)
    image, base = base_of(sizes, wish.image, plans=wish.plans)
    case = sizes.at(base)
    prover = Prover(sizes, base, cut_gates=wish.cut_gates)
    found = [
        _axis(prover, case, axis, name, image[axis] if image else None, standing)
        for axis, (name, standing) in enumerate(
            zip(axis_letters(sizes.rank), grids_of(sizes, case, cut_gates=wish.cut_gates), strict=True)
        )
    ]
    cuts = [cut for _, cut in found]
    axes = tuple(axis for axis, _ in found)
    plan = None
    if image is not None and wish.plans and any(cuts):
        plan = _plan(prover, axes, cuts, image, wish)
        axes = tuple(_with_overlap(prover, k, axes[k], cuts[k], plan.tile[k]) for k in range(sizes.rank))
    return Tiles(
        graph.name,
        layer or edge[0],
        sizes.chosen.name,
        axes,
        wish.cut_gates,
        plan,
        _stream(axes[0], wish.rate) if sizes.rank == 1 else None,
        tuple(_notes(sizes, case, axes, wish, image)),
        _instead(run, axes) if instead else "",
        "" if graph.source.startswith("<") else graph.source,  # a mapping, an open file
        "samples" if wish.rate is not None else sizes.given.run.units[0],
    )


def _instead(run: Run, axes: Sequence[TileAxis]) -> str:
    """Find the last layer before the culprit that can be run on tiles; an empty string for none."""
    blockers = [axis.blocker for axis in axes if axis.blocker and axis.blocker.trouble in BROAD]
    if len(blockers) < len(axes):
        return ""
    before = _before(run, run.graph.find_tensor(blockers[0].layer)[0])
    for name in before[:_MOST_TRIED]:
        found = _tiled(run, name)
        if found is not None:
            return name
    windows = [name for name in before[_MOST_TRIED:] if has_window(run.graph[name])]
    for name in windows[:_MOST_TRIED]:
        found = _tiled(run, name)
        # patches beside each other are no answer to how far neighbours have to overlap
        if found is not None and any(axis.overlap for axis in found.axes):
            return name
    return ""


def _before(run: Run, layer: str) -> list[str]:
    """Return the layers before one, the nearest first, without the input."""
    found: dict[str, None] = {}
    queue = deque([layer])
    while queue:
        for name, _ in run.graph[queue.popleft()].inputs:
            if name not in found and name != run.chosen.name:
                found[name] = None
                queue.append(name)
    return list(found)


def _tiled(run: Run, layer: str) -> Tiles | None:
    """Say how a layer can be run on tiles of its model's input; None where it cannot."""
    try:
        found = tiles_of(run, Wish(), layer, instead=False)
    except RfcalcError:
        return None
    return found if found.seamless else None


def _check(wish: Wish, rank: int) -> None:
    """Refuse what makes no sense for any model, or for one of that many axes."""
    for name, given in (("tile", wish.tile), ("image", wish.image)):
        if given is None:
            continue
        if len(given) != rank and not (name == "tile" and len(given) == 1):
            raise UsageError(f"the {name} {tuple(given)} has not one size for each of {rank} spatial axes")
        if any(type(size) is not int or size < 1 for size in given):
            raise UsageError(f"the {name} {tuple(given)} needs positive whole numbers")
    if wish.tile is not None and wish.memory is not None:
        raise UsageError("give the size of a tile or the memory that it may take, not both")
    if wish.memory is not None and wish.memory < 1:
        raise UsageError("the memory has to be a positive number of bytes")
    if wish.rate is not None and not 0 < wish.rate < float("inf"):
        raise UsageError("the rate has to be a positive number of samples a second")
    if wish.rate is not None and rank != 1:
        raise UsageError(f"a rate is for sequences; this input has {rank} spatial axes")


# ---- one axis ----------------------------------------------------------------------------------------------


def _axis(
    prover: Prover, case: Case, axis: int, name: str, extent: int | None, standing: Standing
) -> tuple[TileAxis, Cut | None]:
    """Say how an axis may be cut."""
    sizes = prover.sizes
    bare = TileAxis(name, extent)
    grid, blocker = standing
    if blocker is not None:
        if grid is not None:  # a state runs along it: what comes later is known
            bare = bare._replace(after=grid.after, align=grid.align, block=grid.relation.advance)
        return _blocked(bare, blocker)
    assert grid is not None
    scale = grid.relation.period, grid.relation.advance
    bare = bare._replace(
        scale=_lowest(*scale), block=grid.relation.advance, before=grid.before, after=grid.after
    )
    other = second_input(case, sizes.chosen.name)
    if other is not None:
        return _blocked(bare, Blocker("moved", other.name, other.op, "is an input that is to be cut too"))
    values = fixed_values(case)
    if values is not None:
        reason = "adds values of the file's own to each position, which do not move with a tile"
        return _blocked(bare, Blocker("moved", *values, reason))
    cut = cut_of(sizes, prover.base, axis, grid)
    if cut is None:
        return _blocked(bare, _fixed(prover, axis, grid))
    smallest = smallest_of(prover, axis, cut)
    lost = None if smallest is None else prover.lost(axis, grid, smallest)
    if smallest is None or lost is None:
        reason = "gives other values where the image is cut, at whatever distance"
        layer = case.chain[-1]
        return _blocked(bare, Blocker("moved", layer.name, layer.op, reason))
    return bare._replace(
        align=grid.align,
        divisor=cut.divisor,
        remainder=cut.remainder,
        smallest=smallest,
        overlap=smallest - advance_of(grid, lost, smallest),
        lost=(lost.before, lost.after),
        proven=lost.proven,
    ), cut


def _blocked(axis: TileAxis, blocker: Blocker) -> tuple[TileAxis, None]:
    return axis._replace(blocker=blocker), None


def _fixed(prover: Prover, axis: int, grid: Grid) -> Blocker:
    """Say why the model takes one size alone."""
    base = prover.base
    case = prover.sizes.at((*base[:axis], base[axis] + grid.align, *base[axis + 1 :]))
    name = prover.sizes.edge[0]
    layer = prover.sizes.graph[name]
    why = case.error or "its windows move"
    reason = f"is known at this size alone, as sizes in the model are fixed ({why})"
    return Blocker("fixed", layer.name, layer.op, reason)


def _with_overlap(prover: Prover, axis: int, found: TileAxis, cut: Cut | None, tile: int) -> TileAxis:
    """Say what neighbours share at the size that the plan has."""
    if cut is None or found.extent is None or tile >= found.extent:
        return found
    lost = prover.lost(axis, cut.grid, tile)
    assert lost is not None
    step = advance_of(cut.grid, lost, tile)
    return found._replace(overlap=tile - step, lost=(lost.before, lost.after), proven=lost.proven)


def _lowest(outputs: int, pixels: int) -> tuple[int, int]:
    common = gcd(outputs, pixels)
    return outputs // common, pixels // common


# ---- the plan ----------------------------------------------------------------------------------------------


def _plan(
    prover: Prover,
    axes: Sequence[TileAxis],
    cuts: Sequence[Cut | None],
    image: tuple[int, ...],
    wish: Wish,
) -> Plan:
    sizes = prover.sizes
    whole = memory_of(sizes.at(image))
    if wish.memory is None:
        most = wish.tile or (USUAL_TILE,)
        wanted = tuple(most) * (len(image) if len(most) == 1 else 1)
    else:
        wanted = _fitting(sizes, axes, cuts, image, wish.memory, whole)
    tile = _tile(axes, cuts, image, wanted)
    output = sizes.output(sizes.at(image))
    assert output is not None
    strips: list[Strips] = []
    for axis, cut in enumerate(cuts):
        if cut is None:
            left = output.spatial[axis] if len(output.spatial) == len(image) else 1
            strips.append(whole_strip(image[axis], int(left)))
            continue
        outputs = int(output.shape[cut.grid.place])
        if tile[axis] >= image[axis]:
            strips.append(whole_strip(image[axis], outputs))
            continue
        strips.append(
            strips_of(
                prover,
                axis,
                cut,
                image=image[axis],
                output=outputs,
                tile=tile[axis],
                smallest=axes[axis].smallest,
            )
        )
    return Plan(
        image,
        tile,
        tuple(row[-1].last for row in strips),
        tuple(strips),
        memory_of(sizes.at(tile)),
        whole,
    )


def _tile(
    axes: Sequence[TileAxis], cuts: Sequence[Cut | None], image: Sequence[int], wanted: Sequence[int]
) -> tuple[int, ...]:
    """Return the largest tile that fits the model and is no larger than wanted."""
    tile = []
    for axis, cut, extent, most in zip(axes, cuts, image, wanted, strict=True):
        if cut is None or most >= extent:
            tile.append(extent)
            continue
        size = cut.largest(most)
        if size < 1 or (axis.smallest is not None and size < axis.smallest):
            raise UsageError(
                f"a tile of {most} pixels along {axis.name} is too small; the smallest is {axis.smallest}"
            )
        tile.append(size)
    return tuple(tile)


def _fitting(
    sizes: Sizes,
    axes: Sequence[TileAxis],
    cuts: Sequence[Cut | None],
    image: tuple[int, ...],
    memory: int,
    whole: Memory,
) -> tuple[int, ...]:
    """Find the largest tile, alike along all axes, whose tensors fit the memory at any time."""
    if whole.peak is None:
        raise UsageError("the bytes of some activations are not known; give the size of a tile instead")
    if whole.peak <= memory:
        return image

    def peak(size: int) -> int | None:
        tile = tuple(
            extent if cut is None or size >= extent else cut.largest(size)
            for cut, extent in zip(cuts, image, strict=True)
        )
        case = sizes.at(tile)
        return None if case.error else memory_of(case).peak

    least = max(axis.smallest or 1 for axis, cut in zip(axes, cuts, strict=True) if cut is not None)
    least += max(cut.divisor for cut in cuts if cut is not None) - 1  # so that each axis finds a size below
    fits, fails = least, max(image)
    smallest = peak(min(least, fails))
    if smallest is None or smallest > memory:
        raise AnalysisError(f"even the smallest tile takes {smallest or whole.peak:,} bytes at its peak")
    while fails - fits > 1:
        middle = (fits + fails) // 2
        needed = peak(middle)
        fits, fails = (middle, fails) if needed is not None and needed <= memory else (fits, middle)
    return (fits,) * len(image)


# ---- sequences, and what else there is to say --------------------------------------------------------------


def _stream(axis: TileAxis, rate: float | None) -> Stream | None:
    """Say what running over a sequence while it comes in needs."""
    blocker = axis.blocker
    if blocker is not None:
        if blocker.trouble != "state":
            return None
        return Stream(None, axis.after, axis.align, _latency(axis), rate)
    if axis.before is None or axis.after is None:
        return None
    return Stream(max(axis.before, 0), max(axis.after, 0), axis.align, _latency(axis), rate)


def _latency(axis: TileAxis) -> int | None:
    if axis.after is None or axis.align is None:
        return None
    return max(axis.after, 0) + axis.align - 1


def _notes(
    sizes: Sizes, case: Case, axes: Sequence[TileAxis], wish: Wish, image: tuple[int, ...] | None
) -> list[Note]:
    notes = list(asked_notes(list(case.chain), case.resolved))
    if wish.cut_gates:
        message = "gates and statistics over the map are cut, so that tiles come near the whole image only"
        notes.append(Note("warning", "approximate", "", message))
    if any(axis.blocker is None and not axis.proven for axis in axes):
        message = "the map is too large to compare outputs one by one; what is lost is taken from the halo"
        notes.append(Note("info", "by_halo", sizes.edge[0], message))
    return notes

"""Numbers for what a model leaves open: which there are, what they may be, and the first that fit.

Positions are tried by size. What an open number of channels may be is told by the weights that meet it first;
failing that, usual numbers are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final, TypeVar

from rfcalc.algebra.extent import names_in
from rfcalc.algebra.number import Num, is_known
from rfcalc.engine.propagate import choose_input
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, Layer
from rfcalc.records import NamedTuple

_USUAL: Final = 64
"""Positions of an input where nothing says how many there are."""

_WIDTHS: Final = (3, 4, 1, 2, 8, 16, 32, 64, 128, 256, 512)
"""Numbers that are tried for channels, after those that weights tell."""

_MOST_WAYS: Final = 4096
"""Ways of filling the channels of all inputs among which the best are chosen."""

_MOST_TRIED: Final = 24
"""How many of these are tried."""

_MOST_TOLD: Final = 12
"""Numbers that are taken from the weights which meet one extent."""

Widths = Mapping[str, int]
"""Numbers for open channels, by name."""

AtSize = Callable[[int | None, Widths | None], LayerGraph]
"""Gives a model with another extent for every spatial axis of the chosen input (None: its own).

With numbers for open channels, all else that is open is filled as well. It raises an `RfcalcError` where the
model does not allow them.
"""

T = TypeVar("T")


class Fit(NamedTuple):
    """The first numbers that fit a model.

    Parameters
    ----------
    size : int, optional
        The extent of the chosen input's positions; None where it is the model's own.
    widths : mapping, optional
        Numbers for open channels; None where nothing was filled.
    graph : LayerGraph
        The model with them.
    """

    size: int | None
    widths: Widths | None
    graph: LayerGraph


class NothingFits(UsageError):
    """Nothing that was tried fits.

    Parameters
    ----------
    tried : sequence of RfcalcError
        What was wrong with each, in order.
    """

    def __init__(self, tried: Sequence[RfcalcError]) -> None:
        super().__init__("no size that was tried fits the model")
        self.tried = tried


def first_fit(
    graph: LayerGraph,
    at: AtSize,
    sizes: Sequence[int | None],
    attempt: Callable[[LayerGraph], T],
    *,
    fill: bool = True,
) -> tuple[Fit, T]:
    """Find the first numbers for what is open with which an attempt works, and return them and what it gives.

    Parameters
    ----------
    graph : LayerGraph
        The model as it is.
    at : callable
        Gives it at other sizes.
    sizes : sequence of (int or None)
        Extents that are tried for the chosen input's positions, in this order.
    attempt : callable
        What is done with the model; raises an `RfcalcError` where it does not fit.
    fill : bool
        Fill what is open besides.

    Raises
    ------
    NothingFits
        None does.
    """
    tried: list[RfcalcError] = []
    ways: Iterable[Widths | None] = _ways(graph) if fill else (None,)
    for widths in ways:
        for size in sizes:
            try:
                taken = at(size, widths)
                return Fit(size, widths, taken), attempt(taken)
            except RfcalcError as error:
                tried.append(error)
    raise NothingFits(tried)


def filled(
    graph: LayerGraph, size: int | None, widths: Widths | None, *, input: str | None, batch: int | None = None
) -> dict[str, tuple[Num, ...]]:
    """Return the shapes of all inputs with numbers where they are open; extents of one name are the same.

    Parameters
    ----------
    graph : LayerGraph
        The model.
    size : int, optional
        The extent of all positions of the chosen input; None keeps those that are known.
    widths : mapping, optional
        Numbers for open channels by name; without them the chosen input's positions alone are set.
    input : str, optional
        The chosen input.
    batch : int, optional
        Samples where the batch is open; None leaves it open.
    """
    chosen = choose_input(graph, input)
    own = [size or n for n, role in _extents(chosen) if role == SPATIAL]
    values: dict[str, Num] = dict(widths or {})

    def shape(layer: Layer) -> Iterator[Num]:
        roles = [role for _, role in _extents(layer)]
        positions = iter(own if roles.count(SPATIAL) == len(own) else [size or _USUAL] * len(roles))
        for place, (n, role) in enumerate(_extents(layer)):
            usual = batch if role == BATCH else next(positions) if role == SPATIAL else _WIDTHS[0]
            if layer is chosen and role == SPATIAL and size is not None:
                yield values.setdefault(key_of(layer, place, n), size)
            elif is_known(n) or widths is None or usual is None:
                yield n
            else:
                yield values.setdefault(key_of(layer, place, n), usual)

    shapes = {
        layer.name: tuple(shape(layer)) for layer in sorted(graph.inputs, key=lambda each: each is not chosen)
    }
    return {layer.name: shapes[layer.name] for layer in graph.inputs}


def key_of(layer: Layer, place: int, extent: Num) -> str:
    """Return the name of an open extent, or a name by its place where it has none."""
    names = names_in(extent)
    return min(names) if len(names) == 1 else f"{layer.name}.{place}"


# ---- channels ----------------------------------------------------------------------------------------------


def _ways(graph: LayerGraph) -> Iterator[Widths]:
    """Yield numbers for all open channels: those that weights tell, best first, then one number for all."""
    open_ones = [
        (layer, role, key_of(layer, place, n))
        for layer in graph.inputs
        for place, (n, role) in enumerate(_extents(layer))
        if not is_known(n)
    ]
    elsewhere = {key for _, role, key in open_ones if role != CHANNEL}  # that is tried as a size
    told: dict[str, list[int]] = {}
    for layer, _, key in open_ones:
        if key not in elsewhere:
            told.setdefault(key, []).extend(_told(graph, layer))
    most = int(_MOST_WAYS ** (1 / max(len(told), 1)))
    choices = [list(dict.fromkeys(numbers or _WIDTHS))[:most] for numbers in told.values()]
    ranked = sorted(product(*map(enumerate, choices)), key=lambda way: sum(rank for rank, _ in way))
    best = [tuple(n for _, n in way) for way in ranked[:_MOST_TRIED]]
    alike = [(n,) * len(told) for n in _WIDTHS]
    for way in dict.fromkeys((*best, *alike)):
        yield dict(zip(told, way, strict=True))


def _told(graph: LayerGraph, start: Layer) -> list[int]:
    """List extents of the weights that meet an input first: what a kernel reads, then all that it has."""
    reached = {start.name}
    found: dict[int, None] = {}
    for layer in graph:
        if layer.name in reached or not any(producer in reached for producer, _ in layer.inputs):
            continue
        if not layer.weights:
            reached.add(layer.name)
            continue
        groups = layer.attrs.get("groups", 1)
        for weight in layer.weights:
            known = [int(n) for n in (*weight.shape[1:], *weight.shape[:1]) if is_known(n)]
            found.update(dict.fromkeys(n * groups for n in known))
            found.update(dict.fromkeys(known))
    return [n for n in found if n > 0][:_MOST_TOLD]


def _extents(layer: Layer) -> list[tuple[Num, str]]:
    return list(zip(layer.attrs["shape"], layer.attrs["axes"], strict=True))

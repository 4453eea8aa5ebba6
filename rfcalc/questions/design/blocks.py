"""What a block does to a map and what it costs, as rfcalc's own passes say of the block by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from rfcalc.algebra.number import is_known
from rfcalc.algebra.plain_maps import only_place
from rfcalc.algebra.relation import Relation
from rfcalc.engine.memory import peak_of
from rfcalc.engine.run import Run
from rfcalc.engine.shapes import spec_of
from rfcalc.engine.totals import totals_of
from rfcalc.errors import AnalysisError, GraphError, ReadError, RfcalcError
from rfcalc.graph.layer import CHANNEL, SPATIAL, Edge, TensorSpec
from rfcalc.questions.design.grammar import CHANNELS, REDUCTIONS, WIDTH, Grammar, Part, Values
from rfcalc.readers.native import read_native
from rfcalc.readers.values import resolve
from rfcalc.records import NamedTuple

MEASURES: Final = ("params", "macs", "layers", "activations", "peak")
"""What a stack costs."""

PEAK: Final = MEASURES.index("peak")

Costs = tuple[int, ...]
"""Parameters, multiply-accumulates, layers, activations, and bytes of activations at their peak."""

Sizes = tuple[int, ...]
"""A number for each spatial axis."""


class Map(NamedTuple):
    """The extents of a map, and its channels."""

    extents: Sizes
    channels: int


class Effect(NamedTuple):
    """What a block does: the map that it makes, how it sees the one that it takes, what it costs.

    Parameters
    ----------
    map : Map
        What it puts out.
    field, stride, padding : tuple of int
        For each axis how many elements an output sees, how far the next one is, and how many elements before
        the first the first one begins.
    whole : tuple of bool
        For each axis whether every output sees all of it, through a gate.
    costs : tuple of int
        By `MEASURES`.
    """

    map: Map
    field: Sizes
    stride: Sizes
    padding: Sizes
    whole: tuple[bool, ...]
    costs: Costs


_Number = TypeVar("_Number", int, float)


def joined(a: tuple[_Number, ...], b: tuple[_Number, ...]) -> tuple[_Number, ...]:
    """Return what two pieces cost one after the other: sums, but for the peak, which is the larger.

    >>> joined((1, 2, 3, 4, 50), (1, 1, 1, 1, 20))
    (2, 3, 4, 5, 50)
    """
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], max(a[4], b[4]))


class Site(NamedTuple):
    """Where a block stands: what is chosen for the whole stack, the map, and the reductions before it."""

    globals: int
    map: Map
    reductions: int


class Blocks:
    """The blocks of a grammar, each run once by itself for all places where it is the same.

    Parameters
    ----------
    grammar : Grammar
        The grammar.
    shape : sequence of int
        The shape of the input, without a batch.
    peaks : bool
        Work out the peak of activation memory too; else it is 0.

    Raises
    ------
    UsageError
        No map can have that shape.
    """

    def __init__(self, grammar: Grammar, shape: tuple[int, ...], *, peaks: bool = True) -> None:
        self.grammar, self.peaks = grammar, peaks
        self.shape = shape
        run = self._run_of(shape, {}, ["identity"])
        self._spec = run.spec
        self.start = _map_of(self._spec)
        self.input_bytes = (_peak(run) or 0) if peaks else 0
        self._bases: dict[tuple[str, tuple[tuple[str, int], ...], int], Run] = {}
        self._known: dict[tuple[str, tuple[tuple[str, int], ...], Map], Effect | Costs | str] = {}
        self.reasons: dict[str, str] = {}
        self.built: set[str] = set()

    # ---- one block -----------------------------------------------------------------------------------------

    def reductions(self, part: Part, chosen: Values, site: Site) -> int:
        """Count the reductions behind a part."""
        return site.reductions + int(resolve(part.reduces, {**self.grammar.globals[site.globals], **chosen}))

    def settings(self, part: Part, chosen: Values, site: Site) -> dict[str, int]:
        """Return what the names in the layers of a part stand for at a place."""
        names = {**self.grammar.globals[site.globals], **chosen, CHANNELS: site.map.channels}
        names[REDUCTIONS] = self.reductions(part, chosen, site)
        if self.grammar.width is not None and WIDTH in part.names:
            names[WIDTH] = int(resolve(self.grammar.width, names))
        return {name: names[name] for name in part.names}

    def effect(self, part: Part, chosen: Values, site: Site) -> Effect | None:
        """Return what a block, or the stem, does at a place; None where it cannot be built there.

        Raises
        ------
        AnalysisError
            It is none that stacks can be composed of.
        """
        found = self._found(part, chosen, site, self._effect)
        return found if isinstance(found, Effect) else None

    def head(self, chosen: Values, site: Site) -> Costs | None:
        """Return what the head costs at a place; None where it cannot be built there."""
        assert self.grammar.head is not None
        found = self._found(self.grammar.head, chosen, site, self._costs)
        return None if isinstance(found, str) else found  # type: ignore[return-value]  # costs, then

    def _found(
        self, part: Part, chosen: Values, site: Site, ask: Callable[[Part, Run], Any]
    ) -> Effect | Costs | str:
        try:
            settings = self.settings(part, chosen, site)
        except ReadError as error:
            return self._refused(part, error)
        key = (part.name, tuple(settings.items()), site.map)
        if key not in self._known:
            try:
                self._known[key] = ask(part, self._run(part, settings, site.map))
                self.built.add(part.name)
            except (AnalysisError, GraphError, ReadError) as error:
                if isinstance(error, NotComposedError):
                    raise
                self._known[key] = self._refused(part, error)
        return self._known[key]

    def _refused(self, part: Part, error: RfcalcError) -> str:
        reason = f"{error.where}: {error.message}" if error.where else error.message
        self.reasons.setdefault(part.name, reason)
        return reason

    def _run(self, part: Part, settings: Values, map: Map) -> Run:
        """Return a run of a block by itself; one at other extents shares what is the same."""
        key = (part.name, tuple(settings.items()), map.channels)
        if key not in self._bases:
            use = {"block": part.name, **settings}
            self._bases[key] = self._run_of(self._shape(map), {part.name: part.definition}, [use])
        return self._bases[key].at(*map.extents)

    def _run_of(self, shape: tuple[int, ...], blocks: Mapping[str, Any], layers: list[Any]) -> Run:
        document = {"rfcalc": 1, "layout": self.grammar.layout, "input": list(shape)}
        return Run(read_native({**document, "blocks": blocks, "layers": layers}))

    def _shape(self, map: Map) -> tuple[int, ...]:
        left = iter(map.extents)
        return tuple(next(left) if role == SPATIAL else map.channels for role in self._spec.axes[1:])

    # ---- what the passes say -------------------------------------------------------------------------------

    def _costs(self, part: Part, run: Run) -> Costs:
        """Return what a part costs."""
        totals = totals_of(run.graph, run.resolved, ())
        layers = len({layer.source_name for layer in run.graph}) - len(run.graph.inputs)
        if not layers:
            raise AnalysisError("has no layer")
        made = [each.result for each in run.resolved.values()]
        elements = [spec.elements for result in made if result is not None for spec in result.outputs]
        params, macs, peak = totals.params.total, totals.macs, _peak(run) if self.peaks else 0
        known = None not in made and peak is not None and all(map(is_known, elements))
        if not known or not isinstance(params, int) or not isinstance(macs, int):
            raise NotComposedError(f"what {part.name!r} costs is not known")
        return (params, macs, layers, sum(map(int, elements)) - int(run.spec.elements), int(peak or 0))

    def _effect(self, part: Part, run: Run) -> Effect:
        """Return what a block does.

        Raises
        ------
        NotComposedError
            It puts out no map of its input's axes, or a larger one, or what it sees is not one window.
        """
        costs = self._costs(part, run)  # the rules first: where they refuse, there is nothing to compose
        if len(run.graph.outputs) != 1:
            raise NotComposedError(
                f"{part.name!r} has {len(run.graph.outputs)} outputs; a block of a stack has one, and no "
                "layer that nothing takes"
            )
        edge = run.graph.outputs[0]
        spec = spec_of(run.resolved, edge)
        if spec.axes != self._spec.axes or spec.dtype != self._spec.dtype:
            raise NotComposedError(f"{part.name!r} puts out no map like the one that it takes")
        made = _map_of(spec)
        if any(after > before for after, before in zip(made.extents, run.extents, strict=True)):
            raise NotComposedError(f"{part.name!r} makes the map larger; blocks of a stack never do")
        return _seen(part, run, edge, spec)._replace(map=made, costs=costs)


class NotComposedError(AnalysisError):
    """A block that stacks cannot be composed of: the grammar has to change."""


def _peak(run: Run) -> int | None:
    """Return the bytes of activations at their peak; None where they are not known."""
    peak = peak_of(run.graph, run.resolved, run.graph.outputs)
    return None if peak is None else peak.bytes


def _map_of(spec: TensorSpec) -> Map:
    """Return the extents and the channels of a tensor."""
    roles = list(zip(spec.shape, spec.axes, strict=True))
    channels = [extent for extent, role in roles if role == CHANNEL]
    if len(channels) != 1 or not spec.spatial or not all(map(is_known, [*channels, *spec.spatial])):
        raise AnalysisError("has no extents and channels that are known")
    return Map(tuple(map(int, spec.spatial)), int(channels[0]))


def _seen(part: Part, run: Run, edge: Edge, spec: TensorSpec) -> Effect:
    """Return how the output of a block sees its input; its map and its costs are filled in by the caller."""
    fields, view = run.fields[edge[0]], run.views.of(edge)
    local = fields.local[edge[1]]
    if view.status != "exact" or local is None:
        raise NotComposedError(f"what {part.name!r} sees is not known exactly: {view.reason}")
    places = [place for place, role in enumerate(spec.axes) if role == SPATIAL]
    simple = (local.parts, local.pieces, local.masked) == (None, None, None)
    full = fields.full[edge[1]]
    simple = simple and full is not None and (full.parts, full.pieces, full.masked) == (None, None, None)
    ends: dict[int, tuple[int, int, int]] = {}
    for leg in local.legs:
        relation = leg.relation
        stands = only_place(leg.weights) == places[leg.axis] and leg.axis not in ends
        if not stands or not isinstance(relation, Relation) or not relation.is_interval() or relation.loose:
            simple = False
            break
        ends[leg.axis] = (int(relation.lo[0]), int(relation.hi[0]), relation.advance)
    if not simple or len(ends) < len(places) or any(step < 1 for _, _, step in ends.values()):
        raise NotComposedError(
            f"what {part.name!r} sees does not compose as windows do: every output has to see one window of "
            "the map, all channels alike"
        )
    axes = [ends[axis] for axis in range(len(places))]
    assert view.receptive_field is not None
    return Effect(
        Map((), 0),
        tuple(last - first + 1 for first, last, _ in axes),
        tuple(step for _, _, step in axes),
        tuple(-first for first, _, _ in axes),
        tuple(size is None for size in view.receptive_field),
        (),
    )

"""The moves that a rule may make with the axes of a tensor, as data; a path of them is a dependence.

Named tuples, since they are made for every layer, and as many dataclasses would slow every start.
"""

from __future__ import annotations

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.hiding import attended, hidden
from rfcalc.algebra.number import Num
from rfcalc.algebra.pattern import Pattern
from rfcalc.algebra.window import Window
from rfcalc.records import NamedTuple


class Slide(NamedTuple):
    """Output index i of `axis`, of `extent` in all, reads the window's input indices.

    With `alike` the elements along the axis are channels, which are not told apart.
    """

    axis: int
    window: Window
    extent: Num
    alike: bool = False

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.slide(self.axis, self.window, self.extent, source, alike=self.alike)


class Contract(NamedTuple):
    """`axis` is replaced by one of `extent`, each element of which reads all of the old axis."""

    axis: int
    extent: Num

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.contract(self.axis, self.extent, source)


class Grouped(NamedTuple):
    """`axis` is replaced by one of `extent`; both are cut into `groups`, and each reads all of its own."""

    axis: int
    groups: Num
    extent: Num

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.grouped(self.axis, self.groups, self.extent, source)


class Split(NamedTuple):
    """`axis` becomes several of `extents`, in row-major order; all but the first are known."""

    axis: int
    extents: tuple[Num, ...]

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.split(self.axis, self.extents, source)


class Merge(NamedTuple):
    """`number` axes from `axis` on become one, in row-major order."""

    axis: int
    number: int

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.merge(self.axis, self.number)


class Mix(NamedTuple):
    """Every element reads all elements along `axes`; the axes stay."""

    axes: tuple[int, ...]

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.mix(self.axes, source)


class Reduce(NamedTuple):
    """`axes` are reduced: they go, or with `keep` stay with one element."""

    axes: tuple[int, ...]
    keep: bool = False

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.reduce(self.axes, keep=self.keep, source=source)


class Scan(NamedTuple):
    """Each index of `axis` reads itself and all before it, or with ``forward=False`` all after it."""

    axis: int
    forward: bool = True

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.scan(self.axis, forward=self.forward, source=source)


class Regroup(NamedTuple):
    """Reshape to `shape` in row-major order."""

    shape: tuple[Num, ...]

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.regroup(self.shape, source)


class Permute(NamedTuple):
    """Result axis a is the present axis ``order[a]``."""

    order: tuple[int, ...]

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.permute(self.order)


class Insert(NamedTuple):
    """Axes of one element are inserted at `axes`, counted in the result."""

    axes: tuple[int, ...]

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.insert(self.axes)


class Squeeze(NamedTuple):
    """Axes of one element are dropped."""

    axes: tuple[int, ...]

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.squeeze(self.axes)


class Broadcast(NamedTuple):
    """Stretch to `shape` by the rules of numpy."""

    shape: tuple[Num, ...]

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.broadcast(self.shape)


class Cover(NamedTuple):
    """A bound: every element of a tensor of `shape` may read everything that its source read."""

    shape: tuple[Num, ...]
    reason: str

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.covered(self.shape, dependence.reason or self.reason)


class Place(NamedTuple):
    """Become one of the `parts` of a concatenation along `axis`, behind `before` elements of `total`.

    With `alike` the elements along the axis are channels, which are not told apart.
    """

    axis: int
    before: Num
    extent: Num
    total: Num
    parts: int = 1
    alike: bool = False

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.place(
            self.axis, self.before, self.extent, self.total, source, parts=self.parts, alike=self.alike
        )


class Lose(NamedTuple):
    """`axis` gets `extent` elements, and which of them reads what is not known; a bound, if it matters."""

    axis: int
    extent: Num
    reason: str

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.lose(self.axis, self.extent, self.reason)


class Hide(NamedTuple):
    """Elements that a constant mask hides depend on nothing.

    With `alike` the elements along its axes are channels, which are not told apart.
    """

    pattern: Pattern
    alike: bool = False

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return hidden(dependence, self.pattern, source, alike=self.alike)


class Attend(NamedTuple):
    """`axis`, of keys, becomes one of queries, each of which reads the keys whose bits are set in its row.

    Along the axes `uneven` the mask changes, and the rows are what any of them sees; the mask itself is then
    `pattern`, aligned to the last axes of the tensor, with one of queries in front of the keys.
    """

    axis: int
    rows: tuple[int, ...]
    uneven: tuple[int, ...] = ()
    pattern: Pattern | None = None

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return attended(dependence, self.axis, self.rows, source, uneven=self.uneven, pattern=self.pattern)


class AtMost(NamedTuple):
    """A bound: every element reads the one at its own place, or nothing of it."""

    reason: str

    def apply(self, dependence: Dependence, source: str) -> Dependence:
        """Carry a dependence over this step; `source` is the layer's name."""
        return dependence.doubted(self.reason)


Step = (
    Slide
    | Contract
    | Grouped
    | Split
    | Merge
    | Mix
    | Reduce
    | Scan
    | Regroup
    | Permute
    | Insert
    | Squeeze
    | Broadcast
    | Cover
    | Place
    | Lose
    | AtMost
    | Hide
    | Attend
)
"""One move."""


def under(step: Step, extents: tuple[Num, ...]) -> Step:
    """Let a step work below extra axes of `extents` that stand right behind the batch axis."""
    lead = len(extents)

    def move(axis: int) -> int:
        return axis + lead if axis > 0 else axis

    if isinstance(step, (Slide, Contract, Grouped, Split, Merge, Scan, Place, Lose)):
        return step._replace(axis=move(step.axis))
    if isinstance(step, (Mix, Reduce, Insert, Squeeze)):
        return step._replace(axes=tuple(map(move, step.axes)))
    if isinstance(step, Permute):
        return Permute((step.order[0], *range(1, lead + 1), *map(move, step.order[1:])))
    if isinstance(step, (AtMost, Hide)):  # a mask is aligned to the last axes
        return step
    if isinstance(step, Attend):
        return step._replace(axis=move(step.axis), uneven=tuple(map(move, step.uneven)))
    return step._replace(shape=(*step.shape[:1], *extents, *step.shape[1:]))

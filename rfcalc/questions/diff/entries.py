"""From matched layers to what is said of each: added, removed, changed, affected, the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rfcalc.algebra.number import Num
from rfcalc.questions.diff.figures import DEPENDS, Compared
from rfcalc.questions.diff.model import EXPORTED, Model
from rfcalc.questions.diff.nodes import FOLLOWING, Node
from rfcalc.questions.diff.result import Entry, Setting, State

_RANK: Final[tuple[State, ...]] = ("same", "affected", "changed", "removed", "added")

Inputs = tuple[tuple[tuple[int, int], ...], ...]


def entries_of(
    old: Model, new: Model, pairs: Mapping[int, int], left_out: tuple[set[int], set[int]], *, comparable: bool
) -> tuple[list[Entry], tuple[list[int], list[int]], int, Num]:
    """Say of every layer what became of it.

    Parameters
    ----------
    old, new : Model
        The models.
    pairs : mapping of int to int
        For nodes of the old model those of the new one.
    left_out : tuple of sets of int
        Nodes of each model of which nothing is to be said.
    comparable : bool
        The models are of different formats.

    Returns
    -------
    entries : list of Entry
        One for each layer of the sources, in the order of the new model.
    numbers : tuple of lists of int
        For each node of the old and the new model the number of its entry.
    merged : int
        Layers that differ only in what a format merged into them.
    merged_params : Num
        How many parameters more these have in the new model.
    """
    return _Entries(old, new, pairs, left_out, comparable).made()


class _Entries:
    """The work of `entries_of`."""

    def __init__(
        self,
        old: Model,
        new: Model,
        pairs: Mapping[int, int],
        left_out: tuple[set[int], set[int]],
        comparable: bool,
    ) -> None:
        self.old, self.new, self.pairs, self.left_out = old, new, pairs, left_out
        self.back = {b: a for a, b in pairs.items()}
        self.compared = Compared(old.result, new.result, comparable)
        self.comparable = comparable
        self.moved: dict[int, frozenset[str]] = {}  # of nodes of the new model, which figures differ
        self.touched: set[int] = set()  # those behind a change, or changed themselves
        self.merged = 0
        self.merged_params: Num = 0
        self.entries: list[Entry] = []
        self.numbers = ([-1] * len(old.nodes), [-1] * len(new.nodes))
        self.by_source: dict[tuple[str | None, str | None], int] = {}

    def made(self) -> tuple[list[Entry], tuple[list[int], list[int]], int, Num]:
        gone = self._gone()
        self._remove(gone.get(-1, ()))
        for place in range(len(self.new.nodes)):
            if place in self.back:
                self._pair(self.back[place], place)
            elif place not in self.left_out[1]:
                self._put(Entry("added", None, self.new.sides[place]), None, place)
            self._remove(gone.get(place, ()))
        return self.entries, self.numbers, self.merged, self.merged_params

    def _gone(self) -> dict[int, list[int]]:
        """Return removed nodes behind the node of the new model that they stood behind."""
        found: dict[int, list[int]] = {}
        last = -1
        for place in range(len(self.old.nodes)):
            if place in self.pairs:
                last = self.pairs[place]
            elif place not in self.left_out[0]:
                found.setdefault(last, []).append(place)
        return found

    def _remove(self, places: Sequence[int]) -> None:
        for place in places:
            self._put(Entry("removed", self.old.sides[place], None), place, None)

    def _put(self, entry: Entry, old: int | None, new: int | None) -> None:
        """Add an entry; the calls of one layer of the source are one entry."""
        owners = tuple(
            None if place is None else model.graph[model.nodes[place].name].source_name
            for model, place in ((self.old, old), (self.new, new))
        )
        key = (owners[0], owners[1])
        number = self.by_source.get(key)
        if number is None:
            number = self.by_source[key] = len(self.entries)
            self.entries.append(entry)
        else:
            self.entries[number] = _together(self.entries[number], entry)
        for place, numbers in zip((old, new), self.numbers, strict=True):
            if place is not None:
                numbers[place] = number

    # ---- layers of both models -----------------------------------------------------------------------------

    def _pair(self, here: int, there: int) -> None:
        one, two = self.old.sides[here], self.new.sides[there]
        figures, unclear = self.compared.figures(one, two)
        if "params" in figures and self._only_merged(here, there):
            assert one.params is not None
            assert two.params is not None
            self.merged += 1
            self.merged_params = self.merged_params + two.params - one.params
            figures = tuple(figure for figure in figures if figure != "params")
        node, other = self.old.nodes[here], self.new.nodes[there]
        settings = _settings(node, other) if node.own != other.own else ()
        rewired = self._rewired(here, there)
        before = self._before(here, there)
        if node.kind == other.kind and node.kind in FOLLOWING and before == frozenset():
            settings = _settings(node, other)
        state: State = "same"
        if settings or rewired:
            state = "changed"
        elif figures:
            follows = before is None or all(
                self._follows(figure, figures, before, behind=self._behind(there)) for figure in figures
            )
            state = "affected" if follows else "changed"
        self.moved[there] = frozenset(figures)
        if before is None or state == "changed" or self._behind(there):
            self.touched.add(there)
        self._put(Entry(state, one, two, settings, rewired, figures, unclear), here, there)

    def _before(self, here: int, there: int) -> frozenset[str] | None:
        """Return the figures in which a layer's inputs differ; None where they are not the same layers."""
        found: set[str] = set()
        for slot in self.new.nodes[there].inputs:
            for place, _ in slot:
                if place not in self.back:
                    return None
                found |= self.moved[place]
        if any(place not in self.pairs for slot in self.old.nodes[here].inputs for place, _ in slot):
            return None
        return frozenset(found)

    def _behind(self, there: int) -> bool:
        """Tell whether there is a change anywhere before a layer."""
        return any(place in self.touched for slot in self.new.nodes[there].inputs for place, _ in slot)

    @staticmethod
    def _follows(figure: str, figures: Sequence[str], before: frozenset[str], *, behind: bool) -> bool:
        """Tell whether that a figure differs can come from the inputs."""
        needs = DEPENDS.get(figure)
        if (
            needs is None
        ):  # of fields the largest is compared, and one that is hidden in a smaller one may show
            return behind
        return bool(needs & before) or (figure == "macs" and "output_shape" in figures)

    def _only_merged(self, here: int, there: int) -> bool:
        """Tell whether parameters differ only by vectors, which one format merged or left out."""
        exported = not EXPORTED.isdisjoint((self.old.graph.format, self.new.graph.format))
        normalised = self.old.normalised[here] != self.new.normalised[there]
        if not self.comparable or not (exported or normalised):
            return False
        kernels = []
        for model, place in ((self.old, here), (self.new, there)):
            params, vectors = model.sides[place].params, model.vectors[place]
            if params is None or vectors is None:
                return False
            kernels.append(params - vectors)
        return bool(kernels[0] == kernels[1])

    def _rewired(self, here: int, there: int) -> bool:
        """Tell whether a layer takes other outputs, not counting what was put in between or taken out."""
        node, other = self.old.nodes[here], self.new.nodes[there]
        one, two = node.inputs, other.inputs
        if len(one) != len(two):
            return True
        if all(self._same_source(a, b) for a, b in zip(one, two, strict=True)):
            return False
        if not (node.commutes and other.commutes):
            return True
        left = list(two)
        for slot in one:
            found = next((b for b in left if self._same_source(slot, b)), None)
            if found is None:
                return True
            left.remove(found)
        return False

    def _same_source(self, slot: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...]) -> bool:
        """Tell whether two inputs come from the same layer, or from layers of which one model has none."""
        one = {(self.pairs.get(place, -1), output) for place, output in slot}
        two = {(place if place in self.back else -1, output) for place, output in other}
        lost = any(place == -1 for place, _ in one) or any(place == -1 for place, _ in two)
        if not lost:
            return one == two
        before = self._reach(self.old, slot, self.pairs)
        after = self._reach(self.new, other, {place: place for place in self.back})
        return bool(before & after) or before == after

    @staticmethod
    def _reach(model: Model, slot: Sequence[tuple[int, int]], matched: Mapping[int, int]) -> frozenset[int]:
        """Return the nearest matched layers before an input, by their places in the new model."""
        found, seen = set(), set()
        stack = [place for place, _ in slot]
        while stack:
            place = stack.pop()
            if place in matched:
                found.add(matched[place])
            elif place not in seen:
                seen.add(place)
                stack += [source for each in model.nodes[place].inputs for source, _ in each]
        return frozenset(found)


def _together(one: Entry, two: Entry) -> Entry:
    """Put two calls of one layer together."""
    state = max(one.state, two.state, key=_RANK.index)
    figures = tuple(dict.fromkeys((*one.figures, *two.figures)))
    unclear = tuple(dict.fromkeys((*one.unclear, *two.unclear)))
    settings = one.settings or two.settings
    return Entry(state, one.old, one.new, settings, one.rewired or two.rewired, figures, unclear)


def _settings(old: Node, new: Node) -> tuple[Setting, ...]:
    """Say which settings differ; of another kind those that both have."""
    if old.kind != new.kind:
        both = [name for name in old.settings if name in new.settings]
        head = [Setting("kind", old.kind, new.kind)]
    else:
        both = list(dict.fromkeys((*old.settings, *new.settings)))
        head = []
    found = [
        Setting(name, old.settings.get(name), new.settings.get(name))
        for name in both
        if old.settings.get(name) != new.settings.get(name)
    ]
    return (*head, *found)

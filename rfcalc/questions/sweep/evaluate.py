"""The figures of a block of designs, as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from rfcalc.algebra.batch import values_of
from rfcalc.algebra.number import Num
from rfcalc.counterfactuals.variants import counterfactual
from rfcalc.engine.designs import Outcome, Part, each_way
from rfcalc.engine.propagate import choose_input
from rfcalc.errors import AnalysisError, GraphError, ReadError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import SPATIAL
from rfcalc.loading import Loading, Model, asked, load, read_once
from rfcalc.questions.sweep.columns import DESIGN, ERROR, columns_of, is_real, is_text
from rfcalc.questions.sweep.figures import Figures, figures
from rfcalc.questions.sweep.space import WIDEST, Block, Space

_CANNOT: Final = (AnalysisError, GraphError, ReadError)
"""What is said of a design that cannot be built."""


class Evaluator:
    """Works out the figures of designs. It is made once, used for many blocks, and can be pickled.

    Parameters
    ----------
    model : path, open file, mapping or LayerGraph
        The model, as for `load`.
    space : Space
        What is varied.
    layers : tuple of str
        The layers whose figures are wanted; none for the last map.
    loading : mapping
        The options of `load`, for all designs.

    Attributes
    ----------
    columns : tuple of str
        The names of all columns.
    alone : int
        How many designs had to be run one by one, since those that go together were not right of one of them.

    Raises
    ------
    RfcalcError
        The model cannot be read, or lacks what is varied, or a layer.
    """

    def __init__(self, model: Model, space: Space, layers: tuple[str, ...], loading: Loading) -> None:
        self._model = read_once(model, at_many_sizes=True)
        self._space, self._layers, self._loading = space, layers, loading
        self._values = [axis.array for axis in space.axes]
        for axis in space.axes:
            if axis.kind == "variant":
                for value in axis.values:
                    counterfactual(str(value))
        graphs = self._some()
        chosen = choose_input(graphs[0], loading.get("input"))
        self.columns: Final = columns_of(space, layers, chosen.attrs["axes"].count(SPATIAL))
        self.alone = 0
        _check_layers(layers, graphs)

    def figures(self, block: Block) -> dict[str, Any]:
        """Return the columns of a block, each as long as there are designs, in C order of the block.

        Whole numbers are 64-bit integers, or Python's own as objects where one of a column does not fit;
        strides and coverage are floats. What is not known is masked (`numpy.ma`), all figures of a design
        that cannot be built among it; a column of which all is known may be a plain array.

        Returns
        -------
        dict of str to ndarray
            By the names of `rfcalc.questions.sweep.columns.columns_of`, in their order.
        """
        found: dict[str, Any] = {DESIGN: block.numbers()}
        for place, axis in enumerate(self._space.axes):
            found[axis.name] = block.column(place)
        columns = {name: _Column(name, block.size) for name in self.columns[len(found) :]}
        for outcome in self._outcomes(block):
            at = outcome.part.positions(block.shape)
            for name, column in columns.items():
                if name == ERROR:
                    column.put(at, outcome.refusal, outcome.part.shape)
                elif outcome.value is not None:
                    column.put(at, outcome.value.get(name), outcome.part.shape)
        return found | {name: column.made() for name, column in columns.items()}

    def _outcomes(self, block: Block) -> Iterator[Outcome[Figures]]:
        """Yield the figures of the designs of a block by parts; one design of each is run by itself too."""

        def run(part: Part) -> Figures:
            return self._run(part, block)

        for outcome in each_way(Part.of(block.shape), run, _CANNOT):
            if self._holds(outcome, run):
                yield outcome
            else:  # something took the numbers of many designs for what they are not
                for single in outcome.part.singles():
                    self.alone += 1
                    yield from each_way(single, run, _CANNOT)

    def _holds(self, outcome: Outcome[Figures], run: Callable[[Part], Figures]) -> bool:
        """Tell whether what was worked out for all designs of a part holds for some of them by themselves."""
        part, value = outcome.part, outcome.value
        if part.size == 1:
            return True
        for place in {part.size // 3, part.size * 5 // 6}:  # not at an end, where numbers are often alike
            (single,) = each_way(part.single(place), run, _CANNOT)
            if value is None or single.value is None:
                held = outcome.refused(place) == single.refusal
            else:
                held = {name: _at(value[name], part, place) for name in value} == single.value
            if not held:
                return False
        return True

    def _run(self, part: Part, block: Block) -> Figures:
        """Return the figures of the designs of a part, by column."""
        numbers, variant = self._numbers(part, block)
        with asked(self._model, **self._options(**numbers)) as run:
            return figures(counterfactual(variant).build(run) if variant else run, self._layers)

    def _numbers(self, part: Part, block: Block) -> tuple[dict[str, dict[str, Num]], str]:
        """Return the parameters and extents of the designs of a part, and the variant of all of them."""
        numbers: dict[str, dict[str, Num]] = {"parameter": {}, "dim": {}}
        variant = ""
        for axis, values, indices in zip(self._space.axes, self._values, block.indices, strict=True):
            if axis.kind == "variant":
                variant = str(axis.values[int(part.number(np.arange(len(values)), indices))])
            else:
                numbers[axis.kind][axis.name] = part.number(values, indices)
        return numbers, variant

    def _options(self, parameter: Mapping[str, Num], dim: Mapping[str, Num]) -> Loading:
        """Return the options of `load` for some designs."""
        return {
            **self._loading,
            "parameters": {**(self._loading.get("parameters") or {}), **parameter} or None,
            "dims": {**(self._loading.get("dims") or {}), **dim} or None,
        }

    def _some(self) -> list[LayerGraph]:
        """Return the model as it stands, its first design and its last, as far as these can be read.

        Raises
        ------
        RfcalcError
            None of them can; why the model itself cannot.
        """
        found: list[LayerGraph] = []
        first: Exception | None = None
        ends = self._space.chosen(np.array([0, self._space.size - 1], dtype=object))
        parts = [Part.of((2,)).single(place) for place in range(2)]
        for loading in (self._loading, *(self._options(**self._numbers(part, ends)[0]) for part in parts)):
            try:
                found.append(load(self._model, **loading))
            except _CANNOT as error:
                first = first or error
        if not found:
            assert first is not None
            raise first
        return found


def _check_layers(layers: Sequence[str], graphs: Sequence[LayerGraph]) -> None:
    """Refuse a layer that none of some designs has."""
    known = {name for graph in graphs for layer in graph for name in (layer.source_name, *layer.outputs)}
    known |= {block.name for graph in graphs for block in graph.blocks.values()}
    missing = next((name for name in layers if name not in known), None)
    if missing is not None:
        raise UsageError(f"no layer is called {missing!r}")


class _Column:
    """A column that is being filled.

    Parameters
    ----------
    name : str
        Its name.
    size : int
        How many designs it is for.
    """

    def __init__(self, name: str, size: int) -> None:
        self._real = is_real(name)
        if is_text(name):
            self.values: Any = np.full(size, "", dtype=object)
            self._missing: Any = None
        else:
            self.values = np.zeros(size, dtype=np.float64 if self._real else np.int64)
            self._missing = np.ones(size, dtype=bool)

    def put(self, at: Any, value: Num | None, shape: Sequence[int]) -> None:
        """Put in what is known of the designs at some places."""
        if value is None:
            return
        if self._missing is None:
            self.values[at] = value
            return
        numbers = values_of(value)
        wide = not self._real and (
            numbers.dtype == object if isinstance(numbers, np.ndarray) else not -WIDEST <= numbers < WIDEST
        )
        if wide and self.values.dtype != object:
            self.values = self.values.astype(object)
        self.values[at] = np.broadcast_to(numbers, shape).ravel() if np.ndim(numbers) else numbers
        self._missing[at] = False

    def made(self) -> Any:
        """Return the column; what is not known in it is masked."""
        missing = self._missing
        return (
            self.values if missing is None or not missing.any() else np.ma.MaskedArray(self.values, missing)
        )


def _at(value: Num | None, part: Part, place: int) -> Num | None:
    """Return the figure of one design of a part."""
    numbers = values_of(value)
    return part.value(numbers, place) if isinstance(numbers, np.ndarray) else numbers

"""What is met on the way through a layer: what its tensor depends on between the steps of a path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rfcalc.algebra.dependence import Dependence
from rfcalc.algebra.pieces import follow
from rfcalc.algebra.steps import Place
from rfcalc.rules.registry import Path


def interfaces(path: Path, inputs: Sequence[Dependence | None], source: str) -> Iterator[Dependence]:
    """Yield what a tensor depends on before each step of a path (`Path.followed`), and behind the last.

    Parameters
    ----------
    path : Path
        A path of a rule, from an input that something is known of.
    inputs : sequence of Dependence or None
        What the inputs of the layer depend on.
    source : str
        The layer.
    """
    held = inputs[path.input]
    assert held is not None
    yield held
    alone = sum(bool(each and each.legs) for each in inputs) == 1
    for step in path.followed:
        # what stands in a concatenation beside parts that depend on nothing is the only part, as in the pass
        placed = step._replace(parts=1) if alone and isinstance(step, Place) else step
        held = follow(placed, held, source)
        yield held

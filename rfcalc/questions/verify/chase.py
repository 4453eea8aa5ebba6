"""Chase the sets of what each element depends on through a graph, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from rfcalc.algebra.number import is_known
from rfcalc.engine.shapes import LayerInfo
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, Layer, TensorSpec
from rfcalc.questions.verify.definitions import defined
from rfcalc.questions.verify.definitions.given import NotDefined
from rfcalc.questions.verify.sets import Sets
from rfcalc.records import NamedTuple

_FAILURES: Final = (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError)
"""What a definition may end with that does not fit its inputs: the shapes before it are wrong then."""


class Chased(NamedTuple):
    """What the definitions say of one layer.

    Parameters
    ----------
    layer : Layer
        The layer.
    outputs : tuple of Sets, optional
        Its outputs; None where the definitions do not reach.
    reason : str
        Why they do not.
    """

    layer: Layer
    outputs: tuple[Sets, ...] | None
    reason: str = ""


def chase(graph: LayerGraph, resolved: Mapping[str, LayerInfo], chosen: Layer, axis: int) -> Iterator[Chased]:
    """Follow one axis of the chosen input through all layers, in topological order.

    Parameters
    ----------
    graph : LayerGraph
        The model.
    resolved : mapping
        What the rules say of its tensors; of these the extents of inputs and the roles of axes are used.
    chosen : Layer
        The input that is followed.
    axis : int
        Which of its tensor axes.
    """
    uses: dict[str, int] = {}
    for layer in graph:
        for producer, _ in layer.inputs:
            uses[producer] = uses.get(producer, 0) + 1
    outside = concrete(_spec(resolved, chosen.name, 0))[axis]
    alive: dict[str, tuple[Sets, ...] | None] = {}
    for layer in graph:
        outputs: tuple[Sets, ...] | None = None
        reason = ""
        if layer.kind == "input":
            shape = concrete(_spec(resolved, layer.name, 0))
            mine = layer.name == chosen.name
            outputs = (Sets.of_input(shape, axis) if mine else Sets.nothing(shape, outside),)
        else:
            given = [(alive[producer], output) for producer, output in layer.inputs]
            if any(sets is None for sets, _ in given):
                reason = "a layer before it is not defined"
            else:
                inputs = [sets[output] for sets, output in given if sets is not None]
                specs = [_spec(resolved, producer, output) for producer, output in layer.inputs]
                try:
                    outputs = tuple(defined(layer.whole, inputs, specs))
                except NotDefined as error:
                    reason = f"{error} is not defined by enumeration"
                except _FAILURES as error:
                    reason = f"its definition does not fit its inputs ({error})"
        if layer.cut and outputs is not None:
            outputs = tuple(Sets.nothing(each.shape, each.outside) for each in outputs)
        alive[layer.name] = outputs
        yield Chased(layer, outputs, reason)
        for producer, _ in layer.inputs:
            uses[producer] -= 1
            if not uses[producer]:
                alive.pop(producer, None)


def _spec(resolved: Mapping[str, LayerInfo], layer: str, output: int) -> TensorSpec:
    result = resolved[layer].result
    if result is None:
        raise NotDefined("an unknown op")
    return result.outputs[output]


def concrete(spec: TensorSpec) -> list[int]:
    """Return a shape with one sample where the batch is open.

    Raises
    ------
    NotDefined
        Another extent is open.
    """
    shape = []
    for extent, role in zip(spec.shape, spec.axes, strict=True):
        if is_known(extent):
            shape.append(int(extent))
        elif role == BATCH:
            shape.append(1)
        else:
            raise NotDefined("an open extent of the input")
    return shape

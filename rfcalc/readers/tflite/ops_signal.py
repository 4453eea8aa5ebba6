"""Signal processing."""

from __future__ import annotations

from rfcalc.algebra.number import equal, is_known, is_one
from rfcalc.graph.layer import Extras, Stage, TensorSpec
from rfcalc.readers.lowering.layout import channels_last
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.tflite.operation import Operation, op


@op("RFFT2D", tells="signal", spare=(1,))
def fourier(operation: Operation) -> Values:
    """Every frequency takes the last two axes, cut or filled up to the lengths that are given."""
    x, lengths = operation[0], operation.whole(1)
    if x.spec is None:
        raise Blind
    if len(lengths) != 2 or x.rank < 2 or min(lengths) < 1:
        raise operation.wrong(f"needs two lengths for two axes, got {list(lengths)}")
    cuts = []
    for axis, length in zip((x.rank - 2, x.rank - 1), lengths, strict=True):
        if is_known(x.shape[axis]) and x.shape[axis] > length:
            cuts.append((axis, None, length, 1))
    prepare = ((0, (Stage("slice", {"slices": tuple(cuts)}),)),) if cuts else ()
    stages = [Stage("top_k", {"axis": -1, "size": lengths[1] // 2 + 1, "indices": False})]
    if not (is_one(lengths[0]) and equal(x.shape[-2], 1)):
        stages.append(Stage("top_k", {"axis": -2, "size": lengths[0], "indices": False}))
    first, *more = stages
    return operation.add(first.kind, (x,), first.attrs, Extras(prepare, tuple(more)))


@op("REAL", "IMAG", tells="same")
def part(operation: Operation) -> Values:
    """One part of complex numbers."""
    return operation.add("activation", (operation[0],), {"function": operation.op.lower()})


@op("RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM")
def random(operation: Operation) -> Values:
    """Numbers from nowhere, in a shape that is an input."""
    shape = operation.numbers(0) or ()
    return (Value(TensorSpec(tuple(shape), channels_last(len(shape)))),)

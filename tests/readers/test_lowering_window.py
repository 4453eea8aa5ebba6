"""Windows over tensors whose channels stand last do what they do where channels stand first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from rfcalc.algebra.number import Num
from rfcalc.engine.run import Run
from rfcalc.graph.layer import TensorSpec
from rfcalc.readers.lowering import window
from rfcalc.readers.lowering.builder import Builder, Node
from rfcalc.readers.lowering.operation import Lowering
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.lowering.window import Layout

Case = Callable[[Lowering, Value, Layout], Values]

ONCE = {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "dilation": (1, 2)}


def kernel(first: int, second: int, layout: Layout, *, transposed: bool = False) -> Value:
    """A kernel of `first` filters for `second` channels, over 3x2."""
    if layout == "last":
        shape: tuple[Num, ...] = (first, 3, 2, second)
    else:
        shape = (second, first, 3, 2) if transposed else (first, second, 3, 2)
    return Value(TensorSpec(shape, "csss" if layout == "last" else "bcss"))


CASES: dict[str, Case] = {
    "conv": lambda at, x, last: window.conv(at, x, kernel(6, 4, last), layout=last, **ONCE),
    "groups": lambda at, x, last: window.conv(at, x, kernel(6, 2, last), groups=2, layout=last, **ONCE),
    "transposed": lambda at, x, last: window.transposed_conv(
        at, x, kernel(6, 4, last, transposed=True), output_padding=(1, 0), layout=last, **ONCE
    ),
    "pool": lambda at, x, last: window.pool(at, x, "max", kernel=(3, 2), layout=last, **ONCE),
    "global": lambda at, x, last: window.global_pool(at, x, "average", layout=last),
    "adaptive": lambda at, x, last: window.adaptive_pool(at, x, "average", (3, None), layout=last),
}


def lowered(case: Case, shape: Sequence[int], layout: Layout) -> tuple[tuple[Num, ...], int, object]:
    """Return the shape of the result, its multiply-accumulates, and what it depends on along each axis."""
    builder = Builder()
    axes = {"first": "bcss", "last": "bssc"}[layout][4 - len(shape) :]
    x = builder.input("x", tuple(shape), axes, "float32")
    (made, *_) = case(Lowering(builder, Node("y", "Y", ("y",))), x, layout)
    assert made.spec is not None
    run = Run(builder.graph([made], name="m", format="onnx", source=""))
    dependence = run.fields["y"].full[0]
    assert dependence is not None
    legs = {leg.axis: leg.relation for leg in dependence.legs}
    result = run.resolved["y"].result
    assert result is not None
    return made.spec.shape, result.macs, legs


@pytest.mark.parametrize("name", CASES)
def test_channels_may_stand_last(name: str) -> None:
    first, macs, legs = lowered(CASES[name], (1, 4, 12, 9), "first")
    last = lowered(CASES[name], (1, 12, 9, 4), "last")
    assert last == ((first[0], *first[2:], first[1]), macs, legs)
    assert legs


@pytest.mark.parametrize("name", ["conv", "groups", "pool"])
def test_a_sample_without_a_batch_axis(name: str) -> None:
    first, macs, legs = lowered(CASES[name], (4, 12, 9), "first")
    last = lowered(CASES[name], (12, 9, 4), "last")
    assert last == ((*first[1:], first[0]), macs, legs)

"""Which axis of an ONNX graph's input is the batch, held to what onnxruntime shows to change with what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import rfcalc
from tests.wild_graphs import Maker, Tensor, attention
from tests.zoo.wild_graphs import judge, spelled

pytestmark = pytest.mark.onnx

Build = Callable[[Maker, Tensor], object]


def made(build: Build, shape: tuple[int, ...]) -> Any:
    """Return the graph that a function makes of an input of some shape."""
    maker = Maker(0)
    x = Tensor("x", shape)
    maker.tensors.append(x)
    build(maker, x)
    return maker.model()


def linear(m: Maker, x: Tensor, width: int) -> Tensor:
    return m.add("MatMul", [x.name, m.weights(x.shape[-1], width)], (*x.shape[:-1], width))


def turned(m: Maker, x: Tensor, *order: int) -> Tensor:
    return m.add("Transpose", [x.name], [x.shape[place] for place in order], perm=list(order))


def steps(m: Maker, x: Tensor, op: str = "LSTM", **attrs: Any) -> Tensor:
    """Add a recurrent layer of three units in one direction, without its axis of directions."""
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    t, b, c = x.shape
    weights = m.weights(1, gates * 3, c), m.weights(1, gates * 3, 3)
    y = m.add(op, [x.name, *weights], (t, 1, b, 3), hidden_size=3, **attrs)
    return m.add("Squeeze", [y.name, m.ints([1])], (t, b, 3))


def convolved(m: Maker, x: Tensor, **attrs: Any) -> Tensor:
    """Add a convolution to two channels whose window is one element wide, unless told otherwise."""
    rank = len(x.shape) - 2
    settings = {"kernel_shape": [1] * rank, "pads": [0] * 2 * rank, "strides": [1] * rank, **attrs}
    k, pads, strides = settings["kernel_shape"], settings["pads"], settings["strides"]
    spatial = [(n + pads[a] + pads[a + rank] - k[a]) // strides[a] + 1 for a, n in enumerate(x.shape[2:])]
    w = m.weights(2, x.shape[1], *k)
    return m.add("Conv", [x.name, w], (x.shape[0], 2, *spatial), **settings)


def recurrent_at_once(m: Maker, x: Tensor) -> None:
    linear(m, steps(m, x), 4)


def recurrent_behind_linear(m: Maker, x: Tensor) -> None:
    linear(m, steps(m, linear(m, x, 6), "GRU", direction="reverse"), 4)


def recurrent_over_columns(m: Maker, x: Tensor) -> None:
    steps(m, turned(m, convolved(m, x), 2, 0, 1), "RNN")


def encoder(m: Maker, x: Tensor) -> None:
    linear(m, linear(m, attended(m, x), 16), 4)


def encoder_time_first(m: Maker, x: Tensor) -> None:
    linear(m, turned(m, attended(m, turned(m, linear(m, x, 6), 1, 0, 2)), 1, 0, 2), 5)


def attended(m: Maker, x: Tensor) -> Tensor:
    """Add attention over the last axis but one, without a mask."""
    m.random.seed(1)
    y = attention(m, x)
    assert y is not None
    return y


def new_axis(m: Maker, x: Tensor) -> None:
    """Lay a signal of several electrodes out as a map of one channel."""
    b, c, t = x.shape
    y = m.add("Reshape", [x.name, m.ints([b, 1, c, t])], (b, 1, c, t))
    convolved(m, y, kernel_shape=[1, 3])


def padded_along(m: Maker, x: Tensor) -> None:
    """Take off a mean over samples, then pad the axis that would be the batch, were it not the window's."""
    shape = (1, x.shape[1], 1, x.shape[3])
    mean = m.add("ReduceMean", [x.name, m.ints([0, 2])], shape, keepdims=1)
    convolved(m, m.add("Sub", [x.name, mean.name], x.shape), pads=[2, 0, 2, 0])


def picked(m: Maker, x: Tensor) -> None:
    y = m.add("Gather", [x.name, m.ints([2, 0])], (2, *x.shape[1:]), axis=0)
    linear(m, y, 5)


def later(m: Maker, x: Tensor) -> None:
    given = [m.ints([1]), m.ints([99]), m.ints([0])]
    linear(m, m.add("Slice", [x.name, *given], (x.shape[0] - 1, *x.shape[1:])), 5)


def padded(m: Maker, x: Tensor) -> None:
    y = m.add("Pad", [x.name, m.ints([1, 0, 0, -1, 0, 0])], x.shape, mode="edge")
    linear(m, y, 5)


def against_itself(m: Maker, x: Tensor) -> None:
    sizes = dict(zip("abc", x.shape, strict=True)) | {"z": x.shape[0]}
    m.add("Einsum", [x.name, x.name], [sizes[each] for each in "acz"], equation="abc,zbc->acz")


def beside_its_transpose(m: Maker, x: Tensor) -> None:
    """Add a table to its transpose, so that samples meet what would be channels."""
    y = m.add("Add", [x.name, turned(m, x, 1, 0, 2).name], x.shape)
    linear(m, y, 5)


def scattered(m: Maker, x: Tensor) -> None:
    """Cut across samples: three rows of eight become six of four, in another order."""
    y = turned(m, x, 0, 2, 1)
    n, c = y.shape[1] * y.shape[2], y.shape[0]
    linear(m, m.add("Reshape", [y.name, m.ints([n, c])], (n, c)), 5)


def twice(m: Maker, x: Tensor) -> None:
    """Put samples and what they are read backwards behind each other, as augmentation at test time does."""
    given = [m.ints([-1]), m.ints([-99]), m.ints([2]), m.ints([-1])]
    back = m.add("Slice", [x.name, *given], x.shape)
    y = m.add("Concat", [x.name, back.name], (2 * x.shape[0], *x.shape[1:]), axis=0)
    convolved(m, y, kernel_shape=[3])


CASES: dict[str, tuple[Build, tuple[int, ...], str, int]] = {
    # what is done, the input's shape, the roles of its axes, multiply-accumulates for one sample
    "lstm": (recurrent_at_once, (5, 3, 4), "sbc", 5 * 4 * 3 * (4 + 3) + 5 * 3 * 4),
    "lstm, one step": (recurrent_at_once, (1, 6, 4), "sbc", 4 * 3 * (4 + 3) + 3 * 4),
    "lstm, one sample": (recurrent_at_once, (6, 1, 4), "sbc", 6 * (4 * 3 * (4 + 3) + 3 * 4)),
    "gru behind linear": (
        recurrent_behind_linear,
        (5, 3, 4),
        "sbc",
        5 * (4 * 6 + 3 * 3 * (6 + 3) + 3 * 4),
    ),
    "rnn over columns": (recurrent_over_columns, (2, 4, 7), "bcs", 7 * 4 * 2 + 7 * 3 * (2 + 3)),
    "encoder": (encoder, (2, 6, 8), "bsc", 3 * 6 * 8 * 4 + 2 * 6 * 6 * 4 + 6 * 16 * (4 + 4)),
    "encoder, one sample": (
        encoder,
        (1, 6, 8),
        "bsc",
        3 * 6 * 8 * 4 + 2 * 6 * 6 * 4 + 6 * 16 * (4 + 4),
    ),
    "encoder, time first": (
        encoder_time_first,
        (7, 2, 4),
        "sbc",
        7 * 4 * 6 + 3 * 7 * 6 * 4 + 2 * 7 * 7 * 4 + 7 * 4 * 5,
    ),
    "new axis, one sample": (new_axis, (1, 5, 9), "bss", 2 * 3 * 5 * 7),
    "new axis": (new_axis, (2, 5, 9), "bss", 2 * 3 * 5 * 7),
    "window over what would be the batch": (padded_along, (2, 3, 4, 5), "scss", 2 * 2 * 3 * 8 * 5),
    "picked": (picked, (3, 4, 6), "sbc", 2 * 6 * 5),
    "from the second on": (later, (3, 4, 6), "sbc", 2 * 6 * 5),
    "padded": (padded, (3, 4, 6), "sbc", 3 * 6 * 5),
    "against itself": (against_itself, (3, 2, 4), "scb", 3 * 2 * 3),
    "beside its transpose": (beside_its_transpose, (3, 3, 4), "ssc", 9 * 4 * 5),
    "scattered": (scattered, (3, 4, 2), "scs", 8 * 3 * 5),
    "twice": (twice, (2, 3, 8), "bcs", 2 * 2 * 3 * 3 * 6),
}


@pytest.mark.parametrize("name", CASES)
def test_no_sample_reads_another_and_all_positions_count(name: str) -> None:
    build, shape, axes, macs = CASES[name]
    graph = made(build, shape)
    verdict = judge(graph)
    assert verdict.word == "holds", f"{verdict}\n{spelled(graph)}"
    result = rfcalc.load(graph)
    assert result.inputs[0].attrs["axes"] == axes
    analysis = rfcalc.analyze(result)
    assert analysis.totals.macs == macs
    assert all(row.status == "exact" for row in analysis.rows) or name == "scattered"  # may be a bound


def test_a_sum_over_samples_is_no_sample() -> None:
    """A convolution says where samples are, and that they are summed up behind it does not change that."""

    def build(m: Maker, x: Tensor) -> None:
        y = convolved(m, x, kernel_shape=[3])
        m.add("ReduceMean", [y.name, m.ints([0])], (1, *y.shape[1:]), keepdims=1)

    first, second = rfcalc.analyze(made(build, (3, 4, 8))).rows[1:]
    assert (first.status, second.status) == ("exact", "bound")
    assert "samples are summed up" in str(second.reason)


POINTWISE = 5 * 6
"""Multiply-accumulates of a linear layer from 6 to 5 features."""


def layouts(graph: Any) -> list[str]:
    return [note.message for note in rfcalc.analyze(graph).notes if note.code == "layout"]


def test_a_layout_that_nothing_tells_is_said_with_what_it_changes() -> None:
    graph = made(lambda m, x: linear(m, x, 5), (2, 7, 6))
    (said,) = layouts(graph)
    assert f"read as NTC, with {7 * POINTWISE} multiply-accumulates" in said
    assert f"--layout TNC reads it otherwise, with {2 * POINTWISE}" in said
    assert rfcalc.analyze(graph).totals.macs == 7 * POINTWISE
    assert rfcalc.analyze(graph, layout="TNC").totals.macs == 2 * POINTWISE


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda m, x: linear(m, x, 5), (1, 7, 6)),  # a batch of one
        (lambda m, x: linear(m, x, 5), (7, 7, 6)),  # it would change nothing
        (lambda m, x: linear(m, x, 5), (7, 6)),
        (encoder, (2, 7, 6)),
        (lambda m, x: convolved(m, x, kernel_shape=[3]), (2, 7, 6)),
        (lambda m, x: linear(m, convolved(m, x), 5), (2, 7, 6)),
    ],
)
def test_no_note_where_the_graph_or_habit_tells(build: Build, shape: tuple[int, ...]) -> None:
    assert layouts(made(build, shape)) == []


TARGETS = [(2, 1, 4, 20), (0, 1, 4, 20), (-1, 1, 4, 20), (2, 1, -1, 20), (0, 1, 4, -1)]
"""The same reshape, written in all ways; those with a 2 in front fix the batch."""


@pytest.mark.parametrize(
    ("target", "open_batch"), [(each, b) for each in TARGETS for b in (False, True) if each[0] != 2 or not b]
)
def test_a_reshape_that_adds_the_axis_of_channels_tells_that_the_input_has_none(
    target: tuple[int, ...], open_batch: bool
) -> None:
    """Electrodes by time, as EEGNet takes them: both are positions, whichever way the reshape is written."""
    maker = Maker(0)
    x = Tensor("x", (2, 4, 20))
    maker.tensors.append(x)
    y = maker.add("Reshape", [x.name, maker.ints(target)], (2, 1, 4, 20))
    convolved(maker, y, kernel_shape=[2, 5])
    model = maker.model()
    if open_batch:
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "n"
    graph = rfcalc.load(model)
    assert graph.inputs[0].attrs["axes"] == "bss"
    field = rfcalc.field(graph, graph.outputs[0][0])
    assert [axis.status for axis in field.axes] == ["exact", "exact"]
    assert [axis.rows[1] for axis in field.axes] == [(1, 2, 2), (1, 5, 5)]

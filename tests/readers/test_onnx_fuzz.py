"""Random graphs of ONNX operations against the oracle.

Two to six operations in a row, with residuals between them. Whatever rfcalc says has to cover the truth; what
it calls exact has to equal it, but where the graph tells channels, or parts of a map put end to end, apart
again: rfcalc unites these (docs/architecture.md, "What counts as exact").
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rfcalc

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.readers import onnx_oracle as oracle
from tests.readers.onnx_models import Case, Node, f, i, model_of, n, s, w
from tests.readers.test_onnx_ops import check_rows

pytestmark = [pytest.mark.onnx, pytest.mark.filterwarnings("ignore")]

LARGEST = 6000
LONGEST = 40

Draw = Callable[[Any], Any]
Made = tuple[list[Node], bool]
"""Nodes whose last makes the tensor named ``out``, and whether channels or parts stay apart in it."""


class RefusedError(Exception):
    """The kernel refuses an operation here, or it makes no sense, or grows too large."""


class Builder:
    """A chain that grows by one operation at a time; each is run at once, so that its shape is known."""

    def __init__(self, draw: Draw, shape: tuple[int, ...]) -> None:
        self.draw = draw
        self.nodes: list[Node] = []
        self.values: dict[str, np.ndarray] = {"x": np.zeros(shape, np.float32)}
        self.at = "x"
        self.apart = False
        self.count = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.values[self.at].shape)

    def whole(self, low: int, high: int) -> int:
        if low > high:
            raise RefusedError("there is no such axis")
        return int(self.draw(st.integers(low, high)))

    def one_of(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def flag(self) -> bool:
        return bool(self.draw(st.booleans()))

    def name(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def add(self, op: str, *inputs: Any, **attributes: Any) -> str:
        """Run a node and keep it."""
        node = n(op, *inputs, to=self.name(), **attributes)
        names = {each for each in inputs if isinstance(each, str)}
        known = {k: v for k, v in self.values.items() if k in names}
        more = {k: ("f", v.shape) for k, v in known.items() if k != "x"}
        case = Case("one", self.values["x"].shape, (node,), more=more)
        blob = model_of(case).SerializeToString()
        try:
            value = oracle.run_model(blob, {"x": self.values["x"], **known})[0]
        except Exception as error:
            raise RefusedError(str(error)) from error
        if value.size == 0 or value.size > LARGEST or max(value.shape, default=1) > LONGEST or value.ndim > 6:
            raise RefusedError("too large, or empty")
        self.nodes.append(node)
        self.values[node.outputs[0]] = np.zeros(value.shape, np.float32)
        return node.outputs[0]


Step = Callable[[Builder], str]


def conv(b: Builder) -> str:
    rank = len(b.shape) - 2
    channels = b.shape[1]
    group = b.one_of(1, channels) if channels <= 4 else 1
    if group > 1:
        b.apart = True
    kernel = [b.whole(1, 4) for _ in range(rank)]
    given: dict[str, Any] = {
        "strides": [b.whole(1, 3) for _ in kernel],
        "dilations": [b.one_of(1, 1, 2) for _ in kernel],
    }
    if b.flag():
        given["pads"] = [b.whole(0, 2) for _ in kernel * 2]
    elif given["dilations"] == [1] * rank:
        given["auto_pad"] = b.one_of("SAME_UPPER", "SAME_LOWER", "VALID")
    return b.add("Conv", b.at, w(group * b.one_of(1, 2), channels // group, *kernel), group=group, **given)


def conv_transpose(b: Builder) -> str:
    rank = len(b.shape) - 2
    kernel = [b.whole(1, 4) for _ in range(rank)]
    strides = [b.whole(1, 3) for _ in kernel]
    given: dict[str, Any] = {"strides": strides, "dilations": [b.one_of(1, 1, 2) for _ in kernel]}
    if b.flag():
        given["pads"] = [b.whole(0, 1) for _ in kernel * 2]
        given["output_padding"] = [b.whole(0, stride - 1) for stride in strides]
    return b.add("ConvTranspose", b.at, w(b.shape[1], 2, *kernel), **given)


def pool(b: Builder) -> str:
    rank = len(b.shape) - 2
    kernel = [b.whole(1, 3) for _ in range(rank)]
    op = b.one_of("MaxPool", "AveragePool")
    if any(size > extent for size, extent in zip(kernel, b.shape[2:], strict=True)):
        raise RefusedError("onnxruntime would take it")
    given: dict[str, Any] = {"strides": [b.whole(1, 3) for _ in kernel], "ceil_mode": b.whole(0, 1)}
    if b.flag():
        given["pads"] = [b.whole(0, size - 1) for size in kernel * 2]
    return b.add(op, b.at, kernel_shape=kernel, **given)


def global_pool(b: Builder) -> str:
    return b.add("GlobalAveragePool", b.at)


def gate(b: Builder) -> str:
    return b.add("Mul", b.at, b.add("Sigmoid", b.add("GlobalAveragePool", b.at)))


def resize(b: Builder) -> str:
    rank = len(b.shape) - 2
    mode = b.one_of("nearest", "linear") if rank < 3 else "nearest"
    given = {
        "mode": mode,
        "coordinate_transformation_mode": b.one_of(
            "half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"
        ),
    }
    if mode == "nearest":
        given["nearest_mode"] = b.one_of("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    if b.flag():
        scales = [b.one_of(0.5, 1, 1.5, 2, 3) for _ in range(rank)]
        return b.add("Resize", b.at, None, f(1, 1, *scales), **given)
    sizes = [b.whole(1, 2 * size) for size in b.shape[2:]]
    return b.add("Resize", b.at, None, None, i(*b.shape[:2], *sizes), **given)


def pad(b: Builder) -> str:
    rank = len(b.shape)
    low = [b.whole(-1, 2) if size > 3 else 0 for size in b.shape]
    high = [b.whole(-1, 2) if size > 3 else 0 for size in b.shape]
    low[:1] = high[:1] = [0]
    mode = b.one_of("constant", "constant", "reflect", "edge")
    if mode != "constant":
        low, high = [max(each, 0) for each in low], [max(each, 0) for each in high]
    assert len(low) == rank
    return b.add("Pad", b.at, i(*low, *high), mode=mode)


def depth_space(b: Builder) -> str:
    op = b.one_of("DepthToSpace", "SpaceToDepth")
    given = {"mode": b.one_of("DCR", "CRD")} if op == "DepthToSpace" else {}
    return b.add(op, b.at, blocksize=2, **given)


def relu(b: Builder) -> str:
    return b.add("Relu", b.at)


def slice_(b: Builder) -> str:
    axis = b.whole(1, len(b.shape) - 1)
    size = b.shape[axis]
    step = b.one_of(1, 1, 2, 3, -1, -2)
    first, last = b.whole(-size, size), b.whole(-size, size)
    b.apart = True
    return b.add("Slice", b.at, i(first), i(last), i(axis), i(step))


def transpose(b: Builder) -> str:
    order = b.draw(st.permutations(range(1, len(b.shape))))
    return b.add("Transpose", b.at, perm=[0, *order])


def merge(b: Builder) -> str:
    first = b.whole(1, len(b.shape) - 2)
    size = b.shape[first] * b.shape[first + 1]
    return b.add("Reshape", b.at, i(*b.shape[:first], size, *b.shape[first + 2 :]))


def split_axis(b: Builder) -> str:
    axis = b.whole(1, len(b.shape) - 1)
    size = b.shape[axis]
    factors = [k for k in range(2, size) if size % k == 0]
    if not factors:
        raise RefusedError("a prime")
    k = b.one_of(*factors)
    return b.add("Reshape", b.at, i(*b.shape[:axis], k, size // k, *b.shape[axis + 1 :]))


def reduce_(b: Builder) -> str:
    axis = b.whole(1, len(b.shape) - 1)
    return b.add(b.one_of("ReduceMean", "ReduceMax"), b.at, i(axis), keepdims=b.whole(0, 1))


def centred(b: Builder) -> str:
    axis = b.whole(1, len(b.shape) - 1)
    return b.add("Sub", b.at, b.add("ReduceMean", b.at, i(axis)))


def softmax(b: Builder) -> str:
    return b.add("Softmax", b.at, axis=b.whole(1, len(b.shape) - 1))


def concat(b: Builder) -> str:
    axis = b.whole(1, len(b.shape) - 1)
    others = [name for name, value in b.values.items() if fits(value.shape, b.shape, axis)]
    b.apart = True
    parts = [b.at, b.one_of(*others)]
    return b.add("Concat", *(parts if b.flag() else parts[::-1]), axis=axis)


def fits(shape: tuple[int, ...], other: tuple[int, ...], axis: int) -> bool:
    return len(shape) == len(other) and all(
        k == axis or x == y for k, (x, y) in enumerate(zip(shape, other, strict=True))
    )


def residual(b: Builder) -> str:
    others = [
        name
        for name, value in b.values.items()
        if len(value.shape) == len(b.shape) and joins(value.shape, b.shape)
    ]
    return b.add(b.one_of("Add", "Mul"), b.at, b.one_of(*others))


def joins(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(1 in (x, y) or x == y for x, y in zip(shape, other, strict=True))


def gather(b: Builder) -> str:
    axis = b.whole(1, len(b.shape) - 1)
    size = b.shape[axis]
    b.apart = True
    if b.flag():
        return b.add("Gather", b.at, s(b.whole(-size, size - 1), "i8"), axis=axis)
    return b.add("Gather", b.at, i(*[b.whole(-size, size - 1) for _ in range(b.whole(1, 5))]), axis=axis)


def split(b: Builder) -> str:
    axis = b.whole(1, len(b.shape) - 1)
    size = b.shape[axis]
    first = b.whole(0, size - 1)
    b.apart = True
    return b.add("Slice", b.at, i(first), i(b.whole(first + 1, size)), i(axis))


def tile(b: Builder) -> str:
    repeats = [1, *(b.one_of(1, 1, 2) for _ in b.shape[1:])]
    return b.add("Tile", b.at, i(*repeats))


def linear(b: Builder) -> str:
    return b.add("MatMul", b.at, w(b.shape[-1], 3))


def gram(b: Builder) -> str:
    order = [*range(len(b.shape) - 2), len(b.shape) - 1, len(b.shape) - 2]
    return b.add("MatMul", b.at, b.add("Transpose", b.at, perm=order))


def attention(b: Builder) -> str:
    return b.add("MatMul", b.add("Softmax", gram(b), axis=-1), b.at)


def layer_norm(b: Builder) -> str:
    return b.add("LayerNormalization", b.at, w(b.shape[-1]), w(b.shape[-1]))


def instance_norm(b: Builder) -> str:
    return b.add("InstanceNormalization", b.at, w(b.shape[1]), w(b.shape[1]))


def cumsum(b: Builder) -> str:
    axis = s(b.whole(1, len(b.shape) - 1), "i8")
    return b.add("CumSum", b.at, axis, reverse=b.whole(0, 1))


def unsqueeze(b: Builder) -> str:
    return b.add("Unsqueeze", b.at, i(b.whole(1, len(b.shape))))


def squeeze(b: Builder) -> str:
    return b.add("Squeeze", b.at, i(*[k for k, size in enumerate(b.shape) if size == 1 and k]))


def roll(b: Builder) -> str:
    axis = b.whole(1, len(b.shape) - 1)
    by = b.whole(1, 3)
    first = b.add("Slice", b.at, i(by), i(99), i(axis))
    return b.add("Concat", first, b.add("Slice", b.at, i(0), i(by), i(axis)), axis=axis)


WINDOWS: list[Step] = [conv, conv, conv, conv_transpose, pool, pool, resize, global_pool, gate, instance_norm]
ANY: list[Step] = [
    pad, relu, slice_, transpose, merge, split_axis, reduce_, centred, softmax, concat, residual, residual,
    gather, split, tile, linear, layer_norm, cumsum, unsqueeze, squeeze, roll, gram, attention,
]  # fmt: skip


@st.composite
def graphs(draw: Draw, steps: tuple[list[Step], ...] = (WINDOWS, ANY)) -> tuple[Case, bool]:
    rank = draw(st.sampled_from([1, 1, 2, 2, 3])) if steps[0] else 2
    extents = [
        draw(st.sampled_from((range(6, 17), range(4, 12), range(3, 6))[rank - 1])) for _ in range(rank)
    ]
    shape = (1, draw(st.integers(1, 4)), *extents)
    b = Builder(draw, shape)
    for _ in range(draw(st.integers(2, 6))):
        kinds = (
            2 * steps[0] + steps[1] + [depth_space] * (len(b.shape) == 4)
            if 3 <= len(b.shape) <= 5
            else steps[1]
        )
        step = draw(st.sampled_from(kinds))
        kept = len(b.nodes), b.apart, b.at
        try:
            b.at = step(b)
        except RefusedError:  # go on without
            gone = {name for node in b.nodes[kept[0] :] for name in node.outputs}
            b.nodes, b.apart, b.at = b.nodes[: kept[0]], kept[1], kept[2]
            b.values = {name: value for name, value in b.values.items() if name not in gone}
    if not b.nodes:
        b.at = relu(b)
    layout = {1: "NCT", 2: "NCHW", 3: "NCDHW"}[rank]
    used = reached(b)
    case = Case("graph", shape, tuple(used), layout=layout, outputs=(b.at,))
    return case, b.apart


def reached(b: Builder) -> list[Node]:
    """The nodes that the last tensor needs."""
    wanted = {b.at}
    kept = []
    for node in reversed(b.nodes):
        if wanted & set(node.outputs):
            kept.append(node)
            wanted |= {each for each in node.inputs if isinstance(each, str)}
    return kept[::-1]


def hold(case: Case, apart: bool) -> None:
    model = model_of(case)
    blob = model.SerializeToString()
    (name,) = case.asked
    truths = {axis: oracle.dependence(model, "x", axis)[name] for axis in case.spatial}
    # what is padding on one axis sees nothing on the others either; rfcalc follows axes one by one
    apart = apart or any(not masks.all() for masks in truths.values())
    shape = truths[2].shape
    found = rfcalc.analyze(io.BytesIO(blob), layout={"x": case.layout})
    row = found.layer(name)
    assert row.status != "unknown", row.reason
    assert row.output_shape is not None
    assert all(a in (None, b) for a, b in zip(row.output_shape, shape, strict=True)), (
        row.output_shape,
        shape,
    )
    assert None not in row.output_shape[1:]
    answer = rfcalc.field(io.BytesIO(blob), name, layout={"x": case.layout})
    assert row.receptive_field is not None
    for axis, said, place in zip(answer.axes, row.receptive_field, case.spatial, strict=True):
        masks = truths[place]
        status = "bound" if apart else axis.status
        check_rows(axis.rows, status, masks, keep=place, same=True)
        spans = [oracle.span(int(mask)) for mask in masks.ravel()]
        widest = max((span[1] - span[0] + 1 for span in spans if span), default=0)
        assert said is None or said >= widest, (said, widest)


@given(graphs())
def test_random_graphs(drawn: tuple[Case, bool]) -> None:
    hold(*drawn)


@settings(max_examples=min(settings().max_examples, 60))
@given(graphs((WINDOWS, [pad, relu, residual, centred, reduce_, tile, cumsum])))
def test_random_convolutional_graphs(drawn: tuple[Case, bool]) -> None:
    """Windows alone, without slices and concatenations: nearly all of them are exact."""
    hold(*drawn)


# ---- blocks of several operations that only together have a meaning ----------------------------------------


def windowed(b: Builder) -> str:
    """Cut a map into windows, let something happen inside of each, and put the map together again."""
    batch, channels, *extents = b.shape
    sizes = [b.one_of(*(k for k in range(1, extent + 1) if extent % k == 0)) for extent in extents]
    grid = b.flag()  # positions a step apart share a window, as in grid attention
    cut = [part for extent, k in zip(extents, sizes, strict=True) for part in (extent // k, k)]
    rank = len(extents)
    outer, inner = [2 + 2 * k for k in range(rank)], [3 + 2 * k for k in range(rank)]
    if grid:
        outer, inner = inner, outer
    order = [0, *outer, *inner, 1]
    moved = [batch, *[cut[k - 2] for k in outer], *[cut[k - 2] for k in inner], channels]
    windows, inside = int(np.prod(moved[: rank + 1])), int(np.prod(moved[rank + 1 : -1]))
    parts = b.add("Transpose", b.add("Reshape", b.at, i(batch, channels, *cut)), perm=order)
    b.at = b.add("Reshape", parts, i(windows, inside, channels))
    b.at = b.one_of(attention, relu, linear_same, cumsum_inside, centred_inside)(b)
    again = b.add("Reshape", b.at, i(*moved))
    back = b.add("Transpose", again, perm=[order.index(k) for k in range(len(order))])
    return b.add("Reshape", back, i(batch, channels, *extents))


def linear_same(b: Builder) -> str:
    return b.add("MatMul", b.at, w(b.shape[-1], b.shape[-1]))


def cumsum_inside(b: Builder) -> str:
    return b.add("CumSum", b.at, s(1, "i8"))


def centred_inside(b: Builder) -> str:
    return b.add("Sub", b.at, b.add("ReduceMean", b.at, i(1)))


def rolled(b: Builder) -> str:
    """A map that turns around along one of its axes."""
    axis = b.whole(2, len(b.shape) - 1)
    by = b.whole(1, b.shape[axis] - 1)
    late = b.add("Slice", b.at, i(by), i(99), i(axis))
    return b.add("Concat", late, b.add("Slice", b.at, i(0), i(by), i(axis)), axis=axis)


def shuffled(b: Builder) -> str:
    """Channels in groups, the groups interleaved; or into pixels and back by reshapes."""
    batch, channels, *extents = b.shape
    if channels % 2:
        raise RefusedError("an odd number of channels")
    rank = len(extents)
    split_up = b.add("Reshape", b.at, i(batch, 2, channels // 2, *extents))
    if b.flag():
        turned = b.add("Transpose", split_up, perm=[0, 2, 1, *range(3, 3 + rank)])
        return b.add("Reshape", turned, i(*b.shape))
    turned = b.add("Transpose", split_up, perm=[0, 2, *range(3, 3 + rank), 1])
    return b.add("Reshape", turned, i(batch, channels // 2, *extents[:-1], extents[-1] * 2))


def doubled(b: Builder) -> str:
    """Nearest upsampling by new axes."""
    axis = b.whole(2, len(b.shape) - 1)
    new = b.add("Unsqueeze", b.at, i(axis + 1))
    wide = b.add("Expand", new, i(*b.shape[: axis + 1], 2, *b.shape[axis + 1 :]))
    return b.add("Reshape", wide, i(*b.shape[:axis], b.shape[axis] * 2, *b.shape[axis + 1 :]))


def halved(b: Builder) -> str:
    """Pooling by a reshape: neighbours, or positions half a map apart."""
    axis = b.whole(2, len(b.shape) - 1)
    size = b.shape[axis]
    if size % 2:
        raise RefusedError("an odd extent")
    parts = [size // 2, 2] if b.flag() else [2, size // 2]
    cut = b.add("Reshape", b.at, i(*b.shape[:axis], *parts, *b.shape[axis + 1 :]))
    return b.add(b.one_of("ReduceMean", "ReduceMax"), cut, i(axis + parts.index(2)), keepdims=0)


def last_axis(b: Builder) -> str:
    """A detour over channels last."""
    rank = len(b.shape)
    b.at = b.add("Transpose", b.at, perm=[0, *range(2, rank), 1])
    b.at = layer_norm(b) if b.flag() else linear_same(b)
    return b.add("Transpose", b.at, perm=[0, rank - 1, *range(1, rank - 1)])


BLOCKS: list[Step] = [windowed, windowed, rolled, shuffled, doubled, halved, last_axis, residual]


@settings(max_examples=min(settings().max_examples, 60))
@given(graphs(([conv, pool], BLOCKS)))
def test_random_blocks(drawn: tuple[Case, bool]) -> None:
    """Windows with and without shifts, shuffles and detours: reshapes that cut axes and mend them."""
    hold(*drawn)

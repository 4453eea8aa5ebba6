"""What each element of each tensor of an ONNX graph depends on, along one axis of one input: the truth.

Every tensor carries, beside its value, a 64-bit mask for each of its elements: bit j is set where the
element can depend on index j of the chosen axis. A node is one of these:

- it *moves* elements (Reshape, Slice, Pad, ...): the real kernel runs on numbered elements, with 0 for what
  is filled in, so that the answer says where each element came from;
- it is *linear* in each input (Conv, MatMul, pooling, ...): the real kernel runs on the 0/1 indicator of each
  bit with ones for the weights, and a bit is set wherever the outcome is not zero;
- it *joins* element by element, or *unites* along axes (softmax, normalisation, reductions);
- it has a formula of its own (Resize, recurrent layers, attention, GridSample ...).

Dependence is structural: weights are ones, a mask is a value and hides nothing, an index that is computed
from the data may be any index. Nothing here knows rfcalc; onnxruntime runs the kernels, so that what a node
does with its padding and shapes is what it does in truth. ``measured`` is a second opinion: it runs the whole
model on random data, changes one index of the axis at a time and looks where the outputs change.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray
Row: TypeAlias = "tuple[int, int, int] | None"
Rule: TypeAlias = "Callable[[Call], list[Array]]"

WORD: Final = 64
"""The longest axis that fits: one bit an index."""

MOVES: Final[dict[str, tuple[int, ...]]] = dict.fromkeys(
    [
        "Reshape",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "Expand",
        "Tile",
        "DepthToSpace",
        "SpaceToDepth",
        "Slice",
        "Split",
        "Gather",
        "GatherND",
        "GatherElements",
        "Pad",
        "Identity",
        "CenterCropPad",
        "ReverseSequence",
        "Compress",
        "Dropout",
    ],
    (0,),
)
"""Operations that only move elements, with the inputs whose elements they move."""

MOVES.update({"ScatterND": (0, 2), "ScatterElements": (0, 2), "Scatter": (0, 2)})

LINEAR: Final = {
    **dict.fromkeys(("AveragePool", "LpPool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"), "x"),
    **dict.fromkeys(("MaxPool", "CumSum", "Col2Im", "MaxRoiPool"), "x"),
    **dict.fromkeys(("Conv", "ConvTranspose"), "xx+"),
    **dict.fromkeys(("MatMul", "FusedMatMul", "Einsum"), "x" * 8),
    "Gemm": "xx+",
}
"""Operations that are linear in each input: for each input, whether it is a factor or a summand."""

JOINS: Final = frozenset(
    [
        "Abs",
        "Acos",
        "Acosh",
        "Add",
        "And",
        "Asin",
        "Asinh",
        "Atan",
        "Atanh",
        "BiasGelu",
        "BitCast",
        "BitShift",
        "BitwiseAnd",
        "BitwiseNot",
        "BitwiseOr",
        "BitwiseXor",
        "Cast",
        "CastLike",
        "Ceil",
        "Celu",
        "Clip",
        "Cos",
        "Cosh",
        "DequantizeLinear",
        "Div",
        "Elu",
        "Equal",
        "Erf",
        "Exp",
        "FastGelu",
        "Floor",
        "Gelu",
        "Greater",
        "GreaterOrEqual",
        "HardSigmoid",
        "HardSwish",
        "IsInf",
        "IsNaN",
        "LeakyRelu",
        "Less",
        "LessOrEqual",
        "Log",
        "Max",
        "Mean",
        "Min",
        "Mish",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "PRelu",
        "Pow",
        "QLinearAdd",
        "QLinearLeakyRelu",
        "QLinearMul",
        "QLinearSigmoid",
        "QuantizeLinear",
        "QuickGelu",
        "Reciprocal",
        "Relu",
        "Round",
        "Selu",
        "Shrink",
        "Sigmoid",
        "Sign",
        "Sin",
        "Sinh",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Sub",
        "Sum",
        "Swish",
        "Tan",
        "Tanh",
        "ThresholdedRelu",
        "Trilu",
        "Where",
        "Xor",
    ]
)
"""Operations in which an element depends on the elements at its own place, broadcast."""

REDUCTIONS: Final = frozenset(
    [
        "ArgMax",
        "ArgMin",
        "ReduceL1",
        "ReduceL2",
        "ReduceLogSum",
        "ReduceLogSumExp",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceProd",
        "ReduceSum",
        "ReduceSumSquare",
    ]
)

FIXED: Final = frozenset(
    ["Shape", "Size", "ConstantOfShape", "EyeLike", "RandomNormal", "RandomUniform", "Constant"]
)
"""Operations whose result no value of an input can change."""


@dataclass
class Seen:
    """A tensor: its value in one run, the mask of each element, and whether it is the same in every run."""

    value: Any
    bits: Array
    fixed: bool


@dataclass
class Call:
    """One node with its inputs, while it is run."""

    node: Any
    inputs: list[Seen | None]
    outputs: list[Any]
    opset: int
    attributes: dict[str, Any]
    oracle: Oracle
    scope: dict[str, Seen] = field(default_factory=dict)

    @property
    def op(self) -> str:
        return str(self.node.op_type)

    def get(self, index: int) -> Seen | None:
        return self.inputs[index] if index < len(self.inputs) else None

    def bits(self, index: int = 0) -> Array:
        seen = self.get(index)
        assert seen is not None
        return seen.bits

    def const(self, index: int) -> Any:
        """The value of an input that has to be the same in every run; None where it is left out."""
        seen = self.get(index)
        if seen is None:
            return None
        if not seen.fixed:
            raise NotFixed(self.op)
        return seen.value

    def shape(self, output: int = 0) -> tuple[int, ...]:
        return tuple(self.outputs[output].shape)

    @property
    def everything(self) -> Array:
        """All that any input depends on, for each output."""
        return np.uint64(united(seen.bits for seen in self.inputs if seen is not None))


class NotFixed(Exception):
    """An index, a shape or the like is computed from data."""


# ---- sets --------------------------------------------------------------------------------------------------


def nothing(shape: Sequence[int]) -> Array:
    return np.zeros(tuple(shape), np.uint64)


def filled(shape: Sequence[int], bits: Any) -> Array:
    return np.full(tuple(shape), bits, np.uint64)


def united(parts: Iterable[Array]) -> int:
    """The union of all elements of all arrays."""
    found = 0
    for part in parts:
        found |= int(np.bitwise_or.reduce(part, axis=None)) if part.size else 0
    return found


def along(bits: Array, axes: Iterable[int]) -> Array:
    """Unite along axes, which stay with one element."""
    for axis in {axis % bits.ndim for axis in axes} if bits.ndim else ():
        bits = np.bitwise_or.reduce(bits, axis=axis, keepdims=True)
    return bits


def spread(bits: Array, axes: Iterable[int]) -> Array:
    """Unite along axes and give the union to every element of them."""
    return np.broadcast_to(along(bits, axes), bits.shape).copy()


def joined(parts: Iterable[Array], shape: Sequence[int]) -> Array:
    """Unite element by element, broadcast as numpy does."""
    found = nothing(shape)
    for part in parts:
        found = found | np.broadcast_to(part, tuple(shape))
    return found


def spans(bits: Array, axis: int | None = None) -> list[Row]:
    """The rows along an axis of a tensor, its other axes united: first index, last, how many, or None."""
    per_index = (
        [united([bits])] if axis is None else [united([bits.take(i, axis)]) for i in range(bits.shape[axis])]
    )
    return [span(mask) for mask in per_index]


def span(mask: int) -> Row:
    if not mask:
        return None
    return (mask & -mask).bit_length() - 1, mask.bit_length() - 1, mask.bit_count()


# ---- running nodes -----------------------------------------------------------------------------------------


class Oracle:
    """An interpreter of one model.

    Parameters
    ----------
    model : ModelProto
        Small: every node is run many times.
    feeds : mapping
        A value for each input.
    chosen : str
        The input whose indices are followed.
    axis : int
        The axis of it.
    """

    def __init__(self, model: Any, feeds: Mapping[str, Array], chosen: str, axis: int) -> None:
        self.opsets = {each.domain: each.version for each in model.opset_import}
        self.functions = {(each.domain, each.name): each for each in model.functions}
        self.ir = model.ir_version
        self.tensors: dict[str, Seen] = {}
        for name, value in feeds.items():
            bits = nothing(value.shape)
            if name == chosen:
                assert value.shape[axis] <= WORD
                steps = np.uint64(1) << np.arange(value.shape[axis], dtype=np.uint64)
                bits |= steps.reshape([-1 if k == axis else 1 for k in range(value.ndim)])
            self.tensors[name] = Seen(value, bits, fixed=False)
        self.graph(model.graph, self.tensors)

    def graph(self, graph: Any, scope: dict[str, Seen]) -> list[Seen]:
        """Run a graph whose inputs stand in the scope already; outputs are put there too."""
        from onnx import numpy_helper

        for tensor in graph.initializer:
            if tensor.name not in scope:
                value = numpy_helper.to_array(tensor)
                scope[tensor.name] = Seen(value, nothing(value.shape), fixed=True)
        for node in graph.node:
            self.node(node, scope)
        return [scope[each.name] for each in graph.output]

    def node(self, node: Any, scope: dict[str, Seen]) -> None:
        inputs = [scope[name] if name else None for name in node.input]
        function = self.functions.get((node.domain, node.op_type))
        if function is not None:
            found = self.function(function, node, inputs)
        elif node.op_type in CONTROL:
            found = CONTROL[node.op_type](self, node, inputs, scope)
        else:
            found = self.plain(node, inputs)
        for name, seen in zip(node.output, found, strict=False):
            if name:
                scope[name] = seen

    def plain(self, node: Any, inputs: list[Seen | None]) -> list[Seen]:
        outputs = self.run(node, [None if seen is None else seen.value for seen in inputs])
        fixed = node.op_type in FIXED or all(seen is None or seen.fixed for seen in inputs)
        if fixed:
            return [Seen(value, nothing(np.shape(value)), fixed=True) for value in outputs]
        call = Call(node, inputs, outputs, self.opsets.get(node.domain, 0), attributes_of(node), self)
        bits = bits_of(call)
        for value, mask in zip(outputs, bits, strict=False):
            assert value is None or value.shape == mask.shape, (node.op_type, value.shape, mask.shape)
        return [Seen(value, mask, fixed=False) for value, mask in zip(outputs, bits, strict=False)]

    def function(self, function: Any, node: Any, inputs: list[Seen | None]) -> list[Seen]:
        import copy

        given = {each.name: each for each in node.attribute}
        given = {**{each.name: each for each in function.attribute_proto}, **given}
        scope = {name: seen for name, seen in zip(function.input, inputs, strict=False) if seen is not None}
        outer, self.opsets = self.opsets, {each.domain: each.version for each in function.opset_import}
        for inner in function.node:
            bound = copy.deepcopy(inner)
            del bound.attribute[:]
            for attribute in inner.attribute:
                if attribute.ref_attr_name:
                    if attribute.ref_attr_name in given:
                        put = bound.attribute.add()
                        put.CopyFrom(given[attribute.ref_attr_name])
                        put.name = attribute.name
                else:
                    bound.attribute.add().CopyFrom(attribute)
            self.node(bound, scope)
        self.opsets = outer
        return [scope[name] for name in function.output]

    def run(self, node: Any, inputs: Sequence[Any]) -> list[Any]:
        """Run one node alone, by onnxruntime, or by the reference of the onnx package where that cannot."""
        import onnx
        from onnx import helper

        plain = onnx.NodeProto()
        plain.CopyFrom(node)
        del plain.input[:]
        plain.input.extend(f"i{k}" if each is not None else "" for k, each in enumerate(inputs))
        del plain.output[:]
        plain.output.extend(f"o{k}" if name else "" for k, name in enumerate(node.output))
        feeds = {f"i{k}": np.asarray(each) for k, each in enumerate(inputs) if each is not None}
        imports = [helper.make_opsetid(domain, version) for domain, version in self.opsets.items()]
        graph = helper.make_graph(
            [plain],
            "one",
            [helper.make_tensor_value_info(k, element_type(v), v.shape) for k, v in feeds.items()],
            [onnx.ValueInfoProto(name=name) for name in plain.output if name],
        )
        model = helper.make_model(graph, opset_imports=imports, ir_version=self.ir)
        found = iter(run_model(model.SerializeToString(), feeds))
        return [np.asarray(next(found)) if name else None for name in node.output]


def element_type(value: Array) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(value.dtype))


def attributes_of(node: Any) -> dict[str, Any]:
    from onnx import helper

    found = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


@lru_cache(maxsize=4096)
def session(model: bytes) -> Any:
    """Return something that runs a model."""
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception:
        import onnx
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(onnx.load_from_string(model))


def run_model(model: bytes, feeds: Mapping[str, Array]) -> list[Any]:
    try:
        return list(session(model).run(None, dict(feeds)))
    except Exception:
        import onnx
        from onnx.reference import ReferenceEvaluator

        return list(ReferenceEvaluator(onnx.load_from_string(model)).run(None, dict(feeds)))


# ---- what a node does to the masks -------------------------------------------------------------------------


def bits_of(call: Call) -> list[Array]:
    """The masks of all outputs of a node."""
    if call.op in RULES:
        return RULES[call.op](call)
    if call.op in MOVES:
        return moved(call)
    if call.op in LINEAR:
        return linear(call)
    if call.op in JOINS:
        parts = [seen.bits for seen in call.inputs if seen is not None and seen.bits.any()]
        found = [joined(parts, call.shape(k)) for k in range(len(call.outputs))]
        return [left_of(call, found[0])] if call.op == "Mul" else found
    if call.op in REDUCTIONS:
        return reduced(call)
    raise KeyError(f"the oracle has no rule for {call.op}")


def left_of(call: Call, bits: Array) -> Array:
    """Take out of a product what a factor multiplies by zero that depends on no input: a hole, or padding."""
    for seen in call.inputs:
        if seen is not None and not seen.fixed:
            empty = (seen.bits == 0) & (seen.value == 0)
            bits = np.where(np.broadcast_to(empty, bits.shape), np.uint64(0), bits)
    return bits


def moved(call: Call) -> list[Array]:
    """Number the elements, let the real kernel move them, and look the masks up by number."""
    table = [np.zeros(1, np.uint64)]
    inputs: list[Any] = []
    count = 1
    for index, seen in enumerate(call.inputs):
        if seen is not None and index in MOVES[call.op]:
            wide = seen.value.dtype in (np.float32, np.float64, np.int64)
            numbers = np.arange(count, count + seen.bits.size).reshape(seen.bits.shape)
            inputs.append(numbers.astype(seen.value.dtype if wide else np.float32))
            table.append(seen.bits.ravel())
            count += seen.bits.size
        elif seen is not None and call.op == "Pad" and index == 2:
            inputs.append(np.zeros_like(seen.value, dtype=inputs[0].dtype))
        else:
            inputs.append(call.const(index))
    node = type(call.node)()
    node.CopyFrom(call.node)
    del node.attribute[:]
    node.attribute.extend(each for each in call.node.attribute if (call.op, each.name) != ("Pad", "value"))
    sources = np.concatenate(table)
    found = call.oracle.run(node, inputs)
    return [sources[each.astype(np.int64)] for each in found[: 1 if call.op == "Dropout" else None]] + (
        [nothing(each.shape) for each in found[1:]] if call.op == "Dropout" else []
    )


def linear(call: Call) -> list[Array]:
    """Run the real kernel on the indicator of every bit, with ones in place of the other factors."""
    return linear_of(call.oracle, call.node, call.inputs, LINEAR[call.op])


def linear_of(oracle: Oracle, node: Any, inputs: Sequence[Seen | None], kinds: str) -> list[Array]:
    found: list[Array] | None = None
    for index, seen in enumerate(inputs):
        if seen is None or seen.fixed or index >= len(kinds):
            continue
        for bit in bits_in(seen.bits):
            feed: list[Any] = []
            for other, each in enumerate(inputs):
                if each is None:
                    feed.append(None)
                elif other >= len(kinds):
                    feed.append(each.value)
                elif other == index:
                    feed.append(((each.bits >> np.uint64(bit)) & np.uint64(1)).astype(np.float32))
                else:
                    summand = kinds[index] == "+" or kinds[other] == "+"
                    feed.append((np.zeros if summand else np.ones)(each.bits.shape, np.float32))
            outcome = oracle.run(node, feed)[0]
            found = found or [nothing(outcome.shape)]
            found[0] |= (outcome > 0).astype(np.uint64) << np.uint64(bit)
    outputs = [name for name in node.output if name]
    if found is None:
        shape = oracle.run(node, [None if each is None else each.value for each in inputs])[0].shape
        found = [nothing(shape)]
    return found * max(len(outputs), 1)


def bits_in(bits: Array) -> list[int]:
    mask = united([bits])
    return [bit for bit in range(WORD) if mask >> bit & 1]


def renamed(
    call: Call, op: str, *indices: int, keep: Sequence[str] | None = None, domain: str = ""
) -> list[Array]:
    """The masks of a linear operation that does the same with some of the inputs."""
    from onnx import helper

    inputs = [call.get(index) for index in indices]
    while inputs and inputs[-1] is None:
        inputs.pop()
    given = {k: v for k, v in call.attributes.items() if keep is None or k in keep}
    given = {k: v for k, v in given.items() if k not in ("activation", "activation_params", "channels_last")}
    names = ["i" if each is not None else "" for each in inputs]
    node = helper.make_node(op, names, ["o"], domain=domain, **given)
    return linear_of(call.oracle, node, inputs, LINEAR[op])


def reduced(call: Call) -> list[Array]:
    bits = call.bits()
    if call.op in ("ArgMax", "ArgMin"):
        axes = [call.attributes.get("axis", 0)]
    else:
        given = call.attributes.get("axes")
        given = call.const(1) if given is None else given
        axes = [] if given is None else [int(axis) for axis in given]
        if not axes:
            if call.attributes.get("noop_with_empty_axes", 0):
                return [bits]
            axes = list(range(bits.ndim))
    return [along(bits, axes).reshape(call.shape())]


# ---- normalisation and softmax -----------------------------------------------------------------------------


def softmax(call: Call) -> list[Array]:
    bits = call.bits()
    if call.opset < 13 and call.node.domain == "":
        axis = call.attributes.get("axis", 1) % max(bits.ndim, 1)
        return [spread(bits, range(axis, bits.ndim))]
    return [spread(bits, [call.attributes.get("axis", -1)])]


def normalised(call: Call, axes: Iterable[int]) -> list[Array]:
    """Statistics along axes, then a scale and a shift that broadcast."""
    places = list(axes)
    out = spread(call.bits(), places)
    rest = [seen.bits for seen in call.inputs[1:] if seen is not None and seen.bits.any()]
    assert not rest, "computed scales have to be handled by the caller"
    found = [out]
    for value in call.outputs[1:]:
        found.append(nothing(()) if value is None else along(call.bits(), places).reshape(value.shape))
    return found


def layer_norm(call: Call) -> list[Array]:
    rank = call.bits().ndim
    return normalised(call, range(call.attributes.get("axis", -1) % rank, rank))


def skip_layer_norm(call: Call) -> list[Array]:
    whole = call.bits(0) | call.bits(1)
    found = [spread(whole, [-1])]
    for index, value in enumerate(call.outputs[1:], 1):
        found.append(nothing(()) if value is None else (whole if index == 3 else along(whole, [-1])))
    return found


def instance_norm(call: Call) -> list[Array]:
    return normalised(call, range(2, call.bits().ndim))


def group_norm(call: Call) -> list[Array]:
    bits = call.bits()
    groups = call.attributes["num_groups"]
    wide = bits.reshape(bits.shape[0], groups, -1)
    return [np.broadcast_to(along(wide, [2]), wide.shape).reshape(bits.shape).copy()]


def batch_norm(call: Call) -> list[Array]:
    bits = call.bits()
    if not call.attributes.get("training_mode", 0):
        return [bits]
    axes = [axis for axis in range(bits.ndim) if axis != 1]
    return [spread(bits, axes)] + [along(bits, axes).reshape(each.shape) for each in call.outputs[1:]]


def local_response(call: Call) -> list[Array]:
    bits = call.bits()
    size = call.attributes["size"]
    low, high = (size - 1) // 2, math.ceil((size - 1) / 2)
    channels = range(bits.shape[1])
    parts = [along(bits[:, max(c - low, 0) : c + high + 1], [1]) for c in channels]
    return [np.concatenate(parts, 1)]


def top_k(call: Call) -> list[Array]:
    bits = along(call.bits(), [call.attributes.get("axis", -1)])
    return [np.broadcast_to(bits, each.shape).copy() for each in call.outputs]


# ---- resampling --------------------------------------------------------------------------------------------


def resize(call: Call) -> list[Array]:
    """Unite, along each axis, the taps whose weight is not zero by the formulas of the ONNX specification."""
    bits = call.bits()
    shape = call.shape()
    given = call.attributes
    old = call.op == "Upsample" or call.opset < 11
    mode = given.get("mode", "nearest")
    scales_at, sizes_at, roi_at = (1, 9, 9) if old else (2, 3, 1)
    scales = given.get("scales") if "scales" in given else call.const(scales_at)
    sizes = None if old else call.const(sizes_at)
    roi = None if old else call.const(roi_at)
    axes = [axis % bits.ndim for axis in given.get("axes", range(bits.ndim))]
    transform = "asymmetric" if old else given.get("coordinate_transformation_mode", "half_pixel")
    nearest = "floor" if old else given.get("nearest_mode", "round_prefer_floor")
    for place, axis in enumerate(axes):
        n, m = bits.shape[axis], shape[axis]
        if sizes is not None and np.size(sizes):
            scale = sized(call, [int(each) for each in np.ravel(sizes)], axes, place)
        else:
            # a scale of 0.6 is meant to be 3/5, though the file holds the nearest float
            scale = Fraction(float(np.ravel(scales)[place])).limit_denominator(1000)
        if m == n and scale == 1 and transform != "tf_crop_and_resize":
            continue
        box = None
        if roi is not None and np.size(roi):
            box = [
                Fraction(float(np.ravel(roi)[k])).limit_denominator(10000) for k in (place, place + len(axes))
            ]
        rounding = "ceil" if call.op == "Resize" and old and scale < 1 else nearest  # as onnxruntime has it
        how = Resampling(
            n,
            m,
            scale,
            transform,
            mode,
            rounding,
            coefficient=float(given.get("cubic_coeff_a", -0.75)),
            antialias=bool(given.get("antialias", 0)),
            exclude_outside=bool(given.get("exclude_outside", 0)),
            box=box,
        )
        rows = [how.taps(i) for i in range(m)]
        none = np.zeros_like(bits.take([0], axis))
        parts = [
            np.bitwise_or.reduce(bits.take(sorted(row), axis), axis=axis, keepdims=True) if row else none
            for row in rows
        ]
        bits = np.concatenate(parts, axis)
    return [bits]


def sized(call: Call, sizes: list[int], axes: list[int], place: int) -> Fraction:
    """The scale of an axis where sizes are given and a policy may keep their ratio."""
    shape = call.bits().shape
    policy = call.attributes.get("keep_aspect_ratio_policy", "stretch")
    ratios = [Fraction(size, shape[axis]) for size, axis in zip(sizes, axes, strict=True)]
    return {
        "stretch": lambda: ratios[place],
        "not_larger": lambda: min(ratios),
        "not_smaller": lambda: max(ratios),
    }[policy]()


@dataclass
class Resampling:
    """How one axis of n elements is resampled to m, by the formulas of the ONNX specification."""

    n: int
    m: int
    scale: Fraction
    transform: str
    mode: str
    nearest: str
    coefficient: float
    antialias: bool
    exclude_outside: bool
    box: list[Fraction] | None

    def place(self, i: int) -> Fraction:
        """Where output i lies on the input."""
        n, m, scale = self.n, self.m, self.scale
        half = Fraction(1, 2)
        half_pixel = (i + half) / scale - half
        one = m == 1
        if self.transform == "tf_crop_and_resize":
            assert self.box is not None
            first, last = self.box
            if one:
                return half * (first + last) * (n - 1)
            return first * (n - 1) + i * (last - first) * Fraction(n - 1, m - 1)
        places = {
            "half_pixel": half_pixel,
            "half_pixel_symmetric": Fraction(n, 2) * (1 - Fraction(m) / (scale * n)) + half_pixel,
            "pytorch_half_pixel": Fraction(0) if one else half_pixel,
            "align_corners": Fraction(0) if one else Fraction(i * (n - 1), m - 1),
            "asymmetric": i / scale,
            "tf_half_pixel_for_nn": (i + half) / scale,
        }
        return places[self.transform]

    def taps(self, i: int) -> set[int]:
        """The input indices that output i takes with a weight that is not zero."""
        x = self.place(i)
        if self.transform == "tf_crop_and_resize" and not 0 <= x <= self.n - 1:
            return set()  # the extrapolation value
        return self.rounded(x) if self.mode == "nearest" else self.weighted(x)

    def rounded(self, x: Fraction) -> set[int]:
        half = Fraction(1, 2)
        index = {
            "round_prefer_floor": math.ceil(x - half),
            "round_prefer_ceil": math.floor(x + half),
            "floor": math.floor(x),
            "ceil": math.ceil(x),
        }
        return {min(max(index[self.nearest], 0), self.n - 1)}

    def weighted(self, x: Fraction) -> set[int]:
        stretch = max(1 / self.scale, Fraction(1)) if self.antialias else Fraction(1)
        reach = 1 if self.mode == "linear" else 2
        weights: dict[int, float] = {}
        for j in range(math.floor(x - reach * stretch) - 1, math.ceil(x + reach * stretch) + 2):
            t = float(abs(j - x) / stretch)
            weight = max(0.0, 1 - t) if self.mode == "linear" else cubic(t, self.coefficient)
            if not 0 <= j < self.n and (self.exclude_outside or self.antialias):
                continue
            at = min(max(j, 0), self.n - 1)
            weights[at] = weights.get(at, 0.0) + weight
        return {j for j, weight in weights.items() if abs(weight) > 1e-6}


def cubic(t: float, a: float) -> float:
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def grid_sample(call: Call) -> list[Array]:
    """Where the grid is known, the samples with a weight; where it is computed, every place, and the grid."""
    x, grid = call.inputs[0], call.inputs[1]
    assert x is not None
    assert grid is not None
    rank = x.bits.ndim - 2
    if not grid.fixed:
        places = along(x.bits, range(2, 2 + rank))
        own = along(grid.bits, [-1])[..., 0][:, None]
        return [joined([places, own], call.shape())]
    return [probed(call)[0]]


# ---- recurrent layers and attention ------------------------------------------------------------------------


def recurrent(call: Call) -> list[Array]:
    """A step of a direction sees all steps before it, of the same element of the batch."""
    layout = call.attributes.get("layout", 0)
    direction = call.attributes.get("direction", "forward")
    bits = call.bits().swapaxes(0, 1) if layout else call.bits()
    features = along(bits, [2])[..., 0]
    steps = {"forward": [features], "reverse": [features[::-1]]}.get(direction, [features, features[::-1]])
    ways = []
    for k, way in enumerate(steps):
        seen = np.bitwise_or.accumulate(way, axis=0)
        ways.append(
            seen if direction == "forward" or (direction == "bidirectional" and k == 0) else seen[::-1]
        )
    lasts = [np.bitwise_or.reduce(features, axis=0) for _ in ways]
    all_steps = np.stack(ways, 1)  # steps, directions, batch
    final = np.stack(lasts, 0)  # directions, batch
    found: list[Array] = []
    for index, value in enumerate(call.outputs):
        if value is None:
            found.append(nothing(()))
            continue
        mask = all_steps if index == 0 else final
        if layout:
            mask = np.moveaxis(mask, -1, 0)
        found.append(np.broadcast_to(mask[..., None], value.shape).copy())
    return found


def attended(
    query: Array, key: Array, value: Array, *, causal: bool = False, keep: Array | None = None
) -> Array:
    """Batch, heads, positions, features: scores see whole vectors; a softmax over the keys sees them all.

    Under a constant mask it sees those that are kept, one query after the other.
    """
    q = along(query, [-1])
    k = along(key, [-1])
    v = value
    if keep is not None:
        both = k | np.zeros_like(v), v | np.zeros_like(k)
        keep = np.broadcast_to(keep, (*both[0].shape[:2], q.shape[-2], k.shape[-2]))
        if causal:
            keep = keep & np.tri(*keep.shape[-2:], dtype=bool)
        rows = [
            along(np.where(keep[..., i, :, None], both[0] | both[1], np.zeros_like(both[0])), [-2])
            for i in range(q.shape[-2])
        ]
        return np.asarray(q | np.concatenate(rows, axis=-2))
    if not causal:
        return q | along(k, [-2]) | along(v, [-2])
    scores = np.bitwise_or.accumulate(k | np.zeros_like(v), axis=-2)
    values = np.bitwise_or.accumulate(v | np.zeros_like(k), axis=-2)
    places = np.minimum(np.arange(q.shape[-2]), k.shape[-2] - 1)
    return np.asarray(q | scores.take(places, -2) | values.take(places, -2))


def heads(bits: Array, count: int) -> Array:
    batch, steps, features = bits.shape
    return bits.reshape(batch, steps, count, features // count).transpose(0, 2, 1, 3)


def repeated(bits: Array, count: int) -> Array:
    return np.repeat(bits, count // bits.shape[1], axis=1)


def attention(call: Call) -> list[Array]:
    q, k, v = (call.bits(index) for index in range(3))
    flat = q.ndim == 3
    if flat:
        q_heads = call.attributes["q_num_heads"]
        kv_heads = call.attributes["kv_num_heads"]
        q, k, v = heads(q, q_heads), heads(k, kv_heads), heads(v, kv_heads)
    assert call.get(4) is None, "caches are not in the tables"
    k, v = repeated(k, q.shape[1]), repeated(v, q.shape[1])
    mask = call.get(3)
    keep = None
    if mask is not None and mask.fixed:
        value = mask.value
        keep = value if value.dtype == bool else value > -1000
    out = attended(q, k, v, causal=bool(call.attributes.get("is_causal", 0)), keep=keep)
    if mask is not None and mask.bits.any():
        bits = mask.bits.reshape((1,) * (4 - mask.bits.ndim) + mask.bits.shape)
        out = out | along(np.broadcast_to(bits, (*out.shape[:3], bits.shape[-1])), [-1])
    if flat:
        out = out.transpose(0, 2, 1, 3)
    return [np.broadcast_to(out, (*out.shape[:-1], v.shape[-1])).reshape(call.shape()).copy()]


def contrib_attention(call: Call) -> list[Array]:
    """com.microsoft Attention: queries, keys and values are made of the same positions by one product."""
    bits = np.broadcast_to(along(call.bits(), [-1]), (*call.bits().shape[:2], 1))
    out = attended(bits, bits, bits, causal=bool(call.attributes.get("unidirectional", 0)))
    return [np.broadcast_to(out, call.shape()).copy()]


def multi_head(call: Call) -> list[Array]:
    count = call.attributes["num_heads"]
    q, k, v = (heads(call.bits(index), count) for index in range(3))
    out = attended(q, k, v, causal=bool(call.attributes.get("unidirectional", 0))).transpose(0, 2, 1, 3)
    return [np.broadcast_to(out, (*out.shape[:-1], v.shape[-1])).reshape(call.shape()).copy()]


# ---- the rest ----------------------------------------------------------------------------------------------


def concat(call: Call) -> list[Array]:
    return [np.concatenate([seen.bits for seen in call.inputs if seen is not None], call.attributes["axis"])]


def qlinear_concat(call: Call) -> list[Array]:
    parts = [seen.bits for seen in call.inputs[2::3] if seen is not None]
    return [np.concatenate(parts, call.attributes["axis"])]


def gather_any(call: Call) -> list[Array]:
    """An index that is computed may be any: everything along the axis, and what the index depends on."""
    if call.inputs[1] is not None and call.inputs[1].fixed:
        return moved(call)
    data, index = call.bits(0), call.bits(1)
    if call.op == "GatherElements":
        return [joined([along(data, [call.attributes.get("axis", 0)]), index], call.shape())]
    if call.op == "Gather":
        axis = call.attributes.get("axis", 0) % data.ndim
        whole = np.bitwise_or.reduce(data, axis=axis)
        head, tail = whole.shape[:axis], whole.shape[axis:]
        whole = whole.reshape((*head, *(1,) * index.ndim, *tail))
        return [joined([whole, index.reshape((*index.shape, *(1,) * len(tail)))], call.shape())]
    return [filled(call.shape(), call.everything)]


def scattered(call: Call) -> list[Array]:
    if call.attributes.get("reduction", "none") != "none":
        return [
            joined([call.bits(0), moved(call)[0]], call.shape())
        ]  # one place is written once in the tables
    return moved(call)


def one_hot(call: Call) -> list[Array]:
    axis = call.attributes.get("axis", -1)
    bits = np.expand_dims(call.bits(), axis)
    return [np.broadcast_to(bits, call.shape()).copy()]


def all_of_it(call: Call) -> list[Array]:
    """Everything that any input depends on."""
    return [filled(np.shape(each), call.everything) for each in call.outputs]


def probed(call: Call) -> list[Array]:
    """Change the elements of one bit at a time and look where the outputs of the real kernel change."""
    found = [nothing(np.shape(each)) for each in call.outputs]
    random = np.random.default_rng(7)
    for _ in range(4):
        base = [None if seen is None else shaken(seen.value, seen.bits != 0, random) for seen in call.inputs]
        before = call.oracle.run(call.node, base)
        for bit in range(WORD):
            if not call.everything >> np.uint64(bit) & np.uint64(1):
                continue
            other = [
                None
                if seen is None
                else shaken(value, (seen.bits >> np.uint64(bit)) & np.uint64(1) != 0, random)
                for seen, value in zip(call.inputs, base, strict=True)
            ]
            after = call.oracle.run(call.node, other)
            for k, (x, y) in enumerate(zip(before, after, strict=True)):
                found[k] |= (x != y).astype(np.uint64) << np.uint64(bit)
    return found


def shaken(value: Array, where: Array, random: np.random.Generator) -> Array:
    fresh = random.uniform(0.1, 2.0, value.shape) * random.choice([-1.0, 1.0, 3.0], value.shape)
    return np.where(where, fresh.astype(value.dtype), value)


def dft(call: Call) -> list[Array]:
    axis = (
        call.attributes.get("axis", 1)
        if call.opset < 20
        else int(np.ravel(call.const(2) if call.get(2) else [-2])[0])
    )
    bits = along(call.bits(), [axis, -1])
    return [np.broadcast_to(bits, call.shape()).copy()]


def stft(call: Call) -> list[Array]:
    bits = call.bits()
    bits = along(bits, [2])[..., 0] if bits.ndim == 3 else bits
    step = int(call.const(1))
    window = call.const(2)
    length = int(call.const(3)) if call.get(3) else len(window)
    frames = [
        np.bitwise_or.reduce(bits[:, t * step : t * step + length], axis=1) for t in range(call.shape()[1])
    ]
    return [np.broadcast_to(np.stack(frames, 1)[..., None, None], call.shape()).copy()]


def deform_conv(call: Call) -> list[Array]:
    """Offsets move the samples: constants zero make it a convolution, others anything."""
    offset = call.get(2)
    assert offset is not None
    if offset.fixed and not offset.value.any():
        return renamed(call, "Conv", 0, 1, 3, keep=("dilations", "group", "kernel_shape", "pads", "strides"))
    return all_of_it(call)


def max_unpool(call: Call) -> list[Array]:
    """A computed index may point to any place of the same channel."""
    bits = along(call.bits(0) | call.bits(1), range(2, call.bits().ndim))
    return [np.broadcast_to(bits, call.shape()).copy()]


def roi_align(call: Call) -> list[Array]:
    if call.inputs[1] is not None and call.inputs[1].fixed:
        return probed(call)
    return all_of_it(call)


def nhwc(call: Call) -> list[Array]:
    """A kernel for channels last: the same with the axes in the usual order."""
    from onnx import helper

    given = {k: v for k, v in call.attributes.items() if k not in ("activation", "activation_params")}
    op = "MaxPool" if "Pool" in call.op else "Conv"
    order = (0, call.bits().ndim - 1, *range(1, call.bits().ndim - 1))
    x = Seen(None, call.bits().transpose(order), fixed=False)
    inputs = [x, *call.inputs[1:3]] if op == "Conv" else [x]
    node = helper.make_node(op, ["i"] * len(inputs), ["o"], **given)
    out = linear_of(call.oracle, node, inputs, LINEAR[op])[0]
    return [np.moveaxis(out, 1, -1)]


def dynamic_quantize(call: Call) -> list[Array]:
    """The scale and the zero point come from the least and the largest of all elements."""
    return [filled(np.shape(each), call.everything) for each in call.outputs]


def fused_conv(call: Call) -> list[Array]:
    found = renamed(call, "Conv", 0, 1, 2)
    rest = call.get(3)
    return [joined([found[0], *([] if rest is None else [rest.bits])], call.shape())]


RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), softmax),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"), layer_norm),
    **dict.fromkeys(("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"), skip_layer_norm),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), recurrent),
    **dict.fromkeys(("Resize", "Upsample"), resize),
    **dict.fromkeys(("Gather", "GatherND", "GatherElements"), gather_any),
    **dict.fromkeys(("ScatterND", "ScatterElements", "Scatter"), scattered),
    **dict.fromkeys(("NonZero", "NonMaxSuppression", "Unique", "Multinomial"), all_of_it),
    **dict.fromkeys(("NhwcMaxPool", "NhwcConv", "NhwcFusedConv"), nhwc),
    **dict.fromkeys(("CumProd", "AffineGrid", "Det"), probed),
    "Attention": lambda call: attention(call) if call.node.domain == "" else contrib_attention(call),
    "BatchNormalization": batch_norm,
    "Concat": concat,
    "ConvInteger": lambda call: renamed(call, "Conv", 0, 1),
    "DFT": dft,
    "DeformConv": deform_conv,
    "DynamicQuantizeLinear": dynamic_quantize,
    "FusedConv": fused_conv,
    "FusedGemm": lambda call: renamed(call, "Gemm", 0, 1, 2, keep=("alpha", "beta", "transA", "transB")),
    "GridSample": grid_sample,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
    "LRN": local_response,
    "LpNormalization": lambda call: [spread(call.bits(), [call.attributes.get("axis", -1)])],
    "MatMulInteger": lambda call: renamed(call, "MatMul", 0, 1),
    "MaxUnpool": max_unpool,
    "MeanVarianceNormalization": lambda call: [spread(call.bits(), call.attributes.get("axes", (0, 2, 3)))],
    "MultiHeadAttention": multi_head,
    "OneHot": one_hot,
    "QLinearConcat": qlinear_concat,
    "QLinearConv": lambda call: renamed(call, "Conv", 0, 3, 8),
    "QLinearGlobalAveragePool": lambda call: [along(call.bits(), range(2, call.bits().ndim))],
    "QLinearMatMul": lambda call: renamed(call, "MatMul", 0, 3),
    "RoiAlign": roi_align,
    "STFT": stft,
    "TopK": top_k,
}


# ---- graphs in nodes ---------------------------------------------------------------------------------------


def branch(oracle: Oracle, node: Any, inputs: list[Seen | None], scope: dict[str, Seen]) -> list[Seen]:
    """If: the branch that a constant condition takes, or the union of both and of the condition."""
    condition = inputs[0]
    assert condition is not None
    graphs = {each.name: each.g for each in node.attribute}
    order = ("then_branch", "else_branch") if np.ravel(condition.value)[0] else ("else_branch", "then_branch")
    taken = oracle.graph(graphs[order[0]], dict(scope))
    if condition.fixed:
        return taken
    other = oracle.graph(graphs[order[1]], dict(scope))
    mask = np.uint64(united([condition.bits]))
    return [Seen(a.value, a.bits | b.bits | mask, fixed=False) for a, b in zip(taken, other, strict=True)]


def loop(oracle: Oracle, node: Any, inputs: list[Seen | None], scope: dict[str, Seen]) -> list[Seen]:
    """Loop with a constant number of turns and a condition that stays true."""
    body = node.attribute[0].g
    trips = inputs[0]
    assert trips is not None
    assert trips.fixed
    carried = [seen for seen in inputs[2:] if seen is not None]
    stacks: list[list[Seen]] = []
    for turn in range(int(np.ravel(trips.value)[0])):
        inner = dict(scope)
        first = [Seen(np.array(turn), nothing(()), fixed=True), Seen(np.array(True), nothing(()), fixed=True)]
        inner |= {each.name: seen for each, seen in zip(body.input, [*first, *carried], strict=True)}
        found = oracle.graph(body, inner)[1:]
        carried, scanned = found[: len(carried)], found[len(carried) :]
        stacks.append(scanned)
    return [*carried, *stacked(stacks, [0] * len(stacks[0]) if stacks else [])]


def scan(oracle: Oracle, node: Any, inputs: list[Seen | None], scope: dict[str, Seen]) -> list[Seen]:
    given = attributes_of(node)
    body, count = given["body"], given["num_scan_inputs"]
    states = [seen for seen in inputs[:-count] if seen is not None]
    series = [seen for seen in inputs[-count:] if seen is not None]
    axes = given.get("scan_input_axes", [0] * count)
    backward = given.get("scan_input_directions", [0] * count)
    steps = series[0].value.shape[axes[0]]
    stacks = []
    for step in range(steps):
        inner = dict(scope)
        parts = []
        for seen, axis, back in zip(series, axes, backward, strict=True):
            at = steps - 1 - step if back else step
            parts.append(Seen(seen.value.take(at, axis), seen.bits.take(at, axis), seen.fixed))
        inner |= {each.name: seen for each, seen in zip(body.input, [*states, *parts], strict=True)}
        found = oracle.graph(body, inner)
        states, scanned = found[: len(states)], found[len(states) :]
        stacks.append(scanned)
    out_axes = given.get("scan_output_axes", [0] * len(stacks[0]))
    back = given.get("scan_output_directions", [0] * len(stacks[0]))
    turned = [[each[k] for k in range(len(out_axes))] for each in stacks]
    found = stacked(turned, out_axes)
    for k, (seen, axis) in enumerate(zip(found, out_axes, strict=True)):
        if back[k]:
            found[k] = Seen(np.flip(seen.value, axis), np.flip(seen.bits, axis), seen.fixed)
    return [*states, *found]


def stacked(turns: list[list[Seen]], axes: Sequence[int]) -> list[Seen]:
    return [
        Seen(
            np.stack([turn[k].value for turn in turns], axis),
            np.stack([turn[k].bits for turn in turns], axis),
            fixed=all(turn[k].fixed for turn in turns),
        )
        for k, axis in enumerate(axes)
    ]


CONTROL: Final = {"If": branch, "Loop": loop, "Scan": scan}


# ---- the face ----------------------------------------------------------------------------------------------


def feeds_of(model: Any, seed: int = 0) -> dict[str, Array]:
    """Random data for every input of a model with fixed shapes."""
    from onnx import helper

    random = np.random.default_rng(seed)
    held = {each.name for each in model.graph.initializer}
    found = {}
    for each in model.graph.input:
        if each.name in held:
            continue
        tensor = each.type.tensor_type
        shape = [dim.dim_value for dim in tensor.shape.dim]
        kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        found[each.name] = sample(shape, kind, random)
    return found


def sample(shape: Sequence[int], kind: Any, random: np.random.Generator) -> Array:
    kind = np.dtype(kind)
    if kind == np.bool_:
        return random.integers(0, 2, shape).astype(bool)
    if kind.kind in "iu":
        return random.integers(0, 4 if kind.itemsize > 1 else 100, shape).astype(kind)
    # all different and of both signs, so that no maximum and no threshold hides the same element twice
    return (random.permutation(math.prod(shape)).reshape(shape) / 3 - math.prod(shape) / 9).astype(kind)


def dependence(
    model: Any, chosen: str, axis: int, feeds: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """The masks of every tensor of the main graph, by name."""
    oracle = Oracle(model, feeds or feeds_of(model), chosen, axis)
    return {name: seen.bits for name, seen in oracle.tensors.items()}


def measured(
    model: Any, chosen: str, axis: int, *, trials: int = 6, feeds: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """What the outputs of the running model were seen to depend on: never more than the truth, often less."""
    names = [each.name for each in model.graph.output]
    blob = model.SerializeToString()
    random = np.random.default_rng(11)
    found: dict[str, Array] = {}
    for trial in range(trials):
        base = dict(feeds or feeds_of(model, trial))
        x = base[chosen]
        before = run_model(blob, base)
        for name, value in zip(names, before, strict=True):
            found.setdefault(name, nothing(value.shape))
        for j in range(x.shape[axis]):
            changed = x.copy()
            place = tuple(j if k == axis else slice(None) for k in range(x.ndim))
            # every other time upwards alone, and far, so that no maximum hides it
            steps = [300.0] if trial % 2 else [-50.0, -1.0, 0.5, 40.0]
            moved_by = random.choice(steps, x[place].shape).astype(x.dtype)
            fresh = sample(x[place].shape, x.dtype, random)
            changed[place] = x[place] + moved_by if x.dtype.kind == "f" else fresh
            after = run_model(blob, {**base, chosen: changed})
            for name, old, new in zip(names, before, after, strict=True):
                if old.shape == new.shape == found[name].shape:
                    # what rounding moves is no dependence: kernels may sum in another order
                    apart = (
                        ~np.isclose(old, new, rtol=1e-5, atol=1e-6, equal_nan=True)
                        if old.dtype.kind == "f"
                        else old != new
                    )
                    found[name] |= apart.astype(np.uint64) << np.uint64(j)
    return found


def places(shape: Sequence[int], extent: int) -> list[int | None]:
    """The axes that an answer of so many rows can be about; None for a tensor that keeps no grid."""
    found: list[int | None] = [axis for axis, size in enumerate(shape) if size == extent]
    return found if extent != 1 else [*found, None]


def covers(answer: Sequence[Row], truth: Sequence[Row]) -> bool:
    """Tell whether each row of an answer reaches at least as far as the true one."""
    if len(answer) != len(truth):
        return False
    return all(
        b is None or (a is not None and a[0] <= b[0] and a[1] >= b[1] and a[2] >= b[2])
        for a, b in itertools.zip_longest(answer, truth)
    )

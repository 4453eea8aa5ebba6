"""Nodes of a Keras model that are operations, not layers: ``x + y``, ``x[:, ::2]``, ``keras.ops``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN
from rfcalc.errors import ReadError
from rfcalc.graph import Edge
from rfcalc.readers.keras.config import LARGEST, Config, shown
from rfcalc.readers.keras.layers import MODES, PADDINGS, layout
from rfcalc.readers.keras.nodes import Constant, Node, Ref, Slice, flatten

Made = tuple[str, dict[str, Any], list[Edge]]


class AtRunTimeError(Exception):
    """An argument is worked out when the model runs, so the operation is not known; its text says which."""


class Operation:
    """One call of an operation: constructor arguments in the config, call arguments in the node.

    Parameters
    ----------
    name : str
        Class name of the operation (``Reshape``) or its function in Keras 2 (``reshape``).
    config : Config
        The entry's config.
    node : Node
        The call.
    edges : list of Edge
        The tensors that it is called on, in order.
    """

    def __init__(self, name: str, config: Config, node: Node, edges: list[Edge]) -> None:
        self.name = name
        self.config = config
        self.node = node
        self.edges = edges

    def value(self, *names: str, place: int | None = None, default: Any = None) -> Any:
        """Return an argument by any of its names, or by its place among the call's arguments."""
        for name in names:
            if name in self.config.data:
                return _frozen(self.config.data[name])
            if name in self.node.kwargs:
                return self.node.kwargs[name]
        if place is not None and place < len(self.node.args):
            return self.node.args[place]
        return default

    def axes(self, *names: str, default: Any = None, place: int = 1) -> tuple[int, ...] | None:
        """Return an argument that names axes."""
        value = self.value(*names, place=place, default=default)
        if value is None:
            return None
        values = value if isinstance(value, tuple) else (value,)
        if not all(type(each) is int for each in values):
            self.wrong(names[0], "an axis or a list of axes", value)
        return values

    def axis(self, *names: str, default: int = -1, place: int = 1) -> int:
        """Return an argument that names one axis."""
        axes = self.axes(*names, default=default, place=place)
        if axes is None or len(axes) != 1:
            self.wrong(names[0], "one axis", axes)
        return axes[0]  # type: ignore[index]  # wrong() does not return

    def shape(self, *names: str, place: int = 1) -> tuple[Any, ...]:
        """Return an argument that is a shape; entries that are tensors are open."""
        value = self.value(*names, place=place)
        values = value if isinstance(value, tuple) else (value,)
        if value is None or not all(
            each is None or type(each) is int or type(each) is Ref for each in values
        ):
            self.wrong(names[0], "a list of extents", value)
        return tuple(UNKNOWN if type(each) is Ref else each for each in values)

    def numbers(self, *names: str, place: int | None = None, least: int = 1) -> tuple[int, ...]:
        """Return an argument that is a whole number or a list of them."""
        value = self.value(*names, place=place)
        if type(value) is Constant or any(flatten(value)):
            raise AtRunTimeError(names[0])
        values = value if isinstance(value, tuple) else (value,)
        if not values or not all(type(each) is int and least <= each <= LARGEST for each in values):
            self.wrong(names[0], f"a whole number of at least {least}, or a list of them", value)
        return values

    def constants(self) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of constant arrays among the arguments."""
        return tuple(
            each.shape for each in (*self.node.args, *self.node.kwargs.values()) if isinstance(each, Constant)
        )

    def wrong(self, name: str, what: str, value: object) -> None:
        """Refuse an argument."""
        raise ReadError(f"{name} must be {what}, got {shown(value)}", where=self.config.where)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


Maker = Callable[[Operation], "tuple[str, dict[str, Any]]"]


def _pointwise(kind: str) -> Maker:
    """Element-wise over any number of tensors; with one, and no constant array, an activation."""

    def make(op: Operation) -> tuple[str, dict[str, Any]]:
        constants = op.constants()
        if len(op.edges) == 1 and not constants:
            return "activation", {"function": op.name.lower()}
        return kind, {
            "constants": constants,
            **({"function": op.name.lower()} if kind == "elementwise" else {}),
        }

    return make


def _reduce(op: Operation) -> tuple[str, dict[str, Any]]:
    keep = op.value("keepdims", "keep_dims", default=False) is True
    axes = op.axes("axis", "axes")
    return "reduce", {"axes": _every(axes), "keepdims": keep, "mode": op.name.lower()}


def _every(axes: tuple[int, ...] | None) -> Any:
    """Axes of a reduction; without any, the batch axis goes too."""
    return "all" if axes is None else axes


def _along(kind: str) -> Maker:
    def make(op: Operation) -> tuple[str, dict[str, Any]]:
        axes = op.axes("axis", default=-1)
        return ("unknown", {"why": "it runs over all axes"}) if axes is None else (kind, {"axis": axes})

    return make


def _quantile(op: Operation) -> tuple[str, dict[str, Any]]:
    if not isinstance(op.value("q", place=1), (int, float)):
        return "unknown", {"why": "several quantiles at once"}
    axes = op.axes("axis", place=2)
    keep = op.value("keepdims", default=False) is True
    return "reduce", {"axes": _every(axes), "keepdims": keep, "mode": "quantile"}


def _reshape(op: Operation) -> tuple[str, dict[str, Any]]:
    return "reshape", {"shape": op.shape("newshape", "shape")}


def _transpose(op: Operation) -> tuple[str, dict[str, Any]]:
    axes = op.axes("axes", "perm")
    return "permute", {"order": axes} if axes is not None else {"order": "reversed"}


def _swapaxes(op: Operation) -> tuple[str, dict[str, Any]]:
    return "permute", {"order": ("swap", op.axis("axis1", place=1), op.axis("axis2", place=2))}


def _moveaxis(op: Operation) -> tuple[str, dict[str, Any]]:
    source, target = op.axes("source", place=1), op.axes("destination", place=2)
    if source is None or target is None or len(source) != len(target):
        op.wrong("source", "as many axes as the destination", source)
    return "permute", {"order": ("move", source, target)}


def _expand(op: Operation) -> tuple[str, dict[str, Any]]:
    axes = op.axes("axis")
    if axes is None:
        op.wrong("axis", "an axis or a list of axes", axes)
    return "expand_dims", {"axes": axes}


def _squeeze(op: Operation) -> tuple[str, dict[str, Any]]:
    return "squeeze", {"axes": op.axes("axis")}


def _concat(op: Operation) -> tuple[str, dict[str, Any]]:
    return "concat", {"axis": op.axis("axis", default=-1)}


def _stack(op: Operation) -> tuple[str, dict[str, Any]]:
    return "stack", {"axis": op.axis("axis", default=0)}


def _split(op: Operation) -> tuple[str, dict[str, Any]]:
    names = ("indices_or_sections", "num_or_size_splits")
    parts = op.numbers(*names, place=1, least=-1)
    settings = {"axis": op.axis("axis", default=0, place=2)}
    if type(op.value(*names, place=1)) is int:
        return "split", {"sections": op.numbers(*names, place=1)[0], **settings}
    if "num_or_size_splits" in op.node.kwargs:  # TensorFlow's split takes sizes
        return "split", {"sizes": parts, **settings}
    return "split", {"cuts": parts, **settings}


def _unstack(op: Operation) -> tuple[str, dict[str, Any]]:
    return "split", {"sections": "each", "axis": op.axis("axis", default=0, place=2), "drop": True}


def _repeat(op: Operation) -> tuple[str, dict[str, Any]]:
    count, axis = op.value("repeats", place=1), op.value("axis", place=2)
    if type(count) is not int or type(axis) is not int or not 0 < count <= LARGEST:
        return "unknown", {"why": "repeats that differ, or of the flattened tensor"}
    return "repeat", {"count": count, "axis": axis}


def _tile(op: Operation) -> tuple[str, dict[str, Any]]:
    return "tile", {"repeats": op.numbers("repeats", "multiples", place=1)}


_PAD_MODES: Final = ("constant", "reflect", "symmetric", "edge", "wrap")


def _pad(op: Operation) -> tuple[str, dict[str, Any]]:
    pairs = op.value("pad_width", "paddings", place=1)
    mode = str(op.value("mode", default="constant")).lower()
    if type(pairs) is int:
        return "unknown", {"why": "it pads every axis, the batch too"}
    if mode not in _PAD_MODES:
        return "unknown", {"why": f"no rule for padding of the mode {shown(mode)}"}
    if any(flatten(pairs)):
        raise AtRunTimeError("pad_width")
    if not isinstance(pairs, tuple) or not pairs:
        op.wrong("pad_width", "a list of pairs", pairs)
    pairs = tuple(pair if isinstance(pair, tuple) else (pair, pair) for pair in pairs)
    if not all(len(pair) == 2 and all(type(n) is int and 0 <= n <= LARGEST for n in pair) for pair in pairs):
        op.wrong("pad_width", "a list of pairs", pairs)
    places = tuple(place for place, pair in enumerate(pairs) if pair != (0, 0))
    return "pad", {
        "spatial": places or (0,),
        "padding": tuple(pairs[p] for p in places or (0,)),
        "mode": mode,
    }


def _get_item(op: Operation) -> tuple[str, dict[str, Any]]:
    key = op.value("key", "slice_spec", place=1)
    return "index", {"key": _readable(key if isinstance(key, tuple) else (key,), op)}


def _readable(key: tuple[Any, ...], op: Operation) -> tuple[Any, ...]:
    out: list[Any] = []
    for each in key:
        if isinstance(each, Slice):
            ends = (each.start, each.stop, each.step)
            if not all(end is None or type(end) is int for end in ends):
                raise AtRunTimeError("slice")
            out.append(ends)
        elif isinstance(each, (Ref, Constant, tuple)):
            raise AtRunTimeError("index")
        elif each is Ellipsis or each is None or type(each) is int:
            out.append("..." if each is Ellipsis else "new" if each is None else each)
        else:
            op.wrong("index", "a slice, a number, null or an ellipsis", each)
    return tuple(out)


def _einsum(op: Operation) -> tuple[str, dict[str, Any]]:
    if op.constants():
        return "unknown", {"why": "a product with an array written into the file"}
    equation = op.value("subscripts", "equation", place=0)
    if not isinstance(equation, str):
        op.wrong("subscripts", "an equation", equation)
    return "einsum", {"equation": equation}


def _matmul(op: Operation) -> tuple[str, dict[str, Any]]:
    if op.constants() or len(op.edges) != 2:
        return "unknown", {"why": "a product with an array written into the file"}
    turned = [
        any(op.value(f"{word}_{side}", default=False) is True for word in ("transpose", "adjoint"))
        for side in "ab"
    ]
    if any(turned):  # TensorFlow's options
        left, right = "...ki" if turned[0] else "...ik", "...jk" if turned[1] else "...kj"
        return "einsum", {"equation": f"{left},{right}->...ij"}
    return "matmul", {}


def _resize(op: Operation) -> tuple[str, dict[str, Any]]:
    size = op.numbers("size", place=1)
    mode = str(op.value("interpolation", "method", default="bilinear")).lower()
    if mode not in MODES:
        return "unknown", {"why": f"interpolation {shown(mode)} is not known"}
    aspect = any(op.value(name) is True for name in ("crop_to_aspect_ratio", "pad_to_aspect_ratio"))
    antialias = op.value("antialias", default=False) is True
    return "resize", {
        "size": size if len(size) > 1 else size * 2,
        "mode": MODES[mode],
        "antialias": antialias,
        "aspect": aspect,
        **_image(op),
    }


def _image(op: Operation) -> dict[str, Any]:
    if op.value("data_format") == "channels_first":
        return {"spatial": (-2, -1), "channel": -3}
    return {"spatial": (-3, -2), "channel": -1}


def _kernel_shape(op: Operation) -> tuple[int, ...]:
    kernels = op.constants()
    return kernels[0] if kernels else ()


def _conv(op: Operation) -> tuple[str, dict[str, Any]]:
    """Convolution with a kernel written into the file: no weights of the model."""
    shape = _kernel_shape(op)
    rank = len(shape) - 2
    if rank not in (1, 2, 3) or min(shape) < 1:
        return "unknown", {"why": "its kernel is a tensor of the model, not a constant"}
    *kernel, inner, outer = shape
    settings = {
        "kernel": tuple(kernel),
        "stride": op.config.per_axis("strides", rank, 1),
        "dilation": op.config.per_axis("dilation_rate", rank, 1),
        "padding": op.config.choice("padding", PADDINGS, "valid"),
        "bias": False,
        "constant": True,
        **layout(op.config, rank),
    }
    if op.name in ("DepthwiseConv", "SeparableConv"):
        if op.name == "SeparableConv":
            pointwise = op.constants()[-1]
            if not pointwise or pointwise[-1] < 1:
                op.wrong("pointwise_kernel", "an array", pointwise)
            return "separable_conv", {"multiplier": outer, "filters": pointwise[-1], **settings}
        return "depthwise_conv", {"multiplier": outer, **settings}
    if op.name == "ConvTranspose":
        extra = None
        if op.config.get("output_padding") is not None:
            extra = op.config.per_axis("output_padding", rank, least=0)
        return "transposed_conv", {"filters": inner, "output_padding": extra, **settings}
    return "conv", {"filters": outer, "depth": inner, **settings}


def _pool(kind: str) -> Maker:
    def make(op: Operation) -> tuple[str, dict[str, Any]]:
        size = op.value("pool_size")
        rank = len(size) if isinstance(size, tuple) else _rank(op)
        kernel = op.config.per_axis("pool_size", rank)
        stride = kernel if op.config.get("strides") is None else op.config.per_axis("strides", rank)
        padding = op.config.choice("padding", PADDINGS, "valid")
        return kind, {"kernel": kernel, "stride": stride, "padding": padding, **layout(op.config, rank)}

    return make


def _rank(op: Operation) -> int:
    refs = list(flatten(op.node.args))
    shape = refs[0].shape if refs else None
    return len(shape) - 2 if shape else 2


def _adaptive(op: Operation) -> tuple[str, dict[str, Any]]:
    rank = _rank(op)
    mode = "max" if "Max" in op.name else "average"
    return "adaptive_pool", {
        "mode": mode,
        "size": op.config.per_axis("output_size", rank),
        **layout(op.config, rank),
    }


def _patches(op: Operation) -> tuple[str, dict[str, Any]]:
    size = op.value("size")
    rank = len(size) if isinstance(size, tuple) else _rank(op)
    kernel = op.config.per_axis("size", rank)
    return "patches", {
        "kernel": kernel,
        "stride": kernel if op.config.get("strides") is None else op.config.per_axis("strides", rank),
        "dilation": op.config.per_axis("dilation_rate", rank, 1),
        "padding": op.config.choice("padding", PADDINGS, "valid"),
        **layout(op.config, rank),
    }


def _blocks(kind: str) -> Maker:
    def make(op: Operation) -> tuple[str, dict[str, Any]]:
        block = op.value("block_size", place=1)
        if type(block) is not int or block < 1:
            op.wrong("block_size", "a positive integer", block)
        return kind, {"block": block, **layout(op.config, _rank(op))}

    return make


def _images(kind: str, word: str) -> Maker:
    """Padding and cropping of images, by edges; a target size is not written out."""

    def make(op: Operation) -> tuple[str, dict[str, Any]]:
        edges = [op.value(f"{side}_{word}") for side in ("top", "bottom", "left", "right")]
        if not all(type(edge) is int and 0 <= edge <= LARGEST for edge in edges):
            return "unknown", {"why": "an edge follows from a target size"}
        setting = "padding" if kind == "pad" else "cropping"
        return kind, {setting: ((edges[0], edges[1]), (edges[2], edges[3])), **_image(op)}

    return make


def _norm(kind: str) -> Maker:
    return lambda op: (kind, {"axes": op.axes("axis", default=-1), "scale": False, "center": False})


def _one_hot(op: Operation) -> tuple[str, dict[str, Any]]:
    size = op.value("num_classes", "depth", place=1)
    if type(size) is not int or op.value("axis", default=-1) not in (-1, None):
        return "unknown", {"why": "one-hot coding along another axis"}
    return "one_hot", {"size": size}


def _cumulative(op: Operation) -> tuple[str, dict[str, Any]]:
    axis = op.value("axis", place=1)
    if type(axis) is not int:
        return "unknown", {"why": "it runs over the flattened tensor"}
    return "cumulative", {"axis": axis, "reverse": op.value("reverse", default=False) is True}


def _sorted(op: Operation) -> tuple[str, dict[str, Any]]:
    axes = op.axes("axis", default=-1)
    return ("softmax", {"axis": axes}) if axes else ("unknown", {"why": "it sorts the flattened tensor"})


def _roll(op: Operation) -> tuple[str, dict[str, Any]]:
    axes, shift = op.axes("axis", place=2), op.numbers("shift", place=1, least=-LARGEST)
    if axes is None:
        return "unknown", {"why": "it rolls the flattened tensor"}
    if len(shift) not in (1, len(axes)):
        op.wrong("shift", "one number, or one for each axis", shift)
    return "roll", {"axes": axes, "shift": shift if len(shift) == len(axes) else shift * len(axes)}


_UNARY: Final = (
    "Absolute", "Abs", "Arccos", "Arccosh", "Arcsin", "Arcsinh", "Arctan", "Arctanh", "Cast", "Ceil",
    "Celu", "Clip", "Copy", "Cos", "Cosh", "Elu", "Erf", "Erfinv", "Exp", "Exp2", "Expm1", "Floor",
    "FloorDivide", "Gelu", "HardShrink", "HardSigmoid", "HardSilu", "HardSwish", "HardTanh", "Isfinite",
    "Isinf", "Isnan", "LeakyRelu", "Log", "Log10", "Log1p", "Log2", "LogSigmoid", "LogicalNot",
    "NanToNum", "Negative", "OnesLike", "ZerosLike", "FullLike", "Reciprocal", "Relu", "Relu6", "Round",
    "Rsqrt", "Selu", "Sigmoid", "Sign", "Signbit", "Silu", "Sin", "Sinh", "SoftShrink", "Softplus",
    "Softsign", "SparsePlus", "SparseSigmoid", "Sqrt", "Square", "Squareplus", "StopGradient", "Tan",
    "Tanh", "TanhShrink", "Threshold", "Trunc", "Identity", "Real", "Imag", "Conjugate", "Angle", "Tril",
    "Triu", "Bernoulli", "BitwiseNot", "BitwiseInvert", "Cbrt", "Conj", "ConvertToTensor", "Deg2rad",
    "Erfc", "Fabs", "I0", "Isneginf", "Isposinf", "Isreal", "Rad2deg", "SaturateCast", "Sinc",
)  # fmt: skip
_BINARY: Final = (
    "Power", "Mod", "Arctan2", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual",
    "LogicalAnd", "LogicalOr", "LogicalXor", "Where", "SquaredDifference", "Hypot", "Logaddexp",
    "BitwiseAnd", "BitwiseOr", "BitwiseXor", "SelectV2", "BitwiseLeftShift", "BitwiseRightShift", "Fmax",
    "Fmin", "Fmod", "Gcd", "Heaviside", "Isclose", "Lcm", "Ldexp", "LeftShift", "Logaddexp2", "Nextafter",
    "RightShift",
)  # fmt: skip
_REDUCE: Final = (
    "All", "Amax", "Amin", "Any", "Argmax", "Argmin", "Average", "CountNonzero", "Logsumexp", "Max",
    "Mean", "Median", "Min", "Nanmax", "Nanmean", "Nanmedian", "Nanmin", "Nanprod", "Nanstd", "Nansum",
    "Nanvar", "Norm", "Prod", "Ptp", "Std", "Sum", "Var",
)  # fmt: skip

OPERATIONS: Final[dict[str, Maker]] = {
    **{name: _pointwise("elementwise") for name in (*_UNARY, *_BINARY)},
    **dict.fromkeys(_REDUCE, _reduce),
    "Quantile": _quantile,
    "Add": _pointwise("add"),
    "Subtract": _pointwise("subtract"),
    "Multiply": _pointwise("multiply"),
    "Divide": _pointwise("divide"),
    "TrueDivide": _pointwise("divide"),
    "DivideNoNan": _pointwise("divide"),
    "Maximum": _pointwise("maximum"),
    "Minimum": _pointwise("minimum"),
    "Softmax": _along("softmax"),
    "LogSoftmax": _along("softmax"),
    "Sparsemax": _along("softmax"),
    "Sort": _sorted,
    "Argsort": _sorted,
    "Cumsum": _cumulative,
    "Cumprod": _cumulative,
    "Normalize": lambda op: ("unit_norm", {"axes": op.axes("axis", default=-1)}),
    "LayerNorm": _norm("layer_norm"),
    "RMSNorm": _norm("rms_norm"),
    "Reshape": _reshape,
    "Ravel": lambda op: ("reshape", {"shape": (-1,)}),
    "Transpose": _transpose,
    "Swapaxes": _swapaxes,
    "Moveaxis": _moveaxis,
    "ExpandDims": _expand,
    "Squeeze": _squeeze,
    "Concatenate": _concat,
    "Concat": _concat,
    "Stack": _stack,
    "Split": _split,
    "Unstack": _unstack,
    "Repeat": _repeat,
    "Tile": _tile,
    "Pad": _pad,
    "Flip": lambda op: (
        ("flip", {"axes": op.axes("axis")})
        if op.axes("axis")
        else ("unknown", {"why": "it reverses every axis"})
    ),
    "Roll": _roll,
    "BroadcastTo": lambda op: ("broadcast_to", {"shape": op.shape("shape")}),
    "GetItem": _get_item,
    "SlicingOpLambda": _get_item,
    "Einsum": _einsum,
    "Matmul": _matmul,
    "Resize": _resize,
    "CropImages": _images("crop", "cropping"),
    "PadImages": _images("pad", "padding"),
    "Conv": _conv,
    "DepthwiseConv": _conv,
    "SeparableConv": _conv,
    "ConvTranspose": _conv,
    "MaxPool": _pool("max_pool"),
    "AveragePool": _pool("average_pool"),
    "AdaptiveAveragePool": _adaptive,
    "AdaptiveMaxPool": _adaptive,
    "SpaceToDepth": _blocks("space_to_depth"),
    "DepthToSpace": _blocks("depth_to_space"),
    "OneHot": _one_hot,
    "ExtractPatches": _patches,
    "DotProductAttention": lambda _op: ("head_attention", {}),
    "BatchNorm": lambda _op: ("identity", {}),
    "RGBToGrayscale": lambda op: ("reduce", {"axes": (_image(op)["channel"],), "keepdims": True}),
}
"""Every operation that a rule exists for, by its class name in Keras 3."""

_KERAS2: Final = {
    "math.add": "Add", "__operators__.add": "Add", "math.subtract": "Subtract", "math.multiply": "Multiply",
    "math.truediv": "TrueDivide", "math.divide": "TrueDivide", "math.maximum": "Maximum",
    "math.minimum": "Minimum", "math.pow": "Power", "math.abs": "Absolute", "math.sqrt": "Sqrt",
    "math.square": "Square", "math.exp": "Exp", "math.log": "Log", "math.sigmoid": "Sigmoid",
    "math.negative": "Negative", "math.reduce_mean": "Mean", "math.reduce_sum": "Sum",
    "math.reduce_max": "Max", "math.reduce_min": "Min", "math.reduce_prod": "Prod",
    "math.reduce_std": "Std", "math.reduce_variance": "Var", "math.reduce_any": "Any",
    "math.reduce_all": "All", "math.argmax": "Argmax", "math.l2_normalize": "Normalize",
    "math.cumsum": "Cumsum", "math.floordiv": "FloorDivide", "math.greater": "Greater", "math.less": "Less",
    "math.equal": "Equal", "math.not_equal": "NotEqual", "math.tanh": "Tanh", "math.softplus": "Softplus",
    "math.erf": "Erf", "math.floormod": "Mod", "nn.relu": "Relu", "nn.relu6": "Relu6",
    "nn.softmax": "Softmax", "nn.sigmoid": "Sigmoid", "nn.tanh": "Tanh", "nn.silu": "Silu",
    "nn.swish": "Silu", "nn.gelu": "Gelu", "nn.elu": "Elu", "nn.leaky_relu": "LeakyRelu",
    "nn.space_to_depth": "SpaceToDepth", "nn.depth_to_space": "DepthToSpace", "linalg.matmul": "Matmul",
    "linalg.einsum": "Einsum", "image.resize": "Resize", "cast": "Cast", "identity": "Identity",
    "reshape": "Reshape", "transpose": "Transpose", "concat": "Concat", "stack": "Stack",
    "unstack": "Unstack", "split": "Split", "expand_dims": "ExpandDims", "squeeze": "Squeeze",
    "tile": "Tile", "repeat": "Repeat", "pad": "Pad", "clip_by_value": "Clip", "one_hot": "OneHot",
    "reverse": "Flip", "roll": "Roll", "broadcast_to": "BroadcastTo", "where": "Where",
    "stop_gradient": "StopGradient", "ones_like": "OnesLike", "zeros_like": "ZerosLike",
    "math.rsqrt": "Rsqrt", "math.log1p": "Log1p", "math.reciprocal": "Reciprocal", "math.sin": "Sin",
    "math.cos": "Cos", "math.floor": "Floor", "math.ceil": "Ceil", "math.round": "Round", "math.sign": "Sign",
    "math.divide_no_nan": "DivideNoNan", "math.squared_difference": "SquaredDifference",
    "math.greater_equal": "GreaterEqual", "math.less_equal": "LessEqual", "math.logical_and": "LogicalAnd",
    "math.logical_or": "LogicalOr", "math.logical_not": "LogicalNot", "math.reduce_logsumexp": "Logsumexp",
    "nn.selu": "Selu", "nn.softplus": "Softplus", "nn.log_softmax": "LogSoftmax",
    "nn.l2_normalize": "Normalize", "compat.v1.transpose": "Transpose",
    "convert_to_tensor": "ConvertToTensor",
}  # fmt: skip
"""Functions of TensorFlow in a ``TFOpLambda`` of Keras 2, by what they are called in Keras 3."""


def is_operation(entry: Config, class_name: str) -> bool:
    """Tell whether an entry of a model is an operation and no layer: Keras says so by its module."""
    if class_name in ("TFOpLambda", "SlicingOpLambda"):
        return True
    module = entry.get("module")
    return isinstance(module, str) and ".ops" in module


def make_operation(
    class_name: str, config: Config, node: Node, edges: list[Edge], _raw: Mapping[str, Any]
) -> Made:
    """Return the canonical kind of an operation, its settings and its tensors."""
    name = class_name
    if class_name == "TFOpLambda":
        function = config.text("function", "")
        name = _KERAS2.get(function, function)
    maker = OPERATIONS.get(name)
    if maker is None:
        return "unknown", {"why": "no rule for this operation"}, edges
    try:
        kind, attrs = maker(Operation(name, config, node, edges))
    except AtRunTimeError as error:
        return "unknown", {"why": f"its {error} is worked out when the model runs"}, edges
    # a shape may hold tensors, which say how long axes are and not what is in them
    return kind, attrs, edges[:1] if kind in ("reshape", "broadcast_to") else edges

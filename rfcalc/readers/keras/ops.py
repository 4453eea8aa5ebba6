"""Nodes of a Keras model that are operations, not layers: ``x + y``, ``x[:, ::2]``, ``keras.ops``."""

from __future__ import annotations

from typing import Final

from rfcalc.graph import Edge
from rfcalc.graph.layer import Stage
from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.nodes import Node
from rfcalc.readers.keras.operation import AtRunTimeError, Operation, OperationMaker
from rfcalc.readers.keras.ops_elementwise import ELEMENTWISE
from rfcalc.readers.keras.ops_further import FURTHER
from rfcalc.readers.keras.ops_mix import MIXES
from rfcalc.readers.keras.ops_more import MORE
from rfcalc.readers.keras.ops_shape import SHAPES
from rfcalc.readers.keras.ops_window import WINDOWS

OPERATIONS: Final[dict[str, OperationMaker]] = {
    **ELEMENTWISE,
    **MIXES,
    **SHAPES,
    **WINDOWS,
    **MORE,
    **FURTHER,
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


def make_operation(
    class_name: str, config: Config, node: Node, edges: list[Edge]
) -> tuple[Stage, list[Edge]]:
    """Return what an operation computes, and of which tensors."""
    name = class_name
    if class_name == "TFOpLambda":
        function = config.text("function", "")
        name = _KERAS2.get(function, function)
    maker = OPERATIONS.get(name)
    if maker is None:
        return Stage("unknown", {"why": "no rule for this operation"}), edges
    try:
        made = maker(Operation(name, config, node, edges))
    except AtRunTimeError as error:
        return Stage("unknown", {"why": f"its {error} is worked out when the model runs"}), edges
    stage = made if isinstance(made, Stage) else Stage(*made)
    # a shape may hold tensors, which say how long axes are and not what is in them
    return stage, edges[:1] if stage.kind in ("reshape", "broadcast_to") else edges

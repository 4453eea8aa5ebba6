"""Operations of Keras that mix along whole axes: products, reductions, softmax, normalisation, sorting."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.keras.operation import Operation, OperationMaker, features
from rfcalc.readers.keras.settings import Made


def _reduce(op: Operation) -> Made:
    keep = op.value("keepdims", "keep_dims", default=False) is True
    axes = op.axes("axis", "axes")
    return "reduce", {"axes": _every(axes), "keepdims": keep, "mode": op.name.lower()}


def _quantile(op: Operation) -> Made:
    if not isinstance(op.value("q", place=1), (int, float)):
        return "unknown", {"why": "several quantiles at once"}
    axes = op.axes("axis", place=2)
    keep = op.value("keepdims", default=False) is True
    return "reduce", {"axes": _every(axes), "keepdims": keep, "mode": "quantile"}


def _every(axes: tuple[int, ...] | None) -> Any:
    """Axes of a reduction; without any, the batch axis goes too."""
    return "all" if axes is None else axes


def _normalize(op: Operation) -> Made:
    keras_2 = "function" in op.config.data  # tf.math.l2_normalize takes all axes unless it is told
    axes = op.axes("axis", default=None if keras_2 else -1)
    return ("unknown", {"why": "it runs over all axes"}) if axes is None else ("unit_norm", {"axes": axes})


def _dot_product_attention(op: Operation) -> Stage:
    """Query, key, value; a bias that is a tensor is added to the scores, as a mask is."""
    causal = op.value("is_causal", default=False) is True
    return Stage("head_attention", {"causal": causal}, Extras(masks=max(len(op.edges) - 3, 0)))


def _along(kind: str, **attrs: Any) -> OperationMaker:
    def make(op: Operation) -> Made:
        axes = op.axes("axis", default=-1)
        return (
            ("unknown", {"why": "it runs over all axes"}) if axes is None else (kind, {"axis": axes, **attrs})
        )

    return make


def _sorted(op: Operation) -> Made:
    axes = op.axes("axis", default=-1)
    return (
        ("softmax", {"axis": axes, "function": "sort"})
        if axes
        else ("unknown", {"why": "it sorts the flattened tensor"})
    )


def _cumulative(op: Operation) -> Made:
    axis = op.value("axis", place=1)
    if type(axis) is not int:
        return "unknown", {"why": "it runs over the flattened tensor"}
    return "cumulative", {"axis": axis, "reverse": op.value("reverse", default=False) is True}


def _norm(kind: str) -> OperationMaker:
    return lambda op: (kind, {"axes": op.axes("axis", default=-1), "scale": False, "center": False})


def _one_hot(op: Operation) -> Made:
    size = op.value("num_classes", "depth", place=1)
    if type(size) is not int or op.value("axis", default=-1) not in (-1, None):
        return "unknown", {"why": "one-hot coding along another axis"}
    return "one_hot", {"size": size}


def _einsum(op: Operation) -> Made | Stage:
    extras = op.operands(op.node.args, features)
    if len(op.constants()) != len(extras.operands):
        return "unknown", {"why": "a product with an array written into the file"}
    equation = op.value("subscripts", "equation", place=0)
    if not isinstance(equation, str):
        op.wrong("subscripts", "an equation", equation)
    return Stage("einsum", {"equation": equation}, extras)


def _diff(op: Operation) -> Made:
    """Return neighbours that are subtracted, n times over: a window along one axis."""
    order, axis = op.value("n", place=1, default=1), op.axis("axis", default=-1, place=2)
    if type(order) is not int or order < 1:
        return "unknown", {"why": "a difference of no order"}
    return "average_pool", {
        "kernel": (order + 1,),
        "stride": (1,),
        "spatial": (axis,),
        "channel": 0 if axis else 1,
    }


def _matmul(op: Operation) -> Made | Stage:
    extras = op.operands(op.node.args, features)
    if len(op.edges) + len(extras.operands) != 2:
        return "unknown", {"why": "a product with an array written into the file"}
    turned = [
        any(op.value(f"{word}_{side}", default=False) is True for word in ("transpose", "adjoint"))
        for side in "ab"
    ]
    if any(turned):  # TensorFlow's options
        left, right = "...ki" if turned[0] else "...ik", "...jk" if turned[1] else "...kj"
        return Stage("einsum", {"equation": f"{left},{right}->...ij"}, extras)
    return Stage("matmul", {}, extras)


_REDUCE: Final = (
    "All", "Amax", "Amin", "Any", "Argmax", "Argmin", "Average", "CountNonzero", "Logsumexp", "Max",
    "Mean", "Median", "Min", "Nanmax", "Nanmean", "Nanmedian", "Nanmin", "Nanprod", "Nanstd", "Nansum",
    "Nanvar", "Norm", "Prod", "Ptp", "Std", "Sum", "Var",
)  # fmt: skip

MIXES: Final[dict[str, OperationMaker]] = {
    **dict.fromkeys(_REDUCE, _reduce),
    "Quantile": _quantile,
    "Softmax": _along("softmax"),
    "LogSoftmax": _along("softmax", function="log_softmax"),
    "Sparsemax": _along("softmax", function="sparsemax"),
    "Sort": _sorted,
    "Argsort": _sorted,
    "Cumsum": _cumulative,
    "Cumprod": _cumulative,
    "Normalize": _normalize,
    "LayerNorm": _norm("layer_norm"),
    "RMSNorm": _norm("rms_norm"),
    "OneHot": _one_hot,
    "Einsum": _einsum,
    "Diff": _diff,
    "Matmul": _matmul,
    "DotProductAttention": _dot_product_attention,
}

"""Linear layers, matrix products, reductions."""

from __future__ import annotations

from rfcalc.algebra.number import is_one
from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.lowering import mix
from rfcalc.readers.lowering.value import Blind, Value, Values
from rfcalc.readers.torch.operation import Operation, op


@op("linear", "_linear", tells="features")
def linear(operation: Operation) -> Values:
    """Input, weight (outputs, inputs), bias."""
    x, kernel, bias = operation["input"], operation["weight"], operation.optional("bias")
    if x.spec is not None and x.rank == 1:
        first = ((0, (Stage("expand_dims", {"axes": (0,)}),)),)
        extras = Extras(first, then=(Stage("squeeze", {"axes": (0,)}),))
        attrs = {"units": kernel.shape[0]}
        return operation.add("linear", (x,), attrs, extras, weights=(kernel, bias))
    return mix.linear(operation, x, kernel, bias, features_last=True)


@op("matmul", "mm", "bmm", "linalg_matmul", "chain_matmul", tells="features")
def matmul(operation: Operation) -> Values:
    """Two tensors."""
    names = ("self", "mat2") if "mat2" in operation.call.args else ("self", "other")
    return _product(operation, operation[names[0]], operation[names[1]])


def _product(operation: Operation, x: Value, y: Value, bias: Value | None = None) -> Values:
    if bias is None and x.spec is not None and y.spec is not None and x.rank >= 2 and y.rank == 1:
        return _by_vector(operation, x, y)
    return mix.matmul(operation, x, y, bias)


def _by_vector(operation: Operation, x: Value, y: Value) -> Values:
    """Contract the last axis of a tensor with a vector."""
    before = ((1, (Stage("expand_dims", {"axes": (1,)}),)),)
    extras = Extras(before, then=(Stage("squeeze", {"axes": (-1,)}),))
    return operation.add("matmul", (x, y), {}, extras)


@op("mv")
def matrix_vector(operation: Operation) -> Values:
    """A matrix and a vector."""
    return _by_vector(operation, operation["self"], operation["vec"])


@op("dot", "vdot", "inner")
def inner(operation: Operation) -> Values:
    """The last axes are contracted."""
    x, y = operation["self"], operation["tensor" if "tensor" in operation.call.args else "other"]
    letters = "abcdefgh"
    left, right = letters[: x.rank - 1], letters[x.rank - 1 : x.rank + y.rank - 2]
    return mix.einsum(operation, (x, y), f"{left}z,{right}z->{left}{right}")


@op("outer", "ger")
def outer(operation: Operation) -> Values:
    """All products of two vectors' elements."""
    return mix.einsum(operation, (operation["self"], operation["vec2"]), "i,j->ij")


@op("addmm", "baddbmm", "addmv")
def add_product(operation: Operation) -> Values:
    """Something plus a matrix product."""
    names = {
        "aten.addmm": ("mat1", "mat2"),
        "aten.baddbmm": ("batch1", "batch2"),
        "aten.addmv": ("mat", "vec"),
    }
    x, y = (operation[name] for name in names[operation.op])
    bias = mix.scaled(operation, operation["self"], operation.raw("beta", 1))
    return _product(operation, x, y, bias)


@op("_grouped_mm")
@op("grouped_mm_fallback", domain="transformers")
def grouped_product(operation: Operation) -> Values:
    """Rows in groups, each group with a matrix of its own: the experts of a mixture."""
    x, kernel = (operation[name] for name in list(operation.call.args)[:2])
    offsets, bias = operation.optional("offs"), operation.optional("bias")
    if x.spec is None or kernel.spec is None:
        raise Blind
    if not kernel.constant or kernel.rank != 3 or x.rank != 2:
        return operation.cover(operation.given, "which rows a matrix takes is computed")
    rows = x
    if offsets is not None and not offsets.constant:
        attrs = {"shape": x.shape, "axes": x.spec.axes, "reason": "which rows an expert takes is computed"}
        (rows,) = operation.builder.add(operation.part("rows").node, "cover", (x, offsets), attrs)
    return operation.add("linear", (rows,), {"units": kernel.shape[2]}, weights=(kernel, bias))


@op("einsum")
def einsum(operation: Operation) -> Values:
    """Any number of operands."""
    return mix.einsum(operation, operation.several("tensors"), operation.text("equation"))


@op("tensordot")
def tensordot(operation: Operation) -> Values:
    """Some axes of two tensors are contracted."""
    x, y = operation["self"], operation["other"]
    left, right = [f"{chr(97 + k)}" for k in range(x.rank)], [f"{chr(110 + k)}" for k in range(y.rank)]
    pairs = zip(
        operation.axes("dims_self", x.rank) or (), operation.axes("dims_other", y.rank) or (), strict=True
    )
    for a, b in pairs:
        right[b] = left[a]
    out = [each for each in (*left, *right) if (each in left) != (each in right)]
    equation = f"{''.join(left)},{''.join(right)}->{''.join(out)}"
    return mix.einsum(operation, (x, y), equation)


@op("bilinear")
def bilinear(operation: Operation) -> Values:
    """A product of two inputs with a cube of weights."""
    x, y, kernel = operation["input1"], operation["input2"], operation["weight"]
    bias = operation.optional("bias")
    lead = "abcdefgh"[: x.rank - 1]
    inputs = (x, y, kernel)
    attrs = {"equation": f"{lead}x,{lead}y,zxy->{lead}z"}
    return operation.add("einsum", inputs, attrs, weights=(bias,))


@op("cdist", "_cdist_forward")
def distances(operation: Operation) -> Values:
    """The distance of every pair of rows."""
    x, y = operation["x1"], operation["x2"]
    return operation.add("matmul", (x, y), {}, Extras(prepare=((1, mix.SWAP),)))


@op("cosine_similarity", "pairwise_distance")
def similarity(operation: Operation) -> Values:
    """One number for two vectors that lie along one axis."""
    x, y = operation["x1"], operation["x2"]
    rank = max(x.rank, y.rank)
    axis = operation.axis("dim", rank, 1) if operation.op == "aten.cosine_similarity" else rank - 1
    keep = operation.flag("keepdim")
    extras = Extras(then=(Stage("reduce", {"axes": (axis,), "keepdims": keep}),))
    return operation.add("elementwise", (x, y), {"function": "distance"}, extras)


# ---- reductions --------------------------------------------------------------------------------------------

_REDUCTIONS = (
    *("mean", "sum", "amax", "amin", "aminmax", "max", "min", "any", "all", "prod", "logsumexp"),
    *("norm", "var", "std", "var_mean", "std_mean", "linalg_vector_norm", "argmax", "argmin"),
    *("nansum", "nanmean", "count_nonzero", "linalg_norm", "frobenius_norm", "nuclear_norm"),
    *("special_logsumexp", "native_norm", "_is_all_true", "_is_any_true"),
)


@op(*_REDUCTIONS)
def reduce(operation: Operation) -> Values:
    """Over given axes or over all; the largest and the smallest may come with their index."""
    if "other" in operation.call.args:
        kind = {"aten.max": "maximum", "aten.min": "minimum"}[operation.op]
        return mix.elementwise(operation, kind, (operation["self"], operation["other"]))
    x = operation["self"]
    if x.spec is None:
        raise Blind
    axes = operation.axes("dim", x.rank)
    if not x.rank:
        return operation.skip(x)
    return mix.reduce(
        operation,
        x,
        axes,
        keepdims=operation.flag("keepdim"),
        mode=operation.node.op,
        copies=operation.copies,
    )


@op("softmax", "log_softmax", "_softmax", "_log_softmax", "softmin", tells="same")
@op("special_softmax", "_safe_softmax", tells="same")
def softmax(operation: Operation) -> Values:
    """Along one axis."""
    x = operation["self"]
    function = operation.node.op.removeprefix("special_").strip("_")
    return mix.softmax(operation, x, (operation.axis("dim", x.rank),), function)


@op("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp")
def cumulative(operation: Operation) -> Values:
    """Each element takes those before it along one axis."""
    x = operation["self"]
    attrs, extras = {"axis": operation.axis("dim", x.rank)}, Extras(copies=operation.copies)
    made = operation.add("cumulative", (x,), attrs, extras)
    if "log" in operation.op:
        operation.builder.bias(made)  # a sum of exp(0) is not 0
    return made


@op("diff")
def difference(operation: Operation) -> Values:
    """Neighbours along one axis are subtracted."""
    x = operation["self"]
    if "prepend" in operation.call.args or "append" in operation.call.args:
        return operation.cover(operation.given, "a difference with something in front is not followed")
    order, axis = operation.integer("n", 1), operation.axis("dim", x.rank, -1)
    attrs = {"kernel": (order + 1,), "stride": (1,), "spatial": (axis,), "channel": 0 if axis else 1}
    if x.rank < 2 or is_one(order + 1):
        return operation.cover((x,), "a difference of a vector is not followed")
    return operation.add("average_pool", (x,), attrs)


_LOSSES = (
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "cross_entropy_loss", "nll_loss", "nll_loss_nd"),
    *("nll_loss2d", "binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div", "ctc_loss"),
    *("cosine_embedding_loss", "triplet_margin_loss", "nll_loss_forward", "addr", "multinomial"),
)


@op(*_LOSSES)
def loss(operation: Operation) -> Values:
    """A figure of merit, mostly one number for everything."""
    return operation.cover(operation.given, f"what {operation.node.op} reads is only bounded")


@op(
    "linalg_inv_ex",
    "inverse",
    "linalg_inv",
    "linalg_solve",
    "linalg_qr",
    "linalg_svd",
    "_linalg_svd",
    "linalg_eigh",
)
@op(
    "linalg_cholesky",
    "linalg_cholesky_ex",
    "linalg_det",
    "det",
    "logdet",
    "linalg_pinv",
    "matrix_exp",
    "cholesky",
)
@op("_linalg_eigh", "_linalg_det", "_linalg_solve_ex", "linalg_lu_factor", "cross", "linalg_cross", "kron")
def algebra(operation: Operation) -> Values:
    """Linear algebra of whole matrices."""
    return operation.cover(operation.given, f"what {operation.node.op} reads is only bounded")

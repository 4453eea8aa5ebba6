"""Operators that move elements about."""

from __future__ import annotations

from typing import Final

from rfcalc.algebra.number import Num, is_known, prod
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.lowering import shape as moves
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.torch.operation import Operation, op, place

SAME = (
    "clone",
    "detach",
    "alias",
    "lift",
    "lift_fresh",
    "lift_fresh_copy",
    "positive",
    "view_of",
)


@op(*SAME, "_to_copy", "to", "type_as", tells="same")
@op("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout", tells="same")
@op("native_dropout", "resolve_conj", "resolve_neg", "set_data", "requires_grad", "real", "conj", "_conj")
@op("float_power", "view_as_complex_copy", "relu_copy", "bernoulli", "_conj_physical")
def identity(operation: Operation) -> Values:
    """Nothing that matters changes; a mask of what is dropped has the same shape."""
    x = operation[next(iter(operation.call.args))]
    made = operation.add("identity", (x,), {}, Extras(copies=operation.copies))
    if "power" in operation.op:
        operation.builder.bias(made)  # 0 to the power of 0 is 1
    return (x, *made[1:]) if x.constant else made


@op("contiguous", tells="same")
def contiguous(operation: Operation) -> Values:
    """No layer: only how elements lie changes, and a module that runs calls nothing where they do already."""
    return (operation["self"],)


@op(
    "view",
    "reshape",
    "_unsafe_view",
    "view_copy",
    "_reshape_alias",
    "unflatten",
    "flatten",
    "ravel",
    "view_as",
)
@op("reshape_as")
def reshape(operation: Operation) -> Values:
    """The same elements under another shape, which the program records."""
    if operation.overload == "dtype":
        return operation.unknown()
    x, (target,) = operation["self"], operation.recorded
    if x.spec is not None and x.shape == target:
        return operation.skip(x)
    return moves.reshape(operation, x, target)


@op("permute", "permute_copy")
def permute(operation: Operation) -> Values:
    """Axes in a given order."""
    x = operation["self"]
    order = operation.axes("dims", x.rank) or tuple(range(x.rank))
    return moves.permute(operation, x, order)


@op("transpose", "swapaxes", "swapdims", "transpose_copy")
def transpose(operation: Operation) -> Values:
    """Two axes change places."""
    x = operation["self"]
    a, b = (operation.axis(_either(operation, f"dim{k}", f"axis{k}"), x.rank) for k in (0, 1))
    order = list(range(x.rank))
    order[a], order[b] = order[b], order[a]
    return moves.permute(operation, x, order)


def _either(operation: Operation, *names: str) -> str:
    """Return which name an argument has."""
    found = next((name for name in names if name in operation.call.args), None)
    if found is None:
        raise AnalysisError(f"{operation.op} needs {names[0]!r}")
    return found


@op("t", "numpy_T", "adjoint", "mT", "matrix_H", "mH")
def reverse_axes(operation: Operation) -> Values:
    """The last two axes change places; of `numpy_T` all."""
    x = operation["self"]
    if x.rank < 2:
        return operation.skip(x)
    order = list(range(x.rank))
    if operation.op == "aten.numpy_T":
        order.reverse()
    else:
        order[-2:] = order[:-3:-1]
    return moves.permute(operation, x, order)


@op("movedim", "moveaxis")
def move_axes(operation: Operation) -> Values:
    """Some axes go to new places."""
    x = operation["self"]
    sources, targets = (
        [place(each, x.rank) for each in operation.integers(name)] for name in ("source", "destination")
    )
    return moves.permute(operation, x, ("move", sources, targets))  # type: ignore[arg-type]  # the rule spells it out


@op("squeeze", "squeeze_copy")
def squeeze(operation: Operation) -> Values:
    """Drop axes of one element: all, or those given that have one."""
    x = operation["self"]
    given = operation.axes("dim", x.rank)
    wanted = range(x.rank) if given is None else given
    axes = [axis for axis in wanted if is_known(x.shape[axis]) and x.shape[axis] == 1]
    if not axes:
        return operation.skip(x)
    return moves.squeeze(operation, x, axes)


@op("unsqueeze", "unsqueeze_copy")
def unsqueeze(operation: Operation) -> Values:
    """A new axis of one element."""
    return moves.unsqueeze(operation, operation["self"], (operation.integer("dim"),))


@op("expand", "expand_as", "broadcast_to", "expand_copy")
def expand(operation: Operation) -> Values:
    """Axes of one element repeat."""
    return _expanded(operation, operation["self"], operation.recorded[0])


def _expanded(operation: Operation, x: Value, target: tuple[Num, ...]) -> Values:
    if x.spec is not None and x.shape == target:
        return operation.skip(x)
    return moves.expand(operation, x, target)


@op("copy")
def copy(operation: Operation) -> Values:
    """Elements of another tensor, stretched to the shape of the first."""
    return _expanded(operation, operation["src"], operation.recorded[0])


@op("repeat", "tile")
def tile(operation: Operation) -> Values:
    """Whole axes end to end, behind new axes where there are more numbers than axes."""
    x = operation["self"]
    repeats = operation.numbers("repeats" if "repeats" in operation.call.args else "dims")
    more = len(repeats) - x.rank
    if more <= 0:
        return moves.tile(operation, x, repeats)
    extras = Extras(prepare=((0, (Stage("expand_dims", {"axes": tuple(range(more))}),)),))
    return operation.add("tile", (x,), {"repeats": repeats}, extras)


@op("repeat_interleave")
def repeat(operation: Operation) -> Values:
    """Each element several times in a row."""
    if operation.overload == "Tensor" or not is_known(operation.raw("repeats")):
        return operation.cover(operation.given, "how often each element is repeated is computed")
    x = operation["self"]
    flat = operation.raw("dim") is None
    attrs = {"count": operation.integer("repeats"), "axis": 0 if flat else operation.axis("dim", x.rank)}
    extras = Extras(prepare=_FLATTENED if flat else ())
    return operation.add("repeat", (x,), attrs, extras)


_FLATTENED: Final = ((0, (Stage("reshape", {"shape": (-1,)}),)),)
"""All elements of the first input in a row."""


# ---- joining and parting -----------------------------------------------------------------------------------


@op("cat", "concat", "concatenate", tells="same")
def concat(operation: Operation) -> Values:
    """End to end along one axis; a vector without elements among tensors counts for nothing."""
    inputs = operation.several("tensors")
    inputs = [value for value in inputs if value.spec is None or value.shape != (0,)] or inputs[:1]
    if len(inputs) == 1:
        return operation.skip(inputs[0])
    axis = operation.integer("dim", 0)
    rank = next((value.rank for value in inputs if value.spec is not None), 0)
    return moves.concat(operation, inputs, place(axis, rank) if rank else axis)


@op("stack")
def stack(operation: Operation) -> Values:
    """Side by side along a new axis."""
    inputs = operation.several("tensors")
    return moves.stack(operation, inputs, operation.integer("dim", 0))


@op(
    "split",
    "split_with_sizes",
    "chunk",
    "tensor_split",
    "unsafe_split",
    "unsafe_chunk",
    "unsafe_split_with_sizes",
    tells="same",
)
@op("split_copy", "split_with_sizes_copy", "hsplit", "vsplit", "dsplit")
def split(operation: Operation) -> Values:
    """Parts of one axis, as long as the program records."""
    x = operation["self"]
    default = {"aten.hsplit": 1 if x.rank > 1 else 0, "aten.dsplit": 2}.get(operation.op, 0)
    axis = operation.axis("dim", x.rank, default)
    sizes = [shape[axis] for shape in operation.recorded]
    if len(sizes) == 1:
        return operation.skip(x)
    return moves.split(operation, x, axis, sizes=sizes)


@op("unbind", "unbind_copy")
def unbind(operation: Operation) -> Values:
    """All indices of an axis apart."""
    x = operation["self"]
    return moves.unbind(operation, x, operation.axis("dim", x.rank, 0))


@op("slice", "slice_copy", tells="same")
def cut(operation: Operation) -> Values:
    """From start to end by steps, along one axis."""
    x = operation["self"]
    axis = operation.axis("dim", x.rank, 0)
    start, end, step = (operation.number(name) for name in ("start", "end", "step"))
    far = is_known(end) and end >= 1 << 62
    whole = (start is None or (is_known(start) and start == 0)) and step in (None, 1)
    extent = x.shape[axis]
    if whole and (end is None or far or end == extent or operation.recorded[0][axis] == extent):
        return operation.skip(x)
    bounds = (axis, start, None if far or end == extent else end, 1 if step is None else step)
    return moves.cut(operation, x, (bounds,))


@op("narrow", "narrow_copy")
def narrow(operation: Operation) -> Values:
    """Some elements from a start on."""
    x = operation["self"]
    start, length = operation.number("start"), operation.number("length")
    bounds = (operation.axis("dim", x.rank), start, start + length, 1)
    return moves.cut(operation, x, (bounds,))


@op("select", "select_copy")
def select(operation: Operation) -> Values:
    """One index of an axis, which goes."""
    x = operation["self"]
    axis, index = operation.axis("dim", x.rank), operation.integer("index")
    return moves.select(operation, x, axis, index)


@op(
    "diagonal", "diag_embed", "diag", "diagonal_copy", "as_strided", "rot90", "take", "masked_select", "trace"
)
def uncommon(operation: Operation) -> Values:
    """Shapes are known, dependence is bounded."""
    return operation.cover(operation.given, f"what {operation.node.op} moves where is not followed")


# ---- order -------------------------------------------------------------------------------------------------


@op("roll", tells="same")
def roll(operation: Operation) -> Values:
    """What leaves at the end comes in at the start; without axes, of all elements in a row."""
    x, shifts = operation["self"], operation.integers("shifts")
    axes = operation.axes("dims", x.rank)
    if axes is None:
        extras = Extras(_FLATTENED, then=(Stage("reshape", {"shape": operation.recorded[0]}),))
        return operation.add("roll", (x,), {"shift": shifts, "axes": (0,)}, extras)
    return operation.add("roll", (x,), {"shift": shifts, "axes": axes})


@op("flip", "fliplr", "flipud", tells="same")
def flip(operation: Operation) -> Values:
    """Axes the other way round."""
    x = operation["self"]
    fixed = {"aten.fliplr": (1,), "aten.flipud": (0,)}.get(operation.op)
    axes = fixed or operation.axes("dims", x.rank) or ()
    return operation.add("flip", (x,), {"axes": axes})


@op("pixel_shuffle", "pixel_unshuffle", tells="window")
def pixel_shuffle(operation: Operation) -> Values:
    """Channels become blocks of pixels, channel by channel, or the other way."""
    x = operation["self"]
    if x.rank != 4:
        raise Undecided
    batch, channels, height, width = x.shape
    if operation.op == "aten.pixel_shuffle":
        r = operation.integer("upscale_factor")
        split_up: tuple[Num, ...] = (batch, channels // (r * r), r, r, height, width)
        order = (0, 1, 4, 2, 5, 3)
    else:
        r = operation.integer("downscale_factor")
        split_up = (batch, channels, height // r, r, width // r, r)
        order = (0, 1, 3, 5, 2, 4)
    return _turned(operation, x, split_up, order)


@op("channel_shuffle", "native_channel_shuffle", tells="window")
def channel_shuffle(operation: Operation) -> Values:
    """Channels of all groups take turns."""
    x, groups = operation["self"], operation.integer("groups")
    shape = (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
    return _turned(operation, x, shape, (0, 2, 1, *range(3, len(shape))))


def _turned(operation: Operation, x: Value, shape: tuple[Num, ...], order: tuple[int, ...]) -> Values:
    """Put the axes of a tensor that is taken for one of another shape in order."""
    then = (Stage("permute", {"order": order}), Stage("reshape", {"shape": operation.recorded[0]}))
    return operation.add("reshape", (x,), {"shape": shape}, Extras(then=then))


# ---- padding -----------------------------------------------------------------------------------------------

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@op("constant_pad_nd", "pad", "_pad_circular", "_pad_enum", tells="same")
@op("reflection_pad1d", "reflection_pad2d", "reflection_pad3d", tells="same")
@op("replication_pad1d", "replication_pad2d", "replication_pad3d", tells="same")
def pad(operation: Operation) -> Values:
    """Pairs of numbers from the last axis on; negative ones crop."""
    x, flat = operation["self"], operation.numbers(_either(operation, "pad", "padding"))
    pairs: list[tuple[Num, Num]] = [(0, 0)] * x.rank
    for k in range(len(flat) // 2):
        pairs[x.rank - 1 - k] = (flat[2 * k], flat[2 * k + 1])
    name = operation.op.partition(".")[2]
    mode = "circular" if name == "_pad_circular" else {"refl": "reflect", "repl": "replicate"}.get(name[:4])
    mode = _MODES[mode or operation.text("mode", "constant")]
    fill = operation.optional("value")
    return moves.pad(operation, x, pairs, mode, fill=fill)


@op("numel")
def count(operation: Operation) -> Values:
    """How many elements there are."""
    return (Value(None, data=prod(operation["self"].shape)),)

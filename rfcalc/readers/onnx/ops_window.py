"""Convolution and pooling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rfcalc.algebra.number import Num, as_integer, equal, is_known, prove
from rfcalc.graph.layer import Extras, Stage
from rfcalc.readers.lowering import window
from rfcalc.readers.lowering.builder import Undecided
from rfcalc.readers.lowering.value import Value, Values
from rfcalc.readers.onnx import runtimes
from rfcalc.readers.onnx.operation import Operation, op
from rfcalc.readers.runtimes import unsettled

_AUTO = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}


def geometry(operation: Operation, rank: int) -> dict[str, Any]:
    """Read stride, padding and dilation of a window over `rank` axes."""
    return {
        "stride": _per_axis(operation, "strides", rank),
        "padding": padding(operation, rank),
        "dilation": _per_axis(operation, "dilations", rank),
    }


def _per_axis(operation: Operation, name: str, rank: int) -> tuple[int, ...]:
    values = operation.integers(name) or (1,) * rank
    if len(values) != rank:
        raise operation.wrong(f"{name} has {len(values)} values for {rank} axes")
    if min(values, default=1) < 1:
        raise operation.wrong(f"{name} must be positive, got {list(values)}")
    return values


def groups_of(operation: Operation) -> int:
    """Read into how many groups channels fall."""
    groups = operation.integer("group", 1)
    if groups < 1:
        raise operation.wrong(f"group must be positive, got {groups}")
    return groups


def padding(operation: Operation, rank: int) -> str | tuple[tuple[int, int], ...]:
    """Read the padding: a word, or (before, after) for each axis."""
    auto = operation.text("auto_pad", "NOTSET")
    if auto in _AUTO:
        return _AUTO[auto]
    if auto != "NOTSET":
        raise operation.wrong(f"there is no auto_pad {auto!r}")
    pads = operation.integers("pads") or (0,) * (2 * rank)
    if len(pads) != 2 * rank:
        raise operation.wrong(f"pads has {len(pads)} values for {rank} axes")
    return tuple(zip(pads[:rank], pads[rank:], strict=True))


def convolve(
    operation: Operation, x: Value, kernel: Value, bias: Value | None, then: tuple[Any, ...] = ()
) -> Values:
    """Add a convolution with the geometry of the operation's attributes."""
    rank = kernel.rank - 2
    if rank < 1:
        raise operation.wrong(f"a kernel has three axes or more, got {kernel.rank}")
    said = operation.integers("kernel_shape")
    if said is not None and (
        len(said) != rank or any(equal(a, b) is False for a, b in zip(said, kernel.shape[2:], strict=True))
    ):
        raise operation.wrong(f"kernel_shape is {list(said)}, the kernel's own is {list(kernel.shape[2:])}")
    return window.conv(
        operation,
        x,
        kernel,
        bias,
        groups=groups_of(operation),
        then=then,
        **geometry(operation, rank),
    )


@op("Conv", tells={0: "window", 1: "kernel"})
def conv(operation: Operation) -> Values:
    """X, W (filters, channels of a group, window), B."""
    made = convolve(operation, operation[0], operation[1], operation.optional(2))
    rank = operation[1].rank - 2
    if (
        padding(operation, rank) in ("same", "same_lower")
        and max(_per_axis(operation, "dilations", rank)) > 1
    ):
        return runtimes.say(operation, made, runtimes.dilated_conv(operation.scope.runtime, made, rank))
    return made


@op("CausalConvWithState", tells={0: "window", 1: "kernel", 3: "window"})
def causal_conv(operation: Operation) -> Values:
    """X, W (channels, 1, k), B, and the k - 1 steps before X, zeros where not given; those come out again."""
    x, kernel, past = operation[0], operation[1], operation.optional(3)
    node, behind = operation.node, kernel.shape[2] - 1
    function = operation.text("activation", "none")
    whole, pads = x, ((behind, 0),)
    if past is not None:
        before = replace(past, weights=())  # a state is no weight
        (whole,) = operation.part("steps").add("concat", (before, x), {"axis": 2})
        pads = ((0, 0),)
    made = window.conv(
        operation.at(node._replace(outputs=node.outputs[:1])),
        whole,
        kernel,
        operation.optional(2),
        stride=(1,),
        padding=pads,
        dilation=(1,),
        groups=kernel.shape[0],
        then=() if function == "none" else (Stage("activation", {"function": function}),),
    )
    if len(node.outputs) < 2:
        return made
    last = operation.at(node._replace(name=f"{node.name}.state", outputs=node.outputs[1:]))
    first = x.shape[2]  # of the steps before and those of X, the last k - 1 stay
    filled = (Stage("pad", {"padding": pads, "spatial": (2,)}),)
    cut = {"cropping": ((first, 0),), "spatial": (2,)}
    return (*made, *last.add("crop", (whole,), cut, Extras(prepare=((0, filled),))))


@op("DeformConv", tells="window")
def deform_conv(operation: Operation) -> Values:
    """X, W, offset, B, mask: where the taps lie is computed."""
    x, kernel, offset = operation[0], operation[1], operation[2]
    reason = "where a deformable convolution looks is computed from its input"
    roles = "bc" + "s" * (kernel.rank - 2)
    cover = Stage("cover", {"shape": (None,) * kernel.rank, "axes": roles, "reason": reason})
    moved = [value for value in (offset, operation.optional(4)) if value is not None and not value.constant]
    bias = operation.optional(3)
    attrs: dict[str, Any] = {
        "filters": kernel.shape[0],
        "kernel": kernel.shape[2:],
        "groups": groups_of(operation),
        "depth": kernel.shape[1],
        "spatial": tuple(range(2, kernel.rank)),
        "channel": 1,
        **geometry(operation, kernel.rank - 2),
    }
    extras = Extras(then=(cover,), masks=len(moved))
    return operation.add("conv", (x, *moved), attrs, extras, weights=(kernel, bias))


@op("ConvTranspose", tells={0: "window", 1: "kernel"})
def conv_transpose(operation: Operation) -> Values:
    """X, W (channels, filters of a group, window), B."""
    x, kernel = operation[0], operation[1]
    rank = kernel.rank - 2
    if rank < 1:
        raise operation.wrong(f"a kernel has three axes or more, got {kernel.rank}")
    stride, dilation = (_per_axis(operation, name, rank) for name in ("strides", "dilations"))
    extra = operation.integers("output_padding") or (0,) * rank
    if len(extra) != rank:
        raise operation.wrong(f"output_padding has {len(extra)} values for {rank} axes")
    auto, wanted = operation.text("auto_pad", "NOTSET"), operation.integers("output_shape")
    if wanted is not None and len(wanted) < rank:
        raise operation.wrong(f"output_shape has {len(wanted)} values for {rank} axes")
    given = padding(operation, rank)
    sizes = _wanted(operation, x, wanted, given, stride)
    added: list[Num] = list(extra)
    message = ""
    if sizes is None:
        pairs = ((0, 0),) * rank if isinstance(given, str) else given
    else:
        reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape[2:], dilation, strict=True)]
        totals = [
            s * (n - 1) + more + span - size
            for n, s, more, span, size in zip(x.shape[2:], stride, extra, reach, sizes, strict=True)
        ]
        if wanted is None:
            found = runtimes.recorded(operation, rank)
            totals, message = runtimes.same_transposed(totals, sizes, found, operation.scope.runtime)
        else:  # a larger output is filled up at its end
            message = runtimes.larger(totals, sizes, operation.scope.runtime)
            added = [
                more - total if prove(total < 0) else more for more, total in zip(extra, totals, strict=True)
            ]
            totals = [0 if prove(total < 0) else total for total in totals]
        halves = [(total // 2, total - total // 2) for total in totals]
        pairs = tuple(halves if auto == "SAME_UPPER" else [(more, less) for less, more in halves])
    made = window.transposed_conv(
        operation,
        x,
        kernel,
        operation.optional(2),
        stride=stride,
        padding=pairs,
        dilation=dilation,
        output_padding=added,
        groups=groups_of(operation),
    )
    return runtimes.say(operation, made, message)


def _wanted(
    operation: Operation,
    x: Value,
    wanted: tuple[int, ...] | None,
    given: str | tuple[tuple[int, int], ...],
    stride: tuple[int, ...],
) -> list[Num] | None:
    """Return the extents that a transposed convolution is to have; None where its padding says them."""
    rank = len(stride)
    if wanted is None:
        if not isinstance(given, str) or given == "valid":
            return None
        return [extent * s for extent, s in zip(x.shape[2:], stride, strict=True)]
    if not all(map(is_known, x.shape[2:])):
        raise Undecided
    return list(wanted[-rank:])


_POOLS = {"MaxPool": "max", "AveragePool": "average", "LpPool": "lp"}


@op(*_POOLS, tells="window")
def pool(operation: Operation) -> Values:
    """Largest, mean or norm of each window; a largest one may come with its index."""
    return pooled(operation, _POOLS[operation.op])


def pooled(operation: Operation, mode: str) -> Values:
    """Add a pooling with the geometry of the operation's attributes."""
    kernel = operation.integers("kernel_shape")
    if not kernel or min(kernel) < 1:
        raise operation.wrong("kernel_shape must be positive numbers")
    settings = geometry(operation, len(kernel))
    run = _as_run(operation, operation[0], kernel, settings)
    made = window.pool(
        operation,
        operation[0],
        mode,
        kernel=kernel,
        ceil=run.ceil,
        short=run.short,
        copies=max(len(operation.node.outputs) - 1, 0),
        **{**settings, "padding": run.padding},
    )
    return runtimes.say(operation, made, run.message)


def _as_run(
    operation: Operation, x: Value, kernel: tuple[int, ...], settings: dict[str, Any]
) -> runtimes.Pooling:
    """Return how runtimes read a pooling, where its extents are known."""
    pads, rank, ceil = settings["padding"], len(kernel), bool(operation.integer("ceil_mode", 0))
    if x.spec is None or x.rank < rank or not all(map(is_known, x.shape[-rank:])):
        return runtimes.Pooling(pads, ceil, message=_open(operation, settings, ceil=ceil))
    extents = [as_integer(extent) for extent in x.shape[-rank:]]
    on = runtimes.Geometry(extents, kernel, settings["stride"], settings["dilation"])
    op = operation.op
    runtime = None if operation.scope.native else operation.scope.runtime  # of its own format all is said
    if pads in ("same", "same_lower"):
        refusing = op == "MaxPool" or (op == "AveragePool" and operation.opset < 19)
        found = runtimes.recorded(operation, rank)
        return runtimes.same_pooling(on, pads, found, runtime, refusing=refusing)._replace(ceil=ceil)
    sides = ((0, 0),) * rank if isinstance(pads, str) else pads
    read = runtimes.given_pooling(on, sides, runtime, ceil=ceil, largest=op == "MaxPool")
    if read.ceil and not read.message and op == "AveragePool" and operation.integer("count_include_pad", 0):
        return read._replace(message=runtimes.averaged(on, sides, runtime))
    return read


def _open(operation: Operation, settings: dict[str, Any], *, ceil: bool) -> str:
    """Say where a runtime may make something else of a pooling whose extents are open."""
    runtime = None if operation.scope.native else operation.scope.runtime
    if settings["padding"] in ("same", "same_lower"):
        return unsettled("same-dilated-pool", runtime) if max(settings["dilation"]) > 1 else ""
    if not ceil:
        return ""
    return unsettled("ceil-max-pool" if operation.op == "MaxPool" else "ceil-pool", runtime)


_GLOBAL = {"GlobalAveragePool": "average", "GlobalMaxPool": "max", "GlobalLpPool": "lp"}


@op(*_GLOBAL, tells="window")
def global_pool(operation: Operation) -> Values:
    """One value for each channel; the spatial axes stay, with one element each."""
    return window.global_pool(operation, operation[0], _GLOBAL[operation.op])


@op("MaxUnpool")
def max_unpool(operation: Operation) -> Values:
    """Elements go back to the places that their indices say."""
    x, indices = operation[0], operation[1]
    kernel = operation.integers("kernel_shape") or ()
    rank = len(kernel)
    stride = _per_axis(operation, "strides", rank)
    pads = padding(operation, rank)
    sizes = operation.numbers(2)
    shape = list(x.shape)
    for k in range(rank):
        lo, hi = (0, 0) if isinstance(pads, str) else pads[k]
        shape[2 + k] = (x.shape[2 + k] - 1) * stride[k] - lo - hi + kernel[k]
    whole = tuple(shape) if sizes is None else sizes
    reason = "where unpooled elements go is computed"
    return operation.add(
        "cover",
        (x, indices),
        {"shape": whole, "axes": "bc" + "s" * rank, "reason": reason},
    )

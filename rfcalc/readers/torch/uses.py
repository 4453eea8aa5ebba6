"""What the calls of a program tell of the axes of its inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.readers.lowering.layout import Use, Uses, ones_moved
from rfcalc.readers.torch.naming import operator_name
from rfcalc.readers.torch.program import Call, Program, Tensor, refs_in

WINDOW: Final = frozenset(
    (
        *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        *("convolution", "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d"),
        *("avg_pool3d", "batch_norm", "adaptive_avg_pool1d", "adaptive_avg_pool2d"),
        *("adaptive_avg_pool3d", "adaptive_max_pool2d", "instance_norm", "group_norm"),
        *("pixel_shuffle", "pixel_unshuffle", "im2col", "grid_sampler", "prelu"),
        *("upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d", "channel_shuffle"),
        *("grid_sampler_2d", "max_pool2d_with_indices", "_batch_norm_impl_index"),
        *("native_group_norm", "upsample_trilinear3d", "roi_align", "deform_conv2d"),
        *("max_pool1d_with_indices", "max_pool3d_with_indices"),
    )
)
FEATURES: Final = frozenset(
    (
        *("linear", "layer_norm", "rms_norm", "matmul", "native_layer_norm"),
        *("scaled_dot_product_attention", "_scaled_dot_product_flash_attention_for_cpu"),
    )
)
STEPS: Final = frozenset(("lstm", "gru", "rnn_tanh", "rnn_relu"))
SAME: Final = frozenset(
    (
        *("add", "sub", "mul", "div", "pow", "clamp", "to", "_to_copy", "clone", "contiguous"),
        *("dropout", "pad", "abs", "neg", "sqrt", "log", "exp", "relu", "sigmoid", "tanh"),
        *("leaky_relu", "elu", "gelu", "silu", "alias", "slice", "cat", "chunk", "split"),
        *("constant_pad_nd", "reflection_pad2d", "detach", "round", "softmax", "rsub", "log1p"),
        *("where", "roll", "flip", "reflection_pad1d", "split_with_sizes", "type_as"),
        *("lift_fresh_copy",),
    )
)

_KINDS: Final = {
    **dict.fromkeys(WINDOW, "window"),
    **dict.fromkeys(FEATURES, "features"),
    **dict.fromkeys(STEPS, "steps"),
    **dict.fromkeys(("stft", "_fft_r2c"), "signal"),
}

_SPATIAL: Final = re.compile(r"([123])d")
"""Where an operator's name says how many axes are positions."""


def uses_of(program: Program) -> Uses:
    """Return a function that lists the uses of a tensor."""
    takers: dict[str, list[Call]] = {}
    shapes: dict[str, tuple[Num, ...]] = {
        name: meta.shape
        for name, meta in (
            *((each.name, each.meta) for each in program.inputs),
            *(output for call in program.calls for output in call.outputs),
        )
        if isinstance(meta, Tensor)
    }
    for call in program.calls:
        for name in dict.fromkeys(name for value in call.args.values() for name in refs_in(value)):
            takers.setdefault(name, []).append(call)

    def uses(name: str) -> Iterator[Use]:
        for call in takers.get(name, ()):
            use = _use(name, call, shapes)
            if use is not None:
                yield use

    return uses


def _use(name: str, call: Call, shapes: Mapping[str, tuple[Num, ...]]) -> Use | None:
    op = operator_name(call.target)
    output = call.outputs[0][0] if call.outputs else ""
    shape, made = shapes.get(name, ()), shapes.get(output, ())
    if op in SAME:
        return Use("same", output) if len(made) == len(shape) else None
    if op in ("embedding", "embedding_bag"):
        return Use("indices")
    if name not in refs_in(next(iter(call.args.values()), None)):
        return Use("state") if op in STEPS and name in refs_in(call.args.get("hx")) else None
    kind = "features" if op in STEPS and call.args.get("batch_first") else _KINDS.get(op)
    if kind == "window" and (axes := _SPATIAL.search(op)) and len(shape) == int(axes[1]) + 1:
        kind = "sample"
    return Use(kind) if kind else _moved(op, call, output, shape, made)


def _moved(op: str, call: Call, output: str, before: tuple[Num, ...], after: tuple[Num, ...]) -> Use | None:
    args: Mapping[str, Any] = call.args
    rank = len(before)
    if op == "permute":
        return Use("permute", output, tuple(place % rank for place in args["dims"]))
    if op == "transpose" and rank:
        order = list(range(rank))
        a, b = args["dim0"] % rank, args["dim1"] % rank
        order[a], order[b] = order[b], order[a]
        return Use("permute", output, tuple(order))
    if op == "unsqueeze":
        return Use("unsqueeze", output, (args["dim"],))
    if op in ("view", "reshape", "squeeze", "unflatten", "_unsafe_view"):
        moved = ones_moved(before, after)
        return None if moved is None else Use(moved[0], output, moved[1])
    return None

"""Write `ops.zip`: small models of single layers, and what OpenVINO itself says of them; needs openvino.

Beside each model stands what the runtime measures: which rows and columns of the input each row and column of
the output changes with, when every one is made much larger and much smaller in turn, and the shape that it
gives a larger map. Run by hand: `python tests/data/openvino/make.py`; the committed file is of OpenVINO
2026.4.1.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset1, opset8, opset10, opset11, opset14
from openvino import opset13 as o

RANDOM = np.random.default_rng(0)
Make = Callable[[Any], Any]


def weights(*shape: int) -> Any:
    return RANDOM.uniform(0.5, 1.5, shape).astype(np.float32)


def ints(*values: int) -> Any:
    return o.constant(np.array(values, dtype=np.int64))


def conv(x: Any, *kernel: int, **settings: Any) -> Any:
    given: dict[str, Any] = {"strides": [1, 1], "pads_begin": [0, 0], "pads_end": [0, 0], "dilations": [1, 1]}
    return o.convolution(x, weights(*kernel), **{**given, **settings})


def pool(
    kind: str,
    x: Any,
    rounding: str,
    *,
    stride: int = 2,
    begin: int = 0,
    end: int = 0,
    kernel: int = 3,
    auto: str = "explicit",
) -> Any:
    settings = ([stride, stride], [begin, begin], [end, end], [kernel, kernel])
    if kind == "max1":
        return opset1.max_pool(x, *settings, rounding, auto)
    if kind == "max":
        strides, before, after, window = settings
        return opset14.max_pool(x, strides, [1, 1], before, after, window, rounding, auto).output(0)
    strides, before, after, window = settings
    return opset14.avg_pool(x, strides, before, after, window, True, rounding, auto)


def deconv(x: Any, **settings: Any) -> Any:
    output = settings.pop("output", None)
    given: dict[str, Any] = {"strides": [2, 2], "pads_begin": [0, 0], "pads_end": [0, 0], "dilations": [1, 1]}
    kernel = o.constant(weights(4, 3, 3, 3))
    given = {**given, **settings}
    if output is None:
        return o.convolution_backprop_data(x, kernel, given.pop("strides"), None, **given)
    return o.convolution_backprop_data(x, kernel, given.pop("strides"), ints(*output), **given)


def resize(x: Any, version: int, mode: str, coordinates: str, sizes: tuple[int, int], **settings: Any) -> Any:
    if version == 1:
        attrs = {"axes": [2, 3], "mode": mode, "align_corners": coordinates == "align_corners"}
        return opset1.interpolate(x, ints(*sizes), attrs)
    common = {"mode": mode, "coordinate_transformation_mode": coordinates, **settings}
    if version == 4:
        scales = o.constant(np.array([sizes[0] / 9, sizes[1] / 8], dtype=np.float32))
        return opset10.interpolate(
            x, ints(*sizes), scales, axes=ints(2, 3), shape_calculation_mode="sizes", **common
        )
    return opset11.interpolate(x, ints(*sizes), shape_calculation_mode="sizes", axes=ints(2, 3), **common)


def strided(x: Any, begin: list[int], end: list[int], step: list[int], **masks: list[int]) -> Any:
    given = {"begin_mask": [0] * len(begin), "end_mask": [0] * len(begin), **masks}
    return o.strided_slice(x, ints(*begin), ints(*end), ints(*step), **given)


def steps(x: Any) -> Any:
    """A map of 9 x 8 as 9 steps of 32 features."""
    return o.reshape(o.transpose(x, ints(0, 2, 1, 3)), ints(1, 9, 32), False)


def recurrent(x: Any, kind: str, direction: str = "forward") -> Any:
    d, h = (2 if direction == "bidirectional" else 1), 5
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[kind]
    sequence = steps(x)
    state = o.constant(np.zeros((1, d, h), np.float32))
    lengths = o.constant(np.array([9], np.int64))
    held = [o.constant(weights(d, gates * h, n) * 0.1) for n in (32, h)] + [
        o.constant(weights(d, gates * h) * 0.1)
    ]
    if kind == "lstm":
        return o.lstm_sequence(sequence, state, state, lengths, *held, h, direction).output(0)
    if kind == "gru":
        return o.gru_sequence(sequence, state, lengths, *held, h, direction).output(0)
    return o.rnn_sequence(sequence, state, lengths, *held, h, direction).output(0)


def arithmetic(x: Any) -> Any:
    """A reshape to what is worked out from the shape of the input."""
    shape = o.shape_of(x)
    rows = o.gather(shape, ints(2), o.constant(np.int64(0)))
    twice = o.multiply(rows, ints(2))
    half = o.divide(o.gather(shape, ints(3), o.constant(np.int64(0))), ints(2))
    return o.reshape(x, o.concat([ints(1, 4), twice, half], 0), False)


CASES: dict[str, Make] = {
    "convolution": lambda x: conv(
        x, 6, 4, 3, 3, strides=[2, 1], pads_begin=[1, 0], pads_end=[0, 2], dilations=[1, 2]
    ),
    "convolution with a bias": lambda x: o.add(conv(x, 6, 4, 3, 3), weights(1, 6, 1, 1)),
    "convolution, same upper": lambda x: conv(x, 6, 4, 4, 2, strides=[2, 3], auto_pad="same_upper"),
    "convolution, same lower": lambda x: conv(x, 6, 4, 4, 2, strides=[2, 3], auto_pad="same_lower"),
    "convolution, valid": lambda x: conv(x, 6, 4, 4, 2, auto_pad="valid"),
    "convolution of groups": lambda x: o.group_convolution(
        x, weights(2, 3, 2, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1]
    ),
    "transposed convolution": lambda x: deconv(x, pads_begin=[1, 0], pads_end=[0, 1], output_padding=[1, 0]),
    "transposed convolution to a shape": lambda x: deconv(x, output=(20, 17), auto_pad="same_upper"),
    "transposed convolution of groups": lambda x: o.group_convolution_backprop_data(
        x, o.constant(weights(2, 2, 3, 3, 3)), [2, 2], None, [0, 0], [0, 0], [1, 1]
    ),
    **{
        f"{kind} pooling, {rounding}, {begin}, {end}, stride {stride}": (
            lambda x, a=(kind, rounding, begin, end, stride): pool(
                a[0], x, a[1], begin=a[2], end=a[3], stride=a[4]
            )
        )
        for kind in ("max", "average", "max1")
        for rounding in ("floor", "ceil", "ceil_torch")
        for begin, end, stride in ((0, 0, 2), (1, 1, 2), (0, 1, 3), (1, 1, 4))
        if kind != "max1" or rounding != "ceil_torch"
    },
    "adaptive average pooling": lambda x: o.adaptive_avg_pool(x, ints(4, 3)),
    "adaptive largest pooling": lambda x: o.adaptive_max_pool(x, ints(4, 3), "i32").output(0),
    **{
        f"resize {version} {mode} {coordinates} {sizes}": (
            lambda x, a=(version, mode, coordinates, sizes): resize(x, *a)
        )
        for version, mode, coordinates, sizes in (
            (1, "nearest", "asymmetric", (18, 16)),
            (1, "linear", "align_corners", (17, 15)),
            (4, "nearest", "half_pixel", (18, 4)),
            (4, "linear_onnx", "pytorch_half_pixel", (13, 16)),
            (4, "cubic", "half_pixel", (18, 16)),
            (11, "nearest", "asymmetric", (5, 12)),
            (11, "linear", "half_pixel", (18, 16)),
            (11, "linear_onnx", "align_corners", (5, 5)),
        )
    },
    "resize 11 nearest simple": lambda x: resize(
        x, 11, "nearest", "asymmetric", (18, 16), nearest_mode="simple"
    ),
    "resize 11 nearest in floats of 32 bits": lambda x: resize(
        x, 11, "nearest", "half_pixel", (39, 8), nearest_mode="floor"
    ),
    **{
        f"resize 11 {mode} with antialias": (
            lambda x, mode=mode: resize(x, 11, mode, "half_pixel", (4, 3), antialias=True)
        )
        for mode in ("linear", "linear_onnx", "cubic")
    },
    "matrix product": lambda x: o.matmul(x, o.constant(weights(8, 6)), False, False),
    "matrix product, transposed": lambda x: o.matmul(x, o.constant(weights(6, 8)), False, True),
    "reshape, zeros stand for extents": lambda x: o.reshape(x, ints(0, 2, -1, 8), True),
    "reshape by arithmetic on shapes": arithmetic,
    "transpose": lambda x: o.transpose(x, ints(0, 1, 3, 2)),
    "concatenation": lambda x: o.concat([x, o.relu(x)], 2),
    "split": lambda x: o.split(x, o.constant(np.int64(3)), 2).output(0),
    "split into lengths": lambda x: o.variadic_split(x, o.constant(np.int64(2)), ints(-1, 2, 3)).output(0),
    "strided slice": lambda x: strided(x, [0, 1, 1, 0], [1, 4, 8, 8], [1, 1, 3, 2], begin_mask=[1, 0, 0, 1]),
    "strided slice, ends left out": lambda x: strided(
        x, [0, 0, 2, 0], [0, 0, 0, -1], [1, 1, 1, 1], end_mask=[1, 1, 1, 0]
    ),
    "strided slice, an axis left out": lambda x: strided(
        x,
        [0, 2, 0, 0],
        [0, 3, 0, 0],
        [1, 1, 1, 1],
        begin_mask=[1, 0, 1, 1],
        end_mask=[1, 0, 1, 1],
        shrink_axis_mask=[0, 1, 0, 0],
    ),
    "strided slice, the rest": lambda x: strided(x, [0, 1], [0, 7], [1, 2], ellipsis_mask=[1, 0]),
    "slice": lambda x: opset8.slice(x, ints(1, 7), ints(9, 0), ints(2, -1), ints(2, 3)),
    "gather": lambda x: o.gather(x, ints(5, 0, 3), o.constant(np.int64(2))),
    "mean": lambda x: o.reduce_mean(x, ints(3), True),
    "sum over all positions": lambda x: o.reduce_sum(x, ints(2, 3), True),
    "softmax": lambda x: o.softmax(x, 3),
    "mean and variance": lambda x: o.mvn(x, ints(2, 3), True, 1e-6, "inside_sqrt"),
    "unit length": lambda x: o.normalize_l2(x, ints(1), 1e-6, "add"),
    "batch normalisation": lambda x: o.batch_norm_inference(
        x, weights(4), weights(4), weights(4), weights(4), 1e-5
    ),
    "padding": lambda x: o.pad(x, ints(0, 0, 1, 2), ints(0, 0, 3, 0), "constant", o.constant(np.float32(0))),
    "padding, reflected": lambda x: o.pad(x, ints(0, 0, 1, 2), ints(0, 0, 3, 0), "reflect"),
    "padding, symmetric": lambda x: o.pad(x, ints(0, 0, 1, 2), ints(0, 0, 3, 0), "symmetric"),
    "depth to space": lambda x: o.depth_to_space(x, "blocks_first", 2),
    "depth to space, depth first": lambda x: o.depth_to_space(x, "depth_first", 2),
    "fake quantisation": lambda x: o.fake_quantize(
        x, *[o.constant(np.float32(v)) for v in (-60, 60, -60, 60)], 256
    ),
    "slopes of channels": lambda x: o.prelu(x, o.constant(weights(4))),
    "lstm": lambda x: recurrent(x, "lstm"),
    "lstm, both directions": lambda x: recurrent(x, "lstm", "bidirectional"),
    "gru, backwards": lambda x: recurrent(x, "gru", "reverse"),
    "rnn": lambda x: recurrent(x, "rnn"),
    "strided slice, backwards": lambda x: strided(x, [0, 0, -1, 0], [1, 4, 0, 8], [1, 1, -2, 1]),
    "roll": lambda x: o.roll(x, ints(2), ints(3)),
    "cumulative sum": lambda x: o.cum_sum(x, o.constant(np.int64(2)), False, True),
    "attention": lambda x: o.scaled_dot_product_attention(x, x, x, causal=True),
    "squeeze and unsqueeze": lambda x: o.squeeze(o.unsqueeze(x, ints(1)), ints(1)),
    "squared difference": lambda x: o.squared_difference(x, o.constant(np.float32(2))),
    **{
        f"transposed convolution to {output}, {auto}, {begin}, {end}, stride {stride}": (
            lambda x, a=(output, auto, begin, end, stride, dilation, extra): deconv(
                x,
                output=a[0],
                auto_pad=a[1],
                pads_begin=[a[2]] * 2,
                pads_end=[a[3]] * 2,
                strides=[a[4]] * 2,
                dilations=[a[5]] * 2,
                output_padding=[a[6]] * 2,
            )
        )
        for output, begin, end, stride, dilation, extra in (
            ((18, 16), 0, 1, 2, 1, 0),
            ((8, 8), 1, 0, 1, 2, 0),
            ((26, 23), 2, 1, 3, 2, 1),
            ((20, 19), 1, 2, 2, 1, 1),
        )
        for auto in ("explicit", "valid", "same_upper", "same_lower")
    },
    **{
        f"transposed convolution without a shape, {auto}": (
            lambda x, a=auto: deconv(
                x, auto_pad=a, pads_begin=[2, 1], pads_end=[0, 1], output_padding=[0, 1]
            )
        )
        for auto in ("explicit", "valid", "same_upper", "same_lower")
    },
    **{
        f"{kind} pooling, {rounding}, {auto}, kernel {kernel}, stride {stride}": (
            lambda x, a=(kind, rounding, auto, kernel, stride): pool(
                a[0], x, a[1], auto=a[2], kernel=a[3], stride=a[4]
            )
        )
        for kind, rounding in (("max", "ceil"), ("max", "ceil_torch"), ("max1", "ceil"), ("average", "ceil"))
        for auto in ("valid", "same_upper", "same_lower")
        for kernel, stride in ((1, 2), (2, 2), (2, 3), (3, 4))
    },
    **{
        f"resize {version} {coordinates} {sizes}, nearest as by default in version 1": (
            lambda x, a=(version, coordinates, sizes): resize(
                x, a[0], "nearest", *a[1:], **({} if a[0] == 1 else {"nearest_mode": "simple"})
            )
        )
        for version, coordinates, sizes in (
            (1, "align_corners", (6, 5)),
            (1, "asymmetric", (8, 13)),
            (4, "half_pixel", (18, 4)),
            (11, "asymmetric", (5, 12)),
        )
    },
}  # fmt: skip


def measured(model: Any) -> dict[str, Any]:
    """Return the shape of the output, and which rows and columns of the input change each of its rows."""
    run = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    x = RANDOM.uniform(-1, 1, (1, 4, 9, 8)).astype(np.float32)
    base = run([x])[0].copy()
    out: dict[str, Any] = {"shape": list(base.shape)}
    for axis in (2, 3):
        seen = [[[] for _ in range(extent)] for extent in base.shape]
        for place in range(x.shape[axis]):
            moved = np.zeros(base.shape, bool)
            for by in (50.0, -50.0, 0.5):
                changed = x.copy()
                changed[(slice(None),) * axis + (place,)] += by
                moved |= ~np.isclose(run([changed])[0], base, rtol=0, atol=0, equal_nan=True)
            for other in range(base.ndim):
                hit = moved.any(axis=tuple(k for k in range(base.ndim) if k != other))
                for at in np.flatnonzero(hit).tolist():
                    seen[other][at].append(place)
        out[str(axis)] = seen
    return out


def larger(model: Any) -> list[int] | None:
    """Return the shape of the output for a map of 10 x 11; None where the model is of its own size alone."""
    try:
        model.reshape([1, 4, 10, 11])
    except RuntimeError:
        return None
    return list(model.outputs[0].shape)


def main() -> None:
    target = Path(__file__).parent / "ops.zip"
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        truth = {}
        for number, (name, make) in enumerate(CASES.items()):
            print(name, flush=True)
            x = o.parameter([1, 4, 9, 8], np.float32, name="x")
            made = make(x)
            model = ov.Model([o.result(made)], [x], "case")
            made_by = made.get_node() if hasattr(made, "get_node") else made
            made_by.set_friendly_name("y")
            path = Path(folder) / f"{number}.xml"
            ov.serialize(model, str(path))
            truth[name] = {"file": path.name, **measured(model), "larger": larger(model)}
            for each in (path, path.with_suffix(".bin")):
                info = zipfile.ZipInfo(each.name)
                info.compress_type = zipfile.ZIP_DEFLATED
                file.writestr(info, each.read_bytes())
        file.writestr(zipfile.ZipInfo("truth.json"), json.dumps(truth, indent=1), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()

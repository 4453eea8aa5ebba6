"""Layers of OpenVINO that slide a window, or resize a map."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.readers.openvino.document import Layer
from rfcalc.readers.openvino.translate import (
    OWN,
    Translation,
    UntranslatedError,
    flag,
    layer_type,
    number,
    numbers,
    word,
)

_AUTO: Final = {"same_upper": "SAME_UPPER", "same_lower": "SAME_LOWER", "valid": "VALID"}


def _geometry(layer: Layer) -> dict[str, Any]:
    """Return strides, dilations and padding as attributes of ONNX."""
    out: dict[str, Any] = {"strides": numbers(layer, "strides"), "dilations": numbers(layer, "dilations")}
    auto = word(layer, "auto_pad", "explicit")
    if auto in _AUTO:
        return {**out, "auto_pad": _AUTO[auto]}
    before, after = numbers(layer, "pads_begin") or [], numbers(layer, "pads_end") or []
    return {**out, "pads": [*before, *after] or None}


def _kernel(t: Translation, layer: Layer, *, grouped: bool, place: int = 1) -> tuple[str, int, int]:
    """Return the name of a kernel without an axis of groups, how many there are, and of how many axes it is.

    The axis of groups stands first, and belongs to the axis behind it.
    """
    kernel, dims = t.take(layer, place), layer.inputs[place].dims
    if dims is None:
        raise UntranslatedError
    if not grouped:
        return kernel, 1, len(dims)
    if any(extent < 1 for extent in dims) or len(dims) < 4:
        raise UntranslatedError
    whole = [dims[0] * dims[1], *dims[2:]]
    return t.step(layer, "Reshape", [kernel, t.constant(whole)]), dims[0], len(whole)


@layer_type("Convolution", "GroupConvolution")
def _convolution(t: Translation, layer: Layer) -> None:
    kernel, groups, rank = _kernel(t, layer, grouped=layer.type == "GroupConvolution")
    bias, outputs, named = _bias(t, layer, rank)
    t.add(named, "Conv", [t.take(layer, 0), kernel, bias], outputs, group=groups, **_geometry(layer))
    t.entitle(layer, t.name(named))


def _bias(t: Translation, layer: Layer, rank: int) -> tuple[str, list[str], Layer]:
    """Return the bias that alone takes a convolution's result, what puts out the sum, and who names it.

    OpenVINO has no bias in a convolution: a constant of one number for each channel is added behind it.
    """
    output = layer.outputs[0]
    takers = t.takers.get((layer.id, output.id), [])
    taker = t.layers.get(takers[0][0]) if len(takers) == 1 else None
    if taker is None or taker.type != "Add" or len(taker.inputs) != 2 or output.dims is None:
        return "", [t.tensor(layer, output)], layer
    place = 1 if taker.inputs[0].id == takers[0][1] else 0
    dims, channels = taker.inputs[place].dims or (), output.dims[1]
    maker = t.maker(taker, place)
    if maker is None or maker.type != "Const" or dims != (1, channels, *(1,) * (rank - 2)) or channels < 1:
        return "", [t.tensor(layer, output)], layer
    t.absorbed.add(taker.id)
    bias = t.step(taker, "Reshape", [t.take(taker, place), t.constant([channels])])
    return bias, t.made(taker), taker


@layer_type("ConvolutionBackpropData", "GroupConvolutionBackpropData")
def _transposed(t: Translation, layer: Layer) -> None:
    kernel, groups, rank = _kernel(t, layer, grouped=layer.type == "GroupConvolutionBackpropData")
    settings = {**_geometry(layer), "output_padding": numbers(layer, "output_padding"), "group": groups}
    op, domain, wanted = "ConvTranspose", "", t.integers(layer, 2)
    if wanted is not None:
        op, domain, settings["output_shape"] = "ConvTransposeTo", OWN, wanted
    elif settings.pop("auto_pad", None):  # without a shape to pad to, OpenVINO pads nothing
        settings["pads"] = None
    bias, outputs, named = _bias(t, layer, rank)
    t.add(named, op, [t.take(layer, 0), kernel, bias], outputs, domain=domain, **settings)
    t.entitle(layer, t.name(named))


@layer_type("DeformableConvolution")
def _deformable(t: Translation, layer: Layer) -> None:
    x, offset, kernel, *mask = t.all(layer)
    settings: dict[str, Any] = {
        "group": number(layer, "group", 1),
        "offset_group": number(layer, "deformable_group", 1),
    }
    t.add(layer, "DeformConv", [x, kernel, offset, "", *mask], **settings, **_geometry(layer))


@layer_type("MaxPool", "AvgPool")
def _pool(t: Translation, layer: Layer) -> None:
    kernel = numbers(layer, "kernel")
    if kernel is None:
        raise UntranslatedError
    settings = _geometry(layer)
    if settings.get("auto_pad") == "VALID":  # such a pooling may round up too
        settings = {**settings, "auto_pad": None, "pads": [0] * (2 * len(kernel))}
    rounding = word(layer, "rounding_type", "floor")
    own = rounding == "ceil" and not _starts_inside(kernel, settings)
    if not own:
        settings["ceil_mode"] = int(rounding in ("ceil", "ceil_torch"))
    if layer.type == "AvgPool":
        settings.pop("dilations")
        settings["count_include_pad"] = int(not flag(layer, "exclude-pad", True))
    op = "MaxPool" if layer.type == "MaxPool" else "AveragePool"
    op, domain = (f"Ceil{op}", OWN) if own else (op, "")
    indexed = any(t.takers.get((layer.id, port.id)) for port in layer.outputs[1:])
    made = t.made(layer)[: 2 if indexed else 1]
    t.add(layer, op, [t.take(layer, 0)], made, domain=domain, kernel_shape=kernel, **settings)


def _starts_inside(kernel: list[int], settings: dict[str, Any]) -> bool:
    """Tell whether, rounded up, the last window starts inside the input whatever its extent.

    ONNX leaves out one that does not, and with SAME padding rounds nothing.
    """
    if settings.get("auto_pad"):
        return False
    rank = len(kernel)
    strides, dilations = settings["strides"] or [1] * rank, settings["dilations"] or [1] * rank
    after = (settings["pads"] or [0] * (2 * rank))[rank:]
    reaches = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    return all(pad + stride <= reach for pad, stride, reach in zip(after, strides, reaches, strict=True))


@layer_type("AdaptiveAvgPool", "AdaptiveMaxPool")
def _adaptive(t: Translation, layer: Layer) -> None:
    sizes = t.needed(layer, 1)
    mode = "max" if layer.type == "AdaptiveMaxPool" else "average"
    t.add(layer, "AdaptivePool", [t.take(layer, 0)], t.made(layer)[:1], domain=OWN, size=sizes, mode=mode)


_MODES: Final = {"nearest": "nearest", "linear": "linear", "linear_onnx": "linear", "cubic": "cubic"}


@layer_type("Interpolate")
def _interpolate(t: Translation, layer: Layer) -> None:
    mode = _MODES.get(word(layer, "mode"))
    if mode is None or any((*(numbers(layer, "pads_begin") or ()), *(numbers(layer, "pads_end") or ()))):
        raise UntranslatedError
    x, first = t.take(layer, 0), t.take(layer, 1)
    if layer.version == "opset1":
        corners = flag(layer, "align_corners", True)
        settings: dict[str, Any] = {
            "coordinate_transformation_mode": "align_corners" if corners else "asymmetric"
        }
        axes, sizes, scales = numbers(layer, "axes") or [], first, ""
        rounding = "simple"
    else:
        settings = {
            "coordinate_transformation_mode": word(layer, "coordinate_transformation_mode", "half_pixel")
        }
        by_size = word(layer, "shape_calculation_mode") == "sizes"
        second = t.take(layer, 2) if layer.version == "opset4" else first
        place = 3 if layer.version == "opset4" else 2
        axes = [] if t.is_unread(layer, place) else t.integers(layer, place) or []
        sizes, scales = (first, "") if by_size else ("", second)
        rounding = word(layer, "nearest_mode", "round_prefer_floor")
    if t.is_unread(layer, 1):
        axes, sizes, scales = [], t.constant(list(t.extents(layer)[1])), ""
    simple = rounding == "simple" and mode == "nearest"
    if not simple:
        settings["nearest_mode"] = "floor" if rounding == "simple" else rounding
    antialias = int(flag(layer, "antialias"))
    inputs = [x, "", scales, t.step(layer, "Cast", [sizes], to=7) if sizes else ""]
    settings |= {"mode": mode, "antialias": antialias, "axes": axes or None}
    op, domain = ("SimpleResize", OWN) if simple else ("Resize", "")
    t.add(layer, op, inputs, domain=domain, **settings)


@layer_type("GridSample")
def _grid_sample(t: Translation, layer: Layer) -> None:
    t.add(layer, "GridSample", t.all(layer))


@layer_type("ROIAlign")
def _roi_align(t: Translation, layer: Layer) -> None:
    sizes: dict[str, Any] = {
        "output_height": number(layer, "pooled_h", 1),
        "output_width": number(layer, "pooled_w", 1),
    }
    t.add(layer, "RoiAlign", t.all(layer), **sizes)


@layer_type("DepthToSpace", "SpaceToDepth")
def _block_move(t: Translation, layer: Layer) -> None:
    blocks_first = word(layer, "mode", "blocks_first") == "blocks_first"
    settings: dict[str, Any] = {"blocksize": number(layer, "block_size", 1)}
    if layer.type == "DepthToSpace":
        settings["mode"] = "DCR" if blocks_first else "CRD"
    elif not blocks_first:
        raise UntranslatedError
    t.add(layer, layer.type, t.all(layer), **settings)

"""Layers of which runtimes make different things, each on one row of elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

Run = Callable[[Any, Any], Any]
"""What a library makes of an input: it takes the library itself and a tensor of shape (1, 1, n)."""


@dataclass(frozen=True)
class Case:
    """One operation of ONNX on a row of elements, and what other runtimes call the same.

    Parameters
    ----------
    difference : str
        The key of the difference that it is an instance of (`rfcalc.readers.runtimes.DIFFERENCES`).
    extent : int
        Elements of the row.
    op : str
        The operation.
    attributes : mapping
        Its attributes.
    extra : tuple of (array or None)
        Its further inputs; None for one left out.
    opset : int
        The version of the operator set.
    torch : callable, optional
        The same in PyTorch.
    sums : bool
        What is recorded is what comes out for ones, and not which elements are read.
    rank : int
        Of how many axes the map is, all of one extent; what is recorded is of the last.
    """

    difference: str
    extent: int
    op: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    extra: tuple[Any, ...] = ()
    opset: int = 19
    torch: Run | None = None
    sums: bool = False
    rank: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its input."""
        return (1, 1, *([self.extent] * self.rank))

    @property
    def name(self) -> str:
        """What the record and the page call it."""
        said = [f"{self.op} {self.opset}", f"n = {'x'.join([str(self.extent)] * self.rank)}"]
        for key, value in self.attributes.items():
            short = SHORT.get(key, key)
            listed = isinstance(value, list)
            spelled = " ".join(map(str, value)) if listed else str(value)
            said.append(short if short.startswith("=") else f"{short} {spelled}".strip())
        said += [_constant(self.op, each) for each in self.extra if each is not None]
        return ", ".join(each.removeprefix("=") for each in said)


SHORT: Final = {
    "auto_pad": "",
    "kernel_shape": "kernel",
    "strides": "stride",
    "dilations": "dilation",
    "ceil_mode": "=ceil",
    "count_include_pad": "=count_include_pad",
    "antialias": "=antialias",
    "coordinate_transformation_mode": "",
    "nearest_mode": "",
    "mode": "",
}


def _constant(op: str, array: Any) -> str:
    if op == "Resize":
        if array.dtype == np.int64:
            return f"to {array[-1]}"
        return "scale " + " ".join(dict.fromkeys(f"{each:.6g}" for each in array[2:]))
    return f"kernel {array.shape[-1]}"


def pool(difference: str, op: str, extent: int, kernel: int, **settings: Any) -> Case:
    """Make a case of a pooling; what is not an attribute is a setting of the case."""
    own = {key: settings.pop(key) for key in ("opset", "torch", "sums") if key in settings}
    attributes: dict[str, Any] = {"kernel_shape": [kernel]}
    for key, value in settings.items():
        attributes[key] = value
    return Case(difference, extent, op, attributes, **own)


def ones(length: int) -> Any:
    """Return a kernel of one channel."""
    return np.ones((1, 1, length), np.float32)


def resize(
    difference: str,
    extent: int,
    *,
    scale: float | tuple[float, ...] | None = None,
    size: int | None = None,
    **settings: Any,
) -> Case:
    """Make a case of a resizing, by a scale or to a size."""
    own = {key: settings.pop(key) for key in ("opset", "torch", "rank") if key in settings}
    rank = own.get("rank", 1)
    factors = scale if isinstance(scale, tuple) else (scale,) * rank
    scales = None if scale is None else np.array([1, 1, *factors], np.float32)
    sizes = None if size is None else np.array([1, 1, *([size] * rank)], np.int64)
    return Case(difference, extent, "Resize", settings, (None, scales, sizes), **own)


def _max_pool(kernel: int, stride: int, pad: int = 0) -> Run:
    return lambda torch, x: torch.nn.functional.max_pool1d(x, kernel, stride, pad, ceil_mode=pad > 0)


def _mean_pool(kernel: int, stride: int, pad: int) -> Run:
    return lambda torch, x: torch.nn.functional.avg_pool1d(x, kernel, stride, pad, ceil_mode=True)


def _resize(
    size: int | None = None, scale: float | tuple[float, ...] | None = None, mode: str = "nearest"
) -> Run:
    return lambda torch, x: torch.nn.functional.interpolate(x, size=size, scale_factor=scale, mode=mode)


def _smooth(scale: float) -> Run:
    return lambda torch, x: torch.nn.functional.interpolate(
        x, scale_factor=scale, mode="bicubic", antialias=True
    )


ASYMMETRIC: Final = {
    "mode": "nearest",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}

CENTRED: Final = {
    "mode": "nearest",
    "coordinate_transformation_mode": "half_pixel",
    "nearest_mode": "round_prefer_ceil",
}

CEIL: Final = {"strides": [2], "pads": [1, 1], "ceil_mode": 1}

CASES: Final[tuple[Case, ...]] = (
    # ---- SAME padding with a dilation
    pool("same-dilated-pool", "MaxPool", 8, 3, auto_pad="SAME_UPPER", dilations=[2]),
    pool("same-dilated-pool", "MaxPool", 9, 3, auto_pad="SAME_LOWER", strides=[2], dilations=[2]),
    pool("same-dilated-pool", "MaxPool", 8, 2, auto_pad="SAME_UPPER", dilations=[4]),
    pool("same-dilated-pool", "AveragePool", 8, 3, auto_pad="SAME_UPPER", dilations=[2]),
    pool("same-dilated-pool", "LpPool", 8, 3, auto_pad="SAME_UPPER", dilations=[2], opset=22),
    Case("same-dilated-conv", 8, "Conv", {"auto_pad": "SAME_UPPER", "dilations": [2]}, (ones(3),)),
    Case(
        "same-dilated-conv",
        9,
        "Conv",
        {"auto_pad": "SAME_LOWER", "dilations": [3], "strides": [2]},
        (ones(3),),
    ),
    # ---- SAME padding that would be negative
    pool("same-long-stride", "MaxPool", 9, 2, auto_pad="SAME_UPPER", strides=[3]),
    pool("same-long-stride", "AveragePool", 6, 1, auto_pad="SAME_LOWER", strides=[2], opset=11),
    pool("same-negative", "AveragePool", 9, 1, auto_pad="SAME_UPPER", strides=[3]),
    pool("same-negative", "LpPool", 10, 1, auto_pad="SAME_LOWER", strides=[5]),
    # ---- transposed convolution
    Case("transposed-short", 4, "ConvTranspose", {"auto_pad": "SAME_UPPER", "strides": [3]}, (ones(2),)),
    Case("transposed-short", 4, "ConvTranspose", {"auto_pad": "SAME_LOWER", "strides": [3]}, (ones(2),)),
    Case("transposed-short", 3, "ConvTranspose", {"auto_pad": "SAME_UPPER", "strides": [4]}, (ones(1),)),
    Case("transposed-shape", 3, "ConvTranspose", {"strides": [2], "output_shape": [9]}, (ones(3),)),
    # ---- pooling rounded up
    *(
        pool("ceil-max-pool", "MaxPool", 3, 2, **CEIL, opset=opset, torch=_max_pool(2, 2, 1))
        for opset in (12, 22)
    ),
    pool("ceil-pool", "AveragePool", 3, 2, **CEIL, torch=_mean_pool(2, 2, 1)),
    pool("ceil-pool", "LpPool", 3, 2, **CEIL),
    *(
        pool(
            "ceil-average",
            "AveragePool",
            6,
            4,
            **{**CEIL, "strides": [3]},
            count_include_pad=1,
            opset=opset,
            sums=True,
            torch=_mean_pool(4, 3, 1),
        )
        for opset in (11, 19)
    ),
    pool("short-window", "MaxPool", 3, 4, strides=[2], torch=_max_pool(4, 2)),
    # ---- resizing
    *(
        resize("scale-extent", extent, scale=scale, mode="linear", torch=_resize(scale=scale, mode="linear"))
        for extent, scale in ((3, 10 / 3), (12, 5 / 12), (45, 2.6), (100, 1.15))
    ),
    *(
        resize(f"same-extent{suffix}", 6, scale=1.15, mode=mode, torch=run, rank=rank)
        for suffix, mode, run, rank in (
            ("-linear", "linear", _resize(scale=1.15, mode="linear"), 1),
            ("", "nearest", None, 1),
            ("", "cubic", None, 2),
        )
    ),
    resize("same-extent", 6, scale=(2.0, 1.15), mode="nearest", rank=2),
    resize(
        "same-extent-linear",
        6,
        scale=(2.0, 1.15),
        mode="linear",
        rank=2,
        torch=_resize(scale=(2.0, 1.15), mode="bilinear"),
    ),
    resize("antialias", 8, scale=0.5, mode="cubic", antialias=1, rank=2, torch=_smooth(0.5)),
    resize("antialias", 12, scale=0.25, mode="linear", antialias=1),
    resize("nearest-floats", 2, size=82, **ASYMMETRIC, torch=_resize(82)),
    resize("nearest-floats", 28, size=16, **ASYMMETRIC, torch=_resize(16)),
    resize("nearest-floats", 40, size=12, **CENTRED, torch=_resize(12, mode="nearest-exact")),
    resize("nearest-floats", 24, size=28, **{**CENTRED, "nearest_mode": "round_prefer_floor"}),
)

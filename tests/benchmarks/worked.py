"""The worked cases: small networks whose field is known, as documents of rfcalc's own format.

Each is two-dimensional and the same along both axes, with layers that PyTorch and TensorFlow have too, so
that one document can be put to every tool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.oracle import Line, sized, spread

Layer = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A network, and what is asked of its last layer."""

    key: str
    what: str
    document: dict[str, Any]
    dense: bool = True  # False: the taps are counted too, for the field has holes

    @property
    def size(self) -> int:
        extent: int = self.document["input"][0]
        return extent

    @property
    def last(self) -> str:
        name: str = self.document["layers"][-1]["name"]
        return name


def conv(name: str, inputs: str, kernel: int, stride: int = 1, dilation: int = 1, filters: int = 4) -> Layer:
    layer = {"kind": "conv", "name": name, "inputs": inputs, "filters": filters, "kernel": kernel}
    padding = dilation * (kernel - 1) // 2
    return {**layer, "stride": stride, "dilation": dilation, "padding": padding}


def pool(name: str, inputs: str, kernel: int = 2, stride: int = 2, padding: int = 0) -> Layer:
    window = {"kernel": kernel, "stride": stride, "padding": padding}
    return {"kind": "max_pool", "name": name, "inputs": inputs, **window}


def up(name: str, inputs: str) -> Layer:
    window = {"filters": 4, "kernel": 2, "stride": 2, "padding": 0}
    return {"kind": "transposed_conv", "name": name, "inputs": inputs, **window}


def relu(name: str, inputs: str) -> Layer:
    return {"kind": "relu", "name": name, "inputs": inputs}


def join(kind: str, name: str, *inputs: str) -> Layer:
    return {"kind": kind, "name": name, "inputs": list(inputs)}


def network(size: int, layers: Sequence[Layer]) -> dict[str, Any]:
    return {"rfcalc": 1, "input": [size, size, 1], "layers": list(layers)}


def chain(depth: int) -> list[Layer]:
    return [conv(f"conv{place}", f"conv{place - 1}" if place else "input", 3) for place in range(depth)]


def vgg16() -> list[Layer]:
    layers, tensor = list[Layer](), "input"
    for stage, depth in enumerate((2, 2, 3, 3, 3), 1):
        for place in range(1, depth + 1):
            layers += [
                conv(f"conv{stage}_{place}", tensor, 3),
                relu(f"relu{stage}_{place}", f"conv{stage}_{place}"),
            ]
            tensor = f"relu{stage}_{place}"
        layers.append(pool(f"pool{stage}", tensor))
        tensor = f"pool{stage}"
    return layers


def resnet50(where: str) -> list[Layer]:
    """ResNet-50 with the stride of a stage on its first 3x3 or 1x1, or in its last unit."""
    layers = [conv("stem", "input", 7, 2), relu("stem_relu", "stem"), pool("pool", "stem_relu", 3, 2, 1)]
    tensor = "pool"
    for stage, units in enumerate((3, 4, 6, 3)):
        for unit in range(units):
            strided = unit == units - 1 and stage < 3 if where == "last" else unit == 0 and stage > 0
            stride = 2 if strided else 1
            one, three = (1, stride) if where != "1x1" else (stride, 1)
            at = f"s{stage}u{unit}"
            layers += [conv(f"{at}a", tensor, 1, one), relu(f"{at}a_relu", f"{at}a")]
            layers += [conv(f"{at}b", f"{at}a_relu", 3, three), relu(f"{at}b_relu", f"{at}b")]
            layers += [conv(f"{at}c", f"{at}b_relu", 1)]
            layers += [conv(f"{at}s", tensor, 1, stride), join("add", at, f"{at}c", f"{at}s")]
            layers += [relu(f"{at}_relu", at)]
            tensor = f"{at}_relu"
    return layers


def unet() -> list[Layer]:
    layers, tensor = list[Layer](), "input"

    def level(name: str, before: str) -> str:
        layers.extend([conv(f"{name}a", before, 3), relu(f"{name}a_relu", f"{name}a")])
        layers.extend([conv(f"{name}b", f"{name}a_relu", 3), relu(f"{name}b_relu", f"{name}b")])
        return f"{name}b_relu"

    for depth in range(4):
        layers.append(pool(f"pool{depth}", level(f"down{depth}", tensor)))
        tensor = f"pool{depth}"
    tensor = level("bottom", tensor)
    for depth in reversed(range(4)):
        layers.append(up(f"up{depth}", tensor))
        layers.append(join("concat", f"cat{depth}", f"down{depth}b_relu", f"up{depth}"))
        tensor = level(f"end{depth}", f"cat{depth}")
    return layers


def padded(name: str, before: int, after: int) -> list[Layer]:
    pads = {"kind": "pad", "name": f"{name}_pad", "inputs": "input", "padding": [[before, after]] * 2}
    return [pads, {**conv(name, f"{name}_pad", 3), "padding": 0}]


CASES = (
    Case("vgg16", "VGG-16 to its last pooling, a plain chain", network(480, vgg16())),
    Case("chain100", "3x3 a hundred times", network(320, chain(100))),
    Case(
        "branches",
        "Two branches, 5x5 beside 3x3, added",
        network(
            64, [conv("wide", "input", 5), conv("narrow", "input", 3), join("add", "sum", "wide", "narrow")]
        ),
    ),
    Case(
        "strided_residual",
        "Strided residual block (3x3/2 beside a 1x1/2 shortcut) after a 3x3",
        network(
            64,
            [
                conv("stem", "input", 3),
                conv("main", "stem", 3, 2),
                conv("shortcut", "stem", 1, 2),
                join("add", "sum", "main", "shortcut"),
            ],
        ),
    ),
    Case(
        "one_sided",
        "Branches k=3 padded (2, 0) and k=3 padded (0, 2), added",
        network(64, [*padded("left", 2, 0), *padded("right", 0, 2), join("add", "sum", "left", "right")]),
    ),
    Case(
        "down_up",
        "conv3, pool2, conv3, transposed conv k2 s2, conv3",
        network(
            64,
            [
                conv("conv1", "input", 3),
                pool("pool", "conv1"),
                conv("conv2", "pool", 3),
                up("up", "conv2"),
                conv("conv3", "up", 3),
            ],
        ),
    ),
    Case("transposed", "Transposed conv k=2 s=2 alone", network(64, [up("up", "input")])),
    Case("unet", "U-Net: 4 levels, two 3x3 a level, max pool 2, transposed conv k2 s2", network(512, unet())),
    Case(
        "dilated_222",
        "3x3 three times, dilation 2, 2, 2",
        network(64, [conv("d1", "input", 3, 1, 2), conv("d2", "d1", 3, 1, 2), conv("d3", "d2", 3, 1, 2)]),
        dense=False,
    ),
    Case(
        "dilated_125",
        "3x3 three times, dilation 1, 2, 5",
        network(64, [conv("d1", "input", 3, 1, 1), conv("d2", "d1", 3, 1, 2), conv("d3", "d2", 3, 1, 5)]),
        dense=False,
    ),
    Case(
        "squeeze_excitation",
        "Squeeze-and-excitation between two 3x3, 64x64 input",
        network(
            64,
            [
                conv("body", "input", 3),
                {"kind": "global_pool", "name": "squeeze", "keepdims": True, "inputs": "body"},
                conv("excite", "squeeze", 1),
                join("multiply", "gated", "body", "excite"),
                conv("after", "gated", 3),
            ],
        ),
    ),
    *(
        Case(f"resnet50_{key}", f"ResNet-50, stride {where}", network(1024, resnet50(key)))
        for key, where in (("3x3", "on the 3x3"), ("1x1", "on the first 1x1"), ("last", "in the last unit"))
    ),
)


@dataclass(frozen=True)
class Field:
    """What the last layer sees along one axis: the sizes by output phase, the taps, the stride product."""

    sizes: tuple[int, ...]
    taps: int
    stride: Fraction
    whole: bool = False

    def __str__(self) -> str:
        return " or ".join(str(size) for size in self.sizes)


def truth(case: Case) -> Field:
    """Enumerate it: the input indices that reach an output, chased back from the layers' definitions."""
    line = Line(case.document)
    stride = line.slope(case.last)
    assert stride is not None
    sets = [line.taps(case.last, i) for i in range(line.periods[case.last])]
    if None in sets:  # the whole axis: at this size, and by enumeration again
        (taps,) = {int(mask).bit_count() for mask in sized(case.document)[case.last]}
        return Field((taps,), taps, stride, whole=taps == case.size)
    found = [taps for taps in sets if taps is not None]
    return Field(tuple(sorted({spread(taps) for taps in found})), max(map(len, found)), stride)

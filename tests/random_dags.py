"""Random graphs of the kind that receptive-field tools get wrong, each from a seed of its own.

Strides and upsampling by all sorts of factors, kernels smaller than their stride, dilation, ceil mode,
padding and cropping that differ from side to side; branches that leave one grid for several others and come
back to a common one with their centres out of line; joins of tensors far apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any

from tests.oracle import Document, along

LARGEST = 120
"""Elements on an axis, so that a set for each of them stays cheap."""


@dataclass
class Dag:
    """A one-dimensional model in the making: of each tensor extent, channels and slope."""

    random: Random
    document: Document
    extents: dict[str, int] = field(default_factory=dict)
    slopes: dict[str, Fraction] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, source: str, **settings: Any) -> str | None:
        """Add a layer; None where it does not fit behind its input."""
        op = along(kind, settings, 0, self.extents[source])
        assert op is not None
        if not 1 <= op.extent <= LARGEST:
            return None
        channels = 2 if kind in {"conv", "transposed_conv"} else self.channels[source]
        return self._new(kind, [source], op.extent, self.slopes[source] * op.slope, channels, **settings)

    def join(self, sources: list[str]) -> str:
        """Crop tensors of one slope to a common extent, anywhere, and join them."""
        extent = min(self.extents[source] for source in sources)
        ready = []
        for source in sources:
            over = self.extents[source] - extent
            before = self.random.choice([0, over // 2, over, self.random.randint(0, over)])
            cropped = self.add("crop", source, cropping=[[before, over - before]]) if over else source
            assert cropped is not None
            ready.append(cropped)
        slope = self.slopes[sources[0]]
        alike = len({self.channels[each] for each in ready}) == 1
        if alike and self.random.random() < 0.7:
            kind = self.random.choice(["add", "multiply", "maximum"])
            return self._new(kind, ready, extent, slope, self.channels[ready[0]])
        return self._new("concat", ready, extent, slope, sum(self.channels[each] for each in ready), axis=-1)

    def _new(
        self, kind: str, inputs: list[str], extent: int, slope: Fraction, channels: int, **settings: Any
    ) -> str:
        name = f"l{len(self.extents)}"
        self.document["layers"].append({"kind": kind, "name": name, "inputs": inputs, **settings})
        self.extents[name], self.slopes[name], self.channels[name] = extent, slope, channels
        return name

    # -- layers

    def conv(self, source: str, stride: int | None = None) -> str | None:
        number = self.random.randint
        kernel, dilation = number(1, 5), self.random.choice([1, 1, 1, 2, 3])
        padding = self.random.choice(["valid", "sides", "sides", "causal"])
        return self.add(
            "conv",
            source,
            filters=2,
            kernel=kernel,
            stride=self.random.choice([1, 1, 1, 2, 3]) if stride is None else stride,
            dilation=dilation,
            padding=[[number(0, 3), number(0, 3)]] if padding == "sides" else padding,
        )

    def pool(self, source: str, stride: int | None = None) -> str | None:
        number = self.random.randint
        return self.add(
            self.random.choice(["max_pool", "average_pool"]),
            source,
            kernel=number(2, 4),
            stride=number(1, 3) if stride is None else stride,
            dilation=1,
            padding=[[number(0, 1), number(0, 1)]],
            ceil=self.random.random() < 0.5,
        )

    def transposed(self, source: str, stride: int | None = None) -> str | None:
        number = self.random.randint
        return self.add(
            "transposed_conv",
            source,
            filters=2,
            kernel=number(1, 4),  # often smaller than the stride
            stride=number(2, 3) if stride is None else stride,
            dilation=self.random.choice([1, 1, 2]),
            padding=[[number(0, 1), number(0, 1)]],
        )

    def upsample(self, source: str, scale: int | None = None) -> str | None:
        return self.add(
            "upsample",
            source,
            scale=self.random.randint(2, 3) if scale is None else scale,
            mode=self.random.choice(["nearest", "linear"]),
        )

    def shifted(self, source: str) -> str | None:
        sides = [[self.random.randint(0, 2), self.random.randint(0, 2)]]
        if self.random.random() < 0.5:
            return self.add("pad", source, padding=sides)
        return self.add("crop", source, cropping=sides)

    def layer(self, source: str) -> str | None:
        makers = [self.conv, self.conv, self.conv, self.pool, self.transposed, self.upsample, self.shifted]
        return self.random.choice(makers)(source)

    def onto(self, source: str, slope: Fraction) -> str | None:
        """Bring a branch to a grid by one layer up and one layer down, or none where it is there."""
        ratio = self.slopes[source] / slope
        steps = [
            (ratio.numerator, (self.transposed, self.upsample)),
            (ratio.denominator, (self.conv, self.pool)),
        ]
        self.random.shuffle(steps)
        at: str | None = source
        for factor, makers in steps:
            if at is not None and factor > 1:
                at = self.random.choice(makers)(at, factor)
        return at

    def fork(self, source: str) -> None:
        """Branches over grids of their own, and what joins them."""
        ends = []
        for _ in range(self.random.randint(2, 3)):
            end = source
            for _ in range(self.random.randint(0, 3)):
                end = self.layer(end) or end
            back = self.onto(end, self.slopes[source])
            ends.append(source if back is None else back)
        self.join(ends)


def random_dag(seed: int) -> Document:
    """Make the graph of a seed."""
    random = Random(seed)
    extent = random.randint(8, 40)
    dag = Dag(random, {"rfcalc": 1, "input": [extent, 2], "layers": []})
    dag.extents["input"], dag.slopes["input"], dag.channels["input"] = extent, Fraction(1), 2
    for _ in range(random.randint(2, 6)):
        names = list(dag.extents)
        source = names[-1] if random.random() < 0.7 else random.choice(names)
        choice = random.random()
        fellows = [name for name in names if dag.slopes[name] == dag.slopes[source] and name != source]
        if choice < 0.4:
            dag.fork(source)
        elif choice < 0.6 and fellows:
            dag.join([source, random.choice(fellows)])
        else:
            dag.layer(source)
    if not dag.document["layers"]:
        dag.add("pad", "input", padding=[[1, 0]])
    return dag.document

"""Random models with every kind of layer that moves pixels, on one, two or three axes."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from tests.oracle import POOLS, Document, both_sides
from tests.pixels import Pixels

MOST: Final = {1: 30, 2: 10, 3: 5}
"""Elements on an axis, by how many axes there are."""


class Builder:
    """Adds layers that fit; shapes are asked of the pixels, which are made along the way."""

    def __init__(self, draw: st.DrawFn, rank: int) -> None:
        self.draw, self.rank, self.most = draw, rank, MOST[rank]
        extents = [self.number(2, self.most) for _ in range(rank)]
        self.document: Document = {"rfcalc": 1, "input": [*extents, 2], "layers": []}
        self.pixels = Pixels(self.document)
        self.maps = ["input"]

    # -- drawing

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, max(low, high)))

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def numbers(self, low: int, high: int) -> list[int]:
        return [self.number(low, high) for _ in range(self.rank)]

    def sides(self, *most: int) -> list[list[int]]:
        return [[self.number(0, m), self.number(0, m)] for m in most]

    def axis(self) -> int:
        return self.number(1, self.rank)

    def map(self) -> str:
        """Name the newest map, or any."""
        return self.maps[-1] if self.draw(st.booleans()) else self.one_of(*self.maps)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.pixels.tensors[name].shape

    def extents(self, name: str) -> tuple[int, ...]:
        return self.shape(name)[1:-1]

    def add(self, kind: str, *inputs: str, **settings: Any) -> str:
        name = f"l{len(self.document['layers'])}"
        self.document["layers"].append({"kind": kind, "name": name, "inputs": list(inputs), **settings})
        names = self.pixels.add(name, kind, settings, inputs)
        self.maps += [each for each in names if len(self.shape(each)) == self.rank + 2]
        return names[-1]

    # -- layers

    def windows(self, x: str) -> dict[str, Any]:
        """Settings of a window that fits on a map."""
        padding = self.one_of("valid", "same", "same_lower", "sides", *(["causal"] if self.rank == 1 else []))
        given = self.sides(*[2] * self.rank) if padding == "sides" else padding
        kernel, dilation = self.numbers(1, 4), self.numbers(1, 2)
        for axis, n in enumerate(self.extents(x)):
            room = n + sum(both_sides(given, axis)) if padding == "sides" else n
            while padding in {"valid", "sides"} and dilation[axis] * (kernel[axis] - 1) >= room:
                kernel[axis] -= 1
        return {"kernel": kernel, "dilation": dilation, "stride": self.numbers(1, 2), "padding": given}

    def conv(self) -> None:
        x = self.map()
        kind = self.one_of("conv", "conv", "conv", "depthwise_conv", "separable_conv")
        self.add(kind, x, **({} if kind == "depthwise_conv" else {"filters": 2}), **self.windows(x))

    def pool(self) -> None:
        x = self.map()
        settings = self.windows(x)
        ceil = not isinstance(settings["padding"], str) and self.draw(st.booleans())
        self.add(self.one_of(*POOLS), x, ceil=ceil, **settings)

    def transposed(self) -> None:
        x = self.map()
        stride = [self.number(1, min(3, self.most // n)) for n in self.extents(x)]
        least = 1 if self.rank == 1 else max(stride)  # with empty rows on several axes, see check
        kernel = self.numbers(least, 4)
        self.add(
            "transposed_conv",
            x,
            filters=2,
            kernel=kernel,
            stride=stride,
            padding=self.one_of("same", "valid"),
        )

    def resample(self) -> None:
        x = self.map()
        size = [self.number(1, min(2 * n, self.most)) for n in self.extents(x)]
        kind = self.one_of("resize", "adaptive_pool", "upsample", "antialias")
        if kind == "upsample":
            scale = [self.number(1, min(3, self.most // n)) for n in self.extents(x)]
            self.add(kind, x, scale=scale, mode=self.one_of("nearest", "linear", "cubic"))
        elif kind == "antialias":
            self.add("resize", x, size=size, mode="linear", antialias=True)
        else:
            mode = {"mode": self.one_of("nearest", "linear", "cubic", "area")} if kind == "resize" else {}
            self.add(kind, x, size=size, **mode)

    def border(self) -> None:
        x = self.map()
        mode = self.one_of("constant", "reflect", "symmetric", "edge", "wrap")
        most = [min(2, n - 1) for n in self.extents(x)]
        self.add("pad", x, padding=self.sides(*most), mode=mode)

    def cut(self) -> None:
        x = self.map()
        kind = self.one_of("crop", "center_crop", "split")
        if kind == "crop":
            self.add(kind, x, cropping=self.sides(*((n - 1) // 2 for n in self.extents(x))))
        elif kind == "center_crop":
            self.add(kind, x, size=[self.number(1, n) for n in self.extents(x)])
        else:
            axis = self.axis()
            first = self.number(1, self.shape(x)[axis] - 1)
            if first < self.shape(x)[axis]:
                self.add(kind, x, axis=axis, sizes=[first, self.shape(x)[axis] - first])

    def move(self) -> None:
        x, axis = self.map(), self.axis()
        kind = self.one_of("flip", "roll", "repeat", "tile", "permute")
        if kind == "flip":
            self.add(kind, x, axes=[axis])
        elif kind == "roll":
            self.add(kind, x, axes=[axis], shift=self.number(-2, 2))
        elif kind == "permute":
            order = self.draw(st.permutations(range(1, self.rank + 1)))
            self.add(kind, x, order=[0, *order, self.rank + 1])
        elif 2 * self.shape(x)[axis] <= self.most:
            repeats = [2 if place == axis else 1 for place in range(self.rank + 2)]
            self.add(kind, x, **({"repeats": repeats} if kind == "tile" else {"axis": axis, "count": 2}))

    def shuffle(self) -> None:
        x = self.map()
        if all(n % 2 == 0 for n in self.extents(x)) and self.shape(x)[-1] <= 4:
            x = self.add("space_to_depth", x, block=2)
        if all(2 * n <= self.most for n in self.extents(x)):
            x = self.add("conv", x, filters=2**self.rank, kernel=1)
            self.add("depth_to_space", x, block=2)

    def plain(self) -> None:
        kind = self.one_of(
            "relu", "batch_norm", "dropout", "prelu", "local_response_norm", "linear", "softmax"
        )
        self.add(kind, self.map(), **({"units": 2} if kind == "linear" else {}))

    def mix(self) -> None:
        x, axis = self.map(), self.axis()
        kind = self.one_of("instance_norm", "group_norm", "layer_norm", "softmax", "cumulative", "recurrent")
        if kind == "recurrent" and self.rank == 1:
            how = self.one_of({}, {"reverse": True}, {"bidirectional": "sum"})
            self.add(self.one_of("lstm", "gru", "simple_rnn"), x, units=2, sequences=True, **how)
        elif kind in {"softmax", "cumulative"}:
            self.add(kind, x, axis=axis)
        elif kind != "recurrent":
            settings = {"layer_norm": {"axes": [axis]}, "group_norm": {"groups": 1}}
            self.add(kind, x, **settings.get(kind, {}))

    def attend(self) -> None:
        x = self.map()
        axis = self.axis()
        one = self.rank == 1 or self.draw(st.booleans())
        keys = [
            name
            for name in self.maps
            if all(
                n == m or (one and place == axis)
                for place, (n, m) in enumerate(zip(self.shape(name), self.shape(x), strict=True))
            )
        ]
        settings = {"axes": [axis], "causal": self.draw(st.booleans())} if one else {}
        self.add("multi_head_attention", x, self.one_of(*keys), heads=1, key_dim=1, **settings)

    def gate(self) -> None:
        """Squeeze and excitation, or along one axis alone."""
        x = self.map()
        if self.draw(st.booleans()):
            squeezed = self.add("global_pool", x, keepdims=True)
        else:
            squeezed = self.add("reduce", x, axes=[self.axis()], keepdims=True)
        self.maps.pop()
        excited = self.add("linear", squeezed, units=self.shape(x)[-1])
        self.maps.pop()
        self.add(self.one_of("multiply", "add"), x, excited)

    def patches(self) -> None:
        """Cut axes into patches by a reshape, mix within or across them, and put the map together again."""
        x = self.map()
        if (
            self.pixels.tensors[x].axes != self.pixels.tensors["input"].axes
        ):  # transposed: which is which is lost
            return
        *extents, channels = self.shape(x)[1:]
        sizes = [self.one_of(*(w for w in range(1, n + 1) if n % w == 0)) for n in extents]
        digits = [part for n, w in zip(extents, sizes, strict=True) for part in (n // w, w)]
        first, x = x, self.add("reshape", x, shape=[None, *digits, channels])
        places = sorted({self.number(1, 2 * self.rank) for _ in range(2)})
        kind = self.one_of("layer_norm", "multi_head_attention", "softmax")
        settings = {"softmax": {"axis": places[0]}, "multi_head_attention": {"heads": 1, "key_dim": 1}}
        x = self.add(kind, x, **settings.get(kind, {}), **({} if kind == "softmax" else {"axes": places}))
        if self.draw(st.booleans()):  # the outer index of an axis runs fastest
            place = 2 * self.number(0, self.rank - 1) + 1
            order = list(range(2 * self.rank + 2))
            order[place], order[place + 1] = order[place + 1], order[place]
            x = self.add("permute", x, order=order)
        x = self.add("reshape", x, shape=[None, *extents, channels])
        if self.draw(st.booleans()):
            self.add("add", x, first)

    def within(self) -> None:
        """Slide within the patches of an axis, or over them, and put the axis together again."""
        x = self.map()
        if self.rank > 1:
            return
        (extent,), channels = self.extents(x), self.shape(x)[-1]
        size = self.one_of(*(w for w in range(1, extent + 1) if extent % w == 0))
        first, x = x, self.add("reshape", x, shape=[None, extent // size, size, channels])
        kernel = [self.number(1, min(3, extent // size)), self.number(1, min(3, size))]
        stride = [self.number(1, 2), self.number(1, 2)]
        x = self.add(
            "max_pool", x, kernel=kernel, stride=stride, padding=self.one_of("same", [[1, 0], [0, 1]])
        )
        if self.draw(st.booleans()):
            mixed = self.one_of([1], [2], [1, 2])
            y = self.add("reduce", x, axes=mixed, keepdims=True)
            x = self.add(self.one_of("add", "subtract"), x, y)
        x = self.add("reshape", x, shape=[None, -1, channels])
        if self.shape(x) == self.shape(first):
            self.add("add", x, first)

    def join(self) -> None:
        """Join two maps; the second is first cut, padded or resized to the extents of the first."""
        x, y = self.map(), self.one_of(*self.maps)
        wanted, got = self.extents(x), self.extents(y)
        if wanted != got and self.draw(st.booleans()):
            y = self.add("resize", y, size=list(wanted), mode="nearest")
        elif wanted != got:
            less = [[max(m - n, 0), 0] for n, m in zip(wanted, got, strict=True)]
            more = [[0, max(n - m, 0)] for n, m in zip(wanted, got, strict=True)]
            y = self.add("pad", self.add("crop", y, cropping=less), padding=more)
        if self.shape(x)[-1] + self.shape(y)[-1] <= 4 and self.draw(st.booleans()):
            self.add("concat", x, y)
            return
        if self.shape(x) != self.shape(y):
            y = self.add("conv", y, filters=self.shape(x)[-1], kernel=1)
        self.add(self.one_of("add", "multiply", "maximum", "average"), x, y)

    def end_to_end(self) -> None:
        x = self.map()
        if self.rank == 1 and 2 * self.extents(x)[0] <= self.most:  # on several axes see check
            fitting = [name for name in self.maps if self.shape(name)[-1] == self.shape(x)[-1]]
            y = self.one_of(*fitting)
            if self.extents(x)[0] + self.extents(y)[0] <= self.most:
                self.add("concat", x, y, axis=1)

    def last(self) -> None:
        """A layer behind which there is no map."""
        x = self.map()
        kind = self.one_of("flatten", "linear", "global_pool", "select", "tokens", "primary_capsules", "none")
        if kind == "linear":
            self.add(kind, self.add("flatten", x), units=2)
        elif kind == "select":
            axis = self.axis()
            self.add(kind, x, axis=axis, index=self.number(0, self.shape(x)[axis] - 1))
        elif kind == "tokens":
            self.add("reshape", x, shape=[None, -1, self.shape(x)[-1]])
        elif kind == "primary_capsules":
            self.add(kind, x, capsules=2, dim=2, kernel=1)
        elif kind != "none":
            self.add(kind, x)


KINDS = ("conv", "conv", "pool", "transposed", "resample", "border", "cut", "move", "shuffle", "plain", "mix",
         "attend", "gate", "patches", "within", "join", "join", "join", "end_to_end")  # fmt: skip


@st.composite
def models(draw: st.DrawFn, rank: int, layers: int = 9) -> Document:
    """Documents of up to 9 layers, a few more where the last ones belong together."""
    builder = Builder(draw, rank)
    wanted = draw(st.integers(1, layers))
    while len(builder.document["layers"]) < wanted:
        before = len(builder.document["layers"])
        getattr(builder, draw(st.sampled_from(KINDS)))()
        if len(builder.document["layers"]) == before:
            builder.plain()
    builder.last()
    return builder.document

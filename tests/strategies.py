"""Random models in the native format: graphs with branches and joins, on one, two or three axes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.oracle import JOINS, along

Draw = Any
Shape = tuple[tuple[int, ...], int]
"""Spatial extents and channels."""

LARGEST = 40
"""Elements on an axis; more only make the sets slower to compare."""

LOCAL = ("conv", "max_pool", "transposed_conv", "upsample", "pad", "crop", "space_to_depth", "depth_to_space")
PLAIN = ("conv", "conv", "conv", "max_pool", "average_pool", "upsample", "transposed_conv", "relu")
BORDERED = (
    "flip",
    "roll",
    "tile",
    "softmax",
    "layer_norm",
    "cumulative",
    "lstm",
    "window",
    "border",
    "end_to_end",
)
RESIZED = ("resize", "adaptive_pool", "repeat", "meet")


@dataclass
class Model:
    """A document in the making, with the shapes of its tensors."""

    document: dict[str, Any]
    shapes: dict[str, Shape] = field(default_factory=dict)

    def add(self, kind: str, inputs: list[str], shape: Shape, /, **settings: Any) -> str:
        name = f"l{len(self.document['layers'])}"
        self.document["layers"].append({"kind": kind, "name": name, "inputs": inputs, **settings})
        self.shapes[name] = shape
        return name


def per_axis(draw: Draw, rank: int, low: int, high: int) -> Any:
    """Draw one number for all axes, or one for each."""
    if rank > 1 and draw(st.booleans()):
        return [draw(st.integers(low, high)) for _ in range(rank)]
    return draw(st.integers(low, high))


def sides(draw: Draw, rank: int, high: int) -> list[list[int]]:
    return [[draw(st.integers(0, high)) for _ in range(2)] for _ in range(rank)]


def settings_of(draw: Draw, kind: str, rank: int, shape: Shape) -> dict[str, Any]:  # noqa: PLR0911, PLR0912
    extents, _ = shape
    if kind in {"conv", "max_pool", "average_pool"}:
        words = ["valid", "same", "same_lower", "causal"]
        padding = draw(st.sampled_from([*words, "sides"]))
        given = {
            "kernel": per_axis(draw, rank, 1, 5),
            "stride": per_axis(draw, rank, 1, 3) if kind != "conv" or draw(st.booleans()) else 1,
            "dilation": per_axis(draw, rank, 1, 3),
            "padding": sides(draw, rank, 2) if padding == "sides" else padding,
        }
        if kind == "conv":
            return {**given, "filters": 2}
        if padding in {"valid", "sides"}:
            given["ceil"] = draw(st.booleans())
        return given
    if kind == "transposed_conv":
        padding = draw(st.sampled_from(["valid", "same", "sides"]))
        return {
            "filters": 2,
            "kernel": per_axis(draw, rank, 1, 5),
            "stride": per_axis(draw, rank, 1, 3),
            "dilation": per_axis(draw, rank, 1, 2),
            "padding": sides(draw, rank, 1) if padding == "sides" else padding,
        }
    if kind == "upsample":
        mode = draw(st.sampled_from(["nearest", "linear", "cubic"]))
        return {"scale": per_axis(draw, rank, 1, 3), "mode": mode}
    if kind == "pad":
        return {"padding": sides(draw, rank, 3)}
    if kind == "border":
        mode = draw(st.sampled_from(["reflect", "symmetric", "edge", "wrap"]))
        return {"padding": sides(draw, rank, min(3, min(extents) - 1)), "mode": mode}
    if kind == "crop":
        return {"cropping": sides(draw, rank, 2)}
    if kind in {"space_to_depth", "depth_to_space"}:
        return {"block": draw(st.integers(2, 3))}
    if kind == "resize":
        mode = draw(st.sampled_from(["nearest", "linear", "cubic"]))
        return {"size": per_axis(draw, rank, 1, 24), "mode": mode}
    if kind == "adaptive_pool":
        return {"size": per_axis(draw, rank, 1, 12)}
    if kind == "repeat":
        return {"count": draw(st.integers(2, 3)), "axis": 1}
    if kind == "flip":
        return {"axes": [1]}
    if kind == "roll":
        return {"shift": draw(st.integers(-3, 3)), "axes": [1]}
    if kind == "tile":
        return {"repeats": [1, draw(st.integers(1, 2)), 1]}
    if kind == "softmax":
        return {"axis": 1}
    if kind == "layer_norm":
        return {"axes": [1]}
    if kind == "cumulative":
        return {"axis": 1, "reverse": draw(st.booleans())}
    if kind == "lstm":
        both = draw(st.booleans())
        return {
            "units": 2,
            "sequences": True,
            **({"bidirectional": "sum"} if both else {"reverse": draw(st.booleans())}),
        }
    return {}


KEEPS = {"softmax", "layer_norm", "cumulative", "lstm", "flip", "roll"}


def shape_after(kind: str, settings: dict[str, Any], shape: Shape) -> Shape | None:
    """Give the shape of what a layer puts out; None where it does not fit its input."""
    extents, channels = shape
    block = settings.get("block", 1)
    if kind == "space_to_depth" and any(n % block for n in extents):
        return None
    if kind == "depth_to_space" and channels % block ** len(extents):
        return None
    if kind == "border" and min(extents) < 2:
        return None
    out = extents
    if kind not in KEEPS:
        ops = [
            along("pad" if kind == "border" else kind, settings, axis, n) for axis, n in enumerate(extents)
        ]
        out = tuple(op.extent for op in ops if op is not None)
    if min(out) < 1 or max(out) > LARGEST:
        return None
    if kind == "space_to_depth":
        channels *= block ** len(extents)
    if kind == "depth_to_space":
        channels //= block ** len(extents)
    if kind in {"conv", "transposed_conv", "lstm"}:
        channels = 2
    return out, channels


def digits(draw: Draw, n: int) -> list[int]:
    """Cut an extent into two or three factors."""
    out: list[int] = []
    for _ in range(draw(st.integers(1, 2))):
        out.append(draw(st.sampled_from([w for w in range(1, n + 1) if n % w == 0])))
        n //= out[-1]
    return [n, *out]


def _window(draw: Draw, model: Model, source: str) -> None:
    """Cut the axis by a reshape, work along some of its parts, and put it together again."""
    (n,), channels = model.shapes[source]
    cut = digits(draw, n)
    tensor = model.add("reshape", [source], (tuple(cut), channels), shape=[None, *cut, channels])
    for _ in range(draw(st.integers(1, 3))):
        axis = draw(st.integers(1, len(cut)))
        settings: dict[str, dict[str, Any]] = {
            "softmax": {"axis": axis},
            "layer_norm": {"axes": [axis]},
            "multi_head_attention": {"heads": 1, "key_dim": 2, "axes": [axis]},
            "flip": {"axes": [axis]},
            "roll": {"shift": draw(st.integers(-2, 2)), "axes": [axis]},
            "cumulative": {"axis": axis},
            "permute": {},
        }
        kind = draw(st.sampled_from(sorted(settings)))
        if kind == "permute":
            order = draw(st.permutations(range(1, len(cut) + 1)))
            cut = [cut[place - 1] for place in order]
            settings[kind]["order"] = [0, *order, len(cut) + 1]
        before, tensor = tensor, model.add(kind, [tensor], (tuple(cut), channels), **settings[kind])
        if kind != "permute" and draw(st.booleans()):
            tensor = model.add("add", [before, tensor], (tuple(cut), channels))
    last = model.add("reshape", [tensor], ((n,), channels), shape=[None, n, channels])
    if draw(st.booleans()):
        model.add("add", [source, last], ((n,), channels))


def _meet(draw: Draw, model: Model, source: str, other: str) -> None:
    """Bring a map to the extents of another one, on a grid of its own, and join them."""
    extents, channels = model.shapes[other]
    kind = draw(st.sampled_from(["resize", "adaptive_pool"]))
    settings = {"mode": draw(st.sampled_from(["nearest", "linear", "cubic"]))} if kind == "resize" else {}
    brought = model.add(kind, [source], (extents, model.shapes[source][1]), size=list(extents), **settings)
    if model.shapes[source][1] == channels:
        _join(draw, model, brought, other)
    else:
        model.add("concat", [brought, other], (extents, channels + model.shapes[source][1]), axis=-1)


def _gate(draw: Draw, model: Model, source: str) -> None:
    """Squeeze and excitation."""
    extents, channels = model.shapes[source]
    pooled = model.add("global_pool", [source], ((1,) * len(extents), channels), keepdims=True)
    gate = model.add("linear", [pooled], ((1,) * len(extents), channels), units=channels)
    model.add("multiply", [source, gate], (extents, channels))


def _join(draw: Draw, model: Model, one: str, other: str) -> None:
    shape = model.shapes[one]
    kind = draw(st.sampled_from([*sorted(JOINS), "concat"]))
    if kind == "concat":
        model.add("concat", [one, other], (shape[0], 2 * shape[1]), axis=-1)
    else:
        model.add(kind, [one, other], shape)


def _fork(draw: Draw, model: Model, source: str) -> None:
    """Two branches that keep the map's size, and what joins them."""
    ends = []
    for _ in range(2):
        rank = len(model.shapes[source][0])
        kernel, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
        reach = dilation * (kernel - 1)
        before = draw(st.integers(0, reach))
        padding = [[before, reach - before]] * rank
        settings = {"kernel": kernel, "dilation": dilation, "padding": padding, "filters": 2}
        ends.append(model.add("conv", [source], (model.shapes[source][0], 2), **settings))
    _join(draw, model, *ends)


def _one(draw: Draw, model: Model, kinds: tuple[str, ...]) -> None:
    """Add a layer, or a few that belong together, behind a tensor that has spatial axes as the input has."""
    rank = len(model.document["input"]) - 1
    ready = [name for name, (extents, _) in model.shapes.items() if len(extents) == rank]
    source = ready[-1] if draw(st.integers(0, 3)) else draw(st.sampled_from(ready))
    shape = model.shapes[source]
    kind = draw(st.sampled_from([*kinds, "fork", "join"]))
    if kind == "join":
        fitting = [name for name in ready if model.shapes[name] == shape and name != source]
        if fitting:
            _join(draw, model, source, draw(st.sampled_from(fitting)))
            return
        kind = "fork"
    if kind == "fork":
        _fork(draw, model, source)
    elif kind == "window":
        _window(draw, model, source)
    elif kind == "meet":
        _meet(draw, model, source, draw(st.sampled_from(ready)))
    elif kind == "gate":
        _gate(draw, model, source)
    elif kind == "end_to_end":
        other = draw(st.sampled_from(ready))
        (n,), channels = shape
        (m,), others = model.shapes[other]
        if channels == others and n + m <= LARGEST:
            model.add("concat", [source, other], ((n + m,), channels), axis=1)
    else:
        settings = settings_of(draw, kind, rank, shape)
        after = shape_after(kind, settings, shape)
        if after is not None:
            name = model.add("pad" if kind == "border" else kind, [source], after, **settings)
            if kind == "space_to_depth":  # the oracle does not tell channels apart, so all read them mixed
                settings = {"filters": 2, "kernel": 1, "stride": 1, "dilation": 1, "padding": "valid"}
                model.add("conv", [name], (after[0], 2), **settings)
                del model.shapes[name]


@st.composite
def models(
    draw: Draw,
    rank: int = 1,
    kinds: tuple[str, ...] = LOCAL + PLAIN,
    smallest: int = 4,
    largest: int = 24,
    layers: int = 12,
) -> dict[str, Any]:
    """Documents of up to 12 layers (a few more where the last ones belong together)."""
    extents = tuple(draw(st.integers(smallest, largest)) for _ in range(rank))
    model = Model({"rfcalc": 1, "input": [*extents, 4], "layers": []}, {"input": (extents, 4)})
    wanted = draw(st.integers(1, layers))
    for _ in range(wanted):
        if len(model.document["layers"]) < wanted:
            _one(draw, model, kinds)
    if not model.document["layers"]:
        model.add("relu", ["input"], (extents, 4))
    return model.document

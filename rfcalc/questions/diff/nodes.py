"""What is matched: the layers of a graph, with what makes each of them itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra.number import is_one
from rfcalc.engine.shapes import LayerInfo
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import SPATIAL, Layer, Stage, TensorSpec
from rfcalc.records import NamedTuple
from rfcalc.rules import registry
from rfcalc.rules.registry import Family, find, of_family


class Node(NamedTuple):
    """A layer as it is matched.

    Parameters
    ----------
    name : str
        Its name.
    kind : str
        Its kind, in the words that all formats share where formats differ.
    own : object
        What makes it this layer: kind and settings, hashable.
    near : object
        The part of it that an edit leaves most likely.
    settings : mapping
        The settings by name, for what is said of a change.
    inputs : tuple of tuple of (int, int)
        For each input which nodes it comes from, by their places, and which of their outputs.
    """

    name: str
    kind: str
    own: Any
    near: Any
    settings: Mapping[str, Any]
    inputs: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def family(self) -> str:
        """Kinds that stand in for each other."""
        return _family(self.kind)

    @property
    def commutes(self) -> bool:
        """The order of its inputs means nothing."""
        return self.kind in COMMUTATIVE


COMMUTATIVE: Final = frozenset(("add", "multiply", "maximum", "minimum", "average"))

NORMS: Final = frozenset(of_family("normalisation"))
"""Kinds whose weights are vectors over the channels."""

_APART: Final[tuple[Family, ...]] = ("moving", "other")
"""Families whose kinds do not stand in for each other."""

_STANDING_IN: Final = {
    "pooling": "convolution",
    "windows": "convolution",
    "reduce": "summary",
    "flatten": "summary",
}
"""Families, and kinds, that stand in for another family."""

# places of axes are the format's affair, and what follows from the input's shape is no setting of the layer
_NO_SETTING: Final = frozenset(("spatial", "channel", "depth", "dtype"))
FOLLOWING: Final = frozenset(("reshape", "broadcast_to", "expand_dims", "squeeze"))
"""Kinds whose settings spell extents of their input."""


def _family(kind: str) -> str:
    """Return what a kind has in common with those that stand in for it; by default itself."""
    known = find(kind)
    family = kind if known is None or known.family in _APART else known.family
    return _STANDING_IN.get(family, family)


def whole(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> list[Node]:
    """Return every layer of a graph as a node."""
    place = {name: number for number, name in enumerate(graph.layers)}
    nodes = []
    for layer in graph:
        settings = settings_of(layer, graph, resolved)
        own = (layer.kind, tuple(settings.items())) if layer.kind not in FOLLOWING else (layer.kind,)
        inputs = tuple(((place[name], output),) for name, output in layer.inputs)
        nodes.append(Node(layer.name, layer.kind, own, _near(layer.kind, settings), settings, inputs))
    return nodes


def _near(kind: str, settings: Mapping[str, Any]) -> Any:
    return (kind, settings.get("kernel"), settings.get("stride"), settings.get("function"))


def settings_of(layer: Layer, graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> dict[str, Any]:
    """Return the settings of a layer, defaults filled in, one number for each axis: hashable values."""
    kind = find(layer.kind)
    rank = _rank(layer, resolved)
    known = {} if kind is None else {setting.name: setting for setting in kind.settings}
    given = {**layer.attrs, **{name: value for name, value in layer.extras._asdict().items() if value}}
    names = [*known, *(name for name in given if name not in known)]
    settings: dict[str, Any] = {} if kind is not None else {"op": layer.op}
    for name in names:
        if name in _NO_SETTING:
            continue
        value = given.get(name)
        if value is None and kind is not None:
            default = kind.defaults.get(name)
            value = None if default is registry.REQUIRED else default
        form = known[name].form if name in known else ""
        settings[name] = _ranks(value) if name in ("constants", "operands") else _spelled(value, form, rank)
    if layer.kind == "resample" and settings["axes"]:
        settings |= _resampling(settings["axes"], settings["factors"])
    if settings.get("stride", 0) is None and "kernel" in settings:
        settings["stride"] = settings["kernel"]  # a pooling's windows lie side by side by default
    if layer.weights:
        settings["weight_tensors"] = len(layer.weights)
    if not layer.trainable:
        settings["trainable"] = False
    return settings


def _resampling(axes: Sequence[Sequence[Any]], factors: Sequence[float | None] | None) -> dict[str, Any]:
    """Spell what is resampled as axes, scales, and, where none is, factors or sizes."""
    places, sizes, scales, regions = zip(*axes, strict=True)
    # Since a scale makes the size too, what the reader read of sizes is no setting beside it.
    made = [
        (None, None) if scale is not None else (size, factor)
        for size, scale, factor in zip(sizes, scales, factors or (None,) * len(axes), strict=True)
    ]
    parts = {
        "scale": scales,
        "factors": tuple(factor for _, factor in made),
        "size": tuple(size if factor is None else None for size, factor in made),
        "region": regions,
    }
    return {"axes": places, **{name: part if any(part) else None for name, part in parts.items()}}


def _rank(layer: Layer, resolved: Mapping[str, LayerInfo]) -> int | None:
    places = layer.attrs.get("spatial")
    if places is not None:
        return len(places)
    spec = _given(layer, resolved)
    return None if spec is None else len(spec.spatial)


def _given(layer: Layer, resolved: Mapping[str, LayerInfo]) -> TensorSpec | None:
    """Return the first tensor that a layer takes."""
    if not layer.inputs:
        return None
    name, output = layer.inputs[0]
    result = resolved[name].result
    return None if result is None or output >= len(result.outputs) else result.outputs[output]


def _spelled(value: Any, form: str, rank: int | None) -> Any:
    """Spell a setting in one way, where there are several."""
    if rank is not None and form in (registry.PER_AXIS, registry.NATURAL_PER_AXIS) and type(value) is int:
        return (value,) * rank
    if rank is not None and form in (registry.PADDING, registry.PAIRS):
        if value == "valid":
            value = 0
        if type(value) is int:
            return ((value, value),) * rank
        if isinstance(value, (tuple, list)):
            return tuple((each, each) if type(each) is int else _frozen(each) for each in value)
    return _frozen(value)


def _frozen(value: Any) -> Any:
    if isinstance(value, Stage):
        return value.kind, _frozen(value.attrs)
    if value is None or isinstance(value, (int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return tuple(map(_frozen, value))
    if isinstance(value, Mapping):
        return tuple((str(key), _frozen(each)) for key, each in value.items())
    return str(value)


def _ranks(value: Any) -> Any:
    """Spell constants by their number and rank: extents follow from what they meet."""
    if not isinstance(value, (tuple, list)):
        return None
    return tuple(len(each) if isinstance(each, (tuple, list)) else str(type(each).__name__) for each in value)


# ---- across formats ----------------------------------------------------------------------------------------


class Common(NamedTuple):
    """The layers of a graph that mean the same in every format, and where the others belong.

    Parameters
    ----------
    nodes : list of Node
        Weighted layers, windows, joins, and what changes the grid.
    holders : mapping
        For every other layer that depends on one node alone the place of that node.
    others : tuple of str
        The names of all other layers.
    """

    nodes: list[Node]
    holders: Mapping[str, int]
    others: tuple[str, ...]


_JOINS: Final = frozenset(of_family("join"))
_MOST_JOINED: Final = 128
"""Inputs of a concatenation that is taken apart, so that a long chain of them stays cheap."""

_WORDS: Final = {
    "matmul": "product", "dot": "product", "einsum": "product",
    "upsampling": "upsample", "recurrent": "recurrent", "attention": "attention",
}  # fmt: skip
"""Kinds and families that formats configure in their own ways."""

_POOLS: Final = {kind: kind.removesuffix("_pool") for kind in of_family("pooling")}
_MEANS: Final = {"mean": "average", "average": "average", "max": "max"}
_BY_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "input": (),
    "linear": ("units",),
    "einsum_dense": ("units",),
    "embedding": ("units",),
    "separable_conv": ("kernel", "stride", "dilation", "filters"),
    "transposed_conv": ("kernel", "stride", "dilation", "filters"),
    "patches": ("kernel", "stride", "dilation"),
    "space_to_depth": ("block",),
    "depth_to_space": ("block",),
    "conv_lstm": ("kernel", "stride", "filters"),
    "primary_capsules": ("kernel", "stride", "capsules"),
    "capsules": ("count",),
    "frames": ("kernel", "stride", "bins"),
    "stft": ("kernel", "stride", "bins"),
}
"""The settings that a layer has in every format."""


def common(graph: LayerGraph, resolved: Mapping[str, LayerInfo]) -> Common:
    """Return what can be compared across formats, each node joined to the nodes nearest before it."""
    nodes: list[Node] = []
    sources: dict[str, tuple[int, ...]] = {}
    others = []
    for layer in graph:
        slots = [sources[name] for name, _ in layer.inputs]
        if layer.kind == "concat":
            slots = _flat(slots, nodes)
        before = tuple(dict.fromkeys(place for slot in slots for place in slot))
        settings = _common_settings(layer, graph, resolved, before)
        if settings is None:
            sources[layer.name] = before
            others.append(layer.name)
            continue
        kind = settings.pop("kind")
        inputs = tuple(tuple((place, 0) for place in slot) for slot in slots if slot)
        own = (kind, tuple(settings.items()))
        sources[layer.name] = (len(nodes),)
        nodes.append(Node(layer.name, kind, own, _near(kind, settings), settings, inputs))
    holders = {name: sources[name][0] for name in others if len(sources[name]) == 1}
    return Common(nodes, holders, tuple(others))


def _flat(slots: Sequence[tuple[int, ...]], nodes: Sequence[Node]) -> list[tuple[int, ...]]:
    """Put in place of a concatenation what it joins: one after the other comes to the same as all at once."""
    found: list[tuple[int, ...]] = []
    for slot in slots:
        node = nodes[slot[0]] if len(slot) == 1 else None
        nested = node is not None and node.kind == "concat" and len(node.inputs) < _MOST_JOINED
        if node is not None and nested:
            found += [tuple(place for place, _ in each) for each in node.inputs]
        else:
            found.append(slot)
    return found


def _common_settings(
    layer: Layer, graph: LayerGraph, resolved: Mapping[str, LayerInfo], before: Sequence[int]
) -> dict[str, Any] | None:
    """Return kind and settings in the words of all formats; None of a layer that has no such words."""
    kind, spec = layer.kind, _given(layer, resolved)
    if find(kind) is None:
        return {"kind": "unknown", "op": layer.op}
    settings = settings_of(layer, graph, resolved)
    if kind in ("conv", "depthwise_conv"):
        return _convolution(layer, settings, spec)
    if kind in ("global_pool", "reduce", "adaptive_pool", *_POOLS):
        return _pooling(kind, layer, settings, spec)
    if kind in _JOINS:
        return {"kind": kind, "inputs": len(before)} if len(before) > 1 else None
    word = _WORDS.get(kind) or _WORDS.get(_family(kind))
    if kind not in _BY_NAMES:
        return None if word is None else {"kind": word}
    return {"kind": kind, **{name: settings.get(name) for name in _BY_NAMES[kind]}}


def _channels(spec: TensorSpec | None, place: Any) -> Any:
    if spec is None:
        return None
    if place is None:
        return next((n for n, role in zip(spec.shape, spec.axes, strict=True) if role == "c"), None)
    return spec.shape[place] if -len(spec.shape) <= place < len(spec.shape) else None


def _convolution(layer: Layer, settings: Mapping[str, Any], spec: TensorSpec | None) -> dict[str, Any]:
    """Spell a convolution: one that keeps channels apart has a multiplier, as its filters follow."""
    channels = _channels(spec, layer.attrs.get("channel"))
    filters, groups = settings.get("filters"), settings.get("groups") or 1
    if layer.kind == "depthwise_conv":
        filters, groups = settings.get("multiplier") or 1, "each"
    elif groups != 1 and groups == channels and type(filters) is int:
        filters, groups = filters // groups, "each"
    if groups == "each" and channels == 1:
        groups = 1
    return {"kind": "conv", **_window(layer, settings, spec), "groups": groups, "filters": filters}


def _window(layer: Layer, settings: Mapping[str, Any], spec: TensorSpec | None) -> dict[str, Any]:
    """Spell a window; along an axis of one element, which signals have in some formats, it has no extent."""
    window = {name: settings.get(name) for name in ("kernel", "stride", "dilation")}
    kernel, places = window["kernel"], layer.attrs.get("spatial")
    extents = () if spec is None else spec.spatial if places is None else [spec.shape[k] for k in places]
    if not isinstance(kernel, tuple) or len(extents) != len(kernel):
        return window
    wide = [k for k, extent in enumerate(extents) if not (is_one(extent) and is_one(kernel[k]))]
    if not wide:
        return window
    return {
        name: tuple([each[k] for k in wide]) if isinstance(each, tuple) else each
        for name, each in window.items()
    }


def _pooling(
    kind: str, layer: Layer, settings: Mapping[str, Any], spec: TensorSpec | None
) -> dict[str, Any] | None:
    """Spell a pooling; one over the whole map is global, one by equal windows slides them, however written.

    What runs over other axes than those of positions is part of a normalisation that is written out.
    """
    equal = _equal_windows(settings.get("size"), spec) if kind == "adaptive_pool" else None
    if equal is not None and set(equal) != {1} and f"{settings.get('mode')}_pool" in _POOLS:
        kind = f"{settings.get('mode')}_pool"
        settings = {"kernel": equal, "stride": equal, "dilation": (1,) * len(equal)}
    if kind in _POOLS:
        kernel = settings.get("kernel")
        if spec is not None and spec.spatial and kernel == spec.spatial and set(kernel) != {1}:
            return {"kind": "global_pool", "mode": _POOLS[kind]}
        return {"kind": kind, **_window(layer, settings, spec)}
    mode = _MEANS.get(str(settings.get("mode") or "average"), settings.get("mode"))
    if kind == "adaptive_pool":
        size = settings.get("size")
        one = isinstance(size, tuple) and set(size) == {1}
        same = spec is not None and size == spec.spatial
        return None if same else {"kind": "global_pool" if one else kind, "mode": mode} | (
            {} if one else {"size": size}
        )  # fmt: skip
    places = settings.get("axes") if kind == "reduce" else layer.attrs.get("spatial")
    return {"kind": "global_pool", "mode": mode} if _is_map(places, spec, kind != "reduce") else None


def _equal_windows(size: Any, spec: TensorSpec | None) -> tuple[int, ...] | None:
    """Return the windows of a pooling to a size, where its extents divide those of the map."""
    if spec is None or not isinstance(size, tuple) or len(size) != len(spec.spatial):
        return None
    pairs = list(zip(spec.spatial, size, strict=True))
    if not all(type(n) is int and type(m) is int and m > 0 and n % m == 0 for n, m in pairs):
        return None
    return tuple(int(n) // int(m) for n, m in pairs)


def _is_map(places: Any, spec: TensorSpec | None, default: bool) -> bool:
    """Tell whether axes are those of all positions, as far as that is known."""
    if spec is None or not isinstance(places, (tuple, list)):
        return default
    roles = [spec.axes[place] for place in places if -len(spec.axes) <= place < len(spec.axes)]
    return set(roles) == {SPATIAL} and len(places) == len(spec.spatial)

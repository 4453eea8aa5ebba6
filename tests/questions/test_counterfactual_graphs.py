"""Counterfactuals of random graphs: against rewritten documents, and row by row where fields stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rfcalc
from rfcalc.counterfactuals.variants import COUNTERFACTUALS, DoesNotApply
from tests import strategies

Document = dict[str, Any]

POOLS = ("max_pool", "average_pool")
STRIDED = ("conv", "depthwise_conv", "max_pool", "average_pool", "transposed_conv")
WINDOWS = ("conv", "conv", "max_pool", "average_pool", "pad", "crop", "relu")
GLOBAL = ("flip", "roll", "tile", "softmax", "layer_norm", "cumulative", "border", "lstm", "gate")
FIGURES = ("receptive_field", "receptive_field_min", "local_receptive_field", "effective_padding", "center")


def same_size(draw: st.DrawFn, rank: int, stride: int) -> dict[str, Any]:
    """Give a window that leaves ceil(n / stride) of n elements, wherever it begins."""
    kernel = draw(st.integers(stride, 4))
    if draw(st.booleans()):
        return {"kernel": kernel, "stride": stride, "padding": draw(st.sampled_from(["same", "same_lower"]))}
    before = draw(st.integers(0, kernel - 1))
    return {"kernel": kernel, "stride": stride, "padding": [[before, kernel - 1 - before]] * rank}


@st.composite
def residual(draw: st.DrawFn, rank: int = 1) -> Document:
    """Units of two branches each, which are thinned out alike and meet again, with other layers between."""
    extents = [draw(st.integers(12, 24)) for _ in range(rank)]
    layers: list[dict[str, Any]] = []
    last = "input"

    def add(kind: str, *inputs: str, **settings: Any) -> str:
        layers.append({"kind": kind, "name": f"l{len(layers)}", "inputs": list(inputs), **settings})
        return f"l{len(layers) - 1}"

    for _ in range(draw(st.integers(1, 3))):
        stride = draw(st.sampled_from([1, 2, 2, 3]))
        ends = []
        for _ in range(2):
            kind = draw(st.sampled_from(["conv", "max_pool", "depthwise_conv"]))
            more = {"filters": 4} if kind == "conv" else {}
            end = add(kind, last, **same_size(draw, rank, stride), **more)
            if draw(st.booleans()):
                end = add(draw(st.sampled_from(["batch_norm", "relu"])), end)
            ends.append(end)
        last = add(draw(st.sampled_from(["add", "concat", "multiply"])), *ends)
        if draw(st.booleans()):
            last = add("conv", last, kernel=draw(st.integers(1, 3)), filters=4, padding="same")
        else:
            last = add("conv", last, kernel=1, filters=4)
    return {"rfcalc": 1, "input": [*extents, 4], "layers": layers}


def loaded(document: Document) -> Any:
    graph = rfcalc.load(document)
    try:
        rfcalc.analyze(graph)
    except rfcalc.AnalysisError:  # a window is larger than its map
        assume(False)
    return graph


def variant(graph: Any, name: str) -> Any:
    """Return a counterfactual; None where it is refused, in a line that names a layer."""
    error: DoesNotApply | None = None
    try:
        return rfcalc.variant(graph, name)
    except DoesNotApply as refused:
        error = refused
    assert error.layer.removesuffix("_pool") in graph.layers
    assert "\n" not in str(error)
    return None


def figures(model: Any) -> dict[str, Any]:
    return {row.name: row._replace(inputs=(), op="", block="") for row in rfcalc.analyze(model)}


def check_fields(graph: Any, changed: Any) -> None:
    """Fields are the same, and element i of a map sees the very pixels that element i * spacing sees now.

    What takes all of a map takes all of the larger one, so that it may see pixels that a stride left out.
    """
    before, after = figures(graph), figures(changed)
    assert list(before) == list(after)
    for layer, row in before.items():
        other = after[layer]
        assert other.status == row.status
        assert [getattr(other, name) for name in FIGURES] == [getattr(row, name) for name in FIGURES], layer
        if not row.spatial or None in row.effective_stride or None in other.effective_stride:
            continue
        old, new = rfcalc.field(graph, layer), rfcalc.field(changed, layer)
        for axis, (one, two) in enumerate(zip(old.axes, new.axes, strict=True)):
            spacing = row.effective_stride[axis] / other.effective_stride[axis]
            assert spacing == int(spacing)
            least = int(spacing) * (len(one.masks) - 1) + 1
            assert least <= len(two.masks) <= int(spacing) * len(one.masks)
            rows = two.masks[:: int(spacing)]
            if row.receptive_field[axis] is None:
                rows = tuple(seen & mask for seen, mask in zip(rows, one.masks, strict=True))
            assert rows == one.masks, layer


MODELS = st.one_of(
    strategies.models(kinds=WINDOWS, smallest=12, layers=8),
    strategies.models(rank=2, kinds=WINDOWS, smallest=8, largest=16, layers=5),
    strategies.models(kinds=(*strategies.LOCAL, *GLOBAL), smallest=12, layers=6),
    residual(),
    residual(rank=2),
)


@pytest.mark.parametrize("name", ["dilated", "atrous"])
@given(document=MODELS)
def test_fields_stay_row_by_row(name: str, document: Document) -> None:
    graph = loaded(document)
    changed = variant(graph, name)
    if changed is not None:
        check_fields(graph, changed)


def atrous_extents(document: Document) -> dict[str, int]:
    """Return how many elements the maps of an atrous form have: all, and one where the whole map is pooled.

    It is pooled where two such poolings meet; beside a convolution a pooling is dilated as that is.
    """
    before = {"input": document["input"][0]}
    now, pooled = dict(before), dict.fromkeys(before, False)
    for layer in document["layers"]:
        name, taken = layer["name"], layer["inputs"]
        extents = [before[each] for each in taken]
        before[name] = -(-extents[0] // layer.get("stride", 1))
        pooled[name] = (
            layer["kind"] == "max_pool" and before[name] == 1 < extents[0] <= layer["kernel"]
        ) or all(pooled[each] for each in taken)
        now[name] = 1 if pooled[name] else now[taken[0]]
    takers = {name: layer["name"] for layer in reversed(document["layers"]) for name in layer["inputs"]}
    for layer in reversed(document["layers"]):
        taker = takers.get(layer["name"])
        if taker is not None and not pooled[taker] and pooled[layer["name"]]:
            now[layer["name"]], pooled[layer["name"]] = now[taker], False
    return now


@given(document=residual())
def test_stacks_of_branches_have_an_atrous_form(document: Document) -> None:
    """Where every window keeps the size of its map, branches go on to meet; all weights stay."""
    graph = loaded(document)
    rows = rfcalc.analyze(rfcalc.variant(graph, "atrous"))
    extents = atrous_extents(document)
    assert {row.name: row.spatial[0] for row in rows} == extents
    assert {row.effective_stride for row in rows if extents[row.name] > 1} == {(1,)}
    assert rows.totals.params == rfcalc.analyze(graph).totals.params


# ---- by the values that come out ---------------------------------------------------------------------------

Windows = tuple[tuple[str, int, int, tuple[int, int]], ...]

# the windows before the two branches and those of each: (kind, kernel, stride, padding)
WHOLE_MAP_POOLS: dict[str, tuple[int, Windows, Windows, Windows]] = {
    "found by random search": (
        12,
        (("conv", 2, 4, (0, 1)),),
        (("conv", 3, 3, (0, 2)),),
        (("max_pool", 3, 3, (0, 2)),),
    ),
    "no padding": (12, (("conv", 3, 3, (0, 0)),), (("conv", 4, 4, (0, 0)),), (("max_pool", 4, 4, (0, 0)),)),
    "padding before": (
        9,
        (("max_pool", 3, 3, (0, 0)),),
        (("conv", 3, 2, (1, 0)),),
        (("max_pool", 3, 3, (0, 0)),),
    ),
    "average": (8, (("conv", 2, 2, (0, 0)),), (("conv", 4, 1, (0, 0)),), (("average_pool", 4, 4, (0, 0)),)),
    "two steps before": (
        16,
        (("conv", 2, 2, (0, 0)), ("max_pool", 2, 2, (0, 0))),
        (("conv", 4, 3, (0, 0)),),
        (("max_pool", 4, 4, (0, 0)),),
    ),
    "a kernel of one behind the pooling": (
        10,
        (("conv", 2, 2, (0, 0)),),
        (("conv", 5, 5, (0, 0)),),
        (("max_pool", 5, 5, (0, 0)), ("conv", 1, 1, (0, 0))),
    ),
    "branches of two": (
        18,
        (("conv", 3, 3, (0, 0)),),
        (("conv", 2, 2, (0, 0)), ("conv", 3, 3, (0, 0))),
        (("conv", 1, 1, (0, 0)), ("max_pool", 6, 6, (0, 0))),
    ),
}


def joined_branches(extent: int, before: Windows, *branches: Windows) -> Document:
    """Return a chain that splits into branches which are added."""
    layers: list[dict[str, Any]] = []

    def chain(last: str, windows: Windows) -> str:
        for kind, kernel, stride, padding in windows:
            name = f"l{len(layers)}"
            more = {"filters": 1, "bias": False} if kind == "conv" else {}
            layers.append(
                {"kind": kind, "name": name, "inputs": [last], "kernel": kernel, "stride": stride, **more}
                | {"padding": [list(padding)]}
            )
            last = name
        return last

    split = chain("input", before)
    layers.append({"kind": "add", "name": "sum", "inputs": [chain(split, each) for each in branches]})
    return {"rfcalc": 1, "input": [extent, 1], "layers": layers}


def run(graph: Any, values: np.ndarray) -> dict[str, np.ndarray]:
    """Compute every layer of a graph of windows over one axis and sums; weights follow from names."""
    outputs: dict[str, np.ndarray] = {}
    for layer in graph:
        taken = [outputs[producer] for producer, _ in layer.inputs]
        attrs = layer.attrs
        if layer.kind == "input":
            outputs[layer.name] = values
        elif layer.kind == "add":
            outputs[layer.name] = sum(taken)
        else:
            (kernel,), (stride,) = np.ravel(attrs["kernel"]), np.ravel(attrs["stride"])
            dilation = int(np.ravel(attrs.get("dilation", 1))[0])
            lo, hi = (int(each) for each in np.ravel(attrs["padding"]))
            border = -np.inf if layer.kind == "max_pool" else 0.0
            padded = np.concatenate([np.full(lo, border), taken[0], np.full(hi, border)])
            weights = np.random.default_rng(list(layer.name.encode())).normal(size=kernel)
            fold = {"conv": lambda v, w=weights: v @ w, "max_pool": np.max, "average_pool": np.mean}[
                layer.kind
            ]
            starts = range(0, len(padded) - dilation * (kernel - 1), stride)
            outputs[layer.name] = np.array([fold(padded[a::dilation][:kernel]) for a in starts])
    return outputs


@pytest.mark.parametrize("name", WHOLE_MAP_POOLS)
def test_pooling_of_the_whole_map_beside_a_convolution(name: str) -> None:
    """The atrous form computes, at its first element of every step, the very values of the original."""
    extent, *windows = WHOLE_MAP_POOLS[name]
    graph = rfcalc.load(joined_branches(extent, *windows))
    form = rfcalc.variant(graph, "atrous")
    values = np.random.default_rng(0).normal(size=extent)
    original, large = run(graph, values), run(form, values)
    strides = {row.name: row.effective_stride[0] for row in rfcalc.analyze(graph)}
    for layer, expected in original.items():
        stride = strides[layer]
        assert stride is not None or len(expected) == 1  # grids that differ meet in one element alone
        found = large[layer][:: int(stride or 1)][: len(expected)]
        np.testing.assert_allclose(found, expected, err_msg=layer)
    assert len(large["l0"]) > len(original["l0"])


# ---- against documents that were rewritten -----------------------------------------------------------------


def without(document: Document, names: set[str]) -> Document:
    """Take layers out of a document; who took their results takes what they took."""
    passed: dict[str, str] = {}
    layers = []
    for layer in document["layers"]:
        inputs = [passed.get(name, name) for name in layer["inputs"]]
        if layer["name"] in names:
            passed[layer["name"]] = inputs[0]
        else:
            layers.append({**layer, "inputs": inputs})
    return {**document, "layers": layers}


def expected_plain(document: Document) -> Document:
    layers = document["layers"]
    pools = {layer["name"] for layer in layers if layer["kind"] in POOLS}
    takers = {
        each["name"]: {other["name"] for other in layers if each["name"] in other["inputs"]}
        for each in layers
    }
    pads = {each["name"] for each in layers if each["kind"] == "pad" and takers[each["name"]]}
    return without(document, pools | {pad for pad in pads if takers[pad] <= pools})


def expected_unstrided(document: Document) -> Document:
    layers = []
    for layer in document["layers"]:
        settings = {**layer}
        if layer["kind"] in STRIDED:
            settings["stride"] = 1
        if layer["kind"] == "upsample":
            settings["scale"] = 1
        layers.append(settings)
    return {**document, "layers": layers}


REWRITTEN = {"plain": expected_plain, "unstrided": expected_unstrided}


@pytest.mark.parametrize("name", REWRITTEN)
@given(
    document=st.one_of(
        strategies.models(kinds=(*WINDOWS, "upsample", "transposed_conv"), smallest=12, layers=8),
        strategies.models(rank=2, kinds=WINDOWS, smallest=8, largest=16, layers=5),
        residual(),
    )
)
def test_as_the_document_rewritten(name: str, document: Document) -> None:
    graph = loaded(document)
    rows = rfcalc.analyze(graph)
    poolings = [row for row in rows if row.kind in POOLS]
    assume(not any(set(row.spatial) == {1} for row in poolings))  # which stay, as summaries
    other = REWRITTEN[name](document)
    assume(other["layers"])
    changed = variant(graph, name)
    try:
        expected = figures(other)
    except rfcalc.AnalysisError:
        assert changed is None
        return
    assert changed is not None
    assert figures(changed) == expected


@given(document=strategies.models(kinds=("conv", "relu", "pad"), smallest=16, layers=4))
def test_pool_is_the_document_with_poolings(document: Document) -> None:
    layers: list[dict[str, Any]] = []
    moved: dict[str, str] = {}
    takers = [name for layer in document["layers"] for name in layer["inputs"]]
    by_taken = {name: layer for layer in document["layers"] for name in layer["inputs"]}
    convolutions: dict[str, str] = {}
    for layer in document["layers"]:
        if layer["kind"] == "conv":
            end = layer
            while takers.count(end["name"]) == 1 and by_taken[end["name"]]["kind"] == "relu":
                end = by_taken[end["name"]]
            convolutions[end["name"]] = layer["name"]
    for layer in document["layers"]:
        layers.append({**layer, "inputs": [moved.get(name, name) for name in layer["inputs"]]})
        name = layer["name"]
        if name in convolutions:
            moved[name] = f"{convolutions[name]}_pool"
            layers.append({"kind": "max_pool", "kernel": 2, "name": moved[name], "inputs": [name]})
    graph = loaded(document)
    changed = variant(graph, "pool")
    try:
        expected = figures({**document, "layers": layers})
    except rfcalc.AnalysisError:
        assert changed is None
        return
    assert changed is not None
    assert figures(changed) == expected


@given(document=MODELS)
def test_swaps_change_nothing_but_their_kind(document: Document) -> None:
    graph = loaded(document)
    before = figures(graph)
    for name in ("average", "median", "max"):
        after = figures(rfcalc.variant(graph, name))
        assert {k: row._replace(kind="") for k, row in after.items()} == {
            k: row._replace(kind="") for k, row in before.items()
        }


@given(document=MODELS)
def test_strided_keeps_shapes_and_fields(document: Document) -> None:
    graph = loaded(document)
    before, after = figures(graph), figures(rfcalc.variant(graph, "strided"))
    for name, row in before.items():
        other = after[name]
        added = 0
        if row.kind in POOLS and other.kind == "conv":
            window = next(layer["kernel"] for layer in document["layers"] if layer["name"] == name)
            rank, channels = len(row.spatial), row.output_shape[-1]
            taps = 1
            for size in window if isinstance(window, list) else [window] * rank:
                taps *= size
            added = taps * channels**2 + channels
        assert other.params.total == row.params.total + added
        ignored = {"kind": "", "params": row.params, "macs": row.macs}
        assert other._replace(**ignored) == row._replace(**ignored)


# ---- what has to hold of every graph that comes out --------------------------------------------------------


@given(
    document=st.one_of(MODELS, strategies.models(kinds=(*strategies.PLAIN, *strategies.RESIZED), layers=6))
)
def test_every_counterfactual_is_a_graph(document: Document) -> None:
    """Nothing but a refusal, and what comes out says the same of itself when its rules are run anew."""
    graph = loaded(document)
    before = figures(graph)
    for name in COUNTERFACTUALS:
        changed = variant(graph, name)
        if changed is None:
            continue
        assert {producer for producer, _ in changed.outputs} <= changed.layers.keys()
        assert len(changed.outputs) == len(graph.outputs)
        anew = changed.with_layers(changed)
        assert not anew.results
        assert figures(anew) == figures(changed)
        totals = rfcalc.analyze(changed).totals
        assert totals.params.total == sum(row.params.total for row in rfcalc.analyze(changed))
    assert figures(graph) == before

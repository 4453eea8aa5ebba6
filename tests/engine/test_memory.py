"""Peak activation memory, against a brute force over all orders of small graphs, tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from typing import Any, NamedTuple

import pytest

import rfcalc
from rfcalc.engine.memory import footprint_of, peaks_of
from rfcalc.engine.run import Run
from rfcalc.graph.layer import Weight

IN_PLACE = ("activation", "add", "batch_norm")
VIEWS = ("flatten", "dropout")


class Task(NamedTuple):
    """One layer as the brute force sees it: what it reads, and the bytes that it puts out."""

    kind: str
    reads: tuple[str, ...]
    size: int


def random_model(random: Random) -> tuple[dict[str, Any], dict[str, Task]]:
    """Make a small branching model on a map of 4x4, and the bytes of each layer's output by hand."""
    channels, tasks = {"input": 2}, {"input": Task("input", (), 4 * 4 * 2 * 4)}
    layers: list[dict[str, Any]] = []
    for number in range(random.randint(2, 6)):
        name = f"l{number}"
        kind = random.choice(["conv", "conv", "activation", "batch_norm", "dropout", "add", "concat"])
        sources = [random.choice(list(channels))]
        width = channels[sources[0]]
        if kind in ("add", "concat"):
            alike = [each for each in channels if each not in sources and channels[each] == width]
            kind = kind if alike else "conv"
            sources += random.sample(alike, min(len(alike), 1))
        layer: dict[str, Any] = {"name": name, "kind": kind, "inputs": sources}
        if kind == "conv":
            width = random.choice([1, 2, 4, 8])
            layer |= {"filters": width, "kernel": 3, "padding": "same", "inputs": sources[:1]}
        elif kind == "activation":
            layer["function"] = "relu"
        elif kind == "concat":
            width = 2 * width
        channels[name] = width
        tasks[name] = Task(kind, tuple(layer["inputs"]), 4 * 4 * width * 4)
        layers.append(layer)
    if random.random() < 0.3:
        last = layers[-1]["name"]
        layers.append({"name": "flat", "kind": "flatten", "inputs": [last]})
        tasks["flat"] = Task("flatten", (last,), tasks[last].size)
    read = {source for task in tasks.values() for source in task.reads}
    outputs = [layer["name"] for layer in layers if layer["name"] not in read]
    return {"rfcalc": 1, "input": [4, 4, 2], "layers": layers, "outputs": outputs}, tasks


def held(tasks: Mapping[str, Task], order: Sequence[str], outputs: Sequence[str], *, in_place: bool) -> int:
    """Run the layers in an order, and return the most bytes that are held at a time.

    Each tensor lies in a block of memory, which is held while one in it is an output, or is read by a layer
    that has not run.
    """
    block: dict[str, str] = {}
    sizes: dict[str, int] = {}
    most = 0

    def wanted(owner: str, after: int) -> bool:
        inside = {tensor for tensor, home in block.items() if home == owner}
        return bool(inside & set(outputs)) or any(inside & set(tasks[name].reads) for name in order[after:])

    for step, name in enumerate(order):
        task = tasks[name]
        homes = [block[source] for source in task.reads]
        if task.kind in VIEWS:
            block[name] = homes[0]
        else:
            free = [home for home in homes if sizes[home] == task.size and not wanted(home, step + 1)]
            block[name] = free[0] if in_place and task.kind in IN_PLACE and free else name
            sizes[block[name]] = task.size
        most = max(most, sum(sizes.values()))
        sizes = {owner: size for owner, size in sizes.items() if wanted(owner, step + 1)}
    return most


def orders(tasks: Mapping[str, Task]) -> Iterator[list[str]]:
    """Yield all orders in which every layer comes behind what it reads."""

    def grow(done: list[str]) -> Iterator[list[str]]:
        if len(done) == len(tasks):
            yield list(done)
        for name, task in tasks.items():
            if name not in done and set(task.reads) <= set(done):
                yield from grow([*done, name])

    yield from grow([])


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("seed", range(250))
def test_against_all_orders(seed: int, *, in_place: bool) -> None:
    """The file's order is exact; the better one is less, and no less than the least of all orders."""
    document, tasks = random_model(Random(seed))
    graph = rfcalc.load(document)
    own = [layer.name for layer in graph]
    outputs = [layer for layer, _ in graph.outputs]
    peak, reordered = peaks_of(graph, Run(graph).resolved, in_place=in_place)
    assert peak is not None
    assert peak.bytes == held(tasks, own, outputs, in_place=in_place)
    if reordered is not None:
        least = min(held(tasks, order, outputs, in_place=in_place) for order in islice(orders(tasks), 5_000))
        assert peak.bytes > reordered.bytes >= least


def test_another_order_needs_less() -> None:
    """Two wide branches, each summed up to one channel: one after the other, not side by side."""
    conv = {"kind": "conv", "kernel": 1}
    layers = [
        {**conv, "name": "wide1", "filters": 64, "inputs": ["input"]},
        {**conv, "name": "wide2", "filters": 64, "inputs": ["input"]},
        {**conv, "name": "thin1", "filters": 1, "inputs": ["wide1"]},
        {**conv, "name": "thin2", "filters": 1, "inputs": ["wide2"]},
        {"kind": "add", "name": "sum", "inputs": ["thin1", "thin2"]},
    ]
    found = rfcalc.analyze({"rfcalc": 1, "input": [8, 8, 1], "layers": layers}).footprint
    channel = 8 * 8 * 4
    assert found.peak == (129 * channel, "wide2")  # the input and both
    assert found.reordered == (66 * channel, "thin1")  # the input, one wide map, and what it is summed up to


def test_bytes_of_parameters_by_type() -> None:
    """Each weight is packed for itself: eleven elements of four bits take six bytes."""
    layers = [{"kind": "linear", "name": name, "units": 1} for name in ("float16", "float32", "int4", "more")]
    graph = rfcalc.load({"rfcalc": 1, "input": [4], "layers": layers})
    resolved = dict(Run(graph).resolved)
    for name, dtype in (("float16", "float16"), ("float32", "float32"), ("int4", "int4"), ("more", "int4")):
        resolved[name] = resolved[name]._replace(weights=(Weight(name, (11,), dtype=dtype),))
    assert footprint_of(graph, resolved).param_bytes == {"float16": 22, "float32": 44, "int4": 12}


def test_inputs_are_held_from_the_beginning_in_any_order() -> None:
    """An input that is read at the end alone is held while everything else runs."""
    conv = {"kind": "conv", "kernel": 1, "filters": 64}
    layers = [
        {**conv, "name": "c1", "inputs": ["a"]},
        {**conv, "name": "c2", "inputs": ["c1"]},
        {"kind": "add", "name": "sum", "inputs": ["c2", "b"]},
    ]
    shape = {"shape": [None, 8, 8, 64]}
    model = {"rfcalc": 1, "inputs": {"a": shape, "b": shape}, "layers": layers}
    found = rfcalc.analyze(model).footprint
    assert found.peak == (3 * 8 * 8 * 64 * 4, "c1")
    assert found.reordered is None


def test_what_is_open_is_not_known() -> None:
    pool = {"kind": "max_pool", "kernel": 2}
    found = rfcalc.analyze({"rfcalc": 1, "input": [None, None, 3], "layers": [pool]}).footprint
    assert (found.peak, found.moved, found.activations) == (None, None, None)
    assert found.param_bytes == {}


def test_a_gate_does_not_keep_a_map_from_being_written_over() -> None:
    """The map is multiplied in its own place by what is stretched to it."""
    layers = [
        {"kind": "conv", "name": "c", "filters": 64, "kernel": 1, "inputs": ["input"]},
        {"kind": "global_pool", "name": "g", "keepdims": True, "inputs": ["c"]},
        {"kind": "multiply", "name": "m", "inputs": ["c", "g"]},
    ]
    found = rfcalc.analyze({"rfcalc": 1, "input": [32, 32, 4], "layers": layers}).footprint
    assert found.peak == (4 * 32 * 32 * (4 + 64), "c")


def test_a_layer_that_is_called_twice_is_called_by_its_own_name() -> None:
    shared = {
        "class_name": "Conv2D",
        "config": {"name": "w", "filters": 4, "kernel_size": [3, 3], "padding": "same"},
    }
    calls = [[["x", 0, 0, {}]], [["w", 0, 0, {}]]]
    entry = {"class_name": "InputLayer", "name": "x", "inbound_nodes": []}
    entry["config"] = {"batch_shape": [None, 8, 8, 4], "name": "x", "dtype": "float32"}
    layers = [entry, {**shared, "name": "w", "inbound_nodes": calls}]
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["w", 1, 0]]}
    model = {"class_name": "Functional", "config": {"name": "twice", "layers": layers, **ends}}
    found = rfcalc.analyze(model)
    assert found.footprint.peak == (2 * 8 * 8 * 4 * 4, "w")
    assert found.layer("w").calls


@pytest.mark.onnx
def test_a_cast_makes_a_tensor_of_its_own_and_types_go_on_behind_it() -> None:
    """float32 to float16, a convolution, ReLU in place, and back: three types of sizes."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["x"], ["h"], "to16", to=TensorProto.FLOAT16),
        helper.make_node("Conv", ["h", "w"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("Greater", ["r", "zero"], ["mask"], "mask"),
        helper.make_node("Where", ["mask", "r", "zero"], ["y"], "where"),
    ]
    tensors = [
        helper.make_tensor("w", TensorProto.FLOAT16, [8, 3, 3, 3], [0] * 216),
        helper.make_tensor("zero", TensorProto.FLOAT16, [], [0]),
    ]
    ends = (
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, [1, 8, 8, 8])],
    )
    model = helper.make_model(helper.make_graph(nodes, "g", *ends, tensors))
    assert onnx is not None
    graph = rfcalc.load(model)
    results = [known.result for known in Run(graph).resolved.values()]
    types = [result.outputs[0].dtype for result in results if result is not None]
    assert types == ["float32", "float16", "float16", "float16", "bool", "float16"]
    found = rfcalc.analyze(graph).footprint
    half, maps = 2 * 8 * 8, 8
    assert found.param_bytes == {"float16": 432}
    assert found.activation_bytes == half * 3 + 3 * half * maps + 8 * 8 * maps
    # where: the map and its mask are read, and the map is written over
    assert found.peak == (half * maps + 8 * 8 * maps, "mask")


@pytest.mark.parametrize("policy", ["float16", "mixed_float16", {"config": {"name": "int8_from_float32"}}])
def test_bytes_of_other_policies_of_keras_are_not_guessed(policy: object) -> None:
    def model(dtype: object) -> dict[str, object]:
        shape = {"batch_shape": [None, 8], "name": "x", "dtype": "float32"}
        dense = {"name": "d", "units": 4, "dtype": dtype}
        layers = [
            {"class_name": "InputLayer", "config": shape},
            {"class_name": "Dense", "config": dense},
        ]
        return {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}

    plain = rfcalc.analyze(model("float32")).footprint
    assert plain.param_bytes == {"float32": 144}
    found = rfcalc.analyze(model(policy)).footprint
    assert (found.param_bytes, found.activation_bytes, found.peak, found.moved) == (None, None, None, None)
    assert found.activations == plain.activations == 4


def test_variants_of_a_model_of_other_types_say_nothing_in_bytes_either() -> None:
    shape = {"batch_shape": [None, 16, 16, 3], "name": "x", "dtype": "float32"}
    names = {"filters": 4, "kernel_size": 3, "dtype": "mixed_float16"}
    layers = [
        {"class_name": "InputLayer", "config": shape},
        {"class_name": "Conv2D", "config": {"name": "a", **names}},
        {"class_name": "MaxPooling2D", "config": {"name": "pool", "pool_size": 2}},
        {"class_name": "Conv2D", "config": {"name": "b", **names}},
    ]
    model = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    found = rfcalc.compare(model)
    assert len(found.entries) > 2
    for entry in found.entries:
        assert entry.result is not None
        footprint = entry.result.footprint
        assert (footprint.param_bytes, footprint.activation_bytes, footprint.peak) == (None, None, None)
        assert footprint.activations is not None
    resolved = Run(rfcalc.load(model)).at(32, 32).resolved
    tensors = [(*known.result.outputs, *known.weights) for known in resolved.values()]  # type: ignore[union-attr,misc]
    types = [{each.dtype for each in of} for of in tensors]
    assert types == [{""}] * 4

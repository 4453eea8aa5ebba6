"""The architectures of `test_formats_agree` as modules of Flax: the same figures, layer by layer."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

import rfcalc
from tests.readers.test_formats_agree import ARCHITECTURES, Architecture, Layer, native

jax = pytest.importorskip("jax")
nn = pytest.importorskip("flax.linen")

pytestmark = [pytest.mark.jax, pytest.mark.onnx]

ONE = ("conv", "depthwise", "up", "relu", "max_pool", "dense")
"""Kinds of which JAX makes one operation."""


def network(given: Architecture) -> Any:
    """Return a module with a scope of the same name for each layer."""

    class Network(nn.Module):  # type: ignore[misc]  # flax is optional, and its types are not read
        @nn.compact
        def __call__(self, x: Any) -> Any:
            values = {"x": x}
            for layer in given.wired:
                values[layer.name] = applied(layer, [values[name] for name in layer.inputs])
            return values[given.layers[-1].name]

    return Network()


def applied(layer: Layer, inputs: list[Any]) -> Any:
    x, settings, name = inputs[0], layer.settings, layer.name
    rank = x.ndim - 2
    padding = settings.get("padding", {"conv": "same", "depthwise": "same"}.get(layer.kind, "valid")).upper()
    kernel = (settings.get("kernel", 2),) * rank
    strides = (settings.get("stride", 1),) * rank
    if layer.kind in ("conv", "depthwise"):
        filters = settings.get("filters", x.shape[-1])
        return nn.Conv(
            filters,
            kernel,
            strides,
            padding,
            kernel_dilation=settings.get("dilation", 1),
            feature_group_count=filters if layer.kind == "depthwise" else settings.get("groups", 1),
            use_bias=settings.get("bias", False),
            name=name,
        )(x)
    with jax.named_scope(name):
        pools = {"max_pool": nn.max_pool, "avg_pool": nn.avg_pool}
        if layer.kind in pools:
            # of means those of padding do not count
            more = {} if layer.kind == "max_pool" else {"count_include_pad": False}
            return pools[layer.kind](x, kernel, strides, padding, **more)
        table = {
            "up": lambda: nn.ConvTranspose(
                settings["filters"], (2,) * rank, (2,) * rank, use_bias=False, name=name
            )(x),
            "norm": lambda: nn.BatchNorm(use_running_average=True, name=name)(x),
            "relu": lambda: nn.relu(x),
            "add": lambda: x + inputs[1],
            "concat": lambda: jax.numpy.concatenate(inputs, axis=-1),
            "gap": lambda: x.mean(tuple(range(1, rank + 1))),
            "dense": lambda: nn.Dense(settings["units"], use_bias=settings.get("bias", True), name=name)(x),
        }
        return table[layer.kind]()


def read(architecture: Architecture) -> Any:
    shape = (1, *architecture.extents, architecture.channels)
    return rfcalc.from_jax(network(architecture), shape)


def spelled(name: str) -> str:
    """Return the name of a layer's module; Flax pads apart where a convolution is causal."""
    return name.removesuffix("/conv").rpartition("/")[2]


def figures(analysis: rfcalc.Analysis, names: list[str]) -> dict[str, tuple[Any, ...]]:
    rows = {spelled(row.name): row for row in analysis}
    return {
        name: (
            (rows[name].output_shape or ())[1:],
            rows[name].receptive_field,
            rows[name].receptive_field_min,
            rows[name].effective_stride,
            rows[name].effective_padding,
            rows[name].center,
            rows[name].status,
            rows[name].params.trainable,
            rows[name].macs,
        )
        for name in names
    }


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_module_says_what_the_native_format_says(name: str) -> None:
    architecture = ARCHITECTURES[name]
    got, expected = rfcalc.analyze(read(architecture)), rfcalc.analyze(native(architecture))
    names = [layer.name for layer in architecture.layers if layer.kind in ONE]
    assert figures(got, names) == figures(expected, names)
    assert got.totals.params.trainable == expected.totals.params.trainable
    assert got.totals.macs == expected.totals.macs


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_module_depends_on_what_the_native_format_says(name: str) -> None:
    architecture = ARCHITECTURES[name]
    graph, other = read(architecture), rfcalc.load(native(architecture))
    here = {spelled(layer.name): layer.name for layer in graph}
    named = [layer.name for layer in architecture.layers if layer.kind in ("conv", "depthwise", "max_pool")]
    for first, last in list(pairwise(named))[::4]:
        for layer in (first, last):
            mine, theirs = rfcalc.field(graph, here[layer]).axes, rfcalc.field(other, layer).axes
            assert [axis.rows for axis in mine] == [axis.rows for axis in theirs]

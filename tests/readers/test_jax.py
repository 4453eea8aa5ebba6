from __future__ import annotations

import pytest

jax = pytest.importorskip("jax")
for _name in ("flax", "equinox", "haiku"):
    pytest.importorskip(_name)

from functools import cache  # noqa: E402
from typing import Any  # noqa: E402

import jax.numpy as jnp  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers import jax_models as models  # noqa: E402
from tests.readers.jax_changed import changed, rows_of  # noqa: E402
from tests.readers.jax_truth import products, running  # noqa: E402

pytestmark = pytest.mark.jax


@pytest.fixture(autouse=True)
def _double() -> Any:
    """Compute in double precision, as the measurements need."""
    with jax.enable_x64(True):
        yield


@cache
def built(name: str) -> Any:
    """Return a model, which some libraries take long to initialise."""
    return models.CASES[name].build()


def read(name: str) -> Any:
    case = models.CASES[name]
    return rfcalc.from_jax(built(name), case.shape, layout=case.layout)


@pytest.mark.parametrize("name", models.CASES)
def test_everything_is_known(name: str) -> None:
    graph = read(name)
    assert {layer.kind for layer in graph}.isdisjoint(("unknown", "cover"))
    assert {code for code, _, _ in graph.notes} <= {"buffers", "constants"}


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("resnet", {"Conv_0", "BatchNorm_0/multiply", "shortcut6", "relu"}),
        ("stacked", {"Stacked/2/ScanLayer_0/Conv_0/conv"}),
        ("equinox", {"layers/0", "layers/3/add"}),
    ],
)
def test_layers_are_called_as_their_modules(name: str, layers: set[str]) -> None:
    assert layers <= {layer.name for layer in read(name)}


@pytest.mark.parametrize("name", models.CASES)
def test_parameters_are_the_leaves_of_the_tree(name: str) -> None:
    case = models.CASES[name]
    leaves = jax.tree_util.tree_leaves(models.arrays_of(built(name), case.shape))
    assert rfcalc.analyze(read(name)).totals.params.trainable == sum(leaf.size for leaf in leaves)


@pytest.mark.parametrize("name", models.CASES)
def test_macs_are_those_that_xla_counts(name: str) -> None:
    case = models.CASES[name]
    shape = case.shape if case.layout else (1, *case.shape[1:])
    x = jax.ShapeDtypeStruct(shape, jnp.zeros((), float).dtype)
    assert rfcalc.analyze(read(name)).totals.macs == products(running(built(name), shape), x)


@pytest.mark.parametrize("name", models.CASES)
def test_fields_are_what_changes_the_output(name: str) -> None:
    case, graph = models.CASES[name], read(name)
    (output,) = graph.outputs
    spec = graph.results[output[0]].outputs[output[1]]
    found = rfcalc.field(graph, output[0])
    function = running(built(name), case.shape)
    inputs = [place for place, role in enumerate(graph.inputs[0].attrs["axes"]) if role == "s"]
    outputs = [place for place, role in enumerate(spec.axes) if role == "s"]
    compared = 0
    for k, (axis, each) in enumerate(zip(inputs, found.axes, strict=True)):
        place = outputs[k] if len(outputs) == len(inputs) else None
        if len(outputs) == 1 and spec.shape[outputs[0]] == each.extent:  # tokens of a map
            place = outputs[0]
        measured = rows_of(changed(function, case.shape, axis), place)
        assert len(each.rows) == len(measured)
        for row, truth in zip(each.rows, measured, strict=True):
            if each.status == "exact":
                assert row == truth
            else:
                assert truth is None or (row[0] <= truth[0] and truth[1] <= row[1])
            compared += 1
    assert compared

from __future__ import annotations

import pytest

jax = pytest.importorskip("jax")

from typing import Any  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers.jax_programs import Chain  # noqa: E402

pytestmark = pytest.mark.jax


def wrong_in(seed: int) -> list[str]:
    """Return where the fields of a random program are not what its elements truly depend on."""
    chain = Chain(seed)
    graph = rfcalc.from_jax(chain, (2, *chain.shape), layout="NHWC")
    name, _ = graph.outputs[0]
    found = ["unknown"] if any(layer.kind == "unknown" for layer in graph) else []
    axes = rfcalc.field(graph, name).axes
    for axis, each, other in zip((1, 2), axes, axes[::-1], strict=True):
        # which axis of the output is which one of the input may have changed
        fits = [_fits(each, other, reads) for reads in chain.reads(axis)]
        if not any(fits):
            found.append(f"axis {axis}: {each.status} {each.rows}")
    return found


def _fits(each: Any, other: Any, reads: list[set[int]]) -> bool:
    """Tell whether the rows of an axis are what was measured; `other` is the other axis of the input."""
    if not any(reads):
        return True  # all of it is padding along the other axis
    if len(each.rows) == 1 and all(row == reads[0] for row in reads):
        reads = reads[:1]
    if len(each.rows) != len(reads):
        return False
    padding = [row is None for row in other.rows] if len(other.rows) == len(reads) else [False] * len(reads)
    return all(
        _is_row(each, claim, row) if claim else not row
        for claim, row, padded in zip(each.rows, reads, padding, strict=True)
        if row or not padded
    )


def _is_row(each: Any, claim: tuple[int, int, int], row: set[int]) -> bool:
    if each.status == "exact":
        return bool(row) and claim == (min(row), max(row), len(row))
    return not row or (claim[0] <= min(row) and max(row) <= claim[1])


@pytest.mark.parametrize("seed", range(25))
def test_fields_of_random_programs(seed: int) -> None:
    with jax.enable_x64(True):
        assert not wrong_in(seed)


@pytest.mark.long
def test_fields_of_many_random_programs() -> None:
    with jax.enable_x64(True):
        wrong = {seed: found for seed in range(25, 1000) if (found := wrong_in(seed))}
    assert not wrong

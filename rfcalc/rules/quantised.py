"""Layers whose kernel is kept in fewer bits: it is not trained, and has scales beside it.

Source: Keras 3, ``quantize()`` of ``Dense``, ``EinsumDense``, ``Embedding`` and ``ReversibleEmbedding``. In
8 bits there is a scale for each column of the kernel; in 4 bits, in blocks of its rows, a scale and a zero
point for each block of a column, and for each row the number of its block. Counts of the kernel are those
before two numbers are packed into a byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rfcalc.algebra.number import Num, cdiv, prod
from rfcalc.rules.registry import Parameter


def quantised(
    kind: str, attrs: Mapping[str, Any], weights: tuple[Parameter, ...], mode: str, block: int | None
) -> tuple[Parameter, ...]:
    """Return the weights of a layer with its kernel in fewer bits; `block` is None for one scale a column."""
    found: list[Parameter] = []
    for number, weight in enumerate(weights):
        if weight.role not in ("kernel", "table", "reverse_table"):
            found.append(weight)
            continue
        rows, columns = _rows_and_columns(kind, attrs, weight)
        found.append(weight._replace(trainable=False))
        if mode == "int8" or block is None:
            found.append(Parameter(f"{weight.role}_scale", (columns,), trainable=False))
            continue
        shape = (cdiv(rows, block), columns)
        found += [Parameter(f"{weight.role}_{part}", shape, trainable=False) for part in ("scale", "zero")]
        if not number:
            found.append(Parameter("block_of_row", (rows,), trainable=False))
    return tuple(found)


def _rows_and_columns(kind: str, attrs: Mapping[str, Any], weight: Parameter) -> tuple[Num, Num]:
    """Return how many numbers of a kernel are summed for one result, and for how many results."""
    shape = weight.shape
    if weight.role == "table":
        return shape[1], shape[0]
    if kind != "einsum_dense":
        return shape[0], prod(shape[1:])
    left, _, out = attrs["equation"].replace(" ", "").partition("->")
    letters = left.partition(",")[2]
    summed = [extent for letter, extent in zip(letters, shape, strict=True) if letter not in out]
    return prod(summed), prod(extent for letter, extent in zip(letters, shape, strict=True) if letter in out)

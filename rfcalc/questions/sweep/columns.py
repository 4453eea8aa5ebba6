"""The columns of a sweep: their names and order, and what their values are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rfcalc.designs import VARIANT
from rfcalc.errors import UsageError
from rfcalc.questions.sweep.space import Space

DESIGN: Final = "design"
ERROR: Final = "error"

TOTALS: Final = ("params", "macs", "activations", "peak_activations")
"""Figures of the whole model."""

ALONG: Final = ("extent", "receptive_field", "effective_stride", "effective_padding")
"""Figures of a layer that have a value for each axis of the input."""

COVERAGE: Final = "coverage"

STATUS: Final = "status"
"""Whether the field of a layer is exact, a bound, or not known; empty where there is no such layer."""

_REAL: Final = ("effective_stride", COVERAGE)


def columns_of(space: Space, layers: Sequence[str], rank: int) -> tuple[str, ...]:
    """Return the names of all columns in their order.

    Parameters
    ----------
    space : Space
        What is varied.
    layers : sequence of str
        The layers that are named; none for the last map. Of several, columns carry the name of their layer.
    rank : int
        How many spatial axes the input has.

    Raises
    ------
    UsageError
        What is varied, or a layer, has the name of a figure.

    Examples
    --------
    >>> columns_of(Space(()), (), 1)[-6:]
    ('extent_0', 'receptive_field_0', 'effective_stride_0', 'effective_padding_0', 'coverage', 'status')
    """
    axes = [axis.name for axis in space.axes]
    figures = [name for before in prefixes(layers) for name in figures_of(before, rank)]
    taken = next((name for name in axes if name in {DESIGN, ERROR, *TOTALS, *figures}), None)
    if taken is not None:
        raise UsageError(f"{taken!r} is varied, but is also the name of a figure; rename the parameter")
    return (DESIGN, *axes, ERROR, *TOTALS, *figures)


def prefixes(layers: Sequence[str]) -> tuple[str, ...]:
    """Return what the names of the columns of each layer begin with.

    >>> prefixes(()), prefixes(["a"]), prefixes(["a", "b"])
    (('',), ('',), ('a.', 'b.'))
    """
    return tuple(f"{layer}." for layer in layers) if len(layers) > 1 else ("",)


def figures_of(before: str, rank: int) -> list[str]:
    """Return the names of the columns of one layer."""
    return [
        f"{before}{name}"
        for name in (*(f"{each}_{axis}" for axis in range(rank) for each in ALONG), COVERAGE, STATUS)
    ]


def is_text(column: str) -> bool:
    """Tell whether a column of figures holds words.

    >>> is_text("error"), is_text("conv1.status"), is_text("coverage")
    (True, True, False)
    """
    return column == ERROR or column.rpartition(".")[2] == STATUS


def holds_words(column: str, values: Any) -> bool:
    """Tell whether a column, of figures or of what is varied, holds words.

    What is called ``variant`` may be counterfactuals, or a parameter of the model.

    >>> import numpy as np
    >>> counterfactuals, large = np.array(["plain"], dtype=object), np.array([2**70], dtype=object)
    >>> holds_words("variant", counterfactuals), holds_words("variant", large), holds_words("n", large)
    (True, False, False)
    """
    is_variant = column == VARIANT and values.dtype == object
    return is_text(column) or (is_variant and all(isinstance(each, str) for each in values[:1]))


def is_real(column: str) -> bool:
    """Tell whether a column of figures holds real numbers; others hold whole ones.

    >>> is_real("conv1.effective_stride_0"), is_real("coverage"), is_real("extent_1")
    (True, True, False)
    """
    name = column.rpartition(".")[2]
    return name.rstrip("0123456789").rstrip("_") in _REAL

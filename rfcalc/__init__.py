"""Receptive fields, output shapes and parameter counts of neural networks, from the architecture file alone.

Examples
--------
>>> import rfcalc
>>> model = {
...     "rfcalc": 1,
...     "inputs": {"image": {"shape": [None, 28, 28, 1]}},
...     "layers": [{"name": "c1", "kind": "conv", "filters": 32, "kernel": 3}],
... }
>>> rfcalc.analyze(model).layer("c1").receptive_field
(3, 3)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily
from rfcalc.version import VERSION

if TYPE_CHECKING:
    from rfcalc.api import (
        Analysis,
        align,
        analyze,
        budget,
        check,
        compare,
        diff,
        effective,
        explain,
        field,
        from_torch,
        law,
        load,
        phases,
        plot,
        tiles,
        variant,
        verify,
    )
    from rfcalc.errors import AnalysisError, CheckFailed, GraphError, ReadError, RfcalcError, UsageError
    from rfcalc.graph.graph import LayerGraph
    from rfcalc.reports.alignment import Alignment
    from rfcalc.reports.check import CheckReport
    from rfcalc.reports.comparison import Comparison
    from rfcalc.reports.diff import Diff
    from rfcalc.reports.effective import EffectiveField
    from rfcalc.reports.explain import Explanation
    from rfcalc.reports.field import Field
    from rfcalc.reports.law import Law
    from rfcalc.reports.phases import Phases
    from rfcalc.reports.tiles import Tiles
    from rfcalc.reports.verification import Verification

__all__ = [
    "Alignment",
    "Analysis",
    "AnalysisError",
    "CheckFailed",
    "CheckReport",
    "Comparison",
    "Diff",
    "EffectiveField",
    "Explanation",
    "Field",
    "GraphError",
    "Law",
    "LayerGraph",
    "Phases",
    "ReadError",
    "RfcalcError",
    "Tiles",
    "UsageError",
    "Verification",
    "__version__",
    "align",
    "analyze",
    "budget",
    "check",
    "compare",
    "diff",
    "effective",
    "explain",
    "field",
    "from_torch",
    "law",
    "load",
    "phases",
    "plot",
    "tiles",
    "variant",
    "verify",
]

__version__ = VERSION

_HOMES = {
    "rfcalc.api": (
        "Analysis",
        "align",
        "analyze",
        "budget",
        "check",
        "compare",
        "diff",
        "effective",
        "explain",
        "field",
        "from_torch",
        "law",
        "load",
        "plot",
        "phases",
        "tiles",
        "variant",
        "verify",
    ),
    "rfcalc.errors": ("AnalysisError", "CheckFailed", "GraphError", "ReadError", "RfcalcError", "UsageError"),
    "rfcalc.graph.graph": ("LayerGraph",),
    "rfcalc.reports.alignment": ("Alignment",),
    "rfcalc.reports.check": ("CheckReport",),
    "rfcalc.reports.comparison": ("Comparison",),
    "rfcalc.reports.diff": ("Diff",),
    "rfcalc.reports.effective": ("EffectiveField",),
    "rfcalc.reports.explain": ("Explanation",),
    "rfcalc.reports.field": ("Field",),
    "rfcalc.reports.law": ("Law",),
    "rfcalc.reports.phases": ("Phases",),
    "rfcalc.reports.tiles": ("Tiles",),
    "rfcalc.reports.verification": ("Verification",),
}


__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

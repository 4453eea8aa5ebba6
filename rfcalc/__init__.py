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

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rfcalc.version import VERSION

if TYPE_CHECKING:  # for type checkers, which do not look into folders as the library does
    from rfcalc.errors import AnalysisError, CheckFailed, GraphError, ReadError, RfcalcError, UsageError
    from rfcalc.graph.graph import LayerGraph
    from rfcalc.loading import from_jax, from_keras, from_torch, load
    from rfcalc.page import Report, report
    from rfcalc.pictures import plot
    from rfcalc.questions.align import Alignment, align
    from rfcalc.questions.analyze import Analysis, analyze
    from rfcalc.questions.annotate import Annotated, annotate
    from rfcalc.questions.check import CheckReport, budget, check
    from rfcalc.questions.compare import Comparison, compare, variant
    from rfcalc.questions.design import Design, design
    from rfcalc.questions.diff import Diff, diff
    from rfcalc.questions.effective import EffectiveField, effective
    from rfcalc.questions.explain import Explanation, explain
    from rfcalc.questions.field import Field, Phases, field, phases
    from rfcalc.questions.law import Law, law
    from rfcalc.questions.scan import Rows, Scanned, query, scan
    from rfcalc.questions.sweep import Sweep, sweep
    from rfcalc.questions.tiles import Tiles, tiles
    from rfcalc.questions.verify import Verification, verify
    from rfcalc.watching import Watch, watch

__all__ = [
    "Alignment",
    "Analysis",
    "AnalysisError",
    "Annotated",
    "CheckFailed",
    "CheckReport",
    "Comparison",
    "Design",
    "Diff",
    "EffectiveField",
    "Explanation",
    "Field",
    "GraphError",
    "Law",
    "LayerGraph",
    "Phases",
    "ReadError",
    "Report",
    "RfcalcError",
    "Rows",
    "Scanned",
    "Sweep",
    "Tiles",
    "UsageError",
    "Verification",
    "Watch",
    "__version__",
    "align",
    "analyze",
    "annotate",
    "budget",
    "check",
    "compare",
    "design",
    "diff",
    "effective",
    "explain",
    "field",
    "from_jax",
    "from_keras",
    "from_torch",
    "law",
    "load",
    "phases",
    "plot",
    "query",
    "report",
    "scan",
    "sweep",
    "tiles",
    "variant",
    "verify",
    "watch",
]

__version__ = VERSION

_HOMES = {
    "rfcalc.errors": ("AnalysisError", "CheckFailed", "GraphError", "ReadError", "RfcalcError", "UsageError"),
    "rfcalc.graph.graph": ("LayerGraph",),
    "rfcalc.loading": ("from_jax", "from_keras", "from_torch", "load"),
    "rfcalc.page": ("Report", "report"),
    "rfcalc.pictures": ("plot",),
    "rfcalc.watching": ("Watch", "watch"),
}
"""Names that no question offers, by the module that has them."""


def __getattr__(name: str) -> Any:
    from rfcalc.questions import home_of

    home = next((home for home, names in _HOMES.items() if name in names), None) or home_of(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

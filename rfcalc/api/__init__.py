"""The library's face: load a model, analyse it, ask about it; results that render themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.api.alignments import align
    from rfcalc.api.analyses import Analysis, analyze
    from rfcalc.api.checks import budget, check
    from rfcalc.api.comparisons import compare, variant
    from rfcalc.api.differences import diff
    from rfcalc.api.effectives import effective
    from rfcalc.api.explanations import explain
    from rfcalc.api.fields import field
    from rfcalc.api.laws import law
    from rfcalc.api.models import from_torch, load
    from rfcalc.api.phasings import phases
    from rfcalc.api.pictures import plot
    from rfcalc.api.tiling import tiles
    from rfcalc.api.verifications import verify

__all__ = [
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
    "phases",
    "plot",
    "tiles",
    "variant",
    "verify",
]

_HOMES: Final = {
    "rfcalc.api.alignments": ("align",),
    "rfcalc.api.analyses": ("Analysis", "analyze"),
    "rfcalc.api.checks": ("budget", "check"),
    "rfcalc.api.comparisons": ("compare", "variant"),
    "rfcalc.api.differences": ("diff",),
    "rfcalc.api.effectives": ("effective",),
    "rfcalc.api.explanations": ("explain",),
    "rfcalc.api.fields": ("field",),
    "rfcalc.api.laws": ("law",),
    "rfcalc.api.models": ("from_torch", "load"),
    "rfcalc.api.phasings": ("phases",),
    "rfcalc.api.pictures": ("plot",),
    "rfcalc.api.tiling": ("tiles",),
    "rfcalc.api.verifications": ("verify",),
}

__getattr__ = lazily(__name__, _HOMES)

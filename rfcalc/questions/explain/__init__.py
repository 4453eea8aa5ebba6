"""What each layer on the way adds to the field of a layer: ``rfcalc explain``, `rfcalc.explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.explain.library import explain
    from rfcalc.questions.explain.report import Explanation

__all__ = ["Explanation", "explain"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.explain.library": ("explain",),
        "rfcalc.questions.explain.report": ("Explanation",),
    },
)

"""What the pooling bought, or how models differ: ``rfcalc compare``, `rfcalc.compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.compare.library import compare, variant
    from rfcalc.questions.compare.report import Comparison

__all__ = ["Comparison", "compare", "variant"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.compare.library": ("compare", "variant"),
        "rfcalc.questions.compare.report": ("Comparison",),
    },
)

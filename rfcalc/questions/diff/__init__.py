"""What changed from one model to another: ``rfcalc diff``, `rfcalc.diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.diff.library import diff
    from rfcalc.questions.diff.report import Diff

__all__ = ["Diff", "diff"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.diff.library": ("diff",),
        "rfcalc.questions.diff.report": ("Diff",),
    },
)

"""Whether models keep within a budget: ``rfcalc check``, `rfcalc.check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.check.library import budget, check
    from rfcalc.questions.check.report import CheckReport

__all__ = ["CheckReport", "budget", "check"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.check.library": ("budget", "check"),
        "rfcalc.questions.check.report": ("CheckReport",),
    },
)

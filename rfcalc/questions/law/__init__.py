"""By which law a field grows, and what reaches a given one: ``rfcalc law``, `rfcalc.law`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.law.library import law
    from rfcalc.questions.law.report import Law

__all__ = ["Law", "law"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.law.library": ("law",),
        "rfcalc.questions.law.report": ("Law",),
    },
)

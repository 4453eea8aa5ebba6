"""What each layer sees, puts out and costs: ``rfcalc analyze``, `rfcalc.analyze`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.analyze.library import Analysis, analyze

__all__ = ["Analysis", "analyze"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.analyze.library": ("Analysis", "analyze"),
    },
)

"""Where branches meet out of line, and at which sizes: ``rfcalc align``, `rfcalc.align`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.align.library import align
    from rfcalc.questions.align.report import Alignment

__all__ = ["Alignment", "align"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.align.library": ("align",),
        "rfcalc.questions.align.report": ("Alignment",),
    },
)

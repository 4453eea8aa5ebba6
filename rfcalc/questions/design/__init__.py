"""Which stacks of blocks meet targets, the cheapest first: ``rfcalc design``, `rfcalc.design`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.design.library import design
    from rfcalc.questions.design.report import Design

__all__ = ["Design", "design"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.design.library": ("design",),
        "rfcalc.questions.design.report": ("Design",),
    },
)

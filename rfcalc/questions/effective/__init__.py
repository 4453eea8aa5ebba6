"""How much each position of the input weighs in a unit: ``rfcalc effective``, `rfcalc.effective`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.effective.library import effective
    from rfcalc.questions.effective.report import EffectiveField

__all__ = ["EffectiveField", "effective"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.effective.library": ("effective",),
        "rfcalc.questions.effective.report": ("EffectiveField",),
    },
)

"""What every design of a family sees and costs, and which to choose: ``rfcalc sweep``, `rfcalc.sweep`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.sweep.library import sweep
    from rfcalc.questions.sweep.report import Sweep

__all__ = ["Sweep", "sweep"]

__getattr__ = lazily(
    __name__,
    {"rfcalc.questions.sweep.library": ("sweep",), "rfcalc.questions.sweep.report": ("Sweep",)},
)

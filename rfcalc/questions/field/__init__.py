"""What each unit of a layer truly depends on: ``rfcalc field``, `rfcalc.field`, `rfcalc.phases`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.field.library import field, phases
    from rfcalc.questions.field.report import Field
    from rfcalc.questions.field.report_phases import Phases

__all__ = ["Field", "Phases", "field", "phases"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.field.library": ("field", "phases"),
        "rfcalc.questions.field.report": ("Field",),
        "rfcalc.questions.field.report_phases": ("Phases",),
    },
)

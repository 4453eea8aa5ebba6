"""Every answer recomputed by enumeration: ``rfcalc verify``, `rfcalc.verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.verify.library import verify
    from rfcalc.questions.verify.report import Verification

__all__ = ["Verification", "verify"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.verify.library": ("verify",),
        "rfcalc.questions.verify.report": ("Verification",),
    },
)

"""A catalogue of all models in folders and archives: ``rfcalc scan``, `rfcalc.scan`, `rfcalc.query`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.scan.asking import query
    from rfcalc.questions.scan.library import scan
    from rfcalc.questions.scan.report import Rows, Scanned

__all__ = ["Rows", "Scanned", "query", "scan"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.scan.library": ("scan",),
        "rfcalc.questions.scan.asking": ("query",),
        "rfcalc.questions.scan.report": ("Rows", "Scanned"),
    },
)

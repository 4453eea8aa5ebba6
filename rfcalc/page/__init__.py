"""A page to look at: ``rfcalc report``, `rfcalc.report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.page.library import Report, report

__all__ = ["Report", "report"]

__getattr__ = lazily(__name__, {"rfcalc.page.library": ("Report", "report")})

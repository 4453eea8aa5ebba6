"""Pictures of what questions answer: ``rfcalc plot``, `rfcalc.plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.pictures.library import plot

__all__ = ["plot"]

__getattr__ = lazily(__name__, {"rfcalc.pictures.library": ("plot",)})

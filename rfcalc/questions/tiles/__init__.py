"""How to run a model on tiles or on a stream: ``rfcalc tiles``, `rfcalc.tiles`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.tiles.library import tiles
    from rfcalc.questions.tiles.report import Tiles

__all__ = ["Tiles", "tiles"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.tiles.library": ("tiles",),
        "rfcalc.questions.tiles.report": ("Tiles",),
    },
)

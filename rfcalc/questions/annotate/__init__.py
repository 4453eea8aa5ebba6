"""An ONNX file with what rfcalc says of it written in: ``rfcalc annotate``, `rfcalc.annotate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.questions.annotate.library import annotate
    from rfcalc.questions.annotate.report import Annotated

__all__ = ["Annotated", "annotate"]

__getattr__ = lazily(
    __name__,
    {
        "rfcalc.questions.annotate.library": ("annotate",),
        "rfcalc.questions.annotate.report": ("Annotated",),
    },
)

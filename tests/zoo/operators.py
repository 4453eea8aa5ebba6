"""Let torchvision be imported beside a build of PyTorch that its compiled operators do not fit.

So it is of a CPU build, beside the torchvision of a package index. Models need none of these operators; but
importing torchvision states what shapes two of them put out, and fails where nobody has declared them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
OPERATORS = ("nms", "qnms")

_declared: list[Any] = []
"""What holds the declarations, which end with it."""


def declare_missing_operators() -> None:
    """Declare these operators where torchvision is installed and its library does not load."""
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None or _declared:
        return
    try:
        for library in Path(spec.origin).parent.glob("_C*.so"):
            torch.ops.load_library(str(library))
    except OSError:
        owner = torch.library.Library("torchvision", "DEF")
        for name in OPERATORS:
            owner.define(name + SIGNATURE)
        _declared.append(owner)

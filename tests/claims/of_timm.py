"""timm: by how much its feature maps are reduced."""

from __future__ import annotations

from typing import Any

from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import Window, extents, output_row

HALVES = (Window(7, 2, 3), Window(3, 2, 1), Window(3, 2, 1), Window(3, 2, 1), Window(3, 2, 1))
"""ResNet-50, of which every window that strides is padded by half; the others change nothing."""

INCEPTION = (
    *(
        Window(3, 2),
        Window(3),
        Window(3, 1, 1),
        Window(3, 2),
        Window(1),
        Window(3),
        Window(3, 2),
        Window(3, 2),
    ),
    Window(3, 2),
)
"""Inception v3: the stem, two poolings among it, and the two blocks that reduce."""

CASES: dict[str, tuple[str, int, int, tuple[Window, ...], int]] = {
    "resnet50 at 224, last map": ("resnet50", 224, -1, HALVES, 5),
    "resnet50 at 321, last map": ("resnet50", 321, -1, HALVES, 5),
    "inception_v3 at 299, last map": ("inception_v3", 299, -1, INCEPTION, 9),
    "inception_v3 at 224, last map": ("inception_v3", 224, -1, INCEPTION, 9),
    "inception_v3 at 224, first map": ("inception_v3", 224, 0, INCEPTION, 3),
    "legacy_xception at 299, first map": ("legacy_xception", 299, 0, (Window(3, 2), Window(3)), 2),
    "pit_s_224 at 224, first map": ("pit_s_224", 224, 0, (Window(16, 8),), 1),
}
"""The model, the size, which of its maps; and the windows that lead there."""


def found() -> Found:
    """Divide by the reduction, run the models without data, and let rfcalc read them."""
    import timm
    import torch

    says, measured, own = Figures(), Figures(), Figures()
    for case, (name, size, place, _, _) in CASES.items():
        with torch.device("meta"):
            model = timm.create_model(name, features_only=True, pretrained=False).eval()
            measured[case] = model(torch.zeros(1, 3, size, size))[place].shape[-1]
        says[case] = -(-size // model.feature_info.reduction()[place])
        own[case] = _rows(_first(timm.create_model(name, features_only=True).eval(), place), size)
    return Found(says, measured, own)


def _first(model: Any, place: int) -> Any:
    """Return a module that puts out one of the maps."""
    import torch

    class One(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Any) -> Any:
            return self.model(x)[place]

    return One().eval()


def _rows(module: Any, size: int) -> int:
    return int(output_row(module, (1, 3, size, size)).output_shape[-1])


def ours() -> Figures:
    """Ask rfcalc for the rows of the same maps, of the windows that lead there."""
    return {case: extents(windows, size)[steps] for case, (_, size, _, windows, steps) in CASES.items()}


CLAIM = Claim(
    "timm",
    "timm",
    "timm",
    "`feature_info.reduction()`, taken as: the size divided by it, rounded up",
    "`rfcalc.analyze(...)`, the output shape",
    "Right where every window that strides is padded by half, at any size. Of networks with unpadded "
    "windows the map is smaller than the size divided by the reduction, however rounded: a decoder that"
    " divides goes wrong.",
    found,
    ours,
)

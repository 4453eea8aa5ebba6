"""torchvision: the steps between the default boxes of its SSD300."""

from __future__ import annotations

from typing import Any

from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import Window, output_row, stride_of

VGG = (Window(2, 2),) * 3
EXTRA = (Window(2, 2), Window(3, 1, 1), Window(3, 2, 1), Window(3, 2, 1))
LEVELS = {
    "level 1": VGG,
    "level 2": (*VGG, *EXTRA[:2]),
    "level 3": (*VGG, *EXTRA[:3]),
    "level 4": (*VGG, *EXTRA),
    "level 5": (*VGG, *EXTRA, Window(3)),
}
"""The windows that stride on the way to a level, and the last, unpadded ones."""


def found() -> Found:
    """Ask the model for its steps, move along its maps, and let rfcalc read its backbone."""
    from torchvision.models.detection import ssd300_vgg16

    from tests.claims.probe import reached, thinned

    model = ssd300_vgg16(weights=None, weights_backbone=None)
    says, measured, own = Figures(), Figures(), Figures()
    for case in LEVELS:
        place = int(case.split()[1]) - 1
        own[case] = int(output_row(_map(_backbone(), place), (1, 3, 300, 300)).effective_stride[0])
        thin = thinned(_map(_backbone(), place))
        middle = 1024 // own[case]
        first, second = (reached(thin, (1, 1, 2048, 300), 2, row).first for row in (middle, middle + 1))
        says[case], measured[case] = model.anchor_generator.steps[place], second - first
    return Found(says, measured, own)


def _backbone() -> Any:
    from torchvision.models.detection import ssd300_vgg16

    return ssd300_vgg16(weights=None, weights_backbone=None).backbone


def _map(backbone: Any, place: int) -> Any:
    """Return a module that puts out one of the maps, without the scale of the first by its norm."""
    import torch

    class One(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone

        def forward(self, x: Any) -> Any:
            maps = [self.backbone.features(x)]
            for block in self.backbone.extra[:place]:
                maps.append(block(maps[-1]))
            return maps[-1]

    return One().eval()


def ours() -> Figures:
    """Ask rfcalc for the strides of the windows that lead there."""
    return {case: stride_of(windows) for case, windows in LEVELS.items()}


CLAIM = Claim(
    "torchvision SSD300",
    "torchvision",
    "torchvision",
    "`ssd300_vgg16().anchor_generator.steps`",
    "`rfcalc.analyze(...)`, the effective stride",
    "Right to level 4. The step of level 5 is 300 divided by its 3 rows; its window is unpadded and "
    "does not stride, so its features still lie 64 rows apart. The published SSD has the same steps.",
    found,
    ours,
)

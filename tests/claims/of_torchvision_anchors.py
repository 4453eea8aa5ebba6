"""torchvision: how far apart its anchors lie."""

from __future__ import annotations

from typing import Any

from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import Window, output_row, stride_of

LEVEL = (Window(7, 2, 3), *[Window(3, 2, 1)] * 4, Window(1, 2))
"""The windows of a ResNet that stride, and the last level of the pyramid, which takes every other row."""

SIZES = {"800 rows, last level": 800, "480 rows, last level": 480, "768 rows, last level": 768}


def found() -> Found:
    """Ask the generator of anchors, move along the last level, and let rfcalc read the backbone."""
    import torch
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.models.detection.image_list import ImageList

    from tests.claims.probe import reached, thinned

    def backbone() -> Any:
        return resnet_fpn_backbone(backbone_name="resnet18", weights=None, norm_layer=torch.nn.BatchNorm2d)

    thin = thinned(backbone())
    rows = [reached(lambda x: thin(x)["pool"], (1, 1, 2560, 64), 2, row).first for row in (18, 19)]
    own = output_row(_last(backbone()), (1, 3, 800, 64))
    says, measured, stride = Figures(), Figures(), Figures()
    for case, size in SIZES.items():
        image = torch.zeros(1, 1, size, 64, dtype=torch.float64)
        with torch.no_grad():
            level = thin(image)["pool"]
        boxes = AnchorGenerator(((32,),), ((1.0,),))(ImageList(image, [(size, 64)]), [level])[0]
        says[case] = int(boxes[level.shape[3], 1] - boxes[0, 1])
        measured[case] = rows[1] - rows[0]
        stride[case] = int(own.effective_stride[0])
    return Found(says, measured, stride)


def _last(backbone: Any) -> Any:
    import torch

    class Last(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone

        def forward(self, x: Any) -> Any:
            return self.backbone(x)["pool"]

    return Last().eval()


def ours() -> Figures:
    """Ask rfcalc for the stride of the windows that lead there; no size changes it."""
    return dict.fromkeys(SIZES, stride_of(LEVEL))


CLAIM = Claim(
    "torchvision anchors",
    "torchvision",
    "torchvision",
    "`AnchorGenerator`, rows from one anchor to the next",
    "`rfcalc.analyze(...)`, the effective stride",
    "Wrong where the size is no multiple of the stride. It divides the size by the rows of the map, "
    "which were rounded up, and rounds down. The anchors of the last row then lie away from what their "
    "features read.",
    found,
    ours,
)

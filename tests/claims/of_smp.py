"""segmentation-models-pytorch: the output stride of its encoders."""

from __future__ import annotations

from typing import Any

from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import Window, extent_after, output_row
from tests.claims.of_timm import HALVES, INCEPTION

SIZE = 256
FLAT = Window(3, 1, 2, 2)
"""What a window that strode becomes where the stride is taken back: dilated, and padded for it."""

CASES: dict[str, tuple[str, int, tuple[Window, ...]]] = {
    "resnet18": ("resnet18", 32, HALVES),
    "resnet18, output_stride=16": ("resnet18", 16, (*HALVES[:-1], FLAT)),
    "resnet18, output_stride=8": ("resnet18", 8, (*HALVES[:-2], FLAT, FLAT)),
    "tu-inception_v3": ("tu-inception_v3", 32, INCEPTION),
}


def found() -> Found:
    """Divide by the output stride, run the encoders without data, and let rfcalc read them."""
    import torch
    from segmentation_models_pytorch.encoders import get_encoder

    says, measured, own = Figures(), Figures(), Figures()
    for case, (name, stride, _) in CASES.items():
        with torch.device("meta"):
            encoder = get_encoder(name, weights=None, output_stride=stride).eval()
            measured[case] = encoder(torch.zeros(1, 3, SIZE, SIZE))[-1].shape[-1]
        says[case] = SIZE // encoder.output_stride
        module = _last(get_encoder(name, weights=None, output_stride=stride))
        own[case] = int(output_row(module, (1, 3, SIZE, SIZE)).output_shape[-1])
    return Found(says, measured, own)


def _last(encoder: Any) -> Any:
    import torch

    class Last(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, x: Any) -> Any:
            return self.encoder(x)[-1]

    return Last().eval()


def ours() -> Figures:
    """Ask rfcalc for the rows of the last map, of the windows that lead there."""
    return {case: extent_after(windows, SIZE) for case, (_, _, windows) in CASES.items()}


CLAIM = Claim(
    "smp",
    "segmentation-models-pytorch",
    "segmentation_models_pytorch",
    f"`encoder.output_stride`, taken as: rows of the last map of {SIZE}",
    "`rfcalc.analyze(...)`, the output shape",
    "Right for encoders that are padded by half, dilated ones included; "
    "wrong for those of timm that are not.",
    found,
    ours,
)

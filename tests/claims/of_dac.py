"""Descript audio codec: by how many samples its windows overlap."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import rfcalc
from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import halo
from tests.claims.stand_in import standing_in

CASES = {"44.1 kHz": (2, 4, 8, 8)}
"""What each level of the encoder strides by."""


def found() -> Found:
    """Ask the model, run its encoder and decoder, and let rfcalc read them."""
    import torch

    from tests.claims.probe import positive, sloped

    says, measured, own = Figures(), Figures(), Figures()
    for case, rates in CASES.items():
        model = _model(rates)
        codec = torch.nn.Sequential(model.encoder, model.decoder).eval()
        hop = int(model.hop_length)
        start = 25 * hop
        reach = sloped(positive(codec), (1, 1, 2 * start), range(start, start + hop))
        says[case] = int(model.delay)
        measured[case] = max(start - reach.first, reach.last - (start + hop - 1))
        own[case] = halo(rfcalc.from_torch(codec.float(), [(1, 1, 40 * hop)], dynamic=True))
    return Found(says, measured, own)


def _model(rates: tuple[int, ...]) -> Any:
    """Return such a model with few channels; what plays and stores audio stands in."""
    import torch

    class BaseModel(torch.nn.Module):
        INTERN: ClassVar[list[str]] = []
        EXTERN: ClassVar[list[str]] = []

    with standing_in("audiotools", "argbind"):
        vars(importlib.import_module("audiotools.ml"))["BaseModel"] = BaseModel
        from dac.model.dac import DAC
    return DAC(
        encoder_dim=1, encoder_rates=list(rates), latent_dim=1, decoder_dim=16,
        decoder_rates=list(reversed(rates)), n_codebooks=1, codebook_size=2, codebook_dim=1,
    )  # fmt: skip


def _codec(rates: tuple[int, ...]) -> dict[str, Any]:
    """Return the windows of encoder and decoder."""
    layers: list[dict[str, Any]] = []

    def conv(kernel: int, padding: int, kind: str = "conv", **more: int) -> None:
        layers.append({"kind": kind, "filters": 1, "kernel": kernel, "padding": padding, **more})

    def units() -> None:
        for dilation in (1, 3, 9):
            conv(7, 3 * dilation, dilation=dilation)

    conv(7, 3)
    for rate in rates:
        units()
        conv(2 * rate, -(-rate // 2), stride=rate)
    conv(3, 1)
    conv(7, 3)
    for rate in reversed(rates):
        conv(2 * rate, -(-rate // 2), "transposed_conv", stride=rate)
        units()
    conv(7, 3)
    return {"rfcalc": 1, "input": [None, 1], "layers": layers}


def ours() -> Figures:
    """Ask rfcalc for the halo of the same windows."""
    return {case: halo(_codec(rates)) for case, rates in CASES.items()}


CLAIM = Claim(
    "dac",
    "descript-audio-codec",
    "dac",
    "`DAC.delay`, taken as: samples to both sides that a hop of samples put out reads",
    "`rfcalc.tiles(...)`, the halo",
    "Less than is read. It is what unpadded windows lose at an end. Longer audio is coded in pieces that "
    "overlap by some twice as much, with no padding, and there samples near both ends of a piece are not "
    "what they are within a longer one: the transposed convolutions lack a part of what they write there.",
    found,
    ours,
)

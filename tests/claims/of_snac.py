"""SNAC: how many samples a frame of it takes."""

from __future__ import annotations

from typing import Any

from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import Window, output_row, stride_of

CASES: dict[str, tuple[int, ...]] = {"24 kHz": (2, 4, 8, 8), "44.1 kHz": (3, 3, 7, 7)}


def found() -> Found:
    """Ask the model, count frames, and let rfcalc read the encoder."""
    from snac import SNAC

    from tests.claims.probe import samples_a_frame

    says, measured, own = Figures(), Figures(), Figures()
    for case, rates in CASES.items():
        model = SNAC(
            encoder_dim=2, encoder_rates=list(rates), decoder_dim=32, decoder_rates=list(reversed(rates)),
            attn_window_size=None, codebook_size=2, codebook_dim=1,
        )  # fmt: skip
        encoder: Any = model.encoder.eval()
        says[case] = int(model.hop_length)
        measured[case] = samples_a_frame(encoder, (1, 1))
        own[case] = int(output_row(encoder, (1, 1, 8000)).effective_stride[0])
    return Found(says, measured, own)


def ours() -> Figures:
    """Ask rfcalc for the strides of the windows that stride."""
    return {
        case: stride_of([Window(2 * rate, rate, -(-rate // 2)) for rate in rates])
        for case, rates in CASES.items()
    }


CLAIM = Claim(
    "snac",
    "snac",
    "snac",
    "`SNAC.hop_length`",
    "`rfcalc.analyze(...)`, the effective stride",
    "Right. (Asked without its attention within windows of frames, which moves none.)",
    found,
    ours,
)

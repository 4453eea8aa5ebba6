"""transformers: how long the maps of its speech models are, and the hops of its codecs."""

from __future__ import annotations

from typing import Any

import rfcalc
from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import Window, extent_after, output_row, stride_of

WAV2VEC2 = (Window(10, 5), *[Window(3, 2)] * 4, *[Window(2, 2)] * 2)
SAMPLES = {f"frames of {count:,} samples": count for count in (16000, 400, 399, 79)}

ENCODEC = tuple(Window(2 * ratio, ratio) for ratio in (2, 4, 5, 8))
DAC = tuple(Window(2 * ratio, ratio, -(-ratio // 2)) for ratio in (2, 4, 8, 8))
CODECS = {"wav2vec 2.0": WAV2VEC2, "EnCodec": ENCODEC, "DAC": DAC}


def lengths() -> Found:
    """Ask for the lengths, run the encoder, and let rfcalc read it; what is refused has none."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    config = Wav2Vec2Config(
        conv_dim=(4,) * 7, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        feat_extract_norm="layer", num_conv_pos_embeddings=2, num_conv_pos_embedding_groups=1,
    )  # fmt: skip
    model = Wav2Vec2Model(config).eval()
    says, measured, own = Figures(), Figures(), Figures()
    for case, count in SAMPLES.items():
        says[case] = int(model._get_feat_extract_output_lengths(torch.tensor(count)))
        try:
            measured[case] = model.feature_extractor(torch.zeros(1, count)).shape[-1]
        except RuntimeError:  # a kernel that is longer than the input
            measured[case] = 0
        try:
            own[case] = int(output_row(model.feature_extractor, (1, count)).output_shape[-1])
        except rfcalc.RfcalcError:
            own[case] = 0
    return Found(says, measured, own)


def our_lengths() -> Figures:
    """Ask rfcalc of the windows of the encoder."""
    return {case: extent_after(WAV2VEC2, count) for case, count in SAMPLES.items()}


def hops() -> Found:
    """Ask configurations for samples a frame, count frames, and let rfcalc read the encoders."""
    from transformers import DacConfig, DacModel, EncodecConfig, EncodecModel, Wav2Vec2Config, Wav2Vec2Model

    from tests.claims.probe import samples_a_frame

    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    speech = Wav2Vec2Config(conv_dim=(4,) * 7, num_conv_pos_embedding_groups=2, **small)
    encodec = EncodecConfig(num_filters=4, hidden_size=16)
    dac = DacConfig(encoder_hidden_size=4, decoder_hidden_size=64)
    encoders: dict[str, tuple[int, Any, tuple[int, ...]]] = {
        "wav2vec 2.0": (speech.inputs_to_logits_ratio, Wav2Vec2Model(speech).feature_extractor, (1,)),
        "EnCodec": (encodec.hop_length, EncodecModel(encodec).encoder, (1, 1)),
        "DAC": (dac.hop_length, DacModel(dac).encoder, (1, 1)),
    }
    says, measured, own = Figures(), Figures(), Figures()
    for case, (hop, encoder, front) in encoders.items():
        says[case] = hop
        measured[case] = samples_a_frame(encoder.eval(), front)
        own[case] = int(output_row(encoder, (*front, 8000)).effective_stride[0])
    return Found(says, measured, own)


def our_hops() -> Figures:
    """Ask rfcalc for the strides of the windows that stride."""
    return {case: stride_of(windows) for case, windows in CODECS.items()}


LENGTHS = Claim(
    "transformers lengths",
    "transformers",
    "transformers",
    "`Wav2Vec2Model._get_feat_extract_output_lengths`",
    "`rfcalc.analyze(...)`, the output shape; 0 where it refuses, as PyTorch does",
    "Right from 80 samples on. Below it says -1, as each step of its formula rounds down. In a padded batch "
    "a sample of no frames, or of -1, counts as valid in all frames, or all but one.",
    lengths,
    our_lengths,
)
HOPS = Claim(
    "transformers hops",
    "transformers",
    "transformers",
    "`inputs_to_logits_ratio` and `hop_length` of the configurations",
    "`rfcalc.analyze(...)`, the effective stride",
    "Right.",
    hops,
    our_hops,
)

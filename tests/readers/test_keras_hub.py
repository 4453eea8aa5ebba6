"""Backbones of Keras Hub, small, as live models: nothing is unknown, and parameters are those of Keras."""

from __future__ import annotations

import os
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
hub = pytest.importorskip("keras_hub", exc_type=ImportError)

import rfcalc  # noqa: E402

pytestmark = [pytest.mark.keras, pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

TEXT = {"vocabulary_size": 50, "num_layers": 2, "hidden_dim": 16, "intermediate_dim": 32}
HEADS = {**TEXT, "num_heads": 2}
ENCODER = {**HEADS, "max_sequence_length": 12}
QUERIES = {**TEXT, "num_query_heads": 2, "num_key_value_heads": 1}
IMAGE = {"image_shape": (32, 32, 3)}
PATCHES = {**IMAGE, "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 16}

BACKBONES: dict[str, dict[str, Any]] = {
    "Bert": ENCODER,
    "Albert": {**ENCODER, "embedding_dim": 8},
    "Roberta": ENCODER,
    "XLMRoberta": ENCODER,
    "DistilBert": ENCODER,
    "DebertaV3": {**ENCODER, "bucket_size": 8},
    "FNet": {**TEXT, "max_sequence_length": 12},
    "Bart": ENCODER,
    "GPT2": ENCODER,
    "GPTNeoX": ENCODER,
    "OPT": ENCODER,
    "Bloom": ENCODER,
    "Falcon": {**TEXT, "num_attention_heads": 2},
    "ESM": HEADS,
    "T5": HEADS,
    "Llama": QUERIES,
    "Mistral": QUERIES,
    "Mixtral": {**QUERIES, "num_experts": 2, "top_k": 1},
    "Phi3": QUERIES,
    "Qwen2": QUERIES,
    "Qwen3": {**QUERIES, "head_dim": 8},
    "Gemma": {**QUERIES, "head_dim": 8},
    "Whisper": {**HEADS, "max_encoder_sequence_length": 12, "max_decoder_sequence_length": 8},
    "VGG": {"stackwise_num_repeats": [1, 1], "stackwise_num_filters": [4, 8], **IMAGE},
    "DenseNet": {"stackwise_num_repeats": [1, 1], **IMAGE},
    "ViT": {**PATCHES, "mlp_dim": 32, "patch_size": (8, 8)},
    "DeiT": {**PATCHES, "intermediate_dim": 32, "patch_size": (8, 8)},
    "DINOV2": {**PATCHES, "intermediate_dim": 32, "position_embedding_shape": (32, 32)},
    "SwinTransformer": {
        **IMAGE,
        "patch_size": 4,
        "embed_dim": 8,
        "depths": [2, 2],
        "num_heads": [2, 2],
        "window_size": 4,
    },
    "Xception": {"stackwise_conv_filters": [[8, 8], [16, 16]], "stackwise_pooling": [True, False], **IMAGE},
}


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_is_read_whole(name: str) -> None:
    model = getattr(hub.models, f"{name}Backbone")(**BACKBONES[name])
    shapes = {
        each.name: (None, *(8 if extent is None else extent for extent in each.shape[1:]))
        for each in model.inputs
        if None in each.shape[1:]
    }
    graph = rfcalc.from_keras(model, shapes or None)
    assert [layer.name for layer in graph if layer.kind == "unknown"] == []
    unused = [text for code, _, text in graph.notes if code == "unused-parameters"]
    spare = sum(int(text.split()[0].replace(",", "")) for text in unused)
    assert rfcalc.analyze(graph).totals.params.total + spare == model.count_params()
    assert bool(spare) == (name == "DINOV2")  # the token that stands in for hidden patches in training

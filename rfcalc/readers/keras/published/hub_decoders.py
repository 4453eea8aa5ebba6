"""Decoder blocks of Keras Hub's language models: how queries are grouped, and what follows attention."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from rfcalc.graph.layer import Weight
from rfcalc.readers.keras.published.heads import Heads, attention
from rfcalc.readers.keras.published.sketch import Drawn, Published, Sketch, Tensor
from rfcalc.records import NamedTuple


class Style(NamedTuple):
    """What the blocks of one class have that others have not; settings are named as the config names them.

    Parameters
    ----------
    feed : callable
        Draws what follows attention, from a tensor and its features.
    heads, groups, head_dim : str
        Settings that say how many heads queries, and keys and values have, and of how many features.
    window : str
        The setting that says how far back a position sees; "-" where it sees all before.
    bias, out_bias : bool
        Whether projections to heads, and from heads, have biases.
    rms : bool
        Whether normalisation is by the root of the mean square alone.
    head_norm : bool
        Whether queries and keys are normalised for each head.
    parallel : bool
        Whether what follows attention takes the input of attention.
    held : callable
        What attention holds beside its projections, by its heads and the features of each.
    must : sequence of str
        Settings without which it is not known what the class makes.
    """

    feed: Callable[[Sketch, Tensor, int], Tensor]
    heads: str = "num_query_heads"
    groups: str = "num_key_value_heads"
    head_dim: str = "head_dim"
    window: str = "-"
    bias: bool = False
    out_bias: bool = False
    rms: bool = True
    head_norm: bool = False
    parallel: bool = False
    held: Callable[[Sketch, int, int], tuple[Weight, ...]] = lambda _sketch, _heads, _width: ()
    must: tuple[str, ...] = ()


def _block(style: Style, sketch: Sketch) -> Drawn | None:
    """Draw one block: attention to what came before, then dense layers, each with a residual around it."""
    config, x = sketch.config, sketch.first()
    if x is None or any(name not in config.data for name in style.must) or config.get("output_router_logits"):
        return None
    width = sketch.width(x)
    heads = config.whole(style.heads)
    groups = config.whole(style.groups, heads) if style.groups else heads
    size = config.whole(style.head_dim, max(width // heads, 1))
    made = Heads(
        heads,
        groups,
        size,
        bias=style.bias,
        out_bias=style.out_bias,
        norm=style.head_norm or config.flag("use_query_key_norm"),
        held=style.held(sketch, heads, size),
    )
    here = _normal(sketch, style, "self_attention_layernorm", x)
    # a setting that the file leaves out may be any
    limited = style.window != "-" and config.get(style.window, True) not in (None, False)
    here = attention(
        sketch, "self_attention", here, made, width, causal=True, hidden=limited or sketch.padded
    )
    if config.flag("use_post_attention_norm"):
        here = _normal(sketch, style, "post_attention_norm", here)
    here = sketch.layer("self_attention_dropout", "Dropout", here)
    summed = sketch.add(here, x)
    fed = style.feed(
        sketch, _normal(sketch, style, "feedforward_layernorm", x if style.parallel else summed), width
    )
    if config.flag("use_post_ffw_norm"):
        fed = _normal(sketch, style, "post_feedforward_norm", fed)
    return sketch.drawn(sketch.add(fed, summed), keeps_padding=True)


def _normal(sketch: Sketch, style: Style, name: str, x: Tensor) -> Tensor:
    return sketch.layer(name, "LayerNormalization", x, axis=-1, rms_scaling=style.rms)


# ---- what follows attention --------------------------------------------------------------------------------


def _dense(sketch: Sketch, x: Tensor, width: int) -> Tensor:
    """Draw two dense layers."""
    wide, activation = sketch.config.whole("intermediate_dim"), sketch.config.get("activation")
    x = sketch.layer("feedforward_intermediate_dense", "Dense", x, units=wide, activation=activation)
    x = sketch.layer("feedforward_output_dense", "Dense", x, units=width)
    return sketch.layer("feedforward_dropout", "Dropout", x)


def _gated(
    sketch: Sketch, x: Tensor, width: int, *, wide: str = "intermediate_dim", part: int = 1, lead: str = ""
) -> Tensor:
    """Draw a dense layer that another one gates, and one back."""
    units = sketch.config.whole(wide) // part

    def dense(name: str, source: Tensor, features: int, **settings: Any) -> Tensor:
        return sketch.layer(
            f"{lead}{name}_dense", "Dense", source, units=features, use_bias=False, **settings
        )

    gate = dense("feedforward_gate", x, units, activation=sketch.config.get("activation"))
    product = sketch.operation("Multiply", dense("feedforward_intermediate", x, units), gate)
    return dense("feedforward_output", product, width)


def _gemma(sketch: Sketch, x: Tensor, width: int) -> Tensor:
    return _gated(sketch, x, width, part=sketch.config.whole("gate_dim_reduction", 2))


def _small(sketch: Sketch, x: Tensor, width: int) -> Tensor:
    if sketch.config.get("mlp_bias"):
        sketch.understood = False
    return _gated(sketch, x, width, wide="intermediate_size")


def _experts(
    sketch: Sketch, x: Tensor, width: int, *, wide: str = "intermediate_dim", bias: bool = False
) -> Tensor:
    """Draw dense layers many times over, each place weighing what they give."""
    count, units = sketch.config.whole("num_experts"), sketch.config.whole(wide)

    def bank(name: str, equation: str, source: Tensor, features: int) -> Tensor:
        settings: dict[str, Any] = {"equation": equation, "output_shape": [None, count, features]}
        if bias:
            settings["bias_axes"] = "em" if equation.endswith("m") else "eh"
        return sketch.layer(f"experts_{name}_dense", "EinsumDense", source, **settings)

    logits = sketch.layer("router_dense", "Dense", x, units=count, use_bias=bias)
    weights = sketch.layer("router", "Softmax", logits, axis=-1)
    gate = bank("gate", "bth,ehm->btem", x, units)
    product = sketch.operation("Multiply", bank("intermediate", "bth,ehm->btem", x, units), gate)
    out = bank("output", "btem,emh->bteh", product, width)
    weighted = sketch.operation("Multiply", out, sketch.operation("ExpandDims", weights, axis=-1))
    return sketch.operation("Sum", weighted, axis=2)


def _sparse(sketch: Sketch, x: Tensor, width: int, *, shared: bool) -> Tensor:
    """Draw experts, beside one that all places share, in the layers that have them."""
    config = sketch.config
    if config.get("is_sparse_mlp") is False:
        return _gated(sketch, x, width)
    # which layer of the model this is the file does not say
    if config.get("decoder_sparse_step", 1) != 1 or config.get("mlp_only_layers"):
        sketch.understood = False
    routed = _experts(sketch, x, width, wide="moe_intermediate_dim")
    if not shared:
        return routed
    wide = "shared_expert_intermediate_dim"
    own = _gated(sketch, x, width, wide=wide, lead="shared_expert_")
    gate = sketch.layer("shared_expert_gate_dense", "Dense", x, units=1, use_bias=False, activation="sigmoid")
    return sketch.add(routed, sketch.operation("Multiply", own, gate))


# ---- what attention holds beside its projections -----------------------------------------------------------


def _sinks(sketch: Sketch, heads: int, _size: int) -> tuple[Weight, ...]:
    """Return a score for each head that competes with those of keys."""
    return (sketch.held("sinks", heads),)


def _frequencies(sketch: Sketch, _heads: int, size: int) -> tuple[Weight, ...]:
    """Return the angles by which pairs of features are turned, which are not trained."""
    share = sketch.config.get("partial_rotary_factor", 1.0)
    turned = int(size * share) if isinstance(share, (int, float)) else 0
    return (sketch.held("inv_freq", -(-turned // 2), trained=False),)


# ---- classes -----------------------------------------------------------------------------------------------

_CALL: Final = (
    "decoder_sequence",
    *("decoder_padding_mask", "decoder_attention_mask"),
    *("self_attention_cache", "self_attention_cache_update_index"),
)
_GEMMA_CALL: Final = ("x", "padding_mask", "vision_mask", "response_mask")
_STYLES: Final = {
    "LlamaTransformerDecoder": Style(_gated),
    "MistralTransformerDecoder": Style(_gated, window="sliding_window"),
    "MixtralTransformerDecoder": Style(_experts, window="sliding_window"),
    "Phi3Decoder": Style(_gated),
    "QwenTransformerDecoder": Style(_gated, window="use_sliding_window_attention", bias=True),
    "Qwen3TransformerDecoder": Style(
        _gated, window="sliding_window_size", head_norm=True, must=("head_dim",)
    ),
    "QwenMoeTransformerDecoder": Style(
        partial(_sparse, shared=True), window="use_sliding_window_attention", bias=True
    ),
    "Qwen3MoeTransformerDecoder": Style(
        partial(_sparse, shared=False), window="sliding_window_size", head_norm=True
    ),
    "GptOssTransformerDecoder": Style(
        partial(_experts, bias=True), window="sliding_window", bias=True, out_bias=True, held=_sinks
    ),
    "GPTNeoXDecoder": Style(
        _dense, heads="num_heads", groups="", bias=True, out_bias=True, rms=False, parallel=True
    ),
    "BloomDecoder": Style(_dense, heads="num_heads", groups="", bias=True, out_bias=True, rms=False),
    "FalconTransformerDecoder": Style(
        _dense, heads="num_attention_heads", groups="", bias=True, out_bias=True, rms=False
    ),
    "SmolLM3DecoderLayer": Style(_small, heads="num_attention_heads", held=_frequencies),
}
_GEMMAS: Final = {
    name: Style(_gemma, window="use_sliding_window_attention", must=("head_dim",))
    for name in ("GemmaDecoderBlock", "Gemma3DecoderBlock")
}
PUBLISHED: Final = {
    **{name: Published(partial(_block, style), _CALL) for name, style in _STYLES.items()},
    **{name: Published(partial(_block, style), _GEMMA_CALL) for name, style in _GEMMAS.items()},
    "FalconTransformerDecoder": Published(
        partial(_block, _STYLES["FalconTransformerDecoder"]), ("inputs", *_CALL[1:])
    ),
    "SmolLM3DecoderLayer": Published(
        partial(_block, _STYLES["SmolLM3DecoderLayer"]), ("hidden_states", "training", *_CALL[1:3])
    ),
}
"""By class, as files spell them."""

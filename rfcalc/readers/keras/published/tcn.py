"""Keras-tcn's TCN (Bai, Kolter and Koltun 2018): blocks of two dilated convolutions."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.published.sketch import Drawn, Published, Sketch, Tensor

MOST_BLOCKS: Final = 1_000
"""Blocks of one temporal convolutional network; no real one has so many."""


def _temporal_convolutions(sketch: Sketch) -> Drawn | None:
    """Draw a TCN: its output sums what blocks add, or is the last block's without skip connections."""
    source = sketch.tensor("inputs")
    if source is None or not _is_known(sketch.config):
        return None
    config = sketch.config
    filters, dilations = config.get("nb_filters"), config.get("dilations")
    widths = filters if isinstance(filters, list) else [filters] * len(dilations)
    channels, extent = sketch.width(source), None if source.shape is None else source.shape[1]
    sequences, padding = config.get("return_sequences"), config.get("padding")
    if not sequences and type(extent) is not int and padding == "same":
        return None
    if config.get("go_backwards"):
        source = sketch.operation("Flip", source, axis=1)
    skips: list[Tensor] = []
    for width, dilation in list(zip(widths, dilations, strict=True)) * config.get("nb_stacks"):
        block = f"residual_block_{len(skips)}"
        branch, source = _residual_block(sketch, block, source, channels != width, width, dilation)
        channels = width
        skips.append(branch)
    if config.get("use_skip_connections"):
        source = sketch.layer("skip_connections", "Add" if len(skips) > 1 else "Activation", skips)
    if not sequences:  # the step in the middle sees both ways, the last one what came before it
        step = -1 if type(extent) is not int or padding == "causal" else extent // 2
        source = sketch.operation("GetItem", source, key=(slice(None), step))
    return sketch.drawn(source)


def _is_known(config: Config) -> bool:
    """Tell whether settings are those of versions that are known, and what they make is not too large."""
    dilations, filters = config.get("dilations"), config.get("nb_filters")
    # weight norm is that of another package, whose versions differ in what they count
    odd = any(config.get(name) for name in ("return_state", "use_weight_norm"))
    if odd or not dilations or config.get("padding") not in ("causal", "same"):
        return False
    widths = filters if isinstance(filters, list) else [filters] * len(dilations)
    numbers = [*dilations, *widths, config.get("kernel_size"), config.get("nb_stacks")]
    if len(widths) != len(dilations) or not all(type(each) is int and each > 0 for each in numbers):
        return False
    return bool(len(dilations) * config.get("nb_stacks") <= MOST_BLOCKS)


def _residual_block(
    sketch: Sketch, block: str, source: Tensor, matched: bool, filters: int, dilation: int
) -> tuple[Tensor, Tensor]:
    """Draw one block: its branch, which skip connections take, and the sum with its input."""
    config = sketch.config

    def add(name: str, class_name: str, *sources: Any, **settings: Any) -> Tensor:
        return sketch.layer(f"{block}_{name}", class_name, *sources, **settings)

    activation = config.get("activation")
    here = source
    for k in range(2):
        here = add(
            f"conv1D_{k}",
            "Conv1D",
            here,
            filters=filters,
            kernel_size=[config.get("kernel_size")],
            dilation_rate=[dilation],
            padding=config.get("padding"),
        )
        if config.get("use_batch_norm"):
            here = add(f"norm_{k}", "BatchNormalization", here, axis=-1)
        elif config.get("use_layer_norm"):
            here = add(f"norm_{k}", "LayerNormalization", here, axis=-1)
        here = add(f"activation_{k}", "Activation", here, activation=activation)
        here = add(f"dropout_{k}", "SpatialDropout1D", here, rate=config.get("dropout_rate", 0.0))
    branch = add("branch", "Activation", here, activation=activation)
    if matched:
        source = add("matching_conv1D", "Conv1D", source, filters=filters, kernel_size=[1], padding="same")
    both = add("sum", "Add", [source, branch])
    return branch, add("output", "Activation", both, activation=activation)


PUBLISHED: Final = {"TCN": Published(_temporal_convolutions)}
"""By class, as files spell them."""

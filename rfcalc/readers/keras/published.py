"""Layers that published packages build of Keras layers, spelled as the models that they are."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from rfcalc.readers.keras.config import Config

MOST_BLOCKS: Final = 1_000
"""Blocks of one temporal convolutional network; no real one has so many."""


class _Made(NamedTuple):
    """What a layer is to make: its own settings, and the input that it was built with."""

    config: Config
    extent: int | None
    channels: int


def published_model(entry: Config) -> Config | None:
    """Return the model that a layer of a published package is; None for any other, or where settings are new.

    Which layers there are can depend on the input that the file records for the layer.
    """
    name, module = entry.get("class_name"), entry.get("module")
    spelled = _PUBLISHED.get((name, module)) if isinstance(name, str) and isinstance(module, str) else None
    if spelled is None:
        return None
    built = entry.get("build_config")
    shape = built.get("input_shape") if isinstance(built, dict) else None
    if not isinstance(shape, list) or len(shape) != 3 or type(shape[2]) is not int:
        return None
    extent = shape[1] if type(shape[1]) is int else None
    layers = spelled(_Made(entry.object("config"), extent, shape[2]))
    if layers is None:
        return None
    if entry.object("config").get("trainable") is False:
        for layer in layers:
            layer["config"]["trainable"] = False
    first, last = layers[0]["name"], layers[-1]["name"]
    model = {"layers": layers, "input_layers": [[first, 0, 0]], "output_layers": [[last, 0, 0]]}
    return Config(model, f"{entry.where}.config")


def _layer(class_name: str, name: str, sources: list[str], **settings: Any) -> dict[str, Any]:
    """Return the entry of a Keras layer, called once on all of its sources."""
    nodes = [[[source, 0, 0, {}] for source in sources]] if sources else []
    return {
        "class_name": class_name,
        "name": name,
        "config": {"name": name, **settings},
        "inbound_nodes": nodes,
    }


def _temporal_convolutions(made: _Made) -> list[dict[str, Any]] | None:
    """Return the layers of keras-tcn's TCN (Bai, Kolter and Koltun 2018): blocks of two convolutions.

    Its output is the sum of what the blocks add, or the last block's output without skip connections.
    """
    config = made.config
    dilations, filters = config.get("dilations"), config.get("nb_filters")
    padding, sequences = config.get("padding"), config.get("return_sequences")
    widths = filters if isinstance(filters, list) else [filters] * len(dilations or ())
    numbers = [*(dilations or ()), *widths, config.get("kernel_size"), config.get("nb_stacks")]
    # weight norm is that of another package, whose versions differ in what they count
    odd = any(config.get(name) for name in ("return_state", "use_weight_norm"))
    if odd or not dilations or len(widths) != len(dilations) or padding not in ("causal", "same"):
        return None
    if not all(type(number) is int and number > 0 for number in numbers):
        return None
    if len(dilations) * config.get("nb_stacks") > MOST_BLOCKS:
        return None
    extent = made.extent
    if not sequences and extent is None and padding == "same":
        return None
    layers = [_layer("InputLayer", "input", [], batch_input_shape=[None, made.extent, made.channels])]
    source, channels = "input", made.channels
    if config.get("go_backwards"):
        layers.append(_operation("Flip", "reversed", source, axis=1))
        source = "reversed"
    skips: list[str] = []
    for width, dilation in list(zip(widths, dilations, strict=True)) * config.get("nb_stacks"):
        block = f"residual_block_{len(skips)}"
        layers += _residual_block(config, block, source, channels != width, width, dilation)
        source, channels = f"{block}_output", width
        skips.append(f"{block}_branch")
    if config.get("use_skip_connections"):
        layers.append(_layer("Add" if len(skips) > 1 else "Activation", "skip_connections", skips))
    if not sequences:  # the step in the middle sees both ways, the last one what came before it
        step = -1 if extent is None or padding == "causal" else extent // 2
        every = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}
        layers.append(_operation("GetItem", "output", layers[-1]["name"], key=[every, step]))
    return layers


def _operation(class_name: str, name: str, source: str, **arguments: Any) -> dict[str, Any]:
    """Return the entry of an operation of Keras on one tensor."""
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [source, 0, 0]}}
    return {
        "module": "keras.src.ops.numpy",
        "class_name": class_name,
        "name": name,
        "config": {"name": name},
        "inbound_nodes": [{"args": [tensor], "kwargs": arguments}],
    }


def _residual_block(
    config: Config, block: str, source: str, matched: bool, filters: int, dilation: int
) -> list[dict[str, Any]]:
    """Return the layers of one block: its branch, which skip connections take, and the sum with its input."""
    layers: list[dict[str, Any]] = []

    def add(class_name: str, name: str, sources: list[str], **settings: Any) -> str:
        layers.append(_layer(class_name, f"{block}_{name}", sources, **settings))
        return f"{block}_{name}"

    activation = config.get("activation")
    here = source
    for k in range(2):
        here = add(
            "Conv1D",
            f"conv1D_{k}",
            [here],
            filters=filters,
            kernel_size=[config.get("kernel_size")],
            dilation_rate=[dilation],
            padding=config.get("padding"),
        )
        if config.get("use_batch_norm"):
            here = add("BatchNormalization", f"norm_{k}", [here], axis=-1)
        elif config.get("use_layer_norm"):
            here = add("LayerNormalization", f"norm_{k}", [here], axis=-1)
        here = add("Activation", f"activation_{k}", [here], activation=activation)
        here = add("SpatialDropout1D", f"dropout_{k}", [here], rate=config.get("dropout_rate", 0.0))
    branch = add("Activation", "branch", [here], activation=activation)
    if matched:
        source = add("Conv1D", "matching_conv1D", [source], filters=filters, kernel_size=[1], padding="same")
    both = add("Add", "sum", [source, branch])
    add("Activation", "output", [both], activation=activation)
    return layers


_PUBLISHED: Final = {("TCN", "tcn.tcn"): _temporal_convolutions, ("TCN", "tcn"): _temporal_convolutions}
"""By class and module, as the file spells them."""

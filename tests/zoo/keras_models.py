"""Which Keras models the zoo holds, and how rfcalc's reading of their files is held against Keras itself."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Model(NamedTuple):
    """One Keras model: the library and its name there, and what builds it with fresh weights."""

    name: str
    build: Callable[[], Any]


APPLICATIONS = """
ConvNeXtTiny ConvNeXtSmall DenseNet121 DenseNet169 DenseNet201 EfficientNetB0 EfficientNetB1
EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2
EfficientNetV2B3 EfficientNetV2S InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Small
MobileNetV3Large NASNetMobile ResNet50 ResNet101 ResNet152 ResNet50V2 ResNet101V2 ResNet152V2 VGG16 VGG19
Xception
"""

VARIANTS: dict[str, dict[str, Any]] = {
    "no top": {"include_top": False},
    "no top, 160x96": {"include_top": False, "input_shape": (160, 96, 3)},
    "10 classes": {"classes": 10},
}
VARIED = """
ConvNeXtTiny DenseNet121 EfficientNetB0 EfficientNetV2B0 InceptionV3 MobileNetV2 MobileNetV3Small ResNet50
Xception VGG16
"""

BACKBONES: dict[str, dict[str, Any]] = {  # of keras-hub, small
    "ResNet": {
        "input_conv_filters": [64],
        "input_conv_kernel_sizes": [7],
        "stackwise_num_filters": [64, 128],
        "stackwise_num_blocks": [1, 1],
        "stackwise_num_strides": [1, 2],
        "block_type": "basic_block",
    },
    "DenseNet": {"stackwise_num_repeats": [2, 2], "compression_ratio": 0.5, "growth_rate": 8},
    "VGG": {"stackwise_num_repeats": [1, 1, 1], "stackwise_num_filters": [4, 8, 8]},
    "Xception": {
        "stackwise_conv_filters": [[8, 8], [8, 8]],
        "stackwise_pooling": [True, False],
    },
}


def models() -> Iterator[Model]:
    """Yield all models."""
    for name in APPLICATIONS.split():
        yield Model(f"keras/{name}", _application(name))
    for name in VARIED.split():
        for variant, settings in VARIANTS.items():
            yield Model(f"keras/{name}, {variant}", _application(name, **settings))
    for name, settings in BACKBONES.items():
        yield Model(f"keras-hub/{name}", _backbone(name, settings))


def _application(name: str, **settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return getattr(keras.applications, name)(weights=None, **settings)

    return build


def _backbone(name: str, settings: dict[str, Any]) -> Callable[[], Any]:
    def build() -> Any:
        import keras
        import keras_hub

        backbone = getattr(keras_hub.models, f"{name}Backbone")(image_shape=(64, 64, 3), **settings)
        return keras.Model(backbone.inputs, backbone.outputs)

    return build


def held(name: str) -> dict[str, Any]:
    """Return the comparison of one model, as a record."""
    import rfcalc

    model = next(each for each in models() if each.name == name).build()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.json"
        file.write_text(model.to_json(), encoding="utf-8")
        analysis = rfcalc.analyze(str(file))
    rows = {row.name: row for row in analysis.rows}
    trained = sum(_size(weight) for weight in model.trainable_weights)
    stored = sum(_size(weight) for weight in model.non_trainable_weights)
    paired = [(layer, rows[layer.name]) for layer in model.layers if layer.name in rows]
    shapes = [
        f"{layer.name}: {row.output_shape} for {shape}"
        for layer, row in paired
        if (shape := _shape(layer)) is not None
        and row.output_shape is not None
        and tuple(row.output_shape) != shape
    ]
    counts = [
        f"{layer.name}: {row.params.total} for {layer.count_params()}"
        for layer, row in paired
        if row.params.total != layer.count_params() and not row.calls
    ]
    params = analysis.totals.params
    return {
        "params": {"every": trained + stored, "reached": trained + stored, "rfcalc": params.total},
        "trainable": {"keras": trained, "rfcalc": params.trainable},
        "shapes": {"paired": len(paired), "differ": shapes + counts},
        "rows": {
            status: sum(row.status == status for row in analysis.rows)
            for status in ("exact", "bound", "unknown")
        },
        "reasons": sorted({row.reason for row in analysis.rows if row.reason})[:4],
    }


def _size(weight: Any) -> int:
    size = 1
    for extent in weight.shape:
        size *= int(extent)
    return size


def _shape(layer: Any) -> tuple[int | None, ...] | None:
    """Return the shape that a layer puts out, where that is one tensor."""
    output = getattr(layer, "output", None)
    return tuple(output.shape) if output is not None and hasattr(output, "shape") else None

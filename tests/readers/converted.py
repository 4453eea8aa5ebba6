"""Models of Keras, and what converters make of them: ``python -m tests.readers.converted`` writes the files.

It needs TensorFlow and tf2onnx. Weights are random, those of normalisation too, so that none is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[1] / "data" / "converted"

NAMES: Final = ("classifier", "mobile", "unet")


def _normed(x: Any, layer: Any, slope: Any = None) -> Any:
    """Return a layer with normalisation, and an activation where there is one."""
    from keras import layers

    x = layers.BatchNormalization(name=f"{layer.name}_norm")(layer(x))
    return x if slope is None else layers.ReLU(slope or None, name=f"{layer.name}_relu")(x)


def _conv(filters: int, kernel: int, name: str, **more: Any) -> Any:
    from keras import layers

    return layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=name, **more)


def classifier() -> Any:
    """Return convolutions with strides and pooling, and dense layers."""
    import keras
    from keras import layers

    image = keras.Input((32, 32, 3), name="image")
    x = _normed(image, _conv(8, 3, "stem"), 0)
    x = _normed(layers.MaxPooling2D(2, name="pool")(x), _conv(12, 3, "down", strides=2), 0)
    x = layers.Conv2D(12, 3, activation="relu", name="valid")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(16, activation="relu", name="hidden")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="top")(x))


def mobile() -> Any:
    """Return inverted residuals, a gate, and a separable convolution."""
    import keras
    from keras import layers

    def residual(x: Any, filters: int, stride: int, wide: int, name: str) -> Any:
        y = _normed(x, _conv(wide, 1, f"{name}_expand"), 6.0)
        if stride == 2:
            y = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(y)
        padding = "valid" if stride == 2 else "same"
        each = layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=f"{name}_depthwise")
        y = _normed(_normed(y, each, 6.0), _conv(filters, 1, f"{name}_project"))
        return y if stride == 2 or x.shape[-1] != filters else layers.Add(name=f"{name}_add")([x, y])

    image = keras.Input((48, 48, 3), name="image")
    x = _normed(image, _conv(8, 3, "stem", strides=2), 6.0)
    x = residual(residual(x, 8, 1, 16, "first"), 12, 2, 24, "second")
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    gate = layers.Conv2D(4, 1, activation="relu", name="reduce")(gate)
    gate = layers.Conv2D(12, 1, activation="hard_sigmoid", name="expand")(gate)
    x = layers.Multiply(name="excite")([x, gate])
    x = layers.SeparableConv2D(16, 3, padding="same", activation="swish", name="separable")(x)
    x = layers.Dropout(0.2, name="drop")(layers.GlobalMaxPooling2D(name="largest")(x))
    return keras.Model(image, layers.Dense(5, activation="softmax", name="top")(x))


def unet() -> Any:
    """Return an encoder and a decoder with skips, on images of one channel."""
    import keras
    from keras import layers

    image = keras.Input((32, 32, 1), name="image")
    high = _normed(image, _conv(4, 3, "high"), 0)
    low = _normed(layers.MaxPooling2D(2, name="pool_high")(high), _conv(8, 3, "low"), 0)
    x = _normed(layers.MaxPooling2D(2, name="pool_low")(low), _conv(8, 3, "middle"), 0)
    x = layers.Conv2DTranspose(8, 2, strides=2, name="up_low")(x)
    x = _normed(layers.Concatenate(name="join_low")([x, low]), _conv(8, 3, "decode_low"), 0)
    x = layers.UpSampling2D(2, name="up_high")(x)
    x = _normed(layers.Concatenate(name="join_high")([x, high]), _conv(4, 3, "decode_high"), 0)
    return keras.Model(image, layers.Conv2D(2, 1, activation="sigmoid", name="head")(x))


def _write(name: str, model: Any) -> None:
    """Write a model as Keras's JSON, in TFLite and in ONNX."""
    import keras
    import tensorflow

    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            held = layer.get_weights()
            layer.set_weights([each + 0.1 * keras.random.uniform(each.shape).numpy() for each in held])
    (FOLDER / f"{name}.json").write_text(model.to_json() + "\n")
    lite = tensorflow.lite.TFLiteConverter.from_keras_model(model).convert()
    (FOLDER / f"{name}.tflite").write_bytes(lite)
    model.export(FOLDER / f"{name}.onnx", format="onnx", verbose=False)


if __name__ == "__main__":
    import keras

    keras.utils.set_random_seed(0)
    for each in NAMES:
        _write(each, globals()[each]())

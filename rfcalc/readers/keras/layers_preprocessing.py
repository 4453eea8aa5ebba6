"""Preprocessing layers of Keras: of images, categories, texts and sound, and augmentation."""

from __future__ import annotations

from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN
from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.settings import (
    MODES,
    PADDINGS,
    Made,
    Maker,
    image_layout,
    is_channels_first,
    layout,
    plain,
)


def _image(config: Config) -> dict[str, Any]:
    return image_layout(is_channels_first(config))


def _resizing(config: Config) -> Made:
    return "resize", {
        "size": (config.whole("height"), config.whole("width")),
        "mode": config.choice("interpolation", MODES, "bilinear"),
        "antialias": config.flag("antialias"),
        "aspect": config.flag("crop_to_aspect_ratio") or config.flag("pad_to_aspect_ratio"),
        **_image(config),
    }


def _center_crop(config: Config) -> Made:
    return "center_crop", {"size": (config.whole("height"), config.whole("width")), **_image(config)}


def _tiles(config: Config) -> Made:
    return "tile_equalization", {"tiles": config.per_axis("tile_grid_size", 2, 8), **_image(config)}


def _categories(size: str) -> Maker:
    def make(config: Config) -> Made:
        mode = config.text("output_mode", "int")
        if mode == "int":
            return "identity", {}
        count = config.optional(size)
        if count is None and isinstance(config.get("bin_boundaries"), list):
            count = len(config.list("bin_boundaries")) + 1
        if count is None:
            return "unknown", {"why": "the size of its vocabulary is not in the file"}
        return "one_hot", {"size": count, "mode": "one" if mode == "one_hot" else "multi"}

    return make


def _crossing(config: Config) -> Made:
    if config.text("output_mode", "int") == "int":
        return "elementwise", {"function": "crossing"}
    return "unknown", {"why": "a crossing that is coded one-hot"}


def _text(config: Config) -> Made:
    """Tokens of a text: their number is that of the settings, whatever the input's shape."""
    mode = config.text("output_mode", "int")
    count = config.optional("output_sequence_length" if mode == "int" else "vocabulary_size")
    size = UNKNOWN if count is None else count
    settings = {"shape": (None, size), "axes": "bs" if mode == "int" else "bc"}
    return "cover", {**settings, "reason": "a text is split into tokens"}


def _stft(config: Config) -> Made:
    frame = config.whole("frame_length", 256)
    step = config.optional("frame_step") or max(frame // 2, 1)
    length = config.optional("fft_length") or 1 << (frame - 1).bit_length()
    return "stft", {
        "kernel": frame,
        "stride": step,
        "bins": length // 2 + 1,
        "mode": config.text("mode", "log"),
        "padding": config.choice("padding", PADDINGS, "valid"),
        "expand": config.flag("expand_dims"),
        **layout(config, 1),
    }


def _mel(config: Config) -> Made:
    fft = config.whole("fft_length", 2048)
    kernel = config.optional("sequence_length") or fft
    before = fft // 2 - (fft - kernel) // 2
    return "frames", {
        "kernel": kernel,
        "stride": config.whole("sequence_stride", 512),
        "bins": config.whole("num_mel_bins", 128),
        "before": before,
        "after": kernel + 1 - before,  # so that there are (n + stride + 1)//stride frames, as Keras counts
        "border": True,
        "axis": -1,
        "transposed": True,
        "clips": config.flag("power_to_db", True),
    }


_IDENTITIES: Final = (
    "MaxNumBoundingBoxes", "AugMix", "CutMix", "MixUp", "RandAugment", "RandomApply",
    "RandomBrightness", "RandomChannelShift", "RandomChoice", "RandomColorDegeneration",
    "RandomColorJitter", "RandomContrast", "RandomElasticTransform", "RandomErasing", "RandomFlip",
    "RandomGaussianBlur", "RandomGrayscale", "RandomHeight", "RandomHue", "RandomInvert",
    "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness",
    "RandomShear", "RandomTranslation", "RandomWidth", "RandomZoom",
)  # fmt: skip
"""Nothing changes at inference: augmentation."""

_FUNCTIONS: Final = ("Rescaling", "Solarization", "Equalization")
"""Each element becomes another by itself."""

PREPROCESSING: Final[dict[str, Maker]] = {
    **{name: plain("identity") for name in _IDENTITIES},
    **{name: plain("activation", function=name.lower()) for name in _FUNCTIONS},
    "Resizing": _resizing,
    "CenterCrop": _center_crop,
    "RandomCrop": _center_crop,
    "AutoContrast": plain("instance_norm", scale=False, center=False),
    "ContrastLimitedAdaptiveHistogramEqualization": _tiles,
    "CategoryEncoding": _categories("num_tokens"),
    "Discretization": _categories("num_bins"),
    "StringLookup": _categories("vocabulary_size"),
    "IntegerLookup": _categories("vocabulary_size"),
    "TextVectorization": _text,
    "Hashing": _categories("num_bins"),
    "HashedCrossing": _crossing,
    "STFTSpectrogram": _stft,
    "MelSpectrogram": _mel,
}

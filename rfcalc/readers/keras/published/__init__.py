"""Layers that published packages build of Keras layers, read as the models that they are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from rfcalc.errors import ReadError
from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.nodes import Node

if TYPE_CHECKING:
    from rfcalc.readers.keras.published.sketch import Called, Drawn, Published

_PACKAGES: Final = {
    "tcn": ("tcn",),
    "keras_hub": ("hub_layers", "hub_decoders", "hub_encoders", "hub_images"),
}
"""For each package the modules that know its layers, loaded where a file has one."""


def drawn(entry: Config, node: Node, path: str, *, trainable: bool, padded: bool) -> Drawn | None:
    """Return the model that a published layer is; None for any other, or where settings are new.

    Parameters
    ----------
    entry, node, path, trainable, padded
        How it is called in the file, as of `rfcalc.readers.keras.published.sketch.Called`.
    """
    name, module = entry.get("class_name"), entry.get("module")
    if not isinstance(name, str) or not isinstance(module, str):
        return None
    for place in _PACKAGES.get(module.partition(".")[0], ()):
        known: dict[str, Published] = import_module(f"{__name__}.{place}").PUBLISHED
        if name in known:
            from rfcalc.readers.keras.published.sketch import Called

            return _drawn(known[name], Called(entry, node, path, trainable, padded))
    return None


def _drawn(published: Published, called: Called) -> Drawn | None:
    from rfcalc.readers.keras.published.sketch import Sketch

    try:
        return published.draw(Sketch(called, published.names)) if _is_plain(called.config) else None
    except ReadError:  # a setting that another version writes otherwise
        return None


def _is_plain(config: Config) -> bool:
    """Tell whether all that a layer holds is of one type, and kept in full."""
    policy = config.get("dtype")
    return not isinstance(policy, dict) or policy.get("class_name") == "DTypePolicy"

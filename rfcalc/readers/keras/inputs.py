"""Inputs of a Keras model: the shapes that the file declares or implies, those given instead, their axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN, Num
from rfcalc.errors import ReadError
from rfcalc.graph import Edge
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, Stage
from rfcalc.readers.input_shapes import check_names, given_extents, in_place_of
from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.entries import DEEPEST, config_of

_ROLES: Final = {0: "", 1: "b", 2: "bc", 3: "bsc", 4: "bssc", 5: "bsssc", 6: "bssssc"}
"""Roles of axes by their number, for an input of which no layer tells more."""

_KEEP_AXES: Final = frozenset(
    ("activation", "add", "batch_norm", "elementwise", "identity", "layer_norm", "maximum", "multiply",
     "normalization", "prelu", "subtract")
)  # fmt: skip
"""Kinds whose output has the axes of their input."""


class Inputs:
    """The inputs of one document.

    Parameters
    ----------
    shapes : mapping
        Shapes by the name of the input, in place of the file's; under ``""`` for the only one.
    """

    def __init__(self, shapes: Mapping[str, Sequence[Any]]) -> None:
        self.resized = False
        self._shapes = shapes
        self._used: set[str] = set()
        self._names: list[str] = []
        self._input_of: dict[str, str] = {}
        self._roles: dict[str, str] = {}

    def shape_of(self, name: str, shape: tuple[Num, ...] | None, where: str) -> tuple[Num, ...]:
        """Return the shape of an input, for which the file has `shape`."""
        chosen = self._shapes.get(name)
        key = name
        if chosen is None and "" in self._shapes:
            chosen, key = self._shapes[""], ""
        if chosen is not None and key not in self._used:
            self._used.add(key)
            found = given_extents(chosen, name) if shape is None else in_place_of(shape, chosen, name)
            known = shape or (0,) * len(found)
            self.resized |= any(a is not UNKNOWN and a != b for a, b in zip(known, found, strict=True))
            shape = found
        if shape is None:
            raise ReadError(
                "the file does not say the shape of its input; give one with --input-shape", where=where
            )
        if len(shape) not in _ROLES:
            raise ReadError(f"inputs of {len(shape)} axes are not known", where=where)
        return shape

    def add(self, name: str) -> None:
        """Add an input."""
        self._names.append(name)
        self._input_of[name] = name

    def learn_axes(self, layer: str, stage: Stage, edges: Sequence[Edge]) -> None:
        """Remember what the first layer that knows the axes of an input says of them."""
        kind, attrs, extras = stage
        if "wrapped" in attrs:
            kind, attrs = attrs["wrapped"]["kind"], attrs["wrapped"]["attrs"]
        name = self._input_of.get(edges[0][0], "") if edges else ""
        if not name or name in self._roles:
            return
        if kind in _KEEP_AXES:
            self._input_of[layer] = name
        if kind in ("embedding", "frames"):
            self._roles[name] = "bs"
        elif isinstance(attrs.get("spatial"), tuple) and min(attrs["spatial"]) > 0 and "channel" in attrs:
            places = [place + extras.lead for place in (*attrs["spatial"], attrs["channel"])]
            roles = [BATCH] + [SPATIAL] * max(places)
            roles[places[-1]] = CHANNEL
            self._roles[name] = "".join(roles)

    def axes_of(self, name: str, rank: int) -> str:
        """Return the roles of an input's axes."""
        roles = self._roles.get(name, "")
        return roles if len(roles) == rank else _ROLES[rank]

    def check_all_used(self) -> None:
        """Refuse a shape that was given for an input which the model does not have."""
        check_names(self._shapes, self._names)


def declared_shape(config: Config) -> tuple[Num, ...] | None:
    """Return the shape that an InputLayer has."""
    shape = None
    for key in ("batch_shape", "batch_input_shape"):
        if config.get(key) is not None:
            shape = config.shape(key)
    return shape


def implied_shape(model: Config, first: Config) -> tuple[Num, ...] | None:
    """Return the input shape of a Sequential without an InputLayer, from its config or its first layer's."""
    for place, key in ((first, "batch_input_shape"), (first, "batch_shape"), (model, "build_input_shape")):
        if isinstance(place.get(key), list):
            return place.shape(key)
    return _nested_shape(first)


def _nested_shape(config: Config) -> tuple[Num, ...] | None:
    """Look for the input shape of a model that stands first in another."""
    for _ in range(DEEPEST):
        for key in ("batch_shape", "batch_input_shape", "build_input_shape"):
            if isinstance(config.get(key), list):
                return config.shape(key)
        layers = config.get("layers")
        first = layers[0] if isinstance(layers, list) and layers else None
        if not isinstance(first, dict) or not isinstance(first.get("config"), (dict, list)):
            return None
        config = config_of(Config(first, f"{config.where}.layers[0]"))
    return None

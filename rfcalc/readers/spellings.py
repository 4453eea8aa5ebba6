"""How the native format spells layer kinds: the kinds of the registry, and other names in common use."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rfcalc.rules import registry
from rfcalc.rules.registry import Kind, Setting

ALIASES: Final[Mapping[str, str]] = {
    "avg_pool": "average_pool",
    "avgpool": "average_pool",
    "batchnorm": "batch_norm",
    "bn": "batch_norm",
    "concatenate": "concat",
    "conv_transpose": "transposed_conv",
    "deconv": "transposed_conv",
    "dense": "linear",
    "fc": "linear",
    "groupnorm": "group_norm",
    "layernorm": "layer_norm",
    "lrn": "local_response_norm",
    "maxpool": "max_pool",
    "mha": "multi_head_attention",
    "mul": "multiply",
    "pixel_shuffle": "depth_to_space",
    "pixel_unshuffle": "space_to_depth",
    "sub": "subtract",
    "upsampling": "upsample",
    "zero_pad": "pad",
}
"""Other names of a kind."""

RANKED: Final[Mapping[str, str]] = {
    "avg_pool": "average_pool",
    "avgpool": "average_pool",
    "conv": "conv",
    "conv_transpose": "transposed_conv",
    "depthwise_conv": "depthwise_conv",
    "max_pool": "max_pool",
    "maxpool": "max_pool",
    "separable_conv": "separable_conv",
    "transposed_conv": "transposed_conv",
}
"""Names that may end in 1d, 2d or 3d; windows then have as many axes, also where one number is given."""

PRESETS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "adaptive_avg_pool": ("adaptive_pool", {"mode": "average"}),
    "adaptive_max_pool": ("adaptive_pool", {"mode": "max"}),
    "gap": ("global_pool", {"mode": "average"}),
    "global_average_pool": ("global_pool", {"mode": "average"}),
    "global_max_pool": ("global_pool", {"mode": "max"}),
    "gmp": ("global_pool", {"mode": "max"}),
}
"""Names that stand for a kind with a setting."""

ACTIVATIONS: Final = (
    "celu", "elu", "exponential", "gelu", "hard_sigmoid", "hard_swish", "hard_tanh", "leaky_relu",
    "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softsign", "swish", "tanh",
)  # fmt: skip
"""Functions whose name stands for an activation with that function."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """A name that a layer's ``kind`` may be.

    Parameters
    ----------
    name : str
        As it stands in the document.
    kind : Kind
        What it means.
    presets : mapping
        Settings that it fixes.
    rank : int, optional
        How many spatial axes it fixes.
    """

    name: str
    kind: Kind
    presets: Mapping[str, Any] = field(default_factory=dict)
    rank: int | None = None

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that a document may give."""
        return tuple(s for s in self.kind.settings if s.form != registry.INTERNAL and s.name not in self.presets)

    @property
    def required(self) -> tuple[str, ...]:
        """The settings that a document has to give."""
        return tuple(s.name for s in self.settings if s.default is registry.REQUIRED)

    @property
    def is_alias(self) -> bool:
        """Tell whether the name is another than the kind's own."""
        return self.name != self.kind.name


@functools.cache
def spellings() -> Mapping[str, Spelling]:
    """Return every name that ``kind`` may be, the kinds themselves first."""
    kinds = {name: kind for name, kind in sorted(registry.kinds().items()) if kind.native}
    table = {name: Spelling(name, kind) for name, kind in kinds.items()}
    for alias, name in ALIASES.items():
        table[alias] = Spelling(alias, kinds[name])
    for alias, (name, presets) in PRESETS.items():
        table[alias] = Spelling(alias, kinds[name], presets)
    for function in ACTIVATIONS:
        table[function] = Spelling(function, kinds["activation"], {"function": function})
    for stem, name in RANKED.items():
        for rank in (1, 2, 3):
            table[f"{stem}{rank}d"] = Spelling(f"{stem}{rank}d", kinds[name], rank=rank)
    return table

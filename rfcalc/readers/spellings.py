"""How the native format spells layer kinds: the kinds of the registry, and other names in common use."""

from __future__ import annotations

import functools
from collections.abc import Mapping
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

RANKS: Final = (1, 2, 3)

PRESETS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "adaptive_avg_pool": ("adaptive_pool", {"mode": "average"}),
    "adaptive_max_pool": ("adaptive_pool", {"mode": "max"}),
    "gap": ("global_pool", {"mode": "average"}),
    "global_average_pool": ("global_pool", {"mode": "average"}),
    "global_max_pool": ("global_pool", {"mode": "max"}),
    "gmp": ("global_pool", {"mode": "max"}),
    "pixel_shuffle": ("depth_to_space", {"order": "channels_first"}),
    "pixel_unshuffle": ("space_to_depth", {"order": "channels_first"}),
}
"""Names that stand for a kind with a setting."""

ACTIVATIONS: Final = (
    "celu", "elu", "exponential", "gelu", "hard_sigmoid", "hard_swish", "hard_tanh", "leaky_relu",
    "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softsign", "swish",
    "tanh",
)  # fmt: skip
"""Functions whose name stands for an activation with that function."""


class Spelling:
    """A name that a layer's ``kind`` may be.

    Parameters
    ----------
    name : str
        As it stands in the document.
    kind : Kind
        What it means.
    presets : mapping, optional
        Settings that it fixes.
    rank : int, optional
        How many spatial axes it fixes.

    Attributes
    ----------
    settings : mapping of str to Setting
        The settings that a document may give.
    required : tuple of str
        The settings that a document has to give.
    is_alias : bool
        Whether the name is another than the kind's own.
    """

    __slots__ = ("is_alias", "kind", "name", "presets", "rank", "required", "settings")

    def __init__(
        self, name: str, kind: Kind, presets: Mapping[str, Any] | None = None, rank: int | None = None
    ) -> None:
        self.name = name
        self.kind = kind
        self.presets: Mapping[str, Any] = presets or {}
        self.rank = rank
        self.is_alias = name != kind.name
        self.settings: Mapping[str, Setting] = {
            setting.name: setting
            for setting in kind.settings
            if setting.form != registry.INTERNAL and setting.name not in self.presets
        }
        self.required = tuple(
            name for name, setting in self.settings.items() if setting.default is registry.REQUIRED
        )


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
        for rank in RANKS:
            table[f"{stem}{rank}d"] = Spelling(f"{stem}{rank}d", kinds[name], rank=rank)
    return table

"""A specimen of each kind: the call that shows its formulas, with a letter for every number.

``rfcalc rules`` runs the rules on symbols of these letters; the tests run them on numbers and on many designs
too, and compare (the commuting square). Static settings (words and flags) are as given here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.graph.layer import TensorSpec
from rfcalc.rules.registry import (
    COUNT,
    INTEGER,
    NATURAL,
    NATURAL_PER_AXIS,
    PADDING,
    PAIRS,
    PER_AXIS,
    Kind,
    Setting,
    kinds,
)

Make = Callable[[str], Num]
"""From a letter to a number, a symbol or an array."""

LETTERS: Final = {
    "filters": "F", "units": "F", "kernel": "k", "stride": "s", "dilation": "d", "groups": "g",
    "multiplier": "m", "output_padding": "o", "scale": "s", "size": "m", "block": "b", "count": "r",
    "vocabulary": "V", "heads": "h", "kv_heads": "g", "key_dim": "e", "value_dim": "v", "capsules": "M",
    "dim": "D", "iterations": "r", "bins": "B", "before": "p", "after": "q", "index": "j", "shift": "c",
}  # fmt: skip
"""The letter that the literature uses for a setting."""

MAP: Final = ("BHWC", "bssc")
SEQUENCE: Final = ("BTC", "bsc")
VECTORS: Final = ("BNC", "bsc")


@dataclass(frozen=True, slots=True)
class Specimen:
    """A call with letters for numbers.

    Parameters
    ----------
    kind : str
        Its kind.
    title : str
        What sets it apart, where a kind has several.
    inputs : tuple of (str, str)
        For each input the letters of its extents and the roles of its axes.
    fixed : mapping
        Static settings; a callable is given the maker of numbers.
    divisors : mapping
        For a letter the letters that its number must be a multiple of, and the least it may be.
    """

    kind: str
    title: str = ""
    inputs: tuple[tuple[str, str], ...] = (MAP,)
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def build(self, make: Make) -> tuple[Mapping[str, Any], list[TensorSpec]]:
        """Return settings and inputs with numbers made from the letters."""
        kind = kinds()[self.kind]
        specs = [TensorSpec(tuple(make(letter) for letter in shape), roles) for shape, roles in self.inputs]
        rank = self.inputs[0][1].count("s") if self.inputs else 0
        attrs = {
            s.name: value for s in kind.settings if (value := self._setting(s, kind, rank, make)) is not None
        }
        return attrs, specs

    def _setting(self, setting: Setting, kind: Kind, rank: int, make: Make) -> Any:
        if setting.name in self.fixed:
            value = self.fixed[setting.name]
            return value(make) if callable(value) else value
        letter = LETTERS.get(setting.name)
        if setting.form in (COUNT, NATURAL, INTEGER) and letter:
            return make(letter)
        if setting.form in (PER_AXIS, NATURAL_PER_AXIS) and letter:
            return tuple(make(f"{letter}_{axis}") for axis in axis_names(rank))
        if setting.form in (PADDING, PAIRS):
            return tuple((make(f"p_{axis}"), make(f"q_{axis}")) for axis in axis_names(rank))
        return None


def axis_names(rank: int) -> tuple[str, ...]:
    """Subscripts of the letters of each spatial axis.

    >>> axis_names(2)
    ('h', 'w')
    """
    return {1: ("t",), 2: ("h", "w"), 3: ("d", "h", "w")}.get(rank, ())


def _volume(make: Make) -> Num:
    return make("H") * make("W") * make("C")


SPECIMENS: Final[tuple[Specimen, ...]] = (
    Specimen("conv", "explicit padding"),
    Specimen("conv", "'same'", fixed={"padding": "same", "groups": 1}),
    Specimen("conv", "'causal', one axis", (SEQUENCE,), {"padding": "causal", "groups": 1}),
    Specimen("local_conv", fixed={"padding": "valid"}),
    Specimen("depthwise_conv"),
    Specimen("separable_conv"),
    Specimen("transposed_conv", "explicit padding"),
    Specimen("transposed_conv", "'same'", fixed={"padding": "same", "output_padding": None, "groups": 1}),
    Specimen("patches"),
    Specimen("max_pool", "floor"),
    Specimen("max_pool", "ceil mode", fixed={"ceil": True}),
    Specimen("average_pool"),
    Specimen("lp_pool"),
    Specimen("median_pool"),
    Specimen("global_pool"),
    Specimen("adaptive_pool"),
    Specimen("upsample", "nearest"),
    Specimen("upsample", "linear", fixed={"mode": "linear"}),
    Specimen("upsample", "cubic", fixed={"mode": "cubic"}),
    Specimen("resize"),
    Specimen("pad"),
    Specimen(
        "crop", fixed={"cropping": lambda make: ((make("p_h"), make("q_h")), (make("p_w"), make("q_w")))}
    ),
    Specimen("center_crop", fixed={"size": (1, 1)}),
    Specimen("space_to_depth"),
    Specimen("depth_to_space"),
    Specimen("linear"),
    Specimen("linear", "after a flatten", (("BN", "bc"),)),
    Specimen("embedding", "", (("BT", "bs"),)),
    Specimen("one_hot", "", (("BT", "bs"),)),
    *(
        Specimen(name, "", (MAP, MAP))
        for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "average", "elementwise")
    ),
    Specimen("concat", "channels", (MAP, ("BHWK", "bssc"))),
    Specimen("stack", "", (MAP, MAP)),
    Specimen("positions", "", (VECTORS,), {"length": lambda make: make("N") + make("r")}),
    Specimen("channel_scale", fixed={"size": lambda make: make("C")}),
    Specimen("index", fixed={"key": (0, "...", (1, None, 2))}),
    Specimen("stft", "", (SEQUENCE,), {"padding": "valid"}),
    Specimen("split", fixed={"sizes": lambda make: (make("a"), make("C") - make("a"))}),
    Specimen("reshape", fixed={"shape": lambda make: (None, _volume(make))}),
    Specimen("flatten"),
    Specimen("permute", fixed={"order": (0, 3, 1, 2)}),
    Specimen("expand_dims", fixed={"axes": (1,)}),
    Specimen("squeeze", "", (MAP,), {"axes": ()}),
    Specimen("broadcast_to", "", (("BTC", "bsc"),), {"shape": lambda make: (None, make("T"), make("C"))}),
    Specimen("repeat_vector", "", (("BC", "bc"),)),
    Specimen("repeat"),
    Specimen("tile", "", (SEQUENCE,), {"repeats": lambda make: (1, 1, make("r"))}),
    Specimen("slice", fixed={"slices": ((1, 1, None, 2),)}),
    Specimen("select", fixed={"axis": 1, "index": 0}),
    Specimen("flip", fixed={"axes": (3,)}),
    Specimen("roll", fixed={"axes": (1,)}),
    Specimen("reduce", fixed={"axes": (1, 2)}),
    Specimen("softmax"),
    Specimen("cumulative", "", (SEQUENCE,), {"axis": 1}),
    Specimen("matmul", "", (("BNK", "bsc"), ("BKM", "bsc"))),
    Specimen("einsum", "", (("BNK", "bsc"), ("BKM", "bsc")), {"equation": "bnk,bkm->bnm"}),
    Specimen("dot", "", (("BNC", "bsc"), ("BMC", "bsc")), {"axes": (2, 2)}),
    Specimen(
        "einsum_dense",
        "",
        (SEQUENCE,),
        {"equation": "abc,cd->abd", "units": lambda make: (None, make("F")), "bias_axes": "d"},
    ),
    Specimen("batch_norm"),
    Specimen("layer_norm"),
    Specimen("layer_norm", "over the map", fixed={"axes": (1, 2, 3)}),
    Specimen("rms_norm"),
    Specimen("group_norm"),
    Specimen("instance_norm"),
    Specimen("unit_norm"),
    Specimen("local_response_norm"),
    Specimen("tile_equalization", fixed={"tiles": (1, 1)}),
    Specimen("normalization"),
    Specimen(
        "spectral_norm",
        fixed={
            "wrapped": lambda make: {
                "kind": "conv",
                "attrs": {"filters": make("F"), "kernel": (make("k_h"), make("k_w"))},
            }
        },
    ),
    Specimen("activation"),
    Specimen("prelu"),
    Specimen("prelu", "shared over the map", fixed={"shared_axes": (1, 2)}),
    Specimen("identity"),
    Specimen("dropout"),
    Specimen("simple_rnn", "", (SEQUENCE,)),
    Specimen("lstm", "", (SEQUENCE,)),
    Specimen("lstm", "every step", (SEQUENCE,), {"sequences": True}),
    Specimen("gru", "", (SEQUENCE,)),
    Specimen(
        "recurrent",
        "two cells",
        (SEQUENCE,),
        {
            "cells": lambda make: (
                {"cell": "lstm", "units": make("F")},
                {"cell": "gru", "units": make("G")},
            )
        },
    ),
    Specimen(
        "conv_lstm",
        "",
        (("BTHWC", "bsssc"),),
        {
            "spatial": (2, 3),
            "kernel": lambda make: (make("k_h"), make("k_w")),
            "stride": (1, 1),
            "dilation": (1, 1),
            "padding": "same",
        },
    ),
    Specimen("multi_head_attention", "self-attention", (VECTORS,), {"units": None, "kv_heads": None}),
    Specimen("multi_head_attention", "grouped queries, cross", (VECTORS, ("BKE", "bsc")), {"units": None}),
    Specimen("dot_attention", "", (VECTORS, ("BKC", "bsc"), ("BKF", "bsc"))),
    Specimen("head_attention", "", (("BNhD", "bssc"), ("BKhD", "bssc"), ("BKhV", "bssc"))),
    Specimen("linear_attention", "", (VECTORS, ("BNE", "bsc"), ("BNV", "bsc")), {"heads": 1, "kv_heads": 1}),
    Specimen("additive_attention", "", (VECTORS, ("BKC", "bsc"))),
    Specimen("primary_capsules"),
    Specimen("capsules", "", (VECTORS,), {"count": lambda make: make("M")}),
    Specimen("frames", "", (("BT", "bs"),)),
    Specimen(
        "fused_attention",
        "",
        (VECTORS,),
        {"width": lambda make: 3 * make("C"), "scores": lambda make: 2 * make("C")},
    ),
    Specimen("take", "", (MAP,), {"axis": 3, "indices": (0,)}),
    Specimen("gather", "", (MAP, ("BN", "bs")), {"axis": 3}),
    Specimen("gather_elements", "", (MAP, MAP), {"axis": 3}),
    Specimen("scatter", "", (MAP, MAP)),
    Specimen(
        "fold",
        "",
        (("BCT", "bcs"),),
        {
            "sizes": lambda make: (make("H"), make("W")),
            "kernel": (2, 2),
            "stride": (1, 1),
            "dilation": (1, 1),
            "padding": ((0, 0), (0, 0)),
        },
    ),
    Specimen("top_k", "", (MAP,)),
    Specimen(
        "resample",
        "",
        (MAP,),
        {"axes": lambda make: ((1, make("H") * 2, Fraction(2), None), (2, make("W"), Fraction(1), None))},
    ),
    Specimen("sequence", "", (("TBC", "sbc"),), {"cell": "lstm", "apart": True, "projection": None}),
    Specimen("sequence", "both ways", (SEQUENCE,), {"cell": "gru", "time": 1, "direction": "bidirectional"}),
    Specimen("cover", "", (MAP,), {"shape": (None, None, None, None), "axes": "bssc", "reason": "not known"}),
    Specimen("input", "", (), {"shape": lambda make: tuple(map(make, "BHWC")), "axes": "bssc"}),
)
"""At least one specimen of every kind; a test proves it."""

"""One rule for each layer kind; importing the package registers them all."""

from rfcalc.rules import (
    attention,
    capsule,
    cut,
    expand,
    fold,
    lookup,
    mix,
    norm,
    plain,
    recurrent,
    resample,
    sequence,
    shape,
    signal,
    window,
)

__all__ = [
    "attention",
    "capsule",
    "cut",
    "expand",
    "fold",
    "lookup",
    "mix",
    "norm",
    "plain",
    "recurrent",
    "resample",
    "sequence",
    "shape",
    "signal",
    "window",
]

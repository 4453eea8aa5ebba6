"""Braindecode: how many samples a prediction of its dense networks reads."""

from __future__ import annotations

import importlib
from typing import Any

import rfcalc
from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import Window, chain, output_row
from tests.claims.stand_in import standing_in

SAMPLES = 1000

SHALLOW = (Window(25), Window(75, 15), Window(30))
DEEP = (*[Window(10), Window(3, 3)] * 4, Window(2))
CASES: dict[str, tuple[str, int, tuple[Window, ...]]] = {
    "ShallowFBCSPNet, last window 30": ("ShallowFBCSPNet", 30, SHALLOW),
    "Deep4Net, last window 2": ("Deep4Net", 2, DEEP),
}
"""The class, the length of its last convolution, and the windows over time before it is made dense."""


def found() -> Found:
    """Subtract the predictions from the samples, change the input, and let rfcalc read the networks."""
    from tests.claims.probe import changed

    with standing_in("linear_attention_transformer", "torchaudio", "wfdb"):
        models = importlib.import_module("braindecode.models")
    says, measured, own = Figures(), Figures(), Figures()
    for case, (name, last, _) in CASES.items():
        net: Any = getattr(models, name)(n_chans=2, n_outputs=1, n_times=SAMPLES, final_conv_length=last)
        net.to_dense_prediction_model()
        predictions = net.get_output_shape()[-1]
        says[case] = SAMPLES - predictions + 1
        own[case] = int(output_row(net.eval(), (1, 2, SAMPLES)).receptive_field[-1])
        reach = changed(net.double(), (1, 2, SAMPLES), predictions // 2)
        measured[case] = reach.last - reach.first + 1
    return Found(says, measured, own)


def ours() -> Figures:
    """Ask rfcalc for the field of the windows."""
    return {
        case: int(rfcalc.analyze(chain(windows, None)).rows[-1].receptive_field[0])
        for case, (_, _, windows) in CASES.items()
    }


CLAIM = Claim(
    "braindecode",
    "braindecode",
    "braindecode",
    "`get_output_shape()` of a dense network, taken as: samples less predictions, and one",
    "`rfcalc.analyze(...)`, the field",
    "Right. `to_dense_prediction_model` puts dilations for strides, so that predictions lie one sample "
    "apart, and what is lost at the ends is the field, less one.",
    found,
    ours,
)

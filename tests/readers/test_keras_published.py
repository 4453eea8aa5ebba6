"""Layers of published packages in Keras files: keras-tcn's TCN.

The fields are those of its property `receptive_field`, 1 + 2 (k - 1) stacks * sum of dilations, which its
authors' test of impulses confirms; parameters are counted by hand from the published block. Parameters,
shapes and fields of 192 combinations of its settings were compared with keras-tcn 3.5.7 itself.
"""

from __future__ import annotations

from typing import Any

import pytest

import rfcalc

PLAIN = {
    "nb_filters": 4,
    "kernel_size": 3,
    "nb_stacks": 1,
    "dilations": [1, 2, 4, 8, 16, 32],
    "padding": "causal",
    "use_skip_connections": True,
    "dropout_rate": 0.0,
    "return_sequences": True,
    "activation": "relu",
    "use_batch_norm": False,
    "use_layer_norm": False,
    "kernel_initializer": "he_normal",
    "go_backwards": False,
    "return_state": False,
}


def model(extent: int | None = 1600, channels: int = 1, **settings: Any) -> dict[str, Any]:
    shape = [None, extent, channels]
    layers = [
        {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_shape": shape}},
        {
            "class_name": "TCN",
            "module": "tcn.tcn",
            "registered_name": "Custom>TCN",
            "name": "tcn",
            "config": {"name": "tcn", "trainable": True, **PLAIN, **settings},
            "build_config": {"input_shape": shape},
            "inbound_nodes": [[["x", 0, 0, {}]]],
        },
    ]
    config = {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["tcn", 0, 0]]}
    return {"class_name": "Functional", "config": config}


def parameters(channels: int, filters: int, kernel: int, blocks: int, norm: int = 0) -> int:
    total = 0
    for _ in range(blocks):
        total += (channels * kernel + 1) * filters + (filters * kernel + 1) * filters + 2 * norm * filters
        total += (channels + 1) * filters if channels != filters else 0
        channels = filters
    return total


CASES = {
    "as published": ({}, 253, 252, parameters(1, 4, 3, 6)),
    "two stacks": ({"nb_stacks": 2}, 505, 504, parameters(1, 4, 3, 12)),
    "same padding": ({"padding": "same"}, 253, 126, parameters(1, 4, 3, 6)),
    "a kernel of 2 over few dilations": (
        {"kernel_size": 2, "dilations": [1, 2, 4]},
        15,
        14,
        parameters(1, 4, 2, 3),
    ),
    "as many channels as filters": ({"channels": 4}, 253, 252, parameters(4, 4, 3, 6)),
    "batch normalisation": ({"use_batch_norm": True}, 253, 252, parameters(1, 4, 3, 6, norm=4)),
    "without skip connections": ({"use_skip_connections": False}, 253, 252, parameters(1, 4, 3, 6)),
    "one block": ({"dilations": [4]}, 17, 16, parameters(1, 4, 3, 1)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_temporal_convolution_sees_what_its_package_says(name: str) -> None:
    settings, field, behind, total = CASES[name]
    document = model(**settings)
    row = rfcalc.analyze(document).layer("tcn")
    assert (row.receptive_field, row.effective_padding, row.status) == ((field,), (behind,), "exact")
    assert rfcalc.analyze(document).totals.params.total == total
    assert rfcalc.verify(document).holds


def test_a_frozen_layer_is_frozen_within() -> None:
    totals = rfcalc.analyze(model(trainable=False)).totals
    assert (totals.params.trainable, totals.params.non_trainable) == (0, parameters(1, 4, 3, 6))


@pytest.mark.parametrize(("padding", "seen"), [("causal", (1347, 1599, 253)), ("same", (674, 926, 253))])
def test_a_temporal_convolution_may_keep_one_step(padding: str, seen: tuple[int, int, int]) -> None:
    document = model(padding=padding, return_sequences=False)
    assert rfcalc.analyze(document).layer("tcn").output_shape == (None, 4)
    assert set(rfcalc.field(document, "tcn").axes[0].rows) == {seen}


@pytest.mark.parametrize(
    "settings",
    [{"use_weight_norm": True}, {"return_state": True}, {"padding": "valid"}, {"nb_filters": [4, 4]}],
)
def test_settings_that_are_not_followed_leave_it_unknown(settings: dict[str, Any]) -> None:
    assert rfcalc.analyze(model(**settings)).layer("tcn").status == "unknown"


def test_a_temporal_convolution_may_go_backwards() -> None:
    document = model(go_backwards=True)
    assert rfcalc.analyze(document).layer("tcn").receptive_field == (253,)
    start, stop, count = rfcalc.field(document, "tcn", at=(1599,)).axes[0].rows[0]
    assert (start, stop, count) == (0, 252, 253)  # the last step reads the first of the input
    assert rfcalc.verify(document).holds


def test_the_last_step_of_an_open_extent_is_known_at_a_size() -> None:
    document = model(extent=None, return_sequences=False)
    row = rfcalc.analyze(document).layer("tcn")
    assert (row.output_shape, row.status) == ((None, 4), "bound")  # which step is the last is not known
    row = rfcalc.analyze(document, input_shape=(1600, 1)).layer("tcn")
    assert (row.output_shape, row.receptive_field, row.status) == ((None, 4), (253,), "exact")

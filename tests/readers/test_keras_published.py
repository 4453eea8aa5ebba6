"""Layers of published packages in Keras files: keras-tcn's TCN, and some of Keras Hub without it.

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


# ---- Keras Hub ---------------------------------------------------------------------------------------------
# tests/readers/test_keras_hub.py holds its layers against the package itself

WIDTH, WIDE = 4, 6
DECODER = {"intermediate_dim": WIDE, "num_heads": 2, "normalize_first": False, "activation": "gelu"}
PARAMETERS = 4 * (WIDTH * WIDTH + WIDTH) + 4 * WIDTH + (WIDTH + 1) * WIDE + (WIDE + 1) * WIDTH


def tensor(name: str, *shape: int | None) -> dict[str, Any]:
    config = {"shape": [None, *shape], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def hub_layer(
    class_name: str, source: Any, given: dict[str, Any] | None = None, **config: Any
) -> dict[str, Any]:
    return {
        "class_name": class_name,
        "module": f"keras_hub.src.layers.modeling.{class_name}",
        "registered_name": f"keras_hub>{class_name}",
        "name": "layer",
        "config": {"name": "layer", "trainable": True, "dtype": "float32", **config},
        "inbound_nodes": [{"args": [source], "kwargs": given or {}}],
    }


def functional(*layers: dict[str, Any], steps: int | None = 5) -> dict[str, Any]:
    shape = [None, steps, WIDTH]
    entry = {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_shape": shape}}
    config = {"name": "m", "layers": [entry, *layers], "input_layers": [["x", 0, 0]]}
    return {"class_name": "Functional", "config": {**config, "output_layers": [[layers[-1]["name"], 0, 0]]}}


def decoder(given: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    made = hub_layer("TransformerDecoder", tensor("x", 5, WIDTH), given, **{**DECODER, **config})
    return functional(made)


def test_a_decoder_is_read_in_order() -> None:
    found = rfcalc.field(decoder(), "layer").axes[0]
    assert found.rows == tuple((0, step, step + 1) for step in range(5))
    assert found.status == "exact"
    assert rfcalc.analyze(decoder()).totals.params.total == PARAMETERS
    assert rfcalc.verify(decoder()).holds


def test_a_decoder_may_be_called_without_order() -> None:
    assert rfcalc.field(decoder({"use_causal_mask": False}), "layer").axes[0].rows == ((0, 4, 5),) * 5


def test_weights_of_a_frozen_layer_are_frozen_and_of_each_layer_its_own() -> None:
    totals = rfcalc.analyze(decoder(trainable=False)).totals
    assert (totals.params.trainable, totals.params.non_trainable) == (0, PARAMETERS)
    first = decoder()["config"]["layers"][1]
    second = {**hub_layer("TransformerDecoder", tensor("layer", 5, WIDTH), **DECODER), "name": "second"}
    again = {**first, "inbound_nodes": [*first["inbound_nodes"], {"args": [tensor("second", 5, WIDTH)]}]}
    document = functional(again, second)
    assert rfcalc.analyze(document).totals.params.total == 2 * PARAMETERS


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ({"self_attention_cache": tensor("x", 5, WIDTH)}, {}),
        ({"another": 3}, {}),
        ({"use_causal_mask": None}, {}),
        ({}, {"dtype": {"class_name": "DTypePolicyMap", "config": {}}}),
        ({}, {"encoder_sequence_shape": [None, 5, WIDTH]}),
        ({}, {"num_heads": "two"}),
        ({}, {"intermediate_dim": None}),
    ],
    ids=[
        *("a cache", "an argument that is new", "a flag that is none", "types by layer", "an encoder"),
        *("a word for a number", "a setting that is left out"),
    ],
)
def test_what_a_hub_layer_is_not_known_to_do_leaves_it_unknown(
    given: dict[str, Any], config: dict[str, Any]
) -> None:
    row = rfcalc.analyze(decoder(given, **config)).layer("layer")
    assert (row.status, row.params.total) == ("unknown", None)


def test_padding_that_keras_hands_along_bounds_what_is_in_order() -> None:
    tokens = hub_layer("TokenAndPositionEmbedding", tensor("x", 5), mask_zero=True, tie_weights=True)
    tokens["config"] |= {"vocabulary_size": 7, "sequence_length": 5, "embedding_dim": WIDTH}
    tokens["name"] = "tokens"
    later = hub_layer("TransformerDecoder", tensor("tokens", 5, WIDTH), **DECODER)
    document = functional(tokens, later)
    document["config"]["layers"][0]["config"]["batch_shape"] = [None, 5]
    row = rfcalc.analyze(document).layer("layer")
    # a query before which all is padding averages over all keys
    assert (row.receptive_field, row.status) == ((None,), "bound")
    assert rfcalc.analyze(document).totals.params.total == PARAMETERS + 7 * WIDTH + 5 * WIDTH
    tokens["config"]["mask_zero"] = False
    assert rfcalc.analyze(document).layer("layer").status == "exact"


def test_positions_are_learned_up_to_a_length() -> None:
    layer = hub_layer("PositionEmbedding", tensor("x", None, WIDTH), sequence_length=8)
    document = functional(layer, steps=None)
    assert rfcalc.analyze(document).totals.params.total == 8 * WIDTH
    assert rfcalc.analyze(document, input_shape=(8, WIDTH)).layer("layer").output_shape == (None, 8, WIDTH)
    assert rfcalc.field(document, "layer", input_shape=(8, WIDTH)).axes[0].rows == (None,)
    with pytest.raises(rfcalc.AnalysisError, match="a table of 8 positions does not reach to 9"):
        rfcalc.analyze(document, input_shape=(9, WIDTH))


def test_a_hub_layer_is_known_in_a_sequential_and_over_steps() -> None:
    layer = hub_layer("FNetEncoder", None, intermediate_dim=WIDE)
    del layer["inbound_nodes"]
    layer["build_config"] = {"input_shape": [None, 5, WIDTH]}
    document = {"class_name": "Sequential", "config": {"name": "m", "layers": [layer]}}
    document["config"]["build_input_shape"] = [None, 5, WIDTH]
    parameters = 4 * WIDTH + (WIDTH + 1) * WIDE + (WIDE + 1) * WIDTH
    assert rfcalc.analyze(document).totals.params.total == parameters
    around = {"class_name": "TimeDistributed", "module": "keras.layers", "name": "layer"}
    repeated = {**around, "config": {"name": "layer", "layer": layer}}
    repeated["inbound_nodes"] = [{"args": [tensor("x", 3, 5, WIDTH)], "kwargs": {}}]
    document = functional(repeated)
    document["config"]["layers"][0]["config"]["batch_shape"] = [None, 3, 5, WIDTH]
    row = rfcalc.analyze(document).layer("layer")
    assert (row.output_shape, row.receptive_field) == ((None, 3, 5, WIDTH), (1, None))
    assert rfcalc.analyze(document).totals.params.total == parameters


def test_no_number_in_a_file_makes_layers_without_end() -> None:
    made = hub_layer(
        "ViTEncoder", tensor("x", 5, WIDTH), num_layers=10**12, num_heads=2, hidden_dim=4, mlp_dim=4
    )
    assert rfcalc.analyze(functional(made)).layer("layer").status == "unknown"

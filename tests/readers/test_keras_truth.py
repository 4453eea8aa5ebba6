"""Keras models against Keras itself (3.15 on JAX): shapes, parameters, and measured dependence.

tests/data/keras holds what Keras said of each model when it was made:

- ``applications``: models of keras.applications, ``slim``: one-channel models with the structure of
  published networks and the fields that Araujo, Norris and Sim (Distill, 2019) published for them;
- ``layers``: one small model for each layer class and its settings, ``models``: nested, shared, several
  inputs, operators, ``keras2``: the same in the form of Keras 2;
- ``dependence``: for each output index the input indices with a non-zero gradient.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.algebra.rows import row_span
from rfcalc.engine.run import Run
from rfcalc.errors import ReadError
from rfcalc.questions.field.find import field_of

DATA = Path(__file__).parents[1] / "data" / "keras"


@cache
def cases(name: str) -> dict[str, Any]:
    with gzip.open(DATA / f"{name}.json.gz") as stream:
        loaded: dict[str, Any] = json.load(stream)
    return loaded


def differences(model: dict[str, Any], ref: dict[str, Any]) -> list[str]:
    """List where the analysis differs from what Keras says."""
    result = rfcalc.analyze(model)
    rows = {row.name: row for row in result}
    found = []
    for layer in ref["layers"]:
        row = rows[layer["name"]]
        shapes = layer["output_shape"]
        expected = {
            "params": layer["params"],
            "trainable": layer.get("trainable", row.params.trainable),
            "shape": shapes[0] if shapes and shapes[0] is not None else row.output_shape,
        }
        got = {"params": row.params.total, "trainable": row.params.trainable, "shape": row.output_shape}
        found += [f"{row.name} {key}: {got[key]}, Keras {value}" for key, value in expected.items()
                  if json.dumps(got[key]) != json.dumps(value)]  # fmt: skip
    totals = (result.totals.params.total, result.totals.params.trainable)
    if totals != (ref["total"], ref["trainable"]):
        found.append(f"totals {totals}, Keras {(ref['total'], ref['trainable'])}")
    return found


@pytest.mark.parametrize("name", cases("applications"))
def test_applications(name: str) -> None:
    case = cases("applications")[name]
    assert differences(case["model"], case["ref"]) == []


@pytest.mark.parametrize("name", cases("slim"))
def test_published_fields(name: str) -> None:
    case = cases("slim")[name]
    result = rfcalc.analyze(case["model"])
    for published in case["ref"]:
        row = result.layer(published["layer"])
        assert row.status == "exact"
        assert row.receptive_field == (published["rf"],) * 2
        assert row.effective_stride == (published["stride"],) * 2
        if published["padding"] is not None:
            assert row.effective_padding == (published["padding"],) * 2


MORE_THAN_KERAS = {
    # Keras leaves an extent open that follows from the other input, or from the input's own axis
    "Add-dyn", "Average-dyn", "Concatenate-dyn", "Maximum-dyn", "Minimum-dyn", "Multiply-dyn", "Subtract-dyn",
    "EinsumDense-1", "EinsumDense-4", "EinsumDense-8",
    # Keras's symbolic shape is not that of the real output
    "Bidirectional-GRU-backward", "Bidirectional-LSTM-backward", "Bidirectional-SimpleRNN-backward",
    "MelSpectrogram-r3",
    # a nested model reports the shape it was built with, not the one of its call
    "nested_twice_diff_shape",
    # a frozen wrapper: Keras's layer says 0 trainable, its model counts the weights inside all the same
    "Bidirectional-frozen-GRU", "Bidirectional-frozen-LSTM", "Bidirectional-frozen-SimpleRNN",
    "MultiHeadAttention-frozen", "TimeDistributed-frozen", "frozen_fn_refrozen", "frozen_inner_refrozen",
}  # fmt: skip
"""Cases where rfcalc differs on purpose; each says why, and a test keeps the list no longer than needed."""

QUANTISED = {"Dense-float8", "quantized_int4"}
"""Float8 holds scales that only Keras's own quantiser knows; two numbers of int4 are packed into one."""

NEED_CODE = {
    "Lambda-args", "Lambda-noos", "Lambda-os", "Lambda-osfn", "Lambda-registered-fn", "lambda_model",
    "custom_block", "custom_registered", "custom_submodel", "custom_unregistered",
    "op_image", "op_linear", "op_shape",
}  # fmt: skip
"""Cases with code in the file, or with operations that no rule knows: named, never guessed."""

REFUSED = {
    "seq_noinput": "does not say the shape of its input",
    "subclass_model": "subclassed model",
    "subclass_unbuilt": "subclassed model",
    "seq_empty": "has no layers",
}
"""Cases that hold no architecture to analyse."""


def ordinary(collection: str) -> list[str]:
    odd = MORE_THAN_KERAS | QUANTISED | NEED_CODE | set(REFUSED)
    return [name for name in cases(collection) if name.partition(".")[0] not in odd]


@pytest.mark.parametrize(
    ("collection", "name"),
    [(collection, name) for collection in ("layers", "models", "keras2") for name in ordinary(collection)],
)
def test_layers_and_models(collection: str, name: str) -> None:
    case = cases(collection)[name]
    ref = dict(case.get("ref_reloaded") or case["ref"])
    ref["layers"] = [layer for layer in ref["layers"] if layer["name"] not in NAMELESS.get(name, ())]
    assert differences(case["model"], ref) == []


NAMELESS = {
    "frozen_inner_seq_refrozen.k2.2": ["s"],
    "frozen_seq_then_outer.k2.2": ["s"],
    "seq_in_seq.k2.2": ["mid"],
    "seq_of_models.k2.2": ["head"],
}
"""Keras 2.2 did not write the name of a Sequential that stands in another model."""


@pytest.mark.parametrize("name", sorted(MORE_THAN_KERAS))
def test_where_rfcalc_differs_it_differs_still(name: str) -> None:
    case = cases("layers").get(name) or cases("models")[name]
    assert differences(case["model"], case.get("ref_reloaded") or case["ref"]) != []


@pytest.mark.parametrize("name", sorted(NEED_CODE))
def test_unknown_operations_are_named(name: str) -> None:
    case = cases("layers").get(name) or cases("models")[name]
    result = rfcalc.analyze(case["model"])
    assert any(note.code == "unknown-op" for note in result.notes)
    assert result.totals.resolved < result.totals.layers


@pytest.mark.parametrize("name", sorted(QUANTISED))
def test_quantised_layers_are_noted(name: str) -> None:
    case = cases("layers").get(name) or cases("models")[name]
    assert any(note.code == "quantised" for note in rfcalc.analyze(case["model"]).notes)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_holds_no_architecture_is_refused(name: str) -> None:
    case = cases("models").get(name) or cases("keras2")[f"{name}.k2.2"]
    if name == "seq_empty" and "seq_empty" in cases("models"):
        case = cases("keras2")["seq_empty.k2.2"]
    with pytest.raises(ReadError, match=REFUSED[name]):
        rfcalc.analyze(case["model"])


# ---- dependence --------------------------------------------------------------------------------------------

ONLY_BOUNDED = {
    "centercrop-bigger": "resized",
    "resizing-crop": "aspect ratio",
    "resizing-crop-2": "aspect ratio",
    "resizing-pad": "aspect ratio",
}
"""Cases whose field is a bound, and a word of the reason."""


@pytest.mark.parametrize("name", cases("dependence"))
def test_measured_dependence(name: str) -> None:
    case = cases("dependence")[name]
    graph = rfcalc.load(case["model"])
    places = [place for place, role in enumerate(graph.inputs[0].attrs["axes"]) if role == "s"]
    for layer, truth in case["layers"].items():
        field = field_of(Run(graph), layer)
        for axis, rows in zip(truth["in_axes"], truth["axis_rows"], strict=True):
            if axis not in places:
                continue
            got = field.axes[places.index(axis)]
            measured = [tuple(row) if row else None for row in rows]
            if name in ONLY_BOUNDED:
                assert got.status == "bound"
                assert ONLY_BOUNDED[name] in field.notes[0].message
                continue
            assert got.status == "exact"
            if len(measured) != len(got.rows):  # the axis is gone, or holds something else: one row for all
                every = 0
                for mask in got.masks:
                    every |= mask
                assert set(measured) == {row_span(every)}
            else:
                assert list(got.rows) == measured

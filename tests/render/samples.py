"""Small results made by hand: every kind of cell that a report can have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rfcalc.engine.result import AnalysisResult, InputRow, Note, Params, Row, Totals
from rfcalc.questions.field.result import FieldAxis, FieldResult


def row(name: str, **figures: Any) -> Row:
    """A row of a 2-D model with the figures of an input, unless said otherwise."""
    values: dict[str, Any] = {
        "kind": "conv",
        "op": "Conv2D",
        "inputs": (),
        "outputs": (),
        "block": "",
        "container": False,
        "output_shape": (None, 28, 28, 1),
        "spatial": (28, 28),
        "receptive_field": (1, 1),
        "effective_stride": (1, 1),
        "effective_padding": (0, 0),
        "center": (0.0, 0.0),
        "coverage": 1 / 784,
        "status": "exact",
        "reason": "",
        "params": Params(0, 0),
        "macs": 0,
        "activations": 784,
    }
    values.update(figures)
    values.setdefault("receptive_field_min", values["receptive_field"])
    values.setdefault("local_receptive_field", values["receptive_field"])
    return Row(name=name, **values)


def small() -> AnalysisResult:
    """A model with everything in it: a nested model, a gate, upsampling, a bound, an unknown op."""
    nothing_known: dict[str, Any] = {
        "output_shape": None,
        "spatial": (),
        "receptive_field": None,
        "effective_stride": None,
        "effective_padding": None,
        "center": None,
        "coverage": None,
        "status": "unknown",
        "params": Params(None, None),
        "macs": None,
        "activations": None,
    }
    rows = (
        row("image", kind="input", op="InputLayer"),
        row(
            "conv1",
            inputs=("image",),
            output_shape=(None, 26, 26, 32),
            spatial=(26, 26),
            receptive_field=(3, 3),
            center=(1.0, 1.0),
            coverage=9 / 784,
            params=Params(320, 0),
            macs=194_688,
            activations=21_632,
        ),
        row(
            "encoder",
            kind="model",
            op="Functional",
            inputs=("conv1",),
            container=True,
            params=Params(18_496, 256),
        ),
        row(
            "encoder/pool",
            kind="max_pool",
            op="MaxPooling2D",
            inputs=("conv1",),
            block="encoder",
            output_shape=(None, 13, 13, 32),
            spatial=(13, 13),
            receptive_field=(4, 4),
            effective_stride=(2, 2),
            center=(1.5, 1.5),
            coverage=16 / 784,
            activations=5_408,
        ),
        row(
            "encoder/conv_with_a_name_longer_than_any_column_should_ever_be",
            inputs=("encoder/pool",),
            block="encoder",
            output_shape=(None, 11, 11, 64),
            spatial=(11, 11),
            receptive_field=(8, 8),
            effective_stride=(2, 2),
            effective_padding=(-1, 1),
            center=(3.5, 3.5),
            coverage=64 / 784,
            params=Params(18_496, 256),
            macs=2_230_272,
            activations=7_744,
        ),
        row(
            "gate",
            kind="multiply",
            op="Multiply",
            inputs=("encoder/pool", "encoder/conv"),
            output_shape=(None, 11, 11, 64),
            spatial=(11, 11),
            receptive_field=(None, None),
            local_receptive_field=(8, 8),
            effective_stride=(2, 2),
            coverage=1.0,
            activations=7_744,
        ),
        row(
            "up",
            kind="transposed_conv",
            op="Conv2DTranspose",
            inputs=("gate",),
            outputs=("up:0",),
            output_shape=(None, 44, 44, 8),
            spatial=(44, 44),
            receptive_field=(10, 10),
            receptive_field_min=(8, 8),
            effective_stride=(0.5, 0.5),
            center=(3.5, 3.5),
            coverage=100 / 784,
            params=Params(2_056, 0),
            macs=991_232,
            activations=15_488,
            calls=(row("up"), row("up/1")),
        ),
        row(
            "attend",
            kind="cover",
            op="LocalAttention",
            inputs=("up",),
            output_shape=(None, 44, 44, 8),
            spatial=(44, 44),
            receptive_field=(24, 24),
            effective_stride=(0.5, 0.5),
            coverage=576 / 784,
            status="bound",
            reason="windows are covered",
            activations=15_488,
        ),
        row(
            "mystery",
            kind="unknown",
            op="Custom>Magic",
            inputs=("attend",),
            reason="no rule for it",
            **nothing_known,
        ),
        row(
            "logits",
            kind="linear",
            op="Dense",
            inputs=("gate",),
            output_shape=(None, 10),
            spatial=(),
            receptive_field=(None, None),
            effective_stride=(None, None),
            effective_padding=(None, None),
            center=(None, None),
            coverage=1.0,
            params=Params(77_450, 0),
            macs=77_440,
            activations=10,
        ),
    )
    return AnalysisResult(
        name="small",
        format="keras",
        source="small.json",
        inputs=(InputRow("image", (None, 28, 28, 1), (28, 28)),),
        input="image",
        rows=rows,
        totals=Totals(
            layers=9,
            resolved=8,
            params=Params(None, None),
            macs=None,
            at_least={"params": 98_578, "trainable": 98_322, "non_trainable": 256, "macs": 3_493_632},
        ),
        notes=(
            Note("warning", "unknown", "mystery", "no rule for Custom>Magic"),
            Note("info", "shared", "", "two layers share their weights"),
        ),
    )


def complete() -> AnalysisResult:
    """The same without what is not known."""
    result = small()
    return replace(
        result,
        rows=tuple(each for each in result.rows if each.status == "exact"),
        totals=Totals(7, 7, Params(98_322, 256), 3_493_632, {}),
        notes=(),
    )


def named(name: str) -> AnalysisResult:
    """A model in which every text that comes from the file is `name`."""
    rows = tuple(
        each._replace(name=name, op=name, kind=name, inputs=(name, name), outputs=(name,), reason=name)
        for each in (row("a"), row("b", receptive_field=(3, 3), params=Params(10, 0)))
    )
    return AnalysisResult(
        name=name,
        format="keras",
        source=name,
        inputs=(InputRow(name, (None, 28, 28, 1), (28, 28)),),
        input=name,
        rows=rows,
        totals=Totals(2, 2, Params(10, 0), 0, {}),
        notes=(Note("warning", "code", name, name),),
    )


def field_3x3() -> FieldResult:
    """A 3x3 'same' convolution of a 5x4 map, with a row that sees nothing and one with a hole."""
    rows = ((0, 1, 2), (0, 2, 3), (1, 3, 2), (2, 4, 3), None)
    columns = ((0, 1, 2), (0, 2, 3), (1, 3, 3), (2, 3, 2))
    return FieldResult(
        "model",
        "conv1",
        "image",
        (
            FieldAxis(5, 5, "exact", rows, (3, 7, 10, 28, 0), (3,) * 5),
            FieldAxis(4, 4, "bound", columns, (3, 7, 14, 12)),
        ),
    )

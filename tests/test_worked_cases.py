"""The worked cases of the design: figures known from the literature or worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rfcalc
from tests.oracle import Line, sized, span

MODELS = Path(__file__).parent.parent / "docs" / "models"


def conv(kernel: int, name: str = "", **settings: Any) -> dict[str, Any]:
    return {"kind": "conv", "filters": 4, "kernel": kernel, "padding": "same", **named(name), **settings}


def named(name: str) -> dict[str, str]:
    return {"name": name} if name else {}


def model(*layers: Any, size: int = 64) -> dict[str, Any]:
    return {"rfcalc": 1, "input": [size, 4], "layers": list(layers)}


def last(*layers: Any, size: int = 64) -> Any:
    return rfcalc.analyze(model(*layers, size=size)).rows[-1]


# ---- what pooling is good for ------------------------------------------------------------------------------


def test_with_pooling_and_without_it() -> None:
    pooled, plain = (rfcalc.analyze(MODELS / f"{name}.json") for name in ("pooling", "plain"))
    assert pooled.totals.params.total == 104_202
    assert plain.totals.params.total == 712_202
    assert pooled.layer("conv3").receptive_field == (18, 18)
    assert plain.layer("conv3").receptive_field == (7, 7)
    assert pooled.layer("conv3").output_shape == (None, 3, 3, 128)
    assert plain.layer("conv3").output_shape == (None, 22, 22, 128)
    assert pooled.layer("flatten").output_shape == (None, 1_152)
    assert plain.layer("flatten").output_shape == (None, 61_952)
    assert {row.status for row in (*pooled, *plain)} == {"exact"}


def test_growth_is_linear_without_pooling() -> None:
    rows = rfcalc.analyze(model(*[conv(3)] * 8)).rows[1:]
    assert [row.receptive_field[0] for row in rows] == [3, 5, 7, 9, 11, 13, 15, 17]


def test_growth_is_geometric_with_pooling() -> None:
    block = [conv(3), {"kind": "max_pool", "kernel": 2}]
    rows = rfcalc.analyze(model(*block * 4, conv(3))).rows[1:]
    assert [row.receptive_field[0] for row in rows] == [3, 4, 8, 10, 18, 22, 38, 46, 78]
    assert [row.effective_stride[0] for row in rows] == [1, 2, 2, 4, 4, 8, 8, 16, 16]


@pytest.mark.parametrize(("name", "total"), [("capsnet", 6_804_224), ("capsnet_decoder", 8_215_568)])
def test_capsules(name: str, total: int) -> None:
    analysis = rfcalc.analyze(MODELS / f"{name}.json")
    assert analysis.totals.params.total == total
    primary = next(row for row in analysis if row.kind == "primary_capsules")
    assert primary.receptive_field == (17, 17)


# ---- cases that other tools get wrong ----------------------------------------------------------------------


def test_branches_join_at_the_larger_field() -> None:
    row = last(
        conv(5, "wide", inputs="input"),
        conv(3, "narrow", inputs="input"),
        {"kind": "add", "inputs": ["wide", "narrow"]},
    )
    assert (row.receptive_field, row.status) == ((5,), "exact")


def test_strided_residual_block() -> None:
    document = model(
        conv(3, "stem", inputs="input"),
        conv(3, "main", stride=2, padding=1, inputs="stem"),
        conv(1, "shortcut", stride=2, padding=0, inputs="stem"),
        {"kind": "add", "name": "sum", "inputs": ["main", "shortcut"]},
    )
    row = rfcalc.analyze(document).layer("sum")
    assert (row.receptive_field, row.effective_stride, row.status) == ((5,), (2,), "exact")
    assert rfcalc.field(document, "sum").axes[0].masks == tuple(sized(document)["sum"])


def test_branches_padded_on_different_sides() -> None:
    row = last(
        conv(3, "left", padding=[[2, 0]], inputs="input"),
        conv(3, "right", padding=[[0, 2]], inputs="input"),
        {"kind": "add", "inputs": ["left", "right"]},
    )
    assert (row.receptive_field, row.center, row.status) == ((5,), (0,), "exact")


def test_down_and_up() -> None:
    row = last(
        conv(3),
        {"kind": "max_pool", "kernel": 2},
        conv(3),
        {"kind": "transposed_conv", "filters": 4, "kernel": 2, "stride": 2},
        conv(3),
    )
    assert (row.receptive_field, row.effective_stride, row.status) == ((10,), (1,), "exact")


def test_transposed_convolution_reads_one_element() -> None:
    row = last({"kind": "transposed_conv", "filters": 4, "kernel": 2, "stride": 2})
    assert (row.receptive_field, row.receptive_field_min) == ((1,), (1,))
    assert (row.effective_stride, row.status) == ((0.5,), "exact")


def test_u_net() -> None:
    """Four levels down and up again: 188 or 204, whichever output it is."""
    layers: list[dict[str, Any]] = []

    def level(name: str, before: str) -> str:
        layers.append(conv(3, f"{name}a", inputs=before))
        layers.append(conv(3, f"{name}b", inputs=f"{name}a"))
        return f"{name}b"

    tensor = "input"
    for depth in range(4):
        tensor = level(f"down{depth}", tensor)
        layers.append({"kind": "max_pool", "name": f"pool{depth}", "kernel": 2, "inputs": tensor})
        tensor = f"pool{depth}"
    tensor = level("bottom", tensor)
    for depth in reversed(range(4)):
        up = {"kind": "transposed_conv", "filters": 4, "kernel": 2, "stride": 2, "inputs": tensor}
        layers.append({**up, "name": f"up{depth}"})
        skip = {"kind": "concat", "name": f"cat{depth}", "inputs": [f"down{depth}b", f"up{depth}"]}
        layers.append(skip)
        tensor = level(f"end{depth}", f"cat{depth}")
    document = model(*layers, size=512)
    row = rfcalc.analyze(document).layer(tensor)
    assert (row.receptive_field, row.receptive_field_min) == ((204,), (188,))
    assert (row.effective_stride, row.status) == ((1,), "exact")
    line = Line(document)
    spans = {max(taps) - min(taps) + 1 for taps in (line.taps(tensor, i) for i in range(16))}
    assert spans == {188, 204} or (min(spans), max(spans)) == (188, 204)


@pytest.mark.parametrize(("dilations", "reach", "count"), [((2, 2, 2), 13, 7), ((1, 2, 5), 17, 17)])
def test_holes_of_dilated_convolutions(dilations: tuple[int, ...], reach: int, count: int) -> None:
    document = model(*(conv(3, f"d{place}", dilation=d) for place, d in enumerate(dilations)), size=41)
    assert rfcalc.analyze(document).layer("d2").receptive_field == (reach,)
    assert rfcalc.field(document, "d2").axes[0].rows[20] == (20 - reach // 2, 20 + reach // 2, count)


def test_squeeze_and_excitation() -> None:
    document = model(
        conv(3, "body", inputs="input"),
        {"kind": "global_pool", "name": "squeeze", "keepdims": True, "inputs": "body"},
        {"kind": "linear", "name": "excite", "units": 4, "inputs": "squeeze"},
        {"kind": "multiply", "name": "gated", "inputs": ["body", "excite"]},
        conv(3, "after", inputs="gated"),
    )
    row = rfcalc.analyze(document).layer("after")
    assert (row.receptive_field, row.local_receptive_field, row.status) == ((None,), (5,), "exact")
    masks = sized(document)["after"]
    assert rfcalc.field(document, "after").axes[0].rows == tuple(map(span, masks)) == ((0, 63, 64),) * 64


def resnet50(where: str) -> dict[str, Any]:
    """ResNet-50 along one axis: stride on the 3x3, on the first 1x1, or in the last unit of a stage."""
    layers = [conv(7, "stem", stride=2, padding=3, inputs="input")]
    layers.append(
        {"kind": "max_pool", "name": "pool", "kernel": 3, "stride": 2, "padding": 1, "inputs": "stem"}
    )
    tensor = "pool"
    for stage, units in enumerate((3, 4, 6, 3)):
        for unit in range(units):
            strided = unit == units - 1 and stage < 3 if where == "last" else unit == 0 and stage > 0
            stride = 2 if strided else 1
            one, three = (1, stride) if where != "first" else (stride, 1)
            at = f"s{stage}u{unit}"
            layers.append(conv(1, f"{at}a", stride=one, inputs=tensor))
            layers.append(conv(3, f"{at}b", stride=three, padding=1, inputs=f"{at}a"))
            layers.append(conv(1, f"{at}c", inputs=f"{at}b"))
            layers.append(conv(1, f"{at}s", stride=stride, inputs=tensor))
            layers.append({"kind": "add", "name": at, "inputs": [f"{at}c", f"{at}s"]})
            tensor = at
    layers.append({"kind": "relu", "name": "end", "inputs": tensor})
    return model(*layers, size=224)


@pytest.mark.parametrize(("where", "size"), [("three", 427), ("first", 483), ("last", 483)])
def test_resnet50(where: str, size: int) -> None:
    row = rfcalc.analyze(resnet50(where)).layer("end")
    assert (row.receptive_field, row.effective_stride, row.status) == ((size,), (32,), "exact")
    assert row.output_shape == (None, 7, 4)


def test_behind_grids_that_do_not_go_together() -> None:
    """At the join each row of the map is listed, and a window behind it reads these rows and no others."""
    document = model(
        conv(3, "kept", padding="valid", inputs="input"),
        {"kind": "resize", "name": "squeezed", "size": 10, "inputs": "input"},
        {"kind": "add", "name": "sum", "inputs": ["squeezed", "kept"]},
        conv(3, "after", inputs="sum"),
        size=12,
    )
    analysis = rfcalc.analyze(document)
    row, after = analysis.layer("sum"), analysis.layer("after")
    assert (row.receptive_field, row.status) == ((3,), "exact")
    sizes = [last - first + 1 for first, last, _ in map(span, sized(document)["after"])]
    assert (after.receptive_field, after.receptive_field_min) == ((max(sizes),), (min(sizes),))
    assert after.status == "exact"

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rfcalc
from rfcalc.errors import UsageError
from rfcalc.questions.field.report import Field
from rfcalc.render.table import Table
from tests import strategies
from tests.oracle import Document, Line, layers_of, sized
from tests.readers.onnx_graphs import graph_bytes
from tests.render import golden
from tests.render.samples import field_3x3


@pytest.fixture
def field() -> Field:
    result = field_3x3()
    return Field(**{each.name: getattr(result, each.name) for each in fields(result)})


def test_document_follows_the_contract(field: Field) -> None:
    document = field.to_dict()
    assert list(document) == ["schema", "layer", "axes", "touching", "units"]
    assert document["axes"][0] == {
        "extent": 5,
        "input_extent": 5,
        "status": "exact",
        "rows": [[0, 1, 2], [0, 2, 3], [1, 3, 2], [2, 4, 3], None],
        "windows": [3, 3, 3, 3, 3],
    }
    golden.check("field.json", field.to_json())


def test_one_unit(field: Field) -> None:
    unit = field.unit((1, 3))
    assert unit.box == ((0, 2), (2, 3))
    assert list(unit.to_dict()) == ["schema", "layer", "at", "box", "axes", "lost"]
    assert unit.to_dict()["box"] == [[0, 2], [2, 3]]
    assert [axis["rows"] for axis in unit.to_dict()["axes"]] == [[[0, 2, 3]], [[2, 3, 2]]]
    assert field.box is None


def test_text_as_expected(field: Field) -> None:
    units = [(1, 3), (2, 0), (4, 0)]
    golden.check("field.txt", field.to_text() + "".join(field.unit(at).to_text() for at in units))


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ((0,), r"\(0\) has 1 place, but the input has 2 spatial axes"),
        ((0, 4), "no output 4 on an axis of 4; give 0 to 3"),
        ((-1, 0), "no output -1"),
    ],
)
def test_a_unit_that_does_not_exist(field: Field, at: tuple[int, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        field.unit(at)


# ---- what lies in padding, and the other way round ---------------------------------------------------------

NET = {
    "rfcalc": 1,
    "input": [6, 5, 1],
    "layers": [
        {"kind": "conv", "name": "a", "filters": 1, "kernel": 3, "padding": "same"},
        {"kind": "conv", "name": "b", "filters": 1, "kernel": 3, "padding": "same"},
        {"kind": "global_pool", "name": "g"},
    ],
}


def test_what_of_a_window_lies_in_padding() -> None:
    """Two 3x3: unit 0 of b reads 0 and 1 of a, which read 0 to 2: of its 5 rows 2 lie in padding."""
    found = rfcalc.field(NET, "b")
    rows, columns = found.axes
    assert rows.windows == (5,) * 6
    assert rows.lost == pytest.approx((2 / 5, 1 / 5, 0, 0, 1 / 5, 2 / 5))
    assert (rows.touching, columns.touching) == (4, 4)
    assert found.touching == (30 - 2 * 1, 30)
    assert found.unit((0, 2)).lost == pytest.approx(2 / 5)
    assert found.unit((0, 0)).lost == pytest.approx(1 - 3 / 5 * 3 / 5)
    assert "28 of 30 units (93%) have part of their field in padding." in found.to_text()


def _sentences(*layers: dict[str, object], size: tuple[int, ...]) -> list[str]:
    model = {"rfcalc": 1, "name": "m", "input": [*size, 1], "layers": list(layers)}
    found = rfcalc.field(model, str(layers[-1]["name"]))
    return [each for each in found.to_text(200).split("\n\n")[1:] if each.rstrip().endswith(".")]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "told"),
    [
        ((28, 28), 4, 4, []),
        ((30, 30), 4, 4, ["Rows and columns 28 to 29 of input are seen by no unit."]),
        ((29, 28), 4, 4, ["Row 28 of input is seen by no unit."]),
        ((29, 30), 4, 4, ["Row 28 of input is seen by no unit.",
                          "Columns 28 to 29 of input are seen by no unit."]),
        ((9,), 1, 2, ["4 of 9 positions of input (1, 3, 5 and 1 more) are seen by no unit."]),
        ((8, 5), 2, 3, ["2 of 8 rows of input (2, 5) are seen by no unit.",
                       "Column 2 of input is seen by no unit."]),
    ],
)  # fmt: skip
def test_what_no_unit_sees_is_said(size: tuple[int, ...], kernel: int, stride: int, told: list[str]) -> None:
    """Nor is there a word of padding where no window reaches into any."""
    conv = {"kind": "conv", "name": "c", "filters": 1, "kernel": kernel, "stride": stride}
    assert [each.strip() for each in _sentences(conv, size=size)] == told


@given(strategies.models(kinds=strategies.LOCAL + strategies.PLAIN, layers=8))
def test_what_no_unit_sees_is_in_no_mask(document: Document) -> None:
    for name, *_ in layers_of(document):
        (axis,) = rfcalc.field(document, name).axes
        seen = {j for mask in axis.masks for j in range(axis.input_extent) if mask >> j & 1}
        unseen = [j for first, last in axis.unseen for j in range(first, last + 1)]
        assert unseen == [j for j in range(axis.input_extent) if j not in seen], name


def test_a_window_without_end_has_no_share_in_padding() -> None:
    found = rfcalc.field(NET, "g")
    assert [axis.windows for axis in found.axes] == [None, None]
    assert found.touching is None
    assert found.unit((0, 0)).to_dict()["lost"] is None


@given(strategies.models(kinds=strategies.LOCAL + strategies.PLAIN, layers=8))
def test_windows_are_those_of_a_line_without_borders(document: Document) -> None:
    line = Line(document)
    for name, *_ in layers_of(document):
        (axis,) = rfcalc.field(document, name).axes
        if axis.windows is not None:
            expected = tuple(len(line.taps(name, i)) for i in range(axis.extent))
            assert axis.windows == expected, name


@given(strategies.models(kinds=(*strategies.LOCAL, *strategies.PLAIN, "gate", "resize"), layers=8))
def test_who_sees_a_pixel_is_the_transpose(document: Document) -> None:
    for name, *_ in layers_of(document):
        found = rfcalc.field(document, name)
        (axis,) = found.axes
        for pixel in range(axis.input_extent):
            (seeing,) = found.seeing((pixel,)).axes
            units = [i for i, mask in enumerate(axis.masks) if mask >> pixel & 1]
            assert seeing.units == ((units[0], units[-1], len(units)) if units else None)
            assert seeing.mask == sum(1 << i for i in units)


def test_who_sees_a_pixel() -> None:
    seeing = rfcalc.field(NET, "a").seeing((0, 2))
    assert seeing.box == ((0, 1), (1, 3))
    assert seeing.units == 6
    assert " ".join(str(seeing).split()) == (
        "(0, 2) of input (6x5) is seen by rows 0 to 1 x columns 1 to 3 of a (6x5): 6 of 30 units"
    )
    assert seeing.to_dict()["axes"][0] == {
        "extent": 6,
        "input_extent": 6,
        "status": "exact",
        "units": [0, 1, 2],
    }
    with pytest.raises(UsageError, match="there is no pixel 6 on an axis of 6; give 0 to 5"):
        rfcalc.field(NET, "a").seeing((6, 0))
    with pytest.raises(UsageError, match=r"\(1\) has 1 place"):
        rfcalc.field(NET, "a").seeing((1,))


# ---- cut ---------------------------------------------------------------------------------------------------


@given(strategies.models(kinds=strategies.LOCAL + strategies.PLAIN, layers=8), st.data())
def test_a_cut_layer_hands_nothing_on(document: Document, data: st.DataObject) -> None:
    """As if its output were a constant: the same graph with an input of its own in its place."""
    names = [name for name, *_ in layers_of(document)]
    cut = data.draw(st.sampled_from(names))
    truth = sized(document, (0,), nothing={cut})
    for name in names:
        (axis,) = rfcalc.field(document, name, cut=[cut]).axes
        masks = [int(mask) for mask in truth[name].ravel()]
        rows = list(axis.masks) * (len(masks) if len(axis.masks) == 1 else 1)
        assert rows == masks, name


SOUND: dict[str, tuple[list[dict[str, Any]], int, tuple[int, int, int]]] = {
    # 48 kHz: half a second, ten, and half a minute; the unit and its field by hand
    "windows": (
        [{"kind": "conv", "filters": 1, "kernel": 3, "padding": "same", "dilation": d} for d in (1, 2, 4)],
        24_000,
        (11_993, 12_007, 15),
    ),
    "with gaps": (
        [{"kind": "conv", "filters": 1, "kernel": 3, "padding": "same", "dilation": 4}],
        480_000,
        (239_996, 240_004, 3),
    ),
    "beyond what can be listed": (
        [{"kind": "conv", "filters": 1, "kernel": 45, "padding": "same"}],
        1_440_000_000,
        (720_000_000 - 22, 720_000_000 + 22, 45),
    ),
    "steps": (
        [{"kind": "conv", "filters": 1, "kernel": 4, "stride": 4}, {"kind": "max_pool", "kernel": 2}],
        96_000,
        (48_000, 48_007, 8),
    ),
    "stretched": (
        [{"kind": "max_pool", "kernel": 4}, {"kind": "upsample", "scale": 4, "mode": "nearest"}],
        48_000,
        (24_000, 24_003, 4),
    ),
    "a state": (
        [{"kind": "lstm", "units": 1, "sequences": True}],
        24_000,
        (0, 12_000, 12_001),
    ),
    "all of it": (
        [{"kind": "global_pool", "keepdims": True}],
        24_000,
        (0, 23_999, 24_000),
    ),
    "all of what cannot be listed": (
        [
            {"kind": "conv", "filters": 1, "kernel": 4, "stride": 2, "padding": "same"},
            {"kind": "conv", "filters": 1, "kernel": 3},
            {"kind": "global_pool", "keepdims": True},
        ],
        1_440_000_000,
        (0, 1_439_999_999, 1_440_000_000),
    ),
    "a state of what cannot be listed": (
        [{"kind": "conv", "filters": 1, "kernel": 5}, {"kind": "lstm", "units": 1, "sequences": True}],
        48_000_001,
        (0, 23_999_998 + 4, 23_999_998 + 5),
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_unit_of_a_long_sound(name: str) -> None:
    """No more is worked out than the unit needs, and the table of all units agrees where there is room."""
    layers, extent, row = SOUND[name]
    model = {"rfcalc": 1, "input": [extent, 1], "layers": layers}
    last = list(rfcalc.load(model))[-1].name
    count = rfcalc.analyze(model).layer(last).spatial[0]
    unit = rfcalc.field(model, last, (count // 2,))
    assert unit.axes[0].rows == (row,)
    assert unit.axes[0].masks[0].bit_count() == row[2]
    assert unit.axes[0].status == "exact"
    if extent <= 100_000:
        whole = rfcalc.field(model, last)
        assert whole.axes[0].rows[count // 2] == row
        assert whole.axes[0].masks[count // 2] == unit.axes[0].masks[0]
        assert whole.axes[0].lost == tuple(whole.axes[0].lost or ()) or whole.axes[0].lost is None
        seen = whole.seeing((row[0],)).axes[0].units
        assert seen is not None
        assert seen[0] <= count // 2 <= seen[1]


def test_the_field_of_the_other_way() -> None:
    fork = {
        "rfcalc": 1,
        "input": [16, 1],
        "layers": [
            {"kind": "conv", "name": "wide", "filters": 1, "kernel": 5, "padding": "same"},
            {"kind": "conv", "name": "slim", "filters": 1, "kernel": 3, "padding": "same", "inputs": "input"},
            {"kind": "add", "name": "sum", "inputs": ["wide", "slim"]},
        ],
    }
    assert rfcalc.analyze(fork).layer("sum").receptive_field == (5,)
    found = rfcalc.analyze(fork, cut=["wide"])
    assert found.layer("sum").receptive_field == (3,)
    assert found.totals.params == rfcalc.analyze(fork).totals.params
    assert [note.code for note in found.notes] == ["cut"]
    assert rfcalc.analyze(fork, cut=["*i*"]).layer("sum").receptive_field == (0,)
    with pytest.raises(UsageError, match="no layer is called 'none', so none can be cut"):
        rfcalc.analyze(fork, cut=["none"])


@pytest.mark.parametrize(
    ("layer", "lines"),
    [
        # a steady step is said once, the border is not
        (
            {"kind": "conv", "kernel": 3, "stride": 2, "padding": "same"},
            ["0 0 to 2 3", "1 2 to 4 3", "… 16 more +2 each", "18 36 to 38 3", "19 38 to 39 2"],
        ),
        # rows that grow to the border before they move
        (
            {"kind": "conv", "kernel": 12, "padding": "causal"},
            ["0 0 to 0 1", "1 0 to 1 2", "… 9 more first +0, last +1 +1", "11 0 to 11 12", "12 1 to 12 12",
             "… 26 more +1 each", "39 28 to 39 12"],
        ),
        # few lines stay
        (
            {"kind": "conv", "kernel": 8, "stride": 8},
            ["0 0 to 7 8", "1 8 to 15 8", "2 16 to 23 8", "3 24 to 31 8", "4 32 to 39 8"],
        ),
    ],
)  # fmt: skip
def test_a_terminal_gets_steady_rows_in_one_line(layer: dict[str, object], lines: list[str]) -> None:
    model = {"rfcalc": 1, "input": [40, 1], "layers": [{"name": "conv", "filters": 1, **layer}]}
    result = rfcalc.field(model, "conv")
    short = [" ".join(line.split()) for line in result.shortened().to_text().splitlines()]
    assert short[2 : 3 + len(lines)] == ["output positions taps", *lines]
    outputs = len(result.axes[0].rows)
    below = 2 if result.touching and result.touching[0] else 0
    assert len(result.to_text().splitlines()) == outputs + 3 + below


# ---- one index for several axes ----------------------------------------------------------------------------

FLAT = {"rfcalc": 1, "input": [4, 6, 1], "layers": [
    {"kind": "max_pool", "name": "p", "kernel": 2}, {"kind": "flatten", "name": "f"},
]}  # fmt: skip


def test_a_flattened_map_has_one_index() -> None:
    """2x3 units in one row: the fifth is that of row 1, column 1."""
    found = rfcalc.field(FLAT, "f")
    assert (found.indices, found.count) == ((0, 0), 6)
    assert found.to_dict()["indices"] == [0, 0]
    assert found.to_dict()["units"] == 6
    assert found.unit((4,)).box == rfcalc.field(FLAT, "p", at=(1, 1)).box == ((2, 3), (2, 3))
    assert rfcalc.field(FLAT, "f", at=[4]).box == found.unit((4, 4)).box
    with pytest.raises(UsageError, match="one index goes with all axes in 'f'"):
        rfcalc.field(FLAT, "f", at=(1, 2))


def test_a_map_has_an_index_for_each_axis() -> None:
    found = rfcalc.field(FLAT, "p")
    assert (found.indices, found.count) == ((), 6)
    assert "indices" not in found.to_dict()


@pytest.mark.parametrize("pixel", [(0, 0), (1, 5), (3, 2)])
def test_units_of_a_flattened_map_are_counted_once(pixel: tuple[int, int]) -> None:
    seeing = rfcalc.field(FLAT, "f").seeing(pixel)
    expected = pixel[0] // 2 * 3 + pixel[1] // 2
    assert seeing.units == 1
    assert seeing.box == ((expected, expected),) * 2
    assert f"is seen by unit {expected} of f (6): 1 of 6 units" in seeing.to_text()


def test_tokens_of_a_film_share_an_index_and_frames_have_theirs() -> None:
    """Rows and columns are merged, and the first axis stays."""
    model = {"rfcalc": 1, "input": [3, 4, 4, 1], "layers": [
        {"kind": "reshape", "name": "r", "shape": [None, 3, 16, 1]},
    ]}  # fmt: skip
    found = rfcalc.field(model, "r")
    assert (found.indices, found.count) == ((0, 1, 1), 48)
    assert found.seeing((2, 1, 3)).units == 1
    assert rfcalc.field(model, "r", at=(2, 7)).box == ((2, 2), (1, 1), (3, 3))


@pytest.mark.parametrize(("extents", "tables"), [([6, 6], 1), ([6, 5], 2)])
def test_axes_of_other_lengths_have_tables_of_their_own(extents: list[int], tables: int) -> None:
    """Side by side, the shorter one would end in cells that look like outputs that see nothing."""
    layers = [{"kind": "conv", "name": "c", "filters": 1, "kernel": 3, "padding": "same"}]
    found = rfcalc.field({"rfcalc": 1, "input": [*extents, 1], "layers": layers}, "c")
    text = found.to_text()
    assert text.count("output ") - text.count("each output ") == tables
    assert sum(isinstance(each, Table) for each in found.pieces()) == tables


def test_taps_are_explained_where_they_are_no_size() -> None:
    """A window of dilation 2 leaves every other element out."""
    for dilation in (1, 2):
        layers = [{"kind": "conv", "name": "c", "filters": 1, "kernel": 3, "dilation": dilation}]
        text = rfcalc.field({"rfcalc": 1, "input": [9, 1], "layers": layers}, "c").to_text()
        assert ("Taps: how many of these are read." in text) is (dilation == 2)


@pytest.mark.onnx
def test_a_transformer_is_not_answered_for_by_its_patches_without_a_word() -> None:
    """Behind the one convolution of a Swin fields grow by attention alone; a layer that is named is meant."""
    notes = rfcalc.field(graph_bytes("own.swinir")).notes
    assert [note.code for note in notes if note.code == "further"] == []  # a convolution behind has the most
    swin = graph_bytes("tv.swin_t")
    (note,) = (each for each in rfcalc.field(swin).notes if each.code == "further")
    assert note.layer == "node_conv2d"
    assert not [each for each in rfcalc.field(swin, "node_conv2d").notes if each.code == "further"]

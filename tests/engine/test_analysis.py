"""What the analysis makes of a graph: unknown ops, gates, several inputs, shared weights, totals, notes."""

from __future__ import annotations

from typing import Any

import pytest

from rfcalc.algebra.number import UNKNOWN
from rfcalc.engine.result import AnalysisResult
from rfcalc.engine.rows import analyze_run
from rfcalc.engine.run import Run
from rfcalc.errors import AnalysisError, UsageError
from rfcalc.graph import Block, Layer, LayerGraph, Weight
from rfcalc.questions.field.find import field_of


def image(name: str = "x", shape: tuple[Any, ...] = (UNKNOWN, 32, 32, 3), axes: str = "bssc") -> Layer:
    return Layer(name, "input", "Input", attrs={"shape": shape, "axes": axes})


def layer(name: str, kind: str, *inputs: str, **attrs: Any) -> Layer:
    return Layer(name, kind, kind.title(), tuple((producer, 0) for producer in inputs), attrs)


def conv(name: str, source: str, kernel: int = 3, **attrs: Any) -> Layer:
    return layer(name, "conv", source, filters=4, kernel=kernel, **{"padding": "same", **attrs})


def analyze(*layers: Layer, depth: int | None = None, **asked: Any) -> AnalysisResult:
    return analyze_run(Run(LayerGraph(layers), **asked), depth=depth)


# ---- unknown ops -------------------------------------------------------------------------------------------

WITH_UNKNOWN = (
    image(),
    conv("before", "x"),
    Layer("odd", "unknown", "MyOp", (("before", 0),), {"why": "a custom layer"}),
    conv("behind", "odd"),
    conv("beside", "before"),
)


def test_an_unknown_op_poisons_only_what_lies_downstream() -> None:
    result = analyze(*WITH_UNKNOWN)
    assert [(row.name, row.status) for row in result] == [
        ("x", "exact"),
        ("before", "exact"),
        ("odd", "unknown"),
        ("behind", "unknown"),
        ("beside", "exact"),
    ]
    behind = result.layer("behind")
    assert behind.receptive_field is None
    assert behind.output_shape is None
    assert behind.params.total is None
    assert result.totals.resolved == 3
    assert result.totals.params.total is None
    assert result.totals.at_least["params"] == 112 + 148  # before and beside
    assert [note.code for note in result.notes] == ["unknown-op"]
    assert "MyOp" in result.notes[0].message


def test_a_recorded_shape_keeps_the_counts_behind_an_unknown_op() -> None:
    odd = Layer("odd", "unknown", "MyOp", (("x", 0),), recorded=((UNKNOWN, 32, 32, 7),))
    behind = analyze(image(), odd, conv("behind", "odd")).layer("behind")
    assert behind.output_shape == (None, 32, 32, 4)
    assert behind.params.total == 9 * 7 * 4 + 4
    assert (behind.status, behind.receptive_field) == ("unknown", None)


def test_on_unknown_error_lists_every_kind_once() -> None:
    more = Layer("more", "unknown", "Other", (("x", 0),))
    with pytest.raises(AnalysisError) as caught:
        analyze(*WITH_UNKNOWN, more, on_unknown="error")
    assert "MyOp ('odd')" in str(caught.value)
    assert "Other ('more')" in str(caught.value)


def test_on_unknown_bound_is_global_and_says_so() -> None:
    behind = analyze(*WITH_UNKNOWN, on_unknown="bound").layer("behind")
    assert (behind.status, behind.receptive_field) == ("bound", (None, None))
    assert "MyOp" in behind.reason


def test_a_field_says_what_was_assumed_on_the_way() -> None:
    graph = LayerGraph(WITH_UNKNOWN)
    with pytest.raises(AnalysisError, match="which no rule knows; --on-unknown"):
        field_of(Run(graph), "behind")
    assumed = field_of(Run(graph, on_unknown="identity"), "behind")
    assert [(note.code, note.layer) for note in assumed.notes] == [("assumed", "odd")]
    assert field_of(Run(graph, on_unknown="identity"), "beside").notes == ()


def test_on_unknown_identity_is_noted() -> None:
    result = analyze(*WITH_UNKNOWN, on_unknown="identity")
    assert result.layer("behind").receptive_field == (5, 5)
    assert [note.code for note in result.notes] == ["assumed"]


# ---- gates -------------------------------------------------------------------------------------------------


def gate(source: str, prefix: str = "") -> tuple[Layer, ...]:
    return (
        layer(f"{prefix}squeeze", "global_pool", source, keepdims=True),
        conv(f"{prefix}excite", f"{prefix}squeeze", 1),
        layer(f"{prefix}gate", "activation", f"{prefix}excite", function="sigmoid"),
        layer(f"{prefix}gated", "multiply", source, f"{prefix}gate"),
    )


def test_squeeze_and_excitation_is_global_with_a_finite_local_field() -> None:
    rows = analyze(image(), conv("a", "x"), *gate("a"), conv("b", "gated", stride=2))
    assert rows.layer("gated").receptive_field == (None, None)
    assert rows.layer("gated").local_receptive_field == (3, 3)
    behind = rows.layer("b")
    assert behind.receptive_field == (None, None)
    assert behind.local_receptive_field == (5, 5)
    assert behind.effective_stride == (2, 2)
    assert behind.coverage == 1.0


def _global_notes(*layers: Layer, **how: Any) -> list[str]:
    result = analyze_run(Run(LayerGraph(layers, name="m"), **how))
    return [note.message for note in result.notes if note.code == "global"]


def test_who_sees_the_whole_input_is_told_of_branches() -> None:
    """Maps on a branch of their own, or a map that is known as a bound alone, are not said to see it."""
    gated = (image(), conv("a", "x"), *gate("a"))
    cut = "; with gates cut they do not"
    assert _global_notes(*gated, conv("b", "gated")) == [
        f"from here on (Multiply) maps see the whole input, whatever its size, "
        f"by way of 'squeeze' (Global_Pool){cut}"
    ]
    (beside,) = _global_notes(*gated, conv("b", "gated"), conv("other", "x"))
    assert beside.startswith("this map (Multiply) and what is computed from it see the whole input")
    assert beside.endswith(f"by way of 'squeeze' (Global_Pool){cut}")
    (apart,) = _global_notes(image(), layer("whole", "global_pool", "x", keepdims=True), *gated[1:])
    assert apart.endswith(f"by way of 'squeeze' (Global_Pool){cut}")  # no map is computed from the other
    odd = layer("odd", "unknown", "x")
    assert _global_notes(image(), odd, conv("b", "odd"), on_unknown="bound") == []


def test_a_second_gate_behind_the_first_is_found_too() -> None:
    rows = analyze(image(), conv("a", "x"), *gate("a"), conv("b", "gated"), *gate("b", "second_"))
    assert rows.layer("second_gated").local_receptive_field == (5, 5)


def test_gates_along_one_axis_after_the_other_are_cut() -> None:
    """Coordinate attention: the map times its means along the height, times those along the width."""
    result = analyze(
        image(),
        conv("map", "x"),
        layer("rows", "reduce", "map", axes=(1,), keepdims=True),
        layer("columns", "reduce", "map", axes=(2,), keepdims=True),
        layer("gated", "multiply", "map", "rows", "columns"),
    )
    row = result.layer("gated")
    assert (row.receptive_field, row.local_receptive_field) == ((None, None), (3, 3))


def test_a_global_branch_that_is_added_is_no_gate() -> None:
    rows = analyze(image(), conv("a", "x"), *gate("a")[:3], layer("sum", "add", "a", "gate"))
    assert rows.layer("sum").local_receptive_field == (None, None)
    assert rows.layer("sum").effective_stride == (1, 1)


def test_a_spatial_gate_is_local_and_stays() -> None:
    rows = analyze(
        image(), conv("a", "x"), conv("attention", "a", 7), layer("gated", "multiply", "a", "attention")
    )
    assert rows.layer("gated").receptive_field == (9, 9)
    assert rows.layer("gated").local_receptive_field == (9, 9)


def test_statistics_over_the_map_are_cut_like_gates() -> None:
    rows = analyze(image(), layer("norm", "instance_norm", "x"), conv("a", "norm"))
    assert rows.layer("a").receptive_field == (None, None)
    assert rows.layer("a").local_receptive_field == (3, 3)


# ---- inputs ------------------------------------------------------------------------------------------------

TWO_INPUTS = (
    image("vector", (UNKNOWN, 8), "bc"),
    image("left"),
    image("right"),
    conv("a", "left", 3),
    conv("b", "right", 5),
    layer("sum", "add", "a", "b"),
)


@pytest.mark.parametrize(("name", "field"), [(None, (3, 3)), ("left", (3, 3)), ("right", (5, 5))])
def test_figures_are_those_of_the_chosen_input(name: str | None, field: tuple[int, int]) -> None:
    result = analyze(*TWO_INPUTS, input=name)
    assert result.input == (name or "left")
    assert result.layer("sum").receptive_field == field


def test_a_tensor_that_does_not_depend_on_the_input_sees_nothing() -> None:
    row = analyze(*TWO_INPUTS, input="left").layer("b")
    assert (row.receptive_field, row.effective_stride, row.coverage) == ((0, 0), (None, None), 0.0)


def test_an_unknown_input_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no input 'middle'; it has 'vector', 'left', 'right'"):
        analyze(*TWO_INPUTS, input="middle")


# ---- counting ----------------------------------------------------------------------------------------------


def test_a_layer_that_is_called_twice_counts_once_and_keeps_both_calls() -> None:
    second = Layer("a@2", "conv", "Conv2D", (("a", 0),), {"filters": 3, "kernel": 3}, owner="a")
    result = analyze(image(), layer("a", "conv", "x", filters=3, kernel=3), second)
    row = result.layer("a")
    assert [call.receptive_field for call in row.calls] == [(3, 3), (5, 5)]
    assert row.receptive_field == (3, 3)
    assert (row.params.total, result.totals.params.total, result.totals.layers) == (84, 84, 2)
    assert row.macs == 3 * 27 * (30 * 30 + 28 * 28) == result.totals.macs


def test_the_row_of_a_shared_layer_shows_the_call_that_sees_the_chosen_input() -> None:
    second = Layer("tower@2", "conv", "Conv2D", (("right", 0),), {"filters": 3, "kernel": 3}, owner="tower")
    layers = (image("left"), image("right"), layer("tower", "conv", "left", filters=3, kernel=3), second)
    for name in ("left", "right"):
        row = analyze(*layers, input=name).layer("tower")
        assert (row.receptive_field, row.params.total, len(row.calls)) == ((3, 3), 84, 2)


def test_named_weights_count_by_identity() -> None:
    tied = Weight("table", (10, 4))
    first = Layer("a", "linear", "Linear", (("x", 0),), {"units": 4}, (tied, Weight("bias", (4,))))
    second = Layer("b", "linear", "Linear", (("a", 0),), {"units": 4}, (tied,))
    result = analyze(image("x", (UNKNOWN, 10), "bc"), first, second)
    assert [row.params.total for row in result] == [0, 44, 0]
    assert result.totals.params.total == 44


def test_a_frozen_layer_has_no_trainable_weights() -> None:
    frozen = Layer("a", "batch_norm", "BatchNorm", (("x", 0),), trainable=False)
    params = analyze(image(), frozen).totals.params
    assert (params.trainable, params.non_trainable) == (0, 12)


def test_open_extents_leave_counts_open_with_a_lower_bound() -> None:
    result = analyze(
        image("x", (UNKNOWN, UNKNOWN, UNKNOWN, 3)),
        conv("a", "x"),
        layer("f", "flatten", "a"),
        layer("d", "linear", "f", units=2),
    )
    assert result.layer("a").params.total == 112
    assert result.layer("d").params.total is None
    assert result.totals.at_least["params"] == 114
    assert not result.totals.complete


# ---- blocks ------------------------------------------------------------------------------------------------


def nested() -> LayerGraph:
    inside = [
        Layer("body/a", "conv", "Conv2D", (("x", 0),), {"filters": 3, "kernel": 3}, block=("body",)),
        Layer("body/b", "conv", "Conv2D", (("body/a", 0),), {"filters": 3, "kernel": 3}, block=("body",)),
    ]
    block = Block(("body",), "Functional", (("body/b", 0),), is_layer=True)
    return LayerGraph([image(), *inside, conv("c", "body/b")], blocks=[block])


def test_a_nested_model_has_a_row_before_those_of_its_layers() -> None:
    result = analyze_run(Run(nested()))
    assert [row.name for row in result] == ["x", "body", "body/a", "body/b", "c"]
    body = result.layer("body")
    assert body.container
    assert (body.params.total, body.receptive_field, body.output_shape) == (168, (5, 5), (None, 28, 28, 3))
    assert result.totals.layers == 4
    assert result.totals.params.total == 168 + 112


@pytest.mark.parametrize("on_unknown", ["report", "bound"])
def test_the_row_of_a_nested_model_has_the_doubts_of_its_layers(on_unknown: str) -> None:
    """Also where its output does not depend on them, and where --depth hides them."""
    odd = Layer("body/odd", "unknown", "MyOp", (("x", 0),), block=("body",))
    known = Layer("body/a", "activation", "ReLU", (("x", 0),), block=("body",))
    block = Block(("body",), "Functional", (("body/a", 0),), is_layer=True)
    graph = LayerGraph([image(), odd, known], blocks=[block])
    for depth in (None, 1):
        result = analyze_run(Run(graph, on_unknown=on_unknown), depth=depth)  # type: ignore[arg-type]  # a word of it
        body = result.layer("body")
        assert body.status == ("unknown" if on_unknown == "report" else "bound")
        assert "MyOp" in body.reason
        assert body.macs is None
        assert body.params.total is None
        assert not result.totals.complete


def test_a_slash_in_a_name_is_no_block() -> None:
    """Only blocks whose layers have no rows count as a layer, whatever their names."""
    inside = Layer("a/b/c", "activation", "ReLU", (("x", 0),), block=("a/b",))
    block = Block(("a/b",), "Functional", (("a/b/c", 0),), is_layer=True)
    graph = LayerGraph([image(), inside], blocks=[block])
    assert analyze_run(Run(graph), depth=2).totals.layers == 2
    assert analyze_run(Run(graph), depth=1).totals.layers == 2


def test_depth_collapses_a_nested_model_into_its_row() -> None:
    result = analyze_run(Run(nested()), depth=1)
    assert [row.name for row in result] == ["x", "body", "c"]
    assert result.totals.layers == 3
    assert result.totals.params.total == 168 + 112


# ---- errors and notes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (conv("a", "x", 33, padding="valid"), "layer 'a': the window of 33 is larger than the map of 32"),
        (conv("a", "x", groups=2), "layer 'a': 3 input channels do not divide into 2 groups"),
        (layer("a", "reshape", "x", shape=(None, 7)), "layer 'a': a tensor of shape (?, 32, 32, 3) cannot"),
        (layer("a", "crop", "x", cropping=16), "layer 'a': cropping leaves 0 elements of 32"),
        (layer("a", "permute", "x", order=(0, 1, 1, 2)), "layer 'a': [0, 1, 1, 2] is no order of the axes"),
        (layer("a", "linear", "x"), "layer 'a': linear needs the setting 'units'"),
    ],
    ids=lambda value: value.kind if isinstance(value, Layer) else "",
)
def test_a_layer_that_does_not_fit_is_named(wrong: Layer, message: str) -> None:
    with pytest.raises(AnalysisError) as caught:
        analyze(image(), wrong)
    assert message in str(caught.value)


def test_shapes_that_do_not_join_are_named() -> None:
    with pytest.raises(AnalysisError, match=r"layer 'sum': inputs of shapes .*32, 32, 4.* and .*30, 30, 4"):
        analyze(image(), conv("a", "x"), conv("b", "x", padding="valid"), layer("sum", "add", "a", "b"))


def test_unequal_strides_are_exact_at_a_known_size_and_noted() -> None:
    branches = (conv("a", "x", 2, stride=2, padding="valid"), conv("b", "x", 17, padding="valid"))
    result = analyze(image(), *branches, layer("sum", "add", "a", "b"))
    row = result.layer("sum")
    assert (row.receptive_field, row.status) == ((17, 17), "exact")
    assert [note.code for note in result.notes] == ["unequal-strides"]
    assert "'a' and 'b'" in result.notes[0].message
    truth = field_of(Run(LayerGraph([image(), *branches, layer("sum", "add", "a", "b")])), "sum")
    assert next(row for row in truth.axes[0].rows if row) == (0, 16, 17)


def test_unequal_strides_of_unknown_size_are_a_bound() -> None:
    result = analyze(
        image("x", (UNKNOWN, UNKNOWN, UNKNOWN, 3)),
        conv("a", "x", 2, stride=2, padding="valid"),
        conv("b", "x", 17, padding="valid"),
        layer("sum", "add", "a", "b"),
    )
    row = result.layer("sum")
    assert (row.receptive_field, row.status) == ((None, None), "bound")
    assert "'a' and 'b'" in row.reason


def test_same_padding_of_an_open_extent_keeps_sizes_exact() -> None:
    result = analyze(
        image("x", (UNKNOWN, UNKNOWN, UNKNOWN, 3)),
        conv("a", "x", stride=2),
        conv("b", "a"),
        layer("sum", "add", "a", "b"),
    )
    row = result.layer("sum")
    assert (row.receptive_field, row.effective_padding, row.status) == ((7, 7), (None, None), "exact")


def test_a_join_of_different_open_offsets_is_a_bound_that_covers_every_size() -> None:
    def model(extent: Any) -> AnalysisResult:
        return analyze(
            image("x", (UNKNOWN, extent, extent, 3)),
            conv("a", "x", 3, stride=2),
            conv("b", "x", 6, stride=2),
            layer("sum", "add", "a", "b"),
        )

    open_row = model(UNKNOWN).layer("sum")
    assert open_row.status == "bound"
    assert "the padding of 'a'" in open_row.reason
    assert open_row.receptive_field is not None
    for extent in range(6, 20):
        row = model(extent).layer("sum")
        assert row.status == "exact"
        assert row.receptive_field is not None
        assert row.receptive_field[0] <= open_row.receptive_field[0]  # type: ignore[operator]  # both are finite


# ---- reshapes ----------------------------------------------------------------------------------------------


def test_windows_beside_single_positions_are_united() -> None:
    """Attention within windows of 4, its residual kept: every position sees its window, no more."""
    graph = LayerGraph(
        [
            image("x", (UNKNOWN, 16, 8), "bsc"),
            layer("cut", "reshape", "x", shape=(None, 4, 4, 8)),
            layer("attend", "multi_head_attention", "cut", heads=1, key_dim=8, axes=(2,)),
            layer("back", "reshape", "attend", shape=(None, 16, 8)),
            layer("beside", "add", "back", "x"),
            conv("behind", "beside"),
        ]
    )
    result = analyze_run(Run(graph))
    for name, sizes in (("back", (4, 4)), ("beside", (4, 4)), ("behind", (8, 4))):
        row = result.layer(name)
        assert (row.receptive_field, row.receptive_field_min) == ((sizes[0],), (sizes[1],))
        assert (row.effective_stride, row.status) == ((1,), "exact")
    assert field_of(Run(graph), "beside").axes[0].rows[:5] == ((0, 3, 4),) * 4 + ((4, 7, 4),)
    assert field_of(Run(graph), "behind").axes[0].rows[2:5] == ((0, 3, 4), (0, 7, 8), (0, 7, 8))


def test_windows_merged_into_the_batch_are_all_counted() -> None:
    """Swin's partition of 16x16 into windows of 4x4: (-1, 16, 6) is one of 16 windows of each sample."""
    windows = [
        image("x", (UNKNOWN, 16, 16, 6)),
        layer("cut", "reshape", "x", shape=(None, 4, 4, 4, 4, 6)),
        layer("order", "permute", "cut", order=(0, 1, 3, 2, 4, 5)),
        layer("windows", "reshape", "order", shape=(-1, 16, 6)),
        layer("attend", "multi_head_attention", "windows", heads=1, key_dim=6),
        layer("dense", "linear", "attend", units=5),
        layer("uncut", "reshape", "dense", shape=(-1, 4, 4, 4, 4, 5)),
        layer("reorder", "permute", "uncut", order=(0, 1, 3, 2, 4, 5)),
        layer("back", "reshape", "reorder", shape=(-1, 16, 16, 5)),
    ]
    result = analyze(*windows)
    assert [result.layer(name).activations for name in ("windows", "attend", "dense", "back")] == [
        1536, 1536, 256 * 5, 256 * 5,
    ]  # fmt: skip
    assert result.layer("dense").macs == 256 * 6 * 5
    assert result.layer("attend").macs == 16 * (16 * 4 * 6 * 6 + 16 * 16 * 2 * 6)
    assert result.layer("back").spatial == (16, 16)
    assert result.layer("back").receptive_field == (4, 4)
    assert result.totals.complete


def test_a_flattened_map_keeps_no_grid() -> None:
    row = analyze(image("x", (UNKNOWN, 9, 4), "bsc"), layer("flat", "flatten", "x")).layer("flat")
    assert (row.receptive_field, row.effective_stride, row.effective_padding, row.center) == (
        (1,), (None,), (None,), (None,),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "target", "activations"),
    [
        pytest.param((8, 16, 16, 4), (128, 16, 4), 1024, id="a batch of known size takes rows in"),
        pytest.param((8, 16, 16, 4), (2, 4, 16, 16, 4), 1024, id="a batch of known size is split"),
        pytest.param((1, 16, 16, 4), (16, 16, 4), 1024, id="one sample"),
        pytest.param((UNKNOWN, 16, UNKNOWN, 4), (-1, 16, 4), None, id="it is not known how many"),
    ],
)
def test_a_batch_that_a_reshape_changes(
    shape: tuple[Any, ...], target: tuple[int, ...], activations: int | None
) -> None:
    result = analyze(
        image("x", shape), layer("cut", "reshape", "x", shape=target), layer("a", "activation", "cut")
    )
    assert result.layer("cut").activations == result.layer("a").activations == activations


def test_axes_of_one_element_are_nobodys() -> None:
    """The last stage of Swin cuts a map into one window; axes of one element must not spoil the others."""
    result = analyze(
        image("x", (UNKNOWN, 4, 6, 2)),
        layer("cut", "reshape", "x", shape=(None, 4, 1, 1, 6, 2)),
        layer("order", "permute", "cut", order=(0, 2, 1, 3, 4, 5)),
        layer("back", "reshape", "order", shape=(None, 4, 6, 2)),
        conv("conv", "back", padding="valid"),
    )
    assert result.layer("conv").spatial == (2, 4)


@pytest.mark.parametrize(
    ("target", "field", "stride"),
    [
        pytest.param((-1, 1, 1, 144), (8, 8), (6, 6), id="one position of two axes"),
        pytest.param((-1, 144), (3, 3), (None, None), id="no position: elements one by one"),
        pytest.param((-1, 1, 144), (3, 3), (None, None), id="a group of elements, as before a normalisation"),
        pytest.param((-1, 144, 1), (3, 3), (None, None), id="a score for each element, as of anchors"),
        pytest.param((-1, 36, 4), (3, 3), (None, None), id="36 positions"),
    ],
)
def test_a_map_that_is_flattened(target: tuple[int, ...], field: Any, stride: Any) -> None:
    """A position of both axes sees what any of its channels does: of 6x6 elements that see 3x3 all 8x8."""
    result = analyze(
        image("x", (UNKNOWN, 8, 8, 3)),
        conv("a", "x", padding="valid"),
        layer("one", "reshape", "a", shape=target),
    )
    row = result.layer("one")
    assert (row.receptive_field, row.effective_stride, row.status) == (field, stride, "exact")


# ---- borders ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "noted"), [("constant", False), ("edge", False), ("reflect", True), ("wrap", True)]
)
def test_units_that_see_beyond_a_border_are_noted(mode: str, noted: bool) -> None:
    result = analyze(
        image(), layer("pad", "pad", "x", padding=1, mode=mode), conv("a", "pad", padding="valid")
    )
    assert result.layer("a").receptive_field == (3, 3)
    assert [note.code for note in result.notes] == (["border"] if noted else [])


def test_a_channel_axis_has_no_border() -> None:
    result = analyze(image(), layer("r", "roll", "x", shift=1, axes=(3,)))
    assert result.notes == ()


def test_the_doubts_of_a_local_field_are_those_of_its_row() -> None:
    """Behind a gate all is global, but where a strided branch stands beside a pooled one is not known."""
    result = analyze(
        image("x", (UNKNOWN, UNKNOWN, UNKNOWN, 8)),
        Layer(
            "a", "conv", "Conv2D", (("x", 0),), {"filters": 8, "kernel": 3, "stride": 2, "padding": "same"}
        ),
        layer("g", "global_pool", "a", keepdims=True),
        layer("m", "multiply", "a", "g"),
        layer("p", "max_pool", "x", kernel=3, stride=2, padding=1),
        layer("s", "add", "m", "p"),
    )
    assert result.layer("m").status == "exact"
    row = result.layer("s")
    assert (row.receptive_field, row.status) == ((None, None), "bound")


# ---- symbols -----------------------------------------------------------------------------------------------


def test_symbolic_extents_give_formulas() -> None:
    graph = LayerGraph(
        [
            image("x", (UNKNOWN, UNKNOWN, UNKNOWN, 3)),
            conv("a", "x", stride=2),
            layer("p", "max_pool", "a", kernel=2),
        ]
    )
    row = analyze_run(Run(graph), symbolic=True).layer("p")
    assert row.output_shape is not None
    assert str(row.output_shape[1]) == "floor(H/4 + 1/4)"
    assert row.receptive_field == (5, 5)


def test_formulas_say_under_which_condition_branches_meet() -> None:
    """A skip fits its upsampled map where the pooling divides evenly; a residual block always does."""
    graph = LayerGraph(
        [
            image("x", (UNKNOWN, UNKNOWN, 32, 3)),
            conv("a", "x"),
            Layer("same", "conv", "Conv2D", (("a", 0),), {"filters": 3, "kernel": 3, "padding": "same"}),
            layer("residual", "add", "x", "same"),
            layer("p", "max_pool", "a", kernel=2),
            layer("up", "upsample", "p", scale=2),
            layer("skip", "concat", "a", "up", axis=-1),
            layer("again", "add", "skip", "skip"),
        ]
    )
    notes = [note for note in analyze_run(Run(graph), symbolic=True).notes if note.code == "condition"]
    assert [(note.layer, note.message) for note in notes] == [
        ("skip", "the formulas hold for sizes with H = 2*⌊H/2⌋")
    ]


# ---- what leads nowhere ------------------------------------------------------------------------------------


def test_costs_that_lead_to_no_output_are_told() -> None:
    graph = LayerGraph((image(), conv("a", "x"), conv("b", "x")), outputs=(("a", 0),), name="m")
    result = analyze_run(Run(graph))
    assert [(note.layer, note.message) for note in result.notes if note.code == "unused"] == [
        ("b", "it leads to no output of the model, and counts all the same")
    ]
    both = LayerGraph((image(), conv("a", "x"), conv("b", "x")), name="m")
    assert [note for note in analyze_run(Run(both)).notes if note.code == "unused"] == []

"""What became of each layer: by hand on small models, and on random ones against edits that are known."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc.questions.diff.match import match
from rfcalc.questions.diff.nodes import Node
from rfcalc.questions.diff.report_words import shapes_text, value_text
from rfcalc.questions.diff.sequence import Work, aligned
from tests.readers.onnx_graphs import graph_bytes
from tests.strategies import models

Json = dict[str, Any]
Draw = Any

COUNT = settings(max_examples=40, deadline=None)


def net(*layers: Json, **more: Any) -> Json:
    return {"rfcalc": 1, "input": [64, 64, 3], "layers": list(layers), **more}


def conv(name: str, kernel: int = 3, filters: int = 8, **more: Any) -> Json:
    return {"kind": "conv", "name": name, "filters": filters, "kernel": kernel, "padding": "same", **more}


def pool(name: str) -> Json:
    return {"kind": "max_pool", "name": name, "kernel": 2}


def states(found: rfcalc.Diff) -> dict[str, str]:
    return {entry.name: entry.state for entry in found.entries if entry.state != "same"}


# ---- by hand -----------------------------------------------------------------------------------------------


def test_a_kernel_that_grew() -> None:
    """A field of 3, 5, 7 becomes 5, 7, 9; the 3x3x8x8 weights of c1 do not depend on the kernel before it."""
    found = rfcalc.diff(net(conv("c1"), conv("c2"), conv("c3")), net(conv("c1", 5), conv("c2"), conv("c3")))
    assert states(found) == {"c1": "changed", "c2": "affected", "c3": "affected"}
    (entry,) = found.edited
    assert entry.settings == (("kernel", (3, 3), (5, 5)),)
    assert entry.figures == ("receptive_field", "receptive_field_min", "params", "macs")
    assert (entry.old.params, entry.new.params) == (8 * (9 * 3 + 1), 8 * (25 * 3 + 1))
    (spread,) = found.spread
    assert (spread.figure, spread.direction, spread.causes, spread.layers) == (
        "receptive_field", "grows", ("c1",), 2,
    )  # fmt: skip
    assert (spread.most, spread.old, spread.new) == ("c3", (7, 7), (9, 9))


def test_filters_change_what_comes_next_and_no_field() -> None:
    found = rfcalc.diff(
        net(conv("c1"), conv("c2"), conv("c3")), net(conv("c1", filters=16), conv("c2"), conv("c3"))
    )
    assert states(found) == {"c1": "changed", "c2": "affected"}
    assert found.affected[0].figures == ("params", "macs")
    assert [(each.figure, each.new - each.old) for each in found.spread] == [
        ("params", 9 * 8 * 8),
        ("macs", 9 * 8 * 8 * 64 * 64),
    ]


def test_a_pooling_that_became_a_strided_convolution() -> None:
    old = net(conv("c1"), pool("down"), conv("c2"), pool("down2"), conv("c3"))
    new = net(conv("c1"), conv("strided", 2, stride=2), conv("c2"), pool("down2"), conv("c3"))
    found = rfcalc.diff(old, new)
    assert states(found)["strided"] == "changed"
    assert not found.added
    assert not found.removed
    (entry,) = found.edited
    assert entry.settings[0] == ("kind", "max_pool", "conv")
    assert entry.renamed


def test_what_was_put_in_between_does_not_change_its_neighbours() -> None:
    old = net(conv("c1"), conv("c2"))
    new = net(conv("c1"), {"kind": "batch_norm", "name": "norm"}, conv("c2"))
    assert states(rfcalc.diff(old, new)) == {"norm": "added"}
    assert states(rfcalc.diff(new, old)) == {"norm": "removed"}


def test_names_that_a_tool_numbers_say_less_than_structure() -> None:
    """A convolution more in the first block moves the numbers of all behind it."""

    def numbered(*filters: int) -> Json:
        layers: list[Json] = []
        for number, count in enumerate(filters, 1):
            layers.append(conv(f"conv_{number}", filters=count) if count else pool(f"pool_{number}"))
        return net(*layers)

    old = numbered(8, 8, 0, 16, 16, 16, 0, 32, 32, 32, 0, 64, 64)
    new = numbered(8, 8, 8, 0, 16, 16, 16, 0, 32, 32, 32, 0, 64, 64)
    found = rfcalc.diff(old, new)
    assert (len(found.added), len(found.removed), len(found.edited)) == (1, 0, 0)
    assert found.added[0].new.row.output_shape == (None, 64, 64, 8)
    assert len(found.renamed) == 11


def test_of_equal_layers_the_name_tells_which_is_gone() -> None:
    chain = [conv(f"c{number}") for number in range(10)]
    assert states(rfcalc.diff(net(*chain), net(*chain[:4], *chain[5:])))["c4"] == "removed"
    assert not rfcalc.diff(net(*chain), net(*chain[:4], *chain[5:])).renamed


def test_other_inputs_are_a_change() -> None:
    layers = [conv("a"), conv("b"), conv("c"), {"kind": "concat", "name": "join", "inputs": ["a", "c"]}]
    other = [*layers[:3], {"kind": "concat", "name": "join", "inputs": ["b", "c"]}]
    found = rfcalc.diff(net(*layers), net(*other))
    (entry,) = found.edited
    assert (entry.name, entry.rewired) == ("join", True)
    turned = [*layers[:3], {"kind": "concat", "name": "join", "inputs": ["c", "a"]}]
    assert [entry.name for entry in rfcalc.diff(net(*layers), net(*turned)).edited] == ["join"]
    added = [{**layer, "kind": "add"} if layer["name"] == "join" else layer for layer in (*layers, *turned)]
    assert not rfcalc.diff(net(*added[:4]), net(*added[4:])).changed  # a sum has no order


def test_spellings_of_a_setting_are_one_setting() -> None:
    one = net(conv("c", 3), {"kind": "max_pool", "name": "p", "kernel": 2})
    two = net(conv("c", [3, 3], stride=1), {"kind": "max_pool", "name": "p", "kernel": [2, 2], "stride": 2})
    assert not rfcalc.diff(one, two).changed


def test_another_size_of_the_input() -> None:
    old, new = net(conv("c"), pool("p")), {**net(conv("c"), pool("p")), "input": [32, 32, 3]}
    found = rfcalc.diff(old, new)
    assert states(found) == {"input": "changed", "c": "affected", "p": "affected"}
    assert [(each.figure, each.direction, each.causes) for each in found.spread] == [
        ("spatial", "shrinks", ("input",)),
        ("macs", "shrinks", ("input",)),
    ]


def test_what_is_behind_an_input_that_was_opened_cannot_be_compared() -> None:
    found = rfcalc.diff(net(conv("c")), {**net(conv("c")), "input": [None, None, 3]})
    assert states(found) == {"input": "changed"}
    assert [entry.unclear for entry in found.entries] == [("output_shape",), ("output_shape", "macs")]
    assert {note.code for note in found.notes} == {"one_sided"}


def test_the_input_may_have_been_renamed() -> None:
    old = {"rfcalc": 1, "inputs": {"a": [8, 8, 1]}, "layers": [conv("c")]}
    new = {"rfcalc": 1, "inputs": {"b": [8, 8, 1]}, "layers": [conv("c")]}
    assert not rfcalc.diff(old, new, input="b").changed
    with pytest.raises(rfcalc.UsageError):
        rfcalc.diff(old, new, input="c")


def test_an_error_says_which_of_the_two_it_is_about() -> None:
    good = rfcalc.load(net(conv("c")))
    bad = rfcalc.load(net({"kind": "conv", "name": "big", "filters": 1, "kernel": 99}))
    bad.source = "new.json"
    with pytest.raises(rfcalc.AnalysisError, match=r"new\.json: layer 'big'"):
        rfcalc.diff(good, bad)


# ---- random models, and edits that are known ---------------------------------------------------------------


def renamed(document: Json) -> Json:
    """Give every layer another name."""
    other = copy.deepcopy(document)
    for layer in other["layers"]:
        layer["name"] = f"other_{layer['name']}"
        layer["inputs"] = [name if name == "input" else f"other_{name}" for name in layer["inputs"]]
    return other


def inserted(draw: Draw, document: Json) -> tuple[Json, str]:
    """Put a layer between two others, in front of one or of all that take its input."""
    other = copy.deepcopy(document)
    place = draw(st.integers(0, len(other["layers"]) - 1))
    slot = draw(st.integers(0, len(other["layers"][place]["inputs"]) - 1))
    source = other["layers"][place]["inputs"][slot]
    takers = other["layers"] if draw(st.booleans()) else [other["layers"][place]]
    for layer in takers:
        layer["inputs"] = ["inserted" if name == source else name for name in layer["inputs"]]
    kind = draw(st.sampled_from(["relu", "batch_norm"]))
    other["layers"].append({"kind": kind, "name": "inserted", "inputs": [source]})
    return other, "inserted"


def edited(draw: Draw, document: Json) -> tuple[Json, str]:
    """Change a setting of a layer that fits any model."""
    other = copy.deepcopy(document)
    convolutions = [layer for layer in other["layers"] if layer["kind"] in ("conv", "transposed_conv")]
    assume(convolutions)
    layer = draw(st.sampled_from(convolutions))
    same = layer["kind"] == "conv" and layer["padding"] in ("same", "same_lower", "causal")
    if same and draw(st.booleans()):
        kernel = layer["kernel"]
        layer["kernel"] = [size + 1 for size in kernel] if isinstance(kernel, list) else kernel + 1
    else:
        layer["bias"] = False
    return other, layer["name"]


@COUNT
@given(models())
def test_a_model_and_itself(document: Json) -> None:
    found = rfcalc.diff(document, copy.deepcopy(document))
    assert not found.changed
    assert not found.spread
    assert not found.renamed


@COUNT
@given(models(layers=16))
def test_a_model_whose_layers_were_renamed(document: Json) -> None:
    found = rfcalc.diff(document, renamed(document))
    assert not found.changed
    assert {entry.old.row.name: entry.name for entry in found.renamed} == {
        layer["name"]: f"other_{layer['name']}" for layer in document["layers"]
    } or _has_twins(document)
    assert len(found.renamed) == len(document["layers"])


def _has_twins(document: Json) -> bool:
    """Tell whether two layers are the same in every respect, so that either may be either."""
    seen = [{key: value for key, value in layer.items() if key != "name"} for layer in document["layers"]]
    return any(seen.count(layer) > 1 for layer in seen)


@COUNT
@given(models(layers=16), st.data())
def test_an_insertion_is_found_and_a_deletion(document: Json, data: Draw) -> None:
    other, name = inserted(data.draw, document)
    found = rfcalc.diff(document, other)
    assert ([each.name for each in found.added], found.removed, found.edited) == ([name], (), ())
    back = rfcalc.diff(other, document)
    assert ([each.name for each in back.removed], back.added, back.edited) == ([name], (), ())


@COUNT
@given(models(layers=16), st.data())
def test_an_edit_is_found_and_what_it_affects(document: Json, data: Draw) -> None:
    other, name = edited(data.draw, document)
    found = rfcalc.diff(document, other)
    assert ([each.name for each in found.edited], found.added, found.removed) == ([name], (), ())
    one, two = (rfcalc.analyze(each) for each in (document, other))
    differ = {row.name for row, there in zip(one, map(two.layer, (row.name for row in one)), strict=True)
              if figures(row) != figures(there)}  # fmt: skip
    assert {each.name for each in found.affected} == differ - {name}
    assert sum(each.layers for each in found.spread if "field" in each.figure) <= len(differ)


def figures(row: Any) -> tuple[Any, ...]:
    return (
        row.output_shape,
        row.receptive_field,
        row.receptive_field_min,
        row.local_receptive_field,
        row.effective_stride,
        row.center,
        row.params.total,
        row.macs,
        row.status,
    )


@COUNT
@given(models(layers=16), st.data())
def test_an_edit_is_found_under_other_names(document: Json, data: Draw) -> None:
    other, name = edited(data.draw, document)
    found = rfcalc.diff(document, renamed(other))
    assert len(found.edited) == 1
    assert (found.added, found.removed) == ((), ())
    layers = {layer["name"]: layer for layer in document["layers"]}
    old = found.edited[0].old.row.name
    # of layers that are alike in all but where they stand, another may have been taken
    assert old == name or layers[old]["kind"] == layers[name]["kind"]


@COUNT
@given(models(layers=10), models(layers=10))
def test_there_and_back_are_mirror_images(one: Json, two: Json) -> None:
    there, back = rfcalc.diff(one, two), rfcalc.diff(two, one)

    def told(found: rfcalc.Diff, first: str, second: str) -> set[Any]:
        sides = [(getattr(each, first), getattr(each, second), each) for each in found.entries]
        return {
            (old and old.row.name, new and new.row.name, each.figures, each.rewired, each.state == "same")
            for old, new, each in sides
        }

    assert told(there, "old", "new") == told(back, "new", "old")
    turned = {"grows": "shrinks", "shrinks": "grows", "global": "finite", "finite": "global"}
    assert there.changed == back.changed
    assert all(each.direction in (*turned, "changes", "unknown", "known") for each in there.spread)


# ---- sequences ---------------------------------------------------------------------------------------------


def longest(one: list[int], two: list[int]) -> int:
    """Return the length of a longest common subsequence, by the definition."""
    best = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(two):
            best[i + 1][j + 1] = best[i][j] + 1 if a == b else max(best[i][j + 1], best[i + 1][j])
    return best[-1][-1]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=20), st.lists(st.integers(0, 6), max_size=20))
def test_an_alignment_is_a_common_subsequence(one: list[int], two: list[int]) -> None:
    pairs = aligned(one, two, Work())
    assert all(one[i] == two[j] for i, j in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))
    assert len(pairs) == longest(one, two)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=24), st.data())
def test_what_was_taken_out_is_found(one: list[int], data: Draw) -> None:
    kept = [element for element in one if data.draw(st.booleans())]
    assert len(aligned(one, kept, Work())) == len(kept)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4), st.lists(st.integers(0, 9), min_size=1, max_size=30), st.data())
def test_long_sequences_are_aligned_in_order(twist: int, block: list[int], data: Draw) -> None:
    """Too long for a table: a block that repeats, among elements that occur once."""
    one = [element for place in range(120) for element in (*block[: place % 5 + 1], 100 + place)]
    two = [each for each in one if each % 7 != twist] + data.draw(st.lists(st.integers(0, 9), max_size=9))
    pairs = aligned(one, two, Work())
    assert all(one[i] == two[j] for i, j in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))
    assert len(pairs) >= sum(each % 7 != twist for each in one)


def chain(kinds: list[str], names: str = "l") -> list[Node]:
    return [
        Node(f"{names}{place}", kind, (kind,), (kind,), {}, (((place - 1, 0),),) if place else ())
        for place, kind in enumerate(kinds)
    ]


KINDS = {
    "all the same": lambda count: ["conv"] * count,
    "a block that repeats": lambda count: (["conv", "norm", "relu", "conv", "norm", "add"] * count)[:count],
    "all different": lambda count: [f"k{number}" for number in range(count)],
}


@pytest.mark.long
@pytest.mark.parametrize("change", ["nothing", "first", "middle", "every tenth", "other names", "reversed"])
@pytest.mark.parametrize("kinds", KINDS)
def test_the_effort_grows_with_the_length(kinds: str, change: str) -> None:
    """Ten times the layers, ten times the work; a logarithm and a table between anchors may add to that."""

    def steps(count: int) -> int:
        old = KINDS[kinds](count)
        new = list(old)
        if change == "first":
            new.insert(0, "new")
        elif change == "middle":
            new[count // 2] = "new"
        elif change == "every tenth":
            new[::10] = [f"new{place % 3}" for place in range(len(new[::10]))]
        elif change == "reversed":
            new = new[::-1]
        there = chain(new, "m" if change == "other names" else "l")
        found = match(chain(old), there, ([count - 1], [len(new) - 1]))
        return found.steps

    few, many = steps(1_000), steps(10_000)
    assert many <= 14 * few
    assert many <= 10_000 * 600


def test_a_long_chain() -> None:
    old = [conv(f"c{number}", filters=1, bias=False) for number in range(2_000)]
    new = [*old[:1_000], conv("extra", 5, filters=1, bias=False), *old[1_000:]]
    found = rfcalc.diff(net(*old), net(*new))
    assert [each.name for each in found.added] == ["extra"]
    assert (found.removed, found.edited, found.renamed) == ((), (), ())
    assert found.spread[0].layers == 1_000


def test_exports_by_different_tools() -> None:
    """One spells the normalisation as a layer, and numbers its layers; nothing else differs."""
    old = net(conv("a", bias=False), {"kind": "batch_norm", "name": "b"}, conv("c"))
    new = net(conv("n_1"), conv("n_2"))
    assert {entry.state for entry in rfcalc.diff(old, new).entries} > {"removed"}
    found = rfcalc.diff(old, new, common=True)
    assert (found.comparable, found.changed, found.merged) == (True, False, 1)


def test_what_layers_with_the_same_kernels_have_less_is_told_of_them_alone() -> None:
    """A layer that is added has parameters of its own, which are none of theirs."""
    old = net(conv("a", bias=False), {"kind": "batch_norm", "name": "b"}, conv("c"))
    new = net(conv("n_1"), conv("n_2"), conv("n_3", 5, filters=64))
    found = rfcalc.diff(old, new, common=True)
    (width,) = {
        row.output_shape[-1] for row in rfcalc.analyze(old).rows if row.name == "b" and row.output_shape
    }
    assert (found.merged, found.merged_params) == (1, width - 4 * width)  # a bias, for all of a norm
    assert rfcalc.diff(new, old, common=True).merged_params == 3 * width
    (text,) = (each for each in found.answer if "same kernels" in each)
    assert f"(together {-3 * width} parameters)" in text


def test_figures_that_move_in_no_one_direction_are_said_to_be_different() -> None:
    """A field that is larger along one axis and smaller along the other."""
    old = net({"kind": "avg_pool", "name": "p", "kernel": [2, 1]}, conv("c"))
    new = net({"kind": "avg_pool", "name": "p", "kernel": [1, 2]}, conv("c"))
    answer = rfcalc.diff(old, new).answer
    for what in ("the field", "the effective stride", "the map"):
        assert any(each.startswith(f"{what} of 'c' downstream of 'p' is different") for each in answer), (
            answer
        )


def test_a_resampling_by_a_scale_keeps_it_at_another_size() -> None:
    """How large its output is follows from its input: it is affected, and not changed itself."""
    onnx = pytest.importorskip("onnx")

    def model(size: int, scale: float) -> bytes:
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("Resize", ["x", "", "s"], ["y"], "r", mode="nearest")],
            "g",
            [onnx.helper.make_tensor_value_info("x", 1, [1, 3, size, size])],
            [onnx.helper.make_tensor_value_info("y", 1, None)],
            [onnx.helper.make_tensor("s", 1, [4], [1.0, 1.0, scale, scale])],
        )
        made: bytes = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8
        ).SerializeToString()
        return made

    found = rfcalc.diff(model(8, 2.0), model(12, 2.0))
    assert {entry.name: entry.state for entry in found.entries} == {"x": "changed", "r": "affected"}
    found = rfcalc.diff(model(8, 2.0), model(8, 3.0))
    (entry,) = found.edited
    assert [(each.name, each.old, each.new) for each in entry.settings] == [
        ("scale", ("2", "2"), ("3", "3")),
    ]


def test_what_one_model_alone_knows_is_not_said_to_be_the_same() -> None:
    found = rfcalc.diff(net(conv("c")), {**net(conv("c")), "input": [None, None, 3]}, common=True)
    assert found.answer[0] == "no change in field, stride and parameters (2 layers compared)"
    assert "cannot be compared" in found.answer[1]


# ---- bounds ------------------------------------------------------------------------------------------------

MYSTERY: Json = {"kind": "unknown", "op": "Mystery", "name": "m"}
"""An operation that may read anything: what is behind it sees the whole map, at most."""


def test_an_upper_bound_is_not_said_to_be_a_change() -> None:
    """The field of b is 5 in the old model, and may be 5 in the new one."""
    old, new = net(conv("a"), conv("b")), net(conv("a"), MYSTERY, conv("b"))
    for one, two, direction, which in ((old, new, "bound", "new"), (new, old, "exact", "old")):
        found = rfcalc.diff(one, two, on_unknown="bound")
        assert [(each.figure, each.direction) for each in found.spread] == [("status", direction)]
        assert "receptive_field" in found.entries[-1].unclear
        (told,) = (each for each in found.answer if "the field" in each)
        assert f"is an upper bound only in the {which} model" in told
        assert "cannot be compared" not in " ".join(found.answer)


def test_two_upper_bounds_are_compared() -> None:
    old, new = net(MYSTERY, conv("b")), net(MYSTERY, conv("b", 5))
    found = rfcalc.diff({**old, "input": [8, 8, 1]}, {**new, "input": [8, 8, 1]}, on_unknown="bound")
    assert not any(each.figure == "status" for each in found.spread)


# ---- across formats, and widths ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "kernel", "alike"),
    [
        ([64, 1], [1, 64], True),  # strip pooling
        ([32, 16], [2, 4], True),
        ([64, 2], [1, 64], False),
        ([32, 10], [2, 6], False),  # windows of 7 and 8 that overlap: 10 does not divide 64
    ],
)
def test_an_adaptive_pooling_by_equal_windows_is_a_plain_one(
    size: list[int], kernel: list[int], alike: bool
) -> None:
    """PyTorch: window i of m goes from floor(i*n/m) to ceil((i+1)*n/m); they are equal where m divides n."""
    old = net({"kind": "adaptive_pool", "name": "p", "size": size}, conv("c"))
    new = net({"kind": "average_pool", "name": "p", "kernel": kernel}, conv("c"))
    assert rfcalc.diff(old, new, common=True).changed is not alike
    peaks = net({"kind": "max_pool", "name": "p", "kernel": kernel}, conv("c"))
    assert rfcalc.diff(old, peaks, common=True).changed


@pytest.mark.onnx
def test_two_widths_of_one_network_are_matched_layer_by_layer() -> None:
    """A YOLO of two widths by two exporters: no layer is as before, no name is, and every map is."""
    found = rfcalc.diff(graph_bytes("own.yolo.ts11"), graph_bytes("own.yolo"), common=True)
    assert (found.added, found.removed) == ((), ())
    for each in found.entries:
        assert each.old is not None
        assert each.new is not None
        assert (each.old.row.spatial, each.old.row.receptive_field) == (
            each.new.row.spatial, each.new.row.receptive_field,
        )  # fmt: skip


def test_a_layer_that_leads_nowhere_keeps_its_name() -> None:
    """The last block's way on is of no use, as in WaveNet; one block fewer makes that of another one so."""

    def blocks(count: int) -> Json:
        layers = [conv("stem")]
        before, total = "stem", "stem"
        for number in range(count):
            name = f"block{number}"
            layers += [
                conv(f"{name}.in", inputs=[before], dilation=1 << number),
                conv(f"{name}.on", 1, inputs=[f"{name}.in"]),
                {"kind": "add", "name": f"{name}.add", "inputs": [f"{name}.on", before]},
                {"kind": "add", "name": f"{name}.sum", "inputs": [f"{name}.in", total]},
            ]
            before, total = f"{name}.add", f"{name}.sum"
        return net(*layers, conv("end", 1, inputs=[total]), outputs=["end"])

    found = rfcalc.diff(blocks(5), blocks(4))
    assert [each.name for each in found.removed] == [f"block4.{part}" for part in ("in", "on", "add", "sum")]
    assert (found.added, found.edited, found.renamed) == ((), (), ())


def test_shapes_are_written_so_that_they_can_be_read() -> None:
    """An open batch is left out on both sides; names of extents stand apart."""
    assert shapes_text([(1, 8, 64, 64), (None, 16, 64, 64)]) == ["8x64x64", "16x64x64"]
    assert value_text(("batch", 3, "height", 32)) == "batch x 3 x height x 32"

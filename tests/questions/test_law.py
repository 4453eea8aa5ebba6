"""The law by which fields grow: against `analyze` for n = 1 ... 12, with numbers and with symbols."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import rfcalc
from rfcalc.algebra.symbols import symbol
from rfcalc.questions.law.blocks import block_text, formula, general
from rfcalc.questions.law.growth import Segment, Step, after
from tests.readers.test_keras_truth import cases
from tests.strategies import LOCAL, PLAIN, RESIZED, models

MODELS = Path(__file__).parents[2] / "docs" / "models"
TURNS = range(1, 13)


def conv(kernel: int = 3, **settings: Any) -> dict[str, Any]:
    return {"kind": "conv", "filters": 2, "kernel": kernel, "padding": "same", **settings}


def pool(kernel: int = 2, **settings: Any) -> dict[str, Any]:
    return {"kind": "max_pool", "kernel": kernel, "padding": "same", **settings}


def net(layers: list[dict[str, Any]], extent: int | None = None) -> dict[str, Any]:
    named = [{"name": f"l{place}", **layer} for place, layer in enumerate(layers)]
    return {"rfcalc": 1, "input": [extent, extent, 2], "layers": named}


def residual(turn: int, stride: int = 1) -> list[dict[str, Any]]:
    """A residual block of two convolutions, with a projection for a shortcut."""
    a, b, c, d = (f"{name}{turn}" for name in "abcd")
    before = f"d{turn - 1}" if turn else "input"
    return [
        conv(name=a, stride=stride, padding=1, inputs=[before]),
        conv(name=b),
        conv(1, name=c, stride=stride, inputs=[before]),
        {"kind": "add", "name": d, "inputs": [b, c]},
    ]


BLOCKS: dict[str, tuple[Any, Any]] = {
    "plain 3x3": (lambda n: [conv()] * n, lambda n: 1 + 2 * n),
    "plain 5x5": (lambda n: [conv(5)] * n, lambda n: 1 + 4 * n),
    "dilated": (lambda n: [conv(3, dilation=4)] * n, lambda n: 1 + 8 * n),
    "VGG: two and a pooling": (lambda n: [conv(), conv(), pool()] * n, lambda n: 5 * 2**n - 4),
    "VGG: three and a pooling": (lambda n: [conv(), conv(), conv(), pool()] * n, lambda n: 7 * 2**n - 6),
    "overlapping poolings": (lambda n: [conv(), pool(3, stride=2)] * n, lambda n: 4 * 2**n - 3),
    "strided convolutions": (lambda n: [conv(3, stride=2)] * n, lambda n: 2 * 2**n - 1),
    "stride 3": (lambda n: [conv(5), pool(3)] * n, lambda n: 3 * 3**n - 2),
    "ResNet: blocks of stride 1": (lambda n: [layer for t in range(n) for layer in residual(t)],
                                   lambda n: 1 + 4 * n),
    "ResNet: blocks of stride 2": (lambda n: [layer for t in range(n) for layer in residual(t, 2)],
                                   lambda n: 1 + 6 * (2**n - 1)),
}  # fmt: skip
"""What is built of n blocks, and the field that a hand-made formula gives it."""


@pytest.mark.parametrize("name", BLOCKS)
def test_agrees_with_analyze(name: str) -> None:
    """The law of three repeats says the fields of models with 1 to 12 of them, as `analyze` does."""
    build, truth = BLOCKS[name]
    law = rfcalc.law(net(build(3))).axes[0]
    (segment,) = law.segments
    assert segment.count == len(segment.layers) // len(segment.block)
    per = segment.count // 3  # a block may itself be of equal layers
    for n in TURNS:
        found = list(rfcalc.analyze(net(build(n))))[-1].receptive_field
        assert found == (truth(n), truth(n))
        assert segment.at(n * per)[0] == truth(n)


@pytest.mark.parametrize("name", BLOCKS)
def test_the_formula_says_the_same(name: str) -> None:
    build, truth = BLOCKS[name]
    (segment,) = rfcalc.law(net(build(3))).axes[0].segments
    per = segment.count // 3
    right = formula(segment).removeprefix("r(n) = ")
    for n in TURNS:
        assert eval(right, {"n": n * per}) == truth(n)  # the project's own text


SYMBOLIC = {
    "k": [Step(symbol("k"))],
    "k, dilated": [Step(symbol("k"), 1, symbol("d"))],
    "k and a pooling of s": [Step(symbol("k")), Step(symbol("s"), symbol("s"), cause="pooling")],
    "two and a pooling": [Step(symbol("k")), Step(symbol("k")), Step(2, symbol("s"), cause="pooling")],
    "strided": [Step(symbol("k"), symbol("s"))],
    "ResNet": [Step(symbol("k"), symbol("s")), Step(symbol("k"))],
}


@pytest.mark.parametrize("name", SYMBOLIC)
def test_symbolic_kernel_and_stride(name: str) -> None:
    """The closed form in k, s and d is the n-fold application of the recursion, for n = 1 ... 12."""
    block = tuple(SYMBOLIC[name])
    k, s, d = symbol("k"), symbol("s"), symbol("d")
    segment = Segment(block, 2, 1, (), symbol("r0"), symbol("j0"))
    text = general(segment).removeprefix("r(n) = ")
    symbols = {str(each): each for each in sympy.sympify(text).free_symbols}  # the project's own text
    closed = sympy.sympify(text)
    named = {
        f"{letter}{number}": value
        for letter, value in (("k", k), ("s", s), ("d", d))
        for number in ("", 1, 2)
    }
    numbers = {"k3": 2, "d2": 1, "s3": s, "k2": block[1].kernel if len(block) > 1 else k}
    for n in TURNS:
        iterated = after(block * n, symbol("r0"), symbol("j0"))[0]
        assert sympy.expand(segment.at(n)[0] - iterated) == 0
        values = {symbols[key]: value for key, value in {**named, **numbers}.items() if key in symbols}
        dilations = {symbols[key]: (d if any(step.dilation is d for step in block) else 1)
                     for key in symbols if key[0] == "d"}  # fmt: skip
        known = {symbols["r0"]: symbol("r0"), symbols["j0"]: symbol("j0")}
        counts = {symbols["n"]: n} if "n" in symbols else {}
        left = closed.subs({**values, **dilations, **known, **counts})
        assert sympy.simplify(left - iterated) == 0


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.booleans()),
        min_size=1,
        max_size=3,
    ),
    st.integers(2, 4),
)
def test_random_blocks(block: list[tuple[int, int, int, bool]], count: int) -> None:
    """Whatever is found to repeat: the segments say every field on the way, as `analyze` does."""
    layers = [
        pool(k, stride=s, dilation=d) if pooling else conv(k, stride=s, dilation=d)
        for k, s, d, pooling in block
    ] * count
    model = net(layers)
    fields = {row.name: row.receptive_field for row in rfcalc.analyze(model)}
    for segment in rfcalc.law(model, f"l{len(layers) - 1}").axes[0].segments:
        for turn in range(1, segment.count + 1):
            last = segment.layers[turn * len(segment.block) - 1]
            assert fields[last] == (segment.at(turn)[0],) * 2


@pytest.mark.parametrize(
    "name", ["VGG16", "ResNet50", "DenseNet121", "MobileNetV2", "InceptionV3", "Xception"]
)
def test_published_networks(name: str) -> None:
    """Segments go on where the ones before them end, and end at the layer's own field."""
    model = cases("applications")[name]["model"]
    law = rfcalc.law(model)
    row = rfcalc.analyze(model).layer(law.layer)
    for axis, field in zip(law.axes, row.local_receptive_field or (), strict=True):
        assert axis.reason == ""
        assert axis.field == field
        place = (1, 1)
        for segment in axis.segments:
            assert (segment.field, segment.jump) == place
            place = segment.at(segment.count)


def test_vgg16() -> None:
    law = rfcalc.law(cases("applications")["VGG16"]["model"])
    axis = law.axes[0]
    assert [block_text(segment) for segment in axis.segments] == [
        "[conv 3, conv 3, pool 2/2] x 2",
        "[conv 3 x 3, pool 2/2] x 3",
    ]
    assert [formula(segment) for segment in axis.segments] == ["r(n) = 5*2**n - 4", "r(n) = 28*2**n - 12"]
    assert axis.field == 212
    wanted = "To see 224 pixels, [conv 3 x 3, pool 2/2] x 3 up to block5_pool takes 1 more repeat (4 in all)"
    assert any(sentence.startswith(wanted) for sentence in law.sentences)


# ---- where the input is covered, and what reaches it -------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "extent", "covered"),
    [
        ([conv()] * 20, 28, ("l13", 0, 14)),
        ([conv(), pool()] * 4, 28, ("l6", 0, 4)),
        ([conv()] * 3, 28, None),
        ([conv()] * 3, None, None),
    ],
)
def test_covered(layers: list[Any], extent: int | None, covered: Any) -> None:
    assert rfcalc.law(net(layers, extent)).axes[0].covered == covered


def reaches(layers: list[dict[str, Any]], wanted: int) -> bool:
    field = list(rfcalc.analyze(net(layers)))[-1].receptive_field
    assert field is not None
    assert field[0] is not None
    return field[0] >= wanted


@pytest.mark.parametrize("wanted", [8, 29, 100, 224, 1000])
def test_reach_is_the_least(wanted: int) -> None:
    """So many repeats, such a kernel or dilation reach it, and the next smaller do not."""
    block = [conv(), conv(), pool()]
    tail = [conv(5)]
    law = rfcalc.law(net(block * 3 + tail), reach=wanted).axes[0]
    found = law.reaches[0]
    assert found.segment == 0
    assert found.repeats is not None
    assert found.kernel is not None
    assert found.dilation is not None
    assert reaches(block * found.repeats + tail, wanted)
    assert found.repeats == 0 or not reaches(block * (found.repeats - 1) + tail, wanted)
    wider = [conv(found.kernel), conv(found.kernel), pool()]
    narrower = [conv(found.kernel - 2), conv(found.kernel - 2), pool()]
    assert reaches(wider * 3 + tail, wanted)
    assert found.kernel == 3 or not reaches(narrower * 3 + tail, wanted)
    apart = [conv(dilation=found.dilation), conv(dilation=found.dilation), pool()]
    assert reaches(apart * 3 + tail, wanted)
    if found.dilation > 1:
        nearer = [conv(dilation=found.dilation - 1), conv(dilation=found.dilation - 1), pool()]
        assert not reaches(nearer * 3 + tail, wanted)


def test_a_far_reach_is_solved_and_not_counted_up() -> None:
    law = rfcalc.law(net([conv()] * 2), reach=10**9).axes[0]
    assert law.reaches[0].repeats == 5 * 10**8
    assert law.reaches[0].dilation == 25 * 10**7


def test_growing_dilations() -> None:
    """WaveNet's layers: 2-wide, the dilation doubled each time."""
    law = rfcalc.law(MODELS / "wavenet.json").axes[0]
    assert [(segment.count, segment.factor) for segment in law.segments] == [(10, 2)] * 3
    assert formula(law.segments[0]) == "r(n) = 2**n"
    assert law.segments[0].at(10) == (1024, 1)


# ---- where the law ends ------------------------------------------------------------------------------------


def test_ends_at_upsampling() -> None:
    law = rfcalc.law(MODELS / "unet.json")
    assert "'up4/up' (transposed_conv) upsamples" in law.axes[0].reason
    assert law.axes[0].segments[0].at(4) == (76, 16)


def test_gates_are_cut() -> None:
    law = rfcalc.law(cases("applications")["EfficientNetB0"]["model"])
    assert law.axes[0].local
    assert law.axes[0].field == 851
    assert "This is the field with gates cut; with them it is global." in law.sentences


def test_axes_that_differ() -> None:
    model = net([conv([3, 5])] * 3)
    law = rfcalc.law(model)
    assert [formula(axis.segments[0]) for axis in law.axes] == ["r(n) = 2*n + 1", "r(n) = 4*n + 1"]
    assert "rows:" in law.to_text()
    assert "columns:" in law.to_text()


def test_a_branch_that_decides_one_end_alone() -> None:
    """Beside each other 3-wide windows of which one looks back and one ahead: 5, and no one window's law."""
    back = conv(name="a", inputs=["input"], padding=[[2, 0], [2, 0]])
    ahead = conv(name="b", inputs=["input"], padding=[[0, 2], [0, 2]])
    model = net([back, ahead, {"kind": "add", "name": "c", "inputs": ["a", "b"]}])
    law = rfcalc.law(model, "c").axes[0]
    assert "decides one end of the field alone" in law.reason
    assert law.segments == ()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"layer": "none"}, "no layer or tensor 'none'"), ({"reach": 0}, "give 1 or more")],
)
def test_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(rfcalc.UsageError) as caught:
        rfcalc.law(MODELS / "pooling.json", **arguments)
    assert says in str(caught.value)


UNKNOWN = {"kind": "unknown", "op": "Odd"}


@pytest.mark.parametrize(
    ("layers", "layer", "beyond"),
    [
        ([conv(), UNKNOWN, conv()], "l0", "'l1' depends on Odd ('l1'), which no rule knows"),
        ([conv(), {"kind": "global_pool"}], "l0", "'l1' (global_pool) sees a whole axis"),
        (
            [conv(), {"kind": "flatten"}, {"kind": "linear", "units": 3}],
            "l0",
            "'l2' (linear) sees a whole axis",
        ),
        ([conv(), conv()], "l1", ""),
    ],
)
def test_what_ends_the_law_is_named(layers: list[Any], layer: str, beyond: str) -> None:
    """Without a layer the law is that of the last field with a size, and says what comes behind."""
    law = rfcalc.law(net(layers, 28))
    assert (law.layer, law.beyond) == (layer, beyond)
    if beyond:
        assert law.sentences[-1] == f"Behind {layer} no law holds: {beyond}."
    asked = rfcalc.law(net(layers, 28), f"l{len(layers) - 1}").axes[0]
    assert bool(asked.reason) == bool(beyond)
    assert asked.field == (5 if not beyond else 3)


def test_an_unknown_op_as_asked() -> None:
    model = net([conv(), UNKNOWN, conv()], 28)
    law = rfcalc.law(model, on_unknown="identity")
    assert (law.layer, law.axes[0].field, law.beyond) == ("l2", 5, "")
    assert [note.code for note in law.notes] == ["assumed"]
    bound = rfcalc.law(model, "l2", on_unknown="bound").axes[0]
    assert (bound.status, bound.field) == ("bound", 3)
    with pytest.raises(rfcalc.AnalysisError):
        rfcalc.law(model, on_unknown="error")


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        ({"kind": "upsample", "scale": 2}, "upsamples"),
        ({"kind": "resize", "size": [40, 40]}, "upsamples"),
        ({"kind": "resize", "size": [20, 20]}, "does not slide one window"),
        ({"kind": "adaptive_pool", "size": [20, 20]}, "does not slide one window"),
    ],
)
def test_what_no_affine_pair_describes(layer: dict[str, Any], says: str) -> None:
    law = rfcalc.law(net([conv(), conv(), layer, conv()], 28)).axes[0]
    assert "'l2'" in law.reason
    assert says in law.reason
    assert [segment.at(2) for segment in law.segments] == [(5, 1)]


def test_a_join_whose_offset_is_open() -> None:
    """SAME padding of an open extent: where branches stand is not known, so that there is no formula."""
    paths = [conv(name="a", stride=2, inputs=["input"]), conv(5, name="b", stride=2, inputs=["input"])]
    law = rfcalc.law(net([*paths, {"kind": "add", "name": "s", "inputs": ["a", "b"]}])).axes[0]
    assert law.status == "bound"
    assert "'s' (add)" in law.reason


def test_the_other_input_has_no_say() -> None:
    inputs = {"image": {"shape": [None, 32, 32, 3]}, "other": {"shape": [None, 16, 16, 3]}}
    layers = [conv(name="a", inputs=["image"]), conv(name="b"), conv(name="c", inputs=["other"])]
    assert rfcalc.law({"rfcalc": 1, "inputs": inputs, "layers": layers}).layer == "b"


def test_no_axes() -> None:
    law = rfcalc.law({"rfcalc": 1, "input": [10], "layers": [{"kind": "linear", "units": 3}]})
    assert law.axes == ()
    assert "no spatial axes" in law.to_text()


def test_no_window() -> None:
    law = rfcalc.law(net([conv(1)] * 2, 28))
    assert law.axes[0].segments == law.axes[0].reaches == ()
    assert law.sentences[-1] == "No layer has a window that could be made wider to see 28 pixels."
    assert "|" not in law.to_markdown()


def test_what_nothing_can_change() -> None:
    law = rfcalc.law(net([pool(3, stride=2), conv(1, stride=2)], 28), reach=4)
    one, two = law.axes[0].reaches
    assert (one.repeats, one.kernel, one.dilation) == (2, None, None)
    assert one.why == "it has no convolution with a window that could be made wider"
    assert (two.repeats, two.further, two.kernel) == (None, None, None)
    assert two.why.startswith("its windows of one element add nothing")


# ---- a number for each axis --------------------------------------------------------------------------------


STRIDED = [conv(3, stride=2)]


@pytest.mark.parametrize("n", TURNS)
def test_one_axis_and_three(n: int) -> None:
    for shape, rank in (([64, 2], 1), ([None, 64, 64, 64, 2], 3)):
        model = {"rfcalc": 1, "inputs": {"image": {"shape": shape}}, "layers": STRIDED * n}
        (*_, last) = rfcalc.analyze(model)
        law = rfcalc.law(model)
        assert tuple(axis.field for axis in law.axes) == last.receptive_field == (2 * 2**n - 1,) * rank


@pytest.mark.parametrize("n", TURNS)
def test_kernels_and_strides_that_differ_by_axis(n: int) -> None:
    block = [conv([3, 5]), pool([1, 2], stride=[1, 2])]
    segments = [axis.segments[0] for axis in rfcalc.law(net(block * 3)).axes]
    (*_, last) = rfcalc.analyze(net(block * n))
    assert (
        tuple(segment.at(n)[0] for segment in segments) == last.receptive_field == (1 + 2 * n, 5 * 2**n - 4)
    )


def test_a_reach_for_each_axis() -> None:
    law = rfcalc.law(net([conv()] * 3, 28), reach=(20, 6))
    assert [axis.reaches[0].repeats for axis in law.axes] == [10, 3]
    assert [axis.reached for axis in law.axes] == [None, ("l2", 0, 3)]
    assert "Columns: It is 6 pixels or more from l2 (repeat 3 of [conv 3] x 3) on." in law.sentences
    with pytest.raises(rfcalc.UsageError, match="3 numbers, but the input has 2 spatial axes"):
        rfcalc.law(net([conv()], 28), reach=(1, 2, 3))


# ---- any model ---------------------------------------------------------------------------------------------


@given(models(kinds=(*LOCAL, *PLAIN, *RESIZED, "gate")))
def test_never_a_wrong_field(model: dict[str, Any]) -> None:
    """What the law says behind a repeat is what `analyze` says of that layer, wherever the law ends."""
    rows = {row.name: row.local_receptive_field for row in rfcalc.analyze(model)}
    law = rfcalc.law(model, reach=50)
    for place, axis in enumerate(law.axes):
        ends: dict[str, Any] = {}  # a layer may have several steps; the last of them says its field
        for segment in axis.segments:
            for turn in range(1, segment.count + 1):
                ends[segment.layers[turn * len(segment.block) - 1]] = segment.at(turn)[0]
        if axis.segments and axis.segments[-1].layers[-1] in axis.reason:
            ends.popitem()  # the law ends inside of that layer
        for name, field in ends.items():
            seen = rows[name]
            assert seen is not None
            assert seen[place] == field
        if not axis.reason and law.layer in rows:
            assert rows[law.layer] == tuple(each.field for each in law.axes)
    assert law.to_text()


@pytest.mark.parametrize(
    ("kernel", "count", "wanted"), [(3, 3, 28), (3, 1, 10), (3, 2, 9), (3, 4, 40), (5, 2, 30), (2, 3, 17)]
)
def test_the_kernel_that_is_named_is_the_smallest_odd_one(kernel: int, count: int, wanted: int) -> None:
    """Of a stack of equal convolutions the field is n (k - 1) + 1: tried one odd kernel after the other."""
    layers = [{"kind": "conv", "filters": 1, "kernel": kernel} for _ in range(count)]
    text = rfcalc.law({"rfcalc": 1, "input": [64, 1], "layers": layers}, reach=wanted).to_text(400)
    odd = next(k for k in range(3, 99, 2) if count * (k - 1) + 1 >= wanted)
    assert (f"odd kernels of {odd}" if count > 1 else f"an odd kernel of {odd}") in text

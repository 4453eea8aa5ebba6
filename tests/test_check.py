"""Budgets: what a limit holds against which figure, what breaks it, and what is a mistake in the budget."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import itertools
import json
import pickle
import re
import sys
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rfcalc
from rfcalc.questions.check.find import outcome_of
from rfcalc.questions.check.limits import COUNT, FLAG, LEAST, LIMITS, MOST, NUMBER, PIXELS
from rfcalc.questions.check.measures import Figure
from rfcalc.readers import parsing

ROOT = Path(__file__).parents[1]
MODELS = sorted((ROOT / "docs/models").glob("*.json"))


def net(*layers: dict[str, Any], size: list[int | None] | None = None) -> dict[str, Any]:
    return {"rfcalc": 1, "name": "net", "input": size or [28, 28, 1], "layers": list(layers)}


def conv(name: str, kernel: int = 3, **settings: Any) -> dict[str, Any]:
    return {"kind": "conv", "name": name, "filters": 4, "kernel": kernel, **settings}


POOLING = net(
    conv("conv1"),
    {"kind": "max_pool", "name": "pool1", "kernel": 2},
    conv("conv2"),
    {"kind": "flatten", "name": "flat"},
    {"kind": "linear", "name": "classes", "units": 10},
)
"""Its figures by hand: conv1 9*4+4 = 40 parameters, conv2 9*4*4+4 = 148, classes 11*11*4*10+10 = 4850; MACs
26*26*4*9 = 24336, 11*11*4*36 = 17424, 4840; fields 3, 4, 8, global; the last map is that of conv2."""

GATED = net(
    conv("body", padding="same"),
    {"kind": "global_pool", "name": "squeeze", "keepdims": True},
    {"kind": "linear", "name": "excite", "units": 4},
    {"kind": "multiply", "name": "gated", "inputs": ["body", "excite"]},
    conv("after", padding="same"),
)
UPSAMPLED = net(
    conv("c1", padding="same"),
    {"kind": "max_pool", "name": "p", "kernel": 2},
    conv("c2", padding="same"),
    {"kind": "upsample", "name": "up", "scale": 2},
    conv("c3", padding="same"),
)
OUT_OF_LINE = net(
    {"kind": "max_pool", "name": "a", "kernel": 3, "stride": 2, "padding": "same"},
    conv("b", 1, stride=2, inputs="input", filters=1),
    {"kind": "add", "name": "sum", "inputs": ["a", "b"]},
    size=[8, 8, 1],
)
HOLES = net(conv("d1", dilation=2), conv("d2", dilation=2), conv("last", 1))
DEEP = net(*(conv(f"c{n}", 5, padding="same") for n in range(4)), size=[8, 8, 1])
UNKNOWN = net(
    conv("c", padding="same"),
    {"kind": "unknown", "name": "u", "op": "Odd"},
    conv("d", padding="same"),
    {"kind": "add", "name": "sum", "inputs": ["c", "d"]},
)
SHARED = net(
    conv("c", padding="same"),
    {"kind": "conv", "name": "s", "filters": 4, "kernel": 3, "padding": "same"},
    {"kind": "max_pool", "name": "p", "kernel": 2},
    {"share": "s", "name": "again"},
)


def told(model: Any, budget: dict[str, Any], **loading: Any) -> list[str]:
    """Return the violations without the place in the budget."""
    return [
        re.sub(r" \(<budget>: .*\)$", "", each) for each in rfcalc.check(model, budget, **loading).messages
    ]


# ---- each limit, either side of the figure -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "within", "beyond", "message"),
    [
        (
            POOLING,
            {"max_params": 5038},
            {"max_params": 5037},
            "the model: 5,038 parameters, 1 over the limit of 5,037; most are in classes: 4,850",
        ),
        (POOLING, {"max_params": "5.1k"}, {"max_params": "5 k"}, "38 over the limit of 5,000"),
        (POOLING, {"max_trainable": 5038}, {"max_trainable": 0}, "5,038 over the limit of 0"),
        (
            POOLING,
            {"max_macs": 46600},
            {"max_macs": 4.6e4},
            "the model: 46,600 multiply-accumulates, 600 over the limit of 46,000; most are in conv1: 24,336",
        ),
        (
            # 4 bytes of 26*26*4 + 13*13*4 + 11*11*4 + 484 + 10 outputs
            POOLING,
            {"max_activation_memory": 17432},
            {"max_activation_memory": "17 kB"},
            "the model: 17,432 bytes of activations, 432 over the limit of 17,000; most are in conv1: 10,816",
        ),
        (POOLING, {"max_activation_memory": "18 KiB"}, {"max_activation_memory": "1 KiB"}, "limit of 1,024"),
        (
            POOLING,
            {"min_receptive_field": 8},
            {"min_receptive_field": [9, 8]},
            "conv2: a receptive field of 8x8 pixels, 1x0 short of the limit of 9x8",
        ),
        (
            POOLING,
            {"max_receptive_field": 8},
            {"max_receptive_field": 6},
            "conv2: a receptive field of 8x8 pixels, 2 over the limit of 6",
        ),
        (
            GATED,
            {"min_receptive_field": 1000, "min_local_receptive_field": 5, "max_local_receptive_field": 5},
            {"min_local_receptive_field": 6},
            "after: a receptive field without gates of 5x5 pixels, 1 short of the limit of 6",
        ),
        (
            GATED,
            {"covers_input": True},
            {"max_receptive_field": 1000},
            "after: a receptive field of the whole input, over the limit of 1,000",
        ),
        # 3, pooled 4, 4 + 2*2, and one of the coarse neighbours, 2 pixels away
        (
            UPSAMPLED,
            {"min_receptive_field": 10, "max_receptive_field": 10},
            {"min_receptive_field": 11},
            "c3: a receptive field of 10x10 pixels, 1 short of the limit of 11",
        ),
        # a U-Net of four levels sees 188 or 204 pixels, by output phase
        (
            ROOT / "docs/models/unet.json",
            {"min_receptive_field": 188, "max_receptive_field": 204},
            {"max_receptive_field": 203},
            "classes: a receptive field of 204x204 pixels, 1 over the limit of 203",
        ),
        (
            ROOT / "docs/models/unet.json",
            {"max_params": 31_030_658},
            {"min_receptive_field": 189},
            "classes: a receptive field of 188x188 pixels, 1 short of the limit of 189",
        ),
        (
            POOLING,
            {"layers": {"classes": {"covers_input": True}}},
            {"covers_input": True},
            "conv2: its field is 20 pixels smaller than the input of 28x28, which it has to cover",
        ),
        (
            POOLING,
            {"max_effective_stride": 2.0},
            {"max_effective_stride": [2, 1]},
            "pool1: an effective stride of 2x2 pixels, 0x1 over the limit of 2x1",
        ),
        (
            OUT_OF_LINE,
            {"max_misalignment": 1},
            {"max_misalignment": 0.5},
            "sum: its branches meet 1x1 pixels apart, 0.5 over the limit of 0.5",
        ),
        (
            HOLES,
            {"max_gap": 1},
            {"max_gap": 0},
            "last: a gap of 1x1 pixels in its field, 1 over the limit of 0; opened in d1",
        ),
        (
            # what c2 takes sees 9 of 8 pixels, what c3 takes 13
            DEEP,
            {"max_unproductive": 2},
            {"max_unproductive": 1},
            "the model: 2 unproductive convolutions, 1 over the limit of 1; from c2 on",
        ),
        (
            DEEP,
            {"layers": {"c1": {"productive": True}}},
            {"layers": {"c*": {"productive": True}}},
            "c2: it is unproductive: its input sees more than the whole image already",
        ),
        (
            UPSAMPLED,
            {"layers": {"p": {"min_effective_stride": 2}}},
            {"layers": {"up": {"min_effective_stride": 2}}},
            "up: an effective stride of 1x1 pixels, 1 short of the limit of 2",
        ),
        (
            POOLING,
            {"status": "exact"},
            {"layers": {"conv1": {"max_params": 39}}},
            "conv1: 40 parameters, 1 over the limit of 39",
        ),
    ],
)
def test_a_limit_holds_up_to_its_value(
    model: dict[str, Any], within: dict[str, Any], beyond: dict[str, Any], message: str
) -> None:
    assert told(model, within) == []
    found = told(model, beyond)
    assert found
    assert message in found[0]


def test_every_violation_is_told_with_its_place() -> None:
    budget = {
        "max_params": 5000,
        "min_receptive_field": 8,
        "layers": {"conv*": {"max_params": 100, "max_macs": 20_000}, "pool1": {"max_effective_stride": 1}},
    }
    assert rfcalc.check(POOLING, budget).messages == (
        "the model: 5,038 parameters, 38 over the limit of 5,000; most are in classes: 4,850 "
        "(<budget>: max_params)",
        'conv2: 148 parameters, 48 over the limit of 100 (<budget>: layers."conv*".max_params)',
        "conv1: 24,336 multiply-accumulates, 4,336 over the limit of 20,000 "
        '(<budget>: layers."conv*".max_macs)',
        "pool1: an effective stride of 2x2 pixels, 1 over the limit of 1 "
        "(<budget>: layers.pool1.max_effective_stride)",
    )


@pytest.mark.parametrize(
    ("layers", "field"),
    [
        # a global pooling, and a classifier of 1x1 convolutions behind it, sees all: what is before counts
        ([conv("c"), {"kind": "global_pool", "keepdims": True}, conv("head", 1), {"kind": "flatten"}], 3),
        # a window that takes the whole map in leaves one element, with a field that has a size
        ([conv("c"), conv("all", 26), {"kind": "flatten"}, {"kind": "linear", "units": 3}], 28),
        ([{"kind": "flatten"}, {"kind": "linear", "units": 3}], None),
    ],
)
def test_the_last_map_is_the_model_s_field(layers: list[dict[str, Any]], field: int | None) -> None:
    if field is None:
        with pytest.raises(rfcalc.UsageError, match="the model has no layer that keeps positions"):
            rfcalc.check(net(*layers), {"min_receptive_field": 1})
        return
    assert rfcalc.check(net(*layers), {"min_receptive_field": field, "max_receptive_field": field}).ok


def test_joins_are_told_one_by_one() -> None:
    twice = {**OUT_OF_LINE, "layers": [*OUT_OF_LINE["layers"], {**OUT_OF_LINE["layers"][-1], "name": "sum2"}]}
    assert [each.partition(":")[0] for each in told(twice, {"max_misalignment": 0})] == ["sum", "sum2"]


def test_all_calls_of_a_shared_layer_count() -> None:
    """Its row shows the first call, which sees 5 pixels; the second sees 5 + 1 + 2*2 = 10."""
    assert told(SHARED, {"layers": {"s": {"max_receptive_field": 10, "min_receptive_field": 5}}}) == []
    assert "5x5 over" not in str(told(SHARED, {"layers": {"s": {"max_receptive_field": 9}}}))
    assert told(SHARED, {"layers": {"s": {"max_receptive_field": 9}}}) == [
        "s: a receptive field of 10x10 pixels, 1 over the limit of 9"
    ]
    assert told(SHARED, {"layers": {"s": {"min_receptive_field": 6}}}) == [
        "s: a receptive field of 5x5 pixels, 1 short of the limit of 6"
    ]


# ---- what is not known -------------------------------------------------------------------------------------

_LENIENT = {FLAG: True, "status": "bound"}


@pytest.mark.parametrize(
    ("name", "scope"),
    [(name, "model") for name, limit in LIMITS.items() if limit.of_model is not None]
    + [(name, "layer") for name, limit in LIMITS.items() if limit.of_layer is not None],
)
def test_what_is_unknown_never_passes(name: str, scope: str) -> None:
    """Of a model with an op that nobody knows in the middle no limit holds, however lenient."""
    limit = LIMITS[name]
    value: Any = _LENIENT.get(limit.form, 10**12 if limit.direction == MOST else 1)
    value = 0 if name == "max_unproductive" else value  # there are no more than there are convolutions
    layer = {"max_misalignment": "sum"}.get(name, "d" if limit.details else "u")
    budget = {name: value} if scope == "model" else {"layers": {layer: {name: value}}}
    report = rfcalc.check(UNKNOWN, budget)
    assert not report.ok
    (violation,) = report.violations
    assert violation.outcome == ("violated" if name == "status" else "undecided")
    assert "Odd" in report.messages[0] or "not known" in report.messages[0]


def test_what_is_known_of_the_rest_decides_where_it_can() -> None:
    (message,) = told(UNKNOWN, {"max_params": 30})
    assert message == "the model: at least 40 parameters, 10 over the limit of 30; most are in c: 40"
    (message,) = told(UNKNOWN, {"max_params": 1000})
    assert message.startswith(
        "the model: cannot be decided: at least 40 parameters, and the limit is 1,000: 'u'"
    )


def test_an_upper_bound_decides_one_way() -> None:
    """To depend on everything is an upper bound: it proves nothing of what is seen at least."""
    budget = {"layers": {"d": {"min_receptive_field": 3}}}
    (message,) = told(UNKNOWN, budget, on_unknown="bound")
    assert message.startswith("d: cannot be decided: receptive field not known, and the limit is 3: ")
    assert told(UNKNOWN, {"status": "bound"}, on_unknown="bound") == []
    assert told(UNKNOWN, {"status": "exact"}, on_unknown="bound")[0].startswith("u: it is bound (assumed")
    assert told(UNKNOWN, {"status": "bound"}, on_unknown="identity")[0].startswith(
        "u: it is unknown (assumed"
    )


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"covers_input": True}, "whether it covers the input is not known: the input has no fixed size"),
        ({"max_macs": 10**15}, "the input has no fixed size; give one"),
        ({"max_activation_memory": 10**15}, "the input has no fixed size; give one"),
        ({"max_unproductive": 1}, "'conv1', 'conv2': the input has no fixed size; give one"),
    ],
)
def test_an_open_input_leaves_some_limits_undecided(budget: dict[str, Any], message: str) -> None:
    open_ = net(*POOLING["layers"][:3], size=[None, None, 1])
    (found,) = told(open_, budget)
    assert "cannot be decided" in found
    assert message in found
    assert told(open_, {"max_params": 188, "min_receptive_field": 8, "max_gap": 0}) == []
    sized = rfcalc.check(open_, {**budget, "dims": {"H": 10, "W": 10}})
    assert not any(check.outcome == "undecided" for check in sized.checks)


def test_bytes_that_are_not_known_for_their_type_are_not_put_down_to_the_size() -> None:
    layers = [
        {"class_name": "InputLayer", "config": {"name": "ids", "batch_shape": [None, 7], "dtype": "int32"}},
        {"class_name": "Embedding", "config": {"name": "words", "input_dim": 11, "output_dim": 4}},
    ]
    model = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    assert rfcalc.analyze(model).layer("words").activations == 7 * 4
    (message,) = told(model, {"max_activation_memory": "8 M"})
    assert message.startswith(
        "the model: cannot be decided: bytes of activations not known, and the limit is 8,000,000: 'words': "
        "the type of its elements is not known"
    )
    (message,) = told(model, {"max_peak_memory": "8 M"})
    assert "the type of its elements is not known" in message


# ---- the comparison ----------------------------------------------------------------------------------------

ENDS = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted)


@given(st.lists(st.tuples(st.integers(0, 6), ENDS), min_size=1, max_size=3), st.sampled_from([MOST, LEAST]))
def test_a_limit_is_decided_where_all_that_a_figure_may_be_agrees(
    axes: list[tuple[int, list[int]]], direction: str
) -> None:
    figure = Figure("", tuple(low for _, (low, _) in axes), tuple(high for _, (_, high) in axes))
    limits = tuple(limit for limit, _ in axes)
    verdicts = {
        all(
            value <= limit if direction == MOST else value >= limit
            for value, limit in zip(point, limits, strict=True)
        )
        for point in itertools.product(*(range(low, high + 1) for _, (low, high) in axes))
    }
    expected = {(True,): "holds", (False,): "violated"}.get(tuple(verdicts), "undecided")
    assert outcome_of(direction, limits, figure) == expected


def test_no_end_is_beyond_every_limit() -> None:
    whole = Figure("c", (inf, None), (inf, None))
    assert outcome_of(MOST, (10**9, 1), whole) == "violated"
    assert outcome_of(LEAST, (10**9, 1), whole) == "holds"


# ---- which layers, which model -----------------------------------------------------------------------------


def test_the_name_of_a_layer_goes_before_patterns() -> None:
    budget = {"layers": {"conv*": {"max_params": 100}, "conv2": {"max_params": 200}}}
    assert told(POOLING, budget) == []
    assert told(POOLING, {"layers": {"conv*": {"max_params": 100}, "*2": {"max_params": 200}}}) != []
    lifted = {"max_macs": 10**9, "layers": {"conv*": {"max_params": 100}, "conv2": {"max_params": False}}}
    assert told(POOLING, lifted) == []


def test_a_pattern_leaves_inputs_out() -> None:
    assert told(POOLING, {"layers": {"*": {"min_receptive_field": 3}}}) == []
    assert told(POOLING, {"layers": {"input": {"min_receptive_field": 3}}}) != []


def test_a_name_with_the_characters_of_a_pattern() -> None:
    odd = net(conv("a[0]"), conv("a0"))
    assert [c.figure.layer for c in rfcalc.check(odd, {"layers": {"a[0]": {"max_params": 0}}}).checks] == [
        "a[0]"
    ]


def test_a_budget_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a factory is code only where the user gives it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("open('pwned', 'w')\n")
    budget = {"models": {"evil:factory": {"max_params": 3}}}
    with pytest.raises(
        rfcalc.UsageError, match=r'models\."evil:factory": names code, which a budget does not run'
    ):
        rfcalc.check(None, budget)
    assert not (tmp_path / "pwned").exists()


def test_a_block_counts_under_its_own_name_alone() -> None:
    nested = {
        "class_name": "Sequential",
        "config": {
            "name": "outer",
            "layers": [
                {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8, 8, 1], "name": "in"}},
                {
                    "class_name": "Sequential",
                    "config": {
                        "name": "inner",
                        "layers": [
                            {
                                "class_name": "Conv2D",
                                "config": {"name": "k", "filters": 2, "kernel_size": [3, 3]},
                            },
                            {
                                "class_name": "Conv2D",
                                "config": {"name": "l", "filters": 2, "kernel_size": [3, 3]},
                            },
                        ],
                    },
                },
            ],
        },
        "keras_version": "2.15.0",
    }
    # 9*2 + 2 = 20, 9*2*2 + 2 = 38
    assert told(nested, {"layers": {"*": {"max_params": 38, "max_activation_memory": 288}}}) == []
    assert told(nested, {"layers": {"inner": {"max_params": 57}}}) == [
        "inner: 58 parameters, 1 over the limit of 57"
    ]
    # 4 bytes of 6*6*2 + 4*4*2
    assert told(nested, {"layers": {"inner": {"max_activation_memory": 415}}}) == [
        "inner: 416 bytes of activations, 1 over the limit of 415"
    ]
    assert told(nested, {"layers": {"inner": {"min_local_receptive_field": 6}}}) == [
        "inner: a receptive field without gates of 5x5 pixels, 1 short of the limit of 6"
    ]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two models and a budget for both."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/pooling.json").write_text(json.dumps(POOLING))
    (tmp_path / "models/deep.json").write_text(json.dumps(DEEP))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_said_of_one_model_goes_before_what_is_said_of_all(project: Path) -> None:
    (project / "budget.toml").write_text("""
        max_params = 5_000
        status = "exact"
        [layers."c*[0-9]"]
        max_params = 400
        [models."models/pooling.json"]
        max_params = 6_000
        [models."models/deep.json"]
        dims = {H = 64, W = 64}
        max_unproductive = 0
        [models."models/deep.json".layers."c*[0-9]"]
        max_params = 404
    """)
    report = rfcalc.check(budget="budget.toml")
    assert report.models == ("models/pooling.json", "models/deep.json")
    assert report.ok, report
    assert [
        c.given.value for c in report.checks if c.given.path[-1] == "max_params" and not c.figure.layer
    ] == [
        (6000,),
        (5000,),
    ]
    one = rfcalc.check("models/deep.json", "budget.toml", dims={"H": 8, "W": 8})
    assert one.messages == (
        "the model: 2 unproductive convolutions, 2 over the limit of 0; from c2 on "
        '(budget.toml: models."models/deep.json".max_unproductive)',
    )
    assert rfcalc.check(str(project / "models/deep.json"), "budget.toml").ok


def test_what_is_said_of_a_pattern_in_two_places_adds_up(project: Path) -> None:
    name = "models/pooling.json"
    both = {
        "layers": {"conv*": {"max_params": 100}},
        "models": {name: {"layers": {"conv*": {"max_macs": 20_000}}}},
    }
    assert [each.partition(":")[0] for each in rfcalc.check(name, both).messages] == ["conv2", "conv1"]


def test_a_pattern_for_all_models_has_to_match_in_one(project: Path) -> None:
    names = ["models/pooling.json", "models/deep.json"]
    rfcalc.check(names, {"layers": {"pool*": {"max_params": 0}}})
    with pytest.raises(
        rfcalc.UsageError, match=r"matches no layer of models/pooling\.json, models/deep\.json"
    ):
        rfcalc.check(names, {"layers": {"x*": {"max_params": 0}}})
    own = {"models": {name: {"layers": {"pool*": {"max_params": 0}}} for name in names}}
    with pytest.raises(rfcalc.UsageError, match=r"matches no layer of models/deep\.json"):
        rfcalc.check(None, own)


def test_the_table_of_the_nearest_project_is_the_budget(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").write_text("""
        [project]
        name = "x"
        [tool.other]
        exclude-newer = 2024-01-01
        [tool.rfcalc.models."models/pooling.json"]
        max_params = 5_000
    """)
    inner = project / "models/deep/er"
    inner.mkdir(parents=True)
    (inner.parent / "pyproject.toml").write_text("[tool.ruff]\n")
    monkeypatch.chdir(inner)
    report = rfcalc.check()
    assert report.messages == (
        "the model: 5,038 parameters, 38 over the limit of 5,000; most are in classes: 4,850 "
        '(../../../pyproject.toml: tool.rfcalc.models."models/pooling.json".max_params)',
    )
    assert report.models == ("../../pooling.json",)
    named = rfcalc.check("../../pooling.json", str(project / "pyproject.toml"))
    assert [c.outcome for c in named.checks] == ["violated"]


def test_of_several_models_those_that_cannot_be_read_are_told(project: Path) -> None:
    (project / "models/bad.json").write_text("{")
    budget = {"max_params": 5100, "models": {name: {} for name in ("models/bad.json", "models/pooling.json")}}
    report = rfcalc.check(None, budget)
    assert not report.ok
    assert report.models == ("models/pooling.json",)
    assert [failure.model for failure in report.failures] == ["models/bad.json"]
    assert "the JSON ends too early" in report.messages[0]
    with pytest.raises(rfcalc.ReadError):
        rfcalc.check("models/bad.json", budget)


# ---- mistakes in a budget ----------------------------------------------------------------------------------

MISTAKES = [
    ("", "sets no limit, so nothing would be checked"),
    ("max_params = false", "sets no limit"),
    ("max_parms = 3", "max_parms: there is no such key; did you mean 'max_params'?"),
    ("max-params = 3", "max-params: there is no such key; did you mean 'max_params'?"),
    ("zzz = 3", "zzz: there is no such key; there are max_params, max_trainable"),
    ("min_effective_stride = 3", "min_effective_stride: is a limit on layers, not on a model"),
    ("productive = true", "productive: is a limit on layers, not on a model"),
    ("[layers.conv1]\nmax_unproductive = 0", "layers.conv1.max_unproductive: is a limit on a model"),
    ("[layers.conv1]\ndims = {H = 3}", "layers.conv1.dims: says how a model is read"),
    ("max_params = true", "max_params: has to be a whole number, such as 60_000, 4.1e9 or '4.1 G', not true"),
    ("max_params = -1", "max_params: has to be a whole number"),
    ("max_params = 1.5", "max_params: has to be a whole number"),
    ("max_params = nan", "max_params: has to be a whole number"),
    ("max_params = '4 GB'", "max_params: has to be a whole number"),
    ("max_params = [1]", "max_params: has to be a whole number"),
    ("max_params = '1.0001 k'", "max_params: has to be a whole number"),
    ("max_activation_memory = 'lots'", "max_activation_memory: has to be a number of bytes"),
    ("min_receptive_field = 1.5", "min_receptive_field: has to be a whole number of pixels"),
    ("min_receptive_field = []", "min_receptive_field: has to be a whole number of pixels"),
    ("min_receptive_field = [1, true]", "min_receptive_field: has to be a whole number of pixels"),
    ("min_receptive_field = [1, 2, 3]", "min_receptive_field: has 3 values, but there are 2 axes"),
    ("max_effective_stride = inf", "max_effective_stride: has to be a number"),
    ("max_effective_stride = 'x'", "max_effective_stride: has to be a number"),
    ("covers_input = 1", "covers_input: has to be true, or false to lift it, not 1"),
    ("status = 'unknown'", "status: has to be 'exact' or 'bound'"),
    ("status = 3", "status: has to be 'exact' or 'bound'"),
    ("layers = 3", "layers: has to be a table, not 3"),
    ("layers.conv1 = 3", "layers.conv1: has to be a table, not 3"),
    ("models = []", "models: has to be a table, not []"),
    ("[models]\n'a.json' = 1", 'models."a.json": has to be a table, not 1'),
    ("[models.net.json]\nmax_params = 3", 'a name with dots stands in quotes, as in models."net.json"'),
    ("[layers.block.conv]\nmax_params = 3", 'a name with dots stands in quotes, as in layers."block.conv"'),
    ("[layers.'x*']\nmax_params = 3", 'layers."x*": matches no layer of <dict>; names go from'),
    (
        "[layers.cnv1]\nmax_params = 3",
        "layers.cnv1: matches no layer of <dict>; did you mean 'conv1' or 'conv2'",
    ),
    ("[layers.flat]\nmax_effective_stride = 3", "layers.flat.max_effective_stride: 'flat' has no figure"),
    ("[layers.'conv*']\nmax_misalignment = 0", "none of the layers that it matches has one"),
    ("max_params = 3\ndims = 4", "dims: has to be a table, not 4"),
    ("max_params = 3\ndims = {H = 'x'}", "dims.H: has to be a whole number, not 'x'"),
    ("max_params = 3\ninput_shape = 3", "input_shape: has to be a list of extents"),
    ("max_params = 3\ninput = 3", "input: has to be text, not 3"),
    ("max_params = 3\non_unknown = 'x'", "on_unknown: has to be one of 'report', 'error'"),
    ("max_params = 3\nlayout = 3", "layout: has to be text, not 3"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes_are_told_with_file_and_key(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "budget.toml"
    path.write_text(text)
    with pytest.raises(rfcalc.UsageError) as caught:
        rfcalc.check(POOLING, path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_params = ", "not valid TOML"),
        ("max_params = 3\nmax_params = 4", "not valid TOML"),
        ("max_params = 2024-01-01", "max_params: has to be a whole number"),
        ("a = " + "[" * 100000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_toml(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "budget.toml"
    path.write_text(text)
    with pytest.raises(rfcalc.RfcalcError) as caught:
        rfcalc.check(POOLING, path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_there_has_to_be_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(rfcalc.UsageError, match=r"there is no budget: no pyproject\.toml here or above"):
        rfcalc.check(POOLING)
    (tmp_path / "pyproject.toml").write_text("[tool]\nrfcalc = 3\n")
    with pytest.raises(rfcalc.UsageError, match=r"^pyproject.toml: tool.rfcalc: has to be a table"):
        rfcalc.check(POOLING)
    (tmp_path / "pyproject.toml").write_text("[tool]\n")
    with pytest.raises(rfcalc.UsageError, match=r"has no table \[tool.rfcalc\]"):
        rfcalc.check(POOLING, "pyproject.toml")
    with pytest.raises(rfcalc.UsageError, match="names no models; give the one to check"):
        rfcalc.check(None, {"max_params": 3})
    with pytest.raises(rfcalc.UsageError, match=r"has no limits for 'x\.json'; it has some for 'y\.json'"):
        rfcalc.check("x.json", {"models": {"y.json": {"max_params": 3}}})
    with pytest.raises(rfcalc.ReadError, match=r"^none.toml: no such file$"):
        rfcalc.check(POOLING, "none.toml")


def test_a_model_without_positions_has_no_field() -> None:
    flat = {
        "rfcalc": 1,
        "input": {"shape": [None, 8], "layout": "NC"},
        "layers": [{"kind": "linear", "units": 3}],
    }
    with pytest.raises(rfcalc.UsageError, match="min_receptive_field: the model has no spatial axes"):
        rfcalc.check(flat, {"min_receptive_field": 3})
    assert rfcalc.check(flat, {"max_params": 27, "max_gap": 0, "max_misalignment": 0, "status": "exact"}).ok


# ---- the budget of present figures -------------------------------------------------------------------------


def tightened(budget: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the budget with one of its numbers a little stricter, for each number that can be."""
    found = []
    for name, value in budget.items():
        limit = LIMITS.get(name)
        if limit is None or limit.form not in (COUNT, "bytes", PIXELS, NUMBER):
            continue
        step = 1 if limit.direction == LEAST else -1
        values = value if isinstance(value, list) else [value]
        if all(each + step >= 0 for each in values):
            found.append((name, {**budget, name: [each + step for each in values]}))
            if limit.form in (COUNT, "bytes"):
                found[-1][1][name] = value + step
    return found


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_just_keeps_the_budget_of_its_present_figures(path: Path) -> None:
    text = rfcalc.budget(path, relative_to=path.parent)
    ((name, budget),) = parsing.parse_toml(text)["models"].items()
    assert name == path.name
    assert budget["max_params"] == rfcalc.analyze(path).totals.params.total
    report = rfcalc.check(path, budget)
    assert report.ok, report
    stricter = tightened(budget)
    assert {"max_params", "max_macs", "max_activation_memory"} <= {name for name, _ in stricter}
    for name, each in stricter:
        broken = rfcalc.check(path, each)
        assert {check.given.limit.name for check in broken.violations} == {name}


@pytest.mark.parametrize("model", [GATED, UPSAMPLED, OUT_OF_LINE, HOLES, DEEP, UNKNOWN, SHARED])
def test_the_budget_of_present_figures_holds(model: dict[str, Any]) -> None:
    text = rfcalc.budget(model)
    budget = parsing.parse_toml(text)
    if model is UNKNOWN:
        assert set(budget) == set()
        assert "\n# max_params is not known: 'u', 'd'" in text or "\n# max_params is not known: 'u'" in text
        return
    assert rfcalc.check(model, budget).ok
    assert all(not rfcalc.check(model, each).ok for _, each in tightened(budget))


@pytest.mark.parametrize("name", ["models", "slim"])
def test_the_budgets_of_keras_models_hold_and_are_tight(name: str) -> None:
    """Nested, shared and several-input models, and those with the structure of published networks."""
    with gzip.open(ROOT / f"tests/data/keras/{name}.json.gz") as stream:
        cases = json.load(stream)
    checked = 0
    for case in cases.values():
        with contextlib.suppress(rfcalc.ReadError):  # files without an input, or without layers
            budget = parsing.parse_toml(rfcalc.budget(case["model"]))
            report = rfcalc.check(case["model"], budget)
            assert report.ok, str(report)
            assert not any(rfcalc.check(case["model"], each).ok for _, each in tightened(budget))
            checked += 1
    assert checked > len(cases) - 5


def test_a_budget_keeps_how_the_model_is_read(tmp_path: Path) -> None:
    path = tmp_path / 'we"ird\n.json'
    path.write_text(json.dumps({**POOLING, "parameters": {"w": 3}}))
    options: dict[str, Any] = {
        "input_shape": {"input": [None, None, 64, 1]},
        "parameters": {"w": 2},
        "on_unknown": "bound",
    }
    text = rfcalc.budget(path, relative_to=tmp_path, **options)
    ((name, budget),) = parsing.parse_toml(text)["models"].items()
    assert name == path.name
    assert budget["input_shape"] == {"input": ["?", "?", 64, 1]}
    assert budget["parameters"] == {"w": 2}
    assert budget["on_unknown"] == "bound"
    (tmp_path / "budget.toml").write_text(text)
    report = rfcalc.check(budget=tmp_path / "budget.toml")
    assert report.ok, report
    assert "max_macs" not in budget


def test_a_budget_of_a_model_with_hostile_names_is_toml() -> None:
    names = ["a\nmax_params = 1 # ", "b\x00\x1b[31m\u2028", "]\"'#"]
    layers = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 9, 9, 1], "name": "in"}},
        *(
            {
                "class_name": "Conv2D",
                "config": {"name": n, "filters": 1, "kernel_size": [2, 2], "strides": [2, 2]},
            }
            for n in names
        ),
    ]
    model = {
        "class_name": "Sequential",
        "config": {"name": names[0], "layers": layers},
        "keras_version": "2.15.0",
    }
    budget = parsing.parse_toml(rfcalc.budget(model))
    assert budget["max_params"] == 15
    assert rfcalc.check(model, budget).ok


def test_a_report_is_a_value() -> None:
    report = rfcalc.check(POOLING, {"max_params": 3, "layers": {"conv*": {"max_gap": 0}}})
    again = pickle.loads(pickle.dumps(report))
    assert again == report
    assert again.to_json() == report.to_json()
    assert hash(again) == hash(report)
    assert repr(report) == "<CheckReport: 1 violation of <budget>>"


def test_a_line_of_the_file_names_the_layer(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(json.dumps(OUT_OF_LINE, indent=1))
    (violation,) = rfcalc.check(path, {"max_misalignment": 0}).violations
    assert violation.line is not None
    assert path.read_text().splitlines()[violation.line - 1].strip() == '"name": "sum",'


def test_toml_of_an_older_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 3.11 there is no tomllib; tomli is the same under another name."""
    known = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    monkeypatch.setitem(sys.modules, "tomli", known)
    monkeypatch.setitem(sys.modules, "tomllib", None)
    monkeypatch.setattr(sys, "version_info", (3, 10))
    assert parsing.parse_toml("a = 1") == {"a": 1}


def test_several_models_need_files() -> None:
    with pytest.raises(rfcalc.UsageError, match="one of these is no file"):
        rfcalc.budget(POOLING, DEEP)

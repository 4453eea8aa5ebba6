"""Shortened names: they fit, and stay apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcalc.render.apart import shorten_apart
from rfcalc.render.escape import cells

PARTS = st.sampled_from(["model", "layer.0", "layer.1", "attention", "conv", "層", "cv2.0.1"])
PATHS = st.lists(st.lists(PARTS, min_size=1).map("/".join), min_size=1)


@pytest.mark.parametrize(
    ("names", "width", "short"),
    [
        (["conv1", "conv2"], 12, ["conv1", "conv2"]),
        # of a path the last parts tell most
        (["/model.22/cv2.0/cv2.0.0/act/Sigmoid"], 24, ["…cv2.0.0/act/Sigmoid"]),
        (["encoder.layers.layer_0.mlp.3"], 16, ["…layer_0.mlp.3"]),
        # a few letters too many cost less in the middle
        (["stack/0/layer/9/filter"], 20, ["stack/0/la…/9/filter"]),
        # what the last parts do not tell apart, more letters do
        (["x/layer_0/attention", "x/layer_1/attention"], 13, ["…_0/attention", "…_1/attention"]),
        # however deep a name stands, some of it is left
        ([" " * 14 + "layer_with_name"], 12, ["layer_…_name"]),
        # the same name is the same everywhere, and blanks in front are kept
        (["  a_name_without_parts"] * 2, 12, ["a_name…parts"] * 2),
        (["  a_name_without_parts"] * 2, 14, ["  a_name…parts"] * 2),
    ],
)  # fmt: skip
def test_names_as_expected(names: list[str], width: int, short: list[str]) -> None:
    assert shorten_apart(names, width) == short


@given(PATHS, st.integers(12, 40))
def test_names_fit(names: list[str], width: int) -> None:
    assert all(cells(short) <= width for short in shorten_apart(names, width))


@given(st.sets(st.integers(0, 99), min_size=2), st.integers(26, 40))
def test_names_that_differ_in_a_number_stay_apart(numbers: set[int], width: int) -> None:
    names = [f"encoder.layers.encoder_layer_{number}.self_attention.out_proj" for number in sorted(numbers)]
    assert len(set(shorten_apart(names, width))) == len(names)

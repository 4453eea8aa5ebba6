"""The field by output phase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rfcalc
from tests.render import golden

MODELS = Path(__file__).parents[2] / "docs" / "models"


def test_unet() -> None:
    """Four levels: 16 phases, of which four see 188 pixels and the others 204."""
    found = rfcalc.phases(MODELS / "unet.json", "classes")
    axis = found.axes[0]
    assert found.axes == (axis, axis)
    assert (axis.period, axis.advance) == (16, 16)
    assert axis.sizes == (188, 188, *(204,) * 12, 188, 188)
    assert axis.rows[0] == (-94, 93)
    golden.check("phases.txt", found.to_text())
    golden.check("phases.json", found.to_json())


def test_one_phase() -> None:
    axis = rfcalc.phases(MODELS / "pooling.json", "conv3").axes[0]
    assert (axis.period, axis.advance, axis.rows) == (1, 4, ((0, 17),))


def test_without_a_grid() -> None:
    model = {"rfcalc": 1, "input": [8, 1], "layers": [{"kind": "global_pool", "name": "g"}]}
    found = rfcalc.phases(model, "g")
    assert found.axes[0].rows == ()
    assert "no phases" in str(found)


def test_outputs_that_read_nothing() -> None:
    model = {
        "rfcalc": 1,
        "input": [8, 1],
        "layers": [{"kind": "transposed_conv", "name": "t", "filters": 1, "kernel": 1, "stride": 2}],
    }
    found = rfcalc.phases(model, "t")
    assert found.axes[0].rows == ((0, 0), None)
    assert found.axes[0].sizes == (1, 0)
    assert "none" in found.to_text()


def test_no_such_layer() -> None:
    with pytest.raises(rfcalc.UsageError, match="no layer or tensor 'clases'; did you mean 'classes'"):
        rfcalc.phases(MODELS / "unet.json", "clases")


@given(
    st.lists(
        st.one_of(
            st.fixed_dictionaries(
                {"kind": st.just("max_pool"), "kernel": st.integers(1, 4), "stride": st.integers(1, 3)}
            ),
            st.builds(lambda n: {"kind": "upsample", "scale": n}, st.integers(1, 3)),
        ),
        min_size=1,
        max_size=4,
    )
)  # fmt: skip
def test_rows_are_those_at_a_size(layers: list[dict[str, Any]]) -> None:
    """Without padding every field is the one at a size, far from the border or not."""
    named = [{**layer, "name": f"x{place}"} for place, layer in enumerate(layers)]
    model = {"rfcalc": 1, "input": [200, 1], "layers": named}
    last = named[-1]["name"]
    axis = rfcalc.phases(model, last).axes[0]
    for place, row in enumerate(rfcalc.field(model, last).axes[0].rows):
        turn, phase = divmod(place, axis.period)
        expected = axis.rows[phase]
        assert row is not None
        assert expected is not None
        assert row[:2] == tuple(end + turn * axis.advance for end in expected)

"""Random graphs against onnxruntime: what is exact holds all that changes, and shapes are those of the run.

Some hundreds of them stand here; ten thousand are run outside of CI by tests/zoo/wild_graphs.py.
"""

from __future__ import annotations

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.wild_graphs import wild
from tests.zoo.wild_graphs import judge, spelled

pytestmark = pytest.mark.onnx

WRONG = ("unsound", "unsound bound", "shape")


@pytest.mark.parametrize("start", range(0, 120, 20))
def test_what_is_exact_holds_all_that_changes(start: int) -> None:
    for seed in range(start, start + 20):
        graph = wild(seed)
        verdict = judge(graph)
        assert verdict.word not in WRONG, f"seed {seed}: {verdict}\n{spelled(graph)}"

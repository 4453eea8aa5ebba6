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


@pytest.mark.parametrize("seed", [206673, 200695, 305771, 400364, 831434, 841504, 850067, 858077])
def test_graphs_that_were_judged_wrong(seed: int) -> None:
    """Rounding, stretched tensors, infinite scores, a tail, scores of scores, one row, reordered samples."""
    assert judge(wild(seed)).word == "holds"


LOOSE = {
    "constants of a whole axis, reshaped": 100461,
    "a column of constants, flattened": 100598,
    "a softmax along an axis of one": 100291,
    "a mask behind a softmax": 100410,
    "a product with rows of zeros": 100521,
    "a mask of windows, reshaped": 100565,
    "samples of a triangle, reshaped": 100142,
}


@pytest.mark.parametrize("kind", LOOSE)
def test_what_is_exact_holds_no_more(kind: str) -> None:
    verdict = judge(wild(LOOSE[kind]))
    assert verdict.word == "holds"
    assert verdict.idle == 0

"""How long TFLite takes: ``pytest tests/benchmarks --benchmark-enable`` prints tables; else each runs once.

The budget: half the time in which LiteRT loads the file and allocates its tensors, or 30 ms, whichever is
larger. What LiteRT takes stands beside it in one table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tflite")

import rfcalc

DATA = Path(__file__).parents[1] / "data" / "tflite"
MODELS = pytest.mark.parametrize("name", ["face_detection_front", "hey_jarvis"])


@pytest.mark.benchmark(group="tflite")
@MODELS
def test_analyze(benchmark: Any, name: str) -> None:
    result = benchmark(rfcalc.analyze, DATA / f"{name}.tflite")
    assert result.totals.resolved


@pytest.mark.benchmark(group="tflite, graph loaded")
@MODELS
def test_analyze_a_graph(benchmark: Any, name: str) -> None:
    graph = rfcalc.load(DATA / f"{name}.tflite")
    result = benchmark(rfcalc.analyze, graph)
    assert result.totals.resolved


@pytest.mark.litert
@pytest.mark.filterwarnings("ignore")
@pytest.mark.benchmark(group="tflite")
@MODELS
def test_load_in_litert(benchmark: Any, name: str) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")

    def load() -> Any:
        loaded = interpreter.Interpreter(str(DATA / f"{name}.tflite"), num_threads=1)
        loaded.allocate_tensors()
        return loaded

    assert benchmark(load).get_input_details()

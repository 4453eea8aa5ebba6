"""How long ONNX takes: ``pytest tests/benchmarks --benchmark-enable`` prints tables; else each runs once.

The budgets: ResNet-50, its file loaded, in 35 ms, a chain of 11,665 operations in 0.6 s, the same with open
extents in 1.0 s, linear growth; the cold command at most twice ``python -c "import onnx"``, by the two cold
starts of one run.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from tests.readers.onnx_build import Shape, model, node, onnx, weight

pytestmark = pytest.mark.onnx

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_resnet50.onnx"
LONGEST = 11_665
FIXED: Shape = (1, 8, 224, 224)
OPEN: Shape = ("N", 8, "H", "W")


def chain(operations: int, shape: Shape) -> Any:
    """Return convolutions and activations by turns."""
    names = ["x", *(f"t{k}" for k in range(operations))]
    nodes = [
        node("Conv", f"{taken} w b", made, pads=[1] * 4) if k % 2 else node("Relu", taken, made)
        for k, (taken, made) in enumerate(pairwise(names))
    ]
    return model(nodes, {"x": shape}, names[-1], [weight("w", 8, 8, 3, 3), weight("b", 8)])


@pytest.fixture(scope="module")
def light() -> Any:
    if not LIGHT.exists():
        pytest.skip("this onnx package comes without its test data")
    return onnx.load(LIGHT)


def run(*command: str) -> None:
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.benchmark(group="onnx, cold start")
def test_cold_import_onnx(benchmark: Any) -> None:
    benchmark(run, "-c", "import onnx")


@pytest.mark.benchmark(group="onnx, cold start")
def test_cold_analyze_resnet50(benchmark: Any, light: Any) -> None:
    benchmark(run, "-m", "rfcalc", "analyze", str(LIGHT))


@pytest.mark.benchmark(group="onnx, loaded")
def test_analyze_resnet50(benchmark: Any, light: Any) -> None:
    result = benchmark(rfcalc.analyze, light)
    assert result.totals.macs == 4_089_184_256


@pytest.mark.benchmark(group="onnx, loaded")
def test_analyze_resnet50_from_its_bytes(benchmark: Any, light: Any) -> None:
    result = benchmark(rfcalc.analyze, LIGHT.read_bytes())
    assert result.totals.macs == 4_089_184_256


@pytest.mark.benchmark(group="onnx, graph loaded")
def test_analyze_resnet50_as_a_graph(benchmark: Any, light: Any) -> None:
    graph = rfcalc.load(light)
    result = benchmark(rfcalc.analyze, graph)
    assert result.totals.macs == 4_089_184_256


@pytest.mark.benchmark(group="onnx, chain")
@pytest.mark.parametrize("shape", [FIXED, OPEN], ids=["static", "open"])
def test_chain(benchmark: Any, shape: Shape) -> None:
    given = chain(LONGEST, shape)
    result = benchmark(rfcalc.analyze, given)
    assert result.totals.resolved == LONGEST + 1
    assert result.layer(f"t{LONGEST - 1}").receptive_field == (2 * (LONGEST // 2) + 1,) * 2


@pytest.mark.benchmark(group="onnx, chain")
def test_chain_with_formulas(benchmark: Any) -> None:
    given = chain(1_000, OPEN)
    result = benchmark(rfcalc.analyze, given, symbolic=True)
    assert str(result.layer("t999").output_shape) == "(N, 8, H, W)"


@pytest.mark.parametrize("shape", [FIXED, OPEN], ids=["static", "open"])
def test_work_grows_linearly_with_the_operations(shape: Shape) -> None:
    """Ten times the operations make at most twelve times the function calls: counted, not timed."""

    def calls(operations: int) -> int:
        given = chain(operations, shape)
        count = 0

        def counting(_frame: Any, event: str, _argument: Any) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(counting)
        try:
            rfcalc.analyze(given)
        finally:
            sys.setprofile(None)
        return count

    calls(10)  # what happens once, on import
    assert calls(3_000) <= 12 * calls(300)

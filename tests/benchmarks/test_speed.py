"""How long things take: ``pytest tests/benchmarks --benchmark-enable`` prints tables; else each runs once.

The budgets: the cold command on ResNet-50's Keras JSON at most three times ``python -c "import click"``
(compare the two cold starts of one run), a loaded ResNet-152 in 50 ms, and linear growth with depth.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rfcalc

DATA = Path(__file__).parents[1] / "data" / "keras"


@pytest.fixture(scope="session")
def applications() -> dict[str, Any]:
    with gzip.open(DATA / "applications.json.gz") as stream:
        loaded: dict[str, Any] = json.load(stream)
    return loaded


@pytest.fixture(scope="session")
def resnet50(applications: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "resnet50.json"
    path.write_text(json.dumps(applications["ResNet50"]["model"]))
    return path


def chain(layers: int) -> rfcalc.LayerGraph:
    stack = [{"kind": "conv", "filters": 8, "kernel": 3, "padding": "same"}] * layers
    return rfcalc.load({"rfcalc": 1, "input": [224, 224, 3], "layers": stack})


def run(*command: str) -> None:
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.benchmark(group="cold start")
def test_cold_import_click(benchmark: Any) -> None:
    benchmark(run, "-c", "import click")


@pytest.mark.benchmark(group="cold start")
@pytest.mark.parametrize("output", ["table", "json"])
def test_cold_analyze_resnet50(benchmark: Any, resnet50: Path, output: str) -> None:
    benchmark(run, "-m", "rfcalc", "analyze", str(resnet50), "--format", output)


@pytest.mark.benchmark(group="analyze, loaded")
@pytest.mark.parametrize("name", ["ResNet50", "ResNet152", "EfficientNetB0", "NASNetMobile"])
def test_analyze(benchmark: Any, applications: dict[str, Any], name: str) -> None:
    graph = rfcalc.load(applications[name]["model"])
    result = benchmark(rfcalc.analyze, graph)
    assert result.totals.params.total == applications[name]["ref"]["total"]


@pytest.mark.benchmark(group="cold start")
def test_cold_field_resnet152(benchmark: Any, applications: dict[str, Any], tmp_path: Path) -> None:
    """The rows of its last map, as a fresh process."""
    path = tmp_path / "resnet152.json"
    path.write_text(json.dumps(applications["ResNet152"]["model"]), encoding="utf-8")
    shape = ("--input-shape", "224,224,3")
    benchmark.pedantic(run, args=("-m", "rfcalc", "field", str(path), "conv5_block3_out", *shape), rounds=5)


@pytest.mark.benchmark(group="load")
def test_load_resnet152(benchmark: Any, applications: dict[str, Any]) -> None:
    benchmark(rfcalc.load, applications["ResNet152"]["model"])


@pytest.mark.benchmark(group="questions, ResNet-50 loaded")
@pytest.mark.parametrize("ask", ["compare", "law", "effective"])
def test_questions(benchmark: Any, applications: dict[str, Any], ask: str) -> None:
    graph = rfcalc.load(applications["ResNet50"]["model"])
    benchmark(getattr(rfcalc, ask), graph)


@pytest.mark.benchmark(group="questions, ResNet-50 loaded")
def test_explain(benchmark: Any, applications: dict[str, Any]) -> None:
    graph = rfcalc.load(applications["ResNet50"]["model"])
    benchmark(rfcalc.explain, graph, "conv5_block3_out")


@pytest.mark.benchmark(group="verify, loaded")
def test_verify_densenet121(benchmark: Any, applications: dict[str, Any]) -> None:
    """Concatenations of many layers, enumerated at two sizes."""
    graph = rfcalc.load(applications["DenseNet121"]["model"], input_shape=(224, 224, 3))
    found = benchmark.pedantic(rfcalc.verify, args=(graph,), rounds=3)
    assert found.holds


@pytest.mark.benchmark(group="chain")
@pytest.mark.parametrize("layers", [1_000, 10_000])
def test_chain(benchmark: Any, layers: int) -> None:
    graph = chain(layers)
    result = benchmark(rfcalc.analyze, graph)
    assert result.rows[-1].receptive_field == (2 * layers + 1,) * 2


def test_work_grows_linearly_with_depth() -> None:
    """Ten times the layers make at most twelve times the function calls: counted, not timed."""

    def calls(layers: int) -> int:
        graph = chain(layers)
        count = 0

        def counting(_frame: Any, event: str, _argument: Any) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(counting)
        try:
            rfcalc.analyze(graph)
        finally:
            sys.setprofile(None)
        return count

    assert calls(3_000) <= 12 * calls(300)

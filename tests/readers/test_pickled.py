"""A graph of any format can be pickled: sent to another process it gives the same answers, to the byte."""

from __future__ import annotations

import gzip
import json
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.algebra.window import POINTWISE
from rfcalc.graph.graph import LayerGraph

DATA = Path(__file__).parents[1] / "data"
DOCS = Path(__file__).parents[2] / "docs" / "models"

NATIVE = sorted(DOCS.glob("*.json"))
KERAS = json.loads(gzip.decompress((DATA / "keras" / "applications.json.gz").read_bytes()))
ONNX = sorted((DATA / "onnx").glob("*.onnx.gz"))


def read(path: Path) -> LayerGraph:
    return rfcalc.load(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path)


def answers(graph: LayerGraph) -> str:
    return rfcalc.analyze(graph).to_json()


@pytest.mark.parametrize("path", NATIVE, ids=lambda path: path.name)
def test_a_pickled_graph_gives_the_same_answers(path: Path) -> None:
    graph = read(path)
    assert answers(pickle.loads(pickle.dumps(graph))) == answers(graph)


@pytest.mark.parametrize("name", list(KERAS)[::8])
def test_a_pickled_keras_graph_gives_the_same_answers(name: str) -> None:
    graph = rfcalc.load(KERAS[name]["model"])
    assert answers(pickle.loads(pickle.dumps(graph))) == answers(graph)


@pytest.mark.onnx
@pytest.mark.parametrize("path", ONNX[::15], ids=lambda path: path.name)
def test_a_pickled_onnx_graph_gives_the_same_answers(path: Path) -> None:
    pytest.importorskip("onnx")
    graph = read(path)
    assert answers(pickle.loads(pickle.dumps(graph))) == answers(graph)


@pytest.mark.torch
def test_a_pickled_torch_graph_gives_the_same_answers() -> None:
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):  # type: ignore[misc]  torch is not typed here
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 8, 3, stride=2)
            self.up = torch.nn.ConvTranspose2d(8, 4, 3, stride=2)

        def forward(self, x: Any) -> Any:
            return torch.nn.functional.interpolate(self.up(self.conv(x)), scale_factor=2, mode="bicubic")

    graph = rfcalc.from_torch(Net(), torch.zeros(1, 3, 33, 33))
    assert answers(pickle.loads(pickle.dumps(graph))) == answers(graph)


def test_graphs_are_analysed_by_a_pool_of_processes() -> None:
    graphs = [read(path) for path in NATIVE[:3]]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(answers, graphs)) == list(map(answers, graphs))


def test_the_window_that_reads_its_own_index_stays_itself() -> None:
    """It is told by its identity, in another process too."""
    assert pickle.loads(pickle.dumps(POINTWISE)) is POINTWISE
    code = (
        "import pickle, sys; from rfcalc.algebra import window; "
        "print(pickle.load(sys.stdin.buffer) is window.POINTWISE)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(POINTWISE), capture_output=True, check=True
    )
    assert done.stdout.split() == [b"True"]

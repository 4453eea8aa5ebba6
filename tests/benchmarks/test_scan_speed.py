"""How many files a scan does in a second: ``pytest tests/benchmarks/test_scan_speed.py --benchmark-enable``.

The files are what Keras writes of its applications. A first scan starts its workers, analyses each file and
writes the catalogue; another finds all of them unchanged.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.questions.scan import run

DATA = Path(__file__).parents[1] / "data" / "keras"
COPIES = 1


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make Keras models of 20 to 900 layers, each several times under names of its own."""
    with gzip.open(DATA / "applications.json.gz") as stream:
        applications = json.load(stream)
    made = tmp_path_factory.mktemp("scanned")
    for name, case in applications.items():
        for copy in range(COPIES):
            config = {**case["model"]["config"], "name": f"{name}-{copy}"}
            (made / f"{name}-{copy}.json").write_text(json.dumps({**case["model"], "config": config}))
    return made


@pytest.mark.benchmark(group="scan")
@pytest.mark.parametrize("workers", [1, 2])
def test_scan(benchmark: Any, folder: Path, tmp_path: Path, workers: int) -> None:
    catalogues = iter(range(99))

    def scan() -> rfcalc.Scanned:
        return rfcalc.scan(folder, tmp_path / f"{next(catalogues)}.db", workers=workers)

    found = benchmark.pedantic(scan, rounds=1, iterations=1)
    count = len(list(folder.iterdir()))
    assert (found.files, found.failures, found.unchanged) == (count, (), 0)
    benchmark.extra_info["files"] = count


@pytest.mark.benchmark(group="scan")
def test_scan_unchanged(
    benchmark: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "FRESH", 0)
    into = tmp_path / "c.db"
    rfcalc.scan(folder, into, workers=2)
    found = benchmark(rfcalc.scan, folder, into, workers=2)
    assert found.unchanged == found.files == len(list(folder.iterdir()))

"""Sweeps in several processes and on a Dask cluster: the same file, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.errors import RfcalcError
from rfcalc.questions.sweep import running, task

pytestmark = pytest.mark.dataframes

RESNET = Path(__file__).parents[3] / "docs" / "models" / "resnet.json"
OVER: dict[str, Any] = {"n": [1, 2], "width": range(1, 41)}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of ten designs: eight of them."""
    monkeypatch.setattr(task, "_FIRST", 10)
    monkeypatch.setattr(task, "LARGEST", 10)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file that one process makes."""
    path = tmp_path_factory.mktemp("alone") / "sweep.parquet"
    rfcalc.sweep(RESNET, OVER, path=path)
    return path.read_bytes()


def once(after: int, act: Callable[[], None]) -> Callable[[int, int], None]:
    """Do something in mid-run, once."""
    done = []

    def progress(count: int, total: int) -> None:
        if count >= after and not done:
            done.append(count)
            act()

    return progress


def kill_a_child() -> None:
    import multiprocessing

    child = multiprocessing.active_children()[0]
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)


def test_several_processes_come_to_the_same(alone: bytes, tmp_path: Path) -> None:
    found = rfcalc.sweep(RESNET, OVER, path=tmp_path / "sweep.parquet", workers=2)
    assert (tmp_path / "sweep.parquet").read_bytes() == alone
    assert found.looked_at == 80


def test_a_process_that_is_killed_costs_nothing(alone: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sweep.parquet"
    rfcalc.sweep(RESNET, OVER, path=path, workers=2, progress=once(30, kill_a_child))
    assert path.read_bytes() == alone


def test_workers_that_always_die_end_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_begin", os._exit)  # which takes no such argument, so that none begins
    with pytest.raises(RfcalcError, match="died 4 times in a row"):
        rfcalc.sweep(RESNET, OVER, path=tmp_path / "sweep.parquet", workers=2)


def test_processes_end_with_the_one_that_began_them(tmp_path: Path) -> None:
    script, path = tmp_path / "run.py", tmp_path / "sweep.parquet"
    script.write_text(_SLOW, encoding="utf-8")
    words = [sys.executable, str(script), str(path), "2", "60", str(RESNET)]
    process = subprocess.Popen(words, start_new_session=True)
    until = time.monotonic() + 60
    while not list(path.with_name(path.name + ".parts").glob("0*")) and time.monotonic() < until:
        time.sleep(0.05)
    process.kill()
    process.wait()
    while _alive(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _alive(process.pid)


def _alive(group: int) -> bool:
    """Tell whether a process of a group is there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


# ---- Dask --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as made:
        yield made


@pytest.mark.filterwarnings("default")
def test_a_cluster_comes_to_the_same_though_a_worker_is_killed(
    alone: bytes, tmp_path: Path, cluster: Any
) -> None:
    def kill_a_worker() -> None:
        worker = next(iter(cluster.workers.values()))
        os.kill(worker.pid, signal.SIGKILL)

    path = tmp_path / "sweep.parquet"
    rfcalc.sweep(
        RESNET, OVER, path=path, scheduler=cluster.scheduler_address, progress=once(20, kill_a_worker)
    )
    assert path.read_bytes() == alone


@pytest.mark.filterwarnings("default")
def test_choosing_on_a_cluster(cluster: Any) -> None:
    how: dict[str, Any] = {"pareto": "params,-field", "where": "macs > 1e6"}
    assert rfcalc.sweep(RESNET, OVER, scheduler=cluster.scheduler_address, **how) == rfcalc.sweep(
        RESNET, OVER, **how
    )


# ---- a client that is killed -------------------------------------------------------------------------------

_SLOW = """
import sys, time
import rfcalc
from rfcalc.questions.sweep import task
task._FIRST = task.LARGEST = 10
path, workers, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
if __name__ == "__main__":
    rfcalc.sweep(
        sys.argv[4], {"n": [1, 2], "width": range(1, 41)}, path=path, resume=True, workers=workers,
        progress=lambda done, total: time.sleep(pause),
    )
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_client_that_is_killed_goes_on(workers: int, alone: bytes, tmp_path: Path) -> None:
    script, path = tmp_path / "run.py", tmp_path / "sweep.parquet"
    script.write_text(_SLOW, encoding="utf-8")
    parts = path.with_name(path.name + ".parts")

    def begin(pause: float) -> subprocess.Popen[bytes]:
        words = [sys.executable, str(script), str(path), str(workers), str(pause), str(RESNET)]
        return subprocess.Popen(words, start_new_session=True)

    for wanted in (1, 3):
        process = begin(0.2)
        until = time.monotonic() + 60
        while len(list(parts.glob("0*"))) < wanted and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not path.exists()
    kept = len(list(parts.glob("0*")))
    assert 3 <= kept < 8

    assert begin(0).wait(120) == 0
    assert path.read_bytes() == alone
    assert not parts.exists()

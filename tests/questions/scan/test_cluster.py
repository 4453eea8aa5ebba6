"""A scan on a Dask cluster: the catalogue of one process, whoever dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import rfcalc
from rfcalc.errors import RfcalcError
from rfcalc.questions.scan.cluster import Cluster
from tests.calling import call
from tests.questions.scan import hostile
from tests.questions.scan.files import contents, net_bytes, write
from tests.questions.scan.test_archives import zipped
from tests.questions.scan.test_killed import ROOT, counted, wait_for

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("default")  # Dask's own


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster") / "zoo"
    for k in range(24):
        write(folder / f"net{k}.json", 4 + k)
    write(folder / "same.json", 4)
    (folder / "bad.json").write_text('{"rfcalc": 1')
    (folder / "some.zip").write_bytes(zipped({"in.json": net_bytes(60), "net3.json": net_bytes(7)}))
    return folder


@pytest.fixture(scope="module")
def at_once(zoo: Path) -> dict[str, Any]:
    rfcalc.scan(zoo, zoo.parent / "at_once.db", workers=1)
    return contents(zoo.parent / "at_once.db")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as started:
        yield started


SCAN: Final = """
import sys
from rfcalc.questions.scan import cluster, library
made = library._pool
def pool(workers, limits, scheduler):
    return cluster.Cluster(scheduler, limits, sys.argv[1])
library._pool = pool
library.scan([sys.argv[2]], sys.argv[3], scheduler=sys.argv[4])
"""


def started(zoo: Path, into: Path, address: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SCAN, hostile.SLOWLY, str(zoo), str(into), address]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)


def test_the_catalogue_is_that_of_one_process(zoo: Path, at_once: dict[str, Any], cluster: Any) -> None:
    into = zoo.parent / "same.db"
    got = call("scan", str(zoo), "--into", str(into), "--scheduler", cluster.scheduler_address)
    assert got.exit_code == 0
    assert got.stdout.startswith(
        f"{into}: 25 models in 27 files, 1 failure, 2 unchanged".replace(" in", "")[:9]
    )
    assert contents(into) == at_once
    assert rfcalc.scan(zoo, into, scheduler=cluster.scheduler_address).unchanged == 28


def test_a_worker_dies(zoo: Path, at_once: dict[str, Any], cluster: Any) -> None:
    into = zoo.parent / "worker.db"
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        workers = client.run(os.getpid)
    scanning = started(zoo, into, cluster.scheduler_address)
    wait_for(5, into, scanning)
    os.kill(next(iter(workers.values())), signal.SIGKILL)
    _, said = scanning.communicate(timeout=60)
    assert scanning.returncode == 0, said
    assert contents(into) == at_once


def test_the_client_dies(zoo: Path, at_once: dict[str, Any], cluster: Any) -> None:
    into = zoo.parent / "client.db"
    scanning = started(zoo, into, cluster.scheduler_address)
    wait_for(5, into, scanning)
    scanning.kill()
    scanning.communicate()
    assert 5 <= counted(into) < 29
    found = rfcalc.scan(zoo, into, scheduler=cluster.scheduler_address)
    assert found.unchanged >= 5
    assert contents(into) == at_once


def test_limits_hold_on_the_cluster(tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def pool(workers: Any, limits: Any, scheduler: str) -> Cluster:
        return Cluster(scheduler, limits, hostile.HERE)

    monkeypatch.setattr("rfcalc.questions.scan.library._pool", pool)
    for k, name in enumerate(("dies", "good", "hangs", "raises")):
        write(tmp_path / f"{name}.json", 4 + k)
    found = rfcalc.scan(tmp_path, tmp_path / "c.db", scheduler=cluster.scheduler_address, limit_time=1)
    assert [(each.path, each.kind) for each in found.failures] == [
        ("dies.json", "crash"), ("hangs.json", "time"), ("raises.json", "internal"),
    ]  # fmt: skip
    assert found.models == 1


def test_a_scheduler_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rfcalc.questions.scan.cluster._CONNECTING", 0.3)
    with pytest.raises(RfcalcError, match=r"tcp://127\.0\.0\.1:9: the scheduler does not answer"):
        rfcalc.scan(tmp_path, tmp_path / "c.db", scheduler="tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed", None)
    got = call("scan", str(tmp_path), "--into", str(tmp_path / "c.db"), "--scheduler", "tcp://127.0.0.1:9")
    assert got.exit_code == 3
    assert "a cluster needs the dask package: pip install 'rfcalc[dask]'" in got.stderr


@pytest.mark.long
def test_a_cluster_that_goes_away(zoo: Path, at_once: dict[str, Any]) -> None:
    into = zoo.parent / "gone.db"
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as short:
        scanning = started(zoo, into, short.scheduler_address)
        wait_for(5, into, scanning)
    _, said = scanning.communicate(timeout=90)
    assert scanning.returncode
    assert b"RfcalcError: the cluster is gone; run the same command again" in said
    assert rfcalc.scan(zoo, into, workers=1).unchanged >= 5
    assert contents(into) == at_once

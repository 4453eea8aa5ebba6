"""A scan is killed at any moment and run again: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest

import rfcalc
from tests.questions.scan import hostile
from tests.questions.scan.files import asked, contents, net_bytes, write
from tests.questions.scan.test_archives import tarred, zipped

SCAN: Final = """
import sys
from rfcalc.questions.scan import library, run
library.ANALYSED, run.FRESH = sys.argv[1], 0
library.scan([sys.argv[2]], sys.argv[3], workers=int(sys.argv[4]))
"""
ROOT: Final = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed") / "zoo"
    for k in range(20):
        write(folder / f"{k % 5}" / f"net{k}.json", 4 + k)
    write(folder / "same.json", 4)
    (folder / "bad.json").write_text('{"rfcalc": 1')
    (folder / "none.json").write_text("{}")
    inside = {f"in{k}.json": net_bytes(60 + k) for k in range(6)}
    (folder / "some.zip").write_bytes(zipped(inside))
    (folder / "some.tgz").write_bytes(tarred({**inside, "more.json": net_bytes(99)}))
    return folder


@pytest.fixture(scope="module")
def at_once(zoo: Path) -> dict[str, Any]:
    found = rfcalc.scan(zoo, zoo.parent / "at_once.db", workers=2)
    assert (found.models, found.files, len(found.failures), found.others) == (27, 34, 1, 1)
    return contents(zoo.parent / "at_once.db")


def started(zoo: Path, into: Path, workers: int = 1) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SCAN, hostile.SLOWLY, str(zoo), str(into), str(workers)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)


def counted(into: Path) -> int:
    """Return how many places a catalogue has that another process writes."""
    try:
        return int(asked(into, "SELECT count(*) FROM places")[0][0]) if into.exists() else 0
    except sqlite3.OperationalError:  # its tables are not made yet
        return 0


def wait_for(count: int, into: Path, scanning: subprocess.Popen[bytes]) -> None:
    while scanning.poll() is None and counted(into) < count:
        time.sleep(0.005)


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
def test_killed_at_random_moments(zoo: Path, at_once: dict[str, Any], kills: int) -> None:
    into, left, partial = zoo.parent / f"killed{kills}.db", kills, 0
    moments = random.Random(kills)
    while left:
        scanning = started(zoo, into, moments.choice([1, 2]))
        wait_for(counted(into) + moments.randrange(12), into, scanning)
        time.sleep(moments.uniform(0, 0.1))
        scanning.send_signal(signal.SIGKILL)
        _, said = scanning.communicate()
        if scanning.returncode == 0:  # it was done before: from the start again
            assert contents(into) == at_once
            into.unlink()
            continue
        assert said == b""
        left -= 1
        if counted(into):
            ((count,),) = rfcalc.query(into, "SELECT count(*) FROM places").rows
            partial += 0 < count < 38
    assert partial >= 1
    found = rfcalc.scan(zoo, into, workers=2)
    assert (found.models, found.files, len(found.failures), found.others) == (27, 34, 1, 1)
    assert contents(into) == at_once


AMID: Final = """
import os, signal, sys
from rfcalc.questions.scan import catalogue, library
insert = catalogue.Catalogue._insert
def ending(self, table, rows):
    insert(self, table, rows)
    if table == "layers":
        os.kill(os.getpid(), signal.SIGKILL)
catalogue.Catalogue._insert = ending
library.scan([sys.argv[1]], sys.argv[2], workers=1)
"""


def test_killed_amid_a_transaction(tmp_path: Path) -> None:
    write(tmp_path / "net.json")
    into = tmp_path / "c.db"
    ended = subprocess.run([sys.executable, "-c", AMID, str(tmp_path), str(into)], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert rfcalc.query(into, "SELECT count(*) FROM models").rows == ((0,),)
    assert not any(contents(into).values())
    assert rfcalc.scan(tmp_path, into, workers=1).models == 1


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    write(tmp_path / "zoo" / "spins.json")
    scanning = subprocess.Popen(
        [sys.executable, "-c", SCAN, hostile.HERE, str(tmp_path / "zoo"), str(tmp_path / "c.db"), "1"],
        cwd=ROOT,
    )
    children = Path(f"/proc/{scanning.pid}/task/{scanning.pid}/children")
    if not children.exists():
        scanning.kill()
        scanning.wait()
        pytest.skip("the system does not tell of children")
    pids: list[str] = []
    for _ in range(200):
        every = Path(f"/proc/{scanning.pid}/task").glob("*/children")
        pids = [pid for each in every for pid in each.read_text().split()]
        if pids:
            break
        time.sleep(0.05)
    assert pids
    time.sleep(0.5)
    scanning.kill()
    scanning.wait()
    for _ in range(100):
        if not any(
            Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes()
            for pid in pids
        ):
            return
        time.sleep(0.05)
    pytest.fail("a worker goes on")


def test_an_interrupt_keeps_what_was_done(zoo: Path, tmp_path: Path) -> None:
    into = tmp_path / "c.db"
    scanning = started(zoo, into)
    wait_for(4, into, scanning)
    scanning.send_signal(signal.SIGINT)
    _, said = scanning.communicate(timeout=30)
    assert said.rstrip().endswith(b"KeyboardInterrupt")
    assert said.count(b"Traceback") == 1  # the workers say nothing
    assert counted(into) >= 4


def test_two_scans_at_once(zoo: Path, at_once: dict[str, Any]) -> None:
    into = zoo.parent / "both.db"
    for each in [started(zoo, into), started(zoo, into)]:
        _, said = each.communicate(timeout=60)
        assert (each.returncode, said) == (0, b"")
    assert contents(into) == at_once

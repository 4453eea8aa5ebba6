"""Files analysed on a Dask cluster: each is a task, and the client alone writes the catalogue."""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import CancelledError
from typing import Any, Final

from rfcalc.errors import RfcalcError
from rfcalc.questions.scan.serve import ANALYSED, CRASH, Task
from rfcalc.questions.scan.workers import Limits, Pool, Worker

_CONNECTING: Final = 30.0  # seconds in which a scheduler has to answer

_WARNS_FROM: Final = "distributed.admin.large-graph-warning-threshold"

_HERE = threading.local()
"""Of a thread of a Dask worker, the process that it has its files analysed in."""


def analysed_there(task: Task, limits: Limits, function: str) -> dict[str, Any]:
    """Return what is in a file; a thread of a Dask worker runs this, with a process of its own to end."""
    asked: dict[tuple[Limits, str], Worker] = vars(_HERE).setdefault("workers", {})
    worker = asked.setdefault((limits, function), Worker(limits, function))
    watch = threading.Event()

    def look() -> None:
        import time

        while not watch.wait(0.05):
            worker.look(time.monotonic())

    threading.Thread(target=look, daemon=True).start()
    try:
        return worker.ask(task)
    finally:
        watch.set()


class Cluster:
    """A Dask cluster that analyses files.

    Parameters
    ----------
    scheduler : str
        Its address, such as ``tcp://host:8786``.
    limits : Limits
        What one file may take.
    function : str
        Says what is in a file: ``module:name``.

    Raises
    ------
    RfcalcError
        Dask is not installed, or the scheduler does not answer.
    """

    whole = True
    """Files are handed over whole: the workers may not see those of this machine."""

    def __init__(self, scheduler: str, limits: Limits, function: str = ANALYSED) -> None:
        try:
            import dask
            import distributed
        except ImportError:
            raise RfcalcError("a cluster needs the dask package: pip install 'rfcalc[dask]'") from None
        try:
            self._client = distributed.Client(scheduler, timeout=_CONNECTING, set_as_default=False)
        except (OSError, ValueError, asyncio.TimeoutError) as error:
            raise RfcalcError(f"the scheduler does not answer: {error}", source=scheduler) from None
        self._limits, self._function = limits, function
        self._configured = dask.config.set
        self._local = Pool(0, limits)
        self.reader = self._local.reader
        self._done: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self.held = 0

    @property
    def full(self) -> bool:
        """There is work enough for all workers of the cluster."""
        threads = sum(self._client.nthreads().values())
        return bool(self.held >= 2 * max(threads, 1))

    def submit(self, ticket: Any, task: Task) -> None:
        """Let a file be analysed by some worker; by another where that one dies."""
        self.held += 1
        with self._configured({_WARNS_FROM: "1TB"}):  # of large files it would say that they are large
            future = self._client.submit(analysed_there, task, self._limits, self._function, pure=False)
        future.add_done_callback(lambda done: self._done.put((ticket, done)))

    def finished(self, *, wait: bool) -> tuple[Any, dict[str, Any]] | None:
        """Return an answer, with its ticket; None where there is none yet.

        Raises
        ------
        RfcalcError
            The cluster is gone.
        """
        try:
            ticket, future = self._done.get(block=wait)
        except queue.Empty:
            return None
        self.held -= 1
        try:
            return ticket, future.result()
        except (CancelledError, OSError):
            gone = "the cluster is gone; run the same command again, and the scan goes on"
            raise RfcalcError(gone) from None
        except Exception as error:
            if type(error).__name__ == "KilledWorker":
                return ticket, {"failure": "ended several workers of the cluster", "kind": CRASH}
            raise RfcalcError(f"the workers of the cluster cannot analyse files: {error}") from error

    def close(self) -> None:
        """Take back what is not done, and leave the cluster as it was."""
        self._local.close()
        self._client.close()

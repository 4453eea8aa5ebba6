"""Processes that analyse files, each one at a time, and are ended where one takes too long or too much."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from rfcalc.errors import RfcalcError
from rfcalc.questions.scan.archives import Member
from rfcalc.questions.scan.serve import ANALYSED, CRASH, MEMORY, TIME, Task
from rfcalc.records import NamedTuple

_BOOT: Final = (
    "import sys; sys.path[:] = sys.argv[4:]; from rfcalc.questions.scan.serve import main; "
    "main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))"
)
"""What a worker runs. It looks for modules where its parent does, before it looks for any: a folder that is
scanned may lie in the working directory, and hold modules."""

_LOOKS: Final = 0.05 if os.path.exists("/proc/self/statm") else 0.5  # noqa: PTH110  no path of anybody's
"""Seconds between two looks at what workers take."""
_MOST_SERVED: Final = 1000
"""Files after which a worker is started anew, since libraries keep what they once made."""
_STARTING: Final = 120.0  # seconds in which a worker has to be there


class Limits(NamedTuple):
    """What one file may take; 0 for no limit.

    Parameters
    ----------
    seconds : float
        Time.
    megabytes : float
        Memory, beside what the worker takes for itself.
    """

    seconds: float = 300
    megabytes: float = 4096


class Ended(Exception):
    """A worker was ended, or ended itself, before it had answered.

    Parameters
    ----------
    kind, reason : str
        Which kind of failure that is of the file, and why.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


class Worker:
    """A process that is started when it is first needed, and again where it was ended.

    Parameters
    ----------
    limits : Limits
        What one file may take.
    function : str
        Says what is in a file: ``module:name``.
    """

    def __init__(self, limits: Limits, function: str = ANALYSED) -> None:
        self.limits, self._function = limits, function
        self._process: subprocess.Popen[bytes] | None = None
        self._until = 0.0
        self._own = self._served = 0
        self._why: Ended | None = None
        self._lock = threading.Lock()

    def ask(self, task: Task) -> dict[str, Any]:
        """Return what a worker says of a file: ``rows``, ``other``, or ``failure`` and ``kind``."""
        header = {
            "name": task.name,
            "path": task.path,
            "folder": task.folder,
            "built": task.built,
            "size": len(task.content),
        }
        try:
            self._send(header, task.content)
            answer = self._reply()
        except Ended as ended:
            self.end()
            return {"failure": ended.reason, "kind": ended.kind}
        self._served += 1
        if answer.get("kind") == MEMORY or self._why is not None or self._served >= _MOST_SERVED:
            self.end()  # what is left of it is not worth much
        return answer

    def members(self, path: str) -> Iterator[Member]:
        """Read the members of an archive that may hold a model.

        Raises
        ------
        Ended
            It is damaged, or took too much.
        """
        try:
            self._send({"archive": path})
            while "member" in (answer := self._reply()):
                yield Member(answer["member"], self._bytes(answer["size"]), answer["trouble"])
        except Ended:
            self.end()
            raise
        except GeneratorExit:  # the rest is not wanted
            self.end()
            raise
        if answer["end"]:
            raise Ended("read", answer["end"])

    def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        self._why, self._served = None, 0
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError, ValueError):
                    assert stream is not None
                    stream.close()
            process.wait()

    def kill(self) -> None:
        """Kill the process from another thread; whoever waits for its answer is told that it ended."""
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()

    def look(self, now: float) -> None:
        """End the process where its file has taken too long, or too much."""
        with self._lock:
            process, until = self._process, self._until
            if process is None or not until or self._why is not None:
                return
            seconds, megabytes = self.limits
            if now > until:
                self._why = Ended(TIME, f"takes longer than {seconds:g} s; --limit-time allows more")
            elif megabytes and memory_of(process.pid) - self._own > megabytes * 2**20:
                self._why = Ended(
                    MEMORY, f"takes more memory than {megabytes:g} MB; --limit-memory allows more"
                )
            else:
                return
            process.kill()

    # ---- the two streams -----------------------------------------------------------------------------------

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.end()
        seconds, megabytes = self.limits
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, self._function, str(megabytes), str(seconds), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._reply(_STARTING)
        return self._process

    def _send(self, header: dict[str, Any], content: bytes = b"") -> None:
        try:
            process = self._started()
        except (Ended, OSError) as error:
            raise RfcalcError(f"the workers cannot be started: {error}") from None
        assert process.stdin is not None
        self._own = memory_of(process.pid)
        with self._watched(self.limits.seconds), contextlib.suppress(OSError):  # its end says why
            process.stdin.write(json.dumps(header).encode("ascii") + b"\n" + content)
            process.stdin.flush()

    def _reply(self, seconds: float | None = None) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        with self._watched(self.limits.seconds if seconds is None else seconds):
            line = process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended(process)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _bytes(self, count: int) -> bytes:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        with self._watched(self.limits.seconds):
            content = process.stdout.read(count)
        if len(content) < count:
            raise self._ended(process)
        return content

    @contextlib.contextmanager
    def _watched(self, seconds: float) -> Iterator[None]:
        """Let the watch end the process once the block takes too long."""
        with self._lock:
            self._until = time.monotonic() + (seconds or 1e9)
        try:
            yield
        finally:
            with self._lock:
                self._until = 0.0

    def _ended(self, process: subprocess.Popen[bytes]) -> Ended:
        """Say why a process ended, which it was not asked to."""
        if self._why is not None:
            return self._why
        process.kill()
        code = process.wait()
        if code < 0:
            import signal

            with contextlib.suppress(ValueError):
                return Ended(CRASH, f"ended the worker by {signal.Signals(-code).name}")
        return Ended(CRASH, f"ended the worker with exit code {code}")


def memory_of(process: int) -> int:
    """Return the bytes of memory that a process holds; 0 where nothing tells."""
    try:
        with open(f"/proc/{process}/statm", "rb") as file:  # noqa: PTH123  no path of anybody's
            pages = int(file.read().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        pass
    if os.name == "nt":
        return 0
    command = ["ps", "-o", "rss=", "-p", str(process)]
    with contextlib.suppress(OSError, ValueError):
        said = subprocess.run(command, capture_output=True, check=False, text=True)
        return int(said.stdout) << 10
    return 0


def usable_cores() -> int:
    """Return how many processes can run at a time."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class Pool:
    """Several workers, and a reader of archives; `submit` hands them files, `finished` gives answers.

    Parameters
    ----------
    workers : int
        How many files are analysed at a time.
    limits : Limits
        What one file may take.
    function : str
        Says what is in a file: ``module:name``.
    """

    whole = False
    """Files are given by their paths: workers see the same ones."""

    def __init__(self, workers: int, limits: Limits, function: str = ANALYSED) -> None:
        self._workers = [Worker(limits, function) for _ in range(workers)]
        self.reader = Worker(limits)
        self._waiting: queue.SimpleQueue[tuple[Any, Task] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self.held = 0
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(worker,), daemon=True) for worker in self._workers
        ]
        for thread in (*self._threads, threading.Thread(target=self._watch, daemon=True)):
            thread.start()

    @property
    def full(self) -> bool:
        """There is work enough: wait for some to be done."""
        return self.held >= 2 * len(self._workers)

    def submit(self, ticket: Any, task: Task) -> None:
        """Let a file be analysed; its answer comes with the ticket."""
        self.held += 1
        self._waiting.put((ticket, task))

    def finished(self, *, wait: bool) -> tuple[Any, dict[str, Any]] | None:
        """Return an answer, with its ticket; None where there is none yet.

        Raises
        ------
        RfcalcError
            Workers cannot be started.
        """
        try:
            ticket, answer = self._done.get(block=wait)
        except queue.Empty:
            return None
        self.held -= 1
        if isinstance(answer, BaseException):
            raise answer
        return ticket, answer

    def close(self) -> None:
        """End all workers at once, whatever they are at."""
        self._closed.set()
        for _ in self._threads:
            self._waiting.put(None)
        while any(thread.is_alive() for thread in self._threads):
            for worker in self._workers:  # one may have been started just now
                worker.kill()
            self._threads[0].join(_LOOKS)
            for thread in self._threads:
                thread.join(0)
        for worker in (*self._workers, self.reader):
            worker.end()

    def _run(self, worker: Worker) -> None:
        while (job := self._waiting.get()) is not None and not self._closed.is_set():
            ticket, task = job
            try:
                self._done.put((ticket, worker.ask(task)))
            except BaseException as error:  # told to whoever waits for the answer
                self._done.put((ticket, error))

    def _watch(self) -> None:
        while not self._closed.wait(_LOOKS):
            now = time.monotonic()
            for worker in (*self._workers, self.reader):
                worker.look(now)

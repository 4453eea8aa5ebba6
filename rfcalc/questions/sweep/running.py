"""Where chunks are worked out: in this process, in others on this machine, or on a Dask cluster.

What comes of it is the same: chunks are handed back in the order in which they were handed out.
"""

from __future__ import annotations

import pickle
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from rfcalc.errors import RfcalcError, UsageError
from rfcalc.questions.sweep.task import Part, Span, Spans, Task

PATIENCE: Final = 30
"""Seconds in which a Dask scheduler has to answer."""

_AHEAD: Final = 2  # chunks that are under way for each worker, so that none of them waits
_TRIES: Final = 3  # times in a row that workers may die over the same chunks


def parts_of(
    task: Task, spans: Spans, *, workers: int | None = None, scheduler: str | None = None
) -> Iterator[Part]:
    """Work out chunks, and yield what comes of each, in their order.

    Parameters
    ----------
    task : Task
        What is to be done.
    spans : Spans
        The chunks.
    workers : int, optional
        So many processes of this machine; by default this one.
    scheduler : str, optional
        The address of a Dask scheduler.

    Raises
    ------
    RfcalcError
        Workers die over and over, or the scheduler is not there.
    """
    if scheduler is not None:
        yield from _on_dask(task, spans, scheduler)
    elif workers is None or workers == 1:
        for span in spans:
            part = task.part(span)
            spans.told(part)
            yield part
    else:
        yield from _in_processes(task, spans, workers)


# ---- processes of this machine -----------------------------------------------------------------------------

_held: dict[str, Task] = {}
"""The task of a worker process."""


def _begin(payload: bytes) -> None:
    import signal
    import threading

    # a parent that is killed says nothing, and its workers would wait for work forever
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    _held["task"] = pickle.loads(payload)


def _leave_with_parent() -> None:
    import multiprocessing
    import os

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(span: Span) -> Part:
    return _held["task"].part(span)


def _in_processes(task: Task, spans: Spans, workers: int) -> Iterator[Part]:
    """Work chunks out in processes; where one dies, start others, and have its chunks done again."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    payload = pickle.dumps(task)

    def started() -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(payload,))

    def submitted(span: Span) -> Future[Part]:
        return pool.submit(_work, span)

    pool, deaths = started(), 0
    under_way: deque[_Chunk] = deque()
    source = iter(spans)
    try:
        while True:
            try:
                _fill(under_way, source, _AHEAD * workers, submitted)
                if not under_way:
                    return
                part: Part = under_way[0].future.result()
            except BrokenProcessPool:
                deaths += 1
                if deaths > _TRIES:
                    raise RfcalcError(
                        f"worker processes died {deaths} times in a row; is there too little memory for them?"
                    ) from None
                pool.shutdown(wait=False, cancel_futures=True)
                pool = started()
                for chunk in under_way:
                    chunk.future = submitted(chunk.span)
                continue
            under_way.popleft()
            deaths = 0
            spans.told(part)
            yield part
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass
class _Chunk:
    """A chunk that is under way, and what will come of it."""

    span: Span
    future: Any = None


def _fill(under_way: deque[_Chunk], source: Iterator[Span], most: int, submit: Callable[[Span], Any]) -> None:
    while len(under_way) < most:
        span = next(source, None)
        if span is None:
            return
        under_way.append(_Chunk(span))  # first, so that it is not lost where nobody takes it
        under_way[-1].future = submit(span)


# ---- Dask --------------------------------------------------------------------------------------------------


def _unpickled(payload: bytes) -> Task:
    task: Task = pickle.loads(payload)
    return task


def _part(task: Task, span: Span) -> Part:
    return task.part(Span(*span))


def _on_dask(task: Task, spans: Spans, scheduler: str) -> Iterator[Part]:
    """Work chunks out on a Dask cluster, which has the chunks of a worker that dies done by another."""
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--scheduler needs Dask: pip install 'rfcalc[dask]'") from None
    if not re.fullmatch(r"(?:[a-z]+://)?.+:\d+", scheduler):
        raise UsageError(f"{scheduler!r} is no address of a scheduler, such as tcp://host:8786")
    try:
        client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"no Dask scheduler answers at {scheduler!r}: {error}") from None
    with client:
        # a task of its own: where the worker that holds it dies, another makes it anew
        held = client.submit(_unpickled, pickle.dumps(task), pure=False)
        under_way: deque[_Chunk] = deque()
        source = iter(spans)
        while True:
            workers = max(len(client.nthreads()), 1)
            _fill(
                under_way,
                source,
                _AHEAD * workers,
                lambda span: client.submit(_part, held, tuple(span), pure=False, retries=_TRIES),
            )
            if not under_way:
                return
            part: Part = under_way.popleft().future.result()
            spans.told(part)
            yield part

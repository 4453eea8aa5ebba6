"""Scan folders for models."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rfcalc.errors import UsageError
from rfcalc.progress import Progress
from rfcalc.questions.scan.catalogue import Catalogue, check_target
from rfcalc.questions.scan.find import LIST, files_of
from rfcalc.questions.scan.report import Scanned
from rfcalc.questions.scan.result import Failure
from rfcalc.questions.scan.run import Analysing, Scan, Tally, prune
from rfcalc.questions.scan.serve import ANALYSED
from rfcalc.questions.scan.workers import Limits, Pool, usable_cores
from rfcalc.version import VERSION

if TYPE_CHECKING:
    from typing import TypeAlias

    Path: TypeAlias = "str | os.PathLike[str]"


def scan(
    paths: Path | Iterable[Path],
    into: Path,
    *,
    workers: int | None = None,
    limit_time: float = Limits().seconds,
    limit_memory: float = Limits().megabytes,
    retry: bool = False,
    prune: bool = False,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Scanned:
    """Analyse all models in folders, archives and lists of files, and write a catalogue of them.

    The catalogue is an SQLite file with the tables ``models``, ``layers``, ``notes``, ``failures`` and
    ``places``. A scan that was stopped goes on where it was, and files that are unchanged since an earlier
    one are not read again.

    Parameters
    ----------
    paths : path or iterable of path
        Folders, archives (zip, wheel, tar), model files, architectures of libraries (``timm:resnet*``), and
        lists of these, a path a line: ``@list.txt``.
    into : path
        The catalogue; it is made where there is none.
    workers : int, optional
        How many files are analysed at a time, each in a process of its own; by default one for each core.
    limit_time, limit_memory : float
        Seconds and megabytes that one file may take before it is given up, and reported; 0 for no limit.
    retry : bool
        Analyse files again that failed before.
    prune : bool
        Take files below `paths` out of the catalogue that are not there any more.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers analyse the files in place of processes of this machine.
    progress : callable, optional
        Is told how many files are done, and of how many.

    Returns
    -------
    Scanned
        How many models there are, and the failures, each with its reason.

    Raises
    ------
    UsageError
        A number is out of range.
    ReadError
        `into` is no catalogue, or one of `paths` does not exist.

    Examples
    --------
    >>> rfcalc.scan(["models", "zoo.zip"], "catalogue.db").models  # doctest: +SKIP
    54
    """
    given = [os.fspath(each) for each in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]
    limits = _limits(limit_time, limit_memory)
    target = os.fspath(into)
    check_target(target)
    own = os.path.abspath(target)  # noqa: PTH100  resolve() would follow links
    found = [each for each in files_of(given) if each.file != own]
    catalogue = Catalogue(target, VERSION)
    try:
        pool = _pool(workers, limits, scheduler)
        try:
            scanning = Scan(catalogue, pool, limits, retry=retry, remember=prune)
            scanning.run(found, progress)
        finally:
            pool.close()
        gone = _pruned(catalogue, given, scanning.tally.met or ()) if prune else 0
    finally:
        catalogue.close()
    return _told(target, scanning.tally, gone)


def _limits(seconds: float, megabytes: float) -> Limits:
    for name, value in (("limit_time", seconds), ("limit_memory", megabytes)):
        if not value >= 0:
            raise UsageError(f"{name} has to be a positive number, or 0 for no limit, got {value!r}")
    return Limits(seconds, megabytes)


def _pool(workers: int | None, limits: Limits, scheduler: str | None) -> Analysing:
    if workers is not None and (type(workers) is not int or workers < 1):
        raise UsageError(f"workers has to be a positive whole number, got {workers!r}")
    if scheduler is not None:
        if workers is not None:
            raise UsageError("workers are those of the scheduler, which has them already")
        from rfcalc.questions.scan.cluster import Cluster

        return Cluster(scheduler, limits)
    return Pool(workers or usable_cores(), limits, ANALYSED)


def _pruned(catalogue: Catalogue, given: Iterable[str], met: Iterable[str]) -> int:
    roots = [each for each in given if not each.startswith(LIST) or os.path.lexists(each)]
    return prune(catalogue, roots, met)


def _told(target: str, tally: Tally, gone: int) -> Scanned:
    failures = (Failure(path, place.kind, place.reason) for path, place in sorted(tally.failures.items()))
    return Scanned(
        target, len(tally.models), tally.files, tuple(failures), tally.others, tally.unchanged, gone
    )

"""Run the zoo, or sum up what a run kept."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import fnmatch
import importlib
import importlib.metadata
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.zoo.operators import declare_missing_operators
from tests.zoo.table import LIBRARIES, Record, read, write

LIMIT = 900
"""Seconds for one model, unless said otherwise."""


def main(argv: Sequence[str]) -> int:
    """Run the command that the words say."""
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=sys.modules["tests.zoo"].__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run", help="analyse and measure, and keep what was found")
    command.add_argument("patterns", nargs="*", metavar="PATTERN", help="which models; all unless given")
    command.add_argument("--workers", type=int, default=1, help="how many models at a time")
    command.add_argument("--limit", type=float, default=LIMIT, help="seconds for one model")
    command.add_argument("--new", action="store_true", help="only what is not in the record yet")
    commands.add_parser("one", help="print what is found of one model").add_argument("name")
    commands.add_parser("show", help="sum up what was kept")
    said = parser.parse_args(argv)
    if said.command == "run":
        return run(said.patterns, said.workers, said.limit, said.new)
    if said.command == "one":
        print(one(said.name))
        return 0
    return show()


def names() -> list[str]:
    """List all models, those first that are expected to take least: small ones, then files of Keras."""
    from tests.zoo.keras_models import models as keras_models
    from tests.zoo.torch_models import models as torch_models

    declare_missing_operators()
    modules = sorted(torch_models(), key=lambda each: each.name.startswith("timm"))
    small, large = ([each.name for each in modules if each.small is small] for small in (True, False))
    return [*small, *(each.name for each in keras_models()), *large]


def run(patterns: Sequence[str], workers: int, limit: float, new: bool) -> int:
    """Hold each model against the truth in a process of its own, and keep what was found."""
    record = read()
    chosen = [name for name in names() if not patterns or any(fnmatch.fnmatch(name, p) for p in patterns)]
    chosen = [name for name in chosen if not new or name not in record.models]
    _warm(chosen)
    with ThreadPoolExecutor(workers) as pool:
        for name, found in zip(chosen, pool.map(lambda each: apart(each, limit, one), chosen), strict=True):
            print(name, str(found)[:200], flush=True)
            _keep(name, found)
    return 0


def _keep(name: str, found: dict[str, Any]) -> None:
    """Put one model into the record, with what else another run has put there meanwhile."""
    record = read()
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    write(Record(today, record.versions | _versions([name, "torch/"]), {**record.models, name: found}))


def _versions(chosen: Iterable[str]) -> dict[str, str]:
    """Return the versions of the libraries that these models are of."""
    keys = sorted({name.split("/")[0] for name in chosen})
    packages = {key: LIBRARIES[key].package if key in LIBRARIES else key for key in keys}
    return {package: importlib.metadata.version(package) for package in packages.values()}


def _warm(chosen: Iterable[str]) -> None:
    """Import once what the processes of all models need: they are forked from this one."""
    for key in sorted({name.split("/")[0] for name in chosen}):
        importlib.import_module(LIBRARIES[key].module)
    if any(not name.startswith("keras") for name in chosen):
        import torch

        import rfcalc

        rfcalc.analyze(rfcalc.from_torch(torch.nn.Conv2d(1, 1, 3), [(1, 1, 8, 8)]))


def apart(name: str, limit: float, find: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Return what a process of its own finds of a model, or why it found nothing."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(name, find, theirs))
    began = time.monotonic()
    process.start()
    theirs.close()
    found: dict[str, Any] = {"error": f"not done within {limit:g} s"}
    with contextlib.suppress(EOFError):
        if ours.poll(limit):
            found = {"error": "the process ended without an answer"}
            found = ours.recv()
    process.kill()
    process.join()
    return {**found, "wall": round(time.monotonic() - began, 1)}


def _tell(name: str, find: Callable[[str], dict[str, Any]], pipe: Any) -> None:
    """Send what is found of a model, or the last line of its error and where it rose."""
    with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(nothing):
        try:
            found = find(name)
        except Exception as error:  # whatever a library or rfcalc raises is what was found
            at = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{at.filename.split('site-packages/')[-1].split('/')[0]}.{at.name}"
            words = (str(error).strip().splitlines() or [""])[0][:200]
            found = {"error": f"{type(error).__name__}: {words} ({where})"}
    pipe.send(found)


def one(name: str) -> dict[str, Any]:
    """Hold one model against the truth."""
    declare_missing_operators()
    if name.startswith("keras"):
        from tests.zoo import keras_models

        return keras_models.held(name)
    from tests.zoo import compare, torch_models

    return compare.held(next(each for each in torch_models.models() if each.name == name))


def show() -> int:
    """Print the sums, and whatever deviates."""
    from tests.zoo.table import lines

    print("\n".join(lines(read())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

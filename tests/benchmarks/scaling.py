"""How the time, the memory and the file of a sweep grow, for docs/scale.md.

``python -m tests.benchmarks.scaling`` measures and writes the section of the page anew: sweeps of a VGG-like
family into Parquet files, by one process and by two, and what that comes to for a space of 10^9 designs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "scale.md"
BEGIN: Final = "<!-- scaling: python -m tests.benchmarks.scaling -->"
END: Final = "<!-- end of scaling -->"

RUNS: Final = ((10**5, 1), (10**6, 1), (10**7, 1), (10**7, 2))
"""About so many designs, in so many processes."""

PLANNED: Final = 10**9
CORES: Final = 64

_SCRIPT: Final = """
import json, os, resource, sys, tempfile, time
from pathlib import Path
import rfcalc
from tests.benchmarks.sweeps import family
from tests.questions.sweep.test_designs import vgg

if __name__ == "__main__":
    space = family(int(sys.argv[1]))
    over = {axis.name: axis.values for axis in space.axes}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sweep.parquet"
        begun = time.perf_counter()
        rfcalc.sweep(vgg(), over, path=path, workers=int(sys.argv[2]))
        seconds = time.perf_counter() - begun
        size = path.stat().st_size
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({
        "designs": space.size, "workers": int(sys.argv[2]), "seconds": seconds, "bytes": size,
        "cpu": sum(each.ru_utime + each.ru_stime for each in spent),
        "MB": max(each.ru_maxrss for each in spent) / 1024,
    }))
"""


def measured(designs: int, workers: int, folder: Path) -> dict[str, Any]:
    """Sweep so many designs into a file, in a process of its own."""
    script = folder / "scaled.py"  # a file, which processes that it starts can read again
    script.write_text(_SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(PAGE.parents[1])}
    command = [sys.executable, str(script), str(designs), str(workers)]
    run = subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment)
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def section(runs: list[dict[str, Any]]) -> str:
    """Return the section of the page."""
    heads = ("designs", "processes", "seconds", "processor seconds", "designs a processor second",
             "file, bytes a design", "memory")  # fmt: skip
    lines = [
        f"Measured by `python -m tests.benchmarks.scaling` on a machine of {os.cpu_count()} cores that",
        "did other work beside it, so that seconds on the clock are more than they have to be; those of",
        "processors count. The family is VGG-16 with six things varied. Memory is that of the process that",
        "holds most.",
        "",
        f"| {' | '.join(heads)} |",
        f"|{' ---: |' * len(heads)}",
    ]
    for run in runs:
        figures = (
            f"{run['designs']:,}", f"{run['workers']}", f"{run['seconds']:.1f}", f"{run['cpu']:.1f}",
            f"{run['designs'] / run['cpu']:,.0f}", f"{run['bytes'] / run['designs']:.1f}",
            f"{run['MB']:.0f} MB",
        )  # fmt: skip
        lines.append(f"| {' | '.join(figures)} |")
    last = runs[-1]
    hours = PLANNED * last["cpu"] / last["designs"] / 3600
    size = PLANNED * last["bytes"] / last["designs"] / 1e9
    lines += [
        "",
        f"So {PLANNED:,} designs take {hours:.1f} hours of a processor at the last rate,",
        f"{hours * 60 / CORES:.1f} minutes on {CORES} cores, and a file of {size:.1f} GB, beside parts of",
        "about the same size until it is whole. Each process holds a chunk, whatever the size of the grid.",
        "With `--where`, `--pareto` or `--top` nothing is written but what is chosen.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the page."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        runs = [measured(designs, workers, Path(folder)) for designs, workers in RUNS]
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{section(runs)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What workers are given in place of the analysis: files are hostile by their names."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from rfcalc.questions.scan.serve import Task, analysed

HERE = f"{__name__}:analyse"
SLOWLY = f"{__name__}:slowly"
CALLS = "RFCALC_TEST_CALLS"
"""Names the file that says which files were analysed."""


def analyse(task: Task) -> dict[str, Any]:
    name = Path(task.name).name
    if calls := os.environ.get(CALLS):
        with Path(calls).open("a") as file:
            file.write(f"{name}\n")
    if name.startswith("hangs"):
        time.sleep(1000)
    elif name.startswith("spins"):
        while True:
            pass
    elif name.startswith("eats"):
        held = []
        while True:
            held.append(b"x" * 2**20)
            time.sleep(0.001)
    elif name.startswith("gulps"):
        return {"other": str(len(b"x" * 2**34))}
    elif name.startswith("dies"):
        os._exit(7)
    elif name.startswith("aborts"):
        os.abort()
    elif name.startswith("raises"):
        raise KeyError("a fault")
    elif name.startswith("prints"):
        print("noise", flush=True)
        os.write(1, b"noise\n")
        os.write(2, b"noise\n")
    return analysed(task)


def slowly(task: Task) -> dict[str, Any]:
    time.sleep(0.02)
    return analysed(task)

"""Run the zoo, or sum up what a run kept."""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("results.json")
LIMIT = 900
"""Seconds for one model."""


def main(argv: Sequence[str]) -> int:
    """Run the command that the words say."""
    match list(argv):
        case ["run", *patterns]:
            return run(patterns)
        case ["one", name]:
            print(json.dumps(one(name)))
            return 0
        case ["show"]:
            return show()
    print((__import__("tests.zoo").zoo.__doc__ or "").strip())
    return 2


def names() -> list[str]:
    """List all models, those of PyTorch first."""
    from tests.zoo.keras_models import models as keras_models
    from tests.zoo.torch_models import models as torch_models

    return [each.name for each in torch_models()] + [each.name for each in keras_models()]


def run(patterns: Sequence[str]) -> int:
    """Hold each model against the truth in a process of its own, two at a time, and keep what was found."""
    chosen = [name for name in names() if not patterns or any(fnmatch.fnmatch(name, p) for p in patterns)]
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    with ThreadPoolExecutor(2) as pool:
        for name, found in zip(chosen, pool.map(_apart, chosen), strict=True):
            record[name] = found
            print(name, json.dumps(found)[:200], flush=True)
            RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


def _apart(name: str) -> dict[str, Any]:
    """Return what a process of its own finds of a model, or why it found nothing."""
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.zoo", "one", name],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not done within {LIMIT} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return {"error": lines[-1][:300]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def one(name: str) -> dict[str, Any]:
    """Hold one model against the truth."""
    if name.startswith("keras"):
        from tests.zoo import keras_models

        return keras_models.held(name)
    from tests.zoo import compare, torch_models

    return compare.held(next(each for each in torch_models.models() if each.name == name))


def show() -> int:
    """Print the sums, and whatever deviates."""
    from tests.zoo.table import lines

    print("\n".join(lines(json.loads(RECORD.read_text(encoding="utf-8")))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

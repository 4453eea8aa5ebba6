"""Write the page, check it, or run the cases again."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import sys
import warnings
from collections.abc import Sequence

from tests.runtimes.asking import RUNTIMES
from tests.runtimes.cases import CASES
from tests.runtimes.record import read, write


def main(words: Sequence[str]) -> int:
    """Run the command that the words say."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.runtimes", description=sys.modules["tests.runtimes"].__doc__
    )
    parser.add_argument("--check", action="store_true", help="fail if the page is stale")
    parser.add_argument("command", nargs="?", choices=["measure"], help="run the cases anew")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="runtimes; all that are installed unless given"
    )
    said = parser.parse_args(words)
    if said.command:
        measure(said.names)
        return 0
    from tests.runtimes.page import PAGE, made

    page = made(read())
    if said.check:
        stale = page != PAGE.read_text(encoding="utf-8")
        print(f"docs/runtimes.md is {'stale: run python -m tests.runtimes' if stale else 'fresh'}")
        return int(stale)
    PAGE.write_text(page, encoding="utf-8")
    return 0


def measure(names: Sequence[str]) -> None:
    """Run the cases with the runtimes that are installed, and keep what they make."""
    warnings.simplefilter("ignore")
    record = read()
    for runtime in RUNTIMES:
        if not runtime.installed or (names and runtime.name not in names):
            continue
        found = {case.name: runtime.ask(case) for case in CASES}
        record[runtime.key] = {
            "version": importlib.metadata.version(runtime.package),
            "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
            "makes": {name: each for name, each in found.items() if each is not None},
        }
        print(runtime.key, record[runtime.key]["version"], len(found), flush=True)
    write(record)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

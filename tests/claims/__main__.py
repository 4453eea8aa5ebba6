"""Write the page, check it, or ask the libraries again."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import logging
import platform
import sys
import warnings
from collections.abc import Sequence

from tests.claims.claim import read, write
from tests.claims.counters import COUNTERS, asked, installed
from tests.claims.nets import NETS
from tests.claims.nets import ours as costs
from tests.claims.page import CLAIMS, PAGE, made
from tests.zoo.operators import declare_missing_operators


def main(words: Sequence[str]) -> int:
    """Run the command that the words say."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.claims", description=sys.modules["tests.claims"].__doc__
    )
    parser.add_argument("--check", action="store_true", help="fail if the page is stale")
    parser.add_argument(
        "command", nargs="?", choices=["measure"], help="ask the libraries that are installed"
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="claims, packages, or `counters`; all unless given"
    )
    said = parser.parse_args(words)
    if said.command:
        measure(said.names)
        return 0
    page = made(read())
    if said.check:
        stale = page != PAGE.read_text(encoding="utf-8")
        print("docs/claims.md is stale: run python -m tests.claims" if stale else "docs/claims.md is fresh")
        return int(stale)
    PAGE.write_text(page, encoding="utf-8")
    return 0


def measure(names: Sequence[str]) -> None:
    """Ask libraries and counters, and keep what they say."""
    logging.disable()
    warnings.simplefilter("ignore")
    declare_missing_operators()
    record = read()
    record["date"] = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    record["setting"] = {"python": platform.python_version(), "torch": importlib.metadata.version("torch")}
    for claim in CLAIMS:
        if names and not {claim.key, claim.package} & set(names):
            continue
        if importlib.util.find_spec(claim.module) is None:
            print(f"{claim.key}: {claim.package} is not installed; its record stays")
            continue
        found = claim.found()
        print(claim.key, found, flush=True)
        record["claims"][claim.key] = {
            "version": importlib.metadata.version(claim.package),
            **found._asdict(),
        }
        write(record)
    if not names or "counters" in names:
        record["ours"] = {net.name: list(costs(net)) for net in NETS}
        for counter in filter(installed, COUNTERS):
            record["counters"][counter.name] = asked(counter)
            print(counter.name, record["counters"][counter.name], flush=True)
        write(record)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A kind is added the way docs/contributing.md says: its blocks of code run as they stand, nothing else."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

ASKED = """
import random

import rfcalc
from rfcalc.engine.attribution import cause_of
from rfcalc.rules.registry import of_family
from tests.rules import test_commuting_square as square

assert "second_pool" in of_family("pooling") and cause_of("second_pool") == "pooling"
*_, specimen = SPECIMENS
square.test_numbers_and_formulas_agree(specimen)
square.test_designs_that_are_run_together_agree_with_each_by_itself(specimen, square.wild)


def net(kind):
    conv = {"kind": "conv", "filters": 4, "kernel": 3, "padding": "same"}
    pool = {"kind": kind, "name": "pool", "kernel": 3, "stride": 2, "ceil": True}
    return {"rfcalc": 1, "input": [21, 21, 3], "layers": [conv, pool, conv]}


mine, other = (rfcalc.analyze(net(kind)) for kind in ("second_pool", "average_pool"))
assert mine.to_json().replace("second_pool", "average_pool") == other.to_json()

checked = rfcalc.verify(net("second_pool"))
assert checked.holds, checked.to_text()

mine, other = (rfcalc.compare(net(kind)) for kind in ("second_pool", "average_pool"))
assert mine.to_json().replace("second_pool", "average_pool") == other.to_json()

whole = {"rfcalc": 1, "input": [8, 8, 3], "layers": [
    {"kind": "max_pool", "kernel": 2}, {"kind": "second_pool", "name": "all", "kernel": 4}]}
assert rfcalc.compare(whole).to_text()
assert rfcalc.diff(net("second_pool"), net("max_pool")).changed
print("added")
"""


def test_a_kind_is_added_as_the_page_says() -> None:
    page = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    section = page[page.index("## Add a rule") : page.index("## Add a command")]
    blocks = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    rule, specimens, definition = blocks
    entry = f"from rfcalc.rules.specimens import Specimen\n{specimens}"  # an entry of a tuple in that module
    code = "\n".join([rule, entry, definition, ASKED])
    assert all(ast.get_docstring(ast.parse(module)) for module in (rule, definition))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "added\n"

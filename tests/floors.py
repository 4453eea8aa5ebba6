"""The picture of the floors in docs/architecture.md, and what the page says of the way through them.

``python -m tests.floors`` draws the picture anew; tests/test_docs.py holds the page to it. The floors are
those of the contract in pyproject.toml, their contents the first sentences of the packages.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "architecture.md"
COMMAND: Final = ("law", "docs/models/pooling.json")
BEGIN: Final = "<!-- floors: python -m tests.floors -->"
END: Final = "<!-- end of floors -->"
WIDTH: Final = 110

_TRACED: Final = """
import sys
from pathlib import Path
from rfcalc.cli import main
calls, root = [], {root!r}
def watch(frame, event, _):
    code = frame.f_code
    if event == "call" and code.co_filename.startswith(root):
        calls.append(code.co_filename[len(root):] + "\\t" + code.co_name)
sys.setprofile(watch)
try:
    main({arguments!r})
finally:
    sys.setprofile(None)
    Path({out!r}).write_text("\\n".join(calls), encoding="utf-8")
"""


def filled() -> str:
    """Return the page with its picture as the floors are now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n```text\n{floors()}\n```\n{END}{rest.partition(END)[2]}"


def floors() -> str:
    """Draw the floors, the highest first: what stands beside each other, and what it is for."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers: Sequence[str] = next(each["layers"] for each in contracts if each["id"] == "layers")
    lines = []
    for floor in layers:
        lines.append("-" * WIDTH)
        for name in floor.split(" | "):
            lines.append(f"{name:<10} {_purpose(ROOT / 'rfcalc' / name)}")
            if name == "questions":
                for folder in sorted((ROOT / "rfcalc" / name).glob("*/__init__.py")):
                    lines.append(f"  {folder.parent.name:<10} {_purpose(folder.parent)}")
    return "\n".join([*lines, "-" * WIDTH])


def calls() -> list[str]:
    """Run the command of the page; return the functions of rfcalc that it calls, in order, as module.name."""
    package = ROOT / "rfcalc"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "calls"
        code = _TRACED.format(root=f"{package}{os.sep}", arguments=[*COMMAND], out=str(out))
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        lines = out.read_text(encoding="utf-8").splitlines()
    return [_named(*line.split("\t")) for line in lines]


@contextmanager
def watched() -> Iterator[list[str]]:
    """Collect the functions of rfcalc that are called, in order, as module.name."""
    found: list[str] = []
    root = f"{ROOT / 'rfcalc'}{os.sep}"

    def watch(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(root):
            found.append(_named(code.co_filename[len(root) :], code.co_name))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield found
    finally:
        sys.setprofile(before)


def _named(file: str, function: str) -> str:
    """Return a function as module.name."""
    return f"{file.removesuffix('.py').replace(os.sep, '.')}.{function}"


def named(heading: str) -> list[str]:
    """Return the functions that the numbered list of a section of the page names, in order."""
    return re.findall(r"^\d+\. `([\w.]+)`", section(heading), re.M)


def told(heading: str) -> list[str]:
    """Return them as calls are told: as module.name, of methods too."""
    return [re.sub(r"\.[A-Z]\w*(?=\.)", "", name) for name in named(heading)]


def section(heading: str) -> str:
    """Return a section of the page."""
    page = PAGE.read_text(encoding="utf-8")
    return re.split(r"\n##+ ", page.partition(f"# {heading}\n")[2])[0]


def modules(calls: Iterable[str]) -> set[str]:
    """Return the modules of which functions are called; the body of a class, which is run once, is none."""
    found = (call.rpartition(".") for call in calls)
    return {module for module, _, name in found if re.match(r"_*[a-z]", name)}


def _purpose(path: Path) -> str:
    """Return the first sentence of a module or a package."""
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return _sentence(ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "")


def _sentence(text: str) -> str:
    """Return the first paragraph without marks; of a question, what it asks."""
    first = " ".join(text.partition("\n\n")[0].split())
    return re.sub(r"`+", "", re.split(r": ``", first)[0]).rstrip(".")


if __name__ == "__main__":
    PAGE.write_text(filled(), encoding="utf-8")

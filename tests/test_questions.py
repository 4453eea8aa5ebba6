"""A question is a folder: the command line, the library and the documents find what is in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import rfcalc
from rfcalc.cli import main
from rfcalc.commands.question import SECTIONS, Question
from rfcalc.docs.tables import tabulated
from rfcalc.questions import home_of, questions

FOLDER = Path(rfcalc.__file__).parent / "questions"
OF_SEVERAL = {"docs", "plot", "report", "schema"}
"""Commands that are made of several questions, and lie above them."""


def test_every_folder_is_a_question() -> None:
    assert set(questions()) == {path.parent.name for path in FOLDER.glob("*/__init__.py")}


def test_every_question_has_a_command_and_the_command_line_no_other() -> None:
    assert set(main.list_commands(click.Context(main))) == {*questions(), *OF_SEVERAL}


@pytest.mark.parametrize("name", main.list_commands(click.Context(main)))
def test_a_command_knows_its_name_and_its_place(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert isinstance(command, Question)
    assert command.name == name
    assert command.section in SECTIONS


def test_the_library_offers_what_questions_name() -> None:
    offered = {name for question in questions() for name in _names(question)}
    assert {name for name in rfcalc.__all__ if home_of(name)} == offered
    for name in rfcalc.__all__:
        assert getattr(rfcalc, name) is not None


def test_type_checkers_are_told_the_same_names() -> None:
    """What the library finds by itself is written once more for type checkers, and for nobody else."""
    tree = ast.parse(Path(rfcalc.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    told = {name.name for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert told == {name for name in rfcalc.__all__ if not name.startswith("__")}


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(rfcalc, "nothing")  # noqa: B009  as a program would, and mypy would not


def test_documents_may_name_the_questions_that_make_tables() -> None:
    assert set(tabulated()) == set(questions()) - {"annotate", "check", "scan", "verify"}
    page = (FOLDER.parents[1] / "docs" / "docs-tables.md").read_text(encoding="utf-8")
    told = page.partition("## What a marker may say")[2].partition(". With")[0]
    assert re.findall(r"`(\w+)`", told) == sorted(tabulated())


def test_a_name_of_the_library_loads_the_question_that_has_it_alone() -> None:
    code = (
        "import rfcalc, sys; rfcalc.law; "
        "print(*(name for name in sys.modules if name.startswith('rfcalc.questions.')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name.split(".")[2] for name in found.split()} == {"law"}


def _names(question: str) -> list[str]:
    from importlib import import_module

    names: list[str] = import_module(f"rfcalc.questions.{question}").__all__
    return names


ASKED = """
import sys
from pathlib import Path
import rfcalc.questions
rfcalc.questions.__path__.append(sys.argv[1])
import rfcalc
from click.testing import CliRunner
from rfcalc.cli import main
from rfcalc.docs.models import Models
from rfcalc.docs.tables import made
run = CliRunner().invoke
assert "glances    Count the layers that look around." in run(main, ["--help"]).output
assert "rfcalc.questions.glances.report" not in sys.modules  # nor what it imports, of which help has no need
assert rfcalc.glances("docs/models/pooling.json") == rfcalc.Glances("pooling", 3)
assert repr(rfcalc.glances("docs/models/pooling.json")) == "<Glances of pooling>"
assert run(main, ["glances", "docs/models/pooling.json"]).output == "pooling: 3 convolutions with a window\\n"
assert run(main, ["glances", "docs/models/pooling.json", "--format", "json"]).output.count("glances/1") == 1
table = made("glances pooling.json", Models(Path("docs/models")), "markdown")
assert "3 convolutions" in table.to_markup("markdown")
print("added")
"""


def test_a_question_is_added_as_the_page_says(tmp_path: Path) -> None:
    root = Path(rfcalc.__file__).parents[1]
    page = (root / "docs" / "contributing.md").read_text(encoding="utf-8")
    section = page[page.index("## Add a command") : page.index("## Add a format")]
    blocks = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    folder = tmp_path / "glances"
    folder.mkdir()
    for name, block in zip(("report", "library", "__init__", "command"), blocks, strict=True):
        assert ast.get_docstring(ast.parse(block)), f"{name} says nothing of itself"
        (folder / f"{name}.py").write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", ASKED, str(tmp_path)], capture_output=True, text=True, cwd=root, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "added\n"

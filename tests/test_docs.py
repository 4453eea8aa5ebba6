"""The documentation says what is: examples run, what they show comes out, generated pages are fresh."""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import json
import pkgutil
import re
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

import rfcalc
import rfcalc.testing
from rfcalc.algebra.pattern import Pattern
from rfcalc.cli import main
from rfcalc.docs.files import read_documents
from rfcalc.engine.propagate import propagate, seed_rows
from rfcalc.engine.shapes import resolve
from tests import floors
from tests.documents import marked, need, needs

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


class Block(NamedTuple):
    """A block of code of a page: the line above it, its language, and what stands in it."""

    page: str
    place: int
    above: str
    language: str
    text: str

    @property
    def why_not(self) -> str:
        """Why it cannot be run, as the line above says; an empty string where it can."""
        found = re.fullmatch(r"<!-- not run: (\S.{9,}) -->", self.above)
        return found[1] if found else ""


BLOCK = re.compile(r"^(?P<above>[^\n]*)\n```(?P<language>\w+)\n(?P<text>.*?)^```$", re.S | re.M)
BLOCKS = [
    Block(page, place, found["above"], found["language"], found["text"])
    for page in PAGES
    for place, found in enumerate(BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")))
]
BY_TESTS_OF_FORMATS = "docs/formats.md"
"""Its python blocks are run by tests/readers/test_schema.py."""

PYTHON = [
    block
    for block in BLOCKS
    if block.language == "python" and not block.why_not and block.page != BY_TESTS_OF_FORMATS
]


def _id(block: Block) -> str:
    return f"{block.page}-{block.place}"


def test_there_are_blocks_to_run() -> None:
    found = {block.language for block in BLOCKS}
    assert {"python", "bash", "console"} <= found
    for page in ("docs/faq.md", "docs/quickstart.md", "docs/contributing.md"):
        assert any(block.page == page and block.language == "console" for block in BLOCKS)


def test_no_block_escapes() -> None:
    """Every fence is of a block that these tests see, or of one that is indented, as part of a list."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        fences = re.findall(r"^[ \t]*```\w+[^\n]*$", text, flags=re.M)
        assert len(fences) == sum(block.page == page for block in BLOCKS), page


def test_what_is_not_run_says_why() -> None:
    told = [block for block in BLOCKS if block.why_not]
    marks = sum((ROOT / page).read_text(encoding="utf-8").count("\n<!-- not run: ") for page in PAGES)
    assert len(told) == marks, "a mark that stands above no block, or says nothing"
    assert {block.language for block in told} <= {"python", "bash", "console"}


def test_the_glossary_names_what_there_is() -> None:
    rows = re.findall(
        r"\| `([\w/.]+)` \|$", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.M
    )
    assert len(rows) > 30
    for place in rows:
        assert (ROOT / place).exists() or (ROOT / "rfcalc" / place).exists(), place


def test_every_document_is_described() -> None:
    """Whatever has a schema of its own is on a page, by its name."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "rfcalc").rglob("*.py")))
    told = [page for page in PAGES if page != "docs/contributing.md"]  # whose samples are of no use to a user
    pages = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in told)
    names = set(re.findall(r'"(rfcalc/[a-z-]+/\d+)"', sources))
    assert len(names) > 15
    assert {name for name in names if f"`{name}`" not in pages} == set()


def _spoken_before(block: Block) -> dict[str, Any]:
    """Run the blocks above on the same page, as a reader would who types them one after the other."""
    names: dict[str, Any] = {}
    for other in PYTHON:
        if (
            other.page == block.page
            and other.place < block.place
            and set(needs(other.text)) <= set(needs(block.text))
        ):
            examples = doctest.DocTestParser().get_examples(other.text)
            for source in [each.source for each in examples] or [other.text]:
                with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(source, other.page, "exec"), names)  # the project's own text
    return names


@pytest.mark.parametrize(
    "block", [pytest.param(block, marks=marked(block.text), id=_id(block)) for block in PYTHON]
)
def test_the_python_examples_run(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    need(block.text)
    monkeypatch.chdir(ROOT)
    names = _spoken_before(block)
    text = block.text
    if ">>>" in text:
        test = doctest.DocTestParser().get_doctest(text, names, block.page, block.page, 0)
        assert test.examples
        assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0
        return
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, block.page, "exec"), names)  # the project's own text
    # what a line prints stands behind it
    told = re.findall(r"^print\(.*\)  # (.*)$", text, flags=re.M)
    assert told == printed.getvalue().splitlines()[: len(told)]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "bash"], ids=_id)
def test_the_commands_run(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if block.why_not:
        return
    named = re.fullmatch(r"<!-- ([a-z-]+) -->", block.above)
    if named:  # a block of the README that CI runs in an environment of its own
        assert f"run_readme_block {named[1]}" in (ROOT / ".ci/run").read_text(encoding="utf-8")
        return
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "docs/models", tmp_path / "models")  # as seen from docs/
    shutil.copy(ROOT / "README.md", tmp_path)
    above = [each for each in BLOCKS if each.page == block.page and each.place < block.place]
    model = next((each.text for each in reversed(above) if each.language == "json"), None)
    if model is not None:  # what such a command calls model.json is the one above
        (tmp_path / "model.json").write_text(model, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for line in block.text.splitlines():
        name, *words = shlex.split(line)
        arguments = [
            each for word in words for each in sorted(map(str, Path().glob(word))) or [word]
        ]  # as a shell does
        assert name == "rfcalc", f"{line!r} cannot be run here; say why above it: <!-- not run: ... -->"
        run = CliRunner().invoke(main, arguments, prog_name="rfcalc")
        assert run.exit_code == 0, run.output


def test_the_readme_shows_what_comes_out() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```text\n(pooling .*?)^```$", page, flags=re.S | re.M)
    found = rfcalc.analyze(ROOT / "docs/models/pooling.json").to_text(width=80)
    plain = [line.rstrip() for line in found.splitlines()]
    assert shown.splitlines()[:-1] == [line for line in plain if not line.startswith("not shown")]


def test_the_readme_shows_what_the_comparison_comes_to() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```text\n(With pooling, .*?)^```$", page, flags=re.S | re.M)
    assert shown in rfcalc.compare(ROOT / "docs/models/pooling.json").to_text(width=80)


def test_the_tutorial_shows_the_model_that_it_runs() -> None:
    page = (ROOT / "docs/pooling.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```json\n(.*?)^```$", page, flags=re.S | re.M)
    model = json.loads((ROOT / "docs/models/pooling.json").read_text(encoding="utf-8"))
    del model["description"]
    assert json.loads(shown) == model


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras's own
def test_the_network_of_the_tutorial_in_keras_is_that_in_json() -> None:
    """Layer by layer: its fields, strides, shapes and parameters, however the layers are called."""
    (block,) = [each for each in PYTHON if each.page == "docs/pooling.md" and "import keras" in each.text]
    need(block.text)
    names: dict[str, Any] = {}
    exec(compile(block.text, block.page, "exec"), names)  # the project's own text
    theirs = rfcalc.analyze(json.loads(names["model"].to_json()))
    ours = rfcalc.analyze(ROOT / "docs/models/pooling.json")

    def figures(result: Any) -> list[Any]:
        return [
            (row.receptive_field, row.effective_stride, row.spatial, row.coverage, row.params, row.macs)
            for row in result
        ]

    assert figures(theirs) == figures(ours)


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_tables_are_fresh(page: str) -> None:
    (document,) = read_documents([str(ROOT / page)])
    assert document.diff == "", f"run: rfcalc docs --write {page}"


def test_there_are_tables_to_be_fresh() -> None:
    pages = [str(ROOT / page) for page in ("README.md", "docs/pooling.md", "docs/docs-tables.md")]
    assert all(document.tables for document in read_documents(pages))


def _hooks() -> Any:
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs/hooks.py")
    assert spec is not None
    assert spec.loader is not None
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    return hooks


@pytest.mark.parametrize("page", [ROOT / page for page in PAGES], ids=lambda page: page.name)
def test_what_commands_print_is_fresh(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert _hooks().filled(text) == text, "run: python docs/hooks.py"


def test_a_stale_console_block_is_noticed_and_a_foreign_command_refused() -> None:
    hooks = _hooks()
    command = "$ rfcalc analyze docs/models/pooling.json --columns layer --layers conv1"
    stale = f"x\n```console\n{command}\nold\n```\n"
    assert "old" not in hooks.filled(stale)
    assert (
        hooks.filled(f"<!-- not run: a reason -->\n{stale[2:]}") == f"<!-- not run: a reason -->\n{stale[2:]}"
    )
    with pytest.raises(RuntimeError, match="cannot be run here"):
        hooks.filled("```console\n$ pip install x\n```\n")


def test_pictures_are_fresh(tmp_path: Path) -> None:
    """They show the figures of today, and drawn by the same matplotlib they are the same bytes."""
    hooks = _hooks()
    assert hooks.stale(tmp_path) == [], "run: python docs/hooks.py"
    kept = {path.name: path for path in (ROOT / "docs/pictures").glob("*.svg")}
    assert kept.keys() == {path.name for path in tmp_path.iterdir()}
    for name, path in kept.items():
        fresh, held = (tmp_path / name).read_bytes(), path.read_bytes()
        creator = re.search(rb"<dc:title>Matplotlib [^<]*</dc:title>", fresh)
        assert creator is not None
        assert fresh == held or creator[0] not in held, name
        assert b"<text" not in held, "letters are drawn as shapes: what fonts there are plays no part"


def test_every_picture_is_on_a_page_and_every_page_has_its_pictures() -> None:
    named = {
        path.name: re.findall(r"\(pictures/([^)]+)\)", path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "docs").glob("*.md"))
    }
    used = {each for every in named.values() for each in every}
    assert used == {path.name for path in (ROOT / "docs/pictures").glob("*.svg")}


def test_a_stale_picture_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = _hooks()
    other = "models/plain.json conv3 --at 1,1 --image pictures/digit.png"
    monkeypatch.setattr(hooks, "PICTURES", {"digit.svg": other})
    assert hooks.stale(tmp_path) == ["digit.svg"]


def test_a_public_name_that_the_library_page_leaves_out_fails_the_build() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="library.md"))
    names = [f"rfcalc.{name}" for name in rfcalc.__all__] + [
        f"rfcalc.testing.{name}" for name in rfcalc.testing.__all__
    ]
    whole = " ".join(f'<h2 id="{name}">' for name in names)
    assert _hooks().on_page_content(whole, page) == whole
    with pytest.raises(RuntimeError, match=r"documents nothing of rfcalc\.analyze"):
        _hooks().on_page_content(whole.replace('"rfcalc.analyze"', '""'), page)


@pytest.mark.onnx
def test_the_page_of_operations_is_fresh(tmp_path: Any) -> None:
    pytest.importorskip("onnx")
    from rfcalc.readers import operations

    operations.main(tmp_path)
    found = (tmp_path / operations.PAGE).read_text(encoding="utf-8")
    assert found == (ROOT / "docs" / operations.PAGE).read_text(encoding="utf-8"), (
        f"run: {operations.COMMAND}"
    )


def test_the_floors_are_drawn_as_they_are() -> None:
    assert floors.filled() == floors.PAGE.read_text(encoding="utf-8"), "run: python -m tests.floors"


def test_the_way_of_a_model_is_the_one_that_it_goes() -> None:
    """Every function that the page names is called, in the order of the page, and no module is left out."""
    steps, calls = floors.told("One model on its way"), floors.calls()
    _exist("One model on its way")
    assert len(steps) > 10
    _in_order(steps, calls)
    packages = {step.partition(".")[0] for step in steps} - {"render"}
    called = {module for module in floors.modules(calls) if module.partition(".")[0] in packages}
    told = set(re.findall(r"`([\w.]+)`", floors.section("One model on its way")))
    told |= {name.rpartition(".")[0] for name in steps}
    assert called <= told, f"the page does not name {sorted(called - told)}"


def test_a_reshape_goes_the_way_that_the_page_says() -> None:
    """Where a mask over two axes is remembered, so that every function that may take the step is asked."""
    graph = rfcalc.load(
        {"rfcalc": 1, "input": [4, 4, 1], "layers": [{"kind": "reshape", "shape": [None, 16, 1]}]}
    )
    causal = Pattern((4, 4, 1), tuple(int(key <= query) for query in range(4) for key in range(4)))
    with floors.watched() as calls:
        propagate(
            graph, resolve(graph), graph.inputs[0], lambda spec: seed_rows(spec)._replace(masked=causal)
        )
    _exist("How a field passes a reshape")
    steps = floors.told("How a field passes a reshape")
    assert len(steps) > 6
    _in_order(steps, calls)


def _exist(heading: str) -> None:
    """Hold the page to the names of functions as Python has them, of methods with their class."""
    for name in floors.named(heading):
        assert callable(pkgutil.resolve_name(f"rfcalc.{name}")), name


def _in_order(steps: list[str], calls: list[str]) -> None:
    left = iter(calls)
    for step in steps:
        assert step in left, f"{step} is not called behind the step before it"

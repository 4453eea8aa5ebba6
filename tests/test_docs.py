"""The documentation says what is: examples run, what they show comes out, generated pages are fresh."""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.docs.files import read_documents
from tests.documents import marked, need

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "docs/architecture.md",
    "docs/ci.md",
    "docs/docs-tables.md",
    "docs/index.md",
    "docs/library.md",
    "docs/pooling.md",
]
"""Those of docs/formats.md are run with the tests of the native format."""

PYTHON = [
    (name, text)
    for name in PAGES
    for text in re.findall(
        r"^```python\n(.*?)^```$", (ROOT / name).read_text(encoding="utf-8"), flags=re.S | re.M
    )
]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(name, text, marks=marked(text), id=f"{place}-{name}")
        for place, (name, text) in enumerate(PYTHON)
    ],
)
def test_the_python_examples_run(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need(text)
    monkeypatch.chdir(ROOT)
    if ">>>" in text:
        test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
        assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0
        return
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, name, "exec"), {})  # the project's own text
    # what a line prints stands behind it
    told = re.findall(r"^print\(.*\)  # (.*)$", text, flags=re.M)
    assert told == printed.getvalue().splitlines()[: len(told)]


def test_the_readme_shows_what_comes_out() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```text\n(pooling .*?)^```$", page, flags=re.S | re.M)
    found = rfcalc.analyze(ROOT / "docs/models/pooling.json").to_text(width=80)
    plain = [line.rstrip() for line in found.splitlines()]
    assert shown.splitlines()[:-1] == [line for line in plain if not line.startswith("left out")]


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


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_tables_are_fresh(page: str) -> None:
    (document,) = read_documents([str(ROOT / page)])
    assert document.diff == "", f"run: rfcalc docs --write {page}"


def test_there_are_tables_to_be_fresh() -> None:
    pages = [str(ROOT / page) for page in ("README.md", "docs/pooling.md", "docs/docs-tables.md")]
    assert all(document.tables for document in read_documents(pages))


@pytest.mark.onnx
def test_the_page_of_operations_is_fresh(tmp_path: Any) -> None:
    pytest.importorskip("onnx")
    from rfcalc.readers import operations

    operations.main(tmp_path)
    found = (tmp_path / operations.PAGE).read_text(encoding="utf-8")
    assert found == (ROOT / "docs" / operations.PAGE).read_text(encoding="utf-8"), (
        f"run: {operations.COMMAND}"
    )

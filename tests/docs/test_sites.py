"""The plug-ins, with the real tools: Sphinx and MkDocs build small sites, Jupyter runs a notebook."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rfcalc
from tests.docs.test_tables import NAMES, hostile

pytestmark = pytest.mark.sites

DOCS = Path(__file__).parents[2] / "docs"


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a module of this Python in a folder."""
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def pages(folder: Path, files: dict[str, str]) -> Path:
    """Write a small site, with models beside its pages."""
    models = {f"src/models/{path.name}": path.read_text() for path in (DOCS / "models").glob("*.json")}
    files = {**models, "src/models/hostile.json": json.dumps(hostile(NAMES[3:9])), **files}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def cells(text: str) -> list[list[str]]:
    """Return the cells of all rows of all tables of a page."""
    return [
        [
            " ".join(html.unescape(re.sub("<[^>]+>", "", cell)).split())
            for cell in re.findall(r"<t[dh].*?</t[dh]>", row, re.S)
        ]
        for row in re.findall(r"<tr.*?</tr>", text, re.S)
    ]


EXPECTED = [["layer", "receptive field"], ["conv1", "3x3"], ["conv2", "8x8"], ["conv3", "18x18"]]

# ---- Sphinx ------------------------------------------------------------------------------------------------

CONF = 'project = "small"\nextensions = ["rfcalc.sphinx", "myst_parser"]\nsmartquotes = True\n'
INDEX = """\
Small
=====

.. toctree::

   other

.. rfcalc:: analyze models/pooling.json
   :columns: layer,receptive_field
   :layers: 'conv1' conv[23]
   :caption: What each *layer* sees
   :name: sees

See :ref:`sees`.

.. rfcalc:: explain models/pooling.json conv3

.. rfcalc:: law models/pooling.json
   :format: text
   :width: 60
"""
OTHER = "# Other\n\n```{rfcalc} compare models/pooling.json\n:with: plain\n```\n"
SITE = {"src/conf.py": CONF, "src/index.rst": INDEX, "src/other.md": OTHER}


def sphinx(folder: Path, builder: str = "html") -> subprocess.CompletedProcess[str]:
    pytest.importorskip("myst_parser")
    return run("sphinx", "-W", "--keep-going", "-b", builder, "src", "out", folder=folder)


def test_sphinx_builds_tables_into_pages(tmp_path: Path) -> None:
    built = sphinx(pages(tmp_path, SITE))
    assert built.returncode == 0, built.stderr
    index = (tmp_path / "out/index.html").read_text()
    assert cells(index)[:4] == EXPECTED
    assert '<span class="caption-text">What each <em>layer</em> sees</span>' in index
    assert re.search(r'href="#sees"><span[^>]*>What each layer sees</span>', index)
    assert '<p class="rubric">conv3 (pooling): what it sees of input, and what that is made of</p>' in index
    listing = rfcalc.law(DOCS / "models/pooling.json").to_text(60).rstrip("\n")
    assert listing in html.unescape(re.sub("<[^>]+>", "", index))
    assert ["parameters", "104,202", "712,202"] in cells((tmp_path / "out/other.html").read_text())
    assert "text-align: right" in (tmp_path / "out/_static/rfcalc.css").read_text()


@pytest.mark.parametrize("builder", ["latex", "text"])
def test_sphinx_builds_them_into_other_formats(builder: str, tmp_path: Path) -> None:
    built = sphinx(pages(tmp_path, SITE), builder)
    assert built.returncode == 0, built.stderr
    assert "18x18" in "".join(path.read_text() for path in (tmp_path / "out").glob("*.t*x*"))


def test_sphinx_reads_a_page_anew_when_its_model_changes(tmp_path: Path) -> None:
    sphinx(pages(tmp_path, SITE))
    (tmp_path / "src/models/pooling.json").write_bytes((DOCS / "models/plain.json").read_bytes())
    built = sphinx(tmp_path)
    assert built.returncode == 0, built.stderr
    assert ["conv3", "7x7"] in cells((tmp_path / "out/index.html").read_text())


WRONG = [
    (".. rfcalc:: analyze models/none.json", "rfcalc: models/none.json: no such file"),
    (".. rfcalc:: analyze ../outside.json", "rfcalc: ../outside.json: leads out of the folder"),
    (".. rfcalc:: plot models/pooling.json", "rfcalc: 'plot' makes no table"),
    (".. rfcalc:: analyze models/pooling.json\n   :output: x.txt", "rfcalc: --output is not for documents"),
    (".. rfcalc:: analyze models/pooling.json\n   :colums: name", "rfcalc: no such option"),
    (".. rfcalc:: analyze models/pooling.json\n   :layers: 'conv", "rfcalc: no closing quotation"),
]


def test_sphinx_names_the_page_and_the_line_of_what_is_wrong(tmp_path: Path) -> None:
    text = "Small\n=====\n\n" + "\n\n".join(directive for directive, _ in WRONG) + "\n"
    built = sphinx(pages(tmp_path, {"src/conf.py": CONF, "src/index.rst": text}))
    assert built.returncode != 0
    for directive, message in WRONG:
        line = text[: text.index(directive)].count("\n") + 1
        assert f"index.rst:{line}: ERROR: {message}" in built.stderr, built.stderr
    assert "Traceback" not in built.stderr
    assert not list(tmp_path.rglob("x.txt"))


def test_sphinx_takes_models_from_the_root_that_it_is_told(tmp_path: Path) -> None:
    conf = f'{CONF}rfcalc_root = ".."\n'
    index = ".. rfcalc:: law net.json\n"
    pages(tmp_path, {"src/conf.py": conf, "src/index.rst": f"A\n=\n\n{index}"})
    (tmp_path / "net.json").write_bytes((DOCS / "models/plain.json").read_bytes())
    built = sphinx(tmp_path)
    assert built.returncode == 0, built.stderr
    assert "conv3" in (tmp_path / "out/index.html").read_text()


def test_names_are_text_in_what_sphinx_builds(tmp_path: Path) -> None:
    index = (
        "A\n=\n\n.. rfcalc:: analyze models/hostile.json\n\n.. rfcalc:: explain models/hostile.json conv\n"
    )
    site = pages(tmp_path, {"src/conf.py": CONF, "src/index.rst": index})
    built = sphinx(site)
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "out/index.html").read_text()
    assert "<script>alert" not in page
    names = {row[0] for row in cells(page)}
    assert {"<!-- rfcalc: analyze x -->..", "-->..."} <= names


# ---- MkDocs ------------------------------------------------------------------------------------------------

MKDOCS = "site_name: small\ndocs_dir: src\nplugins:\n  - rfcalc{}\n"
PAGE = """\
---
title: Page
---

# Page

<!-- rfcalc: analyze models/pooling.json --columns layer,receptive_field --layers 'conv*' -->
<!-- /rfcalc -->

```html
<!-- rfcalc: analyze models/pooling.json -->
<!-- /rfcalc -->
```

<!-- rfcalc: law models/pooling.json --format text -->
<!-- /rfcalc -->
"""


def mkdocs(folder: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("mkdocs")
    return run("mkdocs", "build", "--strict", folder=folder)


def test_mkdocs_fills_pages_while_it_builds(tmp_path: Path) -> None:
    site = pages(tmp_path, {"mkdocs.yml": MKDOCS.format(""), "src/index.md": PAGE})
    built = mkdocs(site)
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "site/index.html").read_text()
    assert cells(page)[:4] == EXPECTED
    assert page.count("analyze models/pooling.json") == 2  # the marker, and the one in code
    assert "pool2        [conv 3, pool 2/2] x 2" in page
    assert (tmp_path / "src/index.md").read_text() == PAGE


def test_mkdocs_names_the_page_and_the_line_of_what_is_wrong(tmp_path: Path) -> None:
    page = PAGE.replace("law models/pooling.json", "law models/none.json")
    built = mkdocs(
        pages(tmp_path, {"mkdocs.yml": MKDOCS.format(""), "src/guide/index.md": page, "src/index.md": "x"})
    )
    assert built.returncode == 1
    assert "guide/index.md:7: models/pooling.json: no such file" in built.stderr
    assert "guide/index.md:15: models/none.json: no such file" in built.stderr
    assert "Traceback" not in built.stderr


def test_mkdocs_takes_models_from_the_root_that_it_is_told(tmp_path: Path) -> None:
    settings = MKDOCS.format(":\n      root: src")
    built = mkdocs(pages(tmp_path, {"mkdocs.yml": settings, "src/guide/index.md": PAGE, "src/index.md": "x"}))
    assert built.returncode == 0, built.stderr
    assert cells((tmp_path / "site/guide/index.html").read_text())[:4] == EXPECTED


def test_names_are_text_in_what_mkdocs_builds(tmp_path: Path) -> None:
    page = "".join(
        f"<!-- rfcalc: {command} -->\n<!-- /rfcalc -->\n\n"
        for command in (
            "analyze models/hostile.json",
            "explain models/hostile.json conv",
            "align models/hostile.json",
        )
    )
    built = mkdocs(pages(tmp_path, {"mkdocs.yml": MKDOCS.format(""), "src/index.md": page}))
    assert built.returncode == 0, built.stderr
    text = (tmp_path / "site/index.html").read_text()
    assert "<script>alert" not in text
    names = {row[0] for row in cells(text)}
    assert {"<!-- rfcalc: analyze x -->..", "-->..."} <= names


# ---- Jupyter -----------------------------------------------------------------------------------------------

RESULTS = {
    "rfcalc.analyze(model)": "18x18",
    "rfcalc.compare(model, variants=['plain'])": "712,202",
    "rfcalc.diff(model, plain)": "parameters",
    "rfcalc.explain(model, 'conv3')": "inherited from",
    "rfcalc.law(model)": "up to layer",
    "rfcalc.align(model)": "No branches meet",
    "rfcalc.tiles(model, layer='conv3')": "smallest",
    "rfcalc.field(model, 'conv3')": "the part that each output index sees",
    "rfcalc.phases(model, 'conv3')": "phase",
    "rfcalc.effective(model)": "weight by position",
}


def notebook(folder: Path, sources: list[str]) -> None:
    cells_ = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{k}",
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for k, source in enumerate(sources)
    ]
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    document = {"cells": cells_, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "book.ipynb").write_text(json.dumps(document))


def converted(folder: Path, to: str) -> str:
    pytest.importorskip("nbconvert")
    pytest.importorskip("ipykernel")
    built = run("nbconvert", "--execute", "--to", to, "--output", "out", "book.ipynb", folder=folder)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("out.*")).read_text(encoding="utf-8")


def test_jupyter_shows_every_result_as_a_table(tmp_path: Path) -> None:
    model = DOCS / "models/pooling.json"
    notebook(
        tmp_path,
        [f"import rfcalc\nmodel, plain = {str(model)!r}, {str(DOCS / 'models/plain.json')!r}", *RESULTS],
    )
    document = json.loads(converted(tmp_path, "notebook"))
    for cell, (source, shown) in zip(document["cells"][1:], RESULTS.items(), strict=True):
        (output,) = cell["outputs"]
        assert {"text/plain", "text/html", "text/markdown"} <= output["data"].keys(), source
        for kind in ("text/html", "text/markdown", "text/plain"):
            text = "".join(output["data"][kind])
            assert kind == "text/plain" or shown in text, (source, kind, text)


def test_names_are_text_in_what_jupyter_shows(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(hostile(NAMES[3:9])))
    notebook(
        tmp_path, ["import rfcalc\nrfcalc.analyze('m.json')", "rfcalc.compare('m.json', variants=['plain'])"]
    )
    text = converted(tmp_path, "html")
    assert "<script>alert" not in text
    assert "&lt;!-- /rfcalc --&gt;" in text


def test_names_are_no_formulas_in_notebooks(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(hostile(["$\\href{javascript:alert(1)}{x}$"] * 6)))
    for result in (rfcalc.analyze(tmp_path / "m.json"), rfcalc.law(tmp_path / "m.json", "conv")):
        text = result._repr_html_()
        assert text.startswith('<div class="tex2jax_ignore mathjax_ignore">')
        assert text.endswith("</div>\n")

"""What pages show besides tables: what commands print, and pictures.

The tables between markers are in the pages themselves: `rfcalc docs --write docs/*.md` makes them. So
is what follows a command, behind a dollar sign, in a block of ``console``; the pictures are files in
docs/pictures/. ``python docs/hooks.py`` writes both, ``python docs/hooks.py --check`` says what is stale, as
a test does.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from click.testing import CliRunner

import rfcalc
import rfcalc.testing
from rfcalc.cli import main
from rfcalc.render.pictures import drawn

DOCS = Path(__file__).parent

CONSOLE = re.compile(r"(?P<why><!-- not run: [^\n]+ -->\n)?^```console\n(?P<body>.*?)^```$", re.S | re.M)
"""Commands, each behind a dollar sign, and what they print. Those of a page are run one after the other, in a
folder that has what the root of the repository has, and keeps what they write from it."""


def said(command: str, folder: Path) -> str:
    """Return what rfcalc prints for a command, in a folder, at 80 columns.

    Raises
    ------
    RuntimeError
        It ends with an error.
    """
    before = Path.cwd()
    os.chdir(folder)
    try:
        run = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(
            main, shlex.split(command), catch_exceptions=False, prog_name="rfcalc"
        )
    finally:
        os.chdir(before)
    if run.exit_code:
        raise RuntimeError(f"rfcalc {command} ended with {run.exit_code}: {run.output}")
    return run.stdout


def filled(text: str) -> str:
    """Return a page with what comes of the commands in its ``console`` blocks."""
    with tempfile.TemporaryDirectory() as folder:
        for each in DOCS.parent.iterdir():
            (Path(folder) / each.name).symlink_to(each)
        return CONSOLE.sub(
            lambda found: found[0] if found["why"] else _answered(found["body"], Path(folder)), text
        )


def _answered(body: str, folder: Path) -> str:
    lines: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            name, _, arguments = line[2:].partition(" ")
            if name != "rfcalc":
                raise RuntimeError(f"{line!r} cannot be run here; say why above it: <!-- not run: ... -->")
            printed = said(arguments, folder).rstrip("\n")
            lines += ([""] if lines else []) + [line, *(each.rstrip() for each in printed.splitlines())]
    return "\n".join(["```console", *lines, "```"])


PICTURES = {
    "growth.svg": "models/pooling.json --with plain,strided,dilated",
    "lines.svg": "models/pooling.json conv3 --at 1,1 --what lines",
    "digit.svg": "models/pooling.json conv3 --at 1,1 --with plain --image pictures/digit.png",
    "costs.svg": "models/pooling.json --with plain,strided,dilated --what costs",
}
"""Pictures of pages, below docs/pictures/, and how `rfcalc plot` makes them.

The digit was drawn by hand for the tutorial, in 28x28 pixels.
"""


SWEPT = "models/resnet.json --over n=1:9 --over width=4:64:4"
"""The designs of docs/pictures/designs.svg."""


def draw(folder: Path) -> None:
    """Draw all pictures of pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as held:
        swept, drawing = shlex.quote(f"{held}/designs.csv"), shlex.quote(str(folder / "designs.svg"))
        said(f"sweep {SWEPT} --output {swept}", DOCS)
        said(f"plot {swept} --what pareto --output {drawing}", DOCS)
    (folder / "words.svg").write_bytes(drawn(words(), "svg"))
    for name, arguments in PICTURES.items():
        said(f"plot {arguments} --output {shlex.quote(str(folder / name))}", DOCS)


def words() -> Any:
    """Return the side view of a unit of conv2 with the words unit, map, kernel, stride and jump in it."""
    picture = rfcalc.plot(
        DOCS / "models" / "pooling.json", what="lines", layer="conv2", at=(4, 4), variants=[]
    )
    picture.set_figheight(picture.get_figheight() + 0.9)
    (axes,) = picture.axes
    axes.set_title("", loc="left")
    axes.set_ylim(-0.5, 4.3)

    def measure(left: float, right: float, height: float) -> None:
        ends = {"arrowstyle": "<->", "color": "#D55E00", "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (left, height), (right, height), arrowprops=ends)

    def say(text: str, x: float, y: float, align: str) -> None:
        axes.text(x, y, text, color="#D55E00", fontsize=8.5, ha=align, va="center")

    measure(3.5, 23.5, 3.75)
    say("the map of conv2: 11 units in a row", 13.5, 3.95, "center")
    axes.annotate(
        "a unit", (11.0, 3.1), (5.0, 3.42), color="#D55E00", fontsize=8.5, va="center",
        arrowprops={"arrowstyle": "->", "color": "#D55E00"},
    )  # fmt: skip
    say("kernel 3: it reads\nthree units of pool1", 1.5, 2.5, "left")
    for unit in (17.5, 19.5):  # two units of pool1 beside the field, and what they read in conv1
        for tap in (unit - 0.5, unit + 0.5):
            axes.plot([unit, tap], [1.83, 1.17], color="#D55E00", linewidth=0.7, linestyle="dashed")
    measure(17, 19, 1.3)
    say("stride 2: the next unit reads\ntwo units further on", 20.6, 1.45, "left")
    say("jump 2: neighbours stand\ntwo pixels apart", 13.7, 2.5, "left")
    next(text for text in axes.texts if text.get_text() == "jump 2" and text.get_position()[1] < 3).remove()
    return picture


def stale(folder: Path) -> list[str]:
    """List the pictures of pages that show other figures than those that are drawn afresh into a folder."""
    draw(folder)
    return [
        fresh.name
        for fresh in sorted(folder.glob("*.svg"))
        if not (DOCS / "pictures" / fresh.name).exists()
        or _identified(DOCS / "pictures" / fresh.name) != _identified(fresh)
    ]


def _identified(path: Path) -> str:
    """Return what says which figures a picture shows; other versions of matplotlib draw them otherwise."""
    found = re.search(r"<dc:identifier>(.*?)</dc:identifier>", path.read_text(encoding="utf-8"))
    return found[1] if found else ""


def on_files(files: Any, config: Any) -> Any:
    """Put the report that docs/report.md shows on the site."""
    from mkdocs.structure.files import File

    report = rfcalc.report(DOCS / "models" / "pooling.json")
    files.append(File.generated(config, "reports/pooling.html", content=report.to_html()))
    return files


PLAYGROUND = DOCS.parent / "page" / "dist" / "playground"
"""What ``npm run build:playground`` makes. It lies below playground/app/ of the site, if it was built."""

_EMBEDDED = re.compile(r"^<!-- playground: (?P<model>\w+) -->$", re.M)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put the playground where a page asks for it: behind a click, since it is large."""
    app = "../" * page.url.count("/") + "playground/app/"
    return _EMBEDDED.sub(lambda found: _embedded(f"{app}?model={found['model']}"), markdown)


def _embedded(address: str) -> str:
    if not (PLAYGROUND / "index.html").exists():
        return "*This site was built without the playground.*"
    return (
        f'<p><a class="md-button" href="{address}" target="_blank">Open the playground</a></p>\n'
        '<details class="playground"><summary>Or open it here, on this page</summary>\n'
        f'<iframe src="{address}" title="The playground" loading="lazy"></iframe>\n</details>'
    )


def on_post_build(config: Any, **_: Any) -> None:
    """Copy the playground to the site."""
    if (PLAYGROUND / "index.html").exists():
        to = Path(config.site_dir) / "playground" / "app"
        shutil.copytree(PLAYGROUND, to, dirs_exist_ok=True)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Hold the page of the library to be complete: a public name that it leaves out fails the build."""
    if page.file.src_uri == "library.md":
        missing = [f"{home.__name__}.{name}" for home in (rfcalc, rfcalc.testing) for name in home.__all__]
        missing = [name for name in missing if f'id="{name}"' not in html and not name.endswith("__")]
        if missing:
            raise RuntimeError(f"library.md documents nothing of {', '.join(missing)}")
    return html


def check() -> list[str]:
    """Return the pages and the pictures that are stale."""
    pages = [
        page for page in sorted(DOCS.glob("*.md")) if filled(text := page.read_text(encoding="utf-8")) != text
    ]
    with tempfile.TemporaryDirectory() as folder:
        return [page.name for page in pages] + [f"pictures/{name}" for name in stale(Path(folder))]


if __name__ == "__main__":
    if "--check" in sys.argv:
        found = check()
        sys.exit(f"stale: {', '.join(found)}; run: python docs/hooks.py" if found else 0)
    for page in sorted(DOCS.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    draw(DOCS / "pictures")

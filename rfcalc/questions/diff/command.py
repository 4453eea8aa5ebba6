"""``rfcalc diff``: what changed from one model to another."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from rfcalc.commands import options
from rfcalc.commands.question import COMPARE, Tables, question
from rfcalc.commands.working import working
from rfcalc.wording import MARKUP

if TYPE_CHECKING:
    from rfcalc.questions.diff.report import Diff

_EPILOG: Final = """With git: rfcalc diff HEAD~1:models/net.json models/net.json --exit-code, or
rfcalc diff origin/main:net.json net.json --format markdown --output comment.md"""


@question(
    "diff",
    COMPARE,
    "Show what changed from one model to another.",
    "rfcalc diff plain.json pooling.json",
    "rfcalc diff plain.json pooling.json --format markdown",
    notes=_EPILOG,
    tables=Tables("common", ("old", "new")),
)
@click.argument("old", shell_complete=options.files)
@click.argument("new", shell_complete=options.files)
@options.reading
@options.format_of(
    "text",
    *MARKUP,
    "json",
    about="Text is as wide as the terminal (or COLUMNS; else 80); Markdown fits into a comment on a pull "
    "request (64 kB).",
)
@options.every("Every change has lines of its own, and so have layers that only have other figures.")
@click.option(
    "--common",
    is_flag=True,
    help="Compare only layers that mean the same in every format, as is done across formats: for exports of "
    "one format by different tools.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything but names has changed.")
@options.output
@options.everywhere
def command(
    old: str,
    new: str,
    *,
    form: str,
    every: bool,
    common: bool,
    exit_code: bool,
    output: str,
    **loading: Any,
) -> None:
    """Show what changed from OLD to NEW: layers added, removed and changed, and what comes of it downstream.

    Layers are matched by graph, not by name alone, and across formats too: a Keras model against its ONNX
    export. OLD and NEW are model files, or REV:path for a file as it is in a revision of git.
    """
    from rfcalc.render.write import check_output

    for each in (old, new):
        check_output(output, source=each)
    with working("diff"):
        found = made(old, new=new, common=common, **loading)
    options.put(_render(found, form, output, every=every), form, output)
    if exit_code and found.changed:
        raise click.exceptions.Exit(1)


def made(old: str, *, new: str, common: bool, **loading: Any) -> Diff:
    """Return what the command shows, by its options as they are given."""
    from rfcalc.questions.diff.library import diff

    return diff(old, new, common=common, **options.loading(**loading))


def _render(found: Diff, form: str, output: str, *, every: bool) -> str:
    from rfcalc.render.write import terminal_width, unicode_output

    if form == "json":
        return found.to_json()
    if form == "markdown":
        return found.to_markdown(every=every)
    if form != "text":
        return found.to_markup(form)
    return found.to_text(
        terminal_width(sys.stdout if output == "-" else None),
        unicode=output != "-" or unicode_output(sys.stdout),
        every=every,
    )

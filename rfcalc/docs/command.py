"""``rfcalc docs``: tables in documents, filled between markers and kept fresh."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import click

from rfcalc.commands import options
from rfcalc.commands.question import WRITE, question
from rfcalc.commands.say import complain
from rfcalc.commands.terminal import painted_diff, wants_colour
from rfcalc.commands.working import working
from rfcalc.errors import CheckFailed, UsageError
from rfcalc.wording import MARKUP, few

_EPILOG: Final = """A marker is a comment on a line of its own, and so is its end; what stands between them is
replaced. In Markdown and HTML:

\b
<!-- rfcalc: analyze models/net.json --columns layer,params -->
<!-- /rfcalc -->

In reStructuredText .. rfcalc: COMMAND and .. /rfcalc, in AsciiDoc // rfcalc: COMMAND and // /rfcalc, in
LaTeX % rfcalc: COMMAND and % /rfcalc. COMMAND makes a table: align, analyze, compare, diff, effective,
explain, field, law, rules or tiles, with its options; with --format text what it prints on a terminal stands
in the document as a listing, --width columns wide (80).

Exit codes: 0 done, 1 --check found a stale table, 2 wrong usage, 3 a document, a marker or a model cannot be
read."""


@question(
    "docs",
    WRITE,
    "Fill the tables of documents, or say which are stale.",
    "rfcalc docs pooling.rst",
    "rfcalc docs --write pooling.rst",
    "rfcalc docs --check pooling.rst",
    notes=_EPILOG,
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=options.files)
@click.option("--write", is_flag=True, help="Write the documents: all of them, or none if one has an error.")
@options.fresh("Shows the difference.")
@click.option(
    "--root",
    metavar="DIR",
    shell_complete=options.folders,
    help="The folder that models in markers are relative to; by default that of each document.",
)
@click.option(
    "--allow-outside",
    is_flag=True,
    help="Let markers name models outside of that folder, by absolute paths, .. or links.",
)
@click.option(
    "--syntax",
    type=click.Choice(MARKUP),
    help="How the documents are written; by default the ends of their names say it.",
)
@options.everywhere
def command(
    files: Sequence[str],
    *,
    write: bool,
    check: bool,
    root: str | None,
    allow_outside: bool,
    syntax: str | None,
) -> None:
    """Fill the tables of documents between markers, each in the format of its document.

    Without --write or --check, shows as a unified diff what would change. Everything outside of the markers
    stays as it is, byte for byte; markers in code are left alone. Models are named relative to the folder of
    the document (or --root) and lie in it. A marker never runs code, and writes nothing.
    """
    from rfcalc.docs.files import read_documents, write_documents
    from rfcalc.docs.markers import MarkersError
    from rfcalc.render.write import write_stream

    if write and check:
        raise UsageError("--write changes documents, --check does not; give one of the two")
    try:
        with working("docs") as progress:
            documents = read_documents(
                files, markup=syntax, root=root, allow_outside=allow_outside, progress=progress
            )
    except MarkersError as error:
        for wrong in error.errors:
            complain(f"error: {wrong}")
        if write:
            complain("note: nothing was written")
        raise click.exceptions.Exit(error.exit_code) from None
    if not any(each.tables for each in documents):
        complain(f"note: no marker in {few(each.name for each in documents)}")
    stale = [each.name for each in documents if each.stale]
    if write:
        for each in write_documents(documents):
            complain(f"note: {each.name} was written")
        return
    for document in documents:
        coloured = wants_colour(sys.stdout)
        write_stream(painted_diff(document.diff) if coloured else document.diff, sys.stdout)
    if stale:
        import shlex

        folder = [*(["--root", root] if root else []), *(["--allow-outside"] if allow_outside else [])]
        written = shlex.join(
            ["rfcalc", "docs", "--write", *folder, *(["--syntax", syntax] if syntax else []), *stale]
        )
        if check:
            raise CheckFailed(f"{few(stale)} {'is' if len(stale) == 1 else 'are'} stale; run: {written}")
        complain(f"note: nothing was written; to write it, run: {written}")

"""``rfcalc scan``: a catalogue of all models in folders and archives, and questions to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from rfcalc.commands import options
from rfcalc.commands.question import REVIEW, question
from rfcalc.commands.say import complain
from rfcalc.commands.working import working
from rfcalc.errors import UsageError
from rfcalc.wording import MARKUP

_NOTES: Final = """PATH is a folder, an archive (zip, wheel, tar), a model file, architectures of an
installed library (timm:resnet*, transformers:configs/*), or @FILE, a list of these, a line each. What is no
model is passed over; what is broken is listed, and the scan goes on.

The catalogue is an SQLite file: tables models, layers, notes, failures, places. Files that are unchanged are
not read again, and a scan that was stopped goes on where it was.

Exit codes: 0 done, whatever single files were, 2 wrong usage or a mistake in the SQL, 3 a PATH or the
catalogue cannot be used."""


@question(
    "scan",
    REVIEW,
    "Make a catalogue of the models in folders and archives.",
    "rfcalc scan . --into catalogue.db",
    'rfcalc scan --into catalogue.db --query "SELECT path, params FROM models"',
    'rfcalc scan --into catalogue.db --query "SELECT * FROM failures"',
    notes=_NOTES,
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=options.files)
@click.option(
    "--into",
    metavar="FILE",
    required=True,
    shell_complete=options.files,
    help="The catalogue; it is made where there is none.",
)
@options.workers("By default one for each core.")
@options.scheduler
@click.option(
    "--limit-time",
    type=click.FloatRange(min=0),
    metavar="S",
    default=300,
    show_default=True,
    help="Seconds that a file may take before it is given up; 0 for no limit.",
)
@click.option(
    "--limit-memory",
    type=click.FloatRange(min=0),
    metavar="MB",
    default=4096,
    show_default=True,
    help="Megabytes that a file may take before it is given up; 0 for no limit.",
)
@click.option("--retry", is_flag=True, help="Analyse files again that failed before.")
@click.option("--prune", is_flag=True, help="Take out of the catalogue what is not below PATH any more.")
@click.option("--query", metavar="SQL", help="Ask the catalogue, and show what that gives: one SELECT.")
@click.option(
    "--export",
    metavar="FILE",
    shell_complete=options.files,
    help="Write the models, or what --query gives, to FILE as Parquet.",
)
@options.format_of("text", *MARKUP, "csv", "json")
@options.output
@options.everywhere
def command(
    paths: Sequence[str],
    *,
    into: str,
    query: str | None,
    export: str | None,
    form: str,
    output: str,
    **how: Any,
) -> None:
    """Analyse all models below each PATH into a catalogue, and ask the catalogue.

    Each file is analysed in a process of its own, which is ended where it takes too long or too much memory.
    """
    from rfcalc.render.write import check_output

    if not paths and query is None and export is None:
        raise UsageError("nothing is asked: name a PATH to scan, or ask the catalogue with --query")
    check_output(output, source=into, kind="catalogue")
    if export is not None:
        _check_export(export, into)
    if paths:
        if query is not None:
            from rfcalc.questions.scan.asking import check_question

            check_question(query, into)
        scanned = _scanned(paths, into, **how)
        if query is None:
            _put(scanned, form, output)
        else:
            complain(f"note: {into}: {scanned.summary}")
            for failure in scanned.failures:
                complain(f"warning: {failure.path}: {failure.reason}")
    if export is not None:
        from rfcalc.questions.scan.asking import ALL
        from rfcalc.questions.scan.asking import export as exported

        count = exported(into, export, ALL if query is None else query)
        complain(f"note: {export}: {count:,} row{'' if count == 1 else 's'}")
    elif query is not None:
        from rfcalc.questions.scan.asking import query as asked

        _put(asked(into, query), form, output)


def _scanned(paths: Sequence[str], into: str, **how: Any) -> Any:
    from rfcalc.questions.scan.library import scan

    with working("scan") as progress:
        return scan(paths, into, progress=progress, **how)


def _check_export(export: str, into: str) -> None:
    """Refuse a file that could not be written, before any work is done."""
    from pathlib import Path

    target = Path(export)
    if target.is_dir():
        raise UsageError("--export is a directory; name a file in it", source=export)
    if not target.resolve().parent.is_dir():
        raise UsageError("--export lies in a directory that does not exist; make it first", source=export)
    if target.exists() and Path(into).exists() and target.samefile(into):
        raise UsageError("--export is the catalogue itself; name another file", source=export)
    if target.suffix.lower() in (".csv", ".json", ".md"):
        raise UsageError("--export writes Parquet; for other forms say --query ... --format", source=export)


def _put(result: Any, form: str, output: str) -> None:
    if form == "csv":
        options.put(result.to_csv(), form, output)
    else:
        options.show(result, form, output)

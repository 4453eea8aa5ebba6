"""``rfcalc check``: whether models keep within a budget."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from rfcalc.commands import options
from rfcalc.commands.question import REVIEW, question
from rfcalc.commands.say import complain
from rfcalc.commands.working import working
from rfcalc.errors import CheckFailed, RfcalcError, UsageError

if TYPE_CHECKING:
    from rfcalc.questions.check.report import CheckReport

_EPILOG: Final = """A budget is a TOML file with limits such as max_params = 60_000 on models, and below
[layers."conv*"] on layers, or the table [tool.rfcalc] of pyproject.toml. Smaller is fine for max_..., larger
for min_...; what cannot be decided, because a figure is not known, is a violation.

Exit codes: 0 all limits hold, 1 one does not, 2 wrong usage or a mistake in the budget, 3 a model or the
budget cannot be read."""


@question(
    "check",
    REVIEW,
    "Check that models keep within a budget.",
    "rfcalc check --init pooling.json --output budget.toml",
    "rfcalc check --budget budget.toml",
    "rfcalc check pooling.json --budget budget.toml --format json",
    notes=_EPILOG,
)
@click.argument("models", nargs=-1, metavar="[MODEL]...", shell_complete=options.files)
@options.reading
@click.option(
    "--budget",
    metavar="FILE",
    shell_complete=options.files,
    help="The budget; by default [tool.rfcalc] in the nearest pyproject.toml, here or above.",
)
@click.option("--init", is_flag=True, help="Write a budget from the present figures of MODEL instead.")
@options.format_of(
    "text",
    "json",
    "junit",
    "github",
    "sarif",
    about="Text has a line for each violation, github annotates a pull request.",
)
@options.output_of("A budget is replaced with --force alone.")
@click.option("--force", is_flag=True, help="Let --init replace a budget that is there.")
@options.everywhere
def command(
    models: Sequence[str],
    *,
    budget: str | None,
    init: bool,
    form: str,
    output: str,
    force: bool,
    **loading: Any,
) -> None:
    """Check that each MODEL keeps within a budget; without one, all models that the budget names.

    Every violation is reported, with the layer that caused it, by how much it is beyond which limit, and
    where the budget sets that.
    """
    from rfcalc.questions.check.library import check
    from rfcalc.render.write import check_output, write

    check_output(output, source=budget or "", kind="budget")
    for each in models:
        check_output(output, source=each)
    given = options.loading(**loading)
    if init:
        if budget is not None or form != "text":
            raise UsageError("--init writes a budget in TOML; --budget and --format are for a check")
        _keep_budget(output, force=force)
        with working("check"):
            made = _new_budget(models, output, given)
        write(made, output)
        return
    if force:
        raise UsageError("--force is for --init, which writes a budget")
    with working("check") as progress:
        report = check(list(dict.fromkeys(models)) or None, budget, progress=progress, **given)
    options.put(_render(report, form, output), form, output)
    if report.failures:
        for failure in report.failures[:-1]:
            complain(f"error: {failure.model}: {failure.message}")
        last = report.failures[-1]
        raise RfcalcError(last.message, source=last.model)
    if not report.ok:
        count = len(report.violations)
        raise CheckFailed(f"{count:,} violation{'' if count == 1 else 's'}", source=report.budget)


def _keep_budget(output: str, *, force: bool) -> None:
    """Refuse to replace a file that is there: limits in it may have been set by hand."""
    from pathlib import Path

    if output != "-" and not force and Path(output).is_file() and Path(output).stat().st_size:
        raise UsageError(
            "is there already, and its limits may have been set by hand; write to another file, or give "
            "--force to replace it",
            source=output,
        )


def _new_budget(models: Sequence[str], output: str, given: Any) -> str:
    """Write a budget; in a pyproject.toml it would replace all else."""
    from pathlib import Path

    from rfcalc.questions.check.files import PROJECT
    from rfcalc.questions.check.library import budget

    if not models:
        raise UsageError("--init needs a MODEL to take the figures from")
    folder = Path() if output == "-" else Path(output).parent
    if output != "-" and Path(output).name == PROJECT:
        raise UsageError(
            "--init would replace the whole file; leave --output out, and paste what is printed below "
            "[tool.rfcalc], with tool.rfcalc. before the names of its tables",
            source=output,
        )
    return budget(*models, relative_to=folder, **given)


def _render(report: CheckReport, form: str, output: str) -> str:
    import os

    from rfcalc.render.write import unicode_output

    root = os.environ.get("GITHUB_WORKSPACE")  # GitHub takes names of files from there
    if form == "github":
        return report.to_github(root)
    if form == "sarif":
        return report.to_sarif(root)
    if form != "text":
        return report.to_json() if form == "json" else report.to_junit()
    return report.to_text(unicode=output != "-" or unicode_output(sys.stdout))

"""``rfcalc law``: by which law a field grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rfcalc.arguments import place
from rfcalc.commands import options
from rfcalc.commands.question import SEE, Tables, question
from rfcalc.commands.say import say_notes
from rfcalc.commands.working import working

if TYPE_CHECKING:
    from rfcalc.questions.law.report import Law


@question(
    "law",
    SEE,
    "Show by which law a field grows, and what reaches a given one.",
    "rfcalc law pooling.json",
    "rfcalc law resnet.json --reach 224",
    "rfcalc law wavenet.json --format markdown",
    tables=Tables("reach"),
)
@options.model
@options.layer
@click.option(
    "--reach",
    metavar="R[,R]",
    help="Say what it takes to see R pixels, or so many on each axis; by default all of the input.",
)
@options.form
@options.output
@options.everywhere
def command(model: str, *, form: str, output: str, **how: Any) -> None:
    """Show by which law the field of LAYER in MODEL grows: the blocks that repeat, and their closed forms.

    n repeats of a block of gain g and stride S take a field r0 and a jump j0 to r0 + g*j0*n where S is 1, and
    to r0 + g*j0*(S**n - 1)/(S - 1) otherwise. LAYER is by default the last one whose field has a size.
    """
    from rfcalc.render.write import check_output

    check_output(output, source=model)
    with working("law"):
        result = made(model, **how)
    options.show(result, form, output)
    if form != "json":  # there they are part of the document
        say_notes(result.notes)


def made(model: str, *, layer: str | None, reach: str | None, **loading: Any) -> Law:
    """Return what the command shows, by its options as they are given."""
    from rfcalc.questions.law.library import law

    wanted = None if reach is None else place(reach, "--reach")
    return law(
        model,
        layer,
        reach=wanted[0] if wanted and len(wanted) == 1 else wanted,
        **options.loading(**loading),
    )

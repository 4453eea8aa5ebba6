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
    help="Say what it takes to see R pixels (samples), or so many on each axis; by default the input.",
)
@options.form
@options.output
@options.everywhere
def command(model: str, *, form: str, output: str, **how: Any) -> None:
    """Show by which law the field of LAYER in MODEL grows: the blocks that repeat, and their closed forms.

    r(n) is the field after n repeats of a block: r0 + j0*g*n where the block has no stride, otherwise
    r0 + j0*g*(s**n - 1)/(s - 1). Here r0 and j0 are the field and the jump before it, s is the product of its
    strides, and g what one adds for each pixel of the jump: (k - 1)*d for a layer of kernel k and dilation d.
    Where dilations grow by c from one repeat to the next, c*s takes the place of s. In blocks "conv 3/2" is a
    kernel of 3 with a stride of 2, "d2" a dilation of 2, and "dilation x2" one that doubles from repeat to
    repeat. LAYER is by default the last one whose field has a size.
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

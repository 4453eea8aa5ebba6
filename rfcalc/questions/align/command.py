"""``rfcalc align``: whether branches meet centred on the same pixels, and at which sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfcalc.arguments import sizes as sizes_in
from rfcalc.commands import options
from rfcalc.commands.question import REVIEW, Tables, question
from rfcalc.commands.say import say_notes
from rfcalc.commands.working import working

if TYPE_CHECKING:
    from rfcalc.progress import Progress
    from rfcalc.questions.align.report import Alignment


@question(
    "align",
    REVIEW,
    "Show where branches meet out of line, and at which sizes.",
    "rfcalc align resnet.json",
    "rfcalc align resnet.json --sizes 28:36",
    "rfcalc align unet.json --format json",
    tables=Tables("sizes"),
)
@options.model
@options.sizes
@options.form
@options.output
@options.everywhere
def command(model: str, *, form: str, output: str, **how: Any) -> None:
    """Show where branches of MODEL meet whose fields have their centres at different pixels of the input.

    With SAME padding and a stride, where a window begins depends on whether its map is even: a model may be
    in line at one size of the input and out of line at the next. A centre is that of the field of the first
    output; where the outputs of a branch take turns in what they see, as behind upsampling, it is the mean of
    one turn, taken back to the first output. Where a padding mends it, it is named, and the rules have been
    run with it.
    """
    from rfcalc.render.write import check_output

    check_output(output, source=model)
    with working("align") as progress:
        result = made(model, progress=progress, **how)
    options.show(result, form, output)
    if form != "json":  # there they are part of the document
        say_notes(result.notes)


def made(model: str, *, sizes: str | None, progress: Progress | None = None, **loading: Any) -> Alignment:
    """Return what the command shows, by its options as they are given."""
    from rfcalc.questions.align.library import align

    chosen = None if sizes is None else sizes_in(sizes, "--sizes")
    return align(model, chosen, progress=progress, **options.loading(**loading))

"""``rfcalc explain``: who is responsible for what a layer sees and costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfcalc.commands import options
from rfcalc.commands.question import SEE, Tables, question
from rfcalc.commands.say import say_notes
from rfcalc.commands.working import working

if TYPE_CHECKING:
    from rfcalc.questions.explain.report import Explanation


@question(
    "explain",
    SEE,
    "Show what each layer on the way adds to the field of a layer.",
    "rfcalc explain pooling.json conv3",
    "rfcalc explain unet.json classes --format markdown",
    tables=Tables(""),
)
@options.model
@options.layer
@options.form
@options.output
@options.everywhere
def command(model: str, *, form: str, output: str, **how: Any) -> None:
    """Show what each layer on the way to LAYER in MODEL adds to what it sees and costs.

    LAYER is a layer's name or an output tensor's, by default the last convolution whose field has a size. A
    window adds (kernel - 1) x dilation x stride in, the stride of what it takes, which is the product of the
    steps before it: own is what it would add at stride 1, inherited the rest, due to the layers that stepped.
    """
    from rfcalc.render.write import check_output

    check_output(output, source=model)
    with working("explain"):
        result = made(model, **how)
    options.show(result, form, output)
    if form != "json":  # there they are part of the document
        say_notes(result.notes)


def made(model: str, *, layer: str | None, **loading: Any) -> Explanation:
    """Return what the command shows, by its options as they are given."""
    from rfcalc.questions.explain.library import explain

    return explain(model, layer, **options.loading(**loading))

"""``rfcalc effective``: how much each input position weighs in a unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfcalc.arguments import place
from rfcalc.commands import options
from rfcalc.commands.question import SEE, Tables, question
from rfcalc.commands.working import working

if TYPE_CHECKING:
    from rfcalc.questions.effective.report import EffectiveField


@question(
    "effective",
    SEE,
    "Show how much each input position weighs in a unit.",
    "rfcalc effective pooling.json",
    "rfcalc effective pooling.json conv2 --at 0,0 --format json",
    tables=Tables("at"),
)
@options.model
@options.layer
@options.unit("By default the one in the middle.")
@options.form
@options.output
@options.everywhere
def command(model: str, *, form: str, output: str, **how: Any) -> None:
    """Show how much each input position weighs in one unit of LAYER in MODEL.

    Each layer is taken to average over its window, gates are cut: then positions in the middle of a field
    weigh most, since most paths lead there, and half of the weight lies in a small part of the field (Luo et
    al. 2016). LAYER is by default the last convolution. The input needs a size: give one with --input-shape
    or --dim where it is open.
    """
    from rfcalc.render.write import check_output

    check_output(output, source=model)
    with working("effective"):
        result = made(model, **how)
    options.show(result, form, output)


def made(model: str, *, layer: str | None, at: str | None, **loading: Any) -> EffectiveField:
    """Return what the command shows, by its options as they are given."""
    from rfcalc.questions.effective.library import effective

    unit = None if at is None else place(at, "--at")
    return effective(model, layer, unit, **options.loading(**loading))

"""``rfcalc plot``: pictures."""

from __future__ import annotations

from typing import Any, Final

import click

from rfcalc.arguments import listed, place
from rfcalc.commands import options
from rfcalc.commands.older import Older, Words
from rfcalc.commands.question import SEE, question
from rfcalc.commands.working import working

_SPELLED: Final = {
    "layer": "LAYER",
    "at": "--at",
    "image": "--image",
    "variants": "--with",
    "pareto": "--pareto",
}


def _unit(value: str) -> Words:
    """Return what ``--unit LAYER[@Y,X]`` meant; a layer's name may hold an @ too."""
    layer, at, index = value.rpartition("@")
    if at and all(part.strip().removeprefix("-").isdecimal() for part in index.split(",")):
        return Words(("--at", index), (layer,))
    return Words((), (value,))


@question(
    "plot",
    SEE,
    "Draw how fields grow, what layers cost, or what a unit sees.",
    "rfcalc plot pooling.json --output growth.svg",
    "rfcalc plot pooling.json --what costs --output costs.png",
    "rfcalc plot pooling.json --what lines --output lines.svg",
    "rfcalc plot pooling.json conv3 --at 1,1 --output unit.svg",
    notes="Of a file that rfcalc sweep wrote, --what pareto draws two figures of all designs.",
    older=(Older("--compare", "A,B,...", "--with"), Older("--unit", "LAYER[@Y,X]", "LAYER --at Y,X", _unit)),
)
@options.model
@options.layer
@click.option(
    "--what",
    type=click.Choice(["growth", "costs", "field", "effective", "lines", "pareto"]),
    help="The field against depth, parameters by layer, what a unit sees, what each position of the input "
    "weighs in it, the side view: lines from it down to all that it depends on, or the designs of a file "
    "that rfcalc sweep wrote, by two figures. By default growth; field where LAYER, --at or --image is "
    "given.",
)
@options.variants
@options.unit("By default the one in the middle.")
@options.image()
@options.pareto("Two of them; by default those that the file was chosen by, or params,-field.")
@options.output_of("The name ends in .svg, .png or .pdf.", required=True)
@options.everywhere
def command(
    model: str,
    *,
    layer: str | None,
    what: Any,
    variants: str | None,
    at: str | None,
    image: str | None,
    pareto: str | None,
    output: str,
    **loading: Any,
) -> None:
    """Draw MODEL: how far its layers see, beside what they would see without pooling.

    With LAYER, what one unit of it depends on, drawn on the input; what of its window lies in padding is
    hatched. LAYER is by default the last convolution whose field has a size; of the side view the last whose
    lines there is room for. With --with, counterfactuals are drawn beside the model.
    """
    from rfcalc.pictures.library import check_taken, plot
    from rfcalc.render.pictures import suffix_of
    from rfcalc.render.write import check_output

    suffix_of(output)
    check_output(output, source=model)
    if image is not None:
        check_output(output, source=image)
    what = what or ("growth" if layer is at is image is None else "field")
    given = {"layer": layer, "at": at, "image": image, "variants": variants, "pareto": pareto}
    check_taken(what, given, lambda name: _SPELLED[name], "--what")
    unit = None if at is None else place(at, "--at")
    with working("plot") as progress:
        plot(
            model,
            output,
            what=what,
            variants=listed(variants),
            layer=layer,
            at=unit,
            image=image,
            pareto=pareto,
            progress=progress,
            **options.loading(**loading),
        )

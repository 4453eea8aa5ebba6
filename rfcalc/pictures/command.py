"""``rfcalc plot``: pictures."""

from __future__ import annotations

from typing import Any

import click

from rfcalc.arguments import place
from rfcalc.commands import options
from rfcalc.commands.question import SEE, question
from rfcalc.errors import UsageError


@question(
    "plot",
    SEE,
    "Draw how fields grow, what layers cost, or what a unit sees.",
    "rfcalc plot pooling.json --output growth.svg",
    "rfcalc plot pooling.json --what costs --output costs.png",
    "rfcalc plot pooling.json --unit conv3@1,1 --output unit.svg",
)
@options.model
@click.option(
    "--compare",
    "names",
    metavar="A,B,...",
    help="The counterfactuals beside the model, as of rfcalc compare --with; by default those that say most.",
)
@click.option(
    "--what",
    type=click.Choice(["growth", "costs", "effective"]),
    default="growth",
    show_default=True,
    help="The field against depth, parameters by layer, or what each position of the input weighs in a unit.",
)
@click.option(
    "--unit",
    metavar="LAYER[@Y,X]",
    help="Draw the field of this unit on the input instead; with --what effective, what weighs in it.",
)
@click.option(
    "--image",
    metavar="FILE",
    shell_complete=options.files,
    help="Draw it on this image, scaled to the size of the input.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="FILE",
    shell_complete=options.files,
    help="The picture: .svg, .png or .pdf; written whole or not.",
)
@options.debug
def command(
    model: str,
    *,
    names: str | None,
    what: Any,
    unit: str | None,
    image: str | None,
    output: str,
    **loading: Any,
) -> None:
    """Draw MODEL: how far its layers see, beside what they would see without pooling.

    With --unit, what one unit depends on, drawn on the input; what of its window lies in padding is hatched.
    """
    from rfcalc.pictures.library import plot
    from rfcalc.render.pictures import suffix_of
    from rfcalc.render.write import check_output

    suffix_of(output)
    check_output(output, source=model)
    if image is not None:
        check_output(output, source=image)
        if unit is None:
            raise UsageError("--image is for the field of a unit; give --unit as well")
    chosen = options.loading(**loading)
    if unit is not None or what == "effective":
        layer, at = (None, None) if unit is None else _unit(unit)
        if what != "effective":
            what = "field"
        plot(model, output, what=what, layer=layer, at=at, image=image, **chosen)
        return
    variants = None if names is None else [name.strip() for name in names.split(",")]
    plot(model, output, what=what, variants=variants, **chosen)


def _unit(text: str) -> tuple[str, list[int] | None]:
    """Split what --unit says; a layer's name may hold an @ too."""
    layer, at, index = text.rpartition("@")
    return (layer, place(index, "--unit")) if at and _is_index(index) else (text, None)


def _is_index(text: str) -> bool:
    return all(part.strip().removeprefix("-").isdecimal() for part in text.split(","))

"""``rfcalc plot``: pictures."""

from __future__ import annotations

from typing import Any, Final

import click

from rfcalc.arguments import listed, place
from rfcalc.commands import options
from rfcalc.commands.older import Older, Words
from rfcalc.commands.question import SEE, question
from rfcalc.errors import UsageError

_OF_MODEL: Final = ("growth", "costs")
_OF_UNIT: Final = ("field", "effective")


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
    "rfcalc plot pooling.json conv3 --at 1,1 --output unit.svg",
    older=(Older("--compare", "A,B,...", "--with"), Older("--unit", "LAYER[@Y,X]", "LAYER --at Y,X", _unit)),
)
@options.model
@options.layer
@click.option(
    "--what",
    type=click.Choice([*_OF_MODEL, *_OF_UNIT]),
    help="The field against depth, parameters by layer, what a unit sees, or how much each position of the "
    "input weighs in it. By default growth; field where LAYER, --at or --image is given.",
)
@options.variants
@options.unit("By default the one in the middle.")
@options.image()
@options.output_of("The name ends in .svg, .png or .pdf.", required=True)
@options.debug
def command(
    model: str,
    *,
    layer: str | None,
    what: Any,
    variants: str | None,
    at: str | None,
    image: str | None,
    output: str,
    **loading: Any,
) -> None:
    """Draw MODEL: how far its layers see, beside what they would see without pooling.

    With LAYER, what one unit of it depends on, drawn on the input; what of its window lies in padding is
    hatched. LAYER is by default the last convolution whose field has a size.
    """
    from rfcalc.pictures.library import plot
    from rfcalc.render.pictures import suffix_of
    from rfcalc.render.write import check_output

    suffix_of(output)
    check_output(output, source=model)
    if image is not None:
        check_output(output, source=image)
    of_unit = {"LAYER": layer, "--at": at, "--image": image}
    what = what or ("field" if any(each is not None for each in of_unit.values()) else "growth")
    refused = of_unit if what in _OF_MODEL else {"--with": variants}
    for name, given in refused.items():
        if given is not None:
            others = " and ".join(f"--what {each}" for each in (_OF_UNIT if what in _OF_MODEL else _OF_MODEL))
            raise UsageError(f"{name} is for {others}")
    if what == "effective" and image is not None:
        raise UsageError("--image is for --what field")
    plot(
        model,
        output,
        what=what,
        variants=listed(variants),
        layer=layer,
        at=None if at is None else place(at, "--at"),
        image=image,
        **options.loading(**loading),
    )

"""``rfcalc field``: what each output index of a layer truly depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rfcalc.arguments import place
from rfcalc.commands import options
from rfcalc.commands.question import SEE, Tables, question
from rfcalc.commands.say import say_notes
from rfcalc.commands.working import working
from rfcalc.errors import UsageError

if TYPE_CHECKING:
    from rfcalc.questions.field.report import Field, Seeing
    from rfcalc.questions.field.report_phases import Phases


@question(
    "field",
    SEE,
    "Show what each output index of a layer truly depends on.",
    "rfcalc field pooling.json conv3",
    "rfcalc field pooling.json conv3 --at 0,2",
    "rfcalc field pooling.json conv3 --from-input 14,14",
    "rfcalc field resnet.json stages/1/first/add --cut 'stages/*/shortcut'",
    "rfcalc field unet.json classes --phases",
    tables=Tables("at pixel phases"),
)
@options.model
@options.layer
@options.unit("By default all; on a picture the one in the middle.")
@click.option(
    "--from-input",
    "pixel",
    metavar="Y,X",
    help="The other way round: the units that see this pixel of the input.",
)
@click.option(
    "--phases",
    is_flag=True,
    help="The field by output phase instead: behind upsampling neighbours see fields of different sizes.",
)
@options.image("-o says where: a name that ends in .svg, .png or .pdf (extra plot).")
@options.every("A terminal gets a line for each output too, not one for those that are a steady step apart.")
@options.form
@options.output
@options.everywhere
def command(model: str, *, image: str | None, every: bool, form: str, output: str, **how: Any) -> None:
    """Show what each output index of LAYER in MODEL truly depends on, padding dropped layer by layer.

    LAYER is a layer's name or an output tensor's, by default the last convolution whose field has a size.
    Taps counts the input indices between first and last that are read. The input needs a size: give one with
    --input-shape or --dim where it is open.
    """
    from rfcalc.render.write import check_output

    check_output(output, source=model)
    if image is not None:
        _draw(model, image, output, **how)
        return
    with working("field"):
        result = made(model, **how)
    options.show(result, form, output, every=every)
    say_notes(result.notes)


def _draw(model: str, image: str, output: str, *, layer: str | None, at: str | None, **how: Any) -> None:
    """Draw the field of one unit on an image."""
    from rfcalc.loading import asked
    from rfcalc.questions.field.picture import field_picture
    from rfcalc.render.pictures import drawn, suffix_of
    from rfcalc.render.write import check_output, write

    if how.pop("pixel") is not None or how.pop("phases"):
        raise UsageError("--image is for the field of one unit; leave --from-input and --phases out")
    if output == "-":
        raise UsageError("--image draws a picture; say where with -o, such as -o field.png")
    form = suffix_of(output)
    check_output(output, source=image)
    unit = None if at is None else place(at, "--at")
    with working("field"), asked(model, **options.loading(**how)) as run:
        picture = drawn(field_picture(run, layer, unit, image), form)
    write(picture, output)


def made(
    model: str,
    *,
    layer: str | None,
    at: str | None,
    pixel: str | None,
    phases: bool,
    **loading: Any,
) -> Field | Phases | Seeing:
    """Return what the command shows, by its options as they are given."""
    from rfcalc.questions.field.library import field
    from rfcalc.questions.field.library import phases as phases_of

    asked = [name for name, given in (("--at", at), ("--from-input", pixel), ("--phases", phases)) if given]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} ask for different things; give one of them")
    unit = None if at is None else place(at, "--at")
    given = options.loading(**loading)
    if phases:
        return phases_of(model, layer, **given)
    result = field(model, layer, unit, **given)
    return result if pixel is None else result.seeing(place(pixel, "--from-input"))

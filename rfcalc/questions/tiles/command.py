"""``rfcalc tiles``: how to run a model on pieces of its input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rfcalc.arguments import place, size_in_bytes
from rfcalc.commands import options
from rfcalc.commands.question import REVIEW, Tables, question

if TYPE_CHECKING:
    from rfcalc.questions.tiles.report import Tiles


@question(
    "tiles",
    REVIEW,
    "Show how to run a model on tiles or on a stream.",
    "rfcalc tiles unet.json",
    "rfcalc tiles unet.json --image 4000,6000 --tile 512",
    "rfcalc tiles unet.json --image 4000,6000 --memory 8GB",
    "rfcalc tiles wavenet.json --rate 16000",
    tables=Tables("tile image memory layer rate cut_gates on_unknown"),
)
@options.model
@click.option("--tile", metavar="H[,W]", help="The largest tile, in pixels; 512 by default.")
@click.option("--image", metavar="H,W", help="The image to plan for; by default the input's own size.")
@click.option(
    "--memory", metavar="SIZE", help="The largest tile whose activations take this at most, as 8GB or 512MiB."
)
@click.option("--layer", metavar="NAME", help="The output that is wanted; by default the model's first.")
@click.option("--rate", type=float, metavar="HZ", help="Samples a second, for latencies in milliseconds.")
@click.option(
    "--cut-gates", is_flag=True, help="Leave out gates and statistics over the map: tiles come near, no more."
)
@options.form
@options.output
@options.on_unknown
@options.debug
def command(
    model: str,
    *,
    tile: str | None,
    image: str | None,
    memory: str | None,
    form: str,
    output: str,
    **how: Any,
) -> None:
    """Show how to cut the input of MODEL so that the tiles' outputs, put together, are the whole output.

    The halo is what a tile needs around the part whose outputs are kept. Starts and sizes say where a tile
    may begin and how large it may be, so that all maps on the way are cut alike. With an image, a plan says
    which tiles to run and what to keep of each. For sequences: history, look-ahead and latency. The exit code
    is 1 where a plan is asked for and the model cannot be cut.
    """
    from rfcalc.errors import CheckFailed
    from rfcalc.render.write import check_output, write

    check_output(output, source=model)
    found = made(model, tile=tile, image=image, memory=memory, **how)
    write(found.to_json() if form == "json" else options.render(found, form, output), output)
    if form != "json":
        options.say_notes(found.notes)
    if (tile or image or memory) and found.plan is None:
        raise CheckFailed("no axis of the input can be cut, so there is no plan", source=model)


def made(
    model: str,
    *,
    tile: str | None,
    image: str | None,
    memory: str | None,
    layer: str | None,
    rate: float | None,
    cut_gates: bool,
    on_unknown: Any,
    **loading: Any,
) -> Tiles:
    """Return what the command shows, by its options as they are given."""
    from rfcalc.questions.tiles.library import tiles

    sizes = {
        "tile": None if tile is None else place(tile, "--tile"),
        "image": None if image is None else place(image, "--image"),
    }
    most = None if memory is None else size_in_bytes(memory, "--memory")
    return tiles(
        model,
        tile=sizes["tile"],
        image=sizes["image"],
        memory=most,
        layer=layer,
        rate=rate,
        cut_gates=cut_gates,
        on_unknown=on_unknown,
        **options.loading(**loading),
    )

"""``rfcalc tiles``: how to run a model on pieces of its input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rfcalc.arguments import place, size_in_bytes
from rfcalc.commands import options
from rfcalc.commands.older import Older, argument
from rfcalc.commands.question import REVIEW, Tables, question
from rfcalc.commands.say import say_notes
from rfcalc.commands.working import working

if TYPE_CHECKING:
    from rfcalc.questions.tiles.report import Tiles


@question(
    "tiles",
    REVIEW,
    "Show how to run a model on tiles or on a stream.",
    "rfcalc tiles unet.json",
    "rfcalc tiles unet.json --size 4000,6000 --tile 512",
    "rfcalc tiles unet.json --size 4000,6000 --memory 8GB",
    "rfcalc tiles wavenet.json --rate 16000",
    tables=Tables("tile size memory rate cut_gates"),
    older=(Older("--image", "H,W", "--size"), Older("--layer", "NAME", "LAYER", argument)),
)
@options.model
@options.layer
@click.option("--tile", metavar="H[,W]", help="The largest tile, in pixels; 512 by default.")
@click.option("--size", metavar="H,W", help="The size of the input to plan for; by default its own.")
@click.option(
    "--memory", metavar="SIZE", help="The largest tile whose activations take this at most, as 8GB or 512MiB."
)
@options.rate("Latencies are told in milliseconds then.")
@click.option(
    "--cut-gates", is_flag=True, help="Leave out gates and statistics over the map: tiles come near, no more."
)
@options.form
@options.output
@options.everywhere
def command(
    model: str,
    *,
    tile: str | None,
    size: str | None,
    memory: str | None,
    form: str,
    output: str,
    **how: Any,
) -> None:
    """Show how to cut the input of MODEL so that outputs of the tiles, put together, are the whole output.

    LAYER is the layer, or output tensor, that is wanted; by default the first output of the model.

    The halo is what a tile needs around the part whose outputs are kept. Starts and sizes say where a tile
    may begin and how large it may be, so that all maps on the way are cut alike. With a size, a plan says
    which tiles to run and what to keep of each. For sequences: history, look-ahead and latency. The exit code
    is 1 where a plan is asked for and the model cannot be cut.
    """
    from rfcalc.errors import CheckFailed
    from rfcalc.render.write import check_output

    check_output(output, source=model)
    with working("tiles"):
        found = made(model, tile=tile, size=size, memory=memory, **how)
    options.show(found, form, output)
    if form != "json":
        say_notes(found.notes)
    if (tile or size or memory) and found.plan is None:
        raise CheckFailed("no axis of the input can be cut, so there is no plan", source=model)


def made(
    model: str,
    *,
    tile: str | None,
    size: str | None,
    memory: str | None,
    layer: str | None,
    rate: float | None,
    cut_gates: bool,
    **loading: Any,
) -> Tiles:
    """Return what the command shows, by its options as they are given."""
    from rfcalc.questions.tiles.library import tiles

    return tiles(
        model,
        layer,
        tile=None if tile is None else place(tile, "--tile"),
        size=None if size is None else place(size, "--size"),
        memory=None if memory is None else size_in_bytes(memory, "--memory"),
        rate=rate,
        cut_gates=cut_gates,
        **options.loading(**loading),
    )

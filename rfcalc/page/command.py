"""``rfcalc report``: a page to look at."""

from __future__ import annotations

import sys
from typing import Any

import click

from rfcalc.arguments import listed
from rfcalc.arguments import sizes as sizes_in
from rfcalc.commands import options
from rfcalc.commands.question import SEE, question
from rfcalc.commands.terminal import is_terminal
from rfcalc.commands.working import working
from rfcalc.errors import UsageError


@question(
    "report",
    SEE,
    "Make a page that shows a model and what each unit sees.",
    "rfcalc report pooling.json --output report.html",
    "rfcalc report pooling.json plain.json --output report.html",
    "rfcalc report unet.json --sizes 128,192 --output report.html",
    notes="The page needs no network and no server: open it in a browser.",
)
@click.argument("model", shell_complete=options.files)
@click.argument("other", shell_complete=options.files, required=False)
@options.reading
@options.variants
@options.sizes
@options.image("It is PNG or JPEG.")
@options.rate("Places are told in seconds too.")
@options.format_of("html", "json", about="JSON is the document that the page shows.")
@options.output
@options.everywhere
def command(
    model: str,
    other: str | None,
    *,
    variants: str | None,
    sizes: str | None,
    image: str | None,
    rate: float | None,
    form: str,
    output: str,
    **loading: Any,
) -> None:
    """Make a page that shows MODEL: its layers, what each unit of them sees of the input, what they cost.

    With OTHER, both models side by side, and what changed; else the model beside what it is without its
    pooling, or without its strides, or beside those that --with names.
    """
    from rfcalc.page.library import report
    from rfcalc.render.write import check_output, write

    for source, kind in ((model, "model"), (other, "model"), (image, "picture")):
        if source is not None:
            check_output(output, source=source, kind=kind)
    if form == "html" and output == "-" and is_terminal(sys.stdout):
        raise UsageError("a page is for a browser; name a file for it, as with --output report.html")
    with working("report"):
        made = report(
            model,
            other,
            variants=listed(variants),
            sizes=() if sizes is None else sizes_in(sizes, "--sizes"),
            image=image,
            rate=rate,
            **options.loading(**loading),
        )
    write(made.to_html() if form == "html" else made.to_json(), output)

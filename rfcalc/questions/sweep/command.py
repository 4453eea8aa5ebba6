"""``rfcalc sweep``: every design of a family at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from rfcalc.commands import options
from rfcalc.commands.question import REVIEW, question


@question(
    "sweep",
    REVIEW,
    "Work out every design of a family: what it sees, what it costs.",
    "rfcalc sweep resnet.json --over n=1:3 --over width=8,16",
)
@options.family("FIRST:LAST:STEP, both included, or A,B,... varies it.")
@click.option(
    "--over",
    multiple=True,
    metavar="NAME=A:B[:STEP]",
    help="Vary a parameter of a native model, from A to B, both included, or over values: kernel=3,5,7, "
    "pool=true,false; or the counterfactuals of compare: variant=plain,dilated. May be repeated; the last "
    "moves fastest.",
)
@click.option(
    "--layer",
    "named",
    multiple=True,
    metavar="NAME",
    help="Tell the figures of this layer; by default of the last map. May be repeated.",
)
@options.output
@options.everywhere
def command(
    model: str, *, over: Sequence[str], dim: Sequence[str], named: Sequence[str], output: str, **loading: Any
) -> None:
    """Work out every design of MODEL over a grid of parameters and sizes.

    Writes a line of CSV for each design; a design that cannot be built has the reason for it.
    """
    import csv
    import io

    from rfcalc.questions.sweep.evaluate import Evaluator
    from rfcalc.questions.sweep.grid import dims_of, over_of, space_of
    from rfcalc.render.write import check_output, write

    check_output(output, source=model)
    fixed, spans = dims_of(dim)
    space, _ = space_of(over_of(over), spans)
    how = options.loading(dim=[f"{name}={size}" for name, size in fixed.items()], **loading)
    evaluator = Evaluator(model, space, tuple(named), how)  # type: ignore[arg-type]  # options as load takes them
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    for number, block in enumerate(space.block(0, space.size)):
        figures = evaluator.figures(block)
        if not number:
            lines.writerow(figures)
        lines.writerows(zip(*(values.tolist() for values in figures.values()), strict=True))
    write(text.getvalue(), output)

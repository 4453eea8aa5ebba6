"""``rfcalc verify``: recompute every answer by another way."""

from __future__ import annotations

import sys
from typing import Any

import click

from rfcalc.commands import options
from rfcalc.commands.question import REVIEW, question
from rfcalc.commands.working import working
from rfcalc.errors import CheckFailed


@question(
    "verify",
    REVIEW,
    "Recompute every answer by enumeration, and show what differs.",
    "rfcalc verify pooling.json",
    "rfcalc verify unet.json --format json",
    notes="Exit codes: 0 all answers agree, 1 one differs, 2 wrong usage, 3 the model cannot be read.",
)
@options.model
@options.format_of("text", "json")
@click.option(
    "--run/--no-run",
    default=None,
    help="Run an ONNX file or a PyTorch module as well, with stand-in values, and see what changes in its "
    "tensors with an index of the input. By default small models are run where a runtime is installed; --run "
    "runs larger ones too. That executes the file: --no-run leaves it out.",
)
@options.output
@options.everywhere
def command(model: str, *, form: str, run: bool | None, output: str, **loading: Any) -> None:
    """Recompute every answer about MODEL by another way, and show where they differ.

    The analysis composes formulas. Here what each layer reads is enumerated from its definition, index by
    index, and chased through the graph: shapes, the exact rows at the input's size, fields, strides,
    paddings, centres, parameters and multiply-accumulates. Where the size is open or very large another one
    is taken, and a larger one too where that is needed to see a field that no padding reaches.
    """
    from rfcalc.questions.verify.library import verify
    from rfcalc.render.write import check_output, terminal_width, unicode_output

    check_output(output, source=model)
    with working("verify") as progress:
        result = verify(model, run=run, progress=progress, **options.loading(**loading))
    unicode = output != "-" or unicode_output(sys.stdout)
    width = terminal_width(sys.stdout if output == "-" else None)
    options.put(result.to_json() if form == "json" else result.to_text(width, unicode=unicode), form, output)
    if not result.holds:
        raise CheckFailed(result.verdict, source=result.source)

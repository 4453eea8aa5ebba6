"""``rfcalc compare``: what the pooling bought, or how models differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from rfcalc.arguments import listed
from rfcalc.commands import options
from rfcalc.commands.question import COMPARE, Tables, question
from rfcalc.commands.say import say_notes
from rfcalc.commands.working import working
from rfcalc.wording import MARKUP

if TYPE_CHECKING:
    from rfcalc.progress import Progress
    from rfcalc.questions.compare.report import Comparison

_EPILOG: Final = """Counterfactuals: plain (every pooling removed), unstrided (every stride 1), strided (a
convolution of the same window and stride for each pooling), dilated (poolings at stride 1, what follows
dilated: the same fields), atrous (the same for every stride), average, median, max (other poolings),
pool:K:N (a KxK pooling after every N convolutions; pool is pool:2:1)."""


@question(
    "compare",
    COMPARE,
    "Show what the pooling bought, or how models differ.",
    "rfcalc compare pooling.json",
    "rfcalc compare pooling.json --with plain,average",
    "rfcalc compare pooling.json plain.json --format markdown",
    notes=_EPILOG,
    tables=Tables("variants layers", ("model", "others")),
)
@click.argument("model", shell_complete=options.files)
@click.argument("others", nargs=-1, metavar="[OTHER]...", shell_complete=options.files)
@options.reading
@options.variants
@options.format_of("text", *MARKUP, "csv", "json", about="CSV has one line for each model: what it comes to.")
@options.layers
@options.output
@options.everywhere
def command(
    model: str,
    *,
    others: Sequence[str],
    form: str,
    output: str,
    **how: Any,
) -> None:
    """Compare MODEL with what it would be without its pooling, or with each OTHER model.

    Fields, coverage and maps by depth, side by side; what each comes to in parameters, multiply-accumulates
    and memory; and the answer in sentences.
    """
    from rfcalc.render.write import check_output

    for each in (model, *others):
        check_output(output, source=each)
    with working("compare") as progress:
        comparison = made(model, others=others, progress=progress, **how)
    options.put(_render(comparison, form, output), form, output)
    if form != "json":
        base = comparison.entries[0].result
        say_notes(() if base is None else base.notes)


def made(
    model: str,
    *,
    others: Sequence[str],
    variants: str | None,
    layers: Sequence[str],
    progress: Progress | None = None,
    **loading: Any,
) -> Comparison:
    """Return what the command shows, by its options as they are given."""
    from rfcalc.questions.compare.library import compare

    comparison = compare(
        model, *others, variants=listed(variants), progress=progress, **options.loading(**loading)
    )
    return comparison.only(layers) if layers else comparison


def _render(comparison: Comparison, form: str, output: str) -> str:
    if form == "json":
        return comparison.to_json()
    if form == "csv":
        from rfcalc.questions.compare.report import comparison_csv

        return comparison_csv(comparison)
    return options.render(comparison, form, output)

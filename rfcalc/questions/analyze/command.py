"""``rfcalc analyze``: what each layer sees, puts out and costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from rfcalc.commands import options
from rfcalc.commands.question import SEE, Tables, question
from rfcalc.commands.say import complain, say_notes
from rfcalc.commands.working import working
from rfcalc.errors import CheckFailed
from rfcalc.records import NamedTuple
from rfcalc.wording import MARKUP, few

if TYPE_CHECKING:
    from rfcalc.engine.result import AnalysisResult
    from rfcalc.render.columns import Column
    from rfcalc.render.shown import Shown

_NAMED_AT_MOST: Final = 5

_LEGEND: Final = """A receptive field reads 18x18, in pixels of the input; global for the whole map, whatever
its size; global (7x7) where gates make it so, with the field without them; ~18x18 for an upper bound; none
where the layer does not depend on the input; ? where it is not known. The bar under covers is the share of
the input's area in the field.

Exit codes: 0 done, 1 --strict did not hold, 2 wrong usage, 3 the model cannot be read or analysed."""


@question(
    "analyze",
    SEE,
    None,
    "rfcalc analyze pooling.json",
    "rfcalc analyze resnet.json --depth 1 --columns layer,receptive_field,params",
    "rfcalc analyze unet.json --dim H=512 --dim W=512 --layers 'down*'",
    "rfcalc analyze pooling.json --input-shape '?,?,1' --symbolic",
    "rfcalc analyze pooling.json --format markdown --output pooling.md",
    "rfcalc analyze resnet.json --strict --format json",
    notes=_LEGEND,
    tables=Tables("columns layers depth symbolic"),
)
@options.model
@options.format_of(
    "text",
    *MARKUP,
    "csv",
    "json",
    "model-explorer",
    about="Text leaves out columns that the terminal (or COLUMNS; else 80) has no room for, and says which; "
    "long formulas move below the table. model-explorer is node data for Model Explorer: the field, or the "
    "figure that --columns names.",
)
@click.option(
    "--columns",
    metavar="A,B,...",
    help="Show these columns, by their keys in the JSON document; in JSON, keep these keys of each layer.",
)
@options.output
@options.layers
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    metavar="N",
    help="One row for each block this deep, 1 being the top.",
)
@options.every(
    "A terminal gets a row for each layer too, where long tables are folded: one line for a layer with its "
    "activation, for a module of plain operations, and for the repeats of a block."
)
@click.option("--strict", is_flag=True, help="Exit with 1 unless every figure is known and exact.")
@click.option(
    "--symbolic",
    is_flag=True,
    help="Formulas in H and W where the input is open, as with --input-shape '?,?,3'.",
)
@options.everywhere
def command(
    model: str,
    *,
    form: str,
    output: str,
    strict: bool,
    symbolic: bool,
    every: bool,
    **how: Any,
) -> None:
    """Show what each layer of MODEL sees, puts out and costs.

    MODEL is an architecture file, or - for standard input; or package.module:factory, which imports and calls
    your own code, for a module of PyTorch (with --input-shape), a Keras model, or what from_jax gives; or a
    name of a library, as timm:resnet50.
    """
    from rfcalc.render.write import check_output

    check_output(output, source=model)
    with working("analyze"):
        analysis, shown, columns = _chosen(model, symbolic=symbolic, **how)
    if symbolic:
        _say_where_nothing_is_open(analysis)
    doubts = analysis.doubts if strict else ()
    if not doubts or output == "-":
        every = every or bool(how["layers"])
        options.put(_render(shown, form, columns, output, every=every), form, output)
    if form != "json":  # there they are part of the document
        say_notes(analysis.notes, analysis.module_of)
    if doubts:
        raise CheckFailed(_not_exact(doubts, output), source=analysis.source)


class _Chosen(NamedTuple):
    """An analysis, the part of it to show, and the columns of that where they are chosen."""

    analysis: AnalysisResult
    shown: AnalysisResult
    columns: tuple[Column, ...] | None


def _chosen(
    model: str,
    *,
    columns: str | None,
    layers: Sequence[str],
    depth: int | None,
    symbolic: bool,
    **loading: Any,
) -> _Chosen:
    from rfcalc.questions.analyze.library import analyze
    from rfcalc.render.columns import ON_DEMAND, choose, select

    chosen = None if columns is None else choose(name.strip() for name in columns.split(","))
    analysis = analyze(
        model,
        depth=depth,
        symbolic=symbolic,
        details=any(column.name in ON_DEMAND for column in chosen or ()),
        **options.loading(**loading),
    )
    return _Chosen(analysis, select(analysis, layers) if layers else analysis, chosen)


def made(model: str, **how: Any) -> Shown:
    """Return what the command shows, by its options as they are given."""
    _, shown, columns = _chosen(model, **how)
    return _table(shown, columns)


def _table(result: AnalysisResult, columns: Sequence[Column] | None) -> Shown:
    from rfcalc.questions.analyze.report import AnalysisTable, Ways

    ways = Ways(
        "--columns, --format, wider terminal",
        "--all shows every layer",
        lambda dims: " ".join(f"--dim {name}={size}" for name, size in dims),
    )
    return AnalysisTable(result, columns, ways=ways)


def _render(
    result: AnalysisResult, form: str, columns: Sequence[Column] | None, output: str, *, every: bool
) -> str:
    """Render in the format asked for; each imports what it needs alone."""
    if form == "json":
        from rfcalc.render.document import analysis_document, dump

        return dump(analysis_document(result, columns))
    if form == "csv":
        from rfcalc.questions.analyze.exports import analysis_csv

        return analysis_csv(result, columns)
    if form == "model-explorer":
        from rfcalc.questions.analyze.explorer import node_data
        from rfcalc.render.document import dump

        return dump(node_data(result, columns))
    return options.render(_table(result, columns), form, output, every=every)


def _say_where_nothing_is_open(analysis: AnalysisResult) -> None:
    """Say why there are no formulas, where the file fixes every extent."""
    extents = [extent for each in analysis.inputs for extent in each.spatial]
    if extents and all(isinstance(extent, int) for extent in extents):
        opened = ",".join("?" * len(next(each.spatial for each in analysis.inputs if each.spatial)))
        complain(
            "note: --symbolic changes nothing, since no extent of the input is open; "
            f"open them with --input-shape '{opened},3' or the like"
        )


def _not_exact(doubts: Sequence[str], output: str) -> str:
    named = few(doubts, most=_NAMED_AT_MOST)
    unwritten = "" if output == "-" else f"; {output} was not written"
    return f"--strict: not exact: {named}{unwritten}"

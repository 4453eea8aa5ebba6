"""``rfcalc sweep``: every design of a family at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rfcalc.arguments import count
from rfcalc.commands import options
from rfcalc.commands.question import COMPARE, READING, Tables, question
from rfcalc.commands.working import working
from rfcalc.errors import UsageError
from rfcalc.wording import MARKUP

if TYPE_CHECKING:
    from rfcalc.progress import Progress
    from rfcalc.questions.sweep.report import Sweep

_EPILOG: Final = """A condition holds names of columns, numbers, text in quotes, < <= > >= == !=, and, or,
not, + - * / // **, ( ). A field that is global is larger than any number; what is compared with a figure that
is not known is not true.

A file is Parquet, or CSV where its name ends in .csv. While a sweep runs, what is done lies in a folder
beside it; a sweep that was stopped goes on with --resume. rfcalc analyze FILE --design 1234, and every other
command, takes a design of a file by its number."""

_FILES: Final = {".csv": "csv", ".parquet": "parquet"}
"""The formats of files of designs, by how their names end."""


@question(
    "sweep",
    COMPARE,
    "Work out every design of a family: what it sees, what it costs.",
    "rfcalc sweep resnet.json --over n=1:4 --over width=8,16,32",
    "rfcalc sweep resnet.json --over n=1:4 --over width=8,16 --pareto macs,-field",
    "rfcalc sweep pooling.json --over variant=plain,strided --dim H=28:40:4",
    notes=_EPILOG,
    tables=Tables("over named where pareto top by sample seed latin", lacks="design"),
)
@options.family("FIRST:LAST:STEP, both included, or A,B,... varies it, behind what --over varies.")
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
    help="Tell what this layer sees and puts out; by default the last map. May be repeated.",
)
@click.option(
    "--where",
    metavar="CONDITION",
    multiple=True,
    callback=lambda _context, _option, given: _all_of(given),
    help="Keep the designs of which this is true, such as 'params < 5e6 and field >= 224'; field, extent and "
    "stride are the smallest over the axes of the first layer. May be repeated.",
)
@options.pareto("Those are kept that no other surpasses in all of them.")
@options.top("Designs are kept, the best first with --by.")
@click.option("--by", metavar="A", help="The designs of the smallest (or with a minus largest) figure first.")
@click.option("--sample", metavar="N", help="Work out so many designs, by chance, none of them twice.")
@click.option("--seed", metavar="N", default="0", show_default=True, help="The seed of a random sample.")
@click.option(
    "--latin",
    is_flag=True,
    help="Draw the sample as a Latin hypercube: the values of each axis equally often.",
)
@options.workers("By default in this one.")
@options.scheduler
@click.option("--resume", is_flag=True, help="Go on where the sweep that makes this file was stopped.")
@click.option(
    "--write", "written", metavar="N", help="Write the design of this number as a model file, to --output."
)
@options.format_of(
    "text", *MARKUP, "csv", "parquet", "json", about="FILE.csv and FILE.parquet are files of designs."
)
@options.output
@options.everywhere
def command(
    model: str,
    *,
    workers: int | None,
    scheduler: str | None,
    resume: bool,
    written: str | None,
    form: str,
    output: str,
    **how: Any,
) -> None:
    """Work out every design of MODEL over a grid: what it sees, what it costs, and which to choose.

    A row for each design, numbered from 0: its values, why it cannot be built where it cannot, parameters,
    multiply-accumulates, elements of all activations and of the peak of these at batch 1, and of a layer
    extents, field, stride, padding and coverage.
    """
    from rfcalc.render.write import check_output

    check_output(output, source=model)
    if written is not None:
        _write(model, count(written, "--write"), output, **how)
        return
    file = _file(output, form)
    if resume and file is None:
        raise UsageError("--resume goes on with a file, which --output names: sweep.parquet or sweep.csv")
    most = None if form != "text" or file is not None or output != "-" else _HEAD
    how |= {"workers": workers, "scheduler": scheduler, "resume": resume}
    with working("sweep") as progress:
        result = made(model, file=file, progress=progress, most=most, **how)
    if file is not None:
        options.show(result, "text", "-")
    elif form == "csv":
        options.put(result.to_csv(), form, output)
    else:
        options.show(result, form, output)


_HEAD: Final = 20
"""Designs that a terminal gets."""


def _file(output: str, form: str) -> str | None:
    """Return the file of designs that is to be written, and no report."""
    named = _FILES.get(Path(output).suffix.lower())
    if form == "parquet" and (output == "-" or named != form):
        raise UsageError("a Parquet file has to be named; give --output a name that ends in .parquet")
    return output if named is not None and form in ("text", named) else None


def _all_of(conditions: Sequence[str]) -> str | None:
    """Return the condition that several conditions are true."""
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return " and ".join(f"({each})" for each in conditions)


def _write(
    model: str, number: int, output: str, *, over: Sequence[str], dim: Sequence[str], **how: Any
) -> None:
    """Write a design as a model file."""
    from rfcalc.designs import Design, design_of, is_sweep
    from rfcalc.questions.sweep.grid import check_set, dims_of, over_of, space_of
    from rfcalc.questions.sweep.writing import model_file
    from rfcalc.render.write import write

    if is_sweep(model):
        if over or dim:
            raise UsageError(
                "the file of a sweep says what is varied; leave --over and --dim out", source=model
            )
        design = design_of(model, number)
    else:
        fixed, spans = dims_of(dim)
        space, _ = space_of(over_of(over), spans)
        reading = {key: value for key, value in how.items() if key in READING}
        loading = {**options.loading(dim=(), **reading), "dims": fixed}
        check_set(space, loading.get("parameters"))
        values = space.design(number)
        for axis in space.axes:
            if axis.kind != "variant":
                name = "parameters" if axis.kind == "parameter" else "dims"
                loading[name] = {**(loading.get(name) or {}), axis.name: int(values[axis.name])}
        variant = next((str(values[axis.name]) for axis in space.axes if axis.kind == "variant"), "")
        design = Design(model, {**loading, "dims": loading["dims"] or None}, variant)
    write(model_file(design), output)


def made(
    model: str,
    *,
    over: Sequence[str],
    dim: Sequence[str],
    named: Sequence[str],
    where: str | None,
    pareto: str | None,
    top: int | None,
    by: str | None,
    sample: str | None,
    seed: str,
    latin: bool,
    file: str | None = None,
    resume: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    most: int | None = None,
    progress: Progress | None = None,
    **loading: Any,
) -> Sweep:
    """Return what the command shows, by its options as they are given."""
    from rfcalc.questions.sweep.grid import dims_of, over_of
    from rfcalc.questions.sweep.library import sweep

    fixed, spans = dims_of(dim)
    how = options.loading(dim=(), **loading)
    how["dims"] = {**fixed, **spans} or None
    return sweep(
        model,
        over_of(over),
        layers=named,
        where=where,
        pareto=pareto,
        top=top,
        by=by,
        sample=None if sample is None else count(sample, "--sample"),
        seed=count(seed, "--seed"),
        latin=latin,
        path=file,
        resume=resume,
        workers=workers,
        scheduler=scheduler,
        most=most,
        progress=progress,
        **how,
    )

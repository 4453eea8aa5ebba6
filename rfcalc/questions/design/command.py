"""``rfcalc design``: which stacks of blocks meet targets, the cheapest first."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from rfcalc.arguments import place
from rfcalc.commands import options
from rfcalc.commands.question import COMPARE, Tables, question
from rfcalc.commands.say import say_notes
from rfcalc.commands.working import working
from rfcalc.errors import CheckFailed, UsageError
from rfcalc.questions.design.effort import LIMIT

if TYPE_CHECKING:
    from rfcalc.questions.design.report import Design

RANK: Final = "{rank}"
"""What stands for the rank of a stack in the name of a file."""

_MEASURES: Final = ("params", "macs", "layers", "activations", "peak")

_NOTES: Final = """A target is a comparison: '>=224', '<=1e6'; along each axis '>=7x7'; and several with
commas, '>=7,<=14', or with the option once for each. Field, output and stride are those of the last map
before the head, all else is that of the whole model.

A search that would take very long, as of several costs that have to be exact, ends with an error after as
many states as --limit-states says; a million of them take about a minute.

Exit codes: 0 a stack meets the targets, 1 none does, 2 wrong usage, 3 the grammar cannot be read, or the
search was given up."""


def _target(name: str, meaning: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(f"--{name}", metavar="TARGET", multiple=True, callback=_together, help=meaning)


def _together(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> str | None:
    """Return what an option is given as, several times as once with commas."""
    return ",".join(given) if given else None


@question(
    "design",
    COMPARE,
    "Find the cheapest stacks of blocks that meet targets.",
    "rfcalc design --input 64,64,3 --field '>=64' --layers '<=20'",
    "rfcalc design --input 64,64,3 --field '>=64' --by macs -o net.json",
    "rfcalc design --input 32,32,3 --output =8x8 --top 3 -o 'net-{rank}.json'",
    "rfcalc design --show-grammar",
    notes=_NOTES,
    tables=Tables("input field output stride params macs layers activations peak stack by top", ()),
)
@click.option("--input", "input", metavar="N,N,...", help="The shape of the input, as 224,224,3.")
@_target("field", "The receptive field in pixels, as '>=224'.")
@_target("output", "The extents of the last map, as '>=7x7'.")
@_target("stride", "How many pixels lie between neighbours of the last map, as '<=16'.")
@_target("params", "Parameters, as '<=1e6'.")
@_target("macs", "Multiply-accumulates at batch 1, as '<=5e8'.")
@_target("layers", "Layers as analyze counts them, the input among them, as '<=30'.")
@_target("activations", "Elements of the outputs of all layers at batch 1, as '<=1e7'.")
@_target("peak", "Bytes of activations at their peak, as '<=8MB'.")
@click.option(
    "--by",
    type=click.Choice(_MEASURES),
    default=_MEASURES[0],
    show_default=True,
    help="The measure that says what is cheapest.",
)
@options.top("Stacks are listed, the cheapest first.", default=5)
@click.option("--stack", type=int, metavar="N", help="Show the stack of this number; without targets.")
@click.option(
    "--limit-states",
    type=click.IntRange(min=0),
    metavar="N",
    default=LIMIT,
    show_default=True,
    help="States that the search looks at before it is given up; 0 for no limit.",
)
@click.option(
    "--grammar",
    metavar="FILE",
    shell_complete=options.files,
    help="Which stacks there are, as JSON, YAML or TOML; by default rfcalc's own grammar.",
)
@click.option("--show-grammar", is_flag=True, help="Print rfcalc's own grammar, to begin one with, instead.")
@click.option(
    "--model-file",
    "-o",
    metavar="FILE",
    shell_complete=options.files,
    help="Write the cheapest stack as a model file; with {rank} in its name, every one that is listed, by "
    "its rank.",
)
@options.form
@options.everywhere
def command(
    *,
    input: str | None,
    show_grammar: bool,
    model_file: str | None,
    form: str,
    top: int,
    **how: Any,
) -> None:
    """Find the cheapest stacks of blocks that meet targets, of all that a grammar allows.

    The answer is exact: no stack that meets the targets is cheaper, and where there is none it says which
    targets cannot be had together, and the nearest to each that can.
    """
    from rfcalc.render.write import check_output, write

    if show_grammar:
        from rfcalc.questions.design.grammar import default_document

        write(default_document())
        return
    files = _files(model_file, top)
    for file in files:
        check_output(file, source=how["grammar"] or "", kind="grammar", option="--model-file")
    with working("design") as progress:
        found = made(input=input, top=top, progress=progress, **how)
    for file, answer in zip(files, found.answers, strict=False):
        write(answer.text, file)
    options.show(found, form, "-")
    if form != "json":
        say_notes(found.notes)
    if not found:
        raise CheckFailed("no stack meets the targets", source=how["grammar"])


def _files(name: str | None, top: int) -> list[str]:
    """Return the files that models are written to, the cheapest first."""
    if name is None:
        return []
    unknown = [each for each in re.findall(r"\{\w*\}", name) if each != RANK]
    if unknown:
        raise UsageError(
            f"--model-file: {unknown[0]} stands for nothing; {RANK} stands for the rank of a stack"
        )
    return [name.replace(RANK, str(rank)) for rank in range(1, top + 1)] if RANK in name else [name]


def made(*, input: str | None, progress: Any = None, **how: Any) -> Design:
    """Return what the command shows, by its options as they are given."""
    from rfcalc.questions.design.library import design

    if input is None:
        raise UsageError("say what the input is: --input 224,224,3")
    return design(input=place(input, "--input"), progress=progress, **how)

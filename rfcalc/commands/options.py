"""Options that several commands share, and what several commands say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from rfcalc.arguments import integers, shapes, texts
from rfcalc.commands.program import complain
from rfcalc.wording import MARKUP

if TYPE_CHECKING:
    from rfcalc.engine.result import Note
    from rfcalc.render.shown import Shown

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _together(*options: Decorator) -> Decorator:
    """Make one decorator of several."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """Let the shell complete names of files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """Let the shell complete names of folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


debug = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")

output = click.option(
    "--output",
    "-o",
    default="-",
    metavar="FILE",
    shell_complete=files,
    help="Write to FILE, whole or not at all.",
)


class _Form(click.Choice[str]):
    """A choice of formats; ``table`` is an older word for ``text``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the format that is meant."""
        older = value == "table" and "text" in self.choices
        return super().convert("text" if older else value, param, ctx)


def format_of(*forms: str, about: str = "") -> Decorator:
    """Make the option ``--format``, whose first choice is the default; `about` is its help."""
    text = f"What to write. {about}".strip()
    return click.option("--format", "form", type=_Form(forms), default=forms[0], show_default=True, help=text)


form = format_of("text", *MARKUP, "json", about="Text is as wide as the terminal (or COLUMNS; else 80).")

reading = _together(
    click.option(
        "--input-shape",
        multiple=True,
        metavar="[NAME=]N,N,...",
        help="The shape of an input, such as 224,224,3 or '?,?,3' (? is open). Repeat for several inputs.",
    ),
    click.option(
        "--dim",
        multiple=True,
        metavar="NAME=N",
        help="A spatial extent of the input: D, H or W, or L (or T) of a sequence; of ONNX and PyTorch "
        "models any open extent, by its name. May be repeated.",
    ),
    click.option(
        "--layout",
        multiple=True,
        metavar="[NAME=]NCHW",
        help="What the axes of an input are, for ONNX and PyTorch: N the batch, C channels, any other letter "
        "positions.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=N",
        help="The value of a parameter of a native model. May be repeated.",
    ),
    click.option(
        "--input",
        "input_name",
        metavar="NAME",
        help="The input that fields refer to; by default the first with spatial axes.",
    ),
)

"""What every command takes that reads a model."""

model = _together(click.argument("model", shell_complete=files), reading)

cut = click.option(
    "--cut",
    multiple=True,
    metavar="LAYER",
    help="Let dependence end at this layer, by name or glob: fields behind it are those of the other ways. "
    "May be repeated.",
)

on_unknown = click.option(
    "--on-unknown",
    type=click.Choice(["report", "error", "bound", "identity"]),
    default="report",
    show_default=True,
    help="For an op that no rule knows: report it and what depends on it as unknown, stop with an error, "
    "bound it (it depends on everything), or pass its input on (identity).",
)


def loading(
    input_shape: Sequence[str],
    dim: Sequence[str],
    settings: Sequence[str],
    input_name: str | None,
    layout: Sequence[str],
) -> dict[str, Any]:
    """Return the options of every command that reads a model, as the library takes them."""
    return {
        "input_shape": shapes(input_shape, "--input-shape") or None,
        "dims": integers(dim, "--dim") or None,
        "parameters": integers(settings, "--set") or None,
        "input": input_name,
        "layout": texts(layout, "--layout") or None,
    }


def render(result: Shown, form: str, output: str) -> str:
    """Render a result as ``text``, for the terminal or the file that it goes to, or in a markup language."""
    if form != "text":
        return result.to_markup(form)
    import sys

    from rfcalc.render.write import terminal_width, unicode_output

    # a file is UTF-8, and as wide as is said or usual
    width = terminal_width(sys.stdout if output == "-" else None)
    return result.to_text(width, unicode=output != "-" or unicode_output(sys.stdout))


def say_notes(notes: Sequence[Note]) -> None:
    """Write notes to stderr, a line each."""
    if not notes:
        return
    from rfcalc.render.notes import note_line

    for note in notes:
        complain(note_line(note))

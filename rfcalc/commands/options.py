"""Options that several commands share, and what several commands say."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from rfcalc.arguments import integers, shapes, texts
from rfcalc.commands.terminal import COLOURS, is_terminal, painted, wants_colour
from rfcalc.readers.options import RUNTIMES
from rfcalc.wording import MARKUP

if TYPE_CHECKING:
    from rfcalc.render.shown import Shown

    _Choice = click.Choice[str]
else:
    _Choice = click.Choice  # which takes no type in click 8.1

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


class Option(click.Option):
    """An option that several commands share: it means the same in each.

    Parameters
    ----------
    meaning : str
        What it does, in every command.
    about : str
        What is to be said of it in one command beside that.
    keyword : str
        What functions of the library call it; empty where it belongs to the command line alone.
    **settings
        As of `click.Option`.
    """

    def __init__(self, *args: Any, meaning: str, about: str = "", keyword: str = "", **settings: Any) -> None:
        settings["help"] = f"{meaning} {about}".strip()
        super().__init__(*args, **settings)
        self.meaning, self.keyword = meaning, keyword


def _option(*names: str, **settings: Any) -> Decorator:
    """Make an option that several commands share."""
    return click.option(*names, cls=Option, **settings)


# ---- how a model is read -----------------------------------------------------------------------------------


def _dim(about: str = "") -> Decorator:
    return _option(
        "--dim",
        multiple=True,
        metavar="NAME=N",
        meaning="A spatial extent of the input: D, H or W, or L (or T) of a sequence; of ONNX, TFLite and "
        "PyTorch models any open extent, by its name. May be repeated.",
        about=about,
        keyword="dims",
    )


_shape = _option(
    "--input-shape",
    multiple=True,
    metavar="[NAME=]N,N,...",
    meaning="The shape of an input, such as 224,224,3 or '?,?,3' (? is open). Repeat for several inputs.",
    keyword="input_shape",
)

_others = _together(
    _option(
        "--layout",
        multiple=True,
        metavar="[NAME=]NCHW",
        meaning="What the axes of an input are, for ONNX, TFLite and PyTorch: N the batch, C channels, any "
        "other letter positions.",
        keyword="layout",
    ),
    _option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=N",
        meaning="The value of a parameter of a native model. May be repeated.",
        keyword="parameters",
    ),
    _option(
        "--input",
        "input_name",
        metavar="NAME",
        meaning="The input that fields refer to; by default the first with spatial axes.",
        keyword="input",
    ),
    _option(
        "--on-unknown",
        type=click.Choice(["report", "error", "bound", "identity"]),
        meaning="For an op that no rule knows: report it and what depends on it as unknown (the default, "
        "unless a budget says otherwise), stop with an error, bound it (it depends on everything), or pass "
        "its input on (identity).",
        keyword="on_unknown",
    ),
    _option(
        "--runtime",
        type=click.Choice(RUNTIMES),
        meaning="Of an ONNX model, follow this runtime where runtimes are known to make something else of a "
        "layer; by default mostly the specification, and notes say who differs.",
        keyword="runtime",
    ),
    _option(
        "--cut",
        multiple=True,
        metavar="LAYER",
        meaning="Let dependence end at this layer, by name or glob: fields behind it are those of the other "
        "ways. May be repeated.",
        keyword="cut",
    ),
)

_design = _option(
    "--design",
    type=click.IntRange(min=0),
    metavar="N",
    meaning="The design of this number, where MODEL is a file that rfcalc sweep wrote.",
    keyword="design",
)

reading = _together(_shape, _dim(), _others, _design)
"""What every command takes that reads a model."""

_model = click.argument("model", shell_complete=files)

model = _together(_model, reading)


def family(about: str) -> Decorator:
    """Make what a command takes that reads many models of a file; `about` says how ``--dim`` varies them."""
    return _together(_model, _shape, _dim(about), _others)


layer = click.argument("layer", required=False)
"""The layer, or output tensor, that is asked about; the help of a command says which is taken without it."""

# ---- what is asked -----------------------------------------------------------------------------------------


def unit(about: str) -> Decorator:
    """Make the option ``--at``; `about` says what is taken without it."""
    return _option(
        "--at",
        metavar="Y,X",
        meaning="One unit of the layer, by its index on each axis, such as 0,2.",
        about=about,
        keyword="at",
    )


variants = _option(
    "--with",
    "variants",
    metavar="A,B,...",
    meaning="Set these counterfactuals beside the model; by default those that say most of it.",
    keyword="variants",
)


def image(about: str = "") -> Decorator:
    """Make the option ``--image``."""
    return _option(
        "--image",
        metavar="FILE",
        shell_complete=files,
        meaning="Draw the field of one unit on this picture, scaled to the size of the input.",
        about=about,
        keyword="image",
    )


def workers(about: str = "") -> Decorator:
    """Make the option ``--workers``; `about` says how many there are without it."""
    return _option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        meaning="Work in so many processes of this machine.",
        about=about,
        keyword="workers",
    )


scheduler = _option(
    "--scheduler",
    metavar="ADDRESS",
    meaning="Work on the cluster of this Dask scheduler, such as tcp://host:8786.",
    keyword="scheduler",
)


def top(about: str = "", default: int | None = None) -> Decorator:
    """Make the option ``--top``; `about` says of what, and `default` how many there are without it."""
    return _option(
        "--top",
        type=click.IntRange(min=1),
        default=default,
        show_default=default is not None,
        metavar="N",
        meaning="Keep the first N alone.",
        about=about,
        keyword="top",
    )


def pareto(about: str = "") -> Decorator:
    """Make the option ``--pareto``; `about` says what becomes of the designs."""
    return _option(
        "--pareto",
        metavar="A,B,...",
        meaning="Weigh designs by these figures, the smaller the better, or behind a minus the larger, such "
        "as params,macs,-field.",
        about=about,
        keyword="pareto",
    )


# ---- what is shown, and where ------------------------------------------------------------------------------


class _Form(_Choice):
    """A choice of formats; ``table`` is an older word for ``text``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the format that is meant."""
        older = value == "table" and "text" in self.choices
        return super().convert("text" if older else value, param, ctx)


def format_of(*forms: str, about: str = "", default: str | None = "") -> Decorator:
    """Make the option ``--format``, whose first choice is the default; `about` is its help."""
    return _option(
        "--format",
        "form",
        type=_Form(forms),
        default=forms[0] if default == "" else default,
        show_default=True,
        meaning="What to write.",
        about=about,
    )


form = format_of("text", *MARKUP, "json", about="Text is as wide as the terminal (or COLUMNS; else 80).")

layers = _option(
    "--layers",
    multiple=True,
    metavar="GLOB",
    meaning="Show these layers alone, such as 'conv*'. May be repeated.",
)


sizes = _option(
    "--sizes",
    metavar="A,B,...|A:B[:STEP]",
    meaning="Look at inputs of these sizes too, in pixels along every axis; B is included.",
    keyword="sizes",
)


def rate(about: str) -> Decorator:
    """Make the option ``--rate``."""
    return _option(
        "--rate",
        type=float,
        metavar="HZ",
        meaning="Positions of a time axis in a second.",
        about=about,
        keyword="rate",
    )


def every(about: str) -> Decorator:
    """Make the flag ``--all``; `about` says what is left out without it."""
    return _option(
        "--all",
        "every",
        is_flag=True,
        meaning="Show everything: nothing is folded, summed up or left out.",
        about=about,
    )


def output_of(about: str = "", *, required: bool = False) -> Decorator:
    """Make the option ``--output``."""
    return _option(
        "--output",
        "-o",
        metavar="FILE",
        shell_complete=files,
        meaning="Write to FILE, whole or not at all; what stands there is replaced.",
        about=about,
        **({"required": True} if required else {"default": "-"}),
    )


output = output_of()


def fresh(about: str) -> Decorator:
    """Make the flag ``--check`` of commands that write documents."""
    return _option(
        "--check",
        is_flag=True,
        meaning="Write nothing; exit with 1 unless what would be written is there already.",
        about=about,
    )


def _remember_colour(ctx: click.Context, param: click.Parameter, value: str) -> None:
    """Keep what ``--color`` says where `rfcalc.commands.terminal.wants_colour` looks for it."""
    ctx.color = COLOURS[value]


everywhere = _together(
    _option(
        "--color",
        type=click.Choice(list(COLOURS)),
        default="auto",
        expose_value=False,
        is_eager=True,
        callback=_remember_colour,
        meaning="Colour what is said, never a file: by default on a terminal, unless NO_COLOR is set (or "
        "anywhere, where FORCE_COLOR is).",
    ),
    _option("--debug", is_flag=True, expose_value=False, meaning="Show the traceback of an error."),
)
"""What every command takes."""


def loading(
    input_shape: Sequence[str],
    dim: Sequence[str],
    settings: Sequence[str],
    input_name: str | None,
    layout: Sequence[str],
    *,
    on_unknown: Any = None,
    runtime: str | None = None,
    cut: Sequence[str] = (),
    design: int | None = None,
) -> dict[str, Any]:
    """Return the options of every command that reads a model, as the library takes them."""
    return {
        "input_shape": shapes(input_shape, "--input-shape") or None,
        "dims": integers(dim, "--dim") or None,
        "parameters": integers(settings, "--set") or None,
        "input": input_name,
        "layout": texts(layout, "--layout") or None,
        **({"on_unknown": on_unknown} if on_unknown else {}),
        **({"runtime": runtime} if runtime else {}),
        **({"cut": tuple(cut)} if cut else {}),
        **({"design": design} if design is not None else {}),
    }


def render(result: Shown, form: str, output: str, *, every: bool = True) -> str:
    """Render a result as ``text``, for the terminal or the file that it goes to, or in a markup language.

    Without `every` a terminal gets it as short as it can be; files and pipes are complete.
    """
    if form != "text":
        return result.to_markup(form)
    if not every and output == "-" and is_terminal(sys.stdout):
        result = result.shortened()
    from rfcalc.render.write import terminal_width, unicode_output

    # a file is UTF-8, and as wide as is said or usual
    width = terminal_width(sys.stdout if output == "-" else None)
    return result.to_text(width, unicode=output != "-" or unicode_output(sys.stdout))


def show(result: Any, form: str, output: str, *, every: bool = True) -> None:
    """Write a result as its document, as text (as `render` does) or in a markup language."""
    put(result.to_json() if form == "json" else render(result, form, output, every=every), form, output)


def put(report: str, form: str, output: str) -> None:
    """Write a report where it goes; text that goes to a terminal, in its colours."""
    from rfcalc.render.write import write

    coloured = form == "text" and output == "-" and wants_colour(sys.stdout)
    write(painted(report) if coloured else report, output)

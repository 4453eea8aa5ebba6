"""The command line: parse, call, render, exit code. Whatever a command needs is imported when it runs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from rfcalc import __version__
from rfcalc.arguments import integers, place, shapes, texts
from rfcalc.errors import CheckFailed, RfcalcError
from rfcalc.wording import few

if TYPE_CHECKING:
    from rfcalc.analysis.result import AnalysisResult, Note
    from rfcalc.reports.tables import Column

INTERRUPTED: Final = 130  # as a shell says that an interrupt ended it
BROKEN_PIPE: Final = 141  # as a shell says that a closed pipe ended it

_NAMED_AT_MOST: Final = 5


class Program(click.Group):
    """A command group that turns every exception into one line and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run; where click would print and exit in its own words, use the project's."""
        arguments = sys.argv[1:] if args is None else list(args)

        def run() -> Any:
            name = prog_name or "rfcalc"
            return super(Program, self).main(arguments, name, complete_var, standalone_mode=False, **extra)

        if not standalone_mode:
            return run()
        try:
            status = run()
        except SystemExit:
            raise
        except BaseException as error:
            _fail(error, debug="--debug" in arguments)
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader who had enough is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # before click sees it and exits with 1, which is a check that did not hold
            _silence_stdout()
            raise click.exceptions.Exit(BROKEN_PIPE) from None


def _silence_stdout() -> None:
    # whoever read this is gone; without this, the flush at exit would complain on stderr
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = None


def _fail(error: BaseException, *, debug: bool) -> NoReturn:
    """Say in one line what went wrong, and exit."""
    if debug and not isinstance(error, (click.ClickException, click.Abort)):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        sys.exit(INTERRUPTED)
    if isinstance(error, click.ClickException):
        _usage(error)
    if isinstance(error, RfcalcError):
        _complain(f"error: {error}")
        sys.exit(error.exit_code)
    if isinstance(error, MemoryError):
        error.__traceback__ = None  # frees what its frames hold, so that there is room to say it
        _complain("error: the model needs more memory than there is; try a smaller input")
        sys.exit(3)
    what = ": ".join(part for part in (type(error).__name__, str(error)) if part)
    _complain(
        f"error: internal error: {what}; run again with --debug for the whole story, and please report it"
    )
    sys.exit(3)


def _usage(error: click.ClickException) -> NoReturn:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        click.echo(context.get_help(), err=True)
        sys.exit(2)
    message = error.format_message().rstrip(".")
    hint = f"see '{context.command_path} --help'" if context is not None else ""
    _complain(
        "error: " + (" " if message.endswith("?") else "; ").join(part for part in (message, hint) if part)
    )
    sys.exit(error.exit_code)


def _complain(line: str) -> None:
    from rfcalc.reports.escape import visible
    from rfcalc.reports.write import write_stream

    with contextlib.suppress(BrokenPipeError):
        write_stream(f"rfcalc: {visible(line)}\n", sys.stderr)


# ---- options -----------------------------------------------------------------------------------------------

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _together(*options: Decorator) -> Decorator:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_debug = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")

_output = click.option(
    "--output", "-o", default="-", metavar="FILE", help="Write to FILE, whole or not at all."
)

_model = _together(
    click.argument("model"),
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

_on_unknown = click.option(
    "--on-unknown",
    type=click.Choice(["report", "error", "bound", "identity"]),
    default="report",
    show_default=True,
    help="For an op that no rule knows: report it and what depends on it as unknown, stop with an error, "
    "bound it (it depends on everything), or pass its input on (identity).",
)


def _loading(
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


# ---- commands ----------------------------------------------------------------------------------------------


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rfcalc", message="%(prog)s %(version)s")
def main() -> None:
    """Receptive fields, shapes and parameter counts of neural networks, from the architecture file alone."""


_LEGEND: Final = """A receptive field reads 18x18, in pixels of the input; global for the whole map, whatever
its size; global (7x7) where gates make it so, with the field without them; ~18x18 for an upper bound; none
where the layer does not depend on the input; ? where it is not known. The bar under covers is the share of
the input's area in the field.

Exit codes: 0 done, 1 --strict or --check did not hold, 2 wrong usage, 3 the model cannot be read or
analysed."""


@main.command(epilog=_LEGEND)
@_model
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "markdown", "rst", "latex", "html", "csv", "json"]),
    default="table",
    show_default=True,
    help="What to write. A table leaves out columns that the terminal (or COLUMNS; else 80) has no room for, "
    "and says which; long formulas move below it.",
)
@click.option(
    "--columns",
    metavar="A,B,...",
    help="Show these columns, by their keys in the JSON document; in JSON, keep these keys of each layer.",
)
@_output
@click.option(
    "--layers",
    multiple=True,
    metavar="GLOB",
    help="Show these layers alone, such as 'conv*'. May be repeated.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    metavar="N",
    help="One row for each block this deep, 1 being the top.",
)
@_on_unknown
@click.option("--strict", is_flag=True, help="Exit with 1 unless every figure is known and exact.")
@click.option(
    "--symbolic",
    is_flag=True,
    help="Formulas in H and W where the input is open, as with --input-shape '?,?,3'.",
)
@_debug
def analyze(
    model: str,
    *,
    form: str,
    columns: str | None,
    output: str,
    layers: Sequence[str],
    depth: int | None,
    on_unknown: Any,
    strict: bool,
    symbolic: bool,
    **loading: Any,
) -> None:
    """Show what each layer of MODEL sees, puts out and costs.

    MODEL is an architecture file, or - for standard input; or package.module:factory, which imports and calls
    your own code, for a PyTorch module (it needs --input-shape).
    """
    from rfcalc import api
    from rfcalc.reports.tables import choose, select
    from rfcalc.reports.write import check_output, write

    chosen = None if columns is None else choose(name.strip() for name in columns.split(","))
    check_output(output, source=model)
    analysis = api.analyze(
        model, depth=depth, on_unknown=on_unknown, symbolic=symbolic, **_loading(**loading)
    )
    if symbolic:
        _say_where_nothing_is_open(analysis)
    shown = select(analysis, layers) if layers else analysis
    doubts = analysis.doubts if strict else ()
    if not doubts or output == "-":
        write(_render(shown, form, chosen, output), output)
    if form != "json":  # there they are part of the document
        _say_notes(analysis.notes)
    if doubts:
        raise CheckFailed(_not_exact(doubts, output), source=analysis.source)


_WAYS_TO_SEE_MORE: Final = "--columns, --format, wider terminal"


def _render(result: AnalysisResult, form: str, columns: Sequence[Column] | None, output: str) -> str:
    """Render in the format asked for; each imports what it needs alone."""
    if form == "table":
        from rfcalc.reports.text import analysis_text
        from rfcalc.reports.write import terminal_width, unicode_output

        # a file is UTF-8, and as wide as is said or usual
        unicode = output != "-" or unicode_output(sys.stdout)
        width = terminal_width(sys.stdout if output == "-" else None)
        return analysis_text(
            result, width=width, unicode=unicode, columns=columns, notes=False, ways=_WAYS_TO_SEE_MORE
        )
    if form == "json":
        from rfcalc.reports.document import analysis_document, dump

        return dump(analysis_document(result, columns))
    from rfcalc.reports.markup import analysis_csv, analysis_markup

    return analysis_csv(result, columns) if form == "csv" else analysis_markup(result, form, columns)


def _say_notes(notes: Sequence[Note]) -> None:
    if not notes:
        return
    from rfcalc.reports.text import note_line

    for note in notes:
        _complain(note_line(note))


def _say_where_nothing_is_open(analysis: AnalysisResult) -> None:
    """Say why there are no formulas, where the file fixes every extent."""
    extents = [extent for each in analysis.inputs for extent in each.spatial]
    if extents and all(isinstance(extent, int) for extent in extents):
        opened = ",".join("?" * len(next(each.spatial for each in analysis.inputs if each.spatial)))
        _complain(
            "note: --symbolic changes nothing, since no extent of the input is open; "
            f"open them with --input-shape '{opened},3' or the like"
        )


def _not_exact(doubts: Sequence[str], output: str) -> str:
    named = few(doubts, most=_NAMED_AT_MOST)
    unwritten = "" if output == "-" else f"; {output} was not written"
    return f"--strict: not exact: {named}{unwritten}"


@main.command(short_help="Show what each output index of a layer truly depends on.")
@_model
@click.argument("layer")
@click.option("--at", metavar="Y,X", help="One output unit alone, by its index on each axis, such as 0,2.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@_output
@_on_unknown
@_debug
def field(
    model: str, layer: str, *, at: str | None, form: str, output: str, on_unknown: Any, **loading: Any
) -> None:
    """Show what each output index of LAYER in MODEL truly depends on, padding dropped layer by layer.

    LAYER is a layer's name or an output tensor's. Taps counts the input indices between first and last that
    are read. The input needs a size: give one with --input-shape or --dim where it is open.
    """
    from rfcalc import api
    from rfcalc.reports.write import check_output, unicode_output, write

    unit = None if at is None else place(at, "--at")
    check_output(output, source=model)
    result = api.field(model, layer, unit, on_unknown=on_unknown, **_loading(**loading))
    unicode = output != "-" or unicode_output(sys.stdout)
    write(result.to_json() if form == "json" else result.to_text(unicode=unicode), output)
    _say_notes(result.notes)


@main.command(short_help="Show the rules behind the numbers, kind by kind.")
@click.argument("kinds", nargs=-1, metavar="[KIND]...")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default=None)
@click.option(
    "--check",
    metavar="FILE",
    help="Exit with 1 unless FILE holds exactly this (Markdown unless --format says so).",
)
@_output
@_debug
def rules(kinds: Sequence[str], *, form: str | None, check: str | None, output: str) -> None:
    """Show the rules behind the numbers: shapes, fields, parameters and MACs of each layer kind.

    KIND is any name that a model may give, such as conv or dense; by default all kinds are shown.
    """
    from rfcalc.reports.rules import render
    from rfcalc.reports.write import check_output, terminal_width, unicode_output, write

    check_output(output)
    if check is None:
        # a file is the same whatever the terminal
        shown: dict[str, Any] = (
            {"width": terminal_width(sys.stdout), "unicode": unicode_output(sys.stdout)}
            if output == "-"
            else {}
        )
        write(render(kinds, form or "text", **shown), output)
        return
    found = _content(check)
    if found != render(kinds, form or "markdown"):
        import shlex

        command = shlex.join(["rfcalc", "rules", *kinds, "--format", form or "markdown", "--output", check])
        what = "is stale" if found is not None else "does not exist"
        raise CheckFailed(f"{what}; run: {command}", source=check)


def _content(path: str) -> str | None:
    """Return the text of a file, None where there is none."""
    from pathlib import Path

    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RfcalcError(f"cannot be read: {reason}", source=path) from error


@main.command()
@_output
@_debug
def schema(output: str) -> None:
    """Print the JSON Schema of the native format."""
    from rfcalc.readers.schema import schema_text
    from rfcalc.reports.write import check_output, write

    check_output(output)
    write(schema_text(), output)

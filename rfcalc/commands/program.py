"""The program around the commands: finds them when they are asked for, turns exceptions into exit codes."""

from __future__ import annotations

import contextlib
import errno
import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, NoReturn

import click

from rfcalc.commands.question import SECTIONS, Question
from rfcalc.commands.say import complain
from rfcalc.commands.terminal import colour_asked
from rfcalc.errors import RfcalcError

_NAMES: Final = 30  # columns of a name in the list of commands, at most

INTERRUPTED: Final = 130  # as a shell says that an interrupt ended it
BROKEN_PIPE: Final = 141  # as a shell says that a closed pipe ended it

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""What a write ends with whose device is full, or was closed."""


class Program(click.Group):
    """A command group that turns every exception into one line and an exit code.

    Parameters
    ----------
    modules : mapping of str to str
        The modules of its commands, each of which holds a ``command`` and is imported when it is asked for.
    **settings
        As of `click.Group`.
    """

    def __init__(
        self, *args: Any, modules: Mapping[str, str] = MappingProxyType({}), **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self._modules = dict(modules)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Question | None:
        """Return a command, or None where there is none of that name."""
        if cmd_name not in self._modules:
            return None
        found: Question = import_module(self._modules[cmd_name]).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, in sections."""
        commands = [command for name in self.list_commands(ctx) if (command := self.get_command(ctx, name))]
        room = formatter.width - 6 - max(len(str(command.name)) for command in commands)
        for section in SECTIONS:
            with formatter.section(section):
                formatter.write_dl(
                    [
                        (str(command.name), command.get_short_help_str(room))
                        for command in commands
                        if command.section == section
                    ],
                    col_max=_NAMES,
                )

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
            _fail(error, debug="--debug" in arguments, colour=colour_asked(arguments))
        if args is None:  # the process ends, and the collector need not walk once more what lives until then
            gc.freeze()
        sys.exit(status if isinstance(status, int) else 0)

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        """Read the arguments; help and version are written while they are."""
        with _output():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _output():
            return super().invoke(ctx)


@contextlib.contextmanager
def _output() -> Iterator[None]:
    """Give what click writes itself the ways of reports; a reader who had enough is no error."""
    from rfcalc.render.write import forget

    try:
        yield
    except BrokenPipeError:  # before click sees it and exits with 1, which is a check that did not hold
        forget(sys.stdout)
        raise click.exceptions.Exit(BROKEN_PIPE) from None
    except click.exceptions.Exit as done:
        if sys.stdout is None and not done.exit_code:  # help or version, which click writes nowhere then
            raise RfcalcError("standard output is closed") from None
        raise
    except OSError as error:
        if error.filename is not None or error.errno not in _FULL:
            raise
        forget(sys.stdout)
        raise RfcalcError(f"standard output cannot be written: {error.strerror or error}") from error


def _fail(error: BaseException, *, debug: bool, colour: bool | None) -> NoReturn:
    """Say in one line what went wrong, and exit."""
    if debug and not isinstance(error, (click.ClickException, click.Abort)):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        sys.exit(INTERRUPTED)
    if isinstance(error, click.ClickException):
        _usage(error, colour=colour)
    if isinstance(error, RfcalcError):
        _last_words(f"error: {error}", colour=colour)
        sys.exit(error.exit_code)
    if isinstance(error, MemoryError):
        error.__traceback__ = None  # frees what its frames hold, so that there is room to say it
        _last_words("error: the model needs more memory than there is; try a smaller input", colour=colour)
        sys.exit(3)
    what = ": ".join(part for part in (type(error).__name__, str(error)) if part)
    _last_words(
        f"error: internal error: {what}; run again with --debug for the whole story, and please report it",
        colour=colour,
    )
    sys.exit(3)


def _usage(error: click.ClickException, *, colour: bool | None) -> NoReturn:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        with contextlib.suppress(OSError):
            click.echo(context.get_help(), err=True)
        sys.exit(2)
    message = error.format_message().rstrip(".")
    hint = f"see '{context.command_path} --help'" if context is not None else ""
    _last_words(
        "error: " + (" " if message.endswith("?") else "; ").join(part for part in (message, hint) if part),
        colour=colour,
    )
    sys.exit(error.exit_code)


def _last_words(line: str, *, colour: bool | None) -> None:
    """Write a line to stderr; where it takes nothing, the exit code alone is left to say it."""
    with contextlib.suppress(RfcalcError):
        complain(line, colour=colour)

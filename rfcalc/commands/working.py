"""A bar on stderr while work takes longer than a second, where that is a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from rfcalc.commands.terminal import is_terminal, knows_codes

if TYPE_CHECKING:
    from rfcalc.progress import Progress

PATIENCE: Final = 1.0
"""Seconds before a bar is shown: what is done sooner shows none."""

_EVERY: Final = 0.2  # seconds between two looks at how far the work is
_WIDTH: Final = 24
_WIPED: Final = "\r\x1b[2K\x1b[?25h"
"""Ends a bar: the line is empty again, and the cursor, which click hides, is there."""


def _silent(done: int, total: int) -> None:
    """Take what nobody looks at."""


@contextlib.contextmanager
def working(on: str) -> Iterator[Progress]:
    """Show how far the work in the block is, and wipe it away however that ends.

    Parameters
    ----------
    on : str
        What stands before the bar.

    Yields
    ------
    callable
        To be told how many steps are done, and of how many; of 0 where that is not known.
    """
    stream = sys.stderr
    if not knows_codes(stream) or _is_typed():
        yield _silent
        return
    bar = _Bar(on, stream)
    try:
        bar.start()
        yield bar.told
    finally:
        bar.close()


def _is_typed() -> bool:
    """Tell whether a model is typed or pasted into the terminal, where a bar would stand in its way."""
    context = click.get_current_context(silent=True)
    given = {} if context is None else {key: each for key, each in context.params.items() if key != "output"}
    return is_terminal(sys.stdin) and any(each in ("-", ("-",)) for each in given.values())


class _Bar:
    """A bar that a thread of its own draws, so that work need not come by to have it shown."""

    def __init__(self, on: str, stream: TextIO) -> None:
        import threading

        self._on, self._stream = on, stream
        self._began = self._round = time.time()
        self._done, self._total = 0, 0
        self._drawn = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to look at the clock."""
        self._thread.start()

    def told(self, done: int, total: int) -> None:
        """Take how far the work is."""
        if done < self._done or total != self._total:
            self._round = time.time()  # it goes through the steps once more, or through others
        self._done, self._total = done, total

    def close(self) -> None:
        """Wipe the bar away, if there is one."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._drawn:
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(_WIPED)
                self._stream.flush()

    def _run(self) -> None:
        if self._over.wait(PATIENCE):
            return
        bar = self._bar()
        with contextlib.suppress(OSError, ValueError):  # a terminal that is gone stops no work
            while True:
                self._draw(bar)
                if self._over.wait(_EVERY):
                    return

    def _bar(self) -> Any:
        nothing: Iterator[None] = (None for _ in ())  # of which click knows no length
        bar = click.progressbar(
            nothing, label=self._on, file=self._stream, width=_WIDTH, item_show_func=self._spent
        )
        return bar

    def _spent(self, _: Any) -> str | None:
        """Say how long it has taken, where there is no telling how long it will."""
        return None if self._total else f"{time.time() - self._began:.0f} s"

    def _draw(self, bar: Any) -> None:
        if bar.start != self._round:
            bar.start, bar.avg = self._round, []
        bar.length = self._total or None
        bar.show_pos = bool(self._total)
        bar.show_eta = self._done > 0
        bar.pos = min(self._done, self._total) if self._total else bar.pos + 1
        bar.make_step(0)
        bar.finished = False
        bar.render_progress()
        self._drawn = True

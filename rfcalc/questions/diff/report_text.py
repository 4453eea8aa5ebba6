"""A difference for a terminal: changes in their places, what comes of them, totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from rfcalc.questions.diff.report_sentences import sentences
from rfcalc.questions.diff.report_totals import totals_table
from rfcalc.questions.diff.report_words import (
    MARKS,
    TO,
    figures_texts,
    former_name,
    kind_of,
    settings_texts,
    signed,
    title_of,
)
from rfcalc.questions.diff.result import DiffResult, Entry
from rfcalc.records import NamedTuple
from rfcalc.render.escape import cells, shorten, terminal
from rfcalc.render.fold import paragraph
from rfcalc.render.table import LEFT, laid_out, padded
from rfcalc.wording import few

_MOST_LINES: Final = 26
"""Lines of changes, so that totals and sentences are on the same screen."""

_RUN: Final = 4
"""Layers added or removed one after the other that are folded into one line."""

_NAME_SHARE: Final = 3  # the part of a line that a name may take


class _Item(NamedTuple):
    mark: str
    name: str
    texts: tuple[str, ...]
    changes: int


def diff_text(diff: DiffResult, width: int, *, unicode: bool, every: bool) -> str:
    """Render a difference for a terminal.

    Parameters
    ----------
    diff : DiffResult
        What to show.
    width : int
        Columns of the terminal.
    unicode : bool
        False for a terminal that shows ASCII alone.
    every : bool
        Show all changes, and the layers that they affect.
    """
    clean = _Clean(unicode)
    head, *rest = sentences(diff)
    lines = [*_wrapped(clean(title_of(diff)), width), "", *_wrapped(clean(head), width)]
    changes = _changes(diff, width, clean, every=every)
    if changes:
        lines += ["", *changes]
    lines += ["", *laid_out(totals_table(diff), width, unicode=unicode)]
    if rest:
        lines.append("")
    for each in rest:
        lines += _hanging("- ", clean(each), width)
    return "\n".join(lines) + "\n"


class _Clean:
    """Makes a text harmless, with an arrow where the terminal has one."""

    def __init__(self, unicode: bool) -> None:
        self.unicode = unicode
        self.ellipsis = "…" if unicode else "..."

    def __call__(self, text: str) -> str:
        clean = terminal(text, unicode=self.unicode)
        return clean.replace(TO, " → ").replace(" ... ", " … ") if self.unicode else clean


def _wrapped(text: str, width: int) -> list[str]:
    return paragraph(text, max(width, 20))


def _joined(texts: Sequence[str], width: int) -> list[str]:
    """Put texts on lines with semicolons between them, broken inside of one only where it needs to be."""
    lines: list[str] = []
    for place, text in enumerate(texts):
        piece = text + ("; " if place < len(texts) - 1 else "")
        if lines and cells(lines[-1] + piece.rstrip()) <= width:
            lines[-1] += piece
        else:
            lines += _wrapped(piece.rstrip(), width)
            lines[-1] += " "
    return [line.rstrip() for line in lines]


def _hanging(mark: str, text: str, width: int) -> list[str]:
    lines = _wrapped(text, width - len(mark))
    return [mark + lines[0], *(" " * len(mark) + line for line in lines[1:])]


# ---- changes -----------------------------------------------------------------------------------------------


def _changes(diff: DiffResult, width: int, clean: _Clean, *, every: bool) -> list[str]:
    items = list(_items(diff, every=every))
    if all(not item.changes for item in items):
        return []
    longest = max(cells(clean(item.name)) for item in items if item.mark != " ")
    room = min(longest, max(width // _NAME_SHARE, 12))
    lines: list[str] = []
    for place, item in enumerate(items):
        new = _lines(item, room, width, clean)
        left = sum(each.changes for each in items[place:])
        if not every and len(lines) + len(new) > _MOST_LINES and place and left > 1:
            lines.append(f"  and {left:,} more changes, with --all or in JSON")
            break
        lines += new
    return lines


def _lines(item: _Item, room: int, width: int, clean: _Clean) -> list[str]:
    if item.mark == " ":
        return [f"  {clean.ellipsis} {item.texts[0]}"]
    name = shorten(clean(item.name), room, clean.ellipsis)
    margin = 2 + room + 2
    text = _joined([clean(each) for each in item.texts], width - margin)
    first = f"{item.mark} {padded(name, room, LEFT)}  {text[0] if text else ''}".rstrip()
    return [first, *(" " * margin + line for line in text[1:])]


def _items(diff: DiffResult, *, every: bool) -> Iterator[_Item]:
    def group(entry: Entry) -> str:
        quiet = entry.state == "same" or (entry.state == "affected" and not every)
        return "quiet" if quiet else entry.state

    for state, found in groupby(diff.entries, key=group):
        run = list(found)
        if state == "quiet":
            yield _Item(" ", "", (_quiet(run),), 0)
        elif state in ("added", "removed") and len(run) >= _RUN and not every:
            yield _Item(MARKS[state], run[0].name, _folded(run), len(run))
        else:
            yield from (_item(entry, across=diff.comparable) for entry in run)


def _item(entry: Entry, *, across: bool) -> _Item:
    alone = entry.old is None or entry.new is None
    own = [kind_of(entry)] if alone else [*former_name(entry), *settings_texts(entry)]
    texts = (*own, *figures_texts(entry, across=across))
    return _Item(MARKS[entry.state], entry.name, texts, 1)


def _quiet(run: Sequence[Entry]) -> str:
    affected = sum(entry.state == "affected" for entry in run)
    same = len(run) - affected
    parts = [f"{affected:,} affected"] if affected else []
    return ", ".join([*parts, *([f"{same:,} as before"] if same else [])])


def _folded(run: Sequence[Entry]) -> tuple[str, ...]:
    """Sum up layers that were added or removed one after the other."""
    sides = [side for entry in run for side in (entry.old, entry.new) if side is not None]
    kinds = [f"{count:,} {kind}" for kind, count in Counter(side.row.kind for side in sides).most_common()]
    texts = [f"to {run[-1].name}, {len(run):,} layers: {few(kinds, 5)}"]
    sign = -1 if run[0].new is None else 1
    for figure, word, values in (
        ("params", "params", [side.params for side in sides]),
        ("macs", "MACs", [side.row.macs for side in sides]),
    ):
        known = [value for value in values if value is not None]
        if len(known) == len(values) and sum(known):
            texts.append(f"{signed(sign * sum(known), figure)} {word}")
    return tuple(texts)

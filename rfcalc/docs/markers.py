"""Markers of a document: where they are, and the document with other text between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from rfcalc.docs.contexts import CONTEXTS
from rfcalc.errors import ReadError, RfcalcError
from rfcalc.records import NamedTuple


class MarkersError(ReadError):
    """Markers of documents that cannot be filled.

    Parameters
    ----------
    errors : sequence of RfcalcError
        Each with the file and the line of its marker as `source`.
    """

    def __init__(self, errors: list[RfcalcError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker and what belongs to it.

    Parameters
    ----------
    line : int
        Where it begins, counted from 1.
    command : str
        What it names.
    start, stop : int
        Where the text between the two lines of the marker begins and ends, as offsets.
    prefix : str
        What stands before the marker on its lines: blanks, and signs of quotations.
    newline : str
        How its line ends.
    """

    line: int
    command: str
    start: int
    stop: int
    prefix: str
    newline: str


class _Syntax(NamedTuple):
    """How markers are written in a language."""

    head: re.Pattern[str]  # how an opening marker begins
    opening: re.Pattern[str]
    closing: re.Pattern[str]
    spelled: str  # a closing marker, for messages
    apart: bool  # whether blank lines stand around the text
    prefixed: bool  # whether the text is indented like the marker


def _comments(before: str, after: str, prefix: str, *, spelled: str, apart: bool, prefixed: bool) -> _Syntax:
    return _Syntax(
        re.compile(rf"(?P<prefix>{prefix}){before}rfcalc:(?!:)"),
        re.compile(rf"(?P<prefix>{prefix}){before}rfcalc:(?!:)(?P<command>(?:(?!-->).)*?){after}\s*"),
        re.compile(rf"(?P<prefix>{prefix}){before}/rfcalc{after}\s*"),
        spelled,
        apart,
        prefixed,
    )


_HTML_COMMENT: Final = (r"<!--[ \t]*", r"[ \t]*-->")

_SYNTAXES: Final = {
    "markdown": _comments(*_HTML_COMMENT, r"[ \t>]*", spelled="<!-- /rfcalc -->", apart=True, prefixed=True),
    "html": _comments(*_HTML_COMMENT, r"[ \t]*", spelled="<!-- /rfcalc -->", apart=False, prefixed=False),
    "rst": _comments(r"\.\.[ \t]+", "", r"[ \t]*", spelled=".. /rfcalc", apart=True, prefixed=True),
    # an indented line of AsciiDoc is no comment
    "asciidoc": _comments(r"//[ \t]*", "", "", spelled="// /rfcalc", apart=True, prefixed=False),
    "latex": _comments(r"%+[ \t]*", "", r"[ \t]*", spelled="% /rfcalc", apart=False, prefixed=False),
}

_LINE: Final = re.compile(r"(?P<text>[^\r\n]*)(?P<newline>\r\n|\n|\r|$)")


def markers(text: str, markup: str, name: str = "<text>", *, first: int = 1) -> list[Marker]:
    r"""Find the markers of a document.

    Parameters
    ----------
    text : str
        The document.
    markup : str
        Its language, one of `rfcalc.wording.MARKUP`.
    name : str
        What messages call it.
    first : int
        The number of its first line.

    Raises
    ------
    MarkersError
        A marker is not closed, stands in another, closes nothing, or is not on a line of its own.

    Examples
    --------
    >>> page = "<!-- rfcalc: law net.json -->\n<!-- /rfcalc -->\n"
    >>> [(marker.line, marker.command) for marker in markers(page, "markdown")]
    [(1, 'law net.json')]
    """
    found: list[Marker] = []
    errors: list[RfcalcError] = []
    for each in _scanned(text, markup, name, first):
        if isinstance(each, Marker):
            found.append(each)
        else:
            errors.append(each)
    if errors:
        raise MarkersError(errors)
    return found


def _scanned(text: str, markup: str, name: str, first: int) -> Iterator[Marker | RfcalcError]:
    syntax, context = _SYNTAXES[markup], CONTEXTS[markup]()

    def wrong(line: int, message: str) -> RfcalcError:
        return ReadError(message, source=f"{name}:{line}")

    opened: Marker | None = None
    misplaced = 0
    for number, line in _lines(text, first):
        content = line["text"]
        if opened is None and context.literal(content):
            continue
        head = syntax.head.match(content)
        closing = syntax.closing.fullmatch(content)
        if opened is None and head is not None:
            opening = syntax.opening.fullmatch(content)
            if opening is None or not line["newline"]:
                yield wrong(number, "a marker stands on a line of its own, with nothing behind it")
                continue
            opened = Marker(
                number, opening["command"].strip(), line.end(), -1, opening["prefix"], line["newline"]
            )
            misplaced = 0
        elif opened is None and closing is not None:
            yield wrong(number, "this closes no marker")
        elif opened is not None and head is not None and head["prefix"] == opened.prefix:
            yield wrong(
                number,
                f"a marker inside that of line {opened.line}; close that one first, with {syntax.spelled}",
            )
        elif opened is not None and closing is not None:
            if closing["prefix"] == opened.prefix:
                yield replace(opened, stop=line.start())
                opened = None
            else:
                misplaced = number
    if opened is not None:
        there = f"; the one of line {misplaced} is indented otherwise" if misplaced else ""
        yield wrong(opened.line, f"this marker is not closed; end it with {syntax.spelled}{there}")


def _lines(text: str, number: int) -> Iterator[tuple[int, re.Match[str]]]:
    place = 1 if text.startswith("\ufeff") else 0
    while place < len(text):
        line = _LINE.match(text, place)
        assert line is not None
        yield number, line
        place, number = line.end(), number + 1


def refilled(
    text: str, markup: str, content: Callable[[Marker], str], name: str = "<text>", *, first: int = 1
) -> str:
    r"""Return a document with new text between its markers, and everything else as it was.

    Parameters
    ----------
    text : str
        The document.
    markup : str
        Its language, one of `rfcalc.wording.MARKUP`.
    content : callable
        Gives the text for a marker.
    name : str
        What messages call the document.
    first : int
        The number of its first line.

    Raises
    ------
    MarkersError
        Of `markers`, or with what `content` raised, of all markers.

    Examples
    --------
    >>> page = "% rfcalc: law net.json\r\nold\r\n% /rfcalc"
    >>> refilled(page, "latex", lambda marker: "new\n")
    '% rfcalc: law net.json\r\nnew\r\n% /rfcalc'
    """
    parts, place = [], 0
    errors: list[RfcalcError] = []
    for marker in markers(text, markup, name, first=first):
        try:
            parts += [text[place : marker.start], _set(content(marker), marker, _SYNTAXES[markup])]
        except RfcalcError as error:
            errors.append(ReadError(str(error), source=f"{name}:{marker.line}"))
        place = marker.stop
    if errors:
        raise MarkersError(errors)
    return "".join([*parts, text[place:]])


def _set(content: str, marker: Marker, syntax: _Syntax) -> str:
    """Return what stands between the lines of a marker."""
    lines = content.rstrip("\n").split("\n")
    prefix = marker.prefix if syntax.prefixed else ""
    lines = [f"{prefix}{line}".rstrip() if prefix and not line else f"{prefix}{line}" for line in lines]
    blank = [prefix.rstrip()] if syntax.apart else []
    for line in lines:
        read = syntax.closing.fullmatch(line) or syntax.head.match(line)
        if read is not None and read["prefix"] == marker.prefix:
            raise ReadError(f"a name in the model reads like a marker: {line.strip()!r}")
    return "".join(f"{line}{marker.newline}" for line in [*blank, *lines, *blank])

"""Markdown: untrusted text in a cell, a paragraph or a heading, escaped where it would mean something.

It holds for CommonMark, GitHub's Markdown and Python-Markdown with the extensions that sites use. What a text
can mean depends on what stands around it, so that a colon, an equals sign or ``<1%`` stays as it is, and a
formula with stars becomes code, which people can read in the source as well.
"""

from __future__ import annotations

import re
from typing import Final

from rfcalc.render.escape import start_of_line, visible

_ALWAYS: Final = {
    # an entity where the dialects differ: Python-Markdown knows no backslash escape for these, and in
    # GitHub's a pipe after a backslash is read twice
    "\\": "&#92;",
    "$": "&#36;",
    "@": "&#64;",
    "|": "\\|",
    "`": "\\`",
    "*": "\\*",
    "{": "\\{",
    "}": "\\}",
    "[": "\\[",
    "]": "\\]",
}
_PAIRED: Final = {"~": "&#126;", "^": "&#94;"}
"""What means something where another one follows in the same text."""

_SOMEWHERE: Final = (
    (re.compile(r"&(?=#?\w+;)"), "&amp;"),
    (re.compile(r"<(?=[A-Za-z/!?])"), "&lt;"),  # a tag, a comment, an address
    (re.compile(r":(?=//|[\w+-]+:)|::?(?=:)|(?<=:):"), None),  # an address, an emoji, a directive
    (re.compile(r"=(?==)|(?<==)="), None),  # marked text
    (re.compile(r"\+(?=\+)|(?<=\+)\+"), None),  # keys
    (re.compile(r"(?<![^\W_])_|_(?![^\W_])"), "\\_"),
    (re.compile(r"(?<=www)\.", re.IGNORECASE), None),
)
"""What means something beside certain letters, and what stands for it: by default its code."""

_CLOSING: Final = re.compile(r"(?<![^\s])#+$")  # at the end of a heading

_GROUP: Final = re.compile(r"(?<![!\]\[])\[[A-Za-z0-9][^][(){}^`\\|*<>$&]*\](?![\[(:{])")
"""Words in brackets that are no link, no note and no list of tasks."""

_INSIDE = r"[A-Za-z0-9_+\-*/ .,]"
for _ in range(3):  # parentheses in parentheses, as deep as formulas go
    _INSIDE = rf"(?:[A-Za-z0-9_+\-*/ .,]|\({_INSIDE}*\))"
_OPERAND: Final = rf"(?:[A-Za-z0-9]+(?:[._][A-Za-z0-9]+)*(?:\({_INSIDE}*\))?|\({_INSIDE}*\))"
_FORMULA: Final = re.compile(rf"(?<![\w*.])-?{_OPERAND}(?:(?: [+\-=] -?|\*\*-?|\*|//?){_OPERAND})+(?![\w*])")
_LONGEST: Final = 2_000  # letters of a text in which formulas are looked for


def markdown(text: str) -> str:
    r"""Escape for a cell of a Markdown table.

    Parameters
    ----------
    text : str
        Plain text.

    Examples
    --------
    >>> markdown("conv2d_1:0"), markdown("r(n) = 3*2**n - 2"), markdown("<1%")
    ('conv2d_1:0', '`r(n) = 3*2**n - 2`', '<1%')
    >>> markdown("a|b"), markdown("<b>[x](y)_"), markdown("[conv 3] x 2")
    ('a\\|b', '&lt;b>\\[x\\](y)\\_', '[conv 3] x 2')
    """
    text = visible(text)
    pieces = []
    done = 0
    for found in _FORMULA.finditer(text) if "*" in text and len(text) <= _LONGEST else ():
        if "*" in found[0]:
            pieces += [_plain(text[done : found.start()], text), f"`{found[0]}`"]
            done = found.end()
    return "".join((*pieces, _plain(text[done:], text)))


def markdown_line(text: str) -> str:
    """Escape for a paragraph of Markdown, or a heading: as for a cell, and at the start of the line too.

    >>> markdown_line("1. x"), markdown_line("#1 sees all"), markdown_line("- x")
    ('1&#46; x', '&#35;1 sees all', '&#45; x')
    """
    escaped = _CLOSING.sub(lambda found: "&#35;" * len(found[0]), markdown(visible(text).strip()))
    return escaped if escaped.startswith("`") else start_of_line(escaped)  # a code span starts no block


def _plain(piece: str, whole: str) -> str:
    """Escape a piece of a text without formulas."""
    # a cell of nothing but [TOC] is where some sites put their table of contents
    groups = (found for found in _GROUP.finditer(piece) if found[0] != whole.strip())
    kept = {place for found in groups for place in (found.start(), found.end() - 1)}
    marks: dict[int, str] = {}
    for pattern, instead in _SOMEWHERE:
        for found in pattern.finditer(piece):
            for place in range(*found.span()):
                marks[place] = instead or f"&#{ord(piece[place])};"
    for place, char in enumerate(piece):
        if char in _ALWAYS and place not in kept:
            marks[place] = _ALWAYS[char]
        elif char in _PAIRED and whole.count(char) > 1:
            marks[place] = _PAIRED[char]
    return "".join(marks.get(place, char) for place, char in enumerate(piece))

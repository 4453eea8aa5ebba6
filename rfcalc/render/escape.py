"""One escaper for each output format: a model file is untrusted, and its names reach them all.

Every escaper begins with :func:`visible`, so that no format ever carries a control character, an ANSI
sequence or a mark that changes the direction of the text around it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Final

_HTML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})

_LATEX: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "⌊": r"$\lfloor$",  # of a formula, and not in every font
        "⌋": r"$\rfloor$",
        **{bar: rf"\rule{{0.5em}}{{{eighth / 8}em}}" for eighth, bar in enumerate("▁▂▃▄▅▆▇█", 1)},
        '"': "{''}",
        "`": "{`}",
        "[": "{[}",  # a row that starts with a bracket would be an argument of the \\ before it
        "]": "{]}",
        "*": "{*}",  # the same for a star
    }
)
_LATEX_LIGATURE: Final = r"-(?=-)"

_RST: Final = r"[\\*`|:@<>\[\]]|_(?![^\W_])|(?<![^\W_])_"
_RST_ENUMERATOR: Final = r"^([A-Za-z0-9#]+)([.)])(?=\s|$)"

_ASCIIDOC: Final = (
    r"""[\\*`#^~+{}\[\]<>&|@$"'=]"""
    r"|(?<=[-.:])[-.:]|[-.:](?=[-.:])|:(?=/)|(?<![\w)]);|;(?=;)"
    r"|(?<=^TIP):|(?<=^NOTE):|(?<=^WARNING):|(?<=^CAUTION):|(?<=^IMPORTANT):"
    r"|\((?=\()|\((?=(?:C|R|TM)\))|(?<![^\W_])_|_(?![^\W_])"
)
"""What means something, some of it twice over, before certain letters, or at the end of a word alone."""

_FIRST: Final = r"[!-/:-@\[-`{-~]"  # ASCII punctuation
_ENUMERATOR: Final = r"^([A-Za-z]+|[0-9]+)([.)])(?=\s|$)"

_FORMULA: Final = frozenset("=+-@\t\r\uff1d\uff0b\uff0d\uff20")  # full-width ones too


def visible(text: str) -> str:
    r"""Spell out what would not print as one character: controls, direction marks, lone surrogates.

    >>> visible("a\x1b[31mb\u202e"), visible("größe")
    ('a\\x1b[31mb\\u202e', 'größe')
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _code(char) for char in text)


def _code(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def terminal(text: str, *, unicode: bool = True) -> str:
    r"""Escape for a terminal; without `unicode` for one that shows ASCII alone.

    >>> terminal("é\n", unicode=False)
    '\\xe9\\n'
    """
    text = visible(text)
    return text if unicode or text.isascii() else text.encode("ascii", "backslashreplace").decode("ascii")


def terminals(texts: Sequence[str], *, unicode: bool = True) -> list[str]:
    r"""Escape texts for a terminal, each as `terminal` does.

    >>> terminals(["a", "b\n"])
    ['a', 'b\\n']
    """
    whole = "".join(texts)
    if whole.isprintable() and (unicode or whole.isascii()):  # as nearly always
        return list(texts)
    return [terminal(text, unicode=unicode) for text in texts]


def html(text: str) -> str:
    """Escape for HTML, in an element or in a quoted attribute.

    >>> html("<script>")
    '&lt;script&gt;'
    """
    return visible(text).translate(_HTML)


def latex(text: str) -> str:
    r"""Escape for LaTeX text.

    >>> latex("block_1 50%"), latex("[x]")
    ('block\\_1 50\\%', '{[}x{]}')
    """
    return re.sub(_LATEX_LIGATURE, r"\g<0>{}", visible(text).translate(_LATEX))


def rst(text: str) -> str:
    r"""Escape for a cell of a reStructuredText table, whose cells are documents of their own.

    Characters wider than one column, or narrower, are spelled out: they would shift the columns.

    >>> rst("conv2d_1"), rst("name_"), rst(".. raw:: html"), rst("1. x")
    ('conv2d_1', 'name\\_', '\\.. raw\\:\\: html', '1\\. x')
    """
    text = visible(text)
    if not text.isascii():
        text = "".join(char if cells(char) == 1 else _code(char) for char in text)
    text = text.strip()
    escaped = re.sub(_RST_ENUMERATOR, r"\1\\\2", re.sub(_RST, r"\\\g<0>", text))
    # bullets, directives, option lists, rulers: what starts a block is punctuation
    if not escaped.strip("\\"):  # a line of backslashes would be a ruler; backslash and blank are nothing
        return "\\ " + escaped if escaped else ""
    return escaped if escaped[0].isalnum() or escaped[0] == "\\" else "\\" + escaped


def asciidoc(text: str) -> str:
    r"""Escape for a cell or a paragraph of AsciiDoc, which restores character references at the very end.

    >>> asciidoc("conv2d_1"), asciidoc("a|b"), asciidoc("a--b")
    ('conv2d_1', 'a&#124;b', 'a&#45;&#45;b')
    """
    return start_of_line(re.sub(_ASCIIDOC, lambda found: f"&#{ord(found[0])};", visible(text).strip()))


def start_of_line(text: str) -> str:
    """Escape what would start a block of its own: a list, a heading, a comment."""
    text = re.sub(_ENUMERATOR, lambda found: f"{found[1]}&#{ord(found[2])};", text)
    if re.match(_FIRST, text) and not text.startswith(("&", "\\")):
        return f"&#{ord(text[0])};{text[1:]}"
    return text


def csv(text: str) -> str:
    r"""Escape for a spreadsheet, which would run a cell that looks like a formula.

    >>> csv("=1+1"), csv("conv1")
    ("'=1+1", 'conv1')
    """
    text = visible(text)
    return "'" + text if text[:1] in _FORMULA else text


def cells(text: str) -> int:
    """Count the columns of a terminal that a text takes.

    >>> cells("conv"), cells("層"), cells("e\u0301")
    (4, 2, 1)
    """
    return len(text) if text.isascii() else sum(map(_char_cells, text))


def widest(texts: Sequence[str]) -> int:
    """Count the columns of a terminal that the widest of some texts takes.

    >>> widest(["conv", "層"])
    4
    """
    return max(map(len if "".join(texts).isascii() else cells, texts))


@cache
def _char_cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shorten(text: str, width: int, ellipsis: str = "…") -> str:
    """Cut the middle out of a text that is wider than `width` columns.

    >>> shorten("conv5_block3_out", 9), shorten("conv1", 9)
    ('conv…_out', 'conv1')
    """
    if cells(text) <= width:
        return text
    room = max(width - len(ellipsis), 2)
    head, tail = _take(text, room - room // 2), _take(text[::-1], room // 2)[::-1]
    return head + ellipsis + tail


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """Cut the end off a text that is wider than `width` columns.

    >>> cut("the map is too small", 12), cut("conv1", 12)
    ('the map is…', 'conv1')
    """
    return text if cells(text) <= width else _take(text, width - len(ellipsis)).rstrip() + ellipsis


def _take(text: str, width: int) -> str:
    used = 0
    for place, char in enumerate(text):
        used += _char_cells(char)
        if used > width:
            return text[:place]
    return text

"""Where a line of a document is read as it stands: code, literal blocks, comments. Markers there are none.

A context is told the lines of a document one by one, without their ends, and says of each whether it lies in
such a block. It reads as much of its language as that takes, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Protocol

_TAB: Final = 4


class Context(Protocol):
    """What is known of a document so far."""

    def literal(self, line: str) -> bool:
        """Tell whether the next line is read as it stands."""
        ...


def _indent(line: str) -> int:
    expanded = line.expandtabs(_TAB)
    return len(expanded) - len(expanded.lstrip(" "))


# ---- Markdown ----------------------------------------------------------------------------------------------

_QUOTE: Final = re.compile(r"(?: {0,3}> ?)*")
_FENCE: Final = re.compile(r"\s*(?P<fence>`{3,}(?=[^`]*$)|~{3,})")
_LIST: Final = re.compile(r"\s*(?:[-*+]|[0-9]{1,9}[.)])(?P<gap>[ \t]+|$)")
_INDENTING: Final = re.compile(r"\s*(?:!!!|\?\?\?\+?|===|///|:|\[\^[^\]]+\]:)\s")
"""What has content indented by four: admonitions and tabs of Python-Markdown, definitions, footnotes."""

_RAW: Final = re.compile(r"\s*<(?P<tag>pre|script|style|textarea)(?=[\s>]|$)", re.I)
_COMMENT: Final = re.compile(r"\s*<!--(?!.*-->)")


class Markdown:
    """Fences, indented code, comments and raw elements, inside of lists and quotations too."""

    def __init__(self) -> None:
        self._fence = ""
        self._fence_place = (0, 0)  # how deep in quotations, and from which column on
        self._until: re.Pattern[str] | None = None
        self._columns: list[int] = []  # where the content of the lists and admonitions begins that are open
        self._may_be_code = True  # indented code cannot interrupt a paragraph

    def literal(self, line: str) -> bool:
        """Tell whether the next line is read as it stands."""
        quote = _QUOTE.match(line)
        assert quote is not None
        depth, rest = quote[0].count(">"), line[quote.end() :] if ">" in quote[0] else line
        if self._until is not None:
            if self._until.search(line):
                self._until = None
            return True
        if not rest.strip():
            self._may_be_code = True
            return bool(self._fence)
        indent = _indent(rest)
        if self._fence:
            if depth >= self._fence_place[0] and indent >= self._fence_place[1]:
                text = rest.strip()
                if text.startswith(self._fence) and not text.strip(self._fence[0]):
                    self._fence = ""
                return True
            self._fence = ""  # the list or the quotation that it stood in has ended
        while self._columns and indent < self._columns[-1]:
            self._columns.pop()
        if indent - (self._columns[-1] if self._columns else 0) >= _TAB and self._may_be_code:
            return True
        self._may_be_code = False
        self._opens(rest, depth)
        return False

    def _opens(self, rest: str, depth: int) -> None:
        """See what the line begins."""
        consumed = 0
        while item := _LIST.match(rest, consumed):
            gap = len(item["gap"].expandtabs(_TAB))
            wide = gap == 0 or gap > _TAB or item.end() == len(rest)
            width = len(rest[: item.start("gap")].expandtabs(_TAB))
            self._columns.append(width + (1 if wide else gap))
            if wide:
                return
            consumed = item.end()
        text = rest[consumed:]
        if _INDENTING.match(text):
            self._columns.append(_indent(rest) + _TAB)
        elif fence := _FENCE.match(text):
            self._fence = fence["fence"]
            self._fence_place = depth, self._columns[-1] if self._columns else 0
        elif raw := _RAW.match(text):
            end = re.compile(f"</{raw['tag']}>", re.I)
            self._until = None if end.search(text) else end
        elif _COMMENT.match(text):
            self._until = re.compile("-->")


# ---- HTML --------------------------------------------------------------------------------------------------

_HTML_START: Final = re.compile(
    r"(?P<comment><!--)|<(?P<tag>pre|script|style|textarea|title|xmp)(?=[\s>/]|$)", re.I
)


class Html:
    """Comments of several lines, and elements whose text is not markup or is preformatted."""

    def __init__(self) -> None:
        self._until: re.Pattern[str] | None = None

    def literal(self, line: str) -> bool:
        """Tell whether the next line is read as it stands."""
        inside, place = self._until is not None, 0
        while place <= len(line):
            if self._until is not None:
                end = self._until.search(line, place)
                if end is None:
                    break
                self._until, place = None, end.end()
                continue
            start = _HTML_START.search(line, place)
            if start is None:
                break
            self._until = re.compile("-->" if start["comment"] else f"</{start['tag']}\\s*>", re.I)
            place = start.end()
        return inside


# ---- reStructuredText --------------------------------------------------------------------------------------

_DIRECTIVE: Final = re.compile(r"\s*\.\. +(?:\|[^|]+\| +)?(?P<name>[\w.:+-]+?) ?::(?:\s|$)")
_EXPLICIT: Final = re.compile(r"\s*\.\.(?: +(?:\[[^\]]+\] |_[^:]*:|__:)|$| )")
_LITERAL_DIRECTIVES: Final = re.compile(
    r"code|code-block|sourcecode|parsed-literal|raw|math|highlight|literalinclude|doctest|"
    r"testcode|testoutput|testsetup|testcleanup|prompt|console|graphviz|digraph|"
    r"graph|mermaid|plantuml|ipython|jupyter-execute|productionlist|command-output|program-output|plot|csv-table|rfcalc"
)
_RST_MARKER: Final = re.compile(r"\s*\.\. +/?rfcalc(?::\s|:?$|\s*$)")


class Rst:
    """Literal blocks, directives whose content is no text, and comments."""

    def __init__(self) -> None:
        self._above: int | None = None  # what is indented deeper than this column is literal

    def literal(self, line: str) -> bool:
        """Tell whether the next line is read as it stands."""
        if not line.strip():
            return self._above is not None
        indent = _indent(line)
        if self._above is not None:
            if indent > self._above:
                return True
            self._above = None
        directive = _DIRECTIVE.match(line)
        if directive is not None:
            self._above = indent if _LITERAL_DIRECTIVES.fullmatch(directive["name"]) else None
        elif _RST_MARKER.match(line):
            pass
        elif _EXPLICIT.match(line):
            named = re.match(r"\s*\.\. +(?:\[|_)", line)  # footnotes hold text, targets nothing
            self._above = None if named else indent
        elif line.rstrip().endswith("::"):
            self._above = indent
        return False


# ---- AsciiDoc ----------------------------------------------------------------------------------------------

_DELIMITER: Final = re.compile(r"(?:-{4,}|\.{4,}|\+{4,}|/{4,}|`{3,})(?=\s*$)|```(?=\S*$)")


class Asciidoc:
    """Delimited listings, literals, passthroughs and comments."""

    def __init__(self) -> None:
        self._delimiter = ""
        self._before = ("", "")

    def literal(self, line: str) -> bool:
        """Tell whether the next line is read as it stands."""
        text = line.rstrip()
        if self._delimiter:
            if text == self._delimiter:
                self._delimiter = ""
            return True
        found = _DELIMITER.match(text)
        if found is not None and not self._underlines(text):
            self._delimiter = found[0]
        self._before = self._before[1], text
        return False

    def _underlines(self, text: str) -> bool:
        """Tell whether a row of signs is the underline of a title."""
        above, title = self._before
        return text[0] in "-+" and not above and bool(title) and abs(len(title) - len(text)) <= 1


# ---- LaTeX -------------------------------------------------------------------------------------------------

_BEGIN: Final = re.compile(
    r"(?<!\\)(?:\\\\)*(?P<percent>%)|\\begin\s*\{(?P<name>[A-Za-z]*[Vv]erbatim\*?|lstlisting|minted|comment|"
    r"alltt|filecontents\*?)\}"
)


class Latex:
    """Verbatim environments of the usual packages."""

    def __init__(self) -> None:
        self._end: re.Pattern[str] | None = None

    def literal(self, line: str) -> bool:
        """Tell whether the next line is read as it stands."""
        if self._end is not None:
            if self._end.search(line):
                self._end = None
            return True
        found = _BEGIN.search(line)
        if found is not None and found["percent"] is None:
            end = re.compile(rf"\\end\s*\{{{re.escape(found['name'])}\}}")
            self._end = None if end.search(line, found.end()) else end
        return False


CONTEXTS: Final[dict[str, Callable[[], Context]]] = {
    "markdown": Markdown,
    "rst": Rst,
    "asciidoc": Asciidoc,
    "latex": Latex,
    "html": Html,
}
"""For each markup language what reads it."""

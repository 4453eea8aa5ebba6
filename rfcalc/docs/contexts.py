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
_STARTS: Final = re.compile(
    r"\s*(?:#{1,6}(?:\s|$)|>|<|`{3,}(?=[^`]*$)|~{3}|[-*+](?:\s|$)|[0-9]{1,9}[.)](?:\s|$)|"
    r"([-*_])(?:[ \t]*\1){2,}[ \t]*$|!!!|\?\?\?|===|///|=+[ \t]*$|-+[ \t]*$)"
)
"""What does not go on with a paragraph."""

_RAW_END: Final = re.compile(r"</(?:pre|script|style|textarea)>", re.I)
_ELEMENT: Final = re.compile(
    r"\s*</?(?:(?P<block>address|article|aside|blockquote|body|center|details|dialog|div|dl|fieldset|figure|footer|"
    r"form|h[1-6]|head|header|html|li|main|menu|nav|ol|p|section|summary|table|tbody|td|th|thead|tr|ul)|"
    r"[a-z][a-z0-9-]*)(?=[\s/>]|$)",
    re.I,
)
"""An element of HTML; those of the list begin a block in the middle of a paragraph too."""


class Markdown:
    """Fences, indented code, comments and raw elements, inside of lists and quotations too."""

    def __init__(self) -> None:
        self._end: re.Pattern[str] | None = None  # what ends the fence, comment or element that is open
        self._place = (0, 0)  # how deep in quotations it began, and from which column on
        self._fenced = False
        self._hollow = False  # the line before was an item of a list without content
        self._after_blank = True
        self._paragraph = False  # the line before was one of a paragraph
        self._html = False  # an element is open, and ends at a blank line
        # where the content of the lists and admonitions begins that are open, for each depth of quotation
        self._open: list[list[int]] = [[]]

    def literal(self, line: str) -> bool:
        """Tell whether the next line is read as it stands."""
        quote = _QUOTE.match(line)
        assert quote is not None
        depth, rest = quote[0].count(">"), line[quote.end() :] if ">" in quote[0] else line
        in_element = self._html and depth > self._place[0]  # where > is text
        blank, indent = not rest.strip() and not in_element, _indent(rest)
        self._open = [*self._open, *([] for _ in range(depth))][: depth + 1]
        columns = self._open[-1]
        if depth:
            _close(self._open[0], _indent(line))
        start = _indent(line) if depth > self._place[0] else indent
        if depth < self._place[0] or (not blank and start < self._place[1]):
            self._end, self._html = None, False  # the quotation or the list that it stood in has ended
            self._place = 0, 0
        if self._end is not None:
            at_home = depth == self._place[0] and indent - self._place[1] < _TAB
            if self._end.search(rest) and (at_home or not self._fenced):
                self._end = None
            return True
        if blank:
            if self._hollow and columns:
                columns.pop()  # an item that begins with a blank line is empty
            self._hollow = self._html = self._paragraph = False
            self._after_blank = True
            return False
        if self._paragraph and not _STARTS.match(rest):
            return False  # goes on with a paragraph, wherever it begins
        if indent - max((each for each in columns if each <= indent), default=0) >= _TAB:
            if not self._paragraph:
                _close(columns, indent)
            return True  # code, or in a paragraph what a table could not be set like
        _close(columns, indent)
        self._hollow = False
        after_blank, self._after_blank = self._after_blank, False
        if not self._html:
            self._paragraph = self._opens(rest, columns, after_blank=after_blank)
            self._place = depth, columns[-1] if columns else 0
        return False

    def _opens(self, rest: str, columns: list[int], *, after_blank: bool) -> bool:
        """See what the line begins, and whether that is a paragraph."""
        consumed = 0
        while item := _LIST.match(rest, consumed):
            gap = len(item["gap"].expandtabs(_TAB))
            wide = gap == 0 or gap > _TAB or item.end() == len(rest)
            width = len(rest[: item.start("gap")].expandtabs(_TAB))
            columns.append(width + (1 if wide else gap))
            self._hollow = item.end() == len(rest)
            if wide:
                return False
            consumed = item.end()
        text = rest[consumed:]
        if _INDENTING.match(text):
            columns.append(_indent(rest) + _TAB)
            return False
        fence, raw = _FENCE.match(text), _RAW.match(text)
        self._fenced = fence is not None
        if fence is not None:
            self._end = re.compile(rf"^\s*{fence['fence'][0]}{{{len(fence['fence'])},}}\s*$")
        elif raw is not None:
            self._end = None if _RAW_END.search(text) else _RAW_END
        elif _COMMENT.match(text):
            self._end = re.compile("-->")
        else:
            element = _ELEMENT.match(text)
            self._html = element is not None and (after_blank or element["block"] is not None)
            return not self._html and not _STARTS.match(text)
        return False


def _close(columns: list[int], indent: int) -> None:
    """Close what a line of such an indent does not belong to."""
    while columns and indent < columns[-1]:
        columns.pop()


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


_PUNCTUATION: Final = re.compile(r"\s*[!-/:-@\[-`{-~]")


class Rst:
    """Literal blocks, directives whose content is no text, and comments."""

    def __init__(self) -> None:
        self._above: int | None = None  # what is indented deeper than this column is literal
        self._empty = False  # the line before was an empty comment
        self._announced = False  # a literal block may come, which may be quoted instead of indented
        self._quoted = False

    def literal(self, line: str) -> bool:
        """Tell whether the next line is read as it stands."""
        if not line.strip():
            if self._empty:
                self._above = None  # what is indented behind an empty comment does not belong to it
            self._empty = self._quoted = False
            return self._above is not None
        indent = _indent(line)
        if self._above is not None:
            if indent > self._above:
                self._announced = False
                return True
            self._quoted = self._announced and indent == self._above and bool(_PUNCTUATION.match(line))
            self._above = None
        self._announced = False
        if self._quoted:
            return True
        self._empty = line.strip() == ".."
        directive = _DIRECTIVE.match(line)
        if directive is not None:
            self._above = indent if _LITERAL_DIRECTIVES.fullmatch(directive["name"]) else None
        elif _RST_MARKER.match(line):
            pass
        elif _EXPLICIT.match(line):
            named = re.match(r"\s*\.\. +(?:\[|_)", line)  # footnotes hold text, targets nothing
            self._above = None if named else indent
        elif line.rstrip().endswith("::"):
            self._above, self._announced = indent, True
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

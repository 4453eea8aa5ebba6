"""Hostile names, in every format: they come back as text, and as nothing else."""

from __future__ import annotations

import csv
import html
import io
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcalc.questions.analyze.exports import analysis_csv, analysis_markup, notebook
from rfcalc.questions.analyze.report import analysis_text
from rfcalc.render import escape
from rfcalc.render.markdown import markdown
from rfcalc.render.markup import listing, rendered, tabulated
from rfcalc.render.pieces import Heading, Paragraph
from rfcalc.wording import MARKUP
from tests.render.samples import named

_PIECES = [
    *"|`<>[]()*_\\~#!&$:@{}=+-.'\"^%/? \t\n\r1aZ",
    *("\x1b[31m", "\x9b1m", "\u202e", "\u2066", "\ud800", "\x00", "\u2028", "層", "e\u0301", "\ufeff"),
    *(
        "::",
        ".. ",
        "http://x.y",
        "www.a.b",
        "a@b.cc",
        "--",
        "__",
        "``",
        "</td>",
        "&amp;",
        "{.c}",
        "$x$",
        "\\\\",
    ),
    *(
        "1. ",
        "3*2**n - 2",
        "[TOC]",
        "(a + b)*c",
        "- ",
        ">>> ",
        "====",
        "=cmd|' /C calc'!A0",
        "+1",
        "@SUM(A1)",
        "\\input{x}",
        "<script>",
        "[a](b)",
    ),
]
names = st.lists(st.sampled_from(_PIECES), max_size=8).map("".join) | st.text(max_size=20)

TEXT = ("text", "text_special", "code_inline")
"""What a Markdown parser may find in a cell or a paragraph."""


def table(markup: str, *cells: str) -> str:
    return tabulated(["one", "two"], [cells, cells[::-1]], ["left", "right"], markup)


def squeezed(text: str) -> str:
    return " ".join(escape.visible(text).split())


class Cells(HTMLParser):
    """The text of the cells of a table, and every tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert all(key == "style" for key, _ in attrs)
        if tag == "td":
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "td"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


@given(names)
def test_terminal_shows_one_line_of_printable_text(name: str) -> None:
    for unicode in (True, False):
        text = escape.terminal(name, unicode=unicode)
        assert text.isprintable()
        assert unicode or text.isascii()


@given(names, st.integers(3, 12))
def test_a_shortened_name_fits(name: str, width: int) -> None:
    text = escape.visible(name)
    short = escape.shorten(text, width)
    assert escape.cells(short) <= width
    assert short == text or "…" in short


@given(names, names)
def test_html_holds_the_names_as_text(one: str, other: str) -> None:
    parsed = Cells(table("html", one, other))
    assert parsed.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert [" ".join(cell.split()) for cell in parsed.cells] == [
        squeezed(x) for x in (one, other, other, one)
    ]


@given(names, names)
def test_markdown_has_as_many_cells_as_it_should(one: str, other: str) -> None:
    lines = table("markdown", one, other).splitlines()
    assert len(lines) == 4
    for line in lines:
        assert len(re.findall(r"(?<!\\)\|", line)) == 3
        # what links by itself on code hosts, or starts a tag, an attribute list or a formula
        assert not re.search(r"<[A-Za-z/!?]|(?<!\\)[{}$]|(?i:www)\.|\w@\w|://", line)


@given(names, names)
def test_markdown_holds_the_names_as_text(one: str, other: str) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    cells = [token for token in parser.parse(table("markdown", one, other)) if token.type == "inline"]
    assert all(child.type in TEXT for cell in cells for child in cell.children)
    texts = ["".join(child.content for child in cell.children) for cell in cells[2:]]
    assert [" ".join(text.split()) for text in texts] == [squeezed(x) for x in (one, other, other, one)]


@given(names, names)
def test_python_markdown_holds_the_names_as_text(one: str, other: str) -> None:
    python_markdown = pytest.importorskip("markdown")
    names = ("tables", "toc", "attr_list", "footnotes", "def_list", "abbr", "md_in_html")
    extensions = [f"markdown.extensions.{name}" for name in names]
    page = python_markdown.markdown(table("markdown", one, other), extensions=extensions)
    parsed = Cells(page)
    assert parsed.tags <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert [" ".join(cell.split()) for cell in parsed.cells] == [
        squeezed(x) for x in (one, other, other, one)
    ]


@given(names, names)
def test_rst_cells_are_paragraphs(one: str, other: str) -> None:
    lines = table("rst", one, other).splitlines()
    assert len(lines) == 6
    for line in lines[3:5]:
        # a block of any kind starts with punctuation, or with an enumerator
        assert re.match(r"\\|[^\W_]|\.\.( |$)", line)
        assert not re.match(r"[A-Za-z0-9#]+[.)](\s|$)", line)
        assert not re.search(r"(?<!\\)(?:\\\\)*[`|*:]", line.replace("\\ ", ""))


@given(names, names)
def test_rst_holds_the_names_as_text(one: str, other: str) -> None:
    core = pytest.importorskip("docutils.core")
    nodes = pytest.importorskip("docutils.nodes")
    warnings = io.StringIO()
    document = core.publish_doctree(
        table("rst", one, other), settings_overrides={"warning_stream": warnings, "report_level": 1}
    )
    assert warnings.getvalue() == ""
    allowed = (nodes.entry, nodes.paragraph, nodes.Text, nodes.comment)
    assert all(
        isinstance(node, allowed) for entry in document.findall(nodes.entry) for node in entry.findall()
    )
    assert len(list(document.findall(nodes.entry))) == 6


@given(names, names)
def test_latex_has_no_special_characters_left(one: str, other: str) -> None:
    lines = table("latex", one, other).splitlines()
    assert len(lines) == 8
    command = (
        r"\\[A-Za-z]+\{\}|\\[{}&%$#_]|\$\\[a-z]+\$|\\rule\{[0-9.]+em\}\{[0-9.]+em\}|\{(?:\[|\]|\*|''|`)\}"
    )
    for line in lines[4:6]:
        rest = re.sub(command, "X", line.removesuffix("\\\\")).replace("-{}", "_").replace("_", "X")
        assert not re.search(r"[\\{}$#%^~<>|\[\]*`\"]|--", rest)
        assert rest.count("&") == 1


@given(names)
def test_csv_has_no_formula(name: str) -> None:
    rows = list(csv.reader(io.StringIO(analysis_csv(named(name)))))
    assert len(rows) == 3
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows for cell in row):
        assert cell.isprintable()
        assert not re.match("[=+@\uff1d\uff0b\uff0d\uff20]|-(?![0-9.]+$)", cell)


@given(names)
def test_no_report_carries_control_characters(name: str) -> None:
    result = named(name)
    reports = [analysis_markup(result, markup) for markup in MARKUP]
    reports += [
        analysis_text(result),
        analysis_text(result, unicode=False),
        analysis_csv(result),
        notebook(result),
    ]
    for text in reports:
        assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize(
    ("function", "name", "expected"),
    [
        (markdown, "conv2d_1/kernel:0", "conv2d_1/kernel:0"),
        (markdown, "a|b`c<d>[e](f)", "a\\|b\\`c&lt;d>\\[e\\](f)"),
        (markdown, "__init__", "\\_\\_init\\_\\_"),
        # what means nothing where it stands is left alone
        (markdown, "x = 1: <1%, <=3x3, ~18x18, [conv 3] x 2", "x = 1: <1%, <=3x3, ~18x18, [conv 3] x 2"),
        (
            markdown,
            ":smile: a==b ~x~ [a][b] [^1]",
            "&#58;smile: a&#61;&#61;b &#126;x&#126; \\[a\\]\\[b\\] \\[^1\\]",
        ),
        # sites put a table of contents in the place of a cell of nothing else
        (markdown, "[TOC]", "\\[TOC\\]"),
        # a formula is code, wherever it ends; a star that is none is escaped
        (markdown, "r(n) = 3*2**n - 2", "`r(n) = 3*2**n - 2`"),
        (
            markdown,
            "it takes n = ceil((R - r0)/(j0*(k - 1)*d)).",
            "it takes `n = ceil((R - r0)/(j0*(k - 1)*d))`.",
        ),
        (markdown, "*a* 2*n | b*", "\\*a\\* `2*n` \\| b\\*"),
        (escape.html, "<img src=x onerror='a()'>", "&lt;img src=x onerror=&#x27;a()&#x27;&gt;"),
        (escape.latex, r"a_b\input{x}%", r"a\_b\textbackslash{}input\{x\}\%"),
        (escape.rst, "`a` |b| c_", r"\`a\` \|b\| c\_"),
        (escape.csv, "=HYPERLINK(1)", "'=HYPERLINK(1)"),
        (escape.csv, "\t=1", "\\t=1"),
        (escape.visible, "\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    ],
)
def test_worked_examples(function: object, name: str, expected: str) -> None:
    assert callable(function)
    assert function(name) == expected


# ---- AsciiDoc, paragraphs and listings ---------------------------------------------------------------------


@given(names, names)
def test_asciidoc_holds_the_names_as_text(one: str, other: str) -> None:
    lines = table("asciidoc", one, other).splitlines()
    assert [lines[0], lines[1], lines[3], lines[-1]] == ['[cols="<,>",options="header"]', "|===", "", "|==="]
    assert len(lines) == 7
    cells = [cell.strip() for line in lines[4:6] for cell in line.split("|")[1:]]
    assert [" ".join(html.unescape(cell).split()) for cell in cells] == [
        squeezed(x) for x in (one, other, other, one)
    ]
    for cell in cells:
        bare = re.sub("&#[0-9]+;", "\N{BULLET}", cell)
        assert not re.search(r"""[\\*`#^~+{}\[\]<>&|@$"'=]|--|::|;;|://|\.\.|\(\(|\b__|__\b""", bare)
        assert not re.match(
            r"(NOTE|TIP|IMPORTANT|WARNING|CAUTION):|[!-/:-@\[-`{-~]|([A-Za-z]+|[0-9]+)[.)](\s|$)", bare
        )


@given(names.filter(lambda name: bool(name.strip())))
def test_a_paragraph_and_a_heading_of_markdown_are_what_they_are(name: str) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(rendered([Heading(name), Paragraph(name), Paragraph("end")], "markdown"))
    assert [token.type for token in tokens] == [
        *("heading_open", "inline", "heading_close"),
        *("paragraph_open", "inline", "paragraph_close") * 2,
    ]
    for token in (tokens[1], tokens[4]):
        assert all(child.type in TEXT for child in token.children)
        assert " ".join("".join(child.content for child in token.children).split()) == squeezed(name)


@given(names.filter(lambda name: bool(name.strip())))
def test_a_paragraph_and_a_heading_of_rst_are_what_they_are(name: str) -> None:
    core = pytest.importorskip("docutils.core")
    nodes = pytest.importorskip("docutils.nodes")
    warnings = io.StringIO()
    document = core.publish_doctree(
        rendered([Heading(name), Paragraph(name), Paragraph("end")], "rst"),
        settings_overrides={"warning_stream": warnings, "report_level": 1},
    )
    assert warnings.getvalue() == ""
    assert [type(node) for node in document.children] == [nodes.rubric, nodes.paragraph, nodes.paragraph]
    assert all(len(node.children) == 1 and isinstance(node.children[0], nodes.Text) for node in document)


lines_of_names = st.lists(names.map(escape.visible), min_size=1, max_size=4).filter(
    lambda lines: bool(lines[0].strip() and lines[-1].strip())
)


@given(lines_of_names)
def test_a_listing_shows_its_lines(lines: list[str]) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    core = pytest.importorskip("docutils.core")
    text = "\n".join(lines)

    def same(shown: str) -> bool:
        # one blank more before all lines, where something would be read at the start of one
        found = shown.rstrip("\n").split("\n")
        moved = [f" {line}" for line in lines]
        return [line.rstrip() for line in found] in (
            [line.rstrip() for line in lines],
            [line.rstrip() for line in moved],
        )

    (fence,) = markdown_it.MarkdownIt("commonmark").parse(listing(text, "markdown"))
    assert fence.type == "fence"
    assert same(fence.content)
    # docutils takes off an indent that all lines share
    (block,) = core.publish_doctree(listing("x\n" + text, "rst"), settings_overrides={"report_level": 5})
    assert block.tagname == "literal_block"
    assert [line.rstrip() for line in block.astext().split("\n")][1:] == [line.rstrip() for line in lines]
    page = listing(text, "html")
    assert re.fullmatch(r"<pre>[^<>]*</pre>\n", page)
    assert same(html.unescape(page[5:-7]))
    inside = listing(text, "asciidoc").removeprefix("....\n").removesuffix("\n....\n")
    assert same(inside)
    assert not re.search(r"^(\.{4}|\\?(include|ifdef|ifndef|ifeval|endif)::|//)", inside, re.M)
    assert listing(text, "latex").count("\\end{verbatim}") == 1

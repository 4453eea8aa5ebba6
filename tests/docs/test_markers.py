"""Markers in five languages: what is found, left alone and refused, and that nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcalc.docs import MarkersError, markers, refilled
from rfcalc.wording import MARKUP

MARKS = {
    "markdown": ("<!-- rfcalc: {} -->", "<!-- /rfcalc -->"),
    "html": ("<!-- rfcalc: {} -->", "<!-- /rfcalc -->"),
    "rst": (".. rfcalc: {}", ".. /rfcalc"),
    "asciidoc": ("// rfcalc: {}", "// /rfcalc"),
    "latex": ("% rfcalc: {}", "% /rfcalc"),
}


def marked(markup: str, content: str = "", command: str = "x", prefix: str = "") -> str:
    opening, closing = MARKS[markup]
    return f"{prefix}{opening.format(command)}\n{content}{prefix}{closing}\n"


def fill(text: str, markup: str, content: str = "new\n") -> str:
    return refilled(text, markup, lambda marker: content)


# ---- what is found -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("markup", MARKUP)
def test_a_marker_has_its_command_and_its_line(markup: str) -> None:
    page = "one\n\n" + marked(markup, "old\n", "law net.json --reach 9") + "\n" + marked(markup)
    assert [(each.line, each.command) for each in markers(page, markup)] == [
        (3, "law net.json --reach 9"),
        (7, "x"),
    ]


SPELLINGS = [
    ("markdown", "<!--rfcalc:x-->\n<!--/rfcalc-->"),
    ("markdown", "<!--   rfcalc:   x   -->  \n<!-- /rfcalc --> "),
    ("html", "\t<!-- rfcalc: x -->\n\t<!-- /rfcalc -->"),
    ("rst", "..  rfcalc: x\n..  /rfcalc"),
    ("asciidoc", "//rfcalc: x\n///rfcalc"),
    ("latex", "%% rfcalc: x\n%/rfcalc"),
]


@pytest.mark.parametrize(("markup", "page"), SPELLINGS)
def test_blanks_are_free(markup: str, page: str) -> None:
    assert [each.command for each in markers(page, markup)] == ["x"]


FOUND = {
    "markdown": {
        "after a paragraph": "text\n{}",
        "in a list": "- one\n\n  {}",
        "in a list of Python-Markdown": "1. one\n\n    {}",
        "in a list in a list": "- one\n    - two\n\n        {}",
        "in an admonition": '!!! note "title"\n\n    {}',
        "in a tab": '=== "one"\n\n    {}',
        "in a quotation": "> text\n>\n> {}",
        "after a fence": "```\ncode\n```\n\n{}",
        "after a fence in a list that was not closed": "- ```\n  code\n\n{}",
        "after a fence in a quotation that was not closed": "> ```\n> code\n\n{}",
        "after a comment": "<!-- one\ntwo -->\n{}",
        "after a comment of one line": "<!-- one -->\n{}",
        "after code on one line": "``` x ```\n\n{}",
        "after a shorter fence in a longer one": "````\n```\n````\n\n{}",
        "after an element": "<pre>\nx\n</pre>\n\n{}",
        "after prose about comments": "A comment begins with `<!--`.\n\n{}",
    },
    "rst": {
        "after a literal block": "text::\n\n    code\n\n{}",
        "in a list": "- one\n\n  {}",
        "in a note": ".. note::\n\n   {}",
        "after a comment": ".. comment\n   more\n\n{}",
        "after an empty comment": "..\n\n   {}",
        "after a target": ".. _target:\n\n{}",
        "in a footnote": ".. [1] text\n\n   {}",
    },
    "asciidoc": {
        "after a listing": "----\ncode\n----\n\n{}",
        "after a title that is underlined": "Title\n-----\n\n{}",
        "in an example": "====\n{}\n====",
    },
    "latex": {
        "after a verbatim environment": "\\begin{verbatim}\nx\n\\end{verbatim}\n{}",
        "after one that is commented out": "% \\begin{verbatim}\n{}",
        "after one on one line": "\\begin{verbatim}x\\end{verbatim}\n{}",
        "in a table": "\\begin{table}\n  {}\n\\end{table}",
    },
    "html": {
        "in an element": "<div>\n  {}\n</div>",
        "after a script": "<script>\nlet a = '<!--';\n</script>\n{}",
        "after a comment": "<!-- one\n two -->\n{}",
    },
}

LEFT = {
    "markdown": {
        "in a fence": "```html\n{}\n```",
        "in a fence of tildes": "~~~\n{}\n~~~",
        "in a fence in a list": "- one\n\n  ```\n  {}\n  ```",
        "in a fence on the line of a list": "- ```\n  {}\n  ```",
        "in a fence in an admonition": "!!! note\n    ```\n    {}\n    ```",
        "in a fence with a blank line": "```\n\n{}\n```",
        "in a fence with a shorter one": "````\n```\n{}\n```\n````",
        "in a fence in a quotation": "> ```\n> {}\n> ```",
        "in a fence to the end": "```\n{}",
        "in indented code": "text\n\n    {}",
        "in indented code of two lines": "text\n\n    one\n    {}",
        "in code in a list": "- one\n\n      {}",
        "in code on its own line": "`<!-- rfcalc: x -->`\n`<!-- /rfcalc -->`",
        "in a sentence": "see <!-- rfcalc: x --> and\nthen <!-- /rfcalc -->",
        "in a preformatted element": "<pre>\n{}\n</pre>",
        "in a script": "<script>\n{}\n</script>",
        "of another language": ".. rfcalc: x\n.. /rfcalc",
    },
    "rst": {
        "in a literal block": "text::\n\n    {}",
        "in a literal block of its own": "::\n\n    {}",
        "in code": ".. code-block:: rst\n\n   {}",
        "in code in a note": ".. note::\n\n   .. code-block:: rst\n\n      {}",
        "in a comment": "..\n   {}",
        "in a comment of a line": ".. comment\n   {}",
        "of another language": "<!-- rfcalc: x -->\n<!-- /rfcalc -->",
    },
    "asciidoc": {
        "in a listing": "[source]\n----\n{}\n----",
        "in a literal": "....\n{}\n....",
        "in a comment": "////\n{}\n////",
        "in a passthrough": "++++\n{}\n++++",
        "in a fence": "```asciidoc\n{}\n```",
        "where it is indented, and code": "text\n\n  {}",
        "in a longer listing": "-----\n----\n{}\n----\n-----",
    },
    "latex": {
        "in a verbatim environment": "\\begin{verbatim}\n{}\n\\end{verbatim}",
        "in a listing": "\\begin{lstlisting}[language=TeX]\n{}\n\\end{lstlisting}",
        "in a comment environment": "\\begin{comment}\n{}\n\\end{comment}",
    },
    "html": {
        "in a preformatted element": "<pre>\n{}\n</pre>",
        "in a script": "<body><script>\n{}\n</script>",
        "in a style": "<style>\n{}\n</style>",
        "in a text area": "<textarea rows=3>\n{}\n</textarea>",
    },
}


def _page(markup: str, pattern: str) -> str:
    """Put a marker into a page, each line of it behind what stands before the first on its line."""
    before, _, after = pattern.partition("{}")
    prefix = before.rpartition("\n")[2]
    return before + marked(markup, prefix=prefix).removeprefix(prefix).removesuffix("\n") + after + "\n"


def _cases(table: dict[str, dict[str, str]]) -> list[object]:
    return [
        pytest.param(markup, _page(markup, page), id=f"{markup}: {name}")
        for markup, pages in table.items()
        for name, page in pages.items()
    ]


@pytest.mark.parametrize(("markup", "page"), _cases(FOUND))
def test_markers_are_found(markup: str, page: str) -> None:
    assert len(markers(page, markup)) == 1, page
    assert "new" in fill(page, markup)


@pytest.mark.parametrize(("markup", "page"), _cases(LEFT))
def test_what_is_read_as_it_stands_is_left_alone(markup: str, page: str) -> None:
    assert markers(page, markup) == [], page
    assert fill(page, markup) == page


# ---- what comes in between ---------------------------------------------------------------------------------

SET = [
    ("markdown", "a\n{o}\nold\n{c}\nb\n", "a\n{o}\n\nnew\n\nline\n\n{c}\nb\n"),
    ("markdown", "- a\n\n  {o}\n  {c}\n", "- a\n\n  {o}\n\n  new\n\n  line\n\n  {c}\n"),
    ("markdown", "> {o}\n> {c}\n", "> {o}\n>\n> new\n>\n> line\n>\n> {c}\n"),
    ("rst", "   {o}\n   {c}\n", "   {o}\n\n   new\n\n   line\n\n   {c}\n"),
    ("asciidoc", "{o}\n{c}\n", "{o}\n\nnew\n\nline\n\n{c}\n"),
    ("latex", "  {o}\n  {c}\n", "  {o}\nnew\n\nline\n  {c}\n"),
    ("html", "  {o}\n  {c}\n", "  {o}\nnew\n\nline\n  {c}\n"),
]


@pytest.mark.parametrize(("markup", "page", "expected"), SET)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", ""])
def test_text_is_set_as_its_document_is(
    markup: str, page: str, expected: str, newline: str, bom: str, end: str
) -> None:
    def spelled(text: str) -> str:
        opening, closing = MARKS[markup]
        text = text.replace("{o}", opening.format("x")).replace("{c}", closing)
        return bom + (text.removesuffix("\n") + end).replace("\n", newline)

    result = fill(spelled(page), markup, "new\n\nline\n")
    assert result == spelled(expected)
    assert fill(result, markup, "new\n\nline\n") == result


def test_a_document_keeps_the_line_ends_that_it_mixes() -> None:
    page = "a\r\nb\n<!-- rfcalc: x -->\r\nold\n<!-- /rfcalc -->\nc\rd"
    assert fill(page, "markdown") == "a\r\nb\n<!-- rfcalc: x -->\r\n\r\nnew\r\n\r\n<!-- /rfcalc -->\nc\rd"


texts = st.text(st.sampled_from("ab \t\n\r\x0c\u2028\ufeff`~>-*%/.<!:é|"), max_size=40)


@given(st.sampled_from(MARKUP), texts, texts, texts)
def test_everything_else_stays_byte_for_byte(markup: str, before: str, old: str, after: str) -> None:
    opening, closing = MARKS[markup]
    page = f"{before}\n{opening.format('x')}\n{old}\n{closing}\n{after}"
    try:
        found = markers(page, markup)
    except MarkersError:
        return
    result = fill(page, markup)
    if found:  # what stands before may make code of it
        (marker,) = found
        head, tail = page[: marker.start], page[marker.stop :]
        assert result.startswith(head)
        assert result.endswith(tail)
        assert old not in result[len(head) : len(result) - len(tail)] or not old.strip() or old in "new"
    else:
        assert result == page
    assert fill(result, markup) == result


@given(st.sampled_from(MARKUP), texts)
def test_a_document_without_markers_stays_as_it_is(markup: str, text: str) -> None:
    assert fill(text, markup) == text


# ---- what is refused ---------------------------------------------------------------------------------------

WRONG = {
    "not closed": ("a\n{o}\nb\n", ["page:2: this marker is not closed; end it with {c}"]),
    "closes nothing": ("a\n{c}\n", ["page:2: this closes no marker"]),
    "closed twice": ("{o}\n{c}\n{c}\n", ["page:3: this closes no marker"]),
    "nested": (
        "{o}\n{o}\n{c}\n{c}\n",
        [
            "page:2: a marker inside that of line 1; close that one first, with {c}",
            "page:4: this closes no marker",
        ],
    ),
    "opened twice": (
        "{o}\n{o}\n{c}\n",
        ["page:2: a marker inside that of line 1; close that one first, with {c}"],
    ),
    "two that are not closed": (
        "{o}\n\n{o}\n",
        [
            "page:3: a marker inside that of line 1; close that one first, with {c}",
            "page:1: this marker is not closed; end it with {c}",
        ],
    ),
}


@pytest.mark.parametrize("markup", MARKUP)
@pytest.mark.parametrize("case", WRONG)
def test_wrong_markers_are_named_by_line(markup: str, case: str) -> None:
    page, expected = WRONG[case]
    opening, closing = MARKS[markup]
    with pytest.raises(MarkersError) as caught:
        markers(page.replace("{o}", opening.format("x")).replace("{c}", closing), markup, "page")
    assert list(map(str, caught.value.errors)) == [each.replace("{c}", closing) for each in expected]


@pytest.mark.parametrize("markup", ["markdown", "html"])
@pytest.mark.parametrize(
    "line", ["<!-- rfcalc: x --> text", "<!-- rfcalc: x", "<!-- rfcalc: x --><!-- /rfcalc -->"]
)
def test_a_marker_stands_on_a_line_of_its_own(markup: str, line: str) -> None:
    with pytest.raises(MarkersError, match="page:1: a marker stands on a line of its own"):
        markers(f"{line}\n", markup, "page")


@pytest.mark.parametrize("markup", ["markdown", "rst", "latex"])
def test_an_end_that_is_indented_otherwise_is_pointed_at(markup: str) -> None:
    opening, closing = MARKS[markup]
    if markup == "latex":
        page = f"{opening.format('x')}\n  {closing}\n"
    else:
        page = f"  {opening.format('x')}\n{closing}\n"
    with pytest.raises(
        MarkersError, match=r"page:1: this marker is not closed.*line 2 is indented otherwise"
    ):
        markers(page, markup, "page")


@pytest.mark.parametrize("markup", MARKUP)
def test_text_that_would_end_its_marker_is_refused(markup: str) -> None:
    with pytest.raises(MarkersError, match="reads like a marker"):
        fill(marked(markup), markup, MARKS[markup][1] + "\n")


def test_the_directive_of_sphinx_is_no_marker() -> None:
    page = "Net\n===\n\n.. rfcalc:: analyze net.json\n   :columns: layer\n"
    assert markers(page, "rst") == []

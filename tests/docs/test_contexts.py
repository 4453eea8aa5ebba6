"""Where markers count is compared with what parsers of the languages say of the same line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rfcalc.docs.contexts import CONTEXTS

MARKER = "<!-- rfcalc: x -->"


def counts(markup: str, lines: list[str], marker: str) -> bool:
    """Tell whether the marker among these lines counts."""
    context = CONTEXTS[markup]()
    return [line for line in lines if not context.literal(line) and line.lstrip(" >") == marker] != []


# ---- Markdown ----------------------------------------------------------------------------------------------

_PREFIXES = ["", " ", "  ", "   ", "    ", "      ", "> ", ">", "> > ", ">   ", ">     "]
_CONTENT = [
    *(
        "",
        "text",
        "- one",
        "1. one",
        "10) one",
        "* one",
        "-     code",
        "-",
        "```",
        "````",
        "~~~",
        "```text",
        "``` `a`",
    ),
    *(
        "- ```",
        "> ```",
        "- - two",
        "<pre>",
        "<!-- open",
        "end -->",
        "<!-- one -->",
        "<script>",
    ),
    *("# title", "***", "<div>", "</div>", "`<!--`"),
]
markdown_lines = st.builds(str.__add__, st.sampled_from(_PREFIXES), st.sampled_from(_CONTENT))


def read_by_markdown_it(lines: list[str]) -> bool:
    """Tell whether CommonMark takes the marker for a comment that begins a block."""
    markdown_it = pytest.importorskip("markdown_it")
    tokens = markdown_it.MarkdownIt("commonmark").parse("\n".join(lines))
    return any(each.type == "html_block" and each.content.strip().startswith(MARKER) for each in tokens)


@given(st.lists(markdown_lines, max_size=6), st.sampled_from(_PREFIXES))
@example(["- one", "", "      text"], "      ")
@example(["> ```"], "")
def test_markers_count_in_markdown_where_commonmark_reads_a_comment(before: list[str], prefix: str) -> None:
    lines = [*before, "", f"{prefix}{MARKER}"]
    assert counts("markdown", lines, MARKER) == read_by_markdown_it(lines), "\n".join(lines)


# ---- reStructuredText --------------------------------------------------------------------------------------

RST_MARKER = ".. rfcalc: x"
_RST_CONTENT = [
    *(
        "text",
        "text::",
        "::",
        "- one",
        ".. note::",
        ".. code::",
        ".. comment",
        "..",
        ".. _target:",
        ".. [1] note",
    ),
    *(":field: x", "term"),
]


def _blocks() -> st.SearchStrategy[list[str]]:
    """Blocks with blank lines between them, each indented like the one before, deeper, or less."""
    return st.lists(st.tuples(st.sampled_from([0, 2, 3, 6]), st.sampled_from(_RST_CONTENT)), max_size=5).map(
        lambda blocks: [line for indent, text in blocks for line in (" " * indent + text, "")]
    )


def comments(lines: list[str]) -> Iterator[str]:
    core = pytest.importorskip("docutils.core")
    nodes = pytest.importorskip("docutils.nodes")
    settings = {"report_level": 5, "halt_level": 5}
    for node in core.publish_doctree("\n".join(lines), settings_overrides=settings).findall(nodes.comment):
        yield node.astext()


@given(_blocks(), st.sampled_from([0, 2, 3, 6]))
def test_markers_count_in_rst_where_docutils_reads_a_comment(before: list[str], indent: int) -> None:
    lines = [*before, " " * indent + RST_MARKER]
    assert counts("rst", lines, RST_MARKER) == ("rfcalc: x" in comments(lines)), "\n".join(lines)

"""A Sphinx extension: the directive ``rfcalc`` puts a fresh table into a page, in whatever Sphinx builds.

In ``conf.py``::

    extensions = ["rfcalc.sphinx"]

In a page::

    .. rfcalc:: analyze models/net.json
       :columns: layer,receptive_field,params
       :caption: What each layer sees

The options are those that a marker may have (see `rfcalc.docs`), and ``caption``, ``class`` and ``name``.
Models are relative to the folder of the page, or to ``rfcalc_root`` of ``conf.py`` (relative to the folder of
the sources), and lie below it unless ``rfcalc_allow_outside`` is True.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from rfcalc.docs.models import Models
from rfcalc.docs.tables import made, spelled
from rfcalc.errors import RfcalcError
from rfcalc.render.escape import visible
from rfcalc.render.pieces import Heading, Listing, Paragraph, Piece
from rfcalc.render.table import RIGHT, Table
from rfcalc.version import VERSION

_OWN = {
    "caption": directives.unchanged_required,
    "class": directives.class_option,
    "name": directives.unchanged,
}


class _Options(dict[str, Callable[[str], Any]]):
    """The options that a directive may have: its own, and those of the command, which says what it takes."""

    def __missing__(self, name: str) -> Callable[[str], Any]:
        unchanged: Callable[[str], Any] = directives.unchanged
        return unchanged

    def __contains__(self, name: object) -> bool:
        return True


class TableDirective(SphinxDirective):  # type: ignore[misc]  # Sphinx has no types here
    """The directive ``rfcalc``."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = _Options(_OWN)

    def run(self) -> list[Any]:
        """Return the nodes of the table, and of the sentences around it."""
        source = Path(self.env.doc2path(self.env.docname))
        root = self.config.rfcalc_root
        folder = source.parent if root is None else Path(self.env.srcdir) / root
        given = {key: value for key, value in self.options.items() if key not in _OWN}
        try:
            found = made(
                spelled(self.arguments[0], given), Models(folder, self.config.rfcalc_allow_outside), "rst"
            )
        except RfcalcError as error:
            raise self.error(f"rfcalc: {visible(str(error))}") from None
        for path in found.paths:
            self.env.note_dependency(path)
        made_nodes = [_node(piece, self.options.get("class", [])) for piece in found.pieces()]
        self._name(made_nodes)
        return made_nodes

    def _name(self, made_nodes: Sequence[Any]) -> None:
        """Give the first table the caption and the name that the directive has."""
        tables = [each for each in made_nodes if isinstance(each, nodes.table)]
        target = (tables or made_nodes)[0]
        if tables and "caption" in self.options:
            parsed, messages = self.state.inline_text(self.options["caption"], self.lineno)
            target.insert(0, nodes.title("", "", *parsed, *messages))
        self.add_name(target)


def _node(piece: Piece, classes: Sequence[str]) -> Any:
    match piece:
        case Heading():
            return nodes.rubric("", "", _text(piece.text))
        case Paragraph():
            return _paragraph(piece.text)
        case Listing():
            text = "\n".join(map(visible, piece.text.rstrip("\n").split("\n")))
            return nodes.literal_block(text, text, language="none", classes=list(classes))
        case Table():
            return _table(piece, classes)


def _text(text: str) -> Any:
    return nodes.Text(visible(text))


def _paragraph(text: str) -> Any:
    # typographer's quotes and dashes would change the names of layers
    return nodes.paragraph("", "", _text(text), support_smartquotes=False)


def _table(table: Table, classes: Sequence[str]) -> Any:
    group = nodes.tgroup(cols=len(table.titles))
    group += [nodes.colspec(colwidth=1) for _ in table.titles]
    group += nodes.thead("", _row(table.titles, table.aligns))
    rows = [*table.rows, *([table.total] if table.total else [])]
    group += nodes.tbody("", *(_row(row, table.aligns) for row in rows))
    return nodes.table("", group, classes=["rfcalc", "colwidths-auto", *classes])


def _row(cells: Sequence[str], aligns: Sequence[str]) -> Any:
    row = nodes.row()
    for cell, align in zip(cells, aligns, strict=True):
        entry = nodes.entry("", *([_paragraph(cell)] if cell else []))
        if align == RIGHT:
            entry["classes"] = ["text-right"]
        row += entry
    return row


_STYLE = "table.rfcalc .text-right { text-align: right; }\n"  # not every theme knows the class


def _add_style(app: Any, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        folder = Path(app.outdir) / "_static"
        folder.mkdir(exist_ok=True)
        (folder / "rfcalc.css").write_text(_STYLE, encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Add the directive and its configuration to Sphinx."""
    app.add_config_value("rfcalc_root", None, "env", (str, type(None)))
    app.add_config_value("rfcalc_allow_outside", False, "env", (bool,))
    app.add_directive("rfcalc", TableDirective)
    app.add_css_file("rfcalc.css")
    app.connect("build-finished", _add_style)
    return {"version": VERSION, "parallel_read_safe": True, "parallel_write_safe": True}

"""What was written into a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from rfcalc.render.escape import terminal
from rfcalc.render.fold import paragraph
from rfcalc.render.humanise import sentence
from rfcalc.render.pieces import Paragraph
from rfcalc.render.shown import Documented, Shown

SCHEMA: Final = "rfcalc/annotate/1"


@dataclass(frozen=True, repr=False)
class Annotated(Documented, Shown):
    """The result of `rfcalc.annotate`: what was written into a file.

    Parameters
    ----------
    model : str
        The model's name.
    path : str
        The file that was written.
    nodes : int
        Operations of the model's graph.
    annotated : int
        How many of them have figures now; the others depend on no input.
    shapes : int
        Tensors whose shapes were added.
    """

    model: str
    path: str
    nodes: int
    annotated: int
    shapes: int

    def _about(self) -> str:
        nodes, shapes = sentence(self.nodes, "node"), sentence(self.shapes, "shape")
        return f" of {self.model}: {self.annotated:,} of {nodes}, {shapes}"

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/annotate/1``."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "path": self.path,
            "nodes": self.nodes,
            "annotated": self.annotated,
            "shapes": self.shapes,
        }

    def pieces(self) -> list[Paragraph]:
        """Return it as a sentence."""
        where = "standard output" if self.path == "-" else self.path
        nodes, shapes = sentence(self.nodes, "node"), sentence(self.shapes, "shape")
        return [Paragraph(f"{where}: {self.annotated:,} of {nodes} annotated, {shapes} added")]

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return it for a terminal.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        lines = paragraph(terminal(self.pieces()[0].text, unicode=unicode), width)
        return "\n".join(lines) + "\n"

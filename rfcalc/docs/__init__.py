r"""Tables in documents: filled between markers, and told when they are stale.

Examples
--------
>>> import rfcalc.docs
>>> page = '''
... <!-- rfcalc: law docs/models/plain.json -->
... <!-- /rfcalc -->
... '''
>>> print(rfcalc.docs.fill(page))
<BLANKLINE>
<!-- rfcalc: law docs/models/plain.json -->
<BLANKLINE>
| up to layer   | block (kernel)   |   field |   jump | law, n repeats   |
|:--------------|:-----------------|--------:|-------:|:-----------------|
| conv3         | [conv 3] x 3     |       7 |      1 | `r(n) = 2*n + 1` |
...
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rfcalc.docs.markers import Marker, MarkersError, markers, refilled
from rfcalc.errors import UsageError
from rfcalc.wording import MARKUP

if TYPE_CHECKING:
    import os

__all__ = ["Marker", "MarkersError", "fill", "markers", "refilled"]


def fill(
    text: str,
    markup: str = "markdown",
    *,
    root: str | os.PathLike[str] = ".",
    allow_outside: bool = False,
    name: str = "<text>",
) -> str:
    r"""Return a document with fresh tables between its markers, and everything else as it was.

    Parameters
    ----------
    text : str
        The document, with the line ends that it has.
    markup : str
        Its language: ``markdown``, ``rst``, ``asciidoc``, ``latex`` or ``html``.
    root : path
        The folder that the models in markers are relative to, and that they must lie in.
    allow_outside : bool
        Let markers name models elsewhere, by absolute paths, ``..`` or links.
    name : str
        What messages call the document.

    Returns
    -------
    str
        The document. Filling it once more changes nothing.

    Raises
    ------
    MarkersError
        With one error for each marker that cannot be filled, which names its line.
    UsageError
        There is no such markup language.

    Examples
    --------
    >>> page = "<!-- rfcalc: analyse net.json -->\n<!-- /rfcalc -->\n"
    >>> try:
    ...     fill(page, name="page.md")
    ... except MarkersError as error:
    ...     print(error)
    page.md:1: 'analyse' makes no table; did you mean 'analyze'?
    """
    from rfcalc.docs.models import Models
    from rfcalc.docs.tables import made

    if markup not in MARKUP:
        raise UsageError(f"there is no markup language {markup!r}; rfcalc knows {', '.join(MARKUP)}")
    models = Models(Path(root), allow_outside)
    return refilled(text, markup, lambda each: made(each.command, models, markup).to_markup(markup), name)

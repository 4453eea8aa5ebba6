"""Long lines of a terminal: formulas and sentences broken where a reader would break them."""

from __future__ import annotations

from typing import Final

from rfcalc.render.escape import cells

_OPENING: Final = "([⌊"
_CLOSING: Final = ")]⌋"


def fold(text: str, width: int, indent: int = 0) -> list[str]:
    """Break a text into lines, outside of brackets and before an operator where it can be.

    Parameters
    ----------
    text : str
        One line.
    width : int
        Columns of the terminal; what has no blank to break at stays longer.
    indent : int
        Blanks in front of each line but the first.

    Examples
    --------
    >>> fold("32*(H - 8)*(W - 8) + 64*(H - 10)", 24, indent=2)
    ['32*(H - 8)*(W - 8)', '  + 64*(H - 10)']
    """
    lines = []
    margin = " " * indent
    while cells(text) > width and (place := _break(text, width, indent)):
        lines.append(text[:place].rstrip())
        text = margin + text[place:].lstrip()
    return [*lines, text]


def paragraph(text: str, width: int) -> list[str]:
    """Break a sentence or a few at blanks alone.

    Parameters
    ----------
    text : str
        One line.
    width : int
        Columns of the terminal; longer words stay whole.

    Examples
    --------
    >>> paragraph("conv3 sees 18x18 of 28x28.", 14)
    ['conv3 sees', '18x18 of', '28x28.']
    """
    import textwrap

    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _break(text: str, width: int, indent: int) -> int:
    """Find the blank to break at: the outermost that leaves no short line, or else the last; 0 for none."""
    depth = used = 0
    blanks = []
    for place, char in enumerate(text):
        if used > width:
            break
        used += cells(char)
        depth += (char in _OPENING) - (char in _CLOSING)
        if char == " " and place > indent and text[place - 1] not in "+-":
            blanks.append((depth, place))
    late = [blank for blank in blanks if blank[1] > width // 3] or blanks[-1:]
    return max((place for depth, place in late if depth == min(late)[0]), default=0)

"""Figures as people read them; documents carry the raw ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN, Num, all_integers

_UNITS: Final = ("", " k", " M", " G", " T", " P", " E")


def plain(value: Num | None) -> Any:
    """Return a number as JSON has it: an integer, a float, a formula as text, or None where it is not known.

    >>> plain(3), plain(2.0), plain(0.5), plain(UNKNOWN), plain(float("inf"))
    (3, 2, 0.5, None, None)
    """
    kind = type(value)
    if kind is int or value is None:
        return value
    if value is UNKNOWN:
        return None
    if kind is float:
        if value - value != 0:  # JSON has neither infinity nor NaN
            return None
        return int(value) if value.is_integer() else value
    if getattr(value, "is_Integer", False):
        return int(value)
    return formula(value)


def formula(value: Num) -> str:
    """Spell a formula for a program; sympy is loaded already where there is one."""
    from rfcalc.algebra.symbols import tidy

    return str(tidy(value))


def _spelled(value: Num) -> str:
    """Spell a formula for people."""
    from rfcalc.algebra.symbols import spell, tidy

    # products stay products: (H - 2)*(W - 2) says more than what comes of it
    return spell(tidy(value, expand=False))


def number(value: Num | None) -> str:
    """Write a number out, with separators between thousands.

    >>> number(25636712), number(0.5), number(1/3), number(None), number(-3)
    ('25,636,712', '0.5', '0.333', '?', '-3')
    """
    figure = plain(value)
    if figure is None:
        return "?"
    if type(figure) is int:
        return f"{figure:,}"
    return f"{figure:.3g}" if type(figure) is float else _spelled(value)


def short(value: Num | None) -> str:
    """Write a large number with three digits and a unit.

    >>> short(118013952), short(3857973248), short(999999), short(640), short(None)
    ('118 M', '3.86 G', '1.00 M', '640', '?')
    """
    figure = plain(value)
    if type(figure) is not int or abs(figure) < 1000:
        return number(value)
    scaled, unit = float(figure), 0
    while abs(scaled) >= 999.5 and unit < len(_UNITS) - 1:
        scaled, unit = scaled / 1000, unit + 1
    digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
    return f"{scaled:.{digits}f}{_UNITS[unit]}"


def size(count: Num | None) -> str:
    """Write a number of bytes, in units of a thousand.

    >>> size(154792), size(640), size(24016495008), size(None)
    ('155 kB', '640 B', '24.0 GB', '?')
    """
    text = short(count)
    return text if text == "?" else f"{text}B" if " " in text else f"{text} B"


def extents(sizes: Sequence[Num | None], missing: str = "?") -> str:
    """Write extents with a cross between them; with a formula among them, as a tuple.

    >>> extents((18, 18)), extents((None, 10)), extents((0.5, 2.0)), extents(())
    ('18x18', '?x10', '0.5x2', '-')
    """
    if not sizes:
        return "-"
    if all_integers(sizes):
        return "x".join(map(str, sizes))
    figures = [plain(size) for size in sizes]
    texts = map(_extent, sizes, figures, [missing] * len(figures))
    if len(figures) > 1 and any(type(figure) is str for figure in figures):
        return f"({', '.join(texts)})"
    return "x".join(texts)


def _extent(size: Num | None, figure: Any, missing: str) -> str:
    if figure is None:
        return missing
    if type(figure) is float:
        return f"{figure:.4g}"
    return _spelled(size) if type(figure) is str else str(figure)


def shape(sizes: Sequence[Num | None] | None) -> str:
    """Write a shape without the open batch axis in front.

    >>> shape((None, 112, 112, 64)), shape((1, 10)), shape(None), shape((None,))
    ('112x112x64', '1x10', '?', '?')
    """
    if sizes is None:
        return "?"
    if len(sizes) > 1 and plain(sizes[0]) is None:
        sizes = sizes[1:]
    return extents(sizes) if sizes else "scalar"


def percent(share: float | None) -> str:
    """Write a share of the input's area.

    >>> percent(0.00098), percent(0.284), percent(0.9999), percent(1.0), percent(None), percent(0.0)
    ('<1%', '28%', '99%', '100%', '?', '0%')
    """
    if share is None:
        return "?"
    if 0 < share < 0.01:
        return "<1%"
    # only what covers everything reads 100%
    return f"{100 if share >= 1 else min(round(share * 100), 99)}%"


def bar(share: float | None, width: int = 6, *, unicode: bool = True) -> str:
    """Draw a share of the input's area as a small bar.

    >>> bar(0.5), bar(0.001), bar(0.999), bar(0.5, unicode=False), bar(None)
    ('███   ', '▏     ', '█████▉', '###...', '?     ')
    """
    if share is None:
        return "?".ljust(width)
    steps = 8 if unicode else 1
    filled = round(share * width * steps)
    if share > 0:
        filled = max(filled, 1)
    if share < 1:
        filled = min(filled, width * steps - 1)
    if not unicode:
        return ("#" * filled).ljust(width, ".")
    whole, part = divmod(filled, 8)
    return ("█" * whole + (" ▏▎▍▌▋▊▉"[part] if part else "")).ljust(width)


def sentence(count: int, noun: str, plural: str = "") -> str:
    """Count things.

    >>> sentence(1, "layer"), sentence(1200, "layer"), sentence(2, "axis", "axes")
    ('1 layer', '1,200 layers', '2 axes')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"

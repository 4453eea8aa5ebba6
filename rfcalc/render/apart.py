"""Names shortened so that they stay apart, and tell: paths lose what is in front first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from rfcalc.render.escape import cells, shorten

_PARTS: Final = (r"(?<=/)(?=[^/])", r"(?<=\.)(?=[^.])")
"""Where a path may be cut: at slashes, or at dots where there are none."""

_LEAST: Final = 12  # columns for a name, however far it is indented
_SLIGHTLY: Final = 1.25  # beyond so many times the room, what is left of both ends of a name tells little


def shorten_apart(names: Sequence[str], width: int, ellipsis: str = "…") -> list[str]:
    """Shorten names that are wider than `width` columns; different names stay different where they can.

    Parameters
    ----------
    names : sequence of str
        Names of layers; blanks in front are kept.
    width : int
        Columns for each.
    ellipsis : str
        What stands for what is left out.

    Examples
    --------
    >>> shorten_apart(["encoder.layers.layer_0.attention", "encoder.layers.layer_1.attention"], 20)
    ['…layer_0.attention', '…layer_1.attention']
    >>> shorten_apart(["conv1", "a_name_without_parts"], 12)
    ['conv1', 'a_name…parts']
    """
    short = {name: name for name in names if cells(name) <= width}
    long = list(dict.fromkeys(name for name in names if name not in short))
    options = {name: _options(name, width, ellipsis) for name in long}
    first = Counter(each[0] for each in options.values())
    taken = {*short, *(option for option, times in first.items() if times > 1)}
    for name, ways in options.items():
        short[name] = next((way for way in ways if way not in taken), ways[0])
        taken.add(short[name])
    return [short[name] for name in names]


def _options(name: str, width: int, ellipsis: str) -> list[str]:
    """List the ways to shorten a name, the one that tells most first."""
    bare = name.lstrip(" ")
    margin = name[: len(name) - len(bare)][: max(width - _LEAST, 0)]  # however deep, some of the name is left
    room = width - len(margin)
    middle, end, tail = shorten(bare, room, ellipsis), _end(bare, room, ellipsis), _tail(bare, room, ellipsis)
    much = cells(bare) > room * _SLIGHTLY
    ways = [end, tail, middle] if end and much else [middle, end or tail, tail]
    for cut in range(1, room - len(ellipsis)):  # any other place for the gap
        ways.append(bare[: room - len(ellipsis) - cut] + ellipsis + bare[-cut:])
    return [margin + way for way in ways if cells(way) <= room] or [margin + middle]


def _end(name: str, room: int, ellipsis: str) -> str:
    """Return the last parts of a path, as many as there is room for; nothing where not even one fits."""
    least = _fits_from(name, room - len(ellipsis))
    found = re.compile(_PARTS["/" not in name]).search(name, least)
    return "" if found is None else ellipsis + name[found.start() :]


def _tail(name: str, room: int, ellipsis: str) -> str:
    """Return the last letters of a name."""
    return ellipsis + name[_fits_from(name, room - len(ellipsis)) :]


def _fits_from(name: str, room: int) -> int:
    """Return from where on a name has room; of one that is very long, no more than that is looked at."""
    used = 0
    for place in range(len(name), 0, -1):
        used += cells(name[place - 1])
        if used > room:
            return place
    return 0

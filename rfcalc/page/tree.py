"""How the layers of a model fold into parts: by the modules of its source, by names, by the size of maps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.records import NamedTuple

_FEW: Final = 14
"""Layers that are looked at without folding them."""

_MANY: Final = 48
"""Parts on one level from which on they are put together by the size of their maps."""

_WORD: Final = re.compile(r"[^/._]+")


class Group(NamedTuple):
    """A part of a model.

    Parameters
    ----------
    title : str
        What the source calls it, what the names of its layers begin with, or the size of its maps.
    rows : tuple of int
        The rows of an analysis that are in it and in none of its groups.
    groups : tuple of Group
        Its parts, in the order of their first row.
    """

    title: str
    rows: tuple[int, ...]
    groups: tuple[Group, ...] = ()

    @property
    def first(self) -> int:
        """The first row in it."""
        return min((*self.rows, *(group.first for group in self.groups)))

    @property
    def every(self) -> Iterator[int]:
        """All rows in it, those of its parts too."""
        yield from self.rows
        for group in self.groups:
            yield from group.every

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        groups = [group.to_dict() for group in self.groups]
        return {"title": self.title, "rows": list(self.rows), "groups": groups}


def tree_of(result: AnalysisResult) -> Group:
    """Return the layers of a model as parts of parts.

    Parameters
    ----------
    result : AnalysisResult
        With a row for each layer.

    Examples
    --------
    >>> import rfcalc
    >>> conv = {"kind": "conv", "filters": 8, "kernel": 3}
    >>> tree_of(rfcalc.analyze({"rfcalc": 1, "input": [8, 8, 1], "layers": [conv]}))
    Group(title='', rows=(0, 1), groups=())
    """
    heads = _heads(result)
    paths = {
        place: heads.get(place, tuple(row.block.split("/")) if row.block else ())
        for place, row in enumerate(result.rows)
    }
    return _by_module(result, "", list(paths), paths, 0)


def _heads(result: AnalysisResult) -> Mapping[int, tuple[str, ...]]:
    """Return for rows that sum up a module the path of that module, where its layers have rows too."""
    inside = {row.block for row in result.rows}
    inside |= {block[:end] for block in inside for end, sign in enumerate(block) if sign == "/"}
    found = {}
    for place, row in enumerate(result.rows):
        path = next(
            (
                each
                for each in (f"{row.block}/{row.name}".lstrip("/"), row.name)
                if row.container and each in inside
            ),
            None,
        )
        if path is not None:
            found[place] = tuple(path.split("/"))
    return found


def _by_module(
    result: AnalysisResult,
    title: str,
    places: Sequence[int],
    paths: Mapping[int, tuple[str, ...]],
    depth: int,
) -> Group:
    """Fold rows by the modules that they are in."""
    parts: dict[str, list[int]] = {}
    rows = []
    for place in places:
        if len(paths[place]) > depth:
            parts.setdefault(paths[place][depth], []).append(place)
        else:
            rows.append(place)
    inner = [_by_module(result, name, some, paths, depth + 1) for name, some in parts.items()]
    groups = [group for group in inner if group.groups or len(group.rows) > 1]
    rows = sorted((*rows, *(row for group in inner if group not in groups for row in group.rows)))
    if not rows and len(groups) == 1 and depth:  # a module in a module, with nothing beside it
        return groups[0]._replace(title=f"{title}/{groups[0].title}")
    if len(rows) > _FEW:
        named, rows = _by_name(result, rows, "")
        groups += named
    return _by_size(result, Group(title, tuple(rows), tuple(sorted(groups, key=lambda group: group.first))))


# ---- by names ----------------------------------------------------------------------------------------------


def _by_name(result: AnalysisResult, places: Sequence[int], prefix: str) -> tuple[list[Group], list[int]]:
    """Fold rows on end whose names go on with one word; return the groups, and the rows that are left."""

    def word(place: int) -> str:
        return _next_word(result.rows[place].name, prefix)

    stretches = [(each, list(some)) for each, some in groupby(places, key=word)]
    counts = Counter(each for each, _ in stretches)
    groups, left = [], []
    for each, some in stretches:
        if len(some) > 1 and each and counts[each] == 1 and _says_more(result, some, each):
            inner, rows = _by_name(result, some, each) if len(some) > 2 else ([], some)
            if len(inner) == 1 and not rows:
                groups.append(inner[0])
            else:
                groups.append(Group(each, tuple(rows), tuple(inner)))
        else:
            left += some
    return groups, left


def _next_word(name: str, prefix: str) -> str:
    """Return a name up to the end of the first word behind a prefix; an empty string where there is none.

    >>> _next_word("conv2_block1_1_conv", "conv2"), _next_word("conv2", "conv2")
    ('conv2_block1', '')
    """
    found = _WORD.search(name, len(prefix))
    return "" if found is None else name[: found.end()]


def _says_more(result: AnalysisResult, places: Sequence[int], prefix: str) -> bool:
    """Tell whether names that begin alike go on with more than numbers, as those of a block's layers do."""
    return any(re.search(r"[^\W\d_]", result.rows[place].name[len(prefix) :]) for place in places)


# ---- by the size of maps, and by number --------------------------------------------------------------------


def _by_size(result: AnalysisResult, group: Group) -> Group:
    """Put parts of a level with very many together: those on end with maps of one size, then by number."""
    if len(group.rows) + len(group.groups) <= _MANY:
        return group
    children: list[int | Group] = sorted((*group.rows, *group.groups), key=_place)
    sizes = [_size(result, child) for child in children]
    stretches = [
        [child for child, _ in some]
        for _, some in groupby(zip(children, sizes, strict=True), key=lambda pair: pair[1])
    ]
    if len(stretches) > _MANY or len(stretches) == 1:
        return _by_number(result, group.title, children)
    parts = [_part(result, _size(result, some[0]), some) for some in stretches]
    return _grown(group.title, [each for some in parts for each in some])


def _part(result: AnalysisResult, title: str, children: Sequence[int | Group]) -> Sequence[int | Group]:
    """Return a stretch as one group, where it is more than one layer."""
    if len(children) == 1:
        return children
    if len(children) > _MANY:
        return [_by_number(result, title, children)]
    return [_grown(title, children)]


def _by_number(result: AnalysisResult, title: str, children: Sequence[int | Group]) -> Group:
    """Put so many children into one group each that there are about as many groups as children of one."""
    while len(children) > _MANY:
        many = max(min(round(len(children) ** 0.5), _MANY), 2)
        children = [
            _grown(_ends(result, children[start : start + many]), children[start : start + many])
            for start in range(0, len(children), many)
        ]
    return _grown(title, children)


def _ends(result: AnalysisResult, children: Sequence[int | Group]) -> str:
    """Return a title that says which is the first layer, and which the last."""
    first = result.rows[_place(children[0])].name
    last = children[-1]
    end = last if isinstance(last, int) else max(last.every)
    return f"{first} … {result.rows[end].name}"


def _grown(title: str, children: Sequence[int | Group]) -> Group:
    """Return a group of rows and groups."""
    rows = tuple(child for child in children if isinstance(child, int))
    return Group(title, rows, tuple(child for child in children if isinstance(child, Group)))


def _place(child: int | Group) -> int:
    return child if isinstance(child, int) else child.first


def _size(result: AnalysisResult, child: int | Group) -> str:
    """Return the size of the maps that a row, or the last row of a group, puts out."""
    row: Row = result.rows[child if isinstance(child, int) else max(child.every)]
    return "x".join("?" if n is None else str(n) for n in row.spatial) or "vectors"

"""One order for the layers of several models that are much alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def in_one_order(tables: Sequence[Iterable[str]], wanted: Collection[str]) -> tuple[str, ...]:
    """Put the names of several models into one order, in which each model finds its own.

    Parameters
    ----------
    tables : sequence of iterable of str
        The names of each model in its own order; the first decides where two differ.
    wanted : collection of str
        The names to keep.

    Examples
    --------
    >>> in_one_order([["a", "pool", "c"], ["a", "b", "c"]], {"a", "b", "pool", "c"})
    ('a', 'b', 'pool', 'c')
    """
    order: list[str] = []
    known: set[str] = set()
    for table in tables:
        place = 0
        for name in table:
            if name in known:
                place = order.index(name) + 1
            elif name in wanted:
                order.insert(place, name)
                known.add(name)
                place += 1
    return tuple(order)

"""How long work says how far it is: a plain callback, which whoever asks may give."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many steps are done, and of how many; of 0 where that is not known."""


def stepped(items: Collection[T], progress: Progress | None) -> Iterator[T]:
    """Hand out items one by one, and say before each how many are done.

    >>> list(stepped("ab", lambda done, total: print(f"{done} of {total}")))
    0 of 2
    1 of 2
    ['a', 'b']
    """
    total = len(items)
    for done, item in enumerate(items):
        if progress is not None and total > 1:  # one step says nothing of how far it is
            progress(done, total)
        yield item

"""How much a search may look at before it is given up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rfcalc.errors import AnalysisError

LIMIT: Final = 1_000_000
"""States that a search looks at, where nothing else is said: about a minute."""

GIVEN_UP: Final = "search-limit"
"""The code of the note that something beside the answer is left out."""


class TooManyStates(AnalysisError):
    """A search was given up: nobody knows what it would have found."""


class Effort:
    """Counts the states that a search looks at.

    Parameters
    ----------
    limit : int
        How many there may be; 0 for no limit.
    going : callable, optional
        Called for each of them.
    """

    def __init__(self, limit: int = 0, going: Callable[[], None] | None = None) -> None:
        self.limit, self._going = limit, going
        self.looked_at = 0

    def step(self) -> None:
        """Count one state more.

        Raises
        ------
        TooManyStates
            There may be no more.
        """
        self.looked_at += 1
        if self._going is not None:
            self._going()
        if self.is_spent:
            raise TooManyStates(
                f"the search is given up after {self.limit:,} states, and what it would find is not known; "
                "bound more figures, or fewer of them exactly, or raise --limit-states"
            )

    @property
    def is_spent(self) -> bool:
        """Whether there may be no more."""
        return 0 < self.limit < self.looked_at

    def again(self) -> Effort:
        """Return one that begins to count anew."""
        return Effort(self.limit, self._going)

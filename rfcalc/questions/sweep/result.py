"""The result of a sweep as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from rfcalc.records import NamedTuple

if TYPE_CHECKING:
    from rfcalc.questions.sweep.space import Space


class Reason(NamedTuple):
    """Why designs cannot be built, and how many there are of these."""

    reason: str
    designs: int


@dataclass(frozen=True, repr=False, eq=False)
class Designs:
    """The designs of a sweep that were chosen, and what came of all others, as plain data.

    Parameters
    ----------
    model : str
        What the model is called.
    space : Space
        What was varied; `space.size` designs.
    looked_at : int
        How many of them were worked out: all, or a sample.
    unbuildable : int
        How many of these cannot be built.
    reasons : tuple of Reason
        Why, the commonest first.
    kept : int
        Of how many the condition is true; of all, where there is none.
    rows : int
        How many were chosen of these, and are in the table, or in the file.
    columns : mapping of str to ndarray
        The designs that were chosen, by column; what is not known is masked. Where they were written to a
        file, the first of them alone.
    path : str
        The file that holds all of them; empty where there is none.
    chosen_by : str
        What they were chosen by, in words.
    """

    model: str
    space: Space
    looked_at: int
    unbuildable: int
    reasons: tuple[Reason, ...]
    kept: int
    rows: int
    columns: Mapping[str, Any]
    path: str = ""
    chosen_by: str = ""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        same = all(getattr(self, name) == getattr(other, name) for name in _PLAIN)
        return same and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in _PLAIN))

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = list(self.columns)
        for row in zip(*self._lists(), strict=True):
            yield dict(zip(names, row, strict=True))

    def _lists(self) -> list[list[Any]]:
        return [values.tolist() for values in self.columns.values()]

    @property
    def shown(self) -> int:
        """How many designs are in `columns`."""
        return len(next(iter(self.columns.values())))


_PLAIN: Final = tuple(each.name for each in fields(Designs) if each.name != "columns")

"""The answer, as plain data: what is found, before it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rfcalc.counterfactuals.variants import Counterfactual
from rfcalc.engine.costs import Bill
from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.errors import UsageError
from rfcalc.records import NamedTuple

ORIGINAL: Final = "original"
"""What the model itself is called among its counterfactuals."""


class Refusal(NamedTuple):
    """Why there is no such counterfactual.

    Parameters
    ----------
    layer : str
        The layer that forbids it, or an empty string.
    message : str
        Why, as a sentence without the layer.
    instead : str
        The nearest counterfactual that works, or an empty string.
    """

    layer: str
    message: str
    instead: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the models that are compared.

    Parameters
    ----------
    name : str
        What it is called in the tables.
    summary : str
        What was changed, for a counterfactual.
    result : AnalysisResult, optional
        Its figures; None where there is no such counterfactual.
    bill : Bill, optional
        What it comes to.
    changed : int
        How many layers are other ones than in the original.
    refusal : Refusal, optional
        Why there is none.
    counterfactual : Counterfactual, optional
        How it was made.
    """

    name: str
    summary: str
    result: AnalysisResult | None
    bill: Bill | None
    changed: int = 0
    refusal: Refusal | None = None
    counterfactual: Counterfactual | None = None

    @property
    def is_same(self) -> bool:
        """Whether it is a counterfactual that has nothing to change."""
        return self.counterfactual is not None and self.result is not None and self.changed == 0


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Models side by side.

    Parameters
    ----------
    entries : tuple of Entry
        The first is what the others are compared with.
    depths : tuple of (str, tuple of (Row or None))
        The layers that tell them apart, in topological order: a label, and a row for each entry.
    counterfactuals : bool
        The entries are one model and its counterfactuals, and layers are matched by name; else they are
        several models, and matched by depth.
    pooling : bool
        The first model has pooling.
    """

    entries: tuple[Entry, ...]
    depths: tuple[tuple[str, tuple[Row | None, ...]], ...]
    counterfactuals: bool
    pooling: bool

    @property
    def shown(self) -> tuple[Entry, ...]:
        """The entries that have columns of their own; none where nothing differs from the first."""
        found = tuple(each for each in self.entries if each.result is not None and not each.is_same)
        return found if len(found) > 1 else ()

    def only(self, patterns: Sequence[str]) -> ComparisonResult:
        """Keep the layers whose name matches a pattern; what the models come to stays.

        Raises
        ------
        UsageError
            A pattern matches nothing.
        """
        from fnmatch import fnmatchcase

        kept: set[str] = set()
        for pattern in patterns:
            found = {
                label
                for label, rows in self.depths
                if any(row is not None and fnmatchcase(row.name, pattern) for row in rows)
            }
            if not found:
                raise UsageError(f"--layers {pattern!r} matches no layer of the table")
            kept |= found
        return replace(self, depths=tuple(each for each in self.depths if each[0] in kept))

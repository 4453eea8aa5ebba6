"""What a verification says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rfcalc.records import NamedTuple

UNREAD: Final = "tables"
"""The code of a note about elements beside a file that were not read; what they decide is not checked."""


class Difference(NamedTuple):
    """A figure that enumeration finds otherwise.

    Parameters
    ----------
    layer, kind, op : str
        The layer, the kind whose rule said so, and what the source calls it.
    what : str
        Which figure: ``output_shape``, ``rows``, ``receptive_field``, ``params``, ...
    by_rule, by_definition : str
        Both answers, spelled out.
    axis : str
        The axis of the input, where it is about one: ``row``, ``column``, ...
    unit : int, optional
        The output index along it, where it is about one.
    by : str
        What contradicts the rule: the ``definition`` of the layer, or a ``run`` of the model.
    """

    layer: str
    kind: str
    op: str
    what: str
    by_rule: str
    by_definition: str
    axis: str = ""
    unit: int | None = None
    by: str = "definition"


class Loose(NamedTuple):
    """Exact rows that hold more than a run of the model bore out: a warning, for no run shows everything.

    Parameters
    ----------
    layer : str
        The layer.
    axis : str
        The axis of the input: ``row``, ``column``, ..., or ``sample``.
    pairs : int
        How many pairs of one of its rows and a changed index never showed.
    text : str
        The first of them.
    """

    layer: str
    axis: str
    pairs: int
    text: str


class Unchecked(NamedTuple):
    """A layer of which something was not verified, and why."""

    layer: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """What of an analysis was found to be so by other ways.

    Parameters
    ----------
    model, source, input : str
        Names of the model, of its file, and of the input that fields lie in.
    sizes : tuple of tuple of int
        The sizes of that input at which layers were enumerated.
    layers, inputs, exact, bounds, unknown : int
        How many layers there are, how many of them are inputs, and how many rows of the analysis are exact,
        bounds, and not known.
    rows, figures, counts : int
        Of how many layers the rows, the analytic figures, and the counts were verified.
    differences : tuple of Difference
        What differs, in the order of the graph.
    unchecked : tuple of Unchecked
        What could not be verified.
    params, held : int, optional
        Parameters by the analysis, and by the tensors that the file holds; None where it holds none.
    runtime : str
        What ran the model, where it was run.
    maps, claimed, seen : int
        Of how many maps rows were looked at then; how many of these depend on a row of the input that was
        changed, and how many of them did change.
    filled : tuple of (str, tuple)
        Where more than the batch of an input is open, the shapes at which layers were enumerated first.
    """

    model: str
    source: str
    input: str
    sizes: tuple[tuple[int, ...], ...]
    layers: int
    inputs: int
    exact: int
    bounds: int
    unknown: int
    rows: int
    figures: int
    counts: int
    differences: tuple[Difference, ...]
    unchecked: tuple[Unchecked, ...] = ()
    params: int | None = None
    held: int | None = None
    runtime: str = ""
    ran: str = ""
    left: str = ""
    maps: int = 0
    claimed: int = 0
    seen: int = 0
    loose: tuple[Loose, ...] = ()
    filled: tuple[tuple[str, tuple[int | None, ...]], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

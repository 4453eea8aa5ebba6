"""What a difference between two models is, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from rfcalc.algebra.number import Num
from rfcalc.engine.result import AnalysisResult, Note, Row
from rfcalc.records import NamedTuple

State = Literal["added", "removed", "changed", "affected", "same"]

FIGURES: Final = (
    "output_shape",
    "receptive_field",
    "receptive_field_min",
    "effective_stride",
    "center",
    "params",
    "macs",
    "status",
)
"""The figures that are compared, by their names in the documents."""


class Side(NamedTuple):
    """A layer in one of the two models.

    Parameters
    ----------
    row : Row
        Its figures.
    params : Num, optional
        Parameters of the layer; across formats together with those layers that formats spell apart from it
        or in it, such as the bias and the normalisation behind it. None where they are not known.
    """

    row: Row
    params: Num | None


class Setting(NamedTuple):
    """A setting that is another one now; None where a side does not have it."""

    name: str
    old: Any
    new: Any

    def __hash__(self) -> int:
        return hash(self.name)  # a value may be a list, as the file has it


class Entry(NamedTuple):
    """A layer of the old model, of the new one, or of both.

    Parameters
    ----------
    state : str
        ``added``, ``removed``; ``changed``: it is another layer now, or takes other inputs; ``affected``: it
        is the same layer, and what lies before it gives it other figures; ``same``.
    old, new : Side, optional
        The layer in each model that has it.
    settings : tuple of Setting
        What is another in a changed layer, its kind among it.
    rewired : bool
        It takes the outputs of other layers than before.
    figures : tuple of str
        Which of `FIGURES` are other ones.
    unclear : tuple of str
        Which of them are known in one model alone, or there alone more exactly than as a bound.
    """

    state: State
    old: Side | None
    new: Side | None
    settings: tuple[Setting, ...] = ()
    rewired: bool = False
    figures: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name, the new one where it has two."""
        side = self.new or self.old
        assert side is not None
        return side.row.name

    @property
    def renamed(self) -> bool:
        """It is in both models, under different names."""
        return self.old is not None and self.new is not None and self.old.row.name != self.new.row.name


class Spread(NamedTuple):
    """How a change goes on downstream, in one figure and one direction.

    Parameters
    ----------
    figure : str
        ``receptive_field``, ``local_receptive_field`` (where gates make fields global),
        ``receptive_field_min`` (where the largest stays), ``effective_stride``, ``spatial``, ``channels``,
        ``center``, ``params``, ``macs`` or ``status``.
    direction : str
        ``grows``, ``shrinks``, ``changes``; ``global``, ``finite`` of a field that becomes so; of a status
        ``known``, ``unknown``, ``bound``, ``exact``, for what it is in the new model.
    causes : tuple of str
        The added, removed and changed layers behind which they lie, in topological order.
    layers : int
        How many layers, which are themselves as before.
    most : str
        The layer at which it is largest, of several the last.
    old, new : tuple or Num, optional
        The figure there; of ``params`` and ``macs`` the sum over all of these layers.
    """

    figure: str
    direction: str
    causes: tuple[str, ...]
    layers: int
    most: str
    old: Any
    new: Any


class Uncompared(NamedTuple):
    """Layers for which the formats have different spellings, by kind: how many each model has."""

    kind: str
    old: int
    new: int


class Respelled(NamedTuple):
    """Layers that do in one format what others do in the other.

    They have the same parameters and MACs, or where they have none the same map and field.
    """

    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DiffResult:
    """What changed from one model to another.

    Parameters
    ----------
    old, new : AnalysisResult
        The two models with all their figures.
    entries : tuple of Entry
        Every layer, in the topological order of the new model; a removed one stands where it was.
    spread : tuple of Spread
        What the changes do to the layers behind them.
    comparable : bool
        The models are of different formats, and only layers that mean the same in all of them were compared.
    uncompared : tuple of Uncompared
        What was left out for that reason.
    respelled : tuple of Respelled
        Groups of layers that are taken to be the same for that reason.
    merged : int
        How many layers differ in parameters only because normalisation was merged into them.
    merged_params : Num
        How many parameters more these layers have in the new model; negative where they have fewer.
    notes : tuple of Note
        What keeps the comparison from being complete.
    """

    old: AnalysisResult
    new: AnalysisResult
    entries: tuple[Entry, ...]
    spread: tuple[Spread, ...]
    comparable: bool = False
    uncompared: tuple[Uncompared, ...] = ()
    respelled: tuple[Respelled, ...] = ()
    merged: int = 0
    merged_params: Num = 0
    notes: tuple[Note, ...] = ()

    def of(self, *states: State) -> tuple[Entry, ...]:
        """Return the entries of these states."""
        return tuple(entry for entry in self.entries if entry.state in states)

    @property
    def added(self) -> tuple[Entry, ...]:
        """Layers that only the new model has."""
        return self.of("added")

    @property
    def removed(self) -> tuple[Entry, ...]:
        """Layers that only the old model has."""
        return self.of("removed")

    @property
    def edited(self) -> tuple[Entry, ...]:
        """Layers that have other settings, another kind or other inputs."""
        return self.of("changed")

    @property
    def affected(self) -> tuple[Entry, ...]:
        """Layers that are as before, and have other figures because of what lies before them."""
        return self.of("affected")

    @property
    def renamed(self) -> tuple[Entry, ...]:
        """Layers that have another name."""
        return tuple(entry for entry in self.entries if entry.renamed)

    @property
    def changed(self) -> bool:
        """Anything but names has changed."""
        return any(entry.state != "same" for entry in self.entries)

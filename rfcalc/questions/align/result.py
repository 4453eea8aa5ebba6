"""The answer, as plain data: what is found, before it is told."""

from __future__ import annotations

from dataclasses import dataclass

from rfcalc.engine.joins import Join, Offset
from rfcalc.engine.result import Note
from rfcalc.questions.align.mending import Mend
from rfcalc.records import NamedTuple


class SizeRow(NamedTuple):
    """How the joins of a model meet at one size of the input.

    Parameters
    ----------
    size : int
        Pixels along every spatial axis.
    offsets : tuple of tuple of (float or None)
        For each join of the result, and each axis, how far centres lie apart. Empty where shapes break.
    aligned : bool or None
        Whether all joins align; None where shapes break.
    layer, message : str
        Where shapes break, and why.
    """

    size: int
    offsets: tuple[tuple[Offset, ...], ...]
    aligned: bool | None
    layer: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class AlignmentResult:
    """How the branches of a model meet.

    Parameters
    ----------
    model, input : str
        Names of the model and of the input that pixels are counted in.
    size : tuple of (int or None)
        The spatial extents that `joins` are for.
    joins : tuple of Join
        All layers in which branches meet that have a grid.
    mends : tuple of Mend
        Other paddings, with which the joins align that they name; the rules have been run with them.
    mended : bool
        With all of `mends` every join aligns at `size`.
    sizes : tuple of SizeRow
        The same at other sizes, where these were asked for.
    mended_sizes : tuple of SizeRow
        The same with all of `mends`.
    notes : tuple of Note
        What else there is to say.
    unmended : tuple of str
        The joins at `size` for which no such padding was found.
    """

    model: str
    input: str
    size: tuple[int | None, ...]
    joins: tuple[Join, ...]
    mends: tuple[Mend, ...]
    mended: bool
    sizes: tuple[SizeRow, ...] = ()
    mended_sizes: tuple[SizeRow, ...] = ()
    notes: tuple[Note, ...] = ()
    unmended: tuple[str, ...] = ()

    @property
    def misaligned(self) -> tuple[Join, ...]:
        """The joins that do not align, or of which it is not known."""
        return tuple(join for join in self.joins if not join.aligned)

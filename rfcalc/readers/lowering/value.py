"""What a reader holds of a tensor: its shape, who makes it, its elements where these are known, its mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from rfcalc.algebra.number import Num, equal
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import Edge, TensorSpec, Weight
from rfcalc.records import NamedTuple

ABSORBING: Final = -1e30
"""The largest number that stays what it is in floating point, whatever score is added to it."""


def numpy_name(dtype: str) -> str:
    """Return the type in which numpy holds elements; it has none for ``bfloat16``."""
    return "float32" if dtype == "bfloat16" else dtype


class Mask(NamedTuple):
    """What is known of the elements of a tensor that a mask has overwritten.

    Parameters
    ----------
    alive : array, optional
        True where an element is what it was; aligned to the last axes. None where that is not known.
    low : bool
        The others are very negative; otherwise they are zero.
    number : float
        The largest of the very negative numbers. If it is finite, a row that is hidden whole is read whole.
    carried : bool
        The others may still carry what they were: such a number was added to them.
    """

    alive: Any
    low: bool
    number: float = -inf
    carried: bool = False

    @property
    def absorbs(self) -> bool:
        """Whether what is added to the others changes nothing."""
        return self.low and self.number <= ABSORBING


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor of the source while it is read.

    Parameters
    ----------
    spec : TensorSpec, optional
        Its shape and axes; None behind an operation that nobody knows.
    edge : (str, int), optional
        The layer and the output that make it; None for a constant.
    data : array, optional
        Its elements, where they are known: a numpy array of integers, formulas or floats.
    weights : tuple of Weight
        The parameter tensors that a constant was made from.
    computed : bool
        It comes of a tensor that arithmetic held against itself, as masks of shifted windows do: for an
        element-wise operation it is then no parameter, while a kernel that is computed so still is one.
    mask : Mask, optional
        Which of its elements a mask has made zero or very negative.
    unread : bool
        It is a constant that is no parameter, whose elements are not known: it may be a mask.
    """

    spec: TensorSpec | None
    edge: Edge | None = None
    data: Any = None
    weights: tuple[Weight, ...] = ()
    computed: bool = False
    mask: Mask | None = None
    unread: bool = False

    @property
    def constant(self) -> bool:
        """Whether it depends on no input of the model."""
        return self.edge is None

    @property
    def shape(self) -> tuple[Num, ...]:
        """Its extents.

        Raises
        ------
        AnalysisError
            They are not known.
        """
        if self.spec is None:
            raise Blind
        return self.spec.shape

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return len(self.shape)


Values = tuple[Value, ...]


def contradict(made: Sequence[Value], shapes: Sequence[Sequence[Num]]) -> bool:
    """Tell whether a rule makes other shapes than those that a program records of its results."""
    for value, shape in zip(made, shapes, strict=False):
        if value.spec is None:
            continue
        if len(value.shape) != len(shape):
            return True
        if any(equal(a, b) is False for a, b in zip(value.shape, shape, strict=True)):
            return True
    return False


class Blind(AnalysisError):
    """A shape is asked for that an unknown operation keeps from being known."""

    def __init__(self) -> None:
        super().__init__("its shape depends on an operation that is not known")

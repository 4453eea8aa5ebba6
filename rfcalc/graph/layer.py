"""What a graph is made of: layers, the tensors between them, the weights that they own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from rfcalc.algebra.number import Num, prod
from rfcalc.records import NamedTuple

Edge = tuple[str, int]
"""A tensor by its producer: (layer name, which of its outputs)."""

BATCH, SPATIAL, CHANNEL = "b", "s", "c"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """The shape of a tensor in the source's own order, with a role for each axis.

    Parameters
    ----------
    shape : tuple of Num
        Extents in elements; `UNKNOWN` where the source leaves one open.
    axes : str
        A letter for each axis: ``b`` batch, ``s`` spatial (or time), ``c`` channel (or feature).
    dtype : str
        Element type, as the source names it; empty where types are not followed, so that bytes are not known.
    folded : Num
        Positions of one sample that a reshape merged into the batch axis, as attention over windows does.
    merged : tuple of (Num, str)
        What the batch axis is made of then, outermost first, as (extent, role); empty where it is not known.
    mixed : tuple of (int, Num, str)
        What axes are made of into which a reshape merged channels and positions, outermost first, as (axis,
        extent, role), so that these are found again where another reshape takes them apart.

    Examples
    --------
    >>> TensorSpec((1, 28, 28, 3), "bssc").spatial
    (28, 28)
    """

    shape: tuple[Num, ...]
    axes: str
    dtype: str = "float32"
    folded: Num = 1
    merged: tuple[tuple[Num, str], ...] = ()
    mixed: tuple[tuple[int, Num, str], ...] = ()

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.axes):
            raise ValueError(f"{len(self.shape)} extents but {len(self.axes)} axis roles")

    @property
    def spatial(self) -> tuple[Num, ...]:
        """Extents of the spatial axes, in the source's order."""
        return tuple([extent for extent, role in zip(self.shape, self.axes, strict=True) if role == SPATIAL])

    def without(self, places: Collection[int]) -> TensorSpec:
        """Return the tensor that is left when the axes at these places go.

        >>> TensorSpec((1, 28, 28, 3), "bssc").without((1, 2)).axes
        'bc'
        """
        left = [place for place in range(len(self.shape)) if place not in places]
        return TensorSpec(
            tuple(self.shape[place] for place in left),
            "".join(self.axes[place] for place in left),
            self.dtype,
            self.folded,
            self.merged,
        )

    @property
    def elements(self) -> Num:
        """Number of elements at batch 1."""
        count = self.folded
        for extent, role in zip(self.shape, self.axes, strict=True):  # a loop: it runs for every layer
            if role != BATCH:
                count = count * extent
        return count


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter tensor; two layers that hold the same `identity` share it, and it counts once.

    Parameters
    ----------
    identity : str
        What makes it this tensor: its name in the source, or owner and role.
    shape : tuple of Num
        Extents in elements.
    trainable : bool
        False for moving statistics and frozen weights.
    dtype : str
        Element type, as the source names it; empty where types are not followed, so that bytes are not known.
    """

    identity: str
    shape: tuple[Num, ...]
    trainable: bool = True
    dtype: str = "float32"

    @property
    def count(self) -> Num:
        """Number of elements."""
        return prod(self.shape)


class Extras(NamedTuple):
    """What one operation of the source does beside its kind; its kind's rule does not see it.

    Parameters
    ----------
    prepare : tuple of (int, tuple of Stage)
        For the places of inputs what is done to them first.
    then : tuple of Stage
        What is done to the first output afterwards.
    operands : tuple of (int, TensorSpec)
        Constants among its inputs, with their places; nothing depends on them.
    copies : int
        How many more outputs it has that are like the first, as a pooling's indices.
    lead : int
        A number of axes behind the batch axis over which the kind is repeated (as Keras's ``TimeDistributed``
        does): its rule does not see them, and they come back afterwards.
    softmax : bool
        A softmax along the last axis is fused into it.
    gates, biases, masks : int
        So many inputs, the last ones, are masks, whose values every output may depend on; so many before
        them are added to the scores of attention and hide none; so many before those say which elements
        along the first axes of the first input count, as steps that are padding do not.
    unsure : str
        Why it may read less than its kind says: a mask that is not known hides some of it.
    blind : bool
        Shapes before it are not known, so that nothing is known of it but its weights.
    constant : bool
        The file holds the kernel as a constant, so that it is no weight.
    lora : int, optional
        The rank of a low-rank adaptation of its first weight.
    quantised : (str, int or None), optional
        In which mode, and in blocks of how many, its kernel is kept in fewer bits.
    """

    prepare: tuple[tuple[int, tuple[Stage, ...]], ...] = ()
    then: tuple[Stage, ...] = ()
    operands: tuple[tuple[int, TensorSpec], ...] = ()
    copies: int = 0
    lead: int = 0
    softmax: bool = False
    gates: int = 0
    biases: int = 0
    masks: int = 0
    unsure: str = ""
    blind: bool = False
    constant: bool = False
    lora: int | None = None
    quantised: tuple[str, int | None] | None = None

    @property
    def plain(self) -> bool:
        """Tell whether the operation is its kind and nothing else, as most are."""
        return self is PLAIN or self == PLAIN

    @property
    def walked(self) -> bool:
        """Tell whether there is more to do than the step of the kind itself; see :func:`walk`."""
        return bool(self.prepare or self.then or self.operands or self.copies)

    @property
    def own(self) -> Extras:
        """What is left for the step of the kind itself."""
        return self._replace(prepare=(), then=(), operands=(), copies=0)


PLAIN: Final = Extras()
"""An operation that is its kind and nothing else."""


class Stage(NamedTuple):
    """One kind with its settings: a whole operation, or a step of one that is several kinds in a row.

    Parameters
    ----------
    kind : str
        The canonical kind.
    attrs : mapping
        Its settings.
    extras : Extras
        What it does besides.
    """

    kind: str
    attrs: Mapping[str, Any]
    extras: Extras = PLAIN

    def __hash__(self) -> int:
        return hash((self.kind, frozenset(self.attrs.items()), self.extras))


def walk(
    whole: Stage,
    inputs: Sequence[T],
    constant: Callable[[TensorSpec], T],
    step: Callable[[Stage, list[T]], list[T]],
) -> list[T]:
    """Take an operation apart into its steps, in order, and carry values of any sort over them.

    Parameters
    ----------
    whole : Stage
        The operation.
    inputs : sequence
        What is known of the tensors that it takes.
    constant : callable
        Says what is known of a constant among its inputs.
    step : callable
        Says what is known of the outputs of one step, from what is known of its inputs.

    Returns
    -------
    list
        What is known of its outputs.

    Examples
    --------
    >>> whole = Stage("add", {}, Extras(prepare=((1, (Stage("flip", {}),)),), then=(Stage("relu", {}),)))
    >>> walk(whole, ["x", "y"], str, lambda stage, given: [f"{stage.kind}({', '.join(given)})"])
    ['relu(add(x, flip(y)))']
    """
    extras, values = whole.extras, list(inputs)
    for place, spec in extras.operands:
        values.insert(place, constant(spec))
    for place, stages in extras.prepare:
        for stage in stages:
            values[place] = step(stage, [values[place]])[0]
    outputs = step(whole._replace(extras=extras.own), values)
    for stage in extras.then:
        outputs[:1] = step(stage, outputs[:1])
    return [*outputs, *outputs[:1] * extras.copies]


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of one operation.

    Parameters
    ----------
    name : str
        Unique in its graph; the source's own name.
    kind : str
        The canonical kind, a key of the rule registry (``conv``, ``max_pool``, ``add``).
    op : str
        What the source calls it (``Conv2D``).
    inputs : tuple of Edge
        The tensors it takes, in order.
    attrs : mapping
        Settings of the kind, as its rule documents them.
    weights : tuple of Weight, optional
        The tensors that the file names; None where the kind's rule derives them from shapes.
    owner : str, optional
        The source layer that this call belongs to, where one layer is called several times.
    block : tuple of str
        Names of the nested models or blocks around it, outermost first.
    trainable : bool
        False where the source froze it: all its weights are then non-trainable.
    recorded : tuple of (tuple or None)
        Output shapes that the file itself records; they stand in where no rule knows the op.
    outputs : tuple of str
        Names of its output tensors, where the source names them.
    cut : bool
        True where the user wants dependence to end: what it puts out is taken to depend on nothing.
    extras : Extras
        What the operation does beside its kind.
    """

    name: str
    kind: str
    op: str
    inputs: tuple[Edge, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[Weight, ...] | None = None
    owner: str | None = None
    block: tuple[str, ...] = ()
    trainable: bool = True
    recorded: tuple[tuple[Num, ...] | None, ...] = ()
    outputs: tuple[str, ...] = ()
    cut: bool = False
    extras: Extras = PLAIN

    @property
    def whole(self) -> Stage:
        """The operation, with all that it does."""
        return Stage(self.kind, self.attrs, self.extras)

    @property
    def source_name(self) -> str:
        """The name of the source's layer, the same for all its calls."""
        return self.owner or self.name

"""The result of an analysis as plain data: one row a layer of the source, totals, notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from rfcalc.algebra.number import Num
from rfcalc.records import NamedTuple

T = TypeVar("T")

Status = Literal["exact", "bound", "unknown"]

Size = int | None
"""Pixels of the model input on one axis; None for the whole axis."""


class Params(NamedTuple):
    """Parameters of a layer or a model, each tensor counted once; None where the count is not known."""

    trainable: Num | None
    non_trainable: Num | None

    @property
    def total(self) -> Num | None:
        """Trainable and non-trainable together."""
        if self.trainable is None or self.non_trainable is None:
            return None
        return self.trainable + self.non_trainable


class Note(NamedTuple):
    """Something to say about the result.

    Parameters
    ----------
    level : str
        ``info``, ``warning`` or ``error``.
    code : str
        A short word that scripts can match.
    layer : str
        The layer that it is about, or an empty string.
    message : str
        One sentence or two.
    """

    level: str
    code: str
    layer: str
    message: str


class Detail(NamedTuple):
    """Figures of a layer that are worked out when they are asked for alone.

    Parameters
    ----------
    taps : tuple of (int or None), optional
        For each spatial axis of the model input how many pixels the field reads, where fields differ by phase
        of the widest; gates and statistics over the map cut. None: all of the axis, no end, or not known.
    density : float, optional
        Share of the pixels between the ends of the field that are read; None where it is not known.
    largest_gap : tuple of (int or None), optional
        The most pixels on end, between the ends of a field, that are not read.
    productive : bool, optional
        Of a convolution whether the field of its input is no larger than the image; None of other layers.
    """

    taps: tuple[Size, ...] | None = None
    density: float | None = None
    largest_gap: tuple[Size, ...] | None = None
    productive: bool | None = None


class Row(NamedTuple):
    """All figures of one layer of the source.

    Parameters
    ----------
    name, kind, op : str
        The source's name, the canonical kind, and what the source calls it.
    inputs : tuple of str
        Names of the layers whose outputs it takes.
    outputs : tuple of str
        Names of its output tensors, where the source names them.
    block : str
        Path of the nested model or block around it, or an empty string.
    container : bool
        The row sums up a nested model or block; where its layers have rows too, it does not count in totals.
    output_shape : tuple, optional
        Extents in the source's own order; None for batch or unknown extents; the whole is None if unknown.
    spatial : tuple
        Extents of the output's spatial axes.
    receptive_field : tuple of (int or None), optional
        For each spatial axis of the model input the largest field over phases, in pixels; None: whole axis;
        0: no dependence. The whole is None if unknown, as for the fields below.
    receptive_field_min : tuple of (int or None), optional
        The smallest field over phases.
    local_receptive_field : tuple of (int or None), optional
        The field with gates and statistics over the map cut.
    effective_stride : tuple of (int, float or None), optional
        Stride product; None where the output keeps no grid.
    effective_padding : tuple of (int or None), optional
        Minus the first input index that output 0 reaches.
    center : tuple of (float or None), optional
        Centre of the field of output 0, in input pixels.
    coverage : float, optional
        Share of the input's area inside the field; None where it is not known.
    status : str
        ``exact``, ``bound`` or ``unknown``.
    reason : str
        Why it is not exact.
    params : Params
        Parameters; a tensor shared with an earlier layer counts there.
    macs : Num, optional
        Multiply-accumulates at batch 1, over all calls of the layer.
    activations : Num, optional
        Elements of the output at batch 1.
    calls : tuple of Row
        The rows of all calls, where the source calls the layer more than once; this row shows
        the one with the most doubt of those that depend on the chosen input.
    detail : Detail, optional
        Further figures, where they were asked for.
    """

    name: str
    kind: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    block: str
    container: bool
    output_shape: tuple[Num | None, ...] | None
    spatial: tuple[Num | None, ...]
    receptive_field: tuple[Size, ...] | None
    receptive_field_min: tuple[Size, ...] | None
    local_receptive_field: tuple[Size, ...] | None
    effective_stride: tuple[float | None, ...] | None
    effective_padding: tuple[Size, ...] | None
    center: tuple[float | None, ...] | None
    coverage: float | None
    status: Status
    reason: str
    params: Params
    macs: Num | None
    activations: Num | None
    calls: tuple[Row, ...] = ()
    detail: Detail | None = None


class InputRow(NamedTuple):
    """One input of the model: its name, its shape with None for open extents, its spatial extents."""

    name: str
    shape: tuple[Num | None, ...]
    spatial: tuple[Num | None, ...]


class Totals(NamedTuple):
    """Sums over the model, each weight tensor counted once.

    Parameters
    ----------
    layers : int
        Rows, nested models whose layers have rows of their own not counted.
    resolved : int
        How many of them have a shape and a field.
    params : Params
        Parameters; None where one of them is not known.
    macs : Num, optional
        Multiply-accumulates at batch 1; None where one of them is not known.
    at_least : mapping
        For each figure that is None the sum of what is known.
    """

    layers: int
    resolved: int
    params: Params
    macs: Num | None
    at_least: Mapping[str, Num]

    def __hash__(self) -> int:
        return hash(self[:-1])  # a mapping has no hash; what is equal is equal in the rest too

    @property
    def complete(self) -> bool:
        """Every figure is known."""
        return not self.at_least


class Peak(NamedTuple):
    """The most activation memory that is held at a time.

    Parameters
    ----------
    bytes : int
        Bytes of activations at batch 1.
    layer : str
        The layer at which it is, the first of several.
    """

    bytes: int
    layer: str


class Footprint(NamedTuple):
    """What a model takes up at batch 1; what is not known is None.

    Parameters
    ----------
    param_bytes : mapping of str to Num, optional
        Bytes of the parameters by type of element, each tensor counted once.
    activations : Num, optional
        Elements of the outputs of all layers, inputs of the model not counted.
    activation_bytes : Num, optional
        Their bytes.
    moved : Num, optional
        Bytes that layers read and write, each for itself: its inputs, its weights, its outputs. What only
        gives a tensor another shape moves nothing.
    peak : Peak, optional
        The most activation memory that is held at a time, in the file's order.
    reordered : Peak, optional
        The same in an order that needs less; None where none was found.
    """

    param_bytes: Mapping[str, Num] | None = None
    activations: Num | None = None
    activation_bytes: Num | None = None
    moved: Num | None = None
    peak: Peak | None = None
    reordered: Peak | None = None

    def __hash__(self) -> int:
        return hash(self[1:])  # a mapping has no hash; what is equal is equal in the rest too


class Later(Generic[T]):
    """A value that is worked out when it is first asked for; it is compared and pickled by that value.

    Parameters
    ----------
    make : callable
        Works it out.

    Examples
    --------
    >>> later = Later(lambda: 6 * 7)
    >>> later.get(), later == Later(lambda: 42)
    (42, True)
    """

    __slots__ = ("_make", "_value")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make
        self._value: T | None = None

    def get(self) -> T:
        """Return the value."""
        if self._make is not None:
            self._value, self._make = self._make(), None  # and let go of what it was made of
        return self._value  # type: ignore[return-value]  # of type T by now

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Later) and self.get() == other.get()

    def __repr__(self) -> str:
        return f"Later({self.get()!r})"

    def __hash__(self) -> int:
        return hash(Later)  # what is equal in all else is compared by value

    def __reduce__(self) -> tuple[Callable[[T], Later[T]], tuple[T]]:
        return _held, (self.get(),)


def _nothing() -> None:
    """Return None: nothing is open."""


def _held(value: T) -> Later[T]:
    return Later(lambda: value)


class OpenSize(NamedTuple):
    """Extents of the inputs that a file leaves open.

    Parameters
    ----------
    names : tuple of str
        What ``--dim`` and ``dims=`` call them, in the order of the input's axes; the batch is none of them.
    likely : tuple of int
        What they were likely made for, one each; empty where nothing tells.
    told_by : str
        What tells that, for people.
    """

    names: tuple[str, ...]
    likely: tuple[int, ...] = ()
    told_by: str = ""


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """Everything that rfcalc says of one model, as plain data; ``rfcalc.Analysis`` adds the renderings.

    Parameters
    ----------
    name, format, source : str
        The model's own name, its format, and the name of the file.
    inputs : tuple of InputRow
        All inputs of the model.
    input : str
        The input that fields, strides and centres refer to.
    rows : tuple of Row
        In topological order, ties broken by the source's order.
    totals : Totals
        Sums over the model.
    notes : tuple of Note
        What else there is to say.
    later : Later of Footprint
        What the model takes up, worked out when `footprint` is first asked for.
    open_size : Later of OpenSize or None
        Extents of the inputs that the file leaves open, and what they were likely made for.
    modules : mapping of str to str
        For the `block` of a row what the source calls that module.
    """

    name: str
    format: str
    source: str
    inputs: tuple[InputRow, ...]
    input: str
    rows: tuple[Row, ...]
    totals: Totals
    notes: tuple[Note, ...]
    later: Later[Footprint] = field(default=Later(Footprint), repr=False)
    open_size: Later[OpenSize | None] = field(default=Later(_nothing), repr=False, compare=False)
    modules: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def footprint(self) -> Footprint:
        """What the model takes up: bytes of parameters and activations, and the peak of these."""
        return self.later.get()

    @property
    def module_of(self) -> Mapping[str, str]:
        """The modules that layers are in, as the source calls them, where names of layers do not say so."""
        inside = ((row.name, self.modules.get(row.block, "")) for row in self.rows)
        return {name: module for name, module in inside if module and module not in name}

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What keeps the result from being exact, a phrase each; empty where every figure is exact."""
        assumed = {note.layer for note in self.notes if note.code == "assumed"}
        found = [
            f"{row.name!r} ({'assumed' if row.name in assumed else row.status})"
            for row in self.rows
            if row.status != "exact" or row.name in assumed
        ]
        shown = {row.name for row in self.rows}
        found += [f"{name!r} (assumed)" for name in sorted(assumed - shown)]
        if not self.totals.complete and not found:
            found = [f"the totals ({', '.join(self.totals.at_least)} not known)"]
        return tuple(found)

    def layer(self, name: str) -> Row:
        """Return the row of the layer, of the output tensor, or of the call of a layer, of that name.

        Raises
        ------
        KeyError
            There is none.
        """
        calls = (call for row in self.rows for call in row.calls)
        for row in (*self.rows, *calls):
            if row.name == name or name in row.outputs:
                return row
        raise KeyError(name)

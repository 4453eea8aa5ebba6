"""The table of layer kinds: what each one is called, which settings it takes, and its one rule.

A rule is a function from a :class:`Call` (settings and input tensors) to a :class:`Result` (output
tensors, dependence, weights, multiply-accumulates), written over ``Num``, so that the same lines give
numbers, formulas and figures of many designs. Readers, the native format, its JSON schema, ``rfcalc rules``
and the tests all read the settings from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from rfcalc.algebra.number import Num, prod
from rfcalc.algebra.steps import Step
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import CHANNEL, SPATIAL, TensorSpec
from rfcalc.records import NamedTuple

# The forms that a setting may take.
COUNT: Final = "count"  # a positive number
NATURAL: Final = "natural"  # zero or more
INTEGER: Final = "integer"
PER_AXIS: Final = "per axis"  # a positive number, or one for each spatial axis
NATURAL_PER_AXIS: Final = "natural per axis"
PADDING: Final = "padding"  # "valid", "same", "same_lower", "causal", a number, or (before, after) per axis
PAIRS: Final = "pairs"  # (before, after) for each spatial axis, or one number for all
FLAG: Final = "flag"
CHOICE: Final = "choice"
AXIS: Final = "axis"  # a place among the tensor's axes, negative from the end
AXES: Final = "axes"
SHAPE: Final = "shape"
TEXT: Final = "text"
NUMBER: Final = "number"  # any real number; it changes nothing that rfcalc computes
INTERNAL: Final = "internal"  # set by readers, not by hand


class Setting(NamedTuple):
    """One setting of a kind.

    Parameters
    ----------
    name : str
        Its key in ``Layer.attrs`` and in the native format.
    form : str
        One of the forms of this module.
    default : object
        The value when left out; `REQUIRED` where there is none.
    doc : str
        What it means, with its unit.
    choices : tuple of str
        The words that it may be, for `CHOICE`.
    """

    name: str
    form: str
    default: Any
    doc: str
    choices: tuple[str, ...] = ()


REQUIRED: Final = object()

LAYOUT: Final = (
    Setting("spatial", INTERNAL, None, "places of the spatial axes; by default those tagged so"),
    Setting("channel", INTERNAL, None, "place of the channel axis; by default the one tagged so"),
)


class Path(NamedTuple):
    """How an output depends on one input: the steps from that input's axes to the output's.

    Parameters
    ----------
    input : int
        Its place among the inputs.
    steps : tuple of Step
        The steps, with all channels taken together.
    apart : tuple of Step, optional
        The same where single channels are told apart, for those rules that make channels of places in a
        window, or keep channels apart; a field is followed over these.
    """

    input: int
    steps: tuple[Step, ...] = ()
    apart: tuple[Step, ...] | None = None

    @property
    def followed(self) -> tuple[Step, ...]:
        """The steps that tell most."""
        return self.steps if self.apart is None else self.apart

    def then(self, other: Path) -> Path:
        """Go on over the steps of another path."""
        apart = None if self.apart is None is other.apart else (*self.followed, *other.followed)
        return Path(self.input, (*self.steps, *other.steps), apart)


class Parameter(NamedTuple):
    """A weight tensor that a rule asks for: its role, shape, and whether training changes it."""

    role: str
    shape: tuple[Num, ...]
    trainable: bool = True

    @property
    def count(self) -> Num:
        """Number of elements."""
        return prod(self.shape)


class Result(NamedTuple):
    """What a rule says of one layer.

    Parameters
    ----------
    outputs : tuple of TensorSpec
        The output tensors.
    paths : tuple of tuple of Path
        For each output the paths whose union it depends on.
    weights : tuple of Parameter
        The weight tensors.
    macs : Num
        Multiply-accumulates at batch 1.
    gated : tuple of Path, optional
        Where the layer contains a gate or a statistic over the whole map: the paths that are left with it
        cut (of every output).
    gate : bool
        The layer multiplies its inputs, so that a global one among them is a gate.
    """

    outputs: tuple[TensorSpec, ...]
    paths: tuple[tuple[Path, ...], ...]
    weights: tuple[Parameter, ...] = ()
    macs: Num = 0
    gated: tuple[Path, ...] | None = None
    gate: bool = False


class Call:
    """One application of a rule: the layer's settings and its input tensors.

    Parameters
    ----------
    kind : Kind
        Whose rule is applied.
    attrs : mapping
        The layer's settings.
    inputs : sequence of TensorSpec
        Its input tensors.
    """

    __slots__ = ("attrs", "inputs", "kind")

    def __init__(self, kind: Kind, attrs: Mapping[str, Any], inputs: Sequence[TensorSpec]) -> None:
        self.kind = kind
        self.attrs = attrs
        self.inputs = inputs

    def __getitem__(self, name: str) -> Any:
        """Return a setting, or its default.

        Raises
        ------
        AnalysisError
            A required setting is missing.
        """
        value = self.attrs.get(name)
        if value is None:
            value = self.kind.defaults[name]
            if value is REQUIRED:
                raise AnalysisError(f"{self.kind.name} needs the setting {name!r}")
        return value

    def only(self) -> TensorSpec:
        """Return the one input tensor."""
        if len(self.inputs) != 1:
            raise AnalysisError(f"{self.kind.name} takes one input, got {len(self.inputs)}")
        return self.inputs[0]

    def spatial(self, spec: TensorSpec) -> tuple[int, ...]:
        """Places of the spatial axes of an input."""
        places = self.attrs.get("spatial")
        if places is None:
            places = [place for place, role in enumerate(spec.axes) if role == SPATIAL]
        self.check_rank(spec, max([p + 1 if p >= 0 else -p for p in places], default=0))
        if not places:
            raise AnalysisError(
                f"{self.kind.name} needs spatial axes, but its input has the shape {format_shape(spec.shape)}"
            )
        return tuple([place % len(spec.shape) for place in places])

    def channel(self, spec: TensorSpec) -> int:
        """Place of the channel axis of an input."""
        place = self.attrs.get("channel")
        if place is None:
            found = [place for place, role in enumerate(spec.axes) if role == CHANNEL]
            if not found:
                raise AnalysisError(
                    f"{self.kind.name} needs a channel axis, but its input has the shape "
                    f"{format_shape(spec.shape)}"
                )
            place = found[-1]
        place = int(place)
        self.check_rank(spec, place + 1 if place >= 0 else -place)
        return place % len(spec.shape)

    def check_rank(self, spec: TensorSpec, rank: int) -> None:
        """Refuse an input of fewer axes than `rank`."""
        if len(spec.shape) < rank:
            shape = format_shape(spec.shape)
            raise AnalysisError(
                f"{self.kind.name} needs {rank} axes or more, its input has the shape {shape}"
            )

    def axis(self, spec: TensorSpec, place: int) -> int:
        """Count a place that may be negative from the front."""
        rank = len(spec.shape)
        if not -rank <= place < rank:
            raise AnalysisError(f"axis {place} is outside of an input of shape {format_shape(spec.shape)}")
        return place % rank

    def per_axis(self, name: str, rank: int) -> tuple[Num, ...]:
        """Return a setting as one number for each of `rank` spatial axes."""
        value = self[name]
        if isinstance(value, (tuple, list)):
            if len(value) != rank:
                raise AnalysisError(f"{name} has {len(value)} values for {rank} spatial axes")
            return tuple(value)
        return (value,) * rank

    def pairs(self, name: str, rank: int) -> tuple[tuple[Num, Num], ...]:
        """Return a setting as (before, after) for each of `rank` spatial axes."""
        value = self[name]
        if not isinstance(value, (tuple, list)):
            return ((value, value),) * rank
        if len(value) != rank:
            raise AnalysisError(f"{name} has {len(value)} values for {rank} spatial axes")
        return tuple((v[0], v[1]) if isinstance(v, (tuple, list)) else (v, v) for v in value)


Rule = Callable[[Call], Result]


Family = Literal[
    "convolution",
    "pooling",
    "summary",
    "upsampling",
    "windows",
    "dense",
    "normalisation",
    "activation",
    "join",
    "recurrent",
    "attention",
    "moving",
    "other",
]
"""What kinds of layers have in common.

===============  =====================================================================================
convolution      a window with weights slides over the map
pooling          one number is taken of each window
summary          one number is taken of the whole map, or of each of a given number of parts
upsampling       the map gets finer
windows          the elements of each window stay side by side
dense            every output reads all features, with weights
normalisation    elements are shifted and scaled by statistics, or by weights of their channels
activation       a function of each element by itself, or none
join             several tensors become one
recurrent        steps are gone through one after the other
attention        every query reads keys
moving           elements are cut out, moved, copied or laid out in another way
other            what is none of these
===============  =====================================================================================
"""


class Kind(NamedTuple):
    """A layer kind.

    Parameters
    ----------
    name : str
        Its key.
    rule : callable
        Call -> Result.
    settings : tuple of Setting
        What ``Layer.attrs`` may hold.
    defaults : mapping
        The value of each setting that is left out.
    summary : str
        One line for people.
    family : str
        What it has in common with others; see `Family`.
    native : bool
        Whether the native format offers it.
    folds : bool
        The rule says itself how many positions are folded into the batch axis of its outputs; all others are
        applied to one of the parts, and the parts come back afterwards.
    """

    name: str
    rule: Rule
    settings: tuple[Setting, ...]
    defaults: Mapping[str, Any]
    summary: str
    family: Family
    native: bool = True
    folds: bool = False


_KINDS: dict[str, Kind] = {}


def rule(
    name: str,
    *settings: Setting | tuple[Setting, ...],
    summary: str,
    family: Family = "other",
    native: bool = True,
    folds: bool = False,
) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of the kind `name`.

    Raises
    ------
    ValueError
        The kind is registered already.
    """
    flat: list[Setting] = []
    for entry in settings:
        flat.extend((entry,) if isinstance(entry, Setting) else entry)

    def register(function: Rule) -> Rule:
        if name in _KINDS:
            raise ValueError(f"the kind {name!r} is registered twice")
        defaults = {setting.name: setting.default for setting in flat}
        _KINDS[name] = Kind(name, function, tuple(flat), defaults, summary, family, native, folds)
        return function

    return register


def kinds() -> Mapping[str, Kind]:
    """Return all kinds by name."""
    import rfcalc.rules  # noqa: F401  importing the package registers every rule

    return _KINDS


def find(name: str) -> Kind | None:
    """Return the kind of that name, or None."""
    return kinds().get(name)


def of_family(*families: Family) -> tuple[str, ...]:
    """Return the names of the kinds of some families.

    >>> of_family("pooling")[:2]
    ('max_pool', 'average_pool')
    """
    return tuple(name for name, kind in kinds().items() if kind.family in families)


def format_shape(shape: Sequence[Num]) -> str:
    """Spell a shape for people.

    >>> format_shape((None, 28, 28, 1))
    '(?, 28, 28, 1)'
    """
    return "(" + ", ".join("?" if extent is None else str(extent) for extent in shape) + ")"

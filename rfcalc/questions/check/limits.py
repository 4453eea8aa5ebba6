"""The table of limits: what each is on, which way it holds, and the figures that it is held against.

Everything else is made from this table: what a budget may say, its JSON Schema, the page of the
documentation, and the budget that is written from present figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from rfcalc.questions.check import measures
from rfcalc.questions.check.measures import OfLayer, OfModel
from rfcalc.records import NamedTuple

MOST, LEAST = "most", "least"
"""Whether smaller is fine, or larger."""

COUNT, BYTES, PIXELS, NUMBER, FLAG, STATUS = "count", "bytes", "pixels", "number", "flag", "status"
"""What the value of a limit is: a whole number, bytes, whole pixels, any number, true, a word."""


class Limit(NamedTuple):
    """A limit that a budget may set.

    Parameters
    ----------
    name : str
        Its key.
    direction : str
        `MOST` or `LEAST`.
    form : str
        What its value is.
    noun : str
        What the figure is called.
    phrase : str
        How a figure is told, with braces for the number.
    doc : str
        What it holds a figure against, with the unit; of a model and of a layer.
    of_model : callable, optional
        Gives the figures of a model; None where the limit is for layers alone.
    of_layer : callable, optional
        Gives the figure of a layer, None for a layer that has none; None where it is for models alone.
    details : bool
        Its figures take a pass of their own.
    initial : bool
        It is part of a budget that is made from present figures.
    """

    name: str
    direction: str
    form: str
    noun: str
    phrase: str
    doc: str
    of_model: OfModel | None
    of_layer: OfLayer | None
    details: bool = False
    initial: bool = False

    def __reduce__(self) -> tuple[Callable[[str], Limit], tuple[str]]:
        return _named, (self.name,)  # a pickle names the limit: its functions are the table's


def _named(name: str) -> Limit:
    return LIMITS[name]


_OF_THE_LAST_MAP: Final = "of a model, of its last map"


def _counts() -> Iterator[Limit]:
    for name, noun, doc, initial in (
        ("params", "parameters", "parameters, each tensor counted once", True),
        ("trainable", "trainable parameters", "those of them that training changes", False),
        (
            "macs",
            "multiply-accumulates",
            "multiply-accumulates at batch 1; FLOPs are twice as many",
            True,
        ),
    ):
        yield Limit(
            f"max_{name}",
            MOST,
            COUNT,
            noun,
            f"{{}} {noun}",
            doc,
            measures.model_count(name),
            measures.layer_count(name),
            initial=initial,
        )
    yield Limit(
        "max_activation_memory",
        MOST,
        BYTES,
        "bytes of activations",
        "{} bytes of activations",
        'bytes of outputs at batch 1, of a model of all layers together; also as text, such as `"1.5 MB"` or '
        '`"512 KiB"`',
        measures.model_memory,
        measures.layer_memory,
        initial=True,
    )
    yield Limit(
        "max_peak_memory",
        MOST,
        BYTES,
        "bytes of activations at a time",
        "{} bytes of activations at a time",
        "the most bytes of activations that are held at a time at batch 1, in the file's order, as "
        "[`peak_memory`](formats.md#what-comes-out) counts them",
        measures.model_peak,
        None,
    )


def _fields(prefix: str, *, local: bool, doc: str) -> Iterator[Limit]:
    for word, direction, which in (("min", LEAST, "smallest"), ("max", MOST, "largest")):
        of_layer = measures.layer_field(local=local, smallest=direction == LEAST)
        noun = "receptive field without gates" if local else "receptive field"
        yield Limit(
            f"{word}_{prefix}receptive_field",
            direction,
            PIXELS,
            noun,
            f"a {noun} of {{}} pixels",
            f"pixels of the input that an output depends on{doc}; where outputs differ, of the {which} field"
            f"; {_OF_THE_LAST_MAP}",
            measures.of_last_map(of_layer),
            of_layer,
            initial=direction == LEAST,
        )


def _sights() -> Iterator[Limit]:
    yield from _fields("", local=False, doc="")
    yield from _fields("local_", local=True, doc=", gates and statistics over the map cut")
    yield Limit(
        "covers_input",
        MOST,
        FLAG,
        "receptive field",
        "its field is {} pixels smaller than the input",
        f"`true`: the field is as large as the input on every axis; {_OF_THE_LAST_MAP}",
        measures.of_last_map(measures.layer_missing),
        measures.layer_missing,
        initial=True,
    )


def _grids() -> Iterator[Limit]:
    yield Limit(
        "max_effective_stride",
        MOST,
        NUMBER,
        "effective stride",
        "an effective stride of {} pixels",
        "pixels of the input between one output and the next; of a model, in every layer",
        measures.model_stride,
        measures.layer_stride,
        initial=True,
    )
    yield Limit(
        "min_effective_stride",
        LEAST,
        NUMBER,
        "effective stride",
        "an effective stride of {} pixels",
        "pixels of the input between one output and the next",
        None,
        measures.layer_stride,
    )
    yield Limit(
        "max_misalignment",
        MOST,
        NUMBER,
        "misalignment",
        "its branches meet {} pixels apart",
        "pixels of the input by which the centres of branches lie apart where they meet; of a model, at "
        "every join",
        measures.model_misalignment,
        measures.layer_misalignment,
        initial=True,
    )
    yield Limit(
        "max_gap",
        MOST,
        PIXELS,
        "gap",
        "a gap of {} pixels in its field",
        "pixels on end that a field leaves out between its ends, gates cut, so that 0 forbids holes; "
        f"{_OF_THE_LAST_MAP}",
        measures.of_last_map(measures.layer_gap),
        measures.layer_gap,
        details=True,
        initial=True,
    )


def _verdicts() -> Iterator[Limit]:
    yield Limit(
        "max_unproductive",
        MOST,
        COUNT,
        "unproductive convolutions",
        "{} unproductive convolutions",
        "convolutions with a window whose input sees more than the whole image already",
        measures.model_unproductive,
        None,
        details=True,
        initial=True,
    )
    yield Limit(
        "productive",
        MOST,
        FLAG,
        "use",
        "it is unproductive: its input sees more than the whole image already",
        "`true`: a convolution is none of these",
        None,
        measures.layer_unproductive,
        details=True,
    )
    yield Limit(
        "status",
        MOST,
        STATUS,
        "status",
        "it is {}",
        'the worst that the status of a layer may be, `"exact"`, or `"bound"` to let upper bounds pass',
        measures.model_status,
        measures.layer_status,
        initial=True,
    )


LIMITS: Final[Mapping[str, Limit]] = {
    limit.name: limit for limits in (_counts(), _sights(), _grids(), _verdicts()) for limit in limits
}
"""All limits by name."""

"""What runtimes are known to make differently of the same layer: data, of which notes and answers are made.

Each row was measured: ``tests/runtimes`` runs them, and docs/runtimes.md shows what came out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rfcalc.readers.options import RUNTIMES
from rfcalc.records import NamedTuple

CODE: Final = "runtimes"
"""The code of notes about runtimes that part."""

SPECIFICATION, INFERENCE, REFERENCE = "the specification", "shape inference", "onnx's reference evaluator"
ORT, OLD_ORT, OPENVINO, TFLITE, TORCH = (
    "onnxruntime", "onnxruntime 1.20", "OpenVINO", "TensorFlow Lite", "PyTorch",
)  # fmt: skip

_SPELLED: Final = dict(zip(RUNTIMES, (ORT, OPENVINO, TFLITE, TORCH), strict=True))

REFUSED: Final = "refused"
"""The key of the way of runtimes that run no such layer."""


class Way(NamedTuple):
    """One of the ways in which runtimes compute a layer.

    Parameters
    ----------
    key : str
        What readers call it.
    who : tuple of str
        Those who compute it so.
    words : str
        How that is.
    """

    key: str
    who: tuple[str, ...]
    words: str


class Difference(NamedTuple):
    """A layer that runtimes compute in more than one way.

    Parameters
    ----------
    key : str
        What readers and measurements call it.
    operations : str
        The operations of ONNX that it is about.
    setting : str
        When it is that these part.
    effect : str
        What is another: ``extent`` (and with it what is read), ``inputs`` (what is read), ``weights`` (how
        much each counts), or ``runs`` (whether there is an answer at all).
    ways : tuple of Way
        The first is what rfcalc follows where no runtime is named.
    why : str
        Why it follows that one.
    """

    key: str
    operations: str
    setting: str
    effect: str
    ways: tuple[Way, ...]
    why: str

    def way(self, runtime: str | None) -> Way:
        """Return the way of a runtime; the usual one where none is named, or its own is not known."""
        name = _SPELLED.get(runtime or "")
        return next((way for way in self.ways if name in way.who), self.ways[0])


_SPEC_FIRST: Final = "the specification says so"

DIFFERENCES: Final[Mapping[str, Difference]] = {
    each.key: each
    for each in (
        Difference(
            "same-dilated-pool",
            "MaxPool, AveragePool, LpPool",
            "auto_pad SAME and a dilation above 1",
            "extent",
            (
                Way("dilated", (SPECIFICATION, INFERENCE, OPENVINO), "padding counts the dilation"),
                Way("undilated", (ORT, OLD_ORT), "padding leaves the dilation out"),
            ),
            _SPEC_FIRST,
        ),
        Difference(
            "same-dilated-conv",
            "Conv",
            "auto_pad SAME and a dilation above 1",
            "runs",
            (
                Way("run", (SPECIFICATION, INFERENCE, REFERENCE, OPENVINO), "padding counts the dilation"),
                Way(REFUSED, (ORT, OLD_ORT), ""),
            ),
            _SPEC_FIRST,
        ),
        Difference(
            "same-long-stride",
            "MaxPool, AveragePool before opset 19",
            "auto_pad SAME, and windows so far apart that the padding would be negative",
            "runs",
            (
                Way("run", (SPECIFICATION, INFERENCE, OLD_ORT, OPENVINO), "nothing is padded"),
                Way(REFUSED, (ORT,), ""),
            ),
            _SPEC_FIRST,
        ),
        Difference(
            "same-negative",
            "AveragePool from opset 19, LpPool",
            "auto_pad SAME, and windows so far apart that the padding would be negative",
            "inputs",
            (
                Way("none", (SPECIFICATION, OPENVINO), "nothing is padded"),
                Way("cut", (ORT, OLD_ORT), "half of what is missing is cut off at the start"),
            ),
            _SPEC_FIRST,
        ),
        Difference(
            "transposed-short",
            "ConvTranspose",
            "auto_pad SAME and a kernel that spans less than the stride",
            "extent",
            (
                Way("filled", (SPECIFICATION, REFERENCE), "filled up with what sees nothing"),
                Way("short", (ORT, OLD_ORT, OPENVINO, INFERENCE), "what sees nothing at the end is left out"),
            ),
            "its text says that the extent is the stride times the input's, and how what is added is split; "
            "the reference evaluator, which alone runs it so, rounds the split down",
        ),
        Difference(
            "transposed-shape",
            "ConvTranspose",
            "output_shape larger than the full result",
            "runs",
            (
                Way("run", (SPECIFICATION, INFERENCE, OLD_ORT, OPENVINO), "filled up at the end"),
                Way(REFUSED, (ORT, REFERENCE), ""),
            ),
            "it is what those make that run it",
        ),
        Difference(
            "ceil-max-pool",
            "MaxPool",
            "ceil_mode, and a last window that would start in the padding",
            "extent",
            (
                Way(
                    "left", (SPECIFICATION, REFERENCE, ORT, TORCH), "a last window in the padding is left out"
                ),
                Way("kept", (OPENVINO, OLD_ORT, "shape inference before opset 22"), "it is kept"),
            ),
            _SPEC_FIRST,
        ),
        Difference(
            "ceil-pool",
            "AveragePool, LpPool",
            "ceil_mode, and a last window that would start in the padding",
            "extent",
            (
                Way(
                    "left",
                    (SPECIFICATION, REFERENCE, ORT, OPENVINO, TORCH),
                    "a last window in the padding is left out",
                ),
                Way("kept", (OLD_ORT, "shape inference before opset 22"), "it is kept"),
            ),
            _SPEC_FIRST,
        ),
        Difference(
            "ceil-average",
            "AveragePool",
            "ceil_mode, count_include_pad, and a last window that ends behind the padding",
            "weights",
            (
                Way("clipped", (ORT, TORCH), "the mean is over what is left of the last window"),
                Way("full", (OPENVINO, OLD_ORT), "the mean is over the whole window"),
            ),
            "the specification says so from opset 19 on",
        ),
        Difference(
            "short-window",
            "MaxPool, AveragePool, LpPool",
            "a window longer than its map by less than a stride",
            "runs",
            (
                Way("one", (ORT, INFERENCE), "the division rounds toward zero"),
                Way(REFUSED, (OPENVINO, TORCH), ""),
            ),
            "it is what those make that run it",
        ),
        Difference(
            "scale-extent",
            "Resize, Upsample",
            "a scale that a float of 32 bits rounds",
            "extent",
            (
                Way("single", (ORT, OLD_ORT), "the product is rounded to 32 bits"),
                Way("exact", (INFERENCE, REFERENCE), "the 32 bits of the scale are multiplied exactly"),
                Way("next", (OPENVINO,), "the next larger scale of 32 bits is multiplied"),
                Way("double", (TORCH,), "the product is rounded to 64 bits"),
            ),
            "most models are run by onnxruntime; a shape that the file records goes first",
        ),
        Difference(
            "same-extent-linear",
            "Resize, mode linear",
            "a scale other than 1 at which an axis keeps its extent",
            "inputs",
            (
                Way("sampled", (SPECIFICATION, REFERENCE), "positions follow from the scale"),
                Way("whole", (ORT, OLD_ORT), "a map that keeps all its extents is copied"),
                Way("axes", (OPENVINO, TORCH), "an axis that keeps its extent is copied"),
            ),
            _SPEC_FIRST,
        ),
        Difference(
            "same-extent",
            "Resize, modes nearest and cubic",
            "a scale other than 1 at which an axis keeps its extent",
            "inputs",
            (
                Way("sampled", (SPECIFICATION, REFERENCE), "positions follow from the scale"),
                Way("whole", (ORT, OLD_ORT), "a map that keeps all its extents is copied"),
                Way("axes", (OPENVINO,), "an axis that keeps its extent is copied"),
            ),
            _SPEC_FIRST,
        ),
        Difference(
            "antialias",
            "Resize",
            "antialias, and an axis that becomes shorter",
            "inputs",
            (
                Way("wide", (SPECIFICATION, REFERENCE, ORT, TORCH), "the kernel is widened"),
                Way("narrow", (OPENVINO,), "antialias is ignored: the kernel stays as it is"),
            ),
            _SPEC_FIRST,
        ),
        Difference(
            "nearest-floats",
            "Resize, mode nearest",
            "positions that floats of 32 bits move over the place where they are rounded",
            "inputs",
            (
                Way("exact", (SPECIFICATION, REFERENCE), ""),
                Way("tolerant", (ORT,), "positions are floats of 32 bits; near a half counts as a half"),
                Way("divided", (OPENVINO, OLD_ORT), "positions are floats of 32 bits"),
                Way("multiplied", (TORCH,), "the inverse of the scale is multiplied, in floats of 32 bits"),
            ),
            _SPEC_FIRST,
        ),
    )
}
"""All that are known, by their keys."""


class Choice(NamedTuple):
    """How a layer is read, and what is said of it.

    Parameters
    ----------
    way : str
        The key of the way.
    message : str
        The text of a note; "" where nobody makes anything else of it.
    """

    way: str
    message: str = ""


def chosen(key: str, runtime: str | None, made: Mapping[str, object], found: object = None) -> Choice:
    """Choose how a layer is read for a runtime, and say who makes something else of it.

    Parameters
    ----------
    key : str
        The difference.
    runtime : str, optional
        The runtime that is asked for.
    made : mapping
        What each way makes, by its key; of ways that are not in it nothing is known.
    found : optional
        What the file records for this very layer: where no runtime is asked for, the way that makes it is
        taken.
    """
    difference = DIFFERENCES[key]
    own, recorded = difference.way(runtime), ""
    if own.key == REFUSED:
        own = difference.ways[0]
    if runtime is None and found is not None and made[own.key] != found:
        other = [way for way in difference.ways if made.get(way.key) == found]
        own, recorded = (other[0], ", which the file records") if other else (own, "")
    ways = sorted(difference.ways, key=lambda way: way is not own)  # that one first, else as they stand
    groups: dict[object, list[Way]] = {}
    for way in ways:
        if way.key == REFUSED or way.key in made:
            groups.setdefault(REFUSED if way.key == REFUSED else made[way.key], []).append(way)
    if len(groups) < 2:
        return Choice(own.key)
    said = [
        _refusal(same)
        if result == REFUSED
        else f"{result}{recorded if own in same else ''}, as in {_who(same)}{_how(same)}"
        for result, same in groups.items()
    ]
    if difference.effect in ("extent", "runs"):
        said[0] = f"makes {said[0]}"
    asked = _SPELLED.get(runtime or "")
    if asked is not None and not any(asked in way.who for way in difference.ways):
        said.append(f"of {asked} it is not known")
    return Choice(own.key, "; ".join(said))


def unsettled(key: str, runtime: str | None) -> str:
    """Say that a runtime is not followed, as what it makes depends on extents that are open; "" elsewhere."""
    difference = DIFFERENCES[key]
    if runtime is None or difference.way(runtime) is difference.ways[0]:
        return ""
    return f"{_SPELLED[runtime]} may make something else of it at some extents; give its size to follow that"


def _refusal(ways: Sequence[Way]) -> str:
    """Say who runs no such layer."""
    return f"{_who(ways)} refuse{'' if sum(_named(ways).values()) > 1 else 's'} it"


def _how(ways: Sequence[Way]) -> str:
    """Say how they come to it, where that is one way."""
    return f" ({ways[0].words})" if len(ways) == 1 and ways[0].words else ""


def _who(ways: Sequence[Way]) -> str:
    """List those who compute a layer in some ways."""
    *most, last = _named(ways)
    return f"{', '.join(most)} and {last}" if most else last


def _named(ways: Sequence[Way]) -> dict[str, int]:
    """Return their names once each; who does as one that stands for it is not named."""
    who = {name: 1 for way in ways for name in way.who}
    for name, instead in ((OLD_ORT, ORT), (REFERENCE, SPECIFICATION)):
        if instead in who:
            who.pop(name, None)
    return who

"""Read a TensorFlow Lite file: inputs, constants, then one operation after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rfcalc.collecting import collector_paused
from rfcalc.errors import AnalysisError, ReadError
from rfcalc.graph.graph import STATE, LayerGraph
from rfcalc.readers.lowering.hypotheses import read_consistently
from rfcalc.readers.lowering.inputs import Declared, chosen_shape, settle
from rfcalc.readers.lowering.layout import channels_last, guess
from rfcalc.readers.lowering.modules import blocks_of
from rfcalc.readers.lowering.value import Value
from rfcalc.readers.options import Options
from rfcalc.readers.tflite.file import MALFORMED, Model, parse
from rfcalc.readers.tflite.flat import damaged
from rfcalc.readers.tflite.scope import File, Scope, extents
from rfcalc.readers.tflite.uses import uses_of
from rfcalc.records import NamedTuple

_FIXED: Final = (
    "; where the file fixes shapes for the size it was converted at, convert it with dynamic shapes"
)
"""What may be wrong where another size than the file's own does not fit."""


def read_tflite(data: bytes, *, source: str, options: Options) -> LayerGraph:
    """Read a model.

    Parameters
    ----------
    data : bytes
        The file's contents.
    source : str
        Its name, for messages.
    options : Options
        Shapes, extents and layouts that the user gives.

    Returns
    -------
    LayerGraph
        A layer for each operation that computes something from an input; what is known before the model runs
        (weights, shapes and arithmetic on them) is evaluated.

    Raises
    ------
    ReadError
        It is damaged, or what it says is impossible.
    GraphError
        A tensor that nobody makes.
    AnalysisError
        An operation does not fit its inputs.
    UsageError
        An input or extent that the model does not have.
    """
    held = _held(data, options)
    model = held.model
    if not model.subgraphs or not (model.subgraphs[0].operators or model.subgraphs[0].outputs):
        raise ReadError("is a TFLite file without a graph")
    try:
        with collector_paused():
            return _read(held, source, options)
    except AnalysisError as error:
        if options.shapes or options.dims:
            error.message += _FIXED
        raise
    except MALFORMED as error:  # what a damaged file may hold is not foreseen everywhere
        raise damaged(str(error).partition("\n")[0] or type(error).__name__) from error


class _Held(NamedTuple):
    """What is read of a file once: all but what depends on the shapes of inputs."""

    model: Model
    constants: dict[int, dict[int, Value]]


def _held(data: bytes, options: Options) -> _Held:
    """Return what the file says, read once where it is asked for more than once."""
    if options.memory is None:
        return _Held(parse(data), {})
    found: _Held | None = options.memory.get("tflite")
    if found is None:
        found = options.memory["tflite"] = _Held(parse(data), {})
    return found


def _read(held: _Held, source: str, options: Options) -> LayerGraph:
    """Read a model, with other layouts of its inputs too where it contradicts those that are usual."""

    def file() -> File:
        return File(held.model, options, held.constants)

    def read(inputs: Sequence[Declared]) -> LayerGraph:
        return _read_graph(file(), inputs, source)

    return read_consistently(settle(_inputs_of(file(), options), options), read)


def _inputs_of(file: File, options: Options) -> list[Declared]:
    """Return the inputs of the model, with what the file and the options say of their shapes and roles."""
    graph = file.graph(0)
    uses = uses_of(graph, file.constants(0))
    declared = []
    for number in graph.inputs:
        tensor = graph.tensors[number]
        said = extents(tensor.name, tensor.signature) if tensor.ranked else None
        shape = chosen_shape(tensor.name, said, options)
        each = Declared(tensor.name, shape, "", tensor.dtype)
        if shape is not None:
            axes, told = guess(
                str(number), shape, uses, integers="int" in tensor.dtype and not tensor.quantised
            )
            untold = not told and len(shape) > 2
            each = each._replace(axes=channels_last(len(shape)) if untold else axes, told=told)
        declared.append(each)
    return declared


def _read_graph(file: File, inputs: Sequence[Declared], source: str) -> LayerGraph:
    """Read the operations of the model, on inputs of known shapes and roles."""
    scope = Scope(file, 0)
    graph = scope.subgraph
    for number, each in zip(graph.inputs, inputs, strict=True):
        assert each.shape is not None
        scope.values[number] = file.builder.input(each.name, each.shape, each.axes, each.dtype)
    file.given = [scope.values[number] for number in graph.inputs]
    scope.run()
    outputs = [scope.find(number, "the model's output") for number in graph.outputs]
    file.builder.notes += _notes(file.model, scope)
    returned = [value.edge for value in outputs if value.edge is not None]
    return file.builder.graph(
        outputs,
        name=graph.name or "model",
        format="tflite",
        source=source,
        blocks=blocks_of(file.builder.layers, {}, returned),
    )


def _notes(model: Model, scope: Scope) -> list[tuple[str, str, str]]:
    """Say what of earlier calls and of other graphs is not in the figures."""
    notes = []
    joints = {stream.joint: stream for stream in scope.streams.values()}
    if joints:
        count = f"{len(joints)} variables keep" if len(joints) > 1 else "a variable keeps"
        message = (
            f"{count} the end of a map from one call to the next: positions before the first one are "
            "those of earlier calls, which a layer that sees the whole map (global) sees too"
        )
        notes.append((STATE, "", message))
    ways = dict.fromkeys(name for name, place in model.signatures if place)
    if ways:
        listed = ", ".join(map(repr, list(ways)[:5])) + (", ..." if len(ways) > 5 else "")
        notes.append(
            ("signatures", "", f"the file can be called in other ways too, which are not read: {listed}")
        )
    return notes

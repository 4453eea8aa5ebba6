"""Read an ONNX file: inputs, constants, then one operation after the other.

Only the protobuf is read, and of tensors that lie in other files those that :mod:`~.sidecar` tells of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import onnx
from google.protobuf.message import DecodeError

from rfcalc.algebra.number import Num, is_known
from rfcalc.collecting import collector_paused
from rfcalc.errors import AnalysisError, ReadError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.lowering.hypotheses import read_consistently
from rfcalc.readers.lowering.inputs import Declared, chosen_shape, settle
from rfcalc.readers.lowering.layout import Uses, guess
from rfcalc.readers.lowering.modules import blocks_of
from rfcalc.readers.onnx.again import Memory, remembered
from rfcalc.readers.onnx.metadata import made_for
from rfcalc.readers.onnx.scope import MALFORMED, STANDARD, File, Scope, all_text, shape_of
from rfcalc.readers.onnx.sidecar import tables_of
from rfcalc.readers.onnx.tensors import dtype_name
from rfcalc.readers.onnx.uses import needed, uses_of
from rfcalc.readers.options import Options


def read_onnx(
    data: bytes | onnx.ModelProto, *, source: str, options: Options, shapes_hold: bool = False
) -> LayerGraph:
    """Read a model.

    Parameters
    ----------
    data : bytes or ModelProto
        The file's contents.
    source : str
        Its name, for messages.
    options : Options
        Shapes, extents and layouts that the user gives.
    shapes_hold : bool
        The shapes that the file records are those of its runtime: a layer of another shape is unknown.

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
        A tensor that nobody makes, or a cycle.
    AnalysisError
        An operation does not fit its inputs.
    UsageError
        An input or extent that the model does not have.
    """
    memory = _memory_of(options)
    if memory is not None and memory.model is not None:
        model, said = memory.model
    else:
        model, said = (data if isinstance(data, onnx.ModelProto) else _parsed(data)), None
    if not model.HasField("graph") or not (model.graph.node or model.graph.input or model.graph.output):
        raise ReadError("is an ONNX file without a graph")
    try:
        with collector_paused():
            if said is None:
                said = tables_of(model, None if model is data else options.directory)
            if memory is not None:
                memory.model = (model, said)

            def file() -> File:
                return File(model, options, said, memory, shapes_hold=shapes_hold)

            return _read(file, source, options)
    except AnalysisError as error:
        if options.shapes or options.dims:
            error.message += _FIXED
        raise
    except MALFORMED as error:  # what a damaged file may hold is not foreseen everywhere
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ReadError(f"is damaged, or says what cannot be: {reason}") from error


def _memory_of(options: Options) -> Memory | None:
    """Return what is remembered of other readings of the file, for which all but shapes is the same."""
    if options.memory is None:
        return None
    key = ("onnx", options.on_unknown, options.runtime, options.only)
    found: Memory = options.memory.setdefault(key, Memory())
    return found


def _read(new: Callable[[], File], source: str, options: Options) -> LayerGraph:
    """Read a model, with other layouts of its inputs too where it contradicts those that are usual."""
    first = new()
    scope = _scope_of(first)
    ready = [(first, scope)]

    def read(inputs: Sequence[Declared]) -> LayerGraph:
        if ready:
            file, scope = ready.pop()
            return _read_graph(file, scope, inputs, source)
        file = new()
        return _read_graph(file, _scope_of(file), inputs, source)

    return read_consistently(settle(_inputs_of(first, scope), options), read)


_FIXED: Final = "; where the file fixes shapes for the size it was exported at, export it with dynamic axes"
"""What may be wrong where another size than the file's own does not fit."""


def _parsed(data: bytes) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError):
        raise ReadError("looks like an ONNX file, but is truncated or damaged") from None
    return model


# ---- one reading of a file --------------------------------------------------------------------------------


def _scope_of(file: File) -> Scope:
    """Return the model's own tensors, as far as they are constants."""
    opsets = {
        ("" if each.domain in STANDARD else each.domain): each.version for each in file.model.opset_import
    }
    scope = Scope(file, None, opsets)
    if file.memory is None:
        scope.constants(file.model.graph)
        return scope
    if file.memory.constants is None:
        scope.constants(file.model.graph)
        file.memory.constants = dict(scope.values)
        file.memory.held.update(scope.values)
    else:
        scope.values = dict(file.memory.constants)
        scope.infos(file.model.graph)
    return scope


def _read_graph(file: File, scope: Scope, inputs: Sequence[Declared], source: str) -> LayerGraph:
    """Read the operations of the model, on inputs of known shapes and roles."""
    graph = file.model.graph
    if file.memory is not None and all(is_known(n) for each in inputs for n in each.shape or ()):
        file.builder.rules = file.memory.rules
    for each in inputs:
        assert each.shape is not None
        shape = each.shape if file.memory is None else file.memory.shape(each.shape)
        value = file.builder.input(each.name, shape, each.axes, each.dtype)
        scope.values[each.name] = value if file.memory is None else file.memory.one(-1, each.name, value)
    only = file.options.only
    scope.run(needed(graph.node, only) if only else graph.node)
    outputs = [scope.find(name, "the model's output") for name in ([only] if only else _returned(graph))]
    folded = _merged_batch_norms(file.modules.merged)
    if folded:
        file.builder.notes.append(folded)
    if file.reading is not None:
        file.reading.end()
    name = graph.name or "model"
    all_text(name, *(each.name for each in graph.input), *(each.name for each in graph.output))
    returned = [value.edge for value in outputs if value.edge is not None]
    blocks = blocks_of(file.builder.layers, file.modules.classes, returned)
    return file.builder.graph(
        outputs, name=name, format="onnx", source=source, blocks=blocks, made_for=made_for(file.model)
    )


def _returned(graph: onnx.GraphProto) -> list[str]:
    return [each.name for each in graph.output]


def _inputs_of(file: File, scope: Scope) -> list[Declared]:
    """Return the inputs of the model, with what the file and the options say of their shapes and roles."""
    graph = file.model.graph
    declared = []
    for value in graph.input:
        if value.name in scope.values:
            continue  # a constant that a caller may replace
        shape = chosen_shape(value.name, shape_of(value), file.options)
        declared.append(Declared(value.name, shape, "", dtype_name(value.type.tensor_type.elem_type)))
    uses = uses_of(graph, scope.values)
    if file.memory is not None:
        uses = remembered(uses, file.memory)
    return [each if each.shape is None else _guessed(each, each.shape, uses) for each in declared]


def _guessed(each: Declared, shape: tuple[Num, ...], uses: Uses) -> Declared:
    axes, told = guess(each.name, shape, uses, integers="int" in each.dtype)
    return each._replace(axes=axes, told=told)


def _merged_batch_norms(layers: Mapping[str, bool]) -> tuple[str, str, str] | None:
    """Say where an exporter merged batch normalisations into convolutions: parameters are fewer then.

    Of each layer it is given whether it has a bias: exporters leave out one that is zero everywhere, as it is
    where a model was never trained.
    """
    if not layers:
        return None
    count, biased = len(layers), sum(layers.values())
    left = "a bias" if biased else "no bias"
    if 0 < biased < count:
        left = f"a bias in {biased} of them"
    several = "batch normalisations into the layers before them"
    what = f"{count} {several}" if count > 1 else "1 batch normalisation into the layer before it"
    message = f"the exporter merged {what}, and left {left}, so that the source model has more parameters"
    return ("folded", next(iter(layers)), message)

"""Live Keras models of any kind: called on tensors without elements, and read as what they call."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN
from rfcalc.errors import ReadError, UsageError
from rfcalc.graph import LayerGraph
from rfcalc.readers.keras.live_graph import Entry, NoGraphError, Weights, Writer
from rfcalc.readers.keras.live_run import graph_of, left_as_it_was, stateless, variables_as_tensors
from rfcalc.readers.keras.live_values import is_tensor, spelled
from rfcalc.readers.keras.model import read_keras
from rfcalc.records import NamedTuple

_SUFFIX: Final = "_shape"
"""What Keras appends to the names of arguments when it keeps the shapes that a layer was built for."""


class _Arguments(NamedTuple):
    """What a model is called on: tensors, in the structures that its code takes."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def read_live(model: Any, input_shape: Any = None) -> LayerGraph:
    """Read a live Keras layer or model, which is left as it was.

    Parameters
    ----------
    model : keras.Layer
        The model.
    input_shape : shape, sequence or mapping, optional
        The shape of its input, batch included, or those of several, in order or by name. Without it they are
        those that it was built for.

    Raises
    ------
    ReadError
        Its code fails on symbolic tensors.
    UsageError
        It is no layer of Keras, or nobody says the shape of its input.
    """
    _need_layer(model)
    with left_as_it_was(model):
        found = _best(model, input_shape)
    name = type(model).__name__
    document = {"class_name": name, "config": found.config}
    graph = read_keras(document, source=f"<{name}>")
    graph.notes = (*graph.notes, *_notes(found, graph))
    return graph


def _need_layer(model: Any) -> None:
    if find_spec("keras") is None:
        raise ReadError("reading live Keras models needs keras: pip install keras")
    import keras

    if isinstance(model, keras.Operation):
        return
    what = f"is of type {type(model).__name__}, and no layer or model of Keras 3"
    if type(model).__module__.startswith(("tf_keras", "tensorflow")):
        what += "; save its to_json()"
    raise UsageError(what)


class _Found(NamedTuple):
    """A model written down: its config, what was refused in it, and the weights that nothing takes."""

    config: Entry
    refused: list[str]
    unused: list[Any]


def _best(model: Any, input_shape: Any) -> _Found:
    """Write the model down; where code fails on an open batch or on floats, with one sample, or integers."""
    arguments = _arguments(model, input_shape)
    found: _Found | None = None
    failed: NoGraphError | None = None
    for attempt in _attempts(model, arguments):
        try:
            made = _written(model, attempt)
        except NoGraphError as error:
            failed = failed or error
            continue
        if found is None or len(made.refused) < len(found.refused):
            found = made
        if not found.refused:
            break
    if found is None:
        raise ReadError(f"its code fails on symbolic tensors: {failed}", source=f"<{type(model).__name__}>")
    return found


def _attempts(model: Any, arguments: _Arguments) -> Iterator[_Arguments]:
    import keras

    yield arguments

    def renewed(one: bool, dtype: str | None) -> _Arguments:
        def renew(tensor: Any) -> Any:
            shape = tuple(tensor.shape)
            shape = (1, *shape[1:]) if one and shape[:1] == (None,) else shape
            floats = "float" in tensor.dtype
            return keras.KerasTensor(shape, dtype if dtype and floats else tensor.dtype)

        return _mapped(renew, arguments)

    yield renewed(True, None)
    if graph_of(model) is None:
        yield renewed(False, "int32")
        yield renewed(True, "int32")


def _written(model: Any, arguments: _Arguments) -> _Found:
    """Write the model down, called on these arguments."""
    import keras

    layers = model._flatten_layers() if isinstance(model, keras.Layer) else []
    with stateless():
        if not all(each.built for each in layers):
            _build(model, arguments)
        weights = Weights(model)
        with variables_as_tensors(model.variables) as themselves:
            writer = Writer(weights, themselves)
            config = _config(model, arguments, writer)
    return _Found(config, writer.refused, weights.unused())


def _build(model: Any, arguments: _Arguments) -> None:
    """Build the layers that are not yet, without elements for their weights."""
    from keras.src import backend

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model(*arguments.args, **arguments.kwargs)
            if not all(each.built for each in model._flatten_layers()):  # a layer that is told its shape only
                backend.compute_output_spec(model.call, *arguments.args, **arguments.kwargs)
    except Exception as error:  # whatever the user's code raises
        raise NoGraphError(spelled(error)) from error


def _config(model: Any, arguments: _Arguments, writer: Writer) -> Entry:
    if writer.is_custom(model):
        try:
            return writer.inside(model, arguments.args, arguments.kwargs, 0)
        except NoGraphError as error:
            if graph_of(model) is not None:
                raise
            return _as_traced(model, arguments, writer, error)
    return _as_layer(model, arguments, writer)


def _as_traced(model: Any, arguments: _Arguments, writer: Writer, error: NoGraphError) -> Entry:
    """Return the config of a model whose own code calls the backend: a layer, of which this has a trace."""
    before = len(writer.refused)
    try:
        config = _as_layer(model, arguments, writer)
    except Exception as other:  # whatever its code raises
        raise error from other
    if len(writer.refused) > before:
        raise NoGraphError(writer.refused[-1])
    return config


def _as_layer(model: Any, arguments: _Arguments, writer: Writer) -> Entry:
    """Return the config of a model that has this one as its only layer."""
    outputs = model(*arguments.args, **arguments.kwargs)
    return writer.model(model.name, arguments, outputs)


def _notes(found: _Found, graph: LayerGraph) -> list[tuple[str, str, str]]:
    """Say which weights take no part."""
    if not found.unused:
        return []
    count = sum(weight.count for weight in found.unused)
    names = ", ".join(weight.identity for weight in found.unused[:3])
    more = ", ..." if len(found.unused) > 3 else ""
    message = f"{count:,} parameters take no part when the model is called and are not counted: {names}{more}"
    return [("unused-parameters", next(iter(graph.layers), ""), message)]


# ---- what a model is called on -----------------------------------------------------------------------------


def _arguments(model: Any, given: Any) -> _Arguments:
    """Return what the model is called on.

    Raises
    ------
    UsageError
        Nobody says the shapes, or they do not fit the inputs.
    """
    graph = graph_of(model)
    if graph is not None:
        return _of_graph(graph, given)
    if given is not None:
        return _of_code(model, given)
    shapes = getattr(model, "_build_shapes_dict", None)
    if not shapes:
        raise UsageError(
            "say the shape of its input, batch included: input_shape=(None, 224, 224, 3)",
            source=f"<{type(model).__name__}>",
        )
    kwargs = {name.removesuffix(_SUFFIX): _tensors(_open_batch(shape)) for name, shape in shapes.items()}
    names = list(inspect.signature(model.call).parameters)
    if len(kwargs) == 1 and set(kwargs).isdisjoint(names):  # build(input_shape) of call(x)
        return _Arguments(tuple(kwargs.values()), {})
    return _Arguments((), kwargs)


def _of_graph(graph: Any, given: Any) -> _Arguments:
    """Return the inputs of a functional model: its own, or others of the shapes that are given."""
    import keras

    own = {each.name: each for each in graph.inputs}
    if given is None:
        return _Arguments((graph._inputs_struct,), {})
    if isinstance(given, Mapping):
        wrong = [name for name in given if name not in own]
        if wrong:
            raise UsageError(f"the model has no input {wrong[0]!r}; it has {', '.join(map(repr, own))}")
        shapes = [given.get(name) for name in own]
    elif _is_shape(given):
        shapes = [given]
    else:
        shapes = list(given)
    if len(shapes) != len(own):
        raise UsageError(f"the model has {len(own)} inputs, but {len(shapes)} shapes are given")
    tensors = []
    for tensor, shape in zip(graph.inputs, shapes, strict=True):
        whole = tensor.shape if shape is None else _whole(tensor, shape)
        tensors.append(keras.KerasTensor(whole, tensor.dtype))
    return _Arguments((keras.tree.pack_sequence_as(graph._inputs_struct, tensors),), {})


def _whole(tensor: Any, given: Any) -> tuple[int | None, ...]:
    """Return a shape with its batch axis, which may be left out."""
    shape = tuple(given)
    shape = shape if len(shape) == len(tensor.shape) else (tensor.shape[0], *shape)
    if len(shape) != len(tensor.shape):
        raise UsageError(f"the input {tensor.name!r} has {len(tensor.shape)} axes, not {len(tuple(given))}")
    return tuple(None if extent is UNKNOWN else extent for extent in shape)


def _of_code(model: Any, given: Any) -> _Arguments:
    """Return what a model of code is called on: named arguments, or one by one, or all in one structure."""
    parameters = [
        each
        for each in inspect.signature(model.call).parameters.values()
        if each.name not in ("training", "mask") and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    tensors = _tensors(given)
    if isinstance(tensors, dict):
        if set(tensors) <= {each.name for each in parameters}:
            return _Arguments((), tensors)
        return _Arguments((tensors,), {})
    needed = sum(each.default is each.empty for each in parameters)
    if isinstance(tensors, list) and needed > 1 and needed <= len(tensors) <= len(parameters):
        return _Arguments(tuple(tensors), {})
    return _Arguments((tensors,), {})


def _tensors(given: Any) -> Any:
    """Return symbolic tensors in the place of shapes."""
    import keras

    if is_tensor(given):
        return keras.KerasTensor(given.shape, given.dtype)
    if isinstance(given, Mapping):
        return {str(name): _tensors(each) for name, each in given.items()}
    if _is_shape(given):
        return keras.KerasTensor(tuple(None if each is UNKNOWN else each for each in given))
    if isinstance(given, Sequence) and not isinstance(given, str):
        return [_tensors(each) for each in given]
    raise UsageError(f"must be a shape, a list of shapes or shapes by name, got {given!r}")


def _is_shape(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and all(
        each is None or each is UNKNOWN or (type(each) is int and each >= 0) for each in given
    )


def _open_batch(shape: Any) -> Any:
    """Return the shapes that a layer was built for, with the batch open."""
    if isinstance(shape, Mapping):
        return {name: _open_batch(each) for name, each in shape.items()}
    if _is_shape(shape):
        return (None, *shape[1:])
    return [_open_batch(each) for each in shape]


def _mapped(renew: Any, arguments: _Arguments) -> _Arguments:
    import keras

    args, kwargs = keras.tree.map_structure(
        lambda each: renew(each) if is_tensor(each) else each, (arguments.args, arguments.kwargs)
    )
    return _Arguments(args, kwargs)

"""Live Keras layers whose code calls the backend itself: traced by it, and read as what the trace does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rfcalc.errors import RfcalcError
from rfcalc.graph import LayerGraph
from rfcalc.readers.keras.live_run import for_inference
from rfcalc.readers.keras.live_values import is_tensor, is_variable, tensors_in
from rfcalc.records import NamedTuple

_SAMPLES: Final = (2, 3, 64)
"""Numbers of samples to trace where the batch is open, as far apart as those of a test and of training.

A layer that does the same for all of them is taken to do it for any number.
"""

_PLACE: Final = "held"
"""What the backend's program calls the variables, with their number behind."""


class NotTracedError(Exception):
    """The backend cannot trace a layer; the text says why."""


class Traced(NamedTuple):
    """What a layer does.

    Parameters
    ----------
    graph : LayerGraph
        Its operations, with an input for each tensor in order.
    variables : mapping of str to variable
        The variables of Keras by the identity of the graph's weights.
    """

    graph: LayerGraph
    variables: Mapping[str, Any]


def traced(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Traced:
    """Trace a layer called on symbolic tensors.

    Raises
    ------
    NotTracedError
        The backend has no trace, the code fails, or does other things for other numbers of samples.
    """
    import keras

    read = _BACKENDS.get(keras.backend.backend())
    tensors = tensors_in((list(args), dict(kwargs)))
    if read is None or not tensors:
        raise NotTracedError(f"{keras.backend.backend()} is not traced")
    if any(None in each.shape[1:] for each in tensors):
        raise NotTracedError("tracing it needs input_shape with all extents")
    variables = list(getattr(operation, "variables", ()))
    call = _Call(operation, tuple(args), dict(kwargs), tensors)
    open_batch = any(each.shape[:1] == (None,) for each in tensors)
    graphs = []
    for samples in _SAMPLES if open_batch else (1,):
        shapes = [tuple(samples if extent is None else extent for extent in each.shape) for each in tensors]
        try:
            graphs.append(read(call, variables, shapes))
        except RfcalcError as error:
            raise NotTracedError(str(error)) from error
    first, *others = graphs
    if any(_told(other) != _told(first) for other in others):
        raise NotTracedError("what it does depends on the number of samples")
    if sum(layer.kind == "input" for layer in first) != len(tensors):
        raise NotTracedError("it does not take all that it is called on")
    return Traced(first, {f"{_PLACE}{place}": each for place, each in enumerate(variables)})


def _told(graph: LayerGraph) -> list[Any]:
    """Return what a graph does, whatever the shapes of its inputs."""
    return [
        (layer.name, layer.kind, layer.inputs, {} if layer.kind == "input" else layer.attrs, layer.extras)
        for layer in graph
    ]


class _Call(NamedTuple):
    """A call of a layer, and the symbolic tensors among its arguments in order."""

    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    tensors: list[Any]

    def on(self, arrays: Sequence[Any]) -> list[Any]:
        """Return what the layer gives for arrays in the place of its tensors."""
        import keras

        given = {id(tensor): array for tensor, array in zip(self.tensors, arrays, strict=True)}

        def filled(value: Any) -> Any:
            if is_variable(value):
                return value
            return given[id(value)] if is_tensor(value) else value

        args, kwargs = keras.tree.map_structure(filled, (self.args, self.kwargs))
        made = self.operation.call(*args, **for_inference(self.operation, kwargs))
        return [each for each in keras.tree.flatten(made) if hasattr(each, "shape")]


@contextmanager
def _holding(variables: Sequence[Any], arrays: Sequence[Any]) -> Iterator[None]:
    """Let variables have these values."""
    import keras

    with keras.StatelessScope(state_mapping=list(zip(variables, arrays, strict=True))):
        yield


# ---- PyTorch -----------------------------------------------------------------------------------------------


def _torch(call: _Call, variables: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> LayerGraph:
    import torch
    from keras.src.backend.torch.core import to_torch_dtype

    from rfcalc.readers.torch.capture import FOLLOWED, read_module

    def empty(shape: Sequence[int], dtype: str) -> Any:
        return torch.empty(tuple(shape), dtype=to_torch_dtype(dtype), device="meta")

    class Layer(torch.nn.Module):  # type: ignore[misc]  # without PyTorch it is of no type
        """The layer, with stand-ins for its variables."""

        def __init__(self) -> None:
            super().__init__()
            if isinstance(call.operation, torch.nn.Module):
                self.layer = call.operation
            for place, each in enumerate(variables):
                held = torch.nn.Parameter(empty(each.shape, each.dtype), requires_grad=False)
                self.register_parameter(f"{_PLACE}{place}", held)

        def forward(self, *arrays: Any) -> Any:
            held = [getattr(self, f"{_PLACE}{place}") for place in range(len(variables))]
            with _on_meta(), _holding(variables, held):
                return call.on(arrays)

    given = [empty(shape, tensor.dtype) for shape, tensor in zip(shapes, call.tensors, strict=True)]
    graph = read_module(Layer(), tuple(given), capture="record")
    if any(text == FOLLOWED for _, _, text in graph.notes):
        raise NotTracedError("it decides by elements which way it runs")
    return graph


@contextmanager
def _on_meta() -> Iterator[None]:
    """Let Keras put tensors on the meta device; its own scope names the device by a word, and copies."""
    import torch
    from keras.src.backend.common import global_state

    name = "torch_device"
    before = global_state.get_global_attribute(name, None)
    global_state.set_global_attribute(name, torch.device("meta"))
    try:
        yield
    finally:
        global_state.set_global_attribute(name, before)


# ---- JAX ---------------------------------------------------------------------------------------------------


def _jax(call: _Call, variables: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> LayerGraph:
    from rfcalc.readers.jaxpr.capture import empty, read_function
    from rfcalc.readers.options import Options

    def layer(held: Mapping[str, Any], *arrays: Any) -> Any:
        with _holding(variables, [held[f"{_PLACE}{place}"] for place in range(len(variables))]):
            return call.on(arrays)

    given = [empty(shape, tensor.dtype) for shape, tensor in zip(shapes, call.tensors, strict=True)]
    held = {f"{_PLACE}{place}": empty(each.shape, each.dtype) for place, each in enumerate(variables)}
    return read_function(layer, given, held, {}, options=Options())


_Read = Callable[[_Call, Sequence[Any], Sequence[tuple[int, ...]]], LayerGraph]
_BACKENDS: Final[Mapping[str, _Read]] = {"torch": _torch, "jax": _jax}

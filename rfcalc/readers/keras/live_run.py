"""Calls of live Keras layers on tensors without elements, after which every layer is as it was."""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

_COUNTERS: Final = "object_name_uids"
"""Where Keras counts the names that it has made up."""


@contextmanager
def left_as_it_was(*roots: Any) -> Iterator[None]:
    """Put back, at the end, all that layers hold, and what Keras, Python and the backend count or draw."""
    held = list(_held(roots))
    names = _name_counters()
    counted = dict(names)
    draws = [(put, get()) for get, put in _generators()]
    try:
        yield
    finally:
        for put_back in held:
            put_back()
        names.clear()
        names.update(counted)
        for put, state in draws:
            put(state)


def _held(roots: Sequence[Any]) -> Iterator[Callable[[], None]]:
    """Yield for each object and container that layers hold what puts its content back."""
    import keras
    from keras.src.utils.tracking import Tracker

    objects = (keras.Operation, keras.Variable, keras.random.SeedGenerator, keras.metrics.Metric, Tracker)
    seen: set[int] = set()
    stack: list[Any] = list(roots)
    while stack:
        each = stack.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, objects):
            yield _put_back(vars(each), dict)
            stack.extend(vars(each).values())
        elif isinstance(each, (list, dict, set)):
            base = next(kind for kind in (list, dict, set) if isinstance(each, kind))
            yield _put_back(each, base)
            stack.extend(each.values() if isinstance(each, dict) else each)
        elif isinstance(each, tuple):
            stack.extend(each)


def _put_back(content: Any, base: type) -> Callable[[], None]:
    """Return what gives a container the content of now, without telling those who follow its changes."""
    add: Any = base.extend if base is list else getattr(base, "update", None)
    kept = base(content)

    def put_back() -> None:
        base.clear(content)  # type: ignore[attr-defined]  # lists, dicts and sets have it
        add(content, kept)

    return put_back


def _name_counters() -> Any:
    from keras.src.utils.naming import auto_name

    auto_name("counted")  # makes the counters where there are none
    from keras.src.backend.common import global_state

    return global_state.get_global_attribute(_COUNTERS)


def _generators() -> Iterator[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """Yield how to ask, and to set, the state of each source of random numbers that is loaded."""
    yield random.getstate, random.setstate
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None:
        yield numpy.random.get_state, numpy.random.set_state
    if torch is not None:
        yield torch.get_rng_state, torch.set_rng_state


# ---- variables ---------------------------------------------------------------------------------------------


@contextmanager
def stateless() -> Iterator[None]:
    """Let nothing be assigned to variables, and those that are made have no elements."""
    import keras

    scope = keras.StatelessScope()
    scope.initialize_variables = False
    with scope:
        yield


@contextmanager
def variables_as_tensors(variables: Sequence[Any]) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Let operations on variables make nodes of Keras's graph, as those on its symbolic tensors do.

    A variable is of a class then that is both. Where Keras works out a shape by running code on tensors of
    the backend, variables are themselves, and so they are in the context that this one gives.
    """
    from keras.src import backend

    owned = [(each, type(each)) for each in variables]
    classes = {own: _tensor_class(own) for _, own in owned}
    work_out = backend.compute_output_spec

    def stand_in() -> None:
        for each, own in owned:
            each.__class__ = classes[own]

    def be_themselves() -> None:
        for each, own in owned:
            each.__class__ = own

    def compute_output_spec(*args: Any, **kwargs: Any) -> Any:
        with themselves():
            return work_out(*args, **kwargs)

    @contextmanager
    def themselves() -> Iterator[None]:
        be_themselves()
        backend.compute_output_spec = work_out
        try:
            yield
        finally:
            backend.compute_output_spec = compute_output_spec
            stand_in()

    stand_in()
    backend.compute_output_spec = compute_output_spec
    try:
        with _lenient_calls():
            yield themselves
    finally:
        backend.compute_output_spec = work_out
        be_themselves()


def _tensor_class(own: type) -> type:
    """Return the class of variables that are symbolic tensors too; nothing is assigned to them."""
    import keras

    def unchanged(self: Any, *_args: Any, **_kwargs: Any) -> Any:
        return self

    body: dict[str, Any] = {
        "_sparse": False,
        "_ragged": False,
        "_ragged_rank": None,
        "_row_splits_dtype": None,
        "record_history": True,
        "value": property(unchanged),
        **dict.fromkeys(("assign", "assign_add", "assign_sub"), unchanged),
    }
    return type("SymbolicVariable", (keras.KerasTensor, own), body)


# ---- calls -------------------------------------------------------------------------------------------------


@contextmanager
def _lenient_calls() -> Iterator[None]:
    """Let layers be called symbolically that Keras itself would refuse, or of which it knows too little.

    A layer that is derived from another may say nothing, or wrong things, of its outputs; it may return None
    beside tensors; and an extent may be open that follows from those of the inputs.
    """
    import keras
    from keras.src.layers import layer as module

    symbolic_call, node = keras.Layer.symbolic_call, module.Node

    def lenient_call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return _outputs(layer, symbolic_call, args, kwargs)

    def lenient_node(*, outputs: Any, **given: Any) -> Any:
        tensors = [each for each in keras.tree.flatten(outputs) if isinstance(each, keras.KerasTensor)]
        return node(outputs=tensors, **given)

    keras.Layer.symbolic_call = lenient_call
    module.Node = lenient_node
    try:
        yield
    finally:
        keras.Layer.symbolic_call = symbolic_call
        module.Node = node


def _outputs(layer: Any, symbolic_call: Any, args: Any, kwargs: Any) -> Any:
    """Return symbolic outputs of a layer: of one that Keras does not have, what its code makes of tensors.

    What a layer says itself of its outputs is next, then what its code makes of symbolic tensors.
    """
    import keras

    def renew(value: Any) -> Any:
        if isinstance(value, keras.KerasTensor) and not isinstance(value, keras.Variable):
            return keras.KerasTensor(value.shape, value.dtype)
        return value

    def by_code() -> Any:
        from keras.src import backend

        return backend.compute_output_spec(layer.call, *args, **for_inference(layer, kwargs))

    def by_itself() -> Any:
        return symbolic_call(layer, *args, **kwargs)

    def by_symbols() -> Any:
        again, named = keras.tree.map_structure(renew, (args, kwargs))
        return keras.tree.map_structure(renew, called(layer, again, named))

    own = type(layer).__module__.startswith("keras.")
    outputs = _first_of([by_itself] if own else [by_code, by_itself, by_symbols])
    if own and graph_of(layer) is None and _has_open(outputs) and not _has_open((args, kwargs)):
        try:
            better = by_code()
            keras.tree.assert_same_structure(outputs, better)
        except Exception:  # the extent stays open
            return outputs
        return better
    return outputs


def _first_of(ways: Sequence[Callable[[], Any]]) -> Any:
    """Return what the first way gives that does not fail."""
    *others, last = ways
    for way in others:
        try:
            return way()
        except Exception:
            continue
    return last()


def for_inference(operation: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return arguments that say, where a layer asks, that it is not trained."""
    asked = "training" in inspect.signature(operation.call).parameters
    return {**kwargs, "training": False} if asked else kwargs


def _has_open(value: Any) -> bool:
    """Tell whether any extent but a batch's is open."""
    import keras

    tensors = [each for each in keras.tree.flatten(value) if isinstance(each, keras.KerasTensor)]
    return any(None in each.shape[1:] for each in tensors)


def called(operation: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Return what a layer gives for symbolic tensors, as it is for inference."""
    graph = graph_of(operation)
    if graph is not None:
        return graph._run_through_graph([*args, *kwargs.values()])
    return operation.call(*args, **for_inference(operation, kwargs))


def graph_of(operation: Any) -> Any:
    """Return the graph that an operation is called as; None where it is called by code of its own."""
    import keras
    from keras.src.models.functional import Functional

    if isinstance(operation, keras.Sequential):
        return operation._functional if type(operation).call is keras.Sequential.call else None
    if isinstance(operation, Functional):
        return operation if type(operation).call is Functional.call else None
    return operation if type(operation) is keras.Function else None

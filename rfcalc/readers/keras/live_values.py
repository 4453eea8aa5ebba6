"""Values in calls of live Keras layers: symbolic tensors, variables, constant arrays, and what holds them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN
from rfcalc.readers.keras.live_run import graph_of
from rfcalc.readers.keras.nodes import Constant

_LISTED: Final = 1 << 20
"""So many elements of a constant array are looked at; of larger ones the shape is."""


_PREFACES: Final = ("Exception encountered when calling", "Could not automatically infer")
"""How Keras begins the text of an error, before it says what is wrong."""


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a symbolic tensor of Keras's."""
    import keras

    return isinstance(value, keras.KerasTensor)


def is_variable(value: Any) -> bool:
    """Tell whether a value is a variable, as itself or as a symbolic tensor."""
    import keras

    return isinstance(value, keras.Variable)


def tensors_in(value: Any) -> list[Any]:
    """Return the symbolic tensors of a structure, dicts by sorted keys; variables are none."""
    return [each for each in flat(value) if is_tensor(each) and not is_variable(each)]


def masks_of(tensors: Sequence[Any]) -> list[Any]:
    """Return the masks that Keras hands along beside these tensors, but for those that are among them."""
    from keras.src import backend

    masks = (backend.get_keras_mask(each) for each in tensors)
    known = {id(each) for each in tensors}
    return [*{id(mask): mask for mask in masks if is_tensor(mask) and id(mask) not in known}.values()]


def given_to(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """Return the tensors that an operation is called on; those of a model in the order of its inputs.

    Code is given the masks that Keras hands along beside them, too.
    """
    graph = graph_of(operation)
    if graph is None:
        tensors = tensors_in((args, kwargs))
        return [*tensors, *masks_of(tensors)]
    given = args[0] if args else kwargs.get("inputs")
    if isinstance(given, Mapping) and not isinstance(graph._inputs_struct, Mapping):
        given = [given[each.name] for each in graph.inputs if each.name in given]
    import keras

    return [each for each in keras.tree.flatten(given) if is_tensor(each) and not is_variable(each)]


def masks_by_name(
    operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a call with all masks by name."""
    names = [*inspect.signature(operation.call).parameters][: len(args)]
    masks = {name: each for name, each in zip(names, args, strict=False) if name.endswith("mask")}
    rest = [each for place, each in enumerate(args) if place >= len(names) or names[place] not in masks]
    return rest, {**masks, **kwargs}


def flat(value: Any) -> list[Any]:
    """Return the leaves of a structure, of dicts by sorted keys."""
    if isinstance(value, (list, tuple)):
        return [each for item in value for each in flat(item)]
    if isinstance(value, Mapping):
        return [each for name in sorted(value, key=str) for each in flat(value[name])]
    return [value]


def variables_in(arguments: Any) -> list[Any]:
    """Return the variables among the arguments of a call."""
    return [each for each in flat((arguments.args, arguments.kwargs)) if is_variable(each)]


def has_shapes(inputs: Sequence[Any], given: Sequence[Any]) -> bool:
    """Tell whether a graph was made for tensors of these shapes."""
    return len(inputs) == len(given) and all(a.shape == b.shape for a, b in zip(inputs, given, strict=True))


def renewed_in(value: Any, operation: Any) -> tuple[Any, list[Any]]:
    """Return arguments with tensors of no history in the place of others, and these in order, then masks."""
    import keras
    from keras.src import backend

    made: dict[int, Any] = {}
    cast = getattr(operation, "autocast", False) and getattr(operation, "_convert_input_args", True)
    tensors = tensors_in(value)
    masks = masks_of(tensors)
    for each in (*tensors, *masks):
        dtype = operation.compute_dtype if cast and "float" in each.dtype else each.dtype
        made.setdefault(id(each), keras.KerasTensor(each.shape, dtype))
    for each in tensors:
        mask = backend.get_keras_mask(each)
        if id(mask) in made:
            backend.set_keras_mask(made[id(each)], made[id(mask)])

    def renew(item: Any) -> Any:
        if id(item) in made:
            return made[id(item)]
        if isinstance(item, tuple) and hasattr(item, "_fields"):
            return type(item)(*map(renew, item))
        if isinstance(item, (list, tuple)):
            return type(item)(map(renew, item))
        if isinstance(item, Mapping):
            return {name: renew(each) for name, each in item.items()}
        return item

    return renew(value), [made[id(each)] for each in (*tensors, *masks)]


def shape_of(value: Any) -> tuple[Any, ...]:
    """Return a shape, with `UNKNOWN` for open extents."""
    return tuple(UNKNOWN if extent is None else int(extent) for extent in value.shape)


def plain_argument(value: Any) -> Any:
    """Return an argument that is no tensor of the graph, as the reader takes it."""
    if isinstance(value, slice):
        ends = {"start": value.start, "stop": value.stop, "step": value.step}
        return {
            "class_name": "__slice__",
            "config": {name: plain_argument(each) for name, each in ends.items()},
        }
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _array(value)
    return {"class_name": type(value).__name__, "config": {}}


def _array(value: Any) -> Any:
    """Return a constant array, with its elements unless there are too many."""
    import keras

    shape = tuple(int(extent) for extent in value.shape)
    count = 1
    for extent in shape:
        count *= extent
    if count > _LISTED:
        return Constant(shape)
    try:
        elements = keras.ops.convert_to_numpy(value)
    except Exception:
        return Constant(shape)
    return Constant(shape, elements.tolist()) if shape else elements.item()


def spelled(error: BaseException) -> str:
    """Return an error's class and the first line of its text that says what is wrong."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(_PREFACES)] or lines
    return f"{type(error).__name__}: {told[0][:200]}" if told else type(error).__name__

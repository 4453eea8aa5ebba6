"""Models that live in memory: of Keras, or what the code that a user names makes of them."""

from __future__ import annotations

import sys
from typing import Any

from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.options import Options


def read_made(name: str, options: Options) -> LayerGraph | None:
    """Return the graph of what the user's code holds or makes: a Keras model, or what `from_jax` gave.

    None stands for anything else. Code is called at once where it has imported Keras, or JAX and not PyTorch,
    which is then not imported for it either.

    Raises
    ------
    ReadError
        There is no such code, or it fails.
    UsageError
        The user says something of inputs, which the code says itself, or says it wrong.
    """
    from importlib.util import find_spec

    from rfcalc.readers.named import beside_here, found, spelled

    if find_spec("jax") is None and find_spec("keras") is None:
        return None
    try:
        with beside_here():
            thing = found(name)
            if _is_called_at_once(thing):
                try:
                    thing = thing()
                except RfcalcError:
                    raise
                except (Exception, SystemExit) as error:  # whatever the user's code raises
                    raise ReadError(f"building the model failed: {spelled(error)}") from error
            if is_keras(thing):
                return read_keras_model(thing, options)
            if not isinstance(thing, LayerGraph):
                return None
            if options.shapes or options.dims or options.layout:
                raise UsageError("what the model is called with is said where from_jax is called")
            return thing
    except RfcalcError as error:
        error.source = error.source or name
        raise


def is_keras(thing: Any) -> bool:
    """Tell whether something is a live model or layer of Keras 3, without importing it."""
    keras = sys.modules.get("keras")
    return keras is not None and hasattr(keras, "Operation") and isinstance(thing, keras.Operation)


def read_keras_model(model: Any, options: Options) -> LayerGraph:
    """Read a live model of Keras with the shapes that the user gives."""
    if options.parameters or options.layout:
        what = "parameters" if options.parameters else "a layout"
        raise UsageError(f"{what} cannot be given for a Keras model, which says them itself")
    from rfcalc.readers.keras.live import read_live

    shapes: Any = options.shapes or None
    return read_live(model, shapes[""] if shapes is not None and set(shapes) == {""} else shapes)


def _is_called_at_once(thing: Any) -> bool:
    """Tell whether something is to make a model of Keras or JAX, so that PyTorch is not needed for it."""
    from rfcalc.readers.named import missing_arguments

    if isinstance(thing, LayerGraph) or is_keras(thing) or not callable(thing) or missing_arguments(thing):
        return False
    keras, torch = sys.modules.get("keras"), sys.modules.get("torch")
    if torch is not None and isinstance(thing, torch.nn.Module):
        return False
    if isinstance(thing, type) and torch is not None and issubclass(thing, torch.nn.Module):
        return keras is not None and issubclass(thing, keras.Operation)
    return keras is not None or ("jax" in sys.modules and torch is None)

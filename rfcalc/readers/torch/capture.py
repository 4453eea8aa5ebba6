"""From a module to an exported program: on stand-ins for tensors, without computing and without weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rfcalc.errors import ReadError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.options import Options
from rfcalc.readers.torch.exported import Exported
from rfcalc.readers.torch.graph import Spelled, read_program

Shapes = Any
"""A tensor, a tuple of tensors, a shape, or a list of shapes."""


def read_exported(
    program: Any,
    *,
    source: str = "<program>",
    options: Options | None = None,
    name: str = "",
    tensors: Mapping[str, Any] | None = None,
    spelled: Spelled | None = None,
) -> LayerGraph:
    """Read an exported program.

    Parameters
    ----------
    program : torch.export.ExportedProgram
        The program, in the dialect that `torch.export.export` gives.
    source : str
        Its name, for messages.
    options : Options, optional
        Shapes, extents and layouts.
    name : str
        The module's class.
    tensors : mapping, optional
        The module's own parameters and buffers by path, where the program has stand-ins for them.
    spelled : mapping, optional
        Names for open extents, by input and axis.
    """
    frontend = Exported(program, name or "model", tensors)
    return read_program(frontend, source=source, options=options or Options(), spelled=spelled)


def read_module(
    module: Any, example_inputs: Shapes, dynamic: Any = None, *, options: Options | None = None, source: str = ""
) -> LayerGraph:
    """Export a module and read the program.

    Parameters
    ----------
    module : torch.nn.Module
        The module; its weights may lie on the meta device.
    example_inputs : tensor, tuple of tensors, shape or list of shapes
        What it is called with.
    dynamic : bool, mapping or tuple, optional
        Which extents stay open.
    options : Options, optional
        Layouts and names.
    source : str
        Its name, for messages.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise UsageError(f"a PyTorch model is a torch.nn.Module, not a {type(module).__name__}")
    name = type(module).__name__
    source = source or f"<{name}>"
    try:
        tensors = dict(module.named_parameters(remove_duplicate=False))
        tensors.update(module.named_buffers(remove_duplicate=False))
        with _evaluating(module), _stand_ins(module, tensors) as mode:
            inputs = _inputs(example_inputs, tensors, mode)
            shapes, spelled = _dynamic(module, inputs, dynamic)
            program = _exported(module, inputs, shapes)
        return read_exported(
            program, source=source, options=options, name=name, tensors=tensors, spelled=spelled
        )
    except UsageError as error:
        error.source = error.source or source
        raise


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Put a module into the mode for inference, and leave it as it was."""
    modes = [(each, each.training) for each in module.modules()]
    try:
        for each, _ in modes:
            each.training = False
        yield
    finally:
        for each, mode in modes:
            each.training = mode


@contextmanager
def _stand_ins(module: Any, tensors: Mapping[str, Any]) -> Iterator[Any]:
    """Put fake tensors on the CPU in the place of a module's tensors without storage, and put these back."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    import torch

    mode = FakeTensorMode(allow_non_fake_inputs=True)
    swapped: list[tuple[dict[str, Any], str, Any]] = []
    fakes: dict[int, Any] = {}
    try:
        if any(tensor.device.type == "meta" for tensor in tensors.values()):
            for each in module.modules():
                for held in (each._parameters, each._buffers):
                    for name, tensor in held.items():
                        if tensor is None:
                            continue
                        if id(tensor) not in fakes:
                            fakes[id(tensor)] = _fake(tensor, mode, torch)
                        swapped.append((held, name, tensor))
                        held[name] = fakes[id(tensor)]
        yield mode
    finally:
        for held, name, tensor in swapped:
            held[name] = tensor


def _fake(tensor: Any, mode: Any, torch: Any) -> Any:
    with mode:
        made = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cpu")
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(made, requires_grad=tensor.requires_grad)
    return made


# ---- inputs ------------------------------------------------------------------------------------------------


def _inputs(given: Shapes, tensors: Mapping[str, Any], mode: Any) -> tuple[Any, ...]:
    """Return what the module is called with; shapes become tensors of its own type without elements."""
    import torch

    if isinstance(given, torch.Tensor):
        return (given,)
    if _is_shape(given):
        given = [given]
    if not isinstance(given, (tuple, list)) or not given:
        raise UsageError("example_inputs are a tensor, a tuple of tensors, a shape or a list of shapes")
    return tuple(_made(each, tensors, mode) if _is_shape(each) else each for each in given)


def _is_shape(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and bool(value) and all(type(each) is int for each in value)


def _made(shape: Sequence[int], tensors: Mapping[str, Any], mode: Any) -> Any:
    import torch

    if min(shape) < 1:
        raise UsageError(f"an extent must be positive, got {min(shape)}")
    floats = [each for each in tensors.values() if each.dtype.is_floating_point]
    kind = floats[0].dtype if floats else torch.get_default_dtype()
    device = next((each.device for each in tensors.values() if each.device.type != "meta"), torch.device("cpu"))
    with mode:
        return torch.empty(tuple(shape), dtype=kind, device=device)


def _dynamic(module: Any, inputs: tuple[Any, ...], dynamic: Any) -> tuple[Any, Spelled]:
    """Return the open extents as `torch.export` takes them, and the names that the user gave them."""
    import torch

    if dynamic is None or dynamic is False:
        return None, {}
    if dynamic is True:
        open_axes = [
            dict.fromkeys((0, *range(2, each.dim())), torch.export.Dim.AUTO) if isinstance(each, torch.Tensor) else None
            for each in inputs
        ]
        return tuple(open_axes), {}
    names = _argument_names(module, inputs)
    made: dict[str, Any] = {}
    dims: dict[Any, Any] = {}
    parts = dynamic.items() if isinstance(dynamic, Mapping) else zip(names, dynamic, strict=False)
    unnamed = isinstance(dynamic, Mapping) and all(type(key) is int for key in dynamic)
    parts = [(names[0], dynamic)] if unnamed else list(parts)
    spelled: dict[str, dict[int, str]] = {}
    for name, axes in parts:
        if name not in names:
            raise UsageError(f"dynamic: the module takes no {name!r}; it takes {', '.join(names)}")
        made[name] = None if axes is None else {
            axis: _dim(each, dims, torch) for axis, each in _pairs(axes)
        }
        spelled[name] = {
            axis: word for axis, each in _pairs(axes or {}) if (word := _word(each)) is not None
        }
    return tuple(made.get(name) for name in names), spelled


def _pairs(axes: Any) -> list[tuple[int, Any]]:
    return list(axes.items()) if isinstance(axes, Mapping) else list(enumerate(axes))


def _word(each: Any) -> str | None:
    if isinstance(each, str):
        return each
    name = getattr(each, "__name__", None)
    return name if isinstance(name, str) and name.isidentifier() else None


def _dim(each: Any, dims: dict[Any, Any], torch: Any) -> Any:
    """Return a dimension of torch's for a name; the same for the same name."""
    if not isinstance(each, str):
        return each
    if each not in dims:
        dims[each] = torch.export.Dim(each)
    return dims[each]


def _argument_names(module: Any, inputs: tuple[Any, ...]) -> list[str]:
    import inspect

    names: list[str] = []
    for name, each in inspect.signature(module.forward).parameters.items():
        if each.kind is each.VAR_POSITIONAL:
            return names + [f"{name}_{k}" for k in range(len(inputs) - len(names))]
        names.append(name)
    return names[: len(inputs)]


# ---- export ------------------------------------------------------------------------------------------------


def _exported(module: Any, inputs: tuple[Any, ...], shapes: Any) -> Any:
    """Export, by tracing Python itself and failing that by its bytecode.

    Raises
    ------
    ReadError
        Neither works: with the reason of the first.
    """
    import logging
    import warnings

    import torch

    first: Exception | None = None
    for strict in (False, True):
        previous = logging.root.manager.disable
        try:
            logging.disable(logging.ERROR)  # torch logs what is then raised
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                return torch.export.export(module, inputs, dynamic_shapes=shapes, strict=strict)
        except Exception as error:  # whatever the module raises  # noqa: BLE001
            first = first or error
        finally:
            logging.disable(previous)
    raise ReadError(f"torch.export cannot take the module: {_reason(first)}") from first


def _reason(error: Exception | None) -> str:
    """Return the one line of an error that says most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else ""
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__

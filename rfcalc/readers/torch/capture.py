"""From a module to an exported program: on stand-ins for tensors, without computing and without weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.options import Options
from rfcalc.readers.torch.exported import Exported
from rfcalc.readers.torch.graph import Spelled, read_program
from rfcalc.readers.torch.recorded import Recorded, Unrecorded, record, without_elements

Shapes = Any
"""A tensor, a tuple of tensors, a shape, or a list of shapes."""

Capture = Literal["auto", "record", "export"]
"""How a module becomes a program."""

CAPTURES: Final = ("auto", "record", "export")


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
    module: Any,
    example_inputs: Shapes,
    dynamic: Any = None,
    *,
    options: Options | None = None,
    source: str = "",
    capture: Capture = "auto",
) -> LayerGraph:
    """Record a module as it runs, or export it, and read the program.

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
    capture : str
        ``record``, ``export``, or ``auto``: recorded where that holds, otherwise exported.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise UsageError(f"a PyTorch model is a torch.nn.Module, not a {type(module).__name__}")
    if capture not in CAPTURES:
        raise UsageError(f"capture is one of {', '.join(CAPTURES)}, not {capture!r}")
    name = type(module).__name__
    source = source or f"<{name}>"
    try:
        tensors = dict(module.named_parameters(remove_duplicate=False))
        tensors.update(module.named_buffers(remove_duplicate=False))
        given = listed_arguments(example_inputs)
        names = argument_names(module, len(given))
        recorded, why = recorded_module(module, names, given, dynamic, tensors, capture)
        if recorded is not None:
            graph = read_program(recorded, source=source, options=options or Options())
        else:
            with evaluating(module), _stand_ins(module, tensors) as mode:
                shapes, spelled = dynamic_shapes(names, given, dynamic)
                program = exported(module, candidates_for(given, shapes, tensors, mode), shapes)
            graph = read_exported(
                program, source=source, options=options, name=name, tensors=tensors, spelled=spelled
            )
            if why:
                message = f"exported, since it cannot be recorded as it runs: {why}"
                graph = graph.with_notes([("capture", next(iter(graph.layers), ""), message)])
        graph.origin = (module, example_inputs, "export" if recorded is None else "record")
        return graph
    except RfcalcError as error:
        error.source = error.source or source
        raise


def recorded_module(
    module: Any,
    names: Sequence[str],
    given: Sequence[Any],
    dynamic: Any,
    tensors: Mapping[str, Any],
    capture: Capture,
) -> tuple[Recorded | None, str]:
    """Record a module as it runs: the program, or None and why it could not be, where that is worth saying.

    Raises
    ------
    ReadError
        It could not, and nothing else is wanted.
    """
    if capture == "export" or dynamic not in (None, False):
        if capture == "record":
            raise UsageError("open extents are traced by torch.export: leave out capture, or dynamic")
        return None, ""
    import torch

    first = ""
    with evaluating(module), unfused():
        for arguments in candidates_for(given, None, tensors, None):
            empty = [without_elements(each) if isinstance(each, torch.Tensor) else each for each in arguments]
            try:
                return record(module, names, empty, tensors), ""
            except Unrecorded as error:
                first = first or " ".join(str(error).split())[:300]
    if capture == "record":
        raise ReadError(f"the module cannot be recorded as it runs: {first}")
    return None, first


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
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
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

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


def listed_arguments(given: Shapes) -> tuple[Any, ...]:
    """Return what the module is called with, argument by argument."""
    import torch

    if isinstance(given, torch.Tensor) or is_shape(given):
        return (given,)
    if not isinstance(given, (tuple, list)) or not given:
        raise UsageError("example_inputs are a tensor, a tuple of tensors, a shape or a list of shapes")
    return tuple(given)


def is_shape(value: Any) -> bool:
    """Tell whether something is the shape of a tensor.

    >>> is_shape((1, 3, 224, 224)), is_shape(((1, 3), (1, 4)))
    (True, False)
    """
    return isinstance(value, (tuple, list)) and bool(value) and all(type(each) is int for each in value)


def candidates_for(
    given: Sequence[Any], shapes: Any, tensors: Mapping[str, Any], mode: Any
) -> Iterator[tuple[Any, ...]]:
    """Yield what the module may be called with: shapes as tensors of its own type, then as indices.

    Tensors are made under `mode`; without one they lie on the meta device.
    """
    import torch

    floats = [each for each in tensors.values() if each.dtype.is_floating_point]
    kinds = [floats[0].dtype if floats else torch.get_default_dtype()]
    if any(map(is_shape, given)):
        kinds.append(torch.int64)
    device = next(
        (each.device for each in tensors.values() if each.device.type != "meta"), torch.device("cpu")
    )
    for kind in kinds:
        made = []
        for place, each in enumerate(given):
            open_axes = (shapes[place] or {}) if shapes is not None else {}
            if is_shape(each):
                made.append(_made(each, open_axes, kind, device, mode))
            elif isinstance(each, torch.Tensor) and any(each.shape[axis] == 1 for axis in open_axes):
                made.append(_made(each.shape, open_axes, each.dtype, each.device, mode))
            else:
                made.append(each)
        yield tuple(made)


def _made(shape: Sequence[int], open_axes: Mapping[int, Any], kind: Any, device: Any, mode: Any) -> Any:
    """Return a tensor without elements; an open extent is not 1, which torch would take for fixed."""
    import torch

    if min(shape) < 1:
        raise UsageError(f"an extent must be positive, got {min(shape)}")
    extents = tuple(2 if extent == 1 and axis in open_axes else extent for axis, extent in enumerate(shape))
    if mode is None:
        return torch.empty(extents, dtype=kind, device="meta")
    with mode:
        return torch.empty(extents, dtype=kind, device=device)


def dynamic_shapes(names: Sequence[str], given: Sequence[Any], dynamic: Any) -> tuple[Any, Spelled]:
    """Return the open extents as `torch.export` takes them, and the names that the user gave them.

    Parameters
    ----------
    names : sequence of str
        What the module's arguments are called.
    given : sequence
        Tensors or shapes for them.
    dynamic : bool, mapping or sequence, optional
        True for batch and positions; or for each argument, by place or by name, a name or a dimension of
        torch for each open axis.

    Raises
    ------
    UsageError
        An argument that the module does not take, or an axis that it does not have.
    """
    import torch

    if dynamic is None or dynamic is False:
        return None, {}
    if dynamic is True:
        wanted: dict[str, Any] = {
            name: dict.fromkeys((0, *range(2, len(_shape_of(each)))), torch.export.Dim.AUTO)
            for name, each in zip(names, given, strict=True)
        }
    elif isinstance(dynamic, Mapping):
        by_axis = all(type(key) is int for key in dynamic)
        wanted = {names[0]: dynamic} if by_axis else dict(dynamic)
    else:
        wanted = dict(zip(names, dynamic, strict=False))
    made: dict[str, dict[int, Any]] = {}
    spelled: dict[str, dict[int, str]] = {}
    for name, axes in wanted.items():
        if name not in names:
            raise UsageError(f"dynamic: the module takes no {name!r}; it takes {', '.join(names)}")
        rank = len(_shape_of(given[list(names).index(name)]))
        pairs = dict(axes.items() if isinstance(axes, Mapping) else enumerate(axes or ()))
        if any(type(axis) is not int or not 0 <= axis < rank for axis in pairs):
            raise UsageError(f"dynamic: {name!r} has the axes 0 to {rank - 1}")
        pairs = {axis: each for axis, each in pairs.items() if each is not None}
        made[name] = {axis: _dim(each) for axis, each in pairs.items()}
        spelled[name] = {axis: word for axis, each in pairs.items() if (word := _word(each))}
    return tuple(made.get(name) for name in names), spelled


def _shape_of(each: Any) -> Sequence[int]:
    return each if is_shape(each) else tuple(getattr(each, "shape", ()))


def _word(each: Any) -> str:
    """Return the name that the user gave an extent."""
    name = each if isinstance(each, str) else getattr(each, "__name__", "")
    return name if isinstance(name, str) and name.isidentifier() and name != "Dim" else ""


def _dim(each: Any) -> Any:
    """Return an open dimension of torch's for a name; dimensions of its own pass."""
    import torch

    if not isinstance(each, str):
        return each
    if not each.isidentifier():
        raise UsageError(f"dynamic: {each!r} is no name for an extent")
    return torch.export.Dim.DYNAMIC


def argument_names(module: Any, count: int) -> list[str]:
    """Return what the first arguments of a module's forward are called."""
    import inspect

    names: list[str] = []
    for name, each in inspect.signature(module.forward).parameters.items():
        if each.kind is each.VAR_POSITIONAL:
            names += [f"{name}_{k}" for k in range(count - len(names))]
            break
        names.append(name)
    if len(names) < count:
        takes = ", ".join(names)
        raise UsageError(f"the module takes {len(names)} arguments ({takes}), {count} were given")
    return names[:count]


# ---- export ------------------------------------------------------------------------------------------------


def exported(module: Any, candidates: Iterator[tuple[Any, ...]], shapes: Any) -> Any:
    """Export, by tracing Python itself and failing that by its bytecode.

    Raises
    ------
    ReadError
        Neither works: with the reason of the first.
    """
    first: BaseException | None = None
    for inputs in candidates:
        for strict in (False, True):
            try:
                return _export(module, inputs, shapes, strict=strict)
            except UsageError:
                raise
            except (Exception, SystemExit) as error:  # whatever the module raises
                first = first or error
    raise ReadError(f"torch.export cannot take the module: {_reason(first)}") from first


def _export(module: Any, inputs: tuple[Any, ...], shapes: Any, *, strict: bool) -> Any:
    import contextlib
    import io
    import logging
    import warnings

    import torch

    previous = logging.root.manager.disable
    logging.disable(logging.ERROR)  # torch logs and prints what it then raises
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            torch.no_grad(),
            unfused(),
        ):
            warnings.simplefilter("ignore")
            return torch.export.export(module, inputs, dynamic_shapes=shapes, strict=strict)
    finally:
        logging.disable(previous)


@contextmanager
def unfused() -> Iterator[None]:
    """Let torch's transformer layers run as the operations that they consist of, with the masks given.

    Their fused form is one operation for a whole layer. Whether a mask is the causal one they find out from
    its elements, which an export does not have; it only chooses a faster form, so that a mask is one like
    any other here unless the caller says that it is causal.
    """
    import torch
    from torch.nn.modules import transformer

    fused = torch.backends.mha.get_fastpath_enabled()
    detect = getattr(transformer, "_detect_is_causal_mask", None)
    torch.backends.mha.set_fastpath_enabled(False)
    if detect is not None:
        transformer._detect_is_causal_mask = lambda mask, is_causal=None, size=None: is_causal is True
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        if detect is not None:
            transformer._detect_is_causal_mask = detect


def _reason(error: BaseException | None) -> str:
    """Return the one line of an error that says most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else ""
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__

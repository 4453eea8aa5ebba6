"""From a module to an exported program: on stand-ins for tensors, without computing and without weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import product
from typing import Any, Final, Literal

from rfcalc.errors import ReadError, RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.options import Options
from rfcalc.readers.torch.arguments import Example, example_of, is_shape
from rfcalc.readers.torch.elements import Elements
from rfcalc.readers.torch.exported import Exported
from rfcalc.readers.torch.graph import Spelled, read_program
from rfcalc.readers.torch.packed import NOTE as PACKED
from rfcalc.readers.torch.packed import holds_packed
from rfcalc.readers.torch.program import Frontend
from rfcalc.readers.torch.recorded import Recorded, record
from rfcalc.readers.torch.tape import Unrecorded
from rfcalc.records import NamedTuple

Axes = Sequence[Mapping[int, Any] | None]
"""For each tensor that a module is called with its open axes, with torch's dimensions for them."""

Capture = Literal["auto", "record", "export"]
"""How a module becomes a program."""

MOST_MIXED: Final = 4
"""Shapes of which each may be the one of a tensor of indices, whatever the others are."""

_CONTAINERS: Final = (list, dict, OrderedDict)

_OWN: Final = (
    "the module decides by elements of its own buffers, or of what it makes of extents, which way it runs: "
    "they are taken as they are"
)
FOLLOWED: Final = (
    "the module decides by elements of its input, or of its weights, which way it runs: this is the way that "
    "one example takes, and others may take others"
)

_BEFORE: Final = "read the module as it was before it was converted"

CAPTURES: Final = ("auto", "record", "export")


def read_exported(program: Any, *, source: str = "<program>", options: Options | None = None) -> LayerGraph:
    """Read an exported program.

    Parameters
    ----------
    program : torch.export.ExportedProgram
        The program, in the dialect that `torch.export.export` gives.
    source : str
        Its name, for messages.
    options : Options, optional
        Shapes, extents and layouts.
    """
    return read_program(Exported(program, "model"), source=source, options=options or Options())


def read_module(
    module: Any,
    example_inputs: Any,
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
    example_inputs : tensor, shape, sequence, mapping or Example
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
    source = source or f"<{type(module).__name__}>"
    try:
        tensors = dict(module.named_parameters(remove_duplicate=False))
        tensors.update(module.named_buffers(remove_duplicate=False))
        example = example_of(module, example_inputs)
        found = recorded_module(module, example, dynamic, tensors, capture)
        frontend: Frontend | None = found.program
        spelled: Spelled = {}
        if frontend is None:
            try:
                frontend, spelled = exported_module(module, example, dynamic, tensors)
            except ReadError:
                found = followed_module(module, example, tensors) if found.note else found
                frontend = found.program
                if frontend is None:
                    raise
        graph = read_program(frontend, source=source, options=options or Options(), spelled=spelled)
        if found.note:
            graph = graph.with_notes([("capture", next(iter(graph.layers), ""), found.note)])
        graph.origin = (module, example, "export" if found.program is None else "record")
        return graph
    except RfcalcError as error:
        error.source = error.source or source
        raise


def exported_module(
    module: Any, example: Example, dynamic: Any, tensors: Mapping[str, Any]
) -> tuple[Exported, Spelled]:
    """Export a module: the program, and the names that the user gave to open extents.

    Raises
    ------
    ReadError
        It cannot be exported.
    """
    packed = holds_packed(module)
    if packed:
        raise ReadError(
            f"{packed} holds weights that are packed for a processor, which torch.export does not take; "
            f"{_BEFORE}"
        )
    with evaluating(module), _stand_ins(module, tensors) as mode:
        axes, spelled = dynamic_axes(example, dynamic)
        program = exported(module, example, candidates_for(example.leaves, axes, tensors, mode), axes)
    return Exported(program, type(module).__name__, tensors), spelled


class Found(NamedTuple):
    """A program that was recorded, or None; and what is to be said of it, or why it could not be."""

    program: Recorded | None
    note: str = ""


def recorded_module(
    module: Any,
    example: Example,
    dynamic: Any,
    tensors: Mapping[str, Any],
    capture: Capture,
) -> Found:
    """Record a module as it runs, or say why it is to be exported.

    Raises
    ------
    ReadError
        It could not be recorded, and nothing else is wanted.
    """
    if capture == "export" or dynamic not in (None, False):
        if capture == "record":
            raise UsageError("open extents are traced by torch.export: leave out capture, or dynamic")
        return Found(None)
    first, packed = "", holds_packed(module)
    for elements in (None, Elements()):
        program, why = _recorded(module, example, tensors, elements, packed=bool(packed))
        if program is not None:
            own = _OWN if elements is not None and elements.asked else ""
            return Found(program, PACKED if packed else own)
        first = first or why
    if packed:
        raise ReadError(f"{packed} holds weights that are packed for a processor, and {first}; {_BEFORE}")
    if capture == "record":
        found = followed_module(module, example, tensors)
        if found.program is None:
            raise ReadError(f"the module cannot be recorded as it runs: {found.note or first}")
        return found
    return Found(None, f"exported, since it cannot be recorded as it runs: {first}")


def followed_module(module: Any, example: Example, tensors: Mapping[str, Any]) -> Found:
    """Record a module the way that an example of its input takes."""
    program, why = _recorded(module, example, tensors, Elements(example=True))
    return Found(program, FOLLOWED if program is not None else why)


def _recorded(
    module: Any,
    example: Example,
    tensors: Mapping[str, Any],
    elements: Elements | None,
    *,
    packed: bool = False,
) -> tuple[Recorded | None, str]:
    """Return the program of the first call that can be recorded, or None and why the first cannot be."""
    first = ""
    with evaluating(module), unfused():
        for leaves in candidates_for(example.leaves, None, tensors, None):
            try:
                return record(module, example, leaves, tensors, elements, packed=packed), ""
            except Unrecorded as error:
                first = first or " ".join(str(error).split())[:300]
    return None, first


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Put a module into the mode for inference, and leave it as it was, with what it keeps for next time."""
    parts = list(module.modules())
    held = [(part.__dict__, dict(part.__dict__)) for part in parts]
    listed = [
        (each, each.copy() if each else ())  # most are empty, and to copy these takes the longest of all
        for _, kept in held
        for each in kept.values()
        if type(each) in _CONTAINERS
    ]
    try:
        for part in parts:
            part.training = False
        yield
    finally:
        for now, before in (*held, *listed):
            _put_back(now, before)


def _put_back(now: Any, before: Any) -> None:
    """Let a list or mapping hold again what it held; one that still does is not touched."""
    if not now and not before:
        return
    if isinstance(now, list):
        if len(now) != len(before) or any(a is not b for a, b in zip(now, before, strict=True)):
            now[:] = list(before)
    elif len(now) != len(before) or any(now.get(key) is not each for key, each in before.items()):
        now.clear()
        now.update(before)


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


def candidates_for(
    given: Sequence[Any], axes: Any, tensors: Mapping[str, Any], mode: Any
) -> Iterator[tuple[Any, ...]]:
    """Yield what the module may be called with: shapes as tensors of its own type, then as indices.

    Tensors are made under `mode`; without one they lie on the meta device.
    """
    import torch

    floats = [each for each in tensors.values() if each.dtype.is_floating_point]
    own = floats[0].dtype if floats else torch.get_default_dtype()
    device = next(
        (each.device for each in tensors.values() if each.device.type != "meta"), torch.device("cpu")
    )
    for kinds in _kinds(own, torch.int64, sum(map(is_shape, given))):
        coming = iter(kinds)
        made = []
        for place, each in enumerate(given):
            open_axes = (axes[place] or {}) if axes is not None else {}
            if is_shape(each):
                made.append(_made(each, open_axes, next(coming), device, mode))
            elif any(each.shape[axis] == 1 for axis in open_axes):
                made.append(_made(each.shape, open_axes, each.dtype, each.device, mode))
            else:
                made.append(each)
        yield tuple(made)


def _kinds(own: Any, index: Any, count: int) -> Iterator[tuple[Any, ...]]:
    """Yield element types for so many shapes: all the module's own, all indices, then some of each."""
    yield (own,) * count
    if count:
        yield (index,) * count
    if 1 < count <= MOST_MIXED:
        for kinds in product((own, index), repeat=count):
            if len(set(kinds)) > 1:
                yield kinds


def _made(shape: Sequence[int], open_axes: Mapping[int, Any], kind: Any, device: Any, mode: Any) -> Any:
    """Return a tensor without elements; an open extent is not 1, which torch would take for fixed."""
    import torch

    if min(shape) < 1:
        raise UsageError(f"an extent must be positive, got {min(shape)}")
    extents = tuple(2 if extent == 1 and axis in open_axes else extent for axis, extent in enumerate(shape))
    try:
        with mode or nullcontext():
            return torch.empty(extents, dtype=kind, device="meta" if mode is None else device)
    except (RuntimeError, TypeError, OverflowError):
        raise UsageError(f"a tensor of {'x'.join(map(str, shape))} is too large for PyTorch") from None


def dynamic_axes(example: Example, dynamic: Any) -> tuple[Axes | None, Spelled]:
    """Return the open extents as `torch.export` takes them, and the names that the user gave them.

    Parameters
    ----------
    example : Example
        What the module is called with.
    dynamic : bool, mapping or sequence, optional
        True for batch and positions; or for each tensor, by place or by name, a name or a dimension of
        torch for each open axis.

    Raises
    ------
    UsageError
        An argument that the module does not take, or an axis that it does not have.
    """
    import torch

    if dynamic is None or dynamic is False:
        return None, {}
    ranks = {name: len(_shape_of(each)) for name, each in zip(example.names, example.leaves, strict=True)}
    if dynamic is True:
        wanted: dict[str, Any] = {
            name: dict.fromkeys((0, *range(2, rank)), torch.export.Dim.AUTO) for name, rank in ranks.items()
        }
    elif isinstance(dynamic, Mapping):
        by_axis = all(type(key) is int for key in dynamic)
        wanted = {example.names[0]: dynamic} if by_axis else dict(dynamic)
    else:
        wanted = dict(zip(example.names, dynamic, strict=False))
    made: dict[str, dict[int, Any]] = {}
    spelled: dict[str, dict[int, str]] = {}
    for name, axes in wanted.items():
        if name not in ranks:
            raise UsageError(f"dynamic: the module takes no {name!r}; it takes {', '.join(ranks)}")
        pairs = dict(axes.items() if isinstance(axes, Mapping) else enumerate(axes or ()))
        if any(type(axis) is not int or not 0 <= axis < ranks[name] for axis in pairs):
            raise UsageError(f"dynamic: {name!r} has the axes 0 to {ranks[name] - 1}")
        pairs = {axis: each for axis, each in pairs.items() if each is not None}
        made[name] = {axis: _dim(each) for axis, each in pairs.items()}
        spelled[name] = {axis: word for axis, each in pairs.items() if (word := _word(each))}
    return tuple(made.get(name) for name in example.names), spelled


def _shape_of(each: Any) -> Sequence[int]:
    return each if is_shape(each) else tuple(each.shape)


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


# ---- export ------------------------------------------------------------------------------------------------


def exported(module: Any, example: Example, candidates: Iterator[tuple[Any, ...]], axes: Axes | None) -> Any:
    """Export, by tracing Python itself and failing that by its bytecode.

    Raises
    ------
    ReadError
        Neither works: with the reason of the first.
    """
    first: BaseException | None = None
    for leaves in candidates:
        for strict in (False, True):
            try:
                return _export(module, example, leaves, axes, strict=strict)
            except UsageError:
                raise
            except (Exception, SystemExit) as error:  # whatever the module raises
                first = first or error
    raise ReadError(f"torch.export cannot take the module: {_reason(first)}") from first


def _export(module: Any, example: Example, leaves: Sequence[Any], axes: Axes | None, *, strict: bool) -> Any:
    import contextlib
    import io
    import logging
    import warnings

    import torch

    args, by_name = example.filled(leaves)
    shapes = None if axes is None else _dynamic_shapes(example, axes)
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
            return torch.export.export(module, args, by_name, dynamic_shapes=shapes, strict=strict)
    finally:
        logging.disable(previous)


def _dynamic_shapes(example: Example, axes: Axes) -> Any:
    """Return open extents in the form of the arguments, as `torch.export` takes them."""
    args, by_name = example.filled(axes, bare=True)
    if not by_name:
        return args
    return {**dict(zip(example.arguments, args, strict=False)), **by_name}


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

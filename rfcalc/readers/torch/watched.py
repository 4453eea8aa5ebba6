"""Record modules while they really run, in a training script or a notebook, without a second pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock, get_ident
from typing import Any, Final

from rfcalc.errors import UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers.options import Options
from rfcalc.readers.torch.arguments import call_of, is_shape
from rfcalc.readers.torch.capture import unfused
from rfcalc.readers.torch.elements import tells_numbers
from rfcalc.readers.torch.exported import storage_of
from rfcalc.readers.torch.graph import read_program
from rfcalc.readers.torch.listening import listening, modules_told
from rfcalc.readers.torch.program import Call, Program
from rfcalc.readers.torch.recorded import Recorded
from rfcalc.readers.torch.tape import Tape, Unrecorded

ASKED: Final = (
    "the module asked for elements of tensors while it ran: this is the way that this pass took, and others "
    "may take others"
)
TRAINED: Final = (
    "recorded while it trained: batch normalisation is told as it is for inference, with stored statistics"
)

_ASKING: Final = frozenset(
    f"aten::{name}" for name in ("_local_scalar_dense", "item", "is_nonzero", "equal", "allclose")
)
"""Operators that tell elements of tensors."""

MOST_TRIED: Final = 3
"""Passes that are tried to record at most, where recording fails."""


@dataclass
class Seen:
    """Passes of a module at one size of its inputs.

    Parameters
    ----------
    shapes : mapping
        Shapes of the tensors that it is called with, by argument.
    count : int
        How many passes there were.
    program : Program, optional
        What the first of them called.
    why : str
        Why there is none, where it was tried.
    notes : tuple of str
        What is to be said of it.
    """

    shapes: Mapping[str, tuple[int, ...]]
    count: int = 0
    program: Program | None = None
    why: str = ""
    notes: tuple[str, ...] = ()

    def read(self, source: str, options: Options) -> LayerGraph:
        """Return the graph of what was called."""
        assert self.program is not None
        graph = read_program(Recorded(self.program, ()), source=source, options=options)
        first = next(iter(graph.layers), "")
        return graph.with_notes([("capture", first, note) for note in self.notes])


@contextmanager
def watching(module: Any, seen: dict[Any, Seen]) -> Iterator[None]:
    """Record the first pass of a module at each size, and count the others.

    Parameters
    ----------
    module : torch.nn.Module
        The module. Nothing of it changes, so that copies of it are copies: what is told of its passes is how
        PyTorch calls any module, for as long as some module is watched.
    seen : dict
        Passes join it.

    Raises
    ------
    UsageError
        It is no module, or one that was compiled.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise UsageError(f"a PyTorch model is a torch.nn.Module, not a {type(module).__name__}")
    if hasattr(module, "_orig_mod"):
        raise UsageError("a compiled module runs code of its own: watch it before torch.compile")
    watcher = _Watcher(module, seen)
    with _LOCK:
        if not _WATCHERS:
            _USUAL.append(torch.nn.Module.__call__)
            torch.nn.Module.__call__ = _called  # type: ignore[method-assign, unused-ignore]  # torch is optional
        _WATCHERS.append(watcher)
    try:
        yield
    finally:
        with _LOCK:
            _WATCHERS.remove(watcher)
            if not _WATCHERS:
                torch.nn.Module.__call__ = _USUAL.pop()  # type: ignore[method-assign, unused-ignore]  # as above


_LOCK: Final = Lock()
_WATCHERS: Final[list[_Watcher]] = []
_USUAL: Final[list[Any]] = []
"""How PyTorch calls a module, while another way stands in its place."""

_RECORDING: Final[set[int]] = set()
"""The threads in which a pass is recorded: no other can be recorded within it."""


def _called(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a module, seen by those that watch it."""
    call: Callable[..., Any] = partial(_USUAL[0] if _USUAL else type(self)._wrapped_call_impl, self)
    for watcher in tuple(_WATCHERS):
        if watcher.module is self:
            call = partial(watcher.passed, call)
    return call(*args, **kwargs)


class _Watcher:
    """Sees the passes of a module.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    seen : dict
        Passes join it.
    """

    def __init__(self, module: Any, seen: dict[Any, Seen]) -> None:
        self.module = module
        self._seen = seen
        self._thread = get_ident()
        self._within = False

    def passed(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a pass, recorded if it is the first of its size, and return what the module returns."""
        if get_ident() != self._thread or self._within:  # in another thread, or called by itself
            return call(*args, **kwargs)
        try:
            leaves, key = _spelled(self.module, args, kwargs)
        except Exception:  # what it is called with is not understood: the module says so itself, or runs
            return call(*args, **kwargs)
        entry = self._seen.setdefault(key, Seen({name: tuple(each.shape) for name, each in leaves}))
        self._within = True
        try:
            if entry.program is not None or entry.count >= MOST_TRIED or self._thread in _RECORDING:
                returned = call(*args, **kwargs)
            else:
                returned = _recorded(self.module, call, args, kwargs, leaves, entry)
            entry.count += 1
        finally:
            self._within = False
            if not entry.count:  # the module has failed
                del self._seen[key]
        return returned


def _recorded(
    module: Any,
    call: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    leaves: Sequence[tuple[str, Any]],
    entry: Seen,
) -> Any:
    """Run a pass, record it, and return what the module returns."""
    tape = Tape(module)
    hearing = _Hearing(tape)
    hearing.tried(lambda: _begin(module, tape, leaves))
    thread = get_ident()
    with ExitStack() as stack:
        if not hearing.why:
            _RECORDING.add(thread)
            stack.callback(_RECORDING.discard, thread)
            stack.enter_context(unfused())
            stack.enter_context(modules_told(hearing.enter, hearing.leave))
            stack.enter_context(listening(hearing.heard))
        returned = call(*args, **kwargs)
    hearing.tried(lambda: setattr(hearing, "outputs", tape.returned(returned)))
    entry.why = hearing.why
    if not hearing.why:
        trained = [each for each in tape.calls if _trains(each)]
        calls = list(map(_for_inference, tape.calls))
        entry.program = Program(type(module).__name__, tape.inputs, calls, hearing.outputs)
        entry.notes = (ASKED,) * hearing.asked + (TRAINED,) * bool(trained)
    return returned


def _spelled(
    module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[list[tuple[str, Any]], tuple[Any, ...]]:
    """Return the tensors of a call by name, and what is the same for passes that run alike."""
    example = call_of(module.forward, args, kwargs)
    given = zip(example.names, example.leaves, strict=True)
    leaves = [(name, each) for name, each in given if not is_shape(each)]
    sizes = tuple((name, tuple(each.shape), each.dtype) for name, each in leaves)
    others = tuple((name, _plain(each)) for name, each in example.arguments.items())
    return leaves, (sizes, others, tuple(part.training for part in module.modules()))


def _plain(value: Any) -> Any:
    """Return the numbers and words in an argument, which may decide how a module runs."""
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return tuple((str(key), _plain(each)) for key, each in value.items())
    return tuple(map(_plain, value)) if isinstance(value, (list, tuple)) else None


def _begin(module: Any, tape: Tape, leaves: Sequence[tuple[str, Any]]) -> None:
    """Enter the inputs, parameters and buffers of a module."""
    for name, each in leaves:
        tape.input(name, each, each)
    firsts: dict[Any, str] = {}
    for named, learned in (
        (module.named_parameters(remove_duplicate=False), True),
        (module.named_buffers(remove_duplicate=False), False),
    ):
        for path, tensor in named:
            first = firsts.setdefault(storage_of(tensor), path)
            tape.state(path, tensor, tensor, first, learned=learned)


class _Hearing:
    """Records what runs, and never stands in its way: what cannot be recorded is remembered, and runs on.

    Parameters
    ----------
    tape : Tape
        What is recorded.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.why = ""
        self.asked = False
        self.outputs: list[Any] = []

    def tried(self, work: Callable[[], Any]) -> Any:
        """Return what a step of the recording gives; after one that fails there are no more."""
        if self.why:
            return None
        try:
            return work()
        except Exception as error:  # whatever it is, it is the recording's own and not the pass's
            reason = str(error).strip().partition("\n")[0][:200]
            self.why = reason if isinstance(error, Unrecorded) else f"{type(error).__name__}: {reason}"
            return None

    def enter(self, module: Any) -> None:
        """Enter a module that runs."""
        self.tried(lambda: self._tape.enter(module))

    def leave(self) -> None:
        """Leave the innermost module."""
        self.tried(self._tape.leave)

    def heard(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run an operator, and record it."""
        if not hasattr(function, "_schema"):
            self.why = self.why or f"{function} runs functions of its own"
            return function(*args, **kwargs)
        if tells_numbers(function):
            self.asked = self.asked or function._schema.name in _ASKING
            return function(*args, **kwargs)
        spelled = self.tried(lambda: self._tape.call(function, args, kwargs))
        result = function(*args, **kwargs)
        self.tried(lambda: self._tape.made(function, spelled, result))
        return result


def _trains(call: Call) -> bool:
    """Tell whether a call is a batch normalisation by the statistics of the batch that stores others."""
    args = call.args
    return bool(
        call.target == "aten.batch_norm.default" and args["training"] and args["running_mean"] is not None
    )


def _for_inference(call: Call) -> Call:
    return call._replace(args={**call.args, "training": False}) if _trains(call) else call

"""Record modules while they really run, in a training script or a notebook, without a second pass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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

_PLAIN: Final = (bool, int, float, str)


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
        Why there is none.
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
        The module; while it is watched its `forward` is wrapped, and nothing else of it changes.
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
    held = module.__dict__.get("forward")
    forward, lock, here = module.forward, Lock(), get_ident()

    @functools.wraps(forward)
    def watched(*args: Any, **kwargs: Any) -> Any:
        if get_ident() != here or not lock.acquire(blocking=False):  # another thread, or inside of itself
            return forward(*args, **kwargs)
        try:
            return _passed(module, forward, args, kwargs, seen)
        finally:
            lock.release()

    module.__dict__["forward"] = watched
    try:
        yield
    finally:
        if held is None:
            del module.__dict__["forward"]
        else:
            module.__dict__["forward"] = held


def _passed(
    module: Any, forward: Callable[..., Any], args: Any, kwargs: Mapping[str, Any], seen: dict[Any, Seen]
) -> Any:
    """Run a pass, recorded if it is the first of its size, and return what the module returns."""
    try:
        example = call_of(forward, args, kwargs)
    except UsageError:  # what it is called with does not fit: the module says so itself
        return forward(*args, **kwargs)
    given = zip(example.names, example.leaves, strict=True)
    leaves = [(name, each) for name, each in given if not is_shape(each)]
    numbers = [(name, each) for name, each in example.arguments.items() if isinstance(each, _PLAIN)]
    key = (*((name, tuple(each.shape), each.dtype) for name, each in leaves), *numbers)
    if key in seen:
        seen[key].count += 1
        return forward(*args, **kwargs)
    entry = Seen({name: tuple(each.shape) for name, each in leaves})
    tape = Tape(module)
    hearing = _Hearing(tape)
    hearing.tried(lambda: _begin(module, tape, leaves))
    with ExitStack() as stack:
        if not hearing.why:
            stack.enter_context(unfused())
            stack.enter_context(modules_told(hearing.enter, hearing.leave))
            stack.enter_context(listening(hearing.heard))
        returned = forward(*args, **kwargs)
    hearing.tried(lambda: setattr(hearing, "outputs", tape.returned(returned)))
    entry.count, entry.why = 1, hearing.why
    if not hearing.why:
        trained = [call for call in tape.calls if _trains(call)]
        calls = list(map(_for_inference, tape.calls))
        entry.program = Program(type(module).__name__, tape.inputs, calls, hearing.outputs)
        entry.notes = (ASKED,) * hearing.asked + (TRAINED,) * bool(trained)
    seen[key] = entry
    return returned


def _begin(module: Any, tape: Tape, leaves: Sequence[tuple[str, Any]]) -> None:
    """Enter the inputs, parameters and buffers of a module, and the module itself."""
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
    tape.enter(module)


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
            self.asked = True
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

"""Programs as they run: the operators that a module calls, recorded while it runs without elements.

The module runs once, on the meta device, and a mode of PyTorch's dispatcher is told of each operator before
it is taken apart: a linear layer, an LSTM, attention are one call each, as in an exported program. That takes
little more time than the run itself, where an export traces Python, its guards and its symbols.

What the module decides by its shapes it decides as it runs. What it would decide by the elements of tensors
cannot be decided here: :class:`Unrecorded` says so, and the module is exported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import get_ident
from typing import Any, Final, NamedTuple

from rfcalc.algebra.number import Num
from rfcalc.readers.torch.arguments import Example, tensors_in
from rfcalc.readers.torch.elements import MISSING, Elements, tells_numbers
from rfcalc.readers.torch.exported import dtype_name, known_data, storage_of, target_of
from rfcalc.readers.torch.program import (
    BUFFER,
    CONSTANT,
    PARAMETER,
    USER,
    Call,
    Given,
    Program,
    Ref,
    Tensor,
)
from rfcalc.readers.torch.shortcuts import shortcuts

Stack = tuple[tuple[str, str, str], ...]


class Unrecorded(Exception):
    """A module cannot be recorded as it runs; the text says why."""


class Recorded(NamedTuple):
    """A program that was recorded.

    Parameters
    ----------
    program : Program
        What was recorded.
    played : sequence of (operator, args, kwargs)
        What was called for each call of the program, with references in the place of tensors: to be run again
        on others.
    """

    program: Program
    played: Sequence[tuple[Any, Any, Any]]

    def read(self, symbols: Mapping[str, Num]) -> Program:
        """Return the program."""
        return self.program

    def play(self, values: dict[str, Any], heard: Callable[[Call, Callable[[], Any]], Any]) -> list[Any]:
        """Run all calls on tensors that have elements, and return what the module returns.

        Parameters
        ----------
        values : dict
            The program's inputs by name. Results join them; inputs may be written into.
        heard : callable
            Is given each call and what makes its results, and returns these.
        """
        from torch.utils import _pytree

        def real(value: Any) -> Any:
            return values[value.name] if type(value) is Ref else value

        def is_ref(value: Any) -> bool:
            return type(value) is Ref

        for call, (function, *given) in zip(self.program.calls, self.played, strict=True):
            args, kwargs = _pytree.tree_map(real, given, is_leaf=is_ref)
            result = heard(call, partial(function, *args, **kwargs))
            parts = result if isinstance(result, (list, tuple)) else [result]
            values.update(zip([name for name, _ in call.outputs], parts, strict=False))
        return [real(each) for each in self.program.outputs]


def record(
    module: Any,
    example: Example,
    leaves: Sequence[Any],
    tensors: Mapping[str, Any],
    elements: Elements | None = None,
) -> Recorded:
    """Run a module on tensors without elements, and return what it calls.

    Parameters
    ----------
    module : torch.nn.Module
        The module, which is left as it was.
    example : Example
        How it is called.
    leaves : sequence
        Tensors for it, of which the elements are not used but by `elements`.
    tensors : mapping
        Its parameters and buffers by path.
    elements : Elements, optional
        What is to know elements, where the module asks for them.

    Raises
    ------
    Unrecorded
        It asks for elements, mixes its tensors with others that have elements, or fails.
    """
    import torch

    tape = _Tape(module, elements)
    empty = list(map(without_elements, leaves))
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.random.fork_rng(devices=[]))
        stack.enter_context(_on_meta(module, tensors, tape))
        for name, value, given in zip(example.names, empty, leaves, strict=True):
            tape.input(name, value, given)
        args, by_name = example.filled(empty)
        stack.enter_context(_modules_told(tape))
        if elements is not None:
            stack.enter_context(elements.told(tape.known))
        try:
            with _listening(tape):
                returned = module(*args, **by_name)
            outputs = tape.returned(returned)
        except Unrecorded:
            raise
        except (Exception, SystemExit) as error:  # whatever the module raises
            raise Unrecorded(f"{type(error).__name__}: {error}") from error
    return Recorded(Program(type(module).__name__, tape.inputs, tape.calls, outputs), tape.played)


class _Tape:
    """What is recorded: tensors by identity, and calls in their order."""

    def __init__(self, module: Any, elements: Elements | None = None) -> None:
        self.elements = elements
        self.inputs: list[Given] = []
        self.calls: list[Call] = []
        self.played: list[tuple[Any, Any, Any]] = []
        self.stack: list[tuple[str, str, str]] = []
        self.mixed = False
        """Tensors that have elements are among the arguments of the last call."""
        self._names: dict[int, str] = {}
        self._elements: dict[Any, str] = {}
        self._held: list[Any] = []  # an identity stands for a tensor as long as that lives
        self._counts: dict[str, int] = {}
        self._visits: dict[str, int] = {}
        self._paths: dict[int, list[str]] = {}
        for path, each in module.named_modules(remove_duplicate=False):
            self._paths.setdefault(id(each), []).append(path)

    # ---- tensors -----------------------------------------------------------------------------------------

    def name(self, tensor: Any, name: str) -> str:
        """Call a tensor by a name from here on."""
        self._names[id(tensor)] = self._elements[storage_of(tensor), tensor.stride()] = name
        self._held.append(tensor)
        return name

    def known(self, tensor: Any) -> str | None:
        """Return what a tensor is called, itself or what has its very elements in its shape.

        What makes a tensor from nothing hands on a copy of what the dispatcher made.
        """
        return self._names.get(id(tensor)) or self._elements.get((storage_of(tensor), tensor.stride()))

    def input(self, name: str, tensor: Any, given: Any) -> None:
        """Enter an argument of the module, in the place of what was given."""
        if self.elements is not None:
            self.elements.enter(name, given, own=False)
        self.inputs.append(Given(self.name(tensor, name), USER, name, _meta(tensor)))

    def state(self, path: str, stand_in: Any, tensor: Any, first: str, *, learned: bool) -> None:
        """Enter a parameter or a buffer, for which another tensor stands in."""
        if id(stand_in) in self._names:
            return
        name = self.name(stand_in, f"state.{path}")
        if self.elements is not None:
            self.elements.enter(name, tensor, own=True, learned=learned)
        data = known_data(tensor, learned=learned)
        role = PARAMETER if learned else BUFFER
        trainable = bool(tensor.requires_grad)
        self.inputs.append(Given(name, role, path, _meta(tensor), first, trainable, data))

    def ref(self, value: Any) -> Any:
        """Spell an argument of a call."""
        import torch

        if isinstance(value, torch.Tensor):
            name = self.known(value)
            self.mixed = self.mixed or (value.device.type != "meta" and value.dim() > 0)
            if name is not None:
                return Ref(name)
            if value.device.type == "meta":
                raise Unrecorded("it holds a tensor without elements that no operator made")
            name = f"constant.{len(self._held)}"
            self._held.append(value)
            return Given(name, CONSTANT, name, _meta(value), data=known_data(value))
        if isinstance(value, (list, tuple)):
            return [self.ref(each) for each in value]
        return dtype_name(value) if isinstance(value, torch.dtype) else value

    def marked(self, value: Any) -> Any:
        """Return an argument to be played again: references for tensors without elements."""
        import torch

        if isinstance(value, torch.Tensor):
            name = self.known(value)
            return value if name is None else Ref(name)
        if isinstance(value, (list, tuple)):
            return type(value)(map(self.marked, value))
        return torch.device("cpu") if isinstance(value, torch.device) else value

    def call(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Spell the arguments of a call by their names."""
        schema = function._schema
        if schema.is_mutable:
            self._check_written(schema, args, kwargs)
        self.mixed = False
        marked = {name: self.marked(value) for name, value in kwargs.items()}
        self.played.append((function, tuple(map(self.marked, args)), marked))
        names = [each.name for each in schema.arguments]
        found = {names[place]: self.ref(value) for place, value in enumerate(args)}
        return found | {name: self.ref(value) for name, value in kwargs.items()}

    def _check_written(self, schema: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Refuse what writes into tensors with elements: they would not hold what the module computes."""
        import torch
        from torch.utils import _pytree

        given = dict(zip([each.name for each in schema.arguments], args, strict=False)) | dict(kwargs)
        leaves = [each for each in _pytree.tree_leaves(given) if isinstance(each, torch.Tensor)]
        for each in schema.arguments:
            written = given.get(each.name)
            info = each.alias_info
            if not isinstance(written, torch.Tensor) or info is None or not info.is_write:
                continue
            if self.known(written) is None:
                raise Unrecorded("it writes into a tensor that is no buffer")
            if written.device.type != "meta" and any(leaf.device.type == "meta" for leaf in leaves):
                raise Unrecorded("it writes into a tensor that it made on another device")

    def made(self, function: Any, args: dict[str, Any], result: Any) -> Call:
        """Enter a call and its results."""
        import torch

        target = target_of(function)
        name = self._numbered(target.split(".")[1])
        if isinstance(result, (list, tuple)):
            parts = [(self._numbered("getitem"), each) for each in result]
            outputs = tuple(
                (self.name(each, part), _meta(each)) if isinstance(each, torch.Tensor) else (part, each)
                for part, each in parts
            )
        elif isinstance(result, torch.Tensor):
            outputs = ((self.name(result, name), _meta(result)),)
        elif result is None:
            outputs = ()
        else:
            raise Unrecorded("it asks for the elements of a tensor")
        self.calls.append(Call(name, target, args, outputs, tuple(self.stack)))
        return self.calls[-1]

    def _numbered(self, word: str) -> str:
        """Return a name of its own, as an exported program numbers them."""
        number = self._counts[word] = self._counts.get(word, -1) + 1
        return f"{word}_{number}" if number else word

    def returned(self, value: Any) -> list[Any]:
        """Spell what the module returns."""
        return [self.ref(each) for each in tensors_in(value)]

    # ---- modules -----------------------------------------------------------------------------------------

    def enter(self, module: Any) -> None:
        """Enter a module that runs."""
        path = "" if not self.stack else self._path(module)
        if path is None:
            self.stack.append(self.stack[-1])
            if any(True for held in (module.parameters(), module.buffers()) for _ in held):
                raise Unrecorded(f"a {type(module).__name__} runs that is no part of the module")
            return
        visit = self._visits[path] = self._visits.get(path, -1) + 1
        kind = type(module)
        key = f"{path}@{visit}" if visit else path
        self.stack.append((key, path, f"{kind.__module__}.{kind.__qualname__}"))

    def leave(self) -> None:
        """Leave the innermost module."""
        self.stack.pop()

    def _path(self, module: Any) -> str | None:
        """Return the path of a module, the one below the module around it where it has several.

        None of one that is no part of the module: what it does its caller does.
        """
        paths = self._paths.get(id(module), ())
        if not paths:
            return None
        around = self.stack[-1][1]
        below = [path for path in paths if path.startswith(f"{around}.")] if around else paths
        return (below or paths)[0]


def _meta(tensor: Any) -> Tensor:
    return Tensor(tuple(tensor.shape), dtype_name(tensor.dtype))


# ---- running -----------------------------------------------------------------------------------------------


@contextmanager
def _on_meta(module: Any, tensors: Mapping[str, Any], tape: _Tape) -> Iterator[None]:
    """Put tensors without elements in the place of a module's, and put these back."""
    firsts: dict[Any, str] = {}
    for path, tensor in tensors.items():
        firsts.setdefault(storage_of(tensor), path)
    stand_ins: dict[int, Any] = {}
    swapped: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for around, each in module.named_modules():
            for held, learned in ((each._parameters, True), (each._buffers, False)):
                for key, tensor in held.items():
                    if tensor is None:
                        continue
                    if id(tensor) not in stand_ins:
                        stand_ins[id(tensor)] = _stand_in(tensor)
                    path = f"{around}.{key}" if around else key
                    made = stand_ins[id(tensor)]
                    tape.state(path, made, tensor, firsts[storage_of(tensor)], learned=learned)
                    swapped.append((held, key, tensor))
                    held[key] = made
            swapped += _swapped_lists(each, stand_ins)
        yield
    finally:
        for held, key, tensor in swapped:
            held[key] = tensor


def _swapped_lists(module: Any, stand_ins: Mapping[int, Any]) -> list[tuple[dict[str, Any], str, Any]]:
    """Swap the tensors in lists that a module keeps, as recurrent layers do; return what stood there."""
    before = [
        (module.__dict__, key, held)
        for key, held in module.__dict__.items()
        if isinstance(held, list) and any(id(each) in stand_ins for each in held)
    ]
    for around, key, held in before:
        around[key] = [stand_ins.get(id(each), each) for each in held]
    return before


def without_elements(tensor: Any) -> Any:
    """Return a tensor of the same shape, strides and type that has no elements."""
    import torch

    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def _stand_in(tensor: Any) -> Any:
    import torch

    if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
        raise Unrecorded(f"it holds a {type(tensor).__name__}")
    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise Unrecorded("it holds a sparse or quantised tensor")
    made = without_elements(tensor)
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(made, requires_grad=tensor.requires_grad)
    return made


@contextmanager
def _modules_told(tape: _Tape) -> Iterator[None]:
    """Tell the tape which modules run."""
    from torch.nn.modules import module as modules

    here = get_ident()  # hooks are of all threads

    def entered(module: Any, _given: Any) -> None:
        if get_ident() == here:
            tape.enter(module)

    def left(_module: Any, _given: Any, _returned: Any) -> None:
        if get_ident() == here:
            tape.leave()

    before = modules.register_module_forward_pre_hook(entered)
    after = modules.register_module_forward_hook(left, always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()


@contextmanager
def _listening(tape: _Tape) -> Iterator[None]:
    """Tell the tape which operators are called, before the dispatcher takes them apart."""
    from torch._dispatch.python import enable_python_dispatcher, no_python_dispatcher

    with enable_python_dispatcher(), _mode()(tape, no_python_dispatcher):
        yield


def _together(given: Any) -> Any:
    """Let constants that meet tensors without elements have none either: no operator takes both."""
    import torch
    from torch.utils import _pytree

    leaves = [each for each in _pytree.tree_leaves(given) if isinstance(each, torch.Tensor) and each.dim()]
    if len({each.device for each in leaves}) < 2:
        return given

    def moved(each: Any) -> Any:
        real = isinstance(each, torch.Tensor) and each.device.type != "meta" and each.dim()
        return torch.empty_like(each, device="meta") if real else each

    with torch.utils._python_dispatch._disable_current_modes():
        return _pytree.tree_map(moved, given)


_MODES: Final[list[Any]] = []


def _mode() -> Any:
    """Return the class of the mode, which needs PyTorch to be made."""
    if _MODES:
        return _MODES[0]
    import torch
    from torch._subclasses.schema_check_mode import SchemaCheckMode
    from torch.utils import _pytree
    from torch.utils._python_dispatch import TorchDispatchMode

    short = shortcuts()

    # of the modes that the dispatcher lets listen before it takes operators apart this is the plainest
    class Listener(SchemaCheckMode):  # type: ignore[misc]  # PyTorch's class has no types
        def __init__(self, tape: _Tape, plainly: Any) -> None:
            TorchDispatchMode.__init__(self, torch._C.DispatchKey.PreDispatch)
            self._tape = tape
            self._plainly = plainly

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if tells_numbers(function):  # of tensors without elements it cannot be told, and torch says so
                with self._plainly():
                    return self._number(function, args, kwargs or {})
            if self._tape.elements is not None:
                return self._known(self._tape.elements, function, args, kwargs or {})
            return self._recorded(function, args, kwargs or {})

        def _number(self, function: Any, args: Any, kwargs: Any) -> Any:
            elements = self._tape.elements
            found = MISSING if elements is None else elements.number(function, args, kwargs, self._tape.known)
            return function(*args, **kwargs) if found is MISSING else found

        def _recorded(self, function: Any, args: Any, kwargs: Any) -> Any:
            spelled = self._tape.call(function, args, kwargs)
            if self._tape.mixed:
                args, kwargs = _together((args, kwargs))
            with self._plainly():
                shortcut = short.get(function)
                result = None if shortcut is None or kwargs else shortcut(*args)
                if result is None:
                    result = function(*args, **kwargs)
            self._tape.made(function, spelled, result)
            return result

        def _known(self, elements: Elements, function: Any, args: Any, kwargs: Any) -> Any:
            """Record a call where elements are known: beside what it makes these are computed."""
            tape = self._tape
            spelled = tape.call(function, args, kwargs)
            given = _together((args, kwargs)) if tape.mixed else (args, kwargs)
            with self._plainly():
                found = elements.computed(function, args, kwargs, tape.known)
                try:
                    result = function(*given[0], **given[1])
                except (RuntimeError, NotImplementedError):
                    if found is MISSING:
                        raise
                    result = _pytree.tree_map(without_elements, found)
            if found is MISSING and function._schema.is_mutable:
                elements.forget(function, args, kwargs, tape.known)
            call = tape.made(function, spelled, result)
            parts = result if isinstance(result, (list, tuple)) else [result]
            tensors = [(name, each) for (name, _), each in zip(call.outputs, parts, strict=True)]
            elements.keep([each for each in tensors if isinstance(each[1], torch.Tensor)], found)
            return result

    _MODES.append(Listener)
    return Listener

"""What is recorded while a module runs: tensors by identity, and the operators called, in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from sys import getrefcount
from typing import Any

from rfcalc.readers.torch.arguments import tensors_in
from rfcalc.readers.torch.elements import Elements, takes_shape
from rfcalc.readers.torch.exported import dtype_name, is_blank, is_read, known_data, storage_of, target_of
from rfcalc.readers.torch.program import BUFFER, CONSTANT, PARAMETER, USER, Call, Given, Ref, Tensor
from rfcalc.records import NamedTuple


class Unrecorded(Exception):
    """A module cannot be recorded as it runs; the text says why."""


class _Signature(NamedTuple):
    """The names of an operator's arguments, and those of them that it writes into."""

    names: tuple[str, ...]
    written: tuple[str, ...]


@cache
def _signature(function: Any) -> _Signature:
    arguments = function._schema.arguments
    written = [each.name for each in arguments if each.alias_info is not None and each.alias_info.is_write]
    return _Signature(tuple(each.name for each in arguments), tuple(written))


class Tape:
    """What is recorded: tensors by identity, and calls in their order."""

    def __init__(self, module: Any, elements: Elements | None = None) -> None:
        import torch

        self._holds = elements
        self._transformed = torch._C._functorch.peek_interpreter_stack
        self.inputs: list[Given] = []
        self.calls: list[Call] = []
        self.played: list[tuple[Any, Any, Any]] = []
        self.stack: list[tuple[str, str, str]] = []
        self._around: list[int] = []
        """For each module that runs how many parts of the module ran around it."""
        self._called: list[Counter[int]] = [Counter()]
        """For each how often it has called which module, by identity."""
        self.mixed = False
        """Tensors that have elements are among the arguments of the last call."""
        self._moving: set[int] = set()
        """The storages whose elements depend on an input or a parameter."""
        self._state: set[int] = set()
        """Those of buffers."""
        self._written: set[int] = set()
        """Those that were written into."""
        self._moves = False
        """Such a tensor is among the arguments of the last call."""
        self._repeated = False
        """Its source is one element along all axes."""
        self._shown: list[tuple[str, str, int]] = []
        """Of the last call the constants that are spelled by their elements: argument, name and storage."""
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

    def reachable(self) -> set[str]:
        """Return what tensors are called that something else than this tape may still use."""
        kinds: dict[int, list[Any]] = {}
        for each in {id(each): each for each in self._held}.values():
            kinds.setdefault(_storage(each), []).append(each)
        times = Counter(map(id, self._held))
        idle = {storage for storage, kin in kinds.items() if _is_idle(storage, kin, times)}
        elements = ((kind, name) for ((kind, *_), _), name in self._elements.items())
        found = {name for storage, name in elements if storage not in idle}
        return found | {
            name
            for storage, kin in kinds.items()
            if storage not in idle
            for each in kin
            if (name := self._names.get(id(each)))
        }

    def input(self, name: str, tensor: Any, given: Any) -> None:
        """Enter an argument of the module, in the place of what was given."""
        if self._holds is not None:
            self._holds.enter(name, given, own=False)
        self._moving.add(_storage(tensor))
        self.inputs.append(Given(self.name(tensor, name), USER, name, _meta(tensor)))

    def state(self, path: str, stand_in: Any, tensor: Any, first: str, *, learned: bool) -> None:
        """Enter a parameter or a buffer, for which another tensor stands in."""
        if id(stand_in) in self._names:
            return
        blank = learned or is_blank(tensor)
        (self._moving if blank else self._state).add(_storage(stand_in))
        name = self.name(stand_in, f"state.{path}")
        if self._holds is not None:
            self._holds.enter(name, tensor, own=True, learned=learned)
        data = known_data(tensor, learned=blank)
        role = PARAMETER if learned else BUFFER
        trainable, doubt = bool(tensor.requires_grad), not blank and not is_read(tensor)
        self.inputs.append(Given(name, role, path, _meta(tensor), first, trainable, data, doubt))

    def ref(self, value: Any) -> Any:
        """Spell an argument of a call."""
        import torch

        if isinstance(value, torch.Tensor):
            name = self.known(value)
            self.mixed = self.mixed or (value.device.type != "meta" and value.dim() > 0)
            data = self._data(value, name)
            if name is not None and data is None:
                return Ref(name)
            if name is None and value.device.type == "meta":
                raise Unrecorded("it holds a tensor without elements that no operator made")
            name = f"constant.{len(self._held)}"
            self._held.append(value)
            doubt = data is None and not is_read(value)
            return Given(name, CONSTANT, name, _meta(value), data=data, unread=doubt)
        if isinstance(value, (list, tuple)):
            return [self.ref(each) for each in value]
        return dtype_name(value) if isinstance(value, torch.dtype) else value

    def _data(self, value: Any, name: str | None) -> Any:
        """Return the elements that a constant has at this very moment, where they are few and known."""
        storage = _storage(value)
        if storage in self._moving:
            self._moves = True
            return None
        if storage in self._state and storage not in self._written:
            return None
        real = value
        if value.device.type == "meta":
            real = None if self._holds is None or name is None else self._holds.held(name)
        data = None if real is None else known_data(real)
        return None if data is None else data.copy()  # it may be written into later

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
        if self._transformed():
            raise Unrecorded("it transforms functions, as torch.func does")
        names, written = _signature(function)
        if written:
            self._check_written(dict(zip(names, args, strict=False)) | dict(kwargs), written)
        self.mixed = self._moves = False
        marked = {name: self.marked(value) for name, value in kwargs.items()}
        self.played.append((function, tuple(map(self.marked, args)), marked))
        given = dict(zip(names, args, strict=False)) | dict(kwargs)
        found = {name: self.ref(value) for name, value in given.items()}
        self._repeated = "src" in given and _is_repeated(given["src"])
        self._shown = [
            (key, known, _storage(given[key]))
            for key, each in found.items()
            if type(each) is Given and (known := self.known(given[key])) is not None
        ]
        return found

    def _check_written(self, given: Mapping[str, Any], names: Sequence[str]) -> None:
        """Refuse what writes into tensors with elements: they would not hold what the module computes."""
        import torch

        leaves = tensors_in(given)
        for name in names:
            written = given.get(name)
            if not isinstance(written, torch.Tensor):
                continue
            if self.known(written) is None:
                raise Unrecorded("it writes into a tensor that is no buffer")
            if any(_storage(leaf) in self._moving for leaf in leaves):
                self._moving.add(_storage(written))
            elif self._holds is None and written.device.type == "meta":
                raise Unrecorded("it writes into a constant, whose elements then have to be known")
            self._written.add(_storage(written))
            if written.device.type != "meta" and any(leaf.device.type == "meta" for leaf in leaves):
                raise Unrecorded("it writes into a tensor that it made on another device")

    def made(self, function: Any, args: dict[str, Any], result: Any) -> Call:
        """Enter a call and its results."""
        import torch

        moves = self._moves and not takes_shape(function)
        target = target_of(function)
        name = self._numbered(target.split(".")[1])
        args = self._with_views(args, result)
        if target == "aten.copy_.default" and self._repeated:
            # on a processor PyTorch fills in a number that is assigned, and copies what has axes
            target, args = "aten.fill_.Tensor", {"self": args["self"], "value": args["src"]}
        if isinstance(result, (list, tuple)):
            numbered = [(self._numbered("getitem"), each) for each in result]
            outputs = tuple(
                (self.name(each, part), _meta(each)) if isinstance(each, torch.Tensor) else (part, each)
                for part, each in numbered
            )
        elif isinstance(result, torch.Tensor):
            outputs = ((self.name(result, name), _meta(result)),)
        elif result is None:
            outputs = ()
        else:
            raise Unrecorded("it asks for the elements of a tensor")
        if moves:
            self._moving.update(_storages(result))
        self.calls.append(Call(name, target, args, outputs, tuple(self.stack)))
        return self.calls[-1]

    def _with_views(self, args: dict[str, Any], result: Any) -> dict[str, Any]:
        """Refer by name to constants whose elements the result shares: these show what is written there."""
        shared = _storages(result) if self._shown else set()
        return args | {key: Ref(name) for key, name, storage in self._shown if storage in shared}

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
        self._around.append(len(self.stack))
        self._called.append(Counter())
        if path is None:
            if any(True for _ in module.parameters()):
                raise Unrecorded(f"a {type(module).__name__} runs that is no part of the module")
            return
        visit = self._visits[path] = self._visits.get(path, -1) + 1
        kind = type(module)
        key = f"{path}@{visit}" if visit else path
        self.stack.append((key, path, f"{kind.__module__}.{kind.__qualname__}"))

    def leave(self) -> None:
        """Leave the innermost module."""
        del self.stack[self._around.pop() :]
        self._called.pop()

    def _path(self, module: Any) -> str | None:
        """Return the path by which a module is called; None of one that is no part of the module.

        What that does its caller does. One with several paths below the module around it is called by these
        in turn: which of them it is called by cannot be seen, and the usual code goes along them.
        """
        paths = self._paths.get(id(module), ())
        if not paths:
            return None
        around = self.stack[-1][1]
        below = [path for path in paths if path.startswith(f"{around}.")] if around else paths
        free = [path for path in below if self._is_held(path, around)] or below or paths
        times = self._called[-1]
        times[id(module)] += 1
        return free[min(times[id(module)], len(free)) - 1]

    def _is_held(self, path: str, around: str) -> bool:
        """Tell whether the holder of a module is the one around it, or one that never runs, as a list."""
        holder = path.rpartition(".")[0]
        return holder == around or holder not in self._visits


def _storage(tensor: Any) -> int:
    """Return what is the same for tensors that share their elements."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (AttributeError, NotImplementedError, RuntimeError):  # sparse and wrapped tensors have none
        return id(tensor)


def _storages(result: Any) -> set[int]:
    """Return the storages of all tensors among the results of a call."""
    import torch

    parts = result if isinstance(result, (list, tuple)) else [result]
    return {_storage(each) for each in parts if isinstance(each, torch.Tensor)}


def _is_repeated(tensor: Any) -> bool:
    """Tell whether a tensor of several elements is one that is repeated."""
    steps = {step for extent, step in zip(tensor.shape, tensor.stride(), strict=True) if extent > 1}
    return steps == {0}


def _is_idle(storage: int, sharing: Sequence[Any], held: Mapping[int, int]) -> bool:
    """Tell whether nothing refers to a storage but tensors that a tape holds, so many times each."""
    import torch

    bases = {id(each._base) for each in sharing}
    for each in sharing:
        # views hold their base
        if getrefcount(each) > held[id(each)] + _of_a_loop() + (id(each) in bases):
            return False
    # PyTorch keeps one reference itself once it was asked for the storage
    return bool(torch._C._storage_Use_Count(storage) <= len(sharing) + 1)


@cache
def _of_a_loop() -> int:
    """Return how many references there are to an element of a list in a loop: Python's releases differ."""
    return next(getrefcount(each) for each in [object()])


def _meta(tensor: Any) -> Tensor:
    return Tensor(tuple(tensor.shape), dtype_name(tensor.dtype))

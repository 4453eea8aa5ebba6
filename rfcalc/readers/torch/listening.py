"""How a tape is told what runs: modules by hooks, operators by a mode of PyTorch's dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from threading import get_ident
from typing import Any

from rfcalc.readers.torch.elements import MISSING, Elements, tells_numbers
from rfcalc.readers.torch.shortcuts import shortcuts
from rfcalc.readers.torch.tape import Tape, Unrecorded


@contextmanager
def modules_told(enter: Callable[[Any], None], leave: Callable[[], None]) -> Iterator[None]:
    """Tell which modules run: `enter` is called with each, and `leave` when it ends."""
    from torch.nn.modules import module as modules

    here = get_ident()  # hooks are of all threads

    def entered(module: Any, _given: Any) -> None:
        if get_ident() == here:
            enter(module)

    def left(_module: Any, _given: Any, _returned: Any) -> None:
        if get_ident() == here:
            leave()

    before = modules.register_module_forward_pre_hook(entered)
    after = modules.register_module_forward_hook(left, always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()


Heard = Callable[[Any, Sequence[Any], Mapping[str, Any]], Any]
"""Is given an operator and its arguments, runs it, and returns its result."""


@contextmanager
def listening(heard: Heard) -> Iterator[None]:
    """Hand over the operators that are called, before the dispatcher takes them apart."""
    from torch._dispatch.python import enable_python_dispatcher, no_python_dispatcher

    _hand_over_functions()
    with enable_python_dispatcher(), _mode()(heard, no_python_dispatcher):
        yield


def _hand_over_functions() -> None:
    """Let operators that take functions, such as the branches of a condition, be handed over like others.

    Each asks a table of its own what to do under a mode, and refuses one that is not in it.
    """
    from torch._ops import _higher_order_ops

    def handed_over(function: Any, mode: Any, *args: Any, **kwargs: Any) -> Any:
        return mode.__torch_dispatch__(function, (), args, kwargs)

    for function in list(_higher_order_ops.values()):
        function.python_key_table.setdefault(_mode(), partial(handed_over, function))


def recording(tape: Tape) -> Heard:
    """Return what records calls on tensors without elements."""
    run = _runner()

    def heard(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        _require_plain(function)
        if tells_numbers(function):  # of tensors without elements it cannot be told, and torch says so
            return function(*args, **kwargs)
        spelled = tape.call(function, args, kwargs)
        if tape.mixed:
            args, kwargs = _together((args, kwargs))
        result = run(function, args, kwargs)
        tape.made(function, spelled, result)
        return result

    return heard


def recording_known(tape: Tape, elements: Elements) -> Heard:
    """Return what records calls and computes beside them the elements that are known."""
    import torch
    from torch.utils import _pytree

    run = _runner()

    def heard(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        _require_plain(function)
        if tells_numbers(function):
            found = elements.number(function, args, kwargs, tape.known)
            return function(*args, **kwargs) if found is MISSING else found
        spelled = tape.call(function, args, kwargs)
        given = _together((args, kwargs)) if tape.mixed else (args, kwargs)
        found = elements.computed(function, args, kwargs, tape.known)
        try:
            result = run(function, *given)
        except Exception:  # whatever an operator of any library raises that needs elements
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

    return heard


def _runner() -> Heard:
    """Return what runs an operator on tensors without elements, by a shortcut where there is one."""
    short = shortcuts()

    def run(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        shortcut = short.get(function)
        result = None if shortcut is None else shortcut(*args, **kwargs)
        return function(*args, **kwargs) if result is None else result

    return run


def _require_plain(function: Any) -> None:
    """Refuse an operator that runs functions, such as the branches of a condition."""
    if not hasattr(function, "_schema"):
        raise Unrecorded(f"{function} runs functions of its own")


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


def without_elements(tensor: Any) -> Any:
    """Return a tensor of the same shape, strides and type that has no elements."""
    import torch

    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


@cache
def _mode() -> Any:
    """Return the class of the mode, which needs PyTorch to be made."""
    import torch
    from torch._subclasses.schema_check_mode import SchemaCheckMode
    from torch.utils._python_dispatch import TorchDispatchMode

    # of the modes that the dispatcher lets listen before it takes operators apart this is the plainest
    class Listener(SchemaCheckMode):  # type: ignore[misc]  # PyTorch's class has no types
        def __init__(self, heard: Heard, plainly: Any) -> None:
            TorchDispatchMode.__init__(self, torch._C.DispatchKey.PreDispatch)
            self._heard = heard
            self._plainly = plainly

        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False  # nothing here is compiled, and to say so at each operator takes longer than it does

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            with self._plainly():
                return self._heard(function, args, kwargs or {})

    return Listener

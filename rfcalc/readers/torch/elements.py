"""Elements beside tensors that have none, for modules that decide by elements which way they run.

What a module computes from its own buffers, from extents and from numbers does not depend on its input. Such
tensors are computed along, so that a decision by them is the one that every input meets. With an example in
the place of the input all tensors are computed along: then the module runs the way that this example takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from rfcalc.readers.torch.exported import MOST_KNOWN

MOST_COMPUTED: Final = 1 << 30
"""Elements that are held at most where an example is followed: 4 GiB of 32-bit numbers."""

MISSING: Final = object()
"""In the place of a result whose elements are not known."""

Names = Callable[[Any], "str | None"]
"""Tells what a tensor is called in what is recorded."""


class Elements:
    """What tensors of a recorded program hold, by their names.

    Parameters
    ----------
    example : bool
        Whether an example stands in the place of the input, so that all tensors are computed.
    """

    def __init__(self, *, example: bool = False) -> None:
        self.example = example
        self.asked = False
        """Whether the module has decided something by an element."""
        self.reachable: Callable[[], set[str]] | None = None
        """Tells of which names elements may still be asked."""
        self._real: dict[str, Any] = {}
        self._count = 0

    def enter(self, name: str, tensor: Any, *, own: bool, learned: bool = False) -> None:
        """Enter a tensor of the module's own, or an input.

        Parameters
        ----------
        name : str
            What it is called.
        tensor : torch.Tensor
            The tensor, or one of its shape where it has no elements.
        own : bool
            Whether it is a parameter or a buffer.
        learned : bool
            Whether it is a parameter.
        """
        has = tensor.device.type != "meta"
        if self.example:
            self._hold(tensor)
            self._real[name] = tensor.detach().cpu().clone() if has else _random(tensor)
        elif own and has and not learned and tensor.numel() <= MOST_KNOWN:
            self._real[name] = tensor.detach().cpu().clone()

    def held(self, name: str) -> Any:
        """Return the elements of a tensor; None where they are not known."""
        return self._real.get(name)

    def computed(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], names: Names) -> Any:
        """Return what an operator makes of its arguments' elements; `MISSING` where some are unknown."""
        import torch
        from torch.utils import _pytree

        if not self.example and torch.Tag.nondeterministic_seeded in function.tags:
            return MISSING
        given = _pytree.tree_leaves((args, kwargs))
        leaves = [each for each in given if isinstance(each, torch.Tensor)]
        unknown = [each for each in leaves if _is_meta(each) and names(each) not in self._real]
        if unknown and not takes_shape(function):
            return MISSING
        moved = any(isinstance(each, torch.device) and each.type == "meta" for each in given)
        if leaves and not moved and not any(map(_is_meta, leaves)):
            return MISSING  # it is computed anyway, and may write into its arguments

        def real(each: Any) -> Any:
            if isinstance(each, torch.Tensor) and _is_meta(each):
                held = self._real.get(names(each) or "")
                return torch.empty((), dtype=each.dtype).expand(each.shape) if held is None else held
            return torch.device("cpu") if isinstance(each, torch.device) else each

        try:
            return function(*_pytree.tree_map(real, args), **_pytree.tree_map(real, kwargs))
        except (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError):
            return MISSING  # the run without elements tells what is wrong

    def number(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], names: Names) -> Any:
        """Return the number that an operator tells of its arguments; `MISSING` where it is not known."""
        found = self.computed(function, args, kwargs, names)
        self.asked = self.asked or found is not MISSING
        return found

    def keep(self, tensors: Sequence[tuple[str, Any]], found: Any) -> None:
        """Keep the elements of results.

        Parameters
        ----------
        tensors : sequence of (str, tensor)
            Names of the results, and these without elements.
        found : tensor, sequence of tensors or MISSING
            The same with elements.
        """
        import torch

        parts = found if isinstance(found, (list, tuple)) else [found]
        for (name, tensor), real in zip(tensors, parts, strict=False):
            fits = self.example or tensor.numel() <= MOST_KNOWN
            if isinstance(real, torch.Tensor) and fits and _is_meta(tensor):
                self._hold(real)
                self._real[name] = real

    def _hold(self, tensor: Any) -> None:
        """Count the elements of a tensor that is held.

        Raises
        ------
        MemoryError
            They are too many.
        """
        self._count += tensor.numel()
        if self._count > MOST_COMPUTED and self.reachable is not None:
            used = self.reachable()
            self._real = {name: real for name, real in self._real.items() if name in used}
            storages = {
                real.untyped_storage()._cdata: real.untyped_storage().nbytes() for real in self._real.values()
            }
            self._count = tensor.numel() + sum(storages.values()) // 4
        if self._count > MOST_COMPUTED:
            raise MemoryError("to follow an example takes too many elements")

    def forget(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], names: Names) -> None:
        """Forget the elements of what an operator writes into, and of all that share them."""
        import torch

        schema = function._schema
        given = dict(zip([each.name for each in schema.arguments], args, strict=False)) | dict(kwargs)
        for each in schema.arguments:
            written = given.get(each.name)
            if each.alias_info is None or not each.alias_info.is_write:
                continue
            real = self._real.get(names(written) or "") if isinstance(written, torch.Tensor) else None
            if real is not None:
                shared = real.untyped_storage()._cdata
                kept = self._real.items()
                self._real = {
                    name: kin for name, kin in kept if kin.untyped_storage()._cdata != shared
                }  # fmt: skip

    @contextmanager
    def told(self, names: Names) -> Iterator[None]:
        """Answer what asks for elements past the dispatcher, as `tolist`; what is new has them."""
        import torch
        from torch.overrides import TorchFunctionMode

        asking = (torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.__array__)
        indexing = (torch.Tensor.__getitem__, torch.Tensor.__setitem__)
        making = (torch.tensor, torch.as_tensor, torch.asarray)
        elements = self

        class Told(TorchFunctionMode):  # type: ignore[misc, unused-ignore]  # torch is optional
            def __torch_function__(
                self, function: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                if function in asking and _is_meta(args[0]):
                    real = elements._real.get(names(args[0]) or "")
                    if real is not None:
                        elements.asked = True
                        return function(real, *args[1:], **(kwargs or {}))
                if function in making and str((kwargs or {}).get("device")) == "meta":
                    kwargs = {**(kwargs or {}), "device": torch.device("cpu")}
                if function in indexing:
                    args = (args[0], _listed(args[1]), *args[2:])
                return function(*args, **(kwargs or {}))

        with Told():
            yield


@cache
def takes_shape(function: Any) -> bool:
    """Tell whether an operator makes a tensor like another, of which it takes the shape alone."""
    name = function._schema.name.partition("::")[2]
    return bool(name.endswith("_like") or name.startswith("new_"))


@cache
def tells_numbers(function: Any) -> bool:
    """Tell whether an operator returns numbers and no tensors."""
    returns = function._schema.returns
    return bool(returns) and not any("Tensor" in str(each.type) for each in returns)


def _listed(index: Any) -> Any:
    """Return an index with tensors that have elements in the place of lists."""
    import torch

    if isinstance(index, tuple):
        return tuple(map(_listed, index))
    return torch.tensor(index) if isinstance(index, list) and index else index


def _is_meta(tensor: Any) -> bool:
    return bool(tensor.device.type == "meta")


def _random(tensor: Any) -> Any:
    """Return an example for a tensor: normal numbers, or ones, which are an index almost everywhere."""
    import torch

    if not tensor.dtype.is_floating_point:
        return torch.ones(tensor.shape, dtype=tensor.dtype)
    return torch.randn(tensor.shape, dtype=torch.float32).to(tensor.dtype)

"""Build modules without memory for their weights, and with the elements of what is no weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from rfcalc.errors import RfcalcError

Made = TypeVar("Made")


def built(make: Callable[[], Made], *, weights: bool = False, fall_back: bool = True) -> Made:
    """Return what a function builds.

    Parameters
    ----------
    make : callable
        Builds a module.
    weights : bool
        With memory for its weights. Without it they lie on the meta device where that works: first those
        tensors that nobody has filled, then all.
    fall_back : bool
        With memory where neither works: some modules compute with their weights while they are built.
    """
    import torch

    ways: list[AbstractContextManager[Any]] = [nullcontext()]
    if not weights:
        ways = [_unfilled_on_meta(), torch.device("meta"), *(ways if fall_back else [])]
    for way in ways[:-1]:
        try:
            with way:
                return make()
        except RfcalcError:
            raise
        except (Exception, SystemExit):  # whatever it raises, the last way tells
            continue
    with ways[-1]:
        return make()


@contextmanager
def _unfilled_on_meta() -> Iterator[None]:
    """Put tensors that are made without values, or with random ones, on the meta device, and no others.

    So weights take no memory, and tables and masks that a module keeps in buffers have their elements.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    unfilled = {torch.empty, torch.empty_strided, torch.rand, torch.randn, torch.normal}

    class Unfilled(TorchFunctionMode):  # type: ignore[misc, unused-ignore]  # torch is optional
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if function in unfilled and kwargs.get("device") is None:
                kwargs = {**kwargs, "device": torch.device("meta")}
            return function(*args, **kwargs)

    with Unfilled():
        yield

"""The table of the operations of a format: what reads each of them, and what they tell of axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from rfcalc.readers.lowering.value import Values

_Operation = TypeVar("_Operation")

EVERY = "same"
"""What operations tell whose inputs have the axes of the result, every one of them."""


class Registry(Generic[_Operation]):
    """What reads each operation; complete once the modules are imported that call it as a decorator.

    Parameters
    ----------
    domain : str
        The domain of operations of which no other is said.

    Attributes
    ----------
    readers : dict
        What reads each operation, by its domain and its name.
    spare : dict
        At which inputs operations take constants that are no weights, by name.
    """

    def __init__(self, domain: str = "") -> None:
        self.domain = domain
        self.readers: dict[tuple[str, str], Callable[[_Operation], Values]] = {}
        self.spare: dict[str, Sequence[int]] = {}
        self._tells: dict[str, str | Mapping[int, str]] = {}

    def __call__(
        self,
        *names: str,
        domain: str | None = None,
        tells: str | Mapping[int, str] = "",
        spare: Sequence[int] = (),
    ) -> Callable[[Callable[[_Operation], Values]], Callable[[_Operation], Values]]:
        """Register the decorated function as the reader of these operations.

        Parameters
        ----------
        *names : str
            Their names.
        domain : str, optional
            The domain, or namespace, that defines them.
        tells : str or mapping
            What they tell of the axes of their first input, or of inputs by place, as `lowering.layout` has
            it: ``window``, ``features``, ``steps``; ``same`` where the axes of every input are those of the
            result.
        spare : sequence of int
            The places of inputs at which they take bounds, scales, zero points or conditions: no weights.

        Raises
        ------
        ValueError
            One of them is registered already.
        """

        def register(function: Callable[[_Operation], Values]) -> Callable[[_Operation], Values]:
            for name in names:
                key = (self.domain if domain is None else domain, name)
                if key in self.readers:
                    raise ValueError(f"{name} is registered twice")
                self.readers[key] = function
                if tells:
                    self._tells[name] = tells
                if spare:
                    self.spare[name] = spare
            return function

        return register

    def reader(self, name: str, domain: str | None = None) -> Callable[[_Operation], Values] | None:
        """Return what reads an operation, or None."""
        return self.readers.get((self.domain if domain is None else domain, name))

    def told(self, name: str, place: int = 0) -> str | None:
        """Return what an operation tells of the axes of an input, or None."""
        tells = self._tells.get(name)
        if tells is None or isinstance(tells, str):
            return tells if tells == EVERY or not place else None
        return tells.get(place)

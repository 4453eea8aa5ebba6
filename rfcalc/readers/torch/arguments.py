"""What a module is called with: tensors and shapes by position or by name, in lists and mappings."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from numbers import Integral
from typing import Any

from rfcalc.errors import UsageError
from rfcalc.records import NamedTuple

Visit = Callable[[str, Any], Any]
"""Is given the name and the value of a tensor or shape, and returns what comes into its place."""


class Example(NamedTuple):
    """A call of a module.

    Parameters
    ----------
    arguments : mapping
        Arguments by name, in the order of the module's own.
    names : sequence of str
        What the tensors and shapes among them are called: the argument, and the keys below it.
    leaves : sequence
        These tensors and shapes.
    by_position : frozenset of str
        The arguments that are passed by position.
    """

    arguments: Mapping[str, Any]
    names: tuple[str, ...]
    leaves: tuple[Any, ...]
    by_position: frozenset[str]

    def filled(self, leaves: Sequence[Any], *, bare: bool = False) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional arguments and those by name, with others in the place of tensors and shapes.

        Parameters
        ----------
        leaves : sequence
            What comes into their places.
        bare : bool
            With None in the place of whatever else there is.
        """
        coming = iter(leaves)
        made = {
            name: replaced(each, name, lambda _name, _old: next(coming), bare=bare)
            for name, each in self.arguments.items()
        }
        args = tuple(each for name, each in made.items() if name in self.by_position)
        return args, {name: each for name, each in made.items() if name not in self.by_position}

    def at(self, shapes: Mapping[str, Sequence[int]]) -> Example:
        """Return the call with these shapes in the place of tensors and shapes of that name."""
        leaves = [
            tuple(shapes[name]) if name in shapes else each
            for name, each in zip(self.names, self.leaves, strict=True)
        ]
        args, by_name = self.filled(leaves)
        coming = iter(args)
        arguments = {
            name: next(coming) if name in self.by_position else by_name[name] for name in self.arguments
        }
        return self._replace(arguments=arguments, leaves=tuple(leaves))


def example_of(module: Any, given: Any) -> Example:
    """Return how a module is called.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    given : tensor, shape, sequence, mapping or Example
        One tensor or shape, a tuple or list of arguments, or arguments by name.

    Raises
    ------
    UsageError
        It is none of these, or the module does not take it.
    """
    import torch

    if isinstance(given, Example):
        return given
    args: tuple[Any, ...] = ()
    by_name: dict[str, Any] = {}
    if isinstance(given, torch.Tensor) or is_shape(given):
        args = (given,)
    elif isinstance(given, Mapping) and all(isinstance(name, str) for name in given):
        by_name = dict(given)
    elif isinstance(given, (tuple, list)) and given:
        args = tuple(given)
    else:
        raise UsageError(
            "example_inputs are a tensor, a tuple of tensors, a shape, a list of shapes, or a mapping of "
            "these by the names of the module's arguments"
        )
    return call_of(module.forward, args, by_name)


def call_of(forward: Callable[..., Any], args: tuple[Any, ...], by_name: Mapping[str, Any]) -> Example:
    """Return a call of a function, with names for the tensors and shapes that it is given."""
    try:
        return _example(*_bound(forward, args, by_name))
    except RecursionError:
        raise UsageError("what the module is called with is nested too deeply") from None


def _example(arguments: dict[str, Any], by_position: frozenset[str]) -> Example:
    names: list[str] = []
    leaves: list[Any] = []
    for name, each in arguments.items():
        for path, leaf in leaves_of(each, name):
            names.append(_unused(path, names))
            leaves.append(tuple(map(int, leaf)) if is_shape(leaf) else leaf)
    if not leaves:
        raise UsageError("nothing that the module is called with is a tensor or a shape of whole numbers")
    return Example(arguments, tuple(names), tuple(leaves), by_position)


def _bound(
    forward: Callable[..., Any], args: tuple[Any, ...], by_name: Mapping[str, Any]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return arguments by the module's names for them, and which of them are passed by position."""
    signature = inspect.signature(forward)
    try:
        bound = signature.bind(*args, **by_name)
    except TypeError as error:
        takes = ", ".join(map(str, signature.parameters))
        given = f"{len(args)} were given" if args else f"given were {', '.join(by_name) or 'none'}"
        raise UsageError(f"the module takes ({takes}), and {given}: {error}") from None
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            found.update((f"{name}_{place}", each) for place, each in enumerate(value))
        elif kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        else:
            found[name] = value
    return found, frozenset(list(found)[: len(bound.args)])


def _unused(name: str, used: Sequence[str]) -> str:
    number = sum(each == name or each.startswith(f"{name}.") for each in used)
    return f"{name}.{number}" if number else name


def is_shape(value: Any) -> bool:
    """Tell whether something is the shape of a tensor.

    >>> is_shape((1, 3, 224, 224)), is_shape(((1, 3), (1, 4)))
    (True, False)
    """
    return isinstance(value, (tuple, list)) and bool(value) and all(map(_is_whole, value))


def _is_whole(value: Any) -> bool:
    return type(value) is int or (isinstance(value, Integral) and not isinstance(value, bool))


# ---- values inside of each other ---------------------------------------------------------------------------


def leaves_of(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield tensors and shapes in a value, each with its name: that of the value, and the keys below it."""
    found: list[tuple[str, Any]] = []

    def visit(path: str, leaf: Any) -> Any:
        found.append((path, leaf))
        return leaf

    replaced(value, name, visit)
    yield from found


def replaced(value: Any, name: str, visit: Visit, *, bare: bool = False) -> Any:
    """Return a value with others in the place of its tensors and shapes.

    Lists, tuples, mappings and dataclasses keep their type; with `bare` None stands for all that is neither
    one of them nor a tensor nor a shape.
    """
    import torch

    if isinstance(value, torch.Tensor) or is_shape(value):
        return visit(name, value)

    def inner(key: Any, each: Any) -> Any:
        return replaced(each, f"{name}_{key}" if name else str(key), visit, bare=bare)

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [each.name for each in dataclasses.fields(value) if each.init]
        made = {each: inner(each, getattr(value, each)) for each in fields}
        return dataclasses.replace(value, **made)
    if isinstance(value, Mapping):
        parts = {key: inner(key, each) for key, each in value.items()}
        if not isinstance(value, MutableMapping):
            return parts
        same = copy.copy(value)
        same.update(parts)
        return same
    if isinstance(value, (tuple, list)):
        items = [inner(place, each) for place, each in enumerate(value)]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return None if bare else value


def tensors_in(value: Any) -> list[Any]:
    """Return the tensors in what a module returns: in lists, mappings and attributes of other objects."""
    import torch

    found: list[Any] = []
    seen: set[int] = set()

    def visit(each: Any) -> None:
        if isinstance(each, torch.Tensor):
            found.append(each)
        elif id(each) not in seen and not isinstance(each, (torch.nn.Module, type)):
            seen.add(id(each))
            for part in _parts(each):
                visit(part)

    visit(value)
    return found


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, (tuple, list, set, frozenset)):
        return value
    return vars(value).values() if hasattr(value, "__dict__") and not callable(value) else ()

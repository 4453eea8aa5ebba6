"""Shapes that the user gives for inputs (``--input-shape``): what they mean is the same for all readers.

A reader that knows its inputs at once calls :func:`with_given`; one that meets them one by one calls
:func:`in_place_of` for each and :func:`check_names` at the end. What a reader leaves out is found when its
graph is there (:func:`check_heeded`), so that no shape is passed over in silence.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from rfcalc.algebra.number import UNKNOWN, Num, is_known, is_same, prove
from rfcalc.errors import UsageError
from rfcalc.graph.layer import Layer
from rfcalc.readers.options import Options
from rfcalc.readers.spelled import closest, got, listed

Shapes = Mapping[str, Sequence[Any]]
"""Extents by the name of the input, ``""`` for the first; None or `UNKNOWN` for an open one."""


def with_given(declared: Mapping[str, Sequence[Num]], given: Shapes | None) -> dict[str, tuple[Num, ...]]:
    """Return the shapes of a model's inputs, those that the user gives in the place of the file's.

    Parameters
    ----------
    declared : mapping of str to sequence of Num
        The shapes that the file says, in order, with the batch axis in front.
    given : mapping of str to sequence, optional
        `Options.shapes`.

    Raises
    ------
    UsageError
        An input that the model does not have, or a shape that does not fit.

    Examples
    --------
    >>> with_given({"image": (UNKNOWN, 28, 28, 3)}, {"": (64, None, 3)})
    {'image': (?, 64, ?, 3)}
    """
    shapes = given or {}
    check_names(shapes, declared)
    return {
        name: in_place_of(shape, shapes.get(name, None if place else shapes.get("")), name)
        for place, (name, shape) in enumerate(declared.items())
    }


def in_place_of(declared: Sequence[Num], given: Sequence[Any] | None, name: str) -> tuple[Num, ...]:
    """Return the shape that is given for an input, with its batch axis, or the declared one without any.

    Parameters
    ----------
    declared : sequence of Num
        What the file says, with the batch axis in front.
    given : sequence, optional
        What the user says, with the batch axis in front or without it.
    name : str
        The input's name.
    """
    if given is None:
        return tuple(declared)
    extents = given_extents(given, name)
    if len(extents) == len(declared) - 1:
        return (declared[0], *extents)
    if len(extents) != len(declared):
        raise UsageError(
            f"the input {got(name)} has {len(declared) - 1} axes without the batch, but the shape given for "
            f"it has {len(extents)}"
        )
    return extents


def given_extents(given: Sequence[Any], name: str) -> tuple[Num, ...]:
    """Return the extents that are given for an input: positive numbers, or open ones."""
    from rfcalc.algebra.expression import LARGEST

    try:
        extents = [UNKNOWN if extent is None or extent is UNKNOWN else as_number(extent) for extent in given]
    except TypeError:
        raise UsageError(f"the shape for the input {got(name)} must be a sequence of integers") from None
    for extent, raw in zip(extents, given, strict=True):
        if extent is None or prove(extent >= 1) is False or (is_known(extent) and extent > LARGEST):
            raise UsageError(
                f"the shape for the input {got(name)} must hold positive integers, got {got(raw)}"
            )
    return tuple(extents)


def as_number(value: Any) -> Num:
    """Return an integer, of one design or of many, or a formula; None for anything else."""
    if is_known(value):
        return value
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        module = type(value).__module__.partition(".")[0]
        return value if module == "sympy" else None


def check_names(given: Iterable[str], names: Collection[str]) -> None:
    """Refuse what is given for an input that the model does not have.

    Raises
    ------
    UsageError
        With the names that there are.
    """
    for name in given:
        if name and name not in names:
            hint = closest(name, names) or f"; it has {listed(names, 'and')}"
            raise UsageError(f"the model has no input {got(name)}{hint}")


def check_heeded(inputs: Sequence[Layer], options: Options) -> None:
    """Refuse shapes that were given, and that the graph which was read does not have.

    Where single extents are given beside them, these go first, and what came of both is for the reader.

    Raises
    ------
    UsageError
        There is no such input, or its reader read it at another size.
    """
    given = options.shapes
    if not given or not inputs:
        return
    layers = {layer.name: layer for layer in inputs}
    check_names(given, layers)
    for name, shape in () if options.dims else given.items():
        read = (layers[name] if name else inputs[0]).attrs["shape"]
        pairs = zip(reversed(read), reversed(list(shape)), strict=False)
        if any(is_known(extent) and not is_same(had, extent) for had, extent in pairs):
            raise UsageError(
                f"a shape for the input {got(name or inputs[0].name)} cannot be given: models of this format "
                "are read at the size that they say"
            )

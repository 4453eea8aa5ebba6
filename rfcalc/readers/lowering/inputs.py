"""Shapes of a model's inputs: what the file says, what the user says, and names for what stays open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rfcalc.algebra.extent import named, names_in
from rfcalc.algebra.number import Num, is_known
from rfcalc.errors import ReadError, UsageError
from rfcalc.graph.layer import BATCH, SPATIAL
from rfcalc.readers.input_shapes import check_names
from rfcalc.readers.lowering.layout import parse_layout
from rfcalc.readers.options import Options
from rfcalc.records import NamedTuple

LETTERS = {1: ("T",), 2: ("H", "W"), 3: ("D", "H", "W")}
"""Usual names of spatial axes, by how many there are."""


GIVEN = "--layout"
"""What tells the roles of an input whose layout the user gives."""


class Declared(NamedTuple):
    """An input as the file declares it.

    Parameters
    ----------
    name : str
        Its name.
    shape : tuple of Num, optional
        Its extents, open ones named; None where the file does not even say how many axes it has.
    axes : str
        A role for each axis, guessed where the file does not say.
    dtype : str
        Element type.
    told : str
        What told the roles: the kind of a use, ``"--layout"``, or nothing.
    """

    name: str
    shape: tuple[Num, ...] | None
    axes: str
    dtype: str
    told: str = ""


def open_extent(name: str, axis: int) -> Num:
    """Return a name for an extent that the file leaves open without one.

    >>> open_extent("x", 2)
    x.2
    """
    return named(f"{name}.{axis}")


def chosen_shape(name: str, declared: tuple[Num, ...] | None, options: Options) -> tuple[Num, ...] | None:
    """Return the extents that the user gives an input, or else the declared ones.

    Raises
    ------
    UsageError
        The given shape has another number of axes, or a negative extent.
    """
    given = (options.shapes or {}).get(name, (options.shapes or {}).get(""))
    if given is None:
        return declared
    if declared is not None and len(given) != len(declared):
        shape = ", ".join(map(str, declared))
        raise UsageError(
            f"the input {name!r} has {len(declared)} axes ({shape}), the shape that was given {len(given)}"
        )
    if any(is_known(extent) and extent < 0 for extent in given):
        raise UsageError(f"the shape for the input {name!r} holds a negative extent: {list(given)}")
    return tuple(
        extent
        if is_known(extent)
        else declared[axis]
        if declared is not None and not is_known(declared[axis])
        else open_extent(name, axis)
        for axis, extent in enumerate(given)
    )


def settle(inputs: Sequence[Declared], options: Options) -> tuple[Declared, ...]:
    """Put the user's layouts and extents in the place of the file's.

    Raises
    ------
    UsageError
        An input, a layout or an extent that the model does not have.
    ReadError
        An input of which not even the number of axes is known.
    """
    names = [each.name for each in inputs]
    for what, given in (("--input-shape", options.shapes), ("--layout", options.layout)):
        _check_names(what, given or {}, names)
    for each in inputs:
        if each.shape is None:
            raise ReadError(
                f"the input {each.name!r} has no shape; give one with --input-shape {each.name}=1,3,224,224"
            )
    laid = [_laid_out(each, options.layout or {}) for each in inputs]
    return _sized(_lettered_open(laid), options)


def _lettered_open(inputs: Sequence[Declared]) -> list[Declared]:
    """Call open extents without a name N, H and W (T; D, H and W), where one input alone has such axes."""
    if len(inputs) != 1:
        return list(inputs)
    (each,) = inputs
    taken = {name for extent in each.shape or () for name in names_in(extent)}
    letters = iter(LETTERS.get(each.axes.count(SPATIAL), ()))
    shape: list[Num] = []
    for axis, (extent, role) in enumerate(zip(each.shape or (), each.axes, strict=True)):
        letter = "N" if role == BATCH else next(letters, "") if role == SPATIAL else ""
        nameless = not is_known(extent) and extent == open_extent(each.name, axis)
        shape.append(named(letter) if nameless and letter and letter not in taken else extent)
    return [each._replace(shape=tuple(shape))]


def _check_names(option: str, given: Mapping[str, object], names: list[str]) -> None:
    check_names(given, names)
    if "" in given and len(names) > 1:
        raise UsageError(f"{option}: say which input it is for: {', '.join(map(repr, names))}")


def _laid_out(each: Declared, layouts: Mapping[str, str]) -> Declared:
    text = layouts.get(each.name, layouts.get(""))
    if text is None:
        return each
    return each._replace(axes=parse_layout(text, len(each.shape or ())), told=GIVEN)


def _sized(inputs: Sequence[Declared], options: Options) -> tuple[Declared, ...]:
    """Give open extents their values, by name, or spatial axes of the chosen input, by letter."""
    dims = dict(options.dims or {})
    if not dims:
        return tuple(inputs)
    for name, extent in dims.items():
        if not is_known(extent) or extent < 1:
            raise UsageError(f"the extent of {name!r} must be a positive integer, got {extent!r}")
    found = {name for each in inputs for extent in each.shape or () for name in names_in(extent)}
    by_name = {name: value for name, value in dims.items() if name in found}
    sized = [
        each._replace(shape=tuple(_valued(extent, by_name) for extent in each.shape or ())) for each in inputs
    ]
    letters = {name: value for name, value in dims.items() if name not in found}
    return tuple(_lettered(sized, letters, found, options.input)) if letters else tuple(sized)


def _valued(extent: Num, values: Mapping[str, int]) -> Num:
    for name in names_in(extent):
        if name in values:
            return values[name]
    return extent


def _lettered(
    inputs: Sequence[Declared], letters: Mapping[str, int], found: Iterable[str], chosen: str | None
) -> list[Declared]:
    mine = next((each for each in inputs if each.name == chosen), None) if chosen else None
    mine = mine or next((each for each in inputs if SPATIAL in each.axes), inputs[0])
    places = [place for place, role in enumerate(mine.axes) if role == SPATIAL]
    usual = LETTERS.get(len(places), tuple(f"N{k}" for k in range(len(places))))
    shape = list(mine.shape or ())
    for letter, extent in letters.items():
        spelled = usual[0] if len(usual) == 1 and letter in ("L", "T") else letter
        if spelled not in usual:
            named_ones = ", ".join(sorted(found)) or "none"
            raise UsageError(
                f"--dim {letter}: the model has no open extent of that name (it has: {named_ones}), and the "
                f"axes of {mine.name!r} are {', '.join(usual) or 'not spatial'}"
            )
        shape[places[usual.index(spelled)]] = extent
    return [each._replace(shape=tuple(shape)) if each is mine else each for each in inputs]

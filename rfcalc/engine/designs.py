"""Many designs of one model in few runs: those that go the same way through rules and passes go it together.

A run is asked on numbers of all designs at once (`rfcalc.algebra.batch`). Where these differ in what decides
the way on (a repeat's count, whether a window fits, which of two branches sees further), it ends, and the
designs are run apart. What comes out is exact for each of them: each run is the one that one design gets.

Designs lie in a box, an axis for each quantity that varies. Numbers that depend on few of them are small
arrays, which broadcast; so a grid of a million designs takes little more time than its widest axes do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from rfcalc.algebra.batch import Array, Batch, Divided, batch, parts_of, spelling
from rfcalc.algebra.number import Num
from rfcalc.errors import RfcalcError

T = TypeVar("T")


class Part(NamedTuple):
    """Some designs of a box, themselves a box.

    Parameters
    ----------
    shape : tuple of int
        The extents of this box.
    places : tuple of array
        For each axis of the box that it is part of where its designs lie on it; each broadcasts to `shape`.
    """

    shape: tuple[int, ...]
    places: tuple[Array, ...]

    @classmethod
    def of(cls, shape: Sequence[int]) -> Part:
        """Return a whole box.

        >>> Part.of((2, 3)).size
        6
        """
        return cls(tuple(shape), tuple(np.ogrid[tuple(slice(extent) for extent in shape)]))

    @property
    def size(self) -> int:
        """The number of its designs."""
        return int(np.prod(self.shape, dtype=np.int64))

    def number(self, values: Array, indices: Array) -> Num:
        """Return what varies as a number: the value that `indices` choose for the designs of the box."""
        places = tuple(
            place if extent > 1 else 0 for place, extent in zip(self.places, indices.shape, strict=True)
        )
        chosen = values[indices[places]]
        return batch(chosen.reshape((1,) * (len(self.shape) - chosen.ndim) + chosen.shape))

    def positions(self, shape: Sequence[int]) -> Array:
        """Return where its designs lie in the box of `shape` that it is part of, in row-major order."""
        at = np.ravel_multi_index(np.broadcast_arrays(*self.places), tuple(shape)) if shape else np.zeros(())
        return np.broadcast_to(at, self.shape).ravel()

    def split(self, labels: Array) -> list[Part]:
        """Return its designs by label, in the order of the labels; these broadcast to its shape."""
        labels = labels.reshape((1,) * (len(self.shape) - labels.ndim) + labels.shape)
        along = [axis for axis, extent in enumerate(labels.shape) if extent > 1]
        flat = labels.reshape([labels.shape[axis] for axis in along])
        found: dict[Any, None] = dict.fromkeys(flat.ravel().tolist())
        return [self._chosen(along, np.nonzero(flat == label)) for label in sorted(found)]

    def single(self, place: int) -> Part:
        """Return the box of one of its designs, counted in row-major order."""
        at = np.unravel_index(place, self.shape)
        picked = tuple(
            each[
                tuple(slice(k, k + 1) if n > 1 else slice(None) for k, n in zip(at, each.shape, strict=True))
            ]
            for each in self.places
        )
        return Part((1,) * len(self.shape), picked)

    def singles(self) -> Iterator[Part]:
        """Yield the boxes of its designs, one by one."""
        return map(self.single, range(self.size))

    def value(self, values: Array, place: int) -> Any:
        """Return what an array that broadcasts to its shape says of one design."""
        return _plain(np.broadcast_to(values, self.shape)[np.unravel_index(place, self.shape)])

    def apart(self) -> list[Part]:
        """Return its designs one by one along the shortest axis that has several."""
        axis = min((axis for axis, extent in enumerate(self.shape) if extent > 1), key=self.shape.__getitem__)
        index = np.arange(self.shape[axis])
        return self.split(index.reshape([-1 if place == axis else 1 for place in range(len(self.shape))]))

    def _chosen(self, along: list[int], at: tuple[Array, ...]) -> Part:
        """Return the designs at some places along some axes, of which the first holds them all afterwards."""
        first, count = along[0], len(at[0])
        shape = list(self.shape)
        for axis in along:
            shape[axis] = 1
        shape[first] = count
        places = []
        for place in self.places:
            if all(place.shape[axis] == 1 for axis in along):
                places.append(place)
                continue
            front = np.moveaxis(place, along, range(len(along)))
            picked = front[tuple(k if front.shape[n] > 1 else np.zeros_like(k) for n, k in enumerate(at))]
            rest = [axis for axis in range(len(self.shape)) if axis not in along]
            whole = picked.reshape(picked.shape + (1,) * (len(along) - 1))
            order = [first, *rest, *along[1:]]
            places.append(np.moveaxis(whole, range(len(order)), order))
        return Part(tuple(shape), tuple(places))


class Outcome(NamedTuple, Generic[T]):
    """What came out for the designs of a part: a value, or texts that say why there is none."""

    part: Part
    value: T | None
    refusal: Array | str = ""

    def refused(self, place: int) -> str:
        """Return why one of the designs was refused."""
        return self.refusal if isinstance(self.refusal, str) else str(self.refusal[place])


def each_way(
    part: Part, run: Callable[[Part], T], refusals: tuple[type[RfcalcError], ...] = (RfcalcError,)
) -> Iterator[Outcome[T]]:
    """Run designs together as far as they go the same way.

    Parameters
    ----------
    part : Part
        The designs.
    run : callable
        Returns what is asked of the designs of a part, whose numbers it makes by `Part.number`.
    refusals : tuple of classes
        Errors that are about single designs.

    Yields
    ------
    Outcome
        What it returned for designs that went together, or why they were refused.
    """
    waiting = [part]
    while waiting:
        current = waiting.pop()
        with spelling() as spelled:
            try:
                yield Outcome(current, run(current))
            except Divided as divided:
                waiting += reversed(current.split(divided.labels))
            except refusals as error:
                yield Outcome(current, None, _texts(reason_of(error), spelled, current))
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                # a reader that has use for plain numbers alone: the designs are taken one by one
                if current.size == 1:
                    raise
                waiting += reversed(current.apart())


def reason_of(error: RfcalcError) -> str:
    """Say why a design cannot be built, without the name of the file, which is the same for all."""
    return f"{error.where}: {error.message}" if error.where else error.message


def _texts(text: str, spelled: Sequence[Batch], part: Part) -> Array | str:
    """Return a message for each design, the numbers in it its own."""
    pieces = parts_of(text)
    if len(pieces) == 1:
        return text
    found = np.full(part.size, "", dtype=object)
    for head, place, spec in pieces:
        found += head
        if place is not None:
            numbers = np.broadcast_to(spelled[place].values, part.shape).ravel()
            found += np.array([format(_plain(number), spec) for number in numbers], dtype=object)
    return found


def _plain(number: Any) -> Any:
    """Return a number of numpy's as Python's own."""
    return number.item() if isinstance(number, np.generic) else number

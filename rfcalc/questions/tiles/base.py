"""A size that a model takes: that of the image, its own, or one that is found."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm
from typing import Final

from rfcalc.algebra.number import is_known
from rfcalc.algebra.relation import Relation
from rfcalc.errors import UsageError
from rfcalc.questions.tiles.sizes import Sizes

_GUESSES: Final = (256, 1024, 4096, 32768, 262144)
_NEARBY: Final = 256
_PATIENCE: Final = 64


def base_of(
    sizes: Sizes, image: Sequence[int] | None, *, plans: bool
) -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
    """Return the image that a plan is for, if there is one, and a size to find everything out at.

    Raises
    ------
    UsageError
        The model does not take the image, or there is none where a plan is asked for, or no size is found.
    """
    own = sizes.given.spec.spatial
    if image is not None:
        extents = tuple(image)
        _require_taken(sizes, extents)
        return extents, extents
    if all(map(is_known, own)):
        return own, own
    if plans:
        raise UsageError(
            f"the input {sizes.chosen.name!r} has no fixed size; say with --image how large the image is"
        )
    return None, _some_size(sizes)


def _require_taken(sizes: Sizes, image: tuple[int, ...]) -> None:
    """Refuse an image that the model itself does not take, and say which it takes."""
    error = sizes.at(image).error
    if not error:
        return
    near = next(
        (
            larger
            for more in range(1, _NEARBY + 1)
            if not sizes.at(larger := tuple(-(-size // more) * more for size in image)).error
        ),
        None,
    )
    hint = f"; it takes {'x'.join(map(str, near))}, so pad the image to that" if near else ""
    if not near and sizes.graph.results:
        hint = "; if the file fixes sizes, export the model with open ones"
    raise UsageError(f"the model does not take an image of {'x'.join(map(str, image))} ({error}){hint}")


def _some_size(sizes: Sizes) -> tuple[int, ...]:
    """Find a size that a model without one of its own takes."""
    own = sizes.given.spec.spatial
    step = _step(sizes)
    error = ""
    for guess in _GUESSES:
        for rest in range(min(step, _PATIENCE)):
            size = -(-guess // step) * step + rest
            extents = tuple(each if is_known(each) else size for each in own)
            error = error or sizes.at(extents).error
            if not sizes.at(extents).error:
                return extents
    raise UsageError(f"no size was found that the model takes ({error}); give one with --image")


def _step(sizes: Sizes) -> int:
    """Guess of which number sizes have to be multiples: the strides of all maps on the way."""
    case = sizes.given
    seen = case.fields
    strides = {
        leg.relation.advance
        for layer in case.chain
        for each in seen[layer.name].full
        if each is not None
        for leg in each.legs
        if isinstance(leg.relation, Relation) and leg.relation.advance > 0
    }
    step = lcm(*strides) if strides else 1
    return step if step <= _GUESSES[-1] else 1

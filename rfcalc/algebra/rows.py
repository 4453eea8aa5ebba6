"""Dependence at one concrete size: for each output index the exact set of input indices it needs.

A set is a Python int used as a bit mask, so a layer costs a few hundred OR operations. Every padded tap
is dropped at its own layer, which clipping the final field to the image would not do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NoReturn

from rfcalc.algebra.window import Window
from rfcalc.errors import AnalysisError

MAX_BITS: Final = 1 << 29
"""Bits that the masks of one axis take up: 23,000 outputs of as many inputs."""

MAX_ROWS: Final = 1 << 20
"""Outputs of one axis that are listed."""

MAX_WORK: Final = 1 << 36
"""Bits that one layer may touch in OR operations, some ten seconds of them."""


class Rows:
    """One bit mask an output index; bit j stands for input index j.

    Parameters
    ----------
    masks : sequence of int
        A mask for each output index.
    exact : bool
        False where the masks cover more than what is needed.
    """

    __slots__ = ("exact", "masks")

    def __init__(self, masks: Sequence[int], exact: bool = True) -> None:
        self.masks = tuple(masks)
        self.exact = exact

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and self.masks == other.masks and self.exact == other.exact

    def __hash__(self) -> int:
        return hash((self.masks, self.exact))

    def __repr__(self) -> str:
        return f"<Rows {len(self.masks)}: {[row_span(mask) for mask in self.masks[:4]]}...>"

    @property
    def whole(self) -> bool:
        """Whether there is only one row, as a constant has; a concrete relation has no other endless form."""
        return False

    def after(self, outer: Window, extent: int, source: str = "") -> Rows:
        """Compose: `outer` reads the axis that these rows describe and gives `extent` outputs."""
        masks, size = self.masks, len(self.masks)
        width = max(map(int.bit_length, masks), default=0)
        require_room(extent, width, source)
        out = []
        touched = 0
        for i in range(extent):
            bits = 0
            taps = outer.inside(i, size)
            touched += len(taps)
            if touched * width > MAX_WORK:
                _refuse(source)
            for j in taps:
                bits |= masks[j]
            out.append(bits)
        return Rows(out, self.exact)

    def like(self, masks: Sequence[int], exact: bool) -> Rows:
        """Return other rows of the same sort."""
        return Rows(masks, exact)

    def join(self, other: Rows) -> Rows:
        """Union, row by row; a constant belongs to every row."""
        a, b = self.masks, other.masks
        if len(a) == 1 < len(b):
            a *= len(b)
        elif len(b) == 1 < len(a):
            b *= len(a)
        return Rows([x | y for x, y in zip(a, b, strict=True)], self.exact and other.exact)

    def opened(self, *, below: bool = True, above: bool = True) -> Rows:
        """Every output needs what any output needs, or any up to (or from) itself."""
        forward = _running(self.masks)
        if below and above:
            return Rows([forward[-1]] * len(forward) if forward else [], self.exact)
        return Rows(forward if below else _running(self.masks[::-1])[::-1], self.exact)

    def constant(self) -> Rows:
        """Keep row 0 alone."""
        return self.like(self.masks[:1], self.exact)


def require_room(extent: int, width: int, source: str = "") -> None:
    """Refuse more masks than there is room for, `extent` of them of `width` bits.

    Raises
    ------
    AnalysisError
        There is no room.
    """
    if extent > MAX_ROWS or extent * max(width, 64) > MAX_BITS:
        _refuse(source)


def _refuse(source: str) -> NoReturn:
    raise AnalysisError(
        "the map is too large to list what every index depends on; give a smaller input with --dim",
        where=f"layer {source!r}" if source else None,
    )


def _running(masks: Sequence[int]) -> list[int]:
    bits, out = 0, []
    for mask in masks:
        bits |= mask
        out.append(bits)
    return out


def identity_rows(extent: int) -> Rows:
    """Output i needs input i.

    >>> identity_rows(3).masks
    (1, 2, 4)
    """
    require_room(extent, extent)
    return Rows([1 << i for i in range(extent)])


def row_span(mask: int) -> tuple[int, int, int] | None:
    """First index, last index and number of taps of a mask; None for the empty one.

    >>> row_span(0b10110)
    (1, 4, 3)
    """
    if not mask:
        return None
    return (mask & -mask).bit_length() - 1, mask.bit_length() - 1, mask.bit_count()

"""CSBDeep: by how much the tiles of its U-Nets overlap."""

from __future__ import annotations

import rfcalc
from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import halo, unet

CASES = {
    f"depth {depth}, kernel {kernel}, pool {pool}": (depth, kernel, pool)
    for depth, kernel, pool in (
        (1, 3, 2), (2, 3, 2), (3, 3, 2), (4, 3, 2), (1, 5, 2), (2, 5, 2), (3, 5, 2), (1, 7, 2),
        (2, 7, 2), (2, 7, 4), (3, 7, 4),
    )
}  # fmt: skip


def found() -> Found:
    """Ask the function, run such a U-Net, and let rfcalc read it."""
    from csbdeep.internals.predict import tile_overlap

    from tests.claims import unets
    from tests.claims.probe import positive

    says, measured, own = Figures(), Figures(), Figures()
    for case, (depth, kernel, pool) in CASES.items():
        net = positive(unets.unet(depth, kernel, pool))
        says[case] = tile_overlap(depth, kernel, pool)
        measured[case] = unets.overlap(net, pool**depth, says[case])
        own[case] = halo(rfcalc.from_torch(net.float(), [(1, 1, pool**depth * 4)], dynamic=True))
    return Found(says, measured, own)


def ours() -> Figures:
    """Ask rfcalc for the halo of the same U-Nets."""
    return {case: halo(unet(*settings)) for case, settings in CASES.items()}


CLAIM = Claim(
    "csbdeep",
    "csbdeep",
    "csbdeep",
    "`csbdeep.internals.predict.tile_overlap`",
    "`rfcalc.tiles(...)`, the halo",
    "Enough, and mostly exact, for tiles that start at multiples of the pooling, as its own do (its "
    "`unet_block` was rebuilt in PyTorch; the function needs no TensorFlow). Four of these cases "
    "overlap by a few rows more than is read.",
    found,
    ours,
    more_is_safe=True,
)

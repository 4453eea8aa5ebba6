"""Einstein sums with weights: no letter of a weight alone counts samples, wherever it stands."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import rfcalc  # noqa: E402

pytestmark = pytest.mark.torch

SIZES = {"i": 12, "h": 10, "n": 4, "d": 6, "e": 5}


class Projection(torch.nn.Module):
    """A map, batch first or not, times a weight."""

    def __init__(self, equation: str, order: tuple[int, ...]) -> None:
        super().__init__()
        self.equation, self.order = equation, order
        terms = equation.replace("...", "bi").partition("->")[0].split(",")
        self.place = next(place for place, term in enumerate(terms) if "b" not in term)
        self.weight = torch.nn.Parameter(torch.randn([SIZES[letter] for letter in terms[self.place]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        operands = [x.permute(self.order)]
        operands.insert(self.place, self.weight)
        return torch.einsum(self.equation, *operands)


CASES = {  # how samples, positions and features are ordered first, and the equation
    "features last": ((0, 1, 2), "bih,hnd->bind"),
    "heads first": ((0, 1, 2), "bih,nhd->bnid"),
    "weight first": ((0, 1, 2), "hnd,bih->bind"),
    "time first": ((1, 0, 2), "ibh,hnd->ibnd"),
    "time first, weight first": ((1, 0, 2), "hnd,ibh->ibnd"),
    "samples in the middle": ((1, 0, 2), "ibh,nhd->nibd"),
    "samples last": ((1, 2, 0), "ihb,hnd->indb"),
    "features first": ((2, 0, 1), "hbi,hnd->nbid"),
    "four axes of the weight": ((0, 1, 2), "bih,hnde->binde"),
    "a matrix": ((1, 0, 2), "ibh,hd->ibd"),
    "a matrix, weight first": ((1, 0, 2), "dh,ibh->dib"),
    "ellipsis": ((0, 1, 2), "...h,hnd->...nd"),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_no_letter_of_a_weight_alone_counts_samples(case: str, batch: int) -> None:
    order, equation = CASES[case]
    module = Projection(equation, order)
    x = torch.randn(batch, SIZES["i"], SIZES["h"])
    with FlopCounterMode(display=False) as counter:
        y = module(x)
    found = rfcalc.analyze(rfcalc.from_torch(module, (x,)))
    row = found.rows[-1]
    assert (row.macs, row.status) == (counter.get_total_flops() // 2 // batch, "exact")
    assert row.output_shape == tuple(y.shape)
    assert found.totals.params.total == module.weight.numel()

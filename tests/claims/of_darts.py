"""Darts: how many layers its TCN takes to see the whole input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import rfcalc
from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import Window, chain
from tests.claims.stand_in import standing_in

UNUSED = (
    "holidays", "nfoursid", "pyod", "requests", "shap", "statsmodels", "torchmetrics", "torchvision",
    "xarray",
)  # fmt: skip
"""What Darts imports, and its TCN does not use."""


class Network(NamedTuple):
    """Steps that are given, and the windows of the network."""

    steps: int
    kernel: int
    base: int


CASES = {
    f"{steps} steps, kernel {kernel}, dilation {base}^i": Network(steps, kernel, base)
    for steps, kernel, base in (
        (12, 3, 2), (24, 3, 2), (100, 3, 2), (100, 5, 2), (64, 3, 4), (100, 3, 1), (125, 3, 5), (243, 3, 3),
    )
}  # fmt: skip


def found() -> Found:
    """Ask for the layers, measure networks of ever more, and let rfcalc read them."""
    from tests.claims.probe import positive, reached

    says, measured, own = Figures(), Figures(), Figures()
    for case, network in CASES.items():

        def field(layers: int, network: Network = network) -> int:
            reach = reached(positive(_blocks(network, layers)), (1, 1, 2000), 2, 1999)
            return reach.last - reach.first + 1

        def read(layers: int, network: Network = network) -> int:
            return _field(rfcalc.from_torch(_blocks(network, layers), [(1, 1, network.steps)]))

        says[case] = len(_blocks(network, None))
        measured[case] = _least(field, network.steps)
        own[case] = _least(read, network.steps)
    return Found(says, measured, own)


def _blocks(network: Network, layers: int | None) -> Any:
    """Return the blocks of its network, as many as it takes by itself unless said."""
    import torch

    with standing_in(*UNUSED):
        from darts.models.forecasting.tcn_model import _TCNModule
    module = _TCNModule(
        input_size=1, target_size=1, nr_params=1, target_length=1, num_filters=1, dropout=0.0,
        weight_norm=False, kernel_size=network.kernel, dilation_base=network.base, num_layers=layers,
        input_chunk_length=network.steps, output_chunk_length=1,
    )  # fmt: skip
    return torch.nn.Sequential(*module.res_blocks_list).eval()


def _least(field: Callable[[int], int], steps: int) -> int:
    """Return the least number of layers whose field covers the steps."""
    layers = 1
    while field(layers) < steps:
        layers += 1
    return layers


def _field(model: Any) -> int:
    (size,) = rfcalc.analyze(model).rows[-1].receptive_field
    return int(size)


def ours() -> Figures:
    """Ask rfcalc for the field of such convolutions, two a layer."""

    def of_small(network: Network) -> int:
        def field(layers: int) -> int:
            dilations = [network.base**place for place in range(layers) for _ in range(2)]
            return _field(chain([Window(network.kernel, dilation=each) for each in dilations], None))

        return _least(field, network.steps)

    return {case: of_small(network) for case, network in CASES.items()}


CLAIM = Claim(
    "darts",
    "darts",
    "darts",
    '`TCNModel(num_layers=None)`, the layers "needed for full history coverage"',
    "`rfcalc.analyze(...)`, the field, of ever more layers",
    "Enough: the field covers the input. Where the logarithm that it rounds up is a whole number, it may "
    "come out a little larger: then there is a layer more than needed.",
    found,
    ours,
    more_is_safe=True,
)

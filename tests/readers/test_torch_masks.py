"""Constant masks: what runs of PyTorch show, one row of the input changed at a time."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers import torch_masked_models as models  # noqa: E402

pytestmark = pytest.mark.torch

Row = tuple[int, int, int] | None


def measured(module: Any, shape: tuple[int, ...], axis: int, place: int, seeds: int = 3) -> list[Row]:
    """Change one row after the other, and see which rows of the output move."""
    module = module.double().eval()
    found: list[set[int]] = []
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)

        def numbers(size: Any, generator: Any = generator) -> Any:
            return torch.randn(size, generator=generator, dtype=torch.float64)

        with torch.no_grad():
            for each in module.parameters():
                each.copy_(numbers(each.shape) * 0.5)
            x = numbers(shape)
            before = module(x)
            found = found or [set() for _ in range(before.shape[place])]
            for j in range(shape[axis]):
                other = x.clone()
                row = other.select(axis, j)
                row += numbers(row.shape)
                moved = (module(other) - before).abs()
                moved = moved.amax([k for k in range(moved.dim()) if k != place])
                for i in (moved > 1e-9).nonzero().flatten().tolist():
                    found[i].add(j)
    return [(min(row), max(row), len(row)) if row else None for row in found]


def read(module: Any, shape: tuple[int, ...]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rfcalc.from_torch(module.float().eval(), torch.zeros(shape))


def last(graph: Any) -> str:
    return str(list(graph)[-1].name)


def check(module: Any, shape: tuple[int, ...], axes: dict[int, int], status: str = "exact") -> None:
    """Hold the last layer's rows against those that the module has."""
    graph = read(module, shape)
    answer = rfcalc.field(graph, last(graph))
    for (axis, place), each in zip(axes.items(), answer.axes, strict=True):
        truth = measured(module, shape, axis, place)
        assert each.status == status, each
        if status == "exact":
            assert list(each.rows) == truth
        else:
            assert all(map(covers, each.rows, truth))
    assert rfcalc.verify(graph).holds


def covers(row: Row, truth: Row) -> bool:
    return truth is None or (row is not None and row[0] <= truth[0] and row[1] >= truth[1])


@pytest.mark.parametrize("name", models.PATTERNS)
def test_a_mask_over_scores_hides_keys(name: str) -> None:
    check(models.Attention(models.allowed(name, 12)), (1, 12, 8), {1: 1})


@pytest.mark.parametrize("spelling", models.SPELLINGS)
@pytest.mark.parametrize("name", ["causal", "blocks", "irregular"])
def test_any_spelling_of_a_mask_is_one(name: str, spelling: str) -> None:
    check(models.Attention(models.allowed(name, 9), spelling), (1, 9, 8), {1: 1})


@pytest.mark.parametrize("spelling", ["boolean", "added"])
@pytest.mark.parametrize("name", ["causal", "prefix", "sliding", "irregular"])
def test_fused_attention_takes_masks(name: str, spelling: str) -> None:
    check(models.Fused(models.allowed(name, 10), spelling), (1, 10, 8), {1: 1})


@pytest.mark.parametrize("spelling", models.MADE)
def test_masks_that_the_module_makes(spelling: str) -> None:
    check(models.Made(models.allowed("causal-window", 9), spelling), (1, 9, 8), {1: 1})


@pytest.mark.parametrize("weights", [False, True])
def test_multihead_attention_with_a_mask(weights: bool) -> None:
    # with its weights asked for the mask is what a product is added to (baddbmm)
    check(models.Decoder(weights=weights), (1, 9, 8), {1: 1})


@pytest.mark.parametrize("what", ["encoder", "decoder"])
@pytest.mark.parametrize("name", ["causal", "sliding", "blocks"])
def test_encoders_and_decoders_with_a_mask(what: str, name: str) -> None:
    check(models.Stack(what, models.allowed(name, 9)), (1, 9, 8), {1: 1})


@pytest.mark.parametrize("name", models.KEEPING_ZEROS)
def test_functions_that_keep_zeros_keep_a_mask(name: str) -> None:
    check(models.Zeroed(name), (1, 6, 4), {1: 1})


@pytest.mark.parametrize("name", models.SHIFTED)
def test_masked_scores_may_be_moved_before_a_softmax(name: str) -> None:
    check(models.Shifted(name), (1, 6, 4), {1: 1}, models.SHIFTED[name][1])


@pytest.mark.parametrize("name", models.PIXELS)
def test_a_kernel_times_zeros_loses_taps(name: str) -> None:
    check(models.PIXELS[name](), (1, 1, 12, 11), {2: 2, 3: 3})


@pytest.mark.parametrize("how", models.MIXERS)
def test_matrices_with_zeros(how: str) -> None:
    check(models.Mixer(how), (1, 9, 3), {1: 1})


@pytest.mark.parametrize("spelling", ["waves", "waves turned"])
def test_a_mask_that_the_module_makes_of_numbers_has_its_elements(spelling: str) -> None:
    check(models.Made(models.allowed("causal", 9), spelling), (1, 9, 8), {1: 1})


@pytest.mark.parametrize("spelling", ["windows", "batch", "einsum", "fused"])
@pytest.mark.parametrize(
    ("size", "window", "shift"),
    [((9, 12), (3, 3), 1), ((12, 6), (3, 3), 2), ((6, 8), (3, 4), 2), ((8, 8), (4, 4), 2)],
)
def test_a_mask_that_changes_from_window_to_window(
    size: tuple[int, int], window: tuple[int, int], shift: int, spelling: str
) -> None:
    check(models.Windows(size, window, shift, spelling), (1, *size, 4), {1: 1, 2: 2})


def test_a_mask_that_is_computed_makes_a_bound() -> None:
    check(models.KeyPadding(models.allowed("causal", 9)), (1, 9, 8), {1: 1}, "bound")


EVERYWHERE = {
    "chosen everywhere": lambda scores: torch.where(torch.arange(9)[:, None] >= 0, scores, -1e30),
    "chosen nowhere": lambda scores: torch.where(torch.arange(9) > 8, -1e30, scores),
    "filled nowhere": lambda scores: scores.masked_fill(torch.arange(9) > 8, -1e30),
}


class Beside(nn.Module):
    """Attention with scores beside those of queries and keys, on which a mask hides nothing."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.project, self.beside, self.mask = nn.Linear(8, 8), nn.Linear(8, 9), EVERYWHERE[name]

    def forward(self, x: Any) -> Any:
        y = self.project(x)
        return nn.functional.scaled_dot_product_attention(y, y, y, attn_mask=self.mask(self.beside(x)))


@pytest.mark.parametrize("name", EVERYWHERE)
def test_a_mask_that_hides_nothing_leaves_what_it_is_laid_on(name: str) -> None:
    check(Beside(name), (1, 9, 8), {1: 1})


@pytest.mark.parametrize("name", ["causal", "sliding", "blocks"])
def test_a_mask_over_the_pixels_of_a_map(name: str) -> None:
    # which columns a pixel reads goes with its row as well; rows of a field are told by one axis
    check(models.Picture(models.allowed(name, 20)), (1, 8, 4, 5), {2: 2, 3: 2})


class Columns(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
    """A convolution of three rows, and a product with a matrix of which only some columns are not zero."""

    def __init__(self, product: str, first: int, last: int) -> None:
        super().__init__()
        self.product = product
        self.conv = torch.nn.Conv1d(3, 3, 3, padding=1)
        matrix = torch.ones(9, 9)
        matrix[:, :first] = matrix[:, last + 1 :] = 0
        self.register_buffer("matrix", matrix)

    def forward(self, x: Any) -> Any:
        y = self.conv(x.transpose(1, 2)).transpose(1, 2)
        if self.product == "einsum":
            return torch.einsum("ij,bjc->bic", self.matrix, y)
        return torch.nn.functional.linear(y.transpose(1, 2), self.matrix).transpose(1, 2)


@pytest.mark.parametrize("product", ["einsum", "linear"])
@pytest.mark.parametrize(("first", "last"), [(2, 5), (1, 1), (4, 7)])
def test_rows_that_meet_columns_of_zeros_are_read_by_none(product: str, first: int, last: int) -> None:
    graph = read(Columns(product, first, last), (1, 9, 3))
    (axis,) = rfcalc.field(graph, str(list(graph)[-1].name)).axes
    # one row stands for all where they are the same
    assert set(axis.rows) == set(measured(Columns(product, first, last), (1, 9, 3), 1, 1))
    row = rfcalc.analyze(graph).rows[-1]
    # the rows from the first to the last that is not met by zeros, and one more on either side
    assert (row.status, row.receptive_field) == ("exact", (last - first + 1 + 2,))

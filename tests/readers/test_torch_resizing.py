"""Resizing in PyTorch: positions in floats, and axes that keep their extent, against PyTorch itself."""

from __future__ import annotations

from typing import Any

import pytest

import rfcalc

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch


class Resize(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
    """Interpolation with the settings that are given."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, x: Any) -> Any:
        """Resize a map."""
        return torch.nn.functional.interpolate(x, **self.settings)


def read(shape: tuple[int, ...], dtype: Any = None, **settings: Any) -> tuple[list[Any], str, list[str]]:
    """Return what the last axis reads, its status, and notes about runtimes."""
    example = torch.zeros(shape, dtype=dtype or torch.float32)
    graph = rfcalc.from_torch(Resize(**settings), example)
    name = list(graph)[-1].name
    axis = rfcalc.field(graph, name).axes[-1]
    notes = [note.message for note in rfcalc.analyze(graph).notes if note.code == "runtimes"]
    return [None if row is None else row[:2] for row in axis.rows], axis.status, notes


def run(shape: tuple[int, ...], dtype: Any = None, **settings: Any) -> list[Any]:
    """Set one place of the last axis at a time, and list which elements of the result follow."""
    found: list[list[int]] = []
    for place in range(shape[-1]):
        x = torch.zeros(shape, dtype=dtype or torch.float32)
        x[..., place] = 1
        made = Resize(**settings)(x)
        made = made.reshape(-1, made.shape[-1]).abs().amax(0)
        found = found or [[] for _ in made]
        for each in (made > 1e-4).nonzero().flatten().tolist():
            found[each].append(place)
    return [(min(each), max(each)) if each else None for each in found]


LINE, MAP, BLOCK = (1, 1, 6), (1, 1, 6, 6), (1, 1, 6, 6, 6)

CASES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    (LINE, {"scale_factor": 1.15, "mode": "linear"}),
    (MAP, {"scale_factor": 1.15, "mode": "bilinear"}),
    (MAP, {"scale_factor": (2.0, 1.15), "mode": "bilinear"}),
    (MAP, {"scale_factor": (1.15, 2.0), "mode": "bilinear"}),
    (BLOCK, {"scale_factor": (2.0, 2.0, 1.15), "mode": "trilinear"}),
    (MAP, {"scale_factor": (2.0, 1.15), "mode": "bilinear", "antialias": True}),
    (MAP, {"scale_factor": (1.15, 1.15), "mode": "bicubic", "antialias": True}),
    (MAP, {"scale_factor": (2.0, 1.15), "mode": "bicubic"}),
    (LINE, {"scale_factor": 1.15, "mode": "nearest"}),
    (LINE, {"scale_factor": 1.15, "mode": "nearest-exact"}),
    (BLOCK, {"scale_factor": (2.0, 2.0, 1.15), "mode": "nearest"}),
    ((1, 1, 2), {"size": 82, "mode": "nearest"}),
    ((1, 1, 40), {"size": 12, "mode": "nearest-exact"}),
    ((1, 3, 5, 2), {"size": (5, 82), "mode": "nearest"}),
]


@pytest.mark.parametrize(("shape", "settings"), CASES, ids=str)
def test_rows_are_those_of_pytorch(shape: tuple[int, ...], settings: dict[str, Any]) -> None:
    """An axis that keeps its extent is copied by linear kernels and antialiased ones alone."""
    rows, status, notes = read(shape, **settings)
    assert (rows, status, notes) == (run(shape, **settings), "exact", [])


def test_floats_of_64_bits_move_less() -> None:
    settings = {"size": 82, "mode": "nearest"}
    long, short = (read((1, 1, 2), dtype, **settings)[0] for dtype in (torch.float64, torch.float32))
    assert long == run((1, 1, 2), torch.float64, **settings)
    assert [place for place, pair in enumerate(zip(long, short, strict=True)) if pair[0] != pair[1]] == [41]


@pytest.mark.parametrize(
    ("shape", "settings", "count"),
    [
        ((1, 1, 2), {"size": 41, "mode": "nearest-exact"}, "one element reads"),
        (MAP, {"scale_factor": (2.0, 1.15), "mode": "nearest"}, "5 elements read"),
    ],
)
def test_where_kernels_disagree_a_note_says_so(
    shape: tuple[int, ...], settings: dict[str, Any], count: str
) -> None:
    _, _, notes = read(shape, **settings)
    assert notes == [f"{count} one of two: which one, differs between kernels of PyTorch"]

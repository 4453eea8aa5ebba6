"""StarDist: by how much its tiles overlap."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import rfcalc
from tests.claims.claim import Claim, Figures, Found
from tests.claims.native import halo, unet


class Model(NamedTuple):
    """How deep its U-Net is, and by what the input is reduced before."""

    depth: int
    grid: int = 1


CASES = {
    "depth 2": Model(2),
    "depth 3, as it is unless said": Model(3),
    "depth 3, grid 2": Model(3, 2),
    "depth 4": Model(4),
    "depth 5": Model(5),
}


def found() -> Found:
    """Ask the function, run such a U-Net, and let rfcalc read it."""
    from tests.claims import unets
    from tests.claims.probe import positive

    says, measured, own = Figures(), Figures(), Figures()
    for case, (depth, grid) in CASES.items():
        plane = positive(unets.unet(depth, 3, 2, grid=grid, after=1, axes=2)).float()
        says[case] = _said(plane, grid)
        line = positive(unets.unet(depth, 3, 2, grid=grid, after=1))
        block = 2**depth * grid
        measured[case] = unets.overlap(line, block, block * 6, grid)
        own[case] = halo(rfcalc.from_torch(line.float(), [(1, 1, block * 4)], dynamic=True))
    return Found(says, measured, own)


def _said(net: Any, grid: int) -> int:
    """Return the overlap that StarDist takes for the axes of a network over a plane."""
    import torch

    def predict(x: Any, **_: Any) -> Any:
        with torch.no_grad():
            return [net(torch.from_numpy(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()]

    model = SimpleNamespace(
        config=SimpleNamespace(n_dim=2, grid=(grid, grid), n_channel_in=1),
        keras_model=SimpleNamespace(predict=predict),
    )
    rows, _ = _function()(model)
    return int(max(rows))  # as _axes_tile_overlap does


def _function() -> Callable[[Any], Any]:
    """Return the method of its models as a function: alone, for its module imports TensorFlow."""
    import numpy as np

    spec = importlib.util.find_spec("stardist")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    names: dict[str, Any] = {"np": np}
    for file, name in (("utils.py", "_is_power_of_2"), ("models/base.py", "_compute_receptive_field")):
        path = Path(spec.submodule_search_locations[0]) / file
        every = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        (one,) = (node for node in every if isinstance(node, ast.FunctionDef) and node.name == name)
        exec(compile(ast.Module([one], []), str(path), "exec"), names)
    function: Callable[[Any], Any] = names["_compute_receptive_field"]
    return function


def ours() -> Figures:
    """Ask rfcalc for the halo of the same U-Nets."""
    return {case: halo(unet(depth, 3, 2, grid=grid, after=1)) for case, (depth, grid) in CASES.items()}


CLAIM = Claim(
    "stardist",
    "stardist",
    "stardist",
    "`StarDist2D._compute_receptive_field`, the larger side, by which tiles overlap",
    "`rfcalc.tiles(...)`, the halo",
    "Enough to depth 3. It sets one pixel amid an image of 128 (times the grid), and sees what changes: of "
    "deeper networks that ends at the border of the image, so from depth 4 on tiles overlap by less than "
    "they read. (Its U-Net was rebuilt in PyTorch with positive weights, of which no change is lost; the "
    "function was run alone, as its module imports TensorFlow.)",
    found,
    ours,
    more_is_safe=True,
)

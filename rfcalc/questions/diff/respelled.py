"""Nodes of one model that the other one spells by layers that mean nothing on their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rfcalc.engine.result import Row
from rfcalc.questions.diff.figures import map_of, rows_of
from rfcalc.questions.diff.model import Model


def spelled_out(model: Model, other: Model, pairs: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    """Find the nodes without counterpart that come to the same as a layer that is no node of the other model.

    An upsampling that is written as copies and reshapes is one. The layer stands behind the node that the one
    before is matched with, and has the map and the field of what it stands for, which are not those before.

    Parameters
    ----------
    model, other : Model
        The models.
    pairs : mapping of int to int
        For nodes of the first one those of the other.

    Yields
    ------
    place : int
        A node of the first model.
    name : str
        The layer of the other.
    """
    rows: dict[str, Row] = {}
    behind: dict[int, list[str]] = {}
    for place, node in enumerate(model.nodes):
        if place in pairs or len(node.inputs) != 1 or len(node.inputs[0]) != 1:
            continue
        side, ((before, _),) = model.sides[place], node.inputs[0]
        if side.params != 0 or side.row.macs or before not in pairs:
            continue
        if not rows:
            rows = rows_of(other.graph, other.result)
            for name, holder in other.holders.items():
                behind.setdefault(holder, []).append(name)
        if _alike(side.row, model.sides[before].row):
            continue
        for name in behind.get(pairs[before], ()):
            if _alike(side.row, rows[name]):
                yield place, name
                break


def _alike(one: Row, two: Row) -> bool:
    """Tell whether two layers make maps of one size, that see the same, on the same grid."""
    figures = (one.activations, one.receptive_field, one.effective_stride, one.center)
    others = (two.activations, two.receptive_field, two.effective_stride, two.center)
    return None not in figures and map_of(one, two) == map_of(two, one) and figures == others

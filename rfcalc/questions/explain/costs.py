"""The costs of the layers on the way to a layer: their document, and their table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.engine.attribution import Cost
from rfcalc.engine.rows import sum_or_none
from rfcalc.render import humanise
from rfcalc.render.humanise import plain
from rfcalc.render.table import LEFT, RIGHT, Table

_MOST_COSTS: Final = 24  # layers in the table; of more, those of small shares are summed up
_SMALL: Final = (0.005, 0.01, 0.02, 0.05)  # shares below which they are: the first that will do


def cost_documents(costs: Iterable[Cost], params: Num | None, macs: Num | None) -> list[dict[str, Any]]:
    """Return the costs as plain data, with their shares of all, and what they come to so far."""
    documents = []
    sums: dict[str, Num | None] = {"params": 0, "macs": 0}
    for cost in costs:
        sums = {
            "params": sum_or_none((sums["params"], cost.params.total)),
            "macs": sum_or_none((sums["macs"], cost.macs)),
        }
        documents.append(
            {
                "name": cost.layer,
                "kind": cost.kind,
                "op": cost.op,
                "params": {
                    "trainable": plain(cost.params.trainable),
                    "non_trainable": plain(cost.params.non_trainable),
                },
                "params_share": share_of(cost.params.total, params),
                "params_cumulated": plain(sums["params"]),
                "macs": plain(cost.macs),
                "macs_share": share_of(cost.macs, macs),
                "macs_cumulated": plain(sums["macs"]),
            }
        )
    return documents


def share_of(part: Num | None, whole: Num | None) -> float | None:
    """Return a share; None where it is not known."""
    known = type(part) is int and type(whole) is int
    return part / whole if known and whole else None


def cost_table(costs: Sequence[Cost]) -> Table | None:
    """Return the table of what costs something; None where nothing does."""
    params, macs = sum_or_none(cost.params.total for cost in costs), sum_or_none(cost.macs for cost in costs)
    documents = cost_documents(costs, params, macs)
    rows = [
        _cost_cells(cost, document, params, macs)
        for cost, document in zip(costs, documents, strict=True)
        if cost.params.total != 0 or cost.macs != 0
    ]
    if not rows:
        return None
    if len(rows) > _MOST_COSTS:
        costly = [(c, d) for c, d in zip(costs, documents, strict=True) if c.params.total != 0 or c.macs != 0]
        rows = _shortened(rows, costly, params, macs)
    total = ("sum", humanise.number(params), "", "", humanise.short(macs), "", "")
    titles = ("layer", "params", "share", "so far", "MACs", "share", "so far")
    return Table(titles, (LEFT, *(RIGHT,) * 6), tuple(rows), total)


def _shortened(
    rows: list[tuple[str, ...]],
    costly: Sequence[tuple[Cost, dict[str, Any]]],
    params: Num | None,
    macs: Num | None,
) -> list[tuple[str, ...]]:
    """Sum up layers of small shares, of no larger ones than it takes."""
    small: list[Cost] = []
    for least in _SMALL:
        small = [cost for cost, document in costly if _is_small(document, least)]
        if len(rows) - len(small) < _MOST_COSTS:
            break
    if not small:
        return rows
    names = {cost.layer for cost in small}
    own, work = sum_or_none(cost.params.total for cost in small), sum_or_none(cost.macs for cost in small)
    rest = f"{humanise.sentence(len(small), 'layer')} of less than {humanise.number(100 * least)}%"
    shares = percent(share_of(own, params)), percent(share_of(work, macs))
    last = (rest, humanise.number(own), shares[0], "", humanise.short(work), shares[1], "")
    return [*(row for row in rows if row[0] not in names), last]


def _is_small(document: dict[str, Any], least: float) -> bool:
    shares = document["params_share"], document["macs_share"]
    return all(share is not None and share < least for share in shares)


def _cost_cells(
    cost: Cost, document: dict[str, Any], params: Num | None, macs: Num | None
) -> tuple[str, ...]:
    return (
        cost.layer,
        humanise.number(cost.params.total),
        percent(document["params_share"]),
        percent(share_of(document["params_cumulated"], params)),
        humanise.short(cost.macs),
        percent(document["macs_share"]),
        percent(share_of(document["macs_cumulated"], macs)),
    )


def percent(share: float | None) -> str:
    """Write a share in percent."""
    return "?" if share is None else f"{100 * share:.1f}%"

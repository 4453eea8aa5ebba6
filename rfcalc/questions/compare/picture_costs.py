"""Parameters by layer, for a model and its counterfactuals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rfcalc.engine.costs import DENSE, leaves
from rfcalc.questions.compare.report import title_of
from rfcalc.questions.compare.result import ComparisonResult, Entry
from rfcalc.render.humanise import short
from rfcalc.render.pictures import figure, look, name, short_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LAYERS: Final = 14
_LOGARITHMIC: Final = 100


def costs_picture(comparison: ComparisonResult) -> Figure:
    """Draw the parameters of the layers that have most, and of all others together.

    Parameters
    ----------
    comparison : ComparisonResult
        A model and its counterfactuals, or several models.

    Raises
    ------
    RfcalcError
        matplotlib is not installed.
    """
    labels, bars = bars_of(comparison)
    height = min(max(2.6, 0.9 + len(labels) * (0.14 + 0.13 * len(bars))), 12.0)
    picture, (axes,) = figure(7.0, height)
    thick = 0.8 / max(len(bars), 1)
    for place, (names, values) in enumerate(bars):
        seen = look(place)
        offsets = [row + (place - (len(bars) - 1) / 2) * thick for row in range(len(labels))]
        drawn = axes.barh(
            offsets,
            values,
            height=thick * 0.9,
            color="white" if seen.hatch else "0.35",
            edgecolor=seen.colour,
            hatch=seen.hatch or None,
            linewidth=0.9,
            label=", ".join(map(name, names)),
        )
        axes.bar_label(drawn, [short(value) if value else "" for value in values], padding=3, fontsize=7)
    _finish(axes, labels, [value for _, values in bars for value in values if value])
    base = comparison.entries[0].result
    if comparison.counterfactuals and base is not None:
        axes.set_title(f"What the layers of {name(base.name or base.source)} weigh", loc="left")
    if len(bars) > 1:
        axes.legend(frameon=False, loc="best")
    return picture


def _finish(axes: Any, labels: list[str], values: list[int]) -> None:
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("parameters")
    if values and max(values) / min(values) >= _LOGARITHMIC:
        axes.set_xscale("log")
        axes.set_xlabel("parameters, on a logarithmic scale")
    short_ticks(axes.xaxis)
    axes.margins(x=0.12)
    axes.grid(axis="x", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def bars_of(comparison: ComparisonResult) -> tuple[list[str], list[tuple[tuple[str, ...], list[int]]]]:
    """Return the layers shown, and for each model, equal ones together, their parameters.

    Layers of several models are matched by name.
    """
    tables = [(entry, _params(entry)) for entry in comparison.entries if entry.result is not None]
    most: dict[str, int] = {}
    dense: set[str] = set()
    for entry, table in tables:
        assert entry.result is not None
        dense |= {row.name for row in leaves(entry.result) if row.kind in DENSE}
        for layer, count in table.items():
            most[layer] = max(most.get(layer, 0), count)
    shown = set(sorted(most, key=lambda layer: -most[layer])[:_MOST_LAYERS])
    depth = {label: place for place, (label, _) in enumerate(comparison.depths)}
    layers = sorted(
        (layer for layer in most if layer in shown), key=lambda layer: depth.get(layer, len(depth))
    )
    rest = len(most) - len(layers)
    labels = [f"{name(layer)}{' (dense)' if layer in dense else ''}" for layer in layers]
    labels += [f"{rest} others"] if rest else []
    bars: dict[tuple[int, ...], list[str]] = {}
    for entry, table in tables:
        values = [table.get(layer, 0) for layer in layers]
        values += [sum(table.values()) - sum(values)] if rest else []
        bars.setdefault(tuple(values), []).append(title_of(comparison, entry))
    return labels, [(tuple(names), list(values)) for values, names in bars.items()]


def _params(entry: Entry) -> dict[str, int]:
    assert entry.result is not None
    return {
        row.name: row.params.total
        for row in leaves(entry.result)
        if isinstance(row.params.total, int) and row.params.total
    }

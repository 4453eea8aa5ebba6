"""Parameters by layer, for a model and its counterfactuals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rfcalc.engine.costs import DENSE, leaves
from rfcalc.questions.compare.report import title_of
from rfcalc.questions.compare.result import ComparisonResult, Entry
from rfcalc.render.humanise import short
from rfcalc.render.pictures import figure, look, name, names, set_legend, set_title, short_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LAYERS: Final = 14


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
    picture, (axes,) = figure(7.0, max(2.6, 1.1 + len(labels) * (0.14 + 0.15 * len(bars))))
    thick = 0.85 / max(len(bars), 1)
    drawn = []
    for place, (titles, values) in enumerate(bars):
        seen = look(place)
        offsets = [row + (place - (len(bars) - 1) / 2) * thick for row in range(len(labels))]
        drawn.append(
            axes.barh(
                offsets,
                values,
                height=thick * 0.9,
                color="white" if seen.hatch else "0.35",
                edgecolor=seen.colour,
                hatch=seen.hatch or None,
                linewidth=0.9,
                label=", ".join(map(name, titles)),
            )
        )
        axes.bar_label(drawn[-1], [short(value) if value else "" for value in values], padding=3, fontsize=7)
    _finish(axes, labels, [value for _, values in bars for value in values])
    base = comparison.entries[0].result
    if base is not None:
        set_title(picture, axes, f"The parameters of {base.name or base.source}, layer by layer")
    if len(bars) > 1:
        set_legend(picture, drawn)
    return picture


def _finish(axes: Any, labels: list[str], values: list[int]) -> None:
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("parameters (linear scale from 0)")  # bars are compared by their length
    axes.set_xlim(0, 1.1 * max([1, *values]))
    short_ticks(axes.xaxis)
    axes.margins(y=0.02)
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
    cut = names(layers)
    labels = [
        f"{each}{' (dense)' if layer in dense else ''}" for each, layer in zip(cut, layers, strict=True)
    ]
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

"""Why a field is as large as it is: that of the map before, and what a window adds to it, as a sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rfcalc.engine.result import Row
from rfcalc.engine.run import Run


def sums_of(run: Run, row: Row, settings: Mapping[str, Any]) -> list[str] | None:
    """Return for each axis of the input how the field of a layer comes about; None where no one sum says it.

    A window of ``k`` elements that lie ``d`` apart, on a map whose neighbours are ``j`` pixels of the input
    apart, adds ``(k - 1) * d * j`` pixels (Araujo, Norris and Sim, "Computing receptive fields of
    convolutional neural networks", 2019). It is told only where it gives the field that the rules gave.

    Parameters
    ----------
    run : Run
        The model.
    row : Row
        The figures of the layer.
    settings : mapping
        What its kind was set to, an entry for each axis.

    Examples
    --------
    >>> import rfcalc
    >>> model = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "max_pool", "kernel": 2}, {"kind": "conv", "name": "c", "filters": 1, "kernel": 3}]}
    >>> run = Run(rfcalc.load(model))
    >>> sums_of(run, rfcalc.analyze(model).layer("c"), {"kernel": (3, 3), "dilation": (1, 1)})
    ['2 + (3 - 1) x 2 = 6', '2 + (3 - 1) x 2 = 6']
    """
    layer = run.graph.layers.get(row.name)
    if layer is None or len(layer.inputs) != 1 or row.status != "exact":
        return None
    before = run.views.of(layer.inputs[0])
    kernels = settings.get("kernel") or ()
    columns: list[Any] = [
        row.local_receptive_field,
        before.local_receptive_field if before.status == "exact" else None,
        before.effective_stride,
        kernels,
        settings.get("dilation") or (1,) * len(kernels),
    ]
    if any(column is None or len(column) != len(run.extents) for column in columns):
        return None
    sums = [_sum(*each) for each in zip(*columns, strict=True)]
    return None if None in sums else [each for each in sums if each is not None]


def _sum(whole: Any, field: Any, step: Any, kernel: Any, dilation: Any) -> str | None:
    """Return one sum, if all of it is known, and it is right."""
    if field is None or step is None or type(kernel) is not int or type(dilation) is not int:
        return None
    apart = f" x {dilation}" if dilation > 1 else ""
    text = f"{field} + ({kernel} - 1){apart} x {step:g} = {whole}"
    return text if whole == field + (kernel - 1) * dilation * step else None

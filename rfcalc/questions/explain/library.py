"""Ask who is responsible for what one layer sees and costs."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from rfcalc.loading import Loading, Model, asked

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.questions.explain.report import Explanation


def explain(x: Model, layer: str | None = None, **loading: Unpack[Loading]) -> Explanation:
    """Tell what each layer on the way contributes to a layer's field, and to what it costs.

    A window of kernel k and dilation d adds ``(k - 1) * d * jump`` pixels, the jump being the product of
    the strides before it. That is split into what the window adds of its own, ``(k - 1) * d``, and what it
    inherits from the layers that stepped before it, so that the share of pooling is a number.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`.
    layer : str, optional
        A layer, or an output tensor; by default the last convolution whose field has a size.
    **loading
        The options of `load`: ``parameters``, ``input_shape``, ``dims``, ``input``, ``layout``,
        ``on_unknown``.

    Returns
    -------
    Explanation
        For each axis the steps that add to the field, in pixels of the input, with those that are
        responsible, and what is left of positions; parameters, and multiply-accumulates at batch 1, of all
        layers that the layer depends on.

    Raises
    ------
    RfcalcError
        Of the kinds that `analyze` raises; UsageError too where there is no such layer.

    Examples
    --------
    >>> model = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "conv1", "filters": 32, "kernel": 3},
    ...     {"kind": "max_pool", "name": "pool1", "kernel": 2},
    ...     {"kind": "conv", "name": "conv2", "filters": 64, "kernel": 3},
    ... ]}
    >>> explanation = explain(model, "conv2")
    >>> [(step.layer, int(step.own), int(step.inherited)) for step in explanation.axes[0].steps]
    [('conv1', 2, 0), ('pool1', 1, 0), ('conv2', 2, 2)]
    >>> print(explanation.sentences[1])
    Pooling is responsible for 3 of the 7 pixels beyond the first: 1 by its own windows, 2 by its strides,
    which later windows inherit.
    """
    from rfcalc.engine.attribution import Attributor
    from rfcalc.engine.rows import focus_or
    from rfcalc.questions.explain.report import Explanation

    with asked(x, **loading) as run:
        result = Attributor(run).attribute(focus_or(run, layer))
    return Explanation(**{each.name: getattr(result, each.name) for each in fields(result)})

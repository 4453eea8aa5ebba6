"""Attention as Keras Hub builds it of dense layers for each head, with fewer heads of keys and values."""

from __future__ import annotations

from typing import Any

from rfcalc.graph.layer import Weight
from rfcalc.readers.keras.nodes import Constant
from rfcalc.readers.keras.published.sketch import Sketch, Tensor
from rfcalc.records import NamedTuple


class Heads(NamedTuple):
    """The heads of one attention.

    Parameters
    ----------
    queries, groups : int
        Heads of queries, and of keys and values.
    width : int
        Features of each.
    bias, out_bias, key_bias : bool
        Whether projections to heads, and from heads, have biases, and that of keys as the others have.
    norm : bool
        Whether queries and keys are normalised for each head.
    held : tuple of Weight
        What it holds beside, as scores of its own that compete with those of keys.
    """

    queries: int
    groups: int
    width: int
    bias: bool = False
    out_bias: bool = False
    key_bias: bool = True
    norm: bool = False
    held: tuple[Weight, ...] = ()


def attention(
    sketch: Sketch,
    lead: str,
    x: Tensor,
    heads: Heads,
    width: int,
    *,
    other: Tensor | None = None,
    causal: bool = False,
    hidden: bool = False,
    masks: tuple[Tensor, ...] | None = None,
) -> Tensor:
    """Draw attention of `x` to itself, or to another sequence, and back to so many features.

    Parameters
    ----------
    hidden : bool
        Whether keys are hidden by what the file does not say.
    masks : tuple of Tensor, optional
        What hides keys; by default all masks that the layer is called on.
    """

    def project(name: str, source: Tensor, count: int) -> Tensor:
        settings: dict[str, Any] = {"equation": "bqm,muh->bquh", "output_shape": [None, count, heads.width]}
        settings["bias_axes"] = "uh" if heads.bias and (heads.key_bias or name != "key") else None
        made = sketch.layer(f"{lead}_{name}", "EinsumDense", source, **settings)
        if heads.norm and name != "value":
            made = sketch.layer(f"{lead}_{name}_norm", "LayerNormalization", made, axis=-1, rms_scaling=True)
        again = heads.queries // max(count, 1)
        return made if again == 1 else sketch.operation("Repeat", made, repeats=again, axis=2)

    if heads.queries % heads.groups:
        sketch.understood = False
    source = x if other is None else other
    query = project("query", x, heads.queries)
    key, value = (project(name, source, heads.groups) for name in ("key", "value"))
    found = sketch.masks() if masks is None else masks
    if hidden and not found:
        found = (sketch.layer(f"{lead}_mask", "Positions", x),)
    given: dict[str, Any] = {f"mask_{k}_mask": mask for k, mask in enumerate(found)}
    if heads.held:
        given["held"] = Constant((), None, heads.held)
    made = sketch.operation("DotProductAttention", query, key, value, is_causal=causal, **given)
    return sketch.layer(
        f"{lead}_output",
        "EinsumDense",
        made,
        equation="bquh,uhm->bqm",
        output_shape=[None, width],
        bias_axes="m" if heads.out_bias else None,
    )

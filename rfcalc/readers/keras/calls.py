"""What one call of a layer or operation computes: its kind, its settings, its inputs in the rule's order."""

from __future__ import annotations

from typing import Final

from rfcalc.errors import ReadError
from rfcalc.graph import Edge
from rfcalc.graph.layer import Stage
from rfcalc.readers.keras.config import Config
from rfcalc.readers.keras.entries import class_of, is_operation
from rfcalc.readers.keras.layers import make_layer, with_lead
from rfcalc.readers.keras.nodes import Node, Ref, flatten

_LAYERS: Final = ("multi_head_attention", "dot_attention", "additive_attention")
ATTENTION: Final = (*_LAYERS, "head_attention")
"""Kinds that may be given a mask of their scores."""

Call = tuple[Stage, list[Edge]]
"""What is computed, and of what."""


def read_call(entry: Config, config: Config, node: Node, edges: list[Edge], lead: int) -> Call:
    """Read the call `node` of a layer on `edges`, below `lead` axes of the models around it."""
    edges, masks = node.split_masks(edges)
    stage, edges = _read_kind(entry, config, node, edges)
    if not edges and stage.kind not in ("unknown", "cover"):
        raise ReadError("is called on no tensor", where=f"{entry.where}.inbound_nodes")
    if lead and stage.kind != "unknown":
        stage = with_lead(stage, lead)
    if masks:
        extras, edges = stage.extras, [*edges, *masks]
        if _are_gates(stage.kind, node):
            extras = extras._replace(gates=extras.gates + len(masks))
        else:
            extras = extras._replace(masks=extras.masks + len(masks))
        stage = stage._replace(extras=extras)
    return stage, edges


def _are_gates(kind: str, node: Node) -> bool:
    """Tell whether the masks of a call say which steps of its input count, as padding does not."""
    first = node.refs[0]
    return kind not in ATTENTION and all(
        mask.shape is not None and first.shape is not None and mask.shape == first.shape[: len(mask.shape)]
        for mask in node.masks
    )


def _read_kind(entry: Config, config: Config, node: Node, edges: list[Edge]) -> Call:
    class_name = entry.text("class_name")
    if is_operation(entry, class_name):
        # most models have no operations, and need not wait for their tables
        from rfcalc.readers.keras.ops import make_operation

        return make_operation(class_name, config, node, edges)
    stage = make_layer(class_of(entry), config)
    if stage.kind == "unknown" and isinstance(entry.get("unread"), str):
        stage = Stage("unknown", {"why": entry.get("unread")})
    kind, attrs, _ = stage
    if kind == "embedding" and node.kwargs.get("reverse") is True:
        return Stage("linear", {"units": attrs["vocabulary"], "bias": False}), edges
    if kind not in _LAYERS:
        return stage, edges
    edges = _query_key_value(node, edges)
    if node.kwargs.get("return_attention_scores") is True:
        attrs = {**attrs, "scores": True}
    if node.kwargs.get("use_causal_mask") is True:
        attrs = {**attrs, "causal": True}
    return stage._replace(attrs=attrs), edges


def _query_key_value(node: Node, edges: list[Edge]) -> list[Edge]:
    """Put the inputs of attention in order: query, key, value, where Keras has (query, value, key)."""
    refs = node.refs[: len(edges)]
    by_ref = dict(zip((ref.key for ref in refs), edges, strict=True))
    plain = [by_ref[ref.key] for ref in flatten(node.args) if ref.key in by_ref]
    named = {
        name: by_ref[value.key]
        for name, value in node.kwargs.items()
        if isinstance(value, Ref) and value.key in by_ref
    }
    roles = dict(zip(("query", "value", "key"), plain, strict=False))
    roles.update({name: edge for name, edge in named.items() if name in ("query", "value", "key")})
    if "query" not in roles:
        return edges
    value = roles.get("value", roles["query"])
    return [roles["query"], roles.get("key", value), value]

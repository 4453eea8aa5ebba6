"""How many layers a model of the native format has, counted before any is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rfcalc.algebra.number import Num
from rfcalc.errors import ReadError
from rfcalc.readers.native_nodes import (
    MOST_LAYERS,
    AgainNode,
    BlockDefinition,
    Body,
    GroupNode,
    LayerNode,
    Node,
    UseNode,
)
from rfcalc.readers.values import INDEX, resolve

Names = Mapping[str, Num]
"""The values that expressions see."""


def inner_names(node: UseNode, block: BlockDefinition, parameters: Names, names: Names) -> dict[str, Num]:
    """Return the values that expressions see inside a use of a block: parameters, then arguments."""
    inner = dict(parameters)
    for name, default in block.arguments.items():
        given = name in node.arguments
        inner[name] = resolve(node.arguments[name], names) if given else resolve(default, inner)
    return inner


def too_many(where: str) -> ReadError:
    """Return the error that a model is too large."""
    return ReadError(f"the model has more than {MOST_LAYERS:,} layers with all its copies", where=where)


class Sizer:
    """Counts the layers that a body makes, without making them; an empty copy counts as one layer.

    Parameters
    ----------
    blocks : mapping of str to BlockDefinition
        The model's blocks.
    parameters : mapping of str to Num
        The values of its parameters.
    """

    def __init__(self, blocks: Mapping[str, BlockDefinition], parameters: Names) -> None:
        self.blocks = blocks
        self.parameters = parameters
        self._known: dict[tuple[Any, ...], int] = {}

    def check(self, body: Body) -> None:
        """Refuse a model of too many layers.

        Raises
        ------
        ReadError
            There are more than `MOST_LAYERS`.
        """
        total = 0
        for node in body.nodes:
            total += self._node(node, self.parameters)
            if total > MOST_LAYERS:
                raise too_many(node.frame.where)

    def _body(self, body: Body, names: Names) -> int:
        total = 0
        for node in body.nodes:
            total += self._node(node, names)
            if total > MOST_LAYERS:
                break
        return max(total, 1)

    def _node(self, node: Node, names: Names) -> int:
        count: int = 1 if node.frame.repeat is None else resolve(node.frame.repeat, names)
        if isinstance(node, (LayerNode, AgainNode)) or count == 0 or count > MOST_LAYERS:
            return count
        if node.frame.repeat is None:
            return self._once(node, names)
        if not node.indexed:
            return count * self._once(node, {**names, INDEX: 0})
        total = 0
        for number in range(count):
            total += self._once(node, {**names, INDEX: number})
            if total > MOST_LAYERS:
                break
        return total

    def _once(self, node: UseNode | GroupNode, names: Names) -> int:
        if isinstance(node, GroupNode):
            return self._body(node.body, names)
        block = self.blocks[node.block]
        inner = inner_names(node, block, self.parameters, names)
        key = (node.block, *(inner[name] for name in block.arguments))
        if any(type(value) is not int for value in key[1:]):
            return self._body(block.body, inner)  # a formula or an array may not be hashable
        if key not in self._known:
            self._known[key] = self._body(block.body, inner)
        return self._known[key]

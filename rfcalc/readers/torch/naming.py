"""Names of layers, from the paths of modules, and the tree of modules as blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rfcalc.graph.graph import Block
from rfcalc.graph.layer import Edge, Layer
from rfcalc.readers.torch.program import USER, Call, Program, refs_in

Stack = tuple[tuple[str, str, str], ...]


def operator_name(target: str) -> str:
    """Return the plain name of an operator.

    >>> operator_name("aten.add_.Tensor"), operator_name("higher_order.cond")
    ('add', 'cond')
    """
    parts = target.split(".")
    name = parts[1] if len(parts) > 1 else target
    return name.rstrip("_") or name


def moving_names(program: Program) -> set[str]:
    """Return the names of all results that depend on an input of the user."""
    moving = {each.name for each in program.inputs if each.role == USER}
    for call in program.calls:
        if any(name in moving for value in call.args.values() for name in refs_in(value)):
            moving.update(name for name, _ in call.outputs)
    return moving


class Names:
    """The names of a program's layers: a module with one operation of its own gives that its path.

    Parameters
    ----------
    program : Program
        The program.
    """

    def __init__(self, program: Program) -> None:
        moving = moving_names(program)
        self._alone: dict[str, int] = {}
        around = {key for call in program.calls for key, _, _ in call.stack[:-1]}
        for call in program.calls:
            if call.stack and any(name in moving for name, _ in call.outputs):
                key = call.stack[-1][0]
                self._alone[key] = self._alone.get(key, 0) + (2 if key in around else 1)
        self.classes: dict[tuple[str, ...], tuple[str, str]] = {}

    def of(self, call: Call) -> tuple[str, tuple[str, ...]]:
        """Return the name of a call's layer, and the blocks around it."""
        op = operator_name(call.target)
        stack = tuple((key, _path(path), kind) for key, path, kind in call.stack if _path(path))
        if not stack:
            return op, ()
        key, path, _ = stack[-1]
        alone = call.stack[-1][0] == key and self._alone.get(key, 0) == 1
        around = stack[:-1] if alone else stack
        return path if alone else f"{path}.{op}", self._blocks(around)

    def _blocks(self, stack: Stack) -> tuple[str, ...]:
        blocks: list[str] = []
        before = ""
        for _, path, kind in stack:
            blocks.append(path.removeprefix(f"{before}.") if before else path)
            self.classes.setdefault(tuple(blocks), (path, kind.rpartition(".")[2]))
            before = path
        return tuple(blocks)


def _path(path: str) -> str:
    """Return the path of a module in the words of Python: the second call of one is another row."""
    return path.removeprefix("L['self'].").removeprefix("L__self__").lstrip(".").replace("@", "#")


def blocks_of(
    layers: Mapping[str, Layer], classes: Mapping[tuple[str, ...], tuple[str, str]], returned: Iterable[Edge]
) -> list[Block]:
    """Return the modules around layers, each with the tensors that leave it, the last one first."""
    leaving: dict[tuple[str, ...], dict[Edge, None]] = {}
    last: dict[tuple[str, ...], Edge] = {}
    for layer in layers.values():
        for depth in range(1, len(layer.block) + 1):
            last[layer.block[:depth]] = (layer.name, 0)
        for edge in layer.inputs:
            _note(layers[edge[0]].block, layer.block, edge, leaving)
    for edge in returned:
        _note(layers[edge[0]].block, (), edge, leaving)
    order = {name: place for place, name in enumerate(layers)}
    blocks = []
    for path, edge in last.items():
        name, kind = classes.get(path, (".".join(path), "Module"))
        out = sorted(leaving.get(path, {edge: None}), key=lambda each: -order[each[0]])
        blocks.append(Block(path, kind, tuple(out), label=name))
    return blocks


def _note(
    maker: Sequence[str], taker: Sequence[str], edge: Edge, leaving: dict[tuple[str, ...], dict[Edge, None]]
) -> None:
    """Note which blocks around the maker of a tensor its taker is not in."""
    shared = 0
    while shared < min(len(maker), len(taker)) and maker[shared] == taker[shared]:
        shared += 1
    for depth in range(shared + 1, len(maker) + 1):
        leaving.setdefault(tuple(maker[:depth]), {})[edge] = None

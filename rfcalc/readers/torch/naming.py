"""Names of layers, from the paths of modules."""

from __future__ import annotations

from rfcalc.readers.lowering.modules import relative
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
        blocks = relative(path for _, path, _ in stack)
        for depth, (_, path, kind) in enumerate(stack, 1):
            self.classes.setdefault(blocks[:depth], (path, kind.rpartition(".")[2]))
        return blocks


def _path(path: str) -> str:
    """Return the path of a module in the words of Python: the second call of one is another row."""
    return path.removeprefix("L['self'].").removeprefix("L__self__").lstrip(".").replace("@", "#")

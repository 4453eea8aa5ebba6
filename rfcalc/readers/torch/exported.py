"""Programs in memory: what `torch.export.export` returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rfcalc.algebra.number import UNKNOWN, Num
from rfcalc.readers.lowering.mask_constants import MOST_MASKED, is_structural, may_be_structural
from rfcalc.readers.torch.extents import from_formula
from rfcalc.readers.torch.program import (
    BUFFER,
    CONSTANT,
    OTHER,
    PARAMETER,
    USER,
    Call,
    Given,
    Program,
    Ref,
    Tensor,
)

MOST_KNOWN: Final = 1 << 16
"""Elements of a constant that are looked at."""

_ROLES: Final = {
    "USER_INPUT": USER,
    "PARAMETER": PARAMETER,
    "BUFFER": BUFFER,
    "CONSTANT_TENSOR": CONSTANT,
}


class Exported:
    """An exported program.

    Parameters
    ----------
    program : torch.export.ExportedProgram
        What `torch.export.export` returned.
    name : str
        The module's class.
    tensors : mapping, optional
        The module's own parameters and buffers by path, where the program has stand-ins for them.
    """

    def __init__(self, program: Any, name: str, tensors: Mapping[str, Any] | None = None) -> None:
        self._program = program
        self._name = name
        self._tensors = {**program.state_dict, **program.constants, **(tensors or {})}
        self._first: dict[Any, str] = {}
        for path, tensor in self._tensors.items():
            self._first.setdefault(storage_of(tensor), path)

    def read(self, symbols: Mapping[str, Num]) -> Program:
        """Return the program with these numbers in the place of symbols."""
        module = self._program.graph_module
        graph = _Graph(module, symbols)
        specs = {spec.arg.name: spec for spec in self._program.graph_signature.input_specs}
        inputs = [self._given(node, specs[node.name], graph) for node in graph.placeholders()]
        kinds = [spec.kind.name for spec in self._program.graph_signature.output_specs]
        outputs = [value for kind, value in zip(kinds, graph.outputs(), strict=True) if kind == "USER_OUTPUT"]
        ranges = {
            str(each): (_bound(found.lower), _bound(found.upper))
            for each, found in self._program.range_constraints.items()
        }
        return Program(self._name, inputs, graph.calls(), outputs, ranges)

    def _given(self, node: Any, spec: Any, graph: _Graph) -> Given:
        role = _ROLES.get(spec.kind.name, OTHER)
        path = spec.target or node.name
        meta = graph.meta(node.meta.get("val"))
        tensor = self._tensors.get(path) if role != USER else None
        if tensor is None:
            return Given(node.name, role, path, meta, unread=role in (BUFFER, CONSTANT))
        learned = role == PARAMETER or (role == BUFFER and is_blank(tensor))
        data = known_data(tensor, learned=learned)
        identity = self._first.get(storage_of(tensor), path)  # tied tensors go by the name of the first
        doubt = not learned and not is_read(tensor)
        return Given(node.name, role, path, meta, identity, bool(tensor.requires_grad), data, doubt)


def storage_of(tensor: Any) -> Any:
    """Return what is the same for tensors of the same elements in the same shape."""
    try:
        return (tensor.untyped_storage()._cdata, tensor.storage_offset(), tuple(tensor.shape))
    except (AttributeError, NotImplementedError, RuntimeError):
        return id(tensor)


def known_data(tensor: Any, *, learned: bool = False) -> Any:
    """Return the elements of a small tensor, or of a mask, as an array; None for any other."""
    import torch

    floats = tensor.dtype.is_floating_point
    if not is_read(tensor) or (floats and learned):
        return None
    real = tensor.detach().cpu()
    array = (real.float() if floats and tensor.dtype != torch.float64 else real).numpy()
    small = not floats or tensor.numel() <= MOST_KNOWN
    return array if small or (may_be_structural(array) and is_structural(array)) else None


def is_read(tensor: Any) -> bool:
    """Tell whether the elements of a tensor are looked at, whatever they are."""
    import torch

    if type(tensor) is not torch.Tensor or not _is_plain(tensor):
        return False
    integers = not tensor.dtype.is_floating_point and tensor.dtype != torch.bool
    return bool(tensor.numel() <= (MOST_KNOWN if integers else MOST_MASKED))


def is_blank(tensor: Any) -> bool:
    """Tell whether a buffer holds nothing but zeros: that is a state which is still to be filled."""
    return bool(tensor.dtype.is_floating_point and is_read(tensor) and not tensor.any())


def _is_plain(tensor: Any) -> bool:
    """Tell whether a tensor has elements that can be read as they lie."""
    import torch

    lies = tensor.layout is torch.strided and not tensor.is_nested and tensor.device.type != "meta"
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    return bool(lies and not wrapped and not tensor.is_quantized and not tensor.dtype.is_complex)


def _bound(value: Any) -> int | None:
    return int(value) if getattr(value, "is_Integer", False) else None


class _Graph:
    """One graph: the program's own, or that of a branch."""

    def __init__(self, module: Any, symbols: Mapping[str, Num]) -> None:
        self._module = module
        self._symbols = symbols

    def placeholders(self) -> list[Any]:
        return [node for node in self._module.graph.nodes if node.op == "placeholder"]

    def outputs(self) -> list[Any]:
        (last,) = (node for node in self._module.graph.nodes if node.op == "output")
        returned = last.args[0]
        return [
            self._argument(each)
            for each in (returned if isinstance(returned, (tuple, list)) else (returned,))
        ]

    def calls(self) -> list[Call]:
        parts = self._parts()
        return [
            self._call(node, parts)
            for node in self._module.graph.nodes
            if node.op == "call_function" and not _takes_part(node)
        ]

    def program(self, name: str) -> Program:
        """Return the whole graph, of a branch."""
        inputs = [
            Given(node.name, USER, node.name, self.meta(node.meta.get("val"))) for node in self.placeholders()
        ]
        return Program(name, inputs, self.calls(), self.outputs())

    def _parts(self) -> dict[tuple[str, int], str]:
        """Return the names of the parts of results that are several."""
        return {
            (node.args[0].name, node.args[1]): node.name
            for node in reversed(self._module.graph.nodes)
            if _takes_part(node)
        }

    def _call(self, node: Any, parts: Mapping[tuple[str, int], str]) -> Call:
        found = node.meta.get("val")
        if isinstance(found, (tuple, list)):
            outputs = tuple(
                (parts.get((node.name, k), f"{node.name}.{k}"), self.meta(each))
                for k, each in enumerate(found)
            )
        else:
            outputs = () if found is None else ((node.name, self.meta(found)),)
        stack = tuple(
            (str(key), str(path), kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}")
            for key, (path, kind) in (node.meta.get("nn_module_stack") or {}).items()
        )
        return Call(node.name, target_of(node.target), self._arguments(node), outputs, stack)

    def _arguments(self, node: Any) -> dict[str, Any]:
        schema = getattr(node.target, "_schema", None)
        names = [each.name for each in schema.arguments] if schema is not None else []
        args: dict[str, Any] = {}
        for place, value in enumerate(node.args):
            args[names[place] if place < len(names) else f"arg{place}"] = self._argument(value)
        args.update((name, self._argument(value)) for name, value in node.kwargs.items())
        return args

    def _argument(self, value: Any) -> Any:
        import torch

        if isinstance(value, torch.fx.Node):
            if value.op == "get_attr":
                return self._attribute(str(value.target))
            return Ref(value.name)
        if isinstance(value, (list, tuple)):
            return [self._argument(each) for each in value]
        if isinstance(value, torch.dtype):
            return dtype_name(value)
        if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
            return self.meta(value)
        return value

    def _attribute(self, target: str) -> Any:
        """Return a branch, or the tensor that a graph holds itself."""
        import torch

        found: Any = self._module
        for part in target.split("."):
            found = getattr(found, part)
        if isinstance(found, torch.fx.GraphModule):
            return _Graph(found, self._symbols).program(target)
        doubt = not is_read(found)
        return Given(target, CONSTANT, target, self.meta(found), data=known_data(found), unread=doubt)

    def meta(self, value: Any) -> Any:
        """Return what is recorded of a result."""
        import torch

        if isinstance(value, torch.Tensor):
            return Tensor(tuple(self._number(extent) for extent in value.shape), dtype_name(value.dtype))
        if isinstance(value, (int, float, bool)):
            return value
        if isinstance(value, torch.SymInt):
            return self._number(value)
        return UNKNOWN if isinstance(value, (torch.SymFloat, torch.SymBool)) else None

    def _number(self, value: Any) -> Num:
        if isinstance(value, int):
            return value
        return from_formula(value.node.expr, self._symbols)


def dtype_name(dtype: Any) -> str:
    """Return the name of an element type, such as ``float32``."""
    return str(dtype).removeprefix("torch.")


def _takes_part(node: Any) -> bool:
    import operator

    return node.op == "call_function" and node.target is operator.getitem


def target_of(target: Any) -> str:
    """Spell an operator as saved programs do, without the namespace that all have."""
    schema = getattr(target, "_schema", None)
    if schema is not None:
        namespace, _, name = schema.name.partition("::")
        return f"{namespace}.{name}.{schema.overload_name or 'default'}"
    namespace = getattr(target, "namespace", None)
    if namespace is not None:  # a higher-order operator
        return f"{namespace}.{target.name() if callable(getattr(target, 'name', None)) else target}"
    return f"{getattr(target, '__module__', '')}.{getattr(target, '__name__', target)}"

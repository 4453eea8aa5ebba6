"""Small ONNX models, written as a table: a case is an input, a few nodes and what is true of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray
IR: Final = 10
MICROSOFT: Final = "com.microsoft"


@dataclass(frozen=True)
class Node:
    """One node: an input is a name, an array (which becomes an initializer), or None where it is left out."""

    op: str
    inputs: tuple[str | Array | None, ...]
    outputs: tuple[str, ...]
    domain: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One model and what is true of it.

    Parameters
    ----------
    name : str
        What the case is about.
    x : sequence of int
        The shape of the input ``x``.
    nodes : tuple of Node
        In order; the last is asked about unless ``outputs`` says otherwise.
    opset : int
        Version of the standard domain.
    exact : bool
        The answer has to be exact; otherwise a bound will do.
    params, fixed : int, optional
        Trainable and non-trainable parameters of the model; None where that is open to argument.
    macs : int, optional
        Multiply-accumulates at batch 1; None where that is open to argument.
    axes : tuple of int
        Which axes of ``x`` are spatial; by default all behind the first two.
    outputs : tuple of str
        The tensors that are asked about.
    numeric : str
        How far the running model shows its dependence: ``equal``, ``within`` (some of it is hidden by
        rounding, by a maximum, ...) or ``none`` (no runtime has the operation).
    open : tuple of int
        Axes of the output whose extent depends on data.
    layout : str
        What the axes of ``x`` are, such as ``NTC``, where nothing in the model tells.
    """

    name: str
    x: Sequence[int]
    nodes: tuple[Node, ...]
    opset: int = 18
    exact: bool = True
    params: int | None = 0
    fixed: int | None = 0
    macs: int | None = 0
    axes: tuple[int, ...] = ()
    outputs: tuple[str, ...] = ()
    dtype: str = "f"
    more: Mapping[str, tuple[str, Sequence[int]]] = field(default_factory=dict)
    numeric: str = "equal"
    open: tuple[int, ...] = ()
    functions: tuple[Any, ...] = ()
    layout: str = ""

    @property
    def spatial(self) -> tuple[int, ...]:
        return self.axes or tuple(range(2, len(self.x)))

    @property
    def asked(self) -> tuple[str, ...]:
        return self.outputs or (self.nodes[-1].outputs[0],)

    def __str__(self) -> str:
        return self.name


def n(
    op: str, *inputs: str | Array | None, to: str | Sequence[str] = "y", domain: str = "", **attributes: Any
) -> Node:
    """Spell a node; without inputs it takes ``x``, with None alone nothing."""
    outputs = (to,) if isinstance(to, str) else tuple(to)
    taken = () if len(inputs) == 1 and inputs[0] is None else inputs or ("x",)
    return Node(op, taken, outputs, domain, attributes)


def ms(op: str, *inputs: str | Array | None, to: str | Sequence[str] = "y", **attributes: Any) -> Node:
    """Spell a node of onnxruntime's own domain."""
    return n(op, *inputs, to=to, domain=MICROSOFT, **attributes)


def f(*values: float) -> Array:
    return np.array(values, np.float32)


def i(*values: int) -> Array:
    return np.array(values, np.int64)


def s(value: float, dtype: str = "f") -> Array:
    """A scalar."""
    return np.array(value, dtype)


def w(*shape: int) -> Array:
    """Weights: positive and all different, so that nothing cancels."""
    random = np.random.default_rng(sum(shape))
    return random.uniform(0.1, 1.0, shape).astype(np.float32)


def q(*shape: int, dtype: str = "i1") -> Array:
    """Quantised weights."""
    return (np.arange(int(np.prod(shape))) % 5 + 1).reshape(shape).astype(dtype)


def model_of(case: Case, *, shapes: bool = False) -> Any:
    """Build the model of a case, with the tensors asked about as outputs."""
    import onnx
    from onnx import helper, numpy_helper

    names: dict[int, str] = {}
    initializers = []
    nodes = []
    for place, node in enumerate(case.nodes):
        inputs = []
        for each in node.inputs:
            if isinstance(each, np.ndarray):
                if id(each) not in names:
                    names[id(each)] = f"w{len(names)}"
                    initializers.append(numpy_helper.from_array(each, names[id(each)]))
                inputs.append(names[id(each)])
            else:
                inputs.append(each or "")
        attributes = {
            k: numpy_helper.from_array(v) if isinstance(v, np.ndarray) else v
            for k, v in node.attributes.items()
        }
        made = helper.make_node(
            node.op, inputs, list(node.outputs), name=f"n{place}", domain=node.domain, **attributes
        )
        nodes.append(made)
    given = {"x": (case.dtype, case.x), **case.more}
    values = [
        helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), list(shape))
        for k, (kind, shape) in given.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in case.asked]
    graph = helper.make_graph(nodes, "g", values, outputs, initializers)
    domains = {node.domain for node in case.nodes} | {each.domain for each in case.functions}
    imports = [helper.make_opsetid("", case.opset)]
    imports += [helper.make_opsetid(domain, 1) for domain in sorted(domains - {""})]
    model = helper.make_model(graph, opset_imports=imports, ir_version=IR, functions=list(case.functions))
    return onnx.shape_inference.infer_shapes(model) if shapes else model

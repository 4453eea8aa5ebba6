"""What runtimes make of a case: its extent, and which elements each of its elements reads."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from tests.runtimes.cases import Case

Row = "list[int] | None"
"""First, last and number of the elements that an element of the result reads; None where it reads none."""

Answer = dict[str, Any]
"""``extent``, and ``rows`` or ``sums``; or what it is ``refused`` for."""

Runner = Callable[[Any], Any]
"""What a model makes of an array of the case's shape."""


class Runtime(NamedTuple):
    """One that can be asked.

    Parameters
    ----------
    name : str
        How the record calls it; behind it stands the version where several are recorded.
    package, module : str
        The package that has its version, and the module that is imported.
    ask : callable
        Returns its answer to a case, or None where it has no such operation.
    """

    name: str
    package: str
    module: str
    ask: Callable[[Case], Answer | None]

    @property
    def installed(self) -> bool:
        """Whether it can be asked here."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def key(self) -> str:
        """How the record calls it: releases of onnxruntime before 1.21 are recorded beside the newest."""
        version = tuple(map(int, importlib.metadata.version(self.package).split(".")[:2]))
        return f"{self.name} 1.20" if self.name == "onnxruntime" and version < (1, 21) else self.name


def built(case: Case) -> Any:
    """Return the case as a model of ONNX."""
    from onnx import TensorProto, helper, numpy_helper

    arrays = [numpy_helper.from_array(each, f"c{k}") for k, each in enumerate(case.extra) if each is not None]
    names = iter(each.name for each in arrays)
    inputs = ["x", *("" if each is None else next(names) for each in case.extra)]
    node = helper.make_node(case.op, inputs, ["y"], name="y", **case.attributes)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, list(case.shape))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "g", [x], [y], arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset)], ir_version=9)


def answer(case: Case, run: Runner) -> Answer:
    """Run a case: change one element at a time and see what follows, or give it ones."""
    try:
        if case.sums:
            made = run(np.ones(case.shape, np.float32))
            return {"extent": made.shape[-1], "sums": [round(float(each), 4) for each in made[0, 0]]}
        return {"extent": len(rows := rows_of(case.shape, run)), "rows": rows}
    except Exception as error:  # each runtime has kinds of its own
        return {"refused": str(error).strip().partition("\n")[0][:160]}


def rows_of(shape: tuple[int, ...], run: Runner) -> list[Any]:
    """Change one element of the input at a time, and list which ones each element of the result follows."""
    found: list[set[int]] = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        x = random.uniform(0.5, 1.5, shape).astype(np.float32)
        before = np.array(run(x))
        found = found or [set() for _ in range(before.shape[-1])]
        for place in range(shape[-1]):
            other = x.copy()
            other[..., place] += 3.0 if seed else -0.4
            moved = abs(np.array(run(other)) - before) > 1e-5
            for made in np.flatnonzero(moved.reshape(-1, moved.shape[-1]).any(axis=0)):
                found[made].add(place)
    return [[min(each), max(each), len(each)] if each else None for each in found]


# ---- each runtime ------------------------------------------------------------------------------------------


def _started(case: Case, start: Callable[[Any], Runner]) -> Answer:
    try:
        run = start(built(case))
    except Exception as error:  # each runtime has kinds of its own
        return {"refused": str(error).strip().partition("\n")[0][:160]}
    return answer(case, run)


def onnxruntime(case: Case) -> Answer:
    """Ask onnxruntime."""

    def start(model: Any) -> Runner:
        import onnxruntime as runtime

        options = runtime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = runtime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        return lambda x: session.run(None, {"x": x})[0]

    return _started(case, start)


def reference(case: Case) -> Answer:
    """Ask the reference evaluator of onnx."""

    def start(model: Any) -> Runner:
        from onnx.reference import ReferenceEvaluator

        evaluator = ReferenceEvaluator(model)
        return lambda x: evaluator.run(None, {"x": x})[0]

    return _started(case, start)


def inference(case: Case) -> Answer:
    """Ask the shape inference of onnx, which says the extent alone."""
    import onnx

    try:
        graph = onnx.shape_inference.infer_shapes(built(case), strict_mode=True, data_prop=True).graph
    except Exception as error:  # of a kind of its own
        return {"refused": str(error).strip().partition("\n")[0][:160]}
    return {"extent": graph.output[0].type.tensor_type.shape.dim[-1].dim_value}


def openvino(case: Case) -> Answer:
    """Ask OpenVINO to read the ONNX model and run it on the processor."""

    def start(model: Any) -> Runner:
        import openvino as ov

        core = ov.Core()
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", settings)
        return lambda x: np.array(compiled([x])[0])

    return _started(case, start)


def torch(case: Case) -> Answer | None:
    """Ask PyTorch, where the case has the same in it."""
    call = case.torch
    if call is None:
        return None
    import torch as library

    return answer(case, lambda x: call(library, library.from_numpy(x)).numpy())


RUNTIMES: Final[Sequence[Runtime]] = (
    Runtime("inference", "onnx", "onnx", inference),
    Runtime("reference", "onnx", "onnx", reference),
    Runtime("onnxruntime", "onnxruntime", "onnxruntime", onnxruntime),
    Runtime("openvino", "openvino", "openvino", openvino),
    Runtime("torch", "torch", "torch", torch),
)


def ours(case: Case, runtime: str | None = None) -> Answer:
    """Ask rfcalc, which may follow a runtime."""
    import rfcalc

    options: Mapping[str, Any] = {} if runtime is None else {"runtime": runtime}
    axis = rfcalc.field(built(case), "y", **options).axes[-1]
    assert axis.status == "exact", (case.name, axis.status)
    return {"extent": len(axis.rows), "rows": [None if row is None else list(row) for row in axis.rows]}

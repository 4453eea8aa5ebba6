"""Run an ONNX model with stand-in values: by onnxruntime, or by the reference evaluator of the onnx package.

The runtime executes what the file says. Weights that lie outside of the file, or that a pass replaces, are
random; what hides something by its values (a mask) stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

from rfcalc.errors import ReadError
from rfcalc.readers.lowering.mask_constants import VERY_NEGATIVE
from rfcalc.readers.onnx.sidecar import tables_of
from rfcalc.readers.running import Pass, Values, is_structure, stand_in

_WEIGHTS: Final[Mapping[str, frozenset[int]]] = {
    op: frozenset(places)
    for ops, places in (
        ("Conv ConvTranspose LayerNormalization InstanceNormalization GroupNormalization", (1, 2)),
        ("BatchNormalization LSTM GRU RNN", (1, 2, 3)),
        ("Gemm", (0, 1, 2)),
        ("MatMul Add Sub Mul", (0, 1)),
        ("PRelu RMSNormalization", (1,)),
        ("Gather Transpose Reshape Unsqueeze Squeeze Slice Expand", (0,)),
        ("Einsum Concat", range(8)),
    )
    for op in ops.split()
}
"""Which inputs of operations are weights that may have any value, where a file holds them as constants."""

_PARAMETERS: Final = frozenset(["Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN"])
"""Operations whose constants are parameters, whatever their values are."""

_BATCH_NORM: Final = {1: 1.0, 2: 0.1, 3: 0.0, 4: 1.0}
"""Scale, offset, mean and variance by their place among the inputs of a BatchNormalization."""

_SMEARING: Final = frozenset(["LRN"])
"""Operations for which onnxruntime keeps a running sum: it adds what comes, and takes off what goes."""

_DEEPER: Final = 1e27
"""How many times lower the numbers of a mask become: scores of scores are eighth powers of the input."""

_LINEAR: Final = frozenset(
    (
        *("Add", "Sub", "Neg", "Mul", "MatMul", "Gemm", "Einsum", "Conv", "ConvTranspose", "AveragePool"),
        *("ReduceSum", "ReduceMean", "CumSum", "Sum", "Mean", "Identity", "Reshape", "Flatten", "Transpose"),
        *("Squeeze", "Unsqueeze", "Concat", "Split", "Slice", "Gather", "Tile", "Expand", "Pad"),
    )
)
"""Operations that keep a difference of what they read, however small the numbers beside it are made."""

_SHALLOW: Final = -128.0
"""What stands in for the numbers of a mask where sums with them are looked at."""

_LARGE: Final = 1024
"""Elements of a tensor that no shape is computed from."""

_GATES: Final = {"LSTM": 4, "GRU": 3, "RNN": 1}


class OnnxRun:
    """An ONNX file that can be run.

    Parameters
    ----------
    data : bytes or ModelProto
        The file's contents.
    shapes : mapping
        A shape for each input.
    directory : str, optional
        The one that its file is in, where tables of integers may lie beside it.
    """

    def __init__(
        self,
        data: bytes | onnx.ModelProto,
        shapes: Mapping[str, Sequence[int]],
        directory: str | None = None,
    ) -> None:
        self.runtime = _runtime()
        self._model = onnx.ModelProto()
        self._model.CopyFrom(onnx.load_model_from_string(data) if isinstance(data, bytes) else data)
        tables_of(self._model, directory)
        graph = self._model.graph
        held = {each.name for each in graph.initializer}
        self.inputs = []
        for each in graph.input:
            if each.name in held:
                continue
            kind = each.type.tensor_type
            shape = tuple(shapes.get(each.name, ()))
            self.inputs.append((each.name, shape, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)))
            kind.shape.CopyFrom(onnx.TensorShapeProto())
            for extent in shape:
                kind.shape.dim.add(dim_value=extent)
        del graph.value_info[:]
        self._outputs = [each.name for each in graph.output]
        self._made = {name for node in graph.node for name in node.output if name}
        inner = {name for f in self._model.functions for node in f.node for name in node.output}
        self._made -= inner
        self.smeared = _behind(graph, _between_elements(self._model))
        self.summed = _summed(graph)
        self._uses: dict[str, list[tuple[str, int]]] = {}
        for node in graph.node:
            for place, name in enumerate(node.input):
                self._uses.setdefault(name, []).append((node.op_type, place))
        self.weights = tuple(
            each.name
            for each in graph.initializer
            if _floating(each)
            and self._replaceable(each)
            and any(op in _PARAMETERS for op, _ in self._uses[each.name])
        )

    def start(
        self, values: Pass, tensors: Iterable[str], *, nudged: str = ""
    ) -> Callable[[Values], tuple[Values, Sequence[Any]]]:
        """Return what runs the model with the weights of a pass."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        self._fill(model.graph, values, nudged)
        wanted = [name for name in tensors if name in self._made and name not in self._outputs]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
        names = [*self._outputs, *wanted]
        asked = frozenset(tensors)
        run = _session(model)

        def both(feeds: Values) -> tuple[Values, Sequence[Any]]:
            try:
                found = dict(zip(names, run(names, dict(feeds)), strict=True))
            except Exception as error:  # the runtime has exceptions of its own, and many of them
                raise _refused(self.runtime, error) from error
            arrays = {name: each for name, each in found.items() if isinstance(each, np.ndarray)}
            seen = {name: each for name, each in arrays.items() if name in asked}
            return seen, [arrays[name] for name in self._outputs if name in arrays]

        return both

    def macs(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, int]:
        """Count multiply-accumulates of operations of which the shapes are known."""
        known = {**shapes, **{name: shape for name, shape, _ in self.inputs}}
        known.update({each.name: tuple(each.dims) for each in self._model.graph.initializer})
        found = {}
        for node in self._model.graph.node:
            if (
                node.op_type in _COUNTS
                and node.output
                and all(name in known for name in node.input[:3] if name)
            ):
                out = known.get(node.output[0])
                if out is not None:
                    found[node.output[0]] = _COUNTS[node.op_type](
                        node, [known.get(n, ()) for n in node.input], out
                    )
        return found

    def _replaceable(self, tensor: onnx.TensorProto) -> bool:
        uses = self._uses.get(tensor.name, ())
        return bool(uses) and all(place in _WEIGHTS.get(op, ()) for op, place in uses)

    def _fill(self, graph: onnx.GraphProto, values: Pass, nudged: str) -> None:
        random = np.random.default_rng(PRIME + int(values.positive))
        change = np.random.default_rng(PRIME - 1)  # of its own, so that all others stay what they are
        for tensor in graph.initializer:
            outside = tensor.data_location == onnx.TensorProto.EXTERNAL
            if not _floating(tensor):
                if outside:
                    raise ReadError(
                        f"the whole numbers of {tensor.name!r} are not in the file, and cannot be made up"
                    )
                continue
            array = None if outside else numpy_helper.to_array(tensor)
            if array is None or self._changes(tensor, array, values):
                array = self._made_up(tensor, values, random)
            if tensor.name == nudged:
                array = array + np.asarray(change.uniform(0.5, 1.5, array.shape), array.dtype)
            elif not outside and array is None:
                continue
            if values.loud > 1.0:  # scores may be larger then than the numbers are low
                array = _deepened(array)
            if values.shallow:
                array = _raised(array)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))

    def _changes(self, tensor: onnx.TensorProto, array: Any, values: Pass) -> bool:
        """Tell whether a pass has values of its own for a tensor."""
        if values.own or not self._replaceable(tensor) or array.size < 2:
            return False
        if not array.any():
            return True
        return array.ndim > 1 and not is_structure(array)

    def _made_up(self, tensor: onnx.TensorProto, values: Pass, random: Any) -> Any:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        shape = tuple(tensor.dims)
        normal = [place for op, place in self._uses.get(tensor.name, ()) if op == "BatchNormalization"]
        if normal and normal[0] in _BATCH_NORM:
            return np.full(shape, _BATCH_NORM[normal[0]], dtype)
        if len(shape) < 2:
            return stand_in(shape, dtype, random, positive=values.positive)
        ops = {op for op, _ in self._uses.get(tensor.name, ())}
        taken = prod(shape[1:]) if len(shape) > 2 else max(shape)
        return stand_in(
            shape, dtype, random, positive=values.positive, taken=taken if ops & _PARAMETERS else 1
        )


def _deepened(array: Any) -> Any:
    """Lower what is very negative, so that it hides from a softmax scores of large changes too."""
    low = np.isfinite(array) & (array <= VERY_NEGATIVE)
    if not low.any():
        return array
    floor = np.finfo(array.dtype).min
    with np.errstate(over="ignore"):
        return np.where(low, np.maximum(array * np.asarray(_DEEPER, array.dtype), floor), array)


def _raised(array: Any) -> Any:
    """Raise what is very negative, so that sums with it hold what it was added to."""
    low = np.isfinite(array) & (array <= VERY_NEGATIVE)
    return np.where(low, np.asarray(_SHALLOW, array.dtype), array) if low.any() else array


def _summed(graph: onnx.GraphProto) -> frozenset[str]:
    """Return the sums of which one part is a constant with very negative numbers, and what is linear in them.

    Beside such numbers what they are added to is lost in rounding.
    """
    low = set()
    for tensor in graph.initializer:
        if _floating(tensor) and tensor.data_location != onnx.TensorProto.EXTERNAL:
            array = numpy_helper.to_array(tensor)
            if (np.isfinite(array) & (array <= VERY_NEGATIVE)).any():
                low.add(tensor.name)
    constant = {each.name for each in graph.initializer}
    found = set()
    for node in graph.node:
        if low.intersection(node.input):
            if constant.issuperset(node.input):
                low.update(node.output)
            elif node.op_type in ("Add", "Sub"):
                found.update(node.output)
        if node.op_type in _LINEAR and found.intersection(node.input):
            found.update(node.output)
        if constant.issuperset(node.input):
            constant.update(node.output)
    return frozenset(found)


PRIME: Final = 7919
"""Where the random numbers of weights begin, so that they are not those of inputs."""


def _behind(graph: onnx.GraphProto, resized: Collection[str]) -> frozenset[str]:
    """Return what is smeared: these tensors, what such operations make, and all that is made of these."""
    found = set(resized)
    for node in graph.node:
        if node.op_type in _SMEARING or found.intersection(node.input):
            found.update(node.output)
    return frozenset(found)


def _between_elements(model: onnx.ModelProto) -> set[str]:
    """Return what is interpolated at whole positions that floats miss, and so reads a trace beside them."""
    resizes = []
    for node in model.graph.node:
        given = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type == "Resize" and given.get("mode", b"nearest") != b"nearest":
            resizes.append((node, given.get("coordinate_transformation_mode", b"half_pixel")))
    shapes = _shapes(model) if resizes else {}
    found = set()
    for node, mode in resizes:
        before, after = shapes.get(node.input[0], ()), shapes.get(node.output[0], ())
        if not before or any(_misses(a, b, mode) for a, b in zip(before, after, strict=False)):
            found.add(node.output[0])
    return found


def _misses(before: int, after: int, mode: bytes) -> bool:
    """Tell whether a position inside of an axis is whole, and comes by steps that floats do not hold."""
    ends = mode == b"align_corners"
    if not (before and after) or before == after or (ends and after == 1):
        return not (before and after)
    step = Fraction(before - 1, after - 1) if ends else Fraction(before, after)
    if step.denominator & (step.denominator - 1) == 0:
        return False
    start = Fraction(0) if ends or mode == b"asymmetric" else (step - 1) / 2
    return any((step * k + start).denominator == 1 for k in range(1, after - 1))


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Infer the shapes of tensors, as far as they can be; weights take part by their shapes alone."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    graph = bare.graph
    large = [each for each in graph.initializer if prod(each.dims) > _LARGE]
    for each in large:
        graph.initializer.remove(each)
        graph.input.append(onnx.helper.make_tensor_value_info(each.name, each.data_type, list(each.dims)))
    try:
        graph = onnx.shape_inference.infer_shapes(bare, data_prop=True).graph
    except (RuntimeError, ValueError):  # of a damaged model, or one that is too large
        return {}
    return {
        each.name: tuple(dim.dim_value for dim in each.type.tensor_type.shape.dim)
        for each in (*graph.value_info, *graph.input, *graph.output)
    }


def _floating(tensor: onnx.TensorProto) -> bool:
    return bool(
        tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16)
    )


def _runtime() -> str:
    try:
        import onnxruntime
    except ImportError:
        return f"onnx {onnx.__version__}'s reference evaluator"
    return f"onnxruntime {onnxruntime.__version__}"


def _session(model: onnx.ModelProto) -> Callable[[Sequence[str], dict[str, Any]], Sequence[Any]]:
    try:
        import onnxruntime
    except ImportError:
        return _reference(model)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # of a kind of its own
        raise _refused("onnxruntime", error) from error
    run: Callable[[Sequence[str], dict[str, Any]], Sequence[Any]] = session.run
    return run


def _reference(model: onnx.ModelProto) -> Callable[[Sequence[str], dict[str, Any]], Sequence[Any]]:
    from onnx.reference import ReferenceEvaluator

    try:
        evaluator = ReferenceEvaluator(model)
    except Exception as error:  # NotImplementedError and more
        raise _refused("onnx's reference evaluator", error) from error

    def run(names: Sequence[str], feeds: dict[str, Any]) -> Sequence[Any]:
        with np.errstate(all="ignore"):
            return [np.asarray(each) for each in evaluator.run(list(names), feeds)]

    return run


def _refused(runtime: str, error: Exception) -> ReadError:
    reason = str(error).strip().partition("\n")[0][:200]
    return ReadError(f"{runtime} cannot run it with stand-in weights: {reason}")


# ---- multiply-accumulates from shapes ----------------------------------------------------------------------

Shape = Sequence[int]


def _conv(node: onnx.NodeProto, given: Sequence[Shape], out: Shape) -> int:
    return prod(out) * prod(given[1][1:])


def _transposed(node: onnx.NodeProto, given: Sequence[Shape], out: Shape) -> int:
    return prod(given[0]) * prod(given[1][1:])


def _gemm(node: onnx.NodeProto, given: Sequence[Shape], out: Shape) -> int:
    turned = any(each.name == "transA" and each.i for each in node.attribute)
    return prod(out) * given[0][0 if turned else 1]


def _product(node: onnx.NodeProto, given: Sequence[Shape], out: Shape) -> int:
    return prod(out) * given[0][-1]


def _recurrent(node: onnx.NodeProto, given: Sequence[Shape], out: Shape) -> int:
    directions, width, taken = given[1]
    hidden = width // _GATES[node.op_type]
    steps = given[0][0] * given[0][1]
    return steps * directions * width * (taken + hidden)


_COUNTS: Final[Mapping[str, Callable[[onnx.NodeProto, Sequence[Shape], Shape], int]]] = {
    "Conv": _conv,
    "ConvTranspose": _transposed,
    "Gemm": _gemm,
    "MatMul": _product,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
}

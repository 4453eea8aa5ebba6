"""A TensorFlow Lite file that LiteRT runs, with its own weights or with stand-ins for these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any, Final

import numpy as np

from rfcalc.errors import ReadError
from rfcalc.readers.running import Pass, Values, is_structure, stand_in
from rfcalc.readers.tflite.file import Operator, Tensor, parse

PACKAGE: Final = "ai_edge_litert"

_KERNELS: Final = dict.fromkeys(
    ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "FULLY_CONNECTED", "BATCH_MATMUL"), 1
)
"""At which input operations take weights that may be any numbers."""

_SEED: Final = 7919

_STEP: Final = 48
"""The integer that stands for 1 in a quantised input."""


class TfliteRun:
    """A TensorFlow Lite file that can be run.

    Parameters
    ----------
    data : bytes
        The file's contents.
    shapes : mapping
        A shape for each input.
    """

    smeared: frozenset[str] = frozenset()
    summed: frozenset[str] = frozenset()
    weights: tuple[str, ...] = ()

    def __init__(self, data: bytes, shapes: Mapping[str, Sequence[int]]) -> None:
        from importlib.metadata import version

        self.runtime = f"LiteRT {version(PACKAGE.replace('_', '-'))}"
        self._model = parse(data)
        self._graph = self._model.subgraphs[0]
        tensors = self._graph.tensors
        given = [tensors[place] for place in self._graph.inputs]
        self.inputs = [
            (each.name, tuple(shapes.get(each.name, ())), np.dtype("f4" if each.quantised else each.dtype))
            for each in given
        ]
        count = Counter(each.name for each in tensors)
        made = {place for op in self._graph.operators for place in op.outputs if place >= 0}
        self._places = {tensors[place].name: place for place in made if count[tensors[place].name] == 1}
        self._keeps = any(op.op == "READ_VARIABLE" for op in self._graph.operators)

    def start(
        self, values: Pass, tensors: Iterable[str], *, nudged: str = ""
    ) -> Callable[[Values], tuple[Values, Sequence[Any]]]:
        """Return what runs the model with the weights of a pass."""
        data = self._filled(values)
        asked = {name: self._places[name] for name in tensors if name in self._places}
        started = None if self._keeps else self._interpreter(data)

        def run(feeds: Values) -> tuple[Values, Sequence[Any]]:
            # what a variable keeps would be of the run before
            inner = self._interpreter(data) if started is None else started
            try:
                inner.reset_all_variables()
                for place, (name, _, _) in zip(self._graph.inputs, self.inputs, strict=True):
                    inner.set_tensor(place, self._taken(place, feeds[name]))
                inner.invoke()
                found = {name: np.array(inner.get_tensor(place)) for name, place in asked.items()}
                return found, [np.array(inner.get_tensor(place)) for place in self._graph.outputs]
            except (ValueError, RuntimeError) as error:
                raise _refused(error) from error

        return run

    def macs(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, int]:
        """Count multiply-accumulates of convolutions and linear layers, from what they make."""
        tensors = self._graph.tensors
        found = {}
        for op in self._graph.operators:
            name = tensors[op.outputs[0]].name if op.outputs else ""
            if op.op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED") and name in shapes:
                kernel = tensors[op.inputs[1]].shape
                each = prod(kernel[1:-1] if op.op == "DEPTHWISE_CONV_2D" else kernel[1:])
                found[name] = prod(shapes[name]) * each
        return found

    def _taken(self, place: int, value: Any) -> Any:
        """Return an input as the model takes it: numbers of about 1 as the integers that stand for them."""
        tensor = self._graph.tensors[place]
        if not tensor.quantised:
            return value
        ends = np.iinfo(tensor.dtype)
        return np.clip(np.round(value * _STEP), ends.min, ends.max).astype(tensor.dtype)

    def _interpreter(self, data: bytes) -> Any:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        try:
            inner = Interpreter(
                model_content=data,
                num_threads=1,
                # no delegate, which would run other operations than those of the file
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
            for place, (_, shape, _) in zip(self._graph.inputs, self.inputs, strict=True):
                inner.resize_tensor_input(place, shape)
            inner.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise _refused(error) from error
        return inner

    def _filled(self, values: Pass) -> bytes:
        """Return the file with the weights of a pass in the place of its own."""
        if values.own:
            return self._model.data
        random = np.random.default_rng(_SEED + int(values.positive))
        data = bytearray(self._model.data)
        for place, op in self._replaceable().items():
            tensor = self._graph.tensors[place]
            start, size = self._model.buffers[tensor.buffer]
            kind = np.dtype(tensor.dtype)
            own = np.frombuffer(data, kind, count=size // kind.itemsize, offset=start)
            if own.any() and is_structure(own):
                continue
            taken = prod(tensor.shape) // tensor.shape[-1 if op.op == "DEPTHWISE_CONV_2D" else 0]
            made = stand_in(tensor.shape, kind, random, positive=values.positive, taken=max(taken, 1))
            data[start : start + size] = made.tobytes()
        return bytes(data)

    def _replaceable(self) -> dict[int, Operator]:
        """Return the constants that are weights and nothing else, with an operation that takes each."""
        found: dict[int, Operator] = {}
        others: set[int] = set()
        for op in self._graph.operators:
            for number, place in enumerate(op.inputs):
                if place < 0 or not self._is_plain(self._graph.tensors[place]):
                    continue
                if _KERNELS.get(op.op) == number:
                    found[place] = op
                else:
                    others.add(place)
        return {place: op for place, op in found.items() if place not in others}

    def _is_plain(self, tensor: Tensor) -> bool:
        held = self._model.elements(tensor.buffer)
        floats = tensor.dtype in ("float32", "float16") and not tensor.sparse
        return floats and held is not None and len(tensor.shape) > 1


def _refused(error: Exception) -> ReadError:
    reason = str(error).strip().partition("\n")[0][:200]
    return ReadError(f"LiteRT cannot run it with stand-in weights: {reason}")

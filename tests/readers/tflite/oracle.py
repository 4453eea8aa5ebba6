"""What LiteRT makes of a model: shapes of its tensors, and what the outputs depend on, seen from outside.

One index of an axis of the input is changed at a time, and the outputs are compared, several times over:
nothing here knows of rules. ``python -m tests.readers.tflite.oracle`` writes the truth about all cases.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.readers.tflite.build import written
from tests.readers.tflite.cases import CASES, Case

TRUTH = Path(__file__).parents[2] / "data" / "tflite" / "truth.json"
TRIALS = 6


class Runner:
    """LiteRT with one model; variables begin with zeros at every run."""

    def __init__(self, model: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        # the reference kernels: no delegate changes the graph, and all tensors can be looked at
        self.inner = Interpreter(
            model_content=model,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
        self.inner.allocate_tensors()
        self.inputs = self.inner.get_input_details()
        self.outputs = self.inner.get_output_details()

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Return the outputs."""
        self.inner.reset_all_variables()
        for details, array in zip(self.inputs, arrays, strict=True):
            self.inner.set_tensor(details["index"], array)
        self.inner.invoke()
        return [np.asarray(self.inner.get_tensor(details["index"])) for details in self.outputs]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all tensors by name, as they are after a run."""
        found = {}
        for details in self.inner.get_tensor_details():
            found[details["name"]] = tuple(int(n) for n in details["shape"])
        return found


def sample(details: dict[str, Any], random: np.random.Generator) -> np.ndarray:
    """Return an input."""
    shape, kind = tuple(details["shape"]), details["dtype"]
    if np.issubdtype(kind, np.floating):
        return random.uniform(0.2, 2.2, shape).astype(kind)
    return random.integers(0, 4, shape).astype(kind)


def seen(run: Runner, axis: int, trials: int = TRIALS, place: int = 0) -> list[np.ndarray]:
    """Return for each output which elements changed with which index of an axis of an input, as bits."""
    random = np.random.default_rng(7)
    found: list[np.ndarray] = []
    for trial in range(trials):
        given = [sample(each, random) for each in run.inputs]
        before = run(*given)
        found = found or [np.zeros(each.shape, object) for each in before]
        for index in range(given[place].shape[axis]):
            changed = given[place].copy()
            key = tuple(index if k == axis else slice(None) for k in range(changed.ndim))
            part = changed[key]
            if np.issubdtype(part.dtype, np.floating):
                step = (-1.9, 1.7, 40.0, 0.9)[trial % 4]
                changed[key] = part + step * random.uniform(0.5, 1.5, part.shape).astype(part.dtype)
            else:
                changed[key] = (part + 1 + trial) % 4
            after = run(*(changed if k == place else each for k, each in enumerate(given)))
            for bits, old, new in zip(found, before, after, strict=True):
                bits[old != new] |= 1 << index
    return found


def spans(bits: np.ndarray, axis: int) -> list[list[int] | None]:
    """Return for each index along an axis the first and last index that it depends on, and how many."""
    rows: list[list[int] | None] = []
    for index in range(bits.shape[axis]):
        mask = 0
        for each in bits.take(index, axis).reshape(-1).tolist():
            mask |= each
        low = (mask & -mask).bit_length() - 1
        rows.append([low, mask.bit_length() - 1, mask.bit_count()] if mask else None)
    return rows


def truth_of(case: Case) -> dict[str, Any]:
    """Return what LiteRT says of a case, for each spatial axis of the input."""
    run = Runner(written(case.graph()))
    run(*(sample(each, np.random.default_rng(1)) for each in run.inputs))
    shapes = run.shapes()
    names = {"x", *(name for node in case.nodes for name in node.outputs)}
    found: dict[str, Any] = {"shapes": {name: list(shapes[name]) for name in sorted(names)}, "rows": {}}
    out = case.outputs.index("out")
    for axis, letter in enumerate(case.layout):
        if letter in "NC":
            continue
        bits = seen(run, axis)[out]
        found["rows"][str(axis)] = [spans(bits, each) for each in range(bits.ndim)]
    return found


def main() -> None:
    """Write the truth about all cases."""
    lines = [f"{json.dumps(case.name)}: {json.dumps(truth_of(case))}" for case in CASES]
    TRUTH.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

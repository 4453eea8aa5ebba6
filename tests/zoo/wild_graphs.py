"""Hold rfcalc to onnxruntime on many random graphs: ``python tests/zoo/wild_graphs.py --count 10000``.

Outside of CI. For each graph: the shape of every tensor, and for every axis of the input of which something
is claimed what changes with each of its indices, in several passes of other values. Counted are unsound rows,
wrong shapes, and how many of the pairs (row, index) that exact rows claim never show.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

import rfcalc
from rfcalc.engine.run import Run
from rfcalc.errors import RfcalcError
from rfcalc.questions.verify.running import claims_of
from rfcalc.readers.onnx.run import OnnxRun
from rfcalc.readers.running import PASSES, observe
from tests.wild_graphs import ops_of, wild


class Verdict(NamedTuple):
    """What one graph came to: a word, the tensor and operation it is about, exact pairs and those idle.

    `kinds` counts idle pairs by the operation at which they begin.
    """

    word: str
    about: str = ""
    op: str = ""
    claimed: int = 0
    idle: int = 0
    kinds: tuple[tuple[str, int], ...] = ()
    exact: int = 0
    tensors: int = 0


def judge(model: Any) -> Verdict:
    """Read a graph, run it, and compare."""
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    try:
        running = OnnxRun(model, {"x": shape})
        graph = rfcalc.load(model)
        claims = claims_of(Run(graph))
    except RfcalcError as error:
        return _refused(model, shape, str(error))
    rows = {axis: range(extent) for axis, extent in claims.extents.items()}
    try:
        found = observe(running, "x", rows, claims.tensors, passes=len(PASSES), counted=claims.counted)
    except RfcalcError as error:
        return Verdict("not run", str(error)[-160:])
    exact = sum(claim.exact for claim in claims.tensors.values())
    totals = {"exact": exact, "tensors": len(claims.tensors)}
    for name, claim in claims.tensors.items():
        seen = found.shapes.get(name)
        if seen is not None and (
            len(seen) != len(claim.shape)
            or any(a not in (None, b) for a, b in zip(claim.shape, seen, strict=True))
        ):
            return Verdict("shape", f"{name}: {claim.shape} for {seen}", makers[name], **totals)
    order = list(claims.tensors)[::-1]
    ranked = sorted(
        found.beyond, key=lambda each: (claims.names[each.axis] == "sample", order.index(each.tensor))
    )
    for each in ranked:
        claim = claims.tensors[each.tensor]
        axis = claims.names[each.axis]
        word = "mixes samples" if axis == "sample" else "unsound"
        word += "" if claim.exact else " bound"
        return Verdict(
            word, f"{each.tensor}{each.at} changes with {axis} {each.row}", makers[each.tensor], **totals
        )
    for name, macs in found.macs.items():
        said = claims.tensors[name].macs if name in claims.tensors else None
        if said is not None and said < macs:
            return Verdict("macs", f"{name}: {said} for {macs}", makers[name], **totals)
    idle = sum(each.pairs for each in found.idle)
    kinds = tuple(_begun(model, found.idle).items())
    return Verdict("holds", claimed=found.sure, idle=idle, kinds=kinds, **totals)


def _begun(model: Any, idle: Sequence[Any]) -> Counter[str]:
    """Count idle pairs by the operation at which they begin: the first whose inputs are not idle."""
    pairs: Counter[tuple[str, int]] = Counter()
    for each in idle:
        pairs[each.tensor, each.axis] += each.pairs
    first: dict[tuple[str, int], str] = {}
    found: Counter[str] = Counter()
    for node in model.graph.node:
        for name in node.output:
            for axis in [axis for tensor, axis in pairs if tensor == name]:
                before = [first[given, axis] for given in node.input if (given, axis) in first]
                first[name, axis] = before[0] if before else node.op_type
                found[first[name, axis]] += pairs[name, axis]
    return found


def _refused(model: Any, shape: list[int], reason: str) -> Verdict:
    """Tell whether a runtime takes what rfcalc refused."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    try:
        import numpy as np

        session = onnxruntime.InferenceSession(model.SerializeToString(), settings)
        session.run(None, {"x": np.ones(shape, np.float32)})
    except Exception:
        return Verdict("neither", reason[-160:])
    return Verdict("refused", reason[-160:])


def smallest(seed: int, word: str) -> tuple[int, Any]:
    """Cut a graph to the fewest steps that still go wrong."""
    for steps in range(1, 8):
        model = wild(seed, steps)
        try:
            if judge(model).word == word:
                return steps, model
        except Exception:
            continue
    return 7, wild(seed)


def spelled(model: Any) -> str:
    """Spell a graph in lines."""
    import numpy as np
    from onnx import helper, numpy_helper

    held = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    lines = [f"    x: {tuple(shape)}"]
    for node in model.graph.node:
        given = []
        for name in node.input:
            array = held.get(name)
            small = array is not None and (array.size <= 12 or array.dtype == np.bool_)
            given.append(name if array is None else str(array.tolist()) if small else f"weights{array.shape}")
        attrs = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        lines.append(f"    {node.output[0]} = {node.op_type}({', '.join(given)}) {attrs or ''}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--show", type=int, default=3, help="examples of each kind of fault that are spelled")
    parser.add_argument("--loose", action="store_true", help="name the seeds whose exact rows hold too much")
    options = parser.parse_args()
    words: Counter[str] = Counter()
    ops: Counter[tuple[str, str]] = Counter()
    loose: Counter[str] = Counter()
    claimed = idle = exact = tensors = 0
    for seed in range(options.start, options.start + options.count):
        try:
            verdict = judge(wild(seed))
        except Exception as error:
            verdict = Verdict("internal error", f"{type(error).__name__}: {error}"[:200])
        words[verdict.word] += 1
        claimed += verdict.claimed
        idle += verdict.idle
        exact += verdict.exact
        tensors += verdict.tensors
        loose.update(dict(verdict.kinds))
        if verdict.word not in ("holds", "neither", "not run"):
            key = (verdict.word, verdict.op or verdict.about[:60])
            ops[key] += 1
            if ops[key] <= options.show:
                steps, model = smallest(seed, verdict.word)
                again = verdict
                with contextlib.suppress(Exception):
                    again = judge(model)
                print(
                    f"-- seed {seed}, {steps} steps: {again.word} {again.op} {again.about}\n{spelled(model)}",
                    flush=True,
                )
        if verdict.idle and options.loose:
            print(f"-- seed {seed}: loose {verdict.kinds} {ops_of(wild(seed))}", flush=True)
    print(dict(words))
    print(f"{exact} of {tensors} tensors exact; {idle} of {claimed} claimed pairs never changed")
    print("by the operation at which they begin:", loose.most_common())
    for key, count in ops.most_common():
        print(count, *key)


if __name__ == "__main__":
    main()

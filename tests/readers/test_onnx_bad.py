"""Broken and hostile ONNX files: one clear line and exit code 3, or a sound analysis; never more.

Time and memory are held for each run of the command. Nothing but the file itself is opened.
"""

from __future__ import annotations

import builtins
import io
import os
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import rfcalc

pytest.importorskip("onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.readers.onnx_models import Case, Node, f, i, model_of, n, s, w

pytestmark = [pytest.mark.onnx, pytest.mark.filterwarnings("ignore")]

MEMORY = 2 * 2**30  # of addresses: numpy alone reserves several hundred megabytes for its threads
SECONDS = 20

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


class Run(NamedTuple):
    code: int
    out: str
    err: str


def limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def command(*arguments: str | Path, seconds: float = SECONDS, cwd: Path | None = None) -> Run:
    """Run the command in a process of its own that may take so much memory and time."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "rfcalc", *map(str, arguments)],
        capture_output=True,
        check=False,
        timeout=seconds,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=limit_memory if sys.platform == "linux" else None,
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def assert_refused(run: Run) -> None:
    assert run.code == 3, run
    assert run.out == ""
    assert run.err.startswith("rfcalc: error: ")
    assert run.err.count("\n") == 1
    assert "internal error" not in run.err
    assert "more memory" not in run.err, "the refusal of a machine, not of the reader"
    assert len(run.err) < 1000


def assert_sound(run: Run) -> None:
    """Either refused, or analysed to the end."""
    if run.code:
        assert_refused(run)
    else:
        assert "Traceback" not in run.err


# ---- models ------------------------------------------------------------------------------------------------


def chain(*nodes: Node, x: Any = (1, 2, 9, 8), opset: int = 18) -> onnx.ModelProto:
    found: onnx.ModelProto = model_of(Case("bad", x, nodes, opset))
    return found


def small() -> onnx.ModelProto:
    return chain(
        n("Conv", "x", w(4, 2, 3, 3), w(4), to="a", pads=[1] * 4),
        n("Relu", "a", to="b"),
        n("MaxPool", "b", to="c", kernel_shape=[2, 2], strides=[2, 2]),
        n("Resize", "c", None, f(1, 1, 2, 2), to="d", mode="linear"),
        n("Reshape", "d", i(1, -1), to="e"),
        n("Gemm", "e", w(256, 5), w(5), to="g"),
        n("Softmax", "g"),
    )


def edited(edit: Callable[[onnx.ModelProto], Any]) -> onnx.ModelProto:
    model = small()
    edit(model)
    return model


def mistyped(text: str) -> bytes:
    """The small model with a name in it that is not UTF-8."""
    data = small().SerializeToString()
    assert data.count(text.encode())
    return data.replace(text.encode(), b"\xff" + text.encode()[1:])


def node(model: onnx.ModelProto, place: int) -> Any:
    return model.graph.node[place]


def attribute(model: onnx.ModelProto, place: int, **given: Any) -> None:
    for key, value in given.items():
        kept = [each for each in node(model, place).attribute if each.name != key]
        del node(model, place).attribute[:]
        node(model, place).attribute.extend([*kept, helper.make_attribute(key, value)])


def dim(model: onnx.ModelProto, axis: int, value: int) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = value


def constant(model: onnx.ModelProto, name: str) -> Any:
    return next(each for each in model.graph.initializer if each.name == name)


def shaped(model: onnx.ModelProto, name: str, *dims: int) -> None:
    tensor = constant(model, name)
    del tensor.dims[:]
    tensor.dims.extend(dims)


def same_names(model: onnx.ModelProto) -> None:
    for each in model.graph.node:
        each.name = "same"


def recursive() -> onnx.ModelProto:
    model = chain(n("Block", "x", domain="local"))
    inner = [helper.make_node("Block", ["a"], ["b"], domain="local")]
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    model.functions.append(helper.make_function("local", "Block", ["a"], ["b"], inner, imports))
    return model


def mutually_recursive() -> onnx.ModelProto:
    model = chain(n("Ping", "x", domain="local"))
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    for name, other in (("Ping", "Pong"), ("Pong", "Ping")):
        inner = [helper.make_node(other, ["a"], ["b"], domain="local")]
        model.functions.append(helper.make_function("local", name, ["a"], ["b"], inner, imports))
    return model


def doubling() -> onnx.ModelProto:
    """Forty functions, each of which calls the next one twice."""
    model = chain(n("F0", "x", domain="local"))
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    for k in range(40):
        inner = [
            helper.make_node(f"F{k + 1}", ["a"], ["c"], domain="local"),
            helper.make_node(f"F{k + 1}", ["c"], ["b"], domain="local"),
        ]
        if k == 39:
            inner = [helper.make_node("Relu", ["a"], ["b"])]
        model.functions.append(helper.make_function("local", f"F{k}", ["a"], ["b"], inner, imports))
    return model


def nested(depth: int) -> onnx.ModelProto:
    """Branches inside of branches."""
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["r0"])], "g", [], [onnx.ValueInfoProto(name="r0")]
    )
    for k in range(1, depth):
        inner = helper.make_node(
            "If", ["go"], [f"r{k}"], then_branch=graph, else_branch=graph if k < 3 else empty(k)
        )
        graph = helper.make_graph([inner], "g", [], [onnx.ValueInfoProto(name=f"r{k}")])
    model = small()
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "go"))
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("If", ["go"], ["y"], then_branch=graph, else_branch=graph))
    return model


def empty(k: int) -> Any:
    return helper.make_graph(
        [helper.make_node("Relu", ["x"], [f"e{k}"])], "g", [], [onnx.ValueInfoProto(name=f"e{k}")]
    )


def many_nodes(count: int) -> bytes:
    """A long chain, its nodes written by hand: the protobuf library is slow at so many."""

    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    names = [b"x", *(b"t%d" % k for k in range(1, count)), b"y"]
    head = small()
    del head.graph.node[:]
    del head.graph.initializer[:]
    relu = field(4, b"Relu")
    body = b"".join(field(1, field(1, a) + field(2, b) + relu) for a, b in pairwise(names))
    graph = head.graph.SerializeToString() + body
    head.ClearField("graph")
    size, rest = bytearray(), len(graph)
    while rest > 127:
        size.append(rest & 127 | 128)
        rest >>= 7
    made: bytes = head.SerializeToString() + bytes([7 << 3 | 2, *size, rest]) + graph
    return made


def looped(count: int) -> onnx.ModelProto:
    from tests.readers.onnx_cases import control_loop

    return chain(control_loop(count))


def many_inputs() -> onnx.ModelProto:
    return chain(n("Sum", *["x"] * 200_000))


def wide() -> onnx.ModelProto:
    """Sixty additions of a tensor to itself: 2**60 paths."""
    names = ["x", *(f"t{k}" for k in range(59)), "y"]
    return chain(*(n("Add", a, a, to=b) for a, b in pairwise(names)))


def dilated() -> onnx.ModelProto:
    """Strides that multiply to a number nobody can list."""
    names = ["x", *(f"t{k}" for k in range(29)), "y"]
    nodes = [n("Resize", a, None, f(1, 1, 3, 3), to=b) for a, b in pairwise(names)]
    return chain(*nodes)


def without_inputs() -> onnx.ModelProto:
    model = small()
    del model.graph.input[:]
    model.graph.initializer.append(numpy_helper.from_array(w(1, 2, 9, 8), "x"))
    return model


REFUSED: dict[str, Callable[[], onnx.ModelProto | bytes]] = {
    "operation that is no text": lambda: mistyped("MaxPool"),
    "input that is no text": lambda: mistyped("x"),
    "tensor that is no text": lambda: mistyped("b"),
    "empty file": lambda: b"",
    "one byte": lambda: b"\x08",
    "text": lambda: b"ir_version: 8 graph { }",
    "zeros": lambda: bytes(1000),
    "random": lambda: random.Random(3).randbytes(5000),
    "half": lambda: small().SerializeToString()[: small().ByteSize() // 2],
    "graph cut out": lambda: edited(lambda m: m.ClearField("graph")),
    "no nodes, no inputs": lambda: edited(lambda m: m.graph.Clear()),
    "cycle of two": lambda: chain(n("Add", "x", "b", to="a"), n("Relu", "a", to="b"), n("Relu", "b")),
    "its own output": lambda: chain(n("Add", "x", "y", to="y")),
    "dangling input": lambda: edited(lambda m: node(m, 1).input.__setitem__(0, "nowhere")),
    "output twice": lambda: edited(lambda m: node(m, 1).output.__setitem__(0, "a")),
    "output named as an input": lambda: edited(lambda m: node(m, 1).output.__setitem__(0, "x")),
    "output of the graph that nobody makes": lambda: edited(
        lambda m: m.graph.output.append(onnx.ValueInfoProto(name="nowhere"))
    ),
    "kernel of rank 3": lambda: edited(lambda m: shaped(m, "w0", 4, 2, 9)),
    "kernel for other channels": lambda: edited(lambda m: shaped(m, "w0", 4, 1, 3, 6)),
    "kernel of rank 0": lambda: edited(lambda m: shaped(m, "w0")),
    "kernel with a negative extent": lambda: edited(lambda m: shaped(m, "w0", 4, 2, -3, -3)),
    "input of rank 2": lambda: edited(
        lambda m: m.graph.input[0].type.tensor_type.shape.dim.__delitem__(slice(2, 4))
    ),
    "stride 0": lambda: edited(lambda m: attribute(m, 0, strides=[0, 0])),
    "stride -1": lambda: edited(lambda m: attribute(m, 0, strides=[-1, 1])),
    "dilation 0": lambda: edited(lambda m: attribute(m, 0, dilations=[0, 0])),
    "three strides": lambda: edited(lambda m: attribute(m, 0, strides=[1, 1, 1])),
    "five pads": lambda: edited(lambda m: attribute(m, 0, pads=[1, 1, 1, 1, 1])),
    "pads as text": lambda: edited(lambda m: attribute(m, 0, pads="many")),
    "pads as a float": lambda: edited(lambda m: attribute(m, 0, pads=1.5)),
    "group 0": lambda: edited(lambda m: attribute(m, 0, group=0)),
    "group 3 of 2": lambda: edited(lambda m: attribute(m, 0, group=3)),
    "auto_pad unheard of": lambda: edited(lambda m: attribute(m, 0, auto_pad="SOME")),
    "pool without a kernel": lambda: edited(lambda m: m.graph.node[2].attribute.__delitem__(slice(None))),
    "kernel_shape against the weights": lambda: edited(lambda m: attribute(m, 0, kernel_shape=[5, 5])),
    "conv without inputs": lambda: edited(lambda m: m.graph.node[0].input.__delitem__(slice(None))),
    "conv without weights": lambda: edited(lambda m: m.graph.node[0].input.__delitem__(slice(1, None))),
    "reshape to another size": lambda: chain(n("Reshape", "x", i(7, 7))),
    "reshape with two -1": lambda: chain(n("Reshape", "x", i(-1, -1))),
    "reshape to -5": lambda: chain(n("Reshape", "x", i(-5, 3))),
    "reshape keeps an axis that is not there": lambda: chain(n("Reshape", "x", i(1, 2, 9, 8, 0))),
    "transpose twice the same": lambda: chain(n("Transpose", "x", perm=[0, 0, 1, 2])),
    "transpose of rank 3": lambda: chain(n("Transpose", "x", perm=[0, 2, 1])),
    "concat beyond the rank": lambda: chain(n("Concat", "x", "x", axis=9)),
    "concat of unlike maps": lambda: chain(
        n("MaxPool", to="a", kernel_shape=[2, 2]), n("Concat", "x", "a", axis=1)
    ),
    "add of unlike maps": lambda: chain(n("MaxPool", to="a", kernel_shape=[2, 2]), n("Add", "x", "a")),
    "slice with step 0": lambda: chain(n("Slice", "x", i(0), i(5), i(2), i(0))),
    "slice beyond the rank": lambda: chain(n("Slice", "x", i(0), i(5), i(7))),
    "slice lists of other lengths": lambda: chain(n("Slice", "x", i(0, 0), i(5), i(2))),
    "gather beyond the extent": lambda: chain(n("Gather", "x", i(100), axis=2)),
    "gather beyond the rank": lambda: chain(n("Gather", "x", i(0), axis=6)),
    "squeeze of more than one": lambda: chain(n("Squeeze", "x", i(2))),
    "unsqueeze twice the same": lambda: chain(n("Unsqueeze", "x", i(1, 1))),
    "softmax beyond the rank": lambda: chain(n("Softmax", "x", axis=4)),
    "reduce beyond the rank": lambda: chain(n("ReduceMean", "x", i(5))),
    "split into other parts": lambda: chain(n("Split", "x", i(4, 4), to=["y", "z"], axis=2)),
    "split into negative parts": lambda: chain(n("Split", "x", i(-1, 10), to=["y", "z"], axis=2)),
    "pads of another rank": lambda: chain(n("Pad", "x", i(1, 1))),
    "pads that remove all": lambda: chain(n("Pad", "x", i(0, 0, -5, 0, 0, 0, -5, 0))),
    "matmul of unlike shapes": lambda: chain(n("MatMul", "x", w(7, 3))),
    "depth_to_space of 3": lambda: chain(n("DepthToSpace", "x", blocksize=3)),
    "depth_to_space of 0": lambda: chain(n("DepthToSpace", "x", blocksize=0)),
    "resize by 0": lambda: chain(n("Resize", "x", None, f(1, 1, 0, 0))),
    "resize by a negative": lambda: chain(n("Resize", "x", None, f(1, 1, -2, 2))),
    "resize by nan": lambda: chain(n("Resize", "x", None, f(1, 1, float("nan"), 2))),
    "resize by infinity": lambda: chain(n("Resize", "x", None, f(1, 1, float("inf"), 2))),
    "resize by three": lambda: chain(n("Resize", "x", None, f(1, 2, 2))),
    "expand to another": lambda: chain(n("Expand", "x", i(1, 2, 5, 8))),
    "tile by negative": lambda: chain(n("Tile", "x", i(1, 1, -1, 1))),
    "einsum nonsense": lambda: chain(n("Einsum", "x", equation="ab->->c")),
    "einsum of another rank": lambda: chain(n("Einsum", "x", equation="ab->ba")),
    "function that calls itself": recursive,
    "functions that call each other": mutually_recursive,
    "functions that double": doubling,
    "if without branches": lambda: chain(n("If", s(True, "?"))),
}
"""What cannot be a model at all."""

EITHER: dict[str, Callable[[], onnx.ModelProto | bytes]] = {
    "input of 2**62": lambda: edited(lambda m: dim(m, 2, 2**62)),
    "input of 2**62 twice": lambda: edited(lambda m: list(map(partial(dim, m, value=2**62), (2, 3)))),
    "input of -7": lambda: edited(lambda m: dim(m, 2, -7)),
    "input of 0": lambda: edited(lambda m: dim(m, 2, 0)),
    "kernel of 2**40": lambda: edited(lambda m: shaped(m, "w0", 4, 2, 2**40, 2**40)),
    "kernel of 2**62": lambda: edited(lambda m: shaped(m, "w0", 2**62, 2, 3, 3)),
    "weights without data": lambda: edited(lambda m: constant(m, "w0").ClearField("raw_data")),
    "shape without data": lambda: edited(lambda m: constant(m, "w3").ClearField("raw_data")),
    "shape with too much data": lambda: edited(lambda m: setattr(constant(m, "w3"), "raw_data", bytes(999))),
    "weights of no type": lambda: edited(lambda m: setattr(constant(m, "w0"), "data_type", 0)),
    "weights of type 999": lambda: edited(lambda m: setattr(constant(m, "w0"), "data_type", 999)),
    "pads of 2**40": lambda: edited(lambda m: attribute(m, 0, pads=[2**40] * 4)),
    "pads of -2**40": lambda: edited(lambda m: attribute(m, 0, pads=[-(2**40)] * 4)),
    "stride of 2**40": lambda: edited(lambda m: attribute(m, 0, strides=[2**40] * 2)),
    "dilation of 2**40": lambda: edited(lambda m: attribute(m, 0, dilations=[2**40] * 2, pads=[2**40] * 4)),
    "resize by 1e30": lambda: chain(n("Resize", "x", None, f(1, 1, 1e30, 2))),
    "resize by 1e-30": lambda: chain(n("Resize", "x", None, f(1, 1, 1e-30, 2))),
    "resize to 10**9": lambda: chain(n("Resize", "x", None, None, i(1, 2, 10**9, 10**9), mode="cubic")),
    "resize by a crooked number": lambda: chain(
        n("Resize", "x", None, f(1, 1, 3.14159265, 2.71828), mode="linear")
    ),
    "tile by 2**40": lambda: chain(n("Tile", "x", i(1, 2**40, 2**40, 1))),
    "expand to 2**40": lambda: chain(
        n("Unsqueeze", "x", i(4), to="a"), n("Expand", "a", i(1, 2, 9, 8, 2**40))
    ),
    "constant_of_shape 2**40": lambda: chain(n("ConstantOfShape", i(2**40), to="a"), n("Add", "x", "a")),
    "constant_of_shape 2**40, reshaped": lambda: chain(
        n("ConstantOfShape", i(2**20, 2**20), to="a"),
        n("Reshape", "a", i(-1), to="b"),
        n("Shape", "b", to="c"),
        n("Reshape", "x", "c"),
    ),
    "range of 2**40": lambda: chain(
        n("Range", s(0, "i8"), s(2**40, "i8"), s(1, "i8"), to="a"), n("Gather", "x", "a", axis=2)
    ),
    "range of 2**40 in floats": lambda: chain(
        n("Range", s(0.0), s(1e30), s(1e-30), to="a"), n("Add", "x", "a")
    ),
    "constants tiled and folded": lambda: chain(
        n("Tile", f(1, 2), i(2**20), to="a"), n("Tile", "a", i(2**20), to="b"), n("Add", "x", "b")
    ),
    "constants doubled forty times": lambda: chain(
        *(
            n("Concat", a, a, to=b, axis=0)
            for a, b in zip(["k", *(f"k{j}" for j in range(39))], [f"k{j}" for j in range(40)], strict=True)
        ),
        n("Gather", "x", "k39", axis=2),
    ),
    "integers that grow": lambda: chain(
        n("Constant", None, to="k", value=i(2**62)),
        *(
            n("Mul", a, a, to=b)
            for a, b in zip(["k", *(f"k{j}" for j in range(39))], [f"k{j}" for j in range(40)], strict=True)
        ),
        n("Reshape", "x", "k39"),
    ),
    "one_hot of 2**40": lambda: chain(
        n("OneHot", i(1, 2), s(2**40, "i8"), f(0, 1), to="a"), n("MatMul", "x", "a")
    ),
    "eye_like, large": lambda: chain(
        n("ConstantOfShape", i(2**20, 2**20), to="a"), n("EyeLike", "a", to="b"), n("MatMul", "x", "b")
    ),
    "split into millions": lambda: chain(n("Split", "x", to=["y"], axis=2, num_outputs=10**9)),
    "split outputs 10**5": lambda: chain(
        n("Split", "x", to=[f"y{k}" for k in range(10**5)], axis=2), x=(1, 2, 10**5)
    ),
    "one_hot depth from data": lambda: chain(
        n("ReduceMax", "x", to="d", keepdims=0), n("OneHot", "x", "d", f(0, 1))
    ),
    "sum of 200,000": many_inputs,
    "2**60 paths": wide,
    "stride 3**-30": dilated,
    "branches 20 deep": lambda: nested(20),
    "loop of 10**9": lambda: looped(10**9),
    "transpose negative": lambda: chain(n("Transpose", "x", perm=[0, -1, 1, 2])),
    "gemm of a map": lambda: chain(n("Gemm", "x", w(8, 3))),
    "batch_norm without statistics": lambda: chain(n("BatchNormalization", "x", w(2))),
    "no inputs": without_inputs,
    "no nodes": lambda: edited(lambda m: m.graph.node.__delitem__(slice(None))),
    "no outputs": lambda: edited(lambda m: m.graph.output.__delitem__(slice(None))),
    "no opset": lambda: edited(lambda m: m.opset_import.__delitem__(slice(None))),
    "opset 9999": lambda: edited(lambda m: setattr(m.opset_import[0], "version", 9999)),
    "opset -1": lambda: edited(lambda m: setattr(m.opset_import[0], "version", -1)),
    "ir version 9999": lambda: edited(lambda m: setattr(m, "ir_version", 9999)),
    "the same input twice": lambda: edited(lambda m: m.graph.input.append(m.graph.input[0])),
    "the same initializer twice": lambda: edited(
        lambda m: m.graph.initializer.append(m.graph.initializer[0])
    ),
    "node without outputs": lambda: edited(lambda m: m.graph.node[1].output.__delitem__(slice(None))),
    "node without a type": lambda: edited(lambda m: node(m, 1).ClearField("op_type")),
    "nodes of one name": lambda: edited(same_names),
    "names with control characters": lambda: edited(
        lambda m: setattr(node(m, 1), "name", "\x1b[31m\n\r\x00|<b>")
    ),
    "name of a megabyte": lambda: edited(lambda m: setattr(node(m, 1), "name", "n" * 2**20)),
    "operation unheard of": lambda: edited(lambda m: setattr(node(m, 1), "op_type", "Frobnicate")),
    "operation of another domain": lambda: edited(lambda m: setattr(node(m, 1), "domain", "org.example")),
    "input that is a sequence": lambda: edited(
        lambda m: m.graph.input[0].type.sequence_type.elem_type.tensor_type.SetInParent()
    ),
    "input without a shape": lambda: edited(lambda m: m.graph.input[0].type.tensor_type.ClearField("shape")),
    "input without a type": lambda: edited(lambda m: m.graph.input[0].ClearField("type")),
    "rank 200,000": lambda: chain(n("Relu", "x"), x=(1,) * 200_000),
    "reshape to rank 100,000": lambda: chain(n("Reshape", "x", i(*[1] * 99_999, -1))),
    "unsqueeze by 100,000": lambda: chain(n("Unsqueeze", "x", i(*range(100_000)))),
    "10**6 nodes": lambda: many_nodes(10**6),
}
"""What may be analysed or refused, but within the bounds."""


def written(path: Path, build: Callable[[], onnx.ModelProto | bytes]) -> Path:
    made = build()
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return path


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    """In this process, which is much faster; the next test sees the command itself."""
    path = written(tmp_path / "bad.onnx", REFUSED[name])
    with pytest.raises(rfcalc.RfcalcError) as caught:
        rfcalc.analyze(path)
    said = str(caught.value)
    assert "bad.onnx" in said
    assert "internal error" not in said
    assert "\n" not in said
    assert len(said) < 1000


@posix
@pytest.mark.parametrize(
    "name", ["empty file", "half", "cycle of two", "kernel of rank 3", "functions that double"]
)
def test_refused_by_the_command(tmp_path: Path, name: str) -> None:
    assert_refused(command("analyze", written(tmp_path / "bad.onnx", REFUSED[name])))


@posix
@pytest.mark.parametrize("name", EITHER)
def test_bounded(tmp_path: Path, name: str) -> None:
    # reading a million nodes takes the protobuf library itself some seconds
    seconds = 60 if name == "10**6 nodes" else SECONDS
    assert_sound(command("analyze", written(tmp_path / "bad.onnx", EITHER[name]), seconds=seconds))


@posix
@pytest.mark.parametrize(
    "name", ["input of 2**62", "resize to 10**9", "tile by 2**40", "stride 3**-30", "2**60 paths"]
)
def test_field_is_bounded(tmp_path: Path, name: str) -> None:
    assert_sound(command("field", written(tmp_path / "bad.onnx", EITHER[name]), "y"))


# ---- data in other files -----------------------------------------------------------------------------------


def external(location: str) -> onnx.ModelProto:
    """All constants, those of a branch and of a Constant node among them, in another file."""
    model = chain(
        n("Constant", None, to="k", value=w(3, 2, 3, 3)),
        n("Conv", "x", "k", to="a"),
        n("Conv", "a", w(2, 3, 3, 3), to="b"),
        n("Reshape", "b", i(1, -1)),
    )
    tensors = [model.graph.initializer[0], model.graph.node[0].attribute[0].t]
    for tensor in tensors:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "4096")):
            tensor.external_data.add(key=key, value=value)
    return model


@pytest.mark.parametrize(
    "location", ["../../etc/passwd", "/etc/passwd", "weights.data", "", "file:///etc/passwd"]
)
def test_other_files_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str) -> None:
    path = written(tmp_path / "model.onnx", lambda: external(location))
    (tmp_path / "weights.data").write_bytes(bytes(4096))
    opened: list[str] = []
    for module, name in ((builtins, "open"), (io, "open"), (os, "open")):
        monkeypatch.setattr(module, name, watched(getattr(module, name), opened))
    found = rfcalc.analyze(path)
    monkeypatch.undo()
    assert [each for each in opened if each.endswith(("passwd", ".data"))] == []
    assert found.totals.params.trainable == 54 * 2
    assert found.layer("b").receptive_field == (5, 5)


def watched(function: Callable[..., Any], opened: list[str]) -> Callable[..., Any]:
    def run(path: Any, *rest: Any, **more: Any) -> Any:
        opened.append(os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else str(path))
        return function(path, *rest, **more)

    return run


@posix
def test_a_pipe_in_place_of_the_data_would_block(tmp_path: Path) -> None:
    """Opened by whatever library, a named pipe without a writer would never return."""
    os.mkfifo(tmp_path / "weights.data")
    path = written(tmp_path / "model.onnx", lambda: external("weights.data"))
    run = command("analyze", path, cwd=tmp_path)
    assert run.code == 0, run


@posix
def test_a_shape_in_another_file_is_not_guessed(tmp_path: Path) -> None:
    def build() -> onnx.ModelProto:
        model = external("weights.data")
        tensor = model.graph.initializer[1]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.data")
        return model

    assert_sound(command("analyze", written(tmp_path / "model.onnx", build)))


# ---- damage ------------------------------------------------------------------------------------------------

EACH = """
import io, resource, sys, time, traceback, warnings
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
import rfcalc
from pathlib import Path
for path in sorted(Path(sys.argv[2]).iterdir()):
    start = time.perf_counter()
    try:
        rfcalc.analyze(path).to_json()
    except rfcalc.RfcalcError as error:
        if "internal" in str(error) or not str(error):
            print(path.name, "says nothing clear:", error)
    except BaseException:
        print(path.name, traceback.format_exc(limit=-3))
    if time.perf_counter() - start > 5:
        print(path.name, "took", time.perf_counter() - start)
"""


def analyse_each(folder: Path) -> str:
    """Analyse every file of a folder in one bounded process; what it prints is what went wrong."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", EACH, str(MEMORY), str(folder)],
        capture_output=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def subjects() -> list[bytes]:
    from tests.readers.onnx_cases import attention_by_parts, control_if

    tokens = chain(*attention_by_parts(), x=(1, 7, 6))
    branch = chain(control_if(s(True, "?")), n("Shape", "y", to="s"), n("Expand", "x", "s", to="z"))
    return [each.SerializeToString() for each in (small(), tokens, branch)]


@posix
def test_truncated(tmp_path: Path) -> None:
    for k, data in enumerate(subjects()):
        for cut in range(1, len(data), max(1, len(data) // 60)):
            (tmp_path / f"cut{k}-{cut:06}.onnx").write_bytes(data[:cut])
    assert analyse_each(tmp_path) == ""


@posix
@pytest.mark.parametrize("seed", range(4))
def test_flipped(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    for k, data in enumerate(subjects()):
        for turn in range(100):
            damaged = bytearray(data)
            for _ in range(dice.choice([1, 1, 2, 8])):
                place = dice.randrange(len(damaged))
                damaged[place] ^= 1 << dice.randrange(8)
            (tmp_path / f"flip{k}-{turn:03}.onnx").write_bytes(damaged)
    assert analyse_each(tmp_path) == ""


@posix
@pytest.mark.parametrize("seed", range(4))
def test_attributes_replaced(tmp_path: Path, seed: int) -> None:
    """Damage that the protobuf library does not see: other numbers, names and types in the right places."""
    dice = random.Random(seed)
    odd = [0, -1, 1, 2, 3, 2**31, -(2**31), 2**62, -(2**62)]
    for k, data in enumerate(subjects()):
        for turn in range(100):
            model = onnx.load_from_string(data)
            spoil(model, dice, odd)
            (tmp_path / f"odd{k}-{turn:03}.onnx").write_bytes(model.SerializeToString())
    assert analyse_each(tmp_path) == ""


def spoil(model: onnx.ModelProto, dice: random.Random, odd: list[int]) -> None:
    graph = model.graph
    at: Any = dice.choice(graph.node)
    kind = dice.randrange(8)
    if kind == 0 and at.attribute:
        name = dice.choice(at.attribute).name
        value = dice.choice(
            [dice.choice(odd), [dice.choice(odd) for _ in range(dice.randrange(1, 6))], 0.5, "text"]
        )
        kept = [each for each in at.attribute if each.name != name]
        del at.attribute[:]
        at.attribute.extend([*kept, helper.make_attribute(name, value)])
    elif kind == 1 and at.input:
        at.input[dice.randrange(len(at.input))] = dice.choice(["", "x", "nowhere", *at.output])
    elif kind == 2:
        at.op_type = dice.choice(
            ["Conv", "Resize", "Reshape", "Gemm", "Attention", "LSTM", "Slice", "Loop", "Split"]
        )
    elif kind == 3 and graph.initializer:
        tensor = dice.choice(graph.initializer)
        del tensor.dims[:]
        tensor.dims.extend(dice.choice(odd) for _ in range(dice.randrange(4)))
    elif kind == 4:
        dims = graph.input[0].type.tensor_type.shape.dim
        dims[dice.randrange(len(dims))].dim_value = dice.choice(odd)
    elif kind == 5:
        del at.input[dice.randrange(len(at.input) + 1) :]
    elif kind == 6:
        at.input.append(dice.choice(["x", "", *at.input]))
    elif graph.initializer:
        dice.choice(graph.initializer).raw_data = dice.randbytes(dice.choice([0, 3, 8, 16, 64]))


def test_tiles_of_a_graph_without_outputs_need_a_layer(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [],
    )
    path = tmp_path / "bare.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    done = command("tiles", path)
    assert (done.code, done.out) == (3, "")
    assert done.err == f"rfcalc: error: {path}: the model has no output; name the layer that is wanted\n"
    found = rfcalc.tiles(path, layer="y")
    assert [(axis.before, axis.after) for axis in found.axes] == [(0, 2), (0, 2)]

"""Random ONNX graphs that go where networks seldom go: axes merged and cut, masks, pieces, scans.

Not meant to be sensible. Each graph is a few operations on small tensors; what is in doubt is whether the
rows that rfcalc calls exact hold all that changes when the graph is run, and its shapes are those of the run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LARGEST = 6000
"""Elements of a tensor, at most."""


class Tensor(NamedTuple):
    name: str
    shape: tuple[int, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)


class Maker:
    """Makes a graph, operation by operation."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.held: list[Any] = []
        self.tensors: list[Tensor] = []

    # ---- parts ---------------------------------------------------------------------------------------------

    def weights(self, *shape: int) -> str:
        return self.constant(self.numbers.normal(size=shape).astype(np.float32))

    def constant(self, array: Any) -> str:
        name = f"c{len(self.held)}"
        self.held.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, values: Sequence[int]) -> str:
        return self.constant(np.array(values, np.int64))

    def add(
        self, op: str, inputs: Sequence[str], shape: Sequence[int], *, more: int = 0, **attrs: Any
    ) -> Tensor:
        name = f"t{len(self.nodes)}"
        outputs = [name, *(f"{name}_{k}" for k in range(more))]
        self.nodes.append(helper.make_node(op, list(inputs), outputs, name=name, **attrs))
        made = Tensor(name, tuple(int(n) for n in shape))
        self.tensors.append(made)
        return made

    def axis(self, x: Tensor, least: int = 1) -> int | None:
        places = [axis for axis, n in enumerate(x.shape) if n >= least]
        return self.random.choice(places) if places else None

    def model(self) -> Any:
        taken = {name for node in self.nodes for name in node.input}
        ends = [name for node in self.nodes for name in node.output[:1] if name not in taken]
        shapes = {each.name: each.shape for each in self.tensors}
        x = self.tensors[0]
        graph = helper.make_graph(
            self.nodes,
            "wild",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * len(shapes[n])) for n in ends],
            self.held,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


Step = Callable[[Maker, Tensor], "Tensor | None"]


# ---- moves -------------------------------------------------------------------------------------------------


def transpose(m: Maker, x: Tensor) -> Tensor:
    order = m.random.sample(range(x.rank), x.rank)
    return m.add("Transpose", [x.name], [x.shape[a] for a in order], perm=order)


def merge(m: Maker, x: Tensor) -> Tensor | None:
    if x.rank < 2:
        return None
    at = m.random.randrange(x.rank - 1)
    count = m.random.randint(2, min(3, x.rank - at))
    shape = (*x.shape[:at], prod(x.shape[at : at + count]), *x.shape[at + count :])
    return m.add("Reshape", [x.name, m.ints(shape)], shape)


def cut(m: Maker, x: Tensor) -> Tensor | None:
    at = m.axis(x, 4)
    if at is None or x.rank > 5:
        return None
    n = x.shape[at]
    factors = [f for f in range(2, n) if n % f == 0]
    if not factors:
        return None
    f = m.random.choice(factors)
    shape = (*x.shape[:at], n // f, f, *x.shape[at + 1 :])
    return m.add("Reshape", [x.name, m.ints(shape)], shape)


def regroup(m: Maker, x: Tensor) -> Tensor | None:
    """Merge everything behind an axis, and cut it otherwise."""
    at = m.random.randrange(x.rank)
    n = prod(x.shape[at:])
    factors = [f for f in range(2, n) if n % f == 0]
    if not factors:
        return None
    f = m.random.choice(factors)
    shape = (*x.shape[:at], f, n // f)
    return m.add("Reshape", [x.name, m.ints(shape)], shape)


def windows(m: Maker, x: Tensor) -> Tensor | None:
    """Partition a map into windows, or patches."""
    if x.rank != 4:
        return None
    b, c, h, w = x.shape
    f = m.random.choice([2, 3])
    if h % f or w % f:
        return None
    six = (b, c, h // f, f, w // f, f)
    y = m.add("Reshape", [x.name, m.ints(six)], six)
    order = m.random.choice([(0, 2, 4, 3, 5, 1), (0, 1, 3, 5, 2, 4), (0, 2, 4, 1, 3, 5)])
    z = m.add("Transpose", [y.name], [six[a] for a in order], perm=order)
    s = z.shape
    shape = m.random.choice(
        [(s[0] * s[1] * s[2], s[3] * s[4], s[5]), (s[0], s[1] * s[2], s[3] * s[4] * s[5])]
    )
    return m.add("Reshape", [z.name, m.ints(shape)], shape)


def shuffle(m: Maker, x: Tensor) -> Tensor | None:
    if x.rank != 4:
        return None
    b, c, h, w = x.shape
    if m.random.random() < 0.5 and c % 4 == 0:
        mode = m.random.choice(["DCR", "CRD"])
        return m.add("DepthToSpace", [x.name], (b, c // 4, h * 2, w * 2), blocksize=2, mode=mode)
    if h % 2 or w % 2:
        return None
    return m.add("SpaceToDepth", [x.name], (b, c * 4, h // 2, w // 2), blocksize=2)


def slice_(m: Maker, x: Tensor) -> Tensor | None:
    at = m.axis(x, 2)
    if at is None:
        return None
    n = x.shape[at]
    step = m.random.choice([1, 1, 2, 3, -1, -1, -2])
    start, end = m.random.randint(-n - 1, n), m.random.randint(-n - 2, n + 1)
    found = len(range(n)[slice(start, end, step)])
    if not found:
        return None
    given = [m.ints([start]), m.ints([end]), m.ints([at]), m.ints([step])]
    return m.add("Slice", [x.name, *given], (*x.shape[:at], found, *x.shape[at + 1 :]))


def pad(m: Maker, x: Tensor) -> Tensor | None:
    mode = m.random.choice(["constant", "reflect", "edge", "wrap"])
    pads = [[0] * x.rank, [0] * x.rank]
    for at in m.random.sample(range(x.rank), min(x.rank, m.random.randint(1, 2))):
        n = x.shape[at]
        for side in pads:
            side[at] = m.random.randint(-min(2, (n - 1) // 2), 2)
        if mode != "constant" and max(pads[0][at], pads[1][at]) >= n + min(pads[0][at], pads[1][at], 0):
            return None
    shape = [n + a + b for n, a, b in zip(x.shape, *pads, strict=True)]
    if min(shape) < 1:
        return None
    return m.add("Pad", [x.name, m.ints(pads[0] + pads[1])], shape, mode=mode)


def gather(m: Maker, x: Tensor) -> Tensor | None:
    at = m.axis(x, 2)
    if at is None:
        return None
    n = x.shape[at]
    if m.random.random() < 0.2:
        index = m.constant(np.array(m.random.randrange(-n, n), np.int64))
        return m.add("Gather", [x.name, index], (*x.shape[:at], *x.shape[at + 1 :]), axis=at)
    picked = [m.random.randrange(-n, n) for _ in range(m.random.randint(1, n + 1))]
    if m.random.random() < 0.5:
        picked = sorted(k % n for k in picked)
    return m.add(
        "Gather", [x.name, m.ints(picked)], (*x.shape[:at], len(picked), *x.shape[at + 1 :]), axis=at
    )


def tile(m: Maker, x: Tensor) -> Tensor | None:
    at = m.random.randrange(x.rank)
    repeats = [1] * x.rank
    repeats[at] = 2
    return m.add("Tile", [x.name, m.ints(repeats)], [n * r for n, r in zip(x.shape, repeats, strict=True)])


def unit(m: Maker, x: Tensor) -> Tensor | None:
    """Insert an axis of one element, or drop one."""
    ones = [axis for axis, n in enumerate(x.shape) if n == 1]
    if ones and m.random.random() < 0.4 and x.rank > 2:
        at = m.random.choice(ones)
        return m.add("Squeeze", [x.name, m.ints([at])], [n for a, n in enumerate(x.shape) if a != at])
    at = m.random.randint(0, x.rank)
    return m.add("Unsqueeze", [x.name, m.ints([at])], (*x.shape[:at], 1, *x.shape[at:]))


# ---- pieces ------------------------------------------------------------------------------------------------


def token(m: Maker, x: Tensor) -> Tensor:
    """Put a learned token, or padding, before or behind what there is."""
    at = m.random.randrange(x.rank)
    extra = m.random.randint(1, 2)
    piece = m.weights(*x.shape[:at], extra, *x.shape[at + 1 :])
    parts = m.random.sample([x.name, piece], 2)
    return m.add("Concat", parts, (*x.shape[:at], x.shape[at] + extra, *x.shape[at + 1 :]), axis=at)


def beside(m: Maker, x: Tensor) -> Tensor | None:
    at = m.random.randrange(x.rank)
    fits = [
        each
        for each in m.tensors
        if each.rank == x.rank and all(a == at or each.shape[a] == x.shape[a] for a in range(x.rank))
    ]
    other = m.random.choice(fits)
    shape = (*x.shape[:at], x.shape[at] + other.shape[at], *x.shape[at + 1 :])
    return m.add("Concat", m.random.sample([x.name, other.name], 2), shape, axis=at)


def apart(m: Maker, x: Tensor) -> Tensor | None:
    """Cut in two, change one part, and put them together, perhaps the other way round."""
    at = m.axis(x, 2)
    if at is None:
        return None
    n = x.shape[at]
    k = m.random.randint(1, n - 1)
    name = f"t{len(m.nodes)}"
    shapes = [(*x.shape[:at], e, *x.shape[at + 1 :]) for e in (k, n - k)]
    m.nodes.append(
        helper.make_node("Split", [x.name, m.ints([k, n - k])], [name, f"{name}_0"], name=name, axis=at)
    )
    first, second = Tensor(name, shapes[0]), Tensor(f"{name}_0", shapes[1])
    m.tensors.append(first)
    changed = m.random.choice([gather, slice_, reduced, scan, pool, unary])(m, second) or second
    if changed.rank != x.rank or any(a != at and changed.shape[a] != x.shape[a] for a in range(x.rank)):
        return changed
    shape = (*x.shape[:at], k + changed.shape[at], *x.shape[at + 1 :])
    return m.add("Concat", m.random.sample([first.name, changed.name], 2), shape, axis=at)


# ---- masks -------------------------------------------------------------------------------------------------


def pattern(m: Maker, shape: Sequence[int]) -> Any:
    """Return a mask over the last two axes, or the last one: triangle, band, blocks, or random."""
    n, k = (1, shape[-1]) if len(shape) < 2 else shape[-2:]
    i, j = np.arange(n)[:, None], np.arange(k)[None]
    kind = m.random.choice(["lower", "upper", "band", "blocks", "random"])
    found = {
        "lower": j <= i,
        "upper": j >= i,
        "band": abs(i - j) <= 1,
        "blocks": i // 2 == j // 2,
        "random": m.numbers.random((n, k)) < 0.6,
    }[kind]
    return found


def masked(m: Maker, x: Tensor) -> Tensor | None:
    mask = pattern(m, x.shape)
    if x.rank < 2:
        mask = mask[0]
    if m.random.random() < 0.5:
        return m.add("Mul", [x.name, m.constant(mask.astype(np.float32))], x.shape)
    other = m.constant(np.array(0, np.float32))
    order = [x.name, other] if m.random.random() < 0.7 else [other, x.name]
    return m.add("Where", [m.constant(mask), *order], x.shape)


def trilu(m: Maker, x: Tensor) -> Tensor | None:
    if x.rank < 2:
        return None
    k = m.constant(np.array(m.random.randint(-1, 1), np.int64))
    return m.add("Trilu", [x.name, k], x.shape, upper=m.random.randint(0, 1))


def attention(m: Maker, x: Tensor) -> Tensor | None:
    """Attention over the last axis but one, with or without a mask, written out."""
    if x.rank < 3 or x.shape[-2] > 40 or x.shape[-1] > 64:
        return None
    t, c = x.shape[-2:]
    q, k, v = (m.add("MatMul", [x.name, m.weights(c, 4)], (*x.shape[:-1], 4)) for _ in range(3))
    lead = x.shape[:-2]
    order = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
    turned = m.add("Transpose", [k.name], (*lead, 4, t), perm=order)
    scores = m.add("MatMul", [q.name, turned.name], (*lead, t, t))
    mask = pattern(m, (t, t)) | np.eye(t, dtype=bool)
    how = m.random.choice(["none", "add", "add", "where", "trilu", "after"])
    low = np.float32(m.random.choice([-np.inf, -1e9]))
    if how == "add":
        added = m.constant(np.where(mask, np.float32(0), low).astype(np.float32))
        scores = m.add("Add", [scores.name, added], scores.shape)
    elif how == "where":
        scores = m.add("Where", [m.constant(mask), scores.name, m.constant(low)], scores.shape)
    elif how == "trilu":
        ones = m.constant(
            np.full((t, t), low, np.float32) if np.isfinite(low) else np.full((t, t), -1e9, np.float32)
        )
        upper = m.add("Trilu", [ones, m.constant(np.array(1, np.int64))], (t, t), upper=1)
        m.tensors.pop()
        scores = m.add("Add", [scores.name, upper.name], scores.shape)
    p = m.add("Softmax", [scores.name], scores.shape, axis=-1)
    if how == "after":
        p = m.add("Mul", [p.name, m.constant(mask.astype(np.float32))], p.shape)
    return m.add("MatMul", [p.name, v.name], (*lead, t, 4))


# ---- mixes -------------------------------------------------------------------------------------------------


def reduced(m: Maker, x: Tensor) -> Tensor | None:
    axes = m.random.sample(range(x.rank), m.random.randint(1, min(2, x.rank)))
    keep = m.random.random() < 0.6
    shape = [1 if a in axes else n for a, n in enumerate(x.shape) if keep or a not in axes]
    if not shape:
        return None
    op = m.random.choice(["ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2"])
    return m.add(op, [x.name, m.ints(sorted(axes))], shape, keepdims=int(keep))


def gated(m: Maker, x: Tensor) -> Tensor | None:
    """Reduce, and broadcast the outcome back."""
    axes = sorted(m.random.sample(range(x.rank), m.random.randint(1, min(2, x.rank))))
    shape = [1 if a in axes else n for a, n in enumerate(x.shape)]
    y = m.add(m.random.choice(["ReduceMean", "ReduceMax"]), [x.name, m.ints(axes)], shape, keepdims=1)
    op = m.random.choice(["Add", "Mul", "Sub"])
    if op == "Sub" and y.shape == x.shape:
        op = "Add"  # a tensor less itself, which no network computes
    return m.add(op, m.random.sample([x.name, y.name], 2), x.shape)


def softmax(m: Maker, x: Tensor) -> Tensor:
    return m.add("Softmax", [x.name], x.shape, axis=m.random.randrange(-x.rank, x.rank))


def scan(m: Maker, x: Tensor) -> Tensor:
    at = m.random.randrange(x.rank)
    axis = m.constant(np.array(m.random.choice([at, at - x.rank]), np.int64))
    how = {"exclusive": m.random.randint(0, 1), "reverse": m.random.randint(0, 1)}
    return m.add("CumSum", [x.name, axis], x.shape, **how)


def top(m: Maker, x: Tensor) -> Tensor | None:
    at = m.axis(x, 2)
    if at is None:
        return None
    k = m.random.randint(1, x.shape[at])
    shape = (*x.shape[:at], k, *x.shape[at + 1 :])
    return m.add("TopK", [x.name, m.ints([k])], shape, more=1, axis=at, largest=m.random.randint(0, 1))


def linear(m: Maker, x: Tensor) -> Tensor:
    c = x.shape[-1]
    width = m.random.choice([c, 3, 4, 6])
    if m.random.random() < 0.3 and x.rank > 1:
        n = x.shape[-2]
        return m.add("MatMul", [m.weights(width, n), x.name], (*x.shape[:-2], width, c))
    return m.add("MatMul", [x.name, m.weights(c, width)], (*x.shape[:-1], width))


def einsum(m: Maker, x: Tensor) -> Tensor | None:
    if x.rank > 5:
        return None
    letters = "abcde"[: x.rank]
    at = m.random.randrange(x.rank)
    kind = m.random.choice(["weights", "weights", "self", "sum"])
    if kind == "weights":
        width = m.random.choice([3, 4, x.shape[at]])
        out = letters.replace(letters[at], "z")
        order = "".join(m.random.sample(out, len(out)))
        sizes = {**dict(zip(letters, x.shape, strict=True)), "z": width}
        spelled = f"{letters},{letters[at]}z->{order}"
        return m.add(
            "Einsum", [x.name, m.weights(x.shape[at], width)], [sizes[e] for e in order], equation=spelled
        )
    sizes = dict(zip(letters, x.shape, strict=True))
    if kind == "sum":
        left = [e for e in letters if e != letters[at]]
        if not left:
            return None
        order = "".join(m.random.sample(left, len(left)))
        return m.add("Einsum", [x.name], [sizes[e] for e in order], equation=f"{letters}->{order}")
    if x.rank < 3:
        return None
    other = m.random.choice([k for k in range(x.rank) if k != at])
    second = letters.replace(letters[at], "z")
    out = "".join(e for e in letters if e != letters[other]) + "z"
    sizes["z"] = x.shape[at]
    shape = [sizes[e] for e in out]
    return m.add("Einsum", [x.name, x.name], shape, equation=f"{letters},{second}->{out}")


def recurrent(m: Maker, x: Tensor) -> Tensor | None:
    if x.rank != 3:
        return None
    op, gates = m.random.choice([("LSTM", 4), ("GRU", 3), ("RNN", 1)])
    way = m.random.choice(["forward", "reverse", "bidirectional"])
    d, hidden = (2 if way == "bidirectional" else 1), 3
    t, b, c = x.shape
    w, r = m.weights(d, gates * hidden, c), m.weights(d, gates * hidden, hidden)
    name = f"t{len(m.nodes)}"
    attrs = {"hidden_size": hidden, "direction": way}
    y = m.add(op, [x.name, w, r], (t, d, b, hidden), **attrs)
    assert y.name == name
    if d == 1 and m.random.random() < 0.7:
        return m.add("Squeeze", [y.name, m.ints([1])], (t, b, hidden))
    return y


def conv(m: Maker, x: Tensor) -> Tensor | None:
    if x.rank not in (3, 4) or x.shape[1] > 48:
        return None
    c, spatial = x.shape[1], x.shape[2:]
    k = [m.random.choice([1, 2, 3]) for _ in spatial]
    s = [m.random.choice([1, 1, 2]) for _ in spatial]
    d = [m.random.choice([1, 1, 2]) for _ in spatial]
    pads = [m.random.randint(0, 2) for _ in range(2 * len(spatial))]
    n = len(spatial)
    out = [(e + pads[a] + pads[a + n] - d[a] * (k[a] - 1) - 1) // s[a] + 1 for a, e in enumerate(spatial)]
    if min(out) < 1:
        return None
    group = m.random.choice([1, 1, c])
    width = c if group == c else m.random.choice([2, 4])
    w = m.weights(width, c // group, *k)
    attrs = {"kernel_shape": k, "strides": s, "dilations": d, "pads": pads, "group": group}
    return m.add("Conv", [x.name, w], (x.shape[0], width, *out), **attrs)


def transposed(m: Maker, x: Tensor) -> Tensor | None:
    if x.rank not in (3, 4) or x.shape[1] > 32:
        return None
    c, spatial = x.shape[1], x.shape[2:]
    k = [m.random.choice([1, 2, 3]) for _ in spatial]
    s = [m.random.choice([1, 2]) for _ in spatial]
    pads = [m.random.randint(0, 1) for _ in range(2 * len(spatial))]
    n = len(spatial)
    out = [(e - 1) * s[a] + k[a] - pads[a] - pads[a + n] for a, e in enumerate(spatial)]
    if min(out) < 1:
        return None
    attrs = {"kernel_shape": k, "strides": s, "pads": pads}
    return m.add("ConvTranspose", [x.name, m.weights(c, 3, *k)], (x.shape[0], 3, *out), **attrs)


def pool(m: Maker, x: Tensor) -> Tensor | None:
    if x.rank not in (3, 4):
        return None
    spatial = x.shape[2:]
    k = [m.random.choice([2, 3]) for _ in spatial]
    s = [m.random.choice([1, 2]) for _ in spatial]
    pads = [m.random.randint(0, 1) for _ in range(2 * len(spatial))]
    n = len(spatial)
    out = [(e + pads[a] + pads[a + n] - k[a]) // s[a] + 1 for a, e in enumerate(spatial)]
    if min(out) < 1 or any(e + pads[a] + pads[a + n] < k[a] for a, e in enumerate(spatial)):
        return None
    op = m.random.choice(["MaxPool", "AveragePool"])
    return m.add(op, [x.name], (*x.shape[:2], *out), kernel_shape=k, strides=s, pads=pads)


def resize(m: Maker, x: Tensor) -> Tensor | None:
    if x.rank not in (3, 4):
        return None
    mode = m.random.choice(["nearest", "linear"])
    where = m.random.choice(["half_pixel", "align_corners", "asymmetric"])
    shape = (*x.shape[:2], *(max(1, n + m.random.choice([0, 1, n, -1, -(n // 2)])) for n in x.shape[2:]))
    given = [x.name, "", "", m.ints(shape)]
    return m.add("Resize", given, shape, mode=mode, coordinate_transformation_mode=where)


def normed(m: Maker, x: Tensor) -> Tensor | None:
    kind = m.random.choice(["layer", "instance", "lrn"])
    if kind == "layer":
        at = m.random.randrange(x.rank)
        scale = m.weights(*x.shape[at:])
        return m.add("LayerNormalization", [x.name, scale], x.shape, axis=at)
    if x.rank < 3:
        return None
    if kind == "instance":
        return m.add("InstanceNormalization", [x.name, m.weights(x.shape[1]), m.weights(x.shape[1])], x.shape)
    return m.add("LRN", [x.name], x.shape, size=3) if x.rank == 4 else None


def unary(m: Maker, x: Tensor) -> Tensor:
    return m.add(m.random.choice(["Relu", "Sigmoid", "Abs", "Neg", "Tanh"]), [x.name], x.shape)


def joined(m: Maker, x: Tensor) -> Tensor | None:
    """Meet another tensor of a shape that broadcasts with this one."""
    fits = []
    for each in m.tensors:
        try:
            shape = np.broadcast_shapes(each.shape, x.shape)
        except ValueError:
            continue
        if prod(shape) <= LARGEST and len(shape) <= 6:
            fits.append((each, shape))
    other, shape = m.random.choice(fits)
    ops = ["Add", "Mul", "Max"] if other == x else ["Add", "Mul", "Sub", "Max"]
    return m.add(m.random.choice(ops), m.random.sample([x.name, other.name], 2), shape)


def product(m: Maker, x: Tensor) -> Tensor | None:
    """Multiply with its own transpose."""
    if x.rank < 3:
        return None
    order = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
    t, c = x.shape[-2:]
    turned = m.add("Transpose", [x.name], (*x.shape[:-2], c, t), perm=order)
    return m.add("MatMul", [x.name, turned.name], (*x.shape[:-2], t, t))


STEPS: tuple[Step, ...] = (
    transpose, transpose, merge, merge, cut, cut, regroup, windows, windows, shuffle, slice_,
    slice_, pad, pad, gather, gather, tile, unit, token, token, beside, apart, apart, masked,
    masked, trilu, attention, attention, reduced, gated, gated, softmax, scan, top, linear, linear,
    einsum, einsum, recurrent, recurrent, conv, conv, conv, transposed, pool, resize, normed, unary,
    joined, joined, product,
)  # fmt: skip

INPUTS = ("bchw", "bchw", "btc", "btc", "bct", "bhwc")


def wild(seed: int, steps: int | None = None) -> Any:
    """Make the graph of a seed; with fewer steps its beginning."""
    m = Maker(seed)
    kind = m.random.choice(INPUTS)
    extents = {"b": m.random.choice([1, 1, 2, 3]), "c": m.random.choice([2, 4, 4, 6])}
    extents.update({letter: m.random.choice([4, 5, 6, 8, 9]) for letter in "htw"})
    x = Tensor("x", tuple(extents[letter] for letter in kind))
    m.tensors.append(x)
    wanted = m.random.randint(2, 7)
    last = x
    for _ in range(wanted if steps is None else min(steps, wanted)):
        for _ in range(20):
            step = m.random.choice(STEPS)
            here = last if m.random.random() < 0.85 else m.random.choice(m.tensors)
            made = step(m, here) if here.rank else None
            if made is not None:
                last = made
                break
        if prod(last.shape) > LARGEST or last.rank > 6:
            break
    return m.model() if m.nodes else wild(seed + 10_000_019, steps)


def ops_of(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]

"""What is found without taking an operator apart is what PyTorch finds: shape, strides, type, refusals."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

import rfcalc

torch = pytest.importorskip("torch")

from torch._dispatch.python import enable_python_dispatcher  # noqa: E402  needs torch

from rfcalc.readers.torch.shortcuts import shortcuts  # noqa: E402  needs torch
from rfcalc.readers.torch.shortcuts_elementwise import MAPS, PAIRS  # noqa: E402  needs torch

pytestmark = pytest.mark.torch

aten = torch.ops.aten


def empty(*shape: int, dtype: Any = None) -> Any:
    return torch.empty(shape, device="meta", dtype=dtype)


def weights(given: int, hidden: int, gates: int, layers: int, ways: int, out: int | None = None) -> list[Any]:
    """The weights of a recurrent layer, in PyTorch's order."""
    found = []
    for layer in range(layers):
        for _ in range(ways):
            wide = given if not layer else (out or hidden) * ways
            found += [empty(gates * hidden, wide), empty(gates * hidden, out or hidden)]
            found += [empty(gates * hidden)] * 2
            found += [empty(out, hidden)] if out else []
    return found


def recurrent(
    function: Any, gates: int, *, layers: int, ways: int, first: bool, out: int | None = None
) -> Any:
    x = empty(3, 5, 8) if first else empty(5, 3, 8)
    states = [empty(layers * ways, 3, out or 6), empty(layers * ways, 3, 6)]
    state = states if function is aten.lstm.input else states[0]
    held = weights(8, 6, gates, layers, ways, out)
    return function, (x, state, held, True, layers, 0.0, False, ways == 2, first)


CASES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "batch norm": (aten.batch_norm.default, (empty(2, 4, 5, 5), *[empty(4)] * 4, False, 0.1, 1e-5, True)),
    "batch norm of channels last": (
        aten.batch_norm.default,
        (empty(2, 4, 5, 5).to(memory_format=torch.channels_last), *[empty(4)] * 4, False, 0.1, 1e-5, True),
    ),
    "layer norm": (aten.layer_norm.default, (empty(2, 7, 4), [4], empty(4), empty(4), 1e-5)),
    "layer norm of two axes": (aten.layer_norm.default, (empty(2, 7, 4), [7, 4], None, None, 1e-5)),
    "layer norm of half floats": (
        aten.layer_norm.default,
        (empty(2, 4, dtype=torch.float16), [4], *[empty(4, dtype=torch.float16)] * 2, 1e-5),
    ),
    "linear": (aten.linear.default, (empty(2, 7, 4), empty(6, 4), empty(6))),
    "linear without bias": (aten.linear.default, (empty(2, 4), empty(6, 4))),
    "attention": (
        aten.scaled_dot_product_attention.default,
        (empty(2, 3, 7, 4), empty(2, 3, 9, 4), empty(2, 3, 9, 5)),
    ),
    "attention of transposed": (
        aten.scaled_dot_product_attention.default,
        tuple(empty(2, 7, 3, 4).transpose(1, 2) for _ in range(3)),
    ),
    "lstm": recurrent(aten.lstm.input, 4, layers=1, ways=1, first=False),
    "lstm both ways, batch first": recurrent(aten.lstm.input, 4, layers=2, ways=2, first=True),
    "lstm projected": recurrent(aten.lstm.input, 4, layers=1, ways=2, first=True, out=2),
    "gru": recurrent(aten.gru.input, 3, layers=2, ways=2, first=True),
    "rnn": recurrent(aten.rnn_tanh.input, 1, layers=1, ways=1, first=True),
    "rnn with relu": recurrent(aten.rnn_relu.input, 1, layers=1, ways=2, first=False),
}


def told(value: Any) -> list[tuple[Any, ...]]:
    """Shape, strides, type, device; the stride of an axis of extent 1 leads nowhere."""
    several = value if isinstance(value, (tuple, list)) else [value]
    strides = [[s for s, n in zip(t.stride(), t.shape, strict=True) if n > 1] for t in several]
    return [(tuple(t.shape), s, t.dtype, t.device.type) for t, s in zip(several, strides, strict=True)]


@pytest.mark.parametrize("name", list(CASES))
def test_the_result_is_that_of_pytorch(name: str) -> None:
    function, args = CASES[name]
    found = shortcuts()[function](*args)
    assert found is not None, "a short cut is taken"
    assert told(found) == told(function(*args))


ON_THE_CPU: dict[str, tuple[Any, Any]] = {
    "experts": (
        aten._grouped_mm.default,
        lambda: (torch.randn(9, 8), torch.randn(3, 8, 16), torch.tensor([2, 3, 9], dtype=torch.int32)),
    ),
    "experts transposed, rows filled up": (
        aten._grouped_mm.default,
        lambda: (
            torch.randn(9, 8), torch.randn(3, 6, 8).mT, torch.tensor([2, 3, 9], dtype=torch.int32)
        ),
    ),
    "filled with a number": (
        aten.masked_fill.Tensor,
        lambda: (torch.randn(5, 4).t(), torch.ones(4, 5, dtype=torch.bool), torch.tensor(2.0)),
    ),
    "filled with a number, broadcast": (
        aten.masked_fill.Tensor,
        lambda: (torch.randn(5), torch.ones(4, 5, dtype=torch.bool), torch.tensor(2.0)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(ON_THE_CPU))
def test_the_result_is_that_with_elements(name: str) -> None:
    """What PyTorch does with elements, and refuses without."""
    function, make = ON_THE_CPU[name]
    args = make()
    found = shortcuts()[function](*[each.to("meta") if each.dim() else each for each in args])
    assert [each[:3] for each in told(found)] == [each[:3] for each in told(function(*args))]


UNFIT: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "norm of other channels": (
        aten.batch_norm.default, (empty(2, 4, 5), *[empty(3)] * 4, False, 0.1, 1e-5, True)
    ),
    "norm of one in training": (
        aten.batch_norm.default, (empty(1, 4), *[empty(4)] * 4, True, 0.1, 1e-5, True)
    ),
    "norm without statistics": (
        aten.batch_norm.default, (empty(2, 4), *[None] * 4, False, 0.1, 1e-5, True)
    ),
    "layer norm of another width": (aten.layer_norm.default, (empty(2, 4), [5], None, None, 1e-5)),
    "linear of another width": (aten.linear.default, (empty(2, 5), empty(6, 4))),
    "linear of other types": (aten.linear.default, (empty(2, 4, dtype=torch.float16), empty(6, 4))),
    "attention with a mask of other steps": (
        aten.scaled_dot_product_attention.default, (*[empty(1, 1, 4, 4)] * 3, empty(1, 1, 4, 3))
    ),
    "convolution of other channels": (aten.conv2d.default, (empty(1, 3, 8, 8), empty(4, 2, 3, 3))),
    "convolution with a kernel larger than the map": (
        aten.conv2d.default, (empty(1, 3, 2, 2), empty(4, 3, 3, 3))
    ),
    "groups that do not divide": (aten.group_norm.default, (empty(2, 4, 5), 3)),
    "products of other batches": (aten.matmul.default, (empty(2, 3, 4), empty(1, 4, 5))),
    "sum of what does not fit": (aten.add.Tensor, (empty(2, 3), empty(2, 4))),
    "sum of two types": (aten.add.Tensor, (empty(2, 3), empty(2, 3, dtype=torch.float16))),
    "sum with a tensor of another device": (aten.add.Tensor, (empty(2, 3), torch.zeros(()))),
    "quotient of integers": (aten.div.Tensor, (empty(2, dtype=torch.int64), empty(2, dtype=torch.int64))),
    "a sum in place that would grow": (aten.add_.Tensor, (empty(1, 3), empty(2, 3))),
    "a sum in place into repeated": (aten.add_.Tensor, (empty(1, 3).expand(2, 3), empty(2, 3))),
    "mean over an axis that is not there": (aten.mean.dim, (empty(2, 3), [2])),
    "mean over one axis twice": (aten.mean.dim, (empty(2, 3), [1, -1])),
    "roll of more axes": (aten.roll.default, (empty(2, 3), [1], [0, 1])),
    "attention of broadcast heads": (
        aten.scaled_dot_product_attention.default, (empty(2, 3, 7, 4), *[empty(2, 1, 7, 4)] * 2)
    ),
    "experts with other matrices for each row": (
        aten._grouped_mm.default, (empty(2, 9, 8), empty(3, 8, 16), empty(3, dtype=torch.int32))
    ),
    "filled with a tensor without elements": (
        aten.masked_fill.Tensor, (empty(4), empty(4, dtype=torch.bool), empty())
    ),
    "lstm of another width": (aten.lstm.input, (
        empty(5, 3, 9), [empty(1, 3, 6)] * 2, weights(8, 6, 4, 1, 1), True, 1, 0.0, False, False, False)),
    "lstm of another batch": (aten.lstm.input, (
        empty(5, 2, 8), [empty(1, 3, 6)] * 2, weights(8, 6, 4, 1, 1), True, 1, 0.0, False, False, False)),
}  # fmt: skip


@pytest.mark.parametrize("name", list(UNFIT))
def test_what_is_not_plain_is_left_to_pytorch(name: str) -> None:
    function, args = UNFIT[name]
    assert shortcuts()[function](*args) is None


# ---- at random ---------------------------------------------------------------------------------------------

Make = Callable[[Random], tuple[Any, ...]]


def strided(rnd: Random, *shape: int) -> Any:
    """A tensor whose axes lie in any order, sometimes every second element of another."""
    order = rnd.sample(range(len(shape)), len(shape))
    lying = [shape[axis] for axis in order]
    every = rnd.random() < 0.2 and lying
    made = empty(*lying[:-1], lying[-1] * 2)[..., ::2] if every else empty(*lying)
    return made.permute([order.index(axis) for axis in range(len(shape))])


def some(rnd: Random, least: int = 1) -> list[int]:
    return [rnd.choice([1, 1, 2, 3, 4]) for _ in range(rnd.randint(least, 4))]


def pair(rnd: Random) -> tuple[Any, ...]:
    shape = some(rnd)
    repeated = [[1 if rnd.random() < 0.3 else n for n in shape][rnd.randint(0, len(shape)) :] for _ in "ab"]
    kind = rnd.choice(["contiguous", "alike", "any", "repeated", "number"])
    if kind == "contiguous":
        return tuple(empty(*each) for each in repeated)
    if kind == "repeated":
        given = strided(rnd, *shape), strided(rnd, *repeated[0])
        return given if rnd.random() < 0.5 else given[::-1]
    if kind == "number":
        return strided(rnd, *shape), rnd.choice([2, 0.5])
    one = strided(rnd, *shape)
    return one, torch.empty_like(one) if kind == "alike" else strided(rnd, *shape)


def axes(rnd: Random) -> tuple[Any, ...]:
    shape = some(rnd)
    rank = len(shape)
    chosen = [axis - rank * rnd.randint(0, 1) for axis in range(rank) if rnd.random() < 0.5] or [-1]
    return strided(rnd, *shape), chosen, rnd.random() < 0.5


def convolution(rank: int) -> Make:
    def made(rnd: Random) -> tuple[Any, ...]:
        def each() -> list[int]:
            return [rnd.randint(1, 3) for _ in range(rank)]

        groups, kernel = rnd.choice([1, 1, 2]), each()
        x = strided(rnd, rnd.randint(1, 2), groups * rnd.randint(1, 2), *[rnd.randint(3, 9) for _ in kernel])
        weight = empty(groups * rnd.randint(1, 2), x.shape[1] // groups, *kernel)
        bias = rnd.choice([None, empty(weight.shape[0])])
        return x, weight, bias, each(), [n - 1 for n in each()], each(), groups

    return made


def attended(rnd: Random) -> tuple[Any, ...]:
    batch, heads, queries, keys, wide, out = (rnd.randint(1, 3) for _ in range(6))
    mask = strided(rnd, rnd.choice([1, batch]), rnd.choice([1, heads]), queries, keys)
    query, key = strided(rnd, batch, heads, queries, wide), strided(rnd, batch, heads, keys, wide)
    value = strided(rnd, batch, heads, keys, out)
    return (query, key, value, *rnd.choice([(), (None, 0.0, True), (mask,)]))


def normed(rnd: Random) -> tuple[Any, ...]:
    x = strided(rnd, *some(rnd, 2))
    return x, *[rnd.choice([None, empty(x.shape[1])])] * 2


def normed_batch(rnd: Random) -> tuple[Any, ...]:
    x, weight, bias = normed(rnd)
    training = rnd.random() < 0.5
    statistics = [None if training else empty(x.shape[1])] * 2
    return x, weight, bias, *statistics, training, 0.1, 1e-5, True


def normed_last(rnd: Random) -> tuple[Any, ...]:
    x = strided(rnd, *some(rnd))
    return x, x.shape[-1:], None, empty(x.shape[-1])


def normed_groups(rnd: Random) -> tuple[Any, ...]:
    x, weight, bias = normed(rnd)
    return x, rnd.choice([1, x.shape[1]]), weight, bias


def one(rnd: Random) -> tuple[Any, ...]:
    return (strided(rnd, *some(rnd)),)


def product(rnd: Random) -> tuple[Any, ...]:
    *batch, wide, deep = some(rnd, 2)
    return strided(rnd, *batch, wide, deep), strided(rnd, *batch, deep, rnd.randint(1, 3))


def followed(make: Make, *others: Any) -> Make:
    """What is made, and others behind it."""
    return lambda rnd: (*make(rnd), *others)


RANDOM: dict[Any, Make] = {
    **{getattr(aten, name).default: one for name in (*MAPS, "gelu_", "hardswish_")},
    aten.clamp.default: followed(one, 0.0, 1.0),
    aten.clamp_min.default: followed(one, 0.0),
    aten.clamp_max.default: followed(one, 0.0),
    **{getattr(aten, name).Tensor: pair for name in (*PAIRS, "add_", "mul_")},
    **dict.fromkeys((aten.mean.dim, aten.sum.dim_IntList, aten.amax.default, aten.amin.default), axes),
    aten.linalg_vector_norm.default: lambda rnd: ((given := axes(rnd))[0], 2, *given[1:]),
    aten.softmax.int: followed(one, -1),
    aten.log_softmax.int: followed(one, 0),
    aten.roll.default: followed(one, [1], [-1]),
    aten.conv1d.default: convolution(1),
    aten.conv2d.default: convolution(2),
    aten.conv3d.default: convolution(3),
    aten.scaled_dot_product_attention.default: attended,
    aten.batch_norm.default: normed_batch,
    aten.layer_norm.default: normed_last,
    aten.group_norm.default: normed_groups,
    aten.linear.default: lambda rnd: ((x := strided(rnd, *some(rnd, 2))), empty(3, x.shape[-1])),
    aten.matmul.default: product,
}


@pytest.mark.parametrize("function", list(RANDOM), ids=str)
def test_results_at_random_are_those_of_pytorch(function: Any) -> None:
    rnd = Random(str(function))
    taken = 0
    for _ in range(60):
        args = RANDOM[function](rnd)
        found = shortcuts()[function](*args)
        if found is None:
            continue
        taken += 1
        with enable_python_dispatcher():
            assert told(found) == told(function(*args)), [told(x) for x in args if hasattr(x, "shape")]
    assert taken >= 10


def test_arguments_by_name_are_left_to_pytorch_where_they_could_change_the_result() -> None:
    x, weight = empty(2, 3), empty(4, 3)
    assert shortcuts()[aten.linear.default](x, weight=weight) is None
    assert shortcuts()[aten.mean.dim](x, [0], dtype=torch.float64) is None
    assert shortcuts()[aten.softmax.int](x, 0, torch.float64) is None
    assert told(shortcuts()[aten.gelu.default](x, approximate="tanh")) == told(x)


def test_a_recurrent_layer_is_one_call_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    plain = torch._ops.OpOverload.__call__

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(str(self))
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(torch._ops.OpOverload, "__call__", counted)
    counts = []
    for steps in (5, 200):
        net = torch.nn.LSTM(4, 6, bidirectional=True, batch_first=True, device="meta")
        calls.clear()
        graph = rfcalc.from_torch(net, (1, steps, 4))
        counts.append(len(calls))
        assert [layer.kind for layer in graph] == ["input", "sequence"]
    assert counts[0] == counts[1] > 0

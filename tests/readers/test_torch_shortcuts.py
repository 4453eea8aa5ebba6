"""What is found without taking an operator apart is what PyTorch finds: shape, strides, type, refusals."""

from __future__ import annotations

from typing import Any

import pytest

import rfcalc

torch = pytest.importorskip("torch")

from rfcalc.readers.torch.shortcuts import shortcuts  # noqa: E402  needs torch

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
    several = value if isinstance(value, (tuple, list)) else [value]
    return [(tuple(each.shape), each.stride(), each.dtype, each.device.type) for each in several]


@pytest.mark.parametrize("name", list(CASES))
def test_the_result_is_that_of_pytorch(name: str) -> None:
    function, args = CASES[name]
    found = shortcuts()[function](*args)
    assert found is not None, "a short cut is taken"
    assert told(found) == told(function(*args))


UNFIT: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "norm of other channels": (
        aten.batch_norm.default, (empty(2, 4, 5), *[empty(3)] * 4, False, 0.1, 1e-5, True)
    ),
    "norm in training": (aten.batch_norm.default, (empty(2, 4, 5), *[empty(4)] * 4, True, 0.1, 1e-5, True)),
    "layer norm of another width": (aten.layer_norm.default, (empty(2, 4), [5], None, None, 1e-5)),
    "layer norm of strided": (aten.layer_norm.default, (empty(4, 7).t(), [4], None, None, 1e-5)),
    "linear of another width": (aten.linear.default, (empty(2, 5), empty(6, 4))),
    "linear of other types": (aten.linear.default, (empty(2, 4, dtype=torch.float16), empty(6, 4))),
    "attention with a mask": (
        aten.scaled_dot_product_attention.default, (*[empty(1, 1, 4, 4)] * 3, empty(4, 4))
    ),
    "attention of broadcast heads": (
        aten.scaled_dot_product_attention.default, (empty(2, 3, 7, 4), *[empty(2, 1, 7, 4)] * 2)
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

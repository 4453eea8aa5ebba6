"""Products in which nothing is summed count no multiply-accumulates, however they are spelled.

They are what a product element by element is, which counts none either; PyTorch's flop counter counts none.
"""

from __future__ import annotations

import pytest

import rfcalc

T, D = 6, 4

MACS = {
    "btd,btn->btdn": 0,
    "btd,btd->btd": 0,
    "bd,be->bde": 0,
    "btd,bsd->bts": T * T * D,
    "btd,btd->bt": T * D,
}


@pytest.mark.parametrize("equation", MACS)
def test_letters_that_are_summed_make_a_product_count(equation: str) -> None:
    first: list[object] = [{"kind": "relu", "name": "relu"}]
    source = "relu"
    if equation.startswith("bd"):
        first, source = [*first, {"kind": "gap", "name": "mean"}], "mean"
    net = {
        "rfcalc": 1,
        "input": [T, D],
        "layers": [*first, {"kind": "einsum", "name": "e", "inputs": [source] * 2, "equation": equation}],
    }
    assert rfcalc.analyze(net).layer("e").macs == MACS[equation]
    assert rfcalc.verify(net).holds


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")

    class Outer(torch.nn.Module):  # type: ignore[misc]  # torch may be absent
        def forward(self, x: object) -> object:
            return torch.einsum("btd,btn->btdn", x, torch.relu(x)).sum(-1)

    assert rfcalc.analyze(rfcalc.from_torch(Outer(), torch.zeros(1, T, D))).totals.macs == 0


def test_onnx_agrees() -> None:
    pytest.importorskip("onnx")
    from tests.readers.onnx_build import model, node

    made = model([node("Einsum", "x x", "y", equation="btd,btn->btdn")], {"x": (1, T, D)}, "y")
    assert rfcalc.analyze(made).totals.macs == 0


def test_jax_agrees() -> None:
    jax = pytest.importorskip("jax")

    def outer(x: object) -> object:
        return jax.lax.dot_general(x, x, (((), ()), ((0, 1), (0, 1))))

    assert rfcalc.analyze(rfcalc.from_jax(outer, jax.numpy.zeros((1, T, D)))).totals.macs == 0


def test_keras_agrees() -> None:
    keras = pytest.importorskip("keras")
    x = keras.Input((T, D))
    y = keras.ops.einsum("btd,btn->btdn", x, keras.ops.relu(x))
    assert rfcalc.analyze(rfcalc.from_keras(keras.Model(x, y))).totals.macs == 0

"""Reading a JAX function beside tracing it, which is the least that has to be done."""

from __future__ import annotations

from typing import Any

import pytest

jax = pytest.importorskip("jax")
nn = pytest.importorskip("flax.linen")

import rfcalc  # noqa: E402

pytestmark = [pytest.mark.jax, pytest.mark.benchmark(group="a residual network of JAX")]


class Block(nn.Module):  # type: ignore[misc]  # flax is optional, and its types are not read
    """Three convolutions beside a shortcut."""

    width: int

    @nn.compact
    def __call__(self, x: Any) -> Any:
        y = x
        for kernel, width in ((1, self.width), (3, self.width), (1, 4 * self.width)):
            y = nn.Conv(width, (kernel, kernel), use_bias=False)(y)
            y = nn.relu(nn.BatchNorm(use_running_average=True)(y))
        return nn.Conv(4 * self.width, (1, 1))(x) + y


class Network(nn.Module):  # type: ignore[misc]
    """Sixteen blocks."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        for number in range(16):
            x = Block(16 + 8 * (number // 4))(x)
        return nn.Dense(10)(x.mean((1, 2)))


@pytest.fixture(scope="module")
def given() -> tuple[Any, Any, Any]:
    module, x = Network(), jax.ShapeDtypeStruct((1, 64, 64, 3), "float32")
    return module, jax.eval_shape(module.init, jax.random.key(0), x), x


def test_make_jaxpr(benchmark: Any, given: tuple[Any, Any, Any]) -> None:
    module, variables, x = given
    benchmark(lambda: (jax.clear_caches(), jax.make_jaxpr(module.apply)(variables, x)))


def test_from_jax(benchmark: Any, given: tuple[Any, Any, Any]) -> None:
    module, variables, x = given
    benchmark(lambda: (jax.clear_caches(), rfcalc.from_jax(module.apply, x, params=variables)))

"""Random chains of JAX's primitives on a map, and what they truly depend on.

All of them are linear, or the largest of numbers that are not negative, with weights above zero: where a row
of the input alone is one, those elements of the output are not zero that depend on it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Step = Callable[[Any], Any]

MOST_STEPS = 5
LARGEST = 40
"""Elements along one axis."""


class Chain:
    """Steps in a row, on a tensor of samples, rows, columns and channels."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.shape = (self.random.randint(5, 10), self.random.randint(5, 10), self.random.choice((2, 4)))
        self.steps: list[Step] = []
        shape = (2, *self.shape)
        for _ in range(self.random.randint(1, MOST_STEPS)):
            makers = list(MAKERS)
            self.random.shuffle(makers)
            for maker in makers:
                step = maker(self.random, shape)
                made = None if step is None else _shape_of(step, shape)
                if made is not None and all(0 < extent <= LARGEST for extent in made):
                    self.steps.append(step)
                    shape = made
                    break

    def __call__(self, x: Any) -> Any:
        for step in self.steps:
            x = step(x)
        return x

    @cached_property
    def _made(self) -> Any:
        """Which elements of the output read each row of the input, then each column."""
        rows, columns, _ = self.shape
        x = np.zeros((rows + columns, *self.shape))
        for index in range(rows):
            x[index, index] = 1.0
        for index in range(columns):
            x[rows + index, :, index] = 1.0
        return np.asarray(jax.jit(self)(jnp.asarray(x))) > 0

    def reads(self, axis: int) -> list[list[set[int]]]:
        """Return for rows and for columns of the output which indices of an axis of the input each reads."""
        made = self._made[: self.shape[0]] if axis == 1 else self._made[self.shape[0] :]
        found = []
        for place in (1, 2):
            seen = made.any(axis=tuple(k for k in (1, 2, 3) if k != place))
            found.append([set(seen[:, k].nonzero()[0].tolist()) for k in range(seen.shape[1])])
        return found


def _shape_of(step: Step, shape: tuple[int, ...]) -> tuple[int, ...]:
    return jax.eval_shape(step, jax.ShapeDtypeStruct(shape, float)).shape  # type: ignore[no-any-return]


def _pad(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    config = [(0, 0, 0)] + [(r.randint(-2, 2), r.randint(-2, 2), r.choice((0, 0, 1, 2))) for _ in range(2)]
    config.append((0, 0, 0))
    if any(n + (n - 1) * i + lo + hi < 1 for n, (lo, hi, i) in zip(shape, config, strict=True)):
        return None
    return lambda x: lax.pad(x, jnp.zeros((), x.dtype), config)


def _slice(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    starts = [r.randint(0, n // 2) for n in shape[1:3]]
    stops = [r.randint(start + 1, n) for start, n in zip(starts, shape[1:3], strict=True)]
    steps = [r.randint(1, 3) for _ in starts]
    return lambda x: lax.slice(x, (0, *starts, 0), (x.shape[0], *stops, x.shape[3]), (1, *steps, 1))


def _conv(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    groups = r.choice((1, 2)) if shape[3] % 2 == 0 else 1
    kernel = (r.randint(1, 3), r.randint(1, 3))
    filters = groups * r.randint(1, 2)
    orders = [r.sample(range(4), 4) for _ in range(3)]
    numbers = lax.ConvDimensionNumbers(*map(tuple, orders))
    strides, dilation = (r.randint(1, 2), r.randint(1, 2)), (r.randint(1, 2), r.randint(1, 2))
    spread = r.choice(((1, 1), (2, 1), (1, 3), (2, 2)))
    padding = [(r.randint(-1, 3), r.randint(-1, 3)) for _ in range(2)]
    weights = np.random.default_rng(r.randint(0, 99)).uniform(
        0.5, 1.0, (filters, shape[3] // groups, *kernel)
    )
    # spec[k] is the axis at which batch, channels, rows and columns stand
    kernel_array = np.transpose(weights, np.argsort(orders[1]))

    def step(x: Any) -> Any:
        turned = jnp.transpose(jnp.transpose(x, (0, 3, 1, 2)), np.argsort(orders[0]))
        made = lax.conv_general_dilated(
            turned, jnp.asarray(kernel_array, x.dtype), strides, padding, spread, dilation, numbers, groups
        )
        return jnp.transpose(jnp.transpose(made, orders[2]), (0, 2, 3, 1))

    extents = [
        ((n - 1) * b + 1 + lo + hi - d * (k - 1) - 1) // s + 1
        for n, b, (lo, hi), d, k, s in zip(
            shape[1:3], spread, padding, dilation, kernel, strides, strict=True
        )
    ]
    return step if min(extents) > 0 else None


def _pool(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    window, strides = (1, r.randint(1, 3), r.randint(1, 3), 1), (1, r.randint(1, 2), r.randint(1, 2), 1)
    dilation = (1, r.randint(1, 2), r.randint(1, 2), 1)
    padding = ((0, 0), (r.randint(0, 1), r.randint(0, 2)), (r.randint(0, 1), 0), (0, 0))
    if any((k - 1) * d + 1 > n for n, k, d in zip(shape[1:], window[1:], dilation[1:], strict=True)):
        return None
    start, function = r.choice(((0.0, lax.add), (-np.inf, lax.max)))
    if start:
        padding = ((0, 0),) * 4
    return lambda x: lax.reduce_window(x, start, function, window, strides, padding, None, dilation)


def _take(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    axis = r.choice((1, 2))
    indices = np.array([r.randrange(shape[axis]) for _ in range(r.randint(1, 8))])
    return lambda x: jnp.take(x, indices, axis=axis)


def _grid(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    rows, columns = (np.array([r.randrange(n) for _ in range(r.randint(1, 5))]) for n in shape[1:3])
    return lambda x: x[:, rows[:, None], columns[None, :]]


def _concat(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    axis = r.choice((1, 2, 3))
    if axis == 3:
        return lambda x: jnp.concatenate([x, x], axis=3)
    cut = r.randint(1, shape[axis])
    return lambda x: jnp.concatenate([x, lax.slice_in_dim(x, 0, cut, axis=axis)], axis=axis)


def _turn(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    return lambda x: jnp.transpose(x, (0, 2, 1, 3))


def _shuffle(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    _, h, w, c = shape
    if r.random() < 0.5 and h % 2 == 0 and w % 2 == 0:
        return lambda x: (
            x.reshape(-1, h // 2, 2, w // 2, 2, c)
            .transpose(0, 1, 3, 2, 4, 5)
            .reshape(-1, h // 2, w // 2, 4 * c)
        )
    if c % 4:
        return None
    return lambda x: (
        x.reshape(-1, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 2 * h, 2 * w, c // 4)
    )


def _reverse(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    axes = r.choice(((1,), (2,), (1, 2)))
    return lambda x: lax.rev(x, axes)


def _sum(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    axis = r.choice((1, 2))
    return lambda x: x + jnp.sum(x, axis, keepdims=True)


def _cumulate(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    axis, reverse = r.choice((1, 2)), r.random() < 0.5
    return lambda x: lax.cumsum(x, axis, reverse=reverse)


def _roll(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    axis = r.choice((1, 2))
    shift = r.randint(1, shape[axis])
    return lambda x: jnp.roll(x, shift, axis)


def _repeat(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    axis, count = r.choice((1, 2)), r.randint(2, 3)
    return lambda x: jnp.repeat(x, count, axis)


def _block(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    starts = tuple(r.randint(0, n) for n in shape[1:3])
    sizes = tuple(r.randint(1, n) for n in shape[1:3])
    return lambda x: lax.dynamic_slice(x, (0, *starts, 0), (x.shape[0], *sizes, x.shape[3]))


def _write(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    sizes, starts = list(shape[1:3]), [0, 0]
    axis = r.choice((0, 1))  # along both, the two axes would tell less apart than elements do
    sizes[axis], starts[axis] = r.randint(1, sizes[axis]), r.randint(0, sizes[axis])

    def step(x: Any) -> Any:
        block = lax.slice(x, (0, 0, 0, 0), (x.shape[0], *sizes, x.shape[3]))
        return lax.dynamic_update_slice(x, block, (0, *starts, 0))

    return step


def _mask(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    kept = np.random.default_rng(r.randint(0, 99)).random((shape[1], 1, 1)) < 0.7
    if r.random() < 0.5:
        return lambda x: jnp.where(kept, x, 0.0)
    return lambda x: x * kept.astype(x.dtype)


def _set(r: random.Random, shape: tuple[int, ...]) -> Step | None:
    axis, to = r.choice((1, 2)), r.randrange(shape[1])
    if axis == 2:
        to = r.randrange(shape[2])
        return lambda x: x.at[:, :, to].set(0.0)
    return lambda x: x.at[:, to].set(x[:, 0])


MAKERS = (
    *(
        _pad,
        _slice,
        _conv,
        _conv,
        _conv,
        _pool,
        _pool,
        _take,
        _grid,
        _concat,
        _turn,
        _shuffle,
        _reverse,
        _sum,
    ),
    *(_cumulate, _roll, _repeat, _block, _write, _mask, _set),
)

"""Functions in which constants decide what is read: recurrences that they cut off, choices, writing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def _recurred(step: Any, *more: Any, first: Any = None, reverse: bool = False) -> Callable[[Any], Any]:
    """Return a scan over time of which every step puts out what it makes of a state, a row and `more`."""

    def function(x: Any) -> Any:
        zeros = jnp.zeros(x.shape[1:])
        state = zeros if first is None else (first(zeros), zeros)
        return lax.scan(lambda c, xs: step(c, *xs), state, (x, *more), reverse=reverse)[1]

    return function


def _count(zeros: Any) -> int:
    return 0


def _both(made: Any) -> Any:
    return made, made


STEPS, KEPT = jnp.arange(7), jnp.array([1.0, 1, 0, 1, 1, 0, 1])
_RESET = partial(_recurred, lambda c, x, t: _both(jnp.where(t % 3 == 0, x, c + x)), STEPS)

CUT: dict[str, Callable[[Any], Any]] = {
    "started anew every three steps": _RESET(),
    "started anew, from the end": _RESET(reverse=True),
    "times a mask": _recurred(lambda c, x, m: _both(c * m + x), KEPT),
    "masked rows are left out": _recurred(lambda c, x, m: _both(c + x * m), KEPT),
    "the first is held for ever": _recurred(lambda c, x, t: _both(jnp.where(t == 0, x, c)), STEPS),
    "times zero": _recurred(lambda c, x: (c * 0 + x, c)),
    "minus infinity is added": _recurred(
        lambda c, x, low: _both(jnp.maximum(c + low, x)), jnp.where(KEPT > 0, 0, -jnp.inf)
    ),
    "clipped between zero and zero": _recurred(lambda c, x, m: _both(jnp.clip(c, 0.0, m) + x), KEPT),
    "a branch by the step": _recurred(
        lambda c, x, t: _both(lax.cond(t % 3 == 0, lambda a, b: b, lambda a, b: a + b, c, x)), STEPS
    ),
    "a counter in the state": _recurred(
        lambda c, x: ((c[0] + 1, jnp.where(c[0] % 3 == 0, 0.0, c[1]) + x), c[1]), first=_count
    ),
    "by way of another state": _recurred(
        lambda c, x, m: ((c[0] * m + x, c[1] + c[0]), c[1]), KEPT, first=jnp.zeros_like
    ),
}
"""Recurrences whose state constants cut off, which no row says exactly."""

FOLLOWED: dict[str, Callable[[Any], Any]] = {
    "a decay of each step": _recurred(lambda c, x, d: _both(c * d + x), jnp.linspace(0.5, 0.9, 7)),
    "positions are added": _recurred(lambda c, x, t: _both(c + x + jnp.sin(t * 0.3)), STEPS),
    "rectified": _recurred(lambda c, x: _both(jnp.maximum(c * 0.5 + x, 0))),
    "a counter chooses what is put out": _recurred(
        lambda c, x: ((c[0] + 1, c[1] + x), jnp.where(c[0] < 4, x, c[1])), first=_count
    ),
    "a counter, from the end": _recurred(
        lambda c, x: ((c[0] + 1, c[1] + x), jnp.where(c[0] < 4, x, c[1])), first=_count, reverse=True
    ),
}
"""Recurrences beside constants that cut nothing off, or of which it is known what they do."""


def _picked(x: Any) -> Any:
    which = jnp.broadcast_to((jnp.arange(9) % 3)[None, :, None], x.shape).astype(jnp.int32)
    return lax.select_n(which, x, jnp.roll(x, 1, 1), jnp.roll(x, 2, 1))


_MASKS: dict[str, Callable[[], Any]] = {
    "written into": lambda: jnp.ones(9).at[2:5].set(0.0),
    "written into at places": lambda: jnp.ones(9).at[jnp.array([2, 5])].set(0.0),
    "of a block": lambda: lax.dynamic_update_slice(jnp.ones(9), jnp.zeros(3), (2,)),
    "padded": lambda: jnp.pad(jnp.ones(4), (2, 3)),
    "looked up": lambda: jnp.asarray([0.0, 1.0])[jnp.arange(9) % 2],
    "sorted": lambda: jnp.sort(jnp.arange(9) % 3) > 0,
    "of a largest element": lambda: jnp.argmax(jnp.eye(9), 1) > 3,
    "of a product": lambda: jnp.eye(9) @ jnp.arange(9.0) > 3,
    "of a scan": lambda: lax.scan(lambda c, t: (1 - c, c), 0.0, jnp.arange(9))[1],
}
"""Constants of nine elements, some of them zero, as programs make them."""


def _hidden(x: Any) -> Any:
    hidden = jnp.zeros((9, 9)).at[:, 5:].set(-1e30)
    return jax.nn.softmax(jnp.einsum("bic,bjc->bij", x, x) + hidden, -1) @ x


EXACT: dict[str, Callable[[Any], Any]] = {
    "one of three, by a known index": _picked,
    "one of three, by a number": lambda x: lax.select_n(jnp.int32(1), x, jnp.roll(x, 1, 1), x),
    "one turn of a loop": lambda x: lax.fori_loop(
        0, 4, lambda i, y: jnp.where(i == 2, x, y + jnp.roll(y, 1, 1)), x
    ),
    "and": lambda x: ((jnp.sin(40 * x) > 0) & (jnp.arange(9) % 2 == 0)[None, :, None]).astype(float),
    "or": lambda x: ((jnp.sin(40 * x) > 0) | (jnp.arange(9) % 2 == 0)[None, :, None]).astype(float),
    "a function at a place": lambda x: x.at[:, 2].apply(jnp.sin),
    "functions at places": lambda x: x.at[:, jnp.array([2, 5])].apply(lambda y: jnp.tanh(jnp.sin(y))),
    "a factor at a place": lambda x: x.at[:, 2].multiply(3.0),
    "no less than a number": lambda x: x.at[:, 2].max(0.5),
    "side by side": lambda x: jnp.stack([x, jnp.roll(x, 1, 1)], 2).reshape(2, 18, 3),
    "twice": lambda x: jnp.tile(x, (1, 2, 1)),
    **{
        f"times a mask {name}": partial(lambda x, made: x * made()[None, :, None], made=made)
        for name, made in _MASKS.items()
    },
    "a choice by a mask written into": lambda x: jnp.where(
        jnp.zeros(9, bool).at[2:5].set(True)[None, :, None], x, jnp.roll(x, 1, 1)
    ),
    "keys hidden by a mask written into": _hidden,
    "times a mask that is tiled": lambda x: x * jnp.tile(jnp.array([1.0, 0, 0]), 3)[None, :, None],
}
"""Functions of (2, 9, 3) of which every row is known."""

BOUND: dict[str, Callable[[Any], Any]] = {
    "zero times a place": lambda x: x.at[:, 2].multiply(0.0),
    "infinity at a place": lambda x: x.at[:, 2].max(jnp.inf),
    "any function at a place": lambda x: x.at[:, 2].apply(lambda y: y * 0),
    "the smaller at places": lambda x: x.at[:, 2:4].min(x[:, 6:8]),
    "added at a computed place": lambda x: x.at[:, (x.sum() > 1).astype(int)].add(x[:, 5]),
    "zero times a computed place": lambda x: x.at[:, (x.sum() > 1).astype(int)].multiply(0.0),
    "a block at a computed place": lambda x: lax.dynamic_update_slice_in_dim(
        x, x[:, :2] * 2, (x.sum() > 1).astype(int), 1
    ),
    "drawn from two": lambda x: jnp.where(
        jax.random.bernoulli(jax.random.key(0), 0.5, (1, 9, 1)), x, jnp.roll(x, 1, 1)
    ),
    "a branch that is drawn": lambda x: lax.cond(
        jax.random.bernoulli(jax.random.key(0)), lambda y: y, lambda y: jnp.roll(y, 1, 1), x
    ),
}
"""Functions of (2, 9, 3) that constants or computed places keep from being followed."""

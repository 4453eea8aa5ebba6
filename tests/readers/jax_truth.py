"""Models with positive weights as functions, and what XLA counts of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx


def positive(tree: Any, seed: int = 0) -> Any:
    """Return a tree with random positive numbers in the place of its floats."""
    leaves, structure = jax.tree_util.tree_flatten(tree)
    rng = np.random.default_rng(seed)
    made = [
        jnp.asarray(rng.uniform(0.02, 0.12, leaf.shape), leaf.dtype)
        if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.inexact)
        else leaf
        for leaf in leaves
    ]
    return jax.tree_util.tree_unflatten(structure, made)


def running(model: Any, shape: Sequence[int]) -> Callable[[Any], Any]:
    """Return a model with positive weights as a function of its input."""
    x = jax.ShapeDtypeStruct(tuple(shape), jnp.zeros((), float).dtype)
    if isinstance(model, nn.Module):
        variables = positive(jax.eval_shape(model.init, jax.random.key(0), x))
        return lambda x: model.apply(variables, x)
    if isinstance(model, nnx.Module):
        graph, state = nnx.split(model)
        filled = positive(state)
        return nnx.merge(graph, filled)  # type: ignore[no-any-return]
    if isinstance(model, eqx.Module):
        filled = positive(model)

        def called(x: Any) -> Any:  # a function, for jit
            return filled(x)

        return called
    held = positive(jax.eval_shape(model.init, jax.random.key(0), x))
    return lambda x: model.apply(held, None, x)


# ---- products ----------------------------------------------------------------------------------------------


def products(function: Callable[..., Any], *given: Any) -> int:
    """Return the multiply-accumulates of all products and convolutions of a function, as XLA counts them.

    XLA leaves out what falls on padding; here padding is part of the input, as rfcalc counts it.
    """
    return _products(jax.make_jaxpr(function)(*given).jaxpr)


def _products(jaxpr: Any) -> int:
    total = 0
    for eqn in jaxpr.eqns:
        name, params = eqn.primitive.name, eqn.params
        if name in ("dot_general", "conv_general_dilated"):
            total += _flops(eqn) // 2
        elif name == "scan":
            total += params["length"] * _products(params["jaxpr"].jaxpr)
        else:
            for value in params.values():
                if hasattr(value, "eqns"):
                    total += _products(getattr(value, "jaxpr", value))
    return total


def _flops(eqn: Any) -> int:
    params = dict(eqn.params)
    x, y = (jax.ShapeDtypeStruct(var.aval.shape, var.aval.dtype) for var in eqn.invars)
    if eqn.primitive.name == "conv_general_dilated":
        params["padding"], x = _with_its_padding(params, x, y)
    lowered = jax.jit(lambda a, b: eqn.primitive.bind(a, b, **params)).lower(x, y)
    return int(lowered.cost_analysis()["flops"])


def _with_its_padding(params: Any, x: Any, y: Any) -> tuple[tuple[tuple[int, int], ...], Any]:
    """Return padding and input of a convolution that reads all of what it reads from its input."""
    numbers = params["dimension_numbers"]
    shape, pads = list(x.shape), []
    for k, place in enumerate(numbers.lhs_spec[2:]):
        if params["lhs_dilation"][k] > 1:  # all that an element spreads over
            reach = (y.shape[numbers.rhs_spec[2 + k]] - 1) * params["rhs_dilation"][k]
            pads.append((reach, reach))
        else:
            shape[place] += sum(params["padding"][k])
            pads.append((0, 0))
    return tuple(pads), jax.ShapeDtypeStruct(tuple(shape), x.dtype)

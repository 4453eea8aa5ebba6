"""JAX functions, by what `jax.make_jaxpr` says of them."""

from __future__ import annotations

from rfcalc.errors import ReadError


def need_jax() -> None:
    """Refuse to go on without JAX.

    Raises
    ------
    ReadError
        It is not installed.
    """
    from importlib.util import find_spec

    if find_spec("jax") is None:
        raise ReadError("reading JAX functions needs jax: pip install 'rfcalc[jax]'")

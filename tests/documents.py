"""Examples in the documentation, and the optional packages that they need."""

from __future__ import annotations

import pytest

OPTIONAL = {
    "keras": "keras",
    "onnx": "onnx",
    "torch": "torch",
    "jax": "jax",
    "flax": "jax",
    "equinox": "jax",
    "haiku": "jax",
    "pandas": "dataframes",
    "polars": "dataframes",
    "duckdb": "dataframes",
}
"""For each package the mark of tests that need it."""


def needs(text: str) -> list[str]:
    return [package for package in OPTIONAL if f"import {package}" in text]


def marked(text: str) -> list[pytest.MarkDecorator]:
    """Return the marks of the packages that an example needs."""
    return [getattr(pytest.mark, name) for name in dict.fromkeys(OPTIONAL[each] for each in needs(text))]


def need(text: str) -> None:
    """Skip where a package is not installed that an example needs."""
    for package in needs(text):
        pytest.importorskip(package)

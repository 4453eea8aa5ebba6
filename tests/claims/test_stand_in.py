"""Stand-ins answer while a library is imported, and are gone after."""

from __future__ import annotations

import importlib
import importlib.util
import sys

import pytest

from tests.claims.stand_in import standing_in


def test_a_stand_in_has_all_that_is_asked_of_it_and_within_it() -> None:
    with standing_in("no_such_package"):
        inner = importlib.import_module("no_such_package.inner.most")
        assert callable(inner.anything)
        assert sys.modules["no_such_package"].inner.most is inner


def test_it_is_gone_after() -> None:
    with standing_in("no_such_package"):
        importlib.import_module("no_such_package.inner")
    assert not [name for name in sys.modules if name.startswith("no_such_package")]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_package")


def test_others_are_not_stood_in_for() -> None:
    with standing_in("no_such_package"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_package_either")

"""The plug-in for pytest: a fixture ``rfcalc`` with the assertions, which reads each file once.

pytest imports this module whenever rfcalc is installed, so it imports nothing but pytest, which is there;
the rest comes with the first test that asks for the fixture.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rfcalc.questions.analyze.library import Analysis
    from rfcalc.testing.subject import Subject

_MODELS = "rfcalc_models"
_STRICT = "rfcalc_strict"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plug-in."""
    group = parser.getgroup("rfcalc", "receptive fields and costs of models (rfcalc)")
    group.addoption(
        "--rfcalc-strict",
        action="store_true",
        default=None,
        help="fail where the rfcalc fixture analyses a model of which not every figure is exact",
    )
    parser.addini(_MODELS, "the folder of models of the rfcalc fixture, from the root directory", default="")
    parser.addini(_STRICT, "as --rfcalc-strict", type="bool", default=False)


class Rfcalc:
    """What the fixture gives: `analyze` and the assertions of `rfcalc.testing`, each file read once.

    Parameters
    ----------
    root : Path
        The folder that paths of models are relative to.
    strict : bool
        Fail where not every figure of a model is exact.
    """

    def __init__(self, root: Path, *, strict: bool = False) -> None:
        self._root = root
        self._strict = strict
        self._read: dict[Any, Subject] = {}

    def analyze(self, model: Any, **loading: Any) -> Analysis:
        """Analyse a model as `rfcalc.analyze` does; a file that has not changed is read once.

        Parameters
        ----------
        model : path, open file, mapping, LayerGraph, Analysis or torch.nn.Module
            The model.
        **loading
            The options of `rfcalc.load`.

        Raises
        ------
        RfcalcError
            As for `rfcalc.analyze`.
        AssertionError
            ``--rfcalc-strict`` holds, and not every figure is exact.
        """
        __tracebackhide__ = True
        return self._subject(model, loading).analysis

    def __getattr__(self, name: str) -> Any:
        import rfcalc.testing

        if name not in rfcalc.testing.__all__:
            raise AttributeError(f"the rfcalc fixture has analyze and the assertions, no {name!r}")
        assertion = getattr(rfcalc.testing, name)

        @functools.wraps(assertion)
        def held(model: Any, *args: Any, **given: Any) -> None:
            __tracebackhide__ = True
            if name == "assert_budget":  # a budget knows models by their files
                assertion(self._located(model), *args, **given)
                return
            loading = {key: given.pop(key) for key in _OPTIONS if key in given}
            assertion(self._subject(model, loading), *args, **given)

        return held

    def __dir__(self) -> list[str]:
        import rfcalc.testing

        return sorted({*super().__dir__(), *rfcalc.testing.__all__})

    def _located(self, model: Any) -> Any:
        """Return where a file lies; what is no file, such as package.module:factory, stays."""
        if isinstance(model, (str, os.PathLike)):
            path = self._root / model
            return str(path) if path.exists() else model
        return model

    def _subject(self, model: Any, loading: dict[str, Any]) -> Subject:
        __tracebackhide__ = True
        from rfcalc.testing import assert_exact
        from rfcalc.testing.subject import subject

        located = self._located(model)
        key = _key(located, loading)
        found = self._read.get(key)
        if found is None:
            found = subject(located, loading)
            if key is not None:
                self._read[key] = found
        if self._strict:
            assert_exact(found)
        return found


_OPTIONS = ("parameters", "input_shape", "dims", "input", "layout", "on_unknown", "runtime", "cut")
"""The options of `rfcalc.load`."""


def _key(model: Any, loading: dict[str, Any]) -> Any:
    """Return what a file is known by while it does not change; None for what is not kept, as it may."""
    if not isinstance(model, (str, os.PathLike)):
        return None
    try:
        stat = Path(model).stat()
    except (OSError, ValueError):
        return None
    return os.path.realpath(model), stat.st_mtime_ns, stat.st_size, repr(sorted(loading.items()))


@pytest.fixture(scope="session")
def rfcalc(pytestconfig: pytest.Config) -> Rfcalc:
    """Assert what layers see and cost: ``rfcalc.assert_receptive_field("net.json", "conv3", 18)``.

    Has `analyze` and the assertions of ``rfcalc.testing``; each file is read once a session.
    """
    strict = pytestconfig.getoption("--rfcalc-strict")
    return Rfcalc(
        pytestconfig.rootpath / pytestconfig.getini(_MODELS),
        strict=bool(pytestconfig.getini(_STRICT) if strict is None else strict),
    )

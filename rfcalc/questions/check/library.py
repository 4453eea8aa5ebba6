"""Hold models against a budget."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rfcalc.errors import RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.loading import Loading, Model, asked, read_once
from rfcalc.progress import Progress, stepped
from rfcalc.questions.check.document import MODELS, Budget, Section, budget_of, key_text
from rfcalc.questions.check.facts import Facts
from rfcalc.questions.check.find import HOLDS, Check, Failure, Unmatched, check_model
from rfcalc.questions.check.report import CheckReport
from rfcalc.readers.detect import names_code
from rfcalc.readers.documents import Document
from rfcalc.records import NamedTuple
from rfcalc.wording import few

if TYPE_CHECKING:
    from typing_extensions import Unpack

_NO_BUDGET: Final = (
    "there is no budget: no pyproject.toml here or above has a table [tool.rfcalc]; "
    "name a file with --budget, "
    "or let rfcalc check --init MODEL write one"
)
_MOST_BYTES: Final = 16 << 20
"""Bytes of a model's file in which lines are looked for."""


def check(
    x: Model | Sequence[Model] | None = None,
    budget: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    progress: Progress | None = None,
    **loading: Unpack[Loading],
) -> CheckReport:
    """Hold the figures of models against a budget.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph, or a list of them, optional
        The model, as for `load`; by default all models that the budget names, from where it lies.
    budget : path or mapping, optional
        A TOML file, or what it would hold; by default the table ``tool.rfcalc`` of the nearest
        ``pyproject.toml``, from the working directory upward.
    progress : callable, optional
        Is told how many models are done, and of how many; of 0 where that is not known.
    **loading
        The options of `load`, in place of those that the budget sets.

    Returns
    -------
    CheckReport
        Each limit with each figure that it is on: `ok`, `violations`, and their renderings. Smaller is fine
        for a limit ``max_...``, larger for ``min_...``; what cannot be decided, because a figure is not known
        or only an upper bound of it, is a violation. Of several models, those that cannot be read are
        `failures`.

    Raises
    ------
    UsageError
        There is no budget; it has a key that there is not, a value of the wrong type, a pattern that matches
        no layer, or no limit for this model.
    RfcalcError
        Of the kinds that `analyze` raises, where there is one model.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "c1", "filters": 32, "kernel": 3},
    ...     {"kind": "max_pool", "name": "p1", "kernel": 2},
    ... ]}
    >>> check(net, {"max_params": 400, "min_receptive_field": 4}).ok
    True
    >>> print(*check(net, {"layers": {"c1": {"min_receptive_field": 5}}}).messages)
    c1: a receptive field of 3x3 pixels, 2 short of the limit of 5 (<budget>: layers.c1.min_receptive_field)
    """
    found, base = _budget(budget)
    try:
        return _check_all(found, _targets(found, base, x), loading, progress)
    except UsageError as error:
        error.source = error.source or found.source
        raise


class _Target(NamedTuple):
    """A model to check: what to call it, what to load, and what the budget says of it."""

    name: str
    model: Any
    section: Section


def _budget(budget: Any) -> tuple[Budget, Path]:
    """Read a budget, with the directory that the names of its models are relative to."""
    if isinstance(budget, Mapping):
        return budget_of(budget, "<budget>"), Path()
    from rfcalc.questions.check.files import find_budget, read_budget

    found = find_budget(Path.cwd()) if budget is None else read_budget(os.fspath(budget))
    if found is None:
        raise UsageError(_NO_BUDGET)
    return budget_of(found.document, found.source, prefix=found.prefix), found.base


def _targets(budget: Budget, base: Path, x: Any) -> list[_Target]:
    """List the models to check: those that are given, or those of the budget."""
    named = {name: _located(base, name) for name in budget.models}
    if x is None:
        if not named:
            raise UsageError('names no models; give the one to check, or list them as [models."PATH"]')
        for name, path in named.items():
            if names_code(path):
                raise UsageError(
                    "names code, which a budget does not run; give it as the MODEL to check",
                    where=key_text((MODELS, name)),
                )
        return [_Target(path, path, _limited(name, budget.models[name])) for name, path in named.items()]
    models = x if isinstance(x, (list, tuple)) else [x]
    return [_target(budget, named, model) for model in models]


def _target(budget: Budget, named: Mapping[str, str], model: Any) -> _Target:
    if isinstance(model, LayerGraph):
        return _Target(model.source or f"<{model.name}>", model, _limited("", budget.shared))
    if isinstance(model, Mapping) or not isinstance(model, (str, os.PathLike)):
        name = getattr(model, "name", "<dict>")
        return _Target(name if isinstance(name, str) else "<file>", model, _limited("", budget.shared))
    path = os.fspath(model)
    if path == "-":
        return _Target("<stdin>", path, _limited("", budget.shared))
    for name, other in named.items():
        if _same(path, other):
            return _Target(path, path, _limited(name, budget.models[name]))
    if not budget.shared.every:
        raise UsageError(f"has no limits for {path!r}; it has some for {few(map(repr, named.values()))}")
    return _Target(path, path, budget.shared)


def _limited(name: str, section: Section) -> Section:
    if section.every:
        return section
    if name:
        raise UsageError("sets no limit for this model", where=key_text((MODELS, name)))
    raise UsageError("has no limits but for the models that it names, by their files")


def _located(base: Path, name: str) -> str:
    """Return where a model of a budget lies; a name such as package.module:factory stays."""
    path = base / name
    if names_code(name) and not os.path.lexists(path):
        return name
    return os.path.normpath(path) if path.is_absolute() else os.path.relpath(path)


def _same(path: str, other: str) -> bool:
    try:
        return path == other or os.path.samefile(path, other)  # noqa: PTH121  either may be no path
    except (OSError, ValueError):
        return False


def _check_all(
    budget: Budget, targets: Sequence[_Target], loading: Loading, progress: Progress | None
) -> CheckReport:
    checks: list[Check] = []
    failures: list[Failure] = []
    unmatched: dict[Unmatched, list[str]] = {}
    layers: list[str] = []
    for target in stepped(targets, progress):
        try:
            found, missing, graph = _checked(target, loading)
        except RfcalcError as error:
            if len(targets) == 1 or isinstance(error, UsageError):
                raise
            error.source = None  # the report names it
            failures.append(Failure(target.name, str(error)))
            continue
        checks += found
        layers += graph.layers
        for each in missing:
            unmatched.setdefault(each, []).append(target.name)
    broken = {failure.model for failure in failures}
    models = tuple(target.name for target in targets if target.name not in broken)
    for pattern, where in unmatched.items():
        # what is said of all models has to match in one of them
        if len(where) == len(models) or MODELS in pattern.path:
            raise UsageError(
                f"matches no layer of {few(where)}; {_close(pattern.pattern, layers)}",
                where=key_text(pattern.path),
            )
    return CheckReport(budget.source, models, tuple(checks), tuple(failures))


def _checked(target: _Target, loading: Loading) -> tuple[list[Check], list[Unmatched], LayerGraph]:
    options: Any = {
        **target.section.loading,
        **{key: each for key, each in loading.items() if each is not None},
    }
    read = read_once(target.model)
    with asked(read, **options) as run:
        details = any(given.limit.details for given in target.section.every)
        facts = Facts(run, details=details)
        facts.result  # noqa: B018  what cannot be analysed is the model's fault, not the budget's
    checks, unmatched = check_model(target.name, facts, target.section)
    named = isinstance(target.model, (str, os.PathLike)) and target.model != "-"
    text = read.text if isinstance(read, Document) and named else b""
    lines = _lines_of(text, {_place(check) for check in checks if check.outcome != HOLDS})
    return [check._replace(line=lines.get(_place(check))) for check in checks], unmatched, run.graph


def _place(check: Check) -> str:
    return check.figure.layer or check.figure.culprit


def _lines_of(document: bytes, layers: set[str]) -> dict[str, int]:
    """Find the lines of a text file that name layers, for annotations; of other files there are none."""
    if not layers - {""} or not 0 < len(document) <= _MOST_BYTES:
        return {}
    try:
        text = document.decode("utf-8")
    except ValueError:
        return {}
    found: dict[str, int] = {}
    for layer in layers - {""}:
        spelled = "|".join(re.escape(json.dumps(layer, ensure_ascii=plain)) for plain in (True, False))
        place = re.search(f'"name"\\s*:\\s*(?:{spelled})', text) or re.search(spelled, text)
        if place is not None:
            found[layer] = text.count("\n", 0, place.start()) + 1
    return found


def _close(pattern: str, layers: Sequence[str]) -> str:
    import difflib

    close = difflib.get_close_matches(pattern.strip("*?"), layers[:1000], 3, 0.5)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"names go from {layers[0]!r} to {layers[-1]!r}; a star stands for any text" if layers else ""


def budget(*models: Model, relative_to: str | os.PathLike[str] = ".", **loading: Unpack[Loading]) -> str:
    """Write a budget from the present figures of models: limits that they just keep.

    Parameters
    ----------
    *models : path, mapping or LayerGraph
        The models, as for `load`. Those that are files are named in it; one that is none may stand alone,
        and gets limits for any model.
    relative_to : path
        The directory that the budget will lie in.
    **loading
        The options of `load`, which the budget will hold too.

    Returns
    -------
    str
        A TOML document. What is not known now has a comment in place of a limit.

    Raises
    ------
    UsageError
        There are several models, one of which is no file.
    RfcalcError
        Of the kinds that `analyze` raises.

    Examples
    --------
    >>> net = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "c1", "filters": 32, "kernel": 3},
    ... ]}
    >>> [line for line in budget(net).splitlines() if line.startswith("m")][:2]
    ['max_params = 320', 'max_macs = 194_688']
    """
    from rfcalc.questions.check.budget_text import budget_text
    from rfcalc.questions.check.present import present

    tables = []
    options: Any = {key: each for key, each in loading.items() if each is not None}
    for model in models:
        path = os.fspath(model) if isinstance(model, (str, os.PathLike)) and model != "-" else None
        if path is None and len(models) > 1:
            raise UsageError("a budget names several models by their files; one of these is no file")
        with asked(model, **options) as run:
            limits = list(present(Facts(run, details=True)))
        name = None if path is None else _relative(path, os.fspath(relative_to))
        kept = {key: each for key, each in options.items() if (key, each) != ("on_unknown", "report")}
        tables.append((name, kept, limits))
    return budget_text(tables)


def _relative(path: str, folder: str) -> str:
    """Name a file as seen from a folder; what is no file stays as it is."""
    if not Path(path).exists():
        return path
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # on another drive
        return str(Path(path).resolve())

"""How a sweep is run: chunk by chunk, into memory or a file, from the beginning or where it was stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from rfcalc.designs import SCHEMA as FILE_SCHEMA
from rfcalc.designs import document_of, is_sweep, model_told
from rfcalc.errors import UsageError
from rfcalc.loading import Loading, Model, load
from rfcalc.progress import Progress
from rfcalc.questions.sweep.choose import Choice
from rfcalc.questions.sweep.evaluate import Evaluator
from rfcalc.questions.sweep.report import Sweep
from rfcalc.questions.sweep.result import Reason
from rfcalc.questions.sweep.running import parts_of
from rfcalc.questions.sweep.space import Space
from rfcalc.questions.sweep.store import Store, other
from rfcalc.questions.sweep.tables import Columns, joined, picked, rows
from rfcalc.questions.sweep.task import Part, Sampling, Spans, Tally, Task
from rfcalc.questions.sweep.where import Condition
from rfcalc.records import NamedTuple
from rfcalc.version import VERSION

MOST_HELD: Final = 5_000_000
"""Designs that are held in memory, at most."""

_FIRST: Final = 20  # designs of a file that its result holds
_REASONS: Final = 20

MOST_DESIGNS: Final = 10**13
"""Designs of a grid that are worked out: what a cluster of a hundred cores does in about a week."""


class Request(NamedTuple):
    """What is asked.

    Parameters
    ----------
    model : path, open file, mapping or LayerGraph
        What was read of the model.
    loading : mapping
        The options of `load`, for all designs.
    space : Space
        What is varied.
    layers : tuple of str
        The layers that are told.
    where : Condition, optional
        Keep those of which it is true.
    choice : Choice
        What is kept of these.
    sampling : Sampling, optional
        Which are worked out.
    """

    model: Model
    loading: Loading
    space: Space
    layers: tuple[str, ...]
    where: Condition | None
    choice: Choice
    sampling: Sampling | None

    @property
    def told(self) -> dict[str, Any]:
        """What a file says of the sweep that it is of; another that says the same comes to the same."""
        graph = load(self.model, **self.loading)
        choice, sampling = self.choice, self.sampling
        return {
            "schema": FILE_SCHEMA,
            "rfcalc": VERSION,
            "model": model_told(self.model, graph.name, graph.format),
            "grid": [
                {"name": axis.name, "kind": axis.kind, "values": list(axis.values)}
                for axis in self.space.axes
            ],
            "loading": _plain({key: value for key, value in self.loading.items() if value}),
            "layers": list(self.layers),
            "where": None if self.where is None else self.where.text,
            "pareto": [str(each) for each in choice.pareto],
            "top": choice.top,
            "by": None if choice.by is None else str(choice.by),
            "sampling": None if sampling is None else sampling._asdict(),
        }


class Means(NamedTuple):
    """By what it is worked out: processes, a cluster; and who is told how far it is."""

    workers: int | None = None
    scheduler: str | None = None
    progress: Progress | None = None


def sweep_of(
    request: Request, means: Means, path: Path | None, *, resume: bool = False, most: int | None = None
) -> Sweep:
    """Run a sweep.

    Parameters
    ----------
    request : Request
        What is asked.
    means : Means
        By what it is worked out.
    path : Path, optional
        The file that is written.
    resume : bool
        Go on with what a stopped sweep has left beside that file.
    most : int, optional
        The designs that the result holds, the first.
    """
    task = Task(
        Evaluator(request.model, request.space, request.layers, request.loading),
        request.space,
        request.where,
        request.choice,
        request.sampling,
    )
    empty = task.empty()
    if request.sampling is None and request.space.size > MOST_DESIGNS:
        raise UsageError(
            f"a grid of {request.space.size:,} designs is too large to be worked out whole; draw from it, as "
            "with --sample 1e6"
        )
    if request.where is not None:
        request.where.holds(empty)  # before any work is done
    request.choice.of(empty)
    if path is not None:
        return _written(
            request, task, empty, means, path, resume=resume, most=_FIRST if most is None else most
        )
    if resume:
        raise UsageError("there is no file to go on with; name the one that was begun")
    tally = Tally()
    columns, count = _held(request.choice, empty, _worked(task, task.spans(), means, tally), most)
    return _result(request, tally, columns, count, "")


def _worked(task: Task, spans: Spans, means: Means, tally: Tally) -> Iterator[Part]:
    """Yield what comes of chunks, counted, and say how far it is."""
    if means.progress is not None:
        means.progress(tally.looked_at, task.count)
    for part in parts_of(task, spans, workers=means.workers, scheduler=means.scheduler):
        tally.add(part)
        yield part
        if means.progress is not None:  # when it is kept
            means.progress(tally.looked_at, task.count)


def _held(choice: Choice, empty: Columns, parts: Iterable[Part], most: int | None) -> tuple[Columns, int]:
    """Return what is chosen of the designs of parts, no more than `most` of it, and how many were chosen."""
    if choice.chooses:
        columns = _chosen(choice, empty, (part.columns for part in parts))
        return picked(columns, slice(0, most)), rows(columns)
    held, room, count = [empty], MOST_HELD if most is None else most, 0
    for part in parts:
        found = rows(part.columns)
        count += found
        if most is None and found > room:
            raise UsageError(
                f"more than {MOST_HELD:,} designs are too many to hold; write them to a file, or choose some"
            )
        if room:
            held.append(picked(part.columns, slice(0, room)))
            room -= min(found, room)
    return joined(held), count


def _chosen(choice: Choice, empty: Columns, tables: Iterable[Columns]) -> Columns:
    found = empty
    for table in tables:
        if rows(table):
            found = choice.of(joined([found, table]))
    return choice.ordered(found)


def _written(
    request: Request, task: Task, empty: Columns, means: Means, path: Path, *, resume: bool, most: int
) -> Sweep:
    """Run a sweep into a file."""
    store, told = Store(path, list(empty)), request.told
    if resume and told["model"]["sha256"] is None:
        raise UsageError("a model that was no file cannot be told from another, so its sweep cannot go on")
    if resume and is_sweep(path) and not store.folder.exists():
        return _read(request, store, told, most)
    tally = Tally()
    done = store.begin(told, resume=resume)
    for part in done:
        tally.add(part)
    for part in _worked(task, task.spans(part.span for part in done), means, tally):
        store.put(part)
    chosen = _chosen(request.choice, empty, store.tables()) if request.choice.chooses else None
    count = tally.kept if chosen is None else rows(chosen)
    told |= {
        "looked_at": tally.looked_at,
        "unbuildable": tally.unbuildable,
        "kept": tally.kept,
        "rows": count,
    }
    told["reasons"] = tally.commonest(_REASONS)
    store.finish(told, chosen)
    return _result(request, tally, store.first(most), count, str(path))


def _read(request: Request, store: Store, told: dict[str, Any], most: int) -> Sweep:
    """Return the result of a sweep that is done already."""
    held = document_of(store.path)
    if any(held.get(key) != value for key, value in told.items()):
        raise UsageError(other(held, told), source=str(store.path))
    tally = Tally()
    tally.looked_at, tally.unbuildable, tally.kept = held["looked_at"], held["unbuildable"], held["kept"]
    tally.reasons.update(dict(held["reasons"]))
    return _result(request, tally, store.first(most), held["rows"], str(store.path))


def _result(request: Request, tally: Tally, columns: Columns, count: int, path: str) -> Sweep:
    graph = load(request.model, **request.loading)
    return Sweep(
        graph.name,
        request.space,
        tally.looked_at,
        tally.unbuildable,
        tuple(Reason(*each) for each in tally.commonest(_REASONS)),
        tally.kept,
        count,
        columns,
        path,
        _words(request),
    )


def _words(request: Request) -> str:
    """Say by what designs were chosen."""
    where, choice = request.where, request.choice
    found = [] if where is None else [f"those of which {where.text} is true"]
    if choice.pareto:
        found.append(f"no other is as good in {_listed(choice.pareto)}, and better in one of them")
    first = "" if choice.top is None else f"the first {choice.top:,}"
    order = f"by the {'largest' if choice.by.largest else 'smallest'} {choice.by.name}" if choice.by else ""
    found += [" ".join(filter(None, (first, order)))] if first or order else []
    return "; ".join(found)


def _listed(measures: Iterable[Any]) -> str:
    return " and ".join(f"{each.name} ({'large' if each.largest else 'small'})" for each in measures)


def _plain(value: Any) -> Any:
    """Return options as JSON has them."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value

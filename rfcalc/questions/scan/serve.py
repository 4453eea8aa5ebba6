"""A worker: a process that analyses one file at a time, and can be ended at any moment.

It is told what to do by lines of JSON on its standard input, and answers with lines of JSON on its standard
output; bytes that belong to a line stand behind it. What it answers is data alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Final

from rfcalc.records import NamedTuple

ANALYSED: Final = "rfcalc.questions.scan.serve:analysed"
"""The function that says what is in a file."""

MEMORY, TIME, CRASH, MISSING, INTERNAL, READ, NONE = (
    "memory", "time", "crash", "missing", "internal", "read", "no model"
)  # fmt: skip
"""Kinds of failure: a limit was reached; the worker ended; a package is missing; a fault of rfcalc; the file
cannot be read; it is no model, though it was named."""


UNNAMED: Final = "<file>"
"""What files are called while they are analysed: the same content says the same, wherever it lies."""


class Task(NamedTuple):
    """A file to be analysed.

    Parameters
    ----------
    name : str
        What messages call it; its ending may say what it holds.
    path : str
        Where it lies; empty where its content is given.
    content : bytes
        What it holds, where it lies in an archive or elsewhere.
    folder : str
        Where files that it names may lie.
    built : bool
        It is no file: `name` is that of an architecture, which its library builds.
    """

    name: str
    path: str = ""
    content: bytes = b""
    folder: str = ""
    built: bool = False


def analysed(task: Task) -> dict[str, Any]:
    """Return what the tables hold of a file, ``{"rows": ...}``, or ``{"other": why}`` where it is no model.

    Raises
    ------
    RfcalcError
        It is broken, or cannot be analysed.
    """
    from rfcalc.engine.rows import analyze_run
    from rfcalc.errors import NoModel
    from rfcalc.loading import asked
    from rfcalc.questions.scan.columns import rows_of
    from rfcalc.readers.documents import hash_beside, read_document
    from rfcalc.readers.signatures import SOME
    from rfcalc.render.document import analysis_document

    if task.built:
        with asked(task.name) as run:
            return {"rows": rows_of(analysis_document(analyze_run(run)))}
    try:
        if not _says_model(task):
            return {"other": "does not have the key rfcalc"}
        read = read_document(task.path or _named(task))
    except NoModel as error:
        if not task.name.lower().endswith(SOME):  # it says that it is a model
            raise
        return {"other": error.message}
    if not task.path and task.folder:
        read = read._replace(directory=task.folder)
    with asked(read._replace(source=UNNAMED)) as run:
        document = analysis_document(analyze_run(run))
    return {"rows": rows_of(document), "beside": hash_beside(read)}


_BY_HAND: Final = (".yaml", ".yml", ".toml")
"""Files of settings, of which few are models: those have a key that says so."""
_KEYS: Final = ("rfcalc", "class_name")
_MOST_LOOKED_AT: Final = 1 << 20


def _says_model(task: Task) -> bool:
    """Tell whether a file of settings has the key that models have; whether it is sound is asked later."""
    if not task.name.lower().endswith(_BY_HAND):
        return True
    data = task.content
    if task.path:
        with open(task.path, "rb") as file:  # noqa: PTH123  the path is a string throughout
            data = file.read(_MOST_LOOKED_AT)
    return any(key.encode(code) in data for key in _KEYS for code in ("utf-8", "utf-16-le", "utf-16-be"))


def _named(task: Task) -> IO[bytes]:
    from io import BytesIO

    class Content(BytesIO):
        name = task.name

    return Content(task.content)


def answer(task: Task, analyse: Callable[[Task], dict[str, Any]]) -> dict[str, Any]:
    """Return what is in a file: ``rows``, ``other`` or ``failure`` and ``kind``."""
    from rfcalc.errors import RfcalcError

    try:
        return analyse(task)
    except RfcalcError as error:
        if error.source in (UNNAMED, task.path, task.name):
            error.source = None  # the catalogue says which file it is
        missing = isinstance(error.__context__, ImportError)
        return {"failure": str(error), "kind": MISSING if missing else _kind(error)}
    except MemoryError as error:
        error.__traceback__ = None  # frees what its frames hold
        return {"failure": "takes more memory than it may", "kind": MEMORY}
    except Exception as error:
        what = ": ".join(part for part in (type(error).__name__, str(error)) if part)
        return {"failure": f"internal error: {what}; please report it", "kind": INTERNAL}


def _kind(error: Exception) -> str:
    """Return what kind of failure an error is: the class that the library documents.

    >>> from rfcalc.errors import GraphError, NoModel
    >>> _kind(GraphError("is a cycle")), _kind(NoModel("is a web page"))
    ('graph', 'read')
    """
    kinds = (each for each in type(error).__mro__ if each.__module__ == "rfcalc.errors")
    public = next(each for each in kinds if each.__name__.endswith("Error"))
    return public.__name__.removesuffix("Error").lower()


# ---- the process -------------------------------------------------------------------------------------------


def main(function: str, megabytes: float, seconds: float) -> None:
    """Answer tasks until there are no more.

    Parameters
    ----------
    function : str
        Says what is in a file: ``module:name``.
    megabytes, seconds : float
        What one file may take; 0 for no limit.
    """
    with _alone() as (source, out):
        analyse = _function(function)
        answer(Task("warm.json", content=_SMALL), analysed)  # which imports what every file needs
        _say(out, {"ready": True})
        for line in source:
            asked = json.loads(line)
            if "archive" in asked:
                _tell_members(asked["archive"], out)
                continue
            content = source.read(asked.pop("size"))
            task = Task(**asked, content=content)
            _warm_up(task)
            with _limited(megabytes, seconds):
                answered = answer(task, analyse)
            _say(out, answered)


_SMALL: Final = b'{"rfcalc": 1, "input": [8, 8, 1], "layers": ["flatten"]}'


def _function(name: str) -> Callable[[Task], dict[str, Any]]:
    from importlib import import_module

    module, _, function = name.partition(":")
    found: Callable[[Task], dict[str, Any]] = getattr(import_module(module), function)
    return found


@contextlib.contextmanager
def _alone() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Keep the two streams for the parent: whatever a library prints goes nowhere."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and says what happens
    _end_with_the_parent()
    nowhere = os.open(os.devnull, os.O_RDWR)
    with os.fdopen(os.dup(0), "rb") as source, os.fdopen(os.dup(1), "wb") as out:
        os.dup2(nowhere, 0)
        os.dup2(nowhere, 1)
        with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
            yield source, out


def _end_with_the_parent() -> None:
    """End as soon as the parent has: one that was killed ends nobody."""
    import threading
    import time

    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if os.name != "nt":
        threading.Thread(target=watch, daemon=True).start()


def _say(out: IO[bytes], document: Mapping[str, Any], content: bytes = b"") -> None:
    out.write(json.dumps(document).encode("ascii") + b"\n" + content)
    out.flush()


def _tell_members(path: str, out: IO[bytes]) -> None:
    """Hand the members of an archive to the parent, which takes one at a time."""
    from rfcalc.errors import RfcalcError
    from rfcalc.questions.scan.archives import members_of

    try:
        for name, content, trouble in members_of(path):
            # a name that is no UTF-8 has halves of surrogate pairs, which JSON spells
            _say(out, {"member": name, "trouble": trouble, "size": len(content)}, content)
        _say(out, {"end": ""})
    except RfcalcError as error:
        _say(out, {"end": error.message})
    except MemoryError:
        _say(out, {"end": "takes more memory than it may"})


# ---- limits ------------------------------------------------------------------------------------------------


def _warm_up(task: Task) -> None:
    """Import what reads files of this kind, or builds architectures, before memory is counted."""
    ending = task.name[task.name.rfind(".") :].lower()
    wanted = {".onnx": "rfcalc.readers.onnx.graph", ".pt2": "torch"}.get(ending, "")
    if task.built:
        wanted = task.name.partition(":")[0]
    if wanted and wanted not in sys.modules:
        from importlib import import_module

        with contextlib.suppress(Exception):  # which whoever reads such a file says
            import_module(wanted)


_MOST_SECONDS: Final = 1e8
_MOST_MEGABYTES: Final = 1e10
"""Limits from which on there are none: the system takes no larger numbers."""
_LATE: Final = 5
"""Seconds after the limit when the system itself ends a worker, whose parent may be gone."""


@contextlib.contextmanager
def _limited(megabytes: float, seconds: float) -> Iterator[None]:
    """Let the block take no more than that, as far as the system can see to it; the parent watches too."""
    import signal

    alarm = getattr(signal, "alarm", None)
    if alarm is not None and 0 < seconds < _MOST_SECONDS:
        alarm(int(seconds) + _LATE)
    try:
        with _address_space(megabytes):
            yield
    finally:
        if alarm is not None:
            alarm(0)


@contextlib.contextmanager
def _address_space(megabytes: float) -> Iterator[None]:
    """Bound the addresses that may be taken beside those that are, where the system tells and bounds them."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  no path of anybody's
            taken = int(file.read().split()[0]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        taken = 0
    if not (0 < megabytes < _MOST_MEGABYTES and taken):
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    most = taken + int(megabytes * 2**20)
    if before[1] != resource.RLIM_INFINITY:
        most = min(most, before[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

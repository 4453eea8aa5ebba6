"""Files as they are in a revision of git, as ``REV:path`` names them."""

from __future__ import annotations

import os
import re
from io import BytesIO
from typing import Final

from rfcalc.errors import ReadError, UsageError
from rfcalc.records import NamedTuple

MOST: Final = 1 << 30
"""Bytes of a file that are read out of git."""

_SECONDS: Final = 60
"""How long git may take to answer."""

_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")

_NO_FILE: Final = ("does not exist in", "exists on disk, but not in", "nor in the index", "is in the index")
_NO_REVISION: Final = ("invalid object name", "not a valid object name", "unknown revision", "bad revision")

_ENVIRONMENT: Final = {
    "GIT_TERMINAL_PROMPT": "0",  # nobody is there to answer
    "GIT_NO_LAZY_FETCH": "1",  # reading a model fetches nothing
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}


class _Named(BytesIO):
    """Bytes with a name for messages."""

    name = ""


class _NoFile(ReadError):
    """The revision is there, and has no such file to read."""


class _Answer(NamedTuple):
    code: int
    out: bytes
    err: str


def revision_of(model: str) -> tuple[str, str] | None:
    r"""Split what names a file in a revision into revision and path; None where it names none.

    An existing file is one first, whatever its name; a drive's letter is no revision.

    Examples
    --------
    >>> revision_of("HEAD~1:models/net.json"), revision_of("net.json"), revision_of("C:\\net.json")
    (('HEAD~1', 'models/net.json'), None, None)
    """
    if ":" not in model or os.path.lexists(model) or _DRIVE.match(model) or "\0" in model:
        return None
    depth = 0
    for place, char in enumerate(model):
        depth += (char == "{") - (char == "}")
        if char == ":" and depth <= 0:  # HEAD^{/fix: this}:path has one inside
            path = model[place + 1 :]
            return None if path.startswith("//") or not path else (model[:place], path)
    return None


def read_revision(model: str, *, or_else: bool = False) -> _Named | None:
    """Read a file out of git.

    Parameters
    ----------
    model : str
        ``REV:path``, the path from the top of the repository, or from here with ``./`` in front; without REV
        the file as it is staged.
    or_else : bool
        It names something else too, so that None is the answer where git knows no such revision.

    Returns
    -------
    file, optional
        Its contents, with what `model` says as its name.

    Raises
    ------
    UsageError
        The revision begins with a dash.
    ReadError
        There is no git, no repository, no such revision, or no such file in it; or it is too large.
    """
    found = revision_of(model)
    if found is None:
        return None
    revision, path = found
    if revision.startswith("-"):
        raise UsageError("a revision does not begin with a dash", source=model)
    try:
        return _read(model, revision, path)
    except ReadError as error:
        if or_else and not isinstance(error, _NoFile):
            return None
        error.source = model
        raise


def _read(model: str, revision: str, path: str) -> _Named:
    kind = _asked("-t", model, revision, path).strip()
    if kind != b"blob":
        raise _NoFile("is a directory of that revision; name a file in it")
    if int(_asked("-s", model, revision, path)) > MOST:
        raise _NoFile(
            f"is larger than {MOST >> 20} MiB; the architecture of a model is small, without its weights"
        )
    data = _asked("blob", model, revision, path)
    if data.startswith(b"version https://git-lfs"):
        raise _NoFile("is kept in Git LFS, so that git holds a pointer to it alone; check that revision out")
    file = _Named(data)
    file.name = model
    return file


def _asked(what: str, model: str, revision: str, path: str) -> bytes:
    """Ask git for the kind, the size or the contents of an object."""
    answer = _git("cat-file", what, "--", model)
    if answer.code != 0:
        raise _refused(answer.err, revision, path)
    return answer.out


def _refused(said: str, revision: str, path: str) -> ReadError:
    """Say in the project's words why git has no such file."""
    text = said.lower()
    if "not a git repository" in text:
        return ReadError("no such file, and no revision of git either: this directory is in no repository")
    if any(words in text for words in _NO_FILE):
        where = f"the revision {revision!r}" if revision else "the index"
        return _NoFile(
            f"{where} has no file {path!r}; a path begins at the top of the repository, "
            "or with ./ in this directory"
        )
    if any(words in text for words in _NO_REVISION):
        return ReadError(f"no such file, and git knows no revision {revision!r} here")
    first = next((line for line in said.splitlines() if line.strip()), "no reason given")
    return ReadError(f"git cannot read it: {first.removeprefix('fatal: ')}")


def _git(*arguments: str) -> _Answer:
    """Run git without a shell, with nothing to read and nobody to ask."""
    import shutil
    import subprocess

    program = shutil.which("git")
    if program is None:
        raise ReadError("no such file; to read it out of a revision, git has to be installed")
    try:
        done = subprocess.run(
            [program, "--no-pager", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            env={**os.environ, **_ENVIRONMENT},
        )
    except (OSError, ValueError) as error:
        raise ReadError(f"git cannot be run: {error}") from None
    except subprocess.TimeoutExpired:
        raise ReadError(f"git gave no answer within {_SECONDS} seconds") from None
    return _Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

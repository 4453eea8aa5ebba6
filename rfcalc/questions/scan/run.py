"""A scan: each file is met, looked up in the catalogue, and analysed where it is not known yet."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from rfcalc.errors import ReadError
from rfcalc.progress import Progress
from rfcalc.questions.scan.archives import Member
from rfcalc.questions.scan.catalogue import ARCHIVE, FAILURE, MODEL_FILE, OTHER, Catalogue, Look, Place
from rfcalc.questions.scan.find import Found
from rfcalc.questions.scan.serve import MEMORY, MISSING, NONE, READ, TIME, Task
from rfcalc.questions.scan.workers import Ended, Limits, Worker
from rfcalc.readers.sources import regular_file
from rfcalc.records import NamedTuple

FRESH: Final = 2.0
"""Seconds after a change in which a file may be changed again without looking otherwise: clocks of file
systems are coarse. One that was looked at so soon is read again by the next scan."""

_TRIES: Final = 3  # times that a file is read which changes meanwhile
_PIECE: Final = 1 << 20


class Analysing(Protocol):
    """What analyses files: processes on this machine, or a cluster."""

    whole: bool
    """Files are handed over whole, since whoever analyses them may not see them."""
    reader: Worker
    """Reads archives."""
    held: int
    """How many files it has been given, and not answered for."""

    @property
    def full(self) -> bool:
        """It has work enough."""

    def submit(self, ticket: Any, task: Task) -> None:
        """Give it a file."""

    def finished(self, *, wait: bool) -> tuple[Any, dict[str, Any]] | None:
        """Return an answer with its ticket, if there is one."""

    def close(self) -> None:
        """Stop at once."""


class Given(NamedTuple):
    """Content that was met, and where.

    Parameters
    ----------
    path : str
        What the catalogue calls it.
    file : str
        Where it lies; empty where it is a member of an archive.
    sha256 : str
        Of its content.
    look : Look, optional
        What the file looked like before it was read.
    named : bool
        The user named it.
    task : Task
        What is to be analysed.
    archive : str
        The path of the archive that it is in.
    tries : int
        How often it was read.
    """

    path: str
    file: str
    sha256: str
    look: Look | None
    named: bool
    task: Task
    archive: str = ""
    tries: int = 1


@dataclass
class Tally:
    """What a scan has met.

    Parameters
    ----------
    models : set of bytes
        Hashes of the contents that are models.
    files, others, unchanged : int
        Files that hold a model, that hold something else, and that were known, of all.
    failures : dict of str to Place
        What failed, by path.
    met : set of str, optional
        All paths, where they are to be remembered.
    """

    models: set[bytes] = field(default_factory=set)
    files: int = 0
    others: int = 0
    unchanged: int = 0
    failures: dict[str, Place] = field(default_factory=dict)
    met: set[str] | None = None

    def count(self, path: str, place: Place, *, new: bool) -> None:
        """Count what was met at a path."""
        if self.met is not None:
            self.met.add(path)
        if place.holds == MODEL_FILE and place.sha256 is not None:
            self.models.add(bytes.fromhex(place.sha256))
            self.files += 1
        elif place.holds == FAILURE:
            self.failures[path] = place
        self.others += place.holds == OTHER
        self.unchanged += not new and place.holds != ARCHIVE


@dataclass
class _Open:
    """An archive whose members are not all done."""

    look: Look | None
    file: str
    left: int = 1  # the reading itself
    ended: Ended | None = None


class Scan:
    """A scan that is under way.

    Parameters
    ----------
    catalogue : Catalogue
        What is known, and where what is found is written.
    pool : Analysing
        What analyses files.
    limits : Limits
        What one file may take, which tells whether it is worth another try.
    retry : bool
        Failures are tried again.
    remember : bool
        The tally holds all paths that were met.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        pool: Analysing,
        limits: Limits,
        *,
        retry: bool = False,
        remember: bool = False,
    ) -> None:
        self._catalogue, self._pool, self._limits, self._retry = catalogue, pool, limits, retry
        self._flying: dict[str, list[Given]] = {}
        self._archives: dict[str, _Open] = {}
        self.tally = Tally(met=set() if remember else None)

    def run(self, files: Sequence[Found], progress: Progress | None = None) -> None:
        """Meet all files."""
        for done, found in enumerate(files):
            if progress is not None:
                progress(max(done - self._pool.held, 0), len(files))
            self._meet(found)
            self._take()
        while self._pool.held:
            if progress is not None:
                progress(max(len(files) - self._pool.held, 0), len(files))
            self._settle(self._pool.finished(wait=True))

    def _take(self) -> None:
        """Write what is done; wait where there is work enough."""
        while self._pool.held:
            answered = self._pool.finished(wait=self._pool.full)
            if answered is None:
                return
            self._settle(answered)

    # ---- files ---------------------------------------------------------------------------------------------

    def _meet(self, found: Found) -> None:
        if found.built:
            digest = hashlib.sha256(found.built).hexdigest()
            task = Task(found.file, content=found.built, built=True)
            self._have(Given(found.file, "", digest, None, True, task))
            return
        path = self._catalogue.called(found.file)
        if found.trouble:
            self._fail(path, READ, found.trouble)
            return
        try:
            look = look_at(found.file)
            if self._is_known(path, look, found):
                return
            if found.archive:
                self._read_archive(path, found, look)
            else:
                self._read(found, path, look)
        except OSError as error:
            self._fail(path, READ, f"cannot be read: {error.strerror or error}")
        except ReadError as error:
            self._fail(path, READ, error.message)

    def _read(self, found: Found, path: str, look: Look, tries: int = 1) -> None:
        """Read a file, as much as is needed to tell whether its content is known."""
        digest = hashlib.sha256()
        parts = []
        with os.fdopen(regular_file(found.file), "rb") as stream:
            while part := stream.read(_PIECE):
                digest.update(part)
                if self._pool.whole:
                    parts.append(part)
        folder = os.path.dirname(found.file)  # noqa: PTH120  the path is a string throughout
        task = Task(found.file, "" if self._pool.whole else found.file, b"".join(parts), folder)
        self._have(Given(path, found.file, digest.hexdigest(), look, found.named, task, tries=tries))

    def _is_known(self, path: str, look: Look, found: Found) -> bool:
        """Tell whether a file looks as it did when it was last done, and what was found then still holds."""
        known = self._catalogue.place(path)
        if known is None or known.look != look or not self._stands(known, found.named):
            return False
        inside = self._catalogue.inside(path) if found.archive else []
        if not all(self._stands(each, False) for _, each in inside):
            return False
        for each, place in (*inside, (path, known)):
            self.tally.count(each, place, new=False)
        return True

    def _stands(self, place: Place, named: bool) -> bool:
        """Tell whether what was found does not have to be looked for again."""
        if place.holds == OTHER:
            return not named
        if place.holds != FAILURE:
            return True
        if place.kind == NONE and not named:
            return False
        if self._retry or place.kind == MISSING:
            return False
        limit = {TIME: self._limits.seconds, MEMORY: self._limits.megabytes}.get(place.kind)
        return limit is None or place.allowed is None or 0 < limit <= place.allowed

    # ---- archives ------------------------------------------------------------------------------------------

    def _read_archive(self, path: str, found: Found, look: Look) -> None:
        """Meet the members of an archive; what it holds no more is forgotten."""
        os.close(regular_file(found.file))  # whoever reads a pipe waits for a writer
        self._archives[path] = _Open(look, found.file)
        met = set()
        try:
            for member in self._pool.reader.members(found.file):
                name = self._catalogue.called_inside(path, member.name)
                met.add(name)
                self._meet_member(path, name, member)
                self._take()
        except Ended as ended:
            self._archives[path].ended = ended
        else:
            gone = [name for name, _ in self._catalogue.inside(path) if name not in met]
            if gone:
                self._catalogue.forget(gone)
        self._close_archive(path)

    def _meet_member(self, archive: str, name: str, member: Member) -> None:
        if member.trouble:
            self._fail(name, READ, member.trouble)
            return
        digest = hashlib.sha256(member.content).hexdigest()
        task = Task(name, content=member.content)
        self._archives[archive].left += 1
        self._have(Given(name, "", digest, None, False, task, archive))

    def _close_archive(self, path: str) -> None:
        """Note that one more of an archive's members is done; once all are, it is."""
        opened = self._archives[path]
        opened.left -= 1
        if opened.left:
            return
        del self._archives[path]
        place = Place(ARCHIVE, None, settled(opened.look))
        if opened.ended is not None:
            place = self._failed(opened.ended.kind, opened.ended.reason, _hash(opened.file), opened.look)
        self._catalogue.put(path, place)
        self.tally.count(path, place, new=True)

    # ---- content -------------------------------------------------------------------------------------------

    def _have(self, given: Given) -> None:
        """Look content up; let it be analysed where it is new, and nobody is at it."""
        known = self._same_content(given)
        if known is not None:
            self._write(given, known._replace(look=settled(given.look)), {}, new=False)
        elif given.sha256 in self._flying:
            self._flying[given.sha256].append(given)
        else:
            self._flying[given.sha256] = []
            self._pool.submit(given, given.task)

    def _same_content(self, given: Given) -> Place | None:
        with closing(self._catalogue.same_content(given.sha256)) as found:
            for path, place in found:
                # whether it is broken, or something else, is a matter of its name too
                alike = place.holds == MODEL_FILE or _ending(path) == _ending(given.path)
                if alike and self._stands(place, given.named):
                    return place
        return None

    def _settle(self, answered: tuple[Any, dict[str, Any]] | None) -> None:
        """Write what was found in a file, then meet those that have the same content."""
        if answered is None:
            return
        given, answer = answered
        waiting = self._flying.pop(given.sha256)
        if given.file and not self._is_still(given):
            self._again(given)
        else:
            self._write(given, self._place(given, answer), answer)
        for each in waiting:
            self._have(each)

    def _is_still(self, given: Given) -> bool:
        try:
            return look_at(given.file) == given.look
        except OSError:
            return False

    def _again(self, given: Given) -> None:
        """Read a file again that was changed while it was read."""
        found = Found(given.file, given.named)
        if given.tries >= _TRIES:
            self._fail(given.path, READ, "is changed all the time while it is read")
            return
        try:
            self._read(found, given.path, look_at(given.file), given.tries + 1)
        except (OSError, ReadError):
            self._fail(given.path, READ, "was taken away while it was read")

    def _place(self, given: Given, answer: dict[str, Any]) -> Place:
        look = settled(given.look)
        if "rows" in answer:  # what took tables from other files is looked at again each time
            return Place(MODEL_FILE, given.sha256, None if answer.get("beside") else look)
        if "other" in answer and not given.named:
            return Place(OTHER, given.sha256, look, reason=answer["other"])
        reason = answer["other"] if "other" in answer else answer["failure"]
        return self._failed(answer.get("kind", NONE), reason, given.sha256, given.look)

    def _failed(self, kind: str, reason: str, sha256: str | None, look: Look | None) -> Place:
        allowed = {TIME: self._limits.seconds, MEMORY: self._limits.megabytes}.get(kind)
        return Place(FAILURE, sha256, settled(look), kind, reason, allowed)

    def _write(self, given: Given, place: Place, answer: dict[str, Any], *, new: bool = True) -> None:
        if new or self._catalogue.place(given.path) != place:
            self._catalogue.put(given.path, place, answer.get("rows"), answer.get("beside", ""))
        self.tally.count(given.path, place, new=new)
        if given.archive:
            self._close_archive(given.archive)

    def _fail(self, path: str, kind: str, reason: str) -> None:
        place = Place(FAILURE, None, None, kind, reason)
        self._catalogue.put(path, place)
        self.tally.count(path, place, new=True)


def _hash(file: str) -> str | None:
    digest = hashlib.sha256()
    try:
        with open(file, "rb") as stream:  # noqa: PTH123  the path is a string throughout
            while part := stream.read(_PIECE):
                digest.update(part)
    except OSError:
        return None
    return digest.hexdigest()


def look_at(file: str) -> Look:
    """Return what tells whether a file was changed."""
    about = os.stat(file)  # noqa: PTH116  the path is a string throughout
    return Look(about.st_size, about.st_mtime_ns, about.st_ctime_ns, str(about.st_ino))


def settled(look: Look | None) -> Look | None:
    """Return what a file looked like; None where it was changed so lately that it may change unnoticed."""
    if look is None or max(look.modified, look.changed) > time.time_ns() - FRESH * 1e9:
        return None
    return look


def _ending(path: str) -> str:
    name = path.rpartition("/")[2]
    return name[name.rfind(".") :].lower() if "." in name else ""


def prune(catalogue: Catalogue, roots: Iterable[str], met: Iterable[str]) -> int:
    """Take out of a catalogue what lay under some paths and is there no more; return how many those were."""
    known = set(met)
    tops = [os.path.abspath(root) for root in roots]  # noqa: PTH100  resolve() would follow links
    gone = [
        path
        for path in catalogue.paths()
        if path not in known and any(_is_under(catalogue.file_of(path), top) for top in tops)
    ]
    catalogue.forget(gone)
    return len(gone)


def _is_under(file: str, top: str) -> bool:
    return file == top or file.startswith(top.rstrip(os.sep) + os.sep)

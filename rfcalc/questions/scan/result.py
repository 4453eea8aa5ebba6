"""What a scan found, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from rfcalc.records import NamedTuple


class Failure(NamedTuple):
    """A file that could not be analysed.

    Parameters
    ----------
    path : str
        From the folder of the catalogue.
    kind : str
        ``read``, ``graph``, ``analysis``, ``usage``: what the library raises of it; ``time``, ``memory``: it
        met a limit; ``crash``: it ended its process; ``missing``: a package is not installed; ``no model``:
        it was named, and is none; ``internal``: a fault of rfcalc.
    reason : str
        Why, in one line.
    """

    path: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan met.

    Parameters
    ----------
    catalogue : str
        The file that it wrote.
    models : int
        Different models; the same content in several files is one.
    files : int
        Files that hold a model, members of archives among them.
    failures : tuple of Failure
        What could not be analysed, now or earlier, by path.
    others : int
        Files that could have been models by their names, and are none.
    unchanged : int
        Files of all these that were known, and not analysed again.
    gone : int
        Files that were taken out of the catalogue since they are not there any more.
    """

    catalogue: str
    models: int
    files: int
    failures: tuple[Failure, ...]
    others: int
    unchanged: int
    gone: int = 0

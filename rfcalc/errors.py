"""Every error that rfcalc raises on purpose, and the exit code that each one means."""

from __future__ import annotations


class RfcalcError(Exception):
    """A failure with one clear line: where it is, what is wrong, what to do.

    Parameters
    ----------
    message : str
        What is wrong; what to do after a semicolon where there is something to do.
    where : str, optional
        The place inside the document: ``layers[3].kernel`` or ``layer 'conv3'``.
    source : str, optional
        The file's name, filled in by whoever knows it.
    """

    exit_code = 3

    def __init__(self, message: str, *, where: str | None = None, source: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.source = source

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.where, self.message) if part)


class UsageError(RfcalcError):
    """The call itself is wrong: an option that does not exist or does not fit the model."""

    exit_code = 2


class ReadError(RfcalcError):
    """The input is not a model that rfcalc can read."""


class NoModel(ReadError):
    """It can be read, and is something else than a model."""


class GraphError(RfcalcError):
    """The layers do not form a graph: a cycle, a dangling input, a name used twice."""


class AnalysisError(RfcalcError):
    """A rule cannot hold: a window larger than the map, shapes that do not fit together."""


class CheckFailed(RfcalcError):
    """The analysis ran, and a condition that the user set does not hold."""

    exit_code = 1

"""The command line, called in this process."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

import pytest

from rfcalc import cli


class Called(NamedTuple):
    """How a command ended, and what it wrote where."""

    exit_code: int
    stdout: str
    stderr: str


def call(*arguments: str) -> Called:
    """Run a command."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        cli.main(list(arguments), prog_name="rfcalc")
    code = ended.value.code
    return Called(0 if code is None else int(code), out.getvalue(), err.getvalue())

"""The help of the commands: each shows examples, which run; and what the shell completes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from rfcalc import cli
from rfcalc.wording import MARKUP

MODELS = Path(__file__).parents[1] / "docs/models"
COMMANDS = cli.main.list_commands(click.Context(cli.main))


def help_of(*command: str) -> str:
    run = CliRunner().invoke(cli.main, [*command, "--help"], prog_name="rfcalc", env={"COLUMNS": "80"})
    assert run.exit_code == 0
    return run.output


def examples(text: str) -> list[str]:
    """Return the lines below the heading, as they stand."""
    _, _, below = text.partition("\n  Examples:\n")
    return [line.strip() for line in below.splitlines() if line.strip()]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_examples_of_itself(command: str) -> None:
    found = examples(help_of(command))
    assert found
    assert all(line.startswith(f"rfcalc {command} ") for line in found)


@pytest.mark.parametrize(
    "command",
    [pytest.param(each, marks=[pytest.mark.long] * (each == "verify")) for each in ("", *COMMANDS)],
)
def test_the_examples_run(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the help, beside the models of the documentation."""
    folder = tmp_path / "models"
    shutil.copytree(MODELS, folder)
    monkeypatch.chdir(folder)
    if command == "plot":
        pytest.importorskip("matplotlib")
    if command == "annotate":
        pytest.importorskip("onnx")
        from tests.readers.onnx_build import small

        (folder / "net.onnx").write_bytes(small().SerializeToString())
    for line in examples(help_of(*([command] if command else []))):
        name, *arguments = shlex.split(line)
        assert name == "rfcalc"
        run = CliRunner().invoke(cli.main, arguments, prog_name="rfcalc")
        assert run.exit_code == 0, f"{line}\n{run.output}"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal(command: str) -> None:
    assert max(map(len, help_of(command).splitlines())) <= 80


# ---- completion --------------------------------------------------------------------------------------------


def completed(shell: str, words: str, tmp_path: Path) -> list[tuple[str, str]]:
    """Ask as the script of a shell does: the type of each completion, and the completion."""
    *before, last = words.split(" ")
    place = {"bash": str(len(before)), "zsh": str(len(before)), "fish": last}[shell]
    asked = subprocess.run(
        [sys.executable, "-c", "from rfcalc.cli import main; main(prog_name='rfcalc')"],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(cli.__file__).parents[1]),
            "_RFCALC_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": " ".join(before) if shell == "fish" else words,
            "COMP_CWORD": place,
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert asked.stderr == ""
    if shell == "zsh":  # type, completion, help, each on a line
        lines = asked.stdout.split("\n")
        return list(zip(lines[::3], lines[1::3], strict=False))
    pairs = [line.split("\t")[0].partition(",") for line in asked.stdout.splitlines()]
    return [(kind, value) for kind, _, value in pairs]


WORDS = [
    ("rfcalc ", [("plain", command) for command in COMMANDS]),
    ("rfcalc check --format s", [("plain", "sarif")]),
    ("rfcalc analyze mod", [("file", "mod")]),
    ("rfcalc analyze --form", [("plain", "--format")]),
    ("rfcalc align x.json --format ", [("plain", form) for form in ("text", *MARKUP, "json")]),
    ("rfcalc docs READ", [("file", "READ")]),
    ("rfcalc docs --root do", [("dir", "do")]),
    ("rfcalc schema b", [("plain", "budget")]),
    ("rfcalc compare a.json mod", [("file", "mod")]),
    ("rfcalc check mod", [("file", "mod")]),
    ("rfcalc check --budget bud", [("file", "bud")]),
    ("rfcalc plot --output gro", [("file", "gro")]),
]


@pytest.mark.parametrize(
    ("shell", "words", "expected"),
    [("bash", *each) for each in WORDS] + [(shell, *each) for shell in ("zsh", "fish") for each in WORDS[:3]],
)
def test_the_shell_completes(shell: str, words: str, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    assert sorted(completed(shell, words, tmp_path)) == sorted(expected)


@pytest.mark.parametrize(
    ("shell", "registers"),
    [("bash", "complete -o nosort -F"), ("zsh", "#compdef rfcalc"), ("fish", "complete --no-files")],
)
def test_the_script_of_a_shell(shell: str, registers: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rfcalc"],
        env={**os.environ, "_RFCALC_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert registers in done.stdout
    assert "_RFCALC_COMPLETE" in done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_runs_its_script(tmp_path: Path) -> None:
    """The function that the script defines, in a real bash, with a program of that name on the path."""
    (tmp_path / "rfcalc").write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(Path(cli.__file__).parents[1]))} "
        f'exec {shlex.quote(sys.executable)} -m rfcalc "$@"\n'
    )
    (tmp_path / "rfcalc").chmod(0o755)
    script = (
        'eval "$(_RFCALC_COMPLETE=bash_source rfcalc)"\n'
        "COMP_WORDS=(rfcalc check --format j) COMP_CWORD=3\n"
        '_rfcalc_completion rfcalc j --format\necho "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert re.split(r"\s+", done.stdout.strip()) == ["json", "junit"]

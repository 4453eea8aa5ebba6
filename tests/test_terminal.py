"""What a terminal gets and nothing else does: colours, wrapped notes, and a bar while work takes long."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from rfcalc.commands import terminal, working
from rfcalc.commands.terminal import colour_asked, painted, painted_line, wants_colour
from rfcalc.docs.files import read_documents
from rfcalc.progress import stepped
from tests.calling import call

pty = pytest.importorskip("pty")
MODELS = Path(__file__).parents[1] / "docs" / "models"
POOLING, RESNET = (str(MODELS / name) for name in ("pooling.json", "resnet.json"))
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SETTINGS = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")
RUN = (
    "from rfcalc.commands import working; working.PATIENCE, working._EVERY = {}, 0.01; "
    "from rfcalc.cli import main; main(prog_name='rfcalc')"
)
PATIENT, AT_ONCE = RUN.format(60), RUN.format(0)
"""Without a bar, however busy the machine is, and with one from the beginning."""


class Said(NamedTuple):
    """What a command wrote: to a terminal, and to a pipe in its stead."""

    code: int
    terminal: str
    piped: str


def said(
    *arguments: str,
    out: bool = True,
    err: bool = True,
    script: str = PATIENT,
    interrupt: str = "",
    **more: str,
) -> Said:
    """Run a command whose output and errors go to a terminal of 80 columns, or else into a pipe."""
    master, slave = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=slave if out else subprocess.PIPE,
        stderr=slave if err else subprocess.PIPE,
        env={**kept, "TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[1]), **more},
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            read = os.read(master, 65536)
        except OSError:  # as Linux says that nobody holds the other end
            break
        if not read:
            break
        shown += read
        if interrupt and interrupt.encode() in shown:
            process.send_signal(signal.SIGINT)
            interrupt = ""
    piped = b"".join(each for each in process.communicate(timeout=60) if each)
    os.close(master)
    return Said(process.returncode, shown.decode().replace("\r\n", "\n"), piped.decode())


@pytest.fixture
def unknown(tmp_path: Path) -> str:
    layers = [
        {"kind": "conv", "name": "c", "filters": 1, "kernel": 3},
        {"kind": "unknown", "name": "u", "op": "Odd"},
    ]
    path = tmp_path / "unknown.json"
    path.write_text(json.dumps({"rfcalc": 1, "name": "odd", "input": [28, 28, 1], "layers": layers}))
    return str(path)


# ---- colours -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["align", "analyze", "compare", "diff", "field", "law", "tiles", "verify"]
)
def test_colours_change_no_word_and_no_column(command: str) -> None:
    models = [RESNET, *([POOLING] if command == "diff" else [])]
    coloured, plain = (call(command, *models, "--color", which) for which in ("always", "never"))
    assert coloured.exit_code == plain.exit_code == 0
    for shown, bare in ((coloured.stdout, plain.stdout), (coloured.stderr, plain.stderr)):
        assert CODES.sub("", shown) == bare
        assert ("\x1b[" in shown) is bool(bare)


def test_statuses_bars_and_warnings_are_coloured(unknown: str) -> None:
    shown = said("analyze", unknown, "--columns", "layer,status,receptive_field,params").terminal
    assert "  \x1b[32mexact\x1b[0m" in shown
    assert "\x1b[31munknown\x1b[0m" in shown
    assert "\x1b[31m?\x1b[0m" in shown
    assert "rfcalc: \x1b[33mwarning:\x1b[0m layer 'u'" in shown
    bound = said("analyze", unknown, "--on-unknown", "bound").terminal
    assert "\x1b[33m~global\x1b[0m" in bound
    assert "\x1b[36m▏\x1b[0m" in bound
    assert "\x1b[36mnote:\x1b[0m" in said("analyze", RESNET).terminal
    assert "rfcalc: \x1b[31merror:\x1b[0m " in said("analyze", "none.json").terminal


def test_a_verdict_is_coloured(tmp_path: Path) -> None:
    assert "\x1b[32m8 layers, all exact.\x1b[0m" in said("verify", POOLING).terminal
    budget = tmp_path / "budget.toml"
    budget.write_text("max_params = 10\n")
    broken = said("check", POOLING, "--budget", str(budget)).terminal
    assert re.search(r"\x1b\[31m.*1 violation; 1 of 1 limit does not hold\x1b\[0m", broken)
    budget.write_text("max_params = 104_202\n")
    assert "\x1b[32m" in said("check", POOLING, "--budget", str(budget)).terminal


@pytest.mark.parametrize(
    ("arguments", "environment", "coloured"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": ""}, True),
        ([], {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ([], {"TERM": "dumb"}, False),
        (["--color", "never"], {}, False),
        (["--color=never"], {"FORCE_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
    ],
)
def test_who_wants_no_colours_gets_none(
    arguments: list[str], environment: dict[str, str], coloured: bool
) -> None:
    shown = said("analyze", RESNET, *arguments, **environment).terminal  # a report, and notes
    assert ("\x1b[" in shown) is coloured
    wrong = said("analyze", "none.json", *arguments, **environment).terminal
    assert ("\x1b[" in wrong) is coloured


@pytest.mark.parametrize(
    ("arguments", "environment", "coloured"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "0"}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        (["--color", "always"], {}, True),
    ],
)
def test_pipes_get_colours_where_these_are_asked_for_alone(
    arguments: list[str], environment: dict[str, str], coloured: bool
) -> None:
    both = said("analyze", RESNET, *arguments, out=False, err=False, **environment)
    assert ("\x1b[" in both.piped) is coloured
    assert both.terminal == ""


def test_each_stream_is_looked_at_for_itself() -> None:
    report = said("analyze", RESNET, err=False)
    assert "\x1b[" in report.terminal
    assert report.piped.startswith("rfcalc: ")
    assert "\x1b[" not in report.piped
    notes = said("analyze", RESNET, out=False)
    assert "\x1b[" not in notes.piped
    assert "\x1b[" in notes.terminal


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html", "csv"])
def test_files_and_documents_have_no_colours(form: str, tmp_path: Path) -> None:
    path = tmp_path / "report"
    assert said("analyze", RESNET, "--color", "always", "--format", form, "--output", str(path)).code == 0
    assert "\x1b" not in path.read_text()
    if form != "text":
        shown = said("analyze", RESNET, "--color", "always", "--format", form, err=False).terminal
        assert "\x1b" not in shown


def test_what_changes_in_a_document_is_coloured(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"<!-- rfcalc: law {POOLING} -->\nold\n<!-- /rfcalc -->\n")
    coloured = call("docs", str(page), "--allow-outside", "--color", "always")
    plain = call("docs", str(page), "--allow-outside", "--color", "never")
    assert CODES.sub("", coloured.stdout) == plain.stdout
    assert "\x1b[31m-old\x1b[0m\n" in coloured.stdout
    assert "\x1b[32m+| up to layer" in coloured.stdout


def test_an_unknown_choice_is_refused() -> None:
    wrong = said("law", POOLING, "--color", "sometimes", out=False, err=False)
    assert wrong.code == 2
    assert "'sometimes' is not one of 'auto', 'always', 'never'" in wrong.piped


def test_the_command_line_is_asked_where_it_could_not_be_read() -> None:
    assert colour_asked(["law", "--color", "never"]) is False
    assert colour_asked(["law", "--color=always", "x"]) is True
    assert colour_asked(["law", "--color=always", "--color", "auto"]) is None
    assert colour_asked(["--color"]) is None
    assert colour_asked([]) is None


def test_only_words_and_marks_of_the_report_are_painted() -> None:
    text = "a model\n\nlayer  field\n────────────\nexact    3x3\nx~1     ~3x3\n────────────\nis it exact?\n"
    assert CODES.sub("", painted(text)) == text
    assert painted(text).count("\x1b[33m") == 1
    assert painted("is it exact or unknown?\n") == "\x1b[1mis it exact or unknown?\x1b[0m\n"
    assert painted_line("rfcalc: x: note: y: error: z").count("\x1b[0m") == 1


def test_a_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert not terminal.is_terminal(stream)
    assert not terminal.is_terminal(None)
    assert not wants_colour(None)


# ---- notes -------------------------------------------------------------------------------------------------


def test_notes_are_as_wide_as_the_terminal() -> None:
    shown = CODES.sub("", said("analyze", RESNET, out=False).terminal)
    lines = shown.splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if not line.startswith(("rfcalc: ", "  "))] == []
    piped = said("analyze", RESNET, out=False, err=False).piped
    notes = [line for line in piped.splitlines() if line.startswith("rfcalc: ")]
    assert len(notes) == sum(line.startswith("rfcalc: ") for line in lines)
    assert " ".join(line.strip() for line in lines) == " ".join(notes)


def test_errors_and_commands_to_copy_stay_one_line(tmp_path: Path) -> None:
    shown = said("analyze", "a" * 90 + ".json").terminal
    assert shown.count("\n") == 1
    page = tmp_path / "page.md"
    page.write_text(f"<!-- rfcalc: law {POOLING} -->\n<!-- /rfcalc -->\n")
    shown = CODES.sub("", said("docs", str(page), "--allow-outside", out=False).terminal)
    (line,) = [line for line in shown.splitlines() if "nothing was written" in line]
    assert line.endswith(str(page))


# ---- a bar -------------------------------------------------------------------------------------------------

SLOW = ["align", RESNET, "--sizes", "28:200"]


def test_long_work_shows_a_bar_and_wipes_it_away() -> None:
    shown = said(*SLOW, script=AT_ONCE, out=False)
    assert re.search(r"align  \[#*-*\]  \d+/173", shown.terminal)
    assert shown.terminal.endswith("\r\x1b[2K\x1b[?25h")
    assert shown.piped == said(*SLOW, out=False, err=False).piped
    assert shown.code == 0


def test_work_whose_steps_are_not_known_shows_that_it_goes_on() -> None:
    shown = said("tiles", RESNET, script=AT_ONCE, out=False)
    assert re.search(r"tiles  \[[#-]+\]  0 s", shown.terminal)
    assert "/" not in shown.terminal.partition("rfcalc: ")[0]


def test_a_bar_stands_where_stderr_is_a_terminal_alone() -> None:
    piped = said(*SLOW, script=AT_ONCE, err=False)
    assert "[#" not in piped.terminal + piped.piped
    assert "align  [" not in piped.terminal + piped.piped
    dumb = said(*SLOW, script=AT_ONCE, out=False, TERM="dumb")
    assert dumb.terminal == ""


def test_fast_work_shows_none() -> None:
    shown = said("law", POOLING, out=False)
    assert shown.terminal == ""
    assert "Each" in shown.piped


def test_an_error_wipes_it_away_first(tmp_path: Path) -> None:
    shown = said("align", RESNET, "--sizes", "28:200", "--cut", "nosuch", script=AT_ONCE, out=False)
    assert shown.code == 2
    before, _, after = shown.terminal.rpartition("\r\x1b[2K\x1b[?25h")
    assert "rfcalc: " not in before
    assert CODES.sub("", after if before else shown.terminal).startswith("rfcalc: error: ")


def test_an_interrupt_wipes_it_away(tmp_path: Path) -> None:
    model = tmp_path / "deep.json"
    layers = [{"kind": "conv", "filters": 2, "kernel": 3, "padding": "same"} for _ in range(400)]
    model.write_text(json.dumps({"rfcalc": 1, "input": [512, 512, 1], "layers": layers}))
    begun = time.time()
    shown = said("verify", str(model), script=AT_ONCE, interrupt="verify  [", out=False)
    assert time.time() - begun < 30
    assert shown.code == 130
    assert shown.terminal.endswith("\r\x1b[2K\x1b[?25h\n")
    assert shown.piped == ""


class Terminal(io.StringIO):
    """A terminal that remembers what was written."""

    def isatty(self) -> bool:
        return True


def test_a_bar_waits_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert working.PATIENCE == 1
    monkeypatch.setenv("TERM", "xterm")
    for patience, seen in ((0.3, False), (0.01, True)):
        monkeypatch.setattr(working, "PATIENCE", patience)
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        with working.working("thinking") as progress:
            progress(1, 4)
            time.sleep(0.15)
        assert ("thinking  [" in stream.getvalue()) is seen
        assert ("1/4" in stream.getvalue()) is seen
        assert stream.getvalue() == "" or stream.getvalue().endswith("\r\x1b[2K\x1b[?25h")


@pytest.mark.parametrize(("model", "seen"), [("-", False), (("-",), False), ("net.json", True)])
def test_a_bar_stands_in_the_way_of_nobody_who_types(
    model: Any, seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(working, "PATIENCE", 0)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdin", Terminal())
    context = click.Context(click.Command("analyze"))
    context.params.update(model=model, output="-")
    with context, working.working("thinking"):
        time.sleep(0.1)
    assert ("thinking  [" in stream.getvalue()) is seen


def test_a_bar_on_a_terminal_that_is_gone_stops_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Terminal):
        def write(self, _: str) -> int:
            raise OSError("gone")

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(working, "PATIENCE", 0)
    monkeypatch.setattr(sys, "stderr", Gone())
    with working.working("thinking") as progress:
        progress(0, 2)
        time.sleep(0.05)


def test_the_time_left_is_reckoned_anew_where_work_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(working, "PATIENCE", 60)
    bar = working._Bar("thinking", Terminal())
    first = bar._round
    bar.told(3, 4)
    bar.told(4, 4)
    second = bar._round
    bar.told(1, 4)
    assert first <= second < bar._round
    bar.close()


# ---- the library -------------------------------------------------------------------------------------------


def test_the_library_tells_how_far_it_is_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    import rfcalc

    def told(function: Any, *arguments: Any, **more: Any) -> list[tuple[int, int]]:
        heard: list[tuple[int, int]] = []
        function(*arguments, progress=lambda done, total: heard.append((done, total)), **more)
        return heard

    sizes = told(rfcalc.align, POOLING, sizes=range(28, 33))
    assert sizes[:5] == [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5)]
    layers = told(rfcalc.verify, POOLING)
    assert layers[0] == (1, 16)
    assert (16, 16) in layers
    assert layers[-1] == (0, 0)
    assert told(rfcalc.compare, POOLING, variants=["plain", "average"]) == [(0, 2), (1, 2)]
    assert told(rfcalc.compare, POOLING, RESNET) == [(0, 2), (1, 2)]
    assert told(rfcalc.check, [POOLING, RESNET], {"max_params": 10**9}) == [(0, 2), (1, 2)]
    assert told(rfcalc.check, POOLING, {"max_params": 10**9}) == []
    pages = [str(MODELS.parent / name) for name in ("pooling.md", "docs-tables.md")]
    assert told(read_documents, pages) == [(0, 2), (1, 2)]
    assert capsys.readouterr() == ("", "")
    assert list(stepped([1, 2], None)) == [1, 2]

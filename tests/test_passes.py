"""How often each command works out the shapes and the fields of a model, and how often it reads the file.

The table is a ratchet. It holds what is so today: whoever lowers a number writes the lower one into it, and a
number goes up only for a reason that stands in the commit. The least that is possible is one run of each pass
for each graph and size that the answer needs, and one read of the file.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

import click
import pytest

import rfcalc
from rfcalc.cli import main
from rfcalc.engine import propagate as second_pass
from rfcalc.engine import shapes as first_pass
from rfcalc.rules import apply

LAYERS: Final = [
    {"kind": "conv", "name": "c1", "filters": 8, "kernel": 3, "padding": "same"},
    {"kind": "max_pool", "name": "p1", "kernel": 2},
    {"kind": "conv", "name": "c2", "filters": 8, "kernel": 3, "padding": "same"},
    {"kind": "conv", "name": "c3", "filters": 8, "kernel": 3, "padding": "same"},
    {"kind": "add", "name": "sum", "inputs": ["p1", "c3"]},
    {"kind": "max_pool", "name": "p2", "kernel": 2},
]
NATIVE: Final = {"rfcalc": 1, "input": [32, 32, 3], "layers": LAYERS}

COUNTS: Final = """
command                                   native                   onnx
                                          shapes fields rules read shapes fields rules read
analyze MODEL                             1      1      6     1    1      1      5     1
analyze MODEL --format json               1      1      6     1    1      1      5     1
analyze MODEL --symbolic                  2      1      12    1    1      1      5     1
analyze MODEL --columns layer,taps        1      2      6     1    1      2      5     1
analyze MODEL --format model-explorer     -      -      -     -    1      1      5     1
compare MODEL                             1      4      14    1    1      4      13    1
compare MODEL --with plain                1      2      8     1    1      2      7     1
compare MODEL OTHER                       2      2      12    1    2      2      10    1
verify MODEL --no-run                     1      2      6     1    1      2      5     1
verify MODEL --run                        -      -      -     -    1      2      5     1
check MODEL --budget HOLDS                1      1      6     1    1      1      5     1
check MODEL --budget FAILS                1      2      6     1    1      2      5     1
check MODEL OTHER --budget HOLDS          2      2      12    1    2      2      10    1
check MODEL --init                        1      2      6     1    1      2      5     1
design --input 32,32,3 --field >=5 LITTLE 225    151    1183  0    -      -      -     -
diff MODEL MODEL                          2      2      6     2    2      2      10    2
diff MODEL OTHER                          2      2      6     1    2      2      10    1
effective MODEL                           1      1      6     1    1      1      5     1
effective MODEL sum --at 3,3              1      0      6     1    1      0      5     1
align MODEL                               1      1      6     1    1      1      5     1
align MODEL --sizes 28:32                 5      1      24    1    5      1      19    1
field MODEL                               1      3      6     1    1      3      5     1
field MODEL sum                           1      2      6     1    1      2      5     1
field MODEL sum --at 3,3                  1      2      6     1    1      2      5     1
field MODEL sum --phases                  1      1      6     1    1      1      5     1
law MODEL                                 1      1      6     1    1      1      5     1
law MODEL --reach 60                      1      1      6     1    1      1      5     1
explain MODEL                             1      1      6     1    1      1      5     1
explain MODEL sum                         1      1      6     1    1      1      5     1
tiles MODEL                               0      9      105   1    0      9      63    1
tiles MODEL sum                           0      9      66    1    0      9      49    1
tiles MODEL --size 500,500 --tile 64      0      17     147   1    0      17     92    1
sweep MODEL --dim H=32:64:4               3      3      19    1    3      3      31    1
plot MODEL -o OUT                         1      4      14    1    1      4      13    1
plot MODEL sum -o OUT                     1      3      6     1    1      3      5     1
plot MODEL --what lines -o OUT            1      10     8     1    1      10     7     1
plot MODEL --what costs -o OUT            1      4      14    1    1      4      13    1
plot MODEL --what effective -o OUT        1      1      6     1    1      1      5     1
annotate MODEL -o OUT                     -      -      -     -    1      1      5     1
docs PAGE                                 1      1      6     1    1      1      5     1
docs PAGES                                1      4      14    1    1      4      13    1
report MODEL -o SHOWN                     1      7      14    1    1      7      13    1
report MODEL OTHER -o SHOWN               2      4      12    1    2      4      10    1
report MODEL --sizes 28:32 -o SHOWN       5      14     40    1    5      14     35    1
scan MODEL --into CATALOGUE               0      0      0     1    0      0      0     1
rules conv                                0      0      3     0    -      -      -     -
schema model                              0      0      0     0    -      -      -     -
"""
"""For a MODEL of the layers above in each format. OTHER is the same again, OUT a picture to write, SHOWN a
page and CATALOGUE a catalogue, HOLDS and FAILS are budgets, PAGE has a table of the model in it and PAGES has
four, LITTLE asks for the cheapest of small stacks alone. A dash stands for what there is not for a format.
What a scan does in processes of its own is counted below."""


LITTLE: Final = "--output >=1x1 --layers <=9 --top 1"


class Count(NamedTuple):
    """How often something was done.

    Parameters
    ----------
    shapes, fields : int
        Runs of the first pass over a whole graph, and of the second.
    rules : int
        Layers that a rule was applied to, in a pass or apart from one.
    reads : int
        Times that the file was opened.
    """

    shapes: int
    fields: int
    rules: int
    reads: int


def rows() -> Iterator[tuple[str, str, Count]]:
    """Yield the command, the format and what is expected of each half of a line of the table."""
    for line in COUNTS.strip().splitlines()[2:]:
        *command, _, _, _, _, _, _, _, _ = words = line.split()
        for form, counts in (("native", words[-8:-4]), ("onnx", words[-4:])):
            if counts[0] != "-":
                yield " ".join(command), form, Count(*map(int, counts))


# ---- counting ----------------------------------------------------------------------------------------------

_OPENED: list[str] = []
"""Files that were opened while somebody counts."""

_WATCHING: list[bool] = []


def _opened(event: str, arguments: tuple[Any, ...]) -> None:
    if _WATCHING and event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        _OPENED.append(os.fspath(arguments[0]))


sys.addaudithook(_opened)  # it sees every way to open a file, and cannot be taken away again


@contextmanager
def counting(path: Path) -> Iterator[Callable[[], Count]]:
    """Count passes, whoever runs them under whatever name, and the times that a file is opened.

    What is watched is the code of the functions, and not the names that they have in some module.
    """
    watched = (first_pass.resolve, second_pass.propagate, apply.apply_rule)
    calls: dict[CodeType, int] = {function.__code__: 0 for function in watched}

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in calls:
            calls[frame.f_code] += 1

    def told() -> Count:
        shapes, fields, rules = calls.values()
        reads = sum(Path(each).resolve() == path.resolve() for each in _OPENED)
        return Count(shapes, fields, rules, reads)

    before = sys.getprofile()
    _OPENED.clear()
    _WATCHING.append(True)
    sys.setprofile(watch)
    try:
        yield told
    finally:
        sys.setprofile(before)
        _WATCHING.clear()


def test_what_is_counted_whoever_does_it(tmp_path: Path) -> None:
    from rfcalc.engine.shapes import resolve as under_another_name

    path = tmp_path / "net.json"
    path.write_text(json.dumps(NATIVE))
    rules = len(LAYERS) + 1 - 1  # and that of the input; two layers are alike
    with counting(path) as told:
        assert told() == (0, 0, 0, 0)
        graph = rfcalc.load(path)
        assert told() == (0, 0, 0, 1)
        resolved = first_pass.resolve(graph)
        under_another_name(graph)
        assert told() == (2, 0, 2 * rules, 1)
        chosen = second_pass.choose_input(graph, None)
        second_pass.propagate(graph, resolved, chosen, second_pass.seed_rows)
        assert told() == (2, 1, 2 * rules, 1)
        path.read_bytes()
        with path.open() as stream:
            stream.read()
        assert told() == (2, 1, 2 * rules, 3)
    first_pass.resolve(rfcalc.load(path))
    assert told() == (2, 1, 2 * rules, 3)


# ---- commands ----------------------------------------------------------------------------------------------


def words_of(form: str, folder: Path) -> dict[str, str]:
    """Write the files that commands are about; return what stands for their names in the table."""
    suffix, content = (".json", json.dumps(NATIVE).encode()) if form == "native" else (".onnx", of_onnx())
    table = "<!-- rfcalc: {} net{} -->\n<!-- /rfcalc -->\n"
    pages = "\n".join(table.format(question, suffix) for question in ("analyze", "compare", "law", "align"))
    contents = {
        "MODEL": (f"net{suffix}", content),
        "OTHER": (f"other{suffix}", content),
        "HOLDS": ("holds.toml", b"max_params = 10_000\nmax_misalignment = 10\n"),
        "FAILS": ("fails.toml", b"max_params = 10\nmax_gap = 0\nmin_receptive_field = 100\n"),
        "PAGE": ("page.md", table.format("analyze", suffix).encode()),
        "PAGES": ("pages.md", pages.encode()),
    }
    written = {"OUT": "out.svg", "SHOWN": "shown.html", "CATALOGUE": "models.db"}
    for name, data in contents.values():
        (folder / name).write_bytes(data)
    names = {word: name for word, (name, _) in contents.items()} | written
    return {word: str(folder / name) for word, name in names.items()}


def of_onnx() -> bytes:
    """Return the layers above as an ONNX file, its input of a fixed size."""
    from tests.readers.onnx_build import model, node, weight

    convolution: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    pool: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        node("Conv", "x w1", "c1", **convolution),
        node("MaxPool", "c1", "p1", **pool),
        node("Conv", "p1 w2", "c2", **convolution),
        node("Conv", "c2 w3", "c3", **convolution),
        node("Add", "p1 c3", "sum"),
        node("MaxPool", "sum", "p2", **pool),
    ]
    weights = [weight("w1", 8, 3, 3, 3), weight("w2", 8, 8, 3, 3), weight("w3", 8, 8, 3, 3)]
    content: bytes = model(nodes, {"x": (1, 3, 32, 32)}, "p2", weights).SerializeToString()
    return content


@pytest.mark.parametrize(
    ("command", "form", "expected"),
    [
        pytest.param(*row, id=f"{row[1]}: {row[0]}", marks=[pytest.mark.onnx] if row[1] == "onnx" else [])
        for row in rows()
    ],
)
def test_a_command_does_no_more_than_this(
    command: str, form: str, expected: Count, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for needed in ("onnx",) * (form == "onnx") + ("onnxruntime",) * ("--run" in command):
        pytest.importorskip(needed)
    words = words_of(form, tmp_path)
    monkeypatch.chdir(tmp_path)
    with counting(Path(words["MODEL"])) as told, pytest.raises(SystemExit) as ended:
        main([words.get(word, word) for word in command.replace("LITTLE", LITTLE).split()])
    assert ended.value.code in (None, 0, "FAILS" in command)
    assert told() == expected


def test_every_command_has_a_row() -> None:
    assert {command.split()[0] for command, _, _ in rows()} == set(main.list_commands(click.Context(main)))


@pytest.mark.parametrize("form", ["native", pytest.param("onnx", marks=pytest.mark.onnx)])
def test_a_file_of_a_scan_is_analysed_with_one_run_of_each_pass(form: str, tmp_path: Path) -> None:
    """What a worker does, which is another process: here in this one."""
    from rfcalc.questions.scan.serve import Task, analysed

    if form == "onnx":
        pytest.importorskip("onnx")
    path = Path(words_of(form, tmp_path)["MODEL"])
    with counting(path) as told:
        assert "rows" in analysed(Task(path.name, str(path)))
    assert told() == Count(1, 1, 6 if form == "native" else 5, 1)


@pytest.mark.torch
def test_watching_runs_each_pass_once_for_each_size() -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3))
    with rfcalc.watch(module) as seen:
        for size in (8, 8, 9, 8):
            module(torch.zeros(1, 3, size, size))
    with counting(Path("none")) as told:
        assert [each.analysis.totals.layers for each in seen for _ in range(2)] == [4] * 4
    assert (told().shapes, told().fields) == (2, 2)

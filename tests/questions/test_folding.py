"""Long tables in a terminal: what is folded, and that every line still shows true figures."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from rfcalc import analyze
from rfcalc.engine.result import AnalysisResult, Row
from rfcalc.engine.rows import sum_or_none
from rfcalc.questions.analyze.folding import FOLDED_FROM, folded
from rfcalc.questions.analyze.report import analysis_text
from tests.render import golden

DATA = Path(__file__).parents[1] / "data"
KERAS = json.loads(gzip.decompress((DATA / "keras" / "applications.json.gz").read_bytes()))
ONNX = ["own.yolo.ts11", "own.yolo", "own.swinir", "smp.Unet.resnet18", "own.tcn_512.ts12"]


@cache
def result_of(model: str) -> AnalysisResult:
    if model in KERAS:
        return analyze(KERAS[model]["model"])
    return analyze(gzip.decompress((DATA / "onnx" / f"{model}.onnx.gz").read_bytes()))


def block(number: int, width: int = 8, dilation: int = 1) -> list[dict[str, object]]:
    name = f"b{number}"
    return [
        {"kind": "conv", "name": f"{name}_conv", "filters": width, "kernel": 3, "padding": "same",
         "dilation": dilation},
        {"kind": "batch_norm", "name": f"{name}_norm"},
        {"kind": "activation", "name": f"{name}_relu"},
    ]  # fmt: skip


POOL = {"kind": "max_pool", "name": "p", "kernel": 2}


def chain(*layers: dict[str, object]) -> AnalysisResult:
    return analyze({"rfcalc": 1, "input": [64, 64, 8], "layers": list(layers)})


def names(result: AnalysisResult) -> list[str]:
    return [row.name for row in folded(result).result.rows]


def test_a_block_is_shown_once_and_its_repeats_in_one_line() -> None:
    result = chain(*(layer for number in range(20) for layer in block(number)))
    assert names(result) == ["input", "b0_conv", "b0_norm +1", "… 2 lines 19 times more"]
    last = folded(result).result.rows[-1]
    assert last.receptive_field == (41, 41) == result.rows[-1].receptive_field
    assert last.params.total == 19 * result.layer("b1_conv").params.total + 19 * 4 * 8


@pytest.mark.parametrize(
    ("case", "layers", "shown"),
    [
        # a figure that a block has for itself is never hidden in another's line
        ("dilations grow", [block(n, dilation=2 ** min(n, 4)) for n in range(14)], 1 + 3 + 3),
        ("dilations that grow by no factor", [block(n, dilation=1 + n) for n in range(14)], 1 + 14 * 2),
        ("widths differ", [block(n, width=8 + n) for n in range(14)], 1 + 2 + 1),
        (
            "a pooling on the way",
            [*map(block, range(7)), [POOL], *map(block, range(7, 14))],
            1 + 3 + 1 + 3,
        ),
    ],
)  # fmt: skip
def test_what_counts_as_the_same_block(case: str, layers: list[list[dict[str, object]]], shown: int) -> None:
    assert len(names(chain(*(layer for each in layers for layer in each)))) == shown


def test_a_short_table_is_left_as_it_is() -> None:
    result = chain(*(layer for number in range(FOLDED_FROM // 3) for layer in block(number)))
    assert folded(result) == (result, "")


def leaves(rows: tuple[Row, ...]) -> list[Row]:
    around = {row.block for row in rows}
    return [row for row in rows if not (row.container and row.name in around)]


@pytest.mark.parametrize("model", [*KERAS, *ONNX])
def test_columns_add_up_as_before(model: str) -> None:
    result = result_of(model)
    rows = folded(result).result.rows
    for figure in ("macs", "activations"):
        values = [sum_or_none(getattr(row, figure) for row in leaves(each)) for each in (rows, result.rows)]
        assert values[0] == values[1]
    params = [sum_or_none(row.params.total for row in leaves(each)) for each in (rows, result.rows)]
    assert params[0] == params[1]


@pytest.mark.parametrize("model", [*KERAS, *ONNX])
def test_fields_are_those_of_layers(model: str) -> None:
    result = result_of(model)
    rows = folded(result).result.rows
    figures = [(row.output_shape, row.receptive_field, row.effective_stride) for row in result.rows]
    assert all((row.output_shape, row.receptive_field, row.effective_stride) in figures for row in rows)
    assert rows[-1].receptive_field == result.rows[-1].receptive_field


@pytest.mark.parametrize(
    ("model", "most"),
    [("ResNet50", 80), ("DenseNet121", 50), ("own.tcn_512.ts12", 40)],
)
def test_what_is_long_becomes_short(model: str, most: int) -> None:
    assert len(folded(result_of(model)).result.rows) <= most


@pytest.mark.parametrize("width", [80, 160])
def test_text_as_expected(width: int) -> None:
    text = analysis_text(result_of("ResNet50"), width=width, fold_long=True)
    golden.check(f"ResNet50.folded.{width}.txt", text)


def in_terminal(*arguments: str) -> str:
    """Run the command with a terminal for its output."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rfcalc", *arguments],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
    )
    os.close(theirs)
    told = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        told += piece
    os.close(ours)
    assert process.wait() == 0
    return told.decode()


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "resnet.json"
    path.write_text(json.dumps(KERAS["ResNet50"]["model"]))
    return path


def test_a_terminal_gets_less_and_a_pipe_all(model_file: Path) -> None:
    assert "lines 4 times more" in (short := in_terminal("analyze", str(model_file)))
    assert "--all shows every layer" in short
    whole = in_terminal("analyze", str(model_file), "--all")
    assert "conv4_block6_out" in whole
    assert "times more" not in whole
    piped = subprocess.run(
        [sys.executable, "-m", "rfcalc", "analyze", str(model_file)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "conv4_block6_out" in piped.stdout
    assert "times more" not in piped.stdout
    chosen = in_terminal("analyze", str(model_file), "--layers", "conv?_block*")
    assert "conv4_block6_out" in chosen


def test_nested_models_count_in_the_line_for_repeats() -> None:
    blocks = {"pair": {"layers": block(0)}}
    layers = [{"block": "pair", "name": f"p{number}"} for number in range(50)]
    whole = analyze({"rfcalc": 1, "input": [64, 64, 8], "blocks": blocks, "layers": layers}, depth=1)
    rows = folded(whole).result.rows
    assert len(rows) == 4
    assert sum_or_none(row.params.total for row in rows) == whole.totals.params.total

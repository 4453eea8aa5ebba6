"""TensorFlow Lite files that are damaged or made to do harm, and the archives that hold such files."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import rfcalc
from rfcalc.errors import ReadError, UsageError

pytest.importorskip("tflite")

from tests.readers.tflite.build import Graph, Node, Writer, written
from tests.readers.tflite.cases import CASES, ints, w

MOST_MEMORY = 64 << 20
"""Bytes that reading a file of a few kilobytes may take at most."""


def small() -> bytes:
    """A file of few bytes with settings, constants, shapes and names."""
    nodes = (
        Node("CONV_2D", ("x", w(2, 3, 3, 2), w(2)), ("a",), "Conv2DOptions", {"StrideH": 2, "StrideW": 1}),
        Node("RESHAPE", ("a", ints(1, -1)), ("b",)),
        Node("FULLY_CONNECTED", ("b", w(3, 64), None), ("c",), "FullyConnectedOptions"),
        Node("SOFTMAX", ("c",), ("out",), "SoftmaxOptions", {"Beta": 1.0}),
    )
    shapes = {"a": (1, 4, 8, 2), "b": (1, 64), "c": (1, 3), "out": (1, 3)}
    return written(Graph(nodes, {"x": (1, 8, 8, 2)}, ("out",), shapes))


def read(data: bytes) -> str:
    """Read a file that may be damaged; return the error that it ends with, if it does."""
    try:
        rfcalc.load(data)
    except rfcalc.RfcalcError as error:
        return str(error)
    return ""


def check(*files: bytes) -> None:
    """Hold damaged files to a graph or one line, within bounds of memory."""
    tracemalloc.start()
    try:
        for data in files:
            assert "\n" not in read(data)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


def test_the_file_that_is_damaged_below_is_sound() -> None:
    assert rfcalc.analyze(small()).totals.params.trainable == 36 + 2 + 192


@pytest.mark.parametrize("kept", range(8, 100, 4))
def test_a_file_that_is_cut_off_near_its_start_cannot_be_read(kept: int) -> None:
    with pytest.raises(ReadError, match="damaged TFLite file"):
        rfcalc.load(small()[:kept])


def test_a_file_that_is_cut_off_anywhere_ends_in_one_line() -> None:
    data = small()
    check(*(data[:kept] for kept in range(8, len(data), 13)))


@pytest.mark.parametrize("seed", range(8))
def test_changed_bytes_end_in_a_graph_or_in_one_line(seed: int) -> None:
    draw, data = random.Random(seed), small()
    files = []
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(draw.choice((1, 1, 2, 5))):
            changed[draw.randrange(8, len(data))] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        files.append(bytes(changed))
    check(*files)


@pytest.mark.parametrize("number", [0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 0x10000000, 0xFFFF])
def test_large_numbers_anywhere_end_in_a_graph_or_in_one_line(number: int) -> None:
    data, large = small(), struct.pack("<I", number)
    check(*(data[:place] + large + data[place + 4 :] for place in range(8, len(data) - 4, 12)))


class Sharing(Writer):
    """Writes one operation, and lets a graph hold it as often as it has operations."""

    held = 0

    def operator(self, node: Node, taken: Sequence[int], made: Sequence[int]) -> int:
        self.held = self.held or super().operator(node, taken, made)
        return self.held


def test_operations_that_share_one_long_list_are_refused() -> None:
    """Thousands of operations, all of which are one with thousands of inputs: millions to read."""
    count = 6000
    long = Node("ADD_N", ("x",) * count, ("out",))
    short = tuple(Node("ADD_N", ("x",), (f"out_{number}",)) for number in range(count))
    data = Sharing().file([Graph((long, *short), {"x": (1, 4)}, ("out",))])
    assert "holds more than fits into it" in read(data)


def test_elements_that_do_not_fit_a_shape_are_damage() -> None:
    data = small()
    shape = np.asarray((4, 2, 3, 3, 2), np.int32).tobytes()
    assert data.count(shape) == 1
    with pytest.raises(ReadError, match=r"is a damaged TFLite file: 144 bytes for the shape \[2, 3, 3, 9\]"):
        rfcalc.load(data.replace(shape, np.asarray((4, 2, 3, 3, 9), np.int32).tobytes()))


def test_a_file_without_a_graph_says_so() -> None:
    with pytest.raises(ReadError, match="is a TFLite file without a graph"):
        rfcalc.load(written())


# ---- archives ----------------------------------------------------------------------------------------------


def archive(**members: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        for name, data in members.items():
            made.writestr(name.replace("__", "."), data)
    return held.getvalue()


def test_the_one_model_of_an_archive_is_read() -> None:
    data = archive(labels__txt=b"cat\ndog\n", classifier__tflite=small())
    with pytest.raises(ReadError):  # nothing but the name says what it is
        rfcalc.load(data)
    assert rfcalc.load(archive(classifier__tflite=small(), labels__txt=b"cat\ndog\n")).format == "tflite"


def test_one_of_several_models_is_chosen_by_its_name(tmp_path: Path) -> None:
    (case,) = (case for case in CASES if case.name == "conv same")
    path = tmp_path / "face.task"
    path.write_bytes(archive(detector__tflite=small(), landmarks__tflite=written(case.graph())))
    with pytest.raises(ReadError) as error:
        rfcalc.load(path)
    assert "holds 2 models: detector.tflite, landmarks.tflite; choose one" in str(error.value)
    assert f"{path}#detector.tflite" in str(error.value)
    assert rfcalc.analyze(f"{path}#landmarks.tflite").totals.params.trainable == case.params
    with pytest.raises(UsageError, match=r"holds no model 'hands.tflite'; it holds detector"):
        rfcalc.load(f"{path}#hands.tflite")


def test_a_file_whose_name_has_the_mark_in_it_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "net#2.tflite"
    path.write_bytes(small())
    assert rfcalc.load(path).format == "tflite"
    with pytest.raises(ReadError, match="no such file"):
        rfcalc.load(tmp_path / "net#3.tflite")


@pytest.mark.parametrize("kept", [10, 60, 300])
def test_a_damaged_archive_is_one_line(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "face.task"
    path.write_bytes(archive(detector__tflite=small())[:kept])
    with pytest.raises(ReadError, match=r"is a damaged archive"):
        rfcalc.load(path)


def test_an_archive_without_a_model_says_so(tmp_path: Path) -> None:
    path = tmp_path / "face.task"
    path.write_bytes(archive(labels__txt=b"cat"))
    with pytest.raises(ReadError, match="is an archive without a TFLite model in it"):
        rfcalc.load(path)

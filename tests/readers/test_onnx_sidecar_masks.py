"""Masks in a file beside the model: the answer is that of the same model with all of it in one file.

That one is held to runs of onnxruntime in `test_onnx_masks.py`; the rows are checked here too. Where the
elements cannot be had a note says what they are taken for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

onnx = pytest.importorskip("onnx")
np = pytest.importorskip("numpy")

import rfcalc  # noqa: E402
from rfcalc.readers.onnx import sidecar  # noqa: E402
from tests.readers.onnx_build import node, runnable  # noqa: E402

pytestmark = pytest.mark.onnx

T = 9
F = np.float32
BESIDE = "m.onnx.data"
LEFT = np.tril(np.ones((T, T), bool))
LEAST = np.where(LEFT, 0, -np.inf).astype(F)
DECAY = np.where(LEFT, 0.9 ** np.subtract.outer(np.arange(T), np.arange(T)), 0).astype(F)
WEIGHT = np.random.default_rng(0).normal(size=(12, 12)).astype(F)
SCORES = [
    node("MatMul", "x kernel", "q"),
    node("Transpose", "x", "k", perm=[0, 2, 1]),
    node("MatMul", "q k", "s"),
]

MODELS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "added": (
        [*SCORES, node("Add", "s mask", "m"), node("Softmax", "m", "p"), node("MatMul", "p x", "y")],
        {"mask": LEAST},
    ),
    "subtracted, of half precision": (
        [
            *SCORES,
            node("Cast", "mask", "wide", to=1),
            node("Sub", "s wide", "m"),
            node("Softmax", "m", "p"),
            node("MatMul", "p x", "y"),
        ],
        {"mask": (~LEFT * 6e4).astype(np.float16)},
    ),
    "added, as more axes": (
        [
            *SCORES,
            node("Unsqueeze", "mask axes", "more"),
            node("Add", "s more", "m"),
            node("Softmax", "m", "p"),
            node("MatMul", "p x", "y"),
        ],
        {"mask": LEAST, "axes": np.array([0])},
    ),
    "chosen by its zeros": (
        [
            *SCORES,
            node("Equal", "mask zero", "hidden"),
            node("Where", "hidden low s", "m"),
            node("Softmax", "m", "p"),
            node("MatMul", "p x", "y"),
        ],
        {"mask": LEFT.astype(F), "zero": F(0), "low": F(-np.inf)},
    ),
    "factors of scores": (
        [*SCORES, node("Mul", "s mask", "m"), node("MatMul", "m x", "y")],
        {"mask": DECAY},
    ),
    "factors behind a sigmoid": (
        [*SCORES, node("Sigmoid", "s", "p"), node("Mul", "mask p", "m"), node("MatMul", "m x", "y")],
        {"mask": LEFT.astype(F)},
    ),
}


def built(name: str) -> Any:
    nodes, held = MODELS[name]
    return runnable("m", (2, T, 12), nodes, {"kernel": WEIGHT, **held}, 18)


def saved(directory: Path, name: str) -> Path:
    path = directory / "m.onnx"
    onnx.save_model(built(name), str(path), save_as_external_data=True, location=BESIDE, size_threshold=0)
    return path


def rows_of(model: Any) -> list[tuple[int, ...]]:
    axis = rfcalc.field(model, "y").axes[0]
    return [tuple(i for i in range(T) if mask >> i & 1) for mask in axis.masks]


def notes_of(model: Any) -> list[str]:
    return [note.message for note in rfcalc.analyze(model).notes if note.code == "tables"]


@pytest.mark.parametrize("name", MODELS)
def test_a_mask_beside_the_file_hides_what_it_hides_inside(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, name)
    inside, beside = rfcalc.analyze(built(name)), rfcalc.analyze(path)
    assert rows_of(path) == rows_of(built(name)) == [tuple(range(i + 1)) for i in range(T)]
    assert beside.layer("y").status == inside.layer("y").status == "exact"
    assert beside.totals.params.total == inside.totals.params.total
    assert notes_of(path) == []


def _removed(path: Path) -> Any:
    (path.parent / BESIDE).unlink()
    return path


def _cut(path: Path) -> Any:
    (path.parent / BESIDE).write_bytes(b"\0" * 8)
    return path


def _linked(path: Path) -> Any:
    far = path.parent / "far"
    far.mkdir()
    (path.parent / BESIDE).rename(far / "data")
    (path.parent / BESIDE).symlink_to("far/data")
    return path


UNREAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (_removed, "the file is not there"),
    "cut short": (_cut, "beyond the end"),
    "a link": (_linked, "no regular file"),
    "bytes": (Path.read_bytes, "without its folder"),
    "a proto": (lambda path: onnx.load(path, load_external_data=False), "without its folder"),
}


@pytest.mark.parametrize("how", UNREAD)
@pytest.mark.parametrize("name", [name for name, (_, held) in MODELS.items() if {*held} == {"mask"}])
def test_a_mask_that_is_not_read_is_said_to_be_taken_for_none(tmp_path: Path, name: str, how: str) -> None:
    make, reason = UNREAD[how]
    model = make(saved(tmp_path, name))
    (message,) = notes_of(model)
    assert "'mask'" in message
    assert reason in message
    assert message.endswith("it is taken for one that hides nothing")
    if how == "a proto":
        assert sidecar.files_beside(model.SerializeToString()) == [BESIDE]  # it is as it was


def test_weights_are_not_read_but_for_a_look(tmp_path: Path) -> None:
    held = onnx.load(saved(tmp_path, "added"), load_external_data=False)
    assert sidecar.take_tables(held, str(tmp_path)) == {}
    locations = {each.name: each.data_location for each in held.graph.initializer}
    assert locations == {"mask": 0, "kernel": onnx.TensorProto.EXTERNAL}


@pytest.mark.parametrize("places", ["positions", "bias", "scale"])
def test_what_stands_where_no_mask_does_is_no_mask(tmp_path: Path, places: str) -> None:
    """Positions, biases and scales are as good as known without their elements."""
    shape, op = {"positions": ((T, 12), "Add"), "bias": ((12,), "Add"), "scale": ((12,), "Mul")}[places]
    nodes = [
        node(op, "x learned", "e"),
        node("MatMul", "e kernel", "q"),
        node("Transpose", "e", "k", perm=[0, 2, 1]),
        node("MatMul", "q k", "s"),
        node("Softmax", "s", "p"),
        node("MatMul", "p e", "y"),
    ]
    made = runnable("m", (2, T, 12), nodes, {"kernel": WEIGHT, "learned": np.ones(shape, F)}, 18)
    path = tmp_path / "m.onnx"
    onnx.save_model(made, str(path), save_as_external_data=True, location=BESIDE, size_threshold=0)
    (tmp_path / BESIDE).unlink()
    assert rfcalc.analyze(path).layer("y").status == "exact"
    assert notes_of(path) == []


def test_a_number_that_a_shape_is_worked_out_from_is_read(tmp_path: Path) -> None:
    nodes = [node("Resize", "x - scales", "y", mode="nearest")]
    made = runnable("m", (1, 2, 6, 6), nodes, {"scales": np.array([1, 1, 2, 2], F)}, 18)
    path = tmp_path / "m.onnx"
    onnx.save_model(made, str(path), save_as_external_data=True, location=BESIDE, size_threshold=0)
    row = rfcalc.analyze(path).layer("y")
    assert (row.output_shape, row.status) == ((1, 2, 12, 12), "exact")

"""Two published models: BlazeFace, and a keyword spotter that streams; what LiteRT says is the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rfcalc

pytest.importorskip("tflite")

DATA = Path(__file__).parents[2] / "data" / "tflite"
FACE, WORD = DATA / "face_detection_front.tflite", DATA / "hey_jarvis.tflite"

# elements of the constants in each file that are floats or have a scale
PARAMETERS = {FACE: 101390, WORD: 22111}

every_model = pytest.mark.parametrize("path", PARAMETERS, ids=lambda path: path.stem)


@every_model
def test_parameters_are_the_constants_of_the_file(path: Path) -> None:
    from rfcalc.readers.tflite.file import parse

    model = parse(path.read_bytes())
    held = [
        int(np.prod(tensor.shape))
        for tensor in model.subgraphs[0].tensors
        if tensor.shape and model.buffers[tensor.buffer][1] and (tensor.quantised or "float" in tensor.dtype)
    ]
    totals = rfcalc.analyze(path).totals
    assert totals.params.trainable == sum(held) == PARAMETERS[path]


@every_model
def test_nothing_is_unknown(path: Path) -> None:
    assert {row.status for row in rfcalc.analyze(path).rows} == {"exact"}


def test_the_bytes_of_weights_are_those_of_their_types() -> None:
    assert rfcalc.analyze(FACE).to_dict()["totals"]["param_bytes"] == {"float16": 2 * 101390}
    assert rfcalc.analyze(WORD).to_dict()["totals"]["param_bytes"] == {"int8": 21630, "int32": 4 * 481}


@pytest.mark.litert
@pytest.mark.filterwarnings("ignore")
@every_model
def test_shapes_are_those_of_litert(path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from tests.readers.tflite.oracle import Runner

    run = Runner(path.read_bytes())
    shapes: dict[str, set[tuple[int, ...]]] = {}
    for details in run.inner.get_tensor_details():
        shapes.setdefault(details["name"], set()).add(tuple(int(n) for n in details["shape"]))
    graph = rfcalc.load(path)
    for layer in graph:
        for name, spec in zip(layer.outputs, graph.results[layer.name].outputs, strict=False):
            assert spec.shape in shapes[name], name


# maps over BlazeFace, of every size that it has
MAPS = ["activation", "channel_padding", "activation_3", "add_5__xeno_compat__1", "conv2d_9", "activation_15"]


@pytest.mark.litert
@pytest.mark.filterwarnings("ignore")
def test_rows_of_blazeface_are_those_that_change_the_running_model() -> None:
    pytest.importorskip("ai_edge_litert")
    from tests.readers.tflite.oracle import Runner

    run, random = Runner(FACE.read_bytes()), np.random.default_rng(0)
    places = {details["name"]: details["index"] for details in run.inner.get_tensor_details()}
    maps = [name for name in MAPS if name in places]
    assert len(maps) >= 4
    (shape,) = (tuple(each["shape"]) for each in run.inputs)
    seen = {name: np.zeros((run.shapes()[name][1], shape[1]), bool) for name in maps}
    for step in (0.5, 3.0):
        x = random.uniform(-1, 1, shape).astype(np.float32)
        run(x)
        before = {name: run.inner.get_tensor(places[name]).copy() for name in maps}
        for index in range(shape[1]):
            changed = x.copy()
            changed[:, index] += step * random.choice((-1, 1), changed[:, index].shape).astype(np.float32)
            run(changed)
            for name in maps:
                seen[name][:, index] |= (run.inner.get_tensor(places[name]) != before[name]).any(
                    axis=(0, 2, 3)
                )
    for name in maps:
        axis = rfcalc.field(FACE, name).axes[0]
        assert axis.status == "exact"
        for row, true in zip(axis.rows, seen[name], strict=True):
            (found,) = true.nonzero()
            assert row is not None
            assert (found.min(), found.max()) == row[:2]


def test_a_keyword_spotter_listens_into_earlier_calls() -> None:
    """By hand, in frames of the input, of which each call brings three.

    A first window of 5 by steps of 3, then windows of 5, 9, 13 and 21 calls: 5 + 3 (4 + 8 + 12 + 20).
    """
    analysis = rfcalc.analyze(WORD)
    convolutions = [row.receptive_field for row in analysis.rows if row.kind == "conv"]
    assert convolutions[-1] == (5 + 3 * (4 + 8 + 12 + 20),)
    assert "unproductive" not in {note.code for note in analysis.notes}  # the input is no image


@pytest.mark.litert
@pytest.mark.filterwarnings("ignore")
def test_frames_of_earlier_calls_that_change_the_keyword_spotter() -> None:
    """Of the frames near its far end those inside the field change the last map, and none before it does."""
    pytest.importorskip("ai_edge_litert")
    from tests.readers.tflite.oracle import Runner

    calls, frames, field = 50, 3, 137
    run = Runner(WORD.read_bytes())
    name = next(row.outputs[0] for row in reversed(rfcalc.analyze(WORD).rows) if row.kind == "conv")
    place = next(each["index"] for each in run.inner.get_tensor_details() if each["name"] == name)
    random = np.random.default_rng(0)

    def last_map(sound: np.ndarray) -> np.ndarray:
        fresh = Runner(WORD.read_bytes())  # variables begin anew
        for call in range(calls):
            fresh.inner.set_tensor(fresh.inputs[0]["index"], sound[None, call * frames : (call + 1) * frames])
            fresh.inner.invoke()
        return np.array(fresh.inner.get_tensor(place))

    sound = random.integers(-128, 128, (calls * frames, 40)).astype(np.int8)
    before = last_map(sound)
    changed = set()
    for back in range(field - 10, field + 8):  # so many frames before the last one, itself counted
        other = sound.copy()
        other[-back] = random.integers(-128, 128, 40)
        if (last_map(other) != before).any():
            changed.add(back)
    assert changed
    assert max(changed) <= field

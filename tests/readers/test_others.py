"""Files of formats that rfcalc does not read: each is named, in one line with the way to what it reads.

The bytes follow the published schemas: onnx.proto, Model.proto of Core ML, saved_model.proto, graph.proto,
caffe.proto, framework.proto of Paddle. Files that coremltools 9 and PyTorch 2.13 write were tried by hand.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rfcalc.errors import NoModel, ReadError
from rfcalc.readers.detect import load
from rfcalc.readers.others import fields_of


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(*fields: tuple[int, int | bytes | str]) -> bytes:
    """Return a message of protobuf."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for name in names:
            out.writestr(name, b"x" * 70_000 if name.endswith("/data/0") else b"x")
    return file.getvalue()


FEATURE = message((1, "image"), (3, message((4, b""))))
NODE = message((1, "input"), (2, "Placeholder"), (5, b"dtype"))
META = message((2, message((1, "Const"))), (4, "serve"), (5, "2.16.1"))
LAYER = message((1, "conv1"), (2, "Convolution"), (3, "data"), (4, "conv1"))
GGUF = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)
STABLEHLO = "module @jit_f attributes {mhlo.num_partitions = 1 : i32} {\n  func.func public @main()"
CFG = "# a detector\n[net]\nbatch=1\nwidth=416\n\n[convolutional]\nfilters=16\n"
PROTOTXT = 'name: "LeNet"\ninput: "data"\ninput_dim: 1\nlayer {\n  name: "conv1"\n  type: "Convolution"\n}\n'
NNEF = "# exported\nversion 1.0;\n\ngraph net(input) -> (output)\n{\n}\n"

BYTES = {
    "Core ML, a neural network": (
        message((1, 4), (2, message((1, FEATURE))), (500, b"\n")),
        "a Core ML model",
    ),
    "Core ML, a program": (message((1, 9), (2, message((10, FEATURE))), (502, b"\n")), "a Core ML model"),
    "Core ML, of the first version, cut off": (
        message((1, 1), (2, message((1, FEATURE), (10, b"x" * 99))))[:60],
        "a Core ML model",
    ),
    "SavedModel": (message((1, 1), (2, message((1, META), (2, message((1, NODE)))))), "--saved-model FOLDER"),
    "GraphDef": (message((1, NODE), (1, NODE), (4, message((1, 987)))), "--graphdef FILE"),
    "Caffe, trained": (message((1, "LeNet"), (100, LAYER)), "python -m caffe2onnx.convert --prototxt"),
    "Caffe, trained, without a name": (message((100, LAYER)), "python -m caffe2onnx.convert --prototxt"),
    "Paddle": (message((1, message((1, 0), (2, -1), (3, b"x")))), "paddle2onnx --model_dir"),
    "GGUF": (GGUF, "rfcalc analyze transformers:FOLDER/config.json"),
    "safetensors": (struct.pack("<Q", 16) + b'{"a":{"dtype"', "transformers:FOLDER/config.json"),
    "TensorRT": (b"ftrt\0\0\0\0\xe8", "a TensorRT engine"),
    "TensorRT, of Ultralytics": (b"\x12\0\0\0" + b'{"task": "detect"}' + b"ftrt\0\0", "a TensorRT engine"),
    "RKNN": (b"RKNN\0\0\0\0\x06", "an RKNN model"),
    "onnxruntime": (b"\x18\0\0\0ORTM\0\0", "the .onnx file that it was converted from"),
    "ExecuTorch": (b"\x38\0\0\0ET12\0\0", "saved with torch.export.save (.pt2)"),
    "MLIR bytecode": (b"ML\xefR\x0d", "rfcalc.from_jax"),
    "ncnn, binary": (struct.pack("<III", 7767517, 2, 2), ".pnnx.onnx"),
    "TorchScript": (
        archive("m/data/0", "m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"),
        "torch.jit.load(FILE)",
    ),
    "TorchScript, for phones": (archive("m/data.pkl", "m/bytecode.pkl"), "torch.jit.load(FILE)"),
    "Core ML, a zipped package": (
        archive("a.mlpackage/Data/com.apple.CoreML/model.mlmodel"),
        "a Core ML model",
    ),
    "SavedModel, zipped": (
        archive("m/saved_model.pb", "m/variables/variables.index"),
        "--saved-model FOLDER",
    ),
}

TEXTS = {
    "ncnn": ("7767517\n3 3\nInput data 0 1 data 0=28\n", ".pnnx.onnx"),
    "Darknet": (CFG, "a Darknet model"),
    "Caffe": (PROTOTXT, "python -m caffe2onnx.convert --prototxt"),
    "Caffe, of old, after a comment": (
        "# VGG\n\nlayers {\n  bottom: 'data'\n}\n",
        "python -m caffe2onnx.convert",
    ),
    "NNEF": (NNEF, "--input-format nnef"),
    "StableHLO": (STABLEHLO, "is StableHLO"),
    "HLO": ("HloModule jit_f, entry_computation_layout={()->f32[]}\n", "is HLO"),
    "jaxpr": ("{ lambda ; a:f32[3,4]. let b:f32[3,4] = sin a in (b,) }", "is a jaxpr"),
    "ONNX as text": (
        '<\n   ir_version: 8,\n   opset_import: ["" : 17]\n>\nmain_graph (float[1] x)',
        "format='onnxtxt'",
    ),
    "ONNX as text of protobuf": ('ir_version: 8\nproducer_name: "p"\ngraph {\n}\n', "format='textproto'"),
}

JSON = {
    "Paddle": ({"base_code": {"magic": "pir", "version": 1}, "program": {}}, "paddle2onnx --model_dir"),
    "TensorFlow.js, a graph": ({"format": "graph-model", "modelTopology": {"node": []}}, "--tfjs FILE"),
    "MXNet": ({"nodes": [], "arg_nodes": [], "heads": []}, "mxnet.onnx.export_model"),
    "ONNX as JSON": ({"irVersion": "8", "graph": {}}, "format='json'"),
    "transformers": (
        {"model_type": "vit", "architectures": ["ViTModel"]},
        "rfcalc analyze transformers:FOLDER/config.json",
    ),
    "diffusers": (
        {"_class_name": "UNet2DModel", "_diffusers_version": "0.30"},
        "rfcalc analyze diffusers:FOLDER/config.json",
    ),
    "a pipeline": (
        {"_diffusers_version": "0.30", "unet": ["diffusers", "UNet2DModel"]},
        "diffusers:FOLDER/unet/config.json",
    ),
    "timm": ({"architecture": "resnet50", "pretrained_cfg": {}}, "rfcalc analyze timm:resnet50"),
}

FOLDERS = {
    "saved_model.pb": "--saved-model FOLDER",
    "Manifest.json": "a Core ML model",
    "coremldata.bin": "a Core ML model",
    "net.pdmodel": "paddle2onnx --model_dir",
    "inference.json": "paddle2onnx --model_dir",
    "graph.nnef": "--input-format nnef",
    "model_index.json": "diffusers:FOLDER/unet/config.json",
    "net.onnx": "net.onnx, or: rfcalc scan",
}


def refusal(model: Any, kind: type[ReadError] = ReadError) -> str:
    """Return the line that a model is refused with."""
    with pytest.raises(kind) as caught:
        load(model)
    assert type(caught.value) is kind
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 400
    return line


@pytest.mark.parametrize("name", BYTES)
def test_binary_files_are_named_with_the_way_to_what_is_read(name: str, tmp_path: Path) -> None:
    content, line = BYTES[name]
    path = tmp_path / "file.onnx"  # whatever its name says
    path.write_bytes(content)
    assert line in refusal(content)
    assert line in refusal(path)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_named_and_are_no_failures_of_a_scan(name: str) -> None:
    content, line = TEXTS[name]
    assert line in refusal(content.encode(), NoModel)
    assert line in refusal(f"\n {content}".encode(), NoModel)


@pytest.mark.parametrize("name", JSON)
def test_documents_are_named_by_their_keys(name: str) -> None:
    document, line = JSON[name]
    assert line in refusal(document, NoModel)
    assert line in refusal(json.dumps(document).encode(), NoModel)
    large = {**document, "padding": "x" * (2 << 20)}
    if name not in ("diffusers", "a pipeline", "timm"):  # those are small
        assert line in refusal(json.dumps(large).encode(), NoModel)


def test_the_command_for_a_config_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(JSON["transformers"][0]))
    assert refusal(path, NoModel).endswith(f"rfcalc analyze transformers:{path}")


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_are_named_by_what_lies_in_them(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert refusal(tmp_path) == f"{tmp_path}: is a directory; give a model file"
    (tmp_path / name).write_bytes(b"x")
    assert FOLDERS[name] in refusal(tmp_path)
    assert FOLDERS[name] in refusal(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        message((1, 7), (2, "pytorch"), (3, "2.13"), (7, message((2, "g"), (11, message((1, "x")))))),
        message((1, 3), (2, ""), (7, message((2, "g"), (11, message((1, "x")))))),
        message((1, 1), (7, message((2, "g"), (11, message((1, "x")))))),
    ],
)
@pytest.mark.onnx
def test_onnx_files_are_still_onnx_files(content: bytes) -> None:
    pytest.importorskip("onnx")
    assert load(content, shapes={"x": [1, 4]}).format == "onnx"


def test_other_texts_are_not_taken_for_models_of_others() -> None:
    for text in ("layer: {a: 1}\n", "version: 1.0\n", "[net]\nhost = 1\n", "module: a\n", "name: x\n"):
        assert "a model is JSON" in refusal(text.encode(), NoModel)


@pytest.mark.parametrize("content", [value[0] for value in BYTES.values()])
def test_fields_end_where_a_message_is_cut_off(content: bytes) -> None:
    whole = list(fields_of(content[:400]))
    for end in range(min(len(content), 400)):
        part = list(fields_of(content[:end]))
        assert [number for number, _ in part] == [number for number, _ in whole[: len(part)]]

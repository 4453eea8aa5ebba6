"""Formats that rfcalc does not read: how each is recognised, and the way from it to one that is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rfcalc.records import NamedTuple

_FROM_JAX: Final = (
    "give the function itself in Python: rfcalc.from_jax, or a PyTorch module to rfcalc.from_torch"
)
_PADDLE: Final = (
    "is a Paddle model, which rfcalc does not read; convert it: paddle2onnx --model_dir FOLDER "
    "--model_filename MODEL --params_filename WEIGHTS --save_file model.onnx"
)
_CAFFE: Final = (
    "which rfcalc does not read; convert it: "
    "python -m caffe2onnx.convert --prototxt model.prototxt --onnx model.onnx"
)
SAVED_MODEL: Final = (
    "is a TensorFlow SavedModel, which rfcalc does not read; give what Keras's model.to_json() returns, or "
    "convert its folder: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx"
)
_GRAPH_DEF: Final = (
    "is a TensorFlow GraphDef (a frozen graph), which rfcalc does not read; convert it: python -m "
    "tf2onnx.convert --graphdef FILE --inputs INPUT:0 --outputs OUTPUT:0 --output model.onnx"
)
_CORE_ML: Final = (
    "is a Core ML model, which rfcalc does not read; give what it was converted from: a PyTorch module as "
    "rfcalc analyze package.module:factory --input-shape 1,3,224,224, a Keras model, or an ONNX file"
)
_NNEF: Final = (
    "is an NNEF model, which rfcalc does not read; convert its folder: python -m nnef_tools.convert "
    "--input-format nnef --output-format onnx --input-model FOLDER --output-model model.onnx"
)
_BUILT: Final = "which rfcalc does not read; it was built from an ONNX file or another model: give that"
_TORCH_SCRIPT: Final = (
    "is a TorchScript program, which rfcalc does not read; in Python: "
    "torch.onnx.export(torch.jit.load(FILE), (torch.zeros(1, 3, 224, 224),), 'model.onnx', dynamo=False)"
)

_NCNN: Final = (
    "is an ncnn model, which rfcalc does not read; give the ONNX file that it was converted from: "
    "pnnx leaves one beside it, .pnnx.onnx"
)
_GGUF: Final = (
    "is a GGUF file: weights and settings; give the config.json of the model that it was made from: rfcalc "
    "analyze transformers:FOLDER/config.json"
)
_SAFETENSORS: Final = (
    "is a safetensors file: weights without an architecture; give the config.json beside it: rfcalc analyze "
    "transformers:FOLDER/config.json (or diffusers:FOLDER/config.json)"
)
_ORT: Final = (
    "is an ONNX model in onnxruntime's own format (.ort), which rfcalc does not read; "
    "give the .onnx file that it was converted from"
)
_EXECUTORCH: Final = (
    "is an ExecuTorch program, which rfcalc does not read; give the program of torch.export that it was made "
    "from, saved with torch.export.save (.pt2)"
)
_DARKNET: Final = (
    "is a Darknet model, which rfcalc does not read; convert it to ONNX, for instance with darknet2onnx "
    "(github.com/LdDl/darknet2onnx)"
)
_MXNET: Final = (
    "is an MXNet symbol, which rfcalc does not read; in Python: "
    "mxnet.onnx.export_model(SYMBOL, WEIGHTS, [(1, 3, 224, 224)], onnx_file_path='model.onnx')"
)
_TFJS_GRAPH: Final = (
    "is a TensorFlow.js graph model, which holds operations of TensorFlow and not layers; convert it: "
    "python -m tf2onnx.convert --tfjs FILE --output model.onnx"
)
_PIPELINE: Final = (
    "is a pipeline of diffusers, of several models; give one of them, as rfcalc analyze "
    "diffusers:FOLDER/unet/config.json"
)


def _as_onnx(format: str) -> str:
    return f"is an ONNX model as text; in Python: onnx.save(onnx.load(FILE, format='{format}'), 'model.onnx')"


_MAGIC: Final = (
    (rb"GGUF[\0-\x0f]", _GGUF),
    (rb"(?s).{4}\0{4}\{", _SAFETENSORS),
    (rb"(?s)[fp]trt|..\0\0\{.{0,65000}?ftrt", f"is a TensorRT engine, {_BUILT}"),
    (rb"RKNN\0", f"is an RKNN model, {_BUILT}"),
    (rb"(?s)..\0\0ORTM", _ORT),
    (rb"(?s)..\0\0ET\d\d", _EXECUTORCH),
    (rb"ML\xefR", f"is MLIR bytecode, which rfcalc does not read; {_FROM_JAX}"),
    (rb"\xdd\x85\x76\0", _NCNN),
    (rb"(?s)\n.{1,5}\x08\0\x10\xff{9}\x01", _PADDLE),
)
"""What the first bytes give away, and what to say then."""

_ARCHIVES: Final = (
    (r"(?m)/code/.*\.py$|/bytecode\.pkl$", _TORCH_SCRIPT),
    (r"com\.apple\.CoreML/", f"holds what {_CORE_ML}"),
    (r"(?m)(^|/)saved_model\.pb$", f"holds what {SAVED_MODEL}"),
    (r"(?m)(^|/)graph\.nnef$", f"holds what {_NNEF}"),
)
"""The same for the names of the members of a zip archive, one a line."""


class _Text(NamedTuple):
    """How a text begins, after white space; what stands somewhere in it; and what to say of it.

    As text, which is compiled where it is needed: most files are none of these.
    """

    begins: str
    holds: str
    message: str


_TEXTS: Final = (
    _Text(r"7767517\s", "", _NCNN),
    _Text(
        r"(?:[#;].*\n\s*)*\[net(?:work)?\]",
        r"(?m)^[ \t]*\[(?:convolutional|connected|local|rnn|crnn|gru|lstm|softmax)\]",
        _DARKNET,
    ),
    _Text(
        r"(?:#.*\n\s*)*[a-z_]+\s*[:{]",
        r"(?m)^[ \t]*layers?[ \t]*\{",
        f"is a Caffe model as text, {_CAFFE}",
    ),
    _Text(
        r"(?:#.*\n\s*)*version\s+\d+(?:\.\d+)?\s*;",
        r"(?m)^[ \t]*graph\s+\w+\s*\(",
        _NNEF,
    ),
    _Text(
        r"(?:(?://|#).*\n\s*)*(?:builtin\.)?module\b",
        r"func\.func|stablehlo\.|mhlo\.",
        f"is StableHLO, or another text of MLIR, which rfcalc does not read; {_FROM_JAX}",
    ),
    _Text(r"HloModule\b", "", f"is HLO, which rfcalc does not read; {_FROM_JAX}"),
    _Text(
        r"\{\s*lambda\b",
        r"\blet\b",
        f"is a jaxpr as text, which rfcalc does not read; {_FROM_JAX}",
    ),
    _Text(r"<\s*ir_version\s*:", "", _as_onnx("onnxtxt")),
    _Text(r"ir_version\s*:\s*\d+\s", r"(?m)^graph\s*\{", _as_onnx("textproto")),
)

KEYS: Final = ('"base_code"', '"modelTopology"', '"arg_nodes"', '"model_type"', '"ir_version"', '"irVersion"')
"""What stands in JSON of these formats, which may be large."""


def of_bytes(head: bytes) -> str | None:
    """Say what a file of another format is by its first bytes; None of what may be a model."""
    for pattern, message in _MAGIC:
        if re.match(pattern, head):
            return message
    return _of_protobuf(head)


def of_text(start: str) -> str | None:
    """Say what a text of another format is by how it begins; None of what may be a model."""
    found = (each for each in _TEXTS if re.match(each.begins, start) and re.search(each.holds, start))
    return next((each.message for each in found), None)


def of_members(names: list[str]) -> str | None:
    """Say what a zip archive of another format is by the names in it; None of what may be a model."""
    joined = "\n".join(names)
    return next((message for pattern, message in _ARCHIVES if re.search(pattern, joined)), None)


def of_document(document: Mapping[str, Any], source: str) -> str | None:
    """Say what a JSON document of another format is by its keys; None where they tell nothing."""
    base, topology = document.get("base_code"), document.get("modelTopology")
    if isinstance(base, dict) and base.get("magic") == "pir":
        return _PADDLE
    if document.get("format") == "graph-model" or (isinstance(topology, dict) and "node" in topology):
        return _TFJS_GRAPH
    if {"nodes", "arg_nodes", "heads"} <= set(document):
        return _MXNET
    if "irVersion" in document or ("ir_version" in document and "graph" in document):
        return _as_onnx("json")
    return _of_hub(document, "FOLDER/config.json" if source.startswith("<") else source)


def _of_hub(document: Mapping[str, Any], path: str) -> str | None:
    """Say how a config.json of Hugging Face's libraries is read."""
    if "_diffusers_version" in document and any(isinstance(each, list) for each in document.values()):
        return _PIPELINE
    if "_diffusers_version" in document:
        return f"is the config of a model of diffusers; read it with that: rfcalc analyze diffusers:{path}"
    if isinstance(document.get("model_type"), str) and isinstance(document.get("architectures"), list):
        return (
            f"is the config of a model of transformers; read it with that: rfcalc analyze transformers:{path}"
        )
    if isinstance(document.get("architecture"), str) and isinstance(document.get("pretrained_cfg"), dict):
        named = document["architecture"]
        if re.fullmatch(r"\w{1,80}", named, re.A):
            return f"is the config of a model of timm; read it with that: rfcalc analyze timm:{named}"
    return None


# ---- folders -----------------------------------------------------------------------------------------------

_FOLDERS: Final = (
    (r"saved_model\.pb", SAVED_MODEL),
    (r"Manifest\.json|coremldata\.bin", _CORE_ML),
    (r".*\.pdmodel|inference\.json|__model__", _PADDLE),
    (r"graph\.nnef", _NNEF),
    (r"model_index\.json", _PIPELINE),
)
"""By the name of a file in it what a folder is."""


def of_folder(path: str, names: list[str], ends: tuple[str, ...]) -> str:
    """Say what a folder is by the names of its files; of one that holds models, which may be read alone."""
    for pattern, message in _FOLDERS:
        if any(re.fullmatch(pattern, name) for name in names):
            return message
    models = sorted(name for name in names if name.lower().endswith(ends) and name.isprintable())
    if not models:
        return "is a directory; give a model file"
    from pathlib import Path

    return f"is a directory; give a model file, such as {Path(path, models[0])}, or: rfcalc scan {path}"


# ---- protobuf ----------------------------------------------------------------------------------------------


def _of_protobuf(head: bytes) -> str | None:
    """Say of which format a message of protobuf is, by the fields that it begins with; None of ONNX.

    Core ML and SavedModel begin as ONNX does, with a version and a field 2. This is the producer's name in
    ONNX, in Core ML a description that begins with an input, and a graph in a SavedModel.
    """
    if head[:1] not in (b"\x08", b"\n", b"\xa2"):
        return None
    fields = list(fields_of(head))
    if head[:1] == b"\x08" and len(fields) > 1:
        number, value = fields[1]
        if any(each >= _CORE_ML_KINDS for each, _ in fields):
            return _CORE_ML
        if number == 2 and isinstance(value, bytes) and value[:1] == b"\n":
            inner = next(fields_of(value), (0, b""))[1]
            described = isinstance(inner, bytes) and inner[:1] == b"\n"
            return _CORE_ML if described else SAVED_MODEL
    if head[:1] == b"\n" and fields:
        node = list(fields_of(fields[0][1])) if isinstance(fields[0][1], bytes) else []
        named = [value for number, value in node[:2] if number <= 2 and isinstance(value, bytes)]
        if len(named) == 2 and re.fullmatch(_OPERATION, named[1]):
            return _GRAPH_DEF
    if any(number == _CAFFE_LAYERS for number, _ in fields):
        return f"is a Caffe model with its weights, {_CAFFE}"
    return None


_CORE_ML_KINDS: Final = 200
"""The least number of the fields of Core ML that hold the model itself."""

_CAFFE_LAYERS: Final = 100
_OPERATION: Final = rb"[A-Z][A-Za-z0-9]+"


def fields_of(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a message of protobuf, as far as it is sound.

    >>> list(fields_of(bytes([8, 7, 18, 2, 104, 105, 13])))
    [(1, 7), (2, b'hi')]
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            if at > len(data):
                return
            yield number, value
        elif wire == 2:
            length, at = _varint(data, at)
            yield number, data[at : at + length]
            at += length
        elif wire in (1, 5) and number:
            size = 8 if wire == 1 else 4
            if at + size > len(data):
                return
            yield number, data[at : at + size]
            at += size
        else:
            return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and the place after it; a place beyond the end where it is cut off."""
    value = shift = 0
    for place in range(at, min(at + 10, len(data))):
        value |= (data[place] & 0x7F) << shift
        shift += 7
        if data[place] < 0x80:
            return value, place + 1
    return 0, len(data) + 1

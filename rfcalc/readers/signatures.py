"""What the first bytes, the keys and the name of a file tell of its format, and what to say of others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

RFCALC, KERAS, ONNX, TFLITE, TORCH = "rfcalc", "keras", "onnx", "tflite", "torch"
OPENVINO: Final = "openvino"

EXPECTED: Final = (
    'a model is JSON with "rfcalc": 1 (see docs/formats.md), Keras\'s to_json() output or .keras file, an '
    "ONNX or TFLite file, an OpenVINO model (.xml), or a PyTorch program (.pt2)"
)

_INSTEAD: Final = (
    "save what torch.export.export gives with torch.export.save (.pt2), or name what builds the module: "
    "rfcalc analyze package.module:factory --input-shape 1,3,224,224"
)
_PICKLE: Final = (
    "is a Python pickle, which runs code when it is read, so rfcalc does not; of a PyTorch model it holds "
    f"weights alone: {_INSTEAD}"
)
_TORCH: Final = (
    "is a PyTorch file with a Python pickle in it, which runs code when it is read, so rfcalc does not, and "
    f"mostly holds weights alone; {_INSTEAD}"
)
_PARQUET: Final = (
    "is a Parquet file; of one that rfcalc sweep wrote choose a design by its number, as with --design 0"
)

_PROTOBUF: Final = rb"(?s)\x08[\x01-\x20][\x12\x1a\x22\x2a\x32\x3a\x42\x72]|\x42.{0,64}\x10|\x3a.{1,5}\x0a"
"""How an ONNX file begins: its version, then any other field."""

HDF5: Final = b"\x89HDF\r\n\x1a\n"
"""How an HDF5 file begins."""

KERAS_METADATA: Final = rb"(?s)\n.{1,5}\x1a\x04root\x22.{1,2}_tf_keras_"
"""How the description begins that Keras leaves in a SavedModel."""

MAGIC: Final = (
    (rb"\x80[\x00-\x05]", _PICKLE),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf", "is compressed; unpack it first"),
    (rb"PAR1", _PARQUET),
    (rb"version https://git-lfs", "is a pointer of Git LFS; fetch the file itself: git lfs pull"),
    (rb"\x93NUMPY", "is a numpy array: weights without an architecture"),
    (rb"\s*<[!?A-Za-z]", "looks like HTML or XML; was a web page saved instead of the file?"),
)
"""What the first bytes give away, and what to say then."""

ARCHIVES: Final = (
    (rb"data\.pkl", _TORCH),
    (rb"\.npy", "is a numpy archive: weights without an architecture"),
)  # fmt: skip
"""The same for the first members of a zip archive."""

_PROGRAM: Final = (
    rb"([^/\0]+/)?(data/(weights|constants|sample_inputs|aotinductor)/|models/|archive_format|"
    rb"serialized_exported_program)"
)
"""How the name of the first member of a saved PyTorch program begins."""

_TOML_KEY: Final = r"""(?m)^[ \t]*["']?rfcalc["']?[ \t]*="""
TOML_TABLE: Final = (
    r"""(?m)(\[{1,2} *(?!(?:true|false|null)\b)[A-Za-z_][\w.:"' -]*\]{1,2})[ \t]*(?:[#;].*)?$"""
)
_YAML_KEY: Final = r"""(?m)^[ \t]*["']?rfcalc["']?[ \t]*:|^\{.*\brfcalc["']?\s*:"""
YAML_FLOW: Final = r"\s*\{\s*[A-Za-z_]"
_SUFFIXES: Final = {".yaml": "YAML", ".yml": "YAML", ".toml": "TOML", ".json": "JSON"}

SOME: Final = (*_SUFFIXES, ".h5", ".hdf5", ".xml")
"""How the names of files end, in small letters, of which some are models, and others something else."""

NAMES: Final = (*SOME, ".keras", ".onnx", ".pt2", ".tflite")
"""How the names of files end that may hold a model."""


def is_object(head: bytes) -> bool:
    """Tell whether the first bytes are those of a JSON object, which no other format begins with."""
    return head[:1] == b"{" and head[1:].lstrip()[:1] in (b'"', b"}") and b"\0" not in head


def is_onnx(head: bytes, name: str) -> bool:
    """Tell whether the first bytes, or failing these the name, are an ONNX file's."""
    if head[:1] in (b"\x08", b"B", b":") and re.match(_PROTOBUF, head):
        return head[:1] == b"\x08" or name.endswith(".onnx")
    return bool(head) and name.endswith(".onnx") and not head.startswith((b"version https://git-lfs", b"PK"))


def is_tflite(head: bytes) -> bool:
    """Tell whether the first bytes are a TFLite file's."""
    return head[4:8] == b"TFL3"


def is_task(head: bytes, name: str) -> bool:
    """Tell whether an archive's first member, or failing that the name, is that of one with TFLite files."""
    first = _first_member(head)
    return first is not None and (first.endswith(b".tflite") or name.endswith(".task"))


_NET: Final = rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--(?s:.{0,4000}?)-->\s*)*<net[\s>]"
"""How an OpenVINO file begins."""


def is_openvino(head: bytes) -> bool:
    """Tell whether the first bytes are those of an OpenVINO model."""
    return b"<net" in head and re.match(_NET, head) is not None


def is_program(head: bytes, name: str) -> bool:
    """Tell whether an archive's first member, or failing that the name, is a saved program's."""
    first = _first_member(head)
    return first is not None and (bool(re.match(_PROGRAM, first)) or name.endswith(".pt2"))


def _first_member(head: bytes) -> bytes | None:
    """Return the name of the first member of a zip archive; None of what is none."""
    if not head.startswith(b"PK\x03\x04"):
        return None
    return head[30 : 30 + int.from_bytes(head[26:28], "little")]


def format_of(document: Mapping[str, Any]) -> str | None:
    """Return the format of a parsed document by its keys; None of what is no model."""
    if "rfcalc" in document:
        return RFCALC
    topology = document.get("modelTopology")  # TensorFlow.js
    model = document if topology is None else topology
    if isinstance(model, Mapping) and (
        "model_config" in model or ("class_name" in model and "config" in model)
    ):
        return KERAS
    return None


def syntax_of(text: str, name: str) -> str | None:
    """Return in which syntax a text is a model, by the key that every model has, or failing that by its name.

    >>> syntax_of("rfcalc = 1", "a.txt"), syntax_of("layers: []", "a.YML"), syntax_of("hello", "a.txt")
    ('TOML', 'YAML', None)
    """
    if re.search(_TOML_KEY, text):
        return "TOML"
    if re.search(_YAML_KEY, text):
        return "YAML"
    return _SUFFIXES.get(re.sub(r".*(?=\.)", "", name, flags=re.S).lower())

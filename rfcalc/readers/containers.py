"""The document of a Keras model among other things: in an HDF5 file, in a folder, in a SavedModel."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from rfcalc.errors import NoModel, ReadError
from rfcalc.readers.others import SAVED_MODEL, fields_of
from rfcalc.readers.parsing import MOST_JSON, decode, parse_json

KERAS_METADATA: Final = "keras_metadata.pb"
"""The file of a SavedModel, of TensorFlow 2.5 to 2.15, in which Keras describes the model."""

_WEIGHTS_ALONE: Final = (
    "is an HDF5 file without the architecture of a model, as of weights alone; write that with "
    "model.to_json(), or save the model as .keras"
)


def read_hdf5(source: str | bytes) -> dict[str, Any]:
    """Return the document in the attribute ``model_config`` of an HDF5 file; nothing else in it is read.

    Raises
    ------
    ReadError
        It is damaged, or h5py is not installed.
    NoModel
        It has no such attribute.
    """
    try:
        import h5py
    except ModuleNotFoundError:
        raise ReadError(
            "is an HDF5 file; reading the model in it needs the h5py package: pip install 'rfcalc[h5]'"
        ) from None
    try:
        with h5py.File(BytesIO(source) if isinstance(source, bytes) else source, "r") as file:
            config, version = file.attrs.get("model_config"), file.attrs.get("keras_version")
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, UnicodeError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ReadError(f"is an HDF5 file that is damaged: {reason}") from None
    if config is None:
        raise NoModel(_WEIGHTS_ALONE)
    document = _document(config, "model_config")
    if "keras_version" not in document and isinstance(version, (str, bytes)):
        document["keras_version"] = (
            version if isinstance(version, str) else version.decode("utf-8", "replace")
        )
    return document


def read_metadata(data: bytes) -> dict[str, Any]:
    """Return the document of the model that Keras describes in a SavedModel.

    Its list of objects says of the first, which is the model, what Keras's own config says.

    Raises
    ------
    NoModel
        The model's layers are not in it.
    """
    for number, node in fields_of(data):
        fields = dict(fields_of(node)) if number == 1 and isinstance(node, bytes) else {}
        if fields.get(_PATH) == b"root" and isinstance(fields.get(_DESCRIPTION), bytes):
            document = _document(fields[_DESCRIPTION], KERAS_METADATA)
            if isinstance(document.get("config"), dict) and "class_name" in document:
                return document
    raise NoModel(f"describes no model of layers that are in it; the folder of it {SAVED_MODEL}")


_PATH, _DESCRIPTION = 3, 5
"""Fields of an object in that list: its path from the model, and its JSON."""


def _document(text: object, where: str) -> dict[str, Any]:
    """Parse the JSON of a model that stands in a file of something else."""
    if isinstance(text, bytes):
        text = decode(text)
    if not isinstance(text, str) or len(text) > MOST_JSON:
        raise ReadError("must be a text, of a size that models have", where=where)
    document = parse_json(text)
    if not isinstance(document, dict):
        raise ReadError("must hold an object", where=where)
    return document


# ---- folders -----------------------------------------------------------------------------------------------

_INSIDE: Final = (
    ("config.json", re.compile(r"metadata\.json|.*\.(h5|safetensors|bin)")),
    ("model.json", re.compile(r".*\.bin")),
    (KERAS_METADATA, re.compile(r"saved_model\.pb")),
)
"""Files that say what a folder holds, each with what then lies beside it."""


def file_inside(folder: str, names: list[str]) -> str | None:
    """Return the file that says what model a folder holds: one of Keras, or what is refused by its contents.

    >>> file_inside("net", ["config.json", "metadata.json"]) == str(Path("net/config.json"))
    True
    >>> file_inside("models", ["config.json", "a.onnx"])
    """
    for name, beside in _INSIDE:
        if name in names and any(beside.fullmatch(other) for other in names if other != name):
            return str(Path(folder, name))
    return None

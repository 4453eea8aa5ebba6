"""What is read of a model: its document, and of which format it is, which its contents tell.

The file's name only breaks ties. How a format is told by its first bytes is in :mod:`rfcalc.readers.formats`;
what is said of files that are no models, in :mod:`rfcalc.readers.signatures` and `rfcalc.readers.others`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rfcalc.errors import NoModel, ReadError
from rfcalc.readers import formats, parsing, signatures
from rfcalc.readers.formats import MOST_ARCHIVE
from rfcalc.readers.signatures import EXPECTED, ONNX, OPENVINO, TORCH, format_of, syntax_of
from rfcalc.readers.sources import Source, directory_of, is_folder, names_in, opened, source_name
from rfcalc.readers.spelled import got
from rfcalc.records import NamedTuple


class Document(NamedTuple):
    """What was read of a model, from which it can be loaded any number of times.

    Parameters
    ----------
    format : str
        The name of one of `rfcalc.readers.formats.FORMATS`.
    content : dict or bytes
        What it holds; of a saved PyTorch program on disk its path.
    source : str
        Its name, for messages.
    directory : str, optional
        Where its file is.
    text : bytes
        What a file of text holds, as it is written.
    memory : dict, optional
        What its reader remembers of it from one reading to the next.
    """

    format: str
    content: Any
    source: str
    directory: str | None = None
    text: bytes = b""
    memory: dict[Any, Any] | None = None


def read_document(model: Any, *, format: str | None = None) -> Document:
    """Read a model's document, and tell its format; what was read before is returned as it is.

    Parameters
    ----------
    model : str, path, file, bytes or mapping
        As for :func:`load`.
    format : str, optional
        The format that the caller knows it to be.

    Raises
    ------
    ReadError
        It cannot be read, or is no model.
    """
    if isinstance(model, Document):
        return model
    if type(model).__name__ == "ModelProto":
        return Document(ONNX, model, "<model>")
    if type(model).__name__ == "ExportedProgram":
        return Document(TORCH, model, "<program>")
    if isinstance(model, Mapping):
        return Document(format or _told_by_keys(model, "<dict>"), dict(model), "<dict>")
    if is_folder(model):
        model = _inside(model)
    with opened(model) as source:
        return _document_of(source, directory_of(model), format)


def _inside(folder: Any) -> str:
    """Return the file of a folder that says what model it holds."""
    from rfcalc.readers import others
    from rfcalc.readers.containers import file_inside

    path, names = names_in(folder)
    found = file_inside(path, names)
    if found is None:
        raise ReadError(others.of_folder(path, names, signatures.NAMES), source=source_name(folder))
    return found


def _document_of(source: Source, directory: str | None, format: str | None) -> Document:
    """Return what is read of an open file."""
    plain = signatures.is_object(source.head)  # as most: there is nothing else that it could be
    if format is None and not plain:
        from rfcalc.readers.others import of_bytes

        if (other := of_bytes(source.head)) is not None:
            raise ReadError(other)
    for form in formats.FORMATS:
        for files in form.files:
            if (files.trusted and form.name == format) or files.tells(source):
                return Document(form.name, files.content(source), source.name, directory)
    content = _json(source) if plain else _document(source)
    if not isinstance(content, dict):
        raise NoModel(f"holds {got(content)}; {EXPECTED}")
    text = b"" if source.head.startswith(b"PK") else source.start(0)
    return Document(format or _told_by_keys(content, source.name), content, source.name, directory, text)


def held_tensors(model: Any) -> dict[str, int]:
    """Count the elements of the tensors that an ONNX file holds, by name.

    Parameters
    ----------
    model : path, bytes, Document or onnx.ModelProto
        What was read before.
    """
    from rfcalc.readers.onnx.held import held_tensors as count

    return count(read_document(model, format=ONNX).content)


def hash_beside(document: Document) -> str:
    """Return a hash of what is read of other files beside a model's own; "" where nothing is."""
    if document.format == OPENVINO and document.directory is not None:
        from rfcalc.readers.openvino.constants import hash_beside as of_constants

        return of_constants(document.content, document.source, document.directory)
    if document.format != ONNX or document.directory is None or not isinstance(document.content, bytes):
        return ""
    from rfcalc.readers.onnx.sidecar import hash_beside as of

    return of(document.content, document.directory)


def _told_by_keys(document: Mapping[str, Any], source: str) -> str:
    """Tell the format of a parsed document by its keys."""
    if (found := format_of(document)) is not None:
        return found
    from rfcalc.readers.others import of_document

    if (other := of_document(document, source)) is not None:
        raise NoModel(other, source=source)
    keys = list(document)[:5]
    held = f"has the keys {', '.join(map(got, keys))}" if keys else "is an empty object"
    raise NoModel(f"{held}{', ...' if len(document) > len(keys) else ''}; {EXPECTED}", source=source)


def _document(source: Source) -> Any:
    """Parse what the first bytes show to be a model."""
    head = source.head
    if not head:
        raise ReadError("is empty")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(source)
    if re.match(signatures.KERAS_METADATA, head):
        from rfcalc.readers.containers import read_metadata

        return read_metadata(source.everything(parsing.MOST_JSON))
    if head.startswith(signatures.HDF5):
        from rfcalc.readers.containers import read_hdf5

        return read_hdf5(source.path if source.path is not None else source.everything(MOST_ARCHIVE))
    for pattern, message in signatures.MAGIC:
        if re.match(pattern, head):
            raise ReadError(message)
    wide = head.startswith(parsing.UTF16_MARKS)
    start = head.decode("utf-16" if wide else "utf-8", errors="ignore").lstrip("\ufeff \t\r\n")
    from rfcalc.readers.others import of_text

    if (other := of_text(start)) is not None:
        raise NoModel(other)
    if table := re.match(signatures.TOML_TABLE, start):  # a model in TOML has the key rfcalc before any table
        raise NoModel(f"is TOML or INI, but no model: it begins with {table[1][:40]}; {EXPECTED}")
    if start.startswith(("{", "[")):
        return _json(source)
    if not wide and b"\0" in head:
        raise ReadError(f"is a binary file of an unknown kind; {EXPECTED}")
    return _other(source, start)


def _archive(source: Source) -> Any:
    """Read a zip archive, which only Keras has."""
    from rfcalc.readers.archive import members_of, read_archive
    from rfcalc.readers.others import of_members

    archive = source.path if source.path is not None else source.everything(MOST_ARCHIVE)
    if (other := of_members(members_of(archive))) is not None:
        raise ReadError(other)
    for pattern, message in signatures.ARCHIVES:
        if re.search(pattern, source.head):
            raise ReadError(message)
    return read_archive(archive)


def _json(source: Source) -> Any:
    """Parse JSON, or YAML that begins with a brace."""
    text = parsing.decode(source.everything(parsing.MOST_JSON))
    if len(text) > parsing.MOST_OTHER:  # parsed only where it can be a model
        from rfcalc.readers.others import KEYS

        if not any(key in text for key in ('"rfcalc"', '"class_name"', *KEYS)):
            raise NoModel(f"is JSON, but no model; {EXPECTED}")
    try:
        return parsing.parse_json(text)
    except ReadError:
        if len(text) <= parsing.MOST_OTHER and re.match(signatures.YAML_FLOW, text):
            return parsing.parse_yaml(text)
        raise


def _other(source: Source, start: str) -> Any:
    """Parse YAML or TOML, known by the key that every model has."""
    data = source.start(parsing.MOST_OTHER + 1)
    fits = len(data) <= parsing.MOST_OTHER
    text = parsing.decode(data) if fits else start
    syntax = syntax_of(text, source.name if fits else "")
    if syntax is not None:
        source.everything(parsing.MOST_OTHER)
        return parsing.PARSERS[syntax](text)
    if not text.strip():
        raise ReadError("holds nothing but white space")
    raise NoModel(f"is no model: it begins with {got(text.strip()[:20])}; {EXPECTED}")

"""The file of a sweep, and the designs in it by number: which model they are of, and how each is made of it.

A Parquet file has a document in its metadata, under the key ``rfcalc``; a CSV file has it beside, in a file
of the same name that ends in ``.sweep.json``. What it says is described in docs/scale.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rfcalc.errors import ReadError, UsageError
from rfcalc.records import NamedTuple

if TYPE_CHECKING:
    import os

KEY: Final = b"rfcalc"
"""The key of the document in the metadata of a Parquet file."""

SCHEMA: Final = "rfcalc/sweep-file/1"

BESIDE: Final = ".sweep.json"
"""How the name of the document beside a CSV file ends."""

VARIANT: Final = "variant"
"""The kind, and the name, of an axis of counterfactuals."""

_LONGEST: Final = 1 << 28  # bytes of a document beside a CSV file


class Design(NamedTuple):
    """How one design is made.

    Parameters
    ----------
    model : object
        What is loaded: a path, or what was read of a file.
    loading : mapping
        The options of `rfcalc.load`, parameters and extents of this design among them.
    variant : str
        The counterfactual that it is, or an empty string.
    """

    model: Any
    loading: Mapping[str, Any]
    variant: str


def places(lengths: Sequence[int], number: int) -> tuple[int, ...]:
    """Return which value of each axis a design has: they are numbered from 0, the last axis moving fastest.

    Raises
    ------
    UsageError
        There is no design of that number.

    Examples
    --------
    >>> places((2, 3), 4)
    (1, 1)
    """
    found, rest = [], number
    for length in reversed(lengths):
        rest, place = divmod(rest, length)
        found.append(place)
    if number < 0 or rest:
        from math import prod

        raise UsageError(f"there is no design {number:,}; they are numbered from 0 to {prod(lengths) - 1:,}")
    return tuple(reversed(found))


def is_sweep(path: Any) -> bool:
    """Tell whether something names the file of a sweep, by how its name ends."""
    import os

    if not isinstance(path, (str, os.PathLike)):
        return False
    file = Path(path)
    suffix = file.suffix.lower()
    return file.is_file() if suffix == ".parquet" else suffix == ".csv" and beside(file).is_file()


def beside(path: Path) -> Path:
    """Return the document beside a CSV file."""
    return path.with_name(path.name + BESIDE)


def document_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what the file of a sweep says of itself.

    Raises
    ------
    ReadError
        It is none.
    """
    file, text = Path(path), b""
    try:
        if file.suffix.lower() == ".csv":
            if beside(file).stat().st_size <= _LONGEST:
                text = beside(file).read_bytes()
        else:
            text = _parquet_text(file)
        document = json.loads(text)
    except FileNotFoundError as error:
        raise ReadError("there is no such file", source=str(error.filename or path)) from None
    except (OSError, ValueError, RecursionError):
        raise _no_sweep(path) from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise _no_sweep(path)
    return document


def _no_sweep(path: Any) -> ReadError:
    return ReadError("is not the file of a sweep, as rfcalc sweep --output writes it", source=str(path))


def _parquet_text(file: Path) -> bytes:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError("a Parquet file needs pyarrow: pip install 'rfcalc[sweep]'") from None
    with file.open("rb") as opened:
        if opened.read(4) != b"PAR1":
            return b""
    found = (pq.read_metadata(file).metadata or {}).get(KEY, b"")
    return bytes(found)


def design_of(path: str | os.PathLike[str], number: int) -> Design:
    """Return how a design of a sweep's file is made.

    Raises
    ------
    ReadError
        It is no such file, or the model that it is of is gone, or another one by now.
    UsageError
        There is no design of that number.
    """
    document = document_of(path)
    try:
        axes = document["grid"]
        chosen = places([len(axis["values"]) for axis in axes], number)
        loading: dict[str, Any] = dict(document["loading"])
        found: dict[str, dict[str, Any]] = {"parameter": {}, "dim": {}, VARIANT: {}}
        for axis, place in zip(axes, chosen, strict=True):
            value = axis["values"][place]
            found[axis["kind"]][axis["name"]] = int(value) if isinstance(value, bool) else value
        loading["parameters"] = {**(loading.get("parameters") or {}), **found["parameter"]} or None
        loading["dims"] = {**(loading.get("dims") or {}), **found["dim"]} or None
        return Design(_model_of(document["model"], Path(path)), loading, found[VARIANT].get(VARIANT, ""))
    except (KeyError, TypeError, AttributeError):
        raise _no_sweep(path) from None


def _model_of(told: Mapping[str, Any], path: Path) -> Any:
    """Return the model that a file is of: what it holds of it, or the file that it was made of."""
    from rfcalc.readers.documents import Document

    if told["document"] is not None:
        return Document(told["format"], told["document"], told["source"])
    if told["sha256"] is None:
        raise ReadError(
            "is of a model that was no file, so its designs cannot be made anew", source=str(path)
        )
    if told["code"]:
        return told["source"]
    for file in (Path(told["source"]), path.parent / Path(told["source"]).name):
        if file.is_file():
            if hashed(file) != told["sha256"]:
                raise ReadError(f"is of another {file}: that file has changed since", source=str(path))
            return str(file)
    raise ReadError(f"is of {told['source']}, which is not there; put it beside this file", source=str(path))


def hashed(file: Path) -> str:
    """Return the SHA-256 of a file."""
    import hashlib

    found = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def model_told(x: Any, name: str, form: str) -> dict[str, Any]:
    """Return what the file of a sweep says of its model.

    Parameters
    ----------
    x : object
        The model as it was given, or what was read of it.
    name : str
        What it is called.
    form : str
        Its format.
    """
    import hashlib

    from rfcalc.readers.detect import names_code
    from rfcalc.readers.documents import read_document

    told: dict[str, Any] = {
        "name": name, "format": form, "source": "", "sha256": None, "document": None, "code": False
    }  # fmt: skip
    if isinstance(x, str) and names_code(x):
        return {**told, "source": x, "sha256": hashlib.sha256(x.encode()).hexdigest(), "code": True}
    if type(x).__name__ == "LayerGraph":
        return told
    document = read_document(x)
    told |= {"source": document.source, "format": document.format}
    content = document.content
    if isinstance(content, Mapping):
        text = json.dumps(content, sort_keys=True, ensure_ascii=True)
        return {**told, "sha256": hashlib.sha256(text.encode()).hexdigest(), "document": content}
    if isinstance(content, bytes):
        return {**told, "sha256": hashlib.sha256(content).hexdigest()}
    file = Path(content) if isinstance(content, str) else None
    return {**told, "sha256": hashed(file)} if file is not None and file.is_file() else told

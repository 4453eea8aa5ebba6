"""The architecture in a ``.keras`` archive: its config.json and nothing else; weights are never read."""

from __future__ import annotations

import os
import zipfile
import zlib
from io import BytesIO
from typing import Any, Final

from rfcalc.errors import ReadError
from rfcalc.readers.parsing import decode, parse_json

MOST_MEMBERS: Final = 10_000
MOST_UNPACKED: Final = 16 * 2**20
"""Bytes of config.json; the largest published models need 2 MB."""

CONFIG: Final = "config.json"
_ENCRYPTED: Final = 0x1


def read_archive(source: str | os.PathLike[str] | bytes) -> dict[str, Any]:
    """Return the architecture document of a ``.keras`` archive.

    Parameters
    ----------
    source : path or bytes
        The archive.

    Raises
    ------
    ReadError
        It is no zip archive, or damaged, or not one that Keras writes.
    """
    try:
        with zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source) as archive:
            text = _config_text(archive)
    except (
        zipfile.BadZipFile,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        zlib.error,
    ) as error:
        raise ReadError(f"is a damaged archive: {error}") from None
    try:
        document = parse_json(decode(text))  # with its bounds on how much a text may cost
    except ReadError as error:
        error.where = f"{CONFIG}, {error.where}" if error.where else CONFIG
        raise
    if not isinstance(document, dict):
        raise ReadError("must hold an object", where=CONFIG)
    return document


def members_of(source: str | os.PathLike[str] | bytes) -> list[str]:
    """Return the names of the members of a zip archive; none where it is damaged, which its reader says."""
    try:
        with zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source) as archive:
            return archive.namelist()[:MOST_MEMBERS]
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError):
        return []


def _config_text(archive: zipfile.ZipFile) -> bytes:
    """Read config.json, no more of it than a model can need."""
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise ReadError(f"has {len(members):,} members, no archive of Keras has so many")
    for member in members:
        if member.filename.startswith(("/", "\\")) or ".." in member.filename.replace("\\", "/").split("/"):
            raise ReadError(f"holds {member.filename!r}, which points out of the archive; do not trust it")
    found = [member for member in members if member.filename == CONFIG]
    if len(found) != 1:
        raise ReadError(f"holds {len(found) or 'no'} {CONFIG}; a .keras archive has one")
    if found[0].flag_bits & _ENCRYPTED:
        raise ReadError("is encrypted; unpack it first", where=CONFIG)
    with archive.open(found[0]) as stream:  # the size in the directory may lie, so count what comes
        text = stream.read(MOST_UNPACKED + 1)
    if len(text) > MOST_UNPACKED:
        raise ReadError(f"unpacks to more than {MOST_UNPACKED >> 20} MB; no model needs it", where=CONFIG)
    return text

"""The models in a ``.task`` archive, in which MediaPipe puts the TFLite files of one task together."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO
from typing import Final

from rfcalc.errors import ReadError, UsageError
from rfcalc.readers.signatures import is_tflite
from rfcalc.readers.sources import MARK

MOST_MEMBERS: Final = 1_000
MOST_UNPACKED: Final = 1 << 30
"""Bytes of one model, which has to be held."""

_ENCRYPTED: Final = 0x1
_DAMAGED: Final = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    zlib.error,
)


def read_task(source: str | bytes, name: str, member: str | None) -> bytes:
    """Return the one model of an archive, or the one that is meant.

    Parameters
    ----------
    source : str or bytes
        The path of the archive, or what it holds.
    name : str
        What messages call it.
    member : str, optional
        The model that is meant.

    Raises
    ------
    ReadError
        It is damaged, or holds no model, or several of which none is meant.
    UsageError
        It holds no model of that name.
    """
    try:
        with zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source) as archive:
            return _model_in(archive, name, member)
    except _DAMAGED as error:
        raise ReadError(f"is a damaged archive: {error}") from None


def _model_in(archive: zipfile.ZipFile, name: str, member: str | None) -> bytes:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise ReadError(f"has {len(members):,} members; no archive of models has so many")
    models = [each for each in members if _is_model(archive, each)]
    names = ", ".join(map(_name, models))
    if not models:
        raise ReadError("is an archive without a TFLite model in it")
    chosen = models if member is None else [each for each in models if each.filename == member]
    if not chosen:
        raise UsageError(f"the archive holds no model {member!r}; it holds {names}")
    if len(chosen) > 1:
        example = f"{name.removesuffix(f'{MARK}{member}')}{MARK}{_name(models[0])}"
        raise ReadError(f"holds {len(models)} models: {names}; choose one, as in {example}")
    if chosen[0].flag_bits & _ENCRYPTED:
        raise ReadError("is encrypted; unpack it first", where=_name(chosen[0]))
    if chosen[0].file_size > MOST_UNPACKED:
        raise ReadError(f"unpacks to more than {MOST_UNPACKED >> 20} MB", where=_name(chosen[0]))
    with archive.open(chosen[0]) as stream:  # the size in the directory may lie, so count what comes
        data = stream.read(MOST_UNPACKED + 1)
    if len(data) > MOST_UNPACKED:
        raise ReadError(f"unpacks to more than {MOST_UNPACKED >> 20} MB", where=_name(chosen[0]))
    return data


def _name(member: zipfile.ZipInfo) -> str:
    """Return the name of a member, spelled so that a message with it is one line."""
    return member.filename if member.filename.isprintable() else repr(member.filename)


def _is_model(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Tell whether a member is a TFLite file, by its first bytes, or where these are hidden by its name."""
    if member.is_dir() or member.flag_bits & _ENCRYPTED:
        return member.filename.endswith(".tflite")
    with archive.open(member) as stream:
        return is_tflite(stream.read(8))

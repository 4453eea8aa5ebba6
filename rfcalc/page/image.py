"""A picture to draw fields on, as a page holds it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from rfcalc.errors import ReadError

_LARGEST: Final = 4_000_000
"""Bytes of a picture in a page."""

_TYPES: Final = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
"""What files of pictures begin with. Drawings (SVG) can hold scripts, and are none of them."""


def image_url(path: str) -> str:
    """Return a picture as a URL that holds it.

    Raises
    ------
    ReadError
        It cannot be read, is neither PNG nor JPEG, or is too large.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:  # a name with a zero in it is no OSError
        reason = getattr(error, "strerror", None) or error
        raise ReadError(f"cannot be read: {reason}", source=path) from None
    kind = next((name for begin, name in _TYPES if content.startswith(begin)), None)
    if kind is None:
        raise ReadError("is neither a PNG nor a JPEG picture", source=path)
    if len(content) > _LARGEST:
        raise ReadError(f"is larger than {_LARGEST:,} bytes; scale it to the size of the input", source=path)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"

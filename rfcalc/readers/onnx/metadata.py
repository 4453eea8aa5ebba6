"""What the metadata of an ONNX file says of the sizes that the model was made for."""

from __future__ import annotations

import re
from typing import Final

import onnx

_KEYS: Final = ("imgsz", "img_size", "image_size", "input_size", "input_resolution")
_SIZES: Final = re.compile(r"\s*[\[(]?\s*(\d{1,5}(?:\s*[,x]\s*\d{1,5}){0,2})\s*,?\s*[\])]?\s*")
"""One to three whole numbers, as a list, a tuple, or with crosses between them."""


def made_for(model: onnx.ModelProto) -> tuple[str, tuple[int, ...]] | None:
    """Return what says which extents the file was made for, and these; None where nothing does.

    Ultralytics writes ``imgsz``, height before width; other tools use names like it.
    """
    said = {each.key.lower(): each.value for each in model.metadata_props}
    for key in _KEYS:
        found = _SIZES.fullmatch(said.get(key, ""))
        sizes = [int(number) for number in re.split("[,x]", found[1])] if found else []
        if sizes and all(sizes):
            return f"{key} in the file's metadata", tuple(sizes)
    return None

"""What the metadata of an ONNX file says of the sizes that the model was made for."""

from __future__ import annotations

import re
from typing import Final

import onnx

_KEYS: Final = ("imgsz", "img_size", "image_size", "input_size", "input_resolution", "resolution")
_LARGEST: Final = 65_536  # pixels along an axis


def made_for(model: onnx.ModelProto) -> tuple[str, tuple[int, ...]] | None:
    """Return what says which extents the file was made for, and these; None where nothing does.

    Ultralytics writes ``imgsz``, height before width; other tools use names like it.
    """
    said = {each.key.lower(): each.value for each in model.metadata_props}
    for key in _KEYS:
        sizes = [int(number) for number in re.findall(r"\d{1,6}", said.get(key, ""))]
        if 1 <= len(sizes) <= 3 and all(0 < size <= _LARGEST for size in sizes):
            return f"{key} in the file's metadata", tuple(sizes)
    return None

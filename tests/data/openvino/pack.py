"""Pack models of OpenVINO for the tests: weights become zeros, which take no room; small constants stay.

Run by hand: ``python tests/data/openvino/pack.py FOLDER NAME...``. The models are those of the same name in
`tests/data/onnx`, with weights drawn at random, converted by ``openvino.convert_model`` of OpenVINO 2026.4.1.
"""

from __future__ import annotations

import gzip
import math
import sys
from pathlib import Path
from xml.etree import ElementTree

MOST = 64
FLOATS = ("f16", "f32", "f64")


def main(folder: Path, names: list[str]) -> None:
    here = Path(__file__).parent
    for name in names:
        text = (folder / f"{name}.xml").read_bytes()
        data = (folder / f"{name}.bin").read_bytes()
        kept = bytearray(len(data))
        for layer in ElementTree.fromstring(text).iterfind(".//layer[@type='Const']/data"):
            shape = [int(each) for each in layer.get("shape", "").split(",") if each.strip()]
            if layer.get("element_type") not in FLOATS or math.prod(shape) <= MOST:
                start = int(layer.get("offset", "0"))
                stop = start + int(layer.get("size", "0"))
                kept[start:stop] = data[start:stop]
        for suffix, content in (("xml", text), ("bin", bytes(kept))):
            (here / f"{name}.{suffix}.gz").write_bytes(gzip.compress(content, 9, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

#!/usr/bin/env bash
# StarDist cuts images into tiles that overlap by too little, once its U-Net is four levels deep.
#
# Tiles shall give what the whole image gives. So StarDist measures how far its network looks: it sets one pixel amid
# an image of 128 x 128 and sees how far the outputs change. A U-Net of depth 4 looks 94 pixels around an aligned
# block, more than the 64 that there are. The measure ends at the border, and tiles overlap by that. At depth 3, as
# it is unless said, 47 pixels are enough.
#
# The U-Net is rebuilt in numpy with one channel, all weights positive and no bias, so that no change is lost on the
# way. StarDist's function is run alone, as its module imports TensorFlow; the tiles are csbdeep's, as in predict().
#
# Seen with stardist 0.9.2, csbdeep 0.8.2, numpy 2.4.6 and scipy 1.17.1 on Python 3.11; exits with 0 as long as it is so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
pip=("$work/env/bin/pip" install --quiet --disable-pip-version-check)
"${pip[@]}" numpy==2.4.6 scipy==1.17.1 matplotlib==3.11.2 six==1.17.0 tqdm==4.70.1
"${pip[@]}" --no-deps stardist==0.9.2 csbdeep==0.8.2
"$work/env/bin/python" - <<'PYTHON'
import ast
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from csbdeep.internals.predict import tile_iterator

folder = Path(importlib.util.find_spec("stardist").submodule_search_locations[0])
names = {"np": np}
for file, name in (("utils.py", "_is_power_of_2"), ("models/base.py", "_compute_receptive_field")):
    tree = ast.walk(ast.parse((folder / file).read_text(encoding="utf-8")))
    function = next(node for node in tree if isinstance(node, ast.FunctionDef) and node.name == name)
    exec(compile(ast.Module([function], []), file, "exec"), names)


def conv(x):
    """Add each pixel's 3 x 3 neighbours, nothing beyond the border."""
    padded = np.pad(x, 1)
    return sum(padded[i : i + x.shape[0], j : j + x.shape[1]] for i in range(3) for j in range(3)) / 9


def unet(x, depth):
    """Return what csbdeep's unet_block and one convolution more put out."""
    x, kept = x.astype(float), []
    for _ in range(depth):
        kept.append(conv(conv(x)))
        x = kept[-1].reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).max((1, 3))
    x = conv(conv(x))
    for skip in reversed(kept):
        x = conv(conv(x.repeat(2, 0).repeat(2, 1) + skip))
    return conv(x)


image = np.random.default_rng(0).random((512, 512))
seen = {}
for depth in (3, 4):
    network = SimpleNamespace(predict=lambda x, **_: [unet(x[0, ..., 0], depth)[None, ..., None]])
    config = SimpleNamespace(n_dim=2, grid=(1, 1), n_channel_in=1)
    rows, _ = names["_compute_receptive_field"](SimpleNamespace(config=config, keras_model=network))
    overlap, block = int(max(rows)), 2**depth
    blocks = -(-overlap // block)
    whole, tiled = unet(image, depth), np.empty_like(image)
    for tile, source, target in tile_iterator(image, (2, 1), block, (blocks, blocks)):
        tiled[target] = unet(tile, depth)[source]
    wrong = np.flatnonzero(np.abs(tiled - whole).max(1) > 1e-12)
    seen[depth] = (overlap, len(wrong))
    print(f"depth {depth}: {overlap} pixels, tiles overlap by {blocks * block}; {len(wrong)} of 512 rows differ")
assert seen == {3: (47, 0), 4: (64, 62)}, "changed"
PYTHON

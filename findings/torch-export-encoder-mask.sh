#!/usr/bin/env bash
# torch.export takes a transformer layer with a causal mask, but not a stack of the same layers.
#
# TransformerEncoder and TransformerDecoder compare the mask that they are given with the causal one, element by
# element, to choose a faster way. An export has no elements to compare: it ends in an error about a data-dependent
# expression, whether the mask is a buffer or made in forward. A single layer does not look, and a stack that is told
# is_causal=True or False does not either. The result is the same in all ways that run.
#
# Seen with torch 2.13.0 (CPU) on Python 3.11; exits with 0 as long as it is so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" - <<'PYTHON'
import logging
import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
torch.manual_seed(0)
STEPS, WIDTH = 6, 8


class Model(nn.Module):
    """Layers that get a causal mask, and what they are told about it."""

    def __init__(self, layers, mask_name, **told):
        super().__init__()
        self.layers, self.mask_name, self.told = layers, mask_name, told
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(STEPS))

    def forward(self, x):
        return self.layers(x, **{self.mask_name: self.mask}, **self.told)


layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, dropout=0.0, batch_first=True)
stack = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
stack.layers[0] = layer
models = {
    "one layer": Model(layer, "src_mask"),
    "a stack of one": Model(stack, "mask"),
    "a stack told is_causal=True": Model(stack, "mask", is_causal=True),
    "a stack told is_causal=False": Model(stack, "mask", is_causal=False),
}
x = torch.randn(1, STEPS, WIDTH)
seen = {}
for name, model in models.items():
    try:
        torch.export.export(model.eval(), (x,))
        seen[name] = "exported"
    except Exception as error:
        seen[name] = type(error).__name__
    with torch.no_grad():
        same = torch.allclose(model(x), models["one layer"](x), atol=1e-6)
    print(f"{name}: {seen[name]}; the same values as one layer: {same}")
    assert same
assert seen == {
    "one layer": "exported",
    "a stack of one": "GuardOnDataDependentSymNode",
    "a stack told is_causal=True": "exported",
    "a stack told is_causal=False": "exported",
}, "changed"
PYTHON

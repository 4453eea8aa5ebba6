#!/usr/bin/env bash
# torch.onnx.export (dynamo=False) writes Tensor.unfold along axis -1 with windows and their elements exchanged.
#
# Frames of audio are often cut with x.unfold(-1, size, step). The exporter then joins the windows along axis -1
# too, which is by now the new axis, of what a window holds. So the file gives (batch, size, windows) where PyTorch
# gives (batch, windows, size), and where there are as many windows as elements in each, the same shape and other
# numbers, without a warning. With the axis counted from the front, the file does as PyTorch does.
#
# Seen with torch 2.13.0 (CPU), onnx 1.23.2, onnxruntime 1.32.0 on Python 3.11; exits with 0 as long as it is so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check \
    torch==2.13.0 numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import logging
import warnings

import numpy as np
import onnxruntime
import torch

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)


class Frames(torch.nn.Module):
    def __init__(self, axis, size, step):
        super().__init__()
        self.axis, self.size, self.step = axis, size, step

    def forward(self, x):
        return x.unfold(self.axis, self.size, self.step)


def both(axis, samples, size, step):
    """The frames of 0, 1, 2, ... by PyTorch, and by the exported file."""
    model, x = Frames(axis, size, step), torch.arange(samples, dtype=torch.float32)[None]
    torch.onnx.export(model, (x,), "frames.onnx", dynamo=False, verbose=False)
    session = onnxruntime.InferenceSession("frames.onnx", providers=["CPUExecutionProvider"])
    (made,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    return model(x).numpy(), made


seen = []
for axis in (1, -1):
    for samples, size, step in ((96, 16, 8), (25, 5, 5)):
        own, made = both(axis, samples, size, step)
        same = own.shape == made.shape and np.array_equal(own, made)
        turned = np.array_equal(own.swapaxes(1, 2), made)
        seen.append((own.shape == made.shape, same, turned))
        print(f"axis {axis}, {samples} samples in frames of {size}: PyTorch {own.shape}, file {made.shape}; "
              f"the same: {same}; the same once exchanged: {turned}")
assert seen == [
    (True, True, False),
    (True, True, False),
    (False, False, True),
    (True, False, True),
], "changed"
PYTHON

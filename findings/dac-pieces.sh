#!/usr/bin/env bash
# The Descript audio codec decodes the ends of a piece otherwise than the same codes within a longer piece.
#
# Longer audio is coded piece by piece: compress() takes all padding out of the network, and lets pieces overlap, so
# that each gives just the samples whose windows lie within it. That holds for the encoder. A transposed convolution
# without padding, though, also puts out the samples at either end that only some of its windows write, and the
# convolutions after it do not take all of these away. So more than 500 samples at each end of a piece lack a part, and
# pieces do not join as one. For the same reason `delay`, 7904 samples, is less than the samples to either side on
# which a hop of the output depends: 8853.
#
# The network is small, with weights as it draws them; its windows are those of the 44.1 kHz model. How much is lacking
# depends on the weights. What plays and stores audio (audiotools, argbind) is not needed, and stood in for.
#
# Seen with descript-audio-codec 1.0.0, torch 2.13.0 (CPU) on Python 3.11; exits with 0 as long as it is so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
pip=("$work/env/bin/pip" install --quiet --disable-pip-version-check)
"${pip[@]}" torch==2.13.0 numpy==2.4.6 einops==0.8.2 tqdm==4.70.1
"${pip[@]}" --no-deps descript-audio-codec==1.0.0
OMP_NUM_THREADS=1 "$work/env/bin/python" -W ignore - <<'PYTHON'
import sys
from unittest.mock import MagicMock

import torch

for name in ("audiotools", "audiotools.core", "audiotools.ml", "argbind"):
    sys.modules[name] = MagicMock()
sys.modules["audiotools.ml"].BaseModel = sys.modules["audiotools"].ml.BaseModel = type(
    "BaseModel", (torch.nn.Module,), {"INTERN": [], "EXTERN": []}
)
from dac.model.dac import DAC

HOP = 512
torch.manual_seed(0)
model = DAC(encoder_dim=2, latent_dim=8, decoder_dim=32, n_codebooks=4, codebook_size=64, codebook_dim=4)
model = model.double().eval()

# a piece of 87 hops, as compress() takes of audio at 44.1 kHz; and the same with 8 hops more at each end
longer = torch.randn(1, 1, (87 + 2 * 8) * HOP, dtype=torch.float64)
piece = longer[..., 8 * HOP : -8 * HOP]
model.padding = False
with torch.no_grad():
    codes, longer_codes = (model.encode(each)[1] for each in (piece, longer))
    within = longer_codes[..., 8 : 8 + codes.shape[-1]]
    decoded, longer_decoded = (model.decode(model.quantizer.from_codes(each)[0]) for each in (codes, longer_codes))
samples = decoded.shape[-1]
print(f"the same codes: {torch.equal(codes, within)}; a piece gives {samples} samples")
other = longer_decoded[..., 8 * HOP : 8 * HOP + samples]
apart = ((decoded - other).abs() / other.abs().mean()).ravel()
halves = [int((half > 1e-9).sum()) for half in (apart[: samples // 2], apart[samples // 2 :])]
print(f"samples that differ: {halves[0]} at the front, {halves[1]} at the end")

# what a hop amid the output depends on, with padding: where the slopes at zero are not zero, of positive weights
model.padding = True
with torch.no_grad():
    for value in (*model.encoder.parameters(), *model.decoder.parameters()):
        value.fill_(0.0 if value.ndim == 1 else 1 / value[0].numel())  # no biases
x = torch.zeros(1, 1, 50 * HOP, dtype=torch.float64, requires_grad=True)
(slopes,) = torch.autograd.grad(model.decoder(model.encoder(x))[..., 25 * HOP : 26 * HOP].sum(), x)
read = slopes.ravel().nonzero().ravel()
reach = (25 * HOP - int(read[0]), int(read[-1]) - (26 * HOP - 1))
print(f"delay {model.delay}; a hop of the output depends on {reach[0]} samples before it and {reach[1]} after")
assert (model.delay, reach) == (7904, (8853, 8853)), "changed"
assert torch.equal(codes, within), "changed"
assert samples == model.get_output_length(87 * HOP) == 28522, "changed"
assert all(500 < half < 700 for half in halves), "changed"
PYTHON

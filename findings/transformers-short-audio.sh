#!/usr/bin/env bash
# transformers takes audio that is too short for a single frame as valid all over the frames of a padded batch.
#
# Wav2Vec2Model._get_feat_extract_output_lengths makes 0 frames of 80 to 399 samples, and -1 of less, for its division
# rounds down below zero too. The mask of the frames of a batch is set at the last valid frame, one before
# that length, as an index: of 0 frames that is -1, the last frame of all, and of -1 frames the one before. So the
# padding counts as heard. Alone, PyTorch refuses so short an input.
#
# Seen with transformers 5.23.0 and torch 2.13.0 (CPU) on Python 3.11; exits with 0 as long as it is so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 transformers==5.23.0
"$work/env/bin/python" -W ignore - <<'PYTHON'
import torch
from transformers import Wav2Vec2Config, Wav2Vec2Model

with torch.device("meta"):
    model = Wav2Vec2Model(Wav2Vec2Config()).eval()
found = {}
for count in (16000, 400, 399, 80, 79, 40):
    frames = int(model._get_feat_extract_output_lengths(torch.tensor(count)))
    samples = torch.zeros(2, 16000, dtype=torch.long)
    samples[0], samples[1, :count] = 1, 1
    valid = int(model._get_feature_vector_attention_mask(49, samples)[1].sum())
    found[count] = (frames, valid)
    print(f"{count} samples: {frames} frames, {valid} of the batch's 49 taken as valid")
SEEN = {16000: (49, 49), 400: (1, 1), 399: (0, 49), 80: (0, 49), 79: (-1, 48), 40: (-1, 48)}
assert found == SEEN, "changed"
PYTHON

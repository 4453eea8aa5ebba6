#!/usr/bin/env bash
# Two causal attention layers of Keras on a sequence that starts with padding: one of them looks ahead.
#
# Embedding(mask_zero=True) says that word 0 is padding, and both layers take that mask without being told. A query
# whose keys are all padding has none left under the causal mask. MultiHeadAttention then averages over the values of
# all steps, those to come included; Attention multiplies what such a query gets by zero. So a change of the last word
# reaches the first output of the one, and not of the other. A batch that is padded in front is valid input for both.
#
# Seen with Keras 3.15.1 on jax 0.10.2 (CPU), Python 3.11; exits with 0 as long as it is so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 numpy==2.4.6 jax==0.10.2 jaxlib==0.10.2
export KERAS_BACKEND=jax KERAS_HOME="$work/keras"
"$work/env/bin/python" - <<'PYTHON'
import keras
import numpy as np

keras.utils.set_random_seed(0)
words = keras.Input((5,), dtype="int32")
embedded = keras.layers.Embedding(4, 8, mask_zero=True)(words)
heads = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
layers = {
    "MultiHeadAttention": heads(embedded, embedded, use_causal_mask=True),
    "Attention": keras.layers.Attention()([embedded, embedded], use_causal_mask=True),
}


def outputs_that_move(model, sentence):
    """Return which steps of the output move when the last word is replaced."""
    other = sentence.copy()
    other[0, -1] = 3
    before, after = (np.asarray(model(each)) for each in (sentence, other))
    return np.flatnonzero(np.abs(after - before)[0].max(axis=1) > 1e-6).tolist()


seen = {}
for name, output in layers.items():
    model = keras.Model(words, output)
    for title, sentence in (("no padding", [[1, 2, 1, 2, 1]]), ("two steps of padding first", [[0, 0, 1, 2, 1]])):
        seen[name, title] = outputs_that_move(model, np.array(sentence))
        print(f"{name}, {title}: a new last word moves the outputs {seen[name, title]}")
assert seen == {
    ("MultiHeadAttention", "no padding"): [4],
    ("MultiHeadAttention", "two steps of padding first"): [0, 1, 4],
    ("Attention", "no padding"): [4],
    ("Attention", "two steps of padding first"): [4],
}, "changed"
PYTHON

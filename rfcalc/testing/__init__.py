"""Assertions on models, for tests: what a layer sees and puts out, what it costs, exactly.

Each takes a model in any form that `rfcalc.load` takes, a PyTorch module (with ``input_shape``), or an
`Analysis` that was made before. A failure is an AssertionError that says what the figure is, what was wanted,
and which layers decide it. The plug-in for pytest gives a fixture ``rfcalc`` that has them too, and reads
each file once.

Examples
--------
>>> from rfcalc.testing import assert_params, assert_receptive_field
>>> net = {"rfcalc": 1, "input": [28, 28, 1], "layers": [
...     {"kind": "conv", "name": "conv1", "filters": 32, "kernel": 3},
...     {"kind": "max_pool", "name": "pool1", "kernel": 2},
...     {"kind": "conv", "name": "conv2", "filters": 64, "kernel": 3},
... ]}
>>> assert_receptive_field(net, "conv2", 8)
>>> assert_params(net, 18_816)
>>> assert_receptive_field(net, "conv2", 10)
Traceback (most recent call last):
    ...
AssertionError: <dict>: layer 'conv2': the receptive field is 8x8 pixels, not 10x10
  conv2: conv, output 11x11x64, stride 2x2, status exact
  rows: 1, and conv1 +2, pool1 +1, conv2 +4; the most by 'conv2'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rfcalc.lazily import lazily

if TYPE_CHECKING:
    from rfcalc.testing.asserts import (
        assert_aligned,
        assert_budget,
        assert_covers_input,
        assert_exact,
        assert_macs,
        assert_no_holes,
        assert_output_shape,
        assert_params,
        assert_receptive_field,
        assert_stride,
    )

__all__ = [
    "assert_aligned",
    "assert_budget",
    "assert_covers_input",
    "assert_exact",
    "assert_macs",
    "assert_no_holes",
    "assert_output_shape",
    "assert_params",
    "assert_receptive_field",
    "assert_stride",
]

_HOMES: Final = {"rfcalc.testing.asserts": tuple(__all__)}

__getattr__ = lazily(__name__, _HOMES)

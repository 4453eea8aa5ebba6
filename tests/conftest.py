"""Hypothesis profiles: `dev` and `ci` try the same examples every time, `random` and `search` new ones.

`HYPOTHESIS_PROFILE` names one; otherwise it is `dev`, which keeps the whole of the tests short.
"""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec

from hypothesis import HealthCheck, settings

for name, examples, derandomize in (
    ("dev", 40, True),
    ("ci", 200, True),
    ("random", 200, False),
    ("search", 5000, False),
):
    settings.register_profile(
        name,
        deadline=None,
        derandomize=derandomize,
        max_examples=examples,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or "dev")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of what a shell runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.pop("FORCE_COLOR", None)  # tests say themselves where colours are

# helpers of tests that are skipped then
collect_ignore_glob = [f"readers/{name}_*.py" for name in ("jax", "torch") if find_spec(name) is None]

"""Hypothesis profiles: `ci` runs the same many examples every time, `dev` a few new ones, `search` very many.

`HYPOTHESIS_PROFILE` names one; otherwise it is `ci` where `CI` is set, and `dev` elsewhere.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    max_examples=200,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "search", deadline=None, max_examples=5000, suppress_health_check=[HealthCheck.too_slow]
)
if find_spec("torch") is None:  # helpers of tests that are skipped then
    collect_ignore = ["readers/torch_fields.py", "readers/torch_models.py"]

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

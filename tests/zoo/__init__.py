"""Hold rfcalc against the real models of the field's libraries: outside CI, since it takes them and an hour.

    python -m tests.zoo run [PATTERN ...]     analyse and measure; what was found is kept in results.json
    python -m tests.zoo show                  sum it up

Parameters are held against the framework's own count, shapes against hooks, multiply-accumulates against the
flop counter of PyTorch, and of small models the dependence against runs in which one row of the input is
changed. `requirements.txt` beside this file has the versions; docs/accuracy.md shows the outcome.
"""

"""What a design costs in a sweep, beside analysing each, and building each in a framework and counting.

``python -m tests.benchmarks.sweeps`` prints ratios, all taken in one run. The family is VGG-16 with its
width, kernel, poolings, dense layer and input size as parameters: a million designs, and ten million for how
time and memory grow.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import rfcalc
from rfcalc.questions.sweep.evaluate import Evaluator
from rfcalc.questions.sweep.grid import space_of
from rfcalc.questions.sweep.space import Space
from tests.questions.sweep.test_designs import vgg

BLOCK = 1 << 20


def family(designs: int) -> Space:
    """Return a space of about so many designs: poolings, kernels, dense layers, sizes, and widths."""
    widths = round(designs / (2 * 2 * 3 * 20 * 42))
    over = {
        "n": range(33, 33 + 42 * 11, 11),
        "pool0": [True, False],
        "pool1": [True, False],
        "kernel": [3, 5, 7],
        "units": range(256, 256 + 20 * 64, 64),
        "width": range(4, 4 + max(widths, 1)),
    }
    return space_of(over)[0]


def swept(space: Space) -> float:
    """Work out all designs, and return the seconds that it takes."""
    evaluator = Evaluator(vgg(), space, (), {})
    begun = time.perf_counter()
    for first in range(0, space.size, BLOCK):
        for block in space.block(first, min(first + BLOCK, space.size)):
            evaluator.figures(block)
    assert evaluator.alone == 0
    return time.perf_counter() - begun


def one_by_one(work: Callable[[dict[str, Any]], object], count: int) -> float:
    """Return the seconds that each of some small designs takes, for which frameworks have memory."""
    rng = random.Random(0)
    small = {"n": range(240, 330, 11), "width": range(4, 17), "kernel": [3, 5], "units": [256, 512]}
    chosen = [{name: rng.choice(values) for name, values in small.items()} for _ in range(count)]
    begun = time.perf_counter()
    for values in chosen:
        work({**values, "pool0": 1, "pool1": 1})
    return (time.perf_counter() - begun) / count


def analysed(values: dict[str, Any]) -> object:
    return rfcalc.analyze(vgg(), parameters=values).to_dict()["totals"]


STAGES = [(2, 1), (2, 2), (3, 4), (3, 8), (3, 8)]


def in_keras(values: dict[str, Any]) -> object:
    """Build a design in Keras, and count its parameters."""
    import keras

    x = given = keras.Input((values["n"], values["n"], 3))
    for stage, (count, times) in enumerate(STAGES):
        for number in range(count):
            padding = "same" if number else "valid"
            x = keras.layers.Conv2D(times * values["width"], values["kernel"], padding=padding)(x)
        if values[f"pool{stage % 2}"]:
            x = keras.layers.MaxPool2D()(x)
    x = keras.layers.Dense(values["units"])(keras.layers.Flatten()(x))
    return keras.Model(given, keras.layers.Dense(1000)(x)).count_params()


def in_torch(values: dict[str, Any]) -> object:
    """Build a design in PyTorch without memory for weights, run it, and count its parameters."""
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    channels = 3
    with torch.device("meta"), torch.no_grad():
        for stage, (count, times) in enumerate(STAGES):
            for number in range(count):
                width, kernel = times * values["width"], values["kernel"]
                layers.append(nn.Conv2d(channels, width, kernel, padding=kernel // 2 if number else 0))
                channels = width
            if values[f"pool{stage % 2}"]:
                layers.append(nn.MaxPool2d(2))
        body = nn.Sequential(*layers, nn.Flatten())
        features = body(torch.empty(1, 3, values["n"], values["n"])).shape[1]
        whole = nn.Sequential(body, nn.Linear(features, values["units"]), nn.Linear(values["units"], 1000))
        whole(torch.empty(1, 3, values["n"], values["n"]))
    return sum(weight.numel() for weight in whole.parameters())


def measured(designs: int) -> dict[str, float]:
    """Sweep so many designs in a process of its own: seconds, and the most memory that it held, in MB."""
    script = (
        "import json, resource, sys\n"
        "from tests.benchmarks.sweeps import family, swept\n"
        "space = family(int(sys.argv[1]))\n"
        "seconds = swept(space)\n"
        "held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(json.dumps({'designs': space.size, 'seconds': seconds, 'MB': held}))\n"
    )
    command = [sys.executable, "-c", script, str(designs)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def main() -> None:
    """Print the figures."""
    runs = [measured(10**power) for power in (5, 6, 7)]
    for each in runs:
        print("{designs:>12,} designs {seconds:8.2f} s {MB:8.0f} MB".format(**each))
    single = runs[1]["seconds"] / runs[1]["designs"]
    for name, work, count in (
        ("rfcalc.analyze", analysed, 100), ("PyTorch on meta", in_torch, 100), ("Keras", in_keras, 20),
    ):  # fmt: skip
        taken = one_by_one(work, count)
        print(f"{name:16} {taken * 1e3:8.2f} ms a design, {taken / single:10,.0f} times the sweep's")


if __name__ == "__main__":
    main()

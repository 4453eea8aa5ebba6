"""Ask other tools for multiply-accumulates and parameters of three models of torchvision.

    python -m tests.benchmarks.counters [TOOL ...]

runs those that are installed and writes what they answer to counts.json; of the others the record stays.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.others import setting, told, written

RECORD = Path(__file__).with_name("counts.json")
MODELS = ("resnet50", "vit_b_16", "swin_t")

Counts = list[int | None] | str
"""Multiply-accumulates and parameters, None where it does not tell; or `error: ...`."""


@dataclass(frozen=True)
class Counter:
    name: str
    version: str
    module: str
    install: str
    run: Callable[[Any, Any], tuple[float, float | None]]

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.module) is not None


def torch_itself(model: Any, x: Any) -> tuple[float, float | None]:
    """Count by PyTorch's own counter of what runs: matrix products and convolutions, two FLOPs each."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops() / 2, sum(each.numel() for each in model.parameters())


def torch_unfused(model: Any, x: Any) -> tuple[float, float | None]:
    """Count attention by its matrix products: the counter has no rule for the fused operation of the CPU."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):
        return torch_itself(model, x)


def thop(model: Any, x: Any) -> tuple[float, float | None]:
    from thop import profile

    macs, params = profile(model, inputs=(x,), verbose=False)
    return macs, params


def ptflops(backend: str) -> Callable[[Any, Any], tuple[float, float | None]]:
    def run(model: Any, x: Any) -> tuple[float, float | None]:
        from ptflops import get_model_complexity_info

        plain = {"as_strings": False, "print_per_layer_stat": False, "backend": backend}
        macs, params = get_model_complexity_info(model, tuple(x.shape[1:]), **plain)
        return macs, params

    return run


def fvcore(model: Any, x: Any) -> tuple[float, float | None]:
    from fvcore.nn import FlopCountAnalysis, parameter_count

    return FlopCountAnalysis(model, x).total(), parameter_count(model)[""]


def torchinfo(model: Any, x: Any) -> tuple[float, float | None]:
    from torchinfo import summary

    found = summary(model, input_data=x, verbose=0)
    return found.total_mult_adds, found.total_params


def torchprofile(model: Any, x: Any) -> tuple[float, float | None]:
    from torchprofile import profile_macs

    return profile_macs(model, x), None


COUNTERS = (
    Counter("torch, unfused", "2.13.0", "torch", "pip install torch==2.13.0", torch_unfused),
    Counter("torch", "2.13.0", "torch", "pip install torch==2.13.0", torch_itself),
    Counter("fvcore", "0.1.5.post20221221", "fvcore", "pip install fvcore==0.1.5.post20221221", fvcore),
    Counter("torchprofile", "0.1.0", "torchprofile", "pip install torchprofile==0.1.0", torchprofile),
    Counter("ptflops, aten", "0.7.5", "ptflops", "pip install ptflops==0.7.5", ptflops("aten")),
    Counter("ptflops, pytorch", "0.7.5", "ptflops", "pip install ptflops==0.7.5", ptflops("pytorch")),
    Counter("torchinfo", "1.8.0", "torchinfo", "pip install torchinfo==1.8.0", torchinfo),
    Counter("thop", "0.1.1.post2209072238", "thop", "pip install thop==0.1.1.post2209072238", thop),
)


def asked(counter: Counter, name: str) -> Counts:
    """Return what a tool answers of a model, built anew, for some tools leave things behind in it."""
    import torch
    import torchvision

    def ask() -> Counts:
        model = getattr(torchvision.models, name)(weights=None).eval()
        macs, params = counter.run(model, torch.zeros(1, 3, 224, 224))
        return [int(macs), None if params is None else int(params)]

    counts: Counts = told(ask)
    return counts


def recorded() -> dict[str, Any]:
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return record


def main(names: list[str]) -> None:
    if importlib.util.find_spec("torchvision") is None:
        sys.exit("the models are torchvision's: pip install torchvision")
    logging.disable()
    warnings.simplefilter("ignore")
    record = recorded() if RECORD.exists() else {}
    for counter in COUNTERS:
        if (names and counter.name not in names) or not counter.installed:
            continue
        found = {name: asked(counter, name) for name in MODELS}
        record[counter.name] = {"version": counter.version, **setting(), "answers": found}
        print(counter.name, found)
    ordered = {each.name: record[each.name] for each in COUNTERS if each.name in record}
    RECORD.write_text(written(ordered), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

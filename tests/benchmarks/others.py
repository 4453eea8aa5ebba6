"""Put the worked cases to other tools, as they are published: only their answers are kept here.

    python -m tests.benchmarks.others [TOOL ...]

runs those that are installed and writes what they answer to accuracy.json; of the others the record stays. A
tool is asked for the field of the last layer, in the way that its own documentation shows.
"""

from __future__ import annotations

import collections
import collections.abc
import contextlib
import importlib.metadata
import importlib.util
import io
import json
import logging
import math
import platform
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tests.benchmarks.worked import CASES, Case

RECORD = Path(__file__).with_name("accuracy.json")
SEEDS = range(5)
"""Default initial weights are drawn anew with each: a tool that measures gradients may answer differently."""

Answer = list[float | str | None] | str
"""Size and stride in pixels of the input, None where it does not tell; or `error: ...`, said instead."""


@dataclass(frozen=True)
class Tool:
    name: str
    version: str
    module: str
    """What it is imported as."""
    home: str
    install: str
    how: str
    run: Callable[[Case], list[Answer]]
    measures: bool = False
    """By gradients through a model with weights, rather than by rules."""

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.module) is not None


# ---- a case as a PyTorch module, and as a TensorFlow graph -------------------------------------------------


def torch_layer(layer: dict[str, Any], channels: int, *, average: bool) -> Any:
    from torch import nn

    kind = layer["kind"]
    window = {key: layer[key] for key in ("kernel", "stride", "padding", "dilation") if key in layer}
    window["kernel_size"] = window.pop("kernel", None)
    if kind == "conv":
        return nn.Conv2d(channels, layer["filters"], **window)
    if kind == "transposed_conv":
        return nn.ConvTranspose2d(channels, layer["filters"], **window)
    if kind == "max_pool":
        return (nn.AvgPool2d if average else nn.MaxPool2d)(**window)
    if kind == "pad":
        (top, bottom), (left, right) = layer["padding"]
        return nn.ZeroPad2d((left, right, top, bottom))
    return {"global_pool": nn.AdaptiveAvgPool2d(1), "relu": nn.ReLU()}[kind]


def torch_model(case: Case, *, average: bool = False, linear: bool = False) -> Any:
    """Build the network of a case.

    With `average`, pooling averages instead of taking the maximum; with `linear`, there are no activations:
    both are what tools that measure gradients advise.
    """
    import torch
    from torch import nn

    joins: dict[str, Callable[..., Any]] = {
        "add": lambda one, other: one + other,
        "multiply": lambda one, other: one * other,
        "concat": lambda *tensors: torch.cat(tensors, 1),
    }

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = case.document["layers"]
            channels = {"input": 1}
            for layer in self.layers:
                before = [channels[name] for name in sources(layer)]
                total = sum(before) if layer["kind"] == "concat" else before[0]
                channels[layer["name"]] = layer.get("filters", total)
                if layer["kind"] in joins:
                    continue
                made = torch_layer(layer, before[0], average=average)
                if linear and layer["kind"] == "relu":
                    made = nn.Identity()
                self.add_module(layer["name"], made)

        def forward(self, x: Any) -> Any:
            tensors = {"input": x}
            for layer in self.layers:
                name, given = layer["name"], [tensors[each] for each in sources(layer)]
                op = joins.get(layer["kind"]) or getattr(self, name)
                tensors[name] = op(*given)
            self.feature_maps = [tensors[name]]  # where receptivefield looks for them
            return tensors[name]

    return Network().eval()


def sources(layer: dict[str, Any]) -> list[str]:
    inputs = layer["inputs"]
    return inputs if isinstance(inputs, list) else [inputs]


def tensorflow_graph(case: Case) -> Any:
    """Build a TensorFlow 1 graph: padding as layers of its own, no batch normalisation, no biases."""
    import tensorflow.compat.v1 as tf

    graph = tf.Graph()
    with graph.as_default():
        tensors = {"input": tf.placeholder(tf.float32, (1, case.size, case.size, 1), name="input")}
        for layer in case.document["layers"]:
            given = [tensors[name] for name in sources(layer)]
            tensors[layer["name"]] = tensorflow_layer(tf, layer, given)
    return graph


def tensorflow_layer(tf: Any, layer: dict[str, Any], given: list[Any]) -> Any:
    name, kind, x = layer["name"], layer["kind"], given[0]
    if kind in ("conv", "max_pool") and layer["padding"]:
        around = [layer["padding"]] * 2
        x = tf.pad(x, [[0, 0], around, around, [0, 0]], name=f"{name}_pad")
    if kind == "conv":
        with tf.variable_scope(f"{name}_weights"):
            shape = [layer["kernel"]] * 2 + [int(x.shape[-1]), layer["filters"]]
            kernel = tf.get_variable("kernel", shape, use_resource=False)
        stride, dilation = layer["stride"], layer["dilation"]
        return tf.nn.conv2d(
            x, kernel, [1, stride, stride, 1], "VALID", dilations=[1, dilation, dilation, 1], name=name
        )
    if kind == "transposed_conv":
        batch, height, width, channels = (int(extent) for extent in x.shape)
        with tf.variable_scope(f"{name}_weights"):
            kernel = tf.get_variable("kernel", [2, 2, layer["filters"], channels], use_resource=False)
        shape = [batch, 2 * height, 2 * width, layer["filters"]]
        return tf.nn.conv2d_transpose(x, kernel, shape, [1, 2, 2, 1], "VALID", name=name)
    if kind == "max_pool":
        k, s = layer["kernel"], layer["stride"]
        return tf.nn.max_pool(x, [1, k, k, 1], [1, s, s, 1], "VALID", name=name)
    if kind == "pad":
        return tf.pad(x, [[0, 0], *layer["padding"], [0, 0]], name=name)
    plain = {
        "relu": lambda: tf.nn.relu(x, name=name),
        "global_pool": lambda: tf.reduce_mean(x, [1, 2], keepdims=True, name=name),
        "add": lambda: tf.add(*given, name=name),
        "multiply": lambda: tf.multiply(*given, name=name),
        "concat": lambda: tf.concat(given, 3, name=name),
    }
    return plain[kind]()


def measured(case: Case, phases: int) -> list[set[int]]:
    """Measure what outputs in the middle depend on along one axis, by gradients, with nothing left to chance.

    All weights are positive and so is the input: no activation is off and nothing cancels. Pooling averages,
    and so passes on all that it reads. In double precision no path gets lost.
    """
    import torch

    model = torch_model(case, average=True).double()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            weights.fill_(0.0 if name.endswith("bias") else 1.0 / weights[0].numel())
    x = torch.ones(1, 1, case.size, case.size, dtype=torch.float64, requires_grad=True)
    y = model(x)[0, 0]
    middle = y.shape[0] // 2
    found = []
    for place in range(middle, middle + phases):
        (gradient,) = torch.autograd.grad(y[place, middle], x, retain_graph=True)
        found.append(set(gradient[0, 0].any(1).nonzero().flatten().tolist()))
    return found


# ---- the tools ---------------------------------------------------------------------------------------------


def pair(size: Any, stride: Any = None) -> Answer:
    return [plain(size), None if stride is None else plain(stride)]


def plain(figure: Any) -> float | str:
    figure = float(figure[0] if isinstance(figure, tuple) else figure)
    if not math.isfinite(figure):
        return str(figure)  # JSON has no number for it
    return int(figure) if figure.is_integer() else figure


def google(case: Case) -> list[Answer]:
    import receptive_field

    graph = tensorflow_graph(case).as_graph_def()
    found = receptive_field.compute_receptive_field_from_graph_def(
        graph, "input", case.last, input_resolution=[case.size, case.size]
    )
    size, _, stride, *_ = found
    return [pair(size, stride)]


def pytorch_receptive_field(case: Case) -> list[Answer]:
    from torch_receptive_field import receptive_field

    found = receptive_field(torch_model(case), (1, case.size, case.size), device="cpu")
    *_, last = (key for key in found if key.isdigit())
    return [pair(found[last]["r"], found[last]["j"])]


def torchscan(case: Case) -> list[Answer]:
    from torchscan import crawl_module

    found = crawl_module(torch_model(case), (1, case.size, case.size))
    end = found["layers"][-1]
    return [pair(end["rf"], end["s"])]


def rfa_toolbox(case: Case) -> list[Answer]:
    if not hasattr(collections, "Sequence"):  # it asks for this old name, which Python 3.10 took away
        collections.Sequence = collections.abc.Sequence  # type: ignore[attr-defined]
    from rfa_toolbox import create_graph_from_pytorch_model

    graph = create_graph_from_pytorch_model(torch_model(case), input_res=(1, 1, case.size, case.size))
    (end,) = (node for node in graph.all_layers if not node.succecessors)
    return [pair(end.receptive_field_max, end.get_maximum_scale_factor())]


def rf_calc(case: Case) -> list[Answer]:
    import rf_calc as tool

    found = tool.receptive_field(torch_model(case), case.size)
    return [pair(found["Receptive_field"].iloc[-1].split("*")[0])]


def seeded(ask: Callable[[], Answer]) -> list[Answer]:
    import torch

    answers = list[Answer]()
    for seed in SEEDS:
        torch.manual_seed(seed)
        answers.append(told(ask))
    return answers


def easy_receptive_fields(case: Case) -> list[Answer]:
    from easy_receptive_fields import receptivefield

    def ask() -> Answer:
        found = receptivefield(torch_model(case), (1, 1, case.size, case.size))
        return pair(found.rfsize.h, found.stride.y)

    return seeded(ask)


def receptivefield(case: Case, **settings: Any) -> list[Answer]:
    from receptivefield.pytorch import PytorchReceptiveField

    def ask() -> Answer:
        tool = PytorchReceptiveField(lambda: torch_model(case, **settings))
        (found,) = tool.compute([case.size, case.size, 1])
        return pair(found.rf.size.h, found.rf.stride[1])

    return seeded(ask)


def receptivefield_advised(case: Case) -> list[Answer]:
    return receptivefield(case, average=True, linear=True)


TOOLS = (
    Tool(
        "receptive_field",
        "1.1 at f12ae8e",
        "receptive_field",
        "https://github.com/google-research/receptive_field",
        "pip install tensorflow-cpu==2.21.0 git+https://github.com/google-research/receptive_field@f12ae8e",
        "by rules, over a TensorFlow graph",
        google,
    ),
    Tool(
        "pytorch-receptive-field",
        "at 0aeb7f8",
        "torch_receptive_field",
        "https://github.com/Fangyh09/pytorch-receptive-field",
        "pip install git+https://github.com/Fangyh09/pytorch-receptive-field@0aeb7f8",
        "by rules, over modules in the order in which they run",
        pytorch_receptive_field,
    ),
    Tool(
        "torchscan",
        "0.1.2",
        "torchscan",
        "https://github.com/frgfm/torch-scan",
        "pip install --no-deps torchscan==0.1.2",
        "by rules, over modules in the order in which they run",
        torchscan,
    ),
    Tool(
        "rfa-toolbox",
        "1.7.0",
        "rfa_toolbox",
        "https://github.com/MLRichter/receptive_field_analysis_toolbox",
        "pip install --no-deps --ignore-requires-python rfa-toolbox==1.7.0",
        "by rules, over a traced graph",
        rfa_toolbox,
    ),
    Tool(
        "rf-calc",
        "0.0.7",
        "rf_calc",
        "https://pypi.org/project/rf-calc/0.0.7/",
        "pip install rf-calc==0.0.7",
        "by rules, over the printed text of a module",
        rf_calc,
    ),
    Tool(
        "receptivefield",
        "0.5.0",
        "receptivefield",
        "https://github.com/shelfwise/receptivefield",
        "pip install 'pip<24.1'; pip install --no-deps receptivefield==0.5.0",
        "by gradients, the model as it is",
        receptivefield,
        measures=True,
    ),
    Tool(
        "receptivefield, advised",
        "0.5.0",
        "receptivefield",
        "https://github.com/shelfwise/receptivefield#some-remarks",
        "pip install 'pip<24.1'; pip install --no-deps receptivefield==0.5.0",
        "by gradients, with no activations and with average pooling, as it advises",
        receptivefield_advised,
        measures=True,
    ),
    Tool(
        "easy-receptive-fields-pytorch",
        "at f00083a",
        "easy_receptive_fields",
        "https://github.com/jotaf98/easy-receptive-fields-pytorch",
        "git clone https://github.com/jotaf98/easy-receptive-fields-pytorch; "
        "its receptivefield.py at f00083a on the path as easy_receptive_fields.py",
        "by gradients that go round activations and maxima",
        easy_receptive_fields,
        measures=True,
    ),
)


def told(ask: Callable[[], Any]) -> Any:
    """Return what a tool answers, or the error that it ends with."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return ask()
    except Exception as error:  # whatever a tool raises is its answer
        return f"error: {type(error).__name__}: {' '.join(str(error).split())[:200]}"


def answers(tool: Tool, case: Case) -> list[Answer]:
    found = told(lambda: tool.run(case))
    return [found] if isinstance(found, str) else found


def setting() -> dict[str, str]:
    """Return what the answers were had with."""
    packages = ("torch", "tensorflow-cpu", "numpy")
    have = {name: version(name) for name in packages}
    known = {name: found for name, found in have.items() if found is not None}
    return {"date": date.today().isoformat(), "python": platform.python_version(), **known}


def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def recorded() -> dict[str, Any]:
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return record


def written(record: dict[str, Any]) -> str:
    """Return JSON with the answers to a case on one line."""
    text = json.dumps(record, indent=1)
    return re.sub(r'(?<=": )\[[^{}]*?\n   \]', lambda found: re.sub(r"\n *", " ", found[0]), text) + "\n"


def main(names: list[str]) -> None:
    logging.disable()
    warnings.simplefilter("ignore")
    record = recorded() if RECORD.exists() else {}
    for tool in TOOLS:
        if (names and tool.name not in names) or not tool.installed:
            continue
        found = {case.key: answers(tool, case) for case in CASES}
        record[tool.name] = {"version": tool.version, **setting(), "answers": found}
        print(tool.name, found)
        ordered = {each.name: record[each.name] for each in TOOLS if each.name in record}
        RECORD.write_text(written(ordered), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

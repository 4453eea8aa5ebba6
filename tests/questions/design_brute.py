"""Every stack of a small grammar, analysed one by one: what `rfcalc.design` is held to.

Nothing here is shared with the search: the order of stacks is written down once more, from docs/design.md,
and all figures are those of `rfcalc.analyze` for the whole model.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import rfcalc

Option = tuple[str, dict[str, int]]


class Stack(NamedTuple):
    """A stack that can be built: its number, and what the analysis says of it."""

    number: int
    params: int
    macs: int
    layers: int
    activations: int
    peak: int
    field: tuple[int | None, ...]
    stride: tuple[int, ...]
    output: tuple[int, ...]


def combinations(choices: Mapping[str, Sequence[int]]) -> list[dict[str, int]]:
    return [dict(zip(choices, each, strict=True)) for each in product(*choices.values())]


def follows(blocks: Mapping[str, Any], names: Sequence[str]) -> bool:
    """Tell whether blocks may stand in that order."""
    for place, name in enumerate(names):
        before = names[place - 1] if place else "start"
        if before not in blocks[name].get("after", [before]):
            return False
        run = blocks[name].get("most", place + 1) + 1
        if place + 1 >= run and set(names[place + 1 - run : place + 1]) == {name}:
            return False
    return True


def choices_of(grammar: Mapping[str, Any]) -> Iterator[tuple[dict[str, int], list[Option]]]:
    """Yield all stacks in order: what is chosen for the whole, and the parts with their choices."""
    blocks = grammar["blocks"]
    options = [(name, chosen) for name, b in blocks.items() for chosen in combinations(b.get("choices", {}))]
    stems = heads = [[]]
    if "stem" in grammar:
        stems = [[("stem", each)] for each in combinations(grammar["stem"].get("choices", {}))]
    if "head" in grammar:
        heads = [[("head", each)] for each in combinations(grammar["head"].get("choices", {}))]
    for length in range(1, grammar["most_blocks"] + 1):
        for chosen, stem, *middle, head in product(
            combinations(grammar.get("choices", {})), stems, *[options] * length, heads
        ):
            if follows(blocks, [name for name, _ in middle]):
                yield chosen, [*stem, *middle, *head]


class Enumerator:
    """Analyses every stack of a grammar at an input."""

    def __init__(self, grammar: Mapping[str, Any], shape: Sequence[int]) -> None:
        self.grammar, self.shape = grammar, list(shape)
        self._channels: dict[str, int | None] = {}

    def _document(self, uses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        names = {use["block"] for use in uses}
        blocks = {
            name: {key: each[key] for key in ("layers", "output") if key in each}
            for name in names
            for each in [self.grammar[name] if name in ("stem", "head") else self.grammar["blocks"][name]]
        }
        for use in uses:
            blocks[use["block"]]["arguments"] = [name for name in use if name not in ("block", "name")]
        return {"rfcalc": 1, "input": self.shape, "blocks": blocks, "layers": list(uses)}

    def channels(self, uses: Sequence[Mapping[str, Any]]) -> int | None:
        """Return the channels behind some parts; None where they cannot be built."""
        if not uses:
            return self.shape[-1]
        key = repr(uses)
        if key not in self._channels:
            try:
                found = rfcalc.analyze(self._document(uses))
                shape = found.rows[-1].output_shape
                self._channels[key] = None if shape is None else int(shape[-1])
            except rfcalc.RfcalcError:
                self._channels[key] = None
        return self._channels[key]

    def uses(self, chosen: Mapping[str, int], parts: Sequence[Option]) -> list[dict[str, Any]] | None:
        """Return the entries of a model; None where a part of it cannot be built."""
        uses: list[dict[str, Any]] = []
        reductions = 0
        for place, (name, own) in enumerate(parts):
            channels = self.channels(uses)
            if channels is None:
                return None
            part = self.grammar[name] if name in ("stem", "head") else self.grammar["blocks"][name]
            values = {**chosen, **own}
            reductions += eval(str(part.get("reduces", 0)), {"min": min, "max": max}, values)
            values.update(channels=channels, reductions=reductions)
            if "width" in self.grammar:
                values["width"] = eval(str(self.grammar["width"]), {"min": min, "max": max}, values)
            uses.append({"block": name, "name": f"p{place}", **values})
        return uses

    def __iter__(self) -> Iterator[Stack]:
        for number, (chosen, parts) in enumerate(choices_of(self.grammar)):
            uses = self.uses(chosen, parts)
            if uses is None:
                continue
            document = self._document(uses)
            try:
                graph = rfcalc.load(document)
                found = rfcalc.analyze(graph)
            except rfcalc.RfcalcError:
                continue
            last = [f"p{place}" for place, (name, _) in enumerate(parts) if name != "head"][-1]
            row = found.layer(graph.blocks[last,].outputs[0][0])
            peak, totals = found.footprint.peak, found.totals
            assert row.status == "exact"
            assert peak is not None
            costs = (totals.params.total, totals.macs, totals.layers, found.footprint.activations, peak.bytes)
            yield Stack(number, *costs, row.receptive_field, row.effective_stride, row.spatial)


# ---- grammars to try ---------------------------------------------------------------------------------------

CONV = {"kind": "conv", "filters": "width", "kernel": "kernel", "padding": "same"}
BLOCKS: Mapping[str, Any] = {
    "plain": {"choices": {"kernel": [1, 3, 5]}, "layers": [CONV, "relu"]},
    "valid": {"choices": {"kernel": [2, 4]}, "layers": [{**CONV, "padding": "valid"}]},
    "dilated": {"choices": {"dilation": [2, 3]}, "layers": [{**CONV, "kernel": 3, "dilation": "dilation"}]},
    "separable": {
        "choices": {"kernel": [3, 7]},
        "layers": [
            {"kind": "depthwise_conv", "kernel": "kernel", "padding": "same"},
            {"kind": "conv", "filters": "2 * width", "kernel": 1},
        ],
    },
    "residual": {
        "layers": [
            {**CONV, "kernel": 3},
            "relu",
            {**CONV, "kernel": 3},
            {"kind": "add", "inputs": ["conv_2", "input"]},
        ]
    },
    "projected": {
        "choices": {"stride": [1, 2]},
        "reduces": "stride - 1",
        "layers": [
            {**CONV, "name": "a", "kernel": 3, "stride": "stride"},
            {**CONV, "name": "b", "kernel": 1, "stride": "stride", "inputs": "input"},
            {"kind": "add", "inputs": ["a", "b"]},
        ],
    },
    "inverted": {
        "choices": {"expand": [2, 3]},
        "layers": [
            {"kind": "conv", "filters": "expand * channels", "kernel": 1},
            {"kind": "depthwise_conv", "kernel": 3, "padding": "same"},
            {"kind": "conv", "filters": "channels", "kernel": 1, "name": "out"},
            {"kind": "add", "inputs": ["out", "input"]},
        ],
    },
    "gated": {
        "layers": [
            {**CONV, "kernel": 3, "name": "seen"},
            {"kind": "gap", "keepdims": True},
            {"kind": "linear", "units": "width"},
            "sigmoid",
            {"kind": "multiply", "inputs": ["seen", "sigmoid_1"]},
        ]
    },
    "pooled": {"most": 1, "reduces": 1, "layers": [{"kind": "max_pool", "kernel": 2}]},
    "averaged": {"reduces": 1, "layers": [{"kind": "avg_pool", "kernel": 3, "stride": 2, "padding": "same"}]},
    "strided": {"choices": {"kernel": [3, 4]}, "reduces": 1, "layers": [{**CONV, "stride": 2}, "relu"]},
    "dropped": {"layers": ["dropout", {"kind": "conv", "filters": "channels", "kernel": 2}]},
}  # fmt: skip
STEMS: Sequence[Any] = (
    {"layers": [{**CONV, "kernel": 3}]},
    {"choices": {"kernel": [1, 5]}, "layers": [CONV, {"kind": "max_pool", "kernel": 2}], "reduces": 1},
)
HEADS: Sequence[Any] = (
    {"layers": ["gap", {"kind": "linear", "units": 5}]},
    {"choices": {"units": [2, 9]}, "layers": ["flatten", {"kind": "linear", "units": "units"}]},
)


def grammar_of(seed: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Make up a grammar of a few hundred stacks, and an input."""
    chance = random.Random(seed)
    names = chance.sample(list(BLOCKS), 3)
    blocks = {name: dict(BLOCKS[name]) for name in sorted(names)}
    if chance.random() < 0.4:
        name = chance.choice(names)
        blocks[name]["after"] = chance.sample([*names, "start"], 2)
    if chance.random() < 0.3:
        blocks[chance.choice(names)]["most"] = chance.choice([1, 2])
    grammar: dict[str, Any] = {
        "rfcalc-grammar": 1,
        "choices": {"first": chance.sample([1, 2, 3, 4], 2)} if chance.random() < 0.6 else {"first": [2]},
        "width": chance.choice(["min(first * 2 ** reductions, 6)", "first + reductions", "first"]),
        "most_blocks": 3,
        "blocks": blocks,
    }
    if chance.random() < 0.4:
        grammar["stem"] = chance.choice(STEMS)
    if chance.random() < 0.4:
        grammar["head"] = chance.choice(HEADS)
    options = sum(len(combinations(block.get("choices", {}))) for block in blocks.values())
    if options > 5:
        grammar["most_blocks"] = 2
    elif options < 4:
        grammar["most_blocks"] = 4
    shape = chance.choice([(8, 8, 2), (12, 9, 2), (11, 3), (20, 1), (5, 16, 2)])
    return grammar, shape


def targets_of(stacks: Sequence[Stack], chance: random.Random) -> dict[str, str]:
    """Make up targets near what some stack comes to, often such as can just be met, or just not."""
    figures = ("field", "output", "stride", "params", "macs", "layers", "activations", "peak")
    found = {}
    for figure in chance.sample(figures, chance.choice([1, 2, 2, 3, 4])):
        value = getattr(chance.choice(stacks), figure)
        sizes = [value] if isinstance(value, int) else [30 if size is None else size for size in value]
        comparison = chance.choice([">=", ">=", "=", ">", "<="] if figure in ("field", "output") else
                                   ["<=", "<=", "<=", ">=", "=", "<"])  # fmt: skip
        off = chance.choice([0, 0, 0, 1, -1])
        found[figure] = comparison + "x".join(str(max(0, size + off)) for size in sizes)
    return found

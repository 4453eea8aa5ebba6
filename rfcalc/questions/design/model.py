"""The model file of a stack, in rfcalc's own format."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rfcalc.questions.design.blocks import Costs, Effect, Site
from rfcalc.questions.design.grammar import Part, Values
from rfcalc.questions.design.numbering import Choice
from rfcalc.questions.design.space import Space
from rfcalc.records import NamedTuple

_LONGEST: Final = 80
"""Characters of a grammar's name, and digits of a number, in the name of a model."""


class Use(NamedTuple):
    """A part where it stands in a stack.

    Parameters
    ----------
    part : Part
        The part.
    chosen : mapping
        Its choices.
    settings : mapping
        What the names in its layers stand for.
    site : Site
        Where it stands.
    effect : Effect, optional
        What it does; None of a head.
    costs : tuple of int
        What it costs.
    """

    part: Part
    chosen: Values
    settings: Values
    site: Site
    effect: Effect | None
    costs: Costs


def uses_of(space: Space, choice: Choice) -> list[Use] | None:
    """Return the parts of a stack in order; None where it cannot be built."""
    grammar, blocks = space.grammar, space.blocks
    site = Site(choice.globals, blocks.start, 0)
    parts: list[tuple[Part, Values]] = []
    if grammar.stem is not None:
        parts.append((grammar.stem, grammar.stem.options[choice.stem]))
    parts += [grammar.options[each][1:] for each in choice.options]
    uses: list[Use] = []
    for part, chosen in parts:
        effect = blocks.effect(part, chosen, site)
        if effect is None:
            return None
        uses.append(Use(part, chosen, blocks.settings(part, chosen, site), site, effect, effect.costs))
        site = Site(choice.globals, effect.map, blocks.reductions(part, chosen, site))
    if grammar.head is not None:
        chosen = grammar.head.options[choice.head]
        costs = blocks.head(chosen, site)
        if costs is None:
            return None
        uses.append(Use(grammar.head, chosen, blocks.settings(grammar.head, chosen, site), site, None, costs))
    return uses


def names_of(uses: Sequence[Use]) -> list[str]:
    """Return what the parts of a stack are called in its model: by block, and the how many it is."""
    counts: Counter[str] = Counter()
    names = []
    for use in uses:
        counts[use.part.name] += 1
        names.append(f"{use.part.name}_{counts[use.part.name]}")
    return names


def model_of(space: Space, number: int, uses: Sequence[Use]) -> dict[str, Any]:
    """Return the model of a stack as a document."""
    grammar = space.grammar
    name = f"{grammar.name[:_LONGEST]}-{str(number)[:_LONGEST]}"
    head: dict[str, Any] = {"rfcalc": 1, "name": name}
    if grammar.layout != "channels_last":
        head["layout"] = grammar.layout
    head["input"] = list(space.blocks.shape)
    used = {use.part.name: use.part.definition for use in uses}
    names = names_of(uses)
    layers = [
        {"block": use.part.name, "name": name, **use.settings} for use, name in zip(uses, names, strict=True)
    ]
    return {**head, "blocks": used, "layers": layers}


def text_of(document: dict[str, Any]) -> str:
    """Write a model as JSON, with a line for each block and each layer."""
    return "{\n" + ",\n".join(_entries(document)) + "\n}\n"


def _entries(document: dict[str, Any]) -> Iterator[str]:
    for key, value in document.items():
        if key == "blocks":
            inside = ",\n".join(f"    {json.dumps(name)}: {json.dumps(each)}" for name, each in value.items())
            yield f"  {json.dumps(key)}: {{\n{inside}\n  }}"
        elif key == "layers":
            inside = ",\n".join(f"    {json.dumps(each)}" for each in value)
            yield f"  {json.dumps(key)}: [\n{inside}\n  ]"
        else:
            yield f"  {json.dumps(key)}: {json.dumps(value)}"

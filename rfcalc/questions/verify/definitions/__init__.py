"""What each kind of layer is, by enumeration, sharing nothing with the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

from rfcalc.algebra.number import is_known
from rfcalc.graph.layer import BATCH, Stage, TensorSpec, walk
from rfcalc.questions.verify.definitions import mixes, moves, windows  # noqa: F401  they enter themselves
from rfcalc.questions.verify.definitions.given import DEFINITIONS, Given, NotDefined
from rfcalc.questions.verify.sets import Sets, united
from rfcalc.rules.apply import apply_rule
from rfcalc.rules.registry import REQUIRED, find


def settings_of(kind: str, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a layer with the defaults of its kind."""
    known = find(kind)
    defaults = {} if known is None else {k: v for k, v in known.defaults.items() if v is not REQUIRED}
    return {**defaults, **{name: value for name, value in attrs.items() if value is not None}}


def defined(whole: Stage, inputs: Sequence[Sets], specs: Sequence[TensorSpec]) -> list[Sets]:
    """Return what the outputs of a layer depend on, by its definition.

    Parameters
    ----------
    whole : Stage
        The layer.
    inputs : sequence of Sets
        What its inputs depend on.
    specs : sequence of TensorSpec
        The same inputs as tensors, for what their axes are.

    Raises
    ------
    NotDefined
        There is no definition of the kind, or none with these settings.
    """
    if not whole.extras.walked:
        return _alone(whole, inputs, specs)

    def step(stage: Stage, given: list[Tagged]) -> list[Tagged]:
        made = defined(stage, [sets for sets, _ in given], [spec for _, spec in given])
        return tagged(stage, given, made)

    given = list(zip(inputs, specs, strict=True))
    return [sets for sets, _ in walk(whole, given, partial(constant, outside=inputs[0].outside), step)]


Tagged = tuple[Sets, TensorSpec]
"""What a tensor depends on, and the tensor, of which the roles of the axes are used alone."""


def constant(spec: TensorSpec, outside: int) -> Tagged:
    """Return a constant among the inputs of a layer, which depends on nothing."""
    return Sets.nothing([int(extent) if is_known(extent) else 1 for extent in spec.shape], outside), spec


def tagged(stage: Stage, given: Sequence[Tagged], made: Sequence[Sets]) -> list[Tagged]:
    """Return the outputs of a step, all with the roles of the first, which alone a further step takes."""
    known = find(stage.kind)
    if known is None:
        raise NotDefined(f"the kind {stage.kind!r}")
    first = apply_rule(known, stage.attrs, [spec for _, spec in given], stage.extras).outputs[0]
    return [(sets, first) for sets in made]


def _alone(whole: Stage, inputs: Sequence[Sets], specs: Sequence[TensorSpec]) -> list[Sets]:
    """Return what the outputs of one step depend on."""
    extras, given = whole.extras, list(inputs)
    hidden = len(given) - extras.masks
    scored = hidden - extras.biases
    plain = scored - extras.gates
    for gate in given[plain:scored]:  # one more feature of each step
        wide = gate.insert(range(len(gate.shape), len(given[0].shape)))
        given[0] = united(given[0], wide.stretch(given[0].shape))
    outputs = _led(whole, given[:plain], specs[:plain])
    for bias in given[scored:hidden]:  # a row of scores for each query
        row = bias.whole(len(bias.shape) - 1, 1)
        outputs = [united(each, row) for each in outputs]
    if extras.softmax:
        outputs = [each.whole(len(each.shape) - 1) if each.shape else each for each in outputs]
    if given[hidden:]:
        outputs = [each.covering(given[hidden:]) for each in outputs]
    return [each.squashed() for each in outputs]


def _led(whole: Stage, inputs: Sequence[Sets], specs: Sequence[TensorSpec]) -> list[Sets]:
    """Repeat a layer over the axes behind the batch: put these aside, and bring them back."""
    kind, attrs, lead = whole.kind, whole.attrs, whole.extras.lead
    function = DEFINITIONS.get(kind)
    if function is None:
        raise NotDefined(f"the kind {kind!r}")
    settings = settings_of(kind, attrs)
    apart, roles = inputs, [spec.axes for spec in specs]
    if lead:  # the batch takes them in
        apart = [x.reshape((prod(x.shape[: lead + 1]), *x.shape[lead + 1 :])) for x in inputs]
        roles = [BATCH + axes[lead + 1 :] for axes in roles]
    made = function(Given(kind, settings, roles), *apart)
    outputs = made if isinstance(made, list) else [made]
    first = inputs[0].shape[: lead + 1]
    return [each.reshape((*first, *each.shape[1:])) if lead else each for each in outputs]

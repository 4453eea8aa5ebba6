"""Apply a kind's rule to a layer: find it, run it below extra batch-like axes, name the layer in errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rfcalc.algebra.number import Num, is_one, prod
from rfcalc.algebra.steps import AtMost, Broadcast, Cover, Insert, Mix, Reduce, under
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import BATCH, PLAIN, Extras, Stage, TensorSpec, walk
from rfcalc.records import NamedTuple
from rfcalc.rules.registry import Call, Kind, Parameter, Path, Result, find
from rfcalc.rules.roles import is_single, shared_fold
from rfcalc.rules.samples import samples_meet, without_batch


def apply_rule(
    kind: Kind, attrs: Mapping[str, Any], inputs: Sequence[TensorSpec], extras: Extras = PLAIN
) -> Result:
    """Run the rule of `kind` on settings and input tensors, with what the operation does besides.

    Raises
    ------
    AnalysisError
        The layer does not fit its inputs.
    """
    if extras.plain and not _is_folded(inputs):  # as most layers are
        return kind.rule(Call(kind, attrs, inputs))
    if extras.walked:
        return _apply_steps(Stage(kind.name, attrs, extras), inputs)
    if extras.unsure:
        return doubted(apply_rule(kind, attrs, inputs, extras._replace(unsure="")), extras.unsure)
    hidden = len(inputs) - extras.masks
    scored = hidden - extras.biases
    plain = scored - extras.gates
    result = _apply_unfolded(kind, attrs, inputs[:plain], extras)
    if plain == len(inputs) and not extras.softmax:
        return result
    paths = []
    for spec, own in zip(result.outputs, result.paths, strict=True):
        scores = [_of_bias(k, inputs[k], spec) for k in range(scored, hidden)]
        for k in range(plain, scored):
            gate = _of_gate(k, inputs[k], inputs[0])
            scores += [gate.then(path) for path in own if path.input == 0]
        mix = (Mix((len(spec.shape) - 1,)),) if extras.softmax and spec.shape else ()
        cover = Cover(spec.shape, "how a mask that depends on the input is used is not followed")
        mixed = (path.then(Path(0, mix)) for path in (*own, *scores))
        paths.append((*mixed, *(Path(k, (cover,)) for k in range(hidden, len(inputs)))))
    return result._replace(paths=tuple(paths))


class RuleMemo:
    """Rules as they were applied, so that layers which are alike in kind, settings and inputs share a result.

    Examples
    --------
    >>> relu, memo, map_ = find("activation"), RuleMemo(), TensorSpec((1, 4, 4, 8), "bssc")
    >>> memo.apply(relu, {}, (map_,)) is memo.apply(relu, {}, (map_,))
    True
    """

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Result] = {}

    def apply(
        self, kind: Kind, attrs: Mapping[str, Any], inputs: Sequence[TensorSpec], extras: Extras = PLAIN
    ) -> Result:
        """Return what `apply_rule` does, or did for the same kind, settings and inputs."""
        key: tuple[object, ...] = (kind.name, tuple(attrs.items()), tuple(inputs))
        if not extras.plain:  # few are, and a hash takes its time
            key = (*key, extras)
        try:
            found = self._known.get(key)
        except TypeError:  # a setting that is a table of its own
            return apply_rule(kind, attrs, inputs, extras)
        if found is None:
            found = self._known[key] = apply_rule(kind, attrs, inputs, extras)
        return found


def _of_bias(place: int, bias: TensorSpec, output: TensorSpec) -> Path:
    """Let each query read what is added to its scores, (..., queries, keys)."""
    return Path(place, (Reduce((len(bias.shape) - 1,), keep=True), Broadcast(output.shape)))


def _of_gate(place: int, gate: TensorSpec, gated: TensorSpec) -> Path:
    """Let each element read what says whether it counts, wherever the element itself is read."""
    more = tuple(range(len(gate.shape), len(gated.shape)))
    return Path(place, (*((Insert(more),) if more else ()), Broadcast(gated.shape)))


def doubted(result: Result, reason: str) -> Result:
    """Return a result in which all that a layer reads is a bound, for a reason."""
    doubt = Path(0, (AtMost(reason),))
    paths = tuple(tuple(path.then(doubt) for path in own) for own in result.paths)
    return result._replace(paths=paths)


class _Carried(NamedTuple):
    """A tensor between two steps, and how it depends on the inputs of the whole operation."""

    spec: TensorSpec
    paths: tuple[Path, ...] = ()
    gated: tuple[Path, ...] | None = None


def _apply_steps(whole: Stage, inputs: Sequence[TensorSpec]) -> Result:
    """Run the rule of each step of an operation, and put their paths together."""
    made: list[Result] = []

    def step(stage: Stage, given: list[_Carried]) -> list[_Carried]:
        kind = find(stage.kind)
        if kind is None:
            raise AnalysisError(f"no rule for {stage.kind!r}")
        result = apply_rule(kind, stage.attrs, [each.spec for each in given], stage.extras)
        made.append(result)
        before = [each.paths for each in given]
        gated = result.gated
        if gated is not None or any(each.gated is not None for each in given):
            inner = [each.paths if each.gated is None else each.gated for each in given]
            gated = _joined(inner, result.paths[0] if gated is None else gated)
        return [
            _Carried(spec, _joined(before, paths), gated)
            for spec, paths in zip(result.outputs, result.paths, strict=True)
        ]

    given = [_Carried(spec, (Path(place),)) for place, spec in enumerate(inputs)]
    outputs = walk(whole, given, _Carried, step)
    return Result(
        tuple([each.spec for each in outputs]),
        tuple([each.paths for each in outputs]),
        tuple([weight for result in made for weight in result.weights]),
        sum([result.macs for result in made], start=0),
        outputs[0].gated,
        made[-1 - len(whole.extras.then)].gate,
    )


def _joined(before: Sequence[Sequence[Path]], paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the paths of a step behind those to its inputs."""
    return tuple([first.then(path) for path in paths for first in before[path.input]])


def _is_folded(inputs: Sequence[TensorSpec]) -> bool:
    """Tell whether positions of one sample lie in a batch axis."""
    return not all(map(is_one, [spec.folded for spec in inputs]))


def _apply_unfolded(
    kind: Kind, attrs: Mapping[str, Any], inputs: Sequence[TensorSpec], extras: Extras
) -> Result:
    """Run the rule on one of the parts that a reshape folded into the batch axis, and count them all."""
    if not _is_folded(inputs):
        return _apply(kind, attrs, inputs, extras)
    merged = next((spec.merged for spec in inputs if spec.merged), ())
    if kind.folds:
        result = _apply(kind, attrs, inputs, extras)
        return result._replace(outputs=tuple(_remembered(spec, inputs) for spec in result.outputs))
    folded = shared_fold(inputs)
    result = _apply(kind, attrs, [replace(spec, folded=1, merged=()) for spec in inputs], extras)
    if _joins_folded(result, inputs):  # with one sample, all that the batch axis holds are its positions
        return _apply(kind, attrs, [without_batch(spec) for spec in inputs], extras)
    outputs = tuple(
        replace(spec, folded=folded, merged=merged) if BATCH in spec.axes else spec for spec in result.outputs
    )
    return result._replace(outputs=outputs, macs=result.macs * folded)


def _joins_folded(result: Result, inputs: Sequence[TensorSpec]) -> bool:
    """Tell whether a rule mixes along the batch axis of tensors of one sample, or makes positions of it."""
    if not all(map(is_single, inputs)):
        return False
    # an output without a batch axis: another input has positions where this one has the batch axis
    if any(BATCH not in spec.axes for spec in result.outputs):
        return True
    return any(samples_meet(inputs[path.input], path.steps) for paths in result.paths for path in paths)


def _remembered(spec: TensorSpec, inputs: Sequence[TensorSpec]) -> TensorSpec:
    """Keep in mind what the batch axis is made of, where the rule left it as it was."""
    if spec.merged or is_one(spec.folded):
        return spec
    for given in inputs:
        same = given.folded is spec.folded or given.folded == spec.folded
        if given.merged and same and given.axes.count(BATCH) == spec.axes.count(BATCH) == 1:
            return replace(spec, merged=given.merged)
    return spec


def _apply(kind: Kind, attrs: Mapping[str, Any], inputs: Sequence[TensorSpec], extras: Extras) -> Result:
    """Run the rule, and say what becomes of its weights."""
    lead = extras.lead
    result = _led(kind, attrs, inputs, lead) if lead else kind.rule(Call(kind, attrs, inputs))
    if extras.constant:
        return result._replace(weights=())
    if extras.quantised is not None:
        from rfcalc.rules.quantised import quantised  # few models have any

        result = result._replace(weights=quantised(kind.name, attrs, result.weights, *extras.quantised))
    return result if extras.lora is None else _adapted(result, extras.lora)


def _led(kind: Kind, attrs: Mapping[str, Any], inputs: Sequence[TensorSpec], lead: int) -> Result:
    """Run the rule below the axes that lead."""
    for spec in inputs:
        if len(spec.shape) < lead + 2:
            raise AnalysisError(f"repeating a layer over {lead} axes needs more axes than {len(spec.shape)}")
    # a constant among the inputs is the same along them
    first = next((s for s in inputs if not all(map(is_one, s.shape[1 : lead + 1]))), inputs[0])
    extents, roles = first.shape[1 : lead + 1], first.axes[1 : lead + 1]
    stripped = [TensorSpec(_without(s.shape, lead), s.axes[0] + s.axes[lead + 1 :], s.dtype) for s in inputs]
    result = kind.rule(Call(kind, attrs, stripped))

    def lifted(path: Path) -> Path:
        apart = None if path.apart is None else tuple(under(step, extents) for step in path.apart)
        return Path(path.input, tuple(under(step, extents) for step in path.steps), apart)

    outputs = tuple(
        TensorSpec((*s.shape[:1], *extents, *s.shape[1:]), s.axes[0] + roles + s.axes[1:], s.dtype)
        for s in result.outputs
    )
    return Result(
        outputs,
        tuple(tuple(map(lifted, paths)) for paths in result.paths),
        result.weights,
        result.macs * prod(extents),
        None if result.gated is None else tuple(map(lifted, result.gated)),
        result.gate,
    )


def _adapted(result: Result, rank: Num) -> Result:
    """Freeze the kernel and add a product of two thin ones in its place to train (LoRA, Hu et al. 2021)."""
    kernel, *others = result.weights
    thin = (
        Parameter("lora_a", (*kernel.shape[:-1], rank)),
        Parameter("lora_b", (rank, kernel.shape[-1])),
    )
    return result._replace(weights=(kernel._replace(trainable=False), *others, *thin))


def _without(shape: tuple[Any, ...], lead: int) -> tuple[Any, ...]:
    return (*shape[:1], *shape[lead + 1 :])

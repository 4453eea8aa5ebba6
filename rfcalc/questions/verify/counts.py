"""Parameters and multiply-accumulates by definition: tensor by tensor, product by product."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, Final, TypeAlias

from rfcalc.graph.layer import Stage, TensorSpec, walk
from rfcalc.questions.verify.definitions import Tagged, constant, defined, settings_of, tagged
from rfcalc.questions.verify.definitions.given import Given
from rfcalc.questions.verify.definitions.mixes import terms_of
from rfcalc.questions.verify.sets import Sets
from rfcalc.records import NamedTuple

Shape = tuple[int, ...]


class Counts(NamedTuple):
    """What a layer holds and computes.

    Parameters
    ----------
    trained, stored : tuple of shapes
        The tensors that training changes, the kernel first, and those that it leaves or only moves along.
    macs : int
        Multiply-accumulates, of all samples together.
    """

    trained: tuple[Shape, ...] = ()
    stored: tuple[Shape, ...] = ()
    macs: int = 0


@dataclass(frozen=True, slots=True)
class Sizes:
    """A layer's settings, and the shapes before and behind it."""

    given: Given
    inputs: Sequence[Shape]
    outputs: Sequence[Shape]

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    @property
    def channels(self) -> int:
        """Channels of the first input."""
        return self.inputs[0][self.given.channel]

    @property
    def kernel(self) -> Shape:
        """The window on each spatial axis."""
        return tuple(self.given.each("kernel", len(self.given.spatial)))

    def bias(self, *shape: int) -> tuple[Shape, ...]:
        """Return the bias, where there is one."""
        return (shape,) if self["bias"] else ()


Count: TypeAlias = Callable[[Sizes], Counts]

COUNTS: Final[dict[str, Count]] = {}


def _count(*kinds: str) -> Callable[[Count], Count]:
    def enter(function: Count) -> Count:
        COUNTS.update(dict.fromkeys(kinds, function))
        return function

    return enter


# ---- windows -----------------------------------------------------------------------------------------------


@_count("conv")
def _conv(at: Sizes) -> Counts:
    """Each output element multiplies a window of the channels of its group."""
    depth = at.channels // at["groups"] if at["depth"] is None else at["depth"]
    filters = at["filters"]
    return Counts(
        ((*at.kernel, depth, filters), *at.bias(filters)), (), prod(at.outputs[0]) * prod(at.kernel) * depth
    )


@_count("local_conv")
def _local_conv(at: Sizes) -> Counts:
    """A kernel for each position, or one from all to all; what lies beyond the windows is not multiplied."""
    places = [at.outputs[0][place] for place in at.given.spatial]
    filters, taps = at["filters"], prod(at.kernel) * at.channels
    kernel: Shape = (*places, taps, filters)
    if at["dense"]:
        kernel = (*(at.inputs[0][place] for place in at.given.spatial), at.channels, *places, filters)
    return Counts((kernel, *at.bias(*places, filters)), (), prod(at.outputs[0]) * taps)


@_count("depthwise_conv")
def _depthwise(at: Sizes) -> Counts:
    filters = at.channels * at["multiplier"]
    return Counts(
        ((*at.kernel, at.channels, at["multiplier"]), *at.bias(filters)),
        (),
        prod(at.outputs[0]) * prod(at.kernel),
    )


@_count("separable_conv")
def _separable(at: Sizes) -> Counts:
    """A depthwise convolution to ``C*m`` channels, then one of 1x1 from these to the filters."""
    middle, filters = at.channels * at["multiplier"], at["filters"]
    positions = prod(at.outputs[0]) // filters
    weights = ((*at.kernel, at.channels, at["multiplier"]), (middle, filters), *at.bias(filters))
    return Counts(weights, (), positions * middle * prod(at.kernel) + positions * middle * filters)


@_count("transposed_conv")
def _transposed(at: Sizes) -> Counts:
    """Each input element is multiplied into a window of the outputs of its group."""
    inner = at["filters"] // at["groups"]
    weights = ((*at.kernel, inner, at.channels), *at.bias(at["filters"]))
    return Counts(weights, (), prod(at.inputs[0]) * prod(at.kernel) * inner)


@_count("primary_capsules")
def _primary_capsules(at: Sizes) -> Counts:
    filters = at["capsules"] * at["dim"]
    macs = prod(at.outputs[0]) * prod(at.kernel) * at.channels
    return Counts(((*at.kernel, at.channels, filters), *at.bias(filters)), (), macs)


@_count("capsules")
def _capsules(at: Sizes) -> Counts:
    """Predictions of all by all; each round sums them up, and each but the last compares them."""
    samples, before, features = at.inputs[0]
    count, dim, rounds = at["count"], at["dim"], at["iterations"]
    macs = samples * before * count * dim * (features + rounds + rounds - 1)
    return Counts(((before, count, dim, features), *at.bias(count, dim)), (), macs)


@_count("stft")
def _stft(at: Sizes) -> Counts:
    """A product with sines, one with cosines, or both."""
    waves = 1 if at["mode"] in ("real", "imag") else 2
    (place,) = at.given.spatial
    steps = at.outputs[0][place] * at.inputs[0][0]
    kernels = ((at["kernel"], 1, at["bins"]),) * waves
    return Counts(kernels, (), steps * at.channels * at["kernel"] * at["bins"] * waves)


# ---- tables, factors, statistics ---------------------------------------------------------------------------


@_count("embedding")
def _embedding(at: Sizes) -> Counts:
    tables: tuple[Shape, ...] = ((at["vocabulary"], at["units"]),)
    return Counts(tables * (2 if at["reversible"] else 1))


@_count("positions")
def _positions(at: Sizes) -> Counts:
    return Counts(() if at["length"] is None else ((at["length"], at.inputs[0][-1]),))


@_count("prelu")
def _prelu(at: Sizes) -> Counts:
    rank = len(at.inputs[0])
    shared = {place % rank for place in at["shared_axes"] or ()}
    return Counts((tuple(1 if p in shared else n for p, n in enumerate(at.inputs[0]) if p),))


@_count("channel_scale")
def _channel_scale(at: Sizes) -> Counts:
    return Counts(((at["size"],),))


@_count("batch_norm")
def _batch_norm(at: Sizes) -> Counts:
    axis = at["axis"]
    axes = [at.given.channel] if axis is None else axis if isinstance(axis, (tuple, list)) else [axis]
    shape = tuple(at.inputs[0][place] for place in axes)
    return Counts((shape,) * (bool(at["scale"]) + bool(at["center"])), (shape,) * (5 if at["renorm"] else 2))


@_count("layer_norm", "rms_norm")
def _axes_norm(at: Sizes) -> Counts:
    rank = len(at.inputs[0])
    shape = tuple(at.inputs[0][place] for place in sorted(place % rank for place in at["axes"]))
    return Counts((shape,) * (bool(at["scale"]) + bool(at["center"])))


@_count("group_norm", "instance_norm")
def _channel_norm(at: Sizes) -> Counts:
    place = at.given.channel if at["axis"] is None else at["axis"]
    return Counts(((at.inputs[0][place],),) * (bool(at["scale"]) + bool(at["center"])))


@_count("normalization")
def _normalization(at: Sizes) -> Counts:
    if at["given"]:
        return Counts()
    shape = tuple(at.inputs[0][place] for place in at["axes"])
    return Counts((), (shape, shape, ()))


@_count("spectral_norm")
def _spectral_norm(at: Sizes) -> Counts:
    wrapped = at["wrapped"]
    inner = Given(wrapped["kind"], settings_of(wrapped["kind"], wrapped["attrs"]), at.given.roles)
    counts = COUNTS[wrapped["kind"]](Sizes(inner, at.inputs, at.outputs))
    return counts._replace(stored=(*counts.stored, (1, counts.trained[0][-1])))


# ---- products ----------------------------------------------------------------------------------------------


@_count("linear")
def _linear(at: Sizes) -> Counts:
    features = at.inputs[0][at["axis"]]
    return Counts(((features, at["units"]), *at.bias(at["units"])), (), prod(at.outputs[0]) * features)


def _letters(terms: Sequence[Sequence[str]], shapes: Sequence[Shape]) -> dict[str, int]:
    extents: dict[str, int] = {}
    for letters, shape in zip(terms, shapes, strict=True):
        for letter, extent in zip(letters, shape, strict=True):
            extents[letter] = max(extents.get(letter, 1), extent)
    return extents


@_count("einsum")
def _einsum(at: Sizes) -> Counts:
    """One product for each value that all letters together take, where one of them is summed."""
    terms, out = terms_of(at["equation"], [len(shape) for shape in at.inputs])
    if len(at.inputs) == 1 or {letter for term in terms for letter in term} <= {*out}:
        return Counts()
    return Counts((), (), prod(_letters(terms, at.inputs).values()))


@_count("einsum_dense")
def _einsum_dense(at: Sizes) -> Counts:
    terms, out = terms_of(at["equation"], [len(at.inputs[0]), None])
    extents = _letters([terms[0]], at.inputs[:1])
    extents.update(zip(out, at.outputs[0], strict=True))
    weights = [tuple(extents[letter] for letter in terms[1])]
    if at["bias_axes"]:
        weights.append(tuple(extents[letter] for letter in out if letter in at["bias_axes"]))
    letters = {*terms[0], *terms[1]}
    return Counts(tuple(weights), (), 0 if letters <= {*out} else prod(extents[each] for each in letters))


@_count("matmul")
def _matmul(at: Sizes) -> Counts:
    return Counts((), (), prod(at.outputs[0]) * at.inputs[0][-1])


@_count("dot")
def _dot(at: Sizes) -> Counts:
    axes = at["axes"]
    first = axes[0] if isinstance(axes, (tuple, list)) else axes
    return Counts((), (), prod(at.outputs[0]) * at.inputs[0][first])


# ---- attention ---------------------------------------------------------------------------------------------


def _three(shapes: Sequence[Shape]) -> tuple[Shape, Shape, Shape]:
    return shapes[0], shapes[min(1, len(shapes) - 1)], shapes[min(2, len(shapes) - 1)]


@_count("multi_head_attention")
def _multi_head_attention(at: Sizes) -> Counts:
    """Each projection once for each position; every pair of positions by the features of key and value."""
    query, key, value = _three(at.inputs)
    heads, key_dim = at["heads"], at["key_dim"]
    groups = heads if at["kv_heads"] is None else at["kv_heads"]
    value_dim = key_dim if at["value_dim"] is None else at["value_dim"]
    units = at["units"]
    units = (query[-1],) if units is None else tuple(units) if isinstance(units, (tuple, list)) else (units,)
    parts: list[tuple[Shape, Shape, Shape]] = [
        (query, (query[-1], heads, key_dim), (heads, key_dim)),
        (key, (key[-1], groups, key_dim), (groups, key_dim)),
        (value, (value[-1], groups, value_dim), (groups, value_dim)),
        (query, (heads, value_dim, *units), units),
    ]
    if at["gate"]:
        parts.append((query, (query[-1], heads, value_dim), (heads, value_dim)))
    weights = [shape for _, kernel, bias in parts for shape in ((kernel, bias) if at["bias"] else (kernel,))]
    macs = sum(prod(side[:-1]) * prod(kernel) for side, kernel, _ in parts)
    rank = len(query)
    axes = range(1, rank - 1) if at["axes"] is None else [place % rank for place in at["axes"]]
    pairs = prod(query[:-1]) * prod(key[place] for place in axes)
    return Counts(tuple(weights), (), macs + pairs * heads * (key_dim + value_dim))


@_count("dot_attention", "additive_attention")
def _plain_attention(at: Sizes) -> Counts:
    query, key, value = _three(at.inputs)
    macs = prod(query[:-1]) * key[-2] * (query[-1] + value[-1])
    if at.given.kind == "additive_attention":
        return Counts(((key[-1],),) if at["scale"] else (), (), macs)
    return Counts(((),) * (bool(at["scale"]) + bool(at["concat_score"])), (), macs)


@_count("head_attention")
def _head_attention(at: Sizes) -> Counts:
    query, key, value = _three(at.inputs)
    return Counts((), (), prod(query[:3]) * key[1] * (query[3] + value[3]))


@_count("linear_attention")
def _linear_attention(at: Sizes) -> Counts:
    """Key by value for each head of the state, query by state for each head of the query."""
    query, key, value = at.inputs[:3]
    groups = at["heads"] if at["kv_heads"] is None else at["kv_heads"]
    one = key[2] // groups * (value[2] // groups)
    return Counts((), (), prod(query[:2]) * one * (groups + at["heads"] + groups * bool(at["corrected"])))


@_count("fused_attention")
def _fused_attention(at: Sizes) -> Counts:
    (shape,) = at.inputs[:1]
    positions = prod(shape[:-1])
    return Counts((), (), positions * shape[-1] * at["width"] + positions * shape[-2] * at["scores"])


# ---- recurrence --------------------------------------------------------------------------------------------

_GATES: Final = {"simple": 1, "simple_rnn": 1, "lstm": 4, "gru": 3}


@_count("recurrent", "simple_rnn", "lstm", "gru")
def _recurrent(at: Sizes) -> Counts:
    """Each gate multiplies the input and the state, at every step, in each direction."""
    own = {"cell": at.given.kind, "units": at["units"], "bias": at["bias"], "reset_after": at["reset_after"]}
    cells: Sequence[Mapping[str, Any]] = at["cells"] or [own]
    directions = [cells, at["backward_cells"] or cells] if at["bidirectional"] else [cells]
    samples, steps, first = at.inputs[0]
    weights: list[Shape] = []
    macs = 0
    for stack in directions:
        features = first
        for cell in stack:
            gates, units = _GATES[cell["cell"]], cell["units"]
            weights += [(features, gates * units), (units, gates * units)]
            double = cell.get("double_bias") or (cell["cell"] == "gru" and cell.get("reset_after", True))
            if cell.get("bias", True):
                weights.append((2, gates * units) if double else (gates * units,))
            macs += samples * steps * gates * units * (features + units)
            features = units
    return Counts(tuple(weights), (), macs)


@_count("conv_lstm")
def _conv_lstm(at: Sizes) -> Counts:
    """A convolution of the input and one of the state to the four gates, at every step, in each direction."""
    places = at["spatial"] or [place for place in at.given.spatial if place != 1]
    kernel = tuple(at.given.each("kernel", len(places)))
    filters, ways = at["filters"], 2 if at["bidirectional"] else 1
    width = filters * 2 if at["bidirectional"] == "concat" else filters
    area = prod(at.outputs[0]) // width
    if at["sequences"]:
        area //= at.inputs[0][1]
    each = ((*kernel, at.channels, 4 * filters), (*kernel, filters, 4 * filters), *at.bias(4 * filters))
    macs = area * at.inputs[0][1] * prod(kernel) * (at.channels + filters) * 4 * filters * ways
    return Counts(each * ways, (), macs)


@_count("sequence")
def _sequence(at: Sizes) -> Counts:
    """The weights are in the file; each layer takes what all directions of the one before put out."""
    ways = 2 if at["direction"] == "bidirectional" else 1
    gates, units = _GATES[at["cell"]], at["units"]
    width = units if at["projection"] is None else at["projection"]
    features, macs = at.inputs[0][2], 0
    for _ in range(at["layers"]):
        macs += ways * (gates * units * (features + width) + (units * width if at["projection"] else 0))
        features = width * ways
    return Counts((), (), at.inputs[0][0] * at.inputs[0][1] * macs)


# ---- a layer as a whole ------------------------------------------------------------------------------------


def counted(
    whole: Stage, inputs: Sequence[Shape], outputs: Sequence[Shape], specs: Sequence[TensorSpec]
) -> Counts:
    """Count a layer by its definition.

    Parameters
    ----------
    whole : Stage
        The layer.
    inputs, outputs : sequence of shapes
        Extents as the definitions made them.
    specs : sequence of TensorSpec
        Its inputs, for what their axes are.

    Raises
    ------
    NotDefined
        It is several kinds in a row, one of which has no definition.
    """
    if not whole.extras.walked:
        return _alone(whole, inputs, outputs, specs)
    found: list[Counts] = []

    def step(stage: Stage, given: list[Tagged]) -> list[Tagged]:
        sets, tags = [sets for sets, _ in given], [spec for _, spec in given]
        made = defined(stage, sets, tags)
        found.append(_alone(stage, [x.shape for x in sets], [x.shape for x in made], tags))
        return tagged(stage, given, made)

    given = [(Sets.nothing(shape, 1), spec) for shape, spec in zip(inputs, specs, strict=True)]
    walk(whole, given, partial(constant, outside=1), step)
    return Counts(
        tuple(shape for each in found for shape in each.trained),
        tuple(shape for each in found for shape in each.stored),
        sum(each.macs for each in found),
    )


def _alone(
    whole: Stage, inputs: Sequence[Shape], outputs: Sequence[Shape], specs: Sequence[TensorSpec]
) -> Counts:
    """Count one step by its definition."""
    kind, attrs, extras = whole
    shapes, lead = list(inputs), extras.lead
    roles = [spec.axes if not lead else spec.axes[0] + spec.axes[lead + 1 :] for spec in specs]
    if lead:  # repeated over axes that stand behind the batch: so many more samples
        shapes = [(prod(shape[: lead + 1]), *shape[lead + 1 :]) for shape in shapes]
        outputs = [(prod(shape[: lead + 1]), *shape[lead + 1 :]) for shape in outputs]
    function = COUNTS.get(kind)
    if function is None:
        return Counts()
    counts = function(Sizes(Given(kind, settings_of(kind, attrs), roles), shapes, outputs))
    if extras.constant:
        return counts._replace(trained=(), stored=())
    if extras.quantised is not None:
        counts = _in_fewer_bits(counts, kind, attrs, *extras.quantised)
    if extras.lora is None:
        return counts
    if extras.quantised is None:  # training leaves the kernel
        counts = counts._replace(trained=counts.trained[1:], stored=(counts.trained[0], *counts.stored))
    kernel = counts.stored[0]
    thin = ((*kernel[:-1], extras.lora), (extras.lora, kernel[-1]))
    return counts._replace(trained=(*counts.trained, *thin))


def _in_fewer_bits(
    counts: Counts, kind: str, settings: Mapping[str, Any], mode: str, block: int | None
) -> Counts:
    """Let training leave the kernels, and add what Keras's quantisers keep beside them."""
    tables = 2 if kind == "embedding" and settings.get("reversible") else 1
    kernels, others = counts.trained[:tables], counts.trained[tables:]
    stored: list[Shape] = []
    for number, kernel in enumerate(kernels):
        if kind == "embedding":
            columns = settings["vocabulary"]
        elif kind == "linear":
            columns = kernel[-1]
        else:
            (_, own), out = terms_of(settings["equation"], [None, None])
            columns = prod(extent for letter, extent in zip(own, kernel, strict=True) if letter in out)
        rows = prod(kernel) // columns
        stored.append(kernel)
        if mode == "int8" or block is None:
            stored.append((columns,))
        else:
            blocks = len(range(0, rows, block))
            stored += [(blocks, columns)] * 2 + [(rows,)] * (number == 0)
    return counts._replace(trained=others, stored=(*stored, *counts.stored))

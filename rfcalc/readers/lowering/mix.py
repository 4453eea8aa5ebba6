"""Linear layers, matrix products, attention, reductions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rfcalc.algebra.number import Num, is_known
from rfcalc.errors import AnalysisError
from rfcalc.graph.layer import PLAIN, SPATIAL, Extras, Stage, TensorSpec
from rfcalc.readers.lowering import masks as masks_of
from rfcalc.readers.lowering.builder import Builder
from rfcalc.readers.lowering.history import hides_nothing
from rfcalc.readers.lowering.mask_constants import MOST_MASKED, faint_in
from rfcalc.readers.lowering.operation import Lowering
from rfcalc.readers.lowering.value import Blind, Mask, Value
from rfcalc.readers.lowering.zeros import with_zeros
from rfcalc.rules.plain import broadcast_spec

SWAP = (Stage("permute", {"order": ("swap", -2, -1)}),)
"""Transpose the last two axes."""


def linear(
    operation: Lowering,
    x: Value,
    kernel: Value,
    bias: Value | None = None,
    *,
    features_last: bool,
    swap: bool = False,
) -> tuple[Value, ...]:
    """Add a product of the last axis with a matrix of weights, and a bias.

    With `features_last` the matrix is (outputs, inputs), as PyTorch's; `swap` transposes the input first.
    """
    if x.spec is None or kernel.spec is None:
        raise Blind
    if bias is not None and _stands_apart(bias):
        product = operation.part("product")
        return _added(operation, linear(product, x, kernel, features_last=features_last, swap=swap), bias)
    if not kernel.constant or kernel.rank != 2 or x.rank < 2:
        return matmul(operation, x, kernel, bias, swap=(swap, features_last))
    units, features = kernel.shape if features_last else reversed(kernel.shape)
    have = x.shape[-2 if swap else -1]
    if is_known(have) and is_known(features) and have != features:
        raise AnalysisError(f"a matrix for {features} features does not fit an input of {have}")
    attrs: dict[str, Any] = {"units": units}
    then: tuple[Stage, ...] = ()
    mask = masks_of.mask_of_factor(kernel)
    if mask is not None and mask.alive is not None and not mask.low:
        alive = masks_of.full(mask.alive, kernel.shape)
        seen = masks_of.pattern(alive if features_last else alive.T, 2)
        if seen is not None and seen.empty:
            then = (Stage("elementwise", {"function": "mask", "alive": ((0, seen),)}),)
        elif not alive.all():
            attrs["seen"] = masks_of.packed(alive if features_last else alive.T)
    doubt = kernel.unread and x.spec.axes[-2 if swap else -1] == SPATIAL
    extras = Extras(((0, SWAP),) if swap else (), then, unsure=masks_of.UNREAD if doubt else "")
    made = operation.add("linear", (x,), attrs, extras, weights=(kernel, bias))
    if bias is not None or swap or x.mask is None or x.mask.low or x.mask.alive is None:
        return made
    alive = x.mask.alive.any(axis=-1, keepdims=True)  # zeros that are summed stay zero
    return made if alive.all() else operation.builder.bearing(made, Mask(alive, low=False))


def matmul(
    operation: Lowering,
    x: Value,
    y: Value,
    bias: Value | None = None,
    *,
    swap: tuple[bool, bool] = (False, False),
    then: tuple[Stage, ...] = (),
) -> tuple[Value, ...]:
    """Add a matrix product of two tensors; `swap` says which of them is transposed first."""
    if x.spec is None or y.spec is None:
        raise Blind
    if bias is not None and _stands_apart(bias):
        return _added(operation, matmul(operation.part("product"), x, y, swap=swap, then=then), bias)
    if y.constant and not x.constant and y.rank == 2 and x.rank >= 2 and not then:
        return linear(operation, x, y, bias, features_last=swap[1], swap=swap[0])
    if x.constant and y.constant and x.rank > 2 and y.rank == 2:
        # what a linear layer is applied to, as a grid of coordinates, is no weight
        x = replace(x, weights=tuple(each for each in x.weights if len(each.shape) < x.rank))
    extras = Extras(tuple([(place, SWAP) for place, swapped in enumerate(swap) if swapped]), then)
    product = masks_of.seen(Stage("matmul", {}, extras), with_zeros(operation.builder, (x, y)), swap)
    made = operation.add(product.kind, (x, y), product.attrs, product.extras, weights=(bias,))
    if bias is not None:
        operation.builder.bias(made)
    return made


def scaled(operation: Lowering, value: Value, factor: object) -> Value:
    """Multiply by a number what is then added: that may turn a mask over, or make nothing of it."""
    if factor == 1 or value.spec is None:
        return value
    if value.constant and value.data is None:
        return value  # what the elements of weights are says nothing
    number = Value(TensorSpec((), ""), data=factor if isinstance(factor, (int, float)) else None)
    if value.constant and number.data is not None:
        return replace(value, data=masks_of.multiplied(value.data, number.data), mask=None)
    if value.mask is None and not masks_of.is_large(number):
        return value
    return elementwise(operation.part("scaled"), "multiply", (value, number))[0]


def _stands_apart(bias: Value) -> bool:
    """Tell whether what is added to a product is no bias but computed by the graph, or a mask of scores."""
    if not bias.constant:
        return True
    mask = masks_of.mask_of(bias)
    return mask is not None and mask.low


def _added(operation: Lowering, product: Sequence[Value], bias: Value) -> tuple[Value, ...]:
    """Add what the graph computes to a product, which is no weight of it."""
    return elementwise(operation, "add", (product[0], bias))


def einsum(operation: Lowering, inputs: Sequence[Value], equation: str) -> tuple[Value, ...]:
    """Add an Einstein summation."""
    product = masks_of.seen(Stage("einsum", {"equation": equation}), with_zeros(operation.builder, inputs))
    return operation.add(product.kind, inputs, product.attrs, product.extras)


def reduce(
    operation: Lowering,
    x: Value,
    axes: Sequence[int] | None,
    *,
    keepdims: bool,
    mode: str,
    copies: int = 0,
) -> tuple[Value, ...]:
    """Add a reduction over `axes`, or over all of them."""
    if x.spec is None:
        raise Blind
    attrs = {"axes": "all" if axes is None else tuple(axes), "keepdims": keepdims, "mode": mode}
    return operation.add("reduce", (x,), attrs, Extras(copies=copies))


def softmax(
    operation: Lowering, x: Value, axes: Sequence[int], function: str = "softmax"
) -> tuple[Value, ...]:
    """Add a normalisation by all that stands along `axes`."""
    named = {} if function == "softmax" else {"function": function}
    hidden = x.mask is not None and x.mask.low and x.mask.alive is None
    extras = Extras(unsure=masks_of.UNSURE if hidden else "")
    return operation.add("softmax", (x,), {"axis": tuple(axes), **named}, extras)


def attention(
    operation: Lowering,
    query: Value,
    key: Value,
    value: Value,
    *,
    mask: Value | None = None,
    padding: Value | None = None,
    causal: bool = False,
    groups: Num = 1,
    merged: bool = False,
) -> tuple[Value, ...]:
    """Add attention of ready-made heads, (..., positions, features); `groups` queries share a key.

    `mask` is added to the scores or says which of them count; `padding` is one of whole numbers. If `merged`,
    the heads are in the features, and a mask of three axes has them in front.
    """
    attrs: dict[str, Any] = {"causal": causal}
    extras = PLAIN
    if not isinstance(groups, int) or groups != 1:
        apart = query.rank > 3  # else the heads are in the features
        shared = (Stage("repeat", {"count": groups, "axis": query.rank - 3 if apart else 2}),)
        extras = Extras(prepare=((1, shared), (2, shared)) if apart else ((2, shared),))
    most = 2 if merged else query.rank
    if mask is not None and padding is None and not causal and _is_bias(operation.builder, mask, most):
        extras = extras._replace(biases=1)
        return operation.add("dot_attention", (query, key, value, mask), attrs, extras)
    masks = () if mask is None else (mask,)
    whole, moving, held = hide_keys(Stage("dot_attention", attrs, extras), query, key, masks, padding)
    return operation.add(whole.kind, (query, key, value, *moving), whole.attrs, whole.extras, weights=held)


def _is_bias(b: Builder, mask: Value, most: int) -> bool:
    """Tell whether what the graph computes, of so many axes at most, is added to scores and hides none."""
    aligned = mask.spec is not None and 2 <= mask.rank <= most
    return not mask.constant and aligned and hides_nothing(b, mask)


def hide_keys(
    attention: Stage, query: Value, key: Value, masks: Sequence[Value], padding: Value | None
) -> tuple[Stage, list[Value], list[Value]]:
    """Say of attention what its masks leave.

    Returns
    -------
    attention : Stage
        With what the masks hide.
    moving, held : list of Value
        Of the masks those that the graph computes; and constants that hide nothing, as a learned bias.
    """
    given = masks if padding is None else (*masks, padding)
    moving = [mask for mask in given if not mask.constant]
    attrs, extras = attention.attrs, attention.extras._replace(masks=len(moving))
    keeps = [_keys_of(mask) for mask in masks if mask.constant and _is_mask(mask)]
    if padding is not None and padding.constant:
        keeps.append(masks_of.of_padding(padding.data, query.shape[0], query.shape[-2], key.shape[-2]))
    if moving or any(keep is None for keep in keeps):
        extras = extras._replace(unsure=masks_of.UNSURE)
    elif keeps:
        attrs = {**attrs, **_left_keys(attrs, keeps, query, key)}
    held = [mask for mask in masks if mask.constant and not mask.computed and not _is_mask(mask)]
    return attention._replace(attrs=attrs, extras=extras), moving, held


def _is_mask(value: Value) -> bool:
    """Tell whether what attention is given hides keys, and is no bias."""
    if value.unread or (value.spec is not None and value.spec.dtype == "bool"):
        return True
    found = masks_of.mask_of(value)
    return found is not None and found.low


def _keys_of(mask: Value) -> Any:
    """Return which keys a mask leaves to which query; None where that is not known."""
    found = masks_of.mask_of(mask)
    if found is not None:
        return masks_of.left(found) if found.alive is not None and found.alive.ndim > 1 else None
    return None if mask.data is None else masks_of.truth(mask.data, wanted=True)  # it hides all or nothing


def _left_keys(attrs: Mapping[str, Any], keeps: Sequence[Any], query: Value, key: Value) -> dict[str, Any]:
    """Return the setting that says which keys all masks together leave, if any hides one."""
    keep = keeps[0]
    for each in keeps[1:]:
        keep = keep & each
    if not keep.any():
        return {}  # of keys that are all hidden by finite numbers none is
    seen = masks_of.of_keys(keep, query.shape[-2], key.shape[-2], query.rank, causal=attrs["causal"])
    return {} if seen is None else {"seen": seen}


def elementwise(
    operation: Lowering,
    kind: str,
    inputs: Sequence[Value],
    *,
    function: str = "",
    alive: Mapping[int, Any] | None = None,
    mask: Mask | None = None,
) -> tuple[Value, ...]:
    """Add a function of the inputs element by element; constants among them stretch, and may be weights.

    `alive` gives for places among the inputs which of their elements count, and `mask` what the result bears;
    where they are left out both follow from the inputs.
    """
    if any(value.spec is None for value in inputs):
        raise Blind
    places = [place for place, value in enumerate(inputs) if not value.constant]
    moving = [inputs[place] for place in places]
    attrs: dict[str, Any] = {"function": function} if kind in ("elementwise", "activation") else {}
    if alive is None:
        factors = with_zeros(operation.builder, inputs) if kind == "multiply" else inputs
        hides, mask = masks_of.met(factors, kind)
        for place, value in enumerate(inputs):
            if factors[place] is not value:  # its own zeros read nothing, by the way that they are made
                others, _ = masks_of.met([*factors[:place], value, *factors[place + 1 :]], kind)
                hides = {k: each for k, each in hides.items() if k != place or place in others}
                hides.update((k, each) for k, each in others.items() if k == place)
    else:
        hides = dict(alive)
    if not moving:
        made = operation.add(kind, inputs, attrs)
        return made if mask is None else operation.builder.bearing(made, mask)
    held = [value for value in inputs if value.constant]
    stretched = tuple(value.shape for value in held if value.shape)
    if stretched:
        attrs["constants"] = stretched
    found = masks_of.patterns(inputs, hides)
    if found:
        attrs["alive"] = found
    masking = bool(hides) or (mask is not None and mask.low)
    learned = [
        value
        for value in held
        if not value.computed and not _is_faint(value) and not (masking and _is_filling(value))
    ]
    extras = Extras(unsure=_doubt(held, inputs))
    made = operation.add(kind, moving, attrs, extras, weights=learned)
    operation.builder.meet(made, held)
    if kind == "add":
        operation.builder.hide_faintly(made, held)
    if held and kind not in ("multiply", "divide"):
        operation.builder.bias(made)
    return made if made[0].mask is mask else operation.builder.bearing(made, mask)


def _doubt(held: Sequence[Value], inputs: Sequence[Value]) -> str:
    """Say why it is not known what constants hide of the other operands; nothing where it is."""
    if any(map(masks_of.is_lost, held)):
        return masks_of.UNWRITTEN
    return masks_of.UNREAD if any(masks_of.is_unread(value, inputs) for value in held) else ""


def _is_faint(value: Value) -> bool:
    """Tell whether a constant is a mask that hides nothing, which is no weight all the same."""
    return value.data is not None and faint_in(value.data) is not None


def _is_filling(value: Value) -> bool:
    """Tell whether a constant is a mask, or all of it what a mask fills in."""
    return masks_of.mask_of(value) is not None or masks_of.fill_of(value) is not None


def chosen(
    operation: Lowering,
    condition: Value,
    yes: Value,
    no: Value,
    *,
    function: str,
    inputs: Sequence[Value] | None = None,
) -> tuple[Value, ...]:
    """Add a choice between two tensors element by element; `inputs` orders them as the operation does."""
    listed = (condition, yes, no) if inputs is None else tuple(inputs)
    only = _only(condition, yes, no)
    if only is not None and only.shape == broadcast_spec([each.spec for each in listed if each.spec]).shape:
        return operation.skip(only)
    alive, mask = masks_of.chosen(condition, yes, no, listed)
    return elementwise(operation, "elementwise", listed, function=function, alive=alive, mask=mask)


def _only(condition: Value, yes: Value, no: Value) -> Value | None:
    """Return what a condition takes everywhere, where that is a tensor of the model and nothing is lost."""
    held = condition.data if condition.constant else None
    known = None if held is None else masks_of.truth(held, wanted=True)
    if known is None or not known.size or known.any() != known.all():
        return None
    found, other = (yes, no) if known.all() else (no, yes)
    return None if found.constant or found.spec is None or other.weights else found


def triangular(operation: Lowering, x: Value, diagonal: int, *, upper: bool) -> tuple[Value, ...]:
    """Add what makes all elements above or below a diagonal of the last two axes zero."""
    rows, columns = x.shape[-2:]
    if not is_known(rows) or not is_known(columns) or rows * columns > MOST_MASKED:
        return operation.add("identity", (x,), {}, Extras(unsure="a triangle of open extent is not followed"))
    alive = masks_of.triangle(rows, columns, diagonal, upper=upper)
    mask, function = Mask(alive, False), operation.node.op
    return elementwise(operation, "elementwise", (x,), function=function, alive={0: alive}, mask=mask)

"""Blocks that repeat and their laws, as people write them: in numbers, and in kernels, strides, dilations."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby
from typing import Final

from rfcalc.questions.law.growth import Segment, Step

_NAMES: Final = {"convolution": "conv", "pooling": "pool"}
_SPELLED: Final = 2  # equal layers of a block that are written one by one


def formula(segment: Segment) -> str:
    """Write the law of a segment with its numbers, n being its repeats.

    >>> formula(Segment((Step(3),), 3, 1, (), 1, 1)), formula(Segment((Step(3), Step(2, 2)), 2, 1, (), 16, 4))
    ('r(n) = 2*n + 1', 'r(n) = 12*2**n + 4')
    """
    gain, start, ratio = segment.gain * segment.jump, segment.field, segment.ratio
    if gain == 0:
        return f"r(n) = {start}"
    if ratio == 1:
        return f"r(n) = {_term(gain, 'n')}{_plus(start)}"
    scale = Fraction(gain, ratio - 1)
    if scale.denominator != 1:
        return f"r(n) = {_term(gain, f'({ratio}**n - 1)/{ratio - 1}')}{_plus(start)}"
    return f"r(n) = {_term(int(scale), f'{ratio}**n')}{_plus(start - int(scale))}"


def _term(factor: int, what: str) -> str:
    return what if factor == 1 else f"{factor}*{what}"


def _plus(number: int) -> str:
    return "" if number == 0 else f" + {number}" if number > 0 else f" - {-number}"


def general(segment: Segment, gain: str | None = None) -> str:
    """Write the law of such a segment in kernels, strides and dilations, r0 and j0 being those before it.

    Parameters
    ----------
    segment : Segment
        The segment; k1, s1 and d1 are those of the first layer of its block.
    gain : str, optional
        How to write the gain of the block; by default it is spelled out.

    Examples
    --------
    >>> pooled = Segment((Step(3), Step(2, 2, cause="pooling")), 2, 1, (), 1, 1)
    >>> general(pooled)
    'r(n) = r0 + j0*((k1 - 1)*d1 + (k2 - 1))*(s2**n - 1)/(s2 - 1)'
    >>> general(pooled, "g")
    'r(n) = r0 + j0*g*(s2**n - 1)/(s2 - 1)'
    """
    if segment.gain == 0:
        return "r(n) = r0"
    ratio, gain = _ratio_text(segment), gain or gain_text(segment)
    if not ratio:
        return f"r(n) = r0 + j0*{gain}*n"
    power = f"({ratio})" if "*" in ratio else ratio
    return f"r(n) = r0 + j0*{gain}*({power}**n - 1)/({ratio} - 1)"


def depth(segment: Segment, gain: str | None = None) -> str:
    """Write how many repeats of such a segment a field of R takes; an empty string where it adds nothing.

    >>> depth(Segment((Step(3),), 2, 1, (), 1, 1))
    'n = ceil((R - r0)/(j0*(k - 1)*d))'
    >>> depth(Segment((Step(3), Step(2, 2, cause="pooling")), 2, 1, (), 1, 1), "g")
    'n = ceil(log(1 + (R - r0)*(s2 - 1)/(j0*g), s2))'
    """
    if segment.gain == 0:
        return ""
    ratio, gain = _ratio_text(segment), gain or gain_text(segment)
    if not ratio:
        return f"n = ceil((R - r0)/(j0*{gain}))"
    return f"n = ceil(log(1 + (R - r0)*({ratio} - 1)/(j0*{gain}), {ratio}))"


def gain_text(segment: Segment) -> str:
    """Write what the first repeat of a block adds for each pixel of the jump.

    >>> gain_text(Segment((Step(3, 2), Step(3)), 2, 1, (), 1, 1))
    '((k1 - 1)*d1 + (k2 - 1)*d2*s1)'
    """
    strides: list[str] = []
    terms = []
    for number, step in _numbered(segment):
        if step.kernel != 1:
            dilation = [] if step.cause != "convolution" and step.dilation == 1 else [f"d{number}"]
            terms.append("*".join([f"(k{number} - 1)", *dilation, *strides]))
        if step.stride != 1:
            strides.append(f"s{number}")
    return terms[0] if len(terms) == 1 else f"({' + '.join(terms) or 0})"


def _ratio_text(segment: Segment) -> str:
    """Write what a repeat multiplies the growth by; an empty string for nothing."""
    strides = [f"s{number}" for number, step in _numbered(segment) if step.stride != 1]
    return "*".join([*(["c"] if segment.factor != 1 else []), *strides])


def _numbered(segment: Segment) -> list[tuple[str, Step]]:
    """Number the steps of a block from 1; one alone has no number."""
    if len(segment.block) == 1:
        return [("", segment.block[0])]
    return [(str(number), step) for number, step in enumerate(segment.block, 1)]


def block_text(segment: Segment) -> str:
    """Write a block as people do: ``[conv 3, pool 2/2] x 2``.

    >>> block_text(Segment((Step(3), Step(2, 2, cause="pooling")), 2, 1, (), 1, 1))
    '[conv 3, pool 2/2] x 2'
    """
    inside = ", ".join(_alike(text, len(list(run))) for text, run in groupby(map(_step_text, segment.block)))
    grown = f", dilation x{segment.factor}" if segment.factor != 1 else ""
    body = f"[{inside}{grown}]" if len(segment.block) > 1 or segment.count > 1 else inside
    return body if segment.count == 1 else f"{body} x {segment.count}"


def _alike(text: str, count: int) -> str:
    return f"{text} x {count}" if count > _SPELLED else ", ".join([text] * count)


def _step_text(step: Step) -> str:
    name = _NAMES.get(step.cause, "step")
    stride = f"/{step.stride}" if step.stride != 1 else ""
    dilation = f" d{step.dilation}" if step.dilation != 1 else ""
    return f"{name} {step.kernel}{stride}{dilation}"

"""What a comparison comes to, in sentences made from its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final

from rfcalc.algebra.number import Num
from rfcalc.engine.costs import Bill, field_of
from rfcalc.engine.result import AnalysisResult, Row, Size
from rfcalc.questions.compare.result import ComparisonResult, Entry
from rfcalc.render import humanise
from rfcalc.render.humanise import number, percent, short
from rfcalc.rules.registry import of_family
from rfcalc.wording import few

_CONVOLUTIONS: Final = frozenset(of_family("convolution"))
_NOTHING: Final = (
    "There is nothing to compare this model with: rfcalc analyze shows what it sees and costs, and --with "
    "names other variants of it."
)
_WITHOUT_STEPS: Final = ("plain", "unstrided", "dilated", "atrous")
_TIMES: Final = 1.5  # as much as this is a multiple, less an addition


def sentences(comparison: ComparisonResult) -> tuple[str, ...]:
    """Return the answer, a sentence or a few for each entry.

    Parameters
    ----------
    comparison : ComparisonResult
        Models side by side.
    """
    base, *others = comparison.entries
    assert base.result is not None
    assert base.bill is not None
    if not comparison.counterfactuals:
        return tuple(_compared(base, base.bill, other) for other in others)
    found = [] if comparison.shown else [_NOTHING]
    same = [entry for entry in others if entry.is_same]
    for entry in others:
        if entry.refusal is not None:
            found.append(_refused(entry, same))
        elif entry in same[:1]:
            names = " and ".join([repr(each.name) for each in same])
            found.append(f"{names} {'change' if len(same) > 1 else 'changes'} nothing of this model.")
        elif entry not in same and entry.bill is not None and entry.result is not None:
            found.append(" ".join(_told(comparison, base.bill, entry, entry.bill, entry.result)))
    found.extend(_position(comparison, base.bill))
    found.extend(_cause(comparison, base.bill))
    return tuple(found)


def _phrase(entry: Entry) -> str:
    return entry.counterfactual.phrase if entry.counterfactual is not None else f"as {entry.name}"


def _head(comparison: ComparisonResult) -> str:
    return "With pooling" if comparison.pooling else "As it is"


def _refused(entry: Entry, same: Sequence[Entry]) -> str:
    """Say why there is no such counterfactual; one that changes nothing is none that works instead."""
    assert entry.refusal is not None
    where = f"at {entry.refusal.layer!r} " if entry.refusal.layer else ""
    nearest = entry.refusal.instead
    works = nearest and nearest not in {each.name for each in same}
    instead = f" {nearest!r} works instead." if works else ""
    return f"There is no {entry.name!r} of this model: {where}{entry.refusal.message}.{instead}"


def _told(
    comparison: ComparisonResult, base: Bill, entry: Entry, bill: Bill, result: AnalysisResult
) -> list[str]:
    """Say what one counterfactual sees, and what it costs."""
    said = []
    phrase = _phrase(entry)
    more = ""
    if bill.field is not None and base.field is not None:
        said.append(_seen(comparison, base, bill, entry))
        more = _to_see_as_far(base, bill, result, phrase)
    said += _costs(base, bill, f"{_capital(phrase)} " if not said or bill.field != base.field else "")
    if more:
        said.append(more)
    if bill._replace(tolerated_shift=base.tolerated_shift) == base:
        said.append("Shapes and costs are the same.")
    return said


def _seen(comparison: ComparisonResult, base: Bill, bill: Bill, entry: Entry) -> str:
    assert base.field is not None
    assert bill.field is not None
    extents = _input_extents(comparison)
    phrase = _phrase(entry)
    if bill.field == base.field:
        return f"{_capital(phrase)}, {base.field_layer} sees the same {_pixels(base.field)}."
    if comparison.pooling and phrase == "without pooling":
        phrase = "without"
    of = f" of {extents}" if extents else ""
    before = f"{_pixels(base.field)}{of} ({percent(base.coverage)})"
    if base.coverage == 1 and extents:
        before = f"{_pixels(base.field)}, all of {extents}"
    return (
        f"{_head(comparison)}, {base.field_layer} sees {before}; "
        f"{phrase}, {_pixels(bill.field)} ({percent(bill.coverage)})"
        f"{': the whole input either way' if base.coverage == bill.coverage == 1 else ''}."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _pixels(field: Sequence[Size]) -> str:
    return humanise.extents(field) if len(field) > 1 else number(field[0])


def _input_extents(comparison: ComparisonResult) -> str:
    extents = _extents(comparison)
    return "" if not extents or None in extents else humanise.extents(extents)


def _extents(comparison: ComparisonResult) -> tuple[Size, ...]:
    """Return the extents of the input that fields are told of."""
    result = comparison.entries[0].result
    assert result is not None
    return next((each.spatial for each in result.inputs if each.name == result.input), ())


def _to_see_as_far(base: Bill, bill: Bill, result: AnalysisResult, phrase: str) -> str:
    """Say how many more convolutions make up for the field that is missing, where it is missing."""
    assert base.field is not None
    assert bill.field is not None
    # what lies beyond the input is nothing to see
    extents = next((each.spatial for each in result.inputs if each.name == result.input), ())
    missing = [
        (min(far, extent) if isinstance(extent, int) else far) - near
        for far, near, extent in zip_longest(base.field, bill.field, extents)
        if far is not None and near is not None
    ]
    kernel = _usual_kernel(result)
    row = result.layer(bill.field_layer)
    if not missing or max(missing) <= 0 or kernel is None or row.effective_stride is None:
        return ""
    counts = [
        -(-gap // int((k - 1) * jump))
        for gap, k, jump in zip(missing, kernel, row.effective_stride, strict=False)
        if gap > 0 and jump is not None and (k - 1) * jump >= 1
    ]
    if not counts:
        return ""
    count = max(counts)
    window = "x".join(map(str, kernel)) if len(kernel) > 1 else f"window-{kernel[0]}"
    convolutions = f"{count:,} more {window} convolution{'s' if count != 1 else ''}"
    return f"To see as far {phrase} takes {convolutions} on top of that."


def _usual_kernel(result: AnalysisResult) -> tuple[int, ...] | None:
    """Return how much one convolution of the most common window adds to the field, as that window."""
    gains: Counter[tuple[int, ...]] = Counter()
    by_name = {row.name: row for row in result.rows}
    for row in result.rows:
        gain = _window(row, [by_name[name] for name in row.inputs if name in by_name])
        if gain is not None and any(k > 1 for k in gain):
            gains[gain] += 1
    return gains.most_common(1)[0][0] if gains else None


def _window(row: Row, before: Sequence[Row]) -> tuple[int, ...] | None:
    """Return the window of a convolution, as far as its field tells."""
    if row.kind not in _CONVOLUTIONS or len(before) != 1:
        return None
    mine, given, jumps = field_of(row), field_of(before[0]), before[0].effective_stride
    if mine is None or given is None or jumps is None:
        return None
    window = []
    for now, then, jump in zip(mine, given, jumps, strict=True):
        if now is None or then is None or not jump or (now - then) % jump:
            return None
        window.append(int((now - then) // jump) + 1)
    return tuple(window)


def _costs(base: Bill, bill: Bill, lead: str) -> Iterable[str]:
    """Say what is other in weights and work; `lead` says in which case, unless a sentence before it did."""
    if bill.dense_inputs != base.dense_inputs and bill.dense_inputs is not None and bill.dense_layer:
        sole = bill.dense_params == bill.dense
        what = "the classifier has" if sole else f"the first dense layer, {bill.dense_layer}, takes"
        weighs = f" and weighs {_instead(bill.dense_params, base.dense_params, 'parameters')}"
        yield _capital(
            f"{lead}{what} {_instead(bill.dense_inputs, base.dense_inputs, 'inputs')}"
            f"{'' if sole else weighs}, and the model {_instead(bill.params, base.params, 'parameters')}."
        )
    elif bill.params != base.params:
        yield _capital(f"{lead}the model has {_instead(bill.params, base.params, 'parameters')}.")
    elif bill.params is not None and bill.macs != base.macs:
        yield f"Parameters stay the same {number(bill.params)}."
    if bill.macs != base.macs and bill.macs is not None and base.macs is not None:
        took = f"{short(bill.macs)} multiply-accumulates instead of {short(base.macs)}"
        yield f"It takes {took}{_times(base, bill)}."


def _instead(new: Num | None, old: Num | None, what: str) -> str:
    return f"{number(new)} {what} instead of {number(old)}"


def _times(base: Bill, bill: Bill) -> str:
    """Say how many times as much it is, or how much more."""
    new, old = bill.macs, base.macs
    if not isinstance(new, int) or not isinstance(old, int) or not old:
        return ""
    share = new / old
    return f" ({share:,.1f} times)" if share >= _TIMES else f" ({share - 1:+.0%})"


def _position(comparison: ComparisonResult, base: Bill) -> Iterable[str]:
    """Say what steps cost that a counterfactual is without: positions inside of one are not told apart."""
    without = next((each for each in comparison.shown[1:] if each.name in _WITHOUT_STEPS), None)
    bill = None if without is None else without.bill
    if without is None or bill is None or bill.stride == base.stride or not any(bill.stride or ()):
        return
    if all(stride is None or stride <= 1 for stride in base.stride or ()):
        return
    what = "pooling gives" if comparison.pooling and without.name in ("plain", "dilated") else "strides give"
    yield (
        f"In exchange, {what} up position: the last map has one unit every {_every(base)}, "
        f"{_phrase(without)} one every {_every(bill)}.{_shifts(comparison, base)}"
    )


def _cause(comparison: ComparisonResult, base: Bill) -> Iterable[str]:
    """Say that maxima do not let a layer see further, where other windows in their place do so too."""
    plain = next((each.bill for each in comparison.entries if each.name == "plain"), None)
    if not comparison.pooling or plain is None or plain.stride == base.stride:
        return
    pairs = list(zip(plain.field or (), base.field or (), strict=False))
    if not pairs or not all(near is not None and far is not None and near < far for near, far in pairs):
        return
    alike = [
        _phrase(entry)
        for entry in comparison.entries[1:]
        if entry.changed and entry.bill is not None and entry.bill.field == base.field
        if entry.bill.stride == base.stride
    ]
    if alike:
        yield (
            f"So it is not the maxima that let {base.field_layer} see further, but the windows and their "
            f"steps: {few(alike)} it sees as far."
        )


def _shifts(comparison: ComparisonResult, bill: Bill) -> str:
    """Say which shifts of the input the last map follows, and which it may hide."""
    shifts = {shift for shift in bill.exact_shift or () if shift is not None}
    if len(shifts) != 1:
        return ""
    shift = shifts.pop()
    if shift >= min(filter(None, _extents(comparison)), default=shift + 1):
        return ""  # a shift of the whole input leaves nothing of it
    said = f" Far from the border it follows shifts of the input by {number(shift)} pixels exactly"
    if all(stride == shift for stride in bill.stride or ()):
        said = f" Far from the border a shift of the input by {number(shift)} pixels moves it by one unit"
    hidden = {shift for shift in bill.tolerated_shift or () if shift}
    # what moves the map by a unit is hidden by none
    most = number(min(hidden.pop(), shift - 1)) if len(hidden) == 1 else "0"
    if most == "0":
        return f"{said}."
    return f"{said}; max pooling may hide one of up to {most}, if maxima stay in their windows."


def _every(bill: Bill) -> str:
    steps = [stride for stride in bill.stride or () if stride is not None]
    if len(set(steps)) > 1:
        return f"{humanise.extents(bill.stride or ())} pixels"
    return "pixel" if steps[0] == 1 else f"{number(steps[0])} pixels"


def _compared(base: Entry, bill: Bill, other: Entry) -> str:
    assert other.bill is not None
    said = []
    for name, each in ((other.name, other.bill), (base.name, bill)):
        if each.field is not None:
            said.append(
                f"in {name}, {each.field_layer} sees {_pixels(each.field)} ({percent(each.coverage)})"
            )
    told = f"{_capital('; '.join(said))}. " if said else ""
    return (
        f"{told}{other.name} has {number(other.bill.params)} parameters and {short(other.bill.macs)} "
        f"multiply-accumulates, {base.name} {number(bill.params)} and {short(bill.macs)}."
    )

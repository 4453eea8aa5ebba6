"""The stacks that meet targets: the document, and the same for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from rfcalc.engine.result import Size
from rfcalc.questions.design.blocks import MEASURES
from rfcalc.questions.design.effort import GIVEN_UP
from rfcalc.questions.design.grammar import HEAD
from rfcalc.questions.design.result import Answer, DesignResult, Figures, Nearest, Placed, Price
from rfcalc.questions.design.targets import PER_AXIS, Target
from rfcalc.render import humanise
from rfcalc.render.escape import terminal
from rfcalc.render.fold import paragraph
from rfcalc.render.pieces import Paragraph, Piece
from rfcalc.render.shown import Documented, Shown
from rfcalc.render.table import LEFT, RIGHT, Table, laid_out

SCHEMA: Final = "rfcalc/design/1"

NOUNS: Final = {
    "field": "receptive field",
    "output": "output",
    "stride": "stride",
    "params": "parameters",
    "macs": "multiply-accumulates",
    "layers": "layers",
    "activations": "activations",
    "peak": "activation memory at its peak",
}
"""What figures are called."""

_UNITS: Final = {"layers": "layer", "params": "parameter", "peak": "byte"}
_MOST_COUNTED: Final = 10**12
_BLOCKS: Final = ("block", "output", "field", "stride", "layers", "params", "MACs")
_STACKS: Final = ("stack", "number", "params", "MACs", "layers", "field", "stride", "output")


class Design(Documented, Shown, DesignResult):
    """The result of `rfcalc.design`: the cheapest stacks that meet targets, or which targets leave none.

    It is true where there is a stack. ``answers[0].model`` is the model of the cheapest, as `rfcalc.analyze`
    takes it.

    Examples
    --------
    >>> import rfcalc
    >>> found = rfcalc.design(input=(32, 32, 3), field=">=40", layers="<=5")
    >>> bool(found), found.nearest[0].target.figure, found.nearest[0].below
    (False, 'field', (4, 4))
    """

    __slots__ = ()

    def _about(self) -> str:
        return f" of {self.grammar}: {humanise.sentence(len(self.answers), 'stack')}"

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/design/1``, as plain data."""
        return {
            "schema": SCHEMA,
            "grammar": {"name": self.grammar, "source": self.source},
            "input": list(self.input),
            "targets": [_target_document(target) for target in self.targets],
            "by": self.by,
            "stacks": self.stacks,
            "blocks": self.blocks,
            "answers": [_answer_document(answer) for answer in self.answers],
            "prices": [{**_target_document(price.target), self.by: price.value} for price in self.prices],
            "nearest": [
                {
                    **_target_document(each.target),
                    "below": None if each.below is None else list(each.below),
                    "above": None if each.above is None else list(each.above),
                }
                for each in self.nearest
            ],
            "notes": [note._asdict() for note in self.notes],
        }

    def pieces(self) -> list[Piece]:
        """Return the cheapest stack block by block, what it comes to in sentences, and the next ones."""
        found: list[Piece] = [Paragraph(_title(self))]
        if self.answers:
            found.append(_blocks_table(self.answers[0]))
        found += map(Paragraph, _sentences(self))
        if len(self.answers) > 1:
            found.append(_stacks_table(self))
            spelled = enumerate(map(_spelled, self.answers), 1)
            found += [Paragraph(f"Stack {rank}: {text}.") for rank, text in spelled if rank > 1]
        return found

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return tables and sentences for a terminal.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        parts = []
        for piece in self.pieces():
            if isinstance(piece, Table):
                parts.append(laid_out(piece, width, unicode=unicode))
            elif isinstance(piece, Paragraph):
                parts.append(paragraph(terminal(piece.text, unicode=unicode), width))
        return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


# ---- the document ------------------------------------------------------------------------------------------


def _target_document(target: Target) -> dict[str, Any]:
    value = list(target.value) if target.figure in PER_AXIS else target.value[0]
    return {"figure": target.figure, "comparison": target.comparison, "value": value}


def _answer_document(answer: Answer) -> dict[str, Any]:
    return {
        "number": answer.number,
        "choices": dict(answer.chosen),
        "figures": _lists(answer.figures._asdict()),
        "stack": [_placed_document(placed) for placed in answer.placed],
        "model": answer.model,
    }


def _placed_document(placed: Placed) -> dict[str, Any]:
    document: dict[str, Any] = {"block": placed.part, "choices": dict(placed.chosen)}
    if placed.part != HEAD:
        sees = {"output": placed.output, "channels": placed.channels, "field": placed.field}
        document.update(_lists({**sees, "stride": placed.stride}))
    costs = dict(zip(MEASURES, placed.costs, strict=True))
    del costs["peak"]  # that of the whole is what counts
    return {**document, **costs}


def _lists(document: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in document.items()}


# ---- tables ------------------------------------------------------------------------------------------------


def _blocks_table(answer: Answer) -> Table:
    """Show a stack part by part; such as are alike and follow each other keep a row each."""
    rows = [
        (
            placed.name,
            humanise.extents((*placed.output, placed.channels)) if placed.output else "",
            _sizes(placed.field) if placed.output else "",
            _sizes(placed.stride) if placed.output else "",
            humanise.number(placed.costs[MEASURES.index("layers")]),
            humanise.number(placed.costs[0]),
            humanise.number(placed.costs[1]),
        )
        for placed in answer.placed
    ]
    figures = answer.figures
    total = (
        "with the input", "", "", "", humanise.number(figures.layers), humanise.number(figures.params),
        humanise.number(figures.macs),
    )  # fmt: skip
    return Table(_BLOCKS, (LEFT, *(RIGHT,) * (len(_BLOCKS) - 1)), tuple(rows), total)


def _stacks_table(result: DesignResult) -> Table:
    rows = [
        (
            str(rank),
            str(answer.number),
            humanise.short(answer.figures.params),
            humanise.short(answer.figures.macs),
            humanise.number(answer.figures.layers),
            _sizes(answer.figures.field),
            _sizes(answer.figures.stride),
            humanise.extents(answer.figures.output),
        )
        for rank, answer in enumerate(result.answers, 1)
    ]
    return Table(_STACKS, (RIGHT,) * len(_STACKS), tuple(rows))


def _spelled(answer: Answer) -> str:
    """Spell a stack on one line, with the count of such as follow each other."""
    pieces = []
    for name, same in groupby(placed.name for placed in answer.placed):
        many = len(list(same))
        pieces.append(f"{many} x {name}" if many > 1 else name)
    chosen = ", ".join(f"{name} {value}" for name, value in answer.chosen)
    return ", ".join(pieces) + (f"; {chosen}" if chosen else "")


def _sizes(sizes: Sequence[Size]) -> str:
    """Spell a size along each axis: once where all are the same.

    >>> _sizes((3, 3)), _sizes((3, 5)), _sizes((None, None))
    ('3', '3x5', 'all')
    """
    spelled = ["all" if size is None else str(size) for size in sizes]
    return spelled[0] if len(set(spelled)) == 1 else "x".join(spelled)


# ---- sentences ---------------------------------------------------------------------------------------------


def _title(result: DesignResult) -> str:
    """Say what was asked, and of how many stacks."""
    asked = _listed([_target(target) for target in result.targets])
    wanted = f"Wanted: {asked}" if asked else "Nothing is asked for"
    of = (
        f"f the {_count(result.stacks)} stacks of up to {humanise.sentence(result.blocks, 'block')} that the "
        f"grammar {result.grammar!r} has"
    )
    size = f"at an input of {humanise.extents(result.input)}"
    if result.number is not None:
        return f"Stack {result.number} o{of}, {size}."
    at = f"{wanted}, {size}. O{of}"
    if not result.answers:
        return f"{at}, none meets that."
    least = _value(Target(result.by, "=", (result.answers[0].figures.of(result.by)[0] or 0,)))
    return f"{at}, this one is the cheapest: it has {least}."


def _sentences(result: DesignResult) -> Iterator[str]:
    if not result.answers:
        yield from _none(result)
        return
    answer = result.answers[0]
    if answer.chosen:
        chosen = _listed([f"{name} is {value:,}" for name, value in answer.chosen])
        yield f"Of what is chosen once for a stack, {chosen}."
    yield from _composed(answer)
    yield _spent(answer)
    yield from _room(result, answer.figures)
    yield from (_priced(result, price) for price in result.prices)


def _composed(answer: Answer) -> Iterator[str]:
    """Say of what the field is made, and what reductions buy of it."""
    seen = [placed for placed in answer.placed if placed.part != HEAD]
    for axis in range(len(answer.figures.field)):
        size = answer.figures.field[axis]
        if size is None:
            gate = next(placed for placed in seen if placed.field[axis] is None)
            yield f"From {gate.name} on every element sees all of the input, through a gate."
            return
        if axis and len(set(answer.figures.field)) == 1:
            return  # as along the first
        terms, step = [], 1
        for placed in seen:
            if placed.window[axis] > 1:
                terms.append((placed.window[axis] - 1, step))
            step *= placed.step[axis]
        summed = " + ".join(_term(*term, len(list(same))) for term, same in groupby(terms))
        yield (
            f"The field is {size:,} = 1 + {summed}: each block adds its window less one, times the stride "
            "before it."
            if summed
            else f"The field is {size:,}."
        )
        alone = 1 + sum(window for window, _ in terms)
        reductions = [placed for placed in seen if placed.step[axis] > 1]
        if reductions and alone < size:
            names = dict.fromkeys(placed.name for placed in reductions)
            by = f"{_listed(names)} {'brings' if len(names) == 1 else 'bring'}"
            yield (
                f"With a stride of 1 throughout the same windows would see {alone:,}: {by} the other "
                f"{size - alone:,}, for a map {answer.figures.stride[axis]:,} times coarser."
            )


def _term(window: int, step: int, times: int) -> str:
    """Spell how much of the field blocks add that are alike.

    >>> _term(16, 2, 3), _term(2, 1, 1)
    ('3*16*2', '2')
    """
    factors = [str(times)] if times > 1 else []
    factors.append(str(window))
    if step > 1:
        factors.append(str(step))
    return "*".join(factors)


def _spent(answer: Answer) -> str:
    """Say where parameters and multiply-accumulates are spent."""
    said = []
    for place, noun in ((0, "parameters"), (1, "multiply-accumulates")):
        total = sum(placed.costs[place] for placed in answer.placed)
        shares: dict[str, int] = {}
        for placed in answer.placed:
            where = f"in the {HEAD}"
            if placed.output:
                where = f"on the way to maps of {humanise.extents(placed.output)}"
            shares[where] = shares.get(where, 0) + placed.costs[place]
        where, most = max(shares.items(), key=lambda each: each[1])
        if total:
            said.append(f"{humanise.percent(most / total)} of the {noun} {where}")
    return f"It spends {_listed(said)}." if said else "It has neither parameters nor multiply-accumulates."


def _room(result: DesignResult, figures: Figures) -> Iterator[str]:
    """Say how much targets leave."""
    left = []
    for target in result.targets:
        has, value = figures.of(target.figure), target.value
        if target.comparison in ("<=", "<") and target.figure in MEASURES and has[0]:
            share = humanise.percent(has[0] / value[0]) if has[0] < value[0] else "all"
            left.append(f"{share} of the {NOUNS[target.figure]} that it may have")
    if left:
        yield f"It uses {_listed(left)}."


def _priced(result: DesignResult, price: Price) -> str:
    """Say what one step more or less costs."""
    cheapest = result.answers[0].figures.of(result.by)[0] or 0
    step = f"With {_step(price.target)}"
    if price.value is None:
        return f"{step} there is no stack that meets the targets."
    more = price.value - cheapest
    if not more:
        return f"{step} another stack is as cheap."
    share = f", {humanise.percent(more / cheapest)} more" if cheapest else ""
    if cheapest and more >= 2 * cheapest:
        share = f", {price.value / cheapest:.1f} times as many"
    return f"{step} the cheapest has {_value(Target(result.by, '=', (price.value,)))}{share}."


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _step(target: Target) -> str:
    """Spell a bound that is one step beyond what the cheapest comes to."""
    noun = NOUNS[target.figure]
    value = _value(target)
    if target.figure in PER_AXIS:
        return f"{_article(noun)} {noun} of {value} or {'more' if target.comparison == '>=' else 'less'}"
    return f"{'at least' if target.comparison == '>=' else 'at most'} {value}"


def _value(target: Target) -> str:
    if target.figure in PER_AXIS:
        return "x".join(f"{size:,}" for size in target.value)
    number = target.value[0]
    if target.figure == "peak" and isinstance(number, int):
        return f"{number:,} bytes at the peak"
    shown = f"{number:,}" if isinstance(number, int) else str(number)
    unit = _UNITS.get(target.figure)
    return f"{shown} {unit}{'' if number == 1 else 's'}" if unit else f"{shown} {NOUNS[target.figure]}"


def _target(target: Target) -> str:
    """Spell a target.

    >>> _target(Target("params", "<=", (10,))), _target(Target("field", ">=", (7, 9)))
    ('at most 10 parameters', 'a receptive field of at least 7x9')
    """
    words = {"<=": "at most ", ">=": "at least ", "=": "exactly ", "<": "less than ", ">": "more than "}
    how = words[target.comparison]
    if target.figure in PER_AXIS:
        noun = NOUNS[target.figure]
        return f"{_article(noun)} {noun} of {how}{_value(target)}"
    return f"{how}{_value(target)}"


def _none(result: DesignResult) -> Iterator[str]:
    """Say which targets rule every stack out, and how near one comes."""
    if not result.nearest and any(note.code == GIVEN_UP for note in result.notes):
        yield "What rules it out is not known: the search for that was given up."
        return
    if not result.nearest:
        yield "Its blocks cannot be built at this input at all."
        return
    targets = [_target(each.target) for each in result.nearest]
    if len(targets) == 1:
        yield f"{targets[0][0].upper()}{targets[0][1:]} is what no stack of the grammar has."
    else:
        yield f"What rules it out: {_listed(targets)} cannot be had together."
    for each in result.nearest:
        others = [_target(other.target) for other in result.nearest if other is not each]
        yield from _near(each, others)


def _near(nearest: Nearest, others: Sequence[str]) -> Iterator[str]:
    """Say how near to a target the others let one come."""
    figure = nearest.target.figure
    behind = f"With {_listed(others)}" if others else "In this grammar"
    for value, word, side in ((nearest.below, "most", "below"), (nearest.above, "least", "above")):
        if value is None:
            continue
        if figure in PER_AXIS:
            size = {"most": "largest", "least": "smallest"}[word]
            which = f"{size} {NOUNS[figure]}"
            if nearest.target.comparison == "=":
                which = f"nearest {NOUNS[figure]} {side} it"
            shown = "x".join("all" if each is None else f"{each:,}" for each in value)
            yield f"{behind} the {which} is {shown}."
        else:
            near = {"most": "there are at most", "least": "it takes at least"}[word]
            if nearest.target.comparison == "=":
                near = f"the nearest {side} it is"
            yield f"{behind} {near} {_value(Target(figure, '=', (value[0] or 0,)))}."


def _listed(items: Iterable[str]) -> str:
    """Join phrases.

    >>> _listed(["a", "b", "c"]), _listed(["a"])
    ('a, b and c', 'a')
    """
    every = list(items)
    return " and ".join(part for part in (", ".join(every[:-1]), every[-1]) if part) if every else ""


def _count(number: int) -> str:
    """Write a count, of more than can be read its power of ten.

    >>> _count(1234), _count(3 * 10**40)
    ('1,234', 'about 10^40')
    """
    return f"{number:,}" if number < _MOST_COUNTED else f"about 10^{len(str(number)) - 1}"

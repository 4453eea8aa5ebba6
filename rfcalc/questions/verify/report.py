"""A verification: its document, and what it says in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rfcalc.questions.verify.result import UNREAD, Difference, VerificationResult
from rfcalc.render.escape import terminal
from rfcalc.render.fold import fold
from rfcalc.render.humanise import sentence
from rfcalc.render.shown import Documented
from rfcalc.wording import few

SCHEMA: Final = "rfcalc/verification/1"

_SPOKEN: Final = {
    "output_shape": "its output shape",
    "outputs": "how many outputs it has",
    "receptive_field": "the receptive field",
    "receptive_field_min": "the smallest receptive field of its phases",
    "effective_stride": "the effective stride",
    "effective_padding": "the effective padding",
    "center": "the centre",
    "params": "its parameters",
    "macs": "its multiply-accumulates",
}


class Verification(Documented, VerificationResult):
    """The result of `rfcalc.verify`: how much of an analysis was verified, and what differs.

    Examples
    --------
    >>> import rfcalc
    >>> found = rfcalc.verify({"rfcalc": 1, "input": [28, 1], "layers": [
    ...     {"kind": "conv", "filters": 1, "kernel": 3},
    ... ]})
    >>> found.holds, found.rows, found.sizes
    (True, 2, ((28,),))
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<Verification of {self.model}: {self.verdict}>"

    @property
    def verdict(self) -> str:
        """What comes of it, in one sentence."""
        count = f"{self.layers} layer{'s' * (self.layers != 1)}"
        if self.differences:
            names = list(dict.fromkeys(each.layer for each in self.differences))
            return (
                f"{len(names)} of {count} differ{'s' * (len(names) == 1)}: {few(map(repr, names), most=3)}."
            )
        doubts = [
            f"{number} {what}"
            for number, what in (
                (self.bounds, "bounds that hold"),
                (self.unknown, "unknown"),
            )
            if number
        ]
        reserves = []
        if missing := len({each.layer for each in self.unchecked if each.what != UNREAD}):
            reserves.append(f"of {missing} not everything could be checked")
        if any(each.what == UNREAD for each in self.unchecked):
            reserves.append("what was not read may hide some of what they see")
        if self.loose:
            reserves.append("some may see less than is said")
        tail = "".join(f"; {each}" for each in reserves)
        if doubts:
            return f"{count}: {self.exact} exact, {', '.join(doubts)}{tail}."
        return f"{count}: none differs{tail}." if reserves else f"{count}, all exact."

    def to_dict(self) -> dict[str, Any]:
        """Return the document, ``rfcalc/verification/1``, as plain data."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "source": self.source,
            "input": self.input,
            "holds": self.holds,
            "sizes": [list(size) for size in self.sizes],
            "filled": {name: list(shape) for name, shape in self.filled},
            "layers": self.layers,
            "exact": self.exact,
            "bounds": self.bounds,
            "unknown": self.unknown,
            "verified": {"rows": self.rows, "figures": self.figures, "counts": self.counts},
            "params": self.params,
            "held": self.held,
            "run": {
                "by": self.runtime or None,
                "how": self.ran,
                "left_out": self.left,
                "maps": self.maps,
                "claimed": self.claimed,
                "seen": self.seen,
                "loose": [each._asdict() for each in self.loose],
            }
            if self.ran or self.left
            else None,
            "differences": [each._asdict() for each in self.differences],
            "unchecked": [each._asdict() for each in self.unchecked],
        }

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return what was verified for a terminal, the first difference spelled out, and the verdict.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        lines: list[str] = []
        for text in self._said():
            lines += fold(terminal(text, unicode=unicode), width) if text else [""]
        return "\n".join(lines) + "\n"

    def _said(self) -> Iterator[str]:
        sizes = " and ".join("x".join(map(str, size)) for size in self.sizes)
        yield (
            f"{self.model} at {sizes} of {self.input}: each figure computed a second, independent way, "
            "index by index from what its layers are by definition"
        )
        if self.filled:
            shapes = (
                f"{name} {'x'.join('?' if n is None else str(n) for n in shape)}"
                for name, shape in self.filled
            )
            yield f"open extents were taken as {', '.join(shapes)}"
        yield ""
        if any(self.sizes):  # a vector has no positions
            yield f"which inputs every unit reads, one by one: {self._agreeing(self.rows)}"
            yield f"fields, strides, paddings and centres: {self._agreeing(self.figures)}"
        yield f"parameters and multiply-accumulates: {self._agreeing(self.counts, but=self.inputs)}"
        if self.held is not None and self.params is not None:
            yield f"{self.params:,} parameters by the analysis, {self._in_tensors(self.held, self.params)}"
        if self.ran:
            other = "" if any(each.by == "run" for each in self.differences) else ", and no other"
            rows = f"{self.seen:,} of {self.claimed:,} rows"
            yield f"{self.ran}: in {self.maps} tensors {rows} changed that are said to{other}"
        if self.left:
            yield self.left
        if self.loose:
            first = self.loose[0]
            names = few(map(repr, dict.fromkeys(each.layer for each in self.loose)), most=3)
            yield (
                f"warning: exact rows that never changed, so they may hold too much: {names}; "
                f"in {first.layer!r} {first.pairs:,}, the first: {first.text}"
            )
        yield from self._not_checked()
        yield ""
        if self.differences:
            yield from _counterexample(self.differences[0])
            more = len(self.differences) - 1
            if more:
                yield f"{more} more difference{'s' * (more > 1)} behind it or beside it"
        yield self.verdict

    def _not_checked(self) -> Iterator[str]:
        """Say what was not checked, each reason once."""
        reasons: dict[str, list[str]] = {}
        for each in self.unchecked:
            reason = f": {each.reason}" if each.what == UNREAD else f", {each.what}: {each.reason}"
            reasons.setdefault(reason, []).extend(() if each.what == UNREAD else (repr(each.layer),))
        for reason, layers in reasons.items():
            yield f"not checked{reason}" + (f": {few(layers, most=3)}" if layers else "")

    def _agreeing(self, number: int, *, but: int = 0) -> str:
        """Say of how many layers something agrees; of `but` inputs there is nothing to compare."""
        every = self.layers - but
        agreeing = f"{sentence(number, 'layer')} agree{'s' * (number == 1)}"
        if number == every:
            none = "" if not but else " (the input has none)" if but == 1 else " (inputs have none)"
            return f"{'all ' * (number > 1)}{agreeing}{none}"
        if self.differences:
            return f"{number:,} of {every:,} layers agree"
        return f"{agreeing}, {every - number:,} not checked"

    @staticmethod
    def _in_tensors(held: int, params: int) -> str:
        """Say how many of the parameters were counted in the file's own tensors, in words."""
        if held == params:
            return "as many in the tensors that layers take"
        if held > params:
            return f"but {held:,} in the tensors that layers take"
        apart = f"nothing else was compared with the other {params - held:,}"
        return f"{held:,} of them counted in the file's tensors; {apart}"

    def __str__(self) -> str:
        return self.to_text()


def _counterexample(each: Difference) -> Iterator[str]:
    """Spell out one difference, the first in the order of the graph."""
    along = f" along {each.axis}s" if each.axis else ""
    yield f"{each.layer!r} ({each.op}; the rule of {each.kind!r}):" if each.kind else "in the whole model:"
    if each.by == "run":
        if each.what in _SPOKEN:
            yield f"  {_SPOKEN[each.what]}"
        yield f"  by the rules: {each.by_rule}"
        yield f"  when run:     {each.by_definition}"
        return
    if each.what == "rows":
        unit = "every output" if each.unit is None else f"output {each.axis} {each.unit}"
        yield f"  {unit} depends on {each.axis}s of the input"
        yield f"  by the rule:       {each.by_rule}"
    else:
        yield f"  {_SPOKEN[each.what]}{along}"
        yield f"  by the rule:       {each.by_rule}"
    yield f"  by its definition: {each.by_definition}"

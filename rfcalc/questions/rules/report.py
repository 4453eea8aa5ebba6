"""``rfcalc rules``: the formulas of each kind, made by running its rule on symbols."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rfcalc.algebra.number import Num
from rfcalc.algebra.steps import (
    AtMost,
    Contract,
    Cover,
    Insert,
    Lose,
    Mix,
    Place,
    Reduce,
    Scan,
    Slide,
    Step,
)
from rfcalc.algebra.window import Window
from rfcalc.errors import UsageError
from rfcalc.graph.layer import TensorSpec
from rfcalc.render.fold import fold
from rfcalc.render.pieces import Heading, Listing, Paragraph, Piece
from rfcalc.render.shown import Shown
from rfcalc.render.table import LEFT, Table
from rfcalc.rules.apply import apply_rule
from rfcalc.rules.registry import INTERNAL, REQUIRED, Kind, Result, Setting, kinds
from rfcalc.rules.specimens import SPECIMENS, Specimen
from rfcalc.wording import MARKUP

_NATURAL: Final = frozenset("pqo")
"""Letters of numbers that may be zero."""


@dataclass(frozen=True, slots=True)
class Formulas:
    """The formulas of one specimen: pairs of what it is and how it is written."""

    title: str
    lines: tuple[tuple[str, str], ...]


def _make(letter: str) -> Num:
    from rfcalc.algebra.symbols import symbol

    return symbol(letter, natural=letter[:1] in _NATURAL)


def formulas(specimen: Specimen) -> Formulas:
    """Run the rule of a specimen on symbols and write down what it says."""
    attrs, inputs = specimen.build(_make)
    result = apply_rule(kinds()[specimen.kind], attrs, inputs)
    lines = [("input", " and ".join(map(_shape, inputs)))] if inputs else []
    for number, output in enumerate(result.outputs):
        lines.append(("output" if number == 0 else f"output {number}", _shape(output)))
    lines.extend(_dependence(result, inputs))
    for weight in result.weights:
        role = f"weight {weight.role}" + ("" if weight.trainable else " (not trained)")
        lines.append((role, _product(weight.shape)))
    if result.weights:
        lines.append(("parameters", _spell(sum((weight.count for weight in result.weights), 0))))
    if not isinstance(result.macs, int) or result.macs:
        lines.append(("MACs", _macs(result, inputs)))
    return Formulas(specimen.title, tuple(lines))


def _macs(result: Result, inputs: Sequence[TensorSpec]) -> str:
    """Write MACs with a dash for the output's extents, which stand above in full."""
    names: dict[Num, Num] = {}
    for before, after in zip(inputs[0].shape, result.outputs[0].shape, strict=False):
        if before != after and len(inputs[0].shape) == len(result.outputs[0].shape):
            names[after] = _make(f"{before}'")
    macs = result.macs
    for extent, name in names.items():
        macs = macs.subs(extent, name) if len(str(extent)) > len(str(name)) else macs
    return _spell(macs)


def _spell(value: Num) -> str:
    from rfcalc.algebra.symbols import spell, tidy

    return spell(tidy(value, expand=False))


def _shape(spec: TensorSpec) -> str:
    return "(" + ", ".join(_spell(extent) for extent in spec.shape) + ")"


def _product(shape: Sequence[Num]) -> str:
    return " × ".join(_spell(extent) for extent in shape) or "1"  # noqa: RUF001  a product is meant


def _dependence(result: Result, inputs: Sequence[TensorSpec]) -> list[tuple[str, str]]:
    """Write down what one output index needs, axis by axis, for the first output."""
    lines: list[tuple[str, str]] = []
    for path in result.paths[0]:
        which = f" of input {path.input}" if len(inputs) > 1 else ""
        said = False
        new = {axis for step in path.steps if isinstance(step, Insert) for axis in step.axes}
        for step in path.steps:
            if isinstance(step, Place) and step.axis in new:  # no axis of the input
                continue
            for axis, text in _step_lines(step, inputs[path.input]):
                line = (f"field along {axis}{which}", text)
                lines += [line] if line not in lines else []  # attention contracts the features twice
                said = True
        if not said:
            lines.append((f"field{which}", "each element depends on the one at its own place"))
    if result.gated is not None:
        lines.append(("local field", "with the statistics cut: the element at its own place"))
    return lines


def _axis_name(spec: TensorSpec, axis: int) -> str:
    return _spell(spec.shape[axis]) if axis < len(spec.shape) else f"axis {axis}"


def _step_lines(step: Step, spec: TensorSpec) -> list[tuple[str, str]]:
    """Write down one step, as pairs of the axis and what is read along it; nothing for mere reshaping."""
    texts: tuple[tuple[int, str], ...] = ()
    match step:
        case Slide():
            texts = ((step.axis, _window(step.window)),)
        case Contract():
            texts = ((step.axis, "all of it"),)
        case Mix() | Reduce():
            texts = tuple((axis, "all of it") for axis in step.axes)
        case Scan():
            texts = ((step.axis, "all up to i" if step.forward else "all from i on"),)
        case Place() if step.before != 0:
            texts = ((step.axis, f"i - {_spell(step.before)}"),)
        case Lose():
            texts = ((step.axis, f"at most all of it ({step.reason})"),)
        case AtMost():
            texts = tuple((axis, f"at most its own place ({step.reason})") for axis in range(len(spec.shape)))
        case Cover():
            texts = tuple((axis, f"at most all of it ({step.reason})") for axis in range(len(spec.shape)))
    return [(_axis_name(spec, axis), text) for axis, text in texts]


def _window(window: Window) -> str:
    from rfcalc.algebra.symbols import symbol

    i = symbol("i", natural=True)
    first, last = window.first(i), window.last(i)
    one = _spell(first) == _spell(last)
    text = _spell(first) if one else f"{_spell(first)} ... {_spell(last)}"
    if not one and _spell(window.step) != "1":
        text += f", every {_spell(window.step)}"
    return f"output i reads {text}; period ({_spell(window.period)}, {_spell(window.advance)})"


# ---- rendering ---------------------------------------------------------------------------------------------


def chosen_kinds(names: Sequence[str]) -> list[Kind]:
    """Return the kinds of those names, or of the other names that a model may give them; or all.

    Raises
    ------
    UsageError
        There is no kind of a name.
    """
    if not names:
        return sorted(kinds().values(), key=lambda kind: kind.name)
    from rfcalc.readers.spellings import spellings

    # whatever a model may call a kind: max_pool2d, dense, relu
    table = {name: spelling.kind for name, spelling in spellings().items()} | dict(kinds())
    for name in names:
        if name not in table:
            import difflib

            close = difflib.get_close_matches(name.lower(), table, 3)
            hint = (
                f"; did you mean {' or '.join(map(repr, close))}?"
                if close
                else "; rfcalc rules lists them all"
            )
            raise UsageError(f"there is no kind {name!r}{hint}")
    return list({table[name].name: table[name] for name in names}.values())


def render(names: Sequence[str] = (), format: str = "text", *, width: int = 80, unicode: bool = True) -> str:
    """Write the formulas of kinds as ``text``, ``json``, or in a markup language.

    Parameters
    ----------
    names : sequence of str
        Kinds; all, where empty.
    format : str
        The format.
    width : int
        Columns of the terminal, for text.
    unicode : bool
        False for a terminal that shows ASCII alone, for text.

    Raises
    ------
    UsageError
        There is no such kind.
    """
    chosen = [(kind, [formulas(s) for s in SPECIMENS if s.kind == kind.name]) for kind in chosen_kinds(names)]
    if format == "json":
        document = {"schema": "rfcalc/rules/1", "kinds": [_as_data(*each) for each in chosen]}
        return json.dumps(document, indent=1) + "\n"
    if format in MARKUP and format != "markdown":
        return Rules(names).to_markup(format)
    if format == "markdown":
        head = _MARKDOWN_HEAD if not names else ""
        return head + "\n".join(_as_markdown(*each) for each in chosen)
    lines = [line for each in chosen for line in (*_as_text(*each), ("", 0))]
    lines.append((" ".join(_LETTERS.split()), 0))
    clear = ((text if unicode else text.translate(_ASCII), indent) for text, indent in lines)
    return "\n".join(line for text, indent in clear for line in fold(text, width, indent)) + "\n"


class Rules(Shown):
    """The formulas of kinds, for a document.

    Parameters
    ----------
    names : sequence of str
        Kinds; all, where empty.

    Raises
    ------
    UsageError
        There is no such kind.
    """

    __slots__ = ("_kinds", "_names")

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names, self._kinds = names, chosen_kinds(names)

    def _about(self) -> str:
        return f" of {', '.join(self._names) or 'all kinds'}"

    def pieces(self) -> list[Piece]:
        """Return for each kind what it is, its settings as a table, and its formulas as listings."""
        pieces: list[Piece] = []
        for kind in self._kinds:
            pieces += [Heading(kind.name), Paragraph(kind.summary)]
            settings = tuple((each.name, _default(each), each.doc) for each in _public(kind))
            if settings:
                pieces.append(Table(("setting", "default", "meaning"), (LEFT,) * 3, settings))
            for specimen in SPECIMENS:
                if specimen.kind == kind.name:
                    found = formulas(specimen)
                    pieces += [Paragraph(f"{found.title}:")] if found.title else []
                    pieces.append(Listing("\n".join(_lined_up(found.lines))))
        return pieces

    def to_text(self, width: int = 80, *, unicode: bool = True) -> str:
        """Return the formulas for a terminal.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        """
        return render(self._names, width=width, unicode=unicode)


def _lined_up(lines: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in lines)
    return [f"{name:<{width}}  {text}" for name, text in lines]


def _as_data(kind: Kind, specimens: Sequence[Formulas]) -> dict[str, Any]:
    return {
        "kind": kind.name,
        "summary": kind.summary,
        "settings": [
            {"name": s.name, "form": s.form, "default": _default(s), "doc": s.doc} for s in _public(kind)
        ],
        "formulas": [{"case": each.title, **dict(each.lines)} for each in specimens],
    }


def _public(kind: Kind) -> list[Setting]:
    return [setting for setting in kind.settings if setting.form != INTERNAL]


def _default(setting: Setting) -> str:
    if setting.default is REQUIRED:
        return "required"
    return json.dumps(setting.default) if setting.default is not None else ""


def _as_text(kind: Kind, specimens: Sequence[Formulas]) -> list[tuple[str, int]]:
    """Write lines, each with the indent of what it is folded to."""
    lines = [(kind.name, 0), (f"  {kind.summary}", 2)]
    for setting in _public(kind):
        default = _default(setting)
        shown = f" [{default}]" if default else ""
        lines.append((f"    {setting.name}: {setting.doc}{shown}", 6))
    for each in specimens:
        if each.title:
            lines.append((f"  {each.title}:", 2))
        margin = max(len(name) for name, _ in each.lines) + 2
        lines.extend((f"    {name:<{margin}}{text}", 4 + margin) for name, text in each.lines)
    return lines


_ASCII: Final = str.maketrans({"⌊": "floor(", "⌋": ")", "×": "x"})  # noqa: RUF001  a product is meant

_LETTERS: Final = """Letters: B batch, H W T extents of the map, C channels, F filters or units, k kernel,
s stride, d dilation, p and q padding before and after, g groups, m an output extent that is given,
i an output index. Subscripts name the axis, and a dash stands for the output: H' is its extent along H.
A period (P, Q) says that what output i + P reads is what output i reads, moved by Q; Q/P is the stride
of the layer.
"""

_MARKDOWN_HEAD: Final = f"""# Rules

Every layer kind has one rule, written once over numbers, formulas and many designs at once. The formulas
below are not typed by hand: `rfcalc rules --format markdown` makes this page by running each rule on symbols.

{_LETTERS}
"""


def _as_markdown(kind: Kind, specimens: Sequence[Formulas]) -> str:
    lines = [f"## {kind.name}", "", kind.summary, ""]
    if _public(kind):
        lines += ["| setting | default | meaning |", "| --- | --- | --- |"]
        for setting in _public(kind):
            default = _default(setting)
            doc = setting.doc.replace("|", "\\|")
            lines.append(f"| `{setting.name}` | {f'`{default}`' if default else ''} | {doc} |")
        lines.append("")
    for each in specimens:
        if each.title:
            lines += [f"*{each.title}*", ""]
        lines += ["```text"]
        lines += [*_lined_up(each.lines), "```", ""]
    return "\n".join(lines)

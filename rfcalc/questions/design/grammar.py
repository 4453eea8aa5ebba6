"""Grammars of blocks, ``"rfcalc-grammar": 1``: which stacks there are, as a document that people write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Final

from rfcalc.algebra.expression import NAME
from rfcalc.errors import ReadError, RfcalcError
from rfcalc.readers import parsing, values
from rfcalc.readers.native import LAYOUT_WORDS, read_native
from rfcalc.readers.native_nodes import MOST_LAYERS, layer_name, name_of_parameter
from rfcalc.readers.sources import opened, source_name
from rfcalc.readers.spelled import closest, got, listed
from rfcalc.readers.values import Number, Place
from rfcalc.records import NamedTuple

VERSION: Final = 1
KEY: Final = "rfcalc-grammar"
KEYS: Final = (
    "$schema", KEY, "name", "description", "layout", "choices", "width", "most_blocks", "stem", "blocks",
    "head",
)  # fmt: skip
PART_KEYS: Final = ("description", "choices", "layers", "output")
STEM_KEYS: Final = (*PART_KEYS, "reduces")
BLOCK_KEYS: Final = (*STEM_KEYS, "most", "after")

STEM: Final = "stem"
HEAD: Final = "head"
START: Final = "start"
"""What ``after`` calls the place before the first block."""

WIDTH: Final = "width"
CHANNELS: Final = "channels"
REDUCTIONS: Final = "reductions"
GIVEN: Final = (WIDTH, CHANNELS, REDUCTIONS)
"""What expressions of layers may use beside choices."""

MOST_BLOCKS: Final = 12
"""Blocks of a stack, where a grammar does not say."""

MOST_OPTIONS: Final = 1_000
"""Combinations of choices, of a part or of the whole grammar."""

LARGEST_COUNT: Final = 200

Values = Mapping[str, int]
"""What choices are set to, by name."""

_WORD: Final = re.compile(NAME)


@dataclass(frozen=True, eq=False)
class Part:
    """A block, the stem or the head: layers with choices.

    Parameters
    ----------
    name : str
        What it is called.
    choices : mapping of str to tuple of int
        The values that each name in its layers may take.
    body : mapping
        Its ``layers``, and ``output`` where one is named, in the native format.
    names : tuple of str
        Those of all names that its layers use.
    reduces : int or Deferred
        How many reductions it counts for.
    most : int, optional
        How many of it may stand in a row.
    after : frozenset of str, optional
        The blocks that it may follow.
    """

    name: str
    choices: Mapping[str, tuple[int, ...]]
    body: Mapping[str, Any]
    names: tuple[str, ...]
    reduces: Number = 0
    most: int | None = None
    after: frozenset[str] | None = None

    @cached_property
    def options(self) -> tuple[Values, ...]:
        """All combinations of its choices, the last moving fastest."""
        return combinations(self.choices)

    @property
    def definition(self) -> dict[str, Any]:
        """The block of the native format that it is."""
        return {**({"arguments": list(self.names)} if self.names else {}), **self.body}


class Option(NamedTuple):
    """A block with its choices made."""

    place: int
    block: Part
    chosen: Values


@dataclass(frozen=True, eq=False)
class Grammar:
    """A grammar: what a stack is made of.

    Parameters
    ----------
    name, source : str
        What it is called, and the name of its file.
    layout : str
        ``channels_last`` or ``channels_first``.
    choices : mapping of str to tuple of int
        What is chosen once for a whole stack.
    width : int or Deferred, optional
        The channels of a block, by choices and the reductions so far.
    most_blocks : int
        Blocks of a stack.
    stem, head : Part, optional
        What every stack begins and ends with.
    blocks : tuple of Part
        What may stand between.
    """

    name: str
    source: str
    layout: str
    choices: Mapping[str, tuple[int, ...]]
    width: Number | None
    most_blocks: int
    stem: Part | None
    blocks: tuple[Part, ...]
    head: Part | None

    @cached_property
    def globals(self) -> tuple[Values, ...]:
        """All combinations of what is chosen once, the last moving fastest."""
        return combinations(self.choices)

    @cached_property
    def options(self) -> tuple[Option, ...]:
        """All blocks with their choices made, in the document's order, the last choice moving fastest."""
        return tuple(
            Option(place, block, chosen)
            for place, block in enumerate(self.blocks)
            for chosen in block.options
        )

    @property
    def parts(self) -> Iterator[Part]:
        """The stem, the blocks and the head."""
        return (part for part in (self.stem, *self.blocks, self.head) if part is not None)

    # ---- which blocks may follow -------------------------------------------------------------------------

    def follows(self, state: State, place: int) -> State | None:
        """Return the state behind one more block, given by its number; None where it may not stand there."""
        block, last, run = self.blocks[place], *state
        if block.after is not None and (START if last < 0 else self.blocks[last].name) not in block.after:
            return None
        run = run + 1 if place == last else 1
        if block.most is not None and run > block.most:
            return None
        # only what later blocks ask for, so that what cannot matter is not told apart
        if block.most is None:
            run = 0
        return (place, run) if block.most is not None or self._ordered else FREE

    @cached_property
    def _ordered(self) -> bool:
        return any(block.after is not None for block in self.blocks)


State = tuple[int, int]
"""The last block, by its number, and how many of it stand in a row; what does not matter is left out."""

BEGIN: Final[State] = (-1, 0)
FREE: Final[State] = (-2, 0)
"""Behind a block that no later one asks about."""


def combinations(choices: Mapping[str, Sequence[int]]) -> tuple[Values, ...]:
    """Return all combinations of choices, the last moving fastest.

    >>> combinations({"a": (1, 2), "b": (3, 4)})[1]
    {'a': 1, 'b': 4}
    """
    return tuple(dict(zip(choices, each, strict=True)) for each in product(*choices.values()))


# ---- reading -----------------------------------------------------------------------------------------------


def default_document() -> str:
    """Return the text of the grammar that comes with rfcalc."""
    return (Path(__file__).parent / "default.json").read_text(encoding="utf-8")


def read_grammar(given: Any = None) -> Grammar:
    """Read a grammar.

    Parameters
    ----------
    given : path, open file or mapping, optional
        JSON, YAML or TOML, or a document that is parsed already; by default the grammar of rfcalc's own.

    Raises
    ------
    ReadError
        It is no grammar; the message names the place.
    """
    if isinstance(given, Grammar):
        return given
    source = "<default>" if given is None else "<dict>" if isinstance(given, Mapping) else source_name(given)
    try:
        if given is None:
            return _grammar(json.loads(default_document()), source)
        return _grammar(given if isinstance(given, Mapping) else _parsed(given), source)
    except RfcalcError as error:
        error.source = error.source or source
        raise
    except RecursionError:
        raise ReadError("is nested too deeply to be a grammar", source=source) from None


def _parsed(given: Any) -> Any:
    """Parse a file: JSON where it begins with a brace, TOML by its name, else YAML."""
    with opened(given) as source:
        text = parsing.decode(source.everything(parsing.MOST_OTHER))
        name = source.name.lower()
    if text.lstrip().startswith("{"):
        return parsing.parse_json(text)
    return parsing.PARSERS["TOML" if name.endswith(".toml") else "YAML"](text)


def _grammar(document: Any, source: str) -> Grammar:
    root = Place("")
    table = values.an_object(document, root)
    if KEY not in table:
        raise Place(KEY).error(f'is missing; a grammar starts with "{KEY}": {VERSION}')
    if table[KEY] is True or table[KEY] != VERSION:
        raise Place(KEY).error(f"is version {got(table[KEY])}; this rfcalc reads version {VERSION}")
    values.known_keys(table, KEYS, root, "a grammar")
    for key, most in (("$schema", values.LONGEST_TEXT), ("description", 100_000)):
        values.text(table.get(key, ""), root.key(key), most)
    layout = table.get("layout", LAYOUT_WORDS[0])
    if layout not in LAYOUT_WORDS:
        raise root.key("layout").error(f"must be {listed(LAYOUT_WORDS)}, got {got(layout)}")
    choices = _choices(table.get("choices", {}), root.key("choices"), {})
    width = None
    if WIDTH in table:
        width = values.number(table[WIDTH], root.key(WIDTH).knowing(*choices, REDUCTIONS), 1)
    given = tuple(name for name in GIVEN if name != WIDTH or width is not None)
    blocks = values.an_object(table.get("blocks"), root.key("blocks"))
    if not blocks:
        raise root.key("blocks").error("must name one block or more")

    def part(name: str, raw: Any, place: Place, keys: Sequence[str]) -> Part:
        return _part(name, raw, place, keys, choices, given, tuple(blocks))

    grammar = Grammar(
        values.text(table.get("name", "grammar"), root.key("name"), values.LONGEST_NAME),
        source,
        layout,
        choices,
        width,
        _count(table.get("most_blocks", MOST_BLOCKS), root.key("most_blocks")),
        part(STEM, table[STEM], root.key(STEM), STEM_KEYS) if STEM in table else None,
        tuple(part(n, raw, root.key("blocks").key(n), BLOCK_KEYS) for n, raw in blocks.items()),
        part(HEAD, table[HEAD], root.key(HEAD), PART_KEYS) if HEAD in table else None,
    )
    _check_layers(grammar)
    return grammar


def _part(
    name: str,
    raw: Any,
    place: Place,
    keys: Sequence[str],
    outer: Mapping[str, Any],
    given: Sequence[str],
    blocks: Sequence[str],
) -> Part:
    """Read a block, the stem or the head."""
    layer_name(name, place)
    if place.where not in (STEM, HEAD) and name in (STEM, HEAD, START):
        raise place.error(f"the name {name!r} has a meaning of its own; choose another")
    table = {"layers": raw} if isinstance(raw, (list, tuple)) else values.an_object(raw, place)
    values.known_keys(table, keys, place, "a block" if "most" in keys else f"the {name}")
    if "layers" not in table:
        raise place.error("needs 'layers', a list of layers")
    values.text(table.get("description", ""), place.key("description"), 100_000)
    choices = _choices(table.get("choices", {}), place.key("choices"), outer)
    known = (*outer, *choices, *given)
    words = {word for text in _texts(table["layers"]) for word in _WORD.findall(text)}
    after = None
    if "after" in table:
        here = place.key("after")
        names = values.a_list(table["after"], here, of="names of blocks")
        for number, each in enumerate(names):
            if each not in (*blocks, START):
                hint = closest(each, (*blocks, START))
                raise here.item(number).error(f"there is no block {got(each)}{hint}")
        after = frozenset(names)
    return Part(
        name,
        choices,
        {key: table[key] for key in ("layers", "output") if key in table},
        tuple(each for each in known if each in words),
        values.number(table["reduces"], place.key("reduces").knowing(*outer, *choices), 0)
        if "reduces" in table
        else 0,
        _count(table["most"], place.key("most")) if "most" in table else None,
        after,
    )


def _texts(raw: Any) -> Iterator[str]:
    """Yield all texts of a list of layers that may be expressions."""
    if isinstance(raw, str):
        yield raw
    elif isinstance(raw, Mapping):
        for value in raw.values():
            yield from _texts(value)
    elif isinstance(raw, (list, tuple)):
        for value in raw:
            yield from _texts(value)


def _choices(raw: Any, place: Place, outer: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Read what may be chosen, by name: lists of whole numbers."""
    found: dict[str, tuple[int, ...]] = {}
    for name, options in values.an_object(raw, place).items():
        here = place.key(name)
        name_of_parameter(name, here)
        if name in GIVEN or name in outer:
            raise here.error(f"the name {name!r} has a meaning already; choose another")
        items = values.a_list(options, here, of="whole numbers", most=MOST_OPTIONS)
        for number, item in enumerate(items):
            if type(item) is not int or item < 0:
                raise here.item(number).error(f"must be a whole number of zero or more, got {got(item)}")
            if item in items[:number]:
                raise here.item(number).error(f"{item} stands twice")
        found[name] = tuple(items)
    if prod(map(len, found.values())) > MOST_OPTIONS:
        raise place.error(f"has more than {MOST_OPTIONS:,} combinations")
    return found


def _count(raw: Any, place: Place) -> int:
    if type(raw) is not int or not 1 <= raw <= LARGEST_COUNT:
        raise place.error(f"must be a whole number from 1 to {LARGEST_COUNT:,}, got {got(raw)}")
    return raw


def _check_layers(grammar: Grammar) -> None:
    """Let the reader of the native format find what can be wrong with layers by themselves."""
    for part in grammar.parts:
        entries = part.body["layers"]
        if isinstance(entries, (list, tuple)) and len(entries) > MOST_LAYERS:
            continue  # the reader says so
        try:
            read_native(
                {"rfcalc": 1, "input": [1, 1, 1], "blocks": {"_": part.definition}, "layers": ["relu"]}
            )
        except RfcalcError as error:
            inside = part.name if part.name in (STEM, HEAD) else Place("blocks").key(part.name).where
            error.where = re.sub(r"^blocks\._", lambda _, new=inside: new, error.where or "")  # type: ignore[misc]
            error.source = grammar.source
            raise

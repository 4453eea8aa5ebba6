"""First half of reading the native format: the document's layers as checked nodes, nothing expanded yet.

Each entry of a ``layers`` list becomes one node, once, however often a block or a repeat will copy it. All
that can be wrong with an entry by itself is found here, also in blocks that nothing uses.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from rfcalc.algebra.expression import FUNCTIONS, NAME
from rfcalc.algebra.number import UNKNOWN
from rfcalc.readers import values
from rfcalc.readers.spelled import closest, got, listed
from rfcalc.readers.spellings import Spelling, spellings
from rfcalc.readers.values import INDEX, Number, Place
from rfcalc.records import NamedTuple
from rfcalc.rules import registry
from rfcalc.wording import quoted

MOST_LAYERS: Final = 200_000
DEEPEST: Final = 64
MOST_INPUTS: Final = 10_000

GIVEN: Final = "input"
"""The name of what a block or a copy was given, in the ``inputs`` of its layers."""

FRAME_KEYS: Final = ("name", "inputs", "repeat", "trainable")
LAYER_KEYS: Final = ("kind", *FRAME_KEYS, "share")
GROUP_KEYS: Final = (*FRAME_KEYS, "layers", "output")
BLOCK_KEYS: Final = ("arguments", "layers", "output")
USE_KEYS: Final = ("block", *FRAME_KEYS, "share")
UNKNOWN_KEYS: Final = (*(key for key in LAYER_KEYS if key != "share"), "op", "shape")

LAYER_NAME: Final = r"[^/:\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}"
"""Pattern of a layer's name: / and : have a meaning of their own."""

REFERENCE: Final = r"([^:\x00-\x1f\x7f-\x9f\u2028\u2029]{1,4000})(?::([0-9]{1,4}))?"
"""Pattern of an input: a layer's name or path, and which of its outputs."""

RESERVED: Final = frozenset((INDEX, *FUNCTIONS, "kind", *USE_KEYS, "layers"))


class Reference(NamedTuple):
    """A tensor as an entry names it: the path of a layer, and which of its outputs."""

    path: tuple[str, ...]
    output: int
    where: str

    def __str__(self) -> str:
        """Spell it for a message, without what a terminal would obey."""
        return quoted("/".join(self.path))


class Frame(NamedTuple):
    """What every entry may have.

    Parameters
    ----------
    name : str
        Its own name or the automatic one.
    where : str
        The place in the document.
    inputs : tuple of Reference, optional
        None for the entry before.
    repeat : int or Deferred, optional
        How many copies in a chain.
    trainable : bool
        False where the document froze it.
    """

    name: str
    where: str
    inputs: tuple[Reference, ...] | None
    repeat: Number | None
    trainable: bool


class LayerNode(NamedTuple):
    """A layer; `settled` tells that no setting waits for a name."""

    frame: Frame
    kind: str
    op: str
    settings: Mapping[str, Any]
    settled: bool
    recorded: tuple[Any, ...] | None = None


class UseNode(NamedTuple):
    """A use of a block."""

    frame: Frame
    block: str
    arguments: Mapping[str, Number]
    indexed: bool


class GroupNode(NamedTuple):
    """Layers that are repeated together."""

    frame: Frame
    body: Body
    indexed: bool


class AgainNode(NamedTuple):
    """Another call of a layer or a block that stands elsewhere, with the same weights."""

    frame: Frame
    target: Reference
    kind: str | None
    block: str | None


Node = LayerNode | UseNode | GroupNode | AgainNode


class Body(NamedTuple):
    """A list of entries, and which tensors leave it; None for those of the last."""

    nodes: tuple[Node, ...]
    outputs: tuple[Reference, ...] | None


class BlockDefinition(NamedTuple):
    """A block: its arguments with their defaults (None: none), and its layers."""

    arguments: Mapping[str, Number | None]
    body: Body


def name_of_parameter(name: str, place: Place) -> str:
    """Refuse a parameter that an expression could not name."""
    import keyword

    if not re.fullmatch(NAME, name) or keyword.iskeyword(name):
        raise place.error("a parameter's name is a word of letters, digits and _ (at most 64)")
    if name in RESERVED:
        raise place.error(f"the name {name!r} has a meaning of its own; choose another")
    return name


def layer_name(raw: object, place: Place) -> str:
    """Return the name of a layer, a block or an input, or refuse it."""
    name = values.text(raw, place, values.LONGEST_NAME)
    if not re.fullmatch(LAYER_NAME, name):
        raise place.error(f"must be a name without '/', ':' and control characters, got {got(name)}")
    return name


def references(raw: object, place: Place) -> tuple[Reference, ...]:
    """Return what ``inputs`` or ``outputs`` names: one text, or a list of them."""
    if isinstance(raw, str):
        return (reference(raw, place),)
    items = values.a_list(raw, place, of="names of layers", most=MOST_INPUTS)
    return tuple(reference(item, place.item(i)) for i, item in enumerate(items))


def reference(raw: object, place: Place) -> Reference:
    """Return the tensor that a text such as ``layer``, ``layer:1`` or ``block/layer`` names."""
    if not isinstance(raw, str):
        raise place.error(f"must be the name of a layer, got {got(raw)}")
    match = re.fullmatch(REFERENCE, raw)
    if not match:
        raise place.error(f"must be the name of a layer, with :1 behind it for its output 1, got {got(raw)}")
    return Reference(tuple(match[1].split("/")), int(match[2] or 0), place.where)


class Parser:
    """Checks entries and makes nodes of them.

    Parameters
    ----------
    parameters : frozenset of str
        The names of the model's parameters, which all expressions may use.
    """

    def __init__(self, parameters: frozenset[str]) -> None:
        self.parameters = parameters
        self.spellings: Mapping[str, Spelling] = spellings()
        self.signatures: dict[str, dict[str, Number | None]] = {}
        self.blocks: dict[str, BlockDefinition] = {}
        # the blocks that the body being read uses, each with how deep in it and where
        self._uses: list[tuple[str, int, str]] = []
        self._heights: Mapping[str, int] = {}

    def read_blocks(self, raw: object, place: Place) -> None:
        """Read all definitions of blocks, and refuse those that contain themselves."""
        table = values.an_object(raw, place)
        for name, definition in table.items():
            here = place.key(name)
            layer_name(name, here)
            values.known_keys(values.an_object(definition, here), BLOCK_KEYS, here, "a block")
            self.signatures[name] = self._signature(definition.get("arguments", {}), here.key("arguments"))
        uses: dict[str, list[tuple[str, int, str]]] = {}
        for name, definition in table.items():
            self._uses = uses[name] = []
            here = Place(place.key(name).where, self.parameters | set(self.signatures[name]))
            self.blocks[name] = BlockDefinition(self.signatures[name], self.body(definition, here, 1))
        self._heights = _heights(uses)

    def read_model(self, document: Mapping[str, Any], place: Place, inputs: Iterable[str]) -> Body:
        """Read the model's own layers, whose names the inputs have a part in."""
        self._uses = []
        body = self.body(document, place, 1, dict.fromkeys(inputs, "an input"))
        for block, depth, where in self._uses:
            if depth + self._heights[block] > DEEPEST:
                raise Place(where).error(f"blocks are nested more than {DEEPEST} deep")
        return body

    def _signature(self, raw: object, place: Place) -> dict[str, Number | None]:
        """Arguments with their defaults, each of which may use the parameters and the arguments before."""
        if isinstance(raw, (list, tuple)):
            raw = {values.text(item, place.item(i)): None for i, item in enumerate(raw)}
        signature: dict[str, Number | None] = {}
        for name, default in values.an_object(raw, place).items():
            here = place.key(name)
            name_of_parameter(name, here)
            known = Place(here.where, self.parameters | set(signature))
            signature[name] = None if default is None else values.number(default, known, None)
        return signature

    def body(
        self, holder: Mapping[str, Any], place: Place, depth: int, taken: Mapping[str, str] | None = None
    ) -> Body:
        """Read the ``layers`` and the ``output`` of a block, a repeat or the model.

        `taken` are names that something else has already, each with what that is.
        """
        if depth > DEEPEST:
            raise place.error(f"is nested more than {DEEPEST} deep")
        here = place.key("layers")
        if "layers" not in holder:
            raise place.error("needs 'layers', a list of layers")
        entries = values.a_list(holder["layers"], here, of="layers", most=MOST_LAYERS)
        names = self._names(entries, here, taken or {})
        nodes = tuple(
            self._entry(entry, name, here.item(i), depth)
            for i, (entry, name) in enumerate(zip(entries, names, strict=True))
        )
        outputs = references(holder["output"], place.key("output")) if "output" in holder else None
        return Body(nodes, outputs)

    def _names(self, entries: list[Any], place: Place, before: Mapping[str, str]) -> list[str]:
        """Name all entries: those that are named first, the others by kind and number around them."""
        taken = dict(before)
        for i, entry in enumerate(entries):
            if isinstance(entry, Mapping) and "name" in entry:
                here = place.item(i).key("name")
                name = layer_name(entry["name"], here)
                if name == GIVEN:
                    raise here.error(f"{GIVEN!r} stands for what the layers are given; choose another name")
                if name in taken:
                    raise here.error(f"the name {name!r} is taken by {taken[name]}; give each its own")
                taken[name] = place.item(i).where
        counts: Counter[str] = Counter()
        return [self._automatic(entry, taken, counts) for entry in entries]

    def _automatic(self, entry: Any, taken: Mapping[str, str], counts: Counter[str]) -> str:
        if isinstance(entry, Mapping) and "name" in entry:
            return str(entry["name"])
        stem = entry
        if isinstance(entry, Mapping):
            stem = entry.get("kind", entry.get("block", "repeat" if "layers" in entry else "shared"))
        stem = stem[:100] if isinstance(stem, str) else "layer"
        counts[stem] += 1
        while f"{stem}_{counts[stem]}" in taken:
            counts[stem] += 1
        return f"{stem}_{counts[stem]}"

    # ---- entries -------------------------------------------------------------------------------------------

    def _entry(self, raw: Any, name: str, place: Place, depth: int) -> Node:
        if isinstance(raw, str):
            raw = {"kind": raw}
        if not isinstance(raw, Mapping):
            raise place.error(f"must be the name of a kind or an object, got {got(raw)}")
        values.an_object(raw, place)
        # in this order: a shared layer may repeat its kind, and some kinds have a setting called block
        readers: tuple[tuple[str, Callable[[Mapping[str, Any], str, Place, int], Node]], ...] = (
            ("share", self._again),
            ("kind", self._layer),
            ("block", self._use),
            ("layers", self._group),
        )
        for key, read in readers:
            if key in raw:
                return read(raw, name, place, depth)
        raise place.error("needs 'kind', 'block', 'share', or 'repeat' with 'layers'")

    def _frame(self, raw: Mapping[str, Any], name: str, place: Place) -> Frame:
        inputs = references(raw["inputs"], place.key("inputs")) if "inputs" in raw else None
        repeat = None
        if "repeat" in raw:
            repeat = values.number(raw["repeat"], place.key("repeat"), 0, plain=True)
        trainable = raw.get("trainable", True)
        if not isinstance(trainable, bool):
            raise place.key("trainable").error(f"must be true or false, got {got(trainable)}")
        return Frame(name, place.where, inputs, repeat, trainable)

    def _layer(self, raw: Mapping[str, Any], name: str, place: Place, _depth: int) -> Node:
        kind = raw["kind"]
        if kind == "unknown":
            return self._unknown(raw, name, place)
        spelling = self.spelling(kind, place.key("kind"))
        here = place.knowing(INDEX) if "repeat" in raw else place
        checked = dict(spelling.presets)
        for key, value in raw.items():
            setting = spelling.settings.get(key)
            if setting is not None:
                at = here.key(key)
                checked[key] = _ranked(
                    setting, values.check(spelling.kind.name, setting, value, at), spelling, at
                )
            elif key not in LAYER_KEYS:
                values.known_keys([key], (*spelling.settings, *LAYER_KEYS), place, kind)
        missing = [key for key in spelling.required if key not in raw]
        if missing:
            raise place.error(f"{kind} needs {listed(missing, 'and')}")
        settled = all(map(values.is_settled, checked.values()))
        frame = self._frame(raw, name, place)
        return LayerNode(frame, spelling.kind.name, kind, checked, settled)

    def spelling(self, kind: object, place: Place) -> Spelling:
        """Look up a kind, or refuse it with the one that was probably meant."""
        if not isinstance(kind, str):
            raise place.error(f"must be the name of a kind, got {got(kind)}")
        found = self.spellings.get(kind)
        if found is None:
            if kind == "input":
                raise place.error("inputs stand under 'input' or 'inputs' of the model, not among the layers")
            hint = closest(kind.lower(), self.spellings) or (
                '; say {"kind": "unknown", "op": ...} for an operation that rfcalc has no rule for'
            )
            raise place.error(f"unknown kind {got(kind)}{hint}")
        return found

    def _unknown(self, raw: Mapping[str, Any], name: str, place: Place) -> Node:
        """Read an operation that has no rule, perhaps with the shape that it puts out."""
        values.known_keys(raw, UNKNOWN_KEYS, place, "an unknown layer")
        op = values.text(raw["op"], place.key("op"), values.LONGEST_NAME) if "op" in raw else "unknown"
        recorded: tuple[Any, ...] | None = None
        if raw.get("shape") is not None:
            here = place.key("shape")
            known = here.knowing(INDEX) if "repeat" in raw else here
            items = values.a_list(raw["shape"], here, of="extents, batch included", most=values.MOST_AXES)
            recorded = tuple(
                UNKNOWN if item in (None, "?") else values.number(item, known.item(i))
                for i, item in enumerate(items)
            )
        return LayerNode(self._frame(raw, name, place), "unknown", op, {}, True, recorded)

    def _use(self, raw: Mapping[str, Any], name: str, place: Place, depth: int) -> Node:
        block = raw["block"]
        signature = self.signatures.get(block) if isinstance(block, str) else None
        if signature is None:
            raise place.key("block").error(
                f"no block is called {got(block)}{closest(block, self.signatures)}"
            )
        self._uses.append((block, depth, place.where))
        values.known_keys(raw, (*signature, *USE_KEYS), place, f"the block {got(block)}")
        missing = [key for key, default in signature.items() if default is None and key not in raw]
        if missing:
            raise place.error(f"the block {got(block)} needs {listed(missing, 'and')}")
        here = place.knowing(INDEX) if "repeat" in raw else place
        arguments = {key: values.number(raw[key], here.key(key), None) for key in signature if key in raw}
        return UseNode(
            self._frame(raw, name, place), block, arguments, any(map(_is_indexed, arguments.values()))
        )

    def _group(self, raw: Mapping[str, Any], name: str, place: Place, depth: int) -> Node:
        values.known_keys(raw, GROUP_KEYS, place, "a repeat")
        if "repeat" not in raw:
            raise place.error("has 'layers' without 'repeat'; say how often, or define a block")
        body = self.body(raw, place.knowing(INDEX), depth + 1)
        return GroupNode(self._frame(raw, name, place), body, any(map(_counts_by_index, body.nodes)))

    def _again(self, raw: Mapping[str, Any], name: str, place: Place, depth: int) -> Node:
        """Read another call of what stands elsewhere: it has no settings of its own."""
        known = (*FRAME_KEYS, "share", "kind", "block")
        for key in raw:
            if key not in known or key == "trainable":
                raise place.key(key).error("leave this out: a shared layer has the settings of the other")
        if not isinstance(raw["share"], str):
            raise place.key("share").error(f"must be the name of a layer, got {got(raw['share'])}")
        target = reference(raw["share"], place.key("share"))
        kind = self.spelling(raw["kind"], place.key("kind")).kind.name if "kind" in raw else None
        block = values.text(raw["block"], place.key("block")) if "block" in raw else None
        return AgainNode(self._frame(raw, name, place), target, kind, block)


def _ranked(setting: registry.Setting, value: Any, spelling: Spelling, place: Place) -> Any:
    """Hold the windows of conv2d and the like to as many axes as the name says."""
    if spelling.rank is None or setting.form not in (registry.PER_AXIS, registry.NATURAL_PER_AXIS):
        return value
    if value is None:
        return None
    if not isinstance(value, tuple):
        return (value,) * spelling.rank
    if len(value) != spelling.rank:
        raise place.error(f"must have {spelling.rank} values in {spelling.name}, got {len(value)}")
    return value


def _is_indexed(number: Number | None) -> bool:
    return isinstance(number, values.Deferred) and INDEX in number.expression.names


def _counts_by_index(node: Node) -> bool:
    """Tell whether the number of layers that a node makes may depend on the index around it."""
    if _is_indexed(node.frame.repeat):
        return True
    return not isinstance(node, (LayerNode, AgainNode)) and node.indexed


def _heights(uses: Mapping[str, list[tuple[str, int, str]]]) -> Mapping[str, int]:
    """Count how deep each block is nested; refuse one that contains itself, or is too deep.

    Parameters
    ----------
    uses : mapping
        For each block those that it uses, each with how deep inside it, and where.
    """
    heights: dict[str, int] = {}

    def height(name: str, around: tuple[str, ...]) -> int:
        if name not in heights:
            most = 1
            for used, depth, where in uses[name]:
                inside = (*around, name)
                if used in inside:
                    loop = (*inside[inside.index(used) :], used)
                    raise Place(where).error(f"a block cannot contain itself: {' -> '.join(map(got, loop))}")
                most = max(most, depth + height(used, inside)) if len(inside) <= DEEPEST else DEEPEST + 1
                if most > DEEPEST:
                    raise Place(where).error(f"blocks are nested more than {DEEPEST} deep")
            heights[name] = most
        return heights[name]

    for name in uses:
        height(name, ())
    return heights

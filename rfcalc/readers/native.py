"""The native format, ``"rfcalc": 1``: a layer graph written by hand, with parameters, blocks and repeats.

``docs/formats.md`` describes it for its users, and ``docs/schema/rfcalc-1.schema.json`` for their editors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rfcalc.algebra.expression import LARGEST
from rfcalc.algebra.number import UNKNOWN, Num, is_known
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import BATCH, CHANNEL, SPATIAL, Layer
from rfcalc.readers import values
from rfcalc.readers.input_shapes import as_number, with_given
from rfcalc.readers.native_expand import Expander
from rfcalc.readers.native_nodes import Parser, layer_name, name_of_parameter, references
from rfcalc.readers.spelled import closest, got, listed
from rfcalc.readers.values import Place

VERSION: Final = 1

KEYS: Final = (
    "$schema", "rfcalc", "name", "description", "parameters", "layout", "input", "inputs", "blocks", "layers",
    "outputs",
)  # fmt: skip

INPUT_KEYS: Final = ("shape", "layout", "dtype")

DTYPES: Final = (
    "float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64", "bool", "complex64", "complex128",
)  # fmt: skip

LAYOUT_WORDS: Final = ("channels_last", "channels_first")

LAYOUT: Final = r"N?(?!.*(.).*\1)[CDHWLT]{1,6}"
"""Pattern of a layout: N for the batch, then each letter once."""

OPEN: Final = "?"
"""An unknown extent, as null is, for TOML, which has no null."""

LONGEST_PLACE: Final = 160
"""Characters of a place in a message; deeper ones lose their middle."""

BATCH_NOTE: Final = (
    "the first of four extents is open and taken for the batch; if it is a depth or a time, say so with a "
    "layout such as 'DHWC'"
)

_SPATIAL_LETTERS: Final = ("", "L", "HW", "DHW")
_ROLES: Final = {"N": BATCH, "C": CHANNEL}


def read_native(
    document: Mapping[str, Any],
    *,
    source: str = "<dict>",
    parameters: Mapping[str, Num] | None = None,
    shapes: Mapping[str, Sequence[Num]] | None = None,
) -> LayerGraph:
    """Read a model in the native format.

    Parameters
    ----------
    document : mapping
        The document, as parsed from JSON, YAML or TOML.
    source : str
        The name of the file, for messages and reports.
    parameters : mapping of str to Num, optional
        Values that replace the document's own, integers or symbols.
    shapes : mapping of str to sequence of Num, optional
        For inputs by name (``""``: the first) the extents that replace the document's own, with the batch
        axis in front or without it; None or `UNKNOWN` for an open one.

    Returns
    -------
    LayerGraph
        With blocks and repeats expanded.

    Raises
    ------
    ReadError
        The document is not a model; the message names the place.
    GraphError
        The layers form a cycle.
    UsageError
        A parameter or an input that the model does not have, or a shape of another rank.

    Examples
    --------
    >>> graph = read_native({"rfcalc": 1, "input": [28, 28, 1], "layers": ["relu", "flatten"]})
    >>> [layer.name for layer in graph]
    ['input', 'relu_1', 'flatten_1']
    """
    try:
        return _read(document, source, parameters or {}, shapes or {})
    except RfcalcError as error:
        error.source = error.source or source
        if error.where and len(error.where) > LONGEST_PLACE:
            error.where = f"{error.where[: LONGEST_PLACE // 2]}...{error.where[-LONGEST_PLACE // 2 :]}"
        raise


def _read(
    document: Mapping[str, Any],
    source: str,
    overrides: Mapping[str, Num],
    shapes: Mapping[str, Sequence[Num]],
) -> LayerGraph:
    root = Place("")
    values.known_keys(values.an_object(document, root), KEYS, root, "a model")
    _check_version(document, root)
    for key, most in (("$schema", values.LONGEST_TEXT), ("description", 100_000)):
        values.text(document.get(key, ""), root.key(key), most)
    name = values.text(document.get("name", "model"), root.key("name"), values.LONGEST_NAME)
    names = _parameters(document.get("parameters", {}), root.key("parameters"), overrides)
    root = Place("", frozenset(names))
    inputs, notes = _inputs(document, root, names, shapes)
    parser = Parser(root.names)
    parser.read_blocks(document.get("blocks", {}), root.key("blocks"))
    body = parser.read_model(document, root, [layer.name for layer in inputs])
    outputs = references(document["outputs"], root.key("outputs")) if "outputs" in document else None
    expander = Expander(parser.blocks, names, [layer.name for layer in inputs])
    layers, blocks = expander.expand(body)
    return LayerGraph(
        [*inputs, *layers],
        name=name,
        format="rfcalc",
        source=source,
        outputs=None if outputs is None else expander.outputs(outputs),
        blocks=blocks,
        notes=notes,
    )


def _check_version(document: Mapping[str, Any], root: Place) -> None:
    here = root.key("rfcalc")
    if "rfcalc" not in document:
        raise here.error(f'is missing; a model in rfcalc\'s own format starts with "rfcalc": {VERSION}')
    version = document["rfcalc"]
    if type(version) is not int:
        raise here.error(f"must be the version of the format, {VERSION}, got {got(version)}")
    if version != VERSION:
        raise here.error(f"is version {got(version)} of the format; this rfcalc reads version {VERSION}")


# ---- parameters --------------------------------------------------------------------------------------------


def _parameters(raw: object, place: Place, overrides: Mapping[str, Num]) -> dict[str, Num]:
    """Give each parameter its value; it may be worked out from those before it."""
    table = values.an_object(raw, place)
    names: dict[str, Num] = {}
    for name in overrides:
        if name not in table:
            if not table:
                raise UsageError(
                    f"the model has no parameters, so {got(name)} cannot be set; "
                    'first name it under "parameters" in the file'
                )
            has = f"; it has {listed(table, 'and')}"
            raise UsageError(f"the model has no parameter {got(name)}{closest(name, table) or has}")
    for name, default in table.items():
        here = place.key(name)
        name_of_parameter(name, here)
        value = values.number(default, Place(here.where, frozenset(names)), None)
        names[name] = _override(name, overrides[name]) if name in overrides else values.resolve(value, names)
    return names


def _override(name: str, given: Any) -> Num:
    value = as_number(given)
    if value is None or (is_known(value) and abs(value) > LARGEST):
        raise UsageError(f"the parameter {got(name)} must be an integer below 2**63, got {got(given)}")
    return value


# ---- inputs ------------------------------------------------------------------------------------------------


def _inputs(
    document: Mapping[str, Any],
    root: Place,
    names: Mapping[str, Num],
    shapes: Mapping[str, Sequence[Num]],
) -> tuple[list[Layer], list[tuple[str, str, str]]]:
    """Read ``input`` or ``inputs`` as layers of their own, with notes on what could be read in two ways."""
    if "input" in document and "inputs" in document:
        raise root.error("has both 'input' and 'inputs'; give one")
    if "input" in document:
        table, places = {"input": document["input"]}, {"input": root.key("input")}
    elif "inputs" in document:
        here = root.key("inputs")
        table = dict(values.an_object(document["inputs"], here))
        if not table:
            raise here.error("must name one input or more")
        places = {name: here.key(name) for name in table}
    else:
        raise root.error("needs 'input' or 'inputs'")
    word = document.get("layout", LAYOUT_WORDS[0])
    if word not in LAYOUT_WORDS:
        raise root.key("layout").error(f"must be {listed(LAYOUT_WORDS)}, got {got(word)}")
    notes: list[tuple[str, str, str]] = []
    declared: dict[str, tuple[Sequence[Num], str, str]] = {}
    for name, raw in table.items():
        layer_name(name, places[name])
        declared[name] = _input(raw, places[name], names, word, notes, name)
    sized = with_given({name: shape for name, (shape, _, _) in declared.items()}, shapes)
    layers = []
    for name, (_, layout, dtype) in declared.items():
        axes = "".join(_ROLES.get(letter, SPATIAL) for letter in layout)
        layers.append(
            Layer(name, "input", "input", attrs={"shape": sized[name], "axes": axes, "dtype": dtype})
        )
    return layers, notes


def _input(
    raw: Any,
    place: Place,
    names: Mapping[str, Num],
    word: str,
    notes: list[tuple[str, str, str]],
    name: str,
) -> tuple[Sequence[Num], str, str]:
    """Read the shape with its batch, the layout and the dtype of one input."""
    here = place
    if isinstance(raw, (list, tuple)):
        raw = {"shape": raw}
    else:
        if not isinstance(raw, Mapping):
            raise place.error(f"must be a shape or an object, got {got(raw)}")
        values.known_keys(values.an_object(raw, place), INPUT_KEYS, place, "an input")
        here = place.key("shape")
    if "shape" not in raw:
        raise place.error("needs 'shape'")
    items = values.a_list(raw["shape"], here, of="extents", most=values.MOST_AXES)
    shape = [_extent(item, here.item(i), names) for i, item in enumerate(items)]
    dtype = raw.get("dtype", DTYPES[0])
    if dtype not in DTYPES:
        raise place.key("dtype").error(f"must be {listed(DTYPES)}, got {got(dtype)}")
    rank = len(shape)
    if "layout" in raw and raw["layout"] not in LAYOUT_WORDS:
        layout = _letters(raw["layout"], rank, place.key("layout"))
    else:
        layout = _by_rank(raw.get("layout", word), shape, place)
        if rank == 4 and layout == "NHWC":
            notes.append(("batch-axis", name, BATCH_NOTE))
    return (shape, layout, dtype) if layout.startswith("N") else ([UNKNOWN, *shape], f"N{layout}", dtype)


def _extent(raw: Any, place: Place, names: Mapping[str, Num]) -> Num:
    if raw is None or raw == OPEN:
        return UNKNOWN
    return values.resolve(values.number(raw, place), names)


def _letters(raw: Any, rank: int, place: Place) -> str:
    """Return a layout that the document spells out."""
    if not isinstance(raw, str) or not re.fullmatch(LAYOUT, raw):
        raise place.error(
            "must have a letter for each axis, each once: C channel, D H W L T spatial, N (in front) batch, "
            f"got {got(raw)}"
        )
    if len(raw) != rank:
        raise place.error(f"{got(raw)} has {len(raw)} letters, but the shape has {rank} extents")
    return raw


def _by_rank(word: str, shape: Sequence[Num], place: Place) -> str:
    """Return the layout of a shape that comes without one; of four or five, an open first is the batch."""
    rank = len(shape)
    batch = "N" if rank in (4, 5) and shape[0] is UNKNOWN else ""
    rank -= len(batch)
    if rank > len(_SPATIAL_LETTERS):
        raise place.error(f"has {rank} axes; give it a layout with a letter for each, such as 'TDHWC'")
    spatial = _SPATIAL_LETTERS[rank - 1]
    return f"{batch}{spatial}C" if word == LAYOUT_WORDS[0] else f"{batch}C{spatial}"

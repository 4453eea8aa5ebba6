"""The native format described for machines and people: its JSON Schema and the tables of its documentation.

Both come from the registry of kinds, as the reader's own checks do. ``rfcalc schema`` prints the schema;
``python -m rfcalc.readers.schema docs`` writes the generated files below ``docs`` anew.
"""

from __future__ import annotations

import json
import keyword
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from rfcalc.algebra.expression import ALPHABET, LARGEST, LONGEST, NAME
from rfcalc.readers import native, values
from rfcalc.readers.native_nodes import LAYER_NAME, MOST_INPUTS, MOST_LAYERS, REFERENCE, RESERVED
from rfcalc.readers.spellings import ACTIVATIONS, ALIASES, PRESETS, RANKED, RANKS, Spelling, spellings
from rfcalc.rules import registry
from rfcalc.rules.registry import Setting

SCHEMA_FILE: Final = "schema/rfcalc-1.schema.json"
PAGE: Final = "formats.md"
COMMAND: Final = "python -m rfcalc.readers.schema docs"

Schema = dict[str, Any]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list(item: Schema, most: int, least: int = 1) -> Schema:
    return {"type": "array", "items": item, "minItems": least, "maxItems": most}


def _any(*choices: Schema) -> Schema:
    return {"anyOf": list(choices)}


def _per_axis(item: str) -> Schema:
    return _any(_ref(item), _list(_ref(item), values.MOST_AXES))


_PAIRS: Final = _any(_ref("natural"), _list(_any(_ref("natural"), _ref("pair")), values.MOST_AXES))

FORMS: Final[Mapping[str, tuple[str, str, Schema]]] = {
    registry.COUNT: ("count", "a positive integer", _ref("positive")),
    registry.NATURAL: ("natural", "an integer of zero or more", _ref("natural")),
    registry.INTEGER: ("integer", "an integer, also a negative one", _ref("integer")),
    registry.PER_AXIS: (
        "count per axis",
        "a positive integer for all spatial axes, or a list with one for each",
        _per_axis("positive"),
    ),
    registry.NATURAL_PER_AXIS: (
        "natural per axis",
        "an integer of zero or more for all spatial axes, or a list with one for each",
        _per_axis("natural"),
    ),
    registry.PADDING: (
        "padding",
        "a word, or as pairs",
        _any({"enum": list(values.PADDING_WORDS)}, _PAIRS),
    ),
    registry.PAIRS: (
        "pairs",
        "a number for all sides, or a list with a number or `[before, after]` for each spatial axis",
        _PAIRS,
    ),
    registry.FLAG: ("flag", "`true` or `false`", {"type": "boolean"}),
    registry.CHOICE: ("choice", "one of the words that the table gives", {}),
    registry.AXIS: (
        "axis",
        "the place of an axis; 0 is the batch, and negative ones count from the end",
        _ref("integer"),
    ),
    registry.AXES: (
        "axes",
        "the place of an axis, or a list of places",
        _any(_ref("integer"), _list(_ref("integer"), values.MOST_AXES, 0)),
    ),
    registry.SHAPE: (
        "shape",
        "a list of extents, the batch included; `null` keeps the input's, `-1` follows from the others",
        _list(_any(_ref("positive"), {"type": "null"}, {"const": -1}), values.MOST_AXES),
    ),
    registry.TEXT: ("text", "a text", {"type": "string", "maxLength": values.LONGEST_TEXT}),
    registry.NUMBER: (
        "number",
        "any finite number; nothing that rfcalc computes depends on it",
        {"type": "number"},
    ),
    values.COUNTS: (
        "counts",
        "a list of positive integers",
        _list(_ref("positive"), values.LONGEST_TEXT),
    ),
}
"""What each form is called, what it takes in words, and that as a schema."""


# ---- JSON Schema -------------------------------------------------------------------------------------------


def schema() -> Schema:
    """Return the JSON Schema (2020-12) of the native format.

    It holds every document to what the reader takes, but for what a schema cannot say: that names exist,
    are not taken twice and form no cycle, that expressions hold, and how large the model becomes.
    """
    properties: Schema = {
        "$schema": {"type": "string", "maxLength": values.LONGEST_TEXT},
        "rfcalc": {"description": "version of the format", "type": "integer", "const": native.VERSION},
        "name": {"description": "name of the model", "type": "string", "maxLength": values.LONGEST_NAME},
        "description": {"description": "a remark for people", "type": "string", "maxLength": 100_000},
        "parameters": {
            "description": "named integers for expressions, each with its value",
            "type": "object",
            "propertyNames": _ref("parameter"),
            "additionalProperties": _ref("integer"),
        },
        "layout": {"description": "layout of inputs without one", "enum": list(native.LAYOUT_WORDS)},
        "input": _ref("input"),
        "inputs": {
            "description": "the model's inputs by name",
            "type": "object",
            "propertyNames": _ref("name"),
            "minProperties": 1,
            "additionalProperties": _ref("input"),
        },
        "blocks": {
            "description": "layers to use under a name, more than once",
            "type": "object",
            "propertyNames": _ref("name"),
            "additionalProperties": _ref("block"),
        },
        "layers": _ref("layers"),
        "outputs": _ref("references"),
    }
    assert tuple(properties) == native.KEYS
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rfcalc model, version 1",
        "description": f"Generated from the rules by: {COMMAND}",
        "type": "object",
        "properties": properties,
        "required": ["rfcalc", "layers"],
        "oneOf": [{"required": ["input"]}, {"required": ["inputs"]}],
        "additionalProperties": False,
        "$defs": {**_basics(), **_structure(), **_kinds()},
    }


def schema_text() -> str:
    """Return the JSON Schema as the text of its file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _number(least: int | None) -> Schema:
    integer: Schema = {"type": "integer", "minimum": -LARGEST if least is None else least, "maximum": LARGEST}
    return _any(integer, _ref("expression"))


def _basics() -> Schema:
    """Numbers, names and shapes."""
    extent = _any(_ref("positive"), {"type": "null"}, {"const": native.OPEN})
    fields = {
        "shape": _list(extent, values.MOST_AXES),
        "layout": _any(
            {"enum": list(native.LAYOUT_WORDS)}, {"pattern": f"^{native.LAYOUT}$", "type": "string"}
        ),
        "dtype": {"enum": list(native.DTYPES)},
    }
    assert tuple(fields) == native.INPUT_KEYS
    return {
        "expression": {
            "description": "arithmetic with + - * // ** ( ), min, max, ceildiv and the names of parameters",
            "type": "string",
            "pattern": f"^[{ALPHABET}]+$",
            "maxLength": LONGEST,
        },
        "positive": _number(1),
        "natural": _number(0),
        "integer": _number(None),
        "pair": _list(_ref("natural"), 2, 2),
        "name": {"type": "string", "pattern": f"^{LAYER_NAME}$"},
        "parameter": {
            "type": "string",
            "pattern": f"^{NAME}$",
            "not": {"enum": sorted({*RESERVED, *keyword.kwlist})},
        },
        "reference": {"type": "string", "pattern": f"^{REFERENCE}$"},
        "references": _any(_ref("reference"), _list(_ref("reference"), MOST_INPUTS)),
        "input": _any(
            _list(extent, values.MOST_AXES),
            {"type": "object", "properties": fields, "required": ["shape"], "additionalProperties": False},
        ),
    }


def _frame(*keys: str) -> Schema:
    fields: Schema = {
        "name": _any({"allOf": [_ref("name"), {"not": {"const": "input"}}]}),
        "inputs": _ref("references"),
        "repeat": _ref("natural"),
        "trainable": {"type": "boolean"},
    }
    return {key: fields[key] for key in keys or fields}


def _object(properties: Schema, required: Iterable[str], **more: Any) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def _structure() -> Schema:
    """Lists of layers, blocks, repeats, shared layers."""
    named = _any(
        _list(_ref("parameter"), MOST_LAYERS, 0),
        {
            "type": "object",
            "propertyNames": _ref("parameter"),
            "additionalProperties": _any(_ref("integer"), {"type": "null"}),
        },
    )
    body = {"layers": _ref("layers"), "output": _ref("references")}
    use: Schema = {"block": {"type": "string"}, **_frame(), "share": False, "kind": False, "layers": False}
    again = {"share": _ref("reference"), **_frame("name", "inputs", "repeat")}
    kinds = {"enum": list(spellings())}
    unknown = {
        "kind": {"const": "unknown"},
        **_frame(),
        "op": {"type": "string", "maxLength": values.LONGEST_NAME},
        "shape": _any(_basics()["input"]["anyOf"][0], {"type": "null"}),
    }
    plain = [name for name, spelling in spellings().items() if not spelling.required]
    return {
        "block": _object({"arguments": named, **body}, ["layers"]),
        "layers": _list(_ref("layer"), MOST_LAYERS),
        "layer": _any(
            {"enum": [*plain, "unknown"]},
            _ref("use"),
            _ref("repeat"),
            _ref("shared"),
            _ref("unknown"),
            *(_ref(f"kind:{name}") for name in _entries()),
        ),
        "use": _object(use, ["block"], additionalProperties=_ref("integer")),
        "repeat": _object({**_frame(), **body}, ["repeat", "layers"]),
        "shared": _object({**again, "kind": kinds, "block": {"type": "string"}}, ["share"]),
        "unknown": _object(unknown, ["kind"]),
    }


def _entries() -> dict[str, list[Spelling]]:
    """Gather the spellings that take the same settings, under the first of them."""
    entries: dict[tuple[object, ...], list[Spelling]] = {}
    for spelling in spellings().values():
        entries.setdefault((spelling.kind.name, spelling.rank, tuple(spelling.presets)), []).append(spelling)
    return {same[0].name: same for same in entries.values()}


def _kinds() -> Schema:
    """One object for each set of spellings with the same settings."""
    definitions: Schema = {}
    for name, same in _entries().items():
        spelling = same[0]
        names = [each.name for each in same]
        properties: Schema = {"kind": {"enum": names} if len(names) > 1 else {"const": name}, **_frame()}
        for setting in spelling.settings.values():
            properties[setting.name] = _setting(spelling, setting)
        definitions[f"kind:{name}"] = _object(
            properties, ["kind", *spelling.required], description=spelling.kind.summary
        )
    return definitions


def _setting(spelling: Spelling, setting: Setting) -> Schema:
    form = values.form_of(spelling.kind.name, setting)
    one = FORMS[form][2]
    if form == registry.CHOICE:
        one = {"enum": list(setting.choices)}
    elif spelling.rank is not None and form in (registry.PER_AXIS, registry.NATURAL_PER_AXIS):
        item, several = one["anyOf"]
        one = _any(item, {**several, "minItems": spelling.rank, "maxItems": spelling.rank})
    if setting.default is None:
        one = _any(one, {"type": "null"})
    described: Schema = {"description": setting.doc, **one}
    if setting.default is not None and setting.default is not registry.REQUIRED:
        described["default"] = setting.default
    return described


# ---- documentation -----------------------------------------------------------------------------------------


def kinds_table() -> str:
    """Return the table of kinds and their settings, as Markdown."""
    rows = ["| kind | what it is | settings |", "| --- | --- | --- |"]
    for name, spelling in spellings().items():
        if not spelling.is_alias:
            settings = "<br>".join(_described(spelling, setting) for setting in spelling.settings.values())
            rows.append(f"| `{name}` | {_cell(spelling.kind.summary)} | {settings or 'none'} |")
    return "\n".join(rows) + "\n"


def _described(spelling: Spelling, setting: Setting) -> str:
    form = values.form_of(spelling.kind.name, setting)
    words = FORMS[form][0] + "".join(f" `{word}`" for word in setting.choices)
    default = ""
    if setting.default is registry.REQUIRED:
        default = ", required"
    elif setting.default is not None:
        default = f", by default `{json.dumps(setting.default)}`"
    return f"`{setting.name}` ({words}{default}): {_cell(setting.doc)}"


def forms_table() -> str:
    """Return the table of the forms that settings take, as Markdown."""
    rows = ["| form | a setting takes |", "| --- | --- |"]
    rows.extend(f"| {label} | {words} |" for label, words, _ in FORMS.values())
    return "\n".join(rows) + "\n"


def aliases_table() -> str:
    """Return the table of other names of kinds, as Markdown."""
    meanings: dict[str, list[str]] = {}
    for alias, name in ALIASES.items():
        meanings.setdefault(f"`{name}`", []).append(alias)
    for alias, (name, presets) in PRESETS.items():
        fixed = ", ".join(f"`{key}` {json.dumps(value)}" for key, value in presets.items())
        meanings.setdefault(f"`{name}` with {fixed}", []).append(alias)
    meanings["`activation` with that `function`"] = list(ACTIVATIONS)
    for stem, name in RANKED.items():
        meanings.setdefault(f"`{name}`, held to so many spatial axes", []).extend(
            f"{stem}{rank}d" for rank in RANKS
        )
    rows = ["| written | means |", "| --- | --- |"]
    rows.extend(
        f"| {', '.join(f'`{name}`' for name in names)} | {meaning} |" for meaning, names in meanings.items()
    )
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


TABLES: Final = {"kinds": kinds_table, "forms": forms_table, "aliases": aliases_table}
"""The generated tables of the documentation, by the marks that stand around them."""


def refreshed(page: str) -> str:
    """Return a page of the documentation with its generated tables made anew.

    A table stands between ``<!-- generated: NAME -->`` and ``<!-- /generated -->``.
    """
    for name, table in TABLES.items():
        start, end = f"<!-- generated: {name} -->\n", "<!-- /generated -->"
        pattern = f"{re.escape(start)}.*?{re.escape(end)}"
        replacement = f"{start}\n{table()}\n{end}"
        page = re.sub(pattern, lambda _, new=replacement: new, page, flags=re.S)  # type: ignore[misc]
    return page


def main(docs: Path) -> None:
    """Write the generated files below a folder anew."""
    (docs / SCHEMA_FILE).write_text(schema_text(), encoding="utf-8", newline="\n")
    page = docs / PAGE
    page.write_text(refreshed(page.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

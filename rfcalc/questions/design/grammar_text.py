"""What a grammar may say: its JSON Schema, for editors.

``python -m rfcalc.questions.design.grammar_text docs`` writes it anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from rfcalc.questions.design.grammar import (
    BLOCK_KEYS,
    HEAD,
    KEY,
    KEYS,
    LARGEST_COUNT,
    MOST_BLOCKS,
    MOST_OPTIONS,
    PART_KEYS,
    START,
    STEM,
    STEM_KEYS,
    VERSION,
)
from rfcalc.readers import native, values
from rfcalc.readers.schema import schema as native_schema

SCHEMA_FILE: Final = "schema/rfcalc-grammar-1.schema.json"
COMMAND: Final = "python -m rfcalc.questions.design.grammar_text docs"

Schema = dict[str, Any]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _said(description: str, schema: Schema) -> Schema:
    return {"description": description, **schema}


def grammar_schema() -> Schema:
    """Return the JSON Schema (2020-12) of a grammar; its layers are those of the native format."""
    text: Schema = {"type": "string", "maxLength": 100_000}
    fields: Schema = {
        "description": _said("a remark for people", text),
        "choices": _ref("choices"),
        "layers": _ref("layers"),
        "output": _said("what leaves it; by default the last layer's output", _ref("references")),
        "reduces": _said("how many reductions it counts for", _ref("natural")),
        "most": _said("how many of it may stand in a row", _ref("count")),
        "after": _said(
            f"the blocks that it may follow; {START} is the place before the first",
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
        ),
    }
    properties: Schema = {
        "$schema": {"type": "string", "maxLength": values.LONGEST_TEXT},
        KEY: _said("version of the format", {"type": "integer", "const": VERSION}),
        "name": _said("name of the grammar", {"type": "string", "maxLength": values.LONGEST_NAME}),
        "description": fields["description"],
        "layout": _said("layout of the input", {"enum": list(native.LAYOUT_WORDS)}),
        "choices": _said("what is chosen once for a whole stack", _ref("choices")),
        "width": _said("what width stands for, by choices and reductions", _ref("positive")),
        "most_blocks": _said(
            "how many blocks a stack has at most", {**_ref("count"), "default": MOST_BLOCKS}
        ),
        STEM: _said("what stands before the first block", _part(fields, STEM_KEYS)),
        "blocks": _said(
            "what a stack is made of",
            {
                "type": "object",
                "propertyNames": {"allOf": [_ref("name"), {"not": {"enum": [STEM, HEAD, START]}}]},
                "minProperties": 1,
                "additionalProperties": _part(fields, BLOCK_KEYS),
            },
        ),
        HEAD: _said("what stands behind the last block", _part(fields, PART_KEYS)),
    }
    assert tuple(properties) == KEYS
    item: Schema = {"type": "integer", "minimum": 0}
    listed: Schema = {
        "type": "array",
        "items": item,
        "minItems": 1,
        "maxItems": MOST_OPTIONS,
        "uniqueItems": True,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"rfcalc grammar, version {VERSION}",
        "description": f"Generated from the rules by: {COMMAND}",
        "type": "object",
        "properties": properties,
        "required": [KEY, "blocks"],
        "additionalProperties": False,
        "$defs": {
            "choices": {
                "type": "object",
                "propertyNames": _ref("parameter"),
                "additionalProperties": _said("the values that a name may take", listed),
            },
            "count": {"type": "integer", "minimum": 1, "maximum": LARGEST_COUNT},
            **native_schema()["$defs"],
        },
    }


def _part(fields: Schema, keys: tuple[str, ...]) -> Schema:
    """Return the schema of a block, or of its layers alone."""
    whole: Schema = {
        "type": "object",
        "properties": {key: fields[key] for key in keys},
        "required": ["layers"],
        "additionalProperties": False,
    }
    return {"anyOf": [_ref("layers"), whole]}


def schema_text() -> str:
    """Return the JSON Schema of a grammar as text."""
    return json.dumps(grammar_schema(), indent=1, ensure_ascii=False) + "\n"


def main(docs: Path) -> None:
    """Write the schema below a folder anew."""
    (docs / SCHEMA_FILE).write_text(schema_text(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

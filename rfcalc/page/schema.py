"""The JSON Schema of the document of a report, and the table of its keys in docs/formats.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

Schema = dict[str, Any]

SCHEMA_FILE: Final = "schema/report-1.schema.json"
PAGE: Final = "formats.md"
COMMAND: Final = "python -m rfcalc.page.schema docs"
_BEGIN: Final = "<!-- keys of a report -->"
_END: Final = "<!-- /keys of a report -->"


def _object(properties: Mapping[str, Schema], about: str = "") -> Schema:
    """Return the schema of an object that has just these keys, each of them."""
    found = {"type": "object", "properties": dict(properties), "required": list(properties)}
    return {**found, "additionalProperties": False, **({"description": about} if about else {})}


def _list(items: Schema, about: str = "", **more: Any) -> Schema:
    return {"type": "array", "items": items, **more, **({"description": about} if about else {})}


def _tuple(*items: Schema, rest: Schema | None = None, about: str = "") -> Schema:
    found: Schema = {"type": "array", "prefixItems": list(items), "minItems": len(items)}
    return {**found, "items": rest or False, **({"description": about} if about else {})}


def _or_null(schema: Schema, about: str) -> Schema:
    return {"anyOf": [schema, {"type": "null"}], "description": about}


def _text(about: str = "") -> Schema:
    return {"type": "string", **({"description": about} if about else {})}


def _document(of: str, about: str) -> Schema:
    """Return the schema of another document that stands inside, by its name."""
    named = {"type": "object", "properties": {"schema": {"const": of}}, "required": ["schema"]}
    return {**named, "description": about}


_INTEGER: Final[Schema] = {"type": "integer"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_FLAG: Final[Schema] = {"type": "boolean"}
_NUMBERS: Final = _list(_or_null(_COUNT, "null where there is none"))

_SPAN: Final = _tuple(
    _INTEGER, _INTEGER, {"type": "integer", "minimum": -1},
    about="the first and the last position that are read (the last before the first: none is), and which of "
    "`taps` says what lies between them; -1: all is read",
)  # fmt: skip

_RUN: Final = _tuple(
    {"type": "integer", "minimum": 1}, _INTEGER, _INTEGER, rest=_SPAN,
    about="so many units on end, by how much their first and their last position move on, and spans: unit k "
    "has that at k modulo their number, moved on k // their number times",
)  # fmt: skip

_WEIGHT_RUN: Final = _tuple(
    {"type": "integer", "minimum": 1}, _INTEGER, rest=_tuple(_INTEGER, _INTEGER),
    about="the same for weights: units, step, and pairs of a profile (-1: none) and its first position",
)  # fmt: skip

_AXIS: Final = _object(
    {
        "extent": {"type": "integer", "minimum": 0, "description": "units; 1 where the map keeps no grid"},
        "exact": {**_FLAG, "description": "false where units read at most this"},
        "runs": _list(_RUN, "what units read, borders respected, one stretch of units after the other"),
        "window": _or_null(
            _object({"advance": _INTEGER, "spans": _list(_tuple(_INTEGER, _INTEGER, _COUNT))}),
            "what units would read if there were no border: unit r + k * spans reads from the first to the "
            "last of spans[r], moved on by k * advance, so many positions; null where that has no end, or is "
            "not known",
        ),
    }
)

_REASONS: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "description": "by the numbers of rows why they have none, where their `reason` does not say it",
}

_WEIGHTS: Final = _object(
    {
        "of": _list(_or_null(_COUNT, "one of `maps`; null where it was not worked out")),
        "why": _REASONS,
        "maps": _list(_list(_COUNT), "for each axis of the input one of `axes`"),
        "axes": _list(
            _object(
                {
                    "units": _list(_WEIGHT_RUN),
                    "middle": _COUNT,
                    "widths": _list(
                        _COUNT, "positions that hold each of `shares` of the middle unit's weight"
                    ),
                }
            )
        ),
        "profiles": _list(_text("base64 of a byte a position; 255 is the largest"), ""),
        "shares": _list({"type": "number"}),
    },
    "what each position of the input weighs in each unit, gates cut, as `rfcalc effective` says of one",
)

_FIELDS: Final = _object(
    {
        "of": _list(_or_null(_COUNT, "for each row one of `maps`; null where that is not known")),
        "local": _list(_or_null(_COUNT, "the same with gates cut")),
        "why": _REASONS,
        "maps": _list(_list(_COUNT), "for each axis of the input one of `axes`"),
        "indices": _list(
            _list(_COUNT),
            "for each of `maps` the number of the layer's index that goes with each axis of the input: axes "
            "with one number share it, as those of a map do that was flattened",
        ),
        "axes": _list(_AXIS),
        "taps": _list(_list(_COUNT), "how many positions are read, left out, read again, and so on"),
        "weights": _WEIGHTS,
    }
)

_MARK: Final = _object(
    {
        "row": _COUNT,
        "code": _text("as of notes"),
        "level": {"enum": ["info", "warning", "error"]},
        "message": _text(),
    }
)

_SIZED: Final = _object(
    {
        "extents": {**_NUMBERS, "description": "of the chosen input's spatial axes; null where open"},
        "analysis": _document("rfcalc/analysis/1", "as `rfcalc analyze` gives it"),
        "marks": _list(_MARK, "what there is to say of single rows, by the codes of notes"),
        "memory": _or_null(_NUMBERS, "bytes of activations held while each row is computed"),
        "fields": _or_null(_FIELDS, "what each unit of each row reads of the input"),
        "fields_missing": _text("why `fields` is null"),
    }
)

_MODEL: Final = _object(
    {
        "title": _text("its name, or that of the counterfactual"),
        "about": _text("what it is, of a counterfactual"),
        "units": _list(_text(), "what positions of the input are counted in, for each axis"),
        "last": _or_null(_COUNT, "the row whose field is meant where the model is asked how far it sees"),
        "tree": {"$ref": "#/$defs/group"},
        "settings": _list({"type": "object"}, "for each row what its kind was set to"),
        "sums": _list(
            _or_null(_list(_text()), "null where no one sum says it"),
            "for each row how its field comes about along each axis: the field before it, and what its "
            "window adds",
        ),
        "sizes": _list(_SIZED, "the size that was asked for, and those of `--sizes`; the rows are the same"),
        "left_out": _list(_object({"extents": _NUMBERS, "reason": _text()}), "sizes that do not fit"),
    }
)

_GROUP: Final = _object(
    {
        "title": _text(),
        "rows": _list(_COUNT, "rows of the analysis that lie in no group of it"),
        "groups": _list({"$ref": "#/$defs/group"}),
    },
    "how rows fold into parts; each row stands in one group",
)

_POINT: Final = _tuple(
    _COUNT, _or_null(_COUNT, "null: the whole axis"), _FLAG, _FLAG, _FLAG,
    about="the place of the layer, its field, whether it only joins branches, whether the field is exact, "
    "and whether it is as it is (else gates are cut)",
)  # fmt: skip

_GROWTH: Final = _object(
    {
        "axis": _COUNT,
        "layers": _list(_text(), "in their order; places are counted in it"),
        "joins": _list(_COUNT, "places of layers that only join branches"),
        "series": _list(
            _object(
                {
                    "names": _list(_text(), "the models that have these lines"),
                    "lines": _list(_list(_POINT), "the longest first; each further one is a branch"),
                    "everywhere": _list(_COUNT, "places of layers that see all, whatever its size"),
                }
            )
        ),
    }
)

_REPORT: Final = _object(
    {
        "schema": {"const": "rfcalc/report/1"},
        "rfcalc": _text("the version that made it"),
        "models": _list(_MODEL, "the model, then its counterfactuals or the other model", minItems=1),
        "comparison": _document(
            "rfcalc/comparison/1", "as `rfcalc compare` gives it, without the `layers` of its entries"
        ),
        "growth": _list(_GROWTH, "for each spatial axis of the input the lines of field against depth"),
        "diff": _or_null(_document("rfcalc/diff/1", ""), "what changed, where there is another model"),
        "image": _or_null(_text(), "the picture to draw fields on, as a data: URL"),
        "rate": _or_null({"type": "number"}, "positions of a time axis in a second"),
    }
)


def schema() -> Schema:
    """Return the JSON Schema of ``rfcalc/report/1``.

    >>> schema()["title"]
    'the document of rfcalc report'
    """
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "the document of rfcalc report",
    }
    return {**head, **_REPORT, "$defs": {"group": _GROUP}}


def schema_text() -> str:
    """Return the schema as JSON."""
    return json.dumps(schema(), indent=1) + "\n"


def keys_table() -> str:
    """Return the keys of the document, of a model and of a size as a table, in Markdown."""
    lines = ["| of | key | what it says |", "| --- | --- | --- |"]
    for of, part in (("the report", _REPORT), ("a model", _MODEL), ("a size", _SIZED), ("fields", _FIELDS)):
        for key, value in part["properties"].items():
            about = value.get("description") or value.get("items", {}).get("description", "")
            if about:
                lines.append(f"| {of} | `{key}` | {about} |")
    return "\n".join(lines)


def filled(page: str) -> str:
    """Return a page with a fresh table between its markers."""
    begin, end = page.index(_BEGIN) + len(_BEGIN), page.index(_END, page.index(_BEGIN))
    return f"{page[:begin]}\n\n{keys_table()}\n\n{page[end:]}"


def main(docs: Path) -> None:
    """Write the page and the schema below a folder anew."""
    text = (docs / PAGE).read_text(encoding="utf-8")
    (docs / PAGE).write_text(filled(text), encoding="utf-8", newline="\n")
    (docs / SCHEMA_FILE).write_text(schema_text(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

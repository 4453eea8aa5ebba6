"""A budget as a TOML document, and what a budget may say: the table of the documentation, the JSON Schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rfcalc.questions.check.document import LAYERS, LOADING, MODELS, key_text, quoted
from rfcalc.questions.check.limits import BYTES, COUNT, FLAG, LIMITS, NUMBER, PIXELS, STATUS, Limit
from rfcalc.questions.check.measures import STATUSES
from rfcalc.questions.check.present import Present
from rfcalc.render import humanise
from rfcalc.render.escape import visible

# ---- a budget ----------------------------------------------------------------------------------------------

_HEAD: Final = """\
# Limits for rfcalc check, at the present figures: smaller is fine for max_..., larger for min_....
"""


def budget_text(tables: Sequence[tuple[str | None, Mapping[str, Any], Iterable[Present]]]) -> str:
    """Write a budget as TOML.

    Parameters
    ----------
    tables : sequence of (str or None, mapping, iterable of Present)
        For each model the name under which the budget has it (None: it holds for any model), how it is read,
        and its limits.
    """
    return _HEAD + "".join(_table_text(name, loading, limits) for name, loading, limits in tables)


def _table_text(name: str | None, loading: Mapping[str, Any], limits: Iterable[Present]) -> str:
    lines = [""] if name is None else ["", f"[{key_text((MODELS, name))}]"]
    lines += [f"{key} = {toml(value)}" for key, value in loading.items() if value not in (None, {}, [], ())]
    lines += map(_line, limits)
    return "\n".join(lines) + "\n"


def _line(present: Present) -> str:
    limit, value = present.limit, present.value
    of = f" of {visible(present.layer)}" if present.layer else ""
    if not value:
        return f"# {limit.name}{of} is not known: {visible(present.why)}"
    return f"{limit.name} = {_value(limit, value)}" + (
        f"  #{of}" if of and (any(value) or limit.form == FLAG) else ""
    )


def _value(limit: Limit, value: Sequence[float]) -> str:
    if limit.form == FLAG:
        return "true"
    if limit.form == STATUS:
        return quoted(STATUSES[int(value[0])])
    figures = [_number(each) for each in value]
    return figures[0] if len(set(figures)) == 1 else f"[{', '.join(figures)}]"


def _number(value: float) -> str:
    """Write a number as TOML has it.

    >>> _number(104202), _number(0.5), _number(2.0)
    ('104_202', '0.5', '2')
    """
    figure = humanise.plain(value)
    return f"{figure:_}" if isinstance(figure, int) else repr(figure)


def toml(value: Any) -> str:
    """Write what a budget may hold as a value of TOML; None is an open extent.

    >>> toml({"H": 64}), toml([None, 28]), toml("x")
    ('{H = 64}', '["?", 28]', '"x"')
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key_text([key])} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    return quoted("?" if value is None else value) if value is None or isinstance(value, str) else str(value)


# ---- what a budget may say ---------------------------------------------------------------------------------


def limits_table() -> str:
    """Return the limits as a Markdown table."""
    rows = ["| limit | of | on |", "| --- | --- | --- |"]
    for limit in LIMITS.values():
        on = [word for word, of in (("models", limit.of_model), ("layers", limit.of_layer)) if of is not None]
        rows.append(f"| `{limit.name}` | {', '.join(on)} | {limit.doc} |")
    return "\n".join(rows) + "\n"


def loading_table() -> str:
    """Return the keys that say how a model is read as a Markdown table."""
    rows = ["| key | what it says |", "| --- | --- |"]
    rows += [
        f"| `{name}` | {option.doc.replace(chr(34) + '?' + chr(34), '`?`')} |"
        for name, option in LOADING.items()
    ]
    return "\n".join(rows) + "\n"


_COUNT: Final = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}
_EACH: Final[Mapping[str, Mapping[str, Any]]] = {
    PIXELS: {"type": "integer", "minimum": 0},
    NUMBER: {"type": "number", "minimum": 0},
}
_SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    COUNT: _COUNT,
    BYTES: _COUNT,
    **{
        form: {"anyOf": [each, {"type": "array", "items": each, "minItems": 1}]}
        for form, each in _EACH.items()
    },
    FLAG: {"const": True},
    STATUS: {"enum": list(STATUSES[:2])},
}


def budget_schema() -> dict[str, Any]:
    """Return the JSON Schema of a budget, for editors that check TOML against one."""
    on_models = {name: _schema(limit) for name, limit in LIMITS.items() if limit.of_model is not None}
    on_layers = {name: _schema(limit) for name, limit in LIMITS.items() if limit.of_layer is not None}
    loading = {name: {**option.schema, "description": option.doc} for name, option in LOADING.items()}
    layers = {
        "type": "object",
        "description": "limits on layers, by a pattern of their names",
        "additionalProperties": {"type": "object", "properties": on_layers, "additionalProperties": False},
    }
    of_model = {**on_models, **loading, LAYERS: {"$ref": "#/$defs/layers"}}
    models = {
        "type": "object",
        "description": "the same for one model, by its path from this file",
        "additionalProperties": {"type": "object", "properties": of_model, "additionalProperties": False},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a budget for rfcalc check",
        "type": "object",
        "properties": {**of_model, MODELS: models},
        "additionalProperties": False,
        "$defs": {"layers": layers},
    }


def _schema(limit: Limit) -> dict[str, Any]:
    return {
        "anyOf": [_SCHEMAS[limit.form], {"const": False}],
        "description": f"{limit.doc}; false lifts it",
    }


def schema_text() -> str:
    """Return the JSON Schema of a budget as text."""
    return json.dumps(budget_schema(), indent=2) + "\n"


# ---- the page of the documentation -------------------------------------------------------------------------

PAGE: Final = "ci.md"
SCHEMA_FILE: Final = "schema/budget-1.schema.json"
COMMAND: Final = "python -m rfcalc.questions.check.budget_text docs"
_TABLES: Final = {"limits": limits_table, "loading": loading_table}


def filled(page: str) -> str:
    """Return a page with fresh tables between its markers."""
    for name, table in _TABLES.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = page.partition(start)
        _, _, after = rest.partition(end)
        page = f"{before}{start}\n{table()}\n{end}{after}"
    return page


def main(docs: Path) -> None:
    """Write the page and the schema below a folder anew."""
    page = (docs / PAGE).read_text(encoding="utf-8")
    (docs / PAGE).write_text(filled(page), encoding="utf-8", newline="\n")
    (docs / SCHEMA_FILE).write_text(schema_text(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

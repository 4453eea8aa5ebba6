from __future__ import annotations

import copy
import doctest
import json
import re
from typing import Any

import jsonschema
import pytest

import rfcalc
from rfcalc.readers import native_nodes, schema, spellings, values
from rfcalc.readers.detect import load
from rfcalc.readers.native import read_native
from rfcalc.rules import registry
from tests.documents import marked, need
from tests.readers.models import BASES, CONV, DOCS, MODELS, model, paths, refusal, wrong

SCHEMA = schema.schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PAGE = (DOCS / schema.PAGE).read_text(encoding="utf-8")

# What a schema cannot say: that names exist, are free and do not lead back; that expressions hold; how many
# layers there are and how deep; the arguments of a block; that 3.0 is no integer.
BEYOND = re.compile(
    r"no layer is called|is taken by|takes its own output|has no output|there is no input|cannot contain|"
    r"nested more than|no block is called|the block '.*' needs|shares a layer|is of the kind|is no layer|"
    r"is no single layer|unknown name|is not an expression|beyond 2\*\*63|got .* for '|letters, but|"
    r"has \d axes; give it|got 3\.0|got 28\.0|got 1\.0|got nan|got inf|must be 'valid', 'same', 'same_lower'|"
    r"the block '.*' has no such key|an integer of about|divides with /"
)


def valid(document: Any) -> bool:
    return bool(VALIDATOR.is_valid(document))


# ---- the generated files are fresh -------------------------------------------------------------------------


def test_the_schema_file_is_fresh() -> None:
    assert (DOCS / schema.SCHEMA_FILE).read_text(encoding="utf-8") == schema.schema_text(), (
        f"run: {schema.COMMAND}"
    )


def test_the_tables_of_the_page_are_fresh() -> None:
    assert schema.refreshed(PAGE) == PAGE, f"run: {schema.COMMAND}"
    assert PAGE.count("<!-- generated: ") == len(schema.TABLES)


def test_refreshing_writes_both(tmp_path: Any) -> None:
    (tmp_path / "schema").mkdir()
    (tmp_path / schema.PAGE).write_text(
        "<!-- generated: forms -->\nold\n<!-- /generated -->\n", encoding="utf-8"
    )
    schema.main(tmp_path)
    assert "old" not in (tmp_path / schema.PAGE).read_text(encoding="utf-8")
    assert json.loads((tmp_path / schema.SCHEMA_FILE).read_text(encoding="utf-8")) == json.loads(
        schema.schema_text()
    )


# ---- the registry, the reader and the schema agree ---------------------------------------------------------


def test_every_form_of_the_registry_can_be_read_and_described() -> None:
    forms = {value for name, value in vars(registry).items() if name.isupper() and isinstance(value, str)}
    used = {setting.form for kind in registry.kinds().values() for setting in kind.settings}
    assert used <= {*values.FORMS, registry.INTERNAL}
    assert set(values.FORMS) == set(schema.FORMS)
    assert {*values.FORMS, registry.INTERNAL} - {values.COUNTS} <= forms


def test_settings_and_keys_of_an_entry_do_not_meet() -> None:
    for spelling in spellings.spellings().values():
        assert not set(spelling.settings) & set(native_nodes.LAYER_KEYS)


def test_arguments_and_keys_of_an_entry_do_not_meet() -> None:
    keys = {*native_nodes.LAYER_KEYS, *native_nodes.GROUP_KEYS, *native_nodes.USE_KEYS}
    assert keys - {"output"} <= native_nodes.RESERVED


def test_other_names_of_a_kind_are_no_kinds() -> None:
    kinds = set(registry.kinds()) | {"unknown"}
    others = [*spellings.ALIASES, *spellings.PRESETS, *spellings.ACTIVATIONS]
    others += [f"{stem}{rank}d" for stem in spellings.RANKED for rank in spellings.RANKS]
    assert len(set(others)) == len(others)
    assert not kinds & set(others)


def test_defaults_fit_their_own_forms() -> None:
    for kind in registry.kinds().values():
        for setting in kind.settings:
            if kind.native and setting.form != registry.INTERNAL and setting.default is not registry.REQUIRED:
                values.check(kind.name, setting, setting.default, values.Place("x"))


# ---- the schema and the reader give the same verdict -------------------------------------------------------

SAMPLES: dict[str, list[Any]] = {
    registry.COUNT: [3, "1 + 2"],
    registry.NATURAL: [0, 3],
    registry.INTEGER: [-3, 3],
    registry.PER_AXIS: [3, [3, 2], ["1 + 1", 2]],
    registry.NATURAL_PER_AXIS: [0, [0, 2]],
    registry.PADDING: ["valid", "same", "same_lower", "causal", 0, "1 + 1", [1, 2], [[1, 2], 0]],
    registry.PAIRS: [0, 3, [1, 2], [[1, 0], 3]],
    registry.FLAG: [True, False],
    registry.AXIS: [-1, 1],
    registry.AXES: [-1, [1, 2], []],
    registry.SHAPE: [[None, 3, -1], ["2 * 3"]],
    registry.TEXT: ["text", ""],
    registry.NUMBER: [0, -1.5, 3],
    values.COUNTS: [[1, 2, 3]],
}
STRAYS: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    "",
    "a.b",
    "x" * 501,
    [],
    [0],
    [None],
    [[1]],
    [[1, 2, 3]],
    {},
    [1] * 17,
]


def entries() -> list[tuple[str, dict[str, Any]]]:
    """One entry for each kind and setting, with each sample of its form and each stray value."""
    found = []
    for name in (key.removeprefix("kind:") for key in SCHEMA["$defs"] if key.startswith("kind:")):
        spelling = spellings.spellings()[name]
        first = {key: sample(spelling, key)[0] for key in spelling.required}
        found.append((name, {"kind": name, **first}))
        for key in spelling.settings:
            found.extend((name, {"kind": name, **first, key: value}) for value in sample(spelling, key))
            # the strays fit or do not fit; what counts is that both say the same
            found.extend((name, {"kind": name, **first, key: stray}) for stray in STRAYS)
        found.append((name, {"kind": name, **first, "fliters": 1}))
        found.extend((name, {"kind": name, **{k: v for k, v in first.items() if k != key}}) for key in first)
    return found


def sample(spelling: spellings.Spelling, key: str) -> list[Any]:
    setting = spelling.settings[key]
    form = values.form_of(spelling.kind.name, setting)
    if form == registry.CHOICE:
        return list(setting.choices)
    return [
        value[: spelling.rank] * (spelling.rank or 1)
        if isinstance(value, list) and spelling.rank == 1
        else value
        for value in SAMPLES[form]
        if not (spelling.rank == 3 and isinstance(value, list) and form == registry.PER_AXIS)
    ]


def test_entries_of_every_kind_get_the_same_verdict() -> None:
    validators = {
        name: jsonschema.Draft202012Validator({"$ref": f"#/$defs/kind:{name}", "$defs": SCHEMA["$defs"]})
        for name, _ in entries()
    }
    for name, entry in entries():
        error = refusal(lambda: read_native(model(entry)))  # noqa: B023  called at once
        assert error is None or str(error.where).startswith("layers[0]")
        assert validators[name].is_valid(entry) == (error is None), entry


def test_every_spelling_is_a_layer_of_the_schema() -> None:
    for name, spelling in spellings.spellings().items():
        entry = {"kind": name, **{key: sample(spelling, key)[0] for key in spelling.required}}
        assert valid(model(entry, *([] if spelling.required else [name])))
        assert not valid(model({**entry, "fliters": 1}))
        assert valid(model(name)) == (not spelling.required)


@pytest.mark.parametrize("name", sorted(BASES))
def test_models_that_are_read_are_valid(name: str) -> None:
    read_native(BASES[name])
    VALIDATOR.validate(BASES[name])


@pytest.mark.parametrize(("message", "document"), wrong())
def test_models_that_are_refused_are_invalid_where_a_schema_can_say_so(message: str, document: Any) -> None:
    assert BEYOND.search(message) or not valid(document)


MORE: list[dict[str, Any]] = [
    model("relu", description="x", **{"$schema": "https://example.org/s.json"}),
    model("relu", input={"shape": [28, None, "?"], "layout": "NLC", "dtype": "int8"}),
    model("relu", layout="channels_first", input={"shape": [3, 5], "layout": "channels_last"}),
    model("unknown", {"kind": "unknown", "op": "x", "shape": None, "repeat": 2}),
    model(
        {"repeat": "1 + 1", "layers": [{**CONV, "filters": "1 + index"}], "output": ["conv_1"], "name": "r"}
    ),
    model(
        {**CONV, "name": "a", "trainable": False, "repeat": 1},
        {"share": "a/0", "kind": "conv2d", "inputs": "a"},
    ),
    model(
        {"block": "b", "n": -1},
        blocks={"b": {"arguments": {"n": None, "m": "n"}, "layers": ["relu"], "output": "relu_1"}},
    ),
    model(
        {"block": "b", "n": 1, "trainable": False},
        blocks={"b": {"arguments": ["n"], "layers": [{"share": "x"}, {"kind": "relu", "name": "x"}]}},
    ),
    model("relu", outputs="relu_1:0"),
]


@pytest.mark.parametrize("document", MORE)
def test_more_models_that_are_read_are_valid(document: dict[str, Any]) -> None:
    read_native(document)
    VALIDATOR.validate(document)


@pytest.mark.long
def test_mutations_of_a_model_get_the_same_verdict() -> None:
    base = MORE[4] | {
        "outputs": ["r"],
        "parameters": {"n": 2},
        "blocks": {"b": {"arguments": {"c": 1}, "layers": ["gap"]}},
    }
    base["layers"].append({"block": "b", "name": "last"})
    read_native(base)
    for path in paths(base):
        for stray in (
            None,
            True,
            -1,
            0,
            1.5,
            2**64,
            "",
            "a/b",
            "a\tb",
            ":",
            [],
            {},
            {"kind": "relu"},
            [{}],
            "x" * 5000,
        ):
            document: Any = copy.deepcopy(base)
            holder = document
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = stray
            error = refusal(lambda: read_native(document))  # noqa: B023  called at once
            if error is None or not BEYOND.search(error.message):
                assert valid(document) == (error is None), (path, stray)


# ---- the page ----------------------------------------------------------------------------------------------

BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.S | re.M)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        pytest.param(language, text, marks=marked(text), id=f"{i}-{language}")
        for i, (language, text) in enumerate(BLOCKS)
    ],
)
def test_the_examples_of_the_page_run(language: str, text: str) -> None:
    if language in ("json", "yaml", "toml"):
        analysis = rfcalc.analyze(text.encode())
        assert analysis.totals.params.trainable is not None or "DeformableConv" in text
        if language == "json":
            VALIDATOR.validate(json.loads(text))
    elif language == "python":
        need(text)
        test = doctest.DocTestParser().get_doctest(text, {}, "formats.md", "formats.md", 0)
        assert doctest.DocTestRunner().run(test).failed == 0
    else:
        assert language == "bash"


def test_the_page_names_every_example_model() -> None:
    assert {name for name in MODELS if f"(models/{name}.json)" in PAGE} == set(MODELS)


def test_the_page_s_first_model_is_the_file_that_it_says() -> None:
    first = next(text for language, text in BLOCKS if language == "json")
    from_page = load(json.loads(first))
    from_file = load(DOCS / "models" / "pooling.json")
    assert [(layer.kind, layer.attrs) for layer in from_page] == [
        (layer.kind, layer.attrs) for layer in from_file
    ]

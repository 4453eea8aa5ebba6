"""The document has a schema, and the page holds it so that nothing in it can become markup or script."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import rfcalc
from rfcalc.page import schema
from rfcalc.page.image import image_url
from tests.calling import call

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "\u2028\u2029",
    "a" * 10_000,
    "{{7*7}}${7*7}",
    "'\"&amp;",
)


def hostile() -> dict[str, Any]:
    """Return a Keras model, whose names may be anything."""
    layers: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": [None, 16, 16, 1]}}
    ]
    layers += [
        {"class_name": "Conv2D", "config": {"name": name, "filters": 1, "kernel_size": 3, "padding": "same"}}
        for name in HOSTILE
    ]
    return {"class_name": "Sequential", "config": {"name": HOSTILE[0], "layers": layers}}


# ---- the schema --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(path.name for path in (DOCS / "models").glob("*.json")))
def test_documents_are_as_the_schema_says(name: str) -> None:
    validator = jsonschema.Draft202012Validator(schema.schema())
    validator.validate(rfcalc.report(str(DOCS / "models" / name)).to_dict())


def test_two_models_and_further_sizes_are_too() -> None:
    made = rfcalc.report(
        str(DOCS / "models" / "pooling.json"), str(DOCS / "models" / "plain.json"), sizes=[32, 2]
    )
    jsonschema.Draft202012Validator(schema.schema()).validate(made.to_dict())


@pytest.mark.onnx
def test_all_models_of_a_page_are_what_they_are_at_a_further_size() -> None:
    """The second model, and a counterfactual, of a file that works out an extent of its input."""
    from tests.readers.onnx_build import ints, model, node, small, weight

    nodes = [
        node("MaxPool", "x", "pool", kernel_shape=[3, 3], pads=[1] * 4, strides=[1, 1]),
        node("Conv", "pool w", "conv", pads=[1] * 4, strides=[2, 2]),
        node("Shape", "x", "shape"),
        node("Slice", "shape from to", "extents"),
        node("Concat", "channels extents", "all", axis=0),
        node("Resize", "conv - - all", "up", mode="nearest"),
    ]
    held = [weight("w", 8, 3, 3, 3), ints("from", 2), ints("to", 4), ints("channels", 1, 8)]
    resizing = model(nodes, {"x": (1, 3, 32, 32)}, "up", held)
    for made in (
        rfcalc.report(small((1, 3, 32, 32)), resizing, sizes=[48]),
        rfcalc.report(resizing, sizes=[48]),
    ):
        second = made.to_dict()["models"][1]
        shapes = {layer["name"]: layer["output_shape"] for layer in second["sizes"][1]["analysis"]["layers"]}
        assert (shapes["conv"], shapes["up"]) == ([1, 8, 24, 24], [1, 8, 48, 48])


def test_a_document_that_lacks_something_is_refused() -> None:
    document = rfcalc.report(str(DOCS / "models" / "plain.json")).to_dict()
    validator = jsonschema.Draft202012Validator(schema.schema())
    for key in document:
        assert not validator.is_valid({name: value for name, value in document.items() if name != key}), key
    assert not validator.is_valid({**document, "more": 1})


def test_the_schema_and_its_table_are_fresh() -> None:
    assert (DOCS / schema.SCHEMA_FILE).read_text(encoding="utf-8") == schema.schema_text(), schema.COMMAND
    page = (DOCS / schema.PAGE).read_text(encoding="utf-8")
    assert schema.filled(page) == page, schema.COMMAND
    assert call("schema", "report").stdout == schema.schema_text()


def test_calls_that_see_differently_have_rows_of_their_own() -> None:
    """The last of them is the last map, as `rfcalc field` has it; calls that see alike share a row."""
    chain = [
        {"kind": "conv", "name": "first", "filters": 8, "kernel": 3},
        {"kind": "conv", "name": "body", "filters": 8, "kernel": 3, "padding": "same"},
        {"kind": "activation", "name": "between"},
        {"share": "body", "name": "again"},
        {"kind": "conv", "name": "left", "filters": 1, "kernel": 1},
        {"share": "left", "name": "right", "inputs": "again"},
        {"kind": "add", "name": "sum", "inputs": ["left", "right"]},
    ]
    model = rfcalc.report({"rfcalc": 1, "input": [28, 28, 1], "layers": chain}).to_dict()["models"][0]
    analysis = model["sizes"][0]["analysis"]
    rows = {row["name"]: row for row in analysis["layers"]}
    assert list(rows) == ["input", "first", "body", "between", "again", "left", "sum"]
    assert [rows[name]["receptive_field"] for name in ("body", "again", "left")] == [[5, 5], [7, 7], [7, 7]]
    assert [rows[name]["params"]["trainable"] for name in ("body", "again")] == [8 * 8 * 9 + 8, 0]
    assert [note["code"] for note in analysis["notes"]] == []
    assert None not in model["sizes"][0]["memory"]
    focus = rfcalc.field({"rfcalc": 1, "input": [28, 28, 1], "layers": chain[:4]}).layer
    chained = rfcalc.report({"rfcalc": 1, "input": [28, 28, 1], "layers": chain[:4]}).to_dict()["models"][0]
    assert chained["sizes"][0]["analysis"]["layers"][chained["last"]]["name"] == focus == "again"


def test_documents_are_the_same_from_run_to_run() -> None:
    path = str(DOCS / "models" / "unet.json")
    assert rfcalc.report(path).to_json() == rfcalc.report(path).to_json()


# ---- the page ----------------------------------------------------------------------------------------------


class Elements(html.parser.HTMLParser):
    """The elements of a page, with what stands in them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))
        self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.found and self.inside:
            tag, attrs, text = self.found[-1]
            self.found[-1] = (tag, attrs, text + data)

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, text) for name, attrs, text in self.found if name == tag]


def test_nothing_of_a_hostile_model_is_markup() -> None:
    plain, made = (
        Elements(rfcalc.report(model).to_html()) for model in (str(DOCS / "models" / "plain.json"), hostile())
    )
    assert [tag for tag, _, _ in made.found] == [tag for tag, _, _ in plain.found]
    (data, _program) = made.all("script")
    assert data[0] == {"type": "application/json", "id": "rfcalc-report"}
    document = json.loads(data[1])
    names = [row["name"] for row in document["models"][0]["sizes"][0]["analysis"]["layers"]]
    assert names[1:] == list(HOSTILE)
    assert made.all("title")[0][1].strip() == HOSTILE[0]


def test_the_policy_lets_just_this_program_and_these_styles_be() -> None:
    made = Elements(rfcalc.report(str(DOCS / "models" / "plain.json")).to_html())
    policy = next(attrs["content"] for attrs, _ in made.all("meta") if attrs.get("http-equiv"))
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))

    def digest(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == digest(made.all("script")[1][1])
    assert rules["style-src"] == digest(made.all("style")[0][1])
    assert "connect-src" not in rules, "what default-src forbids"
    assert not [attrs for _, attrs, _ in made.found if {"src", "href", "style", "onload"} & set(attrs)]


def test_a_notebook_gets_the_page_in_a_frame() -> None:
    shown = rfcalc.report(hostile())._repr_html_()
    (frame,) = Elements(shown).all("iframe")
    assert frame[0]["sandbox"] == "allow-scripts"
    assert (frame[0]["srcdoc"] or "").startswith("<!doctype html>")


def test_surrogates_do_not_break_the_page() -> None:
    model = {
        "rfcalc": 1,
        "input": [8, 8, 1],
        "layers": [{"kind": "conv", "name": "\ud800", "filters": 1, "kernel": 3}],
    }
    rfcalc.report(model).to_html().encode()


# ---- the picture -------------------------------------------------------------------------------------------


def test_a_picture_is_held_as_it_is() -> None:
    path = DOCS / "pictures" / "digit.png"
    url = image_url(str(path))
    assert base64.b64decode(url.removeprefix("data:image/png;base64,")) == path.read_bytes()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<svg onload='alert(1)'/>", "neither a PNG nor a JPEG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(4_000_001), "larger"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(rfcalc.ReadError, match=reason):
        image_url(str(tmp_path / "a.png"))


# ---- the command -------------------------------------------------------------------------------------------


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    model, page = DOCS / "models" / "pooling.json", tmp_path / "report.html"
    done = call("report", str(model), "--output", str(page), "--sizes", "32,40:48:8")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert page.read_text(encoding="utf-8") == rfcalc.report(str(model), sizes=[32, 40, 48]).to_html()
    done = call("report", str(model), "--format", "json")
    assert json.loads(done.stdout) == rfcalc.report(str(model)).to_dict()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.json",), "none.json: no such file"),
        (("{model}", "--image", "none.png"), "none.png: cannot be read"),
        (("{model}", "--sizes", "a"), "--sizes"),
        (("{model}", "--sizes", "0"), "0 is no size"),
        (("{model}", "--rate", "8000"), "a rate is for sequences"),
        (("{wavenet}", "--rate", "nan"), "positive number"),
        (("{wavenet}", "--rate", "-5"), "positive number"),
        (("{wavenet}", "--image", "{digit}"), "a picture has rows and columns"),
        (("{model}", "--sizes", "1:1000000000"), "too many for one page"),
        (("{model}", "--with", "fast"), "fast"),
        (("{model}", "{model}", "--with", "plain"), "one model"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    model = str(DOCS / "models" / "pooling.json")
    others = {"wavenet": DOCS / "models" / "wavenet.json", "digit": DOCS / "pictures" / "digit.png"}
    given = [each.format(model=model, **others) for each in arguments]
    done = call("report", *given, "--output", str(tmp_path / "report.html"))
    assert done.exit_code in (2, 3)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "report.html").exists()

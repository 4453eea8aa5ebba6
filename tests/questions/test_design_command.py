"""`rfcalc design` on the command line and as a report; grammars as documents, and what is refused of them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

import rfcalc
from rfcalc.cli import main
from rfcalc.questions.design.grammar import default_document, read_grammar
from rfcalc.questions.design.grammar_text import COMMAND, SCHEMA_FILE, grammar_schema, schema_text

ROOT = Path(__file__).parents[2]

CONV: dict[str, Any] = {"kind": "conv", "filters": "width", "kernel": 3, "padding": "same"}
SMALL: dict[str, Any] = {
    "rfcalc-grammar": 1,
    "name": "small",
    "width": "4 + reductions",
    "most_blocks": 4,
    "blocks": {
        "conv": {"layers": [CONV, "relu"]},
        "pool": {"reduces": 1, "layers": [{"kind": "max_pool", "kernel": 2}]},
    },
}


GROWN: dict[str, Any] = {"kind": "conv_transpose", "filters": 2, "kernel": 2, "stride": 2}


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["design", *arguments], prog_name="rfcalc")


# ---- the acceptance of the question ------------------------------------------------------------------------


def test_a_field_of_224_with_30_layers_and_a_million_parameters(tmp_path: Path) -> None:
    """The model that is written is analysed by itself, from its file."""
    file = tmp_path / "net.json"
    asked = ("--field", ">=224", "--layers", "<=30", "--params", "<=1e6")
    got = run("--input", "224,224,3", *asked, "--top", "1", "-o", str(file))
    assert got.exit_code == 0, got.output
    found = rfcalc.analyze(file)
    assert found.totals.params.total <= 1_000_000
    assert found.totals.layers <= 30
    assert min(found.rows[-1].receptive_field or (0,)) >= 224
    assert not [row for row in found if row.status != "exact"]
    assert not [note for note in found.notes if note.level == "warning"]
    assert f"{found.totals.params.total:,} parameters" in " ".join(got.output.split())


# ---- the command -------------------------------------------------------------------------------------------


def test_each_stack_that_is_listed_can_be_written(tmp_path: Path) -> None:
    grammar = tmp_path / "grammar.json"
    grammar.write_text(json.dumps(SMALL))
    given = (
        "--input",
        "16,16,2",
        "--grammar",
        str(grammar),
        "--field",
        ">=9",
        "--top",
        "3",
        "--format",
        "json",
    )
    got = run(*given, "-o", str(tmp_path / "net-{rank}.json"))
    document = json.loads(got.output)
    assert document["schema"] == "rfcalc/design/1"
    assert document == rfcalc.design(grammar, input=(16, 16, 2), field=">=9", top=3).to_dict()
    assert [answer["figures"]["params"] for answer in document["answers"]] == sorted(
        answer["figures"]["params"] for answer in document["answers"]
    )
    for rank, answer in enumerate(document["answers"], 1):
        model = json.loads((tmp_path / f"net-{rank}.json").read_text())
        assert model == answer["model"]
        found = rfcalc.analyze(model)
        figures = answer["figures"]
        assert found.totals.params.total == figures["params"]
        assert found.totals.macs == figures["macs"]
        assert list(found.rows[-1].receptive_field or ()) == figures["field"]
        assert sum(each["params"] for each in answer["stack"]) == figures["params"]


def test_a_stack_is_found_again_by_its_number() -> None:
    found = rfcalc.design(SMALL, input=(16, 16, 2), field=">=9", top=3)
    for answer in found.answers:
        again = rfcalc.design(SMALL, input=(16, 16, 2), stack=answer.number)
        assert again.answers == (answer,)
        assert f"Stack {answer.number} of the 30 stacks of up to 4 blocks" in str(again)
    got = run("--input", "64,64,3", "--stack", "2000", "--format", "json")
    assert json.loads(got.output)["answers"][0]["number"] == 2000


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--input", "64,64,3", "--stack", "-1"), 2, "the grammar has no stack -1"),
        (("--input", "64,64,3", "--stack", str(10**40)), 2, "from 0 on"),
        (("--input", "64,64,3", "--stack", "1", "--field", ">=9"), 2, "leave the targets out"),
        (
            ("--input", "1,1,3", "--stack", "11"),
            3,
            "stack 11 cannot be built at this input: pooled does not fit",
        ),
    ],
)
def test_stacks_that_there_are_none_of(arguments: tuple[str, ...], code: int, message: str) -> None:
    got = run(*arguments)
    assert got.exit_code == code
    assert message in got.stderr


def test_a_target_that_is_given_twice_holds_twice() -> None:
    once = run("--input", "32,32,3", "--field", ">=9,<=12", "--format", "json")
    twice = run("--input", "32,32,3", "--field", ">=9", "--field", "<=12", "--format", "json")
    assert twice.exit_code == 0
    assert twice.output == once.output


def test_none_is_an_answer(tmp_path: Path) -> None:
    file = tmp_path / "net.json"
    got = run("--input", "32,32,3", "--field", ">=40", "--layers", "<=5", "-o", str(file))
    assert got.exit_code == 1
    assert "cannot be had together" in " ".join(got.output.split())
    assert "no stack meets the targets" in got.stderr
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "say what the input is: --input 224,224,3"),
        (("--input", "8"), 2, "the input needs extents and channels"),
        (("--input", "8,8,0"), 2, "the input needs extents and channels"),
        (("--input", "8,8,3", "--field", "32"), 2, "--field: '32' is no comparison, such as '>=7x7'"),
        (("--input", "8,8,3", "--params", "<=x"), 2, "--params: 'x' is no number"),
        (("--input", "8,8,3", "--peak", "<=8XB"), 2, "--peak: '8XB' is no number of bytes"),
        (("--input", "8,8,3", "--output", "=1x2x3"), 2, "has 3 sizes; the input has 2 spatial axes"),
        (("--input", "8,8,3", "--top", "0"), 2, "0 is not in the range"),
        (("--input", "8,8,3", "--grammar", "none.json"), 3, "none.json: no such file"),
        (
            ("--input", "8,8,3", "-o", "no/where/net.json"),
            2,
            "no/where/net.json: --model-file lies in a directory that does not exist",
        ),
        (
            ("--input", "8,8,3", "-o", "d-{foo}.json"),
            2,
            "{foo} stands for nothing; {rank} stands for the rank",
        ),
        (("--input", "8,8,3", "--limit-states", "-1"), 2, "-1 is not in the range"),
        (
            ("--input", "64,64,3", "--params", "=123456", "--macs", ">=5e7", "--limit-states", "2e3"),
            2,
            "'2e3' is not a valid integer",
        ),
        (
            ("--input", "64,64,3", "--params", "=123456", "--by", "macs", "--limit-states", "2000"),
            3,
            "given up after 2,000 states",
        ),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], code: int, message: str) -> None:
    got = run(*arguments)
    assert got.exit_code == code
    assert message in got.stderr


def test_the_grammar_itself_is_not_written_over(tmp_path: Path) -> None:
    grammar = tmp_path / "grammar.json"
    grammar.write_text(json.dumps(SMALL))
    got = run("--input", "8,8,3", "--grammar", str(grammar), "-o", str(grammar))
    assert got.exit_code == 2
    assert json.loads(grammar.read_text()) == SMALL


def test_a_table_in_a_document(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- rfcalc: design --input 32,32,3 --field '>=20' --top 2 -->\n<!-- /rfcalc -->\n")
    got = CliRunner().invoke(main, ["docs", "--write", str(page)], prog_name="rfcalc")
    assert got.exit_code == 0, got.output
    assert "| stem (kernel 3)" in page.read_text()


def test_the_report_in_every_markup() -> None:
    found = rfcalc.design(SMALL, input=(16, 16, 2), field=">=9", macs="<=1e6")
    for markup in ("markdown", "rst", "asciidoc", "latex", "html"):
        assert "pool" in found.to_markup(markup)
    assert found.to_text(60, unicode=False).isascii()


# ---- sentences ---------------------------------------------------------------------------------------------


def test_what_is_said_of_the_cheapest() -> None:
    """The numbers of the sentences, worked out by hand: two poolings and a convolution on 16x16."""
    found = rfcalc.design(SMALL, input=(16, 16, 2), field=">=9", output="=4", macs="<=1e6", by="macs")
    text = " ".join(str(found).split())
    assert [placed.part for placed in found.answers[0].placed] == ["pool", "pool", "conv"]
    # fields: 2, then 2 + 1*2 = 4, and 4 + 2*4 = 12
    assert found.answers[0].figures.field == (12, 12)
    assert "The field is 12 = 1 + 1 + 1*2 + 2*4:" in text
    # at stride 1: 1 + 1 + 1 + 2
    assert "the same windows would see 5: pool brings the other 7, for a map 4 times coarser" in text
    # 4*4 outputs of 6 channels behind two reductions, each of 3*3*2 products
    assert found.answers[0].figures.macs == 16 * 6 * 18
    assert "It uses <1% of the multiply-accumulates that it may have" in text


# ---- grammars as documents ---------------------------------------------------------------------------------


def test_a_grammar_in_yaml_and_in_toml(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    yaml, toml = tmp_path / "g.yaml", tmp_path / "g.toml"
    yaml.write_text(
        "rfcalc-grammar: 1\nname: g\nwidth: 4\nmost_blocks: 2\n"
        "blocks:\n  conv:\n    layers: [{kind: conv, filters: width, kernel: 3}, relu]\n"
    )
    toml.write_text(
        'rfcalc-grammar = 1\nname = "g"\nwidth = 4\nmost_blocks = 2\n'
        '[blocks.conv]\nlayers = [{kind = "conv", filters = "width", kernel = 3}, "relu"]\n'
    )
    one, two = (rfcalc.design(file, input=(9, 9, 1), field=">=5") for file in (yaml, toml))
    assert one.answers == two.answers
    assert one.answers[0].figures.params == 3 * 3 * 4 + 4 + 3 * 3 * 4 * 4 + 4


def changed(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SMALL), **changes}


def block(**changes: Any) -> dict[str, Any]:
    return changed(blocks={"conv": {"layers": [CONV], **changes}})


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "rfcalc-grammar: is missing"),
    (changed(**{"rfcalc-grammar": 2}), "rfcalc-grammar: is version 2; this rfcalc reads version 1"),
    (changed(blocks={}), "blocks: must name one block or more"),
    (changed(bloks={}), "bloks: a grammar has no such key; did you mean 'blocks'?"),
    (changed(most_blocks=0), "most_blocks: must be a whole number from 1 to 200, got 0"),
    (changed(layout="NHWC"), "layout: must be 'channels_last' or 'channels_first'"),
    (changed(choices={"width": [1]}), "choices.width: the name 'width' has a meaning already"),
    (changed(choices={"a": []}), "choices.a: must be a list of whole numbers, got an empty one"),
    (changed(choices={"a": [1, 1]}), "choices.a[1]: 1 stands twice"),
    (changed(choices={"a": [-1]}), "choices.a[0]: must be a whole number of zero or more, got -1"),
    (changed(width="2 * depth"), "'2 * depth' uses the unknown name 'depth'"),
    (changed(head={"layers": ["gap"], "most": 2}), "head.most: the head has no such key"),
    (block(after=["cnv"]), "blocks.conv.after[0]: there is no block 'cnv'; did you mean 'conv'?"),
    (block(layers=[{**CONV, "kernal": 3}]), "blocks.conv.layers[0].kernal: conv has no such key"),
    (block(layers=[{**CONV, "filters": "x"}]), "blocks.conv.layers[0].filters: 'x' uses the unknown name"),
    (block(reduces="kernel"), "blocks.conv.reduces: 'kernel' uses the unknown name 'kernel'"),
    (changed(blocks={"stem": {"layers": [CONV]}}), "blocks.stem: the name 'stem' has a meaning of its own"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_a_grammar_that_is_none(document: dict[str, Any], message: str) -> None:
    with pytest.raises(rfcalc.ReadError) as caught:
        rfcalc.design(document, input=(8, 8, 1))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([CONV, "gap"], "puts out no map like the one that it takes"),
        ([{"kind": "upsample", "scale": 2}], "makes the map larger"),
        ([CONV, {**CONV, "inputs": "input"}], "has 2 outputs; a block of a stack has one"),
        ([GROWN, {"kind": "max_pool", "kernel": 2, "stride": 3}], "sees does not compose as windows do"),
        ([{"kind": "unknown", "op": "mine", "shape": [None, 8, 8, 1]}], "costs is not known"),
    ],
)  # fmt: skip
def test_blocks_that_stacks_cannot_be_composed_of(layers: list[Any], message: str) -> None:
    """They are refused by name, and never taken for what they are not."""
    with pytest.raises(rfcalc.AnalysisError) as caught:
        rfcalc.design(block(layers=layers), input=(8, 8, 1), field=">=3")
    assert "'conv'" in str(caught.value)
    assert message in str(caught.value)


def test_a_block_that_fits_nowhere_is_told() -> None:
    grammar = changed()
    grammar["blocks"]["odd"] = {
        "layers": [{**CONV, "filters": 1}, {"kind": "add", "inputs": ["conv_1", "input"]}]
    }
    grammar["blocks"]["big"] = {"layers": [{**CONV, "kernel": 99, "padding": "valid"}]}
    found = rfcalc.design(grammar, input=(8, 8, 3), field=">=9")
    assert [note.layer for note in found.notes if note.code == "never-built"] == ["big"]
    assert "'big' could be built nowhere" in found.notes[-1].message


def test_channels_first() -> None:
    last = rfcalc.design(SMALL, input=(12, 16, 2), field=">=9", output=">=3x4")
    first = rfcalc.design(changed(layout="channels_first"), input=(2, 12, 16), field=">=9", output=">=3x4")
    assert [each.figures for each in first.answers] == [each.figures for each in last.answers]
    assert rfcalc.analyze(first.answers[0].model).rows[-1].spatial == first.answers[0].figures.output


def test_the_schema_is_fresh_and_holds_grammars_to_what_is_read() -> None:
    text = (ROOT / "docs" / SCHEMA_FILE).read_text(encoding="utf-8")
    assert text == schema_text(), f"run: {COMMAND}"
    validator = jsonschema.Draft202012Validator(grammar_schema())
    validator.check_schema(grammar_schema())
    validator.validate(json.loads(default_document()))
    validator.validate(SMALL)
    for wrong in (
        {},
        changed(blocks={}),
        changed(bloks={}),
        changed(most_blocks=0),
        block(most=0),
        block(layers=[]),
    ):
        assert not validator.is_valid(wrong)


def test_the_grammar_of_rfcalc_is_printed_as_it_is() -> None:
    assert run("--show-grammar").stdout == default_document()
    assert read_grammar().name == "default"

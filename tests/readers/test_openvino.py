"""Models of OpenVINO: figures as of the ONNX files that they come from, shapes as they have themselves."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import rfcalc
from rfcalc.errors import ReadError
from rfcalc.readers.detect import load
from tests.readers.models import refusal

pytest.importorskip("onnx")
pytestmark = [pytest.mark.onnx, pytest.mark.filterwarnings("ignore")]

DATA = Path(__file__).parents[1] / "data"
NAMES = sorted(path.name.removesuffix(".xml.gz") for path in (DATA / "openvino").glob("*.xml.gz"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the models."""
    into = tmp_path_factory.mktemp("openvino")
    for path in (DATA / "openvino").glob("*.gz"):
        (into / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
    return into


def row(of: Any) -> tuple[Any, ...]:
    """Return what is compared of a layer."""
    return of.output_shape, of.receptive_field, of.effective_padding, of.status


@pytest.mark.parametrize("name", NAMES)
def test_a_converted_model_is_as_its_onnx_file(name: str, folder: Path) -> None:
    before = rfcalc.analyze(gzip.decompress((DATA / "onnx" / f"{name}.onnx.gz").read_bytes()))
    after = rfcalc.analyze(folder / f"{name}.xml")
    assert after.format == "openvino"
    old = {each.name: row(each) for each in before.rows}
    new = {each.name: row(each) for each in after.rows}
    common = old.keys() & new.keys()
    assert len(common) > len(old) / 2
    assert {name: new[name] for name in common} == {name: old[name] for name in common}
    assert str(after.totals.macs) == str(before.totals.macs)
    assert not [each for each in after.rows if each.status == "unknown"]


@pytest.mark.parametrize("name", NAMES)
def test_shapes_are_those_that_the_file_has(name: str, folder: Path) -> None:
    root = ElementTree.parse(folder / f"{name}.xml").getroot()
    dims = {
        layer.get("name"): [int(dim.text or 0) for dim in port.iterfind("dim")]
        for layer in root.iterfind("layers/layer")
        for port in layer.findall("output/port")[:1]
    }
    analysis = rfcalc.analyze(folder / f"{name}.xml")
    compared = 0
    for each in analysis.rows:
        said = dims.get(each.name)
        if said and -1 not in said and each.op != "LSTMSequence":  # its steps come before its directions
            assert list(each.output_shape or ()) == said
            compared += 1
    assert compared or name.endswith("dyn")


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_the_constants_of_the_file(name: str, folder: Path) -> None:
    root = ElementTree.parse(folder / f"{name}.xml").getroot()
    total = 0
    for data in root.iterfind("layers/layer[@type='Const']/data"):
        count = 1
        for each in (data.get("shape") or "").split(","):
            count *= int(each or 1)
        total += count if data.get("element_type") in ("f32", "f16") and count > 1 else 0
    assert rfcalc.analyze(folder / f"{name}.xml").totals.params.total == total


def test_a_model_without_its_bin_says_what_it_lacks(folder: Path, tmp_path: Path) -> None:
    whole = rfcalc.analyze(folder / "tv.squeezenet1_1.xml")
    path = Path(shutil.copy(folder / "tv.squeezenet1_1.xml", tmp_path))
    alone = rfcalc.analyze(path)
    assert [row(each) for each in alone.rows] == [row(each) for each in whole.rows]  # ports tell the rest
    assert [note.code for note in alone.notes if note.code == "tables"] == ["tables"]
    path = Path(shutil.copy(folder / "own.edsr_x4.xml", tmp_path))
    lacking = rfcalc.analyze(path)
    assert (
        any(each.status == "unknown" for each in lacking.rows)
        or lacking.totals == rfcalc.analyze(folder / "own.edsr_x4.xml").totals
    )
    assert any("the file is not there" in note.message for note in lacking.notes)


def test_a_model_handed_over_as_bytes_has_no_bin(folder: Path) -> None:
    notes = rfcalc.analyze((folder / "tv.squeezenet1_1.xml").read_bytes()).notes
    assert any("handed over without its folder" in note.message for note in notes)


def test_another_size_is_read_with_the_constants_of_the_file(folder: Path) -> None:
    name = "own.fpn_retina.ts11dyn"
    onnx = gzip.decompress((DATA / "onnx" / f"{name}.onnx.gz").read_bytes())
    for size in ((1, 3, 96, 128), (1, 3, 224, 224)):
        old = {each.name: row(each) for each in rfcalc.analyze(onnx, input_shape=size).rows}
        new = {each.name: row(each) for each in rfcalc.analyze(folder / f"{name}.xml", input_shape=size).rows}
        common = old.keys() & new.keys()
        assert {name: new[name] for name in common} == {name: old[name] for name in common}


# ---- what cannot be read -----------------------------------------------------------------------------------

NET = '<net name="m" version="11"><layers>{}</layers><edges>{}</edges></net>'
PORT = '<port id="0"><dim>1</dim><dim>3</dim></port>'
INPUT = f'<layer id="0" name="x" type="Parameter" version="opset1"><output>{PORT}</output></layer>'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('<!DOCTYPE net [<!ENTITY a "b">]><net version="11"></net>', "has a document type"),
        ('<net name="m" version="7"><layers/></net>', "is an OpenVINO model of version 7; rfcalc reads 10"),
        ('<net name="m" version="11"><layers>', "is XML that is damaged"),
        ('<net name="m"></net>', "is XML, but no model of OpenVINO"),
        (NET.format("", ""), "is an OpenVINO model without layers"),
        (NET.format('<layer name="x" type="Parameter"/>', ""), "is damaged: a layer has no number 'id'"),
        (NET.format(INPUT + INPUT, ""), "two layers have the same number"),
        (NET.format(INPUT, '<edge from-layer="5" from-port="0" to-layer="0" to-port="0"/>'), "are not there"),
        (NET.format(INPUT.replace(">3<", ">-7<"), ""), "there is an extent '-7'"),
        (NET.format('<layer id="0" name="x" type="Parameter" version="opset1"/>', ""), "says what cannot be"),
        ("<net>" + "<a>" * 500, "is nested too deeply"),
    ],
)  # fmt: skip
def test_a_damaged_model_is_refused_in_one_line(text: str, line: str) -> None:
    with pytest.raises(ReadError) as caught:
        load(text.encode(), format="openvino")
    assert line in str(caught.value)
    assert str(caught.value).isprintable()


def test_other_xml_is_no_model() -> None:
    with pytest.raises(ReadError, match="looks like HTML or XML"):
        rfcalc.load(b'<?xml version="1.0"?><project></project>')


def test_changed_files_give_a_graph_or_one_line(folder: Path) -> None:
    import random

    text = (folder / "own.tcn_valid.xml").read_text()
    chosen = random.Random(0)
    for _ in range(120):
        at = chosen.randrange(len(text))
        piece = chosen.choice(["", "-1", "9" * 30, "<dim>", '"', ",", "?", "opset1", "0", "</layer>"])
        changed = text[:at] + piece + text[at + chosen.randrange(12) :]
        assert str(refusal(lambda changed=changed: load(changed.encode()))).isprintable()


def test_a_layer_that_nobody_knows_is_unknown_by_its_type() -> None:
    layers = INPUT + (
        f'<layer id="1" name="y" type="Proposal" version="opset4"><input>{PORT}</input>'
        f"<output>{PORT.replace(chr(48), chr(49), 1)}</output></layer>"
    )
    text = NET.format(layers, '<edge from-layer="0" from-port="0" to-layer="1" to-port="0"/>')
    found = rfcalc.analyze(text.encode()).layer("y")
    assert (found.op, found.status, found.output_shape) == ("Proposal", "unknown", (1, 3))


# ---- ports that say something else than a rule -------------------------------------------------------------


def convolved(extent: str) -> bytes:
    """Return a map of 9 elements, a convolution of two of them whose port says `extent`, and a ReLU."""
    ports = {
        name: f"<port id='{number}' precision='FP32'><dim>1</dim><dim>{channels}</dim><dim>{n}</dim></port>"
        for name, number, channels, n in (("x", 0, 3, "9"), ("k", 1, 3, "2"), ("y", 2, 1, extent))
    }
    window = 'strides="1" dilations="1" pads_begin="0" pads_end="0" auto_pad="explicit"'
    x = f'<layer id="0" name="x" type="Parameter" version="opset1"><output>{ports["x"]}</output></layer>'
    made = f"<output>{ports['y']}</output></layer>"
    layers = (
        f"{x}<layer id='1' name='k' type='Const' version='opset1'><data element_type='f32' shape='1,3,2' "
        f"offset='0' size='24'/><output>{ports['k']}</output></layer>"
        f"<layer id='2' name='y' type='Convolution' version='opset1'><data {window}/>"
        f"<input>{ports['x']}{ports['k']}</input>{made}"
        f"<layer id='3' name='z' type='ReLU' version='opset1'><input>{ports['x']}</input>{made}"
    )
    edges = (
        '<edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>'
        '<edge from-layer="1" from-port="1" to-layer="2" to-port="1"/>'
        '<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/>'
    )
    return NET.format(layers, edges).encode()


@pytest.mark.parametrize("extent", ["8", "-1"])
def test_a_layer_whose_port_says_what_its_rule_does_is_exact(extent: str) -> None:
    rows = rfcalc.analyze(convolved(extent), layout="NCW").rows
    assert [(each.name, each.output_shape, each.status) for each in rows[1:]] == [
        ("y", (1, 1, 8), "exact"),
        ("z", (1, 1, 8), "exact"),
    ]


def test_a_layer_whose_port_says_something_else_is_unknown_with_the_shape_of_the_port() -> None:
    analysis = rfcalc.analyze(convolved("7"), layout="NCW")
    rows = [(each.name, each.output_shape, each.status) for each in analysis.rows[1:]]
    assert rows == [("y", (1, 1, 7), "unknown"), ("z", (1, 1, 7), "unknown")]
    assert analysis.layer("y").receptive_field is None
    assert "the file says that it makes 1x1x7; by its rule it would make 1x1x8" in str(
        [note.message for note in analysis.notes]
    )
    assert analysis.layer("y").params.total == 6


def test_ports_say_nothing_of_another_size() -> None:
    analysis = rfcalc.analyze(convolved("7"), layout="NCW", input_shape=(1, 3, 12))
    assert (analysis.layer("y").output_shape, analysis.layer("y").status) == ((1, 1, 11), "exact")

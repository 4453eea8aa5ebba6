from __future__ import annotations

from dataclasses import fields

import pytest

from rfcalc.errors import UsageError
from rfcalc.reports.field import Field
from tests.reports import golden
from tests.reports.samples import field_3x3


@pytest.fixture
def field() -> Field:
    result = field_3x3()
    return Field(**{each.name: getattr(result, each.name) for each in fields(result)})


def test_document_follows_the_contract(field: Field) -> None:
    document = field.to_dict()
    assert list(document) == ["schema", "layer", "axes"]
    assert document["axes"][0] == {
        "extent": 5,
        "input_extent": 5,
        "status": "exact",
        "rows": [[0, 1, 2], [0, 2, 3], [1, 3, 2], [2, 4, 3], None],
    }
    golden.check("field.json", field.to_json())


def test_one_unit(field: Field) -> None:
    unit = field.unit((1, 3))
    assert unit.box == ((0, 2), (2, 3))
    assert list(unit.to_dict()) == ["schema", "layer", "at", "box", "axes"]
    assert unit.to_dict()["box"] == [[0, 2], [2, 3]]
    assert [axis["rows"] for axis in unit.to_dict()["axes"]] == [[[0, 2, 3]], [[2, 3, 2]]]
    assert field.box is None


def test_text_as_expected(field: Field) -> None:
    units = [(1, 3), (2, 0), (4, 0)]
    golden.check("field.txt", field.to_text() + "".join(field.unit(at).to_text() for at in units))


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ((0,), r"\(0\) has 1 place, but the input has 2 spatial axes"),
        ((0, 4), "no output 4 on an axis of 4; give 0 to 3"),
        ((-1, 0), "no output -1"),
    ],
)
def test_a_unit_that_does_not_exist(field: Field, at: tuple[int, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        field.unit(at)

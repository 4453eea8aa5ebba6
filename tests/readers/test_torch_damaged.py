"""Damaged ``.pt2`` files: whatever a program says, rfcalc reads it, or says in one line what is wrong."""

from __future__ import annotations

import json
import random
import warnings
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import rfcalc  # noqa: E402

pytestmark = pytest.mark.torch

LONGEST = 400
"""Letters of an error."""

JUNK = (
    *(None, True, -1, 0, 1, 1 << 63, 10**30, -(1 << 31), 1.5, float("nan"), float("inf"), "", "x", "\n"),
    *("\x1b[31m", [], {}, [[]], [1], {"a": 1}, "9" * 5000, 10**7),
)


class Many(nn.Module):
    """A little of everything that a program of a file may say."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv1d(3, 4, 3), nn.Linear(4, 4)
        self.register_buffer("order", torch.arange(9).flip(0))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(functional.pad(x, (1, 1)))
        x = torch.cat([x[..., self.order], x.roll(1, -1)], 1).unfold(2, 3, 3).flatten(2)
        first, second = x.transpose(1, 2).chunk(2, -1)
        place = torch.arange(9)
        mask = torch.zeros(9, 9).masked_fill(place[:, None] < place, -torch.inf)
        mask[0, 3:5] = -1e9
        scores = (self.linear(first) @ second.transpose(1, 2) + mask).softmax(-1)
        found = torch.einsum("bij,bjc->bic", scores, second).clone()
        found[:, 2:4] = first.select(1, 0).unsqueeze(1) * 2
        return torch.where(place[:, None] > 4, found, 0.0).sum(1, keepdim=True).permute(0, 2, 1)


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    """Return what is in a file, by name."""
    held = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(Many().eval(), (torch.randn(1, 3, 9),)), held)
    with zipfile.ZipFile(held) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def spots(found: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in a document: what holds it, and its key or index there."""
    pairs = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in pairs:
        yield found, key
        yield from spots(value)


def damaged(document: Any, chance: random.Random) -> Any:
    """Return a document in which something else stands in some places, or nothing."""
    other = json.loads(json.dumps(document))
    places = list(spots(other))
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        holder, key = chance.choice(places)
        what = chance.random()
        try:
            if what < 0.6:
                holder[key] = chance.choice(JUNK)
            elif what < 0.75:
                del holder[key]
            elif what < 0.9:
                there, name = chance.choice(places)
                holder[key] = json.loads(json.dumps(there[name]))
            elif type(holder[key]) is int:
                holder[key] *= chance.choice((-1, 1000, 10**6))
        except LookupError:  # it went with what held it
            continue
    return other


def archived(members: dict[str, bytes], program: str, document: Any) -> bytes:
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, json.dumps(document).encode() if name == program else content)
    return held.getvalue()


@pytest.mark.parametrize("seed", range(8))
def test_what_is_damaged_is_read_or_refused_in_one_line(
    seed: int, members: dict[str, bytes], tmp_path: Any
) -> None:
    (program,) = (name for name in members if "/models/" in name and name.endswith(".json"))
    document, chance = json.loads(members[program]), random.Random(seed)
    path = tmp_path / "model.pt2"
    for _ in range(25):
        path.write_bytes(archived(members, program, damaged(document, chance)))
        try:
            rfcalc.analyze(path)
            rfcalc.field(path)
        except rfcalc.RfcalcError as error:
            told = str(error).replace(str(path), "")
            assert len(told) <= LONGEST, told
            assert told.isprintable(), told


def without(document: Any, target: str, name: str) -> Any:
    """Return a program in which the calls of an operator lack an argument."""
    other = json.loads(json.dumps(document))
    for node in other["graph_module"]["graph"]["nodes"]:
        if target in node["target"]:
            node["inputs"] = [each for each in node["inputs"] if each["name"] != name]
    return other


@pytest.mark.parametrize(
    ("target", "name"), [("aten.pad", "pad"), ("aten.transpose", "dim0"), ("aten.unfold", "dimension")]
)
def test_an_argument_that_is_not_there(
    target: str, name: str, members: dict[str, bytes], tmp_path: Any
) -> None:
    (program,) = (each for each in members if "/models/" in each and each.endswith(".json"))
    path = tmp_path / "model.pt2"
    path.write_bytes(archived(members, program, without(json.loads(members[program]), target, name)))
    rows = rfcalc.analyze(path).rows
    assert any(row.status == "unknown" for row in rows)


def test_an_axis_that_is_computed(members: dict[str, bytes], tmp_path: Any) -> None:
    (program,) = (each for each in members if "/models/" in each and each.endswith(".json"))
    document = json.loads(members[program])
    for node in document["graph_module"]["graph"]["nodes"]:
        for each in node["inputs"]:
            if "aten.slice" in node["target"] and each["name"] == "dim":
                each["arg"] = {"as_sym_int": {"as_name": "x"}}
    path = tmp_path / "model.pt2"
    path.write_bytes(archived(members, program, document))
    assert any(row.status != "exact" for row in rfcalc.analyze(path).rows)


def test_an_extent_of_many_digits(members: dict[str, bytes], tmp_path: Any) -> None:
    (program,) = (each for each in members if "/models/" in each and each.endswith(".json"))
    document = json.loads(members[program])
    document["graph_module"]["graph"]["tensor_values"]["x"]["sizes"][0] = {"as_int": "9" * 5000}
    path = tmp_path / "model.pt2"
    path.write_bytes(archived(members, program, document))
    with pytest.raises(rfcalc.ReadError, match="extent") as raised:
        rfcalc.analyze(path)
    assert len(str(raised.value)) < LONGEST

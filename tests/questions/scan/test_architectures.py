"""A scan of the architectures of a library, which is stood in for by a package of a few lines."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import rfcalc
from tests.calling import call

pytest.importorskip("torch")

pytestmark = pytest.mark.torch

LIBRARY = """
import torch

def list_models():
    return ["net_a", "net_b", "broken", "other"]

def create_model(name, pretrained):
    if name == "broken":
        raise ValueError("no such block")
    made = torch.nn.Sequential(torch.nn.Conv2d(3, 8 if name == "net_a" else 4, 3), torch.nn.MaxPool2d(2))
    made.pretrained_cfg = {"input_size": (3, 32, 32)}
    return made
"""


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a package called timm, for this process and those that it starts."""
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "__init__.py").write_text(LIBRARY, encoding="utf-8")
    (tmp_path / "timm-1.0.dist-info").mkdir()
    (tmp_path / "timm-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: timm\nVersion: 1.0\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    yield tmp_path
    sys.modules.pop("timm", None)


def test_all_that_a_glob_names(zoo: Path) -> None:
    catalogue = zoo / "catalogue.db"
    first = rfcalc.scan(["timm:net_*", "timm:broken"], catalogue, workers=1)
    assert (first.models, len(first.failures)) == (2, 1)
    found = rfcalc.query(catalogue, "SELECT path, name, params FROM models ORDER BY path").to_dict()["rows"]
    assert [list(row.values()) if isinstance(row, dict) else row for row in found] == [
        ["timm:net_a", "net_a", 3 * 9 * 8 + 8],
        ["timm:net_b", "net_b", 3 * 9 * 4 + 4],
    ]
    assert "ValueError: no such block" in str(first)


def test_known_ones_are_not_built_again_until_the_library_is_another(zoo: Path) -> None:
    catalogue = zoo / "catalogue.db"
    rfcalc.scan("timm:net_*", catalogue, workers=1)
    assert rfcalc.scan("timm:net_*", catalogue, workers=1).unchanged == 2
    metadata = zoo / "timm-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.0", "1.1"))
    assert rfcalc.scan("timm:net_*", catalogue, workers=1).unchanged == 0


def test_a_list_may_name_them(zoo: Path) -> None:
    (zoo / "list.txt").write_text("timm:other\ntimm:none\n")
    found = rfcalc.scan(f"@{zoo / 'list.txt'}", zoo / "catalogue.db", workers=1)
    assert (found.models, len(found.failures)) == (1, 1), "what is not there is a failure, as a file is"


def test_a_glob_that_names_nothing_is_one_line(zoo: Path) -> None:
    done = call("scan", "timm:vgg*", "--into", str(zoo / "catalogue.db"))
    assert (done.exit_code, done.stderr) == (3, "rfcalc: error: timm:vgg*: timm has no 'vgg*'\n")

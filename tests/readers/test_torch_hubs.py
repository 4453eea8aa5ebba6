"""Architectures of installed libraries by name; the libraries are stood in for."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import rfcalc
from tests.calling import call

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch


def network() -> Any:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.MaxPool2d(2), torch.nn.Conv2d(8, 4, 3))


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Stand in for timm; returns how models were asked for."""
    asked: list[dict[str, Any]] = []

    def create_model(name: str, **settings: Any) -> Any:
        asked.append({"name": name, "device": torch.empty(1).device.type, **settings})
        if name == "broken":
            raise ValueError("no such block\nand more")
        made = network()
        made.pretrained_cfg = {} if name == "sizeless" else {"input_size": (3, 64, 48)}
        return made

    library = ModuleType("timm")
    library.list_models = lambda: ["small", "sizeless", "broken"]  # type: ignore[attr-defined]  # stands in
    library.create_model = create_model  # type: ignore[attr-defined]  # stands in
    monkeypatch.setitem(sys.modules, "timm", library)
    return asked


def test_timm(timm: list[dict[str, Any]]) -> None:
    """By its name alone, at the size that the library says, without weights and without memory for them."""
    found = rfcalc.analyze("timm:small")
    assert (found.name, found.inputs[0].shape) == ("small", (1, 3, 64, 48))
    assert found.rows[-1].receptive_field == (8, 8)
    assert timm == [{"name": "small", "device": "meta", "pretrained": False}]


def test_another_size(timm: list[dict[str, Any]]) -> None:
    assert rfcalc.analyze("timm:small", input_shape=(1, 3, 20, 20)).inputs[0].shape == (1, 3, 20, 20)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("timm:smal", 3, "timm has no 'smal'; did you mean 'small'?"),
        ("timm:sizeless", 2, "its library says no input size: --input-shape 1,3,224,224"),
        ("timm:broken", 3, "timm fails to build it: ValueError: no such block"),
    ],
)
def test_what_cannot_be_built_is_one_line(
    timm: list[dict[str, Any]], name: str, code: int, message: str
) -> None:
    done = call("analyze", name)
    assert (done.exit_code, done.stderr) == (code, f"rfcalc: error: {name}: {message}\n")


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    done = call("analyze", "timm:small")
    assert done.exit_code == 3
    assert "timm" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its own weights nor those of what it is built on are asked for."""
    asked: list[dict[str, Any]] = []

    def builder(*, weights: Any = "some", weights_backbone: Any = "some", width: int = 1) -> Any:
        raise AssertionError("asked for its signature alone")

    def get_model(name: str, **settings: Any) -> Any:
        asked.append(settings)
        return network()

    def weights(name: str) -> list[Any]:
        return [SimpleNamespace(transforms=SimpleNamespace(keywords={"crop_size": 96}))]

    library = ModuleType("torchvision")
    library.models = SimpleNamespace(  # type: ignore[attr-defined]  # stands in
        list_models=lambda: ["net"],
        get_model_builder=lambda name: builder,
        get_model=get_model,
        get_model_weights=weights,
    )
    monkeypatch.setitem(sys.modules, "torchvision", library)
    assert rfcalc.analyze("torchvision:net").inputs[0].shape == (1, 3, 96, 96)
    assert asked == [{"weights": None, "weights_backbone": None}]


def test_verify_runs_it(timm: list[dict[str, Any]]) -> None:
    """Elements are counted too; then it is built with memory for its weights."""
    assert call("verify", "timm:small", "--run").exit_code == 0
    assert timm[-1]["device"] == "cpu"

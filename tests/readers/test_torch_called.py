"""What a module is called with: arguments by place and by name, in lists, mappings and dataclasses."""

from __future__ import annotations

from collections import UserDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

import rfcalc  # noqa: E402
from rfcalc.errors import UsageError  # noqa: E402

pytestmark = pytest.mark.torch


@dataclass
class Batch:
    image: Any
    ids: Any = None


@dataclass(frozen=True)
class Frozen:
    image: Any
    ids: Any = None


Pair = namedtuple("Pair", "image ids")


class Both(nn.Module):
    """A convolution of an image plus an embedding of ids, however these come."""

    def __init__(
        self, taken: Callable[..., tuple[Tensor, Tensor]], returned: Callable[..., Any] = Batch
    ) -> None:
        super().__init__()
        self.conv, self.embed = nn.Conv1d(3, 4, 3), nn.Embedding(9, 4)
        self.taken, self.returned = taken, returned

    def forward(self, *given: Any, **named: Any) -> Any:
        image, ids = self.taken(*given, **named)
        return self.returned(self.conv(image) + self.embed(ids).transpose(1, 2))


X, I = (1, 3, 9), (1, 7)  # noqa: E741  the ids


def attributes(given: Any) -> tuple[Tensor, Tensor]:
    return given.image, given.ids


def keys(given: Any) -> tuple[Tensor, Tensor]:
    return given["image"], given["ids"]


CALLS: dict[str, tuple[Callable[..., Any], Any, list[str]]] = {
    "two, by place": (lambda a, b: (a, b), [X, I], ["given_0", "given_1"]),
    "two, by name": (lambda image, ids: (image, ids), {"image": X, "ids": I}, ["image", "ids"]),
    "a list": (lambda both: both, ([X, I],), ["given_0_0", "given_0_1"]),
    "a mapping": (keys, ({"image": X, "ids": I},), ["given_0_image", "given_0_ids"]),
    "a mapping that is no dict": (keys, (UserDict(image=X, ids=I),), ["given_0_image", "given_0_ids"]),
    "one that stays": (keys, (MappingProxyType({"image": X, "ids": I}),), ["given_0_image", "given_0_ids"]),
    "a dataclass": (attributes, (Batch(X, I),), ["given_0_image", "given_0_ids"]),
    "one that is frozen": (attributes, (Frozen(X, I),), ["given_0_image", "given_0_ids"]),
    "a named tuple": (attributes, (Pair(X, I),), ["given_0_0", "given_0_1"]),
    "deep inside": (
        lambda given: (given["a"][0]["image"], given["b"]), ({"a": [{"image": X}], "b": I},),
        ["given_0_a_0_image", "given_0_b"],
    ),
    "beside other values": (
        lambda image, ids, how, n=1: (image * n, ids if how == "sum" else ids * 0),
        [X, I, "sum"], ["given_0", "given_1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLS)
def test_arguments(case: str) -> None:
    """However its arguments come, the module is the same; inputs go by the argument and the keys below."""
    taken, given, names = CALLS[case]
    analysis = rfcalc.analyze(rfcalc.from_torch(Both(taken), given, capture="record"))
    assert [(each.name, each.shape) for each in analysis.inputs] == list(zip(names, (X, I), strict=True))
    assert analysis.layer("conv").receptive_field == (3,)
    assert analysis.rows[-1].output_shape == (1, 4, 7)
    assert analysis.totals.params.total == 3 * 4 * 3 + 4 + 9 * 4


@pytest.mark.parametrize("case", ["two, by place", "two, by name", "a list", "a mapping", "deep inside"])
def test_recorded_and_exported_call_them_alike(case: str) -> None:
    taken, given, names = CALLS[case]
    for capture in ("record", "export"):
        graph = rfcalc.from_torch(Both(taken, lambda y: y), given, capture=capture)  # type: ignore[arg-type]
        assert [each.name for each in graph.inputs] == names


@pytest.mark.parametrize(
    "returned",
    [
        Batch,
        Frozen,
        lambda y: {"a": [y]},
        lambda y: SimpleNamespace(latent=SimpleNamespace(mean=y), scale=2),
        lambda y: (None, 3, (y,)),
    ],
    ids=["dataclass", "frozen", "mapping", "objects", "tuple"],
)
def test_outputs(returned: Any) -> None:
    """Tensors are found in whatever a module returns."""
    graph = rfcalc.from_torch(Both(lambda a, b: (a, b), returned), [X, I], capture="record")
    assert [name for name, _ in graph.outputs] == [list(graph)[-1].name]


def test_nothing_that_is_given_changes() -> None:
    given = {"image": torch.zeros(X), "ids": torch.zeros(I, dtype=torch.int64)}
    kept = dict(given)
    rfcalc.from_torch(Both(keys), (given,))
    assert given == kept


CYCLIC: dict[str, Any] = {"x": X, "mask": []}
CYCLIC["mask"].append(CYCLIC["mask"])


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 3)

    def forward(self, x: Tensor, mask: Tensor | None = None, scale: float = 1.0) -> Tensor:
        y: Tensor = self.conv(x) * scale
        return y if mask is None else y * mask


def test_by_name_in_any_order() -> None:
    """The inputs stand in the order of the module's arguments; some may be left out."""
    graph = rfcalc.from_torch(Named(), {"mask": (1, 4, 7), "scale": 2.0, "x": X})
    assert [each.name for each in graph.inputs] == ["x", "mask"]


def test_open_extents_by_name() -> None:
    graph = rfcalc.from_torch(Named(), {"x": X, "mask": (1, 1, 1)}, {"x": {2: "L"}})
    assert str(graph.inputs[0].attrs["shape"]) == "(1, 3, L)"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"mask": X},
            "the module takes .x, mask, scale., and given were mask: missing a required argument: 'x'",
        ),
        ({"x": X, "maks": X}, "given were x, maks: got an unexpected keyword argument 'maks'"),
        ([X, X, X, X], "and 4 were given: too many positional arguments"),
        (3, "example_inputs are a tensor, a tuple of tensors, a shape, a list of shapes, or a mapping"),
        ([], "example_inputs are a tensor"),
        ({1: X}, "example_inputs are a tensor"),
        ({}, "given were none: missing a required argument"),
        ([(2, 3, 10.5)], "nothing that the module is called with is a tensor or a shape of whole numbers"),
        ([(2, 3, 10**19)], "is too large for PyTorch"),
        (CYCLIC, "what the module is called with is nested too deeply"),
    ],
)
def test_what_does_not_fit(given: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        rfcalc.from_torch(Named(), given)


def test_verification_runs_the_same_call() -> None:
    taken, given, _ = CALLS["a mapping"]
    graph = rfcalc.from_torch(Both(taken), given)
    found = rfcalc.verify(graph, run=True)
    assert found.holds, found.differences

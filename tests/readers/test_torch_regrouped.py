"""What an axis of the input is, told behind a reshape that merges or splits axes, or one element of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")

import rfcalc  # noqa: E402
from tests.readers.test_torch_roles import reads  # noqa: E402

pytestmark = pytest.mark.torch

nn = torch.nn


class Case(NamedTuple):
    """What runs on an input of that shape; its axes that are positions, and the same ones of the output."""

    run: Callable[[Any, Any], Any]
    shape: tuple[int, ...]
    given: tuple[int, ...]
    made: tuple[int, ...]


class Module(nn.Module):  # type: ignore[misc]  # torch may be absent
    def __init__(self, case: Case, width: int) -> None:
        super().__init__()
        self.case = case
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.conv, self.conv1 = nn.Conv2d(2, 2, 3, padding=1), nn.Conv1d(width, 2, 3, padding=1)
        self.lstm = nn.LSTM(width, width, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.case.run(self, x)

    def attention(self, x: Any) -> Any:
        query, key, value = self.mix(x).chunk(3, -1)
        return (query @ key.transpose(-1, -2)).softmax(-1) @ value


def windows(net: Any, x: Any) -> Any:
    batch, height, width, features = x.shape
    x = x.view(batch, height // 3, 3, width // 3, 3, features).permute(0, 1, 3, 2, 4, 5)
    x = net.attention(x.reshape(-1, 9, features))
    x = x.view(batch, height // 3, width // 3, 3, 3, features).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(batch, height, width, features)


def frame_by_frame(net: Any, x: Any) -> Any:
    h = torch.zeros_like(x[:, 0])
    made = []
    for t in range(x.shape[1]):
        h = torch.tanh(net.conv(x[:, t]) + h)
        made.append(h)
    return torch.stack(made, 1)


TOKENS, MAP, VIDEO = (2, 9, 4), (2, 9, 12, 4), (2, 4, 2, 6, 5)
CASES = {
    "a linear layer on all rows": Case(
        lambda n, x: n.out(x.reshape(-1, 4)).view(2, 9, 4), TOKENS, (1,), (1,)
    ),
    "the same after a factor": Case(
        lambda n, x: n.out((x * 2).flatten(0, 1)).view(2, 9, 4), TOKENS, (1,), (1,)
    ),
    "addmm on all rows": Case(
        lambda n, x: torch.addmm(n.out.bias, x.view(-1, x.size(-1)), n.out.weight).view(2, 9, 4),
        TOKENS, (1,), (1,),
    ),
    "then a convolution": Case(
        lambda n, x: n.conv1(n.out(x.reshape(-1, 4)).view(2, 9, 4).transpose(1, 2)), TOKENS, (1,), (2,)
    ),
    "then attention": Case(
        lambda n, x: n.attention(n.out(x.reshape(-1, 4)).view(2, 9, 4)), TOKENS, (1,), (1,)
    ),
    "channels last": Case(lambda n, x: n.out(x.reshape(-1, 4)).view(2, 9, 12, 4), MAP, (1, 2), (1, 2)),
    "windows of a map": Case(windows, MAP, (1, 2), (1, 2)),
    "attention along rows": Case(lambda n, x: n.attention(x.flatten(0, 1)).view(MAP), MAP, (1, 2), (1, 2)),
    "attention along columns": Case(
        lambda n, x: n.attention(x.transpose(1, 2).reshape(-1, 9, 4)).view(2, 12, 9, 4).transpose(1, 2),
        MAP, (1, 2), (1, 2),
    ),
    "a recurrent layer along rows": Case(
        lambda n, x: n.lstm(x.flatten(0, 1))[0].view(MAP), MAP, (1, 2), (1, 2)
    ),
    "frames as samples": Case(
        lambda n, x: n.conv(x.flatten(0, 1)).unflatten(0, (2, 4)), VIDEO, (1, 3, 4), (1, 3, 4)
    ),
    "frames by a reshape": Case(
        lambda n, x: n.conv(x.reshape(8, 2, 6, 5)).view(VIDEO), VIDEO, (1, 3, 4), (1, 3, 4)
    ),
    "frames with channels last": Case(
        lambda n, x: n.conv(x.permute(0, 1, 4, 2, 3).flatten(0, 1)).unflatten(0, (2, 4)),
        (2, 4, 6, 5, 2), (1, 2, 3), (1, 3, 4),
    ),
    "the largest of all views": Case(
        lambda n, x: n.conv(x.flatten(0, 1)).unflatten(0, (2, 4)).amax(1, keepdim=True),
        VIDEO, (1, 3, 4), (1, 3, 4),
    ),
    "frame by frame": Case(frame_by_frame, VIDEO, (1, 3, 4), (1, 3, 4)),
    "frames that are taken apart": Case(
        lambda n, x: torch.stack([n.conv(each) for each in x.unbind(1)], 1), VIDEO, (1, 3, 4), (1, 3, 4)
    ),
}  # fmt: skip


def module_of(case: Case) -> Any:
    torch.manual_seed(0)
    width = case.shape[-1] if case.shape[-1] == 4 else 2
    return Module(case, width).double().eval()


def field_of(module: Any, case: Case, capture: Any = "auto") -> Any:
    """The field of what the module returns."""
    graph = rfcalc.from_torch(module, [case.shape], capture=capture)
    (output,) = graph.outputs
    return rfcalc.field(graph, output if isinstance(output, str) else output[0])


@pytest.mark.parametrize("capture", ["record", "export"])
@pytest.mark.parametrize("name", CASES)
def test_rows_are_those_that_are_read(name: str, capture: Any) -> None:
    case = CASES[name]
    module = module_of(case)
    found = field_of(module, case, capture)
    assert [axis.input_extent for axis in found.axes] == [case.shape[place] for place in case.given]
    for axis, given, made in zip(found.axes, case.given, case.made, strict=True):
        truth = reads(module, torch.zeros(case.shape, dtype=torch.float64), given, made)
        told = [None if row is None else (row[0], row[1]) for row in axis.rows]
        pairs = list(zip(told, truth, strict=True))
        if axis.status == "exact":
            assert told == truth
        else:
            assert all(
                row is None or (got is not None and got[0] <= row[0] and row[1] <= got[1])
                for got, row in pairs
            )


def test_samples_that_are_merged_with_channels_leave_them_channels() -> None:
    case = Case(lambda n, x: n.conv(x.flatten(0, 1).unsqueeze(1).repeat(1, 2, 1, 1)), (2, 3, 6, 5), (), ())
    found = field_of(module_of(case), case)
    assert [axis.input_extent for axis in found.axes] == [6, 5]


def test_one_channel_that_is_taken_leaves_the_others_channels() -> None:
    case = Case(lambda n, x: n.conv(x[:, 1].unsqueeze(1).repeat(1, 2, 1, 1)), (2, 3, 6, 5), (), ())
    found = field_of(module_of(case), case)
    assert [axis.input_extent for axis in found.axes] == [6, 5]

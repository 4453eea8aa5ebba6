"""Axes that are put together of pieces: every layer's rows are those that PyTorch's gradients have."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import rfcalc  # noqa: E402
from rfcalc.engine.rows import analyze_run  # noqa: E402
from rfcalc.engine.run import Run  # noqa: E402
from tests.readers.test_torch_fields import compare  # noqa: E402
from tests.readers.torch_fields import made_positive, recorded  # noqa: E402

pytestmark = pytest.mark.torch


class Tokens(nn.Module):
    """A map of 3 by 5 patches as tokens, and a convolution of the map that they are laid out as again."""

    rows, columns, features = 3, 5, 4

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, self.features, 4, 4)
        self.head = nn.Conv2d(self.features, 2, 3, padding=1)

    def forward(self, x: Any) -> Any:
        return self.head(self.laid_out(self.between(self.embed(x).flatten(2).transpose(1, 2))))

    def laid_out(self, tokens: Any) -> Any:
        return tokens.transpose(1, 2).reshape(1, self.features, self.rows, self.columns)

    def between(self, tokens: Any) -> Any:
        raise NotImplementedError

    def learned(self, count: int) -> Any:
        return nn.Parameter(torch.ones(1, count, self.features))


class Block(nn.Module):
    """Attention over all tokens, and what stands around it in a transformer."""

    def __init__(self, features: int, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(features, 3 * features)
        self.out = nn.Linear(features, features)
        self.mlp = nn.Sequential(nn.Linear(features, 8), nn.GELU(), nn.Linear(8, features))
        self.norms = nn.ModuleList([nn.LayerNorm(features) for _ in range(2)])

    def forward(self, x: Any) -> Any:
        batch, count, features = x.shape
        qkv = self.qkv(self.norms[0](x)).reshape(batch, count, 3, self.heads, features // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q @ k.transpose(-2, -1)).softmax(-1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(batch, count, features))
        return x + self.mlp(self.norms[1](x))


class ClassToken(Tokens):
    def __init__(self) -> None:
        super().__init__()
        self.token = self.learned(1)

    def between(self, tokens: Any) -> Any:
        return torch.cat([self.token, tokens], 1)[:, 1:]


class Registers(Tokens):
    """A class token and registers before the map, prompts behind it; linear layers and norms see them all."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.registers, self.prompts = self.learned(1), self.learned(2), self.learned(3)
        self.position = self.learned(21)
        self.mlp = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)

    def between(self, tokens: Any) -> Any:
        x = torch.cat([self.token, self.registers, tokens, self.prompts], 1) + self.position
        x = x + self.mlp(self.norm(x))
        return x[:, 3:-3]


class Transformer(Registers):
    """The same with attention: the map is global behind it, and keeps its grid."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(4), Block(4))

    def between(self, tokens: Any) -> Any:
        x = self.blocks(torch.cat([self.token, tokens, self.prompts], 1))
        return x[:, 1:-3]


class ConvolvedPosition(ClassToken):
    """CoaT: the map alone is convolved and put back behind the class token, heads share out the kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.around = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.small, self.large = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 5, padding=2)

    def between(self, tokens: Any) -> Any:
        x = torch.cat([self.token, tokens], 1)
        first, rest = x[:, :1], x[:, 1:]
        rest = rest + self.around(self.laid_out(rest)).flatten(2).transpose(1, 2)
        x = torch.cat([first, rest], 1)
        heads = x.reshape(1, 16, 2, 2).permute(0, 2, 1, 3)
        value = heads[:, :, 1:].transpose(-1, -2).reshape(1, 4, 3, 5)
        small, large = torch.split(value, [2, 2], 1)
        value = torch.cat([self.small(small), self.large(large)], 1)
        value = functional.pad(value.reshape(1, 2, 2, 15).transpose(-1, -2), (0, 0, 1, 0))
        x = x + (heads * value).transpose(1, 2).reshape(1, 16, 4)
        return x[:, 1:]


class Padded(Tokens):
    """Tokens padded to a length that groups divide, and cut off again."""

    def between(self, tokens: Any) -> Any:
        return (functional.pad(tokens, (0, 0, 0, 1)) * 2)[:, :15]


class PaddedBefore(Tokens):
    def between(self, tokens: Any) -> Any:
        return functional.pad(tokens, (0, 0, 2, 3)).narrow(1, 2, 15)


class Scales(Tokens):
    """Tokens of two maps of different strides, one behind the other, and taken apart again."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(4, 4, 3, 2, 1)
        self.mix = nn.Linear(4, 4)
        self.up = nn.Conv2d(4, 4, 1)

    def forward(self, x: Any) -> Any:
        fine = self.embed(x)
        coarse = self.down(fine)
        tokens = self.mix(torch.cat([each.flatten(2).transpose(1, 2) for each in (fine, coarse)], 1))
        fine, coarse = tokens.split([15, 6], 1)
        coarse = self.up(coarse.transpose(1, 2).reshape(1, 4, 2, 3))
        return self.head(self.laid_out(fine)), coarse


class OpenScales(Scales):
    """The same at any size."""

    def forward(self, x: Any) -> Any:
        fine = self.embed(x)
        tokens = torch.cat([each.flatten(2).transpose(1, 2) for each in (fine, self.down(fine))], 1)
        fine_tokens = self.mix(tokens)[:, : fine.shape[2] * fine.shape[3]]
        return self.head(fine_tokens.transpose(1, 2).reshape(fine.shape))


class Halves(Tokens):
    """Tokens of two maps end to end, chunked."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(3, 4, 6, 4, 1)

    def forward(self, x: Any) -> Any:
        a, b = (each(x).flatten(2).transpose(1, 2) for each in (self.embed, self.wide))
        a, b = torch.cat([a, b], 1).relu().chunk(2, 1)
        return self.head(self.laid_out(a)), self.laid_out(b) + 1


class Merged(Tokens):
    """Two images, whose tokens are one axis for a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.mix = self.learned(1), nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(2, -1, -1), tokens], 1)
        tokens = torch.addmm(self.mix.bias, tokens.reshape(32, 4), self.mix.weight.t()).reshape(2, 16, 4)
        return self.head(tokens[:, 1:].transpose(1, 2).reshape(2, 4, 3, 5))


class Part(ClassToken):
    """A class token and the first row of the map cut off: part of a piece stays one."""

    rows = 2

    def between(self, tokens: Any) -> Any:
        return torch.cat([self.token, tokens], 1)[:, 6:]


class Moved(ClassToken):
    """The class token goes behind the map before it is cut off there."""

    def between(self, tokens: Any) -> Any:
        return torch.cat([self.token, tokens], 1).roll(-1, 1)[:, :-1]


class Windows(nn.Module):
    """Swin at an odd size: padded to whole windows along both axes, and cropped."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 4, 2, 2)
        self.block = Block(4)
        self.head = nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, x: Any) -> Any:
        x = functional.pad(self.embed(x).permute(0, 2, 3, 1), (0, 0, 0, 1, 0, 2))
        x = x.view(1, 3, 3, 2, 3, 4).permute(0, 1, 3, 2, 4, 5).reshape(6, 9, 4)
        x = self.block(x).view(1, 3, 2, 3, 3, 4).permute(0, 1, 3, 2, 4, 5).reshape(1, 9, 6, 4)
        return self.head(x[:, :7, :5].permute(0, 3, 1, 2))


class FirstKept(nn.Module):
    """The first frame kept, the rest pooled in pairs, as causal autoencoders of video do."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.behind = nn.Conv1d(3, 4, 3, padding=1), nn.Conv1d(4, 4, 3, padding=1)

    def forward(self, x: Any) -> Any:
        x = self.before(x)
        return self.behind(torch.cat([x[..., :1], functional.avg_pool1d(x[..., 1:], 2, 2)], -1))


class FramePadded(nn.Module):
    """One frame of several, with padding on one side."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2)

    def forward(self, x: Any) -> Any:
        return self.conv(functional.pad(x[:, :, 0], (0, 1, 0, 1)))


class RowPadded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 3, stride=2)

    def forward(self, x: Any) -> Any:
        return self.conv(functional.pad(x[:, :, 0], (1, 1)))


class Case(NamedTuple):
    """A module, its input, and of its last layer the field, stride, padding and centre that it has."""

    module: type[nn.Module]
    shape: tuple[int, ...]
    field: tuple[int | None, ...]
    stride: tuple[float | None, ...]
    padding: tuple[int | None, ...]
    center: tuple[float | None, ...]


MAP = (1, 3, 12, 20)
AROUND = ((12, 12), (4, 4), (4, 4), (1.5, 1.5))
"""A convolution of 3 over patches of 4."""

CASES = {
    "class token": Case(ClassToken, MAP, *AROUND),
    "registers": Case(Registers, MAP, *AROUND),
    "transformer": Case(Transformer, MAP, (None, None), (4, 4), (None, None), (None, None)),
    "convolved position": Case(ConvolvedPosition, MAP, (36, 36), (4, 4), (16, 16), (1.5, 1.5)),
    "padded": Case(Padded, MAP, *AROUND),
    "padded before": Case(PaddedBefore, MAP, *AROUND),
    "scales": Case(Scales, MAP, *AROUND),
    "halves": Case(Halves, MAP, (6, 6), (4, 4), (1, 1), (1.5, 1.5)),
    "merged": Case(Merged, (2, 3, 12, 20), *AROUND),
    "part": Case(Part, MAP, (12, 12), (4, 4), (0, 4), (5.5, 1.5)),
    "moved": Case(Moved, MAP, *AROUND),
    "windows": Case(Windows, (1, 3, 14, 10), (12, 12), (2, 2), (6, 6), (-0.5, -0.5)),
    "first kept": Case(FirstKept, (1, 3, 33), (8,), (None,), (None,), (None,)),
    "frame padded": Case(FramePadded, (1, 3, 3, 8, 8), (1, 3, 3), (None, 2, 2), (None, 0, 0), (None, 1, 1)),
    "row padded": Case(RowPadded, (1, 3, 4, 16), (1, 3), (None, 2), (None, 1), (None, 0.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_pieces_keep_their_own_index(name: str) -> None:
    case = CASES[name]
    torch.manual_seed(0)
    module = made_positive(case.module())
    x = (torch.rand(case.shape, dtype=torch.float64) + 0.5).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, (x.detach(),))
    graph = rfcalc.load(program)
    compared, wrong = compare(graph, recorded(program, x), x)
    assert not wrong
    assert compared > len(graph) // 4
    last = analyze_run(Run(graph)).rows[-1]
    assert last.status == "exact"
    figures = (last.receptive_field, last.effective_stride, last.effective_padding, last.center)
    assert figures == case[2:]


def test_maps_of_any_size_come_back_as_they_were() -> None:
    """More tokens than rows are listed, and as many as there may be, where the height and width are open."""
    sizes = {2: 8 * torch.export.Dim("h", min=2, max=99), 3: 8 * torch.export.Dim("w", min=2, max=99)}
    for shape, open_sizes in (((1, 3, 320, 480), None), ((1, 3, 32, 48), (sizes,))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = OpenScales().eval()
            program = torch.export.export(module, (torch.rand(shape),), dynamic_shapes=open_sizes)
        last = analyze_run(Run(rfcalc.load(program))).rows[-1]
        figures = (last.receptive_field, last.effective_stride, last.effective_padding, last.center)
        assert (last.status, figures) == ("exact", AROUND)

"""Networks of JAX's libraries of modules, small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import flax.linen as nn
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax


class Case(NamedTuple):
    """A model and the shape that it is called with."""

    build: Callable[[], Any]
    shape: tuple[int, ...]
    layout: str | None = None


def wide() -> Any:
    """Return the type that floats have where nothing else is said, which first states have to be given."""
    return jnp.zeros((), float).dtype


class ResNet(nn.Module):
    """Two blocks with batch normalisation, the second of stride 2."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Conv(4, (5, 5), strides=2, use_bias=False)(x)
        for width, stride in ((4, 1), (6, 2)):
            y = nn.Conv(width, (3, 3), strides=stride, use_bias=False)(x)
            y = nn.relu(nn.BatchNorm(use_running_average=True)(y))
            y = nn.BatchNorm(use_running_average=True)(nn.Conv(width, (3, 3), use_bias=False)(y))
            if x.shape != y.shape:
                x = nn.Conv(width, (1, 1), strides=stride, name=f"shortcut{width}")(x)
            x = nn.relu(x + y)
        return x


class ConvNeXt(nn.Module):
    """A block: depthwise, layer normalisation, two linear layers, a learned scale."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Conv(4, (4, 4), strides=4, padding="VALID")(x)
        y = nn.Conv(4, (7, 7), feature_group_count=4)(x)
        y = nn.Dense(4)(nn.gelu(nn.Dense(16)(nn.LayerNorm()(y))))
        return x + y * self.param("scale", nn.initializers.constant(0.5), (4,))


class UNet(nn.Module):
    """One level down and up again, by a transposed convolution."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        skip = nn.relu(nn.Conv(4, (3, 3))(x))
        y = nn.max_pool(skip, (2, 2), strides=(2, 2))
        y = nn.relu(nn.Conv(8, (3, 3))(y))
        y = nn.ConvTranspose(4, (2, 2), strides=(2, 2))(y)
        return nn.Conv(2, (3, 3))(jnp.concatenate([skip, y], axis=-1))


class ViT(nn.Module):
    """Patches, a class token, one block of attention."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Conv(8, (4, 4), strides=(4, 4), padding="VALID")(x)
        x = x.reshape(x.shape[0], -1, 8)
        token = self.param("token", nn.initializers.normal(), (1, 1, 8))
        x = jnp.concatenate([jnp.tile(token, (x.shape[0], 1, 1)), x], axis=1)
        x = x + self.param("positions", nn.initializers.normal(), (1, x.shape[1], 8))
        x = x + nn.MultiHeadDotProductAttention(num_heads=2)(nn.LayerNorm()(x))
        x = x + nn.Dense(8)(nn.gelu(nn.Dense(16)(nn.LayerNorm()(x))))
        return nn.Dense(3)(x[:, 0])


class WaveNet(nn.Module):
    """Causal dilated convolutions with gates, residual and skip connections."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        total = 0.0
        for dilation in (1, 2, 4):
            gate, filtered = (
                nn.Conv(4, (2,), kernel_dilation=dilation, padding="CAUSAL")(x) for _ in range(2)
            )
            y = jnp.tanh(filtered) * nn.sigmoid(gate)
            total = total + nn.Conv(4, (1,))(y)
            if dilation < 4:
                x = x + nn.Conv(x.shape[-1], (1,))(y)
        return nn.Conv(2, (1,))(nn.relu(total))


class MobileNet(nn.Module):
    """An inverted residual with squeeze and excitation."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        y = nn.relu6(nn.Conv(8, (1, 1))(x))
        y = nn.relu6(nn.Conv(8, (3, 3), feature_group_count=8, strides=2)(y))
        gate = nn.sigmoid(nn.Dense(8)(nn.relu(nn.Dense(2)(y.mean((1, 2), keepdims=True)))))
        return nn.Conv(4, (1, 1))(y * gate)


class Recurrent(nn.Module):
    """A recurrent layer along time."""

    cell: Any = nn.OptimizedLSTMCell
    reverse: bool = False

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(2)(nn.RNN(self.cell(4, param_dtype=wide()), reverse=self.reverse, keep_order=True)(x))


class Bidirectional(nn.Module):
    """Both ways."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        one, other = (nn.RNN(nn.GRUCell(3, param_dtype=wide())) for _ in range(2))
        return nn.Bidirectional(one, other)(x)


class Volume(nn.Module):
    """Three axes of positions."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.relu(nn.Conv(3, (3, 3, 3))(x))
        x = nn.avg_pool(x, (2, 2, 2), strides=(2, 2, 2))
        return nn.Conv(2, (1, 3, 3), padding="VALID")(x)


class Temporal(nn.Module):
    """Growing dilation, without padding."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        for dilation in (1, 3, 9):
            x = nn.relu(nn.Conv(3, (3,), kernel_dilation=dilation, padding="VALID")(x))
        return x


class DenseNet(nn.Module):
    """Every layer takes all before it."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        for _ in range(3):
            x = jnp.concatenate([x, nn.Conv(2, (3, 3))(nn.relu(x))], axis=-1)
        return nn.avg_pool(nn.Conv(4, (1, 1))(x), (2, 2), strides=(2, 2))


class Groups(nn.Module):
    """Statistics over the map and groups of channels."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.silu(nn.GroupNorm(num_groups=2)(nn.Conv(4, (3, 3))(x)))


class Mixer(nn.Module):
    """Linear layers over tokens, then over features."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Conv(6, (4, 4), strides=(4, 4), padding="VALID")(x)
        x = x.reshape(x.shape[0], -1, 6)
        y = jnp.swapaxes(nn.LayerNorm()(x), 1, 2)
        x = x + jnp.swapaxes(nn.Dense(x.shape[1])(nn.gelu(nn.Dense(5)(y))), 1, 2)
        return x + nn.Dense(6)(nn.gelu(nn.Dense(9)(nn.LayerNorm()(x))))


class StateSpace(nn.Module):
    """A linear recurrence, by an associative scan."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Dense(4)(x)
        decay = nn.sigmoid(self.param("decay", nn.initializers.normal(), (4,)))
        factors = jnp.broadcast_to(decay, x.shape)

        def combined(left: Any, right: Any) -> Any:
            return left[0] * right[0], left[1] * right[0] + right[1]

        _, states = lax.associative_scan(combined, (factors, x), axis=1)
        return nn.Dense(2)(states)


class Causal(nn.Module):
    """Attention that no later step takes part in."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        mask = nn.make_causal_mask(jnp.ones(x.shape[:2]))
        return x + nn.MultiHeadDotProductAttention(num_heads=2)(x, mask=mask)


class Shuffle(nn.Module):
    """Channels become blocks of pixels."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        n, h, w, _ = x.shape
        x = nn.Conv(12, (3, 3))(x).reshape(n, h, w, 2, 2, 3)
        return x.transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, 3)


class Layer(nn.Module):
    """One of several layers that are alike."""

    @nn.compact
    def __call__(self, x: Any, _: Any) -> Any:
        return nn.relu(nn.Conv(3, (3,))(x)), None


class Stacked(nn.Module):
    """Layers with their parameters along an axis, one after the other in a scan."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        layers = nn.scan(Layer, variable_axes={"params": 0}, split_rngs={"params": True}, length=3)
        return layers()(x, None)[0]


class Resized(nn.Module):
    """Twice as large by its nearest neighbours, as a gather with constant indices."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Conv(3, (3, 3))(x)
        return nn.Conv(2, (3, 3))(jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2))


class Windows(nn.Module):
    """Attention in windows of a map that is moved by one; a mask parts what came from its other end."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        n, h, w, c = x.shape
        regions = np.zeros((1, h, w, 1))
        ends = (slice(0, -3), slice(-3, -1), slice(-1, None))
        for number, (rows, columns) in enumerate((a, b) for a in ends for b in ends):
            regions[:, rows, columns] = number

        def cut(x: Any) -> Any:
            x = x.reshape(x.shape[0], h // 3, 3, w // 3, 3, x.shape[-1]).transpose(0, 1, 3, 2, 4, 5)
            return x.reshape(x.shape[0], -1, 9, x.shape[-1])

        of = cut(regions)[0, ..., 0]
        mask = jnp.asarray(np.where(of[:, None] != of[:, :, None], -1e9, 0.0))
        y = cut(jnp.roll(nn.LayerNorm()(x), (-1, -1), (1, 2)))
        q, k, v = jnp.split(nn.Dense(3 * c)(y), 3, -1)
        scores = nn.softmax(jnp.einsum("bnid,bnjd->bnij", q, k) + mask)
        y = jnp.einsum("bnij,bnjd->bnid", scores, v)
        y = y.reshape(n, h // 3, w // 3, 3, 3, c).transpose(0, 1, 3, 2, 4, 5).reshape(x.shape)
        return x + jnp.roll(y, (1, 1), (1, 2))


class Small(nnx.Module):
    """A network of Flax's newer modules."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.first = nnx.Conv(3, 4, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(4, use_running_average=True, rngs=rngs)
        self.second = nnx.Conv(4, 2, (3, 3), strides=2, padding="VALID", rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.second(nnx.relu(self.norm(self.first(x))))


class Tree(eqx.Module):
    """A network of Equinox, for one sample, channels first."""

    layers: list[Any]

    def __init__(self, key: Any) -> None:
        keys = jax.random.split(key, 3)
        self.layers = [
            eqx.nn.Conv2d(3, 4, 3, padding=1, key=keys[0]),
            jax.nn.relu,
            eqx.nn.MaxPool2d(2, 2),
            eqx.nn.Conv2d(4, 2, 3, dilation=2, key=keys[1]),
        ]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


def haiku_network() -> Any:
    """Return a network of Haiku with a recurrent layer behind convolutions."""

    def network(x: Any) -> Any:
        x = jax.nn.relu(hk.Conv1D(4, 3, padding="VALID")(x))
        core = hk.LSTM(3)
        y, _ = hk.dynamic_unroll(core, x, core.initial_state(x.shape[0]), time_major=False)
        return hk.Linear(2)(y)

    return hk.transform(network)


LINEN: dict[str, Case] = {
    "resnet": Case(ResNet, (2, 17, 14, 3)),
    "convnext": Case(ConvNeXt, (2, 40, 36, 3)),
    "unet": Case(UNet, (2, 12, 10, 3)),
    "vit": Case(ViT, (2, 8, 12, 3)),
    "wavenet": Case(WaveNet, (2, 20, 3)),
    "mobilenet": Case(MobileNet, (2, 9, 8, 4)),
    "lstm": Case(Recurrent, (2, 7, 3)),
    "gru-reversed": Case(lambda: Recurrent(nn.GRUCell, reverse=True), (2, 7, 3)),
    "bidirectional": Case(Bidirectional, (2, 6, 3)),
    "volume": Case(Volume, (2, 6, 8, 8, 2)),
    "temporal": Case(Temporal, (2, 40, 2)),
    "densenet": Case(DenseNet, (2, 10, 12, 3)),
    "groups": Case(Groups, (2, 7, 8, 3)),
    "mixer": Case(Mixer, (2, 8, 12, 3)),
    "state-space": Case(StateSpace, (2, 9, 3)),
    "causal": Case(Causal, (2, 6, 4)),
    "shuffle": Case(Shuffle, (2, 6, 5, 3)),
    "stacked": Case(Stacked, (2, 14, 3)),
    "resized": Case(Resized, (2, 6, 5, 3)),
    "windows": Case(Windows, (2, 9, 12, 4)),
}

OTHERS: dict[str, Case] = {
    "nnx": Case(lambda: Small(nnx.Rngs(0)), (2, 9, 8, 3)),
    "equinox": Case(lambda: Tree(jax.random.key(0)), (3, 16, 15), "CHW"),
    "haiku": Case(haiku_network, (2, 10, 3)),
}

CASES = {**LINEN, **OTHERS}


def arrays_of(model: Any, shape: Sequence[int]) -> Any:
    """Return the shapes of the parameters of a model, as its own library says."""
    x = jax.ShapeDtypeStruct(tuple(shape), jnp.zeros((), float).dtype)
    if isinstance(model, nn.Module):
        return jax.eval_shape(model.init, jax.random.key(0), x)["params"]
    if isinstance(model, nnx.Module):
        return nnx.state(model, nnx.Param)
    if isinstance(model, eqx.Module):
        return eqx.filter(model, eqx.is_inexact_array)
    return jax.eval_shape(model.init, jax.random.key(0), x)

"""The JAX reader around single primitives: what may be handed over, what is counted, what loops read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402

import rfcalc  # noqa: E402
from tests.readers.jax_changed import changed, rows_of  # noqa: E402
from tests.readers.jax_constants import BOUND, CUT, EXACT, FOLLOWED  # noqa: E402
from tests.readers.jax_truth import products  # noqa: E402

pytestmark = pytest.mark.jax

Shape = jax.ShapeDtypeStruct
NHWC = ("NHWC", "HWIO", "NHWC")
KERNEL = Shape((3, 3, 3, 4), "float32")


def convolved(x: Any, kernel: Any) -> Any:
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=NHWC)


# ---- what is counted ---------------------------------------------------------------------------------------


def parameters(graph: Any) -> int:
    return rfcalc.analyze(graph).totals.params.trainable  # type: ignore[return-value]


def codes(graph: Any) -> set[str]:
    return {code for code, _, _ in graph.notes}


def test_parameters_have_the_paths_of_their_leaves() -> None:
    tree = {"params": {"first": {"kernel": KERNEL, "bias": Shape((4,), "float32")}}}

    def function(tree: Any, x: Any) -> Any:
        first = tree["params"]["first"]
        return convolved(x, first["kernel"]) + first["bias"]

    graph = rfcalc.from_jax(function, (1, 8, 8, 3), params=tree)
    (layer,) = (each for each in graph if each.kind == "conv")
    found = {weight.identity: weight.shape for weight in layer.weights}
    assert found == {"params/first/kernel": (3, 3, 3, 4), "params/first/bias": (4,)}
    assert (layer.name, parameters(graph)) == ("params/first", 112)


def test_one_array_in_two_places_counts_once() -> None:
    kernel = np.ones((3, 3, 3, 3), np.float32)

    def function(tree: Any, x: Any) -> Any:
        return convolved(convolved(x, tree["one"]), tree["two"])

    for second, count in ((kernel, 81), (kernel.copy(), 162)):
        graph = rfcalc.from_jax(function, (1, 8, 8, 3), params={"one": kernel, "two": second})
        assert parameters(graph) == count


def test_other_collections_are_buffers() -> None:
    tree = {"params": {"kernel": KERNEL}, "batch_stats": {"mean": Shape((4,), "float32")}}
    graph = rfcalc.from_jax(
        lambda tree, x: convolved(x, tree["params"]["kernel"]) - tree["batch_stats"]["mean"],
        (1, 8, 8, 3),
        params=tree,
    )
    assert (parameters(graph), codes(graph)) == (108, {"buffers"})


def test_arrays_of_the_function_itself_are_noted() -> None:
    kernel = jnp.ones(KERNEL.shape)
    graph = rfcalc.from_jax(lambda x: convolved(x, kernel), (1, 8, 8, 3))
    assert (parameters(graph), codes(graph)) == (0, {"constants"})


def test_unused_parameters_are_noted() -> None:
    tree = {"kernel": KERNEL, "spare": Shape((5,), "float32")}
    graph = rfcalc.from_jax(lambda tree, x: convolved(x, tree["kernel"]), (1, 8, 8, 3), params=tree)
    assert (parameters(graph), codes(graph)) == (108, {"unused-parameters"})


def test_layers_in_a_scan_hold_parts_of_stacked_parameters() -> None:
    kernels = Shape((5, 3, 3, 3, 3), "float32")

    def function(kernels: Any, x: Any) -> Any:
        return lax.scan(lambda x, kernel: (convolved(x, kernel), None), x, kernels)[0]

    graph = rfcalc.from_jax(function, (1, 16, 16, 3), params=kernels)
    analysis = rfcalc.analyze(graph)
    assert analysis.totals.params.trainable == 5 * 81
    assert [row.params.trainable for row in analysis if row.kind == "conv"] == [81] * 5
    assert list(analysis)[-1].receptive_field == (11, 11)
    assert analysis.totals.macs == 5 * 256 * 81


# ---- what may be handed over -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [(1, 8, 8, 3), [1, 8, 8, 3], Shape((1, 8, 8, 3), "float32"), np.zeros((1, 8, 8, 3), np.float32)],
    ids=["tuple", "list", "abstract", "array"],
)
def test_inputs(given: Any) -> None:
    graph = rfcalc.from_jax(convolved_with_params, given, params=KERNEL)
    assert [(layer.name, layer.attrs["shape"]) for layer in graph.inputs] == [("image", (1, 8, 8, 3))]


def convolved_with_params(kernel: Any, image: Any, *, double: bool = False) -> Any:
    made = convolved(image, kernel)
    return made + made if double else made


def test_trees_of_inputs_have_paths() -> None:
    graph = rfcalc.from_jax(
        lambda pair, last: pair["a"] + pair["b"][0] + last, {"a": (2, 5, 3), "b": [(2, 5, 3)]}, (2, 5, 3)
    )
    assert [layer.name for layer in graph.inputs] == ["pair/a", "pair/b/0", "last"]


def test_further_arguments_are_handed_on() -> None:
    plain, double = (
        rfcalc.from_jax(convolved_with_params, (1, 8, 8, 3), params=KERNEL, **more)
        for more in ({}, {"double": True})
    )
    assert (len(plain), len(double)) == (2, 3)


def test_channels_first_are_found_by_the_convolution() -> None:
    graph = rfcalc.from_jax(lambda x: lax.conv(x, jnp.ones((4, 3, 3, 3)), (1, 1), "SAME"), (2, 3, 8, 8))
    assert graph.inputs[0].attrs["axes"] == "bcss"


@pytest.mark.parametrize(
    ("function", "inputs", "error", "why"),
    [
        (lambda x: sys.exit("enough"), ((2, 3),), rfcalc.ReadError, "cannot trace the function: SystemExit"),
        (lambda x: x.missing, ((2, 3),), rfcalc.ReadError, "cannot trace the function: AttributeError"),
        (lambda x: x, (), rfcalc.UsageError, "say what the function is called with"),
        (lambda x: x, ((0, 3),), rfcalc.UsageError, "an extent must be positive, got 0"),
        (3, ((2, 3),), rfcalc.UsageError, "a function or a module, not a int"),
        (lambda x: x + jnp.ones((4,)), ((2, 3),), rfcalc.ReadError, "cannot trace the function"),
    ],
)
def test_what_cannot_be_read_says_why(function: Any, inputs: Any, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why) as raised:
        rfcalc.from_jax(function, *inputs)
    assert "\n" not in str(raised.value)


def test_an_unknown_primitive_is_named() -> None:
    def function(x: Any) -> Any:
        return jax.pure_callback(np.asarray, Shape((2, 5, 3), "float32"), x) + 1

    analysis = rfcalc.analyze(rfcalc.from_jax(function, (2, 5, 3)))
    assert [row.status for row in analysis] == ["exact", "unknown", "unknown"]
    assert analysis.layer("pure_callback").op == "pure_callback"
    assert analysis.totals.macs is None


def test_jax_is_imported_for_jax_alone() -> None:
    code = (
        "import sys, rfcalc; rfcalc.analyze({'rfcalc': 1, 'input': [8, 8, 1], 'layers': ['flatten']});"
        "print({'jax', 'torch'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "set()\n"


def test_torch_is_not_imported_for_jax() -> None:
    code = "import sys, rfcalc; rfcalc.from_jax(lambda x: x + 1, (2, 3)); print('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "False\n"


# ---- package.module:factory --------------------------------------------------------------------------------

CODE = """
import rfcalc
from jax import lax

def made():
    return rfcalc.from_jax(lambda x: lax.rev(x, (1,)), (1, 8, 3), layout="NTC")

graph = made()

def broken():
    raise ValueError("no such thing")
"""


def asked(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "net.py").write_text(CODE)
    command = [sys.executable, "-m", "rfcalc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize("name", ["made", "graph"])
def test_a_name_stands_for_what_from_jax_gives(name: str, tmp_path: Path) -> None:
    done = asked(tmp_path, "analyze", f"net:{name}", "--format", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "rev" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("net:graph", "--input-shape", "1,8,3"), 2, "is said where from_jax is called"),
        (("net:broken",), 3, "building the model failed: ValueError: no such thing"),
        (("net:missing",), 3, "'net' has no 'missing'"),
    ],
)
def test_a_name_that_cannot_be_read_says_why(
    arguments: tuple[str, ...], code: int, why: str, tmp_path: Path
) -> None:
    done = asked(tmp_path, "analyze", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1)
    assert why in done.stderr


# ---- what single functions depend on -----------------------------------------------------------------------


def _causal(x: Any) -> Any:
    return jax.nn.dot_product_attention(x, x, x, is_causal=True)


def _ema(x: Any, *, reverse: bool = False) -> Any:
    return lax.scan(lambda c, y: (0.5 * c + y, 0.5 * c + y), jnp.zeros(x.shape[1:]), x, reverse=reverse)[1]


def _shifted(x: Any) -> Any:
    return lax.scan(lambda c, y: (y, c + 2 * y), jnp.zeros(x.shape[1:]), x)[1]


def _last(x: Any) -> Any:
    return lax.scan(lambda c, y: (c * 0.5 + y, None), jnp.zeros(x.shape[1:]), x)[0]


def _frames(x: Any) -> Any:
    def step(carry: Any, frame: Any) -> Any:
        carry = jnp.tanh(
            convolved(frame, jnp.ones((3, 3, 2, 2)) / 9) + convolved(carry, jnp.ones((3, 3, 2, 2)) / 9)
        )
        return carry, carry

    return lax.scan(step, jnp.zeros(x.shape[1:]), x)[1]


def _counted(x: Any) -> Any:
    return lax.scan(lambda n, y: (n + 1, y * n), 1.0, x)[1]


def _written(x: Any) -> Any:
    return lax.dynamic_update_slice(x, x[:, :2, :3], (0, 3, 1, 0))


def _doubled(x: Any) -> Any:
    return lax.fori_loop(0, 3, lambda i, y: y + jnp.roll(y, 1, 1), x)


def _batched(x: Any) -> Any:
    kernel = jnp.linspace(0.5, 1.0, 3 * 3 * 2 * 4).reshape(3, 3, 2, 4)
    return lax.conv_general_dilated(x, kernel, (1, 2), "VALID", dimension_numbers=NHWC, batch_group_count=2)


def _masked(x: Any) -> Any:
    kept = jnp.tril(jnp.ones((x.shape[1], x.shape[1]), bool))
    return jax.nn.softmax(jnp.einsum("bqc,bkc->bqk", x, x), -1, where=kept) @ x


def _band(x: Any) -> Any:
    place = jnp.arange(x.shape[1])
    scores = jnp.einsum("bqc,bkc->bqk", x, x)
    return jax.nn.softmax(jnp.where(jnp.abs(place[:, None] - place) <= 1, scores, -1e9), -1) @ x


def _windows(x: Any) -> Any:
    n, h, w, c = x.shape
    y = jnp.roll(x, (1, 1), (1, 2)).reshape(n, h // 2, 2, w // 2, 2, c)
    y = y.transpose(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)
    y = jax.nn.softmax(jnp.einsum("bqc,bkc->bqk", y, y), -1) @ y
    y = y.reshape(n, h // 2, w // 2, 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(x.shape)
    return jnp.roll(y, (-1, -1), (1, 2))


CASES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], str]] = {
    **{
        f"{method} to {size}": (
            partial(
                lambda x, method, size: jax.image.resize(x, (1, size, 5, 2), method), method=method, size=size
            ),
            (1, 8, 7, 2),
            "NHWC",
        )
        for method in ("nearest", "bilinear")
        for size in (16, 5)
    },
    "attention": (_causal, (2, 6, 2, 4), "NTXC"),
    "a decaying sum": (_ema, (7, 2, 3), "TNC"),
    "from the end": (partial(_ema, reverse=True), (7, 2, 3), "TNC"),
    "a state that is gone": (_shifted, (7, 2, 3), "TNC"),
    "the last state": (_last, (7, 2, 3), "TNC"),
    "frames": (_frames, (4, 2, 9, 9, 2), "TNHWC"),
    "a state that nothing goes into": (_counted, (7, 2, 3), "TNC"),
    "associative": (lambda x: lax.associative_scan(jnp.add, x, axis=1), (2, 9, 3), "NTC"),
    "each by itself": (lambda x: lax.map(lambda y: jnp.cumsum(y, 0), x), (3, 5, 2), "NTC"),
    "a known branch": (lambda x: lax.switch(1, [jnp.sin, lambda y: jnp.flip(y, 1)], x), (1, 5, 3), "NTC"),
    "either branch": (
        lambda x: lax.cond(x.sum() > 10.5, lambda y: jnp.roll(y, 1, 1), lambda y: jnp.roll(y, 2, 1), x),
        (1, 6, 3),
        "NTC",
    ),
    "a loop of known length": (_doubled, (1, 9, 2), "NTC"),
    "a block in both axes": (_written, (1, 6, 7, 2), "NHWC"),
    "a table of positions": (
        lambda x: x[:, jnp.array([3, 0, 3]), :][:, :, jnp.array([1, 2, 0, 0])],
        (1, 5, 4, 2),
        "NHWC",
    ),
    "counted from the end": (lambda x: x[:, jnp.array([-1, 0, -3])], (2, 5, 2), "NTC"),
    "a slice that is moved inside": (lambda x: lax.dynamic_slice_in_dim(x, 4, 3, axis=1), (2, 5, 2), "NTC"),
    "a slice from before the end": (lambda x: lax.dynamic_slice_in_dim(x, -3, 2, axis=1), (2, 6, 2), "NTC"),
    "values at places": (
        lambda x: x.at[:, jnp.array([1, 3])].set(x[:, :2]).at[:, 0].add(x[:, 4]),
        (2, 5, 2),
        "NTC",
    ),
    "windows of a grid": (
        lambda x: x[:, jnp.arange(0, 6, 2)[:, None] + jnp.arange(3)].sum(2),
        (2, 8, 2),
        "NTC",
    ),
    "the diagonal": (lambda x: x[:, jnp.arange(4), jnp.arange(4)], (1, 4, 4, 2), "NHWC"),
    "interior padding": (
        lambda x: lax.pad(x, 0.0, ((0, 0, 0), (-1, 2, 2), (0, 0, 0))),
        (2, 5, 2),
        "NTC",
    ),
    **{
        f"padding, {mode}": (
            partial(lambda x, mode: jnp.pad(x, ((0, 0), (2, 1), (0, 0)), mode=mode), mode=mode),
            (2, 5, 3),
            "NTC",
        )
        for mode in ("edge", "reflect", "wrap")
    },
    "a masked softmax": (_masked, (2, 6, 3), "NTC"),
    "attention in shifted windows": (_windows, (2, 4, 6, 3), "NHWC"),
    "a band of keys": (_band, (2, 7, 3), "NTC"),
    "the first of each pair": (lambda x: x.reshape(1, 4, 2, 3)[:, :, 0], (1, 8, 3), "NTC"),
    "frequencies": (lambda x: jnp.abs(jnp.fft.rfft(x, axis=1)), (2, 9, 3), "NTC"),
    "largest of windows of channels": (
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 2), (1, 2, 2), "VALID"),
        (2, 9, 4),
        "NTC",
    ),
    "a slice with a computed start": (
        lambda x: lax.dynamic_slice_in_dim(x, (x.sum() > 0).astype(int), 3, axis=1),
        (1, 6, 2),
        "NTC",
    ),
    **{name: (function, (7, 2, 3), "TNC") for name, function in (CUT | FOLLOWED).items()},
    **{name: (function, (2, 9, 3), "NTC") for name, function in (EXACT | BOUND).items()},
    "until it is large": (
        lambda x: lax.while_loop(lambda y: y.sum() < 1000, lambda y: y + jnp.roll(y, 1, 1), x),
        (1, 6, 2),
        "NTC",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rows_cover_what_changes_the_output_and_exact_ones_are_that(name: str) -> None:
    function, shape, layout = CASES[name]
    with jax.enable_x64(True):
        graph = rfcalc.from_jax(function, shape, layout=layout)
        assert all(layer.kind != "unknown" for layer in graph)
        output, place = graph.outputs[0]
        spec = graph.results[output].outputs[place]
        inputs = [axis for axis, role in enumerate(graph.inputs[0].attrs["axes"]) if role == "s"]
        outputs = [axis for axis, role in enumerate(spec.axes) if role == "s"]
        for k, (axis, each) in enumerate(zip(inputs, rfcalc.field(graph, output).axes, strict=True)):
            there = outputs[k] if len(outputs) == len(inputs) else None
            measured = rows_of(changed(function, shape, axis), there)
            rows = each.rows * (len(measured) if len(each.rows) == 1 else 1)
            assert len(rows) == len(measured)
            for row, truth in zip(rows, measured, strict=True):
                if each.status == "exact":
                    assert row == truth
                else:
                    assert truth is None or (row[0] <= truth[0] and truth[1] <= row[1])


@pytest.mark.parametrize("name", [*CUT, *FOLLOWED, *EXACT, *BOUND])
def test_what_constants_cut_off_is_a_bound(name: str) -> None:
    function, shape, layout = CASES[name]
    with jax.enable_x64(True):
        last = rfcalc.analyze(rfcalc.from_jax(function, shape, layout=layout)).rows[-1]
    assert last.status == ("bound" if name in CUT or name in BOUND else "exact")
    assert bool(last.reason) == (last.status == "bound")


def test_samples_in_groups_are_convolved_with_kernels_of_their_own() -> None:
    graph = rfcalc.from_jax(_batched, (4, 9, 9, 2))
    analysis = rfcalc.analyze(graph)
    assert "unknown" not in {row.status for row in analysis}
    assert analysis.layer("conv").output_shape == (2, 7, 4, 4)


# ---- gradients, whose products contract the batch ----------------------------------------------------------


def _conv(x: Any, kernel: Any, stride: int = 1, groups: int = 1) -> Any:
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=NHWC, feature_group_count=groups
    )


GRADIENTS: dict[str, tuple[Callable[[Any, Any], Any], tuple[int, ...], tuple[int, ...]]] = {
    "dense": (lambda x, w: x @ w, (4,), (4, 5)),
    "dense of steps": (lambda x, w: x @ w, (9, 4), (4, 5)),
    "conv": (_conv, (8, 7, 4), (3, 3, 4, 6)),
    "strided": (partial(_conv, stride=2), (8, 7, 4), (3, 3, 4, 6)),
    "depthwise": (partial(_conv, groups=4), (8, 7, 4), (3, 3, 1, 4)),
    "transposed": (
        lambda x, w: lax.conv_transpose(x, w, (2, 2), "SAME", dimension_numbers=NHWC),
        (6, 5, 3),
        (3, 3, 3, 4),
    ),
}


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("batch", [1, 3])
def test_gradients_count_what_xla_counts(name: str, batch: int) -> None:
    """Those of weights sum over samples, which are counted then; those of the input do for each by itself."""
    layer, shape, kernel = GRADIENTS[name]
    weights, x = jnp.ones(kernel), Shape((batch, *shape), jnp.zeros((), float).dtype)

    def loss(x: Any, weights: Any) -> Any:
        return jnp.sum(jnp.tanh(layer(x, weights)))

    def of_weights(x: Any) -> Any:
        return jax.grad(loss, 1)(x, weights)

    def of_input(x: Any) -> Any:
        return jax.grad(loss, 0)(x, weights)

    assert rfcalc.analyze(rfcalc.from_jax(of_weights, x)).totals.macs == products(of_weights, x)
    assert rfcalc.analyze(rfcalc.from_jax(of_input, x)).totals.macs == products(of_input, x) // batch

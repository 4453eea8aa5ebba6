"""From whatever holds a model to its graph, and to the run that is asked about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias, TypedDict

from rfcalc.algebra.number import Num, is_known
from rfcalc.arguments import plain
from rfcalc.engine.propagate import choose_input
from rfcalc.engine.run import Read, Run
from rfcalc.engine.shapes import OnUnknown
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import SPATIAL, Layer
from rfcalc.readers import detect, documents
from rfcalc.readers.made import is_keras
from rfcalc.readers.options import Options, checked

if TYPE_CHECKING:
    import os

    from typing_extensions import Unpack

    from rfcalc.engine.filling import AtSize, Widths
    from rfcalc.readers.torch.capture import Capture

Model: TypeAlias = (
    "str | os.PathLike[str] | IO[str] | IO[bytes] | Mapping[str, Any] | LayerGraph | documents.Document"
)
"""A path, an open file, a parsed document, what was read of a model, or a graph that was loaded before."""

Shape: TypeAlias = "Sequence[int | None]"
"""Extents in the source's order, with the batch axis or without it; None for an open one."""

_LENGTH = ("L", "T")  # both are in use for the one axis of a sequence
_NO_AXES = "its axes are not spatial, so give its whole shape instead"


class Loading(TypedDict, total=False):
    """The options of `load`, which everything that reads a model takes as well."""

    parameters: Mapping[str, int] | None
    input_shape: Shape | Mapping[str, Shape] | None
    dims: Mapping[str, int] | None
    input: str | None
    layout: str | Mapping[str, str] | None
    on_unknown: OnUnknown
    runtime: str | None
    cut: Sequence[str]
    design: int | None


@contextmanager
def about(graph: LayerGraph) -> Iterator[None]:
    """Say of errors which file they are about."""
    try:
        yield
    except RfcalcError as error:
        error.source = error.source or graph.source
        raise


@contextmanager
def asked(x: Model, **loading: Unpack[Loading]) -> Iterator[Run]:
    """Load a model to be asked about; errors in the block say which file they are about.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The model, as for `load`; to be asked at several sizes, as `read_once` gives it.
    **loading
        The options of `load`.
    """
    if loading.get("design") is not None:
        x, loading = _of_design(x, loading)
    runs = x.memory.get(_RUNS) if isinstance(x, documents.Document) and x.memory else None
    if runs is None:
        graph = load(x, **loading)
        run = run_of(graph, loading, x)
    else:
        how = repr(sorted(loading.items()))
        if how not in runs:
            runs[how] = run_of(load(x, **loading), loading, x)
        run, graph = runs[how], runs[how].graph
    with about(graph):
        yield run


_RUNS: Final = "runs"
"""What the memory of a document calls the runs that several questions about it share."""


def read_for_several(x: Model) -> Model:
    """Return what is read of a model, to be asked about several times, with each pass made once for all."""
    read = read_once(x, at_many_sizes=True)
    return read._replace(memory={_RUNS: {}}) if isinstance(read, documents.Document) else read


def runs_code(x: Model) -> bool:
    """Tell whether a model is loaded by running code: a name of code, or a live model."""
    return (isinstance(x, str) and detect.names_code(x)) or is_keras(x)


def read_once(x: Model, *, at_many_sizes: bool = False) -> Model:
    """Return what is read of a model, to be loaded several times; a graph or a name of code as it is.

    Of one that is loaded at many sizes its reader remembers what stays, which costs a little at the first.
    """
    if isinstance(x, LayerGraph) or runs_code(x):
        return x
    from rfcalc.designs import is_sweep

    if is_sweep(x):
        return x
    document = documents.read_document(x)
    return document._replace(memory={}) if at_many_sizes and document.memory is None else document


def load(
    x: Model,
    *,
    parameters: Mapping[str, int] | None = None,
    input_shape: Shape | Mapping[str, Shape] | None = None,
    dims: Mapping[str, int] | None = None,
    input: str | None = None,
    layout: str | Mapping[str, str] | None = None,
    on_unknown: OnUnknown = "report",
    runtime: str | None = None,
    cut: Sequence[str] = (),
    design: int | None = None,
) -> LayerGraph:
    """Read a model.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The architecture file; of a file without a name the content says the format. Also an
        ``onnx.ModelProto``, a ``torch.export.ExportedProgram``, or a live model of Keras 3 (`from_keras`).
        The text ``package.module:factory`` imports that module and calls what it names, for a PyTorch module,
        a Keras model, or what `from_jax` gives.
    parameters : mapping of str to int, optional
        Values for the parameters of a native model, in place of its own.
    input_shape : sequence or mapping, optional
        The shape of the input, or shapes by input name, in place of the file's.
    dims : mapping of str to int, optional
        Extents in pixels of spatial axes of the chosen input by letter: ``D``, ``H``, ``W``, or ``L`` (``T``)
        of a sequence. Of ONNX, TFLite and PyTorch models also other open extents, by the names that these
        have.
    input : str, optional
        The chosen input; by default the first with spatial axes.
    layout : str or mapping, optional
        What the axes of the input are, or of inputs by name, where the format does not say: ``NCHW``,
        ``NHWC``, ``NTC``; N is the batch, C the channels, other letters are positions.
    on_unknown : str
        What to do with an op that no rule knows: ``report`` it and what depends on it as unknown, make it
        an ``error``, take it to depend on everything (``bound``), or to change nothing (``identity``).
    runtime : str, optional
        Of an ONNX model, the runtime that is followed where runtimes are known to part: ``onnxruntime``,
        ``openvino``, ``tflite`` or ``torch``. By default that is mostly the specification; a note says who
        makes something else of a layer.
    cut : sequence of str, optional
        Layers, by name or glob, at which dependence ends: what they put out is taken to depend on nothing, so
        that the fields behind them are those of the other ways.
    design : int, optional
        The number of a design, where `x` is the file of a sweep (`sweep`): that model, with the parameters
        and extents of the design; what is given of these here goes first.

    Returns
    -------
    LayerGraph
        The layers and the tensors between them.

    Raises
    ------
    ReadError
        It is not a model that rfcalc can read.
    GraphError
        Its layers do not form a graph.
    UsageError
        A parameter, input, axis or layer to cut that the model does not have.

    Examples
    --------
    >>> model = {"rfcalc": 1, "input": [None, None, 3], "layers": [{"kind": "max_pool", "kernel": 2}]}
    >>> load(model, dims={"H": 64, "W": 32}).inputs[0].attrs["shape"]
    (?, 64, 32, 3)
    """
    if design is not None:
        given: Loading = {
            "parameters": parameters, "input_shape": input_shape, "dims": dims, "input": input,
            "layout": layout, "on_unknown": on_unknown, "runtime": runtime, "cut": cut, "design": design,
        }  # fmt: skip
        made, theirs = _of_design(x, given)
        return load(made, **theirs)
    options = _options(parameters, input_shape, dims, input, layout, on_unknown, runtime)
    shapes, dims = options.shapes or {}, options.dims
    graph = _with_cuts(detect.load(x, options=options), cut)
    if graph.results and not isinstance(x, LayerGraph):
        return graph  # its reader has used all of them
    if "" in shapes and len(graph.inputs) > 1:
        names = ", ".join(repr(layer.name) for layer in graph.inputs)
        raise UsageError(f"say which input the shape is for: {names}", source=graph.source)
    return _with_dims(graph, dims, input) if dims else graph


def _options(
    parameters: Mapping[str, int] | None = None,
    input_shape: Shape | Mapping[str, Shape] | None = None,
    dims: Mapping[str, int] | None = None,
    input: str | None = None,
    layout: str | Mapping[str, str] | None = None,
    on_unknown: OnUnknown = "report",
    runtime: str | None = None,
) -> Options:
    """Return what readers are told, of the options of `load`."""
    layouts = {"": layout} if isinstance(layout, str) else layout
    shapes = _shapes(plain(input_shape))
    return Options(plain(parameters), shapes, plain(dims), input, layouts, on_unknown, checked(runtime))


def _of_design(x: Model, given: Loading) -> tuple[Model, Loading]:
    """Return the model of a design of a sweep's file, and how it is loaded; a counterfactual already is."""
    from rfcalc.designs import design_of, is_sweep

    if not is_sweep(x):
        raise UsageError(
            "a design is chosen of the file of a sweep alone, as rfcalc sweep --output writes it",
            source=str(x),
        )
    made = design_of(x, plain(given["design"]))  # type: ignore[arg-type]  # the path of a file
    theirs: dict[str, Any] = {**made.loading}
    for name, value in given.items():
        if name in ("parameters", "dims"):
            theirs[name] = {**(theirs.get(name) or {}), **(value or {})} or None  # type: ignore[dict-item]
        elif name != "design" and value and (name, value) != ("on_unknown", "report"):
            theirs[name] = value
    loading: Loading = theirs  # type: ignore[assignment]  # the options of `load`, as the file holds them
    if not made.variant:
        return made.model, loading
    from rfcalc.counterfactuals.variants import counterfactual

    graph = load(made.model, **loading)
    with about(graph):
        graph = counterfactual(made.variant).build(run_of(graph, loading, made.model)).graph
    return graph, {"input": loading.get("input"), "on_unknown": loading.get("on_unknown", "report")}


def run_of(graph: LayerGraph, loading: Loading, x: Model | None = None) -> Run:
    """Return a run of a loaded model, asked as the options of `load` say.

    With what it was loaded from it is read again at another size, where its reader works out shapes.
    """
    reads = x is not None and _reads(x, graph)
    with about(graph):
        return Run(
            graph,
            input=loading.get("input"),
            on_unknown=loading.get("on_unknown", "report"),
            read=_reader(x, graph, loading) if x is not None and reads else None,
        )


def _reader(x: Model, graph: LayerGraph, loading: Loading) -> Read:
    """Return how to read a model again with other extents of the chosen input's spatial axes."""
    from rfcalc.engine.symbolic import axis_letters

    def read(extents: Sequence[int], only: str) -> LayerGraph:
        dims = dict(zip(axis_letters(len(extents)), extents, strict=True))
        lettered: Loading = {**loading, "dims": {**(loading.get("dims") or {}), **dims}}
        if not only:
            return load(x, **lettered)
        told = {name: value for name, value in lettered.items() if name not in ("cut", "design")}
        options = _options(**told)._replace(only=only)  # type: ignore[arg-type]  # the options of `load`
        return _with_cuts(detect.load(x, options=options), lettered.get("cut") or ())

    return read


def _with_cuts(graph: LayerGraph, cut: Sequence[str]) -> LayerGraph:
    """Return a graph in which dependence ends at the layers (and blocks) that the names or globs say.

    Raises
    ------
    UsageError
        One says none.
    """
    if not cut:
        return graph
    from fnmatch import fnmatchcase

    names: set[str] = set()
    for wanted in cut:
        found = {layer.name for layer in graph if wanted in (layer.name, layer.source_name, *layer.outputs)}
        blocks = (block for block in graph.blocks.values() if block.name == wanted)
        found |= {name for block in blocks for name, _ in block.outputs}
        found = found or {layer.name for layer in graph if fnmatchcase(layer.source_name, wanted)}
        if not found:
            raise UsageError(f"no layer is called {wanted!r}, so none can be cut", source=graph.source)
        names |= found
    return graph.with_cuts(names)


def from_torch(
    module: Any,
    example_inputs: Any,
    dynamic: Any = None,
    *,
    layout: str | Mapping[str, str] | None = None,
    on_unknown: OnUnknown = "report",
    capture: Capture = "auto",
) -> LayerGraph:
    """Read a PyTorch module, without computing anything and without memory for weights.

    The module runs once on tensors without elements, as it is for inference, and the operators that it calls
    are recorded; its weights may lie on the meta device. It is left as it was. Where it decides by elements
    of its own buffers, these are taken as they are. What decides by elements of its input is exported by
    `torch.export`, as it is with `dynamic`, and where that fails it is followed the way that one example
    takes: then it is computed. The note ``capture`` says which of this was done.

    Parameters
    ----------
    module : torch.nn.Module
        The model.
    example_inputs : tensor, shape, sequence or mapping
        What it is called with: one tensor or shape, a tuple or list of arguments, or a mapping of arguments
        by name. An argument is a tensor, a shape (a tuple of integers, batch included), or a list, mapping
        or dataclass of these; whatever else it holds is handed on.
    dynamic : bool, mapping or sequence, optional
        Extents that stay open: True for batch and positions of every input, ``{2: "H", 3: "W"}`` for axes of
        the first one, or one such mapping for each input, by name or in order, as `torch.export` takes them.
    layout : str or mapping, optional
        What the axes of the input are, or of inputs by name: ``NCHW``, ``NHWC``, ``NTC``.
    on_unknown : str
        As for `load`.
    capture : str
        ``record`` (what it does as it runs) or ``export`` (`torch.export`) for one of the two alone; by
        default the first that holds.

    Returns
    -------
    LayerGraph
        One layer for each operator, named by the path of its module, to give to `analyze` or
        `field`.

    Raises
    ------
    ReadError
        PyTorch is not installed, or the module can be neither recorded nor exported.
    UsageError
        It is no module, or what it is called with does not fit it.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.MaxPool2d(2))  # doctest: +SKIP
    >>> analyze(from_torch(net, (1, 3, 32, 32))).layer("1").receptive_field  # doctest: +SKIP
    (4, 4)
    """
    from rfcalc.readers.torch import need_torch

    need_torch()
    from rfcalc.readers.torch.capture import read_module

    if type(example_inputs).__name__ == "ndarray":
        example_inputs = plain(example_inputs)
    layouts = {"": layout} if isinstance(layout, str) else layout
    return read_module(
        module,
        example_inputs,
        dynamic,
        options=Options(layout=layouts, on_unknown=on_unknown),
        capture=capture,
    )


def from_jax(
    function: Any,
    *inputs: Any,
    params: Any = None,
    layout: str | Mapping[str, str] | None = None,
    on_unknown: OnUnknown = "report",
    **arguments: Any,
) -> LayerGraph:
    """Read a JAX function, without computing anything and without memory for weights.

    The function is traced by `jax.make_jaxpr` on shapes alone. What it is may be

    - a Flax module (``flax.linen`` or ``flax.nnx``), an Equinox module, or what ``haiku.transform`` gives:
      its parameters are found by themselves;
    - any function, with `params`, which it is given first, as ``module.apply`` is;
    - a function of its inputs alone, which has no parameters.

    Parameters
    ----------
    function : callable or module
        The model.
    *inputs : shape, array, jax.ShapeDtypeStruct, or tree of these
        What it is called with, behind the parameters. A shape is a tuple of integers, batch included, and
        stands for floats.
    params : tree, optional
        What the function is given first: arrays, or shapes as ``jax.eval_shape`` gives them. Each leaf of
        floats is a parameter; of a mapping with the key ``params``, as Flax's variables are, only what lies
        there, and other collections, as stored statistics, are buffers.
    layout : str or mapping, optional
        What the axes of the input are, or of inputs by name: ``NHWC``, ``NCHW``, ``NTC``.
    on_unknown : str
        As for `load`.
    **arguments
        Further arguments of the function by name, which are handed on as they are: ``train=False``.

    Returns
    -------
    LayerGraph
        One layer for each operation, named by the scopes around it, to give to `analyze` or `field`.

    Raises
    ------
    ReadError
        JAX is not installed, or cannot trace the function on these inputs.
    UsageError
        It is no function, or no input is given.

    Examples
    --------
    >>> import flax.linen as nn  # doctest: +SKIP
    >>> net = nn.Sequential([nn.Conv(8, (3, 3)), nn.relu])  # doctest: +SKIP
    >>> analyze(from_jax(net, (1, 32, 32, 3))).layer("layers_0").receptive_field  # doctest: +SKIP
    (3, 3)
    """
    from rfcalc.readers.jaxpr import need_jax

    need_jax()
    from rfcalc.readers.jaxpr.capture import read_function

    layouts = {"": layout} if isinstance(layout, str) else layout
    options = Options(layout=layouts, on_unknown=on_unknown)
    return read_function(function, inputs, params, arguments, options=options)


def from_keras(
    model: Any, input_shape: Shape | Sequence[Any] | Mapping[str, Any] | None = None
) -> LayerGraph:
    """Read a live model or layer of Keras 3, of any kind and backend, without computing anything.

    Layers that rfcalc does not know, and subclassed models, are called on Keras's symbolic tensors, and read
    as what they call: Keras layers and `keras.ops`, each a nested model. The model is left as it was.

    Parameters
    ----------
    model : keras.Layer
        The model: functional, sequential or subclassed, of layers of any origin.
    input_shape : sequence or mapping, optional
        The shape of the input, batch included, or of several inputs, in order or by name. A
        ``keras.KerasTensor`` says the type of elements too. By default those that the model was made of, or
        called on.

    Returns
    -------
    LayerGraph
        Its layers, to give to `analyze` or `field`; weights are those that Keras counts, by their variables.

    Raises
    ------
    ReadError
        Keras is not installed, or the model's own code fails on symbolic tensors.
    UsageError
        It is no model of Keras 3, or the shape of its input is missing or does not fit.

    Examples
    --------
    >>> import keras  # doctest: +SKIP
    >>> class Twice(keras.layers.Layer):  # doctest: +SKIP
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.conv = keras.layers.Conv2D(8, 3)
    ...
    ...     def call(self, x):
    ...         return keras.ops.relu(self.conv(x)) * 2
    >>> analyze(from_keras(Twice(), (None, 32, 32, 3))).totals.params.total  # doctest: +SKIP
    224
    """
    from rfcalc.readers.keras.live import read_live

    return read_live(model, plain(input_shape))


# ---- shapes of inputs --------------------------------------------------------------------------------------


def _shapes(given: Shape | Mapping[str, Shape] | None) -> dict[str, Shape]:
    """Return shapes by input name; an empty name is the one input that there is."""
    if given is None:
        return {}
    return dict(given) if isinstance(given, Mapping) else {"": given}


def _with_dims(graph: LayerGraph, dims: Mapping[str, int], name: str | None) -> LayerGraph:
    """Return the graph with other extents for spatial axes of the chosen input."""
    with about(graph):
        chosen = choose_input(graph, name)
        resized = _resized(chosen, dims)
    return graph.with_layers(resized if layer.name == chosen.name else layer for layer in graph)


def at_sizes(x: Model, graph: LayerGraph, loading: Loading) -> AtSize:
    """Return how to get a loaded model at other sizes of its input, and with numbers for what is open."""
    name = loading.get("input")

    def at(size: int | None, widths: Widths | None = None) -> LayerGraph:
        if size is None and widths is None:
            return graph
        if widths is None and size is not None and _reads(x, graph):
            dims = {**(loading.get("dims") or {}), **square(graph, size, name)}
            lettered: Loading = {**loading, "dims": dims}
            return load(x, **lettered)
        from rfcalc.engine.filling import filled

        return with_shapes(x, graph, loading, filled(graph, size, widths, input=name))

    return at


def with_shapes(
    x: Model, graph: LayerGraph, loading: Loading, shapes: Mapping[str, Sequence[Num]]
) -> LayerGraph:
    """Return a loaded model with other extents of its inputs."""
    if not _reads(x, graph):
        return graph.with_layers(
            replace(layer, attrs={**layer.attrs, "shape": tuple(shapes[layer.name])})
            if layer.kind == "input"
            else layer
            for layer in graph
        )
    given = {each: tuple(n if is_known(n) else None for n in shape) for each, shape in shapes.items()}
    options: Loading = {**loading, "dims": None, "input_shape": given}
    return load(x, **options)


def _reads(x: Model, graph: LayerGraph) -> bool:
    """Tell whether a model is loaded anew at another size: its reader works out shapes while it reads."""
    return bool(graph.results) and not isinstance(x, LayerGraph)


def square(graph: LayerGraph, size: int, name: str | None) -> dict[str, int]:
    """Spell one extent for every spatial axis of the chosen input, as the option `dims` of `load`."""
    from rfcalc.engine.symbolic import axis_letters

    chosen = choose_input(graph, name)
    return dict.fromkeys(axis_letters(chosen.attrs["axes"].count(SPATIAL)), size)


def _resized(layer: Layer, dims: Mapping[str, int]) -> Layer:
    from rfcalc.engine.symbolic import axis_letters

    places = [place for place, role in enumerate(layer.attrs["axes"]) if role == SPATIAL]
    letters = axis_letters(len(places))
    shape: list[Num] = list(layer.attrs["shape"])
    for letter, extent in dims.items():
        spelled = letters[0] if len(letters) == 1 and letter in _LENGTH else letter
        if spelled not in letters:
            has = f"its axes are {', '.join(letters)}" if letters else _NO_AXES
            raise UsageError(f"the input {layer.name!r} has no spatial axis {letter!r}; {has}")
        if not is_known(extent) or extent < 1:
            raise UsageError(f"the extent of {letter!r} must be a positive integer, got {extent!r}")
        shape[places[letters.index(spelled)]] = extent
    return replace(layer, attrs={**layer.attrs, "shape": tuple(shape)})

"""The library's face: load a model, analyse it, ask for one field; results that render themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from rfcalc.algebra.number import Num
from rfcalc.analysis.figures import analyze_graph
from rfcalc.analysis.propagate import choose_input
from rfcalc.analysis.result import AnalysisResult
from rfcalc.analysis.shapes import OnUnknown
from rfcalc.errors import RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.graph.layer import SPATIAL, Layer
from rfcalc.readers import detect
from rfcalc.readers.options import Options

if TYPE_CHECKING:
    import os

    from rfcalc.reports.field import Field

Model: TypeAlias = "str | os.PathLike[str] | IO[str] | IO[bytes] | Mapping[str, Any] | LayerGraph"
"""A path, an open file, a parsed document, or a graph that was loaded before."""

Shape: TypeAlias = "Sequence[int | None]"
"""Extents in the source's order, with the batch axis or without it; None for an open one."""

_LENGTH = ("L", "T")  # both are in use for the one axis of a sequence
_NO_AXES = "its axes are not spatial, so give its whole shape instead"


class Analysis(AnalysisResult):
    """The result of `analyze`: one row a layer, totals, notes, and their renderings.

    Iterating gives the rows, ``len()`` their number, `layer` one of them by name. In a notebook it
    shows itself as a table.

    Examples
    --------
    >>> analysis = analyze({"rfcalc": 1, "input": [28, 28, 1], "layers": [
    ...     {"kind": "conv", "name": "c1", "filters": 32, "kernel": 3},
    ...     {"kind": "max_pool", "name": "p1", "kernel": 2},
    ... ]})
    >>> analysis.layer("p1").receptive_field
    (4, 4)
    >>> analysis.totals.params.total
    320
    """

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the analysis document, ``rfcalc/analysis/1``, as plain data with raw figures."""
        from rfcalc.reports.document import analysis_document

        return analysis_document(self)

    def to_json(self) -> str:
        """Return the analysis document as JSON, the same bytes from run to run."""
        from rfcalc.reports.document import dump

        return dump(self.to_dict())

    def to_markdown(self, columns: Sequence[str] | None = None) -> str:
        """Return the layers as a Markdown table.

        Parameters
        ----------
        columns : sequence of str, optional
            What to show, by the keys of a row in the document.

        Raises
        ------
        UsageError
            There is no such column.
        """
        from rfcalc.reports.markup import analysis_markup
        from rfcalc.reports.tables import choose

        return analysis_markup(self, "markdown", None if columns is None else choose(columns))

    def to_text(self, width: int = 80, *, unicode: bool = True, columns: Sequence[str] | None = None) -> str:
        """Return the table for a terminal, with the notes below.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        unicode : bool
            False for a terminal that shows ASCII alone.
        columns : sequence of str, optional
            What to show, by the keys of a row in the document, however wide; by default what fits.

        Raises
        ------
        UsageError
            There is no such column.
        """
        from rfcalc.reports.tables import choose
        from rfcalc.reports.text import analysis_text

        chosen = None if columns is None else choose(columns)
        return analysis_text(self, width=width, unicode=unicode, columns=chosen)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from rfcalc.reports.markup import notebook

        return notebook(self)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def load(
    x: Model,
    *,
    parameters: Mapping[str, int] | None = None,
    input_shape: Shape | Mapping[str, Shape] | None = None,
    dims: Mapping[str, int] | None = None,
    input: str | None = None,
    layout: str | Mapping[str, str] | None = None,
    on_unknown: OnUnknown = "report",
) -> LayerGraph:
    """Read a model.

    Parameters
    ----------
    x : path, open file, mapping or LayerGraph
        The architecture file; of a file without a name the content says the format. Also an
        ``onnx.ModelProto`` or a ``torch.export.ExportedProgram``. The text ``package.module:factory`` imports
        that module and calls what it names, for a PyTorch module.
    parameters : mapping of str to int, optional
        Values for the parameters of a native model, in place of its own.
    input_shape : sequence or mapping, optional
        The shape of the input, or shapes by input name, in place of the file's.
    dims : mapping of str to int, optional
        Extents in pixels of spatial axes of the chosen input by letter: ``D``, ``H``, ``W``, or ``L`` (``T``)
        of a sequence. Of ONNX and PyTorch models also other open extents, by the names that these have.
    input : str, optional
        The chosen input; by default the first with spatial axes.
    layout : str or mapping, optional
        What the axes of the input are, or of inputs by name, where the format does not say: ``NCHW``,
        ``NHWC``, ``NTC``; N is the batch, C the channels, other letters are positions.
    on_unknown : str
        As for `analyze`; formats that compute shapes while they are read need it then.

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
        A parameter, input or axis that the model does not have.

    Examples
    --------
    >>> model = {"rfcalc": 1, "input": [None, None, 3], "layers": [{"kind": "max_pool", "kernel": 2}]}
    >>> load(model, dims={"H": 64, "W": 32}).inputs[0].attrs["shape"]
    (?, 64, 32, 3)
    """
    shapes = _shapes(input_shape)
    layouts = {"": layout} if isinstance(layout, str) else layout
    options = Options(parameters, shapes, dims, input, layouts, on_unknown)
    graph = detect.load(x, options=options)
    if graph.results and not isinstance(x, LayerGraph):
        return graph  # its reader has used all of them
    if "" in shapes and len(graph.inputs) > 1:
        names = ", ".join(repr(layer.name) for layer in graph.inputs)
        raise UsageError(f"say which input the shape is for: {names}", source=graph.source)
    return _with_dims(graph, dims, input) if dims else graph


def analyze(
    x: Model,
    *,
    parameters: Mapping[str, int] | None = None,
    input_shape: Shape | Mapping[str, Shape] | None = None,
    dims: Mapping[str, int] | None = None,
    input: str | None = None,
    layout: str | Mapping[str, str] | None = None,
    depth: int | None = None,
    on_unknown: OnUnknown = "report",
    symbolic: bool = False,
) -> Analysis:
    """Analyse a model: what each layer sees, which shape it puts out, and what it costs.

    Parameters
    ----------
    x, parameters, input_shape, dims
        The model, as for `load`.
    input : str, optional
        The input that fields, strides and centres refer to; by default the first with spatial axes.
    layout : str or mapping, optional
        What the axes of inputs are, as for `load`.
    depth : int, optional
        Collapse nested models and blocks below this depth into one row each.
    on_unknown : str
        What to do with an op that no rule knows: ``report`` it and what depends on it as unknown, make it
        an ``error``, take it to depend on everything (``bound``), or to change nothing (``identity``).
    symbolic : bool
        Put a symbol for every open extent of the inputs (H and W; T; D, H and W), so that figures become
        formulas. This needs sympy, which takes a moment to import.

    Returns
    -------
    Analysis
        Rows in topological order: fields in pixels of the input, shapes in elements, multiply-accumulates
        at batch 1.

    Raises
    ------
    RfcalcError
        Of the kinds that `load` raises; UsageError too where there is no such input; AnalysisError
        where a layer does not fit its inputs.

    Examples
    --------
    >>> vgg_block = {"rfcalc": 1, "input": [None, None, 3], "layers": [
    ...     {"kind": "conv", "filters": 64, "kernel": 3, "padding": "same"},
    ...     {"kind": "conv", "filters": 64, "kernel": 3, "padding": "same"},
    ...     {"kind": "max_pool", "kernel": 2},
    ... ]}
    >>> [row.receptive_field for row in analyze(vgg_block)]
    [(1, 1), (3, 3), (5, 5), (6, 6)]
    """
    graph = load(
        x,
        parameters=parameters,
        input_shape=input_shape,
        dims=dims,
        input=input,
        layout=layout,
        on_unknown=on_unknown,
    )
    try:
        result = analyze_graph(graph, input=input, on_unknown=on_unknown, depth=depth, symbolic=symbolic)
    except RfcalcError as error:
        error.source = error.source or graph.source
        raise
    return Analysis(**{each.name: getattr(result, each.name) for each in fields(result)})


def field(
    x: Model,
    layer: str,
    at: Sequence[int] | None = None,
    *,
    parameters: Mapping[str, int] | None = None,
    input_shape: Shape | Mapping[str, Shape] | None = None,
    dims: Mapping[str, int] | None = None,
    input: str | None = None,
    layout: str | Mapping[str, str] | None = None,
    on_unknown: OnUnknown = "report",
) -> Field:
    """Tell what each output index of a layer truly depends on, at the input's own size.

    Padding depends on nothing and is dropped at the layer that adds it, so that fields near the border are
    smaller than `analyze` says.

    Parameters
    ----------
    x, parameters, input_shape, dims, input, layout
        The model, as for `analyze`; all spatial extents of the input have to be known.
    layer : str
        A layer, or an output tensor.
    at : sequence of int, optional
        The one output unit to look at, an index for each spatial axis of the input.
    on_unknown : str
        What to do with an op that no rule knows, as for `analyze`. With ``report`` it is an error if
        the layer depends on one.

    Returns
    -------
    Field
        For each axis and output index the first and the last input index, and how many there are.

    Raises
    ------
    RfcalcError
        Of the kinds that `analyze` raises; UsageError too where there is no such layer or unit, or
        an extent is open.

    Examples
    --------
    >>> model = {"rfcalc": 1, "input": [5, 5, 1], "layers": [
    ...     {"kind": "conv", "name": "c1", "filters": 1, "kernel": 3, "padding": "same"},
    ... ]}
    >>> field(model, "c1").axes[0].rows
    ((0, 1, 2), (0, 2, 3), (1, 3, 3), (2, 4, 3), (3, 4, 2))
    >>> field(model, "c1", at=(0, 2)).box
    ((0, 1), (1, 3))
    """
    from rfcalc.analysis.field import field_of
    from rfcalc.reports.field import Field

    graph = load(
        x,
        parameters=parameters,
        input_shape=input_shape,
        dims=dims,
        input=input,
        layout=layout,
        on_unknown=on_unknown,
    )
    try:
        result = field_of(graph, layer, input=input, on_unknown=on_unknown)
        whole = Field(**{each.name: getattr(result, each.name) for each in fields(result)})
        return whole if at is None else whole.unit(at)
    except RfcalcError as error:
        error.source = error.source or graph.source
        raise


def from_torch(
    module: Any,
    example_inputs: Any,
    dynamic: Any = None,
    *,
    layout: str | Mapping[str, str] | None = None,
    on_unknown: OnUnknown = "report",
) -> LayerGraph:
    """Read a PyTorch module, without computing anything and without memory for weights.

    The module is exported by `torch.export` on tensors without elements, as it is for inference; its weights
    may lie on the meta device. It is left as it was.

    Parameters
    ----------
    module : torch.nn.Module
        The model.
    example_inputs : tensor, tuple of tensors, shape or list of shapes
        What it is called with. A shape is a tuple of integers, batch included.
    dynamic : bool, mapping or sequence, optional
        Extents that stay open: True for batch and positions of every input, ``{2: "H", 3: "W"}`` for axes of
        the first one, or one such mapping for each input, by name or in order, as `torch.export` takes them.
    layout : str or mapping, optional
        What the axes of the input are, or of inputs by name: ``NCHW``, ``NHWC``, ``NTC``.
    on_unknown : str
        As for `analyze`.

    Returns
    -------
    LayerGraph
        One layer for each operator, named by the path of its module, to give to `analyze` or
        `field`.

    Raises
    ------
    ReadError
        PyTorch is not installed, or `torch.export` cannot take the module.
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

    layouts = {"": layout} if isinstance(layout, str) else layout
    return read_module(
        module, example_inputs, dynamic, options=Options(layout=layouts, on_unknown=on_unknown)
    )


# ---- shapes of inputs --------------------------------------------------------------------------------------


def _shapes(given: Shape | Mapping[str, Shape] | None) -> dict[str, Shape]:
    """Return shapes by input name; an empty name is the one input that there is."""
    if given is None:
        return {}
    return dict(given) if isinstance(given, Mapping) else {"": given}


def _with_dims(graph: LayerGraph, dims: Mapping[str, int], name: str | None) -> LayerGraph:
    """Return the graph with other extents for spatial axes of the chosen input."""
    try:
        chosen = choose_input(graph, name)
        resized = _resized(chosen, dims)
    except RfcalcError as error:
        error.source = error.source or graph.source
        raise
    return graph.with_layers(resized if layer.name == chosen.name else layer for layer in graph)


def _resized(layer: Layer, dims: Mapping[str, int]) -> Layer:
    from rfcalc.analysis.symbolic import axis_letters

    places = [place for place, role in enumerate(layer.attrs["axes"]) if role == SPATIAL]
    letters = axis_letters(len(places))
    shape: list[Num] = list(layer.attrs["shape"])
    for letter, extent in dims.items():
        spelled = letters[0] if len(letters) == 1 and letter in _LENGTH else letter
        if spelled not in letters:
            has = f"its axes are {', '.join(letters)}" if letters else _NO_AXES
            raise UsageError(f"the input {layer.name!r} has no spatial axis {letter!r}; {has}")
        if type(extent) is not int or extent < 1:
            raise UsageError(f"the extent of {letter!r} must be a positive integer, got {extent!r}")
        shape[places[letters.index(spelled)]] = extent
    return replace(layer, attrs={**layer.attrs, "shape": tuple(shape)})

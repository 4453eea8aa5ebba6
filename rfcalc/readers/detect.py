"""Load a model of any format: which it is, its contents tell; the file's name only breaks ties."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from rfcalc.algebra.number import Num
from rfcalc.errors import NoModel, ReadError, RfcalcError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers import others, parsing, signatures
from rfcalc.readers.options import Options
from rfcalc.readers.signatures import (
    EXPECTED,
    KERAS,
    ONNX,
    OPENVINO,
    RFCALC,
    TFLITE,
    TORCH,
    format_of,
    is_onnx,
    is_openvino,
    is_program,
    is_task,
    is_tflite,
    syntax_of,
)
from rfcalc.readers.sources import Source, directory_of, is_folder, names_in, opened, source_name
from rfcalc.readers.values import got, listed

MOST_ARCHIVE: Final = 1 << 30
"""Bytes of an archive that does not come from a file on disk, and so has to be held."""


class Document(NamedTuple):
    """What was read of a model, from which it can be loaded any number of times.

    Parameters
    ----------
    format : str
        ``rfcalc``, ``keras``, ``onnx``, ``openvino``, ``tflite`` or ``torch``.
    content : dict or bytes
        What it holds; of a saved PyTorch program on disk its path.
    source : str
        Its name, for messages.
    directory : str, optional
        Where its file is.
    text : bytes
        What a file of text holds, as it is written.
    memory : dict, optional
        What its reader remembers of it from one reading to the next.
    """

    format: str
    content: Any
    source: str
    directory: str | None = None
    text: bytes = b""
    memory: dict[Any, Any] | None = None


_FACTORY: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.A)

_ANY_NAME: Final = re.compile(
    r"|main(_graph)?|(onnx_?)?graph|torch[-_]jit([-_]export)?|tf2onnx|tf_?(graph|model)|Model from .*"
    r"|\w+_Frontend_IR|(model|functional|sequential)_?\d*",
    re.I,
)
"""Names that exporters and frameworks give to any model."""


def load(
    model: Any,
    *,
    parameters: Mapping[str, Num] | None = None,
    shapes: Mapping[str, Sequence[Num]] | None = None,
    format: str | None = None,
    options: Options | None = None,
) -> LayerGraph:
    """Read a model in whatever format it is.

    Parameters
    ----------
    model : str, path, file, bytes, mapping, Document or LayerGraph
        A path, ``"-"`` for standard input, an open file, the contents of one, a parsed document, what was
        read of a model, or a graph that was loaded before; ``package.module:factory`` imports and runs the
        code of that name.
    parameters : mapping of str to Num, optional
        Values for the parameters of a model in rfcalc's own format.
    shapes : mapping of str to sequence of Num, optional
        Extents of inputs by name (``""``: the first), which replace the file's own.
    format : str, optional
        ``rfcalc``, ``keras``, ``onnx``, ``openvino``, ``tflite`` or ``torch``; by default its contents say.
    options : Options, optional
        All of this and what else the user says of the model.

    Returns
    -------
    LayerGraph
        The model's layers.

    Raises
    ------
    ReadError
        The model cannot be read, with its name and what to do.
    GraphError
        The layers do not form a graph.
    UsageError
        A format, a parameter or an input that does not exist.

    Examples
    --------
    >>> load({"rfcalc": 1, "input": [28, 28, 1], "layers": ["flatten"]})
    <LayerGraph 'model': 2 layers>
    """
    if format is not None and format not in _READERS:
        raise UsageError(f"there is no format {got(format)}; rfcalc reads {listed(_READERS, 'and')}")
    wanted = options or Options(parameters, shapes)
    if isinstance(model, LayerGraph):
        if wanted.parameters or wanted.shapes or wanted.runtime:
            raise UsageError(
                "a loaded graph has its parameters, shapes and runtime already; load the file with others"
            )
        return model
    if isinstance(model, str) and names_code(model):
        return _named_code(model, wanted)
    if not isinstance(model, (str, bytes)):
        from rfcalc.readers.made import is_keras, read_keras_model

        if is_keras(model):
            _refuse_runtime(wanted, "a Keras model")
            return read_keras_model(model, wanted)
    document = read_document(model, format=format)
    wanted = wanted._replace(directory=document.directory, memory=document.memory)
    try:
        graph = _READERS[document.format](document.content, document.source, wanted)
        return graph.called(called(document.format, graph.name, document.source))
    except RfcalcError as error:
        error.source = error.source or document.source
        raise
    except RecursionError:
        raise ReadError("is nested too deeply to be a model", source=document.source) from None


def called(format: str, name: str, source: str) -> str:
    """Return what a model is called: as it says itself, or by its file.

    >>> called("rfcalc", "graph", "net.json"), called("onnx", "graph", "net.onnx")
    ('graph', 'net')
    """
    # of a native model that is what its writer calls it
    return name if format == RFCALC and name != "model" else name_of(name, source)


def name_of(name: str, source: str) -> str:
    """Return what a model is called: by its file, where its name is one that exporters give to any.

    >>> name_of("main_graph", "zoo/yolov8n.onnx"), name_of("resnet50", "a.onnx"), name_of("model", "<dict>")
    ('yolov8n', 'resnet50', 'model')
    """
    if not _ANY_NAME.fullmatch(name) or source.startswith("<"):
        return name
    file = source.replace("\\", "/").rpartition("/")[2]
    return file.rpartition(".")[0] or file or name


def read_document(model: Any, *, format: str | None = None) -> Document:
    """Read a model's document, and tell its format; what was read before is returned as it is.

    Parameters
    ----------
    model : str, path, file, bytes or mapping
        As for :func:`load`.
    format : str, optional
        The format that the caller knows it to be.

    Raises
    ------
    ReadError
        It cannot be read, or is no model.
    """
    if isinstance(model, Document):
        return model
    if type(model).__name__ == "ModelProto":
        return Document(ONNX, model, "<model>")
    if type(model).__name__ == "ExportedProgram":
        return Document(TORCH, model, "<program>")
    if isinstance(model, Mapping):
        return Document(format or _kind_of(model, "<dict>"), dict(model), "<dict>")
    if is_folder(model):
        model = _inside(model)
    with opened(model) as source:
        return _document_of(source, directory_of(model), format)


def _inside(folder: Any) -> str:
    """Return the file of a folder that says what model it holds."""
    from rfcalc.readers.containers import file_inside

    path, names = names_in(folder)
    found = file_inside(path, names)
    if found is None:
        raise ReadError(others.of_folder(path, names, signatures.NAMES), source=source_name(folder))
    return found


def _document_of(source: Source, directory: str | None, format: str | None) -> Document:
    """Return what is read of an open file."""
    if format is None and (other := others.of_bytes(source.head)) is not None:
        raise ReadError(other)
    if format == ONNX or is_onnx(source.head, source.name):
        return Document(ONNX, source.everything(MOST_ARCHIVE * 2), source.name, directory)
    if source.member is None and (format == TFLITE or is_tflite(source.head)):
        return Document(TFLITE, source.everything(MOST_ARCHIVE * 2), source.name, directory)
    if source.member is not None or is_task(source.head, source.name):
        return Document(TFLITE, _model_of_task(source), source.name, directory)
    if format == OPENVINO or is_openvino(source.head):
        return Document(OPENVINO, source.everything(parsing.MOST_JSON), source.name, directory)
    if format == TORCH or is_program(source.head, source.name):
        content = source.everything(MOST_ARCHIVE) if source.path is None else source.path
        return Document(TORCH, content, source.name, directory)
    content = _document(source)
    if not isinstance(content, dict):
        raise NoModel(f"holds {got(content)}; {EXPECTED}")
    text = b"" if source.head.startswith(b"PK") else source.start(0)
    return Document(format or _kind_of(content, source.name), content, source.name, directory, text)


def held_tensors(model: Any) -> dict[str, int]:
    """Count the elements of the tensors that an ONNX file holds, by name.

    Parameters
    ----------
    model : path, bytes, Document or onnx.ModelProto
        What was read before.
    """
    from rfcalc.readers.onnx.held import held_tensors as count

    return count(read_document(model, format=ONNX).content)


def hash_beside(document: Document) -> str:
    """Return a hash of what is read of other files beside a model's own; "" where nothing is."""
    if document.format == OPENVINO and document.directory is not None:
        from rfcalc.readers.openvino.constants import hash_beside as of_constants

        return of_constants(document.content, document.source, document.directory)
    if document.format != ONNX or document.directory is None or not isinstance(document.content, bytes):
        return ""
    from rfcalc.readers.onnx.sidecar import hash_beside as of

    return of(document.content, document.directory)


def can_run(model: Any, graph: LayerGraph) -> bool:
    """Tell whether there is something of a model that a runtime can be given."""
    if isinstance(model, LayerGraph):
        return graph.origin is not None
    if graph.format == TFLITE:
        from importlib.util import find_spec

        return find_spec("ai_edge_litert") is not None
    named = isinstance(model, str) and names_code(model)
    return graph.format == ONNX or (graph.format == TORCH and named)


def running(model: Any, graph: LayerGraph, shapes: Mapping[str, Sequence[int]]) -> Any:
    """Return what runs a model: see :class:`rfcalc.readers.running.Running`.

    Parameters
    ----------
    model : path, bytes, Document, onnx.ModelProto, LayerGraph or str
        What was read; a graph that knows its module; or ``package.module:factory``.
    graph : LayerGraph
        What it was read as, with these shapes of its inputs.
    shapes : mapping
        By input.
    """
    if graph.format == ONNX:
        from rfcalc.readers.onnx.run import OnnxRun

        document = read_document(model, format=ONNX)
        return OnnxRun(document.content, shapes, document.directory)
    if graph.format == TFLITE:
        from rfcalc.readers.tflite.run import TfliteRun

        return TfliteRun(read_document(model).content, shapes)
    from rfcalc.readers.torch.run import TorchRun

    if graph.origin is not None and isinstance(model, LayerGraph):
        return TorchRun(*graph.origin)
    from rfcalc.readers.torch.factory import build_module

    return TorchRun(build_module(model), list(shapes.values()))


def observe(running: Any, chosen: str, plan: Any, claims: Any, counted: frozenset[str]) -> Any:
    """Run a model; see :func:`rfcalc.readers.running.observe`."""
    from rfcalc.readers.running import observe as run

    return run(running, chosen, plan.rows, claims, passes=plan.passes, counted=counted)


def at_shapes(
    graph: LayerGraph, shapes: Mapping[str, Sequence[int]], layout: str | Mapping[str, str] | None
) -> LayerGraph:
    """Read the module behind a graph anew, called with other shapes."""
    from rfcalc.readers.torch.capture import read_module

    module, example, capture = graph.origin
    layouts = {"": layout} if isinstance(layout, str) else layout
    return read_module(module, example.at(shapes), options=Options(layout=layouts), capture=capture)


def names_code(model: str) -> bool:
    """Tell whether a text is ``package.module:factory``, or an architecture of a library, and no file."""
    import os

    if ":" not in model or os.path.lexists(model):
        return False
    from rfcalc.readers.torch.hubs import is_of_hub

    return bool(_FACTORY.fullmatch(model)) or is_of_hub(model)


def architectures(pattern: str) -> list[tuple[str, bytes]] | None:
    """List the architectures of a library that a text names, as ``timm:resnet*``; None where it names a file.

    Each comes with what tells whether it is still the same.
    """
    import os

    if ":" not in pattern or os.path.lexists(pattern):
        return None
    from rfcalc.readers.torch.hubs import architectures as named
    from rfcalc.readers.torch.hubs import is_of_hub

    return named(pattern) if is_of_hub(pattern) else None


def _kind_of(document: Mapping[str, Any], source: str) -> str:
    """Tell the format of a parsed document by its keys."""
    if (found := format_of(document)) is not None:
        return found
    if (other := others.of_document(document, source)) is not None:
        raise NoModel(other, source=source)
    keys = list(document)[:5]
    held = f"has the keys {', '.join(map(got, keys))}" if keys else "is an empty object"
    raise NoModel(f"{held}{', ...' if len(document) > len(keys) else ''}; {EXPECTED}", source=source)


def _document(source: Source) -> Any:
    """Parse what the first bytes show to be a model."""
    head = source.head
    if not head:
        raise ReadError("is empty")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(source)
    if signatures.KERAS_METADATA.match(head):
        from rfcalc.readers.containers import read_metadata

        return read_metadata(source.everything(parsing.MOST_JSON))
    if head.startswith(signatures.HDF5):
        from rfcalc.readers.containers import read_hdf5

        return read_hdf5(source.path if source.path is not None else source.everything(MOST_ARCHIVE))
    for pattern, message in signatures.MAGIC:
        if pattern.match(head):
            raise ReadError(message)
    wide = head.startswith(parsing.UTF16_MARKS)
    start = head.decode("utf-16" if wide else "utf-8", errors="ignore").lstrip("\ufeff \t\r\n")
    if (other := others.of_text(start)) is not None:
        raise NoModel(other)
    if table := signatures.TOML_TABLE.match(start):  # a model in TOML has the key rfcalc before any table
        raise NoModel(f"is TOML or INI, but no model: it begins with {table[1][:40]}; {EXPECTED}")
    if start.startswith(("{", "[")):
        return _json(source)
    if not wide and b"\0" in head:
        raise ReadError(f"is a binary file of an unknown kind; {EXPECTED}")
    return _other(source, start)


def _archive(source: Source) -> Any:
    """Read a zip archive, which only Keras has."""
    from rfcalc.readers.archive import members_of, read_archive

    archive = source.path if source.path is not None else source.everything(MOST_ARCHIVE)
    if (other := others.of_members(members_of(archive))) is not None:
        raise ReadError(other)
    for pattern, message in signatures.ARCHIVES:
        if pattern.search(source.head):
            raise ReadError(message)
    return read_archive(archive)


_KEYS: Final = ('"rfcalc"', '"class_name"', *others.KEYS)


def _model_of_task(source: Source) -> bytes:
    """Read the one model of an archive of TFLite files, or the one that is meant."""
    from rfcalc.readers.task import read_task

    archive = source.path if source.path is not None else source.everything(MOST_ARCHIVE)
    return read_task(archive, source.name, source.member)


def _json(source: Source) -> Any:
    """Parse JSON, or YAML that begins with a brace."""
    text = parsing.decode(source.everything(parsing.MOST_JSON))
    # a large file is parsed only where it can be a model
    if len(text) > parsing.MOST_OTHER and not any(key in text for key in _KEYS):
        raise NoModel(f"is JSON, but no model; {EXPECTED}")
    try:
        return parsing.parse_json(text)
    except ReadError:
        if len(text) <= parsing.MOST_OTHER and signatures.YAML_FLOW.match(text):
            return parsing.parse_yaml(text)
        raise


def _other(source: Source, start: str) -> Any:
    """Parse YAML or TOML, known by the key that every model has."""
    data = source.start(parsing.MOST_OTHER + 1)
    fits = len(data) <= parsing.MOST_OTHER
    text = parsing.decode(data) if fits else start
    syntax = syntax_of(text, source.name if fits else "")
    if syntax is not None:
        source.everything(parsing.MOST_OTHER)
        return parsing.PARSERS[syntax](text)
    if not text.strip():
        raise ReadError("holds nothing but white space")
    raise NoModel(f"is no model: it begins with {got(text.strip()[:20])}; {EXPECTED}")


# ---- readers -----------------------------------------------------------------------------------------------


def _native(document: dict[str, Any], source: str, options: Options) -> LayerGraph:
    from rfcalc.readers.native import read_native

    _refuse_layout(options)
    _refuse_runtime(options, "a model in rfcalc's own format")
    return read_native(document, source=source, parameters=options.parameters, shapes=options.shapes)


def _keras(document: dict[str, Any], source: str, options: Options) -> LayerGraph:
    _refuse_parameters(options, "a Keras model")
    _refuse_runtime(options, "a Keras model")
    _refuse_layout(options)
    from rfcalc.readers.keras import read_keras

    given = {name: tuple(shape) for name, shape in options.shapes.items()} if options.shapes else None
    return read_keras(document, source=source, shapes=given)


def _onnx(data: Any, source: str, options: Options) -> LayerGraph:
    _refuse_parameters(options, "an ONNX model")
    try:
        from rfcalc.readers.onnx.graph import read_onnx
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("rfcalc"):
            raise
        raise ReadError("reading ONNX needs the onnx package: pip install 'rfcalc[onnx]'") from None
    return read_onnx(data, source=source, options=options)


def _tflite(data: Any, source: str, options: Options) -> LayerGraph:
    _refuse_parameters(options, "a TFLite model")
    _refuse_runtime(options, "a TFLite model", "tflite")
    try:
        from rfcalc.readers.tflite.graph import read_tflite
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("rfcalc"):
            raise
        raise ReadError("reading TFLite needs the tflite package: pip install 'rfcalc[tflite]'") from None
    return read_tflite(data, source=source, options=options)


def _openvino(data: bytes, source: str, options: Options) -> LayerGraph:
    _refuse_parameters(options, "an OpenVINO model")
    _refuse_runtime(options, "an OpenVINO model", "openvino")
    try:
        from rfcalc.readers.openvino.graph import read_openvino
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("rfcalc"):
            raise
        raise ReadError(
            "reading OpenVINO models needs the onnx package: pip install 'rfcalc[onnx]'"
        ) from None
    return read_openvino(data, source=source, options=options)


def _torch(data: Any, source: str, options: Options) -> LayerGraph:
    _refuse_parameters(options, "a PyTorch model")
    _refuse_runtime(options, "a PyTorch model", "torch")
    if type(data).__name__ == "ExportedProgram":
        from rfcalc.readers.torch.capture import read_exported

        return read_exported(data, source=source, options=options)
    from rfcalc.readers.torch import read_saved

    return read_saved(data, source=source, options=options)


def _named_code(name: str, options: Options) -> LayerGraph:
    _refuse_parameters(options, "a PyTorch model")
    from rfcalc.readers.made import read_made
    from rfcalc.readers.torch import need_torch
    from rfcalc.readers.torch.hubs import is_of_hub

    made = None if is_of_hub(name) else read_made(name, options)
    if made is not None:
        _refuse_runtime(options, "a model of Keras or JAX")
        return made
    _refuse_runtime(options, "a PyTorch model", "torch")
    need_torch(name)
    from rfcalc.readers.torch.factory import read_factory

    return read_factory(name, options)


def _refuse_parameters(options: Options, what: str) -> None:
    if options.parameters:
        raise UsageError(f"parameters belong to models in rfcalc's own format; {what} has none to set")


def _refuse_runtime(options: Options, what: str, own: str = "") -> None:
    """Refuse a runtime that does not run such models; `own` is the one that does."""
    if options.runtime not in (None, own):
        runs = f"{what} is read as {own} runs it" if own else f"of {what} none is known to part"
        raise UsageError(f"--runtime {options.runtime} belongs to ONNX models; {runs}")


def _refuse_layout(options: Options) -> None:
    if options.layout:
        raise UsageError(
            "--layout belongs to ONNX, TFLite and PyTorch models; this one says what its axes are"
        )


_READERS: Final[Mapping[str, Callable[[Any, str, Options], LayerGraph]]] = {
    RFCALC: _native,
    KERAS: _keras,
    ONNX: _onnx,
    OPENVINO: _openvino,
    TFLITE: _tflite,
    TORCH: _torch,
}
"""For each format what reads its documents."""

"""The formats that rfcalc reads: for each how its files are told, what is taken of them, what reads that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from rfcalc.errors import ReadError, UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.readers import parsing
from rfcalc.readers.options import Options
from rfcalc.readers.signatures import (
    KERAS,
    ONNX,
    OPENVINO,
    RFCALC,
    TFLITE,
    TORCH,
    is_onnx,
    is_openvino,
    is_program,
    is_task,
    is_tflite,
)
from rfcalc.readers.sources import Source
from rfcalc.records import NamedTuple

MOST_ARCHIVE: Final = 1 << 30
"""Bytes of an archive that does not come from a file on disk, and so has to be held."""


class Format(NamedTuple):
    """A format.

    Parameters
    ----------
    name : str
        What `Document.format` and `LayerGraph.format` call it.
    what : str
        A model of it, for messages: ``"a Keras model"``.
    read : callable
        From the content of a document, the name of its source, and options, to the graph.
    files : tuple of Files
        How its files are told by their first bytes, and what is taken of them; empty where these are
        documents of keys (JSON, YAML, TOML, HDF5), which `signatures.format_of` tells by the keys.
    layout : bool
        It takes ``--layout``: its files do not say what axes are.
    parameters : bool
        It takes ``--set``: its models have parameters.
    runtime : str, optional
        The runtime that reads it, the only one that may be named; None where several part.
    """

    name: str
    what: str
    read: Callable[[Any, str, Options], LayerGraph]
    files: tuple[Files, ...] = ()
    layout: bool = False
    parameters: bool = False
    runtime: str | None = ""

    def graph(self, content: Any, source: str, options: Options) -> LayerGraph:
        """Read a model; what the format has no use for is refused, and not passed over.

        Raises
        ------
        UsageError
            An option that does not go with the format.
        ReadError, GraphError
            The content is no model.
        """
        if not self.parameters:
            refuse_parameters(options, self.what)
        if self.runtime is not None:
            refuse_runtime(options, self.what, self.runtime)
        if options.layout and not self.layout:
            raise UsageError(
                "--layout belongs to ONNX, TFLite and PyTorch models; this one says what its axes are"
            )
        return self.read(content, source, options)


class Files(NamedTuple):
    """Files of a format that are told by their first bytes.

    Parameters
    ----------
    tells : callable
        Whether an open file is one.
    content : callable
        What is taken of it.
    trusted : bool
        It is taken for one where the caller names the format, whatever its bytes are.
    """

    tells: Callable[[Source], bool]
    content: Callable[[Source], Any]
    trusted: bool = True


def refuse_parameters(options: Options, what: str) -> None:
    """Refuse values of parameters."""
    if options.parameters:
        raise UsageError(f"parameters belong to models in rfcalc's own format; {what} has none to set")


def refuse_runtime(options: Options, what: str, own: str = "") -> None:
    """Refuse a runtime that does not run such models; `own` is the one that does."""
    if options.runtime not in (None, own):
        runs = f"{what} is read as {own} runs it" if own else f"of {what} none is known to part"
        raise UsageError(f"--runtime {options.runtime} belongs to ONNX models; {runs}")


# ---- contents ----------------------------------------------------------------------------------------------


def _whole(source: Source) -> bytes:
    return source.everything(MOST_ARCHIVE * 2)


def _text(source: Source) -> bytes:
    return source.everything(parsing.MOST_JSON)


def _path_or_whole(source: Source) -> Any:
    return source.everything(MOST_ARCHIVE) if source.path is None else source.path


def _model_of_task(source: Source) -> bytes:
    """Read the one model of an archive of TFLite files, or the one that is meant."""
    from rfcalc.readers.task import read_task

    return read_task(_path_or_whole(source), source.name, source.member)


# ---- readers -----------------------------------------------------------------------------------------------


def _native(document: dict[str, Any], source: str, options: Options) -> LayerGraph:
    from rfcalc.readers.native import read_native

    return read_native(document, source=source, parameters=options.parameters, shapes=options.shapes)


def _keras(document: dict[str, Any], source: str, options: Options) -> LayerGraph:
    from rfcalc.readers.keras import read_keras

    given = {name: tuple(shape) for name, shape in options.shapes.items()} if options.shapes else None
    return read_keras(document, source=source, shapes=given)


def _onnx(data: Any, source: str, options: Options) -> LayerGraph:
    with _needing("ONNX", "onnx"):
        from rfcalc.readers.onnx.graph import read_onnx
    return read_onnx(data, source=source, options=options)


def _tflite(data: Any, source: str, options: Options) -> LayerGraph:
    with _needing("TFLite", "tflite"):
        from rfcalc.readers.tflite.graph import read_tflite
    return read_tflite(data, source=source, options=options)


def _openvino(data: bytes, source: str, options: Options) -> LayerGraph:
    with _needing("OpenVINO models", "onnx"):
        from rfcalc.readers.openvino.graph import read_openvino
    return read_openvino(data, source=source, options=options)


def _torch(data: Any, source: str, options: Options) -> LayerGraph:
    if type(data).__name__ == "ExportedProgram":
        from rfcalc.readers.torch.capture import read_exported

        return read_exported(data, source=source, options=options)
    from rfcalc.readers.torch import read_saved

    return read_saved(data, source=source, options=options)


@contextmanager
def _needing(what: str, package: str) -> Iterator[None]:
    """Say which package lacks, where it does; a module of rfcalc that lacks is another fault."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("rfcalc"):
            raise
        message = f"reading {what} needs the {package} package: pip install 'rfcalc[{package}]'"
        raise ReadError(message) from None


FORMATS: Final = (
    Format(RFCALC, "a model in rfcalc's own format", _native, parameters=True),
    Format(KERAS, "a Keras model", _keras),
    Format(
        ONNX,
        "an ONNX model",
        _onnx,
        (Files(lambda source: is_onnx(source.head, source.name), _whole),),
        layout=True,
        runtime=None,
    ),
    Format(
        OPENVINO,
        "an OpenVINO model",
        _openvino,
        (Files(lambda source: is_openvino(source.head), _text),),
        layout=True,
        runtime="openvino",
    ),
    Format(
        TFLITE,
        "a TFLite model",
        _tflite,
        (
            Files(
                lambda source: source.member is not None or is_task(source.head, source.name),
                _model_of_task,
                trusted=False,
            ),
            Files(lambda source: is_tflite(source.head), _whole),
        ),
        layout=True,
        runtime="tflite",
    ),
    Format(
        TORCH,
        "a PyTorch model",
        _torch,
        (Files(lambda source: is_program(source.head, source.name), _path_or_whole),),
        layout=True,
        runtime="torch",
    ),
)
"""What rfcalc reads; a file is what the first says of it that knows it."""

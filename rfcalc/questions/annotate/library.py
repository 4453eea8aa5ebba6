"""Write what rfcalc says of an ONNX file into a copy of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rfcalc.designs import is_sweep
from rfcalc.engine.rows import figures_of
from rfcalc.errors import UsageError
from rfcalc.graph.graph import LayerGraph
from rfcalc.loading import Loading, Model, asked, read_once
from rfcalc.readers.documents import Document
from rfcalc.readers.signatures import ONNX

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rfcalc.questions.annotate.report import Annotated

_INSTEAD: Final = {
    "keras": "export it to ONNX first, with model.export('net.onnx', format='onnx')",
    "torch": "export it to ONNX first, with torch.onnx.export",
    "rfcalc": "rfcalc analyze shows the same figures",
}
"""What to do with a model of another format."""


def annotate(x: Model, path: str | os.PathLike[str], **loading: Unpack[Loading]) -> Annotated:
    """Write an ONNX file again with the figures of its operations, and the shapes of its tensors, in it.

    Each operation gets metadata: ``rfcalc.receptive_field``, ``rfcalc.effective_stride``, ``rfcalc.params``
    and ``rfcalc.macs``, which viewers such as Netron show; what was written so before is replaced. Tensors of
    which the file does not say it get their type and shape. All else stays byte for byte: what the model
    computes, its weights, its other metadata.

    Parameters
    ----------
    x : path, open file, bytes or onnx.ModelProto
        The model.
    path : path
        The file to write, or ``-`` for standard output.
    **loading
        The options of `load`. Sizes that they give are those of the figures; shapes are written as the file
        itself has them.

    Returns
    -------
    Annotated
        How many operations have figures now, and how many shapes were added.

    Raises
    ------
    RfcalcError
        Of the kinds that `analyze` raises; UsageError too where it is no ONNX file, or where it keeps tensors
        in files beside it and `path` lies in another folder.

    Examples
    --------
    >>> annotate("net.onnx", "annotated.onnx")  # doctest: +SKIP
    <Annotated of net: 12 of 12 nodes, 11 shapes>
    """
    from rfcalc.questions.annotate.file import OnnxFile
    from rfcalc.questions.annotate.find import about_of, figures_of_nodes, shapes_of
    from rfcalc.questions.annotate.report import Annotated
    from rfcalc.render.write import check_output, write

    target = os.fspath(path)
    document = _document_of(x)
    if isinstance(x, (str, os.PathLike)):
        check_output(target, source=os.fspath(x))
    data = _bytes_of(document)
    with asked(document, **loading) as run:
        _check_beside(data, document, target)
        file = OnnxFile(data)
        nodes = figures_of_nodes(file.nodes, figures_of(run))
        about = about_of(run)
        name = run.graph.name
        if loading.get("input_shape") or loading.get("dims"):
            own: Loading = {**loading, "input_shape": None, "dims": None}
            with asked(document, **own) as as_written:
                infos = shapes_of(file, as_written)
        else:
            infos = shapes_of(file, run)
        write(file.pieces(nodes, infos, about), target)
    return Annotated(name, target, len(nodes), sum(map(bool, nodes)), len(infos))


def _document_of(x: Any) -> Document:
    """Return what is read of an ONNX file.

    Raises
    ------
    UsageError
        It is something else.
    """
    if is_sweep(x):
        raise UsageError("is the file of a sweep; only ONNX files can be annotated", source=os.fspath(x))
    document = read_once(x)
    if isinstance(document, Document) and document.format == ONNX:
        return document
    if isinstance(document, Document):
        instead, source = _INSTEAD[document.format], document.source
    else:
        instead = _INSTEAD["torch"]
        source = document.source if isinstance(document, LayerGraph) else str(document)
        if isinstance(document, LayerGraph) and document.format in (*_INSTEAD, ONNX):
            instead = _INSTEAD.get(document.format, "name the file, and not what was loaded from it")
    raise UsageError(f"only ONNX files can be annotated; {instead}", source=source)


def _bytes_of(document: Document) -> bytes:
    content = document.content
    return content if isinstance(content, bytes) else content.SerializeToString(deterministic=True)


def _check_beside(data: bytes, document: Document, target: str) -> None:
    """Refuse to write a file away from those that its tensors lie in, which it names relative to its folder.

    Raises
    ------
    UsageError
        There are such files, and the folder is another.
    """
    from rfcalc.readers.onnx.sidecar import files_beside

    if document.directory is None or target == "-":
        return
    beside = files_beside(data)
    if beside and Path(target).resolve().parent != Path(document.directory).resolve():
        several = f" and {len(beside) - 1} more" if len(beside) > 1 else ""
        raise UsageError(
            f"its tensors lie in {beside[0]}{several} beside the model; write to the folder of the model, "
            f"{document.directory}",
            source=target,
        )

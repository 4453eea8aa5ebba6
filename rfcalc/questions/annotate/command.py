"""``rfcalc annotate``: an ONNX file with the figures of its operations in it."""

from __future__ import annotations

from typing import Any

from rfcalc.commands import options
from rfcalc.commands.question import SEE, question
from rfcalc.commands.say import complain
from rfcalc.commands.working import working

_NOTES = """Keys are rfcalc.receptive_field, rfcalc.effective_stride, rfcalc.params and rfcalc.macs; what was
written so before is replaced. Weights, and all else in the file, stay byte for byte, and so does what the
model computes. A model whose tensors lie in files beside it is written to the same folder."""


@question(
    "annotate",
    SEE,
    "Write fields, costs and shapes into an ONNX file.",
    "rfcalc annotate net.onnx --output annotated.onnx",
    "rfcalc annotate net.onnx --dim H=224 --dim W=224 --output annotated.onnx",
    notes=_NOTES,
)
@options.model
@options.output_of("An ONNX file; MODEL stays as it is.", required=True)
@options.everywhere
def command(model: str, *, output: str, **loading: Any) -> None:
    """Write MODEL, an ONNX file, again with figures for viewers such as Netron in it.

    Each operation gets its field, its stride, its parameters and its multiply-accumulates as metadata, and
    tensors get the shapes that the file does not say.
    """
    from rfcalc.questions.annotate.library import annotate
    from rfcalc.render.write import check_output

    check_output(output, source=model)
    with working("annotate"):
        result = annotate(model, output, **options.loading(**loading))
    complain(f"note: {' '.join(result.to_text(10_000).split())}")

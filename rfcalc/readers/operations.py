"""The operations of ONNX, TensorFlow Lite, PyTorch and JAX that are read, as a page of the documentation.

The page comes from the readers' own tables and the first lines of what reads each operation.
``python -m rfcalc.readers.operations docs`` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

PAGE: Final = "operations.md"
COMMAND: Final = "python -m rfcalc.readers.operations docs"

_Readers = Mapping[tuple[str, str], Callable[..., Any]]
"""What reads each operation, by its domain and its name."""

_HEAD: Final = """# Operations

What rfcalc reads of {models}.
What is not named here is reported as [unknown](formats.md#what-is-not-known). Each row says what the
operation takes, in the letters of its specification, and what is made of it. The tables come from the code:

<!-- not run: it writes this page, which a test compares with what it would write -->
```bash
{command}
```
"""

_ONNX: Final = """
## ONNX

One entry stands for all versions of an operation; a dash is the standard domain, `ai.onnx`. Operations with a
star are evaluated while the file is read, where what they take is known by then: that is how shapes that a
graph computes are followed.
"""

_TFLITE: Final = """
## TensorFlow Lite

Operations by their names in the schema, in all versions; those with a star are evaluated while the file is
read. Activations that are fused into an operation are read with it.
"""

_TORCH: Final = """
## PyTorch

Operators of an exported program; a dash is the namespace `aten`. One entry stands for all overloads of an
operator, and for the variant that works in place.
"""

_JAX: Final = """
## JAX

Primitives of a jaxpr. Functions inside of it (`jit`, `custom_jvp_call`, `remat` and the like) are put
in their place. Primitives with a star are evaluated while the function is read, where what they take is known
by then: indices and masks.
"""


def page() -> str:
    """Return the page, as Markdown."""
    from rfcalc.readers.jaxpr.folding import FOLDS as EVALUATED
    from rfcalc.readers.jaxpr.ops import known as primitives
    from rfcalc.readers.onnx.folding import FOLDS
    from rfcalc.readers.onnx.ops import known

    evaluated = {("", name) for name in FOLDS}
    torch = _torch_readers()
    models = "[ONNX](formats.md#onnx) and [TensorFlow Lite](formats.md#tensorflow-lite) models"
    if torch:
        models = models.replace(" and", ",") + ", [PyTorch](formats.md#pytorch) programs"
    models += " and [JAX](formats.md#jax) functions"
    parts = [_HEAD.format(models=models, command=COMMAND), _ONNX]
    parts += _sections(known(), ("operations", "domain", "what it takes and makes"), evaluated)
    parts.append(_TFLITE)
    parts += _tflite_sections()
    if torch:
        parts.append(_TORCH)
        parts += _sections(torch, ("operators", "namespace", "what it takes and makes"))
    parts.append(_JAX)
    heads = ("primitives", "domain", "what it takes and makes")
    parts += _sections(primitives, heads, {("", name) for name in EVALUATED})
    return "".join(parts)


def _tflite_sections() -> list[str]:
    """Return the sections of TensorFlow Lite, whose operations have no domains."""
    from rfcalc.readers.tflite.folding import FOLDS
    from rfcalc.readers.tflite.ops import known

    return _sections(known, ("operations", "what it takes and makes"), {("", name) for name in FOLDS})


def _torch_readers() -> _Readers:
    """Return the operators of PyTorch, none where that reader is not there."""
    try:
        module = import_module("rfcalc.readers.torch.ops")
    except ModuleNotFoundError:
        return {}
    return {
        ("" if space == "aten" else space, name): reader for (space, name), reader in module.known.items()
    }


def _sections(
    readers: _Readers, heads: tuple[str, ...], evaluated: Iterable[tuple[str, str]] = ()
) -> list[str]:
    """Return a section for each module of readers, with a row for each of its functions and domains."""
    rows: dict[str, dict[tuple[Callable[..., Any], str], dict[str, str]]] = {}
    known = set(evaluated)
    for (domain, name), reader in readers.items():
        of_module = rows.setdefault(reader.__module__, {})
        shown = f"`{name}` \\*" if (domain, name) in known else f"`{name}`"
        of_module.setdefault((reader, domain), {})[name] = shown
    sections = []
    for module in sorted(rows, key=_title):
        lines = ["", f"### {_title(module)}", "", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
        for (reader, domain), names in rows[module].items():
            listed = ", ".join(shown for _, shown in sorted(names.items()))
            cells = [listed, f"`{domain}`" if domain else "-", _summary(reader)]
            lines.append(f"| {' | '.join(cells if len(heads) > 2 else cells[::2])} |")
        sections.append("\n".join(lines) + "\n")
    return sections


def _title(module: str) -> str:
    return _first_line(import_module(module)).rstrip(".").partition(":")[0]


def _summary(reader: Callable[..., Any]) -> str:
    return _first_line(reader).replace("|", "\\|").replace("``", "`")


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().partition("\n")[0]


def main(docs: Path) -> None:
    """Write the page below a folder anew."""
    (docs / PAGE).write_text(page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

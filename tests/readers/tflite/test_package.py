"""What reading and running TensorFlow Lite files needs, and what is said where it is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rfcalc
from rfcalc.errors import UsageError
from rfcalc.readers import runnable

pytest.importorskip("tflite")

FACE = Path(__file__).parents[2] / "data" / "tflite" / "face_detection_front.tflite"

BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
from rfcalc.cli import main
main(["analyze", {path!r}])
"""


@pytest.mark.parametrize("names", [("tflite",), ("numpy",), ("tflite", "flatbuffers", "numpy")])
def test_without_the_package_a_line_says_what_to_install(names: tuple[str, ...]) -> None:
    code = BLOCKED.format(names=names, path=str(FACE))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    message = "reading TFLite needs the tflite package: pip install 'rfcalc[tflite]'"
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"rfcalc: error: {FACE}: {message}\n"


def test_onnx_and_torch_are_not_loaded() -> None:
    code = f"""
import sys, rfcalc
rfcalc.analyze({str(FACE)!r})
print([name for name in ("onnx", "torch", "sympy", "networkx", "ai_edge_litert") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_a_file_cannot_be_run_without_a_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runnable, "can_run", lambda *_: False)
    with pytest.raises(UsageError, match="a TFLite file where ai-edge-litert is installed"):
        rfcalc.verify(FACE, run=True)


@pytest.mark.litert
@pytest.mark.filterwarnings("ignore")
def test_a_model_agrees_with_what_litert_runs() -> None:
    pytest.importorskip("ai_edge_litert")
    found = rfcalc.verify(FACE, run=True)
    assert not found.differences
    assert "run by LiteRT" in found.to_text()


@pytest.mark.litert
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_claim_is_found_by_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that is taken for a smaller one than it is: rows change that are said to stay."""
    pytest.importorskip("ai_edge_litert")
    from rfcalc.readers.tflite import ops_window

    monkeypatch.setattr(ops_window, "padding", lambda operation: "same_lower")
    found = rfcalc.verify(FACE, run=True)
    assert found.differences

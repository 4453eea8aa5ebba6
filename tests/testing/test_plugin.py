"""The plug-in for pytest, in a pytest of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

MODELS = Path(__file__).parents[2] / "docs/models"
HEAVY = (
    *("rfcalc.engine", "rfcalc.questions", "rfcalc.loading", "rfcalc.readers"),
    *("sympy", "networkx", "numpy", "onnx", "torch"),
)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", str(MODELS.parents[1]))  # the tree under test, installed or not
    (pytester.path / "models").mkdir()
    shutil.copy(MODELS / "pooling.json", pytester.path / "models")
    pytester.makeini("[pytest]\nrfcalc_models = models\n")
    return pytester


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    # where rfcalc is installed the entry point loads it; where it is not, the name does
    loaded = "rfcalc" in {each.name for each in _entry_points()}
    plugin = [] if loaded else ["-p", "rfcalc.testing.plugin"]
    return project.runpytest_subprocess("-p", "no:cacheprovider", *plugin, *options)


def _entry_points() -> list[object]:
    from importlib.metadata import entry_points

    return list(entry_points(group="pytest11"))


def test_the_fixture_asserts(project: pytest.Pytester) -> None:
    project.makepyfile("""
        def test_field(rfcalc):
            rfcalc.assert_receptive_field("pooling.json", "conv3", 18)
            rfcalc.assert_params("pooling.json", 104_202)
            rfcalc.assert_budget("pooling.json", {"max_params": 104_202})
            assert rfcalc.analyze("pooling.json").totals.macs == 3_100_032
    """)
    run(project).assert_outcomes(passed=1)


def test_a_failure_is_readable_and_points_to_the_test(project: pytest.Pytester) -> None:
    project.makepyfile("""
        def test_field(rfcalc):
            rfcalc.assert_receptive_field("pooling.json", "conv3", 20)
    """)
    found = run(project)
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(
        [
            '>*rfcalc.assert_receptive_field("pooling.json", "conv3", 20)',
            "E *layer 'conv3': the receptive field is 18x18 pixels, not 20x20",
            "E *rows: 1, and conv1 +2, pool1 +1, conv2 +4, pool2 +2, conv3 +8; the most by 'conv3'",
            "test_a_failure_is_readable_and_points_to_the_test.py:2: AssertionError",
        ]
    )
    found.stdout.no_fnmatch_line("*asserts.py*")


def test_a_file_is_read_once_and_again_when_it_changes(project: pytest.Pytester) -> None:
    project.makepyfile("""
        from pathlib import Path

        def test_once(rfcalc):
            one = rfcalc.analyze("pooling.json")
            assert rfcalc.analyze("pooling.json") is one
            assert rfcalc.analyze(Path("pooling.json")) is one
            assert rfcalc.analyze("pooling.json", dims={"H": 64}) is not one

        def test_again(rfcalc):
            path = Path("models/pooling.json")
            text = path.read_text()
            before = rfcalc.analyze("pooling.json")
            path.write_text(text.replace('"kernel": 3', '"kernel": 5', 1) + " ")
            assert rfcalc.analyze("pooling.json") != before
    """)
    run(project).assert_outcomes(passed=2)


@pytest.mark.parametrize("way", ["option", "ini"])
def test_strict_refuses_what_is_not_exact(project: pytest.Pytester, way: str) -> None:
    project.makepyfile("""
        NET = {"class_name": "Sequential", "keras_version": "2.15.0", "config": {"name": "m", "layers": [
            {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": [None, 8, 8, 1]}},
            {"class_name": "Mystery", "registered_name": "x>M", "config": {"name": "q"}}]}}

        def test_doubtful(rfcalc):
            rfcalc.analyze(NET)
    """)
    run(project).assert_outcomes(passed=1)
    if way == "ini":
        project.makeini("[pytest]\nrfcalc_strict = true\n")
    found = run(project, *(["--rfcalc-strict"] if way == "option" else []))
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*not every figure is exact: 'q' (unknown)*"])


def test_an_assertion_that_there_is_not_is_an_attribute_error(project: pytest.Pytester) -> None:
    project.makepyfile("""
        def test_none(rfcalc):
            rfcalc.assert_nothing()
    """)
    run(project).stdout.fnmatch_lines(["*AttributeError: the rfcalc fixture has*no 'assert_nothing'"])


def test_the_help_lists_the_options(project: pytest.Pytester) -> None:
    found = run(project, "--help")
    found.stdout.fnmatch_lines(["*--rfcalc-strict*", "*rfcalc_models*"])


def test_unused_it_loads_nothing_heavy(project: pytest.Pytester) -> None:
    project.makepyfile(f"""
        import sys

        def test_light():
            assert "rfcalc.testing.plugin" in sys.modules
            assert not [name for name in {HEAVY!r} if name in sys.modules]
    """)
    run(project).assert_outcomes(passed=1)


def test_without_the_fixture_the_assertions_are_the_same() -> None:
    code = (
        "from rfcalc import testing; import sys; assert 'rfcalc.loading' not in sys.modules; "
        "print(*testing.__all__)"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    ).stdout
    assert "assert_receptive_field" in found

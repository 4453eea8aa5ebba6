"""Budgets at work: the command, the page of the documentation, pre-commit and the action, each for real."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rfcalc import cli
from rfcalc.questions.check import budget_text as budgets
from rfcalc.questions.check.document import budget_of
from rfcalc.questions.check.limits import LIMITS
from rfcalc.readers import parsing
from tests.test_check import MISTAKES, POOLING

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / budgets.PAGE).read_text(encoding="utf-8")
ACTION = ROOT / ".github/actions/rfcalc/action.yml"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.S | re.M)


def yaml(text: str) -> Any:
    return pytest.importorskip("yaml").safe_load(text)


def called(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the models of the documentation."""
    shutil.copytree(ROOT / "docs/models", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- the command -------------------------------------------------------------------------------------------


def test_the_page_tells_what_happens(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The two commands of the page, its budget, and what comes of the model without its second pooling."""
    first, second = (shlex.split(line)[1:] for line in blocks("bash")[0].splitlines())
    assert called(*first, capsys=capsys) == (0, "", "")
    assert (project / "budget.toml").read_text().endswith(blocks("toml")[0])
    assert called(*second, capsys=capsys) == (0, "models/pooling.json: all 8 limits hold\n", "")
    model = json.loads((project / "models/pooling.json").read_text())
    model["layers"] = [layer for layer in model["layers"] if layer["name"] != "pool2"]
    (project / "models/pooling.json").write_text(json.dumps(model))
    code, out, err = called(*second, capsys=capsys)
    assert (code, out) == (1, blocks("text")[0])
    assert err == "rfcalc: error: budget.toml: 4 violations\n"


def test_the_tables_of_the_page_and_the_schema_are_fresh() -> None:
    assert budgets.filled(PAGE) == PAGE, f"run: {budgets.COMMAND}"
    found = (ROOT / "docs" / budgets.SCHEMA_FILE).read_text(encoding="utf-8")
    assert found == budgets.schema_text(), f"run: {budgets.COMMAND}"
    assert all(f"| `{name}` |" in PAGE for name in LIMITS)


@pytest.mark.parametrize("text", blocks("toml"))
def test_the_budgets_of_the_page_are_valid(text: str) -> None:
    document = parsing.parse_toml(text)
    assert budget_of(document, "budget.toml").models
    jsonschema.validate(document, budgets.budget_schema())


def test_the_schema_agrees_with_what_is_read() -> None:
    """It refuses what is refused, but for what only the model, or reading the text, shows to be wrong."""
    validator = jsonschema.Draft202012Validator(budgets.budget_schema())
    validator.check_schema(budgets.budget_schema())
    beyond = ("sets no limit", "matches no layer", "has no figure", "layers that it matches", "2 axes")
    texts = ("4 GB", "1.0001 k", "lots", "max_params = 1.5", "= inf", "= nan")
    for text, message in MISTAKES:
        allowed = any(each in message for each in beyond) or any(each in text for each in texts)
        assert validator.is_valid(parsing.parse_toml(text)) == allowed, text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["MODEL"], 2, "there is no budget"),
        (["MODEL", "--budget", "none.toml"], 3, "none.toml: no such file"),
        (["none.json", "--budget", "BUDGET"], 3, "none.json: no such file"),
        (["MODEL", "--budget", "MODEL"], 3, "not valid TOML"),
        (["MODEL", "--budget", "BUDGET", "--format", "xml"], 2, "'xml' is not one of"),
        (["MODEL", "--budget", "BUDGET", "-o", "BUDGET"], 2, "--output is the budget file itself"),
        (["MODEL", "--budget", "BUDGET", "-o", "MODEL"], 2, "--output is the model file itself"),
        (["MODEL", "--budget", "BUDGET", "--dim", "Q=3"], 2, "has no spatial axis 'Q'"),
        (["--budget", "BUDGET"], 2, "names no models"),
        (["MODEL", "--budget", "."], 3, "is a directory"),
        (["--init"], 2, "--init needs a MODEL"),
        (["--init", "none.json"], 3, "none.json: no such file"),
        (["--init", "MODEL", "--budget", "BUDGET"], 2, "--init writes a budget in TOML"),
        (["--init", "MODEL", "--format", "json"], 2, "--init writes a budget in TOML"),
        (["--init", "MODEL", "-o", "pyproject.toml"], 2, "--init would replace the whole file"),
        (["--init", "MODEL", "-o", "none/budget.toml"], 2, "lies in a directory that does not exist"),
    ],
)
def test_errors_of_the_command(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    (project / "budget.toml").write_text("max_params = 3\n")
    known = {"MODEL": "models/pooling.json", "BUDGET": "budget.toml"}
    before = sorted(each.name for each in project.iterdir())
    got = called("check", *(known.get(each, each) for each in arguments), capsys=capsys)
    assert got[:2] == (code, "")
    assert got[2].startswith("rfcalc: error: ")
    assert got[2].count("\n") == 1
    assert message in got[2]
    assert sorted(each.name for each in project.iterdir()) == before
    assert (project / "budget.toml").read_text() == "max_params = 3\n"


def test_all_models_are_checked_behind_one_that_cannot_be_read(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "models/plain.json").write_text("{")
    (project / "budget.toml").write_text("max_params = 100_000\n")
    names = ["models/plain.json", "models/pooling.json"]
    code, out, err = called("check", *names, "--budget", "budget.toml", "--format", "json", capsys=capsys)
    document = json.loads(out)
    assert code == 3
    assert [each["model"] for each in document["errors"]] == ["models/plain.json"]
    assert [each["outcome"] for each in document["checks"]] == ["violated"]
    assert "models/plain.json: line 1, column 2: the JSON ends too early" in err


@pytest.mark.parametrize("form", ["text", "json", "junit", "github", "sarif"])
def test_a_report_is_written_also_when_limits_do_not_hold(
    project: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    (project / "budget.toml").write_text("max_params = 3\n")
    arguments = ["check", "models/pooling.json", "--budget", "budget.toml", "--format", form]
    code, out, _ = called(*arguments, capsys=capsys)
    assert code == 1
    assert called(*arguments, "-o", "report", capsys=capsys)[:2] == (1, "")
    assert (project / "report").read_text(encoding="utf-8") == out
    assert "104,202" in out


def test_files_are_named_from_the_root_of_the_repository(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "models/budget.toml").write_text("max_params = 3\n")
    monkeypatch.chdir(project / "models")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project))
    arguments = ["check", "pooling.json", "--budget", "budget.toml", "--format"]
    assert called(*arguments, "github", capsys=capsys)[1].startswith("::error file=models/pooling.json,line=")
    assert '"uri": "models/pooling.json"' in called(*arguments, "sarif", capsys=capsys)[1]
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project / "elsewhere"))
    assert called(*arguments, "github", capsys=capsys)[1].startswith("::error file=pooling.json,line=")


def test_a_model_from_standard_input(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "budget.toml").write_text("max_params = 3\n")
    text = (project / "models/pooling.json").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    code, out, _ = called("check", "-", "--budget", "budget.toml", "--format", "github", capsys=capsys)
    assert code == 1
    assert out.startswith("::error title=rfcalc max_params::the model: 104,202 parameters")


def test_what_a_check_loads(project: Path) -> None:
    (project / "budget.toml").write_text("max_params = 200_000\nmax_gap = 0\nmax_misalignment = 0\n")
    code = (
        "import sys\nfrom rfcalc.cli import main\n"
        "try:\n    main(['check', 'models/pooling.json', '--budget', 'budget.toml'])\n"
        "except SystemExit as end:\n    assert not end.code\nprint(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    heavy = {"sympy", "networkx", "numpy", "onnx", "torch", "yaml", "tabulate", "csv", "xml", "hashlib"}
    assert not set(done.stderr.split()) & heavy


# ---- a repository ------------------------------------------------------------------------------------------


def run(*command: str | Path, folder: Path, fails: bool = False, **environment: str) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


GIT = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "somebody"), ("EMAIL", "somebody@example.org"))
} | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for the path with the command of this very tree."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "rfcalc").write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))}\nexport PYTHONPATH\n"
        f'exec {shlex.quote(sys.executable)} -m rfcalc "$@"\n'
    )
    (folder / "rfcalc").chmod(0o755)
    return folder


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_broken_budget_stops_a_commit(tmp_path: Path, programs: Path) -> None:
    """A repository that uses the hook as this one offers it; `language: system` spares an installation."""
    pytest.importorskip("pre_commit")
    environment = {
        **GIT,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(tmp_path / "cache"),
    }
    hooks, sample = tmp_path / "hooks", tmp_path / "sample"
    for folder in (hooks, sample):
        folder.mkdir()
        run("git", "init", "--quiet", folder=folder, **environment)
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    run("git", "add", ".", folder=hooks, **environment)
    run("git", "commit", "--quiet", "-m", "hooks", folder=hooks, **environment)
    revision = run("git", "rev-parse", "HEAD", folder=hooks, **environment).strip()

    (sample / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {json.dumps(hooks.as_uri())}\n    rev: {revision}\n"
        "    hooks:\n      - id: rfcalc-check\n        language: system\n"
    )
    (sample / "pyproject.toml").write_text(
        '[tool.rfcalc.models."net.json"]\nmax_params = 5_038\n'
        '[tool.rfcalc.models."net.json".layers."conv*"]\nmin_receptive_field = 3\n'
    )
    (sample / "net.json").write_text(json.dumps(POOLING, indent=1))
    hook = [sys.executable, "-m", "pre_commit"]
    run(*hook, "install", folder=sample, **environment)
    run("git", "add", ".", folder=sample, **environment)
    assert "Passed" in run("git", "commit", "-m", "a model within its budget", folder=sample, **environment)

    wider = {**POOLING, "layers": [{**POOLING["layers"][0], "filters": 5}, *POOLING["layers"][1:]]}
    (sample / "net.json").write_text(json.dumps(wider, indent=1))
    run("git", "add", ".", folder=sample, **environment)
    said = run("git", "commit", "-m", "too large", folder=sample, fails=True, **environment)
    # 10 more in conv1, 36 more in conv2
    told = "- the model: 5,084 parameters, 46 over the limit of 5,038; most are in classes: 4,850"
    assert f'{told} (pyproject.toml: tool.rfcalc.models."net.json".max_params)' in said
    assert "Failed" in said
    log = run("git", "log", "--oneline", folder=sample, **environment)
    assert log.count("\n") == 1


def test_the_hooks_of_the_page_exist() -> None:
    offered = yaml((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (config,) = (yaml(text) for text in blocks("yaml") if text.startswith("repos:"))
    assert {hook["id"] for hook in config["repos"][0]["hooks"]} == {hook["id"] for hook in offered}
    for hook in offered:
        assert hook["language"] == "python"
        assert hook["entry"].split()[0] == "rfcalc"
        re.compile(hook["files"])
    check = next(hook for hook in offered if hook["id"] == "rfcalc-check")
    assert all(
        re.search(check["files"], name)
        for name in ("a/net.json", "net.onnx", "net.keras", "budget.toml", "net.yml", "pyproject.toml")
    )
    assert not re.search(check["files"], "README.md")


# ---- the action --------------------------------------------------------------------------------------------


def test_the_action_never_puts_what_it_is_given_into_a_script() -> None:
    action = yaml(ACTION.read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    for step in action["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert ("run" in step) == ("shell" in step)


def test_the_workflows_of_the_page_use_the_action_as_it_is() -> None:
    action = yaml(ACTION.read_text(encoding="utf-8"))
    used = 0
    for text in blocks("yaml"):
        for job in (yaml(text).get("jobs") or {}).values():
            for step in job["steps"]:
                if "rfcalc" not in step["uses"]:
                    continue
                used += 1
                path = step["uses"].removeprefix("OWNER/rfcalc/").partition("@")[0]
                assert (ROOT / path / "action.yml") == ACTION
                assert set(step["with"]) <= set(action["inputs"])
    assert used == 3


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("inputs", "fails", "said"),
    [
        (
            {"args": "models/pooling.json\n--budget\nmy budget.toml\n"},
            True,
            "::error file=models/pooling.json,line=",
        ),
        (
            {"args": "models/plain.json\n--budget\nmy budget.toml", "format": "text"},
            False,
            "all 2 limits hold",
        ),
        ({"command": "analyze", "args": "models/pooling.json"}, False, "parameters  104,202"),
        ({"args": "$(touch pwned)\n; touch pwned\n`touch pwned`"}, True, "error: "),
    ],
)
def test_the_script_of_the_action(
    project: Path, programs: Path, inputs: dict[str, str], fails: bool, said: str
) -> None:
    """Its last step as a runner starts it, where the first ones have put rfcalc."""
    (project / "my budget.toml").write_text(
        "min_receptive_field = 5\n[layers.conv3]\nmax_effective_stride = 1\n"
    )
    action = yaml(ACTION.read_text(encoding="utf-8"))
    given = {name: each["default"] for name, each in action["inputs"].items()} | inputs
    step = action["runs"]["steps"][-1]
    values = {"inputs": given, "runner": {"temp": str(project)}}

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ (\w+)\.([\w-]+) \}\}", lambda found: values[found[1]][found[2]], text)

    shutil.copytree(programs, project / "rfcalc/bin", dirs_exist_ok=True)
    environment = {name: filled(text) for name, text in step["env"].items()}
    script = project / "step.sh"
    script.write_text(step["run"])
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail"]
    assert said in run(*shell, script, folder=project, fails=fails, **environment)
    assert not (project / "pwned").exists()

"""A small repository that uses all of it for real: hooks, sites, tests, a budget, a diff."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.sites

ROOT = Path(__file__).parents[2]

FILES: Mapping[str, str] = {
    "README.md": "# Net\n\n<!-- rfcalc: analyze models/net.json --columns layer,receptive_field,params -->\n"
    "<!-- /rfcalc -->\n",
    "pyproject.toml": '[tool.rfcalc.models."models/net.json"]\nmax_params = 110_000\n'
    '[tool.rfcalc.models."models/net.json".layers.conv3]\nmin_receptive_field = 18\n',
    "mkdocs.yml": "site_name: net\ndocs_dir: docs\nplugins:\n  - rfcalc\n",
    "docs/index.md": "# Net\n\n<!-- rfcalc: compare models/net.json --with plain -->\n<!-- /rfcalc -->\n",
    "sphinx/conf.py": 'project = "net"\nextensions = ["rfcalc.sphinx"]\n',
    "sphinx/index.rst": "Net\n===\n\n.. rfcalc:: analyze models/net.json\n"
    "   :columns: layer,receptive_field\n",
    "tests/test_net.py": "def test_the_field(rfcalc):\n"
    '    rfcalc.assert_receptive_field("models/net.json", "conv3", 18)\n',
}


class Repository:
    """A folder under git, and the command of this very tree on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "net"
        programs = folder / "bin"
        programs.mkdir()
        program = programs / "rfcalc"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m rfcalc "$@"\n')
        program.chmod(0o755)
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "somebody"), ("EMAIL", "somebody@example.org"))
        }
        self.environment = {
            **os.environ,
            **identity,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PRE_COMMIT_HOME": str(folder / "cache"),
            "COLUMNS": "80",
        }

    def run(self, *command: str, code: int = 0, folder: Path | None = None) -> str:
        done = subprocess.run(
            command,
            cwd=folder or self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def python(self, *arguments: str, code: int = 0) -> str:
        return self.run(sys.executable, "-m", *arguments, code=code)

    def commit(self, message: str, code: int = 0) -> str:
        self.run("git", "add", ".")
        return self.run("git", "commit", "-m", message, code=code)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for module in ("pre_commit", "mkdocs", "sphinx"):
        pytest.importorskip(module)
    repository = Repository(tmp_path)
    hooks = tmp_path / "hooks"
    for folder in (hooks, repository.folder):
        folder.mkdir()
        repository.run("git", "init", "--quiet", folder=folder)
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    repository.run("git", "add", ".", folder=hooks)
    repository.run("git", "commit", "--quiet", "-m", "hooks", folder=hooks)
    revision = repository.run("git", "rev-parse", "HEAD", folder=hooks).strip()
    config = {
        "repo": hooks.as_uri(),
        "rev": revision,
        "hooks": [{"id": each, "language": "system"} for each in ("rfcalc-docs", "rfcalc-check")],
    }
    model = (ROOT / "docs/models/pooling.json").read_text(encoding="utf-8")
    files = {**FILES, ".pre-commit-config.yaml": json.dumps({"repos": [config]}), ".gitignore": "site\nout\n"}
    for folder in ("", "docs/", "sphinx/"):
        files[f"{folder}models/net.json"] = model
    for name, text in files.items():
        (repository.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (repository.folder / name).write_text(text, encoding="utf-8")
    return repository


def test_a_repository_goes_through_it_all(repository: Repository) -> None:
    folder = repository.folder
    repository.python("pre_commit", "install")

    # tables: stale ones stop the commit, fresh ones let it pass
    said = repository.commit("a model and its documents", code=1)
    assert "+| conv3" in said
    repository.python("rfcalc", "docs", "--write", "README.md", "docs/index.md")
    said = repository.commit("a model and its documents")
    assert said.count("Passed") == 2

    # sites and tests
    repository.python("mkdocs", "build", "--strict")
    assert "18x18" in (folder / "site/index.html").read_text(encoding="utf-8")
    repository.python("sphinx", "-W", "-b", "html", "sphinx", "out")
    assert "18x18" in (folder / "out/index.html").read_text(encoding="utf-8")
    repository.python("pytest", "-q", "-p", "no:cacheprovider", "tests")

    # the pooling goes: the test fails, the budget stops the commit, and the diff says what happened
    document = json.loads((folder / "models/net.json").read_text(encoding="utf-8"))
    document["layers"] = [layer for layer in document["layers"] if layer.get("name") != "pool2"]
    (folder / "models/net.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    said = repository.python("pytest", "-q", "-p", "no:cacheprovider", code=1)
    assert "18" in said
    assert "conv3" in said
    said = repository.commit("no second pooling", code=1)
    assert "over the limit of 110,000" in said
    assert "conv3" in said
    said = repository.python(
        "rfcalc", "diff", "HEAD:models/net.json", "models/net.json", "--exit-code", code=1
    )
    assert "- pool2" in said
    lines = said.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80

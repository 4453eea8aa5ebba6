"""Import the modules whose doctests are run in the ordinary way, before pytest makes modules of their files.

pytest (with --import-mode=importlib) runs a file anew where its module is not there yet. Of one whose package
imports it, as that of the rules does with its registry, there would be two then, and the second is empty.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent


def pytest_collect_file(file_path: Path) -> None:
    """Import a module of rfcalc that is to be collected; of one that cannot be, pytest says why itself."""
    if file_path.suffix == ".py" and ROOT / "rfcalc" in file_path.parents and file_path.stem != "__main__":
        path = file_path.parent if file_path.stem == "__init__" else file_path.with_suffix("")
        with suppress(ImportError):
            import_module(".".join(path.relative_to(ROOT).parts))

"""Write /rfcalc.zip from /sources: each module compiled, without its source.

Pyodide runs it, for playground.mjs. The zip is the same from build to build: a hash of each source stands in
place of its time.
"""

import py_compile
import zipfile
from pathlib import Path

SOURCES = Path("/sources")


def stored(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add a file with a date that never changes."""
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)


with zipfile.ZipFile("/rfcalc.zip", "w") as archive:
    for path in sorted(SOURCES.rglob("*")):
        name = path.relative_to(SOURCES).as_posix()
        if path.suffix == ".py":
            compiled = py_compile.compile(
                str(path),
                cfile="/compiled.pyc",
                dfile=name,
                doraise=True,
                optimize=2,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
            stored(archive, f"{name}c", Path(compiled or "").read_bytes())
        elif path.is_file() and path.suffix != ".pyi":
            stored(archive, name, path.read_bytes())

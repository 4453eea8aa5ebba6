"""Which files a marker may name: those below the root of its document, unless told otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Final

from rfcalc.errors import ReadError

_CODE: Final = re.compile(r"[\w.]+:[\w.]+")


@dataclass(frozen=True, slots=True)
class Models:
    """The models that a document may name.

    Parameters
    ----------
    root : Path
        The folder that names of files are relative to.
    allow_outside : bool
        Let names lead out of it: absolute paths, ``..``, links.
    """

    root: Path
    allow_outside: bool = False

    def path(self, name: str) -> str:
        """Return the absolute path of a model.

        Raises
        ------
        ReadError
            It is no file that a document may name.
        """
        if name == "-":
            raise ReadError("a document has no standard input; name a file", source=name)
        root = self.root.resolve()
        target = root / name
        if _CODE.fullmatch(name) and not target.exists():
            raise ReadError(
                "a document runs no code; name a file, such as what torch.export.save wrote (.pt2)",
                source=name,
            )
        if not self.allow_outside:
            self._check_inside(root, name)
        return str(target)

    def _check_inside(self, root: Path, name: str) -> None:
        parts = Path(name).parts
        windows = PureWindowsPath(name)
        if Path(name).is_absolute() or windows.drive or windows.root:
            raise ReadError(f"an absolute path; {_ALLOW}", source=name)
        if ".." in parts or ".." in windows.parts:
            raise ReadError(f"leads out of the folder that it is relative to; {_ALLOW}", source=name)
        place = root
        for part in parts:
            place /= part
            if place.is_symlink():
                raise ReadError(f"a link; {_ALLOW}", source=name)


_ALLOW: Final = "name a model below the root (--root), or allow others with --allow-outside"

"""Which files a marker may name: those below the root of its document, unless told otherwise."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import IO, Any, Final

from rfcalc.errors import ReadError
from rfcalc.readers.sources import regular_file


class _Model(io.BufferedReader):
    """An open file that is called what the document calls it, so that no table says where it lies."""

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__(io.FileIO(descriptor))
        self._name = name

    @property
    def name(self) -> str:
        """What the document calls it."""
        return self._name


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
    _known: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

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
        if not self.allow_outside:
            self._check_inside(root, name)
        if ":" in name and not target.exists():  # else package.module:factory, or REV:path
            raise ReadError(
                "no such file; a document runs no code, and does not read out of git", source=name
            )
        return str(target)

    def read(self, name: str) -> Any:
        """Return what is read of a model, once for all markers of a document that name it.

        Raises
        ------
        RfcalcError
            It is no file that a document may name, or no model.
        """
        from rfcalc.loading import read_for_several

        if name not in self._known:
            with self.open(name) as file:
                self._known[name] = read_for_several(file)
        return self._known[name]

    def open(self, name: str) -> IO[bytes]:
        """Open a model: what reads it is given a file, and no name that could mean something else.

        Raises
        ------
        ReadError
            It is no file that a document may name.
        """
        path = self.path(name)
        try:
            return _Model(regular_file(path), name)
        except ReadError as error:
            error.source = name
            raise

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

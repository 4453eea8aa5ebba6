"""Architectures of installed libraries, as ``timm:resnet50``: built without weights; nothing is fetched."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from glob import glob as glob_paths
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from rfcalc.errors import ReadError, RfcalcError
from rfcalc.readers.spelled import closest
from rfcalc.readers.torch import hub_diffusers, hub_monai, hub_transformers
from rfcalc.readers.torch.hub_files import located, offline, pair
from rfcalc.readers.torch.weightless import built
from rfcalc.records import NamedTuple


class Hub(NamedTuple):
    """A library of architectures.

    Parameters
    ----------
    found : callable
        Lists what a pattern names, each with what it is told by besides the library: nothing, or a file.
    build : callable
        Builds what a name says, without weights.
    example : callable
        Returns what the module is called with; None where the library does not say.
    titled : bool
        What is named is called so; else by its class.
    """

    found: Callable[[ModuleType, str], Sequence[tuple[str, bytes]]]
    build: Callable[[ModuleType, str], Any]
    example: Callable[[ModuleType, str, Any], Any]
    titled: bool = True


class Built(NamedTuple):
    """A module; what it is called with as `example_of` takes it, None where nobody says; its name, if any."""

    module: Any
    example: Any
    title: str = ""


def architectures(pattern: str) -> list[tuple[str, bytes]]:
    """List architectures of an installed library, each with what tells whether it is still the same.

    Parameters
    ----------
    pattern : str
        The library, a colon, and a glob: ``timm:resnet*``, ``transformers:configs/*.json``.

    Raises
    ------
    ReadError
        The library is not installed, or has none of that name.
    """
    from importlib.metadata import version

    library, _, glob = pattern.partition(":")
    with offline():
        found = _HUBS[library].found(_imported(library), glob)
    versions = ", ".join(f"{package} {version(package)}" for package in dict.fromkeys((library, "torch")))
    return [
        (f"{library}:{name}", f"{library}:{name} of {versions}{told and ': '}".encode() + told)
        for name, told in found
    ]


def is_of_hub(name: str) -> bool:
    """Tell whether a text is the name of an architecture of a library.

    >>> is_of_hub("timm:resnet50"), is_of_hub("package.module:factory")
    (True, False)
    """
    return name.partition(":")[0] in _HUBS


def of_hub(name: str, *, meta: bool = True) -> Built:
    """Build an architecture of an installed library.

    Parameters
    ----------
    name : str
        The library, a colon, and what it calls the architecture, or the file that says how it is built.
    meta : bool
        Without memory for weights, where that works.

    Raises
    ------
    ReadError
        The library is not installed, or has no such architecture, or fails to build it.
    """
    library, _, architecture = name.partition(":")
    hub = _HUBS[library]
    with offline():
        package = _imported(library)
        try:
            module = built(lambda: hub.build(package, architecture), weights=not meta, fall_back=hub.titled)
        except RfcalcError:
            raise
        except (Exception, SystemExit) as error:  # whatever the library raises
            lines = str(error).strip().splitlines() or [""]
            what = f"{type(error).__name__}: {lines[0][:200]}"
            raise ReadError(f"{library} fails to build it: {what}") from error
        example = hub.example(package, architecture, module)
    return Built(module, example, architecture if hub.titled else "")


def _imported(library: str) -> ModuleType:
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name == library:
            raise ReadError(f"needs {library}, which is not installed: pip install {library}") from None
        raise ReadError(f"importing {library} failed: {error}") from error
    except Exception as error:  # whatever the library raises
        raise ReadError(f"importing {library} failed: {type(error).__name__}: {error}") from error


def _listed(
    names: Callable[[ModuleType], Sequence[str]],
) -> Callable[[ModuleType, str], list[tuple[str, bytes]]]:
    """Return what lists those of a library's own names that match a pattern."""

    def found(package: ModuleType, glob: str) -> list[tuple[str, bytes]]:
        known = names(package)
        matching = [(name, b"") for name in known if fnmatchcase(name, glob)]
        if not matching:
            raise ReadError(f"{package.__name__} has no {glob!r}{closest(glob, known)}")
        return matching

    return found


def _known(package: ModuleType, name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise ReadError(f"{package.__name__} has no {name!r}{closest(name, names)}")


def _files(package: ModuleType, glob: str) -> list[tuple[str, bytes]]:
    """List the files of settings that a pattern names, each with what it holds."""
    paths = sorted(str(each) for each in glob_paths(glob, recursive=True))  # noqa: PTH207  may be absolute
    found = [(path, Path(located(path)).read_bytes()) for path in paths if Path(located(path)).is_file()]
    if not found:
        raise ReadError(f"there is no file {glob!r} for {package.__name__} to build")
    return found


def _networks(package: ModuleType, glob: str) -> list[tuple[str, bytes]]:
    """List the files that a pattern names; a network with its arguments is itself."""
    return [(glob, b"")] if "=" in glob else _files(package, glob)


# ---- timm --------------------------------------------------------------------------------------------------


def _timm_names(timm: ModuleType) -> Sequence[str]:
    return [str(name) for name in timm.list_models()]


def _timm_build(timm: ModuleType, name: str) -> Any:
    _known(timm, name, _timm_names(timm))
    return timm.create_model(name, pretrained=False)


def _timm_example(_timm: ModuleType, _name: str, module: Any) -> tuple[int, ...] | None:
    about = getattr(module, "pretrained_cfg", None) or {}
    return (1, *map(int, about["input_size"])) if about.get("input_size") else None


# ---- torchvision -------------------------------------------------------------------------------------------


def _torchvision_names(torchvision: ModuleType) -> Sequence[str]:
    return [str(name) for name in torchvision.models.list_models()]


def _torchvision_build(torchvision: ModuleType, name: str) -> Any:
    _known(torchvision, name, _torchvision_names(torchvision))
    builder = torchvision.models.get_model_builder(name)
    # models on another one's features would fetch the weights of that one
    taken = inspect.signature(builder).parameters
    none = {each: None for each in ("weights", "weights_backbone") if each in taken}
    return torchvision.models.get_model(name, **none)


def _torchvision_example(torchvision: ModuleType, name: str, module: Any) -> tuple[int, ...] | None:
    own = getattr(module, "image_size", None)  # what it was built for, where that is one size alone
    if isinstance(own, int):
        return (1, 3, own, own)
    weights = next(iter(torchvision.models.get_model_weights(name)), None)
    if weights is None:
        return None
    settings = getattr(weights.transforms, "keywords", {})
    size = pair(settings.get("crop_size", settings.get("resize_size")))
    if size is None or "video" not in type(module).__module__:
        return None if size is None else (1, 3, *size)
    frames = weights.meta.get("min_temporal_size", 1)  # a film of one frame is none
    return (1, 3, frames, *size) if frames > 1 else None


_HUBS: Final[Mapping[str, Hub]] = {
    "timm": Hub(_listed(_timm_names), _timm_build, _timm_example),
    "torchvision": Hub(_listed(_torchvision_names), _torchvision_build, _torchvision_example),
    "transformers": Hub(_files, hub_transformers.build, hub_transformers.example, titled=False),
    "diffusers": Hub(_files, hub_diffusers.build, hub_diffusers.example, titled=False),
    "monai": Hub(_networks, hub_monai.build, hub_monai.example, titled=False),
}

"""Architectures of installed libraries, as ``timm:resnet50``: built without weights; nothing is fetched."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any, Final, NamedTuple

from rfcalc.errors import ReadError
from rfcalc.readers.torch.weightless import built
from rfcalc.readers.values import closest


class Hub(NamedTuple):
    """A library of architectures.

    Parameters
    ----------
    names : callable
        Lists the architectures that the library has.
    build : callable
        Builds one of that name, without weights.
    shape : callable
        Returns the shape of its input, without a batch; None where the library does not say.
    """

    names: Callable[[ModuleType], Sequence[str]]
    build: Callable[[ModuleType, str], Any]
    shape: Callable[[ModuleType, str, Any], tuple[int, ...] | None]


class Built(NamedTuple):
    """A module, and what it is called with as `example_of` takes it; None where nobody says."""

    module: Any
    example: Any


def architectures(pattern: str) -> list[tuple[str, bytes]]:
    """List architectures of an installed library, each with what tells whether it is still the same.

    Parameters
    ----------
    pattern : str
        The library, a colon, and a glob: ``timm:resnet*``.

    Raises
    ------
    ReadError
        The library is not installed, or has none of that name.
    """
    from importlib.metadata import version

    library, _, glob = pattern.partition(":")
    known = _HUBS[library].names(_imported(library))
    found = [name for name in known if fnmatchcase(name, glob)]
    if not found:
        raise ReadError(f"{library} has no {glob!r}{closest(glob, known)}")
    versions = ", ".join(f"{package} {version(package)}" for package in dict.fromkeys((library, "torch")))
    return [(f"{library}:{name}", f"{library}:{name} of {versions}".encode()) for name in found]


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
        The library, a colon, and what it calls the architecture.
    meta : bool
        Without memory for weights, where that works.

    Raises
    ------
    ReadError
        The library is not installed, or has no such architecture, or fails to build it.
    """
    library, _, architecture = name.partition(":")
    hub, package = _HUBS[library], _imported(library)
    known = hub.names(package)
    if architecture not in known:
        raise ReadError(f"{library} has no {architecture!r}{closest(architecture, known)}")
    try:
        module = built(lambda: hub.build(package, architecture), weights=not meta)
    except (Exception, SystemExit) as error:  # whatever the library raises
        lines = str(error).strip().splitlines() or [""]
        raise ReadError(f"{library} fails to build it: {type(error).__name__}: {lines[0][:200]}") from error
    shape = hub.shape(package, architecture, module)
    return Built(module, None if shape is None else (1, *shape))


def _imported(library: str) -> ModuleType:
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name == library:
            raise ReadError(f"needs {library}, which is not installed: pip install {library}") from None
        raise ReadError(f"importing {library} failed: {error}") from error
    except Exception as error:  # whatever the library raises
        raise ReadError(f"importing {library} failed: {type(error).__name__}: {error}") from error


# ---- timm --------------------------------------------------------------------------------------------------


def _timm_names(timm: ModuleType) -> Sequence[str]:
    return [str(name) for name in timm.list_models()]


def _timm_build(timm: ModuleType, name: str) -> Any:
    return timm.create_model(name, pretrained=False)


def _timm_shape(_timm: ModuleType, _name: str, module: Any) -> tuple[int, ...] | None:
    about = getattr(module, "pretrained_cfg", None) or {}
    return tuple(map(int, about["input_size"])) if about.get("input_size") else None


# ---- torchvision -------------------------------------------------------------------------------------------


def _torchvision_names(torchvision: ModuleType) -> Sequence[str]:
    return [str(name) for name in torchvision.models.list_models()]


def _torchvision_build(torchvision: ModuleType, name: str) -> Any:
    builder = torchvision.models.get_model_builder(name)
    # models on another one's features would fetch the weights of that one
    taken = inspect.signature(builder).parameters
    none = {each: None for each in ("weights", "weights_backbone") if each in taken}
    return torchvision.models.get_model(name, **none)


def _torchvision_shape(torchvision: ModuleType, name: str, module: Any) -> tuple[int, ...] | None:
    own = getattr(module, "image_size", None)  # what it was built for, where that is one size alone
    if isinstance(own, int):
        return (3, own, own)
    weights = next(iter(torchvision.models.get_model_weights(name)), None)
    settings = {} if weights is None else getattr(weights.transforms, "keywords", {})
    size = settings.get("crop_size")
    return (3, size, size) if isinstance(size, int) else None


_HUBS: Final[Mapping[str, Hub]] = {
    "timm": Hub(_timm_names, _timm_build, _timm_shape),
    "torchvision": Hub(_torchvision_names, _torchvision_build, _torchvision_shape),
}

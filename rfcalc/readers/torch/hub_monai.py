"""Architectures of monai: a network's name with its arguments, or the file of a bundle."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import parse_qsl

from rfcalc.errors import ReadError
from rfcalc.readers.spelled import closest
from rfcalc.readers.torch.hub_files import located, read_beside, read_config
from rfcalc.records import NamedTuple

_NETWORK: Final = "network_def"
_FILE: Final = "configs/inference.json"
"""Where a bundle has its network, below its folder."""


class Network(NamedTuple):
    """A network of monai: its class's name, the arguments, and the size of an input that a bundle tells."""

    name: str
    arguments: Mapping[str, Any]
    shape: tuple[int, ...] | None


def names(_monai: ModuleType) -> list[str]:
    """List the networks."""
    import torch

    nets = importlib.import_module("monai.networks.nets")
    return sorted(
        name
        for name, each in vars(nets).items()
        if inspect.isclass(each) and issubclass(each, torch.nn.Module) and not name.startswith("_")
    )


def network(text: str) -> Network:
    """Return what a name says: ``UNet?spatial_dims=3&in_channels=1``, or the path of a bundle or its file.

    Raises
    ------
    ReadError
        The file has no network, or one that code would have to be run for.
    """
    if not Path(text).exists():
        name, _, query = text.partition("?")
        return Network(
            name, {key: _value(each) for key, each in parse_qsl(query, keep_blank_values=True)}, None
        )
    path = located(text, _FILE)
    settings = read_config(path)
    found = settings.get(_NETWORK, settings)
    if not isinstance(found, dict) or not isinstance(found.get("_target_"), str):
        raise ReadError(f"has no {_NETWORK!r} with a '_target_'")
    arguments = {key: each for key, each in found.items() if not (key.startswith("_") and key.endswith("_"))}
    for key, each in arguments.items():
        _refuse_expressions(key, each)
    return Network(found["_target_"].rpartition(".")[2], arguments, _told(read_beside(path, "metadata.json")))


def _value(text: str) -> Any:
    """Return what an argument says: JSON, or else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _refuse_expressions(key: str, value: Any) -> None:
    """Refuse values that are computed: by code in the file, or from what stands elsewhere in it."""
    if isinstance(value, str) and value.startswith(("$", "@", "%")):
        raise ReadError(
            f"has an expression for {key!r} ({value[:40]}), which rfcalc does not run; write its value"
        )
    for each in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        _refuse_expressions(key, each)


def _told(metadata: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Return the shape of the input that a bundle tells, where it is made of numbers."""
    try:
        (about,) = metadata["network_data_format"]["inputs"].values()
        shape = (about["num_channels"], *about["spatial_shape"])
    except (KeyError, TypeError, AttributeError, ValueError):
        return None
    return shape if all(type(each) is int for each in shape) else None


def build(monai: ModuleType, text: str) -> Any:
    """Build a network.

    Raises
    ------
    ReadError
        There is none of that name.
    """
    found = network(text)
    known = names(monai)
    if found.name not in known:
        raise ReadError(f"monai has no network {found.name!r}{closest(found.name, known)}")
    made = getattr(importlib.import_module("monai.networks.nets"), found.name)
    needed = [
        name
        for name, each in inspect.signature(made).parameters.items()
        if each.default is each.empty
        and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
        and name not in found.arguments
    ]
    if needed:
        raise ReadError(f"needs {', '.join(needed)}; say them as monai:{found.name}?{needed[0]}=...")
    return made(**found.arguments)


def example(_monai: ModuleType, text: str, _module: Any) -> Any:
    """Return the shape of the input; None where neither the arguments nor the bundle tell it."""
    found = network(text)
    if found.shape is not None:
        return (1, *found.shape)
    channels, size = found.arguments.get("in_channels"), found.arguments.get("img_size")
    if type(channels) is not int or size is None:
        return None
    extents = tuple(size) if isinstance(size, list) else (size,) * found.arguments.get("spatial_dims", 3)
    return (1, channels, *extents)

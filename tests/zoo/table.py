"""Sum up what the zoo found, by library, and list whatever deviates, with why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.zoo.explained import EXPLAINED, Explained

RECORD = Path(__file__).with_name("results.json")


class Record(NamedTuple):
    """What runs kept: the day of the last, versions of the libraries, and what was found of each model."""

    date: str
    versions: dict[str, str]
    models: dict[str, dict[str, Any]]


def read() -> Record:
    """Return what is kept, nothing where nothing is."""
    if not RECORD.exists():
        return Record("", {}, {})
    return Record(**json.loads(RECORD.read_text(encoding="utf-8")))


def write(record: Record) -> None:
    """Keep a record, a line for each model."""
    models = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(record.models[name])}" for name in sorted(record.models)
    )
    head = f'"date": {json.dumps(record.date)},\n"versions": {json.dumps(record.versions, sort_keys=True)},\n'
    RECORD.write_text(f'{{\n{head}"models": {{\n{models}\n}}\n}}\n', encoding="utf-8")


class Library(NamedTuple):
    """A library: the package that has its version, and the module that is imported."""

    package: str
    module: str


LIBRARIES = {
    "timm": Library("timm", "timm"),
    "torchvision": Library("torchvision", "torchvision"),
    "smp": Library("segmentation-models-pytorch", "segmentation_models_pytorch"),
    "monai": Library("monai", "monai.networks.nets"),
    "diffusers": Library("diffusers", "diffusers"),
    "transformers": Library("transformers", "transformers"),
    "keras": Library("keras", "keras"),
    "keras-hub": Library("keras-hub", "keras_hub"),
}


class Deviation(NamedTuple):
    """Something that is not equal: of which kind, and the figures."""

    kind: str
    words: str


def deviations(found: Mapping[str, Any]) -> Iterator[Deviation]:
    """Yield what is not equal in one record."""
    if "error" in found:
        return
    params = found["params"]
    if params["rfcalc"] != params["reached"]:
        idle = params["rfcalc"] == params["every"]
        yield Deviation("idle parameters" if idle else "parameters", figures(params))
    if "trainable" in found and found["trainable"]["rfcalc"] != found["trainable"]["keras"]:
        yield Deviation("parameters", figures(found["trainable"]))
    if "macs" in found and found["macs"]["rfcalc"] != found["macs"]["torch"]:
        yield Deviation("MACs", figures(found["macs"]))
    for words in found["shapes"]["differ"]:
        yield Deviation("shapes", words)
    dependence = found.get("dependence", {})
    for words in dependence.get("faults", ()):
        yield Deviation("dependence", words)
    if dependence.get("loose"):
        yield Deviation("claims", f"{dependence['loose']:,} of {dependence['taps']:,} never change")


def figures(said: Mapping[str, int]) -> str:
    """Write figures side by side, each with its name."""
    return ", ".join(f"{name} {figure:,}" for name, figure in said.items())


def explanation(name: str, deviation: Deviation) -> Explained | None:
    """Return the first explanation of the list that is for a deviation."""
    for each in EXPLAINED:
        if each.kind == deviation.kind and re.fullmatch(each.models, name) and each.where in deviation.words:
            return each
    return None


# ---- the table ---------------------------------------------------------------------------------------------

HEAD = (
    "Library",
    "Models analysed",
    "Parameters equal",
    "Layers of equal shape",
    "MACs equal",
    "Dependence measured: models, maps",
    "Wrong while exact",
    "Claimed but never seen to change",
)


def rows_of(record: Record) -> Iterator[list[str]]:
    """Yield a row of the table for each library."""
    for key, library in LIBRARIES.items():
        known = {name: each for name, each in record.models.items() if name.split("/")[0] == key}
        found = {name: each for name, each in known.items() if "error" not in each}
        if not found:
            continue
        measured = [
            each["dependence"] for each in found.values() if each.get("dependence", {}).get("checked")
        ]
        paired = sum(each["shapes"]["paired"] for each in found.values())
        differ = sum(len(each["shapes"]["differ"]) for each in found.values())
        taps = sum(each["taps"] for each in measured)
        loose = sum(each["loose"] for each in measured)
        counted = {name: each for name, each in found.items() if "macs" in each}
        version = record.versions[library.package]
        yield [
            f"{library.package} {version}",
            str(len(found)) if len(found) == len(known) else f"{len(found)} of {len(known)}",
            _equal(found, "parameters", "idle parameters"),
            _of(paired - differ, paired),
            _equal(counted, "MACs") if counted else "not counted",
            f"{len(measured)}, {sum(each['checked'] for each in measured):,}" if measured else "none",
            str(sum(each["wrong exact"] for each in measured)) if measured else "",
            f"{loose / taps:.1%} of {taps:,}" if taps else "",
        ]


def _equal(found: Mapping[str, Mapping[str, Any]], *kinds: str) -> str:
    """Say of how many models a figure is equal, how many are explained, and how many are neither."""
    apart = {name: [each for each in deviations(what) if each.kind in kinds] for name, what in found.items()}
    unequal = {name for name, each in apart.items() if each}
    open_ = {name for name in unequal if any(explanation(name, each) is None for each in apart[name])}
    if not unequal:
        return f"all {len(found)}"
    told = [f"{len(found) - len(unequal)} of {len(found)}", f"{len(unequal - open_)} explained"]
    return ", ".join([*told, *([f"**{len(open_)} open**"] if open_ else [])])


def _of(equal: int, total: int) -> str:
    return f"all {total:,}" if equal == total else f"{equal:,} of {total:,}"


def explained(record: Record) -> Iterator[str]:
    """Yield for each explanation a line with the models that it is for."""
    for one in EXPLAINED:
        models = [
            name
            for name, found in sorted(record.models.items())
            if any(explanation(name, each) is one for each in deviations(found))
        ]
        if models:
            yield f"{one.kind} of {', '.join(models)}: {one.why}"


def errors(record: Record) -> Iterator[str]:
    """Yield for each error a line with the models that were not analysed for it."""
    models: dict[str, list[str]] = {}
    for name, found in sorted(record.models.items()):
        if "error" in found:
            models.setdefault(found["error"], []).append(name)
    for words, names in models.items():
        yield f"{', '.join(names)}: `{words}`"


def lines(record: Record) -> Iterator[str]:
    """Yield the table as plain text, then a line for each deviation."""
    for row in (HEAD, *rows_of(record)):
        yield " | ".join(row)
    for name, found in sorted(record.models.items()):
        for each in deviations(found):
            told = explanation(name, each)
            yield f"{name}: {each.kind}: {each.words}: {told.why if told else 'NOT EXPLAINED'}"
    yield from errors(record)

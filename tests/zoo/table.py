"""Sum up what the zoo found, by library, and list whatever deviates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Mapping[str, Any]]

LIBRARIES = {
    "timm": "timm",
    "torchvision": "torchvision",
    "smp": "segmentation-models-pytorch",
    "monai": "MONAI",
    "diffusers": "diffusers",
    "transformers": "transformers",
    "keras": "keras.applications",
    "keras-hub": "keras-hub",
}


def same_params(found: Mapping[str, Any]) -> bool:
    """Tell whether parameters are the framework's: all of them, or those that its outputs depend on."""
    params = found["params"]
    said = params["rfcalc"]
    return said is not None and params["reached"] <= said <= params["every"]


def same_macs(found: Mapping[str, Any]) -> bool | None:
    """Tell whether multiply-accumulates are the flop counter's; None where nothing was counted."""
    if "macs" not in found:
        return None
    return bool(found["macs"]["rfcalc"] == found["macs"]["torch"])


def rows_of(record: Record) -> Iterator[list[str]]:
    """Yield a row of the table for each library."""
    for key, library in LIBRARIES.items():
        found = [each for name, each in record.items() if name.split("/")[0] == key]
        read = [each for each in found if "error" not in each]
        if not found:
            continue
        measured = [each["dependence"] for each in read if "dependence" in each]
        paired = sum(each["shapes"]["paired"] for each in read)
        differ = sum(len(each["shapes"]["differ"]) for each in read)
        taps = sum(each["taps"] for each in measured)
        loose = sum(each["loose"] for each in measured)
        yield [
            library,
            f"{len(read)} of {len(found)}",
            _of(sum(map(same_params, read)), len(read)),
            _of(paired - differ, paired),
            _of(sum(same_macs(each) is True for each in read), len(read)) if "macs" in read[0] else "",
            str(len(measured)) if measured else "",
            str(sum(each["wrong exact"] for each in measured)) if measured else "",
            f"{loose / taps:.1%}" if taps else "",
        ]


HEAD = (
    "Library",
    "Analysed",
    "Parameters equal",
    "Layers of equal shape",
    "MACs as the counter has them",
    "Dependence measured",
    "Wrong while exact",
    "Taps that never changed",
)


def _of(equal: int, total: int) -> str:
    return f"all {total:,}" if equal == total else f"{equal:,} of {total:,}"


def lines(record: Record) -> Iterator[str]:
    """Yield the table as plain text, then a line for each deviation."""
    for row in (HEAD, *rows_of(record)):
        yield " | ".join(row)
    for name, found in sorted(record.items()):
        for each in deviations(found):
            yield f"{name}: {each.kind}: {each.words}"


class Deviation(NamedTuple):
    """Something that is not equal: of which kind, and the figures."""

    kind: str
    words: str


def deviations(found: Mapping[str, Any]) -> Iterator[Deviation]:
    """Yield what is not equal in one record."""
    if "error" in found:
        yield Deviation("not analysed", found["error"])
        return
    if not same_params(found):
        yield Deviation("parameters", str(found["params"]))
    if same_macs(found) is False:
        yield Deviation("macs", str(found["macs"]))
    for words in found["shapes"]["differ"][:3]:
        yield Deviation("shapes", words)
    if found["rows"]["unknown"] or found["rows"]["bound"]:
        yield Deviation("not exact", f"{found['rows']}: {'; '.join(found['reasons'])[:300]}")
    if "dependence" in found:
        measured = found["dependence"]
        for words in measured["faults"]:
            yield Deviation("wrong", words)
        if measured["loose"]:
            yield Deviation("loose", f"{measured['loose']} of {measured['taps']} taps never changed")

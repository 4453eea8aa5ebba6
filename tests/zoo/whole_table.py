"""Sum up how a catalogue of whole libraries compares with running their models, family by family."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Any]
Found = Mapping[str, Any]


class Kind(NamedTuple):
    """A kind of difference in multiply-accumulates, told by where it stands.

    Parameters
    ----------
    classes : str
        A regular expression that the classes of the submodules match.
    ops : frozenset of str
        Operators that torch counts there, all of them.
    kinds : frozenset of str
        Kinds of layers that rfcalc counts there, all of them.
    reached : bool
        Whether an input reaches it, as differentiation finds.
    why : str
        The reason, for docs/accuracy.md.
    """

    classes: str
    ops: frozenset[str]
    kinds: frozenset[str]
    reached: bool
    why: str


KINDS: tuple[Kind, ...] = (
    Kind(
        ".*",
        frozenset({"addmm", "mm", "bmm", "convolution"}),
        frozenset(),
        False,
        "of submodules that no input reaches (checked by differentiation: what makes or projects the biases "
        "and codes of positions) the flop counter counts the products; rfcalc counts none, as they are "
        "constants",
    ),
    Kind(
        "Gemma4PatchEmbed",
        frozenset({"bmm", "mm"}),
        frozenset({"linear"}),
        True,
        "positions as rows of one 1 each are multiplied with their table; the flop counter counts these "
        "products, which no input reaches, beside those of the patches, which both count alike",
    ),
    Kind(  # in sum that is heads * (w**2 * v**2 + w**4 * v) with v = 2*w - 1 for windows w, to the digit
        "AttentionCl",
        frozenset({"addmm", "bmm"}),
        frozenset({"dot_attention", "linear"}),
        True,
        "the biases of relative positions are looked up by products of their table with rows of one 1 each; "
        "the flop counter counts these too, which no input reaches",
    ),
)


def explained(place: list[Any]) -> Kind | None:
    """Return the kind of difference that a place is of."""
    name, ops, kinds, reached, *_ = place
    for each in KINDS:
        if not re.fullmatch(each.classes, name):
            continue
        if set(ops.split()) <= each.ops and set(kinds.split()) <= each.kinds and reached is each.reached:
            return each
    return None


class Deviation(NamedTuple):
    """What is not equal of one model, and whether that is explained."""

    name: str
    what: str
    explained: bool


def deviations(record: Record) -> Iterator[Deviation]:
    """Yield all that is not equal."""
    for name, found in sorted(record["models"].items()):
        if "error" in found:
            yield Deviation(name, f"not compared: {found['error']}", _SIZELESS in found["error"])
            continue
        every, said = found["params"]
        if every != said:
            yield Deviation(name, f"parameters: {said:,} for {every:,}", _idle(name) is not None)
        for words in found.get("differ", ()):
            yield Deviation(name, f"shapes: {words}", False)
        places = found.get("apart", ())
        if found["macs"][0] != found["macs"][1]:
            told = bool(places) and all(explained(each) is not None for each in places)
            yield Deviation(name, f"MACs: {places}", told)


_SIZELESS = "its library says no input size"

IDLE: Mapping[str, str] = {
    "torchvision:(quantized_)?(googlenet|inception_v3)": (
        "the classifiers beside the last one run in training alone"
    ),
}
"""Models that hold parameters which no output depends on, by regular expressions, and why."""


def _idle(name: str) -> str | None:
    return next((why for pattern, why in IDLE.items() if re.fullmatch(pattern, name)), None)


# ---- the tables --------------------------------------------------------------------------------------------

HEAD = (
    "Library",
    "Families",
    "Models compared",
    "Parameters equal",
    "Submodules of equal shape",
    "MACs equal",
    "Rows exact",
)


def rows_of(record: Record) -> Iterator[list[str]]:
    """Yield a row for each library."""
    for library, package in (("timm", "timm"), ("torchvision", "torchvision")):
        known = {name: each for name, each in record["models"].items() if name.startswith(f"{library}:")}
        found = {name: each for name, each in known.items() if "error" not in each}
        if not found:
            continue
        apart = [each for each in deviations({"models": found}) if each.what.startswith("MACs")]
        params = sum(each["params"][0] == each["params"][1] for each in found.values())
        paired = sum(each["shapes"] for each in found.values())
        differ = sum(len(each.get("differ", ())) for each in found.values())
        status = sum((Counter(each["rows"]) for each in found.values()), Counter[str]())
        equal = len(found) - len(apart)
        unexplained = sum(not each.explained for each in apart)
        told = f", {len(apart) - unexplained} explained" if apart else ""
        yield [
            f"{package} {record['versions'][package]}",
            str(len({each["family"] for each in found.values()})),
            _of(len(found), record["listed"][library]),
            _of(params, len(found)),
            _of(paired - differ, paired),
            _of(equal, len(found)) + told + (f", **{unexplained} open**" if unexplained else ""),
            f"{status['exact'] / status.total():.2%} of {status.total():,}",
        ]


def _of(equal: int, total: int) -> str:
    return f"all {total:,}" if equal == total else f"{equal:,} of {total:,}"


FAMILY_HEAD = ("Library", "Family", "Models", "MACs differ of", "By, of torch's count", "In")


def families(record: Record) -> Iterator[list[str]]:
    """Yield a row for each family of which some differ in multiply-accumulates."""
    kept: dict[tuple[str, str], list[Found]] = {}
    for name, found in record["models"].items():
        if "error" not in found:
            kept.setdefault((name.partition(":")[0], found["family"]), []).append(found)
    for (library, family), some in sorted(kept.items()):
        apart = [each for each in some if each["macs"][0] != each["macs"][1]]
        if apart:
            shares = [abs(each["macs"][0] - each["macs"][1]) / each["macs"][0] for each in apart]
            places = Counter(place[0] for each in apart for place in each.get("apart", ()))
            yield [
                library,
                family,
                str(len(some)),
                str(len(apart)),
                f"{min(shares):.2%} to {max(shares):.2%}",
                ", ".join(f"`{each}`" for each in sorted(places)),
            ]


def equal_families(record: Record) -> Iterator[str]:
    """Yield for each library the families of which all models are equal, and how many these are."""
    for library in ("timm", "torchvision"):
        some: Counter[str] = Counter()
        differing = {row[1] for row in families(record) if row[0] == library}
        for name, found in record["models"].items():
            if name.startswith(f"{library}:") and "error" not in found and found["family"] not in differing:
                some[found["family"]] += 1
        if some:
            yield f"{library}: " + ", ".join(f"{family} {count}" for family, count in sorted(some.items()))


def reasons(record: Record) -> Iterator[str]:
    """Yield for each reason how many models it is for, and what is not explained or not compared."""
    counts: Counter[Kind] = Counter()
    for found in record["models"].values():
        counts.update({kind for place in found.get("apart", ()) if (kind := explained(place)) is not None})
    for kind in KINDS:
        if counts[kind]:
            yield f"MACs of {counts[kind]} models: {kind.why}"
    for pattern, why in IDLE.items():
        names = [name for name in sorted(record["models"]) if re.fullmatch(pattern, name)]
        if names:
            yield f"parameters of {', '.join(names)}: {why}"
    errors: dict[str, list[str]] = {}
    for name, found in sorted(record["models"].items()):
        if "error" in found:
            errors.setdefault(found["error"], []).append(name)
    for words, names in errors.items():
        yield f"not compared: {', '.join(names)}: `{words}`"


def lines(record: Record) -> Iterator[str]:
    """Yield the tables as plain text, then what is not explained."""
    for row in (HEAD, *rows_of(record), FAMILY_HEAD, *families(record)):
        yield " | ".join(row)
    yield from equal_families(record)
    yield from reasons(record)
    for each in deviations(record):
        if not each.explained:
            yield f"{each.name}: {each.what}: NOT EXPLAINED"

"""docs/claims.md, made of the record and of what rfcalc answers now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.claims import (
    of_braindecode,
    of_csbdeep,
    of_dac,
    of_darts,
    of_keras_tcn,
    of_monai,
    of_pytorch_tcn,
    of_smp,
    of_snac,
    of_stardist,
    of_timm,
    of_torchscan,
    of_torchvision_anchors,
    of_torchvision_ssd,
    of_transformers,
)
from tests.claims.claim import Claim
from tests.claims.counters import COUNTERS
from tests.claims.nets import NETS, Net

TEMPLATE = Path(__file__).with_name("page.md")
PAGE = Path(__file__).parents[2] / "docs" / "claims.md"

CLAIMS: tuple[Claim, ...] = (
    of_keras_tcn.CLAIM,
    of_pytorch_tcn.CLAIM,
    of_darts.CLAIM,
    of_braindecode.CLAIM,
    of_csbdeep.CLAIM,
    of_stardist.CLAIM,
    of_timm.CLAIM,
    of_smp.CLAIM,
    of_torchvision_anchors.CLAIM,
    of_torchvision_ssd.CLAIM,
    of_transformers.LENGTHS,
    of_transformers.HOPS,
    of_snac.CLAIM,
    of_dac.CLAIM,
    of_monai.CLAIM,
    of_torchscan.CLAIM,
)


def made(record: dict[str, Any]) -> str:
    """Return the page."""
    counted = record["counters"]
    return TEMPLATE.read_text(encoding="utf-8").format(
        claims=_table(
            ["Package", "Where it says so", "Case", "Says", "Measured", "rfcalc"],
            (row for claim in CLAIMS for row in _rows(claim, record["claims"][claim.key])),
            right=(3, 4, 5),
        ),
        words="\n".join(
            f"- **{claim.package}**, {claim.where}: {claim.words} ({claim.call}.)" for claim in CLAIMS
        ),
        macs=_table(
            [
                "Network",
                "Truth",
                "rfcalc",
                *(f"{each.name} {counted[each.name]['version']}" for each in COUNTERS),
            ],
            (_costs(net, counted, record["ours"][net.name][0]) for net in NETS),
            right=range(2, 3 + len(COUNTERS)),
        ),
        params="\n".join(f"- {line}" for line in _other_params(counted)),
    )


def _rows(claim: Claim, kept: dict[str, Any]) -> Iterable[list[str]]:
    ours = claim.ours()
    for place, (case, measured) in enumerate(kept["measured"].items()):
        head = [f"{claim.package} {kept['version']}", claim.where] if place == 0 else ["", ""]
        says = _marked(kept["says"][case], measured, claim.more_is_safe)
        yield [*head, case, says, f"{measured:,}", _marked(ours[case], measured)]


def _marked(figure: int, measured: int, more_is_safe: bool = False) -> str:
    other = "~" if more_is_safe and figure > measured else "✗"
    return f"{'✓' if figure == measured else other} {figure:,}"


def _costs(net: Net, counted: dict[str, Any], own: int) -> list[str]:
    cells = [counted[each.name]["says"][net.name] for each in COUNTERS]
    said = [_beside(cell if isinstance(cell, str) else cell[0], net.macs) for cell in cells]
    return [net.name, f"{net.macs:,} = `{net.formula}`", _beside(own, net.macs), *said]


def _beside(figure: int | str, truth: int) -> str:
    if isinstance(figure, str):
        return "an error"
    return f"✓ {figure:,}" if figure == truth else f"{figure:,} ({(figure - truth) / truth:+.1%})"


def _other_params(counted: dict[str, Any]) -> Iterable[str]:
    for each in COUNTERS:
        for net in NETS:
            found = counted[each.name]["says"][net.name]
            if not isinstance(found, str) and found[1] not in (None, net.params):
                yield f"{each.name} says {found[1]:,} for {net.params:,} of {net.name}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    aligned = ["---:" if place in set(right) else "---" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, aligned, *rows))

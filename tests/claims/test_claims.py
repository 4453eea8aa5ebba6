"""docs/claims.md says what is: the page is fresh, and rfcalc is right in every case."""

from __future__ import annotations

import pytest

from tests.claims.claim import Claim, read
from tests.claims.nets import NETS, Net, ours
from tests.claims.page import CLAIMS, PAGE, made

RECORD = read()

EACH_CLAIM = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.key)
EACH_NET = pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)


def test_the_page_is_fresh() -> None:
    assert made(RECORD) == PAGE.read_text(encoding="utf-8"), "run: python -m tests.claims"


@EACH_CLAIM
def test_rfcalc_says_of_the_small_model_what_was_measured(claim: Claim) -> None:
    assert claim.ours() == RECORD["claims"][claim.key]["measured"]


@EACH_CLAIM
def test_rfcalc_said_the_same_of_the_model_of_the_library(claim: Claim) -> None:
    kept = RECORD["claims"][claim.key]
    assert kept["rfcalc"] == kept["measured"]
    assert list(kept["says"]) == list(kept["measured"])


@pytest.mark.torch
@EACH_NET
def test_rfcalc_counts_what_the_formula_gives(net: Net) -> None:
    pytest.importorskip("torch")
    assert ours(net) == (net.macs, net.params)


@pytest.mark.torch
@EACH_NET
def test_parameters_are_what_pytorch_holds(net: Net) -> None:
    pytest.importorskip("torch")
    assert sum(each.numel() for each in net.build().parameters()) == net.params


@EACH_NET
def test_the_page_shows_what_rfcalc_counts(net: Net) -> None:
    """The record holds them, so that the page needs no PyTorch; a test above makes them anew."""
    assert RECORD["ours"][net.name] == [net.macs, net.params]

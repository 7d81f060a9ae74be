"""The seven pilots keep the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.registry import load_agencies
from connectors.testing import ConnectorTier, Verdict, certify, tier_of
from simulators.dialects import DIALECTS
from tests.contract.pilots import ROOT, pilot


@pytest.mark.parametrize("slug", DIALECTS)
async def test_a_pilot_is_gold(slug: str, tmp_path: Path) -> None:
    with pilot(slug, tmp_path) as subject:
        outcomes = await certify(subject)
    assert [o for o in outcomes if o.verdict in (Verdict.FAILED, Verdict.UNTRIED)] == []
    assert tier_of(outcomes) is ConnectorTier.GOLD
    passed = {outcome.rule for outcome in outcomes if outcome.verdict is Verdict.PASSED}
    assert {"ids-round-trip", "statuses-total", "times-aware", "changes-repeatable", "since-misses-nothing"} <= passed
    if subject.manifest.kind not in ("sql", "files"):
        assert {"arrivals-not-missed", "quarantine-isolates", "rate-limit-honoured", "deadline-kept"} <= passed


def test_the_pilots_certificates_are_current() -> None:
    """After a change of their files: `python -m tests.contract.pilots`."""
    assert {slug: manifest.tier for slug, manifest in load_agencies(ROOT / "agencies").items()} == dict.fromkeys(
        DIALECTS, ConnectorTier.GOLD
    )

"""The contract for any connector, in three lines of pytest, in this project or another's.

    from connectors.testing import contract, recorded

    test_contract = contract(lambda: recorded("agencies/kab-contoh.toml"))

Each rule is a test of its own; `docs/contract.md` says what it wants and why. `live` is an agency itself; for one that
the test plays, make a `Subject`: its file, and a transport where it answers.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from connectors.contract.bench import Subject
from connectors.contract.certificate import folder_of
from connectors.contract.harvest import Arrive
from connectors.contract.recording import recorded as _recorded
from connectors.contract.rule import Outcome, Rule, Verdict, tier_of
from connectors.contract.suite import certify, rules
from connectors.manifest import Manifest, read_manifest
from connectors.secrets import Resolve, Secrets
from schema.agency import ConnectorTier

__all__ = [
    "Arrive",
    "ConnectorTier",
    "Outcome",
    "Rule",
    "Subject",
    "Verdict",
    "certify",
    "contract",
    "live",
    "recorded",
    "rules",
    "tier_of",
]


def recorded(
    file: str | Path | Manifest, recording: str | Path | None = None, secrets: Resolve | None = None
) -> Subject:
    """An agency as it was recorded by `simpul agency record`.

    Args:
        file: the agency's file.
        recording: folder; by default `recording` in the folder beside the file.

    Raises:
        ConfigError: the file is wrong, or nothing is recorded.
    """
    manifest = file if isinstance(file, Manifest) else read_manifest(Path(file))
    return _recorded(manifest, Path(recording) if recording else folder_of(Path(manifest.file)) / "recording", secrets)


def live(file: str | Path, pushes: Sequence[str | Path] = (), secrets: Resolve | None = None) -> Subject:
    """An agency itself: what is no HTTP can't be recorded.

    Args:
        file: the agency's file.
        pushes: files with bodies that it sent, if it only sends.
        secrets: by default from the environment.

    Raises:
        ConfigError: the file is wrong.
    """
    bodies = tuple(Path(path).read_bytes() for path in pushes)
    return Subject(manifest=read_manifest(Path(file)), secrets=secrets or Secrets(os.environ), pushes=bodies)


def contract(factory: Callable[[], Subject], tier: ConnectorTier = ConnectorTier.GOLD) -> Callable[..., None]:
    """A test function for pytest, with one case for each rule.

    Args:
        factory: makes the subject; called once, when the first case runs.
        tier: rules of higher tiers may fail.
    """
    import pytest  # only where there are tests

    outcomes: dict[str, Outcome] = {}

    @pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.id))
    def test_contract(rule: Rule) -> None:
        if not outcomes:
            outcomes.update((outcome.rule, outcome) for outcome in asyncio.run(certify(factory())))
        outcome = outcomes[rule.id]
        told = f"{rule.id}: {outcome.detail} (docs/contract.md#{rule.id})"
        if outcome.verdict is Verdict.NOT_APPLICABLE:
            pytest.skip(told)
        if outcome.verdict is not Verdict.PASSED and _demanded(rule, tier):
            pytest.fail(f"{told}\n{rule.reason}", pytrace=False)
        if outcome.verdict is not Verdict.PASSED:
            pytest.skip(told)

    found: Any = test_contract
    return found  # type: ignore[no-any-return]  # pytest's decorators are typed where pytest is installed


def _demanded(rule: Rule, tier: ConnectorTier) -> bool:
    tiers = list(ConnectorTier)
    return tiers.index(rule.tier) <= tiers.index(tier)

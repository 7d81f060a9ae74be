"""What a rule of the contract is, what may come of trying it, and which tier that earns."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from schema.agency import ConnectorTier

if TYPE_CHECKING:
    from connectors.contract.bench import Bench

#: From the lowest to the highest.
TIERS: Final = tuple(ConnectorTier)

#: Tries a rule; returns a remark, or raises Broken, Untried or NotApplicable.
Try: TypeAlias = Callable[["Bench"], Awaitable[str | None]]


class Broken(Exception):
    """The connector breaks the rule; the message says how."""


class Untried(Exception):
    """What was there didn't suffice to try the rule, for instance because no record came. Not passed."""


class NotApplicable(Exception):
    """The rule is about something that the connector doesn't do. Neither passed nor failed."""


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNTRIED = "untried"
    NOT_APPLICABLE = "not applicable"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a rule. `detail` is one sentence for a person."""

    rule: str
    tier: ConnectorTier
    verdict: Verdict
    detail: str = ""
    seconds: float = 0.0


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule.

    Attributes:
        tier: the lowest tier that demands it.
        reason: why there is this rule, for whoever asks what it is good for.
        tried: how it is tried, for the docs.
    """

    id: str
    tier: ConnectorTier
    reason: str
    tried: str
    attempt: Try


RULES: Final[dict[str, Rule]] = {}


def rule(id: str, tier: ConnectorTier, reason: str) -> Callable[[Try], Try]:
    """Enters a rule; the docstring of what tries it says how."""

    def enter(attempt: Try) -> Try:
        tried = " ".join((inspect.getdoc(attempt) or "").split())
        RULES[id] = Rule(id=id, tier=tier, reason=reason, tried=tried, attempt=attempt)
        return attempt

    return enter


def tier_of(outcomes: Iterable[Outcome]) -> ConnectorTier | None:
    """The highest tier of which, and of all below it, no rule failed or could not be tried.

    A rule that is not applicable doesn't count; but nothing is earned by those alone.
    """
    outcomes = list(outcomes)
    earned: ConnectorTier | None = None
    for tier in TIERS:
        found = [outcome for outcome in outcomes if outcome.tier is tier]
        if not found or any(outcome.verdict in (Verdict.FAILED, Verdict.UNTRIED) for outcome in found):
            return earned
        if any(outcome.verdict is Verdict.PASSED for outcome in outcomes):
            earned = tier
    return earned


def missing(outcomes: Iterable[Outcome]) -> tuple[ConnectorTier | None, list[Outcome]]:
    """The next tier and what stands between; (None, []) when there is none above."""
    outcomes = list(outcomes)
    earned = tier_of(outcomes)
    above = TIERS if earned is None else TIERS[TIERS.index(earned) + 1 :]
    if not above:
        return None, []
    wanted = TIERS[: TIERS.index(above[0]) + 1]
    open_ = [o for o in outcomes if o.tier in wanted and o.verdict in (Verdict.FAILED, Verdict.UNTRIED)]
    return above[0], open_

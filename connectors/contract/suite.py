"""Runs the contract on a subject."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from connectors.contract import rules_arrivals, rules_data, rules_faults, rules_privacy, rules_writes
from connectors.contract.bench import Bench, Subject
from connectors.contract.rule import RULES, TIERS, Broken, NotApplicable, Outcome, Rule, Untried, Verdict
from schema.errors import SimpulError

#: Rules are entered when their modules are imported. Those that may write come last: after them the agency is another.
MODULES: Final = (rules_data, rules_privacy, rules_faults, rules_arrivals, rules_writes)

#: Seconds for one rule; a connector that hangs has broken it.
LONGEST: Final = 120.0


def rules() -> list[Rule]:
    """All rules, those of bronze first."""
    return sorted(RULES.values(), key=lambda rule: TIERS.index(rule.tier))


async def outcomes(subject: Subject) -> AsyncIterator[Outcome]:
    """Tries each rule on a subject, and tells what came of it as it comes.

    Raises:
        ConfigError: no connector can be made.
    """
    async with Bench(subject) as bench:
        async with bench.connector():
            pass  # whatever the file or the environment lacks is told before anything is tried
        for rule in rules():
            yield await attempt(rule, bench)


async def certify(subject: Subject) -> list[Outcome]:
    """All outcomes."""
    return [outcome async for outcome in outcomes(subject)]


async def attempt(rule: Rule, bench: Bench) -> Outcome:
    """Tries one rule. Whatever the connector does, there is an outcome."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(LONGEST):
            verdict, detail = Verdict.PASSED, await rule.attempt(bench) or ""
    except NotApplicable as reason:
        verdict, detail = Verdict.NOT_APPLICABLE, str(reason)
    except Untried as reason:
        verdict, detail = Verdict.UNTRIED, str(reason)
    except Broken as reason:
        verdict, detail = Verdict.FAILED, str(reason)
    except SimpulError as error:
        verdict, detail = Verdict.FAILED, f"{type(error).__name__}: {error}"
    except TimeoutError:
        verdict, detail = Verdict.FAILED, f"did not end within {LONGEST:g} s"
    except Exception as error:
        # A stranger's connector: whatever it raises is an outcome. Its text may hold what the agency sent.
        verdict, detail = (
            Verdict.FAILED,
            f"raised {type(error).__name__}, which is no error of the contract",
        )
    return Outcome(
        rule=rule.id, tier=rule.tier, verdict=verdict, detail=detail, seconds=round(time.monotonic() - started, 3)
    )

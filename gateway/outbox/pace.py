"""How often an agency is written to: what it takes quickly, what it refuses to hear more and more rarely."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from schema.agency import SourceErrorCode
from schema.delivery import Delivery

#: From 0 up to 1.
Dice = Callable[[], float]

#: What says that the agency can't be written to, whatever the write is. The rest is about one write.
OF_THE_AGENCY = frozenset(
    {
        SourceErrorCode.UNREACHABLE,
        SourceErrorCode.TIMEOUT,
        SourceErrorCode.TLS,
        SourceErrorCode.AUTHENTICATION,
        SourceErrorCode.RATE_LIMITED,
        SourceErrorCode.HTTP_ERROR,
    }
)
#: So often an agency fails on one delivery before the next is tried beside it: perhaps it is the delivery.
STUBBORN = 10


class Knobs(msgspec.Struct, frozen=True, kw_only=True):
    """How the outbox works; seconds.

    Attributes:
        at_once: complaints that are under way to one agency at the same time.
        lease: from then on a hub that took a delivery and said no more counts as dead.
        deadline: of one attempt; well below `lease`.
        first, longest: the most that the first wait after a failure, and any, may take.
        look_first: until an unknown outcome is looked up first.
        look_again: most between two looks of it.
        unfindable: how long an outcome that can't be looked up waits for the harvest to bring the record.
        give_up: how long a delivery is tried.
        tries: and how often, at the least.
        idle: between two looks at the queues, where nothing rings.
        breath: between two looks, where much does.
        ending: how long attempts that are under way may go on when the hub ends.
    """

    at_once: int = 8
    lease: float = 180.0
    deadline: float = 90.0
    first: float = 1.0
    longest: float = 300.0
    look_first: float = 2.0
    look_again: float = 3_600.0
    unfindable: float = 86_400.0
    give_up: float = 259_200.0
    tries: int = 3
    idle: float = 1.0
    breath: float = 0.05
    ending: float = 0.7


class Pace:
    """One agency's backoff. Attempts that failed together are one failure.

    Attributes:
        failures: in a row.
        resume_at: nothing is sent before; None while all is well.
    """

    def __init__(self, knobs: Knobs, dice: Dice = random.random) -> None:
        self.failures = 0
        self.resume_at: datetime | None = None
        self._knobs = knobs
        self._dice = dice
        self._failed_at: datetime | None = None
        self._answered_at: datetime | None = None

    def room(self, now: datetime, busy: int) -> int:
        """How many more deliveries may be begun now."""
        if self.resume_at is not None and now < self.resume_at:
            return 0
        most = self._knobs.at_once if not self.failures else 1 if self.failures < STUBBORN else 2
        return max(most - busy, 0)

    def answered(self, now: datetime) -> None:
        """The agency said something, be it no."""
        self.failures, self.resume_at, self._answered_at = 0, None, now

    def failed(self, began: datetime, now: datetime, retry_after: float | None) -> datetime:
        """An attempt failed for reasons of the agency's. When it is to be tried again."""
        if self.resume_at is None or self._failed_at is None or began > self._failed_at:
            self.failures += 1
            self._failed_at = now
            self.resume_at = self.after(self.failures, now, retry_after)
        elif retry_after:
            self.resume_at = max(self.resume_at, now + self._believed(retry_after))
        return self.resume_at

    def after(self, failures: int, now: datetime, retry_after: float | None = None) -> datetime:
        """The moment of the next attempt after so many failures: doubling up to the longest, with full jitter."""
        reach = min(self._knobs.first * 2.0 ** min(failures - 1, 30), self._knobs.longest)
        return now + max(timedelta(seconds=self._dice() * reach), self._believed(retry_after or 0.0))

    def is_own_fault(self, delivery: Delivery, code: SourceErrorCode) -> bool:
        """Whether a failure is about this delivery alone: the agency has answered others since it first failed."""
        if code not in OF_THE_AGENCY:
            return True
        since = delivery.error.since if delivery.error else None
        return since is not None and self._answered_at is not None and self._answered_at > since

    def _believed(self, retry_after: float) -> timedelta:
        return timedelta(seconds=min(retry_after, self._knobs.longest))

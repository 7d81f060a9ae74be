"""Service-level clocks (SLA), counted in working days of the agency's zone."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class ClockKind(StrEnum):
    """Which limit a clock watches."""

    VERIFY = "VERIFY"
    FIRST_FOLLOW_UP = "FIRST_FOLLOW_UP"
    AUTO_CLOSE = "AUTO_CLOSE"
    FINISH = "FINISH"


class SlaClock(msgspec.Struct, frozen=True, kw_only=True):
    """One clock of one complaint.

    Attributes:
        limit_days: working days.
        due_at: None while it is paused.
        paused_for: seconds of pauses that have ended.
        stopped_at: when it was met or no longer mattered.
        breached: turned by an event at the due moment.
    """

    kind: ClockKind
    limit_days: int
    started_at: datetime
    due_at: datetime | None = None
    paused_since: datetime | None = None
    paused_for: int = 0
    stopped_at: datetime | None = None
    breached: bool = False
    breached_at: datetime | None = None

"""Clocks that fall due."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from schema.clocks import SlaClock
from schema.complaint import Actor, Complaint
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.status import ActorRole


def breach(complaint: Complaint, now: datetime, limit: int) -> Change | None:
    """Turns the complaint's clocks that fell due by `now`, earliest first, at most `limit`. None if there is none."""
    due = sorted((clock for clock in complaint.clocks if _is_due(clock, now)), key=_due_at)[:limit]
    if not due:
        return None
    clocks = tuple(
        replace(clock, breached=True, breached_at=clock.due_at) if clock in due else clock for clock in complaint.clocks
    )
    return Change(
        before=complaint,
        after=replace(complaint, clocks=clocks),
        events=tuple(_event(complaint, clock) for clock in due),
    )


def _is_due(clock: SlaClock, now: datetime) -> bool:
    return not clock.breached and clock.stopped_at is None and clock.due_at is not None and clock.due_at <= now


def _due_at(clock: SlaClock) -> datetime:
    assert clock.due_at is not None
    return clock.due_at


def _event(complaint: Complaint, clock: SlaClock) -> EventDraft:
    return EventDraft(
        kind=EventKind.CLOCK_BREACHED,
        status=complaint.status,
        occurred_at=_due_at(clock),
        origin=EventOrigin.HUB,
        actor=Actor(ActorRole.SYSTEM),
        detail=EventDetail(clock=clock.kind),
    )

"""What follows from a complaint's histories: where it stands, its clocks, how long things took. Pure.

Whether an agency told an entry or somebody wrote it here, the same follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from gateway.ledger.rows import to_milliseconds
from schema.agency import Agency
from schema.clocks import ClockLimits, WorkingCalendar, clocks, days_to_close, days_to_first_follow_up
from schema.complaint import Complaint, StatusEvent
from schema.status import TERMINAL

_when = attrgetter("occurred_at")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a complaint's state depends on besides its histories.

    Attributes:
        agency: the system of record.
        limits: the agency's service-level limits.
        calendar: working days in the agency's zone.
        slugs: agencies that are plugged in, by case-folded name.
    """

    agency: Agency
    limits: ClockLimits
    calendar: WorkingCalendar
    slugs: Mapping[str, str]


def derived(rules: Rules, complaint: Complaint, now: datetime) -> Complaint:
    """The complaint after somebody wrote to it here: everything that its histories say, as of `now`."""
    last = last_move(complaint.timeline)
    closed_at = to_milliseconds(last.occurred_at) if last.to_status in TERMINAL else None
    stands = replace(
        complaint,
        status=last.to_status,
        native_status=last.native_status,
        status_actor=last.actor.role if last.actor else None,
        status_reason=last.note,
        status_changed_at=to_milliseconds(last.occurred_at),
        closed_at=closed_at,
        updated_at=max(complaint.updated_at, to_milliseconds(now)),
    )
    return measured(rules, stands, now)


def measured(rules: Rules, complaint: Complaint, now: datetime) -> Complaint:
    """The complaint with its clocks as of `now`, and what was counted in working days."""
    submitted_at, calendar = complaint.submitted_at, rules.calendar
    timeline = sorted(complaint.timeline, key=_when)
    return replace(
        complaint,
        clocks=clocks(
            submitted_at=submitted_at,
            timeline=timeline,
            follow_ups=sorted(complaint.follow_ups, key=_when),
            dispositions=sorted(complaint.dispositions, key=_when),
            classification=complaint.classification,
            limits=rules.limits,
            calendar=calendar,
            now=now,
        ),
        days_to_first_follow_up=days_to_first_follow_up(
            submitted_at=submitted_at, follow_ups=complaint.follow_ups, timeline=timeline, calendar=calendar
        ),
        days_to_close=days_to_close(submitted_at=submitted_at, closed_at=complaint.closed_at, calendar=calendar),
    )


def last_move(timeline: Sequence[StatusEvent]) -> StatusEvent:
    """The newest by the clock; of moves that share a moment the last that was learned of."""
    return max(reversed(timeline), key=_when)


def confirmed(complaint: Complaint, delivery: str, at: datetime) -> Complaint:
    """The complaint once its agency said that it has what the delivery took there."""
    waiting = (each.delivery == delivery and each.told_at is None and not each.undone for each in complaint.sent)
    sent = tuple(
        replace(each, acknowledged_at=to_milliseconds(at)) if waits else each
        for each, waits in zip(complaint.sent, waiting, strict=True)
    )
    return replace(complaint, sent=sent)

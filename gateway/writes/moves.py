"""What a delivery's move does to its complaint. Pure; the desk and the outbox use it.

A delivery that moves is an event of its complaint. Besides,

- ACKNOWLEDGED: what it took there is the agency's word, too; a SUBMIT gives the record its key and its number there;
- REJECTED: what it took there never happened at the agency. A status that was moved is moved back, by SYSTEM, unless it
  moved on since; the next harvest says where the agency stands.

Only the state's own change moves `updated_at`: a delivery is not the public's to see.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from gateway.ledger.rows import to_milliseconds
from gateway.sync.derived import Rules, confirmed, derived, last_move, measured
from schema.complaint import Actor, Complaint, ContentState, ExternalReference, Sent, StatusEvent, by_time
from schema.connector import Acknowledgement
from schema.delivery import Delivery, DeliveryKind, DeliveryState
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.status import TERMINAL, ActorRole, ComplaintStatus

SYSTEM: Final = Actor(ActorRole.SYSTEM)

#: Deliveries whose entry is a move of the status.
_MOVES = frozenset({DeliveryKind.STATUS_CHANGE, DeliveryKind.WITHDRAWAL})


def delivery_change(
    complaint: Complaint,
    before: Delivery | None,
    after: Delivery,
    now: datetime,
    *,
    rules: Rules | None = None,
    acknowledgement: Acknowledgement | None = None,
    actor: Actor = SYSTEM,
) -> Change:
    """The change that a delivery's move makes to its complaint.

    Args:
        before: None for a new one. Where the state is the same there is no event, and nothing of the complaint changes.
        rules: of the complaint's agency; None where it is no longer plugged in: its clocks stay as they are.
        acknowledgement: what the agency said, for ACKNOWLEDGED.
    """
    change = Change(before=complaint, after=complaint, events=())
    if before is not None and before.state is after.state:
        return change
    change = then(change, complaint, delivery_event(complaint, after, now, actor))
    if after.state is DeliveryState.ACKNOWLEDGED:
        return then(change, _acknowledged(complaint, after, acknowledgement, now))
    if after.state is DeliveryState.REJECTED:
        return _rejected(change, after, now, rules)
    return change


def delivery_event(complaint: Complaint, delivery: Delivery, now: datetime, actor: Actor = SYSTEM) -> EventDraft:
    """The event that tells of a delivery's state."""
    return EventDraft(
        kind=EventKind.DELIVERY_CHANGED,
        status=complaint.status,
        occurred_at=now,
        origin=EventOrigin.HUB,
        actor=actor,
        detail=EventDetail(delivery=delivery.id, delivery_state=delivery.state),
    )


def then(change: Change, after: Complaint, *events: EventDraft) -> Change:
    """The change, gone on to `after` with further events."""
    return replace(change, after=after, events=(*change.events, *events))


def with_breaches(change: Change) -> Change:
    """The change with the clocks that fell due before it and were not told yet: first, since they were before it.

    Clocks are computed anew with a write; one that it stops late, or that no tick has turned so far, is breached by it.
    """
    before = change.before
    known = {(clock.kind, clock.started_at) for clock in before.clocks if clock.breached} if before else set()
    breaches = tuple(
        EventDraft(
            kind=EventKind.CLOCK_BREACHED,
            status=before.status if before else change.after.status,
            occurred_at=clock.breached_at,
            origin=EventOrigin.HUB,
            actor=SYSTEM,
            detail=EventDetail(clock=clock.kind),
        )
        for clock in change.after.clocks
        if clock.breached and clock.breached_at is not None and (clock.kind, clock.started_at) not in known
    )
    return replace(change, events=(*breaches, *change.events))


def moved(complaint: Complaint, entry: StatusEvent, rules: Rules | None, now: datetime) -> tuple[Complaint, EventDraft]:
    """The complaint with one more move of its status, and the event that tells it."""
    last = last_move(complaint.timeline)
    # What stands at the end of the history also is its newest, whatever the agency's clock said before.
    moment = max(to_milliseconds(entry.occurred_at), last.occurred_at)
    entry = replace(entry, from_status=complaint.status, occurred_at=moment)
    after = recomputed(rules, replace(complaint, timeline=(*complaint.timeline, entry)), now)
    event = EventDraft(
        kind=EventKind.STATUS_CHANGED,
        status=entry.to_status,
        occurred_at=entry.occurred_at,
        origin=EventOrigin.HUB,
        actor=entry.actor,
        detail=EventDetail(from_status=entry.from_status, to_status=entry.to_status, entry=len(complaint.timeline)),
    )
    return after, event


def recomputed(rules: Rules | None, complaint: Complaint, now: datetime) -> Complaint:
    """The complaint with everything that follows from its histories; without rules its clocks stay as they are."""
    if rules is not None:
        return derived(rules, complaint, now)
    last = last_move(complaint.timeline)
    return replace(
        complaint,
        status=last.to_status,
        native_status=last.native_status,
        status_actor=last.actor.role if last.actor else None,
        status_reason=last.note,
        status_changed_at=to_milliseconds(last.occurred_at),
        closed_at=to_milliseconds(last.occurred_at) if last.to_status in TERMINAL else None,
        updated_at=max(complaint.updated_at, to_milliseconds(now)),
    )


def grown(rules: Rules | None, complaint: Complaint, now: datetime) -> Complaint:
    """The complaint with its clocks anew, after something was added to it that does not move its status."""
    complaint = replace(complaint, updated_at=max(complaint.updated_at, to_milliseconds(now)))
    return complaint if rules is None else measured(rules, complaint, now)


def _acknowledged(
    complaint: Complaint, delivery: Delivery, acknowledgement: Acknowledgement | None, now: datetime
) -> Complaint:
    complaint = confirmed(complaint, delivery.id, now)
    if delivery.kind is not DeliveryKind.SUBMIT:
        return complaint
    native_id = (acknowledgement.native_id if acknowledgement else None) or delivery.native_id
    number = acknowledgement.tracking_id if acknowledgement else None
    return replace(
        complaint,
        native_id=complaint.native_id or native_id,
        external_references=_with_number(complaint, number, now),
    )


def _with_number(complaint: Complaint, number: str | None, now: datetime) -> tuple[ExternalReference, ...]:
    """Its references with the number that its agency gave it; of an agency that allows no copies, none is kept."""
    known = {(reference.system, reference.id) for reference in complaint.external_references}
    own = complaint.agency, number or complaint.tracking_id
    if number in (None, complaint.tracking_id) or own in known or complaint.content_state is ContentState.UNAVAILABLE:
        return complaint.external_references
    reference = ExternalReference(*own, synced_at=to_milliseconds(now))
    return (*complaint.external_references, reference)


def _rejected(change: Change, delivery: Delivery, now: datetime, rules: Rules | None) -> Change:
    """Marks what it wrote as undone, and moves the status back if that is where it still stands."""
    if delivery.kind is DeliveryKind.SUBMIT:
        return change
    complaint = _undone(change.after, delivery.id)
    if delivery.kind not in _MOVES or delivery.entry is None:
        return then(change, complaint)
    entry = complaint.timeline[delivery.entry]
    if entry.from_status is None or last_move(complaint.timeline) is not entry:
        return then(change, complaint)
    back = replace(_as_it_stood(complaint, entry.from_status), occurred_at=now, actor=SYSTEM)
    after, event = moved(complaint, back, rules, now)
    mark = Sent(delivery=delivery.id, list="timeline", entry=len(complaint.timeline), undone=True)
    return with_breaches(then(change, replace(after, sent=(*after.sent, mark)), event))


def _undone(complaint: Complaint, delivery: str) -> Complaint:
    sent = tuple(replace(each, undone=True) if each.delivery == delivery else each for each in complaint.sent)
    return replace(complaint, sent=sent)


def _as_it_stood(complaint: Complaint, status: ComplaintStatus) -> StatusEvent:
    """The move that last led to a status, with its words."""
    led = [move for move in by_time(complaint.timeline) if move.to_status is status]
    return led[-1] if led else StatusEvent(to_status=status, occurred_at=complaint.status_changed_at)

"""What a desk would have the ledger keep: small complaints, their deliveries and their events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from schema.complaint import Complaint, Routed, random_id
from schema.delivery import Delivery, DeliveryKind, DeliveryState
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.status import ComplaintStatus
from schema.writes import Action, Decide, Held, Intent, Outcome, Written

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def event(kind: EventKind, complaint: Complaint, **detail: Any) -> EventDraft:
    """An event of the hub's own."""
    return EventDraft(
        kind=kind,
        status=complaint.status,
        occurred_at=NOW,
        origin=EventOrigin.HUB,
        detail=EventDetail(**detail),
    )


def moved(delivery: Delivery, complaint: Complaint) -> EventDraft:
    """The event that a delivery is in its state."""
    return event(EventKind.DELIVERY_CHANGED, complaint, delivery=delivery.id, delivery_state=delivery.state)


def complaint(number: int, **fields: Any) -> Complaint:
    """A complaint that is written here, for `prov-bali`."""
    common: dict[str, Any] = {
        "id": random_id("complaint"),
        "agency": "prov-bali",
        "native_id": None,
        "tracking_id": f"SMP-0000-0000-{number:04}",
        "status": ComplaintStatus.SUBMITTED,
        "status_changed_at": NOW,
        "submitted_at": NOW,
        "updated_at": NOW,
        "title": "Lampu mati",
        "routing": Routed(agency="prov-bali", rule="national"),
    }
    return Complaint(**(common | fields))


def delivery(complaint: Complaint, kind: DeliveryKind = DeliveryKind.SUBMIT, **fields: Any) -> Delivery:
    """A delivery that is due at once."""
    common: dict[str, Any] = {
        "id": random_id("delivery"),
        "complaint_id": complaint.id,
        "agency": complaint.agency,
        "kind": kind,
        "queued_at": NOW,
        "next_attempt_at": NOW,
    }
    return Delivery(**(common | fields))


def submission(complaint: Complaint, *deliveries: Delivery, **fields: Any) -> Written:
    """What keeps a new complaint and its deliveries."""
    events = (event(EventKind.SUBMITTED, complaint), *(moved(each, complaint) for each in deliveries))
    change = Change(before=None, after=complaint, events=events)
    outcome = Outcome(complaint=complaint.id, delivery=deliveries[0].id if deliveries else None)
    return Written(outcome=outcome, changes=(change,), deliveries=deliveries, **fields)


def intent(key: str | None = None, body: str | None = "b" * 64, **fields: Any) -> Intent:
    """A submit of the public's."""
    common: dict[str, Any] = {"action": Action.SUBMIT_COMPLAINT, "actor": "public", "key": key, "body": body}
    return Intent(**(common | fields))


def deliver(delivery: Delivery) -> Intent:
    """What the outbox settles a delivery by."""
    ids: dict[str, Any] = {"complaints": (delivery.complaint_id,), "deliveries": (delivery.id,)}
    return Intent(action=Action.DELIVER, actor="hub", **ids)


def settle(state: DeliveryState, **fields: Any) -> Decide:
    """How an attempt ended; the complaint of an acknowledged SUBMIT has the native id from then on."""

    def decide(held: Held) -> Written:
        [known], [before] = held.deliveries.values(), held.complaints.values()
        settled = replace(known, state=state, next_attempt_at=None, owner=None, leased_until=None, **fields)
        first = known.kind is DeliveryKind.SUBMIT and state is DeliveryState.ACKNOWLEDGED
        after = replace(before, native_id=settled.native_id) if first else before
        change = Change(before=before, after=after, events=(moved(settled, after),))
        return Written(outcome=Outcome(delivery=known.id), changes=(change,), deliveries=(settled,))

    return decide


def once(written: Written) -> Decide:
    """Has this kept, whatever there is."""
    return lambda held: written

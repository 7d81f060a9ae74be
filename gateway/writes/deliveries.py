"""What people do to deliveries: send them again, or say what became of them."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from gateway.sync.derived import last_move
from gateway.writes.basis import Basis, acting, is_emptied, seen
from gateway.writes.intents import tidy
from gateway.writes.moves import delivery_change, delivery_event, moved, then, with_breaches
from schema.access import may_link, operates
from schema.complaint import Actor, Complaint, Sent
from schema.connector import Acknowledgement
from schema.delivery import Delivery, DeliveryKind, DeliveryState
from schema.events import Change
from schema.query import Viewer
from schema.status import is_legal
from schema.writes import (
    Decide,
    DeliveryOutcome,
    Held,
    IllegalDeliveryMove,
    NotFound,
    NotPermitted,
    Outcome,
    Problem,
    RetryDelivery,
    SettleDelivery,
    Written,
)

#: States in which a person may say what became of it.
_UNDECIDED: Final = frozenset({DeliveryState.HAND_DELIVERY, DeliveryState.DEAD, DeliveryState.UNKNOWN})
_MOVES: Final = frozenset({DeliveryKind.STATUS_CHANGE, DeliveryKind.WITHDRAWAL})


def retry(viewer: Viewer, asked: RetryDelivery, complaint_id: str, basis: Basis) -> Decide:
    """Queues a REJECTED or DEAD one again; has an UNKNOWN one looked up now.

    A move of the status that was taken back when it was REJECTED is made once more, if it is legal still. What was
    sealed for a REJECTED one is gone: the agency is not told who reported, and if that allows no copies there is
    nothing left to send.
    """

    def decided(held: Held) -> Written | Problem:
        complaint, delivery = seen(viewer, held, complaint_id), held.deliveries.get(asked.delivery_id)
        if isinstance(complaint, NotFound) or delivery is None:
            return NotFound()
        if not operates(viewer, delivery.agency):
            return NotPermitted()
        outcome = Outcome(complaint=complaint.id, delivery=delivery.id)
        if delivery.state is DeliveryState.UNKNOWN:
            return Written(outcome=outcome, deliveries=(replace(delivery, next_attempt_at=basis.now),))
        if delivery.state not in (DeliveryState.REJECTED, DeliveryState.DEAD) or is_emptied(complaint):
            return IllegalDeliveryMove(delivery.state)
        queued = _queued(delivery, basis)
        actor = acting(viewer, complaint)
        again = Change(before=complaint, after=complaint, events=())
        if delivery.state is DeliveryState.REJECTED:
            if not basis.keeps_content(complaint):
                return IllegalDeliveryMove(delivery.state)
            redone = _redone(again, queued, actor, basis)
            if redone is None:
                return IllegalDeliveryMove(delivery.state)
            again, queued = redone
        again = with_breaches(then(again, again.after, delivery_event(again.after, queued, basis.now, actor)))
        return Written(outcome=outcome, changes=(again,), deliveries=(queued,))

    return decided


def settle(viewer: Viewer, asked: SettleDelivery, complaint_id: str, basis: Basis) -> Decide:
    """Ends one that no machine could finish. A complaint that an agency refused may have been handed over since.

    Where a harvest brought the record first, the ledger makes the two one.
    """

    def decided(held: Held) -> Written | Problem:
        complaint, delivery = seen(viewer, held, complaint_id), held.deliveries.get(asked.delivery_id)
        if isinstance(complaint, NotFound) or delivery is None:
            return NotFound()
        if not may_link(viewer, complaint):
            return NotPermitted()
        if not _may_settle(complaint, delivery, asked.outcome):
            return IllegalDeliveryMove(delivery.state)
        native_id = tidy(asked.native_id)
        ended = _ended(delivery, asked.outcome, native_id, basis)
        change = delivery_change(
            complaint,
            delivery,
            ended,
            basis.now,
            rules=basis.rules(complaint.agency),
            acknowledgement=Acknowledgement(native_id=native_id),
            actor=acting(viewer, complaint),
        )
        outcome = Outcome(complaint=complaint.id, delivery=delivery.id)
        return Written(outcome=outcome, changes=(change,), deliveries=(ended,))

    return decided


def _may_settle(complaint: Complaint, delivery: Delivery, outcome: DeliveryOutcome) -> bool:
    if delivery.state in _UNDECIDED:
        return True
    if delivery.kind is DeliveryKind.SUBMIT:
        return delivery.state is DeliveryState.REJECTED and outcome is DeliveryOutcome.DELIVERED
    # What follows a complaint that its agency does not have, or has no key for, is stuck.
    return delivery.state is DeliveryState.QUEUED and complaint.native_id is None


def _ended(delivery: Delivery, outcome: DeliveryOutcome, native_id: str | None, basis: Basis) -> Delivery:
    delivered = outcome is DeliveryOutcome.DELIVERED
    return replace(
        delivery,
        state=DeliveryState.ACKNOWLEDGED if delivered else DeliveryState.REJECTED,
        settled_at=basis.now,
        next_attempt_at=None,
        native_id=(native_id if delivered else None) or delivery.native_id,
        error=None,
        owner=None,
        leased_until=None,
    )


def _queued(delivery: Delivery, basis: Basis) -> Delivery:
    """`attempts` goes on: it tells an old attempt's news from a new one's."""
    return replace(
        delivery,
        state=DeliveryState.QUEUED,
        queued_at=basis.now,
        next_attempt_at=basis.now,
        settled_at=None,
        error=None,
        owner=None,
        leased_until=None,
    )


def _redone(change: Change, delivery: Delivery, actor: Actor, basis: Basis) -> tuple[Change, Delivery] | None:
    """What the refusal undid, done again; None if it can't be."""
    complaint = change.after
    if delivery.kind not in _MOVES or delivery.entry is None:
        sent = tuple(replace(each, undone=False) if each.delivery == delivery.id else each for each in complaint.sent)
        return then(change, replace(complaint, sent=sent)), delivery
    entry = complaint.timeline[delivery.entry]
    if not _taken_back(complaint, delivery.id) or not is_legal(complaint.status, entry.to_status):
        return None
    again = replace(entry, occurred_at=basis.now, native_status=None)
    after, event = moved(complaint, again, basis.rules(complaint.agency), basis.now)
    place = len(complaint.timeline)
    mark = Sent(delivery=delivery.id, list="timeline", entry=place)
    return then(change, replace(after, sent=(*after.sent, mark)), event), replace(delivery, entry=place)


def _taken_back(complaint: Complaint, delivery: str) -> bool:
    """Nothing else moved the status since the refusal took the move back."""
    last = last_move(complaint.timeline)
    marks = (each for each in complaint.sent if each.list == "timeline" and each.undone)
    return any(each.delivery == delivery and complaint.timeline[each.entry] is last for each in marks)

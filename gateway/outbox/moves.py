"""How a delivery moves from state to state. Pure: the ledger calls it under the head's lock.

QUEUED -> SENT -> ACKNOWLEDGED | REJECTED | HAND_DELIVERY
               -> QUEUED    it did certainly not arrive
               -> UNKNOWN   perhaps it did: it is looked up
UNKNOWN -> ACKNOWLEDGED     it was found
        -> QUEUED           the agency does not have it, and will not have it
QUEUED, UNKNOWN -> DEAD     for too long
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from gateway.failpoints import reached
from gateway.sync.derived import Rules
from gateway.writes.moves import delivery_change
from schema.connector import Acknowledgement
from schema.delivery import Delivery, DeliveryState
from schema.writes import Action, Decide, Held, IllegalDeliveryMove, Intent, NotFound, Outcome, Problem, Written

#: How the audit calls whoever settles deliveries.
HUB = "hub"


def free(delivery: Delivery, state: DeliveryState, **fields: object) -> Delivery:
    """The delivery in another state, and nobody's."""
    return replace(delivery, state=state, owner=None, leased_until=None, **{"next_attempt_at": None, **fields})


def intent(delivery: Delivery) -> Intent:
    """What is locked and read to move a delivery."""
    return Intent(action=Action.DELIVER, actor=HUB, complaints=(delivery.complaint_id,), deliveries=(delivery.id,))


def move(
    taken: Delivery, moved: Delivery, now: datetime, rules: Rules | None, told: Acknowledgement | None = None
) -> Decide:
    """Moves a delivery that is still as it was taken; whoever lost it in between changes nothing."""

    def decide(held: Held) -> Written | Problem:
        reached("delivery.settling")
        complaint = held.complaints.get(taken.complaint_id)
        if (lost := _lost(taken, held)) or complaint is None:
            return lost or NotFound()
        outcome = Outcome(complaint=complaint.id, delivery=taken.id, entry=taken.entry)
        change = delivery_change(complaint, taken, moved, now, rules=rules, acknowledgement=told)
        return Written(outcome=outcome, changes=(change,) if change.events else (), deliveries=(moved,))

    return decide


def acknowledge(taken: Delivery, told: Acknowledgement, now: datetime, rules: Rules | None) -> Decide:
    """The agency has it. What it calls the complaint is kept.

    A record that a harvest brought before anybody knew that it is ours is the ledger's to join: see
    `gateway.ledger.adoption`.
    """
    native_id = told.native_id or taken.native_id
    moved = free(taken, DeliveryState.ACKNOWLEDGED, settled_at=now, native_id=native_id, error=None)
    return move(taken, moved, now, rules, told)


def _lost(taken: Delivery, held: Held) -> Problem | None:
    now = held.deliveries.get(taken.id)
    if now is None:
        return NotFound()
    same = (now.state, now.attempts, now.owner) == (taken.state, taken.attempts, taken.owner)
    return None if same else IllegalDeliveryMove(now.state)

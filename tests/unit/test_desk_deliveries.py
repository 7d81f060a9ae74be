"""What becomes of a complaint when a delivery moves, by the outbox or by a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.sync.diff import diff
from gateway.writes import deliveries, status
from gateway.writes.moves import delivery_change
from schema.agency import SourceErrorCode, SourceProblem
from schema.complaint import Complaint, ComplaintRecord, ContentState, ExternalReference, StatusEvent
from schema.connector import Acknowledgement
from schema.delivery import Delivery, DeliveryKind, DeliveryState
from schema.events import EventKind, EventOrigin
from schema.query import Role, Viewer
from schema.status import ActorRole, ComplaintStatus
from schema.writes import (
    ChangeStatus,
    Decide,
    DeliveryOutcome,
    IllegalDeliveryMove,
    NotFound,
    NotPermitted,
    RetryDelivery,
    SettleDelivery,
    Written,
)
from tests.unit.desk_case import (
    ADMIN,
    BASIS,
    EVERYBODY,
    KEY,
    NOW,
    OFFICER,
    PLUGGED_IN,
    T0,
    complaint,
    done,
    held,
    kinds,
)

S, D, K, E = ComplaintStatus, DeliveryState, DeliveryKind, EventKind
ID, DID = "complaint_" + "a" * 26, "delivery_" + "d" * 26
LATER = NOW + timedelta(hours=1)
INTEGRATOR = Viewer(role=Role.INTEGRATOR, agencies=("kab-uji",), credential="key:6")


def delivery(state: DeliveryState, kind: DeliveryKind = K.SUBMIT, **fields: Any) -> Delivery:
    return Delivery(
        id=DID,
        complaint_id=ID,
        agency="kab-uji",
        kind=kind,
        queued_at=T0,
        state=state,
        attempts=3,
        error=SourceProblem(SourceErrorCode.REJECTED, T0),
        **fields,
    )


def moved(to: ComplaintStatus = S.VERIFIED, before: ComplaintStatus = S.SUBMITTED) -> tuple[Complaint, Delivery]:
    """A complaint whose status an officer moved, and the delivery of that."""
    asked = ChangeStatus(idempotency_key=KEY, complaint_id=ID, to_status=to, reason="Karena.")
    written = done(status.change(OFFICER, asked, BASIS), complaint(before))
    return written.changes[0].after, written.deliveries[0]


def ended(complaint: Complaint, before: Delivery, state: DeliveryState, **more: Any) -> Any:
    after = replace(before, state=state, settled_at=LATER)
    return delivery_change(complaint, before, after, LATER, rules=PLUGGED_IN["kab-uji"], **more)


def retry(viewer: Viewer, basis: Any = BASIS) -> Decide:
    return deliveries.retry(viewer, RetryDelivery(idempotency_key=KEY, delivery_id=DID), ID, basis)


def settle(
    viewer: Viewer, outcome: DeliveryOutcome = DeliveryOutcome.DELIVERED, native_id: str | None = "N-1"
) -> Decide:
    asked = SettleDelivery(idempotency_key=KEY, delivery_id=DID, outcome=outcome, note="Diantar.", native_id=native_id)
    return deliveries.settle(viewer, asked, ID, BASIS)


# ---------------------------------------------------------------- by the outbox


def test_a_move_of_a_delivery_is_one_event_and_nothing_that_the_public_sees() -> None:
    before = delivery(D.SENT)
    change = delivery_change(complaint(), before, replace(before, state=D.UNKNOWN), LATER)
    assert (change.after, kinds(change)) == (change.before, [E.DELIVERY_CHANGED])
    detail = change.events[0].detail
    assert (detail.delivery, detail.delivery_state, change.events[0].origin) == (DID, D.UNKNOWN, EventOrigin.HUB)
    same = delivery_change(complaint(), before, replace(before, next_attempt_at=LATER), LATER)
    assert (same.after, same.events) == (complaint(), ())


def test_an_acknowledged_complaint_has_its_key_and_its_number_there() -> None:
    filed = complaint(native_id=None)
    after = ended(
        filed, delivery(D.SENT), D.ACKNOWLEDGED, acknowledgement=Acknowledgement(native_id="N-1", tracking_id="TANG-1")
    ).after
    assert (after.native_id, after.updated_at) == ("N-1", filed.updated_at)
    assert after.external_references == (ExternalReference("kab-uji", "TANG-1", synced_at=LATER),)
    unavailable = replace(filed, content_state=ContentState.UNAVAILABLE)
    after = ended(
        unavailable,
        delivery(D.SENT),
        D.ACKNOWLEDGED,
        acknowledgement=Acknowledgement(native_id="N-1", tracking_id="TANG-1"),
    ).after
    assert after.external_references == ()


def test_a_refused_move_is_taken_back_by_the_system_and_the_agencys_word_counts_again() -> None:
    standing, sent = moved(S.POSTPONED)
    change = ended(standing, sent, D.REJECTED)
    assert kinds(change) == [E.DELIVERY_CHANGED, E.STATUS_CHANGED]
    after = change.after
    assert (after.status, after.status_actor, after.status_reason) == (S.SUBMITTED, ActorRole.SYSTEM, None)
    assert [mark.undone for mark in after.sent] == [True, True]
    # What the agency wrote in the meantime is no late record, and its moves are its own.
    told = ComplaintRecord(
        native_id="7",
        tracking_id="U-a",
        status=S.POSTPONED,
        timeline=(
            StatusEvent(to_status=S.SUBMITTED, occurred_at=T0),
            StatusEvent(to_status=S.POSTPONED, occurred_at=LATER + timedelta(minutes=1)),
        ),
        title="Jalan rusak",
        original_text="Lubang di depan sekolah",
        updated_at=NOW + timedelta(minutes=1),
    )
    harvested = diff(PLUGGED_IN["kab-uji"], after, told, LATER + timedelta(minutes=2), EventOrigin.SYNC)
    assert harvested is not None
    assert harvested.after.status is S.POSTPONED
    assert [move.to_status for move in harvested.after.timeline] == [S.SUBMITTED, S.POSTPONED, S.SUBMITTED, S.POSTPONED]


def test_a_refused_move_that_was_followed_by_another_is_left_alone() -> None:
    standing, sent = moved(S.VERIFIED)
    asked = ChangeStatus(idempotency_key=KEY, complaint_id=ID, to_status=S.DISPOSED)
    further = done(status.change(OFFICER, asked, replace(BASIS, now=LATER)), standing).changes[0].after
    change = ended(further, sent, D.REJECTED)
    assert (change.after.status, kinds(change)) == (S.DISPOSED, [E.DELIVERY_CHANGED])


def test_a_complaint_that_was_refused_stays_where_it_is() -> None:
    change = ended(complaint(native_id=None), delivery(D.SENT), D.REJECTED)
    assert (change.after, kinds(change)) == (change.before, [E.DELIVERY_CHANGED])


def test_a_refusal_is_told_though_the_agency_is_no_longer_plugged_in() -> None:
    standing, sent = moved()
    change = delivery_change(standing, sent, replace(sent, state=D.REJECTED), LATER)
    assert (change.after.status, change.after.clocks) == (S.SUBMITTED, standing.clocks)


# ---------------------------------------------------------------- by people


def test_who_may_send_again() -> None:
    ledger = held(complaint(), deliveries=(delivery(D.DEAD),))
    hidden = held(complaint(is_confidential=True), deliveries=(delivery(D.DEAD),))
    for who, viewer in {**EVERYBODY, "integrator": INTEGRATOR}.items():
        may = who in ("admin", "integrator")
        assert type(retry(viewer)(ledger)) is (Written if may else NotPermitted), who
        seen = who in ("officer", "reporter", "oversight")
        assert type(retry(viewer)(hidden)) is (Written if may else NotPermitted if seen else NotFound), who
    assert retry(ADMIN)(held(complaint())) == NotFound()


@pytest.mark.parametrize("state", [D.DEAD, D.REJECTED])
def test_what_failed_is_queued_again(state: DeliveryState) -> None:
    written = done(retry(ADMIN), complaint(), deliveries=(delivery(state, settled_at=T0),))
    [queued], [change] = written.deliveries, written.changes
    assert (queued.state, queued.attempts, queued.error, queued.settled_at) == (D.QUEUED, 3, None, None)
    assert (queued.queued_at, queued.next_attempt_at) == (NOW, NOW)
    assert [event.detail.delivery_state for event in change.events] == [D.QUEUED]
    assert written.outcome.delivery == DID


def test_an_unknown_outcome_is_looked_up_now() -> None:
    written = done(retry(ADMIN), complaint(), deliveries=(delivery(D.UNKNOWN),))
    assert written.changes == ()
    assert [(each.state, each.next_attempt_at) for each in written.deliveries] == [(D.UNKNOWN, NOW)]


@pytest.mark.parametrize("state", [D.QUEUED, D.SENT, D.ACKNOWLEDGED, D.HAND_DELIVERY])
def test_what_goes_on_or_has_ended_is_not_sent_again(state: DeliveryState) -> None:
    ledger = held(complaint(), deliveries=(delivery(state),))
    assert retry(ADMIN)(ledger) == IllegalDeliveryMove(state)


def test_what_there_is_nothing_left_of_is_not_sent_again() -> None:
    for gone in (ContentState.UNAVAILABLE, ContentState.ERASED):
        ledger = held(complaint(content_state=gone), deliveries=(delivery(D.REJECTED),))
        assert retry(ADMIN)(ledger) == IllegalDeliveryMove(D.REJECTED)


def test_a_move_that_was_taken_back_is_made_again() -> None:
    standing, sent = moved(S.POSTPONED)
    back = ended(standing, sent, D.REJECTED).after
    refused = replace(sent, id=DID, state=D.REJECTED)
    back = replace(back, sent=tuple(replace(mark, delivery=DID) for mark in back.sent))
    written = done(retry(ADMIN, replace(BASIS, now=LATER)), back, deliveries=(refused,))
    [change], [queued] = written.changes, written.deliveries
    assert kinds(change) == [E.STATUS_CHANGED, E.DELIVERY_CHANGED]
    assert (change.after.status, change.after.status_reason) == (S.POSTPONED, "Karena.")
    assert change.after.timeline[queued.entry or 0].to_status is S.POSTPONED
    assert [mark.undone for mark in change.after.sent] == [True, True, False]

    asked = ChangeStatus(idempotency_key=KEY, complaint_id=ID, to_status=S.VERIFIED)
    elsewhere = done(status.change(OFFICER, asked, replace(BASIS, now=LATER)), back).changes[0].after
    assert retry(ADMIN)(held(elsewhere, deliveries=(refused,))) == IllegalDeliveryMove(D.REJECTED)


@pytest.mark.parametrize("state", list(D))
@pytest.mark.parametrize("outcome", list(DeliveryOutcome))
def test_an_officer_ends_what_no_machine_could(state: DeliveryState, outcome: DeliveryOutcome) -> None:
    filed = complaint(native_id=None)
    result = settle(OFFICER, outcome)(held(filed, deliveries=(delivery(state),)))
    delivered = outcome is DeliveryOutcome.DELIVERED
    if state not in (D.HAND_DELIVERY, D.DEAD, D.UNKNOWN) and not (state is D.REJECTED and delivered):
        assert result == IllegalDeliveryMove(state)
        return
    assert isinstance(result, Written)
    [after], [change] = result.deliveries, result.changes
    assert (after.state, after.settled_at, after.next_attempt_at, after.error) == (
        D.ACKNOWLEDGED if delivered else D.REJECTED,
        NOW,
        None,
        None,
    )
    assert (after.native_id, change.after.native_id) == (("N-1", "N-1") if delivered else (None, None))
    assert change.events[0].actor is not None
    assert change.events[0].actor.agency == "kab-uji"


def test_only_a_complaint_that_was_refused_can_be_handed_over_after_all() -> None:
    refused = delivery(D.REJECTED, K.FOLLOW_UP, entry=0)
    assert settle(OFFICER)(held(complaint(), deliveries=(refused,))) == IllegalDeliveryMove(D.REJECTED)


def test_what_is_stuck_behind_a_complaint_that_the_agency_does_not_have_can_be_settled() -> None:
    waiting = delivery(D.QUEUED, K.FOLLOW_UP, entry=0)
    assert settle(OFFICER)(held(complaint(), deliveries=(waiting,))) == IllegalDeliveryMove(D.QUEUED)
    written = done(settle(OFFICER), complaint(native_id=None), deliveries=(waiting,))
    assert [each.state for each in written.deliveries] == [D.ACKNOWLEDGED]
    assert written.changes[0].after.native_id is None


def test_who_may_settle() -> None:
    ledger = held(complaint(), deliveries=(delivery(D.HAND_DELIVERY),))
    for who, viewer in EVERYBODY.items():
        assert type(settle(viewer)(ledger)) is (Written if who in ("officer", "admin") else NotPermitted), who

"""The journey that the records of one matter tell."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from schema.clocks import ClockKind, SlaClock
from schema.complaint import (
    Actor,
    AgencyReference,
    Complaint,
    Disposition,
    FollowUp,
    FollowUpKind,
    Rating,
    RatingSource,
    StatusEvent,
)
from schema.graph.steps import MOST_RECORDS, MOST_STEPS, Journey, JourneyStepKind, journey
from schema.status import ActorRole, ComplaintStatus
from tests.unit.graph_ledger import NOW, complaint

_S, _K = ComplaintStatus, JourneyStepKind
TO_BALI = AgencyReference("Provinsi Bali", agency="prov-bali")


def at(day: int) -> datetime:
    return NOW + timedelta(days=day)


def told(journey: Journey) -> list[tuple[JourneyStepKind, datetime]]:
    return [(step.kind, step.occurred_at) for step in journey.steps]


def handed_over(day: int, *, not_ours: bool = False) -> Disposition:
    return Disposition(to_agency=TO_BALI, occurred_at=at(day), is_not_authority=not_ours, note="Bukan wewenang")


def test_one_record_tells_every_step_in_order() -> None:
    record = complaint(
        0,
        timeline=(
            StatusEvent(to_status=_S.SUBMITTED, occurred_at=at(0), actor=Actor(ActorRole.REPORTER)),
            StatusEvent(from_status=_S.SUBMITTED, to_status=_S.DISPOSED, occurred_at=at(1), note="Diteruskan"),
        ),
        dispositions=(handed_over(1),),
        follow_ups=(
            FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=at(3), content="Dikerjakan."),
            FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=at(4), content="Rahasia.", is_confidential=True),
        ),
        ratings=(Rating(score=5, source=RatingSource.AUTO, occurred_at=at(9)),),
        clocks=(
            SlaClock(kind=ClockKind.VERIFY, limit_days=3, started_at=at(0)),
            SlaClock(kind=ClockKind.FINISH, limit_days=5, started_at=at(0), breached=True, breached_at=at(7)),
        ),
    )
    way = journey([record], confidential=False)
    assert told(way) == [
        (_K.SUBMITTED, at(0)),
        (_K.STATUS_CHANGED, at(1)),
        (_K.TRANSFERRED, at(1)),
        (_K.FOLLOW_UP_ADDED, at(3)),
        (_K.CLOCK_BREACHED, at(7)),
        (_K.RATED, at(9)),
    ]
    submitted, moved, transferred, answered, _, rated = way.steps
    assert submitted.actor == Actor(ActorRole.REPORTER)
    assert (moved.from_status, moved.to_status, moved.note) == (_S.SUBMITTED, _S.DISPOSED, "Diteruskan")
    assert transferred.to_agency == TO_BALI
    assert answered.follow_up_kind is FollowUpKind.PROGRESS
    assert rated.actor == Actor(ActorRole.SYSTEM)
    assert {step.agency for step in way.steps} == {"kab-tangerang"}
    assert (way.hops, way.bouncing) == (1, False)
    assert len(journey([record], confidential=True).steps) == 7


def test_a_log_that_begins_later_tells_receipt_and_first_status() -> None:
    record = complaint(0, timeline=(StatusEvent(to_status=_S.IN_FOLLOW_UP, occurred_at=at(2)),))
    assert told(journey([record], confidential=False)) == [(_K.SUBMITTED, at(0)), (_K.STATUS_CHANGED, at(2))]


def test_three_times_not_ours_is_bouncing() -> None:
    twice = complaint(2, dispositions=(handed_over(1, not_ours=True), handed_over(2, not_ours=True), handed_over(3)))
    assert not journey([twice], confidential=False).bouncing
    again = complaint(1, "prov-bali", dispositions=(handed_over(4, not_ours=True),))
    way = journey([again, twice], confidential=False)
    assert (way.hops, way.bouncing) == (4, True)
    assert [record.agency for record in way.complaints] == ["kab-tangerang", "prov-bali"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(-50, 50), max_size=30), max_size=60))
def test_a_journey_is_ordered_and_bounded(days: list[list[int]]) -> None:
    records: list[Complaint] = [
        complaint(number, dispositions=tuple(handed_over(day) for day in each)) for number, each in enumerate(days)
    ]
    way = journey(records, confidential=False)
    assert len(way.complaints) == min(len(records), MOST_RECORDS)
    assert len(way.steps) <= MOST_STEPS
    moments = [step.occurred_at for step in way.steps]
    assert moments == sorted(moments)
    assert way.hops == sum(len(record.dispositions) for record in way.complaints)

"""The journey that the records of one matter tell."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
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
from schema.links import Link, LinkKind
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
            FollowUp(
                kind=FollowUpKind.PROGRESS, occurred_at=at(4), content="Rahasia.", is_confidential=lambda record: True
            ),
        ),
        ratings=(Rating(score=5, source=RatingSource.AUTO, occurred_at=at(9)),),
        clocks=(
            SlaClock(kind=ClockKind.VERIFY, limit_days=3, started_at=at(0)),
            SlaClock(kind=ClockKind.FINISH, limit_days=5, started_at=at(0), breached=True, breached_at=at(7)),
        ),
    )
    way = journey([record])
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
    assert len(journey([record], confidential=lambda record: True).steps) == 7


def test_a_log_that_begins_later_tells_receipt_and_first_status() -> None:
    record = complaint(0, timeline=(StatusEvent(to_status=_S.IN_FOLLOW_UP, occurred_at=at(2)),))
    assert told(journey([record])) == [(_K.SUBMITTED, at(0)), (_K.STATUS_CHANGED, at(2))]


def test_three_times_not_ours_is_bouncing() -> None:
    twice = complaint(2, dispositions=(handed_over(1, not_ours=True), handed_over(2, not_ours=True), handed_over(3)))
    assert not journey([twice]).bouncing
    again = complaint(1, "prov-bali", dispositions=(handed_over(4, not_ours=True),))
    way = journey([again, twice])
    assert (way.hops, way.bouncing) == (4, True)
    assert [record.agency for record in way.complaints] == ["kab-tangerang", "prov-bali"]


def joined(one: Complaint, other: Complaint, kind: LinkKind, day: int = 5) -> Link:
    return Link(complaint_id=one.id, other_id=other.id, kind=kind, created_at=at(day))


def test_a_hop_that_both_records_tell_is_one() -> None:
    here = AgencyReference("Kabupaten Tangerang", agency="kab-tangerang")
    given = complaint(3, dispositions=(handed_over(1),))
    arrived = msgspec.structs.replace(handed_over(2), from_agency=here, note=None)
    taken = complaint(2, "prov-bali", dispositions=(arrived,))
    way = journey([given, taken], [joined(given, taken, LinkKind.FORWARDED_TO)])
    [hop] = [step for step in way.steps if step.kind is _K.TRANSFERRED]
    assert (hop.agency, hop.note, hop.to_agency) == ("kab-tangerang", "Bukan wewenang", TO_BALI)
    assert hop.actor == Actor(ActorRole.AGENCY, "kab-tangerang")
    assert (way.hops, _K.LINKED in {step.kind for step in way.steps}) == (1, False)


def test_a_link_tells_the_hop_that_no_record_tells() -> None:
    given, taken = complaint(3), complaint(1, "prov-bali")
    way = journey([given, taken], [joined(given, taken, LinkKind.FORWARDED_TO)], {"prov-bali": "Provinsi Bali"})
    assert told(way) == [(_K.SUBMITTED, at(-3)), (_K.SUBMITTED, at(-1)), (_K.TRANSFERRED, at(-1))]
    assert (way.steps[2].agency, way.steps[2].to_agency, way.hops) == ("kab-tangerang", TO_BALI, 1)


def test_records_of_one_matter_were_joined_once() -> None:
    one, other = complaint(2), complaint(1, "prov-bali")
    links = [joined(one, other, LinkKind.SAME_AS), joined(one, complaint(9), LinkKind.SAME_AS)]
    way = journey([one, other], links)
    assert told(way)[2:] == [(_K.LINKED, at(5))]
    assert (way.steps[2].agency, way.hops) == ("kab-tangerang", 0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(-50, 50), max_size=30), max_size=60))
def test_a_journey_is_ordered_and_bounded(days: list[list[int]]) -> None:
    records: list[Complaint] = [
        complaint(number, dispositions=tuple(handed_over(day) for day in each)) for number, each in enumerate(days)
    ]
    way = journey(records)
    assert len(way.complaints) == min(len(records), MOST_RECORDS)
    assert len(way.steps) <= MOST_STEPS
    moments = [step.occurred_at for step in way.steps]
    assert moments == sorted(moments)
    assert way.hops == sum(len(record.dispositions) for record in way.complaints)

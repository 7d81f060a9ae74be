"""What was written here and comes back from the agency is one fact."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.sync.derived import confirmed, derived
from schema.complaint import (
    Actor,
    AgencyReference,
    Channel,
    Complaint,
    ComplaintRecord,
    Disposition,
    ExternalReference,
    FollowUp,
    FollowUpKind,
    Rating,
    RatingSource,
    Routed,
    Sent,
    StatusEvent,
)
from schema.events import EventKind
from schema.status import ActorRole, ComplaintStatus
from tests.unit.test_sync_diff import RULES, T0, apply, at, changed, kinds, move, record

S = ComplaintStatus
LATE = T0 + timedelta(hours=9)


def written(complaint: Complaint, name: str, entry: Any, now: datetime) -> Complaint:
    """The complaint once somebody here wrote an entry."""
    entries = getattr(complaint, name)
    mark = Sent(delivery=f"delivery_{len(complaint.sent)}", list=name, entry=len(entries))
    return derived(RULES, replace(complaint, **{name: (*entries, entry)}, sent=(*complaint.sent, mark)), now)


def moved_here(complaint: Complaint, status: ComplaintStatus, now: datetime) -> Complaint:
    actor = Actor(ActorRole.AGENCY, "kab-uji")
    entry = StatusEvent(from_status=complaint.status, to_status=status, occurred_at=now, actor=actor)
    return written(complaint, "timeline", entry, now)


def at_work() -> Complaint:
    log = (move(S.SUBMITTED, 0), move(S.DISPOSED, 1), move(S.IN_FOLLOW_UP, 2))
    return changed(None, record(S.IN_FOLLOW_UP, 2, timeline=log))[0]


def filed_here() -> Complaint:
    first = StatusEvent(to_status=S.SUBMITTED, occurred_at=at(1.5001), actor=Actor(ActorRole.REPORTER))
    bare = Complaint(
        id="complaint_" + "a" * 26,
        agency="kab-uji",
        native_id=None,
        tracking_id="SMP-0000-0000-0000",
        status=S.SUBMITTED,
        status_changed_at=at(1.5001),
        submitted_at=at(1.5001),
        updated_at=at(1.5001),
        version=2,
        title="Lampu padam",
        original_text="Lampu jalan padam sejak Senin.",
        channel=Channel.MOBILE_APP,
        is_confidential=True,
        timeline=(first,),
        routing=Routed(agency="kab-uji", rule="wilayah"),
        sent=(Sent(delivery="delivery_0", list="timeline", entry=0),),
    )
    return derived(RULES, bare, at(1.5001))


def test_a_move_of_ours_that_the_agency_logs_under_its_own_clock_is_told_once() -> None:
    here = moved_here(at_work(), S.ANSWERED, at(5.0003))
    log = (move(S.SUBMITTED, 0), move(S.DISPOSED, 1), move(S.IN_FOLLOW_UP, 2), move(S.ANSWERED, 4.99))
    after, events = changed(here, record(S.ANSWERED, 4.99, timeline=log))
    assert kinds(events) == []
    assert [entry.to_status for entry in after.timeline] == [S.SUBMITTED, S.DISPOSED, S.IN_FOLLOW_UP, S.ANSWERED]
    assert after.timeline[-1].occurred_at == at(5.0003), "it was first told by us"
    assert after.sent[-1].told_at == at(4.99)
    assert apply(after, record(S.ANSWERED, 4.99, timeline=log)) is None


@pytest.mark.parametrize("logs", [True, False])
def test_until_the_agency_hears_of_a_move_what_it_says_is_older(logs: bool) -> None:
    here = moved_here(at_work(), S.ANSWERED, at(5))
    log = (move(S.SUBMITTED, 0), move(S.DISPOSED, 1), move(S.IN_FOLLOW_UP, 2))
    told = record(S.IN_FOLLOW_UP, 2, timeline=log if logs else None, title="Jalan rusak parah")
    after, events = changed(here, told)
    assert kinds(events) == [EventKind.CORRECTED]
    assert (after.status, after.status_actor) == (S.ANSWERED, ActorRole.AGENCY)
    assert len(after.timeline) == len(here.timeline)
    heard, events = changed(after, record(S.ANSWERED, 6, timeline=(*log, move(S.ANSWERED, 6)) if logs else None))
    assert EventKind.STATUS_CHANGED not in kinds(events)
    assert heard.sent[-1].told_at == at(6)


def test_where_the_agency_goes_another_way_its_word_counts() -> None:
    here = moved_here(at_work(), S.ANSWERED, at(5))
    after, events = changed(here, record(S.POSTPONED, 6))
    assert kinds(events) == [EventKind.STATUS_CHANGED]
    assert after.status is S.POSTPONED


def test_an_agency_that_has_a_move_and_takes_it_back_is_believed() -> None:
    here = moved_here(at_work(), S.ANSWERED, at(5))
    heard, _ = changed(here, record(S.ANSWERED, 5.1), at(5.11))
    after, events = changed(heard, record(S.IN_FOLLOW_UP, 5.12), at(5.13))
    assert kinds(events) == [EventKind.STATUS_CHANGED]
    assert after.status is S.IN_FOLLOW_UP


def test_what_was_read_just_before_the_agency_acknowledged_turns_nothing_back() -> None:
    here = confirmed(moved_here(at_work(), S.ANSWERED, at(5)), "delivery_0", at(5.01))
    assert apply(here, record(S.IN_FOLLOW_UP, 2), at(5.011)) is None
    after, events = changed(here, record(S.IN_FOLLOW_UP, 2), at(6))
    assert kinds(events) == [EventKind.STATUS_CHANGED], "it had time to show it, and does not"
    assert after.status is S.IN_FOLLOW_UP


def test_of_two_moves_of_ours_the_agency_may_know_only_the_first() -> None:
    here = moved_here(moved_here(at_work(), S.ANSWERED, at(5)), S.CLOSED, at(5.5))
    log = (move(S.SUBMITTED, 0), move(S.DISPOSED, 1), move(S.IN_FOLLOW_UP, 2), move(S.ANSWERED, 5.2))
    after, events = changed(here, record(S.ANSWERED, 5.2, timeline=log))
    assert kinds(events) == []
    assert after.status is S.CLOSED
    assert [mark.told_at for mark in after.sent] == [at(5.2), None]


def test_the_same_move_made_twice_is_told_twice() -> None:
    first = moved_here(at_work(), S.ANSWERED, at(5))
    log = [move(S.SUBMITTED, 0), move(S.DISPOSED, 1), move(S.IN_FOLLOW_UP, 2), move(S.ANSWERED, 5.01)]
    heard, _ = changed(first, record(S.ANSWERED, 5.01, timeline=tuple(log)))
    log += [move(S.IN_FOLLOW_UP, 6), move(S.ANSWERED, 7)]
    after, events = changed(heard, record(S.ANSWERED, 7, timeline=tuple(log)))
    assert kinds(events) == [EventKind.STATUS_CHANGED] * 2
    assert [entry.to_status for entry in after.timeline[-3:]] == [S.ANSWERED, S.IN_FOLLOW_UP, S.ANSWERED]


def test_follow_ups_handings_on_and_ratings_come_back_as_themselves() -> None:
    here = at_work()
    reply = FollowUp(kind=FollowUpKind.REPORTER_REPLY, content="Sudah  dua minggu.", occurred_at=at(5.0004))
    to = AgencyReference("Provinsi Uji", agency="prov-uji")
    here = written(here, "follow_ups", reply, at(5.0004))
    here = written(here, "dispositions", Disposition(to_agency=to, occurred_at=at(6.0001)), at(6.0001))
    stars = Rating(score=4, source=RatingSource.CITIZEN, occurred_at=at(7.0001))
    here = written(here, "ratings", stars, at(7.0001))
    told = record(
        S.IN_FOLLOW_UP,
        7,
        follow_ups=(FollowUp(kind=FollowUpKind.PROGRESS, content="sudah dua minggu.", occurred_at=at(5)),),
        dispositions=(Disposition(to_agency=AgencyReference("PROVINSI UJI", "P"), occurred_at=at(6)),),
        ratings=(Rating(score=4, source=RatingSource.ADMIN, occurred_at=at(7)),),
    )
    after, events = changed(here, told, LATE)
    assert kinds(events) == []
    assert (after.follow_ups, after.ratings) == ((reply,), (stars,))
    assert len(after.dispositions) == 1
    assert apply(after, told, LATE) is None


def test_a_complaint_filed_here_stays_what_the_citizen_filed() -> None:
    here = filed_here()
    told = ComplaintRecord(
        native_id="7",
        tracking_id="U-7",
        status=S.VERIFIED,
        title="LAMPU PADAM (simpul)",
        original_text="lampu jalan padam",
        edited_text="Penerangan jalan umum padam.",
        channel=Channel.SYSTEM,
        submitted_at=at(1.5),
        updated_at=at(1.6),
        timeline=(move(S.SUBMITTED, 1.5), move(S.VERIFIED, 1.6)),
        external_references=(ExternalReference("simpul", here.tracking_id), ExternalReference("LAPOR", "99")),
    )
    after, events = changed(here, told)
    assert (after.id, after.native_id, after.tracking_id) == (here.id, "7", here.tracking_id)
    assert (after.title, after.original_text, after.channel) == (here.title, here.original_text, here.channel)
    assert after.edited_text == "Penerangan jalan umum padam."
    assert after.is_confidential, "an agency that forgets the flag does not publish it"
    assert after.external_references == (ExternalReference("LAPOR", "99"),)
    assert [entry.to_status for entry in after.timeline] == [S.SUBMITTED, S.VERIFIED]
    assert after.submitted_at == here.submitted_at
    assert [kind for kind in kinds(events) if kind is not EventKind.CORRECTED] == [EventKind.STATUS_CHANGED]
    assert apply(after, told) is None


def test_a_late_record_is_known_as_one_although_we_wrote_last() -> None:
    here = moved_here(at_work(), S.ANSWERED, at(5))
    assert apply(here, record(S.DISPOSED, 1)) is None

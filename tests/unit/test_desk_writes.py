"""What is decided of a write under the ledger's lock: who may, what follows, what sets out for the agency."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.writes import follow_up, links, status, submit
from gateway.writes.sealing import Sealed, unseal
from gateway.writes.submit import Filing
from schema.complaint import (
    ContentState,
    FollowUpKind,
    RatingSource,
    Reporter,
    Routed,
)
from schema.delivery import DeliveryKind, DeliveryState
from schema.errors import LedgerCorrupt
from schema.events import EventKind, EventOrigin
from schema.links import Link, LinkKind
from schema.query import Viewer
from schema.status import MOVES, ActorRole, ComplaintStatus
from schema.writes import (
    AddFollowUp,
    ChangeStatus,
    Decide,
    DismissLinkSuggestion,
    IllegalStatusMove,
    InputFault,
    InputIssue,
    InvalidInput,
    LinkComplaints,
    NotFound,
    NotPermitted,
    Place,
    RateResolution,
    SubmitComplaint,
    VersionConflict,
    WithdrawComplaint,
    Written,
)
from tests.unit.desk_case import (
    ADMIN,
    BASIS,
    EVERYBODY,
    KEY,
    KEYRING,
    NOW,
    OFFICER,
    REPORTER,
    complaint,
    done,
    held,
    kinds,
)

S, K, E = ComplaintStatus, DeliveryKind, EventKind
ID, OTHER = "complaint_" + "a" * 26, "complaint_" + "c" * 26
WRITTEN, ABSENT, FORBIDDEN = Written, NotFound, NotPermitted
ASKED = SubmitComplaint(
    idempotency_key=KEY,
    title=" Jalan rusak ",
    text="Lubang.",
    incident_location=Place(region_code="36.03", latitude=0, longitude=0),
)


def filing(agency: str = "kab-uji", **fields: Any) -> Filing:
    routed = Routed(agency=agency, rule="regency", explanation={"ID": "di sana", "EN": "there"})
    return Filing(id=ID, token="f" * 64, routed=routed, **fields)


def reply(viewer: Viewer, kind: FollowUpKind = FollowUpKind.PROGRESS, **fields: Any) -> Decide:
    asked = AddFollowUp(idempotency_key=KEY, complaint_id=ID, kind=kind, content="Sudah diperiksa.", **fields)
    return follow_up.decide(viewer, asked, (), (), BASIS)


def move(viewer: Viewer, to: ComplaintStatus = S.VERIFIED, **fields: Any) -> Decide:
    fields = {"reason": "Berkas lengkap.", **fields}
    return status.change(viewer, ChangeStatus(idempotency_key=KEY, complaint_id=ID, to_status=to, **fields), BASIS)


def stars(viewer: Viewer) -> Decide:
    return status.rate(viewer, RateResolution(idempotency_key=KEY, complaint_id=ID, score=2, comment="Lama."), BASIS)


def withdrawal(viewer: Viewer) -> Decide:
    return status.withdraw(viewer, WithdrawComplaint(idempotency_key=KEY, complaint_id=ID, reason="Selesai."), BASIS)


def joining(viewer: Viewer, kind: LinkKind = LinkKind.DUPLICATE_OF) -> Decide:
    asked = LinkComplaints(idempotency_key=KEY, complaint_id=ID, other_complaint_id=OTHER, kind=kind)
    return links.link(viewer, asked, BASIS)


def dismissal(viewer: Viewer) -> Decide:
    asked = DismissLinkSuggestion(idempotency_key=KEY, complaint_id=ID, other_complaint_id=OTHER)
    return links.dismiss(viewer, asked)


# ---------------------------------------------------------------- submitting


def test_a_complaint_is_filed_with_its_event_its_delivery_and_its_reporters_token() -> None:
    written = done(submit.decide(ASKED, filing(), BASIS))
    [change], [delivery] = written.changes, written.deliveries
    made = change.after
    assert change.before is None
    assert (made.id, made.agency, made.native_id, made.title, made.status) == (
        ID,
        "kab-uji",
        None,
        "Jalan rusak",
        S.SUBMITTED,
    )
    assert made.incident_location is not None
    assert (made.incident_location.region_code, made.incident_location.latitude) == ("36.03", None)
    assert (made.submitted_at, made.updated_at, made.synced_at) == (NOW, NOW, None)
    assert [clock.kind for clock in made.clocks] == ["VERIFY"]
    assert [(mark.delivery, mark.list, mark.entry) for mark in made.sent] == [(delivery.id, "timeline", 0)]
    assert kinds(change) == [E.SUBMITTED, E.DELIVERY_CHANGED]
    assert {event.origin for event in change.events} == {EventOrigin.HUB}
    assert {event.actor.role for event in change.events if event.actor} == {ActorRole.REPORTER}
    assert (delivery.kind, delivery.state, delivery.entry) == (K.SUBMIT, DeliveryState.QUEUED, None)
    assert delivery.next_attempt_at == NOW
    assert written.tokens == (("f" * 64, ID),)
    assert written.sealed == {}
    assert written.outcome.complaint == ID


def test_tracking_ids_have_a_form_that_can_be_read_aloud() -> None:
    numbers = {submit.tracking_id() for _ in range(200)}
    assert len(numbers) == 200
    letters = {letter for number in numbers for letter in number.removeprefix("SMP").replace("-", "")}
    assert letters <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert {len(number) for number in numbers} == {len("SMP-0000-0000-0000")}


def test_what_an_agency_takes_by_no_machine_waits_for_a_person_at_once() -> None:
    [delivery] = done(submit.decide(ASKED, filing("kab-bisu"), BASIS)).deliveries
    assert (delivery.state, delivery.next_attempt_at) == (DeliveryState.HAND_DELIVERY, None)


def test_an_identity_is_only_sealed_for_its_delivery() -> None:
    written = done(submit.decide(ASKED, filing(reporter=Reporter(name="Ani")), BASIS))
    [delivery], [change] = written.deliveries, written.changes
    blob = written.sealed[delivery.id]
    assert b"Ani" not in blob
    assert "Ani" not in str(change)
    assert unseal(KEYRING, delivery.id, blob) == Sealed(reporter=Reporter(name="Ani"))
    for id, data in (("delivery_other", blob), (delivery.id, blob[:-1]), (delivery.id, b"")):
        with pytest.raises(LedgerCorrupt):
            unseal(KEYRING, id, data)


def test_of_an_agency_that_allows_no_copies_the_content_is_sealed_and_not_kept() -> None:
    written = done(submit.decide(ASKED, filing("kab-rahasia"), BASIS))
    [delivery], [change] = written.deliveries, written.changes
    assert (change.after.title, change.after.original_text) == (None, None)
    assert change.after.content_state is ContentState.UNAVAILABLE
    content = unseal(KEYRING, delivery.id, written.sealed[delivery.id]).content
    assert content is not None
    assert (content.title, content.original_text, content.tracking_id) == (
        "Jalan rusak",
        "Lubang.",
        change.after.tracking_id,
    )


def test_files_that_could_not_be_fetched_are_told_by_the_ledger() -> None:
    issue = InputIssue(("attachmentUrls", "0"), InputFault.FILE_TYPE)
    assert submit.decide(ASKED, filing(unread=(issue,)), BASIS)(held()) == InvalidInput((issue,))


# ---------------------------------------------------------------- who may

#: By write: the status it needs, then what becomes of it for whom sees the complaint, and where it is confidential.
ALLOWED: dict[str, tuple[Callable[[Viewer], Decide], ComplaintStatus, set[str]]] = {
    "reply": (lambda viewer: reply(viewer, FollowUpKind.REPORTER_REPLY), S.SUBMITTED, {"reporter"}),
    "answer": (reply, S.SUBMITTED, {"officer", "admin"}),
    "move": (move, S.SUBMITTED, {"officer", "admin"}),
    "stars": (stars, S.ANSWERED, {"reporter"}),
    "withdrawal": (withdrawal, S.SUBMITTED, {"reporter"}),
    "joining": (joining, S.SUBMITTED, {"officer", "admin"}),
    "dismissal": (dismissal, S.SUBMITTED, {"officer", "admin"}),
}
_MAY_BUT_WRONG_KIND = {("reply", "officer"), ("reply", "admin"), ("answer", "reporter")}


@pytest.mark.parametrize("confidential", [False, True])
@pytest.mark.parametrize("name", ALLOWED)
def test_who_may_not_see_it_finds_nothing_and_who_may_see_it_may_do_what_is_his(name: str, confidential: bool) -> None:
    decide, stands, allowed = ALLOWED[name]
    ledger = held(complaint(stands, is_confidential=confidential), complaint(name="c"))
    for who, viewer in EVERYBODY.items():
        result = type(decide(viewer)(ledger))
        if confidential and who not in ("reporter", "officer", "admin", "oversight"):
            expected: type = ABSENT
        elif (name, who) in _MAY_BUT_WRONG_KIND:
            expected = InvalidInput
        else:
            expected = WRITTEN if who in allowed else FORBIDDEN
        assert result is expected, who


@pytest.mark.parametrize("name", ALLOWED)
def test_what_there_is_not_is_not_found(name: str) -> None:
    assert {type(ALLOWED[name][0](viewer)(held())) for viewer in EVERYBODY.values()} == {NotFound}


@pytest.mark.parametrize("decide", [reply, move])
def test_what_would_be_lost_is_not_taken(decide: Callable[[Viewer], Decide]) -> None:
    erased = complaint(content_state=ContentState.ERASED)
    assert decide(OFFICER)(held(erased)) == NotPermitted()


# ---------------------------------------------------------------- answering, moving, rating, withdrawing


def test_an_answer_is_added_and_sent() -> None:
    written = done(reply(OFFICER, is_confidential=True), complaint(S.DISPOSED))
    [change], [delivery] = written.changes, written.deliveries
    [answer] = change.after.follow_ups
    assert answer.from_agency is not None
    assert (answer.content, answer.is_confidential, answer.from_agency.agency) == ("Sudah diperiksa.", True, "kab-uji")
    assert kinds(change) == [E.FOLLOW_UP_ADDED, E.DELIVERY_CHANGED]
    assert (delivery.kind, delivery.entry, written.outcome.entry) == (K.FOLLOW_UP, 0, 0)
    assert change.after.sent[0].list == "follow_ups"
    assert change.after.updated_at == NOW
    assert change.after.days_to_first_follow_up is not None


def test_an_answer_leaves_the_agencys_own_word_for_the_status_alone() -> None:
    told = complaint(S.DISPOSED, native_status=None, status_reason="apa adanya")
    [change] = done(reply(OFFICER), told).changes
    assert (change.after.status_reason, change.after.status_changed_at) == ("apa adanya", told.status_changed_at)


def test_a_text_for_an_agency_that_allows_no_copies_goes_sealed() -> None:
    kept = complaint(agency="kab-rahasia", content_state=ContentState.UNAVAILABLE, title=None, original_text=None)
    written = done(reply(ADMIN), kept)
    [change], [delivery] = written.changes, written.deliveries
    assert change.after.follow_ups[0].content is None
    content = unseal(KEYRING, delivery.id, written.sealed[delivery.id]).content
    assert content is not None
    assert content.follow_ups[0].content == "Sudah diperiksa."


@pytest.mark.parametrize("before", [status for status in S if status is not S.UNMAPPED])
def test_legal_moves_are_made_and_others_are_refused_with_those_that_are(before: ComplaintStatus) -> None:
    for to in S:
        result = move(OFFICER, to)(held(complaint(before)))
        if to in MOVES[before]:
            assert isinstance(result, Written)
            [change] = result.changes
            assert (change.after.status, change.after.status_actor, change.after.status_reason) == (
                to,
                ActorRole.AGENCY,
                "Berkas lengkap.",
            )
            assert kinds(change) == [E.STATUS_CHANGED, E.DELIVERY_CHANGED]
            assert (change.events[0].detail.from_status, change.events[0].detail.to_status) == (before, to)
            assert (change.after.closed_at is not None) is (to in (S.CLOSED, S.ARCHIVED, S.REJECTED, S.DUPLICATE))
        else:
            assert isinstance(result, IllegalStatusMove)
            assert (result.from_status, set(result.allowed)) == (before, set(MOVES[before]))


def test_two_officers_at_once_are_one_success_and_one_conflict() -> None:
    first = done(move(OFFICER, expected_version=3), complaint())
    moved = replace(first.changes[0].after, version=3 + len(first.changes[0].events))
    assert move(ADMIN, S.REJECTED, expected_version=3)(held(moved)) == VersionConflict(moved)


def test_closing_by_evidence_needs_files_of_this_complaint() -> None:
    known, unknown = "attachment_" + "b" * 26, "attachment_" + "z" * 26
    closing = move(OFFICER, S.CLOSED, reason=None, evidence=(known, unknown))
    assert closing(held(complaint(S.ANSWERED))) == InvalidInput(
        (InputIssue(("evidence", "1"), InputFault.NOT_AN_ATTACHMENT),)
    )
    assert done(move(OFFICER, S.CLOSED, reason=None, evidence=(known,)), complaint(S.ANSWERED))


def test_a_move_comes_after_what_the_agencys_clock_said_last() -> None:
    ahead = complaint(S.VERIFIED)
    late = replace(ahead.timeline[-1], occurred_at=NOW + timedelta(minutes=2))
    ahead = replace(ahead, timeline=(*ahead.timeline[:-1], late))
    [change] = done(move(OFFICER, S.DISPOSED), ahead).changes
    assert (change.after.status, change.after.status_changed_at) == (S.DISPOSED, late.occurred_at)


def test_a_clock_that_fell_due_and_was_not_told_yet_is_told_by_the_write_that_finds_it() -> None:
    late = replace(BASIS, now=NOW + timedelta(days=30))
    waiting = complaint()
    asked = ChangeStatus(idempotency_key=KEY, complaint_id=ID, to_status=S.DISPOSED)
    [change] = done(status.change(OFFICER, asked, late), waiting).changes
    assert kinds(change) == [E.CLOCK_BREACHED, E.STATUS_CHANGED, E.DELIVERY_CHANGED]
    [verify] = [clock for clock in change.after.clocks if clock.kind == "VERIFY"]
    told = change.events[0]
    assert (told.detail.clock, told.occurred_at, told.status) == ("VERIFY", verify.due_at, S.SUBMITTED)
    assert (verify.breached, verify.stopped_at) == (True, late.now)
    asked = replace(asked, to_status=S.IN_FOLLOW_UP)
    [change] = done(status.change(OFFICER, asked, late), change.after).changes
    assert kinds(change) == [E.STATUS_CHANGED, E.DELIVERY_CHANGED], "once"


@pytest.mark.parametrize(("stands", "works"), [(S.ANSWERED, True), (S.CLOSED, True), (S.IN_FOLLOW_UP, False)])
def test_only_what_was_answered_is_rated(stands: ComplaintStatus, works: bool) -> None:
    result = stars(REPORTER)(held(complaint(stands)))
    if not works:
        assert result == IllegalStatusMove(stands)
        return
    assert isinstance(result, Written)
    [change], [delivery] = result.changes, result.deliveries
    assert [(r.score, r.source, r.comment) for r in change.after.ratings] == [(2, RatingSource.CITIZEN, "Lama.")]
    assert kinds(change) == [E.RATED, E.DELIVERY_CHANGED]
    assert (delivery.kind, delivery.entry, change.after.status) == (K.RATING, 0, stands)


def test_a_withdrawal_archives_for_the_reporter_and_comes_too_late_for_what_has_ended() -> None:
    [change] = done(withdrawal(REPORTER), complaint(S.DISPOSED)).changes
    assert (change.after.status, change.after.status_actor, change.after.status_reason) == (
        S.ARCHIVED,
        ActorRole.REPORTER,
        "Selesai.",
    )
    assert withdrawal(REPORTER)(held(complaint(S.CLOSED))) == IllegalStatusMove(S.CLOSED)


# ---------------------------------------------------------------- links


def test_a_link_is_told_on_both_ends_and_once() -> None:
    one, other = complaint(), complaint(name="c")
    written = done(joining(OFFICER), one, other)
    assert [(link.complaint_id, link.other_id, link.kind) for link in written.links] == [
        (ID, OTHER, LinkKind.DUPLICATE_OF)
    ]
    assert [
        (change.after.id, change.events[0].detail.link, change.events[0].detail.other) for change in written.changes
    ] == [
        (ID, LinkKind.DUPLICATE_OF, OTHER),
        (OTHER, LinkKind.SAME_AS, ID),
    ]
    again = done(joining(OFFICER), one, other, links=written.links)
    assert (again.changes, again.links, again.outcome) == ((), (), written.outcome)


def test_nobody_links_what_he_can_not_see() -> None:
    hidden = complaint(name="c", agency="prov-uji", is_confidential=True)
    assert joining(OFFICER)(held(complaint(), hidden)) == NotFound()
    assert done(dismissal(ADMIN), complaint(), hidden).dismissed == ((ID, OTHER),)


def test_links_of_a_pair_may_have_been_made_from_the_other_end() -> None:
    one, other = complaint(), complaint(name="c")
    there = Link(complaint_id=OTHER, other_id=ID, kind=LinkKind.SAME_AS, created_at=NOW)
    assert done(joining(OFFICER, LinkKind.SAME_AS), one, other, links=(there,)).changes == ()

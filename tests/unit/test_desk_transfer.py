"""Handing on: what stays, what begins, how often it may be said that it is not ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.writes import transfer
from gateway.writes.basis import Basis
from gateway.writes.sealing import unseal
from schema.complaint import AgencyReference, Complaint, ContentState, Disposition
from schema.delivery import DeliveryKind, DeliveryState
from schema.events import EventKind
from schema.links import Link, LinkKind
from schema.query import Role, Viewer
from schema.status import MOVES, ActorRole, ComplaintStatus
from schema.writes import (
    Decide,
    IllegalTransfer,
    NotFound,
    NotPermitted,
    TransferComplaint,
    TransferRefusal,
    VersionConflict,
    Written,
)
from tests.unit.desk_case import ADMIN, BASIS, EVERYBODY, KEY, KEYRING, NOW, OFFICER, complaint, done, held, kinds

S, R, E = ComplaintStatus, TransferRefusal, EventKind
ID = "complaint_" + "a" * 26


def handing(
    viewer: Viewer, to: str = "prov-uji", basis: Basis = BASIS, content: Complaint | None = None, **fields: Any
) -> Decide:
    fields = {"complaint_id": ID, "is_not_authority": True, **fields}
    asked = TransferComplaint(idempotency_key=KEY, to_agency=to, note="Jalan provinsi.", **fields)
    return transfer.decide(viewer, asked, "nasional", content, basis)


def officer(agency: str) -> Viewer:
    return Viewer(role=Role.LIAISON_OFFICER, agencies=(agency,), credential=f"key:{agency}")


class Way:
    """A matter that is sent from agency to agency, an hour apart."""

    def __init__(self) -> None:
        self.records = {ID: complaint(S.VERIFIED)}
        self.links: list[Link] = []
        self.at = ID
        self.now = NOW

    @property
    def here(self) -> Complaint:
        return self.records[self.at]

    def send(self, viewer: Viewer, to: str, **fields: Any) -> Any:
        self.now += timedelta(hours=1)
        decide = handing(viewer, to, replace(BASIS, now=self.now), complaint_id=self.at, **fields)
        result = decide(held(*self.records.values(), links=tuple(self.links)))
        if isinstance(result, Written):
            for change in result.changes:
                before = change.before.version if change.before else 0
                self.records[change.after.id] = replace(change.after, version=before + len(change.events))
            self.links += result.links
            self.at = result.outcome.other or ""
        return result


def test_both_records_stay_and_each_goes_its_own_way() -> None:
    written = done(handing(OFFICER), complaint(S.VERIFIED, is_confidential=True, is_anonymous=True))
    (left, new), (told, filed) = written.changes, written.deliveries
    [handed] = left.after.dispositions
    assert handed == Disposition(
        to_agency=AgencyReference("Prov-Uji", agency="prov-uji"),
        from_agency=AgencyReference("Kab-Uji", agency="kab-uji"),
        occurred_at=NOW,
        note="Jalan provinsi.",
        is_not_authority=True,
    )
    assert kinds(left) == [E.TRANSFERRED, E.STATUS_CHANGED, E.LINKED, E.DELIVERY_CHANGED]
    assert (left.after.status, left.after.agency, left.after.native_id) == (S.DISPOSED, "kab-uji", "7")
    assert {(mark.delivery, mark.list, mark.entry) for mark in left.after.sent} == {
        (told.id, "dispositions", 0),
        (told.id, "timeline", 2),
    }
    assert (told.kind, told.agency, told.entry) == (DeliveryKind.TRANSFER, "kab-uji", 0)

    assert kinds(new) == [E.SUBMITTED, E.LINKED, E.DELIVERY_CHANGED]
    made = new.after
    assert (made.agency, made.status, made.native_id, made.title) == ("prov-uji", S.SUBMITTED, None, "Jalan rusak")
    assert made.incident_location == left.after.incident_location
    assert (made.is_confidential, made.is_anonymous) == (True, True)
    assert made.routing is not None
    assert (made.routing.agency, made.routing.rule) == ("prov-uji", "transfer")
    assert made.timeline[0].actor is not None
    assert (made.timeline[0].actor.role, made.timeline[0].actor.agency) == (ActorRole.AGENCY, "kab-uji")
    assert [(each.system, each.id) for each in made.external_references] == [("kab-uji", "U-a")]
    assert made.tracking_id.startswith("SMP-")
    assert (filed.kind, filed.agency, filed.complaint_id) == (DeliveryKind.SUBMIT, "prov-uji", made.id)

    assert [(link.complaint_id, link.other_id, link.kind) for link in written.links] == [
        (ID, made.id, LinkKind.FORWARDED_TO)
    ]
    assert [change.events[-2].detail.link for change in written.changes] == [
        LinkKind.FORWARDED_TO,
        LinkKind.FORWARDED_FROM,
    ]
    assert written.inherits == ((ID, made.id),)
    assert (written.outcome.complaint, written.outcome.other) == (ID, made.id)


@pytest.mark.parametrize("status", [S.POSTPONED, S.DISPOSED, S.ANSWERED, S.UNMAPPED])
def test_the_status_only_moves_where_that_is_legal(status: ComplaintStatus) -> None:
    left = done(handing(OFFICER), complaint(status)).changes[0].after
    assert left.status is (S.DISPOSED if S.DISPOSED in MOVES[status] else status)


def test_who_may_hand_it_on() -> None:
    for confidential in (False, True):
        ledger = held(complaint(is_confidential=confidential))
        for who, viewer in EVERYBODY.items():
            seen = not confidential or who in ("reporter", "officer", "admin", "oversight")
            expected = Written if who in ("officer", "admin") else NotPermitted if seen else NotFound
            assert type(handing(viewer)(ledger)) is expected, who
    assert handing(OFFICER)(held()) == NotFound()
    assert handing(OFFICER)(held(complaint(content_state=ContentState.ERASED))) == NotPermitted()
    assert handing(OFFICER, expected_version=2)(held(complaint())) == VersionConflict(complaint())


@pytest.mark.parametrize(
    ("status", "to", "cause"),
    [
        (S.CLOSED, "prov-uji", R.COMPLAINT_ENDED),
        (S.DUPLICATE, "prov-mana", R.COMPLAINT_ENDED),
        (S.VERIFIED, "prov-mana", R.UNKNOWN_AGENCY),
        (S.VERIFIED, "kab-uji", R.SAME_AGENCY),
    ],
)
def test_where_it_can_not_go(status: ComplaintStatus, to: str, cause: TransferRefusal) -> None:
    assert handing(OFFICER, to)(held(complaint(status))) == IllegalTransfer(cause)


def test_what_another_agency_has_now_is_no_longer_the_first_ones_to_hand_on() -> None:
    way = Way()
    way.send(OFFICER, "prov-uji")
    there, way.at = way.at, ID
    assert way.send(OFFICER, "nasional") == NotPermitted()
    way.records[there] = replace(way.records[there], status=S.REJECTED)
    assert isinstance(way.send(OFFICER, "nasional"), Written)


def test_the_third_agency_that_says_it_is_not_theirs_sends_it_to_the_national_one_with_its_history() -> None:
    way = Way()
    first = way.send(OFFICER, "prov-uji")
    assert isinstance(first, Written)
    assert isinstance(way.send(officer("prov-uji"), "kab-bisu"), Written)
    bounced = way.send(officer("kab-bisu"), "kab-uji")
    assert isinstance(bounced, Written)
    assert way.here.agency == "nasional"
    assert way.here.routing is not None
    assert way.here.routing.rule == "bounce"
    note = bounced.changes[0].after.dispositions[-1].note or ""
    steps = (
        "1. Kab-Uji ke Prov-Uji, 23-11-2026 15.00 WIB (bukan wewenang)",
        "2. Prov-Uji ke Kab-Bisu",
        "3. Kab-Bisu ke Nasional",
    )
    for step in steps:
        assert step in note
        assert step in (way.here.edited_text or "")
    assert (way.here.original_text, way.here.is_confidential) == ("Lubang di depan sekolah", False)

    assert way.send(officer("nasional"), "prov-uji", is_not_authority=False) == IllegalTransfer(R.BOUNCE_LIMIT)
    decided = way.send(ADMIN, "prov-uji", is_not_authority=False)
    assert isinstance(decided, Written)
    assert way.here.agency == "prov-uji"
    assert way.send(officer("prov-uji"), "kab-uji") == IllegalTransfer(R.BOUNCE_LIMIT)


def test_forwarding_for_another_reason_is_no_bounce_and_duplicates_have_their_own_hops() -> None:
    way = Way()
    for agency, to in (
        ("kab-uji", "prov-uji"),
        ("prov-uji", "kab-bisu"),
        ("kab-bisu", "kab-uji"),
        ("kab-uji", "prov-uji"),
    ):
        assert isinstance(way.send(officer(agency), to, is_not_authority=False), Written)
    assert way.here.agency == "prov-uji"
    other = way.records[way.at]
    mine = complaint(name="d", agency="kab-uji")
    bounces = tuple(_disposition("kab-uji", to) for to in ("prov-uji", "nasional", "kab-bisu"))
    way.records[mine.id] = replace(mine, dispositions=bounces)
    way.links.append(Link(complaint_id=mine.id, other_id=other.id, kind=LinkKind.DUPLICATE_OF, created_at=NOW))
    assert isinstance(way.send(officer("prov-uji"), "kab-uji"), Written)
    assert way.here.agency == "kab-uji"


def test_a_step_that_two_records_tell_counts_once() -> None:
    way = Way()
    way.send(OFFICER, "prov-uji")
    told = way.records[ID].dispositions
    way.records[way.at] = replace(way.here, dispositions=told)
    way.send(officer("prov-uji"), "kab-bisu")
    assert way.here.agency == "kab-bisu"
    way.send(officer("kab-bisu"), "kab-uji")
    assert way.here.agency == "nasional"


def test_without_a_national_agency_only_the_national_admin_goes_on() -> None:
    bounces = tuple(_disposition("kab-uji", to) for to in ("prov-uji", "nasional"))
    ledger = held(complaint(dispositions=bounces))
    asked = TransferComplaint(
        idempotency_key=KEY, complaint_id=ID, to_agency="prov-uji", note="-", is_not_authority=True
    )
    results: Sequence[Any] = [transfer.decide(viewer, asked, None, None, BASIS)(ledger) for viewer in (OFFICER, ADMIN)]
    assert results[0] == IllegalTransfer(R.BOUNCE_LIMIT)
    assert isinstance(results[1], Written)


def test_content_that_only_the_first_agency_has_goes_along() -> None:
    kept = complaint(agency="kab-rahasia", content_state=ContentState.UNAVAILABLE, title=None, original_text=None)
    full = replace(kept, title="Jalan rusak", original_text="Lubang")
    written = done(handing(ADMIN, content=full), kept)
    left, new = (change.after for change in written.changes)
    assert (left.title, new.title, new.content_state) == (None, "Jalan rusak", ContentState.AVAILABLE)
    assert left.dispositions[0].note is None
    told = written.deliveries[0]
    content = unseal(KEYRING, told.id, written.sealed[told.id]).content
    assert content is not None
    assert content.dispositions[0].note == "Jalan provinsi."


def test_agencies_without_machines_hear_of_it_by_hand() -> None:
    deliveries = done(handing(ADMIN), complaint(agency="kab-bisu")).deliveries
    assert [each.state for each in deliveries] == [DeliveryState.HAND_DELIVERY, DeliveryState.QUEUED]


def _disposition(source: str, to: str) -> Disposition:
    return Disposition(
        to_agency=AgencyReference(to, agency=to),
        from_agency=AgencyReference(source, agency=source),
        occurred_at=NOW,
        is_not_authority=True,
    )

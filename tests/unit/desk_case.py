"""A complaint, agencies and viewers for trying decisions of the desk without a ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from gateway.keyring import Keyring
from gateway.sync.derived import Rules, derived
from gateway.writes.basis import Basis
from schema.agency import Agency, AgencyLevel, StoreMode
from schema.clocks import ClockLimits, WorkingCalendar
from schema.complaint import Actor, Attachment, Channel, Complaint, IncidentLocation, StatusEvent
from schema.delivery import Delivery, DeliveryKind
from schema.events import Change, EventKind
from schema.links import SEEN_FROM_THERE, Link
from schema.query import PUBLIC, Role, Viewer
from schema.status import ActorRole, ComplaintStatus
from schema.writes import Decide, Held, Written

S = ComplaintStatus
T0 = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # a Monday
NOW = T0 + timedelta(hours=5)
KEY = "q2Jx7-mPz81sLw0v"
KEYRING = Keyring(b"k" * 32)
ALL = tuple(kind.value for kind in DeliveryKind)


def rules(slug: str, level: AgencyLevel, writes: tuple[str, ...] = ALL, store: StoreMode = StoreMode.FULL) -> Rules:
    agency = Agency(
        id=slug,
        name=slug.title(),
        level=level,
        time_zone="Asia/Jakarta",
        connector_kind="rest",
        writes=writes,
        store=store,
    )
    return Rules(agency=agency, limits=ClockLimits(), calendar=WorkingCalendar("Asia/Jakarta", frozenset()), slugs={})


PLUGGED_IN = {
    each.agency.id: each
    for each in (
        rules("kab-uji", AgencyLevel.DISTRICT),
        rules("prov-uji", AgencyLevel.PROVINCE),
        rules("nasional", AgencyLevel.NATIONAL),
        rules("kab-bisu", AgencyLevel.DISTRICT, writes=()),
        rules("kab-rahasia", AgencyLevel.DISTRICT, store=StoreMode.STATUS),
    )
}
BASIS = Basis(now=NOW, rules=PLUGGED_IN.get, keyring=KEYRING)

REPORTER = Viewer(role=Role.REPORTER, complaints=("complaint_" + "a" * 26,), credential="reporter:0")
OFFICER = Viewer(role=Role.LIAISON_OFFICER, agencies=("kab-uji",), credential="key:1")
PROVINCE = Viewer(role=Role.AGENCY_COORDINATOR, agencies=("prov-uji",), credential="key:2")
STRANGER = Viewer(role=Role.LIAISON_OFFICER, agencies=("kab-bisu",), credential="key:3")
ADMIN = Viewer(role=Role.NATIONAL_ADMIN, credential="key:4")
OVERSIGHT = Viewer(role=Role.OVERSIGHT, credential="key:5")
EVERYBODY = {
    "public": PUBLIC,
    "reporter": REPORTER,
    "officer": OFFICER,
    "province": PROVINCE,
    "stranger": STRANGER,
    "admin": ADMIN,
    "oversight": OVERSIGHT,
}


def complaint(
    status: ComplaintStatus = S.SUBMITTED, name: str = "a", agency: str = "kab-uji", **fields: Any
) -> Complaint:
    """A complaint that was moved to a status an hour after it came in; acknowledged by its agency."""
    log = [StatusEvent(to_status=S.SUBMITTED, occurred_at=T0, actor=Actor(ActorRole.REPORTER))]
    if status is not S.SUBMITTED:
        log.append(
            StatusEvent(
                to_status=status,
                from_status=S.SUBMITTED,
                occurred_at=T0 + timedelta(hours=1),
                actor=Actor(ActorRole.AGENCY, agency),
            )
        )
    bare = Complaint(
        id="complaint_" + name * 26,
        agency=agency,
        native_id="7",
        tracking_id=f"U-{name}",
        status=S.SUBMITTED,
        status_changed_at=T0,
        submitted_at=T0,
        updated_at=T0,
        version=3,
        title="Jalan rusak",
        original_text="Lubang di depan sekolah",
        channel=Channel.WHATSAPP,
        incident_location=IncidentLocation(region_code="36.03", address="Jl. Raya 1"),
        attachments=(Attachment(id="attachment_" + "b" * 26),),
        timeline=tuple(log),
    )
    known = PLUGGED_IN.get(agency)
    made = derived(known, bare, T0 + timedelta(hours=1)) if known else bare
    return replace(made, **fields)


def held(*complaints: Complaint, deliveries: tuple[Delivery, ...] = (), links: tuple[Link, ...] = ()) -> Held:
    """What the ledger shows of these: links from both ends."""
    both = [
        each
        for link in links
        for each in (
            link,
            replace(link, complaint_id=link.other_id, other_id=link.complaint_id, kind=SEEN_FROM_THERE[link.kind]),
        )
    ]
    return Held(
        complaints={each.id: each for each in complaints},
        deliveries={each.id: each for each in deliveries},
        links=tuple(both),
    )


def done(decide: Decide, *complaints: Complaint, **more: Any) -> Written:
    written = decide(held(*complaints, **more))
    assert isinstance(written, Written), written
    return written


def kinds(change: Change) -> list[EventKind]:
    return [event.kind for event in change.events]

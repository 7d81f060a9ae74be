"""What decisions rest on besides the ledger, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from gateway.keyring import Keyring
from gateway.sync.derived import Rules
from gateway.writes.moves import delivery_event, then, with_breaches
from gateway.writes.sealing import Sealed, seal
from schema.access import concerned, may_see
from schema.agency import StoreMode
from schema.complaint import Actor, AgencyReference, Complaint, ContentState, Reporter, Sent, random_id
from schema.content import without_content
from schema.delivery import Delivery, DeliveryKind, DeliveryState
from schema.events import Change
from schema.query import Role, Viewer
from schema.status import ActorRole
from schema.writes import Held, NotFound

REPORTER = Actor(ActorRole.REPORTER)


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What every decision of one write rests on.

    Attributes:
        now: in whole milliseconds, as the ledger keeps moments.
        rules: of an agency, by slug; None for one that is not plugged in.
        new_id: makes a random id of a node, by its kind.
    """

    now: datetime
    rules: Callable[[str], Rules | None]
    keyring: Keyring
    new_id: Callable[[str], str] = random_id

    def named(self, slug: str) -> AgencyReference:
        """An agency as others are told of it."""
        rules = self.rules(slug)
        return AgencyReference(rules.agency.name if rules is not None else slug, agency=slug)

    def takes(self, slug: str, kind: DeliveryKind) -> bool:
        """Whether the agency takes such a write by machine."""
        rules = self.rules(slug)
        return rules is not None and kind in rules.agency.writes

    def keeps_content(self, complaint: Complaint) -> bool:
        """Whether the ledger may keep its texts."""
        rules = self.rules(complaint.agency)
        if complaint.content_state is ContentState.UNAVAILABLE:
            return False
        return rules is None or rules.agency.store is StoreMode.FULL


class Dispatched(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a complaint that also sets out for its agency."""

    change: Change
    delivery: Delivery
    sealed: dict[str, bytes]


def dispatched(
    basis: Basis,
    change: Change,
    kind: DeliveryKind,
    entries: Sequence[tuple[str, int]],
    actor: Actor,
    reporter: Reporter | None = None,
) -> Dispatched:
    """The change, with the delivery that takes it to the agency.

    Args:
        change: its `after` has every text.
        entries: what it wrote, by list and index; the first is the delivery's own, but for SUBMIT.
        reporter: goes along, sealed.
    """
    complaint = change.after
    by_machine = basis.takes(complaint.agency, kind)
    delivery = Delivery(
        id=basis.new_id("delivery"),
        complaint_id=complaint.id,
        agency=complaint.agency,
        kind=kind,
        queued_at=basis.now,
        state=DeliveryState.QUEUED if by_machine else DeliveryState.HAND_DELIVERY,
        entry=None if kind is DeliveryKind.SUBMIT else entries[0][1],
        next_attempt_at=basis.now if by_machine else None,
    )
    marks = (Sent(delivery=delivery.id, list=name, entry=entry) for name, entry in entries)
    full = kept = replace(complaint, sent=(*complaint.sent, *marks))
    if not basis.keeps_content(full):
        kept = replace(without_content(full), content_state=ContentState.UNAVAILABLE)
    sealed = Sealed(reporter=reporter, content=None if kept is full else full)
    return Dispatched(
        change=with_breaches(then(change, kept, delivery_event(kept, delivery, basis.now, actor))),
        delivery=delivery,
        sealed={} if sealed == Sealed() else {delivery.id: seal(basis.keyring, delivery.id, sealed)},
    )


def seen(viewer: Viewer, held: Held, complaint_id: str) -> Complaint | NotFound:
    """The complaint, if there is one for this viewer."""
    complaint = held.complaints.get(complaint_id)
    return complaint if complaint is not None and may_see(viewer, complaint) else NotFound()


def acting(viewer: Viewer, complaint: Complaint) -> Actor:
    """As whom the viewer writes to the complaint: its reporter, the national admin, or for an agency concerned."""
    if viewer.role is Role.NATIONAL_ADMIN:
        return Actor(ActorRole.NATIONAL_ADMIN)
    slugs = concerned(complaint) & set(viewer.agencies)
    if viewer.role is Role.REPORTER or not slugs:
        return REPORTER
    return Actor(ActorRole.AGENCY, complaint.agency if complaint.agency in slugs else min(slugs))


def is_emptied(complaint: Complaint) -> bool:
    """Its content was erased: whatever would be written to it would be lost."""
    return complaint.content_state is ContentState.ERASED

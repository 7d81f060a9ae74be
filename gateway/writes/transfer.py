"""Handing a complaint on to another agency. Both records stay and are linked."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.writes.basis import Basis, acting, dispatched, is_emptied, seen
from gateway.writes.intents import worded
from gateway.writes.journey import MOST_HOPS, hand_overs, history, hops, records, still_open
from gateway.writes.links import linked
from gateway.writes.moves import grown, moved, recomputed, then
from gateway.writes.submit import submitted, tracking_id
from schema.access import holds
from schema.complaint import (
    Actor,
    Complaint,
    Disposition,
    ExternalReference,
    Routed,
    StatusEvent,
)
from schema.delivery import DeliveryKind
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.links import Link, LinkKind
from schema.query import Language, Role, Viewer
from schema.status import TERMINAL, ComplaintStatus, is_legal
from schema.writes import (
    Decide,
    Held,
    IllegalTransfer,
    NotFound,
    NotPermitted,
    Outcome,
    Problem,
    TransferComplaint,
    TransferRefusal,
    VersionConflict,
    Written,
)

#: Names of rules: an officer forwarded it, or sent it back once too often.
TRANSFER, BOUNCE = "transfer", "bounce"


def decide(
    viewer: Viewer,
    asked: TransferComplaint,
    national: str | None,
    content: Complaint | None,
    basis: Basis,
) -> Decide:
    """Forwards it. What was sent back as often as it may goes to the national agency, whatever was asked.

    Args:
        national: slug of the national agency, if one is plugged in.
        content: the complaint with its texts, where the ledger has none.
    """

    def decided(held: Held) -> Written | Problem:
        complaint = seen(viewer, held, asked.complaint_id)
        if isinstance(complaint, NotFound):
            return complaint
        if not holds(viewer, complaint) or is_emptied(complaint):
            return NotPermitted()
        if viewer.role is not Role.NATIONAL_ADMIN and still_open(complaint, held, TERMINAL):
            return NotPermitted()  # another agency has it now
        if asked.expected_version not in (None, complaint.version):
            return VersionConflict(complaint)
        past = hand_overs(records(complaint, held))
        target = _target(viewer, asked, complaint, hops(past), national, basis)
        if isinstance(target, IllegalTransfer):
            return target
        handed = _disposition(asked, complaint, target, past, basis)
        forwarded = _forwarded(content or complaint, complaint, handed, target, acting(viewer, complaint), basis)
        return _written(complaint, forwarded, handed, acting(viewer, complaint), basis)

    return decided


def _target(
    viewer: Viewer,
    asked: TransferComplaint,
    complaint: Complaint,
    hops: int,
    national: str | None,
    basis: Basis,
) -> Routed | IllegalTransfer:
    """Where it goes, and by which rule."""
    by_national_admin = viewer.role is Role.NATIONAL_ADMIN
    if complaint.status in TERMINAL:
        return IllegalTransfer(TransferRefusal.COMPLAINT_ENDED)
    if basis.rules(asked.to_agency) is None:
        return IllegalTransfer(TransferRefusal.UNKNOWN_AGENCY)
    if asked.to_agency == complaint.agency:
        return IllegalTransfer(TransferRefusal.SAME_AGENCY)
    if hops >= MOST_HOPS and not by_national_admin:
        return IllegalTransfer(TransferRefusal.BOUNCE_LIMIT)
    if asked.is_not_authority and hops == MOST_HOPS - 1:
        if national is not None and national != complaint.agency:
            return _routed(national, BOUNCE, complaint, basis)
        if not by_national_admin:
            return IllegalTransfer(TransferRefusal.BOUNCE_LIMIT)
    return _routed(asked.to_agency, TRANSFER, complaint, basis)


def _routed(slug: str, rule: str, complaint: Complaint, basis: Basis) -> Routed:
    source, target = basis.named(complaint.agency).name, basis.named(slug).name
    texts = {
        TRANSFER: (f"{source} meneruskan laporan ini ke {target}.", f"{source} forwarded this complaint to {target}."),
        BOUNCE: (
            f"Laporan ini sudah {MOST_HOPS} kali dinyatakan bukan wewenang, maka {target} yang memutuskan.",
            f"{MOST_HOPS} agencies said that this is not theirs, so {target} decides.",
        ),
    }
    indonesian, english = texts[rule]
    return Routed(agency=slug, rule=rule, explanation={Language.ID: indonesian, Language.EN: english})


def _disposition(
    asked: TransferComplaint, complaint: Complaint, target: Routed, past: list[Disposition], basis: Basis
) -> Disposition:
    handed = Disposition(
        to_agency=basis.named(target.agency),
        occurred_at=basis.now,
        from_agency=basis.named(complaint.agency),
        note=worded(asked.note),
        is_not_authority=asked.is_not_authority,
    )
    if target.rule != BOUNCE:
        return handed
    return replace(handed, note=f"{handed.note}\n\n{history([*past, handed])}")


def _forwarded(
    content: Complaint, complaint: Complaint, handed: Disposition, target: Routed, actor: Actor, basis: Basis
) -> Complaint:
    """The record at the agency that it goes to: the same matter, new there."""
    now = basis.now
    new = Complaint(
        id=basis.new_id("complaint"),
        agency=target.agency,
        native_id=None,
        tracking_id=tracking_id(),
        status=ComplaintStatus.SUBMITTED,
        status_changed_at=now,
        submitted_at=now,
        updated_at=now,
        title=content.title,
        original_text=content.original_text,
        edited_text=content.edited_text,
        classification=complaint.classification,
        category=complaint.category,
        channel=complaint.channel,
        incident_date=content.incident_date,
        incident_location=content.incident_location or complaint.incident_location,
        attachments=content.attachments,
        is_anonymous=complaint.is_anonymous,
        is_confidential=complaint.is_confidential,
        external_references=(ExternalReference(complaint.agency, complaint.tracking_id),),
        timeline=(StatusEvent(to_status=ComplaintStatus.SUBMITTED, occurred_at=now, actor=actor),),
        routing=target,
    )
    if target.rule == BOUNCE:
        # The agency that decides reads the way it came in the text itself: nothing else is sure to be shown there.
        new = replace(new, edited_text=f"{content.text or ''}\n\n{handed.note}".strip())
    return recomputed(basis.rules(target.agency), new, now)


def _written(complaint: Complaint, forwarded: Complaint, handed: Disposition, actor: Actor, basis: Basis) -> Written:
    left, moves = _left_behind(complaint, handed, actor, basis)
    left = then(left, left.after, linked(left.after, forwarded, LinkKind.FORWARDED_TO, actor, basis.now))
    new = Change(
        before=None,
        after=forwarded,
        events=(submitted(forwarded), linked(forwarded, complaint, LinkKind.FORWARDED_FROM, actor, basis.now)),
    )
    told = dispatched(
        basis, left, DeliveryKind.TRANSFER, [("dispositions", len(complaint.dispositions)), *moves], actor
    )
    filed = dispatched(basis, new, DeliveryKind.SUBMIT, [("timeline", 0)], actor)
    return Written(
        outcome=Outcome(
            complaint=complaint.id,
            other=forwarded.id,
            delivery=told.delivery.id,
            entry=len(complaint.dispositions),
        ),
        changes=(told.change, filed.change),
        deliveries=(told.delivery, filed.delivery),
        links=(
            Link(
                complaint_id=complaint.id,
                other_id=forwarded.id,
                kind=LinkKind.FORWARDED_TO,
                created_at=basis.now,
            ),
        ),
        inherits=((complaint.id, forwarded.id),),
        sealed={**told.sealed, **filed.sealed},
    )


def _left_behind(
    complaint: Complaint, handed: Disposition, actor: Actor, basis: Basis
) -> tuple[Change, list[tuple[str, int]]]:
    """The record that stays, and which entries the transfer wrote beside the disposition."""
    rules = basis.rules(complaint.agency)
    longer = grown(rules, replace(complaint, dispositions=(*complaint.dispositions, handed)), basis.now)
    event = EventDraft(
        kind=EventKind.TRANSFERRED,
        status=complaint.status,
        occurred_at=basis.now,
        origin=EventOrigin.HUB,
        actor=actor,
        detail=EventDetail(entry=len(complaint.dispositions)),
    )
    change = Change(before=complaint, after=longer, events=(event,))
    if not is_legal(complaint.status, ComplaintStatus.DISPOSED):
        return change, []
    entry = StatusEvent(to_status=ComplaintStatus.DISPOSED, occurred_at=basis.now, actor=actor)
    after, disposed = moved(longer, entry, rules, basis.now)
    return then(change, after, disposed), [("timeline", len(complaint.timeline))]

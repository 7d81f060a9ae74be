"""What an agency is told: a delivery's `Write`, made of the complaint as the ledger has it now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from msgspec.structs import replace

from gateway.keyring import Keyring
from gateway.writes.sealing import Sealed, unseal
from schema.complaint import Attachment, Complaint, ContentState, Disposition, FollowUp, Rating, StatusEvent
from schema.connector import File, Write
from schema.content import CONTENT
from schema.delivery import Delivery, DeliveryKind
from schema.errors import MappingFailure
from schema.links import LinkKind
from schema.ports import Reader, Snapshot, Writer
from schema.query import Role, Viewer

Entry = TypeVar("Entry", StatusEvent, FollowUp, Disposition, Rating)

#: The hub itself, which sees everything that it delivers.
HUB = Viewer(role=Role.NATIONAL_ADMIN, credential="hub")


#: Which list of the complaint a delivery's entry stands in.
LISTS = {
    DeliveryKind.STATUS_CHANGE: "timeline",
    DeliveryKind.WITHDRAWAL: "timeline",
    DeliveryKind.FOLLOW_UP: "follow_ups",
    DeliveryKind.TRANSFER: "dispositions",
    DeliveryKind.RATING: "ratings",
}


class Files(Protocol):
    """Files of complaints."""

    async def content(self, attachment: Attachment) -> bytes | None:
        """The bytes; None if they can't be had any more."""


class Unnumbered(MappingFailure):
    """The agency has not told yet under which key it holds the complaint."""

    arrived = False


class Gone(MappingFailure):
    """What was to be delivered was erased."""

    arrived = False


class Letters:
    """Writes what is sent.

    Args:
        files: None where attachments are not kept: agencies are told their addresses at most.
    """

    def __init__(self, reader: Reader, writer: Writer, keyring: Keyring, files: Files | None = None) -> None:
        self._reader = reader
        self._writer = writer
        self._keyring = keyring
        self._files = files

    async def write(self, delivery: Delivery) -> Write:
        """What the agency is to be told.

        Raises:
            Gone: the complaint was erased.
            Unnumbered: it can't be named to the agency yet.
            LedgerError: the ledger can't be read, or what was sealed can't be opened.
        """
        async with self._reader.snapshot(HUB) as snapshot:
            found = await snapshot.by_ids([delivery.complaint_id])
            complaint = found.get(delivery.complaint_id)
            if complaint is None or complaint.content_state is ContentState.ERASED:
                raise Gone("the complaint was erased")
            native_id = await _native_id(snapshot, complaint, delivery)
        sealed = await self._writer.sealed(delivery.id)
        secret = unseal(self._keyring, delivery.id, sealed) if sealed is not None else Sealed()
        complaint = restored(complaint, delivery, secret.content)
        follow_up = _entry(complaint.follow_ups, delivery, DeliveryKind.FOLLOW_UP)
        disposition = _entry(complaint.dispositions, delivery, DeliveryKind.TRANSFER)
        return Write(
            kind=delivery.kind,
            reference=reference(complaint, delivery),
            complaint=complaint,
            native_id=native_id,
            reporter=secret.reporter,
            status=_entry(complaint.timeline, delivery, DeliveryKind.STATUS_CHANGE, DeliveryKind.WITHDRAWAL),
            follow_up=follow_up,
            disposition=disposition,
            to_native=_named(disposition),
            rating=_entry(complaint.ratings, delivery, DeliveryKind.RATING),
            files=await self._read(_attachments(complaint, delivery, follow_up)),
        )

    async def _read(self, attachments: Sequence[Attachment]) -> tuple[File, ...]:
        if self._files is None:
            return ()
        contents = [(each, await self._files.content(each)) for each in attachments]
        return tuple(File(attachment=each, content=content) for each, content in contents if content is not None)


def reference(complaint: Complaint, delivery: Delivery) -> str:
    """Ours, the same at every attempt."""
    return complaint.tracking_id if delivery.kind is DeliveryKind.SUBMIT else delivery.id


def restored(complaint: Complaint, delivery: Delivery, content: Complaint | None) -> Complaint:
    """The complaint with what its agency does not let the ledger keep."""
    if content is None:
        return complaint
    fields = {name: getattr(content, name) for name in CONTENT if name != "external_references"}
    if delivery.entry is not None:
        name = LISTS[delivery.kind]
        entries = list(getattr(complaint, name))
        entries[delivery.entry] = getattr(content, name)[delivery.entry]
        fields[name] = tuple(entries)
    place = content.incident_location
    return replace(complaint, content_state=content.content_state, incident_location=place, **fields)


async def _native_id(snapshot: Snapshot, complaint: Complaint, delivery: Delivery) -> str | None:
    if delivery.kind is DeliveryKind.SUBMIT:
        return None
    if complaint.native_id is not None:
        return complaint.native_id
    # It was delivered by hand, and what a harvest brought of it was linked.
    links = (await snapshot.links([complaint.id])).get(complaint.id, ())
    same = await snapshot.by_ids([link.other_id for link in links if link.kind is LinkKind.SAME_AS])
    for other in same.values():
        if other.agency == delivery.agency and other.native_id is not None:
            return other.native_id
    raise Unnumbered("the agency has not told its key of the complaint")


def _entry(entries: Sequence[Entry], delivery: Delivery, *kinds: DeliveryKind) -> Entry | None:
    return entries[delivery.entry] if delivery.kind in kinds and delivery.entry is not None else None


def _named(disposition: Disposition | None) -> str | None:
    return None if disposition is None else disposition.to_agency.native_id or disposition.to_agency.name


def _attachments(complaint: Complaint, delivery: Delivery, follow_up: FollowUp | None) -> Sequence[Attachment]:
    if delivery.kind is DeliveryKind.SUBMIT:
        return complaint.attachments
    return follow_up.attachments if follow_up is not None else ()

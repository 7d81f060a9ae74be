"""How an agency is spoken to: what a connector reads, what it is sent, and what it writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec

from schema.agency import Agency
from schema.complaint import (
    Attachment,
    Complaint,
    ComplaintRecord,
    Disposition,
    FollowUp,
    Rating,
    Rejected,
    Reporter,
    StatusEvent,
)
from schema.delivery import DeliveryKind


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of an agency's records, each parsed alone.

    Attributes:
        total: how many records the agency says there are in all, if it says so.
        until: the moment up to which `changes` tells everything once it is over, by the connector's own count; None
            where the records' `updated_at` says so.
    """

    records: tuple[ComplaintRecord, ...]
    rejected: tuple[Rejected, ...] = ()
    total: int | None = None
    until: datetime | None = None


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What `check` found.

    Attributes:
        request: method and path, without secrets.
        reply: the raw beginning of the reply, at most 2,000 characters, redacted.
        page: what was made of it.
        seconds: how long it took.
        warnings: what works and should not be so, a sentence each.
    """

    request: str
    reply: str
    page: Page
    seconds: float
    warnings: tuple[str, ...] = ()


class Connector(Protocol):
    """How one agency is spoken to. Made from the agency's file; owns its connections until `aclose`."""

    agency: Agency

    def changes(self, since: datetime | None) -> AsyncIterator[Page]:
        """All records that changed at or after `since` (None: all there are), page by page, any order.

        The connector itself looks back as far as the agency's file says, so a record may come again.

        Raises:
            SourceError: the harvest could not be finished; pages already yielded stand.
        """

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        """These records as they are now; those that don't exist are left out."""

    async def check(self) -> Probe:
        """Asks for one small page and says what came.

        Raises:
            SourceError: it could not be read.
        """

    async def aclose(self) -> None:
        """Ends connections. Nothing of the connector may be used afterwards."""


@runtime_checkable
class Keeper(Protocol):
    """A connector that keeps copies of its agency's records itself."""

    async def held(self, native_ids: Sequence[str]) -> Mapping[str, object]:
        """What it keeps of these, by native id; JSON can say it."""

    async def forget(self, native_ids: Sequence[str]) -> None:
        """What it keeps of these goes from its disk, and does not come back. They may be told no more."""


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """A push that is authentic, its records parsed one by one, in their order.

    Attributes:
        id: the same when it is sent again.
        cursor: where the sender is in its own records, if the push says so.
    """

    id: str
    items: tuple[ComplaintRecord | Rejected, ...]
    cursor: str | None = None


@runtime_checkable
class Receiver(Protocol):
    """A connector whose agency sends records by itself.

    Attributes:
        polled: records also come by `changes`. Else `changes` has none, and how the agency is shows in its pushes.
    """

    polled: bool

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """The id of an authentic push or question.

        Args:
            headers: names in lower case.

        Raises:
            Unsigned: it is not authentic.
        """

    def receive(self, id: str, body: bytes) -> Push:
        """What an authentic push holds.

        Raises:
            BadPush: it can't be read at all.
        """


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a complaint with its bytes."""

    attachment: Attachment
    content: bytes


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """What an agency is to be told. `status`, `follow_up`, `disposition` or `rating` is set by kind.

    Attributes:
        reference: ours, the same at every attempt: `complaint.tracking_id` for SUBMIT, else the delivery's id. The
            agency keeps it if it can; then `find` finds it again, and records it tells carry it as an
            `ExternalReference` of the system OUR_SYSTEM.
        complaint: as the ledger has it now, texts included.
        native_id: key of the record at the agency; None for SUBMIT alone.
        reporter: where the agency's file asks for it and the complaint is not anonymous.
        status: for STATUS_CHANGE and WITHDRAWAL.
        to_native: key or name of the institution it is handed on to, in the agency's words, for TRANSFER.
        files: of a SUBMIT or FOLLOW_UP.
    """

    kind: DeliveryKind
    reference: str
    complaint: Complaint
    native_id: str | None = None
    reporter: Reporter | None = None
    status: StatusEvent | None = None
    follow_up: FollowUp | None = None
    disposition: Disposition | None = None
    to_native: str | None = None
    rating: Rating | None = None
    files: tuple[File, ...] = ()


#: How the hub is called in agencies' records (`ExternalReference.system`).
OUR_SYSTEM = "simpul"


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """The agency has it.

    Attributes:
        native_id: key of the complaint's record there (for SUBMIT), else of what was written, if it has one.
        tracking_id: the agency's own number for the citizen, if it told one.
    """

    native_id: str | None = None
    tracking_id: str | None = None


@runtime_checkable
class Sender(Protocol):
    """A connector whose agency takes writes.

    Attributes:
        writes: the kinds it takes by machine; the others are delivered by hand.
        finds: the kinds that `find` can find. Of the others, what has an unknown outcome waits for a person.
        settles_after: seconds after which a write that was sent, and that `find` does not find, did not arrive.
    """

    writes: frozenset[DeliveryKind]
    finds: frozenset[DeliveryKind]
    settles_after: float

    async def send(self, write: Write) -> Acknowledgement:
        """Tells the agency, once: it is never repeated behind the caller's back.

        Raises:
            WriteRejected: the agency said no; saying it again would not help.
            SourceError: `error.arrived` False: it certainly did not arrive, and may be sent again; else unknown.
        """

    async def find(self, write: Write) -> Acknowledgement | None:
        """Looks for what was sent under `write.reference`; None if the agency does not have it (yet).

        Raises:
            SourceError: it could not be looked up.
        """

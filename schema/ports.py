"""What the parts of the hub ask of each other, as protocols. No module here knows who answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

import msgspec

from schema.agency import Agency, SourceErrorCode, SourceReport
from schema.complaint import Complaint, ComplaintRecord, ContentState, Rejected, Reporter
from schema.delivery import Delivery, DeliveryFilter, DeliveryPage, DeliveryQueue
from schema.events import Change, Event, Position
from schema.links import Link
from schema.query import (
    ComplaintFilter,
    ComplaintOrder,
    ComplaintPage,
    EventFilter,
    EventPage,
    Measure,
    RowKey,
    StatisticsBucket,
    StatisticsDimension,
    Viewer,
    Window,
)
from schema.writes import Action, Decide, Intent, Problem, Recorded

#: Tells the time; aware, UTC. Always passed in, never read from a global.
Clock = Callable[[], datetime]


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A quarantined record as an operator sees it."""

    native_id: str | None
    reason: str
    first_seen_at: datetime


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Complaints as the table's raw values: what a compiled projection reads.

    Attributes:
        rows: in the asked order; each begins with the values of the asked columns (`row[0]` …) and may be longer.
            Moments are text (`2021-03-23T05:12:00.000Z`), truths may be 0 and 1, nested lists are JSON text in the
            form that msgspec gives the records of `schema.complaint`.
        key: where a row of these stands under the order; sealed, it is the row's cursor.
        total: how many complaints match, over all pages; None unless it was asked for.
    """

    rows: Sequence[Sequence[Any]]
    key: Callable[[Sequence[Any]], RowKey]
    has_next: bool = False
    has_previous: bool = False
    total: int | None = None


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer's answers are compared by: equal versions mean equal answers, part by part.

    Attributes:
        agencies: by slug, the seq of the newest event that the viewer could see; an agency without any is left out.
        health: counts the reports of sources, and the times that complaints were seen again unchanged (`synced_at`).
        facts: counts the changes of what the agencies' files say.
        derived: counts the changes of complaints that no event tells of (clocks computed anew, an agency's level).
        head: the seq of the newest event of any kind, seen by the viewer or not.
    """

    epoch: str
    agencies: Mapping[str, int]
    health: int
    facts: int
    derived: int
    head: int = 0


#: The id of a complaint, and what of it: SEE_COMPLAINT, SEE_PART or SEE_REPORTER.
Shown: TypeAlias = tuple[str, Action]


class Dependencies(msgspec.Struct, kw_only=True):
    """What the questions put to a snapshot depend on; it grows with them.

    An answer stays true while `epoch` and `derived` of the versions are the same, no agency of `agencies` has a newer
    event, no complaint of `complaints` another seq, and, where these are marked, `health`, `facts` and `head` are the
    same.

    Attributes:
        agencies: slugs; None means all, those that are plugged in later included.
        complaints: by id, the seq of the newest event that touched it.
        shown: what the viewer is shown that the public is not: of which complaint, and what. An answer does not depend
            on it, but who is given the answer again is shown it again.
    """

    agencies: set[str] | None = msgspec.field(default_factory=set)
    complaints: dict[str, int] = msgspec.field(default_factory=dict)
    health: bool = False
    facts: bool = False
    head: bool = False
    shown: set[Shown] = msgspec.field(default_factory=set)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be remembered of a push.

    Attributes:
        id: the same when it is sent again.
        cursor: where the sender is in its own records, if the push says so; it is kept for the sender.
        answer: writes what the sender is told, once it is decided, from the reasons by native id why complaints could
            not be stored, and the cursor that is kept. Pure.
    """

    id: str
    cursor: str | None
    answer: Callable[[Mapping[str, str], str | None], bytes]


class Received(msgspec.Struct, frozen=True):
    """What became of a push.

    Attributes:
        answer: for its sender.
        again: it had come before, and was answered like this then.
    """

    answer: bytes
    again: bool = False


class LastPush(msgspec.Struct, frozen=True):
    """An agency's newest push, and the cursor that is kept for the agency."""

    received_at: datetime
    cursor: str | None


class Snapshot(Protocol):
    """The ledger at one moment, as one viewer may see it. Calls run one after another, whoever awaits them."""

    viewer: Viewer
    #: Of all questions so far.
    dependencies: Dependencies

    async def head(self) -> Position:
        """The newest event of any kind (not for the viewer's eyes: `stamp` is)."""

    async def oldest(self) -> int:
        """The seq of the oldest event that is kept; 1 on an empty ledger."""

    async def stamp(self, agencies: Collection[str] | None = None) -> Position:
        """The newest event that this viewer could see, of these agencies (None: of all)."""

    async def versions(self) -> Versions:
        """What answers of this snapshot are compared by."""

    async def agencies(self) -> Mapping[str, Agency]:
        """All agencies that are or were plugged in, by slug."""

    async def sources(self) -> Mapping[str, SourceReport]:
        """Health of every agency's source, by slug."""

    async def complaints(self, filter: ComplaintFilter, order: ComplaintOrder, window: Window) -> ComplaintPage:
        """A page of the complaints that match, in exact order."""

    async def count(self, filter: ComplaintFilter) -> int:
        """How many complaints match, over all pages."""

    async def rows(
        self,
        filter: ComplaintFilter,
        order: ComplaintOrder,
        window: Window,
        columns: tuple[str, ...],
        *,
        count: bool = False,
    ) -> Rows:
        """The page of `complaints`, as raw values of `columns`.

        Args:
            columns: names of columns of the table `complaints`.
            count: also tell the total.
        """

    async def rows_by_ids(self, ids: Sequence[str], columns: tuple[str, ...]) -> Mapping[str, Sequence[Any]]:
        """`by_ids` as raw values: by id, a row that begins with `columns`."""

    async def rows_by_tracking_id(
        self, tracking_id: str, agency: str | None, columns: tuple[str, ...]
    ) -> Sequence[Sequence[Any]]:
        """`by_tracking_id` as raw values: rows that begin with `columns`."""

    async def by_ids(self, ids: Sequence[str]) -> Mapping[str, Complaint]:
        """Those of the complaints that exist and that the viewer may see, by id."""

    async def by_tracking_id(self, tracking_id: str, agency: str | None = None) -> Sequence[Complaint]:
        """Every visible complaint with this number, at most 100."""

    async def statistics(
        self,
        filter: ComplaintFilter,
        group_by: Sequence[StatisticsDimension],
        first: int,
        measures: Collection[Measure] = (),
    ) -> Sequence[StatisticsBucket]:
        """Counts by dimension, largest first; ties by the dimensions' values."""

    async def events(self, filter: EventFilter, after: int, first: int) -> EventPage:
        """The ledger after `after`, oldest first, with each complaint as it is now."""

    async def deliveries(self, filter: DeliveryFilter, after: int, first: int, *, count: bool = False) -> DeliveryPage:
        """Deliveries with a `seq` beyond `after`, oldest first: those of complaints that the viewer reported or
        handles."""

    async def deliveries_by_ids(self, ids: Sequence[str]) -> Mapping[str, Delivery]:
        """Those of the deliveries that exist and that the viewer may see, by id."""

    async def reporters(self, complaints: Sequence[str]) -> Mapping[str, Reporter]:
        """Who reported these, by id, where that is kept and the viewer may know it (`schema.access.identifies`)."""

    async def latest_deliveries(self, complaints: Sequence[str]) -> Mapping[str, Delivery]:
        """The newest delivery of each complaint that has any and that the viewer reported or handles, by its id."""

    async def queues(self) -> Mapping[str, DeliveryQueue]:
        """What waits for each agency that anything waits for, by slug."""

    async def links(self, complaints: Sequence[str]) -> Mapping[str, Sequence[Link]]:
        """The links of these complaints, oldest first, each as seen from its complaint; those whose other end the
        viewer can't see are left out."""

    async def linked(self, complaint: str, most: int) -> Sequence[Complaint]:
        """The complaint and every visible one that is linked to it over any number of visible ones, at most so many."""

    async def neighbours(self, complaint: Complaint, days: int, most: int) -> Sequence[Complaint]:
        """Visible complaints of the same regency (without one: of the same agency) received within so many days of
        this one, nearest in time first; not those linked to it, nor those dismissed as its duplicates."""

    async def quarantine(self, agency: str, first: int) -> Sequence[Quarantined]:
        """Records of an agency that could not be read, newest first. For operators."""


class Reader(Protocol):
    """Opens snapshots."""

    def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AbstractAsyncContextManager[Snapshot]:
        """One consistent read; the database is not touched before the first question.

        Args:
            lone: one question for complaints, counts or statistics will be put, which is cheaper on some databases;
                `head`, `oldest`, `stamp`, `versions`, `agencies` and `sources` may follow it.
        """


class Writer(Protocol):
    """The only way into the ledger. Every call is one transaction, or nothing."""

    async def change(
        self,
        agency: str,
        native_ids: Sequence[str],
        decide: Callable[[Mapping[str, Complaint]], Sequence[Change]],
        rejected: Sequence[Rejected] = (),
        references: Mapping[str, str] = MappingProxyType({}),
    ) -> Position:
        """Locks the head, reads the snapshots of `native_ids` (by native id), lets `decide` say what changes,
        appends the events with gapless seqs, stores the snapshots and the quarantine.

        A record that was filed from here and whose native id is not known yet is found by its reference; its SUBMIT
        delivery is then ACKNOWLEDGED. Records that name each other's numbers (`external_references`) are linked.

        Args:
            references: by native id, the tracking id under which the hub filed the record, as the agency tells it.

        `decide` is pure and quick: it runs under the lock. A cancelled caller does not cancel the write.

        Returns:
            The head after this transaction.
        """

    async def write(self, intent: Intent, decide: Decide) -> Recorded | Problem:
        """What somebody writes: idempotency, changes, deliveries, links and the audit of it, in one transaction.

        An idempotency key that is known with the same body is answered as it was, without asking `decide`; with another
        body it is an IdempotencyConflict. A refusal is audited too, and keeps no key.

        Raises:
            LedgerError: nothing was written, unless the connection broke during the commit. Send the same key again.
        """

    async def refuse(self, intent: Intent, problem: Problem) -> Problem:
        """Audits a refusal that needs no look into the ledger."""

    async def claim(self, agency: str, owner: str, now: datetime, lease: float, limit: int) -> Sequence[Delivery]:
        """Takes what is due for an agency, oldest first: each is `owner`'s for `lease` seconds from `now`.

        A QUEUED one becomes SENT with one attempt more, and is to be sent. An UNKNOWN one stays so and is to be looked
        up; so is a SENT one whose lease is over, which becomes UNKNOWN. Of one complaint only the oldest that is
        not settled is taken, and nothing behind a DEAD one or a SUBMIT that was not ACKNOWLEDGED.
        """

    async def sealed(self, delivery: str) -> bytes | None:
        """What `Written.sealed` keeps for a delivery that is not settled."""

    async def report(self, report: SourceReport, harvest: bytes | None = None) -> Position:
        """Stores what an attempt to read an agency found, and (unless None) the connector's harvest state.

        `quarantined` and `unmapped` are counted here. A change of `state` is an event of the ledger.
        """

    async def register(self, agencies: Sequence[Agency], paused: Collection[str] = ()) -> None:
        """Stores what the agencies' files say. One that is missing becomes PAUSED; its complaints stay.

        Args:
            paused: slugs of those that become PAUSED too.
        """

    async def receive(
        self,
        agency: str,
        native_ids: Sequence[str],
        decide: Callable[[Mapping[str, Complaint]], Sequence[Change]],
        rejected: Sequence[Rejected],
        receipt: Receipt,
        report: SourceReport | None = None,
        references: Mapping[str, str] = MappingProxyType({}),
    ) -> Received:
        """`change` for a push of the agency's own, once for each `receipt.id`, whichever hub it is sent to.

        What came before changes nothing. `report` is stored in the same transaction.

        Raises:
            TooManyPushes: more are remembered than there is room for.
        """

    async def last_push(self, agency: str) -> LastPush | None:
        """The agency's newest push; None if there was none."""

    async def harvest_state(self, agency: str) -> bytes | None:
        """What `report` last stored as `harvest`."""

    async def tick(self, now: datetime, limit: int = 500) -> int:
        """Turns clocks that fell due by `now` into CLOCK_BREACHED events. Returns how many; call again at `limit`."""

    async def empty(self, ids: Sequence[str], actor: str = "operator") -> int:
        """Takes every text, name and place out of complaints. No event's seq, detail or order changes.

        What was taken out does not come back, whatever an agency or a backup brings. Returns how many there were.

        Args:
            actor: as the audit names who asked for it.
        """

    async def expire(self, agency: str, content: datetime | None, identity: datetime) -> tuple[int, int]:
        """Ends what is no longer to be kept of an agency's complaints.

        Args:
            content: those that were closed before are emptied; None: none.
            identity: of those that were closed before, it is forgotten who reported them.

        Returns:
            How many were emptied, and of how many it was forgotten.
        """

    async def restrict(self, ids: Sequence[str], actor: str = "operator") -> int:
        """Shows complaints as confidential until `lift`. Returns how many were not restricted before."""

    async def lift(self, ids: Sequence[str], actor: str = "operator") -> int:
        """Shows restricted complaints as their agencies have it. Returns how many were restricted."""

    async def heed_again(self) -> int:
        """Does again what a backup that was put back has undone of what people asked for. Returns for how many."""


class AccessChanged(Exception):
    """The credentials of whoever follows are no longer valid, or are now for more or less than when he began."""


class CaughtUp(msgspec.Struct, eq=False):
    """A follower was told everything there is, and may now be told what comes together with others.

    Attributes:
        seq: of the last event that it was told. Whoever tells it events elsewhere moves this on; the follower goes on
            after it.
        key: followers of one viewer with the same key are told the same from here on.
        news: what follows `seq`, for all of them.
    """

    seq: int
    key: Hashable
    news: Callable[[], AsyncGenerator[Event | int | CaughtUp, None]]


class Feed(Protocol):
    """Live events."""

    def follow(self, viewer: Viewer, filter: EventFilter, after: Position) -> AsyncIterator[Event | int | CaughtUp]:
        """Every event after `after`, then live. An int is a seq up to which nothing matched (a checkpoint).

        Ends when the hub goes down, or when not every event can be told: after a restore, or past what is kept.

        Raises:
            AccessChanged: nothing more may be told to this viewer.
        """

    def follow_sources(self, viewer: Viewer, agencies: Collection[str] | None) -> AsyncIterator[str]:
        """Slugs of agencies whose source report changed, as it happens.

        Ends when the hub goes down, or the viewer's access changes.
        """

    def revision(self, viewer: Viewer) -> int:
        """Moves when something may have gone out of the viewer's sight: nothing made before is to be kept."""

    def facts(self) -> tuple[Mapping[str, Agency] | None, Mapping[str, SourceReport] | None]:
        """Agencies and reports by slug, at most a second old; None where they must be read."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What an agency that allows no copies tells of a complaint.

    Attributes:
        record: None where `state` is UNAVAILABLE.
        state: AVAILABLE; STALE, an older copy, as the agency did not answer; or UNAVAILABLE.
        good_for: seconds that it may go on being shown.
        error: why there is no newer one, or none.
    """

    agency: str
    state: ContentState
    record: ComplaintRecord | None = None
    good_for: float = 0.0
    error: SourceErrorCode | None = None


class Live(Protocol):
    """Asks agencies themselves, while somebody waits. Complaints are named by their ids.

    Whoever asks for the same at the same time shares one request; none takes longer than the agency's file allows.
    """

    def at_hand(self, id: str) -> Content | None:
        """The content, if it was fetched of late."""

    async def contents(self, viewer: Viewer, ids: Collection[str]) -> Mapping[str, Content]:
        """The content of these complaints, from their agencies. Those that the viewer can't see are left out.

        No snapshot may be open meanwhile: an agency that hangs must not hold up the database.
        """

    async def refresh(self, viewer: Viewer, id: str) -> bool:
        """Brings a complaint into the ledger as it is at its agency now. False if the agency could not be read."""


class Cursors(Protocol):
    """Seals positions, so that a cursor tells nothing and can't be made up."""

    def seal_event(self, position: Position) -> str:
        """The event cursor: the same string for every viewer, filter and transport."""

    def open_event(self, cursor: str) -> Position:
        """Raises:
        BadCursor: not a cursor of this hub.
        """

    def seal_row(self, order: ComplaintOrder, key: RowKey) -> str:
        """The row cursor of a list under `order`."""

    def open_row(self, order: ComplaintOrder, cursor: str) -> RowKey:
        """Raises:
        BadCursor: not a cursor of this hub, or of another order.
        """

    def seal_delivery(self, seq: int) -> str:
        """The cursor of a delivery in the list of deliveries."""

    def open_delivery(self, cursor: str) -> int:
        """Raises:
        BadCursor: not a cursor of this hub, or not of a delivery.
        """

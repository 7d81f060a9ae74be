"""What can be asked of the ledger, and what it answers."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

import msgspec

from schema.agency import AgencyLevel
from schema.clocks import ClockKind
from schema.complaint import Channel, Classification, Complaint
from schema.events import Event, EventKind
from schema.status import ActorRole, ComplaintStatus


class Role(StrEnum):
    """Who is asking."""

    PUBLIC = "PUBLIC"
    REPORTER = "REPORTER"
    LIAISON_OFFICER = "LIAISON_OFFICER"
    AGENCY_COORDINATOR = "AGENCY_COORDINATOR"
    NATIONAL_ADMIN = "NATIONAL_ADMIN"
    OVERSIGHT = "OVERSIGHT"
    INTEGRATOR = "INTEGRATOR"


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking, as the hub understood the credentials. Passed explicitly, everywhere.

    Attributes:
        agencies: slugs of the agencies whose complaints the viewer handles.
        complaints: ids of the complaints that a REPORTER's token opens.
        credential: names the credential in the audit and keeps idempotency keys apart: `public`, `key:<id>`,
            `reporter:<hash>`. Never the credential itself.
        operations: what the credential is for: `read`, `write`, `subscribe`, or names of fields of the graph's roots;
            None: all that the role may.
    """

    role: Role = Role.PUBLIC
    agencies: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    credential: str = "public"
    name: str | None = None
    expires_at: datetime | None = None
    operations: tuple[str, ...] | None = None


#: Whoever shows no credentials.
PUBLIC = Viewer()


class Language(StrEnum):
    """Languages of labels and messages."""

    ID = "ID"
    EN = "EN"


class ComplaintFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All conditions hold together; None does not restrict; an empty list matches nothing.

    Attributes:
        region_code: Kemendagri code, whole groups; covers its parts.
        category: code; covers its children.
        text: words; Indonesian stems, all must occur.
        due_before: a running clock falls due before this moment, or is overdue.
        changed_after: a `seq`.
        submitted_after, updated_after: inclusive; submitted_before, updated_before: exclusive.
    """

    agencies: tuple[str, ...] | None = None
    levels: tuple[AgencyLevel, ...] | None = None
    assigned_agencies: tuple[str, ...] | None = None
    region_code: str | None = None
    statuses: tuple[ComplaintStatus, ...] | None = None
    status_actors: tuple[ActorRole, ...] | None = None
    classifications: tuple[Classification, ...] | None = None
    category: str | None = None
    channel: Channel | None = None
    submitted_after: datetime | None = None
    submitted_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    text: str | None = None
    overdue: bool | None = None
    breached_clocks: tuple[ClockKind, ...] | None = None
    due_before: datetime | None = None
    changed_after: int | None = None
    tracking_ids: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None


class ComplaintOrderField(StrEnum):
    """One order; paging is exact under each of them."""

    UPDATED_AT = "UPDATED_AT"
    SUBMITTED_AT = "SUBMITTED_AT"
    DUE_AT = "DUE_AT"
    RELEVANCE = "RELEVANCE"


class OrderDirection(StrEnum):
    """Ascending or descending."""

    ASC = "ASC"
    DESC = "DESC"


class ComplaintOrder(msgspec.Struct, frozen=True):
    """Ties are broken by id, in the same direction; empty values come last both ways."""

    field: ComplaintOrderField = ComplaintOrderField.UPDATED_AT
    direction: OrderDirection = OrderDirection.DESC


class RowKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a row stands in an order: the order's values, then the id. Sealed, it is a row cursor."""

    values: tuple[str | float | int | None, ...]
    id: str


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A page: `limit` rows after `after` (forward), or the last `limit` rows before `before` (backward)."""

    limit: int
    after: RowKey | None = None
    before: RowKey | None = None
    backward: bool = False


class ComplaintPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows in the asked order (also when paging backward), each with its key."""

    rows: tuple[Complaint, ...]
    keys: tuple[RowKey, ...]
    has_next: bool
    has_previous: bool


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Matched against the complaint as it was right after the event."""

    kinds: tuple[EventKind, ...] = (
        EventKind.SUBMITTED,
        EventKind.STATUS_CHANGED,
        EventKind.FOLLOW_UP_ADDED,
        EventKind.TRANSFERRED,
        EventKind.CORRECTED,
    )
    agencies: tuple[str, ...] | None = None
    levels: tuple[AgencyLevel, ...] | None = None
    region_code: str | None = None
    classifications: tuple[Classification, ...] | None = None
    category: str | None = None
    statuses: tuple[ComplaintStatus, ...] | None = None
    ids: tuple[str, ...] | None = None


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events oldest first.

    Attributes:
        end: the seq to go on after: past filtered-out events too.
        has_more: more matching events may follow `end`.
    """

    events: tuple[Event, ...]
    end: int
    has_more: bool


class StatisticsDimension(StrEnum):
    """What counts are grouped by."""

    AGENCY = "AGENCY"
    LEVEL = "LEVEL"
    STATUS = "STATUS"
    STATUS_ACTOR = "STATUS_ACTOR"
    CLASSIFICATION = "CLASSIFICATION"
    CATEGORY = "CATEGORY"
    PROVINCE = "PROVINCE"
    REGENCY = "REGENCY"
    CHANNEL = "CHANNEL"
    MONTH = "MONTH"


class Measure(StrEnum):
    """What is computed per bucket beside `count`; asked for one by one because some are dear."""

    OVERDUE = "overdue"
    MEDIAN_DAYS_TO_FIRST_FOLLOW_UP = "median_days_to_first_follow_up"
    MEDIAN_DAYS_TO_CLOSE = "median_days_to_close"
    AVERAGE_RATING = "average_rating"


class StatisticsBucket(msgspec.Struct, frozen=True, kw_only=True):
    """A row of counts. `region` is a region code, `category` a top category's code, `month` its first day, WIB."""

    count: int
    agency: str | None = None
    level: AgencyLevel | None = None
    status: ComplaintStatus | None = None
    status_actor: ActorRole | None = None
    classification: Classification | None = None
    category: str | None = None
    region: str | None = None
    channel: Channel | None = None
    month: date | None = None
    overdue: int | None = None
    median_days_to_first_follow_up: float | None = None
    median_days_to_close: float | None = None
    average_rating: float | None = None

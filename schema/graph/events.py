"""Facts of the ledger, as the graph tells them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

import strawberry

from schema import clocks
from schema import complaint as records
from schema import delivery as deliveries
from schema import events as facts
from schema.events import EventKind, EventOrigin
from schema.graph.agency import Agency, held_by
from schema.graph.batches import Joined, then
from schema.graph.complaint import Complaint, visible
from schema.graph.content import shown
from schema.graph.context import Info
from schema.graph.delivery import Delivery
from schema.graph.directives import Audience, field, narrowed, object_type, sees
from schema.graph.entries import Actor, Disposition, FollowUp, NativeStatus, Rating, SlaClock
from schema.graph.link import ComplaintLink
from schema.status import ComplaintStatus

T = TypeVar("T")

#: Fields of Complaint that not everyone may see, by whom.
_NARROWED = narrowed(Complaint)


def cursor_of(root: facts.Event, info: Info) -> str:
    return info.context.event_cursor(root.seq)


def _complaint(root: facts.Event, info: Info) -> records.Complaint | None:
    return shown(root.complaint, info) if root.complaint is not None else None


@strawberry.interface(description="Anything that tells a position in the ledger.")
class StreamFrame:
    cursor: str = field(
        "Resume `after` it, on any transport, with any filter. The same event has the same cursor in every answer. "
        "It tells nothing of events in between.",
    )


@strawberry.interface(description="A fact in the ledger: gapless, in commit order, the same for all who may see it.")
class ComplaintEvent(StreamFrame):
    cursor: str = field("Resume `after` it; the same in every answer.", cursor_of)
    kind: EventKind = field("What happened.")
    complaint_id: strawberry.ID = field("With `version`, the event's name for ever, also over a restore.")
    complaint: Complaint | None = field(
        "As it is when this is sent, at `version` or later. "
        "Null: erased, or no longer this viewer's to see; drop what you hold of it.",
        _complaint,
    )
    agency: Agency = field("The agency whose system holds the complaint.", held_by)
    version: int = field("The complaint's version that this event made.")
    actor: Actor | None = field("Who did it; null when the agency does not say.")
    origin: EventOrigin = field("How the hub learned of it.")
    occurred_at: datetime = field("By the agency's clock. May be older than that of the event before.")
    recorded_at: datetime = field("By the hub's clock.")


def of_kind(kind: EventKind) -> Callable[[Any], bool]:
    """A test for events of one kind."""
    return lambda record: isinstance(record, facts.Event) and record.kind is kind


def _entry(root: facts.Event, info: Info, entries: Callable[[records.Complaint], Sequence[T]]) -> T | None:
    """What the event points at in its complaint; None if that can't be seen any more."""
    complaint, index = _complaint(root, info), root.detail.entry
    if complaint is None or index is None:
        return None
    found = entries(complaint)
    return found[index] if index < len(found) else None


def _move(root: facts.Event, info: Info) -> records.StatusEvent | None:
    return _entry(root, info, lambda complaint: complaint.timeline)


def _from_status(root: facts.Event) -> ComplaintStatus | None:
    return root.detail.from_status


def _to_status(root: facts.Event) -> ComplaintStatus | None:
    return root.detail.to_status


def _native_status(root: facts.Event, info: Info) -> records.NativeStatus | None:
    move = _move(root, info)
    return move.native_status if move else None


def _status_reason(root: facts.Event, info: Info) -> str | None:
    move = _move(root, info)
    return move.note if move else None


def _follow_up(root: facts.Event, info: Info) -> records.FollowUp | None:
    follow_up = _entry(root, info, lambda complaint: complaint.follow_ups)
    if follow_up is None or root.complaint is None:
        return None
    return follow_up if visible(follow_up, root.complaint, info) else None


def _disposition(root: facts.Event, info: Info) -> records.Disposition:
    # Where the record can't be seen any more, what the ledger itself keeps: when it was, not to whom.
    return _entry(root, info, lambda complaint: complaint.dispositions) or records.Disposition(
        to_agency=records.AgencyReference(""), occurred_at=root.occurred_at
    )


def _changed_fields(root: facts.Event, info: Info) -> list[str]:
    viewer, about = info.context.viewer, root.complaint
    return [name for name in root.detail.changed_fields if sees(viewer, _NARROWED.get(name, Audience.PUBLIC), about)]


def _rating(root: facts.Event, info: Info) -> records.Rating | None:
    return _entry(root, info, lambda complaint: complaint.ratings)


def _clock(root: facts.Event) -> clocks.SlaClock:
    kind = cast(clocks.ClockKind, root.detail.clock)  # every CLOCK_BREACHED names one
    of_this_kind = [clock for clock in (root.complaint.clocks if root.complaint else ()) if clock.kind is kind]
    breached = [clock for clock in of_this_kind if clock.breached_at == root.occurred_at]
    return next(
        iter(breached or of_this_kind[-1:]),
        # Where the record can't be seen any more, what the ledger itself keeps.
        clocks.SlaClock(
            kind=kind, limit_days=0, started_at=root.occurred_at, breached=True, breached_at=root.occurred_at
        ),
    )


def _link(root: facts.Event, info: Info) -> Joined | Awaitable[Joined | None] | None:
    detail = root.detail
    if root.complaint is None or detail.other is None:
        return None

    def told(links: Sequence[Joined]) -> Joined | None:
        of_both = [link for link in links if link.complaint.id == detail.other]
        return next((link for link in of_both if link.kind is detail.link), next(iter(of_both), None))

    return then(info.context.batches.links.of(root.complaint_id), told)


def _delivery(root: facts.Event, info: Info) -> deliveries.Delivery | Awaitable[deliveries.Delivery | None] | None:
    id = root.detail.delivery
    return None if id is None else info.context.batches.deliveries.of(id)


@object_type("A complaint is new to the hub.", to=Audience.PUBLIC, of=of_kind(EventKind.SUBMITTED))
class ComplaintSubmitted(ComplaintEvent):
    pass


@object_type("The status moved.", to=Audience.PUBLIC, of=of_kind(EventKind.STATUS_CHANGED))
class StatusChanged(ComplaintEvent):
    from_status: ComplaintStatus | None = field("The status before.", _from_status)
    to_status: ComplaintStatus = field("The status after.", _to_status)
    native_status: NativeStatus | None = field("The agency's own word for it.", _native_status)
    status_reason: str | None = field("Why, as the agency wrote it.", _status_reason)


@object_type("Somebody wrote.", to=Audience.PUBLIC, of=of_kind(EventKind.FOLLOW_UP_ADDED))
class FollowUpAdded(ComplaintEvent):
    follow_up: FollowUp | None = field("Null when erased since.", _follow_up)


@object_type("It changed hands.", to=Audience.PUBLIC, of=of_kind(EventKind.TRANSFERRED))
class ComplaintTransferred(ComplaintEvent):
    disposition: Disposition = field("From whom, to whom.", _disposition)


@object_type(
    "Content, category, place, flags or visibility changed.", to=Audience.PUBLIC, of=of_kind(EventKind.CORRECTED)
)
class ComplaintCorrected(ComplaintEvent):
    changed_fields: list[str] = field(
        "Names of fields of Complaint; not those the viewer may not see.", _changed_fields
    )


@object_type("It was joined to another record.", to=Audience.PUBLIC, of=of_kind(EventKind.LINKED))
class ComplaintLinked(ComplaintEvent):
    link: ComplaintLink | None = field("Null when the viewer may not see the other record.", _link, asking=True)


@object_type("It was rated.", to=Audience.PUBLIC, of=of_kind(EventKind.RATED))
class ResolutionRated(ComplaintEvent):
    rating: Rating | None = field("The judgement.", _rating)


@object_type("Once per clock.", to=Audience.PUBLIC, of=of_kind(EventKind.CLOCK_BREACHED))
class ClockBreached(ComplaintEvent):
    clock: SlaClock = field("The clock, as it is now.", _clock)


@object_type("A write to the agency moved.", of=of_kind(EventKind.DELIVERY_CHANGED), to=Audience.REPORTER)
class DeliveryChanged(ComplaintEvent):
    delivery: Delivery | None = field("The write, as it is now.", _delivery, asking=True)


EVENT_TYPES = (
    ComplaintSubmitted,
    StatusChanged,
    FollowUpAdded,
    ComplaintTransferred,
    ComplaintCorrected,
    ComplaintLinked,
    ResolutionRated,
    ClockBreached,
    DeliveryChanged,
)

"""The complaint (laporan)."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

import strawberry

from schema import access, categories, labels
from schema import complaint as records
from schema import delivery as deliveries
from schema.complaint import Channel, Classification, ContentState
from schema.graph import steps
from schema.graph.agency import Agency, held_by, report_of
from schema.graph.batches import Joined, Matter, then
from schema.graph.category import Category
from schema.graph.content import shown_all
from schema.graph.context import Info
from schema.graph.delivery import Delivery
from schema.graph.directives import Audience, described, field, object_type, sees, sized
from schema.graph.entries import (
    AgencyReference,
    Attachment,
    Disposition,
    ExternalReference,
    FollowUp,
    IncidentLocation,
    NativeStatus,
    Rating,
    Reporter,
    SlaClock,
    StatusEvent,
)
from schema.graph.journey import Journey
from schema.graph.label import InLanguage
from schema.graph.link import ComplaintLink, LinkSuggestion, Routing
from schema.graph.node import Node
from schema.graph.page import MOST_ENTRIES, Newest, page_size
from schema.graph.scalars import URL
from schema.links import LinkKind, Suggestion
from schema.query import Language, Role
from schema.status import TERMINAL, ActorRole, ComplaintStatus

T = TypeVar("T")

#: Most suggestions for one complaint.
MOST_SUGGESTIONS = 10


@described(
    "What can be done to a complaint. May grow.",
    ADD_FOLLOW_UP="Reply or answer.",
    TRANSFER="Hand it to another agency.",
    CHANGE_STATUS="Move it to one of `Complaint.nextStatuses`.",
    RATE="Judge how it was solved.",
    WITHDRAW="Take it back.",
    LINK="Join it to another record.",
)
class ComplaintAction(StrEnum):
    """What can be done to a complaint."""

    ADD_FOLLOW_UP = "ADD_FOLLOW_UP"
    TRANSFER = "TRANSFER"
    CHANGE_STATUS = "CHANGE_STATUS"
    RATE = "RATE"
    WITHDRAW = "WITHDRAW"
    LINK = "LINK"


def _status_label(root: records.Complaint, language: InLanguage = Language.ID) -> str:
    return labels.label("ComplaintStatus", root.status, language)


def _classification_label(root: records.Complaint, language: InLanguage = Language.ID) -> str | None:
    return labels.label("Classification", root.classification, language) if root.classification else None


def _category(root: records.Complaint) -> categories.Category | None:
    return categories.category(root.category) if root.category else None


async def _stale(root: records.Complaint, info: Info) -> bool:
    context = info.context
    if root.id in context.outdated:
        return True
    if context.reads is not None and context.reads.refreshed.get(root.id):
        return False
    return (await report_of(context, root.agency)).stale


def newest(entries: Sequence[T], last: int) -> Sequence[T]:
    """The newest `last` of entries that stand oldest first.

    Raises:
        BadUserInput: negative.
    """
    if last and len(entries) <= last <= MOST_ENTRIES:
        return entries
    size = page_size(last, "last", default=MOST_ENTRIES, most=MOST_ENTRIES)
    return entries[-size:] if size else ()


def _timeline(root: records.Complaint, last: Newest = 100) -> Sequence[records.StatusEvent]:
    return newest(records.by_time(root.timeline), last)


def _follow_ups(root: records.Complaint, info: Info, last: Newest = 100) -> Sequence[records.FollowUp]:
    return newest(records.by_time([entry for entry in root.follow_ups if visible(entry, root, info)]), last)


def _dispositions(root: records.Complaint) -> Sequence[records.Disposition]:
    return records.by_time(root.dispositions)


def visible(follow_up: records.FollowUp, complaint: records.Complaint, info: Info) -> bool:
    """Whether the viewer may see a follow-up of the complaint."""
    return not follow_up.is_confidential or sees(info.context.viewer, Audience.REPORTER, complaint)


def _next_statuses(root: records.Complaint, info: Info) -> Sequence[ComplaintStatus]:
    return access.next_statuses(info.context.viewer, root)


def _viewer_actions(
    root: records.Complaint, info: Info
) -> Sequence[ComplaintAction] | Awaitable[Sequence[ComplaintAction]]:
    viewer = info.context.viewer
    offered = {
        ComplaintAction.ADD_FOLLOW_UP: access.may_follow_up(viewer, root),
        ComplaintAction.TRANSFER: access.may_transfer(viewer, root),
        ComplaintAction.CHANGE_STATUS: bool(access.next_statuses(viewer, root)),
        ComplaintAction.RATE: access.may_rate(viewer, root),
        ComplaintAction.WITHDRAW: access.may_withdraw(viewer, root),
        ComplaintAction.LINK: access.may_link(viewer, root),
    }
    actions = [action for action, may in offered.items() if may]
    if not offered[ComplaintAction.TRANSFER] or viewer.role is Role.NATIONAL_ADMIN:
        return actions

    def unless_elsewhere(links: Sequence[Joined]) -> Sequence[ComplaintAction]:
        elsewhere = any(link.kind is LinkKind.FORWARDED_TO and link.complaint.status not in TERMINAL for link in links)
        return [action for action in actions if action is not ComplaintAction.TRANSFER or not elsewhere]

    # One that was forwarded is the other agency's to send on, as long as it is open there.
    return then(info.context.batches.links.of(root.id), unless_elsewhere)


def _links(root: records.Complaint, info: Info) -> Sequence[Joined] | Awaitable[Sequence[Joined]]:
    return info.context.batches.links.of(root.id)


async def _link_suggestions(root: records.Complaint, info: Info) -> Sequence[Suggestion] | None:
    suggest = info.context.suggest
    return None if suggest is None else (await suggest(info.context.snapshot, root))[:MOST_SUGGESTIONS]


def _journey(root: records.Complaint, info: Info) -> steps.Journey | Awaitable[steps.Journey]:
    viewer = info.context.viewer

    def told(matter: Matter) -> steps.Journey:
        return steps.journey(
            [root, *shown_all(matter.others, info)],
            matter.links,
            matter.names,
            confidential=lambda record: sees(viewer, Audience.REPORTER, record),
        )

    return then(info.context.batches.matters.of(root.id), told)


def _reporter(root: records.Complaint, info: Info) -> records.Reporter | Awaitable[records.Reporter | None] | None:
    return info.context.batches.reporters.of(root.id)


def _delivery(
    root: records.Complaint, info: Info
) -> deliveries.Delivery | Awaitable[deliveries.Delivery | None] | None:
    return info.context.batches.latest.of(root.id)


def _routed_by(root: records.Complaint) -> records.Routed | None:
    return root.routing


@object_type(
    "A report to a public service (laporan), as one agency's system holds it. The same matter in another system is "
    "another Complaint, joined by `links` and `journey`.\n"
    "Confidential complaints exist only for the agencies that handle them, their reporter and oversight: not in rows, "
    "counts, events or errors of others.",
    to=Audience.PUBLIC,
    of=records.Complaint,
    key="id",
)
class Complaint(Node):
    id: strawberry.ID = field("`complaint_` and 26 characters; never changes.")
    tracking_id: str = field(
        "The number the citizen was given (Tracking ID): the agency's, or the hub's for one submitted here. "
        "Unique within the agency."
    )
    agency: Agency = field("The agency whose system holds this record.", held_by)
    native_id: str | None = field(
        "The record's key in the agency's system; null until a submitted complaint is acknowledged."
    )
    url: URL | None = field("Where a person can read it in the agency's own system.")

    status: ComplaintStatus = field("Canonical status.")
    status_label: str = field("The status in words.", _status_label)
    native_status: NativeStatus | None = field(
        "The agency's own word; null until it has one. Shown beside the canonical status."
    )
    status_actor: ActorRole | None = field("Who made the last move; null when the agency does not say.")
    status_reason: str | None = field("Why it was postponed, archived, rejected or closed, as the agency wrote it.")
    status_changed_at: datetime = field("When the status last moved.")
    next_statuses: list[ComplaintStatus] = field(
        "Legal next states for this viewer, for buttons. Empty when the viewer may not move it.",
        _next_statuses,
        public=[],
    )
    viewer_actions: list[ComplaintAction] = field(
        "What this viewer may do with it, for buttons.", _viewer_actions, public=[], asking=True
    )

    content_state: ContentState = field(
        "Whether title, texts, location, follow-up texts and attachments can be shown, and if not, why they are null."
    )
    title: str | None = field("The citizen's headline.")
    text: str | None = field(
        "What to show: `editedText`, else `originalText`. Personal data redacted, as in all texts."
    )
    original_text: str | None = field("As the citizen wrote it (isi laporan awal).")
    edited_text: str | None = field("As an admin rewrote it (isi laporan akhir).")
    classification: Classification | None = field("Klasifikasi; null when the agency has none.")
    classification_label: str | None = field("The classification in words.", _classification_label)
    category: Category | None = field(
        "The deepest category known; null when the agency's has no counterpart.", _category
    )
    native_category: str | None = field("The agency's own word for it.")
    channel: Channel = field("How it came (kanal).")
    native_channel: str | None = field("The agency's own word for it.")
    tags: list[str] = field("The agency's own keywords.")
    incident_date: date | None = field("Day of the incident.")
    incident_location: IncidentLocation | None = field("Place of the incident (lokasi kejadian).")
    attachments: list[Attachment] = field("Files that came with it.", size=sized(5))

    is_anonymous: bool = field("The reporter's identity is hidden from everyone, the agency too.")
    is_confidential: bool = field(
        "The content is hidden from the public. Always false for a viewer from the public, who sees no others."
    )
    reporter: Reporter | None = field(
        "Null unless the complaint is not anonymous, the agency's file asks for it to be kept, "
        "and the viewer handles it.",
        _reporter,
        to=Audience.IDENTITY,
        asking=True,
    )

    submitted_at: datetime = field(
        "Moment of receipt by the agency; where it is not told, the moment the hub first saw it."
    )
    updated_at: datetime = field("Last change of anything shown here, by the agency's clock where it has one.")
    closed_at: datetime | None = field("Set in CLOSED, ARCHIVED, REJECTED and DUPLICATE.")
    synced_at: datetime | None = field("When the hub last saw it at the agency. Null until then.")
    stale: bool = field("The agency could not be reached in time and this is an older copy.", _stale)
    version: int = field("Counts the changes of this record from 1. Send it back as `expectedVersion`.")

    owner_agency: AgencyReference | None = field("Responsible institution (instansi induk), as the agency names it.")
    assigned_agencies: list[AgencyReference] = field("Instansi terdisposisi.")
    copied_agencies: list[AgencyReference] = field("Tembusan.")
    dispositions: list[Disposition] = field("Oldest first.", _dispositions, size=sized(10))

    timeline: list[StatusEvent] = field(
        "Every change of status; the newest `last` (500 at most), oldest first.",
        _timeline,
        size=sized(20, by=["last"]),
    )
    follow_ups: list[FollowUp] = field(
        "The newest `last` (500 at most), oldest first. Confidential ones only for handlers and the reporter.",
        _follow_ups,
        size=sized(20, by=["last"]),
    )
    rating: Rating | None = field("The latest by a citizen, else the latest.")

    clocks: list[SlaClock] = field("Service-level clocks, in the order they started.", size=sized(4))
    overdue: bool = field("A running or paused clock is breached. Turned by an event at the due moment.")
    due_at: datetime | None = field("The earliest `dueAt` of the running clocks; null when none runs.")

    links: list[ComplaintLink] = field(
        "Records of the same matter elsewhere. Those the viewer may not see are left out.",
        _links,
        size=sized(5),
        asking=True,
    )
    link_suggestions: list[LinkSuggestion] | None = field(
        "Likely duplicates, best first, not yet confirmed or dismissed; at most 10.",
        _link_suggestions,
        to=Audience.HANDLER,
        cost=10,
        size=sized(10),
        asking=True,
    )
    journey: Journey = field("The whole way through all linked records, merged.", _journey, cost=10, asking=True)
    external_references: list[ExternalReference] = field("Keys of the same matter in other systems.")
    routed_by: Routing | None = field(
        "Which rule sent it to its agency; null for records not submitted here.", _routed_by
    )
    delivery: Delivery | None = field(
        "The latest write on its way to the agency; null when there is none.",
        _delivery,
        to=Audience.REPORTER,
        asking=True,
    )

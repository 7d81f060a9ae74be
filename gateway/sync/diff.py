"""What a record's arrival changes. Pure: the ledger calls it under the head's lock.

`timeline`, `follow_ups`, `dispositions` and `ratings` of a snapshot only ever grow at the end, in the order the hub
learned of them, because events point into them by index. Whoever shows them sorts (`schema.complaint.by_time`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from gateway.ledger.erasure import emptied
from gateway.ledger.rows import to_milliseconds
from gateway.sync.derived import Rules, last_move, measured
from gateway.sync.echo import elsewhere, marks_of, merged, pending, told_until
from gateway.sync.privacy import discreet
from schema.agency import StoreMode
from schema.complaint import (
    Actor,
    AgencyReference,
    Complaint,
    ComplaintRecord,
    ContentState,
    Disposition,
    FollowUp,
    IncidentLocation,
    Rating,
    Sent,
    StatusEvent,
    Told,
    complaint_id,
)
from schema.content import without_content
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.status import TERMINAL, ActorRole

#: A record that did not change is written again, for its `synced_at`, at most this often.
SEEN_AGAIN = timedelta(minutes=5)

#: Fields of Complaint whose change is a ComplaintCorrected, with their names in the graph.
CORRECTABLE = {
    "tracking_id": "trackingId",
    "url": "url",
    "title": "title",
    "original_text": "originalText",
    "edited_text": "editedText",
    "classification": "classification",
    "category": "category",
    "native_category": "nativeCategory",
    "channel": "channel",
    "native_channel": "nativeChannel",
    "tags": "tags",
    "incident_date": "incidentDate",
    "incident_location": "incidentLocation",
    "attachments": "attachments",
    "is_anonymous": "isAnonymous",
    "is_confidential": "isConfidential",
    "submitted_at": "submittedAt",
    "owner_agency": "ownerAgency",
    "assigned_agencies": "assignedAgencies",
    "copied_agencies": "copiedAgencies",
    "external_references": "externalReferences",
}
_MOVED_BY_TRANSFER = frozenset({"ownerAgency", "assignedAgencies", "copiedAgencies"})
_CONTENT = ("title", "original_text", "edited_text", "incident_location", "attachments")


def decide(
    rules: Rules,
    records: Iterable[ComplaintRecord],
    now: datetime,
    origin: EventOrigin,
    seen_again: timedelta = SEEN_AGAIN,
) -> Callable[[Mapping[str, Complaint]], Sequence[Change]]:
    """The function that the ledger calls with the snapshots it read under its lock. Texts are redacted before."""
    latest = [discreet(record) for record in _latest(records)]

    def changes(before: Mapping[str, Complaint]) -> Sequence[Change]:
        found = (diff(rules, before.get(record.native_id), record, now, origin, seen_again) for record in latest)
        return [change for change in found if change is not None]

    return changes


def diff(
    rules: Rules,
    before: Complaint | None,
    record: ComplaintRecord,
    now: datetime,
    origin: EventOrigin,
    seen_again: timedelta = SEEN_AGAIN,
) -> Change | None:
    """The change that `record` makes to the snapshot `before`, or None.

    A record older than the snapshot is ignored: a late update never turns the state back. Of an agency that allows no
    copies, content goes no further than here.
    """
    if rules.agency.store is StoreMode.STATUS:
        record = without_content(record)
    if before is not None and record.updated_at is not None and to_milliseconds(record.updated_at) < told_until(before):
        return None
    after = _merge(rules, before, record, now)
    if before is not None and before.content_state is ContentState.ERASED:
        after = emptied(after)
    events = tuple(_events(before, after, origin))
    if before is not None and not events:
        same = after.clocks == before.clocks and after.sent == before.sent
        if same and before.synced_at is not None and now - before.synced_at < seen_again:
            return None
        # Nothing that anybody can see moved, so neither may `updated_at`.
        after = msgspec.structs.replace(after, updated_at=before.updated_at)
    return Change(before=before, after=after, events=events, reporter=record.reporter)


def _latest(records: Iterable[ComplaintRecord]) -> list[ComplaintRecord]:
    """One record per native id: a page may hold the same record twice, in any order."""
    latest: dict[str, ComplaintRecord] = {}
    for record in records:
        held = latest.get(record.native_id)
        if held is None or not (held.updated_at and record.updated_at and record.updated_at < held.updated_at):
            latest[record.native_id] = record
    return list(latest.values())


def _merge(rules: Rules, before: Complaint | None, record: ComplaintRecord, now: datetime) -> Complaint:
    name = rules.slugs
    held = before.dispositions if before else ()
    dispositions, handed = merged(held, _dispositions(record, name), marks_of(before, "dispositions"))
    follow_ups, wrote = merged(before.follow_ups if before else (), record.follow_ups, marks_of(before, "follow_ups"))
    ratings, rated = merged(before.ratings if before else (), record.ratings, marks_of(before, "ratings"))
    timeline, moved = _timeline(rules, before, record, now)
    by_time = sorted(timeline, key=_when)
    last = by_time[-1]
    received = record.submitted_at or (before.submitted_at if before else _first_moment(record, timeline, now))
    told: dict[str, Any] = {field: getattr(record, field) for field in Told.__struct_fields__}
    told |= _content(before, record)
    if last.to_status is not record.status:
        # It was moved here, and the agency has not heard of it.
        told |= {"status": last.to_status, "status_reason": last.note, "native_status": last.native_status}
        told |= {"status_actor": last.actor.role if last.actor else None}
    told |= {
        "closed_at": _closed_at(record, last),
        "owner_agency": _named(record.owner_agency, name),
        "assigned_agencies": tuple(_known(agency, name) for agency in record.assigned_agencies),
        "copied_agencies": tuple(_known(agency, name) for agency in record.copied_agencies),
        "dispositions": dispositions,
        "follow_ups": follow_ups,
        "ratings": ratings,
        "external_references": elsewhere(record.external_references),
    }
    if before is not None and before.routing is not None:
        told |= _as_filed(before, told)
        received = before.submitted_at
    after = Complaint(
        **told,
        id=before.id if before else complaint_id(rules.agency.id, record.native_id),
        agency=rules.agency.id,
        native_id=record.native_id,
        generation=before.generation if before else 0,
        version=before.version if before else 0,
        content_state=_content_state(rules),
        status_changed_at=to_milliseconds(last.occurred_at),
        submitted_at=to_milliseconds(received),
        updated_at=to_milliseconds(_updated_at(before, record, by_time, now)),
        synced_at=now,
        timeline=timeline,
        routing=before.routing if before else None,
        sent=tuple(_in_order(before.sent, (*moved, *wrote, *handed, *rated))) if before else (),
    )
    return measured(rules, after, now)


def _in_order(sent: Sequence[Sent], marks: Iterable[Sent]) -> list[Sent]:
    """The marks as they are now, where they were."""
    now = {(mark.list, mark.entry): mark for mark in marks}
    return [now[mark.list, mark.entry] for mark in sent]


def _as_filed(before: Complaint, told: Mapping[str, Any]) -> dict[str, Any]:
    """What a complaint that was filed here keeps, whatever its agency makes of it."""
    kept = {field: getattr(before, field) for field in ("tracking_id", "channel", "is_anonymous")}
    kept["is_confidential"] = before.is_confidential or told["is_confidential"]
    if before.content_state is not ContentState.UNAVAILABLE:
        kept |= {field: getattr(before, field) for field in ("title", "original_text", "attachments")}
    for field in ("classification", "category", "incident_date", "incident_location"):
        kept[field] = told[field] or getattr(before, field)
    for field in ("assigned_agencies", "copied_agencies", "owner_agency"):
        kept[field] = told[field] or getattr(before, field)
    kept["external_references"] = tuple(dict.fromkeys((*before.external_references, *told["external_references"])))
    return kept


def _content_state(rules: Rules) -> ContentState:
    return ContentState.UNAVAILABLE if rules.agency.store is StoreMode.STATUS else ContentState.AVAILABLE


def _content(before: Complaint | None, record: ComplaintRecord) -> dict[str, Any]:
    """Texts, place and files: what came, or what was known if the record came without any."""
    bare = record.title is None and record.original_text is None and record.edited_text is None
    source = before if before is not None and bare and record.incident_location is None else record
    content = {field: getattr(source, field) for field in _CONTENT}
    content["incident_location"] = _located(content["incident_location"])
    return content


def _located(location: IncidentLocation | None) -> IncidentLocation | None:
    return None if location == IncidentLocation() else location


def _timeline(
    rules: Rules, before: Complaint | None, record: ComplaintRecord, now: datetime
) -> tuple[tuple[StatusEvent, ...], list[Sent]]:
    """The snapshot's status log, grown by what the agency's log, or else the status itself, has to tell; its marks."""
    held = before.timeline if before else ()
    told = [_completed(rules.agency.id, entry) for entry in record.timeline or ()]
    grew, marks = merged(held, told, marks_of(before, "timeline"))
    # Of entries that share a second the last counts, as where they are sorted; else the status would be added anew and
    # anew.
    last = last_move(grew) if grew else None
    if last is None or last.to_status is not record.status:
        if before is None or not _unheard(before, grew, marks, record, now):
            grew = (*grew, _unlogged(rules, last, record, now))
    elif record.timeline is None and record.updated_at is not None:
        # It keeps no log: that it stands where we moved it is all it tells of the move.
        heard = record.status_changed_at or record.updated_at
        marks = [_told(mark, heard) if grew[mark.entry] is last else mark for mark in marks]
    return _chained(grew), marks


def _unheard(
    before: Complaint, grew: tuple[StatusEvent, ...], marks: Sequence[Sent], record: ComplaintRecord, now: datetime
) -> bool:
    """Whether the agency still stands where it stood before what was moved here."""
    moves = list(pending(msgspec.structs.replace(before, timeline=grew, sent=tuple(marks)), now))
    return bool(moves) and moves[-1].from_status is record.status


def _told(mark: Sent, at: datetime) -> Sent:
    return mark if mark.told_at is not None else msgspec.structs.replace(mark, told_at=to_milliseconds(at))


def _unlogged(rules: Rules, last: StatusEvent | None, record: ComplaintRecord, now: datetime) -> StatusEvent:
    """The move that no log tells: what two polls saw."""
    moment = (
        record.status_changed_at or (record.updated_at if last else record.submitted_at) or record.updated_at or now
    )
    return StatusEvent(
        to_status=record.status,
        native_status=record.native_status,
        actor=Actor(record.status_actor, rules.agency.id) if record.status_actor else None,
        note=record.status_reason,
        occurred_at=max(moment, last.occurred_at) if last else moment,
    )


def _completed(agency: str, entry: StatusEvent) -> StatusEvent:
    """A log entry whose actor, if it is of the agency, names the agency."""
    if entry.actor is None or entry.actor.agency is not None or entry.actor.role is not ActorRole.AGENCY:
        return entry
    return msgspec.structs.replace(entry, actor=Actor(entry.actor.role, agency))


def _chained(log: Sequence[StatusEvent]) -> tuple[StatusEvent, ...]:
    """The log in its order, each `from_status` set to where the entry before it, by time, led."""
    chained = list(log)
    source = None
    for i in sorted(range(len(log)), key=lambda i: log[i].occurred_at):
        if log[i].from_status is not source:
            chained[i] = msgspec.structs.replace(log[i], from_status=source)
        source = log[i].to_status
    return tuple(chained)


def _when(entry: StatusEvent | FollowUp | Disposition | Rating) -> datetime:
    return entry.occurred_at


def _first_moment(record: ComplaintRecord, timeline: Sequence[StatusEvent], now: datetime) -> datetime:
    """The moment of receipt where it is not told: the log's first, else now."""
    return min((entry.occurred_at for entry in timeline), default=now) if record.timeline else now


def _updated_at(
    before: Complaint | None, record: ComplaintRecord, timeline: Sequence[StatusEvent], now: datetime
) -> datetime:
    if record.updated_at is not None:
        return max(record.updated_at, before.updated_at) if before and before.sent else record.updated_at
    if before is None:
        moments = [timeline[-1].occurred_at, *(f.occurred_at for f in record.follow_ups)]
        return max(moments)
    return now


def _closed_at(record: ComplaintRecord, last: StatusEvent) -> datetime | None:
    if last.to_status not in TERMINAL:
        return None
    return to_milliseconds((record.closed_at if last.to_status is record.status else None) or last.occurred_at)


def _dispositions(record: ComplaintRecord, slugs: Mapping[str, str]) -> tuple[Disposition, ...]:
    return tuple(
        msgspec.structs.replace(d, from_agency=_named(d.from_agency, slugs), to_agency=_known(d.to_agency, slugs))
        for d in record.dispositions
    )


def _named(reference: AgencyReference | None, slugs: Mapping[str, str]) -> AgencyReference | None:
    return None if reference is None else _known(reference, slugs)


def _known(reference: AgencyReference, slugs: Mapping[str, str]) -> AgencyReference:
    """The reference with the slug of the agency of that name, if one is plugged in."""
    slug = reference.agency or slugs.get(reference.name.casefold())
    return reference if slug == reference.agency else msgspec.structs.replace(reference, agency=slug)


def _events(before: Complaint | None, after: Complaint, origin: EventOrigin) -> Iterator[EventDraft]:
    """Visibility first, since it decides who may see the rest; then what happened, by the agency's clock."""
    happened = sorted(_happenings(before, after, origin), key=lambda draft: draft.occurred_at)
    status = before.status if before else after.timeline[0].to_status
    if before is None:
        yield EventDraft(
            kind=EventKind.SUBMITTED,
            status=status,
            occurred_at=after.submitted_at,
            origin=origin,
            actor=Actor(ActorRole.REPORTER),
        )
    else:
        yield from _corrected(before, after, origin, any(d.kind is EventKind.TRANSFERRED for d in happened))
    for draft in happened:
        status = draft.detail.to_status or status
        yield msgspec.structs.replace(draft, status=status)


def _corrected(before: Complaint, after: Complaint, origin: EventOrigin, transferred: bool) -> Iterator[EventDraft]:
    changed = [name for field, name in CORRECTABLE.items() if getattr(before, field) != getattr(after, field)]
    if transferred:
        changed = [name for name in changed if name not in _MOVED_BY_TRANSFER]
    changed += [name for name, field in _REWRITTEN.items() if _rewritten(getattr(before, field), getattr(after, field))]
    if not changed:
        return
    published = before.is_confidential and not after.is_confidential
    yield EventDraft(
        # To the public, a complaint that stops being confidential is a new one.
        kind=EventKind.SUBMITTED if published else EventKind.CORRECTED,
        status=after.status,
        occurred_at=after.updated_at,
        origin=origin,
        detail=EventDetail() if published else EventDetail(changed_fields=tuple(changed)),
    )


_REWRITTEN = {"timeline": "timeline", "followUps": "follow_ups", "dispositions": "dispositions"}


def _rewritten(before: Sequence[object], after: Sequence[object]) -> bool:
    """An entry that was there reads differently now."""
    return any(_as_told(old) != _as_told(new) for old, new in zip(before, after, strict=False))


def _as_told(entry: object) -> object:
    # An earlier move that comes to light changes where the next one came from; nobody rewrote that.
    return msgspec.structs.replace(entry, from_status=None) if isinstance(entry, StatusEvent) else entry


def _happenings(before: Complaint | None, after: Complaint, origin: EventOrigin) -> Iterator[EventDraft]:
    """Everything that is in `after` and was not in `before`, each once."""

    def draft(kind: EventKind, when: datetime, actor: Actor | None, **detail: Any) -> EventDraft:
        return EventDraft(
            kind=kind, status=after.status, occurred_at=when, origin=origin, actor=actor, detail=EventDetail(**detail)
        )

    seen = before.timeline if before else after.timeline[:1]
    for i, entry in enumerate(after.timeline[len(seen) :], len(seen)):
        yield draft(
            EventKind.STATUS_CHANGED,
            entry.occurred_at,
            entry.actor,
            from_status=entry.from_status,
            to_status=entry.to_status,
            entry=i,
        )
    held = len(before.follow_ups) if before else 0
    for i, follow_up in enumerate(after.follow_ups[held:], held):
        yield draft(EventKind.FOLLOW_UP_ADDED, follow_up.occurred_at, follow_up.actor, entry=i)
    held = len(before.dispositions) if before else 0
    for i, disposition in enumerate(after.dispositions[held:], held):
        yield draft(EventKind.TRANSFERRED, disposition.occurred_at, None, entry=i)
    held = len(before.ratings) if before else 0
    for i, rating in enumerate(after.ratings[held:], held):
        yield draft(EventKind.RATED, rating.occurred_at, None, entry=i)
    known = {(c.kind, c.started_at) for c in before.clocks if c.breached} if before else set()
    for clock in after.clocks:
        if clock.breached and clock.breached_at and (clock.kind, clock.started_at) not in known:
            yield draft(EventKind.CLOCK_BREACHED, clock.breached_at, Actor(ActorRole.SYSTEM), clock=clock.kind)

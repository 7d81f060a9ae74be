"""What was written here and comes back from the agency: one fact, not two. Pure.

Entries that were written here are marked (`Complaint.sent`). An agency tells them under its own clock and in its own
words, so they are known again by what they say, and not by their moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec.structs import replace

from schema.complaint import (
    Complaint,
    ComplaintRecord,
    Disposition,
    ExternalReference,
    FollowUp,
    Rating,
    Sent,
    StatusEvent,
    keyed,
)
from schema.connector import OUR_SYSTEM

Entry = TypeVar("Entry", bound=StatusEvent | FollowUp | Disposition | Rating)

#: How far an agency's clock may be behind ours.
SKEW = timedelta(minutes=5)


def merged(
    held: tuple[Entry, ...], told: Sequence[Entry], sent: Sequence[Sent]
) -> tuple[tuple[Entry, ...], list[Sent]]:
    """`held` in its order, each entry as it is told now, then what is new in `told`; and the marks as they are now.

    Entries are the same by moment and kind, not by text: an agency may correct what it wrote. What was written here
    stays as it was written. What is no longer told is kept.

    Args:
        sent: the marks of this list.
    """
    if not sent:
        told_by_key = dict(keyed(told))
        kept = [told_by_key.pop(key, entry) for key, entry in keyed(held)]
        return (*kept, *told_by_key.values()), []
    ours = {mark.entry for mark in sent}
    theirs = dict(keyed(told))
    kept_by_place = {
        place: theirs.pop(key, entry) for place, (key, entry) in _unmarked(held, ours)
    }  # first what the agency told before: it must not be taken for an echo
    news = list(theirs.values())
    marks = [_heard(mark, held[mark.entry], news) for mark in sorted(sent, key=lambda mark: mark.entry)]
    return (*(kept_by_place.get(place, entry) for place, entry in enumerate(held)), *news), marks


def pending(complaint: Complaint, now: datetime) -> Iterator[StatusEvent]:
    """The moves that were made here and that what is read of the agency need not know of yet, newest first.

    One that the agency acknowledged stays so for a while: a record may have been read before, and come in after.
    """
    marks = [mark for mark in complaint.sent if mark.list == "timeline" and not mark.undone]
    unheard = {mark.entry for mark in marks if mark.told_at is None and not _is_due(mark, now)}
    order = sorted(enumerate(complaint.timeline), key=lambda each: (each[1].occurred_at, each[0]), reverse=True)
    for place, move in order:
        if place not in unheard:
            return
        yield move


def _is_due(mark: Sent, now: datetime) -> bool:
    """Whether whoever acknowledged it should have told it by now."""
    return mark.acknowledged_at is not None and now - mark.acknowledged_at > SKEW


def told_until(complaint: Complaint) -> datetime:
    """The newest moment that the agency itself told of a complaint: an older record of it is a late one."""
    if not complaint.sent:
        return complaint.updated_at
    marked = {(mark.list, mark.entry) for mark in complaint.sent}
    own = [getattr(complaint, mark.list)[mark.entry].occurred_at for mark in complaint.sent]
    if max(own) + timedelta(milliseconds=1) < complaint.updated_at:
        return complaint.updated_at
    told = [move.occurred_at for place, move in enumerate(complaint.timeline) if ("timeline", place) not in marked]
    return max(told, default=complaint.submitted_at - SKEW)


def marks_of(complaint: Complaint | None, name: str) -> list[Sent]:
    """The marks of one of its lists."""
    return [mark for mark in complaint.sent if mark.list == name] if complaint is not None else []


def references(records: Sequence[ComplaintRecord]) -> dict[str, str]:
    """By native id, under which of our numbers the hub filed a record, as the agency tells it."""
    return {
        record.native_id: reference.id
        for record in records
        for reference in record.external_references
        if reference.system == OUR_SYSTEM
    }


def elsewhere(references: Sequence[ExternalReference]) -> tuple[ExternalReference, ...]:
    """The references but those to the hub itself."""
    return tuple(reference for reference in references if reference.system != OUR_SYSTEM)


def _unmarked(held: Sequence[Entry], ours: set[int]) -> Iterator[tuple[int, tuple[object, Entry]]]:
    places = [place for place in range(len(held)) if place not in ours]
    return zip(places, keyed([held[place] for place in places]), strict=True)


def _heard(mark: Sent, entry: Entry, news: list[Entry]) -> Sent:
    """The mark, once the agency's own telling of its entry is taken out of the news."""
    if mark.undone:
        return mark
    echoes = [each for each in news if _says_the_same(entry, each) and _may_follow(entry, each)]
    if not echoes:
        return mark
    echo = next((each for each in echoes if each.occurred_at == mark.told_at), None)
    echo = echo or min(echoes, key=lambda each: each.occurred_at)
    news.remove(echo)
    return mark if mark.told_at == echo.occurred_at else replace(mark, told_at=echo.occurred_at)


def _may_follow(ours: Entry, theirs: Entry) -> bool:
    # However wrong its clock is, what was filed here began with being filed here.
    begins = isinstance(ours, StatusEvent) and ours.from_status is None
    return begins or theirs.occurred_at >= ours.occurred_at - SKEW


def _says_the_same(ours: Entry, theirs: Entry) -> bool:
    if isinstance(ours, StatusEvent) and isinstance(theirs, StatusEvent):
        return ours.to_status is theirs.to_status
    if isinstance(ours, FollowUp) and isinstance(theirs, FollowUp):
        return _words(ours.content) == _words(theirs.content) or ours.kind is theirs.kind
    if isinstance(ours, Disposition) and isinstance(theirs, Disposition):
        to, there = ours.to_agency, theirs.to_agency
        return (to.agency is not None and to.agency == there.agency) or to.name.casefold() == there.name.casefold()
    if isinstance(ours, Rating) and isinstance(theirs, Rating):
        return ours.score == theirs.score
    return False


def _words(text: str | None) -> list[str]:
    return (text or "").casefold().split()

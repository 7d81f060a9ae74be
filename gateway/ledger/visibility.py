# ruff: noqa: S608 - what comes from a viewer is checked before it is put in
"""What a viewer may see, in SQL: the same as `schema.access` says of single complaints.

In the conditions, `c` is the complaint as it is now and `e` an event. What the public sees, everybody sees. What is
hidden from it, those see who reported it or who handle it: their own agency holds the record, must act on it (also:
owns it), got a copy of it, or stands in its dispositions. The last four are looked for in the JSON of the row, which
names agencies that are plugged in by their slugs; it is looked at for hidden complaints and deliveries alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

import msgspec

from schema import access
from schema.complaint import Complaint, ContentState, FollowUp
from schema.events import Event, EventKind
from schema.query import Role, Viewer

operates = access.operates

_PUBLIC_STAMPS = frozenset({"public"})
_EVERY_STAMP = frozenset({"public", "hidden"})

_PUBLIC = "c.public"
_EVERYTHING = "TRUE"
_NOTHING = "FALSE"

#: What a condition may hold that comes from a viewer: nothing that SQL would read otherwise.
_ID = re.compile(r"[a-z]+_[a-z0-9_]{1,40}", re.ASCII)
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)

_NAMED = "COALESCE(c.owner_agency, '') || c.assigned_agencies || c.copied_agencies || c.dispositions"


class Said(str):
    """A condition that is selected beside the columns of `complaints`."""

    __slots__ = ()


def stamps(viewer: Viewer, agency: str) -> Collection[str]:
    """The visibilities of an agency's `stamps` that count for this viewer."""
    return _PUBLIC_STAMPS if viewer.role is Role.PUBLIC else _EVERY_STAMP


def complaints(viewer: Viewer) -> str:
    """The rows there are for this viewer: in lists, counts, statistics, by id, by number, beside events."""
    own = mine(viewer)
    if own == _NOTHING:
        return _PUBLIC
    return own if own == _EVERYTHING else f"(c.public OR {own})"


def parts(viewer: Viewer) -> tuple[str, ...]:
    """`complaints` in parts that have no row in common, each of which lies together in the indexes."""
    own = mine(viewer)
    if own == _NOTHING:
        return (_PUBLIC,)
    return (_PUBLIC, "NOT c.public" if own == _EVERYTHING else f"NOT c.public AND {own}")


def counters(viewer: Viewer) -> str | None:
    """Where the complaints are counted that there are for this viewer; `c` is a row of `counters`.

    None: theirs are counted nowhere.
    """
    own = mine(viewer)
    if own == _NOTHING:
        return _PUBLIC
    return own if own == _EVERYTHING else None


def mine(viewer: Viewer) -> str:
    """The complaints that this viewer reported or handles, hidden ones included: whose every part he sees."""
    if viewer.role in access.EVERYWHERE:
        return _EVERYTHING
    if viewer.role is Role.REPORTER and viewer.complaints:
        return _reported(viewer.complaints)
    if viewer.role in access.OFFICERS and viewer.agencies:
        return _handled(viewer.agencies)
    return _NOTHING


def hidden_parts(viewer: Viewer, columns: tuple[str, ...]) -> tuple[str, ...]:
    """What is to be selected behind `columns` to tell which parts of a row are shown: `mine`, if that depends."""
    own = mine(viewer)
    return () if "follow_ups" not in columns or own in (_NOTHING, _EVERYTHING) else (Said(own),)


def is_noted(viewer: Viewer) -> bool:
    """Whether it is taken down what this viewer is shown that the public is not: anybody's but reporters' and ours."""
    return ":" in viewer.credential and viewer.role is not Role.REPORTER and not has_none(viewer)


def has_none(viewer: Viewer) -> bool:
    """Whether no complaint fulfils `mine`."""
    return mine(viewer) == _NOTHING


#: Selected for those of whom it is taken down what they are shown: see `is_noted`.
NOTED = (Said("c.id"), Said("c.public"))


def sees_all(viewer: Viewer) -> bool:
    """Whether every complaint fulfils `mine`."""
    return mine(viewer) == _EVERYTHING


@lru_cache(maxsize=1024)
def _reported(ids: tuple[str, ...]) -> str:
    return f"c.id IN ({', '.join(_quoted(id, _ID) for id in ids)})"


@lru_cache(maxsize=1024)
def _handled(slugs: tuple[str, ...]) -> str:
    holds = f"c.agency IN ({', '.join(_quoted(slug, _SLUG) for slug in slugs)})"
    # Inside a string of the JSON its quotation marks would be escaped: so it is a field wherever it is found. LIKE
    # would not tell capitals on SQLite.
    named = [f"replace(t.named, '\"agency\":\"{slug}\"', '') <> t.named" for slug in slugs]
    return f"({holds} OR EXISTS (SELECT 1 FROM (SELECT {_NAMED} AS named) t WHERE {' OR '.join(named)}))"


def _quoted(value: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"not to be put into a statement: {value!r}")
    return f"'{value}'"


def events(viewer: Viewer) -> str:
    """The events told as they are: the viewer could see the complaint right after them, and can see it now.

    Whoever reported or handles a complaint is told everything of it.
    """
    public = f"e.public_after AND c.public AND e.kind <> '{EventKind.DELIVERY_CHANGED.value}'"
    own = mine(viewer)
    return f"({public})" if own == _NOTHING else f"({public} OR {own})"


def withdrawals(viewer: Viewer) -> str:
    """The events that took a complaint out of the viewer's sight: told as CORRECTED, with nothing in it."""
    own = mine(viewer)
    gone = "e.public_before AND NOT e.public_after"
    return f"({gone})" if own == _NOTHING else f"({gone} AND NOT {own})"


def told_as_it_is(viewer: Viewer) -> str:
    """Of the events in `events` and `withdrawals`: whether it is one of the first."""
    own = mine(viewer)
    return "e.public_after" if own == _NOTHING else f"(e.public_after OR {own})"


def sees_all_of(viewer: Viewer, complaint: Complaint) -> bool:
    """`mine`, of a complaint at hand."""
    return access.is_reporter(viewer, complaint.id) or access.handles(viewer, complaint)


def as_seen(complaint: Complaint, viewer: Viewer) -> Complaint:
    """The complaint without the parts that are not this viewer's."""
    if not any(entry.is_confidential for entry in complaint.follow_ups) or sees_all_of(viewer, complaint):
        return complaint
    shown = tuple(entry for entry in complaint.follow_ups if not entry.is_confidential)
    return msgspec.structs.replace(complaint, follow_ups=shown)


def has_confidential(text: str) -> bool:
    """Whether an entry of the column `follow_ups` is only for those whose complaint it is."""
    # Inside a string the quotation marks would be escaped, so the words stand for a field wherever they are found.
    return '"is_confidential":true' in text


def follow_ups_as_seen(text: str) -> str:
    """The column `follow_ups` without the entries that are only for those whose complaint it is."""
    if not has_confidential(text):
        return text
    shown = [entry for entry in _follow_ups(text) if not entry.is_confidential]
    return msgspec.json.encode(shown).decode()


_follow_ups = msgspec.json.Decoder(tuple[FollowUp, ...]).decode


def event_as_seen(event: Event, complaint: Complaint, viewer: Viewer) -> Event | None:
    """The event with what `as_seen` leaves of the complaint; None when it tells of a part that is not shown.

    `detail.entry` counts the entries that this viewer can see. An erased complaint is left out.
    """
    seen, entry = as_seen(complaint, viewer), event.detail.entry
    if seen is not complaint and event.kind is EventKind.FOLLOW_UP_ADDED and entry is not None:
        if any(follow_up.is_confidential for follow_up in complaint.follow_ups[entry : entry + 1]):
            return None
        place = sum(not follow_up.is_confidential for follow_up in complaint.follow_ups[:entry])
        event = msgspec.structs.replace(event, detail=msgspec.structs.replace(event.detail, entry=place))
    erased = complaint.content_state is ContentState.ERASED
    return msgspec.structs.replace(event, complaint=None if erased else seen)

"""Rules of the input that types can't say. Pure: every broken one is told at once, with its way into the input."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from gateway.writes.intents import tidy
from schema.categories import category
from schema.complaint import Reporter
from schema.links import LinkKind
from schema.query import Role, Viewer
from schema.regions import parse_code
from schema.status import ComplaintStatus
from schema.writes import (
    AddFollowUp,
    Asked,
    ChangeStatus,
    DismissLinkSuggestion,
    InputFault,
    InputIssue,
    LinkComplaints,
    Place,
    RateResolution,
    SettleDelivery,
    SubmitComplaint,
    TransferComplaint,
    WithdrawComplaint,
)

#: Characters.
TITLE: Final = 200
TEXT: Final = 10_000
ADDRESS: Final = 1_000
NAME: Final = 200
REFERENCE: Final = 200
URL: Final = 2_000
NATIVE_ID: Final = 400
ATTACHMENTS: Final = 10
EVIDENCE: Final = 100

_KEY_SHORTEST, _KEY_LONGEST = 16, 128
#: A key that is made at random has that many different characters at least.
_DISTINCT = 8
#: The last of the country's zones to reach midnight is behind; the first decides which day it is.
_FIRST_ZONE = timedelta(hours=9)

#: What can't be done without a reason.
REASONED: Final = frozenset(
    {
        ComplaintStatus.POSTPONED,
        ComplaintStatus.ARCHIVED,
        ComplaintStatus.REJECTED,
        ComplaintStatus.DUPLICATE,
    }
)

Issues = Iterator[InputIssue]


def submission(viewer: Viewer, asked: SubmitComplaint, agencies: Collection[str], now: datetime) -> Issues:
    """Args:
    agencies: slugs of all that are or were plugged in.
    """
    yield from key(viewer, asked)
    yield from _text(asked.title, TITLE, "title")
    yield from _text(asked.text, TEXT, "text")
    if asked.category is not None and category(asked.category) is None:
        yield _issue(InputFault.NOT_A_CATEGORY, "category")
    if asked.incident_date is not None and asked.incident_date > (now + _FIRST_ZONE).date():
        yield _issue(InputFault.NOT_A_DATE, "incidentDate")
    if asked.incident_location is not None:
        yield from _place(asked.incident_location)
    if asked.agency is not None and asked.agency not in agencies:
        yield _issue(InputFault.NOT_AN_AGENCY, "agency")
    if asked.reporter not in (None, Reporter()) and asked.is_anonymous:
        yield _issue(InputFault.ANONYMOUS_WITH_REPORTER, "reporter")
    if asked.reporter is not None:
        for name in ("name", "phone", "email"):
            yield from _longest(getattr(asked.reporter, name), NAME, "reporter", name)
    yield from _attachments(asked)
    if asked.external_reference is not None:
        yield from _text(asked.external_reference.system, REFERENCE, "externalReference", "system")
        yield from _text(asked.external_reference.id, REFERENCE, "externalReference", "id")
        yield from _longest(asked.external_reference.url, URL, "externalReference", "url")


def follow_up(viewer: Viewer, asked: AddFollowUp) -> Issues:
    yield from key(viewer, asked)
    yield from _text(asked.content, TEXT, "content")
    yield from _attachments(asked)


def transfer(viewer: Viewer, asked: TransferComplaint) -> Issues:
    yield from key(viewer, asked)
    yield from _text(asked.note, TEXT, "note")


def change_status(viewer: Viewer, asked: ChangeStatus) -> Issues:
    yield from key(viewer, asked)
    yield from _longest(asked.reason, TEXT, "reason")
    if len(asked.evidence) > EVIDENCE:
        yield _issue(InputFault.TOO_MANY, "evidence")
    unfounded = asked.to_status is ComplaintStatus.CLOSED and not asked.evidence
    if (asked.to_status in REASONED or unfounded) and _blank(asked.reason):
        yield _issue(InputFault.REASON_REQUIRED, "reason")


def rating(viewer: Viewer, asked: RateResolution) -> Issues:
    yield from key(viewer, asked)
    if not 1 <= asked.score <= 5:
        yield _issue(InputFault.OUT_OF_RANGE, "score")
    yield from _longest(asked.comment, TEXT, "comment")


def withdrawal(viewer: Viewer, asked: WithdrawComplaint) -> Issues:
    yield from key(viewer, asked)
    yield from _longest(asked.reason, TEXT, "reason")


def settlement(viewer: Viewer, asked: SettleDelivery) -> Issues:
    yield from key(viewer, asked)
    yield from _text(asked.note, TEXT, "note")
    if asked.native_id is not None:
        yield from _text(asked.native_id, NATIVE_ID, "nativeId")


def pair(viewer: Viewer, asked: LinkComplaints | DismissLinkSuggestion) -> Issues:
    yield from key(viewer, asked)
    if asked.complaint_id == asked.other_complaint_id:
        yield _issue(InputFault.SAME_COMPLAINT, "otherComplaintId")
    if isinstance(asked, LinkComplaints) and asked.kind not in (LinkKind.SAME_AS, LinkKind.DUPLICATE_OF):
        yield _issue(InputFault.WRONG_KIND, "kind")


def key(viewer: Viewer, asked: Asked) -> Issues:
    """All of the public share one name: nobody may hit upon the key of another."""
    text = asked.idempotency_key
    if not _KEY_SHORTEST <= len(text) <= _KEY_LONGEST or not text.isprintable():
        yield _issue(InputFault.KEY_LENGTH, "idempotencyKey")
    elif viewer.role is Role.PUBLIC and len(set(text)) < _DISTINCT:
        yield _issue(InputFault.KEY_NOT_RANDOM, "idempotencyKey")


def _place(place: Place) -> Issues:
    if place.region_code is not None and parse_code(place.region_code) is None:
        yield _issue(InputFault.NOT_A_REGION, "incidentLocation", "regionCode")
    for name, value, other, most in (
        ("latitude", place.latitude, place.longitude, 90),
        ("longitude", place.longitude, place.latitude, 180),
    ):
        alone = value is None and other is not None
        if alone or (value is not None and not (math.isfinite(value) and -most <= value <= most)):
            yield _issue(InputFault.OUT_OF_RANGE, "incidentLocation", name)
    yield from _longest(place.address, ADDRESS, "incidentLocation", "address")


def _attachments(asked: SubmitComplaint | AddFollowUp) -> Issues:
    # Nothing can be uploaded yet, so no id of a file can be right.
    for place in range(len(asked.attachments)):
        yield _issue(InputFault.NOT_AN_ATTACHMENT, "attachments", str(place))
    if len(asked.attachment_urls) > ATTACHMENTS:
        yield _issue(InputFault.TOO_MANY, "attachmentUrls")


def _text(text: str, most: int, *path: str) -> Issues:
    if _blank(text):
        yield _issue(InputFault.EMPTY, *path)
    yield from _longest(text, most, *path)


def _longest(text: str | None, most: int, *path: str) -> Issues:
    if text is not None and len(text) > most:
        yield _issue(InputFault.TOO_LONG, *path)


def _blank(text: str | None) -> bool:
    return tidy(text) is None


def _issue(fault: InputFault, *path: str) -> InputIssue:
    return InputIssue(path, fault)

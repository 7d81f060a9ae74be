"""Complaints as rows, and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.models import ComplaintRow
from gateway.ledger.rows import (
    COLUMNS,
    clean,
    complaint_from_row,
    complaint_values,
    encoded,
    moment,
    moment_text,
    to_milliseconds,
)
from schema.agency import AgencyLevel
from schema.clocks import ClockKind, SlaClock
from schema.complaint import (
    AgencyReference,
    Channel,
    Complaint,
    FollowUp,
    FollowUpKind,
    IncidentLocation,
    NativeStatus,
    Rating,
    RatingSource,
    StatusEvent,
)
from schema.errors import LedgerCorrupt
from schema.status import ActorRole, ComplaintStatus

AT = datetime(2021, 3, 31, 18, 30, tzinfo=UTC)

_moments = st.integers(0, 4 * 10**12).map(lambda ms: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
_texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
_maybe = st.none() | _texts
_clocks = st.builds(
    SlaClock,
    kind=st.sampled_from(ClockKind),
    limit_days=st.integers(1, 60),
    started_at=_moments,
    due_at=st.none() | _moments,
    stopped_at=st.none() | _moments,
    breached=st.booleans(),
)
_complaints = st.builds(
    Complaint,
    id=st.just("complaint_a"),
    agency=st.just("prov-bali"),
    native_id=_maybe,
    tracking_id=_texts,
    status=st.sampled_from(ComplaintStatus),
    status_changed_at=_moments,
    submitted_at=_moments,
    updated_at=_moments,
    version=st.integers(0, 9),
    native_status=st.none() | st.builds(NativeStatus, label=_texts, code=_maybe),
    status_actor=st.none() | st.sampled_from(ActorRole),
    title=_maybe,
    original_text=_maybe,
    category=st.none() | st.just("infrastruktur.jalan"),
    channel=st.sampled_from(Channel),
    tags=st.lists(_texts, max_size=2).map(tuple),
    incident_date=st.none() | st.dates(),
    incident_location=st.none()
    | st.builds(IncidentLocation, region_code=st.just("51.03"), latitude=st.floats(-90, 90), address=_maybe),
    is_anonymous=st.booleans(),
    is_confidential=st.booleans(),
    closed_at=st.none() | _moments,
    owner_agency=st.none() | st.builds(AgencyReference, name=_texts),
    assigned_agencies=st.lists(st.builds(AgencyReference, name=_texts, agency=_maybe), max_size=2).map(tuple),
    timeline=st.lists(
        st.builds(StatusEvent, to_status=st.sampled_from(ComplaintStatus), occurred_at=_moments), max_size=2
    ).map(tuple),
    follow_ups=st.lists(
        st.builds(FollowUp, kind=st.sampled_from(FollowUpKind), occurred_at=_moments, content=_maybe), max_size=2
    ).map(tuple),
    ratings=st.lists(
        st.builds(Rating, score=st.integers(1, 5), source=st.sampled_from(RatingSource), occurred_at=_moments),
        max_size=2,
    ).map(tuple),
    clocks=st.lists(_clocks, max_size=3).map(tuple),
    days_to_close=st.none() | st.floats(0, 99),
)


@given(_complaints)
@settings(deadline=None, max_examples=60)
def test_a_complaint_comes_back_as_it_went(complaint: Complaint) -> None:
    row = complaint_values(complaint, AgencyLevel.PROVINCE, 7)
    assert len(row) == len(COLUMNS)
    assert complaint_from_row(row) == complaint
    assert complaint_from_row((*row, "and more")) == complaint


def test_columns_are_the_models() -> None:
    assert tuple(ComplaintRow._meta.fields_map) == COLUMNS


@given(_moments)
@settings(deadline=None, max_examples=60)
def test_moments_sort_as_they_read(at: datetime) -> None:
    assert len(moment_text(at)) == 24
    assert moment(moment_text(at)) == at
    assert (moment_text(at) < moment_text(AT)) == (at < AT)


def test_a_stay_in_the_ledger_takes_the_microseconds() -> None:
    at = datetime(2021, 3, 31, 18, 30, 0, 123_999, UTC)
    assert moment(moment_text(at)) == to_milliseconds(at) == at - timedelta(microseconds=999)


def test_moments_of_other_zones_are_written_in_utc() -> None:
    wita = timezone(timedelta(hours=8))
    assert moment_text(datetime(2021, 4, 1, 2, 30, 0, 123_999, wita)) == "2021-03-31T18:30:00.123Z"


@given(st.text(st.characters(), max_size=20))
@settings(deadline=None, max_examples=100)
def test_cleaned_texts_can_be_stored_and_nothing_else_changes(text: str) -> None:
    cleaned = clean(text)
    assert "\0" not in cleaned
    assert cleaned.encode().decode() == cleaned
    assert clean(cleaned) == cleaned
    assert len(cleaned) == len(text) - text.count("\0")
    assert msgspec.json.decode(encoded((text,))) == [cleaned]


def test_an_escaped_nul_in_json_is_no_nul() -> None:
    assert msgspec.json.decode(encoded(("\\u0000", "a\0"))) == ["\\u0000", "a"]


@pytest.mark.parametrize(
    ("fields", "column", "value"),
    [
        ({"submitted_at": AT}, "submitted_month", "2021-04-01"),  # the first of April in WIB
        ({"category": "a.b.c"}, "top_category", "a"),
        ({"incident_location": IncidentLocation(region_code="51.03.01")}, "regency", "51.03"),
        ({"incident_location": IncidentLocation(region_code="51.03.01")}, "province", "51"),
        ({"incident_location": IncidentLocation(region_code="51")}, "regency", None),
        ({"ratings": (Rating(score=5, source=RatingSource.AUTO, occurred_at=AT),)}, "rating_score", None),
        ({"ratings": (Rating(score=2, source=RatingSource.CITIZEN, occurred_at=AT),)}, "rating_score", 2),
        ({"incident_date": date(2021, 3, 1)}, "incident_date", "2021-03-01"),
        ({"is_confidential": True}, "public", False),
    ],
)
def test_columns_that_are_computed(fields: dict[str, Any], column: str, value: object) -> None:
    assert _column(_complaint(**fields), column) == value


def test_clocks_that_run_tell_what_is_due_and_breached() -> None:
    def clock(kind: ClockKind, days: int, **fields: Any) -> SlaClock:
        return SlaClock(kind=kind, limit_days=3, started_at=AT, due_at=AT + timedelta(days=days), **fields)

    complaint = _complaint(
        clocks=(
            clock(ClockKind.VERIFY, 1, breached=True, stopped_at=AT),
            clock(ClockKind.FIRST_FOLLOW_UP, 2, breached=True),
            clock(ClockKind.FINISH, 3),
        )
    )
    assert _column(complaint, "due_at") == moment_text(AT + timedelta(days=2))
    assert _column(complaint, "next_breach_at") == moment_text(AT + timedelta(days=3))
    assert _column(complaint, "breached") == 2


def test_a_row_that_makes_no_sense_is_corrupt() -> None:
    row = list(complaint_values(_complaint(), AgencyLevel.PROVINCE, 1))
    for column, value in (("status", "LOST"), ("timeline", "{"), ("submitted_at", "yesterday")):
        broken = [*row]
        broken[COLUMNS.index(column)] = value
        with pytest.raises(LedgerCorrupt, match="complaint_a"):
            complaint_from_row(broken)


def _complaint(**fields: Any) -> Complaint:
    common: dict[str, Any] = {
        "id": "complaint_a",
        "agency": "prov-bali",
        "native_id": "1",
        "tracking_id": "1",
        "status": ComplaintStatus.SUBMITTED,
        "status_changed_at": AT,
        "submitted_at": AT,
        "updated_at": AT,
    }
    return Complaint(**(common | fields))


def _column(complaint: Complaint, name: str) -> object:
    return complaint_values(complaint, AgencyLevel.PROVINCE, 1)[COLUMNS.index(name)]

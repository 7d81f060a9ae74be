"""What erasing leaves, and clocks that fall due."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.breach import breach
from gateway.ledger.erasure import correction, emptied
from schema.clocks import ClockKind, SlaClock
from schema.complaint import (
    AgencyReference,
    Complaint,
    ContentState,
    Disposition,
    FollowUp,
    FollowUpKind,
    Rating,
    RatingSource,
    StatusEvent,
)
from schema.events import EventKind
from schema.status import ComplaintStatus

AT = datetime(2021, 3, 1, tzinfo=UTC)


def test_erasing_takes_every_text_and_keeps_the_lists_lengths() -> None:
    full = _complaint(
        title="rahasia",
        tags=("rahasia",),
        timeline=(StatusEvent(to_status=ComplaintStatus.SUBMITTED, occurred_at=AT, note="rahasia"),),
        follow_ups=(FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=AT, content="rahasia"),),
        dispositions=(Disposition(to_agency=AgencyReference("Dinas"), occurred_at=AT, note="rahasia"),),
        ratings=(Rating(score=1, source=RatingSource.CITIZEN, occurred_at=AT, comment="rahasia"),),
    )
    left = emptied(full)
    assert "rahasia" not in repr(left)
    assert left.content_state is ContentState.ERASED
    lists = ("timeline", "follow_ups", "dispositions", "ratings")
    assert [len(getattr(left, name)) for name in lists] == [1, 1, 1, 1]
    assert emptied(left) == left
    assert correction(full, AT).detail.changed_fields == ("contentState", "title", "tags")


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.booleans(), st.booleans()), max_size=4),
    st.integers(1, 4),
)
@settings(deadline=None, max_examples=60)
def test_every_due_clock_is_breached_once(clocks: list[tuple[int, bool, bool]], limit: int) -> None:
    complaint = _complaint(
        clocks=tuple(
            SlaClock(
                kind=kind,
                limit_days=3,
                started_at=AT,
                due_at=AT + timedelta(days=days),
                breached=breached,
                stopped_at=AT if stopped else None,
            )
            for kind, (days, breached, stopped) in zip(ClockKind, clocks, strict=False)
        )
    )
    due = sorted(days for days, breached, stopped in clocks if days <= 0 and not breached and not stopped)
    moments: list[datetime] = []
    while (change := breach(complaint, AT, limit)) is not None:
        assert 0 < len(change.events) <= limit
        assert {event.kind for event in change.events} == {EventKind.CLOCK_BREACHED}
        moments += [event.occurred_at for event in change.events]
        complaint = change.after
    assert moments == [AT + timedelta(days=days) for days in due]


def test_a_running_hub_does_without_the_migrations_library() -> None:
    modules = "gateway.ledger.reader, gateway.ledger.writer, gateway.ledger.migrate"
    ask = f"import {modules}, sys; print('tortoise' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


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

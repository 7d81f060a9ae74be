"""Lists that lie in a column as JSON, decoded as far as they are selected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.execution.entries import decoder, shown
from schema.complaint import FollowUp, StatusEvent, by_time
from schema.status import ComplaintStatus

_START = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)


def _move(microseconds: int, note: str | None = None) -> StatusEvent:
    moment = _START + timedelta(microseconds=microseconds)
    return StatusEvent(to_status=ComplaintStatus.VERIFIED, occurred_at=moment, note=note)


@given(
    # Within three seconds, most of them whole: what sorts otherwise as text than in time.
    st.lists(st.one_of(st.integers(0, 3).map(lambda s: s * 1_000_000), st.integers(0, 3_000_000)), max_size=6),
    st.sampled_from([None, "Jl. Merdeka no. 1", "tanpa titik"]),
)
def test_moments_stay_text_that_sorts_and_shows_as_they_do(microseconds: list[int], note: str | None) -> None:
    moves = [_move(each, f"{number}. {note}" if note else None) for number, each in enumerate(microseconds)]
    lean = by_time(decoder(StatusEvent, {"occurred_at", "note"})(msgspec.json.encode(moves).decode()))
    show = eval(f"lambda x: {shown(datetime, 'x.occurred_at')}")
    told = [(each.note, show(each)) for each in lean]
    assert told == [
        (each.note, each.occurred_at.isoformat(timespec="milliseconds")[:23] + "Z") for each in by_time(moves)
    ]


def test_an_offset_is_no_other_moment() -> None:
    text = '[{"occurred_at":"2026-03-01T07:00:00.5+07:00"},{"occurred_at":"2026-03-01T00:00:00Z"}]'
    assert [each.occurred_at for each in by_time(decoder(StatusEvent, {"occurred_at"})(text))] == [
        "2026-03-01T00:00:00.000000Z",
        "2026-03-01T00:00:00.500000Z",
    ]


def test_what_was_not_asked_for_is_not_there() -> None:
    [entry] = decoder(FollowUp, {"occurred_at", "is_confidential"})(
        '[{"kind":"RESPONSE","occurred_at":"2026-03-01T00:00:00Z","content":"."}]'
    )
    assert entry.is_confidential is False
    with pytest.raises(AttributeError):
        _ = entry.content


@pytest.mark.parametrize(("name", "told"), [("native_status", None), ("actor", None), ("note", "x.note")])
def test_what_takes_the_whole_record_is_said(name: str, told: Any) -> None:
    assert shown(get_type_hints(StatusEvent)[name], f"x.{name}") == told

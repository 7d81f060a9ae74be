"""SLA clocks: the rules one by one, then what holds for every history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema import clocks as rules
from schema.clocks import (
    ClockKind,
    ClockLimits,
    SlaClock,
    WorkingCalendar,
    clocks,
    days_to_close,
    days_to_first_follow_up,
    fall_due,
    next_breach,
)
from schema.complaint import AgencyReference, Classification, Disposition, FollowUp, FollowUpKind, StatusEvent
from schema.errors import ConfigError
from schema.status import TERMINAL, ComplaintStatus

# Free days beside weekends: Idul Fitri 2024 (10 and 11 April) with its cuti bersama, 1 May, and Idul Fitri 2025
# (31 March and 1 April) with Nyepi's cuti bersama and its own.
FREE = frozenset(
    {date(2024, 4, day) for day in (8, 9, 10, 11, 12, 15)}
    | {date(2024, 5, 1), date(2025, 3, 28), date(2025, 3, 31)}
    | {date(2025, 4, day) for day in (1, 2, 3, 4, 7)}
)
WIB, WITA = ZoneInfo("Asia/Jakarta"), ZoneInfo("Asia/Makassar")
JAKARTA, MAKASSAR = WorkingCalendar(WIB.key, FREE), WorkingCalendar(WITA.key, FREE)
UNIT = AgencyReference("Dinas Pekerjaan Umum")

S, C, K, F = ComplaintStatus, Classification, ClockKind, FollowUpKind


def at(text: str, zone: ZoneInfo = WIB) -> datetime:
    """A local time of 2024, or of the year that it names."""
    return (
        datetime.fromisoformat(text if text.startswith("20") else f"2024-{text}").replace(tzinfo=zone).astimezone(UTC)
    )


def run(
    submitted: str | datetime,
    *moves: tuple[ComplaintStatus, str | datetime],
    follow_ups: Sequence[tuple[FollowUpKind, str | datetime]] = (),
    disposed: Sequence[str] = (),
    classification: Classification | None = C.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN,
    limits: ClockLimits | None = None,
    calendar: WorkingCalendar = JAKARTA,
    now: str | datetime = "03-01 00:00",
) -> dict[ClockKind, SlaClock]:
    """The clocks of a history, by kind."""

    def when(moment: str | datetime) -> datetime:
        return at(moment) if isinstance(moment, str) else moment

    found = clocks(
        submitted_at=when(submitted),
        timeline=tuple(StatusEvent(to_status=status, occurred_at=when(moment)) for status, moment in moves),
        follow_ups=tuple(FollowUp(kind=kind, occurred_at=when(moment)) for kind, moment in follow_ups),
        dispositions=tuple(Disposition(to_agency=UNIT, occurred_at=at(moment)) for moment in disposed),
        classification=classification,
        limits=limits or ClockLimits(),
        calendar=calendar,
        now=when(now),
    )
    assert len({clock.kind for clock in found}) == len(found)
    assert list(found) == sorted(found, key=lambda clock: clock.started_at)
    return {clock.kind: clock for clock in found}


# ---------------------------------------------------------------- Idul Fitri, counted by hand


def test_over_idul_fitri_2024() -> None:
    # Wednesday 3 April. Working days after it: 4, 5, then 16 (the 6th to the 15th are free), 17, 18, 19, 22, 23, 24,
    # 25, 26, 29, 30 April, and 2 May (the 1st is free).
    found = run("04-03 10:00")
    assert found[K.VERIFY].due_at == at("04-16 10:00")
    assert found[K.FINISH].due_at == at("05-02 10:00")


def test_over_idul_fitri_2025_in_bali() -> None:
    # Wednesday 26 March 2025, WITA. Working days after it: 27 March, then 8, 9, 10, 11 April.
    found = run(at("2025-03-26 15:30", WITA), classification=C.PERMINTAAN_INFORMASI, calendar=MAKASSAR)
    assert found[K.VERIFY].due_at == at("2025-04-09 15:30", WITA)
    assert found[K.FINISH].due_at == at("2025-04-11 15:30", WITA)


def test_submitted_on_a_feast_day() -> None:
    # From Tuesday 16 April 00:00: the third working day after begins on Friday the 19th.
    assert run("04-10 08:00")[K.VERIFY].due_at == at("04-19 00:00")


def test_paused_over_the_feast() -> None:
    # Paused from Friday 5 April 10:00 to Tuesday 16 April 16:00: 14 h and 16 h of working days.
    found = run("04-03 10:00", (S.AWAITING_INFORMATION, "04-05 10:00"), (S.SUBMITTED, "04-16 16:00"))
    verify = found[K.VERIFY]
    # One working day was left at the 16th 10:00; 30 hours of working time later it is the 17th, 16:00.
    assert verify.due_at == at("04-17 16:00")
    assert verify.paused_for == int(timedelta(days=11, hours=6).total_seconds())


# ---------------------------------------------------------------- one clock at a time


def test_verify_stops_when_it_is_forwarded() -> None:
    assert run("03-04 09:00", (S.VERIFIED, "03-05 09:00"))[K.VERIFY].stopped_at is None
    assert run("03-04 09:00", (S.DISPOSED, "03-05 09:00"))[K.VERIFY].stopped_at == at("03-05 09:00")
    assert run("03-04 09:00", (S.REJECTED, "03-05 09:00"))[K.VERIFY].stopped_at == at("03-05 09:00")
    assert run("03-04 09:00", disposed=["03-06 09:00"])[K.VERIFY].stopped_at == at("03-06 09:00")


def test_first_follow_up_runs_from_the_first_disposition() -> None:
    clock = run("03-04 09:00", (S.DISPOSED, "03-05 09:00"), (S.DISPOSED, "03-06 09:00"))[K.FIRST_FOLLOW_UP]
    # Tuesday the 5th; the next Tuesday is the fifth working day after.
    assert (clock.started_at, clock.due_at) == (at("03-05 09:00"), at("03-12 09:00"))
    assert K.FIRST_FOLLOW_UP not in run("03-04 09:00", (S.VERIFIED, "03-05 09:00"))


@pytest.mark.parametrize("status", [S.IN_FOLLOW_UP, S.ANSWERED, *TERMINAL])
def test_first_follow_up_stops_by_a_move(status: ComplaintStatus) -> None:
    clock = run("03-04 09:00", (S.DISPOSED, "03-05 09:00"), (status, "03-07 09:00"))[K.FIRST_FOLLOW_UP]
    assert clock.stopped_at == at("03-07 09:00")


def test_first_follow_up_stops_by_the_agencys_word_not_the_reporters() -> None:
    written = [(F.PROGRESS, "03-04 10:00"), (F.REPORTER_REPLY, "03-06 09:00"), (F.INITIAL_RESPONSE, "03-07 09:00")]
    clock = run("03-04 09:00", (S.DISPOSED, "03-05 09:00"), follow_ups=written)[K.FIRST_FOLLOW_UP]
    assert clock.stopped_at == at("03-07 09:00")


def test_auto_close_runs_from_the_last_follow_up_in_answered() -> None:
    moves = ((S.DISPOSED, "03-05 09:00"), (S.ANSWERED, "03-06 09:00"))
    assert run("03-04 09:00", *moves)[K.AUTO_CLOSE].due_at == at("03-20 09:00")
    again = [(F.FINAL_ANSWER, "03-06 09:00"), (F.PROGRESS, "03-07 09:00")]
    assert run("03-04 09:00", *moves, follow_ups=again)[K.AUTO_CLOSE].due_at == at("03-21 09:00")


def test_auto_close_stops_by_a_reply_and_by_leaving_answered() -> None:
    moves = ((S.DISPOSED, "03-05 09:00"), (S.ANSWERED, "03-06 09:00"))
    reply = (F.REPORTER_REPLY, "03-08 09:00")
    assert run("03-04 09:00", *moves, follow_ups=[reply])[K.AUTO_CLOSE].stopped_at == at("03-08 09:00")
    back = run("03-04 09:00", *moves, (S.IN_FOLLOW_UP, "03-09 09:00"), follow_ups=[reply])
    assert back[K.AUTO_CLOSE].stopped_at == at("03-08 09:00")
    closed = run("03-04 09:00", *moves, (S.CLOSED, "03-20 09:00"))
    assert closed[K.AUTO_CLOSE].stopped_at == at("03-20 09:00")
    answered_again = run("03-04 09:00", *moves, follow_ups=[reply, (F.PROGRESS, "03-11 09:00")])[K.AUTO_CLOSE]
    assert (answered_again.started_at, answered_again.stopped_at) == (at("03-11 09:00"), None)


@pytest.mark.parametrize(
    ("classification", "days"),
    [
        (C.PERMINTAAN_INFORMASI, 5),
        (C.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN, 14),
        (C.ASPIRASI, 14),
        (C.PENGADUAN_BERKADAR_PENGAWASAN, 60),
        (None, None),
    ],
)
def test_finish_by_classification(classification: Classification | None, days: int | None) -> None:
    found = run("03-04 09:00", (S.VERIFIED, "03-04 09:00"), classification=classification)
    assert (found[K.FINISH].limit_days if K.FINISH in found else None) == days


def test_finish_of_a_supervisory_complaint_runs_from_the_complete_file() -> None:
    kind = C.PENGADUAN_BERKADAR_PENGAWASAN
    assert K.FINISH not in run("03-04 09:00", (S.AWAITING_INFORMATION, "03-05 09:00"), classification=kind)
    assert K.FINISH not in run("03-04 09:00", (S.REJECTED, "03-05 09:00"), classification=kind)
    found = run("03-04 09:00", (S.VERIFIED, "03-07 09:00"), classification=kind)
    assert found[K.FINISH].started_at == at("03-07 09:00")


def test_finish_stops_at_the_answer_that_lasted() -> None:
    moves = ((S.DISPOSED, "03-05 09:00"), (S.ANSWERED, "03-06 09:00"))
    assert run("03-04 09:00", *moves)[K.FINISH].stopped_at == at("03-06 09:00")
    assert run("03-04 09:00", *moves, (S.CLOSED, "03-20 09:00"))[K.FINISH].stopped_at == at("03-06 09:00")
    back = run("03-04 09:00", *moves, (S.IN_FOLLOW_UP, "03-08 09:00"))[K.FINISH]
    # Monday the 4th and 14 working days: Friday the 22nd; two more for the days it waited for the reporter.
    assert (back.stopped_at, back.due_at) == (None, at("03-26 09:00"))
    assert back.paused_for == 2 * 86_400


def test_a_paused_clock_has_no_due_moment() -> None:
    clock = run("03-04 09:00", (S.POSTPONED, "03-05 09:00"), now="05-30 00:00")[K.VERIFY]
    assert (clock.due_at, clock.paused_since, clock.breached) == (None, at("03-05 09:00"), False)


def test_a_pause_ends_with_the_clock() -> None:
    clock = run("03-04 09:00", (S.POSTPONED, "03-05 09:00"), (S.ARCHIVED, "03-06 09:00"))[K.FINISH]
    assert (clock.paused_since, clock.paused_for, clock.stopped_at) == (None, 86_400, at("03-06 09:00"))


def test_what_is_late_gets_no_time_back() -> None:
    clock = run("03-04 09:00", (S.POSTPONED, "03-11 09:00"), (S.SUBMITTED, "03-20 09:00"), now="03-20 10:00")[K.VERIFY]
    assert (clock.due_at, clock.breached_at) == (at("03-07 09:00"), at("03-07 09:00"))
    paused = run("03-04 09:00", (S.POSTPONED, "03-11 09:00"))[K.VERIFY]
    assert (paused.due_at, paused.breached, paused.breached_at) == (None, True, at("03-07 09:00"))


def test_breached_by_now_or_by_the_stop() -> None:
    assert not run("03-04 09:00", now="03-07 08:59")[K.VERIFY].breached
    assert run("03-04 09:00", now="03-07 09:00")[K.VERIFY].breached_at == at("03-07 09:00")
    assert not run("03-04 09:00", (S.DISPOSED, "03-07 09:00"), now="05-01 00:00")[K.VERIFY].breached
    late = run("03-04 09:00", (S.DISPOSED, "03-07 09:01"))[K.VERIFY]
    assert (late.breached, late.due_at) == (True, at("03-07 09:00"))


def test_a_reopened_complaint_is_timed_anew() -> None:
    first = ((S.DISPOSED, "03-05 09:00"), (S.IN_FOLLOW_UP, "03-06 09:00"), (S.CLOSED, "03-14 09:00"))
    found = run("03-04 09:00", *first, (S.IN_FOLLOW_UP, "05-06 09:00"))
    assert (found[K.FINISH].started_at, found[K.FINISH].stopped_at) == (at("05-06 09:00"), None)
    assert found[K.VERIFY].stopped_at == at("03-05 09:00")
    assert found[K.FIRST_FOLLOW_UP].stopped_at == at("03-06 09:00")
    disposed = run("03-04 09:00", *first, (S.DISPOSED, "05-06 09:00"), disposed=["03-05 09:00"])
    assert (disposed[K.FIRST_FOLLOW_UP].started_at, disposed[K.FIRST_FOLLOW_UP].stopped_at) == (at("05-06 09:00"), None)


def test_a_log_that_contradicts_itself_is_no_error() -> None:
    found = run("03-04 09:00", (S.CLOSED, "03-01 09:00"))
    assert found[K.VERIFY].stopped_at == found[K.VERIFY].started_at == at("03-04 09:00")


# ---------------------------------------------------------------- limits


def test_limits_can_be_overridden() -> None:
    limits = ClockLimits({"VERIFY": 1, "FINISH": 20, "FINISH.ASPIRASI": 7, "FIRST_FOLLOW_UP.ASPIRASI": 2})
    assert limits.days(K.VERIFY, C.ASPIRASI) == limits.days(K.VERIFY, None) == 1
    assert limits.days(K.FINISH, C.ASPIRASI) == 7
    assert limits.days(K.FINISH, C.PENGADUAN_BERKADAR_PENGAWASAN) == limits.days(K.FINISH, None) == 20
    assert (limits.days(K.FIRST_FOLLOW_UP, C.ASPIRASI), limits.days(K.FIRST_FOLLOW_UP, None)) == (2, 5)


@pytest.mark.parametrize("overrides", [{"VERIFIED": 3}, {"FINISH.ASPIRATION": 3}, {"VERIFY": 0}, {"VERIFY": True}])
def test_wrong_limits_are_named(overrides: dict[str, int]) -> None:
    with pytest.raises(ConfigError) as caught:
        ClockLimits(overrides)
    assert caught.value.key == f"clocks.{next(iter(overrides))}"


def test_the_rules_name_what_the_vocabulary_has() -> None:
    assert set(rules._CLASSIFICATIONS) == set(Classification)
    assert rules._REPORTER_REPLY == FollowUpKind.REPORTER_REPLY


# ---------------------------------------------------------------- measures


def test_days_to_first_follow_up() -> None:
    received = at("04-05 12:00")
    written = [FollowUp(kind=F.REPORTER_REPLY, occurred_at=at("04-05 13:00"))]
    assert days_to_first_follow_up(submitted_at=received, follow_ups=written, calendar=JAKARTA) is None
    written.append(FollowUp(kind=F.PROGRESS, occurred_at=at("04-17 12:00")))
    assert days_to_first_follow_up(submitted_at=received, follow_ups=written, calendar=JAKARTA) == 2.0
    taken_up = [StatusEvent(to_status=S.IN_FOLLOW_UP, occurred_at=at("04-16 12:00"))]
    sooner = days_to_first_follow_up(submitted_at=received, follow_ups=written, timeline=taken_up, calendar=JAKARTA)
    assert sooner == 1.0


def test_days_to_close() -> None:
    received = at("04-05 12:00")
    assert days_to_close(submitted_at=received, closed_at=None, calendar=JAKARTA) is None
    assert days_to_close(submitted_at=received, closed_at=at("04-16 18:00"), calendar=JAKARTA) == 1.25
    assert days_to_close(submitted_at=received, closed_at=at("04-01 12:00"), calendar=JAKARTA) == 0.0


# ---------------------------------------------------------------- what holds for every history

RECEIVED = at("03-25 09:00")
LATEST = 60 * 24 * 90

minutes = st.integers(0, LATEST)
histories = st.builds(
    lambda states, times: tuple(zip(states, sorted(times), strict=False)),
    st.lists(st.sampled_from(S), max_size=8),
    st.lists(minutes, min_size=8, max_size=8),
)
letters = st.lists(st.tuples(st.sampled_from(F), minutes), max_size=5).map(
    lambda found: sorted(found, key=lambda f: f[1])
)
classifications = st.sampled_from([*C, None])
quick = settings(deadline=None, max_examples=80)

History = tuple[tuple[ComplaintStatus, int], ...]
Letters = list[tuple[FollowUpKind, int]]


def _after(minute: int) -> datetime:
    return RECEIVED + timedelta(minutes=minute)


def _clocks(
    history: History, written: Letters, classification: Classification | None, minute: int
) -> tuple[SlaClock, ...]:
    found = run(
        RECEIVED,
        *((status, _after(moment)) for status, moment in history),
        follow_ups=[(kind, _after(moment)) for kind, moment in written],
        classification=classification,
        now=_after(minute),
    )
    return tuple(found.values())


@quick
@given(histories, letters, classifications, minutes)
def test_every_clock_is_consistent(history: History, written: Letters, kind: Classification | None, now: int) -> None:
    for clock in _clocks(history, written, kind, now):
        assert (clock.due_at is None) == (clock.paused_since is not None)
        assert clock.due_at is None or clock.due_at >= clock.started_at
        assert clock.stopped_at is None or clock.stopped_at >= clock.started_at
        assert not (clock.stopped_at and clock.paused_since)
        assert clock.breached == (clock.breached_at is not None)
        assert clock.paused_for >= 0


@quick
@given(histories, letters, classifications, minutes, minutes)
def test_time_alone_does_what_fall_due_does(
    history: History, written: Letters, kind: Classification | None, one: int, other: int
) -> None:
    early, late = sorted((one, other))
    before = _clocks(history, written, kind, early)
    after, turned = fall_due(before, _after(late))
    assert after == _clocks(history, written, kind, late)
    assert set(turned) == {
        new.kind for old, new in zip(before, after, strict=True) if new.breached and not old.breached
    }


@quick
@given(histories, letters, classifications, minutes)
def test_nothing_falls_due_before_the_next_breach(
    history: History, written: Letters, kind: Classification | None, now: int
) -> None:
    found = _clocks(history, written, kind, now)
    due = next_breach(found)
    if due is None:
        assert fall_due(found, _after(LATEST * 100)) == (found, ())
    else:
        assert due > _after(now)
        assert fall_due(found, due - timedelta(microseconds=1)) == (found, ())
        assert fall_due(found, due)[1]


@quick
@given(histories, letters, classifications, st.integers(0, 8), minutes)
def test_an_unmapped_status_changes_nothing(
    history: History, written: Letters, kind: Classification | None, place: int, now: int
) -> None:
    place = min(place, len(history))
    moment = history[place][1] if place < len(history) else LATEST
    unmapped = (*history[:place], (S.UNMAPPED, moment), *history[place:])
    assert _clocks(unmapped, written, kind, now) == _clocks(history, written, kind, now)


@quick
@given(st.sampled_from([S.AWAITING_INFORMATION, S.POSTPONED]), minutes, minutes)
def test_a_pause_never_brings_the_due_moment_nearer(status: ComplaintStatus, one: int, other: int) -> None:
    start, end = sorted((one, other))
    plain = _clocks((), [], C.ASPIRASI, 0)
    paused = _clocks(((status, start), (S.SUBMITTED, end)), [], C.ASPIRASI, 0)
    for before, after in zip(plain, paused, strict=True):
        assert before.due_at is not None
        assert after.due_at is not None
        assert after.due_at >= before.due_at
        assert after.due_at == before.due_at or _after(start) < before.due_at

"""Service-level clocks (SLA), counted in working days of the agency's zone.

| clock | runs from | until | working days |
|---|---|---|---|
| VERIFY | receipt | forwarded: DISPOSED or beyond, or a disposition | 3 |
| FIRST_FOLLOW_UP | first disposition | the agency's first follow-up, IN_FOLLOW_UP or beyond | 5 |
| AUTO_CLOSE | ANSWERED, or the agency's last follow-up in it | the reporter's reply, or leaving ANSWERED | 10 |
| FINISH | receipt; PENGADUAN_BERKADAR_PENGAWASAN: complete (VERIFIED or beyond) | ANSWERED, or the end | 5 to 60 |

Which rule says so, and what is this project's own decision, stands in `docs/domain.md`. AWAITING_INFORMATION and
POSTPONED pause whatever runs; so does, for FINISH, an answer that did not last (ANSWERED, then back to work): the
agency was not the one who was waited for. FINISH ends at ANSWERED and not at CLOSED, because a citizen's silence
takes 10 working days to close a complaint and PERMINTAAN_INFORMASI has only 5. A complaint that is reopened starts
again: FINISH runs anew from that moment, the others when their occasion comes; at most one clock of a kind is kept.
UNMAPPED changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from schema.errors import ConfigError
from schema.status import PAUSED, TERMINAL, ComplaintStatus
from schema.workdays import DAY
from schema.workdays import WorkingCalendar as WorkingCalendar

if TYPE_CHECKING:  # schema.complaint is built on this module
    from schema.complaint import Classification, Disposition, FollowUp, StatusEvent


class ClockKind(StrEnum):
    """Which limit a clock watches."""

    VERIFY = "VERIFY"
    FIRST_FOLLOW_UP = "FIRST_FOLLOW_UP"
    AUTO_CLOSE = "AUTO_CLOSE"
    FINISH = "FINISH"


class SlaClock(msgspec.Struct, frozen=True, kw_only=True):
    """One clock of one complaint.

    Attributes:
        limit_days: working days.
        due_at: None while it is paused.
        paused_for: seconds of pauses that have ended.
        stopped_at: when it was met or no longer mattered.
        breached: turned by an event at the due moment.
    """

    kind: ClockKind
    limit_days: int
    started_at: datetime
    due_at: datetime | None = None
    paused_since: datetime | None = None
    paused_for: int = 0
    stopped_at: datetime | None = None
    breached: bool = False
    breached_at: datetime | None = None


#: Working days by clock, or by clock and classification; no rule was found for ASPIRASI, its 14 are this project's.
DEFAULT_LIMITS: Mapping[str, int] = {
    "VERIFY": 3,
    "FIRST_FOLLOW_UP": 5,
    "AUTO_CLOSE": 10,
    "FINISH.PERMINTAAN_INFORMASI": 5,
    "FINISH.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN": 14,
    "FINISH.PENGADUAN_BERKADAR_PENGAWASAN": 60,
    "FINISH.ASPIRASI": 14,
}

_SUPERVISORY = "PENGADUAN_BERKADAR_PENGAWASAN"
_CLASSIFICATIONS = (_SUPERVISORY, "PENGADUAN_TIDAK_BERKADAR_PENGAWASAN", "ASPIRASI", "PERMINTAAN_INFORMASI")
_REPORTER_REPLY = "REPORTER_REPLY"
_MOST_DAYS = 3650


class ClockLimits:
    """Limits in working days, by kind and classification.

    Args:
        overrides: an agency's own, as its file says: `{"VERIFY": 3, "FINISH.ASPIRASI": 14}`. A key is a clock, or a
            clock and a classification, which then goes first. A bare `FINISH` also holds for complaints without a
            classification, which have no FINISH clock otherwise.

    Raises:
        ConfigError: a key is none of these, or a value is not a whole number from 1 to 3650.
    """

    __slots__ = ("_days",)

    def __init__(self, overrides: Mapping[str, int] | None = None) -> None:
        given = dict(overrides or {})
        for key, days in given.items():
            _check_limit(key, days)
        self._days = {
            (kind.value, name): _limit(kind, name, given) for kind in ClockKind for name in (None, *_CLASSIFICATIONS)
        }

    def days(self, kind: ClockKind, classification: Classification | None) -> int | None:
        """The limit of a clock; None when there is none, and so no clock."""
        return self._days[kind, classification]


def _limit(kind: ClockKind, classification: str | None, overrides: Mapping[str, int]) -> int | None:
    exact = f"{kind}.{classification}"
    for limits, key in ((overrides, exact), (overrides, kind), (DEFAULT_LIMITS, exact), (DEFAULT_LIMITS, kind)):
        if key in limits:
            return limits[key]
    return None


def _check_limit(key: str, days: object) -> None:
    allowed = [f"{kind}{name}" for kind in ClockKind for name in ("", *(f".{name}" for name in _CLASSIFICATIONS))]
    if key not in allowed:
        raise ConfigError("not a clock", key=f"clocks.{key}", allowed=allowed)
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= _MOST_DAYS:
        raise ConfigError(f"not a whole number of working days from 1 to {_MOST_DAYS}", key=f"clocks.{key}")


_S = ComplaintStatus
_TAKEN_UP = frozenset({_S.IN_FOLLOW_UP, _S.ANSWERED})
_DISPOSED = frozenset({_S.DISPOSED})
_COMPLETE = _TAKEN_UP | {_S.VERIFIED, _S.DISPOSED}
_FORWARDED = _TAKEN_UP | {_S.DISPOSED} | TERMINAL
_FOLLOWED_UP = _TAKEN_UP | TERMINAL
_DONE = TERMINAL | {_S.ANSWERED}
_WAITING = PAUSED | {_S.ANSWERED}


class _Span(NamedTuple):
    """A stretch of time; still going on without `end`."""

    start: datetime
    end: datetime | None


class _Run(NamedTuple):
    """The life of a complaint from receipt, or from a reopening, to its end."""

    began: datetime
    moves: Sequence[StatusEvent]
    disposed_at: datetime | None
    reopened: bool


def clocks(
    *,
    submitted_at: datetime,
    timeline: Sequence[StatusEvent],
    follow_ups: Sequence[FollowUp],
    dispositions: Sequence[Disposition],
    classification: Classification | None,
    limits: ClockLimits,
    calendar: WorkingCalendar,
    now: datetime,
) -> tuple[SlaClock, ...]:
    """All clocks of a complaint, in the order they started; at most one of a kind.

    A clock is breached when it still ran at its due moment: by `now`, or by the moment it stopped or was paused.
    Pauses after that don't move the due moment any more. A stopped clock keeps its `due_at`.

    Args:
        submitted_at: moment of receipt.
        timeline, follow_ups, dispositions: oldest first.
        now: what is due by then and not met is breached.
    """
    found: dict[ClockKind, SlaClock] = {}
    for run in _runs(submitted_at, timeline, dispositions):
        waits = _spans(run.moves, PAUSED)
        for kind, ran, pauses in (
            (ClockKind.VERIFY, _verify(run), waits),
            (ClockKind.FIRST_FOLLOW_UP, _first_follow_up(run, follow_ups), waits),
            (ClockKind.AUTO_CLOSE, _auto_close(run, follow_ups), ()),
            (ClockKind.FINISH, _finish(run, classification), _spans(run.moves, _WAITING)),
        ):
            days = limits.days(kind, classification)
            if ran is not None and days is not None:
                found[kind] = _clock(kind, days, ran, pauses, calendar, now)
    return tuple(sorted(found.values(), key=lambda clock: clock.started_at))


def fall_due(clocks: Sequence[SlaClock], now: datetime) -> tuple[tuple[SlaClock, ...], tuple[ClockKind, ...]]:
    """The clocks as they are at `now`, and the kinds of those that are newly breached.

    Only what `next_breach` tells changes by the passing of time: nothing else about the complaint is needed.
    """
    turned = tuple(
        msgspec.structs.replace(clock, breached=True, breached_at=clock.due_at)
        if _may_breach(clock) and clock.due_at is not None and clock.due_at <= now
        else clock
        for clock in clocks
    )
    return turned, tuple(new.kind for old, new in zip(clocks, turned, strict=True) if new is not old)


def next_breach(clocks: Iterable[SlaClock]) -> datetime | None:
    """When the next clock falls due that runs and is not breached; None when there is none."""
    due = [clock.due_at for clock in clocks if _may_breach(clock) and clock.due_at is not None]
    return min(due, default=None)


def days_to_first_follow_up(
    *,
    submitted_at: datetime,
    follow_ups: Iterable[FollowUp],
    calendar: WorkingCalendar,
    timeline: Iterable[StatusEvent] = (),
) -> float | None:
    """Working days from receipt to the agency's first follow-up, or to IN_FOLLOW_UP or ANSWERED if that came first.

    None until it happened; 0 when it is told to have happened before receipt.
    """
    moments = [entry.occurred_at for entry in follow_ups if _by_agency(entry)]
    moments += [move.occurred_at for move in timeline if move.to_status in _TAKEN_UP]
    return _days(submitted_at, min(moments, default=None), calendar)


def days_to_close(*, submitted_at: datetime, closed_at: datetime | None, calendar: WorkingCalendar) -> float | None:
    """Working days from receipt to `closed_at`, the last closing; None while it is open, never below 0."""
    return _days(submitted_at, closed_at, calendar)


def _days(start: datetime, end: datetime | None, calendar: WorkingCalendar) -> float | None:
    return None if end is None else max(0.0, calendar.working_days_between(start, end))


def _may_breach(clock: SlaClock) -> bool:
    return clock.stopped_at is None and not clock.breached


def _by_agency(follow_up: FollowUp) -> bool:
    return follow_up.kind != _REPORTER_REPLY


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)


def _runs(
    submitted_at: datetime, timeline: Sequence[StatusEvent], dispositions: Sequence[Disposition]
) -> Iterator[_Run]:
    """The run from receipt, and one for each reopening: a move out of a terminal state."""
    moves = [move for move in timeline if move.to_status is not _S.UNMAPPED]
    ended = [move.to_status in TERMINAL for move in moves]
    reopenings = [index for index, (before, after) in enumerate(pairwise(ended), 1) if before and not after]
    began, start = None, 0
    for end in (*reopenings, len(moves)):
        part = moves[start:end]
        until = moves[end].occurred_at if end < len(moves) else None
        handed = (entry.occurred_at for entry in dispositions if _in(entry.occurred_at, began, until))
        disposed_at = _earliest(_first(part, _DISPOSED), next(handed, None))
        yield _Run(began or submitted_at, part, disposed_at, began is not None)
        began, start = until, end


def _in(moment: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (start is None or start <= moment) and (end is None or moment < end)


def _first(
    moves: Iterable[StatusEvent], states: frozenset[ComplaintStatus], since: datetime | None = None
) -> datetime | None:
    """When it first came into one of these states, at or after `since`."""
    for move in moves:
        if move.to_status in states and (since is None or move.occurred_at >= since):
            return move.occurred_at
    return None


def _spans(moves: Iterable[StatusEvent], states: frozenset[ComplaintStatus]) -> list[_Span]:
    """The stretches in which it was in one of these states, oldest first."""
    spans: list[_Span] = []
    start: datetime | None = None
    for move in moves:
        if move.to_status in states:
            start = start or move.occurred_at
        elif start is not None:
            spans.append(_Span(start, move.occurred_at))
            start = None
    return spans if start is None else [*spans, _Span(start, None)]


def _verify(run: _Run) -> _Span | None:
    """A reopened complaint was forwarded long ago."""
    return None if run.reopened else _Span(run.began, _earliest(_first(run.moves, _FORWARDED), run.disposed_at))


def _first_follow_up(run: _Run, follow_ups: Sequence[FollowUp]) -> _Span | None:
    """From the first disposition: an agency that sends it on does not win time for the next one."""
    start = run.disposed_at
    if start is None:
        return None
    written = (entry.occurred_at for entry in follow_ups if entry.occurred_at >= start and _by_agency(entry))
    return _Span(start, _earliest(_first(run.moves, _FOLLOWED_UP, start), next(written, None)))


def _auto_close(run: _Run, follow_ups: Sequence[FollowUp]) -> _Span | None:
    """The last time it was ANSWERED; each follow-up of the agency in it starts anew, even after a reply."""
    answers = [index for index, move in enumerate(run.moves) if move.to_status is _S.ANSWERED]
    if not answers:
        return None
    start = run.moves[answers[-1]].occurred_at
    left = run.moves[answers[-1] + 1].occurred_at if answers[-1] + 1 < len(run.moves) else None
    replied = None
    for entry in follow_ups:
        if _in(entry.occurred_at, start, left):
            start, replied = (entry.occurred_at, None) if _by_agency(entry) else (start, replied or entry.occurred_at)
    return _Span(start, replied or left)


def _finish(run: _Run, classification: Classification | None) -> _Span | None:
    """Until the ANSWERED or terminal state that lasted."""
    start: datetime | None = run.began
    if classification == _SUPERVISORY and not run.reopened:
        start = _earliest(_first(run.moves, _COMPLETE), run.disposed_at)
    done = None
    for move in reversed(run.moves):
        if move.to_status not in _DONE:
            break
        done = move.occurred_at
    return None if start is None else _Span(start, done)


def _clock(
    kind: ClockKind, days: int, ran: _Span, pauses: Iterable[_Span], calendar: WorkingCalendar, now: datetime
) -> SlaClock:
    start = ran.start
    stop = None if ran.end is None else max(start, ran.end)
    goal = calendar.position(start) + days * DAY
    due = calendar.moment(goal)
    paused_since, paused_for = None, 0.0
    for pause in _within(pauses, start, stop):
        if pause.end is None:
            paused_since = pause.start
            break
        paused_for += (pause.end - pause.start).total_seconds()
        if pause.start < due:  # what is late already gets no time back
            goal += calendar.position(pause.end) - calendar.position(pause.start)
            due = calendar.moment(goal)
    breached = due < stop if stop is not None else due <= (paused_since or now)
    return SlaClock(
        kind=kind,
        limit_days=days,
        started_at=start,
        due_at=None if paused_since else due,
        paused_since=paused_since,
        paused_for=int(paused_for),
        stopped_at=stop,
        breached=breached,
        breached_at=due if breached else None,
    )


def _within(spans: Iterable[_Span], start: datetime, stop: datetime | None) -> Iterator[_Span]:
    """What of the spans lies between two moments."""
    for span in spans:
        begin = max(span.start, start)
        end = span.end if stop is None else min(span.end or stop, stop)
        if end is None or begin < end:
            yield _Span(begin, end)

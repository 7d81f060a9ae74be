"""Pace, retry budget and breaker under a clock that the test turns."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from connectors.politeness import Breaker, Pace, RetryBudget
from schema.errors import HttpFailure, SourceTimeout, Unreachable


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def test_pace_spreads_starts_after_a_burst() -> None:
    clock = FakeClock()
    pace = Pace(10.0, 3, clock, clock.sleep)
    starts = []
    for _ in range(13):
        await pace.wait()
        starts.append(clock.now - 100.0)
    assert starts[:3] == [0.0, 0.0, 0.0]
    assert starts[-1] == pytest.approx(1.0)
    assert all(later - earlier >= 0.0999 for earlier, later in pairwise(starts[2:]))


async def test_pace_books_before_it_sleeps() -> None:
    clock = FakeClock()
    booked: list[float] = []

    async def sleep(seconds: float) -> None:
        booked.append(seconds)

    pace = Pace(10.0, 1, clock, sleep)
    await asyncio.gather(*(pace.wait() for _ in range(4)))
    assert booked == pytest.approx([0.1, 0.2, 0.3])


def test_retries_are_a_tenth_of_the_attempts_of_a_minute() -> None:
    clock = FakeClock()
    budget = RetryBudget(clock)
    taken = 0
    for _ in range(60):
        budget.attempt()
        taken += budget.take()
        clock.now += 1
    assert taken == 6
    clock.now += 61
    assert not budget.take()


def test_the_breaker_opens_and_lets_exactly_one_probe_through() -> None:
    clock = FakeClock()
    breaker = Breaker(clock, failures=3, cooldown=5.0)
    for _ in range(3):
        assert breaker.admit() is False
        breaker.failed(HttpFailure("HTTP 500", status=500))
        breaker.release(False)
    with pytest.raises(HttpFailure) as caught:
        breaker.admit()
    assert caught.value.status == 500
    assert caught.value.retry_after == pytest.approx(5.0)
    clock.now += 5
    assert breaker.admit() is True
    with pytest.raises(HttpFailure):
        breaker.admit()
    breaker.failed(Unreachable("no connection"))
    breaker.release(True)
    with pytest.raises(Unreachable):
        breaker.admit()
    clock.now += 5
    probe = breaker.admit()
    breaker.succeeded()
    breaker.release(probe)
    assert breaker.admit() is False
    assert breaker.admit() is False


def test_a_cancelled_probe_gives_its_place_back() -> None:
    clock = FakeClock()
    breaker = Breaker(clock, failures=1, cooldown=5.0)
    breaker.failed(SourceTimeout("no answer in time"))
    clock.now += 5
    breaker.release(breaker.admit())
    assert breaker.admit() is True

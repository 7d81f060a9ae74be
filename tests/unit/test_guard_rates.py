"""Budgets: what is spent comes back in time, one client's never from another, and memory stays bounded."""

from __future__ import annotations

import random

import pytest

from gateway.guard.gate import Gate
from gateway.guard.rank import Rank
from gateway.guard.rates import PER_MINUTE, WRITES_PER_HOUR, Budget, Rates
from schema.errors import RateExceeded
from schema.query import PUBLIC, Role, Viewer

BUDGET = Budget(60, 60.0)
CARRIER, OTHER = "203.0.113.9", "203.0.113.10"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_all_at_once_then_little_by_little(clock: Clock) -> None:
    rates = Rates(clock)
    assert [rates.take("a", BUDGET, 20) for _ in range(3)] == [0, 0, 0]
    assert rates.take("a", BUDGET, 1) == 1
    assert rates.take("a", BUDGET, 30) == 30
    assert rates.take("b", BUDGET, 60) == 0
    clock.now += 30
    assert rates.take("a", BUDGET, 30) == 0
    assert rates.take("a", BUDGET, 1) == 1


def test_waiting_as_long_as_told_is_enough(clock: Clock) -> None:
    rates, draw = Rates(clock), random.Random(4)
    for _ in range(2_000):
        cost = draw.choice((1, 2, 10, 60))
        wait = rates.take("a", BUDGET, cost)
        if wait:
            clock.now += wait + 1e-6
            assert rates.take("a", BUDGET, cost) == 0
        clock.now += draw.random()


def test_never_more_than_the_budget_and_what_came_back(clock: Clock) -> None:
    rates, draw, spent, began = Rates(clock), random.Random(5), 0, clock.now
    for _ in range(5_000):
        cost = draw.randint(1, 20)
        if not rates.take("a", BUDGET, cost):
            spent += cost
        clock.now += draw.random() / 10
        assert spent <= 60 + (clock.now - began) + 1e-6


def test_what_costs_more_than_all_is_taken_from_a_whole_budget(clock: Clock) -> None:
    rates = Rates(clock)
    assert rates.take("a", BUDGET, 90) == 0
    assert rates.take("a", BUDGET, 90) == 90
    assert rates.take("a", BUDGET, 1) == 31
    clock.now += 90
    assert rates.take("a", BUDGET, 90) == 0


def test_a_charge_is_taken_in_any_case_but_nobody_is_shut_out_for_long(clock: Clock) -> None:
    rates = Rates(clock)
    for _ in range(1_000):
        rates.charge("a", BUDGET, 20)
    assert rates.wait("a", BUDGET) == 61
    clock.now += 61
    assert rates.wait("a", BUDGET) == 0


def test_memory_is_bounded(clock: Clock) -> None:
    rates = Rates(clock, most=100)
    for number in range(1_000):
        rates.take(str(number), BUDGET, 60)
    assert len(rates) == 100
    assert rates.take("999", BUDGET, 1)


async def test_phones_behind_one_address(clock: Clock) -> None:
    """2,000 that submit once an hour and read now and then: also if all submit at once, hour after hour."""
    gate, phones = Gate(Rates(clock)), 2_000
    for _ in range(3):
        for _ in range(phones):
            await gate.admit(PUBLIC, CARRIER, 50, Rank.WRITE)
        for _ in range(60):
            for _ in range(phones // 6):  # each reads ten pages in an hour
                await gate.admit(PUBLIC, CARRIER, 100)
            clock.now += 60
    assert not any(gate.state().limited)


async def test_a_client_that_asks_too_much_is_refused_alone(clock: Clock) -> None:
    gate = Gate(Rates(clock))
    await gate.admit(PUBLIC, CARRIER, PER_MINUTE)
    with pytest.raises(RateExceeded) as refused:
        await gate.admit(PUBLIC, CARRIER, 1_000)
    assert refused.value.retry_after == 1
    assert refused.value.extensions == {"retryAfterSeconds": 1}
    with pytest.raises(RateExceeded):
        gate.check(PUBLIC, CARRIER)
    # Who reads too much can still write, and the other way round.
    await gate.admit(PUBLIC, CARRIER, WRITES_PER_HOUR, Rank.WRITE)
    with pytest.raises(RateExceeded):
        await gate.admit(PUBLIC, CARRIER, 50, Rank.WRITE)
    await gate.admit(PUBLIC, OTHER, 1_000)
    assert gate.state().limited == (1, 2, 0)


async def test_who_has_credentials_of_an_operator_counts_by_them(clock: Clock) -> None:
    gate, officer = Gate(Rates(clock)), Viewer(role=Role.LIAISON_OFFICER, credential="key:1")
    await gate.admit(officer, CARRIER, PER_MINUTE)
    with pytest.raises(RateExceeded):
        await gate.admit(officer, OTHER, 50, Rank.WRITE)
    await gate.admit(PUBLIC, CARRIER, 50)


async def test_who_makes_credentials_himself_counts_by_address(clock: Clock) -> None:
    gate = Gate(Rates(clock))
    for number in range(10):
        await gate.admit(Viewer(role=Role.REPORTER, credential=f"reporter:{number}"), CARRIER, PER_MINUTE // 10)
    with pytest.raises(RateExceeded):
        await gate.admit(Viewer(role=Role.REPORTER, credential="reporter:11"), CARRIER, 100)


async def test_a_household_counts_once(clock: Clock) -> None:
    gate = Gate(Rates(clock))
    await gate.admit(PUBLIC, "2001:db8::1", PER_MINUTE)
    with pytest.raises(RateExceeded):
        await gate.admit(PUBLIC, "2001:db8::2", 100)
    await gate.admit(PUBLIC, "2001:db8:0:1::2", 100)


async def test_refused_documents_cost(clock: Clock) -> None:
    gate = Gate(Rates(clock))
    for _ in range(PER_MINUTE // 100):
        gate.check(PUBLIC, CARRIER)
        gate.refused(PUBLIC, CARRIER)
    with pytest.raises(RateExceeded):
        gate.check(PUBLIC, CARRIER)


async def test_this_machine_and_no_limits(clock: Clock) -> None:
    gate, free = Gate(Rates(clock)), Gate(Rates(clock), 0, 0)
    for _ in range(3):
        await gate.admit(PUBLIC, "127.0.0.1", PER_MINUTE)
        await free.admit(PUBLIC, CARRIER, PER_MINUTE)
        await free.admit(PUBLIC, CARRIER, WRITES_PER_HOUR, Rank.WRITE)

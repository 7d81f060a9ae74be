"""Places: who goes first, who waits, who is sent away, and that the event loop goes round meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from gateway.guard.gate import Gate
from gateway.guard.load import LEAST, PERIOD, START, WRITES, Load
from gateway.guard.rank import Rank
from schema.errors import Overloaded

Work = Callable[[], Awaitable[None]]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Hall:
    """A load, and who is in it in which order."""

    def __init__(self, *, saturated: bool = False) -> None:
        self.clock = Clock()
        self.saturated = saturated
        self.load = Load(lambda: self.saturated, self.clock)
        self.gate = Gate(load=self.load)
        self.served: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.open = asyncio.Event()

    def come(self, rank: Rank, name: str = "", work: Work | None = None) -> asyncio.Task[None]:
        async def asked() -> None:
            async with self.gate.place(rank):
                self.served.append(name or rank.name)
                await (work or self.open.wait)()

        self.tasks.append(asyncio.create_task(asked()))
        return self.tasks[-1]

    async def fill(self) -> None:
        """Until whoever comes next to read has to wait."""
        while self.load.state().executing[Rank.READ] < self.load.limit:
            self.come(Rank.READ)
            await turns(1)
        self.served.clear()

    async def end(self) -> list[BaseException | None]:
        self.open.set()
        return await asyncio.gather(*self.tasks, return_exceptions=True)


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def sync_work() -> None:
    """As a query on SQLite: it computes, and lets nobody in between."""
    until = time.perf_counter() + 0.001
    while time.perf_counter() < until:
        pass


async def test_writes_before_reads_before_bulk() -> None:
    hall = Hall()
    await hall.fill()
    for name, rank in (("b1", Rank.BULK), ("r1", Rank.READ), ("r2", Rank.READ), ("b2", Rank.BULK)):
        hall.come(rank, name)
    await turns(3)
    assert hall.load.state().waiting == (0, 2, 2)
    # A write needs no place of theirs.
    hall.come(Rank.WRITE, "w")
    await turns(3)
    assert hall.served == ["w"]
    await hall.end()
    assert hall.served == ["w", "r1", "r2", "b1", "b2"]
    assert not any(hall.load.state().executing)


async def test_bulk_takes_half_of_the_places() -> None:
    hall = Hall()
    for _ in range(START):
        hall.come(Rank.BULK)
    await turns(START)
    assert hall.load.state().executing[Rank.BULK] == START // 2
    hall.come(Rank.READ, "r")
    await turns(3)
    assert hall.served[-1] == "r"
    await hall.end()


async def test_a_crowd_is_served_in_turns_of_the_loop() -> None:
    """And whatever else there is to do is done in between: an answer at hand waits for a slice, not for the crowd."""
    hall, rounds = Hall(), 0
    for _ in range(50):
        hall.come(Rank.READ, work=sync_work)
    longest, last = 0.0, time.thread_time()
    while not all(task.done() for task in hall.tasks):
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last, rounds = max(longest, now - last), now, rounds + 1
    assert rounds > 30
    assert longest < 0.02, f"{longest * 1e3:.1f} ms of processor time without a look at anything else"
    await hall.end()


async def test_a_write_goes_before_reads_that_wait() -> None:
    hall = Hall()
    for _ in range(50):
        hall.come(Rank.READ, work=sync_work)
    await turns(2)
    hall.come(Rank.WRITE, "w", sync_work)
    await hall.end()
    assert hall.served.index("w") < 15


async def test_a_moments_crowd_waits_and_a_standing_one_is_sent_away() -> None:
    hall = Hall()
    await hall.fill()
    for _ in range(100):
        hall.come(Rank.READ)
    await turns(2)
    hall.clock.now += 1.9
    hall.come(Rank.READ)
    await turns(2)
    assert not hall.load.full(Rank.READ)
    hall.clock.now += 0.2
    assert hall.load.full(Rank.READ)
    assert hall.load.full(Rank.BULK)
    assert not hall.load.full(Rank.WRITE)
    with pytest.raises(Overloaded) as refused:
        await hall.come(Rank.READ)
    assert refused.value.retry_after == 2
    # The writes' hall is another.
    hall.come(Rank.WRITE, "w")
    await turns(3)
    assert hall.served == ["w"]
    assert hall.load.state().shed == (0, 1, 0)
    results = await hall.end()
    assert sum(isinstance(each, Overloaded) for each in results) == 1
    assert not hall.load.full(Rank.READ)


async def test_bulk_is_sent_away_before_reads() -> None:
    hall = Hall()
    await hall.fill()
    hall.come(Rank.BULK)
    await turns(2)
    hall.clock.now += 2.1
    assert hall.load.full(Rank.BULK)
    assert not hall.load.full(Rank.READ)
    await hall.end()


async def test_nobody_waits_for_ever() -> None:
    hall = Hall()
    await hall.fill()
    waiting = hall.come(Rank.BULK)
    await turns(2)
    hall.clock.now += 3.1
    await asyncio.sleep(2 * PERIOD)
    assert isinstance(waiting.exception(), Overloaded)
    await hall.end()


async def test_who_is_cancelled_keeps_no_place() -> None:
    hall = Hall()
    await hall.fill()
    waiting, next_one = hall.come(Rank.READ, "gone"), hall.come(Rank.READ, "next")
    await turns(2)
    waiting.cancel()
    hall.tasks[0].cancel()
    await turns(4)
    assert hall.served == ["next"]
    # Given the place, and cancelled before he could take it.
    third = hall.come(Rank.READ, "third")
    await turns(2)
    hall.open.set()
    while not hall.load._turn_at:
        await turns(1)
    third.cancel()
    await asyncio.gather(*hall.tasks, return_exceptions=True)
    assert next_one.exception() is None
    await turns(3)
    assert hall.load.state().executing == (0, 0, 0)


async def test_the_limit_grows_while_what_is_waited_for_costs_nothing() -> None:
    """Queries that wait for an agency take places, but no time: more of them do no harm."""
    hall = Hall()
    for _ in range(200):
        hall.come(Rank.READ)
    await asyncio.sleep(4 * PERIOD)
    grown = hall.load.limit
    assert START * 1.2 < grown < START * 1.5
    assert hall.load.state().executing[Rank.READ] > START
    hall.saturated = True
    await asyncio.sleep(4 * PERIOD)
    assert LEAST <= hall.load.limit < grown * 0.8
    await hall.end()


async def test_writes_at_once() -> None:
    hall = Hall()
    for _ in range(WRITES + 10):
        hall.come(Rank.WRITE)
    await turns(WRITES + 10)
    assert hall.load.state().executing[Rank.WRITE] == WRITES
    hall.clock.now += 4.9
    assert not hall.load.full(Rank.WRITE)
    hall.clock.now += 0.2
    assert hall.load.full(Rank.WRITE)
    # A writer that is stuck does not take the readers with it.
    hall.come(Rank.READ, "r")
    await turns(4)
    assert hall.served[-1] == "r"
    await hall.end()

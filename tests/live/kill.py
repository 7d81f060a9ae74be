"""The kill test: a hub that is killed again and again, sockets that are cut, and subscribers that must miss nothing."""

from __future__ import annotations

import asyncio
import random
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from gateway.demo import agency_files
from simulators import control
from tests.live.demo import START, Running, wait
from tests.live.proxy import Proxy
from tests.live.subscribers import SECRET, Subscriber, seq

SLUGS = ("prov-diy", "kab-sleman")
#: Seconds until everything has arrived.
ARRIVED = 60.0

LEDGER = """query($after: String) {
  events(after: $after, first: 500) {
    nodes { cursor kind ... on StatusChanged { fromStatus toStatus complaint { trackingId } } }
    pageInfo { endCursor hasNextPage }
  }
}"""


class Size(NamedTuple):
    """How much of everything; `complaints` is how many each agency has."""

    complaints: int
    changes: int
    kills: int
    cuts: int
    subscribers: int


class Found(NamedTuple):
    """What came of it.

    Attributes:
        changes: moves that the simulators made.
        reconnects: how often a subscriber came back and was not cut off again before it had caught up.
        slowest: seconds, the slowest of them.
    """

    changes: int
    kills: int
    cuts: int
    events: int
    lost: int
    twice: int
    unordered: int
    reconnects: int
    slowest: float
    seconds: float


@contextmanager
def simulators(data: Path, seed: int, complaints: int) -> Iterator[None]:
    """Agencies that move only when they are told to."""
    data.mkdir(parents=True)
    only = [each for slug in SLUGS for each in ("--only", slug)]
    command = [sys.executable, "-m", "simulators", "--data", data, "--seed", seed, "--most", complaints, *only]
    process = subprocess.Popen([*map(str, command), "--no-life", "--follow-parent"], stdin=subprocess.PIPE)
    try:
        wait((data / "simulators.json").exists, START)
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


def agencies(data: Path, folder: Path) -> Path:
    """The agencies' files, pointed at their simulators and polled twice a second."""
    folder.mkdir()
    for slug, url in control.urls(data).items():
        text = (agency_files() / f"{slug}.toml").read_text()
        for name, value in (("url", f'"{url}"'), ("every", "0.5"), ("lookback", "5.0"), ("rate", "200.0")):
            text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text, count=1)
        (folder / f"{slug}.toml").write_text(text)
    return folder


class Trial:
    """One run of the test.

    Args:
        folder: for all that is written.
        database: an empty ledger's address.
        seed: which moments, and which moves.
    """

    def __init__(self, folder: Path, database: str, seed: int, size: Size, kinds: Sequence[type[Subscriber]]) -> None:
        self._folder = folder
        self._data = folder / "simulators"
        self._database = database
        self._seed = seed
        self._size = size
        self._kinds = kinds
        self._chance = random.Random(seed)
        self._moved: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._moves = self._kills = self._cuts = 0
        self._subscribers: list[Subscriber] = []

    async def run(self) -> Found:
        with simulators(self._data, self._seed, self._size.complaints):
            files = agencies(self._data, self._folder / "agencies")
            self._settings = {
                "SIMPUL_DATA_DIR": str(self._folder / "hub"),
                "SIMPUL_DATABASE_URL": self._database,
                "SIMPUL_AGENCIES_DIR": str(files),
                "SIMPUL_SECRET": SECRET,
                "SIMPUL_PORT": "0",
                **control.environment(self._data),
            }
            self._hub = self._start()
            try:
                await asyncio.to_thread(wait, self._hub.all_well, START)
                found = await self._follow()
                self._end()
                return found
            finally:
                self._hub.kill()

    def _end(self) -> None:
        """With SIGKILL."""
        self._hub.kill()
        said = self._hub.log.read_text()
        assert "Traceback" not in said, said

    def _start(self) -> Running:
        return Running("serve", log=self._folder / "hub.log", settings=self._settings)

    async def _follow(self) -> Found:
        began = time.monotonic()
        async with Proxy(self._port()).listening() as self._proxy, self._subscribed():
            async with asyncio.TaskGroup() as group:
                disturbing = [group.create_task(work()) for work in (self._kill, self._cut)]
                await self._move(disturbing)
            ledger = await self._arrived()
        return self._found(ledger, time.monotonic() - began)

    @asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[None]:
        kinds = islice(cycle(self._kinds), self._size.subscribers)
        self._subscribers = [kind(self._proxy) for kind in kinds]
        self._following = [asyncio.create_task(each.run()) for each in self._subscribers]
        try:
            await self._until(lambda: all(each.start for each in self._subscribers))
            yield
        finally:
            for task in self._following:
                task.cancel()
            await asyncio.gather(*self._following, return_exceptions=True)

    def _port(self) -> int:
        return int(self._hub.address.rpartition(":")[2])

    def _told(self) -> int:
        """How many events have come to everybody."""
        return min(len(each.events) for each in self._subscribers)

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            for task in self._following:
                if task.done():
                    task.result()  # it was told what it must not be
            await asyncio.sleep(0.01)

    async def _move(self, disturbing: Sequence[asyncio.Task[None]]) -> None:
        """Moves as many as asked for, and on until nothing disturbs any more: what is disturbed must be a stream."""
        at_once, ahead = max(self._size.changes // 100, 10), max(self._size.changes // 20, 100)
        while self._moves < self._size.changes or not all(task.done() for task in disturbing):
            await self._until(lambda: self._moves - self._told() < ahead)
            count = self._chance.randint(1, at_once)
            slug = self._chance.choice(SLUGS)
            for step in await asyncio.to_thread(control.move, self._data, slug, count):
                self._moved[step["trackingId"]].append((step["from"], step["to"]))
                self._moves += 1
            await asyncio.sleep(self._chance.random() * 0.1)

    async def _moment(self, number: int, count: int) -> None:
        """Waits for a random moment in one of so many equal parts of the run."""
        due = self._size.changes * (number + self._chance.random()) / count
        await self._until(lambda: self._told() >= due)

    async def _kill(self) -> None:
        for number in range(self._size.kills):
            await self._moment(number, self._size.kills)
            await asyncio.sleep(self._chance.random() * 0.5)
            self._end()
            self._kills += 1
            starting = asyncio.create_task(asyncio.to_thread(self._start))
            try:
                await asyncio.shield(starting)
            finally:  # also if the test fails meanwhile: it must not be left behind
                self._hub = await starting
            self._proxy.target = self._port()

    async def _cut(self) -> None:
        for number in range(self._size.cuts):
            await self._moment(number, self._size.cuts)
            while True:
                await self._until(lambda: bool(self._proxy.streams()))
                # A frame is longer than that: the cut goes through one.
                if await self._chance.choice(self._proxy.streams()).cut(after=self._chance.randint(1, 150)):
                    break
            self._cuts += 1

    async def _arrived(self) -> list[dict[str, Any]]:
        """The ledger, once everybody was told of all of it."""
        ledger: list[dict[str, Any]] = []
        after = self._subscribers[0].start
        async with asyncio.timeout(ARRIVED):
            while sum(event["kind"] == "STATUS_CHANGED" for event in ledger) < self._moves:
                page = (await asyncio.to_thread(self._hub.ask, LEDGER, after=after))["events"]
                ledger += page["nodes"]
                after = page["pageInfo"]["endCursor"]
                if not page["pageInfo"]["hasNextPage"]:
                    await asyncio.sleep(0.1)
            last = seq(ledger[-1]["cursor"])
            await self._until(lambda: all(seq(str(each.cursor)) >= last for each in self._subscribers))
        return ledger

    def _found(self, ledger: Sequence[Mapping[str, Any]], seconds: float) -> Found:
        self._compare_moves(ledger)
        expected = [event["cursor"] for event in ledger]
        lost = twice = unordered = 0
        for each in self._subscribers:
            end = seq(expected[-1])
            # Time goes on: a clock that fell due may have told more.
            got = [cursor for cursor in each.events if seq(cursor) <= end]
            due = [cursor for cursor in expected if seq(cursor) > seq(each.start)]
            lost += len(set(due) - set(got))
            twice += len(got) - len(set(got))
            unordered += sum(seq(one) > seq(next_) for one, next_ in pairwise(got))
            assert set(got) <= set(due), "somebody was told what is not in the ledger"
        took = [seconds for each in self._subscribers for seconds in each.catching_up()]
        return Found(
            changes=self._moves,
            kills=self._kills,
            cuts=self._cuts,
            events=len(expected),
            lost=lost,
            twice=twice,
            unordered=unordered,
            reconnects=len(took),
            slowest=round(max(took), 2),
            seconds=round(seconds, 1),
        )

    def _compare_moves(self, ledger: Sequence[Mapping[str, Any]]) -> None:
        """Each entry of the agencies' logs is one event, in its order."""
        told: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for event in ledger:
            if event["kind"] == "STATUS_CHANGED":
                told[event["complaint"]["trackingId"]].append((event["fromStatus"], event["toStatus"]))
        assert told == self._moved

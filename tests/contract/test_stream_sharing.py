"""However many subscribe: an event is executed and written once for all who asked the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from gateway.execution.answer import Frame
from gateway.execution.request import GraphQLRequest
from schema.agency import SourceReport, SourceState
from schema.query import PUBLIC
from tests.app.streams import FOLLOW, Streams, by_sse, by_websocket, follow, streaming

HEALTH = "subscription { agencyHealthChanged { id name source { state } } }"
LABELLED = """subscription ($after: String, $in: Language!) {
  complaintEvents(after: $after) { ... on StreamFrame { cursor } ... on ComplaintSubmitted { complaint {
    statusLabel(language: $in) } } }
}"""


def rendered(hub: Streams) -> float:
    value = hub.metrics.registry.get_sample_value("simpul_stream_frames_rendered_total")
    assert value is not None
    return value


@pytest.fixture
async def hub(sqlite_url: str, ledger_at: Any) -> AsyncIterator[Streams]:
    async with ledger_at(sqlite_url) as ledger, streaming(ledger, served=False) as running:
        await ledger.put(*map(ledger.complaint, range(10)))
        yield running


class Subscribers:
    """Many at once, each of whom takes frames as they come.

    Attributes:
        frames: what each was sent.
        pushed: how many of them were handed to each.
    """

    def __init__(self, hub: Streams, *requests: GraphQLRequest) -> None:
        self.frames: list[list[Frame]] = [[] for _ in requests]
        self.pushed = [0 for _ in requests]
        self._hub = hub
        self._news = asyncio.Event()
        self._tasks = [asyncio.create_task(self._take(n, request)) for n, request in enumerate(requests)]

    async def _take(self, n: int, request: GraphQLRequest) -> None:
        def push(frames: Sequence[Frame]) -> bool:
            self.frames[n] += frames
            self.pushed[n] += len(frames)
            self._news.set()
            return True

        operation = self._hub.executor.prepare(request)
        async with aclosing(self._hub.executor.subscribe(operation, PUBLIC, push=push)) as frames:
            async for frame in frames:
                self.frames[n].append(frame)
                self._news.set()

    async def have(self, count: int) -> None:
        """Waits until each has so many frames."""
        async with asyncio.timeout(30):
            while any(len(frames) < count for frames in self.frames):
                self._news.clear()
                await self._news.wait()

    async def together(self, count: int) -> None:
        """Waits until so many are told together. Each first reads up to the end by himself."""
        async with asyncio.timeout(30):
            while self._together() < count:  # noqa: ASYNC110 - nobody else would wait for it
                await asyncio.sleep(0.01)

    def _together(self) -> int:
        groups = self._hub.executor._groups._groups.values()
        return sum(len(each._members) for group in groups for each in group._broadcasts.values())

    async def __aenter__(self) -> Subscribers:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_a_thousand_subscribers_of_one_document_are_one_execution_per_event(hub: Streams) -> None:
    # Another filter or another start is no other frame.
    requests = [
        GraphQLRequest(query=FOLLOW, variables={"filter": {"agencies": ["prov-bali"]}} if n % 2 else None)
        for n in range(1_000)
    ]
    async with Subscribers(hub, *requests) as many:
        await many.have(1)
        await many.together(998)
        before = rendered(hub)
        assert before == 1_000
        await hub.ledger.put(*map(hub.ledger.complaint, range(10, 15)))
        await many.have(6)
        for n in range(15, 20):
            await hub.ledger.put(hub.ledger.complaint(n))
        await many.have(11)
        assert rendered(hub) - before == 10
        assert len({id(frame.body) for frames in many.frames for frame in frames[1:]}) == 10
        assert len({tuple(frame.cursor for frame in frames[1:]) for frames in many.frames}) == 1
        # The first of each filter was alone in the beginning; nobody else was woken.
        assert many.pushed[2:] == [10] * 998
    assert len(hub.executor._groups) == 0


async def test_those_who_come_back_are_sent_what_was_made_already(hub: Streams) -> None:
    async with Subscribers(hub, GraphQLRequest(query=FOLLOW)) as one:
        await one.have(1)
        start = one.frames[0][0].cursor
        await hub.ledger.put(*map(hub.ledger.complaint, range(10, 30)))
        await one.have(21)
        before = rendered(hub)
        returning = [GraphQLRequest(query=FOLLOW, variables={"after": start}) for _ in range(50)]
        async with Subscribers(hub, *returning) as many:
            await many.have(21)
            assert rendered(hub) - before == 50
            assert all(frames[1:] == one.frames[0][1:] for frames in many.frames)


async def test_variables_beneath_the_root_field_make_other_frames(hub: Streams) -> None:
    requests = [GraphQLRequest(query=LABELLED, variables={"in": "ID" if n % 2 else "EN"}) for n in range(10)]
    async with Subscribers(hub, *requests) as many:
        await many.have(1)
        before = rendered(hub)
        await hub.ledger.put(hub.ledger.complaint(10))
        await many.have(2)
        assert rendered(hub) - before == 2
        told = [json.loads(frames[1].body)["data"]["complaintEvents"]["complaint"] for frames in many.frames]
        assert told == [{"statusLabel": "Submitted"}, {"statusLabel": told[1]["statusLabel"]}] * 5
        assert told[1] != told[0]


async def test_a_change_of_health_is_made_once(hub: Streams) -> None:
    async with Subscribers(hub, *[GraphQLRequest(query=HEALTH)] * 50) as many:
        await many.have(1)
        before = rendered(hub)
        await hub.ledger.writer.report(SourceReport(agency="prov-bali", state=SourceState.DOWN, stale=True))
        await hub.watch.look()
        await many.have(2)
        assert rendered(hub) - before == 1
        [body] = {frames[1].body for frames in many.frames}
        assert json.loads(body)["data"]["agencyHealthChanged"]["source"]["state"] == "DOWN"
        hub.closing.set()
        await asyncio.wait_for(asyncio.gather(*many._tasks), 2)


async def test_an_answer_that_waits_behind_a_stream_is_not_mixed_into_it(sqlite_url: str, ledger_at: Any) -> None:
    async with ledger_at(sqlite_url) as ledger, streaming(ledger) as hub, follow(by_sse, hub) as other:
        await other.frame()
        address = urlsplit(hub.address)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        asked = (
            f"GET /graphql?{urlencode({'query': FOLLOW})} HTTP/1.1\r\nhost: hub\r\naccept: text/event-stream\r\n\r\n"
        )
        # It does not wait for the stream's end, which never comes, before it asks again.
        writer.write(f"{asked}GET /metrics HTTP/1.1\r\nhost: hub\r\n\r\n".encode())
        read = await reader.readuntil(b"StreamPosition")
        for n in range(4):
            await ledger.put(ledger.complaint(n))
            read += await asyncio.wait_for(reader.readuntil(f'"B-{n}"'.encode()), 10)
        assert read.count(b"HTTP/1.1") == 1
        assert [frame["complaint"]["trackingId"] for frame in await other.events(4)] == [f"B-{n}" for n in range(4)]
        writer.close()
        await writer.wait_closed()


async def test_over_the_front_door_too(sqlite_url: str, ledger_at: Any) -> None:
    async with ledger_at(sqlite_url) as ledger, streaming(ledger) as hub, AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(follow(by_websocket if n % 4 else by_sse, hub)) for n in range(40)]
        assert {(await stream.frame())["__typename"] for stream in streams} == {"StreamPosition"}
        before = rendered(hub)
        for n in range(5):
            await ledger.put(ledger.complaint(n))
        told = [[frame["complaint"]["trackingId"] for frame in await stream.events(5)] for stream in streams]
        assert told == [[f"B-{n}" for n in range(5)]] * 40
        assert rendered(hub) - before == 5

"""A hub over a ledger, and a small client for each transport that its streams come by."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx2
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gateway.access.credentials import Recognise, nobody
from gateway.access.standing import Standings
from gateway.app import build_app
from gateway.cache.answers import AnswerCache
from gateway.cache.memory import Memory
from gateway.cursor import SealedCursors
from gateway.execution.execute import Executor
from gateway.execution.request import GraphQLRequest
from gateway.health import Health
from gateway.ledger.freshness import open_freshness
from gateway.ledger.reader import LedgerReader
from gateway.origins import Origins
from gateway.server import Server, listen
from gateway.stream.doorbell import Doorbell
from gateway.stream.feed import LedgerFeed
from gateway.stream.watch import Watch
from gateway.telemetry import Metrics
from schema.events import Position
from schema.graph.context import Context
from schema.graph.schema import build
from schema.ports import Snapshot
from schema.query import PUBLIC, Viewer
from tests.conftest import Ledger

CURSORS = SealedCursors(bytes(range(64)))
GRAPH = build()

FOLLOW = """subscription Follow($after: String, $filter: EventFilter) {
  complaintEvents(after: $after, filter: $filter) {
    __typename
    ... on StreamFrame { cursor }
    ... on StreamPosition { recovered gap head }
    ... on ComplaintEvent { kind version complaintId complaint { trackingId title status } agency { name } }
    ... on Lagged { reason retryAfterSeconds }
  }
}"""

#: How a stream ended: by the hub, or cut off so that the client comes again; or its credentials are void.
COMPLETE, CUT, FORBIDDEN = "complete", "cut", "forbidden"


class Streams(NamedTuple):
    """A hub's streams, without and with a server before them.

    Attributes:
        credentials: the header that its clients show; `_replace` gives them some.
    """

    ledger: Ledger
    reader: LedgerReader
    executor: Executor
    closing: asyncio.Event
    metrics: Metrics
    watch: Watch
    server: Server | None
    credentials: dict[str, str] = {}  # noqa: RUF012 - a NamedTuple's default, never changed

    @property
    def address(self) -> str:
        assert self.server is not None
        return f"{self.server.address}/graphql"

    def go_down(self) -> None:
        """As a signal would make it."""
        if self.server is not None:
            self.server.stop()
        self.closing.set()


@asynccontextmanager
async def streaming(
    ledger: Ledger, *, served: bool = True, tick: float = 0.02, recognise: Recognise = nobody
) -> AsyncIterator[Streams]:
    """A hub over an open ledger.

    Args:
        tick: how often it looks who is due a checkpoint, and whose credentials are still good, in seconds.
    """
    reader, doorbell, metrics, closing = LedgerReader(ledger.database), Doorbell(), Metrics(), asyncio.Event()

    async def begin_anew(position: Position) -> None:
        await ledger.writer.renew_epoch("what was told lies beyond its end", position)

    watch = Watch(reader, doorbell, metrics.ledger, begin_anew)
    feed = LedgerFeed(reader, doorbell, watch, closing, tick=tick)
    ledger.writer.on_commit(doorbell.ring)

    def context(viewer: Viewer, snapshot: Snapshot) -> Context:
        return Context(viewer, snapshot, CURSORS, lambda: datetime.now(UTC), feed, begin_anew)

    async def pending() -> list[str]:
        return []

    executor = Executor(GRAPH, reader, context, on_frame=metrics.frame)
    await watch.look()
    if not served:
        yield Streams(ledger, reader, executor, closing, metrics, watch, None)
        return
    freshness = open_freshness(ledger.database)
    app = build_app(
        executor=executor,
        health=Health(reader, watch, pending),
        metrics=metrics,
        origins=Origins(),
        closing=closing,
        background={"watch": watch.run},
        cache=AnswerCache(reader, freshness, Memory(1_000_000)),
        recognise=recognise,
        standings=Standings(recognise, feed.end, lambda: datetime.now(UTC), tick),
    )
    started = asyncio.Event()
    server = Server(app, listen("127.0.0.1", 0), closing, lambda _: started.set(), handle_signals=False)
    serving = asyncio.create_task(server.run_until_stopped())
    await started.wait()
    try:
        yield Streams(ledger, reader, executor, closing, metrics, watch, server)
    finally:
        server.stop()
        await serving
        freshness.close()


#: A stream of results; its last item says how it ended.
Results = AsyncGenerator[Any, None]
Follow = Callable[[Streams, dict[str, Any]], Results]


async def by_executor(hub: Streams, variables: dict[str, Any], document: str = FOLLOW) -> Results:
    """Without a transport."""
    operation = hub.executor.prepare(GraphQLRequest(query=document, variables=variables))
    lagged = False
    async with aclosing(hub.executor.subscribe(operation, PUBLIC)) as frames:
        async for frame in frames:
            lagged = frame.lagged
            yield json.loads(frame.body)
    yield CUT if lagged or hub.closing.is_set() else COMPLETE


async def by_websocket(hub: Streams, variables: dict[str, Any], document: str = FOLLOW) -> Results:
    """graphql-transport-ws."""
    address = hub.address.replace("http", "ws")
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": hub.credentials}))
        await socket.recv()
        payload = {"query": document, "variables": variables}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        try:
            while (message := json.loads(await socket.recv()))["type"] != "complete":
                if message["type"] == "ping":
                    await socket.send('{"type": "pong"}')
                elif message["type"] == "error":
                    yield {"errors": message["payload"]}
                else:
                    yield message["payload"]
            yield COMPLETE
        except ConnectionClosed:
            # These codes clients take as: come again.
            assert socket.close_code in (1012, 1013, 4403)
            yield FORBIDDEN if socket.close_code == 4403 else CUT


async def by_sse(hub: Streams, variables: dict[str, Any], document: str = FOLLOW) -> Results:
    """graphql-sse, distinct connections."""
    async for fields in _events(hub, variables, document):
        if fields.get("event") == "complete":
            yield COMPLETE
            return
        assert fields.get("id") == _cursor(fields["data"])
        yield json.loads(fields["data"])
    yield CUT


async def by_event_source(hub: Streams, variables: dict[str, Any], document: str = FOLLOW) -> Results:
    """An EventSource that comes again: its address is the first one, and Last-Event-ID says where to go on."""
    variables = dict(variables)
    last = variables.pop("after", None)
    headers = {} if last is None else {"last-event-id": last}
    async for fields in _events(hub, variables, document, headers):
        yield json.loads(fields["data"]) if fields.get("event") == "next" else COMPLETE
    yield CUT


async def by_multipart(hub: Streams, variables: dict[str, Any], document: str = FOLLOW) -> Results:
    """As Apollo Client asks for it."""
    headers = {"accept": "multipart/mixed;subscriptionSpec=1.0", **hub.credentials}
    payload = {"query": document, "variables": variables}
    async with _client() as client, client.stream("POST", hub.address, json=payload, headers=headers) as response:
        rest = b""
        async for chunk in response.aiter_raw():
            rest += chunk
            while (end := rest.find(b"\r\n--graphql", 1)) >= 0:
                content, rest = rest[:end].partition(b"\r\n\r\n")[2], rest[end:]
                if content and (result := json.loads(content)):
                    yield result["payload"]
        yield COMPLETE if rest.endswith(b"--graphql--\r\n") else CUT


async def _events(
    hub: Streams, variables: dict[str, Any], document: str, headers: dict[str, str] | None = None
) -> AsyncGenerator[dict[str, str], None]:
    headers = {"accept": "text/event-stream", **hub.credentials, **(headers or {})}
    asked = {"query": document, "variables": json.dumps(variables)}
    async with _client() as client, client.stream("GET", hub.address, params=asked, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, colon, value = line.partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            elif not colon and fields:
                yield fields
                fields = {}


def _cursor(data: str) -> str | None:
    frame = next(iter(json.loads(data)["data"].values()))
    return frame.get("cursor") if isinstance(frame, dict) else None


def _client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(trust_env=False, timeout=10)


TRANSPORTS: dict[str, Follow] = {
    "executor": by_executor,
    "websocket": by_websocket,
    "sse": by_sse,
    "event_source": by_event_source,
    "multipart": by_multipart,
}


class Stream:
    """A stream of complaint events, frame by frame."""

    def __init__(self, results: Results) -> None:
        self._results = results

    async def frame(self) -> dict[str, Any]:
        """The next one."""
        async with asyncio.timeout(10):
            result = await anext(self._results)
        assert isinstance(result, dict), result
        assert "errors" not in result, result
        frame: dict[str, Any] = result["data"]["complaintEvents"]
        return frame

    async def events(self, count: int) -> list[dict[str, Any]]:
        """The next ones."""
        return [await self.frame() for _ in range(count)]

    async def end(self) -> str:
        """How it ended."""
        async with asyncio.timeout(10):
            last: str = await anext(self._results)
        return last


def follow(by: Follow, hub: Streams, **variables: Any) -> AbstractAsyncContextManager[Stream]:
    """A stream with these variables."""
    return _followed(by(hub, variables))


@asynccontextmanager
async def _followed(results: Results) -> AsyncIterator[Stream]:
    async with aclosing(results):
        yield Stream(results)

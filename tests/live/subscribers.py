"""Subscribers that come back: they keep their cursor, and what they were told when."""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx2
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from gateway.cursor import SealedCursors, key_from_secret
from tests.live.proxy import Proxy

#: The test knows it, so it can tell which of two cursors is the later one.
SECRET = "what the cursors of one test are sealed with"
#: Seconds: until a subscriber tries again, and until it must have caught up.
AGAIN, ALLOWED = 0.1, 2.0

FOLLOW = """subscription Follow($after: String) {
  complaintEvents(after: $after) {
    __typename
    ... on StreamFrame { cursor }
    ... on StreamPosition { recovered gap head }
    ... on ComplaintEvent { complaintId version complaint { trackingId status title } }
    ... on StatusChanged { fromStatus toStatus }
  }
}"""

_CURSORS = SealedCursors(key_from_secret(SECRET))
_FAILURES = (OSError, TimeoutError, WebSocketException, InvalidHandshake, httpx2.HTTPError)
_PROTOCOL: Any = "graphql-transport-ws"


def seq(cursor: str) -> int:
    """The event's place in the ledger."""
    return _CURSORS.open_event(cursor).seq


class Connection(NamedTuple):
    """A time that a subscriber was connected.

    Attributes:
        at: when it began, in seconds.
        head: the ledger's newest event by then, as it was told first; None if it was told nothing.
        left: when it ended.
    """

    at: float
    head: str | None
    left: float


class Subscriber(ABC):
    """Follows the ledger through everything that happens to its connection.

    Attributes:
        start: where its stream began; empty until it did.
        events: the cursors it was given.
        times: when each came.
        connections: one after another.
    """

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.start = ""
        self.events: list[str] = []
        self.times: list[float] = []
        self.connections: list[Connection] = []
        self.cursor: str | None = None
        self._connected: float | None = None
        self._head: str | None = None

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                with suppress(*_FAILURES):
                    await self._connect()
                self._disconnected()
                await asyncio.sleep(AGAIN)
        finally:
            self._disconnected()

    @abstractmethod
    async def _connect(self) -> None:
        """One connection, until it ends."""

    def _disconnected(self) -> None:
        if self._connected is not None:
            self.connections.append(Connection(self._connected, self._head, time.monotonic()))
        self._connected = self._head = None

    def _take(self, answer: Mapping[str, Any]) -> str:
        assert "errors" not in answer, answer
        frame = answer["data"]["complaintEvents"]
        cursor: str = frame["cursor"]
        match frame["__typename"]:
            case "StreamPosition":
                assert frame["recovered"], frame
                assert self.cursor in (None, cursor), "it goes on elsewhere"
                self._head = frame["head"]
                self.start = self.start or cursor
            case "Checkpoint" | "Lagged":
                pass
            case _:
                self.events.append(cursor)
                self.times.append(time.monotonic())
        self.cursor = cursor
        return cursor

    def catching_up(self) -> Iterator[float]:
        """Seconds from each reconnect until it had all that was in the ledger by then.

        A connection that was lost again before, within the time allowed, tells nothing.
        """
        seqs = [seq(cursor) for cursor in self.events]
        for back in self.connections[1:]:
            due = bisect_right(seqs, seq(back.head)) if back.head else None
            caught_up = back.left if due is None else max((back.at, *self.times[:due][-1:]))
            if caught_up < back.left or back.left - back.at > ALLOWED:
                yield caught_up - back.at


class SocketSubscriber(Subscriber):
    """graphql-transport-ws."""

    async def _connect(self) -> None:
        address = f"ws://127.0.0.1:{self.proxy.port}/graphql"
        async with connect(
            address, subprotocols=[_PROTOCOL], compression=None, proxy=None, ping_interval=None, open_timeout=10
        ) as socket:
            self._connected = time.monotonic()
            await socket.send('{"type":"connection_init"}')
            assert await socket.recv() == '{"type":"connection_ack"}'
            payload = {"query": FOLLOW, "variables": {"after": self.cursor}}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "ping":
                    await socket.send('{"type":"pong"}')
                    continue
                assert message["type"] == "next", message
                self._take(message["payload"])


class EventSubscriber(Subscriber):
    """Server-sent events, with Last-Event-ID, as a browser's EventSource."""

    async def _connect(self) -> None:
        headers = {"accept": "text/event-stream"}
        if self.cursor is not None:
            headers["last-event-id"] = self.cursor
        address = f"{self.proxy.address}/graphql?{urlencode({'query': FOLLOW})}"
        async with (
            httpx2.AsyncClient(timeout=httpx2.Timeout(10, read=None), trust_env=False) as client,
            client.stream("GET", address, headers=headers) as reply,
        ):
            assert reply.status_code == 200
            self._connected = time.monotonic()
            event: dict[str, str] = {}
            async for line in reply.aiter_lines():
                if line:
                    name, _, value = line.partition(":")
                    event[name] = value.removeprefix(" ")
                elif event.get("event") == "next":
                    assert self._take(json.loads(event["data"])) == event["id"]
                    event = {}
                else:
                    assert "event" not in event, event
                    event = {}


KINDS: tuple[type[Subscriber], ...] = (SocketSubscriber, EventSubscriber)

"""Measured servers of live streams: they publish on order, `COUNT SECONDS` on a line of standard input.

`hub` commits new complaints to a ledger of its own and delivers them as `simpul serve` would; `constant` is the same
server sending the same bytes to every socket each time, GraphQL and ledger left out. Either answers a line with a JSON
list: when each event became public, on the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias

import msgspec
import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.complaints import AGENCIES, complaints
from connectors.secrets import Secrets
from gateway.hub import build_hub, open_agencies, open_ledger
from gateway.ledger.migrate import migrate
from gateway.server import Server, listen
from gateway.settings import load
from gateway.telemetry import Metrics
from schema.events import Change, EventDraft, EventKind, EventOrigin

AGENCY = AGENCIES[1]

#: Lines of standard input; None once it has ended.
Orders: TypeAlias = "SimpleQueue[bytes | None]"
#: Makes so many events public at once, and returns when it did.
Publish: TypeAlias = Callable[[int], Awaitable[float]]
Tell: TypeAlias = Callable[[str], None]


async def serve_hub(orders: Orders, tell: Tell, data: Path, subscribers: int) -> None:
    """A hub with an empty ledger in the folder `data`."""
    settings = load(data_dir=data, host="127.0.0.1", port=0, streams_per_client=subscribers, streams=subscribers)
    await migrate(settings.database)
    closing = asyncio.Event()
    async with open_ledger(settings) as ledger, open_agencies(settings, ledger, Secrets({})) as agencies:
        await ledger.writer.register([AGENCY])
        supply = complaints(AGENCY, 1_000_000_000)
        committed = 0.0

        def note(_: object) -> None:
            nonlocal committed
            committed = time.monotonic()

        ledger.writer.on_commit(note)

        async def publish(count: int) -> float:
            changes = []
            for _ in range(count):
                complaint = msgspec.structs.replace(next(supply), is_confidential=False)
                submitted = EventDraft(
                    kind=EventKind.SUBMITTED,
                    status=complaint.status,
                    occurred_at=complaint.submitted_at,
                    origin=EventOrigin.SYNC,
                )
                changes.append(Change(before=None, after=complaint, events=(submitted,)))
            await ledger.writer.change(AGENCY.id, [str(each.after.native_id) for each in changes], lambda _: changes)
            return committed

        hub = await build_hub(settings, ledger, agencies, Metrics(), closing, None)
        await _serve(hub, closing, orders, tell, publish)


async def serve_constant(orders: Orders, tell: Tell, length: int) -> None:
    """Sends `length` bytes to every socket for each event."""
    app = Constant(length)
    await _serve(app, asyncio.Event(), orders, tell, app.publish)


class Constant:
    """Whoever opened a socket and said anything is sent constant bytes for each event."""

    def __init__(self, length: int) -> None:
        self._frame = '{"type":"next","id":"1","payload":"%s"}' % ("x" * max(0, length - 38))
        self._published = 0
        self._grown = asyncio.Event()

    async def publish(self, count: int) -> float:
        self._published += count
        self._grown.set()
        self._grown = asyncio.Event()
        return time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
            await receive()
            sending = asyncio.create_task(self._send(send))
            while (await receive())["type"] != "websocket.disconnect":
                pass
            sending.cancel()

    async def _send(self, send: Send) -> None:
        # As a hub's first frame: it says that the stream has begun.
        await send({"type": "websocket.send", "text": self._frame})
        sent = self._published
        while True:
            grown = self._grown
            while sent < self._published:
                await send({"type": "websocket.send", "text": self._frame})
                sent += 1
            await grown.wait()


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _serve(app: ASGIApp, closing: asyncio.Event, orders: Orders, tell: Tell, publish: Publish) -> None:
    server = Server(app, listen("127.0.0.1", 0), closing, tell)
    obeying = asyncio.create_task(_obey(orders, tell, publish))
    await server.run_until_stopped()
    orders.put(None)
    await obeying


async def _obey(orders: Orders, tell: Tell, publish: Publish) -> None:
    while (line := await asyncio.to_thread(orders.get)) is not None:
        count, seconds = line.split()
        tell(orjson.dumps(await _published(publish, int(count), float(seconds))).decode())


async def _published(publish: Publish, count: int, seconds: float) -> list[float]:
    """One burst, unless seconds are to lie between two events."""
    if not seconds:
        return [await publish(count)] * count
    times, due = [], time.monotonic()
    for _ in range(count):
        await asyncio.sleep(due - time.monotonic())
        times.append(await publish(1))
        due += seconds
    return times

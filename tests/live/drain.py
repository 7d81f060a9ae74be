"""A hub that is told to stop while streams are open."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from tests.live.demo import END, Running

FOLLOW = "subscription { complaintEvents { __typename ... on StreamFrame { cursor } ... on Lagged { reason } } }"


class Drained(NamedTuple):
    """What became of it.

    Attributes:
        seconds: from SIGTERM until the process was gone.
        code: its exit code.
        bodies: what each stream was sent, to the last byte.
        log: what the hub had to say.
    """

    seconds: float
    code: int
    bodies: list[bytes]
    log: str


async def drained(folder: Path, streams: int) -> Drained:
    """Opens so many event streams to a hub of its own, and sends it SIGTERM."""
    (folder / "agencies").mkdir()
    settings = {
        "SIMPUL_DATA_DIR": str(folder / "data"),
        "SIMPUL_AGENCIES_DIR": str(folder / "agencies"),
        "SIMPUL_PORT": "0",
    }
    hub = Running("serve", "--migrate", log=folder / "serve.log", settings=settings)
    try:
        port = int(hub.address.rpartition(":")[2])
        begun = [asyncio.Event() for _ in range(streams)]
        async with asyncio.TaskGroup() as group:
            reading = [group.create_task(_body(port, each)) for each in begun]
            async with asyncio.timeout(60):
                for each in begun:
                    await each.wait()
            told = time.monotonic()
            hub.process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(hub.process.wait, END)
            seconds = time.monotonic() - told
    finally:
        hub.kill()
    return Drained(seconds, code, [task.result() for task in reading], hub.log.read_text())


async def _body(port: int, begun: asyncio.Event) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    address = f"/graphql?{urlencode({'query': FOLLOW})}"
    writer.write(f"GET {address} HTTP/1.1\r\nhost: hub\r\naccept: text/event-stream\r\n\r\n".encode())
    try:
        body = await reader.readuntil(b"StreamPosition")
        begun.set()
        return body + await reader.read()
    finally:
        writer.close()

"""The server: starts, says where, and stops when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from typing import Any

import pytest

from gateway.server import Server, listen
from schema.errors import ConfigError


async def test_a_signal_ends_it_with_connections_open(front: Any) -> None:
    door = front()
    addresses: asyncio.Queue[str] = asyncio.Queue()
    before = signal.getsignal(signal.SIGTERM)
    server = Server(door.app, listen("127.0.0.1", 0), door.closing, addresses.put_nowait)
    serving = asyncio.create_task(server.run_until_stopped())
    host, _, port = (await addresses.get()).removeprefix("http://").partition(":")
    # A client that has sent half a request, and will never send the rest.
    with socket.create_connection((host, int(port))) as half:
        half.sendall(
            b"POST /graphql HTTP/1.1\r\nhost: hub\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
        )
        await asyncio.sleep(0)
        began = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
    assert door.closing.is_set()
    assert time.monotonic() - began < 5
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_port_that_is_taken_is_told() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"can't listen on 127.0.0.1:{port}"):
            listen("127.0.0.1", port)

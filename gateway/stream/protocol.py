"""uvicorn's WebSocket connections: a short way out for text, and patience that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from gateway.connection import SEND_NOW

#: Bytes that wait in this process for one client before sends begin to block; more wait in the kernel.
HIGH_WATER = 16_384
#: Seconds that a client is given to take the last frames and to answer the close frame.
FAREWELL = 1.0


class SocketProtocol(WebSocketsSansIOProtocol):
    """A connection that its application ends, and that does not outlive it for long."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][SEND_NOW] = {"send_now": self.send_now}

    def send_now(self, texts: Iterable[bytes]) -> bool:
        """Sends text messages. False: they would have to wait, or can't be sent; `send` knows which.

        Most messages need not wait, and a coroutine that waits for nothing costs more than all the rest.
        """
        if self.close_sent or not self.writable.is_set() or self.transport.is_closing():
            return False
        # By one system call, which costs more than all the rest.
        self.transport.write(b"".join([part for text in texts for part in (_head(len(text)), text)]))
        return True

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.send" and self.transport.is_closing():
            # It would swallow everything, and whoever has much to say would keep the loop from noticing.
            raise ClientDisconnected
        await super().send(message)

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            # Who pings and reads nothing would fill the memory with pongs. One for many is enough (RFC 6455, 5.5.3).
            self.conn.data_to_send()

    def shutdown(self) -> None:
        """Nothing: the application closes it, after the last frames, and says why."""

    def on_task_complete(self, task: asyncio.Task[Any]) -> None:
        super().on_task_complete(task)
        # To close it would wait for a client that reads nothing, for ever.
        self.loop.call_later(FAREWELL, self.transport.abort)


def _head(length: int) -> bytes:
    """Of a whole text frame from a server: RFC 6455, 5.2."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big")
    return b"\x81\x7f" + length.to_bytes(8, "big")
